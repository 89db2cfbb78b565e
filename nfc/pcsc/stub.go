//go:build !pcsc || (!cgo && !windows)

package pcsc

// Built reports whether this program can read cards.
const Built = false

var host system = noSystem{}

// noSystem stands where a build has no PC/SC.
type noSystem struct{}

func (noSystem) establish() (connection, error) {
	return nil, trouble(NotBuilt, "", nil, "this build reads no cards: build it with the tag pcsc (cgo, libpcsclite-dev and pkg-config; on Windows the tag alone)")
}
