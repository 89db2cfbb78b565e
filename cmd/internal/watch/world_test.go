package watch_test

import (
	"bytes"
	"crypto/sha256"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/posvid/posvid/checkpoint"
	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/crypto/keys/authority"
	"github.com/posvid/posvid/hr"
	"github.com/posvid/posvid/testvectors/gen/demoroot"
	"github.com/posvid/posvid/testvectors/gen/hrdata"
	"github.com/posvid/posvid/trust"
)

const (
	body       = "99000011"
	passphrase = "проба"
)

// person is one of the world's people.
type person struct {
	token  []byte
	holder keys.HolderPrivateKey
}

// world is a checkpoint under the demo root, at the real time, with its keys, photos and three invented people.
type world struct {
	tb     testing.TB
	dir    string
	chain  *credential.BeaconChain
	id     uint64 // of the checkpoint
	people map[string]person
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

func newWorld(tb testing.TB) *world {
	tb.Helper()
	now := time.Now().UTC().Truncate(time.Second)
	made := now.Add(-20 * time.Minute)
	w := &world{tb: tb, dir: filepath.Join(tb.TempDir(), "checkpoint"), people: map[string]person{}}
	object, _, signer, err := demoroot.Root()
	if err != nil {
		tb.Fatal(err)
	}
	reg := must[*trust.Register](tb)(trust.NewRegister(object))
	w.chain = credential.NewBeaconChain(sha256.Sum256([]byte("watch")), 100)
	issuer := must[authority.IssuerPrivateKey](tb)(authority.IssuerKeyForVectors(cose.ESP256, "watch"))
	request := must[[]byte](tb)(trust.EncodeKeyRequest(trust.KeyRequest{Kinds: []uint8{0}, MaxLife: 30 * 24 * time.Hour, IssuedAt: made.Add(-24 * time.Hour),
		Bodies: []trust.BodyEntry{{EDRPOU: body, Name: hrdata.MinistryName, NameEN: hrdata.MinistryNameEN, DutyPhone: "+380 44 000 00 01"}}}, issuer))
	must[keys.KeyID](tb)(reg.AdmitKey(request, trust.Grant{ValidFrom: made.Add(-48 * time.Hour)}, made.Add(-24*time.Hour)))

	state := must[*checkpoint.State](tb)(checkpoint.Open(w.dir))
	key := must[keys.VerifierPrivateKey](tb)(state.NewKeys([]byte(passphrase), keys.SealOptions{WorkFactor: 10}))
	asks := must[[]byte](tb)(state.Request(key, body, "Вхід № 1, міністерство", trust.ClassCheckpoint, made.Add(-time.Hour)))
	w.id = must[uint64](tb)(reg.AdmitVerifier(asks, trust.VerifierGrant{ValidUntil: now.Add(365 * 24 * time.Hour)}, made.Add(-time.Hour)))

	builder := must[*trust.StatusListBuilder](tb)(trust.NewStatusListBuilder(64))
	staff := hrdata.Ministry(1)
	var hashes [][20]byte
	photos := map[[20]byte][]byte{}
	for i, p := range []struct {
		name   string
		row    int
		status trust.StatusValue
	}{{"taras", 0, trust.StatusValid}, {"oleksandra", 1, trust.StatusValid}, {"revoked", 7, trust.StatusInvalid}} {
		r := &staff[p.row]
		status := must[credential.StatusRef](tb)(credential.NewStatusRef(0, uint32(i)))
		if err := builder.Set(uint32(i), p.status); err != nil {
			tb.Fatal(err)
		}
		picture, sum, err := hr.NormalisePhoto(hrdata.PortraitOf(r))
		if err != nil {
			tb.Fatal(err)
		}
		hash := [20]byte(sum[:20])
		hashes, photos[hash] = append(hashes, hash), picture
		holder := must[keys.HolderPrivateKey](tb)(keys.HolderKeyForVectors("watch " + p.name))
		claims := credential.Claims{Issuer: body, Number: r.Plastic.Series + r.Plastic.Number, IssuedAt: made.Add(-time.Hour), ExpiresAt: made.Add(29 * 24 * time.Hour), Holder: holder.HolderPublic(),
			Face: credential.FaceFull, Name: r.FullName(), Position: credential.CodedText{Text: r.Position}, Unit: credential.CodedText{Text: r.Unit},
			Rank: r.Rank, Category: r.Category, PhotoHash: hash, HasPhoto: true, Status: status}
		token := must[[]byte](tb)(credential.SignToken(must[[]byte](tb)(credential.EncodePayload(&claims)), issuer))
		w.people[p.name] = person{token, holder}
	}
	list := must[[]byte](tb)(trust.SignStatusList(body, 0, made, builder, issuer))
	if err := reg.Carry(must[[]byte](tb)(trust.Publication{EDRPOU: body, StatusLists: [][]byte{list}}.Encode()), made); err != nil {
		tb.Fatal(err)
	}
	bundle := must[[]byte](tb)(reg.BuildBundle(made, signer, func(n uint64) ([8]byte, error) { b, _ := w.chain.At(n); return b, nil }))
	if err := state.Pin(reg.RootFingerprint()); err != nil {
		tb.Fatal(err)
	}
	must[checkpoint.Report](tb)(state.Install(bundle, now))

	var pack bytes.Buffer
	must[checkpoint.PhotosReport](tb)(checkpoint.WritePhotos(&pack, body, reg.Verifiers(), hashes, func(h [20]byte) ([]byte, error) { return photos[h], nil }, made))
	must[checkpoint.PhotosReport](tb)(state.InstallPhotos(&pack, key, now))
	return w
}

// code is a code that a person's phone shows, made age ago.
func (w *world) code(name string, age time.Duration) string {
	w.tb.Helper()
	beacon, _ := w.chain.At(1)
	return w.present(name, credential.AudienceAny, age, beacon[:])
}

// answer is a person's answer to a challenge.
func (w *world) answer(name, challenge string) string {
	w.tb.Helper()
	prefix, data, err := credential.DecodeText(challenge)
	if err != nil || prefix != credential.ChallengePrefix {
		w.tb.Fatalf("challenge %.20q: prefix %q, %v", challenge, prefix, err)
	}
	open := must[*credential.UnverifiedChallenge](w.tb)(credential.ParseChallenge(data))
	state := must[*checkpoint.State](w.tb)(checkpoint.Open(w.dir))
	b := must[*trust.Bundle](w.tb)(state.Bundle())
	entry, ok, err := b.Verifier(w.id)
	if err != nil || !ok {
		w.tb.Fatalf("verifier %d: %v %v", w.id, ok, err)
	}
	c := must[*credential.Challenge](w.tb)(open.Verify(entry.SigningKey))
	return w.present(name, credential.VerifierAudience(c.VerifierID), time.Second, c.Nonce[:])
}

func (w *world) present(name, audience string, age time.Duration, nonce []byte) string {
	w.tb.Helper()
	p := w.people[name]
	shown := must[[]byte](w.tb)(credential.Present(p.token, p.holder, audience, time.Now().Add(-age), nonce))
	return credential.EncodeText(credential.Prefix, shown)
}

// passphraseFile is a file with the device's passphrase.
func (w *world) passphraseFile() string {
	w.tb.Helper()
	name := filepath.Join(w.tb.TempDir(), "passphrase")
	if err := os.WriteFile(name, []byte(passphrase+"\n"), 0o600); err != nil {
		w.tb.Fatal(err)
	}
	return name
}
