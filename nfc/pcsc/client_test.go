package pcsc

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/posvid/posvid/locale"
	"github.com/posvid/posvid/nfc"
)

const (
	acr  = "ACS ACR122U PICC Interface 00 00"
	omni = "HID OMNIKEY 5022 CL 01 00"
	vpcd = "Virtual PCD 00 00"
)

var get = []byte{0x00, 0xCB, 0x3F, 0xFF, 0x03, 0x5C, 0x01, 0x7E, 0x00}

func TestEveryTroubleHasTexts(t *testing.T) {
	for _, code := range Troubles() {
		if !locale.HasCardTrouble(string(code)) {
			t.Errorf("%s has no texts", code)
		}
		err := trouble(code, acr, Code(0x8010000B), "detail %d", 7)
		if !errors.Is(err, code) || !errors.Is(err, Code(0x8010000B)) || errors.Is(err, Trouble("other")) {
			t.Errorf("%s: %v does not wrap what it is", code, err)
		}
		if want := `pcsc: reader "` + acr + `": detail 7: PC/SC code 8010000B [` + string(code) + "]"; err.Error() != want {
			t.Errorf("%q, want %q", err, want)
		}
		for _, lang := range locale.Languages() {
			if cause, remedy := err.Text(lang); cause == "" || remedy == "" {
				t.Errorf("%s in %s: %q, %q", code, lang, cause, remedy)
			}
		}
	}
	if locale.HasCardTrouble("no-such") {
		t.Error("an unknown trouble has texts")
	}
	for code, kind := range map[Trouble]error{CardTorn: nfc.ErrTorn, CardTimeout: nfc.ErrTimeout, CardReset: nfc.ErrReset, ReaderFault: nfc.ErrTransport} {
		if !errors.Is(trouble(code, "", nil, ""), kind) {
			t.Errorf("%s is not %v", code, kind)
		}
	}
	if errors.Is(trouble(NoCard, "", nil, ""), nfc.ErrTorn) {
		t.Error("no card is a torn card")
	}
}

func TestPresent(t *testing.T) {
	card := func(name string, flags uint32) *fakeReader {
		return &fakeReader{name: name, flags: flags, card: ok, atr: []byte{0x3B, 0x80, 0x80, 0x01, 0x01}}
	}
	const absent, exclusive, inUse, mute = 0x10, statePresent | stateExclusive | stateInUse, statePresent | stateInUse, statePresent | stateMute
	for name, c := range map[string]struct {
		readers []*fakeReader
		options Options
		want    string
		trouble Trouble
	}{
		"no reader":                  {nil, Options{}, "", NoReader},
		"no card":                    {[]*fakeReader{card(acr, absent)}, Options{}, "", NoCard},
		"one card":                   {[]*fakeReader{card(acr, statePresent)}, Options{}, acr, ""},
		"card in use":                {[]*fakeReader{card(acr, inUse)}, Options{}, acr, ""},
		"card on the second":         {[]*fakeReader{card(acr, absent), card(omni, statePresent)}, Options{}, omni, ""},
		"two cards":                  {[]*fakeReader{card(acr, statePresent), card(omni, statePresent)}, Options{}, "", SeveralCards},
		"two cards, one named":       {[]*fakeReader{card(acr, statePresent), card(omni, statePresent)}, Options{Reader: omni}, omni, ""},
		"named without its numbers":  {[]*fakeReader{card(acr, statePresent), card(omni, statePresent)}, Options{Reader: "HID OMNIKEY 5022 CL"}, omni, ""},
		"named by a part":            {[]*fakeReader{card(acr, statePresent), card(omni, statePresent)}, Options{Reader: "omnikey"}, omni, ""},
		"part of two names":          {[]*fakeReader{card(acr, statePresent), card(omni, statePresent)}, Options{Reader: "00"}, "", ReaderUnknown},
		"named one is not there":     {[]*fakeReader{card(acr, statePresent)}, Options{Reader: omni}, "", ReaderUnknown},
		"named one is empty":         {[]*fakeReader{card(acr, statePresent), card(omni, absent)}, Options{Reader: omni}, "", NoCard},
		"busy and free":              {[]*fakeReader{card(acr, exclusive), card(omni, statePresent)}, Options{}, omni, ""},
		"busy only":                  {[]*fakeReader{card(acr, exclusive)}, Options{}, acr, ""},
		"mute":                       {[]*fakeReader{card(acr, mute)}, Options{}, "", CardMute},
		"mute and free":              {[]*fakeReader{card(acr, mute), card(omni, statePresent)}, Options{}, omni, ""},
		"reader gone":                {[]*fakeReader{card(acr, statePresent|stateUnavailable)}, Options{}, "", NoCard},
		"virtual":                    {[]*fakeReader{card(vpcd, statePresent)}, Options{}, "", ReaderVirtual},
		"virtual, named":             {[]*fakeReader{card(vpcd, statePresent)}, Options{Reader: vpcd}, "", ReaderVirtual},
		"virtual, on the list":       {[]*fakeReader{card(vpcd, statePresent)}, Options{Allow: []string{vpcd}}, "", ReaderVirtual},
		"virtual allowed":            {[]*fakeReader{card(vpcd, statePresent)}, Options{AllowVirtual: true}, vpcd, ""},
		"virtual allowed, not on it": {[]*fakeReader{card(vpcd, statePresent)}, Options{AllowVirtual: true, Allow: []string{acr}}, "", ReaderNotAllowed},
		"virtual beside a real one":  {[]*fakeReader{card(vpcd, statePresent), card(acr, statePresent)}, Options{}, acr, ""},
		"on the list":                {[]*fakeReader{card(acr, statePresent), card(omni, statePresent)}, Options{Allow: []string{"ACS ACR122U PICC Interface"}}, acr, ""},
		"not on the list":            {[]*fakeReader{card(omni, statePresent)}, Options{Allow: []string{acr}}, "", ReaderNotAllowed},
		"part of a name on the list": {[]*fakeReader{card(acr, statePresent)}, Options{Allow: []string{"ACS"}}, "", ReaderNotAllowed},
		"named, not on the list":     {[]*fakeReader{card(acr, statePresent), card(omni, statePresent)}, Options{Reader: omni, Allow: []string{acr}}, "", ReaderNotAllowed},
	} {
		synctest.Test(t, func(t *testing.T) {
			r, err := newFake(c.readers...).client(c.options).Present(t.Context())
			if r.Name != c.want || c.trouble == "" && err != nil || c.trouble != "" && !errors.Is(err, c.trouble) {
				t.Errorf("%s: %q, %v; want %q, %s", name, r.Name, err, c.want, c.trouble)
			}
		})
	}
}

func TestVirtualNames(t *testing.T) {
	for name, want := range map[string]bool{
		vpcd: true, "Microsoft Virtual Smart Card 0": true, "vpcd": true, "VPICC 00 00": true, "Card simulator 00 00": true, "PC/SC Emulator": true,
		acr: false, omni: false, "Gemalto PC Twin Reader 00 00": false, "Alcor Micro AU9540 00 00": false, "": false,
	} {
		if virtual(name) != want {
			t.Errorf("%q virtual: %v", name, !want)
		}
	}
	for name, want := range map[string]string{acr: "ACS ACR122U PICC Interface", "Reader 00": "Reader 00", "00 00": "00 00", "Reader 00 0G": "Reader 00 0G", "": ""} {
		if got := plain(name); got != want {
			t.Errorf("plain(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestContactlessReaders(t *testing.T) {
	air, contact := []byte{0x3B, 0x8F, 0x80, 0x01, 0x80, 0x4F}, []byte{0x3B, 0xFD, 0x13, 0x00, 0x00}
	for name, c := range map[string]struct {
		reader  string
		atr     []byte
		options Options
		want    bool
	}{
		"name and ATR":      {acr, air, Options{}, true},
		"contact card":      {acr, contact, Options{}, false},
		"no ATR":            {acr, nil, Options{}, false},
		"other reader":      {"Gemalto PC Twin Reader 00 00", air, Options{}, false},
		"other, named so":   {"Gemalto PC Twin Reader 00 00", air, Options{Contactless: []string{"Gemalto PC Twin Reader"}}, true},
		"named, with a SIM": {"Gemalto PC Twin Reader 00 00", contact, Options{Contactless: []string{"Gemalto PC Twin Reader"}}, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake(&fakeReader{name: c.reader, flags: statePresent, atr: c.atr, card: ok})
			client := f.client(c.options)
			r, err := client.Present(t.Context())
			if err != nil || r.Contactless != c.want {
				t.Errorf("%s: listed as contactless %v, %v", name, r.Contactless, err)
			}
			err = client.Read(t.Context(), c.reader, func(ctx context.Context, card nfc.Card) error {
				_, err := nfc.NewSession(card).UID(ctx)
				if sent := !errors.Is(err, nfc.ErrUsage); sent != c.want {
					t.Errorf("%s: UID asked %v", name, sent)
				}
				return nil
			})
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
}

func TestServiceTroubles(t *testing.T) {
	for name, c := range map[string]struct {
		down  error
		want  Trouble
		hangs bool
	}{
		"not running": {codeNoService, NoService, false},
		"stopped":     {codeServiceStopped, NoService, false},
		"polkit":      {codeSecurity, Refused, false},
		"no access":   {codeNoAccess, Refused, false},
		"hangs":       {nil, NoService, true},
		"something":   {errors.New("odd"), NoService, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake(&fakeReader{name: acr, flags: statePresent, card: ok})
			f.down = c.down
			if c.hangs {
				f.hangs = make(chan struct{})
			}
			client := f.client(Options{})
			start := time.Now()
			_, err := client.Present(t.Context())
			if !errors.Is(err, c.want) || time.Since(start) > callTime {
				t.Errorf("%s: %v after %v", name, err, time.Since(start))
			}
			_, err = client.Wait(t.Context(), nil)
			if !errors.Is(err, c.want) {
				t.Errorf("%s: Wait %v", name, err)
			}
			err = client.Read(t.Context(), acr, func(context.Context, nfc.Card) error { t.Error("opened"); return nil })
			if !errors.Is(err, c.want) {
				t.Errorf("%s: Read %v", name, err)
			}
			if c.hangs {
				close(f.hangs)
				synctest.Wait()
				if client.left.Load() != 0 || f.established != f.released {
					t.Errorf("%s: %d calls left, %d contexts of %d released", name, client.left.Load(), f.released, f.established)
				}
			}
		})
	}
	// What looks like a refusal while the service ends is none.
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.down = codeSecurity
		time.AfterFunc(50*time.Millisecond, func() { f.change(func() { f.down = codeNoService }) })
		if _, err := f.client(Options{}).Present(t.Context()); !errors.Is(err, NoService) {
			t.Errorf("ending: %v", err)
		}
	})
	// A service that hangs does not collect calls without end.
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.hangs = make(chan struct{})
		client := f.client(Options{})
		for range 20 {
			if _, err := client.Present(t.Context()); !errors.Is(err, NoService) {
				t.Error(err)
			}
		}
		if n := client.left.Load(); n != maxLeft {
			t.Errorf("%d calls left behind, at most %d", n, maxLeft)
		}
		close(f.hangs)
		synctest.Wait()
	})
}

func TestKernelHoldsTheReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := newFake().client(Options{})
		for modules, want := range map[string]Trouble{
			"":                                     NoReader,
			"nfc 139264 0 - Live 0x0\nusbcore 1 0": NoReader,
			"notpn533 1 0":                         NoReader,
			"pn533_usb 20480 0 - Live 0x0\npn533 57344 1 pn533_usb, Live 0x0": KernelHolds,
		} {
			client.modules = func() string { return modules }
			if _, err := client.Readers(t.Context()); !errors.Is(err, want) {
				t.Errorf("%q: %v", modules, err)
			}
		}
	})
}

func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reader := &fakeReader{name: acr, flags: 0x10}
		f := newFake()
		client := f.client(Options{})
		go func() {
			time.Sleep(3 * time.Second)
			f.change(func() { f.list = append(f.list, &fakeReader{name: vpcd, flags: statePresent, card: ok}) })
			time.Sleep(3 * time.Second)
			f.change(func() { f.list = append(f.list, reader) })
			time.Sleep(3 * time.Second)
			f.change(func() { reader.flags, reader.events = statePresent|stateMute, 1 })
			time.Sleep(3 * time.Second)
			f.take(reader)
			time.Sleep(3 * time.Second)
			f.lay(reader, ok)
		}()
		var told []string
		start := time.Now()
		r, err := client.Wait(t.Context(), func(e *Error) { told = append(told, string(e.Trouble)) })
		if err != nil || r.Name != acr || time.Since(start) > 17*time.Second {
			t.Errorf("%q, %v after %v", r.Name, err, time.Since(start))
		}
		if got := strings.Join(told, " "); got != "reader-none reader-virtual card-none card-mute card-none" {
			t.Errorf("told %s", got)
		}
		if f.looks > 60 {
			t.Errorf("%d looks in %v", f.looks, time.Since(start))
		}
		// The card stays: waiting for its removal ends when it is taken, or the reader is.
		go func() { time.Sleep(time.Second); f.take(reader) }()
		start = time.Now()
		if err := client.WaitRemoved(t.Context(), acr); err != nil || time.Since(start) < time.Second || time.Since(start) > 3*time.Second {
			t.Errorf("removed: %v after %v", err, time.Since(start))
		}
		// One card after another, faster than anybody looks.
		f.lay(reader, ok)
		if _, err := client.Present(t.Context()); err != nil {
			t.Error(err)
		}
		f.change(func() { reader.events += 2 })
		start = time.Now()
		if err := client.WaitRemoved(t.Context(), acr); err != nil || time.Since(start) > time.Second {
			t.Errorf("exchanged: %v after %v", err, time.Since(start))
		}
		f.lay(reader, ok)
		if _, err := client.Present(t.Context()); err != nil {
			t.Error(err)
		}
		go func() { time.Sleep(time.Second); f.change(func() { f.list = nil }) }()
		if err := client.WaitRemoved(t.Context(), acr); err != nil {
			t.Errorf("unplugged: %v", err)
		}
		if f.established != f.released {
			t.Errorf("%d contexts, %d released", f.established, f.released)
		}
	})
}

func TestWaitWithoutPnP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.noPnP = true
		go func() {
			time.Sleep(10 * time.Second)
			f.change(func() { f.list = append(f.list, &fakeReader{name: acr, flags: statePresent, card: ok}) })
		}()
		start := time.Now()
		r, err := f.client(Options{}).Wait(t.Context(), nil)
		if err != nil || r.Name != acr || time.Since(start) > 12*time.Second || f.looks > 60 {
			t.Errorf("%q, %v after %v, %d looks", r.Name, err, time.Since(start), f.looks)
		}
	})
}

// TestWaitOutlivesTheService stops the service while a card is waited for.
func TestWaitOutlivesTheService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reader := &fakeReader{name: acr, flags: 0x10}
		f := newFake(reader)
		go func() {
			time.Sleep(2 * time.Second)
			f.change(func() { f.down = codeServiceStopped })
			time.Sleep(20 * time.Second)
			f.change(func() { f.down = nil })
			time.Sleep(3 * time.Second)
			f.lay(reader, ok)
		}()
		var told []string
		start := time.Now()
		r, err := f.client(Options{}).Wait(t.Context(), func(e *Error) { told = append(told, string(e.Trouble)) })
		if err != nil || r.Name != acr || time.Since(start) > 26*time.Second {
			t.Errorf("%q, %v after %v", r.Name, err, time.Since(start))
		}
		if got := strings.Join(told, " "); got != "card-none reader-no-service card-none" {
			t.Errorf("told %s", got)
		}
	})
}

func TestWaitEndsWithItsContext(t *testing.T) {
	for name, f := range map[string]*fakeSystem{"no reader": newFake(), "no card": newFake(&fakeReader{name: acr, flags: 0x10})} {
		synctest.Test(t, func(t *testing.T) {
			f.changed = make(chan struct{}) // of this bubble
			ctx, cancel := context.WithCancel(t.Context())
			go func() { time.Sleep(5300 * time.Millisecond); cancel() }()
			start := time.Now()
			_, err := f.client(Options{}).Wait(ctx, nil)
			if !errors.Is(err, context.Canceled) || time.Since(start) > 6300*time.Millisecond {
				t.Errorf("%s: %v after %v", name, err, time.Since(start))
			}
		})
	}
}
