package ekausage_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/aws"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage"
	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/ekausagetest"
)

// A service creates one client and keeps it. Here, events stay in memory.
func ExampleNew() {
	producer := &ekausagetest.Producer{}
	client, err := ekausage.New("billing", ekausage.WithProducer(producer))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Shutdown()
	_, err = client.Record("ws-1", "ekascribe", "transcription_minute", 3.5, "ok", nil, map[string]any{"language": "hi"})
	if err != nil {
		fmt.Println(err)
	}
	for _, event := range producer.Events() {
		fmt.Println(event.WorkspaceID, event.MetricType, event.Quantity, event.Metadata)
	}
	// Output: ws-1 transcription_minute 3.5 {"language":"hi"}
}

func ExampleNew_misconfigured() {
	_, err := ekausage.New("billing", ekausage.WithKafkaBrokers("kafka-1:9092"), ekausage.WithCompression("lz5"))
	fmt.Println(err)
	// Output: invalid WithCompression "lz5": expected one of "none", "gzip", "snappy", "lz4", "zstd"
}

// Everything by name, and each but the workspace and the metric with a default.
func ExampleClient_RecordUsage() {
	producer := &ekausagetest.Producer{}
	client, _ := ekausage.New("billing", ekausage.WithProducer(producer))
	defer client.Shutdown()
	id, err := client.RecordUsage(ekausage.Usage{
		WorkspaceID: "ws-1",
		Metric:      ekausage.MetricAgentInputToken,
		Quantity:    ekausage.AmountOf(1830),
		UnitCost:    ekausage.AmountOf(0.000002),
		Metadata:    map[string]any{"model": "m-3"},
		EventID:     "invoice-7/line-3",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	event := producer.Events()[0]
	fmt.Println(id, event.Product, event.MetricType, event.Quantity, *event.UnitCost, event.Metadata)
	// Output: invoice-7/line-3 agent input_token 1830 0.000002 {"model":"m-3"}
}

// The constants name only pairs that exist, and editors complete them.
func ExampleClient_RecordMetric() {
	producer := &ekausagetest.Producer{}
	client, _ := ekausage.New("billing", ekausage.WithProducer(producer))
	defer client.Shutdown()
	_, _ = client.RecordMetric("ws-1", ekausage.MetricAgentInputToken, 1200,
		ekausage.WithUnitCost(0.000002),
		ekausage.WithOccurredAt(time.Now().Add(-time.Minute)),
	)
	fmt.Println(producer.Events()[0].Product, producer.Events()[0].Quantity, *producer.Events()[0].UnitCost)
	// Output: agent 1200 0.000002
}

// An error explains what is wrong. Match its code, not its text.
func ExampleClient_Record_rejected() {
	client, _ := ekausage.New("billing",
		ekausage.WithProducer(&ekausagetest.Producer{}),
		ekausage.WithOnError(func(error, map[string]any) {}),
	)
	defer client.Shutdown()
	_, err := client.Record("ws-1", "api", "api_cal", 1, "", nil, nil)
	fmt.Println(errors.Is(err, ekausage.CodeMetricTypeUnknown))
	fmt.Println(err)
	// Output:
	// true
	// invalid metricType "api_cal" for product "api": did you mean "api_call"?
}

func ExampleClient_Log() {
	producer := &ekausagetest.Producer{}
	client, _ := ekausage.New("billing", ekausage.WithProducer(producer))
	defer client.Shutdown()
	_, _ = client.Log("ws-1", "api", "api_error", "upstream timed out", ekausage.LogLevelWarning, nil)
	fmt.Println(producer.Events()[0].Status, producer.Events()[0].Metadata)
	// Output: error {"level":"warning","message":"upstream timed out"}
}

func ExampleClient_Flush() {
	client, _ := ekausage.New("billing", ekausage.WithProducer(&ekausagetest.Producer{}))
	defer client.Shutdown()
	_, _ = client.RecordMetric("ws-1", ekausage.MetricCommsSMS, 1)
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	fmt.Println(client.Flush(ctx), client.Stats().Delivered)
	// Output: <nil> 1
}

func ExampleWithOnError() {
	client, _ := ekausage.New("billing",
		ekausage.WithProducer(&ekausagetest.Producer{}),
		ekausage.WithOnError(func(err error, context map[string]any) {
			fmt.Println(context["code"], context["workspace_id"], context["metric_type"])
		}),
	)
	defer client.Shutdown()
	_, _ = client.Record("ws-1", "comms", "fax", 1, "", nil, nil)
	// Output: metric_type.unknown ws-1 fax
}

// AWS MSK with IAM: credentials come from the AWS SDK, for each connection.
func ExampleWithKafkaOptions() {
	credentials := func(context.Context) (aws.Auth, error) {
		return aws.Auth{AccessKey: "AKIA…", SecretKey: "…", SessionToken: "…"}, nil
	}
	client, err := ekausage.New("billing-api",
		ekausage.WithKafkaBrokers("b-1.usage.kafka.ap-south-1.amazonaws.com:9098"),
		ekausage.WithSecurityProtocol("SASL_SSL"),
		ekausage.WithKafkaOptions(kgo.SASL(aws.ManagedStreamingIAM(credentials))),
		ekausage.WithSpool("off"),
	)
	fmt.Println(err)
	client.Shutdown()
	// Output: <nil>
}
