package unpack_test

import (
	"os"
	"syscall"
	"testing"
)

// inode is a file's number.
func inode(t *testing.T, name string) uint64 {
	t.Helper()
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Ino
}
