package spool

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const (
	preservedParent = "/var/tmp" // outlives a restart of the machine
	temporaryParent = "/tmp"
)

// Locate returns the directory of the spool, which exists and is this user's alone. What is configured
// is a directory of this user's, or a shared one such as a mounted volume, in which this user's is a
// directory of its own. If nothing is configured, it is the first default that can be used. An error
// explains why there is none.
func Locate(configured string) (*Directory, error) {
	if configured == "" {
		return locateDefault()
	}
	if err := createDirectory(configured); err != nil {
		return nil, err
	}
	shared, err := isShared(configured)
	if err != nil {
		return nil, err
	}
	if shared {
		return openDirectory(ownDirectory(configured))
	}
	return openDirectory(configured)
}

func locateDefault() (*Directory, error) {
	makeStateDirectories()
	var reasons []string
	for _, parent := range defaultParents() {
		d, err := openDirectory(ownDirectory(parent))
		if err == nil {
			return d, nil
		}
		reasons = append(reasons, err.Error())
	}
	return nil, errors.New(strings.Join(reasons, "; "))
}

// defaultParents returns what the spool may be in: first where no other user can take its name, then
// what outlives a restart of the machine.
func defaultParents() []string {
	parents := []string{preservedParent, cmp.Or(os.Getenv("TMPDIR"), temporaryParent)}
	systemd, _, _ := strings.Cut(os.Getenv("STATE_DIRECTORY"), ":") // one for each of the unit's
	own := []string{systemd, os.Getenv("XDG_STATE_HOME")}
	if home := homeState(); len(home) > 0 {
		own = append(own, home[len(home)-1])
	}
	own = slices.DeleteFunc(own, func(path string) bool { return !isOwnDirectory(path) })
	var distinct []string
	for _, parent := range slices.Concat(own, parents) {
		if !slices.Contains(distinct, parent) {
			distinct = append(distinct, parent)
		}
	}
	return distinct
}

// homeState returns the directories of the user's state in their home, the outer one first; none if
// they have no home.
func homeState() []string {
	home := os.Getenv("HOME")
	if !isOwnDirectory(home) {
		return nil
	}
	local := filepath.Join(home, ".local")
	return []string{local, filepath.Join(local, "state")}
}

// makeStateDirectories makes the directories of the user's state that are missing.
func makeStateDirectories() {
	for _, path := range append([]string{os.Getenv("XDG_STATE_HOME")}, homeState()...) {
		if path != "" && isOwnDirectory(filepath.Dir(path)) {
			_ = os.Mkdir(path, private) // it exists, or its filesystem is read-only
		}
	}
}

// isOwnDirectory reports whether an absolute path is a directory that this user owns, except the root.
func isOwnDirectory(path string) bool {
	if path = filepath.Clean(path); !filepath.IsAbs(path) || path == filepath.Dir(path) {
		return false
	}
	info, err := os.Stat(path)
	return err == nil && info.IsDir() && isOwn(info)
}

func ownDirectory(parent string) string {
	return filepath.Join(parent, fmt.Sprintf("%s-%d", clientName, os.Geteuid()))
}

// isShared reports whether a directory is not for this user alone, nor meant to be. One that others may
// enter, but not write, and that holds nothing but segments was a spool before its volume was mounted
// again, or is a new volume of this user's.
func isShared(path string) (bool, error) {
	info, err := directoryInfo(path)
	if err != nil {
		return false, err
	}
	if !isOwn(info) {
		return true, nil
	}
	if info.Mode().Perm()&others == 0 {
		return false, nil
	}
	const writableByAll = 0o002
	if info.Mode()&fs.ModeSticky != 0 || info.Mode().Perm()&writableByAll != 0 {
		return true, nil
	}
	files, err := os.ReadDir(path)
	return slices.ContainsFunc(files, func(file os.DirEntry) bool {
		_, ok := parseSegmentName(file.Name())
		return !ok
	}), err
}
