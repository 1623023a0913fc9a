package encode

import (
	"regexp"
	"strings"
	"sync"
)

const (
	// undeclaredBase is the first metric that the catalog lacks.
	undeclaredBase = 1 << 31
	// invalidUndeclared is the metric of a name that is not one of an event type.
	invalidUndeclared = 1<<32 - 1
	// mostUndeclared is how many of them a process keeps, since their names may come from anywhere.
	mostUndeclared = 10_000
)

// undeclaredMetrics holds the event types that calls name and the catalog lacks. A metric of it stays valid
// for the lifetime of the process.
var undeclaredMetrics struct {
	sync.RWMutex
	byName map[string]uint32
	rows   []*MetricRow
}

// UndeclaredMetric returns the metric of an event type: that of the catalog, if it has one. It is
// invalidUndeclared if the name is not one of an event type, is that of a removed one, or if there are too many.
func UndeclaredMetric(eventType string) uint32 {
	if metric := LookupEventType(eventType); metric != 0 {
		return uint32(metric)
	}
	u := &undeclaredMetrics
	u.RLock()
	metric := u.byName[eventType]
	u.RUnlock()
	if metric != 0 {
		return metric
	}
	product, metricType, found := strings.Cut(eventType, ".")
	if !found || !isName(product) || !isName(metricType) || removedMetric(product, metricType) != "" {
		return invalidUndeclared
	}
	u.Lock()
	defer u.Unlock()
	if metric = u.byName[eventType]; metric != 0 {
		return metric
	}
	if len(u.rows) >= mostUndeclared {
		return invalidUndeclared
	}
	if u.byName == nil {
		u.byName = map[string]uint32{}
	}
	metric = undeclaredBase + uint32(len(u.rows))
	eventType = strings.Clone(eventType)
	product, metricType, _ = strings.Cut(eventType, ".")
	u.byName[eventType] = metric
	u.rows = append(u.rows, &MetricRow{
		Product: product, MetricType: metricType, Title: eventType, Aggregation: "undeclared",
	})
	return metric
}

// RowOf returns the row of a metric, of the catalog or not; the first row of Metrics, if there is no such metric.
func RowOf(metric uint32) *MetricRow {
	if int(metric) < len(Metrics) {
		return &Metrics[metric]
	}
	return rowOfUndeclared(metric)
}

func rowOfUndeclared(metric uint32) *MetricRow {
	u := &undeclaredMetrics
	u.RLock()
	defer u.RUnlock()
	if i := int(metric) - undeclaredBase; i >= 0 && i < len(u.rows) {
		return u.rows[i]
	}
	return &Metrics[0]
}

var undeclaredNames = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(undeclaredNamePattern) })

// isName reports whether a text is written as the names of a catalog are.
func isName(text string) bool {
	return len(text) <= undeclaredNameMaxLength && undeclaredNames().MatchString(text)
}
