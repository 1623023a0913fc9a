package ekausage

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/internal/encode"
	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/internal/spool"
)

// httpTransport posts events to the HTTP API from a goroutine of its own, in their order, each until the
// server has or refuses it.
type httpTransport struct {
	api        *httpAPI
	settle     settle
	log        *limitedLog
	linger     time.Duration
	retryDelay time.Duration
	timeout    time.Duration
	batchBytes int
	wake       chan struct{} // something is queued
	urgent     chan struct{} // the next batch need not wait for more
	stop       context.CancelFunc
	stopped    chan struct{}

	mu      sync.Mutex
	ended   bool
	pending []*pendingEvent // in their order, the first of them without an outcome
	bytes   int
	abort   context.CancelFunc // ends the request under way
}

// pendingEvent is an event that may have an outcome already, other than those before it.
type pendingEvent struct {
	event
	settled bool
}

// A pause that is longer stays as it is.
const longestHTTPPause = time.Second

func newHTTPTransport(s *settings, log *limitedLog, settle settle) *httpTransport {
	ctx, stop := context.WithCancel(context.Background())
	t := &httpTransport{
		api:        newHTTPAPI(s, log),
		settle:     settle,
		log:        log,
		linger:     s.milliseconds(settingKafkaLingerMs),
		retryDelay: s.milliseconds(settingKafkaRetryDelayMs),
		timeout:    s.milliseconds(settingDeliveryTimeoutMs),
		batchBytes: int(min(s.integer(settingKafkaBatchSize), encode.BatchMaxBytes)),
		wake:       make(chan struct{}, 1),
		urgent:     make(chan struct{}, 1),
		stop:       stop,
		stopped:    make(chan struct{}),
		abort:      func() {},
	}
	go t.run(ctx)
	return t
}

func (t *httpTransport) ready() bool { return true }

func (t *httpTransport) send(e event) { t.sendAll([]event{e}) }

func (t *httpTransport) sendAll(events []event) {
	t.mu.Lock()
	ended := t.ended
	if !ended {
		for i := range events {
			t.pending = append(t.pending, &pendingEvent{event: events[i]})
			t.bytes += len(events[i].value)
		}
	}
	full := t.isBatch()
	t.mu.Unlock()
	if ended {
		for _, e := range events {
			t.settle(e, errGivenUp)
		}
		return
	}
	raise(t.wake)
	if full {
		raise(t.urgent)
	}
}

func raise(to chan struct{}) {
	select {
	case to <- struct{}{}:
	default:
	}
}

// isBatch reports whether what is pending need not wait for more events; the lock is held.
func (t *httpTransport) isBatch() bool {
	return len(t.pending) >= encode.BatchMaxEvents || t.bytes >= t.batchBytes
}

func (t *httpTransport) flush(ctx context.Context) {
	for ctx.Err() == nil {
		t.mu.Lock()
		left := len(t.pending)
		t.mu.Unlock()
		if left == 0 {
			return
		}
		raise(t.urgent)
		select {
		case <-ctx.Done():
		case <-time.After(flushInterval):
		}
	}
}

func (t *httpTransport) giveUp() {
	t.mu.Lock()
	left := t.pending
	t.abort()
	t.mu.Unlock()
	t.settleOnce(left, errGivenUp)
}

func (t *httpTransport) close() {
	t.mu.Lock()
	t.ended = true
	t.mu.Unlock()
	t.stop()
	t.giveUp()
	select {
	case <-t.stopped:
	case <-time.After(closeTimeout): // the error handler blocks the goroutine
	}
	t.api.close()
}

// run posts what is pending until the context is done.
func (t *httpTransport) run(ctx context.Context) {
	defer close(t.stopped)
	for tries := 0; ctx.Err() == nil; {
		oldest, full := t.oldest()
		if oldest.IsZero() {
			select {
			case <-ctx.Done():
			case <-t.wake:
			}
			continue
		}
		if due := t.linger - time.Since(oldest); due > 0 && !full && tries == 0 {
			wait(ctx, due, t.urgent)
		}
		if answer := t.post(ctx); answer != nil {
			wait(ctx, t.failed(answer, tries), nil)
			tries++
		} else {
			tries = 0
		}
	}
}

// oldest returns when the first pending event was accepted, the zero time if there is none, and whether the
// next batch is full.
func (t *httpTransport) oldest() (at time.Time, full bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.pending) > 0 {
		at = t.pending[0].at
	}
	return at, t.isBatch()
}

// post sends the first of the pending events, and returns why that failed if it can pass.
func (t *httpTransport) post(ctx context.Context) *httpAnswer {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	t.mu.Lock()
	batch := t.pending[:min(len(t.pending), encode.BatchMaxEvents)]
	t.abort = cancel
	t.mu.Unlock()
	values := make([][]byte, len(batch))
	for i, item := range batch {
		values[i] = item.value
	}
	return t.api.deliver(ctx, values, func(i int, err error) { t.settleOnce(batch[i:i+1], err) })
}

// settleOnce settles events, unless they were given up meanwhile.
func (t *httpTransport) settleOnce(items []*pendingEvent, err error) {
	t.mu.Lock()
	var settled []event
	for _, item := range items {
		if !item.settled {
			item.settled = true
			t.bytes -= len(item.value)
			settled = append(settled, item.event)
		}
	}
	for len(t.pending) > 0 && t.pending[0].settled {
		t.pending = t.pending[1:]
	}
	t.mu.Unlock()
	for _, e := range settled {
		t.settle(e, err)
	}
}

// failed fails the events whose time is over, and returns how long to wait before the others go again.
func (t *httpTransport) failed(answer *httpAnswer, tries int) time.Duration {
	t.log.write(slog.LevelWarn, "http", "events not delivered yet, retrying: "+answer.reason)
	pause := min(max(t.retryDelay, longestHTTPPause), t.retryDelay<<min(tries, 20))
	pause = pause*3/4 + rand.N(pause/4+1)
	pause = max(pause, answer.retryAfter)
	t.mu.Lock()
	expired := 0
	for expired < len(t.pending) && time.Since(t.pending[expired].at) >= t.timeout {
		expired++
	}
	late := slices.Clone(t.pending[:expired])
	if expired < len(t.pending) {
		pause = min(pause, max(time.Millisecond, t.timeout-time.Since(t.pending[expired].at)))
	}
	t.mu.Unlock()
	t.settleOnce(late, fmt.Errorf("not delivered within %v: %s", t.timeout, answer.reason))
	return pause
}

// wait waits for a time, the end of the context or a signal.
func wait(ctx context.Context, pause time.Duration, urgent <-chan struct{}) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-urgent:
	}
}

// httpReplayTransport posts with a connection of its own, so that replay affects neither the counters nor the
// order of the events in memory.
type httpReplayTransport struct{ api *httpAPI }

func (t *httpReplayTransport) Send(ctx context.Context, records []spool.Record) []error {
	outcomes := make([]error, len(records))
	values := make([][]byte, len(records))
	for i := range records {
		values[i], outcomes[i] = records[i].Event, errUnreported
	}
	answer := t.api.deliver(ctx, values, func(i int, err error) { outcomes[i] = err })
	for i := range outcomes {
		if outcomes[i] == errUnreported {
			outcomes[i] = answer
		}
	}
	if answer != nil {
		wait(ctx, answer.retryAfter, nil)
	}
	return outcomes
}

func (t *httpReplayTransport) Close() { t.api.close() }
