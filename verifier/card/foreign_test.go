package card_test

import (
	"context"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"

	"github.com/posvid/posvid/nfc"
	"github.com/posvid/posvid/nfc/emulate"
	"github.com/posvid/posvid/trust"
	"github.com/posvid/posvid/verifier"
	"github.com/posvid/posvid/verifier/card"
)

// trace is what a card program of others answered, as a card that says the same again.
func trace(t *testing.T, name string) *parrotCard {
	t.Helper()
	dir := vectors(t, "nfc", "traces")
	return &parrotCard{answers: must(nfc.ParseTranscript(string(must(os.ReadFile(filepath.Join(dir, name)))(t))))(t)}
}

// TestForeignApplet: a PIV applet made by others, as its maker leaves it: a certificate of a laboratory's CA, and a CHUID that nobody signed.
func TestForeignApplet(t *testing.T) {
	parrot := trace(t, "pivapplet-9e-p256.trace")
	r := card.Read(context.Background(), parrot, card.Options{})
	if r.CHUID == nil || r.Certificate == nil || r.Signature == nil || r.Err != nil {
		t.Fatalf("read %d, %d and %d bytes: %v", len(r.CHUID), len(r.Certificate), len(r.Signature), r.Err)
	}
	block, _ := pem.Decode(must(os.ReadFile(filepath.Join(vectors(t, "nfc", "traces"), "pivapplet-lab-ca.pem")))(t))
	chuid := must(nfc.ParseCHUID(r.CHUID))(t)
	ours := setup{roots: [][]byte{block.Bytes}, carriers: []trust.Carrier{{Kind: trust.CarrierGUID, Number: chuid.GUID[:], Status: indexValid}}}

	expect(t, newWorld(t, setup{}).input(r), verifier.CardKey) // an old signature under a new challenge
	for _, x := range parrot.answers {
		if c, err := nfc.ParseCommandAPDU(x.Command); err == nil && c.INS == 0x87 && c.P1 == 0x11 && c.P2 == 0x9E {
			r.Challenge = c.Data[len(c.Data)-32:]
			r.Signature = must(nfc.ParseOne(must(nfc.ParseOne(x.Response[:len(x.Response)-2], 0x7C, nfc.TLVOptions{}))(t), 0x82, nfc.TLVOptions{}))(t)
			break
		}
	}
	v := expect(t, newWorld(t, ours).input(r), verifier.CardUnsigned)
	for _, name := range []string{"card-structure", "card-path", "card-purpose", "card-binding", "card-key", "card-carrier"} {
		if got := result(t, v, name); got.Result != verifier.Pass {
			t.Errorf("%s: %s %s", name, got.Result, got.Code)
		}
	}
	if v.Level != verifier.L0 || v.Holder != nil {
		t.Errorf("an unsigned CHUID reached level %d", v.Level)
	}
	expect(t, newWorld(t, setup{carriers: ours.carriers}).input(r), verifier.IssuerUnknown)
	expect(t, newWorld(t, setup{}).input(r), verifier.CardForeign)
}

// TestForeignTag: a tag that hands over to a driving licence holds no record of ours.
func TestForeignTag(t *testing.T) {
	w := newWorld(t, setup{})
	v := expect(t, w.input(card.Read(context.Background(), trace(t, "mdl-ndef-static-handover.trace"), card.Options{})), verifier.CardForeign)
	if v.Level != verifier.L0 || v.Issuer != nil {
		t.Errorf("level %d, issuer %v", v.Level, v.Issuer)
	}
}

// TestCosts prints what a reading of each profile costs, for docs/performance.md.
func TestCosts(t *testing.T) {
	w := newWorld(t, setup{})
	c := personalise(t, pkiOurs, nil)
	static := tag(t, w.token(1, nil, nil))
	bound := tag(t, w.token(2, key9E(c), nil))
	rsa := personalise(t, pkiOurs, func(s *emulate.CardSpec) { s.CardAuthentication = emulate.RSA2048 })
	most := map[string]int{"PIV P-256": 10, "PIV RSA-2048": 14, "PIV P-256 with record": 18, "record": 10, "number": 4}
	for name, apps := range map[string][]emulate.Application{
		"PIV P-256": {c}, "PIV RSA-2048": {rsa}, "PIV P-256 with record": {c, bound}, "record": {static}, "number": nil,
	} {
		counts := read(apps...).Counts
		extended := card.Read(context.Background(), wide{emulate.NewChip(emulate.ChipConfig{Contactless: true, UID: uidValid, ExtendedLength: true}, apps...)}, card.Options{}).Counts
		t.Logf("%-22s short %2d APDUs, %4d bytes out, %4d in; extended %2d", name, counts.Commands, counts.Sent, counts.Received, extended.Commands)
		if counts.Commands > most[name] {
			t.Errorf("%s: %d APDUs, at most %d", name, counts.Commands, most[name])
		}
	}
}

// wide is a card on a reader that carries extended commands.
type wide struct{ *emulate.Chip }

func (wide) Limits() nfc.TransportLimits { return nfc.ExtendedLimits }

// BenchmarkVerify is the decision about one PIV card, without the reading.
func BenchmarkVerify(b *testing.B) {
	w := newWorld(b, setup{})
	in := w.input(read(personalise(b, pkiOurs, nil)))
	if v := card.Verify(in); v.Code != verifier.OK {
		b.Fatal(v.Err())
	}
	for b.Loop() {
		card.Verify(in)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "cards/s")
}
