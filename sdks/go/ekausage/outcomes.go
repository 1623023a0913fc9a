package ekausage

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// refused says that no event can be accepted at the moment.
func (c *Client) refused(call *call, code ErrorCode) error {
	if code == CodeClientClosed {
		return c.rejected(call, newError(code, words{}))
	}
	hint := fmt.Sprintf("%d events wait for Kafka, %s", c.books.stats().Queued, c.outbox.limit())
	if code != CodeQueueFull {
		hint = c.outbox.trouble()
	}
	return c.rejected(call, newError(code, words{hint: hint}))
}

// rejected counts and reports an event that was not accepted, and returns its error.
func (c *Client) rejected(call *call, said error) error {
	var err *Error
	errors.As(said, &err)
	c.books.reject(err.Code)
	about := map[string]any{
		"workspace_id": call.workspaceID,
		"product":      call.product,
		"metric_type":  call.metricType,
		"status":       call.status,
	}
	if call.byMetric {
		about["product"], about["metric_type"] = call.metric.Product(), call.metric.MetricType()
	}
	if call.hasEventID {
		about["event_id"] = call.eventID
	}
	c.report(err, said, about)
	return said
}

// degraded reports an event that was accepted with less metadata than was given.
func (c *Client) degraded(lost, eventID string) {
	err := newError(CodeMetadataDegraded, words{hint: lost})
	c.report(err, err, map[string]any{"event_id": eventID})
}

// settled counts what became of an accepted event, and reports one that is neither delivered nor
// left to the disk. Its place is free only then, so that a flush ends after the last report.
func (c *Client) settled(e event, cause error) {
	switch {
	case cause == nil:
		c.books.delivered.Add(1)
	case c.outbox.spill(&e, cause):
		c.books.spooled.Add(1)
	default:
		c.books.failed.Add(1)
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
	_ = json.Unmarshal(value, &e) // it is our own
	err := causedBy(code, cause, cause.Error())
	c.report(err, err, map[string]any{
		"event_id":     e.EventID,
		"workspace_id": e.WorkspaceID,
		"product":      e.Product,
		"metric_type":  e.MetricType,
		"status":       e.Status,
	})
}

func (c *Client) report(err *Error, said error, about map[string]any) {
	about["code"] = string(err.Code)
	about["reason"] = err.Reason
	about["field"] = err.Field
	about["topic"] = UsageTopic
	c.reporter.report(err, said, about)
}

func knownLevel(level string) string {
	if slices.Contains(logLevels[:], level) {
		return level
	}
	return DefaultLogLevel
}

// logMetadata adds a level and a message to what the caller gave. What is too large anyway is not
// copied.
func logMetadata(metadata map[string]any, level, message string) map[string]any {
	if len(metadata) > metadataMaxBytes/shortestMember {
		return metadata
	}
	whole := maps.Clone(metadata)
	if whole == nil {
		whole = map[string]any{}
	}
	whole[logLevelKey], whole[logMessageKey] = level, message
	return whole
}
