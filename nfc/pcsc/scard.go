//go:build pcsc && (cgo || windows)

package pcsc

import (
	"errors"
	"time"

	"github.com/ebfe/scard"
)

// Built reports whether this program can read cards.
const Built = true

var host system = scardSystem{}

type scardSystem struct{}

func (scardSystem) establish() (connection, error) {
	c, err := scard.EstablishContext()
	if err != nil {
		return nil, convert(err)
	}
	return scardConnection{c}, nil
}

// convert turns the library's error into a Code.
func convert(err error) error {
	var e scard.Error
	if errors.As(err, &e) {
		return Code(e)
	}
	return err
}

type scardConnection struct{ c *scard.Context }

func (s scardConnection) readers() ([]string, error) {
	list, err := s.c.ListReaders()
	return list, convert(err)
}

func (s scardConnection) statusChange(states []readerState, timeout time.Duration) error {
	list := make([]scard.ReaderState, len(states))
	for i, r := range states {
		list[i] = scard.ReaderState{Reader: r.name, CurrentState: scard.StateFlag(r.current)}
	}
	if err := s.c.GetStatusChange(list, timeout); err != nil {
		return convert(err)
	}
	for i := range states {
		states[i].event, states[i].atr = uint32(list[i].EventState), list[i].Atr
	}
	return nil
}

func (s scardConnection) connect(reader string, exclusive bool) (link, error) {
	mode := scard.ShareShared
	if exclusive {
		mode = scard.ShareExclusive
	}
	card, err := s.c.Connect(reader, mode, scard.ProtocolAny)
	if err != nil {
		return nil, convert(err)
	}
	return scardLink{card}, nil
}

func (s scardConnection) cancel() error  { return convert(s.c.Cancel()) }
func (s scardConnection) release() error { return convert(s.c.Release()) }

type scardLink struct{ c *scard.Card }

func (s scardLink) begin() error { return convert(s.c.BeginTransaction()) }

func (s scardLink) transmit(apdu []byte) ([]byte, error) {
	answer, err := s.c.Transmit(apdu)
	return answer, convert(err)
}

func (s scardLink) end() error { return convert(s.c.EndTransaction(scard.LeaveCard)) }

func (s scardLink) disconnect(reset bool) error {
	if reset {
		return convert(s.c.Disconnect(scard.ResetCard))
	}
	return convert(s.c.Disconnect(scard.LeaveCard))
}
