package opentelemetry

import (
	"context"

	"go.opentelemetry.io/otel/trace"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage"
)

// WithSpan sets the span that the usage belongs to: the one in ctx, if there is one. It has an effect with the
// setting trace_metadata, by ekausage.WithTraceMetadata or EKA_TRACE_METADATA. Bind gives it to all calls of a
// request:
//
//	usage := client.Bind(workspaceID, opentelemetry.WithSpan(ctx))
func WithSpan(ctx context.Context) ekausage.RecordOption {
	span := trace.SpanContextFromContext(ctx)
	if !span.IsValid() {
		return nil
	}
	return ekausage.WithTrace(span.TraceID().String(), span.SpanID().String())
}
