package ekausage_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage"
	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/ekausagetest"
)

func TestRecord(t *testing.T) {
	t.Run("RecordMetric and RecordUsage write what Record writes", func(t *testing.T) {
		now := time.Date(2026, 1, 31, 9, 30, 0, 123_456_789, time.UTC)
		clock := ekausagetest.NewClock(now)
		client, producer := ekausagetest.New(t, ekausage.WithClock(clock.Now), ekausage.WithHostname("host-1"))
		cost := 0.25
		metadata := map[string]any{"model": "m"}
		for _, err := range []error{
			second(client.Record("w", "comms", "sms", 2, "error", &cost, metadata,
				ekausage.WithEventID("e"), ekausage.WithOccurredAt(now.Add(-time.Hour)))),
			second(client.RecordMetric("w", ekausage.MetricCommsSMS, 2, ekausage.WithStatus("error"), ekausage.WithUnitCost(cost),
				ekausage.WithMetadata(metadata), ekausage.WithEventID("e"), ekausage.WithOccurredAtText("2026-01-31T14:00:00.123456789+05:30"))),
			second(client.RecordUsage(ekausage.Usage{WorkspaceID: "w", Metric: ekausage.MetricCommsSMS, Quantity: ekausage.AmountOf(2), Status: "error",
				UnitCost: ekausage.AmountOf(cost), Metadata: metadata, EventID: "e", OccurredAt: now.Add(-time.Hour)})),
			second(client.RecordUsage(ekausage.Usage{WorkspaceID: "w", Product: "comms", MetricType: "sms", Quantity: ekausage.AmountOf(2), Status: "error",
				UnitCost: ekausage.AmountOf(cost), Metadata: metadata, EventID: "e", OccurredAt: now.Add(-time.Hour)})),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		messages := producer.Messages()
		first := string(messages[0].Value)
		for i, message := range messages {
			want := strings.Replace(first, `"seq":1}`, fmt.Sprintf(`"seq":%d}`, i+1), 1)
			if string(message.Value) != want {
				t.Errorf("got  %s\nwant %s", message.Value, want)
			}
		}
		event := producer.Events()[0]
		if event.OccurredAt != "2026-01-31T08:30:00.123Z" || event.TS != "2026-01-31T09:30:00.123Z" || event.Hostname != "host-1" {
			t.Errorf("%+v", event)
		}
		if *event.UnitCost != "0.25" || event.Quantity != "2" || event.IsBillable != 0 {
			t.Errorf("%+v", event)
		}
	})

	t.Run("arguments are not changed and may be reused at once", func(t *testing.T) {
		client, producer := ekausagetest.New(t)
		metadata := map[string]any{"attempt": 1}
		mustRecord(t, client, 1)
		if _, err := client.Log("w", "api", "api_error", "first", "", metadata); err != nil {
			t.Fatal(err)
		}
		if len(metadata) != 1 {
			t.Errorf("the caller's metadata is now %v", metadata)
		}
		metadata["attempt"] = 2
		if got := producer.Events()[1].Metadata; got != `{"attempt":1,"level":"error","message":"first"}` {
			t.Errorf("got %s", got)
		}
	})

	t.Run("events are numbered and carry the id of their client", func(t *testing.T) {
		client, producer := ekausagetest.New(t, quiet)
		for range 3 {
			_, _ = client.Record("w", "nothing", "api_call", 1, "", nil, nil)
			mustRecord(t, client, 1)
		}
		for i, event := range producer.Events() {
			if event.Seq != uint64(i+1) || event.InstanceID != client.InstanceID() {
				t.Errorf("%+v", event)
			}
		}
	})
}

func TestRecordUsage(t *testing.T) {
	t.Run("an unset quantity is 1, and 0 is 0", func(t *testing.T) {
		client, producer := ekausagetest.New(t)
		for i, quantity := range []ekausage.Amount{{}, ekausage.AmountOf(0)} {
			usage := ekausage.Usage{WorkspaceID: "w", Metric: ekausage.MetricCommsSMS, Quantity: quantity}
			if _, err := client.RecordUsage(usage); err != nil {
				t.Fatal(err)
			}
			if got, want := producer.Events()[i].Quantity, []json.Number{"1", "0"}[i]; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		}
	})

	t.Run("it names the metric once", func(t *testing.T) {
		var errorsReported reported
		client, _ := ekausagetest.New(t, errorsReported.option())
		sms := fmt.Sprintf("invalid metric %d", ekausage.MetricCommsSMS)
		for want, usage := range map[string]ekausage.Usage{
			`invalid metric 0 with product "" and metricType "": expected either Metric, or Product and MetricType`: {},
			sms + ` with product "api" and metricType "": expected either Metric, or Product and MetricType`: {
				Metric: ekausage.MetricCommsSMS, Product: "api",
			},
			sms + ` with product "" and metricType "sms": expected either Metric, or Product and MetricType`: {
				Metric: ekausage.MetricCommsSMS, MetricType: "sms",
			},
			`invalid metric 9999: expected a generated constant, such as those that Metrics() lists`: {Metric: 9999},
		} {
			usage.WorkspaceID = "w"
			_, err := client.RecordUsage(usage)
			if !errors.Is(err, ekausage.CodeProductUnknown) || err.Error() != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
		}
		expectCodes(t, &errorsReported, map[string]int{"product.unknown": 4})
		_, err := client.RecordUsage(ekausage.Usage{WorkspaceID: "w", Product: "api"})
		if !errors.Is(err, ekausage.CodeMetricTypeUnknown) {
			t.Errorf("got %v", err)
		}
	})

	t.Run("it allocates no more than Record", func(t *testing.T) {
		client := newClient(t, ekausage.WithDisabled(true))
		byPosition := testing.AllocsPerRun(10_000, func() {
			cost := 0.25
			_, _ = client.Record("w", "comms", "sms", 2, "", &cost, nil)
		})
		byName := testing.AllocsPerRun(10_000, func() {
			_, _ = client.RecordUsage(ekausage.Usage{
				WorkspaceID: "w", Metric: ekausage.MetricCommsSMS, Quantity: ekausage.AmountOf(2), UnitCost: ekausage.AmountOf(0.25),
			})
		})
		if byName > byPosition {
			t.Errorf("%v allocations, Record %v", byName, byPosition)
		}
	})
}

func second(_ string, err error) error { return err }

func TestLog(t *testing.T) {
	t.Run("an unknown level is accepted as the default level and reported", func(t *testing.T) {
		var errorsReported reported
		client, producer := ekausagetest.New(t, errorsReported.option())
		id, err := client.Log("w", "api", "api_error", "slow", "warn", map[string]any{"level": "mine"})
		if err != nil {
			t.Fatal(err)
		}
		event := producer.Events()[0]
		if event.Metadata != `{"level":"error","message":"slow"}` || event.Status != ekausage.StatusError || event.EventID != id {
			t.Errorf("%+v", event)
		}
		expectCodes(t, &errorsReported, map[string]int{"metadata.degraded": 1})
		if _, err := client.Log("w", "api", "api_error", "slow", ekausage.LogLevelWarning, nil); err != nil || len(errorsReported.ids) != 1 {
			t.Errorf("%v, %v", err, errorsReported.ids)
		}
	})

	t.Run("far too much metadata is cut without being copied", func(t *testing.T) {
		client, producer := ekausagetest.New(t, quiet)
		many := make(map[string]any, 50_000)
		for i := range 50_000 {
			many[time.Duration(i).String()] = nil
		}
		if _, err := client.Log("w", "api", "api_error", "m", "", many); err != nil {
			t.Fatal(err)
		}
		var marker map[string]bool
		if err := json.Unmarshal([]byte(producer.Events()[0].Metadata), &marker); err != nil || len(marker) != 1 {
			t.Errorf("%v, %v", marker, err)
		}
	})
}

func TestNew(t *testing.T) {
	t.Run("an invalid name is rejected", func(t *testing.T) {
		for want, make := range map[string]func() (*ekausage.Client, error){
			`invalid serviceName "": expected a non-blank string of 1 to 256 characters`: func() (*ekausage.Client, error) {
				return ekausage.New("", ekausage.WithProducer(&ekausagetest.Producer{}))
			},
			`invalid hostname "\xff": expected a non-blank string of 1 to 255 characters`: func() (*ekausage.Client, error) {
				return ekausage.New("s", ekausage.WithProducer(&ekausagetest.Producer{}), ekausage.WithHostname("\xff"))
			},
		} {
			if _, err := make(); err == nil || err.Error() != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
		}
	})
}
