package trust

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
)

// stateOf is the register's file: two equal states have equal files.
func stateOf(tb testing.TB, r *Register) []byte {
	tb.Helper()
	out, err := r.Encode()
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

// unchanged runs f and fails when it changed the register.
func unchanged(tb testing.TB, r *Register, what string, f func() error, want error) {
	tb.Helper()
	before := stateOf(tb, r)
	wantError(tb, what, f(), want)
	if !bytes.Equal(stateOf(tb, r), before) {
		tb.Errorf("%s: refused, but the register changed", what)
	}
}

// TRUST-30, TRUST-31: a key enters by its own signature, once, for bodies that are nobody else's.
func TestAdmitKey(t *testing.T) {
	r := operator(t)
	k3 := issuerKey(t, "three")
	good := keyRequest(t, k3, day0, edrpou(3))
	admitErr := func(data []byte, g Grant, at time.Time) func() error {
		return func() error { _, err := r.AdmitKey(data, g, at); return err }
	}
	m, err := cose.ParseSign1(good, cose.Profile{Type: cose.TypeKeyRequest})
	if err != nil {
		t.Fatal(err)
	}
	// The payload of one key signed by another: no proof of possession.
	stolen, err := cose.EncodeSign1(issuerKey(t, "thief"), cose.Header{KeyID: m.Header.KeyID, Type: cose.TypeKeyRequest}, m.Payload)
	if err != nil {
		t.Fatal(err)
	}
	wrongKid, err := cose.EncodeSign1(k3, cose.Header{KeyID: []byte{1, 2, 3, 4}, Type: cose.TypeKeyRequest}, m.Payload)
	if err != nil {
		t.Fatal(err)
	}
	asToken, err := cose.EncodeSign1(k3, cose.Header{KeyID: m.Header.KeyID, Type: cose.TypeToken}, m.Payload)
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(good)
	flipped[len(flipped)-1] ^= 1
	unchanged(t, r, "signed by another key", admitErr(stolen, Grant{}, day0), ErrRequest)
	unchanged(t, r, "signature changed", admitErr(flipped, Grant{}, day0), ErrRequest)
	unchanged(t, r, "another kid", admitErr(wrongKid, Grant{}, day0), ErrRequest)
	unchanged(t, r, "typ of a token", admitErr(asToken, Grant{}, day0), ErrRequest)
	unchanged(t, r, "cut short", admitErr(good[:50], Grant{}, day0), ErrRequest)
	unchanged(t, r, "31 days old", admitErr(good, Grant{}, day(31)), ErrRequest)
	unchanged(t, r, "made tomorrow", admitErr(good, Grant{}, day(-1)), ErrRequest)
	unchanged(t, r, "key of a body once more", admitErr(keyRequest(t, issuerKey(t, "one"), day0, edrpou(1)), Grant{}, day0), ErrConflict)
	unchanged(t, r, "key of another body", admitErr(keyRequest(t, issuerKey(t, "one"), day0, edrpou(3)), Grant{}, day0), ErrConflict)
	unchanged(t, r, "another's ЄДРПОУ beside", admitErr(keyRequest(t, k3, day0, edrpou(3), edrpou(1)), Grant{}, day0), ErrConflict)
	unchanged(t, r, "grant beyond the request", admitErr(good, Grant{Bodies: []string{edrpou(3), edrpou(4)}}, day0), ErrArgument)
	unchanged(t, r, "grant without the body that asks", admitErr(keyRequest(t, k3, day0, edrpou(3), edrpou(4)), Grant{Bodies: []string{edrpou(4)}}, day0), ErrArgument)
	unchanged(t, r, "kinds beyond the request", admitErr(good, Grant{Kinds: []uint8{1}}, day0), ErrArgument)
	unchanged(t, r, "life beyond the request", admitErr(good, Grant{MaxLife: 31 * 24 * time.Hour}, day0), ErrArgument)
	// Half a grant: only one of two bodies, one kind, a later start.
	id, err := r.AdmitKey(keyRequest(t, k3, day0, edrpou(3), edrpou(4)), Grant{Bodies: []string{edrpou(3)}, Kinds: []uint8{0}, MaxLife: time.Hour, ValidFrom: day(7)}, day0)
	if err != nil || id != k3.IssuerPublic().KeyID() {
		t.Fatal(err)
	}
	all := r.Keys()
	right := all[len(all)-1].Right
	if len(right.Bodies) != 1 || right.AllowsKind(2) || !right.AllowsKind(0) || right.MaxLife != time.Hour || !right.ValidFrom.Equal(day(7)) {
		t.Errorf("right: %+v", right)
	}
	if len(r.Bodies()) != 3 {
		t.Errorf("%d bodies", len(r.Bodies()))
	}
	// A second key of the same body is a rotation.
	if _, err := r.AdmitKey(keyRequest(t, issuerKey(t, "three b"), day(1), edrpou(3), edrpou(4)), Grant{}, day(1)); err != nil {
		t.Errorf("second key: %v", err)
	}
	// A subordinate body has no key of its own, and nobody else gets it.
	unchanged(t, r, "a subordinate asks for itself", admitErr(keyRequest(t, issuerKey(t, "four"), day(1), edrpou(4)), Grant{}, day(1)), ErrConflict)
	// A verifier's key and a root's are no issuer keys.
	v := verifierKey(t, "gate")
	if _, err := r.AdmitVerifier(verifierRequest(t, "gate", edrpou(1), day0), VerifierGrant{ValidUntil: day(100)}, day0); err != nil {
		t.Fatal(err)
	}
	if !r.taken(v.VerifierPublic().Thumbprint()) || !r.taken(rootKey(t, "a").RootPublic().P256().Thumbprint()) || r.taken(verifierKey(t, "door").VerifierPublic().Thumbprint()) {
		t.Error("keys in use are not known as such")
	}
	for name, q := range map[string]KeyRequest{
		"no bodies": {MaxLife: time.Hour, IssuedAt: day0}, "body twice": {Bodies: []BodyEntry{bodyName(edrpou(5)), bodyName(edrpou(5))}, IssuedAt: day0},
		"no name": {Bodies: []BodyEntry{{EDRPOU: edrpou(5)}}, IssuedAt: day0}, "kinds twice": {Bodies: []BodyEntry{bodyName(edrpou(5))}, Kinds: []uint8{0, 0}, IssuedAt: day0},
		"negative life": {Bodies: []BodyEntry{bodyName(edrpou(5))}, MaxLife: -time.Second, IssuedAt: day0}, "no time": {Bodies: []BodyEntry{bodyName(edrpou(5))}},
		"two lines": {Bodies: []BodyEntry{{EDRPOU: edrpou(5), Name: "Орган\nіншої назви"}}, IssuedAt: day0},
	} {
		if _, err := EncodeKeyRequest(q, k3); err == nil {
			t.Errorf("%s: encoded", name)
		}
	}
}

// TRUST-35: a verifier enters by its own signature; no id and no key is ever given twice.
func TestAdmitVerifier(t *testing.T) {
	r := operator(t)
	grant := VerifierGrant{ValidUntil: day(100)}
	admitErr := func(data []byte, g VerifierGrant, at time.Time) func() error {
		return func() error { _, err := r.AdmitVerifier(data, g, at); return err }
	}
	first, err := r.AdmitVerifier(verifierRequest(t, "gate", edrpou(1), day0), grant, day0)
	if err != nil || first != 1 {
		t.Fatalf("%d, %v", first, err)
	}
	unchanged(t, r, "same key again", admitErr(verifierRequest(t, "gate", edrpou(1), day0), grant, day0), ErrConflict)
	door := verifierRequest(t, "door", edrpou(2), day0)
	unchanged(t, r, "id in use", admitErr(door, VerifierGrant{ID: 1, ValidUntil: day(100)}, day0), ErrConflict)
	unchanged(t, r, "no end", admitErr(door, VerifierGrant{}, day0), ErrArgument)
	unchanged(t, r, "end in the past", admitErr(door, VerifierGrant{ValidUntil: day0}, day0), ErrArgument)
	unchanged(t, r, "class 9", admitErr(door, VerifierGrant{Class: 9, ValidUntil: day(1)}, day0), ErrArgument)
	unchanged(t, r, "too old", admitErr(door, grant, day(40)), ErrRequest)
	flipped := bytes.Clone(door)
	flipped[len(flipped)-1] ^= 1
	unchanged(t, r, "signature changed", admitErr(flipped, grant, day0), ErrRequest)
	m, err := cose.ParseSign1(door, cose.Profile{Type: cose.TypeVerifierRequest})
	if err != nil {
		t.Fatal(err)
	}
	stolen, err := cose.EncodeSign1(verifierKey(t, "thief"), cose.Header{Type: cose.TypeVerifierRequest}, m.Payload)
	if err != nil {
		t.Fatal(err)
	}
	unchanged(t, r, "signed by another", admitErr(stolen, grant, day0), ErrRequest)
	asChallenge, err := cose.EncodeSign1(verifierKey(t, "door"), cose.Header{Type: cose.TypeChallenge}, m.Payload)
	if err != nil {
		t.Fatal(err)
	}
	unchanged(t, r, "typ of a challenge", admitErr(asChallenge, grant, day0), ErrRequest)
	// The HPKE key of one verifier under the signing key of another.
	k := verifierKey(t, "door")
	shared, err := EncodeVerifierRequest(VerifierRequest{Body: edrpou(2), Name: "x", Class: ClassCouncil, IssuedAt: day0, HPKE: verifierKey(t, "gate").HPKEPublic()}, k)
	if err != nil {
		t.Fatal(err)
	}
	unchanged(t, r, "another's HPKE key", admitErr(shared, grant, day0), ErrConflict)
	if id, err := r.AdmitVerifier(door, VerifierGrant{ID: 77, Class: ClassCouncil, Policy: ClassCheckpoint, ValidUntil: day(2)}, day0); err != nil || id != 77 {
		t.Fatal(err)
	}
	b := mustOpen(t, r, build(t, r, day(1)))
	if v, ok, err := b.Verifier(77); err != nil || !ok || v.Class != ClassCouncil || v.Policy != ClassCheckpoint {
		t.Errorf("verifier 77: %+v %v %v", v, ok, err)
	}
	if all, err := b.Verifiers(); err != nil || len(all) != 2 || all[0].ID != 1 || all[1].ID != 77 || all[1].Policy != ClassCheckpoint {
		t.Errorf("verifiers: %+v %v", all, err)
	}
	if err := r.EndVerifier(1); err != nil {
		t.Fatal(err)
	}
	unchanged(t, r, "ended twice", func() error { return r.EndVerifier(1) }, ErrNotAdmitted)
	unchanged(t, r, "id of an ended one", admitErr(verifierRequest(t, "new", edrpou(1), day0), VerifierGrant{ID: 1, ValidUntil: day(9)}, day0), ErrConflict)
	unchanged(t, r, "key of an ended one", admitErr(verifierRequest(t, "gate", edrpou(1), day0), grant, day0), ErrConflict)
	b = mustOpen(t, r, build(t, r, day(3)))
	for _, id := range []uint64{1, 77} { // ended, and past its term
		if _, ok, err := b.Verifier(id); ok || err != nil {
			t.Errorf("verifier %d is still there: %v", id, err)
		}
	}
	if all, err := b.Verifiers(); err != nil || len(all) != 0 {
		t.Errorf("verifiers that ended: %+v %v", all, err)
	}
	if id, err := r.AdmitVerifier(verifierRequest(t, "next", edrpou(1), day(3)), grant, day(3)); err != nil || id != 78 {
		t.Errorf("next id %d, %v", id, err)
	}
	for name, q := range map[string]VerifierRequest{
		"no HPKE key": {Body: edrpou(1), Name: "a", Class: 1, IssuedAt: day0}, "no name": {Body: edrpou(1), Class: 1, IssuedAt: day0, HPKE: k.HPKEPublic()},
		"no class": {Body: edrpou(1), Name: "a", IssuedAt: day0, HPKE: k.HPKEPublic()}, "no body": {Name: "a", Class: 1, IssuedAt: day0, HPKE: k.HPKEPublic()},
		"no time": {Body: edrpou(1), Name: "a", Class: 1, HPKE: k.HPKEPublic()},
	} {
		if _, err := EncodeVerifierRequest(q, k); err == nil {
			t.Errorf("%s: encoded", name)
		}
	}
}

// TRUST-32: an ending only takes away.
func TestEnd(t *testing.T) {
	r := operator(t)
	id := issuerKey(t, "one").IssuerPublic().KeyID()
	end := func(e Ending) func() error { return func() error { return r.End(id, e) } }
	unchanged(t, r, "unknown key", func() error { return r.End(keys.KeyID{1}, Ending{Compromised: true}) }, ErrNotAdmitted)
	unchanged(t, r, "unknown thumbprint", func() error { return r.EndKey([32]byte{1}, Ending{Compromised: true}) }, ErrNotAdmitted)
	unchanged(t, r, "no ending", end(Ending{}), ErrArgument)
	unchanged(t, r, "before it was valid", end(Ending{RetiredAt: day(-1)}), ErrArgument)
	if err := r.End(id, Ending{RetiredAt: day(10)}); err != nil {
		t.Fatal(err)
	}
	unchanged(t, r, "retired later", end(Ending{RetiredAt: day(11)}), ErrArgument)
	if err := r.EndKey(issuerKey(t, "one").IssuerPublic().Thumbprint(), Ending{RetiredAt: day(5)}); err != nil {
		t.Fatal(err)
	}
	if err := r.End(id, Ending{Compromised: true}); err != nil {
		t.Fatal(err)
	}
	if err := r.End(id, Ending{RetiredAt: day(4)}); err != nil {
		t.Fatal(err)
	}
	b := mustOpen(t, r, build(t, r, day(6)))
	got := b.IssuerKeys(id)
	if len(got) != 1 || !got[0].Right.Compromised || !got[0].Right.RetiredAt.Equal(day(4)) {
		t.Errorf("ended key in the bundle: %+v", got)
	}
	// A body's end: its keys end with it, even one that is not valid yet, and it is marked.
	k := issuerKey(t, "two b")
	if _, err := r.AdmitKey(keyRequest(t, k, day(6), edrpou(2)), Grant{ValidFrom: day(20)}, day(6)); err != nil {
		t.Fatal(err)
	}
	unchanged(t, r, "unknown body", func() error { return r.EndBody(edrpou(9), day(7)) }, ErrNotAdmitted)
	if err := r.EndBody(edrpou(2), day(7)); err != nil {
		t.Fatal(err)
	}
	b = mustOpen(t, r, build(t, r, day(7)))
	if body, ok := b.Body(edrpou(2)); !ok || !body.Ended() {
		t.Errorf("ended body: %+v", body)
	}
	if v, _, err := b.Status(edrpou(2), 0, 5); err != nil || v != StatusInvalid {
		t.Errorf("its revocations: %v, %v", v, err)
	}
	if right := b.IssuerKeys(k.IssuerPublic().KeyID())[0].Right; !right.Compromised {
		t.Errorf("a key that never became valid: %+v", right)
	}
	if right := b.IssuerKeys(issuerKey(t, "two").IssuerPublic().KeyID())[0].Right; !right.RetiredAt.Equal(day(7)) {
		t.Errorf("its key: %+v", right)
	}
	if b = mustOpen(t, r, build(t, r, day(9))); len(b.Lists()) != 1 {
		t.Errorf("expired list of an ended body is still carried: %v", b.Lists())
	}
	unchanged(t, r, "publication of an ended body", func() error {
		return r.Carry(publication(t, Publication{EDRPOU: edrpou(2)}), day(8))
	}, ErrPublication)
	fresh := issuerKey(t, "two c")
	unchanged(t, r, "key of an ended body", func() error {
		_, err := r.AdmitKey(keyRequest(t, fresh, day(9), edrpou(2)), Grant{}, day(9))
		return err
	}, ErrConflict)
	if _, err := r.AdmitKey(keyRequest(t, fresh, day(9), edrpou(2)), Grant{Readmit: true}, day(9)); err != nil {
		t.Errorf("readmitted: %v", err)
	}
}

// TRUST-33, LIST-12: what is carried is signed by its body, newer than what is there, no smaller, append-only; all of
// a publication is taken, or none.
func TestCarry(t *testing.T) {
	r := operator(t)
	k, iss := issuerKey(t, "one"), edrpou(1)
	carry := func(p Publication, at time.Time) func() error {
		return func() error { return r.Carry(publication(t, p), at) }
	}
	lists := func(l ...[]byte) Publication { return Publication{EDRPOU: iss, StatusLists: l} }
	fresh := statusList(t, iss, 0, day(1), k, 64)
	oneBit := func() []byte {
		p := cose.AppendText(cose.AppendUint(cose.AppendMap(nil, 4), claimSubject), StatusURI(iss, 0))
		p = cose.AppendUint(cose.AppendUint(p, claimExpiry), uint64(day(9).Unix()))
		p = cose.AppendUint(cose.AppendUint(p, claimIssuedAt), uint64(day(1).Unix()))
		p = cose.AppendUint(p, claimStatusList)
		p = cose.AppendBytes(cose.AppendText(cose.AppendMap(p, 2), "lst"), deflate(t, make([]byte, 64)))
		p = cose.AppendUint(cose.AppendText(p, "bits"), 1)
		data, err := signAs(k, cose.TypeStatusList, p)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}()
	unchanged(t, r, "older list", carry(lists(statusList(t, iss, 0, day0.Add(-time.Second), k, 64)), day(1)), ErrKeyNotYet)
	unchanged(t, r, "list of tomorrow", carry(lists(statusList(t, iss, 0, day(2), k, 64)), day(1)), ErrPublication)
	unchanged(t, r, "expired list", carry(lists(fresh), day(9)), ErrPublication)
	unchanged(t, r, "list shrank", carry(lists(statusList(t, iss, 0, day(1), k, 60)), day(1)), ErrPublication)
	unchanged(t, r, "one bit an entry", carry(lists(oneBit), day(1)), ErrPublication)
	unchanged(t, r, "same time, other list", carry(lists(statusList(t, iss, 0, day0, k, 64, 6)), day(1)), ErrFork)
	unchanged(t, r, "a list twice", carry(lists(fresh, statusList(t, iss, 0, day(1), k, 64)), day(1)), ErrPublication)
	unchanged(t, r, "foreign signature", carry(lists(statusList(t, iss, 0, day(1), issuerKey(t, "two"), 64)), day(1)), ErrListKey)
	unchanged(t, r, "good list beside a bad one", carry(lists(fresh, statusList(t, edrpou(2), 0, day(1), k, 64)), day(1)), ErrPublication)
	unchanged(t, r, "good list beside a shorter table", carry(Publication{EDRPOU: iss, StatusLists: [][]byte{fresh}, Codes: signedCodes(t, iss, day(1), k, "слідчий")}, day(1)), ErrRollback)
	unchanged(t, r, "table changed", carry(Publication{EDRPOU: iss, Codes: signedCodes(t, iss, day(1), k, "писар", "старший слідчий")}, day(1)), ErrRollback)
	unchanged(t, r, "table of tomorrow", carry(Publication{EDRPOU: iss, Codes: signedCodes(t, iss, day(2), k, "слідчий", "старший слідчий")}, day(1)), ErrPublication)
	unchanged(t, r, "nobody's publication", carry(Publication{EDRPOU: edrpou(9), StatusLists: [][]byte{fresh}}, day(1)), ErrNotAdmitted)
	unchanged(t, r, "not a publication", func() error { return r.Carry([]byte{0xa0}, day(1)) }, ErrPublication)
	unchanged(t, r, "rubbish as a list", carry(lists([]byte{1, 2, 3}), day(1)), ErrPublication)
	if err := r.Carry(publication(t, Publication{EDRPOU: iss, StatusLists: [][]byte{fresh}, Codes: signedCodes(t, iss, day(1), k, "слідчий", "старший слідчий", "прокурор")}), day(1)); err != nil {
		t.Fatal(err)
	}
	if err := r.Carry(publication(t, lists(fresh)), day(1)); err != nil {
		t.Errorf("the same list again: %v", err)
	}
	unchanged(t, r, "older than carried", carry(lists(statusList(t, iss, 0, day(1).Add(-time.Second), k, 64)), day(1)), ErrRollback)
	unchanged(t, r, "older table", carry(Publication{EDRPOU: iss, Codes: signedCodes(t, iss, day0, k, "слідчий", "старший слідчий", "прокурор")}, day(1)), ErrRollback)
	// What was carried is in the next bundle byte for byte.
	b := mustOpen(t, r, build(t, r, day(1)))
	if data, err := b.lists[ListID{iss, 0}].section.bytes(); err != nil || !bytes.Equal(data, fresh) {
		t.Errorf("list changed on its way: %v", err)
	}
	// An ended key publishes no more.
	if err := r.End(k.IssuerPublic().KeyID(), Ending{RetiredAt: day(1)}); err != nil {
		t.Fatal(err)
	}
	unchanged(t, r, "retired key", carry(lists(statusList(t, iss, 0, day(1).Add(time.Second), k, 64)), day(2)), ErrKeyEnded)
	for name, p := range map[string]Publication{"no body": {}, "nine digits": {EDRPOU: "123456789"}, "too many lists": {EDRPOU: iss, StatusLists: make([][]byte, maxPublished+1)}} {
		if _, err := p.Encode(); err == nil {
			t.Errorf("%s: encoded", name)
		}
	}
}

// TRUST-13, TRUST-33: a carrier belongs to the body that states it first.
func TestCarryCarriers(t *testing.T) {
	r := operator(t)
	carry := func(iss string, carriers []byte) func() error {
		return func() error { return r.Carry(publication(t, Publication{EDRPOU: iss, Carriers: carriers}), day(1)) }
	}
	if err := carry(edrpou(1), signedCarriers(t, edrpou(1), day(1), "one", 5))(); err != nil {
		t.Fatal(err)
	}
	sign := func(iss, label string, at time.Time, list ...Carrier) []byte {
		out, err := SignCarriers(iss, at, list, issuerKey(t, label))
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	theirs := Carrier{CarrierNumber, []byte(edrpou(1) + "-000003"), edrpou(2), 0}
	mine := Carrier{CarrierGUID, bytes.Repeat([]byte{9}, 16), edrpou(2), 5}
	unchanged(t, r, "a carrier twice", carry(edrpou(2), sign(edrpou(2), "two", day(1), mine, mine)), ErrConflict)
	unchanged(t, r, "foreign key", carry(edrpou(2), sign(edrpou(2), "one", day(1), mine)), ErrPublication)
	unchanged(t, r, "another's list", carry(edrpou(2), signedCarriers(t, edrpou(1), day(1), "one", 5)), ErrPublication)
	unchanged(t, r, "older", carry(edrpou(1), signedCarriers(t, edrpou(1), day0, "one", 5)), ErrRollback)
	unchanged(t, r, "of tomorrow", carry(edrpou(2), sign(edrpou(2), "two", day(2), mine)), ErrPublication)
	if err := carry(edrpou(2), sign(edrpou(2), "two", day(1), mine))(); err != nil {
		t.Fatal(err)
	}
	b := mustOpen(t, r, build(t, r, day(1)))
	if body, status, ok, err := b.Carrier(CarrierGUID, mine.Number); err != nil || !ok || body != edrpou(2) || status != 5 {
		t.Errorf("%s %d %v %v", body, status, ok, err)
	}
	// Another's carrier is left out; all else that its body published is carried.
	if err := carry(edrpou(2), sign(edrpou(2), "two", day(1).Add(time.Second), mine, theirs))(); err != nil {
		t.Fatal(err)
	}
	r = operatorOf(t, r)
	if got := r.Withheld(); len(got) != 1 || got[edrpou(2)] != 1 {
		t.Errorf("withheld %v, want one of %s", got, edrpou(2))
	}
	b = mustOpen(t, r, build(t, r, day(1).Add(time.Minute)))
	for _, c := range []struct {
		Carrier
		body string
	}{{mine, edrpou(2)}, {theirs, edrpou(1)}} {
		if body, _, ok, err := b.Carrier(c.Kind, c.Number); err != nil || !ok || body != c.body {
			t.Errorf("%s %v %v, want %s", body, ok, err, c.body)
		}
	}
	if _, _, ok, err := b.Carrier(CarrierNumber, []byte("99999999")); ok || err != nil {
		t.Errorf("unknown carrier: %v %v", ok, err)
	}
	for i := range 5 {
		if body, _, ok, err := b.Carrier(CarrierNumber, fmt.Appendf(nil, "%s-%06d", edrpou(1), i)); err != nil || !ok || body != edrpou(1) {
			t.Errorf("carrier %d: %s %v %v", i, body, ok, err)
		}
	}
	_, err := SignCarriers(edrpou(1), day0, []Carrier{mine}, issuerKey(t, "one"))
	wantError(t, "sign another's carrier", err, ErrArgument)
	empty := newRegister(t)
	if _, _, ok, err := mustOpen(t, empty, build(t, empty, day(1))).Carrier(CarrierGUID, mine.Number); ok || err != nil {
		t.Errorf("bundle without carriers: %v %v", ok, err)
	}
}

// LIST-14: a body that states another's cards first, or more than the table has room for, keeps neither that one's
// publication nor any bundle back; when it no longer states a card, its body gets it with its next publication.
func TestHostileCarriers(t *testing.T) {
	r := operator(t)
	carry := func(iss, label string, at time.Time, list []Carrier) {
		t.Helper()
		signed, err := SignCarriers(iss, at, list, issuerKey(t, label))
		if err == nil {
			err = r.Carry(publication(t, Publication{EDRPOU: iss, Carriers: signed,
				StatusLists: [][]byte{statusList(t, iss, 0, at, issuerKey(t, label), 64)}}), at)
		}
		if err != nil {
			t.Fatal(err)
		}
		r = operatorOf(t, r)
	}
	guid := bytes.Repeat([]byte{7}, 16)
	whose := func(at time.Time, want string) {
		t.Helper()
		b := mustOpen(t, r, build(t, r, at))
		if body, _, ok, err := b.Carrier(CarrierGUID, guid); err != nil || body != want || ok != (want != "") {
			t.Errorf("%q %v %v, want %q", body, ok, err, want)
		}
	}
	carry(edrpou(2), "two", day(1), []Carrier{{CarrierGUID, guid, edrpou(2), 1}})
	carry(edrpou(1), "one", day(1), []Carrier{{CarrierGUID, guid, edrpou(1), 1}, {CarrierNumber, []byte("1234"), edrpou(1), 2}})
	whose(day(1).Add(time.Minute), edrpou(2))
	if got := r.Withheld()[edrpou(1)]; got != 1 {
		t.Errorf("%d withheld, want 1", got)
	}
	carry(edrpou(2), "two", day(1).Add(time.Hour), nil)
	whose(day(1).Add(2*time.Hour), "")
	carry(edrpou(1), "one", day(1).Add(3*time.Hour), []Carrier{{CarrierGUID, guid, edrpou(1), 1}})
	whose(day(1).Add(4*time.Hour), edrpou(1))

	if testing.Short() {
		t.Skip("short mode: a full table of carriers takes seconds")
	}
	many := make([]Carrier, maxBodyCarriers+5)
	for i := range many {
		many[i] = Carrier{CarrierNumber, fmt.Appendf(nil, "n%07d", i), edrpou(2), 1}
	}
	carry(edrpou(2), "two", day(2), many)
	if got := r.Withheld()[edrpou(2)]; got != 5 {
		t.Errorf("%d withheld, want 5", got)
	}
	whose(day(2).Add(time.Minute), edrpou(1))
}

// TRUST-34: a bundle has the next number, a time no older than the last one, and opens; a failure moves nothing.
func TestBuildBundle(t *testing.T) {
	r := operator(t)
	buildErr := func(at time.Time, beacon BeaconSource) func() error {
		return func() error { _, err := r.BuildBundle(at, bundleKey(t, "s"), beacon); return err }
	}
	build(t, r, day(1))
	unchanged(t, r, "clock behind", buildErr(day(1).Add(-time.Second), nil), ErrArgument)
	unchanged(t, r, "no time", buildErr(time.Time{}, nil), ErrArgument)
	unchanged(t, r, "beacon is at its end", buildErr(day(2), func(uint64) ([8]byte, error) { return [8]byte{}, errors.New("no more values") }), ErrArgument)
	unchanged(t, r, "before what it carries", func() error {
		_, err := operatorOf(t, r).BuildBundle(day0.Add(-time.Hour), bundleKey(t, "s"), nil)
		return err
	}, ErrArgument)
	for i := range 40 {
		b := mustOpen(t, r, build(t, r, day(1).Add(time.Duration(i)*time.Hour)))
		if b.Number() != uint64(i)+2 || b.Beacon().N != uint64(i)+2 || len(b.Beacon().Times) != min(i+2, maxBeaconTimes) {
			t.Fatalf("bundle %d: number %d, beacon %d with %d times", i, b.Number(), b.Beacon().N, len(b.Beacon().Times))
		}
		if want, _ := fakeBeacon(b.Beacon().N); b.Beacon().Value != want {
			t.Errorf("beacon value %x, want %x", b.Beacon().Value, want)
		}
	}
	out, err := r.BuildBundle(day(9), bundleKey(t, "s"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if b := mustOpen(t, r, out); b.Beacon().N != 0 || b.Number() != 42 {
		t.Errorf("bundle %d without a beacon has beacon %d", b.Number(), b.Beacon().N)
	}
	if r.Number() != 42 || r.BeaconN() != 41 {
		t.Errorf("register at %d, beacon %d", r.Number(), r.BeaconN())
	}
}

// operatorOf is a copy of a register.
func operatorOf(tb testing.TB, r *Register) *Register {
	tb.Helper()
	out, err := ParseRegister(stateOf(tb, r))
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

// TRUST-36: the file of a register is held to the rules under which it grew.
func TestRegisterForm(t *testing.T) {
	r := operator(t)
	if _, err := r.AdmitVerifier(verifierRequest(t, "gate", edrpou(1), day0), VerifierGrant{ValidUntil: day(100)}, day0); err != nil {
		t.Fatal(err)
	}
	if err := r.Carry(publication(t, Publication{EDRPOU: edrpou(1), Carriers: signedCarriers(t, edrpou(1), day0, "one", 3)}), day0); err != nil {
		t.Fatal(err)
	}
	if err := r.SetTexts(map[string]Text{"notice": {UK: "Технічні роботи", EN: "Maintenance"}}); err != nil {
		t.Fatal(err)
	}
	if err := r.SetCards(Cards{Roots: [][]byte{{0x30, 0x00}}, CRLs: [][]byte{{}}}); err == nil {
		t.Error("an empty CRL is set")
	}
	if err := r.SetCards(Cards{Roots: [][]byte{{0x30, 0x00}}}); err != nil {
		t.Fatal(err)
	}
	if err := r.SetPolicy(Policy{Classes: map[Class]ClassPolicy{ClassCouncil: {2, 100 * time.Hour}}, BeaconAge: time.Hour}); err != nil {
		t.Fatal(err)
	}
	build(t, r, day(1))
	data := stateOf(t, r)
	back := operatorOf(t, r)
	if !bytes.Equal(stateOf(t, back), data) {
		t.Error("register changed on its way through its file")
	}
	b := mustOpen(t, back, build(t, back, day(2)))
	if text, ok := b.Text("notice"); !ok || text.EN != "Maintenance" {
		t.Errorf("notice: %+v", text)
	}
	if cards, err := b.Cards(); err != nil || len(cards.Roots) != 1 {
		t.Errorf("cards: %v", err)
	}
	edit := func(f func(map[string]any)) []byte {
		var v map[string]any
		if err := json.Unmarshal(data, &v); err != nil {
			t.Fatal(err)
		}
		f(v)
		out, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	first := func(v map[string]any, list string) map[string]any { return v[list].([]any)[0].(map[string]any) }
	double := func(v map[string]any, list string) { v[list] = append(v[list].([]any), v[list].([]any)[0]) }
	hash := base64.StdEncoding.EncodeToString(make([]byte, 32))
	for name, bad := range map[string][]byte{
		"nothing":               nil,
		"null":                  []byte("null"),
		"empty object":          []byte("{}"),
		"cut":                   data[:len(data)-10],
		"two values":            append(bytes.Clone(data), '{', '}'),
		"unknown field":         edit(func(v map[string]any) { v["more"] = 1 }),
		"version 2":             edit(func(v map[string]any) { v["version"] = 2 }),
		"no roots":              edit(func(v map[string]any) { v["roots"] = []any{} }),
		"root twice":            edit(func(v map[string]any) { double(v, "roots") }),
		"short salt":            edit(func(v map[string]any) { v["carrier_salt"] = "AAAA" }),
		"number without a time": edit(func(v map[string]any) { v["issued_at"] = 0 }),
		"time before 1970":      edit(func(v map[string]any) { v["issued_at"] = -5 }),
		"beacon without times":  edit(func(v map[string]any) { v["beacon_times"] = []any{} }),
		"times without beacon":  edit(func(v map[string]any) { v["beacon_n"] = 0 }),
		"body twice":            edit(func(v map[string]any) { double(v, "bodies") }),
		"body without a name":   edit(func(v map[string]any) { first(v, "bodies")["name"] = "" }),
		"body of another":       edit(func(v map[string]any) { first(v, "bodies")["owner"] = edrpou(2) }),
		"body of nobody":        edit(func(v map[string]any) { first(v, "bodies")["owner"] = edrpou(7) }),
		"key twice":             edit(func(v map[string]any) { double(v, "keys") }),
		"key for another body":  edit(func(v map[string]any) { first(v, "keys")["bodies"] = []any{edrpou(2)} }),
		"key of nobody":         edit(func(v map[string]any) { first(v, "keys")["owner"] = edrpou(7) }),
		"key is no key":         edit(func(v map[string]any) { first(v, "keys")["cose_key"] = "oA==" }),
		"key never valid":       edit(func(v map[string]any) { first(v, "keys")["valid_from"] = 0 }),
		"kind -1":               edit(func(v map[string]any) { first(v, "keys")["kinds"] = []any{-1} }),
		"verifier twice":        edit(func(v map[string]any) { double(v, "verifiers") }),
		"verifier of class 0":   edit(func(v map[string]any) { first(v, "verifiers")["class"] = 0 }),
		"verifier's key":        edit(func(v map[string]any) { first(v, "verifiers")["cose_key"] = "oA==" }),
		"list twice":            edit(func(v map[string]any) { double(v, "status_lists") }),
		"list is no list":       edit(func(v map[string]any) { v["status_lists"] = []any{"oA=="} }),
		"table twice":           edit(func(v map[string]any) { double(v, "codes") }),
		"table is no table":     edit(func(v map[string]any) { v["codes"] = []any{"oA=="} }),
		"carriers twice":        edit(func(v map[string]any) { double(v, "carriers") }),
		"withheld of nobody":    edit(func(v map[string]any) { v["carriers_withheld"] = map[string]any{edrpou(7): []any{hash}} }),
		"withheld twice":        edit(func(v map[string]any) { v["carriers_withheld"] = map[string]any{edrpou(1): []any{hash, hash}} }),
		"withheld is no hash":   edit(func(v map[string]any) { v["carriers_withheld"] = map[string]any{edrpou(1): []any{"AAAA"}} }),
		"withheld is none":      edit(func(v map[string]any) { v["carriers_withheld"] = map[string]any{edrpou(1): []any{}} }),
		"text without a pair":   edit(func(v map[string]any) { v["texts"] = map[string]any{"a": []any{"b"}} }),
		"policy of nine days":   edit(func(v map[string]any) { v["policy"].(map[string]any)["beacon_age_s"] = 9 * 86400 }),
		"card root is no DER":   edit(func(v map[string]any) { v["card_roots"] = []any{"AAAA"} }),
	} {
		got, err := ParseRegister(bad)
		wantError(t, name, err, ErrRegister)
		if got != nil {
			t.Errorf("%s: a register beside the error", name)
		}
	}
	for name, bad := range map[string][]byte{"length of one byte": {0x30}, "too short": {0x30, 0x05, 0}, "indefinite": {0x30, 0x80, 0, 0}, "four bytes of length": {0x30, 0x84, 0, 0, 0, 0}, "a SET": {0x31, 0}, "bytes behind": {0x30, 0, 0}} {
		if oneSequence(bad) {
			t.Errorf("%s: taken for a SEQUENCE", name)
		}
	}
	if !oneSequence(append([]byte{0x30, 0x82, 0x01, 0x00}, make([]byte, 256)...)) {
		t.Error("a SEQUENCE of 256 bytes is refused")
	}
	for name, bad := range map[string]map[string]Text{"no key": {"": {}}, "long key": {strings.Repeat("k", 65): {}}, "long text": {"k": {UK: strings.Repeat("a", maxText+1)}}} {
		if err := r.SetTexts(bad); err == nil {
			t.Errorf("%s: set", name)
		}
	}
}
