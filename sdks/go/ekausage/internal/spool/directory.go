package spool

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
)

const (
	private     = 0o700 // the mode of a directory
	privateFile = 0o600
	others      = 0o077 // what users other than the owner may do
)

// A FullError reports that one more segment would exceed the limit of the directory, or the disk.
type FullError struct{ message string }

func (e *FullError) Error() string { return e.message }

// A Directory holds the segments of all clients of one user, shared by the processes of one machine.
//
// It is open from the checks on, and everything in it is reached through root: whoever may write to its
// parent could otherwise move it away and put another one in its place.
type Directory struct {
	path     string
	root     atomic.Pointer[os.Root]
	maxBytes int64

	creating sync.Mutex // from checking maxBytes until the segment exists
}

// openDirectory opens a directory, which it creates if it is missing, and makes it this user's alone. An
// error explains why it cannot be used.
func openDirectory(path string) (*Directory, error) {
	root, err := openRoot(path)
	if err != nil {
		return nil, err
	}
	d := &Directory{path: path}
	d.root.Store(root)
	return d, nil
}

func openRoot(path string) (*os.Root, error) {
	if err := createDirectory(path); err != nil {
		return nil, err
	}
	expected, err := directoryInfo(path)
	if err != nil {
		return nil, err
	}
	// With the dot, only a directory can be opened: opening a pipe would wait for its other end.
	root, err := os.OpenRoot(path + string(filepath.Separator) + ".")
	if err != nil {
		return nil, err
	}
	info, err := root.Stat(".")
	if err == nil && !os.SameFile(expected, info) {
		err = errors.New("replaced while it was opened")
	}
	if err == nil {
		err = checkAccess(path, root)
	}
	if err != nil {
		_ = root.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return root, nil
}

// makeAgain replaces a directory that was removed by a new one, which passes the same checks. It returns the
// error of the file that was not found if the directory was not removed. The garbage collector closes the old
// one, which other goroutines may be using.
func (d *Directory) makeAgain(missing error) error {
	info, err := d.root.Load().Stat(".")
	if err == nil && linksOf(info) > 0 {
		return missing
	}
	root, err := openRoot(d.path)
	if err != nil {
		return fmt.Errorf("the directory was removed, and no other can be used: %w", err)
	}
	d.root.Store(root)
	return nil
}

// isInPlace reports whether the path still leads to the directory.
func (d *Directory) isInPlace() bool {
	held, err := d.root.Load().Stat(".")
	found, missing := os.Lstat(d.path)
	return err == nil && missing == nil && os.SameFile(held, found)
}

func (d *Directory) close() error { return d.root.Load().Close() }

// names lists the segments, those of each origin in their order.
func (d *Directory) names() ([]segmentName, error) {
	f, err := d.root.Load().Open(".")
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	files, err := f.Readdirnames(-1)
	var names []segmentName
	for _, file := range files {
		if name, ok := parseSegmentName(file); ok {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, compareSegmentNames)
	return names, err
}

// create creates a segment and reserves its blocks. It returns a FullError if there is no space.
func (d *Directory) create(name segmentName) (*segment, error) {
	d.creating.Lock()
	defer d.creating.Unlock()
	used, err := d.usedBytes()
	if err != nil && !errors.Is(err, os.ErrNotExist) { // a directory that was removed is made again
		return nil, err
	}
	if used+segmentBytes > d.maxBytes {
		return nil, &FullError{fmt.Sprintf("%s has reached its limit of %d bytes; is Kafka reachable?", d.path, d.maxBytes)}
	}
	file, err := d.createFile(name)
	if isDiskFull(err) {
		err = &FullError{fmt.Sprintf("the disk of %s is full", d.path)}
	}
	if err != nil {
		return nil, err
	}
	return &segment{directory: d, name: name, file: file}, nil
}

// createFile creates a file and reserves its blocks. It makes the directory again if that was removed.
func (d *Directory) createFile(name segmentName) (*os.File, error) {
	const flags = os.O_RDWR | os.O_CREATE | os.O_EXCL | openFlags
	file, err := d.root.Load().OpenFile(name.String(), flags, privateFile)
	if errors.Is(err, os.ErrNotExist) {
		if err := d.makeAgain(err); err != nil {
			return nil, err
		}
		file, err = d.root.Load().OpenFile(name.String(), flags, privateFile)
	}
	if err != nil {
		return nil, err
	}
	if err := reserve(file); err != nil {
		_ = d.root.Load().Remove(name.String())
		_ = file.Close()
		return nil, err
	}
	return file, nil
}

// open opens a segment that exists. It returns an untrustedError for one that another user may have
// placed or changed, and never waits for a pipe.
func (d *Directory) open(name segmentName, flag int) (*os.File, error) {
	expected, err := d.root.Load().Lstat(name.String())
	if err != nil {
		return nil, err
	}
	if err := checkFile(expected); err != nil {
		return nil, &untrustedError{err}
	}
	f, err := d.root.Load().OpenFile(name.String(), flag|openFlags, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil {
		err = d.checkOpened(f, expected, info)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

func (d *Directory) checkOpened(f *os.File, expected, info os.FileInfo) error {
	if !os.SameFile(expected, info) {
		return os.ErrNotExist // renamed meanwhile
	}
	if err := checkFile(info); err != nil {
		return &untrustedError{err}
	}
	// A client that is renaming the segment, or was ended while it did, leaves two names in the directory.
	for range 3 {
		if linksOf(info) <= 1 || linksOf(info) == d.namesOf(info) {
			return nil
		}
		var err error
		if info, err = f.Stat(); err != nil {
			return err
		}
	}
	return &untrustedError{fmt.Errorf("linked from outside the directory (%d links)", linksOf(info))}
}

// namesOf counts the names of a file in the directory.
func (d *Directory) namesOf(file os.FileInfo) (count uint64) {
	names, _ := d.names()
	for _, name := range names {
		if info, err := d.root.Load().Lstat(name.String()); err == nil && os.SameFile(info, file) {
			count++
		}
	}
	return count
}

// An untrustedError is why a file counts as placed or changed by another user.
type untrustedError struct{ reason error }

func (e *untrustedError) Error() string {
	return "is left alone, since another user may have placed or changed it: " + e.reason.Error()
}

// usedBytes returns the space that all segments take, whoever owns them.
func (d *Directory) usedBytes() (int64, error) {
	names, err := d.names()
	used := int64(0)
	for _, name := range names {
		info, err := d.root.Load().Lstat(name.String())
		if err == nil && info.Mode().IsRegular() { // otherwise it was removed a moment ago
			used += bytesOnDisk(info)
		}
	}
	return used, err
}

// sync waits until the names are on disk.
func (d *Directory) sync() error {
	f, err := d.root.Load().Open(".")
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	return f.Sync()
}

// createDirectory creates a directory for this user alone, if nothing has its name.
func createDirectory(path string) error {
	if err := os.Mkdir(path, private); err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%s: cannot be created: %w", path, err)
	}
	return nil
}

// directoryInfo returns the status of a directory, which may be another user's.
func directoryInfo(path string) (os.FileInfo, error) {
	info, err := os.Lstat(path)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s: not a directory (symbolic links are not followed)", path)
	}
	return info, err
}
