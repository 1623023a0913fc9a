// Package wrong does not compile. The comment of a line is its error.
package wrong

import "github.com/eka-care/eka-usage-sdk/sdks/go/ekausage"

func calls(client *ekausage.Client) {
	client.RecordMetric("ws-1", ekausage.MetricAPISMS, 1)                          // undefined: ekausage.MetricAPISMS
	client.RecordMetric("ws-1", "api_call", 1)                                     // cannot use "api_call" (untyped string constant) as ekausage.Metric value
	client.RecordMetric("ws-1", ekausage.StatusOK, 1)                              // cannot use ekausage.StatusOK (untyped string constant "ok") as ekausage.Metric value
	client.RecordMetric("ws-1", ekausage.MetricCommsSMS, "1")                      // cannot use "1" (untyped string constant) as float64 value
	client.RecordMetric(1, ekausage.MetricCommsSMS, 1)                             // cannot use 1 (untyped int constant) as string value
	client.RecordUsage(ekausage.Usage{WorkspaceID: "ws-1", Metric: "api_call"})    // cannot use "api_call" (untyped string constant) as ekausage.Metric value
	client.RecordUsage(ekausage.Usage{WorkspaceID: "ws-1", Quantity: 1830})        // cannot use 1830 (untyped int constant) as ekausage.Amount value
	client.Record("ws-1", "api", ekausage.MetricAPIAPICall, 1)                     // not enough arguments
	ekausage.New("service", ekausage.WithEventID("e-1"))                           // as ekausage.Option value
	client.RecordMetric("w", ekausage.MetricCommsSMS, 1, ekausage.WithAcks("all")) // as ekausage.RecordOption value
}
