//go:build confluent

package confluent

import (
	"errors"
	"fmt"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage"
)

// A Producer is librdkafka's, as ekausage.WithProducer takes it.
type Producer struct {
	kafka *kafka.Producer
	ended chan struct{}
}

var _ ekausage.ReportingProducer = (*Producer)(nil)

// NewProducer makes a producer from properties of librdkafka, usually those of
// ekausage.KafkaProperties and any more. The client bounds the queue, so librdkafka's own bounds are
// lifted, and Java's partitioner is used, so that a workspace has one partition in every language;
// properties that are given override both.
func NewProducer(properties map[string]any) (*Producer, error) {
	config := kafka.ConfigMap{
		"partitioner":                  "murmur2_random",
		"queue.buffering.max.messages": 0,
		"queue.buffering.max.kbytes":   2147483647,
		"enable.metrics.push":          false,
		"go.batch.producer":            false,
		"go.logs.channel.enable":       false,
	}
	if properties["acks"] == "all" {
		config["enable.idempotence"] = true
	}
	for name, value := range properties {
		config[name] = value
	}
	producer, err := kafka.NewProducer(&config)
	if err != nil {
		return nil, err
	}
	p := &Producer{kafka: producer, ended: make(chan struct{})}
	go p.report()
	return p, nil
}

// ProduceReporting hands an event to librdkafka.
func (p *Producer) ProduceReporting(topic string, key, value []byte, done func(error)) error {
	return translated(p.kafka.Produce(message(topic, key, value, done), nil))
}

// Produce hands over an event that nobody needs to hear of.
func (p *Producer) Produce(topic string, key, value []byte) error {
	return translated(p.kafka.Produce(message(topic, key, value, func(error) {}), nil))
}

// Flush waits for what is on its way.
func (p *Producer) Flush(timeoutMs int) int { return p.kafka.Flush(timeoutMs) }

// Close ends librdkafka.
func (p *Producer) Close() {
	p.kafka.Close()
	<-p.ended
}

// report passes on what librdkafka says of each event.
func (p *Producer) report() {
	defer close(p.ended)
	for said := range p.kafka.Events() {
		if event, ok := said.(*kafka.Message); ok {
			event.Opaque.(func(error))(translated(event.TopicPartition.Error))
		}
	}
}

func message(topic string, key, value []byte, done func(error)) *kafka.Message {
	return &kafka.Message{
		TopicPartition: kafka.TopicPartition{Topic: &topic, Partition: kafka.PartitionAny},
		Key:            key,
		Value:          value,
		Opaque:         done,
	}
}

// translated says in the client's words that the queue is full, and in the protocol's what a broker
// refused, so that the client sees what no retry mends.
func translated(err error) error {
	var said kafka.Error
	if !errors.As(err, &said) {
		return err
	}
	if said.Code() == kafka.ErrQueueFull {
		return ekausage.ErrBufferFull
	}
	// Above 0 librdkafka's numbers are the protocol's, and what it finds too large itself is among them.
	if number := said.Code(); number > 0 {
		return fmt.Errorf("%w: %w", err, kerr.ErrorForCode(int16(number)))
	}
	return err
}
