package ekausage

// A Metric is one metric type of one product. Its values are the generated constants, such as those
// named Metric followed by product and metric type; the zero Metric is none.
type Metric uint32

// FindMetric finds the metric of a product and a metric type as the catalog writes them. It reports
// false where the catalog has no such pair.
func FindMetric(product, metricType string) (Metric, bool) {
	metric := lookup(product, metricType)
	return metric, metric != 0
}

// Metrics lists every metric, in the order of the catalog.
func Metrics() []Metric {
	metrics := make([]Metric, len(metricTable)-1)
	for i := range metrics {
		metrics[i] = Metric(i + 1)
	}
	return metrics
}

// Valid reports whether the catalog has the metric.
func (m Metric) Valid() bool { return m != 0 && int(m) < len(metricTable) }

// Product is the product's name, empty for a metric that is not valid.
func (m Metric) Product() string { return m.row().product }

// MetricType is the metric type's name within its product.
func (m Metric) MetricType() string { return m.row().metricType }

// Title is the metric type's name for people.
func (m Metric) Title() string { return m.row().title }

// Description says what the metric type counts.
func (m Metric) Description() string { return m.row().description }

// Owner is the team that answers for the metric type.
func (m Metric) Owner() string { return m.row().owner }

// Unit is what a quantity of one means.
func (m Metric) Unit() string { return m.row().unit }

// Aggregation is how quantities become a total: sum, count, max or last.
func (m Metric) Aggregation() string { return m.row().aggregation }

// String is the product and the metric type, joined by a slash.
func (m Metric) String() string {
	if !m.Valid() {
		return "no metric"
	}
	return m.Product() + "/" + m.MetricType()
}

func (m Metric) row() *metricRow {
	if !m.Valid() {
		return &metricTable[0]
	}
	return &metricTable[m]
}

type metricRow struct {
	product, metricType, title, description, owner, unit, aggregation string
	quantity                                                          *quantityRule
	metadata                                                          []metadataKey
}

// quantityRule bounds a quantity more narrowly than the event does.
type quantityRule struct {
	integer          bool
	minimum, maximum float64
}

// metadataKey is a key that a metric type declares; allowed holds JSON texts, nil allows all.
type metadataKey struct {
	name     string
	required bool
	kind     string
	allowed  []string
}
