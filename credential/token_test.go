package credential

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/crypto/keys/authority"
	"github.com/posvid/posvid/testvectors"
	"pgregory.net/rapid"
)

func fullClaims(t testing.TB) *Claims {
	return personClaims(t, testvectors.Persons()[1], FaceFull, false)
}

func verifyToken(t testing.TB, data []byte) (*Token, error) {
	t.Helper()
	u, err := ParseToken(data)
	if err != nil {
		if u != nil {
			t.Fatal("a failed parse returned a token")
		}
		return nil, err
	}
	token, err := u.Verify(issuerKey(t).IssuerPublic())
	if (token == nil) != (err != nil) {
		t.Fatalf("Verify returned %v and %v", token, err)
	}
	return token, err
}

func TestTokenRoundTrip(t *testing.T) {
	for _, p := range testvectors.Persons() {
		for _, texts := range []bool{false, true} {
			for _, face := range []Face{FaceCheck, FaceFull} {
				for _, kind := range []Kind{KindPhone, KindStatic, KindCard} {
					want := personClaims(t, p, face, texts)
					want.Kind = kind
					if kind == KindStatic {
						want.Holder = keys.HolderPublicKey{}
					}
					data := mustToken(t, want)
					got, err := verifyToken(t, data)
					if err != nil {
						t.Fatal(err)
					}
					if !got.Holder.Equal(want.Holder) && kind != KindStatic {
						t.Errorf("%s %s %s: holder key differs", p.ID, face, kind)
					}
					got.Holder, want.Holder = keys.HolderPublicKey{}, keys.HolderPublicKey{}
					if !reflect.DeepEqual(got.Claims, *want) {
						t.Errorf("%s %s %s:\ngot  %+v\nwant %+v", p.ID, face, kind, got.Claims, *want)
					}
					if got.KeyID != issuerKey(t).IssuerPublic().KeyID() || !bytes.Equal(got.Raw, data) {
						t.Errorf("key id %s or raw bytes differ", got.KeyID)
					}
				}
			}
		}
	}
}

func TestTokenEd25519(t *testing.T) {
	k, err := authority.IssuerKeyForVectors(cose.Ed25519, "credential")
	if err != nil {
		t.Fatal(err)
	}
	payload, err := EncodePayload(fullClaims(t))
	if err != nil {
		t.Fatal(err)
	}
	data, err := SignToken(payload, k)
	if err != nil {
		t.Fatal(err)
	}
	u, err := ParseToken(data)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := u.Verify(k.IssuerPublic()); err != nil {
		t.Error(err)
	}
	if _, err := u.Verify(issuerKey(t).IssuerPublic()); !errors.Is(err, cose.ErrAlgorithm) || !IsBadSignature(err) {
		t.Errorf("a P-256 key: %v, want ErrAlgorithm", err)
	}
}

// Every rule for the payload, broken one at a time under a good signature.
func TestTokenRefuses(t *testing.T) {
	phone := fullClaims(t)
	static := fullClaims(t)
	static.Kind, static.Holder = KindStatic, keys.HolderPublicKey{}
	edPublic, err := authority.IssuerKeyForVectors(cose.Ed25519, "cnf")
	if err != nil {
		t.Fatal(err)
	}
	cnf := func(key []byte) []byte { return pairs{intKey(cnfKey): key}.encode() }
	type change func(claims, person pairs)
	claim := func(k int64, v []byte) change { return func(c, _ pairs) { c[intKey(k)] = v } }
	person := func(k int64, v []byte) change { return func(_, p pairs) { p[intKey(k)] = v } }
	drop := func(k int64) change { return func(c, _ pairs) { delete(c, intKey(k)) } }
	dropPerson := func(k int64) change { return func(_, p pairs) { delete(p, intKey(k)) } }

	for _, c := range []struct {
		name   string
		change change
		want   string // part of the message
	}{
		{"iss_missing", drop(claimIssuer), "claim 1 (iss) is missing"},
		{"iss_short", claim(claimIssuer, textValue("0084999")), "want 8 digits"},
		{"iss_long", claim(claimIssuer, textValue("008499944")), "9 bytes, want 1 to 8"},
		{"iss_letters", claim(claimIssuer, textValue("0084999А")), "want 1 to 8"},
		{"iss_latin", claim(claimIssuer, textValue("0084999A")), "want 8 digits"},
		{"iss_uint", claim(claimIssuer, uintValue(849994)), "claim 1 (iss): want text, got uint"},
		{"iss_null", claim(claimIssuer, null), "want text, got null"},
		{"sub_missing", drop(claimSubject), "claim 2 (sub) is missing"},
		{"sub_empty", claim(claimSubject, textValue("")), "0 bytes, want 1 to 32"},
		{"sub_long", claim(claimSubject, textValue(strings.Repeat("1", 33))), "33 bytes, want 1 to 32"},
		{"sub_control", claim(claimSubject, textValue("12\n")), "control character"},
		{"sub_bytes", claim(claimSubject, byteValue(9)), "want text, got bytes"},
		{"aud_given", claim(claimAudience, textValue("any")), "claim 3: not allowed"},
		{"exp_missing", drop(claimExpires), "claim 4 (exp) is missing"},
		{"exp_text", claim(claimExpires, textValue("2026")), "claim 4 (exp): want uint, got text"},
		{"exp_negative", claim(claimExpires, cose.AppendInt(nil, -1)), "want uint, got negative int"},
		{"exp_zero", claim(claimExpires, uintValue(0)), "0, want 1 to"},
		{"exp_beyond_9999", claim(claimExpires, uintValue(maxTime+1)), "want 1 to"},
		{"exp_2_64", claim(claimExpires, uintValue(1<<64-1)), "want 1 to"},
		{"exp_at_iat", claim(claimExpires, uintValue(uint64(phone.IssuedAt.Unix()))), "not after claim 6"},
		{"exp_before_iat", claim(claimExpires, uintValue(uint64(phone.IssuedAt.Unix())-1)), "not after claim 6"},
		{"nbf_given", claim(claimNotBefore, uintValue(1)), "claim 5: not allowed"},
		{"iat_missing", drop(claimIssuedAt), "claim 6 (iat) is missing"},
		{"iat_bool", claim(claimIssuedAt, truth), "want uint, got bool"},
		{"iat_zero", claim(claimIssuedAt, uintValue(0)), "0, want 1 to"},
		{"status_claim_given", claim(claimStatus, pairs{}.encode()), "claim 65535: not allowed"},
		{"cnf_missing", drop(claimCnf), "a phone token needs the holder's key"},
		{"cnf_bytes", claim(claimCnf, byteValue(4)), "claim 8 (cnf): want map, got bytes"},
		{"cnf_empty", claim(claimCnf, pairs{}.encode()), "key 1 (COSE_Key) is missing"},
		{"cnf_kid_only", claim(claimCnf, pairs{intKey(3): byteValue(4)}.encode()), "key 1 (COSE_Key) is missing"},
		{"cnf_key_number", claim(claimCnf, cnf(uintValue(1))), "COSE_Key"},
		{"cnf_ed25519", claim(claimCnf, cnf(edPublic.IssuerPublic().MarshalCOSE())), "algorithm Ed25519"},
		{"cnf_not_on_curve", claim(claimCnf, cnf(pairs{
			intKey(1): uintValue(2), intKey(-1): uintValue(1), intKey(-2): byteValue(32), intKey(-3): byteValue(32),
		}.encode())), "not a point of the curve"},
		{"person_missing", drop(claimPerson), "claim 169 is missing"},
		{"person_text", claim(claimPerson, textValue("x")), "claim 169: want map, got text"},
		{"name_missing", dropPerson(personName), "key 4 (name) is missing"},
		{"name_empty", person(personName, textValue("")), "0 bytes, want 1 to 256"},
		{"name_long", person(personName, textValue(strings.Repeat("я", 128)+"a")), "257 bytes"},
		{"name_bytes", person(personName, byteValue(8)), "want text, got bytes"},
		{"name_tab", person(personName, textValue("а\tб")), "control character"},
		{"name_csi", person(personName, textValue("а\u009b31mб")), "control character"},
		{"name_turned", person(personName, textValue("а\u202eб")), "control character"},
		{"name_delete", person(personName, textValue("а\x7f")), "control character"},
		{"position_zero", person(personPosition, uintValue(0)), "key -1 (position): 0, want 1 to"},
		{"position_beyond_32_bits", person(personPosition, uintValue(1<<32)), "key -1 (position): 4294967296"},
		{"position_empty", person(personPosition, textValue("")), "0 bytes, want 1 to 512"},
		{"position_long", person(personPosition, textValue(strings.Repeat("я", 256)+"a")), "513 bytes"},
		{"position_bytes", person(personPosition, byteValue(2)), "want uint or text, got bytes"},
		{"position_negative", person(personPosition, cose.AppendInt(nil, -1)), "want uint or text, got negative"},
		{"position_missing", dropPerson(personPosition), "need a position"},
		{"unit_zero", person(personUnit, uintValue(0)), "key -2 (unit): 0"},
		{"unit_null", person(personUnit, null), "want uint or text, got null"},
		{"rank_zero", person(personRank, uintValue(0)), "key -3 (rank): 0, want 1 to 255"},
		{"rank_256", person(personRank, uintValue(256)), "key -3 (rank): 256"},
		{"rank_text", person(personRank, textValue("3")), "want uint, got text"},
		{"category_empty", person(personCategory, textValue("")), "0 bytes, want 1 to 32"},
		{"category_long", person(personCategory, textValue(strings.Repeat("x", 33))), "33 bytes"},
		{"category_uint", person(personCategory, uintValue(1)), "want text, got uint"},
		{"photo_19", person(personPhoto, byteValue(19)), "19 bytes, want 20"},
		{"photo_32", person(personPhoto, byteValue(32)), "32 bytes, want 20"},
		{"photo_text", person(personPhoto, textValue("x")), "want bytes, got text"},
		{"status_missing", dropPerson(personStatus), "key -6 (status) is missing"},
		{"status_beyond_32_bits", person(personStatus, uintValue(1<<32)), "key -6 (status): 4294967296"},
		{"status_text", person(personStatus, textValue("1")), "want uint, got text"},
		{"kind_zero", person(personKind, uintValue(0)), "key -7 (kind): 0, want 1 to 2"},
		{"kind_three", person(personKind, uintValue(3)), "key -7 (kind): 3, want 1 to 2"},
		{"kind_text", person(personKind, textValue("card")), "want uint, got text"},
		{"static_with_cnf", person(personKind, uintValue(1)), "a static token has no holder key"},
		{"card_without_cnf", func(c, p pairs) {
			delete(c, intKey(claimCnf))
			p[intKey(personKind)] = uintValue(2)
		}, "a card token needs the holder's key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			claims, who := claimsOf(t, phone)
			c.change(claims, who)
			if v, ok := claims[intKey(claimPerson)]; ok && v[0]>>5 == 5 {
				claims[intKey(claimPerson)] = who.encode()
			}
			data := signRaw(t, TokenHeader(issuerKey(t)), claims.encode(), issuerKey(t))
			token, err := verifyToken(t, data)
			if token != nil || err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want an error with %q", err, c.want)
			}
			if strings.Contains(err.Error(), phone.Name) || strings.Contains(err.Error(), phone.Number) {
				t.Errorf("personal data in the error %q", err)
			}
		})
	}
	for _, raw := range []struct {
		name, payload string
		want          error
	}{
		{"payload_empty", "", cose.ErrMalformed},
		{"payload_array", "\x80", ErrMalformed},
		{"payload_trailing", "\xa0\x00", cose.ErrMalformed},
		{"payload_duplicate", "\xa2\x01\x00\x01\x00", cose.ErrDuplicateKey},
		{"payload_unsorted", "\xa2\x02\x00\x01\x00", cose.ErrNotCanonical},
		{"payload_long_head", "\xb8\x01\x01\x00", cose.ErrNotCanonical},
		{"payload_indefinite", "\xbf\xff", cose.ErrNotCanonical},
		{"payload_float", "\xa1\x04\xf9\x3c\x00", cose.ErrForbidden},
		{"payload_tag", "\xa1\x04\xc1\x00", cose.ErrForbidden},
		{"payload_utf8", "\xa1\x02\x61\xff", cose.ErrMalformed},
		{"payload_deep", "\xa1\x00\x81\x81\x81\x81\x81\x81\x81\x81\x00", cose.ErrTooLarge},
	} {
		t.Run(raw.name, func(t *testing.T) {
			data := signRaw(t, TokenHeader(issuerKey(t)), []byte(raw.payload), issuerKey(t))
			if token, err := verifyToken(t, data); token != nil || !errors.Is(err, raw.want) {
				t.Errorf("got %v, want %v", err, raw.want)
			}
		})
	}
	if _, err := verifyToken(t, mustToken(t, static)); err != nil {
		t.Errorf("a static token: %v", err)
	}
}

// Unknown keys are skipped at every level, whatever their type; a check face with every one of them is still read.
func TestTokenSkipsUnknownKeys(t *testing.T) {
	claims, person := claimsOf(t, fullClaims(t))
	for _, p := range []pairs{claims, person} {
		p[intKey(7)] = byteValue(16)
		p[intKey(1000)] = pairs{intKey(1): textValue("x")}.encode()
		p[intKey(-1000)] = null
		p[string(textValue("note"))] = truth
		p[string(append([]byte{0x3b}, bytes.Repeat([]byte{0xff}, 8)...))] = uintValue(1)
	}
	claims[intKey(claimPerson)] = person.encode()
	cnf := readPairs(t, claims[intKey(claimCnf)])
	cnf[intKey(3)] = byteValue(4)
	cnf[string(textValue("x"))] = uintValue(0)
	claims[intKey(claimCnf)] = cnf.encode()
	token, err := verifyToken(t, signRaw(t, TokenHeader(issuerKey(t)), claims.encode(), issuerKey(t)))
	if err != nil {
		t.Fatal(err)
	}
	if token.Name != fullClaims(t).Name || token.Status != fullClaims(t).Status {
		t.Errorf("claims beside unknown keys: %+v", token.Claims)
	}
}

// A key in cnf may also carry y in full, as other issuers of SD-CWT write it.
func TestTokenFullY(t *testing.T) {
	c := fullClaims(t)
	claims, _ := claimsOf(t, c)
	claims[intKey(claimCnf)] = pairs{intKey(cnfKey): c.Holder.MarshalCOSE()}.encode()
	token, err := verifyToken(t, signRaw(t, TokenHeader(issuerKey(t)), claims.encode(), issuerKey(t)))
	if err != nil || !token.Holder.Equal(c.Holder) {
		t.Errorf("got %v", err)
	}
}

func TestTokenFrameRefuses(t *testing.T) {
	k := issuerKey(t)
	payload, err := EncodePayload(fullClaims(t))
	if err != nil {
		t.Fatal(err)
	}
	good := mustToken(t, fullClaims(t))
	id := k.IssuerPublic().KeyID()
	sign := func(h cose.Header) []byte { return signRaw(t, h, payload, k) }
	for _, c := range []struct {
		name string
		data []byte
		want error
	}{
		{"empty", nil, cose.ErrMalformed},
		{"cut", good[:len(good)-1], cose.ErrMalformed},
		{"trailing", append(bytes.Clone(good), 0), cose.ErrMalformed},
		{"untagged", good[1:], cose.ErrMalformed},
		{"tag_98", append([]byte{0xd8, 98}, good[1:]...), cose.ErrMalformed},
		{"kid_missing", sign(cose.Header{Type: cose.TypeToken}), ErrMalformed},
		{"kid_3_bytes", sign(cose.Header{KeyID: id[:3], Type: cose.TypeToken}), ErrMalformed},
		{"kid_8_bytes", sign(cose.Header{KeyID: []byte("12345678"), Type: cose.TypeToken}), ErrMalformed},
		{"typ_missing", sign(cose.Header{KeyID: id[:]}), cose.ErrType},
		{"typ_presentation", sign(cose.Header{KeyID: id[:], Type: cose.TypePresentation}), cose.ErrType},
		{"typ_challenge", sign(cose.Header{KeyID: id[:], Type: cose.TypeChallenge}), cose.ErrType},
		{"typ_as_text", sign(cose.Header{KeyID: id[:], Type: cose.Type{MediaType: "application/sd-cwt"}}), cose.ErrType},
		{"too_large", append(bytes.Clone(good), make([]byte, MaxToken)...), cose.ErrTooLarge},
		{"presentation", mustPresent(t, good, testvectors.Persons()[0]), cose.ErrType},
	} {
		t.Run(c.name, func(t *testing.T) {
			u, err := ParseToken(c.data)
			if u != nil || !errors.Is(err, c.want) {
				t.Errorf("got %v, %v, want %v", u, err, c.want)
			}
			if u, err := ParseCardToken(c.data); u != nil || !errors.Is(err, c.want) {
				t.Errorf("card: got %v, %v, want %v", u, err, c.want)
			}
		})
	}
	at := 3 + int(good[2]&31) // tag, array and protected header stand before the unprotected one
	if good[at] != 0xa0 {
		t.Fatalf("byte %d is %#02x, want the empty unprotected header", at, good[at])
	}
	junk := append(append(bytes.Clone(good[:at]), 0xa1, 0x04, 0x41, 0x00), good[at+1:]...)
	if u, err := ParseToken(junk); u != nil || !errors.Is(err, cose.ErrHeader) {
		t.Errorf("unprotected kid: %v, want ErrHeader", err)
	}
}

func TestTokenSignatureRefuses(t *testing.T) {
	good := mustToken(t, fullClaims(t))
	other, err := authority.IssuerKeyForVectors(cose.ESP256, "another issuer")
	if err != nil {
		t.Fatal(err)
	}
	u, err := ParseToken(good)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []keys.IssuerPublicKey{other.IssuerPublic(), {}} {
		if token, err := u.Verify(key); token != nil || err == nil {
			t.Errorf("key %s: got a token", key)
		}
	}
	// Any single bit changed in the object is refused, at parsing or at verification.
	for i := range good {
		for bit := range 8 {
			changed := bytes.Clone(good)
			changed[i] ^= 1 << bit
			if token, err := verifyToken(t, changed); token != nil || err == nil {
				t.Fatalf("bit %d of byte %d changed: accepted", bit, i)
			}
		}
	}
}

// Claims must not be looked at before the signature is verified: a payload that breaks every rule gives the
// signature's error.
func TestClaimsAfterSignature(t *testing.T) {
	for _, payload := range [][]byte{{}, {0x00}, {0xbf, 0xff}, {0xa1, 0x01, 0x00}, bytes.Repeat([]byte{0x81}, 100)} {
		data := signRaw(t, TokenHeader(issuerKey(t)), payload, issuerKey(t))
		data[len(data)-1] ^= 1
		u, err := ParseToken(data)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := u.Verify(issuerKey(t).IssuerPublic()); !errors.Is(err, cose.ErrSignature) {
			t.Errorf("payload %x: %v, want ErrSignature", payload, err)
		}
	}
}

func TestKindOfPath(t *testing.T) {
	for _, kind := range []Kind{KindPhone, KindStatic, KindCard} {
		c := fullClaims(t)
		c.Kind = kind
		if kind == KindStatic {
			c.Holder = keys.HolderPublicKey{}
		}
		data := mustToken(t, c)
		card, err := ParseCardToken(data)
		if err != nil {
			t.Fatal(err)
		}
		_, err = card.Verify(issuerKey(t).IssuerPublic())
		if want := kind == KindPhone; errors.Is(err, ErrKind) != want {
			t.Errorf("%s token on a card: %v", kind, err)
		}
		p, err := ParsePresentation(mustPresent(t, data, testvectors.Persons()[0]))
		if err != nil {
			t.Fatal(err)
		}
		_, err = p.Token().Verify(issuerKey(t).IssuerPublic())
		if want := kind != KindPhone; errors.Is(err, ErrKind) != want {
			t.Errorf("%s token in a presentation: %v", kind, err)
		}
		if _, err := verifyToken(t, data); err != nil {
			t.Errorf("%s token by itself: %v", kind, err)
		}
	}
}

// On a card both forms of an ECDSA signature are accepted; only SID1 asks for one.
func TestCardTokenHighS(t *testing.T) {
	c := fullClaims(t)
	c.Kind = KindCard
	u, err := ParseCardToken(highS(t, mustToken(t, c)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := u.Verify(issuerKey(t).IssuerPublic()); err != nil {
		t.Error(err)
	}
}

func TestLintRefuses(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Claims)
		want   string
	}{
		{"zero", func(c *Claims) { *c = Claims{} }, "claim 1 (iss)"},
		{"issuer empty", func(c *Claims) { c.Issuer = "" }, "claim 1 (iss)"},
		{"issuer 7 digits", func(c *Claims) { c.Issuer = "0084999" }, "claim 1 (iss)"},
		{"issuer letters", func(c *Claims) { c.Issuer = "0084999x" }, "claim 1 (iss)"},
		{"number empty", func(c *Claims) { c.Number = "" }, "claim 2 (sub)"},
		{"number 33 bytes", func(c *Claims) { c.Number = strings.Repeat("1", 33) }, "claim 2 (sub)"},
		{"number control", func(c *Claims) { c.Number = "1\r2" }, "claim 2 (sub)"},
		{"number not UTF-8", func(c *Claims) { c.Number = "\xff" }, "claim 2 (sub)"},
		{"no iat", func(c *Claims) { c.IssuedAt = time.Time{} }, "claim 6 (iat)"},
		{"iat 1970", func(c *Claims) { c.IssuedAt = time.Unix(0, 0) }, "claim 6 (iat)"},
		{"no exp", func(c *Claims) { c.ExpiresAt = time.Time{} }, "claim 4 (exp)"},
		{"exp at iat", func(c *Claims) { c.ExpiresAt = c.IssuedAt }, "claim 4 (exp)"},
		{"exp within the second", func(c *Claims) { c.ExpiresAt = c.IssuedAt.Add(999 * time.Millisecond) }, "claim 4 (exp)"},
		{"exp year 10000", func(c *Claims) { c.ExpiresAt = time.Unix(maxTime+1, 0) }, "claim 4 (exp)"},
		{"no holder", func(c *Claims) { c.Holder = keys.HolderPublicKey{} }, "claim 8 (cnf)"},
		{"card without holder", func(c *Claims) { c.Kind, c.Holder = KindCard, keys.HolderPublicKey{} }, "claim 8 (cnf)"},
		{"static with holder", func(c *Claims) { c.Kind = KindStatic }, "claim 8 (cnf)"},
		{"kind 3", func(c *Claims) { c.Kind = 3 }, "kind"},
		{"face 2", func(c *Claims) { c.Face = 2 }, "face 2"},
		{"name empty", func(c *Claims) { c.Name = "" }, "key 4 (name)"},
		{"name 257 bytes", func(c *Claims) { c.Name = strings.Repeat("x", 257) }, "key 4 (name)"},
		{"full without position", func(c *Claims) { c.Position = CodedText{} }, "key -1 (position)"},
		{"check with position", func(c *Claims) { c.Face = FaceCheck }, "key -1 (position)"},
		{"check with unit", func(c *Claims) { c.Face, c.Position, c.Rank, c.Category = FaceCheck, CodedText{}, 0, "" }, "full face only"},
		{"check with rank", func(c *Claims) { c.Face, c.Position, c.Unit, c.Category = FaceCheck, CodedText{}, CodedText{}, "" }, "full face only"},
		{"check with category", func(c *Claims) { c.Face, c.Position, c.Unit, c.Rank = FaceCheck, CodedText{}, CodedText{}, 0 }, "full face only"},
		{"position coded and text", func(c *Claims) { c.Position.Text = "x" }, "number and text"},
		{"unit coded and text", func(c *Claims) { c.Unit.Text = "x" }, "number and text"},
		{"position 513 bytes", func(c *Claims) { c.Position = CodedText{Text: strings.Repeat("x", 513)} }, "key -1 (position)"},
		{"name turned", func(c *Claims) { c.Name = "а\u2067б" }, "key 4 (name)"},
		{"category C1", func(c *Claims) { c.Category = "Б\u0085" }, "key -4 (category)"},
		{"unit control", func(c *Claims) { c.Unit = CodedText{Text: "x\n"} }, "key -2 (unit)"},
		{"category 33 bytes", func(c *Claims) { c.Category = strings.Repeat("x", 33) }, "key -4 (category)"},
		{"photo marked absent", func(c *Claims) { c.HasPhoto = false }, "key -5 (photo hash)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			claims := fullClaims(t)
			c.change(claims)
			err := claims.Lint()
			if !errors.Is(err, ErrClaim) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want ErrClaim with %q", err, c.want)
			}
			if payload, err := EncodePayload(claims); payload != nil || err == nil {
				t.Error("the claims were encoded")
			}
		})
	}
	if err := fullClaims(t).Lint(); err != nil {
		t.Errorf("good claims: %v", err)
	}
}

// What Lint lets through is read back as it was, and nothing it refuses is accepted from the wire.
func TestLintAgreesWithReader(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		text := func(name string, most int) string {
			return rapid.StringOfN(rapid.RuneFrom([]rune("абвґєії'ʼ -№1Z\n")), 0, most, -1).Draw(rt, name)
		}
		coded := func(name string) CodedText {
			switch rapid.IntRange(0, 2).Draw(rt, name+" form") {
			case 1:
				return CodedText{Code: rapid.Uint32().Draw(rt, name+" code")}
			case 2:
				return CodedText{Text: text(name, 300)}
			}
			return CodedText{}
		}
		c := &Claims{
			Issuer: rapid.StringMatching(`[0-9]{7,9}`).Draw(rt, "issuer"), Number: text("number", 20),
			IssuedAt:  time.Unix(rapid.Int64Range(0, 1<<32).Draw(rt, "iat"), 0).UTC(),
			ExpiresAt: time.Unix(rapid.Int64Range(0, 1<<33).Draw(rt, "exp"), 0).UTC(),
			Kind:      Kind(rapid.IntRange(0, 3).Draw(rt, "kind")), Face: Face(rapid.IntRange(0, 2).Draw(rt, "face")),
			Name: text("name", 140), Position: coded("position"), Unit: coded("unit"), Category: text("category", 18),
			Rank: rapid.Uint8().Draw(rt, "rank"), HasPhoto: rapid.Bool().Draw(rt, "photo"),
			Status: StatusRef(rapid.Uint32().Draw(rt, "status")),
		}
		if c.HasPhoto {
			c.PhotoHash[0] = 1
		}
		if rapid.Bool().Draw(rt, "holder") {
			c.Holder = holderKey(t).HolderPublic()
		}
		payload, err := EncodePayload(c)
		if err != nil {
			return
		}
		if err := cose.Check(payload, tokenLimits); err != nil {
			rt.Fatalf("payload is not canonical: %v", err)
		}
		var got Claims
		if err := parseClaims(payload, &got); err != nil {
			rt.Fatal(err)
		}
		if !got.Holder.Equal(c.Holder) && !c.Holder.IsZero() {
			rt.Fatal("holder key differs")
		}
		want := *c
		got.Holder, want.Holder = keys.HolderPublicKey{}, keys.HolderPublicKey{}
		if !reflect.DeepEqual(got, want) {
			rt.Fatalf("got  %+v\nwant %+v", got, want)
		}
	})
}

func TestBoundaries(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Claims)
	}{
		{"number of 32 bytes", func(c *Claims) { c.Number = strings.Repeat("1", 32) }},
		{"name of 256 bytes", func(c *Claims) { c.Name = strings.Repeat("я", 128) }},
		{"texts of 512 bytes", func(c *Claims) {
			c.Position, c.Unit = CodedText{Text: strings.Repeat("я", 256)}, CodedText{Text: strings.Repeat("я", 256)}
		}},
		{"category of 32 bytes", func(c *Claims) { c.Category = strings.Repeat("x", 32) }},
		{"numbers at their ends", func(c *Claims) { c.Position.Code, c.Unit.Code, c.Rank = 1, 1<<32-1, 255 }},
		{"status 0", func(c *Claims) { c.Status = 0 }},
		{"status at its end", func(c *Claims) { c.Status = 1<<32 - 1 }},
		{"one second of life", func(c *Claims) { c.ExpiresAt = c.IssuedAt.Add(time.Second) }},
		{"first and last second", func(c *Claims) {
			c.IssuedAt, c.ExpiresAt = time.Unix(1, 0).UTC(), time.Unix(maxTime, 0).UTC()
		}},
		{"no photo", func(c *Claims) { c.HasPhoto, c.PhotoHash = false, [20]byte{} }},
		{"position only", func(c *Claims) { c.Unit, c.Rank, c.Category = CodedText{}, 0, "" }},
		{"everything at its longest", func(c *Claims) {
			c.Number, c.Name, c.Category = strings.Repeat("1", 32), strings.Repeat("я", 128), strings.Repeat("x", 32)
			c.Position, c.Unit = CodedText{Text: strings.Repeat("я", 256)}, CodedText{Text: strings.Repeat("я", 256)}
			c.ExpiresAt = time.Unix(maxTime, 0).UTC()
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := fullClaims(t)
			c.change(want)
			token, err := verifyToken(t, mustToken(t, want))
			if err != nil {
				t.Fatal(err)
			}
			got := token.Claims
			holder := want.Holder
			got.Holder, want.Holder = keys.HolderPublicKey{}, keys.HolderPublicKey{}
			if !reflect.DeepEqual(got, *want) {
				t.Errorf("got %+v", got)
			}
			text := EncodeText(Prefix, mustPresent(t, token.Raw, testvectors.Persons()[0]))
			if len(text) > MaxText {
				t.Errorf("%d characters do not fit a symbol", len(text))
			}
			if !token.Holder.Equal(holder) {
				t.Error("holder key differs")
			}
		})
	}
}

func TestStatusRef(t *testing.T) {
	for _, c := range []struct {
		list  uint16
		index uint32
		want  StatusRef
		ok    bool
	}{
		{0, 0, 0, true},
		{0, MaxStatusIndex, MaxStatusIndex, true},
		{1, 0, 1 << 20, true},
		{MaxStatusList, MaxStatusIndex, 1<<32 - 1, true},
		{MaxStatusList + 1, 0, 0, false},
		{0, MaxStatusIndex + 1, 0, false},
		{65535, 1<<32 - 1, 0, false},
	} {
		got, err := NewStatusRef(c.list, c.index)
		if got != c.want || (err == nil) != c.ok || err != nil && !errors.Is(err, ErrClaim) {
			t.Errorf("%d/%d: got %d, %v", c.list, c.index, got, err)
		}
		if c.ok && (got.List() != c.list || got.Index() != c.index) {
			t.Errorf("%d/%d came back as %d/%d", c.list, c.index, got.List(), got.Index())
		}
	}
}

func TestShortName(t *testing.T) {
	for _, c := range []struct{ surname, given, patronymic, want string }{
		{"Гончарук", "Тарас", "Григорович", "Гончарук Т. Г."},
		{"Нестеренко-Квітковська", "Олександра-Вікторія", "Володимирівна", "Нестеренко-Квітковська О.-В. В."},
		{"Гончарук", "Тарас", "", "Гончарук Т."},
		{"Гончарук", "", "", "Гончарук"},
		{"Гончарук", "", "Григорович", "Гончарук Г."},
		{"", "Тарас", "", "Т."},
		{" Гончарук ", "  тарас ", "григорович", "Гончарук Т. Г."},
		{"Соломʼяний", "Ілля", "Їжакович", "Соломʼяний І. Ї."},
		{"Оглу", "Алі Мехмед", "Гасан оглу", "Оглу А. М. Г. О."},
		{"Іванко", "Анна-", "-", "Іванко А."},
		{"", "", "", ""},
	} {
		if got := ShortName(c.surname, c.given, c.patronymic); got != c.want {
			t.Errorf("%q %q %q: %q, want %q", c.surname, c.given, c.patronymic, got, c.want)
		}
	}
}

func TestWords(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{KindPhone.String(), "phone"}, {KindStatic.String(), "static"}, {KindCard.String(), "card"}, {Kind(9).String(), "kind(9)"},
		{FaceCheck.String(), "check"}, {FaceFull.String(), "full"}, {Face(9).String(), "face(9)"},
		{fmt.Sprint(NewBeaconChain([32]byte{1}, 1)), "[redacted]"}, {fmt.Sprintf("%#v", NewBeaconChain([32]byte{1}, 1)), "[redacted]"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}

// A good signature over a holder key of a wrong algorithm is a fault of the payload: a reader who took it for a bad
// signature would go on to the next key.
func TestBadHolderKeyIsNoBadSignature(t *testing.T) {
	claims, _ := claimsOf(t, fullClaims(t))
	holder := holderKey(t).HolderPublic()
	for _, alg := range []cose.Algorithm{cose.ESP384, cose.Ed25519, cose.MLDSA65} {
		key := pairs{intKey(1): uintValue(2), intKey(3): cose.AppendInt(nil, int64(alg)), intKey(-1): uintValue(1)}
		whole := readPairs(t, holder.MarshalCOSE())
		key[intKey(-2)], key[intKey(-3)] = whole[intKey(-2)], whole[intKey(-3)]
		claims[intKey(claimCnf)] = pairs{intKey(cnfKey): key.encode()}.encode()
		u, err := ParseToken(signRaw(t, TokenHeader(issuerKey(t)), claims.encode(), issuerKey(t)))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := u.Verify(issuerKey(t).IssuerPublic()); !errors.Is(err, ErrMalformed) || IsBadSignature(err) {
			t.Errorf("holder key that says %s: %v, want ErrMalformed", alg, err)
		}
	}
}

// No key makes a signature of another length, so nothing has to be verified to say so.
func TestSignatureOfImpossibleLength(t *testing.T) {
	payload, err := EncodePayload(fullClaims(t))
	if err != nil {
		t.Fatal(err)
	}
	token, err := SignToken(payload, issuerKey(t))
	if err != nil {
		t.Fatal(err)
	}
	presentation, err := Present(token, holderKey(t), AudienceAny, time.Unix(1_790_000_000, 0), nil)
	if err != nil {
		t.Fatal(err)
	}
	resized := func(data []byte, size int) []byte { // the signature is the last 64 bytes, behind a head of two
		out := bytes.Clone(data[:len(data)-66])
		return cose.AppendBytes(out, append(bytes.Clone(data[len(data)-64:]), make([]byte, 64)...)[:size])
	}
	for _, size := range []int{1, 32, 63, 65, 96, 128} {
		if _, err := ParseToken(resized(token, size)); !errors.Is(err, ErrMalformed) {
			t.Errorf("token with a signature of %d bytes: %v", size, err)
		}
		if _, err := ParsePresentation(resized(presentation, size)); !errors.Is(err, ErrMalformed) {
			t.Errorf("presentation with a signature of %d bytes: %v", size, err)
		}
	}
	if _, err := ParsePresentation(resized(presentation, 64)); err != nil {
		t.Errorf("64 bytes: %v", err)
	}
}
