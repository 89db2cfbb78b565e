//go:build !linux

package main

import "time"

// benchClockName says what benchClock counts.
const benchClockName = "wall time"

var benchClockStart = time.Now()

// benchClock is the time since the start: other programs on the machine count too.
func benchClock() time.Duration { return time.Since(benchClockStart) }
