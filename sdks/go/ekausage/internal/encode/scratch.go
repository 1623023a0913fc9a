package encode

import (
	"strings"
	"sync"
)

const (
	slabSize = 32 << 10
	// A larger event gets memory of its own, so that it does not waste the rest of a slab.
	largestCarved = slabSize / 8
	idsPerString  = 64
	// More memory than this, which a rare large event needed, is not kept.
	largestKept = 128 << 10
)

// A Scratch is the memory that one call of Record works with. Events and ids are carved from larger
// pieces of it, so that most calls allocate nothing.
type Scratch struct {
	slab     []byte
	ids      strings.Builder
	metadata metadataWriter
	quantity [64]byte
	unitCost [64]byte
	fields   []byte
}

var scratches = sync.Pool{New: func() any { return new(Scratch) }}

// GetScratch returns a Scratch to work with until Release.
func GetScratch() *Scratch { return scratches.Get().(*Scratch) }

// Release makes the Scratch available to other calls. What Keep and mint returned stays valid.
func (s *Scratch) Release() {
	if cap(s.metadata.text)+cap(s.metadata.quoted)+cap(s.fields) <= largestKept {
		scratches.Put(s)
	}
}

// Carve returns an empty slice with capacity for size bytes. Pass it to Keep once it is filled.
func (s *Scratch) Carve(size int) []byte {
	if size > largestCarved {
		return make([]byte, 0, size)
	}
	if cap(s.slab)-len(s.slab) < size {
		s.slab = make([]byte, 0, slabSize)
	}
	return s.slab[len(s.slab):len(s.slab)]
}

// Keep returns the slice that Carve returned, cut to what was used of it.
func (s *Scratch) Keep(b []byte) []byte {
	if cap(b) <= cap(s.slab) && cap(b) == cap(s.slab)-len(s.slab) {
		s.slab = s.slab[:len(s.slab)+len(b)]
	}
	return b[:len(b):len(b)]
}

// mint returns a new event id. Ids lie side by side in one string, which the builder does not move.
func (s *Scratch) mint(milliseconds int64, salt salt) string {
	if s.ids.Cap()-s.ids.Len() < uuidLength {
		s.ids = strings.Builder{}
		s.ids.Grow(idsPerString * uuidLength)
	}
	var id [uuidLength]byte
	s.ids.Write(appendUUID(id[:0], milliseconds, salt))
	return s.ids.String()[s.ids.Len()-uuidLength:]
}
