package card_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"math/big"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/crypto/keys/authority"
	"github.com/posvid/posvid/nfc"
	"github.com/posvid/posvid/nfc/emulate"
	"github.com/posvid/posvid/trust"
	"github.com/posvid/posvid/verifier"
	"github.com/posvid/posvid/verifier/card"
)

// base is when the bundle and the status list of the test world were signed; cards are read an hour later.
var (
	base = time.Date(2026, 11, 22, 6, 0, 0, 0, time.UTC)
	now  = base.Add(time.Hour)
)

const (
	day      = 24 * time.Hour
	ministry = "10000001"
	council  = "10000002"

	indexValid     = 100
	indexRevoked   = 5
	indexSuspended = 6
	listLength     = 4096
)

func must[T any](v T, err error) func(testing.TB) T {
	return func(tb testing.TB) T {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
		return v
	}
}

// guid is the GUID of a test card by a number.
func guid(n byte) (g [16]byte) {
	sum := sha256.Sum256([]byte{n})
	copy(g[:], sum[:])
	g[6], g[8] = g[6]&0x0F|0x40, g[8]&0x3F|0x80
	return g
}

// GUIDs with a meaning in every world; the others are in no carrier table.
var (
	guidValid     = guid(1)
	guidRevoked   = guid(2)
	guidSuspended = guid(3)
	guidUnlisted  = guid(5) // its status list is not in the bundle
	guidRange     = guid(6) // its index lies outside the list
	guidStranger  = guid(9) // in no table
)

var (
	uidValid   = []byte{0x04, 0xA1, 0xB2, 0xC3, 0xD4, 0xE5, 0xF6}
	uidRevoked = []byte{0x04, 0xA1, 0xB2, 0xC3, 0xD4, 0xE5, 0x00}
)

// pkis are made once: a ceremony costs keys. Every test reads them only.
var (
	pkiOnce     sync.Once
	pkiOurs     *emulate.PKI // in the bundle
	pkiForeign  *emulate.PKI // in no bundle
	pkiSameName *emulate.PKI // other keys under the names of ours
)

func pkis(tb testing.TB) {
	tb.Helper()
	pkiOnce.Do(func() {
		at := base.Add(-30 * day)
		pkiOurs = must(emulate.NewPKI(emulate.PKIConfig{At: at, Organisation: "Міністерство"}))(tb)
		pkiForeign = must(emulate.NewPKI(emulate.PKIConfig{At: at, Organisation: "Elsewhere"}))(tb)
		pkiSameName = must(emulate.NewPKI(emulate.PKIConfig{At: at, Organisation: "Міністерство"}))(tb)
	})
}

// world is a trust operator with two bodies; the ministry has cards.
type world struct {
	tb     testing.TB
	at     time.Time
	reg    *trust.Register
	signer authority.BundlePrivateKey
	pin    trust.Fingerprint
	iss    map[string]authority.IssuerPrivateKey
	bundle *trust.Bundle
}

// setup says how a world differs from the plain one.
type setup struct {
	at       time.Time // of bundle and list; zero = base
	roots    [][]byte  // nil = the root and the card CA of pkiOurs
	crls     [][]byte
	carriers []trust.Carrier // beside the plain ones
	policy   trust.Policy
}

func plainRoots() [][]byte {
	return [][]byte{pkiOurs.Root.Certificate.Raw, pkiOurs.CardCA.Certificate.Raw}
}

func newWorld(tb testing.TB, s setup) *world {
	tb.Helper()
	pkis(tb)
	if s.at.IsZero() {
		s.at = base
	}
	if s.roots == nil {
		s.roots = plainRoots()
	}
	w := &world{tb: tb, at: s.at, iss: map[string]authority.IssuerPrivateKey{}}
	member := must(authority.RootKeyForVectors("card member"))(tb)
	w.signer = must(authority.BundleKeyForVectors("card signer"))(tb)
	root := trust.Root{Number: 1, Threshold: 1, IssuedAt: s.at.Add(-60 * day)}
	root.Members = append(root.Members, member.RootPublic())
	root.BundleSigners = append(root.BundleSigners, w.signer.BundlePublic())
	payload := must(root.Encode())(tb)
	w.reg = must(trust.NewRegister(must(trust.SignRoot(payload, []keys.RootSigner{member}))(tb)))(tb)
	w.pin = trust.RootFingerprint(payload)
	for _, body := range []string{ministry, council} {
		k := must(authority.IssuerKeyForVectors(cose.ESP256, "card issuer "+body))(tb)
		w.iss[body] = k
		request := must(trust.EncodeKeyRequest(trust.KeyRequest{Kinds: []uint8{0, 1, 2}, MaxLife: 400 * day, IssuedAt: s.at.Add(-20 * day),
			Bodies: []trust.BodyEntry{{EDRPOU: body, Name: "Орган " + body, NameEN: "Body " + body, DutyPhone: "+380440000000"}}}, k))(tb)
		must(w.reg.AdmitKey(request, trust.Grant{ValidFrom: s.at.Add(-20 * day)}, s.at.Add(-20*day)))(tb)
	}
	carriers := []trust.Carrier{
		{Kind: trust.CarrierGUID, Number: guidValid[:], Status: indexValid},
		{Kind: trust.CarrierGUID, Number: guidRevoked[:], Status: indexRevoked},
		{Kind: trust.CarrierGUID, Number: guidSuspended[:], Status: indexSuspended},
		{Kind: trust.CarrierGUID, Number: guidUnlisted[:], Status: 7<<20 | 1},
		{Kind: trust.CarrierGUID, Number: guidRange[:], Status: listLength},
		{Kind: trust.CarrierNumber, Number: uidValid, Status: indexValid},
		{Kind: trust.CarrierNumber, Number: uidRevoked, Status: indexRevoked},
		{Kind: trust.CarrierNumber, Number: []byte{0x08, 1, 2, 3}, Status: indexValid},
	}
	carriers = append(carriers, s.carriers...)
	for i := range carriers {
		carriers[i].Body = ministry
	}
	w.publish(s.at, ministry, carriers)
	w.publish(s.at, council, nil)
	if err := w.reg.SetCards(trust.Cards{Roots: s.roots, CRLs: s.crls}); err != nil {
		tb.Fatal(err)
	}
	if err := w.reg.SetPolicy(s.policy); err != nil {
		tb.Fatal(err)
	}
	data := must(w.reg.BuildBundle(s.at, w.signer, nil))(tb)
	w.bundle = must(trust.Open(data, w.pin))(tb)
	return w
}

func (w *world) publish(at time.Time, body string, carriers []trust.Carrier) {
	w.tb.Helper()
	b := must(trust.NewStatusListBuilder(listLength))(w.tb)
	for i, v := range map[uint32]trust.StatusValue{indexRevoked: trust.StatusInvalid, indexSuspended: trust.StatusSuspended} {
		if err := b.Set(i, v); err != nil {
			w.tb.Fatal(err)
		}
	}
	p := trust.Publication{EDRPOU: body, StatusLists: [][]byte{must(trust.SignStatusList(body, 0, at, b, w.iss[body]))(w.tb)}}
	if carriers != nil {
		p.Carriers = must(trust.SignCarriers(body, at, carriers, w.iss[body]))(w.tb)
	}
	if err := w.reg.Carry(must(p.Encode())(w.tb), at); err != nil {
		w.tb.Fatal(err)
	}
}

// spec is the plain card of the ministry.
func spec() emulate.CardSpec {
	return emulate.CardSpec{GUID: guidValid, Issued: base.Add(-10 * day), Expires: base.Add(300 * day)}
}

// personalise makes a card of one PKI; edit spoils the plain one.
func personalise(tb testing.TB, pki *emulate.PKI, edit func(*emulate.CardSpec)) *emulate.IssuedCard {
	tb.Helper()
	s := spec()
	if edit != nil {
		edit(&s)
	}
	return must(pki.Personalise(s))(tb)
}

// read reads a card behind an antenna.
func read(apps ...emulate.Application) card.Reading {
	return card.Read(context.Background(), chip(apps...), card.Options{})
}

func chip(apps ...emulate.Application) *emulate.Chip {
	return emulate.NewChip(emulate.ChipConfig{Contactless: true, UID: uidValid}, apps...)
}

// input is the plain input of a checkpoint for what was read.
func (w *world) input(r card.Reading) card.Input {
	return card.Input{Input: verifier.Input{At: now, Bundle: w.bundle, Class: trust.ClassCheckpoint}, Reading: r}
}

// expect verifies and compares outcome and code.
func expect(t *testing.T, in card.Input, want verifier.Code) verifier.Verdict {
	t.Helper()
	v := card.Verify(in)
	if v.Code != want || v.Outcome != want.Outcome() {
		t.Errorf("%s %s (%v), want %s %s; %s%s", v.Outcome, v.Code, v.Err(), want.Outcome(), want, failures(v), v.InternalDetail())
	}
	if v.Outcome == verifier.Accept && v.Level < verifier.L1 {
		t.Errorf("accepted at level %d", v.Level)
	}
	return v
}

// failures lists the checks that failed.
func failures(v verifier.Verdict) (out string) {
	for _, c := range v.Card {
		if c.Result == verifier.Fail {
			out += c.Name + ":" + string(c.Code) + " "
		}
	}
	return out
}

// result is one check of a verdict by its name.
func result(t *testing.T, v verifier.Verdict, name string) verifier.Check {
	t.Helper()
	i := slices.IndexFunc(v.Card, func(c verifier.Check) bool { return c.Name == name })
	if i < 0 {
		t.Fatalf("no check %s in %v", name, v.Card)
	}
	return v.Card[i]
}

// token is a record: the face of the reference person under a kind and a key; edit spoils it.
func (w *world) token(kind credential.Kind, key crypto.PublicKey, edit func(*credential.Claims)) []byte {
	w.tb.Helper()
	ref := must(credential.NewStatusRef(0, indexValid))(w.tb)
	c := credential.Claims{
		Issuer: ministry, Number: "АА 004022", IssuedAt: w.at.Add(-10 * day), ExpiresAt: w.at.Add(20 * day), Kind: kind,
		Face: credential.FaceFull, Name: "Гончарук Тарас Григорович", Position: credential.CodedText{Text: "старший слідчий"},
		PhotoHash: photoHash, HasPhoto: true, Status: ref,
	}
	if key != nil {
		c.Holder = holder(w.tb, key)
	}
	if edit != nil {
		edit(&c)
	}
	return must(credential.SignToken(must(credential.EncodePayload(&c))(w.tb), w.iss[c.Issuer]))(w.tb)
}

var photoHash = [20]byte{0x8f, 0x14, 1, 2, 3}

func holder(tb testing.TB, key crypto.PublicKey) keys.HolderPublicKey {
	tb.Helper()
	return must(keys.NewHolderPublicKey(must(cose.NewPublicKey(key))(tb)))(tb)
}

// tag is a tag with one record of our type.
func tag(tb testing.TB, token []byte) *emulate.Tag {
	tb.Helper()
	message := must(nfc.BuildNDEF(nfc.NDEFRecord{Format: nfc.NDEFMedia, Type: nfc.MediaToken, Payload: token}))(tb)
	return must(emulate.NewTag(emulate.TagConfig{Message: message}))(tb)
}

// serial is the serial number of a card's certificate.
func serial(c *emulate.IssuedCard) *big.Int { return c.CardAuthentication.SerialNumber }

// key9E is the public key of a card.
func key9E(c *emulate.IssuedCard) *ecdsa.PublicKey {
	return c.CardAuthentication.PublicKey.(*ecdsa.PublicKey)
}
