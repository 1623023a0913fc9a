package ekausage_test

import (
	"net"
	"sync"
	"testing"
	"time"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage"
	"github.com/eka-care/eka-usage-sdk/sdks/go/internal/devbroker"
)

// silentBroker returns the address of a broker that accepts connections and never responds, as one does
// that is stopped or whose disk hangs.
func silentBroker(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = connection.Close() })
		}
	}()
	return listener.Addr().String()
}

func TestSilentBroker(t *testing.T) {
	t.Parallel()
	broker := devbroker.Start(t, t.TempDir())
	brokers := ekausage.WithKafkaBrokers(silentBroker(t), broker.Bootstrap)
	// franz-go waits for a silent broker twice, 10 s in all with the timeouts of this SDK, and 20 s with its own.
	const patience = 18 * time.Second
	var clients sync.WaitGroup
	for range 4 { // which begin with a random one of the brokers
		client := newClient(t, brokers)
		mustRecord(t, client, 10)
		clients.Go(func() {
			if err := client.Flush(within(t, patience)); err != nil {
				t.Error(err)
			}
		})
	}
	clients.Wait()
}
