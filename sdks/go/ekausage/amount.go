package ekausage

import (
	"fmt"
	"math"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/internal/encode"
)

// An Amount is a number or, as the zero Amount, none. Unlike a pointer, it needs no allocation.
type Amount struct {
	value float64
	exact encode.Decimal // in place of value, unless it is empty
	given bool
}

// AmountOf returns the amount of a number, which may be 0.
func AmountOf(number float64) Amount { return Amount{value: number, given: true} }

// Exactly returns the amount of a decimal number, of which no digit is lost: of a Decimal, or of anything
// else whose String method writes a number, such as *big.Int, json.Number and the decimal types of other
// packages. An event is rejected with the code of its amount, such as CodeQuantityInvalid, if that text
// is not a number or has more than 38 digits.
func Exactly(number fmt.Stringer) (amount Amount) {
	amount = Amount{value: math.NaN(), given: true} // rejected unless there is a text
	defer func() { _ = recover() }()                // of a nil pointer whose method reads it
	amount.exact = encode.Decimal(number.String())
	return amount
}

// kept returns the number as a field of an event takes it.
func (a Amount) kept() any {
	if a.exact != "" {
		return a.exact
	}
	return a.value
}

// isZero reports whether the amount is given, and 0.
func (a Amount) isZero() bool { return a.given && encode.IsZero(a.kept()) }

// A Decimal is a decimal number with all of its digits. The zero Decimal is 0.
type Decimal struct{ text encode.Decimal }

// ParseDecimal returns the number that a text such as 0.10 or 1e-6 denotes. It returns an error if the
// text is not a number or has more than 38 digits.
func ParseDecimal(text string) (Decimal, error) {
	canonical, ok := encode.CanonicalDecimal(text)
	if !ok {
		return Decimal{}, fmt.Errorf("ekausage: expected a decimal number of at most %d digits, got %s",
			encode.MostDigits, encode.DescribeValue(text))
	}
	return Decimal{canonical}, nil
}

// String returns the number as it stands in an event.
func (d Decimal) String() string {
	if d.text == "" {
		return "0"
	}
	return string(d.text)
}
