package spool

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
)

func TestReplay(t *testing.T) {
	t.Parallel()
	t.Run("the backlog is sent in order and its segments are removed", func(t *testing.T) {
		t.Parallel()
		h, folder := &host{fault: errAway}, folderOf(t)
		s := open(t, h, folder, nil)
		events := numbered(1, 3000, 1000)
		spillAll(t, s, events)
		if s.Pending() != 3000 || !s.HasBacklog() || len(segmentsIn(t, folder, kindEvents)) < 3 {
			t.Errorf("%d events are pending, in %v", s.Pending(), segmentsIn(t, folder, kindEvents))
		}
		h.set(func() { h.fault = nil })
		expectReceived(t, h, events)
		expectEmpty(t, folder)
		if s.HasBacklog() || s.Pending() != 0 || h.delivered != 3000 {
			t.Errorf("backlog: %v, %d events pending, %d delivered", s.HasBacklog(), s.Pending(), h.delivered)
		}
	})

	t.Run("one event at a time probes while the circuit breaker is open", func(t *testing.T) {
		t.Parallel()
		h := &host{fault: errAway, inMemory: true} // until all are written, so that the first batch has all
		s := open(t, h, folderOf(t), nil)
		events := numbered(1, 100, 100)
		spillAll(t, s, events)
		h.set(func() { h.inMemory = false })
		s.Wake()
		eventually(t, "it made a few attempts", func() bool {
			h.mu.Lock()
			defer h.mu.Unlock()
			return len(h.sizes) > 5
		})
		h.set(func() { h.fault = nil })
		expectReceived(t, h, events)
		h.mu.Lock()
		defer h.mu.Unlock()
		if first := h.sizes[0]; first != 100 {
			t.Errorf("the first batch has %d events", first)
		}
		for _, size := range h.sizes[1 : len(h.sizes)-1] {
			if size != 1 {
				t.Errorf("%d events were sent while the circuit breaker was open", size)
			}
		}
	})

	t.Run("a permanently rejected event becomes a dead letter", func(t *testing.T) {
		t.Parallel()
		folder, events := folderOf(t), numbered(1, 3, 100)
		h := &host{faults: map[string]error{events[1]: errFinal}}
		s := open(t, h, folder, nil)
		spillAll(t, s, events)
		expectReceived(t, h, []string{events[0], events[2]})
		eventually(t, "it is counted", func() bool { _, _, dead := s.Counters(); return dead == 1 })
		s.Release()
		expectEmpty(t, folder)
		dead := segmentsIn(t, folder, kindDead)
		if len(dead) != 1 || dead[0].firstSeq != 2 || dead[0].owner != unowned || !slices.Equal(h.deadLetters, events[1:2]) {
			t.Errorf("dead segments %v, %d dead letters", dead, len(h.deadLetters))
		}
	})

	t.Run("adopted events wait while the client's own take the capacity", func(t *testing.T) {
		t.Parallel()
		folder, events := folderOf(t), numbered(1, 10, 100)
		gone := open(t, &host{fault: errAway}, folder, nil)
		spillAll(t, gone, events)
		gone.Release()
		h := &host{busy: true}
		open(t, h, folder, nil)
		time.Sleep(200 * time.Millisecond)
		if len(h.received()) > 0 {
			t.Fatal("they were sent")
		}
		h.set(func() { h.busy = false })
		expectReceived(t, h, events)
	})
}

func TestAppend(t *testing.T) {
	t.Parallel()
	t.Run("acknowledged groups move the acked offset and remove segments", func(t *testing.T) {
		t.Parallel()
		h, folder := &host{}, folderOf(t)
		s := open(t, h, folder, durable)
		groups := appendAll(t, s, numbered(1, 2500, 1000))
		first := &segment{directory: s.events.directory, name: segmentBeginningWith(t, folder, 1)}
		if err := first.open(os.O_RDONLY); err != nil {
			t.Fatal(err)
		}
		acked := func() uint64 {
			h, err := first.readHeader()
			if err != nil {
				t.Fatal(err)
			}
			return h.ackedOffset
		}
		some := slices.Index(groups, groups[2*groupEvents]) // two groups, all of them
		for _, g := range groups[1:some] {
			g.MarkAcked()
		}
		time.Sleep(50 * time.Millisecond)
		if acked() != 0 {
			t.Error("the acked offset moved past a record that is not acknowledged")
		}
		groups[0].MarkAcked()
		eventually(t, "the acked offset has moved", func() bool { return acked() == uint64(groups[some-1].end) })
		for _, g := range groups[some:] {
			g.MarkAcked()
		}
		eventually(t, "the first segment is removed", func() bool { return !first.exists() })
		s.Release()
		expectEmpty(t, folder)
		if len(h.received()) > 0 {
			t.Error("what was delivered from memory was sent again")
		}
	})

	t.Run("once an event is pending, later ones follow it to disk", func(t *testing.T) {
		t.Parallel()
		h := &host{fault: errAway}
		s := open(t, h, folderOf(t), durable)
		appendAll(t, s, numbered(1, 1, 10))[0].MarkAcked()
		spillAll(t, s, numbered(2, 1, 10))
		if g, err := s.Append([]byte("key"), []byte("000003"), 0); g != nil || err != nil {
			t.Errorf("it is delivered from memory: %v %v", g, err)
		}
		h.set(func() { h.fault = nil })
		expectReceived(t, h, []string{numbered(2, 1, 10)[0], "000003"})
		eventually(t, "the backlog is delivered", func() bool { return !s.HasBacklog() })
		appendAll(t, s, numbered(4, 1, 10))[0].MarkAcked()
	})

	t.Run("after SpillAll, every event goes to disk", func(t *testing.T) {
		t.Parallel()
		h := &host{}
		s := open(t, h, folderOf(t), nil)
		s.SpillAll()
		for _, event := range numbered(1, 3, 10) {
			if g, err := s.Append([]byte("key"), []byte(event), 0); g != nil || err != nil {
				t.Errorf("it is delivered from memory: %v %v", g, err)
			}
			eventually(t, "it is delivered from disk", func() bool { return s.Pending() == 0 })
		}
		expectReceived(t, h, numbered(1, 3, 10))
	})

	t.Run("a fenced segment is left, and its record written to another", func(t *testing.T) {
		t.Parallel()
		folder := folderOf(t)
		h := &host{}
		s := open(t, h, folder, durable)
		appendAll(t, s, numbered(1, 1, 10))
		name := segmentBeginningWith(t, folder, 1)
		taken := &segment{directory: s.events.directory, name: name}
		if transferred, err := taken.transferTo(fixtureAdopter); !transferred || err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(taken.open(os.O_RDWR), taken.fence()); err != nil {
			t.Fatal(err)
		}
		appendAll(t, s, numbered(2, 1, 10))
		content, err := os.ReadFile(filepath.Join(folder, segmentBeginningWith(t, folder, 2).String()))
		if err != nil || !bytes.Contains(content, []byte(numbered(2, 1, 10)[0])) {
			t.Error("the record is not in the next segment", err)
		}
	})

	t.Run("events are rejected before the spool is full", func(t *testing.T) {
		t.Parallel()
		h := &host{fault: errAway}
		s := open(t, h, folderOf(t), func(c *Config) { c.MaxBytes = 2 * segmentBytes })
		var full *FullError
		var events []string
		for i := 1; !errors.As(s.EnsureHeadroom(), &full); i++ {
			event := numbered(i, 1, 10_000)
			spillAll(t, s, event)
			events = append(events, event...)
		}
		if written := len(events) * 10_000; written < 2*segmentBytes-headroomBytes-20_000 || written > 2*segmentBytes {
			t.Errorf("%d bytes were written", written)
		}
		// Events that have a number already are still accepted.
		last := numbered(len(events)+1, 20, 10_000)
		spillAll(t, s, last)
		h.set(func() { h.fault = nil })
		expectReceived(t, h, append(events, last...))
		eventually(t, "there is space again", func() bool { return s.EnsureHeadroom() == nil })
	})

	t.Run("what was reserved has space, whoever else writes meanwhile", func(t *testing.T) {
		t.Parallel()
		s := open(t, &host{inMemory: true}, folderOf(t), func(c *Config) {
			c.Durable, c.MaxBytes, c.Tuning.crowdTimeout = true, segmentBytes, 0
		})
		event := bytes.Repeat([]byte("x"), 9_000)
		written := 0
		for full := false; !full; {
			var reservations []int64
			for {
				reserved, err := s.Reserve(int64(len("key") + len(event)))
				if full = s.EnsureHeadroom() != nil; err != nil {
					break
				}
				reservations = append(reservations, reserved)
			}
			for _, reserved := range reservations {
				if _, err := s.Append([]byte("key"), event, reserved); err != nil {
					t.Fatal(err)
				}
				written += len(event)
			}
		}
		if written < segmentBytes-2*headroomBytes || s.events.reserved.Load() != 0 {
			t.Errorf("%d bytes were written, %d are reserved", written, s.events.reserved.Load())
		}
	})

	t.Run("callers wait for others that are slow to write, and later ones behind them", func(t *testing.T) {
		t.Parallel()
		s := open(t, &host{inMemory: true}, folderOf(t), durable)
		all, err := s.ReserveGroup(emptySegment)
		must(t, err)
		done := make(chan error)
		reserve := func() {
			reserved, err := s.Reserve(1_000)
			s.Unreserve(reserved)
			done <- err
		}
		go reserve()
		eventually(t, "it waits", s.events.crowded.Load)
		go reserve()
		time.Sleep(150 * time.Millisecond) // as if nothing ran the caller that has reserved it all
		s.Unreserve(all)
		must(t, <-done)
		must(t, <-done)
		if _, err := s.Reserve(1_000); err != nil || s.events.crowded.Load() {
			t.Errorf("callers still wait: %v", err)
		}
	})

	t.Run("with a sync interval of 0, every event is on disk at once", func(t *testing.T) {
		t.Parallel()
		s := open(t, &host{}, folderOf(t), func(c *Config) { c.Durable, c.SyncInterval = true, 0 })
		for _, g := range appendAll(t, s, numbered(1, 50, 100)) {
			g.MarkAcked()
		}
		s.events.mu.Lock()
		defer s.events.mu.Unlock()
		if w := s.events.current; w.synced != w.end {
			t.Errorf("synced up to %d of %d", w.synced, w.end)
		}
	})

	t.Run("a segment that is delivered and removed during its fsync is no error", func(t *testing.T) {
		t.Parallel()
		h := &host{}
		s := open(t, h, folderOf(t), func(c *Config) { c.SyncInterval = 0 })
		var callers sync.WaitGroup
		for caller := range 4 {
			callers.Go(func() {
				for _, event := range numbered(1+caller*500, 500, 10) {
					if err := s.Spill([]byte("key"), []byte(event), 0); err != nil {
						t.Error(err)
					}
				}
			})
		}
		callers.Wait()
		eventually(t, "each event arrived", func() bool { return len(h.received()) == 2000 && s.Pending() == 0 })
	})

	t.Run("an event that fsync fails for is written once, and warned about", func(t *testing.T) {
		t.Parallel()
		h, folder := &host{inMemory: true}, folderOf(t)
		s := open(t, h, folder, func(c *Config) {
			c.SyncInterval, c.Tuning.Heartbeat = 0, time.Hour // or it would miss the segments below
		})
		events := numbered(1, 3, 10)
		spillAll(t, s, events[:1])
		if err := s.requeued.preallocate(false); err != nil {
			t.Fatal(err)
		}
		if err := s.Requeue([]byte("key"), []byte(events[1])); err != nil {
			t.Fatal(err)
		}
		broken, _, err := os.Pipe() // which has no fsync
		if err != nil {
			t.Fatal(err)
		}
		current := s.requeued.current
		use := func(file *os.File) (before *os.File) {
			current.syncing.Lock()
			defer current.syncing.Unlock()
			before, current.file = current.file, file
			return before
		}
		file := use(broken)
		if err := s.Requeue([]byte("key"), []byte(events[2])); err != nil {
			t.Errorf("the event counts as not written: %v", err)
		}
		expectWarning(t, h, "spool sync failed")
		use(file)
		h.set(func() { h.inMemory = false })
		s.Wake()
		expectReceived(t, h, []string{events[1], events[2], events[0]})
		eventually(t, "nothing is pending", func() bool { return s.Pending() == 0 })
	})

	t.Run("fsync ignores a segment that was removed in the meantime", func(t *testing.T) {
		t.Parallel()
		s := open(t, &host{}, folderOf(t), durable)
		appendAll(t, s, numbered(1, 1, 10))[0].MarkAcked()
		w := s.events.current
		if err := w.file.Close(); err != nil {
			t.Fatal(err)
		}
		if err := ignoreClosed(w.sync(w.end)); err != nil {
			t.Errorf("fsync failed: %v", err)
		}
	})
}

func TestDamage(t *testing.T) {
	t.Parallel()
	t.Run("damage loses only the record that it hits", func(t *testing.T) {
		t.Parallel()
		events := numbered(1, 5, 100)
		size := int(recordSize([]byte("key"), []byte(events[0])))
		for what, c := range map[string]struct {
			change  func([]byte) []byte
			left    []string
			warning string
		}{
			"in the middle": {func(b []byte) []byte { b[headerBytes+2*size+50] ^= 1; return b }, slices.Concat(events[:2], events[3:]), "damaged in 1 places"},
			"in the header": {func(b []byte) []byte { b[originAt] ^= 1; return b }, events, "a damaged header"},
			"a torn tail":   {func(b []byte) []byte { return b[:len(b)-3] }, events[:4], ""},
		} {
			t.Run(what, func(t *testing.T) {
				t.Parallel()
				folder := folderOf(t)
				gone := open(t, &host{fault: errAway}, folder, nil)
				spillAll(t, gone, events)
				gone.Release()
				rewrite(t, folder, c.change)
				h := &host{}
				open(t, h, folder, nil)
				expectReceived(t, h, c.left)
				expectEmpty(t, folder)
				if c.warning != "" {
					expectWarning(t, h, c.warning)
				} else if warnings := h.warned(); len(warnings) > 0 {
					t.Errorf("it warned: %v", warnings)
				}
			})
		}
	})
}
