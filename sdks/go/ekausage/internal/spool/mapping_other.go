//go:build !linux

package spool

import (
	"bytes"
	"errors"
	"os"
)

// mapping is the file of a segment. If it is not known that what is written into memory survives the
// process, and that a full disk raises no signal, each record is a system call.
type mapping struct{ file *os.File }

func newMapping(f *os.File) (mapping, error) { return mapping{f}, nil }

func (m mapping) write(at int64, head, key, event []byte) error {
	_, err := m.file.WriteAt(bytes.Join([][]byte{head, key, event}, nil), at)
	return err
}

// isFenced reads whether the segment may still be appended to, after everything that was written.
func (m mapping) isFenced() (bool, error) {
	var b [1]byte
	_, err := m.file.ReadAt(b[:], fencedAt)
	return b[0] != 0, err
}

// replaceFile is not possible, as others may use the descriptor at this moment.
func (s *segment) replaceFile(*os.File) error { return errors.ErrUnsupported }

func (m mapping) populate() {}

func (m mapping) unmap() {}

func reserve(f *os.File) error { return writeZeros(f) }

func syncData(f *os.File) error { return f.Sync() }
