package trust

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/crypto/cose"
)

// gated is an operator's register whose first body has verifier 1, and the second verifier 2, with the bundle of day 1.
func gated(t testing.TB) *Bundle {
	t.Helper()
	r := operator(t)
	for n, label := range []string{"gate", "hall"} {
		k := verifierKey(t, label)
		request, err := EncodeVerifierRequest(VerifierRequest{Body: edrpou(n + 1), Name: "Вхід", Class: ClassCheckpoint, IssuedAt: day0, HPKE: k.HPKEPublic()}, k)
		if err != nil {
			t.Fatal(err)
		}
		if id, err := r.AdmitVerifier(request, VerifierGrant{ValidUntil: day(300)}, day0); err != nil || id != uint64(n+1) {
			t.Fatal(id, err)
		}
	}
	b, err := Open(build(t, r, day(1)), r.RootFingerprint())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func goodPolicy() CheckpointPolicy {
	return CheckpointPolicy{Body: edrpou(1), Verifier: 1, Number: 7, IssuedAt: day(1), ValidUntil: day(90), MinLevel: 3, StatusAge: 12 * time.Hour, BeaconAge: 48 * time.Hour,
		Photo: true, Guards: []string{"Бондар", "Коваль"}, JournalTo: 3, JournalClear: true}
}

// CPA-10: what is signed is what is read, and a policy that asks for nothing is as short as it can be.
func TestCheckpointPolicy(t *testing.T) {
	b, key := gated(t), issuerKey(t, "one")
	for _, p := range []CheckpointPolicy{goodPolicy(), {Body: edrpou(1), Verifier: 1, Number: 1, IssuedAt: day(1), ValidUntil: day(1).Add(time.Second)}} {
		data, err := SignCheckpointPolicy(p, key)
		if err != nil {
			t.Fatal(err)
		}
		u, err := ParseCheckpointPolicy(data)
		if err != nil {
			t.Fatal(err)
		}
		got, err := u.Open(b)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got.Guards, p.Guards) {
			t.Errorf("guards %q, want %q", got.Guards, p.Guards)
		}
		got.Guards, p.Guards = nil, nil
		if got.Body != p.Body || got.Verifier != p.Verifier || got.Number != p.Number || !got.IssuedAt.Equal(p.IssuedAt) || !got.ValidUntil.Equal(p.ValidUntil) || got.MinLevel != p.MinLevel ||
			got.StatusAge != p.StatusAge || got.BeaconAge != p.BeaconAge || got.Photo != p.Photo || got.JournalTo != p.JournalTo || got.JournalClear != p.JournalClear {
			t.Errorf("read %+v, signed %+v", got, p)
		}
		if u.Compromised(b) || u.UnverifiedKeyID() != key.IssuerPublic().KeyID() {
			t.Error("the key is another one, or compromised")
		}
	}
}

// CPA-10: the bytes of a payload, which never change.
func TestCheckpointPolicyBytes(t *testing.T) {
	p := CheckpointPolicy{Body: edrpou(1), Verifier: 7, Number: 2026112201, IssuedAt: time.Unix(1795327200, 0), ValidUntil: time.Unix(1803103200, 0), MinLevel: 3,
		StatusAge: 12 * time.Hour, BeaconAge: 48 * time.Hour, Photo: true, Guards: []string{"17"}, JournalTo: 9, JournalClear: true}
	data, err := SignCheckpointPolicy(p, issuerKey(t, "one"))
	if err != nil {
		t.Fatal(err)
	}
	payload := []byte("\xad" + // map of 13
		"\x01\x01" + // version 1
		"\x02\x6810000001" + // ЄДРПОУ
		"\x03\x07" + // verifier 7
		"\x04\x1a\x78\xc4\x04\xc9" + // number 2026112201
		"\x05\x1a\x6b\x02\x84\xe0" + // iat
		"\x06\x1a\x6b\x79\x2b\xe0" + // until
		"\x07\x03" + // level 3
		"\x08\x19\xa8\xc0" + // status age 43,200 s
		"\x09\x1a\x00\x02\xa3\x00" + // beacon age 172,800 s
		"\x0a\xf5" + // photo
		"\x0b\x81\x6217" + // guards: "17"
		"\x0c\x09" + // journal to verifier 9
		"\x0d\xf5") // and clear it
	m, err := cose.ParseSign1(data, cose.Profile{Type: typeCheckpointPolicy, Limits: cose.Limits{Bytes: MaxCheckpointPolicy}})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(m.Payload, payload) {
		t.Errorf("payload %x, want %x", m.Payload, payload)
	}
}

// CPA-11: no policy is signed, or read, that says what none may say.
func TestCheckpointPolicyRules(t *testing.T) {
	key := issuerKey(t, "one")
	id := key.IssuerPublic().KeyID()
	many := make([]string, MaxPolicyGuards+1)
	for i := range many {
		many[i] = strings.Repeat("a", i+1)
	}
	for name, spoil := range map[string]func(*CheckpointPolicy){
		"no body":               func(p *CheckpointPolicy) { p.Body = "" },
		"seven digits":          func(p *CheckpointPolicy) { p.Body = "1234567" },
		"no verifier":           func(p *CheckpointPolicy) { p.Verifier = 0 },
		"number 0":              func(p *CheckpointPolicy) { p.Number = 0 },
		"a number over 2^53":    func(p *CheckpointPolicy) { p.Number = 1<<53 + 1 },
		"no iat":                func(p *CheckpointPolicy) { p.IssuedAt = time.Time{} },
		"no end":                func(p *CheckpointPolicy) { p.ValidUntil = p.IssuedAt },
		"an endless term":       func(p *CheckpointPolicy) { p.ValidUntil = p.IssuedAt.Add(MaxPolicyTerm + time.Second) },
		"level 5":               func(p *CheckpointPolicy) { p.MinLevel = 5 },
		"a status age too long": func(p *CheckpointPolicy) { p.StatusAge = MaxStatusAge + time.Second },
		"a negative status age": func(p *CheckpointPolicy) { p.StatusAge = -time.Second },
		"half a second":         func(p *CheckpointPolicy) { p.BeaconAge = time.Second / 2 },
		"a beacon age too long": func(p *CheckpointPolicy) { p.BeaconAge = MaxStatusAge + time.Second },
		"guards out of order":   func(p *CheckpointPolicy) { p.Guards = []string{"Коваль", "Бондар"} },
		"a guard twice":         func(p *CheckpointPolicy) { p.Guards = []string{"Коваль", "Коваль"} },
		"a guard of two lines":  func(p *CheckpointPolicy) { p.Guards = []string{"a\nb"} },
		"a guard without name":  func(p *CheckpointPolicy) { p.Guards = []string{""} },
		"a long guard":          func(p *CheckpointPolicy) { p.Guards = []string{strings.Repeat("a", MaxGuardName+1)} },
		"too many guards":       func(p *CheckpointPolicy) { p.Guards = many },
		"cleared, not sent":     func(p *CheckpointPolicy) { p.JournalTo = 0 },
	} {
		p := goodPolicy()
		spoil(&p)
		_, err := SignCheckpointPolicy(p, key)
		wantError(t, name, err, ErrArgument)
	}

	// What the signer refuses, the reader refuses too: payloads made by hand.
	parse := func(w any, head cose.Header) error {
		payload, err := cose.Marshal(w)
		if err != nil {
			t.Fatal(err)
		}
		data, err := cose.EncodeSign1(key, head, payload)
		if err != nil {
			t.Fatal(err)
		}
		u, err := ParseCheckpointPolicy(data)
		if (u == nil) == (err == nil) {
			t.Error("a policy beside an error, or neither")
		}
		return err
	}
	head := cose.Header{KeyID: id[:], Type: typeCheckpointPolicy}
	good := wireCheckpointPolicy{Version: 1, Body: edrpou(1), Verifier: 1, Number: 7, IssuedAt: uint64(day(1).Unix()), Until: uint64(day(2).Unix())}
	if err := parse(good, head); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*wireCheckpointPolicy){
		"version 2":        func(w *wireCheckpointPolicy) { w.Version = 2 },
		"no version":       func(w *wireCheckpointPolicy) { w.Version = 0 },
		"letters":          func(w *wireCheckpointPolicy) { w.Body = "abcdefgh" },
		"no verifier":      func(w *wireCheckpointPolicy) { w.Verifier = 0 },
		"no number":        func(w *wireCheckpointPolicy) { w.Number = 0 },
		"no iat":           func(w *wireCheckpointPolicy) { w.IssuedAt = 0 },
		"ends before iat":  func(w *wireCheckpointPolicy) { w.Until = w.IssuedAt - 1 },
		"beyond year 9999": func(w *wireCheckpointPolicy) { w.Until = maxSeconds + 1 },
		"level 256":        func(w *wireCheckpointPolicy) { w.MinLevel = 256 },
		"a huge age":       func(w *wireCheckpointPolicy) { w.StatusAge = 1 << 63 },
		"a huge beacon":    func(w *wireCheckpointPolicy) { w.BeaconAge = 1 << 63 },
		"guards twice":     func(w *wireCheckpointPolicy) { w.Guards = []string{"a", "a"} },
		"too many guards":  func(w *wireCheckpointPolicy) { w.Guards = many },
	} {
		w := good
		spoil(&w)
		wantError(t, name, parse(w, head), ErrMalformed)
	}
	wantError(t, "a list", parse([]int{1}, head), ErrMalformed)
	wantError(t, "no kid", parse(good, cose.Header{Type: typeCheckpointPolicy}), ErrMalformed)
	wantError(t, "a code table", parse(good, cose.Header{KeyID: id[:], Type: cose.TypeCodes}), ErrMalformed)
	if _, err := ParseCheckpointPolicy(make([]byte, MaxCheckpointPolicy+1)); err == nil {
		t.Error("too many bytes")
	}
}

// CPA-12: only a key that may speak for the verifier's own body, and had not ended, makes a policy; and no other object is one.
func TestCheckpointPolicySigner(t *testing.T) {
	b := gated(t)
	open := func(p CheckpointPolicy, label string) error {
		data, err := SignCheckpointPolicy(p, issuerKey(t, label))
		if err != nil {
			t.Fatal(err)
		}
		u, err := ParseCheckpointPolicy(data)
		if err != nil {
			t.Fatal(err)
		}
		_, err = u.Open(b)
		return err
	}
	if err := open(goodPolicy(), "one"); err != nil {
		t.Fatal(err)
	}
	wantError(t, "another body's key", open(goodPolicy(), "two"), ErrPolicyKey)
	wantError(t, "a key of nobody", open(goodPolicy(), "three"), ErrPolicyKey)
	p := goodPolicy()
	p.Body = edrpou(2)
	wantError(t, "another body", open(p, "two"), ErrNotAdmitted)
	p = goodPolicy()
	p.Verifier = 2
	wantError(t, "another body's verifier", open(p, "one"), ErrNotAdmitted)
	p.Verifier = 99
	wantError(t, "no verifier", open(p, "one"), ErrNotAdmitted)
	p = goodPolicy()
	p.IssuedAt = day(-400)
	p.ValidUntil = day(-399)
	wantError(t, "before the key was valid", open(p, "one"), ErrPolicyKey)

	data, err := SignCheckpointPolicy(goodPolicy(), issuerKey(t, "one"))
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(data, []byte("Бондар"))
	data[at+2] ^= 1
	if u, err := ParseCheckpointPolicy(data); err == nil {
		_, err = u.Open(b)
		wantError(t, "a changed name", err, ErrPolicyKey)
	}
	// A key that was named compromised, or retired before, speaks no more.
	for name, e := range map[string]Ending{"compromised": {Compromised: true}, "retired": {RetiredAt: day(0).Add(time.Hour)}} {
		r := operator(t)
		k := verifierKey(t, "gate")
		request, err := EncodeVerifierRequest(VerifierRequest{Body: edrpou(1), Name: "Вхід", Class: ClassCheckpoint, IssuedAt: day0, HPKE: k.HPKEPublic()}, k)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.AdmitVerifier(request, VerifierGrant{ValidUntil: day(300)}, day0); err != nil {
			t.Fatal(err)
		}
		if err := r.End(issuerKey(t, "one").IssuerPublic().KeyID(), e); err != nil {
			t.Fatal(err)
		}
		bundle, err := Open(build(t, r, day(1)), r.RootFingerprint())
		if err != nil {
			t.Fatal(err)
		}
		signed, err := SignCheckpointPolicy(goodPolicy(), issuerKey(t, "one"))
		if err != nil {
			t.Fatal(err)
		}
		u, err := ParseCheckpointPolicy(signed)
		if err != nil {
			t.Fatal(err)
		}
		_, err = u.Open(bundle)
		wantError(t, name, err, ErrKeyEnded)
		if u.Compromised(bundle) != e.Compromised {
			t.Errorf("%s: compromised %t", name, u.Compromised(bundle))
		}
	}
}

func FuzzCheckpointPolicy(f *testing.F) {
	for _, p := range []CheckpointPolicy{goodPolicy(), {Body: edrpou(1), Verifier: 1, Number: 1, IssuedAt: day(1), ValidUntil: day(2)}} {
		data, err := SignCheckpointPolicy(p, issuerKey(f, "one"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
		f.Add(data[:len(data)-1])
		f.Add(append(bytes.Clone(data), 0))
	}
	b := gated(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		u, err := ParseCheckpointPolicy(data)
		if (u == nil) == (err == nil) {
			t.Fatal("a policy beside an error, or neither")
		}
		if err != nil {
			return
		}
		reencodes(t, data)
		p := u.Unverified()
		if err := p.check(); err != nil {
			t.Fatalf("read, but not to be signed: %v", err)
		}
		_, _ = u.Open(b)
	})
}
