package verifier_test

import (
	"bytes"
	"crypto/elliptic"
	"math/big"
	"testing"

	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
)

// parts are the pieces of a presentation, as they stand in its bytes.
type parts struct {
	tokenHeader, tokenPayload, tokenSig []byte
	payload, sig                        []byte
}

// split takes a presentation apart; a helper that cannot is a broken test.
func split(tb testing.TB, presentation []byte) parts {
	tb.Helper()
	outer := sign1Parts(tb, presentation)
	token := tokenOf(presentation)
	inner := sign1Parts(tb, token)
	return parts{inner[0], inner[1], inner[2], outer[1], outer[2]}
}

// sign1Parts reads protected header, payload and signature of #6.18([ bstr, {}, bstr, bstr ]).
func sign1Parts(tb testing.TB, data []byte) [3][]byte {
	tb.Helper()
	if len(data) < 2 || data[0] != 0xd2 || data[1] != 0x84 {
		tb.Fatalf("not a COSE_Sign1: % x", data[:min(4, len(data))])
	}
	r := cose.NewReader(data[2:])
	var out [3][]byte
	for i := range out {
		b, err := r.ReadBytes()
		if err != nil {
			tb.Fatal(err)
		}
		out[i] = bytes.Clone(b)
		if i == 0 {
			if n, err := r.ReadMap(); err != nil || n != 0 {
				tb.Fatalf("unprotected map: %d, %v", n, err)
			}
		}
	}
	return out
}

// tokenOf cuts the token out of a presentation.
func tokenOf(presentation []byte) []byte {
	outer := presentation[2:]
	r := cose.NewReader(outer)
	header, err := r.ReadBytes()
	if err != nil {
		panic(err)
	}
	h := cose.NewReader(header)
	n, err := h.ReadMap()
	if err != nil {
		panic(err)
	}
	for range n {
		key, err := h.ReadInt()
		if err != nil {
			panic(err)
		}
		raw, err := h.Raw()
		if err != nil {
			panic(err)
		}
		if key == 13 {
			return raw
		}
	}
	panic("no kcwt")
}

func sign1(header, payload, sig []byte) []byte {
	b := []byte{0xd2, 0x84}
	b = cose.AppendBytes(b, header)
	b = cose.AppendMap(b, 0)
	b = cose.AppendBytes(b, payload)
	return cose.AppendBytes(b, sig)
}

func (p parts) token() []byte { return sign1(p.tokenHeader, p.tokenPayload, p.tokenSig) }

// outerHeader is the protected header of a presentation of the given token.
func outerHeader(token []byte) []byte {
	h := cose.AppendMap(nil, 3)
	h = cose.AppendInt(cose.AppendUint(h, 1), -9)
	h = append(cose.AppendUint(h, 13), token...)
	return cose.AppendUint(cose.AppendUint(h, 16), 294)
}

func (p parts) join() []byte { return sign1(outerHeader(p.token()), p.payload, p.sig) }

// resign lets a holder sign the pieces anew, as whoever has a phone can.
func (p parts) resign(tb testing.TB, h keys.HolderSigner) []byte {
	tb.Helper()
	return signRaw(tb, outerHeader(p.token()), p.payload, h)
}

// signRaw signs any header and payload, low-S, without a look at them.
func signRaw(tb testing.TB, header, payload []byte, s interface {
	Sign([]byte) ([]byte, error)
}) []byte {
	tb.Helper()
	tbs := cose.AppendText(cose.AppendArray(nil, 4), "Signature1")
	tbs = cose.AppendBytes(cose.AppendBytes(cose.AppendBytes(tbs, header), nil), payload)
	sig, err := s.Sign(tbs)
	if err != nil {
		tb.Fatal(err)
	}
	return sign1(header, payload, cose.NormalizeS(sig))
}

// flipS replaces s by n − s: the other signature that verifies.
func flipS(sig []byte) []byte {
	s := new(big.Int).SetBytes(sig[32:])
	s.Sub(elliptic.P256().Params().N, s)
	out := bytes.Clone(sig)
	s.FillBytes(out[32:])
	return out
}

func TestCraftRebuildsAPresentation(t *testing.T) {
	w := newWorld(t)
	b := w.bytes(code{})
	p := split(t, b)
	if !bytes.Equal(p.join(), b) {
		t.Fatal("pieces joined are not the presentation")
	}
	expect(t, w.input(credential.EncodeText(credential.Prefix, p.resign(t, w.hold))), "ok")
}
