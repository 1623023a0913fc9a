package ekausage_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage"
	"github.com/eka-care/eka-usage-sdk/sdks/go/internal/devbroker"
)

func TestShutdown(t *testing.T) {
	t.Parallel()
	t.Run("shutdown gives up in time and reports each event", func(t *testing.T) {
		t.Parallel()
		var errorsReported reported
		client := newClient(t, ekausage.WithKafkaBrokers(unreachable), errorsReported.option(), ekausage.WithShutdownTimeout(200*time.Millisecond))
		accepted := mustRecord(t, client, 50)
		started := time.Now()
		if lost := client.Shutdown(); lost != 50 {
			t.Errorf("%d events were given up", lost)
		}
		if took := time.Since(started); took < 200*time.Millisecond || took > 9*time.Second {
			t.Errorf("shutdown took %v", took)
		}
		expectCodes(t, &errorsReported, map[string]int{"shutdown.timeout": 50})
		expectSame(t, errorsReported.ids, accepted)
		expectBalance(t, client, 0, 50)
		if again := client.Shutdown(); again != 0 {
			t.Errorf("a second shutdown gave up %d", again)
		}
	})

	t.Run("events recorded during shutdown are accepted or rejected, never lost", func(t *testing.T) {
		t.Parallel()
		broker := devbroker.Start(t, t.TempDir())
		client := newClient(t, ekausage.WithKafkaBrokers(broker.Bootstrap), quiet)
		var accepted []string
		var lock sync.Mutex
		var callers sync.WaitGroup
		for range 8 {
			callers.Go(func() {
				for {
					id, err := record(client)
					if err != nil {
						if !errors.Is(err, ekausage.ErrClosed) {
							t.Error(err)
						}
						return
					}
					lock.Lock()
					accepted = append(accepted, id)
					lock.Unlock()
				}
			})
		}
		time.Sleep(50 * time.Millisecond)
		if lost := client.ShutdownContext(within(t, 30*time.Second)); lost != 0 {
			t.Errorf("%d events were lost", lost)
		}
		callers.Wait()
		expectBalance(t, client, int64(len(accepted)), 0)
		expectOnceEach(t, consume(t, broker.Bootstrap, len(accepted)), accepted)
	})
}

func TestShutdownWhileBatchesAreRecorded(t *testing.T) {
	t.Parallel()
	broker := devbroker.Start(t, t.TempDir())
	client := newClient(t, ekausage.WithKafkaBrokers(broker.Bootstrap), quiet)
	var accepted []string
	var lock sync.Mutex
	var callers sync.WaitGroup
	began := make(chan struct{}, 1<<20)
	for range 8 {
		callers.Go(func() {
			for {
				ids, err := client.RecordMany(usages(20))
				if err != nil {
					if !errors.Is(err, ekausage.ErrClosed) || len(ids) > 0 {
						t.Error(len(ids), err)
					}
					return
				}
				lock.Lock()
				accepted = append(accepted, ids...)
				lock.Unlock()
				began <- struct{}{}
				time.Sleep(time.Millisecond) // or the queue is full before the end
			}
		})
	}
	for range 20 {
		<-began
	}
	if lost := client.ShutdownContext(within(t, 30*time.Second)); lost != 0 {
		t.Errorf("%d events were lost", lost)
	}
	callers.Wait()
	expectBalance(t, client, int64(len(accepted)), 0)
	if rejected := client.Stats().Rejected[ekausage.CodeClientClosed]; rejected != 8*20 {
		t.Errorf("%d events were rejected", rejected)
	}
	expectOnceEach(t, consume(t, broker.Bootstrap, len(accepted)), accepted)
}

func TestFlush(t *testing.T) {
	t.Parallel()
	t.Run("a flush ends in time and reports what is queued", func(t *testing.T) {
		t.Parallel()
		client := newClient(t, ekausage.WithKafkaBrokers(unreachable), quiet)
		mustRecord(t, client, 3)
		err := client.Flush(within(t, 100*time.Millisecond))
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "3 events") {
			t.Errorf("flush returned %v", err)
		}
	})
}
