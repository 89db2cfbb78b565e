package card_test

import (
	"context"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/nfc"
	"github.com/posvid/posvid/nfc/emulate"
	"github.com/posvid/posvid/trust"
	"github.com/posvid/posvid/verifier"
	"github.com/posvid/posvid/verifier/card"
)

// TestGoodCards: a genuine card of every key, certificate form and reader is accepted at level 2, and says whose it is.
func TestGoodCards(t *testing.T) {
	w := newWorld(t, setup{})
	for name, edit := range map[string]func(*emulate.CardSpec){
		"P-256":    nil,
		"P-384":    func(s *emulate.CardSpec) { s.CardAuthentication = emulate.P384 },
		"RSA-2048": func(s *emulate.CardSpec) { s.CardAuthentication = emulate.RSA2048 },
		"RSA-3072": func(s *emulate.CardSpec) { s.CardAuthentication = emulate.RSA3072 },
		"gzip":     func(s *emulate.CardSpec) { s.Gzip = true },
		"old tags": func(s *emulate.CardSpec) {
			s.EditCHUID = func(c *emulate.CHUID) { c.BufferLength, c.Organisational = true, []byte("1234") }
		},
		"no pivSigner-DN": func(s *emulate.CardSpec) {
			s.EditCHUID = func(c *emulate.CHUID) { c.Signature.NoSignerDN = true }
		},
		"UUID only": func(s *emulate.CardSpec) {
			s.EditCardAuthentication = func(p *emulate.CertificateProfile) { p.FASCN = nil }
		},
		"no subject": func(s *emulate.CardSpec) {
			s.FASCN = emulate.FASCN{Agency: 4700, System: 1, Credential: 1, Issue: 1, Category: 1, Organisation: 4700, Associate: 1}
			s.EditCardAuthentication = func(p *emulate.CertificateProfile) {
				other := emulate.TLV(0xA0, []byte{6, 8, 0x60, 0x86, 0x48, 1, 0x65, 3, 6, 6}, emulate.TLV(0xA0, emulate.TLV(0x04, p.FASCN)))
				p.Extra = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Critical: true, Value: emulate.TLV(0x30, other)}}
				p.Subject, p.FASCN, p.GUID = pkix.Name{}, nil, nil
			}
		},
		"expires today": func(s *emulate.CardSpec) { s.Expires = base.Add(10 * time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			if testing.Short() && strings.HasPrefix(name, "RSA-3") {
				t.Skip("short mode: a key of 3072 bits")
			}
			c := personalise(t, pkiOurs, edit)
			v := expect(t, w.input(read(c)), verifier.OK)
			if v.Level != verifier.L2 || v.Holder == nil || v.Issuer == nil || v.Issuer.EDRPOU != ministry || v.Holder.Name != "" ||
				v.Issuer.KeyID == [4]byte{} || !v.HasStatus || v.Status != indexValid || !v.StatusAsOf.Equal(base) {
				t.Errorf("level %d, holder %v, issuer %v", v.Level, v.Holder, v.Issuer)
			}
			if got := v.Holder.Number; len(got) != 36 || strings.ReplaceAll(got, "-", "") != hexOf(guidValid[:]) {
				t.Errorf("number %q", got)
			}
		})
	}
	for name, config := range map[string]emulate.ChipConfig{
		"contact": {}, "extended": {ExtendedLength: true}, "exact Le": {ExactLe: true, Contactless: true}, "strict Le": {StrictLe: true}, "small chunks": {Chunk: 120},
	} {
		c := personalise(t, pkiOurs, nil)
		v := expect(t, w.input(card.Read(context.Background(), emulate.NewChip(config, c), card.Options{})), verifier.OK)
		if v.Level != verifier.L2 {
			t.Errorf("%s: level %d", name, v.Level)
		}
	}
}

// TestCardWithoutGUID: an old card has a GUID of zeros; it is known by its FASC-N.
func TestCardWithoutGUID(t *testing.T) {
	pkis(t)
	fascn := emulate.FASCN{Agency: 9999, System: 1234, Credential: 567890, Series: 1, Issue: 2, Person: 7, Category: 3, Organisation: 1, Associate: 1}
	edit := func(s *emulate.CardSpec) {
		s.GUID, s.FASCN = [16]byte{}, fascn
		s.EditCardAuthentication = func(p *emulate.CertificateProfile) { p.GUID = nil }
	}
	r := read(personalise(t, pkiOurs, edit))
	w := newWorld(t, setup{carriers: []trust.Carrier{{Kind: trust.CarrierNumber, Number: fascn.Bytes(), Status: indexValid}}})
	v := expect(t, w.input(r), verifier.OK)
	if v.Holder == nil || v.Holder.Number != "9999-1234-567890-1-2" {
		t.Errorf("holder %v", v.Holder)
	}
	expect(t, newWorld(t, setup{}).input(r), verifier.CarrierUnknown)
	revoked := newWorld(t, setup{carriers: []trust.Carrier{{Kind: trust.CarrierNumber, Number: fascn.Bytes(), Status: indexRevoked}}})
	expect(t, revoked.input(r), verifier.Revoked)
}

// [CDV-25], [CDV-27]: outside the agencies many cards bear one FASC-N, so beside a GUID it names none of them: neither binds it the key
// of one card to the CHUID of another, nor does a carrier of that number stand for a card that is in no table.
func TestSharedFASCN(t *testing.T) {
	shared := emulate.FASCN{Agency: 9999, System: 9999, Credential: 999999, Series: 0, Issue: 1, Category: 3, Associate: 1}
	federal := shared
	federal.Agency = 4700
	listed := []trust.Carrier{{Kind: trust.CarrierNumber, Number: shared.Bytes(), Status: indexValid}, {Kind: trust.CarrierNumber, Number: federal.Bytes(), Status: indexValid}}
	w := newWorld(t, setup{carriers: listed})
	for _, c := range []struct {
		fascn         emulate.FASCN
		alone, beside verifier.Code // certificate with the FASC-N alone, and a card that only the FASC-N would find
	}{{shared, verifier.CardBinding, verifier.CarrierUnknown}, {federal, verifier.OK, verifier.OK}} {
		expect(t, w.input(read(personalise(t, pkiOurs, func(s *emulate.CardSpec) {
			s.FASCN = c.fascn
			s.EditCardAuthentication = func(p *emulate.CertificateProfile) { p.GUID = nil }
		}))), c.alone)
		expect(t, w.input(read(personalise(t, pkiOurs, func(s *emulate.CardSpec) { s.GUID, s.FASCN = guidStranger, c.fascn }))), c.beside)
	}
}

// TestPathOverTheCardsOwnIntermediate: only the root is in the bundle, the card CA's certificate comes inside the CHUID's signature.
func TestPathOverTheCardsOwnIntermediate(t *testing.T) {
	pkis(t)
	w := newWorld(t, setup{roots: [][]byte{pkiOurs.Root.Certificate.Raw}})
	r := read(personalise(t, pkiOurs, nil))
	expect(t, w.input(r), verifier.IssuerUnknown) // nobody brings the card CA's certificate
	r.CHUID = withCertificates(t, r.CHUID, pkiOurs.CardCA.Certificate.Raw)
	expect(t, w.input(r), verifier.OK)
}

// TestLevels (CDV-20, CDV-21): what each profile reaches, and what a compared photo and the PIN add.
func TestLevels(t *testing.T) {
	w := newWorld(t, setup{})
	low := newWorld(t, setup{policy: trust.Policy{Classes: map[trust.Class]trust.ClassPolicy{trust.ClassCheckpoint: {MinLevel: 1}}}})
	c := personalise(t, pkiOurs, nil)
	piv := read(c)
	static := read(tag(t, w.token(credential.KindStatic, nil, nil)))
	unbound := read(tag(t, w.token(credential.KindCard, key9E(c), nil)))
	hybrid := read(c, tag(t, w.token(credential.KindCard, key9E(c), nil)))
	number := read()
	withPIN := piv
	withPIN.PIN = true
	noKey := piv
	noKey.Signature = nil
	chuidOnly := noKey
	chuidOnly.Certificate = nil
	plastic := verifier.Photo{Kind: verifier.PhotoPlastic}
	matched := verifier.Photo{Kind: verifier.PhotoMatched, Hash: photoHash}
	for _, c := range []struct {
		name  string
		w     *world
		r     card.Reading
		photo verifier.Photo
		min   verifier.Level
		code  verifier.Code
		level verifier.Level
	}{
		{"PIV", w, piv, verifier.Photo{}, 0, verifier.OK, 2},
		{"PIV and plastic", w, piv, plastic, 3, verifier.OK, 3},
		{"PIV, level 3 asked for, no photo", w, piv, verifier.Photo{}, 3, verifier.LevelTooLow, 2},
		{"PIV and a matched picture: the card has no hash", w, piv, matched, 0, verifier.PhotoMismatch, 2},
		{"PIV, plastic and PIN", w, withPIN, plastic, 4, verifier.OK, 4},
		{"PIV and PIN without a photo", w, withPIN, verifier.Photo{}, 3, verifier.LevelTooLow, 2},
		{"PIV and plastic without a PIN", w, piv, plastic, 4, verifier.LevelTooLow, 3},
		{"static record", w, static, verifier.Photo{}, 0, verifier.LevelTooLow, 1},
		{"static record, policy of level 1", low, static, verifier.Photo{}, 0, verifier.OK, 1},
		{"static record, policy of level 1, level 2 asked for", low, static, verifier.Photo{}, 2, verifier.LevelTooLow, 1},
		{"static record and plastic", w, static, plastic, 0, verifier.LevelTooLow, 1},
		{"record of kind card without its key", w, unbound, verifier.Photo{}, 0, verifier.LevelTooLow, 1},
		{"record of kind card without its key, policy of level 1", low, unbound, verifier.Photo{}, 0, verifier.OK, 1},
		{"record and its key", w, hybrid, verifier.Photo{}, 0, verifier.OK, 2},
		{"record, its key and the signed picture", w, hybrid, matched, 3, verifier.OK, 3},
		{"number", w, number, verifier.Photo{}, 0, verifier.CardUnproven, 0},
		{"number, policy of level 1", low, number, plastic, 0, verifier.CardUnproven, 0},
		{"certificate without a signature", low, noKey, plastic, 0, verifier.CardUnproven, 0},
		{"CHUID alone", low, chuidOnly, plastic, 0, verifier.CardUnproven, 0},
	} {
		in := c.w.input(c.r)
		in.Photo, in.MinLevel = c.photo, c.min
		v := expect(t, in, c.code)
		if v.Level != c.level {
			t.Errorf("%s: level %d, want %d (%s)", c.name, v.Level, c.level, v.Code)
		}
		if t.Failed() {
			t.Fatal(c.name)
		}
	}
}

// TestRecordNamesItsHolder (CDV-24): the record profile shows the person; the PIV profile has no name to show.
func TestRecordNamesItsHolder(t *testing.T) {
	w := newWorld(t, setup{})
	c := personalise(t, pkiOurs, nil)
	v := expect(t, w.input(read(c, tag(t, w.token(credential.KindCard, key9E(c), nil)))), verifier.OK)
	if v.Holder == nil || v.Holder.Name != "Гончарук Тарас Григорович" || v.Holder.Number != "АА 004022" {
		t.Errorf("holder %v", v.Holder)
	}
	if got := result(t, v, "card-record").Result; got != verifier.Pass {
		t.Errorf("card-record %s", got)
	}
	// The body vouches for the key, so the bundle need not know the authority of the card.
	c = personalise(t, pkiForeign, func(s *emulate.CardSpec) { s.GUID = guidStranger })
	v = expect(t, w.input(read(c, tag(t, w.token(credential.KindCard, key9E(c), nil)))), verifier.OK)
	if got := result(t, v, "card-path").Result; got != verifier.NotRun {
		t.Errorf("card-path %s", got)
	}
}

// TestStaticRecordBesideAKey (CDV-23): anybody can write a static record onto a genuine card; its name is not shown as the card's.
func TestStaticRecordBesideAKey(t *testing.T) {
	w := newWorld(t, setup{})
	c := personalise(t, pkiOurs, nil)
	v := expect(t, w.input(read(c, tag(t, w.token(credential.KindStatic, nil, nil)))), verifier.OK)
	if v.Holder == nil || v.Holder.Name != "" {
		t.Errorf("a copied name is shown: %v", v.Holder)
	}
}

// TestVerdictJSON (CDV-02): the JSON has the keys of every verdict, and the checks of a card in their order.
func TestVerdictJSON(t *testing.T) {
	w := newWorld(t, setup{})
	v := card.Verify(w.input(read(personalise(t, pkiOurs, nil))))
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Schema, Verdict, Code string
		Checks                []struct {
			Name, Result string
			Code         *string
		}
		Holder map[string]any
		Issuer map[string]any
	}
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	want := card.CheckNames()
	if len(got.Checks) != len(want) || got.Schema != "posvid.verdict/1" || got.Verdict != "accept" || got.Code != "ok" {
		t.Fatalf("%s", data)
	}
	for i, c := range got.Checks {
		if name := strings.Replace(c.Name, "card-profile-piv", "card-profile", 1); name != want[i] || c.Code != nil {
			t.Errorf("check %d is %s, want %s", i, c.Name, want[i])
		}
	}
	if !strings.Contains(string(data), `"checks":[{"name":"card-read","result":"pass","code":null},{"name":"card-profile-piv",`) ||
		!strings.Contains(string(data), `"clock_offset_s":null`) || got.Holder["name"] != "" || got.Issuer["edrpou"] != ministry {
		t.Errorf("%s", data)
	}
	number, err := json.Marshal(card.Verify(w.input(read())))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(number), `"issuer":{"edrpou":"10000001","name":"Орган 10000001","kid":""}`) || !strings.Contains(string(number), `"holder":null`) {
		t.Errorf("%s", number)
	}
}

// TestReadsNoMore (CDV-30): a PIV card costs its CHUID, its certificate, one signature and one look for a record, and what was withheld is
// explained and no fault.
func TestReadsNoMore(t *testing.T) {
	w := newWorld(t, setup{})
	var steps []string
	r := card.Read(context.Background(), chip(personalise(t, pkiOurs, nil)), card.Options{Progress: func(s card.Step) { steps = append(steps, s.Object) }})
	if got := strings.Join(steps, ", "); got != "PIV application, CHUID, card authentication certificate, key 9E, NDEF file" {
		t.Errorf("read %s", got)
	}
	t.Logf("PIV P-256: %d APDUs, %d bytes sent, %d received", r.Counts.Commands, r.Counts.Sent, r.Counts.Received)
	r = card.Read(context.Background(), chip(personalise(t, pkiOurs, nil)), card.Options{Objects: []nfc.Object{nfc.ObjectPrinted, nfc.ObjectFace}})
	if len(r.Withheld) != 3 || r.Err != nil { // security object, printed information, face
		t.Errorf("withheld %v, error %v", r.Withheld, r.Err)
	}
	expect(t, w.input(r), verifier.OK)
}

// TestSecurityObject: over a contact reader the security object is held against what was read.
func TestSecurityObject(t *testing.T) {
	w := newWorld(t, setup{})
	contact := func(edit func(*emulate.CardSpec)) card.Reading {
		c := personalise(t, pkiOurs, edit)
		return card.Read(context.Background(), emulate.NewChip(emulate.ChipConfig{}, c), card.Options{Objects: []nfc.Object{nfc.ObjectCapability}})
	}
	r := contact(nil)
	v := expect(t, w.input(r), verifier.OK)
	if got := result(t, v, "card-objects").Result; got != verifier.Pass || r.Containers[0xDB00] == nil {
		t.Errorf("card-objects %s, containers %d", got, len(r.Containers))
	}
	r.Containers[0xDB00] = append([]byte{}, r.Containers[0xDB00]...)
	r.Containers[0xDB00][9] ^= 1
	expect(t, w.input(r), verifier.CardSignature)
	r = contact(nil)
	r.Security[len(r.Security)-6] ^= 1
	expect(t, w.input(r), verifier.CardSignature)
	r = contact(nil)
	r.Security = r.Security[:40]
	expect(t, w.input(r), verifier.CardMalformed)
	other := must(pkiForeign.SecurityObject(map[uint32][]byte{emulate.TagCHUID: r.CHUID}))(t)
	r.Security = other
	if v := card.Verify(w.input(r)); v.Outcome != verifier.Refuse {
		t.Errorf("security object of another signer: %s", v.Code)
	}
}
