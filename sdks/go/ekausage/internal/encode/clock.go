package encode

import (
	"strconv"
	"time"
)

const (
	wireTime       = "2006-01-02T15:04:05.000Z"
	shortestTime   = len("2006-01-02T15:04:05Z")
	secondsEnd     = len("2006-01-02T15:04:05")
	offsetLength   = len("+00:00")
	mostFractional = 9
)

// An OccurrenceTime is when usage happened, as a caller gives it.
type OccurrenceTime struct {
	// Given is set if the caller gives a time; otherwise usage happened now.
	Given bool
	// IsText is set if Text stands in place of At.
	IsText bool
	At     time.Time
	Text   string
}

func (t *OccurrenceTime) milliseconds() (int64, bool) {
	if t.IsText {
		return parseTime(t.Text)
	}
	return t.At.UnixMilli(), true
}

func (t *OccurrenceTime) describe() string {
	if t.IsText {
		return DescribeValue(t.Text)
	}
	return t.At.Format(time.RFC3339Nano)
}

// formatTime returns milliseconds since 1970 as the text in an event.
func formatTime(milliseconds int64) string {
	return time.UnixMilli(milliseconds).UTC().Format(wireTime)
}

// parseTime parses an RFC 3339 time to milliseconds since 1970, rounded down. It reports false if
// the text is malformed, has no offset from UTC, or names a time that does not exist. The standard
// library's parser is more lenient.
func parseTime(text string) (int64, bool) {
	if len(text) < shortestTime {
		return 0, false
	}
	clock, rest := text[:secondsEnd], text[secondsEnd:]
	milliseconds := int64(0)
	if rest[0] == '.' {
		digits := leadingDigits(rest[1:])
		if digits == 0 || digits > mostFractional {
			return 0, false
		}
		milliseconds = number((rest[1:1+digits] + "00")[:3])
		rest = rest[1+digits:]
	}
	offset, ok := parseOffset(rest)
	if !ok {
		return 0, false
	}
	for i, separator := range "####-##-##T##:##:##" {
		c := clock[i]
		if separator == 'T' && c == 't' || separator == '#' && isDigit(c) || rune(c) == separator {
			continue
		}
		return 0, false
	}
	year, month, day := number(clock[:4]), number(clock[5:7]), number(clock[8:10])
	hour, minute, second := number(clock[11:13]), number(clock[14:16]), number(clock[17:19])
	at := time.Date(int(year), time.Month(month), int(day), int(hour), int(minute), int(second), 0, time.UTC)
	// time.Date turns what does not exist into a later time that does.
	if at.Day() != int(day) || int64(at.Month()) != month || at.Hour() != int(hour) ||
		at.Minute() != int(minute) || at.Second() != int(second) {
		return 0, false
	}
	return (at.Unix()-offset)*1000 + milliseconds, true
}

// parseOffset parses Z or ±hh:mm as seconds east of UTC.
func parseOffset(text string) (int64, bool) {
	if text == "Z" || text == "z" {
		return 0, true
	}
	if len(text) != offsetLength || text[3] != ':' || text[0] != '+' && text[0] != '-' ||
		leadingDigits(text[1:]) != 2 || leadingDigits(text[4:]) != 2 {
		return 0, false
	}
	hours, minutes := number(text[1:3]), number(text[4:])
	if hours > 23 || minutes > 59 {
		return 0, false
	}
	seconds := (hours*60 + minutes) * 60
	if text[0] == '-' {
		seconds = -seconds
	}
	return seconds, true
}

func leadingDigits(text string) int {
	n := 0
	for n < len(text) && isDigit(text[n]) {
		n++
	}
	return n
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// number returns the value of digits that were checked before.
func number(digits string) int64 {
	value, _ := strconv.ParseInt(digits, 10, 64)
	return value
}
