package diia

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"

	"github.com/go-jose/go-jose/v4"
)

// errKeys: what was given as public keys is not what is admitted.
var errKeys = errors.New("diia: public keys [system-keys]")

// publicKey is one key of a system: P-256 signs ES256, RSA signs RS256, and nothing else is admitted.
type publicKey struct {
	kid string
	alg jose.SignatureAlgorithm
	jwk jose.JSONWebKey
}

// keySet is the JWK Set (RFC 7517, Section 5) of a system.
type keySet struct {
	Keys []jose.JSONWebKey `json:"keys"`
}

// parseKeys reads the public keys of a system: a JWK Set, one JWK, or PUBLIC KEY blocks of PEM. A key without kid gets its
// thumbprint (RFC 7638) as one. Error: errKeys with what was wanted.
func parseKeys(data []byte) ([]publicKey, error) {
	data = bytes.TrimSpace(data)
	switch {
	case len(data) == 0:
		return nil, fmt.Errorf("%w: none given", errKeys)
	case len(data) > maxKeySet:
		return nil, fmt.Errorf("%w: %d bytes, want at most %d", errKeys, len(data), maxKeySet)
	}
	var raw []jose.JSONWebKey
	var err error
	if data[0] == '{' {
		raw, err = readJWKs(data)
	} else {
		raw, err = readPEM(data)
	}
	if err != nil {
		return nil, err
	}
	if len(raw) == 0 || len(raw) > maxKeys {
		return nil, fmt.Errorf("%w: %d keys, want 1 to %d", errKeys, len(raw), maxKeys)
	}
	out := make([]publicKey, 0, len(raw))
	seen := map[string]bool{}
	for i := range raw {
		k, err := admitKey(&raw[i])
		if err != nil {
			return nil, fmt.Errorf("%w: key %d: %w", errKeys, i+1, err)
		}
		thumb, err := thumbprint(&k.jwk)
		if err != nil {
			return nil, fmt.Errorf("%w: key %d: %w", errKeys, i+1, err)
		}
		if seen["kid "+k.kid] || seen["key "+thumb] {
			return nil, fmt.Errorf("%w: key %d: kid or key given twice", errKeys, i+1)
		}
		seen["kid "+k.kid], seen["key "+thumb] = true, true
		out = append(out, k)
	}
	return out, nil
}

// readJWKs reads a set or a single key. Members that are no key of ours are refused, not skipped: whoever registers a key has
// to know that it counts.
func readJWKs(data []byte) ([]jose.JSONWebKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
		KTY  string            `json:"kty"`
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	if err := dec.Decode(&set); err != nil {
		return nil, fmt.Errorf("%w: not JSON", errKeys)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, fmt.Errorf("%w: something follows the JSON object", errKeys)
	}
	raws := set.Keys
	if set.KTY != "" {
		if set.Keys != nil {
			return nil, fmt.Errorf("%w: a key and a set in one", errKeys)
		}
		raws = []json.RawMessage{data}
	}
	if len(raws) > maxKeys {
		return nil, fmt.Errorf("%w: %d keys, want 1 to %d", errKeys, len(raws), maxKeys)
	}
	out := make([]jose.JSONWebKey, len(raws))
	for i, r := range raws {
		var members map[string]json.RawMessage
		if json.Unmarshal(r, &members) != nil {
			return nil, fmt.Errorf("%w: key %d: no JSON object", errKeys, i+1)
		}
		for _, secret := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"} {
			if members[secret] != nil {
				return nil, fmt.Errorf("%w: key %d: holds the private part %q; register public keys, and make a new key: this one is no longer secret", errKeys, i+1, secret)
			}
		}
		if err := out[i].UnmarshalJSON(r); err != nil {
			return nil, fmt.Errorf("%w: key %d: no JWK of type EC on P-256 or RSA", errKeys, i+1)
		}
	}
	return out, nil
}

func readPEM(data []byte) ([]jose.JSONWebKey, error) {
	var out []jose.JSONWebKey
	for len(bytes.TrimSpace(data)) > 0 {
		block, rest := pem.Decode(data)
		if block == nil {
			return nil, fmt.Errorf("%w: neither a JWK Set nor PEM", errKeys)
		}
		if block.Type != "PUBLIC KEY" {
			return nil, fmt.Errorf("%w: PEM block is no PUBLIC KEY", errKeys)
		}
		key, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%w: PEM block is no SubjectPublicKeyInfo", errKeys)
		}
		if out = append(out, jose.JSONWebKey{Key: key}); len(out) > maxKeys {
			return nil, fmt.Errorf("%w: more than %d keys", errKeys, maxKeys)
		}
		data = rest
	}
	return out, nil
}

// admitKey holds one key against what is admitted and leaves of it only what counts.
func admitKey(j *jose.JSONWebKey) (publicKey, error) {
	if !j.Valid() || !j.IsPublic() {
		return publicKey{}, errors.New("want a valid public key")
	}
	if j.Use != "" && j.Use != "sig" {
		return publicKey{}, fmt.Errorf("use %q, want sig", cut(j.Use, 20))
	}
	var alg jose.SignatureAlgorithm
	switch k := j.Key.(type) {
	case *ecdsa.PublicKey:
		if k.Curve != elliptic.P256() {
			return publicKey{}, errors.New("want the curve P-256")
		}
		alg = jose.ES256
	case *rsa.PublicKey:
		if n := k.N.BitLen(); n < 2048 || n > 4096 {
			return publicKey{}, fmt.Errorf("RSA of %d bits, want 2048 to 4096", n)
		}
		if k.E < 65537 || k.E&1 == 0 {
			return publicKey{}, fmt.Errorf("RSA exponent %d, want an odd one of at least 65537", k.E)
		}
		alg = jose.RS256
	default:
		return publicKey{}, errors.New("want EC on P-256 or RSA")
	}
	if j.Algorithm != "" && j.Algorithm != string(alg) {
		return publicKey{}, fmt.Errorf("alg %q, want %s for this key", cut(j.Algorithm, 20), alg)
	}
	out := publicKey{kid: j.KeyID, alg: alg, jwk: jose.JSONWebKey{Key: j.Key, KeyID: j.KeyID, Algorithm: string(alg), Use: "sig"}}
	if out.kid == "" {
		thumb, err := thumbprint(&out.jwk)
		if err != nil {
			return publicKey{}, err
		}
		out.kid, out.jwk.KeyID = thumb, thumb
	}
	if len(out.kid) > 128 || !plain(out.kid) {
		return publicKey{}, errors.New("kid: want at most 128 bytes of text")
	}
	return out, nil
}

// thumbprint is that of RFC 7638 with SHA-256, base64url.
func thumbprint(j *jose.JSONWebKey) (string, error) {
	t, err := j.Thumbprint(crypto.SHA256)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(t), nil
}

// encodeKeys is the stored form: a JWK Set.
func encodeKeys(keys []publicKey) ([]byte, error) {
	set := keySet{}
	for i := range keys {
		set.Keys = append(set.Keys, keys[i].jwk)
	}
	return json.Marshal(set)
}
