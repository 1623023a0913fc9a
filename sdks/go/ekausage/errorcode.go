package ekausage

// An ErrorCode says what went wrong, in the same words in every SDK.
//
// It is an error itself, so that each code can be asked for:
//
//	errors.Is(err, ekausage.CodeQuantityInvalid)
type ErrorCode string

// Error is the code.
func (c ErrorCode) Error() string { return string(c) }

// ErrorCodes lists the closed set, in the order in which one call is checked.
func ErrorCodes() []ErrorCode {
	codes := make([]ErrorCode, len(errorTable))
	for i := range errorTable {
		codes[i] = errorTable[i].code
	}
	return codes
}

// Outcome is what became of the event: rejected, degraded or undelivered; refused where no client
// was made. It is empty for a code outside the set.
func (c ErrorCode) Outcome() string { return c.row().outcome }

// Field is the field of the event that the code is about, if it is about one.
func (c ErrorCode) Field() string { return c.row().field }

// Description says when the code is given.
func (c ErrorCode) Description() string { return c.row().description }

func (c ErrorCode) row() *errorRow {
	for i := range errorTable {
		if errorTable[i].code == c {
			return &errorTable[i]
		}
	}
	return &errorRow{}
}

// errorRow has a text with places to fill in, such as {given}.
type errorRow struct {
	code                                                 ErrorCode
	outcome, field, parameter, reason, text, description string
}
