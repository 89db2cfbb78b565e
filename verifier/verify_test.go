package verifier_test

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/credential"

	"github.com/posvid/posvid/locale"
	"github.com/posvid/posvid/trust"
	"github.com/posvid/posvid/verifier"
)

func TestAcceptsAndShowsTheHolder(t *testing.T) {
	w := newWorld(t)
	v := expect(t, w.input(w.text(code{})), verifier.OK)
	if v.Err() != nil {
		t.Errorf("Err of an accepting verdict: %v", v.Err())
	}
	if v.Level != verifier.L2 {
		t.Errorf("level %d, want 2", v.Level)
	}
	want := verifier.Holder{Number: "АА 004022", Name: "Гончарук Тарас Григорович", Position: "старший слідчий",
		PositionEN: "senior investigator", Unit: "Головне слідче управління", UnitEN: "Main Investigation Department",
		Rank: 3, PhotoHash: photoHash, HasPhoto: true, ExpiresAt: w.claims().ExpiresAt}
	if v.Holder == nil || *v.Holder != want {
		t.Errorf("holder %+v, want %+v", v.Holder, want)
	}
	if v.Issuer == nil || v.Issuer.EDRPOU != ministry || v.Issuer.Name != "Орган "+ministry || v.Issuer.DutyPhone != "+380440000000" {
		t.Errorf("issuer %+v", v.Issuer)
	}
	if v.Bundle.Number != w.bundle.Number() || v.Bundle.Age != time.Hour || !v.StatusAsOf.Equal(base) {
		t.Errorf("bundle %+v, status as of %s", v.Bundle, v.StatusAsOf)
	}
	if !v.HasOffset || v.ClockOffset != 30*time.Second {
		t.Errorf("clock offset %s", v.ClockOffset)
	}
}

func TestZeroValuesRefuse(t *testing.T) {
	var v verifier.Verdict
	if v.Outcome != verifier.Refuse || v.Err() == nil || v.Word("uk") != "ВІДХИЛЕНО" {
		t.Errorf("zero verdict: %s, %v", v.Outcome, v.Err())
	}
	v.Outcome = verifier.Accept // without a code that says so
	if v.Err() == nil || v.Word("uk") == "ЧИННЕ" {
		t.Error("an outcome without its code accepts")
	}
	if got := verifier.Outcome(77).String(); got != "refuse" {
		t.Errorf("unknown outcome reads %q", got)
	}
	if got := verifier.Verify(verifier.Input{}); got.Outcome != verifier.CannotConfirm || got.Code != verifier.NotAServiceID {
		t.Errorf("zero input: %s %s", got.Outcome, got.Code)
	}
	if verifier.Code("no-such-code").Outcome() == verifier.Accept {
		t.Error("an unknown code accepts")
	}
}

// scenario is one code and what is to be said about it.
type scenario struct {
	name string
	want verifier.Code
	make func(w *world) verifier.Input
}

// plain turns a way to make a code into an input.
func plain(c code) func(w *world) verifier.Input {
	return func(w *world) verifier.Input { return w.input(w.text(c)) }
}

// aged makes a code shown `age` seconds before now.
func aged(age int) func(w *world) verifier.Input {
	return plain(code{at: now.Add(-time.Duration(age) * time.Second)})
}

// at moves now: the code is made 30 s before it.
func at(when time.Time, c code) func(w *world) verifier.Input {
	return func(w *world) verifier.Input {
		if c.at.IsZero() {
			c.at = when.Add(-30 * time.Second)
		}
		in := w.input(w.text(c))
		in.At = when
		return in
	}
}

// with changes the plain input.
func with(c code, change func(in *verifier.Input)) func(w *world) verifier.Input {
	return func(w *world) verifier.Input {
		in := w.input(w.text(c))
		change(&in)
		return in
	}
}

// raw is an input with a fixed text.
func raw(text string) func(w *world) verifier.Input {
	return func(w *world) verifier.Input { return w.input(text) }
}

// bent changes the bytes of a good presentation.
func bent(change func(b []byte) []byte) func(w *world) verifier.Input {
	return func(w *world) verifier.Input {
		return w.input(credential.EncodeText(credential.Prefix, change(w.bytes(code{}))))
	}
}

// answer is an answer to a challenge of this device, in a state.
func answer(state verifier.ChallengeState, c code, change func(in *verifier.Input)) func(w *world) verifier.Input {
	return func(w *world) verifier.Input {
		if c.audience == "" {
			c.audience = credential.VerifierAudience(w.gateID)
		}
		c.cnonce = nonce[:]
		in := w.input(w.text(c))
		in.Nonce = func(n [16]byte, _ [32]byte) verifier.ChallengeState {
			if n == nonce {
				return state
			}
			return verifier.ChallengeUnknown
		}
		if change != nil {
			change(&in)
		}
		return in
	}
}

var nonce = [16]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}

func status(index uint32) func(*credential.Claims) {
	return func(c *credential.Claims) { c.Status, _ = credential.NewStatusRef(0, index) }
}

// none is an input without a bundle, for a reason.
func none(text func(w *world) string, why error) func(w *world) verifier.Input {
	return func(w *world) verifier.Input {
		in := w.input(text(w))
		in.Bundle, in.BundleErr = nil, why
		return in
	}
}

func good(w *world) string { return w.text(code{}) }

var scenarios = []scenario{
	// Text and structure.
	{"empty text", verifier.NotAServiceID, raw("")},
	{"link", verifier.NotAServiceID, raw("https://example.org/documents/1")},
	{"lower-case prefix", verifier.NotAServiceID, raw("sid1:6BF")},
	{"another system", verifier.NotAServiceID, raw("HC1:6BFOXN")},
	{"a later version", verifier.NotAServiceID, raw("SID2:6BF")},
	{"a challenge", verifier.NotAServiceID, raw("SIDQ1:6BF6BF")},
	{"a damaged challenge", verifier.NotAServiceID, raw("SIDQ1:a")},
	{"nothing behind the prefix", verifier.TextMalformed, raw("SID1:")},
	{"bad character", verifier.TextMalformed, raw("SID1:6B=")},
	{"odd tail", verifier.TextMalformed, raw("SID1:6BF6")},
	{"overflow of three", verifier.TextMalformed, raw("SID1::::")},
	{"overflow of two", verifier.TextMalformed, raw("SID1:::")},
	{"line end", verifier.TextMalformed, func(w *world) verifier.Input { return w.input(good(w) + "\n") }},
	{"two texts", verifier.TextMalformed, func(w *world) verifier.Input { return w.input(good(w) + good(w)) }},
	{"too long", verifier.TextMalformed, raw("SID1:" + strings.Repeat("0", 4296))},
	{"truncated", verifier.Malformed, bent(func(b []byte) []byte { return b[:len(b)-1] })},
	{"trailing byte", verifier.Malformed, bent(func(b []byte) []byte { return append(b, 0) })},
	{"one byte", verifier.Malformed, bent(func([]byte) []byte { return []byte{0xd2} })},
	{"token alone", verifier.Malformed, func(w *world) verifier.Input {
		return w.input(credential.EncodeText(credential.Prefix, w.token(code{})))
	}},
	{"static token", verifier.WrongProfile, plain(code{edit: func(c *credential.Claims) {
		c.Kind = credential.KindStatic
		c.Holder = credential.Claims{}.Holder
	}})},
	{"card token", verifier.WrongProfile, plain(code{edit: func(c *credential.Claims) { c.Kind = credential.KindCard }})},
	{"high S of the holder", verifier.SignatureForm, bent(func(b []byte) []byte { return highS(b, len(b)-64) })},

	// Root, bundle, clock.
	{"no root", verifier.NoRoot, none(good, trust.ErrNoPin)},
	{"no root, wrapped code", verifier.NoRoot, none(good, fmt.Errorf("state: %w", verifier.NoRoot))},
	{"no root and a foreign text", verifier.NoRoot, none(func(*world) string { return "https://example.org" }, trust.ErrNoPin)},
	{"no root and a damaged text", verifier.NoRoot, none(func(*world) string { return "SID1:" }, trust.ErrNoPin)},
	{"bundle opened unpinned", verifier.NoRoot, func(w *world) verifier.Input {
		in := w.input(good(w))
		in.Bundle = must[*trust.Bundle](w.tb)(trust.OpenUnpinned(w.data))
		return in
	}},
	{"no code", verifier.NoCode, with(code{}, func(in *verifier.Input) { in.Unread = true })},
	{"no code and no bundle", verifier.NoCode, func(w *world) verifier.Input { in := none(good, nil)(w); in.Unread = true; return in }},
	{"no bundle", verifier.NoBundle, none(good, nil)},
	{"no bundle and a damaged presentation", verifier.Malformed, none(func(*world) string { return "SID1:6BF" }, nil)},
	{"no bundle and a foreign text", verifier.NotAServiceID, none(func(*world) string { return "https://example.org" }, nil)},
	{"bundle of another root", verifier.BundleRefused, none(good, trust.ErrPin)},
	{"bundle refused, any error", verifier.BundleRefused, none(good, errors.New("whatever"))},
	{"bundle refused, a code that is no reason", verifier.BundleRefused, none(good, verifier.OK)},
	{"bundle rolled back", verifier.BundleRollback, none(good, fmt.Errorf("install: %w", trust.ErrRollback))},
	{"state damaged", verifier.StateDamaged, none(good, fmt.Errorf("slot: %w", verifier.StateDamaged))},
	{"bundle 1 s before its end", verifier.StatusStale, at(base.Add(8*day-time.Second), code{noBeacon: true})},
	{"bundle at its end", verifier.BundleExpired, at(base.Add(8*day), code{})},
	{"bundle 1 s after its end", verifier.BundleExpired, at(base.Add(8*day+time.Second), code{})},
	{"expired bundle that knows a revocation", verifier.Revoked, at(base.Add(8*day), code{edit: status(indexRevoked)})},
	{"expired bundle and a beacon of nobody", verifier.BundleExpired, at(base.Add(8*day), code{cnonce: []byte("12345678")})},
	{"clock 120 s behind the floor", verifier.OK, with(code{}, func(in *verifier.Input) { in.Floor = now.Add(120 * time.Second) })},
	{"clock 121 s behind the floor", verifier.ClockBehind, with(code{}, func(in *verifier.Input) { in.Floor = now.Add(121 * time.Second) })},
	{"clock 120 s behind the bundle", verifier.OK, at(base.Add(-120*time.Second), code{cnonce: nil})},
	{"clock 121 s behind the bundle", verifier.ClockBehind, at(base.Add(-121*time.Second), code{})},
	{"floor lost", verifier.ClockUnknown, with(code{}, func(in *verifier.Input) { in.FloorErr = errors.New("gone") })},
	{"floor damaged with the state", verifier.StateDamaged, with(code{}, func(in *verifier.Input) { in.FloorErr = verifier.StateDamaged })},
	{"floor lost and revoked", verifier.Revoked, with(code{edit: status(indexRevoked)}, func(in *verifier.Input) { in.FloorErr = errors.New("gone") })},

	// Issuer.
	{"unknown key", verifier.IssuerUnknown, stranger(base.Add(time.Hour))},
	{"unknown key, bundle of 24 h", verifier.IssuerUnknown, stranger(base.Add(24 * time.Hour))},
	{"unknown key, and the age of the bundle is not known: clock behind", verifier.ClockBehind, stranger(base.Add(-121 * time.Second))},
	{"unknown key, and the age of the bundle is not known: floor lost", verifier.ClockUnknown, func(w *world) verifier.Input {
		in := stranger(now)(w)
		in.FloorErr = errors.New("gone")
		return in
	}},
	{"unknown key, bundle of 24 h 1 s", verifier.BundleTooOld, stranger(base.Add(24*time.Hour + time.Second))},
	{"bit of the issuer signature", verifier.IssuerSignature, bent(func(b []byte) []byte { return flipTokenSignature(b) })},
	{"foreign body", verifier.IssuerBody, func(w *world) verifier.Input {
		k := w.iss[council]
		return w.input(w.text(code{issuer: &k}))
	}},
	{"longest life", verifier.OK, plain(code{edit: func(c *credential.Claims) { c.ExpiresAt = c.IssuedAt.Add(30 * day) }})},
	{"longest life and 1 s", verifier.IssuerLife, plain(code{edit: func(c *credential.Claims) { c.ExpiresAt = c.IssuedAt.Add(30*day + time.Second) }})},
	{"issued when the key began", verifier.OK, plain(code{edit: issued(base.Add(-20 * day))})},
	{"issued 1 s before the key began", verifier.IssuerKeyEarly, plain(code{edit: issued(base.Add(-20*day - time.Second))})},

	// Term.
	{"1 s before exp", verifier.OK, plain(code{edit: expires(now.Add(time.Second))})},
	{"at exp", verifier.Expired, plain(code{edit: expires(now)})},
	{"1 s after exp", verifier.Expired, plain(code{edit: expires(now.Add(-time.Second))})},
	{"issued 120 s ahead", verifier.OK, plain(code{edit: issued(now.Add(120 * time.Second))})},
	{"issued 121 s ahead", verifier.NotYetValid, plain(code{edit: issued(now.Add(121 * time.Second))})},

	// Holder.
	{"bit of the holder signature", verifier.HolderSignature, bent(func(b []byte) []byte { b[len(b)-40] ^= 1; return b })},
	{"signed by another holder", verifier.HolderSignature, func(w *world) verifier.Input {
		k := holderKey(w.tb, "thief")
		return w.input(w.text(code{holder: &k}))
	}},

	// Audience.
	{"answer", verifier.OK, answer(verifier.ChallengeOpen, code{}, nil)},
	{"answer with a wrong phone clock", verifier.OK, answer(verifier.ChallengeOpen, code{at: now.Add(-2 * time.Hour)}, nil)},
	{"answer from 1970", verifier.OK, answer(verifier.ChallengeOpen, code{at: time.Unix(1, 0)}, nil)},
	{"answer to another verifier", verifier.AudienceOther, answer(verifier.ChallengeOpen, code{audience: "999"}, nil)},
	{"answer read by a device that is not enrolled", verifier.AudienceOther, answer(verifier.ChallengeOpen, code{}, func(in *verifier.Input) { in.VerifierID = 0 })},
	{"answer to nobody's challenge", verifier.NonceUnknown, answer(verifier.ChallengeUnknown, code{}, nil)},
	{"answer without a book of challenges", verifier.NonceUnknown, answer(verifier.ChallengeOpen, code{}, func(in *verifier.Input) { in.Nonce = nil })},
	{"answer in a state that does not exist", verifier.NonceUnknown, answer(verifier.ChallengeState(9), code{}, nil)},
	{"late answer", verifier.NonceExpired, answer(verifier.ChallengeExpired, code{}, nil)},
	{"second answer", verifier.NonceUsed, answer(verifier.ChallengeUsed, code{}, nil)},
	{"answer of a revoked holder", verifier.Revoked, answer(verifier.ChallengeOpen, code{edit: status(indexRevoked)}, nil)},

	// Beacon.
	{"beacon before the newest", verifier.OK, func(w *world) verifier.Input { return w.input(w.text(code{cnonce: w.beacon(-1)})) }},
	{"beacon of 7 days", verifier.OK, func(w *world) verifier.Input {
		return at(base.Add(0), code{cnonce: w.beacon(-7)})(w)
	}},
	{"beacon of 7 days and 1 s", verifier.LevelTooLow, func(w *world) verifier.Input {
		return at(base.Add(time.Second), code{cnonce: w.beacon(-7)})(w)
	}},
	{"beacon one newer", verifier.OK, func(w *world) verifier.Input { return w.input(w.text(code{cnonce: w.beacon(1)})) }},
	{"beacon 30 newer", verifier.OK, func(w *world) verifier.Input { return w.input(w.text(code{cnonce: w.beacon(30)})) }},
	{"beacon 31 newer", verifier.BeaconUnknown, func(w *world) verifier.Input { return w.input(w.text(code{cnonce: w.beacon(31)})) }},
	{"beacon of nobody", verifier.BeaconUnknown, plain(code{cnonce: []byte("12345678")})},
	{"no beacon", verifier.LevelTooLow, plain(code{noBeacon: true})},

	// Window.
	{"601 s ahead", verifier.ClockAhead, aged(-601)},
	{"600 s ahead", verifier.ClockDiffers, aged(-600)},
	{"61 s ahead", verifier.ClockDiffers, aged(-61)},
	{"60 s ahead", verifier.OK, aged(-60)},
	{"this second", verifier.OK, aged(0)},
	{"90 s old", verifier.OK, aged(90)},
	{"90.9 s old", verifier.OK, with(code{at: now.Add(-90 * time.Second)}, func(in *verifier.Input) { in.At = in.At.Add(900 * time.Millisecond) })},
	{"91 s old", verifier.ClockDiffers, aged(91)},
	{"600 s old", verifier.ClockDiffers, aged(600)},
	{"601 s old", verifier.PresentationStale, aged(601)},
	{"a day ahead", verifier.ClockAhead, aged(-86400)},

	// Status.
	{"revoked", verifier.Revoked, plain(code{edit: status(indexRevoked)})},
	{"suspended", verifier.Suspended, plain(code{edit: status(indexSuspended)})},
	{"last index", verifier.OK, plain(code{edit: status(listLength - 1)})},
	{"index beyond the list", verifier.StatusImpossible, plain(code{edit: status(listLength)})},
	{"list unknown", verifier.StatusUnknown, plain(code{edit: func(c *credential.Claims) { c.Status, _ = credential.NewStatusRef(7, 1) }})},
	{"status of 24 h", verifier.OK, at(base.Add(24*time.Hour), code{})},
	{"status of 24 h 1 s", verifier.StatusStale, at(base.Add(24*time.Hour+time.Second), code{})},
	{"status of 24 h 1 s, not enrolled", verifier.StatusStale, classed(trust.ClassNone, base.Add(24*time.Hour+time.Second))},
	{"status of 72 h in a council", verifier.OK, classed(trust.ClassCouncil, base.Add(72*time.Hour))},
	{"status of 72 h 1 s in a council", verifier.StatusStale, classed(trust.ClassCouncil, base.Add(72*time.Hour+time.Second))},
	{"unknown class is held to the checkpoint's age", verifier.StatusStale, classed(trust.Class(99), base.Add(24*time.Hour+time.Second))},
	{"revoked and stale", verifier.Revoked, at(base.Add(5*day), code{edit: status(indexRevoked)})},

	// Tables.
	{"unknown position", verifier.TableTooOld, plain(code{edit: func(c *credential.Claims) { c.Position.Code = 99 }})},
	{"unknown unit", verifier.TableTooOld, plain(code{edit: func(c *credential.Claims) { c.Unit.Code = 99 }})},

	// Replay.
	{"first reading", verifier.OK, seen(nil)},
	{"read 10 s ago", verifier.OK, seen(seconds(10))},
	{"read 11 s ago", verifier.AlreadyShown, seen(seconds(11))},
	{"read 10 s ahead", verifier.OK, seen(seconds(-10))},
	{"read 11 s ahead", verifier.AlreadyShown, seen(seconds(-11))},

	// Photo and level.
	{"matched photo", verifier.OK, answer(verifier.ChallengeOpen, code{}, photo(verifier.PhotoMatched, photoHash, verifier.L3))},
	{"plastic photo", verifier.OK, answer(verifier.ChallengeOpen, code{}, photo(verifier.PhotoPlastic, [20]byte{}, verifier.L3))},
	{"matched photo, broadcast", verifier.LevelTooLow, with(code{}, photo(verifier.PhotoMatched, photoHash, verifier.L3))},
	{"another photo", verifier.PhotoMismatch, answer(verifier.ChallengeOpen, code{}, photo(verifier.PhotoMatched, [20]byte{1}, verifier.L3))},
	{"a photo, but none signed", verifier.PhotoMismatch, answer(verifier.ChallengeOpen, code{edit: func(c *credential.Claims) {
		c.PhotoHash, c.HasPhoto = [20]byte{}, false
	}}, photo(verifier.PhotoMatched, [20]byte{}, verifier.L3))},
	{"no photo", verifier.LevelTooLow, answer(verifier.ChallengeOpen, code{}, photo(verifier.PhotoNone, photoHash, verifier.L3))},
	{"a kind of photo that does not exist", verifier.LevelTooLow, answer(verifier.ChallengeOpen, code{}, photo(verifier.PhotoKind(9), photoHash, verifier.L3))},
	{"level 4", verifier.LevelTooLow, answer(verifier.ChallengeOpen, code{}, photo(verifier.PhotoMatched, photoHash, verifier.L4))},
	{"level lowered by the caller", verifier.LevelTooLow, with(code{noBeacon: true}, func(in *verifier.Input) { in.MinLevel = verifier.L1 })},

	// Two faults.
	{"revoked and old code", verifier.Revoked, plain(code{edit: status(indexRevoked), at: now.Add(-time.Hour)})},
	{"revoked and clocks differ", verifier.Revoked, plain(code{edit: status(indexRevoked), at: now.Add(-5 * time.Minute)})},
	{"suspended and expired", verifier.Suspended, plain(code{edit: func(c *credential.Claims) { status(indexSuspended)(c); expires(now)(c) }})},
	{"foreign body and revoked", verifier.IssuerBody, func(w *world) verifier.Input {
		k := w.iss[council]
		return w.input(w.text(code{issuer: &k, edit: status(indexRevoked)}))
	}},
	{"forged and expired bundle", verifier.IssuerSignature, func(w *world) verifier.Input {
		in := bent(flipTokenSignature)(w)
		in.At = base.Add(30 * day)
		return in
	}},
	{"stale status and clocks differ", verifier.StatusStale, at(base.Add(3*day), code{at: base.Add(3*day - 300*time.Second)})},
	{"fault inside", verifier.Internal, answer(verifier.ChallengeOpen, code{}, func(in *verifier.Input) {
		in.Nonce = func([16]byte, [32]byte) verifier.ChallengeState { panic("Гончарук") }
	})},
}

func seconds(n int) *time.Time { when := now.Add(-time.Duration(n) * time.Second); return &when }

func seen(first *time.Time) func(w *world) verifier.Input {
	return with(code{}, func(in *verifier.Input) {
		in.Seen = func([32]byte) (time.Time, bool) {
			if first == nil {
				return time.Time{}, false
			}
			return *first, true
		}
	})
}

func photo(kind verifier.PhotoKind, hash [20]byte, want verifier.Level) func(in *verifier.Input) {
	return func(in *verifier.Input) { in.Photo, in.MinLevel = verifier.Photo{Kind: kind, Hash: hash}, want }
}

func issued(when time.Time) func(*credential.Claims) {
	return func(c *credential.Claims) {
		c.IssuedAt = when
		c.ExpiresAt = when.Add(30 * day)
	}
}

func expires(when time.Time) func(*credential.Claims) {
	return func(c *credential.Claims) { c.ExpiresAt = when }
}

func stranger(when time.Time) func(w *world) verifier.Input {
	return func(w *world) verifier.Input {
		k := issuerKey(w.tb, "stranger")
		return at(when, code{issuer: &k})(w)
	}
}

func classed(class trust.Class, when time.Time) func(w *world) verifier.Input {
	return func(w *world) verifier.Input {
		in := at(when, code{})(w)
		in.Class = class
		return in
	}
}

// highS replaces the signature at an offset by its twin with s mirrored.
func highS(b []byte, from int) []byte {
	sig := flipS(b[from : from+64])
	copy(b[from:], sig)
	return b
}

// flipTokenSignature changes one bit of r of the token's signature, which ends where the unprotected map of the
// presentation begins.
func flipTokenSignature(b []byte) []byte {
	b[tokenSignature(b)+5] ^= 1
	return b
}

// tokenSignature is the offset of the issuer's signature in a presentation: the last byte string of the token.
func tokenSignature(b []byte) int {
	token := tokenOf(b)
	return strings.Index(string(b), string(token)) + len(token) - 64
}

func TestScenarios(t *testing.T) {
	w := newWorld(t)
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			w.tb = t
			in := s.make(w)
			v := expect(t, in, s.want)
			if again := verifier.Verify(in); !reflect.DeepEqual(v, again) {
				t.Error("the same input gave another verdict")
			}
			if (v.Err() == nil) != (s.want == verifier.OK) {
				t.Errorf("Err() = %v for %s", v.Err(), s.want)
			}
			if err := v.Err(); err != nil && (!errors.Is(err, s.want) || !strings.HasPrefix(err.Error(), "verifier: ") || !strings.HasSuffix(err.Error(), "["+string(s.want)+"]")) {
				t.Errorf("error %q does not carry its code", err)
			}
		})
	}
}

func TestEveryCodeIsReached(t *testing.T) {
	reached := map[verifier.Code]bool{}
	for _, s := range scenarios {
		reached[s.want] = true
	}
	for _, s := range otherWorlds {
		reached[s.want] = true
	}
	for _, c := range verifier.Codes() {
		if !reached[c] && !ofCards(c) {
			t.Errorf("no scenario ends in %s", c)
		}
	}
}

// otherWorlds are scenarios that need another bundle than the plain one.
var otherWorlds = []struct {
	name string
	want verifier.Code
	edit func(w *world)
	make func(w *world) verifier.Input
}{
	{"compromised key", verifier.IssuerKeyCompromised, func(w *world) { end(w, trust.Ending{Compromised: true}) }, plain(code{})},
	{"compromised key, early token", verifier.IssuerKeyCompromised, func(w *world) { end(w, trust.Ending{Compromised: true}) },
		plain(code{edit: func(c *credential.Claims) { c.IssuedAt = base.Add(-19 * day) }})},
	{"issued when the key was retired", verifier.StatusUnknown, func(w *world) { end(w, trust.Ending{RetiredAt: base.Add(-10 * day)}) }, plain(code{})},
	{"issued 1 s after the key was retired", verifier.IssuerKeyRetired, func(w *world) { end(w, trust.Ending{RetiredAt: base.Add(-10*day - time.Second)}) }, plain(code{})},
	{"retired key, list by the new one", verifier.OK, func(w *world) {
		k := issuerKey(w.tb, "second key")
		w.admit(ministry, k, trust.Grant{ValidFrom: base.Add(-20 * day)})
		end(w, trust.Ending{RetiredAt: base.Add(-10 * day)})
		w.carryUnder(ministry, base.Add(time.Minute), 0, nil, k)
	}, plain(code{})},
	{"kind not granted", verifier.IssuerKind, func(w *world) {
		w.iss["cards"] = issuerKey(w.tb, "cards only")
		w.admit(ministry, w.iss["cards"], trust.Grant{ValidFrom: base.Add(-20 * day), Kinds: []uint8{2}})
	}, func(w *world) verifier.Input {
		k := w.iss["cards"]
		return w.input(w.text(code{issuer: &k}))
	}},
	{"second key of the body", verifier.OK, func(w *world) {
		w.iss["second"] = issuerKey(w.tb, "second key")
		w.admit(ministry, w.iss["second"], trust.Grant{ValidFrom: base.Add(-20 * day)})
	}, func(w *world) verifier.Input {
		k := w.iss["second"]
		return w.input(w.text(code{issuer: &k}))
	}},
	{"policy of level 1, no beacon", verifier.OK, func(w *world) { policy(w, trust.ClassPolicy{MinLevel: 1}) }, plain(code{noBeacon: true})},
	{"policy of level 1, raised by the caller", verifier.LevelTooLow, func(w *world) { policy(w, trust.ClassPolicy{MinLevel: 1}) },
		with(code{noBeacon: true}, func(in *verifier.Input) { in.MinLevel = verifier.L2 })},
	{"policy of level 1, clocks differ", verifier.ClockDiffers, func(w *world) { policy(w, trust.ClassPolicy{MinLevel: 1}) }, aged(300)},
	{"policy of level 3", verifier.LevelTooLow, func(w *world) { policy(w, trust.ClassPolicy{MinLevel: 3}) }, plain(code{})},
	{"policy of level 3, lowered by the caller", verifier.LevelTooLow, func(w *world) { policy(w, trust.ClassPolicy{MinLevel: 3}) },
		with(code{}, func(in *verifier.Input) { in.MinLevel = verifier.L1 })},
	{"policy of 7 days for a status", verifier.OK, func(w *world) { policy(w, trust.ClassPolicy{StatusAge: 7 * day}) },
		at(base.Add(7*day), code{})},
	{"policy of 7 days for a status, 1 s more", verifier.StatusStale, func(w *world) { policy(w, trust.ClassPolicy{StatusAge: 7 * day}) },
		at(base.Add(7*day+61*time.Second), code{})},
	{"reissued list, revoked since", verifier.Revoked, func(w *world) {
		w.carry(ministry, base.Add(time.Minute), 0, map[uint32]trust.StatusValue{indexValid: trust.StatusInvalid})
	}, plain(code{})},
	{"list of another number", verifier.OK, func(w *world) { w.carry(ministry, base.Add(time.Minute), 4095, nil) },
		plain(code{edit: func(c *credential.Claims) { c.Status, _ = credential.NewStatusRef(4095, indexValid) }})},
}

func end(w *world, e trust.Ending) {
	if err := w.reg.EndKey(w.iss[ministry].IssuerPublic().Thumbprint(), e); err != nil {
		w.tb.Fatal(err)
	}
}

func policy(w *world, p trust.ClassPolicy) {
	if err := w.reg.SetPolicy(trust.Policy{Classes: map[trust.Class]trust.ClassPolicy{trust.ClassCheckpoint: p}}); err != nil {
		w.tb.Fatal(err)
	}
}

func TestOtherWorlds(t *testing.T) {
	for _, s := range otherWorlds {
		t.Run(s.name, func(t *testing.T) {
			w := newWorld(t)
			s.edit(w)
			w.publish(base.Add(time.Minute))
			expect(t, s.make(w), s.want)
		})
	}
}

func TestReplayKeepsTheVerdict(t *testing.T) {
	w := newWorld(t)
	in := w.input(w.text(code{at: now.Add(-89 * time.Second)}))
	first := expect(t, in, verifier.OK)
	in.At = now.Add(9 * time.Second) // 98 s old by now: on its own it would be outside the window
	expect(t, in, verifier.ClockDiffers)
	in.Seen = func(key [32]byte) (time.Time, bool) { return now, key == first.ReplayKey }
	if v := expect(t, in, verifier.OK); v.ClockOffset != first.ClockOffset {
		t.Errorf("offset %s, first reading had %s", v.ClockOffset, first.ClockOffset)
	}
	in.At = now.Add(11 * time.Second)
	expect(t, in, verifier.AlreadyShown)
}

func TestPanicCannotConfirm(t *testing.T) {
	w := newWorld(t)
	in := w.input(w.text(code{}))
	in.Seen = func([32]byte) (time.Time, bool) { panic("Гончарук Тарас Григорович") }
	v := expect(t, in, verifier.Internal)
	if v.Holder != nil || v.Issuer != nil || v.Level != 0 || v.ReplayKey != [32]byte{} {
		t.Errorf("a broken verdict still shows %+v", v)
	}
	if strings.Contains(v.InternalDetail(), "Гончарук") || v.InternalDetail() == "" {
		t.Errorf("detail %q", v.InternalDetail())
	}
	in.Seen = func([32]byte) (time.Time, bool) { return []time.Time{}[len(in.Text)], true }
	if v := expect(t, in, verifier.Internal); !strings.Contains(v.InternalDetail(), "index out of range") {
		t.Errorf("detail of a runtime error: %q", v.InternalDetail())
	}
}

func TestNoPersonalDataBeforeSignatures(t *testing.T) {
	w := newWorld(t)
	for _, s := range scenarios {
		in := s.make(w)
		v := verifier.Verify(in)
		passed := v.Checks[verifier.CheckIssuerSignature].Result == verifier.Pass && v.Checks[verifier.CheckHolderSignature].Result == verifier.Pass &&
			v.Checks[verifier.CheckIssuerRight].Result == verifier.Pass
		if (v.Holder != nil) && !passed {
			t.Errorf("%s: holder shown without its signatures", s.name)
		}
		if !passed && v.Level != 0 {
			t.Errorf("%s: level %d without signatures and right", s.name, v.Level)
		}
		text, err := v.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		_, cause, next := v.Text("uk")
		if !passed && strings.Contains(string(text)+cause+next+fmt.Sprint(v.Err()), "Гончарук") {
			t.Errorf("%s: a name without its signatures in %s", s.name, text)
		}
		if strings.Contains(fmt.Sprint(v.Err())+cause+next, "Гончарук") {
			t.Errorf("%s: a name in an error or in a text", s.name)
		}
	}
}

func TestEveryCodeHasTexts(t *testing.T) {
	known := map[string]bool{}
	causes := map[verifier.Cause]bool{}
	for _, c := range verifier.Codes() {
		known[string(c)] = true
		if !locale.Has(string(c)) {
			t.Errorf("code %s lacks a text in one of %v", c, locale.Languages())
		}
		if locale.Step(string(c)) != string(c.Cause()) {
			t.Errorf("code %s: cause %s, but its texts are of cause %s", c, c.Cause(), locale.Step(string(c)))
		}
		if c != verifier.OK {
			causes[c.Cause()] = true
		}
	}
	for _, c := range locale.Codes() {
		if !known[c] {
			t.Errorf("texts of a code that does not exist: %s", c)
		}
	}
	if len(causes) > 16 {
		t.Errorf("%d causes, a guard learns at most 16", len(causes))
	}
	next := map[string]verifier.Cause{}
	for _, c := range verifier.Codes() {
		step := locale.NextStep("uk", string(c))
		if cause, ok := next[step]; ok && cause != c.Cause() {
			t.Errorf("causes %s and %s have one next step", cause, c.Cause())
		}
		next[step] = c.Cause()
	}
}

func TestPrecedenceHasNoCodeTwice(t *testing.T) {
	all := verifier.Codes()
	place := map[verifier.Code]int{}
	last := verifier.Refuse
	for i, c := range all {
		if _, twice := place[c]; twice {
			t.Errorf("%s stands twice", c)
		}
		place[c] = i
		if c.Outcome() < last {
			t.Errorf("%s stands after a code of a weaker outcome", c)
		}
		last = c.Outcome()
	}
	if all[len(all)-1] != verifier.OK || verifier.OK.Outcome() != verifier.Accept {
		t.Error("ok is not the last")
	}
	for _, c := range all[:len(all)-1] {
		if c.Outcome() == verifier.Accept {
			t.Errorf("%s accepts", c)
		}
	}
}

func TestSimulatedIsNotAcceptance(t *testing.T) {
	w := newWorld(t)
	in := w.input(w.text(code{}))
	in.Simulated = true
	v := expect(t, in, verifier.OK)
	if !v.Simulated || !errors.Is(v.Err(), verifier.ErrSimulated) {
		t.Errorf("a simulated verdict is taken for a real one: %v", v.Err())
	}
}

func TestSuspectedClock(t *testing.T) {
	w := newWorld(t)
	fresh := base.Add(time.Minute) // the newest beacon is of base, the code claims to be older than it
	in := w.input(w.text(code{at: fresh.Add(-200 * time.Second)}))
	in.At = fresh
	v := expect(t, in, verifier.ClockDiffers)
	if _, cause, _ := v.Text("uk"); !strings.Contains(cause, "Імовірно, хибить годинник телефона") {
		t.Errorf("the phone's clock is not suspected: %s", cause)
	}
	in = w.input(w.text(code{at: base.Add(100 * time.Second)}))
	in.At = base.Add(-30 * time.Second) // the bundle is from the future
	v = expect(t, in, verifier.ClockDiffers)
	if _, cause, _ := v.Text("en"); !strings.Contains(cause, "This device's clock") {
		t.Errorf("the device's clock is not suspected: %s", cause)
	}
	v = expect(t, aged(300)(w), verifier.ClockDiffers)
	if _, cause, _ := v.Text("uk"); strings.Contains(cause, "Імовірно") {
		t.Errorf("somebody's clock is suspected without a ground: %s", cause)
	}
}

func TestTimeTravel(t *testing.T) {
	w := newWorld(t)
	times := []time.Time{{}, time.Unix(0, 0), time.Unix(math.MinInt64, 0), time.Unix(math.MaxInt64, 0), base.AddDate(-10, 0, 0), time.Unix(-1, 0),
		time.Unix(1<<31-1, 0), time.Unix(1<<31, 0), time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}
	end := w.claims().ExpiresAt
	for _, edge := range []time.Time{base, now, base.Add(-120 * time.Second), base.Add(24 * time.Hour), base.Add(8 * day), end} {
		for _, d := range []time.Duration{-time.Second, -time.Nanosecond, 0, time.Nanosecond, time.Second} {
			times = append(times, edge.Add(d))
		}
	}
	for _, kyiv := range []string{"2026-10-25T00:59:59Z", "2026-10-25T01:00:00Z", "2027-03-28T01:00:00Z", "2026-12-31T23:59:59Z", "2016-12-31T23:59:59Z"} {
		when, err := time.Parse(time.RFC3339, kyiv)
		if err != nil {
			t.Fatal(err)
		}
		times = append(times, when)
	}
	texts := map[string]time.Time{}
	for _, made := range []time.Time{base.Add(-10 * time.Minute), base, now.Add(-30 * time.Second), base.Add(24 * time.Hour), base.Add(8*day - time.Minute), end, end.Add(time.Hour)} {
		texts[w.text(code{at: made})] = made
	}
	accepted, all := 0, 0
	for text, made := range texts {
		for _, when := range times {
			for _, floor := range []time.Time{{}, base, when.Add(120 * time.Second), when.Add(121 * time.Second)} {
				for _, lost := range []error{nil, errors.New("lost")} {
					in := w.input(text)
					in.At, in.Floor, in.FloorErr = when, floor, lost
					v := verifier.Verify(in)
					all++
					if v.Outcome != verifier.Accept {
						continue
					}
					accepted++
					age := when.Unix() - made.Unix()
					floorOK := !base.After(when.Add(121*time.Second-1)) && floor.Unix()-when.Unix() <= 120
					if lost != nil || !floorOK || age < -60 || age > 90 || when.Unix() >= end.Unix() || when.Unix() > base.Add(24*time.Hour).Unix() {
						t.Errorf("accepted at %s a code of %s, floor %s, lost %v", when, made, floor, lost)
					}
				}
			}
		}
	}
	if accepted == 0 || accepted > all/4 {
		t.Errorf("%d of %d accepted: the grid is not what it was meant to be", accepted, all)
	}
	t.Logf("%d points, %d accepted, none of them outside its times", all, accepted)
}

func TestBodiesAreApart(t *testing.T) {
	w := emptyWorld(t, "operator")
	const n = 12
	bodies := make([]string, n)
	for i := range bodies {
		bodies[i] = fmt.Sprintf("2%07d", i)
		w.iss[bodies[i]] = issuerKey(t, "body "+bodies[i])
		w.admit(bodies[i], w.iss[bodies[i]], trust.Grant{ValidFrom: base.Add(-20 * day)})
		w.carry(bodies[i], base, 0, nil)
	}
	w.publish(base)
	for _, a := range bodies {
		for _, b := range bodies {
			k := w.iss[a]
			in := w.input(w.text(code{issuer: &k, edit: func(c *credential.Claims) { c.Issuer = b }}))
			want := verifier.IssuerBody
			if a == b {
				want = verifier.OK
			}
			v := expect(t, in, want)
			if a != b && (v.Holder != nil || v.Issuer != nil) {
				t.Errorf("key of %s shows a person or a body of %s", a, b)
			}
		}
	}
}

func TestCheckToken(t *testing.T) {
	w := newWorld(t)
	check := func(name string, token []byte, b *trust.Bundle, when time.Time, want verifier.Code) {
		t.Helper()
		err := verifier.CheckToken(token, b, when)
		if want == verifier.OK {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			return
		}
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
	token := w.token(code{})
	check("good", token, w.bundle, now, verifier.OK)
	check("static", w.token(code{edit: func(c *credential.Claims) {
		c.Kind = credential.KindStatic
		c.Holder = credential.Claims{}.Holder
	}}), w.bundle, now, verifier.OK)
	check("revoked is not asked", w.token(code{edit: status(indexRevoked)}), w.bundle, now, verifier.OK)
	check("no bundle", token, nil, now, verifier.NoBundle)
	check("unpinned", token, must[*trust.Bundle](t)(trust.OpenUnpinned(w.data)), now, verifier.NoRoot)
	check("expired bundle", token, w.bundle, base.Add(8*day), verifier.BundleExpired)
	check("clock behind", token, w.bundle, base.Add(-121*time.Second), verifier.ClockBehind)
	check("not a token", []byte{1}, w.bundle, now, verifier.Malformed)
	check("a presentation", w.bytes(code{}), w.bundle, now, verifier.Malformed)
	k := w.iss[council]
	check("foreign body", w.token(code{issuer: &k}), w.bundle, now, verifier.IssuerBody)
	s := issuerKey(t, "stranger")
	check("unknown key", w.token(code{issuer: &s}), w.bundle, now, verifier.IssuerUnknown)
	check("too long", w.token(code{edit: func(c *credential.Claims) { c.ExpiresAt = c.IssuedAt.Add(31 * day) }}), w.bundle, now, verifier.IssuerLife)
	check("expired", w.token(code{edit: expires(now)}), w.bundle, now, verifier.Expired)
	check("not yet valid", w.token(code{edit: issued(now.Add(121 * time.Second))}), w.bundle, now, verifier.NotYetValid)
	bad := append([]byte(nil), token...)
	bad[len(bad)-1] ^= 1
	check("bad signature", bad, w.bundle, now, verifier.IssuerSignature)
	for i := range token {
		cut := token[:i]
		if err := verifier.CheckToken(cut, w.bundle, now); err == nil {
			t.Fatalf("the first %d bytes of a token pass", i)
		}
	}
}

func TestErrorsNameWhatHelps(t *testing.T) {
	w := newWorld(t)
	k := issuerKey(t, "stranger")
	v := verifier.Verify(w.input(w.text(code{issuer: &k})))
	want := fmt.Sprintf("verifier: issuer key %s not in bundle 10, which is 1h0m0s old [issuer-unknown]", k.IssuerPublic().KeyID())
	if err := v.Err(); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	v = verifier.Verify(aged(660)(w))
	if err := v.Err(); err == nil || err.Error() != "verifier: code made 11m0s ago, refused after 10m0s [presentation-stale]" {
		t.Errorf("%v", err)
	}
	v = verifier.Verify(at(base.Add(26*time.Hour), code{})(w))
	if err := v.Err(); err == nil || err.Error() != "verifier: status list is 26h0m0s old, policy allows 24h0m0s [status-stale]" {
		t.Errorf("%v", err)
	}
	for _, c := range verifier.Codes() {
		if c == verifier.OK || c == verifier.Internal {
			continue
		}
		v := verifier.Verdict{Outcome: c.Outcome(), Code: c}
		if err := v.Err(); err == nil || strings.Contains(err.Error(), "unexpected fault") {
			t.Errorf("%s has no detail of its own: %v", c, err)
		}
	}
}

func TestInputIsOnlyRead(t *testing.T) {
	w := newWorld(t)
	in := w.input(w.text(code{}))
	before := in
	verifier.Verify(in)
	if in.Text != before.Text || in.At != before.At || in.Bundle != before.Bundle || in.Floor != before.Floor {
		t.Error("Verify changed its input")
	}
}

// FuzzVerify: any text whatever gives a verdict that does not accept, unless it is one of the seeds that do.
func FuzzVerify(f *testing.F) {
	w := newWorld(f)
	accepted := map[string]bool{}
	for _, s := range scenarios {
		in := s.make(w)
		f.Add(in.Text)
		plain := w.input(in.Text)
		if verifier.Verify(plain).Outcome == verifier.Accept {
			accepted[in.Text] = true
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		v := verifier.Verify(w.input(text))
		if v.Outcome == verifier.Accept && !accepted[text] {
			t.Errorf("accepted a text that nobody made: %q", text)
		}
		if v.Code == verifier.Internal {
			t.Errorf("internal: %s", v.InternalDetail())
		}
	})
}

// TestNoCode (VER-46): a picture without a code is no verdict about anybody, and nothing of a text that came with it is used.
func TestNoCode(t *testing.T) {
	w := newWorld(t)
	in := w.input(w.text(code{}))
	in.Unread = true
	v := expect(t, in, verifier.NoCode)
	if v.Outcome != verifier.CannotConfirm || v.Holder != nil || v.Issuer != nil || v.Level != verifier.L0 {
		t.Errorf("a picture without a code gave %v, holder %v", v.Outcome, v.Holder)
	}
	in.BundleErr, in.Bundle = verifier.NoRoot, nil
	expect(t, in, verifier.NoRoot)
}
