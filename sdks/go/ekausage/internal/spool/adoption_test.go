package spool

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

var elsewhere = DestinationOf("topic", []string{"elsewhere"})

// leave leaves the events of a client of one destination, and damages the header of its first segment,
// which then has another destination.
func leave(t *testing.T, folder string, events []string, actual, damaged Destination) {
	t.Helper()
	gone := open(t, &host{fault: errAway}, folder, func(c *Config) { c.Destination = actual })
	spillAll(t, gone, events)
	gone.Release()
	rewrite(t, folder, func(content []byte) []byte {
		copy(content[destinationAt:], damaged[:])
		return content
	})
}

func TestInterruptedAdoption(t *testing.T) {
	t.Parallel()
	folder, events := folderOf(t), numbered(1, 10, 100)
	gone := open(t, &host{fault: errAway}, folder, nil)
	spillAll(t, gone, events)
	gone.Release()
	h := &host{busy: true}
	s := open(t, h, folder, nil)
	left := &segment{directory: s.events.directory, name: segmentsIn(t, folder, kindEvents)[0]}
	// As an error between the transfer and the first read leaves it, such as too many open files.
	if transferred, err := left.transferTo(s.adopter.name); !transferred || err != nil {
		t.Fatal(transferred, err)
	}
	h.set(func() { h.busy = false })
	expectReceived(t, h, events)
	expectEmpty(t, folder)
}

func TestDamagedHeader(t *testing.T) {
	t.Parallel()
	t.Run("a segment goes where the headers of its origin point", func(t *testing.T) {
		t.Parallel()
		folder, events := folderOf(t), numbered(1, 2500, 1000)
		leave(t, folder, events, DestinationOf("topic", nil), elsewhere)
		h := &host{}
		open(t, h, folder, nil)
		expectReceived(t, h, events)
		expectWarning(t, h, "a damaged header")
	})

	t.Run("a segment is left alone where the headers of its origin point elsewhere", func(t *testing.T) {
		t.Parallel()
		folder := folderOf(t)
		leave(t, folder, numbered(1, 2500, 1000), elsewhere, DestinationOf("topic", nil))
		left := len(segmentsIn(t, folder, kindEvents))
		h := &host{}
		open(t, h, folder, func(c *Config) { c.Tuning.OrphanTimeout = 0 })
		time.Sleep(300 * time.Millisecond)
		if len(h.received()) > 0 || len(segmentsIn(t, folder, kindEvents)) != left {
			t.Error("it was adopted")
		}
	})

	t.Run("any client adopts an orphan after the orphan timeout", func(t *testing.T) {
		t.Parallel()
		folder, events := folderOf(t), numbered(1, 10, 100)
		leave(t, folder, events, DestinationOf("topic", nil), elsewhere)
		orphan := filepath.Join(folder, segmentsIn(t, folder, kindEvents)[0].String())
		h := &host{}
		open(t, h, folder, func(c *Config) { c.Tuning.OrphanTimeout = 500 * time.Millisecond })
		time.Sleep(200 * time.Millisecond)
		if _, err := os.Lstat(orphan); err != nil {
			t.Error("a client of its destination had no time to adopt it:", err)
		}
		expectReceived(t, h, events)
		expectEmpty(t, folder)
	})
}

func TestAdoption(t *testing.T) {
	t.Parallel()
	t.Run("a released segment is adopted at once", func(t *testing.T) {
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
	})

	t.Run("a segment left by a crash is adopted after the lease, not before", func(t *testing.T) {
		t.Parallel()
		folder, events := folderOf(t), numbered(1, 2500, 1000)
		gone := open(t, &host{}, folder, durable)
		appendAll(t, gone, events)
		h := &host{}
		open(t, h, folder, nil)
		time.Sleep(400 * time.Millisecond)
		if len(h.received()) > 0 {
			t.Fatal("a segment of a live client was adopted")
		}
		gone.crash()
		expectReceived(t, h, events)
		expectEmpty(t, folder)
	})

	t.Run("only one of two clients adopts a segment", func(t *testing.T) {
		t.Parallel()
		folder, events := folderOf(t), numbered(1, 5000, 1000)
		gone := open(t, &host{fault: errAway}, folder, nil)
		spillAll(t, gone, events)
		gone.Release()
		one, other := &host{}, &host{}
		// On a slow machine neither may take the other for dead.
		alive := func(c *Config) { c.Tuning.Lease = time.Hour }
		open(t, one, folder, alive)
		open(t, other, folder, alive)
		expectEmpty(t, folder)
		both := append(one.received(), other.received()...)
		slices.Sort(both)
		if !slices.Equal(both, events) {
			t.Errorf("%d events arrived", len(both))
		}
	})

	t.Run("a segment for another destination is left alone", func(t *testing.T) {
		t.Parallel()
		folder := folderOf(t)
		gone := open(t, &host{fault: errAway}, folder, nil)
		spillAll(t, gone, numbered(1, 1, 10))
		gone.Release()
		h := &host{}
		open(t, h, folder, func(c *Config) { c.Destination = DestinationOf("topic", []string{"elsewhere"}) })
		time.Sleep(300 * time.Millisecond)
		if len(h.received()) > 0 || segmentsIn(t, folder, kindEvents)[0].owner != unowned {
			t.Error("it was adopted")
		}
	})

	t.Run("a newer format version is left alone and reported once", func(t *testing.T) {
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
		if warnings := h.warned(); len(warnings) != 1 || len(h.received()) > 0 {
			t.Errorf("warnings %v; %d events arrived", warnings, len(h.received()))
		}
	})

	t.Run("a segment without a header is removed", func(t *testing.T) {
		t.Parallel()
		folder := folderOf(t)
		gone := open(t, &host{}, folder, durable)
		if gone.events.preallocate(true) != nil || len(segmentsIn(t, folder, kindEvents)) != 1 {
			t.Fatal("no segment was preallocated")
		}
		gone.crash()
		h := &host{}
		open(t, h, folder, nil)
		expectEmpty(t, folder)
		if warnings := h.warned(); len(warnings) > 0 {
			t.Errorf("it warned: %v", warnings)
		}
	})
}
