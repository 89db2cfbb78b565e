package verifier_test

import (
	"crypto/sha256"
	"testing"
	"time"

	"github.com/posvid/posvid/codes"
	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/crypto/keys/authority"
	"github.com/posvid/posvid/trust"
	"github.com/posvid/posvid/verifier"
)

// base is when the newest bundle and the status lists of the test world were signed.
var base = time.Date(2026, 11, 22, 6, 0, 0, 0, time.UTC)

// now is when codes are checked unless a test says otherwise; codes are made 30 s before.
var now = base.Add(time.Hour)

const (
	day      = 24 * time.Hour
	ministry = "10000001"
	council  = "10000002"
)

// Indices of list 0 with a meaning in every world; whatever else is valid.
const (
	indexValid     = 100
	indexRevoked   = 5
	indexSuspended = 6
	listLength     = 4096
)

// world is a trust operator with two bodies, made from fixed labels.
type world struct {
	tb     testing.TB
	reg    *trust.Register
	signer authority.BundlePrivateKey
	chain  *credential.BeaconChain
	pin    trust.Fingerprint
	bundle *trust.Bundle
	data   []byte
	iss    map[string]authority.IssuerPrivateKey // by body
	hold   keys.HolderPrivateKey
	gate   keys.VerifierPrivateKey
	gateID uint64
}

func must[T any](tb testing.TB) func(v T, err error) T {
	return func(v T, err error) T {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
		return v
	}
}

func issuerKey(tb testing.TB, label string) authority.IssuerPrivateKey {
	tb.Helper()
	return must[authority.IssuerPrivateKey](tb)(authority.IssuerKeyForVectors(cose.ESP256, label))
}

func holderKey(tb testing.TB, label string) keys.HolderPrivateKey {
	tb.Helper()
	return must[keys.HolderPrivateKey](tb)(keys.HolderKeyForVectors(label))
}

// register makes a trust operator whose only root member and bundle signer are named by a label.
func register(tb testing.TB, label string) (*trust.Register, authority.BundlePrivateKey, trust.Fingerprint) {
	tb.Helper()
	member := must[authority.RootPrivateKey](tb)(authority.RootKeyForVectors(label))
	signer := must[authority.BundlePrivateKey](tb)(authority.BundleKeyForVectors(label))
	root := trust.Root{Number: 1, Threshold: 1, IssuedAt: base.Add(-60 * day)}
	root.Members = append(root.Members, member.RootPublic())
	root.BundleSigners = append(root.BundleSigners, signer.BundlePublic())
	payload := must[[]byte](tb)(root.Encode())
	object := must[[]byte](tb)(trust.SignRoot(payload, []keys.RootSigner{member}))
	reg := must[*trust.Register](tb)(trust.NewRegister(object))
	return reg, signer, trust.RootFingerprint(payload)
}

// admit admits a key for a body from a time on.
func (w *world) admit(iss string, k authority.IssuerPrivateKey, g trust.Grant) {
	w.tb.Helper()
	q := trust.KeyRequest{Kinds: []uint8{0, 1, 2}, MaxLife: 30 * day, IssuedAt: base.Add(-20 * day),
		Bodies: []trust.BodyEntry{{EDRPOU: iss, Name: "Орган " + iss, NameEN: "Body " + iss, DutyPhone: "+380440000000"}}}
	request := must[[]byte](w.tb)(trust.EncodeKeyRequest(q, k))
	must[keys.KeyID](w.tb)(w.reg.AdmitKey(request, g, base.Add(-20*day)))
}

// carry publishes list 0 of a body, with entries beside the fixed ones, and its code table.
func (w *world) carry(iss string, at time.Time, list uint16, set map[uint32]trust.StatusValue) {
	w.tb.Helper()
	w.carryUnder(iss, at, list, set, w.iss[iss])
}

func (w *world) carryUnder(iss string, at time.Time, list uint16, set map[uint32]trust.StatusValue, k authority.IssuerPrivateKey) {
	w.tb.Helper()
	b := must[*trust.StatusListBuilder](w.tb)(trust.NewStatusListBuilder(listLength))
	all := map[uint32]trust.StatusValue{indexRevoked: trust.StatusInvalid, indexSuspended: trust.StatusSuspended}
	for i, v := range set {
		all[i] = v
	}
	for i, v := range all {
		if err := b.Set(i, v); err != nil {
			w.tb.Fatal(err)
		}
	}
	signed := must[[]byte](w.tb)(trust.SignStatusList(iss, list, at, b, k))
	table := codes.NewTable()
	must[uint32](w.tb)(table.Assign(codes.Position, "старший слідчий", "senior investigator"))
	must[uint32](w.tb)(table.Assign(codes.Unit, "Головне слідче управління", "Main Investigation Department"))
	tables := must[[]byte](w.tb)(trust.SignCodes(iss, at, table, k))
	p := must[[]byte](w.tb)(trust.Publication{EDRPOU: iss, StatusLists: [][]byte{signed}, Codes: tables}.Encode())
	if err := w.reg.Carry(p, at); err != nil {
		w.tb.Fatal(err)
	}
}

// publish builds and opens the next bundle.
func (w *world) publish(at time.Time) *trust.Bundle {
	w.tb.Helper()
	w.data = must[[]byte](w.tb)(w.reg.BuildBundle(at, w.signer, w.beaconAt))
	w.bundle = must[*trust.Bundle](w.tb)(trust.Open(w.data, w.pin))
	return w.bundle
}

func (w *world) beaconAt(n uint64) ([8]byte, error) {
	b, ok := w.chain.At(n)
	if !ok {
		w.tb.Fatalf("beacon %d is not in the chain", n)
	}
	return b, nil
}

// beacon is the value that is k newer than the one of the newest bundle.
func (w *world) beacon(k int) []byte {
	w.tb.Helper()
	b := must[[8]byte](w.tb)(w.beaconAt(uint64(int64(w.reg.BeaconN()) + int64(k))))
	return b[:]
}

// newWorld has two bodies, a verifier, and ten bundles of ten days, the newest of base.
func newWorld(tb testing.TB) *world {
	tb.Helper()
	w := emptyWorld(tb, "operator")
	for i := 9; i > 0; i-- {
		w.publish(base.Add(-time.Duration(i) * day))
	}
	w.carry(ministry, base, 0, nil)
	w.carry(council, base, 0, nil)
	w.publish(base)
	return w
}

// emptyWorld has its bodies and its verifier, and no bundle yet.
func emptyWorld(tb testing.TB, label string) *world {
	tb.Helper()
	w := &world{tb: tb, iss: map[string]authority.IssuerPrivateKey{}}
	w.reg, w.signer, w.pin = register(tb, label)
	w.chain = credential.NewBeaconChain(sha256.Sum256([]byte(label)), 200)
	w.hold = holderKey(tb, "holder")
	for _, iss := range []string{ministry, council} {
		w.iss[iss] = issuerKey(tb, "issuer "+iss)
		w.admit(iss, w.iss[iss], trust.Grant{ValidFrom: base.Add(-20 * day)})
	}
	w.gate = must[keys.VerifierPrivateKey](tb)(keys.VerifierKeyForVectors("gate"))
	request := must[[]byte](tb)(trust.EncodeVerifierRequest(trust.VerifierRequest{Body: council, Name: "Прохідна", Class: trust.ClassCheckpoint,
		IssuedAt: base.Add(-20 * day), HPKE: w.gate.HPKEPublic()}, w.gate))
	w.gateID = must[uint64](tb)(w.reg.AdmitVerifier(request, trust.VerifierGrant{ValidUntil: base.Add(365 * day)}, base.Add(-20*day)))
	return w
}

// claims is the full face of the reference person, valid and issued by the ministry ten days before base.
func (w *world) claims() credential.Claims {
	ref, err := credential.NewStatusRef(0, indexValid)
	if err != nil {
		w.tb.Fatal(err)
	}
	return credential.Claims{
		Issuer: ministry, Number: "АА 004022", IssuedAt: base.Add(-10 * day), ExpiresAt: base.Add(20 * day), Holder: w.hold.HolderPublic(),
		Face: credential.FaceFull, Name: "Гончарук Тарас Григорович", Position: credential.CodedText{Code: 1}, Unit: credential.CodedText{Code: 1},
		Rank: 3, PhotoHash: photoHash, HasPhoto: true, Status: ref,
	}
}

var photoHash = [20]byte{0x8f, 0x14, 1, 2, 3}

// code is one way to make a code: what differs from the plain one is filled in.
type code struct {
	edit     func(*credential.Claims)
	issuer   *authority.IssuerPrivateKey // nil = the issuer's own
	holder   *keys.HolderPrivateKey      // who signs the presentation; nil = the holder
	audience string                      // "" = any
	at       time.Time                   // zero = 30 s before now
	cnonce   []byte                      // nil = the newest beacon
	noBeacon bool
}

func (w *world) token(c code) []byte {
	w.tb.Helper()
	claims := w.claims()
	if c.edit != nil {
		c.edit(&claims)
	}
	signer := w.iss[claims.Issuer]
	if c.issuer != nil {
		signer = *c.issuer
	}
	payload := must[[]byte](w.tb)(credential.EncodePayload(&claims))
	return must[[]byte](w.tb)(credential.SignToken(payload, signer))
}

// bytes is the presentation behind the base45.
func (w *world) bytes(c code) []byte {
	w.tb.Helper()
	return w.present(w.token(c), c)
}

func (w *world) present(token []byte, c code) []byte {
	w.tb.Helper()
	h := w.hold
	if c.holder != nil {
		h = *c.holder
	}
	audience := c.audience
	if audience == "" {
		audience = credential.AudienceAny
	}
	at := c.at
	if at.IsZero() {
		at = now.Add(-30 * time.Second)
	}
	cnonce := c.cnonce
	if cnonce == nil && !c.noBeacon && audience == credential.AudienceAny {
		cnonce = w.beacon(0)
	}
	return must[[]byte](w.tb)(credential.Present(token, h, audience, at, cnonce))
}

func (w *world) text(c code) string {
	w.tb.Helper()
	return credential.EncodeText(credential.Prefix, w.bytes(c))
}

// input is the plain input for a text: a checkpoint with the newest bundle.
func (w *world) input(text string) verifier.Input {
	return verifier.Input{Text: text, At: now, Bundle: w.bundle, Class: trust.ClassCheckpoint, VerifierID: w.gateID}
}

// expect verifies and compares the outcome and the code.
func expect(t *testing.T, in verifier.Input, want verifier.Code) verifier.Verdict {
	t.Helper()
	v := verifier.Verify(in)
	if v.Code != want || v.Outcome != want.Outcome() {
		t.Errorf("%s %s (%v), want %s %s", v.Outcome, v.Code, v.Err(), want.Outcome(), want)
	}
	return v
}
