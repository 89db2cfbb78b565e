package store

import (
	"os"
	"syscall"
)

// datasync makes the content of f durable without waiting for times and the like, as SQLite does.
func datasync(f *os.File) error { return syscall.Fdatasync(int(f.Fd())) }
