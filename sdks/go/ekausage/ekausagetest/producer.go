// Package ekausagetest is for the tests of a service: usage is collected in memory, and can be
// asserted on.
package ekausagetest

import (
	"encoding/json"
	"slices"
	"sync"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage"
)

// A Producer takes the place of Kafka and keeps events in memory, each of them delivered before
// Record returns. The zero Producer is ready.
type Producer struct {
	mu       sync.Mutex
	messages []Message
	full     bool
	fault    error
	closed   bool
}

// A Message is an event as Kafka would have it.
type Message struct {
	Topic      string
	Key, Value []byte
}

// Events are those that were delivered, in their order.
func (p *Producer) Events() []ekausage.UsageEvent {
	messages := p.Messages()
	events := make([]ekausage.UsageEvent, len(messages))
	for i, message := range messages {
		if err := json.Unmarshal(message.Value, &events[i]); err != nil {
			panic("ekausagetest: the client wrote what is no event: " + err.Error())
		}
	}
	return events
}

// Messages are what was delivered, as bytes.
func (p *Producer) Messages() []Message {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.messages)
}

// Clear forgets what was delivered.
func (p *Producer) Clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.messages = nil
}

// SetFull says whether events are refused as a full queue refuses them.
func (p *Producer) SetFull(full bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.full = full
}

// SetFault says why every delivery fails from now on; nil lets them succeed again.
func (p *Producer) SetFault(fault error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault = fault
}

// Closed reports whether the client was shut down.
func (p *Producer) Closed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed
}

// ProduceReporting takes an event and says at once that it is delivered.
func (p *Producer) ProduceReporting(topic string, key, value []byte, done func(error)) error {
	fault, err := p.take(topic, key, value)
	if err == nil {
		done(fault)
	}
	return err
}

// Produce takes an event.
func (p *Producer) Produce(topic string, key, value []byte) error {
	fault, err := p.take(topic, key, value)
	if err != nil {
		return err
	}
	return fault
}

func (p *Producer) take(topic string, key, value []byte) (fault, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.full {
		return nil, ekausage.ErrBufferFull
	}
	if p.fault == nil {
		p.messages = append(p.messages, Message{topic, key, value})
	}
	return p.fault, nil
}

// Flush has nothing to wait for.
func (p *Producer) Flush(int) int { return 0 }

// Close notes that the client was shut down.
func (p *Producer) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
}
