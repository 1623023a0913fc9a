package ekausage_test

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage"
	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/ekausagetest"
)

func TestBeforeSend(t *testing.T) {
	t.Run("it drops and replaces keys of every event, and leaves the caller's map as it is", func(t *testing.T) {
		client, producer := ekausagetest.New(t, ekausage.WithBeforeSend(func(metadata map[string]any) map[string]any {
			delete(metadata, "email")
			if name, ok := metadata["name"].(string); ok {
				metadata["name"] = fmt.Sprintf("%.4x", sha256.Sum256([]byte(name)))
			}
			metadata["trace"] = "t-1"
			return metadata
		}))
		given := map[string]any{"name": "Asha", "email": "asha@example.com"}
		metric := ekausage.MetricEkascribeTranscriptionMinute
		for _, call := range []func() (string, error){
			func() (string, error) { return client.RecordMetric("w", metric, 1, ekausage.WithMetadata(given)) },
			func() (string, error) { return client.Log("w", "comms", "sms", "m", "error", given) },
			func() (string, error) { return client.SessionStart("w", metric, "s", ekausage.WithMetadata(given)) },
			func() (string, error) {
				ids, err := client.RecordMany([]ekausage.Usage{{WorkspaceID: "w", Metric: metric, Metadata: given}})
				return fmt.Sprint(ids), err
			},
		} {
			if _, err := call(); err != nil {
				t.Fatal(err)
			}
		}
		for _, event := range producer.Events() {
			if strings.Contains(event.Metadata, "sha@") || !strings.Contains(event.Metadata, `"name":"`) ||
				strings.Contains(event.Metadata, "Asha") || !strings.Contains(event.Metadata, `"trace":"t-1"`) {
				t.Error(event.Metadata)
			}
		}
		if !maps.Equal(given, map[string]any{"name": "Asha", "email": "asha@example.com"}) {
			t.Error(given)
		}
		if _, err := record(client); err != nil || producer.Events()[4].Metadata != `{"trace":"t-1"}` {
			t.Error(err, producer.Events()[4].Metadata)
		}
	})

	t.Run("if it panics the event is recorded without its metadata, which is reported and never shown", func(t *testing.T) {
		var messages []string
		client, producer := ekausagetest.New(t,
			ekausage.WithBeforeSend(func(metadata map[string]any) map[string]any { panic(metadata["name"]) }),
			ekausage.WithOnError(func(err error, context map[string]any) {
				messages = append(messages, fmt.Sprint(err, context))
			}))
		given := map[string]any{"name": "Asha"}
		if _, err := client.RecordMetric("w", ekausage.MetricCommsSMS, 1, ekausage.WithMetadata(given)); err != nil {
			t.Fatal(err)
		}
		usage := ekausage.Usage{WorkspaceID: "w", Metric: ekausage.MetricCommsSMS, Metadata: given}
		if _, err := client.RecordMany([]ekausage.Usage{usage, usage}); err != nil {
			t.Fatal(err)
		}
		for _, event := range producer.Events() {
			if event.Metadata != `{"_before_send_failed":true}` {
				t.Error(event.Metadata)
			}
		}
		if all := strings.Join(messages, "\n"); len(messages) != 3 || strings.Contains(all, "Asha") ||
			!strings.Contains(all, string(ekausage.CodeMetadataDegraded)) {
			t.Error(all)
		}
	})

	t.Run("nil metadata is none", func(t *testing.T) {
		client, producer := ekausagetest.New(t, ekausage.WithBeforeSend(func(map[string]any) map[string]any { return nil }))
		if _, err := client.RecordMetric("w", ekausage.MetricCommsSMS, 1, ekausage.WithMetadata(map[string]any{"k": 1})); err != nil {
			t.Fatal(err)
		}
		if got := producer.Events()[0].Metadata; got != "{}" {
			t.Error(got)
		}
	})
}
