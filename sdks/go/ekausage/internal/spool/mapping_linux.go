package spool

import (
	"errors"
	"os"
	"sync/atomic"
	"syscall"
	"unsafe"
)

// populateWrite is MADV_POPULATE_WRITE, which package syscall does not name.
const populateWrite = 23

// mapping is a segment in the memory of its writer. What is written there belongs to the kernel,
// whatever ends the process. Its blocks are reserved, so that writing into them cannot fail.
type mapping struct{ bytes []byte }

func newMapping(f *os.File) (m mapping, err error) {
	err = control(f, func(fd int) (err error) {
		m.bytes, err = syscall.Mmap(fd, 0, segmentBytes, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
		return err
	})
	return m, err
}

func (m mapping) write(at int64, head, key, event []byte) error {
	place := m.bytes[at:]
	place = place[copy(place, head):]
	place = place[copy(place, key):]
	copy(place, event)
	return nil
}

// isFenced reads whether the segment may still be appended to, after everything that was written. It
// writes the word that it reads as it was, in one atomic operation: an adopter's mark comes before
// that and is seen here, or it comes later and the adopter sees what was written.
func (m mapping) isFenced() (bool, error) {
	word := (*uint32)(unsafe.Pointer(&m.bytes[fencedAt]))
	return atomic.AddUint32(word, 0) != 0, nil
}

// populate makes the pages writable ahead of use: the first write to a page costs more than a record.
// Kernels before 5.14 return an error, which only costs time.
func (m mapping) populate() {
	_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, uintptr(unsafe.Pointer(&m.bytes[0])), segmentBytes, populateWrite)
}

// replaceFile lets the segment's descriptor and mapping be those of another file, also for whoever uses
// the descriptor at this moment.
func (s *segment) replaceFile(file *os.File) error {
	memory := mapping{}
	if s.memory.bytes != nil {
		var err error
		if memory, err = newMapping(file); err != nil {
			return err
		}
	}
	err := control(s.file, func(old int) error {
		return control(file, func(fd int) error { return syscall.Dup3(fd, old, syscall.O_CLOEXEC) })
	})
	if err != nil {
		memory.unmap()
		return err
	}
	s.memory.unmap()
	s.memory = memory
	return nil
}

// unmap frees the memory; the file keeps what was written.
func (m *mapping) unmap() {
	if m.bytes != nil {
		_ = syscall.Munmap(m.bytes)
		m.bytes = nil
	}
}

// reserve allocates the blocks of a segment.
func reserve(f *os.File) error {
	err := control(f, func(fd int) error { return syscall.Fallocate(fd, 0, 0, segmentBytes) })
	if errors.Is(err, syscall.EOPNOTSUPP) || errors.Is(err, syscall.ENOSYS) {
		return writeZeros(f)
	}
	return err
}

// syncData waits until what was written is on disk.
func syncData(f *os.File) error { return control(f, syscall.Fdatasync) }

// control makes a system call on a file, which stays open meanwhile, and repeats it if a signal
// interrupted it.
func control(f *os.File, call func(fd int) error) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var callErr error
	if err := raw.Control(func(fd uintptr) {
		for callErr = call(int(fd)); callErr == syscall.EINTR; {
			callErr = call(int(fd))
		}
	}); err != nil {
		return os.ErrClosed // the only cause, which package poll reports by an error of its own
	}
	return callErr
}
