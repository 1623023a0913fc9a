package ekausage

// Products lists the catalog's products.
func Products() []string {
	names := make([]string, len(productTable))
	for i := range productTable {
		names[i] = productTable[i].name
	}
	return names
}

// MetricTypes lists the metric types of a product; it is nil where the catalog lacks the product.
func MetricTypes(product string) []string {
	for i := range productTable {
		if row := &productTable[i]; row.name == product {
			names := make([]string, 0, row.last-row.first+1)
			for metric := row.first; metric <= row.last; metric++ {
				names = append(names, metric.MetricType())
			}
			return names
		}
	}
	return nil
}

// IsProduct reports whether the catalog has a product of that name.
func IsProduct(name string) bool { return MetricTypes(name) != nil }

// IsMetricType reports whether the product has a metric type of that name.
func IsMetricType(product, name string) bool { return lookup(product, name) != 0 }

// Statuses lists the catalog's statuses.
func Statuses() []string {
	names := make([]string, len(statusTable))
	for i := range statusTable {
		names[i] = statusTable[i].name
	}
	return names
}

// Billable reports whether events of a status are charged; an empty status means DefaultStatus.
func Billable(status string) bool {
	row := lookupStatus(status)
	return row >= 0 && statusTable[row].billable
}

// LogLevels lists the levels of Log, from the least to the most severe.
func LogLevels() []string { return append([]string(nil), logLevels[:]...) }

// productRow has its metrics from first to last.
type productRow struct {
	name, title, owner, description string
	first, last                     Metric
}

type statusRow struct {
	name        string
	billable    bool
	description string
}
