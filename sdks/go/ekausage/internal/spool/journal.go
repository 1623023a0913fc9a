package spool

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

var errReleased = errors.New("the client was shut down")

// writer is what the segments of one client have in common.
type writer struct {
	Config
	folder  *folder
	id      [16]byte
	origin  string // id in hex
	numbers atomic.Uint64
}

// journal appends records to one segment after another, whoever may take one for abandoned
// meanwhile.
type journal struct {
	*writer
	kind    string
	salt    uint32
	first   bool   // its segments come before those of all others of the client
	durable bool   // every event goes through it, so that it keeps a segment ahead
	nudge   func() // something can be tidied
	dirty   func() // something is not on disk yet

	// behind: records wait here for their delivery, and so do later ones, so that order is kept.
	behind atomic.Bool
	// held: it stays behind, whatever is delivered.
	held bool
	// lowHeadroom: there may be no room for one more event.
	lowHeadroom atomic.Bool
	trouble     atomic.Pointer[trouble]
	making      sync.Mutex

	mu           sync.Mutex
	pages        []*page // oldest first
	current      *page   // nil: the next record begins one
	preallocated *segment
	lastSeq      uint64
	waiting      int
	released     bool
}

// trouble is why no segment can be made, until it is tried again.
type trouble struct {
	err   error
	until time.Time
}

func newJournal(w *writer, kind string, nudge, dirty func()) *journal {
	j := &journal{writer: w, kind: kind, salt: salt(w.origin), nudge: nudge, dirty: dirty}
	j.lowHeadroom.Store(true)
	return j
}

// append writes a record. It returns the group of one that is delivered from memory, and nil for one
// that is delivered from here.
func (j *journal) append(key, event []byte, fromMemory bool) (*AckGroup, error) {
	head := newRecordHead(j.salt, key, event)
	size := recordSize(key, event)
	j.mu.Lock()
	p, err := j.write(head[:], key, event, size)
	if err != nil {
		j.mu.Unlock()
		return nil, err
	}
	var g *AckGroup
	if fromMemory && !j.behind.Load() {
		g = p.join(j)
	} else {
		j.behind.Store(true)
		j.waiting++
		p.wait(p.end - size)
	}
	end := p.end
	if j.preallocated == nil && segmentBytes-end < headroomBytes {
		j.lowHeadroom.Store(true)
	}
	j.mu.Unlock()
	if j.Sync == 0 {
		return g, p.sync(end)
	}
	j.dirty()
	return g, nil
}

// write finds the segment that takes a record.
func (j *journal) write(head, key, event []byte, size int64) (*page, error) {
	for {
		p := j.current
		if p == nil || p.end+size > segmentBytes {
			var err error
			if p, err = j.roll(event); err != nil {
				return nil, err
			}
		}
		if err := p.memory.write(p.end, head, key, event); err != nil {
			return nil, err
		}
		fenced, err := p.memory.isFenced()
		if err != nil {
			return nil, err
		}
		if !fenced {
			p.end += size
			return p, nil
		}
		j.current = nil
		if err := p.seal(); err != nil {
			return nil, err
		}
	}
}

// roll begins the next segment.
func (j *journal) roll(event []byte) (*page, error) {
	if j.released {
		return nil, errReleased
	}
	j.lastSeq = max(j.lastSeq, j.SeqOf(event))
	for {
		s := j.preallocated
		if j.preallocated = nil; s == nil {
			var err error
			if s, err = j.make(); err != nil {
				return nil, err
			}
		}
		own := s.name
		if own.firstSeq = j.lastSeq; j.first {
			own.firstSeq = 1
		}
		mine, err := s.rename(own)
		if err != nil {
			return nil, err
		}
		if !mine {
			s.memory.release()
			_ = s.file.Close()
			continue
		}
		return j.begin(s)
	}
}

func (j *journal) begin(s *segment) (*page, error) {
	now := j.Now()
	h := header{
		version:     version,
		origin:      j.id,
		firstSeq:    s.name.firstSeq,
		createdAt:   uint64(max(0, now.UnixMilli())),
		destination: j.Destination,
		instanceID:  j.InstanceID,
	}
	if err := s.begin(&h); err != nil {
		return nil, err
	}
	var err error
	if j.current != nil {
		err = j.current.seal()
	}
	j.current = &page{segment: s, made: now, end: headerBytes}
	j.pages = append(j.pages, j.current)
	j.nudge()
	return j.current, err
}

// make makes a segment that has no first event yet.
func (j *journal) make() (*segment, error) {
	n := name{kind: j.kind, origin: j.origin, number: j.numbers.Add(1), owner: j.origin}
	s, err := j.folder.create(n)
	if err != nil {
		return nil, err
	}
	if s.memory, err = newMapping(s.file); err != nil {
		s.remove()
	}
	return s, err
}

// discardPreallocated gives back a segment that was made ahead.
func (j *journal) discardPreallocated() {
	if j.preallocated != nil {
		j.preallocated.remove()
		j.preallocated = nil
	}
}

// hold lets every later record wait here.
func (j *journal) hold() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.held = true
	j.behind.Store(true)
}

// ensureHeadroom says why one more event may find no room; nil where it finds some.
func (j *journal) ensureHeadroom() error {
	if !j.lowHeadroom.Load() {
		return nil
	}
	if t := j.trouble.Load(); t != nil && time.Now().Before(t.until) {
		return t.err
	}
	return j.preallocate(false)
}

// preallocate makes the next segment ahead, and its memory ready where nobody waits for it.
func (j *journal) preallocate(populate bool) error {
	j.making.Lock()
	defer j.making.Unlock()
	j.mu.Lock()
	ready := j.preallocated != nil || j.released
	j.mu.Unlock()
	if ready {
		return nil
	}
	s, err := j.make()
	if err != nil {
		j.trouble.Store(&trouble{err, time.Now().Add(j.Tuning.Heartbeat)})
		return err
	}
	j.trouble.Store(nil)
	if populate {
		s.memory.populate()
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.preallocated = s; j.released {
		j.discardPreallocated()
		return nil
	}
	j.lowHeadroom.Store(false)
	return nil
}
