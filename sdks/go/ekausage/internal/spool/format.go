package spool

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const (
	kindEvents = "events"
	kindDead   = "dead"
	unowned    = "00000000000000000000000000000000"

	defaultPort = "9092"
)

// Where the parts of a header are. What is before the heartbeat never changes once it is written.
const (
	versionAt     = 8
	crcAt         = 12
	originAt      = 16
	firstSeqAt    = 32
	createdAt     = 40
	destinationAt = 48
	instanceAt    = 56
	heartbeatAt   = 208
	ackedAt       = 216
	closedAt      = 224
)

// A Destination tells one cluster's topic from every other.
type Destination [8]byte

// DestinationOf is the destination of a topic of some brokers; of none where a producer takes the
// place of Kafka.
func DestinationOf(topic string, brokers []string) Destination {
	places := make([]string, len(brokers))
	for i, broker := range brokers {
		places[i] = strings.ToLower(broker)
		if _, _, err := net.SplitHostPort(places[i]); err != nil {
			places[i] += ":" + defaultPort
		}
	}
	slices.Sort(places)
	if len(places) == 0 {
		places = []string{"producer"}
	}
	sum := sha256.Sum256([]byte(topic + "\n" + strings.Join(slices.Compact(places), ",")))
	return Destination(sum[:])
}

// name is what a segment's name says.
type name struct {
	kind, origin     string
	firstSeq, number uint64
	owner            string
}

var nameForm = regexp.MustCompile(`^(events|dead)-([0-9a-f]{32})-([0-9]{20})-([0-9]{6,})\.([0-9a-f]{32})$`)

// parseName reports false where a file is no segment.
func parseName(file string) (name, bool) {
	parts := nameForm.FindStringSubmatch(file)
	if parts == nil {
		return name{}, false
	}
	seq, wrongSeq := strconv.ParseUint(parts[3], 10, 64)
	number, wrongNumber := strconv.ParseUint(parts[4], 10, 64)
	if wrongSeq != nil || wrongNumber != nil {
		return name{}, false
	}
	return name{parts[1], parts[2], seq, number, parts[5]}, true
}

func (n name) String() string {
	return fmt.Sprintf("%s-%s-%020d-%06d.%s", n.kind, n.origin, n.firstSeq, n.number, n.owner)
}

// inOrder sorts the segments of an origin in the order in which they were begun.
func inOrder(a, b name) int {
	return cmp.Or(
		cmp.Compare(a.origin, b.origin),
		cmp.Compare(a.firstSeq, b.firstSeq),
		cmp.Compare(a.number, b.number),
	)
}

// header is what a segment says of itself.
type header struct {
	version             uint32
	origin              [16]byte
	firstSeq, createdAt uint64
	destination         Destination
	instanceID          string
	heartbeat           uint64
	ackedOffset         uint64
	fenced              bool
	// blank: its writer died before it wrote one.
	blank bool
	// sound: its CRC holds, and it is possible.
	sound bool
}

// newer reports whether the segment is to be left to a newer reader.
func (h *header) newer() bool { return h.sound && h.version > version }

// encode is the part that never changes.
func (h *header) encode() []byte {
	b := make([]byte, heartbeatAt)
	copy(b, magic)
	binary.LittleEndian.PutUint32(b[versionAt:], h.version)
	copy(b[originAt:], h.origin[:])
	binary.LittleEndian.PutUint64(b[firstSeqAt:], h.firstSeq)
	binary.LittleEndian.PutUint64(b[createdAt:], h.createdAt)
	copy(b[destinationAt:], h.destination[:])
	kept := copy(b[instanceAt+2:instanceAt+2+instanceIDBytes], h.instanceID)
	binary.LittleEndian.PutUint16(b[instanceAt:], uint16(kept))
	binary.LittleEndian.PutUint32(b[crcAt:], headerCRC(b))
	return b
}

func headerCRC(b []byte) uint32 {
	return crc32.Update(crc32.ChecksumIEEE(b[:crcAt]), crc32.IEEETable, b[originAt:heartbeatAt])
}

// decodeHeader reads the first bytes of a segment, however many there are.
func decodeHeader(content []byte) header {
	b := make([]byte, headerBytes)
	copy(b, content)
	h := header{
		version:     binary.LittleEndian.Uint32(b[versionAt:]),
		origin:      [16]byte(b[originAt:]),
		firstSeq:    binary.LittleEndian.Uint64(b[firstSeqAt:]),
		createdAt:   binary.LittleEndian.Uint64(b[createdAt:]),
		destination: Destination(b[destinationAt:]),
		heartbeat:   binary.LittleEndian.Uint64(b[heartbeatAt:]),
		ackedOffset: binary.LittleEndian.Uint64(b[ackedAt:]),
		fenced:      b[closedAt] != 0,
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

// salt is what the CRC of each record of an origin begins with.
func salt(origin string) uint32 {
	decoded, _ := hex.DecodeString(origin) // a name's origin is hex
	return crc32.ChecksumIEEE(decoded)
}
