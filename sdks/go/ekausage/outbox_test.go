package ekausage

import (
	"context"
	"testing"
)

// holding is a transport that keeps what it is sent.
type holding struct{}

func (holding) send(event)            {}
func (holding) ready() bool           { return true }
func (holding) flush(context.Context) {}
func (holding) giveUp()               {}
func (holding) close()                {}

func newOutbox(maxEvents, maxBytes int64) *outbox {
	return &outbox{transport: holding{}, ledger: &ledger{}, maxEvents: maxEvents, maxBytes: maxBytes}
}

func entered(o *outbox, size int64) ErrorCode {
	_, refused := o.enter(size)
	return refused
}

func expectRefusal(t *testing.T, got, want ErrorCode) {
	t.Helper()
	if got != want {
		t.Errorf("refused with %q, want %q", got, want)
	}
}

func TestOutbox(t *testing.T) {
	t.Run("the queue accepts as many events as it is configured for", func(t *testing.T) {
		o := newOutbox(3, 1000)
		for range 3 {
			expectRefusal(t, o.rejectReason(), "")
			expectRefusal(t, entered(o, 10), "")
		}
		expectRefusal(t, o.rejectReason(), CodeQueueFull)
		// Its look at the queue was before the place was taken.
		expectRefusal(t, entered(o, 10), CodeQueueFull)
		if places := o.events.Load(); places != 3 {
			t.Errorf("%d places are taken, want 3", places)
		}
		o.leave(0)
		expectRefusal(t, o.rejectReason(), "")
		expectRefusal(t, entered(o, 10), "")
	})

	t.Run("the queue accepts as many bytes as it is configured for", func(t *testing.T) {
		o := newOutbox(100, 20)
		for range 2 {
			expectRefusal(t, entered(o, 10), "")
			_ = o.send(event{key: make([]byte, 3), value: make([]byte, 7)}, true)
		}
		expectRefusal(t, o.rejectReason(), CodeQueueFull)
		expectRefusal(t, entered(o, 1), CodeQueueFull)
		o.leave(10)
		expectRefusal(t, o.rejectReason(), "")
		expectRefusal(t, entered(o, 11), CodeQueueFull)
		expectRefusal(t, entered(o, 10), "")
	})

	t.Run("an event overtaken by shutdown takes no place", func(t *testing.T) {
		o := newOutbox(3, 1000)
		expectRefusal(t, o.rejectReason(), "")
		o.closed.Store(true)
		expectRefusal(t, entered(o, 10), CodeClientClosed)
		expectRefusal(t, o.rejectReason(), CodeClientClosed)
		if places := o.events.Load(); places != 0 {
			t.Errorf("%d places are taken, want none", places)
		}
	})
}
