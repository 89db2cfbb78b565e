package cose

import (
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"testing"

	"github.com/c2sp/wycheproof"
)

// wycheproofFile is what is used of one file of vectors.
type wycheproofFile struct {
	NumberOfTests int
	TestGroups    []struct {
		PublicKey json.RawMessage // an object with the key, or its bytes in hexadecimal
		Tests     []struct {
			TcID                           int
			Comment, Msg, Sig, Ctx, Result string
		}
	}
}

// TestWycheproof runs the vectors through ParsePublicKey and PublicKey.Verify. "acceptable" results are refused, and
// so are ML-DSA signatures with a context: RFC 9964 signs with the empty one.
func TestWycheproof(t *testing.T) {
	for _, c := range []struct {
		file           string
		alg            Algorithm
		tests, refused int
	}{
		{"ecdsa_secp256r1_sha256_p1363_test.json", ESP256, 262, 89},
		{"ecdsa_secp384r1_sha384_p1363_test.json", ESP384, 280, 87},
		{"ed25519_test.json", Ed25519, 151, 63},
		{"mldsa_65_verify_test.json", MLDSA65, 210, 0},
		{"ecdsa_secp256r1_sha256_test.json", ESP256, 484, 0},
		{"ecdsa_secp384r1_sha384_test.json", ESP384, 504, 0},
	} {
		t.Run(c.file, func(t *testing.T) {
			raw, err := fs.ReadFile(wycheproof.TestVectors, c.file)
			if err != nil {
				t.Fatal(err)
			}
			var f wycheproofFile
			if err := json.Unmarshal(raw, &f); err != nil {
				t.Fatal(err)
			}
			ran, refused := 0, 0
			for _, g := range f.TestGroups {
				key, keyErr := ParsePublicKey(wycheproofKey(t, c.alg, g.PublicKey))
				for _, test := range g.Tests {
					msg, sig := unhex(t, test.Msg), unhex(t, test.Sig)
					ok := keyErr == nil
					if c.tests == 484 || c.tests == 504 { // DER: through ParseDER
						var parsed bool
						sig, parsed = ParseDER(c.alg, sig)
						ok = ok && parsed
					}
					ok = ok && key.Verify(msg, sig) == nil
					if want := test.Result == "valid" && test.Ctx == ""; ok != want {
						t.Errorf("test %d (%s): verified %v, want %v", test.TcID, test.Comment, ok, want)
					}
					ran++
					if !ok {
						refused++
					}
				}
			}
			if ran != c.tests || ran != f.NumberOfTests {
				t.Errorf("ran %d tests, want %d", ran, c.tests)
			}
			if refused < c.refused || refused == 0 || refused == ran {
				t.Errorf("refused %d of %d", refused, ran)
			}
			t.Logf("%d tests, %d refused", ran, refused)
		})
	}
}

// wycheproofKey writes the key of a group as a COSE_Key.
func wycheproofKey(t *testing.T, alg Algorithm, raw json.RawMessage) []byte {
	t.Helper()
	var text string
	var object struct{ Uncompressed, PK string }
	if raw[0] == '"' {
		if err := json.Unmarshal(raw, &text); err != nil {
			t.Fatal(err)
		}
	} else if err := json.Unmarshal(raw, &object); err != nil {
		t.Fatal(err)
	}
	b, err := hex.DecodeString(text + object.Uncompressed + object.PK)
	if err != nil {
		t.Fatal(err)
	}
	switch alg {
	case MLDSA65:
		k := AppendInt(AppendInt(AppendMap(nil, 3), 1), 7)
		k = AppendInt(AppendInt(k, 3), int64(MLDSA65))
		return AppendBytes(AppendInt(k, -1), b)
	case Ed25519:
		k := AppendInt(AppendInt(AppendMap(nil, 3), 1), 1)
		k = AppendInt(AppendInt(k, -1), 6)
		return AppendBytes(AppendInt(k, -2), b)
	}
	size := (len(b) - 1) / 2
	k := AppendInt(AppendInt(AppendMap(nil, 4), 1), 2)
	k = AppendInt(AppendInt(k, -1), int64(size/16-1))
	k = AppendBytes(AppendInt(k, -2), b[1:1+size])
	return AppendBytes(AppendInt(k, -3), b[1+size:])
}
