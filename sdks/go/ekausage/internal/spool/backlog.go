package spool

import "time"

// A segment is no longer than what may be sent before Kafka has all of it.
const _ = uint(replayWindowBytes - segmentBytes)

// lot is what of a segment is sent before Kafka has all of it.
type lot struct {
	records []Record
	end     int64
	own     bool
	// done: so many more records are done, and everything before an offset.
	done func(count int, upTo int64) error
}

// next is what waits in the oldest segment where anything does; nil where nothing waits any more, so
// that records are delivered from memory again.
func (j *journal) next() (*lot, error) {
	j.mu.Lock()
	var p *page
	for _, candidate := range j.pages {
		if candidate.waiting > 0 {
			p = candidate
			break
		}
	}
	if p == nil {
		j.waiting = 0
		j.behind.Store(j.held)
		j.mu.Unlock()
		j.nudge()
		return nil, nil
	}
	from, end, waiting := p.from, p.end, p.waiting
	j.mu.Unlock()
	content, err := p.content(from, end)
	if err != nil {
		return nil, err
	}
	records, _ := readRecords(content, j.salt, from)
	l := &lot{records: records, end: end, own: true}
	l.done = func(count int, upTo int64) error { return j.advance(p, count, upTo) }
	if lost := waiting - len(records); lost > 0 {
		// Somebody else wrote into the file. What cannot be read cannot be sent.
		if err := j.advance(p, lost, from); err != nil || len(records) == 0 {
			return nil, err
		}
	}
	return l, nil
}

// advance notes that so many records that waited are done.
func (j *journal) advance(p *page, count int, upTo int64) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if p.lost {
		return nil
	}
	p.waiting -= count
	j.waiting -= count
	p.from = upTo
	if p.popAcked(); len(p.groups) > 0 {
		return nil
	}
	return p.writeAckedOffset(upTo)
}

// left is how many records wait for their delivery from here.
func (j *journal) left() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.waiting
}

// oldest is when the oldest segment was made that is not done.
func (j *journal) oldest() (made time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, p := range j.pages {
		if !p.isAcked() {
			return p.made
		}
	}
	return made
}
