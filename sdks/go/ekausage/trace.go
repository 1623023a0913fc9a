package ekausage

import "github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/internal/encode"

// WithTrace sets the span that the usage belongs to, by its ids as OpenTelemetry writes them: 32 and 16
// hexadecimal digits. With WithTraceMetadata they become the keys trace_id and span_id of the event's metadata,
// unless it has either or they would not fit. Package opentelemetry has the option WithSpan, which takes them
// from a context; Bind gives them to all calls of a request.
func WithTrace(traceID, spanID string) RecordOption {
	return func(c *call) { c.Trace = encode.Trace{TraceID: traceID, SpanID: spanID} }
}

// addTrace adds the span of a call to its metadata.
func (i *instance) addTrace(call *call) {
	if !i.traces {
		call.Trace = encode.Trace{}
	}
	if call.Trace != (encode.Trace{}) {
		call.AddTrace()
	}
}
