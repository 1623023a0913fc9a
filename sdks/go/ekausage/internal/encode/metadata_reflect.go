package encode

import (
	"encoding"
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// mostPointers is how many pointers in a row are followed: they may form a cycle.
const mostPointers = 100

// reflected writes a value of a type that has no case of its own.
func (w *metadataWriter) reflected(value any) bool {
	switch value.(type) {
	case json.Marshaler, encoding.TextMarshaler:
		return w.marshalled(value)
	case error:
		return w.form(value)
	}
	v := reflect.ValueOf(value)
	if pointer := reflect.PointerTo(v.Type()); pointer.Implements(jsonMarshaler) || pointer.Implements(textMarshaler) {
		return w.marshalled(addressable(v))
	}
	switch v.Kind() {
	case reflect.Bool:
		return w.value(v.Bool())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return w.value(v.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		w.text = strconv.AppendUint(w.text, v.Uint(), 10)
		return w.fits()
	case reflect.Float32:
		return w.float(v.Float(), 32)
	case reflect.Float64:
		return w.float(v.Float(), 64)
	case reflect.String:
		return w.string(v.String())
	case reflect.Pointer:
		return w.pointer(value, v)
	case reflect.Map:
		return w.typedMap(value, v)
	case reflect.Slice, reflect.Array:
		return w.list(value, v)
	case reflect.Struct:
		if isOpaque(v.Type()) {
			return w.form(value)
		}
		return w.marshalled(addressable(v))
	default:
		return w.form(value)
	}
}

var (
	jsonMarshaler = reflect.TypeFor[json.Marshaler]()
	textMarshaler = reflect.TypeFor[encoding.TextMarshaler]()
)

// addressable returns a pointer to a copy of a value. Methods of a pointer, such as those of big.Int,
// encode the value and its fields only where encoding/json can take their addresses.
func addressable(v reflect.Value) any {
	own := reflect.New(v.Type())
	own.Elem().Set(v)
	return own.Interface()
}

// isOpaque reports whether encoding/json would write {} whatever a struct holds.
func isOpaque(t reflect.Type) bool {
	for i := range t.NumField() {
		if field := t.Field(i); field.IsExported() || field.Anonymous {
			return false
		}
	}
	return t.NumField() > 0
}

func (w *metadataWriter) pointer(value any, v reflect.Value) bool {
	for range mostPointers {
		if v.IsNil() {
			return w.value(nil)
		}
		if v = v.Elem(); v.Kind() != reflect.Pointer && v.Kind() != reflect.Interface {
			return w.value(v.Interface())
		}
	}
	return w.form(value)
}

func (w *metadataWriter) typedMap(value any, v reflect.Value) bool {
	if v.IsNil() || v.Type().Key().Kind() != reflect.String {
		return w.marshalled(value)
	}
	if v.Len() > (metadataMaxBytes-len(w.text))/shortestMember {
		return false
	}
	if !w.enter(value, -1) {
		return w.string(metadataTooDeep)
	}
	keys, size := v.MapKeys(), len(w.text)
	for _, key := range keys {
		if size += key.Len(); size > metadataMaxBytes {
			return false
		}
	}
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	names := make([]string, len(keys))
	for i, key := range keys {
		names[i] = key.String()
	}
	if unique := w.uniqueNames(names); unique != nil {
		names = unique
	}
	w.text = append(w.text, '{')
	for i, key := range keys {
		if i > 0 {
			w.text = append(w.text, ',')
		}
		if !w.string(names[i]) || !w.member(names[i], v.MapIndex(key).Interface()) {
			return false
		}
	}
	w.text = append(w.text, '}')
	w.leave()
	return w.fits()
}

func (w *metadataWriter) list(value any, v reflect.Value) bool {
	if v.Kind() == reflect.Slice {
		if v.IsNil() {
			return w.value(nil)
		}
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return v.Len() <= metadataMaxBytes && w.marshalled(value) // base64
		}
		if !w.enter(value, v.Len()) {
			return w.string(metadataTooDeep)
		}
	} else {
		// An array cannot contain itself.
		if !w.enter(new(byte), -1) {
			return w.string(metadataTooDeep)
		}
	}
	w.text = append(w.text, '[')
	for i := range v.Len() {
		if i > 0 {
			w.text = append(w.text, ',')
		}
		w.path = append(w.path, pathStep{index: i})
		if !w.value(v.Index(i).Interface()) {
			return false
		}
		w.path = w.path[:len(w.path)-1]
	}
	w.text = append(w.text, ']')
	w.leave()
	return w.fits()
}
