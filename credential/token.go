package credential

import (
	"errors"

	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
)

var tokenProfile = cose.Profile{Limits: tokenLimits, Type: cose.TypeToken}

// TokenHeader returns the protected header of a token that s signs: alg, kid of 4 bytes, typ 293.
func TokenHeader(s keys.IssuerSigner) cose.Header {
	id := s.IssuerPublic().KeyID()
	return cose.Header{Algorithm: s.Algorithm(), KeyID: id[:], Type: cose.TypeToken}
}

// SignToken signs a payload made by EncodePayload and returns the token, a tagged COSE_Sign1:
//
//	token = #6.18([ << {1: alg, 4: kid, 16: 293} >>, {}, << token-payload >>, signature ])
//
// An ECDSA signature is brought to low-S. The payload is taken as it is.
func SignToken(payload []byte, s keys.IssuerSigner) ([]byte, error) {
	token, err := signLowS(TokenHeader(s), payload, s)
	if err != nil {
		return nil, err
	}
	if len(token) > MaxToken {
		return nil, fail(ErrTooLarge, "token of %d bytes, want at most %d", len(token), MaxToken)
	}
	return token, nil
}

// signer is what every role of crypto/keys offers for signing.
type signer interface {
	Sign(toBeSigned []byte) ([]byte, error)
}

// signLowS signs payload under h and joins the COSE_Sign1; the signature of P-256 is brought to low-S.
func signLowS(h cose.Header, payload []byte, s signer) ([]byte, error) {
	tbs, err := cose.ToBeSigned(h, payload)
	if err != nil {
		return nil, err
	}
	sig, err := s.Sign(tbs)
	if err != nil {
		return nil, err
	}
	if h.Algorithm == cose.ESP256 {
		sig = cose.NormalizeS(sig)
	}
	return cose.AssembleSign1(h, payload, sig)
}

// checkForm refuses a signature of a length that no key of its algorithm makes, and an ECDSA signature on P-256 that is
// not low-S. An algorithm that is not known here is left to the verification, which refuses it.
func checkForm(what string, m *cose.Sign1) error {
	if err := checkLength(what, m); err != nil {
		return err
	}
	if alg := m.Header.Algorithm; alg == cose.ESP256 && !cose.IsLowS(alg, m.Signature) {
		return fail(ErrHighS, "%s: signature has s above half of the group order", what)
	}
	return nil
}

func checkLength(what string, m *cose.Sign1) error {
	if got, want := len(m.Signature), m.Header.Algorithm.SignatureSize(); want != 0 && got != want {
		return fail(ErrMalformed, "%s: signature of %d bytes, want %d for %s", what, got, want, m.Header.Algorithm)
	}
	return nil
}

// path says on which way a token came, which decides what kind it may be.
type path uint8

const (
	pathAny  path = iota // whichever kind: issuing and inspection
	pathSID1             // inside a presentation: phone tokens only
	pathCard             // from a card: card and static tokens only
)

// UnverifiedToken is a token of the right shape and nothing more. What it says can be read only through Verify.
type UnverifiedToken struct {
	sign1 *cose.Sign1
	raw   []byte
	path  path
}

// Token is a token whose signature was made by the key it was verified with. Whether that key is trusted for the
// issuer named in it is for the caller to decide.
type Token struct {
	Claims
	Raw   []byte     // the token as it came
	KeyID keys.KeyID // kid, the first 4 bytes of the thumbprint of the issuer's key
}

// ParseToken reads the frame of a token of any kind. Data must not be changed as long as the result is used.
// Errors are those of cose.ParseSign1, and ErrMalformed for a kid that is not 4 bytes.
func ParseToken(data []byte) (*UnverifiedToken, error) {
	t := new(UnverifiedToken)
	if err := t.parse(data, pathAny); err != nil {
		return nil, err
	}
	return t, nil
}

// ParseCardToken is ParseToken for a token that came from a card or a printed code: its Verify refuses a phone
// token with ErrKind.
func ParseCardToken(data []byte) (*UnverifiedToken, error) {
	t := new(UnverifiedToken)
	if err := t.parse(data, pathCard); err != nil {
		return nil, err
	}
	return t, nil
}

func (t *UnverifiedToken) parse(data []byte, p path) error {
	sign1, err := cose.ParseSign1(data, tokenProfile)
	if err != nil {
		return err
	}
	if got, want := len(sign1.Header.KeyID), len(keys.KeyID{}); got != want {
		return fail(ErrMalformed, "token: kid of %d bytes, want %d", got, want)
	}
	t.sign1, t.raw, t.path = sign1, data, p
	return checkLength("token", sign1)
}

// UnverifiedKeyID returns kid: a hint which keys to try. It is not trusted: whoever made the token wrote it.
func (t *UnverifiedToken) UnverifiedKeyID() keys.KeyID { return keys.KeyID(t.sign1.Header.KeyID) }

// Verify checks the signature with key and only then reads the claims. Errors are those of cose.Sign1.Verify,
// ErrMalformed when the payload breaks its specification, and ErrKind when the token may not be used on the way it
// came. A nil error means that key signed these claims, and nothing else.
func (t *UnverifiedToken) Verify(key keys.IssuerPublicKey) (*Token, error) {
	if err := key.Verify(t.sign1); err != nil {
		return nil, err
	}
	token := &Token{Raw: t.raw, KeyID: t.UnverifiedKeyID()}
	if err := parseClaims(t.sign1.Payload, &token.Claims); err != nil {
		if IsBadSignature(err) { // of the holder key inside: the signature over it is good
			err = fail(ErrMalformed, "token payload: %v", err)
		}
		return nil, err
	}
	switch {
	case t.path == pathSID1 && token.Kind != KindPhone:
		return nil, fail(ErrKind, "%s token in a presentation, want a phone token", token.Kind)
	case t.path == pathCard && token.Kind == KindPhone:
		return nil, fail(ErrKind, "phone token on a card, want a card or static token")
	}
	return token, nil
}

// IsBadSignature reports whether err says that a signature does not verify or does not belong to the key it was
// verified with, so that another key with the same key id is worth a try.
func IsBadSignature(err error) bool {
	return errors.Is(err, cose.ErrSignature) || errors.Is(err, cose.ErrAlgorithm)
}
