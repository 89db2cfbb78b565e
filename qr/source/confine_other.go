//go:build !linux && !js

package source

import "time"

// confine bounds nothing here: time and output are bounded all the same.
func confine(int, time.Duration) error { return nil }
