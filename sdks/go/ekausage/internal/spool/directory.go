package spool

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
)

const (
	private = 0o700 // the mode of a directory
	others  = 0o077 // what users other than the owner may do
)

// A FullError reports that one more segment would exceed the limit of the directory, or the disk.
type FullError struct{ message string }

func (e *FullError) Error() string { return e.message }

// directory holds the segments of all clients of one user, shared by the processes of one machine.
type directory struct {
	path     string
	maxBytes int64

	creating sync.Mutex // from checking maxBytes until the segment exists
}

// prepare creates the directory if it is missing, and makes it this user's alone. An error explains
// why it cannot be used.
func (d *directory) prepare() error {
	if err := createDirectory(d.path); err != nil {
		return err
	}
	info, err := directoryInfo(d.path)
	if err != nil {
		return err
	}
	if err := checkAccess(d.path, info); err != nil {
		return fmt.Errorf("%s: %w", d.path, err)
	}
	return nil
}

// names lists the segments, those of each origin in their order.
func (d *directory) names() ([]segmentName, error) {
	files, err := os.ReadDir(d.path)
	var names []segmentName
	for _, file := range files {
		if name, ok := parseSegmentName(file.Name()); ok {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, compareSegmentNames)
	return names, err
}

// create creates a segment and reserves its blocks. It returns a FullError if there is no space.
func (d *directory) create(name segmentName) (*segment, error) {
	d.creating.Lock()
	defer d.creating.Unlock()
	used, err := d.usedBytes()
	if err != nil {
		return nil, err
	}
	if used+segmentBytes > d.maxBytes {
		return nil, &FullError{fmt.Sprintf("%s has reached its limit of %d bytes; is Kafka reachable?", d.path, d.maxBytes)}
	}
	s := &segment{directory: d, name: name}
	if s.file, err = os.OpenFile(s.path(), os.O_RDWR|os.O_CREATE|os.O_EXCL|noLink, 0o600); err == nil {
		if err = reserve(s.file); err == nil {
			return s, nil
		}
		s.remove()
	}
	if isDiskFull(err) {
		err = &FullError{fmt.Sprintf("the disk of %s is full", d.path)}
	}
	return nil, err
}

// usedBytes returns the length of all segments, whoever owns them.
func (d *directory) usedBytes() (int64, error) {
	files, err := os.ReadDir(d.path)
	used := int64(0)
	for _, file := range files {
		if _, ok := parseSegmentName(file.Name()); !ok {
			continue
		}
		if info, err := file.Info(); err == nil { // otherwise it was removed a moment ago
			used += info.Size()
		}
	}
	return used, err
}

// sync waits until the names are on disk.
func (d *directory) sync() error {
	f, err := os.Open(d.path)
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
