package spool

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// A FullError says that there is no room for one more segment.
type FullError struct{ why string }

func (e *FullError) Error() string { return e.why }

// DefaultFolder is where events are kept if nobody says so: it outlives a restart of the machine
// where there is such a place.
func DefaultFolder() string {
	parent := "/var/tmp"
	if found, err := os.Stat(parent); err != nil || !found.IsDir() {
		parent = os.TempDir()
	}
	return filepath.Join(parent, fmt.Sprintf("eka-usage-%d", os.Geteuid()))
}

// folder is a folder of segments that is this user's alone, shared by processes of one machine.
type folder struct {
	path     string
	maxBytes int64

	making sync.Mutex // from the look at maxBytes until the segment is there
}

// prepare makes the folder where it is missing; an error says why it cannot be used.
func (d *folder) prepare() error {
	if err := os.Mkdir(d.path, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("it cannot be made: %w", err)
	}
	found, err := os.Lstat(d.path)
	if err != nil {
		return err
	}
	if !found.IsDir() {
		return errors.New("it is no folder, and symbolic links are not followed")
	}
	return access(d.path, found)
}

// segments are the names of those in it, each origin's in their order.
func (d *folder) segments() ([]name, error) {
	files, err := os.ReadDir(d.path)
	var found []name
	for _, file := range files {
		if n, ok := parseName(file.Name()); ok {
			found = append(found, n)
		}
	}
	slices.SortFunc(found, inOrder)
	return found, err
}

// create makes a segment and reserves its blocks. A FullError says that there is no room.
func (d *folder) create(n name) (*segment, error) {
	d.making.Lock()
	defer d.making.Unlock()
	taken, err := d.taken()
	if err != nil {
		return nil, err
	}
	if taken+segmentBytes > d.maxBytes {
		return nil, &FullError{fmt.Sprintf("%s takes the %d bytes that it may", d.path, d.maxBytes)}
	}
	s := &segment{folder: d, name: n}
	if s.file, err = os.OpenFile(s.path(), os.O_RDWR|os.O_CREATE|os.O_EXCL|noLink, 0o600); err == nil {
		if err = reserve(s.file); err == nil {
			return s, nil
		}
		s.remove()
	}
	if diskFull(err) {
		err = &FullError{fmt.Sprintf("the disk of %s is full", d.path)}
	}
	return nil, err
}

// taken is the length of all segments, whoever owns them.
func (d *folder) taken() (int64, error) {
	files, err := os.ReadDir(d.path)
	taken := int64(0)
	for _, file := range files {
		if _, ok := parseName(file.Name()); !ok {
			continue
		}
		if found, err := file.Info(); err == nil { // otherwise it was removed a moment ago
			taken += found.Size()
		}
	}
	return taken, err
}

// sync waits until the disk knows the names.
func (d *folder) sync() error {
	f, err := os.Open(d.path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	return f.Sync()
}
