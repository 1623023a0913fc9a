package ekausage_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage"
	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/ekausagetest"
)

// counted returns the counts as lines without the zeros.
func counted(client *ekausage.Client) []string {
	var lines []string
	for _, c := range client.EventCounts() {
		lines = append(lines, fmt.Sprintf("%s %s/%s %s %d %g", c.Outcome, c.Product, c.MetricType, c.Status, c.Events, c.Amount))
	}
	return lines
}

func checkCounts(t *testing.T, client *ekausage.Client, expected ...string) {
	t.Helper()
	if found := counted(client); !slices.Equal(found, expected) {
		t.Errorf("counted\n%s\nexpected\n%s", strings.Join(found, "\n"), strings.Join(expected, "\n"))
	}
}

func TestEventCounts(t *testing.T) {
	quiet := ekausage.WithOnError(func(error, map[string]any) {})
	sms := func(quantity float64) ekausage.Usage {
		return ekausage.Usage{WorkspaceID: "w", Metric: ekausage.MetricCommsSMS, Quantity: ekausage.AmountOf(quantity)}
	}

	t.Run("nothing is counted before they are asked for", func(t *testing.T) {
		client, _ := ekausagetest.New(t)
		_, _ = client.RecordUsage(sms(1))
		checkCounts(t, client)
		client.CountEvents()
		client.CountEvents()
		checkCounts(t, client)
		_, _ = client.RecordUsage(sms(2.5))
		checkCounts(t, client, "accepted comms/sms ok 1 2.5")
	})

	t.Run("each call counts its events, with the quantity that they have", func(t *testing.T) {
		client, _ := ekausagetest.New(t, quiet)
		client.CountEvents()
		_, _ = client.Record("w", "comms", "sms", 2, "error", nil, nil)
		_, _ = client.RecordMetric("w", ekausage.MetricCommsSMS, 1, ekausage.WithServiceName("other"))
		exact, _ := ekausage.ParseDecimal("0.25")
		_, _ = client.RecordUsage(ekausage.Usage{WorkspaceID: "w", Metric: ekausage.MetricCommsSMS, Quantity: ekausage.Exactly(exact)})
		_, _ = client.RecordMany([]ekausage.Usage{sms(3), sms(4)})
		_, _ = client.RecordAmounts("w", []ekausage.MetricAmount{
			{Metric: ekausage.MetricCommsSMS, Quantity: ekausage.AmountOf(0)}, {Metric: ekausage.MetricCommsEmail},
		}, "e")
		_, _ = client.Log("w", "comms", "sms", "refused", "", nil)
		_, _ = client.Bind("w").RecordUsage(ekausage.Usage{Metric: ekausage.MetricCommsSMS, Quantity: ekausage.AmountOf(5)})
		_, _ = client.Void("w", ekausage.MetricCommsSMS, "e", "a mistake")
		minutes := ekausage.MetricEkascribeTranscriptionMinute
		_, _ = client.SessionStart("w", minutes, "s")
		_, _ = client.SessionEnd("w", minutes, "s")
		checkCounts(t, client,
			"accepted comms/email ok 1 1",
			"accepted comms/sms error 2 3",
			"accepted comms/sms ok 5 13.25",
			"accepted comms/sms void 1 0",
			"accepted ekascribe/transcription_minute ok 2 0",
		)
	})

	t.Run("rejected events have no names or quantities that the catalog lacks", func(t *testing.T) {
		client, _ := ekausagetest.New(t, quiet)
		client.CountEvents()
		for _, call := range [][4]any{
			{"comms", "sms", -1.0, ""}, {"comms", "sms", 2.0, "lost"}, {"comms", "fax", 3.0, ""}, {"c\x00", "sms", 1e300, ""},
		} {
			_, _ = client.Record("w", call[0].(string), call[1].(string), call[2].(float64), call[3].(string), nil, nil)
		}
		_, _ = client.Void("w", ekausage.MetricCommsSMS, "e", " ")
		_ = client.Session("w", ekausage.MetricCommsSMS)
		checkCounts(t, client,
			"rejected _OTHER/_OTHER ok 1 0",
			"rejected comms/_OTHER ok 1 3",
			"rejected comms/sms _OTHER 1 2",
			"rejected comms/sms ok 2 0",
			"rejected comms/sms void 1 0",
		)
	})

	t.Run("each event of a batch that is rejected counts with its own names", func(t *testing.T) {
		client, _ := ekausagetest.New(t, quiet)
		client.CountEvents()
		_, _ = client.RecordMany([]ekausage.Usage{sms(1), sms(-1), {WorkspaceID: "w", Metric: ekausage.MetricCommsEmail}})
		_, _ = client.RecordAmounts("w", []ekausage.MetricAmount{
			{Metric: ekausage.MetricCommsSMS, Quantity: ekausage.AmountOf(0)}, {Metric: ekausage.MetricCommsEmail, Quantity: ekausage.AmountOf(8)},
		}, " ")
		client.Shutdown()
		_, _ = client.RecordMany([]ekausage.Usage{sms(16)})
		checkCounts(t, client, "rejected comms/email ok 2 9", "rejected comms/sms ok 4 17")
		stats, sum := client.Stats(), int64(0)
		for _, events := range stats.Rejected {
			sum += events
		}
		if sum != 6 {
			t.Error(stats.Rejected)
		}
	})

	t.Run("an event that fails counts as accepted and as failed, also after Shutdown", func(t *testing.T) {
		client, producer := ekausagetest.New(t, quiet)
		client.CountEvents()
		producer.SetFault(errors.New("refused"))
		_, _ = client.RecordUsage(sms(1.5))
		_ = client.Flush(t.Context())
		client.Shutdown()
		checkCounts(t, client, "accepted comms/sms ok 1 1.5", "failed comms/sms ok 1 1.5")
	})

	t.Run("after ResetAfterRestore they begin anew", func(t *testing.T) {
		client, _ := ekausagetest.New(t)
		client.CountEvents()
		_, _ = client.RecordUsage(sms(1))
		if _, err := client.ResetAfterRestore(context.Background()); err != nil {
			t.Fatal(err)
		}
		_, _ = client.RecordUsage(sms(2))
		checkCounts(t, client, "accepted comms/sms ok 1 2")
	})

	t.Run("a disabled client counts alike", func(t *testing.T) {
		client, err := ekausage.New("s", ekausage.WithDisabled(true))
		if err != nil {
			t.Fatal(err)
		}
		client.CountEvents()
		_, _ = client.RecordUsage(sms(1))
		checkCounts(t, client, "accepted comms/sms ok 1 1")
	})

	t.Run("goroutines count together", func(t *testing.T) {
		client, _ := ekausagetest.New(t)
		client.CountEvents()
		var running sync.WaitGroup
		for range 8 {
			running.Go(func() {
				for range 500 {
					_, _ = client.RecordUsage(sms(0.5))
				}
			})
		}
		running.Wait()
		checkCounts(t, client, "accepted comms/sms ok 4000 2000")
	})

	t.Run("counting allocates nothing", func(t *testing.T) {
		client, err := ekausage.New("s", ekausage.WithDisabled(true))
		if err != nil {
			t.Fatal(err)
		}
		record := func() { _, _ = client.RecordMetric("w", ekausage.MetricCommsSMS, 2.5) }
		record()
		before := testing.AllocsPerRun(200, record)
		client.CountEvents()
		if after := testing.AllocsPerRun(200, record); after > before {
			t.Errorf("%g allocations, %g without", after, before)
		}
	})
}

// BenchmarkCounting measures what counting takes of an event, alone in a loop.
func BenchmarkCounting(b *testing.B) {
	b.ReportAllocs()
	count := ekausage.Counting(ekausage.MetricCommsSMS)
	for b.Loop() {
		count(2.5)
	}
}

// BenchmarkRecordCounting measures a call of a disabled client without and with counting.
func BenchmarkRecordCounting(b *testing.B) {
	for _, on := range []bool{false, true} {
		b.Run(fmt.Sprintf("on=%t", on), func(b *testing.B) {
			client, err := ekausage.New("s", ekausage.WithDisabled(true))
			if err != nil {
				b.Fatal(err)
			}
			if on {
				client.CountEvents()
			}
			b.ReportAllocs()
			for b.Loop() {
				_, _ = client.RecordMetric("w", ekausage.MetricCommsSMS, 2.5)
			}
		})
	}
}
