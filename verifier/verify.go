package verifier

import (
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/posvid/posvid/codes"
	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/locale"
	"github.com/posvid/posvid/trust"
)

// Times and tolerances of a verdict (docs/spec/verification.md, Section 4), in seconds.
const (
	windowBehind   = 90  // greatest age of a code that is in time
	windowAhead    = 60  // how far a code in time may be dated ahead
	windowLimit    = 600 // beyond it a code is stale, or from the future
	clockTolerance = 120 // how far the clock may be behind a signed time
	sameReading    = 10  // one code read again within it is one reading
)

// ChallengeState is what a device knows about a challenge of its own.
type ChallengeState uint8

// States of a challenge. The zero value refuses.
const (
	ChallengeUnknown ChallengeState = iota // not made here
	ChallengeOpen                          // made here, in time, and not answered, but perhaps by this very reading
	ChallengeUsed                          // answered by another code, or by this one in an earlier reading
	ChallengeExpired                       // made here, but its time is over
)

// PhotoKind says which picture the guard compared with the face.
type PhotoKind uint8

// Pictures a guard may compare. A picture on the phone's own screen is none of them.
const (
	PhotoNone    PhotoKind = iota
	PhotoMatched           // a picture whose hash this verifier computed: Photo.Hash
	PhotoPlastic           // the photo printed on the plastic card
)

// Photo is the guard's confirmation that the face is that of a picture.
type Photo struct {
	Kind PhotoKind
	Hash [20]byte // with PhotoMatched: first 20 bytes of SHA-256 of the picture that was shown
}

// Input is all that a verdict rests on. Verify changes nothing in it, and calls its functions at most once each.
type Input struct {
	Text      string        // what the reader read, as it came
	Unread    bool          // no code could be read from what was shown; Text is not looked at
	At        time.Time     // now
	Bundle    *trust.Bundle // nil when there is none: BundleErr says why
	BundleErr error         // wraps a Code (NoRoot, NoBundle, StateDamaged …) or an error of package trust; nil with no Bundle is NoBundle
	Floor     time.Time     // newest signed time this device has seen; zero when it has seen none but the bundle's
	FloorErr  error         // the device had a floor and has lost it

	Class      trust.Class // whose policy applies; ClassNone for a device that is not enrolled
	VerifierID uint64      // number of this device in the bundle; 0 when it is not enrolled
	MinLevel   Level       // may only raise what the policy asks for
	Photo      Photo       // what the guard compared

	MaxStatusAge time.Duration // greatest age of a status list; may only lower what the policy allows, 0 leaves it
	MaxBeaconAge time.Duration // greatest age of a freshness beacon; as MaxStatusAge

	// Nonce tells the state of one of this device's challenges for the code with this replay key: a challenge that
	// the very same code has answered is still open for it during the same reading. Nil knows no challenge.
	Nonce func(nonce [16]byte, replayKey [32]byte) ChallengeState
	// Seen tells when a code with this replay key was first read here. Nil leaves the replay check out.
	Seen func(replayKey [32]byte) (first time.Time, ok bool)

	Simulated bool   // At was given by hand: the verdict says so
	Lang      string // language of next_step in JSON; "" is Ukrainian
}

// Verify decides about one code. It is pure: the same input gives the same verdict. It never panics; a fault inside
// gives Internal, which cannot confirm.
func Verify(in Input) (v Verdict) {
	defer func() {
		if r := recover(); r != nil {
			v = broken(&in, r)
		}
	}()
	v.start(&in)
	v.run(&in)
	v.finish()
	return v
}

// policy is what a bundle asks of this device's class, with the age that the caller lowered.
func (in *Input) policy(b *trust.Bundle) trust.ClassPolicy {
	p := b.Policy().For(in.Class)
	p.StatusAge = lower(p.StatusAge, in.MaxStatusAge)
	return p
}

// beaconAge is the greatest age of a beacon.
func (in *Input) beaconAge(b *trust.Bundle) time.Duration {
	return lower(b.Policy().MaxBeaconAge(), in.MaxBeaconAge)
}

// lower lets an age only fall; one that asks for nothing leaves it.
func lower(allowed, asked time.Duration) time.Duration {
	if asked > 0 {
		return min(allowed, asked)
	}
	return allowed
}

// broken is the verdict after a fault inside: nothing of the code is in it.
func broken(in *Input, cause any) (v Verdict) {
	v.start(in)
	v.Outcome, v.Code = CannotConfirm, Internal
	// Only errors of the Go runtime speak of the program alone; the text of any other value might quote its input.
	if err, ok := cause.(runtime.Error); ok {
		v.fault = err.Error()
	} else {
		v.fault = fmt.Sprintf("panic with a value of type %T", cause)
	}
	return v
}

func (v *Verdict) start(in *Input) {
	for i := range v.Checks {
		v.Checks[i].Name = checkNames[i]
	}
	v.Simulated, v.Lang = in.Simulated, in.Lang
}

func (v *Verdict) pass(check int) {
	if v.Checks[check].Result == NotRun {
		v.Checks[check].Result = Pass
	}
}

// fail records a failed check. The code that stands first in the table decides the verdict, and the check.
func (v *Verdict) fail(check int, code Code, args locale.Args) {
	v.failLine(&v.Checks[check], code, args)
}

func (v *Verdict) failLine(c *Check, code Code, args locale.Args) {
	if c.Result != Fail || rank(code) < rank(c.Code) {
		c.Result, c.Code = Fail, code
	}
	if v.Code == "" || rank(code) < rank(v.Code) {
		v.Code, v.args = code, args
	}
}

func (v *Verdict) passed(check int) bool { return v.Checks[check].Result == Pass }

// required are the checks without which nothing is accepted, whatever the profile.
var required = [...]int{CheckText, CheckDecode, CheckRoot, CheckBundle, CheckClock, CheckIssuerKey, CheckIssuerSignature,
	CheckIssuerRight, CheckValidity, CheckHolderSignature, CheckAudience, CheckStatus, CheckLevel}

// finish turns the recorded checks into the outcome. It accepts only when no check has failed and every required one
// has passed: a way through run that forgets a check ends here.
func (v *Verdict) finish() {
	if v.Code != "" {
		v.Outcome = v.Code.Outcome()
		return
	}
	for _, c := range required {
		if !v.passed(c) {
			v.Outcome, v.Code, v.fault = CannotConfirm, Internal, "check "+checkNames[c]+" was not run"
			return
		}
	}
	if !v.Answered && !v.passed(CheckWindow) {
		v.Outcome, v.Code, v.fault = CannotConfirm, Internal, "neither answer nor window"
		return
	}
	v.Outcome, v.Code, v.args = Accept, OK, locale.Args{Level: int(v.Level)}
}

func (v *Verdict) run(in *Input) {
	now := unix(in.At)
	b := v.checkTrust(in, now)
	if v.Code == NoRoot {
		return
	}
	p := v.decode(in)
	if p == nil || b == nil {
		return
	}
	policy := in.policy(b)
	token, right := v.checkIssuer(p.Token(), b, policy, now)
	if token == nil {
		return
	}
	v.checkRight(&token.Claims, right)
	v.checkValidity(&token.Claims, now)
	v.checkStatus(&token.Claims, b, policy, now)
	position, unit := v.checkTable(&token.Claims, b)

	presentation, err := p.Verify(token.Holder)
	switch {
	case err == nil:
		v.pass(CheckHolderSignature)
	case credential.IsBadSignature(err), errors.Is(err, credential.ErrNoHolder):
		v.fail(CheckHolderSignature, HolderSignature, locale.Args{})
	default: // the holder signed it, but it says what no presentation may say
		v.pass(CheckHolderSignature)
		v.fail(CheckDecode, decodeCode(err), locale.Args{})
	}
	if v.passed(CheckIssuerRight) {
		v.showIssuer(token, b)
	}
	if presentation == nil {
		return
	}
	if v.passed(CheckIssuerRight) {
		v.showHolder(&token.Claims, position, unit)
	}
	v.judgePresentation(in, b, policy, token, presentation, now)
}

// checkTrust runs the checks root, bundle and clock, and returns the bundle that the others may rest on.
func (v *Verdict) checkTrust(in *Input, now int64) *trust.Bundle {
	b := in.Bundle
	if b == nil {
		code := bundleCode(in.BundleErr)
		if code == NoRoot {
			v.fail(CheckRoot, NoRoot, locale.Args{})
			return nil
		}
		v.pass(CheckRoot)
		v.fail(CheckBundle, code, locale.Args{})
		return nil
	}
	if !b.Pinned() { // opened only to be looked at
		v.fail(CheckRoot, NoRoot, locale.Args{})
		return nil
	}
	v.checkBundle(b, now)
	v.checkClock(in, b, now)
	return b
}

// bundleCode tells why there is no bundle.
func bundleCode(err error) Code {
	var code Code
	switch {
	case err == nil:
		return NoBundle
	case errors.As(err, &code):
		switch code {
		case NoRoot, NoBundle, BundleRefused, BundleRollback, StateDamaged, ClockUnknown:
			return code
		}
		return BundleRefused
	case errors.Is(err, trust.ErrNoPin):
		return NoRoot
	case errors.Is(err, trust.ErrRollback), errors.Is(err, trust.ErrFork):
		return BundleRollback
	}
	return BundleRefused
}

// decodeCode sorts the errors of reading a presentation or token.
func decodeCode(err error) Code {
	switch {
	case errors.Is(err, credential.ErrHighS):
		return SignatureForm
	case errors.Is(err, credential.ErrKind):
		return WrongProfile
	}
	return Malformed
}

func (v *Verdict) decode(in *Input) *credential.UnverifiedPresentation {
	if in.Unread {
		v.fail(CheckText, NoCode, locale.Args{})
		return nil
	}
	text := in.Text
	prefix, data, err := credential.DecodeText(text)
	switch {
	case errors.Is(err, credential.ErrNotServiceID), err == nil && prefix != credential.Prefix:
		v.fail(CheckText, NotAServiceID, locale.Args{})
		return nil
	case err != nil:
		// The text of a challenge is not ours to judge, damaged or not.
		if len(text) < len(credential.Prefix) || text[:len(credential.Prefix)] != credential.Prefix {
			v.fail(CheckText, NotAServiceID, locale.Args{})
			return nil
		}
		v.fail(CheckText, TextMalformed, locale.Args{})
		return nil
	}
	v.pass(CheckText)
	p, err := credential.ParsePresentation(data)
	if err != nil {
		v.fail(CheckDecode, decodeCode(err), locale.Args{})
		return nil
	}
	v.pass(CheckDecode)
	return p
}

func (v *Verdict) checkBundle(b *trust.Bundle, now int64) {
	v.Bundle = BundleInfo{Number: b.Number(), Age: seconds(now - unix(b.IssuedAt()))}
	v.pass(CheckRoot)
	if now >= unix(b.ExpiresAt()) {
		v.fail(CheckBundle, BundleExpired, locale.Args{At: b.ExpiresAt(), Shift: seconds(now - unix(b.ExpiresAt()))})
		return
	}
	v.pass(CheckBundle)
}

func (v *Verdict) checkClock(in *Input, b *trust.Bundle, now int64) {
	if in.FloorErr != nil {
		code := ClockUnknown
		if errors.Is(in.FloorErr, StateDamaged) {
			code = StateDamaged
		}
		v.fail(CheckClock, code, locale.Args{})
		return
	}
	floor := b.IssuedAt()
	if in.Floor.After(floor) {
		floor = in.Floor
	}
	if behind := unix(floor) - now; behind > clockTolerance {
		v.fail(CheckClock, ClockBehind, locale.Args{Shift: seconds(behind), At: floor})
		return
	}
	v.pass(CheckClock)
}

// checkIssuer finds the key that signed the token. It returns nil unless one did and the claims can be read.
func (v *Verdict) checkIssuer(t *credential.UnverifiedToken, b *trust.Bundle, policy trust.ClassPolicy, now int64) (*credential.Token, *trust.Right) {
	v.kid = t.UnverifiedKeyID()
	candidates := b.IssuerKeys(v.kid)
	if len(candidates) == 0 {
		// The age of the bundle is only as good as the clock.
		if age := now - unix(b.IssuedAt()); age > int64(policy.StatusAge/time.Second) || !v.passed(CheckClock) {
			v.fail(CheckIssuerKey, BundleTooOld, locale.Args{Shift: seconds(age)})
		} else {
			v.fail(CheckIssuerKey, IssuerUnknown, locale.Args{})
		}
		return nil, nil
	}
	v.pass(CheckIssuerKey)
	for i := range candidates {
		token, err := t.Verify(candidates[i].Key)
		if err == nil {
			v.pass(CheckIssuerSignature)
			return token, &candidates[i].Right
		}
		if !credential.IsBadSignature(err) { // signed, but it says what no token may say
			v.pass(CheckIssuerSignature)
			v.fail(CheckDecode, decodeCode(err), locale.Args{})
			return nil, nil
		}
	}
	v.fail(CheckIssuerSignature, IssuerSignature, locale.Args{})
	return nil, nil
}

func (v *Verdict) checkRight(c *credential.Claims, r *trust.Right) {
	if code, args := rightCode(c, r); code != "" {
		v.fail(CheckIssuerRight, code, args)
		return
	}
	v.pass(CheckIssuerRight)
}

// rightCode holds a token against the right of the key that signed it; "" means that it was entitled to.
func rightCode(c *credential.Claims, r *trust.Right) (Code, locale.Args) {
	life := c.ExpiresAt.Sub(c.IssuedAt)
	switch {
	case r.Compromised:
		return IssuerKeyCompromised, locale.Args{}
	case !r.AllowsBody(c.Issuer):
		return IssuerBody, locale.Args{}
	case !r.AllowsKind(uint8(c.Kind)):
		return IssuerKind, locale.Args{}
	case life > r.MaxLife:
		return IssuerLife, locale.Args{Shift: life, Limit: r.MaxLife}
	case r.ValidFrom.IsZero() || c.IssuedAt.Before(r.ValidFrom):
		return IssuerKeyEarly, locale.Args{At: r.ValidFrom}
	case !r.RetiredAt.IsZero() && c.IssuedAt.After(r.RetiredAt):
		return IssuerKeyRetired, locale.Args{At: r.RetiredAt}
	}
	return "", locale.Args{}
}

func (v *Verdict) checkValidity(c *credential.Claims, now int64) {
	if code, args := validityCode(c, now); code != "" {
		v.fail(CheckValidity, code, args)
		return
	}
	v.pass(CheckValidity)
}

// validityCode holds now against the term of a token; "" means inside.
func validityCode(c *credential.Claims, now int64) (Code, locale.Args) {
	if since := now - unix(c.ExpiresAt); since >= 0 {
		return Expired, locale.Args{At: c.ExpiresAt, Shift: seconds(since)}
	}
	if ahead := unix(c.IssuedAt) - now; ahead > clockTolerance {
		return NotYetValid, locale.Args{At: c.IssuedAt, Shift: seconds(ahead)}
	}
	return "", locale.Args{}
}

func (v *Verdict) checkStatus(c *credential.Claims, b *trust.Bundle, policy trust.ClassPolicy, now int64) {
	value, asOf, err := b.Status(c.Issuer, c.Status.List(), c.Status.Index())
	switch {
	case errors.Is(err, trust.ErrIndexRange):
		v.fail(CheckStatus, StatusImpossible, locale.Args{})
		return
	case err != nil:
		v.fail(CheckStatus, StatusUnknown, locale.Args{})
		return
	}
	v.StatusAsOf = asOf
	switch value {
	case trust.StatusValid:
	case trust.StatusInvalid:
		v.fail(CheckStatus, Revoked, locale.Args{At: asOf})
		return
	case trust.StatusSuspended:
		v.fail(CheckStatus, Suspended, locale.Args{At: asOf})
		return
	default:
		v.fail(CheckStatus, StatusImpossible, locale.Args{})
		return
	}
	if age := now - unix(asOf); age > int64(policy.StatusAge/time.Second) {
		v.fail(CheckStatus, StatusStale, locale.Args{At: asOf, Shift: seconds(age), Limit: policy.StatusAge})
		return
	}
	v.pass(CheckStatus)
}

// checkTable resolves the numbers of position and unit.
func (v *Verdict) checkTable(c *credential.Claims, b *trust.Bundle) (position, unit codes.Entry) {
	position = v.resolve(c, b, codes.Position, c.Position)
	unit = v.resolve(c, b, codes.Unit, c.Unit)
	return position, unit
}

func (v *Verdict) resolve(c *credential.Claims, b *trust.Bundle, kind codes.Kind, t credential.CodedText) codes.Entry {
	if t.Code == 0 {
		return codes.Entry{UK: t.Text}
	}
	entry, ok, err := b.Code(c.Issuer, kind, t.Code)
	if err != nil || !ok {
		v.fail(CheckTable, TableTooOld, locale.Args{})
		return codes.Entry{}
	}
	v.pass(CheckTable)
	return entry
}

func (v *Verdict) showIssuer(t *credential.Token, b *trust.Bundle) {
	v.Issuer = &Issuer{EDRPOU: t.Issuer, KeyID: t.KeyID}
	if body, ok := b.Body(t.Issuer); ok {
		v.Issuer.Name, v.Issuer.NameEN, v.Issuer.DutyPhone = body.Name, body.NameEN, body.DutyPhone
	}
}

func (v *Verdict) showHolder(c *credential.Claims, position, unit codes.Entry) {
	v.Holder = &Holder{
		Number: c.Number, Name: c.Name,
		Position: position.UK, PositionEN: position.EN, Unit: unit.UK, UnitEN: unit.EN,
		Rank: c.Rank, Category: c.Category, PhotoHash: c.PhotoHash, HasPhoto: c.HasPhoto,
		ExpiresAt: c.ExpiresAt,
	}
	v.Status, v.HasStatus = uint32(c.Status), true
}

// judgePresentation runs the checks on what the holder signed.
func (v *Verdict) judgePresentation(in *Input, b *trust.Bundle, policy trust.ClassPolicy, t *credential.Token, p *credential.Presentation, now int64) {
	v.ReplayKey = p.ReplayKey
	shown := v.checkReplay(in, now)
	iat := unix(p.IssuedAt)
	v.ClockOffset, v.HasOffset = seconds(shown-iat), true

	level := L1 // of what is signed; whatever the key had no right to is L0 in the end
	if p.Audience == credential.AudienceAny {
		v.pass(CheckAudience)
		published, fresh := v.checkBeacon(b, in.beaconAge(b), p, now)
		suspect := suspectedClock(v, b, t, iat, published, now)
		if v.checkWindow(shown-iat, suspect) && fresh {
			level = L2
		}
	} else if v.checkAnswer(in, p) {
		level = L2
	}
	if v.checkPhoto(in.Photo, &t.Claims) && level == L2 && v.Answered {
		level = L3
	}
	if !v.passed(CheckIssuerRight) {
		level = L0
	}
	v.Level = level
	want := max(Level(policy.MinLevel), in.MinLevel)
	if level < want {
		v.fail(CheckLevel, LevelTooLow, locale.Args{Level: int(level), Want: int(want)})
		return
	}
	v.pass(CheckLevel)
}

// checkReplay returns the time by which the code is judged: that of its first reading, while it is the same reading.
func (v *Verdict) checkReplay(in *Input, now int64) int64 {
	if in.Seen == nil {
		return now
	}
	first, ok := in.Seen(v.ReplayKey)
	if !ok {
		v.pass(CheckReplay)
		return now
	}
	since := now - unix(first)
	if since > sameReading || since < -sameReading {
		v.fail(CheckReplay, AlreadyShown, locale.Args{Shift: seconds(since)})
		return now
	}
	v.pass(CheckReplay)
	return unix(first)
}

// checkAnswer decides whether a code that names a verifier answers an open challenge of this one.
func (v *Verdict) checkAnswer(in *Input, p *credential.Presentation) bool {
	id, ok := credential.AudienceVerifier(p.Audience)
	if !ok || in.VerifierID == 0 || id != in.VerifierID {
		v.fail(CheckAudience, AudienceOther, locale.Args{})
		return false
	}
	state := ChallengeUnknown
	if in.Nonce != nil && len(p.CNonce) == len(v.Nonce) {
		state = in.Nonce([16]byte(p.CNonce), v.ReplayKey)
	}
	switch state {
	case ChallengeOpen:
		v.Answered, v.Nonce = true, [16]byte(p.CNonce)
		v.pass(CheckAudience)
		return true
	case ChallengeUsed:
		v.fail(CheckAudience, NonceUsed, locale.Args{})
	case ChallengeExpired:
		v.fail(CheckAudience, NonceExpired, locale.Args{})
	default:
		v.fail(CheckAudience, NonceUnknown, locale.Args{})
	}
	return false
}

// beaconSteps is how much newer than the bundle's a beacon may be.
const beaconSteps = 30

// checkBeacon tells whether the code carries a fresh beacon, and when that one was published, if the bundle knows.
func (v *Verdict) checkBeacon(b *trust.Bundle, limit time.Duration, p *credential.Presentation, now int64) (published time.Time, fresh bool) {
	newest := b.Beacon()
	beacon, ok := p.Beacon()
	if !ok || newest.N == 0 || v.Checks[CheckBundle].Result != Pass {
		return time.Time{}, false
	}
	offset, ok := credential.Steps(newest.N, newest.Value, beacon, beaconSteps)
	if !ok {
		v.fail(CheckBeacon, BeaconUnknown, locale.Args{})
		return time.Time{}, false
	}
	v.pass(CheckBeacon)
	if offset > 0 {
		return time.Time{}, true
	}
	if -offset >= len(newest.Times) {
		return time.Time{}, false
	}
	published = newest.Times[-offset]
	return published, now-unix(published) <= int64(limit/time.Second)
}

// suspectedClock says whose clock is the likelier to be wrong, when something signed by others tells.
func suspectedClock(v *Verdict, b *trust.Bundle, t *credential.Token, iat int64, published time.Time, now int64) string {
	switch {
	case unix(b.IssuedAt()) > now, unix(t.IssuedAt) > now, !v.StatusAsOf.IsZero() && unix(v.StatusAsOf) > now:
		return "device"
	case iat < unix(t.IssuedAt), !published.IsZero() && iat < unix(published):
		return "phone"
	}
	return ""
}

// checkWindow judges the age of a broadcast code in seconds.
func (v *Verdict) checkWindow(age int64, suspect string) bool {
	args := locale.Args{Shift: seconds(age), Suspect: suspect}
	switch {
	case age > windowLimit:
		args.Limit = windowLimit * time.Second
		v.fail(CheckWindow, PresentationStale, args)
	case age > windowBehind, age < -windowAhead && age >= -windowLimit:
		v.fail(CheckWindow, ClockDiffers, args)
	case age < -windowLimit:
		v.fail(CheckWindow, ClockAhead, args)
	default:
		v.pass(CheckWindow)
		return true
	}
	return false
}

// checkPhoto tells whether the guard compared a picture that counts, and records which one.
func (v *Verdict) checkPhoto(photo Photo, c *credential.Claims) bool {
	switch photo.Kind {
	case PhotoMatched:
		v.Checks[CheckPhoto].Name = photoMatchedName
		if !c.HasPhoto || photo.Hash != c.PhotoHash {
			v.fail(CheckPhoto, PhotoMismatch, locale.Args{})
			return false
		}
	case PhotoPlastic:
		v.Checks[CheckPhoto].Name = photoPlasticName
	default:
		return false
	}
	v.pass(CheckPhoto)
	return true
}

// CheckToken decides about a token alone, for the issuing side: whether the bundle that its body has installed lets
// the key that signed it issue exactly this, now. It accepts any kind of token that the key's right names. The error
// is a *[Refusal]; nil means that a verifier with this bundle accepts the token as such. No status is looked up.
func CheckToken(token []byte, b *trust.Bundle, at time.Time) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = newRefusal(Internal, locale.Args{})
		}
	}()
	switch {
	case b == nil:
		return newRefusal(NoBundle, locale.Args{})
	case !b.Pinned():
		return newRefusal(NoRoot, locale.Args{})
	}
	var v Verdict
	now := unix(at)
	v.checkBundle(b, now)
	v.checkClock(&Input{}, b, now)
	t, parseErr := credential.ParseToken(token)
	if parseErr != nil {
		v.fail(CheckDecode, decodeCode(parseErr), locale.Args{})
		return v.refusal()
	}
	parsed, right := v.checkIssuer(t, b, b.Policy().For(trust.ClassNone), now)
	if parsed != nil {
		v.checkRight(&parsed.Claims, right)
		v.checkValidity(&parsed.Claims, now)
	}
	if v.Code != "" {
		return v.refusal()
	}
	for _, c := range [...]int{CheckBundle, CheckClock, CheckIssuerKey, CheckIssuerSignature, CheckIssuerRight, CheckValidity} {
		if !v.passed(c) {
			return newRefusal(Internal, locale.Args{})
		}
	}
	return nil
}

// unix gives whole seconds since 1970, held to a range in which differences do not overflow.
func unix(t time.Time) int64 {
	const far = 1 << 50
	return min(max(t.Unix(), -far), far)
}

// seconds turns a number of seconds into a Duration, held to about ±270 years.
func seconds(n int64) time.Duration {
	const far = 1 << 33
	return time.Duration(min(max(n, -far), far)) * time.Second
}
