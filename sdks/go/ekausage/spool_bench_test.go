package ekausage_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage"
	"github.com/eka-care/eka-usage-sdk/sdks/go/internal/devbroker"
)

const replayEvents = 300_000

// BenchmarkSpool measures what an event costs its callers in each mode, compared with franz-go's own
// TryProduce, and how many events per second are replayed from disk. Run it with -benchtime 9x.
func BenchmarkSpool(b *testing.B) {
	broker := devbroker.Start(b, "")
	sample := sampleEvent(b)
	found := map[string][]float64{}
	note := func(unit string, value float64) { found[unit] = append(found[unit], value) }
	for b.Loop() {
		for _, callers := range []int{1, 8} {
			raw := measureRaw(b, broker.Bootstrap, sample, callers).caller
			in := map[string]float64{}
			for _, mode := range []string{"off", "spill", "durable"} {
				in[mode] = measureRecord(b, broker.Bootstrap, nil, callers, spooledIn(b, mode)).caller
				note(fmt.Sprintf("ns/%s_%d", mode, callers), in[mode])
				note(fmt.Sprintf("%s_%d/floor", mode, callers), in[mode]/raw)
			}
			note(fmt.Sprintf("spill_%d/off", callers), in["spill"]/in["off"])
		}
		note("replayed/s", measureReplay(b, broker.Bootstrap))
	}
	reportMedians(b, found)
}

func spooledIn(b *testing.B, mode string) ekausage.Option {
	b.Helper()
	folder := filepath.Join(b.TempDir(), "spool")
	return ekausage.Options(ekausage.WithSpool(mode), ekausage.WithSpoolDir(folder))
}

// measureReplay returns how many events per second a client replays from disk.
func measureReplay(b *testing.B, bootstrap string) float64 {
	client, err := ekausage.New("bench", ekausage.WithKafkaBrokers(bootstrap), spooledIn(b, "spill"))
	if err != nil {
		b.Fatal(err)
	}
	defer client.Shutdown()
	ekausage.SpillAll(client)
	for i := range replayEvents {
		workspace := benchWorkspaces[i%len(benchWorkspaces)]
		if _, err := client.Record(workspace, "api", "api_call", 1, "", nil, nil); err != nil {
			b.Fatal(err)
		}
	}
	left := client.Stats().Spooled
	started := time.Now()
	for client.Stats().Spooled > 0 {
		time.Sleep(time.Millisecond)
	}
	return float64(left) / time.Since(started).Seconds()
}
