package nfc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/posvid/posvid/locale"
)

// cardFunc is a card made of a function.
type cardFunc func(ctx context.Context, apdu []byte) ([]byte, error)

func (f cardFunc) Transmit(ctx context.Context, apdu []byte) ([]byte, error) { return f(ctx, apdu) }

// script answers with the given hexadecimal answers, one after the other, and keeps the commands.
type script struct {
	t        *testing.T
	answers  []string
	commands []string
}

func (s *script) Transmit(_ context.Context, apdu []byte) ([]byte, error) {
	s.commands = append(s.commands, hexUpper(apdu))
	if len(s.answers) == 0 {
		return nil, errors.New("the script is over")
	}
	a := s.answers[0]
	s.answers = s.answers[1:]
	return unhex(s.t, a), nil
}

// limitedCard is a card that says what its reader carries.
type limitedCard struct {
	Card
	limits TransportLimits
}

func (l limitedCard) Limits() TransportLimits { return l.limits }

func TestSessionExchanges(t *testing.T) {
	long := strings.Repeat("AB", 300)
	narrow := TransportLimits{Data: 0xE0, Le: 0xE0}
	get := CommandAPDU{INS: 0xCB, P1: 0x3F, P2: 0xFF, Data: []byte{0x5C, 0x01, 0x7E}, Le: LeMost}
	put := CommandAPDU{INS: 0xDB, P1: 0x3F, P2: 0xFF, Data: unhex(t, long)}
	for _, c := range []struct {
		name     string
		limits   TransportLimits
		command  CommandAPDU
		answers  []string
		commands []string
		data     string
		status   StatusWord
	}{
		{"plain", TransportLimits{}, get, []string{"0102" + "9000"}, []string{"00CB3FFF035C017E00"}, "0102", 0x9000},
		{"narrow reader", narrow, get, []string{"9000"}, []string{"00CB3FFF035C017EE0"}, "", 0x9000},
		{"extended", ExtendedLimits, get, []string{"9000"}, []string{"00CB3FFF0000035C017E0000"}, "", 0x9000},
		{"no Le", TransportLimits{}, CommandAPDU{INS: 0x20, P2: 0x80}, []string{"63C3"}, []string{"00200080"}, "", 0x63C3},
		{"more data", TransportLimits{}, get, []string{"01" + "6102", "0203" + "9000"}, []string{"00CB3FFF035C017E00", "00C0000002"}, "010203", 0x9000},
		{"more data of unknown length", TransportLimits{}, get, []string{"6100", "0203" + "6101", "04" + "9000"},
			[]string{"00CB3FFF035C017E00", "00C0000000", "00C0000001"}, "020304", 0x9000},
		{"more data, narrow reader", narrow, get, []string{"6100", "0203" + "9000"}, []string{"00CB3FFF035C017EE0", "00C00000E0"}, "0203", 0x9000},
		{"wrong length", TransportLimits{}, get, []string{"6C02", "0102" + "9000"}, []string{"00CB3FFF035C017E00", "00CB3FFF035C017E02"}, "0102", 0x9000},
		{"wrong length of GET RESPONSE", TransportLimits{}, get, []string{"6110", "6C02", "0102" + "9000"},
			[]string{"00CB3FFF035C017E00", "00C0000010", "00C0000002"}, "0102", 0x9000},
		{"warning keeps the data", TransportLimits{}, get, []string{"01" + "6282"}, []string{"00CB3FFF035C017E00"}, "01", 0x6282},
		{"error drops the data", TransportLimits{}, get, []string{"01" + "6A82"}, []string{"00CB3FFF035C017E00"}, "", 0x6A82},
		{"error in the middle drops the data", TransportLimits{}, get, []string{"01" + "6105", "6F00"}, []string{"00CB3FFF035C017E00", "00C0000005"}, "", 0x6F00},
		{"chain", TransportLimits{}, put, []string{"9000", "9000"}, []string{"10DB3FFFFF" + long[:510], "00DB3FFF2D" + long[510:]}, "", 0x9000},
		{"chain, narrow reader", narrow, put, []string{"9000", "9000"}, []string{"10DB3FFFE0" + long[:448], "00DB3FFF4C" + long[448:]}, "", 0x9000},
		{"chain refused", TransportLimits{}, put, []string{"6884"}, []string{"10DB3FFFFF" + long[:510]}, "", 0x6884},
		{"no chain in the extended form", ExtendedLimits, put, []string{"9000"}, []string{"00DB3FFF00012C" + long}, "", 0x9000},
		{"extended form refused", ExtendedLimits, put, []string{"6700", "9000", "9000"},
			[]string{"00DB3FFF00012C" + long, "10DB3FFFFF" + long[:510], "00DB3FFF2D" + long[510:]}, "", 0x9000},
		{"short form is not tried again", TransportLimits{}, get, []string{"6700"}, []string{"00CB3FFF035C017E00"}, "", 0x6700},
	} {
		card := &script{t: t, answers: c.answers}
		s := NewSession(limitedCard{card, c.limits})
		r, err := s.Do(t.Context(), c.command)
		if err != nil || r.Status != c.status || hexUpper(r.Data) != c.data {
			t.Errorf("%s: %s with %X, %v; want %s with %s", c.name, r.Status, r.Data, err, c.status, c.data)
		}
		if fmt.Sprint(card.commands) != fmt.Sprint(c.commands) {
			t.Errorf("%s: sent %.120v, want %.120v", c.name, card.commands, c.commands)
		}
		sent, received := 0, 0
		for i := range card.commands {
			sent, received = sent+len(card.commands[i])/2, received+len(c.answers[i])/2
		}
		if got := s.Counts(); got != (Counts{len(card.commands), sent, received}) {
			t.Errorf("%s: counted %+v, want %d, %d, %d", c.name, got, len(card.commands), sent, received)
		}
	}
}

// TestSessionRefusesLoops plays cards that never come to an end, or give more than a reader takes.
func TestSessionRefusesLoops(t *testing.T) {
	get := CommandAPDU{INS: 0xCB, P1: 0x3F, P2: 0xFF, Data: []byte{0x5C, 0x01, 0x7E}, Le: LeMost}
	always := func(data int, status StatusWord) Card {
		return cardFunc(func(context.Context, []byte) ([]byte, error) {
			return ResponseAPDU{Data: make([]byte, data), Status: status}.Append(nil), nil
		})
	}
	for _, c := range []struct {
		name     string
		card     Card
		want     error
		commands int // at most
	}{
		{"61 with a byte each time", always(1, 0x6100), ErrLoop, 1 + MaxGetResponse},
		{"61FF with 256 bytes each time", always(256, 0x61FF), ErrLoop, 1 + MaxGetResponse},
		{"61 without data", always(0, 0x6105), ErrLoop, 2},
		{"6C again and again", always(0, 0x6C05), ErrLoop, 2},
		{"6C with data", always(1, 0x6C05), ErrLoop, 1},
		{"huge pieces", always(20000, 0x6100), ErrTooLarge, 5},
		{"huge at once", always(MaxObject+1, StatusOK), ErrTooLarge, 1},
		{"larger than any answer", always(maxResponse, StatusOK), ErrTooLarge, 1},
		{"no answer", cardFunc(func(context.Context, []byte) ([]byte, error) { return nil, nil }), ErrTorn, 1},
		{"one byte", cardFunc(func(context.Context, []byte) ([]byte, error) { return []byte{0x90}, nil }), ErrTorn, 1},
		{"status word 0005", always(3, 0x0005), ErrMalformed, 1},
		{"status word 6000", always(0, 0x6000), ErrMalformed, 1},
		{"reader fails", cardFunc(func(context.Context, []byte) ([]byte, error) { return nil, errors.New("broken") }), ErrTransport, 1},
		{"reader says torn", cardFunc(func(context.Context, []byte) ([]byte, error) { return nil, ErrTorn }), ErrTorn, 1},
		{"reader says reset", cardFunc(func(context.Context, []byte) ([]byte, error) { return nil, ErrReset }), ErrReset, 1},
	} {
		s := NewSession(c.card)
		r, err := s.Do(t.Context(), get)
		if !errors.Is(err, c.want) || r.Data != nil {
			t.Errorf("%s: %v with %d bytes, want %v", c.name, err, len(r.Data), c.want)
		}
		sent := s.Counts().Commands
		if sent > c.commands {
			t.Errorf("%s: %d commands, at most %d", c.name, sent, c.commands)
		}
		// The session is over: nothing more goes to a card that may be another one.
		if _, again := s.Do(t.Context(), get); !errors.Is(again, c.want) || s.Counts().Commands != sent || s.Failed() == nil {
			t.Errorf("%s: the session goes on: %v", c.name, again)
		}
	}
}

func TestSessionRefusesUse(t *testing.T) {
	card := &script{t: t}
	s := NewSession(card)
	for name, command := range map[string]CommandAPDU{
		"chain bit": {CLA: 0x10, INS: 0xDB},
		"too much":  {INS: 0xDB, Data: make([]byte, MaxObject+1)},
		"Le":        {INS: 0xDB, Le: -2},
	} {
		if _, err := s.Do(t.Context(), command); !errors.Is(err, ErrUsage) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, aid := range [][]byte{nil, make([]byte, 4), make([]byte, 17)} {
		if _, err := s.Select(t.Context(), aid); !errors.Is(err, ErrUsage) {
			t.Errorf("AID of %d bytes: %v", len(aid), err)
		}
	}
	if len(card.commands) > 0 || s.Failed() != nil {
		t.Errorf("a command that cannot be sent reached the card: %v, %v", card.commands, s.Failed())
	}
	// A command chain that is too long for its card.
	if got := (TransportLimits{Data: -1, Le: 70000}).orDefault(); got != ShortLimits {
		t.Errorf("limits %+v", got)
	}
}

func TestSelectRefused(t *testing.T) {
	for answer, want := range map[string]error{"6A82": ErrNoApplication, "6D00": ErrNoApplication, "6E00": ErrNoApplication, "6999": ErrNoApplication,
		"6982": ErrNoApplication, "6985": ErrNoApplication, "6B00": ErrNoApplication, "6300": ErrNoApplication, "6283": nil, "6285": nil, "6400": nil, "6581": nil, "6F00": nil} {
		s := NewSession(&script{t: t, answers: []string{answer}})
		_, err := s.Select(t.Context(), pivAID)
		var refused *StatusError
		if !errors.As(err, &refused) || want != nil && !errors.Is(err, want) || want == nil && errors.Is(err, ErrNoApplication) {
			t.Errorf("SELECT answered %s: %v, want %v", answer, err, want)
		}
		if sw, ok := StatusOf(err); !ok || sw.String() != answer || s.Failed() != nil {
			t.Errorf("SELECT answered %s: status %s, session failed %v", answer, sw, s.Failed())
		}
	}
}

// contactlessCard says whether its reader is contactless.
type contactlessCard struct {
	Card
	yes bool
}

func (c contactlessCard) Contactless() bool { return c.yes }

func TestRandomUID(t *testing.T) {
	for uid, want := range map[string]bool{"\x08\x01\x02\x03": true, "\x04\x01\x02\x03": false, "\x08\x01\x02": false, "\x08\x01\x02\x03\x04\x05\x06": false, "": false} {
		if got := RandomUID([]byte(uid)); got != want {
			t.Errorf("%x: %v, want %v", uid, got, want)
		}
	}
}

func TestUID(t *testing.T) {
	card := &script{t: t}
	for _, c := range []Card{card, contactlessCard{card, false}} {
		if _, err := NewSession(c).UID(t.Context()); !errors.Is(err, ErrUsage) || len(card.commands) > 0 {
			t.Errorf("UID of a contact reader: %v, sent %v", err, card.commands)
		}
	}
	for answer, good := range map[string]bool{
		"01020304" + "9000": true, "04112233445566" + "9000": true, "01020304050607080900" + "9000": true,
		"9000": false, "010203" + "9000": false, "0102030405" + "9000": false, "6A81": false, "6300": false,
	} {
		card := &script{t: t, answers: []string{answer}}
		uid, err := NewSession(Record(Bound(contactlessCard{card, true}, 0, 0))).UID(t.Context())
		if good != (err == nil) || good && hexUpper(uid)+"9000" != answer {
			t.Errorf("UID answered %s: %X, %v", answer, uid, err)
		}
		if card.commands[0] != "FFCA000000" {
			t.Errorf("UID asked with %s", card.commands[0])
		}
	}
}

func TestBoundEndsEveryCommand(t *testing.T) {
	never := func(context.Context, []byte) ([]byte, error) { select {} }
	polite := func(ctx context.Context, _ []byte) ([]byte, error) { <-ctx.Done(); return nil, ctx.Err() }
	for name, card := range map[string]cardFunc{"heeds the context": polite} {
		synctest.Test(t, func(t *testing.T) {
			b := Bound(card, 0, 0)
			defer b.Close()
			start := time.Now()
			_, err := b.Transmit(t.Context(), []byte{0, 0xA4, 4, 0})
			if !errors.Is(err, ErrTimeout) || time.Since(start) != CommandDeadline {
				t.Errorf("%s: %v after %v", name, err, time.Since(start))
			}
			if _, err := b.Transmit(t.Context(), []byte{0, 0xA4, 4, 0}); !errors.Is(err, ErrTimeout) || time.Since(start) != CommandDeadline {
				t.Errorf("%s: a second command after the failure: %v after %v", name, err, time.Since(start))
			}
		})
	}
	// A card that ignores its context is abandoned: in real time, because its goroutine never ends.
	b := Bound(cardFunc(never), 20*time.Millisecond, time.Second)
	defer b.Close()
	if _, err := b.Transmit(t.Context(), []byte{0, 0xA4, 4, 0}); !errors.Is(err, ErrTimeout) {
		t.Errorf("ignores the context: %v", err)
	}
}

func TestBoundEndsTheCard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := cardFunc(func(ctx context.Context, _ []byte) ([]byte, error) {
			select {
			case <-time.After(1900 * time.Millisecond):
				return []byte{0x90, 0}, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		})
		b := Bound(slow, 0, 0)
		defer b.Close()
		start := time.Now()
		var err error
		answered := 0
		for err == nil {
			if _, err = b.Transmit(t.Context(), []byte{0, 0xC0, 0, 0}); err == nil {
				answered++
			}
		}
		if !errors.Is(err, ErrTimeout) || answered != 4 || time.Since(start) != CardDeadline {
			t.Errorf("%d answers, %v after %v", answered, err, time.Since(start))
		}
	})
}

func TestBoundPassesOn(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	b := Bound(cardFunc(func(ctx context.Context, _ []byte) ([]byte, error) { cancel(); <-ctx.Done(); return nil, ctx.Err() }), 0, 0)
	if _, err := b.Transmit(ctx, []byte{0, 0xA4, 4, 0}); !errors.Is(err, context.Canceled) || errors.Is(err, ErrTimeout) {
		t.Errorf("cancelled: %v", err)
	}
	b.Close()
	good := Bound(cardFunc(func(_ context.Context, apdu []byte) ([]byte, error) { return []byte{0x90, 0}, nil }), 0, 0)
	if a, err := good.Transmit(t.Context(), []byte{0, 0xA4, 4, 0}); err != nil || !bytes.Equal(a, []byte{0x90, 0}) {
		t.Errorf("good card: %X, %v", a, err)
	}
	good.Close()
	if _, err := good.Transmit(t.Context(), []byte{0, 0xA4, 4, 0}); !errors.Is(err, ErrUsage) {
		t.Errorf("closed: %v", err)
	}
}

func TestStatusTexts(t *testing.T) {
	for sw := range 0x10000 {
		s := StatusWord(sw)
		for _, lang := range locale.Languages() {
			if s.Text(lang) == "" || strings.Contains(s.Text(lang), "%") {
				t.Fatalf("%s has no text in %s: %q", s, lang, s.Text(lang))
			}
		}
		if s != StatusOK {
			if err := (ResponseAPDU{Status: s}).Err("GET DATA 5FC102"); err == nil || !strings.Contains(err.Error(), "nfc: GET DATA 5FC102: "+s.String()+" (") {
				t.Fatalf("%s: %v", s, err)
			}
		}
	}
	if (ResponseAPDU{Status: StatusOK}).Err("x") != nil {
		t.Error("9000 is an error")
	}
	for sw, kind := range map[StatusWord]error{StatusNotFound: ErrNotFound, StatusNoKey: ErrNotFound, StatusSecurity: ErrAccess, StatusConditions: ErrAccess} {
		if err := (ResponseAPDU{Status: sw}).Err("x"); !errors.Is(err, kind) {
			t.Errorf("%s is not %v", sw, kind)
		}
	}
	if uk := StatusWord(0x6983).Text("uk"); uk != "ПІН картки заблоковано" {
		t.Errorf("6983 reads %q", uk)
	}
	if n, ok := StatusWord(0x63C2).Tries(); n != 2 || !ok {
		t.Error("63C2 is not two tries")
	}
	if _, ok := StatusOf(ErrTorn); ok {
		t.Error("a torn card has a status word")
	}
}
