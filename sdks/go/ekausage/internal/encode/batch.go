package encode

import (
	"fmt"
	"strconv"
	"sync"
	"time"
)

// longestSeq is how many digits Size counts for a number.
const longestSeq = 20

// A Batch is the memory of calls that are checked together, before any of them has a number.
type Batch struct {
	Calls []CheckedCall
	// Keys are the workspaces of the calls.
	Keys []string

	values []byte // of the calls, which a Scratch holds for one call only
}

var batches = sync.Pool{New: func() any { return new(Batch) }}

// GetBatch returns an empty Batch to work with until Release.
func GetBatch() *Batch { return batches.Get().(*Batch) }

// Release makes the Batch available to other calls.
func (b *Batch) Release() {
	clear(b.Calls)
	clear(b.Keys)
	b.Calls, b.Keys = b.Calls[:0], b.Keys[:0]
	if cap(b.values) <= largestKept {
		b.values = b.values[:0]
		batches.Put(b)
	}
}

// Add checks a call and adds it.
func (b *Batch) Add(e *Encoder, s *Scratch, c *Call, at time.Time) *Rejection {
	checked, rejection := e.Encode(s, c, at)
	if rejection != nil {
		return rejection
	}
	v := &checked.values
	v.quantity = b.keep(v.quantity)
	if c.HasUnitCost {
		v.unitCost = b.keep(v.unitCost)
	}
	if len(v.metadata) > 0 && &v.metadata[0] != &noMetadata[0] {
		v.metadata = b.keep(v.metadata)
	}
	if len(c.Fields) > 0 {
		v.more = b.keep(v.more)
	}
	b.Calls, b.Keys = append(b.Calls, checked), append(b.Keys, c.WorkspaceID)
	return nil
}

func (b *Batch) keep(value []byte) []byte {
	at := len(b.values)
	b.values = append(b.values, value...)
	return b.values[at:len(b.values):len(b.values)]
}

// Size returns at least how many bytes the events have.
func (b *Batch) Size() (size int) {
	for i := range b.Calls {
		size += b.Calls[i].Size()
	}
	return size
}

// CheckCount returns what is wrong with how many events, of at least so many, a call records; "" if nothing is.
func CheckCount(least, events int) string {
	if least <= events && events <= batchMaxEvents {
		return ""
	}
	return fmt.Sprintf("expected %d to %d, got %d", least, batchMaxEvents, events)
}

// CheckSize returns what is wrong with how many bytes the events have if the first of them gets this number;
// "" if nothing is.
func (b *Batch) CheckSize(seq uint64) string {
	size := b.Size()
	if size <= batchMaxBytes {
		return ""
	}
	for i := range b.Calls {
		size -= longestSeq - len(strconv.FormatUint(seq+uint64(i), 10))
	}
	if size <= batchMaxBytes {
		return ""
	}
	return fmt.Sprintf("expected at most %d bytes, got %d in %d events", batchMaxBytes, size, len(b.Calls))
}

// BatchMaxEvents and BatchMaxBytes bound one call that records several events, and one request of the HTTP
// API.
const (
	BatchMaxEvents = batchMaxEvents
	BatchMaxBytes  = batchMaxBytes
)
