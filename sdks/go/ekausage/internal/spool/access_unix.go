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

// checkAccess returns why a directory is not accessible to this user alone; nil where it is.
func checkAccess(path string, info os.FileInfo) error {
	if owner := info.Sys().(*syscall.Stat_t).Uid; int(owner) != os.Geteuid() {
		return fmt.Errorf("belongs to user %d, but this process runs as user %d", owner, os.Geteuid())
	}
	if info.Mode().Perm()&0o077 != 0 {
		return errors.New("accessible to other users: chmod 700")
	}
	const readWriteExecute = 7
	if syscall.Access(path, readWriteExecute) != nil {
		return errors.New("not writable")
	}
	return nil
}
