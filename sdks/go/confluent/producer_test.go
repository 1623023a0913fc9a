//go:build confluent

package confluent_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/eka-care/eka-usage-sdk/sdks/go/confluent"
	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage"
	"github.com/eka-care/eka-usage-sdk/sdks/go/internal/devbroker"
)

// TestMain removes the embedded broker's program after the tests.
func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	folder, err := os.MkdirTemp("", "eka-usage-tests-")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	devbroker.BuildDir = folder
	return m.Run()
}

func newClient(t *testing.T, brokers string, opts ...ekausage.Option) *ekausage.Client {
	t.Helper()
	properties, err := ekausage.KafkaProperties(ekausage.WithKafkaBrokers(brokers), ekausage.WithAcks("all"))
	if err != nil {
		t.Fatal(err)
	}
	producer, err := confluent.NewProducer(properties)
	if err != nil {
		t.Fatal(err)
	}
	client, err := ekausage.New("test", append(opts, ekausage.WithProducer(producer), ekausage.WithFlushOnSigterm(false))...)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func record(t *testing.T, client *ekausage.Client, times int) {
	t.Helper()
	for range times {
		if _, err := client.Record("ws-1", "api", "api_call", 1, "", nil, nil); err != nil {
			t.Fatal(err)
		}
	}
}

func TestProducer(t *testing.T) {
	t.Run("librdkafka delivers every event", func(t *testing.T) {
		client := newClient(t, devbroker.Start(t, t.TempDir()).Bootstrap)
		record(t, client, 1000)
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := client.Flush(ctx); err != nil {
			t.Fatal(err)
		}
		if stats := client.Stats(); stats.Delivered != 1000 {
			t.Errorf("%+v", stats)
		}
		if lost := client.Shutdown(); lost != 0 {
			t.Errorf("%d events were lost", lost)
		}
	})

	t.Run("shutdown gives up what librdkafka cannot deliver", func(t *testing.T) {
		reported := 0
		client := newClient(t, "127.0.0.1:1", ekausage.WithOnError(func(_ error, context map[string]any) {
			if context["code"] == string(ekausage.CodeShutdownTimeout) {
				reported++
			}
		}))
		record(t, client, 10)
		ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
		defer cancel()
		if lost := client.ShutdownContext(ctx); lost != 10 || reported != 10 {
			t.Errorf("%d events were given up, %d reported", lost, reported)
		}
	})

	t.Run("a permanently rejected event is reported and dead-lettered", func(t *testing.T) {
		for _, code := range []string{"MESSAGE_TOO_LARGE", "INVALID_RECORD"} {
			t.Run(code, func(t *testing.T) {
				broker := devbroker.Start(t, t.TempDir())
				broker.Fail(code, -1)
				expectDeadLetter(t, broker)
			})
		}
	})

	t.Run("an event on disk that is permanently rejected is dead-lettered too", func(t *testing.T) {
		broker := devbroker.Start(t, t.TempDir())
		broker.Fail("UNKNOWN_SERVER_ERROR", 1) // temporary, so that the event is spilled
		broker.Fail("POLICY_VIOLATION", -1)
		expectDeadLetter(t, broker)
	})
}

// expectDeadLetter records an event, and expects it to be dead-lettered.
func expectDeadLetter(t *testing.T, broker *devbroker.Broker) {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "spool")
	reported := make(chan any, 10)
	client := newClient(t, broker.Bootstrap, ekausage.WithSpool("spill"), ekausage.WithSpoolDir(folder),
		ekausage.WithOnError(func(_ error, context map[string]any) { reported <- context["code"] }))
	defer client.Shutdown()
	record(t, client, 1)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := client.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	if code := <-reported; code != string(ekausage.CodeDeliveryFailed) {
		t.Errorf("the error reported is %v", code)
	}
	if stats := client.Stats(); stats.Failed != 1 || stats.DeadLettered != 1 || len(reported) > 0 {
		t.Errorf("%+v", stats)
	}
	if dead, err := filepath.Glob(filepath.Join(folder, "dead-*")); len(dead) != 1 || err != nil {
		t.Errorf("%v %v", dead, err)
	}
}
