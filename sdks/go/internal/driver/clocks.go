package main

import (
	"sync"
	"time"
)

// clocks are the machine's clock, with an offset, and the one that sessions are measured by, which only a
// session of the driver advances.
type clocks struct {
	mu      sync.Mutex
	offset  time.Duration
	frozen  time.Time // zero: the machine's clock goes on
	elapsed time.Duration
}

func (c *clocks) set(offset time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset = offset
}

func (c *clocks) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.frozen.IsZero() {
		return c.frozen
	}
	return time.Now().Add(c.offset)
}

func (c *clocks) monotonic() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.elapsed
}

// freeze stops the machine's clock until thaw.
func (c *clocks) freeze() {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.frozen = now
}

func (c *clocks) advance(wall, monotonic time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.frozen = c.frozen.Add(wall)
	c.elapsed += monotonic
}

func (c *clocks) thaw() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.frozen = time.Time{}
}
