package ekausage

import (
	"maps"
	"sync"
	"sync/atomic"
)

// Stats are the counters of one client. Accepted always equals the sum of Delivered, Failed, Queued
// and Spooled.
type Stats struct {
	// Accepted counts the events that Record returned an id for.
	Accepted int64
	// Delivered counts those that Kafka has acknowledged.
	Delivered int64
	// Failed counts those that cannot be delivered any more; each was reported to the error handler.
	Failed int64
	// Queued counts those in memory.
	Queued int64
	// Spooled counts those on disk that are not delivered yet.
	Spooled int64
	// Adopted counts the events taken over from clients that are gone.
	Adopted int64
	// Replayed counts the adopted events that Kafka has acknowledged.
	Replayed int64
	// DeadLettered counts the events, own and adopted, that were permanently rejected and are kept on disk.
	// Own ones also count as Failed.
	DeadLettered int64
	// OldestSpooledMs is the age of the oldest segment on disk that has an event for this client to
	// deliver; 0 if none has.
	OldestSpooledMs int64
	// SpoolError is why there is no spool, though the setting wants one; "" if there is no reason.
	SpoolError string
	// Disabled reports that nothing is sent. Delivered counts what would have been.
	Disabled bool
	// Rejected counts the events that were not accepted, by error code.
	Rejected map[ErrorCode]int64
	// SpooledTotal counts the events that were written to disk so far; one that is moved there counts again.
	SpooledTotal int64
	// Retried counts the accepted events that left memory undelivered and stay on disk, to be sent again.
	Retried int64
	// SpoolBytes is the disk space that the spool's directory takes, of all its clients; 0 if it cannot be read.
	SpoolBytes int64
}

// ledger counts the outcomes of one client's events.
type ledger struct {
	accepted, delivered, failed, spooled atomic.Int64
	spooledTotal, retried                atomic.Int64

	mu       sync.Mutex
	rejected map[ErrorCode]int64
}

// settled returns how many events have an outcome.
func (l *ledger) settled() int64 { return l.delivered.Load() + l.failed.Load() }

// settleSpooled counts the outcome of events that were on disk.
func (l *ledger) settleSpooled(events int64, err error) {
	l.spooled.Add(-events)
	if err == nil {
		l.delivered.Add(events)
	} else {
		l.failed.Add(events)
	}
}

// spill counts events that are on disk only.
func (l *ledger) spill(events int64) {
	l.spooledTotal.Add(events)
	l.spooled.Add(events)
}

// retry counts an event that was not delivered from memory and stays on disk.
func (l *ledger) retry() {
	l.spooled.Add(1)
	l.retried.Add(1)
}

func (l *ledger) reject(code ErrorCode, events int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.rejected == nil {
		l.rejected = make(map[ErrorCode]int64)
	}
	l.rejected[code] += int64(events)
}

func (l *ledger) stats() Stats {
	// An event is accepted before it is settled. Reading in the reverse order never shows one that was
	// settled but not accepted.
	stats := Stats{Delivered: l.delivered.Load(), Failed: l.failed.Load()}
	stats.Spooled = max(0, l.spooled.Load())
	stats.Accepted = l.accepted.Load()
	stats.Queued = stats.Accepted - stats.Delivered - stats.Failed - stats.Spooled
	stats.SpooledTotal, stats.Retried = l.spooledTotal.Load(), l.retried.Load()
	l.mu.Lock()
	defer l.mu.Unlock()
	stats.Rejected = maps.Clone(l.rejected)
	if stats.Rejected == nil {
		stats.Rejected = map[ErrorCode]int64{}
	}
	return stats
}
