package spool

import (
	"bytes"
	"fmt"
	"os"
	"sync"
	"time"
)

// heir looks for what other clients left behind, and takes it over, one segment at a time.
type heir struct {
	*writer
	warn     func(about, text string)
	mu       sync.Mutex
	seen     map[name]sighting
	mayHave  []name
	reported map[name]bool
	current  *estate
}

// sighting is a heartbeat, and since when it has not changed by this process's own clock.
type sighting struct {
	beats uint64
	since time.Time
}

// estate is a segment that was taken over.
type estate struct {
	*segment
	made    time.Time
	records []Record
	end     int64
}

func newHeir(w *writer, warn func(about, text string)) *heir {
	return &heir{writer: w, warn: warn, seen: map[name]sighting{}, reported: map[name]bool{}}
}

// look sees what there is, and who of its owners shows no sign of life.
func (h *heir) look() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	segments, err := h.folder.segments()
	seen := map[name]sighting{}
	living := map[string]bool{}
	h.mayHave = nil
	for _, n := range segments {
		if n.kind != kindEvents || n.owner == h.origin {
			continue
		}
		now := time.Now() // before the heartbeat is read, so that no pause in between counts
		said, ok := h.read(n)
		if !ok {
			continue
		}
		s, known := h.seen[n]
		if !known || s.beats != said.heartbeat {
			s = sighting{said.heartbeat, time.Now()}
		}
		seen[n] = s
		untouched := now.Sub(s.since)
		if !h.mine(n, &said, untouched, segments) {
			continue
		}
		if n.owner != unowned && untouched < h.Tuning.Lease {
			living[n.origin] = true
		}
		// What comes after a segment of somebody alive waits, so that the order is kept.
		if !living[n.origin] {
			h.mayHave = append(h.mayHave, n)
		}
	}
	h.seen = seen
	return err
}

// read is the header of somebody else's segment, which may be gone at any time.
func (h *heir) read(n name) (header, bool) {
	s := segment{folder: h.folder, name: n}
	if s.open(os.O_RDONLY) != nil {
		return header{}, false
	}
	defer func() { _ = s.file.Close() }()
	said, err := s.header()
	return said, err == nil
}

// mine reports whether a segment that has been untouched for so long is meant for this client's
// destination, as far as anything says so.
func (h *heir) mine(n name, said *header, untouched time.Duration, segments []name) bool {
	if said.newer() {
		h.report(n, "is of a newer version, and left to a newer release of this SDK")
		return false
	}
	if said.blank {
		return true
	}
	meant, known := said.destination, said.sound
	if !known {
		meant, known = h.goal(n.origin, segments)
	}
	if !known {
		return said.destination == h.Destination || untouched >= h.Tuning.Stray
	}
	return meant == h.Destination
}

// goal is where an origin's segments were going, by the first whose header is sound.
func (h *heir) goal(origin string, segments []name) (Destination, bool) {
	for _, n := range segments {
		if n.origin != origin {
			continue
		}
		if said, ok := h.read(n); ok && said.sound && !said.newer() {
			return said.destination, true
		}
	}
	return Destination{}, false
}

func (h *heir) report(n name, what string) {
	n.owner = "" // whoever owns it, it is the same segment
	if !h.reported[n] {
		h.reported[n] = true
		h.warn("segment", fmt.Sprintf("the segment %s* in %s %s", n, h.folder.path, what))
	}
}

// next is what is left of the segment at hand, or of the next that may be had, which adopted hears
// of; nil where there is none.
func (h *heir) next(adopted func(events int)) (*lot, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for h.current == nil || len(h.current.records) == 0 {
		if h.current != nil {
			h.current.remove()
			h.current = nil
		}
		if len(h.mayHave) == 0 {
			return nil, nil
		}
		n := h.mayHave[0]
		h.mayHave = h.mayHave[1:]
		if err := h.adopt(n); err != nil {
			return nil, err
		}
		if h.current != nil {
			adopted(len(h.current.records))
		}
	}
	e := h.current
	return &lot{records: e.records, end: e.end, done: func(_ int, upTo int64) error {
		h.mu.Lock()
		defer h.mu.Unlock()
		e.records = undone(e.records, upTo)
		return e.writeAckedOffset(upTo)
	}}, nil
}

// adopt takes a segment over, unless its owner has woken up or somebody else was first.
func (h *heir) adopt(n name) error {
	if said, ok := h.read(n); !ok || n.owner != unowned && said.heartbeat != h.seen[n].beats {
		return nil
	}
	s := &segment{folder: h.folder, name: n}
	if mine, err := s.transferTo(h.origin); !mine {
		return err
	}
	if err := s.open(os.O_RDWR); err != nil {
		return err
	}
	// Its writer may be alive after all: what it has written is read after this, or it sees this.
	if err := s.fence(); err != nil {
		return err
	}
	found, err := s.file.Stat()
	if err != nil {
		return err
	}
	content, err := s.content(0, found.Size())
	if err != nil {
		return err
	}
	h.take(s, content)
	return nil
}

func (h *heir) take(s *segment, content []byte) {
	said := decodeHeader(content)
	body := content[min(headerBytes, len(content)):]
	records, damaged := readRecords(body, salt(s.name.origin), headerBytes)
	if damaged > 0 {
		h.report(s.name, fmt.Sprintf("is damaged at %d places; the rest is sent", damaged))
	}
	if !said.sound && !said.blank {
		h.report(s.name, "has a damaged header; its events are sent")
	}
	s.beats = said.heartbeat
	e := &estate{segment: s, end: int64(headerBytes + len(bytes.TrimRight(body, "\x00")))}
	e.records = undone(records, int64(said.ackedOffset))
	if said.sound {
		e.made = time.UnixMilli(int64(said.createdAt))
	}
	if len(e.records) > 0 {
		e.end = e.records[len(e.records)-1].end
	}
	h.current = e
}

// beat shows that this client is alive.
func (h *heir) beat() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.current == nil {
		return nil
	}
	return h.current.beat()
}

// oldest is when the segment at hand was made; zero where there is none, or it does not say.
func (h *heir) oldest() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.current == nil {
		return time.Time{}
	}
	return h.current.made
}

// release leaves the segment at hand to whoever comes first.
func (h *heir) release() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.current == nil {
		return nil
	}
	e := h.current
	h.current = nil
	if len(e.records) == 0 {
		e.remove()
		return nil
	}
	return e.segment.release(e.end)
}
