package encode

import (
	"strconv"
	"sync"
	"sync/atomic"
)

const (
	// statusVoid follows the rows of Statuses: the status of events that take another one back.
	statusVoid = len(Statuses)
	// mostServices is how many services, besides the client's own, have what is constant in their events
	// kept: about 0.5 KB for each of their metrics and statuses.
	mostServices = 64
)

// partsOfService is what is constant in the events of one service, by metric and status.
type partsOfService [Combinations]atomic.Pointer[eventParts]

// Combinations is how many pairs of a metric and a status there are. The first row of Metrics stands for all
// that the catalog lacks.
const Combinations = len(Metrics) * (statusVoid + 1)

func combinationOf(metric, status int) int {
	if metric >= len(Metrics) {
		metric = 0
	}
	return metric*(statusVoid+1) + status
}

// CombinationNames returns the names of the metric, empty for one that the catalog lacks, and of the status.
func CombinationNames(combination int) (product, metricType, status string) {
	row := &Metrics[combination/(statusVoid+1)]
	return row.Product, row.MetricType, statusName(combination % (statusVoid + 1))
}

func statusName(status int) string {
	if status == statusVoid {
		return voidStatus
	}
	return Statuses[status].Name
}

// services holds the parts of the services that calls name themselves.
type services struct {
	parts sync.Map // by name
	count atomic.Int32
}

// of returns the parts of a service, whose name is valid; new ones, which are not kept, if there are too many.
func (s *services) of(name string) *partsOfService {
	if parts, ok := s.parts.Load(name); ok {
		return parts.(*partsOfService)
	}
	parts := new(partsOfService)
	if s.count.Add(1) > mostServices {
		s.count.Add(-1)
		return parts
	}
	if kept, loaded := s.parts.LoadOrStore(name, parts); loaded {
		s.count.Add(-1)
		return kept.(*partsOfService)
	}
	return parts
}

// partsOf returns what is constant for events of a service, a metric and a status, which the first such event
// encodes. The empty service is the client's own.
func (e *Encoder) partsOf(service string, metric, status int) (*eventParts, *Rejection) {
	of, constants := &e.parts, &e.constants
	if service != "" {
		if rejection := CheckServiceName(service); rejection != nil {
			return nil, rejection
		}
		of = e.services.of(service)
	}
	if metric >= len(Metrics) {
		return constants.of(service, metric, status, false).encode(), nil
	}
	place := &of[combinationOf(metric, status)]
	if parts := place.Load(); parts != nil {
		return parts, nil
	}
	parts := constants.of(service, metric, status, e.billed).encode()
	place.Store(parts)
	return parts, nil
}

// of returns the constants of events of a service, a metric and a status.
func (c eventConstants) of(service string, metric, status int, billed bool) *eventConstants {
	if service != "" {
		c.serviceName = escaped(service)
	}
	names := RowOf(uint32(metric))
	c.product = escaped(names.Product)
	c.metricType = escaped(names.MetricType)
	row := StatusRow{Name: voidStatus}
	if status != statusVoid {
		row = Statuses[status]
	}
	c.status = escaped(row.Name)
	c.isBillable = strconv.Itoa(flag(billed && row.Billable))
	return &c
}
