package ekausage

import (
	"time"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/internal/spool"
)

// WithQuickSpool lets nobody wait for seconds.
func WithQuickSpool() Option {
	return func(o *options) {
		o.tuning = spool.DefaultTuning()
		o.tuning.Heartbeat = 20 * time.Millisecond
		o.tuning.Lease = 200 * time.Millisecond
		o.tuning.RetryMin = 10 * time.Millisecond
		o.tuning.RetryMax = 100 * time.Millisecond
	}
}

// Options is several options in one.
func Options(several ...Option) Option {
	return func(o *options) {
		for _, option := range several {
			option(o)
		}
	}
}

// Divert lets every later event go by the disk.
func Divert(c *Client) { c.outbox.spool.SpillAll() }
