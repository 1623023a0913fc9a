package ekausage

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// slots is how many slices the delivery timeout is cut into. The events of one slice share a context, so
// that no event needs its own and each expires late by one slice at most.
const slots = 64

// expiry returns the context of an event, which ends when its time is over.
type expiry struct {
	root    context.Context
	after   time.Duration
	slice   time.Duration
	mu      sync.Mutex
	current atomic.Pointer[slot]
}

type slot struct {
	end    time.Time
	ctx    context.Context
	cancel context.CancelFunc
}

// newExpiry returns an expiry whose contexts end some time after an event was accepted, or with root.
func newExpiry(root context.Context, after time.Duration) *expiry {
	return &expiry{root: root, after: after, slice: after / slots}
}

func (e *expiry) context(at time.Time) context.Context {
	if s := e.current.Load(); s != nil && at.Before(s.end) {
		return s.ctx
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.current.Load()
	if s == nil || !at.Before(s.end) {
		s = &slot{end: at.Add(e.slice)}
		s.ctx, s.cancel = context.WithDeadline(e.root, s.end.Add(e.after))
		e.current.Store(s)
	}
	return s.ctx
}
