package ekausage

import (
	"slices"
	"time"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/internal/encode"
	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/internal/spool"
)

// RecordMany reports 1 to 500 events, of any workspaces and metrics, all or none. It returns their ids in
// order. If one is not valid, none is accepted, and the error names the first such event by its place.
// The events have consecutive numbers; in a spool they are one record, which a crash leaves whole or not
// at all. More than 500 events, none, or more than 512 KiB are rejected with CodeBatchInvalid.
func (c *Client) RecordMany(events []Usage) (eventIDs []string, err error) {
	c = c.present()
	i := c.instance.Load()
	callAt := func(at int) (call call) {
		call = events[at].call()
		c.fill(&call)
		return call
	}
	given := &given{events: len(events), each: callAt, calls: len(events), callAt: callAt}
	if err := i.checkBatch(given, "events", 1); err != nil {
		return nil, err
	}
	return i.recordMany(given)
}

// checkBatch returns why a batch is rejected, which it counts and reports; nil if it is not.
func (i *instance) checkBatch(g *given, parameter string, least int) error {
	if why := i.outbox.rejectReason(); why.code != "" {
		return i.outcomes.rejectedAll(g, nil, -1, i.outbox.rejection(why))
	}
	if wrong := encode.CheckCount(least, g.events); wrong != "" {
		return i.outcomes.rejectedAll(g, nil, -1, invalidBatch(parameter, wrong))
	}
	return nil
}

// given is what a caller gives as the events of one batch.
type given struct {
	events int            // how many are given
	each   func(int) call // returns what is known of one of them
	calls  int            // how many of them become events, up to the first that is known to be invalid
	callAt func(int) call // returns one of these
	places []int          // of these among all that are given; nil: they are the same

	invalid *encode.Rejection // what is wrong with the event after these calls; nil: nothing
	call    *call             // what is known of that event
	place   int               // its place among all that are given
}

// recordMany records what is given, all or none.
func (i *instance) recordMany(g *given) ([]string, error) {
	s, batch := encode.GetScratch(), encode.GetBatch()
	defer s.Release()
	defer batch.Release()
	now, keys := time.Now(), 0
	for at := range g.calls {
		call := g.callAt(at)
		lost := i.filter(&call)
		if rejection := batch.Add(i.encoder, s, &call, now); rejection != nil {
			place := at
			if g.places != nil {
				place = g.places[at]
			}
			return nil, i.outcomes.rejectedAll(g, &call, place, invalidAt(rejection, place, g.events))
		}
		checked := &batch.Calls[at]
		checked.Lost = joined(lost, checked.Lost)
		keys += len(call.WorkspaceID)
	}
	if g.invalid != nil {
		return nil, i.outcomes.rejectedAll(g, g.call, g.place, invalidAt(g.invalid, g.place, g.events))
	}
	if wrong := batch.CheckSize(uint64(i.outcomes.ledger.accepted.Load()) + 1); wrong != "" {
		return nil, i.outcomes.rejectedAll(g, nil, -1, invalidBatch("events", wrong))
	}
	size := int64(batch.Size() + keys)
	place, why := i.outbox.enterAll(g.calls, size)
	if why.code != "" {
		return nil, i.outcomes.rejectedAll(g, nil, -1, i.outbox.rejection(why))
	}
	return i.sendBatch(batch, place, spool.NewGroup(spool.GroupSize(g.calls, size))), nil
}

// sendBatch numbers and sends the events of a batch, which have places, and returns their ids.
func (i *instance) sendBatch(batch *encode.Batch, p place, group *spool.Group) []string {
	events, ids := make([]event, len(batch.Calls)), make([]string, len(batch.Calls))
	seq := i.outbox.nextSeqs(len(batch.Calls))
	for at := range batch.Calls {
		checked := &batch.Calls[at]
		record := group.Add(batch.Keys[at], func(b []byte) []byte { return checked.Append(b, seq) })
		events[at] = event{key: record.Key, value: record.Event, at: checked.At}
		ids[at] = checked.EventID
		seq++
	}
	if err := i.outbox.sendAll(events, group, p); err != nil {
		i.notSpooled(err)
	}
	counts := i.outcomes.counts.Load()
	for at := range batch.Calls {
		if counts != nil {
			counts.accept(&batch.Calls[at], batch.Calls[at].Amount())
		}
		if i.debug {
			i.logAccepted(events[at].value)
		}
		if lost := batch.Calls[at].Lost; lost != "" {
			i.outcomes.degraded(lost, ids[at])
		}
	}
	return ids
}

func invalidBatch(parameter, wrong string) error { return invalid(batchRejection(parameter, wrong)) }

func batchRejection(parameter, wrong string) *encode.Rejection {
	return &encode.Rejection{Code: string(CodeBatchInvalid), Parameter: parameter, Hint: wrong}
}

// A MetricAmount is how much of one metric a piece of work used.
type MetricAmount struct {
	// Metric is a generated constant, in place of Product and MetricType.
	Metric Metric
	// Product and MetricType name the metric, for names that are known at run time only.
	Product, MetricType string
	// Quantity is how much, in the metric's unit. Zero makes no event; unset, it is 1.
	Quantity Amount
	// Cost is what all of it cost. Unset, the cost is unknown.
	Cost Amount
}

// RecordAmounts reports several amounts of one piece of work, all or none: one event per amount, each with
// the same event id, which is required. However often the call is repeated, each metric counts once. An
// amount of zero makes no event, and a metric may come once. There are at most 500 amounts, those of zero
// among them. The options set what the events have in common. It returns the ids as RecordMany does; none
// if every amount is zero.
func (c *Client) RecordAmounts(
	workspaceID string, amounts []MetricAmount, eventID string, opts ...RecordOption,
) (eventIDs []string, err error) {
	c = c.present()
	shared := call{WorkspaceID: workspaceID}
	applyTo(&shared, opts)
	shared.EventID, shared.HasEventID = eventID, true
	c.fill(&shared)
	i := c.instance.Load()
	given := &given{events: len(amounts), each: func(at int) call { return amounts[at].of(&shared) }}
	if err := i.checkBatch(given, "amounts", 0); err != nil {
		return nil, err
	}
	if rejection := encode.CheckEventID(eventID); rejection != nil {
		return nil, i.outcomes.rejectedAll(given, &shared, -1, invalid(rejection))
	}
	if given.readAmounts(amounts, &shared); given.calls == 0 && given.invalid == nil {
		return []string{}, nil
	}
	return i.recordMany(given)
}

// readAmounts adds the calls of all amounts but zero, up to the first that is invalid.
func (g *given) readAmounts(amounts []MetricAmount, shared *call) {
	calls, seen := make([]call, 0, len(amounts)), make(map[string]bool, len(amounts))
	g.places = make([]int, 0, len(amounts))
	for at := range amounts {
		call, rejection := amounts[at].check(shared, seen)
		if rejection != nil {
			g.invalid, g.call, g.place = rejection, &call, at
			break
		}
		if !amounts[at].Quantity.isZero() {
			calls, g.places = append(calls, call), append(g.places, at)
		}
	}
	g.calls, g.callAt = len(calls), func(at int) call { return calls[at] }
}

// of returns the call of one amount, without its cost.
func (a *MetricAmount) of(shared *call) call {
	usage := Usage{Metric: a.Metric, Product: a.Product, MetricType: a.MetricType, Quantity: a.Quantity}
	own, merged := usage.call(), *shared
	merged.ByUsage, merged.ByMetric, merged.Metric = true, own.ByMetric, own.Metric
	merged.Product, merged.MetricType = own.Product, own.MetricType
	merged.Quantity, merged.ExactQuantity = own.Quantity, own.ExactQuantity
	return merged
}

// check returns the call of one amount, whose metric joins those that were seen, and what is wrong with it.
func (a *MetricAmount) check(shared *call, seen map[string]bool) (call, *encode.Rejection) {
	merged := a.of(shared)
	eventType, rejection := encode.EventType(&merged)
	if rejection != nil {
		return merged, rejection
	}
	if seen[eventType] {
		return merged, batchRejection("amounts", eventType+" is there twice")
	}
	seen[eventType] = true
	if a.Cost.given {
		merged.Fields = slices.Clone(shared.Fields)
		if !merged.SetTotal(a.Cost.kept()) {
			return merged, batchRejection("amounts", "the catalog has no field for their cost")
		}
	}
	return merged, nil
}
