package main

import (
	"time"

	"golang.org/x/sys/unix"
)

// clockName is what the times of decoders in this process are measured by.
const clockName = "process CPU time"

// cpu is the CPU time that this process has used.
func cpu() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &t); err != nil {
		return time.Since(start)
	}
	return time.Duration(t.Nano())
}

var start = time.Now()
