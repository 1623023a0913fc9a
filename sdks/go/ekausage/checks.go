package ekausage

import (
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
)

const longestHostname = 255

// checkWorkspaceID returns the id, escaped for JSON.
func checkWorkspaceID(id string) (string, error) {
	return checkIdentifier(CodeWorkspaceIDInvalid, id, workspaceIDMinLength, workspaceIDMaxLength)
}

// checkEventID returns the idempotency key, escaped for JSON.
func checkEventID(id string) (string, error) {
	return checkIdentifier(CodeEventIDInvalid, id, eventIDMinLength, eventIDMaxLength)
}

func checkIdentifier(code ErrorCode, id string, shortest, longest int) (string, error) {
	if !isText(id, shortest, longest) {
		return "", invalid(code, words{given: shown(id)})
	}
	return escaped(id), nil
}

func checkServiceName(name string) error {
	return checkName("serviceName", name, serviceNameMinLength, serviceNameMaxLength)
}

func checkHostname(name string) error {
	return checkName("hostname", name, 1, longestHostname)
}

func checkName(parameter, name string, shortest, longest int) error {
	if isText(name, shortest, longest) {
		return nil
	}
	hint := fmt.Sprintf("a non-blank string of %d to %d characters", shortest, longest)
	return misconfigured(parameter, shown(name), hint)
}

// isText reports whether a string has so many characters, all valid, and not only blanks.
func isText(text string, shortest, longest int) bool {
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

// checkNames finds the metric that product and metric type name.
func checkNames(product, metricType string) (Metric, error) {
	if metric := lookup(product, metricType); metric != 0 {
		return metric, nil
	}
	metricTypes := MetricTypes(product)
	if metricTypes == nil {
		return 0, invalid(CodeProductUnknown, words{
			given: shown(product), hint: nearest(product, Products()),
		})
	}
	return 0, invalid(CodeMetricTypeUnknown, words{
		given: shown(metricType), product: shown(product), hint: nearest(metricType, metricTypes),
	})
}

func checkMetric(metric Metric) error {
	if metric.Valid() {
		return nil
	}
	return invalid(CodeProductUnknown, words{
		parameter: "metric",
		given:     fmt.Sprint(uint32(metric)),
		hint:      "expected a generated constant, such as those that Metrics() lists",
	})
}

// checkStatus finds the row of a status.
func checkStatus(status string) (int, error) {
	if row := lookupStatus(status); row >= 0 {
		return row, nil
	}
	return 0, invalid(CodeStatusUnknown, words{
		given: shown(status), hint: nearest(status, Statuses()),
	})
}

func checkQuantity(quantity float64, rule *quantityRule) error {
	if rule == nil {
		return checkAmount(CodeQuantityInvalid, quantity, quantityMinimum, quantityMaximum, false)
	}
	low := max(quantityMinimum, rule.minimum)
	high := min(quantityMaximum, rule.maximum)
	return checkAmount(CodeQuantityInvalid, quantity, low, high, rule.integer)
}

func checkUnitCost(cost float64) error {
	return checkAmount(CodeUnitCostInvalid, cost, unitCostMinimum, unitCostMaximum, false)
}

func checkAmount(code ErrorCode, amount, low, high float64, integer bool) error {
	if low <= amount && amount <= high && (!integer || amount == math.Trunc(amount)) {
		return nil
	}
	kind := "a finite number"
	if integer {
		kind = "an integer"
	}
	hint := fmt.Sprintf("%s from %s to %s", kind, appendNumber(nil, low), appendNumber(nil, high))
	return invalid(code, words{given: shown(amount), hint: hint})
}

// checkTime returns milliseconds since 1970; now is the same.
func checkTime(occurredAt occurrence, now int64) (int64, error) {
	milliseconds, ok := occurredAt.milliseconds()
	if !ok || milliseconds > now+occurredAtAheadMs || milliseconds < now-occurredAtBehindMs {
		return 0, invalid(CodeOccurredAtInvalid, words{given: occurredAt.shown()})
	}
	return milliseconds, nil
}
