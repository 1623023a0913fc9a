package spool

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"
)

// syncer calls fsync some time after the first write that is not on disk yet. It waits for the disk in
// a goroutine of its own, so that nothing else does.
type syncer struct {
	interval time.Duration
	logs     []*segmentLog
	onError  func(error)
	dirty    atomic.Bool
	wake     chan struct{}
}

// markDirty reports a write that is not on disk yet.
func (s *syncer) markDirty() {
	if !s.dirty.Load() && !s.dirty.Swap(true) {
		notify(s.wake)
	}
}

func (s *syncer) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
		}
		sleep(ctx, s.interval)
		s.dirty.Store(false)
		for _, log := range s.logs {
			if err := log.sync(); err != nil {
				s.onError(err)
			}
		}
	}
}

// sync waits until everything that was written is on disk.
func (l *segmentLog) sync() error {
	l.mu.Lock()
	writers := slices.Clone(l.writers)
	ends := make([]int64, len(writers))
	for i, w := range writers {
		ends[i] = w.end
	}
	l.mu.Unlock()
	var failed error
	for i, w := range writers {
		failed = errors.Join(failed, ignoreClosed(w.sync(ends[i])))
	}
	return failed
}

// sync waits until everything before an offset is on disk.
func (w *segmentWriter) sync(end int64) error {
	w.syncing.Lock()
	defer w.syncing.Unlock()
	if w.synced >= end {
		return nil
	}
	if w.synced == 0 {
		if err := w.directory.sync(); err != nil {
			return err
		}
	}
	if err := syncData(w.file); err != nil {
		return err
	}
	w.synced = end
	return nil
}
