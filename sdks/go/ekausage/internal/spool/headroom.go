package spool

import (
	"runtime"
	"time"
)

// emptySegment is how much a segment takes that has no record yet.
const emptySegment = segmentBytes - headerBytes

// preallocateError is why no segment can be created, until the next attempt.
type preallocateError struct {
	err   error
	until time.Time
}

// updateHeadroom notes how much can be written for certain; the log's lock is held. With a preallocated
// segment that is as much as fits into it, whatever the current one still takes.
func (l *segmentLog) updateHeadroom() {
	headroom := int64(0)
	switch {
	case l.preallocated != nil:
		headroom = emptySegment
	case l.current != nil && segmentBytes-l.current.end >= headroomBytes:
		headroom = headroomBytes
	}
	if l.headroom.Load() != headroom {
		l.headroom.Store(headroom)
	}
}

// ensureHeadroom returns why so many bytes may find no space; nil if they find some.
func (l *segmentLog) ensureHeadroom(size int64) error {
	if size <= l.headroom.Load() {
		return nil
	}
	if last := l.lastError.Load(); last != nil && time.Now().Before(last.until) {
		return last.err
	}
	return l.preallocate(false)
}

// reserve makes sure that so many bytes find space when they are appended, however many
// callers append at once: between a look at the headroom and the append, others may use it up. It
// returns what to pass to append, or why there is no space.
func (l *segmentLog) reserve(size int64) (int64, error) {
	if !l.crowded.Load() && l.tryReserve(size) {
		return size, nil
	}
	deadline := time.Now().Add(l.tuning.crowdTimeout)
	l.crowd.Lock()
	defer l.crowd.Unlock()
	for {
		if err := l.ensureHeadroom(max(size, 1)); err != nil {
			l.crowded.Store(false)
			return 0, err
		}
		found := l.tryReserve(size)
		// Later callers line up behind this one, or they could use up again and again what was made for it.
		l.crowded.Store(!found)
		switch {
		case found:
			return size, nil
		case time.Now().After(deadline):
			return 0, &FullError{"too many callers write at once"}
		}
		runtime.Gosched()
	}
}

// tryReserve reports whether it reserved so many bytes. All that is reserved fits into the headroom that was
// seen after it was reserved.
func (l *segmentLog) tryReserve(size int64) bool {
	if l.reserved.Add(size) <= l.headroom.Load() {
		return true
	}
	l.unreserve(size)
	return false
}

func (l *segmentLog) unreserve(reserved int64) {
	if reserved > 0 {
		l.reserved.Add(-reserved)
	}
}

// preallocate creates the next segment ahead of its use. It populates the memory too if no caller
// waits for that.
func (l *segmentLog) preallocate(populate bool) error {
	l.preallocating.Lock()
	defer l.preallocating.Unlock()
	l.mu.Lock()
	ready := l.preallocated != nil || l.released
	l.mu.Unlock()
	if ready {
		return nil
	}
	s, err := l.create()
	if err != nil {
		l.lastError.Store(&preallocateError{err, time.Now().Add(l.tuning.Heartbeat)})
		return err
	}
	l.lastError.Store(nil)
	if populate {
		s.memory.populate()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.preallocated = s; l.released {
		l.discardPreallocated()
		return nil
	}
	l.updateHeadroom()
	return nil
}

func (l *segmentLog) discardPreallocated() {
	if l.preallocated != nil {
		l.preallocated.remove()
		l.preallocated = nil
	}
}
