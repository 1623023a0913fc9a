package ekausage

// A Producer takes the place of Kafka; see WithProducer.
//
// Produce takes an event at once or not at all, and may be called by many goroutines. ErrBufferFull
// says that it can take no more at the moment: the client offers the event again, and refuses
// others until it is taken. With any other error the event has failed, and a client with a spool
// tries it again from disk; what no retry mends is told by an error that wraps the protocol's, such as
// kerr.MessageTooLarge of franz-go. Key and value must not be changed.
//
// Flush waits up to so many milliseconds for what was taken, and returns how many events are still
// on their way. The client calls it every now and then with 0: events count as delivered, oldest
// first, when no Flush counts them any more.
//
// Close is called by Shutdown.
type Producer interface {
	Produce(topic string, key, value []byte) error
	Flush(timeoutMs int) int
	Close()
}

// A ReportingProducer says of each event what became of it, which Flush then need not.
type ReportingProducer interface {
	Producer

	// ProduceReporting is called in place of Produce. Where it returns nil, done is to be called
	// once, from any goroutine: with nil when the event is delivered, otherwise with what prevented
	// it.
	ProduceReporting(topic string, key, value []byte, done func(error)) error
}
