//go:build !js

package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/posvid/posvid/checkpoint"
	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/crypto/keys/authority"
	"github.com/posvid/posvid/trust"
)

var base = time.Date(2026, 11, 22, 6, 0, 0, 0, time.UTC)

// now is an hour after the bundle.
var now = base.Add(time.Hour)

const (
	day  = 24 * time.Hour
	body = "10000001"
)

func must[T any](t testing.TB) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// world is a trust operator with one body.
type world struct {
	t      testing.TB
	reg    *trust.Register
	signer authority.BundlePrivateKey
	chain  *credential.BeaconChain
	issuer authority.IssuerPrivateKey
	pin    trust.Fingerprint
	made   int
	gone   []uint32 // places of revoked IDs
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, chain: credential.NewBeaconChain(sha256.Sum256([]byte("page")), 100)}
	member := must[authority.RootPrivateKey](t)(authority.RootKeyForVectors("page"))
	w.signer = must[authority.BundlePrivateKey](t)(authority.BundleKeyForVectors("page"))
	root := trust.Root{Number: 1, Threshold: 1, IssuedAt: base.Add(-60 * day)}
	root.Members = append(root.Members, member.RootPublic())
	root.BundleSigners = append(root.BundleSigners, w.signer.BundlePublic())
	payload := must[[]byte](t)(root.Encode())
	w.pin = trust.RootFingerprint(payload)
	w.reg = must[*trust.Register](t)(trust.NewRegister(must[[]byte](t)(trust.SignRoot(payload, []keys.RootSigner{member}))))
	w.issuer = must[authority.IssuerPrivateKey](t)(authority.IssuerKeyForVectors(cose.ESP256, "page"))
	request := must[[]byte](t)(trust.EncodeKeyRequest(trust.KeyRequest{Kinds: []uint8{0}, MaxLife: 30 * day, IssuedAt: base.Add(-day),
		Bodies: []trust.BodyEntry{{EDRPOU: body, Name: "Орган", NameEN: "Body", DutyPhone: "+380440000000"}}}, w.issuer))
	must[keys.KeyID](t)(w.reg.AdmitKey(request, trust.Grant{ValidFrom: base.Add(-day)}, base.Add(-day)))
	return w
}

func (w *world) bundle(at time.Time) []byte {
	w.t.Helper()
	b := must[*trust.StatusListBuilder](w.t)(trust.NewStatusListBuilder(64))
	for _, i := range append(w.gone, 5) {
		if err := b.Set(i, trust.StatusInvalid); err != nil {
			w.t.Fatal(err)
		}
	}
	list := must[[]byte](w.t)(trust.SignStatusList(body, 0, at, b, w.issuer))
	if err := w.reg.Carry(must[[]byte](w.t)(trust.Publication{EDRPOU: body, StatusLists: [][]byte{list}}.Encode()), at); err != nil {
		w.t.Fatal(err)
	}
	w.made++
	return must[[]byte](w.t)(w.reg.BuildBundle(at, w.signer, func(n uint64) ([8]byte, error) { b, _ := w.chain.At(n); return b, nil }))
}

// portrait is the picture whose hash every ID of this world has.
var portrait = append([]byte{0xff, 0xd8, 0xff}, bytes.Repeat([]byte("face"), 100)...)

// person shows codes.
type person struct {
	w      *world
	holder keys.HolderPrivateKey
	token  []byte
}

func (w *world) person(index uint32, name string) *person {
	w.t.Helper()
	p := &person{w: w, holder: must[keys.HolderPrivateKey](w.t)(keys.HolderKeyForVectors(name))}
	sum := sha256.Sum256(portrait)
	claims := credential.Claims{Issuer: body, Number: fmt.Sprintf("АА %06d", index), IssuedAt: base, ExpiresAt: base.Add(30 * day), Holder: p.holder.HolderPublic(),
		Name: name, PhotoHash: [20]byte(sum[:20]), HasPhoto: true, Status: must[credential.StatusRef](w.t)(credential.NewStatusRef(0, index))}
	p.token = must[[]byte](w.t)(credential.SignToken(must[[]byte](w.t)(credential.EncodePayload(&claims)), w.issuer))
	return p
}

func (p *person) code(at time.Time) string {
	p.w.t.Helper()
	beacon, _ := p.w.chain.At(uint64(p.w.made))
	return credential.EncodeText(credential.Prefix, must[[]byte](p.w.t)(credential.Present(p.token, p.holder, credential.AudienceAny, at, beacon[:])))
}

func (p *person) answer(challenge string, at time.Time) string {
	p.w.t.Helper()
	_, data, err := credential.DecodeText(challenge)
	if err != nil {
		p.w.t.Fatal(err)
	}
	u := must[*credential.UnverifiedChallenge](p.w.t)(credential.ParseChallenge(data))
	c := must[*credential.Challenge](p.w.t)(u.Verify(gate.VerifierPublic()))
	return credential.EncodeText(credential.Prefix, must[[]byte](p.w.t)(credential.Present(p.token, p.holder, credential.VerifierAudience(c.VerifierID), at, c.Nonce[:])))
}

// gate is the key of the page in tests.
var gate = func() keys.VerifierPrivateKey {
	k, err := keys.GenerateVerifierKey()
	if err != nil {
		panic(err)
	}
	return k
}()

// shelf is a page's storage.
type shelf struct {
	files  map[string][]byte
	broken bool
}

func (s *shelf) Read(name string) ([]byte, error) { return s.files[name], nil }

func (s *shelf) Write(name string, data []byte) error {
	if s.broken {
		return errors.New("quota")
	}
	if data == nil {
		delete(s.files, name)
	} else {
		s.files[name] = bytes.Clone(data)
	}
	return nil
}

// bench is a page with its storage and a clock.
type bench struct {
	*device
	t     testing.TB
	store *shelf
	at    time.Time
	since time.Duration
}

// newBench is a page that is set up.
func (w *world) bench() *bench {
	w.t.Helper()
	b := &bench{t: w.t, store: &shelf{files: map[string][]byte{}}, at: now}
	b.device = newDevice(checkpoint.OpenStorage(b.store, func() (string, time.Duration, bool) { return "page", b.since, true }), "uk")
	b.order(order{Op: "pin", Text: w.pin.String()})
	if a := b.orderData(order{Op: "install"}, w.bundle(base)); a.Fault != nil || !a.Report.Changed {
		w.t.Fatalf("%+v", a.Fault)
	}
	return b
}

// admitted is a page whose key is in the bundle.
func (w *world) admitted() *bench {
	w.t.Helper()
	b := w.bench()
	if err := b.setKey(gate, gate.HPKEPublic()); err != nil {
		w.t.Fatal(err)
	}
	a := b.order(order{Op: "request", Body: body, Name: "Вхід", Class: "checkpoint"})
	must[uint64](w.t)(w.reg.AdmitVerifier(a.Data, trust.VerifierGrant{ValidUntil: base.Add(300 * day)}, now))
	if a := b.orderData(order{Op: "install"}, w.bundle(base.Add(time.Minute))); a.Fault != nil {
		w.t.Fatalf("%+v", a.Fault)
	}
	return b
}

func (b *bench) wait(d time.Duration) *bench {
	b.at, b.since = b.at.Add(d), b.since+d
	return b
}

func (b *bench) orderData(o order, data []byte) *answer {
	b.t.Helper()
	o.At = b.at.UnixMilli()
	text, err := json.Marshal(o)
	if err != nil {
		b.t.Fatal(err)
	}
	a, err := b.do(string(text), data)
	if err != nil {
		b.t.Fatalf("%s: %v", o.Op, err)
	}
	return a
}

func (b *bench) order(o order) *answer {
	b.t.Helper()
	return b.orderData(o, nil)
}

// read gives the page a reading and answers what it shows.
func (b *bench) read(from string, texts ...string) *jsonScreen {
	b.t.Helper()
	return b.order(order{Op: "reading", Source: from, Texts: texts, Network: true}).Screen
}

// screen is what the page shows now.
func (b *bench) look() *jsonScreen {
	b.t.Helper()
	return b.order(order{Op: "tick"}).Screen
}

// code is the code of the verdict on the page; "" when there is none.
func code(s *jsonScreen) string {
	if s.Verdict == nil {
		return ""
	}
	return s.Verdict.Code
}
