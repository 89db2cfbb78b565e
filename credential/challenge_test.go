package credential

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/testvectors"
)

func TestChallengeRoundTrip(t *testing.T) {
	at := testvectors.Persons()[0].ShownAt
	for _, id := range []uint64{1, 17, 1<<64 - 1} {
		want := vectorChallenge(at)
		want.VerifierID = id
		data, err := SignChallenge(want, verifierKey(t))
		if err != nil {
			t.Fatal(err)
		}
		prefix, data, err := DecodeText(EncodeText(ChallengePrefix, data))
		if err != nil || prefix != ChallengePrefix {
			t.Fatal(err)
		}
		u, err := ParseChallenge(data)
		if err != nil {
			t.Fatal(err)
		}
		if u.UnverifiedVerifierID() != id {
			t.Errorf("verifier %d, want %d", u.UnverifiedVerifierID(), id)
		}
		got, err := u.Verify(verifierKey(t).VerifierPublic())
		if err != nil || *got != want {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
	}
}

func TestChallengeRefuses(t *testing.T) {
	k := verifierKey(t)
	header := cose.Header{Type: cose.TypeChallenge}
	good := pairs{intKey(claimIssuer): textValue("17"), intKey(claimExpires): uintValue(1), intKey(claimCNonce): byteValue(16)}
	with := func(key int64, v []byte) []byte {
		p := pairs{}
		for k, value := range good {
			p[k] = value
		}
		if p[intKey(key)] = v; v == nil {
			delete(p, intKey(key))
		}
		return signRaw(t, header, p.encode(), k)
	}
	whole := signRaw(t, header, good.encode(), k)
	if _, err := ParseChallenge(whole); err != nil {
		t.Fatalf("the challenge that the cases change: %v", err)
	}
	for _, c := range []struct {
		name string
		data []byte
		want error
		text string
	}{
		{"empty", nil, cose.ErrMalformed, ""},
		{"cut", whole[:len(whole)-1], cose.ErrMalformed, ""},
		{"trailing", append(bytes.Clone(whole), 0), cose.ErrMalformed, ""},
		{"too large", append(bytes.Clone(whole), make([]byte, MaxChallenge)...), cose.ErrTooLarge, ""},
		{"high-S", highS(t, whole), ErrHighS, "challenge"},
		{"typ missing", signRaw(t, cose.Header{}, good.encode(), k), cose.ErrType, ""},
		{"typ of a presentation", signRaw(t, cose.Header{Type: cose.TypePresentation}, good.encode(), k), cose.ErrType, ""},
		{"typ of a verifier request", signRaw(t, cose.Header{Type: cose.TypeVerifierRequest}, good.encode(), k), cose.ErrType, ""},
		{"payload not a map", signRaw(t, header, []byte{0x80}, k), ErrMalformed, "want map"},
		{"payload not canonical", signRaw(t, header, []byte{0xbf, 0xff}, k), cose.ErrNotCanonical, ""},
		{"iss missing", with(claimIssuer, nil), ErrMalformed, "claim 1 (iss) is missing"},
		{"iss uint", with(claimIssuer, uintValue(17)), ErrMalformed, "want text, got uint"},
		{"iss zero", with(claimIssuer, textValue("0")), ErrMalformed, "number of a verifier"},
		{"iss leading zero", with(claimIssuer, textValue("017")), ErrMalformed, "number of a verifier"},
		{"iss 2^64", with(claimIssuer, textValue("18446744073709551616")), ErrMalformed, "number of a verifier"},
		{"iss any", with(claimIssuer, textValue("any")), ErrMalformed, "number of a verifier"},
		{"exp missing", with(claimExpires, nil), ErrMalformed, "claim 4 (exp) is missing"},
		{"exp zero", with(claimExpires, uintValue(0)), ErrMalformed, "claim 4 (exp)"},
		{"exp text", with(claimExpires, textValue("x")), ErrMalformed, "want uint, got text"},
		{"nonce missing", with(claimCNonce, nil), ErrMalformed, "claim 39 (cnonce) is missing"},
		{"nonce of 8 bytes", with(claimCNonce, byteValue(8)), ErrMalformed, "8 bytes, want 16"},
		{"nonce of 17 bytes", with(claimCNonce, byteValue(17)), ErrMalformed, "17 bytes, want 16"},
		{"nonce text", with(claimCNonce, textValue("x")), ErrMalformed, "want bytes, got text"},
	} {
		t.Run(c.name, func(t *testing.T) {
			u, err := ParseChallenge(c.data)
			if u != nil || !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
				t.Errorf("got %v, %v, want %v with %q", u, err, c.want, c.text)
			}
		})
	}
	other, err := keys.VerifierKeyForVectors("another verifier")
	if err != nil {
		t.Fatal(err)
	}
	u, err := ParseChallenge(whole)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []keys.VerifierPublicKey{other.VerifierPublic(), {}} {
		if c, err := u.Verify(key); c != nil || err == nil {
			t.Errorf("key %s: got %v, %v", key, c, err)
		}
	}
	for i := range whole {
		changed := bytes.Clone(whole)
		changed[i] ^= 1
		u, err := ParseChallenge(changed)
		if err != nil {
			continue
		}
		if c, err := u.Verify(k.VerifierPublic()); c != nil || err == nil {
			t.Fatalf("byte %d changed: accepted", i)
		}
	}
}

func TestChallengeSkipsUnknownKeys(t *testing.T) {
	p := pairs{
		intKey(claimIssuer): textValue("17"), intKey(claimExpires): uintValue(1), intKey(claimCNonce): byteValue(16),
		intKey(2): null, string(textValue("x")): truth,
	}
	if _, err := ParseChallenge(signRaw(t, cose.Header{Type: cose.TypeChallenge}, p.encode(), verifierKey(t))); err != nil {
		t.Error(err)
	}
}

func TestSignChallengeRefuses(t *testing.T) {
	at := testvectors.Persons()[0].ShownAt
	for _, c := range []struct {
		name   string
		change func(*Challenge)
	}{
		{"verifier 0", func(c *Challenge) { c.VerifierID = 0 }},
		{"nonce zero", func(c *Challenge) { c.Nonce = [16]byte{} }},
		{"no expiry", func(c *Challenge) { c.Expires = time.Time{} }},
		{"expiry in 10000", func(c *Challenge) { c.Expires = time.Unix(maxTime+1, 0) }},
	} {
		challenge := vectorChallenge(at)
		c.change(&challenge)
		if data, err := SignChallenge(challenge, verifierKey(t)); data != nil || !errors.Is(err, ErrClaim) {
			t.Errorf("%s: %x, %v", c.name, data, err)
		}
	}
}
