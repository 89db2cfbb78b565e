//go:build !linux

package main

import "time"

// clockName is what the times of decoders in this process are measured by.
const clockName = "wall clock"

var start = time.Now()

// cpu is the time since the program began, for want of a CPU clock.
func cpu() time.Duration { return time.Since(start) }
