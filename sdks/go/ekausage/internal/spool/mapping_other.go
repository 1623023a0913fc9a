//go:build !linux

package spool

import (
	"bytes"
	"os"
)

// mapping is a segment as its writer has it. Where it is not known that the disk gets what was
// written into memory, and that a full one is no signal, each record is a call of the system.
type mapping struct{ file *os.File }

func newMapping(f *os.File) (mapping, error) { return mapping{f}, nil }

func (m mapping) write(at int64, head, key, event []byte) error {
	_, err := m.file.WriteAt(bytes.Join([][]byte{head, key, event}, nil), at)
	return err
}

// isFenced reads whether the segment may still be appended to, after everything that was written.
func (m mapping) isFenced() (bool, error) {
	var b [1]byte
	_, err := m.file.ReadAt(b[:], closedAt)
	return b[0] != 0, err
}

func (m mapping) populate() {}

func (m mapping) release() {}

func reserve(f *os.File) error { return writeZeros(f) }

func syncData(f *os.File) error { return f.Sync() }
