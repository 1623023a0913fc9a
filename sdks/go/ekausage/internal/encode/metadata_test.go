package encode

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"net/netip"
	"strings"
	"testing"
	"time"
)

type (
	named   string
	level   int8
	point   struct{ X, Y float64 }
	painful struct{}
	itself  []itself
)

// initial is a key whose text is its first letter.
type initial struct{ text string }

func (i initial) MarshalText() ([]byte, error) { return []byte(i.text[:1]), nil }

func (painful) String() string               { panic("no") }
func (painful) MarshalJSON() ([]byte, error) { panic("neither") }

func written(t *testing.T, value any) (string, string) {
	t.Helper()
	var w metadataWriter
	_, lost, err := w.write(map[string]any{"k": value}, nil, nil, Trace{})
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(strings.TrimPrefix(string(w.text), `{"k":`), "}"), lost
}

func TestMetadata(t *testing.T) {
	t.Run("keys of one text are renamed and reported", func(t *testing.T) {
		for want, value := range map[string]any{
			`{"a\ufffd":1,"a\ufffd~2":2}`:              map[string]any{"a\x80": 1, "a\xff": 2},
			`{"\ufffd":1,"\ufffd~2":2,"\ufffd~2~2":4}`: map[string]int{"\x80": 1, "\x81": 2, "\ufffd~2": 4},
			`{"M":{"\ufffd":1,"\ufffd~2":2}}`:          struct{ M map[string]int }{map[string]int{"\x80": 1, "\xff": 2}},
			`{"a":1,"a~2":2}`:                          json.RawMessage(`{"a":1,"a":2}`),
			`{"k":[{"a":1,"a~2":2}]}`:                  json.RawMessage(`{"k":[{"a":1,"a":2}]}`),
		} {
			got, lost := written(t, value)
			if got != strings.ReplaceAll(want, `\ufffd`, "\ufffd") || !strings.Contains(lost, "was renamed") {
				t.Errorf("%q is %s, lost %q", value, got, lost)
			}
		}
		got, lost := written(t, map[initial]int{{"ab"}: 1, {"ac"}: 1})
		if got != `{"a":1,"a~2":1}` || !strings.Contains(lost, `"k.a~2" was renamed`) {
			t.Errorf("%s, lost %q", got, lost)
		}
	})

	t.Run("methods of a pointer encode a value too", func(t *testing.T) {
		whole := *new(big.Int).Lsh(big.NewInt(1), 70)
		for want, value := range map[string]any{
			`1.180591620717411303424e+21`:       whole,
			`{"N":1.180591620717411303424e+21}`: struct{ N big.Int }{whole},
			`[1.180591620717411303424e+21]`:     []big.Int{whole},
			`"1.5"`:                             *big.NewFloat(1.5),
			`"1/3"`:                             *big.NewRat(1, 3),
			`{"a":{"N":"1/3"}}`:                 map[string]any{"a": struct{ N *big.Rat }{big.NewRat(1, 3)}},
			`{}`:                                struct{}{},
			`{"X":1,"Y":2}`:                     struct{ point }{point{1, 2}},
		} {
			if got, lost := written(t, value); got != want || lost != "" {
				t.Errorf("%T is %s, lost %q, want %s", value, got, lost, want)
			}
		}
	})

	t.Run("a struct without exported fields is reported", func(t *testing.T) {
		got, lost := written(t, struct{ hidden int }{1})
		if got != `"<struct { hidden int }>"` || !strings.Contains(lost, "became a string") {
			t.Errorf("%s, lost %q", got, lost)
		}
	})

	t.Run("many keys of one text take linear time", func(t *testing.T) {
		many := map[string]any{}
		for i := range 6000 {
			many[string([]byte{0x80 + byte(i%64), 0x80 + byte(i/64)})] = 0
		}
		if _, lost := written(t, many); !strings.Contains(lost, "was cut") {
			t.Errorf("lost %q", lost)
		}
	})

	t.Run("Go values are written as the caller sees them", func(t *testing.T) {
		text := "t"
		var nothing *point
		for want, value := range map[string]any{
			`"n"`:                             named("n"),
			`-3`:                              level(-3),
			`18446744073709551615`:            uint64(math.MaxUint64),
			`0.1`:                             float32(0.1),
			`"t"`:                             &text,
			`null`:                            nothing,
			`{"X":1,"Y":0.5}`:                 point{1, 0.5},
			`[1,2]`:                           [2]int{1, 2},
			`{"a":["x","<&>"]}`:               map[string][]string{"a": {"x", "<&>"}},
			`{"1":true}`:                      map[int]bool{1: true},
			`"AQI="`:                          []byte{1, 2},
			`"10.0.0.1"`:                      netip.MustParseAddr("10.0.0.1"),
			`1500000000`:                      1500 * time.Millisecond,
			`"2026-01-31T09:30:00.5+05:30"`:   time.Date(2026, 1, 31, 9, 30, 0, 5e8, time.FixedZone("", 19800)),
			`1.2345678901234568e+23`:          json.Number("12345678901234568e7"),
			`1.2345678901234567890123456e+25`: func() any { n, _ := new(big.Int).SetString("12345678901234567890123456", 10); return n }(),
			`{"z":[]}`:                        json.RawMessage(`{"z": [ ]}`),
			`[{"X":0,"Y":0}]`:                 []point{{}},
		} {
			if got, lost := written(t, value); got != want || lost != "" {
				t.Errorf("%T: got %s, want %s, lost %q", value, got, want, lost)
			}
		}
	})

	t.Run("what JSON cannot express becomes a string and is reported", func(t *testing.T) {
		for want, value := range map[string]any{
			`"broken"`:           errors.New("broken"),
			`"(1+2i)"`:           complex(1, 2),
			`"<func()>"`:         func() {},
			`"<encode.painful>"`: painful{},
			`"<chan int>"`:       make(chan int),
			`"NaN"`:              float32(math.NaN()),
			`"-Infinity"`:        math.Inf(-1),
			`"1x"`:               json.Number("1x"),
		} {
			if got, lost := written(t, value); got != want || lost == "" {
				t.Errorf("%T: got %s, want %s, lost %q", value, got, want, lost)
			}
		}
		if _, lost := written(t, []any{1, map[string]any{"b": make(chan int)}}); !strings.Contains(lost, `"k.1.b"`) {
			t.Errorf("the place is not named: %q", lost)
		}
	})

	t.Run("a value that contains itself ends", func(t *testing.T) {
		list := []any{nil}
		list[0] = list
		own := itself{nil}
		own[0] = own
		var pointer any
		pointer = &pointer
		for _, value := range []any{list, own, pointer, struct{ M map[string]any }{func() map[string]any {
			m := map[string]any{}
			m["m"] = m
			return m
		}()}} {
			if got, lost := written(t, value); lost == "" || !json.Valid([]byte(got)) {
				t.Errorf("%T: got %s, lost %q", value, got, lost)
			}
		}
	})

	t.Run("metadata that is too large is not read to its end", func(t *testing.T) {
		reads := 0
		items := make([]any, 100_000)
		for i := range items {
			items[i] = counted{&reads}
		}
		var w metadataWriter
		quoted, lost, err := w.write(map[string]any{"items": items}, nil, nil, Trace{})
		if err != nil || string(w.text) != metadataOversize || lost == "" {
			t.Fatalf("got %s, lost %q, %v", quoted, lost, err)
		}
		if most := metadataMaxBytes/100 + 1; reads > most {
			t.Errorf("%d items were read, at most %d can fit", reads, most)
		}
		huge := new(big.Int).Lsh(big.NewInt(1), 100*mostBits)
		if _, _, err := w.write(map[string]any{"huge": huge}, nil, nil, Trace{}); err != nil || string(w.text) != metadataOversize {
			t.Errorf("a huge integer is %s, %v", w.text, err)
		}
		many := map[string]any{}
		for i := range 100_000 {
			many[fmt.Sprint(i)] = counted{&reads}
		}
		reads = 0
		if _, _, err := w.write(many, nil, nil, Trace{}); err != nil || reads > 0 {
			t.Errorf("%d of too many keys were read, %v", reads, err)
		}
	})

	t.Run("declared keys are checked", func(t *testing.T) {
		keys := []metadataKey{
			{"channel", true, "string", []string{`"sms"`, `"voice"`}},
			{"attempt", false, "integer", nil},
		}
		var w metadataWriter
		for _, c := range []struct {
			metadata map[string]any
			code     string
			lost     bool
		}{
			{map[string]any{"channel": "sms"}, "", false},
			{map[string]any{"channel": named("voice"), "attempt": uint8(2)}, "", false},
			{map[string]any{"channel": "sms", "attempt": 2.0}, "", false},
			{map[string]any{"channel": "sms", "attempt": 2.5}, "", true},
			{map[string]any{"channel": "sms", "attempt": "2"}, "", true},
			{map[string]any{"channel": "sms", "attempt": make(chan int)}, "", true},
			{nil, codeMetadataRequired, false},
			{map[string]any{"attempt": 1}, codeMetadataRequired, false},
			{map[string]any{"channel": "fax"}, codeMetadataInvalid, false},
			{map[string]any{"channel": nil}, codeMetadataInvalid, false},
		} {
			_, lost, rejection := w.write(c.metadata, keys, nil, Trace{})
			if rejection == nil && c.code != "" || rejection != nil && rejection.Code != c.code {
				t.Errorf("%v: %v, want %q", c.metadata, rejection, c.code)
			}
			if (lost != "") != c.lost {
				t.Errorf("%v: lost %q", c.metadata, lost)
			}
		}
		large := map[string]any{"channel": "sms", "text": strings.Repeat("x", metadataMaxBytes)}
		if _, _, err := w.write(large, keys, nil, Trace{}); err != nil || string(w.text) != `{"_truncated":true,"channel":"sms"}` {
			t.Errorf("got %s, %v", w.text, err)
		}
	})
}

// counted is a text that counts how often it is read.
type counted struct{ reads *int }

func (c counted) MarshalText() ([]byte, error) {
	*c.reads++
	return []byte(strings.Repeat("x", 100)), nil
}

func TestValuesAboutPersons(t *testing.T) {
	pii := []piiKey{{"name", hashPII}, {"phone", hashPII}, {"reason", dropPII}}
	digest := func(text string) string { return fmt.Sprintf(`"sha256:%x"`, sha256.Sum256([]byte(text))) }
	var w metadataWriter

	t.Run("the fields of a struct are hashed as those of a map", func(t *testing.T) {
		value := struct{ B, A any }{1, struct{ D, C string }{"d", "c"}}
		_, lost, err := w.write(map[string]any{"name": value}, nil, pii, Trace{})
		if want := `{"name":` + digest(`{"A":{"C":"c","D":"d"},"B":1}`) + `}`; string(w.text) != want || lost != "" || err != nil {
			t.Errorf("got %s, want %s, lost %q, %v", w.text, want, lost, err)
		}
	})

	t.Run("what a string form loses is reported, and hashed", func(t *testing.T) {
		_, lost, _ := w.write(map[string]any{"name": math.Inf(1), "other": 1}, nil, pii, Trace{})
		if want := `{"name":` + digest(`"Infinity"`) + `,"other":1}`; string(w.text) != want || lost != `"name" is not a finite number` {
			t.Errorf("got %s, lost %q", w.text, lost)
		}
	})

	t.Run("keys of objects inside are kept", func(t *testing.T) {
		w.write(map[string]any{"other": map[string]any{"phone": 1}}, nil, pii, Trace{})
		if string(w.text) != `{"other":{"phone":1}}` {
			t.Errorf("got %s", w.text)
		}
		w.write(map[string]any{"name": 1}, nil, nil, Trace{})
		if string(w.text) != `{"name":1}` {
			t.Errorf("the next event has %s", w.text)
		}
	})

	t.Run("a value of the wrong type is in no message", func(t *testing.T) {
		keys := []metadataKey{{"phone", true, "string", nil}}
		_, _, rejection := w.write(map[string]any{"phone": 49170}, keys, pii, Trace{})
		if rejection == nil || strings.Contains(rejection.Given, "49170") {
			t.Errorf("got %v", rejection)
		}
		keys[0].required = false
		if _, lost, _ := w.write(map[string]any{"phone": 49170}, keys, pii, Trace{}); lost == "" || strings.Contains(lost, "49170") {
			t.Errorf("lost %q", lost)
		}
	})
}

func TestValuesAboutPersonsInWhatIsExempt(t *testing.T) {
	before := Metrics[1]
	t.Cleanup(func() { Metrics[1] = before })
	Metrics[1].pii = []piiKey{{"name", hashPII}, {"reason", dropPII}}
	Metrics[1].metadata = []metadataKey{{"room", true, "", nil}}
	e := NewEncoder(&Config{ServiceName: "test", Hostname: "host"})
	void := Call{WorkspaceID: "w", ByMetric: true, Metric: 1}
	if rejection := void.MakeVoid("e-1", "because"); rejection != nil {
		t.Fatal(rejection)
	}
	named := Call{WorkspaceID: "w", ByMetric: true, Metric: 1, Exempt: true, Metadata: map[string]any{"name": "x"}}
	digest := fmt.Sprintf("%x", sha256.Sum256([]byte(`"x"`)))
	for want, call := range map[string]*Call{
		`"metadata":"{}"`: &void,
		`"metadata":"{\"name\":\"sha256:` + digest + `\"}"`: &named,
	} {
		var s Scratch
		checked, rejection := e.Encode(&s, call, time.Now())
		if rejection != nil {
			t.Fatal(rejection)
		}
		if got := string(checked.Append(nil, 1)); !strings.Contains(got, want) {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
