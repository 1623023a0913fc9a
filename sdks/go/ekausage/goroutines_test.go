package ekausage_test

import (
	"context"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage"
	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/ekausagetest"
	"github.com/eka-care/eka-usage-sdk/sdks/go/internal/devbroker"
)

// clientGoroutines returns the stacks of the goroutines that a client runs, itself or through franz-go.
func clientGoroutines() []string {
	buffer := make([]byte, 1<<20)
	var found []string
	for _, stack := range strings.Split(string(buffer[:runtime.Stack(buffer, true)]), "\n\n") {
		own := strings.Contains(stack, "sdks/go/ekausage") || strings.Contains(stack, "franz-go")
		if own && !strings.Contains(stack, "testing.tRunner") {
			found = append(found, stack)
		}
	}
	return found
}

func expectNoGoroutines(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		left := clientGoroutines()
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines are left:\n%s", len(left), strings.Join(left, "\n\n"))
		}
	}
}

func TestGoroutines(t *testing.T) {
	t.Run("no goroutine of a client is left after shutdown", func(t *testing.T) {
		broker := devbroker.Start(t, t.TempDir())
		client := newClient(t, ekausage.WithKafkaBrokers(broker.Bootstrap), ekausage.WithFlushOnSigterm(true))
		mustRecord(t, client, 10)
		if err := client.Flush(context.Background()); err != nil {
			t.Fatal(err)
		}
		if len(clientGoroutines()) == 0 {
			t.Fatal("this test does not see the goroutines of a client")
		}
		client.Shutdown()
		expectNoGoroutines(t)
	})

	t.Run("no goroutine of a client without a broker is left after shutdown", func(t *testing.T) {
		client := newClient(t, ekausage.WithKafkaBrokers(unreachable), quiet)
		mustRecord(t, client, 10)
		client.ShutdownContext(expired())
		expectNoGoroutines(t)
	})

	t.Run("no goroutine of an injected producer is left after shutdown", func(t *testing.T) {
		client, _ := ekausagetest.New(t)
		mustRecord(t, client, 10)
		client.Shutdown()
		expectNoGoroutines(t)
	})
}
