// Package confluent carries usage events by librdkafka in place of the pure Go client. It needs cgo
// and the build tag confluent, and is a module of its own, so that only those who use it depend on
// it:
//
//	properties, err := ekausage.KafkaProperties()
//	producer, err := confluent.NewProducer(properties)
//	client, err := ekausage.New("checkout", ekausage.WithProducer(producer))
package confluent
