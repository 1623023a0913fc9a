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
	// For so long a topic may be unknown, since a new one needs a moment to be known everywhere.
	unknownTopicFor = 30 * time.Second
	// How long the end of a client may wait for the last records to be failed.
	closing = 5 * time.Second
)

// kafkaTransport sends to one topic by franz-go, which queues, batches, compresses and retries in
// goroutines of its own.
//
// franz-go counts a broker that cannot be reached as a failed try, and fails every record of a
// partition when one has run out of tries or time. Neither is a reason to lose an event whose own
// time is not over, so such a record is handed in again.
type kafkaTransport struct {
	client  *kgo.Client
	settle  settle
	expiry  *expiry
	end     context.CancelFunc
	ended   atomic.Bool
	records sync.Pool
	memory  *promised // of events that are in memory only
	latest  atomic.Pointer[promised]
	trouble *connectionTrouble
	timeout time.Duration
	pending atomic.Int64
	idle    chan struct{}
}

type recordSlab struct{ free []kgo.Record }

func newKafkaTransport(s *settings, log kgo.Logger, settle settle) (*kafkaTransport, error) {
	t := &kafkaTransport{settle: settle, trouble: &connectionTrouble{}, idle: make(chan struct{}, 1)}
	t.records.New = func() any { return new(recordSlab) }
	t.memory = newPromised(t, nil)
	t.latest.Store(t.memory)
	t.timeout = s.milliseconds(settingDeliveryTimeoutMs)
	options, err := kafkaOptions(s)
	if err != nil {
		return nil, err
	}
	options = append(options, kgo.WithLogger(log), kgo.WithHooks(t.trouble))
	if t.client, err = kgo.NewClient(options...); err != nil {
		hint := "what the Kafka client takes: " + s.hideSecrets(err.Error())
		return nil, misconfigured("Kafka settings", "", hint)
	}
	root, end := context.WithCancel(context.Background())
	t.end = end
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
	t.client.TryProduce(t.expiry.context(e.at), record, t.promisedOf(e.onDisk).promise)
}

// promised is what franz-go calls about the records that are marked as done together on disk, so that
// an event costs no function of its own.
type promised struct {
	transport *kafkaTransport
	onDisk    *spool.AckGroup
	promise   func(*kgo.Record, error)
}

func newPromised(t *kafkaTransport, onDisk *spool.AckGroup) *promised {
	p := &promised{transport: t, onDisk: onDisk}
	p.promise = p.finished
	return p
}

func (t *kafkaTransport) promisedOf(onDisk *spool.AckGroup) *promised {
	if onDisk == nil {
		return t.memory
	}
	p := t.latest.Load()
	if p.onDisk != onDisk {
		p = newPromised(t, onDisk)
		t.latest.Store(p)
	}
	return p
}

// finished is the promise of a record.
func (p *promised) finished(record *kgo.Record, err error) {
	t := p.transport
	if err != nil {
		if t.mayStillArrive(record, err) {
			t.client.TryProduce(record.Context, record, p.promise)
			return
		}
		err = t.why(record, err)
	}
	t.settle(event{key: record.Key, value: record.Value, onDisk: p.onDisk}, err)
	if t.pending.Add(-1) == 0 {
		select {
		case t.idle <- struct{}{}:
		default:
		}
	}
}

// mayStillArrive reports whether a record that franz-go has given up is to be handed in again.
func (t *kafkaTransport) mayStillArrive(record *kgo.Record, err error) bool {
	if t.ended.Load() || errors.Is(err, kgo.ErrAborting) || record.Context.Err() != nil {
		return false
	}
	var answer *kerr.Error
	if !errors.As(err, &answer) {
		return true // no broker has answered
	}
	if answer == kerr.UnknownTopicOrPartition {
		return time.Since(record.Timestamp) < unknownTopicFor
	}
	return slices.Contains(passing, answer)
}

// passing are answers that are not about a batch: a partition is between two leaders, or brokers do
// not know our password yet.
var passing = []*kerr.Error{
	kerr.LeaderNotAvailable, kerr.NotLeaderForPartition, kerr.ReplicaNotAvailable,
	kerr.ListenerNotFound, kerr.BrokerNotAvailable, kerr.NetworkException,
	kerr.FencedLeaderEpoch, kerr.UnknownLeaderEpoch, kerr.SaslAuthenticationFailed,
}

// why is an error that says what its reader needs to know.
func (t *kafkaTransport) why(record *kgo.Record, err error) error {
	switch {
	case t.ended.Load(), errors.Is(err, kgo.ErrAborting):
		return errGivenUp
	case record.Context.Err() != nil:
		return fmt.Errorf("not delivered within %v%s", t.timeout, t.trouble)
	}
	return err
}

func (t *kafkaTransport) flush(ctx context.Context) { _ = t.client.Flush(ctx) }

func (t *kafkaTransport) close() {
	t.ended.Store(true)
	t.end()
	t.client.Close()
	t.settleAll()
}

// giveUp leaves franz-go able to go on, though what was on its way may arrive all the same.
func (t *kafkaTransport) giveUp() {
	t.client.UnsafeAbortBufferedRecords()
	t.settleAll()
}

// settleAll waits for the last promises, which may come just after the call that ends them.
func (t *kafkaTransport) settleAll() {
	deadline := time.NewTimer(closing)
	defer deadline.Stop()
	for t.pending.Load() > 0 {
		select {
		case <-t.idle:
		case <-deadline.C:
			return
		}
	}
}

// connectionTrouble remembers why the last connection to a broker was not made.
type connectionTrouble struct{ last atomic.Pointer[string] }

// OnBrokerConnect is called by franz-go after each try.
func (c *connectionTrouble) OnBrokerConnect(_ kgo.BrokerMetadata, _ time.Duration, _ net.Conn, err error) {
	if err == nil {
		c.last.Store(nil)
		return
	}
	text := err.Error()
	c.last.Store(&text)
}

func (c *connectionTrouble) String() string {
	if last := c.last.Load(); last != nil {
		return "; the last connection failed: " + *last
	}
	return ""
}
