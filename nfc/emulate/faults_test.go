package emulate

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

var readCHUID = []byte{0, 0xCB, 0x3F, 0xFF, 5, 0x5C, 3, 0x5F, 0xC1, 2, 0}

func TestFaults(t *testing.T) {
	card := personalise(t, nil)
	good, err := NewChip(ChipConfig{Default: card}, card).Transmit(t.Context(), readCHUID)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name  string
		fault Fault
		check func(got []byte, err error) bool
	}{
		{"torn", Tear(), func(_ []byte, err error) bool { return errors.Is(err, ErrTorn) }},
		{"torn after", TearAfter(), func(_ []byte, err error) bool { return errors.Is(err, ErrTorn) }},
		{"empty", Empty(), func(got []byte, err error) bool { return err == nil && len(got) == 0 }},
		{"one byte", OneByte(), func(got []byte, _ error) bool { return len(got) == 1 }},
		{"status", Status(0x0005), func(got []byte, _ error) bool { return bytes.Equal(got, []byte{0, 5}) }},
		{"more for ever", MoreForEver(10), func(got []byte, _ error) bool { return len(got) == 12 && got[10] == 0x61 }},
		{"wrong Le for ever", WrongLeForEver(), func(got []byte, _ error) bool { return len(got) == 2 && got[0] == 0x6C }},
		{"huge", Huge(60000), func(got []byte, _ error) bool { return len(got) == 60002 }},
		{"truncated", Truncate(7), func(got []byte, _ error) bool {
			return bytes.Equal(got[:7], good[:7]) && bytes.Equal(got[7:], good[len(good)-2:])
		}},
		{"wrong length", WrongLength(5), func(got []byte, _ error) bool {
			return len(got) == len(good) && got[3] == good[3]+5 && bytes.Equal(got[4:], good[4:]) && bytes.Equal(got[:3], good[:3])
		}},
		{"flipped", Flip(17), func(got []byte, _ error) bool { return got[2] == good[2]^0x40 && bytes.Equal(got[3:], good[3:]) }},
		{"flipped, wrapped", Flip(8*254 + 1 + 8*256), func(got []byte, _ error) bool { return len(got) == len(good) && !bytes.Equal(got, good) }},
		{"trailing", Trailing(1, 2), func(got []byte, _ error) bool {
			return len(got) == len(good)+2 && bytes.Equal(got[len(got)-4:len(got)-2], []byte{1, 2})
		}},
		{"random", Random(1, 50), func(got []byte, _ error) bool { return len(got) <= 50 }},
		{"slow", Slow(time.Millisecond), func(got []byte, err error) bool { return err == nil && bytes.Equal(got, good) }},
	} {
		script := NewScript(NewChip(ChipConfig{Default: card}, card)).At(1, test.fault)
		first, err := script.Transmit(t.Context(), readCHUID)
		if err != nil || !bytes.Equal(first, good) {
			t.Errorf("%s: met the command before: %v", test.name, err)
		}
		if got, err := script.Transmit(t.Context(), readCHUID); !test.check(got, err) {
			t.Errorf("%s: %d bytes %.20x, %v", test.name, len(got), got, err)
		}
		if after, err := script.Transmit(t.Context(), readCHUID); err != nil || !bytes.Equal(after, good) {
			t.Errorf("%s: met the command after: %v", test.name, err)
		}
		script.Reset()
		if got, err := script.Transmit(t.Context(), readCHUID); err != nil || !bytes.Equal(got, good) {
			t.Errorf("%s: the reset did not restart the count: %v", test.name, err)
		}
	}
	ended, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
	defer cancel()
	for name, fault := range map[string]Fault{"stalled": Stall(), "slow": Slow(time.Hour)} {
		if got, err := NewScript(NewChip(ChipConfig{})).Always(fault).Transmit(ended, readCHUID); !errors.Is(err, context.DeadlineExceeded) || got != nil {
			t.Errorf("%s: %x, %v", name, got, err)
		}
	}
}

// TestWrongLengthTags: the length byte is found behind tags of every size.
func TestWrongLengthTags(t *testing.T) {
	for _, test := range []struct{ data, want string }{
		{"5302AABB", "5303AABB"},
		{"7F4902AABB", "7F4903AABB"},
		{"5FC10202AABB", "5FC10203AABB"},
		{"538102AABB", "538103AABB"},
		{"53820002AABB", "53820003AABB"},
		{"53", "53"},
		{"5F", "5F"},
		{"5FC1", "5FC1"},
	} {
		got, err := NewScript(device(unhex(t, test.data+"9000"))).Always(WrongLength(1)).Transmit(t.Context(), readCHUID)
		if err != nil || !bytes.Equal(got, unhex(t, test.want+"9000")) {
			t.Errorf("%s: %x, %v, want %s9000", test.data, got, err, test.want)
		}
	}
}

// device always gives the same answer.
type device []byte

func (d device) ATR() []byte                                      { return []byte{0x3B, 0x00} }
func (d device) Reset()                                           {}
func (d device) Transmit(context.Context, []byte) ([]byte, error) { return d, nil }

func TestScriptRules(t *testing.T) {
	ask := func(s *Script, apdu ...byte) []byte {
		t.Helper()
		got, err := s.Transmit(t.Context(), apdu)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	ok, bad := []byte{0x90, 0}, []byte{0x6F, 0}
	s := NewScript(device(ok)).On(0x87, Status(0x6F00)).At(1, Status(0x6581))
	for i, want := range [][]byte{bad, {0x65, 0x81}, ok} {
		ins := []byte{0x87, 0x87, 0xCB}[i]
		if got := ask(s, 0, ins, 0, 0); !bytes.Equal(got, want) {
			t.Errorf("command %d: %x, want %x", i, got, want)
		}
	}
	once := NewScript(device(ok)).Always(Status(0x6F00)).Once()
	if got := ask(once, 0, 1, 0, 0); !bytes.Equal(got, bad) {
		t.Errorf("first: %x", got)
	}
	once.Reset()
	if got := ask(once, 0, 1, 0, 0); !bytes.Equal(got, ok) {
		t.Errorf("once happened twice: %x", got)
	}
	called := 0
	calls := NewScript(device(ok)).At(1, Call(func() { called++ }))
	for n, want := range []int{0, 1, 1} {
		if got := ask(calls, 0, 1, 0, 0); !bytes.Equal(got, ok) || called != want {
			t.Errorf("after command %d: %x, called %d times, want %d", n, got, called, want)
		}
	}
	atrs := NewScript(device(ok)).ATRs([]byte{1}, []byte{2})
	for i, want := range []byte{1, 1, 2, 2} {
		if got := atrs.ATR(); got[0] != want {
			t.Errorf("ATR after %d resets: %x, want %x", i, got, want)
		}
		atrs.Reset()
	}
}

func TestSwap(t *testing.T) {
	first := personalise(t, nil)
	second := personalise(t, func(s *CardSpec) { s.GUID[0] = 0xFF })
	for _, selected := range []bool{true, false} {
		script := NewScript(NewChip(ChipConfig{}, first))
		script.SwapAt(3, NewChip(ChipConfig{Contactless: true}, second), selected)
		c := client{t, NewSlot(script)}
		c.selectPIV()
		if got, _ := c.once(append(bytes.Clone(readCHUID[:10]), 100)); !bytes.Contains(got, testGUID[:]) {
			t.Error("the first card does not answer first")
		}
		c.hex(0x6100, "00C0000001")
		got, sw := c.once(readCHUID)
		if selected && (sw != 0x6100 || !bytes.Contains(got, second.GUID[:])) || !selected && sw != StatusInstruction {
			t.Errorf("selected %v: %04X, %d bytes", selected, sw, len(got))
		}
		if !script.Contactless() {
			t.Error("the swapped card is contactless")
		}
		script.Reset()
		c.selectPIV()
		if got, _ := c.object(TagCHUID); !bytes.Contains(got, testGUID[:]) {
			t.Error("the reset did not bring the first card back")
		}
	}
}

// TestChaos: a seed always means the same, every kind of fault is met, a stall only where it is allowed, and no session
// crashes the card.
func TestChaos(t *testing.T) {
	card, other := NewChip(ChipConfig{}, personalise(t, nil)), NewChip(ChipConfig{}, personalise(t, nil))
	met := map[string]int{}
	for seed := range uint64(600) {
		_, name := Chaos(seed, card, other, true)
		if _, again := Chaos(seed, card, other, true); name != again {
			t.Fatalf("seed %d: %s, then %s", seed, name, again)
		}
		kind, _, _ := strings.Cut(name, "@")
		met[kind]++
		script, name := Chaos(seed, card, other, false)
		if strings.HasPrefix(name, "stalled") || strings.HasPrefix(name, "empty") {
			t.Fatalf("seed %d stalls", seed)
		}
		if strings.HasPrefix(name, "slow") {
			continue
		}
		script.Reset()
		for n := range 15 {
			if got, err := script.Transmit(t.Context(), readCHUID); err != nil && !errors.Is(err, ErrTorn) {
				t.Fatalf("%s: command %d: %x, %v", name, n, got, err)
			}
		}
	}
	if len(met) != 17 {
		t.Errorf("%d kinds of fault in 600 seeds: %v", len(met), met)
	}
}
