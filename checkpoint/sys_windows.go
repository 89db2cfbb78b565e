package checkpoint

import (
	"os"
	"time"

	"golang.org/x/sys/windows"
)

// cannotSyncDir is true: Windows gives no handle of a folder that can be flushed, and NTFS journals the rename.
func cannotSyncDir(error) bool { return true }

// lockFile waits for the lock; the lock ends with the process.
func lockFile(f *os.File, exclusive bool) error {
	var flags uint32
	if exclusive {
		flags = windows.LOCKFILE_EXCLUSIVE_LOCK
	}
	return windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, new(windows.Overlapped))
}

// bootClock has no name of a boot here: the time since boot stands beside the wall clock.
func bootClock() (boot string, since time.Duration, ok bool) {
	return "windows", windows.DurationSinceBoot(), true
}
