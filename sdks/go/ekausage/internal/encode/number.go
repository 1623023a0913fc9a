package encode

import (
	"math"
	"strconv"
	"strings"
)

// mostPlainDigits is how many digits ECMAScript writes before the point without an exponent.
const mostPlainDigits = 21

// appendNumber appends a finite number as RFC 8785 (ECMAScript) writes it: 1.0 is 1, 1e21 is 1e+21,
// -0 is 0.
func appendNumber(b []byte, number float64) []byte {
	if whole := int64(number); number == float64(whole) && -1<<53 < whole && whole < 1<<53 {
		return strconv.AppendInt(b, whole, 10)
	}
	if size := math.Abs(number); size >= 1e-6 && size < 1e21 {
		return strconv.AppendFloat(b, number, 'f', -1, 64)
	}
	b = strconv.AppendFloat(b, number, 'e', -1, 64)
	// ECMAScript writes e-7 where Go writes e-07.
	if n := len(b); n >= 4 && b[n-4] == 'e' && b[n-2] == '0' {
		b[n-2] = b[n-1]
		b = b[:n-1]
	}
	return b
}

// appendDecimal appends a number given as JSON text, exactly. It reports false if the text is not a
// number.
func appendDecimal(b []byte, text string) ([]byte, bool) {
	if !isJSONNumber(text) {
		return b, false
	}
	d, ok := parseDecimal(text)
	if !ok {
		return b, false
	}
	return d.append(b), true
}

// isJSONNumber reports whether a text is a number as JSON writes them: neither 01 nor 1. nor .1 nor +1.
func isJSONNumber(text string) bool {
	text = strings.TrimPrefix(text, "-")
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		text = text[:i]
	}
	whole, fraction, hasPoint := strings.Cut(text, ".")
	return isDigits(whole) && (len(whole) == 1 || whole[0] != '0') && (!hasPoint || isDigits(fraction))
}

func isDigits(text string) bool {
	return text != "" && strings.Trim(text, "0123456789") == ""
}

func appendPlaced(b []byte, digits string, point int) []byte {
	switch {
	case len(digits) <= point && point <= mostPlainDigits:
		b = append(b, digits...)
		return append(b, strings.Repeat("0", point-len(digits))...)
	case 0 < point && point <= mostPlainDigits:
		b = append(b, digits[:point]...)
		b = append(b, '.')
		return append(b, digits[point:]...)
	case -6 < point && point <= 0:
		b = append(b, "0."...)
		b = append(b, strings.Repeat("0", -point)...)
		return append(b, digits...)
	}
	b = append(b, digits[0])
	if len(digits) > 1 {
		b = append(b, '.')
		b = append(b, digits[1:]...)
	}
	b = append(b, 'e')
	if point > 0 {
		b = append(b, '+')
	}
	return strconv.AppendInt(b, int64(point)-1, 10)
}
