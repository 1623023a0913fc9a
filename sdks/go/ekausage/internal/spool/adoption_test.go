package spool

import (
	"os"
	"path/filepath"
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
