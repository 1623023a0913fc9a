package encode

import "maps"

// The keys of metadata that name a span, as OpenTelemetry names them outside of its own protocol.
const (
	traceIDKey = "trace_id"
	spanIDKey  = "span_id"
)

// Trace names a span; the zero value names none.
type Trace struct {
	TraceID, SpanID string
}

// AddTrace adds the call's span to its metadata, which it copies, or clears it if the caller gave either id:
// those of two spans would name neither.
func (c *Call) AddTrace() {
	_, hasTrace := c.Metadata[traceIDKey]
	_, hasSpan := c.Metadata[spanIDKey]
	if hasTrace || hasSpan || len(c.Metadata) > metadataMaxBytes/shortestMember {
		c.Trace = Trace{}
		return
	}
	whole := make(map[string]any, len(c.Metadata)+2)
	maps.Copy(whole, c.Metadata)
	whole[traceIDKey], whole[spanIDKey] = c.Trace.TraceID, c.Trace.SpanID
	c.Metadata = whole
}

// without returns metadata without the ids that AddTrace added, as far as they are still there.
func (t Trace) without(metadata map[string]any) map[string]any {
	rest := maps.Clone(metadata)
	for key, added := range map[string]string{traceIDKey: t.TraceID, spanIDKey: t.SpanID} {
		if text, ok := rest[key].(string); ok && text == added {
			delete(rest, key)
		}
	}
	return rest
}
