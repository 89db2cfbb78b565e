package verifier

// Outcome is what a verdict says. The zero value refuses.
type Outcome uint8

// Outcomes, in the order in which they beat each other.
const (
	Refuse        Outcome = iota // ВІДХИЛЕНО: the ID or the code is not acceptable
	CannotConfirm                // НЕ ПІДТВЕРДЖЕНО: it could not be decided; nothing else is amber
	Accept                       // ЧИННЕ
)

// String returns the word of the verdict's JSON: "refuse", "cannot-confirm" or "accept". An Outcome that does
// not exist reads "refuse".
func (o Outcome) String() string {
	switch o {
	case CannotConfirm:
		return "cannot-confirm"
	case Accept:
		return "accept"
	}
	return "refuse"
}

// Code names why a verdict is what it is. Codes are never renamed and never translated, and are errors
// themselves: errors.Is(err, verifier.Expired).
type Code string

// Error returns the code.
func (c Code) Error() string { return string(c) }

// Codes of a verdict. Inside each group the order is the precedence: of two checks that fail with the same
// outcome, the code that stands first decides (docs/spec/verification.md, Section 5).
const (
	OK Code = "ok"

	// Codes that refuse.
	TextMalformed        Code = "text-malformed"         // behind SID1: no strict base45, or too long
	Malformed            Code = "malformed"              // the bytes are no presentation
	WrongProfile         Code = "wrong-profile"          // a token for a card or for print in a phone's code, or the other way round
	SignatureForm        Code = "signature-form"         // an ECDSA signature that is not low-S
	IssuerUnknown        Code = "issuer-unknown"         // the key is not in a bundle that is fresh enough to say so
	IssuerSignature      Code = "issuer-signature"       // no key of that key id verifies the token
	IssuerKeyCompromised Code = "issuer-key-compromised" // every token of the key is void
	IssuerBody           Code = "issuer-body"            // that key may not issue for this body
	IssuerKind           Code = "issuer-kind"            // that key may not issue this kind of token
	IssuerLife           Code = "issuer-life"            // longer than that key may issue
	IssuerKeyEarly       Code = "issuer-key-early"       // issued before the key's right began
	IssuerKeyRetired     Code = "issuer-key-retired"     // issued after the key's right ended
	HolderSignature      Code = "holder-signature"       // not signed by the holder key of the token
	BeaconUnknown        Code = "beacon-unknown"         // cnonce of a broadcast code is no beacon of the chain
	CardMalformed        Code = "card-malformed"         // an object of the card is not built as its standard demands
	CardSignature        Code = "card-signature"         // the card's data are not signed by the authority they name
	CardCertificate      Code = "card-certificate"       // the authority named in the card's certificate did not sign it
	CardBinding          Code = "card-binding"           // parts of two cards
	CardKey              Code = "card-key"               // the card does not hold the key of its certificate
	CardRules            Code = "card-rules"             // genuine parts, but issued against the rules of the profile
	Revoked              Code = "revoked"                // status 1, or a certificate on a revocation list
	StatusImpossible     Code = "status-impossible"      // index outside the list, or a status without meaning
	Suspended            Code = "suspended"              // status 2
	Expired              Code = "expired"                // now is exp or later
	AudienceOther        Code = "audience-other"         // an answer to another verifier
	NonceUnknown         Code = "nonce-unknown"          // an answer to a challenge this verifier did not make
	PresentationStale    Code = "presentation-stale"     // made more than 600 s ago

	// Codes that cannot confirm.
	Internal       Code = "internal"         // anything unexpected
	NoRoot         Code = "no-root"          // no root fingerprint is pinned
	NoCode         Code = "no-code"          // no code could be read from what was shown
	NotAServiceID  Code = "not-a-service-id" // a text without our prefix
	CardUnread     Code = "card-unread"      // the card was not read to the end
	CardForeign    Code = "card-foreign"     // a card of another system, or of an authority the bundle does not know
	StateDamaged   Code = "state-damaged"    // the device's records are gone or damaged
	ClockUnknown   Code = "clock-unknown"    // the clock floor is gone or damaged
	ClockBehind    Code = "clock-behind"     // the clock is more than 120 s behind the floor
	NoBundle       Code = "no-bundle"        // nothing installed yet
	BundleRefused  Code = "bundle-refused"   // not a bundle under the pinned root
	BundleRollback Code = "bundle-rollback"  // older than what was installed before
	BundleExpired  Code = "bundle-expired"   // now is the bundle's exp or later
	NotYetValid    Code = "not-yet-valid"    // the token's iat is more than 120 s ahead
	BundleTooOld   Code = "bundle-too-old"   // unknown key, and the bundle is too old to say that no such key exists
	CarrierUnknown Code = "carrier-unknown"  // no body has stated this card
	CRLUnknown     Code = "crl-unknown"      // the revocation list that a certificate names is not there or not usable
	CRLStale       Code = "crl-stale"        // the revocation list is past its next update
	StatusUnknown  Code = "status-unknown"   // no usable status list for the token
	StatusStale    Code = "status-stale"     // the list is older than the policy allows
	TableTooOld    Code = "table-too-old"    // a number that the code table does not have
	AlreadyShown   Code = "already-shown"    // the same code was read more than 10 s ago
	ClockAhead     Code = "clock-ahead"      // the code is from more than 600 s ahead
	ClockDiffers   Code = "clock-differs"    // outside the window, within 600 s
	NonceExpired   Code = "nonce-expired"    // the challenge is older than 60 s
	NonceUsed      Code = "nonce-used"       // the challenge has been answered, by another code or more than 10 s ago
	CardUnsigned   Code = "card-unsigned"    // nobody signed the card's own data
	CardUnproven   Code = "card-unproven"    // nothing of the card but what anyone can copy
	PhotoMismatch  Code = "photo-mismatch"   // the compared picture is not the signed one
	LevelTooLow    Code = "level-too-low"    // below what the policy or the caller asks for
)

// Cause is one thing a guard has to understand. All codes of a cause have the same next step.
type Cause string

// Causes: at most 16, whatever the number of codes.
const (
	CauseNone         Cause = "none" // accepted
	CauseNotOurs      Cause = "not-ours"
	CauseUnreadable   Cause = "unreadable"
	CauseForged       Cause = "forged"
	CauseNoRight      Cause = "no-right"
	CauseRevoked      Cause = "revoked"
	CauseSuspended    Cause = "suspended"
	CauseExpired      Cause = "expired"
	CauseStaleCode    Cause = "stale-code"
	CauseCodeClock    Cause = "code-clock"
	CauseDeviceClock  Cause = "device-clock"
	CauseRepeated     Cause = "repeated"
	CauseWrongRequest Cause = "wrong-request"
	CauseTooWeak      Cause = "too-weak"
	CauseOldData      Cause = "old-data"
	CauseNotSetUp     Cause = "not-set-up"
	CauseDeviceFault  Cause = "device-fault"
)

// table holds every code once, in the order of precedence.
var table = [...]struct {
	code    Code
	outcome Outcome
	cause   Cause
}{
	{TextMalformed, Refuse, CauseUnreadable},
	{Malformed, Refuse, CauseUnreadable},
	{WrongProfile, Refuse, CauseUnreadable},
	{SignatureForm, Refuse, CauseForged},
	{IssuerUnknown, Refuse, CauseForged},
	{IssuerSignature, Refuse, CauseForged},
	{IssuerKeyCompromised, Refuse, CauseNoRight},
	{IssuerBody, Refuse, CauseNoRight},
	{IssuerKind, Refuse, CauseNoRight},
	{IssuerLife, Refuse, CauseNoRight},
	{IssuerKeyEarly, Refuse, CauseNoRight},
	{IssuerKeyRetired, Refuse, CauseNoRight},
	{HolderSignature, Refuse, CauseForged},
	{BeaconUnknown, Refuse, CauseForged},
	{CardMalformed, Refuse, CauseUnreadable},
	{CardSignature, Refuse, CauseForged},
	{CardCertificate, Refuse, CauseForged},
	{CardBinding, Refuse, CauseForged},
	{CardKey, Refuse, CauseForged},
	{CardRules, Refuse, CauseNoRight},
	{Revoked, Refuse, CauseRevoked},
	{StatusImpossible, Refuse, CauseNoRight},
	{Suspended, Refuse, CauseSuspended},
	{Expired, Refuse, CauseExpired},
	{AudienceOther, Refuse, CauseWrongRequest},
	{NonceUnknown, Refuse, CauseWrongRequest},
	{PresentationStale, Refuse, CauseStaleCode},

	{Internal, CannotConfirm, CauseDeviceFault},
	{NoRoot, CannotConfirm, CauseNotSetUp},
	{NoCode, CannotConfirm, CauseUnreadable},
	{NotAServiceID, CannotConfirm, CauseNotOurs},
	{CardUnread, CannotConfirm, CauseUnreadable},
	{CardForeign, CannotConfirm, CauseNotOurs},
	{StateDamaged, CannotConfirm, CauseDeviceFault},
	{ClockUnknown, CannotConfirm, CauseOldData},
	{ClockBehind, CannotConfirm, CauseDeviceClock},
	{NoBundle, CannotConfirm, CauseOldData},
	{BundleRefused, CannotConfirm, CauseOldData},
	{BundleRollback, CannotConfirm, CauseOldData},
	{BundleExpired, CannotConfirm, CauseOldData},
	{NotYetValid, CannotConfirm, CauseDeviceClock},
	{BundleTooOld, CannotConfirm, CauseOldData},
	{CarrierUnknown, CannotConfirm, CauseOldData},
	{CRLUnknown, CannotConfirm, CauseOldData},
	{CRLStale, CannotConfirm, CauseOldData},
	{StatusUnknown, CannotConfirm, CauseOldData},
	{StatusStale, CannotConfirm, CauseOldData},
	{TableTooOld, CannotConfirm, CauseOldData},
	{AlreadyShown, CannotConfirm, CauseRepeated},
	{ClockAhead, CannotConfirm, CauseCodeClock},
	{ClockDiffers, CannotConfirm, CauseCodeClock},
	{NonceExpired, CannotConfirm, CauseWrongRequest},
	{NonceUsed, CannotConfirm, CauseWrongRequest},
	{CardUnsigned, CannotConfirm, CauseTooWeak},
	{CardUnproven, CannotConfirm, CauseTooWeak},
	{PhotoMismatch, CannotConfirm, CauseTooWeak},
	{LevelTooLow, CannotConfirm, CauseTooWeak},

	{OK, Accept, CauseNone},
}

// rank is the place of a code in the order of precedence; a code that does not exist ranks as Internal.
func rank(c Code) int {
	internal := 0
	for i := range table {
		if table[i].code == c {
			return i
		}
		if table[i].code == Internal {
			internal = i
		}
	}
	return internal
}

// Outcome is the outcome that the code decides on; a code that does not exist cannot confirm.
func (c Code) Outcome() Outcome { return table[rank(c)].outcome }

// Cause is the one cause the code belongs to; a code that does not exist belongs to CauseDeviceFault.
func (c Code) Cause() Cause { return table[rank(c)].cause }

// Codes lists every code in the order of precedence, OK last.
func Codes() []Code {
	all := make([]Code, len(table))
	for i := range table {
		all[i] = table[i].code
	}
	return all
}

// Severity orders outcomes: of several at once the worst decides. Accept is 0.
func (o Outcome) Severity() int {
	switch o {
	case Accept:
		return 0
	case CannotConfirm:
		return 1
	}
	return 2
}

// Shown is what a screen looks like for a verdict: every word, colour, shape and tone follows from it and from nothing else. It
// accepts only a verdict whose outcome and code both accept and whose time was not given by hand. A verdict that nobody filled
// in refuses; none at all cannot confirm.
func (v *Verdict) Shown() Outcome {
	switch {
	case v == nil:
		return CannotConfirm
	case v.Outcome == Accept && v.Code == OK:
		if v.Simulated {
			return CannotConfirm
		}
		return Accept
	case v.Outcome == CannotConfirm:
		return CannotConfirm
	}
	return Refuse
}
