package ekausage

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// recheck is how often a flush looks whether the last call of Record has come through.
const recheck = time.Millisecond

// An event that was accepted, on its way out.
type event struct {
	key, value []byte
	at         time.Time
}

func (e *event) size() int64 { return int64(len(e.key) + len(e.value)) }

// transport carries events away. Each one that it takes is settled, once.
type transport interface {
	// send takes an event, never waits and never fails.
	send(event)
	// ready reports whether an event would be taken that is not accepted yet.
	ready() bool
	// flush waits until what was sent is settled, or the context is done.
	flush(context.Context)
	// close settles what is left as given up, and ends what the transport runs.
	close()
}

// settle is told once of each event what became of it: nil, delivered; errGivenUp, given up; any
// other error, failed.
type settle func(value []byte, size int64, err error)

// errGivenUp is why the last events of a client that was shut down are not delivered.
var errGivenUp = errors.New("the client was shut down first")

// outbox bounds what is on its way, and counts what becomes of it. A place in the queue is taken
// before an event is numbered, so that one that finds it full takes no number.
type outbox struct {
	transport           transport
	books               *ledger
	maxEvents, maxBytes int64
	events, bytes       atomic.Int64
	closed              atomic.Bool
}

// refusal says why no event can be accepted at the moment; "" where one can.
func (o *outbox) refusal() ErrorCode {
	if o.closed.Load() {
		return CodeClientClosed
	}
	if o.events.Load() >= o.maxEvents || o.bytes.Load() >= o.maxBytes || !o.transport.ready() {
		return CodeQueueFull
	}
	return ""
}

// enter takes a place in the queue for an event of about so many bytes.
func (o *outbox) enter(size int64) ErrorCode {
	if o.events.Add(1) > o.maxEvents || o.bytes.Load()+size > o.maxBytes {
		o.events.Add(-1)
		return CodeQueueFull
	}
	// A shutdown either sees the place that is taken, and waits, or is seen here.
	if o.closed.Load() {
		o.events.Add(-1)
		return CodeClientClosed
	}
	return ""
}

// number gives an event that has a place its number.
func (o *outbox) number() uint64 { return uint64(o.books.accepted.Add(1)) }

// send hands over an event that has a number.
func (o *outbox) send(e event) {
	o.bytes.Add(e.size())
	o.transport.send(e)
}

// leave frees the place of an event that is settled.
func (o *outbox) leave(size int64) {
	o.bytes.Add(-size)
	o.events.Add(-1)
}

// flush waits until everything that was accepted is settled.
func (o *outbox) flush(ctx context.Context) error {
	for o.events.Load() > 0 {
		o.transport.flush(ctx)
		if o.events.Load() == 0 {
			break
		}
		select {
		case <-ctx.Done():
			queued := o.books.stats().Queued
			return fmt.Errorf("ekausage: %d events still queued: %w", queued, context.Cause(ctx))
		case <-time.After(recheck):
		}
	}
	return nil
}

func (o *outbox) limit() string {
	return fmt.Sprintf("the limit is %d events or %d bytes", o.maxEvents, o.maxBytes)
}
