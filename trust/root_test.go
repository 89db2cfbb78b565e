package trust

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
)

func parsedRoot(tb testing.TB, data []byte) *RootObject {
	tb.Helper()
	o, err := ParseRoot(data)
	if err != nil {
		tb.Fatal(err)
	}
	return o
}

// TRUST-01: one spelling of a fingerprint, and none that pins nothing.
func TestFingerprint(t *testing.T) {
	f := parsedRoot(t, signedRoot(t, rootOf(t, 1, 1, []string{"a"}, []string{"s"}), "a")).Fingerprint
	text := f.String()
	if groups := strings.Fields(text); len(groups) != 13 || len(groups[12]) != 4 {
		t.Fatalf("fingerprint %q: want thirteen groups of four", text)
	}
	for _, typed := range []string{text, strings.ToLower(text), strings.ReplaceAll(text, " ", "-"), strings.ReplaceAll(text, " ", ""), "\t" + text + "\r\n"} {
		got, err := ParseFingerprint(typed)
		if err != nil || got != f {
			t.Errorf("%q: %v, %v", typed, got, err)
		}
	}
	plain := strings.ReplaceAll(text, " ", "")
	spare := plain[:51] + string("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[strings.IndexByte("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", plain[51])+1])
	for name, bad := range map[string]string{
		"empty": "", "short": plain[:51], "long": plain + "A", "digit 0": "0" + plain[1:], "digit 1": "1" + plain[1:],
		"spare bits": spare, "cyrillic": "А" + plain[1:], "padding": plain + "====", "huge": strings.Repeat("A", 300),
	} {
		if got, err := ParseFingerprint(bad); err == nil || !got.IsZero() {
			t.Errorf("%s: accepted as %s", name, got)
		}
	}
	_, err := ParseFingerprint(strings.Repeat("A", 52))
	wantError(t, "all zero", err, ErrNoPin)
}

// TRUST-02: a member counts with both signatures, and once.
func TestThresholdCountsMembersWithBothKeys(t *testing.T) {
	root := rootOf(t, 1, 2, []string{"a", "b", "c"}, []string{"s"})
	payload := rootPayload(t, root)
	h := cose.Header{Type: cose.TypeRoot}
	sigs := map[string][]cose.Signature{}
	for _, label := range []string{"a", "b", "c", "stranger"} {
		s, err := keys.RootSignatures(cose.Header{}, payload, rootKey(t, label))
		if err != nil {
			t.Fatal(err)
		}
		sigs[label] = s
	}
	join := func(parts ...cose.Signature) []byte {
		out, err := cose.AssembleSign(h, payload, parts)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	flipped := sigs["b"][1]
	flipped.Signature = bytes.Clone(flipped.Signature)
	flipped.Signature[100] ^= 1
	other := rootOf(t, 1, 2, []string{"a", "b", "c"}, []string{"s2"})
	foreign, err := keys.RootSignatures(cose.Header{}, rootPayload(t, other), rootKey(t, "b"))
	if err != nil {
		t.Fatal(err)
	}
	a, b, c, x := sigs["a"], sigs["b"], sigs["c"], sigs["stranger"]
	for name, tc := range map[string]struct {
		data []byte
		ok   bool
	}{
		"two members":                      {join(a[0], a[1], b[0], b[1]), true},
		"in any order":                     {join(b[1], a[1], b[0], a[0]), true},
		"three members":                    {join(a[0], a[1], b[0], b[1], c[0], c[1]), true},
		"a stranger beside":                {join(x[0], x[1], a[0], a[1], c[0], c[1]), true},
		"one member":                       {join(a[0], a[1]), false},
		"one member twice":                 {join(a[0], a[1], a[0], a[1]), false},
		"one member three times":           {join(a[0], a[1], a[0], a[1], a[0], a[1]), false},
		"second member without ML-DSA":     {join(a[0], a[1], b[0]), false},
		"second member without P-256":      {join(a[0], a[1], b[1]), false},
		"all P-256 halves only":            {join(a[0], b[0], c[0]), false},
		"all ML-DSA halves only":           {join(a[1], b[1], c[1]), false},
		"halves of two members":            {join(a[0], a[1], b[0], c[1]), false},
		"a stranger":                       {join(a[0], a[1], x[0], x[1]), false},
		"second ML-DSA damaged":            {join(a[0], a[1], b[0], flipped), false},
		"second signature of another root": {join(a[0], a[1], foreign[0], foreign[1]), false},
	} {
		o := parsedRoot(t, tc.data)
		err := VerifyChain([]*RootObject{o}, o.Fingerprint)
		if tc.ok && err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !tc.ok {
			wantError(t, name, err, ErrThreshold)
		}
	}
}

// TRUST-03: root N+1 carries the thresholds of N and of N+1, from the pinned root forward, with no gap.
func TestRootChain(t *testing.T) {
	r1 := parsedRoot(t, signedRoot(t, rootOf(t, 1, 2, []string{"a", "b", "c"}, []string{"s"}), "a", "b"))
	root2 := rootOf(t, 2, 2, []string{"b", "c", "d"}, []string{"s"})
	r2 := parsedRoot(t, signedRoot(t, root2, "b", "c", "d"))
	// Every member replaced at once.
	root3 := rootOf(t, 3, 2, []string{"e", "f", "g"}, []string{"s2"})
	r3 := parsedRoot(t, signedRoot(t, root3, "b", "d", "e", "g"))
	chain := []*RootObject{r1, r2, r3}
	for i, pin := range chain {
		if err := VerifyChain(chain, pin.Fingerprint); err != nil {
			t.Errorf("pinned root %d: %v", i+1, err)
		}
	}
	wantError(t, "no pin", VerifyChain(chain, Fingerprint{}), ErrNoPin)
	wantError(t, "foreign pin", VerifyChain(chain, Fingerprint{1}), ErrPin)
	wantError(t, "no roots", VerifyChain(nil, r1.Fingerprint), ErrPin)
	wantError(t, "gap", VerifyChain([]*RootObject{r1, r3}, r1.Fingerprint), ErrRoot)
	wantError(t, "does not begin at 1", VerifyChain([]*RootObject{r2, r3}, r2.Fingerprint), ErrRoot)
	wantError(t, "order", VerifyChain([]*RootObject{r2, r1}, r1.Fingerprint), ErrRoot)
	wantError(t, "twice", VerifyChain([]*RootObject{r1, r1}, r1.Fingerprint), ErrRoot)
	for name, by := range map[string][]string{
		"not signed by the old root":       {"e", "f", "g"},
		"one of the old root":              {"b", "e", "f", "g"},
		"not signed by the new root":       {"b", "c", "d"},
		"one of the new root":              {"b", "c", "d", "e"},
		"signed by the root before last":   {"a", "b", "e", "f"}, // a left with root 2
		"signed by nobody it names at all": {"x", "y"},
	} {
		o := parsedRoot(t, signedRoot(t, root3, by...))
		wantError(t, name, VerifyChain([]*RootObject{r1, r2, o}, r1.Fingerprint), ErrThreshold)
		wantError(t, name+", pinned at 2", VerifyChain([]*RootObject{r1, r2, o}, r2.Fingerprint), ErrThreshold)
	}
	// A fork of the root 2 that the pin does not reach back to is still not root 2.
	weak := parsedRoot(t, signedRoot(t, root2, "a", "b"))
	wantError(t, "weak root 2", VerifyChain([]*RootObject{r1, weak, r3}, r1.Fingerprint), ErrThreshold)
	older := rootOf(t, 2, 2, []string{"b", "c", "d"}, []string{"s"})
	older.IssuedAt = older.IssuedAt.Add(-time.Second)
	wantError(t, "older than root 1", VerifyChain([]*RootObject{r1, parsedRoot(t, signedRoot(t, older, "b", "c"))}, r1.Fingerprint), ErrRoot)
}

// TRUST-04, TRUST-05: keys are distinct, thresholds possible, numbers and resets sensible.
func TestRootRules(t *testing.T) {
	good := func() *Root { return rootOf(t, 2, 2, []string{"a", "b", "c"}, []string{"s"}) }
	if _, err := good().Encode(); err != nil {
		t.Fatal(err)
	}
	mixed, err := keys.NewHybridPublicKey(rootKey(t, "a").RootPublic().P256(), rootKey(t, "z").RootPublic().MLDSA65())
	if err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Root){
		"number 0":                func(r *Root) { r.Number = 0 },
		"threshold 0":             func(r *Root) { r.Threshold = 0 },
		"threshold negative":      func(r *Root) { r.Threshold = -1 },
		"threshold over members":  func(r *Root) { r.Threshold = 4 },
		"no members":              func(r *Root) { r.Members = nil },
		"no bundle signers":       func(r *Root) { r.BundleSigners = nil },
		"a member twice":          func(r *Root) { r.Members[1] = r.Members[0] },
		"half a member twice":     func(r *Root) { r.Members[1] = keys.RootPublicKey{HybridPublicKey: mixed} },
		"a bundle signer twice":   func(r *Root) { r.BundleSigners = append(r.BundleSigners, r.BundleSigners[0]) },
		"member as bundle signer": func(r *Root) { r.BundleSigners[0].HybridPublicKey = r.Members[0].HybridPublicKey },
		"too many members":        func(r *Root) { r.Members = make([]keys.RootPublicKey, MaxMembers+1) },
		"reset to 0":              func(r *Root) { r.Reset = &Reset{0, day0} },
		"reset in root 1":         func(r *Root) { r.Number, r.Reset = 1, &Reset{1, day0} },
		"time 0":                  func(r *Root) { r.IssuedAt = time.Time{} },
		"reset at time 0":         func(r *Root) { r.Reset = &Reset{1, time.Time{}} },
	} {
		r := good()
		spoil(r)
		if payload, err := r.Encode(); err == nil {
			t.Errorf("%s: encoded as %d bytes", name, len(payload))
		}
	}
	// What Encode refuses, ParseRoot refuses too: a payload made by hand.
	var w wireRoot
	if err := cose.Unmarshal(rootPayload(t, good()), &w, cose.Limits{}); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*wireRoot){
		"version 0":       func(w *wireRoot) { w.Version = 0 },
		"version 2":       func(w *wireRoot) { w.Version = 2 },
		"number 0":        func(w *wireRoot) { w.Number = 0 },
		"threshold 0":     func(w *wireRoot) { w.Threshold = 0 },
		"threshold 2^60":  func(w *wireRoot) { w.Threshold = 1 << 60 },
		"a member twice":  func(w *wireRoot) { w.Members[2] = w.Members[0] },
		"member missing":  func(w *wireRoot) { w.Members = nil },
		"halves swapped":  func(w *wireRoot) { w.Members[0] = swapHalves(t, w.Members[0]) },
		"iat 0":           func(w *wireRoot) { w.IssuedAt = 0 },
		"iat beyond 9999": func(w *wireRoot) { w.IssuedAt = maxSeconds + 1 },
		"reset number 0":  func(w *wireRoot) { w.Reset = &wireReset{0, 1} },
		"reset floor 0":   func(w *wireRoot) { w.Reset = &wireReset{1, 0} },
	} {
		copied := w
		copied.Members = append([]rawItem{}, w.Members...)
		spoil(&copied)
		payload, err := cose.Marshal(copied)
		if err != nil {
			t.Fatal(err)
		}
		object, err := keys.SignRoot(cose.Header{}, payload, rootKey(t, "a"))
		if err != nil {
			t.Fatal(err)
		}
		o, err := ParseRoot(object)
		wantError(t, name, err, ErrRoot)
		if o != nil {
			t.Errorf("%s: an object beside the error", name)
		}
	}
	// The typ of another object, and an object without typ.
	k := bundleKey(t, "s")
	asBundle, err := keys.SignBundle(cose.Header{}, rootPayload(t, good()), k)
	if err != nil {
		t.Fatal(err)
	}
	_, err = ParseRoot(asBundle)
	wantError(t, "typ of a bundle", err, cose.ErrType)
}

func swapHalves(tb testing.TB, pair []byte) []byte {
	tb.Helper()
	r := cose.NewReader(pair)
	if _, err := r.ReadArray(); err != nil {
		tb.Fatal(err)
	}
	first, err := r.Raw()
	if err != nil {
		tb.Fatal(err)
	}
	second, err := r.Raw()
	if err != nil {
		tb.Fatal(err)
	}
	return append(append(cose.AppendArray(nil, 2), second...), first...)
}

// Members that sign apart from each other are joined into one object.
func TestJoinRoots(t *testing.T) {
	root := rootOf(t, 1, 3, []string{"a", "b", "c"}, []string{"s"})
	parts := [][]byte{signedRoot(t, root, "a"), signedRoot(t, root, "b"), signedRoot(t, root, "a", "c")}
	joined, err := JoinRoots(parts...)
	if err != nil {
		t.Fatal(err)
	}
	o := parsedRoot(t, joined)
	if len(o.sign.Signatures) != 6 {
		t.Errorf("%d signatures, want 6", len(o.sign.Signatures))
	}
	if err := VerifyChain([]*RootObject{o}, o.Fingerprint); err != nil {
		t.Error(err)
	}
	if o.Fingerprint != RootFingerprint(rootPayload(t, root)) {
		t.Error("fingerprint is not that of the payload")
	}
	other := rootOf(t, 1, 2, []string{"a", "b", "c"}, []string{"s"})
	_, err = JoinRoots(parts[0], signedRoot(t, other, "b"))
	wantError(t, "two payloads", err, ErrRoot)
	_, err = JoinRoots()
	wantError(t, "nothing", err, ErrRoot)
	_, err = SignRoot([]byte{0xa0}, []keys.RootSigner{rootKey(t, "a")})
	wantError(t, "sign no root", err, ErrRoot)
	_, err = SignRoot(rootPayload(t, root), nil)
	wantError(t, "sign by nobody", err, ErrRoot)
}
