package checkpoint

import (
	"testing"
	"time"
	"unsafe"

	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/trust"
	"github.com/posvid/posvid/verifier"
)

// withPhoto gives the holder of w a token that names a picture, and returns the picture.
func (w *world) withPhoto(index uint32) (jpeg []byte, hash [20]byte) {
	w.tb.Helper()
	jpeg = portrait(7)
	hash = photoHash(jpeg)
	ref := must[credential.StatusRef](w.tb)(credential.NewStatusRef(0, index))
	claims := credential.Claims{Issuer: body, Number: "АА 004022", IssuedAt: base, ExpiresAt: base.Add(30 * day), Holder: w.holder.HolderPublic(),
		Name: "Гончарук Т. Г.", PhotoHash: hash, HasPhoto: true, Status: ref}
	w.token = must[[]byte](w.tb)(credential.SignToken(must[[]byte](w.tb)(credential.EncodePayload(&claims)), w.issuer))
	return jpeg, hash
}

// revoke makes the next bundle, in which the token with the given index is revoked.
func (w *world) revoke(index uint32) {
	w.tb.Helper()
	at := base.Add(time.Duration(len(w.bundles)) * time.Hour)
	b := must[*trust.StatusListBuilder](w.tb)(trust.NewStatusListBuilder(64))
	if err := b.Set(index, trust.StatusInvalid); err != nil {
		w.tb.Fatal(err)
	}
	list := must[[]byte](w.tb)(trust.SignStatusList(body, 0, at, b, w.issuer))
	if err := w.reg.Carry(must[[]byte](w.tb)(trust.Publication{EDRPOU: body, StatusLists: [][]byte{list}}.Encode()), at); err != nil {
		w.tb.Fatal(err)
	}
	data := must[[]byte](w.tb)(w.reg.BuildBundle(at, w.signer, func(n uint64) ([8]byte, error) { b, _ := w.chain.At(n); return b, nil }))
	w.bundles = append(w.bundles, data)
}

// answer is a code that answers a fresh challenge of s.
func (w *world) answer(s *State, k keys.VerifierPrivateKey, n int, at time.Time) string {
	w.tb.Helper()
	_, c, err := s.NewChallenge(k, at)
	if err != nil {
		w.tb.Fatal(err)
	}
	return w.code(at, n, credential.VerifierAudience(c.VerifierID), c.Nonce[:])
}

func TestConfirmPhotoAfterAnAnswer(t *testing.T) {
	for _, boot := range []bool{true, false} {
		w := worldOf(t, 1)
		_, hash := w.withPhoto(3)
		s, k, n := enrolledDevice(t, w)
		clock := &fakeBoot{"one", time.Hour, boot}
		s.clock = clock.now
		at := after(n)
		in := verifier.Input{Text: w.answer(s, k, n, at), At: at}
		if v := s.Verify(in, Gate{Record: true}); v.Outcome != verifier.Accept || v.Level != verifier.L2 || !v.HasStatus || v.Status != 3 {
			t.Fatalf("the reading: %s, level %d, status %d", v.Code, v.Level, v.Status)
		}
		seen := everything(t, s.dir)
		matched := verifier.Photo{Kind: verifier.PhotoMatched, Hash: hash}
		for _, c := range []struct {
			name  string
			photo verifier.Photo
			wait  time.Duration
			want  verifier.Code
			level verifier.Level
		}{
			{"half a minute", matched, 30 * time.Second, verifier.OK, verifier.L3},
			{"the same second", matched, 0, verifier.OK, verifier.L3},
			{"the last second", matched, ConfirmTerm, verifier.OK, verifier.L3},
			{"printed on the plastic", verifier.Photo{Kind: verifier.PhotoPlastic}, 30 * time.Second, verifier.OK, verifier.L3},
			{"no picture at all", verifier.Photo{}, 30 * time.Second, verifier.OK, verifier.L2},
			{"another picture", verifier.Photo{Kind: verifier.PhotoMatched, Hash: [20]byte{1}}, 30 * time.Second, verifier.PhotoMismatch, verifier.L2},
			{"too late", matched, ConfirmTerm + time.Second, verifier.AlreadyShown, verifier.L1},
			{"an hour later", matched, time.Hour, verifier.AlreadyShown, verifier.L1},
			{"a clock that was set back", matched, -5 * time.Second, verifier.AlreadyShown, verifier.L1},
		} {
			clock.since = time.Hour + c.wait
			v := s.ConfirmPhoto(in, c.photo, at.Add(c.wait))
			if v.Code != c.want || v.Level > c.level || c.want == verifier.OK && v.Level != c.level {
				t.Errorf("boot clock %v, %s: %s, level %d; want %s, level %d", boot, c.name, v.Code, v.Level, c.want, c.level)
			}
			if c.want != verifier.OK && v.Outcome != verifier.CannotConfirm {
				t.Errorf("%s: %s", c.name, v.Outcome)
			}
		}
		// The wall clock alone does not stretch it: by the clock since boot the answer is two minutes old.
		clock.since = time.Hour + 2*time.Minute
		if v := s.ConfirmPhoto(in, matched, at.Add(5*time.Second)); boot && (v.Code != verifier.NonceUsed || v.Outcome != verifier.CannotConfirm) {
			t.Errorf("two minutes by the boot clock: %s", v.Code)
		}
		clock.since, clock.boot = time.Hour, "two"
		if v := s.ConfirmPhoto(in, matched, at.Add(5*time.Second)); boot && v.Code != verifier.NonceUsed {
			t.Errorf("after a restart: %s", v.Code)
		}
		clock.boot = "one"
		if !equal(seen, everything(t, s.dir)) {
			t.Error("confirming wrote something")
		}
		// The code itself stays used.
		clock.since = time.Hour + 30*time.Second
		in.At = at.Add(30 * time.Second)
		if v := s.Verify(in, Gate{Record: true}); v.Outcome == verifier.Accept {
			t.Errorf("the same code shown again: %s", v.Code)
		}
	}
}

func TestConfirmPhotoNeedsThatReading(t *testing.T) {
	w := worldOf(t, 1)
	_, hash := w.withPhoto(3)
	s, k, n := enrolledDevice(t, w)
	at := after(n)
	matched := verifier.Photo{Kind: verifier.PhotoMatched, Hash: hash}
	answered := w.answer(s, k, n, at)
	if v := s.ConfirmPhoto(verifier.Input{Text: answered, At: at}, matched, at.Add(20*time.Second)); v.Code != verifier.NoCode || v.Holder != nil {
		t.Errorf("an answer that was never read: %s", v.Code)
	}
	s.Verify(verifier.Input{Text: answered, At: at}, Gate{Record: true})

	other := w.answer(s, k, n, at)
	if v := s.ConfirmPhoto(verifier.Input{Text: other, At: at}, matched, at.Add(20*time.Second)); v.Code != verifier.NoCode {
		t.Errorf("another answer: %s", v.Code)
	}
	// Not recorded, because a file is looked at without the gate: an answer uses up its challenge, but nobody stands there.
	if v := s.Verify(verifier.Input{Text: other, At: at}, Gate{}); v.Outcome != verifier.Accept {
		t.Fatalf("%s", v.Code)
	}
	if v := s.ConfirmPhoto(verifier.Input{Text: other, At: at}, matched, at.Add(20*time.Second)); v.Code != verifier.NoCode {
		t.Errorf("a reading without a record: %s", v.Code)
	}
	// A second answer to a challenge that is used up: read, recorded, and not to be confirmed.
	_, ask, err := s.NewChallenge(k, at)
	if err != nil {
		t.Fatal(err)
	}
	audience := credential.VerifierAudience(ask.VerifierID)
	one, two := w.code(at, n, audience, ask.Nonce[:]), w.code(at.Add(time.Second), n, audience, ask.Nonce[:])
	s.Verify(verifier.Input{Text: one, At: at}, Gate{Record: true})
	if v := s.Verify(verifier.Input{Text: two, At: at}, Gate{Record: true}); v.Code != verifier.NonceUsed {
		t.Fatalf("second answer: %s", v.Code)
	}
	if v := s.ConfirmPhoto(verifier.Input{Text: two, At: at}, matched, at.Add(5*time.Second)); v.Code != verifier.NonceUsed || v.Level == verifier.L3 {
		t.Errorf("the second answer confirmed: %s, level %d", v.Code, v.Level)
	}
	for name, c := range map[string]struct {
		text string
		at   time.Time
		want verifier.Code
	}{
		"another time than the reading's": {answered, at.Add(15 * time.Second), verifier.AlreadyShown},
		"a time before the reading":       {answered, at.Add(-15 * time.Second), verifier.AlreadyShown},
		"no service ID":                   {"HTTPS://EXAMPLE.INVALID/", at, verifier.NotAServiceID},
		"cut":                             {answered[:len(answered)-9], at, verifier.Malformed},
		"nothing":                         {"", at, verifier.NotAServiceID},
	} {
		v := s.ConfirmPhoto(verifier.Input{Text: c.text, At: c.at}, matched, at.Add(20*time.Second))
		if v.Outcome == verifier.Accept || v.Code != c.want && c.want != verifier.Malformed {
			t.Errorf("%s: %s, want %s", name, v.Code, c.want)
		}
	}
	empty := must[*State](t)(Open(t.TempDir()))
	if v := empty.ConfirmPhoto(verifier.Input{Text: answered, At: at}, matched, at); v.Code != verifier.NoRoot {
		t.Errorf("an empty device: %s", v.Code)
	}
}

func TestConfirmPhotoOfABroadcastCode(t *testing.T) {
	w := worldOf(t, 1)
	_, hash := w.withPhoto(3)
	s := w.device(1)
	at := after(1)
	in := verifier.Input{Text: w.code(at, 1, "", nil), At: at}
	s.Verify(in, Gate{Record: true})
	matched := verifier.Photo{Kind: verifier.PhotoMatched, Hash: hash}
	v := s.ConfirmPhoto(in, matched, at.Add(80*time.Second)) // the code is 90 s old by now, and 10 s old when it was read
	if v.Code != verifier.OK || v.Level != verifier.L2 || v.Checks[verifier.CheckPhoto].Result != verifier.Pass {
		t.Errorf("%s, level %d, photo %s", v.Code, v.Level, v.Checks[verifier.CheckPhoto].Result)
	}
	if v := s.ConfirmPhoto(in, verifier.Photo{Kind: verifier.PhotoMatched}, at.Add(time.Second)); v.Code != verifier.PhotoMismatch {
		t.Errorf("another picture: %s", v.Code)
	}
	in.MinLevel = verifier.L3
	if v := s.ConfirmPhoto(in, matched, at.Add(time.Second)); v.Code != verifier.LevelTooLow {
		t.Errorf("level 3 from a broadcast code: %s", v.Code)
	}
}

// asleep gives the time after a computer has slept: the time of day went on, the clock that Go reads beside it stood still.
func asleep(t *testing.T, at time.Time, d time.Duration) time.Time {
	later := at.Add(d)
	(*struct {
		wall uint64
		ext  int64
		loc  *time.Location
	})(unsafe.Pointer(&later)).ext -= int64(d)
	if later.Sub(at) != 0 || later.Round(0).Sub(at.Round(0)) != d {
		t.Fatal("time.Time is laid out in another way")
	}
	return later
}

// TestConfirmPhotoAfterSleep: the term of a reading is over by the time of day too.
func TestConfirmPhotoAfterSleep(t *testing.T) {
	w := worldOf(t, 1)
	_, hash := w.withPhoto(3)
	s := w.device(1)
	at := time.Now()
	at = at.Add(after(1).Sub(at)) // with both clocks
	in := verifier.Input{Text: w.code(at, 1, "", nil), At: at}
	s.Verify(in, Gate{Record: true})
	matched := verifier.Photo{Kind: verifier.PhotoMatched, Hash: hash}
	for wait, want := range map[time.Duration]verifier.Code{ConfirmTerm: verifier.OK, ConfirmTerm + time.Second: verifier.AlreadyShown, time.Hour: verifier.AlreadyShown} {
		if v := s.ConfirmPhoto(in, matched, asleep(t, at, wait)); v.Code != want {
			t.Errorf("after %s of sleep: %s, want %s", wait, v.Code, want)
		}
	}
	if v := s.ConfirmPhoto(in, matched, at.Add(time.Second)); v.Code != verifier.OK {
		t.Errorf("a second later: %s", v.Code)
	}
}

func TestConfirmPhotoSeesARevocation(t *testing.T) {
	w := worldOf(t, 1)
	_, hash := w.withPhoto(3)
	s, k, n := enrolledDevice(t, w)
	w.revoke(3)
	at := after(n).Add(58 * time.Minute) // the next bundle is of a minute later
	in := verifier.Input{Text: w.answer(s, k, n, at), At: at}
	if v := s.Verify(in, Gate{Record: true}); v.Outcome != verifier.Accept {
		t.Fatalf("%s", v.Code)
	}
	old := must[*trust.Bundle](t)(s.Bundle())
	must[Report](t)(s.Install(w.bundles[n+1], at.Add(time.Minute)))
	matched := verifier.Photo{Kind: verifier.PhotoMatched, Hash: hash}
	if v := s.ConfirmPhoto(in, matched, at.Add(70*time.Second)); v.Code != verifier.Revoked || v.Outcome != verifier.Refuse {
		t.Errorf("revoked meanwhile: %s", v.Code)
	}
	in.Bundle = old
	if v := s.ConfirmPhoto(in, matched, at.Add(70*time.Second)); v.Code != verifier.Revoked {
		t.Errorf("revoked meanwhile, with the old bundle in hand: %s", v.Code)
	}
	if v := s.ConfirmPhoto(in, matched, at.Add(10*time.Minute)); v.Code != verifier.Revoked {
		t.Errorf("revoked meanwhile, and too late: %s", v.Code)
	}
}
