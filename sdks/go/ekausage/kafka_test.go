package ekausage_test

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage"
	"github.com/eka-care/eka-usage-sdk/sdks/go/internal/devbroker"
)

func TestKafkaOptions(t *testing.T) {
	t.Parallel()
	broker := devbroker.Start(t, t.TempDir())
	var dialed atomic.Int32
	dialer := kgo.Dialer(func(ctx context.Context, network, address string) (net.Conn, error) {
		dialed.Add(1)
		return (&net.Dialer{}).DialContext(ctx, network, address)
	})
	client := newClient(t, ekausage.WithKafkaBrokers(broker.Bootstrap), ekausage.WithKafkaOptions(dialer))
	mustRecord(t, client, 1)
	if err := client.Flush(within(t, 20*time.Second)); err != nil || dialed.Load() == 0 {
		t.Errorf("%d connections by the caller's dialer: %v", dialed.Load(), err)
	}
}

func TestRetryDelay(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		delay                   time.Duration
		tries                   int
		notBefore, notLaterThan time.Duration
	}{
		{100 * time.Millisecond, 1, 80 * time.Millisecond, 120 * time.Millisecond},
		{100 * time.Millisecond, 3, 320 * time.Millisecond, 480 * time.Millisecond},
		{100 * time.Millisecond, 99, 800 * time.Millisecond, 1200 * time.Millisecond},
		{7 * time.Second, 1, 5600 * time.Millisecond, 8400 * time.Millisecond},
		{7 * time.Second, 50, 5600 * time.Millisecond, 8400 * time.Millisecond},
	} {
		client := newClient(t, ekausage.WithKafkaBrokers("127.0.0.1:1"), ekausage.WithRetryDelay(c.delay))
		pause := ekausage.RetryBackoff(client)(c.tries)
		if pause < c.notBefore || pause > c.notLaterThan {
			t.Errorf("after %d attempts with %v: a pause of %v", c.tries, c.delay, pause)
		}
	}
}

func TestRecreatedTopic(t *testing.T) {
	t.Parallel()
	for _, acks := range []string{"1", "all"} {
		broker := devbroker.Start(t, t.TempDir())
		client := newClient(t, ekausage.WithKafkaBrokers(broker.Bootstrap), ekausage.WithAcks(acks))
		mustRecord(t, client, 10)
		if err := client.Flush(within(t, 20*time.Second)); err != nil {
			t.Fatal(err)
		}
		recreateTopic(t, broker.Bootstrap)
		mustRecord(t, client, 100)
		if err := client.Flush(within(t, 20*time.Second)); err != nil {
			t.Fatal(err)
		}
		expectBalance(t, client, 110, 0)
		consume(t, broker.Bootstrap, 100)
	}
}

// recreateTopic deletes the usage topic and creates it anew, with another id.
func recreateTopic(t *testing.T, bootstrap string) {
	t.Helper()
	admin, err := kgo.NewClient(kgo.SeedBrokers(bootstrap))
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	topic := ekausage.UsageTopic
	gone := kmsg.NewDeleteTopicsRequestTopic()
	gone.Topic = &topic
	remove := kmsg.NewPtrDeleteTopicsRequest()
	remove.TopicNames, remove.Topics = []string{topic}, []kmsg.DeleteTopicsRequestTopic{gone}
	added := kmsg.NewCreateTopicsRequestTopic()
	added.Topic, added.NumPartitions, added.ReplicationFactor = topic, 3, 1
	create := kmsg.NewPtrCreateTopicsRequest()
	create.Topics = []kmsg.CreateTopicsRequestTopic{added}
	for _, request := range []kmsg.Request{remove, create} {
		if _, err := admin.Request(within(t, 10*time.Second), request); err != nil {
			t.Fatal(err)
		}
	}
}

func TestKafka(t *testing.T) {
	t.Parallel()
	t.Run("every event of 32 concurrent callers arrives once", func(t *testing.T) {
		t.Parallel()
		broker := devbroker.Start(t, t.TempDir())
		client := newClient(t, ekausage.WithKafkaBrokers(broker.Bootstrap))
		ids := make([][]string, 32)
		var callers sync.WaitGroup
		for i := range ids {
			callers.Go(func() { ids[i] = mustRecord(t, client, 200) })
		}
		callers.Wait()
		if err := client.Flush(within(t, 30*time.Second)); err != nil {
			t.Fatal(err)
		}
		var accepted []string
		for _, part := range ids {
			accepted = append(accepted, part...)
		}
		expectOnceEach(t, consume(t, broker.Bootstrap, len(accepted)), accepted)
		expectBalance(t, client, int64(len(accepted)), 0)
	})

	t.Run("a broker that is killed and restarted loses nothing", func(t *testing.T) {
		t.Parallel()
		for name, option := range map[string]ekausage.Option{
			"one replica":  ekausage.WithAcks("1"),
			"all replicas": ekausage.WithAcks("all"),
		} {
			t.Run(name, func(t *testing.T) {
				broker := devbroker.Start(t, t.TempDir())
				client := newClient(t, ekausage.WithKafkaBrokers(broker.Bootstrap), option)
				accepted := mustRecord(t, client, 100)
				if err := client.Flush(within(t, 30*time.Second)); err != nil {
					t.Fatal(err)
				}
				broker.Kill()
				for range 10 {
					accepted = append(accepted, mustRecord(t, client, 20)...)
					time.Sleep(300 * time.Millisecond)
				}
				broker.Restart()
				if err := client.Flush(within(t, 60*time.Second)); err != nil {
					t.Fatal(err)
				}
				expectOnceEach(t, consume(t, broker.Bootstrap, len(accepted)), accepted)
				expectBalance(t, client, int64(len(accepted)), 0)
			})
		}
	})

	t.Run("a broker that is absent at the start costs only time", func(t *testing.T) {
		t.Parallel()
		broker := devbroker.Start(t, t.TempDir())
		broker.Kill()
		client := newClient(t, ekausage.WithKafkaBrokers(broker.Bootstrap), ekausage.WithRetries(0))
		accepted := mustRecord(t, client, 100)
		time.Sleep(2 * time.Second)
		broker.Restart()
		if err := client.Flush(within(t, 60*time.Second)); err != nil {
			t.Fatal(err)
		}
		expectOnceEach(t, consume(t, broker.Bootstrap, len(accepted)), accepted)
	})

	t.Run("an outage does not change the order", func(t *testing.T) {
		t.Parallel()
		for _, acks := range []string{"1", "all"} {
			t.Run(acks, func(t *testing.T) {
				t.Parallel()
				broker := devbroker.Start(t, t.TempDir())
				client := newClient(t, ekausage.WithKafkaBrokers(broker.Bootstrap), ekausage.WithAcks(acks))
				accepted := 0
				recordFor := func(period time.Duration) {
					for end := time.Now().Add(period); time.Now().Before(end); time.Sleep(time.Millisecond) {
						accepted += len(mustRecord(t, client, 1))
					}
				}
				recordFor(500 * time.Millisecond)
				broker.Kill()
				recordFor(5 * time.Second) // longer than it takes franz-go to try as often as the default allows
				broker.Restart()
				recordFor(time.Second)
				if err := client.Flush(within(t, 60*time.Second)); err != nil {
					t.Fatal(err)
				}
				expectInOrder(t, consume(t, broker.Bootstrap, accepted))
			})
		}
	})

	t.Run("what answers in place of the broker does not change the order", func(t *testing.T) {
		t.Parallel()
		for name, answer := range map[string]string{
			// As a load balancer does while it has no broker to connect to, and a broker that is about to end.
			"nothing": "",
			"a proxy": "HTTP/1.1 503 Service Unavailable\r\n\r\n",
		} {
			for _, acks := range []string{"1", "all"} {
				t.Run(name+" "+acks, func(t *testing.T) {
					t.Parallel()
					broker := devbroker.Start(t, t.TempDir())
					client := newClient(t, ekausage.WithKafkaBrokers(broker.Bootstrap), ekausage.WithAcks(acks))
					accepted := len(mustRecord(t, client, 1))
					if err := client.Flush(within(t, 60*time.Second)); err != nil {
						t.Fatal(err)
					}
					broker.Kill()
					closed, stop := closeConnections(t, broker.Bootstrap, answer)
					for closed.Load() < 5 {
						accepted += len(mustRecord(t, client, 5))
						time.Sleep(time.Millisecond)
					}
					stop()
					broker.Restart()
					if err := client.Flush(within(t, 60*time.Second)); err != nil {
						t.Fatal(err)
					}
					expectInOrder(t, consume(t, broker.Bootstrap, accepted))
				})
			}
		}
	})

	t.Run("shutdown leaves on disk what waits to be produced again", func(t *testing.T) {
		t.Parallel()
		broker := devbroker.Start(t, t.TempDir())
		spool := spoolIn("spill", filepath.Join(t.TempDir(), "spool"))
		client := newClient(t, spool, ekausage.WithKafkaBrokers(broker.Bootstrap))
		accepted := mustRecord(t, client, 1)
		if err := client.Flush(within(t, 60*time.Second)); err != nil {
			t.Fatal(err)
		}
		broker.Kill()
		closed, stop := closeConnections(t, broker.Bootstrap, "HTTP/1.1 503 Service Unavailable\r\n\r\n")
		for closed.Load() < 5 {
			accepted = append(accepted, mustRecord(t, client, 5)...)
			time.Sleep(time.Millisecond)
		}
		if lost := client.Shutdown(); lost != 0 {
			t.Errorf("%d were given up", lost)
		}
		expectSum(t, client)
		stop()
		broker.Restart()
		next := newClient(t, spool, ekausage.WithKafkaBrokers(broker.Bootstrap))
		for deadline := time.Now().Add(60 * time.Second); next.Stats().Replayed < int64(len(accepted)-1); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%+v", next.Stats())
			}
		}
		expectOnceEach(t, consume(t, broker.Bootstrap, len(accepted)), accepted)
	})

	t.Run("an event whose time is over fails, younger ones do not", func(t *testing.T) {
		t.Parallel()
		broker := devbroker.Start(t, t.TempDir())
		broker.Kill()
		var errorsReported reported
		client := newClient(t,
			ekausage.WithKafkaBrokers(broker.Bootstrap),
			ekausage.WithDeliveryTimeout(7*time.Second),
			errorsReported.option(),
		)
		old := mustRecord(t, client, 5)
		time.Sleep(6 * time.Second) // how long the others have after the broker is back
		young := mustRecord(t, client, 5)
		for deadline := time.Now().Add(60 * time.Second); client.Stats().Failed < 5; time.Sleep(20 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%+v", client.Stats())
			}
		}
		broker.Restart()
		if err := client.Flush(within(t, 30*time.Second)); err != nil {
			t.Fatal(err)
		}
		expectCodes(t, &errorsReported, map[string]int{"delivery.failed": 5})
		expectSame(t, errorsReported.ids, old)
		expectBalance(t, client, 5, 5)
		events := consume(t, broker.Bootstrap, 5)
		for i := range events {
			if events[i].EventID != young[i] {
				t.Errorf("%s arrived", events[i].EventID)
			}
		}
	})

	t.Run("a broker's rejection fails events once retries are exhausted", func(t *testing.T) {
		t.Parallel()
		broker := devbroker.Start(t, t.TempDir())
		var errorsReported reported
		client := newClient(t, ekausage.WithKafkaBrokers(broker.Bootstrap), ekausage.WithRetries(2), errorsReported.option())
		broker.Fail("THROTTLING_QUOTA_EXCEEDED", 2)
		mustRecord(t, client, 1)
		if err := client.Flush(within(t, 30*time.Second)); err != nil {
			t.Fatal(err)
		}
		expectBalance(t, client, 1, 0)
		broker.Fail("THROTTLING_QUOTA_EXCEEDED", 3)
		mustRecord(t, client, 1)
		if err := client.Flush(within(t, 30*time.Second)); err != nil {
			t.Fatal(err)
		}
		expectBalance(t, client, 1, 1)
		expectCodes(t, &errorsReported, map[string]int{"delivery.failed": 1})
	})

	t.Run("a topic that does not exist yet costs only time", func(t *testing.T) {
		t.Parallel()
		broker := devbroker.Start(t, t.TempDir())
		client := newClient(t, ekausage.WithKafkaBrokers(broker.Bootstrap), ekausage.WithRetries(0))
		broker.Fail("UNKNOWN_TOPIC_OR_PARTITION", 6)
		accepted := mustRecord(t, client, 10)
		if err := client.Flush(within(t, 30*time.Second)); err != nil {
			t.Fatal(err)
		}
		expectOnceEach(t, consume(t, broker.Bootstrap, 10), accepted)
	})

	t.Run("a full queue rejects events without a gap in their numbers", func(t *testing.T) {
		t.Parallel()
		broker := devbroker.Start(t, t.TempDir())
		broker.Kill()
		var errorsReported reported
		client := newClient(t, ekausage.WithKafkaBrokers(broker.Bootstrap), ekausage.WithBufferSize(50), errorsReported.option())
		var accepted []string
		var lock sync.Mutex
		var callers sync.WaitGroup
		for range 8 {
			callers.Go(func() {
				for range 20 {
					id, err := record(client)
					if errors.Is(err, ekausage.ErrBufferFull) {
						continue
					}
					lock.Lock()
					accepted = append(accepted, id)
					lock.Unlock()
				}
			})
		}
		callers.Wait()
		if len(accepted) != 50 {
			t.Fatalf("%d were accepted", len(accepted))
		}
		expectCodes(t, &errorsReported, map[string]int{"queue.full": 110})
		if reason := errorsReported.last["reason"]; reason != "local_queue_full" {
			t.Errorf("the reason is %v", reason)
		}
		broker.Restart()
		if err := client.Flush(within(t, 60*time.Second)); err != nil {
			t.Fatal(err)
		}
		accepted = append(accepted, mustRecord(t, client, 1)...)
		if err := client.Flush(within(t, 60*time.Second)); err != nil {
			t.Fatal(err)
		}
		expectOnceEach(t, consume(t, broker.Bootstrap, 51), accepted)
	})
}

// closeConnections answers the first request of each connection to an address, closes it, and counts them.
func closeConnections(t *testing.T, address, answer string) (closed *atomic.Int32, stop func()) {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	closed = new(atomic.Int32)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			// All of the request is read, or the close resets the connection.
			_ = connection.SetReadDeadline(time.Now().Add(time.Second))
			_, _ = connection.Read(make([]byte, 1<<20))
			_, _ = connection.Write([]byte(answer))
			_ = connection.Close()
			closed.Add(1)
		}
	}()
	stop = func() {
		_ = listener.Close()
		<-done
	}
	t.Cleanup(stop)
	return closed, stop
}

// expectInOrder checks that no event arrived before an earlier one. A copy of an earlier one does not count.
func expectInOrder(t *testing.T, events []ekausage.UsageEvent) {
	t.Helper()
	last := uint64(0)
	for _, event := range events {
		if event.Seq > last+1 {
			t.Fatalf("%d arrived before %d", event.Seq, last+1)
		}
		last = max(last, event.Seq)
	}
}
