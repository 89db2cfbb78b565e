package trust

import (
	"bytes"
	"fmt"
	"maps"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/posvid/posvid/codes"
	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
)

// parts splits a bundle file into its items.
func parts(tb testing.TB, data []byte) [][]byte {
	tb.Helper()
	var out [][]byte
	for r := cose.NewReader(data); !r.Done(); {
		raw, err := r.Raw()
		if err != nil {
			tb.Fatal(err)
		}
		out = append(out, raw)
	}
	return out
}

// TRUST-06: the manifest carries exactly the two signatures of one bundle signer of the newest root.
func TestManifestSignatures(t *testing.T) {
	r := operator(t)
	items := parts(t, build(t, r, day(1)))
	m, err := cose.ParseSign(items[1], manifestProfile)
	if err != nil {
		t.Fatal(err)
	}
	payload, sigs := m.Payload, m.Signatures
	stranger, err := keys.SignBundle(cose.Header{}, payload, bundleKey(t, "stranger"))
	if err != nil {
		t.Fatal(err)
	}
	strange, err := cose.ParseSign(stranger, manifestProfile)
	if err != nil {
		t.Fatal(err)
	}
	root, err := keys.SignRoot(cose.Header{}, payload, rootKey(t, "a"))
	if err != nil {
		t.Fatal(err)
	}
	h := cose.Header{Type: cose.TypeBundle}
	join := func(s ...cose.Signature) []byte {
		out, err := cose.AssembleSign(h, payload, s)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	with := func(manifest []byte) error {
		file := append(bytes.Clone(items[0]), manifest...)
		for _, s := range items[2:] {
			file = append(file, s...)
		}
		b, err := Open(file, r.RootFingerprint())
		if (b == nil) == (err == nil) {
			t.Error("a bundle beside an error, or neither")
		}
		return err
	}
	if err := with(join(sigs[0], sigs[1])); err != nil {
		t.Fatal(err)
	}
	wantError(t, "P-256 alone", with(join(sigs[0])), ErrThreshold)
	wantError(t, "ML-DSA alone", with(join(sigs[1])), ErrThreshold)
	wantError(t, "P-256 twice", with(join(sigs[0], sigs[0])), ErrThreshold)
	wantError(t, "a third signature", with(join(sigs[0], sigs[1], sigs[0])), ErrThreshold)
	wantError(t, "a stranger", with(stranger), ErrThreshold)
	wantError(t, "halves of two signers", with(join(sigs[0], strange.Signatures[1])), ErrThreshold)
	wantError(t, "signed as a root", with(root), ErrManifest)
	changed := bytes.Clone(items[1])
	changed[len(changed)/2] ^= 1
	if with(changed) == nil {
		t.Error("a changed manifest opens")
	}
}

// A bundle signer that left with an older root signs no more.
func TestBundleSignerLeavesWithItsRoot(t *testing.T) {
	r := operator(t)
	old := build(t, r, day(1))
	root2 := rootOf(t, 2, 2, []string{"a", "b", "c"}, []string{"s2"})
	if err := r.RotateRoot(signedRoot(t, root2, "a", "c")); err != nil {
		t.Fatal(err)
	}
	_, err := r.BuildBundle(day(2), bundleKey(t, "s"), nil)
	wantError(t, "old signer", err, ErrNotAdmitted)
	_, err = Open(assembled(t, r, 2, day(2), sectionsOf(t, r, day(2))), r.RootFingerprint())
	wantError(t, "old signer by hand", err, ErrThreshold)
	data, err := r.BuildBundle(day(2), bundleKey(t, "s2"), fakeBeacon)
	if err != nil {
		t.Fatal(err)
	}
	if b := mustOpen(t, r, data); b.RootNumber() != 2 || len(b.Roots()) != 2 {
		t.Errorf("root %d", b.RootNumber())
	}
	mustOpen(t, r, old)
	if b, err := Open(data, r.chain[1].Fingerprint); err != nil || b.RootNumber() != 2 {
		t.Errorf("pinned at root 2: %v", err)
	}
	_, err = Open(old, r.chain[1].Fingerprint)
	wantError(t, "old bundle under the new pin", err, ErrPin)
}

// TRUST-01: with no pin nothing opens, and what opens without one says so.
func TestPin(t *testing.T) {
	r := operator(t)
	data := build(t, r, day(1))
	_, err := Open(data, Fingerprint{})
	wantError(t, "no pin", err, ErrNoPin)
	_, err = Open(data, Fingerprint{9})
	wantError(t, "foreign pin", err, ErrPin)
	b, err := OpenUnpinned(data)
	if err != nil || b.Pinned() {
		t.Errorf("unpinned: %v", err)
	}
}

// TRUST-07: version, number, root, hash of the roots, and exp = iat + 8 days.
func TestManifestRules(t *testing.T) {
	r := operator(t)
	items := parts(t, build(t, r, day(1)))
	m, err := cose.ParseSign(items[1], manifestProfile)
	if err != nil {
		t.Fatal(err)
	}
	var w wireManifest
	if err := cose.Unmarshal(m.Payload, &w, manifestLimits); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*wireManifest){
		"version 0":            func(w *wireManifest) { w.Version = 0 },
		"version 2":            func(w *wireManifest) { w.Version = 2 },
		"number 0":             func(w *wireManifest) { w.Number = 0 },
		"root 0":               func(w *wireManifest) { w.Root = 0 },
		"root 2":               func(w *wireManifest) { w.Root = 2 },
		"hash of the roots":    func(w *wireManifest) { w.Roots = bytes.Repeat([]byte{1}, 32) },
		"short hash":           func(w *wireManifest) { w.Roots = w.Roots[:31] },
		"exp a second early":   func(w *wireManifest) { w.ExpiresAt-- },
		"exp a second late":    func(w *wireManifest) { w.ExpiresAt++ },
		"iat 0":                func(w *wireManifest) { w.IssuedAt, w.ExpiresAt = 0, 8*86400 },
		"iat beyond 9999":      func(w *wireManifest) { w.IssuedAt, w.ExpiresAt = maxSeconds+1, maxSeconds+1+8*86400 },
		"iat before the root":  func(w *wireManifest) { w.IssuedAt -= 40 * 86400; w.ExpiresAt -= 40 * 86400 },
		"a row twice":          func(w *wireManifest) { w.Sections = append(w.Sections, w.Sections[len(w.Sections)-1]) },
		"rows out of order":    func(w *wireManifest) { s := w.Sections; s[0], s[1] = s[1], s[0] },
		"a row too few":        func(w *wireManifest) { w.Sections = w.Sections[:len(w.Sections)-1] },
		"a row too many":       func(w *wireManifest) { w.Sections = append(w.Sections, wireRow{Name: "zz", Hash: make([]byte, 32)}) },
		"row without a name":   func(w *wireManifest) { w.Sections[0].Name = "" },
		"row with a long name": func(w *wireManifest) { w.Sections[len(w.Sections)-1].Name = strings.Repeat("z", 65) },
		"row with short hash":  func(w *wireManifest) { w.Sections[0].Hash = w.Sections[0].Hash[:20] },
		"size one less":        func(w *wireManifest) { w.Sections[0].Size-- },
		"size one more":        func(w *wireManifest) { w.Sections[0].Size++ },
		"size 2^63":            func(w *wireManifest) { w.Sections[0].Size = 1 << 63 },
	} {
		copied := w
		copied.Sections = append([]wireRow{}, w.Sections...)
		spoil(&copied)
		payload, err := cose.Marshal(copied)
		if err != nil {
			t.Fatal(err)
		}
		manifest, err := keys.SignBundle(cose.Header{}, payload, bundleKey(t, "s"))
		if err != nil {
			t.Fatal(err)
		}
		file := append(bytes.Clone(items[0]), manifest...)
		for _, s := range items[2:] {
			file = append(file, s...)
		}
		if b, err := Open(file, r.RootFingerprint()); err == nil || b != nil {
			t.Errorf("%s: opened", name)
		}
	}
}

// TRUST-08: every byte of the file is accounted for.
func TestEveryByteIsAccountedFor(t *testing.T) {
	r := operator(t)
	data := build(t, r, day(1))
	pin := r.RootFingerprint()
	check := func(b *Bundle, err error) error {
		if err != nil {
			return err
		}
		return b.CheckAll()
	}
	step := 1
	if raceDetector {
		step = 10
	}
	for n := range len(data) {
		if n%(97*step) != 0 && n < len(data)-200/step {
			continue
		}
		if b, err := Open(data[:n], pin); err == nil || b != nil {
			t.Fatalf("file cut to %d of %d bytes opens", n, len(data))
		}
	}
	for _, tail := range [][]byte{{0}, {0x40}, {0xf6}, data} {
		_, err := Open(append(bytes.Clone(data), tail...), pin)
		wantError(t, fmt.Sprintf("%d bytes behind", len(tail)), err, ErrMalformed)
	}
	// Any single byte changed is found, at the latest when everything is opened.
	for i := 0; i < len(data); i += 61 * step {
		changed := bytes.Clone(data)
		changed[i] ^= 0x10
		if check(Open(changed, pin)) == nil {
			t.Errorf("byte %d changed, nothing noticed", i)
		}
	}
	items := parts(t, data)
	// A longer head of a section, a text string in its place, sections swapped, the manifest missing or first.
	long := append(bytes.Clone(items[0]), items[1]...)
	r0 := cose.NewReader(items[2])
	content, err := r0.ReadBytes()
	if err != nil {
		t.Fatal(err)
	}
	long = append(long, 0x5a, byte(len(content)>>24), byte(len(content)>>16), byte(len(content)>>8), byte(len(content)))
	long = append(long, content...)
	for _, s := range items[3:] {
		long = append(long, s...)
	}
	_, err = Open(long, pin)
	wantError(t, "longer head", err, ErrManifest)
	text := bytes.Clone(data)
	text[len(items[0])+len(items[1])] |= 0x20
	_, err = Open(text, pin)
	wantError(t, "text instead of bytes", err, ErrMalformed)
	reorder := func(order ...int) []byte {
		var out []byte
		for _, i := range order {
			out = append(out, items[i]...)
		}
		return out
	}
	all := make([]int, len(items))
	for i := range all {
		all[i] = i
	}
	swapped := append([]int{}, all...)
	swapped[2], swapped[3] = 3, 2
	for name, order := range map[string][]int{
		"sections swapped": swapped, "manifest first": append([]int{1, 0}, all[2:]...), "no roots": all[1:], "no manifest": append([]int{0}, all[2:]...),
		"no sections": all[:2], "roots only": all[:1],
	} {
		if _, err := Open(reorder(order...), pin); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
	_, err = Open(nil, pin)
	wantError(t, "empty file", err, ErrMalformed)
}

// TRUST-09: a damaged section is a named error that stays, never an absent answer.
func TestDamagedSectionIsNeverAbsent(t *testing.T) {
	r := operator(t)
	if _, err := r.AdmitVerifier(verifierRequest(t, "gate", edrpou(1), day0), VerifierGrant{ValidUntil: day(300)}, day0); err != nil {
		t.Fatal(err)
	}
	if err := r.Carry(publication(t, Publication{EDRPOU: edrpou(1), Carriers: signedCarriers(t, edrpou(1), day0, "one", 3)}), day0); err != nil {
		t.Fatal(err)
	}
	if err := r.SetCards(Cards{Roots: [][]byte{{0x30, 0x01, 0x00}}}); err != nil {
		t.Fatal(err)
	}
	data := build(t, r, day(1))
	good := mustOpen(t, r, data)
	if err := good.CheckAll(); err != nil {
		t.Fatal(err)
	}
	// Flip the last byte of each section in turn.
	at := len(data)
	infos := good.Sections()
	for i := len(infos) - 1; i >= 0; i-- {
		name := infos[i].Name
		changed := bytes.Clone(data)
		changed[at-1] ^= 1
		at -= infos[i].Size + headSize(infos[i].Size)
		b, err := Open(changed, r.RootFingerprint())
		ask := map[string]func() error{
			statusSection(ListID{edrpou(1), 0}): func() error { _, _, err := b.Status(edrpou(1), 0, 4); return err },
			codesSection(edrpou(1)):             func() error { _, _, err := b.Code(edrpou(1), codes.Position, 1); return err },
			sectionVerifiers:                    func() error { _, _, err := b.Verifier(1); return err },
			sectionCards:                        func() error { _, err := b.Cards(); return err },
			sectionCarriers:                     func() error { _, _, _, err := b.Carrier(CarrierNumber, []byte("0000")); return err },
		}[name]
		switch {
		case ask == nil && strings.Contains(name, "/"):
			wantError(t, name, b.CheckAll(), ErrSection)
		case ask == nil:
			wantError(t, name, err, ErrSection)
		case err != nil:
			t.Errorf("%s: opened at once: %v", name, err)
		default:
			for range 3 {
				wantError(t, name, ask(), ErrSection)
			}
			wantError(t, name, b.CheckAll(), ErrSection)
			// The other sections still answer.
			if name != statusSection(ListID{edrpou(2), 0}) {
				if v, _, err := b.Status(edrpou(2), 0, 5); err != nil || v != StatusInvalid {
					t.Errorf("%s: the other body's list: %v %v", name, v, err)
				}
			}
		}
	}
	if at != len(data)-sectionBytes(infos) {
		t.Errorf("sections begin at %d", at)
	}
}

func sectionBytes(infos []SectionInfo) int {
	n := 0
	for _, s := range infos {
		n += s.Size + headSize(s.Size)
	}
	return n
}

// TRUST-10: every entry of section keys stands on its own: bodies known, no key twice, at most four with one key id.
func TestKeysSection(t *testing.T) {
	r := operator(t)
	base := sectionsOf(t, r, day(1))
	var wires []wireKey
	if err := unmarshalSection(sectionKeys, base[sectionKeys], &wires); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func([]wireKey) []wireKey{
		"body unknown":      func(k []wireKey) []wireKey { k[0].Bodies = []string{"99999999"}; return k },
		"no body":           func(k []wireKey) []wireKey { k[0].Bodies = nil; return k },
		"body malformed":    func(k []wireKey) []wireKey { k[0].Bodies = []string{"1000000"}; return k },
		"body twice":        func(k []wireKey) []wireKey { k[0].Bodies = []string{edrpou(1), edrpou(1)}; return k },
		"key twice":         func(k []wireKey) []wireKey { return append(k, k[0]) },
		"no valid-from":     func(k []wireKey) []wireKey { k[0].ValidFrom = 0; return k },
		"retired too early": func(k []wireKey) []wireKey { k[0].RetiredAt = k[0].ValidFrom - 1; return k },
		"kind 256":          func(k []wireKey) []wireKey { k[0].Kinds = []uint64{256}; return k },
		"kinds unordered":   func(k []wireKey) []wireKey { k[0].Kinds = []uint64{2, 0}; return k },
		"life of 2^40 s":    func(k []wireKey) []wireKey { k[0].MaxLife = 1 << 40; return k },
		"life of 11 years":  func(k []wireKey) []wireKey { k[0].MaxLife = 11 * 366 * 86400; return k },
		"an ML-DSA key":     func(k []wireKey) []wireKey { k[0].Key = rootKey(t, "a").RootPublic().MLDSA65().MarshalCOSE(); return k },
		"no key":            func(k []wireKey) []wireKey { k[0].Key = rawItem{0xa0}; return k },
	} {
		sections := maps.Clone(base)
		data, err := cose.Marshal(spoil(append([]wireKey{}, wires...)))
		if err != nil {
			t.Fatal(err)
		}
		sections[sectionKeys] = data
		_, err = Open(assembled(t, r, 1, day(1), sections), r.RootFingerprint())
		wantError(t, name, err, ErrSection)
	}
	for _, missing := range []string{sectionKeys, sectionBodies} {
		sections := maps.Clone(base)
		delete(sections, missing)
		_, err := Open(assembled(t, r, 1, day(1), sections), r.RootFingerprint())
		wantError(t, missing+" missing", err, ErrManifest)
	}
	// Five keys under one key id. Real thumbprints cannot be made to collide here, so the reader is given them grouped.
	b := mustOpen(t, r, assembled(t, r, 1, day(1), base))
	if got := b.IssuerKeys(keys.KeyID{1, 2, 3, 4}); len(got) != 0 {
		t.Errorf("unknown key id gives %d keys", len(got))
	}
	if n := testing.AllocsPerRun(100, func() { b.IssuerKeys(b.keys[0].Key.KeyID()) }); n > 1 { // KeyID hashes the key
		t.Errorf("IssuerKeys: %v allocations", n)
	}
}

// TRUST-10: four keys may share a key id, a fifth is refused.
func TestKeysSharingAnID(t *testing.T) {
	var list []numberedKey
	for n := range maxKeysSharing {
		list = append(list, numberedKey{id: keys.KeyID{7}, raw: []byte{byte(n)}})
	}
	list = append(list, numberedKey{id: keys.KeyID{8}, raw: []byte{9}})
	all, spans, err := groupKeys(list)
	if err != nil || len(all) != 5 || spans[keys.KeyID{7}] != (keySpan{0, 4}) || spans[keys.KeyID{8}] != (keySpan{4, 5}) {
		t.Errorf("four keys: %d keys, %v, %v", len(all), spans, err)
	}
	_, _, err = groupKeys(append(list, numberedKey{id: keys.KeyID{7}, raw: []byte{8}}))
	wantError(t, "five keys", err, ErrSection)
	_, _, err = groupKeys(append(list[:1:1], list[0]))
	wantError(t, "one key twice", err, ErrSection)
}

// TRUST-11: valid-from, retirement and compromise are held against iat.
func TestRightAt(t *testing.T) {
	r := Right{ValidFrom: day(10), RetiredAt: day(20)}
	for at, want := range map[time.Time]error{
		day(10).Add(-time.Second): ErrKeyNotYet, day(10): nil, day(15): nil, day(20): nil, day(20).Add(time.Second): ErrKeyEnded,
	} {
		if err := r.At(at); want == nil && err != nil {
			t.Errorf("%s: %v", at, err)
		} else if want != nil {
			wantError(t, at.String(), err, want)
		}
	}
	r.Compromised = true
	for _, at := range []time.Time{day(1), day(15), day(30)} {
		wantError(t, "compromised", r.At(at), ErrKeyEnded)
	}
	var zero Right
	wantError(t, "zero right", zero.At(day(1)), ErrKeyNotYet)
	if zero.AllowsBody(edrpou(1)) || zero.AllowsKind(0) {
		t.Error("the zero right allows something")
	}
}

// TRUST-12: no body speaks for another: all pairs, in the register and past it.
func TestNoBodySpeaksForAnother(t *testing.T) {
	n := 12
	if raceDetector {
		n = 4
	}
	r := newRegister(t)
	signers := map[string]keys.IssuerSigner{}
	for i := range n {
		iss := edrpou(i)
		signers[iss] = admit(t, r, iss, "pair "+iss)
	}
	base := sectionsOf(t, r, day(1))
	refused := 0
	for a := range n {
		for b := range n {
			from, to := edrpou(a), edrpou(b)
			k := signers[from]
			list, table := statusList(t, to, 0, day0, k, 64), signedCodes(t, to, day0, k, "слідчий")
			sections := maps.Clone(base)
			sections[statusSection(ListID{to, 0})], sections[codesSection(to)] = list, table
			bundle := mustOpen(t, r, assembled(t, r, 1, day(1), sections))
			_, _, errStatus := bundle.Status(to, 0, 1)
			_, _, errCode := bundle.Code(to, codes.Position, 1)
			if a == b {
				if errStatus != nil || errCode != nil {
					t.Errorf("%s for itself: %v, %v", from, errStatus, errCode)
				}
				continue
			}
			wantError(t, "bundle: list", errStatus, ErrListKey)
			wantError(t, "bundle: table", errCode, ErrCodesKey)
			for name, p := range map[string]Publication{
				"own name, other's list":  {EDRPOU: from, StatusLists: [][]byte{list}},
				"other's name and list":   {EDRPOU: to, StatusLists: [][]byte{list}},
				"own name, other's table": {EDRPOU: from, Codes: table},
				"other's name and table":  {EDRPOU: to, Codes: table},
			} {
				if err := r.Carry(publication(t, p), day0); err == nil {
					t.Errorf("%s carries %s of %s", from, name, to)
				}
				refused++
			}
			// A new key of A for B's ЄДРПОУ, as owner's second body and as an impostor's first.
			fresh := issuerKey(t, "fresh "+from+to)
			_, err := r.AdmitKey(keyRequest(t, fresh, day0, from, to), Grant{}, day0)
			wantError(t, "admit for another", err, ErrConflict)
			refused++
		}
	}
	if refused != n*(n-1)*5 {
		t.Errorf("%d attempts refused, want %d", refused, n*(n-1)*5)
	}
	if got := len(r.Keys()); got != n {
		t.Errorf("%d keys after it all, want %d", got, n)
	}
}

// TRUST-13: carriers are found by hash, belong to one body, and the section holds neither numbers nor order.
func TestCarriers(t *testing.T) {
	salt := bytes.Repeat([]byte{7}, 32)
	list := []Carrier{
		{CarrierGUID, bytes.Repeat([]byte{1}, 16), edrpou(1), 1<<20 | 7},
		{CarrierNumber, []byte("UA000001"), edrpou(2), 3},
		{CarrierNumber, []byte("UA000002"), edrpou(2), 4},
	}
	data, err := encodeCarriers(salt, list)
	if err != nil {
		t.Fatal(err)
	}
	table, err := decodeCarriers(data)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range list {
		if body, status, ok := table.find(c.Kind, c.Number); !ok || body != c.Body || status != c.Status {
			t.Errorf("%v: %s %d %v", c, body, status, ok)
		}
		if bytes.Contains(data, c.Number) {
			t.Error("the section holds a number in clear")
		}
	}
	for _, c := range []Carrier{
		{Kind: CarrierNumber, Number: bytes.Repeat([]byte{1}, 16)}, {Kind: CarrierGUID, Number: []byte("UA000001")},
		{Kind: CarrierNumber, Number: []byte("UA000003")}, {Kind: 0, Number: []byte("UA000001")}, {Kind: CarrierNumber},
	} {
		if _, _, ok := table.find(c.Kind, c.Number); ok {
			t.Errorf("%v is found", c)
		}
	}
	for name, bad := range map[string][]Carrier{
		"GUID of 15 bytes": {{CarrierGUID, make([]byte, 15), edrpou(1), 0}}, "number of 3": {{CarrierNumber, []byte("123"), edrpou(1), 0}},
		"kind 0": {{0, []byte("1234"), edrpou(1), 0}}, "no body": {{CarrierNumber, []byte("1234"), "", 0}}, "twice": {list[0], list[0]},
	} {
		if _, err := encodeCarriers(salt, bad); err == nil {
			t.Errorf("%s: encoded", name)
		}
	}
	if _, err := encodeCarriers(salt[:15], list); err == nil {
		t.Error("short salt: encoded")
	}
	rows := func(rows []byte) []byte {
		return cose.AppendBytes(cose.AppendUint(cose.AppendBytes(cose.AppendUint(cose.AppendMap(nil, 2), 1), salt), 2), rows)
	}
	for name, bad := range map[string][]byte{
		"half a row": rows(table.rows[:60]), "out of order": rows(append(bytes.Clone(table.rows[40:80]), table.rows[:40]...)),
		"a row twice": rows(append(bytes.Clone(table.rows[:40]), table.rows[:40]...)), "body 0": rows(append(bytes.Clone(table.rows[:32]), make([]byte, 8)...)),
		"no salt": cose.AppendMap(nil, 0), "not a map": {0x80},
	} {
		_, err := decodeCarriers(bad)
		wantError(t, name, err, ErrSection)
	}
}

// TRUST-14: policy is bounded, and its defaults are those of the specification.
func TestPolicy(t *testing.T) {
	var p Policy
	for class, want := range map[Class]ClassPolicy{
		ClassNone: {2, 24 * time.Hour}, ClassCheckpoint: {2, 24 * time.Hour}, ClassCouncil: {2, 72 * time.Hour}, 9: {2, 24 * time.Hour},
	} {
		if got := p.For(class); got != want {
			t.Errorf("default of %s: %+v, want %+v", class, got, want)
		}
	}
	if p.MaxBeaconAge() != 7*24*time.Hour {
		t.Errorf("beacon age %s", p.MaxBeaconAge())
	}
	r := operator(t)
	if err := r.SetPolicy(Policy{Classes: map[Class]ClassPolicy{ClassCheckpoint: {3, time.Hour}, ClassCouncil: {1, 7 * 24 * time.Hour}}, BeaconAge: 24 * time.Hour}); err != nil {
		t.Fatal(err)
	}
	b := mustOpen(t, r, build(t, r, day(1)))
	if got := b.Policy().For(ClassCheckpoint); got != (ClassPolicy{3, time.Hour}) || b.Policy().MaxBeaconAge() != 24*time.Hour {
		t.Errorf("policy of the bundle: %+v", got)
	}
	for name, bad := range map[string]Policy{
		"level 5": {Classes: map[Class]ClassPolicy{1: {MinLevel: 5}}}, "eight days": {Classes: map[Class]ClassPolicy{1: {StatusAge: MaxStatusAge + time.Second}}},
		"negative": {Classes: map[Class]ClassPolicy{1: {StatusAge: -time.Second}}}, "half a second": {Classes: map[Class]ClassPolicy{1: {StatusAge: time.Second / 2}}},
		"beacon of eight days": {BeaconAge: MaxStatusAge + time.Second}, "negative beacon": {BeaconAge: -1},
	} {
		if err := r.SetPolicy(bad); err == nil {
			t.Errorf("%s: set", name)
		}
	}
	base := sectionsOf(t, r, day(1))
	for name, w := range map[string]wirePolicy{
		"level 5": {Classes: map[uint8]wireClass{1: {MinLevel: 5}}}, "status age": {Classes: map[uint8]wireClass{1: {StatusAge: 7*86400 + 1}}},
		"status age 2^60": {Classes: map[uint8]wireClass{1: {StatusAge: 1 << 60}}}, "beacon age": {Classes: map[uint8]wireClass{}, BeaconAge: 7*86400 + 1},
	} {
		sections := maps.Clone(base)
		sections[sectionPolicy], _ = cose.Marshal(w)
		_, err := Open(assembled(t, r, 1, day(1), sections), r.RootFingerprint())
		wantError(t, name, err, ErrSection)
	}
}

func verifierRequest(tb testing.TB, label, body string, at time.Time) []byte {
	tb.Helper()
	k := verifierKey(tb, label)
	out, err := EncodeVerifierRequest(VerifierRequest{Body: body, Name: "Пост " + label, Class: ClassCheckpoint, IssuedAt: at, HPKE: k.HPKEPublic()}, k)
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

func signedCarriers(tb testing.TB, iss string, at time.Time, label string, n int) []byte {
	tb.Helper()
	var list []Carrier
	for i := range n {
		list = append(list, Carrier{CarrierNumber, fmt.Appendf(nil, "%s-%06d", iss, i), iss, uint32(i)})
	}
	out, err := SignCarriers(iss, at, list, issuerKey(tb, label))
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

// TRUST-15, TRUST-16: verifier entries, bodies and beacon hold their shape.
func TestSmallSections(t *testing.T) {
	r := operator(t)
	if _, err := r.AdmitVerifier(verifierRequest(t, "gate", edrpou(1), day0), VerifierGrant{ValidUntil: day(300)}, day0); err != nil {
		t.Fatal(err)
	}
	base := sectionsOf(t, r, day(1))
	b := mustOpen(t, r, assembled(t, r, 1, day(1), base))
	v, ok, err := b.Verifier(1)
	if err != nil || !ok || v.Name != "Пост gate" || v.Class != ClassCheckpoint || v.Policy != ClassCheckpoint ||
		!v.SigningKey.Equal(verifierKey(t, "gate").VerifierPublic()) || !bytes.Equal(v.HPKE.Bytes(), verifierKey(t, "gate").HPKEPublic().Bytes()) || !v.ValidUntil.Equal(day(300)) {
		t.Errorf("verifier: %+v %v %v", v, ok, err)
	}
	if _, ok, err := b.Verifier(2); ok || err != nil {
		t.Errorf("verifier 2: %v %v", ok, err)
	}
	var verifiers []wireVerifier
	if err := unmarshalSection(sectionVerifiers, base[sectionVerifiers], &verifiers); err != nil {
		t.Fatal(err)
	}
	one := verifiers[0]
	spoilVerifier := func(f func(*wireVerifier)) []wireVerifier { w := one; f(&w); return []wireVerifier{w} }
	for name, bad := range map[string][]wireVerifier{
		"id 0": spoilVerifier(func(w *wireVerifier) { w.ID = 0 }), "class 0": spoilVerifier(func(w *wireVerifier) { w.Class = 0 }),
		"class 3": spoilVerifier(func(w *wireVerifier) { w.Class = 3 }), "no name": spoilVerifier(func(w *wireVerifier) { w.Name = "" }),
		"two lines": spoilVerifier(func(w *wireVerifier) { w.Name = "a\nb" }), "no body": spoilVerifier(func(w *wireVerifier) { w.Body = "" }),
		"no until": spoilVerifier(func(w *wireVerifier) { w.Until = 0 }), "short HPKE": spoilVerifier(func(w *wireVerifier) { w.HPKE = w.HPKE[:64] }),
		"no signing key": spoilVerifier(func(w *wireVerifier) { w.Signing = rawItem{0xa0} }), "one id twice": {one, one},
	} {
		sections := maps.Clone(base)
		sections[sectionVerifiers], _ = cose.Marshal(bad)
		b := mustOpen(t, r, assembled(t, r, 1, day(1), sections))
		_, _, err := b.Verifier(1)
		wantError(t, "verifier "+name, err, ErrSection)
		all, err := b.Verifiers()
		if wantError(t, "all verifiers, "+name, err, ErrSection); len(all) != 0 {
			t.Errorf("%s: %d verifiers of a damaged section", name, len(all))
		}
	}
	value := bytes.Repeat([]byte{1}, 8)
	now, old := uint64(day(1).Unix()), uint64(day(0).Unix())
	for name, bad := range map[string]wireBeacon{
		"n 0": {0, value, []uint64{now}}, "seven bytes": {1, value[:7], []uint64{now}}, "no times": {1, value, []uint64{}}, "more times than values": {1, value, []uint64{now, old}},
		"oldest first": {2, value, []uint64{old, now}}, "time 0": {2, value, []uint64{now, 0}}, "after the bundle": {1, value, []uint64{now + 1}},
		"32 times": {99, value, append(make([]uint64, 0, 32), repeat(now, 32)...)},
	} {
		sections := maps.Clone(base)
		sections[sectionBeacon], _ = cose.Marshal(bad)
		_, err := Open(assembled(t, r, 1, day(1), sections), r.RootFingerprint())
		wantError(t, "beacon "+name, err, ErrSection)
	}
	for name, bad := range map[string][]wireBody{
		"twice": {{EDRPOU: edrpou(1), Name: "a"}, {EDRPOU: edrpou(1), Name: "a"}}, "unordered": {{EDRPOU: edrpou(2), Name: "a"}, {EDRPOU: edrpou(1), Name: "a"}},
		"no name": {{EDRPOU: edrpou(1)}}, "letters": {{EDRPOU: "1234567А", Name: "a"}}, "all zero": {{EDRPOU: "00000000", Name: "a"}}, "long phone": {{EDRPOU: edrpou(1), Name: "a", Phone: strings.Repeat("1", 33)}},
		"line separator": {{EDRPOU: edrpou(1), Name: "a\u2028b"}}, "terminal command": {{EDRPOU: edrpou(1), Name: "a\u009b2Jb"}},
		"turned phone": {{EDRPOU: edrpou(1), Name: "a", Phone: "\u202e1"}},
	} {
		sections := maps.Clone(base)
		sections[sectionBodies], _ = cose.Marshal(bad)
		_, err := Open(assembled(t, r, 1, day(1), sections), r.RootFingerprint())
		wantError(t, "bodies "+name, err, ErrSection)
	}
	for name, bad := range map[string]map[string]Text{
		"two lines": {"a": {UK: "x\ny"}}, "terminal command": {"a": {EN: "\x1b[2J"}}, "C1": {"a": {UK: "\u009b"}}, "long": {"a": {UK: strings.Repeat("a", maxText+1)}},
		"key of two lines": {"a\n": {UK: "x"}}, "no key": {"": {UK: "x"}},
	} {
		sections := maps.Clone(base)
		sections[sectionTexts], _ = cose.Marshal(bad)
		_, err := Open(assembled(t, r, 1, day(1), sections), r.RootFingerprint())
		wantError(t, "texts "+name, err, ErrSection)
		wantError(t, "set texts "+name, r.SetTexts(bad), ErrArgument)
	}
	for _, name := range []string{"new\x1b[2J", "new\u009b2J", "new\nline", "\u202ewen"} {
		sections := maps.Clone(base)
		sections[name] = []byte("x")
		_, err := OpenUnpinned(assembled(t, r, 1, day(1), sections))
		wantError(t, "section name that steers a terminal", err, ErrManifest)
	}
	// Lists and tables of bodies that are not there, names that name nothing, and a section that nobody knows.
	for name, section := range map[string]string{
		"list of nobody": "status/99999999/0", "table of nobody": "codes/99999999", "list 4096": "status/" + edrpou(1) + "/4096", "list 01": "status/" + edrpou(1) + "/01",
		"list without a number": "status/" + edrpou(1) + "/", "list without a body": "status/0", "table of a word": "codes/posvid",
	} {
		sections := maps.Clone(base)
		sections[section] = []byte{0xa0}
		_, err := Open(assembled(t, r, 1, day(1), sections), r.RootFingerprint())
		wantError(t, name, err, ErrManifest)
	}
	sections := maps.Clone(base)
	sections["future"] = []byte("whatever")
	if err := mustOpen(t, r, assembled(t, r, 1, day(1), sections)).CheckAll(); err != nil {
		t.Errorf("unknown section: %v", err)
	}
}

func repeat(v uint64, n int) []uint64 {
	out := make([]uint64, n)
	for i := range out {
		out[i] = v
	}
	return out
}

// TRUST-17: limits hold before anything is read, and memory stays under three times the size.
func TestLimits(t *testing.T) {
	r := operator(t)
	_, err := Open(make([]byte, MaxBundle+1), r.RootFingerprint())
	wantError(t, "over 32 MiB", err, ErrTooLarge)
	if testing.Short() || raceDetector {
		t.Skip("short mode, or the race detector, whose own memory would be counted: the 14 MiB bundle")
	}
	big := bigRegister(t, 20, 500_000, 100_000)
	data := build(t, big, day(1))
	pin := big.RootFingerprint()
	big = nil
	before := heap()
	b, err := Open(data, pin)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.CheckAll(); err != nil {
		t.Fatal(err)
	}
	used := heap() - before
	t.Logf("bundle of %d KiB, %d KiB beside it once everything is open", len(data)>>10, used>>10)
	if used > 2*uint64(len(data)) {
		t.Errorf("%d bytes beside a bundle of %d", used, len(data))
	}
	if len(data) > MaxBundle {
		t.Errorf("bundle of %d bytes", len(data))
	}
	runtime.KeepAlive(b)
}

// TRUST-17: lists that compress a thousandfold do not hold more memory than the bound, and still answer.
func TestInflatedListsAreBounded(t *testing.T) {
	r := newRegister(t)
	iss := edrpou(1)
	k := admit(t, r, iss, "one")
	p := Publication{EDRPOU: iss}
	lists := 64
	if raceDetector {
		lists = 36
	}
	for n := range lists {
		p.StatusLists = append(p.StatusLists, statusList(t, iss, uint16(n), day0, k, MaxStatusEntries, uint32(n)))
	}
	if err := r.Carry(publication(t, p), day0); err != nil {
		t.Fatal(err)
	}
	b := mustOpen(t, r, build(t, r, day(1)))
	for range 2 {
		for n := range lists {
			if v, _, err := b.Status(iss, uint16(n), uint32(n)); err != nil || v != StatusInvalid {
				t.Fatalf("list %d: %v %v", n, v, err)
			}
			if v, _, err := b.Status(iss, uint16(n), uint32(n+1)); err != nil || v != StatusValid {
				t.Fatalf("list %d: %v %v", n, v, err)
			}
		}
	}
	if b.inflated.total > inflatedFloor || len(b.inflated.order) > 32 {
		t.Errorf("%d bytes in %d inflated lists", b.inflated.total, len(b.inflated.order))
	}
}

// One bundle serves many goroutines, each section opened once.
func TestParallelUse(t *testing.T) {
	r := operator(t)
	b := mustOpen(t, r, build(t, r, day(1)))
	var wg sync.WaitGroup
	for g := range 16 {
		wg.Go(func() {
			for i := range 200 {
				iss := edrpou(1 + (g+i)%2)
				if v, _, err := b.Status(iss, 0, 5); err != nil || v != StatusInvalid {
					t.Errorf("status: %v %v", v, err)
				}
				if _, ok, err := b.Code(iss, codes.Position, 1); !ok || err != nil {
					t.Errorf("code: %v %v", ok, err)
				}
				if _, _, err := b.Verifier(1); err != nil {
					t.Errorf("verifier: %v", err)
				}
				if i%50 == 0 {
					if err := b.CheckAll(); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
}
