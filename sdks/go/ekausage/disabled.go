package ekausage

import "context"

// disabledTransport discards events, which count as delivered. It closes the caller's own producer, as
// Shutdown does.
type disabledTransport struct {
	producer Producer // nil if there is none
	settle   settle
}

func (t disabledTransport) send(e event) { t.settle(e, nil) }

func (t disabledTransport) sendAll(events []event) {
	for _, e := range events {
		t.settle(e, nil)
	}
}

func (disabledTransport) ready() bool { return true }

func (disabledTransport) flush(context.Context) {}

func (disabledTransport) giveUp() {}

func (t disabledTransport) close() {
	if t.producer != nil {
		defer func() { _ = recover() }() // the client is closed even if the producer panics
		t.producer.Close()
	}
}
