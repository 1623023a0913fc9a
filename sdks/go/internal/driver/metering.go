package main

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage"
)

// amount is one of the amounts of a piece of work.
type amount struct {
	Product    string   `json:"product"`
	MetricType string   `json:"metric_type"`
	Quantity   *float64 `json:"quantity"`
	Cost       *float64 `json:"cost"`
}

// amountOf returns a number, if there is one.
func amountOf(number *float64) ekausage.Amount {
	if number == nil {
		return ekausage.Amount{}
	}
	return ekausage.AmountOf(*number)
}

func (c *call) usage() ekausage.Usage {
	usage := ekausage.Usage{
		WorkspaceID: c.WorkspaceID, Product: c.Product, MetricType: c.MetricType, Quantity: amountOf(c.Quantity),
		Status: c.Status, UnitCost: amountOf(c.UnitCost), Metadata: c.Metadata, ServiceName: c.ServiceName,
	}
	if c.EventID != nil {
		usage.EventID = *c.EventID
	}
	if c.OccurredAt != nil {
		usage.OccurredAt, _ = time.Parse(time.RFC3339Nano, *c.OccurredAt)
	}
	return usage
}

// options returns what a call may have besides its positional arguments.
func (c *call) options() []ekausage.RecordOption {
	opts := []ekausage.RecordOption{ekausage.WithStatus(c.Status), ekausage.WithMetadata(c.Metadata)}
	if c.EventID != nil {
		opts = append(opts, ekausage.WithEventID(*c.EventID))
	}
	if c.UnitCost != nil {
		opts = append(opts, ekausage.WithUnitCost(*c.UnitCost))
	}
	if c.OccurredAt != nil {
		opts = append(opts, ekausage.WithOccurredAtText(*c.OccurredAt))
	}
	return append(opts, ekausage.WithServiceName(c.ServiceName))
}

func (d *driver) recordMany(r *request) response {
	var events []ekausage.Usage
	for range number(r.Times, 1) {
		for i := range r.Calls {
			events = append(events, r.Calls[i].usage())
		}
	}
	ids, err := d.client.RecordMany(events)
	return accepted(ids, len(events), err)
}

func (d *driver) recordAmounts(r *request) response {
	amounts := make([]ekausage.MetricAmount, len(r.Amounts))
	for i, a := range r.Amounts {
		amounts[i] = ekausage.MetricAmount{
			Product: a.Product, MetricType: a.MetricType, Quantity: amountOf(a.Quantity), Cost: amountOf(a.Cost),
		}
	}
	id := ""
	if r.Call.EventID != nil {
		id = *r.Call.EventID
	}
	before := d.client.Stats()
	ids, err := d.client.RecordAmounts(r.Call.WorkspaceID, amounts, id, r.Call.options()...)
	rejected := int64(0)
	for code, count := range d.client.Stats().Rejected {
		rejected += count - before.Rejected[code]
	}
	return accepted(ids, int(rejected), err)
}

// accepted returns the ids of a batch, or how many events were rejected.
func accepted(ids []string, events int, err error) response {
	if err != nil {
		return response{"accepted": []string{}, "rejected": events}
	}
	return response{"accepted": ids, "rejected": 0}
}

func (d *driver) void(c *call) (string, error) {
	metric, _ := ekausage.FindMetric(c.Product, c.MetricType)
	id := ""
	if c.EventID != nil {
		id = *c.EventID
	}
	return d.client.Void(c.WorkspaceID, metric, id, c.Reason)
}

func (d *driver) session(r *request) response {
	wall := number(r.Wall, r.Elapsed)
	d.clocks.freeze()
	defer d.clocks.thaw()
	metric, _ := ekausage.FindMetric(r.Call.Product, r.Call.MetricType)
	session := d.client.Session(r.Call.WorkspaceID, metric, r.Call.options()...)
	d.clocks.advance(time.Duration(wall)*time.Millisecond, time.Duration(r.Elapsed)*time.Millisecond)
	if r.Fails {
		session.Fail()
	}
	ids, rejected := []string{}, 0
	for range number(r.Ends, 1) {
		if id, err := session.End(); err != nil {
			rejected = 1
		} else if id != "" {
			ids = append(ids, id)
		}
	}
	return response{"accepted": ids, "rejected": rejected}
}

func (d *driver) boundary(r *request) (response, error) {
	opts := r.Call.options()
	switch at := r.At.(type) {
	case nil:
	case string:
		opts = append(opts, ekausage.WithOccurredAtText(at))
	case json.Number:
		milliseconds, err := at.Int64()
		if err != nil {
			return nil, err
		}
		opts = append(opts, ekausage.WithOccurredAtMillis(milliseconds))
	default:
		return nil, fmt.Errorf("at must be a text or a number, got %v", at)
	}
	send := map[string]func(string, ekausage.Metric, string, ...ekausage.RecordOption) (string, error){
		"start": d.client.SessionStart, "beat": d.client.SessionBeat, "end": d.client.SessionEnd,
	}[r.Boundary]
	if send == nil {
		return nil, fmt.Errorf("unknown boundary %q", r.Boundary)
	}
	metric, _ := ekausage.FindMetric(r.Call.Product, r.Call.MetricType)
	return repeat(func() (string, error) { return send(r.Call.WorkspaceID, metric, r.SessionID, opts...) }, 1, 1), nil
}
