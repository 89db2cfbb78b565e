package emulate

import (
	"context"
	"errors"
	"sync"
)

// ErrRemoved is what a [Slot] answers once the card has left, as PC/SC does with 80100069.
var ErrRemoved = errors.New("emulate: no card in the reader")

// Slot is a reader in memory. Its Transmit shows what PC/SC shows, pitfalls included: a card that leaves during a
// command gives an empty answer and no error, and only the next command fails.
type Slot struct {
	mu     sync.Mutex
	device Device
}

// NewSlot puts a card into a reader, powered and reset.
func NewSlot(device Device) *Slot {
	s := &Slot{}
	s.Insert(device)
	return s
}

// Insert puts another card in: it is reset. Nil takes the card out.
func (s *Slot) Insert(device Device) {
	if device != nil {
		device.Reset()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.device = device
}

// ATR gives the answer to reset of the card, nil without one.
func (s *Slot) ATR() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.device == nil {
		return nil
	}
	return s.device.ATR()
}

// Contactless reports whether this is a contactless reader: it is what the card in it needs.
func (s *Slot) Contactless() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return isContactless(s.device)
}

func isContactless(device Device) bool {
	d, ok := device.(interface{ Contactless() bool })
	return ok && d.Contactless()
}

// Transmit sends a command APDU to the card and gives its answer. Like PC/SC it does not judge the answer: it may be
// shorter than a status word.
func (s *Slot) Transmit(ctx context.Context, apdu []byte) ([]byte, error) {
	s.mu.Lock()
	device := s.device
	s.mu.Unlock()
	if device == nil {
		return nil, ErrRemoved
	}
	response, err := device.Transmit(ctx, apdu)
	if errors.Is(err, ErrTorn) {
		s.mu.Lock()
		if s.device == device {
			s.device = nil
		}
		s.mu.Unlock()
		return []byte{}, nil
	}
	return response, err
}
