package ekausage

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"time"
)

const logInterval = time.Second

// OnError hears of every event that is not accepted, not delivered or accepted with less metadata.
// The context map has code, reason, field and topic always, and what identifies the event as far as
// it is known: event_id, workspace_id, product, metric_type and status.
type OnError = func(err error, context map[string]any)

// reporter tells errors to the caller's handler, whatever that does, or logs them.
type reporter struct {
	onError OnError
	log     limitedLog
	busy    sync.Map // the goroutines that a handler runs on
}

// report calls the handler. One that records again what fails again would go on for ever, so what
// it brings about itself is logged.
func (r *reporter) report(err *Error, said error, about map[string]any) {
	if r.onError == nil {
		r.log.error(err)
		return
	}
	own := goroutine()
	if _, busy := r.busy.LoadOrStore(own, true); busy {
		r.log.error(err)
		return
	}
	defer r.busy.Delete(own)
	defer func() {
		if raised := recover(); raised != nil {
			r.log.write(slog.LevelError, "on_error", fmt.Sprintf("the error handler panicked: %v, on: %v", raised, err))
		}
	}()
	r.onError(said, about)
}

// goroutine identifies the running one. Nothing else tells a handler that records again from another
// caller, and only errors pay for it.
func goroutine() string {
	var buffer [64]byte
	header := buffer[:runtime.Stack(buffer[:], false)]
	if end := bytes.IndexByte(header, '['); end > 0 {
		header = header[:end]
	}
	return string(header)
}

// limitedLog writes a line a second for each key, and how many it held back.
type limitedLog struct {
	mu       sync.Mutex
	next     map[string]time.Time
	heldBack map[string]int
}

func (l *limitedLog) error(err *Error) {
	level := slog.LevelError
	if err.Code.Outcome() == "degraded" {
		level = slog.LevelWarn
	}
	l.write(level, string(err.Code), fmt.Sprintf("%v [%s]", err, err.Code))
}

func (l *limitedLog) write(level slog.Level, key, message string) {
	if more, ok := l.due(key, time.Now()); ok {
		if more > 0 {
			message += fmt.Sprintf(" (%d more like it were held back)", more)
		}
		logLine(level, message)
	}
}

func (l *limitedLog) due(key string, now time.Time) (heldBack int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.next == nil {
		l.next, l.heldBack = map[string]time.Time{}, map[string]int{}
	}
	if now.Before(l.next[key]) {
		l.heldBack[key]++
		return 0, false
	}
	l.next[key] = now.Add(logInterval)
	heldBack = l.heldBack[key]
	delete(l.heldBack, key)
	return heldBack, true
}

// close says how many lines were held back and never mentioned.
func (l *limitedLog) close() {
	l.mu.Lock()
	heldBack := l.heldBack
	l.heldBack = map[string]int{}
	l.mu.Unlock()
	for key, count := range heldBack {
		logLine(slog.LevelError, fmt.Sprintf("%d more errors like the last %s were held back", count, key))
	}
}

// logLine writes to the host's log; a handler of it that panics is not the caller's trouble.
func logLine(level slog.Level, message string) {
	defer func() { _ = recover() }()
	slog.Log(context.Background(), level, "ekausage: "+message)
}
