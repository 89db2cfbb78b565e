package credential

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/testvectors"
)

// verifyPresentation takes a presentation through both verifications.
func verifyPresentation(t testing.TB, data []byte) (*Token, *Presentation, error) {
	t.Helper()
	u, err := ParsePresentation(data)
	if err != nil {
		if u != nil {
			t.Fatal("a failed parse returned a presentation")
		}
		return nil, nil, err
	}
	token, err := u.Token().Verify(issuerKey(t).IssuerPublic())
	if err != nil {
		return nil, nil, err
	}
	p, err := u.Verify(token.Holder)
	if (p == nil) != (err != nil) {
		t.Fatalf("Verify returned %v and %v", p, err)
	}
	return token, p, err
}

func TestPresentationRoundTrip(t *testing.T) {
	person := testvectors.Persons()[1]
	token := mustToken(t, fullClaims(t))
	for _, c := range []struct {
		name, audience string
		cnonce         []byte
	}{
		{"with a beacon", AudienceAny, vectorBeacon[:]},
		{"without a beacon", AudienceAny, nil},
		{"answer", VerifierAudience(17), vectorNonce[:]},
		{"answer to the last number", VerifierAudience(1<<64 - 1), vectorNonce[:]},
	} {
		t.Run(c.name, func(t *testing.T) {
			data, err := Present(token, holderKey(t), c.audience, person.ShownAt, c.cnonce)
			if err != nil {
				t.Fatal(err)
			}
			prefix, decoded, err := DecodeText(EncodeText(Prefix, data))
			if err != nil || prefix != Prefix {
				t.Fatal(err)
			}
			tok, p, err := verifyPresentation(t, decoded)
			if err != nil {
				t.Fatal(err)
			}
			if p.Audience != c.audience || !p.IssuedAt.Equal(person.ShownAt) || !bytes.Equal(p.CNonce, c.cnonce) {
				t.Errorf("got %+v", p)
			}
			if !bytes.Equal(tok.Raw, token) || tok.Name != person.FullName() {
				t.Error("the token came out changed")
			}
			beacon, ok := p.Beacon()
			if want := c.audience == AudienceAny && c.cnonce != nil; ok != want || ok && beacon != vectorBeacon {
				t.Errorf("beacon %x, %v", beacon, ok)
			}
		})
	}
}

// The replay key is the SHA-256 of the Sig_structure, so a rewritten signature does not change it, and nothing that is
// signed can change without it.
func TestReplayKey(t *testing.T) {
	person := testvectors.Persons()[0]
	token := mustToken(t, fullClaims(t))
	data := mustPresent(t, token, person)
	_, p, err := verifyPresentation(t, data)
	if err != nil {
		t.Fatal(err)
	}
	r := cose.NewReader(data[2:])
	protected, err := r.ReadBytes()
	if err != nil {
		t.Fatal(err)
	}
	r.Skip()
	payload, err := r.ReadBytes()
	if err != nil {
		t.Fatal(err)
	}
	tbs := cose.AppendText(cose.AppendArray(nil, 4), "Signature1")
	for _, part := range [][]byte{protected, nil, payload} {
		tbs = cose.AppendBytes(tbs, part)
	}
	if want := sha256.Sum256(tbs); p.ReplayKey != want {
		t.Errorf("replay key %x, want %x", p.ReplayKey, want)
	}
	random, err := keys.GenerateHolderKey() // signs at random: the same claims, another signature each time
	if err != nil {
		t.Fatal(err)
	}
	claims := fullClaims(t)
	claims.Holder = random.HolderPublic()
	token = mustToken(t, claims)
	seen := map[[32]byte]int{}
	signatures := map[string]bool{}
	for i := range 4 {
		data, err := Present(token, random, AudienceAny, person.ShownAt.Add(time.Duration(i/2)*time.Second), nil)
		if err != nil {
			t.Fatal(err)
		}
		_, p, err := verifyPresentation(t, data)
		if err != nil {
			t.Fatal(err)
		}
		seen[p.ReplayKey]++
		signatures[string(data[len(data)-64:])] = true
	}
	if len(seen) != 2 || len(signatures) != 4 {
		t.Errorf("%d replay keys for 2 codes, %d signatures of 4", len(seen), len(signatures))
	}
}

func TestPresentationHighSRefuses(t *testing.T) {
	person := testvectors.Persons()[0]
	token := mustToken(t, fullClaims(t))
	good := mustPresent(t, token, person)
	if _, _, err := verifyPresentation(t, good); err != nil {
		t.Fatal(err)
	}
	if u, err := ParsePresentation(highS(t, good)); u != nil || !errors.Is(err, ErrHighS) || !strings.Contains(err.Error(), "presentation") {
		t.Errorf("holder's signature: %v", err)
	}
	inner := mustPresent(t, highS(t, token), person)
	if u, err := ParsePresentation(inner); u != nil || !errors.Is(err, ErrHighS) || !strings.Contains(err.Error(), "token") {
		t.Errorf("issuer's signature: %v", err)
	}
}

// Signers bring their own signatures to low-S, whatever the key gives.
func TestSignersNormalise(t *testing.T) {
	person := testvectors.Persons()[0]
	high := 0
	for range 32 {
		k, err := cose.GenerateKey(cose.ESP256)
		if err != nil {
			t.Fatal(err)
		}
		issuer := randomIssuer(t, k)
		payload, err := EncodePayload(fullClaims(t))
		if err != nil {
			t.Fatal(err)
		}
		token, err := SignToken(payload, issuer)
		if err != nil {
			t.Fatal(err)
		}
		holder, err := keys.GenerateHolderKey()
		if err != nil {
			t.Fatal(err)
		}
		data, err := Present(token, holder, AudienceAny, person.ShownAt, nil)
		if err != nil {
			t.Fatal(err)
		}
		if !cose.IsLowS(cose.ESP256, token[len(token)-64:]) || !cose.IsLowS(cose.ESP256, data[len(data)-64:]) {
			high++
		}
	}
	if high != 0 {
		t.Errorf("%d of 32 pairs have a high-S signature", high)
	}
}

func TestPresentationFrameRefuses(t *testing.T) {
	holder := holderKey(t)
	token := mustToken(t, fullClaims(t))
	good := mustPresent(t, token, testvectors.Persons()[0])
	payload := pairs{intKey(claimAudience): textValue("any"), intKey(claimIssuedAt): uintValue(1)}.encode()
	sign := func(h cose.Header) []byte { return signRaw(t, h, payload, holder) }
	shortKid := signRaw(t, cose.Header{KeyID: []byte{1, 2, 3}, Type: cose.TypeToken}, []byte{0xa0}, issuerKey(t))
	for _, c := range []struct {
		name string
		data []byte
		want error
	}{
		{"empty", nil, cose.ErrMalformed},
		{"token alone", token, cose.ErrType},
		{"cut", good[:len(good)-1], cose.ErrMalformed},
		{"trailing", append(bytes.Clone(good), 0), cose.ErrMalformed},
		{"untagged", good[1:], cose.ErrMalformed},
		{"kcwt missing", sign(cose.Header{Type: cose.TypePresentation}), ErrMalformed},
		{"kcwt is bytes", sign(cose.Header{KCWT: cose.AppendBytes(nil, token), Type: cose.TypePresentation}), cose.ErrMalformed},
		{"kcwt is a number", sign(cose.Header{KCWT: uintValue(1), Type: cose.TypePresentation}), cose.ErrMalformed},
		{"kcwt is untagged", sign(cose.Header{KCWT: token[1:], Type: cose.TypePresentation}), cose.ErrMalformed},
		{"kcwt is a presentation", sign(cose.Header{KCWT: good, Type: cose.TypePresentation}), cose.ErrType},
		{"kcwt with a kid of 3 bytes", sign(cose.Header{KCWT: shortKid, Type: cose.TypePresentation}), ErrMalformed},
		{"kid given", sign(cose.Header{KeyID: []byte{1, 2, 3, 4}, KCWT: token, Type: cose.TypePresentation}), ErrMalformed},
		{"typ missing", sign(cose.Header{KCWT: token}), cose.ErrType},
		{"typ of a token", sign(cose.Header{KCWT: token, Type: cose.TypeToken}), cose.ErrType},
		{"typ of a possession", sign(cose.Header{KCWT: token, Type: cose.TypePossession}), cose.ErrType},
		{"too large", append(bytes.Clone(good), make([]byte, MaxPresentation)...), cose.ErrTooLarge},
	} {
		t.Run(c.name, func(t *testing.T) {
			if u, err := ParsePresentation(c.data); u != nil || !errors.Is(err, c.want) {
				t.Errorf("got %v, %v, want %v", u, err, c.want)
			}
		})
	}
}

func TestPresentationClaimsRefuse(t *testing.T) {
	token := mustToken(t, fullClaims(t))
	header := cose.Header{KCWT: token, Type: cose.TypePresentation}
	answer := pairs{intKey(claimAudience): textValue("17"), intKey(claimIssuedAt): uintValue(1), intKey(claimCNonce): byteValue(16)}
	with := func(k int64, v []byte) pairs {
		p := pairs{}
		for key, value := range answer {
			p[key] = value
		}
		if v == nil {
			delete(p, intKey(k))
		} else {
			p[intKey(k)] = v
		}
		return p
	}
	anyone := func(cnonce []byte) pairs {
		p := with(claimAudience, textValue("any"))
		p[intKey(claimCNonce)] = cnonce
		return p
	}
	if _, _, err := verifyPresentation(t, signRaw(t, header, answer.encode(), holderKey(t))); err != nil {
		t.Fatalf("the answer that the cases change: %v", err)
	}
	for _, c := range []struct {
		name   string
		claims pairs
		want   string
	}{
		{"aud missing", with(claimAudience, nil), "claim 3 (aud) is missing"},
		{"aud empty", with(claimAudience, textValue("")), "claim 3 (aud): 0 bytes"},
		{"aud uint", with(claimAudience, uintValue(17)), "want text, got uint"},
		{"aud list", with(claimAudience, cose.AppendText(cose.AppendArray(nil, 1), "any")), "want text, got array"},
		{"aud of another word", with(claimAudience, textValue("all")), `want "any" or the number`},
		{"aud upper case", with(claimAudience, textValue("ANY")), `want "any" or the number`},
		{"aud zero", with(claimAudience, textValue("0")), `want "any" or the number`},
		{"aud leading zero", with(claimAudience, textValue("017")), `want "any" or the number`},
		{"aud signed", with(claimAudience, textValue("+17")), `want "any" or the number`},
		{"aud with a space", with(claimAudience, textValue("17 ")), `want "any" or the number`},
		{"aud 2^64", with(claimAudience, textValue("18446744073709551616")), `want "any" or the number`},
		{"aud 21 digits", with(claimAudience, textValue("100000000000000000000")), "21 bytes, want 1 to 20"},
		{"iat missing", with(claimIssuedAt, nil), "claim 6 (iat) is missing"},
		{"iat zero", with(claimIssuedAt, uintValue(0)), "0, want 1 to"},
		{"iat text", with(claimIssuedAt, textValue("1")), "want uint, got text"},
		{"iat negative", with(claimIssuedAt, cose.AppendInt(nil, -5)), "want uint, got negative"},
		{"iat beyond 9999", with(claimIssuedAt, uintValue(maxTime+1)), "want 1 to"},
		{"iss given", with(claimIssuer, textValue("00849994")), "claim 1: not allowed"},
		{"sub given", with(claimSubject, textValue("x")), "claim 2: not allowed"},
		{"exp given", with(claimExpires, uintValue(1<<40)), "claim 4: not allowed"},
		{"nbf given", with(claimNotBefore, uintValue(1)), "claim 5: not allowed"},
		{"answer without nonce", with(claimCNonce, nil), "0 bytes in an answer, want 16"},
		{"answer with a beacon", with(claimCNonce, byteValue(8)), "8 bytes in an answer, want 16"},
		{"nonce of 15 bytes", with(claimCNonce, byteValue(15)), "15 bytes in an answer"},
		{"nonce of 17 bytes", with(claimCNonce, byteValue(17)), "17 bytes in an answer"},
		{"nonce text", with(claimCNonce, textValue("0123456789abcdef")), "want bytes, got text"},
		{"nonce empty", with(claimCNonce, byteValue(0)), "0 bytes, want 8 or 16"},
		{"broadcast with a nonce", anyone(byteValue(16)), "16 bytes in a broadcast code, want 8"},
		{"beacon of 7 bytes", anyone(byteValue(7)), "7 bytes in a broadcast code"},
		{"beacon of 9 bytes", anyone(byteValue(9)), "9 bytes in a broadcast code"},
		{"beacon empty", anyone(byteValue(0)), "0 bytes, want 8 or 16"},
		{"beacon uint", anyone(uintValue(1)), "want bytes, got uint"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, p, err := verifyPresentation(t, signRaw(t, header, c.claims.encode(), holderKey(t)))
			if p != nil || !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want ErrMalformed with %q", err, c.want)
			}
		})
	}
	for _, raw := range []string{"", "\x80", "\xa0\x00", "\xbf\xff", "\xa2\x06\x01\x03\x63any", "\xa2\x03\x63any\x03\x63any"} {
		if _, p, err := verifyPresentation(t, signRaw(t, header, []byte(raw), holderKey(t))); p != nil || err == nil {
			t.Errorf("payload %x: accepted", raw)
		}
	}
}

func TestPresentationSkipsUnknownKeys(t *testing.T) {
	claims := pairs{
		intKey(claimAudience): textValue("any"), intKey(claimIssuedAt): uintValue(7),
		intKey(7): byteValue(8), intKey(-1): null, intKey(1 << 40): truth, string(textValue("x")): pairs{}.encode(),
	}
	data := signRaw(t, cose.Header{KCWT: mustToken(t, fullClaims(t)), Type: cose.TypePresentation}, claims.encode(), holderKey(t))
	if _, p, err := verifyPresentation(t, data); err != nil || p.IssuedAt.Unix() != 7 || p.CNonce != nil {
		t.Errorf("got %+v, %v", p, err)
	}
}

func TestPresentationSignatureRefuses(t *testing.T) {
	person := testvectors.Persons()[0]
	token := mustToken(t, fullClaims(t))
	other, err := keys.HolderKeyForVectors("another holder")
	if err != nil {
		t.Fatal(err)
	}
	stolen, err := Present(token, other, AudienceAny, person.ShownAt, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, p, err := verifyPresentation(t, stolen); p != nil || !errors.Is(err, cose.ErrSignature) {
		t.Errorf("signed by another holder: %v", err)
	}
	good := mustPresent(t, token, person)
	u, err := ParsePresentation(good)
	if err != nil {
		t.Fatal(err)
	}
	if p, err := u.Verify(keys.HolderPublicKey{}); p != nil || !errors.Is(err, ErrNoHolder) {
		t.Errorf("no key: %v", err)
	}
	// The token of one person under the holder's signature of another.
	claims := personClaims(t, testvectors.Persons()[0], FaceCheck, false)
	claims.Holder = other.HolderPublic()
	swapped := mustPresent(t, mustToken(t, claims), person)
	if _, p, err := verifyPresentation(t, swapped); p != nil || !errors.Is(err, cose.ErrSignature) {
		t.Errorf("token of another person: %v", err)
	}
	for i := range good {
		for bit := range 8 {
			changed := bytes.Clone(good)
			changed[i] ^= 1 << bit
			if _, p, err := verifyPresentation(t, changed); p != nil || err == nil {
				t.Fatalf("bit %d of byte %d changed: accepted", bit, i)
			}
		}
	}
}

// A payload is not looked at before the holder's signature is verified.
func TestPresentationClaimsAfterSignature(t *testing.T) {
	header := cose.Header{KCWT: mustToken(t, fullClaims(t)), Type: cose.TypePresentation}
	for _, payload := range [][]byte{{}, {0x00}, {0xbf, 0xff}, {0xa1, 0x03, 0x00}} {
		data := signRaw(t, header, payload, holderKey(t))
		data[len(data)-1] ^= 1
		if _, _, err := verifyPresentation(t, data); !errors.Is(err, cose.ErrSignature) {
			t.Errorf("payload %x: %v, want ErrSignature", payload, err)
		}
	}
}

func TestPresentRefuses(t *testing.T) {
	person := testvectors.Persons()[0]
	token := mustToken(t, fullClaims(t))
	for _, c := range []struct {
		name, audience string
		token          []byte
		at             time.Time
		cnonce         []byte
		want           error
	}{
		{"no token", AudienceAny, nil, person.ShownAt, nil, cose.ErrMalformed},
		{"not a token", AudienceAny, mustPresent(t, token, person), person.ShownAt, nil, cose.ErrType},
		{"no audience", "", token, person.ShownAt, nil, ErrClaim},
		{"verifier 0", "0", token, person.ShownAt, vectorNonce[:], ErrClaim},
		{"audience of a word", "gate", token, person.ShownAt, vectorNonce[:], ErrClaim},
		{"broadcast with a nonce", AudienceAny, token, person.ShownAt, vectorNonce[:], ErrClaim},
		{"broadcast with 7 bytes", AudienceAny, token, person.ShownAt, vectorBeacon[:7], ErrClaim},
		{"answer without nonce", "17", token, person.ShownAt, nil, ErrClaim},
		{"answer with a beacon", "17", token, person.ShownAt, vectorBeacon[:], ErrClaim},
		{"no time", AudienceAny, token, time.Time{}, nil, ErrClaim},
		{"1970", AudienceAny, token, time.Unix(0, 0), nil, ErrClaim},
		{"year 10000", AudienceAny, token, time.Unix(maxTime+1, 0), nil, ErrClaim},
	} {
		t.Run(c.name, func(t *testing.T) {
			data, err := Present(c.token, holderKey(t), c.audience, c.at, c.cnonce)
			if data != nil || !errors.Is(err, c.want) {
				t.Errorf("got %x, %v, want %v", data, err, c.want)
			}
		})
	}
}

func TestAudienceVerifier(t *testing.T) {
	for _, c := range []struct {
		audience string
		id       uint64
	}{
		{"1", 1}, {"17", 17}, {"18446744073709551615", 1<<64 - 1},
		{"any", 0}, {"", 0}, {"0", 0}, {"01", 0}, {"-1", 0}, {"1.0", 0}, {"1_0", 0}, {"18446744073709551616", 0}, {"0x11", 0}, {"1e3", 0},
	} {
		id, ok := AudienceVerifier(c.audience)
		if ok != (c.id != 0) || ok && id != c.id {
			t.Errorf("%q: %d, %v", c.audience, id, ok)
		}
		if ok && VerifierAudience(id) != c.audience {
			t.Errorf("%d: %q, want %q", id, VerifierAudience(id), c.audience)
		}
	}
}
