package ekausage

import (
	"net/url"
	"strconv"
	"strings"
	"time"
)

// queryValues are the parameters of a query; what is zero or empty is left out.
type queryValues url.Values

func (v queryValues) add(name, value string) { v[name] = append(v[name], value) }

func (v queryValues) text(name, value string) {
	if value != "" {
		v.add(name, value)
	}
}

func (v queryValues) bound(name, value string) { v.text(name, value) }

func (v queryValues) integer(name string, value int) {
	if value != 0 {
		v.add(name, strconv.Itoa(value))
	}
}

func (v queryValues) boolean(name string, value *bool) {
	if value != nil {
		v.add(name, strconv.FormatBool(*value))
	}
}

func (v queryValues) time(name string, value time.Time) {
	if !value.IsZero() {
		v.add(name, value.Format(time.RFC3339Nano))
	}
}

func (v queryValues) list(name string, values []string) {
	// The API splits a value that is the only one at commas, as CSV has it.
	if len(values) == 1 && strings.ContainsAny(values[0], ",\"\r\n") {
		v.add(name, `"`+strings.ReplaceAll(values[0], `"`, `""`)+`"`)
		return
	}
	for _, value := range values {
		v.add(name, value)
	}
}

func (v queryValues) keys(name string, keys map[string][]string) {
	for key, values := range keys {
		v.list(name+"."+key, values)
	}
}
