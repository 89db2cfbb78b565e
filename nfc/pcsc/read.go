package pcsc

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/posvid/posvid/nfc"
)

// errNarrow says that a long frame was lost and the read should be tried with shorter ones. It never leaves this package.
var errNarrow = errors.New("the reader loses long frames")

// reading holds the turn of the read under way in this process.
var reading = make(chan struct{}, 1)

// Read opens the card on a reader and calls fn with it, inside one transaction: no other program gets a command in
// between. Afterwards the card is reset, which ends every selection and security status.
//
// When another program resets the card, or the reader loses a long frame, everything begins again: fn is called once
// more, with a new card, at most twice for resets and once for frames. It must keep nothing of an earlier call. All calls
// together have the time of one card. A busy reader is tried for three seconds first.
//
// One process reads one card at a time, whatever the client: libpcsclite (seen in 1.9.9) looks a handle up in the tables of all
// connections of the process, and may crash when another one is just changing its own.
//
// The error is that of fn, or a *Error when the way to the card failed; a failure during fn counts even when fn gave nil, so no
// result is ever of a card that was not there to the end. It is that of ctx when ctx ended.
func (c *Client) Read(ctx context.Context, reader string, fn func(ctx context.Context, card nfc.Card) error) error {
	select {
	case reading <- struct{}{}:
		defer func() { <-reading }()
	case <-ctx.Done():
		return ctx.Err()
	}
	command, whole := c.options.Command, c.options.Card
	if command <= 0 {
		command = nfc.CommandDeadline
	}
	if whole <= 0 {
		whole = nfc.CardDeadline
	}
	limited, cancel := context.WithCancel(ctx) // ends with the time of the card, which begins when it is first open
	defer cancel()
	resets, wasNarrow := 0, c.isNarrow(reader)
	narrow := wasNarrow
	for run := 0; ; run++ {
		card, err := c.open(limited, reader)
		if err != nil {
			switch {
			case ctx.Err() != nil:
				return ctx.Err()
			case limited.Err() != nil:
				return trouble(CardTimeout, reader, nil, "card not done within %v", whole)
			case run > 0 && (errors.Is(err, NoCard) || errors.Is(err, CardMute)):
				return trouble(CardTorn, reader, err, "card removed while reading")
			}
			return err
		}
		if run == 0 {
			defer time.AfterFunc(whole, cancel).Stop()
		}
		card.limits = nfc.ShortLimits
		if c.options.Extended {
			card.limits = nfc.ExtendedLimits
		}
		if narrow {
			card.limits = nfc.NarrowLimits
		}
		bounded := nfc.Bound(card, command, whole)
		err = func() error {
			returned := false
			defer func() {
				bounded.Close()
				if !returned {
					c.close(card, true) // fn panics: a reader must not stay inside our transaction
				}
			}()
			err := fn(limited, bounded)
			returned = true
			return err
		}()
		failed := card.failure()
		if failed == nil && limited.Err() != nil && ctx.Err() == nil && err != nil {
			failed = trouble(CardTimeout, reader, nil, "card not done within %v", whole)
		}
		c.close(card, failed == nil)
		again := false
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case failed == nil:
			if narrow && !wasNarrow {
				c.setNarrow(reader)
			}
			return err
		case errors.Is(failed, CardReset) && resets < maxResets:
			resets++
			again = true
		default:
			failed = c.explain(ctx, reader, card, failed)
			if errors.Is(failed, errNarrow) {
				again, narrow = !narrow, true
				failed = trouble(ReaderFault, reader, failed, "the reader lost a long frame")
			}
		}
		if !again {
			return failed
		}
	}
}

func (c *Client) isNarrow(reader string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.narrow[plain(reader)]
}

func (c *Client) setNarrow(reader string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.narrow[plain(reader)] = true
}

// stall counts commands that were left behind on a reader, and gives their number.
func (c *Client) stall(reader string, change int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stalled[reader] += change
	return c.stalled[reader]
}

// explain looks why an exchange failed: readers report a card that left, a frame they cannot carry and a fault of
// their own under the same codes.
func (c *Client) explain(ctx context.Context, reader string, card *card, failed error) error {
	code, _ := codeOf(failed)
	switch code {
	case codeNotTransacted, codeDataLost, codeCommunication, codeInternal:
	default:
		return failed
	}
	conn, err := c.establish(ctx)
	if err != nil {
		return err
	}
	defer c.release(conn)
	states := []readerState{{name: reader}}
	states, err = c.state(ctx, conn, states, lookTime)
	if err == nil && states[0].event&statePresent != 0 {
		// The service may not have noticed yet that the card is gone.
		states[0].current = states[0].event &^ stateChanged
		var later []readerState
		if later, err = c.state(ctx, conn, states, removeTime); err == nil {
			states = later
		} else if now, _ := codeOf(err); now == codeTimeout {
			err = nil
		}
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return readerTrouble(reader, err)
	case states[0].event&(stateUnknown|stateUnavailable) != 0:
		return trouble(ReaderLost, reader, code, "the reader went away")
	case states[0].event&statePresent == 0:
		return trouble(CardTorn, reader, code, "card removed while reading")
	case states[0].event&stateMute != 0:
		return trouble(CardMute, reader, code, "card does not answer the reader")
	case card.wasLong():
		return errNarrow
	}
	return trouble(ReaderFault, reader, code, "the reader failed with the card still there")
}

// open connects to the card and begins a transaction. A busy reader is tried for a while.
func (c *Client) open(ctx context.Context, reader string) (*card, error) {
	conn, err := c.establish(ctx)
	if err != nil {
		return nil, err
	}
	patience, cancel := context.WithTimeout(ctx, busyFor)
	defer cancel()
	for {
		opened, err := c.tryOpen(patience, conn, reader)
		if err == nil {
			return opened, nil
		}
		code, _ := codeOf(err)
		if code == codeSharing || code == codeReset {
			if sleep(patience, busyEvery) == nil {
				continue
			}
			err = trouble(ReaderBusy, reader, code, "held by another program for %v", busyFor)
		}
		if !errors.Is(err, errLeft) {
			c.release(conn)
		}
		var known *Error
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case errors.As(err, &known):
			return nil, err
		case patience.Err() != nil:
			return nil, trouble(ReaderBusy, reader, nil, "held by another program for %v", busyFor)
		}
		return nil, readerTrouble(reader, err)
	}
}

// tryOpen connects and begins a transaction once. Where a call is left behind, the error wraps errLeft and the call ends
// the connection when it comes back.
func (c *Client) tryOpen(ctx context.Context, conn *channel, reader string) (*card, error) {
	l, err := call(ctx, c, busyFor, func() (link, error) { return conn.connect(reader, c.options.Exclusive) }, func(l link, err error) {
		if err == nil {
			_ = l.disconnect(false)
		}
		_ = conn.connection.release()
	})
	if errors.Is(err, errLeft) || errors.Is(err, errHangs) {
		// The service lets it wait for a transaction to end, or the reader is stuck in what it was told before.
		if c.stall(reader, 0) > 0 || errors.Is(err, errHangs) {
			return nil, trouble(ReaderLost, reader, err, "the reader does not answer since its last card")
		}
		return nil, trouble(ReaderBusy, reader, err, "another program keeps its transaction")
	}
	if err != nil {
		return nil, err
	}
	_, err = call(ctx, c, busyFor, func() (struct{}, error) { return struct{}{}, l.begin() }, func(_ struct{}, err error) {
		if err == nil {
			_ = l.end()
		}
		_ = l.disconnect(false)
		_ = conn.connection.release()
	})
	if errors.Is(err, errLeft) {
		// The call waits until the other program ends its transaction.
		return nil, trouble(ReaderBusy, reader, err, "another program keeps its transaction")
	}
	if err != nil {
		_ = l.disconnect(false)
		return nil, err
	}
	opened := &card{client: c, conn: conn, link: l, reader: reader}
	opened.contactless = c.contactless(ctx, conn, reader)
	if conn.left {
		return nil, trouble(ReaderLost, reader, errLeft, "the card service does not answer about this reader")
	}
	return opened, nil
}

// contactless asks for the ATR of the card on a reader, when its name says that it may be contactless.
func (c *Client) contactless(ctx context.Context, conn *channel, reader string) bool {
	if !saysContactless(reader) && !named(c.options.Contactless, reader) {
		return false
	}
	states, err := c.state(ctx, conn, []readerState{{name: reader}}, lookTime)
	return err == nil && contactlessATR(states[0].atr)
}

// close ends the transaction and the connection. What fails in it is no news: the read is over.
func (c *Client) close(card *card, reset bool) {
	card.turn.Lock()
	defer card.turn.Unlock()
	card.closed = true
	if card.hanging {
		return // the call that hangs cleans up when it comes back
	}
	_, _ = call(context.Background(), c, closeTime, func() (struct{}, error) {
		card.finish(reset)
		return struct{}{}, nil
	}, nil)
}

// card is an open card inside a transaction.
type card struct {
	client      *Client
	conn        *channel
	link        link
	reader      string
	limits      nfc.TransportLimits
	contactless bool

	turn    sync.Mutex // held while a command is under way
	failed  error
	long    bool // the command that failed, or its answer, was of a length that some readers lose
	hanging bool // a call was left behind
	closed  bool
}

// finish gives everything back.
func (k *card) finish(reset bool) {
	_ = k.link.end()
	_ = k.link.disconnect(reset)
	_ = k.conn.connection.release()
}

// failure is what ended the exchange; it waits for a command that is under way.
func (k *card) failure() error {
	k.turn.Lock()
	defer k.turn.Unlock()
	return k.failed
}

func (k *card) wasLong() bool {
	k.turn.Lock()
	defer k.turn.Unlock()
	return k.long
}

// Limits gives what the reader carries.
func (k *card) Limits() nfc.TransportLimits { return k.limits }

// Contactless reports whether the card lies on a contactless reader.
func (k *card) Contactless() bool { return k.contactless }

// Transmit carries one command. After a failure every later command fails the same way.
func (k *card) Transmit(ctx context.Context, apdu []byte) ([]byte, error) {
	k.turn.Lock()
	defer k.turn.Unlock()
	switch {
	case k.failed != nil:
		return nil, k.failed
	case k.closed:
		return nil, trouble(ReaderFault, k.reader, nil, "the read is over")
	}
	limit := k.client.options.Command
	if limit <= 0 {
		limit = nfc.CommandDeadline
	}
	answer, err := call(ctx, k.client, limit, func() ([]byte, error) { return k.link.transmit(apdu) }, func([]byte, error) {
		k.finish(true)
		k.client.stall(k.reader, -1)
	})
	var known *Error
	switch {
	case err == nil && len(answer) >= 2:
		return answer, nil
	case err == nil:
		k.failed = trouble(CardTorn, k.reader, nil, "answer of %d bytes: card removed while reading", len(answer))
	case errors.Is(err, errLeft):
		k.hanging = true
		k.client.stall(k.reader, +1)
		k.failed = trouble(CardTimeout, k.reader, err, "no answer in time")
	case errors.Is(err, errHangs), ctx.Err() != nil:
		k.failed = trouble(CardTimeout, k.reader, err, "not sent in time")
	case errors.As(err, &known):
		k.failed = err
	default:
		k.failed, k.long = readerTrouble(k.reader, err), lost(apdu)
	}
	return nil, k.failed
}

// lost reports whether a command, or the answer that it asks for, is of a length that some readers lose.
func lost(apdu []byte) bool {
	c, err := nfc.ParseCommandAPDU(apdu)
	return err == nil && (len(c.Data) > nfc.NarrowLimits.Data || c.Le > nfc.NarrowLimits.Le)
}
