package spool

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
)

// segment is a file that this client owns, or takes over.
type segment struct {
	folder *folder
	name   name
	file   *os.File
	beats  uint64
	memory mapping // of its writer
}

func (s *segment) path() string { return filepath.Join(s.folder.path, s.name.String()) }

// open opens a segment that is there.
func (s *segment) open(flag int) (err error) {
	s.file, err = os.OpenFile(s.path(), flag|noLink, 0)
	return err
}

// header is what stands in the file.
func (s *segment) header() (header, error) {
	b := make([]byte, headerBytes)
	read, err := s.file.ReadAt(b, 0)
	if err == io.EOF {
		err = nil
	}
	return decodeHeader(b[:read]), err
}

// content is what stands between two offsets, as far as the file goes.
func (s *segment) content(from, to int64) ([]byte, error) {
	return io.ReadAll(io.NewSectionReader(s.file, from, to-from))
}

// begin writes the part of the header that never changes.
func (s *segment) begin(h *header) error {
	_, err := s.file.WriteAt(h.encode(), 0)
	return err
}

// beat shows that the owner is alive.
func (s *segment) beat() error {
	s.beats++
	return s.writeNumber(heartbeatAt, s.beats)
}

// writeAckedOffset marks everything before an offset as done.
func (s *segment) writeAckedOffset(offset int64) error { return s.writeNumber(ackedAt, uint64(offset)) }

func (s *segment) writeNumber(at int64, value uint64) error {
	_, err := s.file.WriteAt(binary.LittleEndian.AppendUint64(nil, value), at)
	return err
}

// fence lets nobody append any more, for ever.
func (s *segment) fence() error {
	_, err := s.file.WriteAt([]byte{1}, closedAt)
	return err
}

// rename reports whether the segment has the name now; somebody else may have taken it before.
func (s *segment) rename(to name) (bool, error) {
	from := s.path()
	renamed := segment{folder: s.folder, name: to}
	if err := os.Rename(from, renamed.path()); err != nil {
		if errors.Is(err, os.ErrNotExist) {
			err = nil
		}
		return false, err
	}
	s.name = to
	return true, nil
}

// transferTo gives the segment to another owner.
func (s *segment) transferTo(owner string) (bool, error) {
	to := s.name
	to.owner = owner
	return s.rename(to)
}

// there reports whether nobody else has taken the segment.
func (s *segment) there() bool {
	_, err := os.Lstat(s.path())
	return err == nil
}

// remove unlinks the segment. That somebody else took it before is no error.
func (s *segment) remove() {
	s.memory.release()
	_ = os.Remove(s.path())
	_ = s.file.Close()
}

// release leaves the segment, of which so much is used, to whoever comes first.
func (s *segment) release(used int64) error {
	s.memory.release()
	err := errors.Join(s.fence(), s.file.Truncate(used), syncData(s.file))
	_, transferErr := s.transferTo(unowned)
	return errors.Join(err, transferErr, s.file.Close())
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
