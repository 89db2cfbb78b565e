package main

import (
	"time"

	"golang.org/x/sys/unix"
)

// benchClockName says what benchClock counts.
const benchClockName = "process CPU time"

// benchClock is the CPU time that all threads of this process have used: what CPU rows are measured in, so that other programs on
// the machine do not count. The garbage collector does.
func benchClock() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &t); err != nil {
		panic("posvid: bench: no CPU clock: " + err.Error()) // Linux has had it since 2.6.12
	}
	return time.Duration(t.Nano())
}
