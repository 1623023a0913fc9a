package ekausage

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"time"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/internal/encode"
)

const longestWorkspaceID, longestEventID = 256, 128

var eventTypeForm = regexp.MustCompile(`^[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)+$`)

// UsageEventInput is one event for a UsageClient: a Usage, or one whose event type is known at run time only.
type UsageEventInput struct {
	Usage
	// EventType is "product.metric_type" or an alias, in place of Metric, Product and MetricType.
	EventType string
	// Origin is the service that reports the usage; if it is given, it must be that of the client.
	Origin string
}

// encodeInputs returns the body of a request, in which each event has an id, so that it may be repeated.
func encodeInputs(events []UsageEventInput, origin string, single bool) ([]byte, error) {
	if len(events) < 1 || len(events) > encode.BatchMaxEvents {
		text := fmt.Sprintf("expected 1 to %d events, got %d", encode.BatchMaxEvents, len(events))
		return nil, localUsageError(usageProblem{"events", text, -1})
	}
	var problems []usageProblem
	documents := make([]map[string]any, len(events))
	for i := range events {
		if field, text := events[i].problem(origin); field != "" {
			index := i
			if single {
				index = -1
			}
			problems = append(problems, usageProblem{field, text, index})
			continue
		}
		documents[i] = events[i].document(origin)
	}
	if problems != nil {
		return nil, localUsageError(problems...)
	}
	var body []byte
	var err error
	if single {
		body, err = json.Marshal(documents[0])
	} else {
		body, err = json.Marshal(documents)
	}
	if err != nil {
		return nil, localUsageError(usageProblem{"events", "JSON cannot represent it: " + err.Error(), -1})
	}
	return body, nil
}

// problem returns the first field that is invalid, and why.
func (u *UsageEventInput) problem(origin string) (field, text string) {
	for _, given := range []struct{ name, value string }{{"Origin", u.Origin}, {"ServiceName", u.ServiceName}} {
		if given.value != "" && given.value != origin {
			return given.name, fmt.Sprintf("expected the client's own, %q, got %q", origin, given.value)
		}
	}
	if !encode.IsText(u.WorkspaceID, 1, longestWorkspaceID) {
		return "WorkspaceID", notText(u.WorkspaceID, longestWorkspaceID)
	}
	if field, text := u.nameProblem(); field != "" {
		return field, text
	}
	if u.EventID != "" && !encode.IsText(u.EventID, 1, longestEventID) {
		return "EventID", notText(u.EventID, longestEventID)
	}
	if q := u.Quantity; q.given && (q.exact == "" && (math.IsNaN(q.value) || math.IsInf(q.value, 0)) || q.text() == "") {
		return "Quantity", "expected a finite number, got " + encode.DescribeValue(q.kept())
	}
	return "", ""
}

func (u *UsageEventInput) nameProblem() (field, text string) {
	named := u.Metric != 0 || u.Product != "" || u.MetricType != ""
	switch {
	case u.EventType == "" && u.Metric == 0 && u.Product == "":
		return "Product", "expected a name, got nothing"
	case u.EventType == "" && u.Metric == 0 && u.MetricType == "":
		return "MetricType", "expected a name, got nothing"
	case u.EventType != "" && named:
		return "EventType", "expected either EventType, or Metric, or Product and MetricType"
	case u.EventType != "" && !eventTypeForm.MatchString(u.EventType):
		return "EventType", "expected {entity}.{action}, got " + encode.DescribeValue(u.EventType)
	}
	return "", ""
}

func notText(given string, longest int) string {
	return fmt.Sprintf("expected a non-blank string of 1 to %d characters, got %s", longest, encode.DescribeValue(given))
}

// document returns the event as the API takes it.
func (u *UsageEventInput) document(origin string) map[string]any {
	d := map[string]any{"origin": origin, "workspace_id": u.WorkspaceID, "event_id": u.EventID}
	if u.EventID == "" {
		d["event_id"] = encode.NewID()
	}
	switch {
	case u.EventType != "":
		d["event_type"] = u.EventType
	case u.Metric != 0:
		d["product"], d["metric_type"] = u.Metric.Product(), u.Metric.MetricType()
	default:
		d["product"], d["metric_type"] = u.Product, u.MetricType
	}
	if u.Quantity.given {
		d["quantity"] = json.RawMessage(u.Quantity.text())
	}
	if u.UnitCost.given {
		d["unit_cost"] = json.RawMessage(u.UnitCost.text())
	}
	if u.Status != "" {
		d["status"] = u.Status
	}
	if u.Metadata != nil {
		d["metadata"] = u.Metadata
	}
	if !u.OccurredAt.IsZero() {
		d["occurred_at"] = u.OccurredAt.Format(time.RFC3339Nano)
	}
	for _, field := range u.fields() {
		value := field.Value
		if exact, ok := value.(encode.Decimal); ok {
			value = json.RawMessage(exact)
		}
		d[encode.Fields[field.Field].Name] = value
	}
	return d
}

// text returns the number as JSON; "" if it is none.
func (a Amount) text() string {
	if a.exact != "" {
		canonical, ok := encode.CanonicalDecimal(string(a.exact))
		if !ok {
			return ""
		}
		return string(canonical)
	}
	text, err := json.Marshal(a.value)
	if err != nil {
		return ""
	}
	return string(text)
}
