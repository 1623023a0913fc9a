//go:build !unix

package spool

import (
	"errors"
	"os"
)

const noLink = 0

func isDiskFull(error) bool { return false }

func checkAccess(string, os.FileInfo) error {
	return errors.New("this platform does not report the owner of a directory")
}

// isOwn lets checkAccess reject the directory itself.
func isOwn(os.FileInfo) bool { return true }
