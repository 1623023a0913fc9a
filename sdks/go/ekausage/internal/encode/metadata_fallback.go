package encode

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// marshalled writes a value as encoding/json encodes it, in the form of RFC 8785.
func (w *metadataWriter) marshalled(value any) bool {
	if isLong(value) {
		return false
	}
	decoded, err := w.roundTrip(value)
	if err != nil {
		return w.form(value)
	}
	return w.value(decoded)
}

func (w *metadataWriter) roundTrip(value any) (decoded any, err error) {
	// A method of the caller's own may panic.
	defer func() {
		if raised := recover(); raised != nil {
			err = fmt.Errorf("%v", raised)
		}
	}()
	text, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	reader := json.NewDecoder(bytes.NewReader(text))
	reader.UseNumber()
	return w.decoded(reader)
}

// form writes the string form of a value that JSON cannot express.
func (w *metadataWriter) form(value any) bool {
	w.loseHere(fmt.Sprintf("of type %T became a string", value))
	return w.string(stringForm(value))
}

// stringForm returns the string form of a value. It never walks through one, which may contain itself.
func stringForm(value any) (text string) {
	defer func() {
		if recover() != nil {
			text = fmt.Sprintf("<%T>", value)
		}
	}()
	switch value := value.(type) {
	case error:
		return value.Error()
	case fmt.Stringer:
		return value.String()
	case complex64, complex128:
		return fmt.Sprint(value)
	}
	return fmt.Sprintf("<%T>", value)
}
