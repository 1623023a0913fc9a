// Command service reports usage: each line of its standard input is work done for a customer.
//
// EKA_KAFKA_BROKERS is the address of Kafka. When the input ends, one line on standard output reports the
// outcome.
package main

import (
	"encoding/json"
	"errors"
	"io"
	"log"
	"os"
	"sync"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage"
)

type work struct {
	WorkspaceID string         `json:"workspace_id"`
	Product     string         `json:"product"`
	MetricType  string         `json:"metric_type"`
	Quantity    float64        `json:"quantity"`
	Status      string         `json:"status"`
	UnitCost    *float64       `json:"unit_cost"`
	Metadata    map[string]any `json:"metadata"`
	EventID     *string        `json:"event_id"`
	OccurredAt  *string        `json:"occurred_at"`
}

type rejection struct {
	Code string `json:"code"`
	Text string `json:"text"`
}

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(input io.Reader, output io.Writer) error {
	rejected := []rejection{}
	var reporting sync.Mutex // the client's own goroutines report too
	client, err := ekausage.New("go-service", ekausage.WithOnError(func(err error, context map[string]any) {
		reporting.Lock()
		defer reporting.Unlock()
		rejected = append(rejected, rejection{context["code"].(string), err.Error()})
	}))
	if err != nil {
		return err
	}
	defer client.Shutdown()
	lines := json.NewDecoder(input)
	for {
		var done work
		if err := lines.Decode(&done); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
		record(client, &done)
	}
	client.Shutdown()
	stats := client.Stats()
	return json.NewEncoder(output).Encode(map[string]any{
		"accepted": stats.Accepted, "delivered": stats.Delivered, "rejected": rejected,
	})
}

func record(client *ekausage.Client, done *work) {
	var opts []ekausage.RecordOption
	if done.EventID != nil {
		opts = append(opts, ekausage.WithEventID(*done.EventID))
	}
	if done.OccurredAt != nil {
		opts = append(opts, ekausage.WithOccurredAtText(*done.OccurredAt))
	}
	// The error of an event reaches the error handler too.
	_, _ = client.Record(done.WorkspaceID, done.Product, done.MetricType, done.Quantity,
		done.Status, done.UnitCost, done.Metadata, opts...)
}
