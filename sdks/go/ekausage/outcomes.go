package ekausage

import (
	"encoding/json"
	"errors"
	"sync/atomic"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/internal/encode"
)

// outcomes counts and reports what becomes of one client's events.
type outcomes struct {
	ledger   ledger
	counts   atomic.Pointer[eventCounts] // nil: nobody has asked for them
	reporter reporter
	givenUp  atomic.Int64
}

// countRejected counts an event that is not accepted, and returns its error.
func (o *outcomes) countRejected(call *call, returned error) error {
	o.ledger.reject(errorOf(returned).Code, 1)
	if counts := o.counts.Load(); counts != nil {
		counts.reject(call)
	}
	return returned
}

// reportRejected reports an event that is not accepted, and was counted.
func (o *outcomes) reportRejected(call *call, returned error) {
	o.report(errorOf(returned), returned, aboutCall(call), false)
}

// rejected counts and reports an event that is not accepted, and returns its error.
func (o *outcomes) rejected(call *call, returned error) error {
	o.reportRejected(call, o.countRejected(call, returned))
	return returned
}

// rejectedAll counts the events of a batch that is not accepted, reports them once, and returns the error. The
// call is that of the first invalid event, which has a place in the batch; nil and -1 if it is not about one.
func (o *outcomes) rejectedAll(batch *given, call *call, index int, returned error) error {
	err := errorOf(returned)
	o.ledger.reject(err.Code, batch.events)
	if counts := o.counts.Load(); counts != nil {
		for at := range batch.events {
			call := batch.each(at)
			counts.reject(&call)
		}
	}
	about := aboutCall(call)
	if index >= 0 && batch.events > 1 {
		about["index"] = index
	}
	o.report(err, returned, about, false)
	return returned
}

func errorOf(returned error) (err *Error) {
	errors.As(returned, &err)
	return err
}

// aboutCall returns what is known of an event that is not accepted.
func aboutCall(call *call) map[string]any {
	if call == nil {
		return map[string]any{}
	}
	about := map[string]any{
		"workspace_id": call.WorkspaceID,
		"product":      call.Product,
		"metric_type":  call.MetricType,
		"status":       call.Status,
	}
	if call.ByMetric {
		metric := Metric(call.Metric)
		about["product"], about["metric_type"] = metric.Product(), metric.MetricType()
	}
	if call.HasEventID {
		about["event_id"] = call.EventID
	}
	return about
}

// degraded reports an event that was accepted with less metadata than was given.
func (o *outcomes) degraded(lost, eventID string) {
	err := newError(encode.Rejection{Code: string(CodeMetadataDegraded), Hint: lost})
	o.report(err, err, map[string]any{"event_id": eventID}, false)
}

// undelivered reports an event that is neither delivered nor spilled, and counts one of the client's own.
func (o *outcomes) undelivered(value []byte, cause error, own bool) {
	code := CodeDeliveryFailed
	if errors.Is(cause, errGivenUp) {
		code = CodeShutdownTimeout
		o.givenUp.Add(1)
	}
	var e UsageEvent
	_ = json.Unmarshal(value, &e) // this client encoded it
	if counts := o.counts.Load(); own && counts != nil {
		counts.fail(&e)
	}
	err := causedBy(code, cause)
	o.report(err, err, map[string]any{
		"event_id":     e.EventID,
		"workspace_id": e.WorkspaceID,
		"product":      e.Product,
		"metric_type":  e.MetricType,
		"status":       e.Status,
	}, true)
}

// report passes an error to the handler; settling reports that its event is settled only afterwards.
func (o *outcomes) report(err *Error, returned error, about map[string]any, settling bool) {
	about["code"] = string(err.Code)
	about["reason"] = err.Reason
	about["field"] = err.Field
	about["topic"] = UsageTopic
	o.reporter.report(err, returned, about, settling)
}
