package spool

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"testing"
)

// groupOf returns a group of these events.
func groupOf(events []string) *Group {
	g := NewGroup(GroupSize(0, 0))
	for _, event := range events {
		g.Add("key", func(b []byte) []byte { return append(b, event...) })
	}
	return g
}

func texts(records []Record) (events []string) {
	for _, record := range records {
		events = append(events, string(record.Event))
	}
	return events
}

func TestGroups(t *testing.T) {
	t.Parallel()
	t.Run("a group is as long as GroupSize states", func(t *testing.T) {
		t.Parallel()
		events := numbered(1, 7, 50)
		if g := groupOf(events); int64(len(g.content)) != GroupSize(7, 7*53) {
			t.Errorf("%d bytes, not %d", len(g.content), GroupSize(7, 7*53))
		}
	})

	t.Run("a group stays in the memory that it was created with", func(t *testing.T) {
		t.Parallel()
		g := NewGroup(GroupSize(2, 26))
		first := g.Add("key", func(b []byte) []byte { return append(b, "000001aaaa"...) })
		g.Add("key", func(b []byte) []byte { return append(b, "000002bbbb"...) })
		if string(first.Key) != "key" || string(first.Event) != "000001aaaa" || &first.Event[0] != &g.content[23] {
			t.Errorf("%q %q", first.Key, first.Event)
		}
	})

	t.Run("the events of a group are sent in their order, between single ones", func(t *testing.T) {
		t.Parallel()
		h, folder := &host{inMemory: true}, folderOf(t)
		s := open(t, h, folder, nil)
		events := numbered(1, 700, 1000)
		spillAll(t, s, events[:100])
		must(t, s.SpillGroup(groupOf(events[100:600]), 0))
		spillAll(t, s, events[600:])
		if s.Pending() != 700 {
			t.Errorf("%d are pending", s.Pending())
		}
		h.set(func() { h.inMemory = false })
		s.Wake()
		expectReceived(t, h, events)
		expectEmpty(t, folder)
	})

	t.Run("all events of a group are adopted", func(t *testing.T) {
		t.Parallel()
		folder, events := folderOf(t), numbered(1, 12, 100)
		gone := open(t, &host{fault: errAway}, folder, nil)
		spillAll(t, gone, events[:1])
		must(t, gone.SpillGroup(groupOf(events[1:]), 0))
		gone.crash()
		h := &host{}
		s := open(t, h, folder, nil)
		expectReceived(t, h, events)
		expectEmpty(t, folder)
		if adopted, _, _ := s.Counters(); adopted != 12 {
			t.Errorf("%d were adopted", adopted)
		}
	})

	t.Run("a permanently rejected event of a group becomes a dead letter by itself", func(t *testing.T) {
		t.Parallel()
		folder, events := folderOf(t), numbered(1, 3, 100)
		h := &host{faults: map[string]error{events[1]: errFinal}}
		s := open(t, h, folder, nil)
		must(t, s.SpillGroup(groupOf(events), 0))
		expectReceived(t, h, []string{events[0], events[2]})
		eventually(t, "it is counted", func() bool { _, _, dead := s.Counters(); return dead == 1 })
		s.Release()
		expectEmpty(t, folder)
		if dead := segmentsIn(t, folder, kindDead); len(dead) != 1 || !slices.Equal(h.deadLetters, events[1:2]) {
			t.Errorf("dead segments %v, dead letters %d", dead, len(h.deadLetters))
		}
	})

	t.Run("a group is sent again as long as one of its events is not acknowledged", func(t *testing.T) {
		t.Parallel()
		folder, events := folderOf(t), numbered(1, 4, 100)
		h := &host{faults: map[string]error{events[2]: errAway}}
		gone := open(t, h, folder, nil)
		spillAll(t, gone, events[:1])
		must(t, gone.SpillGroup(groupOf(events[1:]), 0))
		eventually(t, "the others are delivered", func() bool { return slices.Contains(h.received(), events[3]) })
		gone.crash()
		next := &host{}
		open(t, next, folder, nil)
		expectReceived(t, next, events[1:])
	})

	t.Run("the acked offset passes a group that is delivered from memory once each event is acknowledged", func(t *testing.T) {
		t.Parallel()
		folder, events := folderOf(t), numbered(1, 300, 100)
		s := open(t, &host{}, folder, durable)
		g, err := s.AppendGroup(groupOf(events), 0)
		must(t, err)
		for range 299 {
			g.MarkAcked()
		}
		if g.isAcked() || !g.complete.Load() {
			t.Error("it is acknowledged, or takes more records")
		}
		g.MarkAcked()
		eventually(t, "all is acknowledged", func() bool {
			s.events.mu.Lock()
			defer s.events.mu.Unlock()
			return s.events.current.isDone()
		})
	})

	t.Run("damage loses a group as a whole, and is one damaged place", func(t *testing.T) {
		t.Parallel()
		folder, events := folderOf(t), numbered(1, 7, 100)
		gone := open(t, &host{fault: errAway}, folder, nil)
		spillAll(t, gone, events[:1])
		must(t, gone.SpillGroup(groupOf(events[1:6]), 0))
		spillAll(t, gone, events[6:])
		gone.Release()
		rewrite(t, folder, func(b []byte) []byte { b[headerBytes+117+300] ^= 1; return b })
		h := &host{}
		open(t, h, folder, nil)
		expectReceived(t, h, []string{events[0], events[6]})
		expectWarning(t, h, "damaged in 1 places")
	})

	t.Run("of a group whose end is missing no event is there", func(t *testing.T) {
		t.Parallel()
		single := newRecordHead(7, []byte("key"), []byte("000001"))
		content := slices.Concat(single[:], []byte("key000001"), groupOf(numbered(2, 9, 30)).encode(7).head)
		records, damaged := readRecords(content, 7, 0)
		if len(records) != 10 || damaged != 0 {
			t.Fatalf("%d records, %d damaged", len(records), damaged)
		}
		for end := len(content) - 1; end > len(single)+9; end-- {
			if found, _ := readRecords(content[:end], 7, 0); !slices.Equal(texts(found), []string{"000001"}) {
				t.Fatalf("%d of %d bytes: %d records", end, len(content), len(found))
			}
		}
	})

	t.Run("a member that is longer than its group makes no record", func(t *testing.T) {
		t.Parallel()
		for at, value := range map[int]byte{frameBytes + keyBytes: 200, frameBytes + keyBytes + memberBytes: 200} {
			g := groupOf(numbered(1, 2, 30))
			g.content[at] = value
			if records, _ := readRecords(g.encode(7).head, 7, 0); len(records) > 0 {
				t.Errorf("byte %d: %d records", at, len(records))
			}
		}
	})

	t.Run("a group without members is no record", func(t *testing.T) {
		t.Parallel()
		if records, damaged := readRecords(slices.Concat(groupOf(nil).encode(7).head, groupOf(numbered(1, 2, 30)).encode(7).head), 7, 0); len(records) != 2 || damaged != 1 {
			t.Errorf("%d records, %d damaged", len(records), damaged)
		}
	})

	t.Run("an acked offset selects whole groups", func(t *testing.T) {
		t.Parallel()
		content := slices.Concat(groupOf(numbered(1, 2, 30)).encode(7).head, groupOf(numbered(3, 2, 30)).encode(7).head)
		records, _ := readRecords(content, 7, 0)
		half := int64(len(content) / 2)
		for acked, left := range map[int64]int{0: 4, half: 2, 2 * half: 0, half + 1: 4} {
			if got := len(unackedRecords(records, acked)); got != left {
				t.Errorf("%d are left after %d, want %d", got, acked, left)
			}
		}
	})
}

func TestHeadroom(t *testing.T) {
	t.Parallel()
	large := func() *Group { return groupOf(numbered(1, 500, 1200)) }

	t.Run("a group that is longer than the headroom of an event finds space for all of it", func(t *testing.T) {
		t.Parallel()
		h, folder := &host{inMemory: true}, folderOf(t)
		s := open(t, h, folder, func(c *Config) { c.MaxBytes = 3 * segmentBytes })
		written := 0
		for ; ; written += 500 {
			g := large()
			reserved, err := s.ReserveGroup(int64(len(g.content)))
			if err != nil {
				break
			}
			if err := s.SpillGroup(g, reserved); err != nil {
				t.Fatalf("after %d events: %v", written, err)
			}
		}
		if written != 1500 || s.Pending() != written {
			t.Errorf("%d events fit into three segments, %d are pending", written, s.Pending())
		}
		if left := s.events.reserved.Load(); left != 0 {
			t.Errorf("%d bytes stay reserved", left)
		}
	})

	t.Run("groups that are reserved at once wait for each other, and each is written", func(t *testing.T) {
		t.Parallel()
		s := open(t, &host{inMemory: true}, folderOf(t), func(c *Config) { c.MaxBytes = 16 * segmentBytes })
		done := make(chan error)
		for range 8 {
			go func() {
				g := large()
				reserved, err := s.ReserveGroup(int64(len(g.content)))
				if err == nil {
					err = s.SpillGroup(g, reserved)
				}
				done <- err
			}()
		}
		for range 8 {
			must(t, <-done)
		}
		if s.Pending() != 8*500 {
			t.Errorf("%d are pending", s.Pending())
		}
	})

	t.Run("an idle client gives up the segment that a group needed", func(t *testing.T) {
		t.Parallel()
		h, folder := &host{}, folderOf(t)
		s := open(t, h, folder, nil)
		g := large()
		reserved, err := s.ReserveGroup(int64(len(g.content)))
		must(t, err)
		must(t, s.SpillGroup(g, reserved))
		eventually(t, "all arrived", func() bool { return len(h.received()) == 500 })
		expectEmpty(t, folder)
		if s.events.headroom.Load() != 0 {
			t.Error("it counts on space that it has given up")
		}
	})
}

func TestVersions(t *testing.T) {
	t.Parallel()
	t.Run("segments of version 1 are read", func(t *testing.T) {
		t.Parallel()
		h := decodeHeader(fixture(t, 1, 0))
		if !h.sound || h.isNewer() {
			t.Errorf("%+v", h)
		}
	})

	t.Run("segments are written as version 2", func(t *testing.T) {
		t.Parallel()
		folder := folderOf(t)
		s := open(t, &host{fault: errAway}, folder, nil)
		spillAll(t, s, numbered(1, 1, 10))
		content, err := os.ReadFile(fmt.Sprintf("%s/%s", folder, segmentsIn(t, folder, kindEvents)[0]))
		must(t, err)
		if h := decodeHeader(content); h.version != 2 || !bytes.HasPrefix(content, []byte(magic)) {
			t.Errorf("%+v", h)
		}
	})
}
