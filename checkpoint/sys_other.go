//go:build !linux && !darwin && !windows

package checkpoint

import "time"

// bootClock is not known for this system: challenges go by the wall clock alone.
func bootClock() (boot string, since time.Duration, ok bool) { return "", 0, false }
