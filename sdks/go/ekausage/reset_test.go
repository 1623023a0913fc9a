package ekausage_test

import (
	"errors"
	"testing"
	"time"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage"
	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/ekausagetest"
)

func TestResetAfterRestore(t *testing.T) {
	t.Run("the client is another instance, and what was queued is delivered", func(t *testing.T) {
		inEachMode(t, func(t *testing.T, spool ekausage.Option, _ string) {
			client, producer := ekausagetest.New(t, spool)
			before := client.InstanceID()
			mustRecord(t, client, 5)
			if lost, err := client.ResetAfterRestore(within(t, 20*time.Second)); lost != 0 || err != nil {
				t.Fatal(lost, err)
			}
			if producer.Closed() {
				t.Error("the producer is closed")
			}
			if s := expectSum(t, client); s.Accepted != 0 {
				t.Errorf("%+v", s)
			}
			mustRecord(t, client, 3)
			client.Shutdown()
			sequences := map[string]uint64{}
			for _, event := range producer.Events() {
				if sequences[event.InstanceID]++; sequences[event.InstanceID] != event.Seq {
					t.Errorf("%s has %d in place %d", event.InstanceID, event.Seq, sequences[event.InstanceID])
				}
			}
			if after := client.InstanceID(); sequences[before] != 5 || sequences[after] != 3 {
				t.Errorf("%v", sequences)
			}
		})
	})

	t.Run("a client that was shut down stays so", func(t *testing.T) {
		client, _ := ekausagetest.New(t)
		client.Shutdown()
		if lost, err := client.ResetAfterRestore(within(t, 20*time.Second)); lost != 0 || err != nil {
			t.Fatal(lost, err)
		}
		if _, err := record(client); !errors.Is(err, ekausage.ErrClosed) {
			t.Errorf("%v", err)
		}
	})
}
