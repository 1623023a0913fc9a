package ekausage

import (
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/internal/encode"
	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/internal/spool"
)

// WithQuickSpool shortens the times of the spool.
func WithQuickSpool() Option {
	return func(o *options) {
		o.tuning = spool.DefaultTuning()
		o.tuning.Heartbeat = 20 * time.Millisecond
		o.tuning.Lease = 200 * time.Millisecond
		o.tuning.RetryMin = 10 * time.Millisecond
		o.tuning.RetryMax = 100 * time.Millisecond
	}
}

// Options combines several options in one.
func Options(several ...Option) Option {
	return func(o *options) {
		for _, option := range several {
			option(o)
		}
	}
}

// SpillAll delivers every later event from disk.
func SpillAll(c *Client) { c.instance.Load().outbox.spool.SpillAll() }

// RetryBackoff returns the function from attempts to pauses that the Kafka client has.
func RetryBackoff(c *Client) func(tries int) time.Duration {
	kafka := c.instance.Load().outbox.transport.(*kafkaTransport)
	return kafka.client.OptValue(kgo.RetryBackoffFn).(func(int) time.Duration)
}

// Counting returns what counts an accepted event of a metric, by its quantity.
func Counting(metric Metric) func(quantity float64) {
	i := &instance{encoder: encode.NewEncoder(&encode.Config{ServiceName: "s", Hostname: "h"})}
	i.outcomes.startCounting()
	call := call{WorkspaceID: "w", ByMetric: true, Metric: uint32(metric)}
	s := encode.GetScratch()
	checked, _ := i.encoder.Encode(s, &call, time.Now())
	return func(quantity float64) {
		call.Quantity = quantity
		if counts := i.outcomes.counts.Load(); counts != nil {
			counts.accept(&checked, call.Amount())
		}
	}
}
