package trust

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// history is n bundles of one operator: lists and tables grow older and longer, and the root turns now and then.
func history(tb testing.TB, n int) (Fingerprint, []*Bundle) {
	tb.Helper()
	r := operator(tb)
	names := []string{"слідчий", "старший слідчий"}
	var out []*Bundle
	for i := range n {
		at := day0.Add(time.Duration(i+1) * 12 * time.Hour)
		iss := edrpou(1 + i%2)
		k := issuerKey(tb, []string{"one", "two"}[i%2])
		names = append(names, fmt.Sprintf("посада %d", i))
		if err := r.Carry(publication(tb, Publication{EDRPOU: iss,
			StatusLists: [][]byte{statusList(tb, iss, 0, at, k, 64+4*i, uint32(i%64))}, Codes: signedCodes(tb, iss, at, k, names...)}), at); err != nil {
			tb.Fatal(err)
		}
		if i%17 == 16 {
			next := rootOf(tb, uint64(len(r.roots))+1, 2, []string{"a", "b", "c"}, []string{"s"})
			if err := r.RotateRoot(signedRoot(tb, next, "a", "b")); err != nil {
				tb.Fatal(err)
			}
		}
		out = append(out, mustOpen(tb, r, build(tb, r, at)))
	}
	return r.RootFingerprint(), out
}

// TRUST-20: the number never falls in any of 10,000 random orders of 50 bundles, repetitions included.
func TestNoRollbackInAnyOrder(t *testing.T) {
	_, bundles := history(t, 50)
	rng := rand.New(rand.NewPCG(7, 11))
	accepted, refused, orders := 0, 0, 10_000
	if raceDetector {
		orders = 100
	}
	for range orders {
		var m Memory
		for _, i := range rng.Perm(len(bundles)) {
			if rng.IntN(8) == 0 {
				i = rng.IntN(len(bundles))
			}
			b := bundles[i]
			next, err := m.Accept(b)
			if b.Number() >= m.Number {
				if err != nil {
					t.Fatalf("bundle %d after %d: %v", b.Number(), m.Number, err)
				}
				accepted++
			} else {
				if err == nil {
					t.Fatalf("bundle %d accepted after %d", b.Number(), m.Number)
				}
				refused++
			}
			if next.Number < m.Number || next.RootNumber < m.RootNumber || next.Floor.Before(m.Floor) {
				t.Fatalf("memory fell from %d to %d", m.Number, next.Number)
			}
			for id, was := range m.Lists {
				if is, ok := next.Lists[id]; !ok || is.Before(was) {
					t.Fatalf("iat of %v fell from %s to %s", id, was, is)
				}
			}
			m = next
		}
		if m.Number < 45 {
			t.Fatalf("ended at bundle %d", m.Number)
		}
	}
	t.Logf("%d orders of %d bundles: %d installs accepted, %d refused, 0 rollbacks", orders, len(bundles), accepted, refused)
}

// TRUST-20: one number, one bundle.
func TestSameNumber(t *testing.T) {
	r := operator(t)
	base := sectionsOf(t, r, day(0))
	one := mustOpen(t, r, assembled(t, r, 5, day(1), base))
	other := mustOpen(t, r, assembled(t, r, 5, day(1).Add(time.Second), base))
	m, err := Memory{}.Accept(one)
	if err != nil {
		t.Fatal(err)
	}
	again, err := m.Accept(one)
	if err != nil || !bytes.Equal(again.Encode(), m.Encode()) {
		t.Errorf("the same bundle again: %v", err)
	}
	got, err := m.Accept(other)
	wantError(t, "same number, other content", err, ErrFork)
	if !bytes.Equal(got.Encode(), m.Encode()) {
		t.Error("memory changed by a refused bundle")
	}
	_, err = m.Accept(mustOpen(t, r, assembled(t, r, 4, day(2), base)))
	wantError(t, "older number, newer time", err, ErrRollback)
	// TRUST-24: the floor is the newest time that the bundle signer signed, and no bundle goes behind it.
	if !m.Floor.Equal(day(1)) {
		t.Errorf("floor %s", m.Floor)
	}
	_, err = m.Accept(mustOpen(t, r, assembled(t, r, 6, day(1).Add(-time.Second), base)))
	wantError(t, "newer number, older time", err, ErrRollback)
	if m, err = m.Accept(mustOpen(t, r, assembled(t, r, 6, day(1), base))); err != nil || m.Number != 6 {
		t.Errorf("newer number, same time: %v", err)
	}
	loose, err := OpenUnpinned(assembled(t, r, 7, day(2), base))
	if err != nil {
		t.Fatal(err)
	}
	_, err = m.Accept(loose)
	wantError(t, "opened without a pin", err, ErrNoPin)
	_, err = m.Accept(nil)
	wantError(t, "no bundle", err, ErrArgument)
}

// TRUST-21: the root never falls, and no other root takes its number.
func TestRootsNeverFall(t *testing.T) {
	r := operator(t)
	base := sectionsOf(t, r, day(1))
	one := assembled(t, r, 1, day(1), base)
	forked := *r
	forked.roots, forked.chain = append([][]byte{}, r.roots...), append([]*RootObject{}, r.chain...)
	root2 := rootOf(t, 2, 2, []string{"a", "b", "c"}, []string{"s"})
	if err := r.RotateRoot(signedRoot(t, root2, "a", "b")); err != nil {
		t.Fatal(err)
	}
	root2.Threshold = 3
	if err := forked.RotateRoot(signedRoot(t, root2, "a", "b", "c")); err != nil {
		t.Fatal(err)
	}
	m, err := Memory{}.Accept(mustOpen(t, r, assembled(t, r, 2, day(2), base)))
	if err != nil {
		t.Fatal(err)
	}
	_, err = m.Accept(mustOpen(t, r, one))
	wantError(t, "root 1 after root 2", err, ErrRollback)
	_, err = m.Accept(mustOpen(t, &forked, assembled(t, &forked, 3, day(3), base)))
	wantError(t, "another root 2", err, ErrFork)
	root3 := rootOf(t, 3, 2, []string{"a", "b", "c"}, []string{"s"})
	if err := forked.RotateRoot(signedRoot(t, root3, "a", "b", "c")); err != nil {
		t.Fatal(err)
	}
	_, err = m.Accept(mustOpen(t, &forked, assembled(t, &forked, 4, day(4), base)))
	wantError(t, "root 3 of the other branch", err, ErrFork)
	// A bundle by root 1 with a higher number does not come back either.
	_, err = m.Accept(mustOpen(t, r, func() []byte {
		old := *r
		old.roots = r.roots[:1]
		return assembled(t, &old, 9, day(9), base)
	}()))
	wantError(t, "root 1 with a higher number", err, ErrRollback)
}

// TRUST-22: the iat of a list never falls, and a list goes only with its body.
func TestListsNeverFall(t *testing.T) {
	r := operator(t)
	k, iss := issuerKey(t, "one"), edrpou(1)
	name := statusSection(ListID{iss, 0})
	base := sectionsOf(t, r, day(3))
	with := func(n uint64, data []byte) *Bundle {
		s := maps.Clone(base)
		if s[name] = data; data == nil {
			delete(s, name)
		}
		return mustOpen(t, r, assembled(t, r, n, day(3), s))
	}
	m, err := Memory{}.Accept(with(1, statusList(t, iss, 0, day(2), k, 64)))
	if err != nil {
		t.Fatal(err)
	}
	if got := m.Lists[ListID{iss, 0}]; !got.Equal(day(2)) {
		t.Errorf("iat %s", got)
	}
	_, err = m.Accept(with(2, statusList(t, iss, 0, day(2).Add(-time.Second), k, 64)))
	wantError(t, "a second older", err, ErrRollback)
	_, err = m.Accept(with(2, nil))
	wantError(t, "list gone", err, ErrRollback)
	_, err = m.Accept(with(2, statusList(t, iss, 0, day(2), issuerKey(t, "two"), 64)))
	wantError(t, "another body's signature", err, ErrListKey)
	_, err = m.Accept(with(2, statusList(t, iss, 1, day(2), k, 64)))
	wantError(t, "another list in its place", err, ErrList)
	if _, err := m.Accept(with(2, statusList(t, iss, 0, day(2), k, 64, 3))); err != nil {
		t.Errorf("same iat: %v", err)
	}
	// The body ends: its list may go, and its iat is kept in case it comes back.
	if err := r.EndBody(iss, day(3)); err != nil {
		t.Fatal(err)
	}
	base = sectionsOf(t, r, day(3))
	gone, err := m.Accept(with(2, nil))
	if err != nil {
		t.Fatalf("list of an ended body gone: %v", err)
	}
	if got := gone.Lists[ListID{iss, 0}]; !got.Equal(day(2)) {
		t.Errorf("iat of an ended body's list: %s", got)
	}
	_, err = gone.Accept(with(3, statusList(t, iss, 0, day(1), k, 64)))
	wantError(t, "it comes back older", err, ErrRollback)
	// The list of a compromised key answers nothing and moves nothing, and its bundle still installs.
	r2 := operator(t)
	if err := r2.End(k.IssuerPublic().KeyID(), Ending{Compromised: true}); err != nil {
		t.Fatal(err)
	}
	b := mustOpen(t, r2, build(t, r2, day(3)))
	m2, err := Memory{Lists: map[ListID]time.Time{{iss, 0}: day(2)}}.Accept(b)
	if err != nil {
		t.Fatalf("bundle with a list of a compromised key: %v", err)
	}
	if got := m2.Lists[ListID{iss, 0}]; !got.Equal(day(2)) {
		t.Errorf("iat moved to %s by a compromised key", got)
	}
	_, _, err = b.Status(iss, 0, 5)
	wantError(t, "status under a compromised key", err, ErrKeyEnded)
}

// TRUST-23: a number of a code table never changes its meaning.
func TestCodeTablesOnlyGrow(t *testing.T) {
	r := operator(t)
	k, iss := issuerKey(t, "one"), edrpou(1)
	base := sectionsOf(t, r, day(1))
	with := func(n uint64, data []byte) *Bundle {
		s := maps.Clone(base)
		if s[codesSection(iss)] = data; data == nil {
			delete(s, codesSection(iss))
		}
		return mustOpen(t, r, assembled(t, r, n, day(1), s))
	}
	m, err := Memory{}.Accept(with(1, signedCodes(t, iss, day0, k, "слідчий", "прокурор")))
	if err != nil {
		t.Fatal(err)
	}
	grown, err := m.Accept(with(2, signedCodes(t, iss, day0, k, "слідчий", "прокурор", "суддя")))
	if err != nil || grown.Codes[iss].Position.N != 3 {
		t.Errorf("grown table: %v", err)
	}
	for name, data := range map[string][]byte{
		"a meaning changed":     signedCodes(t, iss, day0, k, "слідчий", "суддя", "прокурор"),
		"the first one changed": signedCodes(t, iss, day0, k, "писар", "прокурор"),
		"one number less":       signedCodes(t, iss, day0, k, "слідчий"),
		"empty":                 signedCodes(t, iss, day0, k),
		"table gone":            nil,
	} {
		_, err := m.Accept(with(2, data))
		wantError(t, name, err, ErrRollback)
	}
	_, err = m.Accept(with(2, signedCodes(t, iss, day0, issuerKey(t, "two"), "слідчий", "прокурор")))
	wantError(t, "signed by another body", err, ErrCodesKey)
	if err := r.EndBody(iss, day(1)); err != nil {
		t.Fatal(err)
	}
	base = sectionsOf(t, r, day(1))
	gone, err := m.Accept(with(2, nil))
	if err != nil || gone.Codes[iss].Position.N != 2 {
		t.Errorf("table of an ended body: %v", err)
	}
	_, err = gone.Accept(with(3, signedCodes(t, iss, day0, k, "суддя", "прокурор")))
	wantError(t, "it comes back changed", err, ErrRollback)
}

// TestBeaconAfterReset: a bundle after a reset is older than the one that the thief dated ahead; its beacon has no history.
func TestBeaconAfterReset(t *testing.T) {
	r := operator(t)
	ahead, err := r.BuildBundle(day(300), bundleKey(t, "s"), fakeBeacon)
	if err != nil {
		t.Fatal(err)
	}
	root2 := rootOf(t, 2, 2, []string{"a", "b", "c"}, []string{"s2"})
	root2.Reset = &Reset{Number: 200, Floor: day(2)}
	if err := r.RotateRoot(signedRoot(t, root2, "a", "b")); err != nil {
		t.Fatal(err)
	}
	data, err := r.BuildBundle(day(3), bundleKey(t, "s2"), fakeBeacon)
	if err != nil {
		t.Fatal(err)
	}
	before, after := mustOpen(t, r, ahead).Beacon(), mustOpen(t, r, data).Beacon()
	if after.N != before.N+1 || len(after.Times) != 1 || !after.Times[0].Equal(day(3)) {
		t.Errorf("beacon %d with times %v after %d", after.N, after.Times, before.N)
	}
}

// TRUST-25: a new root may set number and floor back, for a verifier that meets it for the first time, and once.
func TestReset(t *testing.T) {
	r := operator(t)
	base := sectionsOf(t, r, day(1))
	// The bundle signer was stolen: number and time far ahead.
	stolen := mustOpen(t, r, assembled(t, r, 1<<60, day(5000), base))
	m, err := Memory{}.Accept(stolen)
	if err != nil {
		t.Fatal(err)
	}
	honest := mustOpen(t, r, assembled(t, r, 100, day(2), base))
	_, err = m.Accept(honest)
	wantError(t, "before the reset", err, ErrRollback)
	root2 := rootOf(t, 2, 2, []string{"a", "b", "c"}, []string{"s2"})
	root2.Reset = &Reset{Number: 200, Floor: day(2)}
	if err := r.RotateRoot(signedRoot(t, root2, "a", "b")); err != nil {
		t.Fatal(err)
	}
	if r.Number() != 199 {
		t.Errorf("register stands at %d", r.Number())
	}
	under2 := func(n uint64, at time.Time) *Bundle {
		out, err := assemble(r.roots, 2, n, at, base, bundleKey(t, "s2"))
		if err != nil {
			t.Fatal(err)
		}
		return mustOpen(t, r, out)
	}
	for name, b := range map[string]*Bundle{
		"below the reset number": under2(199, day(3)), "before the reset floor": under2(200, day(2).Add(-time.Second)),
		"equal to what is remembered but for the root": stolen2(t, r, base),
	} {
		if _, err := m.Accept(b); err == nil && b.Number() < 1<<60 {
			t.Errorf("%s: accepted", name)
		}
	}
	reset, err := m.Accept(under2(200, day(2)))
	if err != nil || reset.Number != 200 || !reset.Floor.Equal(day(2)) || reset.RootNumber != 2 {
		t.Fatalf("reset: %v", err)
	}
	for name, b := range map[string]*Bundle{"the stolen bundle": stolen, "an honest one of root 1": honest} {
		_, err := reset.Accept(b)
		wantError(t, name, err, ErrRollback)
	}
	forward, err := reset.Accept(under2(300, day(30)))
	if err != nil {
		t.Fatal(err)
	}
	_, err = forward.Accept(under2(250, day(31)))
	wantError(t, "the reset does not work twice", err, ErrRollback)
	_, err = forward.Accept(under2(301, day(29)))
	wantError(t, "the floor reset does not work twice", err, ErrRollback)
	// Root 3 without a reset: a verifier that slept through root 2 still gets its reset.
	root3 := rootOf(t, 3, 2, []string{"a", "b", "c"}, []string{"s2"})
	if err := r.RotateRoot(signedRoot(t, root3, "a", "b")); err != nil {
		t.Fatal(err)
	}
	out, err := assemble(r.roots, 3, 310, day(32), base, bundleKey(t, "s2"))
	if err != nil {
		t.Fatal(err)
	}
	if late, err := m.Accept(mustOpen(t, r, out)); err != nil || late.Number != 310 {
		t.Errorf("reset met with root 3: %v", err)
	}
	// A list may not fall, reset or not.
	fallen := maps.Clone(base)
	fallen[statusSection(ListID{edrpou(1), 0})] = statusList(t, edrpou(1), 0, day0, issuerKey(t, "one"), 64)
	ahead := Memory{RootNumber: 1, RootFingerprint: r.RootFingerprint(), Number: 1 << 60, Floor: day(5000), Lists: map[ListID]time.Time{{edrpou(1), 0}: day(1)}}
	out, err = assemble(r.roots, 3, 311, day(32), fallen, bundleKey(t, "s2"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = ahead.Accept(mustOpen(t, r, out))
	wantError(t, "list fell with a reset", err, ErrRollback)
}

// stolen2 is a bundle under root 2 that carries the stolen number on.
func stolen2(tb testing.TB, r *Register, base map[string][]byte) *Bundle {
	tb.Helper()
	out, err := assemble(r.roots, 2, 1<<60, day(2).Add(-time.Hour), base, bundleKey(tb, "s2"))
	if err != nil {
		tb.Fatal(err)
	}
	b := mustOpen(tb, r, out)
	if _, err := (Memory{RootNumber: 1, RootFingerprint: r.RootFingerprint(), Number: 1 << 60, Floor: day(5000)}).Accept(b); err == nil {
		tb.Error("a bundle before the reset floor is accepted")
	}
	return b
}

// A bundle whose sections are damaged replaces nothing (TRUST-09).
func TestAcceptOpensEverything(t *testing.T) {
	r := operator(t)
	data := build(t, r, day(1))
	data[len(data)-1] ^= 1
	b := mustOpen(t, r, data)
	var m Memory
	_, err := m.Accept(b)
	if err == nil {
		t.Error("a damaged bundle is accepted")
	}
}

// TRUST-26: a memory that cannot be read is an error, never an empty memory.
func TestMemoryForm(t *testing.T) {
	_, bundles := history(t, 3)
	m, err := Memory{}.Accept(bundles[2])
	if err != nil {
		t.Fatal(err)
	}
	data := m.Encode()
	back, err := ParseMemory(data)
	if err != nil || !bytes.Equal(back.Encode(), data) || len(back.Lists) != 2 || len(back.Codes) != 2 {
		t.Fatalf("%+v, %v", back, err)
	}
	if _, err := back.Accept(bundles[1]); err == nil {
		t.Error("what was read back accepts an older bundle")
	}
	empty, err := ParseMemory(Memory{}.Encode())
	if err != nil || empty.Number != 0 {
		t.Errorf("empty memory: %v", err)
	}
	edit := func(f func(map[string]any)) []byte {
		var v map[string]any
		if err := json.Unmarshal(data, &v); err != nil {
			t.Fatal(err)
		}
		f(v)
		out, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	for name, bad := range map[string][]byte{
		"nothing":          nil,
		"not JSON":         []byte("posvid"),
		"null":             []byte("null"),
		"array":            []byte("[]"),
		"empty object":     []byte("{}"),
		"cut":              data[:len(data)/2],
		"two values":       append(bytes.Clone(data), data...),
		"version 2":        edit(func(v map[string]any) { v["version"] = 2 }),
		"unknown field":    edit(func(v map[string]any) { v["more"] = 1 }),
		"number 0":         edit(func(v map[string]any) { v["number"] = 0 }),
		"root 0":           edit(func(v map[string]any) { v["root"] = 0 }),
		"negative floor":   edit(func(v map[string]any) { v["floor"] = -1 }),
		"no floor":         edit(func(v map[string]any) { delete(v, "floor") }),
		"short manifest":   edit(func(v map[string]any) { v["manifest_sha256"] = "00" }),
		"no fingerprint":   edit(func(v map[string]any) { v["root_fingerprint"] = "" }),
		"list of nothing":  edit(func(v map[string]any) { v["lists"] = map[string]any{"x": 1} }),
		"list at 0":        edit(func(v map[string]any) { v["lists"] = map[string]any{"urn:posvid:10000001:0": 0} }),
		"table of nothing": edit(func(v map[string]any) { v["codes"] = map[string]any{"x": map[string]any{}} }),
		"number is text":   edit(func(v map[string]any) { v["number"] = "3" }),
		"floor fraction":   edit(func(v map[string]any) { v["floor"] = 1.5 }),
		"huge":             bytes.Repeat([]byte(" "), maxMemory+1),
	} {
		got, err := ParseMemory(bad)
		wantError(t, name, err, ErrMemory)
		if got.Number != 0 || got.Lists != nil {
			t.Errorf("%s: a memory beside the error", name)
		}
	}
	if strings.Contains(string(data), "слідчий") {
		t.Error("memory holds texts")
	}
}
