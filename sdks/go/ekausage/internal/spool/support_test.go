package spool

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	errAway  = errors.New("away")
	errFinal = errors.New("too large")
)

// host is a client whose Kafka accepts events as the test decides.
type host struct {
	mu          sync.Mutex
	fault       error            // of every event
	faults      map[string]error // of single ones
	sent        []string
	sizes       []int // of what was sent together
	delivered   int
	deadLetters []string
	warnings    []string
	busy        bool
	inMemory    bool // an event is queued that precedes the backlog
}

func (h *host) Drained() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return !h.inMemory
}

func (h *host) OpenReplayTransport() (ReplayTransport, error) { return h, nil }
func (h *host) IsFinal(err error) bool                        { return errors.Is(err, errFinal) }
func (h *host) Close()                                        {}

func (h *host) HasCapacity() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return !h.busy
}

func (h *host) Send(_ context.Context, records []Record) []error {
	h.mu.Lock()
	defer h.mu.Unlock()
	outcomes := make([]error, len(records))
	h.sizes = append(h.sizes, len(records))
	for i, record := range records {
		if outcomes[i] = cmpOr(h.faults[string(record.Event)], h.fault); outcomes[i] == nil {
			h.sent = append(h.sent, string(record.Event))
		}
	}
	return outcomes
}

func cmpOr(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

func (h *host) Delivered(events int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.delivered += events
}

func (h *host) Lost([]byte, bool) {}

func (h *host) DeadLettered(event []byte, _ error, _ bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.deadLetters = append(h.deadLetters, string(event))
}

func (h *host) Warn(_, text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.warnings = append(h.warnings, text)
}

func (h *host) set(change func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change()
}

func (h *host) received() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.sent)
}

func (h *host) warned() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.warnings)
}

// open opens a spool with short times.
func open(t *testing.T, h *host, folder string, change func(*Config)) *Spool {
	t.Helper()
	c := Config{
		Directory:    opened(t, folder),
		MaxBytes:     64 << 20,
		SyncInterval: time.Millisecond,
		Destination:  DestinationOf("topic", nil),
		InstanceID:   "instance",
		Now:          time.Now,
		SeqOf: func(event []byte) uint64 {
			seq, _ := strconv.ParseUint(string(event[:min(6, len(event))]), 10, 64)
			return seq
		},
		Tuning: DefaultTuning(),
	}
	c.Tuning.Heartbeat, c.Tuning.Lease = 10*time.Millisecond, 150*time.Millisecond
	c.Tuning.RetryMin, c.Tuning.RetryMax = 5*time.Millisecond, 20*time.Millisecond
	if change != nil {
		change(&c)
	}
	s := Open(c, h)
	t.Cleanup(s.Release)
	return s
}

// opened returns a directory that this process holds open.
func opened(t testing.TB, folder string) *Directory {
	t.Helper()
	d, err := Locate(folder)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.close() })
	return d
}

func durable(c *Config) { c.Durable = true }

// crash stops a spool as kill -9 does.
func (s *Spool) crash() {
	s.stop()
	s.running.Wait()
}

func folderOf(t *testing.T) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "spool")
}

// numbered returns events of so many bytes that begin with their number.
func numbered(from, count, size int) []string {
	events := make([]string, count)
	for i := range events {
		number := fmt.Sprintf("%06d", from+i)
		events[i] = number + strings.Repeat("x", max(0, size-len(number)))
	}
	return events
}

func spillAll(t *testing.T, s *Spool, events []string) {
	t.Helper()
	for _, event := range events {
		if err := s.Spill([]byte("key"), []byte(event), 0); err != nil {
			t.Fatal(err)
		}
	}
}

func appendAll(t *testing.T, s *Spool, events []string) []*AckGroup {
	t.Helper()
	var groups []*AckGroup
	for _, event := range events {
		g, err := s.Append([]byte("key"), []byte(event), 0)
		if err != nil || g == nil {
			t.Fatal(g, err)
		}
		groups = append(groups, g)
	}
	return groups
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 10 s: %s", what)
		}
	}
}

func expectReceived(t *testing.T, h *host, want []string) {
	t.Helper()
	eventually(t, "all events arrived", func() bool { return len(h.received()) >= len(want) })
	if got := h.received(); !slices.Equal(got, want) {
		t.Errorf("%d events arrived, want these %d in their order", len(got), len(want))
	}
}

func segmentsIn(t *testing.T, folder, kind string) []segmentName {
	t.Helper()
	files, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var found []segmentName
	for _, file := range files {
		if n, ok := parseSegmentName(file.Name()); ok && n.kind == kind {
			found = append(found, n)
		}
	}
	slices.SortFunc(found, compareSegmentNames)
	return found
}

// segmentBeginningWith returns the segment that begins with an event, unlike a preallocated one.
func segmentBeginningWith(t *testing.T, folder string, seq uint64) segmentName {
	t.Helper()
	segments := segmentsIn(t, folder, kindEvents)
	at := slices.IndexFunc(segments, func(n segmentName) bool { return n.firstSeq == seq })
	if at < 0 {
		t.Fatalf("no segment begins with event %d: %v", seq, segments)
	}
	return segments[at]
}

func expectEmpty(t *testing.T, folder string) {
	t.Helper()
	eventually(t, "the directory is empty", func() bool { return len(segmentsIn(t, folder, kindEvents)) == 0 })
}

func expectWarning(t *testing.T, h *host, text string) {
	t.Helper()
	contains := func(warning string) bool { return strings.Contains(warning, text) }
	eventually(t, "it warned: "+text, func() bool { return slices.ContainsFunc(h.warned(), contains) })
}

// rewrite changes the bytes of the first segment.
func rewrite(t *testing.T, folder string, change func(content []byte) []byte) {
	t.Helper()
	path := filepath.Join(folder, segmentsIn(t, folder, kindEvents)[0].String())
	content, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, change(content), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
