package ekausage_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage"
	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/ekausagetest"
)

func TestBind(t *testing.T) {
	t.Run("every call has what the client is bound to, unless it gives it itself", func(t *testing.T) {
		client, producer := ekausagetest.New(t)
		base := map[string]any{"tier": "gold", "region": "in"}
		bound := client.Bind("w-1", ekausage.WithServiceName("billing"), ekausage.WithRunID("run-1"), ekausage.WithModel("m-1"),
			ekausage.WithMetadata(base))
		own := map[string]any{"region": "us"}
		metric := ekausage.MetricEkascribeTranscriptionMinute
		for _, call := range []func() (string, error){
			func() (string, error) { return bound.Record("", "comms", "sms", 1, "", nil, own) },
			func() (string, error) { return bound.RecordMetric("", metric, 1, ekausage.WithMetadata(own)) },
			func() (string, error) { return bound.RecordUsage(ekausage.Usage{Metric: metric, Metadata: own}) },
			func() (string, error) { return bound.Log("", "comms", "sms", "no", "error", own) },
			func() (string, error) { return bound.Session("", metric, ekausage.WithMetadata(own)).End() },
			func() (string, error) { return bound.SessionStart("", metric, "s", ekausage.WithMetadata(own)) },
			func() (string, error) {
				ids, err := bound.RecordMany([]ekausage.Usage{{Metric: metric, Metadata: own}})
				return fmt.Sprint(ids), err
			},
			func() (string, error) {
				ids, err := bound.RecordAmounts("", []ekausage.MetricAmount{{Metric: metric}}, "e", ekausage.WithMetadata(own))
				return fmt.Sprint(ids), err
			},
		} {
			if _, err := call(); err != nil {
				t.Fatal(err)
			}
		}
		if len(producer.Events()) != 8 {
			t.Fatalf("%d events", len(producer.Events()))
		}
		for i, event := range producer.Events() {
			if event.WorkspaceID != "w-1" || event.ServiceName != "billing" || event.RunID != "run-1" || event.Model != "m-1" {
				t.Errorf("event %d: %+v", i, event)
			}
			if !strings.Contains(event.Metadata, `"region":"us"`) || !strings.Contains(event.Metadata, `"tier":"gold"`) {
				t.Errorf("event %d: %s", i, event.Metadata)
			}
		}
		_, err := bound.RecordUsage(ekausage.Usage{WorkspaceID: "w-2", Metric: metric, ServiceName: "s-2", Model: "m-2"})
		event := producer.Events()[8]
		if err != nil || event.WorkspaceID != "w-2" || event.ServiceName != "s-2" || event.Model != "m-2" || event.RunID != "run-1" {
			t.Errorf("%+v %v", event, err)
		}
		if event.Metadata != `{"region":"in","tier":"gold"}` || len(base) != 2 || len(own) != 1 {
			t.Errorf("%s, %v, %v", event.Metadata, base, own)
		}
	})

	t.Run("it shares all else, and may be bound again", func(t *testing.T) {
		client, producer := ekausagetest.New(t, quiet)
		bound := client.Bind("w", ekausage.WithRunID("r")).Bind("", ekausage.WithStepID("s"), ekausage.WithStatus("error"))
		if _, err := bound.RecordMetric("", ekausage.MetricCommsSMS, 1); err != nil {
			t.Fatal(err)
		}
		event := producer.Events()[0]
		if event.WorkspaceID != "w" || event.RunID != "r" || event.StepID != "s" || event.Status != "ok" || event.ServiceName != "test" {
			t.Errorf("%+v", event)
		}
		if bound.InstanceID() != client.InstanceID() || client.Stats().Accepted != 1 {
			t.Error("it is another client")
		}
		if _, err := bound.Void("", ekausage.MetricCommsSMS, event.EventID, "wrong"); err != nil || producer.Events()[1].RunID != "" {
			t.Error(err, producer.Events()[1].RunID)
		}
		bound.Shutdown()
		if _, err := record(client); !errors.Is(err, ekausage.ErrClosed) {
			t.Error(err)
		}
	})
}

func TestServiceName(t *testing.T) {
	t.Run("one client serves more services than it keeps the constant parts of", func(t *testing.T) {
		client, producer := ekausagetest.New(t)
		for range 2 {
			for i := range 100 {
				service := fmt.Sprintf("service-%d", i)
				if _, err := client.RecordMetric("w", ekausage.MetricCommsSMS, 1, ekausage.WithServiceName(service)); err != nil {
					t.Fatal(err)
				}
			}
		}
		mustRecord(t, client, 1)
		events := producer.Events()
		for i, event := range events[:200] {
			if want := fmt.Sprintf("service-%d", i%100); event.ServiceName != want {
				t.Fatalf("%s, want %s", event.ServiceName, want)
			}
		}
		if events[200].ServiceName != "test" {
			t.Error(events[200].ServiceName)
		}
	})

	t.Run("a name that is blank or too long is rejected", func(t *testing.T) {
		client, _ := ekausagetest.New(t, quiet)
		for _, name := range []string{" ", strings.Repeat("x", 257)} {
			_, err := client.RecordMetric("w", ekausage.MetricCommsSMS, 1, ekausage.WithServiceName(name))
			var invalid *ekausage.ValidationError
			if !errors.As(err, &invalid) || invalid.Code != ekausage.CodeConfigInvalid {
				t.Errorf("%q: %v", name, err)
			}
		}
	})
}
