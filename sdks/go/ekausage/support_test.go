package ekausage_test

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage"
	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/ekausagetest"
)

// unreachable refuses connections at once.
const unreachable = "127.0.0.1:1"

var quiet = ekausage.WithOnError(func(error, map[string]any) {})

// newClient returns a client that the test shuts down.
func newClient(t testing.TB, opts ...ekausage.Option) *ekausage.Client {
	t.Helper()
	client, err := ekausage.New("test", opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.ShutdownContext(expired()) })
	return client
}

// expired returns a context that is done.
func expired() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

func within(t testing.TB, patience time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func record(client *ekausage.Client) (string, error) {
	return client.Record("ws-1", "api", "api_call", 1, "", nil, nil)
}

func mustRecord(t testing.TB, client *ekausage.Client, times int) []string {
	t.Helper()
	ids := make([]string, times)
	for i := range ids {
		var err error
		if ids[i], err = record(client); err != nil {
			t.Fatal(err)
		}
	}
	return ids
}

// reported collects the errors that are reported to the handler.
type reported struct {
	mu     sync.Mutex
	counts map[string]int
	last   map[string]any
	ids    []string
}

func (r *reported) option() ekausage.Option {
	return ekausage.WithOnError(func(_ error, context map[string]any) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.counts == nil {
			r.counts = map[string]int{}
		}
		r.counts[context["code"].(string)]++
		r.last = context
		if id, ok := context["event_id"].(string); ok {
			r.ids = append(r.ids, id)
		}
	})
}

func (r *reported) codes() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.counts)
}

func expectCodes(t *testing.T, r *reported, want map[string]int) {
	t.Helper()
	if got := r.codes(); !maps.Equal(got, want) {
		t.Errorf("the errors reported are %v, want %v", got, want)
	}
}

func expectSame(t *testing.T, got, want []string) {
	t.Helper()
	got, want = slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))
	if !slices.Equal(got, want) {
		t.Errorf("got %d ids, want these %d", len(got), len(want))
	}
}

// expectBalance checks that the counters add up, with so many delivered and failed.
func expectBalance(t *testing.T, client *ekausage.Client, delivered, failed int64) {
	t.Helper()
	stats := client.Stats()
	if stats.Accepted != stats.Delivered+stats.Failed+stats.Queued {
		t.Errorf("the counters do not add up: %+v", stats)
	}
	if stats.Delivered != delivered || stats.Failed != failed {
		t.Errorf("%+v, want %d delivered and %d failed", stats, delivered, failed)
	}
}

// consume reads so many events from the topic.
func consume(t *testing.T, bootstrap string, count int) []ekausage.UsageEvent {
	t.Helper()
	reader, err := kgo.NewClient(
		kgo.SeedBrokers(bootstrap),
		kgo.ConsumeTopics(ekausage.UsageTopic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
	)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	var events []ekausage.UsageEvent
	for len(events) < count {
		fetched := reader.PollFetches(within(t, 30*time.Second))
		if err := fetched.Err(); err != nil {
			t.Fatalf("%d of %d events: %v", len(events), count, err)
		}
		fetched.EachRecord(func(r *kgo.Record) {
			var event ekausage.UsageEvent
			if err := json.Unmarshal(r.Value, &event); err != nil {
				t.Fatal(err)
			}
			if string(r.Key) != event.WorkspaceID {
				t.Errorf("the key is %q, the workspace %q", r.Key, event.WorkspaceID)
			}
			events = append(events, event)
		})
	}
	return events
}

// expectOnceEach checks that the events are those that were accepted, each once, numbered without a gap.
func expectOnceEach(t *testing.T, events []ekausage.UsageEvent, accepted []string) {
	t.Helper()
	var ids []string
	var numbers []int
	for i := range events {
		ids = append(ids, events[i].EventID)
		numbers = append(numbers, int(events[i].Seq))
	}
	expectSame(t, ids, accepted)
	slices.Sort(numbers)
	for i, number := range numbers {
		if number != i+1 {
			t.Fatalf("number %d is missing", i+1)
		}
	}
}

// sampleEvent returns the bytes of an ordinary event.
func sampleEvent(t testing.TB) []byte {
	t.Helper()
	client, producer := ekausagetest.New(t)
	mustRecord(t, client, 1)
	return producer.Messages()[0].Value
}
