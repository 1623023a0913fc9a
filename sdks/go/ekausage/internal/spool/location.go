package spool

import (
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
func Locate(configured string) (string, error) {
	if configured == "" {
		return locateDefault()
	}
	if err := createDirectory(configured); err != nil {
		return "", err
	}
	shared, err := isShared(configured)
	if err != nil {
		return "", err
	}
	path := configured
	if shared {
		path = ownDirectory(configured)
	}
	return path, (&directory{path: path}).prepare()
}

func locateDefault() (string, error) {
	temporary := os.Getenv("TMPDIR")
	if temporary == "" {
		temporary = temporaryParent
	}
	var reasons []string
	for _, parent := range slices.Compact([]string{preservedParent, temporary}) {
		path := ownDirectory(parent)
		err := (&directory{path: path}).prepare()
		if err == nil {
			return path, nil
		}
		reasons = append(reasons, err.Error())
	}
	return "", errors.New(strings.Join(reasons, "; "))
}

func ownDirectory(parent string) string {
	return filepath.Join(parent, fmt.Sprintf("eka-usage-%d", os.Geteuid()))
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
	const writableByOthers = 0o002
	if info.Mode()&fs.ModeSticky != 0 || info.Mode().Perm()&writableByOthers != 0 {
		return true, nil
	}
	files, err := os.ReadDir(path)
	return slices.ContainsFunc(files, func(file os.DirEntry) bool {
		_, ok := parseSegmentName(file.Name())
		return !ok
	}), err
}
