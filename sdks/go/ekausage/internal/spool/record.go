package spool

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
)

const (
	frameBytes = 12
	keyBytes   = 2
)

var markerBytes = binary.LittleEndian.AppendUint32(nil, marker)

// A Record is an event with its key, as both are sent to Kafka.
type Record struct {
	Key, Event []byte

	start, end int64 // in its segment
}

// recordHead is what precedes the key.
type recordHead [frameBytes + keyBytes]byte

func recordSize(key, event []byte) int64 {
	return int64(len(recordHead{}) + len(key) + len(event))
}

func newRecordHead(salt uint32, key, event []byte) (head recordHead) {
	binary.LittleEndian.PutUint32(head[0:], marker)
	binary.LittleEndian.PutUint32(head[4:], uint32(keyBytes+len(key)+len(event)))
	binary.LittleEndian.PutUint16(head[frameBytes:], uint16(len(key)))
	crc := crc32.Update(salt, crc32.IEEETable, head[frameBytes:])
	crc = crc32.Update(crc, crc32.IEEETable, key)
	binary.LittleEndian.PutUint32(head[8:], crc32.Update(crc, crc32.IEEETable, event))
	return head
}

// recordSalt returns what the CRC of each record of an origin begins with.
func recordSalt(origin string) uint32 {
	decoded, _ := hex.DecodeString(origin) // the origin of a valid name is hexadecimal
	return crc32.ChecksumIEEE(decoded)
}

// readRecords decodes the part of a segment that begins at an offset, and counts the damaged places
// between records. A torn record at the end does not count: its event was never reported as accepted.
func readRecords(content []byte, salt uint32, offset int64) (records []Record, damaged int) {
	for at := 0; ; {
		record, found := recordAt(content, at, salt)
		if !found {
			if record, found = nextRecord(content, at+1, salt); !found {
				return records, damaged
			}
			damaged++
		}
		at = int(record.end)
		record.start += offset
		record.end += offset
		records = append(records, record)
	}
}

// unackedRecords returns the records from an acknowledged offset on; all of them, if a record
// neither begins nor ends there.
func unackedRecords(records []Record, ackedOffset int64) []Record {
	for i := range records {
		if records[i].start == ackedOffset {
			return records[i:]
		}
		if records[i].end == ackedOffset {
			return records[i+1:]
		}
	}
	return records
}

func recordAt(content []byte, at int, salt uint32) (Record, bool) {
	if at+frameBytes+keyBytes > len(content) || !bytes.HasPrefix(content[at:], markerBytes) {
		return Record{}, false
	}
	frame, rest := content[at:at+frameBytes], content[at+frameBytes:]
	length := int64(binary.LittleEndian.Uint32(frame[4:]))
	keyEnd := keyBytes + int64(binary.LittleEndian.Uint16(rest))
	if length > int64(len(rest)) || keyEnd > length ||
		crc32.Update(salt, crc32.IEEETable, rest[:length]) != binary.LittleEndian.Uint32(frame[8:]) {
		return Record{}, false
	}
	end := int64(at) + frameBytes + length
	return Record{rest[keyBytes:keyEnd:keyEnd], rest[keyEnd:length:length], int64(at), end}, true
}

func nextRecord(content []byte, at int, salt uint32) (Record, bool) {
	for at < len(content) {
		next := bytes.Index(content[at:], markerBytes)
		if next < 0 {
			break
		}
		if record, found := recordAt(content, at+next, salt); found {
			return record, true
		}
		at += next + 1
	}
	return Record{}, false
}
