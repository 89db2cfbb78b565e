package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/hr"
	"github.com/posvid/posvid/issuer"
)

// Populate fills a store with n invented, enrolled people for measurements and crash tests and answers
// their entitlements. first is the number of the first one, so that a store can be filled in steps.
// holder makes the COSE_Key of person i. The birth dates lie before 1910: no living number is hit.
func Populate(ctx context.Context, s *Store, edrpou string, first, n int, at time.Time, holder func(i int) ([]byte, error)) ([]int64, error) {
	const step = 500
	register, err := issuer.OpenRegister(ctx, s)
	if err != nil {
		return nil, err
	}
	ids := make([]int64, 0, n)
	for from := first; from < first+n; from += step {
		err := s.Update(ctx, func(tx issuer.Tx) error {
			ids = ids[:from-first]
			for i := from; i < min(from+step, first+n); i++ {
				id, err := populateOne(tx, register, edrpou, i, at, holder)
				if err != nil {
					return fmt.Errorf("store: populate person %d: %w", i, err)
				}
				ids = append(ids, id)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return ids, nil
}

func populateOne(tx issuer.Tx, register *issuer.Register, edrpou string, i int, at time.Time, holder func(i int) ([]byte, error)) (int64, error) {
	rnokpp, err := InventedRNOKPP(i)
	if err != nil {
		return 0, err
	}
	key, err := register.PersonKey(rnokpp, "", "")
	if err != nil {
		return 0, err
	}
	person, err := tx.InsertPerson(issuer.PersonRow{Key: key, Kind: hr.KeyRNOKPP, RNOKPP: rnokpp})
	if err != nil {
		return 0, err
	}
	today := hr.DateInKyiv(at)
	var r hr.Record
	r.Surname, r.GivenName, r.Patronymic = "Гончарук"+letters(i), "Тарас", "Григорович"
	r.RNOKPP, r.EDRPOU = rnokpp, edrpou
	r.Unit, r.UnitEN = fmt.Sprintf("Відділ %d", 1+i%40), fmt.Sprintf("Division %d", 1+i%40)
	r.Position, r.PositionEN = "старший слідчий", "senior investigator"
	r.Category, r.Rank, r.Official = "В", uint8(1+i%9), true
	r.From = today.AddDays(-400)
	r.Plastic = hr.Plastic{Series: "ДМ", Number: fmt.Sprintf("%06d", i), Issued: today.AddDays(-300), Expires: today.AddDays(1200)}
	r.Status = hr.StatusActive
	r.PhotoSHA256 = hr.Hash(sha256.Sum256(fmt.Appendf(nil, "photo %d", i)))
	post, err := tx.InsertPost(issuer.PostRow{Person: person, Post: "main", Status: hr.StatusActive, Origin: issuer.OriginPlan, Number: 1,
		Kind: hr.KeyRNOKPP, Keys: hr.Keys{RNOKPP: key}, Record: r})
	if err != nil {
		return 0, err
	}
	var slip issuer.SlipRow
	slip.Entitlement, slip.Made, slip.Expires, slip.Closed, slip.State = post, at, at.Add(14*24*time.Hour), at, issuer.SlipUsed
	rand.Read(slip.Code[:])
	rand.Read(slip.Stop[:])
	slipID, err := tx.InsertSlip(slip)
	if err != nil {
		return 0, err
	}
	coseKey, err := holder(i)
	if err != nil {
		return 0, err
	}
	pub, err := keys.ParseHolderPublicKey(coseKey)
	if err != nil {
		return 0, err
	}
	if owner, err := tx.BindHolder(pub.Thumbprint(), person); err != nil || owner != person {
		return 0, errors.Join(err, fmt.Errorf("holder key is of person %d, want %d", owner, person))
	}
	_, err = tx.InsertEnrolment(issuer.EnrolmentRow{Entitlement: post, Slip: slipID, Holder: coseKey, Thumb: pub.Thumbprint(), At: at, State: issuer.EnrolmentLive})
	return post, err
}

// InventedRNOKPP is the number of Populate's person i, valid in form, with a birth date before 1910.
func InventedRNOKPP(i int) (string, error) {
	const days = 3500
	n, err := hr.CompleteRNOKPP(hr.Date{Year: 1900, Month: 1, Day: 1}.AddDays(i%days), i/days%1000, true)
	if err != nil {
		return "", fmt.Errorf("store: invented person %d: %w", i, err)
	}
	return n, nil
}

// letters writes i in Cyrillic letters, so that names differ without digits.
func letters(i int) string {
	const abc = "абвгдежзик"
	out := ""
	for ; i > 0; i /= 10 {
		d := i % 10
		out += string([]rune(abc)[d])
	}
	return out
}

// NewHolder makes a fresh holder key and answers its public COSE_Key, for Populate.
func NewHolder(int) ([]byte, error) {
	k, err := keys.GenerateHolderKey()
	if err != nil {
		return nil, err
	}
	return k.HolderPublic().MarshalCOSE(), nil
}

// MeasureFsync tells how many times a second this disk makes an appended 4 KiB block durable: write and
// sync, one after the other, for the time d on the clock now. It is what bounds single issuing.
func MeasureFsync(dir string, d time.Duration, now func() time.Time) (perSecond float64, err error) {
	f, err := os.CreateTemp(dir, ".fsync-*")
	if err != nil {
		return 0, fmt.Errorf("store: measure fsync: %w", err)
	}
	defer func() {
		f.Close()
		os.Remove(f.Name())
	}()
	block := make([]byte, 4096)
	rand.Read(block)
	// Preallocated as a write-ahead log is after its first turn.
	const blocks = 1024
	for range blocks {
		if _, err := f.Write(block); err != nil {
			return 0, fmt.Errorf("store: measure fsync: %w", err)
		}
	}
	if err := f.Sync(); err != nil {
		return 0, fmt.Errorf("store: measure fsync: %w", err)
	}
	start := now()
	n := 0
	for now().Sub(start) < d {
		if _, err := f.WriteAt(block, int64(n%blocks)*4096); err != nil {
			return 0, fmt.Errorf("store: measure fsync: %w", err)
		}
		if err := datasync(f); err != nil {
			return 0, fmt.Errorf("store: measure fsync: %w", err)
		}
		n++
	}
	return float64(n) / now().Sub(start).Seconds(), nil
}

// Measurement is what MeasureIssue found; rates are per second.
type Measurement struct {
	Grouped float64 // IDs of two faces, durable, in group commits
	Single  float64 // IDs of two faces, durable, one after the other
	Fsync   float64 // MeasureFsync in the same folder, between the two
}

// MeasureIssue issues grouped IDs in groups and single ones one after the other in a throw-away store
// under dir, with the signer and checker given and timed by the clock now, and removes the store.
func MeasureIssue(ctx context.Context, dir string, grouped, single int, c issuer.Config, at time.Time, now func() time.Time) (m Measurement, err error) {
	work, err := os.MkdirTemp(dir, ".measure-*")
	if err != nil {
		return m, fmt.Errorf("store: measure: %w", err)
	}
	defer os.RemoveAll(work)
	sealer, err := NewSealer(NewDataKey())
	if err != nil {
		return m, err
	}
	s, err := Open(filepath.Join(work, "body.db"), Options{Sealer: sealer})
	if err != nil {
		return m, err
	}
	defer s.Close()
	if err := issuer.Create(ctx, s, issuer.BodyRow{EDRPOU: c.EDRPOU, Name: "Вимірювання", Created: at}); err != nil {
		return m, err
	}
	ids, err := Populate(ctx, s, c.EDRPOU, 0, grouped+single, at, NewHolder)
	if err != nil {
		return m, err
	}
	body, err := issuer.Open(ctx, s, c)
	if err != nil {
		return m, err
	}
	start := now()
	if err := issueAll(ctx, body, at, ids[:grouped]); err != nil {
		return m, err
	}
	m.Grouped = float64(grouped) / now().Sub(start).Seconds()
	if m.Fsync, err = MeasureFsync(work, 300*time.Millisecond, now); err != nil {
		return m, err
	}
	start = now()
	for i := range ids[grouped:] {
		if err := issueAll(ctx, body, at, ids[grouped+i:grouped+i+1]); err != nil {
			return m, err
		}
	}
	m.Single = float64(single) / now().Sub(start).Seconds()
	return m, nil
}

func issueAll(ctx context.Context, body *issuer.Body, at time.Time, ids []int64) error {
	res, err := body.Issue(ctx, at, ids...)
	if err != nil {
		return err
	}
	for _, r := range res {
		if r.Err != nil {
			return fmt.Errorf("store: measure: entitlement %d: %w", r.Entitlement, r.Err)
		}
	}
	return nil
}
