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
	return c.instance.Load().recordMany(len(events), func(at int) (call call) {
		call = events[at].call()
		c.fill(&call)
		return call
	})
}

// recordMany records so many calls, all or none.
func (i *instance) recordMany(events int, callAt func(int) call) ([]string, error) {
	if reason := i.outbox.rejectReason(); reason != "" {
		return nil, i.outcomes.rejectedAll(events, nil, -1, i.outbox.rejection(reason))
	}
	if wrong := encode.CheckCount(events); wrong != "" {
		return nil, i.outcomes.rejectedAll(events, nil, -1, invalidBatch("events", wrong))
	}
	s, batch := encode.GetScratch(), encode.GetBatch()
	defer s.Release()
	defer batch.Release()
	now, keys := time.Now(), 0
	for at := range events {
		call := callAt(at)
		lost := i.filter(&call)
		if rejection := batch.Add(i.encoder, s, &call, now); rejection != nil {
			return nil, i.outcomes.rejectedAll(events, &call, at, invalidAt(rejection, at, events))
		}
		checked := &batch.Calls[at]
		checked.Lost = joined(lost, checked.Lost)
		keys += len(call.WorkspaceID)
	}
	if wrong := batch.CheckSize(uint64(i.outcomes.ledger.accepted.Load()) + 1); wrong != "" {
		return nil, i.outcomes.rejectedAll(events, nil, -1, invalidBatch("events", wrong))
	}
	size := int64(batch.Size() + keys)
	place, reason := i.outbox.enterAll(events, size)
	if reason != "" {
		return nil, i.outcomes.rejectedAll(events, nil, -1, i.outbox.rejection(reason))
	}
	return i.sendBatch(batch, place, spool.NewGroup(spool.GroupSize(events, size))), nil
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
	for at := range batch.Calls {
		if i.debug {
			i.logAccepted(events[at].value)
		}
		if lost := batch.Calls[at].Lost; lost != "" {
			i.outcomes.degraded(lost, ids[at])
		}
	}
	return ids
}

func invalidBatch(parameter, wrong string) error {
	return invalid(&encode.Rejection{Code: string(CodeBatchInvalid), Parameter: parameter, Hint: wrong})
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
// amount of zero makes no event, and a metric may come once. The options set what the events have in
// common. It returns the ids as RecordMany does; none if every amount is zero.
func (c *Client) RecordAmounts(
	workspaceID string, amounts []MetricAmount, eventID string, opts ...RecordOption,
) (eventIDs []string, err error) {
	shared := call{WorkspaceID: workspaceID}
	applyTo(&shared, opts)
	shared.EventID, shared.HasEventID = eventID, true
	c.fill(&shared)
	i := c.instance.Load()
	calls, err := callsOf(amounts, &shared)
	if err != nil {
		if reason := i.outbox.rejectReason(); reason != "" {
			err = i.outbox.rejection(reason)
		}
		return nil, i.outcomes.rejectedAll(len(calls), &shared, -1, err)
	}
	if len(calls) == 0 {
		return []string{}, nil
	}
	return i.recordMany(len(calls), func(at int) call { return calls[at] })
}

// callsOf returns the calls of all amounts but zero, and what is wrong with any amount.
func callsOf(amounts []MetricAmount, shared *call) (calls []call, err error) {
	seen := make(map[string]bool, len(amounts))
	if rejection := encode.CheckEventID(shared.EventID); rejection != nil {
		err = invalid(rejection)
	}
	for at := range amounts {
		amount := &amounts[at]
		usage := Usage{
			Metric: amount.Metric, Product: amount.Product, MetricType: amount.MetricType, Quantity: amount.Quantity,
		}
		call := usage.call()
		eventType, rejection := encode.EventType(&call)
		if rejection != nil && err == nil {
			err = invalidAt(rejection, at, len(amounts))
		}
		if seen[eventType] && rejection == nil && err == nil {
			err = invalidBatch("amounts", "they have "+eventType+" twice")
		}
		seen[eventType] = true
		if usage.Quantity.isZero() {
			continue
		}
		merged := *shared
		merged.ByUsage, merged.ByMetric, merged.Metric = true, call.ByMetric, call.Metric
		merged.Product, merged.MetricType = call.Product, call.MetricType
		merged.Quantity, merged.ExactQuantity = call.Quantity, call.ExactQuantity
		if amount.Cost.given {
			merged.Fields = slices.Clone(shared.Fields)
			if !merged.SetTotal(amount.Cost.kept()) && err == nil {
				err = invalidBatch("amounts", "the catalog has no field for their cost")
			}
		}
		calls = append(calls, merged)
	}
	return calls, err
}
