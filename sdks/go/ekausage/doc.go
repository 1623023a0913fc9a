// Package ekausage reports usage to Kafka without blocking its caller.
//
//	client, err := ekausage.New("checkout")
//	…
//	defer client.Shutdown()
//	id, err := client.RecordUsage(ekausage.Usage{
//		WorkspaceID: "ws-42",
//		Metric:      ekausage.MetricAgentInputToken,
//		Quantity:    ekausage.AmountOf(1830),
//	})
//
// Record and RecordMetric take the same by position.
//
// The catalog defines what may be recorded: products, metric types and statuses, as constants and as
// functions that look names up. An accepted event is delivered, or reported to the error handler.
//
// # Reading the source
//
// Start with client.go, and follow Record: internal/encode checks the call and writes it as JSON,
// outbox.go takes a place for it, transport.go, kafka.go and injected.go send it, outcomes.go and
// ledger.go count what became of it, and reporting.go reports errors. spool_wiring.go connects a client
// to its spool in internal/spool. The zz_generated files are generated from schema/.
//
// Not obvious:
//   - An event has its place in the queue, or on disk, before it is numbered, so numbers have no gaps.
//   - Events and ids are carved from larger pieces of memory; a call without metadata allocates 0.15
//     times on average.
//   - franz-go fails all records of a partition when one of them has run out of attempts or time. Those
//     whose own time is not over are produced again.
package ekausage
