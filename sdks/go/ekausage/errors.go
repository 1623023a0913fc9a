package ekausage

import "strings"

// The errors that callers handle most.
var (
	// ErrBufferFull says that as many events as the queue takes are waiting for Kafka.
	ErrBufferFull error = CodeQueueFull
	// ErrClosed says that the client was shut down before the call.
	ErrClosed error = CodeClientClosed
)

// An Error is any error of this package. Decide by its code, not by its text:
//
//	errors.Is(err, ekausage.CodeDeliveryFailed)
type Error struct {
	// Code is one of the closed set.
	Code ErrorCode
	// Field is the field of the event that the error is about, empty where it is about none.
	Field string
	// Reason is a finer word where the code has one, such as local_queue_full; otherwise the code.
	Reason string

	message string
	cause   error
}

func (e *Error) Error() string { return e.message }

// Unwrap gives the code, and the error underneath where there is one.
func (e *Error) Unwrap() []error {
	if e.cause == nil {
		return []error{e.Code}
	}
	return []error{e.Code, e.cause}
}

// A ValidationError says which argument of Record is wrong; the event was not accepted. It wraps
// an *Error.
type ValidationError struct {
	// Code is one of the closed set.
	Code ErrorCode
	// Field is the field of the event that the argument fills.
	Field string

	err *Error
}

func (e *ValidationError) Error() string { return e.err.message }

// Unwrap gives the *Error.
func (e *ValidationError) Unwrap() error { return e.err }

// words fill the places in the text of a code.
type words struct {
	parameter, given, product, hint string
}

// newError is the error of a code, its text completed by what is known where it arose.
func newError(code ErrorCode, w words) *Error {
	row := code.row()
	if w.parameter == "" {
		w.parameter = row.parameter
	}
	reason := row.reason
	if reason == "" {
		reason = string(code)
	}
	text := strings.NewReplacer(
		"{parameter}", w.parameter, "{given}", w.given, "{product}", w.product, "{hint}", w.hint,
	).Replace(row.text)
	return &Error{Code: code, Field: row.field, Reason: reason, message: text}
}

// causedBy is the error of a code whose hint is the error underneath.
func causedBy(code ErrorCode, cause error, hint string) *Error {
	err := newError(code, words{hint: hint})
	err.cause = cause
	return err
}

// invalid is the error of an argument: what was given, and what is allowed.
func invalid(code ErrorCode, w words) error {
	err := newError(code, w)
	return &ValidationError{Code: code, Field: err.Field, err: err}
}

// misconfigured is the error of a setting or another argument of New.
func misconfigured(parameter, given, hint string) error {
	return newError(CodeConfigInvalid, words{parameter: parameter, given: given, hint: hint})
}
