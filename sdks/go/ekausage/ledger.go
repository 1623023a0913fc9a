package ekausage

import (
	"maps"
	"sync"
	"sync/atomic"
)

// Stats says what became of the events of one client; Accepted is always the sum of Delivered,
// Failed and Queued.
type Stats struct {
	// Accepted events are those that Record returned an id for.
	Accepted int64
	// Delivered are those of them that Kafka has.
	Delivered int64
	// Failed are those of them that cannot be delivered any more; the error handler heard of each.
	Failed int64
	// Queued are those of them that are on their way.
	Queued int64
	// Rejected counts the events that were not accepted, by error code.
	Rejected map[ErrorCode]int64
}

// ledger keeps the books of one client.
type ledger struct {
	accepted, delivered, failed atomic.Int64

	mu       sync.Mutex
	rejected map[ErrorCode]int64
}

// settle counts what became of an accepted event.
func (l *ledger) settle(err error) {
	if err == nil {
		l.delivered.Add(1)
	} else {
		l.failed.Add(1)
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
	settled.Accepted = l.accepted.Load()
	settled.Queued = settled.Accepted - settled.Delivered - settled.Failed
	l.mu.Lock()
	defer l.mu.Unlock()
	settled.Rejected = maps.Clone(l.rejected)
	if settled.Rejected == nil {
		settled.Rejected = map[ErrorCode]int64{}
	}
	return settled
}
