package ekausage_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage"
	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/ekausagetest"
	"github.com/eka-care/eka-usage-sdk/sdks/go/internal/devbroker"
)

// logged returns what is logged while a test runs.
func logged(t *testing.T) *bytes.Buffer {
	t.Helper()
	var lines bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&lines, &slog.HandlerOptions{Level: slog.LevelDebug})))
	t.Cleanup(func() { slog.SetDefault(before) })
	return &lines
}

func TestShutdownInTheErrorHandler(t *testing.T) {
	t.Parallel()
	broker := devbroker.Start(t, t.TempDir())
	broker.Fail("INVALID_RECORD", -1)
	for _, mode := range []string{"off", "spill"} {
		var client *ekausage.Client
		returned := make(chan error, 1)
		handler := ekausage.WithOnError(func(error, map[string]any) {
			err := client.Flush(context.Background())
			client.Shutdown()
			returned <- err
		})
		client = newClient(t, spoolIn(mode, filepath.Join(t.TempDir(), "spool")), ekausage.WithKafkaBrokers(broker.Bootstrap), handler)
		started := time.Now()
		mustRecord(t, client, 1)
		if err := <-returned; err == nil {
			t.Error("Flush waited for the event that is being reported")
		}
		if client.Shutdown(); time.Since(started) > 9*time.Second {
			t.Errorf("%s: shutdown took %v", mode, time.Since(started))
		}
		if s := client.Stats(); s.Failed != 1 || s.Queued != 0 {
			t.Errorf("%+v", s)
		}
	}
}

func TestLogger(t *testing.T) {
	t.Parallel()
	var lines bytes.Buffer
	client, _ := ekausagetest.New(t, ekausage.WithLogger(slog.New(slog.NewTextHandler(&lines, nil))))
	_, _ = client.Record("ws-1", "nothing", "api_call", 1, "", nil, nil, ekausage.WithEventID("own"))
	if line := lines.String(); !strings.Contains(line, "code=product.unknown field=product event_id=own") {
		t.Error(line)
	}
}

func TestNilOptions(t *testing.T) {
	t.Parallel()
	client, producer := ekausagetest.New(t, nil)
	if _, err := client.Record("ws-1", "api", "api_call", 1, "", nil, nil, nil); err != nil {
		t.Error(err)
	}
	if _, err := client.RecordMetric("ws-1", ekausage.MetricAPIAPICall, 1, nil, ekausage.WithEventID("own")); err != nil {
		t.Error(err)
	}
	if events := producer.Events(); len(events) != 2 || events[1].EventID != "own" {
		t.Errorf("%+v", events)
	}
}

func TestErrorHandler(t *testing.T) {
	t.Run("without a handler, one line per second is logged for each code", func(t *testing.T) {
		lines := logged(t)
		client, _ := ekausagetest.New(t)
		for range 100 {
			_, _ = client.Record("ws-1", "nothing", "api_call", 1, "", nil, nil)
		}
		_, _ = client.Record("", "api", "api_call", 1, "", nil, nil)
		if count := strings.Count(lines.String(), "\n"); count != 2 {
			t.Errorf("%d lines:\n%s", count, lines)
		}
		client.Shutdown()
		if !strings.Contains(lines.String(), "99 more errors like the last product.unknown were suppressed") {
			t.Errorf("no line counts what was suppressed:\n%s", lines)
		}
	})

	t.Run("a handler that panics does no harm", func(t *testing.T) {
		lines := logged(t)
		client, producer := ekausagetest.New(t, ekausage.WithOnError(func(err error, _ map[string]any) { panic(err) }))
		for range 3 {
			if _, err := client.Record("ws-1", "nothing", "api_call", 1, "", nil, nil); err == nil {
				t.Error("an unknown product is accepted")
			}
		}
		mustRecord(t, client, 1)
		if len(producer.Events()) != 1 {
			t.Error("the event after it is missing")
		}
		if count := strings.Count(lines.String(), "the error handler panicked"); count != 1 {
			t.Errorf("%d lines:\n%s", count, lines)
		}
	})

	t.Run("a handler receives what identifies the event", func(t *testing.T) {
		var errorsReported reported
		client, _ := ekausagetest.New(t, errorsReported.option())
		_, _ = client.Record("ws-1", "api", "api_cal", 1, "ok", nil, nil, ekausage.WithEventID("e-1"))
		want := map[string]any{
			"code": "metric_type.unknown", "reason": "metric_type.unknown", "field": "metric_type",
			"topic": ekausage.UsageTopic, "event_id": "e-1", "workspace_id": "ws-1", "product": "api",
			"metric_type": "api_cal", "status": "ok",
		}
		for name, value := range want {
			if errorsReported.last[name] != value {
				t.Errorf("%s is %v, want %v", name, errorsReported.last[name], value)
			}
		}
		if len(errorsReported.last) != len(want) {
			t.Errorf("the handler received %v", errorsReported.last)
		}
	})
}

func TestDebug(t *testing.T) {
	t.Run("every accepted event is logged", func(t *testing.T) {
		lines := logged(t)
		client, _ := ekausagetest.New(t, ekausage.WithDebug(true))
		ids := mustRecord(t, client, 2)
		for _, id := range ids {
			if !strings.Contains(lines.String(), id) {
				t.Errorf("%s is not logged", id)
			}
		}
	})
}

func TestSecrets(t *testing.T) {
	t.Run("secrets never appear in errors or logs", func(t *testing.T) {
		lines := logged(t)
		const secret = "hush-hush-hush"
		opts := []ekausage.Option{
			ekausage.WithKafkaBrokers(unreachable),
			ekausage.WithSecurityProtocol("SASL_PLAINTEXT"),
			ekausage.WithSASLMechanism("PLAIN"),
			ekausage.WithSASLUsername("alice"),
			ekausage.WithSASLPassword(secret),
		}
		client := newClient(t, append(opts, ekausage.WithDebug(true))...)
		mustRecord(t, client, 1)
		client.ShutdownContext(expired())
		_, err := ekausage.New("test", append(opts, ekausage.WithAcks("0"))...)
		var shown *ekausage.Error
		if !errors.As(err, &shown) {
			t.Fatal(err)
		}
		t.Setenv("EKA_KAFKA_SASL_PASSWORD", " ")
		_, blank := ekausage.New("test", ekausage.WithKafkaBrokers(unreachable))
		for _, text := range []string{lines.String(), err.Error(), client.String(), blank.Error()} {
			if strings.Contains(text, secret) {
				t.Errorf("the secret is shown: %s", text)
			}
		}
		if os.Getenv("EKA_KAFKA_SASL_PASSWORD") == "" || !strings.Contains(blank.Error(), "a secret") {
			t.Errorf("a blank secret: %v", blank)
		}
	})
}
