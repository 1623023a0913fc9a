package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// send sends requests to a broker in this process, as standard input does, and returns the responses.
func send(t *testing.T, b *broker, requests ...string) []response {
	t.Helper()
	var out strings.Builder
	b.serve(strings.NewReader(strings.Join(requests, "\n")), &out)
	responses := json.NewDecoder(strings.NewReader(out.String()))
	var found []response
	for {
		var r response
		err := responses.Decode(&r)
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, r)
	}
}

func startHere(t *testing.T) *broker {
	t.Helper()
	b, err := start(context.Background(), config{listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.stop)
	return b
}

func TestFaults(t *testing.T) {
	t.Run("a fault fails as many produce requests as requested, and counts them", func(t *testing.T) {
		b := startHere(t)
		responses := send(t, b, `{"do":"fail","error":"MESSAGE_TOO_LARGE","times":2}`)
		if responses[0].Fault != "" {
			t.Fatal(responses[0].Fault)
		}
		ctx, client := newClient(t, b.bootstrap(), kgo.DefaultProduceTopic(topics[0].name))
		var failed int
		for range 3 {
			err := client.ProduceSync(ctx, kgo.StringRecord("x")).FirstErr()
			if errors.Is(err, kerr.MessageTooLarge) {
				failed++
			} else if err != nil {
				t.Fatal(err)
			}
		}
		counted := send(t, b, `{"do":"count"}`)[0].Requests
		if failed != 2 || counted == nil || *counted != 3 {
			t.Errorf("%d of 3 failed, %v counted", failed, counted)
		}
	})

	t.Run("heal ends a fault that has no end", func(t *testing.T) {
		b := startHere(t)
		send(t, b, `{"do":"fail","error":"MESSAGE_TOO_LARGE","times":-1}`)
		ctx, client := newClient(t, b.bootstrap(), kgo.DefaultProduceTopic(topics[0].name))
		for range 2 {
			if err := client.ProduceSync(ctx, kgo.StringRecord("x")).FirstErr(); err == nil {
				t.Error("a record was accepted")
			}
		}
		send(t, b, `{"do":"heal"}`)
		if err := client.ProduceSync(ctx, kgo.StringRecord("x")).FirstErr(); err != nil {
			t.Error(err)
		}
	})

	t.Run("an invalid request is answered with what is expected", func(t *testing.T) {
		b := startHere(t)
		responses := send(t, b, `{"do":"explode"}`, `not JSON`, `{"do":"fail","error":"NO_SUCH","times":1}`,
			`{"do":"fail","error":"MESSAGE_TOO_LARGE"}`, `{"do":"count"}`)
		for i, want := range []string{"fail, heal or count", "not JSON", "NO_SUCH", "-1 until heal", ""} {
			if got := responses[i].Fault; !strings.Contains(got, want) || (want == "") != (got == "") {
				t.Errorf("response %d is %q, want %q in it", i, got, want)
			}
		}
	})
}
