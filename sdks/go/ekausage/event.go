package ekausage

import (
	"strconv"
	"sync/atomic"
	"time"
)

// sdkLanguage is what events say of the language that they come from.
const sdkLanguage = "go"

var (
	noCost      = []byte("null")
	noMetadata  = appendEscapedJSON(nil, []byte(metadataDefault))
	oneQuantity = []byte("1")
)

// eventEncoder checks the calls of one client instance and writes them as JSON. One look-up is the
// validation of product, metric type and status, and yields what is constant for such an event
// already encoded; what varies is put in between.
type eventEncoder struct {
	clock      func() time.Time // nil: the real one
	newID      func() string    // nil: UUIDv7
	instanceID string

	constants eventConstants // but for what varies with the metric and the status
	parts     [len(metricTable) * len(statusTable)]atomic.Pointer[eventParts]
	instant   atomic.Pointer[instant]
}

// instant is a millisecond as it stands in an event.
type instant struct {
	milliseconds int64
	text         string
}

// checkedCall is a call as JSON, but for its number.
type checkedCall struct {
	values  eventValues
	parts   *eventParts
	eventID string
	lost    string    // of the metadata
	at      time.Time // by the real clock
}

func newEventEncoder(
	serviceName, hostname string, clock func() time.Time, newID func() string,
) *eventEncoder {
	e := &eventEncoder{clock: clock, newID: newID}
	if newID != nil {
		e.instanceID = newID()
	} else {
		e.instanceID = newUUID(time.Now().UnixMilli())
	}
	e.constants = eventConstants{
		serviceName:    escaped(serviceName),
		sdkLanguage:    sdkLanguage,
		sdkVersion:     escaped(SDKVersion),
		hostname:       escaped(hostname),
		catalogVersion: escaped(CatalogVersion),
		instanceID:     escaped(e.instanceID),
	}
	e.instant.Store(&instant{milliseconds: -1})
	return e
}

// encode checks a call, argument by argument in the order of Record. The result uses memory of s.
func (e *eventEncoder) encode(s *scratch, c *call) (checkedCall, error) {
	var made checkedCall
	v := &made.values
	var err error
	if v.workspaceID, err = checkWorkspaceID(c.workspaceID); err != nil {
		return made, err
	}
	metric, status, err := checkCombination(c)
	if err != nil {
		return made, err
	}
	row := &metricTable[metric]
	if err := checkQuantity(c.quantity, row.quantity); err != nil {
		return made, err
	}
	if v.quantity = oneQuantity; c.quantity != 1 {
		v.quantity = appendNumber(s.quantity[:0], c.quantity)
	}
	v.unitCost = noCost
	if c.unitCost != nil {
		if err := checkUnitCost(*c.unitCost); err != nil {
			return made, err
		}
		v.unitCost = appendNumber(s.unitCost[:0], *c.unitCost)
	}
	v.metadata = noMetadata
	if c.metadata != nil || row.metadata != nil {
		if v.metadata, made.lost, err = s.metadata.write(c.metadata, row.metadata); err != nil {
			return made, err
		}
	}
	if err := e.identify(s, c, &made); err != nil {
		return made, err
	}
	made.parts = e.partsOf(metric, status)
	return made, nil
}

func checkCombination(c *call) (metric Metric, status int, err error) {
	if c.byMetric {
		metric, err = c.metric, checkMetric(c.metric)
	} else {
		metric, err = checkNames(c.product, c.metricType)
	}
	if err == nil {
		status, err = checkStatus(c.status)
	}
	return metric, status, err
}

// identify gives the event its id and its times.
func (e *eventEncoder) identify(s *scratch, c *call, made *checkedCall) error {
	v := &made.values
	given := c.hasEventID
	if made.eventID = c.eventID; !given && e.newID != nil {
		made.eventID, given = e.newID(), true
	}
	if given {
		var err error
		if v.eventID, err = checkEventID(made.eventID); err != nil {
			return err
		}
	}
	made.at = time.Now()
	now := made.at.UnixMilli()
	if e.clock != nil {
		now = e.clock().UnixMilli()
	}
	v.ts = e.textOf(now)
	v.occurredAt = v.ts
	if c.occurredAt.given {
		milliseconds, err := checkTime(c.occurredAt, now)
		if err != nil {
			return err
		}
		v.occurredAt = formatTime(milliseconds)
	}
	if !given {
		made.eventID = s.mint(now)
		v.eventID = made.eventID
	}
	return nil
}

func (e *eventEncoder) textOf(milliseconds int64) string {
	known := e.instant.Load()
	if known.milliseconds != milliseconds {
		known = &instant{milliseconds, formatTime(milliseconds)}
		e.instant.Store(known)
	}
	return known.text
}

// partsOf is what is constant for events of a metric and a status, made when first asked.
func (e *eventEncoder) partsOf(metric Metric, status int) *eventParts {
	place := &e.parts[int(metric)*len(statusTable)+status]
	if known := place.Load(); known != nil {
		return known
	}
	constants := e.constants
	constants.product = escaped(metric.Product())
	constants.metricType = escaped(metric.MetricType())
	constants.status = escaped(statusTable[status].name)
	constants.isBillable = strconv.Itoa(flag(statusTable[status].billable))
	made := constants.encode()
	place.Store(made)
	return made
}

func flag(set bool) int {
	if set {
		return 1
	}
	return 0
}
