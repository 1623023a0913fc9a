package encode

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A FieldValue is a field that an event lacks unless it is given: a row of Fields, and a value of the
// type that its option takes.
type FieldValue struct {
	Field int
	Value any
}

// SetField sets a field, in the order of Fields; the last value of a field counts.
func (c *Call) SetField(field int, value any) {
	at, found := slices.BinarySearchFunc(c.Fields, field, compareField)
	if found {
		c.Fields[at].Value = value
		return
	}
	c.Fields = slices.Insert(c.Fields, at, FieldValue{field, value})
}

// clientFields returns the client's own fields as they follow those of every event, and whether events
// with them are billed. The values are in the order of ClientFields; empty is not given.
func clientFields(values []string) (text []byte, billed bool) {
	billed = true
	for i, value := range values {
		if value == "" {
			continue
		}
		row := &ClientFields[i]
		text = append(append(append(append(text, row.key...), '"'), escaped(value)...), '"')
		billed = billed && (row.billed == nil || slices.Contains(row.billed, value))
	}
	return text, billed
}

// appendFields appends the fields of a call as they follow those of every event, each after a comma. now is
// in milliseconds since 1970.
func (s *Scratch) appendFields(b []byte, c *Call, now int64) ([]byte, *Rejection) {
	for i := range c.Fields {
		row := &Fields[c.Fields[i].Field]
		var rejection *Rejection
		if b, rejection = row.append(append(b, row.key...), c.Fields[i].Value, now); rejection != nil {
			return nil, rejection
		}
	}
	for i := range c.Fields {
		row := &Fields[c.Fields[i].Field]
		for _, other := range row.excludes {
			if c.has(other) {
				return nil, row.reject(c.Fields[i].Value, fmt.Sprintf("no %s beside it", other))
			}
		}
	}
	for i := range c.Fields {
		row := &Fields[c.Fields[i].Field]
		for _, other := range row.requires {
			if !c.has(other) && !(row.whenNotZero && IsZero(c.Fields[i].Value)) {
				return nil, &Rejection{Code: other + ".required", Hint: row.Name + " requires it"}
			}
		}
	}
	return b, nil
}

// has reports whether a call has a field of Fields, or the cost of one unit.
func (c *Call) has(name string) bool {
	if name == "unit_cost" {
		return c.HasUnitCost
	}
	return slices.ContainsFunc(c.Fields, func(v FieldValue) bool { return Fields[v.Field].Name == name })
}

// checkFieldRules checks the valid fields of a call against the rules of its metric type.
func checkFieldRules(metric *MetricRow, c *Call) *Rejection {
	for i := range metric.fields {
		rule := &metric.fields[i]
		row := &Fields[rule.field]
		at, given := slices.BinarySearchFunc(c.Fields, rule.field, compareField)
		if !given {
			if rule.required {
				hint := metric.Product + "/" + metric.MetricType + " requires it"
				return &Rejection{Code: row.Name + ".required", Hint: hint}
			}
			continue
		}
		value := c.Fields[at].Value
		if rule.allowed == nil {
			continue
		}
		if text, _ := row.append(nil, value, 0); !slices.Contains(rule.allowed, string(text)) {
			return row.reject(value, "one of "+strings.Join(rule.allowed, ", "))
		}
	}
	return nil
}

func compareField(v FieldValue, field int) int { return v.Field - field }

// IsZero reports whether a number is 0.
func IsZero(value any) bool {
	if text, ok := value.(Decimal); ok {
		d, ok := parseAmount(string(text))
		return ok && d.sign() == 0
	}
	return value == float64(0) || value == int64(0)
}

func (f *FieldRow) numberRule() *numberRule {
	return &numberRule{f.Name + ".invalid", f.minimum, f.maximum, false, f.maxDigits}
}

func (f *FieldRow) reject(value any, hint string) *Rejection {
	return &Rejection{Code: f.Name + ".invalid", Given: DescribeValue(value), Hint: hint}
}

// append appends a value as JSON.
func (f *FieldRow) append(b []byte, value any, now int64) ([]byte, *Rejection) {
	switch value := value.(type) {
	case string:
		return f.appendText(b, value)
	case float64:
		return f.numberRule().append(b, value)
	case Decimal:
		return f.numberRule().appendExactly(b, value)
	case int64:
		if number := float64(value); number < f.minimum || number > f.maximum {
			low, high := appendNumber(nil, f.minimum), appendNumber(nil, f.maximum)
			return nil, f.reject(value, fmt.Sprintf("an integer from %s to %s", low, high))
		}
		return strconv.AppendInt(b, value, 10), nil
	case bool:
		return strconv.AppendBool(b, value), nil
	case time.Time:
		return f.appendTime(b, value, now)
	case []string:
		return f.appendList(b, value)
	default:
		object, _ := value.(map[string]any)
		return f.appendObject(b, object)
	}
}

func (f *FieldRow) appendText(b []byte, text string) ([]byte, *Rejection) {
	switch f.kind {
	case "uuid":
		if !isUUID(text) {
			return nil, f.reject(text, "a UUID, such as 019c1345-f6c0-7000-8000-000000000001")
		}
		text = strings.ToLower(text)
	case "enum":
		if !slices.Contains(f.values, text) {
			quoted := make([]string, len(f.values))
			for i, value := range f.values {
				quoted[i] = strconv.Quote(value)
			}
			return nil, f.reject(text, "one of "+strings.Join(quoted, ", "))
		}
	default:
		if !IsText(text, f.minLength, f.maxLength) {
			return nil, f.reject(text, fmt.Sprintf(
				"a non-blank string of %d to %d characters", f.minLength, f.maxLength))
		}
	}
	return append(appendEscaped(append(b, '"'), text), '"'), nil
}

// isUUID reports whether a text is 8-4-4-4-12 hexadecimal digits.
func isUUID(text string) bool {
	if len(text) != uuidLength {
		return false
	}
	for i := range len(text) {
		c := text[i] | 0x20
		switch i {
		case 8, 13, 18, 23:
			if text[i] != '-' {
				return false
			}
		default:
			if !isDigit(text[i]) && (c < 'a' || c > 'f') {
				return false
			}
		}
	}
	return true
}

func (f *FieldRow) appendTime(b []byte, at time.Time, now int64) ([]byte, *Rejection) {
	milliseconds := at.UnixMilli()
	if f.aheadMs != 0 && milliseconds > now+f.aheadMs || f.behindMs != 0 && milliseconds < now-f.behindMs {
		hint := "a time"
		if f.aheadMs != 0 {
			hint += fmt.Sprintf(", at most %d ms ahead", f.aheadMs)
		}
		if f.behindMs != 0 {
			hint += fmt.Sprintf(", at most %d ms behind", f.behindMs)
		}
		return nil, f.reject(at.Format(time.RFC3339Nano), hint)
	}
	return append(append(append(b, '"'), formatTime(milliseconds)...), '"'), nil
}

func (f *FieldRow) appendList(b []byte, items []string) ([]byte, *Rejection) {
	start := len(b)
	valid := f.minItems <= len(items) && len(items) <= f.maxItems
	b = append(b, '[')
	for i, item := range items {
		if valid = valid && IsText(item, f.minLength, f.maxLength); !valid {
			break
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendEscaped(append(b, '"'), item), '"')
	}
	b = append(b, ']')
	if !valid || len(b)-start > f.maxBytes {
		return nil, f.reject(items, fmt.Sprintf(
			"a list of %d to %d non-blank strings of %d to %d characters, of at most %d bytes together",
			f.minItems, f.maxItems, f.minLength, f.maxLength, f.maxBytes))
	}
	return b, nil
}

func (f *FieldRow) appendObject(b []byte, object map[string]any) ([]byte, *Rejection) {
	var writer metadataWriter
	text, lost, rejection := writer.write(object, nil, nil, Trace{})
	if rejection != nil || lost != "" || object == nil || len(writer.text) > f.maxBytes {
		return nil, f.reject(object, fmt.Sprintf(
			"a map that JSON can represent, in at most %d bytes", f.maxBytes))
	}
	return append(append(append(b, '"'), text...), '"'), nil
}
