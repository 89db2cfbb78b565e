package registrar

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/posvid/posvid/hr"
	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/store"
)

// progress is how far a job has come; it lives in memory and says nothing of people.
type progress struct {
	What        string // rows, photos, plan, keep, apply; retry after a fault
	Done, Total int
	Again       time.Time // of retry: not before
}

// retryAfter is how long a job waits after a fault of the machine.
const retryAfter = 30 * time.Second

// tooEarly tells whether a job waits after a fault.
func (p *pages) tooEarly(key string, at time.Time) bool {
	v, ok := p.progressOf(key)
	return ok && v.What == "retry" && at.Before(v.Again)
}

func (p *pages) setProgress(key string, v progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.progress[key] = v
}

func (p *pages) endProgress(key string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.progress, key)
}

func (p *pages) progressOf(key string) (progress, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	v, ok := p.progress[key]
	return v, ok
}

func loadKey(id int64) string { return fmt.Sprintf("load/%d", id) }

// workLoads brings every load that waits for a job one step further. What a crash left half done is done again: reading
// changes nothing, and a plan is applied by the register whole or not at all, once.
func (p *pages) workLoads(ctx context.Context, at time.Time) error {
	p.forgetSheets(at)
	p.jobs.Lock()
	defer p.jobs.Unlock()
	all, err := p.work(ctx)
	if err != nil {
		return err
	}
	var failed []error
	for _, l := range all {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if p.tooEarly(loadKey(l.ID), at) {
			continue
		}
		err := p.workLoad(ctx, l)
		p.endProgress(loadKey(l.ID))
		if err != nil {
			failed = append(failed, fmt.Errorf("load %d: %w", l.ID, err))
			p.setProgress(loadKey(l.ID), progress{What: "retry", Again: p.Now().Add(retryAfter)})
		}
	}
	return errors.Join(failed...)
}

func (p *pages) workLoad(ctx context.Context, l *load) error {
	b, err := p.bodyOf(l)
	if err != nil {
		return err
	}
	if l.Stage == stageReading {
		return p.readLoad(ctx, b, l)
	}
	return p.applyLoad(ctx, b, l)
}

// refusal tells whether an error is about what was handed in, so that trying again is of no use.
func refusal(err error) bool {
	var row hr.Problem
	return errors.As(err, &row) || issuer.CodeOfRegister(err) != ""
}

// snapshot reads the staff file of a load.
func (p *pages) snapshot(ctx context.Context, b *service.Body, l *load) (*hr.Snapshot, error) {
	options := hr.Options{EDRPOU: b.EDRPOU, Sheet: l.Sheet, Full: l.Full, Total: l.Total,
		Progress: func(done, total int) { p.setProgress(loadKey(l.ID), progress{What: "rows", Done: done, Total: total}) }}
	if l.Mapping {
		data, err := p.part(ctx, l.ID, partMapping)
		if err != nil {
			return nil, err
		}
		if options.Mapping, err = hr.ParseMapping(data); err != nil {
			return nil, err
		}
	}
	data, err := p.part(ctx, l.ID, partFile)
	if err != nil {
		return nil, err
	}
	return hr.Read(l.File, data, options)
}

// readLoad reads the file of a load and makes the plan.
func (p *pages) readLoad(ctx context.Context, b *service.Body, l *load) error {
	at := p.Now()
	key := loadKey(l.ID)
	p.setProgress(key, progress{What: "rows"})
	plan, snapshot, problems, err := p.makePlan(ctx, b, l, at)
	if err != nil {
		if !refusal(err) {
			return err
		}
		_, err := p.change(ctx, l.Body, l.ID, at, func(_ *store.ServiceTx, now *load) error {
			if now.Stage != stageReading {
				return errStage
			}
			now.Stage, now.Failure, now.Plan = stageFailed, failureOf(err), nil
			if snapshot != nil {
				now.Rows, now.Taken, now.SetAside = snapshot.Rows, len(snapshot.Records), len(snapshot.SetAside)
			}
			return nil
		})
		if err != nil {
			return err
		}
		return p.putProblems(ctx, l.ID, problems)
	}
	p.setProgress(key, progress{What: "keep"})
	var buffer bytes.Buffer
	if _, err := plan.WriteTo(&buffer); err != nil {
		return err
	}
	if _, err := p.putPart(ctx, l.ID, partPlan, &buffer, hr.MaxPlanBytes); err != nil {
		return err
	}
	if err := p.putProblems(ctx, l.ID, problems); err != nil {
		return err
	}
	facts := factsOf(plan)
	_, err = p.change(ctx, l.Body, l.ID, at, func(tx *store.ServiceTx, now *load) error {
		if now.Stage != stageReading {
			return errStage
		}
		// A signature was under another plan.
		if err := dropApprovals(tx, now.ID, issuer.PartAuthor, issuer.PartApprover); err != nil {
			return err
		}
		now.Rows, now.Taken, now.SetAside = snapshot.Rows, len(snapshot.Records), len(snapshot.SetAside)
		now.Stage, now.Plan, now.Failure, now.Note, now.Report, now.Author, now.Approver = stagePlanned, facts, nil, nil, nil, 0, 0
		return nil
	})
	return err
}

func (p *pages) putProblems(ctx context.Context, id int64, problems []hr.Problem) error {
	data, err := json.Marshal(problems)
	if err != nil {
		return fmt.Errorf("registrar: problems: %w", err)
	}
	_, err = p.putPart(ctx, id, partProblems, bytes.NewReader(data), hr.MaxPlanBytes)
	return err
}

func factsOf(plan *hr.Plan) *planFacts {
	f := &planFacts{Number: plan.Number, Hash: fmt.Sprintf("%x", plan.Hash()), Made: plan.Made, Expires: plan.Expires,
		SetAside: len(plan.SetAside), Questions: len(plan.Questions), Notes: len(plan.Notes), Brake: plan.Brake, NeedsSecond: plan.NeedsSecond()}
	f.All, f.Held = plan.Counts()
	for i := range plan.Items {
		if it := &plan.Items[i]; it.Kind == hr.Suspend || it.Kind == hr.Leave && !it.Inferred {
			f.Stated++
		}
	}
	return f
}

// makePlan reads file and photos and compares them with the register. problems are those of the file, even when it fails.
func (p *pages) makePlan(ctx context.Context, b *service.Body, l *load, at time.Time) (*hr.Plan, *hr.Snapshot, []hr.Problem, error) {
	snapshot, err := p.snapshot(ctx, b, l)
	if err != nil {
		return nil, nil, nil, err
	}
	problems := slices.Clone(snapshot.Problems)
	for i := range snapshot.SetAside {
		problems = append(problems, snapshot.SetAside[i].Problems...)
	}
	for i := range snapshot.Records {
		if snapshot.Records[i].StatusOnly {
			problems = append(problems, snapshot.Records[i].Problems...)
		}
	}
	if l.Photos != "" {
		photos, err := hr.OpenPhotosZIP(&partReader{ctx: ctx, p: p, id: l.ID, kind: partPhotos, size: l.PhotosSize, cache: map[int][]byte{}}, l.PhotosSize)
		if err != nil {
			return nil, snapshot, problems, err
		}
		more, err := photos.Attach(snapshot, b.KeepPhoto, func(done, total int) {
			p.setProgress(loadKey(l.ID), progress{What: "photos", Done: done, Total: total})
		})
		problems = append(problems, more...)
		if err != nil {
			return nil, snapshot, problems, err
		}
	}
	if snapshot.Rows > 0 && len(snapshot.Records) == 0 {
		return nil, snapshot, problems, hr.Problem{Code: hr.EmptyFile}
	}
	if err := ctx.Err(); err != nil {
		return nil, snapshot, problems, err
	}
	p.setProgress(loadKey(l.ID), progress{What: "plan"})
	known, err := b.Register.Known(ctx)
	if err != nil {
		return nil, snapshot, problems, err
	}
	options, err := b.Register.PlanOptions(ctx, at, planLife)
	if err != nil {
		return nil, snapshot, problems, err
	}
	options.Answers = l.Answers
	plan, err := hr.MakePlan(known, snapshot, options)
	if err != nil {
		return nil, snapshot, problems, err
	}
	return plan, snapshot, problems, nil
}

// applyLoad hands a signed plan to the register. It may run again after a crash: a plan that took effect is known by its hash.
func (p *pages) applyLoad(ctx context.Context, b *service.Body, l *load) error {
	at := p.Now()
	p.setProgress(loadKey(l.ID), progress{What: "apply"})
	report, err := p.applyPlan(ctx, b, l, at)
	if errors.Is(err, issuer.PlanReplayed) || errors.Is(err, issuer.PlanStale) || errors.Is(err, issuer.ActionReplayed) {
		if row, ok := p.planRow(ctx, b, l); ok {
			// It took effect and the program stopped before it could write that down, or somebody applied it by the command line.
			report, err = &issuer.PlanReport{Number: row.Number, Hash: row.Hash, State: row.State, Held: len(row.Waiting)}, nil
		}
	}
	if err != nil && !refusal(err) {
		return err
	}
	_, changed := p.change(ctx, l.Body, l.ID, p.Now(), func(tx *store.ServiceTx, now *load) error {
		if now.Stage != l.Stage || now.Plan == nil || now.Plan.Hash != l.Plan.Hash {
			return errStage
		}
		switch {
		case err == nil && report.State == issuer.PlanWaiting:
			now.Stage, now.Report, now.Note = stageWaiting, now.Report.add(report, at), nil
			return nil
		case err == nil && report.State == issuer.PlanEnded:
			now.Stage = stageEnded
			return nil
		case err == nil:
			now.Stage, now.Report, now.Note = stageDone, now.Report.add(report, at), nil
			return nil
		case errors.Is(err, issuer.PlanStale), errors.Is(err, issuer.PlanExpired), errors.Is(err, issuer.PlanReplayed):
			now.Stage, now.Failure = stageStale, failureOf(err)
			return dropApprovals(tx, now.ID, issuer.PartAuthor, issuer.PartApprover)
		case l.Stage == stageFinishing:
			// What the second person handed in does not do: it is put away, and what has taken effect stays.
			now.Stage, now.Note, now.Approver = stageWaiting, failureOf(err), 0
			return dropApprovals(tx, now.ID, issuer.PartApprover)
		default:
			now.Stage, now.Note, now.Author = stagePlanned, failureOf(err), 0
			return dropApprovals(tx, now.ID, issuer.PartAuthor)
		}
	})
	if err == nil {
		p.tell()
	}
	return changed
}

// planRow is what the register keeps of a load's very plan.
func (p *pages) planRow(ctx context.Context, b *service.Body, l *load) (issuer.PlanRow, bool) {
	rows, err := b.Register.Plans(ctx)
	if err != nil || l.Plan == nil {
		return issuer.PlanRow{}, false
	}
	i := slices.IndexFunc(rows, func(r issuer.PlanRow) bool {
		return r.Number == l.Plan.Number && fmt.Sprintf("%x", r.Hash) == l.Plan.Hash
	})
	if i < 0 {
		return issuer.PlanRow{}, false
	}
	return rows[i], true
}

// applyPlan binds the plan to its file and applies it with the signatures there are.
func (p *pages) applyPlan(ctx context.Context, b *service.Body, l *load, at time.Time) (*issuer.PlanReport, error) {
	data, err := p.part(ctx, l.ID, partPlan)
	if err != nil {
		return nil, err
	}
	plan, err := hr.ParsePlan(data)
	if err != nil {
		return nil, err
	}
	snapshot, err := p.snapshot(ctx, b, l)
	if err != nil {
		return nil, err
	}
	p.setProgress(loadKey(l.ID), progress{What: "apply"})
	if err := plan.Bind(snapshot, b.Register.PersonSecret()); err != nil {
		return nil, err
	}
	rows, err := p.approvals(ctx, l.ID)
	if err != nil {
		return nil, err
	}
	var approvals [][]byte
	for _, r := range rows {
		if r.Part == issuer.PartAuthor || l.Stage == stageFinishing {
			approvals = append(approvals, r.Bytes)
		}
	}
	return b.Register.ApplyPlan(ctx, plan, approvals, at)
}

// endSuperseded marks loads that wait although the register has gone on, so that nobody waits for a signature that would be
// refused, and says so while steps of theirs have not taken effect.
func (p *pages) endSuperseded(ctx context.Context, b *service.Body, all []*load, at time.Time) error {
	var rows []issuer.PlanRow
	for i, l := range all {
		if l.Stage != stageWaiting && l.Stage != stagePlanned || l.Plan == nil {
			continue
		}
		if rows == nil {
			var err error
			if rows, err = b.Register.Plans(ctx); err != nil {
				return err
			}
		}
		last := uint64(0)
		state := issuer.PlanState(0)
		for _, r := range rows {
			last = max(last, r.Number)
			if r.Number == l.Plan.Number && fmt.Sprintf("%x", r.Hash) == l.Plan.Hash {
				state = r.State
			}
		}
		to := l.Stage
		var why *failure
		switch {
		case state == issuer.PlanDone:
			to = stageDone
		case l.Stage == stageWaiting && state == issuer.PlanEnded:
			to = stageEnded
		case l.Stage == stagePlanned && state == 0 && last >= l.Plan.Number:
			to, why = stageStale, failureOf(issuer.PlanStale)
		case l.Stage == stagePlanned && !at.Before(l.Plan.Expires):
			to, why = stageStale, failureOf(issuer.PlanExpired)
		case l.Stage == stagePlanned && state == issuer.PlanWaiting:
			to = stageWaiting // the command line applied it
		}
		if to == l.Stage {
			continue
		}
		now, err := p.change(ctx, l.Body, l.ID, at, func(_ *store.ServiceTx, now *load) error {
			if now.Version != l.Version {
				return errStage
			}
			now.Stage, now.Failure = to, why
			return nil
		})
		if errors.Is(err, errStage) { // somebody was quicker
			continue
		}
		if err != nil {
			return err
		}
		all[i] = now
	}
	return nil
}

// operatorOf is the operator that an account is in a role of a body.
func (p *pages) operatorOf(ctx context.Context, b *service.Body, role service.Role) (issuer.Operator, error) {
	grant, ok := service.PrincipalOf(ctx).Grant(role, b.EDRPOU)
	if !ok {
		return issuer.Operator{}, service.Forbidden
	}
	if grant.Operator == 0 {
		return issuer.Operator{}, errNoOperator
	}
	all, err := b.Register.Operators(ctx)
	if err != nil {
		return issuer.Operator{}, err
	}
	want := issuer.RoleRegistrar
	if role == service.Approver {
		want = issuer.RoleApprover
	}
	for _, o := range all {
		if o.ID != grant.Operator {
			continue
		}
		switch {
		case !o.Active():
			return issuer.Operator{}, issuer.OperatorUnknown
		case !o.Roles.Has(want):
			return issuer.Operator{}, issuer.ApprovalRole
		}
		return o, nil
	}
	return issuer.Operator{}, issuer.OperatorUnknown
}

// passphraseTries is how many wrong passphrases an account may give within passphraseWindow.
const (
	passphraseTries  = 10
	passphraseWindow = 15 * time.Minute
)

// sign signs a subject with the caller's own key, opened with the passphrase that was typed for this one signature.
func (p *pages) sign(ctx context.Context, b *service.Body, o issuer.Operator, passphrase string, s issuer.Subject, part issuer.ApprovalPart, at time.Time) ([]byte, error) {
	if b.OperatorKey == nil {
		return nil, errNoKeyHere
	}
	account := service.PrincipalOf(ctx).Account
	if !p.takeTry(account, at) {
		return nil, errTooMany
	}
	key, err := b.OperatorKey(o, []byte(passphrase))
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		p.returnTry(account, at)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errNoKeyHere
	}
	if err != nil {
		return nil, told(err)
	}
	return issuer.SignApproval(s, part, key, at)
}

// takeTry counts a try of an account at a passphrase before it is made, so that many at once are no more than one after another.
// It tells whether there was one left.
func (p *pages) takeTry(account int64, at time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tries[account] = slices.DeleteFunc(p.tries[account], func(t time.Time) bool { return at.Sub(t) >= passphraseWindow })
	if len(p.tries[account]) >= passphraseTries {
		return false
	}
	p.tries[account] = append(p.tries[account], at)
	return true
}

// returnTry takes a try back that was no wrong passphrase.
func (p *pages) returnTry(account int64, at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := slices.IndexFunc(p.tries[account], at.Equal); i >= 0 {
		p.tries[account] = slices.Delete(p.tries[account], i, i+1)
	}
}

// decodeProblems reads what putProblems wrote.
func decodeProblems(data []byte) ([]hr.Problem, error) {
	var all []hr.Problem
	if err := json.Unmarshal(data, &all); err != nil {
		return nil, fmt.Errorf("registrar: problems: %w", err)
	}
	return all, nil
}
