package spool

import (
	"testing"
	"time"
)

// BenchmarkKeep is what one record costs that is on disk before the call returns.
func BenchmarkKeep(b *testing.B) {
	s, err := Open(Config{
		Folder: b.TempDir() + "/spool", MaxBytes: 1 << 40, Durable: true, Sync: 50 * time.Millisecond,
		Now: time.Now, SeqOf: func([]byte) uint64 { return 1 }, Tuning: DefaultTuning(),
	}, &host{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Release()
	key, event := []byte("workspace-1"), make([]byte, 440)
	for b.Loop() {
		g, err := s.Keep(key, event)
		if err != nil {
			b.Fatal(err)
		}
		g.MarkAcked()
	}
}
