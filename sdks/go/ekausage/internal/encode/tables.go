package encode

import "sync"

// A MetricRow is one metric type of one product in the catalog.
type MetricRow struct {
	Product, MetricType, Title, Description, Owner, Unit, Aggregation string

	quantity *quantityRule
	metadata []metadataKey
	pii      []piiKey
	fields   []fieldRule

	nanoseconds int64 // of one unit; 0 if it is not one of time
}

// piiKey is a metadata key about persons, with what becomes of its value.
type piiKey struct {
	name   string
	action piiAction
}

type piiAction string

const (
	hashPII piiAction = "hash"
	dropPII piiAction = "drop"
)

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

// fieldRule is a row of Fields that a metric type requires, or whose values it limits; allowed holds JSON
// texts, nil allows all.
type fieldRule struct {
	field    int
	required bool
	allowed  []string
}

// A ProductRow is a product of the catalog; its metrics are the rows from First to Last.
type ProductRow struct {
	Name, Title, Owner, Description string
	First, Last                     int
}

// An aliasRow is another name of a metric type.
type aliasRow struct{ name, product, metricType string }

// A removedRow is a metric type that is no longer accepted; hint names what replaces it.
type removedRow struct{ product, metricType, hint string }

// A StatusRow is a status of the catalog.
type StatusRow struct {
	Name        string
	Billable    bool
	Description string
}

// ProductNames lists the products of the catalog.
func ProductNames() []string {
	names := make([]string, len(Products))
	for i := range Products {
		names[i] = Products[i].Name
	}
	return names
}

// MetricTypes lists the metric types of a product; it is nil if the catalog lacks the product.
func MetricTypes(product string) []string {
	for i := range Products {
		if row := &Products[i]; row.Name == product {
			names := make([]string, 0, row.Last-row.First+1)
			for metric := row.First; metric <= row.Last; metric++ {
				names = append(names, Metrics[metric].MetricType)
			}
			return names
		}
	}
	return nil
}

// LookupEventType returns the row of a metric by its event type or alias; 0 if there is none.
func LookupEventType(name string) int { return eventTypes()[name] }

var eventTypes = sync.OnceValue(func() map[string]int {
	rows := make(map[string]int, len(Metrics)+len(aliases))
	for i := 1; i < len(Metrics); i++ {
		rows[Metrics[i].Product+"."+Metrics[i].MetricType] = i
	}
	for _, alias := range aliases {
		rows[alias.name] = LookupMetric(alias.product, alias.metricType)
	}
	return rows
})

// UnitNanoseconds returns how long one unit of a metric type is; 0 if the metric type does not measure time.
func UnitNanoseconds(product, metricType string) int64 {
	return Metrics[LookupMetric(product, metricType)].nanoseconds
}

// removedMetric says what became of a metric type that is no longer accepted; empty for any other.
func removedMetric(product, metricType string) string {
	for _, row := range removed {
		if row.product == product && row.metricType == metricType {
			return row.hint
		}
	}
	return ""
}

// StatusNames lists the statuses of the catalog.
func StatusNames() []string {
	names := make([]string, len(Statuses))
	for i := range Statuses {
		names[i] = Statuses[i].Name
	}
	return names
}

// A FieldRow is a field that an event lacks unless it is given.
type FieldRow struct {
	// Name is its name on the wire.
	Name string

	kind string
	// key is what is before its value, after the fields of every event.
	key string
	// Lengths are in characters, of the items of a list too; maxBytes limits JSON.
	minLength, maxLength, minItems, maxItems, maxBytes int
	minimum, maximum                                   float64
	// maxDigits limits the digits of a number.
	maxDigits int
	// A time is at most this far from now; 0 is any time.
	aheadMs, behindMs int64
	// values are those of an enum.
	values []string
	// excludes names the fields that must not be given with it, requires those that must be, unless
	// whenNotZero is set and it is 0.
	excludes, requires []string
	whenNotZero        bool
	// billed are the values with which events are billed; nil is any.
	billed []string
}
