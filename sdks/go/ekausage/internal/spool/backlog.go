package spool

import (
	"sync/atomic"
	"time"
)

// A segment is no longer than what may be sent before Kafka has acknowledged all of it.
const _ = uint(replayWindowBytes - segmentBytes)

// backlog is the client's own events that are delivered from disk.
type backlog struct {
	// active is set while records are pending: later ones follow them, so that order is kept.
	active atomic.Bool
	// spillAll keeps the backlog active, whatever is delivered.
	spillAll bool
	pending  int
}

// spillAll sends every later record to the backlog.
func (l *segmentLog) spillAll() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.backlog.spillAll = true
	l.backlog.active.Store(true)
}

// nextBatch returns the pending records of the oldest segment that has any. It returns nil if none
// are pending, so that records are delivered from memory again.
func (l *segmentLog) nextBatch() (*replayBatch, error) {
	l.mu.Lock()
	var w *segmentWriter
	for _, candidate := range l.writers {
		if candidate.pending > 0 {
			w = candidate
			break
		}
	}
	if w == nil {
		l.backlog.pending = 0
		l.backlog.active.Store(l.backlog.spillAll)
		l.mu.Unlock()
		l.wakeHousekeeper()
		return nil, nil
	}
	from, end, pending := w.pendingFrom, w.end, w.pending
	l.mu.Unlock()
	content, err := w.read(from, end)
	if err != nil {
		return nil, err
	}
	records, _ := readRecords(content, l.salt, from)
	if lost := pending - len(records); lost > 0 {
		// Another process wrote into the file. What cannot be read cannot be sent.
		if err := l.ackReplayed(w, lost, from); err != nil || len(records) == 0 {
			return nil, err
		}
	}
	return &replayBatch{records: records, end: end, own: true, ack: func(count int, upTo int64) error {
		return l.ackReplayed(w, count, upTo)
	}}, nil
}

// ackReplayed acknowledges so many pending records, those before an offset.
func (l *segmentLog) ackReplayed(w *segmentWriter, count int, upTo int64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if w.lost {
		return nil
	}
	w.pending -= count
	l.backlog.pending -= count
	w.pendingFrom = upTo
	if w.popAcked(); len(w.groups) > 0 {
		return nil
	}
	return w.writeAckedOffset(upTo)
}

// lostRecords returns the pending records of segments that were removed, and could not be written anew.
func (l *segmentLog) lostRecords() (lost []Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range l.writers {
		if !w.unrestored || w.pending == 0 {
			continue
		}
		content, err := w.read(w.pendingFrom, w.end)
		if err != nil {
			continue
		}
		records, _ := readRecords(content, l.salt, w.pendingFrom)
		lost = append(lost, records...)
	}
	return lost
}

// pendingRecords returns how many records are to be delivered from disk.
func (l *segmentLog) pendingRecords() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.backlog.pending
}

// oldest returns when the oldest segment was created that is not acknowledged.
func (l *segmentLog) oldest() (createdAt time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range l.writers {
		if !w.isAcked() {
			return w.createdAt
		}
	}
	return createdAt
}
