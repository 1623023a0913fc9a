// Package scrape reads what clients expose about themselves, for the adapters of monitoring systems.
package scrape

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage"
	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/internal/selfmetrics"
)

// Scope names the package whose metrics these are.
var Scope = reflect.TypeFor[ekausage.Client]().PkgPath()

// Clients are the clients that one adapter exposes together. It keeps them for as long as it exists, so that
// no counter falls when a client is shut down.
type Clients struct {
	mu      sync.Mutex
	clients []*ekausage.Client
}

// Add adds clients, unless they are there, and switches their counting on.
func (c *Clients) Add(clients ...*ekausage.Client) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, client := range clients {
		if counting := client.CountEvents(); !slices.Contains(c.clients, counting) {
			c.clients = append(c.clients, counting)
		}
	}
}

// A Sample is one value of a metric.
type Sample struct {
	Metric *selfmetrics.Metric
	// Labels are the values of the metric's labels, in their order.
	Labels []string
	Value  float64
}

// Samples returns the values of all metrics now, in a fixed order.
func (c *Clients) Samples() []Sample {
	c.mu.Lock()
	clients := slices.Clone(c.clients)
	c.mu.Unlock()
	var s samples
	for _, client := range clients {
		stats, counts := client.Stats(), client.EventCounts()
		for i := range selfmetrics.Metrics {
			s.add(&selfmetrics.Metrics[i], &stats, counts)
		}
	}
	slices.SortStableFunc(s.all, func(a, b Sample) int { return rows[a.Metric.Key] - rows[b.Metric.Key] })
	return s.all
}

// samples are those of the clients so far.
type samples struct {
	all  []Sample
	rows map[string]int // by metric and labels
}

func (s *samples) add(metric *selfmetrics.Metric, stats *ekausage.Stats, counts []ekausage.EventCount) {
	switch metric.Stats {
	case "":
		for i := range counts {
			s.put(metric, countOf(metric, &counts[i]), labelsOf(metric, &counts[i])...)
		}
	case "rejected":
		for _, code := range rejections {
			s.put(metric, float64(stats.Rejected[code]), string(code))
		}
		for _, code := range ekausage.ErrorCodes() {
			if events := stats.Rejected[code]; events > 0 && !slices.Contains(rejections, code) {
				s.put(metric, float64(events), string(code))
			}
		}
	default:
		value := reflect.ValueOf(stats).Elem().FieldByName(fieldName(metric.Stats)).Int()
		s.put(metric, float64(value)/metric.Divisor)
	}
}

// put adds a value to that of the clients before.
func (s *samples) put(metric *selfmetrics.Metric, value float64, labels ...string) {
	key := metric.Key + "\x00" + strings.Join(labels, "\x00")
	row, known := s.rows[key]
	switch {
	case !known:
		if s.rows == nil {
			s.rows = map[string]int{}
		}
		s.rows[key] = len(s.all)
		s.all = append(s.all, Sample{metric, labels, value})
	case metric.IsMax:
		s.all[row].Value = max(s.all[row].Value, value)
	default:
		s.all[row].Value += value
	}
}

// rejections are the codes of events that are not accepted.
var rejections = slices.DeleteFunc(ekausage.ErrorCodes(), func(code ekausage.ErrorCode) bool {
	return code.Outcome() != selfmetrics.Outcomes[1]
})

// rows are the places of the metrics in the table.
var rows = func() map[string]int {
	rows := map[string]int{}
	for i, metric := range selfmetrics.Metrics {
		rows[metric.Key] = i
	}
	return rows
}()

// countOf returns the value of a metric that is counted by call.
func countOf(metric *selfmetrics.Metric, count *ekausage.EventCount) float64 {
	switch metric.Key {
	case "events":
		return float64(count.Events)
	case "amounts":
		return count.Amount
	}
	panic(fmt.Sprintf("scrape: nothing counts %s", metric.Key))
}

// labelsOf returns the labels of a metric that is counted by call.
func labelsOf(metric *selfmetrics.Metric, count *ekausage.EventCount) []string {
	values := make([]string, len(metric.Labels))
	for i, label := range metric.Labels {
		values[i] = reflect.ValueOf(count).Elem().FieldByName(fieldName(label)).String()
	}
	return values
}

// fieldName returns the name of a field in Go: SpoolBytes for spool_bytes.
func fieldName(name string) string {
	var field strings.Builder
	for part := range strings.SplitSeq(name, "_") {
		field.WriteString(strings.ToUpper(part[:1]) + part[1:])
	}
	return field.String()
}
