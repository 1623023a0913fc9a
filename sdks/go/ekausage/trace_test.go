package ekausage_test

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage"
	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/ekausagetest"
)

// metadataMaxBytes is the limit of the schema.
const metadataMaxBytes = 32768

func TestTraceMetadata(t *testing.T) {
	const traceID, spanID = "00000000000000000000000000000abc", "0000000000000def"
	ids := map[string]any{"trace_id": traceID, "span_id": spanID}
	metric := ekausage.MetricEkascribeTranscriptionMinute
	span := ekausage.WithTrace(traceID, spanID)
	metadata := func(producer *ekausagetest.Producer) (all []map[string]any) {
		for _, event := range producer.Events() {
			var one map[string]any
			if err := json.Unmarshal([]byte(event.Metadata), &one); err != nil {
				t.Fatal(err)
			}
			all = append(all, one)
		}
		return all
	}

	t.Run("every call of a client that is bound to a span has its ids", func(t *testing.T) {
		client, producer := ekausagetest.New(t, ekausage.WithTraceMetadata(true))
		bound := client.Bind("w", span)
		given := map[string]any{"a": 1.0}
		_, _ = client.RecordMetric("w", metric, 1, span, ekausage.WithMetadata(given))
		_, _ = bound.RecordMetric("", metric, 1)
		_, _ = bound.Log("", "comms", "sms", "m", "error", nil)
		_, _ = bound.RecordMany([]ekausage.Usage{{Metric: metric}, {Metric: metric, ServiceName: "other"}})
		_, _ = bound.RecordAmounts("", []ekausage.MetricAmount{{Metric: metric}}, "e")
		_, _ = bound.SessionStart("", metric, "s")
		_, _ = bound.Void("", metric, "e", "a mistake")
		_, _ = bound.Session("", metric).End()
		found := metadata(producer)
		if len(found) != 9 || found[0]["a"] != 1.0 || len(given) != 1 {
			t.Fatal(found, given)
		}
		for _, one := range found {
			if one["trace_id"] != traceID || one["span_id"] != spanID {
				t.Error(one)
			}
		}
	})

	t.Run("a caller that gives an id keeps it and gets no other", func(t *testing.T) {
		client, producer := ekausagetest.New(t, ekausage.WithTraceMetadata(true))
		for _, given := range []map[string]any{{"trace_id": "mine"}, {"span_id": nil}} {
			_, _ = client.RecordMetric("w", metric, 1, span, ekausage.WithMetadata(given))
			if all := metadata(producer); !maps.Equal(all[len(all)-1], given) {
				t.Error(all)
			}
		}
	})

	t.Run("there are no ids unless they are asked for and given", func(t *testing.T) {
		client, producer := ekausagetest.New(t)
		_, _ = client.RecordMetric("w", metric, 1, span)
		traced, others := ekausagetest.New(t, ekausage.WithTraceMetadata(true))
		_, _ = traced.RecordMetric("w", metric, 1)
		for _, one := range append(metadata(producer), metadata(others)...) {
			if len(one) != 0 {
				t.Error(one)
			}
		}
	})

	t.Run("they are left out where they would cut the caller's metadata", func(t *testing.T) {
		filter := ekausage.WithBeforeSend(func(given map[string]any) map[string]any { return given })
		own, _ := json.Marshal(ids)
		for _, opts := range [][]ekausage.Option{nil, {filter}} {
			for more, expected := range []int{3, 1} { // keys
				client, producer := ekausagetest.New(t, append(opts, ekausage.WithTraceMetadata(true))...)
				length := metadataMaxBytes - len(`{"k":"",}`) - (len(own) - len(`{}`)) + more
				given := map[string]any{"k": strings.Repeat("x", length)}
				_, err := client.RecordMetric("w", metric, 1, span, ekausage.WithMetadata(given))
				if all := metadata(producer); err != nil || len(all[0]) != expected || all[0]["k"] != given["k"] {
					t.Errorf("%v: %d keys for %d", err, len(all[0]), length)
				}
			}
		}
	})

	t.Run("what is too large anyway is cut", func(t *testing.T) {
		client, producer := ekausagetest.New(t, ekausage.WithTraceMetadata(true),
			ekausage.WithOnError(func(error, map[string]any) {}))
		given := map[string]any{"k": strings.Repeat("x", metadataMaxBytes)}
		_, _ = client.RecordMetric("w", metric, 1, span, ekausage.WithMetadata(given))
		if all := metadata(producer); !maps.Equal(all[0], map[string]any{"_truncated": true}) {
			t.Error(all)
		}
	})

	t.Run("WithBeforeSend sees them and may drop them", func(t *testing.T) {
		client, producer := ekausagetest.New(t, ekausage.WithTraceMetadata(true),
			ekausage.WithBeforeSend(func(given map[string]any) map[string]any {
				delete(given, "span_id")
				return given
			}))
		_, _ = client.RecordMetric("w", metric, 1, span)
		if all := metadata(producer); !maps.Equal(all[0], map[string]any{"trace_id": traceID}) {
			t.Error(all)
		}
	})
}
