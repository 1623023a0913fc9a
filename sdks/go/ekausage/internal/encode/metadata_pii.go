package encode

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// actionOf returns what becomes of the value of a key, empty if it is not about persons.
func actionOf(name string, pii []piiKey) piiAction {
	for i := range pii {
		if pii[i].name == name {
			return pii[i].action
		}
	}
	return ""
}

// redacted returns what stands in place of a value of the metadata. It reports false if nothing does.
func (w *metadataWriter) redacted(name string, value any) (any, bool) {
	switch actionOf(name, w.pii) {
	case hashPII:
		text, ok := w.canonical(name, value)
		if !ok {
			w.lose(len(w.lost), fmt.Sprintf("%q was left out, as it exceeds %d bytes", name, metadataMaxBytes))
			return nil, false
		}
		sum := sha256.Sum256(text)
		return "sha256:" + hex.EncodeToString(sum[:]), true
	case dropPII:
		return nil, false
	}
	return value, true
}

// canonical returns a value as JSON with all keys sorted. It reports false if that is too long: a value has
// a limit of its own, so that a long one does not cut what is beside its hash.
func (w *metadataWriter) canonical(name string, value any) ([]byte, bool) {
	own := metadataWriter{path: []pathStep{{key: name}}, above: append([]identity(nil), w.above...)}
	if !own.value(value) {
		return nil, false
	}
	for _, lost := range own.lost {
		w.lose(len(w.lost), lost)
	}
	if len(own.text) == 0 || own.text[0] != '{' && own.text[0] != '[' {
		return own.text, true
	}
	// The fields of a struct are not sorted.
	reader := json.NewDecoder(bytes.NewReader(own.text))
	reader.UseNumber()
	var decoded any
	if reader.Decode(&decoded) != nil {
		return own.text, true
	}
	sorted := metadataWriter{above: own.above}
	return sorted.text, sorted.value(decoded)
}
