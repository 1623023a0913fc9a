package ekausage

import (
	"slices"
	"testing"
)

func TestLookup(t *testing.T) {
	t.Run("every metric is found by its names", func(t *testing.T) {
		metrics := Metrics()
		if len(metrics) == 0 {
			t.Fatal("the catalog has no metrics")
		}
		for _, metric := range metrics {
			found, ok := FindMetric(metric.Product(), metric.MetricType())
			if !ok || found != metric {
				t.Errorf("FindMetric(%q, %q) = %v, %v", metric.Product(), metric.MetricType(), found, ok)
			}
			if found, ok := FindEventType(metric.Product() + "." + metric.MetricType()); !ok || found != metric {
				t.Errorf("FindEventType of %v = %v, %v", metric, found, ok)
			}
			if !IsProduct(metric.Product()) || !IsMetricType(metric.Product(), metric.MetricType()) {
				t.Errorf("%v is none", metric)
			}
		}
	})

	t.Run("names that the catalog lacks are not found", func(t *testing.T) {
		first := Metrics()[0]
		for _, names := range [][2]string{
			{"", ""},
			{first.Product(), ""},
			{first.Product(), first.MetricType() + "x"},
			{first.Product() + "x", first.MetricType()},
			{first.MetricType(), first.Product()},
		} {
			if metric, ok := FindMetric(names[0], names[1]); ok || metric.Valid() {
				t.Errorf("FindMetric(%q, %q) = %v", names[0], names[1], metric)
			}
			if metric, ok := FindEventType(names[0] + "." + names[1]); ok || metric.Valid() {
				t.Errorf("FindEventType(%q) = %v", names[0]+"."+names[1], metric)
			}
			if IsMetricType(names[0], names[1]) {
				t.Errorf("%q has a metric type %q", names[0], names[1])
			}
		}
	})

	t.Run("a metric that is not valid has no names", func(t *testing.T) {
		for _, metric := range []Metric{0, Metric(len(Metrics()) + 1), 1 << 31} {
			if metric.Valid() || metric.Product() != "" || metric.String() != "no metric" {
				t.Errorf("Metric(%d) is %v", uint32(metric), metric)
			}
		}
	})

	t.Run("the metric types of all products are all metrics", func(t *testing.T) {
		var names []string
		for _, product := range Products() {
			for _, metricType := range MetricTypes(product) {
				names = append(names, product+"/"+metricType)
			}
		}
		var want []string
		for _, metric := range Metrics() {
			want = append(want, metric.String())
		}
		if !slices.Equal(names, want) {
			t.Errorf("got %v, want %v", names, want)
		}
		if IsProduct("no product") || MetricTypes("no product") != nil {
			t.Error("a product that the catalog lacks has metric types")
		}
	})

	t.Run("an empty status means the default one", func(t *testing.T) {
		if !slices.Contains(Statuses(), DefaultStatus) {
			t.Errorf("%q is not among %v", DefaultStatus, Statuses())
		}
		if Billable("") != Billable(DefaultStatus) {
			t.Error("an empty status is billed otherwise than the default one")
		}
		if Billable("no status") {
			t.Error("a status that the catalog lacks is billed")
		}
	})

	t.Run("every error code has an outcome and a description", func(t *testing.T) {
		for _, code := range ErrorCodes() {
			if code.Outcome() == "" || code.Description() == "" {
				t.Errorf("%s has no outcome or description", code)
			}
		}
		if ErrorCode("no.code").Outcome() != "" {
			t.Error("a code outside the set has an outcome")
		}
	})

	t.Run("a lookup does not allocate", func(t *testing.T) {
		last := Metrics()[len(Metrics())-1]
		product, metricType := last.Product(), last.MetricType()
		if n := testing.AllocsPerRun(100, func() { _, _ = FindMetric(product, metricType) }); n != 0 {
			t.Errorf("FindMetric allocates %v times", n)
		}
	})
}

func BenchmarkLookup(b *testing.B) {
	last := Metrics()[len(Metrics())-1]
	product, metricType := last.Product(), last.MetricType()
	for b.Loop() {
		FindMetric(product, metricType)
	}
}
