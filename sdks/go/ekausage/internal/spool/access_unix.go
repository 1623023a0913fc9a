//go:build unix

package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

const (
	// openFlags open a name without following a symbolic link or waiting for the other end of a pipe.
	openFlags = syscall.O_NOFOLLOW | syscall.O_NONBLOCK

	writableByAll    = 0o002
	writableByGroup  = 0o020
	writableByOthers = writableByAll | writableByGroup
	blockBytes       = 512 // the unit of st_blocks, whatever the filesystem's blocks are
)

// isDiskFull reports whether an error means that the disk, or a quota, is full.
func isDiskFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}

// checkAccess makes an open directory accessible to this user alone, and returns why it is not; nil if
// it is.
func checkAccess(path string, root *os.Root) error {
	f, err := root.Open(".")
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !isOwn(info) {
		return foreign(info)
	}
	if info.Mode().Perm()&others != 0 {
		if err := makePrivate(root, f, info); err != nil {
			return fmt.Errorf("accessible to other users, and chmod 700 fails: %w", err)
		}
	}
	const readWriteExecute = 7
	if syscall.Access(path, readWriteExecute) != nil {
		return errors.New("not writable")
	}
	return nil
}

func foreign(info os.FileInfo) error {
	return fmt.Errorf("belongs to user %d, but this process runs as user %d", ownerOf(info), os.Geteuid())
}

// makePrivate takes the rights of other users away, which a mounted volume may have given to them. If
// only a group could write to the directory, its segments are kept.
func makePrivate(root *os.Root, f *os.File, info os.FileInfo) error {
	if info.Mode().Perm()&writableByAll == 0 {
		files, err := f.Readdirnames(-1)
		if err != nil {
			return err
		}
		for _, file := range files {
			if _, ok := parseSegmentName(file); ok {
				makeFilePrivate(root, file)
			}
		}
	}
	if err := f.Chmod(private); err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil && info.Mode().Perm()&others != 0 {
		err = errors.New("the filesystem ignores it")
	}
	return err
}

// makeFilePrivate takes from a group what a mount with fsGroup gave to it. What fails shows when the
// segment is opened.
func makeFilePrivate(root *os.Root, name string) {
	info, err := root.Lstat(name)
	if err != nil || !info.Mode().IsRegular() {
		return
	}
	f, err := root.OpenFile(name, os.O_RDONLY|openFlags, 0)
	if err != nil {
		return
	}
	defer func() { _ = f.Close() }()
	info, err = f.Stat()
	if err == nil && info.Mode().IsRegular() && isOwn(info) && linksOf(info) == 1 &&
		info.Mode().Perm()&others != 0 && info.Mode().Perm()&writableByAll == 0 {
		_ = f.Chmod(privateFile)
	}
}

// checkFile returns why a file may not be what a client of this user wrote; nil if it is.
func checkFile(info os.FileInfo) error {
	switch {
	case !info.Mode().IsRegular():
		return fmt.Errorf("not a regular file (%s)", info.Mode().Type())
	case !isOwn(info):
		return foreign(info)
	case info.Mode().Perm()&writableByOthers != 0:
		return fmt.Errorf("writable by other users (mode %04o)", info.Mode().Perm())
	case info.Size() > segmentBytes:
		return fmt.Errorf("%d bytes long, and a segment has %d", info.Size(), segmentBytes)
	}
	return nil
}

// parentRisk returns what other users could do to a directory through its parent; "" if nothing.
func parentRisk(path string) string {
	parent, err := os.Stat(filepath.Dir(path))
	if err != nil {
		return ""
	}
	why := whoMayReplace(parent)
	if why == "" {
		return ""
	}
	return fmt.Sprintf("other users may rename or remove %s, and with it events that are not delivered, as its parent "+
		"%s; set %sSPOOL_DIR to a directory in another one, or accept it: they cannot read or add events", path, why, envPrefix)
}

// whoMayReplace returns why users other than root may rename what is in a directory; "" if none may.
func whoMayReplace(parent os.FileInfo) string {
	if owner := ownerOf(parent); owner != 0 && !isOwn(parent) {
		return fmt.Sprintf("belongs to user %d", owner)
	}
	byGroup := parent.Mode().Perm()&writableByGroup != 0 && !isOwn(parent)
	byAll := parent.Mode().Perm()&writableByAll != 0
	if (byAll || byGroup) && parent.Mode()&fs.ModeSticky == 0 {
		return "may be written by others, and has no sticky bit"
	}
	return ""
}

func isOwn(info os.FileInfo) bool { return ownerOf(info) == os.Geteuid() }

func ownerOf(info os.FileInfo) int { return int(info.Sys().(*syscall.Stat_t).Uid) }

func linksOf(info os.FileInfo) uint64 { return uint64(info.Sys().(*syscall.Stat_t).Nlink) }

// bytesOnDisk returns how much space a file takes; one with holes takes less than its length.
func bytesOnDisk(info os.FileInfo) int64 {
	return min(info.Size(), info.Sys().(*syscall.Stat_t).Blocks*blockBytes)
}
