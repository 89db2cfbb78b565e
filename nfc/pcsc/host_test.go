//go:build pcsc && cgo && linux

package pcsc

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/ebfe/scard"

	"github.com/posvid/posvid/nfc"
	"github.com/posvid/posvid/nfc/emulate"
)

// These tests drive the real pcscd with emulated cards behind the virtual reader vpcd.

// pivChip makes a contactless PIV card with a P-256 card authentication key and a long certificate object.
func pivChip(t *testing.T) (*emulate.Chip, crypto.PublicKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	application, err := emulate.NewPIV(emulate.PIVConfig{
		Keys:    map[byte]crypto.Signer{emulate.KeyCardAuthentication: key},
		Objects: map[uint32][]byte{emulate.TagCardAuthentication: emulate.CertificateObject(bytes.Repeat([]byte{0xA5}, 1400), false)},
	})
	if err != nil {
		t.Fatal(err)
	}
	return emulate.NewChip(emulate.ChipConfig{Contactless: true, UID: []byte{4, 1, 2, 3, 4, 5, 6}}, application), key.Public()
}

// readPIV reads the long object and has a challenge signed.
func readPIV(ctx context.Context, card nfc.Card, public crypto.PublicKey) error {
	piv, err := nfc.SelectPIV(ctx, nfc.NewSession(card))
	if err != nil {
		return err
	}
	object, err := piv.Read(ctx, nfc.ObjectCardAuth)
	if err != nil {
		return err
	}
	if len(object) < 1400 {
		return errors.New("short object")
	}
	challenge, err := nfc.NewChallenge(public)
	if err != nil {
		return err
	}
	signature, err := piv.Authenticate(ctx, nfc.KeyCardAuth, challenge.Algorithm, challenge.Data)
	if err != nil {
		return err
	}
	return challenge.Verify(signature)
}

func TestHostRead(t *testing.T) {
	emulate.Isolated(t, emulate.FixtureConfig{}, func(t *testing.T, f *emulate.Fixture) {
		chip, public := pivChip(t)
		client := New(Options{AllowVirtual: true})
		if r, err := client.Present(t.Context()); !errors.Is(err, NoCard) {
			t.Errorf("empty readers: %+v, %v", r, err)
		}
		if _, err := New(Options{}).Present(t.Context()); !errors.Is(err, ReaderVirtual) {
			t.Errorf("virtual readers: %v", err)
		}
		plug := f.Insert(t, 0, chip)
		r, err := client.Present(t.Context())
		if err != nil || r.Name != f.Reader(0) || !r.Virtual || r.Contactless {
			t.Fatalf("%+v, %v", r, err)
		}
		for range 20 {
			if err := client.Read(t.Context(), r.Name, func(ctx context.Context, card nfc.Card) error { return readPIV(ctx, card, public) }); err != nil {
				t.Fatal(err)
			}
		}
		extended := New(Options{AllowVirtual: true, Extended: true, Contactless: []string{emulate.FixtureConfig{}.ReaderName(0)}})
		err = extended.Read(t.Context(), r.Name, func(ctx context.Context, card nfc.Card) error {
			uid, err := nfc.NewSession(card).UID(ctx)
			if err != nil || len(uid) != 7 {
				return errors.Join(errors.New("UID"), err)
			}
			return readPIV(ctx, card, public)
		})
		if err != nil {
			t.Errorf("extended, on a card without it: %v", err)
		}
		if err := client.Read(t.Context(), f.Reader(1), func(context.Context, nfc.Card) error { return nil }); !errors.Is(err, NoCard) {
			t.Errorf("the empty slot: %v", err)
		}
		if err := client.Read(t.Context(), "no such reader", func(context.Context, nfc.Card) error { return nil }); !errors.Is(err, ReaderLost) {
			t.Errorf("no such reader: %v", err)
		}
		// A second card: nobody guesses which one is meant.
		other, _ := pivChip(t)
		f.Insert(t, 1, other)
		if r, err := client.Present(t.Context()); !errors.Is(err, SeveralCards) {
			t.Errorf("two cards: %+v, %v", r, err)
		}
		if r, err := New(Options{AllowVirtual: true, Reader: f.Reader(1)}).Present(t.Context()); err != nil || r.Name != f.Reader(1) {
			t.Errorf("two cards, one named: %+v, %v", r, err)
		}
		if err := plug.Remove(); err != nil {
			t.Error(err)
		}
		if err := client.WaitRemoved(t.Context(), f.Reader(0)); err != nil {
			t.Error(err)
		}
	})
}

func TestHostNobodyThere(t *testing.T) {
	for name, c := range map[string]struct {
		config emulate.FixtureConfig
		want   Trouble
	}{"no service": {emulate.FixtureConfig{NoDaemon: true}, NoService}, "no reader": {emulate.FixtureConfig{NoReaders: true}, NoReader}} {
		t.Run(name, func(t *testing.T) {
			emulate.Isolated(t, c.config, func(t *testing.T, f *emulate.Fixture) {
				if _, err := New(Options{}).Present(t.Context()); !errors.Is(err, c.want) {
					t.Errorf("%v, want %s", err, c.want)
				}
			})
		})
	}
}

// TestHostFaults tears, stalls and garbles the card at the first, a middle and the last command: the right trouble comes within the time of a card,
// and the next read of a good card works.
func TestHostFaults(t *testing.T) {
	emulate.Isolated(t, emulate.FixtureConfig{}, func(t *testing.T, f *emulate.Fixture) {
		chip, public := pivChip(t)
		client := New(Options{AllowVirtual: true, Command: 500 * time.Millisecond})
		read := func() error {
			return client.Read(t.Context(), f.Reader(0), func(ctx context.Context, card nfc.Card) error { return readPIV(ctx, card, public) })
		}
		for _, n := range []int{0, 3, 7} {
			for name, c := range map[string]struct {
				fault emulate.Fault
				want  error
			}{
				"torn": {emulate.Tear(), CardTorn}, "torn after": {emulate.TearAfter(), CardTorn}, "one byte": {emulate.OneByte(), CardTorn},
				"stalled": {emulate.Stall(), CardTimeout}, "endless": {emulate.MoreForEver(10), nil}, "huge": {emulate.Huge(65000), nil}, "no status": {emulate.Raw([]byte{0, 5}), nil},
			} {
				plug := f.Insert(t, 0, emulate.NewScript(chip).At(n, c.fault))
				start := time.Now()
				err := read()
				// Commands 0 to 7: SELECT, six for the certificate, the challenge.
				if err == nil || c.want != nil && !errors.Is(err, c.want) || time.Since(start) > 4*time.Second {
					t.Errorf("%s at command %d: %v after %v, want %v", name, n, err, time.Since(start), c.want)
				}
				_ = plug.Remove() // its end may be the fault itself
				if err := client.WaitRemoved(t.Context(), f.Reader(0)); err != nil {
					t.Fatal(err)
				}
			}
		}
		f.Insert(t, 0, chip)
		if err := read(); err != nil {
			t.Errorf("a good card after all that: %v", err)
		}
	})
}

// TestHostOtherProgram lets another program hold, reset and share the card.
func TestHostOtherProgram(t *testing.T) {
	emulate.Isolated(t, emulate.FixtureConfig{}, func(t *testing.T, f *emulate.Fixture) {
		chip, public := pivChip(t)
		f.Insert(t, 0, chip)
		client := New(Options{AllowVirtual: true})
		other, err := scard.EstablishContext()
		if err != nil {
			t.Fatal(err)
		}
		defer other.Release()
		read := func() error {
			return client.Read(t.Context(), f.Reader(0), func(ctx context.Context, card nfc.Card) error { return readPIV(ctx, card, public) })
		}
		// For itself: refused after three seconds, and named.
		card, err := other.Connect(f.Reader(0), scard.ShareExclusive, scard.ProtocolAny)
		if err != nil {
			t.Fatal(err)
		}
		if r, err := client.Present(t.Context()); err != nil || !r.Busy {
			t.Errorf("held reader: %+v, %v", r, err)
		}
		start := time.Now()
		if err := read(); !errors.Is(err, ReaderBusy) || time.Since(start) > busyFor+time.Second {
			t.Errorf("held: %v after %v", err, time.Since(start))
		}
		// Given back after a second: read.
		go func() {
			time.Sleep(time.Second)
			_ = card.Disconnect(scard.LeaveCard)
		}()
		if err := read(); err != nil {
			t.Errorf("given back: %v", err)
		}
		// A transaction that is not ended.
		if card, err = other.Connect(f.Reader(0), scard.ShareShared, scard.ProtocolAny); err != nil {
			t.Fatal(err)
		}
		if err := card.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		start = time.Now()
		if err := read(); !errors.Is(err, ReaderBusy) || time.Since(start) > busyFor+time.Second {
			t.Errorf("transaction: %v after %v", err, time.Since(start))
		}
		if err := card.EndTransaction(scard.ResetCard); err != nil {
			t.Fatal(err)
		}
		// Resets between our reads: each read begins anew.
		for range 3 {
			if err := read(); err != nil {
				t.Errorf("after a reset: %v", err)
			}
			if err := card.Reconnect(scard.ShareShared, scard.ProtocolAny, scard.ResetCard); err != nil {
				t.Fatal(err)
			}
		}
		_ = card.Disconnect(scard.LeaveCard)
	})
}

// TestHostWait lays a card on while it is waited for, and stops and restarts the service meanwhile.
func TestHostWait(t *testing.T) {
	emulate.Isolated(t, emulate.FixtureConfig{}, func(t *testing.T, f *emulate.Fixture) {
		chip, _ := pivChip(t)
		client := New(Options{AllowVirtual: true})
		var told []Trouble
		inserted := make(chan struct{})
		go func() {
			defer close(inserted)
			time.Sleep(500 * time.Millisecond)
			f.KillDaemon()
			time.Sleep(500 * time.Millisecond)
			f.StartDaemon()
			time.Sleep(300 * time.Millisecond)
			f.Insert(t, 1, chip)
		}()
		r, err := client.Wait(t.Context(), func(e *Error) { told = append(told, e.Trouble) })
		<-inserted
		if err != nil || r.Name != f.Reader(1) {
			t.Errorf("%+v, %v", r, err)
		}
		if !slices.Contains(told, NoCard) || !slices.Contains(told, NoService) {
			t.Errorf("told %v", told)
		}
	})
}

// TestHostServiceKilled takes the service away in the middle of a command, and brings it back.
func TestHostServiceKilled(t *testing.T) {
	emulate.Isolated(t, emulate.FixtureConfig{}, func(t *testing.T, f *emulate.Fixture) {
		chip, public := pivChip(t)
		client := New(Options{AllowVirtual: true})
		slot := 0
		read := func() error {
			return client.Read(t.Context(), f.Reader(slot), func(ctx context.Context, card nfc.Card) error { return readPIV(ctx, card, public) })
		}
		f.Insert(t, 0, emulate.NewScript(chip).At(3, emulate.Slow(time.Second)))
		time.AfterFunc(300*time.Millisecond, f.KillDaemon)
		start := time.Now()
		err := read()
		if !errors.Is(err, NoService) && !errors.Is(err, ReaderLost) && !errors.Is(err, CardTorn) || time.Since(start) > 3*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		if err := read(); !errors.Is(err, NoService) {
			t.Errorf("without the service: %v", err)
		}
		f.StartDaemon()
		slot = 1 // the port of the other slot is still taken by the connection that was cut
		f.Insert(t, slot, chip)
		if err := read(); err != nil {
			t.Errorf("with it again: %v", err)
		}
	})
}

// TestHostTwoReads lets two parts of a program read one card at the same time: they follow each other.
func TestHostTwoReads(t *testing.T) {
	emulate.Isolated(t, emulate.FixtureConfig{}, func(t *testing.T, f *emulate.Fixture) {
		chip, public := pivChip(t)
		f.Insert(t, 0, chip)
		client := New(Options{AllowVirtual: true})
		done := make(chan error)
		for range 4 {
			go func() {
				var err error
				for range 10 {
					err = errors.Join(err, client.Read(t.Context(), f.Reader(0), func(ctx context.Context, card nfc.Card) error { return readPIV(ctx, card, public) }))
				}
				done <- err
			}()
		}
		for range 4 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	})
}

// TestHostNextCard lays one card after another: a card that stays is not taken for the next one, one that was exchanged is.
func TestHostNextCard(t *testing.T) {
	emulate.Isolated(t, emulate.FixtureConfig{}, func(t *testing.T, f *emulate.Fixture) {
		client := New(Options{AllowVirtual: true})
		for range 2 {
			chip, public := pivChip(t)
			plug := f.Insert(t, 0, chip)
			if _, err := client.Wait(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			if err := client.Read(t.Context(), f.Reader(0), func(ctx context.Context, card nfc.Card) error { return readPIV(ctx, card, public) }); err != nil {
				t.Error(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			if err := client.WaitRemoved(ctx, f.Reader(0)); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the card lies there: %v", err)
			}
			cancel()
			if err := plug.Remove(); err != nil {
				t.Error(err)
			}
			next, _ := pivChip(t)
			other := f.Insert(t, 0, next)
			start := time.Now()
			if err := client.WaitRemoved(t.Context(), f.Reader(0)); err != nil || time.Since(start) > time.Second {
				t.Errorf("exchanged: %v after %v", err, time.Since(start))
			}
			_ = other.Remove()
			if err := client.WaitRemoved(t.Context(), f.Reader(0)); err != nil {
				t.Error(err)
			}
		}
	})
}

// TestHostWaitInterrupted ends a wait as an interrupt does.
func TestHostWaitInterrupted(t *testing.T) {
	emulate.Isolated(t, emulate.FixtureConfig{}, func(t *testing.T, f *emulate.Fixture) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(300*time.Millisecond, cancel)
		start := time.Now()
		if _, err := New(Options{AllowVirtual: true}).Wait(ctx, nil); !errors.Is(err, context.Canceled) || time.Since(start) > 1300*time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}
