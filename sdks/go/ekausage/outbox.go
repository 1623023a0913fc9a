package ekausage

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/internal/encode"
	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/internal/spool"
)

const (
	// How often a flush checks whether the last call of Record has finished.
	flushInterval = time.Millisecond
	// How often per period of patience progress is checked.
	progressChecks = 10
)

// outbox bounds the events in flight and routes them, through memory or the spool. An event has its
// place in the queue, or on disk, before it is numbered, so that a rejected event leaves no gap.
type outbox struct {
	transport           transport
	outcomes            *outcomes
	spool               *spool.Spool // nil: nothing is written to disk
	durable             bool
	maxEvents, maxBytes int64
	events, bytes       atomic.Int64
	writing             atomic.Int64 // calls that write to disk what has no place in the queue
	closed              atomic.Bool
	missing             bool // it is that of a client that New has not returned
}

// reason is why no event is accepted; the zero value is none.
type reason struct {
	code  ErrorCode
	cause error // of the spool
}

// rejectReason returns why no event can be accepted at the moment.
func (o *outbox) rejectReason() reason {
	if o.closed.Load() {
		return o.closedReason()
	}
	full := o.events.Load() >= o.maxEvents || o.bytes.Load() >= o.maxBytes || !o.transport.ready()
	if full || o.durable || o.hasBacklog() {
		return o.spoolRejectReason()
	}
	return reason{}
}

func (o *outbox) closedReason() reason {
	if o.missing {
		return reason{code: CodeConfigInvalid}
	}
	return reason{code: CodeClientClosed}
}

// hasBacklog reports whether events are pending on disk, so that later ones have to follow them there.
func (o *outbox) hasBacklog() bool { return o.spool != nil && o.spool.HasBacklog() }

// spoolRejectReason returns why the spool accepts no event.
func (o *outbox) spoolRejectReason() reason {
	if o.spool == nil {
		return reason{code: CodeQueueFull}
	}
	return o.spoolReason(o.spool.EnsureHeadroom())
}

// spoolReason returns the reason for an error that keeps the spool from accepting an event.
func (o *outbox) spoolReason(err error) reason {
	var full *spool.FullError
	switch {
	case err == nil:
		return reason{}
	case errors.As(err, &full):
		return reason{CodeSpoolFull, err}
	case o.durable:
		return reason{CodeSpoolFailed, err}
	}
	return reason{CodeQueueFull, err}
}

// place is where an event goes that is accepted.
type place struct {
	queued   bool  // in memory
	reserved int64 // bytes on disk
}

// enter takes a place in the queue for an event of at most so many bytes, and on disk if it is written
// there.
func (o *outbox) enter(size int64) (place, reason) {
	return o.enterWith(1, size, func() (int64, error) { return o.spool.Reserve(size) })
}

// enterAll is enter for the events of a group, which have places together or none.
func (o *outbox) enterAll(events int, size int64) (place, reason) {
	return o.enterWith(int64(events), size, func() (int64, error) {
		return o.spool.ReserveGroup(spool.GroupSize(events, size))
	})
}

func (o *outbox) enterWith(events, size int64, reserve func() (int64, error)) (p place, why reason) {
	places := &o.events
	if p.queued = o.takePlaces(events, size); !p.queued {
		places = &o.writing
		places.Add(events)
	}
	if !p.queued && o.spool == nil {
		why.code = CodeQueueFull
	} else if !p.queued || o.durable {
		var err error
		p.reserved, err = reserve()
		why = o.spoolReason(err)
	}
	// A shutdown either counts the places taken above, and waits, or is detected here.
	if why.code == "" && o.closed.Load() {
		if p.reserved > 0 {
			o.spool.Unreserve(p.reserved)
		}
		why = reason{code: CodeClientClosed}
	}
	if why.code != "" {
		places.Add(-events)
		return place{}, why
	}
	return p, reason{}
}

// takePlaces reports whether it took places in the queue.
func (o *outbox) takePlaces(events, size int64) bool {
	if o.spool != nil && (o.spool.HasBacklog() || !o.transport.ready()) {
		return false
	}
	if o.events.Add(events) > o.maxEvents || o.bytes.Load()+size > o.maxBytes {
		o.events.Add(-events)
		return false
	}
	return true
}

// nextSeq returns the sequence number of an event that has a place.
func (o *outbox) nextSeq() uint64 { return o.nextSeqs(1) }

// nextSeqs returns the first of so many consecutive numbers.
func (o *outbox) nextSeqs(events int) uint64 {
	return uint64(o.outcomes.ledger.accepted.Add(int64(events))-int64(events)) + 1
}

// send passes a numbered event to the transport, and writes it to disk if it has no place in the
// queue or the spool is durable. An error means that the event is in memory only.
func (o *outbox) send(e event, p place) (err error) {
	if !p.queued {
		defer o.writing.Add(-1)
		if err = o.spool.Spill(e.key, e.value, p.reserved); err == nil {
			o.outcomes.ledger.spill(1)
			return nil
		}
		o.events.Add(1)
	} else if o.durable {
		e.onDisk, err = o.spool.Append(e.key, e.value, p.reserved)
		if err == nil && e.onDisk == nil {
			o.outcomes.ledger.spill(1)
			o.freePlaces(1)
			return nil
		}
		if err == nil {
			o.outcomes.ledger.spooledTotal.Add(1)
		}
	}
	o.bytes.Add(e.size())
	o.transport.send(e)
	return err
}

// sendAll is send for the events of a group.
func (o *outbox) sendAll(events []event, group *spool.Group, p place) (err error) {
	count := int64(len(events))
	if !p.queued {
		defer o.writing.Add(-count)
		if err = o.spool.SpillGroup(group, p.reserved); err == nil {
			o.outcomes.ledger.spill(count)
			return nil
		}
		o.events.Add(count)
	} else if o.durable {
		var onDisk *spool.AckGroup
		onDisk, err = o.spool.AppendGroup(group, p.reserved)
		if err == nil && onDisk == nil {
			o.outcomes.ledger.spill(count)
			o.freePlaces(count)
			return nil
		}
		if err == nil {
			o.outcomes.ledger.spooledTotal.Add(count)
		}
		for i := range events {
			events[i].onDisk = onDisk
		}
	}
	size := int64(0)
	for i := range events {
		size += events[i].size()
	}
	o.bytes.Add(size)
	o.transport.sendAll(events)
	return err
}

// leave frees the place of a settled event.
func (o *outbox) leave(size int64) {
	o.bytes.Add(-size)
	o.freePlaces(1)
}

func (o *outbox) freePlaces(events int64) {
	if o.events.Add(-events) == 0 && o.hasBacklog() {
		o.spool.Wake()
	}
}

// spill reports whether an event that was not delivered is left to the spool.
func (o *outbox) spill(e *event, cause error) bool {
	if o.spool == nil {
		return false
	}
	if isFinal(cause) {
		o.spool.DeadLetter(e.key, e.value)
		return false
	}
	if e.onDisk != nil && errors.Is(cause, errGivenUp) || o.spool.Requeue(e.key, e.value) != nil {
		if e.onDisk != nil && e.onDisk.IsLost() {
			return false
		}
		// If it was written before, it is left to the next process.
		written := e.onDisk != nil
		e.onDisk = nil
		return written
	}
	o.outcomes.ledger.spooledTotal.Add(1)
	return true
}

// settled counts the outcome of an accepted event, and reports one that is neither delivered nor
// spilled. It frees the event's place last, so that a flush ends after the last report.
func (o *outbox) settled(e event, cause error) {
	switch {
	case cause == nil:
		o.outcomes.ledger.delivered.Add(1)
	case o.spill(&e, cause):
		o.outcomes.ledger.retry()
	default:
		if e.onDisk != nil && e.onDisk.IsLost() {
			cause = o.lostError(cause)
		}
		o.outcomes.ledger.failed.Add(1)
		o.outcomes.undelivered(e.value, cause, true)
	}
	if e.onDisk != nil {
		e.onDisk.MarkAcked()
	}
	o.leave(e.size())
}

// lostError returns why an event that was on disk is not there for the next process.
func (o *outbox) lostError(cause error) error {
	return fmt.Errorf("%w: its file in %s was removed, and no other can be written there", cause, o.spool.Directory())
}

// unsettled returns how many events have no outcome yet.
func (o *outbox) unsettled() int64 {
	unsettled := o.events.Load() + o.writing.Load()
	if o.spool != nil {
		unsettled += int64(o.spool.Pending())
	}
	return unsettled
}

// flush waits until everything that was accepted is settled. It stops waiting once nothing was settled
// for as long as patience, unless that is 0.
func (o *outbox) flush(ctx context.Context, patience time.Duration) error {
	if patience > 0 {
		var stop context.CancelFunc
		ctx, stop = o.whileProgress(ctx, patience)
		defer stop()
	}
	for o.unsettled() > 0 {
		if o.events.Load() > 0 {
			o.transport.flush(ctx)
		}
		if o.unsettled() == 0 {
			break
		}
		select {
		case <-ctx.Done():
			stats := o.outcomes.ledger.stats()
			return fmt.Errorf("ekausage: %d events still queued: %w", stats.Queued+stats.Spooled, context.Cause(ctx))
		case <-time.After(flushInterval):
		}
	}
	return nil
}

// spillAll writes what is in memory, and every event accepted from now on, to disk, since the process
// is about to end. A durable spool has them already.
func (o *outbox) spillAll() {
	if o.spool == nil || o.durable {
		return
	}
	o.spool.SpillAll()
	for deadline := time.Now().Add(closeTimeout); o.events.Load() > 0 && time.Now().Before(deadline); {
		o.transport.giveUp()
		time.Sleep(flushInterval)
	}
}

// whileProgress returns a context that also ends when nothing was settled for as long as patience.
func (o *outbox) whileProgress(ctx context.Context, patience time.Duration) (context.Context, context.CancelFunc) {
	ctx, stop := context.WithCancel(ctx)
	go func() {
		ticks := time.NewTicker(patience / progressChecks)
		defer ticks.Stop()
		last, since := o.outcomes.ledger.settled(), time.Now()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticks.C:
			}
			if now := o.outcomes.ledger.settled(); now != last {
				last, since = now, time.Now()
			} else if time.Since(since) > patience {
				stop()
			}
		}
	}()
	return ctx, stop
}

// rejection returns the error of an event that is rejected for a reason of the outbox.
func (o *outbox) rejection(why reason) *Error {
	hint := ""
	switch why.code {
	case CodeConfigInvalid:
		return missingError()
	case CodeClientClosed:
	case CodeQueueFull:
		hint = fmt.Sprintf("%d events wait for Kafka, the limit is %d events or %d bytes",
			o.outcomes.ledger.stats().Queued, o.maxEvents, o.maxBytes)
	default:
		hint = why.cause.Error()
	}
	return newError(encode.Rejection{Code: string(why.code), Hint: hint})
}
