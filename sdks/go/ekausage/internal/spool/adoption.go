package spool

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// adopter finds the segments that other clients left behind and adopts them, one at a time.
type adopter struct {
	*origin
	directory  *Directory
	tuning     Tuning
	warn       func(key, message string)
	mu         sync.Mutex
	heartbeats map[segmentName]lastHeartbeat
	adoptable  []segmentName
	reported   map[segmentName]bool
	current    *adoptedSegment
}

// lastHeartbeat is a heartbeat and since when, by this process's own clock, it has not changed.
type lastHeartbeat struct {
	count uint64
	since time.Time
}

// adoptedSegment is a segment that another client wrote.
type adoptedSegment struct {
	*segment
	createdAt time.Time
	records   []Record
	end       int64
}

// scan finds the segments whose owner shows no sign of life.
func (a *adopter) scan() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	names, err := a.directory.names()
	heartbeats := map[segmentName]lastHeartbeat{}
	alive := map[string]bool{}
	a.adoptable = nil
	for _, name := range names {
		if name.kind != kindEvents || name.owner == a.name && !a.isUnfinished(name) {
			continue
		}
		now := time.Now() // before the heartbeat is read, so that a pause in between does not count
		h, ok := a.readHeader(name)
		if !ok {
			continue
		}
		last, seen := a.heartbeats[name]
		if !seen || last.count != h.heartbeat {
			last = lastHeartbeat{h.heartbeat, time.Now()}
		}
		heartbeats[name] = last
		unchanged := now.Sub(last.since)
		if !a.isForUs(name, &h, unchanged, names) {
			continue
		}
		if name.owner != unowned && name.owner != a.name && unchanged < a.tuning.Lease {
			alive[name.origin] = true
		}
		// What follows a segment of a live owner stays, so that the order is kept.
		if !alive[name.origin] {
			a.adoptable = append(a.adoptable, name)
		}
	}
	a.heartbeats = heartbeats
	return err
}

// isUnfinished reports whether a segment of this owner is neither the client's own nor the current one:
// an error ended its adoption.
func (a *adopter) isUnfinished(name segmentName) bool {
	return name.origin != a.name && (a.current == nil || a.current.name != name)
}

// readHeader reads the header of another client's segment, which may disappear at any time.
func (a *adopter) readHeader(name segmentName) (header, bool) {
	s := segment{directory: a.directory, name: name}
	if err := s.open(os.O_RDONLY); err != nil {
		a.reportError(name, err)
		return header{}, false
	}
	defer func() { _ = s.file.Close() }()
	h, err := s.readHeader()
	return h, err == nil
}

// isForUs reports whether a segment, unchanged for so long, was written for this client's
// destination, as far as that is known.
func (a *adopter) isForUs(name segmentName, h *header, unchanged time.Duration, names []segmentName) bool {
	if h.isNewer() {
		a.report(name, "has a newer format version; it is left to a newer release of this SDK")
		return false
	}
	if h.blank {
		return true
	}
	destination, known := h.destination, h.sound
	if !known {
		destination, known = a.destinationOf(name.origin, names)
	}
	if !known {
		return h.destination == a.destination || unchanged >= a.tuning.OrphanTimeout
	}
	return destination == a.destination
}

// destinationOf returns the destination of an origin, by its first segment whose header is sound.
func (a *adopter) destinationOf(origin string, names []segmentName) (Destination, bool) {
	for _, name := range names {
		if name.origin != origin {
			continue
		}
		if h, ok := a.readHeader(name); ok && h.sound && !h.isNewer() {
			return h.destination, true
		}
	}
	return Destination{}, false
}

// reportError reports that a segment cannot be used, unless another client has taken it.
func (a *adopter) reportError(name segmentName, err error) {
	var untrusted *untrustedError
	switch {
	case errors.Is(err, os.ErrNotExist):
	case errors.As(err, &untrusted):
		a.report(name, err.Error())
	default:
		a.report(name, "cannot be adopted, retrying: "+err.Error())
	}
}

func (a *adopter) report(name segmentName, problem string) {
	text := fmt.Sprintf("segment %s in %s %s", name, a.directory.path, problem)
	name.owner = "" // whoever owns it, it is the same segment
	if !a.reported[name] {
		a.reported[name] = true
		a.warn("segment "+name.String(), text)
	}
}

// nextBatch returns what is left of the current segment, or adopts the next one and calls adopted with
// the number of its events. It returns nil if there is none. A segment that cannot be adopted does not
// keep the others from it.
func (a *adopter) nextBatch(adopted func(events int)) *replayBatch {
	a.mu.Lock()
	defer a.mu.Unlock()
	for a.current == nil || len(a.current.records) == 0 {
		if a.current != nil {
			a.current.remove()
			a.current = nil
		}
		if len(a.adoptable) == 0 {
			return nil
		}
		name := a.adoptable[0]
		a.adoptable = a.adoptable[1:]
		if err := a.adopt(name); err != nil {
			a.reportError(name, err)
		}
		if a.current != nil {
			adopted(len(a.current.records))
		}
	}
	s := a.current
	return &replayBatch{records: s.records, end: s.end, ack: func(_ int, upTo int64) error {
		a.mu.Lock()
		defer a.mu.Unlock()
		s.records = unackedRecords(s.records, upTo)
		return s.writeAckedOffset(upTo)
	}}
}

// adopt takes a segment over, unless its owner is alive again or another client was first.
func (a *adopter) adopt(name segmentName) error {
	h, ok := a.readHeader(name)
	if !ok || name.owner != unowned && h.heartbeat != a.heartbeats[name].count {
		return nil
	}
	s := &segment{directory: a.directory, name: name}
	if name.owner != a.name { // as it is where an error ended an earlier attempt
		if transferred, err := s.transferTo(a.name); !transferred {
			return err
		}
	}
	if err := s.open(os.O_RDWR); err != nil {
		return err
	}
	content, err := s.fenceAndRead()
	if err != nil {
		_ = s.close()
		return err
	}
	a.load(s, content)
	return nil
}

// fenceAndRead reads everything. The writer may be alive after all: what it has written is read here,
// or it sees the fence.
func (s *segment) fenceAndRead() ([]byte, error) {
	if err := s.fence(); err != nil {
		return nil, err
	}
	info, err := s.file.Stat()
	if err != nil {
		return nil, err
	}
	return s.read(0, info.Size())
}

func (a *adopter) load(s *segment, content []byte) {
	h := decodeHeader(content)
	body := content[min(headerBytes, len(content)):]
	records, damaged := readRecords(body, recordSalt(s.name.origin), headerBytes)
	if damaged > 0 {
		a.report(s.name, fmt.Sprintf("is damaged in %d places; the other events are sent", damaged))
	}
	if !h.sound && !h.blank {
		a.report(s.name, "has a damaged header; its events are sent")
	}
	s.heartbeats = h.heartbeat
	adopted := &adoptedSegment{segment: s, end: int64(headerBytes + len(bytes.TrimRight(body, "\x00")))}
	adopted.records = unackedRecords(records, int64(h.ackedOffset))
	if h.sound {
		adopted.createdAt = time.UnixMilli(int64(h.createdAt))
	}
	if len(adopted.records) > 0 {
		adopted.end = adopted.records[len(adopted.records)-1].end
	}
	a.current = adopted
}

// heartbeat shows that this client is alive.
func (a *adopter) heartbeat() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.current == nil {
		return nil
	}
	return a.current.heartbeat()
}

// restore writes the current segment anew if its file was removed.
func (a *adopter) restore() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.current == nil || !a.current.isRemoved() {
		return nil
	}
	return a.current.restore()
}

// lostRecords returns the records of the current segment if its file was removed, and is not written anew.
func (a *adopter) lostRecords() []Record {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.current == nil || !a.current.isRemoved() {
		return nil
	}
	return a.current.records
}

// oldest returns when the current segment was created; zero if there is none, or its header is
// damaged.
func (a *adopter) oldest() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.current == nil {
		return time.Time{}
	}
	return a.current.createdAt
}

// release leaves the current segment to the first client that adopts it.
func (a *adopter) release() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.current == nil {
		return nil
	}
	s := a.current
	a.current = nil
	if len(s.records) == 0 {
		s.remove()
		return nil
	}
	return s.release(s.end)
}
