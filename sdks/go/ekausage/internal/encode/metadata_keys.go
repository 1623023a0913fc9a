package encode

import (
	"encoding/json"
	"fmt"
	"slices"
	"unicode/utf8"
)

// keyNames are the names of the keys of one object so far, each with its last number, so that many keys
// of one name take linear time.
type keyNames map[string]int

// uniqueNames returns the names of keys in metadata; nil if each key is its own name. Keys of
// invalid UTF-8 may have one text.
func (w *metadataWriter) uniqueNames(keys []string) []string {
	if !slices.ContainsFunc(keys, func(key string) bool { return !utf8.ValidString(key) }) {
		return nil
	}
	taken := keyNames{}
	names := make([]string, len(keys))
	for i, key := range keys {
		names[i] = w.uniqueName(key, taken)
	}
	return names
}

// uniqueName returns a key as valid UTF-8, renamed if that is the text of an earlier key.
func (w *metadataWriter) uniqueName(key string, taken keyNames) string {
	wanted := string([]rune(key)) // U+FFFD for each invalid byte
	name := wanted
	for number, found := taken[name]; found; _, found = taken[name] {
		number++
		taken[wanted] = number
		name = fmt.Sprintf("%s~%d", wanted, number)
	}
	taken[name] = 1
	if name != wanted {
		w.path = append(w.path, pathStep{key: name})
		w.loseHere("was renamed, as another key has its name")
		w.path = w.path[:len(w.path)-1]
	}
	return name
}

// decoded reads one value. An object has a key twice if encoding/json wrote U+FFFD for invalid UTF-8,
// or the caller's own methods did.
func (w *metadataWriter) decoded(reader *json.Decoder) (any, error) {
	token, err := reader.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('{'):
		object, taken := map[string]any{}, keyNames{}
		for reader.More() {
			key, err := reader.Token()
			if err != nil {
				return nil, err
			}
			name, _ := key.(string)
			name = w.uniqueName(name, taken)
			if object[name], err = w.decoded(reader); err != nil {
				return nil, err
			}
		}
		_, err = reader.Token()
		return object, err
	case json.Delim('['):
		list := []any{}
		for reader.More() {
			item, err := w.decoded(reader)
			if err != nil {
				return nil, err
			}
			list = append(list, item)
		}
		_, err = reader.Token()
		return list, err
	}
	return token, nil
}
