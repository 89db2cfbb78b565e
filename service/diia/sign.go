package diia

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-jose/go-jose/v4"

	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/store"
)

// signer signs what is sent to systems. It is no key of a body: it says only that this service sent the message.
type signer struct {
	kid string
	key *ecdsa.PrivateKey
}

// String never shows the key.
func (signer) String() string { return "[redacted]" }

// GoString never shows the key.
func (signer) GoString() string { return "[redacted]" }

// Format never shows the key, whatever the verb.
func (signer) Format(f fmt.State, _ rune) { f.Write([]byte("[redacted]")) }

// coveredComponents are what a signature covers (RFC 9421, Section 2).
var coveredComponents = `("@method" "@target-uri" "content-digest" "content-type" "idempotency-key")`

// sign adds Content-Digest (RFC 9530), Signature-Input and Signature (RFC 9421) to a request with Content-Type and
// Idempotency-Key set. target is the absolute address.
func (k signer) sign(r *http.Request, target string, body []byte, at time.Time) error {
	digest := sha256.Sum256(body)
	r.Header.Set("Content-Digest", "sha-256=:"+base64.StdEncoding.EncodeToString(digest[:])+":")
	params := fmt.Sprintf(`%s;created=%d;expires=%d;keyid="%s";alg="ecdsa-p256-sha256";tag="posvid-event"`, coveredComponents, at.Unix(), at.Add(5*time.Minute).Unix(), k.kid)
	base := signatureBase(r.Method, target, r.Header, params)
	sum := sha256.Sum256(base)
	x, y, err := ecdsa.Sign(rand.Reader, k.key, sum[:])
	if err != nil {
		return fmt.Errorf("diia: signing a message: %w", err)
	}
	var raw [64]byte // r ‖ s (RFC 9421, Section 3.3.4)
	x.FillBytes(raw[:32])
	y.FillBytes(raw[32:])
	r.Header.Set("Signature-Input", "posvid="+params)
	r.Header.Set("Signature", "posvid=:"+base64.StdEncoding.EncodeToString(raw[:])+":")
	return nil
}

// signatureBase is RFC 9421, Section 2.5.
func signatureBase(method, target string, h http.Header, params string) []byte {
	return fmt.Appendf(nil, "\"@method\": %s\n\"@target-uri\": %s\n\"content-digest\": %s\n\"content-type\": %s\n\"idempotency-key\": %s\n\"@signature-params\": %s",
		method, target, h.Get("Content-Digest"), h.Get("Content-Type"), h.Get("Idempotency-Key"), params)
}

// signerAt is the key that signs at a time. The first is made when there is none; the next is made, shown and used in turn.
func (p *part) signerAt(ctx context.Context, at time.Time) (signer, error) {
	p.signMu.Lock()
	defer p.signMu.Unlock()
	if p.signer.key != nil && !at.Before(p.signerSince) && at.Sub(p.signerSince) < 10*time.Minute {
		return p.signer, nil
	}
	var out signer
	err := p.s.Store.Update(ctx, func(tx *store.ServiceTx) error {
		var newest time.Time
		var kid string
		var sealed []byte
		if err := tx.Rows(`SELECT kid, private, active FROM system_signers ORDER BY active`, nil, func(scan func(...any) error) error {
			var k string
			var s []byte
			var active int64
			if err := scan(&k, &s, &active); err != nil {
				return err
			}
			newest = timeOf(active)
			if kid == "" || !timeOf(active).After(at) {
				kid, sealed = k, s
			}
			return nil
		}); err != nil {
			return err
		}
		switch {
		case kid == "":
			k, err := newSigner(tx, at, at)
			if err != nil {
				return err
			}
			out = k
			return nil
		case at.Sub(newest) > signerLife:
			if _, err := newSigner(tx, at, at.Add(signerAhead)); err != nil {
				return err
			}
			// What signed before the one in use is no longer needed by anybody.
			if _, err := tx.Exec(`DELETE FROM system_signers WHERE active < $1`, newest.Unix()); err != nil {
				return err
			}
		}
		der, err := tx.Open("system_signers.private", kid, sealed)
		if err != nil {
			return err
		}
		key, err := x509.ParsePKCS8PrivateKey(der)
		if err != nil {
			return errors.New("diia: the stored signing key is damaged")
		}
		ec, ok := key.(*ecdsa.PrivateKey)
		if !ok {
			return errors.New("diia: the stored signing key is of another type")
		}
		out = signer{kid, ec}
		return nil
	})
	if err == nil {
		p.signer, p.signerSince = out, at
	}
	return out, err
}

func newSigner(tx *store.ServiceTx, made, active time.Time) (signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return signer{}, err
	}
	jwk := jose.JSONWebKey{Key: &key.PublicKey, Algorithm: "ES256", Use: "sig"}
	if jwk.KeyID, err = thumbprint(&jwk); err != nil {
		return signer{}, err
	}
	public, err := json.Marshal(jwk)
	if err != nil {
		return signer{}, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return signer{}, err
	}
	sealed, err := tx.Seal("system_signers.private", jwk.KeyID, der)
	if err != nil {
		return signer{}, err
	}
	if _, err := tx.Exec(`INSERT INTO system_signers (kid, private, public, made, active) VALUES ($1, $2, $3, $4, $5)`, jwk.KeyID, sealed, public, made.Unix(), active.Unix()); err != nil {
		return signer{}, err
	}
	return signer{jwk.KeyID, key}, nil
}

type jwksOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         struct {
		Keys []rawJSON `json:"keys" doc:"JWK Set (RFC 7517): P-256, by kid"`
	}
}

// jwks shows the public keys that sign what systems receive.
func (p *part) jwks(ctx context.Context, _ *struct{}) (*jwksOutput, error) {
	if _, err := p.signerAt(ctx, p.s.Now()); err != nil {
		return nil, err
	}
	out := &jwksOutput{CacheControl: "public, max-age=3600"}
	out.Body.Keys = []rawJSON{}
	err := p.s.Store.View(ctx, func(tx *store.ServiceTx) error {
		return tx.Rows(`SELECT public FROM system_signers ORDER BY active DESC`, nil, func(scan func(...any) error) error {
			var public []byte
			if err := scan(&public); err != nil {
				return err
			}
			out.Body.Keys = append(out.Body.Keys, rawJSON(public))
			return nil
		})
	})
	return out, err
}

func (p *part) mountKeys() {
	service.Operation(p.s, service.Access{Public: true}, huma.Operation{
		OperationID: "system-keys", Method: http.MethodGet, Path: "/api/v1/systems/keys", Tags: []string{"systems"},
		Summary: "Public keys that sign events", Description: "HTTP Message Signatures (RFC 9421), ecdsa-p256-sha256; keyid is the kid.",
	}, p.jwks)
}
