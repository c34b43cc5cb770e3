//go:build unix

package main

import (
	"os"
	"syscall"
)

// keepOwner gives a file the owner of another, so that a host which runs as that user can
// read what root has replaced.
func keepOwner(file *os.File, like os.FileInfo) error {
	has, err := file.Stat()
	if err != nil {
		return err
	}
	to, ok := like.Sys().(*syscall.Stat_t)
	is, also := has.Sys().(*syscall.Stat_t)
	if !ok || !also || is.Uid == to.Uid && is.Gid == to.Gid {
		return nil
	}
	return file.Chown(int(to.Uid), int(to.Gid))
}
