package ekausage

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// How often a producer is asked what it has delivered, and offered again what it had no room for.
	carryInterval = 20 * time.Millisecond
	// A flush is cut in slices, so that it ends with its context.
	flushSlice = 200 * time.Millisecond
)

// injectedTransport sends by a producer of the caller's own.
type injectedTransport struct {
	producer  Producer
	reporting ReportingProducer // nil where the producer is none
	settle    settle
	full      atomic.Bool
	wake      chan struct{}
	stop      chan struct{}
	stopped   chan struct{}
	flushing  sync.Mutex

	mu      sync.Mutex
	ended   bool
	parked  []event              // numbered, and found no room
	taken   []event              // by a producer that does not report, oldest first
	tickets map[*ticket]struct{} // of a producer that reports
}

// ticket is one event that a producer is to report on.
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
	go t.carry()
	return t
}

func (t *injectedTransport) ready() bool { return !t.full.Load() }

func (t *injectedTransport) send(e event) {
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
		t.nudge()
	}
}

// produce offers an event; an error says that the producer did not take it.
func (t *injectedTransport) produce(e event) (err error) {
	var own *ticket
	defer func() {
		if raised := recover(); raised != nil {
			err = fmt.Errorf("the producer panicked: %v", raised)
		}
		if err != nil && own != nil && !t.redeem(own) {
			err = nil // it reported on the event before it failed
		}
	}()
	if t.reporting == nil {
		if err := t.producer.Produce(UsageTopic, e.key, e.value); err != nil {
			return err
		}
		t.mu.Lock()
		t.taken = append(t.taken, e)
		t.mu.Unlock()
		t.nudge()
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

// redeem reports whether nothing was said of an event before.
func (t *injectedTransport) redeem(own *ticket) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, outstanding := t.tickets[own]
	delete(t.tickets, own)
	return outstanding
}

func (t *injectedTransport) nudge() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// carry looks after what is parked or taken, until there is none.
func (t *injectedTransport) carry() {
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
			case <-time.After(carryInterval):
				t.unpark()
				again = t.ask(0)
			}
		}
	}
}

// unpark offers what was parked, in its order, as far as there is room.
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

// ask flushes for a while, settles what is delivered since, and reports whether anything is left.
func (t *injectedTransport) ask(wait time.Duration) bool {
	t.flushing.Lock()
	defer t.flushing.Unlock()
	t.mu.Lock()
	before := len(t.taken)
	t.mu.Unlock()
	if t.reporting == nil && before == 0 {
		wait = 0
	}
	left := t.flushProducer(wait)
	t.mu.Lock()
	delivered := t.taken[:max(0, before-left)]
	t.taken = t.taken[len(delivered):]
	outstanding := len(t.taken) + len(t.parked)
	t.mu.Unlock()
	for _, e := range delivered {
		t.settle(e, nil)
	}
	return outstanding > 0
}

func (t *injectedTransport) flushProducer(wait time.Duration) (left int) {
	defer func() {
		if recover() != nil {
			left = int(^uint(0) >> 1) // nothing is known to be delivered
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
	t.ask(wait)
}

func (t *injectedTransport) close() {
	close(t.stop)
	<-t.stopped
	t.mu.Lock()
	t.ended = true
	t.mu.Unlock()
	t.giveUp()
	defer func() { _ = recover() }() // the client is closed, whatever the producer says of it
	t.producer.Close()
}

func (t *injectedTransport) giveUp() {
	t.mu.Lock()
	left := append(t.parked, t.taken...)
	for own := range t.tickets {
		left = append(left, own.event)
	}
	t.parked, t.taken = nil, nil
	clear(t.tickets)
	t.mu.Unlock()
	for _, e := range left {
		t.settle(e, errGivenUp)
	}
}
