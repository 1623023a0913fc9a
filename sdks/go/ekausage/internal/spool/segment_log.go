package spool

import (
	"errors"
	"io/fs"
	"sync"
	"sync/atomic"
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
	// headroom is how much can be written without a segment that is not preallocated.
	headroom      atomic.Int64
	lastError     atomic.Pointer[preallocateError]
	preallocating sync.Mutex
	// reserved is how much the callers that found headroom have still to write.
	reserved atomic.Int64
	// crowded is set while the callers that found none wait for each other, in crowd.
	crowded atomic.Bool
	crowd   sync.Mutex

	mu           sync.Mutex
	writers      []*segmentWriter // oldest first
	current      *segmentWriter   // nil: the next record begins one
	preallocated *segment
	lastSeq      uint64
	released     bool
}

// append writes a record of one event, for which so many bytes may be reserved. It returns the group of a
// record that is delivered from memory, and nil for one that is delivered from disk.
//
// An error means that the record is not written. One of fsync is reported instead: the record is there,
// so that this client or the next delivers it, and a caller that keeps it too would count it twice.
func (l *segmentLog) append(key, event []byte, fromMemory bool, reserved int64) (*AckGroup, error) {
	head := newRecordHead(l.salt, key, event)
	return l.appendRecord(encodedRecord{head[:], key, event, event, 1}, fromMemory, reserved)
}

// appendGroup writes several events as one record, like append.
func (l *segmentLog) appendGroup(g *Group, fromMemory bool, reserved int64) (*AckGroup, error) {
	return l.appendRecord(g.encode(l.salt), fromMemory, reserved)
}

// encodedRecord is a record in the parts that are written one after the other.
type encodedRecord struct {
	head, key, event []byte
	first            []byte // the first of its events
	events           int
}

func (r *encodedRecord) size() int64 { return int64(len(r.head) + len(r.key) + len(r.event)) }

func (l *segmentLog) appendRecord(r encodedRecord, fromMemory bool, reserved int64) (*AckGroup, error) {
	l.mu.Lock()
	w, err := l.write(&r)
	if err != nil {
		l.updateHeadroom()
		l.unreserve(reserved)
		l.mu.Unlock()
		return nil, err
	}
	var g *AckGroup
	if fromMemory && !l.backlog.active.Load() {
		g = w.joinGroup(l, r.events)
	} else {
		l.backlog.active.Store(true)
		l.backlog.pending += r.events
		w.addPending(w.end-r.size(), r.events)
	}
	end := w.end
	l.updateHeadroom()
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
func (l *segmentLog) write(r *encodedRecord) (*segmentWriter, error) {
	for {
		w := l.current
		if w == nil || w.end+r.size() > segmentBytes {
			var err error
			if w, err = l.roll(r.first); err != nil {
				return nil, err
			}
		}
		if err := w.memory.write(w.end, r.head, r.key, r.event); err != nil {
			return nil, err
		}
		fenced, err := w.memory.isFenced()
		if err != nil {
			return nil, err
		}
		if !fenced {
			w.end += r.size()
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
		case w.unrestored || !w.isOwn():
			_ = w.close()
		default:
			failed = errors.Join(failed, w.release(w.end))
		}
	}
	l.writers = nil
	return failed
}
