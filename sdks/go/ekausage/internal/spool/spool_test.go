package spool

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func TestWhatWaitsIsSentInOrderAndItsSegmentsAreRemoved(t *testing.T) {
	t.Parallel()
	h, folder := &host{fault: errAway}, folderOf(t)
	s := open(t, h, folder, nil)
	events := numbered(1, 3000, 1000)
	spillAll(t, s, events)
	if s.Pending() != 3000 || !s.HasBacklog() || len(segmentsIn(t, folder, kindEvents)) < 3 {
		t.Errorf("%d wait, in %v", s.Pending(), segmentsIn(t, folder, kindEvents))
	}
	h.set(func() { h.fault = nil })
	expectReceived(t, h, events)
	expectEmpty(t, folder)
	if s.HasBacklog() || s.Pending() != 0 || h.delivered != 3000 {
		t.Errorf("behind: %v, %d wait, %d delivered", s.HasBacklog(), s.Pending(), h.delivered)
	}
}

func TestGroupsThatAreDoneMoveTheMarkAndRemoveSegments(t *testing.T) {
	t.Parallel()
	h, folder := &host{}, folderOf(t)
	s := open(t, h, folder, durable)
	groups := appendAll(t, s, numbered(1, 2500, 1000))
	held := &segment{directory: s.events.directory, name: begunWith(t, folder, 1)}
	if err := held.open(os.O_RDONLY); err != nil {
		t.Fatal(err)
	}
	acked := func() uint64 {
		said, err := held.readHeader()
		if err != nil {
			t.Fatal(err)
		}
		return said.ackedOffset
	}
	some := slices.Index(groups, groups[2*groupEvents]) // those of whole groups
	for _, g := range groups[1:some] {
		g.MarkAcked()
	}
	time.Sleep(50 * time.Millisecond)
	if acked() != 0 {
		t.Error("the mark moved past a record that is not done")
	}
	groups[0].MarkAcked()
	eventually(t, "the mark has moved", func() bool { return acked() == uint64(groups[some-1].end) })
	for _, g := range groups[some:] {
		g.MarkAcked()
	}
	eventually(t, "the first segment is gone", func() bool { return !held.exists() })
	s.Release()
	expectEmpty(t, folder)
	if len(h.received()) > 0 {
		t.Error("what was delivered from memory was sent again")
	}
}

func TestOnceSomethingWaitsLaterEventsDoToo(t *testing.T) {
	t.Parallel()
	h := &host{fault: errAway}
	s := open(t, h, folderOf(t), durable)
	appendAll(t, s, numbered(1, 1, 10))[0].MarkAcked()
	spillAll(t, s, numbered(2, 1, 10))
	if g, err := s.Append([]byte("key"), []byte("000003")); g != nil || err != nil {
		t.Errorf("it would be delivered from memory: %v %v", g, err)
	}
	h.set(func() { h.fault = nil })
	expectReceived(t, h, []string{numbered(2, 1, 10)[0], "000003"})
	eventually(t, "it has caught up", func() bool { return !s.HasBacklog() })
	appendAll(t, s, numbered(4, 1, 10))[0].MarkAcked()
}

func TestOnceHeldEveryEventWaits(t *testing.T) {
	t.Parallel()
	h := &host{}
	s := open(t, h, folderOf(t), nil)
	s.SpillAll()
	for _, event := range numbered(1, 3, 10) {
		if g, err := s.Append([]byte("key"), []byte(event)); g != nil || err != nil {
			t.Errorf("it would be delivered from memory: %v %v", g, err)
		}
		eventually(t, "it is delivered from disk", func() bool { return s.Pending() == 0 })
	}
	expectReceived(t, h, numbered(1, 3, 10))
}

func TestASegmentThatSomebodyClosedIsLeftAndTheRecordWrittenElsewhere(t *testing.T) {
	t.Parallel()
	folder := folderOf(t)
	h := &host{}
	s := open(t, h, folder, durable)
	appendAll(t, s, numbered(1, 1, 10))
	rewritten := begunWith(t, folder, 1)
	taken := &segment{directory: s.events.directory, name: rewritten}
	if mine, err := taken.transferTo(fixtureAdopter); !mine || err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(taken.open(os.O_RDWR), taken.fence()); err != nil {
		t.Fatal(err)
	}
	appendAll(t, s, numbered(2, 1, 10))
	content, err := os.ReadFile(filepath.Join(folder, begunWith(t, folder, 2).String()))
	if err != nil || !bytes.Contains(content, []byte(numbered(2, 1, 10)[0])) {
		t.Error("the record is not in it", err)
	}
}

func TestOneMoreEventIsRefusedBeforeTheDiskIsFull(t *testing.T) {
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
	if taken := len(events) * 10_000; taken < 2*segmentBytes-headroomBytes-20_000 || taken > 2*segmentBytes {
		t.Errorf("%d bytes were taken", taken)
	}
	// What was numbered meanwhile is kept all the same.
	last := numbered(len(events)+1, 20, 10_000)
	spillAll(t, s, last)
	h.set(func() { h.fault = nil })
	expectReceived(t, h, append(events, last...))
	eventually(t, "there is room again", func() bool { return s.EnsureHeadroom() == nil })
}

func TestWhatWasReleasedIsAdoptedAtOnce(t *testing.T) {
	t.Parallel()
	folder, events := folderOf(t), numbered(1, 2500, 1000)
	gone := open(t, &host{fault: errAway}, folder, nil)
	spillAll(t, gone, events)
	gone.Release()
	h := &host{}
	s := open(t, h, folder, func(c *Config) { c.Tuning.Lease = time.Hour })
	expectReceived(t, h, events)
	expectEmpty(t, folder)
	if adopted, replayed, _ := s.Counters(); adopted != 2500 || replayed != 2500 {
		t.Errorf("%d adopted, %d replayed", adopted, replayed)
	}
}

func TestWhatACrashLeftIsAdoptedAfterTheLeaseAndNotBefore(t *testing.T) {
	t.Parallel()
	folder, events := folderOf(t), numbered(1, 2500, 1000)
	gone := open(t, &host{}, folder, durable)
	appendAll(t, gone, events)
	h := &host{}
	open(t, h, folder, nil)
	time.Sleep(400 * time.Millisecond)
	if len(h.received()) > 0 {
		t.Fatal("somebody alive was taken for dead")
	}
	gone.crash()
	expectReceived(t, h, events)
	expectEmpty(t, folder)
}

func TestOnlyOneOfTwoAdopts(t *testing.T) {
	t.Parallel()
	folder, events := folderOf(t), numbered(1, 5000, 1000)
	gone := open(t, &host{fault: errAway}, folder, nil)
	spillAll(t, gone, events)
	gone.Release()
	one, other := &host{}, &host{}
	// However slow the machine is, neither takes the other for dead.
	alive := func(c *Config) { c.Tuning.Lease = time.Hour }
	open(t, one, folder, alive)
	open(t, other, folder, alive)
	expectEmpty(t, folder)
	both := append(one.received(), other.received()...)
	slices.Sort(both)
	if !slices.Equal(both, events) {
		t.Errorf("%d events arrived", len(both))
	}
}

func TestWhatIsMeantForAnotherDestinationIsLeftAlone(t *testing.T) {
	t.Parallel()
	folder := folderOf(t)
	gone := open(t, &host{fault: errAway}, folder, nil)
	spillAll(t, gone, numbered(1, 1, 10))
	gone.Release()
	h := &host{}
	open(t, h, folder, func(c *Config) { c.Destination = DestinationOf("topic", []string{"elsewhere"}) })
	time.Sleep(300 * time.Millisecond)
	if len(h.received()) > 0 || segmentsIn(t, folder, kindEvents)[0].owner != unowned {
		t.Error("it was taken")
	}
}

func TestANewerVersionIsLeftAloneAndReportedOnce(t *testing.T) {
	t.Parallel()
	folder := folderOf(t)
	gone := open(t, &host{fault: errAway}, folder, nil)
	spillAll(t, gone, numbered(1, 1, 10))
	gone.Release()
	rewrite(t, folder, func(content []byte) []byte {
		binary.LittleEndian.PutUint32(content[versionAt:], version+1)
		binary.LittleEndian.PutUint32(content[crcAt:], headerCRC(content))
		return content
	})
	h := &host{}
	open(t, h, folder, nil)
	expectWarning(t, h, "newer format version")
	time.Sleep(300 * time.Millisecond)
	if said := h.heard(); len(said) != 1 || len(h.received()) > 0 {
		t.Errorf("%v; %d arrived", said, len(h.received()))
	}
}

func TestDamageCostsTheRecordThatItHits(t *testing.T) {
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
			} else if said := h.heard(); len(said) > 0 {
				t.Errorf("it said %v", said)
			}
		})
	}
}

func TestASegmentWithoutAHeaderIsRemoved(t *testing.T) {
	t.Parallel()
	folder := folderOf(t)
	gone := open(t, &host{}, folder, durable)
	if gone.events.preallocate(true) != nil || len(segmentsIn(t, folder, kindEvents)) != 1 {
		t.Fatal("no segment was made ahead")
	}
	gone.crash()
	h := &host{}
	open(t, h, folder, nil)
	expectEmpty(t, folder)
	if said := h.heard(); len(said) > 0 {
		t.Errorf("it said %v", said)
	}
}

func TestWhatIsRefusedForGoodBecomesADeadLetter(t *testing.T) {
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
	if len(dead) != 1 || dead[0].firstSeq != 2 || dead[0].owner != unowned || !slices.Equal(h.refused, events[1:2]) {
		t.Errorf("%v, refused %d", dead, len(h.refused))
	}
}

func TestOneEventTriesWhileTheOthersWait(t *testing.T) {
	t.Parallel()
	h := &host{fault: errAway}
	s := open(t, h, folderOf(t), nil)
	events := numbered(1, 100, 100)
	spillAll(t, s, events)
	eventually(t, "it tried a few times", func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return len(h.sizes) > 5
	})
	h.set(func() { h.fault = nil })
	expectReceived(t, h, events)
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, size := range h.sizes[1 : len(h.sizes)-1] {
		if size != 1 {
			t.Errorf("%d were sent while the breaker was open", size)
		}
	}
}

func TestOthersEventsWaitWhileThereIsNoTimeForThem(t *testing.T) {
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
}

func TestEveryEventIsOnDiskAtOnceWhereNothingMayBeLost(t *testing.T) {
	t.Parallel()
	s := open(t, &host{}, folderOf(t), func(c *Config) { c.Durable, c.SyncInterval = true, 0 })
	for _, g := range appendAll(t, s, numbered(1, 50, 100)) {
		g.MarkAcked()
	}
	s.events.mu.Lock()
	defer s.events.mu.Unlock()
	if p := s.events.current; p.synced != p.end {
		t.Errorf("synced up to %d of %d", p.synced, p.end)
	}
}
