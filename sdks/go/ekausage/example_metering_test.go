package ekausage_test

import (
	"fmt"
	"time"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage"
	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/ekausagetest"
)

// All events of a batch are accepted, or none of them; the error names the first that is not valid.
func ExampleClient_RecordMany() {
	producer := &ekausagetest.Producer{}
	client, _ := ekausage.New("billing", ekausage.WithProducer(producer))
	defer client.Shutdown()
	events := []ekausage.Usage{
		{WorkspaceID: "ws-1", Metric: ekausage.MetricCommsSMS, Quantity: ekausage.AmountOf(2)},
		{WorkspaceID: "ws-2", Metric: ekausage.MetricCommsEmail, Quantity: ekausage.AmountOf(-5)},
	}
	ids, err := client.RecordMany(events)
	fmt.Println(len(ids), err)
	events[1].Quantity = ekausage.AmountOf(5)
	ids, err = client.RecordMany(events)
	fmt.Println(len(ids), err, producer.Events()[1].Seq)
	// Output:
	// 0 event 2 of 2: invalid quantity -5: expected a finite number from 0 to 1000000000000000000; to take an event back, use Void
	// 2 <nil> 2
}

// One answer of a language model, with what its provider charged for each part. It counts once, however often
// the call is repeated.
func ExampleClient_RecordAmounts() {
	producer := &ekausagetest.Producer{}
	client, _ := ekausage.New("agent", ekausage.WithProducer(producer))
	defer client.Shutdown()
	_, err := client.RecordAmounts("ws-1", []ekausage.MetricAmount{
		{Metric: ekausage.MetricAgentInputToken, Quantity: ekausage.AmountOf(1830), Cost: ekausage.AmountOf(0.00366)},
		{Metric: ekausage.MetricAgentOutputToken, Quantity: ekausage.AmountOf(212), Cost: ekausage.AmountOf(0.00212)},
		{Metric: ekausage.MetricAgentToolCall, Quantity: ekausage.AmountOf(0)}, // none: no event
	}, "answer-7", ekausage.WithModel("m-3"))
	fmt.Println(err)
	for _, event := range producer.Events() {
		fmt.Println(event.EventID, event.MetricType, event.Quantity, event.Cost, event.Model)
	}
	// Output:
	// <nil>
	// answer-7 input_token 1830 0.00366 m-3
	// answer-7 output_token 212 0.00212 m-3
}

func ExampleExactly() {
	producer := &ekausagetest.Producer{}
	client, _ := ekausage.New("billing", ekausage.WithProducer(producer))
	defer client.Shutdown()
	price, err := ekausage.ParseDecimal("0.12345678901234567890123456789012345678")
	if err != nil {
		fmt.Println(err)
		return
	}
	_, _ = client.RecordUsage(ekausage.Usage{
		WorkspaceID: "ws-1", Metric: ekausage.MetricCommsSMS, UnitCost: ekausage.Exactly(price),
	})
	fmt.Println(*producer.Events()[0].UnitCost)
	// Output: 0.12345678901234567890123456789012345678
}

// The clock runs until the function returns. A panic, or Fail, makes the status that of failures.
func ExampleClient_Session() {
	clock := ekausagetest.NewClock(time.Date(2026, 1, 31, 9, 30, 0, 0, time.UTC))
	elapsed := time.Duration(0)
	producer := &ekausagetest.Producer{}
	client, _ := ekausage.New("scribe", ekausage.WithProducer(producer), ekausage.WithClock(clock.Now),
		ekausage.WithMonotonicClock(func() time.Duration { return elapsed }))
	defer client.Shutdown()
	func() {
		session := client.Session("ws-1", ekausage.MetricEkascribeTranscriptionMinute)
		defer session.End()
		elapsed += 90 * time.Second // the work
	}()
	fmt.Println(producer.Events()[0].Quantity, producer.Events()[0].Status)
	// Output: 1.5 ok
}

// The processes of a session share its id only. The store pairs the boundaries.
func ExampleClient_SessionStart() {
	producer := &ekausagetest.Producer{}
	client, _ := ekausage.New("scribe", ekausage.WithProducer(producer))
	defer client.Shutdown()
	metric := ekausage.MetricEkascribeTranscriptionMinute
	_, _ = client.SessionStart("ws-1", metric, "visit-12")
	_, _ = client.SessionBeat("ws-1", metric, "visit-12")
	_, _ = client.SessionEnd("ws-1", metric, "visit-12", ekausage.WithStatus(ekausage.StatusOK))
	for _, event := range producer.Events() {
		fmt.Println(event.SessionID, event.Boundary, event.Quantity)
	}
	// Output:
	// visit-12 start 0
	// visit-12 beat 0
	// visit-12 end 0
}

func ExampleClient_Void() {
	producer := &ekausagetest.Producer{}
	client, _ := ekausage.New("billing", ekausage.WithProducer(producer))
	defer client.Shutdown()
	id, _ := client.RecordMetric("ws-1", ekausage.MetricCommsSMS, 1200, ekausage.WithEventID("campaign-9"))
	_, err := client.Void("ws-1", ekausage.MetricCommsSMS, id, "the carrier refunded the campaign")
	event := producer.Events()[1]
	fmt.Println(err, event.Status, event.Voids, event.Metadata)
	// Output: <nil> void campaign-9 {"reason":"the carrier refunded the campaign"}
}

// A request has a client with what all of its events have in common.
func ExampleClient_Bind() {
	producer := &ekausagetest.Producer{}
	client, _ := ekausage.New("gateway", ekausage.WithProducer(producer))
	defer client.Shutdown()
	request := client.Bind("ws-1", ekausage.WithServiceName("search"), ekausage.WithRunID("run-3"))
	_, _ = request.RecordUsage(ekausage.Usage{Metric: ekausage.MetricAPIAPICall})
	event := producer.Events()[0]
	fmt.Println(event.WorkspaceID, event.ServiceName, event.RunID)
	// Output: ws-1 search run-3
}

// Nothing personal leaves the process, whoever records it.
func ExampleWithBeforeSend() {
	producer := &ekausagetest.Producer{}
	client, _ := ekausage.New("gateway", ekausage.WithProducer(producer),
		ekausage.WithBeforeSend(func(metadata map[string]any) map[string]any {
			delete(metadata, "phone")
			return metadata
		}))
	defer client.Shutdown()
	_, _ = client.RecordUsage(ekausage.Usage{
		WorkspaceID: "ws-1", Metric: ekausage.MetricCommsSMS, Metadata: map[string]any{"phone": "+91…", "template": "otp"},
	})
	fmt.Println(producer.Events()[0].Metadata)
	// Output: {"template":"otp"}
}
