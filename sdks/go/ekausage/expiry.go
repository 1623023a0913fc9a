package ekausage

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// slots is into how many slices the time is cut that an event may take: those of one slice share one
// context, so that an event costs none of its own and expires late by a slice at most.
const slots = 64

// expiry gives each event a context that ends when its time is over.
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

// newExpiry makes contexts that end so long after an event was accepted, or with root.
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
