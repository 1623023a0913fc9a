package encode

import (
	"fmt"
	"strings"
	"testing"
)

// manyRows returns rows whose names differ in few places: at the beginning, in the middle, at the end.
func manyRows(count int) []MetricRow {
	rows := []MetricRow{{}}
	for i := range count {
		rows = append(rows, MetricRow{
			Product:    fmt.Sprintf("%dproduct_of_many_names%d", i%3, i/50),
			MetricType: "metric_" + strings.Repeat("x", i%50) + "_type_of_many",
		})
	}
	return rows
}

func TestIndex(t *testing.T) {
	rows := manyRows(10_000)
	large := newIndex(rows)

	t.Run("every metric of a large catalog is found by its names", func(t *testing.T) {
		for number, row := range rows[1:] {
			if found := large.find(rows, row.Product, row.MetricType); found != number+1 {
				t.Fatalf("%v is row %d, want %d", row, found, number+1)
			}
		}
	})

	t.Run("names that the catalog lacks are not found", func(t *testing.T) {
		first := rows[1]
		for _, names := range [][2]string{
			{"", ""},
			{first.Product, ""},
			{"", first.MetricType},
			{first.Product + "x", first.MetricType},
			{first.MetricType, first.Product},
		} {
			if found := large.find(rows, names[0], names[1]); found != 0 {
				t.Errorf("%q is row %d", names, found)
			}
		}
	})

	t.Run("an index of this catalog agrees with its look-up", func(t *testing.T) {
		small := newIndex(Metrics[:])
		for number, row := range Metrics[1:] {
			found := small.find(Metrics[:], row.Product, row.MetricType)
			if found != number+1 || found != LookupMetric(row.Product, row.MetricType) {
				t.Errorf("%v is row %d", row, found)
			}
		}
	})

	t.Run("a look-up compares few rows", func(t *testing.T) {
		longest, compared := 0, 0
		for _, slot := range large.slots {
			if compared++; slot == 0 {
				compared = 0
			}
			longest = max(longest, compared)
		}
		if longest > 50 {
			t.Errorf("%d slots in a row are taken", longest)
		}
	})

	t.Run("a look-up does not allocate", func(t *testing.T) {
		last := rows[len(rows)-1]
		if n := testing.AllocsPerRun(100, func() { large.find(rows, last.Product, last.MetricType) }); n != 0 {
			t.Errorf("it allocates %v times", n)
		}
	})
}

func BenchmarkIndex(b *testing.B) {
	rows := manyRows(10_000)
	large := newIndex(rows)
	number := 0
	for b.Loop() {
		number = number%(len(rows)-1) + 1
		large.find(rows, rows[number].Product, rows[number].MetricType)
	}
}
