package main

import (
	"strings"
	"time"

	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/testvectors"
	"github.com/posvid/posvid/verifier"
)

// shot is one presentation in pieces, good until a scenario changes something.
type shot struct {
	testvectors.Scenario
	w     *world
	token sign1 // the issuer's
	shown sign1 // the holder's

	person, cnf, key                   cmap // claim 169, claim 8 and the COSE_Key in it; nil = the claim is left out
	encodePerson, encodeCnf, encodeKey func(cmap) []byte

	kcwt  func(token []byte) []byte // what stands in label 13
	bytes func([]byte) []byte       // changes the presentation
	text  func(string) string       // changes the text
}

// iat, exp and at as they stand in a good presentation.
var (
	issuedAt  = people[0].IssuedAt
	expiresAt = people[0].ExpiresAt
)

// newShot is the short face of the ordinary person, shown 30 s ago to a checkpoint.
func (w *world) newShot() *shot {
	s := &shot{w: w}
	s.Kind, s.At, s.Trust, s.Class, s.ID = "presentation", now, "bundle.sidb", "checkpoint", 0
	s.issuer(w.keys.main)
	s.token.head.set(16, 293)
	s.token.payload = mapOf(1, ministry, 2, people[0].Number, 4, expiresAt.Unix(), 6, issuedAt.Unix())
	hash := people[0].Photo()
	s.person = mapOf(4, credential.ShortName(people[0].Surname, people[0].GivenName, people[0].Patronymic), -5, hash[:])
	s.status(0, indexValid)
	s.cnf = cmap{}
	s.keyOf(w.holder)
	s.shown.head = mapOf(1, -9, 16, 294)
	s.shown.signer = w.holder
	s.shown.payload = mapOf(3, credential.AudienceAny, 6, shown.Unix(), 39, w.beacon(0))
	return s
}

// issuer lets a key sign the token and names it in kid.
func (s *shot) issuer(k keys.IssuerSigner) {
	id := k.IssuerPublic().KeyID()
	s.token.head.set(1, int64(k.Algorithm()))
	s.token.head.set(4, id[:])
	s.token.signer = k
}

// keyOf puts a holder's key into cnf, compressed.
func (s *shot) keyOf(h keys.HolderPrivateKey) { s.key = compressed(h.Public()) }

// compressed is a COSE_Key of P-256 with y as its sign bit.
func compressed(k *cose.PublicKey) cmap {
	r := cose.NewReader(k.AppendCOSE(nil, true))
	var m cmap
	for range must(r.ReadMap()) {
		key := must(r.ReadInt())
		m.set(key, raw(must(r.Raw())))
	}
	return m
}

// full gives the token the other face.
func (s *shot) full() {
	s.person.set(4, people[0].FullName())
	s.person.set(-1, 1)
	s.person.set(-2, 1)
	s.person.set(-3, int(people[0].Rank))
	s.status(0, indexValid+1)
}

func (s *shot) status(list, index int) { s.person.set(-6, list<<20|index) }

// made dates the token.
func (s *shot) made(iat, exp time.Time) {
	s.token.payload.set(6, iat.Unix())
	s.token.payload.set(4, exp.Unix())
}

// issued dates the token's beginning.
func (s *shot) issued(iat time.Time) { s.token.payload.set(6, iat.Unix()) }

// expires dates the token's end.
func (s *shot) expires(exp time.Time) { s.token.payload.set(4, exp.Unix()) }

// seenAt moves the time of reading; the code is made 30 s before.
func (s *shot) seenAt(at time.Time) {
	s.At = at
	s.shown.payload.set(6, at.Add(-30*time.Second).Unix())
}

// aged dates the code so that it is read n seconds old.
func (s *shot) aged(n int) { s.shown.payload.set(6, s.At.Unix()-int64(n)) }

// answers turns the code into an answer to a challenge of this verifier, in a state.
func (s *shot) answers(state string) {
	s.ID, s.Nonce = s.w.gateID, state
	s.shown.payload.set(3, credential.VerifierAudience(s.w.gateID))
	s.shown.payload.set(39, nonce)
}

var nonce = []byte("sixteen bytes..!")

func (s *shot) buildToken() []byte {
	t := s.token
	if s.cnf != nil && t.payload.get(8) == nil {
		cnf := s.cnf
		if s.key != nil {
			key := s.key.encode()
			if s.encodeKey != nil {
				key = s.encodeKey(s.key)
			}
			cnf.set(1, raw(key))
		}
		encoded := cnf.encode()
		if s.encodeCnf != nil {
			encoded = s.encodeCnf(cnf)
		}
		t.payload.set(8, raw(encoded))
	}
	if s.person != nil && t.payload.get(169) == nil {
		encoded := s.person.encode()
		if s.encodePerson != nil {
			encoded = s.encodePerson(s.person)
		}
		t.payload.set(169, raw(encoded))
	}
	return t.build()
}

// build makes the presentation.
func (s *shot) build() []byte {
	token := s.buildToken()
	if s.kcwt != nil {
		token = s.kcwt(token)
	}
	p := s.shown
	if token != nil {
		p.head.set(13, raw(token))
	}
	out := p.build()
	if s.bytes != nil {
		out = s.bytes(out)
	}
	return out
}

// code writes a scenario of a presentation: its expected code, what is wrong in words, and how it is made.
func (w *world) code(name string, code verifier.Code, rules, comment string, edit func(s *shot)) {
	s := w.newShot()
	edit(s)
	text := ""
	if s.Data == nil {
		text = credential.EncodeText(credential.Prefix, s.build())
	}
	if s.text != nil {
		text = s.text(text)
	}
	s.Name, s.Comment, s.Expect, s.Code, s.Data = name, comment, code.Outcome().String(), string(code), []byte(text)
	s.Rules = strings.Split(rules, ", ")
	w.add(s.Scenario)
}
