package spool

import (
	"testing"
	"time"
)

// BenchmarkAppend measures one record that is on disk before the call returns.
func BenchmarkAppend(b *testing.B) {
	s := Open(Config{
		Directory: opened(b, b.TempDir()), MaxBytes: 1 << 40, Durable: true, SyncInterval: 50 * time.Millisecond,
		Now: time.Now, SeqOf: func([]byte) uint64 { return 1 }, Tuning: DefaultTuning(),
	}, &host{})
	defer s.Release()
	key, event := []byte("workspace-1"), make([]byte, 440)
	for b.Loop() {
		g, err := s.Append(key, event, 0)
		if err != nil {
			b.Fatal(err)
		}
		g.MarkAcked()
	}
}
