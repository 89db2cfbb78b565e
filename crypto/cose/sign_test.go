package cose

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
)

// vectorKey is a deterministic key of alg.
func vectorKey(t testing.TB, alg Algorithm) *PrivateKey {
	t.Helper()
	k, err := KeyForVectors(alg, "test")
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func mustSign(t testing.TB, k Signer, tbs []byte) []byte {
	t.Helper()
	sig, err := k.Sign(tbs)
	if err != nil {
		t.Fatal(err)
	}
	return sig
}

// raw1 builds a COSE_Sign1 of given parts, with a signature that is good over exactly these parts, so that a refusal
// has the one cause that the test names.
func raw1(t testing.TB, k Signer, tag []byte, protected, unprotected []byte, payload []byte) []byte {
	t.Helper()
	sig := mustSign(t, k, appendSigStructure(nil, protected, nil, payload))
	b := AppendArray(append([]byte{}, tag...), 4)
	b = AppendBytes(b, protected)
	b = append(b, unprotected...)
	b = AppendBytes(b, payload)
	return AppendBytes(b, sig)
}

var (
	tag18 = []byte{0xd2}
	tag98 = []byte{0xd8, 98}
)

func TestSign1EveryAlgorithm(t *testing.T) {
	payload := []byte("payload")
	for _, alg := range []Algorithm{ESP256, ESP384, Ed25519, MLDSA65} {
		t.Run(alg.String(), func(t *testing.T) {
			k, err := GenerateKey(alg)
			if err != nil {
				t.Fatal(err)
			}
			h := Header{KeyID: k.Public().KeyID(8), Type: TypeToken}
			data, err := EncodeSign1(k, h, payload)
			if err != nil {
				t.Fatal(err)
			}
			m, err := ParseSign1(data, Profile{Type: TypeToken})
			if err != nil {
				t.Fatal(err)
			}
			if m.Header.Algorithm != alg || !bytes.Equal(m.Header.KeyID, h.KeyID) || !bytes.Equal(m.Payload, payload) || m.Header.Type != TypeToken {
				t.Errorf("read back %+v", m)
			}
			if err := m.Verify(k.Public()); err != nil {
				t.Error(err)
			}
			h.Algorithm = alg
			tbs, err := ToBeSigned(h, payload)
			if err != nil || !bytes.Equal(tbs, m.SignedBytes()) {
				t.Errorf("to be signed %x, was signed %x, %v", tbs, m.SignedBytes(), err)
			}
			again, err := AssembleSign1(h, payload, m.Signature)
			if err != nil || !bytes.Equal(again, data) {
				t.Errorf("assembled %x, %v", again, err)
			}

			other, err := GenerateKey(alg)
			if err != nil {
				t.Fatal(err)
			}
			wantOnly(t, m.Verify(other.Public()), ErrSignature)
			wantOnly(t, m.VerifyAAD(k.Public(), []byte("aad")), ErrSignature)
			wantOnly(t, m.VerifyAAD(k.Public(), nil), nil)
			wantOnly(t, m.Verify(nil), ErrKey)
			wantOnly(t, m.Verify(&PublicKey{}), ErrAlgorithm)
			wantOnly(t, (&PublicKey{}).Verify(tbs, m.Signature), ErrKey)
			wantOnly(t, m.VerifyDetached(k.Public(), payload, nil), ErrMalformed)
			for _, wrong := range []Algorithm{ESP256, ESP384, Ed25519, MLDSA65} {
				if wrong != alg {
					wantOnly(t, m.Verify(vectorKey(t, wrong).Public()), ErrAlgorithm)
				}
			}
			size := alg.SignatureSize()
			for name, sig := range map[string][]byte{
				"empty": {}, "short": m.Signature[:size-1], "long": append(bytes.Clone(m.Signature), 0), "zero": make([]byte, size),
				"r zero": append(make([]byte, size/2), m.Signature[size/2:]...),
				"s zero": append(bytes.Clone(m.Signature[:size/2]), make([]byte, size-size/2)...),
				"ones":   bytes.Repeat([]byte{0xff}, size),
			} {
				if err := k.Public().Verify(tbs, sig); !errors.Is(err, ErrSignature) {
					t.Errorf("signature %s: got %v", name, err)
				}
			}
		})
	}
}

// TestEveryByteCounts changes each byte of an object in turn: it must be refused with a named error.
func TestEveryByteCounts(t *testing.T) {
	for _, alg := range []Algorithm{ESP256, Ed25519} {
		k := vectorKey(t, alg)
		data, err := EncodeSign1(k, Header{KeyID: []byte{1, 2, 3, 4}, Type: TypeToken}, []byte("payload"))
		if err != nil {
			t.Fatal(err)
		}
		for i := range data {
			for _, flip := range []byte{1, 0x20, 0x80, 0xff} {
				bad := bytes.Clone(data)
				bad[i] ^= flip
				m, err := ParseSign1(bad, Profile{Type: TypeToken})
				if err == nil {
					err = m.Verify(k.Public())
				}
				if err == nil {
					t.Errorf("%s: byte %d ^ %#x is accepted", alg, i, flip)
				} else if !strings.HasPrefix(err.Error(), "cose: ") {
					t.Errorf("%s: byte %d: unnamed error %v", alg, i, err)
				}
			}
		}
	}
}

func TestParseSign1Refuses(t *testing.T) {
	k := vectorKey(t, ESP256)
	payload := []byte("payload")
	alg := unhex(t, "a1 01 28") // {1: -9}
	empty := []byte{0xa0}
	for _, c := range []struct {
		name                   string
		tag                    []byte
		protected, unprotected string
		profile                Profile
		want                   error
	}{
		{"plain", tag18, "a1 01 28", "a0", Profile{}, nil},
		{"kid", tag18, "a2 01 28 04 44 01020304", "a0", Profile{}, nil},
		{"ES256 with a P-256 key", tag18, "a1 01 26", "a0", Profile{}, nil},
		{"unknown labels are skipped", tag18, "a4 01 28 03 00 1903e7 81 f6 61 78 a0", "a0", Profile{}, nil},
		{"crit understood", tag18, "a3 01 28 02 81 04 04 41 01", "a0", Profile{}, nil},
		{"named unprotected label", tag18, "a1 01 28", "a1 04 41 01", Profile{Unprotected: []int64{4}}, nil},
		{"typ by number", tag18, "a2 01 28 10 190125", "a0", Profile{Type: TypeToken}, nil},
		{"any typ", tag18, "a2 01 28 10 190125", "a0", Profile{AnyType: true}, nil},
		{"untagged where wanted", nil, "a1 01 28", "a0", Profile{Untagged: true}, nil},

		{"no tag", nil, "a1 01 28", "a0", Profile{}, ErrMalformed},
		{"tag where none is wanted", tag18, "a1 01 28", "a0", Profile{Untagged: true}, ErrMalformed},
		{"tag of COSE_Sign", tag98, "a1 01 28", "a0", Profile{}, ErrMalformed},
		{"tag twice", []byte{0xd2, 0xd2}, "a1 01 28", "a0", Profile{}, ErrMalformed},
		{"tag of another object", []byte{0xd1}, "a1 01 28", "a0", Profile{}, ErrForbidden},

		{"no alg", tag18, "", "a0", Profile{}, ErrAlgorithm},
		{"no alg, kid only", tag18, "a1 04 41 01", "a0", Profile{}, ErrAlgorithm},
		{"alg 0", tag18, "a1 01 00", "a0", Profile{}, ErrAlgorithm},
		{"alg is text", tag18, "a1 01 65 4553323536", "a0", Profile{}, ErrAlgorithm},
		{"alg is null", tag18, "a1 01 f6", "a0", Profile{}, ErrAlgorithm},
		{"alg beyond 64 bits", tag18, "a1 01 3bffffffffffffffff", "a0", Profile{}, ErrAlgorithm},
		{"alg unprotected only", tag18, "", "a1 01 28", Profile{}, ErrHeader},
		{"alg unprotected though the profile names it", tag18, "a1 04 41 01", "a1 01 28", Profile{Unprotected: []int64{1}}, ErrHeader},
		{"alg in both buckets", tag18, "a1 01 28", "a1 01 28", Profile{}, ErrHeader},
		{"another alg unprotected", tag18, "a1 01 28", "a1 01 27", Profile{}, ErrHeader},
		{"crit unprotected", tag18, "a1 01 28", "a1 02 81 04", Profile{Unprotected: []int64{2}}, ErrHeader},
		{"typ unprotected", tag18, "a1 01 28", "a1 10 190125", Profile{Unprotected: []int64{16}, Type: TypeToken}, ErrHeader},
		{"junk label unprotected", tag18, "a1 01 28", "a1 1903e7 00", Profile{}, ErrHeader},
		{"junk beside a named label", tag18, "a1 01 28", "a2 04 41 01 1903e7 00", Profile{Unprotected: []int64{4}}, ErrHeader},
		{"text label unprotected", tag18, "a1 01 28", "a1 61 78 00", Profile{Unprotected: []int64{4}}, ErrHeader},
		{"huge label unprotected", tag18, "a1 01 28", "a1 1bffffffffffffffff 00", Profile{}, ErrHeader},
		{"array label unprotected", tag18, "a1 01 28", "a1 80 00", Profile{}, ErrHeader},
		{"kid in both buckets", tag18, "a2 01 28 04 41 01", "a1 04 41 01", Profile{Unprotected: []int64{4}}, ErrHeader},
		{"unprotected is an array", tag18, "a1 01 28", "80", Profile{}, ErrHeader},
		{"unprotected is null", tag18, "a1 01 28", "f6", Profile{}, ErrHeader},

		{"protected is not a map", tag18, "81 28", "a0", Profile{}, ErrHeader},
		{"protected is an empty map", tag18, "a0", "a0", Profile{}, ErrNotCanonical},
		{"protected is an empty map, allowed, no alg", tag18, "a0", "a0", Profile{EmptyMap: true}, ErrAlgorithm},
		{"protected unsorted", tag18, "a2 04 41 01 01 28", "a0", Profile{}, ErrNotCanonical},
		{"protected head not shortest", tag18, "a1 01 3808", "a0", Profile{}, ErrNotCanonical},
		{"protected indefinite", tag18, "bf 01 28 ff", "a0", Profile{}, ErrNotCanonical},
		{"protected key twice", tag18, "a2 01 28 01 28", "a0", Profile{}, ErrDuplicateKey},
		{"protected trailing", tag18, "a1 01 28 00", "a0", Profile{}, ErrMalformed},
		{"protected cut", tag18, "a2 01 28", "a0", Profile{}, ErrMalformed},
		{"protected with a float", tag18, "a2 01 28 1863 f93c00", "a0", Profile{}, ErrForbidden},
		{"protected too deep", tag18, "a2 01 28 1863" + strings.Repeat("81", 8) + "00", "a0", Profile{}, ErrTooLarge},
		{"protected label is bytes", tag18, "a1 41 01 28", "a0", Profile{}, ErrHeader},
		{"kid is text", tag18, "a2 01 28 04 61 78", "a0", Profile{}, ErrHeader},
		{"kid empty", tag18, "a2 01 28 04 40", "a0", Profile{}, ErrHeader},
		{"kid of 33 bytes", tag18, "a2 01 28 04 5821" + strings.Repeat("00", 33), "a0", Profile{}, ErrHeader},

		{"crit unknown", tag18, "a3 01 28 02 81 1863 1863 00", "a0", Profile{}, ErrCritical},
		{"crit unknown and absent", tag18, "a2 01 28 02 81 1863", "a0", Profile{}, ErrCritical},
		{"crit names what is absent", tag18, "a2 01 28 02 81 04", "a0", Profile{}, ErrCritical},
		{"crit empty", tag18, "a2 01 28 02 80", "a0", Profile{}, ErrCritical},
		{"crit not an array", tag18, "a2 01 28 02 04", "a0", Profile{}, ErrCritical},
		{"crit with a text", tag18, "a3 01 28 02 81 61 78 61 78 00", "a0", Profile{}, ErrCritical},
		{"crit with a huge label", tag18, "a2 01 28 02 81 1bffffffffffffffff", "a0", Profile{}, ErrCritical},
		{"crit names itself", tag18, "a2 01 28 02 81 02", "a0", Profile{}, ErrCritical},

		{"typ where none is wanted", tag18, "a2 01 28 10 190125", "a0", Profile{}, ErrType},
		{"typ absent", tag18, "a1 01 28", "a0", Profile{Type: TypeToken}, ErrType},
		{"typ of another object", tag18, "a2 01 28 10 190126", "a0", Profile{Type: TypeToken}, ErrType},
		{"typ 0", tag18, "a2 01 28 10 00", "a0", Profile{AnyType: true}, ErrType},
		{"typ 65536", tag18, "a2 01 28 10 1a00010000", "a0", Profile{AnyType: true}, ErrType},
		{"typ negative", tag18, "a2 01 28 10 20", "a0", Profile{AnyType: true}, ErrType},
		{"typ empty text", tag18, "a2 01 28 10 60", "a0", Profile{AnyType: true}, ErrType},
		{"typ of 128 letters", tag18, "a2 01 28 10 7880" + strings.Repeat("61", 128), "a0", Profile{AnyType: true}, ErrType},
	} {
		t.Run(c.name, func(t *testing.T) {
			data := raw1(t, k, c.tag, unhex(t, c.protected), unhex(t, c.unprotected), payload)
			m, err := ParseSign1(data, c.profile)
			if err == nil {
				err = m.Verify(k.Public())
			} else if m != nil {
				t.Error("a failed parse returns an object")
			}
			wantOnly(t, err, c.want)
		})
	}

	sig := mustSign(t, k, appendSigStructure(nil, alg, nil, payload))
	body := func(head byte, parts ...[]byte) []byte {
		return append([]byte{0xd2, head}, bytes.Join(parts, nil)...)
	}
	p, pl, s := AppendBytes(nil, alg), AppendBytes(nil, payload), AppendBytes(nil, sig)
	for _, c := range []struct {
		name string
		data []byte
		want error
	}{
		{"good", body(0x84, p, empty, pl, s), nil},
		{"three parts", body(0x83, p, empty, pl), ErrMalformed},
		{"five parts", body(0x85, p, empty, pl, s, []byte{0}), ErrMalformed},
		{"trailing byte", append(body(0x84, p, empty, pl, s), 0), ErrMalformed},
		{"cut", body(0x84, p, empty, pl, s)[:80], ErrMalformed},
		{"a map", []byte{0xd2, 0xa0}, ErrMalformed},
		{"a number", []byte{0x01}, ErrMalformed},
		{"empty", nil, ErrMalformed},
		{"protected is a map, not bytes", body(0x84, alg, empty, pl, s), ErrHeader},
		{"payload null", body(0x84, p, empty, []byte{0xf6}, s), ErrMalformed},
		{"payload text", body(0x84, p, empty, AppendText(nil, "payload"), s), ErrMalformed},
		{"signature null", body(0x84, p, empty, pl, []byte{0xf6}), ErrMalformed},
		{"signature empty", body(0x84, p, empty, pl, []byte{0x40}), ErrMalformed},
		{"outer head not shortest", append([]byte{0xd2, 0x98, 4}, bytes.Join([][]byte{p, empty, pl, s}, nil)...), ErrNotCanonical},
		{"outer indefinite", append(append([]byte{0xd2, 0x9f}, bytes.Join([][]byte{p, empty, pl, s}, nil)...), 0xff), ErrNotCanonical},
		{"payload length not shortest", body(0x84, p, empty, append([]byte{0x58, 7}, payload...), s), ErrNotCanonical},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := ParseSign1(c.data, Profile{})
			if err == nil {
				err = m.Verify(k.Public())
			}
			wantOnly(t, err, c.want)
		})
	}
	_, err := ParseSign1(body(0x84, p, empty, pl, s), Profile{Limits: Limits{Bytes: 50}})
	wantOnly(t, err, ErrTooLarge)
}

// TestAlgorithmIsTheKeys has the two old identifiers pass with their own key only.
func TestAlgorithmIsTheKeys(t *testing.T) {
	for _, c := range []struct {
		protected string
		key       Algorithm
		want      error
	}{
		{"a1 01 26", ESP256, nil},          // ES256 on P-256
		{"a1 01 26", ESP384, ErrAlgorithm}, // ES256 on P-384
		{"a1 01 26", Ed25519, ErrAlgorithm},
		{"a1 01 27", Ed25519, nil}, // EdDSA on Ed25519
		{"a1 01 27", ESP256, ErrAlgorithm},
		{"a1 01 3822", ESP384, ErrAlgorithm}, // ES384 is not taken
		{"a1 01 3832", ESP384, nil},
		{"a1 01 3832", ESP256, ErrAlgorithm},
		{"a1 01 3830", MLDSA65, nil},
		{"a1 01 382f", MLDSA65, ErrAlgorithm}, // ML-DSA-44
		{"a1 01 05", ESP256, ErrAlgorithm},    // HMAC 256/256
		{"a1 01 3824", ESP256, ErrAlgorithm},  // PS256
	} {
		k := vectorKey(t, c.key)
		m, err := ParseSign1(raw1(t, k, tag18, unhex(t, c.protected), []byte{0xa0}, []byte("x")), Profile{})
		if err == nil {
			err = m.Verify(k.Public())
		}
		if c.want == nil && err != nil || !errors.Is(err, c.want) {
			t.Errorf("%s with %s: got %v, want %v", c.protected, c.key, err, c.want)
		}
	}
}

func TestDetached(t *testing.T) {
	k := vectorKey(t, ESP256)
	payload, aad := []byte("payload"), []byte("aad")
	alg := unhex(t, "a1 01 28")
	b := AppendArray(AppendTag(nil, 18), 4)
	b = AppendNull(AppendMap(AppendBytes(b, alg), 0))
	b = AppendBytes(b, mustSign(t, k, appendSigStructure(nil, alg, aad, payload)))
	m, err := ParseSign1(b, Profile{Detached: true})
	if err != nil {
		t.Fatal(err)
	}
	if m.SignedBytes() != nil || m.Payload != nil {
		t.Error("a detached object has a payload")
	}
	wantOnly(t, m.VerifyDetached(k.Public(), payload, aad), nil)
	wantOnly(t, m.VerifyDetached(k.Public(), payload, nil), ErrSignature)
	wantOnly(t, m.VerifyDetached(k.Public(), []byte("other"), aad), ErrSignature)
	wantOnly(t, m.Verify(k.Public()), ErrMalformed)
	wantOnly(t, m.VerifyAAD(k.Public(), aad), ErrMalformed)
	_, err = ParseSign1(b, Profile{})
	wantOnly(t, err, ErrMalformed)
	embedded, err := EncodeSign1(k, Header{}, payload)
	if err != nil {
		t.Fatal(err)
	}
	_, err = ParseSign1(embedded, Profile{Detached: true})
	wantOnly(t, err, ErrMalformed)
}

func TestEncodeSign1Refuses(t *testing.T) {
	k := vectorKey(t, ESP256)
	good := mustSign(t, k, []byte("x"))
	for name, c := range map[string]struct{ err, want error }{
		"no signer":             {second(EncodeSign1(nil, Header{}, nil)), ErrKey},
		"empty signer":          {second(EncodeSign1(&PrivateKey{}, Header{}, nil)), ErrAlgorithm},
		"another alg":           {second(EncodeSign1(k, Header{Algorithm: Ed25519}, nil)), ErrAlgorithm},
		"old alg":               {second(EncodeSign1(k, Header{Algorithm: ES256}, nil)), ErrAlgorithm},
		"to be signed, no alg":  {second(ToBeSigned(Header{}, nil)), ErrAlgorithm},
		"to be signed, old alg": {second(ToBeSigned(Header{Algorithm: ES256}, nil)), ErrAlgorithm},
		"empty kid":             {second(EncodeSign1(k, Header{KeyID: []byte{}}, nil)), ErrHeader},
		"long kid":              {second(EncodeSign1(k, Header{KeyID: make([]byte, 33)}, nil)), ErrHeader},
		"kcwt not canonical":    {second(EncodeSign1(k, Header{KCWT: []byte{0x18, 1}}, nil)), ErrHeader},
		"kcwt empty":            {second(EncodeSign1(k, Header{KCWT: []byte{}}, nil)), ErrHeader},
		"typ twice":             {second(EncodeSign1(k, Header{Type: Type{1, "a/b"}}, nil)), ErrType},
		"typ long":              {second(EncodeSign1(k, Header{Type: Type{0, strings.Repeat("a", 128)}}, nil)), ErrType},
		"signature short":       {second(AssembleSign1(Header{Algorithm: ESP256}, nil, good[1:])), ErrSignature},
		"signature DER":         {second(AssembleSign1(Header{Algorithm: ESP256}, nil, appendDER(nil, good))), ErrSignature},
		"assemble, no alg":      {second(AssembleSign1(Header{}, nil, good)), ErrAlgorithm},
	} {
		t.Run(name, func(t *testing.T) { wantOnly(t, c.err, c.want) })
	}
}

func TestKCWTIsCarried(t *testing.T) {
	issuer, holder := vectorKey(t, Ed25519), vectorKey(t, ESP256)
	token, err := EncodeSign1(issuer, Header{Type: TypeToken}, []byte("claims"))
	if err != nil {
		t.Fatal(err)
	}
	data, err := EncodeSign1(holder, Header{Type: TypePresentation, KCWT: token}, []byte("kbt"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := ParseSign1(data, Profile{Type: TypePresentation})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(m.Header.KCWT, token) {
		t.Errorf("kcwt %x, want %x", m.Header.KCWT, token)
	}
}

func TestSign(t *testing.T) {
	p256, mldsa := vectorKey(t, ESP256), vectorKey(t, MLDSA65)
	payload := []byte("payload")
	h := Header{Type: TypeBundle}
	signers := []SignatureSigner{{p256, Header{KeyID: []byte{1}}}, {mldsa, Header{KeyID: []byte{1}}}}
	data, err := EncodeSign(h, payload, signers)
	if err != nil {
		t.Fatal(err)
	}
	m, err := ParseSign(data, Profile{Type: TypeBundle})
	if err != nil {
		t.Fatal(err)
	}
	wantOnly(t, m.Verify(0, p256.Public()), nil)
	wantOnly(t, m.Verify(1, mldsa.Public()), nil)
	wantOnly(t, m.VerifyAAD(0, p256.Public(), nil), nil)
	wantOnly(t, m.VerifyAAD(0, p256.Public(), []byte{1}), ErrSignature)
	wantOnly(t, m.VerifyDetached(0, p256.Public(), payload, nil), ErrMalformed)
	wantOnly(t, m.Verify(0, mldsa.Public()), ErrAlgorithm)
	wantOnly(t, m.Verify(1, p256.Public()), ErrAlgorithm)
	wantOnly(t, m.Verify(2, p256.Public()), ErrMalformed)
	wantOnly(t, m.Verify(-1, p256.Public()), ErrMalformed)
	wantOnly(t, m.Verify(0, nil), ErrKey)
	wantOnly(t, (*Sign)(nil).Verify(0, p256.Public()), ErrMalformed)

	// A signature of a COSE_Sign is none of a COSE_Sign1 over the same payload, and the other way round.
	one, err := AssembleSign1(Header{Algorithm: ESP256, Type: TypeBundle}, payload, m.Signatures[0].Signature)
	if err != nil {
		t.Fatal(err)
	}
	m1, err := ParseSign1(one, Profile{Type: TypeBundle})
	if err != nil {
		t.Fatal(err)
	}
	wantOnly(t, m1.Verify(p256.Public()), ErrSignature)

	for i := range data[:60] {
		bad := bytes.Clone(data)
		bad[i] ^= 1
		m, err := ParseSign(bad, Profile{Type: TypeBundle})
		if err == nil {
			err = errors.Join(m.Verify(0, p256.Public()), m.Verify(1, mldsa.Public()))
		}
		if err == nil {
			t.Errorf("byte %d changed and accepted", i)
		}
	}

	for name, c := range map[string]struct{ err, want error }{
		"no signers":            {second(EncodeSign(h, payload, nil)), ErrMalformed},
		"nil signer":            {second(EncodeSign(h, payload, []SignatureSigner{{}})), ErrKey},
		"alg in the body":       {second(EncodeSign(Header{Algorithm: ESP256}, payload, signers)), ErrHeader},
		"typ in a signature":    {second(EncodeSign(h, payload, []SignatureSigner{{p256, Header{Type: TypeBundle}}})), ErrHeader},
		"another alg":           {second(EncodeSign(h, payload, []SignatureSigner{{p256, Header{Algorithm: MLDSA65}}})), ErrAlgorithm},
		"33 signatures":         {second(AssembleSign(h, payload, make([]Signature, 33))), ErrTooLarge},
		"no alg":                {second(AssembleSign(h, payload, make([]Signature, 1))), ErrAlgorithm},
		"no signature":          {second(AssembleSign(h, payload, []Signature{{Header: Header{Algorithm: ESP256}}})), ErrSignature},
		"parsed as Sign1":       {second(ParseSign1(data, Profile{Type: TypeBundle})), ErrMalformed},
		"parsed with no typ":    {second(ParseSign(data, Profile{})), ErrType},
		"parsed as root":        {second(ParseSign(data, Profile{Type: TypeRoot})), ErrType},
		"parsed as detached":    {second(ParseSign(data, Profile{Type: TypeBundle, Detached: true})), ErrMalformed},
		"parsed as untagged":    {second(ParseSign(data, Profile{Type: TypeBundle, Untagged: true})), ErrMalformed},
		"trailing byte":         {second(ParseSign(append(bytes.Clone(data), 0), Profile{Type: TypeBundle})), ErrMalformed},
		"over the limit":        {second(ParseSign(data, Profile{Type: TypeBundle, Limits: Limits{Bytes: 100}})), ErrTooLarge},
		"signatures is a map":   {second(ParseSign(unhex(t, "d862 84 40 a0 40 a0"), Profile{})), ErrMalformed},
		"signatures is empty":   {second(ParseSign(unhex(t, "d862 84 40 a0 40 80"), Profile{})), ErrMalformed},
		"signature is bytes":    {second(ParseSign(unhex(t, "d862 84 40 a0 40 81 40"), Profile{})), ErrMalformed},
		"signature of two":      {second(ParseSign(unhex(t, "d862 84 40 a0 40 81 82 40 a0"), Profile{})), ErrMalformed},
		"signature empty":       {second(ParseSign(unhex(t, "d862 84 40 a0 40 81 83 43a10128 a0 40"), Profile{})), ErrMalformed},
		"signature without alg": {second(ParseSign(unhex(t, "d862 84 40 a0 40 81 83 40 a0 4101"), Profile{})), ErrAlgorithm},
		"typ of a signature":    {second(ParseSign(unhex(t, "d862 84 40 a0 40 81 83 47a2012810190125 a0 4101"), Profile{AnyType: true})), ErrHeader},
		"junk of a signature":   {second(ParseSign(unhex(t, "d862 84 40 a0 40 81 83 43a10128 a1044101 4101"), Profile{})), ErrHeader},
		"alg of the body":       {second(ParseSign(unhex(t, "d862 84 43a10128 a0 40 81 83 43a10128 a0 4101"), Profile{})), ErrHeader},
		"body is an empty map":  {second(ParseSign(unhex(t, "d862 84 41a0 a0 40 81 83 43a10128 a0 4101"), Profile{})), ErrNotCanonical},
		"33 signatures read": {second(ParseSign(append(unhex(t, "d862 84 40 a0 40 9821"),
			bytes.Repeat(unhex(t, "83 43a10128 a0 4101"), 33)...), Profile{})), ErrTooLarge},
	} {
		t.Run(name, func(t *testing.T) { wantOnly(t, c.err, c.want) })
	}
}

func TestSignDetached(t *testing.T) {
	k := vectorKey(t, Ed25519)
	alg := unhex(t, "a1 01 32")
	b := AppendArray(AppendTag(nil, 98), 4)
	b = AppendNull(AppendMap(AppendBytes(b, nil), 0))
	b = AppendMap(AppendBytes(AppendArray(AppendArray(b, 1), 3), alg), 0)
	b = AppendBytes(b, mustSign(t, k, appendSigStructureOf(nil, nil, alg, nil, []byte("p"))))
	m, err := ParseSign(b, Profile{Detached: true})
	if err != nil {
		t.Fatal(err)
	}
	wantOnly(t, m.VerifyDetached(0, k.Public(), []byte("p"), nil), nil)
	wantOnly(t, m.VerifyDetached(0, k.Public(), []byte("q"), nil), ErrSignature)
	wantOnly(t, m.Verify(0, k.Public()), ErrMalformed)
	wantOnly(t, m.VerifyAAD(0, k.Public(), nil), ErrMalformed)
}

// TestGoldenSign1 fixes the bytes of one object for good.
func TestGoldenSign1(t *testing.T) {
	k := vectorKey(t, Ed25519)
	data, err := EncodeSign1(k, Header{KeyID: []byte{1, 2, 3, 4}, Type: TypeToken}, []byte{0xa0})
	if err != nil {
		t.Fatal(err)
	}
	want := append([]byte{
		0xd2,       // tag 18
		0x84,       // array of 4
		0x4d,       // protected: 13 bytes
		0xa3,       // map of 3
		0x01, 0x32, // alg: -19, Ed25519
		0x04, 0x44, 1, 2, 3, 4, // kid
		0x10, 0x19, 0x01, 0x25, // typ: 293
		0xa0,       // unprotected: empty
		0x41, 0xa0, // payload
		0x58, 0x40, // signature: 64 bytes
	}, mustSign(t, k, append([]byte{
		0x84,                                                   // array of 4
		0x6a, 'S', 'i', 'g', 'n', 'a', 't', 'u', 'r', 'e', '1', // context
		0x4d, 0xa3, 0x01, 0x32, 0x04, 0x44, 1, 2, 3, 4, 0x10, 0x19, 0x01, 0x25, // protected
		0x40, // external_aad
	}, 0x41, 0xa0))...)
	if !bytes.Equal(data, want) {
		t.Errorf("got  %x\nwant %x", data, want)
	}
}

func TestTypesAreDistinct(t *testing.T) {
	all := append([]Type{TypeToken, TypePresentation}, knownTypes...)
	seen := map[Type]bool{{}: true}
	for _, typ := range all {
		if seen[typ] {
			t.Errorf("%s is absent or used twice", typ)
		}
		seen[typ] = true
		h := Header{Type: typ}
		b, err := h.encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := parseHeader(b, &Profile{AnyType: true})
		if err != nil || got.Type != typ {
			t.Errorf("%s reads back as %s, %v", typ, got.Type, err)
		}
	}
	if (Type{}).String() != "none" || !(Type{}).IsZero() || TypeToken.String() != "293" {
		t.Error("names of types")
	}
}

func TestParseSign1Allocates(t *testing.T) {
	data, err := EncodeSign1(vectorKey(t, ESP256), Header{KeyID: []byte{1, 2, 3, 4}, Type: TypeToken}, make([]byte, 230))
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() {
		if _, err := ParseSign1(data, Profile{Type: TypeToken}); err != nil {
			t.Error(err)
		}
	}); n > 2 {
		t.Errorf("%v allocations, want at most 2", n)
	}
}

func TestParallelUse(t *testing.T) {
	k := vectorKey(t, ESP256)
	data, err := EncodeSign1(k, Header{}, []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := ParseSign1(data, Profile{})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		wg.Go(func() {
			for range 20 {
				errs[i] = errors.Join(errs[i], m.Verify(k.Public()), m.VerifyAAD(k.Public(), nil))
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
}

func FuzzParseSign1(f *testing.F) {
	k := vectorKey(f, ESP256)
	good, err := EncodeSign1(k, Header{KeyID: []byte{1}, Type: TypeToken}, []byte("payload"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	for _, s := range []string{"d28443a10128a0404101", "d28443a10126a1044101404101", "d284581aa3012802811863186300a0404101", "8440a0f640"} {
		f.Add(unhex(f, s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, p := range []Profile{{Type: TypeToken}, {AnyType: true, Unprotected: []int64{4}, EmptyMap: true}, {AnyType: true, Untagged: true, Detached: true}} {
			m, err := ParseSign1(data, p)
			if (m == nil) != (err != nil) {
				t.Fatalf("object %v with error %v", m, err)
			}
			if err != nil {
				continue
			}
			reencode(t, data)
			if len(m.Protected) > 0 {
				reencode(t, m.Protected)
			}
			if m.Verify(k.Public()) == nil && !(bytes.Equal(m.Payload, []byte("payload")) && m.Header.Type == TypeToken) {
				t.Fatalf("forged: %x", data)
			}
			if !p.Detached && !bytes.Equal(m.SignedBytes(), m.AppendToBeSigned(nil, nil, m.Payload)) {
				t.Fatal("signed bytes differ")
			}
		}
	})
}

func FuzzParseSign(f *testing.F) {
	k := vectorKey(f, ESP256)
	good, err := EncodeSign(Header{Type: TypeBundle}, []byte("payload"), []SignatureSigner{{k, Header{KeyID: []byte{1}}}, {k, Header{}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(unhex(f, "d8628440a0408183 43a10128a04101"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := ParseSign(data, Profile{AnyType: true, Unprotected: []int64{4}})
		if (m == nil) != (err != nil) {
			t.Fatalf("object %v with error %v", m, err)
		}
		if err != nil {
			return
		}
		reencode(t, data)
		for i := range m.Signatures {
			if m.Verify(i, k.Public()) == nil && !(bytes.Equal(m.Payload, []byte("payload")) && m.Header.Type == TypeBundle) {
				t.Fatalf("forged: %x", data)
			}
		}
	})
}

func ExampleParseSign1() {
	key, err := KeyForVectors(ESP256, "example")
	if err != nil {
		panic(err)
	}
	data, err := EncodeSign1(key, Header{Type: TypeToken}, []byte("claims"))
	if err != nil {
		panic(err)
	}
	_, err = ParseSign1(data, Profile{Type: TypeStatusList})
	fmt.Println(err)
	m, err := ParseSign1(data, Profile{Type: TypeToken})
	if err != nil {
		panic(err)
	}
	fmt.Println(m.Verify(key.Public()), string(m.Payload))
	// Output:
	// cose: typ "293", want "application/statuslist+cwt"
	// <nil> claims
}
