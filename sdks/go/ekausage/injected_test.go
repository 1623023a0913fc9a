package ekausage_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage"
	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/ekausagetest"
)

// silent is a producer that does not report. What it holds is delivered by deliver.
type silent struct {
	mu       sync.Mutex
	held     [][]byte
	capacity int
	closed   bool
	err      error
	panics   bool
}

func (s *silent) Produce(_ string, _, value []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.panics {
		panic("broken")
	}
	if s.err != nil {
		return s.err
	}
	if len(s.held) >= s.capacity {
		return ekausage.ErrBufferFull
	}
	s.held = append(s.held, value)
	return nil
}

func (s *silent) Flush(int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.held)
}

func (s *silent) Close() { s.closed = true }

// deliver delivers the oldest events, which frees capacity for as many.
func (s *silent) deliver(count int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = s.held[count:]
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 10 s: %s", what)
		}
	}
}

func TestInjectedProducer(t *testing.T) {
	t.Parallel()
	t.Run("events count as delivered when Flush no longer counts them", func(t *testing.T) {
		t.Parallel()
		producer := &silent{capacity: 10}
		client := newClient(t, ekausage.WithProducer(producer))
		mustRecord(t, client, 5)
		expectBalance(t, client, 0, 0)
		producer.deliver(2)
		eventually(t, "two are delivered", func() bool { return client.Stats().Delivered == 2 })
		producer.deliver(3)
		if err := client.Flush(within(t, 10*time.Second)); err != nil {
			t.Fatal(err)
		}
		expectBalance(t, client, 5, 0)
	})

	t.Run("an event that finds the producer full keeps its number and is offered again", func(t *testing.T) {
		t.Parallel()
		producer := &silent{capacity: 2}
		var errorsReported reported
		client := newClient(t, ekausage.WithProducer(producer), errorsReported.option())
		mustRecord(t, client, 3)
		if _, err := record(client); !errors.Is(err, ekausage.ErrBufferFull) {
			t.Fatalf("a fourth: %v", err)
		}
		producer.deliver(2)
		eventually(t, "the producer has capacity", func() bool { _, err := record(client); return err == nil })
		producer.deliver(2)
		if err := client.Flush(within(t, 10*time.Second)); err != nil {
			t.Fatal(err)
		}
		expectBalance(t, client, 4, 0)
	})

	t.Run("a producer's error fails the event and is reported", func(t *testing.T) {
		t.Parallel()
		broken := errors.New("broken")
		var returned error
		client := newClient(t, ekausage.WithProducer(&silent{err: broken}), ekausage.WithOnError(func(err error, _ map[string]any) {
			returned = err
		}))
		mustRecord(t, client, 1)
		if !errors.Is(returned, broken) || !errors.Is(returned, ekausage.CodeDeliveryFailed) {
			t.Errorf("the error reported is %v", returned)
		}
		expectBalance(t, client, 0, 1)
	})

	t.Run("a producer that panics fails the event", func(t *testing.T) {
		t.Parallel()
		var errorsReported reported
		client := newClient(t, ekausage.WithProducer(&silent{panics: true}), errorsReported.option())
		mustRecord(t, client, 1)
		expectCodes(t, &errorsReported, map[string]int{"delivery.failed": 1})
	})

	t.Run("shutdown gives up what the producer still has, and closes it", func(t *testing.T) {
		t.Parallel()
		producer := &silent{capacity: 2}
		var errorsReported reported
		client := newClient(t, ekausage.WithProducer(producer), errorsReported.option())
		mustRecord(t, client, 3)
		if lost := client.ShutdownContext(expired()); lost != 3 {
			t.Errorf("%d were given up", lost)
		}
		expectCodes(t, &errorsReported, map[string]int{"shutdown.timeout": 3})
		expectBalance(t, client, 0, 3)
		if !producer.closed {
			t.Error("the producer is open")
		}
	})

	t.Run("an event is settled once, however often the producer reports", func(t *testing.T) {
		t.Parallel()
		client := newClient(t, ekausage.WithProducer(&twice{}), quiet)
		mustRecord(t, client, 3)
		expectBalance(t, client, 3, 0)
	})

	t.Run("an error handler may record within a producer's report", func(t *testing.T) {
		t.Parallel()
		producer := &ekausagetest.Producer{}
		producer.SetFault(errors.New("down"))
		var client *ekausage.Client
		calls := 0
		client = newClient(t, ekausage.WithProducer(producer), ekausage.WithOnError(func(error, map[string]any) {
			calls++
			_, _ = record(client)
		}))
		mustRecord(t, client, 1)
		if calls != 1 {
			t.Errorf("the handler was called %d times: not for errors that it causes itself", calls)
		}
		expectBalance(t, client, 0, 2)
	})
}

// twice reports the outcome of every event twice, and then an error.
type twice struct{ silent }

func (*twice) ProduceReporting(_ string, _, _ []byte, done func(error)) error {
	done(nil)
	done(errors.New("again"))
	return errors.New("not accepted")
}
