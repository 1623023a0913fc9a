package ekausage

import "github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/internal/encode"

// A Metric is one metric type of one product. Its values are the generated constants, named Metric
// followed by product and metric type. The zero Metric is not valid.
type Metric uint32

// FindMetric returns the metric of a product and a metric type as the catalog spells them. It reports
// false if the catalog has no such pair.
func FindMetric(product, metricType string) (Metric, bool) {
	metric := encode.LookupMetric(product, metricType)
	return Metric(metric), metric != 0
}

// FindEventType returns the metric of an event type, "product.metric_type", or of an alias. It reports
// false if the catalog has no such name.
//
// It is for names that come as one string: from HTTP, CloudEvents, imports. Never split them, since both
// parts may contain points.
func FindEventType(name string) (Metric, bool) {
	metric := encode.LookupEventType(name)
	return Metric(metric), metric != 0
}

// Metrics lists every metric, in the order of the catalog.
func Metrics() []Metric {
	metrics := make([]Metric, len(encode.Metrics)-1)
	for i := range metrics {
		metrics[i] = Metric(i + 1)
	}
	return metrics
}

// Valid reports whether it is a metric: one of the catalog, or one that is not declared.
func (m Metric) Valid() bool { return m.row() != &encode.Metrics[0] }

// Product returns the product's name, empty for a metric that is not valid.
func (m Metric) Product() string { return m.row().Product }

// MetricType returns the metric type's name within its product.
func (m Metric) MetricType() string { return m.row().MetricType }

// Title returns the metric type's display name.
func (m Metric) Title() string { return m.row().Title }

// Description describes what the metric type counts.
func (m Metric) Description() string { return m.row().Description }

// Owner returns the team that is responsible for the metric type.
func (m Metric) Owner() string { return m.row().Owner }

// Unit returns what a quantity of one means.
func (m Metric) Unit() string { return m.row().Unit }

// Aggregation returns how quantities become a total: sum, count, max, min, last, avg, unique or
// time_weighted.
func (m Metric) Aggregation() string { return m.row().Aggregation }

// String returns the product and the metric type, joined by a slash.
func (m Metric) String() string {
	if !m.Valid() {
		return "no metric"
	}
	return m.Product() + "/" + m.MetricType()
}

func (m Metric) row() *encode.MetricRow {
	return encode.RowOf(uint32(m))
}
