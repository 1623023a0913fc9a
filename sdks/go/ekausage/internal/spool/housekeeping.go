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
			err = errors.Join(h.heartbeat(), h.restore(), h.tidy())
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

// restore writes segments anew whose files were removed.
func (h *housekeeper) restore() error {
	failed := errors.Join(h.dead.restore(), h.adopter.restore())
	for _, log := range h.logs {
		failed = errors.Join(failed, log.restore())
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
		if w.isOwn() {
			failed = errors.Join(failed, ignoreClosed(w.heartbeat()))
			l.unmapSealed(w)
		} else {
			failed = errors.Join(failed, l.forget(w))
		}
	}
	return failed
}

// restore writes segments anew whose files were removed. Nothing is appended any more to one that cannot be
// written anew, whose events are reported at the release if they are not delivered by then.
func (l *segmentLog) restore() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.preallocated != nil && l.preallocated.isRemoved() {
		l.discardPreallocated()
	}
	var failed error
	for _, w := range l.writers {
		if !w.isRemoved() {
			continue
		}
		if failed == nil {
			failed = l.restoreWriter(w)
		}
		if w.unrestored = failed != nil; w.unrestored && l.current == w {
			l.current = nil
			failed = errors.Join(failed, w.seal())
		}
		for _, g := range w.groups {
			g.lost.Store(w.unrestored)
		}
	}
	l.updateHeadroom()
	return failed
}

func (l *segmentLog) restoreWriter(w *segmentWriter) error {
	w.syncing.Lock()
	defer w.syncing.Unlock()
	err := w.restore()
	if err == nil {
		w.synced = 0
		l.markDirty()
	}
	return err
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
