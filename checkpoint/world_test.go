package checkpoint

import (
	"crypto/sha256"
	"testing"
	"time"

	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/crypto/keys/authority"
	"github.com/posvid/posvid/trust"
	"github.com/posvid/posvid/verifier"
)

var base = time.Date(2026, 11, 22, 6, 0, 0, 0, time.UTC)

const (
	day  = 24 * time.Hour
	body = "10000001"
)

// world is a trust operator with one body; bundle n of it is of base plus n hours.
type world struct {
	tb      testing.TB
	reg     *trust.Register
	signer  authority.BundlePrivateKey
	chain   *credential.BeaconChain
	pin     trust.Fingerprint
	issuer  authority.IssuerPrivateKey
	holder  keys.HolderPrivateKey
	token   []byte
	bundles [][]byte // by number, from 1; 0 is empty
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

func newWorld(tb testing.TB, label string) *world {
	tb.Helper()
	w := &world{tb: tb, bundles: [][]byte{nil}}
	member := must[authority.RootPrivateKey](tb)(authority.RootKeyForVectors(label))
	w.signer = must[authority.BundlePrivateKey](tb)(authority.BundleKeyForVectors(label))
	root := trust.Root{Number: 1, Threshold: 1, IssuedAt: base.Add(-60 * day)}
	root.Members = append(root.Members, member.RootPublic())
	root.BundleSigners = append(root.BundleSigners, w.signer.BundlePublic())
	payload := must[[]byte](tb)(root.Encode())
	w.pin = trust.RootFingerprint(payload)
	w.reg = must[*trust.Register](tb)(trust.NewRegister(must[[]byte](tb)(trust.SignRoot(payload, []keys.RootSigner{member}))))
	w.chain = credential.NewBeaconChain(sha256.Sum256([]byte(label)), 500)
	w.issuer = must[authority.IssuerPrivateKey](tb)(authority.IssuerKeyForVectors(cose.ESP256, label))
	request := must[[]byte](tb)(trust.EncodeKeyRequest(trust.KeyRequest{Kinds: []uint8{0}, MaxLife: 30 * day, IssuedAt: base.Add(-day),
		Bodies: []trust.BodyEntry{{EDRPOU: body, Name: "Орган"}}}, w.issuer))
	must[keys.KeyID](tb)(w.reg.AdmitKey(request, trust.Grant{ValidFrom: base.Add(-day)}, base.Add(-day)))
	w.holder = must[keys.HolderPrivateKey](tb)(keys.HolderKeyForVectors(label))
	claims := credential.Claims{Issuer: body, Number: "АА 004022", IssuedAt: base, ExpiresAt: base.Add(30 * day), Holder: w.holder.HolderPublic(),
		Name: "Гончарук Т. Г."}
	w.token = must[[]byte](tb)(credential.SignToken(must[[]byte](tb)(credential.EncodePayload(&claims)), w.issuer))
	return w
}

// publish makes the next bundle.
func (w *world) publish() []byte {
	w.tb.Helper()
	at := base.Add(time.Duration(len(w.bundles)) * time.Hour)
	b := must[*trust.StatusListBuilder](w.tb)(trust.NewStatusListBuilder(64))
	list := must[[]byte](w.tb)(trust.SignStatusList(body, 0, at, b, w.issuer))
	if err := w.reg.Carry(must[[]byte](w.tb)(trust.Publication{EDRPOU: body, StatusLists: [][]byte{list}}.Encode()), at); err != nil {
		w.tb.Fatal(err)
	}
	data := must[[]byte](w.tb)(w.reg.BuildBundle(at, w.signer, func(n uint64) ([8]byte, error) { b, _ := w.chain.At(n); return b, nil }))
	w.bundles = append(w.bundles, data)
	return data
}

// worldOf is a world with n bundles.
func worldOf(tb testing.TB, n int) *world {
	tb.Helper()
	w := newWorld(tb, "operator")
	for range n {
		w.publish()
	}
	return w
}

// after is one minute after bundle n was made.
func after(n int) time.Time { return base.Add(time.Duration(n)*time.Hour + time.Minute) }

// code is a code shown 10 s before at, with the beacon of bundle n.
func (w *world) code(at time.Time, n int, audience string, cnonce []byte) string {
	w.tb.Helper()
	if audience == "" {
		audience = credential.AudienceAny
		beacon, _ := w.chain.At(uint64(n))
		cnonce = beacon[:]
	}
	p := must[[]byte](w.tb)(credential.Present(w.token, w.holder, audience, at.Add(-10*time.Second), cnonce))
	return credential.EncodeText(credential.Prefix, p)
}

// device is a pinned state folder with the given bundles installed.
func (w *world) device(install ...int) *State {
	w.tb.Helper()
	s := must[*State](w.tb)(Open(w.tb.TempDir()))
	if err := s.Pin(w.pin); err != nil {
		w.tb.Fatal(err)
	}
	for _, n := range install {
		must[Report](w.tb)(s.Install(w.bundles[n], after(n)))
	}
	return s
}

// reopen is the folder as another process sees it.
func reopen(tb testing.TB, s *State) *State {
	tb.Helper()
	return must[*State](tb)(Open(s.dir))
}

// number is that of the installed bundle; 0 when there is none.
func number(tb testing.TB, s *State) uint64 {
	tb.Helper()
	b, err := reopen(tb, s).Bundle()
	if err != nil {
		return 0
	}
	return b.Number()
}

// verdict is the one of a fresh code at a time, without recording it.
func (w *world) verdict(s *State, n int) verifier.Verdict {
	w.tb.Helper()
	return s.Verify(verifier.Input{Text: w.code(after(n), n, "", nil), At: after(n)}, Gate{})
}
