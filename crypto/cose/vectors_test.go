package cose

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// wgKey is a key as the examples of the COSE working group write it.
type wgKey struct {
	Kty, Crv         string
	X, Y             string
	XHex, YHex, DHex string
}

func (k *wgKey) UnmarshalJSON(data []byte) error {
	var m map[string]any
	if err := json.Unmarshal(data, &m); err != nil {
		return err
	}
	text := func(name string) string { s, _ := m[name].(string); return s }
	*k = wgKey{text("kty"), text("crv"), text("x"), text("y"), text("x_hex"), text("y_hex"), text("d_hex")}
	return nil
}

// public returns the key as a COSE_Key; ok is false for a curve that is not supported.
func (k *wgKey) public(t *testing.T) (*PublicKey, bool) {
	t.Helper()
	member := func(hexa, b64 string) []byte {
		if hexa != "" {
			return unhex(t, hexa)
		}
		b, err := base64.RawURLEncoding.DecodeString(b64)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	var b []byte
	switch k.Crv {
	case "P-256", "P-384":
		b = AppendInt(AppendInt(AppendMap(nil, 4), 1), 2)
		b = AppendInt(AppendInt(b, -1), map[string]int64{"P-256": 1, "P-384": 2}[k.Crv])
		b = AppendBytes(AppendInt(b, -2), member(k.XHex, k.X))
		b = AppendBytes(AppendInt(b, -3), member(k.YHex, k.Y))
	case "Ed25519":
		b = AppendInt(AppendInt(AppendMap(nil, 3), 1), 1)
		b = AppendInt(AppendInt(b, -1), 6)
		b = AppendBytes(AppendInt(b, -2), member(k.XHex, k.X))
	default:
		return nil, false
	}
	pub, err := ParsePublicKey(b)
	if err != nil {
		t.Fatal(err)
	}
	return pub, true
}

type wgSigner struct {
	Key      wgKey
	External string
}

type wgExample struct {
	Fail  bool
	Input struct {
		Sign0 *wgSigner
		Sign  *struct {
			External string
			Signers  []wgSigner
		}
	}
	Intermediates struct {
		ToBeSignHex string `json:"ToBeSign_hex"`
	}
	Output struct{ CBOR string }
}

// TestWorkingGroupExamples reads the examples of RFC 9052 with the profile that its own text describes. What is
// refused though the example is good is named here with its reason; there is nothing else.
func TestWorkingGroupExamples(t *testing.T) {
	refusedByProfile := map[string]error{
		"ecdsa-examples/ecdsa-02.json":     ErrAlgorithm, // ES384 (-35): ESP384 (-51) is taken
		"ecdsa-examples/ecdsa-03.json":     ErrAlgorithm, // ES512 on P-521
		"ecdsa-examples/ecdsa-04.json":     ErrAlgorithm, // ES512 on P-256
		"ecdsa-examples/ecdsa-sig-02.json": ErrAlgorithm,
		"ecdsa-examples/ecdsa-sig-03.json": ErrAlgorithm,
		"ecdsa-examples/ecdsa-sig-04.json": ErrAlgorithm,
		"eddsa-examples/eddsa-02.json":     ErrAlgorithm, // Ed448
		"eddsa-examples/eddsa-sig-02.json": ErrAlgorithm,
		"sign1-tests/sign-pass-01.json":    ErrHeader,       // alg in the unprotected header
		"RFC8152/Appendix_C_1_3.json":      ErrHeader,       // counter signature in the unprotected header
		"RFC8152/Appendix_C_1_4.json":      ErrNotCanonical, // labels out of order
	}
	wantFail := map[string]error{
		"sign-tests/sign-fail-01.json":  ErrForbidden, // tag 998
		"sign-tests/sign-fail-02.json":  ErrSignature,
		"sign-tests/sign-fail-03.json":  ErrAlgorithm,
		"sign-tests/sign-fail-04.json":  ErrAlgorithm,
		"sign-tests/sign-fail-06.json":  ErrSignature,
		"sign-tests/sign-fail-07.json":  ErrSignature,
		"sign1-tests/sign-fail-01.json": ErrForbidden,
		"sign1-tests/sign-fail-02.json": ErrSignature,
		"sign1-tests/sign-fail-03.json": ErrAlgorithm,
		"sign1-tests/sign-fail-04.json": ErrAlgorithm,
		"sign1-tests/sign-fail-06.json": ErrSignature,
		"sign1-tests/sign-fail-07.json": ErrSignature,
	}
	untagged := map[string]bool{"sign-tests/sign-pass-03.json": true, "sign1-tests/sign-pass-03.json": true}
	root := vectors(t, "cose-wg-examples")
	passed, refused := 0, 0
	for _, folder := range []string{"sign1-tests", "sign-tests", "ecdsa-examples", "eddsa-examples", "RFC8152", "CWT"} {
		files, err := filepath.Glob(filepath.Join(root, folder, "*.json"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no examples in %s: %v", folder, err)
		}
		for _, file := range files {
			name := folder + "/" + filepath.Base(file)
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var ex wgExample
			if err := json.Unmarshal(raw, &ex); err != nil {
				t.Fatal(err)
			}
			if ex.Input.Sign0 == nil && ex.Input.Sign == nil {
				continue // encryption or MAC
			}
			t.Run(name, func(t *testing.T) {
				err := ex.verify(t, untagged[name])
				want := refusedByProfile[name]
				if ex.Fail {
					want = wantFail[name]
					if want == nil {
						t.Fatal("a failing example without its error")
					}
				}
				wantOnly(t, err, want)
				if err == nil {
					passed++
				} else {
					refused++
				}
			})
		}
	}
	t.Logf("%d verified, %d refused", passed, refused)
	if passed < 10 || refused < len(wantFail) {
		t.Errorf("%d verified, %d refused: examples are missing", passed, refused)
	}
}

// verify returns the first error; a signer of a curve that is not supported counts when no other one fails.
func (ex *wgExample) verify(t *testing.T, untagged bool) error {
	data := unhex(t, ex.Output.CBOR)
	p := Profile{Unprotected: []int64{LabelKeyID}, EmptyMap: true, Untagged: untagged}
	if s := ex.Input.Sign0; s != nil {
		m, err := ParseSign1(data, p)
		if err != nil {
			return err
		}
		external := unhex(t, s.External)
		key, ok := s.Key.public(t)
		if !ok {
			return refuse(ErrAlgorithm, "curve %s", s.Key.Crv)
		}
		if err := m.VerifyAAD(key, external); err != nil {
			return err
		}
		if want := unhex(t, ex.Intermediates.ToBeSignHex); !bytes.Equal(m.AppendToBeSigned(nil, external, m.Payload), want) {
			t.Errorf("Sig_structure differs from the example's")
		}
		return nil
	}
	m, err := ParseSign(data, p)
	if err != nil {
		return err
	}
	if len(m.Signatures) != len(ex.Input.Sign.Signers) {
		t.Fatalf("%d signatures, want %d", len(m.Signatures), len(ex.Input.Sign.Signers))
	}
	verified := 0
	for i, s := range ex.Input.Sign.Signers {
		key, ok := s.Key.public(t)
		if !ok {
			continue
		}
		if err := m.VerifyAAD(i, key, unhex(t, s.External)); err != nil {
			return err
		}
		verified++
	}
	if verified == 0 {
		return refuse(ErrAlgorithm, "no signer with a supported curve")
	}
	return nil
}

// TestMLDSAExamples reads the examples of RFC 9964.
func TestMLDSAExamples(t *testing.T) {
	type example struct {
		Priv, Key, Sign1 string
		ToBeSigned       string `json:"raw_to_be_signed"`
		Signature        string `json:"raw_signature"`
		PublicKey        string `json:"raw_public_key"`
	}
	read := func(name string) (ex example) {
		raw, err := os.ReadFile(vectors(t, "cose-ml-dsa/examples/cose/examples/"+name))
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(raw, &ex); err != nil {
			t.Fatal(err)
		}
		return ex
	}
	ex := read("ML_DSA_65.cose.json")
	priv, err := NewKeyFromSeed(MLDSA65, unhex(t, ex.Priv))
	if err != nil {
		t.Fatal(err)
	}
	if want := unhex(t, ex.PublicKey); !bytes.Equal(priv.Public().akp, want) {
		t.Error("the seed gives another public key")
	}
	m, err := ParseSign1(unhex(t, ex.Sign1), Profile{})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(m.SignedBytes(), unhex(t, ex.ToBeSigned)) || !bytes.Equal(m.Signature, unhex(t, ex.Signature)) {
		t.Error("read other bytes than the example names")
	}
	wantOnly(t, m.Verify(priv.Public()), nil)
	thumb := priv.Public().Thumbprint()
	if !bytes.Equal(m.Header.KeyID, thumb[:]) {
		t.Errorf("kid %x is not the thumbprint %x", m.Header.KeyID, thumb)
	}
	if sig, err := priv.SignDeterministic(m.SignedBytes()); err != nil || !bytes.Equal(sig, m.Signature) {
		t.Errorf("the deterministic signature differs from the example's: %v", err)
	}
	// The example's COSE_Key has kid before kty, which is not the deterministic order.
	wantOnly(t, second(ParsePrivateKey(unhex(t, ex.Key))), ErrNotCanonical)
	for i := 0; i < len(m.Signature); i += 97 {
		bad := bytes.Clone(m.Signature)
		bad[i] ^= 1
		wantOnly(t, priv.Public().Verify(m.SignedBytes(), bad), ErrSignature)
	}

	for _, name := range []string{"ML_DSA_44.cose.json", "ML_DSA_87.cose.json"} {
		m, err := ParseSign1(unhex(t, read(name).Sign1), Profile{})
		if err != nil {
			t.Fatal(err)
		}
		wantOnly(t, m.Verify(priv.Public()), ErrAlgorithm)
	}
}
