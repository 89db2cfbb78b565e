//go:build !linux

package emulate

import "testing"

const elsewhere = "emulate: a private pcscd needs the namespaces of Linux"

// Fixture is a running pcscd with virtual readers. No test gets one on this system: [Isolated] skips. Its methods exist so
// that tests which use it compile everywhere, and panic.
type Fixture struct{}

// Isolated skips the test: the namespaces it needs are Linux's own.
func Isolated(t *testing.T, _ FixtureConfig, _ func(t *testing.T, f *Fixture)) {
	t.Helper()
	skip(t, elsewhere)
}

// SecurityViolation is the PC/SC code by which pcscd refuses a user whom polkit does not allow.
const SecurityViolation uint32 = 0x8010006A

func (f *Fixture) StartDaemon()                                { panic(elsewhere) }
func (f *Fixture) StopDaemon()                                 { panic(elsewhere) }
func (f *Fixture) KillDaemon()                                 { panic(elsewhere) }
func (f *Fixture) RefuseClients(uint32)                        { panic(elsewhere) }
func (f *Fixture) Log() string                                 { panic(elsewhere) }
func (f *Fixture) Reader(int) string                           { panic(elsewhere) }
func (f *Fixture) Address(int) string                          { panic(elsewhere) }
func (f *Fixture) Insert(testing.TB, int, Device) *Plug        { panic(elsewhere) }
func (f *Fixture) Put(testing.TB, int, Device) *Plug           { panic(elsewhere) }
func (f *Fixture) Remove(testing.TB, int, *Plug)               { panic(elsewhere) }
func (f *Fixture) Output(testing.TB, string, ...string) string { panic(elsewhere) }
func (f *Fixture) Run(testing.TB, string, ...string) (stdout, stderr string, status int) {
	panic(elsewhere)
}
