package ekausage

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/internal/spool"
)

const (
	// How often a producer is polled for deliveries, and offered again what it rejected as full.
	pollInterval = 20 * time.Millisecond
	// A flush is sliced, so that it ends with its context.
	flushSlice = 200 * time.Millisecond
)

// injectedTransport sends through the caller's own producer.
type injectedTransport struct {
	// Whether another instance of the client goes on with the producer.
	keepsProducer bool

	producer  Producer
	reporting ReportingProducer // nil if the producer does not report
	settle    settle
	full      atomic.Bool
	wake      chan struct{}
	stop      chan struct{}
	stopped   chan struct{}
	flushing  sync.Mutex

	mu      sync.Mutex
	ended   bool
	parked  []event              // numbered, but rejected as full
	sent    []event              // to a producer that does not report, oldest first
	tickets map[*ticket]struct{} // of a producer that reports
}

// ticket is one event whose outcome the producer reports.
type ticket struct{ event event }

func newInjectedTransport(producer Producer, settle settle) *injectedTransport {
	t := &injectedTransport{
		producer: producer,
		settle:   settle,
		wake:     make(chan struct{}, 1),
		stop:     make(chan struct{}),
		stopped:  make(chan struct{}),
		tickets:  make(map[*ticket]struct{}),
	}
	t.reporting, _ = producer.(ReportingProducer)
	go t.poll()
	return t
}

func (t *injectedTransport) ready() bool { return !t.full.Load() }

func (t *injectedTransport) sendAll(events []event) {
	for _, e := range events {
		t.send(e)
	}
}

func (t *injectedTransport) send(e event) {
	if t.full.Load() { // another event was parked after this one found room: it stays behind that
		t.park(e)
		return
	}
	if err := t.produce(e); errors.Is(err, ErrBufferFull) {
		t.park(e)
	} else if err != nil {
		t.settle(e, err)
	}
}

func (t *injectedTransport) park(e event) {
	t.mu.Lock()
	ended := t.ended
	if !ended {
		t.parked = append(t.parked, e)
		t.full.Store(true)
	}
	t.mu.Unlock()
	if ended {
		t.settle(e, errGivenUp)
	} else {
		t.notify()
	}
}

// produce offers an event to the producer. An error means that it was not accepted.
func (t *injectedTransport) produce(e event) (err error) {
	var own *ticket
	defer func() {
		if raised := recover(); raised != nil {
			err = fmt.Errorf("the producer panicked: %v", raised)
		}
		if err != nil && own != nil && !t.redeem(own) {
			err = nil // it reported the outcome before it failed
		}
	}()
	if t.reporting == nil {
		if err := t.producer.Produce(UsageTopic, e.key, e.value); err != nil {
			return err
		}
		t.mu.Lock()
		t.sent = append(t.sent, e)
		t.mu.Unlock()
		t.notify()
		return nil
	}
	own = &ticket{e}
	t.mu.Lock()
	t.tickets[own] = struct{}{}
	t.mu.Unlock()
	return t.reporting.ProduceReporting(UsageTopic, e.key, e.value, func(err error) {
		if t.redeem(own) {
			t.settle(e, err)
		}
	})
}

// redeem reports whether the outcome of an event was not reported before.
func (t *injectedTransport) redeem(own *ticket) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, outstanding := t.tickets[own]
	delete(t.tickets, own)
	return outstanding
}

func (t *injectedTransport) notify() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// poll offers parked events again and settles sent ones, until there are none.
func (t *injectedTransport) poll() {
	defer close(t.stopped)
	for {
		select {
		case <-t.stop:
			return
		case <-t.wake:
		}
		for again := true; again; {
			select {
			case <-t.stop:
				return
			case <-time.After(pollInterval):
				t.unpark()
				again = t.settleDelivered(0)
			}
		}
	}
}

// unpark offers parked events again, in their order, until the producer is full.
func (t *injectedTransport) unpark() {
	t.flushing.Lock()
	defer t.flushing.Unlock()
	for {
		t.mu.Lock()
		if len(t.parked) == 0 {
			t.full.Store(false)
			t.mu.Unlock()
			return
		}
		next := t.parked[0]
		t.mu.Unlock()
		err := t.produce(next)
		if errors.Is(err, ErrBufferFull) {
			return
		}
		t.mu.Lock()
		t.parked = t.parked[1:]
		t.mu.Unlock()
		if err != nil {
			t.settle(next, err)
		}
	}
}

// settleDelivered flushes for a while, settles what was delivered, and reports whether anything is left.
func (t *injectedTransport) settleDelivered(wait time.Duration) bool {
	t.flushing.Lock()
	defer t.flushing.Unlock()
	t.mu.Lock()
	before := len(t.sent)
	t.mu.Unlock()
	if t.reporting == nil && before == 0 {
		wait = 0
	}
	left := t.flushProducer(wait)
	t.mu.Lock()
	delivered := t.sent[:max(0, before-left)]
	t.sent = t.sent[len(delivered):]
	outstanding := len(t.sent) + len(t.parked)
	t.mu.Unlock()
	for _, e := range delivered {
		t.settle(e, nil)
	}
	return outstanding > 0
}

func (t *injectedTransport) flushProducer(wait time.Duration) (left int) {
	defer func() {
		if recover() != nil {
			left = math.MaxInt // nothing counts as delivered
		}
	}()
	return t.producer.Flush(int(wait.Milliseconds()))
}

func (t *injectedTransport) flush(ctx context.Context) {
	t.unpark()
	wait := flushSlice
	if deadline, ok := ctx.Deadline(); ok {
		wait = max(0, min(wait, time.Until(deadline)))
	}
	t.settleDelivered(wait)
}

func (t *injectedTransport) close() {
	close(t.stop)
	<-t.stopped
	t.mu.Lock()
	t.ended = true
	t.mu.Unlock()
	t.giveUp()
	if t.keepsProducer {
		return
	}
	defer func() { _ = recover() }() // the client is closed even if the producer panics
	t.producer.Close()
}

func (t *injectedTransport) giveUp() {
	t.mu.Lock()
	left := append(t.parked, t.sent...)
	for own := range t.tickets {
		left = append(left, own.event)
	}
	t.parked, t.sent = nil, nil
	clear(t.tickets)
	t.mu.Unlock()
	for _, e := range left {
		t.settle(e, errGivenUp)
	}
}

// sharedTransport replays through the caller's own producer, which stays open.
type sharedTransport struct{ producer Producer }

func (t sharedTransport) Send(ctx context.Context, records []spool.Record) []error {
	ctx, cancel := context.WithTimeout(ctx, replayTimeout)
	defer cancel()
	reports := newDeliveryReports(len(records))
	var sent []int
	for i := range records {
		if reporting, err := t.produce(records[i], func(err error) { reports.report(i, err) }); err != nil {
			reports.report(i, err)
		} else if !reporting {
			sent = append(sent, i)
		}
	}
	for len(sent) > 0 && ctx.Err() == nil {
		if t.producer.Flush(int(flushSlice.Milliseconds())) > 0 {
			continue
		}
		for _, i := range sent {
			reports.report(i, nil)
		}
		sent = nil
	}
	return reports.wait(ctx)
}

// produce reports whether the producer itself reports the outcome of the record.
func (t sharedTransport) produce(r spool.Record, done func(error)) (reporting bool, err error) {
	defer func() {
		if raised := recover(); raised != nil {
			err = fmt.Errorf("the producer panicked: %v", raised)
		}
	}()
	if reporting, ok := t.producer.(ReportingProducer); ok {
		return true, reporting.ProduceReporting(UsageTopic, r.Key, r.Event, done)
	}
	return false, t.producer.Produce(UsageTopic, r.Key, r.Event)
}

func (sharedTransport) Close() {}
