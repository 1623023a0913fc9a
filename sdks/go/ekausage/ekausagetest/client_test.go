package ekausagetest_test

import (
	"testing"

	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage"
	"github.com/eka-care/eka-usage-sdk/sdks/go/ekausage/ekausagetest"
)

func TestNewCollectsWhereOtherClientsAreDisabled(t *testing.T) {
	t.Setenv("EKA_DISABLED", "true")
	client, producer := ekausagetest.New(t)
	other, err := ekausage.New("other")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Shutdown()
	for _, c := range []*ekausage.Client{client, other} {
		if _, err := c.Record("ws-1", "api", "api_call", 1, "", nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	if found := len(producer.Events()); found != 1 || client.Stats().Disabled || !other.Stats().Disabled {
		t.Errorf("%d events, %+v, %+v", found, client.Stats(), other.Stats())
	}
}
