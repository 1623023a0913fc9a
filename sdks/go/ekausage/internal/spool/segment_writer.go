package spool

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// An AckGroup is a run of records whose events are acknowledged together.
type AckGroup struct {
	log      *segmentLog
	unacked  atomic.Int32
	complete atomic.Bool // no record is added any more
	lost     atomic.Bool // the segment was removed, and could not be written anew
	size     int
	end      int64
}

// MarkAcked acknowledges one event of the group.
func (g *AckGroup) MarkAcked() {
	if g.unacked.Add(-1) == 0 && g.complete.Load() {
		g.log.wakeHousekeeper()
	}
}

// IsLost reports whether its events are on no disk any more.
func (g *AckGroup) IsLost() bool { return g.lost.Load() }

func (g *AckGroup) isAcked() bool { return g.unacked.Load() == 0 }

// segmentWriter is the state in memory of a segment that its log appends to, or has appended to. The
// log's lock guards it, except for what concerns fsync.
type segmentWriter struct {
	*segment
	createdAt   time.Time
	end         int64
	sealed      bool
	lost        bool        // another client has taken the segment
	groups      []*AckGroup // of records that are delivered from memory
	pending     int         // events that are delivered from disk
	pendingFrom int64       // where the first of these begins
	unrestored  bool        // its file was removed, and could not be written anew

	syncing sync.Mutex
	synced  int64
}

// joinGroup adds the record that was just written, of so many events, to the group that is not complete yet.
func (w *segmentWriter) joinGroup(l *segmentLog, events int) *AckGroup {
	g := (*AckGroup)(nil)
	if last := len(w.groups) - 1; last >= 0 && !w.groups[last].complete.Load() {
		g = w.groups[last]
	} else {
		g = &AckGroup{log: l}
		w.groups = append(w.groups, g)
	}
	g.unacked.Add(int32(events))
	g.end = w.end
	if g.size += events; g.size >= groupEvents {
		g.complete.Store(true)
	}
	return g
}

// completeGroup lets the last group be acknowledged although it could take more records.
func (w *segmentWriter) completeGroup() {
	if last := len(w.groups) - 1; last >= 0 {
		w.groups[last].complete.Store(true)
	}
}

// addPending notes that the record just written at an offset, of so many events, is delivered from disk.
func (w *segmentWriter) addPending(from int64, events int) {
	w.completeGroup()
	if w.pending == 0 {
		w.pendingFrom = from
	}
	w.pending += events
}

// popAcked drops the groups that are acknowledged and returns the offset before which everything is;
// 0 if that has not changed.
func (w *segmentWriter) popAcked() (ackedOffset int64) {
	for len(w.groups) > 0 && w.groups[0].isAcked() {
		ackedOffset = w.groups[0].end
		w.groups = w.groups[1:]
	}
	return ackedOffset
}

// isAcked reports whether every record is acknowledged.
func (w *segmentWriter) isAcked() bool {
	return w.pending == 0 && !slices.ContainsFunc(w.groups, func(g *AckGroup) bool { return !g.isAcked() })
}

// isDone reports whether every record is acknowledged and popAcked has noticed.
func (w *segmentWriter) isDone() bool { return w.pending == 0 && len(w.groups) == 0 }

// seal ends appending.
func (w *segmentWriter) seal() error {
	if w.sealed {
		return nil
	}
	w.sealed = true
	w.completeGroup()
	return w.fence()
}
