package ekausage

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/internal/spool"
)

const (
	// How often a flush looks whether the last call of Record has come through.
	recheck = time.Millisecond
	// Into how many looks the time is divided in which something has to be settled.
	looks = 10
)

// An event that was accepted, on its way out.
type event struct {
	key, value []byte
	at         time.Time
	onDisk     *spool.AckGroup // nil where it is in memory only
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
	// giveUp settles what is left as given up; more may be sent afterwards.
	giveUp()
	// close gives up what is left, and ends what the transport runs.
	close()
}

// settle is told once of each event what became of it: nil, delivered; errGivenUp, given up; any
// other error, failed.
type settle func(e event, err error)

// errGivenUp is why the last events of a client that was shut down are not delivered.
var errGivenUp = errors.New("the client was shut down first")

// outbox bounds what is on its way, and counts what becomes of it. A place in the queue, or on disk,
// is there before an event is numbered, so that one that finds none takes no number.
type outbox struct {
	transport           transport
	books               *ledger
	spool               *spool.Spool // nil: nothing goes to disk
	durable             bool
	maxEvents, maxBytes int64
	events, bytes       atomic.Int64
	writing             atomic.Int64 // calls that write to disk what has no place in the queue
	closed              atomic.Bool
}

// rejectReason says why no event can be accepted at the moment; "" where one can.
func (o *outbox) rejectReason() ErrorCode {
	if o.closed.Load() {
		return CodeClientClosed
	}
	full := o.events.Load() >= o.maxEvents || o.bytes.Load() >= o.maxBytes || !o.transport.ready()
	if full || o.durable || o.hasBacklog() {
		return o.noRoom()
	}
	return ""
}

// hasBacklog reports whether events wait on disk, so that later ones have to wait there too.
func (o *outbox) hasBacklog() bool { return o.spool != nil && o.spool.HasBacklog() }

// noRoom says why the disk takes no event; "" where it does.
func (o *outbox) noRoom() ErrorCode {
	if o.spool == nil {
		return CodeQueueFull
	}
	var full *spool.FullError
	switch err := o.spool.EnsureHeadroom(); {
	case err == nil:
		return ""
	case errors.As(err, &full):
		return CodeSpoolFull
	case o.durable:
		return CodeSpoolFailed
	}
	return CodeQueueFull
}

// enter takes a place in the queue for an event of about so many bytes, or sees that the disk takes
// it.
func (o *outbox) enter(size int64) (queued bool, refused ErrorCode) {
	places := &o.events
	if queued = o.take(size); !queued {
		if refused := o.noRoom(); refused != "" {
			return false, refused
		}
		places = &o.writing
		places.Add(1)
	}
	// A shutdown either sees the place that is taken, and waits, or is seen here.
	if o.closed.Load() {
		places.Add(-1)
		return false, CodeClientClosed
	}
	return queued, ""
}

// take reports whether it took a place in the queue.
func (o *outbox) take(size int64) bool {
	if o.spool != nil && (o.spool.HasBacklog() || !o.transport.ready()) {
		return false
	}
	if o.events.Add(1) > o.maxEvents || o.bytes.Load()+size > o.maxBytes {
		o.events.Add(-1)
		return false
	}
	return true
}

// number gives an event that has a place its number.
func (o *outbox) number() uint64 { return uint64(o.books.accepted.Add(1)) }

// send hands over an event that has a number: to the transport, and to the disk where it has no
// place in the queue or the disk is to have every event. An error says that the disk has not got it,
// so that it is in memory only.
func (o *outbox) send(e event, queued bool) (err error) {
	if !queued {
		defer o.writing.Add(-1)
		if err = o.spool.Spill(e.key, e.value); err == nil {
			o.books.spooled.Add(1)
			return nil
		}
		o.events.Add(1)
	} else if o.durable {
		e.onDisk, err = o.spool.Append(e.key, e.value)
		if err == nil && e.onDisk == nil {
			o.books.spooled.Add(1)
			o.vacate()
			return nil
		}
	}
	o.bytes.Add(e.size())
	o.transport.send(e)
	return err
}

// leave frees the place of an event that is settled.
func (o *outbox) leave(size int64) {
	o.bytes.Add(-size)
	o.vacate()
}

func (o *outbox) vacate() {
	if o.events.Add(-1) == 0 && o.hasBacklog() {
		o.spool.Wake()
	}
}

// spill reports whether an event that was not delivered is left to the disk.
func (o *outbox) spill(e *event, cause error) bool {
	if o.spool == nil {
		return false
	}
	if isFinal(cause) {
		o.spool.DeadLetter(e.key, e.value)
		return false
	}
	if e.onDisk != nil && errors.Is(cause, errGivenUp) || o.spool.Requeue(e.key, e.value) != nil {
		// What was written before is for the next process, if anything was.
		written := e.onDisk != nil
		e.onDisk = nil
		return written
	}
	return true
}

// waiting is how many events are not settled.
func (o *outbox) waiting() int64 {
	waiting := o.events.Load() + o.writing.Load()
	if o.spool != nil {
		waiting += int64(o.spool.Pending())
	}
	return waiting
}

// flush waits until everything that was accepted is settled; while nothing is, for no longer than
// patience, where there is a limit to that.
func (o *outbox) flush(ctx context.Context, patience time.Duration) error {
	if patience > 0 {
		var stop context.CancelFunc
		ctx, stop = o.whileProgress(ctx, patience)
		defer stop()
	}
	for o.waiting() > 0 {
		if o.events.Load() > 0 {
			o.transport.flush(ctx)
		}
		if o.waiting() == 0 {
			break
		}
		select {
		case <-ctx.Done():
			stats := o.books.stats()
			return fmt.Errorf("ekausage: %d events still queued: %w", stats.Queued+stats.Spooled, context.Cause(ctx))
		case <-time.After(recheck):
		}
	}
	return nil
}

// toDisk leaves what is in memory to the disk, and whatever is accepted from now on, as the process is
// about to end. In mode durable the disk has it already.
func (o *outbox) toDisk() {
	if o.spool == nil || o.durable {
		return
	}
	o.spool.SpillAll()
	for deadline := time.Now().Add(closing); o.events.Load() > 0 && time.Now().Before(deadline); {
		o.transport.giveUp()
		time.Sleep(recheck)
	}
}

// whileProgress is a context that ends, too, when nothing was settled for so long.
func (o *outbox) whileProgress(ctx context.Context, patience time.Duration) (context.Context, context.CancelFunc) {
	ctx, stop := context.WithCancel(ctx)
	go func() {
		ticks := time.NewTicker(patience / looks)
		defer ticks.Stop()
		last, since := o.books.settled(), time.Now()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticks.C:
			}
			if now := o.books.settled(); now != last {
				last, since = now, time.Now()
			} else if time.Since(since) > patience {
				stop()
			}
		}
	}()
	return ctx, stop
}

// trouble says what is wrong with the disk.
func (o *outbox) trouble() string {
	if err := o.spool.EnsureHeadroom(); err != nil {
		return err.Error()
	}
	return "there was no room a moment ago"
}

func (o *outbox) limit() string {
	return fmt.Sprintf("the limit is %d events or %d bytes", o.maxEvents, o.maxBytes)
}
