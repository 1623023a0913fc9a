//go:build unix

package spool

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

const noLink = syscall.O_NOFOLLOW

// diskFull reports whether an error says that there is no room.
func diskFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}

// access says why a folder is not this user's alone; nil where it is.
func access(path string, found os.FileInfo) error {
	if owner := found.Sys().(*syscall.Stat_t).Uid; int(owner) != os.Geteuid() {
		return fmt.Errorf("it belongs to user %d, and this is user %d", owner, os.Geteuid())
	}
	if found.Mode().Perm()&0o077 != 0 {
		return errors.New("others than its owner may enter it: chmod 700")
	}
	const everything = 7
	if syscall.Access(path, everything) != nil {
		return errors.New("it cannot be written")
	}
	return nil
}
