package credential

import (
	"time"

	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
)

// Possession is a holder's proof that he has the private key he wants an ID for, together with the code from his
// enrolment slip. It is signed by the very key it carries.
//
//	possession = #6.18([ << {1: alg, 16: "application/vnd.posvid.possession+cose"} >>, {}, << possession-payload >>, signature ])
//	possession-payload = { 3 => tstr .regexp "[0-9]{8}", 6 => uint, 8 => { 1 => COSE_Key }, -65537 => bstr .size 32, * int => any }
type Possession struct {
	Audience string               // aud: ЄДРПОУ of the body that is asked
	IssuedAt time.Time            // iat, by the phone's clock
	CodeHash [32]byte             // private claim -65537: SHA-256 of the normalised enrolment code
	Holder   keys.HolderPublicKey // cnf: the new key, which also made the signature
}

// claimCodeHash is a claim of the private-use range of RFC 8392, Section 9.1.
const claimCodeHash = -65537

var possessionProfile = cose.Profile{Limits: possessionLimits, Type: cose.TypePossession}

// SignPossession makes the proof for the body with the ЄДРПОУ audience. The code may be in any form that
// NormaliseCode takes. Errors are ErrClaim and ErrCode.
func SignPossession(audience, code string, at time.Time, h keys.HolderSigner) ([]byte, error) {
	if !isEDRPOU(audience) {
		return nil, fail(ErrClaim, "possession: claim 3 (aud): want 8 digits, got %d bytes", len(audience))
	}
	normalised, err := NormaliseCode(code)
	if err != nil {
		return nil, err
	}
	iat := at.Unix()
	if iat <= 0 || iat > maxTime {
		return nil, fail(ErrClaim, "possession: claim 6 (iat): %d seconds, want 1 to %d", iat, int64(maxTime))
	}
	hash := CodeHash(normalised)
	payload := cose.AppendMap(make([]byte, 0, 192), 4)
	payload = cose.AppendText(cose.AppendUint(payload, claimAudience), audience)
	payload = cose.AppendUint(cose.AppendUint(payload, claimIssuedAt), uint64(iat))
	payload = appendCnf(payload, h.HolderPublic())
	payload = cose.AppendBytes(cose.AppendInt(payload, claimCodeHash), hash[:])
	return signLowS(cose.Header{Algorithm: h.Algorithm(), Type: cose.TypePossession}, payload, h)
}

// ParsePossession reads a proof and checks its signature with the key in it: a nil error means that whoever made it
// had that key. Whether the code is right, the audience is this body and the time fits is for the caller. Errors are
// those of cose.ParseSign1 and cose.Sign1.Verify, ErrMalformed and ErrHighS.
func ParsePossession(data []byte) (*Possession, error) {
	sign1, err := cose.ParseSign1(data, possessionProfile)
	if err != nil {
		return nil, err
	}
	if err := checkForm("possession", sign1); err != nil {
		return nil, err
	}
	// The key has to be read before the signature can be checked; nothing else leaves this function without it.
	p := new(Possession)
	if err := p.parse(sign1.Payload); err != nil {
		return nil, err
	}
	if err := p.Holder.Verify(sign1); err != nil {
		return nil, err
	}
	return p, nil
}

func (p *Possession) parse(payload []byte) error {
	if err := cose.Check(payload, possessionLimits); err != nil {
		return err
	}
	r := newPayloadReader(payload)
	code := false
	err := r.each("possession payload", func(key int64) (err error) {
		switch key {
		case claimAudience:
			p.Audience, err = r.edrpou("claim 3 (aud)")
		case claimIssuedAt:
			p.IssuedAt, err = r.time("claim 6 (iat)")
		case claimCnf:
			p.Holder, err = r.cnf()
		case claimCodeHash:
			var b []byte
			if b, err = r.bytes("claim -65537 (code hash)", len(p.CodeHash)); err == nil {
				p.CodeHash, code = [32]byte(b), true
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
	case p.Audience == "":
		return missing("claim 3 (aud)")
	case p.IssuedAt.IsZero():
		return missing("claim 6 (iat)")
	case p.Holder.IsZero():
		return missing("claim 8 (cnf)")
	case !code:
		return missing("claim -65537 (code hash)")
	}
	return nil
}
