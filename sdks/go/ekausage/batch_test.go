package ekausage_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage"
	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/ekausagetest"
)

// usages returns so many calls, each of a workspace and values of its own.
func usages(n int) []ekausage.Usage {
	all := make([]ekausage.Usage, n)
	for i := range all {
		all[i] = ekausage.Usage{
			WorkspaceID: fmt.Sprintf("w-%d", i), Metric: ekausage.MetricCommsSMS,
			Quantity: ekausage.AmountOf(float64(i) + 0.5), UnitCost: ekausage.AmountOf(0.25),
			Metadata: map[string]any{"place": i}, Vendor: fmt.Sprintf("vendor-%d", i),
		}
	}
	return all
}

// fillingProducer is full once, after so many events.
type fillingProducer struct {
	ekausagetest.Producer

	at int
}

func (p *fillingProducer) ProduceReporting(topic string, key, value []byte, done func(error)) error {
	if len(p.Messages()) == p.at {
		p.at = -1
		return ekausage.ErrBufferFull
	}
	return p.Producer.ProduceReporting(topic, key, value, done)
}

func TestRecordMany(t *testing.T) {
	t.Run("the events have consecutive numbers, each its own values, and their ids in order", func(t *testing.T) {
		client, producer := ekausagetest.New(t)
		for _, n := range []int{1, 100, 500} {
			before := len(producer.Messages())
			ids, err := client.RecordMany(usages(n))
			if err != nil || len(ids) != n {
				t.Fatalf("%d ids, %v", len(ids), err)
			}
			for i, event := range producer.Events()[before:] {
				want := fmt.Sprintf("w-%d %g %d vendor-%d", i, float64(i)+0.5, before+i+1, i)
				got := fmt.Sprintf("%s %s %d %s", event.WorkspaceID, event.Quantity, event.Seq, event.Vendor)
				if got != want || event.EventID != ids[i] || event.Metadata != fmt.Sprintf(`{"place":%d}`, i) || *event.UnitCost != "0.25" {
					t.Fatalf("got %s, want %s: %+v", got, want, event)
				}
				if key := string(producer.Messages()[before+i].Key); key != event.WorkspaceID {
					t.Fatalf("key %s", key)
				}
			}
		}
		expectBalance(t, client, 601, 0)
	})

	t.Run("one invalid event rejects all, named by its place", func(t *testing.T) {
		var r reported
		client, producer := ekausagetest.New(t, r.option())
		calls := usages(500)
		calls[16].Quantity, calls[400].WorkspaceID = ekausage.AmountOf(-1), ""
		ids, err := client.RecordMany(calls)
		var invalid *ekausage.ValidationError
		if ids != nil || !errors.As(err, &invalid) || invalid.Code != ekausage.CodeQuantityInvalid || invalid.Field != "quantity" {
			t.Fatalf("%v, %v", ids, err)
		}
		if !strings.HasPrefix(err.Error(), "event 17 of 500: ") {
			t.Error(err)
		}
		expectCodes(t, &r, map[string]int{"quantity.invalid": 1})
		if r.last["index"] != 16 || r.last["workspace_id"] != "w-16" || r.last["metric_type"] != "sms" {
			t.Errorf("reported %v", r.last)
		}
		stats := client.Stats()
		if stats.Accepted != 0 || stats.Rejected[ekausage.CodeQuantityInvalid] != 500 || len(producer.Messages()) > 0 {
			t.Errorf("%+v", stats)
		}
		if _, err := client.RecordMany(usages(1)); err != nil || producer.Events()[0].Seq != 1 {
			t.Errorf("the rejected events took numbers: %v", err)
		}
	})

	t.Run("no events, too many and too many bytes are rejected", func(t *testing.T) {
		client, producer := ekausagetest.New(t, quiet)
		large := usages(20)
		for i := range large {
			large[i].Metadata = map[string]any{"text": strings.Repeat("x", 26_000)}
		}
		for _, calls := range [][]ekausage.Usage{nil, usages(501), large} {
			if ids, err := client.RecordMany(calls); ids != nil || !errors.Is(err, ekausage.CodeBatchInvalid) {
				t.Errorf("%d calls: %v", len(calls), err)
			}
		}
		if stats := client.Stats(); stats.Rejected[ekausage.CodeBatchInvalid] != 521 || len(producer.Messages()) > 0 {
			t.Errorf("%+v", stats)
		}
	})

	t.Run("the limit of bytes is exact", func(t *testing.T) {
		calls := usages(21)
		send := func(first int) (size int, err error) {
			client, producer := ekausagetest.New(t, quiet)
			for i := range calls {
				calls[i].Metadata = map[string]any{"text": strings.Repeat("x", 24_600)}
			}
			calls[0].Metadata["text"] = strings.Repeat("x", first)
			_, err = client.RecordMany(calls)
			for _, message := range producer.Messages() {
				size += len(message.Value)
			}
			return size, err
		}
		size, err := send(0)
		if err != nil {
			t.Fatal(err)
		}
		missing := 512<<10 - size
		if size, err := send(missing); err != nil || size != 512<<10 {
			t.Errorf("of exactly 512 KiB: %d bytes, %v", size, err)
		}
		if _, err := send(missing + 1); !errors.Is(err, ekausage.CodeBatchInvalid) {
			t.Errorf("of one byte more: %v", err)
		}
	})

	t.Run("a queue with room for fewer takes none of them", func(t *testing.T) {
		client := newClient(t, ekausage.WithKafkaBrokers(unreachable), ekausage.WithBufferSize(799),
			ekausage.WithSpool("off"), quiet)
		if _, err := client.RecordMany(usages(500)); err != nil {
			t.Fatal(err)
		}
		if ids, err := client.RecordMany(usages(300)); ids != nil || !errors.Is(err, ekausage.ErrBufferFull) {
			t.Errorf("%d ids, %v", len(ids), err)
		}
		if _, err := client.RecordMany(usages(299)); err != nil {
			t.Error(err)
		}
		if stats := client.Stats(); stats.Accepted != 799 || stats.Rejected[ekausage.CodeQueueFull] != 300 {
			t.Errorf("%+v", stats)
		}
	})

	t.Run("a producer that is full in between receives all of them, in order", func(t *testing.T) {
		producer := &fillingProducer{at: 40}
		client := newClient(t, ekausage.WithProducer(producer))
		if _, err := client.RecordMany(usages(100)); err != nil {
			t.Fatal(err)
		}
		if err := client.Flush(within(t, 20*time.Second)); err != nil {
			t.Fatal(err)
		}
		for i, event := range producer.Events() {
			if event.Seq != uint64(i+1) {
				t.Fatalf("event %d has number %d", i, event.Seq)
			}
		}
		expectBalance(t, client, 100, 0)
	})

	t.Run("after Shutdown none is accepted, and a disabled client returns ids", func(t *testing.T) {
		client, _ := ekausagetest.New(t, quiet)
		client.Shutdown()
		if _, err := client.RecordMany(usages(2)); !errors.Is(err, ekausage.ErrClosed) {
			t.Error(err)
		}
		disabled := newClient(t, ekausage.WithDisabled(true))
		if ids, err := disabled.RecordMany(usages(3)); err != nil || len(ids) != 3 || ids[0] == ids[1] {
			t.Errorf("%v %v", ids, err)
		}
	})

	t.Run("metadata that was cut is reported with the id of its event", func(t *testing.T) {
		var about map[string]any
		client, _ := ekausagetest.New(t, ekausage.WithOnError(func(_ error, context map[string]any) { about = maps.Clone(context) }))
		calls := usages(3)
		calls[1].Metadata = map[string]any{"text": strings.Repeat("x", 40_000)}
		ids, err := client.RecordMany(calls)
		if err != nil || about["code"] != string(ekausage.CodeMetadataDegraded) || about["event_id"] != ids[1] {
			t.Errorf("%v: %v", err, about)
		}
	})
}

func TestBatchesOnDisk(t *testing.T) {
	t.Run("the next client delivers a batch that shutdown left", func(t *testing.T) {
		inEachMode(t, func(t *testing.T, spool ekausage.Option, _ string) {
			client, producer := ekausagetest.New(t, spool, quiet)
			producer.SetFull(true)
			mustRecord(t, client, 1) // the batch is on disk from the start
			ids, err := client.RecordMany(usages(500))
			if err != nil {
				t.Fatal(err)
			}
			client.ShutdownContext(expired())
			if s := expectSum(t, client); s.Spooled != 501 {
				t.Errorf("%+v", s)
			}
			next, delivered := ekausagetest.New(t, spool, quiet)
			eventually(t, "all arrived", func() bool { return len(delivered.Messages()) >= 501 })
			var got []string
			for _, event := range delivered.Events() {
				if event.MetricType == "sms" {
					got = append(got, event.EventID)
				}
			}
			expectSame(t, got, ids)
			if s := next.Stats(); s.Adopted != 501 {
				t.Errorf("%+v", s)
			}
		})
	})

	t.Run("of a batch that a full spool rejects nothing is accepted", func(t *testing.T) {
		inEachMode(t, func(t *testing.T, spool ekausage.Option, _ string) {
			client := newClient(t, spool, ekausage.WithKafkaBrokers(unreachable), ekausage.WithSpoolMaxBytes(4<<20),
				ekausage.WithBufferSize(600), quiet)
			accepted := 0
			for {
				ids, err := client.RecordMany(usages(300))
				if err != nil {
					if !errors.Is(err, ekausage.CodeSpoolFull) || ids != nil {
						t.Fatal(err)
					}
					break
				}
				accepted += 300
			}
			s := expectSum(t, client)
			if s.Accepted != int64(accepted) || accepted < 900 || s.Rejected[ekausage.CodeSpoolFull] != 300 {
				t.Errorf("%+v", s)
			}
		})
	})

	t.Run("a batch is one record of the spool", func(t *testing.T) {
		t.Parallel()
		folder := filepath.Join(t.TempDir(), "spool")
		client := newClient(t, spoolIn("durable", folder), ekausage.WithKafkaBrokers(unreachable), quiet)
		if _, err := client.RecordMany(usages(100)); err != nil {
			t.Fatal(err)
		}
		records := 0
		for _, segment := range segmentsOf(t, folder, "events") {
			content, err := os.ReadFile(segment)
			if err != nil {
				t.Fatal(err)
			}
			records += bytes.Count(content, []byte("\x1eEKA"))
		}
		if records != 1 {
			t.Errorf("%d records", records)
		}
	})

	t.Run("batches and single events of many goroutines all arrive", func(t *testing.T) {
		inEachMode(t, func(t *testing.T, spool ekausage.Option, _ string) {
			client, producer := ekausagetest.New(t, spool)
			var running sync.WaitGroup
			for range 4 {
				running.Go(func() {
					for range 5 {
						if ids, err := client.RecordMany(usages(50)); err != nil || len(ids) != 50 {
							t.Error(err)
						}
						mustRecord(t, client, 1)
					}
				})
			}
			running.Wait()
			if err := client.Flush(within(t, 20*time.Second)); err != nil {
				t.Fatal(err)
			}
			seen := map[uint64]bool{}
			for _, event := range producer.Events() {
				seen[event.Seq] = true
			}
			if len(seen) != 1020 || !seen[1] || !seen[1020] {
				t.Errorf("%d numbers", len(seen))
			}
		})
	})
}
