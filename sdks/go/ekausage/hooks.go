package ekausage

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/internal/encode"
)

// guardHooks lets no clock and no source of ids reach the caller of a method by a panic, or make an event that
// cannot be read: the SDK's own takes its place, and the log says so.
func (o *options) guardHooks() {
	log := &limitedLog{logger: o.logger}
	if o.now != nil {
		o.now = guarded(log, "clock", o.now, isTime, time.Now)
	}
	if o.monotonic != nil {
		start := time.Now()
		own := func() time.Duration { return time.Since(start) }
		o.monotonic = guarded(log, "monotonic clock", o.monotonic, isAny, own)
	}
	if o.newID != nil {
		o.newID = guarded(log, "source of ids", o.newID, isAny, encode.NewID)
	}
}

// guarded returns a hook that calls the SDK's own where the caller's panics or returns what is not valid.
func guarded[T any](log *limitedLog, name string, hook func() T, valid func(T) bool, own func() T) func() T {
	failed := func(how string) T {
		log.write(slog.LevelError, name, fmt.Sprintf("the %s %s; the SDK's own is used in its place", name, how))
		return own()
	}
	return func() (value T) {
		defer func() {
			if panicked := recover(); panicked != nil {
				value = failed(fmt.Sprintf("panicked: %v", panicked))
			}
		}()
		if value = hook(); !valid(value) {
			return failed(fmt.Sprintf("returned %v", value))
		}
		return value
	}
}

// isTime reports whether a time has a year that an event can have.
func isTime(at time.Time) bool {
	year := at.UTC().Year()
	return 1 <= year && year <= 9999
}

func isAny[T any](T) bool { return true }
