package opentelemetry_test

import (
	"context"
	"testing"

	"go.opentelemetry.io/otel/trace"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage"
	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/ekausagetest"
	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/opentelemetry"
)

func TestWithSpan(t *testing.T) {
	client, producer := ekausagetest.New(t, ekausage.WithTraceMetadata(true))
	span := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{15: 0xab}, SpanID: trace.SpanID{7: 0xcd}})
	for _, ctx := range []context.Context{
		trace.ContextWithSpanContext(context.Background(), span), context.Background(),
	} {
		if _, err := client.RecordMetric("w", ekausage.MetricCommsSMS, 1, opentelemetry.WithSpan(ctx)); err != nil {
			t.Fatal(err)
		}
	}
	expected := []string{
		`{"span_id":"00000000000000cd","trace_id":"000000000000000000000000000000ab"}`, `{}`,
	}
	for at, event := range producer.Events() {
		if event.Metadata != expected[at] {
			t.Error(event.Metadata)
		}
	}
}
