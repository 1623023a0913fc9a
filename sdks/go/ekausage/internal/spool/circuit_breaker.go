package spool

import (
	"math/rand/v2"
	"time"
)

// circuitBreaker is open after a failure that may pass. While it is open, one event at a time probes
// whether the others may follow.
type circuitBreaker struct {
	open      bool
	nextPause time.Duration
}

// trip opens the breaker and returns for how long to send nothing.
func (b *circuitBreaker) trip(t *Tuning) time.Duration {
	b.open = true
	pause := max(b.nextPause, t.RetryMin)
	b.nextPause = min(2*pause, t.RetryMax)
	return time.Duration(float64(pause) * (1 - rand.Float64()/2))
}

// reset closes the breaker.
func (b *circuitBreaker) reset() { *b = circuitBreaker{} }
