package ekausage_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage"
	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/ekausagetest"
	"github.com/eka-care/eka-usage-sdk/sdks/go/internal/devbroker"
)

var modes = []string{"spill", "durable"}

// inEachMode runs a test in each mode that writes to disk, with a directory of its own.
func inEachMode(t *testing.T, test func(t *testing.T, spool ekausage.Option, folder string)) {
	t.Helper()
	t.Parallel()
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			folder := filepath.Join(t.TempDir(), "spool")
			test(t, spoolIn(mode, folder), folder)
		})
	}
}

func spoolIn(mode, folder string) ekausage.Option {
	return ekausage.Options(ekausage.WithSpool(mode), ekausage.WithSpoolDir(folder), ekausage.WithQuickSpool())
}

func segmentsOf(t *testing.T, folder, kind string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(folder, kind+"-*"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func expectSum(t *testing.T, client *ekausage.Client) ekausage.Stats {
	t.Helper()
	s := client.Stats()
	if s.Accepted != s.Delivered+s.Failed+s.Queued+s.Spooled {
		t.Errorf("the counters do not add up: %+v", s)
	}
	return s
}

func expectIDs(t *testing.T, producer *ekausagetest.Producer, want []string) {
	t.Helper()
	var got []string
	for _, event := range producer.Events() {
		got = append(got, event.EventID)
	}
	expectSame(t, got, want)
}

func TestSpool(t *testing.T) {
	t.Run("events that failed temporarily are replayed in order", func(t *testing.T) {
		inEachMode(t, func(t *testing.T, spool ekausage.Option, folder string) {
			var errorsReported reported
			client, producer := ekausagetest.New(t, spool, errorsReported.option())
			producer.SetFault(errors.New("away"))
			accepted := mustRecord(t, client, 100)
			if s := expectSum(t, client); s.Spooled != 100 || s.OldestSpooledMs < 0 {
				t.Errorf("%+v", s)
			}
			producer.SetFault(nil)
			if err := client.Flush(within(t, 20*time.Second)); err != nil {
				t.Fatal(err)
			}
			accepted = append(accepted, mustRecord(t, client, 10)...)
			if err := client.Flush(within(t, 20*time.Second)); err != nil {
				t.Fatal(err)
			}
			for i, event := range producer.Events() {
				if event.EventID != accepted[i] {
					t.Fatalf("event %d is out of order", i)
				}
			}
			if s := expectSum(t, client); s.Delivered != 110 || s.Spooled != 0 {
				t.Errorf("%+v", s)
			}
			expectCodes(t, &errorsReported, nil)
			client.Shutdown()
			if left := segmentsOf(t, folder, "events"); len(left) > 0 {
				t.Errorf("%v are left", left)
			}
		})
	})

	t.Run("the next client delivers what shutdown left", func(t *testing.T) {
		inEachMode(t, func(t *testing.T, spool ekausage.Option, folder string) {
			var errorsReported reported
			broker := devbroker.Start(t, t.TempDir())
			broker.Kill()
			client := newClient(t, spool, ekausage.WithKafkaBrokers(broker.Bootstrap), errorsReported.option())
			accepted := mustRecord(t, client, 300)
			started := time.Now()
			if lost := client.Shutdown(); lost != 0 {
				t.Errorf("%d were given up", lost)
			}
			if took := time.Since(started); took > 9*time.Second {
				t.Errorf("shutdown took %v", took)
			}
			expectCodes(t, &errorsReported, nil)
			if s := expectSum(t, client); s.Spooled != 300 || s.Queued != 0 {
				t.Errorf("%+v", s)
			}
			if len(segmentsOf(t, folder, "events")) != 1 {
				t.Fatal("no segment is left")
			}
			broker.Restart()
			expectAdoption(t, folder, broker, accepted)
		})
	})

	t.Run("a full queue spills to disk", func(t *testing.T) {
		inEachMode(t, func(t *testing.T, spool ekausage.Option, _ string) {
			broker := devbroker.Start(t, t.TempDir())
			broker.Kill()
			client := newClient(t, spool, ekausage.WithKafkaBrokers(broker.Bootstrap), ekausage.WithBufferSize(50))
			var lock sync.Mutex
			var accepted []string
			var callers sync.WaitGroup
			for range 8 {
				callers.Go(func() {
					ids := mustRecord(t, client, 100)
					lock.Lock()
					defer lock.Unlock()
					accepted = append(accepted, ids...)
				})
			}
			callers.Wait()
			if s := expectSum(t, client); s.Spooled < 750 || s.Spooled+s.Queued != 800 {
				t.Errorf("%+v", s)
			}
			broker.Restart()
			if err := client.Flush(within(t, 60*time.Second)); err != nil {
				t.Fatal(err)
			}
			expectOnceEach(t, consume(t, broker.Bootstrap, 800), accepted)
			if s := expectSum(t, client); s.Delivered != 800 {
				t.Errorf("%+v", s)
			}
		})
	})

	t.Run("a full spool rejects events without a gap in their numbers", func(t *testing.T) {
		inEachMode(t, func(t *testing.T, spool ekausage.Option, _ string) {
			var errorsReported reported
			client, producer := ekausagetest.New(t, spool, errorsReported.option(), ekausage.WithSpoolMaxBytes(4<<20))
			producer.SetFault(errors.New("away"))
			large := map[string]any{"text": strings.Repeat("x", 20_000)}
			var accepted []string
			for range 300 {
				if id, err := client.Record("ws-1", "api", "api_call", 1, "", nil, large); err == nil {
					accepted = append(accepted, id)
				} else if spoolFull := errors.Is(err, ekausage.CodeSpoolFull); !spoolFull && len(accepted) < 300 {
					t.Fatal(err)
				}
				if client.Stats().Queued > 0 {
					t.Fatal("an event is queued in memory")
				}
			}
			if len(accepted) < 100 || len(accepted) > 220 {
				t.Errorf("%d were accepted", len(accepted))
			}
			producer.SetFault(nil)
			if err := client.Flush(within(t, 20*time.Second)); err != nil {
				t.Fatal(err)
			}
			eventually(t, "there is space again", func() bool {
				id, err := record(client)
				accepted = append(accepted, id)
				if err != nil {
					accepted = accepted[:len(accepted)-1]
				}
				return err == nil
			})
			if err := client.Flush(within(t, 20*time.Second)); err != nil {
				t.Fatal(err)
			}
			expectIDs(t, producer, accepted)
			if last := producer.Events()[len(accepted)-1]; last.Seq != uint64(len(accepted)) {
				t.Errorf("the last number is %d of %d", last.Seq, len(accepted))
			}
		})
	})

	t.Run("a permanently rejected event is reported and dead-lettered", func(t *testing.T) {
		inEachMode(t, func(t *testing.T, spool ekausage.Option, folder string) {
			broker := devbroker.Start(t, t.TempDir())
			var errorsReported reported
			client := newClient(t, spool, ekausage.WithKafkaBrokers(broker.Bootstrap), errorsReported.option())
			broker.Fail("INVALID_RECORD", -1)
			accepted := mustRecord(t, client, 3)
			if err := client.Flush(within(t, 20*time.Second)); err != nil {
				t.Fatal(err)
			}
			expectCodes(t, &errorsReported, map[string]int{"delivery.failed": 3})
			expectSame(t, errorsReported.ids, accepted)
			if s := expectSum(t, client); s.Failed != 3 || s.DeadLettered != 3 {
				t.Errorf("%+v", s)
			}
			client.Shutdown()
			if len(segmentsOf(t, folder, "dead")) != 1 || len(segmentsOf(t, folder, "events")) != 0 {
				t.Errorf("%v", segmentsOf(t, folder, "*"))
			}
		})
	})

	t.Run("an event that takes too long is retried from disk", func(t *testing.T) {
		inEachMode(t, func(t *testing.T, spool ekausage.Option, _ string) {
			broker := devbroker.Start(t, t.TempDir())
			broker.Kill()
			client := newClient(t, spool, ekausage.WithKafkaBrokers(broker.Bootstrap), ekausage.WithDeliveryTimeout(time.Second))
			accepted := mustRecord(t, client, 20)
			eventually(t, "the events are on disk", func() bool { return client.Stats().Spooled == 20 })
			accepted = append(accepted, mustRecord(t, client, 20)...)
			broker.Restart()
			if err := client.Flush(within(t, 60*time.Second)); err != nil {
				t.Fatal(err)
			}
			expectOnceEach(t, consume(t, broker.Bootstrap, 40), accepted)
			if s := expectSum(t, client); s.Delivered != 40 {
				t.Errorf("%+v", s)
			}
		})
	})

	t.Run("no goroutine is left after shutdown", func(t *testing.T) {
		for _, mode := range modes {
			broker := devbroker.Start(t, t.TempDir())
			client := newClient(t, spoolIn(mode, filepath.Join(t.TempDir(), "spool")),
				ekausage.WithKafkaBrokers(broker.Bootstrap), ekausage.WithBufferSize(2))
			mustRecord(t, client, 100)
			if err := client.Flush(context.Background()); err != nil {
				t.Fatal(err)
			}
			client.Shutdown()
			expectNoGoroutines(t)
		}
	})

	t.Run("an unusable directory is an error if it was configured", func(t *testing.T) {
		t.Parallel()
		folder := t.TempDir()
		link := filepath.Join(folder, "link")
		if err := os.Symlink(t.TempDir(), link); err != nil {
			t.Fatal(err)
		}
		for name, path := range map[string]string{
			"its parent is missing":         filepath.Join(folder, "no", "parent"),
			"it is a symbolic link":         link,
			"it is a file":                  os.Args[0],
			"its parent takes no directory": "/proc/spool",
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				_, err := ekausage.New("test", ekausage.WithKafkaBrokers(unreachable), spoolIn("spill", path))
				if !errors.Is(err, ekausage.CodeConfigInvalid) || !strings.Contains(err.Error(), path) {
					t.Errorf("the error is %v", err)
				}
			})
		}
	})

	t.Run("the caller's own producer has no spool unless configured", func(t *testing.T) {
		folder := filepath.Join(t.TempDir(), "spool")
		t.Setenv("EKA_SPOOL", "durable")
		t.Setenv("EKA_SPOOL_DIR", folder)
		client, _ := ekausagetest.New(t)
		mustRecord(t, client, 1)
		if _, err := os.Lstat(folder); err == nil {
			t.Error("the directory was created")
		}
	})
}

// expectAdoption starts a client that adopts what is in a directory.
func expectAdoption(t *testing.T, folder string, broker *devbroker.Broker, accepted []string) {
	t.Helper()
	adopter := newClient(t, spoolIn("spill", folder), ekausage.WithKafkaBrokers(broker.Bootstrap))
	eventually(t, "everything is replayed", func() bool { return adopter.Stats().Replayed == int64(len(accepted)) })
	if s := expectSum(t, adopter); s.Adopted != int64(len(accepted)) {
		t.Errorf("%+v", s)
	}
	expectOnceEach(t, consume(t, broker.Bootstrap, len(accepted)), accepted)
	eventually(t, "the directory is empty", func() bool { return len(segmentsOf(t, folder, "events")) == 0 })
}
