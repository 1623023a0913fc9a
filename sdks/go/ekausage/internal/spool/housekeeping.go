package spool

import (
	"context"
	"errors"
	"slices"
	"time"
)

// housekeeper renews leases, removes what is acknowledged and scans for segments to adopt.
type housekeeper struct {
	interval time.Duration
	logs     []*segmentLog // those whose records are acknowledged
	dead     *segmentLog
	adopter  *adopter
	wake     chan struct{}
	scanned  func()
	onError  func(error)
}

func (h *housekeeper) run(ctx context.Context) {
	ticks := time.NewTicker(h.interval)
	defer ticks.Stop()
	h.scan()
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
			err = errors.Join(h.heartbeat(), h.tidy())
			h.scan()
		case <-h.wake:
			err = h.tidy()
		}
		if err != nil {
			h.onError(err)
		}
	}
}

func (h *housekeeper) scan() {
	if err := h.adopter.scan(); err != nil {
		h.onError(err)
	}
	h.scanned()
}

func (h *housekeeper) heartbeat() error {
	failed := errors.Join(h.dead.heartbeat(), h.adopter.heartbeat())
	for _, log := range h.logs {
		failed = errors.Join(failed, log.heartbeat())
	}
	return failed
}

func (h *housekeeper) tidy() (failed error) {
	for _, log := range h.logs {
		failed = errors.Join(failed, log.tidy())
	}
	return failed
}

// tidy writes acknowledged offsets, removes the segments that are acknowledged, and keeps one
// preallocated if the log keeps one ahead.
func (l *segmentLog) tidy() error {
	l.mu.Lock()
	failed := l.releaseIdle()
	var removed []*segmentWriter
	l.writers = slices.DeleteFunc(l.writers, func(w *segmentWriter) bool {
		ackedOffset := w.popAcked()
		if !w.isDone() || !w.sealed {
			if ackedOffset > 0 {
				failed = errors.Join(failed, w.writeAckedOffset(ackedOffset))
			}
			return false
		}
		removed = append(removed, w)
		return true
	})
	needsSegment := l.keepsAhead && l.current != nil && l.preallocated == nil && !l.released
	l.mu.Unlock()
	for _, w := range removed {
		w.remove()
	}
	if len(removed) > 0 {
		l.lastError.Store(nil)
	}
	if needsSegment && l.lastError.Load() == nil {
		_ = l.preallocate(true) // a caller that finds no space tries again, and returns the error
	}
	return failed
}

// releaseIdle returns the space of a client that needs the disk only now and then.
func (l *segmentLog) releaseIdle() error {
	if l.keepsAhead || l.backlog.active.Load() || l.current != nil && !l.current.isDone() {
		return nil
	}
	l.discardPreallocated()
	w := l.current
	l.current = nil
	if l.updateHeadroom(); w == nil {
		return nil
	}
	return w.seal()
}

// heartbeat shows that the owner is alive, and drops the segments that another client has taken.
func (l *segmentLog) heartbeat() error {
	l.mu.Lock()
	if l.current != nil {
		l.current.completeGroup()
	}
	writers, preallocated := slices.Clone(l.writers), l.preallocated
	l.mu.Unlock()
	var failed error
	if preallocated != nil {
		failed = ignoreClosed(preallocated.heartbeat())
	}
	for _, w := range writers {
		if w.exists() {
			failed = errors.Join(failed, ignoreClosed(w.heartbeat()))
			l.unmapSealed(w)
		} else {
			failed = errors.Join(failed, l.forget(w))
		}
	}
	return failed
}

// unmapSealed frees the memory of a segment that waits for its acknowledgements.
func (l *segmentLog) unmapSealed(w *segmentWriter) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if w.sealed {
		w.memory.unmap()
	}
}

// forget drops a segment that another client has taken; that client delivers what is pending there.
func (l *segmentLog) forget(w *segmentWriter) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := slices.Index(l.writers, w)
	if at < 0 {
		return nil
	}
	l.writers = slices.Delete(l.writers, at, at+1)
	if l.current == w {
		l.current = nil
	}
	w.lost = true
	l.backlog.pending -= w.pending
	return errors.Join(w.seal(), w.close())
}
