package ekausage

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/internal/spool"
)

const (
	// How long one attempt to send from disk may take. The next one waits for its turn.
	replayTimeout = 30 * time.Second
	// How long records in flight may still be reported once the context is done.
	replayGrace = 500 * time.Millisecond
)

// A Producer replaces Kafka; see WithProducer.
//
// Produce accepts an event at once or not at all, and may be called from many goroutines. ErrBufferFull
// reports back-pressure: the client offers the event again and rejects others until it is accepted.
// With any other error the event has failed; a client with a spool retries it from disk, unless the
// error wraps a final one of the protocol, such as kerr.MessageTooLarge of franz-go. Key and value must
// not be changed.
//
// Flush waits up to timeoutMs milliseconds for what was accepted and returns how many events are still
// in flight. The client calls it periodically with 0: events count as delivered, oldest first, when
// Flush no longer counts them.
//
// Close is called by Shutdown.
type Producer interface {
	Produce(topic string, key, value []byte) error
	Flush(timeoutMs int) int
	Close()
}

// A ReportingProducer reports the outcome of each event, so that Flush need not.
type ReportingProducer interface {
	Producer

	// ProduceReporting is called in place of Produce. If it returns nil, it must call done once,
	// from any goroutine: with nil when the event is delivered, otherwise with the error.
	ProduceReporting(topic string, key, value []byte, done func(error)) error
}

// event is an accepted event on its way out.
type event struct {
	key, value []byte
	at         time.Time
	onDisk     *spool.AckGroup // nil if it is in memory only
}

func (e *event) size() int64 { return int64(len(e.key) + len(e.value)) }

// transport sends events. It settles each event that it accepts exactly once.
type transport interface {
	// send accepts an event. It never blocks and never fails.
	send(event)
	// sendAll accepts the events of one call, in their order.
	sendAll([]event)
	// ready reports whether one more event would be accepted.
	ready() bool
	// flush waits until what was sent is settled, or the context is done.
	flush(context.Context)
	// giveUp settles the remaining events with errGivenUp; more may be sent afterwards.
	giveUp()
	// close gives up the remaining events and stops the transport.
	close()
}

// settle receives the outcome of each event once: nil, delivered; errGivenUp, given up; any other
// error, failed.
type settle func(e event, err error)

// errGivenUp is the outcome of events that were still undelivered when the client was shut down.
var errGivenUp = errors.New("the client was shut down first")

var errUnreported = errors.New("its delivery was not reported in time")

// deliveryReports collects the outcomes of records that are sent together.
type deliveryReports struct {
	mu       sync.Mutex
	reported []bool
	errors   []error
	left     int
	all      chan struct{}
}

func newDeliveryReports(count int) *deliveryReports {
	r := &deliveryReports{
		reported: make([]bool, count), errors: make([]error, count), left: count, all: make(chan struct{}),
	}
	for i := range r.errors {
		r.errors[i] = errUnreported
	}
	return r
}

// report sets the outcome of one record; the first one counts.
func (r *deliveryReports) report(i int, err error) {
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

// wait waits until all records are reported, or a short time after the context is done.
func (r *deliveryReports) wait(ctx context.Context) []error {
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
