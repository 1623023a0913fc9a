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
	r := recordReader{content: content, salt: salt, budget: searchBytes}
	for at := 0; ; {
		record, found := r.recordAt(at)
		if !found {
			if record, found = r.search(at + 1); found || r.gaveUp() {
				damaged++
			}
			if !found {
				return records, damaged
			}
		}
		at = int(record.end)
		record.start += offset
		record.end += offset
		records = record.appendEvents(records)
	}
}

// storedRecord is a record as it stands in a segment: one event, or a group of them.
type storedRecord struct {
	body       []byte
	start, end int64
}

// appendEvents appends the events of the record, each as a Record that begins and ends where it does.
func (r *storedRecord) appendEvents(records []Record) []Record {
	if !isGroup(r.body) {
		return append(records, r.event(r.body))
	}
	for rest := r.body[keyBytes:]; len(rest) > 0; {
		var member []byte
		member, rest = nextMember(rest)
		records = append(records, r.event(member))
	}
	return records
}

func (r *storedRecord) event(body []byte) Record {
	keyEnd := keyBytes + int(binary.LittleEndian.Uint16(body))
	return Record{body[keyBytes:keyEnd:keyEnd], body[keyEnd:len(body):len(body)], r.start, r.end}
}

// recordReader finds the records of a segment.
type recordReader struct {
	content []byte
	salt    uint32
	// budget is how many bytes of bodies may still be checked in vain: a segment in which each marker
	// announces a long record would take seconds.
	budget int64
}

// unackedRecords returns the records from an acknowledged offset on; all of them, if a record
// neither begins nor ends there.
func unackedRecords(records []Record, ackedOffset int64) []Record {
	unacked := records
	for i := range records {
		if records[i].start == ackedOffset {
			return records[i:]
		}
		if records[i].end == ackedOffset {
			unacked = records[i+1:] // after the last event of a group
		}
	}
	return unacked
}

func (r *recordReader) recordAt(at int) (storedRecord, bool) {
	content := r.content
	if at+frameBytes+keyBytes > len(content) || !bytes.HasPrefix(content[at:], markerBytes) {
		return storedRecord{}, false
	}
	frame, rest := content[at:at+frameBytes], content[at+frameBytes:]
	length := int64(binary.LittleEndian.Uint32(frame[4:]))
	if length > int64(len(rest)) {
		return storedRecord{}, false
	}
	body := rest[:length]
	if group := isGroup(body); group && !isWholeGroup(body) || !group && !isEvent(body) {
		return storedRecord{}, false
	}
	if crc32.Update(r.salt, crc32.IEEETable, body) != binary.LittleEndian.Uint32(frame[8:]) {
		r.budget -= length
		return storedRecord{}, false
	}
	return storedRecord{body, int64(at), int64(at) + frameBytes + length}, true
}

// isEvent reports whether a body has room for the key whose length it begins with.
func isEvent(body []byte) bool {
	return len(body) >= keyBytes && keyBytes+int(binary.LittleEndian.Uint16(body)) <= len(body)
}

// search returns the next record; false if there is none, or too much has to be checked for it.
func (r *recordReader) search(at int) (storedRecord, bool) {
	for ; at < len(r.content) && !r.gaveUp(); at++ {
		next := bytes.Index(r.content[at:], markerBytes)
		if next < 0 {
			break
		}
		at += next
		if record, found := r.recordAt(at); found {
			return record, true
		}
	}
	return storedRecord{}, false
}

func (r *recordReader) gaveUp() bool { return r.budget <= 0 }
