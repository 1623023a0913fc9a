package ekausage_test

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage"
	"github.com/eka-care/eka-usage-sdk/sdks/go/internal/devbroker"
)

const (
	benchEvents = 100_000
	benchQueue  = benchEvents + 1
	benchBytes  = 1 << 30
)

var (
	benchWorkspaces = func() (names [50]string) {
		for i := range names {
			names[i] = fmt.Sprintf("workspace-%d", i)
		}
		return names
	}()
	threeKeys = map[string]any{"model": "m-1", "attempt": 2, "cached": false}
)

// BenchmarkCaller measures what one event costs its caller, compared with franz-go's own TryProduce of
// the same bytes, freshly copied, with the same properties. An operation is a round of all of them
// against one broker; ratios are medians over the rounds. Run it with -benchtime 9x.
func BenchmarkCaller(b *testing.B) {
	broker := devbroker.Start(b, "")
	sample := sampleEvent(b)
	found := map[string][]float64{}
	for b.Loop() {
		raw := measureRaw(b, broker.Bootstrap, sample, 1)
		sdk := measureRecord(b, broker.Bootstrap, nil, 1)
		detailed := measureRecord(b, broker.Bootstrap, threeKeys, 1)
		named := measureUsage(b, broker.Bootstrap)
		for unit, value := range map[string]float64{
			"ns/floor":        raw.caller,
			"ns/record":       sdk.caller,
			"ns/metadata":     detailed.caller,
			"ns/delivered":    sdk.delivered,
			"record/floor":    sdk.caller / raw.caller,
			"metadata/floor":  detailed.caller / raw.caller,
			"delivered/floor": sdk.delivered / raw.delivered,
			"ns/usage":        named.caller,
			"usage/floor":     named.caller / raw.caller,
			"allocs/record":   sdk.allocations,
			"allocs/usage":    named.allocations,
			"allocs/floor":    raw.allocations,
		} {
			found[unit] = append(found[unit], value)
		}
	}
	reportMedians(b, found)
}

func reportMedians(b *testing.B, found map[string][]float64) {
	b.ReportMetric(0, "ns/op")
	for unit, values := range found {
		b.ReportMetric(median(values), unit)
	}
}

// cost is nanoseconds per event, until the calls return and until all events are delivered.
type cost struct{ caller, delivered, allocations float64 }

func measure(work, flush func()) cost {
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	started := time.Now()
	work()
	called := time.Since(started)
	flush()
	delivered := time.Since(started)
	runtime.ReadMemStats(&after)
	return cost{
		caller:      float64(called) / benchEvents,
		delivered:   float64(delivered) / benchEvents,
		allocations: float64(after.Mallocs-before.Mallocs) / benchEvents,
	}
}

func measureRaw(b *testing.B, bootstrap string, sample []byte, callers int) cost {
	client, err := kgo.NewClient(
		kgo.SeedBrokers(bootstrap),
		kgo.ProducerLinger(50*time.Millisecond),
		kgo.ProducerBatchCompression(kgo.Lz4Compression()),
		kgo.RequiredAcks(kgo.LeaderAck()),
		kgo.DisableIdempotentWrite(),
		kgo.DisableClientMetrics(),
		kgo.MaxBufferedRecords(benchQueue),
	)
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	ctx := context.Background()
	var delivered atomic.Int64
	promise := func(_ *kgo.Record, err error) {
		if err == nil {
			delivered.Add(1)
		}
	}
	produce := func(i int) {
		record := &kgo.Record{
			Topic: ekausage.UsageTopic,
			Key:   []byte(benchWorkspaces[i%len(benchWorkspaces)]),
			Value: bytes.Clone(sample),
		}
		client.TryProduce(ctx, record, promise)
	}
	produce(0)
	_ = client.Flush(ctx)
	spent := measure(func() { divide(callers, produce) }, func() { _ = client.Flush(ctx) })
	if delivered.Load() != benchEvents+1 {
		b.Fatalf("%d delivered", delivered.Load())
	}
	return spent
}

func measureRecord(
	b *testing.B, bootstrap string, metadata map[string]any, callers int, opts ...ekausage.Option,
) cost {
	return measureClient(b, bootstrap, callers, opts, func(client *ekausage.Client, workspace string) (string, error) {
		return client.Record(workspace, "api", "api_call", 1, "", nil, metadata)
	})
}

func measureUsage(b *testing.B, bootstrap string) cost {
	return measureClient(b, bootstrap, 1, nil, func(client *ekausage.Client, workspace string) (string, error) {
		return client.RecordUsage(ekausage.Usage{
			WorkspaceID: workspace, Metric: ekausage.MetricAPIAPICall, Quantity: ekausage.AmountOf(1),
		})
	})
}

func measureClient(
	b *testing.B, bootstrap string, callers int, opts []ekausage.Option,
	call func(client *ekausage.Client, workspace string) (string, error),
) cost {
	client, err := ekausage.New("bench", append(opts,
		ekausage.WithKafkaBrokers(bootstrap),
		ekausage.WithBufferSize(benchQueue),
		ekausage.WithMaxQueueBytes(benchBytes),
	)...)
	if err != nil {
		b.Fatal(err)
	}
	defer client.Shutdown()
	ctx := context.Background()
	record := func(i int) {
		workspace := benchWorkspaces[i%len(benchWorkspaces)]
		if _, err := call(client, workspace); err != nil {
			b.Fatal(err)
		}
	}
	record(0)
	_ = client.Flush(ctx)
	spent := measure(func() { divide(callers, record) }, func() { _ = client.Flush(ctx) })
	if stats := client.Stats(); stats.Delivered != benchEvents+1 {
		b.Fatalf("%+v", stats)
	}
	return spent
}

// divide shares the events among callers.
func divide(callers int, call func(i int)) {
	var running sync.WaitGroup
	for caller := range callers {
		running.Go(func() {
			for i := caller; i < benchEvents; i += callers {
				call(i)
			}
		})
	}
	running.Wait()
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

// BenchmarkMany measures what an event costs its caller in RecordMany, by hundreds, compared with RecordUsage,
// in memory and with a durable spool, building the values counted. An operation is a round of all of them;
// run it with -benchtime 9x.
func BenchmarkMany(b *testing.B) {
	broker := devbroker.Start(b, "")
	found := map[string][]float64{}
	for b.Loop() {
		for _, mode := range []string{"off", "durable"} {
			single := measureParts(b, broker.Bootstrap, spooledIn(b, mode), recordEach)
			many := measureParts(b, broker.Bootstrap, spooledIn(b, mode), recordHundreds)
			for unit, value := range map[string]float64{
				"ns/single_": single.caller, "ns/many_": many.caller, "many/single_": many.caller / single.caller,
				"allocs/many_": many.allocations,
			} {
				found[unit+mode] = append(found[unit+mode], value)
			}
		}
	}
	reportMedians(b, found)
}

func benchUsage(i int) ekausage.Usage {
	return ekausage.Usage{
		WorkspaceID: benchWorkspaces[i%len(benchWorkspaces)], Metric: ekausage.MetricAPIAPICall, Quantity: ekausage.AmountOf(1),
	}
}

func recordEach(client *ekausage.Client, events int) (err error) {
	for i := 0; i < events && err == nil; i++ {
		_, err = client.RecordUsage(benchUsage(i))
	}
	return err
}

func recordHundreds(client *ekausage.Client, events int) (err error) {
	for i := 0; i < events && err == nil; i += 100 {
		batch := make([]ekausage.Usage, 100)
		for at := range batch {
			batch[at] = benchUsage(i + at)
		}
		_, err = client.RecordMany(batch)
	}
	return err
}

// measureParts measures calls while nothing is being sent: a flood waits for the disk, whatever it calls.
func measureParts(
	b *testing.B, bootstrap string, spool ekausage.Option, work func(client *ekausage.Client, events int) error,
) (spent cost) {
	const parts = 50
	client, err := ekausage.New("bench", ekausage.WithKafkaBrokers(bootstrap), ekausage.WithBufferSize(benchQueue),
		ekausage.WithMaxQueueBytes(benchBytes), spool)
	if err != nil {
		b.Fatal(err)
	}
	defer client.Shutdown()
	for part := range parts + 1 {
		one := measure(func() {
			if err := work(client, benchEvents/parts/2); err != nil {
				b.Fatal(err)
			}
		}, func() { _ = client.Flush(context.Background()) })
		if part > 0 { // the first connects
			spent.caller += 2 * one.caller
			spent.allocations += 2 * one.allocations
		}
	}
	return spent
}
