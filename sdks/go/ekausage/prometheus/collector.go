// Package prometheus exposes to Prometheus what clients count: events by outcome, product, metric type and
// status, and the state of their queue and spool. It is a module of its own, so that only its users depend on
// client_golang:
//
//	client, err := ekausage.New("checkout")
//	prometheus.MustRegister(client)
package prometheus

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage"
	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/internal/scrape"
	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/internal/selfmetrics"
)

// A Collector exposes clients, each value as the sum over them. It keeps them, so that no counter falls when
// a client is shut down.
type Collector struct{ clients scrape.Clients }

// NewCollector returns a collector of clients, whose events are counted from now on. The names of the metrics
// have no prefix or label of their own: a wrapped registerer adds some.
func NewCollector(clients ...*ekausage.Client) *Collector {
	c := &Collector{}
	c.clients.Add(clients...)
	return c
}

// Register registers clients. If the registerer has others already, these join them; one that it has changes
// nothing.
func Register(registerer prometheus.Registerer, clients ...*ekausage.Client) error {
	err := registerer.Register(NewCollector(clients...))
	var already prometheus.AlreadyRegisteredError
	if errors.As(err, &already) {
		if existing, ok := already.ExistingCollector.(*Collector); ok {
			existing.clients.Add(clients...)
			return nil
		}
	}
	return err
}

// MustRegister registers clients with the default registerer, as Register does, and panics on an error.
func MustRegister(clients ...*ekausage.Client) {
	if err := Register(prometheus.DefaultRegisterer, clients...); err != nil {
		panic(err)
	}
}

// descriptions are those of selfmetrics.Metrics, by key.
var descriptions = func() map[string]*prometheus.Desc {
	found := map[string]*prometheus.Desc{}
	for _, metric := range selfmetrics.Metrics {
		found[metric.Key] = prometheus.NewDesc(metric.Name, metric.Help, metric.Labels, nil)
	}
	return found
}()

// Describe sends the descriptions of all metrics.
func (c *Collector) Describe(descs chan<- *prometheus.Desc) {
	for _, desc := range descriptions {
		descs <- desc
	}
}

// Collect sends the values of all metrics.
func (c *Collector) Collect(metrics chan<- prometheus.Metric) {
	for _, sample := range c.clients.Samples() {
		kind := prometheus.GaugeValue
		if sample.Metric.IsCounter {
			kind = prometheus.CounterValue
		}
		desc := descriptions[sample.Metric.Key]
		metrics <- prometheus.MustNewConstMetric(desc, kind, sample.Value, sample.Labels...)
	}
}
