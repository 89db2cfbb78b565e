package authority

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
)

// A key of the card authority signs as crypto/x509 wants it, opens in its own role only, and prints nothing of itself.
func TestCardKeys(t *testing.T) {
	pass := []byte("correct horse battery staple")
	k, err := GenerateCardKey(keys.RoleCardAuthority)
	if err != nil {
		t.Fatal(err)
	}
	sig, err := k.Certifier().SignMessage(rand.Reader, []byte("message"), crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte("message"))
	if !ecdsa.VerifyASN1(k.Certifier().Public().(*ecdsa.PublicKey), sum[:], sig) {
		t.Error("the signature does not verify")
	}
	if _, err := k.Certifier().Sign(rand.Reader, sum[:], crypto.SHA256); err == nil {
		t.Error("a digest was signed")
	}
	if _, err := k.Certifier().SignMessage(rand.Reader, nil, crypto.SHA384); err == nil {
		t.Error("signed with SHA-384")
	}
	sealed, err := k.Seal(pass, keys.SealOptions{WorkFactor: 10})
	if err != nil {
		t.Fatal(err)
	}
	again, err := OpenCardKey(keys.RoleCardAuthority, pass, sealed)
	if err != nil || !again.Public().Equal(k.Public()) || again.Role() != keys.RoleCardAuthority {
		t.Errorf("opened: %v", err)
	}
	for _, role := range []string{keys.RoleCardContent, keys.RoleIssuer, ""} {
		if _, err := OpenCardKey(role, pass, sealed); err == nil {
			t.Errorf("opened as %q", role)
		}
	}
	if _, err := OpenIssuerKey(pass, sealed); err == nil {
		t.Error("opened as an issuer key")
	}
	if s := fmt.Sprintf("%v %+v %#v", k, k, k); strings.Contains(s, "D:") || !strings.Contains(s, "redacted") {
		t.Errorf("prints %q", s)
	}
	ed, err := cose.GenerateKey(cose.Ed25519)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewCardPrivateKey(keys.RoleCardAuthority, ed); !errors.Is(err, cose.ErrKey) {
		t.Errorf("Ed25519: %v", err)
	}
	if _, err := NewCardPrivateKey(keys.RoleIssuer, nil); !errors.Is(err, keys.ErrKind) {
		t.Errorf("role issuer: %v", err)
	}
	var zero CardPrivateKey
	if zero.Certifier().Public() != nil {
		t.Error("the zero key has a public key")
	}
	if _, err := zero.Certifier().SignMessage(nil, nil, nil); err == nil {
		t.Error("the zero key signed")
	}
}
