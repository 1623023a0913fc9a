package spool

import (
	"context"
	"time"
)

// A ReplayTransport sends records from disk, apart from everything that is sent from memory. One
// goroutine uses it.
type ReplayTransport interface {
	// Send sends records in their order. It returns one error per record, nil if the record is
	// delivered, once all are known or the context is done.
	Send(ctx context.Context, records []Record) []error
	// Close ends the transport.
	Close()
}

// replayBatch is the part of a segment that is sent before Kafka has acknowledged all of it.
type replayBatch struct {
	records []Record
	end     int64
	own     bool
	// ack acknowledges so many more records, and everything before an offset.
	ack func(count int, upTo int64) error
}

// rejection is a record that is permanently rejected.
type rejection struct {
	Record
	err error
}

// replayer sends what is on disk, a batch at a time, and backs off while Kafka acknowledges nothing.
type replayer struct {
	tuning        Tuning
	next          func() (*replayBatch, error) // nil: nothing to send at the moment
	openTransport func() (ReplayTransport, error)
	isFinal       func(error) bool // reports whether a retry would fail the same way
	onOutcome     func(b *replayBatch, delivered int, rejected []rejection)
	onError       func(error)
	breaker       circuitBreaker
	transport     ReplayTransport
}

// run sends until the context is done. A wake-up means that there may be something to send.
func (r *replayer) run(ctx context.Context, wake <-chan struct{}) {
	defer r.closeTransport()
	idle := time.NewTimer(r.tuning.transportIdle)
	defer idle.Stop()
	for ctx.Err() == nil {
		batch, err := r.next()
		if err != nil {
			r.onError(err)
		}
		if batch != nil {
			r.replay(ctx, batch)
			idle.Reset(r.tuning.transportIdle)
			continue
		}
		select {
		case <-ctx.Done():
		case <-wake:
		case <-idle.C:
			r.closeTransport()
		}
	}
}

func (r *replayer) replay(ctx context.Context, b *replayBatch) {
	left := b.records
	if len(left) == 0 {
		r.ack(b, 0, nil, b.end)
	}
	for len(left) > 0 && ctx.Err() == nil {
		if r.transport == nil {
			var err error
			if r.transport, err = r.openTransport(); err != nil {
				r.onError(err)
				sleep(ctx, r.breaker.trip(&r.tuning))
				continue
			}
		}
		started := time.Now()
		sent := left
		if r.breaker.open {
			sent = left[:1] // half-open: one event probes whether the others may follow
		}
		var again []Record
		var rejected []rejection
		var passing error
		for i, err := range r.transport.Send(ctx, sent) {
			switch {
			case err == nil:
			case r.isFinal(err):
				rejected = append(rejected, rejection{sent[i], err})
			default:
				again, passing = append(again, sent[i]), err
			}
		}
		left = append(again[:len(again):len(again)], left[len(sent):]...)
		upTo := b.end
		if len(left) > 0 {
			upTo = left[0].start
		}
		r.ack(b, len(sent)-len(again)-len(rejected), rejected, upTo)
		if len(again) > 0 {
			if ctx.Err() == nil {
				r.onError(passing)
			}
			sleep(ctx, r.breaker.trip(&r.tuning))
			continue
		}
		r.breaker.reset()
		if !b.own {
			least := time.Duration(len(sent)) * time.Second / time.Duration(r.tuning.EventsPerSecond)
			sleep(ctx, least-time.Since(started))
		}
	}
}

func (r *replayer) ack(b *replayBatch, delivered int, rejected []rejection, upTo int64) {
	r.onOutcome(b, delivered, rejected)
	if err := b.ack(delivered+len(rejected), upTo); err != nil {
		r.onError(err)
	}
}

func (r *replayer) closeTransport() {
	if r.transport != nil {
		r.transport.Close()
		r.transport = nil
	}
}
