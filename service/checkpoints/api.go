package checkpoints

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/posvid/posvid/checkpoint"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/store"
	"github.com/posvid/posvid/trust"
)

// SQL of what devices ask for and hand in.
const (
	sqlNewestPolicy  = "SELECT number, policy FROM checkpoint_policies WHERE checkpoint = $1 ORDER BY number DESC LIMIT 1"
	sqlJournalLast   = "SELECT coalesce(max(last), 0), coalesce(sum(length(data)), 0) FROM checkpoint_journals WHERE checkpoint = $1"
	sqlJournalAt     = "SELECT last, sum FROM checkpoint_journals WHERE checkpoint = $1 AND first = $2"
	sqlJournalMeets  = "SELECT count(*) FROM checkpoint_journals WHERE checkpoint = $1 AND first <= $3 AND last >= $2"
	sqlKeepJournal   = "INSERT INTO checkpoint_journals (checkpoint, first, last, events, sum, received, data) VALUES ($1, $2, $3, $4, $5, $6, $7)"
	sqlShiftOfMark   = "SELECT id FROM checkpoint_shifts WHERE checkpoint = $1 AND mark = $2"
	sqlMakeShift     = "INSERT INTO checkpoint_shifts (checkpoint, source, mark, guard, account, name, began, ended) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
	sqlStretchShift  = "UPDATE checkpoint_shifts SET began = min(began, $2), ended = max(ended, $3) WHERE id = $1"
	sqlCount         = "INSERT INTO checkpoint_counts (shift, verdict, code, photo, n) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (shift, verdict, code, photo) DO UPDATE SET n = max(n, excluded.n)"
	sqlShiftsOfPoint = "SELECT count(*) FROM checkpoint_shifts WHERE checkpoint = $1 AND began > $2"
)

// What the service has for one device.
type checkpointOut struct {
	Body struct {
		Verifier     uint64    `json:"verifier" doc:"number in the bundle"`
		Body         string    `json:"body"`
		Name         string    `json:"name"`
		Place        string    `json:"place"`
		Class        string    `json:"class" enum:"checkpoint,council"`
		Until        time.Time `json:"until" doc:"end of the account's term"`
		Bundle       uint64    `json:"bundle" doc:"number of the bundle that the service has"`
		PolicyNumber uint64    `json:"policy_number" doc:"0: there is none"`
		Policy       []byte    `json:"policy,omitempty" doc:"the signed policy, base64"`
		Guards       []string  `json:"guards" doc:"names that the policy lets be on duty; none: anybody who gives a name"`
		JournalLast  uint64    `json:"journal_last" doc:"number of the newest event of this device that the service has kept"`
		Time         time.Time `json:"time" doc:"the service's clock"`
	}
}

type checkpointIn struct {
	Has uint64 `query:"bundle" doc:"number of the bundle that the device has installed"`
}

// checkpoint tells a device what there is for it.
func (p *part) checkpoint(ctx context.Context, in *checkpointIn) (*checkpointOut, error) {
	a, err := p.device(ctx)
	if err != nil {
		return nil, err
	}
	b, _, err := p.s.Trust.Bundle()
	if err != nil {
		return nil, service.BundleMissing.Because(err)
	}
	out := &checkpointOut{}
	o := &out.Body
	o.Verifier, o.Body, o.Name, o.Place, o.Class, o.Until = a.Verifier, a.Body, a.Name, a.Place, a.Class.String(), a.Until
	o.Bundle, o.Time, o.Guards = b.Number(), p.s.Now().UTC().Truncate(time.Second), []string{}
	err = p.s.Store.Update(ctx, func(tx *store.ServiceTx) error {
		if err := tx.Exec1(sqlSeen, a.ID, o.Time.Unix(), min(in.Has, 1<<62)); err != nil {
			return err
		}
		var size int64
		if err := tx.Row(sqlJournalLast, []any{a.ID}, &o.JournalLast, &size); err != nil {
			return err
		}
		err := tx.Row(sqlNewestPolicy, []any{a.ID}, &o.PolicyNumber, &o.Policy)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if o.Policy != nil {
		u, err := trust.ParseCheckpointPolicy(o.Policy)
		if err != nil {
			return nil, err
		}
		o.Guards = append(o.Guards, u.Unverified().Guards...)
	}
	return out, nil
}

// shiftIn is one shift as a device counts it.
type shiftIn struct {
	Guard  string    `json:"guard" minLength:"1" maxLength:"128"`
	Shift  string    `json:"shift" maxLength:"32" doc:"the journal's name of the shift"`
	First  time.Time `json:"first" doc:"of its first verdict"`
	Last   time.Time `json:"last" doc:"of its newest one"`
	Counts []struct {
		Verdict string `json:"verdict" enum:"accept,refuse,cannot-confirm"`
		Code    string `json:"code" minLength:"1" maxLength:"64" pattern:"^[a-z0-9-]+$"`
		Photo   string `json:"photo" enum:",matched,plastic" doc:"what the guard compared the face with"`
		N       int    `json:"n" minimum:"1" maximum:"1000000"`
	} `json:"counts" minItems:"1" maxItems:"256"`
}

type shiftsIn struct {
	Body struct {
		Shifts []shiftIn `json:"shifts" minItems:"1" maxItems:"200"`
	}
}

type shiftsOut struct {
	Body struct {
		Kept int `json:"kept" doc:"shifts that are durable now"`
	}
}

// shifts takes counts of shifts. The same shift again raises its counts and never lowers them, so that it may be sent as often as one
// likes, and a device that has forgotten its old days takes nothing back.
func (p *part) shifts(ctx context.Context, in *shiftsIn) (*shiftsOut, error) {
	a, err := p.device(ctx)
	if err != nil {
		return nil, err
	}
	at := p.s.Now()
	for _, s := range in.Body.Shifts {
		switch {
		case !plain(s.Guard, 1, trust.MaxGuardName), !plain(s.Shift, 0, 32):
			return nil, badForm
		case s.Last.Before(s.First), s.First.Before(at.AddDate(0, -4, 0)), s.Last.After(at.Add(24 * time.Hour)):
			return nil, badForm.Because(errors.New("checkpoints: times of a shift are out of range"))
		}
	}
	out := &shiftsOut{}
	err = p.s.Store.Update(ctx, func(tx *store.ServiceTx) error {
		for _, s := range in.Body.Shifts {
			if err := p.keepShift(tx, a.ID, s, at); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out.Body.Kept = len(in.Body.Shifts)
	return out, nil
}

// maxShifts bounds the shifts of one checkpoint in four months: a device that makes them up fills no disk.
const maxShifts = 5000

func (p *part) keepShift(tx *store.ServiceTx, checkpoint int64, s shiftIn, at time.Time) error {
	mark, err := p.s.Store.MAC("checkpoint shift", fmt.Appendf(nil, "%d\x00%s\x00%s", checkpoint, s.Guard, s.Shift))
	if err != nil {
		return err
	}
	var id int64
	err = tx.Row(sqlShiftOfMark, []any{checkpoint, mark[:]}, &id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		var n int
		if err := tx.Row(sqlShiftsOfPoint, []any{checkpoint, at.AddDate(0, -4, 0).Unix()}, &n); err != nil {
			return err
		}
		if n >= maxShifts {
			return tooMany
		}
		sealed, err := tx.Seal("checkpoint_shifts.guard", hex.EncodeToString(mark[:]), []byte(s.Guard))
		if err != nil {
			return err
		}
		if id, err = tx.Insert(sqlMakeShift, checkpoint, "device", mark[:], sealed, 0, s.Shift, s.First.Unix(), s.Last.Unix()); err != nil {
			return err
		}
	case err != nil:
		return err
	default:
		if err := tx.Exec1(sqlStretchShift, id, s.First.Unix(), s.Last.Unix()); err != nil {
			return err
		}
	}
	for _, c := range s.Counts {
		if _, err := tx.Exec(sqlCount, id, c.Verdict, c.Code, c.Photo, c.N); err != nil {
			return err
		}
	}
	return nil
}

// kept is the answer to an uploaded journal: what the service now holds on its disk.
type kept struct {
	First  uint64 `json:"first"`
	Last   uint64 `json:"last"`
	SHA256 string `json:"sha256"` // of what is kept, hexadecimal
	Stored bool   `json:"stored"` // false: it was there already
}

// journal keeps an upload as it came. It is on the disk when the answer is written; the very same upload again changes nothing.
func (p *part) journal(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	a, err := p.device(ctx)
	if err != nil {
		return err
	}
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, checkpoint.MaxJournalUpload))
	if err != nil {
		return err
	}
	u, err := checkpoint.ParseJournalUpload(data)
	if err != nil {
		return badJournal.Because(err)
	}
	if err := p.checkUpload(ctx, u, a); err != nil {
		return err
	}
	sum := sha256.Sum256(data)
	answer := kept{First: u.First, Last: u.Last, SHA256: hex.EncodeToString(sum[:]), Stored: true}
	err = p.s.Store.Update(ctx, func(tx *store.ServiceTx) error {
		var last uint64
		var have []byte
		switch err := tx.Row(sqlJournalAt, []any{a.ID, u.First}, &last, &have); {
		case err == nil && last == u.Last && bytes.Equal(have, sum[:]):
			answer.Stored = false
			return nil
		case err == nil:
			return journalKnown
		case !errors.Is(err, store.ErrNotFound):
			return err
		}
		var meets int
		if err := tx.Row(sqlJournalMeets, []any{a.ID, u.First, u.Last}, &meets); err != nil {
			return err
		}
		if meets > 0 {
			return journalKnown
		}
		var newest, size int64
		if err := tx.Row(sqlJournalLast, []any{a.ID}, &newest, &size); err != nil {
			return err
		}
		if size+int64(len(data)) > maxUploaded {
			return journalFull
		}
		_, err := tx.Insert(sqlKeepJournal, a.ID, u.First, u.Last, u.Events, sum[:], p.s.Now().Unix(), data)
		return err
	})
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(answer)
}

// checkUpload holds an upload against the device that sent it and against the bundle.
func (p *part) checkUpload(ctx context.Context, u *checkpoint.JournalUpload, a *account) error {
	key, err := keys.ParseVerifierPublicKey(service.PrincipalOf(ctx).Key)
	if err != nil {
		return badJournal.Because(err)
	}
	if u.Body != a.Body || u.Verifier != a.Verifier {
		return badJournal.Because(errors.New("checkpoints: journal is of another device"))
	}
	if err := u.Verify(key); err != nil {
		return badJournal.Because(err)
	}
	b, _, err := p.s.Trust.Bundle()
	if err != nil {
		return service.BundleMissing.Because(err)
	}
	to, ok, err := b.Verifier(u.To)
	switch {
	case err != nil:
		return err
	case !ok || to.Body != a.Body:
		return badJournal.Because(fmt.Errorf("checkpoints: journal is sealed to verifier %d, which is not of its body", u.To))
	}
	return nil
}
