package spool

import "time"

// Tuning is what is the same for every client of a release, and shorter in tests.
type Tuning struct {
	Heartbeat, Lease   time.Duration
	Stray              time.Duration
	RetryMin, RetryMax time.Duration
	EventsPerSecond    int
	carrierIdle        time.Duration
}

// DefaultTuning has the constants of the format.
func DefaultTuning() Tuning {
	return Tuning{
		Heartbeat:       heartbeatMs * time.Millisecond,
		Lease:           leaseMs * time.Millisecond,
		Stray:           orphanTimeoutMs * time.Millisecond,
		RetryMin:        retryMinMs * time.Millisecond,
		RetryMax:        retryMaxMs * time.Millisecond,
		EventsPerSecond: replayEventsPerSecond,
		carrierIdle:     leaseMs * time.Millisecond,
	}
}

// Patience is how long to wait for a broker that takes nothing, where what is left is safe.
const Patience = patienceMs * time.Millisecond
