package credential

import (
	"bytes"
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/testvectors"
)

// heap returns how many bytes f allocates in all, freed or not.
func heap(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// Whatever the bytes, a decoder allocates less than 16 MiB: a length in the input never asks for memory by itself.
func TestCostOfAnyBytes(t *testing.T) {
	const most = 16 << 20
	deep := bytes.Repeat([]byte{0x81}, 4096)
	wide := append([]byte{0xd2, 0x84, 0x59, 0x07, 0xd0}, bytes.Repeat([]byte{0xa0}, 4000)...)
	huge := []byte{0xd2, 0x84, 0x5b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	array := []byte{0xa1, 0x01, 0x9b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	large := make([]byte, 32<<20)
	for name, data := range map[string][]byte{"deep": deep, "wide": wide, "huge": huge, "array": array, "large": large, "ones": bytes.Repeat([]byte{0xff}, 4096)} {
		for parser, parse := range map[string]func([]byte) error{
			"token":        func(b []byte) error { _, err := ParseToken(b); return err },
			"card token":   func(b []byte) error { _, err := ParseCardToken(b); return err },
			"presentation": func(b []byte) error { _, err := ParsePresentation(b); return err },
			"challenge":    func(b []byte) error { _, err := ParseChallenge(b); return err },
			"possession":   func(b []byte) error { _, err := ParsePossession(b); return err },
			"delivery":     func(b []byte) error { _, err := ParseDelivery(b); return err },
			"claims":       func(b []byte) error { return parseClaims(b, new(Claims)) },
		} {
			var err error
			if got := heap(func() { err = parse(data) }); got > most {
				t.Errorf("%s of %s: %d bytes allocated", parser, name, got)
			}
			if err == nil {
				t.Errorf("%s of %s: accepted", parser, name)
			}
		}
	}
	for name, text := range map[string]string{
		"longest": Prefix + strings.Repeat("0", 4290), "over": Prefix + strings.Repeat(":", 32<<20), "foreign": strings.Repeat("я", 16<<20),
	} {
		if got := heap(func() { DecodeText(text) }); got > most {
			t.Errorf("text %s: %d bytes allocated", name, got)
		}
	}
}

// A whole code costs few allocations beside the two verifications.
func TestAllocations(t *testing.T) {
	p := testvectors.Persons()[0]
	text := EncodeText(Prefix, mustPresent(t, mustToken(t, personClaims(t, p, FaceFull, false)), p))
	issuer := issuerKey(t).IssuerPublic()
	sign1, err := cose.ParseSign1(mustToken(t, fullClaims(t)), tokenProfile)
	if err != nil {
		t.Fatal(err)
	}
	raw := testing.AllocsPerRun(50, func() {
		if err := issuer.Verify(sign1); err != nil {
			t.Fatal(err)
		}
	})
	all := testing.AllocsPerRun(50, func() {
		_, data, err := DecodeText(text)
		if err != nil {
			t.Fatal(err)
		}
		u, err := ParsePresentation(data)
		if err != nil {
			t.Fatal(err)
		}
		token, err := u.Token().Verify(issuer)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := u.Verify(token.Holder); err != nil {
			t.Fatal(err)
		}
	})
	if beside := all - 2*raw; beside > 20 {
		t.Errorf("%v allocations beside the two verifications, want at most 20", beside)
	}
}

// failing is a signer whose device is gone.
type failing struct{ keys.HolderPrivateKey }

var errDevice = errors.New("device is gone")

func (failing) Sign([]byte) ([]byte, error) { return nil, errDevice }

// short is a signer that returns a signature of the wrong size.
type short struct{ keys.HolderPrivateKey }

func (short) Sign([]byte) ([]byte, error) { return make([]byte, 63), nil }

func TestSigningFails(t *testing.T) {
	p := testvectors.Persons()[0]
	token := mustToken(t, fullClaims(t))
	if data, err := Present(token, failing{holderKey(t)}, AudienceAny, p.ShownAt, nil); data != nil || !errors.Is(err, errDevice) {
		t.Errorf("presentation: %x, %v", data, err)
	}
	if data, err := SignPossession(p.EDRPOU, vectorCode, p.ShownAt, failing{holderKey(t)}); data != nil || !errors.Is(err, errDevice) {
		t.Errorf("possession: %x, %v", data, err)
	}
	if data, err := Present(token, short{holderKey(t)}, AudienceAny, p.ShownAt, nil); data != nil || !errors.Is(err, cose.ErrSignature) {
		t.Errorf("signature of 63 bytes: %x, %v", data, err)
	}
	if data, err := SignToken(make([]byte, MaxToken), issuerKey(t)); data != nil || !errors.Is(err, ErrTooLarge) {
		t.Errorf("payload of %d bytes: %d bytes, %v", MaxToken, len(data), err)
	}
}
