package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"
	"time"

	"github.com/posvid/posvid/codes"
	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/crypto/keys/authority"
	"github.com/posvid/posvid/testvectors"
	"github.com/posvid/posvid/testvectors/gen/demoroot"
	"github.com/posvid/posvid/trust"
)

const day = 24 * time.Hour

var (
	people = testvectors.Persons()
	// shown is when a code is made, now when it is read, base when the bundle and the lists were signed.
	shown = people[0].ShownAt
	now   = shown.Add(30 * time.Second)
	base  = now.Add(-time.Hour)
	// admitted is when bodies and verifiers were admitted.
	admitted = base.Add(-20 * day)
	// turned is when the key that is retired ended and the young key began.
	turned = people[0].IssuedAt
)

// Bodies of the vectors. Subordinate is one that ministry also speaks for; gone has left.
var (
	ministry = people[0].EDRPOU
	council  = people[1].EDRPOU
)

const (
	subordinate = "10000103"
	gone        = "10000104"
)

// Entries of list 0 with a meaning; every other one is valid.
const (
	indexValid     = 100
	indexRevoked   = 5
	indexSuspended = 6
	indexReserved  = 7
	listLength     = 4096
)

// Labels of two Ed25519 keys whose thumbprints begin with the same four bytes: found by trying 38,800 of them.
const (
	collidingOne = "collision 26052"
	collidingTwo = "collision 38800"
)

func issuerKey(label string) authority.IssuerPrivateKey {
	return must(authority.IssuerKeyForVectors(cose.ESP256, label))
}

func issuerKeyEd(label string) authority.IssuerPrivateKey {
	return must(authority.IssuerKeyForVectors(cose.Ed25519, label))
}

func holderKey(label string) keys.HolderPrivateKey { return must(keys.HolderKeyForVectors(label)) }

// keyring are the issuer keys of the vectors.
type keyring struct {
	main, second, edwards, cards, retired, compromised, young, short authority.IssuerPrivateKey
	council, gone, stranger                                          authority.IssuerPrivateKey
	collides, collidesForeign                                        authority.IssuerPrivateKey // ministry's, council's
}

func newKeyring() keyring {
	k := keyring{
		main: issuerKey("ministry"), second: issuerKey("ministry, second"), edwards: issuerKeyEd("ministry, Ed25519"),
		cards: issuerKey("ministry, cards"), retired: issuerKey("ministry, retired"), compromised: issuerKey("ministry, compromised"),
		young: issuerKey("ministry, young"), short: issuerKey("ministry, short life"),
		council: issuerKey("council"), gone: issuerKey("gone"), stranger: issuerKey("stranger"),
	}
	// A reader sorts keys with one key id by their bytes; the ministry's is the second one, which has to be found too.
	k.collidesForeign, k.collides = issuerKeyEd(collidingOne), issuerKeyEd(collidingTwo)
	if bytes.Compare(k.collidesForeign.IssuerPublic().MarshalCOSE(), k.collides.IssuerPublic().MarshalCOSE()) > 0 {
		k.collides, k.collidesForeign = k.collidesForeign, k.collides
	}
	return k
}

// operator is a trust operator with its register.
type operator struct {
	reg    *trust.Register
	signer authority.BundlePrivateKey
	chain  *credential.BeaconChain
}

// world is everything that vectors are made of.
type world struct {
	operator
	keys    keyring
	holder  keys.HolderPrivateKey
	other   keys.HolderPrivateKey // another official's
	thief   keys.HolderPrivateKey // nobody's
	gate    keys.VerifierPrivateKey
	gateID  uint64
	bundles map[string][]byte // trust/‹name›
	all     []testvectors.Scenario
	names   map[string]bool
}

func (o *operator) beaconAt(n uint64) ([8]byte, error) {
	b, ok := o.chain.At(n)
	if !ok {
		return b, fmt.Errorf("beacon %d is not in the chain", n)
	}
	return b, nil
}

// beacon is the value that is k newer than the one of the newest bundle.
func (w *world) beacon(k int) []byte {
	b := must(w.beaconAt(uint64(int64(beaconBase) + int64(k))))
	return b[:]
}

// beaconBase is the number of the beacon in bundle.sidb: as many bundles were made.
const beaconBase = 10

// clone copies an operator, so that a bundle can be made of another state.
func (o *operator) clone() *operator {
	return &operator{must(trust.ParseRegister(must(o.reg.Encode()))), o.signer, o.chain}
}

func (o *operator) build(at time.Time) []byte {
	return must(o.reg.BuildBundle(at, o.signer, o.beaconAt))
}

// admit admits a key for bodies, the first of which owns it.
func (o *operator) admit(k keys.IssuerSigner, g trust.Grant, bodies ...string) {
	q := trust.KeyRequest{Kinds: []uint8{0, 1, 2}, MaxLife: 30 * day, IssuedAt: admitted}
	for _, iss := range bodies {
		q.Bodies = append(q.Bodies, trust.BodyEntry{EDRPOU: iss, Name: "Орган " + iss, NameEN: "Body " + iss, DutyPhone: "+380440000000"})
	}
	if g.ValidFrom.IsZero() {
		g.ValidFrom = admitted
	}
	must(o.reg.AdmitKey(must(trust.EncodeKeyRequest(q, k)), g, admitted))
}

// entries is the content of a status list: its length and the entries that are not 0.
type entries struct {
	length int
	bits   int // 0 = 2
	set    map[int]byte
}

func (e entries) pack() []byte {
	bits := e.bits
	if bits == 0 {
		bits = 2
	}
	out := make([]byte, (e.length*bits+7)/8)
	for i, v := range e.set {
		out[i*bits/8] |= v << (i * bits % 8)
	}
	return out
}

// plainList is list 0 of every body.
var plainList = entries{length: listLength, set: map[int]byte{indexRevoked: 1, indexSuspended: 2, indexReserved: 3}}

// statusToken is a signed list in pieces, so that vectors can break it.
func statusToken(iss string, list int, iat time.Time, e entries, k keys.IssuerSigner) *sign1 {
	bits := e.bits
	if bits == 0 {
		bits = 2
	}
	id := k.IssuerPublic().KeyID()
	return &sign1{
		head: mapOf(1, int64(k.Algorithm()), 4, id[:], 16, "application/statuslist+cwt"),
		payload: mapOf(2, fmt.Sprintf("urn:posvid:%s:%d", iss, list), 4, iat.Unix()+8*86400, 6, iat.Unix(),
			65533, mapOf("lst", zlibOf(e.pack()), "bits", bits), 65534, 3600),
		signer: k,
	}
}

// table is the code table of every body.
func table() *codes.Table {
	t := codes.NewTable()
	for _, p := range people {
		must(t.Assign(codes.Position, p.Position.UK, p.Position.EN))
		must(t.Assign(codes.Unit, p.Unit.UK, p.Unit.EN))
	}
	return t
}

// carry publishes lists and the code table of a body.
func (o *operator) carry(iss string, at time.Time, k keys.IssuerSigner, lists map[int]entries, t *codes.Table) {
	p := trust.Publication{EDRPOU: iss}
	for _, n := range sortedInts(lists) {
		p.StatusLists = append(p.StatusLists, statusToken(iss, n, at, lists[n], k).build())
	}
	if t != nil {
		p.Codes = must(trust.SignCodes(iss, at, t, k))
	}
	check(o.reg.Carry(must(p.Encode()), at))
}

func sortedInts[V any](m map[int]V) []int {
	var out []int
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

// newWorld has the demo's root, four bodies, a verifier, and ten bundles of ten days, the newest of base.
func newWorld() *world {
	w := &world{bundles: map[string][]byte{}, names: map[string]bool{}, keys: newKeyring()}
	object, _, signer, err := demoroot.Root()
	check(err)
	w.reg, w.signer = must(trust.NewRegister(object)), signer
	w.chain = credential.NewBeaconChain(sha256.Sum256([]byte("posvid test vectors")), 200)
	w.holder, w.other, w.thief = holderKey("honcharuk"), holderKey("nesterenko"), holderKey("thief")

	k := w.keys
	w.admit(k.main, trust.Grant{}, ministry, subordinate)
	w.admit(k.second, trust.Grant{}, ministry)
	w.admit(k.edwards, trust.Grant{}, ministry)
	w.admit(k.cards, trust.Grant{Kinds: []uint8{2}}, ministry)
	w.admit(k.retired, trust.Grant{}, ministry)
	w.admit(k.compromised, trust.Grant{}, ministry)
	w.admit(k.young, trust.Grant{ValidFrom: turned}, ministry)
	w.admit(k.short, trust.Grant{MaxLife: day}, ministry)
	w.admit(k.collides, trust.Grant{}, ministry)
	w.admit(k.council, trust.Grant{}, council)
	w.admit(k.collidesForeign, trust.Grant{}, council)
	w.admit(k.gone, trust.Grant{}, gone)
	w.gate = must(keys.VerifierKeyForVectors("gate"))
	request := must(trust.EncodeVerifierRequest(trust.VerifierRequest{Body: council, Name: "Прохідна", Class: trust.ClassCheckpoint,
		IssuedAt: admitted, HPKE: w.gate.HPKEPublic()}, w.gate))
	w.gateID = must(w.reg.AdmitVerifier(request, trust.VerifierGrant{ValidUntil: base.Add(365 * day)}, admitted))

	for i := 9; i > 0; i-- {
		at := base.Add(-time.Duration(i) * day)
		if i == 3 { // what a body published before it left stays in the bundle until it expires
			w.carry(gone, at, k.gone, map[int]entries{0: plainList}, table())
		}
		if i == 1 {
			w.carry(ministry, at, k.main, map[int]entries{0: plainList}, table())
			w.carry(council, at, k.council, map[int]entries{0: plainList}, table())
			check(w.reg.EndBody(gone, base.Add(-2*day)))
		}
		data := w.build(at)
		if i == 1 {
			w.bundles["older.sidb"] = data
		}
	}
	check(w.reg.End(k.retired.IssuerPublic().KeyID(), trust.Ending{RetiredAt: turned}))
	check(w.reg.End(k.compromised.IssuerPublic().KeyID(), trust.Ending{Compromised: true}))
	w.carry(ministry, base.Add(-23*time.Hour-1*time.Minute), k.main, map[int]entries{4: plainList}, nil)
	big := entries{length: 1 << 20}
	w.carry(ministry, base, k.main, map[int]entries{0: plainList, 31: big, 4095: {length: 8}}, table())
	check(w.reg.Carry(must(trust.Publication{EDRPOU: ministry,
		StatusLists: [][]byte{statusToken(subordinate, 0, base, plainList, k.main).build()}}.Encode()), base))
	list := int(people[1].Status.Check.List)
	w.carry(council, base, k.council, map[int]entries{0: plainList, list: big}, table())
	return w
}
