package verifier

import (
	"time"

	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/locale"
)

// Level is how much a verdict rests on (docs/spec/verification.md, Section 6).
type Level uint8

// Levels. L4 needs a card and is not reached by a QR code.
const (
	L0 Level = iota // looks, or a number anyone can read; never green
	L1              // signed static data
	L2              // a rotating code in its window, or an answer to this verifier
	L3              // an answer to this verifier's nonce, and a compared photo
	L4              // L3 with the card's PIN
)

// Result is what became of one check.
type Result uint8

// Results. A check that had nothing authentic to look at is NotRun, which is the zero value.
const (
	NotRun Result = iota
	Pass
	Fail
)

// String returns the word of the verdict's JSON: "not-run", "pass" or "fail".
func (r Result) String() string {
	switch r {
	case Pass:
		return "pass"
	case Fail:
		return "fail"
	}
	return "not-run"
}

// Check is one line of a verdict.
type Check struct {
	Name   string // stable name, never translated
	Result Result
	Code   Code // why it failed; "" otherwise
}

// Places of the checks in Verdict.Checks: the order in which they run.
const (
	CheckText = iota
	CheckDecode
	CheckRoot
	CheckBundle
	CheckClock
	CheckIssuerKey
	CheckIssuerSignature
	CheckIssuerRight
	CheckValidity
	CheckHolderSignature
	CheckAudience
	CheckBeacon
	CheckWindow
	CheckStatus
	CheckTable
	CheckReplay
	CheckPhoto
	CheckLevel
	NumChecks
)

var checkNames = [NumChecks]string{
	CheckText:            "text",
	CheckDecode:          "decode",
	CheckRoot:            "root",
	CheckBundle:          "bundle",
	CheckClock:           "clock",
	CheckIssuerKey:       "issuer-key",
	CheckIssuerSignature: "issuer-signature",
	CheckIssuerRight:     "issuer-right",
	CheckValidity:        "validity",
	CheckHolderSignature: "holder-signature",
	CheckAudience:        "audience",
	CheckBeacon:          "beacon",
	CheckWindow:          "window",
	CheckStatus:          "status",
	CheckTable:           "table",
	CheckReplay:          "replay",
	CheckPhoto:           "photo",
	CheckLevel:           "level",
}

// Names that the photo check takes when a photo was compared: the verdict records which one.
const (
	photoMatchedName = "photo-matched"
	photoPlasticName = "photo-plastic"
)

// Holder is the personal data of a verdict. It is there only when every signature that the profile requires has
// verified and the issuer key had the right to state it.
type Holder struct {
	Number     string   // number of the service ID
	Name       string   // full or short name, as the face carries it
	Position   string   // Ukrainian; "" when the face carries none or its number is not known
	PositionEN string   // English, "" when the token carries a text instead of a number
	Unit       string   // as Position
	UnitEN     string   // as PositionEN
	Rank       uint8    // 0 when there is none
	Category   string   // "" when there is none
	PhotoHash  [20]byte // first 20 bytes of SHA-256 of the normalised JPEG
	HasPhoto   bool     // PhotoHash is set

	ExpiresAt time.Time // end of the term of the token (exp, RFC 8392, Section 3.1.4); not in the verdict's JSON
}

// Issuer is the body that issued the ID. It is there only when the issuer's signature has verified and the key may
// issue for that body.
type Issuer struct {
	EDRPOU    string     // eight digits
	Name      string     // Ukrainian, from the bundle; "" when the bundle has no entry
	NameEN    string     // English, as Name
	DutyPhone string     // as Name
	KeyID     keys.KeyID // of the key that verified
}

// BundleInfo says which bundle a verdict rests on. A zero Number means none.
type BundleInfo struct {
	Number uint64
	Age    time.Duration // verifier's clock minus the bundle's iat; negative when the clock is behind
}

// Verdict is the answer about one code. Its zero value refuses.
type Verdict struct {
	Outcome Outcome
	Code    Code  // the one deciding code; OK exactly when Outcome is Accept
	Level   Level // level reached, 0 unless both signatures have verified
	Checks  [NumChecks]Check
	Card    []Check // of a card verdict: its checks in the order in which they run, in place of Checks; nil for a code

	Holder *Holder // nil when nothing may be shown
	Issuer *Issuer // nil when no body has been shown to speak
	Bundle BundleInfo

	StatusAsOf  time.Time     // iat of the status list; zero when none was read
	ClockOffset time.Duration // verifier's clock minus the code's iat, whole seconds; valid with HasOffset
	HasOffset   bool          // the holder's signature has verified, so its iat is known

	// Status is the status integer of the token, list<<20 | index among the lists of Issuer.EDRPOU; valid with HasStatus, which
	// is set exactly when Holder is: every signature has verified. Both together name one token, so they are for a
	// pseudonym (docs/spec/journal.md) and are no part of the JSON form.
	Status    uint32
	HasStatus bool

	ReplayKey [32]byte // SHA-256 of the bytes the holder signed; zero unless that signature verified
	Answered  bool     // the code answers an open challenge of this verifier: Nonce is to be marked as used
	Nonce     [16]byte // with Answered

	Simulated bool   // the time was given by hand
	Lang      string // language of next_step in JSON: "uk" or "en"

	args  locale.Args // of Code
	kid   keys.KeyID  // that the token names, for errors; not trusted
	fault string      // with Internal: for the log, never for people
}

// Text returns what a person reads about the verdict: a headline, the cause and the one next step.
func (v *Verdict) Text(lang string) (headline, cause, nextStep string) {
	return locale.Text(lang, string(v.code()), v.args)
}

// Word returns the one big word of the verdict.
func (v *Verdict) Word(lang string) string { return locale.Word(lang, v.outcome().String()) }

// InternalDetail is what went wrong inside when Code is Internal. It is for a log, and holds no personal data.
func (v *Verdict) InternalDetail() string { return v.fault }

// code is the deciding code; a verdict that nobody filled in is an internal fault that refuses.
func (v *Verdict) code() Code {
	if v.Code == "" {
		return Internal
	}
	return v.Code
}

// outcome is Accept only for a verdict whose code says so too.
func (v *Verdict) outcome() Outcome {
	if v.Outcome == Accept && v.Code != OK {
		return Refuse
	}
	return v.Outcome
}
