package ekausage

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// kafkaRetry produces again what franz-go has failed although it may still be delivered.
//
// A request that no broker has answered, as when a proxy answers in its place, fails all records of a
// partition, and franz-go takes younger ones meanwhile. So that these do not overtake them, all that
// franz-go has is taken back, and what is recorded since then waits here.
type kafkaRetry struct {
	transport *kafkaTransport
	pause     time.Duration
	hurry     chan struct{} // ends the pause
	active    atomic.Bool   // there are records here

	mu        sync.Mutex
	recreated bool          // the topic was deleted and created anew, which franz-go has to be told
	failed    []kafkaRecord // in their order
	waiting   []kafkaRecord // all younger
}

// kafkaRecord is a record and what receives its outcome.
type kafkaRecord struct {
	record  *kgo.Record
	promise *promise
}

// longestPause is how long records wait at most before they are produced again.
const longestPause = time.Second

// hold reports whether it keeps a record that was just recorded until the older ones are produced.
func (r *kafkaRetry) hold(record kafkaRecord) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.active.Load() {
		r.waiting = append(r.waiting, record)
	}
	return r.active.Load()
}

// add produces a record again. It is called by a promise, and so must not wait for franz-go.
func (r *kafkaRetry) add(record kafkaRecord, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.active.Load() && isOfOnePartition(err) {
		r.transport.client.TryProduce(record.record.Context, record.record, record.promise.callback)
		return
	}
	r.recreated = r.recreated || errors.Is(err, kerr.UnknownTopicID)
	r.failed = append(r.failed, record)
	if r.active.CompareAndSwap(false, true) {
		go r.run()
	}
}

// isOfOnePartition reports whether other partitions are sound, whose records are not to be taken back.
func isOfOnePartition(err error) bool {
	var answer *kerr.Error
	if errors.As(err, &answer) {
		return answer != kerr.UnknownTopicID && answer != kerr.SaslAuthenticationFailed
	}
	return errors.Is(err, kgo.ErrRecordRetries)
}

// wake ends the pause, before everything is settled.
func (r *kafkaRetry) wake() {
	select {
	case r.hurry <- struct{}{}:
	default:
	}
}

func (r *kafkaRetry) run() {
	for {
		r.takeBack()
		if !r.transport.stopped.Load() && r.transport.givingUp.Load() == 0 {
			select {
			case <-r.hurry:
			case <-time.After(min(r.pause, longestPause)):
			}
		}
		r.produce(r.take(&r.failed))
		for {
			waiting, isDone := r.next()
			if isDone {
				return
			}
			if waiting == nil {
				break
			}
			r.produce(waiting)
		}
	}
}

// takeBack makes franz-go fail all that it has.
func (r *kafkaRetry) takeBack() {
	r.mu.Lock()
	recreated := r.recreated
	r.recreated = false
	r.mu.Unlock()
	client := r.transport.client
	if recreated {
		client.PurgeTopicsFromProducing(UsageTopic) // or it would fail every record of the topic
	}
	for client.UnsafeAbortBufferedRecords(); client.BufferedProduceRecords() > 0; client.UnsafeAbortBufferedRecords() {
		time.Sleep(flushInterval)
	}
}

func (r *kafkaRetry) take(records *[]kafkaRecord) []kafkaRecord {
	r.mu.Lock()
	defer r.mu.Unlock()
	taken := *records
	*records = nil
	return taken
}

// next returns what waits, and nothing if older records have failed again; or that there is neither.
func (r *kafkaRetry) next() (waiting []kafkaRecord, isDone bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.failed) > 0 {
		return nil, false
	}
	if waiting, r.waiting = r.waiting, nil; waiting == nil {
		r.active.Store(false)
	}
	return waiting, waiting == nil
}

func (r *kafkaRetry) produce(records []kafkaRecord) {
	t := r.transport
	for _, each := range records {
		if err := each.record.Context.Err(); err != nil || t.stopped.Load() || t.givingUp.Load() > 0 {
			each.promise.finished(each.record, errors.Join(err, kgo.ErrAborting))
			continue
		}
		t.client.TryProduce(each.record.Context, each.record, each.promise.callback)
	}
}
