//go:build !unix

package spool

import (
	"errors"
	"os"
)

const noLink = 0

func diskFull(error) bool { return false }

func access(string, os.FileInfo) error {
	return errors.New("this system does not say whose a folder is")
}
