package ekausage

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

func TestKafkaLog(t *testing.T) {
	var line bytes.Buffer
	hide := func(text string) string { return strings.ReplaceAll(text, hush, "***") }
	log := &kafkaLog{&limitedLog{logger: slog.New(slog.NewJSONHandler(&line, nil))}, hide}
	log.Log(kgo.LogLevelWarn, "unable to open connection", "broker", "seed_0", "port", int32(9092), "err", errors.New("not "+hush))

	var logged map[string]any
	if err := json.Unmarshal(line.Bytes(), &logged); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{
		"msg": "ekausage: kafka: unable to open connection", "level": "WARN",
		"broker": "seed_0", "port": float64(9092), "err": "not ***",
	} {
		if logged[name] != want {
			t.Errorf("%s is %v, want %v", name, logged[name], want)
		}
	}
}

func TestDebugLogsIdsAndNoMetadata(t *testing.T) {
	var lines bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&lines, &slog.HandlerOptions{Level: slog.LevelDebug}))
	client, err := New("test", WithProducer(nothing{}), WithLogger(logger), WithDebug(true))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Shutdown()
	id, err := client.RecordMetric("ws-1", MetricAPIAPICall, 1, WithMetadata(map[string]any{"patient": "Jane Doe"}))
	if err != nil {
		t.Fatal(err)
	}
	want := "event_id=" + id + " workspace_id=ws-1 product=api metric_type=api_call status=ok"
	if shown := lines.String(); !strings.Contains(shown, want) || strings.Contains(shown, "Jane") {
		t.Error(shown)
	}
}

type nothing struct{}

func (nothing) Produce(string, []byte, []byte) error { return nil }
func (nothing) Flush(int) int                        { return 0 }
func (nothing) Close()                               {}
