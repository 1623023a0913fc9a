package ekausage

import (
	"cmp"
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/internal/encode"
	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/internal/selfmetrics"
)

// The outcomes by which events are counted, as rows of selfmetrics.Outcomes.
const (
	outcomeAccepted = iota
	outcomeRejected
	outcomeFailed
)

// An EventCount is how many events of a product, a metric type and a status had one outcome. A name that the
// catalog lacks is "_OTHER".
type EventCount struct {
	// Outcome is accepted, rejected or failed. An accepted event that fails counts as both.
	Outcome string
	// Product, MetricType and Status are names of the catalog.
	Product, MetricType, Status string
	// Events is how many there were.
	Events int64
	// Amount is the sum of their quantities, in the unit of the metric type.
	Amount float64
}

// CountEvents switches on what EventCounts returns, from now on and for as long as the client exists. It takes
// some nanoseconds of each event. The packages ekausage/prometheus and ekausage/opentelemetry call it. It returns
// the client that New returned, which counts for those that Bind made of it, too.
func (c *Client) CountEvents() *Client {
	c = c.present()
	c.counting.Store(true)
	c.instance.Load().outcomes.startCounting()
	return c.origin
}

// EventCounts returns how many events this client, and those that are bound to it, had of each kind since
// CountEvents was called: nothing before. Like Stats, it begins anew after ResetAfterRestore.
func (c *Client) EventCounts() []EventCount {
	counts := c.present().instance.Load().outcomes.counts.Load()
	if counts == nil {
		return nil
	}
	return counts.all()
}

func (o *outcomes) startCounting() { o.counts.CompareAndSwap(nil, new(eventCounts)) }

// eventCounts are the counts of one instance. The catalog limits how many there are.
type eventCounts struct {
	// Of accepted events, by their combination.
	accepted [encode.Combinations]eventCell

	mu     sync.Mutex
	others map[EventCount]*eventCell // by what tells them apart
}

// eventCell is one count.
type eventCell struct {
	events atomic.Int64
	amount atomic.Uint64 // the bits of a float64
}

func (c *eventCell) add(amount float64) {
	c.events.Add(1)
	for amount != 0 {
		bits := c.amount.Load()
		if c.amount.CompareAndSwap(bits, math.Float64bits(math.Float64frombits(bits)+amount)) {
			return
		}
	}
}

// accept counts an accepted event.
func (c *eventCounts) accept(checked *encode.CheckedCall, amount float64) {
	c.accepted[checked.Combination].add(amount)
}

// reject counts an event that is not accepted.
func (c *eventCounts) reject(call *call) {
	product, metricType, status := call.Labels()
	c.other(outcomeRejected, product, metricType, status).add(call.Amount())
}

// fail counts an accepted event that cannot be delivered.
func (c *eventCounts) fail(e *UsageEvent) {
	product, metricType, status := encode.KnownLabels(e.Product, e.MetricType, e.Status)
	c.other(outcomeFailed, product, metricType, status).add(encode.AmountOf(e.Quantity.String()))
}

func (c *eventCounts) other(outcome int, product, metricType, status string) *eventCell {
	key := countOf(outcome, product, metricType, status)
	c.mu.Lock()
	defer c.mu.Unlock()
	cell := c.others[key]
	if cell == nil {
		cell = new(eventCell)
		if c.others == nil {
			c.others = map[EventCount]*eventCell{}
		}
		c.others[key] = cell
	}
	return cell
}

// all returns what was counted, in a fixed order.
func (c *eventCounts) all() (counts []EventCount) {
	add := func(count EventCount, cell *eventCell) {
		if count.Events = cell.events.Load(); count.Events > 0 {
			count.Amount = math.Float64frombits(cell.amount.Load())
			counts = append(counts, count)
		}
	}
	for combination := range c.accepted {
		product, metricType, status := encode.CombinationNames(combination)
		add(countOf(outcomeAccepted, product, metricType, status), &c.accepted[combination])
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for count, cell := range c.others {
		add(count, cell)
	}
	slices.SortFunc(counts, func(a, b EventCount) int {
		return cmp.Or(
			cmp.Compare(a.Outcome, b.Outcome), cmp.Compare(a.Product, b.Product),
			cmp.Compare(a.MetricType, b.MetricType), cmp.Compare(a.Status, b.Status),
		)
	})
	return counts
}

// countOf returns a count of nothing, with the names that tell it apart.
func countOf(outcome int, product, metricType, status string) EventCount {
	return EventCount{
		Outcome: selfmetrics.Outcomes[outcome], Product: known(product), MetricType: known(metricType), Status: known(status),
	}
}

func known(name string) string { return cmp.Or(name, selfmetrics.Other) }
