//go:build confluent

package confluent_test

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/eka-care/eka-usage-sdk/sdks/go/confluent"
	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage"
)

const devbrokerSource = "../../../infra/devbroker"

func startBroker(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "devbroker")
	build := exec.Command("go", "build", "-o", program, ".")
	build.Dir, build.Stderr = devbrokerSource, os.Stderr
	if err := build.Run(); err != nil {
		t.Fatal(err)
	}
	broker := exec.Command(program)
	output, err := broker.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := broker.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = broker.Process.Kill(); _ = broker.Wait() })
	var ready struct{ Bootstrap string }
	line, err := bufio.NewReader(output).ReadBytes('\n')
	if err != nil || json.Unmarshal(line, &ready) != nil {
		t.Fatalf("the embedded broker did not start: %v", err)
	}
	return ready.Bootstrap
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

func TestLibrdkafkaDeliversEveryEvent(t *testing.T) {
	client := newClient(t, startBroker(t))
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
		t.Errorf("%d were lost", lost)
	}
}

func TestWhatLibrdkafkaCannotDeliverIsGivenUpAtShutdown(t *testing.T) {
	heard := 0
	client := newClient(t, "127.0.0.1:1", ekausage.WithOnError(func(_ error, context map[string]any) {
		if context["code"] == string(ekausage.CodeShutdownTimeout) {
			heard++
		}
	}))
	record(t, client, 10)
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	if lost := client.ShutdownContext(ctx); lost != 10 || heard != 10 {
		t.Errorf("%d were given up, %d heard of", lost, heard)
	}
}
