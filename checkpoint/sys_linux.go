package checkpoint

import (
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// bootClock gives the name of this boot and the time since it, which runs through suspend and which nobody sets.
func bootClock() (boot string, since time.Duration, ok bool) {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", 0, false
	}
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts) != nil {
		return "", 0, false
	}
	return strings.TrimSpace(string(id)), time.Duration(ts.Nano()), true
}
