package ekausage

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/internal/spool"
)

const (
	recordsPerSlab = 64
	// unknownTopicTimeout is how long a topic may be unknown: a new one takes a moment to reach all
	// brokers.
	unknownTopicTimeout = 30 * time.Second
	// closeTimeout is how long closing waits for the last records to fail.
	closeTimeout = 5 * time.Second
)

// kafkaTransport produces to one topic with franz-go, which queues, batches, compresses and retries in
// goroutines of its own.
//
// franz-go counts an unreachable broker as a failed attempt, and fails every record of a partition when
// one has run out of attempts or time. Neither is a reason to lose an event whose own time is not over,
// so such a record is produced again.
type kafkaTransport struct {
	client  *kgo.Client
	settle  settle
	expiry  *expiry
	stop    context.CancelFunc
	stopped atomic.Bool
	// givingUp counts the calls of giveUp.
	givingUp atomic.Int32
	records  sync.Pool
	memory   *promise // of events that are in memory only
	latest   atomic.Pointer[promise]
	connect  *connectError
	timeout  time.Duration
	pending  atomic.Int64

	idle  chan struct{}
	retry kafkaRetry
}

type recordSlab struct{ free []kgo.Record }

func newKafkaTransport(s *settings, log kgo.Logger, warnings *limitedLog, settle settle) (*kafkaTransport, error) {
	t := &kafkaTransport{settle: settle, connect: &connectError{}, idle: make(chan struct{}, 1)}
	t.retry = kafkaRetry{transport: t, pause: s.milliseconds(settingKafkaRetryDelayMs), hurry: make(chan struct{}, 1)}
	t.records.New = func() any { return new(recordSlab) }
	t.memory = newPromise(t, nil)
	t.latest.Store(t.memory)
	t.timeout = s.milliseconds(settingDeliveryTimeoutMs)
	options, err := kafkaOptions(s, log)
	if err != nil {
		return nil, err
	}
	root, stop := context.WithCancel(context.Background())
	replicas := &replicaCheck{ctx: root, log: warnings}
	options = append(options, kgo.WithLogger(log), kgo.WithHooks(t.connect))
	if s.text(settingKafkaAcks) != "all" {
		options = append(options, kgo.WithHooks(replicas))
	}
	if t.client, err = kgo.NewClient(options...); err != nil {
		stop()
		hint := "settings that the Kafka client accepts: " + s.hideSecrets(err.Error())
		return nil, misconfigured("Kafka settings", "", hint)
	}
	replicas.client = t.client
	t.stop = stop
	t.expiry = newExpiry(root, t.timeout)
	return t, nil
}

func (t *kafkaTransport) ready() bool { return true }

func (t *kafkaTransport) send(e event) {
	slab := t.records.Get().(*recordSlab)
	if len(slab.free) == 0 {
		slab.free = make([]kgo.Record, recordsPerSlab)
	}
	record := &slab.free[0]
	slab.free = slab.free[1:]
	t.records.Put(slab)
	record.Topic = UsageTopic
	record.Key = e.key
	record.Value = e.value
	record.Timestamp = e.at
	t.pending.Add(1)
	t.produce(t.expiry.context(e.at), record, t.promiseOf(e.onDisk))
}

// sendAll has a slab of records for the events of one call, and looks up what they share once.
func (t *kafkaTransport) sendAll(events []event) {
	records := make([]kgo.Record, len(events))
	ctx := t.expiry.context(events[0].at)
	p := t.promiseOf(events[0].onDisk)
	t.pending.Add(int64(len(events)))
	for i := range events {
		record := &records[i]
		record.Topic = UsageTopic
		record.Key = events[i].key
		record.Value = events[i].value
		record.Timestamp = events[i].at
		t.produce(ctx, record, p)
	}
}

// produce passes a record to franz-go, behind those that are produced again.
func (t *kafkaTransport) produce(ctx context.Context, record *kgo.Record, p *promise) {
	record.Context = ctx
	if t.retry.active.Load() && t.retry.hold(kafkaRecord{record, p}) {
		return
	}
	t.client.TryProduce(ctx, record, p.callback)
}

// promise is the callback of the records that are acknowledged together on disk, so that an event needs
// no closure of its own.
type promise struct {
	transport *kafkaTransport
	onDisk    *spool.AckGroup
	callback  func(*kgo.Record, error)
}

func newPromise(t *kafkaTransport, onDisk *spool.AckGroup) *promise {
	p := &promise{transport: t, onDisk: onDisk}
	p.callback = p.finished
	return p
}

func (t *kafkaTransport) promiseOf(onDisk *spool.AckGroup) *promise {
	if onDisk == nil {
		return t.memory
	}
	p := t.latest.Load()
	if p.onDisk != onDisk {
		p = newPromise(t, onDisk)
		t.latest.Store(p)
	}
	return p
}

// finished receives the outcome of a record.
func (p *promise) finished(record *kgo.Record, err error) {
	t := p.transport
	if err != nil {
		if t.shouldRetry(record, err) {
			t.retry.add(kafkaRecord{record, p}, err)
			return
		}
		err = t.explain(record, err)
	}
	t.settle(event{key: record.Key, value: record.Value, onDisk: p.onDisk}, err)
	if t.pending.Add(-1) == 0 {
		select {
		case t.idle <- struct{}{}:
		default:
		}
	}
}

// shouldRetry reports whether a record that franz-go has failed is produced again.
func (t *kafkaTransport) shouldRetry(record *kgo.Record, err error) bool {
	if t.stopped.Load() || t.givingUp.Load() > 0 || record.Context.Err() != nil {
		return false
	}
	var answer *kerr.Error
	if !errors.As(err, &answer) {
		return true // no broker has responded
	}
	if answer == kerr.UnknownTopicOrPartition {
		return time.Since(record.Timestamp) < unknownTopicTimeout
	}
	return slices.Contains(transient, answer)
}

// transient lists errors that are not about a batch: a partition is between two leaders or lacks
// replicas, a disk failed, or a new password has not reached the brokers yet.
var transient = []*kerr.Error{
	kerr.LeaderNotAvailable, kerr.NotLeaderForPartition, kerr.ReplicaNotAvailable,
	kerr.ListenerNotFound, kerr.BrokerNotAvailable, kerr.NetworkException,
	kerr.FencedLeaderEpoch, kerr.UnknownLeaderEpoch, kerr.SaslAuthenticationFailed,
	kerr.UnknownTopicID, kerr.NotEnoughReplicas, kerr.NotEnoughReplicasAfterAppend, kerr.RequestTimedOut, kerr.KafkaStorageError,
}

// explain returns an error that states the cause rather than the symptom.
func (t *kafkaTransport) explain(record *kgo.Record, err error) error {
	switch {
	case t.stopped.Load(), t.givingUp.Load() > 0:
		return errGivenUp
	case record.Context.Err() != nil:
		return fmt.Errorf("not delivered within %v%s", t.timeout, t.connect)
	}
	return err
}

func (t *kafkaTransport) flush(ctx context.Context) { _ = t.client.Flush(ctx) }

func (t *kafkaTransport) close() {
	t.stopped.Store(true)
	t.stop()
	t.retry.wake()
	t.client.Close()
	t.settleAll()
}

// giveUp leaves franz-go usable. What was in flight may be delivered all the same.
func (t *kafkaTransport) giveUp() {
	t.givingUp.Add(1)
	defer t.givingUp.Add(-1)
	t.retry.wake()
	t.client.UnsafeAbortBufferedRecords()
	t.settleAll()
}

// settleAll waits for the last callbacks, which may follow the call that fails their records.
func (t *kafkaTransport) settleAll() {
	deadline := time.NewTimer(closeTimeout)
	defer deadline.Stop()
	for t.pending.Load() > 0 {
		select {
		case <-t.idle:
		case <-deadline.C:
			return
		}
	}
}

// connectError remembers why the last connection to a broker failed.
type connectError struct{ last atomic.Pointer[string] }

// OnBrokerConnect is called by franz-go after each attempt.
func (c *connectError) OnBrokerConnect(_ kgo.BrokerMetadata, _ time.Duration, _ net.Conn, err error) {
	if err == nil {
		c.last.Store(nil)
		return
	}
	text := err.Error()
	c.last.Store(&text)
}

func (c *connectError) String() string {
	if last := c.last.Load(); last != nil {
		return "; the last connection failed: " + *last
	}
	return ""
}

// kafkaReplayTransport produces with a client of its own, so that replay affects neither the counters
// nor the order of the events in memory.
type kafkaReplayTransport struct{ client *kgo.Client }

func newKafkaReplayTransport(s *settings, log kgo.Logger) (spool.ReplayTransport, error) {
	options, err := kafkaOptions(s, log)
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

func (t *kafkaReplayTransport) Send(ctx context.Context, records []spool.Record) []error {
	reports := newDeliveryReports(len(records))
	for i := range records {
		record := &kgo.Record{Topic: UsageTopic, Key: records[i].Key, Value: records[i].Event}
		t.client.TryProduce(ctx, record, func(_ *kgo.Record, err error) { reports.report(i, err) })
	}
	outcomes := reports.wait(ctx)
	if slices.ContainsFunc(outcomes, func(err error) bool { return errors.Is(err, kerr.UnknownTopicID) }) {
		t.client.PurgeTopicsFromProducing(UsageTopic) // recreated: the next attempt finds the new one
	}
	return outcomes
}

func (t *kafkaReplayTransport) Close() { t.client.Close() }
