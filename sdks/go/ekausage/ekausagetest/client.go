package ekausagetest

import (
	"testing"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage"
)

// New returns a client for a test, and the producer that collects its events. The client is shut down
// when the test ends. The options override those that New sets itself. Events are collected even if
// EKA_DISABLED is set, which keeps the other clients of a test from sending.
func New(t testing.TB, opts ...ekausage.Option) (*ekausage.Client, *Producer) {
	t.Helper()
	producer := &Producer{}
	own := []ekausage.Option{ekausage.WithProducer(producer), ekausage.WithFlushOnSigterm(false), ekausage.WithDisabled(false)}
	client, err := ekausage.New("test", append(own, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Shutdown() })
	return client, producer
}
