package credential

import (
	"bytes"
	"compress/zlib"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"io"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/posvid/posvid/crypto/cose"
)

// publishedKey reads one of the SD-CWT draft's test keys and returns its public half.
func publishedKey(t *testing.T, name string) *cose.PublicKey {
	t.Helper()
	block, _ := pem.Decode(vectors(t, "sd-cwt", name))
	if block == nil {
		t.Fatalf("%s is not PEM", name)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	private, ok := parsed.(*ecdsa.PrivateKey)
	if !ok {
		t.Fatalf("%s is %T", name, parsed)
	}
	point, err := private.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	crv, size := uint64(1), 32
	if len(point) > 65 {
		crv, size = 2, 48
	}
	key, err := cose.ParsePublicKey(pairs{
		intKey(1): uintValue(2), intKey(-1): uintValue(crv),
		intKey(-2): cose.AppendBytes(nil, point[1:1+size]), intKey(-3): cose.AppendBytes(nil, point[1+size:]),
	}.encode())
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// labelDisclosures is sd_claims of SD-CWT. Tokens here carry none; the draft's examples do.
const labelDisclosures = 17

// The draft's own examples have the structure that our presentation has: typ 294 around kcwt of typ 293, the holder's
// signature by the key in cnf. Their issuer signs with ES384 (-35), which is no algorithm of ours, so its signature is
// checked with the key alone.
func TestSDCWTVectors(t *testing.T) {
	issuer, holder := publishedKey(t, "issuer_privkey.pem"), publishedKey(t, "holder_privkey.pem")
	for _, name := range []string{"kbt.cbor", "nested_kbt.cbor"} {
		t.Run(name, func(t *testing.T) {
			data := vectors(t, "sd-cwt", "examples", name)
			profile := cose.Profile{Type: cose.TypePresentation}
			kbt, err := cose.ParseSign1(data, profile)
			if err != nil {
				t.Fatal(err)
			}
			if err := kbt.Verify(holder); err != nil {
				t.Errorf("holder: %v", err)
			}
			token, err := cose.ParseSign1(kbt.Header.KCWT, cose.Profile{Type: cose.TypeToken, Unprotected: []int64{labelDisclosures}})
			if err != nil {
				t.Fatal(err)
			}
			if err := issuer.Verify(token.SignedBytes(), token.Signature); err != nil {
				t.Errorf("issuer: %v", err)
			}
			if err := holder.Verify(token.SignedBytes(), token.Signature); err == nil {
				t.Error("the holder's key verifies the issuer's signature")
			}
			claims := readPairs(t, kbt.Payload)
			if aud, iat := claims[intKey(claimAudience)], claims[intKey(claimIssuedAt)]; len(aud) == 0 || aud[0]>>5 != 3 || len(iat) == 0 || iat[0]>>5 != 0 {
				t.Errorf("aud %x, iat %x: want text and uint", aud, iat)
			}
			for _, claim := range []int64{claimIssuer, claimSubject} {
				if v, ok := claims[intKey(claim)]; ok {
					t.Errorf("claim %d is %x, want none", claim, v)
				}
			}
			cnf := readPairs(t, readPairs(t, token.Payload)[intKey(claimCnf)])
			if key, err := cose.ParsePublicKey(cnf[intKey(cnfKey)]); err != nil || !key.Equal(holder) {
				t.Errorf("cnf is not the holder's key: %v", err)
			}
			// It is no presentation of ours: kid is long and the unprotected header carries disclosures.
			if p, err := ParsePresentation(data); p != nil || err == nil {
				t.Error("a foreign presentation was accepted")
			}
			data[len(data)-1] ^= 1
			if changed, err := cose.ParseSign1(data, profile); err == nil && changed.Verify(holder) == nil {
				t.Error("a changed signature verifies")
			}
		})
	}
	for _, name := range []string{"issuer_cwt.cbor", "nested_issuer_cwt.cbor"} {
		t.Run(name, func(t *testing.T) {
			data := vectors(t, "sd-cwt", "examples", name)
			token, err := cose.ParseSign1(data, cose.Profile{Type: cose.TypeToken, Unprotected: []int64{labelDisclosures}})
			if err != nil {
				t.Fatal(err)
			}
			if err := issuer.Verify(token.SignedBytes(), token.Signature); err != nil {
				t.Error(err)
			}
			if u, err := ParseToken(data); u != nil || err == nil {
				t.Error("a token with disclosures was accepted")
			}
		})
	}
}

// The key numbers of claim 169 that we share with MOSIP stand for the same things in its own vectors, and the text
// form is the same base45, there with zlib behind it.
func TestClaim169Vectors(t *testing.T) {
	for _, name := range []string{
		"claim169-example", "demographics-full", "ecdsa-p256-signed", "ed25519-signed", "minimal",
		"refugee-identity", "with-all-biometrics", "with-face", "with-fingerprints",
	} {
		t.Run(name, func(t *testing.T) {
			var v struct {
				Text string `json:"qr_data"`
				Key  *struct {
					Algorithm string `json:"algorithm"`
					Public    string `json:"public_key_hex"`
				} `json:"signing_key"`
				Person struct {
					ID       string `json:"id"`
					FullName string `json:"fullName"`
				} `json:"expected_claim169"`
				Meta struct {
					Issuer    string `json:"issuer"`
					ExpiresAt uint64 `json:"expiresAt"`
					IssuedAt  uint64 `json:"issuedAt"`
				} `json:"expected_cwt_meta"`
			}
			if err := json.Unmarshal(vectors(t, "claim-169", "test-vectors", "valid", name+".json"), &v); err != nil {
				t.Fatal(err)
			}
			packed, err := decodeBase45(v.Text, 0)
			if err != nil {
				t.Fatal(err)
			}
			z, err := zlib.NewReader(bytes.NewReader(packed))
			if err != nil {
				t.Fatal(err)
			}
			data, err := io.ReadAll(z)
			if err != nil {
				t.Fatal(err)
			}
			var parts struct {
				_           struct{} `cbor:",toarray"`
				Protected   []byte
				Unprotected cbor.RawMessage
				Payload     []byte
				Signature   []byte
			}
			if err := cbor.Unmarshal(data, &parts); err != nil {
				t.Fatal(err)
			}
			var claims struct {
				Issuer    string `cbor:"1,keyasint"`
				ExpiresAt uint64 `cbor:"4,keyasint"`
				IssuedAt  uint64 `cbor:"6,keyasint"`
				Person    struct {
					ID       string `cbor:"1,keyasint"`
					FullName string `cbor:"4,keyasint"`
				} `cbor:"169,keyasint"`
			}
			if err := cbor.Unmarshal(parts.Payload, &claims); err != nil {
				t.Fatal(err)
			}
			if claims.Person.FullName == "" || claims.Person.FullName != v.Person.FullName || claims.Person.ID != v.Person.ID {
				t.Errorf("keys 1 and 4 of claim 169: %+v, want %+v", claims.Person, v.Person)
			}
			if claims.Issuer != v.Meta.Issuer || claims.ExpiresAt != v.Meta.ExpiresAt || claims.IssuedAt != v.Meta.IssuedAt {
				t.Errorf("claims 1, 4, 6: %+v, want %+v", claims, v.Meta)
			}
			if u, err := ParseToken(data); u != nil || err == nil {
				t.Error("a foreign token was accepted")
			}
			if v.Key == nil {
				return
			}
			point, err := hex.DecodeString(v.Key.Public)
			if err != nil {
				t.Fatal(err)
			}
			coseKey := pairs{intKey(1): uintValue(1), intKey(-1): uintValue(6), intKey(-2): cose.AppendBytes(nil, point)}
			if v.Key.Algorithm == "ES256" {
				coseKey = pairs{
					intKey(1): uintValue(2), intKey(-1): uintValue(1),
					intKey(-2): cose.AppendBytes(nil, point[1:33]), intKey(-3): cose.AppendBytes(nil, point[33:]),
				}
			}
			key, err := cose.ParsePublicKey(coseKey.encode())
			if err != nil {
				t.Fatal(err)
			}
			object, err := cose.ParseSign1(data, cose.Profile{AnyType: true})
			if err != nil {
				t.Fatal(err)
			}
			if err := object.Verify(key); err != nil {
				t.Error(err)
			}
		})
	}
}
