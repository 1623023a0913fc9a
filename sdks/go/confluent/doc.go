// Package confluent sends usage events through librdkafka in place of the pure Go client. It requires cgo
// and the build tag confluent, and is a module of its own, so that only its users depend on librdkafka:
//
//	properties, err := ekausage.KafkaProperties()
//	producer, err := confluent.NewProducer(properties)
//	client, err := ekausage.New("checkout", ekausage.WithProducer(producer))
package confluent
