package ekausage_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage"
	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/ekausagetest"
)

// none are the clients that New has not returned.
func none() map[string]*ekausage.Client {
	return map[string]*ekausage.Client{"nil": nil, "zero": {}, "bound": (*ekausage.Client)(nil).Bind("ws-1")}
}

func TestAClientThatNewDidNotReturnRejectsEachCallAndDoesNotPanic(t *testing.T) {
	metric, timed := ekausage.MetricAPIAPICall, ekausage.MetricEkascribeTranscriptionMinute
	for name, client := range none() {
		t.Run(name, func(t *testing.T) {
			calls := map[string]func() error{
				"Record": func() error {
					_, err := client.Record("ws-1", "api", "api_call", 1, "", nil, nil)
					return err
				},
				"RecordMetric": func() error { _, err := client.RecordMetric("ws-1", metric, 1); return err },
				"RecordUsage":  func() error { _, err := client.RecordUsage(ekausage.Usage{}); return err },
				"RecordMany":   func() error { _, err := client.RecordMany([]ekausage.Usage{{}}); return err },
				"RecordAmounts": func() error {
					_, err := client.RecordAmounts("ws-1", []ekausage.MetricAmount{{}}, "id")
					return err
				},
				"Log": func() error {
					_, err := client.Log("ws-1", "api", "api_call", "message", "", nil)
					return err
				},
				"Void":         func() error { _, err := client.Void("ws-1", metric, "id", "reason"); return err },
				"SessionStart": func() error { _, err := client.SessionStart("ws-1", timed, "id"); return err },
				"Session": func() error {
					_, err := client.Session("ws-1", timed).End()
					return err
				},
				"Flush":             func() error { return client.Flush(context.Background()) },
				"ResetAfterRestore": func() error { _, err := client.ResetAfterRestore(context.Background()); return err },
			}
			for name, call := range calls {
				var known *ekausage.Error
				if err := call(); !errors.As(err, &known) || known.Code != ekausage.CodeConfigInvalid {
					t.Errorf("%s returned %v", name, err)
				}
			}
			if client.Shutdown() != 0 || client.Stats().Accepted != 0 || client.InstanceID() == "" || client.NewEventID() == "" {
				t.Error("a call without an error has a result that it cannot have")
			}
			if client.String() == "" || client.CountEvents() == nil {
				t.Error("String or CountEvents")
			}
		})
	}
}

func TestAHookThatPanicsIsReplacedByTheSDKsOwn(t *testing.T) {
	var log bytes.Buffer
	client, _ := ekausagetest.New(t,
		ekausage.WithLogger(slog.New(slog.NewTextHandler(&log, nil))),
		ekausage.WithClock(func() time.Time { panic("clock") }),
		ekausage.WithMonotonicClock(func() time.Duration { panic("monotonic") }),
		ekausage.WithNewID(func() string { panic("ids") }),
	)
	id, err := client.RecordMetric("ws-1", ekausage.MetricAPIAPICall, 1)
	if err != nil || id == "" || id == client.NewEventID() {
		t.Errorf("id %q, error %v", id, err)
	}
	if _, err := client.Session("ws-1", ekausage.MetricEkascribeTranscriptionMinute).End(); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"the clock panicked: clock", "the monotonic clock panicked", "the source of ids panicked"} {
		if strings.Count(log.String(), name) != 1 {
			t.Errorf("%q is not logged once:\n%s", name, log.String())
		}
	}
}

func TestAClockWhoseYearNoEventCanHaveIsReplaced(t *testing.T) {
	client, _ := ekausagetest.New(t, ekausage.WithClock(func() time.Time { return time.Unix(1<<60, 0) }))
	if _, err := client.RecordMetric("ws-1", ekausage.MetricAPIAPICall, 1); err != nil {
		t.Error(err)
	}
}
