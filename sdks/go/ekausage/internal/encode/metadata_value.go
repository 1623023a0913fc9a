package encode

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// mostBits bounds the integers whose digits may fit into metadata.
const mostBits = 4 * metadataMaxBytes

// shortestMember is the length of the shortest key with its value.
const shortestMember = len(`"":0`)

// pathStep is a key, or an index if the key is empty.
type pathStep struct {
	key   string
	index int
}

// identity distinguishes maps and slices; two slices of one array differ in length.
type identity struct {
	pointer uintptr
	length  int
}

// value writes any value. Like the other methods, it stops and reports false as soon as the text is too
// long.
func (w *metadataWriter) value(value any) bool {
	switch value := value.(type) {
	case nil:
		w.text = append(w.text, "null"...)
	case string:
		return w.string(value)
	case bool:
		w.text = strconv.AppendBool(w.text, value)
	case int:
		w.text = strconv.AppendInt(w.text, int64(value), 10)
	case int64:
		w.text = strconv.AppendInt(w.text, value, 10)
	case int32:
		w.text = strconv.AppendInt(w.text, int64(value), 10)
	case float64:
		return w.float(value, 64)
	case json.Number:
		if len(value) > metadataMaxBytes {
			return false
		}
		text, ok := appendDecimal(w.text, string(value))
		if !ok {
			return w.form(value)
		}
		w.text = text
	case *big.Int:
		if value == nil {
			return w.value(nil)
		}
		// An integer of more bits has more digits than fit, which would take time to compute.
		return value.BitLen() <= mostBits && w.value(json.Number(value.String()))
	case time.Time:
		w.text = append(w.text, '"')
		w.text = value.AppendFormat(w.text, time.RFC3339Nano)
		w.text = append(w.text, '"')
	case map[string]any:
		if value == nil {
			w.text = append(w.text, "null"...)
			break
		}
		return w.object(value)
	default:
		return w.reflected(value)
	}
	return w.fits()
}

func (w *metadataWriter) fits() bool { return len(w.text) <= metadataMaxBytes }

func (w *metadataWriter) string(text string) bool {
	if len(w.text)+len(text) > metadataMaxBytes {
		return false
	}
	w.text = append(w.text, '"')
	w.text = appendEscaped(w.text, text)
	w.text = append(w.text, '"')
	return w.fits()
}

func (w *metadataWriter) float(value float64, bits int) bool {
	switch {
	case math.IsNaN(value):
		w.loseHere("is not a finite number")
		return w.string("NaN")
	case math.IsInf(value, 0):
		w.loseHere("is not a finite number")
		if value < 0 {
			return w.string("-Infinity")
		}
		return w.string("Infinity")
	}
	if bits == 32 {
		// The shortest decimal of this float32, which is what the caller sees.
		value, _ = strconv.ParseFloat(strconv.FormatFloat(value, 'g', -1, 32), 64)
	}
	w.text = appendNumber(w.text, value)
	return w.fits()
}

// object writes a map with its keys sorted.
func (w *metadataWriter) object(m map[string]any) bool {
	if len(m) > (metadataMaxBytes-len(w.text))/shortestMember {
		return false
	}
	if !w.enter(m, -1) {
		return w.string(metadataTooDeep)
	}
	first, size := len(w.keys), len(w.text)
	for key := range m {
		if size += len(key); size > metadataMaxBytes {
			return false // before long keys are compared
		}
		w.keys = append(w.keys, key)
	}
	keys := w.keys[first:]
	slices.Sort(keys)
	names := w.uniqueNames(keys)
	pii := w.pii
	if len(w.path) > 0 {
		pii = nil
	}
	w.text = append(w.text, '{')
	empty := len(w.text)
	for i, key := range keys {
		value, kept := m[key], true
		if pii != nil {
			if value, kept = w.redacted(key, value); !kept {
				continue
			}
		}
		if len(w.text) > empty {
			w.text = append(w.text, ',')
		}
		name := key
		if names != nil {
			name = names[i]
		}
		if !w.string(name) || !w.member(name, value) {
			return false
		}
	}
	w.keys = w.keys[:first]
	w.text = append(w.text, '}')
	w.leave()
	return w.fits()
}

// member writes the value of the key that was just written.
func (w *metadataWriter) member(key string, value any) bool {
	w.text = append(w.text, ':')
	w.path = append(w.path, pathStep{key: key})
	if !w.value(value) {
		return false
	}
	w.path = w.path[:len(w.path)-1]
	return true
}

// enter descends into a container, unless it is nested too deeply or contains itself.
func (w *metadataWriter) enter(container any, length int) bool {
	own := identity{reflect.ValueOf(container).Pointer(), length}
	if slices.Contains(w.above, own) && length != 0 {
		w.loseHere("contains itself")
		return false
	}
	if len(w.above) >= metadataMaxDepth {
		w.loseHere("is nested too deeply")
		return false
	}
	w.above = append(w.above, own)
	return true
}

func (w *metadataWriter) leave() { w.above = w.above[:len(w.above)-1] }

// loseHere describes the loss of the value being written.
func (w *metadataWriter) loseHere(what string) {
	if len(w.lost) >= mostLost {
		return
	}
	steps := make([]string, len(w.path))
	for i, step := range w.path {
		if steps[i] = step.key; step.key == "" {
			steps[i] = strconv.Itoa(step.index)
		}
	}
	w.lose(len(w.lost), fmt.Sprintf("%q %s", strings.Join(steps, "."), what))
}
