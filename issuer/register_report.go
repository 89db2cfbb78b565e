package issuer

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/posvid/posvid/hr"
)

// Step is how far one entitlement is from an ID in a phone.
type Step uint8

// Steps, nearest first.
const (
	StepIssued      Step = 1 // an ID is issued
	StepSuspended   Step = 2 // an ID is suspended
	StepToIssue     Step = 3 // enrolled; the next issuing makes the ID
	StepSlipOpen    Step = 4 // a slip is out, nobody used it yet
	StepNoSlip      Step = 5 // has a right to an ID, and no slip that can be used
	StepNotEntitled Step = 6 // no right to an ID; Reasons say why
)

var stepTexts = [...][2]string{{"невідомо", "unknown"}, {"видано", "issued"}, {"зупинено", "suspended"},
	{"підключено, ще не видано", "enrolled, not issued yet"}, {"талон видано, не підключено", "slip given, not enrolled"},
	{"немає талона підключення", "no enrolment slip"}, {"немає права на посвідчення", "no right to an ID"}}

// Text is the step in words: lang "en" English, any other Ukrainian.
func (s Step) Text(lang string) string {
	if int(s) >= len(stepTexts) {
		s = 0
	}
	if lang == "en" {
		return stepTexts[s][1]
	}
	return stepTexts[s][0]
}

// Standing is one person in one post as the registrar sees it. It holds personal data and is for him alone.
type Standing struct {
	Entitlement int64
	Status      hr.Status
	Record      hr.Record
	Step        Step
	Reasons     []hr.Reason // why there is no right to an ID; empty when there is one
	Blocked     bool        // the last snapshot has a bad row for this person: an ID that there is will not be renewed
	SlipExpires time.Time   // of the slip that is out; zero when none is
	ID          ID          // the live ID; State is 0 when there is none
}

// Standings lists everybody who has not left, in order of entitlement.
func (r *Register) Standings(ctx context.Context, at time.Time) ([]Standing, error) {
	var out []Standing
	err := r.store.View(ctx, func(tx Tx) error {
		out = nil
		open, err := tx.OpenSlips()
		if err != nil {
			return err
		}
		var ids []int64
		if err := tx.Posts(func(p PostRow) error {
			if p.Status == hr.StatusDismissed {
				return nil
			}
			s := Standing{Entitlement: p.ID, Status: p.Status, Record: p.Record, Blocked: p.Blocked, Reasons: p.Reasons(at), Step: StepNoSlip}
			if p.Enrolment.State == EnrolmentLive {
				s.Step = StepToIssue
			}
			ids = append(ids, p.ID)
			out = append(out, s)
			return nil
		}); err != nil {
			return err
		}
		n := 0
		for page := range slices.Chunk(ids, 1000) {
			sits, err := tx.Situations(page)
			if err != nil {
				return err
			}
			for i := range sits {
				out[n].ID = sits[i].Live
				n++
			}
		}
		for i := range out {
			s := &out[i]
			if slip, ok := open[s.Entitlement]; ok {
				row, err := tx.Slip(slip)
				if err != nil {
					return err
				}
				if at.Before(row.Expires) {
					s.SlipExpires = row.Expires
				}
			}
			switch {
			case s.ID.State == StateIssued:
				s.Step = StepIssued
			case s.ID.State == StateSuspended:
				s.Step = StepSuspended
			case len(s.Reasons) > 0:
				s.Step = StepNotEntitled
			case s.Step == StepNoSlip && !s.SlipExpires.IsZero():
				s.Step = StepSlipOpen
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// WithoutID is the list «хто без посвідчення і чому» as the register knows it: everybody without an issued ID. Those who
// only have not enrolled yet are in it with an empty list of reasons; Standing.Step says what is missing.
func (r *Register) WithoutID(ctx context.Context, at time.Time) ([]Standing, error) {
	all, err := r.Standings(ctx, at)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(s Standing) bool { return s.Step == StepIssued }), nil
}

// Sweep suspends IDs whose entitlement ran out by the mere passing of time (the plastic expired, the employment ended, the
// first day has not come) and resumes those that it or a plan suspended for missing data and that are whole again. It is
// safe to repeat and is meant to run before every publication. It answers how many IDs it changed.
func (r *Register) Sweep(ctx context.Context, at time.Time) (int, error) {
	n := 0
	err := r.store.Update(ctx, func(tx Tx) error {
		n = 0
		var rows []PostRow
		if err := tx.Posts(func(p PostRow) error {
			if p.Status == hr.StatusActive && (len(p.Reasons(at)) > 0) != p.Paused {
				rows = append(rows, p)
			}
			return nil
		}); err != nil {
			return err
		}
		for _, p := range rows {
			var done bool
			var err error
			was := p.Paused
			if p.Paused {
				done, err = resumeEntitlement(tx, p.ID, Change{Ground: GroundReturn, At: at})
				p.Paused = false
			} else {
				done, err = suspendEntitlement(tx, p.ID, Change{Ground: GroundDataError, At: at})
				p.Paused = done
			}
			if err != nil {
				return fmt.Errorf("issuer: sweep: entitlement %d: %w", p.ID, err)
			}
			if !done && p.Paused == was {
				continue
			}
			if done {
				n++
			}
			if err := tx.UpdatePost(p); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}
