package ekausage

import (
	"fmt"
	"strings"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/internal/encode"
)

// The errors that callers handle most.
var (
	// ErrBufferFull reports that the queue of events waiting for Kafka is full.
	ErrBufferFull error = CodeQueueFull
	// ErrClosed reports that the client was shut down before the call.
	ErrClosed error = CodeClientClosed
)

// An ErrorCode identifies what went wrong, by the same name in every SDK.
//
// It is an error itself, so that errors.Is matches it:
//
//	errors.Is(err, ekausage.CodeQuantityInvalid)
type ErrorCode string

// Error returns the code.
func (c ErrorCode) Error() string { return string(c) }

// ErrorCodes lists the closed set, in the order in which one call is checked.
func ErrorCodes() []ErrorCode {
	codes := make([]ErrorCode, len(errorTable))
	for i := range errorTable {
		codes[i] = errorTable[i].code
	}
	return codes
}

// Outcome returns what became of the event: rejected, degraded or undelivered; or refused if New
// failed. It is empty for a code outside the set.
func (c ErrorCode) Outcome() string { return c.row().outcome }

// Field returns the field of the event that the code is about, if any.
func (c ErrorCode) Field() string { return c.row().field }

// Description describes when the code is returned.
func (c ErrorCode) Description() string { return c.row().description }

func (c ErrorCode) row() *errorRow {
	for i := range errorTable {
		if errorTable[i].code == c {
			return &errorTable[i]
		}
	}
	return &errorRow{}
}

// errorRow has a text with placeholders, such as {given}.
type errorRow struct {
	code                                                 ErrorCode
	outcome, field, parameter, reason, text, description string
}

// An Error is any error of this package. Match its code, not its text:
//
//	errors.Is(err, ekausage.CodeDeliveryFailed)
type Error struct {
	// Code is one of the closed set.
	Code ErrorCode
	// Field is the field of the event that the error is about, if any.
	Field string
	// Reason refines the code, such as local_queue_full; otherwise it is the code.
	Reason string

	message string
	cause   error
}

func (e *Error) Error() string { return e.message }

// Unwrap returns the code, and the underlying error if there is one.
func (e *Error) Unwrap() []error {
	if e.cause == nil {
		return []error{e.Code}
	}
	return []error{e.Code, e.cause}
}

// A ValidationError reports which argument of Record is not valid; the event was not accepted. It
// wraps an *Error.
type ValidationError struct {
	// Code is one of the closed set.
	Code ErrorCode
	// Field is the field of the event that the argument fills.
	Field string

	err *Error
}

func (e *ValidationError) Error() string { return e.err.message }

// Unwrap returns the *Error.
func (e *ValidationError) Unwrap() error { return e.err }

// newError returns the error of a rejection.
func newError(r encode.Rejection) *Error {
	code := ErrorCode(r.Code)
	row := code.row()
	if r.Parameter == "" {
		r.Parameter = row.parameter
	}
	reason := row.reason
	if reason == "" {
		reason = r.Code
	}
	text := strings.NewReplacer(
		"{parameter}", r.Parameter, "{given}", r.Given, "{product}", r.Product, "{hint}", r.Hint,
	).Replace(row.text)
	field := row.field
	if r.Field != "" {
		field = r.Field
	}
	return &Error{Code: code, Field: field, Reason: reason, message: encode.Printable(text)}
}

// causedBy returns the error of a code whose hint is the underlying error.
func causedBy(code ErrorCode, cause error) *Error {
	err := newError(encode.Rejection{Code: string(code), Hint: cause.Error()})
	err.cause = cause
	return err
}

// invalid returns the error of an argument of Record.
func invalid(r *encode.Rejection) error {
	err := newError(*r)
	return &ValidationError{Code: err.Code, Field: err.Field, err: err}
}

// invalidAt returns the error of an argument of one of several events, by its place from 0.
func invalidAt(r *encode.Rejection, index, events int) error {
	err := newError(*r)
	if events > 1 {
		err.message = fmt.Sprintf("event %d of %d: %s", index+1, events, err.message)
	}
	return &ValidationError{Code: err.Code, Field: err.Field, err: err}
}

// misconfigured returns the error of a setting or another argument of New.
func misconfigured(parameter, given, hint string) error {
	return newError(encode.Rejection{
		Code: string(CodeConfigInvalid), Parameter: parameter, Given: given, Hint: hint,
	})
}
