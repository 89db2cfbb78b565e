package cose

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"strings"
	"testing"

	"github.com/cloudflare/circl/sign/mldsa/mldsa44"
)

func TestKeysRoundTrip(t *testing.T) {
	for _, alg := range []Algorithm{ESP256, ESP384, Ed25519, MLDSA65} {
		t.Run(alg.String(), func(t *testing.T) {
			k, err := GenerateKey(alg)
			if err != nil {
				t.Fatal(err)
			}
			pub := k.Public()
			for _, compressed := range []bool{false, true} {
				data := pub.AppendCOSE(nil, compressed)
				if err := Check(data, Limits{}); err != nil {
					t.Fatal(err)
				}
				back, err := ParsePublicKey(data)
				if err != nil {
					t.Fatal(err)
				}
				if !back.Equal(pub) || back.Thumbprint() != pub.Thumbprint() || back.Algorithm() != alg {
					t.Error("public key changed")
				}
			}
			wrapped, err := NewPublicKey(pub.Crypto())
			if err != nil || !wrapped.Equal(pub) {
				t.Errorf("wrapped key differs: %v", err)
			}
			priv, err := ParsePrivateKey(k.MarshalCOSE())
			if err != nil {
				t.Fatal(err)
			}
			if !priv.Equal(k) || !priv.Public().Equal(pub) {
				t.Error("private key changed")
			}
			wantOnly(t, second(ParsePublicKey(k.MarshalCOSE())), ErrKey)
			wantOnly(t, second(ParsePrivateKey(pub.MarshalCOSE())), ErrKey)
			a, err := k.SignDeterministic([]byte("x"))
			if err != nil {
				t.Fatal(err)
			}
			b, err := priv.Deterministic().Sign([]byte("x"))
			if err != nil || !bytes.Equal(a, b) {
				t.Errorf("deterministic signatures differ: %v", err)
			}
			wantOnly(t, pub.Verify([]byte("x"), a), nil)
			if alg != Ed25519 {
				if c := mustSign(t, k, []byte("x")); bytes.Equal(a, c) {
					t.Error("an ordinary signature is the deterministic one")
				}
			}
			if id := pub.KeyID(4); len(id) != 4 || len(pub.KeyID(0)) != 1 || len(pub.KeyID(99)) != 32 {
				t.Errorf("key ids %x", id)
			}
		})
	}
	wantOnly(t, second(GenerateKey(ES256)), ErrAlgorithm)
	wantOnly(t, second(NewKeyFromSeed(EdDSA, make([]byte, 32))), ErrAlgorithm)
	wantOnly(t, second(KeyForVectors(0, "x")), ErrAlgorithm)
}

// TestThumbprint has the example of RFC 9679, Section 6.
func TestThumbprint(t *testing.T) {
	key := unhex(t, "a4 01 02 20 01"+
		"21 5820 65eda5a12577c2bae829437fe338701a10aaa375e1bb5b5de108de439c08551d"+
		"22 5820 1e52ed75701163f7f9e40ddf9f341b3dc9ba860af7e0ca7ca7e9eecd0084d19c")
	k, err := ParsePublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	want := "496bd8afadf307e5b08c64b0421bf9dc01528a344a43bda88fadd1669da253ec"
	if got := k.Thumbprint(); hex.EncodeToString(got[:]) != want {
		t.Errorf("got %x, want %s", got, want)
	}
	// The same key with kid, alg and a sign bit has the same thumbprint.
	k2, err := ParsePublicKey(unhex(t, "a6 01 02 02 41 07 03 28 20 01"+
		"21 5820 65eda5a12577c2bae829437fe338701a10aaa375e1bb5b5de108de439c08551d 22 f4"))
	if err != nil || k2.Thumbprint() != k.Thumbprint() {
		t.Errorf("compressed form differs: %v", err)
	}
}

func TestParsePublicKeyRefuses(t *testing.T) {
	const (
		x = "5820 65eda5a12577c2bae829437fe338701a10aaa375e1bb5b5de108de439c08551d"
		y = "5820 1e52ed75701163f7f9e40ddf9f341b3dc9ba860af7e0ca7ca7e9eecd0084d19c"
	)
	ec := "01 02 20 01 21" + x + "22" + y
	okp := "01 01 20 06 21" + x
	for _, c := range []struct {
		name, key string
		want      error
	}{
		{"EC2", "a4" + ec, nil},
		{"OKP", "a3" + okp, nil},
		{"alg ES256", "a5 01 02 03 26 20 01 21" + x + "22" + y, nil},
		{"alg EdDSA", "a4 01 01 03 27 20 06 21" + x, nil},
		{"key_ops verify", "a5 01 02 04 81 02 20 01 21" + x + "22" + y, nil},
		{"unknown member", "a5 01 02 1863 00 20 01 21" + x + "22" + y, nil},
		{"text member", "a5 01 02 20 01 21" + x + "22" + y + "61 78 00", nil},

		{"empty", "", ErrMalformed},
		{"empty map", "a0", ErrKey},
		{"array", "80", ErrKey},
		{"unsorted", "a4 20 01 01 02 21" + x + "22" + y, ErrNotCanonical},
		{"kty twice", "a5 01 02 01 02 20 01 21" + x + "22" + y, ErrDuplicateKey},
		{"trailing", "a4" + ec + "00", ErrMalformed},
		{"label is bytes", "a1 41 01 02", ErrKey},
		{"kty text", "a4 01 61 78 20 01 21" + x + "22" + y, ErrKey},
		{"kty huge", "a1 01 1bffffffffffffffff", ErrKey},
		{"kty 4 symmetric", "a2 01 04 20 41 00", ErrKey},
		{"no kty", "a3 20 01 21" + x + "22" + y, ErrKey},
		{"kty OKP with P-256", "a3 01 01 20 01 21" + x, ErrKey},
		{"kty EC2 with Ed25519", "a4 01 02 20 06 21" + x + "22" + y, ErrKey},
		{"P-521", "a4 01 02 20 03 21" + x + "22" + y, ErrKey},
		{"secp256k1", "a4 01 02 20 08 21" + x + "22" + y, ErrKey},
		{"X25519", "a3 01 01 20 04 21" + x, ErrKey},
		{"Ed448", "a3 01 01 20 07 21" + x, ErrKey},
		{"P-256 coordinates as P-384", "a4 01 02 20 02 21" + x + "22" + y, ErrKey},
		{"no y", "a3 01 02 20 01 21" + x, ErrKey},
		{"no x", "a3 01 02 20 01 22" + y, ErrKey},
		{"not on the curve", "a4 01 02 20 01 21" + x + "22" + x, ErrKey},
		{"point zero", "a4 01 02 20 01 21 5820" + strings.Repeat("00", 32) + "22 5820" + strings.Repeat("00", 32), ErrKey},
		{"x above p", "a4 01 02 20 01 21 5820" + strings.Repeat("ff", 32) + "22" + y, ErrKey},
		{"x above p, compressed", "a4 01 02 20 01 21 5820" + strings.Repeat("ff", 32) + "22 f5", ErrKey},
		{"x with a leading zero", "a4 01 02 20 01 21 5821 00" + x[5:] + "22" + y, ErrKey},
		{"short x, compressed", "a4 01 02 20 01 21 41 01 22 f5", ErrKey},
		{"y null", "a4 01 02 20 01 21" + x + "22 f6", ErrKey},
		{"x text", "a4 01 02 20 01 21 61 78 22" + y, ErrKey},
		{"crv null", "a4 01 02 20 f6 21" + x + "22" + y, ErrKey},
		{"crv huge", "a4 01 02 20 1bffffffffffffffff 21" + x + "22" + y, ErrKey},
		{"private member", "a5" + ec + "23 5820" + strings.Repeat("01", 32), ErrKey},
		{"private member text", "a5" + ec + "23 61 78", ErrKey},
		{"OKP with y", "a4" + okp + "22" + y, ErrKey},
		{"OKP with a y bit", "a4" + okp + "22 f5", ErrKey},
		{"OKP of 31 bytes", "a3 01 01 20 06 21 581f" + strings.Repeat("01", 31), ErrKey},
		{"alg of another curve", "a5 01 02 03 3832 20 01 21" + x + "22" + y, ErrAlgorithm},
		{"alg EdDSA on EC2", "a5 01 02 03 27 20 01 21" + x + "22" + y, ErrAlgorithm},
		{"alg ES256 on OKP", "a4 01 01 03 26 20 06 21" + x, ErrAlgorithm},
		{"alg text", "a5 01 02 03 61 78 20 01 21" + x + "22" + y, ErrKey},
		{"kid text", "a5 01 02 02 61 78 20 01 21" + x + "22" + y, ErrKey},
		{"key_ops sign only", "a5 01 02 04 81 01 20 01 21" + x + "22" + y, ErrKey},
		{"key_ops empty", "a5 01 02 04 80 20 01 21" + x + "22" + y, ErrKey},
		{"key_ops not an array", "a5 01 02 04 02 20 01 21" + x + "22" + y, ErrKey},
		{"key_ops text", "a5 01 02 04 81 61 78 20 01 21" + x + "22" + y, ErrKey},
		{"AKP without alg", "a2 01 07 20 41 00", ErrAlgorithm},
		{"AKP ML-DSA-44", "a3 01 07 03 382f 20 41 00", ErrAlgorithm},
		{"AKP short", "a3 01 07 03 3830 20 41 00", ErrKey},
		{"AKP with a curve", "a3 01 07 03 3830 20 01", ErrKey},
		{"AKP with y", "a4 01 07 03 3830 20 41 00 22 f5", ErrKey},
		{"too many members", "b1" + strings.Repeat("00", 34), ErrTooLarge},
	} {
		t.Run(c.name, func(t *testing.T) {
			k, err := ParsePublicKey(unhex(t, c.key))
			wantOnly(t, err, c.want)
			if (k == nil) != (err != nil) {
				t.Errorf("key %v with error %v", k, err)
			}
		})
	}
}

func TestParsePrivateKeyRefuses(t *testing.T) {
	for _, alg := range []Algorithm{ESP256, ESP384, Ed25519, MLDSA65} {
		k := vectorKey(t, alg)
		data := k.MarshalCOSE()
		bad := bytes.Clone(data)
		bad[len(bad)-1] ^= 1 // the secret stands last
		wantOnly(t, second(ParsePrivateKey(bad)), ErrKey)
		wantOnly(t, second(ParsePrivateKey(data[:len(data)-1])), ErrMalformed)
		wantOnly(t, second(NewKeyFromSeed(alg, k.secret[1:])), ErrKey)
		wantOnly(t, second(NewKeyFromSeed(alg, append(bytes.Clone(k.secret), 0))), ErrKey)
		if alg == ESP256 || alg == ESP384 {
			wantOnly(t, second(NewKeyFromSeed(alg, make([]byte, len(k.secret)))), ErrKey)
			wantOnly(t, second(NewKeyFromSeed(alg, bytes.Repeat([]byte{0xff}, len(k.secret)))), ErrKey)
		}
		// key_ops goes after alg: {1, 3, 4, ...}.
		at := bytes.Index(data, AppendInt([]byte{3}, int64(alg))) + len(AppendInt([]byte{3}, int64(alg)))
		withOps := func(op byte) []byte {
			b := append([]byte{data[0] + 1}, data[1:at]...)
			return append(append(b, 4, 0x81, op), data[at:]...)
		}
		wantOnly(t, second(ParsePrivateKey(withOps(opSign))), nil)
		wantOnly(t, second(ParsePrivateKey(withOps(opVerify))), ErrKey)
	}
}

func TestNewPublicKeyRefuses(t *testing.T) {
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ml44, _, err := mldsa44.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	//lint:ignore SA1019 a point off the curve can be made in no other way
	off := &ecdsa.PublicKey{Curve: elliptic.P256(), X: big.NewInt(1), Y: big.NewInt(1)}
	for name, key := range map[string]any{
		"nil": nil, "P-224": &p224.PublicKey, "private": p256, "by value": p256.PublicKey, "off the curve": off,
		"empty": &ecdsa.PublicKey{}, "nil P-256": (*ecdsa.PublicKey)(nil), "short Ed25519": ed25519.PublicKey{1}, "ML-DSA-44": ml44,
	} {
		t.Run(name, func(t *testing.T) { wantOnly(t, second(NewPublicKey(key)), ErrKey) })
	}
}

// TestSmallOrderKeys shows for each listed key that the library takes one fixed signature, with R the neutral point
// and s = 0, for some of a few hundred messages, and that we take no such key.
func TestSmallOrderKeys(t *testing.T) {
	sig := make([]byte, 64)
	sig[0] = 1
	for _, y := range smallOrder {
		for _, sign := range []byte{0, 0x80} {
			key := y
			key[31] |= sign
			wantOnly(t, second(NewPublicKey(ed25519.PublicKey(key[:]))), ErrKey)
			forged := false
			for i := range 400 {
				forged = forged || ed25519.Verify(key[:], []byte{byte(i), byte(i >> 8)}, sig)
			}
			if !forged {
				t.Errorf("%x is not of small order", key)
			}
		}
	}
}

func TestEqualIsStrict(t *testing.T) {
	a, b := vectorKey(t, ESP256), vectorKey(t, Ed25519)
	var none *PublicKey
	if a.Public().Equal(b.Public()) || a.Public().Equal(nil) || none.Equal(none) || (&PublicKey{}).Equal(&PublicKey{}) {
		t.Error("different public keys are equal")
	}
	if a.Equal(b) || a.Equal(nil) || (&PrivateKey{}).Equal(&PrivateKey{}) {
		t.Error("different private keys are equal")
	}
	if none.Algorithm() != 0 || none.Crypto() != nil || len(none.MarshalCOSE()) != 0 {
		t.Error("a nil key has something")
	}
	var nobody *PrivateKey
	if nobody.Algorithm() != 0 || nobody.Public() != nil || nobody.MarshalCOSE() != nil || nobody.Deterministic() != nil {
		t.Error("a nil private key has something")
	}
	if _, err := nobody.Sign(nil); !errors.Is(err, ErrKey) {
		t.Errorf("nil key signs: %v", err)
	}
}

func TestLowS(t *testing.T) {
	n := elliptic.P256().Params().N
	half := new(big.Int).Rsh(n, 1)
	sig := func(s *big.Int) []byte {
		b := make([]byte, 64)
		b[31] = 1
		s.FillBytes(b[32:])
		return b
	}
	one := big.NewInt(1)
	for _, c := range []struct {
		name string
		s    *big.Int
		low  bool
	}{
		{"1", one, true},
		{"half-1", new(big.Int).Sub(half, one), true},
		{"half", half, true},
		{"half+1", new(big.Int).Add(half, one), false},
		{"n-1", new(big.Int).Sub(n, one), false},
		{"n", n, false},
		{"n+1", new(big.Int).Add(n, one), false},
	} {
		b := sig(c.s)
		if got := IsLowS(ESP256, b); got != c.low {
			t.Errorf("s = %s: low %v, want %v", c.name, got, c.low)
		}
		want := b
		if !c.low && c.s.Cmp(n) <= 0 {
			want = sig(new(big.Int).Sub(n, c.s))
		}
		before := bytes.Clone(b)
		if got := NormalizeS(b); !bytes.Equal(got, want) {
			t.Errorf("s = %s: normalised to %x, want %x", c.name, got, want)
		}
		if !bytes.Equal(b, before) {
			t.Error("the input was changed")
		}
	}
	k := vectorKey(t, ESP256)
	highs := 0
	for i := range 64 {
		msg := []byte{byte(i)}
		sig := mustSign(t, k, msg)
		if !IsLowS(ESP256, sig) {
			highs++
			wantOnly(t, k.Public().Verify(msg, sig), nil) // Verify takes both forms
		}
		low := NormalizeS(sig)
		if !IsLowS(ESP256, low) {
			t.Error("not low after NormalizeS")
		}
		wantOnly(t, k.Public().Verify(msg, low), nil)
	}
	if highs == 0 || highs == 64 {
		t.Errorf("%d of 64 signatures are high-S", highs)
	}
	for _, c := range []struct {
		alg  Algorithm
		size int
		want bool
	}{{Ed25519, 64, true}, {Ed25519, 63, false}, {MLDSA65, 3309, true}, {ESP384, 96, false}, {ES256, 64, false}, {0, 0, false}, {ESP256, 63, false}} {
		if got := IsLowS(c.alg, make([]byte, c.size)); got != c.want {
			t.Errorf("%s of %d bytes: %v", c.alg, c.size, got)
		}
	}
	if got := NormalizeS([]byte{1}); !bytes.Equal(got, []byte{1}) {
		t.Error("a short signature was changed")
	}
}

func TestParseDER(t *testing.T) {
	sig := append(append(make([]byte, 31), 0x80), append(make([]byte, 30), 1, 2)...)
	der := appendDER(nil, sig)
	if !bytes.Equal(der, unhex(t, "3008 0202 0080 0202 0102")) {
		t.Fatalf("DER %x", der)
	}
	if got, ok := ParseDER(ESP256, der); !ok || !bytes.Equal(got, sig) {
		t.Errorf("got %x, %v", got, ok)
	}
	for name, data := range map[string]string{
		"empty": "", "not a sequence": "31 06 020101 020101", "short": "30 07 020101 020101", "trailing": "30 06 020101 020101 00",
		"long length": "30 8106 020101 020101", "one integer": "30 03 020101", "three integers": "30 09 020101 020101 020101",
		"negative": "30 06 020181 020101", "not shortest": "30 07 02020001 020101", "empty integer": "30 05 0200 020101",
		"integer cut": "30 06 020101 020201", "not an integer": "30 06 030101 020101", "cut": "30 04 0201 01 02",
		"33 bytes": "30 26 0221 01" + strings.Repeat("00", 32) + "020101",
	} {
		if _, ok := ParseDER(ESP256, unhex(t, data)); ok {
			t.Errorf("%s is accepted", name)
		}
	}
	if _, ok := ParseDER(Ed25519, der); ok {
		t.Error("DER of Ed25519 is accepted")
	}
}

func TestPrivateKeysPrintRedacted(t *testing.T) {
	for _, alg := range []Algorithm{ESP256, ESP384, Ed25519, MLDSA65} {
		k := vectorKey(t, alg)
		for _, v := range []any{k, *k} {
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o"} {
				if got := fmt.Sprintf(verb, v); got != redacted {
					t.Errorf("%s %T %s: %s", alg, v, verb, got)
				}
			}
			if got, err := json.Marshal(map[string]any{"k": v}); err != nil || string(got) != `{"k":"[redacted]"}` {
				t.Errorf("json: %s, %v", got, err)
			}
			var text, js bytes.Buffer
			slog.New(slog.NewTextHandler(&text, nil)).Info("x", "key", v)
			slog.New(slog.NewJSONHandler(&js, nil)).Info("x", "key", v)
			if !strings.Contains(text.String(), "key=[redacted]") || !strings.Contains(js.String(), `"key":"[redacted]"`) {
				t.Errorf("slog: %s %s", text.String(), js.String())
			}
		}
		// Inside another value, reached through an unexported field too, no byte of the secret shows.
		holder := struct {
			Name string
			key  *PrivateKey
		}{"x", k}
		for _, verb := range []string{"%v", "%+v", "%#v"} {
			got := fmt.Sprintf(verb, holder)
			if strings.Contains(got, hex.EncodeToString(k.secret)[:16]) || strings.Contains(got, fmt.Sprint(k.secret[:4])[1:8]) {
				t.Errorf("%s shows the secret: %s", verb, got)
			}
		}
		if k.String() != redacted || k.GoString() != redacted {
			t.Error("String")
		}
		if text, err := k.MarshalText(); err != nil || string(text) != redacted {
			t.Error("MarshalText")
		}
	}
}

func FuzzParsePublicKey(f *testing.F) {
	for _, alg := range []Algorithm{ESP256, ESP384, Ed25519, MLDSA65} {
		k := vectorKey(f, alg)
		f.Add(k.Public().MarshalCOSE())
		f.Add(k.Public().AppendCOSE(nil, true))
		f.Add(k.MarshalCOSE())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		k, err := ParsePublicKey(data)
		if (k == nil) != (err != nil) {
			t.Fatalf("key %v with error %v", k, err)
		}
		if p, err := ParsePrivateKey(data); err == nil {
			if k != nil {
				t.Fatal("a key is both public and private")
			}
			k = p.Public()
		}
		if k == nil {
			return
		}
		reencode(t, data)
		again, err := ParsePublicKey(k.MarshalCOSE())
		if err != nil || !again.Equal(k) {
			t.Fatalf("does not read back: %v", err)
		}
		if k.Verify(data, make([]byte, k.Algorithm().SignatureSize())) == nil {
			t.Fatal("a zero signature verifies")
		}
	})
}
