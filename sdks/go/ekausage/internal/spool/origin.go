package spool

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

const defaultPort = "9092"

// A Destination identifies a topic of one cluster.
type Destination [8]byte

// DestinationOf returns the destination of a topic on brokers. Without brokers, it is that of a
// producer which takes the place of Kafka.
func DestinationOf(topic string, brokers []string) Destination {
	addresses := make([]string, len(brokers))
	for i, broker := range brokers {
		addresses[i] = strings.ToLower(broker)
		if _, _, err := net.SplitHostPort(addresses[i]); err != nil {
			addresses[i] += ":" + defaultPort
		}
	}
	slices.Sort(addresses)
	if len(addresses) == 0 {
		addresses = []string{"producer"}
	}
	sum := sha256.Sum256([]byte(topic + "\n" + strings.Join(slices.Compact(addresses), ",")))
	return Destination(sum[:])
}

// origin identifies a client as the writer of its segments, in their names and headers.
type origin struct {
	id          [16]byte
	name        string // id in hexadecimal
	destination Destination
	instanceID  string
	now         func() time.Time
	seqOf       func(event []byte) uint64
	segments    atomic.Uint64
}

func newOrigin(c *Config) *origin {
	o := &origin{destination: c.Destination, instanceID: c.InstanceID, now: c.Now, seqOf: c.SeqOf}
	_, _ = rand.Read(o.id[:]) // never fails
	o.name = hex.EncodeToString(o.id[:])
	return o
}

// nextName returns the name of one more segment, whose first event is not known yet.
func (o *origin) nextName(kind string) segmentName {
	return segmentName{kind: kind, origin: o.name, number: o.segments.Add(1), owner: o.name}
}

func (o *origin) header(firstSeq uint64, createdAt time.Time) header {
	return header{
		version:     version,
		origin:      o.id,
		firstSeq:    firstSeq,
		createdAt:   uint64(max(0, createdAt.UnixMilli())),
		destination: o.destination,
		instanceID:  o.instanceID,
	}
}
