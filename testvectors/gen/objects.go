package main

import (
	"bytes"
	"crypto/elliptic"
	"crypto/sha256"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/crypto/keys/authority"
	"github.com/posvid/posvid/testvectors"
	"github.com/posvid/posvid/testvectors/gen/demoroot"
	"github.com/posvid/posvid/trust"
)

// objects writes the scenarios whose bytes are read by one parser and not by the verifier as a whole.
func (w *world) objects() {
	w.bundleFiles()
	w.roots()
	w.installs()
	w.statusLists()
	w.codeTables()
	w.challengeTexts()
	w.possessions()
	w.deliveries()
	w.requests()
	w.httpRequests()
	w.publications()
	w.cardTokens()
	w.coseKeys()
	w.typed()
}

// object writes a scenario; code is "" where the bytes are good, else the error.
func (w *world) object(kind, name, code, rules, comment string, data []byte) *testvectors.Scenario {
	s := testvectors.Scenario{Name: name, Kind: kind, Expect: "error", Code: code, Rules: strings.Split(rules, ", "), Comment: comment, Data: data}
	if code == "" {
		s.Expect = "ok"
	}
	w.add(s)
	return &w.all[len(w.all)-1]
}

// challengeText is the challenge of the gate, changed by edit.
func (w *world) challengeText(edit func(*sign1)) string {
	c := &sign1{head: mapOf(1, -9, 16, "application/vnd.posvid.challenge+cose"), signer: w.gate,
		payload: mapOf(1, credential.VerifierAudience(w.gateID), 4, now.Add(60*time.Second).Unix(), 39, nonce)}
	if edit != nil {
		edit(c)
	}
	return credential.EncodeText(credential.ChallengePrefix, c.build())
}

func (w *world) bundleFiles() {
	small, member, pin := smallOperator("small operator")
	small.chain = w.chain
	small.admit(w.keys.main, trust.Grant{}, ministry)
	small.carry(ministry, base, w.keys.main, map[int]entries{0: plainList}, table())
	good := small.build(base)
	put := func(name, code, rules, comment string, data []byte) {
		w.object("bundle", name, code, rules, comment, data).Pin = pin.String()
	}
	edited := func(name, code, rules, comment string, edit func(p *bundleParts)) {
		p := takeApart(good, small.signer)
		edit(p)
		put(name, code, rules, comment, p.build())
	}
	const (
		malformed = "trust.ErrMalformed"
		manifest  = "trust.ErrManifest"
		threshold = "trust.ErrThreshold"
		section   = "trust.ErrSection"
		list      = "trust.ErrList"
	)
	put("bundle_ok", "", "TRUST-06, TRUST-07, TRUST-08", "Nothing is wrong: one body, one list, one table.", good)
	edited("bundle_ok_unknown_section", "", "TRUST-08", "Nothing is wrong: a section that nobody knows is skipped.", func(p *bundleParts) { p.sections["zebra"] = []byte{0} })
	edited("bundle_ok_unknown_key", "", "COSE-07", "Nothing is wrong: a key of the manifest nobody knows is skipped.", func(p *bundleParts) { p.payload.set(100, 1) })

	// The file.
	put("bundle_empty", malformed, "TRUST-08", "No bytes.", []byte{})
	put("bundle_truncated", malformed, "TRUST-08", "The last byte is missing.", good[:len(good)-1])
	put("bundle_half", malformed, "TRUST-08", "The second half is missing.", good[:len(good)/2])
	put("bundle_trailing_byte", malformed, "TRUST-08", "One byte behind the last section.", append(bytes.Clone(good), 0))
	put("bundle_twice", malformed, "TRUST-08", "The file twice, one behind the other.", append(bytes.Clone(good), good...))
	put("bundle_not_cbor", malformed, "TRUST-08", "A text file.", []byte("not a bundle"))
	edited("bundle_no_roots", malformed, "TRUST-03", "An empty array of roots.", func(p *bundleParts) { p.roots = nil })
	edited("bundle_root_twice", "trust.ErrRoot", "TRUST-03", "Root 1 in both places.", func(p *bundleParts) { p.roots = append(p.roots, p.roots[0]) })
	edited("bundle_root_damaged", threshold, "TRUST-02", "One bit of a signature of the root.", func(p *bundleParts) { p.roots[0] = flipBit(p.roots[0], len(p.roots[0])-9) })
	edited("bundle_root_payload_bit", "trust.ErrPin", "TRUST-01", "iat of the root a second later: it has another fingerprint.", func(p *bundleParts) {
		p.roots[0] = replaceOnce(p.roots[0], item(demoroot.IssuedAt.Unix()), item(demoroot.IssuedAt.Unix()+1))
	})
	edited("bundle_roots_indefinite", malformed, "TRUST-08, COSE-02", "The array of roots has no length.", func(p *bundleParts) {
		p.after = func(b []byte) []byte {
			r := cose.NewReader(b)
			roots := must(r.Raw())
			return append(append(append([]byte{0x9f}, roots[1:]...), 0xff), b[len(roots):]...)
		}
	})
	edited("bundle_sections_swapped", manifest, "TRUST-08", "Two sections have changed their places in the file.", func(p *bundleParts) {
		p.order = func(names []string) []string { names[0], names[1] = names[1], names[0]; return names }
	})
	edited("bundle_section_long_head", manifest, "TRUST-08", "The head of a section is a byte longer than needed.", func(p *bundleParts) {
		content := p.sections["beacon"]
		p.after = func(b []byte) []byte {
			old := cose.AppendBytes(nil, content)
			return replaceOnce(b, old, append([]byte{0x58, byte(len(content))}, content...))
		}
	})
	w.object("bundle", "bundle_no_pin", "trust.ErrNoPin", "TRUST-01", "Nothing is pinned.", good).Pin = "none"
	w.object("bundle", "bundle_other_pin", "trust.ErrPin", "TRUST-01", "The demo's root is pinned, the bundle is of another operator.", good)

	// Signatures.
	halves := func(f func(s []cose.Signature) []cose.Signature) func(p *bundleParts) {
		return func(p *bundleParts) { p.halves = f }
	}
	edited("bundle_p256_only", threshold, "TRUST-06, KEY-08", "The signature of ML-DSA-65 is missing.", halves(func(s []cose.Signature) []cose.Signature { return s[:1] }))
	edited("bundle_mldsa_only", threshold, "TRUST-06, KEY-08", "The signature of P-256 is missing.", halves(func(s []cose.Signature) []cose.Signature { return s[1:] }))
	edited("bundle_p256_twice", threshold, "TRUST-06, KEY-08", "The signature of P-256 twice, none of ML-DSA-65.", halves(func(s []cose.Signature) []cose.Signature { return []cose.Signature{s[0], s[0]} }))
	edited("bundle_no_signature", manifest, "TRUST-06, COSE-17", "No signature at all.", halves(func(s []cose.Signature) []cose.Signature { return nil }))
	edited("bundle_p256_bit", threshold, "TRUST-06, KEY-08", "One bit of the signature of P-256.", halves(func(s []cose.Signature) []cose.Signature {
		s[0].Signature = flipBit(s[0].Signature, 9)
		return s
	}))
	edited("bundle_mldsa_bit", threshold, "TRUST-06, KEY-08", "One bit of the signature of ML-DSA-65.", halves(func(s []cose.Signature) []cose.Signature {
		s[1].Signature = flipBit(s[1].Signature, 900)
		return s
	}))
	edited("bundle_mldsa_short", threshold, "TRUST-06, COSE-24", "A signature of ML-DSA-65 one byte short (RFC 9964).", halves(func(s []cose.Signature) []cose.Signature {
		s[1].Signature = s[1].Signature[:len(s[1].Signature)-1]
		return s
	}))
	stranger := must(authority.BundleKeyForVectors("stranger"))
	edited("bundle_three_signatures", threshold, "TRUST-06", "The two signatures and one of a stranger: the rule says exactly two.", func(p *bundleParts) {
		p.signers = append(p.signers, stranger)
		p.halves = func(s []cose.Signature) []cose.Signature { return s[:3] }
	})
	edited("bundle_halves_of_two", threshold, "KEY-09", "P-256 of the bundle signer, ML-DSA-65 of a stranger.", func(p *bundleParts) {
		p.signers = append(p.signers, stranger)
		p.halves = func(s []cose.Signature) []cose.Signature { return []cose.Signature{s[0], s[3]} }
	})
	edited("bundle_by_stranger", threshold, "TRUST-06", "Both signatures by somebody who is not in the root.", func(p *bundleParts) { p.signers = []keys.HybridSigner{stranger} })
	edited("bundle_by_root_member", threshold, "TRUST-06, KEY-02", "Both signatures by a member of the root, who signs roots only.", func(p *bundleParts) { p.signers = []keys.HybridSigner{member} })
	edited("bundle_payload_bit", threshold, "TRUST-06, COSE-18", "One bit of the manifest after signing.", func(p *bundleParts) {
		p.manifest = func(b []byte) []byte { return replaceOnce(b, []byte("status/"+ministry), []byte("status/"+council)) }
	})
	edited("bundle_typ_root", manifest, "COSE-20, KEY-02", "typ of a root on the manifest.", func(p *bundleParts) { p.typ = cose.TypeRoot.MediaType })
	edited("bundle_typ_number", manifest, "COSE-20", "typ as a number that means something else.", func(p *bundleParts) { p.typ = 293 })
	edited("bundle_tag_sign1", manifest, "COSE-15, COSE-19", "Tag 18 on the manifest.", func(p *bundleParts) {
		p.manifest = func(b []byte) []byte { return append([]byte{0xd2}, b[2:]...) }
	})

	// The manifest.
	field := func(name, rules, comment string, key, value any) {
		edited(name, manifest, rules, comment, func(p *bundleParts) { p.payload.set(key, value) })
	}
	field("bundle_version_2", "TRUST-07", "Version 2, which this reader does not know.", 1, 2)
	field("bundle_number_0", "TRUST-07", "Number 0.", 2, 0)
	field("bundle_root_number_2", "TRUST-07", "Made under root 2, which the file does not have.", 3, 2)
	field("bundle_roots_hash", "TRUST-07", "Another hash of the roots.", 5, raw(wrongHash))
	field("bundle_exp_7_days", "TRUST-07", "exp is iat + 7 days.", 4, base.Unix()+7*86400)
	field("bundle_exp_plus_1_second", "TRUST-07", "exp is iat + 8 days and a second.", 4, base.Unix()+8*86400+1)
	field("bundle_iat_text", "TRUST-07", "iat as a text.", 6, "2026-03-01")
	edited("bundle_before_root", manifest, "TRUST-07", "iat before the root's.", func(p *bundleParts) {
		p.payload.set(6, demoroot.IssuedAt.Unix()-1)
		p.payload.set(4, demoroot.IssuedAt.Unix()-1+8*86400)
	})
	edited("bundle_manifest_unsorted", manifest, "COSE-03", "The manifest's keys in another order.", func(p *bundleParts) { p.encode = unsorted })
	edited("bundle_manifest_duplicate", manifest, "COSE-03", "A key of the manifest twice.", func(p *bundleParts) { p.encode = duplicated })

	// The section table.
	rows := func(name, code, comment string, f func(r []row) []row) {
		edited(name, code, "TRUST-08", comment, func(p *bundleParts) { p.rows = f })
	}
	rows("bundle_rows_unsorted", manifest, "Rows of the section table in another order.", func(r []row) []row { r[0], r[1] = r[1], r[0]; return r })
	rows("bundle_row_twice", manifest, "A row twice.", func(r []row) []row { return append([]row{r[0]}, r...) })
	rows("bundle_row_size", manifest, "A section is one byte shorter than its row says.", func(r []row) []row { r[0].size++; return r })
	rows("bundle_row_no_name", manifest, "A row without a name.", func(r []row) []row { r[0].name = ""; return r })
	rows("bundle_row_long_name", manifest, "A row with a name of 65 bytes.", func(r []row) []row { r[len(r)-1].name = strings.Repeat("z", 65); return r })
	rows("bundle_row_hash_31", manifest, "A hash of 31 bytes.", func(r []row) []row { r[0].hash = r[0].hash[:31]; return r })
	rows("bundle_row_missing", malformed, "The last section has no row.", func(r []row) []row { return r[:len(r)-1] })
	rows("bundle_section_missing", malformed, "A row without a section.", func(r []row) []row { return append(r, row{"zebra", 1, make([]byte, 32)}) })
	edited("bundle_keys_hash", section, "TRUST-09", "Section keys does not have its hash.", func(p *bundleParts) {
		p.rows = func(r []row) []row {
			for i := range r {
				if r[i].name == "keys" {
					r[i].hash = make([]byte, 32)
				}
			}
			return r
		}
	})
	content := func(name, code, rules, comment, which string, data []byte) {
		edited(name, code, rules, comment, func(p *bundleParts) { p.sections[which] = data })
	}
	token := statusToken(ministry, 0, base, plainList, w.keys.main).build()
	content("bundle_status_list_4096", manifest, "LIST-04", "A section for list 4096.", "status/"+ministry+"/4096", token)
	content("bundle_status_leading_zero", manifest, "LIST-04", "A section for list 01.", "status/"+ministry+"/01", token)
	content("bundle_status_no_body", manifest, "TRUST-10", "A list of a body that section bodies does not have.", "status/"+council+"/0", token)
	content("bundle_codes_letters", manifest, "LIST-10", "A code table of a ЄДРПОУ with letters.", "codes/0084999A", token)
	content("bundle_codes_no_body", manifest, "TRUST-10", "A code table of a body that section bodies does not have.", "codes/"+council, token)
	edited("bundle_no_keys", manifest, "TRUST-09", "Section keys is missing.", func(p *bundleParts) { delete(p.sections, "keys") })
	edited("bundle_no_bodies", manifest, "TRUST-09", "Section bodies is missing.", func(p *bundleParts) { delete(p.sections, "bodies") })

	// Section keys.
	key := func() cmap {
		return mapOf(1, raw(w.keys.main.IssuerPublic().MarshalCOSE()), 2, raw(array(item(ministry))), 3, raw(array(item(0))), 4, 30*86400, 5, admitted.Unix())
	}
	inKeys := func(name, rules, comment string, edit func(m *cmap)) {
		edited(name, section, rules, comment, func(p *bundleParts) {
			m := key()
			edit(&m)
			p.sections["keys"] = array(m.encode())
		})
	}
	edited("bundle_key_retired", "", "TRUST-11", "Nothing is wrong with the file: the key of list and table is retired before they were signed, so a look-up is a named error.", func(p *bundleParts) {
		m := key()
		m.set(6, base.Unix()-1)
		p.sections["keys"] = array(m.encode())
	})
	edited("bundle_key_twice", section, "TRUST-10", "A key twice, with different rights.", func(p *bundleParts) {
		m := key()
		m.set(4, 86400)
		p.sections["keys"] = array(key().encode(), m.encode())
	})
	edited("bundle_key_twice_other_form", section, "TRUST-10", "A key twice, once with y in full and once with its sign bit.", func(p *bundleParts) {
		m := key()
		m.set(1, raw(other(w.keys.main.IssuerPublic().MarshalCOSE(), w.keys.main.Public())))
		p.sections["keys"] = array(key().encode(), m.encode())
	})
	inKeys("bundle_key_no_bodies", "TRUST-10", "A right for no body.", func(m *cmap) { m.set(2, raw{0x80}) })
	inKeys("bundle_key_bodies_unsorted", "TRUST-10", "The bodies of a right in another order.", func(m *cmap) { m.set(2, raw(array(item(council), item(ministry)))) })
	inKeys("bundle_key_body_unknown", "TRUST-10", "A right for a body that section bodies does not have.", func(m *cmap) { m.set(2, raw(array(item(ministry), item(council)))) })
	inKeys("bundle_key_body_7_digits", "TRUST-10", "A right for a ЄДРПОУ of 7 digits.", func(m *cmap) { m.set(2, raw(array(item("0084999")))) })
	inKeys("bundle_key_kind_256", "TRUST-10", "Kind 256.", func(m *cmap) { m.set(3, raw(array(item(256)))) })
	inKeys("bundle_key_kinds_twice", "TRUST-10", "A kind twice.", func(m *cmap) { m.set(3, raw(array(item(0), item(0)))) })
	inKeys("bundle_key_no_valid_from", "TRUST-11", "No time from which the key is valid.", func(m *cmap) { m.del(5) })
	inKeys("bundle_key_retired_early", "TRUST-11", "Retired before it was valid.", func(m *cmap) { m.set(6, admitted.Unix()-1) })
	inKeys("bundle_key_life_11_years", "TRUST-11", "A longest life of eleven years.", func(m *cmap) { m.set(4, 11*366*86400) })
	inKeys("bundle_key_p384", "KEY-01", "An issuer key on P-384.", func(m *cmap) {
		m.set(1, raw(must(cose.KeyForVectors(cose.ESP384, "p384")).Public().AppendCOSE(nil, false)))
	})
	inKeys("bundle_key_private", "COSE-29", "An issuer key with its private part.", func(m *cmap) {
		m.set(1, raw(must(cose.KeyForVectors(cose.ESP256, "leaked")).MarshalCOSE()))
	})
	inKeys("bundle_key_compromised_text", "TRUST-11", "compromised as a text.", func(m *cmap) { m.set(7, "yes") })

	// The other sections.
	body := func(edrpou, name string) []byte { return mapOf(1, edrpou, 2, name).encode() }
	content("bundle_bodies_unsorted", section, "TRUST-10", "Bodies in another order.", "bodies", array(body(council, "Рада"), body(ministry, "Міністерство")))
	content("bundle_bodies_twice", section, "TRUST-10", "A body twice.", "bodies", array(body(ministry, "Міністерство"), body(ministry, "Міністерство")))
	content("bundle_body_no_name", section, "TRUST-10", "A body without a name.", "bodies", array(body(ministry, "")))
	content("bundle_body_newline", section, "TRUST-10", "A line end in the name of a body.", "bodies", array(body(ministry, "Мін\nЧИННЕ")))
	content("bundle_body_zero", section, "TRUST-10", "ЄДРПОУ 00000000.", "bodies", array(body("00000000", "Ніхто"), body(ministry, "Міністерство")))
	content("bundle_body_outlived", section, "TRUST-11", "A key that outlives its body.", "bodies", array(mapOf(1, ministry, 2, "Міністерство", 5, base.Unix()).encode()))
	beacon := func(name, comment string, n, value any, times ...int64) {
		list := cose.AppendArray(nil, len(times))
		for _, t := range times {
			list = cose.AppendInt(list, t)
		}
		content(name, section, "TRUST-16, PRES-18", comment, "beacon", mapOf(1, n, 2, value, 3, raw(list)).encode())
	}
	at := base.Unix()
	beacon("bundle_beacon_7_bytes", "A beacon of 7 bytes.", 1, make([]byte, 7), at)
	beacon("bundle_beacon_n_0", "Beacon 0.", 0, w.beacon(0), at)
	beacon("bundle_beacon_no_time", "A beacon without the time of its publication.", 1, w.beacon(0))
	beacon("bundle_beacon_rising", "An older beacon that was published later.", 2, w.beacon(0), at-1, at)
	beacon("bundle_beacon_more_times", "More times than beacons.", 1, w.beacon(0), at, at-1)
	beacon("bundle_beacon_future", "A beacon published after the bundle was made.", 1, w.beacon(0), at+1)
	policy := func(name, comment string, v any) { content(name, section, "TRUST-14", comment, "policy", item(v)) }
	policy("bundle_policy_age_7_days_plus_1", "A status age of 7 days and a second.", mapOf(1, mapOf(1, mapOf(2, 7*86400+1))))
	policy("bundle_policy_level_5", "Level 5.", mapOf(1, mapOf(1, mapOf(1, 5))))
	policy("bundle_policy_beacon_age", "A beacon age of 7 days and a second.", mapOf(1, cmap{}, 2, 7*86400+1))
	verifierEntry := func(id, class int) cmap {
		return mapOf(1, id, 2, "Прохідна", 3, ministry, 4, class, 5, raw(w.gate.VerifierPublic().MarshalCOSE()), 6, w.gate.HPKEPublic().Bytes(), 7, base.AddDate(1, 0, 0).Unix())
	}
	verifiers := func(name, comment string, m ...cmap) {
		var all [][]byte
		for _, one := range m {
			all = append(all, one.encode())
		}
		content(name, section, "TRUST-15", comment, "verifiers", array(all...))
	}
	verifiers("bundle_verifier_id_0", "A verifier with the number 0.", verifierEntry(0, 1))
	verifiers("bundle_verifiers_unsorted", "Verifiers in another order.", verifierEntry(2, 1), verifierEntry(1, 1))
	verifiers("bundle_verifier_class_3", "A verifier of a class that does not exist.", verifierEntry(1, 3))
	short := verifierEntry(1, 1)
	short.set(6, make([]byte, 64))
	verifiers("bundle_verifier_hpke_64", "An HPKE key of 64 bytes.", short)
	content("bundle_cards_not_der", section, "TRUST-09", "A card root that is no DER SEQUENCE.", "cards", mapOf(1, raw(array(item([]byte("not DER")))), 2, raw{0x80}).encode())
	row40 := bytes.Repeat([]byte{1}, 40)
	content("bundle_carriers_unsorted", section, "TRUST-13", "Rows of the carrier table that do not ascend.", "carriers", mapOf(1, make([]byte, 16), 2, append(bytes.Repeat([]byte{2}, 40), row40...)).encode())
	content("bundle_carriers_short_salt", section, "TRUST-13", "A salt of 15 bytes.", "carriers", mapOf(1, make([]byte, 15), 2, []byte{}).encode())
	content("bundle_carriers_half_row", section, "TRUST-13", "A row of 39 bytes.", "carriers", mapOf(1, make([]byte, 16), 2, row40[:39]).encode())
	content("bundle_list_not_zlib", list, "LIST-03", "A list whose content is not zlib.", "status/"+ministry+"/0", w.brokenList(func(m *sign1) {
		m.payload.set(65533, mapOf("lst", []byte("not zlib"), "bits", 2))
	}))
	content("bundle_list_other_number", list, "LIST-05", "List 3 under the name of list 0.", "status/"+ministry+"/0", statusToken(ministry, 3, base, plainList, w.keys.main).build())
	content("bundle_list_stranger", "trust.ErrListKey", "LIST-06", "A list signed by a key that is not in the bundle.", "status/"+ministry+"/0", statusToken(ministry, 0, base, plainList, w.keys.stranger).build())
	content("bundle_codes_stranger", "trust.ErrCodesKey", "LIST-10", "A code table signed by a key that is not in the bundle.", "codes/"+ministry, must(trust.SignCodes(ministry, base, table(), w.keys.stranger)))
}

// array encodes an array of encoded items.
func array(items ...[]byte) []byte {
	out := cose.AppendArray(nil, len(items))
	for _, i := range items {
		out = append(out, i...)
	}
	return out
}

// other is the second form of an EC2 key: with y as its sign bit where encoded has it in full, and the other way round.
func other(encoded []byte, k *cose.PublicKey) []byte {
	if full := k.AppendCOSE(nil, false); !bytes.Equal(full, encoded) {
		return full
	}
	return k.AppendCOSE(nil, true)
}

func (w *world) brokenList(edit func(m *sign1)) []byte {
	m := statusToken(ministry, 0, base, plainList, w.keys.main)
	edit(m)
	return m.build()
}

func (w *world) roots() {
	const bad, few = "trust.ErrRoot", "trust.ErrThreshold"
	member := func(n int) authority.RootPrivateKey {
		return must(authority.RootKeyForVectors(fmt.Sprint("root vector ", n)))
	}
	signer := must(authority.BundleKeyForVectors("root vector"))
	payload := func() cmap {
		return mapOf(1, 1, 2, 1, 3, 2, 4, raw(array(member(1).RootPublic().MarshalCOSE(), member(2).RootPublic().MarshalCOSE())),
			5, raw(array(signer.BundlePublic().MarshalCOSE())), 6, demoroot.IssuedAt.Unix())
	}
	put := func(name, code, rules, comment string, edit func(m *cmap), halves func([]cose.Signature) []cose.Signature, by ...keys.HybridSigner) {
		m := payload()
		if edit != nil {
			edit(&m)
		}
		if by == nil {
			by = []keys.HybridSigner{member(1), member(2)}
		}
		w.object("root", name, code, rules, comment, signedBy(m.encode(), cose.TypeRoot.MediaType, halves, by...))
	}
	put("root_ok", "", "TRUST-02", "Nothing is wrong: two of two members.", nil, nil)
	put("root_one_of_two", few, "TRUST-02", "One member signed, the threshold is two.", nil, nil, member(1))
	put("root_member_twice", few, "TRUST-02, KEY-07", "One member signed twice, the threshold is two.", nil, nil, member(1), member(1))
	put("root_half_a_member", few, "TRUST-02, KEY-08", "The second member's signature of ML-DSA-65 is missing.", nil, func(s []cose.Signature) []cose.Signature { return s[:3] })
	put("root_only_p256", few, "TRUST-02, KEY-08", "Both members signed with P-256 only.", nil, func(s []cose.Signature) []cose.Signature { return []cose.Signature{s[0], s[2]} })
	put("root_stranger", few, "TRUST-02", "A member and a stranger.", nil, nil, member(1), member(3))
	put("root_bundle_signer", few, "TRUST-02, KEY-02", "A member and the bundle signer.", nil, nil, member(1), signer)
	put("root_signature_bit", few, "TRUST-02", "One bit of a member's signature.", nil, func(s []cose.Signature) []cose.Signature {
		s[3].Signature = flipBit(s[3].Signature, 1000)
		return s
	})
	set := func(name, rules, comment string, key, value any) {
		put(name, bad, rules, comment, func(m *cmap) { m.set(key, value) }, nil)
	}
	set("root_version_2", "TRUST-05", "Version 2, which this reader does not know.", 1, 2)
	set("root_number_0", "TRUST-03", "Root 0.", 2, 0)
	set("root_number_2_first", "TRUST-03", "Root 2 in the place of root 1.", 2, 2)
	set("root_threshold_0", "TRUST-05", "A threshold of 0: nobody has to sign.", 3, 0)
	set("root_threshold_3", "TRUST-05", "A threshold of 3 of two members.", 3, 3)
	set("root_no_members", "TRUST-05", "No members.", 4, raw{0x80})
	set("root_no_bundle_signer", "TRUST-05", "No bundle signer.", 5, raw{0x80})
	set("root_iat_0", "TRUST-05", "iat 0.", 6, 0)
	set("root_iat_float", "COSE-05", "iat as a float.", 6, raw{0xfa, 0x4e, 0xd3, 0, 0})
	set("root_reset_first", "TRUST-05", "Root 1 resets a number that never was.", 7, mapOf(1, 1, 2, demoroot.IssuedAt.Unix()))
	set("root_key_twice", "TRUST-04", "One member in two places.", 4, raw(array(member(1).RootPublic().MarshalCOSE(), member(1).RootPublic().MarshalCOSE())))
	mixed := array(member(1).RootPublic().P256().AppendCOSE(nil, false), member(2).RootPublic().MLDSA65().AppendCOSE(nil, false))
	set("root_half_shared", "TRUST-04", "A second member whose P-256 half is that of the first one.", 4, raw(array(member(1).RootPublic().MarshalCOSE(), mixed)))
	set("root_member_signs_bundles", "TRUST-04", "A member is the bundle signer as well.", 5, raw(array(member(1).RootPublic().MarshalCOSE())))
	set("root_member_one_key", "KEY-10", "A member of one key.", 4, raw(array(array(member(1).RootPublic().P256().AppendCOSE(nil, false)), member(2).RootPublic().MarshalCOSE())))
	swapped := array(member(2).RootPublic().MLDSA65().AppendCOSE(nil, false), member(2).RootPublic().P256().AppendCOSE(nil, false))
	set("root_member_swapped", "KEY-10", "A member with ML-DSA-65 before P-256.", 4, raw(array(member(1).RootPublic().MarshalCOSE(), swapped)))
	w.object("root", "root_typ_bundle", bad, "COSE-20, KEY-02", "typ of a bundle on a root.", signedBy(payload().encode(), cose.TypeBundle.MediaType, nil, member(1), member(2)))
	w.object("root", "root_unsorted", bad, "COSE-03", "Keys of the payload in another order.", signedBy(unsorted(payload()), cose.TypeRoot.MediaType, nil, member(1), member(2)))
	w.object("root", "root_empty", bad, "COSE-01", "No bytes.", []byte{})
}

func (w *world) installs() {
	put := func(name, rules, comment string, lines ...string) {
		code := ""
		if _, after, ok := strings.Cut(lines[len(lines)-1], " "); ok && after != "ok" {
			code = after
		}
		s := w.object("install-sequence", name, code, rules, comment, []byte(strings.Join(lines, "\n")+"\n"))
		s.Trust = strings.Fields(lines[0])[0]
	}
	const back, fork = " trust.ErrRollback", " trust.ErrFork"
	put("install_next", "TRUST-20, TRUST-24", "Nothing is wrong: a bundle and the next one.", "older.sidb ok", "bundle.sidb ok")
	put("install_again", "CHK-06", "Nothing is wrong: the same bundle again.", "bundle.sidb ok", "bundle.sidb ok")
	put("install_older", "TRUST-20, CHK-05", "An older bundle after a newer one.", "bundle.sidb ok", "older.sidb"+back)
	put("install_older_after_refusal", "CHK-05", "A refused bundle leaves everything as it was.", "bundle.sidb ok", "older.sidb"+back, "bundle.sidb ok", "older.sidb"+back)
	put("install_fork", "TRUST-20", "The same number with another content.", "bundle.sidb ok", "fork.sidb"+fork)
	put("install_fork_policy", "TRUST-20", "The same number with another policy.", "bundle.sidb ok", "policy_level_1.sidb"+fork)
	put("install_time_back", "TRUST-24", "A higher number, signed a second earlier.", "bundle.sidb ok", "time_back.sidb"+back)
	put("install_list_older", "TRUST-22", "A higher number whose list is a second older.", "bundle.sidb ok", "list_older.sidb"+back)
	put("status_rollback", "TRUST-22", "A higher number whose list is older, after a refused fork.", "bundle.sidb ok", "fork.sidb"+fork, "list_older.sidb"+back)
	put("install_list_gone", "TRUST-22", "A higher number without a list of a body that has not left.", "bundle.sidb ok", "list_gone.sidb"+back)
	put("install_codes_changed", "TRUST-23, CODE-09, LIST-11", "A higher number in which position 1 means something else.", "bundle.sidb ok", "codes_changed.sidb"+back)
	put("install_codes_shorter", "TRUST-23, CODE-08, CODE-09", "A higher number whose code table has lost entries.", "bundle.sidb ok", "codes_shorter.sidb"+back)
	put("install_codes_gone", "TRUST-23", "A higher number without the code table of a body that has not left.", "bundle.sidb ok", "codes_gone.sidb"+back)
	put("install_gone_body", "TRUST-22, TRUST-23", "Nothing is wrong: lists and table of a body that has left may be gone.", "bundle.sidb ok", "gone_list_gone.sidb ok")
	put("install_root_2", "TRUST-03", "Nothing is wrong: the root has been changed.", "bundle.sidb ok", "root_2.sidb ok")
	put("install_root_back", "TRUST-21", "A bundle under root 1 after one under root 2.", "root_2.sidb ok", "bundle.sidb"+back)
	put("install_reset", "TRUST-25", "Nothing is wrong: root 3 lets numbers begin anew.", "bundle.sidb ok", "root_2.sidb ok", "root_3_reset.sidb ok")
	put("install_reset_skips_root_2", "TRUST-25", "Nothing is wrong: a device that never saw root 2 meets the reset of root 3.", "bundle.sidb ok", "root_3_reset.sidb ok")
	put("install_before_reset", "TRUST-25", "A bundle of before the reset, with a higher number.", "root_3_reset.sidb ok", "root_2.sidb"+back)
	put("install_damaged_list", "TRUST-09", "A bundle whose list is damaged does not replace a good one.", "older.sidb ok", "list_damaged.sidb trust.ErrListKey")
	put("install_section_hash", "TRUST-09", "A bundle whose section has another hash does not replace a good one.", "older.sidb ok", "list_hash.sidb trust.ErrSection")
	put("install_other_operator", "TRUST-01", "The bundle of another operator.", "bundle.sidb ok", "other_operator.sidb trust.ErrPin")
	put("install_one_signature", "TRUST-06", "A bundle with one of its two signatures.", "older.sidb ok", "one_signature.sidb trust.ErrThreshold")
	put("install_old_signer", "TRUST-06", "A bundle under root 2 by the bundle signer of root 1.", "bundle.sidb ok", "root_2_old_signer.sidb trust.ErrThreshold")
	put("install_root_2_alone", "TRUST-03", "Root 2 without the signatures of root 1.", "bundle.sidb ok", "root_2_alone.sidb trust.ErrThreshold")
}

func (w *world) statusLists() {
	const bad = "trust.ErrList"
	put := func(name, code, rules, comment string, edit func(m *sign1)) {
		w.object("status-list", name, code, rules, comment, w.brokenList(edit))
	}
	lst := func(kv ...any) func(m *sign1) { return func(m *sign1) { m.payload.set(65533, mapOf(kv...)) } }
	packed := plainList.pack()
	zipped := zlibOf(packed)
	put("list_ok", "", "LIST-01, LIST-04", "Nothing is wrong: 4,096 entries of 2 bits.", func(m *sign1) {})
	put("list_ok_no_ttl", "", "LIST-04", "Nothing is wrong: no ttl.", func(m *sign1) { m.payload.del(65534) })
	put("list_ok_aggregation_uri", "", "LIST-01", "Nothing is wrong: an aggregation_uri, which is not followed.", lst("lst", zipped, "bits", 2, "aggregation_uri", "https://example.org/"))
	put("list_bits_0", bad, "LIST-01", "bits 0.", lst("lst", zipped, "bits", 0))
	put("list_bits_3", bad, "LIST-01", "bits 3.", lst("lst", zipped, "bits", 3))
	put("list_bits_16", bad, "LIST-01", "bits 16.", lst("lst", zipped, "bits", 16))
	put("list_bits_text", bad, "LIST-01", "bits as a text.", lst("lst", zipped, "bits", "2"))
	put("list_no_bits", bad, "LIST-01", "No bits.", lst("lst", zipped))
	put("list_no_lst", bad, "LIST-01", "No lst.", lst("bits", 2))
	put("list_lst_text", bad, "LIST-01", "lst as a text.", lst("lst", "AAAA", "bits", 2))
	put("list_no_claim", bad, "LIST-01", "Claim 65533 is missing.", func(m *sign1) { m.payload.del(65533) })
	put("list_empty", bad, "LIST-03", "A zlib stream of no bytes.", lst("lst", zlibOf(nil), "bits", 2))
	put("list_not_zlib", bad, "LIST-03", "lst is not zlib.", lst("lst", packed[:64], "bits", 2))
	put("list_gzip", bad, "LIST-03", "lst is gzip (RFC 1952), not zlib.", lst("lst", append([]byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3}, zipped[2:]...), "bits", 2))
	put("list_raw_deflate", bad, "LIST-03", "lst is a deflate stream without the frame of zlib.", lst("lst", zipped[2:len(zipped)-4], "bits", 2))
	put("list_checksum", bad, "LIST-03", "The checksum of the zlib stream is wrong (RFC 1950, Section 2.2).", lst("lst", flipBit(zipped, len(zipped)-1), "bits", 2))
	put("list_cut", bad, "LIST-03", "The zlib stream is cut.", lst("lst", zipped[:len(zipped)-5], "bits", 2))
	put("list_trailing", bad, "LIST-03", "A byte behind the zlib stream.", lst("lst", append(bytes.Clone(zipped), 0), "bits", 2))
	put("list_two_streams", bad, "LIST-03", "Two zlib streams.", lst("lst", append(bytes.Clone(zipped), zipped...), "bits", 2))
	put("list_dictionary", bad, "LIST-03", "A preset dictionary (RFC 1950, FDICT).", lst("lst", append([]byte{0x78, 0x20, 0, 0, 0, 1}, zipped[2:]...), "bits", 2))
	put("list_2_20_plus_4", "trust.ErrTooLarge", "LIST-02", "2^20 + 4 entries.", lst("lst", zlibOf(make([]byte, 1<<18+1)), "bits", 2))
	put("list_bomb", "trust.ErrTooLarge", "LIST-02", "4 MiB of entries behind 26 KB.", lst("lst", zlibOf(make([]byte, 4<<20)), "bits", 8))
	put("list_no_kid", bad, "LIST-04", "No key id.", func(m *sign1) { m.head.del(4) })
	put("list_kid_8", bad, "LIST-04", "A key id of 8 bytes.", func(m *sign1) { m.head.set(4, make([]byte, 8)) })
	put("list_typ_codes", bad, "LIST-04, COSE-20", "typ of a code table.", func(m *sign1) { m.head.set(16, cose.TypeCodes.MediaType) })
	put("list_typ_jwt", bad, "LIST-04, COSE-20", "typ of the JWT form.", func(m *sign1) { m.head.set(16, "application/statuslist+jwt") })
	sub := func(name, comment, value string) {
		put(name, bad, "LIST-04", comment, func(m *sign1) { m.payload.set(2, value) })
	}
	sub("list_sub_url", "sub is an address on the web.", "https://example.org/lists/0")
	sub("list_sub_leading_zero", "List 00.", "urn:posvid:"+ministry+":00")
	sub("list_sub_4096", "List 4096.", "urn:posvid:"+ministry+":4096")
	sub("list_sub_7_digits", "A ЄДРПОУ of 7 digits.", "urn:posvid:0084999:0")
	sub("list_sub_no_number", "No number of the list.", "urn:posvid:"+ministry+":")
	sub("list_sub_upper", "URN in capitals: one name has one spelling.", "URN:posvid:"+ministry+":0")
	claim := func(name, comment string, key, value any) {
		put(name, bad, "LIST-04", comment, func(m *sign1) { m.payload.set(key, value) })
	}
	put("list_no_sub", bad, "LIST-04", "No sub.", func(m *sign1) { m.payload.del(2) })
	put("list_no_iat", bad, "LIST-04", "No iat.", func(m *sign1) { m.payload.del(6) })
	put("list_no_exp", bad, "LIST-04", "No exp.", func(m *sign1) { m.payload.del(4) })
	claim("list_exp_9_days", "exp is iat + 9 days.", 4, base.Unix()+9*86400)
	claim("list_ttl_0", "ttl 0.", 65534, 0)
	claim("list_ttl_9_days", "ttl of 9 days.", 65534, 9*86400)
	claim("list_iat_float", "iat as a float.", 6, raw{0xfb, 0x41, 0xda, 0x66, 0x2e, 0, 0, 0, 0})
	put("list_signature_bit", "trust.ErrListKey", "LIST-06", "One bit of the signature.", func(m *sign1) { m.signature = func(b []byte) []byte { return flipBit(b, 3) } })
	put("list_by_council", "trust.ErrListKey", "LIST-06", "Signed by another body's key under the right key id.", func(m *sign1) { m.signer = w.keys.council })
	put("list_unprotected", bad, "COSE-11", "A label in the unprotected map.", func(m *sign1) { m.unprotected = mapOf(4, []byte{1}).encode() })
	put("list_payload_unsorted", bad, "COSE-03", "Claims in another order.", func(m *sign1) { m.encodeBody = unsorted })
	put("list_payload_duplicate", bad, "COSE-03", "A claim twice.", func(m *sign1) { m.encodeBody = duplicated })
}

func (w *world) codeTables() {
	text := func(s string) []byte { return item(s) }
	list := func(texts ...string) []byte {
		var all [][]byte
		for _, t := range texts {
			all = append(all, text(t))
		}
		return array(all...)
	}
	const bad = "codes.ErrMalformed"
	put := func(name, code, rules, comment string, data []byte) {
		w.object("code-table", name, code, rules, comment, data)
	}
	good := mapOf(1, raw(list("слідчий", "investigator")), 2, raw(list("Відділ", "")))
	put("table_ok", "", "CODE-01, CODE-02", "Nothing is wrong: one position and one unit.", good.encode())
	put("table_ok_empty", "", "CODE-02", "Nothing is wrong: a table of nothing.", []byte{0xa0})
	put("table_ok_unknown_kind", "", "CODE-06", "Nothing is wrong: a kind nobody knows is skipped.", mapOf(1, raw(list("слідчий", "")), 3, nested(3)).encode())
	put("table_no_bytes", bad, "CODE-03", "No bytes.", []byte{})
	put("table_array", bad, "CODE-03", "An array instead of a map.", array())
	put("table_trailing", bad, "CODE-03", "A byte behind the map.", append(good.encode(), 0))
	put("table_unsorted", bad, "CODE-03", "Kinds in another order.", unsorted(good))
	put("table_kind_twice", bad, "CODE-03", "A kind twice.", duplicated(good))
	put("table_indefinite", bad, "CODE-03", "A map without a length.", indefinite(good))
	put("table_long_head", bad, "CODE-03", "The number of kinds in a byte more than needed.", longHead(good))
	put("table_empty_kind", bad, "CODE-02, CODE-05", "A kind without entries.", mapOf(1, raw{0x80}).encode())
	put("table_odd_texts", bad, "CODE-05", "A Ukrainian name without its English one.", mapOf(1, raw(list("слідчий"))).encode())
	put("table_empty_name", bad, "CODE-04", "An empty Ukrainian name.", mapOf(1, raw(list("", "investigator"))).encode())
	put("table_name_1025", bad, "CODE-04", "A name of 1,025 bytes.", mapOf(1, raw(list(strings.Repeat("n", 1025), ""))).encode())
	put("table_not_utf8", bad, "CODE-04", "A name that is not UTF-8.", mapOf(1, raw{0x82, 0x61, 0xff, 0x60}).encode())
	put("table_control", bad, "CODE-04", "A line end in a name.", mapOf(1, raw(list("слідчий\nЧИННЕ", ""))).encode())
	put("table_english_control", bad, "CODE-04", "A tabulator in an English name.", mapOf(1, raw(list("слідчий", "a\tb"))).encode())
	put("table_bytes", bad, "CODE-03", "A name as a byte string.", mapOf(1, raw(array(item([]byte("x")), item("")))).encode())
	put("table_deep_unknown", bad, "CODE-06", "A kind nobody knows, nested too deep.", mapOf(1, raw(list("слідчий", "")), 3, nested(9)).encode())
	put("table_text_kind", bad, "CODE-06", "A kind with a text as its key.", mapOf("positions", raw(list("слідчий", ""))).encode())
	put("table_huge_count", bad, "CODE-05", "2^32 texts in eleven bytes.", []byte{0xa1, 1, 0x9b, 0, 0, 0, 1, 0, 0, 0, 0})

	const object = "trust.ErrCodes"
	id := w.keys.main.IssuerPublic().KeyID()
	signed := func(name, code, rules, comment string, edit func(m *sign1)) {
		m := &sign1{head: mapOf(1, -9, 4, id[:], 16, cose.TypeCodes.MediaType), payload: mapOf(1, ministry, 6, base.Unix(), -1, good.encode()), signer: w.keys.main}
		edit(m)
		w.object("codes", name, code, rules, comment, m.build())
	}
	signed("codes_ok", "", "LIST-10", "Nothing is wrong: a signed table.", func(m *sign1) {})
	signed("codes_no_iss", object, "LIST-10", "No body.", func(m *sign1) { m.payload.del(1) })
	signed("codes_no_iat", object, "LIST-10", "No iat.", func(m *sign1) { m.payload.del(6) })
	signed("codes_no_content", object, "LIST-10", "No table.", func(m *sign1) { m.payload.del(-1) })
	signed("codes_iss_letters", object, "LIST-10", "A ЄДРПОУ with a letter.", func(m *sign1) { m.payload.set(1, "0084999A") })
	signed("codes_content_map", object, "LIST-10", "The table as a map, not in a byte string.", func(m *sign1) { m.payload.set(-1, good) })
	signed("codes_content_malformed", object, "LIST-10, CODE-03", "A signed table that is malformed.", func(m *sign1) { m.payload.set(-1, []byte{0xff}) })
	signed("codes_typ_status_list", object, "COSE-20", "typ of a status list.", func(m *sign1) { m.head.set(16, cose.TypeStatusList.MediaType) })
	signed("codes_no_kid", object, "LIST-10", "No key id.", func(m *sign1) { m.head.del(4) })
	signed("codes_signature_bit", "trust.ErrCodesKey", "LIST-10", "One bit of the signature.", func(m *sign1) { m.signature = func(b []byte) []byte { return flipBit(b, 3) } })
	signed("codes_by_council", "trust.ErrCodesKey", "LIST-10", "Signed by another body's key under the right key id.", func(m *sign1) { m.signer = w.keys.council })
}

func (w *world) challengeTexts() {
	put := func(name, code, rules, comment string, edit func(m *sign1)) {
		w.object("challenge", name, code, rules, comment, []byte(w.challengeText(edit)))
	}
	const bad = "credential.ErrMalformed"
	put("question_ok", "", "PRES-20, PRES-21", "Nothing is wrong: a challenge of the gate.", nil)
	put("question_unknown_claim", "", "PRES-21", "Nothing is wrong: a claim nobody knows is skipped.", func(m *sign1) { m.payload.set(100, 1) })
	put("question_no_iss", bad, "PRES-21", "No iss.", func(m *sign1) { m.payload.del(1) })
	put("question_iss_zero", bad, "PRES-21", "iss 0.", func(m *sign1) { m.payload.set(1, "0") })
	put("question_iss_leading_zero", bad, "PRES-21", "iss with a leading zero.", func(m *sign1) { m.payload.set(1, "01") })
	put("question_iss_uint", bad, "PRES-21", "iss as an integer.", func(m *sign1) { m.payload.set(1, 1) })
	put("question_iss_any", bad, "PRES-21", "iss any.", func(m *sign1) { m.payload.set(1, "any") })
	put("question_no_exp", bad, "PRES-21", "No exp.", func(m *sign1) { m.payload.del(4) })
	put("question_exp_text", bad, "PRES-21", "exp as a text.", func(m *sign1) { m.payload.set(4, "soon") })
	put("question_no_nonce", bad, "PRES-21", "No nonce.", func(m *sign1) { m.payload.del(39) })
	put("question_nonce_15", bad, "PRES-21", "A nonce of 15 bytes.", func(m *sign1) { m.payload.set(39, make([]byte, 15)) })
	put("question_nonce_text", bad, "PRES-21", "A nonce that is a text.", func(m *sign1) { m.payload.set(39, "sixteen bytes..!") })
	put("question_high_s", "credential.ErrHighS", "PRES-20", "The signature as its twin with n − s.", func(m *sign1) { m.signature = flipS })
	put("question_signature_bit", "cose.ErrSignature", "PRES-22", "One bit of the signature.", func(m *sign1) { m.signature = func(b []byte) []byte { return flipBit(b, 5) } })
	put("question_by_thief", "cose.ErrSignature", "PRES-22", "Signed by somebody who is not the gate.", func(m *sign1) { m.signer = w.thief })
	put("question_typ", "cose.ErrType", "PRES-20, COSE-20", "typ of a verifier request.", func(m *sign1) { m.head.set(16, cose.TypeVerifierRequest.MediaType) })
	put("question_unprotected", "cose.ErrHeader", "PRES-20, COSE-11", "A label in the unprotected map.", func(m *sign1) { m.unprotected = mapOf(100, 0).encode() })
	put("question_too_large", "cose.ErrTooLarge", "PRES-20", "A challenge of more than 512 bytes.", func(m *sign1) { m.payload.set(100, make([]byte, 400)) })
	put("question_unsorted", "cose.ErrNotCanonical", "PRES-20, COSE-03", "Claims in another order.", func(m *sign1) { m.encodeBody = unsorted })
	good := w.challengeText(nil)
	w.object("challenge", "question_prefix", "credential.ErrNotServiceID", "PRES-14", "A prefix in lower case.", []byte("sidq1:"+good[6:]))
	w.object("challenge", "question_odd_tail", "credential.ErrText", "PRES-16", "A last group of one character.", []byte(good[:6+3*40]+"0"))
	w.object("challenge", "question_nothing", "credential.ErrText", "PRES-17", "Nothing behind the prefix.", []byte("SIDQ1:"))
}

func (w *world) possessions() {
	hash := credential.CodeHash("7K3M0QZW8A5TXN2D")
	put := func(name, code, rules, comment string, edit func(m *sign1)) {
		m := &sign1{head: mapOf(1, -9, 16, cose.TypePossession.MediaType), signer: w.holder,
			payload: mapOf(3, ministry, 6, issuedAt.Unix(), 8, mapOf(1, compressed(w.holder.Public())), -65537, hash[:])}
		if edit != nil {
			edit(m)
		}
		w.object("possession", name, code, rules, comment, m.build())
	}
	const bad = "credential.ErrMalformed"
	put("possession_ok", "", "ENR-04, ENR-05", "Nothing is wrong: a proof by the key that it carries.", nil)
	put("possession_unknown_claim", "", "ENR-05", "Nothing is wrong: a claim nobody knows is skipped.", func(m *sign1) { m.payload.set(100, 1) })
	put("possession_other_key", "cose.ErrSignature", "ENR-04", "Signed by another key than the one in cnf.", func(m *sign1) { m.signer = w.thief })
	put("possession_signature_bit", "cose.ErrSignature", "ENR-04", "One bit of the signature.", func(m *sign1) { m.signature = func(b []byte) []byte { return flipBit(b, 3) } })
	put("possession_high_s", "credential.ErrHighS", "ENR-04", "The signature as its twin with n − s.", func(m *sign1) { m.signature = flipS })
	put("possession_no_aud", bad, "ENR-05", "No aud.", func(m *sign1) { m.payload.del(3) })
	put("possession_aud_any", bad, "ENR-05", "aud any.", func(m *sign1) { m.payload.set(3, "any") })
	put("possession_aud_letters", bad, "ENR-05", "aud with a letter.", func(m *sign1) { m.payload.set(3, "0084999A") })
	put("possession_no_iat", bad, "ENR-05", "No iat.", func(m *sign1) { m.payload.del(6) })
	put("possession_iat_zero", bad, "ENR-05", "iat 0.", func(m *sign1) { m.payload.set(6, 0) })
	put("possession_no_cnf", bad, "ENR-05", "No key.", func(m *sign1) { m.payload.del(8) })
	put("possession_cnf_p384", "keys.ErrKind", "ENR-05, KEY-01", "A key on P-384.", func(m *sign1) {
		m.payload.set(8, mapOf(1, raw(must(cose.KeyForVectors(cose.ESP384, "p384")).Public().AppendCOSE(nil, false))))
	})
	put("possession_no_hash", bad, "ENR-05", "No hash of the code.", func(m *sign1) { m.payload.del(-65537) })
	put("possession_hash_31", bad, "ENR-05", "A hash of 31 bytes.", func(m *sign1) { m.payload.set(-65537, hash[:31]) })
	put("possession_code_itself", bad, "ENR-03, ENR-05", "The code itself in the place of its hash.", func(m *sign1) { m.payload.set(-65537, "7K3M0QZW8A5TXN2D") })
	put("possession_typ", "cose.ErrType", "ENR-04, COSE-20", "typ of a presentation.", func(m *sign1) { m.head.set(16, 294) })
	put("possession_too_large", "cose.ErrTooLarge", "ENR-06", "A proof of more than 1,024 bytes.", func(m *sign1) { m.payload.set(100, make([]byte, 900)) })
	put("possession_duplicate", "cose.ErrDuplicateKey", "ENR-04, COSE-03", "A claim twice.", func(m *sign1) { m.encodeBody = duplicated })
}

func (w *world) deliveries() {
	check, full := w.newShot(), w.newShot()
	full.full()
	one, two := check.buildToken(), full.buildToken()
	jpeg := append([]byte{0xff, 0xd8, 0xff, 0xe0}, make([]byte, 60)...)
	put := func(name, code, rules, comment string, m cmap) {
		w.object("delivery", name, code, rules, comment, m.encode())
	}
	const bad = "credential.ErrMalformed"
	tokens := func(t ...[]byte) raw {
		var all [][]byte
		for _, b := range t {
			all = append(all, item(b))
		}
		return raw(array(all...))
	}
	put("delivery_ok", "", "ENR-08, ENR-09", "Nothing is wrong: two faces and a photo.", mapOf(1, tokens(one, two), 2, jpeg))
	put("delivery_no_photo", "", "ENR-09", "Nothing is wrong: no photo.", mapOf(1, tokens(one)))
	put("delivery_no_tokens", bad, "ENR-08", "No tokens.", mapOf(1, tokens()))
	put("delivery_tokens_missing", bad, "ENR-08", "A photo alone.", mapOf(2, jpeg))
	put("delivery_token_twice", bad, "ENR-08", "One token twice.", mapOf(1, tokens(one, one)))
	put("delivery_five_tokens", bad, "ENR-08", "Five tokens.", mapOf(1, tokens(one, two, one, two, one)))
	put("delivery_not_a_token", "cose.ErrMalformed", "ENR-08", "An entry that is no token.", mapOf(1, tokens([]byte{0xa0})))
	put("delivery_presentation", "cose.ErrType", "ENR-08, COSE-20", "A presentation in the place of a token.", mapOf(1, tokens(check.build())))
	put("delivery_png", bad, "ENR-09", "A photo that is PNG.", mapOf(1, tokens(one), 2, []byte("\x89PNG\r\n\x1a\n")))
	put("delivery_photo_12289", "cose.ErrTooLarge", "ENR-09", "A photo of 12,289 bytes.", mapOf(1, tokens(one), 2, append([]byte{0xff, 0xd8, 0xff}, make([]byte, 12286)...)))
	put("delivery_photo_text", bad, "ENR-09", "A photo as a text.", mapOf(1, tokens(one), 2, "photo"))
	w.object("delivery", "delivery_unsorted", "cose.ErrNotCanonical", "ENR-08, COSE-03", "Keys in another order.", unsorted(mapOf(1, tokens(one), 2, jpeg)))
	w.object("delivery", "delivery_too_large", "cose.ErrTooLarge", "ENR-10", "A delivery of more than 24,576 bytes.", mapOf(1, tokens(one), 3, make([]byte, 12000), 4, make([]byte, 12400)).encode())
}

func (w *world) requests() {
	k := w.keys.stranger
	id := k.IssuerPublic().KeyID()
	const bad = "trust.ErrRequest"
	body := mapOf(1, ministry, 2, "Міністерство")
	put := func(name, code, rules, comment string, edit func(m *sign1)) {
		m := &sign1{head: mapOf(1, -9, 4, id[:], 16, cose.TypeKeyRequest.MediaType), signer: k,
			payload: mapOf(1, raw(array(body.encode())), 2, raw(k.IssuerPublic().MarshalCOSE()), 3, raw(array(item(0))), 4, 30*86400, 6, admitted.Unix())}
		if edit != nil {
			edit(m)
		}
		w.object("key-request", name, code, rules, comment, m.build())
	}
	set := func(name, rules, comment string, key, value any) {
		put(name, bad, rules, comment, func(m *sign1) { m.payload.set(key, value) })
	}
	put("key_request_ok", "", "TRUST-30", "Nothing is wrong: a body asks for its key.", nil)
	put("key_request_other_key", bad, "TRUST-30", "Signed by another key than the one that is asked for.", func(m *sign1) { m.signer = w.keys.main })
	put("key_request_kid", bad, "TRUST-30", "The key id of another key.", func(m *sign1) { m.head.set(4, []byte{1, 2, 3, 4}) })
	put("key_request_typ", bad, "TRUST-30, COSE-20", "typ of a verifier request.", func(m *sign1) { m.head.set(16, cose.TypeVerifierRequest.MediaType) })
	put("key_request_signature_bit", bad, "TRUST-30", "One bit of the signature.", func(m *sign1) { m.signature = func(b []byte) []byte { return flipBit(b, 3) } })
	set("key_request_no_bodies", "TRUST-30", "No body.", 1, raw{0x80})
	set("key_request_body_twice", "TRUST-30", "A body twice.", 1, raw(array(body.encode(), body.encode())))
	set("key_request_body_ended", "TRUST-30", "A body that says it has left.", 1, raw(array(mapOf(1, ministry, 2, "Міністерство", 5, 1).encode())))
	set("key_request_edrpou", "TRUST-30", "A ЄДРПОУ with a letter.", 1, raw(array(mapOf(1, "0084999A", 2, "Міністерство").encode())))
	set("key_request_no_name", "TRUST-30", "A body without a name.", 1, raw(array(mapOf(1, ministry, 2, "").encode())))
	set("key_request_control", "TRUST-30", "A line end in the name.", 1, raw(array(mapOf(1, ministry, 2, "a\nb").encode())))
	set("key_request_kind_256", "TRUST-30", "Kind 256.", 3, raw(array(item(256))))
	set("key_request_kinds_unsorted", "TRUST-30", "Kinds in another order.", 3, raw(array(item(1), item(0))))
	set("key_request_life", "TRUST-30", "A longest life of eleven years.", 4, 11*366*86400)
	set("key_request_iat_zero", "TRUST-30", "iat 0.", 6, 0)
	set("key_request_p384", "TRUST-30, KEY-01", "A key on P-384.", 2, raw(must(cose.KeyForVectors(cose.ESP384, "p384")).Public().AppendCOSE(nil, false)))

	gate := func(name, code, comment string, edit func(m *sign1)) {
		m := &sign1{head: mapOf(1, -9, 16, cose.TypeVerifierRequest.MediaType), signer: w.gate,
			payload: mapOf(1, council, 2, "Прохідна", 3, 1, 4, raw(w.gate.VerifierPublic().MarshalCOSE()), 5, w.gate.HPKEPublic().Bytes(), 6, admitted.Unix())}
		if edit != nil {
			edit(m)
		}
		w.object("verifier-request", name, code, "TRUST-30, TRUST-15", comment, m.build())
	}
	field := func(name, comment string, key, value any) {
		gate(name, bad, comment, func(m *sign1) { m.payload.set(key, value) })
	}
	gate("verifier_request_ok", "", "Nothing is wrong: a gate asks to be admitted.", nil)
	gate("verifier_request_other_key", bad, "Signed by another key than the one in it.", func(m *sign1) { m.signer = w.thief })
	gate("verifier_request_typ", bad, "typ of a challenge.", func(m *sign1) { m.head.set(16, cose.TypeChallenge.MediaType) })
	field("verifier_request_class_0", "Class 0.", 3, 0)
	field("verifier_request_class_3", "A class that does not exist.", 3, 3)
	field("verifier_request_no_name", "No name.", 2, "")
	field("verifier_request_name_513", "A name of 513 bytes.", 2, strings.Repeat("n", 513))
	field("verifier_request_body", "A ЄДРПОУ of 7 digits.", 1, "0099999")
	field("verifier_request_hpke_64", "An HPKE key of 64 bytes.", 5, make([]byte, 64))
	field("verifier_request_hpke_zero", "An HPKE key that is no point.", 5, append([]byte{4}, make([]byte, 64)...))
	field("verifier_request_iat_zero", "iat 0.", 6, 0)
	field("verifier_request_ed25519", "A signing key of Ed25519.", 4, raw(must(cose.KeyForVectors(cose.Ed25519, "ed")).Public().AppendCOSE(nil, false)))
}

func (w *world) publications() {
	const bad = "trust.ErrPublication"
	list := statusToken(ministry, 0, base, plainList, w.keys.main).build()
	codesObject := must(trust.SignCodes(ministry, base, table(), w.keys.main))
	put := func(name, code, comment string, m cmap) {
		w.object("publication", name, code, "LIST-12", comment, m.encode())
	}
	lists := func(l ...[]byte) raw {
		var all [][]byte
		for _, b := range l {
			all = append(all, item(b))
		}
		return raw(array(all...))
	}
	put("publication_ok", "", "Nothing is wrong: a list and a table.", mapOf(1, ministry, 2, lists(list), 3, codesObject))
	put("publication_edrpou", bad, "A ЄДРПОУ of 9 digits.", mapOf(1, "008499940", 2, lists(list)))
	put("publication_no_edrpou", bad, "No ЄДРПОУ.", mapOf(2, lists(list)))
	put("publication_list_4_bits", bad, "A list of 4 bits an entry: bodies write 2.", mapOf(1, ministry, 2, lists(statusToken(ministry, 0, base, entries{length: 64, bits: 4}, w.keys.main).build())))
	put("publication_list_is_table", bad, "A table in the place of a list.", mapOf(1, ministry, 2, lists(codesObject)))
	put("publication_table_is_list", bad, "A list in the place of a table.", mapOf(1, ministry, 2, lists(), 3, list))
	put("publication_list_damaged", bad, "A list that is cut.", mapOf(1, ministry, 2, lists(list[:len(list)-1])))
	w.object("publication", "publication_trailing", bad, "LIST-12, COSE-01", "A byte behind the publication.", append(mapOf(1, ministry, 2, lists(list)).encode(), 0))
	w.object("publication", "publication_unsorted", bad, "LIST-12, COSE-03", "Keys in another order.", unsorted(mapOf(1, ministry, 2, lists(list))))
}

func (w *world) cardTokens() {
	put := func(name, code, rules, comment string, edit func(s *shot)) {
		s := w.newShot()
		s.person.set(-7, 2)
		if edit != nil {
			edit(s)
		}
		w.object("card-token", name, code, rules, comment, s.buildToken())
	}
	put("card_ok", "", "CRED-25", "Nothing is wrong: a card's token on the card path.", nil)
	put("card_ok_static", "", "CRED-25", "Nothing is wrong: a static token on the card path.", func(s *shot) {
		s.person.set(-7, 1)
		s.cnf = nil
	})
	put("card_ok_high_s", "", "COSE-25", "Nothing is wrong: cards do not bring their signatures to low-S.", func(s *shot) { s.token.signature = flipS })
	put("card_phone_token", "credential.ErrKind", "CRED-25", "A phone's token copied to a card.", func(s *shot) { s.person.del(-7) })
	put("card_static_with_cnf", "credential.ErrMalformed", "CRED-16", "A static token with a holder key.", func(s *shot) { s.person.set(-7, 1) })
	put("card_no_cnf", "credential.ErrMalformed", "CRED-15", "A card's token without the card's key.", func(s *shot) { s.cnf = nil })
	put("card_signature_bit", "cose.ErrSignature", "CRED-05", "One bit of the signature.", func(s *shot) { s.token.signature = func(b []byte) []byte { return flipBit(b, 3) } })
	put("card_kind_3", "credential.ErrMalformed", "CRED-23", "Kind 3.", func(s *shot) { s.person.set(-7, 3) })
	put("card_kid_3", "credential.ErrMalformed", "CRED-02", "A key id of 3 bytes.", func(s *shot) { s.token.head.set(4, []byte{1, 2, 3}) })
	put("card_typ", "cose.ErrType", "CRED-01", "typ of a presentation.", func(s *shot) { s.token.head.set(16, 294) })
}

func (w *world) coseKeys() {
	const bad = "cose.ErrKey"
	put := func(name, code, rules, comment string, data []byte) {
		w.object("cose-key", name, code, rules, comment, data)
	}
	p256 := func() cmap { return compressed(w.holder.Public()) }
	ed := func() cmap { return compressed(must(cose.KeyForVectors(cose.Ed25519, "ed")).Public()) }
	edit := func(m cmap, f func(m *cmap)) []byte { f(&m); return m.encode() }
	put("key_ok_p384", "", "COSE-27", "Nothing is wrong: a key on P-384.", must(cose.KeyForVectors(cose.ESP384, "p384")).Public().AppendCOSE(nil, false))
	put("key_ok_ed25519", "", "COSE-27", "Nothing is wrong: a key of Ed25519.", ed().encode())
	put("key_ok_mldsa", "", "COSE-27", "Nothing is wrong: a key of ML-DSA-65 (RFC 9964).", must(cose.KeyForVectors(cose.MLDSA65, "mldsa")).Public().AppendCOSE(nil, false))
	put("key_ok_alg_es256", "", "COSE-28", "Nothing is wrong: a P-256 key that says ES256.", edit(p256(), func(m *cmap) { m.set(3, -7) }))
	put("key_ok_key_ops", "", "COSE-28", "Nothing is wrong: key_ops allows verify.", edit(p256(), func(m *cmap) { m.set(4, raw{0x81, 2}) }))
	put("key_alg_other", "cose.ErrAlgorithm", "COSE-28", "A P-256 key that says EdDSA.", edit(p256(), func(m *cmap) { m.set(3, -8) }))
	put("key_ops_sign", bad, "COSE-28", "key_ops allows signing alone.", edit(p256(), func(m *cmap) { m.set(4, raw{0x81, 1}) }))
	put("key_ops_empty", bad, "COSE-28", "key_ops allows nothing.", edit(p256(), func(m *cmap) { m.set(4, raw{0x80}) }))
	put("key_private", bad, "COSE-29", "A private key where a public one is read.", must(cose.KeyForVectors(cose.ESP256, "leaked")).MarshalCOSE())
	put("key_x_33", bad, "COSE-27", "x with a zero in front.", edit(p256(), func(m *cmap) { m.set(-2, make([]byte, 33)) }))
	put("key_x_bytes_missing", bad, "COSE-27", "No x.", edit(p256(), func(m *cmap) { m.del(-2) }))
	put("key_x_above_field", bad, "COSE-27", "x is the prime of the field.", edit(p256(), func(m *cmap) { m.set(-2, elliptic.P256().Params().P.FillBytes(make([]byte, 32))) }))
	put("key_curve_p521", bad, "COSE-27", "P-521, which is not used.", edit(p256(), func(m *cmap) { m.set(-1, 3) }))
	put("key_curve_text", bad, "COSE-27", "The curve by its name.", edit(p256(), func(m *cmap) { m.set(-1, "P-256") }))
	put("key_kty_text", bad, "COSE-27", "The type of the key by its name.", edit(p256(), func(m *cmap) { m.set(1, "EC2") }))
	put("key_ed25519_31", bad, "COSE-27", "An Ed25519 key of 31 bytes.", edit(ed(), func(m *cmap) { m.set(-2, make([]byte, 31)) }))
	put("key_ed25519_small_order", bad, "COSE-32", "An Ed25519 key of order 1: one signature fits every message.", edit(ed(), func(m *cmap) {
		m.set(-2, append([]byte{1}, make([]byte, 31)...))
	}))
	put("key_ed25519_order_2", bad, "COSE-32", "An Ed25519 key of order 2, y = p − 1.", edit(ed(), func(m *cmap) {
		y := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(20))
		b := y.FillBytes(make([]byte, 32))
		for i := range 16 {
			b[i], b[31-i] = b[31-i], b[i]
		}
		m.set(-2, b)
	}))
	put("key_x25519", bad, "COSE-27", "X25519, a curve for agreement and not for signatures.", edit(ed(), func(m *cmap) { m.set(-1, 4) }))
	put("key_mldsa_no_alg", "cose.ErrAlgorithm", "COSE-28", "A key of kind AKP without alg (RFC 9964).", edit(compressed(must(cose.KeyForVectors(cose.MLDSA65, "mldsa")).Public()), func(m *cmap) { m.del(3) }))
	put("key_mldsa_44", "cose.ErrAlgorithm", "COSE-28", "ML-DSA-44, which is not used.", edit(compressed(must(cose.KeyForVectors(cose.MLDSA65, "mldsa")).Public()), func(m *cmap) { m.set(3, -48) }))
	put("key_mldsa_short", bad, "COSE-27", "A key of ML-DSA-65 one byte short.", edit(compressed(must(cose.KeyForVectors(cose.MLDSA65, "mldsa")).Public()), func(m *cmap) { m.set(-1, make([]byte, 1951)) }))
	put("key_unsorted", "cose.ErrNotCanonical", "COSE-26, COSE-03", "Members in another order.", unsorted(p256()))
	put("key_duplicate", "cose.ErrDuplicateKey", "COSE-26, COSE-03", "A member twice.", duplicated(p256()))
	put("key_many_members", "cose.ErrTooLarge", "COSE-26", "More than 16 members.", edit(p256(), func(m *cmap) {
		for i := range 16 {
			m.set(-70000-i, 0)
		}
	}))
	put("key_array", "cose.ErrKey", "COSE-26", "An array.", []byte{0x80})
}

// typed are things that people type or devices keep as text.
func (w *world) typed() {
	fp := trust.Fingerprint(sha256.Sum256([]byte("a root"))).String()
	put := func(kind, name, code, rules, comment, text string) {
		w.object(kind, name, code, rules, comment, []byte(text))
	}
	const finger, bad = "fingerprint", "trust.ErrArgument"
	put(finger, "fingerprint_ok", "", "TRUST-01", "Nothing is wrong: thirteen groups of four.", fp)
	put(finger, "fingerprint_ok_lower", "", "TRUST-01", "Nothing is wrong: in lower case, parted by hyphens.", strings.ToLower(strings.ReplaceAll(fp, " ", "-")))
	put(finger, "fingerprint_ok_joined", "", "TRUST-01", "Nothing is wrong: no groups.", strings.ReplaceAll(fp, " ", ""))
	put(finger, "fingerprint_cut", bad, "TRUST-01", "The last group is missing.", fp[:len(fp)-5])
	put(finger, "fingerprint_longer", bad, "TRUST-01", "A group more.", fp+" AAAA")
	put(finger, "fingerprint_digit_0", bad, "TRUST-01", "The digit 0, which base32 does not have (RFC 4648, Section 6).", "0"+fp[1:])
	put(finger, "fingerprint_cyrillic", bad, "TRUST-01", "A Cyrillic А, two bytes.", "А"+fp[2:])
	put(finger, "fingerprint_spare_bits", bad, "TRUST-01", "A last character that sets bits which no fingerprint has.", fp[:len(fp)-1]+string(fp[len(fp)-1]+1))
	put(finger, "fingerprint_colons", bad, "TRUST-01", "Groups parted by colons.", strings.ReplaceAll(fp, " ", ":"))
	put(finger, "fingerprint_zero", "trust.ErrNoPin", "TRUST-01", "All zero, which pins nothing.", strings.Repeat("A", 52))
	put(finger, "fingerprint_empty", bad, "TRUST-01", "No characters.", "")
	put(finger, "fingerprint_long", bad, "TRUST-01", "More than 256 characters.", strings.Repeat(" ", 250)+fp)

	const code, wrong = "enrolment-code", "credential.ErrCode"
	put(code, "code_ok", "", "ENR-02", "Nothing is wrong: as printed.", "7K3M-0QZW-8A5T-XN2D")
	put(code, "code_ok_lower", "", "ENR-02", "Nothing is wrong: lower case, spaces.", "7k3m 0qzw 8a5t xn2d")
	put(code, "code_ok_confusable", "", "ENR-02", "Nothing is wrong: O for 0, I and L for 1.", "OIL0-0000-0000-0000")
	put(code, "code_ok_cyrillic", "", "ENR-02", "Nothing is wrong: typed on the Ukrainian layout.", "АВСЕ-НКМР-ТХУІ-0000")
	put(code, "code_15", wrong, "ENR-02", "15 characters.", "7K3M-0QZW-8A5T-XN2")
	put(code, "code_17", wrong, "ENR-02", "17 characters.", "7K3M-0QZW-8A5T-XN2D0")
	put(code, "code_u", wrong, "ENR-02", "The letter U, which the alphabet leaves out.", "7K3M-0QZW-8A5T-XN2U")
	put(code, "code_cyrillic_zhe", wrong, "ENR-02", "A Cyrillic letter that looks like none.", "7K3M-0QZW-8A5T-XN2Ж")
	put(code, "code_underscore", wrong, "ENR-02", "An underscore as separator.", "7K3M_0QZW_8A5T_XN2D")
	put(code, "code_full_width", wrong, "ENR-02", "A digit of full width.", "７K3M-0QZW-8A5T-XN2D")
	put(code, "code_newline", wrong, "ENR-02", "A line end inside.", "7K3M-0QZW\n8A5T-XN2D")
	put(code, "code_empty", wrong, "ENR-02", "No characters.", "")
	put(code, "code_long", wrong, "ENR-02", "A thousand hyphens.", strings.Repeat("-", 1000)+"7K3M-0QZW-8A5T-XN2D")

	opened := must(trust.Open(w.bundles["bundle.sidb"], w.reg.RootFingerprint()))
	good := string(must(trust.Memory{}.Accept(opened)).Encode())
	const memory, lost = "memory", "trust.ErrMemory"
	change := func(name, comment, old, with string) {
		if strings.Count(good, old) == 0 {
			panic("memory has no " + old)
		}
		put(memory, name, lost, "TRUST-26", comment, strings.Replace(good, old, with, 1))
	}
	put(memory, "memory_ok", "", "TRUST-26", "Nothing is wrong: what an install wrote.", good)
	put(memory, "memory_empty", lost, "TRUST-26", "An empty file is not an empty memory.", "")
	put(memory, "memory_cut", lost, "TRUST-26", "The last byte is missing.", good[:len(good)-1])
	put(memory, "memory_trailing", lost, "TRUST-26", "A second value behind the first one.", good+"{}")
	put(memory, "memory_null", lost, "TRUST-26", "null.", "null")
	put(memory, "memory_array", lost, "TRUST-26", "An array.", "[]")
	change("memory_version_2", "Version 2.", `"version":1`, `"version":2`)
	change("memory_number_0", "Number 0, but not empty.", `"number":10`, `"number":0`)
	change("memory_number_negative", "Number −1.", `"number":10`, `"number":-1`)
	change("memory_root_0", "Root 0.", `"root":1`, `"root":0`)
	change("memory_floor_0", "No floor.", fmt.Sprintf(`"floor":%d`, base.Unix()), `"floor":0`)
	root := w.reg.RootFingerprint()
	change("memory_fingerprint_short", "A fingerprint of 31 bytes.", fmt.Sprintf(`"root_fingerprint":"%x`, root[:1]), `"root_fingerprint":"`)
	change("memory_unknown_field", "A field that nobody knows.", `"version":1`, `"version":1,"extra":true`)
	change("memory_list_name", "A list with a leading zero.", `"urn:posvid:`+ministry+`:0"`, `"urn:posvid:`+ministry+`:00"`)
}
