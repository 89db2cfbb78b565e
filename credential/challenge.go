package credential

import (
	"strconv"
	"time"

	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
)

// Challenge is a verifier's question: who asks, and the nonce that the answer has to carry. It travels as text with
// ChallengePrefix. The answer is Present with VerifierAudience(VerifierID) and the nonce.
//
//	challenge = #6.18([ << {1: alg, 16: "application/vnd.posvid.challenge+cose"} >>, {}, << challenge-payload >>, signature ])
//	challenge-payload = { 1 => tstr, 4 => uint, 39 => bstr .size 16, * int => any }
type Challenge struct {
	VerifierID uint64    // iss: the number the trust operator gave the verifier, 1 and up, in decimal digits
	Nonce      [16]byte  // cnonce: fresh and random, good for one answer
	Expires    time.Time // exp, whole seconds
}

var challengeProfile = cose.Profile{Limits: challengeLimits, Type: cose.TypeChallenge}

// SignChallenge returns the signed challenge. Expires is cut to whole seconds.
func SignChallenge(c Challenge, s keys.VerifierSigner) ([]byte, error) {
	if c.VerifierID == 0 {
		return nil, fail(ErrClaim, "challenge: claim 1 (iss): verifier 0, want 1 and up")
	}
	if c.Nonce == [16]byte{} {
		return nil, fail(ErrClaim, "challenge: claim 39 (cnonce): all zero, want random bytes")
	}
	exp := c.Expires.Unix()
	if exp <= 0 || exp > maxTime {
		return nil, fail(ErrClaim, "challenge: claim 4 (exp): %d seconds, want 1 to %d", exp, int64(maxTime))
	}
	payload := cose.AppendMap(make([]byte, 0, 64), 3)
	payload = cose.AppendText(cose.AppendUint(payload, claimIssuer), strconv.FormatUint(c.VerifierID, 10))
	payload = cose.AppendUint(cose.AppendUint(payload, claimExpires), uint64(exp))
	payload = cose.AppendBytes(cose.AppendUint(payload, claimCNonce), c.Nonce[:])
	return signLowS(cose.Header{Algorithm: s.Algorithm(), Type: cose.TypeChallenge}, payload, s)
}

// UnverifiedChallenge is a challenge of the right shape. Who asks is not known before Verify.
type UnverifiedChallenge struct {
	sign1     *cose.Sign1
	challenge Challenge
}

// ParseChallenge reads a challenge. Errors are those of cose.ParseSign1, ErrMalformed and ErrHighS.
func ParseChallenge(data []byte) (*UnverifiedChallenge, error) {
	sign1, err := cose.ParseSign1(data, challengeProfile)
	if err != nil {
		return nil, err
	}
	if err := checkForm("challenge", sign1); err != nil {
		return nil, err
	}
	u := &UnverifiedChallenge{sign1: sign1}
	if err := u.challenge.parse(sign1.Payload); err != nil {
		return nil, err
	}
	return u, nil
}

func (c *Challenge) parse(payload []byte) error {
	if err := cose.Check(payload, challengeLimits); err != nil {
		return err
	}
	r := newPayloadReader(payload)
	nonce := false
	err := r.each("challenge payload", func(key int64) (err error) {
		switch key {
		case claimIssuer:
			var iss string
			if iss, err = r.str("claim 1 (iss)", maxAudience); err == nil {
				id, ok := AudienceVerifier(iss)
				if !ok {
					return fail(ErrMalformed, "claim 1 (iss): want the number of a verifier")
				}
				c.VerifierID = id
			}
		case claimExpires:
			c.Expires, err = r.time("claim 4 (exp)")
		case claimCNonce:
			var b []byte
			if b, err = r.bytes("claim 39 (cnonce)", nonceSize); err == nil {
				c.Nonce, nonce = [16]byte(b), true
			}
		default:
			err = r.Skip()
		}
		return err
	})
	if err != nil {
		return err
	}
	switch {
	case c.VerifierID == 0:
		return missing("claim 1 (iss)")
	case c.Expires.IsZero():
		return missing("claim 4 (exp)")
	case !nonce:
		return missing("claim 39 (cnonce)")
	}
	return nil
}

// UnverifiedVerifierID returns the number of the verifier that is said to ask: where to look for its key.
func (u *UnverifiedChallenge) UnverifiedVerifierID() uint64 { return u.challenge.VerifierID }

// Verify checks the signature with the key of the verifier named in the challenge. Whether the challenge has
// expired is for the caller, who knows the time. Errors are those of cose.Sign1.Verify.
func (u *UnverifiedChallenge) Verify(key keys.VerifierPublicKey) (*Challenge, error) {
	if err := key.Verify(u.sign1); err != nil {
		return nil, err
	}
	c := u.challenge
	return &c, nil
}
