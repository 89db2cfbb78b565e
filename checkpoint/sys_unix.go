//go:build unix

package checkpoint

import (
	"errors"
	"os"
	"syscall"
)

// cannotSyncDir tells the file systems that do not flush folders from those that failed to.
func cannotSyncDir(err error) bool {
	return errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP)
}

// lockFile waits for the lock; the lock ends with the process.
func lockFile(f *os.File, exclusive bool) error {
	how := syscall.LOCK_SH
	if exclusive {
		how = syscall.LOCK_EX
	}
	for {
		err := syscall.Flock(int(f.Fd()), how)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
