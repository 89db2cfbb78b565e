package main

import (
	"bytes"
	"crypto/elliptic"
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
	v "github.com/posvid/posvid/verifier"
)

// presentations writes every scenario that begins with a text at a checkpoint. Names, codes and order follow
// docs/spec/verification.md, Section 9.
func (w *world) presentations() {
	w.accepted()
	w.texts()
	w.encodings()
	w.structures()
	w.tokens()
	w.shownClaims()
	w.setups()
	w.issuers()
	w.holders()
	w.challenges()
	w.beacons()
	w.windows()
	w.statuses()
	w.levels()
	w.several()
	w.devices()
}

func (w *world) accepted() {
	w.code("ok_check", v.OK, "CRED-01, PRES-01, PRES-02, PRES-12", "Nothing is wrong: the short face, a broadcast code of 30 s.", func(s *shot) {})
	w.code("ok_full", v.OK, "CRED-17, CRED-19, VER-39", "Nothing is wrong: the full face, position and unit as numbers.", func(s *shot) { s.full() })
	w.code("ok_full_texts", v.OK, "CRED-19", "Nothing is wrong: the full face, position and unit as texts.", func(s *shot) {
		s.full()
		s.person.set(-1, people[0].Position.UK)
		s.person.set(-2, people[0].Unit.UK)
	})
	longest := func(s *shot, full bool) {
		p := people[1]
		s.issuer(w.keys.council)
		s.token.payload.set(1, p.EDRPOU)
		s.token.payload.set(2, p.Number)
		hash := p.Photo()
		s.person.set(-5, hash[:])
		s.person.set(4, credential.ShortName(p.Surname, p.GivenName, p.Patronymic))
		s.status(int(p.Status.Check.List), int(p.Status.Check.Index))
		s.keyOf(w.other)
		s.shown.signer = w.other
		if full {
			s.person.set(4, p.FullName())
			s.person.set(-1, p.Position.UK)
			s.person.set(-2, p.Unit.UK)
			s.status(int(p.Status.Full.List), int(p.Status.Full.Index))
		}
	}
	w.code("ok_longest_person", v.OK, "CRED-22", "Nothing is wrong: the longest reference person, of another body.", func(s *shot) { longest(s, false) })
	w.code("ok_full_texts_longest", v.OK, "CRED-19, CRED-21", "Nothing is wrong: the longest reference person with position and unit as texts.", func(s *shot) { longest(s, true) })
	w.code("ok_ed25519_issuer", v.OK, "CRED-03, COSE-22", "Nothing is wrong: the issuer's key is Ed25519 (RFC 8032).", func(s *shot) { s.issuer(w.keys.edwards) })
	w.code("ok_council", v.OK, "VER-38", "Nothing is wrong: the device is of class council.", func(s *shot) { s.Class = "council" })
	w.code("ok_not_enrolled", v.OK, "VER-38", "Nothing is wrong: the device is in no bundle.", func(s *shot) { s.Class = "" })
	w.code("ok_second_issuer_key", v.OK, "VER-14", "Nothing is wrong: signed with the body's second key.", func(s *shot) { s.issuer(w.keys.second) })
	w.code("ok_subordinate_body", v.OK, "VER-18", "Nothing is wrong: the key has a right for two bodies, and the token is of the second.", func(s *shot) {
		s.token.payload.set(1, subordinate)
	})
	w.code("ok_list_4095", v.OK, "CRED-18", "Nothing is wrong: the status stands in the last list that a body may have.", func(s *shot) { s.status(4095, 3) })
	w.code("ok_last_index", v.OK, "CRED-18, LIST-02", "Nothing is wrong: the last index of the longest list.", func(s *shot) { s.status(31, 1<<20-1) })
	w.code("ok_no_photo", v.OK, "CRED-20", "Nothing is wrong: the token has no photo hash, and nobody compared a picture.", func(s *shot) { s.person.del(-5) })
	w.code("ok_cnf_full_y", v.OK, "CRED-15", "Nothing is wrong: y of the holder's key is given in full (RFC 9053, Section 7.1.1).", func(s *shot) {
		y := s.key.get(-3)
		s.key = cmap{}
		r := cose.NewReader(w.holder.Public().AppendCOSE(nil, false))
		for range must(r.ReadMap()) {
			k := must(r.ReadInt())
			s.key.set(k, raw(must(r.Raw())))
		}
		if bytes.Equal(y, s.key.get(-3)) {
			panic("y is not in full")
		}
	})
	w.code("ok_alg_es256", v.OK, "COSE-22", "Nothing is wrong: alg -7 (ES256) with a P-256 key reads as -9 (RFC 9864).", func(s *shot) { s.token.head.set(1, -7) })
	w.code("ok_alg_eddsa", v.OK, "COSE-22", "Nothing is wrong: alg -8 (EdDSA) with an Ed25519 key reads as -19 (RFC 9864).", func(s *shot) {
		s.issuer(w.keys.edwards)
		s.token.head.set(1, -8)
	})
	w.code("ok_crit_understood", v.OK, "COSE-13", "Nothing is wrong: crit names typ, which is understood and there (RFC 9052, Section 3.1).", func(s *shot) {
		s.token.head.set(2, raw{0x81, 16})
	})
	w.code("ok_edge_values", v.OK, "CRED-09, CRED-10, CRED-20", "Nothing is wrong: number, name, category and rank at their largest.", func(s *shot) {
		s.full()
		s.token.payload.set(2, strings.Repeat("Я", 16))
		s.person.set(4, strings.Repeat("Є", 128))
		s.person.set(-3, 255)
		s.person.set(-4, strings.Repeat("Ї", 16))
	})
}

func (w *world) texts() {
	ours := func(name string, code v.Code, rules, comment string, change func(string) string) {
		w.code(name, code, rules, comment, func(s *shot) { s.text = change })
	}
	fixed := func(name string, code v.Code, rules, comment, text string) {
		w.code(name, code, rules, comment, func(s *shot) {
			s.Data, s.text = []byte{}, func(string) string { return text }
		})
	}
	const not = "VER-05, PRES-14"
	fixed("text_url", v.NotAServiceID, not, "A link is the code of something else.", "https://example.org/documents/official-certificate/1")
	fixed("text_empty", v.NotAServiceID, not, "No characters at all.", "")
	ours("text_lower_case_prefix", v.NotAServiceID, not, "The prefix in lower case is none of ours.", func(t string) string { return "sid1:" + t[5:] })
	ours("text_hc1", v.NotAServiceID, not, "The prefix of another system.", func(t string) string { return "HC1:" + t[5:] })
	ours("text_sid2", v.NotAServiceID, not, "A version of the text that does not exist.", func(t string) string { return "SID2:" + t[5:] })
	ours("text_no_prefix", v.NotAServiceID, not, "The base45 of a good code without its prefix.", func(t string) string { return t[5:] })
	fixed("text_prefix_cut", v.NotAServiceID, not, "The first four characters of the prefix alone.", "SID1")
	ours("text_prefix_space", v.NotAServiceID, not, "A space before the colon.", func(t string) string { return "SID1 :" + t[5:] })
	w.code("text_challenge", v.NotAServiceID, "VER-05", "A verifier's challenge is no service ID.", func(s *shot) {
		s.Data, s.text = []byte{}, func(string) string { return w.challengeText(nil) }
	})
	fixed("text_challenge_damaged", v.NotAServiceID, "VER-05", "A damaged challenge is no service ID either.", "SIDQ1:A")
	ours("text_leading_space", v.NotAServiceID, not+", VER-06", "A space before the prefix.", func(t string) string { return " " + t })
	ours("text_bom", v.NotAServiceID, not, "A byte order mark before the prefix.", func(t string) string { return "\ufeff" + t })
	const bad = "VER-06, PRES-15"
	fixed("text_nothing_behind_prefix", v.TextMalformed, "VER-06, PRES-17", "The prefix and nothing behind it.", "SID1:")
	ours("text_bad_character", v.TextMalformed, bad, "The character = is not of base45 (RFC 9285, Section 4.2).", func(t string) string { return t[:40] + "=" + t[41:] })
	ours("text_lower_case", v.TextMalformed, bad, "One letter in lower case.", func(t string) string {
		i := 20 + strings.IndexAny(t[20:], "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
		return t[:i] + strings.ToLower(t[i:i+1]) + t[i+1:]
	})
	ours("text_odd_tail", v.TextMalformed, "VER-06, PRES-16", "A last group of one character (RFC 9285, Section 4).", func(t string) string { return even(t) + "0" })
	ours("text_triplet_overflow", v.TextMalformed, "VER-06, PRES-16", "Three characters that stand for 91124, above 65535 (RFC 9285, Section 4).", func(t string) string { return t[:5] + ":::" + t[8:] })
	fixed("text_triplet_65536", v.TextMalformed, "VER-06, PRES-16", "Three characters that stand for 65536, one too many.", "SID1:GGW")
	ours("text_pair_overflow", v.TextMalformed, "VER-06, PRES-16", "A last pair that stands for more than 255.", func(t string) string { return even(t) + "::" })
	fixed("text_pair_256", v.TextMalformed, "VER-06, PRES-16", "A last pair that stands for 256, one too many.", "SID1:V5")
	ours("text_trailing_newline", v.TextMalformed, bad, "A line end behind the text.", func(t string) string { return t + "\n" })
	ours("text_trailing_space", v.TextMalformed, "VER-06, PRES-16", "A space behind the text: it is a character of base45, and leaves an unfinished or too large group.", func(t string) string { return even(t) + " " })
	ours("text_trailing_text", v.TextMalformed, "VER-06", "Two texts, one behind the other.", func(t string) string { return even(t) + even(t) + "0" })
	ours("text_prefix_twice", v.TextMalformed, "VER-06, PRES-16", "The prefix twice: what follows the first one is no base45.", func(t string) string { return "SID1:" + "SID1: " + even(t)[5:] })
	ours("text_too_long", v.TextMalformed, "VER-06, PRES-17", "4,297 characters, one more than a QR symbol holds.", func(t string) string { return t + strings.Repeat("0", 4297-len(t)) })
	fixed("text_longest", v.Malformed, "PRES-17, PRES-09", "4,295 characters are a text; what they hold is nothing.", "SID1:"+strings.Repeat("0", 4290))
	ours("text_nul", v.TextMalformed, bad, "A zero byte inside.", func(t string) string { return t[:30] + "\x00" + t[31:] })
	ours("text_cyrillic_letter", v.TextMalformed, bad, "Cyrillic А instead of Latin A.", func(t string) string { return strings.Replace(t, "A", "А", 1) })
	ours("text_comma", v.TextMalformed, bad, "A comma instead of a full stop.", func(t string) string { return t[:50] + "," + t[51:] })
	fixed("text_base64url", v.TextMalformed, "VER-06", "Base64url behind our prefix.", "SID1:0oRYI6MBKARE-_Aa")
}

// even cuts a text so that it ends with a whole group.
func even(t string) string { return t[:len(t)-(len(t)-5)%3] }

// level is a place in the nesting of a presentation where a map stands.
type level struct {
	name, what string
	set        func(s *shot, encode func(cmap) []byte)
}

var levelsOfMaps = []level{
	{"header", "the presentation's protected header", func(s *shot, e func(cmap) []byte) { s.shown.encodeHead = e }},
	{"claims", "the presentation's payload", func(s *shot, e func(cmap) []byte) { s.shown.encodeBody = e }},
	{"token_header", "the token's protected header", func(s *shot, e func(cmap) []byte) { s.token.encodeHead = e }},
	{"token", "the token's payload", func(s *shot, e func(cmap) []byte) { s.token.encodeBody = e }},
	{"person", "claim 169", func(s *shot, e func(cmap) []byte) { s.encodePerson = e }},
	{"cnf", "claim cnf", func(s *shot, e func(cmap) []byte) { s.encodeCnf = e }},
	{"cose_key", "the COSE_Key in cnf", func(s *shot, e func(cmap) []byte) { s.encodeKey = e }},
}

func (w *world) encodings() {
	bent := func(name, rules, comment string, change func([]byte) []byte) {
		w.code(name, v.Malformed, rules, comment, func(s *shot) { s.bytes = change })
	}
	const gate = "VER-07, CRED-07, PRES-05"
	bent("cbor_truncated", gate+", COSE-01", "The last byte is missing.", func(b []byte) []byte { return b[:len(b)-1] })
	bent("cbor_half", gate+", COSE-01", "The second half is missing.", func(b []byte) []byte { return b[:len(b)/2] })
	bent("cbor_trailing", gate+", COSE-01", "One byte more than one item.", func(b []byte) []byte { return append(b, 0) })
	bent("cbor_two_items", gate+", COSE-01", "Two presentations in one text.", func(b []byte) []byte { return append(b, b...) })
	bent("cbor_one_byte", gate+", COSE-01", "One byte in all.", func([]byte) []byte { return []byte{0xd2} })
	bent("cbor_zero_byte", gate+", COSE-15", "One byte, an integer.", func([]byte) []byte { return []byte{0} })
	bent("cbor_break_alone", gate+", COSE-02", "A break outside of anything (RFC 8949, Section 3.2.1).", func([]byte) []byte { return []byte{0xff} })
	bent("cbor_reserved_head", gate, "Additional information 28, which is reserved (RFC 8949, Section 3).", func(b []byte) []byte { return append([]byte{0xd2, 0x9c}, b[2:]...) })
	bent("cbor_huge_length", gate+", COSE-06", "A byte string of 2^63 bytes.", func(b []byte) []byte {
		return append([]byte{0xd2, 0x84, 0x5b, 0x80, 0, 0, 0, 0, 0, 0, 0}, b[5:]...)
	})
	bent("cbor_huge_array", gate+", COSE-06", "An array of 2^32 elements.", func(b []byte) []byte {
		return append([]byte{0xd2, 0x9b, 0, 0, 0, 1, 0, 0, 0, 0}, b[2:]...)
	})
	bent("cbor_indefinite_array", gate+", COSE-02", "The outer array has no length.", func(b []byte) []byte {
		return append(append([]byte{0xd2, 0x9f}, b[2:]...), 0xff)
	})
	bent("cbor_long_array_head", gate+", COSE-02", "The outer array says 4 in a byte of its own.", func(b []byte) []byte { return append([]byte{0xd2, 0x98, 4}, b[2:]...) })
	bent("cbor_long_tag", gate+", COSE-02", "Tag 18 in two bytes.", func(b []byte) []byte { return append([]byte{0xd8, 18}, b[1:]...) })
	bent("cbor_self_described", gate+", COSE-05", "The tag of self-described CBOR before the presentation (RFC 8949, Section 3.4.6).", func(b []byte) []byte {
		return append([]byte{0xd9, 0xd9, 0xf7}, b...)
	})
	bent("cbor_in_bytes", gate+", COSE-15", "The presentation wrapped into a byte string.", func(b []byte) []byte { return cose.AppendBytes(nil, b) })

	// Each map of a presentation, broken in each way.
	ways := []struct {
		name, what, rule string
		encode           func(cmap) []byte
	}{
		{"unsorted", "keys in another order (RFC 8949, Section 4.2.1)", "COSE-03", unsorted},
		{"duplicate", "the first key twice (RFC 8949, Section 5.6)", "COSE-03", duplicated},
		{"indefinite", "no length (RFC 8949, Section 4.2.1)", "COSE-02", indefinite},
		{"long_head", "the number of pairs in a byte more than needed", "COSE-02", longHead},
	}
	catalogue := map[string]string{ // names of verification.md
		"cbor_unsorted_token": "cbor_unsorted_map", "cbor_duplicate_token": "cbor_duplicate_key", "cbor_indefinite_token": "cbor_indefinite_map"}
	for _, l := range levelsOfMaps {
		for _, way := range ways {
			name := "cbor_" + way.name + "_" + l.name
			if other, ok := catalogue[name]; ok {
				name = other
			}
			if l.name == "cnf" && way.name == "unsorted" {
				continue // one pair has one order
			}
			w.code(name, v.Malformed, gate+", "+way.rule, "In "+l.what+": "+way.what+".", func(s *shot) { l.set(s, way.encode) })
		}
	}
	w.code("cbor_unsorted_cnf", v.Malformed, gate+", COSE-03", "In claim cnf: an unknown key stands before a smaller one.", func(s *shot) {
		s.cnf.set(3, []byte("kid?"))
		s.encodeCnf = unsorted
	})
	// Integers, strings and simple values.
	signed := func(name, rules, comment string, edit func(s *shot)) {
		w.code(name, v.Malformed, gate+", "+rules, comment, edit)
	}
	signed("cbor_long_integer", "COSE-02", "Rank 5 as 18 05, a byte too long.", func(s *shot) {
		s.full()
		s.person.set(-3, raw{0x18, 5})
	})
	signed("cbor_long_key", "COSE-02", "Claim 1 with its key as 18 01.", func(s *shot) { s.token.encodeBody = longKey })
	signed("cbor_long_length", "COSE-02", "The length of iss in a byte more than needed.", func(s *shot) {
		s.token.payload.set(1, raw(append([]byte{0x78, 8}, ministry...)))
	})
	signed("cbor_long_time", "COSE-02", "iat in nine bytes where five do.", func(s *shot) {
		s.token.payload.set(6, raw(append([]byte{0x1b, 0, 0, 0, 0}, item(issuedAt.Unix())[1:]...)))
	})
	signed("cbor_indefinite_bytes", "COSE-02", "The photo hash in chunks, 5f … ff.", func(s *shot) {
		hash := people[0].Photo()
		s.person.set(-5, raw(append(append([]byte{0x5f}, item(hash[:])...), 0xff)))
	})
	signed("cbor_indefinite_text", "COSE-02", "The name in chunks, 7f … ff.", func(s *shot) {
		s.person.set(4, raw(append(append([]byte{0x7f}, item("Гончарук")...), 0xff)))
	})
	signed("cbor_float_time", "COSE-05, PRES-07", "iat as a float of double precision, in token and code (RFC 8392, Section 2 allows it, this profile does not).", func(s *shot) {
		float := raw{0xfb, 0x41, 0xda, 0x66, 0x2e, 0x00, 0, 0, 0}
		s.token.payload.set(6, float)
		s.shown.payload.set(6, float)
	})
	signed("cbor_float_half", "COSE-05", "A claim nobody knows, as a float of half precision.", func(s *shot) { s.token.payload.set(100, raw{0xf9, 0x3c, 0}) })
	signed("cbor_nan", "COSE-05", "NaN in a claim nobody knows.", func(s *shot) { s.token.payload.set(100, raw{0xf9, 0x7e, 0}) })
	signed("cbor_infinity", "COSE-05", "exp is infinity, as single precision.", func(s *shot) { s.token.payload.set(4, raw{0xfa, 0x7f, 0x80, 0, 0}) })
	signed("cbor_bad_utf8", "COSE-04", "A name that is not UTF-8.", func(s *shot) { s.person.set(4, raw{0x62, 0xd0, 0x28}) })
	signed("cbor_utf8_surrogate", "COSE-04", "A surrogate encoded as UTF-8 (RFC 3629, Section 3).", func(s *shot) { s.person.set(4, raw{0x63, 0xed, 0xa0, 0x80}) })
	signed("cbor_utf8_overlong", "COSE-04", "A slash in two bytes (RFC 3629, Section 3).", func(s *shot) { s.person.set(4, raw{0x62, 0xc0, 0xaf}) })
	signed("cbor_unknown_tag", "COSE-05", "Tag 999 on a claim nobody knows.", func(s *shot) { s.token.payload.set(100, raw{0xd9, 0x03, 0xe7, 0}) })
	signed("cbor_tag_time", "COSE-05", "exp under tag 1, which NumericDate leaves out (RFC 8392, Section 2).", func(s *shot) {
		s.token.payload.set(4, raw(append([]byte{0xc1}, item(expiresAt.Unix())...)))
	})
	signed("cbor_tag_bignum", "COSE-05", "iat as a bignum, tag 2 (RFC 8949, Section 3.4.3).", func(s *shot) { s.token.payload.set(6, raw{0xc2, 0x44, 0x69, 0x97, 0xf8, 0x60}) })
	signed("cbor_undefined", "COSE-05", "The simple value undefined.", func(s *shot) { s.token.payload.set(100, raw{0xf7}) })
	signed("cbor_reserved_simple", "COSE-05", "Simple value 24 in two bytes, which is no encoding (RFC 8949, Section 3.3).", func(s *shot) { s.token.payload.set(100, raw{0xf8, 0x18}) })
	signed("cbor_simple_255", "COSE-05", "Simple value 255, unassigned.", func(s *shot) { s.token.payload.set(100, raw{0xf8, 0xff}) })
	signed("cbor_deep", "COSE-06", "A claim nobody knows, nested nine times.", func(s *shot) { s.token.payload.set(100, nested(9)) })
	signed("cbor_many_items", "COSE-06", "Claim 169 of more pairs than the limit of 64.", func(s *shot) {
		for i := range 64 {
			s.person.set(1000+i, 0)
		}
	})
	signed("cbor_token_trailing", "COSE-01", "A byte behind the token's payload, inside its byte string.", func(s *shot) {
		s.token.encodeBody = func(m cmap) []byte { return append(m.encode(), 0) }
	})
	signed("cbor_claims_trailing", "COSE-01", "A byte behind the presentation's payload, inside its byte string.", func(s *shot) {
		s.shown.encodeBody = func(m cmap) []byte { return append(m.encode(), 0) }
	})
	signed("cbor_header_trailing", "COSE-09", "A byte behind the protected header, inside its byte string.", func(s *shot) {
		s.token.encodeHead = func(m cmap) []byte { return append(m.encode(), 0) }
	})
	signed("cbor_token_array", "COSE-01", "The token's payload is an array.", func(s *shot) { s.token.rawBody = []byte{0x80} })
	signed("cbor_token_empty", "COSE-01", "The token's payload is a byte string of nothing.", func(s *shot) { s.token.rawBody = []byte{} })
	signed("cbor_claims_empty", "PRES-06", "The presentation's payload is an empty map.", func(s *shot) { s.shown.payload = cmap{} })
}

func (w *world) structures() {
	bent := func(name, rules, comment string, edit func(s *shot)) {
		w.code(name, v.Malformed, "VER-07, "+rules, comment, edit)
	}
	shownAs := func(join func(h, u, p, sig []byte) []byte) func(s *shot) {
		return func(s *shot) { s.shown.assemble = join }
	}
	bent("cose_not_sign1", "PRES-01, COSE-15", "A map instead of the array (RFC 9052, Section 4.2).", shownAs(func(h, u, p, sig []byte) []byte {
		return append([]byte{0xd2}, mapOf(1, h, 2, p).encode()...)
	}))
	bent("cose_no_tag", "PRES-01, CRED-01, COSE-15", "The presentation without tag 18.", shownAs(func(h, u, p, sig []byte) []byte { return assembled(h, u, p, sig)[1:] }))
	bent("cose_tag_mac0", "PRES-01, COSE-15", "Tag 17, COSE_Mac0.", shownAs(func(h, u, p, sig []byte) []byte { return append([]byte{0xd1}, assembled(h, u, p, sig)[1:]...) }))
	bent("cose_tag_sign", "PRES-01, COSE-15, COSE-19", "Tag 98, COSE_Sign, over the four elements of a COSE_Sign1.", shownAs(func(h, u, p, sig []byte) []byte {
		return append([]byte{0xd8, 98}, assembled(h, u, p, sig)[1:]...)
	}))
	bent("cose_tag_cwt", "PRES-01, COSE-05", "The CWT tag 61 around the presentation (RFC 8392, Section 6).", shownAs(func(h, u, p, sig []byte) []byte {
		return append([]byte{0xd8, 61}, assembled(h, u, p, sig)...)
	}))
	bent("cose_sign1_of_three", "PRES-01", "The signature is missing.", shownAs(func(h, u, p, sig []byte) []byte {
		return cose.AppendBytes(append(cose.AppendBytes([]byte{0xd2, 0x83}, h), u...), p)
	}))
	bent("cose_sign1_of_five", "PRES-01", "One element more.", shownAs(func(h, u, p, sig []byte) []byte {
		b := assembled(h, u, p, sig)
		b[1] = 0x85
		return append(b, 0xf6)
	}))
	bent("cose_token_of_three", "CRED-01", "The token's signature is missing.", func(s *shot) {
		s.token.assemble = func(h, u, p, sig []byte) []byte {
			return cose.AppendBytes(append(cose.AppendBytes([]byte{0xd2, 0x83}, h), u...), p)
		}
	})
	bent("cose_token_no_tag", "CRED-01, PRES-02", "The token inside without tag 18.", func(s *shot) {
		s.kcwt = func(t []byte) []byte { return t[1:] }
	})
	bent("cose_alg_missing", "CRED-03, COSE-10", "The token has no alg.", func(s *shot) { s.token.head.del(1) })
	bent("cose_alg_unprotected", "CRED-03, COSE-10", "alg in the token's unprotected map alone.", func(s *shot) {
		s.token.head.del(1)
		s.token.unprotected = mapOf(1, -9).encode()
	})
	bent("cose_alg_in_both", "COSE-10, COSE-12", "alg in both of the token's maps, the same value.", func(s *shot) { s.token.unprotected = mapOf(1, -9).encode() })
	bent("cose_alg_text", "COSE-10", "alg as the text ESP256.", func(s *shot) { s.token.head.set(1, "ESP256") })
	bent("cose_alg_zero", "COSE-10", "alg 0, which is reserved.", func(s *shot) { s.token.head.set(1, 0) })
	bent("cose_alg_bytes", "COSE-10", "alg as a byte string.", func(s *shot) { s.shown.head.set(1, []byte{0x28}) })
	bent("cose_shown_alg_missing", "COSE-10", "The presentation has no alg.", func(s *shot) { s.shown.head.del(1) })
	bent("cose_shown_alg_unprotected", "COSE-10, PRES-01", "alg in the presentation's unprotected map alone.", func(s *shot) {
		s.shown.head.del(1)
		s.shown.unprotected = mapOf(1, -9).encode()
	})
	bent("cose_unprotected_junk", "CRED-01, PRES-01, COSE-11", "An unknown label in the presentation's unprotected map.", func(s *shot) { s.shown.unprotected = mapOf(100, 0).encode() })
	bent("cose_unprotected_text_label", "COSE-11", "A text label in the token's unprotected map.", func(s *shot) { s.token.unprotected = mapOf("x", 0).encode() })
	bent("cose_unprotected_kid", "COSE-11, COSE-12", "kid in the token's unprotected map as well.", func(s *shot) {
		s.token.unprotected = mapOf(4, []byte{1, 2, 3, 4}).encode()
	})
	bent("cose_unprotected_typ", "COSE-11", "typ in the presentation's unprotected map alone.", func(s *shot) {
		s.shown.head.del(16)
		s.shown.unprotected = mapOf(16, 294).encode()
	})
	bent("cose_unprotected_crit", "COSE-11, COSE-13", "crit in the unprotected map.", func(s *shot) { s.shown.unprotected = mapOf(2, raw{0x81, 1}).encode() })
	bent("cose_unprotected_not_map", "PRES-01", "The unprotected header is null.", func(s *shot) { s.shown.unprotected = []byte{0xf6} })
	bent("cose_crit_unknown", "COSE-13", "crit with a label nobody knows.", func(s *shot) {
		s.token.head.set(2, raw{0x81, 0x18, 100})
		s.token.head.set(100, 0)
	})
	bent("cose_crit_empty", "COSE-13", "crit with no label (RFC 9052, Section 3.1).", func(s *shot) { s.token.head.set(2, raw{0x80}) })
	bent("cose_crit_absent_label", "COSE-13", "crit names kid, which the presentation does not have.", func(s *shot) { s.shown.head.set(2, raw{0x81, 4}) })
	bent("cose_crit_not_array", "COSE-13", "crit is an integer.", func(s *shot) { s.token.head.set(2, 16) })
	bent("cose_crit_text", "COSE-13", "crit names a text label.", func(s *shot) { s.token.head.set(2, raw{0x81, 0x61, 'x'}) })
	bent("cose_payload_nil", "COSE-16", "The presentation's payload is null: detached.", shownAs(func(h, u, p, sig []byte) []byte {
		b := append(cose.AppendBytes([]byte{0xd2, 0x84}, h), u...)
		return cose.AppendBytes(append(b, 0xf6), sig)
	}))
	bent("cose_payload_map", "COSE-16", "The presentation's payload is a map, not a byte string.", shownAs(func(h, u, p, sig []byte) []byte {
		b := append(append(cose.AppendBytes([]byte{0xd2, 0x84}, h), u...), p...)
		return cose.AppendBytes(b, sig)
	}))
	bent("cose_header_map", "COSE-09", "The protected header is a map, not a byte string.", shownAs(func(h, u, p, sig []byte) []byte {
		b := append(append([]byte{0xd2, 0x84}, h...), u...)
		return cose.AppendBytes(cose.AppendBytes(b, p), sig)
	}))
	w.code("cose_signature_63", v.Malformed, "COSE-24, PRES-01", "A signature of 63 bytes.", func(s *shot) { s.shown.signature = func(b []byte) []byte { return b[:63] } })
	w.code("cose_signature_65", v.Malformed, "COSE-24, PRES-01", "A signature of 65 bytes.", func(s *shot) { s.shown.signature = func(b []byte) []byte { return append(b, 0) } })
	w.code("cose_signature_der", v.Malformed, "COSE-24, PRES-01", "The signature in DER, as X.509 writes it (RFC 9053, Section 2.1 wants r and s).", func(s *shot) {
		s.shown.signature = der
	})
	bent("cose_signature_token_63", "COSE-24, CRED-01", "The token's signature of 63 bytes.", func(s *shot) { s.token.signature = func(b []byte) []byte { return b[:63] } })
	bent("cose_signature_empty", "COSE-24", "A signature of no bytes.", func(s *shot) { s.shown.signature = func(b []byte) []byte { return nil } })
	bent("cose_signature_text", "PRES-01", "The signature is a text.", shownAs(func(h, u, p, sig []byte) []byte {
		b := append(cose.AppendBytes([]byte{0xd2, 0x84}, h), u...)
		return cose.AppendText(cose.AppendBytes(b, p), strings.Repeat("x", 64))
	}))
	bent("cose_protected_empty_map", "COSE-09", "The token's protected header is the map a0.", func(s *shot) { s.token.rawHead = []byte{0xa0} })
	bent("cose_protected_empty", "COSE-09, COSE-10", "The token's protected header is the empty string.", func(s *shot) { s.token.rawHead = []byte{} })
	bent("cose_protected_array", "COSE-09", "The token's protected header is an array.", func(s *shot) { s.token.rawHead = []byte{0x80} })
	bent("cose_header_label_bytes", "COSE-09", "A label that is a byte string.", func(s *shot) { s.token.head.set([]byte{1}, 0) })
}

// der writes r‖s as a SEQUENCE of two INTEGERs.
func der(sig []byte) []byte {
	var out []byte
	for _, half := range [][]byte{sig[:32], sig[32:]} {
		n := new(big.Int).SetBytes(half).Bytes()
		if n[0] >= 0x80 {
			n = append([]byte{0}, n...)
		}
		out = append(append(out, 2, byte(len(n))), n...)
	}
	return append([]byte{0x30, byte(len(out))}, out...)
}

func (w *world) tokens() {
	bad := func(name, rules, comment string, edit func(s *shot)) {
		w.code(name, v.Malformed, "VER-07, "+rules, comment, edit)
	}
	bad("token_typ_missing", "CRED-01, COSE-20", "The token has no typ (RFC 9596).", func(s *shot) { s.token.head.del(16) })
	bad("token_typ_presentation", "CRED-01, COSE-20, COSE-21", "typ 294 on the token.", func(s *shot) { s.token.head.set(16, 294) })
	bad("token_typ_text", "COSE-20", "typ as the media type's name instead of its number.", func(s *shot) { s.token.head.set(16, "application/sd-cwt") })
	bad("token_typ_zero", "COSE-20", "typ 0.", func(s *shot) { s.token.head.set(16, 0) })
	bad("token_typ_status_list", "COSE-20, COSE-21", "A status list of the same body in the place of the token.", func(s *shot) {
		s.kcwt = func([]byte) []byte { return statusToken(ministry, 0, base, entries{length: 64}, w.keys.main).build() }
	})
	bad("token_no_kid", "CRED-02", "No key id.", func(s *shot) { s.token.head.del(4) })
	bad("token_kid_3", "CRED-02, KEY-06", "A key id of 3 bytes.", func(s *shot) { s.token.head.set(4, []byte{1, 2, 3}) })
	bad("token_kid_5", "CRED-02, KEY-06", "A key id of 5 bytes that begins with the right four.", func(s *shot) {
		id := w.keys.main.IssuerPublic().KeyID()
		s.token.head.set(4, append(id[:], 0))
	})
	bad("token_kid_text", "CRED-02", "A key id that is a text.", func(s *shot) { s.token.head.set(4, "kid1") })
	bad("token_kid_empty", "CRED-02", "A key id of no bytes.", func(s *shot) { s.token.head.set(4, []byte{}) })
	bad("token_too_large", "CRED-04", "A token of more than 2,048 bytes.", func(s *shot) { s.token.payload.set(100, make([]byte, 1900)) })

	del := func(name, rule string, claim any, what string) {
		bad(name, rule, what+" is missing.", func(s *shot) { s.token.payload.del(claim) })
	}
	set := func(name, rule string, claim, value any, comment string) {
		bad(name, rule, comment, func(s *shot) { s.token.payload.set(claim, value) })
	}
	del("token_no_iss", "CRED-12", 1, "iss")
	set("token_iss_7_digits", "CRED-12", 1, "0084999", "iss of 7 digits.")
	set("token_iss_9_digits", "CRED-12", 1, "008499940", "iss of 9 digits.")
	set("token_iss_letters", "CRED-12", 1, "0084999A", "iss with a letter.")
	set("token_iss_arabic_digits", "CRED-12", 1, "٠٠٨٤", "iss in other digits than ASCII's, 8 bytes.")
	set("token_iss_uint", "CRED-12, CRED-09", 1, 849994, "iss as an integer, which loses the leading zeros.")
	set("token_iss_bytes", "CRED-12, CRED-09", 1, []byte(ministry), "iss as a byte string.")
	del("token_no_sub", "CRED-13", 2, "sub")
	set("token_sub_empty", "CRED-13", 2, "", "sub of no characters.")
	set("token_sub_33_bytes", "CRED-13", 2, strings.Repeat("1", 33), "sub of 33 bytes, one too many.")
	set("token_sub_newline", "CRED-10", 2, "ГТ\n004022", "A line end in sub, which could forge a second line on a guard's screen.")
	set("token_sub_uint", "CRED-13, CRED-09", 2, 4022, "sub as an integer.")
	del("token_no_exp", "CRED-14", 4, "exp")
	del("token_no_iat", "CRED-14", 6, "iat")
	set("token_exp_before_iat", "CRED-14", 4, issuedAt.Unix()-1, "exp a second before iat.")
	set("token_exp_equal_iat", "CRED-14", 4, issuedAt.Unix(), "exp equal to iat: a term of nothing.")
	set("token_exp_text", "CRED-09", 4, "2026-03-22", "exp as a text.")
	set("token_exp_null", "CRED-09", 4, raw{0xf6}, "exp null.")
	set("token_exp_true", "CRED-09", 4, raw{0xf5}, "exp true.")
	set("token_exp_year_10000", "CRED-09", 4, int64(253402300800), "exp one second after the year 9999.")
	set("token_exp_2_64", "CRED-09", 4, raw{0x1b, 255, 255, 255, 255, 255, 255, 255, 255}, "exp of 2^64 − 1, which overflows a signed time.")
	set("token_iat_negative", "CRED-09", 6, -1, "iat −1.")
	set("token_iat_zero", "CRED-09", 6, 0, "iat 0.")
	set("token_iat_bytes", "CRED-09", 6, []byte{1}, "iat as a byte string.")
	set("token_aud_given", "CRED-11", 3, "any", "aud in the token, which narrows it.")
	set("token_nbf_given", "CRED-11", 5, now.Add(time.Hour).Unix(), "nbf in the token, which narrows it.")
	set("token_status_claim", "CRED-11", 65535, raw(mapOf("status_list", mapOf("idx", 1, "uri", "urn:x")).encode()), "Claim 65535 beside our own status (Token Status List, Section 6.3).")
	bad("token_no_person", "CRED-17", "Claim 169 is missing.", func(s *shot) { s.person = nil })
	set("token_person_array", "CRED-09", 169, raw{0x80}, "Claim 169 is an array.")
	set("token_person_empty", "CRED-17", 169, raw{0xa0}, "Claim 169 is an empty map.")

	bad("token_no_cnf", "CRED-15", "No holder key.", func(s *shot) { s.cnf = nil })
	set("token_cnf_empty", "CRED-15", 8, raw{0xa0}, "cnf without a key.")
	set("token_cnf_kid", "CRED-15", 8, mapOf(3, []byte{1, 2, 3, 4}), "cnf names a key by its id only (RFC 8747, Section 3.4).")
	set("token_cnf_bytes", "CRED-15", 8, []byte{1}, "cnf is a byte string.")
	set("token_cnf_encrypted", "CRED-15", 8, mapOf(2, raw{0x80}), "cnf with an encrypted key (RFC 8747, Section 3.3).")
	bad("token_cnf_not_on_curve", "CRED-15, COSE-27", "A point that is not on the curve.", func(s *shot) {
		r := cose.NewReader(w.holder.Public().AppendCOSE(nil, false))
		s.key = cmap{}
		for range must(r.ReadMap()) {
			k := must(r.ReadInt())
			s.key.set(k, raw(bytes.Clone(must(r.Raw()))))
		}
		y := s.key.get(-3)
		y[len(y)-1] ^= 1
		s.key.set(-3, raw(y))
	})
	bad("token_cnf_x_not_on_curve", "CRED-15, COSE-27", "An x with no point on the curve, y as its sign bit.", func(s *shot) { s.key.set(-2, smallX(false).FillBytes(make([]byte, 32))) })
	bad("token_cnf_x_above_p", "CRED-15, COSE-27", "x is p more than that of a point: a second spelling.", func(s *shot) {
		x := new(big.Int).Add(elliptic.P256().Params().P, smallX(true))
		s.key.set(-2, x.FillBytes(make([]byte, 32)))
	})
	bad("token_cnf_zero", "CRED-15, COSE-27", "The point (0, 0).", func(s *shot) {
		s.key.set(-2, make([]byte, 32))
		s.key.set(-3, make([]byte, 32))
	})
	bad("token_cnf_x_31_bytes", "CRED-15, COSE-27", "x of 31 bytes (RFC 9053, Section 7.1.1 wants the full size).", func(s *shot) { s.key.set(-2, make([]byte, 31)) })
	bad("token_cnf_y_null", "CRED-15", "y is null.", func(s *shot) { s.key.set(-3, raw{0xf6}) })
	bad("token_cnf_no_y", "CRED-15", "y is missing.", func(s *shot) { s.key.del(-3) })
	bad("token_cnf_no_crv", "CRED-15", "The curve is missing.", func(s *shot) { s.key.del(-1) })
	bad("token_cnf_no_kty", "CRED-15", "The type of the key is missing.", func(s *shot) { s.key.del(1) })
	bad("token_cnf_p384", "CRED-15, KEY-01", "A holder key on P-384.", func(s *shot) {
		s.key = compressed(must(cose.KeyForVectors(cose.ESP384, "p384")).Public())
	})
	bad("token_cnf_ed25519", "CRED-15, KEY-01", "A holder key of Ed25519.", func(s *shot) {
		s.key = compressed(must(cose.KeyForVectors(cose.Ed25519, "ed")).Public())
	})
	bad("token_cnf_secp256k1", "CRED-15, COSE-27", "Curve 8, secp256k1.", func(s *shot) { s.key.set(-1, 8) })
	bad("token_cnf_symmetric", "CRED-15", "A symmetric key, kty 4.", func(s *shot) { s.key = mapOf(1, 4, -1, make([]byte, 32)) })
	bad("token_cnf_private", "CRED-15, COSE-29", "The holder key with its private part.", func(s *shot) { s.key.set(-4, bytes.Repeat([]byte{7}, 32)) })
	bad("token_cnf_other_alg", "COSE-28", "The key says it is for alg -19.", func(s *shot) { s.key.set(3, -19) })
	bad("token_cnf_key_ops_sign", "COSE-28", "key_ops allows signing alone (RFC 9052, Section 7.1).", func(s *shot) { s.key.set(4, raw{0x81, 1}) })

	person := func(name, rule string, key, value any, comment string) {
		bad(name, rule, comment, func(s *shot) {
			s.full()
			s.person.set(key, value)
		})
	}
	without := func(name, rule string, key any, comment string) {
		bad(name, rule, comment, func(s *shot) {
			s.full()
			s.person.del(key)
		})
	}
	without("token_no_status", "CRED-17, CRED-18", -6, "No status integer.")
	person("token_status_list_4096", "CRED-18", -6, int64(4096)<<20, "List 4096, beyond 32 bits.")
	person("token_status_negative", "CRED-18, CRED-09", -6, -1, "Status −1.")
	person("token_status_map", "CRED-18, CRED-09", -6, mapOf("idx", 1), "Status as a map.")
	without("token_no_name", "CRED-17", 4, "Claim 169 without a name.")
	person("token_name_empty", "CRED-17", 4, "", "A name of no characters.")
	person("token_name_257_bytes", "CRED-17", 4, strings.Repeat("n", 257), "A name of 257 bytes, one too many.")
	person("token_name_control", "CRED-10", 4, "Гончарук\tТ. Г.", "A tabulator in the name.")
	person("token_name_delete", "CRED-10", 4, "Гончарук\x7f", "The control character U+007F in the name.")
	person("token_name_bytes", "CRED-09", 4, []byte("name"), "The name as a byte string.")
	bad("token_position_text_and_code", "CRED-19", "Position twice, as a number and as a text.", func(s *shot) {
		s.full()
		s.encodePerson = func(m cmap) []byte {
			return append(cose.AppendMap(nil, len(m)+1), append(m.sorted(), pair{item(-1), item("слідчий")}).sorted().pairs()...)
		}
	})
	person("token_position_zero", "CRED-19", -1, 0, "Position 0: numbers begin at 1.")
	person("token_position_2_32", "CRED-19", -1, int64(1)<<32, "Position 2^32, beyond 32 bits.")
	person("token_position_513_bytes", "CRED-19", -1, strings.Repeat("p", 513), "A position of 513 bytes, one too many.")
	person("token_position_bytes", "CRED-19, CRED-09", -1, []byte{1}, "Position as a byte string.")
	person("token_unit_zero", "CRED-19", -2, 0, "Unit 0.")
	person("token_unit_empty", "CRED-19", -2, "", "A unit of no characters.")
	person("token_rank_zero", "CRED-09", -3, 0, "Rank 0; none is written by leaving it out.")
	person("token_rank_256", "CRED-09", -3, 256, "Rank 256, one too many.")
	person("token_category_33_bytes", "CRED-09", -4, strings.Repeat("c", 33), "A category of 33 bytes, one too many.")
	person("token_photo_hash_19", "CRED-20", -5, make([]byte, 19), "A photo hash of 19 bytes.")
	person("token_photo_hash_32", "CRED-20", -5, make([]byte, 32), "A photo hash of 32 bytes: not cut.")
	person("token_photo_hash_text", "CRED-20", -5, strings.Repeat("0", 40), "The photo hash in hexadecimal digits.")
	without("token_unit_without_position", "CRED-21", -1, "Unit and rank, but no position.")
	bad("token_category_without_position", "CRED-21", "A category in the short face.", func(s *shot) { s.person.set(-4, "Б") })
	w.code("token_unknown_claim", v.OK, "CRED-08, COSE-07", "Nothing is wrong: a claim nobody knows is skipped.", func(s *shot) { s.token.payload.set(-70000, nested(3)) })
	w.code("token_unknown_text_claim", v.OK, "CRED-08, COSE-07", "Nothing is wrong: a claim with a text key is skipped.", func(s *shot) { s.token.payload.set("note", "x") })
	w.code("token_unknown_personal_key", v.OK, "CRED-08, COSE-07", "Nothing is wrong: a key of claim 169 nobody knows is skipped.", func(s *shot) { s.person.set(-8, mapOf(1, 2)) })
	w.code("token_unknown_cnf_member", v.OK, "CRED-08, COSE-07, COSE-26", "Nothing is wrong: unknown members of cnf and of the key are skipped.", func(s *shot) {
		s.cnf.set(5, 1)
		s.key.set(-70001, "x")
	})
	w.code("token_unknown_header", v.OK, "COSE-07", "Nothing is wrong: an unknown protected label of the token is skipped.", func(s *shot) { s.token.head.set(100, 1) })
	kind := func(name string, code v.Code, rules, comment string, value any, cnf bool) {
		w.code(name, code, rules, comment, func(s *shot) {
			s.person.set(-7, value)
			if !cnf {
				s.cnf = nil
			}
		})
	}
	kind("token_kind_static", v.WrongProfile, "VER-08, CRED-24", "Kind 1: a static token behind SID1.", 1, false)
	kind("token_kind_card", v.WrongProfile, "VER-08, CRED-24", "Kind 2: a card's token behind SID1.", 2, true)
	kind("token_kind_static_with_cnf", v.Malformed, "CRED-16", "A static token with a holder key.", 1, true)
	kind("token_kind_zero", v.Malformed, "CRED-23", "Kind 0 is written by leaving it out.", 0, true)
	kind("token_kind_three", v.Malformed, "CRED-23", "Kind 3 does not exist.", 3, true)
	kind("token_kind_text", v.Malformed, "CRED-23", "Kind as a text.", "card", true)
}

// smallX is the smallest x from 5 on that a point of P-256 has, or that none has.
func smallX(onCurve bool) *big.Int {
	p := elliptic.P256().Params()
	for x := int64(5); ; x++ {
		n := big.NewInt(x)
		y2 := new(big.Int).Exp(n, big.NewInt(3), p.P)
		y2.Sub(y2, new(big.Int).Mul(big.NewInt(3), n)).Add(y2, p.B).Mod(y2, p.P)
		if (big.Jacobi(y2, p.P) == 1) == onCurve {
			return n
		}
	}
}

func (w *world) shownClaims() {
	bad := func(name, rules, comment string, edit func(s *shot)) {
		w.code(name, v.Malformed, "VER-07, "+rules, comment, edit)
	}
	bad("presentation_typ_token", "PRES-01, COSE-20, COSE-21", "typ 293 on the presentation.", func(s *shot) { s.shown.head.set(16, 293) })
	bad("presentation_typ_missing", "PRES-01, COSE-20", "The presentation has no typ.", func(s *shot) { s.shown.head.del(16) })
	bad("presentation_no_kcwt", "PRES-02", "No token.", func(s *shot) { s.kcwt = func([]byte) []byte { return nil } })
	bad("presentation_kcwt_bytes", "PRES-02", "The token as a byte string.", func(s *shot) { s.kcwt = func(t []byte) []byte { return cose.AppendBytes(nil, t) } })
	bad("presentation_kcwt_null", "PRES-02", "The token is null.", func(s *shot) { s.kcwt = func(t []byte) []byte { return []byte{0xf6} } })
	bad("presentation_kcwt_presentation", "PRES-02, COSE-20", "A presentation in the place of the token.", func(s *shot) {
		inner := w.newShot().build()
		s.kcwt = func([]byte) []byte { return inner }
	})
	bad("presentation_kcwt_array", "PRES-02", "Two tokens in an array.", func(s *shot) {
		s.kcwt = func(t []byte) []byte { return append(append([]byte{0x82}, t...), t...) }
	})
	bad("presentation_kid", "PRES-01", "A key id on the presentation: the key is the one in the token.", func(s *shot) { s.shown.head.set(4, []byte{1, 2, 3, 4}) })
	sized := func(s *shot, n int) {
		s.shown.payload.set(100, make([]byte, 1000))
		s.shown.payload.set(100, make([]byte, 1000+n-len(s.build())))
		if got := len(s.build()); got != n {
			panic(fmt.Sprintf("presentation of %d bytes, want %d", got, n))
		}
	}
	w.code("presentation_largest", v.OK, "PRES-09, PRES-17", "Nothing is wrong: a presentation of 2,860 bytes.", func(s *shot) { sized(s, 2860) })
	w.code("presentation_too_large", v.TextMalformed, "PRES-09, PRES-17", "A presentation of 2,861 bytes makes a text of 4,297 characters.", func(s *shot) { sized(s, 2861) })
	set := func(name, rules string, claim, value any, comment string) {
		bad(name, rules, comment, func(s *shot) { s.shown.payload.set(claim, value) })
	}
	del := func(name, rules string, claim any, comment string) {
		bad(name, rules, comment, func(s *shot) { s.shown.payload.del(claim) })
	}
	del("presentation_no_aud", "PRES-06", 3, "No aud.")
	del("presentation_no_iat", "PRES-07", 6, "No iat.")
	set("presentation_iat_zero", "PRES-07", 6, 0, "iat of the code is 0.")
	set("presentation_iat_negative", "PRES-07", 6, -1, "iat of the code is −1.")
	set("presentation_iat_float", "PRES-07, COSE-05", 6, raw{0xfb, 0x41, 0xda, 0x66, 0x2e, 0x00, 0, 0, 0}, "iat as a float.")
	set("presentation_iat_text", "PRES-07", 6, "now", "iat as a text.")
	set("presentation_iat_year_10000", "PRES-07", 6, int64(253402300800), "iat after the year 9999.")
	set("presentation_with_iss", "PRES-08", 1, ministry, "iss in the presentation.")
	set("presentation_with_sub", "PRES-08", 2, people[0].Number, "sub in the presentation.")
	set("presentation_with_exp", "PRES-08", 4, now.Add(time.Hour).Unix(), "exp in the presentation: how old a code may be is the verifier's rule.")
	set("presentation_with_nbf", "PRES-08", 5, shown.Unix(), "nbf in the presentation.")
	set("presentation_aud_empty", "PRES-06", 3, "", "aud of no characters.")
	set("presentation_aud_upper", "PRES-06", 3, "ANY", "aud ANY in capitals.")
	set("presentation_aud_uint", "PRES-06", 3, 17, "aud as an integer.")
	set("presentation_aud_array", "PRES-06", 3, raw{0x81, 0x63, 'a', 'n', 'y'}, "aud as an array of one (RFC 8392, Section 3.1.3 allows it, this profile does not).")
	set("presentation_aud_null", "PRES-06", 3, raw{0xf6}, "aud null.")
	set("presentation_cnonce_text", "PRES-10", 39, "12345678", "cnonce as a text.")
	set("presentation_cnonce_empty", "PRES-10", 39, []byte{}, "cnonce of no bytes.")
	set("presentation_cnonce_null", "PRES-10", 39, raw{0xf6}, "cnonce null.")
	w.code("presentation_unknown_claim", v.OK, "PRES-05", "Nothing is wrong: a claim of the presentation nobody knows is skipped.", func(s *shot) { s.shown.payload.set(1000, "x") })
	w.code("presentation_token_alone", v.Malformed, "PRES-01", "A bare token behind SID1.", func(s *shot) {
		token := s.buildToken()
		s.bytes = func([]byte) []byte { return token }
	})
	w.code("signature_issuer_high_s", v.SignatureForm, "VER-09, PRES-04, COSE-25", "The token's signature as its twin with n − s.", func(s *shot) { s.token.signature = flipS })
	w.code("signature_holder_high_s", v.SignatureForm, "VER-09, PRES-04, COSE-25", "The presentation's signature as its twin with n − s.", func(s *shot) { s.shown.signature = flipS })
	w.code("signature_both_high_s", v.SignatureForm, "VER-09, PRES-04", "Both signatures as their twins.", func(s *shot) { s.shown.signature, s.token.signature = flipS, flipS })
	half := new(big.Int).Rsh(elliptic.P256().Params().N, 1)
	w.code("signature_s_half", v.HolderSignature, "VER-09, PRES-04", "s is exactly half of the order, rounded down: the form is right, the signature is not.", func(s *shot) {
		s.shown.signature = func(b []byte) []byte { half.FillBytes(b[32:]); return b }
	})
	w.code("signature_s_half_plus_1", v.SignatureForm, "VER-09, PRES-04", "s is the smallest that is not low.", func(s *shot) {
		s.shown.signature = func(b []byte) []byte { new(big.Int).Add(half, big.NewInt(1)).FillBytes(b[32:]); return b }
	})
}

func (w *world) setups() {
	trust := func(name string, code v.Code, rules, comment, file string, edit func(s *shot)) {
		w.code(name, code, rules, comment, func(s *shot) {
			s.Trust = file
			if edit != nil {
				edit(s)
			}
		})
	}
	foreign := func(s *shot) { s.Data, s.text = []byte{}, func(string) string { return "https://example.org/" } }
	damaged := func(s *shot) { s.bytes = func(b []byte) []byte { return b[:len(b)-1] } }
	trust("setup_no_root", v.NoRoot, "VER-03, CHK-04", "No root is pinned.", "none", nil)
	trust("setup_no_root_foreign", v.NoRoot, "VER-03", "No root is pinned, and the text is a link.", "none", foreign)
	trust("setup_no_root_malformed", v.NoRoot, "VER-03", "No root is pinned, and the code is damaged.", "none", damaged)
	trust("setup_no_bundle", v.NoBundle, "VER-10", "A root is pinned, but no bundle was ever installed.", "no-bundle", nil)
	trust("setup_no_bundle_malformed", v.Malformed, "VER-02, VER-10", "No bundle, and the code is damaged: that refuses by itself.", "no-bundle", damaged)
	trust("setup_no_bundle_foreign", v.NotAServiceID, "VER-10", "No bundle, and the text is a link.", "no-bundle", foreign)
	trust("setup_bundle_other_root", v.BundleRefused, "VER-10, TRUST-01", "The bundle of an operator who is not pinned.", "other_operator.sidb", nil)
	trust("setup_bundle_damaged", v.BundleRefused, "VER-10", "One bit of the manifest.", "damaged.sidb", nil)
	trust("setup_bundle_one_signature", v.BundleRefused, "VER-10, TRUST-06, KEY-08", "The bundle has its classical signature only.", "one_signature.sidb", nil)
	trust("setup_bundle_old_signer", v.BundleRefused, "VER-10, TRUST-06", "A bundle under root 2 by the bundle signer that left with root 1.", "root_2_old_signer.sidb", nil)
	trust("setup_root_2_alone", v.BundleRefused, "VER-10, TRUST-03", "Root 2 is signed by its own members only, not by those of root 1.", "root_2_alone.sidb", nil)
	trust("setup_root_2_own_threshold", v.BundleRefused, "VER-10, TRUST-03", "Root 2 is signed by two members of root 1 and one of its own.", "root_2_own_threshold.sidb", nil)
	trust("setup_root_2", v.OK, "TRUST-03", "Nothing is wrong: the pinned root 1 leads to root 2, and the bundle is signed under it.", "root_2.sidb", nil)
	trust("setup_root_3_reset", v.OK, "TRUST-25", "Nothing is wrong: two rotations behind the pinned root, the second with a reset.", "root_3_reset.sidb", nil)

	at := func(name string, code v.Code, rules, comment string, when time.Time, edit func(s *shot)) {
		w.code(name, code, rules, comment, func(s *shot) {
			s.seenAt(when)
			if edit != nil {
				edit(s)
			}
		})
	}
	end := base.Add(8 * day)
	revoked := func(s *shot) { s.status(0, indexRevoked) }
	forged := func(s *shot) { s.token.signature = func(b []byte) []byte { return flipBit(b, 5) } }
	at("bundle_exp_minus_1", v.StatusStale, "VER-11, VER-38", "One second before the bundle's end: its lists are too old, it is not.", end.Add(-time.Second), func(s *shot) { s.shown.payload.del(39) })
	at("bundle_exp", v.BundleExpired, "VER-11", "At the bundle's end.", end, nil)
	at("bundle_exp_plus_1", v.BundleExpired, "VER-11", "One second after the bundle's end.", end.Add(time.Second), nil)
	at("bundle_expired_revoked", v.Revoked, "VER-01, VER-02", "An expired bundle that knows the revocation.", end, revoked)
	at("bundle_expired_forged", v.IssuerSignature, "VER-01, VER-02", "An expired bundle, and a forged token.", end, forged)
	at("bundle_expired_foreign", v.NotAServiceID, "VER-02, VER-11", "An expired bundle, and a link: that it is none of ours stands first.", end, foreign)

	floor := func(name string, code v.Code, rules, comment string, behind time.Duration) {
		w.code(name, code, rules, comment, func(s *shot) { s.Floor = now.Add(behind).UTC().Format(time.RFC3339) })
	}
	floor("clock_floor_minus_120", v.OK, "VER-12", "The clock is 120 s behind the floor: in tolerance.", 120*time.Second)
	floor("clock_floor_minus_121", v.ClockBehind, "VER-12, CHK-09", "The clock is 121 s behind the floor.", 121*time.Second)
	at("clock_bundle_minus_120", v.OK, "VER-12, TRUST-24", "The clock is 120 s before the bundle's iat: in tolerance.", base.Add(-120*time.Second), nil)
	at("clock_bundle_minus_121", v.ClockBehind, "VER-12, TRUST-24", "The clock is 121 s before the bundle's iat, and no other floor is known.", base.Add(-121*time.Second), nil)
	w.code("clock_floor_older_than_bundle", v.OK, "VER-12", "Nothing is wrong: the floor on disk is older than the bundle.", func(s *shot) {
		s.Floor = base.Add(-day).UTC().Format(time.RFC3339)
	})
	at("clock_1970", v.ClockBehind, "VER-12", "The clock stands at 1970-01-01.", time.Unix(0, 0), func(s *shot) { s.shown.payload.set(6, shown.Unix()) })
	at("clock_minus_10_years", v.ClockBehind, "VER-12", "The clock is ten years behind.", now.AddDate(-10, 0, 0), nil)
	w.code("clock_lost", v.ClockUnknown, "VER-12, CHK-08", "The device has lost its floor.", func(s *shot) { s.Floor = "lost" })
	w.code("clock_lost_revoked", v.Revoked, "VER-01, VER-12", "The device has lost its floor, and the bundle knows the revocation.", func(s *shot) {
		s.Floor = "lost"
		revoked(s)
	})
	at("clock_2038", v.Expired, "VER-23", "2038-01-19T03:14:08Z, beyond 31 bits.", time.Unix(1<<31, 0), nil)
	at("clock_9999", v.Expired, "VER-23", "The last second of the year 9999.", time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), nil)
}

func (w *world) issuers() {
	by := func(name string, code v.Code, rules, comment string, k keys.IssuerSigner, edit func(s *shot)) {
		w.code(name, code, rules, comment, func(s *shot) {
			s.issuer(k)
			if edit != nil {
				edit(s)
			}
		})
	}
	k := w.keys
	at := func(d time.Duration) func(s *shot) { return func(s *shot) { s.seenAt(base.Add(d)) } }
	asCouncil := func(f func(s *shot)) func(s *shot) {
		return func(s *shot) {
			s.Class = "council"
			f(s)
		}
	}
	by("issuer_unknown", v.IssuerUnknown, "VER-15", "A key of no bundle.", k.stranger, nil)
	by("issuer_unknown_bundle_24h", v.IssuerUnknown, "VER-15", "A key of no bundle, and the bundle is exactly 24 h old.", k.stranger, at(day))
	by("issuer_unknown_bundle_old", v.BundleTooOld, "VER-15", "A key of no bundle, and the bundle is 24 h 1 s old: it may have been admitted since.", k.stranger, at(day+time.Second))
	by("issuer_unknown_council_72h", v.IssuerUnknown, "VER-15", "Class council: a bundle of 72 h still refuses an unknown key.", k.stranger, asCouncil(at(3*day)))
	by("issuer_unknown_council_72h_plus_1", v.BundleTooOld, "VER-15", "Class council: a bundle of 72 h 1 s does not.", k.stranger, asCouncil(at(3*day+time.Second)))
	by("issuer_kid_collision", v.OK, "VER-14, CRED-02, COSE-14, TRUST-10", "Nothing is wrong: two keys have this key id, and the second one signed.", k.collides, nil)
	by("issuer_kid_collision_foreign", v.IssuerBody, "VER-14, VER-18", "Two keys have this key id, and the one that signed belongs to another body.", k.collidesForeign, nil)
	by("issuer_kid_collision_forged", v.IssuerSignature, "VER-14, VER-16", "Two keys have this key id, and neither signed.", k.collides, func(s *shot) {
		s.token.signature = func(b []byte) []byte { return flipBit(b, 40) }
	})
	forged := func(name, rules, comment string, edit func(s *shot)) {
		w.code(name, v.IssuerSignature, "VER-16, "+rules, comment, edit)
	}
	sig := func(f func([]byte) []byte) func(s *shot) { return func(s *shot) { s.token.signature = f } }
	forged("issuer_signature_bit", "CRED-05", "One bit of r of the token's signature.", sig(func(b []byte) []byte { return flipBit(b, 5) }))
	forged("issuer_signature_zero", "COSE-24", "r = s = 0 on the token.", sig(func(b []byte) []byte { return make([]byte, 64) }))
	forged("issuer_signature_r_zero", "COSE-24", "r = 0 on the token.", sig(func(b []byte) []byte { clear(b[:32]); return b }))
	forged("issuer_signature_s_zero", "COSE-24", "s = 0 on the token.", sig(func(b []byte) []byte { clear(b[32:]); return b }))
	forged("issuer_signature_r_order", "COSE-24", "r is the order of the group.", sig(func(b []byte) []byte {
		elliptic.P256().Params().N.FillBytes(b[:32])
		return b
	}))
	forged("issuer_signature_other_key", "VER-14", "Signed by a stranger under the ministry's key id.", func(s *shot) {
		s.issuer(k.main)
		s.token.signer = k.stranger
	})
	forged("issuer_signature_council", "VER-14", "Signed by another body's key under the ministry's key id.", func(s *shot) { s.token.signer = k.council })
	forged("issuer_signature_of_other_token", "CRED-05", "The signature of another token of the same key.", func(s *shot) {
		other := w.newShot()
		other.full()
		token := other.buildToken()
		s.token.signature = func([]byte) []byte { return token[len(token)-64:] }
	})
	forged("issuer_signature_is_holders", "VER-14", "The holder's own signature in the place of the issuer's.", func(s *shot) {
		shown := w.newShot().build()
		s.token.signature = func([]byte) []byte { return shown[len(shown)-64:] }
	})
	changed := func(name, rules, comment string, old, with []byte) {
		forged(name, rules, comment, func(s *shot) { s.kcwt = func(t []byte) []byte { return replaceOnce(t, old, with) } })
	}
	changed("issuer_payload_bit", "CRED-05", "One letter of the name, after signing.", []byte("Гончарук"), []byte("Гончарул"))
	changed("issuer_exp_raised", "CRED-05", "exp a year later, after signing.", item(expiresAt.Unix()), item(expiresAt.AddDate(1, 0, 0).Unix()))
	changed("issuer_iss_changed", "CRED-05", "iss of another body, after signing.", []byte(ministry), []byte(council))
	changed("issuer_status_changed", "CRED-05", "The index of somebody else, after signing.", append(item(-6), item(indexValid)...), append(item(-6), item(indexValid+1)...))
	changed("issuer_number_changed", "CRED-05", "Another number, after signing.", []byte("004022"), []byte("004023"))
	changed("issuer_photo_changed", "CRED-05", "Another photo hash, after signing.", photo0(), bytes.Repeat([]byte{9}, 20))
	changed("issuer_typ_stripped", "COSE-18", "A header nobody signed: alg -7 instead of -9.", []byte{0xa3, 0x01, 0x28}, []byte{0xa3, 0x01, 0x26})
	forged("issuer_payload_not_cbor", "CRED-05", "A payload that is not CBOR and that nobody signed reads as a bad signature, not as bad claims.", func(s *shot) {
		s.token.rawBody = []byte("not CBOR")
		s.token.signature = func(b []byte) []byte { return flipBit(b, 9) }
	})
	forged("issuer_alg_of_other_key", "CRED-03, COSE-22", "alg -19 (Ed25519) with a P-256 key.", func(s *shot) { s.token.head.set(1, -19) })
	forged("issuer_alg_esp384", "CRED-03, COSE-22", "alg -51 (ESP384) and 96 bytes of signature with a P-256 key.", func(s *shot) {
		s.token.head.set(1, -51)
		s.token.signature = func(b []byte) []byte { return append(b, b[:32]...) }
	})
	forged("issuer_alg_hmac", "CRED-03, COSE-22", "alg 5 (HMAC 256/256): the public key as a secret.", func(s *shot) { s.token.head.set(1, 5) })
	forged("issuer_alg_unknown", "CRED-03, COSE-22", "alg -65000, which nobody knows.", func(s *shot) { s.token.head.set(1, -65000) })
	by("issuer_alg_ed25519_as_esp256", v.SignatureForm, "CRED-03, COSE-22", "alg -9 with an Ed25519 key, whose s is not low as ESP256 counts.", k.edwards, func(s *shot) {
		s.token.head.set(1, -9)
		s.token.signature = func(b []byte) []byte { b[32] = 0xff; return b }
	})
	forged("issuer_signed_by_holder", "KEY-02", "The token is signed with the holder's own key.", func(s *shot) { s.token.signer = w.holder })
	by("issuer_ed25519_bit", v.IssuerSignature, "VER-16", "One bit of an Ed25519 signature.", k.edwards, func(s *shot) {
		s.token.signature = func(b []byte) []byte { return flipBit(b, 3) }
	})
	by("issuer_compromised", v.IssuerKeyCompromised, "VER-17, TRUST-11", "The key ended as compromised.", k.compromised, nil)
	by("issuer_compromised_early_iat", v.IssuerKeyCompromised, "VER-17, TRUST-11", "The key ended as compromised, and iat is long before: whoever has the key writes any iat.", k.compromised, func(s *shot) {
		s.made(admitted, admitted.Add(29*day))
	})
	by("issuer_foreign_body", v.IssuerBody, "VER-18, TRUST-12", "The council's key, iss of the ministry.", k.council, nil)
	by("issuer_subordinate_foreign_key", v.IssuerBody, "VER-18", "The ministry's second key has no right for the subordinate body.", k.second, func(s *shot) {
		s.token.payload.set(1, subordinate)
	})
	w.code("body_other_edrpou", v.IssuerBody, "VER-18", "The ministry's key, iss of the council.", func(s *shot) { s.token.payload.set(1, council) })
	w.code("body_unknown_edrpou", v.IssuerBody, "VER-18", "iss of a body that no bundle has.", func(s *shot) { s.token.payload.set(1, "10000999") })
	by("issuer_kind_not_granted", v.IssuerKind, "VER-19", "The key may sign for cards only.", k.cards, nil)
	life := func(d time.Duration) func(s *shot) {
		return func(s *shot) { s.made(base, base.Add(d)) }
	}
	w.code("issuer_life_max", v.OK, "VER-20", "Exactly the longest life of the key's right.", life(30*day))
	w.code("issuer_life_max_plus_1", v.IssuerLife, "VER-20", "One second more than the longest life.", life(30*day+time.Second))
	by("issuer_life_of_that_key", v.IssuerLife, "VER-14, VER-20", "30 days under a key of the same body that may give one day.", k.short, nil)
	by("issuer_valid_from", v.OK, "VER-21", "iat in the second in which the key became valid.", k.young, func(s *shot) { s.issued(turned) })
	by("issuer_valid_from_minus_1", v.IssuerKeyEarly, "VER-21", "iat one second before the key became valid.", k.young, func(s *shot) { s.made(turned.Add(-time.Second), turned.Add(29*day)) })
	by("issuer_retired", v.OK, "VER-22", "iat in the second in which the key was retired.", k.retired, func(s *shot) { s.issued(turned) })
	by("issuer_retired_plus_1", v.IssuerKeyRetired, "VER-22", "iat one second after the key was retired.", k.retired, func(s *shot) { s.issued(turned.Add(time.Second)) })
	by("issuer_body_ended", v.IssuerKeyRetired, "VER-22, TRUST-11", "The body has left the trust, and the token is newer.", k.gone, func(s *shot) {
		s.token.payload.set(1, gone)
		s.issued(base.Add(-2*day + time.Second))
	})
	by("issuer_body_ended_list_stale", v.StatusStale, "VER-38, TRUST-11", "The body has left the trust; the token is older, but nobody signs its list any more.", k.gone, func(s *shot) {
		s.token.payload.set(1, gone)
		s.issued(base.Add(-10 * day))
		s.expires(base.Add(10 * day))
	})

	when := func(name string, code v.Code, rules, comment string, edit func(s *shot)) {
		w.code(name, code, rules, comment, edit)
	}
	when("validity_exp_minus_1", v.OK, "VER-23", "One second before exp.", func(s *shot) { s.expires(now.Add(time.Second)) })
	when("validity_exp", v.Expired, "VER-23", "At exp.", func(s *shot) { s.expires(now) })
	when("validity_exp_plus_1", v.Expired, "VER-23", "One second after exp.", func(s *shot) { s.expires(now.Add(-time.Second)) })
	ahead := func(d time.Duration) func(s *shot) {
		return func(s *shot) {
			s.made(now.Add(d), now.Add(d+day))
			s.shown.payload.set(6, now.Add(d).Unix())
		}
	}
	when("validity_iat_plus_120", v.ClockDiffers, "VER-24", "Token and code from 120 s ahead: the token is in its tolerance, the code is not in its window.", ahead(120*time.Second))
	when("validity_iat_plus_121", v.NotYetValid, "VER-24", "Token and code from 121 s ahead.", ahead(121*time.Second))
	when("validity_token_ahead_120", v.OK, "VER-24", "The token from 120 s ahead alone: in its tolerance.", func(s *shot) { s.made(now.Add(120*time.Second), now.Add(day)) })
	when("validity_token_ahead_121", v.NotYetValid, "VER-24", "The token from 121 s ahead alone.", func(s *shot) { s.made(now.Add(121*time.Second), now.Add(day)) })
}

func photo0() []byte {
	hash := people[0].Photo()
	return hash[:]
}

func (w *world) holders() {
	bad := func(name, rules, comment string, edit func(s *shot)) {
		w.code(name, v.HolderSignature, "VER-25, PRES-03, "+rules, comment, edit)
	}
	sig := func(f func([]byte) []byte) func(s *shot) { return func(s *shot) { s.shown.signature = f } }
	bad("holder_signature_bit", "COSE-18", "One bit of r of the presentation's signature.", sig(func(b []byte) []byte { return flipBit(b, 5) }))
	bad("holder_signature_s_bit", "COSE-18", "One bit of s of the presentation's signature.", sig(func(b []byte) []byte { return flipBit(b, 60) }))
	bad("holder_signature_zero", "COSE-24", "r = s = 0 on the presentation.", sig(func(b []byte) []byte { return make([]byte, 64) }))
	bad("holder_signature_r_zero", "COSE-24", "r = 0 on the presentation.", sig(func(b []byte) []byte { clear(b[:32]); return b }))
	bad("holder_signature_s_zero", "COSE-24", "s = 0 on the presentation.", sig(func(b []byte) []byte { clear(b[32:]); return b }))
	bad("holder_signature_swapped_halves", "COSE-24", "s before r, both low.", func(s *shot) {
		// r of a low value is needed, or the twin rule speaks first.
		s.shown.signature = func(b []byte) []byte {
			out := append(bytes.Clone(b[32:]), b[:32]...)
			return cose.NormalizeS(out)
		}
	})
	bad("holder_signature_other_key", "KEY-02", "Signed by a key of nobody.", func(s *shot) { s.shown.signer = w.thief })
	bad("holder_of_other_person", "KEY-02", "Signed by another official's phone.", func(s *shot) { s.shown.signer = w.other })
	bad("holder_signed_by_issuer", "KEY-02", "Signed with the issuer's own key.", func(s *shot) { s.shown.signer = w.keys.main })
	bad("holder_token_signature_twice", "PRES-03", "The issuer's signature in the place of the holder's.", func(s *shot) {
		token := w.newShot().buildToken()
		s.shown.signature = func([]byte) []byte { return token[len(token)-64:] }
	})
	w.code("holder_cnf_swapped", v.IssuerSignature, "VER-25, CRED-05", "cnf replaced by the attacker's key after signing; the attacker signs the presentation.", func(s *shot) {
		mine, theirs := s.key.encode(), compressed(w.thief.Public()).encode()
		s.kcwt = func(t []byte) []byte { return replaceOnce(t, mine, theirs) }
		s.shown.signer = w.thief
	})
	w.code("holder_cnf_y_flipped", v.IssuerSignature, "VER-25, CRED-05, CRED-15", "The sign bit of y flipped after signing: the point on the other side.", func(s *shot) {
		flipped := raw{0xf5}
		if s.key.get(-3)[0] == 0xf5 {
			flipped = raw{0xf4}
		}
		mine := s.key.encode()
		other := compressed(w.holder.Public())
		other.set(-3, flipped)
		s.kcwt = func(t []byte) []byte { return replaceOnce(t, mine, other.encode()) }
	})
	bad("holder_cnf_y_other_side", "CRED-15", "The issuer signed the point on the other side: nobody has its key.", func(s *shot) {
		if s.key.get(-3)[0] == 0xf5 {
			s.key.set(-3, raw{0xf4})
		} else {
			s.key.set(-3, raw{0xf5})
		}
	})
	bad("holder_iat_changed", "PRES-03", "iat of the code 30 s later, after signing.", func(s *shot) {
		s.bytes = func(b []byte) []byte { return replaceOnce(b, item(shown.Unix()), item(shown.Unix()+30)) }
	})
	bad("holder_cnonce_changed", "PRES-03", "Another beacon, after signing.", func(s *shot) {
		s.bytes = func(b []byte) []byte { return replaceOnce(b, w.beacon(0), w.beacon(-1)) }
	})
	bad("holder_aud_changed", "PRES-03", "aud changed, after signing, from a verifier to anyone.", func(s *shot) {
		s.shown.payload.set(3, "170")
		s.bytes = func(b []byte) []byte {
			return replaceOnce(b, append(item(3), item("170")...), append(item(3), item("any")...))
		}
	})
	bad("holder_token_swapped", "PRES-02, PRES-03", "Another person's token inside, after signing.", func(s *shot) {
		other := w.newShot()
		other.keyOf(w.other)
		other.status(0, indexValid+2)
		mine := w.newShot().buildToken()
		s.bytes = func(b []byte) []byte { return swapToken(b, mine, other.buildToken()) }
	})
	bad("holder_face_swapped", "PRES-02", "The same person's other face inside, after signing.", func(s *shot) {
		other := w.newShot()
		other.full()
		mine := w.newShot().buildToken()
		s.bytes = func(b []byte) []byte { return swapToken(b, mine, other.buildToken()) }
	})
	bad("holder_signature_of_other_code", "PRES-03", "The signature of the holder's code of 30 s before.", func(s *shot) {
		other := w.newShot()
		other.aged(60)
		earlier := other.build()
		s.shown.signature = func([]byte) []byte { return earlier[len(earlier)-64:] }
	})
	bad("holder_payload_as_text", "COSE-18", "The Sig_structure of the holder had the context Signature, that of COSE_Sign (RFC 9052, Section 4.4).", func(s *shot) {
		s.shown.signature = func([]byte) []byte {
			m := s.shown
			head := m.head
			tbs := cose.AppendText(cose.AppendArray(nil, 4), "Signature")
			tbs = cose.AppendBytes(cose.AppendBytes(cose.AppendBytes(tbs, head.encode()), nil), m.payload.encode())
			return cose.NormalizeS(must(w.holder.Sign(tbs)))
		}
	})
	bad("holder_external_aad", "COSE-18", "The holder signed with an external_aad that is not empty.", func(s *shot) {
		token := s.buildToken()
		head := s.shown.head
		head.set(13, raw(token))
		payload := s.shown.payload
		s.shown.signature = func([]byte) []byte {
			tbs := cose.AppendText(cose.AppendArray(nil, 4), "Signature1")
			tbs = cose.AppendBytes(cose.AppendBytes(cose.AppendBytes(tbs, head.encode()), []byte("aad")), payload.encode())
			return cose.NormalizeS(must(w.holder.Sign(tbs)))
		}
	})
	bad("holder_alg_ed25519", "COSE-22", "alg -19 on the presentation of a P-256 key.", func(s *shot) { s.shown.head.set(1, -19) })
}

// swapToken exchanges the token in the protected header and mends the lengths around it.
func swapToken(presentation, old, with []byte) []byte {
	r := cose.NewReader(presentation[2:])
	head := must(r.ReadBytes())
	rest := presentation[2+r.Offset():]
	return append(cose.AppendBytes([]byte{0xd2, 0x84}, replaceOnce(head, old, with)), rest...)
}

func (w *world) challenges() {
	answer := func(name string, code v.Code, rules, comment, state string, edit func(s *shot)) {
		w.code(name, code, rules, comment, func(s *shot) {
			s.answers(state)
			if edit != nil {
				edit(s)
			}
		})
	}
	answer("challenge_ok", v.OK, "VER-30, PRES-11", "Nothing is wrong: the answer to an open challenge of this device.", "open", nil)
	answer("challenge_phone_clock_wrong", v.OK, "VER-30", "Nothing is wrong: the phone's clock is two hours behind, which an answer does not need.", "open", func(s *shot) { s.aged(7200) })
	answer("challenge_phone_clock_ahead", v.OK, "VER-30", "Nothing is wrong: the phone's clock is a day ahead.", "open", func(s *shot) { s.aged(-86400) })
	answer("challenge_other_verifier", v.AudienceOther, "VER-27", "aud of another device.", "open", func(s *shot) { s.shown.payload.set(3, "4711") })
	answer("challenge_not_enrolled", v.AudienceOther, "VER-27", "An answer read by a device without a number.", "open", func(s *shot) { s.ID, s.Class = 0, "" })
	answer("challenge_aud_word", v.Malformed, "PRES-06", "aud is the word all.", "open", func(s *shot) { s.shown.payload.set(3, "all") })
	answer("challenge_aud_zero", v.Malformed, "PRES-06", "aud 0: numbers begin at 1.", "open", func(s *shot) { s.shown.payload.set(3, "0") })
	answer("challenge_aud_leading_zero", v.Malformed, "PRES-06", "aud with a leading zero.", "open", func(s *shot) { s.shown.payload.set(3, "01") })
	answer("challenge_aud_2_64", v.Malformed, "PRES-06", "aud of 2^64, beyond 64 bits.", "open", func(s *shot) { s.shown.payload.set(3, "18446744073709551616") })
	answer("challenge_nonce_unknown", v.NonceUnknown, "VER-28", "A nonce that this device never made.", "", nil)
	answer("challenge_nonce_absent", v.Malformed, "VER-28, PRES-11", "An answer without a nonce.", "open", func(s *shot) { s.shown.payload.del(39) })
	answer("challenge_nonce_8_bytes", v.Malformed, "VER-28, PRES-11", "A beacon in the place of the nonce.", "open", func(s *shot) { s.shown.payload.set(39, w.beacon(0)) })
	answer("challenge_nonce_15_bytes", v.Malformed, "VER-28, PRES-11", "A nonce of 15 bytes.", "open", func(s *shot) { s.shown.payload.set(39, nonce[:15]) })
	answer("challenge_nonce_17_bytes", v.Malformed, "VER-28, PRES-11", "A nonce of 17 bytes.", "open", func(s *shot) { s.shown.payload.set(39, append(bytes.Clone(nonce), 0)) })
	answer("challenge_nonce_expired", v.NonceExpired, "VER-29, PRES-23", "The challenge's 60 s are over.", "expired", nil)
	answer("challenge_nonce_used", v.NonceUsed, "VER-29, PRES-23", "Another code has answered the challenge.", "used", nil)
	answer("challenge_revoked", v.Revoked, "VER-36", "The answer of a revoked holder.", "open", func(s *shot) { s.status(0, indexRevoked) })
	answer("challenge_signature_bit", v.HolderSignature, "VER-25", "One bit of the answer's signature.", "open", func(s *shot) {
		s.shown.signature = func(b []byte) []byte { return flipBit(b, 8) }
	})
	answer("challenge_expired_bundle", v.BundleExpired, "VER-11", "An open challenge does not help an expired bundle.", "open", func(s *shot) { s.seenAt(base.Add(8 * day)) })
}

func (w *world) beacons() {
	with := func(name string, code v.Code, rules, comment string, k int) {
		w.code(name, code, "VER-31, PRES-18, "+rules, comment, func(s *shot) { s.shown.payload.set(39, w.beacon(k)) })
	}
	w.code("beacon_newest", v.OK, "VER-31, PRES-18", "Nothing is wrong: the newest beacon in a code of the full face.", func(s *shot) {
		s.full()
		s.person.del(-2)
	})
	with("beacon_previous", v.OK, "VER-32", "Nothing is wrong: the beacon of the day before.", -1)
	with("beacon_next", v.OK, "VER-31", "Nothing is wrong: one beacon newer than the bundle's.", 1)
	with("beacon_30_ahead", v.OK, "VER-31", "Nothing is wrong: 30 beacons newer, the last that a device walks.", 30)
	with("beacon_31_ahead", v.BeaconUnknown, "VER-31", "31 beacons newer.", 31)
	with("beacon_first", v.LevelTooLow, "VER-32", "The first beacon ever, nine days old.", -9)
	with("beacon_zero", v.LevelTooLow, "VER-32", "b(0), which no bundle published: of the chain, but of no time that is known.", -beaconBase)
	beacon := func(name string, code v.Code, rules, comment string, b []byte, edit func(s *shot)) {
		w.code(name, code, rules, comment, func(s *shot) {
			if b == nil {
				s.shown.payload.del(39)
			} else {
				s.shown.payload.set(39, b)
			}
			if edit != nil {
				edit(s)
			}
		})
	}
	random := []byte{0xde, 0xad, 0xbe, 0xef, 1, 2, 3, 4}
	beacon("beacon_random", v.BeaconUnknown, "VER-31, PRES-18", "Eight bytes that are not of the chain.", random, nil)
	beacon("beacon_all_zero", v.BeaconUnknown, "VER-31", "Eight zero bytes.", make([]byte, 8), nil)
	beacon("beacon_bit", v.BeaconUnknown, "VER-31", "The newest beacon with one bit changed.", flipBit(w.beacon(0), 7), nil)
	beacon("beacon_7_bytes", v.Malformed, "VER-31, PRES-10", "A beacon of 7 bytes.", w.beacon(0)[:7], nil)
	beacon("beacon_9_bytes", v.Malformed, "VER-31, PRES-10", "A beacon of 9 bytes.", append(w.beacon(0), 0), nil)
	beacon("beacon_16_bytes", v.Malformed, "VER-31, PRES-10", "16 bytes in a broadcast code.", nonce, nil)
	beacon("beacon_absent", v.LevelTooLow, "VER-32", "No beacon: level 1 where 2 is asked for.", nil, nil)
	level1 := func(s *shot) { s.Trust = "policy_level_1.sidb" }
	beacon("beacon_absent_level_1", v.OK, "VER-32", "No beacon, and the policy asks for level 1.", nil, level1)
	old := func(name string, code v.Code, rules, comment string, k int, at time.Time, edit func(s *shot)) {
		beacon(name, code, rules, comment, w.beacon(k), func(s *shot) {
			s.seenAt(at)
			if edit != nil {
				edit(s)
			}
		})
	}
	old("beacon_7_days", v.OK, "VER-32", "A beacon published exactly 7 days ago.", -7, base, nil)
	old("beacon_older_than_policy", v.LevelTooLow, "VER-32", "A beacon published 7 days and a second ago.", -7, base.Add(time.Second), nil)
	oneDay := func(s *shot) { s.Trust, s.Class = "policy_level_1.sidb", "council" }
	old("beacon_policy_1_day", v.OK, "VER-32", "The policy allows a beacon of one day, and it is exactly that.", -1, base, oneDay)
	old("beacon_policy_1_day_plus_1", v.LevelTooLow, "VER-32", "The policy allows a beacon of one day, and it is a second older.", -1, base.Add(time.Second), oneDay)
	beacon("beacon_random_expired_bundle", v.BundleExpired, "VER-33", "Eight bytes of nobody: an expired bundle cannot judge a beacon.", random, func(s *shot) { s.seenAt(base.Add(8 * day)) })
	beacon("beacon_bundle_without", v.LevelTooLow, "VER-33", "The bundle publishes no beacon, so none can be judged.", w.beacon(0), func(s *shot) { s.Trust = "no_beacon.sidb" })
	beacon("beacon_random_revoked", v.BeaconUnknown, "VER-02", "A random beacon of a revoked holder: both refuse, and the code that stands first decides.", random, func(s *shot) { s.status(0, indexRevoked) })
}

func (w *world) windows() {
	aged := func(name string, code v.Code, rules, comment string, age int) {
		w.code(name, code, "VER-34, "+rules, comment, func(s *shot) { s.aged(age) })
	}
	aged("window_minus_601", v.ClockAhead, "PRES-07", "The code is dated 601 s ahead.", -601)
	aged("window_minus_600", v.ClockDiffers, "VER-35", "The code is dated 600 s ahead.", -600)
	aged("window_minus_61", v.ClockDiffers, "VER-35", "The code is dated 61 s ahead.", -61)
	aged("window_minus_60", v.OK, "PRES-07", "Nothing is wrong: the code is dated 60 s ahead.", -60)
	aged("window_0", v.OK, "PRES-07", "Nothing is wrong: the code is made this second.", 0)
	aged("window_90", v.OK, "PRES-07", "Nothing is wrong: the code is 90 s old.", 90)
	aged("window_91", v.ClockDiffers, "VER-35, PRES-12", "The code is 91 s old.", 91)
	aged("window_600", v.ClockDiffers, "VER-35", "The code is 600 s old.", 600)
	aged("window_601", v.PresentationStale, "PRES-12", "The code is 601 s old.", 601)
	w.code("window_91_phone_suspected", v.ClockDiffers, "VER-35", "91 s old by this clock, and dated before its own beacon was published: the phone's clock is suspected.", func(s *shot) {
		s.At = base.Add(60 * time.Second)
		s.aged(91)
	})
	w.code("window_91_device_suspected", v.ClockDiffers, "VER-35", "91 s ahead by this clock, which is also behind the bundle: the device's clock is suspected.", func(s *shot) {
		s.At = base.Add(-100 * time.Second)
		s.aged(-91)
	})
	aged("window_day_old", v.PresentationStale, "PRES-12", "A screenshot of yesterday.", 86400)
	aged("window_day_ahead", v.ClockAhead, "PRES-07", "The code is dated a day ahead.", -86400)
	aged("window_1970", v.PresentationStale, "PRES-07", "The phone's clock stands at 1970.", int(now.Unix()-1))
	aged("window_9999", v.ClockAhead, "PRES-07", "The code is dated in the last second of the year 9999.", int(now.Unix()-253402300799))
}

func (w *world) statuses() {
	st := func(name string, code v.Code, rules, comment string, edit func(s *shot)) {
		w.code(name, code, rules, comment, edit)
	}
	at := func(list, index int) func(s *shot) { return func(s *shot) { s.status(list, index) } }
	st("status_revoked", v.Revoked, "VER-36", "Status 1: revoked.", at(0, indexRevoked))
	st("status_suspended", v.Suspended, "VER-36", "Status 2: suspended.", at(0, indexSuspended))
	st("status_value_3", v.StatusImpossible, "VER-36, LIST-09", "Status 3 has no meaning.", at(0, indexReserved))
	st("status_index_range", v.StatusImpossible, "VER-36, LIST-07", "The index is the length of the list.", at(0, listLength))
	st("status_index_last", v.OK, "VER-36, LIST-07", "Nothing is wrong: the last index of a short list.", at(0, listLength-1))
	st("status_index_far", v.StatusImpossible, "VER-36, LIST-07", "The largest index there is, in a list of 8.", at(4095, 1<<20-1))
	st("status_neighbour_before", v.OK, "VER-36", "Nothing is wrong: the entry before a revoked one, in the same byte.", at(0, indexRevoked-1))
	st("status_list_unknown", v.StatusUnknown, "VER-37, LIST-08", "List 7 of a body that has none of that number.", at(7, indexValid))
	in := func(file string, edit func(s *shot)) func(s *shot) {
		return func(s *shot) {
			s.Trust = file
			if edit != nil {
				edit(s)
			}
		}
	}
	st("status_list_other_body", v.StatusUnknown, "VER-37, LIST-05, LIST-06", "The list is signed by another body's key.", in("list_other_body.sidb", nil))
	st("status_list_damaged", v.StatusUnknown, "VER-37, LIST-06", "The signature of the list is damaged.", in("list_damaged.sidb", nil))
	st("status_list_hash", v.StatusUnknown, "VER-37, TRUST-09", "The list does not have the hash that the manifest pins.", in("list_hash.sidb", nil))
	st("status_list_other_name", v.StatusUnknown, "VER-37, LIST-05", "The bundle carries list 3 under the name of list 0.", in("list_other_name.sidb", nil))
	st("status_list_future", v.StatusUnknown, "VER-37, LIST-13", "The list is dated 121 s after its bundle.", in("list_future.sidb", nil))
	st("status_list_compromised_key", v.StatusUnknown, "VER-37, LIST-06, TRUST-11", "The list is signed by a key that ended as compromised.", in("list_compromised.sidb", nil))
	st("status_list_compromised_key_revoked", v.StatusUnknown, "VER-37, LIST-08", "A list of a compromised key says revoked: that is not known either.", in("list_compromised.sidb", at(0, indexRevoked)))
	st("status_list_retired_key", v.StatusUnknown, "VER-37, LIST-06", "The list is dated a second after its key was retired.", in("list_retired.sidb", nil))
	st("status_list_early_key", v.StatusUnknown, "VER-37, LIST-06", "The list is dated a second before its key was valid.", in("list_early.sidb", nil))
	st("status_list_damaged_other_list", v.OK, "TRUST-09", "Nothing is wrong: a damaged list of the body is not the token's.", in("list_damaged.sidb", at(31, 70000)))
	st("status_1_bit_valid", v.OK, "LIST-01", "Nothing is wrong: a list of 1 bit an entry.", in("list_bits.sidb", at(1, indexRevoked-1)))
	st("status_1_bit_revoked", v.Revoked, "LIST-01, VER-36", "Revoked in a list of 1 bit an entry.", in("list_bits.sidb", at(1, indexRevoked)))
	st("status_4_bits_suspended", v.Suspended, "LIST-01, VER-36", "Suspended in a list of 4 bits an entry.", in("list_bits.sidb", at(4, indexSuspended)))
	st("status_4_bits_15", v.StatusImpossible, "LIST-01, VER-36", "Status 15 in a list of 4 bits an entry.", in("list_bits.sidb", at(4, indexReserved)))
	st("status_8_bits_revoked", v.Revoked, "LIST-01, VER-36", "Revoked in a list of 8 bits an entry.", in("list_bits.sidb", at(8, indexRevoked)))
	st("status_8_bits_255", v.StatusImpossible, "LIST-01, VER-36", "Status 255 in a list of 8 bits an entry.", in("list_bits.sidb", at(8, indexReserved)))
	age := func(name string, code v.Code, comment string, d time.Duration, edit func(s *shot)) {
		w.code(name, code, "VER-38", comment, func(s *shot) {
			s.seenAt(base.Add(d))
			if edit != nil {
				edit(s)
			}
		})
	}
	class := func(c string) func(s *shot) { return func(s *shot) { s.Class = c } }
	age("status_age_24h", v.OK, "The list is exactly 24 h old.", day, nil)
	age("status_age_24h_plus_1", v.StatusStale, "The list is 24 h and a second old.", day+time.Second, nil)
	age("status_not_enrolled_24h", v.OK, "A device in no bundle: 24 h.", day, class(""))
	age("status_not_enrolled_24h_plus_1", v.StatusStale, "A device in no bundle: 24 h and a second.", day+time.Second, class(""))
	age("status_council_72h", v.OK, "Class council: 72 h.", 3*day, class("council"))
	age("status_council_72h_plus_1", v.StatusStale, "Class council: 72 h and a second.", 3*day+time.Second, class("council"))
	seven := func(s *shot) {
		s.Trust, s.Class, s.Level = "policy_level_1.sidb", "council", 0
		s.shown.payload.set(39, w.beacon(20))
	}
	age("status_policy_7_days", v.OK, "The policy gives councils 7 days.", 7*day, seven)
	age("status_policy_7_days_plus_1", v.StatusStale, "7 days and a second.", 7*day+time.Second, seven)
	hour := func(s *shot) {
		s.Trust, s.Level = "policy_level_3.sidb", 0
		s.answers("open")
		s.Photo = "plastic"
	}
	age("status_policy_1_hour", v.OK, "The policy gives checkpoints one hour.", time.Hour, hour)
	age("status_policy_1_hour_plus_1", v.StatusStale, "One hour and a second.", time.Hour+time.Second, hour)
	age("status_revoked_and_stale", v.Revoked, "A list of 4 days that says revoked.", 4*day, at(0, indexRevoked))
	age("status_suspended_and_stale", v.Suspended, "A list of 4 days that says suspended.", 4*day, at(0, indexSuspended))
	st("status_stale_in_fresh_bundle", v.StatusStale, "VER-38", "The bundle is an hour old, the list 24 h and a minute: the body published nothing newer.", func(s *shot) {
		s.status(4, indexValid)
		s.seenAt(base.Add(time.Hour))
	})
	st("status_two_lists_same_index", v.Revoked, "LIST-05", "The same index is valid in the body's list 31 and revoked in its list 0, which the token names.", func(s *shot) {
		s.full()
		s.status(0, indexRevoked)
	})
	st("status_other_body_same_list", v.OK, "LIST-05, CRED-18", "Nothing is wrong: the subordinate body's own list 0 is asked, not the ministry's.", func(s *shot) {
		s.full()
		s.person.set(-1, people[0].Position.UK)
		s.person.del(-2)
		s.token.payload.set(1, subordinate)
	})

	table := func(name string, code v.Code, rules, comment string, edit func(s *shot)) {
		w.code(name, code, rules, comment, func(s *shot) {
			s.full()
			edit(s)
		})
	}
	table("table_position_unknown", v.TableTooOld, "VER-39, CODE-07", "Position 3, which the body's table does not have.", func(s *shot) { s.person.set(-1, 3) })
	table("table_unit_unknown", v.TableTooOld, "VER-39, CODE-07", "Unit 3, which the body's table does not have.", func(s *shot) { s.person.set(-2, 3) })
	table("table_unit_last", v.OK, "VER-39", "Nothing is wrong: the last number of the table.", func(s *shot) { s.person.set(-2, 2) })
	table("table_position_2_32_minus_1", v.TableTooOld, "VER-39, CODE-07", "The largest number there is.", func(s *shot) { s.person.set(-1, int64(1)<<32-1) })
	table("table_absent", v.TableTooOld, "VER-39", "The bundle has no table of the body.", func(s *shot) { s.Trust = "codes_absent.sidb" })
	table("table_absent_texts", v.OK, "VER-39", "Nothing is wrong: no table, and the token carries texts.", func(s *shot) {
		s.Trust = "codes_absent.sidb"
		s.person.set(-1, people[0].Position.UK)
		s.person.set(-2, people[0].Unit.UK)
	})
	table("table_other_body", v.TableTooOld, "VER-39, LIST-10", "The table is signed by another body's key.", func(s *shot) { s.Trust = "codes_other_body.sidb" })
	table("table_unknown_revoked", v.Revoked, "VER-02, VER-39", "An unknown position of a revoked holder.", func(s *shot) {
		s.person.set(-1, 3)
		s.status(0, indexRevoked)
	})

	seen := func(name string, code v.Code, rules, comment string, ago time.Duration, edit func(s *shot)) {
		w.code(name, code, rules, comment, func(s *shot) {
			if edit != nil {
				edit(s)
			}
			s.Seen = s.At.Add(-ago).UTC().Format(time.RFC3339)
		})
	}
	seen("replay_0", v.OK, "VER-40", "The same second: one reading.", 0, nil)
	seen("replay_10", v.OK, "VER-40, PRES-13", "First read 10 s ago: the same reading.", 10*time.Second, nil)
	seen("replay_11", v.AlreadyShown, "VER-40, PRES-13", "First read 11 s ago: shown again.", 11*time.Second, nil)
	seen("replay_revoked", v.Revoked, "VER-02, VER-40", "Read before, and revoked.", 60*time.Second, func(s *shot) { s.status(0, indexRevoked) })
	seen("replay_window_of_first", v.OK, "VER-40", "90 s old when it was first read 10 s ago: judged by that reading.", 10*time.Second, func(s *shot) { s.aged(100) })
	seen("replay_window_of_first_91", v.ClockDiffers, "VER-40", "91 s old when it was first read 10 s ago.", 10*time.Second, func(s *shot) { s.aged(101) })
	seen("replay_future", v.AlreadyShown, "VER-40", "First read 11 s ahead: the clock went back.", -11*time.Second, nil)
	seen("replay_answer", v.AlreadyShown, "VER-40", "An answer that was read a minute ago.", time.Minute, func(s *shot) { s.answers("open") })
}

func (w *world) levels() {
	lv := func(name string, code v.Code, rules, comment string, edit func(s *shot)) {
		w.code(name, code, rules, comment, edit)
	}
	answer := func(level int, photo string, edit func(s *shot)) func(s *shot) {
		return func(s *shot) {
			s.answers("open")
			s.Level, s.Photo = level, photo
			if edit != nil {
				edit(s)
			}
		}
	}
	broadcast := func(level int, photo string) func(s *shot) {
		return func(s *shot) { s.Level, s.Photo = level, photo }
	}
	other := hex.EncodeToString(bytes.Repeat([]byte{0xaa}, 20))
	lv("photo_matched", v.OK, "VER-44, VER-41", "Nothing is wrong: level 3 is asked for, and the guard compared the picture that the token names.", answer(3, "matched", nil))
	lv("photo_plastic", v.OK, "VER-44", "Nothing is wrong: level 3 is asked for, and the guard compared the photo on the plastic.", answer(3, "plastic", nil))
	lv("photo_matched_broadcast", v.LevelTooLow, "VER-44", "Level 3 with a matched picture, but a broadcast code.", broadcast(3, "matched"))
	lv("photo_plastic_broadcast", v.LevelTooLow, "VER-44", "Level 3 with the plastic's photo, but a broadcast code.", broadcast(3, "plastic"))
	lv("photo_other", v.PhotoMismatch, "VER-41", "The guard compared another picture than the signed one.", broadcast(0, other))
	lv("photo_other_answer", v.PhotoMismatch, "VER-41", "Another picture, and an answer.", answer(3, other, nil))
	lv("photo_none_signed", v.PhotoMismatch, "VER-41, CRED-20", "A picture, but the token has no hash.", answer(0, other, func(s *shot) { s.person.del(-5) }))
	lv("photo_zero_hash_none_signed", v.PhotoMismatch, "VER-41", "A picture whose hash is zero, and a token without a hash.", answer(0, strings.Repeat("00", 20), func(s *shot) { s.person.del(-5) }))
	lv("photo_not_compared", v.LevelTooLow, "VER-44", "Level 3 is asked for, and nobody compared a picture.", answer(3, "", nil))
	lv("level_static_policy", v.OK, "VER-42", "The policy asks for level 1, and the beacon is too old.", func(s *shot) {
		s.Trust = "policy_level_1.sidb"
		s.shown.payload.set(39, w.beacon(-9))
	})
	lv("level_asked_2", v.OK, "VER-42", "Nothing is wrong: level 2 is asked for and reached.", broadcast(2, ""))
	lv("level_asked_3", v.LevelTooLow, "VER-42", "Level 3 is asked for, a broadcast code is shown.", broadcast(3, ""))
	lv("level_asked_1", v.LevelTooLow, "VER-42", "Level 1 is asked for, but the policy's 2 holds, and there is no beacon.", func(s *shot) {
		s.Level = 1
		s.shown.payload.del(39)
	})
	lv("level_asked_4", v.LevelTooLow, "VER-42", "Level 4 is asked for: answer and picture reach 3.", answer(4, "matched", nil))
	lv("level_policy_3", v.LevelTooLow, "VER-42", "The policy asks for level 3, a broadcast code is shown.", func(s *shot) {
		s.Trust = "policy_level_3.sidb"
		s.seenAt(base.Add(10 * time.Minute))
	})
	lv("level_policy_3_other_class", v.OK, "VER-42", "Nothing is wrong: the policy asks checkpoints for level 3, and this device is none.", func(s *shot) {
		s.Trust, s.Class = "policy_level_3.sidb", ""
		s.seenAt(base.Add(10 * time.Minute))
	})
	lv("level_raised_over_policy_1", v.LevelTooLow, "VER-42", "The policy asks for level 1, the caller for 2, and there is no beacon.", func(s *shot) {
		s.Trust, s.Level = "policy_level_1.sidb", 2
		s.shown.payload.del(39)
	})
}

func (w *world) several() {
	many := func(name string, code v.Code, comment string, edit func(s *shot)) {
		w.code(name, code, "VER-01, VER-02", comment, edit)
	}
	many("multi_revoked_and_stale", v.Revoked, "Revoked, and the code is an hour old.", func(s *shot) {
		s.status(0, indexRevoked)
		s.aged(3600)
	})
	many("multi_revoked_and_clock_differs", v.Revoked, "Revoked, and the code is 5 minutes old.", func(s *shot) {
		s.status(0, indexRevoked)
		s.aged(300)
	})
	many("multi_expired_and_suspended", v.Suspended, "Expired, and suspended.", func(s *shot) {
		s.status(0, indexSuspended)
		s.expires(now.Add(-day))
	})
	many("multi_expired_and_revoked", v.Revoked, "Expired, and revoked.", func(s *shot) {
		s.status(0, indexRevoked)
		s.expires(now.Add(-day))
	})
	many("multi_forged_and_old_bundle", v.IssuerSignature, "Forged, the bundle has expired, and the code is an hour old.", func(s *shot) {
		s.seenAt(base.Add(9 * day))
		s.aged(3600)
		s.token.signature = func(b []byte) []byte { return flipBit(b, 5) }
	})
	many("multi_foreign_body_and_revoked", v.IssuerBody, "A key without a right for the body, and revoked.", func(s *shot) {
		s.issuer(w.keys.council)
		s.status(0, indexRevoked)
	})
	many("multi_seen_and_clock_differs", v.AlreadyShown, "Read 60 s ago, and 100 s old by now.", func(s *shot) {
		s.aged(100)
		s.Seen = s.At.Add(-60 * time.Second).UTC().Format(time.RFC3339)
	})
	many("multi_stale_status_and_clock_differs", v.StatusStale, "The list is two days old, and the code 5 minutes.", func(s *shot) {
		s.seenAt(base.Add(2 * day))
		s.aged(300)
	})
	many("multi_holder_signature_and_revoked", v.HolderSignature, "Another holder's signature, and the token is revoked.", func(s *shot) {
		s.status(0, indexRevoked)
		s.shown.signer = w.other
	})
	many("multi_compromised_and_expired", v.IssuerKeyCompromised, "A compromised key, and the token has expired.", func(s *shot) {
		s.issuer(w.keys.compromised)
		s.expires(now.Add(-day))
	})
	many("multi_stale_code_and_expired_bundle", v.PresentationStale, "The bundle has expired, and the code is an hour old: that refuses.", func(s *shot) {
		s.seenAt(base.Add(8 * day))
		s.aged(3600)
	})
	many("multi_audience_and_revoked", v.Revoked, "An answer to somebody else, of a revoked holder.", func(s *shot) {
		s.answers("open")
		s.shown.payload.set(3, "4711")
		s.status(0, indexRevoked)
	})
	many("multi_clock_behind_and_expired", v.Expired, "The clock is behind the floor, and the token has expired even so.", func(s *shot) {
		s.Floor = now.Add(day).UTC().Format(time.RFC3339)
		s.expires(now.Add(-day))
	})
	many("multi_clock_behind_and_clock_ahead", v.ClockBehind, "The device's clock is an hour behind, so every code seems to be from the future.", func(s *shot) {
		s.Floor = now.Add(time.Hour).UTC().Format(time.RFC3339)
		s.aged(-3600)
	})
	many("multi_level_and_already_shown", v.AlreadyShown, "No beacon, and shown before.", func(s *shot) {
		s.shown.payload.del(39)
		s.Seen = s.At.Add(-60 * time.Second).UTC().Format(time.RFC3339)
	})
	many("multi_no_data_of_a_forged_name", v.IssuerSignature, "A forged token with a position nobody has: nothing of it is looked up.", func(s *shot) {
		s.full()
		s.person.set(-1, 999)
		s.token.signature = func(b []byte) []byte { return flipBit(b, 5) }
	})
}

// devices are faults of what a device remembers or reads, beside any code.
func (w *world) devices() {
	put := func(name string, code v.Code, rules, comment string, edit func(s *shot)) {
		w.code(name, code, rules, comment, func(s *shot) {
			s.Kind = "device"
			edit(s)
		})
	}
	older := func(s *shot) { s.Trust, s.Held = "older.sidb", "bundle.sidb" }
	put("device_rollback", v.BundleRollback, "VER-10, CHK-10, TRUST-20", "A bundle for one run that is older than the installed one.", older)
	put("device_rollback_damaged_code", v.Malformed, "VER-02, CHK-10", "An older bundle, and the code is damaged.", func(s *shot) {
		older(s)
		s.bytes = func(b []byte) []byte { return b[:len(b)-1] }
	})
	put("device_fork", v.BundleRollback, "CHK-10, TRUST-20", "A bundle for one run with the installed one's number and another content.", func(s *shot) {
		s.Trust, s.Held = "fork.sidb", "bundle.sidb"
	})
	put("device_root_back", v.BundleRollback, "CHK-10, TRUST-21", "A bundle for one run under an older root than the installed one's.", func(s *shot) {
		s.Trust, s.Held = "bundle.sidb", "root_2.sidb"
	})
	put("device_newer_for_one_run", v.OK, "CHK-10", "Nothing is wrong: a bundle for one run that is newer than the installed one.", func(s *shot) {
		s.Trust, s.Held = "bundle.sidb", "older.sidb"
	})
	put("device_state_damaged", v.StateDamaged, "CHK-08", "The device's memory is damaged.", func(s *shot) { s.State = "damaged" })
	put("device_state_damaged_foreign", v.NotAServiceID, "VER-02, CHK-08", "The device's memory is damaged, and the text is a link.", func(s *shot) {
		s.State = "damaged"
		s.Data, s.text = []byte{}, func(string) string { return "https://example.org/" }
	})
	put("device_fault", v.Internal, "VER-04", "The memory of challenges fails while the answer is judged.", func(s *shot) {
		s.answers("open")
		s.Nonce, s.State = "", "fault"
	})
	put("device_unread", v.NoCode, "VER-46", "A picture in which no code can be read.", func(s *shot) {
		s.State = "unread"
		s.Data, s.text = []byte{}, func(string) string { return "" }
	})
}
