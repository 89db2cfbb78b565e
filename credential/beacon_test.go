package credential

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func chainOf(t testing.TB, last uint64) func(n uint64) Beacon {
	t.Helper()
	chain := NewBeaconChain([32]byte{7}, last)
	return func(n uint64) Beacon {
		b, ok := chain.At(n)
		if !ok {
			t.Fatalf("b(%d) is beyond the end", n)
		}
		return b
	}
}

func TestBeaconPrevious(t *testing.T) {
	next := Beacon{1, 2, 3, 4, 5, 6, 7, 8}
	in := append([]byte("posvid beacon v1"), binary.BigEndian.AppendUint64(nil, 259)...)
	sum := sha256.Sum256(append(in, next[:]...))
	if got := BeaconPrevious(259, next); got != Beacon(sum[:8]) {
		t.Errorf("b(259) = %x, want %x", got, sum[:8])
	}
	if BeaconPrevious(259, next) == BeaconPrevious(260, next) {
		t.Error("the number does not enter the hash")
	}
}

func TestBeaconChain(t *testing.T) {
	at := chainOf(t, 100)
	for n := uint64(0); n < 100; n++ {
		if at(n) != BeaconPrevious(n, at(n+1)) {
			t.Fatalf("b(%d) is not the hash of b(%d)", n, n+1)
		}
	}
	chain := NewBeaconChain([32]byte{7}, 100)
	for _, n := range []uint64{101, 1 << 63} {
		if b, ok := chain.At(n); ok || !b.IsZero() {
			t.Errorf("b(%d) of a chain of 100: %x, %v", n, b, ok)
		}
	}
	if got := NewBeaconChain([32]byte{7}, 1<<40).Last(); got != MaxBeaconChain {
		t.Errorf("last %d, want %d", got, MaxBeaconChain)
	}
	a, _ := NewBeaconChain([32]byte{1}, 9).At(5)
	b, _ := NewBeaconChain([32]byte{2}, 9).At(5)
	c, _ := NewBeaconChain([32]byte{1}, 10).At(5)
	if a == b || a == c {
		t.Error("chains of another seed or length share a value")
	}
}

func TestSteps(t *testing.T) {
	const known = 5000
	at := chainOf(t, known+100)
	for _, c := range []struct {
		name      string
		candidate Beacon
		forward   int
		offset    int
		ok        bool
	}{
		{"itself", at(known), 30, 0, true},
		{"one newer", at(known + 1), 30, 1, true},
		{"30 newer", at(known + 30), 30, 30, true},
		{"31 newer", at(known + 31), 30, 0, false},
		{"one newer, none allowed", at(known + 1), 0, 0, false},
		{"one older", at(known - 1), 30, -1, true},
		{"4096 older", at(known - 4096), 30, -4096, true},
		{"4097 older", at(known - 4097), 30, 0, false},
		{"zero", Beacon{}, 30, 0, false},
		{"another chain", Beacon{1, 2, 3}, 30, 0, false},
		{"one bit off", func() Beacon { b := at(known); b[7] ^= 1; return b }(), 30, 0, false},
	} {
		if offset, ok := Steps(known, at(known), c.candidate, c.forward); offset != c.offset || ok != c.ok {
			t.Errorf("%s: %d, %v, want %d, %v", c.name, offset, ok, c.offset, c.ok)
		}
	}
	// The same value under a wrong number is not found: the number enters the hash.
	if _, ok := Steps(known+1, at(known), at(known+1), 30); ok {
		t.Error("found under a wrong number")
	}
	if _, ok := Steps(known, Beacon{}, at(known), 30); ok {
		t.Error("found with no known value")
	}
	if offset, ok := Steps(0, at(0), at(0), 30); offset != 0 || !ok {
		t.Error("the first value is not found")
	}
	if _, ok := Steps(2, at(2), at(known), 30); ok {
		t.Error("found before the start of the chain")
	}
	if _, ok := Steps(1<<64-3, Beacon{1}, Beacon{2}, 30); ok {
		t.Error("found beyond the last number")
	}
}

func TestStepsFindsAll(t *testing.T) {
	at := chainOf(t, 400)
	rapid.Check(t, func(t *rapid.T) {
		known := rapid.Uint64Range(0, 300).Draw(t, "known")
		n := rapid.Uint64Range(0, 400).Draw(t, "n")
		offset, ok := Steps(known, at(known), at(n), 30)
		want := int(n) - int(known)
		if ok != (want <= 30) || ok && offset != want {
			t.Fatalf("b(%d) from b(%d): %d, %v", n, known, offset, ok)
		}
	})
}

// Whoever has the seed can make codes for days to come, so no way of printing a chain prints it.
func TestBeaconChainIsRedacted(t *testing.T) {
	seed := sha256.Sum256([]byte("a secret seed"))
	chain := NewBeaconChain(seed, 10)
	holder := struct{ Chain BeaconChain }{*chain}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("chain", "by value", *chain, "by pointer", chain)
	printed := log.String()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d", "%x", "%X", "%q"} {
		printed += fmt.Sprintf(verb+verb+verb, chain, *chain, holder)
	}
	for _, secret := range []string{fmt.Sprintf("%x", seed[:4]), fmt.Sprintf("%X", seed[:4]), fmt.Sprintf("%d %d %d", seed[0], seed[1], seed[2]), fmt.Sprintf("%#x, %#x", seed[0], seed[1])} {
		if strings.Contains(printed, secret) {
			t.Errorf("the seed is printed as %s", secret)
		}
	}
	if !strings.Contains(printed, "[redacted]") {
		t.Errorf("printed %s", printed)
	}
}
