//go:build unix

package spool

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

const noLink = syscall.O_NOFOLLOW

// isDiskFull reports whether an error means that the disk, or a quota, is full.
func isDiskFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}

// checkAccess makes a directory accessible to this user alone, and returns why it is not; nil if it
// is.
func checkAccess(path string, info os.FileInfo) error {
	if !isOwn(info) {
		return fmt.Errorf("belongs to user %d, but this process runs as user %d", ownerOf(info), os.Geteuid())
	}
	if info.Mode().Perm()&others != 0 {
		if err := makePrivate(path); err != nil {
			return fmt.Errorf("accessible to other users, and chmod 700 fails: %w", err)
		}
	}
	const readWriteExecute = 7
	if syscall.Access(path, readWriteExecute) != nil {
		return errors.New("not writable")
	}
	return nil
}

// makePrivate takes the rights of other users away, which a mounted volume may have given to them. It
// works on a descriptor: in a shared directory, another user may replace what has this name.
func makePrivate(path string) error {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_DIRECTORY|noLink, 0)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if info, err := f.Stat(); err != nil || !isOwn(info) {
		return errors.Join(err, errors.New("replaced meanwhile"))
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

func isOwn(info os.FileInfo) bool { return ownerOf(info) == os.Geteuid() }

func ownerOf(info os.FileInfo) int { return int(info.Sys().(*syscall.Stat_t).Uid) }
