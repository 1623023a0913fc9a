// Package ekausage reports usage to Kafka without making its caller wait.
//
//	client, err := ekausage.New("checkout")
//	…
//	defer client.Shutdown()
//	id, err := client.Record("ws-42", "api", "api_call", 1, "", nil, nil)
//
// What may be recorded is the catalog: products, metric types and statuses, each with constants, and
// tables to look names up in. What was accepted is delivered, or the error handler hears of it.
//
// # Reading the source
//
// client.go is what callers see, event.go how a call becomes JSON, outbox.go what bounds the queue,
// kafka.go and injected.go how events leave, outcomes.go what becomes of them; spooling.go is what
// the spool in internal/spool sees of a client, and carriers.go how events leave the disk. The
// zz_generated files are tables made from schema/.
//
// What is not obvious:
//   - A place in the queue, or on disk, is there before an event is numbered, so numbers have no gaps.
//   - Events and ids are carved from larger pieces of memory; a call without metadata allocates
//     about a tenth of a time.
//   - franz-go fails all records of a partition when one of them has run out of tries or time; those
//     whose own time is not over are handed in again.
package ekausage
