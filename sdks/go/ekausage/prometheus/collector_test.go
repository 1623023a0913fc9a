package prometheus_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	client_golang "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage"
	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/ekausagetest"
	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/prometheus"
)

var quiet = ekausage.WithOnError(func(error, map[string]any) {})

// newClient returns a client that a registry exposes.
func newClient(t *testing.T, registry client_golang.Registerer) (*ekausage.Client, *ekausagetest.Producer) {
	t.Helper()
	client, producer := ekausagetest.New(t, quiet)
	if err := prometheus.Register(registry, client); err != nil {
		t.Fatal(err)
	}
	return client, producer
}

func sms(client *ekausage.Client, quantity float64) {
	_, _ = client.RecordUsage(ekausage.Usage{
		WorkspaceID: "w", Metric: ekausage.MetricCommsSMS, Quantity: ekausage.AmountOf(quantity),
	})
}

// expect compares the text of some metrics.
func expect(t *testing.T, registry client_golang.Gatherer, text string, names ...string) {
	t.Helper()
	if err := testutil.GatherAndCompare(registry, strings.NewReader(text), names...); err != nil {
		t.Error(err)
	}
}

func TestRegister(t *testing.T) {
	t.Run("events and amounts have their outcome and names", func(t *testing.T) {
		registry := client_golang.NewPedanticRegistry()
		client, producer := newClient(t, registry)
		sms(client, 0.5)
		sms(client, 2)
		sms(client, -1)
		producer.SetFault(errors.New("refused"))
		_, _ = client.Record("w", "comms", "email", 1, "error", nil, nil)
		_ = client.Flush(t.Context())
		const text = `# HELP eka_usage_amounts_total The sum of their quantities, each in the unit of its metric type. A quantity that no event may have counts as 0.
# TYPE eka_usage_amounts_total counter
eka_usage_amounts_total{metric_type="email",outcome="accepted",product="comms",status="error"} 1
eka_usage_amounts_total{metric_type="email",outcome="failed",product="comms",status="error"} 1
eka_usage_amounts_total{metric_type="sms",outcome="accepted",product="comms",status="ok"} 2.5
eka_usage_amounts_total{metric_type="sms",outcome="rejected",product="comms",status="ok"} 0
# HELP eka_usage_events_total Events of this process, since counting was switched on.
# TYPE eka_usage_events_total counter
eka_usage_events_total{metric_type="email",outcome="accepted",product="comms",status="error"} 1
eka_usage_events_total{metric_type="email",outcome="failed",product="comms",status="error"} 1
eka_usage_events_total{metric_type="sms",outcome="accepted",product="comms",status="ok"} 2
eka_usage_events_total{metric_type="sms",outcome="rejected",product="comms",status="ok"} 1
`
		expect(t, registry, text, "eka_usage_events_total", "eka_usage_amounts_total")
	})

	t.Run("every rejection has a series before there is one", func(t *testing.T) {
		registry := client_golang.NewPedanticRegistry()
		newClient(t, registry)
		codes := 0
		for _, code := range ekausage.ErrorCodes() {
			if code.Outcome() == "rejected" {
				codes++
			}
		}
		if found, err := testutil.GatherAndCount(registry, "eka_usage_rejected_total"); err != nil || found != codes {
			t.Errorf("%d series for %d codes, %v", found, codes, err)
		}
	})

	t.Run("several clients of a registry are summed, each once", func(t *testing.T) {
		registry := client_golang.NewPedanticRegistry()
		first, _ := newClient(t, registry)
		second, _ := newClient(t, registry)
		if err := prometheus.Register(registry, first, second.Bind("w")); err != nil {
			t.Fatal(err)
		}
		for _, client := range []*ekausage.Client{first, second, second.Bind("w")} {
			sms(client, 1)
		}
		const text = `# HELP eka_usage_accepted_total Events that were accepted.
# TYPE eka_usage_accepted_total counter
eka_usage_accepted_total %d
`
		expect(t, registry, fmt.Sprintf(text, 3), "eka_usage_accepted_total")
		first.Shutdown()
		expect(t, registry, fmt.Sprintf(text, 3), "eka_usage_accepted_total")
	})

	t.Run("labels of the registerer tell clients apart", func(t *testing.T) {
		registry := client_golang.NewRegistry()
		for _, name := range []string{"a", "b"} {
			client, _ := newClient(t, client_golang.WrapRegistererWith(client_golang.Labels{"client": name}, registry))
			sms(client, 1)
		}
		if found, err := testutil.GatherAndCount(registry, "eka_usage_accepted_total"); err != nil || found != 2 {
			t.Error(found, err)
		}
	})

	t.Run("another collector with their names is an error", func(t *testing.T) {
		registry := client_golang.NewRegistry()
		registry.MustRegister(client_golang.NewCounter(client_golang.CounterOpts{Name: "eka_usage_accepted_total"}))
		client, _ := ekausagetest.New(t)
		if err := prometheus.Register(registry, client); err == nil {
			t.Error("no error")
		}
	})

	t.Run("names and help are as Prometheus asks for", func(t *testing.T) {
		client, _ := ekausagetest.New(t)
		problems, err := testutil.CollectAndLint(prometheus.NewCollector(client))
		if err != nil || len(problems) > 0 {
			t.Error(problems, err)
		}
	})
}

func ExampleMustRegister() {
	client, err := ekausage.New("checkout", ekausage.WithDisabled(true))
	if err != nil {
		panic(err)
	}
	prometheus.MustRegister(client)
	_, _ = client.RecordMetric("ws-42", ekausage.MetricCommsSMS, 2)
	families, _ := client_golang.DefaultGatherer.Gather()
	for _, family := range families {
		if family.GetName() == "eka_usage_amounts_total" {
			fmt.Println(family.GetMetric()[0].GetCounter().GetValue())
		}
	}
	// Output: 2
}
