package credential

import (
	"bytes"
	"testing"

	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/testvectors"
)

// canonical reports whether what a parser accepted is one item in deterministic encoding: decoded generically and
// encoded again it gives the same bytes. The gate of crypto/cose has that oracle itself; here it is asked once more
// through the objects of this package.
func canonical(t *testing.T, data []byte) {
	t.Helper()
	var v any
	if err := cose.Unmarshal(data, &v, cose.Limits{Bytes: MaxDelivery, Depth: 16, Items: 64, String: MaxDelivery}); err != nil {
		t.Fatalf("accepted, but does not decode: %v", err)
	}
	again, err := cose.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(again, data) {
		t.Fatalf("accepted %x, which encodes to %x", data, again)
	}
}

func FuzzDecodeText(f *testing.F) {
	p := testvectors.Persons()[0]
	f.Add(EncodeText(Prefix, mustPresent(f, mustToken(f, personClaims(f, p, FaceCheck, false)), p)))
	for _, s := range []string{"", "SID1:", "SID1:BB8", "SID1:FGW", "SID1:GGW", "SID1::::", "SIDQ1:%69 VD92EX0", "SID1:bb8", "SID1:BB", "HC1:BB8"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		prefix, data, err := DecodeText(text)
		if err != nil {
			if prefix != "" || data != nil {
				t.Fatalf("a failed decode returned %q, %x", prefix, data)
			}
			return
		}
		if EncodeText(prefix, data) != text {
			t.Fatalf("%q is another text for %x", text, data)
		}
	})
}

func FuzzParseToken(f *testing.F) {
	for _, p := range testvectors.Persons() {
		f.Add(mustToken(f, personClaims(f, p, FaceCheck, false)))
		f.Add(mustToken(f, personClaims(f, p, FaceFull, false)))
		f.Add(mustToken(f, personClaims(f, p, FaceFull, true)))
	}
	issuer := issuerKey(f).IssuerPublic()
	f.Fuzz(func(t *testing.T, data []byte) {
		u, err := ParseToken(data)
		if err != nil {
			if u != nil {
				t.Fatal("a failed parse returned a token")
			}
			return
		}
		canonical(t, data)
		if token, err := u.Verify(issuer); (token == nil) != (err != nil) {
			t.Fatalf("Verify returned %v, %v", token, err)
		}
		// The claims of a token that nobody signed are never seen; what the reader would make of them is tried here.
		var c Claims
		if err := parseClaims(u.sign1.Payload, &c); err == nil {
			payload, err := EncodePayload(&c)
			if err != nil {
				t.Fatalf("claims were read that may not be written: %v", err)
			}
			var again Claims
			if err := parseClaims(payload, &again); err != nil {
				t.Fatal(err)
			}
			if !again.Holder.Equal(c.Holder) && !c.Holder.IsZero() {
				t.Fatal("the holder's key changed")
			}
			again.Holder = c.Holder
			if again != c {
				t.Fatalf("claims changed: %+v, %+v", c, again)
			}
		}
	})
}

func FuzzParsePresentation(f *testing.F) {
	p := testvectors.Persons()[0]
	token := mustToken(f, personClaims(f, p, FaceCheck, false))
	f.Add(mustPresent(f, token, p))
	answer, err := Present(token, holderKey(f), VerifierAudience(17), p.ShownAt, vectorNonce[:])
	if err != nil {
		f.Fatal(err)
	}
	f.Add(answer)
	f.Add(token)
	issuer, holder := issuerKey(f).IssuerPublic(), holderKey(f).HolderPublic()
	f.Fuzz(func(t *testing.T, data []byte) {
		u, err := ParsePresentation(data)
		if err != nil {
			if u != nil {
				t.Fatal("a failed parse returned a presentation")
			}
			return
		}
		canonical(t, data)
		if token, err := u.Token().Verify(issuer); (token == nil) != (err != nil) {
			t.Fatalf("Token().Verify returned %v, %v", token, err)
		}
		if got, err := u.Verify(holder); (got == nil) != (err != nil) {
			t.Fatalf("Verify returned %v, %v", got, err)
		}
		var got Presentation
		if err := got.parse(u.sign1.Payload); err == nil {
			if err := checkCNonce(got.Audience, len(got.CNonce), ErrMalformed); err != nil || got.IssuedAt.IsZero() {
				t.Fatalf("claims were read that may not be written: %+v", got)
			}
		}
	})
}

func FuzzParseChallenge(f *testing.F) {
	data, err := SignChallenge(vectorChallenge(testvectors.Persons()[0].ShownAt), verifierKey(f))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	key := verifierKey(f).VerifierPublic()
	f.Fuzz(func(t *testing.T, data []byte) {
		u, err := ParseChallenge(data)
		if err != nil {
			if u != nil {
				t.Fatal("a failed parse returned a challenge")
			}
			return
		}
		canonical(t, data)
		if u.UnverifiedVerifierID() == 0 {
			t.Fatal("verifier 0 was read")
		}
		if c, err := u.Verify(key); (c == nil) != (err != nil) {
			t.Fatalf("Verify returned %v, %v", c, err)
		}
	})
}

func FuzzParsePossession(f *testing.F) {
	p := testvectors.Persons()[0]
	data, err := SignPossession(p.EDRPOU, vectorCode, p.IssuedAt, holderKey(f))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := ParsePossession(data)
		if err != nil {
			if got != nil {
				t.Fatal("a failed parse returned a possession")
			}
			return
		}
		canonical(t, data)
		if !isEDRPOU(got.Audience) || got.Holder.IsZero() || got.IssuedAt.IsZero() {
			t.Fatalf("claims were read that may not be written: %+v", got)
		}
	})
}

func FuzzParseDelivery(f *testing.F) {
	p := testvectors.Persons()[0]
	data, err := EncodeDelivery(Delivery{
		Tokens: [][]byte{mustToken(f, personClaims(f, p, FaceCheck, false)), mustToken(f, personClaims(f, p, FaceFull, false))},
		Photo:  []byte{0xff, 0xd8, 0xff, 0xd9},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := ParseDelivery(data)
		if err != nil {
			if d != nil {
				t.Fatal("a failed parse returned a delivery")
			}
			return
		}
		canonical(t, data)
		again, err := EncodeDelivery(*d)
		if err != nil {
			t.Fatalf("a delivery was read that may not be written: %v", err)
		}
		if _, err := ParseDelivery(again); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzNormaliseCode(f *testing.F) {
	for _, s := range []string{vectorCode, "ILOo-il00-ІіОо-1111", "", "7K3M", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		code, err := NormaliseCode(typed)
		if err != nil {
			if code != "" {
				t.Fatal("a failed reading returned a code")
			}
			return
		}
		if again, err := NormaliseCode(FormatCode(code)); err != nil || again != code {
			t.Fatalf("%q reads as %q, %v", FormatCode(code), again, err)
		}
	})
}
