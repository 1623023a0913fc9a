package ekausage_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/big"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// unencodable is a value that JSON cannot express.
type unencodable chan int

func (unencodable) String() string { return "unencodable" }

// plain returns a value of a vector as a Go program passes it.
func plain(t *testing.T, value any) any {
	t.Helper()
	switch value := value.(type) {
	case json.Number:
		if !strings.ContainsAny(string(value), ".eE") {
			return integer(string(value))
		}
		number, err := value.Float64()
		if err != nil {
			t.Fatal(err)
		}
		return number
	case []any:
		items := make([]any, len(value))
		for i, item := range value {
			items[i] = plain(t, item)
		}
		return items
	case map[string]any:
		if kind, ok := value["$"]; ok {
			return special(t, kind.(string), value)
		}
		members := make(map[string]any, len(value))
		for name, member := range value {
			members[name] = plain(t, member)
		}
		return members
	}
	return value
}

func integer(text string) any {
	if small, err := strconv.ParseInt(text, 10, 64); err == nil {
		return small
	}
	large, _ := new(big.Int).SetString(text, 10)
	return large
}

// object returns a struct with these fields.
func object(t *testing.T, members map[string]any) any {
	t.Helper()
	names := slices.Sorted(maps.Keys(members))
	fields := make([]reflect.StructField, len(names))
	values := make([]reflect.Value, len(names))
	for i, name := range names {
		value := plain(t, members[name])
		fields[i] = reflect.StructField{
			Name: fmt.Sprintf("Field%d", i),
			Type: reflect.TypeFor[any](),
			Tag:  reflect.StructTag(fmt.Sprintf("json:%q", name)),
		}
		values[i] = reflect.ValueOf(&value).Elem()
	}
	filled := reflect.New(reflect.StructOf(fields)).Elem()
	for i, value := range values {
		filled.Field(i).Set(value)
	}
	return filled.Interface()
}

func special(t *testing.T, kind string, value map[string]any) any {
	t.Helper()
	switch kind {
	case "NaN":
		return math.NaN()
	case "Infinity":
		return math.Inf(1)
	case "-Infinity":
		return math.Inf(-1)
	case "repeat":
		times, _ := value["times"].(json.Number).Int64()
		return strings.Repeat(value["text"].(string), int(times))
	case "nested":
		levels, _ := value["levels"].(json.Number).Int64()
		inner := map[string]any{}
		for range levels - 1 {
			inner = map[string]any{"a": inner}
		}
		return inner
	case "cycle":
		cycle := map[string]any{}
		cycle["self"] = cycle
		return cycle
	case "unencodable":
		return make(unencodable)
	case "integer":
		return integer(value["text"].(string))
	case "object":
		return object(t, value["fields"].(map[string]any))
	case "decimal":
		return json.Number(value["text"].(string))
	}
	t.Fatalf("unknown special value %q", kind)
	return nil
}
