package ekausage

import "time"

// A RecordOption says something about one event beyond the arguments of Record or RecordMetric.
type RecordOption func(*call)

// WithStatus says how the work ended: one of the catalog's statuses. It is DefaultStatus where
// nothing else is said, and overrides the argument of Record.
func WithStatus(status string) RecordOption {
	return func(c *call) { c.status = status }
}

// WithUnitCost says what one unit cost; without it the cost is unknown.
func WithUnitCost(cost float64) RecordOption {
	return func(c *call) { c.unitCost = &cost }
}

// WithMetadata gives further details; what JSON cannot say becomes a string, and more than 32 KiB is
// cut, which the error handler hears as metadata.degraded.
func WithMetadata(metadata map[string]any) RecordOption {
	return func(c *call) { c.metadata = metadata }
}

// WithEventID gives an idempotency key: two events of one id count once. Without it the client mints
// a UUIDv7.
func WithEventID(id string) RecordOption {
	return func(c *call) { c.eventID, c.hasEventID = id, true }
}

// WithOccurredAt says when the usage happened, at most 5 minutes ahead and 35 days behind; without
// it, now.
func WithOccurredAt(at time.Time) RecordOption {
	return func(c *call) { c.occurredAt = occurrence{given: true, at: at} }
}

// WithOccurredAtText is WithOccurredAt for a time in RFC 3339, with its offset from UTC.
func WithOccurredAtText(text string) RecordOption {
	return func(c *call) { c.occurredAt = occurrence{given: true, isText: true, text: text} }
}

// call holds the arguments of one Record.
type call struct {
	workspaceID, product, metricType, status string
	byMetric                                 bool // in place of product and metricType
	metric                                   Metric
	quantity                                 float64
	unitCost                                 *float64
	metadata                                 map[string]any
	eventID                                  string
	hasEventID                               bool
	occurredAt                               occurrence
}

// occurrence is a time as the caller gave it.
type occurrence struct {
	given, isText bool
	at            time.Time
	text          string
}

func (o *occurrence) milliseconds() (int64, bool) {
	if o.isText {
		return parseTime(o.text)
	}
	return o.at.UnixMilli(), true
}

func (o *occurrence) shown() string {
	if o.isText {
		return shown(o.text)
	}
	return o.at.Format(time.RFC3339Nano)
}
