//go:build !unix

package spool

import (
	"errors"
	"os"
)

const openFlags = 0

func isDiskFull(error) bool { return false }

func checkAccess(string, *os.Root) error {
	return errors.New("this platform does not report the owner of a directory")
}

func checkFile(os.FileInfo) error { return nil }

func parentRisk(string) string { return "" }

// isOwn lets checkAccess reject the directory itself.
func isOwn(os.FileInfo) bool { return true }

func linksOf(os.FileInfo) uint64 { return 1 }

func bytesOnDisk(info os.FileInfo) int64 { return info.Size() }
