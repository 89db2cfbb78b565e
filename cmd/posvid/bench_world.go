package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/posvid/posvid/checkpoint"
	"github.com/posvid/posvid/codes"
	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/crypto/keys/authority"
	"github.com/posvid/posvid/qr"
	"github.com/posvid/posvid/testvectors"
	"github.com/posvid/posvid/testvectors/gen/demoroot"
	"github.com/posvid/posvid/trust"
)

// benchSize is how much is measured. benchFull is what the bars speak of; tests use less.
type benchSize struct {
	bodies       int // each with 3 keys, a status list and a code table
	statuses     int // over all bodies
	codes        int // rows of code tables over all bodies
	moreCodes    int // the same of the larger bundle
	rounds       int // interleaved rounds of a CPU row
	opens        int // bundle openings
	children     int // processes started for each figure
	grouped      int // IDs issued in groups, in each turn
	single       int // IDs issued one after the other, in each turn
	turns        int // stores issued from
	allocRuns    int // verdicts over which allocations are counted
	partialLimit time.Duration
}

var benchFull = benchSize{bodies: 100, statuses: 500_000, codes: 5_000, moreCodes: 100_000, rounds: 1500, opens: 41, children: 15,
	grouped: 4096, single: 256, turns: 3, allocRuns: 500, partialLimit: 5 * time.Second}

// benchKeysPerBody makes the 300 keys of the bar out of 100 bodies.
const benchKeysPerBody = 3

// benchIndex is the status place of the reference person; it stays valid.
const benchIndex = 100

// benchWorld is one trust operator under the public demo root with many bodies, and one holder of the first body.
type benchWorld struct {
	size   benchSize
	dir    string
	person testvectors.Person
	at     time.Time // when codes are verified
	shown  time.Time // when the code was made

	register *trust.Register
	signer   authority.BundlePrivateKey
	chain    *credential.BeaconChain
	pin      trust.Fingerprint
	bodies   []*benchBody
	iss      []string // ЄДРПОУ of the bodies

	holder keys.HolderPrivateKey
	claims credential.Claims
}

// benchBody is one body with the key that signs for it.
type benchBody struct {
	edrpou string
	signer authority.IssuerPrivateKey
	list   []byte
	table  *codes.Table
}

// newBenchWorld admits the bodies and signs their lists. Nothing is published yet.
func newBenchWorld(ctx context.Context, size benchSize, dir string) (*benchWorld, error) {
	person := testvectors.Persons()[0]
	w := &benchWorld{size: size, dir: dir, person: person, shown: person.ShownAt, at: person.ShownAt.Add(10 * time.Second)}
	root, _, signer, err := demoroot.Root()
	if err != nil {
		return nil, err
	}
	if w.register, err = trust.NewRegister(root); err != nil {
		return nil, err
	}
	w.signer, w.pin = signer, w.register.RootFingerprint()
	w.chain = credential.NewBeaconChain(sha256.Sum256([]byte("posvid bench")), 64)
	if w.holder, err = keys.GenerateHolderKey(); err != nil {
		return nil, err
	}
	since := person.IssuedAt.Add(-20 * 24 * time.Hour)
	rng := rand.New(rand.NewPCG(1, 2)) // the same statuses on every machine
	for n := range size.bodies {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		b := &benchBody{edrpou: fmt.Sprintf("%08d", 10000000+n), table: codes.NewTable()}
		if n == 0 {
			b.edrpou = person.EDRPOU
		}
		for range benchKeysPerBody {
			if b.signer, err = authority.GenerateIssuerKey(cose.ESP256); err != nil {
				return nil, err
			}
			request, err := trust.EncodeKeyRequest(trust.KeyRequest{
				Bodies: []trust.BodyEntry{{EDRPOU: b.edrpou, Name: fmt.Sprintf("Вигаданий орган № %d", n), NameEN: fmt.Sprintf("Invented body %d", n), DutyPhone: "+380 44 000 00 00"}},
				Kinds:  []uint8{0, 1, 2}, MaxLife: 31 * 24 * time.Hour, IssuedAt: since}, b.signer)
			if err != nil {
				return nil, err
			}
			if _, err := w.register.AdmitKey(request, trust.Grant{ValidFrom: since}, since); err != nil {
				return nil, err
			}
		}
		per := max(size.statuses/size.bodies, 2*benchIndex)
		list, err := trust.NewStatusListBuilder(per)
		if err != nil {
			return nil, err
		}
		for i := range per {
			if i != benchIndex && rng.IntN(50) == 0 { // 2 % are revoked or suspended
				if err := list.Set(uint32(i), trust.StatusValue(1+rng.IntN(2))); err != nil {
					return nil, err
				}
			}
		}
		if b.list, err = trust.SignStatusList(b.edrpou, 0, w.published(), list, b.signer); err != nil {
			return nil, err
		}
		w.bodies, w.iss = append(w.bodies, b), append(w.iss, b.edrpou)
	}
	status, err := credential.NewStatusRef(0, benchIndex)
	if err != nil {
		return nil, err
	}
	w.claims = credential.Claims{Issuer: person.EDRPOU, Number: person.Number, IssuedAt: person.IssuedAt, ExpiresAt: person.ExpiresAt,
		Holder: w.holder.HolderPublic(), Face: credential.FaceFull, Name: person.FullName(), Position: credential.CodedText{Code: 1},
		Unit: credential.CodedText{Code: 1}, Rank: person.Rank, Category: person.Category, PhotoHash: person.Photo(), HasPhoto: true, Status: status}
	return w, nil
}

// published is when the lists and the first bundle are signed.
func (w *benchWorld) published() time.Time { return w.shown.Add(-3 * time.Hour) }

// grow brings the code tables to rows entries over all bodies; a table only grows.
func (w *benchWorld) grow(rows int) error {
	for _, b := range w.bodies {
		for i := int(b.table.Len(codes.Position) + b.table.Len(codes.Unit)); i < max(rows/w.size.bodies, 2); i++ {
			var err error
			switch {
			case i == 0:
				_, err = b.table.Assign(codes.Position, w.person.Position.UK, w.person.Position.EN)
			case i == 1:
				_, err = b.table.Assign(codes.Unit, w.person.Unit.UK, w.person.Unit.EN)
			case i%2 == 0:
				_, err = b.table.Assign(codes.Position, fmt.Sprintf("Головний спеціаліст з питань організаційної роботи № %d", i), fmt.Sprintf("Chief Specialist for Organisation %d", i))
			default:
				_, err = b.table.Assign(codes.Unit, fmt.Sprintf("Відділ організаційної роботи та контролю № %d", i), fmt.Sprintf("Division of Organisation and Control %d", i))
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// publish carries every body's list and table and builds the next bundle, as the operator does each day.
func (w *benchWorld) publish(rows int) ([]byte, error) {
	if err := w.grow(rows); err != nil {
		return nil, err
	}
	at := w.published().Add(time.Duration(w.register.Number()) * time.Minute)
	for _, b := range w.bodies {
		signed, err := trust.SignCodes(b.edrpou, at, b.table, b.signer)
		if err != nil {
			return nil, err
		}
		publication, err := trust.Publication{EDRPOU: b.edrpou, StatusLists: [][]byte{b.list}, Codes: signed}.Encode()
		if err != nil {
			return nil, err
		}
		if err := w.register.Carry(publication, at); err != nil {
			return nil, err
		}
	}
	return w.register.BuildBundle(at, w.signer, func(n uint64) ([8]byte, error) {
		value, ok := w.chain.At(n)
		if !ok {
			return value, fmt.Errorf("posvid: bench: beacon %d is beyond its chain", n)
		}
		return value, nil
	})
}

// code makes a holder's broadcast code of the full face, with the newest beacon.
func (w *benchWorld) code() (string, error) {
	payload, err := credential.EncodePayload(&w.claims)
	if err != nil {
		return "", err
	}
	token, err := credential.SignToken(payload, w.bodies[0].signer)
	if err != nil {
		return "", err
	}
	beacon, ok := w.chain.At(w.register.BeaconN())
	if !ok {
		return "", fmt.Errorf("posvid: bench: no beacon %d", w.register.BeaconN())
	}
	presentation, err := credential.Present(token, w.holder, credential.AudienceAny, w.shown, beacon[:])
	if err != nil {
		return "", err
	}
	return credential.EncodeText(credential.Prefix, presentation), nil
}

// files leaves the bundle, the picture of a code and a checkpoint with the demo root pinned, as a cold start finds them.
func (w *benchWorld) files(bundle []byte, text string) error {
	if err := os.WriteFile(w.bundleFile(), bundle, 0o600); err != nil {
		return err
	}
	symbol, err := qr.Encode(text)
	if err != nil {
		return err
	}
	var picture bytes.Buffer
	if err := symbol.PNG(&picture, qr.PNGOptions{}); err != nil {
		return err
	}
	if err := os.WriteFile(w.pictureFile(), picture.Bytes(), 0o600); err != nil {
		return err
	}
	state, err := checkpoint.Open(filepath.Join(w.dir, "checkpoint"))
	if err != nil {
		return err
	}
	return state.Pin(w.pin)
}

func (w *benchWorld) bundleFile() string  { return filepath.Join(w.dir, "bundle.sidb") }
func (w *benchWorld) pictureFile() string { return filepath.Join(w.dir, "code.png") }

// benchChars gives the length of the broadcast code of a reference person, beacon included: which face, and whether
// position and unit are texts instead of numbers.
func benchChars(p testvectors.Person, face credential.Face, texts bool) (int, error) {
	signer, err := authority.GenerateIssuerKey(cose.ESP256)
	if err != nil {
		return 0, err
	}
	holder, err := keys.GenerateHolderKey()
	if err != nil {
		return 0, err
	}
	place := p.Status.Check
	c := credential.Claims{Issuer: p.EDRPOU, Number: p.Number, IssuedAt: p.IssuedAt, ExpiresAt: p.ExpiresAt, Holder: holder.HolderPublic(), Face: face,
		Name: credential.ShortName(p.Surname, p.GivenName, p.Patronymic), PhotoHash: p.Photo(), HasPhoto: true}
	if face == credential.FaceFull {
		place = p.Status.Full
		c.Name, c.Category, c.Rank = p.FullName(), p.Category, p.Rank
		c.Position, c.Unit = credential.CodedText{Code: p.Position.Code}, credential.CodedText{Code: p.Unit.Code}
		if texts {
			c.Position, c.Unit = credential.CodedText{Text: p.Position.UK}, credential.CodedText{Text: p.Unit.UK}
		}
	}
	if c.Status, err = credential.NewStatusRef(place.List, place.Index); err != nil {
		return 0, err
	}
	payload, err := credential.EncodePayload(&c)
	if err != nil {
		return 0, err
	}
	token, err := credential.SignToken(payload, signer)
	if err != nil {
		return 0, err
	}
	beacon := credential.Beacon{0xb0, 0xb1, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7}
	presentation, err := credential.Present(token, holder, credential.AudienceAny, p.ShownAt, beacon[:])
	if err != nil {
		return 0, err
	}
	return len(credential.EncodeText(credential.Prefix, presentation)), nil
}
