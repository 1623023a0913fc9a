// Package opentelemetry exposes to OpenTelemetry what clients count: events by outcome, product, metric type
// and status, and the state of their queue and spool. It is a module of its own, so that only its users depend
// on OpenTelemetry:
//
//	client, err := ekausage.New("checkout")
//	opentelemetry.MustRegister(client)
package opentelemetry

import (
	"context"
	"errors"
	"sync"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage"
	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/internal/scrape"
	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/internal/selfmetrics"
)

var registered = struct {
	sync.Mutex
	clients map[metric.MeterProvider]*scrape.Clients
}{clients: map[metric.MeterProvider]*scrape.Clients{}}

// Register makes a provider of meters observe clients, each value as the sum over them, and counts their events
// from now on. If it observes others already, these join them; one that it observes changes nothing. The
// clients are kept, so that no counter falls when one is shut down.
func Register(provider metric.MeterProvider, clients ...*ekausage.Client) error {
	registered.Lock()
	defer registered.Unlock()
	observed := registered.clients[provider]
	if observed == nil {
		observed = &scrape.Clients{}
		if err := observe(provider, observed); err != nil {
			return err
		}
		registered.clients[provider] = observed
	}
	observed.Add(clients...)
	return nil
}

// MustRegister makes the global provider of meters observe clients, as Register does, and panics on an error.
func MustRegister(clients ...*ekausage.Client) {
	if err := Register(otel.GetMeterProvider(), clients...); err != nil {
		panic(err)
	}
}

// observe registers an instrument for each metric, and one callback for all of them.
func observe(provider metric.MeterProvider, clients *scrape.Clients) error {
	meter := provider.Meter(scrape.Scope, metric.WithInstrumentationVersion(ekausage.SDKVersion))
	instruments := map[string]metric.Float64Observable{}
	all := make([]metric.Observable, 0, len(selfmetrics.Metrics))
	var errs []error
	for _, m := range selfmetrics.Metrics {
		instrument, err := instrumentOf(meter, &m)
		instruments[m.Key], all, errs = instrument, append(all, instrument), append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	_, err := meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		for _, sample := range clients.Samples() {
			labels := make([]attribute.KeyValue, len(sample.Labels))
			for i, value := range sample.Labels {
				labels[i] = attribute.String(sample.Metric.Labels[i], value)
			}
			o.ObserveFloat64(instruments[sample.Metric.Key], sample.Value, metric.WithAttributes(labels...))
		}
		return nil
	}, all...)
	return err
}

func instrumentOf(meter metric.Meter, m *selfmetrics.Metric) (metric.Float64Observable, error) {
	unit, help := metric.WithUnit(m.OTelUnit), metric.WithDescription(m.Help)
	if m.IsCounter {
		return meter.Float64ObservableCounter(m.OTelName, unit, help)
	}
	return meter.Float64ObservableGauge(m.OTelName, unit, help)
}
