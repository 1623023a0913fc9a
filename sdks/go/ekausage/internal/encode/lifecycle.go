package encode

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"time"
)

// decimalsOfUnits is how many decimals of a unit a session is measured in, as the store keeps quantities.
const decimalsOfUnits = 12

var (
	voidRow     = fieldNamed(voidField)
	sessionRow  = fieldNamed(sessionField)
	boundaryRow = fieldNamed(sessionBoundaryField)
	totalRow    = fieldNamed(batchCostField)
)

// The boundaries of a session.
const (
	SessionStart = "start"
	SessionBeat  = "beat"
	SessionEnd   = "end"
)

// fieldNamed returns a row of Fields; -1 if there is none.
func fieldNamed(name string) int {
	return slices.IndexFunc(Fields[:], func(f FieldRow) bool { return f.Name == name })
}

// MakeVoid makes a call the one that takes an event back, or returns why it cannot be.
func (c *Call) MakeVoid(eventID, reason string) *Rejection {
	c.Quantity, c.Exempt, c.IsVoid = 0, true, true
	if voidRow < 0 {
		return &Rejection{Code: codeStatusUnknown, Given: DescribeValue(voidStatus), Hint: "the catalog has no voids"}
	}
	if strings.Trim(reason, blankCharacters) == "" {
		return &Rejection{
			Code: codeMetadataRequired, Parameter: voidReasonKey, Field: voidReasonKey,
			Given: DescribeValue(reason), Hint: "a reason that is not blank",
		}
	}
	c.Metadata = map[string]any{voidReasonKey: beginning(reason, voidReasonKept)}
	c.SetField(voidRow, eventID)
	return nil
}

// MakeBoundary makes a call one of the boundaries of a session, or returns why it cannot be.
func (c *Call) MakeBoundary(sessionID, boundary string) *Rejection {
	if sessionRow < 0 || boundaryRow < 0 {
		return &Rejection{Code: codeSessionInvalid, Given: DescribeValue(boundary), Hint: "the catalog has no sessions"}
	}
	c.Quantity, c.ExactQuantity, c.HasUnitCost, c.Exempt, c.IsTimed = 0, "", false, true, true
	if boundary != SessionEnd {
		c.Status = ""
	}
	c.SetField(sessionRow, sessionID)
	c.SetField(boundaryRow, boundary)
	return nil
}

// SetTotal sets what the whole event cost. It reports false if events have no such field.
func (c *Call) SetTotal(cost any) bool {
	if totalRow >= 0 {
		c.SetField(totalRow, cost)
	}
	return totalRow >= 0
}

// CheckTimed checks that a session can measure the metric of a call.
func CheckTimed(c *Call) *Rejection {
	metric, rejection := checkMetric(c)
	if rejection != nil {
		return rejection
	}
	return checkTimed(metric)
}

func checkTimed(metric int) *Rejection {
	row := RowOf(uint32(metric))
	if row.nanoseconds > 0 {
		return nil
	}
	return &Rejection{
		Code:  codeSessionInvalid,
		Given: DescribeValue(row.Product + "." + row.MetricType),
		Hint:  fmt.Sprintf("its unit, %s, is not one of time with seconds in the catalog", row.Unit),
	}
}

// Units returns how many units of a metric a time is, rounded half-even to the decimals of a quantity.
func Units(metric uint32, elapsed time.Duration) Decimal {
	unit := uint64(RowOf(metric).nanoseconds)
	if unit == 0 || elapsed <= 0 {
		return "0"
	}
	whole, rest := uint64(elapsed)/unit, uint64(elapsed)%unit
	scale := uint64(1)
	for range decimalsOfUnits {
		scale *= 10
	}
	high, low := bits.Mul64(rest, scale)
	fraction, left := bits.Div64(high, low, unit)
	if half := unit - left; left > half || left == half && fraction%2 == 1 {
		fraction++
	}
	return Decimal(fmt.Sprintf("%d.%0*d", whole+fraction/scale, decimalsOfUnits, fraction%scale))
}
