package ekausage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/internal/spool"
)

const (
	// How long a try to send from disk may take; then the next waits for its turn.
	replayTimeout = 30 * time.Second
	replayGrace   = 500 * time.Millisecond
)

var errUnreported = errors.New("nothing was said of its delivery")

// reports collects what becomes of records that are sent together.
type reports struct {
	mu       sync.Mutex
	reported []bool
	errors   []error
	left     int
	all      chan struct{}
}

func newReports(count int) *reports {
	r := &reports{reported: make([]bool, count), errors: make([]error, count), left: count, all: make(chan struct{})}
	for i := range r.errors {
		r.errors[i] = errUnreported
	}
	return r
}

// report says what became of one; what is said first counts.
func (r *reports) report(i int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.reported[i] {
		return
	}
	r.reported[i], r.errors[i] = true, err
	if r.left--; r.left == 0 {
		close(r.all)
	}
}

// wait waits until all are reported. Once the context is done, what is on its way has little time.
func (r *reports) wait(ctx context.Context) []error {
	select {
	case <-r.all:
	case <-ctx.Done():
		select {
		case <-r.all:
		case <-time.After(replayGrace):
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.errors)
}

// kafkaReplayTransport sends by a client of its own, so that counts and order of the other are not touched.
type kafkaReplayTransport struct{ client *kgo.Client }

func newKafkaReplayTransport(s *settings, log kgo.Logger) (spool.ReplayTransport, error) {
	options, err := kafkaOptions(s)
	if err != nil {
		return nil, err
	}
	options = append(options, kgo.WithLogger(log), kgo.ProducerLinger(0), kgo.RecordDeliveryTimeout(replayTimeout))
	client, err := kgo.NewClient(options...)
	if err != nil {
		return nil, err
	}
	return &kafkaReplayTransport{client}, nil
}

func (c *kafkaReplayTransport) Send(ctx context.Context, records []spool.Record) []error {
	said := newReports(len(records))
	for i := range records {
		record := &kgo.Record{Topic: UsageTopic, Key: records[i].Key, Value: records[i].Event}
		c.client.TryProduce(ctx, record, func(_ *kgo.Record, err error) { said.report(i, err) })
	}
	return said.wait(ctx)
}

func (c *kafkaReplayTransport) Close() { c.client.Close() }

// sharedTransport sends by a producer of the caller's own, which stays open.
type sharedTransport struct{ producer Producer }

func (c sharedTransport) Send(ctx context.Context, records []spool.Record) []error {
	ctx, cancel := context.WithTimeout(ctx, replayTimeout)
	defer cancel()
	said := newReports(len(records))
	var taken []int
	for i := range records {
		if reported, err := c.produce(records[i], func(err error) { said.report(i, err) }); err != nil {
			said.report(i, err)
		} else if !reported {
			taken = append(taken, i)
		}
	}
	for len(taken) > 0 && ctx.Err() == nil {
		if c.producer.Flush(int(flushSlice.Milliseconds())) > 0 {
			continue
		}
		for _, i := range taken {
			said.report(i, nil)
		}
		taken = nil
	}
	return said.wait(ctx)
}

// produce reports whether the producer itself says what becomes of the record.
func (c sharedTransport) produce(r spool.Record, done func(error)) (reported bool, err error) {
	defer func() {
		if raised := recover(); raised != nil {
			err = fmt.Errorf("the producer panicked: %v", raised)
		}
	}()
	if reporting, ok := c.producer.(ReportingProducer); ok {
		return true, reporting.ProduceReporting(UsageTopic, r.Key, r.Event, done)
	}
	return false, c.producer.Produce(UsageTopic, r.Key, r.Event)
}

func (sharedTransport) Close() {}
