package ekausage_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage"
	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/ekausagetest"
)

func TestRecord(t *testing.T) {
	t.Run("RecordMetric writes what Record writes", func(t *testing.T) {
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
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		messages := producer.Messages()
		one, two := string(messages[0].Value), string(messages[1].Value)
		if strings.Replace(one, `"seq":1}`, `"seq":2}`, 1) != two {
			t.Errorf("%s\n%s", one, two)
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
