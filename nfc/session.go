package nfc

import (
	"context"
	"errors"
)

// Instructions that a session sends or looks at (ISO/IEC 7816-4, Section 5.1).
const (
	insSelect      = 0xA4
	insReadBinary  = 0xB0
	insGetResponse = 0xC0
	insGetData     = 0xCB
)

// Counts says what a session cost.
type Counts struct {
	Commands int // APDUs sent, GET RESPONSE and the pieces of a chain each for itself
	Sent     int // bytes of all commands
	Received int // bytes of all answers, status words included
}

// Session is one conversation with one card. It cuts long commands into chains, fetches long answers with GET RESPONSE,
// sends a command again with the length that the card asks for (6Cxx), counts, and ends with the first failure of the
// way to the card: nothing that is read afterwards could be of the same card. It is not safe for parallel use.
type Session struct {
	card   Card
	limits TransportLimits
	counts Counts
	failed error
}

// NewSession begins a conversation. It uses what the card says of its reader ([Limited]), short APDUs otherwise.
// It sends nothing. Deadlines are the card's: see [Bound].
func NewSession(card Card) *Session {
	s := &Session{card: card}
	if l, ok := find[Limited](card); ok {
		s.limits = l.Limits()
	}
	s.limits = s.limits.orDefault()
	return s
}

// Counts gives what was sent and received so far.
func (s *Session) Counts() Counts { return s.counts }

// Limits gives what the session puts into one APDU now. A card that refuses an extended command with 6700 is spoken to
// in the short form from then on.
func (s *Session) Limits() TransportLimits { return s.limits }

// Failed is the failure that ended the session, nil while it goes on.
func (s *Session) Failed() error { return s.failed }

// Do sends one command, in a chain where its data are too long for one APDU, and gives the whole answer. An Le beyond
// what the way to the card carries is lowered to that; command.Extended is not looked at.
//
// Every status word but 61xx and 6Cxx is given back in the answer, without an error; data only beside 9000 and the
// warnings 62xx and 63xx. Errors are ErrTorn, ErrTimeout, ErrReset, ErrTransport, ErrMalformed, ErrTooLarge, ErrLoop or
// that of ctx, each of which ends the session, and ErrUsage.
func (s *Session) Do(ctx context.Context, command CommandAPDU) (ResponseAPDU, error) {
	if s.failed != nil {
		return ResponseAPDU{}, s.failed
	}
	if len(command.Data) > MaxObject || command.CLA&chainBit != 0 && command.CLA != 0xFF {
		return ResponseAPDU{}, fail(ErrUsage, "%v: at most %d bytes and no chain of its own", command, MaxObject)
	}
	r, err := s.do(ctx, command)
	if err == nil && s.limits.Extended && r.Status == StatusWrongLength && (command.ExtendedForm() || command.Le == LeMost) {
		s.limits = ShortLimits
		r, err = s.do(ctx, command)
	}
	if err != nil {
		if !errors.Is(err, ErrUsage) {
			s.failed = err
		}
		return ResponseAPDU{}, err
	}
	return r, nil
}

// do sends one command under the present limits.
func (s *Session) do(ctx context.Context, command CommandAPDU) (ResponseAPDU, error) {
	if command.Le == LeMost || command.Le > s.limits.Le {
		command.Le = s.limits.Le
	}
	for len(command.Data) > s.limits.Data {
		piece := CommandAPDU{CLA: command.CLA | chainBit, INS: command.INS, P1: command.P1, P2: command.P2, Data: command.Data[:s.limits.Data]}
		r, err := s.one(ctx, piece)
		if err != nil || !r.Status.OK() {
			return ResponseAPDU{Status: r.Status}, err
		}
		command.Data = command.Data[s.limits.Data:]
	}
	r, err := s.one(ctx, command)
	if err != nil {
		return ResponseAPDU{}, err
	}
	retries, fetched := 0, 0
	data := r.Data
	for {
		if le, ok := r.Status.RightLength(); ok {
			if retries == maxRetries || len(data) > 0 {
				return ResponseAPDU{}, fail(ErrLoop, "card asks for length %d after it was asked with its own", le)
			}
			retries++
			command.Le = le
		} else if n, ok := r.Status.More(); ok {
			if fetched == MaxGetResponse {
				return ResponseAPDU{}, fail(ErrLoop, "card announces more data after %d GET RESPONSE", MaxGetResponse)
			}
			if fetched > 0 && len(r.Data) == 0 {
				return ResponseAPDU{}, fail(ErrLoop, "GET RESPONSE gives no data and announces more")
			}
			fetched++
			command = CommandAPDU{CLA: command.CLA & 0x03, INS: insGetResponse, Le: min(n, s.limits.Le)}
		} else {
			break
		}
		if r, err = s.one(ctx, command); err != nil {
			return ResponseAPDU{}, err
		}
		if len(data)+len(r.Data) > MaxObject {
			return ResponseAPDU{}, fail(ErrTooLarge, "answer of more than %d bytes", MaxObject)
		}
		data = append(data[:len(data):len(data)], r.Data...)
	}
	if len(data) > MaxObject {
		return ResponseAPDU{}, fail(ErrTooLarge, "answer of %d bytes, at most %d", len(data), MaxObject)
	}
	// What came before an error is not the object that was asked for.
	if high := r.Status >> 8; !r.Status.OK() && high != 0x62 && high != 0x63 {
		data = nil
	}
	return ResponseAPDU{Data: data, Status: r.Status}, nil
}

// one carries one APDU.
func (s *Session) one(ctx context.Context, command CommandAPDU) (ResponseAPDU, error) {
	command.Extended = command.ExtendedForm() // never the long form where the short one does
	apdu, err := command.Append(nil)
	if err != nil {
		return ResponseAPDU{}, err
	}
	s.counts.Commands++
	s.counts.Sent += len(apdu)
	answer, err := s.card.Transmit(ctx, apdu)
	s.counts.Received += len(answer)
	if err != nil {
		if !ours(err) {
			err = failWith(ErrTransport, err, "command "+hexUpper(apdu[:4]))
		}
		return ResponseAPDU{}, err
	}
	return ParseResponseAPDU(answer)
}

// ours reports whether a card's error says by itself what happened.
func ours(err error) bool {
	for _, kind := range []error{ErrTorn, ErrTimeout, ErrReset, ErrTransport, ErrReplay, ErrUsage, context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

// Select selects an application by its identifier (ISO/IEC 7816-4, Section 11.2.2), 5 to 16 bytes, and gives its
// answer. An error that wraps ErrNoApplication when the card does not offer it here, however it says so; a card that is
// blocked (62xx) or failed (64xx, 65xx, 6Fxx) is another [*StatusError].
func (s *Session) Select(ctx context.Context, aid []byte) ([]byte, error) {
	if len(aid) < 5 || len(aid) > 16 {
		return nil, fail(ErrUsage, "application identifier of %d bytes, want 5 to 16", len(aid))
	}
	r, err := s.Do(ctx, CommandAPDU{INS: insSelect, P1: 0x04, Data: aid, Le: LeMost})
	if err != nil {
		return nil, err
	}
	if err := r.Err("SELECT " + hexUpper(aid)); err != nil {
		var refused *StatusError
		// Readers answer 6300 for cards that take no such commands at all.
		if high := r.Status >> 8; errors.As(err, &refused) && (high >= 0x67 && high <= 0x6E || r.Status == StatusNotVerified) {
			refused.kind = ErrNoApplication
		}
		return nil, err
	}
	return r.Data, nil
}

// RandomUID reports a number that the card chose for this field only (ISO/IEC 14443-3, Section 6.5.4: four bytes, the first
// of them 08): it names nothing.
func RandomUID(uid []byte) bool { return len(uid) == 4 && uid[0] == 0x08 }

// UID asks a contactless reader for the number with which the card answered in the field (PC/SC Part 3, Section
// 3.2.2.1.3): 4, 7 or 10 bytes. Anyone can make a card with any such number, so it proves nothing, and many cards choose
// a new one each time. ErrUsage on a reader that is not known to be contactless: nothing is sent there.
func (s *Session) UID(ctx context.Context) ([]byte, error) {
	if c, ok := find[Contactless](s.card); !ok || !c.Contactless() {
		return nil, fail(ErrUsage, "UID: the reader is not known to be contactless")
	}
	r, err := s.Do(ctx, CommandAPDU{CLA: 0xFF, INS: 0xCA, Le: LeMost})
	if err != nil {
		return nil, err
	}
	if err := r.Err("GET UID"); err != nil {
		return nil, err
	}
	switch len(r.Data) {
	case 4, 7, 10:
		return r.Data, nil
	}
	return nil, fail(ErrMalformed, "UID of %d bytes, want 4, 7 or 10", len(r.Data))
}

func hexUpper(b []byte) string {
	const digits = "0123456789ABCDEF"
	out := make([]byte, 0, 2*len(b))
	for _, x := range b {
		out = append(out, digits[x>>4], digits[x&15])
	}
	return string(out)
}
