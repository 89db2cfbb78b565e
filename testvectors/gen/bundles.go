package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/posvid/posvid/codes"
	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/crypto/keys/authority"
	"github.com/posvid/posvid/testvectors/gen/demoroot"
	"github.com/posvid/posvid/trust"
)

// bundleParts is a bundle file taken apart. What is left zero is computed when it is put together.
type bundleParts struct {
	roots    [][]byte
	payload  cmap // of the manifest, without its section table
	sections map[string][]byte

	signers  []keys.HybridSigner // who signs the manifest
	typ      any                 // typ of the manifest
	rows     func([]row) []row   // changes the section table after it was made
	halves   func([]cose.Signature) []cose.Signature
	order    func([]string) []string // of the sections in the file
	after    func([]byte) []byte     // changes the file
	encode   func(cmap) []byte       // encodes the manifest's payload
	manifest func([]byte) []byte     // changes the signed manifest
}

// row is one line of the section table.
type row struct {
	name string
	size int
	hash []byte
}

// takeApart reads a good bundle.
func takeApart(data []byte, signer keys.HybridSigner) *bundleParts {
	r := cose.NewReader(data)
	p := &bundleParts{sections: map[string][]byte{}, signers: []keys.HybridSigner{signer}, typ: cose.TypeBundle.MediaType}
	roots := cose.NewReader(must(r.Raw()))
	for range must(roots.ReadArray()) {
		p.roots = append(p.roots, must(roots.ReadBytes()))
	}
	m := must(cose.ParseSign(must(r.Raw()), cose.Profile{Type: cose.TypeBundle, Limits: cose.Limits{Bytes: 1 << 20, String: 1 << 20}}))
	fields := cose.NewReader(m.Payload)
	var names []string
	for range must(fields.ReadMap()) {
		key := must(fields.ReadInt())
		value := bytes.Clone(must(fields.Raw()))
		if key != 7 {
			p.payload.set(key, raw(value))
			continue
		}
		rows := cose.NewReader(value)
		for range must(rows.ReadArray()) {
			must(rows.ReadArray())
			names = append(names, string(must(rows.ReadText())))
			must(rows.ReadUint())
			must(rows.ReadBytes())
		}
	}
	for _, name := range names {
		p.sections[name] = bytes.Clone(must(r.ReadBytes()))
	}
	return p
}

// build puts the bundle together and signs its manifest.
func (p *bundleParts) build() []byte {
	rootsItem := cose.AppendArray(nil, len(p.roots))
	for _, r := range p.roots {
		rootsItem = cose.AppendBytes(rootsItem, r)
	}
	names := slices.Sorted(maps.Keys(p.sections))
	var rows []row
	for _, name := range names {
		sum := sha256.Sum256(p.sections[name])
		rows = append(rows, row{name, len(p.sections[name]), sum[:]})
	}
	if p.rows != nil {
		rows = p.rows(rows)
	}
	list := cose.AppendArray(nil, len(rows))
	for _, r := range rows {
		list = cose.AppendText(cose.AppendArray(list, 3), r.name)
		list = cose.AppendBytes(cose.AppendUint(list, uint64(r.size)), r.hash)
	}
	payload := slices.Clone(p.payload)
	if !p.keepRootsHash() {
		sum := sha256.Sum256(rootsItem)
		payload.set(5, sum[:])
	}
	payload.set(7, raw(list))
	encode := p.encode
	if encode == nil {
		encode = cmap.encode
	}
	manifest := signedBy(encode(payload), p.typ, p.halves, p.signers...)
	if p.manifest != nil {
		manifest = p.manifest(manifest)
	}
	if p.order != nil {
		names = p.order(names)
	}
	out := append(rootsItem, manifest...)
	for _, name := range names {
		out = cose.AppendBytes(out, p.sections[name])
	}
	if p.after != nil {
		out = p.after(out)
	}
	return out
}

// wrongHash marks a roots-hash that is to stay as it is.
var wrongHash = item(bytes.Repeat([]byte{0x11}, 32))

func (p *bundleParts) keepRootsHash() bool { return bytes.Equal(p.payload.get(5), wrongHash) }

// signedBy makes a COSE_Sign by hybrid members; halves may drop or swap signatures.
func signedBy(payload []byte, typ any, halves func([]cose.Signature) []cose.Signature, members ...keys.HybridSigner) []byte {
	head := mapOf(16, typ).encode()
	var sigs []cose.Signature
	for _, m := range members {
		p256, mldsa := m.HybridSigners()
		for _, s := range []cose.Signer{p256, mldsa} {
			protected := mapOf(1, int64(s.Algorithm()), 4, m.Hybrid().KeyID()).encode()
			tbs := cose.AppendText(cose.AppendArray(nil, 5), "Signature")
			for _, part := range [][]byte{head, protected, nil, payload} {
				tbs = cose.AppendBytes(tbs, part)
			}
			sigs = append(sigs, cose.Signature{Protected: protected, Signature: must(s.Sign(tbs))})
		}
	}
	if halves != nil {
		sigs = halves(sigs)
	}
	out := append([]byte{0xd8, 98, 0x84}, cose.AppendBytes(nil, head)...)
	out = cose.AppendBytes(append(out, 0xa0), payload)
	out = cose.AppendArray(out, len(sigs))
	for _, s := range sigs {
		out = cose.AppendBytes(cose.AppendArray(out, 3), s.Protected)
		out = cose.AppendBytes(append(out, 0xa0), s.Signature)
	}
	return out
}

// trustFiles makes the bundles that presentations and installs are read with.
func (w *world) trustFiles() {
	const main = "bundle.sidb"
	before := w.clone() // as it stood before the newest bundle
	w.bundles[main] = w.build(base)
	if n := w.reg.BeaconN(); n != beaconBase {
		panic(fmt.Sprintf("beacon %d, want %d", n, beaconBase))
	}
	variant := func(name string, edit func(p *bundleParts)) {
		p := takeApart(w.bundles[main], w.signer)
		edit(p)
		w.bundles[name] = p.build()
	}
	variant("damaged.sidb", func(p *bundleParts) {
		p.manifest = func(b []byte) []byte { return flipBit(b, 60) }
	})
	variant("one_signature.sidb", func(p *bundleParts) { p.halves = func(s []cose.Signature) []cose.Signature { return s[:1] } })
	variant("list_other_body.sidb", func(p *bundleParts) {
		p.sections["status/"+ministry+"/0"] = statusToken(ministry, 0, base, plainList, w.keys.council).build()
	})
	variant("list_damaged.sidb", func(p *bundleParts) {
		p.sections["status/"+ministry+"/0"] = flipBit(p.sections["status/"+ministry+"/0"], len(p.sections["status/"+ministry+"/0"])-20)
	})
	variant("list_hash.sidb", func(p *bundleParts) {
		p.rows = func(rows []row) []row {
			for i := range rows {
				if rows[i].name == "status/"+ministry+"/0" {
					rows[i].hash = bytes.Repeat([]byte{0x22}, 32)
				}
			}
			return rows
		}
	})
	variant("list_other_name.sidb", func(p *bundleParts) {
		p.sections["status/"+ministry+"/0"] = statusToken(ministry, 3, base, plainList, w.keys.main).build()
	})
	variant("list_future.sidb", func(p *bundleParts) {
		p.sections["status/"+ministry+"/0"] = statusToken(ministry, 0, base.Add(121*time.Second), plainList, w.keys.main).build()
	})
	variant("list_compromised.sidb", func(p *bundleParts) {
		p.sections["status/"+ministry+"/0"] = statusToken(ministry, 0, base, plainList, w.keys.compromised).build()
	})
	variant("list_retired.sidb", func(p *bundleParts) {
		p.sections["status/"+ministry+"/0"] = statusToken(ministry, 0, turned.Add(time.Second), plainList, w.keys.retired).build()
	})
	variant("list_early.sidb", func(p *bundleParts) {
		p.sections["status/"+ministry+"/0"] = statusToken(ministry, 0, turned.Add(-time.Second), plainList, w.keys.young).build()
	})
	variant("list_bits.sidb", func(p *bundleParts) { // widths that a body does not write and a reader has to read
		for list, bits := range map[int]int{1: 1, 4: 4, 8: 8} {
			e := entries{length: 64, bits: bits, set: map[int]byte{indexRevoked: 1}}
			if bits > 1 {
				e.set[indexSuspended], e.set[indexReserved] = 2, byte(1<<bits-1)
			}
			p.sections[fmt.Sprintf("status/%s/%d", ministry, list)] = statusToken(ministry, list, base, e, w.keys.main).build()
		}
	})
	variant("codes_other_body.sidb", func(p *bundleParts) {
		p.sections["codes/"+ministry] = must(trust.SignCodes(ministry, base, table(), w.keys.council))
	})
	variant("codes_absent.sidb", func(p *bundleParts) { delete(p.sections, "codes/"+ministry) })
	variant("fork.sidb", func(p *bundleParts) {
		p.sections["texts"] = mapOf("notice", raw(append([]byte{0x82, 0x60}, 0x60))).encode()
	})
	variant("list_older.sidb", func(p *bundleParts) {
		p.payload.set(2, 11)
		p.sections["status/"+ministry+"/0"] = statusToken(ministry, 0, base.Add(-time.Second), plainList, w.keys.main).build()
	})
	variant("list_gone.sidb", func(p *bundleParts) {
		p.payload.set(2, 11)
		delete(p.sections, "status/"+ministry+"/0")
	})
	variant("codes_changed.sidb", func(p *bundleParts) {
		p.payload.set(2, 11)
		t := codes.NewTable()
		must(t.Assign(codes.Position, "охоронець", ""))
		must(t.Assign(codes.Position, "водій", ""))
		must(t.Assign(codes.Unit, "Відділ", ""))
		must(t.Assign(codes.Unit, "Сектор", ""))
		p.sections["codes/"+ministry] = must(trust.SignCodes(ministry, base, t, w.keys.main))
	})
	variant("codes_shorter.sidb", func(p *bundleParts) {
		p.payload.set(2, 11)
		t := codes.NewTable()
		must(t.Assign(codes.Position, people[0].Position.UK, people[0].Position.EN))
		p.sections["codes/"+ministry] = must(trust.SignCodes(ministry, base, t, w.keys.main))
	})
	variant("codes_gone.sidb", func(p *bundleParts) {
		p.payload.set(2, 11)
		delete(p.sections, "codes/"+ministry)
	})
	variant("gone_list_gone.sidb", func(p *bundleParts) {
		p.payload.set(2, 11)
		delete(p.sections, "status/"+gone+"/0")
		delete(p.sections, "codes/"+gone)
	})
	variant("time_back.sidb", func(p *bundleParts) {
		at := base.Add(-time.Second).Unix()
		p.payload.set(2, 11)
		p.payload.set(6, at)
		p.payload.set(4, at+8*86400)
		delete(p.sections, "beacon")
	})

	// Policies.
	policies := before.clone()
	check(policies.reg.SetPolicy(trust.Policy{BeaconAge: day, Classes: map[trust.Class]trust.ClassPolicy{
		trust.ClassCheckpoint: {MinLevel: 1}, trust.ClassCouncil: {StatusAge: 7 * day}}}))
	w.bundles["policy_level_1.sidb"] = policies.build(base)
	policies = before.clone()
	check(policies.reg.SetPolicy(trust.Policy{Classes: map[trust.Class]trust.ClassPolicy{
		trust.ClassCheckpoint: {MinLevel: 3, StatusAge: time.Hour}, trust.ClassNone: {MinLevel: 2}}}))
	w.bundles["policy_level_3.sidb"] = policies.build(base)
	silent := before.clone()
	w.bundles["no_beacon.sidb"] = must(silent.reg.BuildBundle(base, silent.signer, nil))

	// Another operator, whom nobody has pinned.
	w.bundles["other_operator.sidb"] = w.otherOperator()

	// Root 2: three newcomers and another bundle signer; then root 3, which resets number and floor.
	rotated := w.clone()
	signer2 := must(demoroot.BundleSigner(2))
	rotated.signer = signer2
	check(rotated.reg.RotateRoot(w.rootObject(2, nil, []int{4, 5, 6}, signer2, 1, 2, 4, 5)))
	w.bundles["root_2.sidb"] = rotated.build(base.Add(10 * time.Minute))
	p := takeApart(w.bundles["root_2.sidb"], w.signer) // the signer of root 1 signs under root 2
	w.bundles["root_2_old_signer.sidb"] = p.build()
	p = takeApart(w.bundles["root_2.sidb"], signer2)
	p.roots[1] = w.rootObject(2, nil, []int{4, 5, 6}, signer2, 4, 5, 6) // nobody of root 1 signed
	w.bundles["root_2_alone.sidb"] = p.build()
	p = takeApart(w.bundles["root_2.sidb"], signer2)
	p.roots[1] = w.rootObject(2, nil, []int{4, 5, 6}, signer2, 1, 2, 4)
	w.bundles["root_2_own_threshold.sidb"] = p.build()
	reset := rotated.clone()
	reset.signer = must(demoroot.BundleSigner(3))
	check(reset.reg.RotateRoot(w.rootObject(3, &trust.Reset{Number: 1, Floor: base}, []int{4, 5, 6}, reset.signer, 4, 5)))
	w.bundles["root_3_reset.sidb"] = reset.build(base.Add(20 * time.Minute))
}

// rootObject makes a root of the demo's operator: members and the members that sign by number.
func (w *world) rootObject(number uint64, reset *trust.Reset, members []int, signer authority.BundlePrivateKey, by ...int) []byte {
	root := trust.Root{Number: number, Threshold: 2, IssuedAt: base.Add(-time.Hour), Reset: reset, BundleSigners: []keys.BundlePublicKey{signer.BundlePublic()}}
	for _, n := range members {
		root.Members = append(root.Members, must(demoroot.Member(n)).RootPublic())
	}
	var signers []keys.RootSigner
	for _, n := range by {
		signers = append(signers, must(demoroot.Member(n)))
	}
	return must(trust.SignRoot(must(root.Encode()), signers))
}

// smallOperator has one root member and one bundle signer: a short file for vectors that are about its bytes.
func smallOperator(label string) (*operator, authority.RootPrivateKey, trust.Fingerprint) {
	member := must(authority.RootKeyForVectors(label))
	signer := must(authority.BundleKeyForVectors(label))
	root := trust.Root{Number: 1, Threshold: 1, IssuedAt: demoroot.IssuedAt, Members: []keys.RootPublicKey{member.RootPublic()},
		BundleSigners: []keys.BundlePublicKey{signer.BundlePublic()}}
	payload := must(root.Encode())
	object := must(trust.SignRoot(payload, []keys.RootSigner{member}))
	return &operator{reg: must(trust.NewRegister(object)), signer: signer}, member, trust.RootFingerprint(payload)
}

// otherOperator is a bundle with the same bodies under a root that nobody has pinned.
func (w *world) otherOperator() []byte {
	o, _, _ := smallOperator("other operator")
	o.chain = w.chain
	o.admit(w.keys.main, trust.Grant{}, ministry)
	o.carry(ministry, base, w.keys.main, map[int]entries{0: plainList}, table())
	return o.build(base)
}
