package encode

import (
	"testing"
	"time"
)

func TestUnits(t *testing.T) {
	before := Metrics[1]
	t.Cleanup(func() { Metrics[1] = before })
	Metrics[1].nanoseconds = int64(time.Hour)

	t.Run("a time is rounded half-even to twelve decimals of its unit", func(t *testing.T) {
		for elapsed, want := range map[time.Duration]Decimal{
			9:                                  "0.000000000002", // 2.5
			27:                                 "0.000000000008", // 7.5
			10:                                 "0.000000000003", // 2.78
			8:                                  "0.000000000002", // 2.22
			time.Hour - 1:                      "1.000000000000",
			5*time.Hour + 90*time.Minute:       "6.500000000000",
			0:                                  "0",
			-time.Hour:                         "0",
			time.Duration(1<<63 - 1):           "2562047.788015215502",
			time.Duration(1<<63-1) - time.Hour: "2562046.788015215502",
		} {
			if got := Units(1, elapsed); got != want {
				t.Errorf("%v is %s, want %s", elapsed, got, want)
			}
		}
	})
}
