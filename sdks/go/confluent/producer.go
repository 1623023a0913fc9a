//go:build confluent

package confluent

import (
	"errors"
	"fmt"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage"
)

// A Producer sends through librdkafka. Pass it to ekausage.WithProducer.
type Producer struct {
	kafka *kafka.Producer
	ended chan struct{}
}

var _ ekausage.ReportingProducer = (*Producer)(nil)

// NewProducer returns a producer with properties of librdkafka, usually those that
// ekausage.KafkaProperties returns and further ones. By default it lifts librdkafka's bounds of the
// queue, since the client bounds it, and selects Java's partitioner, so that a workspace has one
// partition in every language.
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

// ProduceReporting passes an event to librdkafka and reports its outcome.
func (p *Producer) ProduceReporting(topic string, key, value []byte, done func(error)) error {
	return translate(p.kafka.Produce(message(topic, key, value, done), nil))
}

// Produce passes an event to librdkafka without reporting its outcome.
func (p *Producer) Produce(topic string, key, value []byte) error {
	return translate(p.kafka.Produce(message(topic, key, value, func(error) {}), nil))
}

// Flush waits for events in flight, and returns how many are left.
func (p *Producer) Flush(timeoutMs int) int { return p.kafka.Flush(timeoutMs) }

// Close closes librdkafka.
func (p *Producer) Close() {
	p.kafka.Close()
	<-p.ended
}

// report passes on the outcome of each event.
func (p *Producer) report() {
	defer close(p.ended)
	for event := range p.kafka.Events() {
		if message, ok := event.(*kafka.Message); ok {
			message.Opaque.(func(error))(translate(message.TopicPartition.Error))
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

// translate returns the client's error if the queue is full, and the protocol's if a broker
// rejected the event, so that the client recognizes final errors.
func translate(err error) error {
	var kafkaErr kafka.Error
	if !errors.As(err, &kafkaErr) {
		return err
	}
	if kafkaErr.Code() == kafka.ErrQueueFull {
		return ekausage.ErrBufferFull
	}
	// Codes above 0 are the protocol's. An event that librdkafka itself finds too large has one of them.
	if code := kafkaErr.Code(); code > 0 {
		return fmt.Errorf("%w: %w", err, kerr.ErrorForCode(int16(code)))
	}
	return err
}
