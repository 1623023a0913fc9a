package ekausage

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/internal/encode"
)

// rejectedFor rejects an event because no event can be accepted at the moment.
func (c *Client) rejectedFor(call *call, code ErrorCode) error {
	hint := ""
	switch code {
	case CodeClientClosed:
	case CodeQueueFull:
		hint = fmt.Sprintf("%d events wait for Kafka, %s", c.ledger.stats().Queued, c.outbox.limit())
	default:
		hint = c.outbox.spoolError()
	}
	return c.rejected(call, newError(encode.Rejection{Code: string(code), Hint: hint}))
}

// rejected counts and reports an event that is not accepted, and returns its error.
func (c *Client) rejected(call *call, returned error) error {
	var err *Error
	errors.As(returned, &err)
	c.ledger.reject(err.Code)
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
	c.report(err, returned, about)
	return returned
}

// degraded reports an event that was accepted with less metadata than was given.
func (c *Client) degraded(lost, eventID string) {
	err := newError(encode.Rejection{Code: string(CodeMetadataDegraded), Hint: lost})
	c.report(err, err, map[string]any{"event_id": eventID})
}

// settled counts the outcome of an accepted event, and reports one that is neither delivered nor
// spilled. It frees the event's place last, so that a flush ends after the last report.
func (c *Client) settled(e event, cause error) {
	switch {
	case cause == nil:
		c.ledger.delivered.Add(1)
	case c.outbox.spill(&e, cause):
		c.ledger.spooled.Add(1)
	default:
		c.ledger.failed.Add(1)
		c.undelivered(e.value, cause)
	}
	if e.onDisk != nil {
		e.onDisk.MarkAcked()
	}
	c.outbox.leave(e.size())
}

func (c *Client) undelivered(value []byte, cause error) {
	code := CodeDeliveryFailed
	if errors.Is(cause, errGivenUp) {
		code = CodeShutdownTimeout
		c.givenUp.Add(1)
	}
	var e UsageEvent
	_ = json.Unmarshal(value, &e) // this client encoded it
	err := causedBy(code, cause)
	c.report(err, err, map[string]any{
		"event_id":     e.EventID,
		"workspace_id": e.WorkspaceID,
		"product":      e.Product,
		"metric_type":  e.MetricType,
		"status":       e.Status,
	})
}

func (c *Client) report(err *Error, returned error, about map[string]any) {
	about["code"] = string(err.Code)
	about["reason"] = err.Reason
	about["field"] = err.Field
	about["topic"] = UsageTopic
	c.reporter.report(err, returned, about)
}
