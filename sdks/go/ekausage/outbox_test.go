package ekausage

import (
	"context"
	"testing"
)

// holding is a transport that never settles what it accepts.
type holding struct{}

func (holding) send(event)            {}
func (holding) sendAll([]event)       {}
func (holding) ready() bool           { return true }
func (holding) flush(context.Context) {}
func (holding) giveUp()               {}
func (holding) close()                {}

func newOutbox(maxEvents, maxBytes int64) *outbox {
	return &outbox{transport: holding{}, outcomes: &outcomes{}, maxEvents: maxEvents, maxBytes: maxBytes}
}

func enter(o *outbox, size int64) ErrorCode {
	_, why := o.enter(size)
	return why.code
}

func expectReason(t *testing.T, got, want ErrorCode) {
	t.Helper()
	if got != want {
		t.Errorf("rejected with %q, want %q", got, want)
	}
}

func TestOutbox(t *testing.T) {
	t.Run("a group that is rejected gives back the places of all its events", func(t *testing.T) {
		o := newOutbox(10, 1000)
		o.closed.Store(true)
		_, why := o.enterAll(5, 10)
		expectReason(t, why.code, CodeClientClosed)
		if o.unsettled() != 0 {
			t.Errorf("%d places are taken", o.unsettled())
		}
	})

	t.Run("the queue accepts as many events as it is configured for", func(t *testing.T) {
		o := newOutbox(3, 1000)
		for range 3 {
			expectReason(t, o.rejectReason().code, "")
			expectReason(t, enter(o, 10), "")
		}
		expectReason(t, o.rejectReason().code, CodeQueueFull)
		// It checked the queue before the place was taken.
		expectReason(t, enter(o, 10), CodeQueueFull)
		if places := o.events.Load(); places != 3 {
			t.Errorf("%d places are taken, want 3", places)
		}
		o.leave(0)
		expectReason(t, o.rejectReason().code, "")
		expectReason(t, enter(o, 10), "")
	})

	t.Run("the queue accepts as many bytes as it is configured for", func(t *testing.T) {
		o := newOutbox(100, 20)
		for range 2 {
			expectReason(t, enter(o, 10), "")
			_ = o.send(event{key: make([]byte, 3), value: make([]byte, 7)}, place{queued: true})
		}
		expectReason(t, o.rejectReason().code, CodeQueueFull)
		expectReason(t, enter(o, 1), CodeQueueFull)
		o.leave(10)
		expectReason(t, o.rejectReason().code, "")
		expectReason(t, enter(o, 11), CodeQueueFull)
		expectReason(t, enter(o, 10), "")
	})

	t.Run("an event overtaken by shutdown takes no place", func(t *testing.T) {
		o := newOutbox(3, 1000)
		expectReason(t, o.rejectReason().code, "")
		o.closed.Store(true)
		expectReason(t, enter(o, 10), CodeClientClosed)
		expectReason(t, o.rejectReason().code, CodeClientClosed)
		if places := o.events.Load(); places != 0 {
			t.Errorf("%d places are taken, want none", places)
		}
	})
}
