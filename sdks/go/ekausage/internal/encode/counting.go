package encode

import (
	"slices"
	"strconv"
)

// Labels returns the names of a call's product, metric type and status; each is empty if the catalog lacks it.
func (c *Call) Labels() (product, metricType, status string) {
	product, metricType = c.Product, c.MetricType
	if c.ByMetric {
		row := &Metrics[0]
		if int(c.Metric) < len(Metrics) {
			row = &Metrics[c.Metric]
		}
		product, metricType = row.Product, row.MetricType
	}
	status = c.Status
	if c.IsVoid {
		status = voidStatus
	}
	return KnownLabels(product, metricType, status)
}

// KnownLabels returns those of the names that are in the catalog, and the default for the empty status.
func KnownLabels(product, metricType, status string) (knownProduct, knownType, knownStatus string) {
	if LookupMetric(product, metricType) != 0 {
		knownProduct, knownType = product, metricType
	} else if slices.ContainsFunc(Products[:], func(row ProductRow) bool { return row.Name == product }) {
		knownProduct = product
	}
	if row := LookupStatus(status); row >= 0 {
		knownStatus = Statuses[row].Name
	} else if status == voidStatus {
		knownStatus = status
	}
	return knownProduct, knownType, knownStatus
}

// Amount returns the quantity as a float64; 0 if no event may have it.
func (c *Call) Amount() float64 {
	if c.ExactQuantity != "" {
		return AmountOf(string(c.ExactQuantity))
	}
	return amountWithin(c.Quantity)
}

// Amount returns the quantity as a float64.
func (c *CheckedCall) Amount() float64 { return AmountOf(string(c.values.quantity)) }

// AmountOf returns the quantity that a text is; 0 if no event may have it.
func AmountOf(text string) float64 {
	number, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0
	}
	return amountWithin(number)
}

func amountWithin(number float64) float64 {
	if quantityMinimum <= number && number <= quantityMaximum {
		return number
	}
	return 0 // NaN, too
}
