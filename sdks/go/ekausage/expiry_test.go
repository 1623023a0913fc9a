package ekausage

import (
	"testing"
	"time"
)

func TestExpiry(t *testing.T) {
	t.Run("events of one slice of time share a context, and none expires early", func(t *testing.T) {
		const after = 640 * time.Millisecond // slices of 10 ms
		e := newExpiry(t.Context(), after)
		start := time.Now()
		first := e.context(start)
		if e.context(start.Add(9*time.Millisecond)) != first {
			t.Error("two events of one slice have two contexts")
		}
		second := e.context(start.Add(10 * time.Millisecond))
		if second == first {
			t.Error("two slices share a context")
		}
		deadline, _ := first.Deadline()
		if early := start.Add(after + 9*time.Millisecond); deadline.Before(early) || deadline.After(start.Add(after+e.slice)) {
			t.Errorf("the context ends after %v", deadline.Sub(start))
		}
	})
}
