package encode

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestNumbers(t *testing.T) {
	t.Run("a float reads back as itself", testFloats)
	t.Run("text that is not a number is rejected", testMalformedNumbers)
}

func testFloats(t *testing.T) {
	for range 100_000 {
		number := math.Float64frombits(rand.Uint64())
		if math.IsNaN(number) || math.IsInf(number, 0) {
			continue
		}
		text := string(appendNumber(nil, number))
		if back, err := strconv.ParseFloat(text, 64); err != nil || back != number {
			t.Fatalf("%v is %s", number, text)
		}
		// The standard library writes floats as ECMAScript does, but for minus zero.
		if want, _ := json.Marshal(number); string(want) != text && number != 0 {
			t.Fatalf("%s, want %s", text, want)
		}
		exact, ok := appendDecimal(nil, strconv.FormatFloat(number, 'e', -1, 64))
		if !ok || string(exact) != text {
			t.Fatalf("as a decimal %s, want %s", exact, text)
		}
	}
}

func testMalformedNumbers(t *testing.T) {
	for _, text := range []string{"", "-", "+1", "01", "1.", ".1", "1e", "1e+", "0x1", "NaN", "1_0", "1e9999999999999999999", " 1"} {
		if got, ok := appendDecimal(nil, text); ok {
			t.Errorf("%q is %s", text, got)
		}
	}
}

func TestEscaping(t *testing.T) {
	t.Run("escaped text reads back as itself", testEscaping)
}

func testEscaping(t *testing.T) {
	for r := rune(0); r <= 0x10FFFF; r += 1 + r/64 {
		text := "a" + string(r) + "b"
		var back string
		if err := json.Unmarshal([]byte(`"`+escaped(text)+`"`), &back); err != nil || back != text {
			t.Fatalf("%q became %q: %v", text, escaped(text), err)
		}
	}
	for text, want := range map[string]string{
		"\xff":           "\uFFFD",
		"a\xed\xa0\x80b": "a\uFFFD\uFFFD\uFFFDb",
		"\u2028</\x7f":   "\u2028</\x7f",
		"\x1f\"\\":       `\u001f\"\\`,
	} {
		if got := escaped(text); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

func TestIDs(t *testing.T) {
	t.Run("an id is a UUIDv7 of its time, and none is minted twice", testUUIDs)
}

func testUUIDs(t *testing.T) {
	form := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	const now = 1_769_851_800_123
	seen := map[string]bool{}
	var s Scratch
	for range 100_000 {
		id := s.mint(now, salt{})
		if seen[id] || !form.MatchString(id) {
			t.Fatalf("%s is malformed or minted twice", id)
		}
		seen[id] = true
		if at, _ := strconv.ParseInt(strings.ReplaceAll(id[:13], "-", ""), 16, 64); at != now {
			t.Fatalf("%s is of %d", id, at)
		}
	}
}

func TestScratch(t *testing.T) {
	t.Run("ids and events stay unchanged once returned", testScratchReuse)
}

func testScratchReuse(t *testing.T) {
	var s Scratch
	var ids []string
	var pieces [][]byte
	for i := range 10_000 {
		ids = append(ids, s.mint(int64(i), salt{}))
		size := i * 7 % (2 * largestCarved)
		piece := s.Carve(size)
		for range size / 2 {
			piece = append(piece, byte(i))
		}
		pieces = append(pieces, s.Keep(piece))
	}
	for i, piece := range pieces {
		if strings.Count(string(piece), string([]byte{byte(i)})) != len(piece) || cap(piece) != len(piece) {
			t.Fatalf("piece %d was overwritten, or may overwrite the next", i)
		}
	}
	if slices.Sort(ids); len(slices.Compact(ids)) != 10_000 {
		t.Error("ids were overwritten")
	}
}

func TestAllocations(t *testing.T) {
	t.Run("an event without metadata takes well under one allocation", func(t *testing.T) {
		e := NewEncoder(&Config{ServiceName: "test", Hostname: "host"})
		call := Call{WorkspaceID: "ws-1", Product: "api", MetricType: "api_call", Quantity: 2.5}
		allocations := testing.AllocsPerRun(20_000, func() {
			s := GetScratch()
			checked, rejection := e.Encode(s, &call, time.Now())
			if rejection != nil {
				t.Fatal(rejection)
			}
			s.Keep(checked.Append(s.Carve(checked.Size()), 1))
			s.Release()
		})
		if allocations >= 0.1 {
			t.Errorf("%v allocations per event", allocations)
		}
	})
}

func TestPrintable(t *testing.T) {
	text, err := os.ReadFile("../../../../../tests/conformance/printable.json")
	if err != nil {
		t.Fatal(err)
	}
	var shared struct {
		Cases []struct{ Text, Printable string }
	}
	if err := json.Unmarshal(text, &shared); err != nil || len(shared.Cases) == 0 {
		t.Fatalf("%d cases: %v", len(shared.Cases), err)
	}
	for _, c := range shared.Cases {
		if got := Printable(c.Text); got != c.Printable {
			t.Errorf("%q is shown as %q, want %q", c.Text, got, c.Printable)
		}
		if got := Printable(c.Printable); got != c.Printable {
			t.Errorf("%q is shown as %q", c.Printable, got)
		}
	}
	if got := Printable("a\xff\uFFFD"); got != `a\xff`+"\uFFFD" {
		t.Errorf("invalid UTF-8 is shown as %q", got)
	}
}
