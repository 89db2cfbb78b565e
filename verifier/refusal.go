package verifier

import (
	"errors"
	"fmt"
	"time"

	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/locale"
)

// ErrSimulated is the error of a verdict that would accept, but at a time that was given by hand.
var ErrSimulated = errors.New("verifier: accepted only at a time given by hand [simulated]")

// Refusal is a verdict that does not accept, as an error. errors.Is finds its Code.
type Refusal struct {
	Code   Code
	Detail string      // English, for logs; no personal data
	Args   locale.Args // what locale.Text needs to say it to a person
}

// Error returns the detail and the code: "verifier: code made 11m0s ago, refused after 10m0s [presentation-stale]".
func (r *Refusal) Error() string { return "verifier: " + r.Detail + " [" + string(r.Code) + "]" }

// Unwrap returns the code.
func (r *Refusal) Unwrap() error { return r.Code }

// Err is nil when the verdict accepts at the real time, and nothing else makes it nil. Otherwise it is a *[Refusal],
// or [ErrSimulated].
func (v *Verdict) Err() error {
	switch {
	case v.outcome() != Accept:
		return v.refusal()
	case v.Simulated:
		return ErrSimulated
	}
	return nil
}

// refusal is the error of a verdict that does not accept; where a key is at fault it names the key and the bundle.
func (v *Verdict) refusal() *Refusal {
	r := newRefusal(v.code(), v.args)
	switch r.Code {
	case IssuerUnknown, BundleTooOld:
		r.Detail = fmt.Sprintf("issuer key %s not in bundle %d, which is %s old", v.kid, v.Bundle.Number, v.Bundle.Age)
		if v.Card != nil && v.kid == (keys.KeyID{}) { // of a card that names no key of an issuer, but an authority
			r.Detail = fmt.Sprintf("authority of the card not in bundle %d, which is %s old", v.Bundle.Number, v.Bundle.Age)
		}
	case IssuerSignature, IssuerKeyCompromised, IssuerBody, IssuerKind:
		r.Detail += fmt.Sprintf(" (key %s, bundle %d)", v.kid, v.Bundle.Number)
	}
	return r
}

func newRefusal(c Code, a locale.Args) *Refusal {
	return &Refusal{Code: c, Detail: detail(c, a), Args: a}
}

// detail says in English what was wanted and what came.
func detail(c Code, a locale.Args) string {
	at := a.At.UTC().Format(time.RFC3339)
	switch c {
	case OK:
		return "accepted"
	case TextMalformed:
		return "text: want SID1: and strict base45"
	case Malformed:
		return "bytes are not a presentation of this profile"
	case WrongProfile:
		return "token of another kind than this way of showing it"
	case SignatureForm:
		return "signature has high S: want low S"
	case IssuerUnknown:
		return "issuer key not in the bundle"
	case IssuerSignature:
		return "no issuer key of this key id verifies the token"
	case IssuerKeyCompromised:
		return "issuer key is compromised"
	case IssuerBody:
		return "issuer key has no right to this body"
	case IssuerKind:
		return "issuer key has no right to this kind of token"
	case IssuerLife:
		return fmt.Sprintf("token lives %s, issuer key may give %s", a.Shift, a.Limit)
	case IssuerKeyEarly:
		return "token issued before its key was in force at " + at
	case IssuerKeyRetired:
		return "token issued after its key was retired at " + at
	case HolderSignature:
		return "holder key does not verify the presentation"
	case BeaconUnknown:
		return "cnonce of a broadcast code is no beacon"
	case CardMalformed:
		return "object of the card is not built as its standard demands"
	case CardSignature:
		return "data of the card are not signed by the signer they name"
	case CardCertificate:
		return "certificate of the card is not signed by the authority it names"
	case CardRules:
		return "card issued against the rules of its profile"
	case CardBinding:
		return "objects of the card name different cards"
	case CardKey:
		return "challenge not signed by the key of the card's certificate"
	case Revoked:
		return "revoked, status as of " + at
	case StatusImpossible:
		return "status list has no such entry or an entry without meaning"
	case Suspended:
		return "suspended, status as of " + at
	case Expired:
		return fmt.Sprintf("credential expired %s ago (exp %s)", a.Shift, at)
	case AudienceOther:
		return "answer to another verifier"
	case NonceUnknown:
		return "answer to a challenge that was not made here"
	case PresentationStale:
		return fmt.Sprintf("code made %s ago, refused after %s", a.Shift, a.Limit)
	case NoCode:
		return "no code could be read"
	case NotAServiceID:
		return "text does not begin with SID1:"
	case CardUnread:
		return "card was not read to the end"
	case CardForeign:
		return "card of a system or authority that the bundle does not know"
	case NoRoot:
		return "no root is pinned"
	case StateDamaged:
		return "state on disk is missing or damaged"
	case ClockUnknown:
		return "clock floor is missing or damaged"
	case ClockBehind:
		return fmt.Sprintf("clock is %s behind a signed time of %s", a.Shift, at)
	case NoBundle:
		return "no trust bundle"
	case BundleRefused:
		return "trust bundle refused"
	case BundleRollback:
		return "trust bundle older than one installed before"
	case BundleExpired:
		return "trust bundle expired at " + at
	case NotYetValid:
		return fmt.Sprintf("credential issued %s ahead of the clock (iat %s)", a.Shift, at)
	case BundleTooOld:
		return fmt.Sprintf("issuer key not in a bundle that is %s old", a.Shift)
	case CarrierUnknown:
		return "card is not in the carrier table of the bundle"
	case CRLUnknown:
		return "revocation list that a certificate names is not in the bundle, or not usable"
	case CRLStale:
		return fmt.Sprintf("revocation list ended %s ago (next update %s)", a.Shift, at)
	case StatusUnknown:
		return "no usable status list for this token"
	case StatusStale:
		return fmt.Sprintf("status list is %s old, policy allows %s", a.Shift, a.Limit)
	case TableTooOld:
		return "code table does not have a number of the token"
	case ClockAhead:
		return fmt.Sprintf("code made %s ahead of the clock", a.Shift)
	case ClockDiffers:
		return fmt.Sprintf("clocks differ by %s", a.Shift)
	case NonceExpired:
		return "answer came after the challenge had ended"
	case NonceUsed:
		return "challenge has been answered already"
	case AlreadyShown:
		return fmt.Sprintf("same code was read %s ago", a.Shift)
	case CardUnsigned:
		return "data of the card are not signed"
	case CardUnproven:
		return "card did not prove itself: what was read can be copied"
	case PhotoMismatch:
		return "compared picture is not the signed one"
	case LevelTooLow:
		return fmt.Sprintf("level %d, want %d", a.Level, a.Want)
	}
	return "unexpected fault"
}
