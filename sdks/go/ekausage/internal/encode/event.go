package encode

import (
	"sync/atomic"
	"time"
)

const (
	// Language is the language of this SDK, as events name it.
	Language = "go"
	// DefaultQuantity is the quantity of an event for which the caller gives none.
	DefaultQuantity = quantityDefault

	// The names and limits around the caller's values, generously.
	eventOverhead = 2 << 10
)

// LargestEvent exceeds the size of any event: each character of an id may take six in JSON, and every
// second byte of metadata may be a quote.
const LargestEvent = 6*(eventIDMaxLength+workspaceIDMaxLength+serviceNameMaxLength+longestHostname) +
	2*metadataMaxBytes + fieldsLargest + eventOverhead

var (
	noCost      = []byte("null")
	noMetadata  = appendEscapedJSON(nil, []byte(metadataDefault))
	oneQuantity = []byte("1")
)

// A Call holds the arguments of one event.
type Call struct {
	WorkspaceID, Product, MetricType, Status string
	// ByMetric is set if Metric stands in place of Product and MetricType.
	ByMetric bool
	// ByUsage is set if the caller could give both of these, or neither.
	ByUsage     bool
	Metric      uint32
	Quantity    float64
	UnitCost    float64
	HasUnitCost bool
	// What is exact replaces the number, unless it is empty.
	ExactQuantity, ExactUnitCost Decimal

	Metadata   map[string]any
	EventID    string
	HasEventID bool
	OccurredAt OccurrenceTime
	// Fields are those that an event may lack, in the order of the table Fields.
	Fields []FieldValue
	// ServiceName replaces the client's, unless it is empty.
	ServiceName string
	// Trace is the span whose ids the metadata has, unless they do not fit.
	Trace Trace
	// Exempt is set if the rules of the metric type do not apply.
	Exempt bool
	// IsVoid is set if the event takes another one back, which no status of a caller does.
	IsVoid bool
	// AnyMetadata is set if the metric type's rules on metadata do not apply.
	AnyMetadata bool
	// IsTimed is set if the unit of the metric type must be one of time.
	IsTimed bool
}

// Config is what all events of one client have in common.
type Config struct {
	ServiceName, Hostname, SDKVersion, CatalogVersion string
	// Now is the clock; nil means the real one.
	Now func() time.Time
	// NewID mints ids; nil means UUIDv7.
	NewID func() string
	// Fields are the client's own that an event may lack, in the order of ClientFields.
	Fields []string
}

// An Encoder checks the calls of one client and writes them as JSON. One look-up validates product,
// metric type and status, and yields what is constant for such an event already encoded; what varies
// is put in between.
type Encoder struct {
	now        func() time.Time
	newID      func() string
	salt       salt
	instanceID string

	constants eventConstants // except those that vary with the metric and the status
	more      []byte         // the client's own fields, after those of every event
	billed    bool           // whether events of a billable status are billed
	parts     partsOfService
	services  services
	instant   atomic.Pointer[instant]
}

// instant is a millisecond and its text in an event.
type instant struct {
	milliseconds int64
	text         string
}

// A CheckedCall is a call as JSON, except for its sequence number. It uses the memory of a Scratch.
type CheckedCall struct {
	EventID string
	// Lost describes the metadata that could not be kept; empty means none.
	Lost string
	// Combination is that of its metric and status.
	Combination int
	// At is when the event was accepted, by the real clock.
	At time.Time

	values eventValues
	parts  *eventParts
}

// Size returns at least the length of what Append appends.
func (c *CheckedCall) Size() int { return c.parts.size(&c.values) }

// Append appends the event as JSON.
func (c *CheckedCall) Append(b []byte, seq uint64) []byte {
	c.values.seq = seq
	return c.parts.append(b, &c.values)
}

// NewEncoder returns the encoder of a client with a new instance id.
func NewEncoder(config *Config) *Encoder {
	e := &Encoder{now: config.Now, newID: config.NewID, salt: newSalt()}
	if e.newID != nil {
		e.instanceID = e.newID()
	} else {
		e.instanceID = newUUID(time.Now().UnixMilli(), e.salt)
	}
	e.constants = eventConstants{
		serviceName:    escaped(config.ServiceName),
		sdkLanguage:    Language,
		sdkVersion:     escaped(config.SDKVersion),
		hostname:       escaped(config.Hostname),
		catalogVersion: escaped(config.CatalogVersion),
		instanceID:     escaped(e.instanceID),
	}
	e.more, e.billed = clientFields(config.Fields)
	e.instant.Store(&instant{milliseconds: -1})
	return e
}

// InstanceID identifies the client.
func (e *Encoder) InstanceID() string { return e.instanceID }

// Encode checks a call, argument by argument in the order of Record. at is now, by the real clock.
func (e *Encoder) Encode(s *Scratch, c *Call, at time.Time) (checked CheckedCall, rejection *Rejection) {
	v := &checked.values
	checked.At = at
	if v.workspaceID, rejection = checkWorkspaceID(c.WorkspaceID); rejection != nil {
		return checked, rejection
	}
	metric, rejection := checkMetric(c)
	if rejection != nil {
		return checked, rejection
	}
	if c.IsTimed {
		if rejection = checkTimed(metric); rejection != nil {
			return checked, rejection
		}
	}
	status := statusVoid
	if !c.IsVoid {
		if status, rejection = checkStatus(c.Status); rejection != nil {
			return checked, rejection
		}
	}
	row := RowOf(uint32(metric))
	pii := row.pii // of what the SDK itself records too
	if c.Exempt {
		row = &Metrics[0]
	}
	if v.quantity = oneQuantity; !oneIsValid || c.Quantity != 1 || c.ExactQuantity != "" || row.quantity != nil {
		rule := quantityRuleOf(row.quantity)
		if v.quantity, rejection = rule.appendAmount(s.quantity[:0], c.Quantity, c.ExactQuantity); rejection != nil {
			return checked, rejection
		}
	}
	v.unitCost = noCost
	if c.HasUnitCost {
		v.unitCost, rejection = unitCostRule.appendAmount(s.unitCost[:0], c.UnitCost, c.ExactUnitCost)
		if rejection != nil {
			return checked, rejection
		}
	}
	v.metadata = noMetadata
	keys := row.metadata
	if c.AnyMetadata {
		keys = nil
	}
	if c.Metadata != nil || keys != nil {
		v.metadata, checked.Lost, rejection = s.metadata.write(c.Metadata, keys, pii, c.Trace)
		if rejection != nil {
			return checked, rejection
		}
	}
	now, rejection := e.identify(s, c, &checked)
	if rejection != nil {
		return checked, rejection
	}
	v.more = e.more
	if len(c.Fields) > 0 {
		if v.more, rejection = s.appendFields(append(s.fields[:0], e.more...), c, now); rejection != nil {
			return checked, rejection
		}
		s.fields = v.more
	}
	if row.fields != nil {
		if rejection = checkFieldRules(row, c); rejection != nil {
			return checked, rejection
		}
	}
	checked.Combination = combinationOf(metric, status)
	checked.parts, rejection = e.partsOf(c.ServiceName, metric, status)
	return checked, rejection
}

// identify gives the event its id and its times, and returns when that was, in milliseconds since 1970.
func (e *Encoder) identify(s *Scratch, c *Call, checked *CheckedCall) (now int64, rejection *Rejection) {
	v := &checked.values
	given := c.HasEventID
	if checked.EventID = c.EventID; !given && e.newID != nil {
		checked.EventID, given = e.newID(), true
	}
	if given {
		if v.eventID, rejection = checkEventID(checked.EventID); rejection != nil {
			return 0, rejection
		}
	}
	now = checked.At.UnixMilli()
	if e.now != nil {
		now = e.now().UnixMilli()
	}
	v.ts = e.textOf(now)
	v.occurredAt = v.ts
	if c.OccurredAt.Given {
		milliseconds, rejection := checkTime(&c.OccurredAt, now)
		if rejection != nil {
			return 0, rejection
		}
		v.occurredAt = formatTime(milliseconds)
	}
	if !given {
		checked.EventID = s.mint(now, e.salt)
		v.eventID = checked.EventID
	}
	return now, nil
}

func (e *Encoder) textOf(milliseconds int64) string {
	last := e.instant.Load()
	if last.milliseconds != milliseconds {
		last = &instant{milliseconds, formatTime(milliseconds)}
		e.instant.Store(last)
	}
	return last.text
}

func flag(set bool) int {
	if set {
		return 1
	}
	return 0
}

// NewEventID returns a new id.
func (e *Encoder) NewEventID() string {
	if e.newID != nil {
		return e.newID()
	}
	now := time.Now()
	if e.now != nil {
		now = e.now()
	}
	return newUUID(now.UnixMilli(), e.salt)
}
