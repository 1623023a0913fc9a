package spool

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"slices"
)

// The offsets of a header's fields. What precedes the heartbeat never changes once it is written.
const (
	versionAt     = 8
	crcAt         = 12
	originAt      = 16
	firstSeqAt    = 32
	createdAtAt   = 40
	destinationAt = 48
	instanceAt    = 56
	heartbeatAt   = 208
	ackedOffsetAt = 216
	fencedAt      = 224
)

// header is the first part of a segment, decoded.
type header struct {
	version             uint32
	origin              [16]byte
	firstSeq, createdAt uint64
	destination         Destination
	instanceID          string
	heartbeat           uint64
	ackedOffset         uint64
	fenced              bool
	// blank reports that the writer died before it wrote a header.
	blank bool
	// sound reports that the CRC matches and every length is possible.
	sound bool
}

// isNewer reports whether the segment has to be left to a newer release.
func (h *header) isNewer() bool { return h.sound && h.version > version }

// encode returns the part of the header that never changes.
func (h *header) encode() []byte {
	b := make([]byte, heartbeatAt)
	copy(b, magic)
	binary.LittleEndian.PutUint32(b[versionAt:], h.version)
	copy(b[originAt:], h.origin[:])
	binary.LittleEndian.PutUint64(b[firstSeqAt:], h.firstSeq)
	binary.LittleEndian.PutUint64(b[createdAtAt:], h.createdAt)
	copy(b[destinationAt:], h.destination[:])
	length := copy(b[instanceAt+2:instanceAt+2+instanceIDBytes], h.instanceID)
	binary.LittleEndian.PutUint16(b[instanceAt:], uint16(length))
	binary.LittleEndian.PutUint32(b[crcAt:], headerCRC(b))
	return b
}

func headerCRC(b []byte) uint32 {
	return crc32.Update(crc32.ChecksumIEEE(b[:crcAt]), crc32.IEEETable, b[originAt:heartbeatAt])
}

// decodeHeader decodes the first bytes of a segment, however few there are.
func decodeHeader(content []byte) header {
	b := make([]byte, headerBytes)
	copy(b, content)
	h := header{
		version:     binary.LittleEndian.Uint32(b[versionAt:]),
		origin:      [16]byte(b[originAt:]),
		firstSeq:    binary.LittleEndian.Uint64(b[firstSeqAt:]),
		createdAt:   binary.LittleEndian.Uint64(b[createdAtAt:]),
		destination: Destination(b[destinationAt:]),
		heartbeat:   binary.LittleEndian.Uint64(b[heartbeatAt:]),
		ackedOffset: binary.LittleEndian.Uint64(b[ackedOffsetAt:]),
		fenced:      b[fencedAt] != 0,
		blank:       !slices.ContainsFunc(b[:heartbeatAt], func(c byte) bool { return c != 0 }),
	}
	length := int(binary.LittleEndian.Uint16(b[instanceAt:]))
	h.sound = bytes.HasPrefix(b, []byte(magic)) && length <= instanceIDBytes &&
		binary.LittleEndian.Uint32(b[crcAt:]) == headerCRC(b)
	h.instanceID = string(b[instanceAt+2:][:min(length, instanceIDBytes)])
	if !h.sound {
		h.ackedOffset = 0
	}
	return h
}
