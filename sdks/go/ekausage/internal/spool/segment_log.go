package spool

import (
	"errors"
	"io/fs"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

var errReleased = errors.New("the client was shut down")

// segmentLog appends records to one segment after another, even if another client adopts one
// meanwhile.
type segmentLog struct {
	*origin
	directory *Directory
	tuning    Tuning
	kind      string
	salt      uint32
	// goesFirst sorts its segments before all others of the client.
	goesFirst bool
	// keepsAhead is set if every event goes through the log, which then keeps a segment
	// preallocated.
	keepsAhead      bool
	fsyncEach       bool
	wakeHousekeeper func()
	markDirty       func()
	onError         func(error)

	backlog backlog
	// lowHeadroom is set if one more event may need a segment that is not preallocated.
	lowHeadroom   atomic.Bool
	lastError     atomic.Pointer[preallocateError]
	preallocating sync.Mutex
	// reserved is how much the callers that found headroom have still to write.
	reserved atomic.Int64

	mu           sync.Mutex
	writers      []*segmentWriter // oldest first
	current      *segmentWriter   // nil: the next record begins one
	preallocated *segment
	lastSeq      uint64
	released     bool
}

// preallocateError is why no segment can be created, until the next attempt.
type preallocateError struct {
	err   error
	until time.Time
}

// append writes a record, for which so many bytes may be reserved. It returns the group of a record that is
// delivered from memory, and nil for one that is delivered from disk.
//
// An error means that the record is not written. One of fsync is reported instead: the record is there,
// so that this client or the next delivers it, and a caller that keeps it too would count it twice.
func (l *segmentLog) append(key, event []byte, fromMemory bool, reserved int64) (*AckGroup, error) {
	head := newRecordHead(l.salt, key, event)
	size := recordSize(key, event)
	l.mu.Lock()
	w, err := l.write(head[:], key, event, size)
	if err != nil {
		l.unreserve(reserved)
		l.mu.Unlock()
		return nil, err
	}
	var g *AckGroup
	if fromMemory && !l.backlog.active.Load() {
		g = w.joinGroup(l)
	} else {
		l.backlog.active.Store(true)
		l.backlog.pending++
		w.addPending(w.end - size)
	}
	end := w.end
	if l.preallocated == nil && segmentBytes-end < headroomBytes {
		l.lowHeadroom.Store(true)
	}
	l.unreserve(reserved) // after the above, which includes what was written
	l.mu.Unlock()
	if l.fsyncEach {
		err := ignoreClosed(w.sync(end))
		if err == nil {
			return g, nil
		}
		l.onError(err)
	}
	l.markDirty()
	return g, nil
}

// write writes a record into the first segment that takes it.
func (l *segmentLog) write(head, key, event []byte, size int64) (*segmentWriter, error) {
	for {
		w := l.current
		if w == nil || w.end+size > segmentBytes {
			var err error
			if w, err = l.roll(event); err != nil {
				return nil, err
			}
		}
		if err := w.memory.write(w.end, head, key, event); err != nil {
			return nil, err
		}
		fenced, err := w.memory.isFenced()
		if err != nil {
			return nil, err
		}
		if !fenced {
			w.end += size
			return w, nil
		}
		l.current = nil
		if err := w.seal(); err != nil {
			return nil, err
		}
	}
}

// roll begins the next segment.
func (l *segmentLog) roll(event []byte) (*segmentWriter, error) {
	if l.released {
		return nil, errReleased
	}
	l.lastSeq = max(l.lastSeq, l.seqOf(event))
	for {
		s := l.preallocated
		if l.preallocated = nil; s == nil {
			var err error
			if s, err = l.create(); err != nil {
				return nil, err
			}
		}
		name := s.name
		if name.firstSeq = l.lastSeq; l.goesFirst {
			name.firstSeq = 1
		}
		renamed, err := s.rename(name)
		if err != nil {
			s.remove()
			return nil, err
		}
		if !renamed {
			s.remove()
			continue
		}
		return l.begin(s)
	}
}

func (l *segmentLog) begin(s *segment) (*segmentWriter, error) {
	now := l.now()
	h := l.header(s.name.firstSeq, now)
	if err := s.writeHeader(&h); err != nil {
		s.remove()
		return nil, err
	}
	var err error
	if l.current != nil {
		err = l.current.seal()
	}
	l.current = &segmentWriter{segment: s, createdAt: now, end: headerBytes}
	l.writers = append(l.writers, l.current)
	l.wakeHousekeeper()
	return l.current, err
}

// create creates a segment whose first event is not known yet.
func (l *segmentLog) create() (*segment, error) {
	s, err := l.directory.create(l.nextName(l.kind))
	for errors.Is(err, fs.ErrExist) { // a copy of this process was first
		s, err = l.directory.create(l.nextName(l.kind))
	}
	if err != nil {
		return nil, err
	}
	if s.memory, err = newMapping(s.file); err != nil {
		s.remove()
	}
	return s, err
}

// ensureHeadroom returns why one more event may find no space; nil if it finds some.
func (l *segmentLog) ensureHeadroom() error {
	if !l.lowHeadroom.Load() {
		return nil
	}
	if last := l.lastError.Load(); last != nil && time.Now().Before(last.until) {
		return last.err
	}
	return l.preallocate(false)
}

// crowdTimeout is how long a caller waits for others to write, which takes each of them microseconds.
const crowdTimeout = 100 * time.Millisecond

// reserve makes sure that an event of at most so many bytes finds space when it is appended, however many
// callers append at once: between a look at the headroom and the append, others may use it up. It
// returns what to pass to append, or why there is no space.
func (l *segmentLog) reserve(size int64) (int64, error) {
	size += int64(len(recordHead{}))
	for deadline := (time.Time{}); ; {
		// All that is reserved fits into the headroom that was seen after it was reserved.
		if l.reserved.Add(size) <= headroomBytes && !l.lowHeadroom.Load() {
			return size, nil
		}
		l.unreserve(size)
		if err := l.ensureHeadroom(); err != nil {
			return 0, err
		}
		switch {
		case deadline.IsZero():
			deadline = time.Now().Add(crowdTimeout)
		case time.Now().After(deadline):
			return 0, &FullError{"too many callers write at once"}
		}
		runtime.Gosched()
	}
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
	l.lowHeadroom.Store(false)
	return nil
}

func (l *segmentLog) discardPreallocated() {
	if l.preallocated != nil {
		l.preallocated.remove()
		l.preallocated = nil
	}
}

// release leaves what is not acknowledged to the first client that adopts it.
func (l *segmentLog) release() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.released = true
	l.current = nil
	l.discardPreallocated()
	var failed error
	for _, w := range l.writers {
		failed = errors.Join(failed, w.seal())
		w.popAcked()
		switch {
		case w.isDone():
			w.remove()
		case !w.exists():
			_ = w.close()
		default:
			failed = errors.Join(failed, w.release(w.end))
		}
	}
	l.writers = nil
	return failed
}
