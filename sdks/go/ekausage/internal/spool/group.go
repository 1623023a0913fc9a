package spool

import (
	"encoding/binary"
	"hash/crc32"
)

// memberBytes is the length of a member's length.
const memberBytes = 4

// isGroup reports whether the body of a record holds several events.
func isGroup(body []byte) bool {
	return len(body) >= keyBytes && binary.LittleEndian.Uint16(body) == groupKey
}

// isWholeGroup reports whether a group has members, each as long as it states.
func isWholeGroup(body []byte) bool {
	rest := body[keyBytes:]
	if len(rest) == 0 {
		return false
	}
	for len(rest) >= memberBytes && int64(binary.LittleEndian.Uint32(rest)) <= int64(len(rest)-memberBytes) {
		var member []byte
		if member, rest = nextMember(rest); isGroup(member) || !isEvent(member) {
			return false
		}
	}
	return len(rest) == 0
}

// nextMember returns the first member of what is left of a group, and what follows it.
func nextMember(rest []byte) (member, following []byte) {
	end := memberBytes + int(binary.LittleEndian.Uint32(rest))
	return rest[memberBytes:end], rest[end:]
}

// A Group is several events as one record of the spool. It is also the memory of these events, whether
// they are written to disk or not.
type Group struct {
	content []byte // the frame, groupKey and the members
	first   []byte
	events  int
}

// GroupSize returns how long a group is, of so many events that are with their keys of so many bytes.
func GroupSize(events int, bytes int64) int64 {
	return frameBytes + keyBytes + int64(events)*(memberBytes+keyBytes) + bytes
}

// NewGroup returns a group without events, with memory for one of this GroupSize.
func NewGroup(size int64) *Group {
	return &Group{content: make([]byte, frameBytes+keyBytes, size)}
}

// Add adds the event that a function appends, and returns it with its key.
func (g *Group) Add(key string, appendEvent func([]byte) []byte) (record Record) {
	start := len(g.content)
	content := append(g.content, 0, 0, 0, 0)
	content = binary.LittleEndian.AppendUint16(content, uint16(len(key)))
	keyAt := len(content)
	content = append(content, key...)
	eventAt := len(content)
	content = appendEvent(content)
	end := len(content)
	binary.LittleEndian.PutUint32(content[start:], uint32(end-start-memberBytes))
	record.Key, record.Event = content[keyAt:eventAt:eventAt], content[eventAt:end:end]
	if g.content = content; g.events == 0 {
		g.first = record.Event
	}
	g.events++
	return record
}

// encode fills in the frame.
func (g *Group) encode(salt uint32) encodedRecord {
	body := g.content[frameBytes:]
	binary.LittleEndian.PutUint16(body, groupKey)
	binary.LittleEndian.PutUint32(g.content[0:], marker)
	binary.LittleEndian.PutUint32(g.content[4:], uint32(len(body)))
	binary.LittleEndian.PutUint32(g.content[8:], crc32.Update(salt, crc32.IEEETable, body))
	return encodedRecord{head: g.content, first: g.first, events: g.events}
}
