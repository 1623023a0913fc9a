package spool

import (
	"context"
	"math/rand/v2"
	"time"
)

// A Carrier sends records apart from everything else. It is used by one goroutine.
type Carrier interface {
	// Send sends records in their order, and returns what became of each when that is known of all
	// of them or the context is done: nil where it is delivered.
	Send(ctx context.Context, records []Record) []error
	Close()
}

// replayer sends what is on disk: a lot at a time, and gently where Kafka takes nothing.
type replayer struct {
	tuning  Tuning
	next    func() (*lot, error) // nil: there is nothing to send at the moment
	carrier func() (Carrier, error)
	final   func(error) bool // whether it would only be refused again
	outcome func(l *lot, delivered int, refused []refusal)
	failed  func(error)
	breaker breaker
	open    Carrier
}

// refusal is a record that is refused for good.
type refusal struct {
	Record
	why error
}

// run sends until the context is done; a wake says that there may be something to send.
func (r *replayer) run(ctx context.Context, wake <-chan struct{}) {
	defer r.letGo()
	idle := time.NewTimer(r.tuning.carrierIdle)
	defer idle.Stop()
	for ctx.Err() == nil {
		l, err := r.next()
		if err != nil {
			r.failed(err)
		}
		if l != nil {
			r.send(ctx, l)
			idle.Reset(r.tuning.carrierIdle)
			continue
		}
		select {
		case <-ctx.Done():
		case <-wake:
		case <-idle.C:
			r.letGo()
		}
	}
}

func (r *replayer) send(ctx context.Context, l *lot) {
	left := l.records
	if len(left) == 0 {
		r.settle(l, 0, nil, l.end)
	}
	for len(left) > 0 && ctx.Err() == nil {
		if r.open == nil {
			var err error
			if r.open, err = r.carrier(); err != nil {
				r.failed(err)
				pause(ctx, r.breaker.refused(&r.tuning))
				continue
			}
		}
		started := time.Now()
		sent := left
		if r.breaker.open {
			sent = left[:1] // one event tries whether the others may go
		}
		said := r.open.Send(ctx, sent)
		var again []Record
		var refused []refusal
		for i, err := range said {
			switch {
			case err == nil:
			case r.final(err):
				refused = append(refused, refusal{sent[i], err})
			default:
				again = append(again, sent[i])
			}
		}
		left = append(again[:len(again):len(again)], left[len(sent):]...)
		upTo := l.end
		if len(left) > 0 {
			upTo = left[0].start
		}
		r.settle(l, len(sent)-len(again)-len(refused), refused, upTo)
		if len(again) > 0 {
			pause(ctx, r.breaker.refused(&r.tuning))
			continue
		}
		r.breaker = breaker{}
		if !l.own {
			least := time.Duration(len(sent)) * time.Second / time.Duration(r.tuning.EventsPerSecond)
			pause(ctx, least-time.Since(started))
		}
	}
}

func (r *replayer) settle(l *lot, delivered int, refused []refusal, upTo int64) {
	r.outcome(l, delivered, refused)
	if err := l.done(delivered+len(refused), upTo); err != nil {
		r.failed(err)
	}
}

func (r *replayer) letGo() {
	if r.open != nil {
		r.open.Close()
		r.open = nil
	}
}

// breaker is open after a refusal that can pass; while it is, one event goes at a time.
type breaker struct {
	open bool
	next time.Duration
}

// refused opens it, and says for how long to send nothing.
func (b *breaker) refused(t *Tuning) time.Duration {
	b.open = true
	longest := max(b.next, t.RetryMin)
	b.next = min(2*longest, t.RetryMax)
	return time.Duration(float64(longest) * (1 - rand.Float64()/2))
}

func pause(ctx context.Context, wait time.Duration) {
	if wait <= 0 {
		return
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
