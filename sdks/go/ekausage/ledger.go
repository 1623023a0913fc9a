package ekausage

import (
	"maps"
	"sync"
	"sync/atomic"
)

// Stats says what became of the events of one client; Accepted is always the sum of Delivered,
// Failed, Queued and Spooled.
type Stats struct {
	// Accepted events are those that Record returned an id for.
	Accepted int64
	// Delivered are those of them that Kafka has.
	Delivered int64
	// Failed are those of them that cannot be delivered any more; the error handler heard of each.
	Failed int64
	// Queued are those of them that are on their way.
	Queued int64
	// Spooled are those of them that are left to the disk, and not delivered yet.
	Spooled int64
	// Adopted events are those that were taken over from clients that are gone.
	Adopted int64
	// Replayed are those of the adopted ones that Kafka has.
	Replayed int64
	// DeadLettered events were refused for good and are kept on disk: own ones, which also count as
	// Failed, and adopted ones.
	DeadLettered int64
	// OldestSpooledMs is the age of the oldest segment on disk that has an event for this client to
	// deliver, 0 where none has.
	OldestSpooledMs int64
	// Rejected counts the events that were not accepted, by error code.
	Rejected map[ErrorCode]int64
}

// ledger keeps the books of one client.
type ledger struct {
	accepted, delivered, failed, spooled atomic.Int64

	mu       sync.Mutex
	rejected map[ErrorCode]int64
}

// settled is how many events were, one way or the other.
func (l *ledger) settled() int64 { return l.delivered.Load() + l.failed.Load() }

// fromDisk counts what became of events that were left to the disk.
func (l *ledger) fromDisk(events int64, err error) {
	l.spooled.Add(-events)
	if err == nil {
		l.delivered.Add(events)
	} else {
		l.failed.Add(events)
	}
}

func (l *ledger) reject(code ErrorCode) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.rejected == nil {
		l.rejected = make(map[ErrorCode]int64)
	}
	l.rejected[code]++
}

func (l *ledger) stats() Stats {
	// What is settled was accepted before: in this order nothing can seem settled that was not.
	settled := Stats{Delivered: l.delivered.Load(), Failed: l.failed.Load()}
	settled.Spooled = max(0, l.spooled.Load())
	settled.Accepted = l.accepted.Load()
	settled.Queued = settled.Accepted - settled.Delivered - settled.Failed - settled.Spooled
	l.mu.Lock()
	defer l.mu.Unlock()
	settled.Rejected = maps.Clone(l.rejected)
	if settled.Rejected == nil {
		settled.Rejected = map[ErrorCode]int64{}
	}
	return settled
}
