package checkpoint

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/crypto/keys/authority"
	"github.com/posvid/posvid/trust"
	"github.com/posvid/posvid/verifier"
)

// gatePolicy is a policy of the gate's device, of an hour before bundle n was made.
func gatePolicy(n int, number uint64) trust.CheckpointPolicy {
	return trust.CheckpointPolicy{Body: body, Verifier: 77, Number: number, IssuedAt: after(n).Add(-time.Hour).Truncate(time.Second), ValidUntil: base.Add(30 * day)}
}

func (w *world) policy(p trust.CheckpointPolicy) []byte {
	w.tb.Helper()
	return must[[]byte](w.tb)(trust.SignCheckpointPolicy(p, w.issuer))
}

// answered reads the answer of the holder to a challenge of the device.
func (w *world) answered(s *State, k keys.VerifierPrivateKey, at time.Time, photo verifier.Photo) verifier.Verdict {
	w.tb.Helper()
	_, c, err := s.NewChallenge(k, at)
	if err != nil {
		w.tb.Fatal(err)
	}
	text := w.code(at.Add(10*time.Second), 0, credential.VerifierAudience(c.VerifierID), c.Nonce[:])
	return s.Verify(verifier.Input{Text: text, At: at, Photo: photo}, Gate{Record: true})
}

// CPA-20, CPA-21: a policy makes verdicts stricter in each of its ways, and looser in none.
func TestPolicyOnlyTightens(t *testing.T) {
	w, s, k, n := gate(t)
	at := after(n)
	number := uint64(0)
	next := func(change func(*trust.CheckpointPolicy)) {
		t.Helper()
		number++
		p := gatePolicy(n, number)
		change(&p)
		report, err := s.InstallPolicy(w.policy(p), at)
		if err != nil || !report.Changed || report.Number != number || report.Previous != number-1 {
			t.Fatalf("policy %d: %+v %v", number, report, err)
		}
	}
	look := func(shift time.Duration) verifier.Code {
		return s.Verify(verifier.Input{Text: w.code(at.Add(shift), n, "", nil), At: at.Add(shift)}, Gate{}).Code
	}
	expect := func(what string, got, want verifier.Code) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
	}
	expect("no policy", look(0), verifier.OK)
	next(func(p *trust.CheckpointPolicy) {})
	expect("a policy that asks for nothing", look(0), verifier.OK)
	next(func(p *trust.CheckpointPolicy) { p.MinLevel = 1; p.StatusAge = 7 * day; p.BeaconAge = 7 * day })
	expect("a loose one, status of four days", look(4*day), verifier.StatusStale)
	p, err := s.Policy(at)
	if err != nil || p.Level != verifier.L1 || p.Expired {
		t.Fatalf("%+v %v", p, err)
	}
	next(func(p *trust.CheckpointPolicy) { p.StatusAge = 2 * time.Hour })
	expect("status of two hours", look(2*time.Hour-2*time.Minute), verifier.OK)
	expect("status of more", look(2*time.Hour), verifier.StatusStale)
	next(func(p *trust.CheckpointPolicy) { p.BeaconAge = 2 * time.Hour })
	expect("beacon of two hours", look(2*time.Hour-2*time.Minute), verifier.OK)
	expect("beacon of more", look(2*time.Hour), verifier.LevelTooLow)
	next(func(p *trust.CheckpointPolicy) { p.MinLevel = 3 })
	expect("a broadcast code at level 3", look(0), verifier.LevelTooLow)
	plastic := verifier.Photo{Kind: verifier.PhotoPlastic}
	expect("an answer without a photo", w.answered(s, k, at, verifier.Photo{}).Code, verifier.LevelTooLow)
	expect("an answer with the plastic", w.answered(s, k, at, plastic).Code, verifier.OK)
	if in := s.Complete(verifier.Input{At: at, MinLevel: verifier.L4}); in.MinLevel != verifier.L4 {
		t.Errorf("a policy has lowered what the guard asked for: %d", in.MinLevel)
	}
	next(func(p *trust.CheckpointPolicy) { p.Photo = true })
	expect("the plastic where a matched picture is required", w.answered(s, k, at, plastic).Code, verifier.LevelTooLow)
	matched := verifier.Photo{Kind: verifier.PhotoMatched, Hash: w.photoHash(t)}
	expect("a matched picture", w.answered(s, k, at, matched).Code, verifier.OK)
	if in := s.Complete(verifier.Input{At: at, Photo: plastic}); in.Photo.Kind != verifier.PhotoNone || in.MinLevel != verifier.L3 {
		t.Errorf("a card: %+v level %d", in.Photo, in.MinLevel)
	}

	// After its term it is obeyed on, and told.
	late := base.Add(31 * day)
	p, err = s.Policy(late)
	if err != nil || !p.Expired || p.Level != verifier.L3 {
		t.Errorf("after its term: %+v %v", p, err)
	}
	if in := s.Complete(verifier.Input{At: late}); in.MinLevel != verifier.L3 {
		t.Errorf("after its term the level falls to %d", in.MinLevel)
	}
	old := gatePolicy(n, number+1)
	old.ValidUntil = old.IssuedAt.Add(time.Minute)
	if report, err := s.InstallPolicy(w.policy(old), at); err != nil || !report.Expired {
		t.Errorf("one whose term is over: %+v %v", report, err)
	}
}

// photoHash is that of the portrait in the holder's token.
func (w *world) photoHash(t *testing.T) [20]byte {
	t.Helper()
	token := must[*credential.UnverifiedToken](t)(credential.ParseToken(w.token))
	return must[*credential.Token](t)(token.Verify(w.issuer.IssuerPublic())).PhotoHash
}

// CPA-22: no older policy, no other one of the same number, none of another device or body, none of the future.
func TestPolicyRollback(t *testing.T) {
	w, s, _, n := gate(t)
	at := after(n)
	fifth := w.policy(gatePolicy(n, 5))
	must[PolicyReport](t)(s.InstallPolicy(fifth, at))
	before := filesOf(t, s.dir)
	strict := gatePolicy(n, 5)
	strict.MinLevel = 4
	other := gatePolicy(n, 9)
	other.Verifier = 78
	abroad := gatePolicy(n, 9)
	abroad.Body = "10000002"
	early := gatePolicy(n, 9)
	early.IssuedAt = at.Add(3 * time.Minute).Truncate(time.Second)
	stranger := must[authority.IssuerPrivateKey](t)(authority.IssuerKeyForVectors(cose.ESP256, "stranger"))
	for name, c := range map[string]struct {
		data []byte
		want error
	}{
		"an older one":           {w.policy(gatePolicy(n, 4)), trust.ErrRollback},
		"another of its number":  {w.policy(strict), trust.ErrFork},
		"of another device":      {w.policy(other), ErrPolicyOther},
		"of another body":        {w.policy(abroad), ErrPolicyOther},
		"of the future":          {w.policy(early), ErrPolicy},
		"by a key of nobody":     {must[[]byte](t)(trust.SignCheckpointPolicy(gatePolicy(n, 9), stranger)), trust.ErrPolicyKey},
		"nothing":                {nil, ErrPolicy},
		"a bundle":               {w.bundles[1], ErrPolicy},
		"a byte more":            {append(slices.Clone(fifth), 0), ErrPolicy},
		"a byte less":            {fifth[:len(fifth)-1], ErrPolicy},
		"a bit of the signature": {flip(fifth, len(fifth)-1), trust.ErrPolicyKey},
	} {
		if report, err := s.InstallPolicy(c.data, at); !errors.Is(err, c.want) || report != (PolicyReport{}) {
			t.Errorf("%s: %+v %v, want %v", name, report, err, c.want)
		}
	}
	if !bytes.Equal(before, filesOf(t, s.dir)) {
		t.Error("a policy that was refused has changed the folder")
	}
	if report, err := s.InstallPolicy(fifth, at); err != nil || report.Changed || report.Previous != 5 {
		t.Errorf("the same again: %+v %v", report, err)
	}
	// A device that is in no bundle, or has none, takes none.
	lone := w.device(1)
	if _, err := lone.InstallPolicy(fifth, at); !errors.Is(err, ErrNotEnrolled) {
		t.Errorf("not enrolled: %v", err)
	}
	if _, err := w.device().InstallPolicy(fifth, at); !errors.Is(err, ErrNoBundle) {
		t.Errorf("no bundle: %v", err)
	}
	if p, err := lone.Policy(at); p != nil || err != nil {
		t.Errorf("a device without a policy: %+v %v", p, err)
	}
}

func flip(data []byte, i int) []byte {
	out := bytes.Clone(data)
	out[i] ^= 1
	return out
}

// filesOf is every file of a folder but its lock.
func filesOf(t *testing.T, dir string) []byte {
	t.Helper()
	h := sha256.New()
	entries := must[[]os.DirEntry](t)(os.ReadDir(dir))
	for _, e := range entries {
		if e.IsDir() || strings.Contains(e.Name(), "lock") {
			continue
		}
		h.Write([]byte(e.Name()))
		h.Write(must[[]byte](t)(os.ReadFile(filepath.Join(dir, e.Name()))))
	}
	return h.Sum(nil)
}

// CPA-22: whoever stole the issuer key may have signed the highest number; once the bundle says so, the body begins again.
func TestPolicyOfACompromisedKey(t *testing.T) {
	w, s, _, n := gate(t)
	at := after(n)
	stolen := gatePolicy(n, 1<<50)
	stolen.MinLevel = 4
	must[PolicyReport](t)(s.InstallPolicy(w.policy(stolen), at))
	fresh := must[authority.IssuerPrivateKey](t)(authority.IssuerKeyForVectors(cose.ESP256, "fresh"))
	request := must[[]byte](t)(trust.EncodeKeyRequest(trust.KeyRequest{Kinds: []uint8{0}, MaxLife: 30 * day, IssuedAt: at, Bodies: []trust.BodyEntry{{EDRPOU: body, Name: "Орган"}}}, fresh))
	must[keys.KeyID](t)(w.reg.AdmitKey(request, trust.Grant{ValidFrom: base}, at))
	mine := must[[]byte](t)(trust.SignCheckpointPolicy(gatePolicy(n, 6), fresh))
	w.publish()
	must[Report](t)(s.Install(w.bundles[n+1], after(n+1)))
	if _, err := s.InstallPolicy(mine, after(n+1)); !errors.Is(err, trust.ErrRollback) {
		t.Fatalf("before the key was named: %v", err)
	}
	if err := w.reg.End(w.issuer.IssuerPublic().KeyID(), trust.Ending{Compromised: true}); err != nil {
		t.Fatal(err)
	}
	w.issuer = fresh
	w.publish()
	must[Report](t)(s.Install(w.bundles[n+2], after(n+2)))
	if p, err := s.Policy(after(n + 2)); err != nil || p.Level != verifier.L4 {
		t.Errorf("what was installed is obeyed until there is another: %+v %v", p, err)
	}
	if report, err := s.InstallPolicy(mine, after(n+2)); err != nil || report.Number != 6 {
		t.Fatalf("%+v %v", report, err)
	}
	if _, err := s.InstallPolicy(w.policy(gatePolicy(n, 5)), after(n+2)); !errors.Is(err, trust.ErrRollback) {
		t.Errorf("an older one after that: %v", err)
	}
}

// CPA-23: a device that has lost its policy confirms nothing, until it has one that is not older.
func TestLostPolicy(t *testing.T) {
	w, s, _, n := gate(t)
	at := after(n)
	must[PolicyReport](t)(s.InstallPolicy(w.policy(gatePolicy(n, 5)), at))
	look := func() verifier.Verdict {
		return reopen(t, s).Verify(verifier.Input{Text: w.code(at, n, "", nil), At: at}, Gate{})
	}
	for i, name := range policyNames {
		path := filepath.Join(s.dir, name)
		if i == 0 {
			if err := os.WriteFile(path, flip(must[[]byte](t)(os.ReadFile(path)), 40), 0o600); err != nil {
				t.Fatal(err)
			}
			if v := look(); v.Code != verifier.OK {
				t.Errorf("one slot is damaged: %s", v.Code)
			}
			continue
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	if v := look(); v.Code != verifier.StateDamaged || v.Outcome != verifier.CannotConfirm || v.Holder != nil {
		t.Errorf("both are lost: %s %s", v.Outcome, v.Code)
	}
	if err := os.Remove(filepath.Join(s.dir, policyNames[0])); err != nil {
		t.Fatal(err)
	}
	if v := look(); v.Code != verifier.StateDamaged {
		t.Errorf("both are gone: %s", v.Code)
	}
	if _, err := s.Policy(at); !errors.Is(err, ErrDamaged) {
		t.Errorf("policy: %v", err)
	}
	if _, err := s.InstallPolicy(w.policy(gatePolicy(n, 4)), at); !errors.Is(err, trust.ErrRollback) {
		t.Errorf("an older one: %v", err)
	}
	if report, err := s.InstallPolicy(w.policy(gatePolicy(n, 5)), at); err != nil || report.Previous != 5 {
		t.Errorf("the same number: %+v %v", report, err)
	}
	if v := look(); v.Code != verifier.OK {
		t.Errorf("mended: %s", v.Code)
	}
	must[Report](t)(s.Install(w.bundles[n], at))
	if p, err := s.Policy(at); err != nil || p == nil || p.Number != 5 {
		t.Errorf("after another install of the bundle: %+v %v", p, err)
	}
}

// CPA-23: a disk that fails at any step leaves the old policy or the new one, and never none.
func TestPolicyOnABrokenDisk(t *testing.T) {
	w, s, _, n := gate(t)
	at := after(n)
	strict := gatePolicy(n, 2)
	strict.MinLevel = 3
	first, second := w.policy(gatePolicy(n, 1)), w.policy(strict)
	for steps := 0; ; steps++ {
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS(s.dir)); err != nil {
			t.Fatal(err)
		}
		d := must[*State](t)(Open(dir))
		must[PolicyReport](t)(d.InstallPolicy(first, at))
		left := steps
		d.disk = brokenDisk{left: &left, err: syscall.ENOSPC}
		_, err := d.InstallPolicy(second, at)
		if err == nil {
			if left < 0 || steps < 12 {
				t.Fatalf("step %d: the seam is bypassed", steps)
			}
			break
		}
		if !errors.Is(err, ErrDisk) {
			t.Fatalf("step %d: %v", steps, err)
		}
		p, err := reopen(t, d).Policy(at)
		if err != nil || p == nil || p.Number < 1 {
			t.Fatalf("step %d: %+v %v", steps, p, err)
		}
		if _, err := reopen(t, d).InstallPolicy(second, at); err != nil {
			t.Fatalf("step %d: once more: %v", steps, err)
		}
	}
}

// CPA-24: who may be on duty.
func TestPolicyGuards(t *testing.T) {
	w, s, _, n := gate(t)
	p := gatePolicy(n, 1)
	p.Guards = []string{"Бондар", "Коваль", "О'Ніл"}
	must[PolicyReport](t)(s.InstallPolicy(w.policy(p), after(n)))
	got := must[*Policy](t)(s.Policy(after(n)))
	for name, want := range map[string]string{"Коваль": "Коваль", "БОНДАР": "Бондар", "о’ніл": "О'Ніл", "ОʼНіл": "О'Ніл", "Коваль ": "", "": "", "Хтось": "", "Ковал": "", "Koваль": ""} {
		if kept, ok := got.Guard(name); kept != want || ok != (want != "") {
			t.Errorf("guard %q: %q %t", name, kept, ok)
		}
	}
	var none *Policy
	for _, p := range []*Policy{none, {}} {
		if kept, ok := p.Guard("Хтось"); kept != "Хтось" || !ok {
			t.Error("a policy that names nobody keeps somebody out")
		}
		if _, ok := p.Guard(""); ok {
			t.Error("nobody is on duty")
		}
	}
}

// centred is a gate whose policy sends the journal to verifier 78 of the same body.
func centred(t *testing.T) (w *world, s *State, k, centre keys.VerifierPrivateKey, n int) {
	t.Helper()
	w, s, k, n = gate(t)
	centre = must[keys.VerifierPrivateKey](t)(keys.GenerateVerifierKey())
	request := must[[]byte](t)(trust.EncodeVerifierRequest(trust.VerifierRequest{Body: body, Name: "Охорона", Class: trust.ClassCheckpoint, IssuedAt: after(n), HPKE: centre.HPKEPublic()}, centre))
	must[uint64](t)(w.reg.AdmitVerifier(request, trust.VerifierGrant{ID: 78, ValidUntil: base.Add(5 * day)}, after(n)))
	w.publish()
	n++
	must[Report](t)(s.Install(w.bundles[n], after(n)))
	return w, s, k, centre, n
}

// CPA-50: what is uploaded holds the events after a number, for the named verifier alone, and is signed by the device.
func TestSealJournal(t *testing.T) {
	w, s, k, centre, n := centred(t)
	at := after(n)
	if _, err := s.SealJournal(k, 0, at); !errors.Is(err, ErrNoCentre) {
		t.Fatalf("no policy: %v", err)
	}
	p := gatePolicy(n, 1)
	must[PolicyReport](t)(s.InstallPolicy(w.policy(p), at))
	if _, err := s.SealJournal(k, 0, at); !errors.Is(err, ErrNoCentre) {
		t.Fatalf("a policy that names nobody: %v", err)
	}
	p.Number, p.JournalTo = 2, 78
	must[PolicyReport](t)(s.InstallPolicy(w.policy(p), at))
	if data, err := s.SealJournal(k, 0, at); data != nil || err != nil {
		t.Fatalf("an empty journal: %d bytes, %v", len(data), err)
	}
	write(t, s, w.seenAt(s, n, at), 5)
	if _, err := s.SealJournal(keys.VerifierPrivateKey{}, 0, at); !errors.Is(err, ErrKeys) {
		t.Errorf("without keys: %v", err)
	}
	data := must[[]byte](t)(s.SealJournal(k, 2, at))
	u := must[*JournalUpload](t)(ParseJournalUpload(data))
	if u.Body != body || u.Verifier != 77 || u.To != 78 || u.First != 3 || u.Last != 5 || u.Events != 3 {
		t.Errorf("%+v", u)
	}
	if err := u.Verify(k.VerifierPublic()); err != nil {
		t.Error(err)
	}
	if err := u.Verify(centre.VerifierPublic()); !errors.Is(err, ErrUpload) {
		t.Errorf("another's signature: %v", err)
	}
	events := must[[]byte](t)(u.Open(centre))
	if bytes.Count(events, []byte("\n")) != 3 || !bytes.Contains(events, []byte(`"number":3,`)) || bytes.Contains(data, []byte("Коваль")) {
		t.Errorf("events: %s", events)
	}
	if _, err := u.Open(k); !errors.Is(err, ErrUpload) {
		t.Errorf("opened by the device: %v", err)
	}
	moved := *u
	moved.First = 1
	if _, err := moved.Open(centre); !errors.Is(err, ErrUpload) {
		t.Errorf("opened under another number: %v", err)
	}
	for i := range data {
		if i%7 != 0 {
			continue
		}
		if u, err := ParseJournalUpload(flip(data, i)); err == nil && u.Verify(k.VerifierPublic()) == nil {
			t.Fatalf("bit in byte %d", i)
		}
	}
	if data, err := s.SealJournal(k, 5, at); data != nil || err != nil {
		t.Errorf("nothing is left: %d bytes, %v", len(data), err)
	}

	// The centre opens it with its own folder; the device's own does not.
	if _, _, err := s.OpenUpload(data, k, at); !errors.Is(err, ErrUpload) {
		t.Errorf("in the device's folder: %v", err)
	}
	if _, _, err := w.device(n).OpenUpload(data, centre, at); !errors.Is(err, ErrNotEnrolled) {
		t.Errorf("in a folder that is not enrolled: %v", err)
	}
	office := w.device(n)
	office.mu.Lock()
	err := office.writeIdentity(centre)
	office.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	if got, opened, err := office.OpenUpload(data, centre, at); err != nil || got.Last != 5 || !bytes.Equal(opened, events) {
		t.Errorf("in the centre's folder: %v", err)
	}
	if _, _, err := office.OpenUpload(flip(data, len(data)-1), centre, at); !errors.Is(err, ErrUpload) {
		t.Errorf("changed: %v", err)
	}

	// The centre's entry has ended.
	p.Number, p.ValidUntil = 3, base.Add(20*day)
	late := base.Add(6 * day)
	must[PolicyReport](t)(s.InstallPolicy(w.policy(p), late))
	if _, err := s.SealJournal(k, 0, late); !errors.Is(err, ErrNoCentre) {
		t.Errorf("a centre whose entry has ended: %v", err)
	}
}

// CPA-50: an upload has its bounds, and the next one goes on where it ended.
func TestUploadsAreBounded(t *testing.T) {
	uploadEvents = 10
	defer func() { uploadEvents = maxUploadEvents }()
	w, s, k, _, n := centred(t)
	at := after(n)
	p := gatePolicy(n, 1)
	p.JournalTo = 78
	must[PolicyReport](t)(s.InstallPolicy(w.policy(p), at))
	write(t, s, w.seenAt(s, n, at), uploadEvents+3)
	from, total := uint64(0), 0
	for {
		data := must[[]byte](t)(s.SealJournal(k, from, at))
		if data == nil {
			break
		}
		u := must[*JournalUpload](t)(ParseJournalUpload(data))
		if u.First != from+1 || len(data) > MaxJournalUpload {
			t.Fatalf("after %d: from %d, %d bytes", from, u.First, len(data))
		}
		from, total = u.Last, total+u.Events
	}
	if total != uploadEvents+3 {
		t.Errorf("%d events in all uploads", total)
	}
}

// CPA-52: nothing is cleared that was not acknowledged, nor without the policy's word, nor the day that runs.
func TestForgetJournal(t *testing.T) {
	w, s, _, _, n := centred(t)
	at := after(n)
	write(t, s, w.seenAt(s, n, at), 3) // 1 to 3, of today
	p := gatePolicy(n, 1)
	p.JournalTo = 78
	must[PolicyReport](t)(s.InstallPolicy(w.policy(p), at))
	tomorrow := at.Add(day)
	second := Event{At: tomorrow, Guard: "Коваль", Source: SourceCamera, Verdict: &verifier.Verdict{Outcome: verifier.Refuse, Code: verifier.Expired}}
	write(t, s, second, 2) // 4 and 5, of tomorrow
	days := func() int {
		t.Helper()
		return len(must[JournalInfo](t)(s.JournalInfo()).Days)
	}
	forget := func(what string, from, through uint64, at time.Time, want int) {
		t.Helper()
		if removed, err := s.ForgetJournal(from, through, at); err != nil || removed != want {
			t.Errorf("%s: %d removed, want %d, %v", what, removed, want, err)
		}
	}
	forget("a policy that does not say so", 0, 5, tomorrow, 0)
	p.Number, p.JournalClear = 2, true
	must[PolicyReport](t)(s.InstallPolicy(w.policy(p), at))
	forget("two of three are acknowledged", 0, 2, tomorrow, 0)
	forget("the first is not", 1, 5, tomorrow, 0)
	forget("nothing is", 0, 0, tomorrow, 0)
	if days() != 2 {
		t.Fatalf("%d days", days())
	}
	forget("the day that runs", 0, 5, at, 0)
	forget("a past day", 0, 5, tomorrow, 1)
	if days() != 1 {
		t.Errorf("%d days", days())
	}
	info := must[JournalInfo](t)(s.JournalInfo())
	if info.First != 4 || info.Last != 5 {
		t.Errorf("counter: %+v", info)
	}
	// A day that is not whole stays: what could not be read was not sent.
	path := filepath.Join(s.dir, dayName(tomorrow.UTC().Format(dayForm)))
	data := must[[]byte](t)(os.ReadFile(path))
	if err := os.WriteFile(path, data[:len(data)-3], 0o600); err != nil {
		t.Fatal(err)
	}
	forget("a torn day", 0, 5, tomorrow.Add(day), 0)
}

// CPA-31: shifts are counted without a word about who was checked.
func TestCountShifts(t *testing.T) {
	w, s, k, n := gate(t)
	at := after(n)
	e := w.seenAt(s, n, at)
	write(t, s, e, 2)
	e.Guard, e.Shift, e.At = "Бондар", "денна", at.Add(time.Hour)
	e.Verdict = &verifier.Verdict{Outcome: verifier.Refuse, Code: verifier.Expired}
	write(t, s, e, 1)
	list := must[[]ShiftCount](t)(s.CountShifts(k))
	if len(list) != 2 || list[0].Guard != "Коваль" || list[0].Shift != "нічна" || list[0].Counts[ShiftVerdict{"accept", "ok", ""}] != 2 || !list[0].Last.Equal(list[0].First.Add(time.Second)) ||
		list[1].Guard != "Бондар" || list[1].Counts[ShiftVerdict{"refuse", "expired", ""}] != 1 {
		t.Errorf("%+v", list)
	}
	if _, err := s.CountShifts(keys.VerifierPrivateKey{}); !errors.Is(err, ErrKeys) {
		t.Errorf("without keys: %v", err)
	}
}

func FuzzJournalUpload(f *testing.F) {
	k := must[keys.VerifierPrivateKey](f)(keys.VerifierKeyForVectors("gate"))
	payload := must[[]byte](f)(cose.Marshal(wireJournalUpload{1, body, 77, 78, 3, 5, 3, uint64(base.Unix()), []byte("sealed")}))
	data := must[[]byte](f)(cose.EncodeSign1(k, cose.Header{Type: typeJournalUpload}, payload))
	f.Add(data)
	f.Add(data[:len(data)-1])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		u, err := ParseJournalUpload(data)
		if (u == nil) == (err == nil) {
			t.Fatal("an upload beside an error, or neither")
		}
		if err == nil && (u.First == 0 || u.Last < u.First || u.Events < 1) {
			t.Fatalf("%+v", u)
		}
	})
}
