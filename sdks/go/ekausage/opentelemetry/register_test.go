package opentelemetry_test

import (
	"context"
	"fmt"
	"testing"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	sdk "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage"
	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/ekausagetest"
	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/opentelemetry"
)

// observed returns what a reader collects now, by name.
func observed(t testing.TB, reader sdk.Reader) (map[string]metricdata.Metrics, instrumentation.Scope) {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := reader.Collect(context.Background(), &all); err != nil {
		t.Fatal(err)
	}
	found := map[string]metricdata.Metrics{}
	for _, metrics := range all.ScopeMetrics[0].Metrics {
		found[metrics.Name] = metrics
	}
	return found, all.ScopeMetrics[0].Scope
}

func attributes(outcome string) attribute.Set {
	return attribute.NewSet(attribute.String("outcome", outcome), attribute.String("product", "comms"),
		attribute.String("metric_type", "sms"), attribute.String("status", "ok"))
}

func TestRegister(t *testing.T) {
	reader := sdk.NewManualReader()
	provider := sdk.NewMeterProvider(sdk.WithReader(reader))
	client, _ := ekausagetest.New(t, ekausage.WithOnError(func(error, map[string]any) {}))
	for range 2 {
		if err := opentelemetry.Register(provider, client, client.Bind("w")); err != nil {
			t.Fatal(err)
		}
	}
	for _, quantity := range []float64{0.5, 2, -1} {
		_, _ = client.RecordMetric("w", ekausage.MetricCommsSMS, quantity)
	}
	client.Shutdown()
	found, scope := observed(t, reader)
	if scope.Name != "github.com/eka-care/eka-usage-sdk/sdks/go/ekausage" || scope.Version != ekausage.SDKVersion {
		t.Error(scope)
	}
	expected := metricdata.Metrics{
		Name: "eka_usage.amounts", Unit: "{unit}", Description: found["eka_usage.amounts"].Description,
		Data: metricdata.Sum[float64]{
			Temporality: metricdata.CumulativeTemporality, IsMonotonic: true,
			DataPoints: []metricdata.DataPoint[float64]{
				{Attributes: attributes("accepted"), Value: 2.5}, {Attributes: attributes("rejected"), Value: 0},
			},
		},
	}
	metricdatatest.AssertEqual(t, expected, found["eka_usage.amounts"], metricdatatest.IgnoreTimestamp())
	gauge := metricdata.Metrics{
		Name: "eka_usage.spool_oldest", Unit: "s", Description: found["eka_usage.spool_oldest"].Description,
		Data: metricdata.Gauge[float64]{DataPoints: []metricdata.DataPoint[float64]{{}}},
	}
	metricdatatest.AssertEqual(t, gauge, found["eka_usage.spool_oldest"], metricdatatest.IgnoreTimestamp())
	if found["eka_usage.amounts"].Description == "" {
		t.Error("no description")
	}
}

func TestRegisterSumsClients(t *testing.T) {
	reader := sdk.NewManualReader()
	provider := sdk.NewMeterProvider(sdk.WithReader(reader))
	for range 3 {
		client, _ := ekausagetest.New(t)
		if err := opentelemetry.Register(provider, client); err != nil {
			t.Fatal(err)
		}
		_, _ = client.RecordMetric("w", ekausage.MetricCommsSMS, 1)
	}
	found, _ := observed(t, reader)
	points := found["eka_usage.accepted"].Data.(metricdata.Sum[float64]).DataPoints
	if len(points) != 1 || points[0].Value != 3 {
		t.Error(points)
	}
}

func ExampleMustRegister() {
	reader := sdk.NewManualReader()
	otel.SetMeterProvider(sdk.NewMeterProvider(sdk.WithReader(reader)))
	client, err := ekausage.New("checkout", ekausage.WithDisabled(true))
	if err != nil {
		panic(err)
	}
	opentelemetry.MustRegister(client)
	_, _ = client.RecordMetric("ws-42", ekausage.MetricCommsSMS, 2)
	var all metricdata.ResourceMetrics
	_ = reader.Collect(context.Background(), &all)
	for _, metrics := range all.ScopeMetrics[0].Metrics {
		if metrics.Name == "eka_usage.amounts" {
			fmt.Println(metrics.Data.(metricdata.Sum[float64]).DataPoints[0].Value)
		}
	}
	// Output: 2
}
