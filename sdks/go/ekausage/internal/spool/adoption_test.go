package spool

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

var elsewhere = DestinationOf("topic", []string{"elsewhere"})

// leave has a client of a destination leave events, and damages the header of its first segment, which
// then says that it was going to another.
func leave(t *testing.T, folder string, events []string, from, said Destination) {
	t.Helper()
	gone := open(t, &host{fault: errAway}, folder, func(c *Config) { c.Destination = from })
	spillAll(t, gone, events)
	gone.Release()
	rewrite(t, folder, func(content []byte) []byte {
		copy(content[destinationAt:], said[:])
		return content
	})
}

func TestADamagedHeaderGoesWhereItsNeighboursSay(t *testing.T) {
	t.Parallel()
	folder, events := folderOf(t), numbered(1, 2500, 1000)
	leave(t, folder, events, DestinationOf("topic", nil), elsewhere)
	h := &host{}
	open(t, h, folder, nil)
	expectReceived(t, h, events)
	expectWarning(t, h, "a damaged header")
}

func TestADamagedHeaderIsLeftAloneWhereItsNeighboursSayElsewhere(t *testing.T) {
	t.Parallel()
	folder := folderOf(t)
	leave(t, folder, numbered(1, 2500, 1000), elsewhere, DestinationOf("topic", nil))
	left := len(segmentsIn(t, folder, kindEvents))
	h := &host{}
	open(t, h, folder, func(c *Config) { c.Tuning.OrphanTimeout = 0 })
	time.Sleep(300 * time.Millisecond)
	if len(h.received()) > 0 || len(segmentsIn(t, folder, kindEvents)) != left {
		t.Error("it was taken")
	}
}

func TestADamagedHeaderThatNothingExplainsIsTakenByAnybodyInTheEnd(t *testing.T) {
	t.Parallel()
	folder, events := folderOf(t), numbered(1, 10, 100)
	leave(t, folder, events, DestinationOf("topic", nil), elsewhere)
	stray := filepath.Join(folder, segmentsIn(t, folder, kindEvents)[0].String())
	h := &host{}
	open(t, h, folder, func(c *Config) { c.Tuning.OrphanTimeout = 500 * time.Millisecond })
	time.Sleep(200 * time.Millisecond)
	if _, err := os.Lstat(stray); err != nil {
		t.Error("whoever it was meant for had no time to take it:", err)
	}
	expectReceived(t, h, events)
	expectEmpty(t, folder)
}
