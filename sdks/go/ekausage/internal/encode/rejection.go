package encode

// A Rejection explains why an argument is not valid.
type Rejection struct {
	// Code is one of the closed set of error codes.
	Code string
	// Parameter names the argument; empty means the one that the code is about.
	Parameter string
	// Given, Product and Hint complete the code's text.
	Given, Product, Hint string
	// Field is the field of the event that the argument fills; empty means the one that the code is about.
	Field string
}
