package ekausage

import (
	"strings"
	"sync"
)

const (
	slabSize = 32 << 10
	// A larger event gets memory of its own, so that it does not waste the rest of a slab.
	largestCarved = slabSize / 8
	idsPerString  = 64
	// What a rare large event left behind is not kept.
	largestKept = 128 << 10
)

// scratch is what one call of Record works with. Memory for events and ids comes from it in slices
// of larger pieces, so that most calls allocate nothing.
type scratch struct {
	slab     []byte
	ids      strings.Builder
	metadata metadataWriter
	quantity [32]byte
	unitCost [32]byte
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

func (s *scratch) release() {
	if cap(s.metadata.text)+cap(s.metadata.quoted) <= largestKept {
		scratches.Put(s)
	}
}

// carve gives an empty slice with room for size bytes; keep takes what was used of it.
func (s *scratch) carve(size int) []byte {
	if size > largestCarved {
		return make([]byte, 0, size)
	}
	if cap(s.slab)-len(s.slab) < size {
		s.slab = make([]byte, 0, slabSize)
	}
	return s.slab[len(s.slab):len(s.slab)]
}

func (s *scratch) keep(b []byte) []byte {
	if cap(b) <= cap(s.slab) && cap(b) == cap(s.slab)-len(s.slab) {
		s.slab = s.slab[:len(s.slab)+len(b)]
	}
	return b[:len(b):len(b)]
}

// mint makes an event id. Ids lie side by side in one string, which the builder does not move.
func (s *scratch) mint(milliseconds int64) string {
	if s.ids.Cap()-s.ids.Len() < uuidLength {
		s.ids = strings.Builder{}
		s.ids.Grow(idsPerString * uuidLength)
	}
	var id [uuidLength]byte
	s.ids.Write(appendUUID(id[:0], milliseconds))
	return s.ids.String()[s.ids.Len()-uuidLength:]
}
