//go:build !linux

package emulate

import "testing"

// Fixture is a running pcscd with virtual readers. There is none on this system.
type Fixture struct{}

// Isolated skips the test: the namespaces it needs are Linux's own.
func Isolated(t *testing.T, _ FixtureConfig, _ func(t *testing.T, f *Fixture)) {
	t.Helper()
	skip(t, "emulate: a private pcscd needs the namespaces of Linux")
}
