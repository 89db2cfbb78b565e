//go:build pcsc && cgo && linux

package cardpath_test

import (
	"crypto"
	"encoding/hex"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/posvid/posvid/checkpoint"
	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/crypto/keys/authority"
	"github.com/posvid/posvid/nfc"
	"github.com/posvid/posvid/nfc/emulate"
	"github.com/posvid/posvid/trust"
)

// desk is the name of a reader that nothing but its driver tells from one of metal, and that reads contactless cards.
const desk = "Posvid Desk PICC"

const (
	ministry = "10000001"
	day      = 24 * time.Hour
)

// Entries of the ministry's status list.
const (
	atValid uint32 = iota
	atDismissed
	atSuspended
	atRecord
	atBound
	atNumber
	listLength = 64
)

// Cards of the ministry, by their GUID.
var (
	guidValid     = guid(1)
	guidDismissed = guid(2)
	guidSuspended = guid(3)
	guidExpired   = guid(4)
	guidCRL       = guid(5)
	guidBound     = guid(6)
	guidRSA       = guid(7)
	guidStranger  = guid(9) // in no carrier table
)

func guid(n byte) (g [16]byte) {
	for i := range g {
		g[i] = n
	}
	g[6], g[8] = g[6]&0x0F|0x40, g[8]&0x3F|0x80
	return g
}

// text is a GUID as verdicts write it.
func text(g [16]byte) string {
	s := hex.EncodeToString(g[:])
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}

var cardUID = []byte{4, 1, 2, 3, 4, 5, 6}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// world is a device whose bundle knows the cards of one body, at the machine's own time: the programs have no other.
type world struct {
	state   string
	base    time.Time
	pki     *emulate.PKI
	foreign *emulate.PKI // in no bundle
	issuer  authority.IssuerPrivateKey
}

// extra is what a bundle holds beside the plain cards.
type extra struct {
	roots    [][]byte
	crls     [][]byte
	carriers []trust.Carrier
}

func newWorld(t testing.TB, more extra) *world {
	t.Helper()
	w := &world{state: filepath.Join(t.TempDir(), "state"), base: time.Now().UTC().Truncate(time.Second).Add(-time.Hour)}
	long := w.base.Add(-600 * day)
	w.pki = must(emulate.NewPKI(emulate.PKIConfig{At: long, Organisation: "Міністерство"}))(t)
	w.foreign = must(emulate.NewPKI(emulate.PKIConfig{At: long, Organisation: "Elsewhere"}))(t)
	member := must(authority.RootKeyForVectors("card path"))(t)
	signer := must(authority.BundleKeyForVectors("card path"))(t)
	root := trust.Root{Number: 1, Threshold: 1, IssuedAt: w.base.Add(-60 * day)}
	root.Members = append(root.Members, member.RootPublic())
	root.BundleSigners = append(root.BundleSigners, signer.BundlePublic())
	payload := must(root.Encode())(t)
	register := must(trust.NewRegister(must(trust.SignRoot(payload, []keys.RootSigner{member}))(t)))(t)
	w.issuer = must(authority.IssuerKeyForVectors(cose.ESP256, "card path"))(t)
	admitted := w.base.Add(-20 * day)
	request := must(trust.EncodeKeyRequest(trust.KeyRequest{Kinds: []uint8{0, 1, 2}, MaxLife: 40 * day, IssuedAt: admitted,
		Bodies: []trust.BodyEntry{{EDRPOU: ministry, Name: "Міністерство", NameEN: "Ministry", DutyPhone: "+380 44 000 00 01"}}}, w.issuer))(t)
	must(register.AdmitKey(request, trust.Grant{ValidFrom: admitted}, admitted))(t)
	list := must(trust.NewStatusListBuilder(listLength))(t)
	for at, status := range map[uint32]trust.StatusValue{atDismissed: trust.StatusInvalid, atSuspended: trust.StatusSuspended} {
		if err := list.Set(at, status); err != nil {
			t.Fatal(err)
		}
	}
	carriers := []trust.Carrier{{Kind: trust.CarrierNumber, Number: cardUID, Status: atNumber}}
	for g, at := range map[[16]byte]uint32{guidValid: atValid, guidDismissed: atDismissed, guidSuspended: atSuspended, guidExpired: atValid, guidCRL: atValid, guidBound: atBound, guidRSA: atValid} {
		carriers = append(carriers, trust.Carrier{Kind: trust.CarrierGUID, Number: g[:], Status: at})
	}
	carriers = append(carriers, more.carriers...)
	for i := range carriers {
		carriers[i].Body = ministry
	}
	publication := trust.Publication{EDRPOU: ministry, StatusLists: [][]byte{must(trust.SignStatusList(ministry, 0, w.base, list, w.issuer))(t)},
		Carriers: must(trust.SignCarriers(ministry, w.base, carriers, w.issuer))(t)}
	if err := register.Carry(must(publication.Encode())(t), w.base); err != nil {
		t.Fatal(err)
	}
	crl := must(w.pki.CardCA.CRL(w.base, 40*day, 1, crlSerial))(t)
	if err := register.SetCards(trust.Cards{Roots: append([][]byte{w.pki.Root.Certificate.Raw, w.pki.CardCA.Certificate.Raw}, more.roots...), CRLs: append([][]byte{crl}, more.crls...)}); err != nil {
		t.Fatal(err)
	}
	bundle := must(register.BuildBundle(w.base, signer, nil))(t)
	state := must(checkpoint.Open(w.state))(t)
	if err := state.Pin(trust.RootFingerprint(payload)); err != nil {
		t.Fatal(err)
	}
	must(state.Install(bundle, w.base))(t)
	return w
}

// crlSerial is the number of the certificate on the revocation list.
var crlSerial = big.NewInt(0x5EC0ED)

// card makes a card of the ministry; edit changes the plain one.
func (w *world) card(t testing.TB, g [16]byte, edit func(*emulate.CardSpec)) *emulate.IssuedCard {
	t.Helper()
	return w.cardOf(t, w.pki, g, edit)
}

func (w *world) cardOf(t testing.TB, pki *emulate.PKI, g [16]byte, edit func(*emulate.CardSpec)) *emulate.IssuedCard {
	t.Helper()
	spec := emulate.CardSpec{GUID: g, Issued: w.base.Add(-5 * day), Expires: w.base.Add(300 * day)}
	if edit != nil {
		edit(&spec)
	}
	return must(pki.Personalise(spec))(t)
}

// tag makes a record tag: a static token, or one that is bound to a card's key.
func (w *world) tag(t testing.TB, key crypto.PublicKey) *emulate.Tag {
	t.Helper()
	claims := credential.Claims{Issuer: ministry, Number: "АА 004022", IssuedAt: w.base.Add(-5 * day), ExpiresAt: w.base.Add(20 * day),
		Kind: credential.KindStatic, Name: "Гончарук Т. Г.", Status: must(credential.NewStatusRef(0, atRecord))(t)}
	if key != nil {
		claims.Kind, claims.Number, claims.Name, claims.Status = credential.KindCard, "АА 004023", "Мельничук О. І.", must(credential.NewStatusRef(0, atBound))(t)
		claims.Holder = must(keys.NewHolderPublicKey(must(cose.NewPublicKey(key))(t)))(t)
	}
	token := must(credential.SignToken(must(credential.EncodePayload(&claims))(t), w.issuer))(t)
	message := must(nfc.BuildNDEF(nfc.NDEFRecord{Format: nfc.NDEFMedia, Type: nfc.MediaToken, Payload: token}))(t)
	return must(emulate.NewTag(emulate.TagConfig{Message: message}))(t)
}

// chip puts applications behind an antenna.
func chip(apps ...emulate.Application) *emulate.Chip {
	return emulate.NewChip(emulate.ChipConfig{Contactless: true, UID: cardUID}, apps...)
}

// verify executes posvid-verify on the device.
func (w *world) verify(t testing.TB, args ...string) result {
	t.Helper()
	return execute(t, filepath.Dir(w.state), "", "posvid-verify", append([]string{"--lang", "en", "--state", w.state, "card"}, args...)...)
}

// json executes posvid-verify card --json and gives the verdict.
func (w *world) json(t testing.TB, args ...string) (verdict, result) {
	t.Helper()
	r := w.verify(t, append([]string{"--json"}, args...)...)
	return parse(t, r), r
}

// sessions is how many random faults are played: 500, or POSVID_CARD_SESSIONS.
func sessions(t testing.TB) int {
	t.Helper()
	value := os.Getenv("POSVID_CARD_SESSIONS")
	if value == "" {
		return 500
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 {
		t.Fatalf("POSVID_CARD_SESSIONS is %q, want a number from 1", value)
	}
	return n
}

// long tells that everything is to be played, not only what fits into three minutes.
func long() bool { return os.Getenv("POSVID_CARD_SESSIONS") != "" }

func seedOf(name string) uint64 {
	var n uint64
	if _, err := fmt.Sscanf(os.Getenv(name), "%d", &n); err == nil {
		return n
	}
	return 1
}
