package spool

import "time"

// Tuning holds the constants of the protocol, which tests shorten.
type Tuning struct {
	Heartbeat, Lease   time.Duration
	OrphanTimeout      time.Duration
	RetryMin, RetryMax time.Duration
	EventsPerSecond    int
	transportIdle      time.Duration
	// crowdTimeout is how long a caller waits for others to write what they have reserved. That takes each of
	// them microseconds, but a busy machine may run none of them for a while.
	crowdTimeout time.Duration
}

// DefaultTuning returns the constants of the format.
func DefaultTuning() Tuning {
	return Tuning{
		Heartbeat:       heartbeatMs * time.Millisecond,
		Lease:           leaseMs * time.Millisecond,
		OrphanTimeout:   orphanTimeoutMs * time.Millisecond,
		RetryMin:        retryMinMs * time.Millisecond,
		RetryMax:        retryMaxMs * time.Millisecond,
		EventsPerSecond: replayEventsPerSecond,
		transportIdle:   leaseMs * time.Millisecond,
		crowdTimeout:    10 * time.Second,
	}
}

// Patience is how long shutdown waits for a broker that acknowledges nothing, if what is left is
// safe on disk.
const Patience = patienceMs * time.Millisecond
