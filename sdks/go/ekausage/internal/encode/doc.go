// Package encode checks the arguments of Record and writes events as JSON. It depends on nothing but
// the standard library and the tables that are generated from schema/.
//
// event.go is the way of a call: checks.go and metadata.go validate, clock.go, number.go, json_text.go
// and the metadata files write, ids.go mints, scratch.go is the memory all of them work in, and
// describe.go words values for error messages. A call that is not valid yields a Rejection, which
// package ekausage turns into its public errors.
package encode
