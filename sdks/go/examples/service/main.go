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

// work is an event, amounts of one piece of work, a session, or a mistake that is taken back.
type work struct {
	Kind        string         `json:"kind"`
	WorkspaceID string         `json:"workspace_id"`
	Product     string         `json:"product"`
	MetricType  string         `json:"metric_type"`
	Quantity    float64        `json:"quantity"`
	Status      string         `json:"status"`
	UnitCost    *float64       `json:"unit_cost"`
	Metadata    map[string]any `json:"metadata"`
	EventID     *string        `json:"event_id"`
	OccurredAt  *string        `json:"occurred_at"`

	Amounts   [][3]any `json:"amounts"` // metric type, quantity, cost
	StartedAt string   `json:"started_at"`
	EndedAt   string   `json:"ended_at"`
	Reason    string   `json:"reason"`
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

// record reports one line. Errors reach the error handler too.
func record(client *ekausage.Client, done *work) {
	metric, _ := ekausage.FindMetric(done.Product, done.MetricType)
	switch done.Kind {
	case "amounts":
		amounts := make([]ekausage.MetricAmount, 0, len(done.Amounts))
		for _, amount := range done.Amounts {
			amounts = append(amounts, ekausage.MetricAmount{
				Product: done.Product, MetricType: amount[0].(string),
				Quantity: ekausage.AmountOf(amount[1].(float64)), Cost: ekausage.AmountOf(amount[2].(float64)),
			})
		}
		_, _ = client.RecordAmounts(done.WorkspaceID, amounts, client.NewEventID())
	case "session":
		session := client.NewEventID()
		_, _ = client.SessionStart(done.WorkspaceID, metric, session, ekausage.WithOccurredAtText(done.StartedAt))
		_, _ = client.SessionEnd(done.WorkspaceID, metric, session, ekausage.WithOccurredAtText(done.EndedAt))
	case "mistake":
		if id, err := client.RecordMetric(done.WorkspaceID, metric, 1); err == nil {
			_, _ = client.Void(done.WorkspaceID, metric, id, done.Reason)
		}
	default:
		recordEvent(client, done)
	}
}

func recordEvent(client *ekausage.Client, done *work) {
	var opts []ekausage.RecordOption
	if done.EventID != nil {
		opts = append(opts, ekausage.WithEventID(*done.EventID))
	}
	if done.OccurredAt != nil {
		opts = append(opts, ekausage.WithOccurredAtText(*done.OccurredAt))
	}
	_, _ = client.Record(done.WorkspaceID, done.Product, done.MetricType, done.Quantity,
		done.Status, done.UnitCost, done.Metadata, opts...)
}
