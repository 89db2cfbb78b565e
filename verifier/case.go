package verifier

import (
	"slices"
	"time"

	"github.com/posvid/posvid/codes"
	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/locale"
	"github.com/posvid/posvid/trust"
)

// Case is a verdict in the making on another path than that of a code: package verifier/card decides with it about a
// card. It keeps the rules that no path may have of its own: which code decides, what a bundle, a clock, a token, a
// status and a level have to be, and that nothing is accepted unless every required check has passed.
//
// A Case is made by NewCase, used by one goroutine, and ended by Finish or Broken.
type Case struct {
	v      Verdict
	in     *Input
	now    int64
	bundle *trust.Bundle
	policy trust.ClassPolicy
	lines  []line
}

// line is one check of the case: one of its own, or a place in Verdict.Checks, which the shared rules fill in.
type line struct {
	own    Check
	name   string
	shared int // -1 for a check of its own
}

// NewCase begins a verdict whose checks are names, in the order in which they run. A name that the path of codes has
// too, such as "issuer-right", is that check. Of in, Text, Unread, VerifierID, Nonce and Seen are not looked at.
func NewCase(in *Input, names []string) *Case {
	c := &Case{in: in, now: unix(in.At), lines: make([]line, len(names))}
	c.v.start(in)
	for i, name := range names {
		c.lines[i] = line{own: Check{Name: name}, name: name, shared: slices.Index(checkNames[:], name)}
	}
	return c
}

// check finds a line by the name it was made with; a name that the case does not have is a fault of the program.
func (c *Case) check(name string) *Check {
	for i := range c.lines {
		l := &c.lines[i]
		switch {
		case l.name != name:
		case l.shared >= 0:
			return &c.v.Checks[l.shared]
		default:
			return &l.own
		}
	}
	panic(Internal)
}

// Pass records that a check has passed, unless it has failed before.
func (c *Case) Pass(name string) {
	if line := c.check(name); line.Result == NotRun {
		line.Result = Pass
	}
}

// Fail records that a check has failed. Of all codes the first in the order of precedence decides.
func (c *Case) Fail(name string, code Code, args locale.Args) {
	c.v.failLine(c.check(name), code, args)
}

// Passed reports whether a check was run and has passed.
func (c *Case) Passed(name string) bool { return c.check(name).Result == Pass }

// Rename gives a line of its own another name in the verdict, to say which of several things it was. The name it was made with keeps
// finding it.
func (c *Case) Rename(name, shown string) { c.check(name).Name = shown }

// Trust runs the checks root, bundle and clock. Nil means that there is no bundle to decide with; one that has expired,
// or that the clock contradicts, is still authentic and is returned.
func (c *Case) Trust() *trust.Bundle {
	c.bundle = c.v.checkTrust(c.in, c.now)
	if c.bundle != nil {
		c.policy = c.in.policy(c.bundle)
	}
	return c.bundle
}

// Fresh reports whether the bundle is young enough to say that what it does not hold does not exist.
func (c *Case) Fresh() bool {
	return c.bundle != nil && c.Passed(checkNames[CheckClock]) && c.now-unix(c.bundle.IssuedAt()) <= int64(c.policy.StatusAge/time.Second)
}

// Unknown fails a check because the bundle does not hold an authority: issuer-unknown while the bundle is fresh,
// bundle-too-old when the authority may have been admitted since.
func (c *Case) Unknown(name string) {
	if c.Fresh() {
		c.Fail(name, IssuerUnknown, locale.Args{})
		return
	}
	c.Fail(name, BundleTooOld, locale.Args{Shift: seconds(c.now - unix(c.bundle.IssuedAt()))})
}

// Term holds now against a term: expired, not-yet-valid (more than 120 s ahead), or pass.
func (c *Case) Term(name string, from, to time.Time) {
	if code, args := validityCode(&credential.Claims{IssuedAt: from, ExpiresAt: to}, c.now); code != "" {
		c.Fail(name, code, args)
		return
	}
	c.Pass(name)
}

// Token runs the checks decode, issuer-key, issuer-signature, issuer-right, validity, status and table on a token of kind
// card or static. Nil unless a key of the bundle signed it; whether that key had the right is the check issuer-right.
func (c *Case) Token(data []byte) *credential.Token {
	const decode = CheckDecode
	t, err := credential.ParseCardToken(data)
	if err != nil {
		c.v.fail(decode, decodeCode(err), locale.Args{})
		return nil
	}
	c.v.pass(decode)
	token, right := c.v.checkIssuer(t, c.bundle, c.policy, c.now)
	if token == nil {
		return nil
	}
	c.v.checkRight(&token.Claims, right)
	c.v.checkValidity(&token.Claims, c.now)
	c.v.checkStatus(&token.Claims, c.bundle, c.policy, c.now)
	return token
}

// ShowToken puts the body and the holder of a token into the verdict, once its key had the right to issue it and holder
// says that every signature the profile requires has verified.
func (c *Case) ShowToken(t *credential.Token, holder bool) {
	position, unit := c.v.checkTable(&t.Claims, c.bundle)
	if !c.v.passed(CheckIssuerRight) {
		return
	}
	c.v.showIssuer(t, c.bundle)
	if holder {
		c.v.showHolder(&t.Claims, position, unit)
	}
}

// Status runs the check status on a status integer of a body. A verdict takes the worst of several.
func (c *Case) Status(body string, ref credential.StatusRef) {
	c.v.checkStatus(&credential.Claims{Issuer: body, Status: ref}, c.bundle, c.policy, c.now)
}

// ShowIssuer puts a body into the verdict. The key id is zero when no signature of the body was looked at.
func (c *Case) ShowIssuer(body string, kid keys.KeyID) {
	c.v.showIssuer(&credential.Token{Claims: credential.Claims{Issuer: body}, KeyID: kid}, c.bundle)
}

// ShowCard puts a card into the verdict whose data name no person: its number, its term, and its status integer.
func (c *Case) ShowCard(number string, expires time.Time, ref credential.StatusRef) {
	c.v.showHolder(&credential.Claims{Number: number, ExpiresAt: expires, Status: ref}, codes.Entry{}, codes.Entry{})
}

// Level runs the checks photo and level. Reached is what the signatures carry: a compared photo lifts L2 to L3, and with
// the card's PIN to L4; nothing lifts L0, which is never accepted. Claims may be nil: then only the photo on the plastic can be compared.
func (c *Case) Level(reached Level, claims *credential.Claims, pin bool) {
	if claims == nil {
		claims = new(credential.Claims)
	}
	if c.v.checkPhoto(c.in.Photo, claims) && reached == L2 {
		reached = L3
		if pin {
			reached = L4
		}
	}
	c.v.Level = reached
	if reached == L0 {
		c.v.fail(CheckLevel, CardUnproven, locale.Args{})
		return
	}
	if want := max(Level(c.policy.MinLevel), c.in.MinLevel); reached < want {
		c.v.fail(CheckLevel, LevelTooLow, locale.Args{Level: int(reached), Want: int(want)})
		return
	}
	c.v.pass(CheckLevel)
}

// Finish ends the case. It accepts only when no check has failed, the checks root, bundle, clock, status and level have
// passed, and every one of required.
func (c *Case) Finish(required ...string) Verdict {
	c.v.Card = make([]Check, len(c.lines))
	for i := range c.lines {
		c.v.Card[i] = *c.check(c.lines[i].name)
	}
	if c.v.Code != "" {
		c.v.Outcome = c.v.Code.Outcome()
		return c.v
	}
	for _, place := range [...]int{CheckRoot, CheckBundle, CheckClock, CheckStatus, CheckLevel} {
		required = append(required, checkNames[place])
	}
	for _, name := range required {
		if !c.Passed(name) {
			c.v.Outcome, c.v.Code, c.v.fault = CannotConfirm, Internal, "check "+name+" was not run"
			return c.v
		}
	}
	c.v.Outcome, c.v.Code, c.v.args = Accept, OK, locale.Args{Level: int(c.v.Level)}
	return c.v
}

// Broken is the verdict after a panic with cause: cannot-confirm, and nothing of the card is in it.
func Broken(in *Input, names []string, cause any) Verdict {
	v := broken(in, cause)
	v.Card = make([]Check, len(names))
	for i, name := range names {
		v.Card[i].Name = name
	}
	return v
}
