package encode

import (
	cryptorand "crypto/rand"
	"encoding/binary"
	"math/rand/v2"
	"time"
)

// uuidLength is the length of a UUID's text.
const uuidLength = 36

// A salt is random bits of one instance, which its ids are mixed with. The generators below lie in
// the memory of the process: in copies of that memory they return the same numbers.
type salt struct{ high, low uint64 }

// newSalt reads bits that only the system has.
func newSalt() salt {
	var bits [16]byte
	_, _ = cryptorand.Read(bits[:]) // never fails
	return salt{binary.LittleEndian.Uint64(bits[:8]), binary.LittleEndian.Uint64(bits[8:])}
}

// appendUUID appends a UUIDv7: the time, by which ids sort, and 74 random bits. Those come from the
// runtime's ChaCha8 generators, which the system seeds, so that no two ids are the same.
func appendUUID(b []byte, milliseconds int64, s salt) []byte {
	high := uint64(milliseconds)<<16 | 0x7000 | (rand.Uint64()^s.high)&0x0FFF
	low := (rand.Uint64()^s.low)&(1<<62-1) | 1<<63
	b = appendHex(b, high>>32, 8)
	b = append(b, '-')
	b = appendHex(b, high>>16&0xFFFF, 4)
	b = append(b, '-')
	b = appendHex(b, high&0xFFFF, 4)
	b = append(b, '-')
	b = appendHex(b, low>>48, 4)
	b = append(b, '-')
	return appendHex(b, low&(1<<48-1), 12)
}

func appendHex(b []byte, value uint64, digits int) []byte {
	for shift := 4 * (digits - 1); shift >= 0; shift -= 4 {
		b = append(b, hexDigits[value>>shift&0xF])
	}
	return b
}

func newUUID(milliseconds int64, s salt) string { return string(appendUUID(nil, milliseconds, s)) }

// NewID returns a UUIDv7 of this moment.
func NewID() string { return newUUID(time.Now().UnixMilli(), newSalt()) }
