package encode

import (
	"cmp"
	"strconv"
	"strings"
)

const (
	// A text is measured before it is read, so that a long one takes no time.
	longestDecimal = 1000
	// No amount is larger, or smaller, than ten to this.
	largestExponent = 1_000_000
)

// A Decimal is the text of a number, whose digits are kept as they are.
type Decimal string

// decimal is the value 0.digits × 10^point. The digits begin and end with another than 0; a zero has none.
type decimal struct {
	negative bool
	digits   string
	point    int
}

// parseDecimal parses a number in decimal notation, with or without an exponent. It reports false if the
// text is none.
func parseDecimal(text string) (decimal, bool) {
	rest, negative := strings.CutPrefix(text, "-")
	if !negative {
		rest = strings.TrimPrefix(rest, "+")
	}
	exponent := 0
	if i := strings.IndexAny(rest, "eE"); i >= 0 {
		var err error
		if exponent, err = strconv.Atoi(rest[i+1:]); err != nil {
			return decimal{}, false
		}
		rest = rest[:i]
	}
	whole, fraction, _ := strings.Cut(rest, ".")
	if !isDigits(whole + fraction) {
		return decimal{}, false
	}
	digits := strings.TrimLeft(whole+fraction, "0")
	point := len(digits) - len(fraction) + exponent
	if digits = strings.TrimRight(digits, "0"); digits == "" {
		return decimal{}, true
	}
	return decimal{negative, digits, point}, true
}

// parseAmount is parseDecimal for an amount, which no text makes slow to check.
func parseAmount(text string) (decimal, bool) {
	if len(text) > longestDecimal {
		return decimal{}, false
	}
	d, ok := parseDecimal(text)
	return d, ok && max(d.point, -d.point) <= largestExponent
}

// append appends the number as RFC 8785 writes numbers, with all of its digits.
func (d decimal) append(b []byte) []byte {
	if d.digits == "" {
		return append(b, '0')
	}
	if d.negative {
		b = append(b, '-')
	}
	return appendPlaced(b, d.digits, d.point)
}

// sign returns -1, 0 or 1.
func (d decimal) sign() int {
	switch {
	case d.digits == "":
		return 0
	case d.negative:
		return -1
	}
	return 1
}

// compare compares with another number.
func (d decimal) compare(other decimal) int {
	if order := cmp.Compare(d.sign(), other.sign()); order != 0 {
		return order
	}
	order := cmp.Or(cmp.Compare(d.point, other.point), cmp.Compare(d.digits, other.digits))
	return order * d.sign()
}

func (d decimal) isInteger() bool { return len(d.digits) <= d.point || d.digits == "" }

// CanonicalDecimal returns a number as it stands in an event, with all of its digits. It reports false
// if the text is not a number, or has more digits than any amount may have.
func CanonicalDecimal(text string) (Decimal, bool) {
	d, ok := parseAmount(text)
	if !ok || len(d.digits) > quantityMaxDigits {
		return "", false
	}
	return Decimal(d.append(nil)), true
}

// MostDigits is how many digits a decimal may have.
const MostDigits = quantityMaxDigits
