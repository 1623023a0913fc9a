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

// OnError is called for every event that is not accepted, not delivered or accepted with less metadata.
// The context map always has code, reason, field and topic, and as far as they are known event_id,
// workspace_id, product, metric_type and status.
type OnError = func(err error, context map[string]any)

// reporter passes errors to the caller's handler, whatever that does, or logs them.
type reporter struct {
	onError OnError
	log     limitedLog
	busy    sync.Map // the goroutines that a handler runs on; true: for an event that is not settled yet
}

// report calls the handler. A handler that records again what fails again would recurse indefinitely,
// so errors that it causes itself are logged.
func (r *reporter) report(err *Error, returned error, about map[string]any, settling bool) {
	if r.onError == nil {
		r.log.error(err, about)
		return
	}
	own := goroutine()
	if _, busy := r.busy.LoadOrStore(own, settling); busy {
		r.log.error(err, about)
		return
	}
	defer r.busy.Delete(own)
	defer func() {
		if raised := recover(); raised != nil {
			r.log.write(slog.LevelError, "on_error", fmt.Sprintf("the error handler panicked: %v, on: %v", raised, err))
		}
	}()
	r.onError(returned, about)
}

// isSettling reports whether the caller is a handler that an event waits for. Waiting for that event
// there would never end.
func (r *reporter) isSettling() bool {
	settling, _ := r.busy.Load(goroutine())
	return settling == true
}

// goroutine identifies the running goroutine. Nothing else distinguishes a handler that records from
// another caller, and only errors pay for it.
func goroutine() string {
	var buffer [64]byte
	header := buffer[:runtime.Stack(buffer[:], false)]
	if end := bytes.IndexByte(header, '['); end > 0 {
		header = header[:end]
	}
	return string(header)
}

// limitedLog writes one line per second for each key, and counts the lines it suppresses.
type limitedLog struct {
	mu         sync.Mutex
	next       map[string]time.Time
	suppressed map[string]int
	logger     *slog.Logger // nil: the default one
}

func (l *limitedLog) error(err *Error, about map[string]any) {
	level := slog.LevelError
	if err.Code.Outcome() == "degraded" {
		level = slog.LevelWarn
	}
	var attributes []any
	for _, key := range []string{"code", "field", "event_id"} {
		if value := about[key]; value != nil && value != "" {
			attributes = append(attributes, key, value)
		}
	}
	l.write(level, string(err.Code), fmt.Sprintf("%v [%s]", err, err.Code), attributes...)
}

func (l *limitedLog) write(level slog.Level, key, message string, attributes ...any) {
	if more, ok := l.due(key, time.Now()); ok {
		if more > 0 {
			message += fmt.Sprintf(" (%d similar lines were suppressed)", more)
		}
		l.line(level, message, attributes...)
	}
}

func (l *limitedLog) due(key string, now time.Time) (suppressed int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.next == nil {
		l.next, l.suppressed = map[string]time.Time{}, map[string]int{}
	}
	if now.Before(l.next[key]) {
		l.suppressed[key]++
		return 0, false
	}
	l.next[key] = now.Add(logInterval)
	suppressed = l.suppressed[key]
	delete(l.suppressed, key)
	return suppressed, true
}

// close logs how many lines were suppressed since the last one.
func (l *limitedLog) close() {
	l.mu.Lock()
	suppressed := l.suppressed
	l.suppressed = map[string]int{}
	l.mu.Unlock()
	for key, count := range suppressed {
		l.line(slog.LevelError, fmt.Sprintf("%d more errors like the last %s were suppressed", count, key))
	}
}

// line writes one line at once. A panic of the logger's handler does not reach the caller.
func (l *limitedLog) line(level slog.Level, message string, attributes ...any) {
	defer func() { _ = recover() }()
	logger := l.logger
	if logger == nil {
		logger = slog.Default()
	}
	logger.Log(context.Background(), level, "ekausage: "+message, attributes...)
}
