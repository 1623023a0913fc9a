package encode

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// metadataWriter writes metadata as JSON. A quantity is exact or rejected, metadata is best effort: a
// value that cannot be encoded becomes its string form, and metadata that is too large is cut to a
// marker. What is lost is described for the error handler.
type metadataWriter struct {
	text   []byte // the metadata as JSON
	quoted []byte // the same, as it stands between the quotes of a JSON string
	lost   []string
	keys   []string
	path   []pathStep
	above  []identity // the containers around the value being written
	pii    []piiKey   // the keys about persons
}

// mostLost is how many losses of one event are described.
const mostLost = 3

// write encodes the metadata of an event whose metric type declares keys, some about persons. It returns the text between
// the quotes of a JSON string, valid until the next call, and what was lost, or "". The ids of the added span are
// left out before anything else is cut.
func (w *metadataWriter) write(
	metadata map[string]any, keys []metadataKey, pii []piiKey, added Trace,
) ([]byte, string, *Rejection) {
	w.lost, w.pii = w.lost[:0], nil
	for i := range keys {
		if rejection := w.check(&keys[i], metadata, pii); rejection != nil {
			return nil, "", rejection
		}
	}
	w.begin()
	w.pii = pii
	if metadata == nil {
		w.text = append(w.text, metadataDefault...)
	} else if !w.object(metadata) {
		if added != (Trace{}) {
			return w.write(added.without(metadata), keys, pii, Trace{})
		}
		w.lose(0, fmt.Sprintf("it was cut, as it exceeds %d bytes", metadataMaxBytes))
		w.cut(metadata, keys)
	}
	w.quoted = appendEscapedJSON(w.quoted[:0], w.text)
	return w.quoted, strings.Join(w.lost, "; "), nil
}

func (w *metadataWriter) begin() {
	w.text, w.keys, w.path, w.above = w.text[:0], w.keys[:0], w.path[:0], w.above[:0]
}

// cut keeps the marker, the keys that the metric type requires and those of Log, with the beginning of
// its message; or the marker alone if those are too large.
func (w *metadataWriter) cut(metadata map[string]any, keys []metadataKey) {
	lost := slices.Clone(w.lost)
	w.begin()
	w.text = append(w.text, metadataOversize[:len(metadataOversize)-1]...)
	fits := true
	keep := func(name string, value any) {
		value, kept := w.redacted(name, value)
		if !kept {
			return
		}
		if len(w.text) > 1 {
			w.text = append(w.text, ',')
		}
		fits = fits && w.string(name) && w.member(name, value)
	}
	required := map[string]bool{}
	for i := range keys {
		if key := &keys[i]; key.required {
			required[key.name] = true
			keep(key.name, metadata[key.name])
		}
	}
	for _, name := range [...]string{logLevelKey, logMessageKey} {
		if text, ok := metadata[name].(string); ok && !required[name] {
			if actionOf(name, w.pii) == "" {
				text = beginning(text, logMessageKept)
			}
			keep(name, text)
		}
	}
	w.text = append(w.text, '}')
	if !fits || len(w.text) > metadataMaxBytes {
		w.text = append(w.text[:0], metadataOversize...)
	}
	w.lost = lost
}

// beginning returns the first characters of a text.
func beginning(text string, characters int) string {
	for at := range text {
		if characters == 0 {
			return text[:at]
		}
		characters--
	}
	return text
}

// check checks a key that the metric type declares. Values of keys about persons are in no message.
func (w *metadataWriter) check(key *metadataKey, metadata map[string]any, pii []piiKey) *Rejection {
	value, ok := metadata[key.name]
	if !ok {
		if key.required {
			return &Rejection{Code: codeMetadataRequired, Given: "metadata", Hint: DescribeValue(key.name)}
		}
		return nil
	}
	expected := key.mismatch(w.alone(value))
	if expected == "" {
		return nil
	}
	shown := "a value that is not shown"
	if actionOf(key.name, pii) == "" {
		shown = DescribeValue(value)
	}
	if key.required {
		return &Rejection{Code: codeMetadataInvalid, Given: shown, Hint: expected}
	}
	w.lose(len(w.lost), fmt.Sprintf("expected %s, got %s", expected, shown))
	return nil
}

// alone returns one value as JSON, empty if it cannot be encoded without loss.
func (w *metadataWriter) alone(value any) string {
	before := len(w.lost)
	w.begin()
	whole := w.value(value) && len(w.lost) == before
	w.lost = w.lost[:before]
	if !whole {
		return ""
	}
	return string(w.text)
}

// mismatch returns what was expected of a value, empty if it is as declared; text is its JSON.
func (k *metadataKey) mismatch(text string) string {
	if k.allowed != nil {
		if slices.Contains(k.allowed, text) {
			return ""
		}
		return fmt.Sprintf("%q to be one of %s", k.name, strings.Join(k.allowed, ", "))
	}
	if k.kind == "" || text != "" && isKind(k.kind, text) {
		return ""
	}
	return fmt.Sprintf("%q to be of type %s", k.name, k.kind)
}

// isKind reports whether a scalar is of a type of JSON Schema.
func isKind(kind, text string) bool {
	switch first := text[0]; kind {
	case "string":
		return first == '"'
	case "boolean":
		return text == "true" || text == "false"
	case "integer":
		// From 1e+21 on, every number has an exponent, and none has a fraction.
		whole := strings.Contains(text, "e+") || !strings.ContainsAny(text, ".e")
		return (first == '-' || isDigit(first)) && whole
	default:
		return first == '-' || isDigit(first)
	}
}

// lose describes a loss, at a place in the list.
func (w *metadataWriter) lose(at int, what string) {
	if len(w.lost) < mostLost || at == 0 {
		w.lost = slices.Insert(w.lost, at, what)
	}
}

// LogMetadata adds the level and the message of Log to the caller's metadata, which it does not change.
// Metadata that is too large anyway is not copied.
func LogMetadata(metadata map[string]any, level, message string) map[string]any {
	if len(metadata) > metadataMaxBytes/shortestMember {
		return metadata
	}
	whole := maps.Clone(metadata)
	if whole == nil {
		whole = map[string]any{}
	}
	whole[logLevelKey], whole[logMessageKey] = level, message
	return whole
}
