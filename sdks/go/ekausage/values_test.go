package ekausage

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestANumberReadsBackAsItself(t *testing.T) {
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

func TestTextThatIsNoNumberIsNone(t *testing.T) {
	for _, text := range []string{"", "-", "+1", "01", "1.", ".1", "1e", "1e+", "0x1", "NaN", "1_0", "1e9999999999999999999", " 1"} {
		if got, ok := appendDecimal(nil, text); ok {
			t.Errorf("%q is %s", text, got)
		}
	}
}

func TestEscapedTextReadsBackAsItself(t *testing.T) {
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

func TestAnIDIsAUUIDv7OfItsTimeAndNoneIsMintedTwice(t *testing.T) {
	form := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	const now = 1_769_851_800_123
	seen := map[string]bool{}
	var s scratch
	for range 100_000 {
		id := s.mint(now)
		if seen[id] || !form.MatchString(id) {
			t.Fatalf("%s, or twice", id)
		}
		seen[id] = true
		if at, _ := strconv.ParseInt(strings.ReplaceAll(id[:13], "-", ""), 16, 64); at != now {
			t.Fatalf("%s is of %d", id, at)
		}
	}
}

func TestIDsAndEventsThatWereGivenAwayStayAsTheyAre(t *testing.T) {
	var s scratch
	var ids []string
	var pieces [][]byte
	for i := range 10_000 {
		ids = append(ids, s.mint(int64(i)))
		size := i * 7 % (2 * largestCarved)
		piece := s.carve(size)
		for range size / 2 {
			piece = append(piece, byte(i))
		}
		pieces = append(pieces, s.keep(piece))
	}
	for i, piece := range pieces {
		if strings.Count(string(piece), string([]byte{byte(i)})) != len(piece) || cap(piece) != len(piece) {
			t.Fatalf("piece %d was written over, or may write over the next", i)
		}
	}
	if slices.Sort(ids); len(slices.Compact(ids)) != 10_000 {
		t.Error("ids were written over")
	}
}

func TestEventsOfOneSliceOfTimeShareAContextAndNoneEndsEarly(t *testing.T) {
	const after = 640 * time.Millisecond // slices of 10 ms
	e := newExpiry(t.Context(), after)
	start := time.Now()
	first := e.context(start)
	if e.context(start.Add(9*time.Millisecond)) != first {
		t.Error("two of one slice have two contexts")
	}
	second := e.context(start.Add(10 * time.Millisecond))
	if second == first {
		t.Error("two slices have one context")
	}
	deadline, _ := first.Deadline()
	if early := start.Add(after + 9*time.Millisecond); deadline.Before(early) || deadline.After(start.Add(after+e.slice)) {
		t.Errorf("it ends after %v", deadline.Sub(start))
	}
}

func TestRecordTakesWellUnderOneAllocation(t *testing.T) {
	client, err := New("test", WithKafkaBrokers("127.0.0.1:1"), WithFlushOnSigterm(false), WithOnError(func(error, map[string]any) {}))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Shutdown()
	e, call := client.encoder, call{workspaceID: "ws-1", product: "api", metricType: "api_call", quantity: 2.5}
	allocations := testing.AllocsPerRun(20_000, func() {
		s := scratches.Get().(*scratch)
		made, err := e.encode(s, &call)
		if err != nil {
			t.Fatal(err)
		}
		s.keep(made.parts.append(s.carve(made.parts.size(&made.values)), &made.values))
		s.release()
	})
	if allocations >= 0.1 {
		t.Errorf("%v allocations an event", allocations)
	}
}
