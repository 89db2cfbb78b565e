package nfc

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"time"
)

// Card is one card on one reader. Transmit carries one command APDU to it and gives the whole answer, data and status
// word; it is not called twice at once.
//
// Transmit must return soon after ctx ends, and must not touch apdu after it has returned. An answer shorter than two
// bytes, which readers give when the card leaves in mid-command, may be passed on as it is: [Session] refuses it as
// ErrTorn. An error means that the exchange failed and the card may be in any state; status words are not errors.
type Card interface {
	Transmit(ctx context.Context, apdu []byte) ([]byte, error)
}

// TransportLimits is what the way to a card carries. The zero value stands for [ShortLimits].
type TransportLimits struct {
	Data     int  // most bytes of command data in one APDU
	Le       int  // most bytes that are asked for in one answer
	Extended bool // the extended form may be used
}

// ShortLimits are what every reader carries; NarrowLimits fit readers that lose frames of about 256 bytes;
// ExtendedLimits are the most that the extended form can state.
var (
	ShortLimits    = TransportLimits{Data: MaxShortData, Le: MaxShortLe}
	NarrowLimits   = TransportLimits{Data: 0xE0, Le: 0xE0}
	ExtendedLimits = TransportLimits{Data: MaxExtendedData, Le: MaxExtendedLe, Extended: true}
)

func (l TransportLimits) orDefault() TransportLimits {
	most := ShortLimits
	if l.Extended {
		most = ExtendedLimits
	}
	if l.Data <= 0 || l.Data > most.Data {
		l.Data = most.Data
	}
	if l.Le <= 0 || l.Le > most.Le {
		l.Le = most.Le
	}
	return l
}

// Limited is a Card that knows what its reader carries.
type Limited interface{ Limits() TransportLimits }

// Contactless is a Card that knows whether it lies on a contactless reader. Commands that are meant for such a reader
// itself, as [UID] is, go only there: some contact cards are upset by them.
type Contactless interface{ Contactless() bool }

// wrapper is a Card in front of another.
type wrapper interface{ Unwrap() Card }

// find gives the first of card and the cards behind it that is a T.
func find[T any](card Card) (T, bool) {
	for card != nil {
		if t, ok := card.(T); ok {
			return t, true
		}
		w, ok := card.(wrapper)
		if !ok {
			break
		}
		card = w.Unwrap()
	}
	var none T
	return none, false
}

// Bounded is a Card whose every command ends in time, also when the card behind it does not: its call is abandoned.
// The first failure is final, because an answer that comes late would be taken for that to another command.
type Bounded struct {
	card           Card
	command, whole time.Duration

	mu     sync.Mutex
	end    context.Context // ends when the time of the whole card is over; set by the first command
	stop   context.CancelFunc
	failed error
}

// Bound gives each command to card the time command, and all of them together the time whole, which runs from the
// first. Zero means CommandDeadline and CardDeadline. Close releases the clock.
func Bound(card Card, command, whole time.Duration) *Bounded {
	if command <= 0 {
		command = CommandDeadline
	}
	if whole <= 0 {
		whole = CardDeadline
	}
	return &Bounded{card: card, command: command, whole: whole}
}

// Unwrap gives the card behind the limits.
func (b *Bounded) Unwrap() Card { return b.card }

// Close releases the clock. Every later command is refused.
func (b *Bounded) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stop != nil {
		b.stop()
	}
	if b.failed == nil {
		b.failed = fail(ErrUsage, "the card is closed")
	}
}

// Transmit carries one command. ErrTimeout when the time of the command or of the card is over.
func (b *Bounded) Transmit(ctx context.Context, apdu []byte) ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failed != nil {
		return nil, b.failed
	}
	if b.end == nil {
		b.end, b.stop = context.WithTimeout(context.WithoutCancel(ctx), b.whole)
	}
	answer, err := b.transmit(ctx, apdu)
	if err != nil {
		b.failed = err
		b.stop()
	}
	return answer, err
}

func (b *Bounded) transmit(ctx context.Context, apdu []byte) ([]byte, error) {
	limited, cancel := context.WithTimeout(ctx, b.command)
	defer cancel()
	defer context.AfterFunc(b.end, cancel)()
	late := func() error {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case b.end.Err() != nil:
			return fail(ErrTimeout, "card not done within %v", b.whole)
		}
		return fail(ErrTimeout, "no answer within %v", b.command)
	}
	if ctx.Err() != nil || b.end.Err() != nil {
		return nil, late()
	}
	type answer struct {
		data []byte
		err  error
	}
	done := make(chan answer, 1)
	command := bytes.Clone(apdu) // an abandoned call may still read it
	go func() {
		data, err := b.card.Transmit(limited, command)
		done <- answer{data, err}
	}()
	select {
	case a := <-done:
		if a.err != nil && limited.Err() != nil && (errors.Is(a.err, context.Canceled) || errors.Is(a.err, context.DeadlineExceeded)) {
			return nil, late()
		}
		return a.data, a.err
	case <-limited.Done():
		return nil, late()
	}
}
