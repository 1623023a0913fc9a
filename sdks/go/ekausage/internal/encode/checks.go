package encode

import (
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
)

const longestHostname = 255

// CheckServiceName checks the argument serviceName of New.
func CheckServiceName(name string) *Rejection {
	return checkName("serviceName", name, serviceNameMinLength, serviceNameMaxLength)
}

// CheckHostname checks the name of a machine.
func CheckHostname(name string) *Rejection { return checkName("hostname", name, 1, longestHostname) }

func checkName(parameter, name string, shortest, longest int) *Rejection {
	if IsText(name, shortest, longest) {
		return nil
	}
	hint := fmt.Sprintf("a non-blank string of %d to %d characters", shortest, longest)
	return &Rejection{Code: codeConfigInvalid, Parameter: parameter, Given: DescribeValue(name), Hint: hint}
}

// checkWorkspaceID returns the id, escaped for JSON.
func checkWorkspaceID(id string) (string, *Rejection) {
	return checkIdentifier(codeWorkspaceIDInvalid, id, workspaceIDMinLength, workspaceIDMaxLength)
}

// CheckEventID checks an idempotency key.
func CheckEventID(id string) *Rejection {
	_, rejection := checkEventID(id)
	return rejection
}

// EventType returns the event type of the metric of a call.
func EventType(c *Call) (string, *Rejection) {
	metric, rejection := checkMetric(c)
	if rejection != nil {
		return "", rejection
	}
	row := RowOf(uint32(metric))
	return row.Product + "." + row.MetricType, nil
}

// checkEventID returns the idempotency key, escaped for JSON.
func checkEventID(id string) (string, *Rejection) {
	return checkIdentifier(codeEventIDInvalid, id, eventIDMinLength, eventIDMaxLength)
}

func checkIdentifier(code, id string, shortest, longest int) (string, *Rejection) {
	if !IsText(id, shortest, longest) {
		return "", &Rejection{Code: code, Given: DescribeValue(id)}
	}
	return escaped(id), nil
}

// IsText reports whether a string is valid, not blank, and within the bounds in characters.
func IsText(text string, shortest, longest int) bool {
	if text == "" || len(text) > longest*utf8.UTFMax {
		return false
	}
	if !isPlain(text) && !utf8.ValidString(text) {
		return false
	}
	length := len(text)
	if length > longest || length < shortest*utf8.UTFMax {
		length = utf8.RuneCountInString(text)
	}
	if length < shortest || length > longest {
		return false
	}
	first := text[0]
	return first > ' ' && first < utf8.RuneSelf || strings.Trim(text, blankCharacters) != ""
}

// checkMetric returns the row of the metric that a call names.
func checkMetric(c *Call) (int, *Rejection) {
	if named := c.Product != "" || c.MetricType != ""; c.ByUsage && named == c.ByMetric {
		return 0, &Rejection{
			Code:      codeProductUnknown,
			Parameter: "metric",
			Given: fmt.Sprintf("%d with product %s and metricType %s",
				c.Metric, DescribeValue(c.Product), DescribeValue(c.MetricType)),
			Hint: "expected either Metric, or Product and MetricType",
		}
	}
	if !c.ByMetric {
		return checkNames(c.Product, c.MetricType)
	}
	if c.Metric == 0 || int(c.Metric) >= len(Metrics) {
		if c.Metric == invalidUndeclared {
			return 0, &Rejection{
				Code:    codeMetricTypeUnknown,
				Given:   "of Undeclared",
				Product: "any",
				Hint:    "expected an event type such as entity.action, which was not removed",
			}
		}
		if RowOf(c.Metric) != &Metrics[0] {
			return int(c.Metric), nil
		}
		return 0, &Rejection{
			Code:      codeProductUnknown,
			Parameter: "metric",
			Given:     fmt.Sprint(c.Metric),
			Hint:      "expected a generated constant, such as those that Metrics() lists",
		}
	}
	return int(c.Metric), nil
}

func checkNames(product, metricType string) (int, *Rejection) {
	if metric := LookupMetric(product, metricType); metric != 0 {
		return metric, nil
	}
	if hint := removedMetric(product, metricType); hint != "" {
		return 0, &Rejection{
			Code:    codeMetricTypeUnknown,
			Given:   DescribeValue(metricType),
			Product: DescribeValue(product),
			Hint:    hint,
		}
	}
	metricTypes := MetricTypes(product)
	if metricTypes == nil {
		return 0, &Rejection{
			Code: codeProductUnknown, Given: DescribeValue(product), Hint: Suggest(product, ProductNames()),
		}
	}
	return 0, &Rejection{
		Code:    codeMetricTypeUnknown,
		Given:   DescribeValue(metricType),
		Product: DescribeValue(product),
		Hint:    Suggest(metricType, metricTypes),
	}
}

// checkStatus returns the row of a status.
func checkStatus(status string) (int, *Rejection) {
	if row := LookupStatus(status); row >= 0 {
		return row, nil
	}
	if status == voidStatus && voidStatus != "" {
		hint := "a status of the catalog; Void takes an event back"
		return 0, &Rejection{Code: codeStatusUnknown, Given: DescribeValue(status), Hint: hint}
	}
	return 0, &Rejection{
		Code: codeStatusUnknown, Given: DescribeValue(status), Hint: Suggest(status, StatusNames()),
	}
}

// oneIsValid reports whether an event may have a quantity of one, unless its metric type has a rule.
const oneIsValid = quantityMinimum <= 1 && 1 <= quantityMaximum

// quantityRuleOf returns what the quantity of a metric type must be.
func quantityRuleOf(rule *quantityRule) numberRule {
	r := numberRule{codeQuantityInvalid, quantityMinimum, quantityMaximum, false, quantityMaxDigits}
	if rule != nil {
		r.low, r.high, r.integer = max(r.low, rule.minimum), min(r.high, rule.maximum), rule.integer
	}
	return r
}

var unitCostRule = numberRule{codeUnitCostInvalid, unitCostMinimum, unitCostMaximum, false, unitCostMaxDigits}

// A numberRule is what a number must be.
type numberRule struct {
	code      string
	low, high float64
	integer   bool
	maxDigits int
}

// appendAmount appends the number of a text, or another if the text is empty.
func (r *numberRule) appendAmount(b []byte, number float64, exact Decimal) ([]byte, *Rejection) {
	if exact != "" {
		return r.appendExactly(b, exact)
	}
	return r.append(b, number)
}

// append appends a number as JSON, if the rule allows it.
func (r *numberRule) append(b []byte, number float64) ([]byte, *Rejection) {
	if r.low <= number && number <= r.high && (!r.integer || number == math.Trunc(number)) {
		return appendNumber(b, number), nil
	}
	return nil, r.reject(number)
}

// appendExactly appends the number of a text, with all of its digits, if the rule allows it.
func (r *numberRule) appendExactly(b []byte, text Decimal) ([]byte, *Rejection) {
	d, ok := parseAmount(string(text))
	low, _ := parseDecimal(string(appendNumber(nil, r.low)))
	high, _ := parseDecimal(string(appendNumber(nil, r.high)))
	if !ok || d.compare(low) < 0 || d.compare(high) > 0 || r.integer && !d.isInteger() ||
		len(d.digits) > r.maxDigits {
		return nil, r.reject(text)
	}
	return d.append(b), nil
}

func (r *numberRule) reject(given any) *Rejection {
	kind := "a finite number"
	if r.integer {
		kind = "an integer"
	}
	hint := fmt.Sprintf("%s from %s to %s", kind, appendNumber(nil, r.low), appendNumber(nil, r.high))
	number, _ := given.(float64)
	negative := number < 0
	if text, ok := given.(Decimal); ok {
		d, ok := parseAmount(string(text))
		if ok && len(d.digits) > r.maxDigits {
			hint += fmt.Sprintf(" of at most %d digits", r.maxDigits)
		}
		negative = ok && d.sign() < 0
		given = string(text)
	}
	if negative && r.code == codeQuantityInvalid && voidStatus != "" {
		hint += "; to take an event back, use Void"
	}
	return &Rejection{Code: r.code, Given: DescribeValue(given), Hint: hint}
}

// checkTime returns milliseconds since 1970; now is in the same unit.
func checkTime(t *OccurrenceTime, now int64) (int64, *Rejection) {
	milliseconds, ok := t.milliseconds()
	if !ok || milliseconds > now+occurredAtAheadMs || milliseconds < now-occurredAtBehindMs {
		return 0, &Rejection{Code: codeOccurredAtInvalid, Given: t.describe()}
	}
	return milliseconds, nil
}
