package spool

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
)

// segment is one file of the spool, which this client owns or adopts.
type segment struct {
	directory  *Directory
	name       segmentName
	file       *os.File
	heartbeats uint64
	memory     mapping // of its writer
}

// open opens a segment that exists, unless another user may have placed or changed it.
func (s *segment) open(flag int) (err error) {
	s.file, err = s.directory.open(s.name, flag)
	return err
}

func (s *segment) readHeader() (header, error) {
	b := make([]byte, headerBytes)
	n, err := s.file.ReadAt(b, 0)
	if err == io.EOF {
		err = nil
	}
	return decodeHeader(b[:n]), err
}

// read returns what stands between two offsets, as far as the file goes.
func (s *segment) read(from, to int64) ([]byte, error) {
	return io.ReadAll(io.NewSectionReader(s.file, from, to-from))
}

// writeHeader writes the part of the header that never changes.
func (s *segment) writeHeader(h *header) error {
	_, err := s.file.WriteAt(h.encode(), 0)
	return err
}

// heartbeat shows other clients that the owner is alive.
func (s *segment) heartbeat() error {
	s.heartbeats++
	return s.writeUint64(heartbeatAt, s.heartbeats)
}

// writeAckedOffset marks everything before an offset as acknowledged.
func (s *segment) writeAckedOffset(offset int64) error {
	return s.writeUint64(ackedOffsetAt, uint64(offset))
}

func (s *segment) writeUint64(at int64, value uint64) error {
	_, err := s.file.WriteAt(binary.LittleEndian.AppendUint64(nil, value), at)
	return err
}

// fence takes away the right to append, permanently.
func (s *segment) fence() error {
	_, err := s.file.WriteAt([]byte{1}, fencedAt)
	return err
}

// rename reports whether the segment has the new name; another client may have taken it before, or
// have a file of that name. A rename would replace that file, which a copy of this process may have
// written: a link does not.
func (s *segment) rename(to segmentName) (bool, error) {
	if to == s.name {
		return s.isOwn(), nil
	}
	root, from, target := s.directory.root.Load(), s.name.String(), to.String()
	switch err := root.Link(from, target); {
	case errors.Is(err, os.ErrNotExist), errors.Is(err, os.ErrExist):
		return false, nil
	case err != nil: // a filesystem without links
		if _, missing := root.Lstat(target); missing == nil {
			return false, nil
		}
		if err := root.Rename(from, target); err != nil {
			return false, ignoreMissing(err)
		}
	default:
		if err := root.Remove(from); err != nil { // another client was first
			return false, errors.Join(ignoreMissing(err), ignoreMissing(root.Remove(target)))
		}
	}
	s.name = to
	return true, nil
}

func ignoreMissing(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// transferTo changes the owner. It reports false if another client has taken the segment.
func (s *segment) transferTo(owner string) (bool, error) {
	to := s.name
	to.owner = owner
	return s.rename(to)
}

// isOwn reports whether no other client has taken the segment: it has its name, or was removed.
func (s *segment) isOwn() bool {
	return s.exists() || s.isRemoved() || s.exists() // it may have been written anew in between
}

func (s *segment) exists() bool {
	_, err := s.directory.root.Load().Lstat(s.name.String())
	return err == nil
}

// isRemoved reports whether the file was removed by somebody who did not deliver what it holds. A client
// that adopts it fences it first, and has marked all of it as acknowledged before it removes it.
func (s *segment) isRemoved() bool {
	info, err := s.file.Stat()
	if err != nil || linksOf(info) > 0 {
		return false
	}
	content, err := s.read(0, segmentBytes)
	if h := decodeHeader(content); err == nil && h.fenced {
		records, _ := readRecords(content[min(headerBytes, len(content)):], recordSalt(s.name.origin), headerBytes)
		return len(unackedRecords(records, int64(h.ackedOffset))) > 0
	}
	return err == nil
}

// restore writes the segment anew under its name, after its file was removed.
func (s *segment) restore() error {
	content, err := s.read(0, segmentBytes)
	if err != nil {
		return err
	}
	file, err := s.directory.createFile(s.name)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	if _, err = file.WriteAt(content, 0); err == nil {
		err = s.replaceFile(file)
	}
	if err != nil {
		_ = s.directory.root.Load().Remove(s.name.String())
	}
	return err
}

func (s *segment) close() error {
	s.memory.unmap()
	return s.file.Close()
}

// remove unlinks the segment, unless another client has taken it before.
func (s *segment) remove() {
	s.memory.unmap()
	_ = s.directory.root.Load().Remove(s.name.String())
	_ = s.file.Close()
}

// release leaves the segment, of which so many bytes are used, to the first client that adopts it.
func (s *segment) release(used int64) error {
	s.memory.unmap()
	err := errors.Join(s.fence(), s.file.Truncate(used), syncData(s.file))
	_, transferErr := s.transferTo(unowned)
	return errors.Join(err, transferErr, s.file.Close())
}

// ignoreClosed drops the error of a file that was acknowledged, and removed, in the meantime.
func ignoreClosed(err error) error {
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}

func writeZeros(f *os.File) error {
	zeros := make([]byte, 1<<16)
	for at := int64(0); at < segmentBytes; at += int64(len(zeros)) {
		if _, err := f.WriteAt(zeros, at); err != nil {
			return err
		}
	}
	return nil
}
