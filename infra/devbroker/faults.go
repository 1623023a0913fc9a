package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// untilHealed stands for a fault that lasts until heal.
const untilHealed = -1

// request is one line on standard input.
type request struct {
	Do string `json:"do"`
	// Error is Kafka's name of the error that fail returns, such as NOT_LEADER_FOR_PARTITION.
	Error string `json:"error"`
	// Times is how many produce requests fail; -1 means all until heal.
	Times int `json:"times"`
}

// response is the line that responds to it.
type response struct {
	Fault    string `json:"fault,omitempty"`
	Requests *int   `json:"requests,omitempty"`
	// Acks are the acknowledgements that the last produce request requires, -1 for all.
	Acks *int `json:"acks,omitempty"`
	// Logins are the attempts to authenticate since the start.
	Logins *int `json:"logins,omitempty"`
}

// serve responds to each request with one line, until there are no more.
func (b *broker) serve(requests io.Reader, responses io.Writer) {
	encoder := json.NewEncoder(responses)
	lines := bufio.NewScanner(requests)
	for lines.Scan() {
		var r request
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			r.Do = lines.Text()
		}
		if encoder.Encode(b.do(r)) != nil {
			return
		}
	}
}

func (b *broker) do(r request) response {
	switch r.Do {
	case "fail":
		return b.fail(r.Error, r.Times)
	case "heal":
		for _, fault := range b.faults {
			fault.Remove()
		}
		b.faults = nil
		return response{}
	case "count":
		requests, acks, logins := int(b.produced.Hits()), int(b.acks.Load()), int(b.logins.Load())
		return response{Requests: &requests, Acks: &acks, Logins: &logins}
	}
	return response{Fault: fmt.Sprintf("unknown request %q: expected fail, heal or count", r.Do)}
}

// fail makes the next produce requests fail before the broker stores the records. Only
// REQUEST_TIMED_OUT and NOT_ENOUGH_REPLICAS_AFTER_APPEND fail them afterwards.
func (b *broker) fail(name string, times int) response {
	err := errorNamed(name)
	if err == nil {
		return response{Fault: fmt.Sprintf("unknown error %q: expected one of Kafka's, "+
			"such as NOT_LEADER_FOR_PARTITION", name)}
	}
	if times < untilHealed || times == 0 {
		return response{Fault: fmt.Sprintf("times %d: expected 1 or more, or -1 until heal", times)}
	}
	b.faults = append(b.faults, b.cluster.Fault(kfake.Fault{
		Keys:  []kmsg.Key{kmsg.Produce},
		Err:   err,
		Count: times,
	}))
	return response{}
}

// countProduced counts the produce requests that arrive.
func countProduced(cluster *kfake.Cluster) *kfake.FaultHandle {
	return cluster.Fault(kfake.Fault{
		Keys:    []kmsg.Key{kmsg.Produce},
		Count:   untilHealed,
		Observe: true,
	})
}

// noteAcks stores the acknowledgements of each produce request that arrives.
func (b *broker) noteAcks() {
	b.cluster.ControlKey(int16(kmsg.Produce), func(request kmsg.Request) (kmsg.Response, error, bool) {
		b.cluster.KeepControl()
		if produce, ok := request.(*kmsg.ProduceRequest); ok {
			b.acks.Store(int32(produce.Acks))
		}
		return nil, nil, false
	})
}

// refuseLogins counts the attempts to authenticate, and answers a wrong password by PLAIN as Kafka does,
// where kfake only closes the connection.
func (b *broker) refuseLogins(sasl string) {
	user, password, _ := strings.Cut(sasl, ":")
	b.cluster.ControlKey(int16(kmsg.SASLAuthenticate), func(request kmsg.Request) (kmsg.Response, error, bool) {
		b.cluster.KeepControl()
		b.logins.Add(1)
		login, ok := request.(*kmsg.SASLAuthenticateRequest)
		isPlain := ok && bytes.HasPrefix(login.SASLAuthBytes, []byte{0})
		if !isPlain || string(login.SASLAuthBytes) == "\x00"+user+"\x00"+password {
			return nil, nil, false
		}
		refused := login.ResponseKind().(*kmsg.SASLAuthenticateResponse)
		refused.ErrorCode = kerr.SaslAuthenticationFailed.Code
		refused.ErrorMessage = kmsg.StringPtr("Authentication failed: Invalid username or password")
		return refused, nil, true
	})
}

// highestErrorCode bounds the search for a name; Kafka's codes are small and dense.
const highestErrorCode = 200

func errorNamed(name string) *kerr.Error {
	for code := int16(1); code <= highestErrorCode; code++ {
		if err := kerr.TypedErrorForCode(code); err != nil && err.Message == name {
			return err
		}
	}
	return nil
}
