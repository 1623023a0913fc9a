package ekausage_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage"
	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/ekausagetest"
)

const minutes = ekausage.MetricEkascribeTranscriptionMinute

var sessionsBegin = time.Date(2026, 1, 31, 9, 30, 0, 0, time.UTC)

// twoClocks are the machine's clock and the one that sessions are measured by.
type twoClocks struct {
	wall      time.Time
	monotonic time.Duration
}

func (c *twoClocks) pass(wall, monotonic time.Duration) {
	c.wall, c.monotonic = c.wall.Add(wall), c.monotonic+monotonic
}

func (c *twoClocks) option() ekausage.Option {
	return ekausage.Options(
		ekausage.WithClock(func() time.Time { return c.wall }),
		ekausage.WithMonotonicClock(func() time.Duration { return c.monotonic }),
	)
}

func TestSession(t *testing.T) {
	t.Run("the quantity is the time in units, rounded half-even, at the start", func(t *testing.T) {
		for elapsed, want := range map[time.Duration]string{
			90 * time.Second:               "1.5",
			time.Second:                    "0.016666666667",
			0:                              "0",
			time.Nanosecond:                "1.7e-11",
			200 * time.Hour:                "12000",
			time.Hour + 59*time.Nanosecond: "60.000000000983",
		} {
			clocks := &twoClocks{wall: sessionsBegin}
			client, producer := ekausagetest.New(t, clocks.option())
			session := client.Session("w", minutes, ekausage.WithMetadata(map[string]any{"k": 1}), ekausage.WithRunID("r"))
			clocks.pass(elapsed, elapsed)
			id, err := session.End()
			if err != nil {
				t.Fatal(err)
			}
			event := producer.Events()[0]
			if event.Quantity.String() != want || event.OccurredAt != "2026-01-31T09:30:00.000Z" || event.EventID != id {
				t.Errorf("%v is %s at %s, want %s", elapsed, event.Quantity, event.OccurredAt, want)
			}
			if event.Metadata != `{"k":1}` || event.RunID != "r" || event.Status != "ok" || event.SessionID != "" {
				t.Errorf("%+v", event)
			}
		}
	})

	t.Run("it is never more than the machine's clock shows, unless that was set back", func(t *testing.T) {
		for _, c := range []struct {
			wall, monotonic time.Duration
			want, at        string
		}{
			{time.Minute, time.Hour, "1", "2026-01-31T09:30:00.000Z"}, // the monotonic clock counts a sleep that nobody was served in
			{time.Hour, time.Minute, "1", "2026-01-31T09:30:00.000Z"},
			{-time.Hour, time.Minute, "1", "2026-01-31T08:30:00.000Z"},
		} {
			clocks := &twoClocks{wall: sessionsBegin}
			client, producer := ekausagetest.New(t, clocks.option())
			session := client.Session("w", minutes)
			clocks.pass(c.wall, c.monotonic)
			if _, err := session.End(); err != nil {
				t.Fatal(err)
			}
			if event := producer.Events()[0]; event.Quantity.String() != c.want || event.OccurredAt != c.at {
				t.Errorf("%v and %v: %s at %s", c.wall, c.monotonic, event.Quantity, event.OccurredAt)
			}
		}
	})

	t.Run("a session that failed or panicked has the status of failures", func(t *testing.T) {
		client, producer := ekausagetest.New(t)
		failed := client.Session("w", minutes)
		failed.Fail()
		_, _ = failed.End()
		func() {
			defer func() {
				if recover() != "broken" {
					t.Error("the panic did not go on")
				}
			}()
			defer client.Session("w", minutes).End()
			panic("broken")
		}()
		for i, event := range producer.Events() {
			if event.Status != "error" || event.IsBillable != 0 {
				t.Errorf("event %d: %+v", i, event)
			}
		}
		if n := len(producer.Events()); n != 2 {
			t.Errorf("%d events", n)
		}
	})

	t.Run("the first end counts", func(t *testing.T) {
		client, producer := ekausagetest.New(t)
		session := client.Session("w", minutes)
		var ends sync.WaitGroup
		for range 8 {
			ends.Go(func() { _, _ = session.End() })
		}
		ends.Wait()
		if id, err := session.End(); id != "" || err != nil || len(producer.Events()) != 1 {
			t.Errorf("%q, %v, %d events", id, err, len(producer.Events()))
		}
	})

	t.Run("what is never ended is reported at Shutdown and not charged", func(t *testing.T) {
		var r reported
		client, producer := ekausagetest.New(t, r.option())
		open := client.Session("w", minutes)
		_, _ = client.Session("w", minutes).End()
		client.Shutdown()
		client.Shutdown()
		expectCodes(t, &r, map[string]int{"session.unfinished": 1})
		if r.last["metric_type"] != "transcription_minute" || len(producer.Events()) != 1 {
			t.Errorf("%v, %d events", r.last, len(producer.Events()))
		}
		if _, err := open.End(); !errors.Is(err, ekausage.ErrClosed) {
			t.Error(err)
		}
	})

	t.Run("a metric that is not one of time is rejected at the start", func(t *testing.T) {
		var r reported
		client, producer := ekausagetest.New(t, r.option())
		session := client.Session("w", ekausage.MetricCommsSMS)
		expectCodes(t, &r, map[string]int{"session.invalid": 1})
		session.Fail()
		if id, err := session.End(); id != "" || !errors.Is(err, ekausage.CodeSessionInvalid) {
			t.Error(id, err)
		}
		_, _ = client.Session("w", 0).End()
		client.Shutdown()
		expectCodes(t, &r, map[string]int{"session.invalid": 1, "product.unknown": 1})
		if len(producer.Events()) > 0 {
			t.Error("an event was recorded")
		}
	})

	t.Run("the start of a session is no older than its first End may be", func(t *testing.T) {
		clocks := &twoClocks{wall: sessionsBegin}
		client, _ := ekausagetest.New(t, clocks.option(), quiet)
		session := client.Session("w", minutes)
		clocks.pass(36*24*time.Hour, 36*24*time.Hour)
		if _, err := session.End(); !errors.Is(err, ekausage.CodeOccurredAtInvalid) {
			t.Error(err)
		}
	})
}

func TestBoundaries(t *testing.T) {
	t.Run("start, beat and end are events of quantity 0 with the session's id", func(t *testing.T) {
		client, producer := ekausagetest.New(t, ekausage.WithClock(func() time.Time { return sessionsBegin }))
		at := sessionsBegin.Add(-time.Hour)
		for _, call := range []func() (string, error){
			func() (string, error) {
				return client.SessionStart("w", minutes, "s-1", ekausage.WithOccurredAtMillis(at.UnixMilli()), ekausage.WithStatus("error"))
			},
			func() (string, error) {
				return client.SessionBeat("w", minutes, "s-1", ekausage.WithOccurredAtText("2026-01-31T09:00:00Z"), ekausage.WithUnitCost(1))
			},
			func() (string, error) {
				return client.SessionEnd("w", minutes, "s-1", ekausage.WithStatus("error"), ekausage.WithVendor("v"), ekausage.WithEventID("e"))
			},
		} {
			if _, err := call(); err != nil {
				t.Fatal(err)
			}
		}
		for i, want := range []struct{ boundary, status, at, vendor string }{
			{"start", "ok", "2026-01-31T08:30:00.000Z", ""},
			{"beat", "ok", "2026-01-31T09:00:00.000Z", ""},
			{"end", "error", "2026-01-31T09:30:00.000Z", "v"},
		} {
			event := producer.Events()[i]
			if event.Boundary != want.boundary || event.SessionID != "s-1" || event.Quantity != "0" || event.UnitCost != nil ||
				event.Status != want.status || event.OccurredAt != want.at || event.Vendor != want.vendor {
				t.Errorf("%+v, want %+v", event, want)
			}
		}
	})

	t.Run("ids and metrics that cannot be a session are rejected", func(t *testing.T) {
		client, producer := ekausagetest.New(t, quiet)
		for code, call := range map[ekausage.ErrorCode]func() (string, error){
			ekausage.CodeSessionIDInvalid:   func() (string, error) { return client.SessionStart("w", minutes, " ") },
			ekausage.CodeSessionInvalid:     func() (string, error) { return client.SessionBeat("w", ekausage.MetricCommsSMS, "s") },
			ekausage.CodeWorkspaceIDInvalid: func() (string, error) { return client.SessionEnd("", minutes, "s") },
			ekausage.CodeProductUnknown:     func() (string, error) { return client.SessionEnd("w", 0, "s") },
		} {
			if _, err := call(); !errors.Is(err, code) {
				t.Errorf("%v, want %s", err, code)
			}
		}
		if len(producer.Events()) > 0 {
			t.Error("an event was recorded")
		}
	})
}

func TestVoid(t *testing.T) {
	t.Run("a void is an event that names the one it takes back", func(t *testing.T) {
		client, producer := ekausagetest.New(t)
		reason := strings.Repeat("ä", 5000)
		id, err := client.Void("w", ekausage.MetricCommsSMS, "e-1", reason)
		if err != nil {
			t.Fatal(err)
		}
		event := producer.Events()[0]
		if event.EventID != id || event.Voids != "e-1" || event.Status != "void" || event.IsBillable != 0 || event.Quantity != "0" {
			t.Errorf("%+v", event)
		}
		if event.Metadata != `{"reason":"`+strings.Repeat("ä", 4096)+`"}` {
			t.Errorf("metadata of %d bytes", len(event.Metadata))
		}
	})

	t.Run("it needs a reason and an id", func(t *testing.T) {
		client, _ := ekausagetest.New(t, quiet)
		for _, reason := range []string{"", " \t\u3000"} {
			_, err := client.Void("w", ekausage.MetricCommsSMS, "e-1", reason)
			var invalid *ekausage.ValidationError
			if !errors.As(err, &invalid) || invalid.Code != ekausage.CodeMetadataRequired || invalid.Field != "reason" {
				t.Errorf("%q: %v", reason, err)
			}
		}
		if _, err := client.Void("w", ekausage.MetricCommsSMS, "", "wrong"); !errors.Is(err, ekausage.CodeVoidsInvalid) {
			t.Error(err)
		}
	})

	t.Run("no other call has its status, and a negative quantity is pointed to it", func(t *testing.T) {
		client, _ := ekausagetest.New(t, quiet)
		for code, call := range map[ekausage.ErrorCode]func() (string, error){
			ekausage.CodeStatusUnknown:   func() (string, error) { return client.Record("w", "comms", "sms", 1, "void", nil, nil) },
			ekausage.CodeQuantityInvalid: func() (string, error) { return client.Record("w", "comms", "sms", -1, "", nil, nil) },
		} {
			if _, err := call(); !errors.Is(err, code) || !strings.Contains(err.Error(), "Void") {
				t.Errorf("%v, want %s", err, code)
			}
		}
	})

	t.Run("NewEventID returns a new id each time", func(t *testing.T) {
		client, _ := ekausagetest.New(t)
		if a, b := client.NewEventID(), client.NewEventID(); len(a) != 36 || a == b {
			t.Error(a, b)
		}
	})
}
