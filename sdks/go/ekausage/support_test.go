package ekausage_test

import (
	"testing"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/ekausagetest"
)

// sampleEvent is the bytes of an ordinary event.
func sampleEvent(t testing.TB) []byte {
	t.Helper()
	client, producer := ekausagetest.New(t)
	if _, err := client.Record("workspace-1", "api", "api_call", 1, "", nil, nil); err != nil {
		t.Fatal(err)
	}
	return producer.Messages()[0].Value
}
