package checkpoint

import (
	"time"

	"golang.org/x/sys/unix"
)

// bootClock gives the name of this boot and the time since it, sleep included, which nobody sets.
func bootClock() (boot string, since time.Duration, ok bool) {
	id, err := unix.Sysctl("kern.bootsessionuuid")
	if err != nil {
		return "", 0, false
	}
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC_RAW, &ts) != nil {
		return "", 0, false
	}
	return id, time.Duration(ts.Nano()), true
}
