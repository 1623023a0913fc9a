package spool

import "time"

// Config configures a Spool.
type Config struct {
	// Directory, from Locate, holds the segments; processes of one machine may share it.
	Directory *Directory
	// MaxBytes limits the length of all segments in the directory, whoever owns them.
	MaxBytes int64
	// Durable is set if every event is written to the spool, which then keeps a segment
	// preallocated.
	Durable bool
	// SyncInterval bounds how much of the latest a loss of power may take; 0 calls fsync for each
	// event.
	SyncInterval time.Duration
	// Destination is where the events go. Segments of other destinations are left alone.
	Destination Destination
	// InstanceID identifies the client to whoever inspects a segment.
	InstanceID string
	// Now is the client's clock.
	Now func() time.Time
	// SeqOf returns the sequence number of an event.
	SeqOf func(event []byte) uint64
	// Tuning is DefaultTuning, except in tests.
	Tuning Tuning
}
