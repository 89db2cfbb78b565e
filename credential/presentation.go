package credential

import (
	"crypto/sha256"
	"strconv"
	"time"

	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
)

// AudienceAny is aud of a broadcast code, which answers nobody in particular. The profile deviates here from
// SD-CWT, which wants the verifier named (docs/spec/presentation.md, Section 7).
const AudienceAny = "any"

// VerifierAudience returns aud of an answer to the verifier with the number id: its decimal digits.
func VerifierAudience(id uint64) string { return strconv.FormatUint(id, 10) }

// AudienceVerifier returns the verifier's number out of aud; false for AudienceAny and for anything that
// VerifierAudience does not write.
func AudienceVerifier(audience string) (id uint64, ok bool) {
	if len(audience) == 0 || len(audience) > maxAudience || audience[0] < '1' || audience[0] > '9' {
		return 0, false
	}
	id, err := strconv.ParseUint(audience, 10, 64)
	return id, err == nil
}

// Sizes of cnonce.
const (
	beaconSize = len(Beacon{}) // in a broadcast code
	nonceSize  = 16            // in an answer to a challenge
)

var presentationProfile = cose.Profile{Limits: presentationLimits, Type: cose.TypePresentation}

// Present makes the presentation of a token: an SD-CWT key-binding token, signed by the holder.
//
//	presentation = #6.18([ << {1: alg, 13: token, 16: 294} >>, {}, << presentation-payload >>, signature ])
//	presentation-payload = { 3 => "any" / tstr, 6 => uint, ? 39 => bstr .size 8 / bstr .size 16, * int => any }
//
// Audience is AudienceAny or the result of VerifierAudience. Cnonce is the newest known beacon or nil with the
// first, the challenge's nonce with the second. The error wraps ErrClaim when these do not fit together.
func Present(token []byte, h keys.HolderSigner, audience string, at time.Time, cnonce []byte) ([]byte, error) {
	if _, err := ParseToken(token); err != nil {
		return nil, err
	}
	if err := checkCNonce(audience, len(cnonce), ErrClaim); err != nil {
		return nil, err
	}
	iat := at.Unix()
	if iat <= 0 || iat > maxTime {
		return nil, fail(ErrClaim, "claim 6 (iat): %d seconds, want 1 to %d", iat, int64(maxTime))
	}
	claims := 2
	if cnonce != nil {
		claims = 3
	}
	payload := cose.AppendMap(make([]byte, 0, 64), claims)
	payload = cose.AppendText(cose.AppendUint(payload, claimAudience), audience)
	payload = cose.AppendUint(cose.AppendUint(payload, claimIssuedAt), uint64(iat))
	if cnonce != nil {
		payload = cose.AppendBytes(cose.AppendUint(payload, claimCNonce), cnonce)
	}
	header := cose.Header{Algorithm: h.Algorithm(), KCWT: token, Type: cose.TypePresentation}
	presentation, err := signLowS(header, payload, h)
	if err != nil {
		return nil, err
	}
	if len(presentation) > MaxPresentation {
		return nil, fail(ErrTooLarge, "presentation of %d bytes, want at most %d", len(presentation), MaxPresentation)
	}
	return presentation, nil
}

// checkCNonce holds the rule which cnonce goes with which audience; size is 0 for an absent cnonce.
func checkCNonce(audience string, size int, kind error) error {
	if audience == AudienceAny {
		if size != 0 && size != beaconSize {
			return fail(kind, "claim 39 (cnonce): %d bytes in a broadcast code, want %d", size, beaconSize)
		}
		return nil
	}
	if _, ok := AudienceVerifier(audience); !ok {
		return fail(kind, "claim 3 (aud): want %q or the number of a verifier", AudienceAny)
	}
	if size != nonceSize {
		return fail(kind, "claim 39 (cnonce): %d bytes in an answer, want %d", size, nonceSize)
	}
	return nil
}

// UnverifiedPresentation is a presentation of the right shape and nothing more.
type UnverifiedPresentation struct {
	sign1 *cose.Sign1
	token UnverifiedToken
}

// Presentation is what the holder's key signed.
type Presentation struct {
	Audience  string    // aud: AudienceAny or a verifier's number
	IssuedAt  time.Time // iat: when the code was made, by the phone's clock
	CNonce    []byte    // cnonce: a beacon (8 bytes) or nil in a broadcast code, the nonce (16 bytes) in an answer
	ReplayKey [32]byte  // SHA-256 of the signed bytes: the same for every rewriting of one code
}

// Beacon returns the beacon of a broadcast code; false when it carries none.
func (p *Presentation) Beacon() (Beacon, bool) {
	if p.Audience != AudienceAny || len(p.CNonce) != beaconSize {
		return Beacon{}, false
	}
	return Beacon(p.CNonce), true
}

// ParsePresentation reads the frame of a presentation and of the token inside. Data must not be changed as long as
// the result is used. Errors are those of cose.ParseSign1, ErrMalformed, and ErrHighS when one of the two signatures
// is not in the one form that SID1 allows.
func ParsePresentation(data []byte) (*UnverifiedPresentation, error) {
	sign1, err := cose.ParseSign1(data, presentationProfile)
	if err != nil {
		return nil, err
	}
	if sign1.Header.KCWT == nil {
		return nil, fail(ErrMalformed, "presentation: label 13 (kcwt) is missing")
	}
	if sign1.Header.KeyID != nil {
		return nil, fail(ErrMalformed, "presentation: label 4 (kid): the key is the one in the token")
	}
	p := &UnverifiedPresentation{sign1: sign1}
	if err := p.token.parse(sign1.Header.KCWT, pathSID1); err != nil {
		return nil, err
	}
	if err := checkForm("presentation", sign1); err != nil {
		return nil, err
	}
	if err := checkForm("token", p.token.sign1); err != nil {
		return nil, err
	}
	return p, nil
}

// Token returns the token inside. Its Verify refuses with ErrKind a token that is not for a phone.
func (p *UnverifiedPresentation) Token() *UnverifiedToken { return &p.token }

// Verify checks the holder's signature with the key that the verified token names, and only then reads the claims.
// Errors are ErrNoHolder for a zero key, those of cose.Sign1.Verify, and ErrMalformed.
func (p *UnverifiedPresentation) Verify(holder keys.HolderPublicKey) (*Presentation, error) {
	if holder.IsZero() {
		return nil, fail(ErrNoHolder, "presentation: the token names no holder key")
	}
	if err := holder.Verify(p.sign1); err != nil {
		return nil, err
	}
	got := new(Presentation)
	if err := got.parse(p.sign1.Payload); err != nil {
		return nil, err
	}
	got.ReplayKey = sha256.Sum256(p.sign1.SignedBytes())
	return got, nil
}

func (p *Presentation) parse(payload []byte) error {
	if err := cose.Check(payload, presentationLimits); err != nil {
		return err
	}
	r := newPayloadReader(payload)
	err := r.each("presentation payload", func(key int64) (err error) {
		switch key {
		case claimAudience:
			p.Audience, err = r.audience()
		case claimIssuedAt:
			p.IssuedAt, err = r.time("claim 6 (iat)")
		case claimCNonce:
			if r.Peek() != cose.KindBytes {
				return r.wrongType("claim 39 (cnonce)", "bytes")
			}
			if p.CNonce, err = r.ReadBytes(); err == nil && len(p.CNonce) == 0 {
				err = fail(ErrMalformed, "claim 39 (cnonce): 0 bytes, want %d or %d", beaconSize, nonceSize)
			}
		case claimIssuer, claimSubject, claimExpires, claimNotBefore:
			err = fail(ErrMalformed, "claim %d: not allowed in a presentation", key)
		default:
			err = r.Skip()
		}
		return err
	})
	if err != nil {
		return err
	}
	switch {
	case p.Audience == "":
		return missing("claim 3 (aud)")
	case p.IssuedAt.IsZero():
		return missing("claim 6 (iat)")
	}
	return checkCNonce(p.Audience, len(p.CNonce), ErrMalformed)
}

// audience reads aud; the usual value costs no allocation.
func (r *payloadReader) audience() (string, error) {
	probe := r.Reader
	if b, err := probe.ReadText(); err == nil && string(b) == AudienceAny {
		r.Reader = probe
		return AudienceAny, nil
	}
	return r.str("claim 3 (aud)", maxAudience)
}
