package ekausage

import "github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/internal/encode"

// Products lists the products of the catalog.
func Products() []string { return encode.ProductNames() }

// MetricTypes lists the metric types of a product. It is nil if the catalog lacks the product.
func MetricTypes(product string) []string { return encode.MetricTypes(product) }

// IsProduct reports whether the catalog has a product of that name.
func IsProduct(name string) bool { return MetricTypes(name) != nil }

// IsMetricType reports whether the product has a metric type of that name.
func IsMetricType(product, name string) bool { return encode.LookupMetric(product, name) != 0 }

// Statuses lists the statuses of the catalog.
func Statuses() []string { return encode.StatusNames() }

// Billable reports whether events of a status are charged. An empty status means DefaultStatus.
func Billable(status string) bool {
	row := encode.LookupStatus(status)
	return row >= 0 && encode.Statuses[row].Billable
}

// LogLevels lists the levels of Log, from the least to the most severe.
func LogLevels() []string { return append([]string(nil), encode.LogLevels[:]...) }
