package main

import (
	"context"

	"go.opentelemetry.io/otel/trace"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/opentelemetry"
)

// span binds the client to a span, as a handler of requests does.
func (d *driver) span(traceID, spanID string) (response, error) {
	parent, err := trace.TraceIDFromHex(traceID)
	if err != nil {
		return nil, err
	}
	own, err := trace.SpanIDFromHex(spanID)
	if err != nil {
		return nil, err
	}
	span := trace.NewSpanContext(trace.SpanContextConfig{TraceID: parent, SpanID: own})
	ctx := trace.ContextWithSpanContext(context.Background(), span)
	d.client = d.client.Bind("", opentelemetry.WithSpan(ctx))
	return response{}, nil
}
