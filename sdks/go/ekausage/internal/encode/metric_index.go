package encode

import (
	"encoding/binary"
	"math/bits"
)

// An index finds the row of a metric by its two names, for catalogs that are too large for a switch. It
// is a hash table with linear probing, at most half full, of numbers of rows; 0 is an empty slot.
type index struct {
	slots []uint32
	shift int // leaves as many bits of a hash as a place in slots has
}

// newIndex returns the index of all rows but the first, which is no metric.
func newIndex(rows []MetricRow) *index {
	width := bits.Len(uint(2 * len(rows)))
	x := &index{slots: make([]uint32, 1<<width), shift: 64 - width}
	for number := 1; number < len(rows); number++ {
		place := x.place(rows[number].Product, rows[number].MetricType)
		for x.slots[place] != 0 {
			place = x.next(place)
		}
		x.slots[place] = uint32(number)
	}
	return x
}

// find returns the number of a row; 0 if there is none of these names.
func (x *index) find(rows []MetricRow, product, metricType string) int {
	for place := x.place(product, metricType); ; place = x.next(place) {
		number := x.slots[place]
		if number == 0 {
			return 0
		}
		if row := &rows[number]; row.MetricType == metricType && row.Product == product {
			return int(number)
		}
	}
}

func (x *index) place(product, metricType string) int {
	return int(mix(mix(0, product), metricType) >> x.shift)
}

func (x *index) next(place int) int { return (place + 1) & (len(x.slots) - 1) }

// mix adds a text to a hash, eight bytes at a time.
func mix(hash uint64, text string) uint64 {
	const odd = 0x9e3779b97f4a7c15 // 2^64 by the golden ratio
	hash ^= uint64(len(text))
	for ; len(text) >= 8; text = text[8:] {
		hash = (hash ^ binary.LittleEndian.Uint64([]byte(text))) * odd
		hash ^= hash >> 32
	}
	var rest uint64
	for i := range len(text) {
		rest = rest<<8 | uint64(text[i])
	}
	hash = (hash ^ rest) * odd
	return hash ^ hash>>32
}
