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

// mapping is a segment in the memory of its writer; the kernel has what is written there, whatever
// ends the process. Its blocks are reserved: writing into them cannot fail.
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
	word := (*uint32)(unsafe.Pointer(&m.bytes[closedAt]))
	return atomic.AddUint32(word, 0) != 0, nil
}

// populate makes the pages ready to be written ahead: a first write costs more than the record itself.
// Kernels before 5.14 refuse, and only lose time.
func (m mapping) populate() {
	_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, uintptr(unsafe.Pointer(&m.bytes[0])), segmentBytes, populateWrite)
}

// release lets go of the memory; the file keeps what is in it.
func (m *mapping) release() {
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

// syncData waits until the disk has what was written.
func syncData(f *os.File) error { return control(f, syscall.Fdatasync) }

// control makes a system call on a file that stays open meanwhile, again where a signal interrupted
// it.
func control(f *os.File, call func(fd int) error) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var said error
	err = raw.Control(func(fd uintptr) {
		for said = call(int(fd)); said == syscall.EINTR; {
			said = call(int(fd))
		}
	})
	return errors.Join(err, said)
}
