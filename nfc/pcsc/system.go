package pcsc

import "time"

// system is the PC/SC service. Every call may block; errors are a Code or a *Error.
type system interface {
	establish() (connection, error)
}

// connection is a context of PC/SC. Only cancel may be called beside another call.
type connection interface {
	readers() ([]string, error)
	// statusChange waits until the state of a reader differs from current, and fills in event and atr. On a timeout
	// it gives codeTimeout and fills in nothing.
	statusChange(states []readerState, timeout time.Duration) error
	connect(reader string, exclusive bool) (link, error)
	cancel() error
	release() error
}

// link is a connected card.
type link interface {
	begin() error
	transmit(apdu []byte) ([]byte, error)
	end() error
	disconnect(reset bool) error
}

// readerState is one entry of statusChange.
type readerState struct {
	name           string
	current, event uint32
	atr            []byte
}

// Bits of a reader's state (PC/SC Part 5, Section 3.2.5). The upper 16 bits count events.
const (
	stateUnaware     = 0x0000
	stateChanged     = 0x0002
	stateUnknown     = 0x0004
	stateUnavailable = 0x0008
	statePresent     = 0x0020
	stateExclusive   = 0x0080
	stateInUse       = 0x0100
	stateMute        = 0x0200
)

// pnpReader is the name under which the service reports readers that come and go.
const pnpReader = `\\?PnP?\Notification`
