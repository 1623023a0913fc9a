package ekausage_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage"
	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/ekausagetest"
)

// silentProducer takes events and never reports what became of them.
type silentProducer struct{}

func (silentProducer) Produce(string, []byte, []byte) error { return nil }

func (silentProducer) ProduceReporting(string, []byte, []byte, func(error)) error { return nil }

func (silentProducer) Flush(int) int { return 1 }

func (silentProducer) Close() {}

// A service's tests may run in a bubble, whose time is fake and which ends once no goroutine is left.
func TestSynctest(t *testing.T) {
	t.Run("events have the time of the bubble", func(t *testing.T) { synctest.Test(t, recordInBubble) })
	t.Run("timeouts end in the time of the bubble", func(t *testing.T) { synctest.Test(t, waitInBubble) })
	t.Run("a spool works in a bubble", func(t *testing.T) { synctest.Test(t, spoolInBubble) })

	t.Run("a client from outside works in a bubble", func(t *testing.T) {
		client, producer := ekausagetest.New(t)
		mustRecord(t, client, 1)
		synctest.Test(t, func(t *testing.T) {
			mustRecord(t, client, 1)
			if err := client.Flush(context.Background()); err != nil {
				t.Fatal(err)
			}
		})
		mustRecord(t, client, 1)
		if events := producer.Events(); len(events) != 3 {
			t.Errorf("%d events, want 3", len(events))
		}
	})
}

func recordInBubble(t *testing.T) {
	client, producer := ekausagetest.New(t)
	begin := time.Now()
	for range 2 {
		_, err := client.RecordUsage(ekausage.Usage{
			WorkspaceID: "ws-1", Product: "api", MetricType: "api_call", OccurredAt: begin,
		})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
	}
	events := producer.Events()
	if len(events) != 2 {
		t.Fatalf("%d events, want 2", len(events))
	}
	for i, event := range events {
		at, err := time.Parse(time.RFC3339, event.TS)
		if want := begin.Add(time.Duration(i) * time.Hour); err != nil || !at.Equal(want) {
			t.Errorf("event %d has the time %v, want %v", i, event.TS, want)
		}
		if event.OccurredAt != events[0].TS {
			t.Errorf("event %d occurred at %v, want %v", i, event.OccurredAt, events[0].TS)
		}
	}
}

func waitInBubble(t *testing.T) {
	client := newClient(t, ekausage.WithProducer(silentProducer{}), quiet)
	mustRecord(t, client, 1)
	begin := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := client.Flush(ctx); err == nil {
		t.Error("Flush succeeds with an event in flight")
	}
	if undelivered := client.Shutdown(); undelivered != 1 {
		t.Errorf("Shutdown gives up %d events, want 1", undelivered)
	}
	if waited := time.Since(begin); waited < time.Minute || waited > 2*time.Minute {
		t.Errorf("waited %v, want about a minute", waited)
	}
}

func spoolInBubble(t *testing.T) {
	client, producer := ekausagetest.New(t, ekausage.WithSpool("durable"), ekausage.WithSpoolDir(t.TempDir()))
	mustRecord(t, client, 3)
	if err := client.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Minute) // heartbeats and removal
	client.Shutdown()
	if stats := client.Stats(); stats.Delivered != 3 || len(producer.Events()) != 3 {
		t.Errorf("delivered %d of 3 events, the producer has %d", stats.Delivered, len(producer.Events()))
	}
}
