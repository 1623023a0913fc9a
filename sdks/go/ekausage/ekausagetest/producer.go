// Package ekausagetest supports the tests of a service: it collects usage in memory, where tests can
// assert on it.
package ekausagetest

import (
	"encoding/json"
	"slices"
	"sync"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage"
)

// A Producer replaces Kafka and keeps events in memory. Each event is delivered before Record returns.
// The zero value is ready to use.
type Producer struct {
	mu       sync.Mutex
	messages []Message
	full     bool
	fault    error
	closed   bool
}

// A Message is an event in the form in which Kafka receives it.
type Message struct {
	Topic      string
	Key, Value []byte
}

// Events returns the events that were delivered, in their order.
func (p *Producer) Events() []ekausage.UsageEvent {
	messages := p.Messages()
	events := make([]ekausage.UsageEvent, len(messages))
	for i, message := range messages {
		if err := json.Unmarshal(message.Value, &events[i]); err != nil {
			panic("ekausagetest: the client wrote an invalid event: " + err.Error())
		}
	}
	return events
}

// Messages returns what was delivered, as bytes.
func (p *Producer) Messages() []Message {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.messages)
}

// Clear discards what was delivered.
func (p *Producer) Clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.messages = nil
}

// SetFull sets whether events are rejected with ErrBufferFull.
func (p *Producer) SetFull(full bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.full = full
}

// SetFault sets the error of every later delivery; nil lets them succeed again.
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

// ProduceReporting accepts an event and reports at once that it is delivered.
func (p *Producer) ProduceReporting(topic string, key, value []byte, done func(error)) error {
	fault, err := p.accept(topic, key, value)
	if err == nil {
		done(fault)
	}
	return err
}

// Produce accepts an event.
func (p *Producer) Produce(topic string, key, value []byte) error {
	fault, err := p.accept(topic, key, value)
	if err != nil {
		return err
	}
	return fault
}

func (p *Producer) accept(topic string, key, value []byte) (fault, err error) {
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

// Flush returns 0, since every event is delivered at once.
func (p *Producer) Flush(int) int { return 0 }

// Close records that the client was shut down.
func (p *Producer) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
}
