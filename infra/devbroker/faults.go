package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// untilHealed is a number of times that does not end by itself.
const untilHealed = -1

// order is one line on standard input.
type order struct {
	Do string `json:"do"`
	// Error is Kafka's name of the error that fail answers, such as NOT_LEADER_FOR_PARTITION.
	Error string `json:"error"`
	// Times is how many produce requests fail; -1 is all until heal.
	Times int `json:"times"`
}

// reply is the line that answers it.
type reply struct {
	Fault    string `json:"fault,omitempty"`
	Requests *int   `json:"requests,omitempty"`
}

// obey answers each command with one line, until there are no more.
func (b *broker) obey(commands io.Reader, replies io.Writer) {
	answer := json.NewEncoder(replies)
	lines := bufio.NewScanner(commands)
	for lines.Scan() {
		var c order
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			c.Do = lines.Text()
		}
		if answer.Encode(b.do(c)) != nil {
			return
		}
	}
}

func (b *broker) do(c order) reply {
	switch c.Do {
	case "fail":
		return b.fail(c.Error, c.Times)
	case "heal":
		for _, fault := range b.faults {
			fault.Remove()
		}
		b.faults = nil
		return reply{}
	case "count":
		requests := int(b.produced.Hits())
		return reply{Requests: &requests}
	}
	return reply{Fault: fmt.Sprintf("unknown command %q: expected fail, heal or count", c.Do)}
}

// fail makes the next produce requests fail, before the broker has acted on them. Only
// REQUEST_TIMED_OUT and NOT_ENOUGH_REPLICAS_AFTER_APPEND are answered after it did.
func (b *broker) fail(name string, times int) reply {
	err := errorNamed(name)
	if err == nil {
		return reply{Fault: fmt.Sprintf("unknown error %q: expected one of Kafka's, "+
			"such as NOT_LEADER_FOR_PARTITION", name)}
	}
	if times < untilHealed || times == 0 {
		return reply{Fault: fmt.Sprintf("times %d: expected 1 or more, or -1 until heal", times)}
	}
	b.faults = append(b.faults, b.cluster.Fault(kfake.Fault{
		Keys:  []kmsg.Key{kmsg.Produce},
		Err:   err,
		Count: times,
	}))
	return reply{}
}

// countProduced counts the produce requests that come in.
func countProduced(cluster *kfake.Cluster) *kfake.FaultHandle {
	return cluster.Fault(kfake.Fault{
		Keys:    []kmsg.Key{kmsg.Produce},
		Count:   untilHealed,
		Observe: true,
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
