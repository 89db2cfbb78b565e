package pcsc

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/posvid/posvid/nfc"
)

// send is a read of n commands.
func send(n int) func(context.Context, nfc.Card) error {
	return func(ctx context.Context, card nfc.Card) error {
		session := nfc.NewSession(card)
		for range n {
			if _, err := session.Do(ctx, nfc.CommandAPDU{INS: 0xCB, P1: 0x3F, P2: 0xFF, Data: []byte{0x5C, 0x01, 0x7E}, Le: nfc.LeMost}); err != nil {
				return err
			}
		}
		return nil
	}
}

// script answers each command in turn; a nil answer with no error is what readers give when the card leaves.
type reply struct {
	data []byte
	err  error
	wait time.Duration
}

func replies(list ...reply) func([]byte) ([]byte, error) {
	return func([]byte) ([]byte, error) {
		if len(list) == 0 {
			return ok(nil)
		}
		r := list[0]
		list = list[1:]
		time.Sleep(r.wait)
		if r.err == nil && r.data == nil {
			return []byte{}, nil
		}
		return r.data, r.err
	}
}

func TestReadFailures(t *testing.T) {
	good := reply{data: []byte{0x90, 0x00}}
	for name, c := range map[string]struct {
		card    func([]byte) ([]byte, error)
		leaves  bool // the card is gone when the failure is looked into
		flags   uint32
		want    Trouble
		kind    error
		calls   int // of the function
		seconds int // at most
	}{
		"good":                   {replies(good), false, statePresent, "", nil, 1, 0},
		"torn":                   {replies(good, reply{}), true, statePresent, CardTorn, nfc.ErrTorn, 1, 0},
		"torn, one byte":         {replies(reply{data: []byte{0x90}}), true, statePresent, CardTorn, nfc.ErrTorn, 1, 0},
		"removed":                {replies(reply{err: codeRemoved}), true, statePresent, CardTorn, nfc.ErrTorn, 1, 0},
		"failed, card gone":      {replies(reply{err: codeNotTransacted}), true, statePresent, CardTorn, nfc.ErrTorn, 1, 1},
		"failed, then mute":      {replies(reply{err: codeNotTransacted}), false, statePresent | stateMute, CardMute, nfc.ErrTransport, 1, 1},
		"reset once":             {replies(reply{err: codeReset}, good, good), false, statePresent, "", nil, 2, 0},
		"reset twice":            {replies(good, reply{err: codeReset}, reply{err: codeReset}, good, good), false, statePresent, "", nil, 3, 0},
		"reset three times":      {replies(reply{err: codeReset}, reply{err: codeReset}, reply{err: codeReset}), false, statePresent, CardReset, nfc.ErrReset, 3, 0},
		"stalled":                {replies(good, reply{wait: time.Hour}), false, statePresent, CardTimeout, nfc.ErrTimeout, 1, 2},
		"slow card":              {replies(reply{data: good.data, wait: 1900 * time.Millisecond}, reply{data: good.data, wait: 1900 * time.Millisecond}), false, statePresent, "", nil, 1, 4},
		"reader unplugged":       {replies(reply{err: codeUnavailable}), false, statePresent, ReaderLost, nfc.ErrTransport, 1, 0},
		"service gone":           {replies(reply{err: codeServiceStopped}), false, statePresent, NoService, nfc.ErrTransport, 1, 0},
		"unpowered":              {replies(reply{err: codeUnpowered}), false, statePresent, CardMute, nfc.ErrTransport, 1, 0},
		"unknown failure":        {replies(reply{err: errors.New("odd")}), false, statePresent, ReaderFault, nfc.ErrTransport, 1, 0},
		"long frame lost":        {replies(reply{err: codeNotTransacted}, good, good), false, statePresent, "", nil, 2, 1},
		"short frame lost too":   {replies(reply{err: codeNotTransacted}, reply{err: codeNotTransacted}), false, statePresent, ReaderFault, nfc.ErrTransport, 2, 2},
		"card gone when retried": {replies(reply{err: codeReset}), true, statePresent, CardTorn, nfc.ErrTorn, 1, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			reader := &fakeReader{name: acr, flags: c.flags}
			f := newFake(reader)
			reader.card = func(apdu []byte) ([]byte, error) {
				a, err := c.card(apdu)
				if c.leaves && (err != nil || len(a) < 2) {
					f.take(reader)
				}
				return a, err
			}
			client := f.client(Options{})
			calls := 0
			start := time.Now()
			err := client.Read(t.Context(), acr, func(ctx context.Context, card nfc.Card) error {
				calls++
				return send(2)(ctx, card)
			})
			took := time.Since(start)
			if c.want == "" && err != nil || c.want != "" && (!errors.Is(err, c.want) || !errors.Is(err, c.kind)) {
				t.Errorf("%s: %v, want %s", name, err, c.want)
			}
			if calls != c.calls || took > time.Duration(c.seconds)*time.Second {
				t.Errorf("%s: %d calls in %v, want %d in %ds", name, calls, took, c.calls, c.seconds)
			}
			// Whatever is left behind comes back and cleans up.
			time.Sleep(2 * time.Hour)
			synctest.Wait()
			if client.left.Load() != 0 || f.established != f.released || reader.opened != reader.ended {
				t.Errorf("%s: %d calls left, %d contexts of %d, %d transactions of %d ended", name, client.left.Load(), f.released, f.established, reader.ended, reader.opened)
			}
			if c.want == "" && f.resets == 0 {
				t.Errorf("%s: the card was not reset after the read", name)
			}
		})
	}
}

// TestReadHasOneClock: however often it begins again, a card has the time of one card.
func TestReadHasOneClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := reply{data: []byte{0x90, 0x00}, wait: 1500 * time.Millisecond}
		reset := reply{err: codeReset, wait: 1500 * time.Millisecond}
		reader := &fakeReader{name: acr, flags: statePresent, card: replies(slow, slow, reset, slow, slow, reset, slow, slow, slow)}
		f := newFake(reader)
		start := time.Now()
		err := f.client(Options{}).Read(t.Context(), acr, send(4))
		if !errors.Is(err, CardTimeout) || !errors.Is(err, nfc.ErrTimeout) || time.Since(start) > nfc.CardDeadline {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		time.Sleep(time.Hour)
		synctest.Wait()
	})
	// Who writes to a card may give it longer.
	synctest.Test(t, func(t *testing.T) {
		f := newFake(&fakeReader{name: acr, flags: statePresent, card: replies(reply{data: []byte{0x90, 0x00}, wait: 20 * time.Second})})
		if err := f.client(Options{Command: 30 * time.Second, Card: time.Minute}).Read(t.Context(), acr, send(1)); err != nil {
			t.Errorf("%v", err)
		}
	})
}

// TestReadIgnoresResultsOfLostCards: a function that overlooks a failure does not make a result of it.
func TestReadIgnoresResultsOfLostCards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(&fakeReader{name: acr, flags: statePresent, card: replies(reply{})})
		err := f.client(Options{}).Read(t.Context(), acr, func(ctx context.Context, card nfc.Card) error {
			_, _ = card.Transmit(ctx, get)
			if a, err := card.Transmit(ctx, get); err == nil {
				t.Errorf("a second command reached another card: %X", a)
			}
			return nil
		})
		if !errors.Is(err, CardTorn) {
			t.Errorf("%v", err)
		}
	})
	// An error of the function comes back as it is, and an opened card does not outlive the read.
	synctest.Test(t, func(t *testing.T) {
		f := newFake(&fakeReader{name: acr, flags: statePresent, card: ok})
		mine := errors.New("mine")
		var kept nfc.Card
		err := f.client(Options{}).Read(t.Context(), acr, func(_ context.Context, card nfc.Card) error { kept = card; return mine })
		if err != mine {
			t.Errorf("%v", err)
		}
		if a, err := kept.Transmit(t.Context(), get); err == nil {
			t.Errorf("a command after the read was answered with %X", a)
		}
	})
}

func TestReadGivesTheReaderBackAfterAPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reader := &fakeReader{name: acr, flags: statePresent, card: ok}
		f := newFake(reader)
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic is lost")
				}
			}()
			_ = f.client(Options{}).Read(t.Context(), acr, func(context.Context, nfc.Card) error { panic("mine") })
		}()
		if reader.opened != 1 || reader.ended != 1 || f.resets != 1 || f.established != f.released {
			t.Errorf("%d transactions of %d ended, %d resets, %d contexts of %d released", reader.ended, reader.opened, f.resets, f.released, f.established)
		}
	})
}

func TestReadBusy(t *testing.T) {
	repeat := func(err error, n int) []error { return slices.Repeat([]error{err}, n) }
	for name, c := range map[string]struct {
		edit func(r *fakeReader)
		want Trouble
	}{
		"released in time":     {func(r *fakeReader) { r.connect = repeat(codeSharing, 20) }, ""},
		"not released":         {func(r *fakeReader) { r.connect = repeat(codeSharing, 1000) }, ReaderBusy},
		"reset while opening":  {func(r *fakeReader) { r.begin = repeat(codeReset, 2) }, ""},
		"transaction kept":     {func(r *fakeReader) { r.held = make(chan struct{}) }, ReaderBusy},
		"connecting waits":     {func(r *fakeReader) { r.stuck = make(chan struct{}) }, ReaderBusy},
		"no card":              {func(r *fakeReader) { r.flags = 0x10 }, NoCard},
		"mute":                 {func(r *fakeReader) { r.connect = repeat(codeUnresponsive, 1) }, CardMute},
		"reader gone":          {func(r *fakeReader) { r.name = omni }, ReaderLost},
		"transaction refused":  {func(r *fakeReader) { r.begin = repeat(codeSecurity, 1) }, Refused},
		"removed at the start": {func(r *fakeReader) { r.begin = repeat(codeRemoved, 1) }, CardTorn},
	} {
		synctest.Test(t, func(t *testing.T) {
			reader := &fakeReader{name: acr, flags: statePresent, card: ok}
			c.edit(reader)
			f := newFake(reader)
			client := f.client(Options{})
			start := time.Now()
			err := client.Read(t.Context(), acr, send(1))
			if c.want == "" && err != nil || c.want != "" && !errors.Is(err, c.want) || time.Since(start) > busyFor+time.Second {
				t.Errorf("%s: %v after %v", name, err, time.Since(start))
			}
			for _, blocked := range []chan struct{}{reader.held, reader.stuck} {
				if blocked != nil {
					close(blocked)
				}
			}
			synctest.Wait()
			if client.left.Load() != 0 || f.established != f.released || reader.opened != reader.ended {
				t.Errorf("%s: %d calls left, %d contexts of %d, %d transactions of %d ended", name, client.left.Load(), f.released, f.established, reader.ended, reader.opened)
			}
		})
	}
}

// TestReadAfterAStall: the command that was left behind keeps the reader, and the next read says that the reader is stuck.
func TestReadAfterAStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reader := &fakeReader{name: acr, flags: statePresent, card: replies(reply{wait: time.Hour})}
		f := newFake(reader)
		client := f.client(Options{})
		if err := client.Read(t.Context(), acr, send(1)); !errors.Is(err, CardTimeout) {
			t.Errorf("%v", err)
		}
		reader.stuck = make(chan struct{})
		if err := client.Read(t.Context(), acr, send(1)); !errors.Is(err, ReaderLost) {
			t.Errorf("%v", err)
		}
		close(reader.stuck)
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		reader.stuck = nil
		if err := client.Read(t.Context(), acr, send(1)); err != nil || client.stall(acr, 0) != 0 {
			t.Errorf("%v, %d commands left behind", err, client.stall(acr, 0))
		}
	})
}

func TestReadEndsWithItsContext(t *testing.T) {
	for name, edit := range map[string]func(r *fakeReader){
		"while the card stalls":     func(r *fakeReader) { r.card = replies(reply{wait: time.Hour}) },
		"while the reader is busy":  func(r *fakeReader) { r.connect = slices.Repeat([]error{codeSharing}, 1000) },
		"while a transaction waits": func(r *fakeReader) { r.held = make(chan struct{}) },
	} {
		synctest.Test(t, func(t *testing.T) {
			reader := &fakeReader{name: acr, flags: statePresent, card: ok}
			edit(reader)
			f := newFake(reader)
			ctx, cancel := context.WithCancel(t.Context())
			go func() { time.Sleep(700 * time.Millisecond); cancel() }()
			start := time.Now()
			err := f.client(Options{}).Read(ctx, acr, send(1))
			if !errors.Is(err, context.Canceled) || time.Since(start) > 1700*time.Millisecond {
				t.Errorf("%s: %v after %v", name, err, time.Since(start))
			}
			if reader.held != nil {
				close(reader.held)
			}
			time.Sleep(2 * time.Hour)
		})
	}
}

// TestNarrowReaders: a reader that loses frames of 256 bytes is remembered under its name, and no other is.
func TestNarrowReaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sent [][]byte
		lossy := func(apdu []byte) ([]byte, error) {
			sent = append(sent, bytes.Clone(apdu))
			if lost(apdu) {
				return nil, codeNotTransacted
			}
			return ok(nil)
		}
		f := newFake(&fakeReader{name: acr, flags: statePresent, card: lossy}, &fakeReader{name: omni, flags: statePresent, card: ok})
		client := f.client(Options{})
		for range 2 {
			if err := client.Read(t.Context(), acr, send(1)); err != nil {
				t.Fatal(err)
			}
		}
		// The first read lost its frame, the second knew.
		if len(sent) != 3 || sent[0][len(sent[0])-1] != 0x00 || sent[1][len(sent[1])-1] != 0xE0 || sent[2][len(sent[2])-1] != 0xE0 {
			t.Errorf("sent %X", sent)
		}
		if !client.isNarrow("ACS ACR122U PICC Interface 01 00") || client.isNarrow(omni) {
			t.Error("the wrong readers are remembered")
		}
		var limits nfc.TransportLimits
		_ = client.Read(t.Context(), omni, func(_ context.Context, card nfc.Card) error {
			limits = nfc.NewSession(card).Limits()
			return nil
		})
		if limits != nfc.ShortLimits {
			t.Errorf("another reader has %+v", limits)
		}
	})
	// A fault that shorter frames do not mend says nothing about frames.
	synctest.Test(t, func(t *testing.T) {
		f := newFake(&fakeReader{name: acr, flags: statePresent, card: func([]byte) ([]byte, error) { return nil, codeNotTransacted }})
		client := f.client(Options{})
		if err := client.Read(t.Context(), acr, send(1)); !errors.Is(err, ReaderFault) || client.isNarrow(acr) {
			t.Errorf("%v, remembered %v", err, client.isNarrow(acr))
		}
	})
	// The extended form only when it is asked for.
	for _, extended := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var apdu []byte
			f := newFake(&fakeReader{name: acr, flags: statePresent, card: func(a []byte) ([]byte, error) { apdu = bytes.Clone(a); return ok(nil) }})
			if err := f.client(Options{Extended: extended}).Read(t.Context(), acr, send(1)); err != nil {
				t.Fatal(err)
			}
			if c, err := nfc.ParseCommandAPDU(apdu); err != nil || c.Extended != extended {
				t.Errorf("extended %v: sent %X", extended, apdu)
			}
		})
	}
}
