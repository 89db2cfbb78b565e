package issuer_test

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/hr"
	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/store"
	"pgregory.net/rapid"
)

// [APP-12] [APP-13]
func TestStatedLeaveGoesFirst(t *testing.T) {
	o := testOffice(t)
	people := staff(30)
	o.load(people)
	_, _, e1 := o.enrol(1)
	_, _, e2 := o.enrol(2)
	id1, id2 := o.issue(e1.Entitlement), o.issue(e2.Entitlement)

	// One is dismissed, one suspended, both without an order; and twenty change their unit, which trips the brake.
	people[0].status, people[0].ground = "dismissed", "dismissal"
	people[1].status, people[1].ground = "suspended", ""
	for i := 5; i < 25; i++ {
		people[i].unit = "Новий відділ"
	}
	plan := o.plan(people, true)
	if !plan.NeedsSecond() {
		t.Fatal("the brake does not hold")
	}
	before := o.known()
	r, err := o.reg.ApplyPlan(bg, plan, [][]byte{o.author(plan)}, o.at)
	if err != nil {
		t.Fatal(err)
	}
	if r.State != issuer.PlanWaiting || r.Held != 20 || r.Revoked != 1 || r.Suspended != 1 || r.Applied[hr.Leave] != 1 || r.Applied[hr.Suspend] != 1 || r.Applied[hr.Move]+r.Applied[hr.Change] != 0 {
		t.Fatalf("report %+v", r)
	}
	if o.state(id1.ID) != issuer.StateRevoked || o.state(id2.ID) != issuer.StateSuspended {
		t.Fatalf("IDs are %s and %s, want revoked and suspended", o.state(id1.ID), o.state(id2.ID))
	}
	units := func(k []hr.Known) (n int) {
		for _, x := range k {
			if x.Record.Unit == "Новий відділ" {
				n++
			}
		}
		return n
	}
	if got := o.known(); len(got) != len(before)-1 || units(got) != 0 {
		t.Fatalf("%d posts, %d moved; want %d and 0", len(got), units(got), len(before)-1)
	}
	// The author again, or the author as approver, moves nothing.
	if r, err := o.reg.ApplyPlan(bg, plan, [][]byte{o.author(plan)}, o.at); err != nil || r.State != issuer.PlanWaiting || r.Revoked != 0 {
		t.Fatalf("again: %+v, %v", r, err)
	}
	_, err = o.reg.ApplyPlan(bg, plan, [][]byte{o.sign(issuer.PlanSubject(plan), issuer.PartApprover, 0)}, o.at)
	wantCode(t, err, issuer.ApprovalSamePerson)
	if units(o.known()) != 0 {
		t.Fatal("held items took effect")
	}
	// The second person's signature alone finishes it: the author's is kept.
	r, err = o.reg.ApplyPlan(bg, plan, [][]byte{o.sign(issuer.PlanSubject(plan), issuer.PartApprover, 1)}, o.at)
	if err != nil {
		t.Fatal(err)
	}
	if r.State != issuer.PlanDone || units(o.known()) != 20 {
		t.Fatalf("report %+v, %d moved, want done and 20", r, units(o.known()))
	}
	_, err = o.reg.ApplyPlan(bg, plan, o.both(issuer.PlanSubject(plan)), o.at)
	wantCode(t, err, issuer.PlanReplayed)
	if o.state(id1.ID) != issuer.StateRevoked {
		t.Fatal("a dismissal applied once must stay applied")
	}
}

// [APP-13] The plan's own word that nothing is held is not believed.
func TestForgedHeldFlags(t *testing.T) {
	o := testOffice(t)
	people := staff(30)
	people[25].rank = 9
	o.load(people)
	for i := range 20 {
		people[i].unit = "Новий відділ"
	}
	people[25].rank = 6 // three steps up
	people[26].category = "А"
	people[26].rank = 3
	plan := o.plan(people, true)
	forged := *plan
	forged.Items = slices.Clone(plan.Items)
	for i := range forged.Items {
		forged.Items[i].Held, forged.Items[i].HeldBy = false, nil
	}
	forged.Brake = hr.Brake{}
	r, err := o.reg.ApplyPlan(bg, &forged, [][]byte{o.author(&forged)}, o.at)
	if err != nil {
		t.Fatal(err)
	}
	if r.State != issuer.PlanWaiting || r.Held != len(forged.Items) || len(r.Applied) != 0 {
		t.Fatalf("report %+v, want everything held", r)
	}
	// The forged plan took the number; what was signed by two is another plan, so it is stale, and nothing happened.
	_, err = o.reg.ApplyPlan(bg, plan, o.both(issuer.PlanSubject(plan)), o.at)
	wantCode(t, err, issuer.PlanStale)
	for _, k := range o.known() {
		if k.Record.Rank != 7 && k.Record.Rank != 9 || k.Record.Category != "В" {
			t.Fatal("a rank rose with one signature")
		}
	}
	// A single rise of rank waits too, though one person is no mass change.
	people = staff(30)
	people[25].rank = 7
	plan = o.plan(people, true)
	forged = *plan
	forged.Items = slices.Clone(plan.Items)
	for i := range forged.Items {
		forged.Items[i].Held, forged.Items[i].HeldBy = false, nil
	}
	if r, err = o.reg.ApplyPlan(bg, &forged, [][]byte{o.author(&forged)}, o.at); err != nil || r.Held != 1 {
		t.Fatalf("report %+v, %v; want one held", r, err)
	}
	// One step is free.
	people[25].rank = 8
	plan = o.plan(people, true)
	if r, err = o.reg.ApplyPlan(bg, plan, [][]byte{o.author(plan)}, o.at); err != nil || r.State != issuer.PlanDone || r.Applied[hr.Change] != 1 {
		t.Fatalf("report %+v, %v; want it done", r, err)
	}
}

// [APP-13] Many small plans do not slip under the brake one by one.
func TestBrakeRemembers(t *testing.T) {
	o := testOffice(t)
	people := staff(40)
	o.load(people)
	waiting := false
	for i := range 6 {
		people[i].position = "провідний спеціаліст"
		plan := o.plan(people, true)
		r, err := o.reg.ApplyPlan(bg, plan, [][]byte{o.author(plan)}, o.at)
		if err != nil {
			t.Fatal(err)
		}
		if r.State == issuer.PlanWaiting {
			waiting = true
			if i < 4 {
				t.Fatalf("held at person %d, want at most %d free", i+1, hr.BrakePeople-1)
			}
			break
		}
	}
	if !waiting {
		t.Fatal("six people changed one by one and nobody second signed")
	}
	o.at = o.at.Add(8 * 24 * time.Hour)
	plan := o.plan(people, true)
	if r, err := o.reg.ApplyPlan(bg, plan, [][]byte{o.author(plan)}, o.at); err != nil || r.State != issuer.PlanDone {
		t.Fatalf("after a week: %+v, %v", r, err)
	}
}

// [APP-13] A forged plan that names one person key for everybody changes as many people as it changes.
func TestBrakeCountsPeopleNotKeys(t *testing.T) {
	o := testOffice(t)
	people := staff(30)
	o.load(people)
	for i := range 20 {
		people[i].unit = "Новий відділ"
	}
	plan := o.plan(people, true)
	forged := *plan
	forged.Items, forged.Brake = slices.Clone(plan.Items), hr.Brake{}
	for i := range forged.Items {
		it := &forged.Items[i]
		it.Held, it.HeldBy, it.Key, it.NewKey = false, nil, plan.Items[0].Key, true
	}
	r, err := o.reg.ApplyPlan(bg, &forged, [][]byte{o.author(&forged)}, o.at)
	if err == nil && (r.State != issuer.PlanWaiting || len(r.Applied) != 0) {
		t.Fatalf("report %+v, want everything held or refused", r)
	}
	for _, k := range o.known() {
		if k.Record.Unit == "Новий відділ" {
			t.Fatal("twenty people changed with one signature")
		}
	}
}

// [APP-13] A leave is free and a join of one person is free; together they are a rise of rank.
func TestLeaveAndJoinIsNoRiseOfRank(t *testing.T) {
	o := testOffice(t)
	people := staff(30)
	people[3].rank = 9
	o.load(people)
	people[3].status, people[3].ground = "dismissed", "dismissal"
	plan := o.plan(people, true)
	if r, err := o.reg.ApplyPlan(bg, plan, [][]byte{o.author(plan)}, o.at); err != nil || r.Applied[hr.Leave] != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	people[3].status, people[3].ground, people[3].rank = "", "", 7
	plan = o.plan(people, true)
	if r, err := o.reg.ApplyPlan(bg, plan, [][]byte{o.author(plan)}, o.at); err != nil || r.Held != 1 || r.Applied[hr.Join] != 0 {
		t.Fatalf("%+v, %v; want the join held", r, err)
	}
	people[3].rank = 8 // one step
	plan = o.plan(people, true)
	if r, err := o.reg.ApplyPlan(bg, plan, [][]byte{o.author(plan)}, o.at); err != nil || r.Held != 0 || r.Applied[hr.Join] != 1 {
		t.Fatalf("%+v, %v; want the join", r, err)
	}
}

// [APP-13] Two single steps within a week are one rise of two.
func TestRankByRank(t *testing.T) {
	o := testOffice(t)
	people := staff(30)
	people[3].rank = 9
	o.load(people)
	step := func(rank int) *issuer.PlanReport {
		t.Helper()
		people[3].rank = rank
		plan := o.plan(people, true)
		r, err := o.reg.ApplyPlan(bg, plan, [][]byte{o.author(plan)}, o.at)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if r := step(8); r.Applied[hr.Change] != 1 {
		t.Fatalf("first step: %+v", r)
	}
	o.at = o.at.Add(24 * time.Hour)
	people[3].rank = 7
	if all, held := o.plan(people, true).Counts(); all[hr.Change] != 1 || held[hr.Change] != 1 {
		t.Fatalf("the plan shows %d changes, %d held; want the one held before anybody signs", all[hr.Change], held[hr.Change])
	}
	if r := step(7); r.Held != 1 || r.Applied[hr.Change] != 0 {
		t.Fatalf("second step a day later: %+v, want it held", r)
	}
	if r := step(9); r.Applied[hr.Change] != 1 {
		t.Fatalf("a step down: %+v, want it free", r)
	}
	o.at = o.at.Add(8 * 24 * time.Hour)
	if r := step(8); r.Applied[hr.Change] != 1 {
		t.Fatalf("after a week: %+v", r)
	}
}

// A block outlives a plan whose file is silent on the person and ends with a good row.
func TestBlockOutlivesSilence(t *testing.T) {
	o := testOffice(t)
	people := staff(30)
	o.load(people)
	_, _, e := o.enrol(1)
	o.issue(e.Entitlement)
	blocked := func() bool {
		for _, k := range o.known() {
			if k.Blocked {
				return true
			}
		}
		return false
	}
	bad := slices.Clone(people)
	bad[0].category = "Я"
	plan := o.plan(bad, true)
	if r, err := o.reg.ApplyPlan(bg, plan, [][]byte{o.author(plan)}, o.at); err != nil || r.State != issuer.PlanDone || !blocked() {
		t.Fatalf("%+v, %v, blocked %t; want a block", r, err, blocked())
	}
	plan = o.plan(people[5:8], false)
	if _, err := o.reg.ApplyPlan(bg, plan, [][]byte{o.author(plan)}, o.at); err != nil || !blocked() {
		t.Fatalf("%v, blocked %t; a file about others ended the block", err, blocked())
	}
	plan = o.plan(people, true)
	if _, err := o.reg.ApplyPlan(bg, plan, [][]byte{o.author(plan)}, o.at); err != nil || blocked() {
		t.Fatalf("%v, blocked %t; want the block ended by a good row", err, blocked())
	}
}

// What HR suspends an operator cannot resume, and what an operator suspends HR's return to duty does not resume.
func TestOperatorAndPlanSuspensions(t *testing.T) {
	o := testOffice(t)
	people := staff(30)
	o.load(people)
	_, _, e := o.enrol(1)
	id := o.issue(e.Entitlement)
	byPlan := func(status string) {
		t.Helper()
		people[0].status = status
		plan := o.plan(people, true)
		if _, err := o.reg.ApplyPlan(bg, plan, [][]byte{o.author(plan)}, o.at); err != nil {
			t.Fatal(err)
		}
	}
	suspend := issuer.Change{Ground: issuer.GroundTheft, At: o.at}
	resume := issuer.Change{Ground: issuer.GroundReturn, At: o.at}
	byPlan("suspended")
	if err := o.body.Resume(bg, id.ID, resume); !errors.Is(err, issuer.ErrNotEntitled) || o.state(id.ID) != issuer.StateSuspended {
		t.Fatalf("resumed against HR: %v, %s", err, o.state(id.ID))
	}
	byPlan("")
	if o.state(id.ID) != issuer.StateIssued {
		t.Fatalf("a refused resumption must leave the plan's own: %s", o.state(id.ID))
	}
	byPlan("suspended")
	if err := o.body.Suspend(bg, id.ID, suspend); err != nil {
		t.Fatal(err)
	}
	if err := o.body.Suspend(bg, id.ID, suspend); !errors.Is(err, issuer.ErrState) {
		t.Fatalf("a second time: %v", err)
	}
	byPlan("")
	if o.state(id.ID) != issuer.StateSuspended {
		t.Fatalf("HR's return to duty lifted a suspension for theft: %s", o.state(id.ID))
	}
	if err := o.body.Resume(bg, id.ID, resume); err != nil || o.state(id.ID) != issuer.StateIssued {
		t.Fatalf("%v, %s", err, o.state(id.ID))
	}
	// Data go missing and come back, the operator resumes before the sweep sees it, then suspends: the sweep keeps out.
	people[0].noPhoto = true
	byPlan("")
	people[0].noPhoto = false
	o.photo++
	byPlan("")
	if err := o.body.Suspend(bg, id.ID, suspend); err != nil {
		t.Fatal(err)
	}
	if _, err := o.reg.Sweep(bg, o.at); err != nil || o.state(id.ID) != issuer.StateSuspended {
		t.Fatalf("sweep: %v, %s", err, o.state(id.ID))
	}
}

// A return to duty together with a confirmed new number is one plan that can be applied.
func TestResumeWithANewNumber(t *testing.T) {
	o := testOffice(t)
	people := staff(30)
	o.load(people)
	_, _, e := o.enrol(1)
	id := o.issue(e.Entitlement)
	people[0].status, people[0].ground = "suspended", ""
	plan := o.plan(people, true)
	if _, err := o.reg.ApplyPlan(bg, plan, [][]byte{o.author(plan)}, o.at); err != nil || o.state(id.ID) != issuer.StateSuspended {
		t.Fatalf("%v, %s", err, o.state(id.ID))
	}
	people[0].status = ""
	people[0].n = 777
	snapshot := o.snapshot(people, true)
	opt, err := o.reg.PlanOptions(bg, o.at, 48*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	plan, err = hr.MakePlan(o.known(), snapshot, opt)
	if err != nil || len(plan.Questions) != 1 {
		t.Fatalf("%v, %d questions", err, len(plan.Questions))
	}
	opt.Answers = []hr.Answer{{Question: plan.Questions[0].ID, Same: true}}
	if plan, err = hr.MakePlan(o.known(), snapshot, opt); err != nil {
		t.Fatal(err)
	}
	if r, err := o.reg.ApplyPlan(bg, plan, [][]byte{o.author(plan)}, o.at); err != nil || r.Applied[hr.Resume] != 1 || o.state(id.ID) != issuer.StateIssued {
		t.Fatalf("%+v, %v, %s; want it resumed", r, err, o.state(id.ID))
	}
}

// [APP-15]
func TestPlanRefused(t *testing.T) {
	o := testOffice(t)
	people := staff(20)
	o.load(people)
	people[3].position = "заступник начальника"
	plan := o.plan(people, true)
	reply := func(f func(*hr.Plan)) *hr.Plan {
		c := *plan
		c.Items = slices.Clone(plan.Items)
		f(&c)
		return &c
	}
	item := func(f func(*hr.Item)) *hr.Plan {
		return reply(func(p *hr.Plan) {
			r, b := *p.Items[0].After, *p.Items[0].Before
			p.Items[0].After, p.Items[0].Before = &r, &b
			f(&p.Items[0])
		})
	}
	good := plan.Items[0]
	join := hr.Item{Kind: hr.Join, PostID: "p", Key: good.Key, KeyKind: good.KeyKind, Keys: good.Keys, After: good.After}
	for name, c := range map[string]struct {
		plan *hr.Plan
		want issuer.RegisterCode
	}{
		"none":                 {nil, issuer.PlanMalformed},
		"another body":         {reply(func(p *hr.Plan) { p.EDRPOU = otherBody }), issuer.PlanOtherBody},
		"a post of another":    {item(func(i *hr.Item) { i.After.EDRPOU = otherBody }), issuer.PlanOtherBody},
		"number 0":             {reply(func(p *hr.Plan) { p.Number = 0 }), issuer.PlanMalformed},
		"number of the past":   {reply(func(p *hr.Plan) { p.Number-- }), issuer.PlanStale},
		"number of the future": {reply(func(p *hr.Plan) { p.Number++ }), issuer.PlanStale},
		"made ahead":           {reply(func(p *hr.Plan) { p.Made = o.at.Add(time.Hour) }), issuer.PlanStale},
		"expired":              {reply(func(p *hr.Plan) { p.Expires = o.at }), issuer.PlanExpired},
		"item twice":           {reply(func(p *hr.Plan) { p.Items = append(p.Items, p.Items[0]) }), issuer.PlanPersonTwice},
		"changed and left": {reply(func(p *hr.Plan) {
			p.Items = append(p.Items, hr.Item{Kind: hr.Leave, Ref: good.Ref, PostID: good.PostID, Key: good.Key, KeyKind: good.KeyKind, Before: good.Before})
		}), issuer.PlanPersonTwice},
		"suspended, resumed": {reply(func(p *hr.Plan) {
			s, r := good, good
			s.Kind, r.Kind = hr.Suspend, hr.Resume
			p.Items = []hr.Item{s, r}
		}), issuer.PlanPersonTwice},
		"three of one post": {reply(func(p *hr.Plan) {
			s, m := good, good
			s.Kind, m.Kind = hr.Suspend, hr.Move
			p.Items = []hr.Item{s, good, m}
		}), issuer.PlanPersonTwice},
		"two joins":             {reply(func(p *hr.Plan) { p.Items = []hr.Item{join, join} }), issuer.PlanPersonTwice},
		"join without record":   {reply(func(p *hr.Plan) { j := join; j.After = nil; p.Items = []hr.Item{j} }), issuer.PlanMalformed},
		"join with a reference": {reply(func(p *hr.Plan) { j := join; j.Ref = "1"; p.Items = []hr.Item{j} }), issuer.PlanMalformed},
		"join dismissed": {reply(func(p *hr.Plan) {
			j, r := join, *join.After
			r.Status = hr.StatusDismissed
			j.After = &r
			p.Items = []hr.Item{j}
		}), issuer.PlanMalformed},
		"unknown kind":      {item(func(i *hr.Item) { i.Kind = "promote" }), issuer.PlanMalformed},
		"no kind":           {item(func(i *hr.Item) { i.Kind = "" }), issuer.PlanMalformed},
		"no key":            {item(func(i *hr.Item) { i.Key = hr.PersonKey{} }), issuer.PlanMalformed},
		"no reference":      {item(func(i *hr.Item) { i.Ref = "" }), issuer.PlanMalformed},
		"nothing before":    {item(func(i *hr.Item) { i.Before = nil }), issuer.PlanMalformed},
		"nothing after":     {item(func(i *hr.Item) { i.After = nil }), issuer.PlanMalformed},
		"unknown post":      {item(func(i *hr.Item) { i.Ref = "9999" }), issuer.PlanStale},
		"another's post":    {item(func(i *hr.Item) { i.Ref = "1" }), issuer.PlanStale},
		"before differs":    {item(func(i *hr.Item) { i.Before.Unit = "Інший" }), issuer.PlanStale},
		"photo before":      {item(func(i *hr.Item) { i.Before.PhotoSHA256[0] ^= 1 }), issuer.PlanStale},
		"plastic before":    {item(func(i *hr.Item) { i.Before.Plastic.Expires = i.Before.Plastic.Expires.AddDays(1) }), issuer.PlanStale},
		"another's РНОКПП":  {item(func(i *hr.Item) { i.After.RNOKPP = rnokppOf(9) }), issuer.PlanUnbound},
		"held stated leave": {item(func(i *hr.Item) { i.Kind, i.Held = hr.Suspend, true }), issuer.PlanMalformed},
		"unbound new person": {reply(func(p *hr.Plan) {
			j, r := join, *join.After
			r.RNOKPP = ""
			j.After, j.PostID = &r, "q"
			p.Items = []hr.Item{j}
		}), issuer.PlanUnbound},
	} {
		var approvals [][]byte
		if c.plan != nil && c.plan.Number != 0 {
			approvals = o.both(issuer.PlanSubject(c.plan))
		}
		if _, err := o.reg.ApplyPlan(bg, c.plan, approvals, o.at); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want [%s]", name, err, c.want)
		}
	}
	// Changed after it was signed, by one letter.
	signed := o.both(issuer.PlanSubject(plan))
	edited := item(func(i *hr.Item) { i.After.Position = "заступниця начальника" })
	_, err := o.reg.ApplyPlan(bg, edited, signed, o.at)
	wantCode(t, err, issuer.ApprovalEdited)
	if plans, err := o.reg.Plans(bg); err != nil || len(plans) != 1 {
		t.Fatalf("%d plans, %v; want the first alone", len(plans), err)
	}
	// The plan that was signed still stands, and another one of the same number does not follow it.
	other := o.plan(people[:19], false)
	o.apply(plan)
	_, err = o.reg.ApplyPlan(bg, other, o.both(issuer.PlanSubject(other)), o.at)
	wantCode(t, err, issuer.PlanStale)
	_, err = o.reg.ApplyPlan(bg, plan, signed, o.at)
	wantCode(t, err, issuer.PlanReplayed)
}

func TestNewerPlanEndsTheWaitingOne(t *testing.T) {
	o := testOffice(t)
	people := staff(20)
	first := o.plan(people, true)
	if r, err := o.reg.ApplyPlan(bg, first, [][]byte{o.author(first)}, o.at); err != nil || r.State != issuer.PlanWaiting {
		t.Fatalf("%+v, %v", r, err)
	}
	second := o.plan(people[:3], true)
	if second.Number != first.Number+1 {
		t.Fatalf("number %d, want %d", second.Number, first.Number+1)
	}
	o.apply(second)
	_, err := o.reg.ApplyPlan(bg, first, o.both(issuer.PlanSubject(first)), o.at)
	wantCode(t, err, issuer.PlanStale)
	plans, err := o.reg.Plans(bg)
	if err != nil || len(plans) != 2 || plans[0].State != issuer.PlanEnded || plans[1].State != issuer.PlanDone {
		t.Fatalf("%+v, %v", plans, err)
	}
	if n := len(o.known()); n != 3 {
		t.Fatalf("%d posts, want 3", n)
	}
}

// A plan read back from its file is bound to its snapshot and applied; without that it is refused.
func TestPlanFromFile(t *testing.T) {
	o := testOffice(t)
	plan := o.plan(staff(10), true)
	var file bytes.Buffer
	if _, err := plan.WriteTo(&file); err != nil {
		t.Fatal(err)
	}
	read, err := hr.ParsePlan(file.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	approvals := o.both(issuer.PlanSubject(plan))
	_, err = o.reg.ApplyPlan(bg, read, approvals, o.at)
	wantCode(t, err, issuer.PlanUnbound)
	if err := read.Bind(o.snapshot(staff(10), true), o.reg.PersonSecret()); err != nil {
		t.Fatal(err)
	}
	if _, err := o.reg.ApplyPlan(bg, read, approvals, o.at); err != nil {
		t.Fatal(err)
	}
	for _, k := range o.known() {
		if k.Record.RNOKPP == "" {
			t.Fatal("a РНОКПП did not reach the register")
		}
	}
}

// [APP-14] What a failed transaction began is not there afterwards, nor after opening the file again.
func TestPlanWholeOrNotAtAll(t *testing.T) {
	o := testOffice(t)
	o.load(staff(4))
	plan := o.plan(staff(12), true)
	broken := *plan
	broken.Items = slices.Clone(plan.Items)
	last := &broken.Items[len(broken.Items)-1]
	after := *last.After
	after.RNOKPP = ""
	last.After = &after
	_, err := o.reg.ApplyPlan(bg, &broken, o.both(issuer.PlanSubject(&broken)), o.at)
	wantCode(t, err, issuer.PlanUnbound)
	if n := len(o.known()); n != 4 {
		t.Fatalf("%d posts after a plan that broke off, want 4", n)
	}
	o.apply(plan)
	if err := o.store.Close(); err != nil {
		t.Fatal(err)
	}
	if o.store, err = store.Open(o.path, store.Options{Sealer: o.seal}); err != nil {
		t.Fatal(err)
	}
	if o.reg, err = issuer.OpenRegister(bg, o.store); err != nil {
		t.Fatal(err)
	}
	if n := len(o.known()); n != 12 {
		t.Fatalf("%d posts after opening again, want 12", n)
	}
	_, err = o.reg.ApplyPlan(bg, plan, o.both(issuer.PlanSubject(plan)), o.at)
	wantCode(t, err, issuer.PlanReplayed)
}

func TestSuspendAndResumeByPlan(t *testing.T) {
	o := testOffice(t)
	people := staff(10)
	o.load(people)
	var ids []issuer.ID
	var slips []issuer.Slip
	for n := 1; n <= 3; n++ {
		s, _, e := o.enrol(n)
		slips = append(slips, s)
		ids = append(ids, o.issue(e.Entitlement))
	}
	// The second was suspended by hand before HR did it: HR's return to duty must not lift that.
	if err := o.body.Suspend(bg, ids[1].ID, issuer.Change{Ground: issuer.GroundLoss, At: o.at, Operator: "1"}); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		people[i].status, people[i].ground, people[i].order = "suspended", "suspension", "12-к"
	}
	r := o.apply(o.plan(people, true))
	if r.Suspended != 2 {
		t.Fatalf("%d suspended, want 2", r.Suspended)
	}
	// The third's phone is reported as lost while HR has him suspended.
	if _, err := o.reg.StopByCode(bg, slips[2].StopCode(), o.at); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		people[i].status, people[i].ground, people[i].order = "active", "", ""
	}
	r = o.apply(o.plan(people, true))
	if r.Resumed != 1 {
		t.Fatalf("%d resumed, want 1", r.Resumed)
	}
	for i, want := range []issuer.State{issuer.StateIssued, issuer.StateSuspended, issuer.StateSuspended} {
		if got := o.state(ids[i].ID); got != want {
			t.Errorf("ID %d is %s, want %s", i+1, got, want)
		}
	}
}

func TestMissingDataSuspends(t *testing.T) {
	o := testOffice(t)
	people := staff(3)
	people[0].plastic = "2026-03-20"
	o.load(people)
	_, _, e := o.enrol(1)
	id := o.issue(e.Entitlement)
	_, _, e2 := o.enrol(2)
	id2 := o.issue(e2.Entitlement)
	people[1].noPhoto = true
	r := o.apply(o.plan(people, true))
	if r.Suspended != 1 || o.state(id2.ID) != issuer.StateSuspended {
		t.Fatalf("%+v, ID is %s; want it suspended without a photo", r, o.state(id2.ID))
	}
	people[1].noPhoto = false
	r = o.apply(o.plan(people, true))
	if r.Resumed != 1 || o.state(id2.ID) != issuer.StateIssued {
		t.Fatalf("%+v, ID is %s; want it issued again", r, o.state(id2.ID))
	}
	// Time alone ends a term.
	for _, c := range []struct {
		at    time.Time
		want  issuer.State
		moved int
	}{
		{time.Date(2026, 3, 20, 21, 59, 59, 0, time.UTC), issuer.StateIssued, 0},
		{time.Date(2026, 3, 20, 22, 0, 0, 0, time.UTC), issuer.StateSuspended, 1},
		{time.Date(2026, 3, 21, 0, 0, 0, 0, time.UTC), issuer.StateSuspended, 0},
	} {
		n, err := o.reg.Sweep(bg, c.at)
		if err != nil {
			t.Fatal(err)
		}
		if got := o.state(id.ID); got != c.want || n != c.moved {
			t.Errorf("at %s: %s, %d moved; want %s, %d", c.at, got, n, c.want, c.moved)
		}
	}
	o.at = time.Date(2026, 3, 22, 9, 0, 0, 0, time.UTC)
	people[0].plastic = "2029-03-20"
	if r = o.apply(o.plan(people, true)); r.Resumed != 1 || o.state(id.ID) != issuer.StateIssued {
		t.Fatalf("%+v, ID is %s; want it issued again with the new plastic", r, o.state(id.ID))
	}
}

func TestEntitlement(t *testing.T) {
	o := testOffice(t)
	people := []official{someone(1), someone(2), someone(3), someone(4)}
	people[1].noRNOKPP = true
	people[2].noPhoto = true
	people[3].plastic = "2026-03-01"
	o.load(people)
	all, err := o.reg.WithoutID(bg, o.at)
	if err != nil {
		t.Fatal(err)
	}
	want := []hr.Code{"", hr.NoRNOKPP, hr.NoPhoto, hr.PlasticExpired}
	if len(all) != len(want) {
		t.Fatalf("%d people, want %d", len(all), len(want))
	}
	for i, s := range all {
		got := hr.Code("")
		if len(s.Reasons) > 0 {
			got = s.Reasons[0].Code
		}
		step := issuer.StepNotEntitled
		if i == 0 {
			step = issuer.StepNoSlip
		}
		if got != want[i] || s.Step != step {
			t.Errorf("person %d: %q, %s; want %q, %s", i+1, got, s.Step.Text("en"), want[i], step.Text("en"))
		}
	}
	var e issuer.Entitlement
	if err := o.store.View(bg, func(tx issuer.Tx) (err error) {
		e, err = tx.Entitlement(all[0].Entitlement, o.at)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	photo := all[0].Record.PhotoSHA256
	if !e.Live || e.Wish || e.Surname != all[0].Record.Surname || !e.HasPhoto || !bytes.Equal(e.PhotoHash[:], photo[:20]) || e.Number != "ДМ"+all[0].Record.Plastic.Number {
		t.Fatalf("entitlement live %v, wish %v, photo %v, number %q", e.Live, e.Wish, e.HasPhoto, e.Number)
	}
	if want := (hr.Date{Year: 2028, Month: 12, Day: 31}).End(); !e.NotAfter.Equal(want) {
		t.Fatalf("term ends %s, want %s", e.NotAfter, want)
	}
	// A row set aside blocks the renewal of whoever has a live ID.
	_, _, en := o.enrol(1)
	o.issue(en.Entitlement)
	people[0].badRNOKPP = true
	o.apply(o.plan(people, true))
	if err := o.store.View(bg, func(tx issuer.Tx) (err error) {
		e, err = tx.Entitlement(en.Entitlement, o.at)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if e.Live {
		t.Fatal("a row set aside does not block the renewal")
	}
	people[0].badRNOKPP = false
	o.apply(o.plan(people, true))
	if err := o.store.View(bg, func(tx issuer.Tx) (err error) {
		e, err = tx.Entitlement(en.Entitlement, o.at)
		return err
	}); err != nil || !e.Live {
		t.Fatalf("mended, and still blocked: %v", err)
	}
}

func TestSeveralPosts(t *testing.T) {
	o := testOffice(t)
	a, b := someone(1), someone(1)
	b.staff, b.unit, b.position = "70001", "Рада директорів", "член ради"
	o.load([]official{a, b, someone(2)})
	k := o.known()
	if len(k) != 3 || k[0].Key != k[1].Key || k[0].PostID == k[1].PostID {
		t.Fatalf("%d posts; want two of one person and one more", len(k))
	}
	slips, err := o.reg.Slips(bg, issuer.SlipFilter{}, o.ops[0], o.at)
	if err != nil || len(slips) != 3 {
		t.Fatalf("%d slips, %v; want one for each post", len(slips), err)
	}
	phone := newHolderKey(t)
	var ids []issuer.ID
	for _, s := range slips {
		if s.Entitlement == 3 {
			continue
		}
		e, err := o.reg.Enrol(bg, s.Number, possess(t, ourBody, s.Code(), o.at, phone), o.at)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, o.issue(e.Entitlement))
	}
	// Leaving one post leaves the other.
	b.status, b.ground, b.order = "dismissed", "dismissal", "5-к"
	o.apply(o.plan([]official{a, b, someone(2)}, true))
	states := []issuer.State{o.state(ids[0].ID), o.state(ids[1].ID)}
	slices.Sort(states)
	if states[0] != issuer.StateIssued || states[1] != issuer.StateRevoked {
		t.Fatalf("IDs are %v, want one issued and one revoked", states)
	}
	// Coming back to the post takes the old row, without the old wish.
	b.status, b.ground, b.order = "", "", ""
	o.apply(o.plan([]official{a, b, someone(2)}, true))
	if k := o.known(); len(k) != 3 {
		t.Fatalf("%d posts, want 3", len(k))
	}
	all, err := o.reg.Standings(bg, o.at)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		if s.Record.StaffNumber == b.staff && s.Step != issuer.StepNoSlip {
			t.Fatalf("back in the post: %s, want %s", s.Step.Text("en"), issuer.StepNoSlip.Text("en"))
		}
	}
}

// A confirmed new number may be that of an earlier employment: then both are one person, and nobody else's.
func TestNumberOfAnEarlierEmployment(t *testing.T) {
	o := testOffice(t)
	people := staff(6)
	o.load(people)
	_, _, e := o.enrol(1)
	id := o.issue(e.Entitlement)
	o.apply(o.plan(people[1:], true)) // the first leaves
	if o.state(id.ID) != issuer.StateRevoked {
		t.Fatalf("ID is %s, want revoked", o.state(id.ID))
	}
	back := someone(1)
	back.noRNOKPP, back.staff = true, "00901"
	o.apply(o.plan(append([]official{back}, people[1:]...), true))
	if k := o.known(); len(k) != 6 || k[5].Kind != hr.KeyStaff && k[0].Kind != hr.KeyStaff {
		t.Fatalf("%d posts; want the first back under the staff number", len(k))
	}
	// Now the number is found; HR confirms that it is the same person.
	back.noRNOKPP = false
	list := append([]official{back}, people[1:]...)
	asked := o.plan(list, true)
	if len(asked.Questions) != 1 {
		t.Fatalf("%d questions, want 1", len(asked.Questions))
	}
	opt, err := o.reg.PlanOptions(bg, o.at, 48*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	opt.Answers = []hr.Answer{{Question: asked.Questions[0].ID, Same: true}}
	plan, err := hr.MakePlan(o.known(), o.snapshot(list, true), opt)
	if err != nil {
		t.Fatal(err)
	}
	o.apply(plan)
	found := 0
	for _, k := range o.known() {
		if k.Record.StaffNumber == "00901" {
			found++
			if k.Kind != hr.KeyRNOKPP || k.Record.RNOKPP != rnokppOf(1) {
				t.Fatalf("kind %s, number known %v", k.Kind, k.Record.RNOKPP != "")
			}
		}
	}
	if found != 1 {
		t.Fatalf("%d posts of the person, want 1", found)
	}
	if rest := o.plan(list, true); len(rest.Items)+len(rest.Questions) != 0 {
		t.Fatalf("%d items and %d questions remain, want none", len(rest.Items), len(rest.Questions))
	}
	if _, _, e := o.enrol(901); !o.entitled(e.Entitlement).Live {
		t.Fatal("the person cannot be enrolled")
	}
	// Two who both hold posts are never made one.
	forged := o.plan(list, true)
	forged.Items = []hr.Item{plan.Items[0]}
	it := &forged.Items[0]
	for _, k := range o.known() {
		if k.Record.StaffNumber == people[2].staff {
			r := k.Record
			it.Ref, it.PostID, it.Before, it.Key = k.Ref, k.PostID, &r, k.Key
			after := r
			after.RNOKPP = rnokppOf(1)
			it.After = &after
			ks, err := hr.KeysOf(o.reg.PersonSecret(), &after)
			if err != nil {
				t.Fatal(err)
			}
			it.Keys = ks
		}
	}
	_, err = o.reg.ApplyPlan(bg, forged, o.both(issuer.PlanSubject(forged)), o.at)
	wantCode(t, err, issuer.PlanPersonTwice)
}

// normal is what has to agree between the register and the fold of plans.
func normal(k []hr.Known) []string {
	out := make([]string, len(k))
	for i, x := range k {
		r := x.Record
		r.File, r.Line, r.PhotoRef, r.PhotoProblem = "", 0, "", ""
		b, err := json.Marshal(&r)
		if err != nil {
			panic(err)
		}
		out[i] = fmt.Sprintf("%s %s %s %s %v %s", x.Key, x.PostID, x.Kind, r.RNOKPP, x.Keys, b)
	}
	slices.Sort(out)
	return out
}

// [APP-16] Whatever is handed in between, and in whatever order, the register is the fold of the accepted plans.
func TestRegisterIsTheFoldOfAcceptedPlans(t *testing.T) {
	dir := t.TempDir()
	runs := 0
	rapid.Check(t, func(t *rapid.T) {
		runs++
		sub := fmt.Sprintf("%s/%d", dir, runs)
		if err := os.Mkdir(sub, 0o700); err != nil {
			t.Fatal(err)
		}
		o := newOffice(t, sub)
		defer o.store.Close()
		var model []hr.Known
		var old []*hr.Plan
		var waiting *hr.Plan
		var before []hr.Known // state before the waiting plan
		people := map[int]official{}
		list := func() []official {
			out := make([]official, 0, len(people))
			for _, p := range people {
				out = append(out, p)
			}
			slices.SortFunc(out, func(a, b official) int { return cmp.Compare(a.staff, b.staff) })
			return out
		}
		// hr.Apply names posts by references of its own; the register's plans name them by rows.
		rename := func(state []hr.Known) []hr.Known {
			refs := map[string]string{}
			for _, k := range o.known() {
				refs[k.PostID+k.Key.String()] = k.Ref
			}
			out := slices.Clone(state)
			for i := range out {
				out[i].Ref = refs[out[i].PostID+out[i].Key.String()]
			}
			return out
		}
		for range rapid.IntRange(2, 6).Draw(t, "rounds") {
			for range rapid.IntRange(1, 5).Draw(t, "changes") {
				n := rapid.IntRange(1, 12).Draw(t, "who")
				p, here := people[n]
				if !here {
					people[n] = someone(n)
					continue
				}
				switch rapid.IntRange(0, 7).Draw(t, "what") {
				case 0:
					delete(people, n)
				case 1:
					p.status, p.ground, p.order = "suspended", "suspension", "1-к"
				case 2:
					p.status, p.ground, p.order = "active", "", ""
				case 3:
					p.unit = rapid.SampledFrom([]string{"Канцелярія", "Архів", "Відділ 1"}).Draw(t, "unit")
				case 4:
					p.rank = rapid.IntRange(6, 9).Draw(t, "rank")
				case 5:
					p.plastic = rapid.SampledFrom([]string{"2027-01-01", "2028-12-31"}).Draw(t, "plastic")
				case 6:
					p.status, p.ground = "dismissed", "dismissal"
				case 7:
					p.noPhoto = !p.noPhoto
				}
				if _, still := people[n]; still {
					people[n] = p
				}
			}
			if len(people) == 0 {
				continue
			}
			plan := o.plan(list(), true)
			for n, p := range people {
				if p.status == "dismissed" {
					delete(people, n)
				}
			}
			state := rename(model)
			signatures := rapid.IntRange(0, 2).Draw(t, "signatures")
			var approvals [][]byte
			switch signatures {
			case 1:
				approvals = [][]byte{o.author(plan)}
			case 2:
				approvals = o.both(issuer.PlanSubject(plan))
			}
			report, err := o.reg.ApplyPlan(bg, plan, approvals, o.at)
			if (err == nil) != (signatures > 0) {
				t.Fatalf("%d signatures: %v", signatures, err)
			}
			if err == nil {
				if model, err = hr.Apply(state, plan, report.State == issuer.PlanDone); err != nil {
					t.Fatal(err)
				}
				waiting, before = nil, nil
				if report.State == issuer.PlanWaiting {
					waiting, before = plan, state
				}
				old = append(old, plan)
			}
			// Old plans again, in any order, with every signature; changed plans with signatures of others.
			for range rapid.IntRange(0, 3).Draw(t, "noise") {
				if len(old) == 0 {
					break
				}
				again := rapid.SampledFrom(old).Draw(t, "again")
				if rapid.Bool().Draw(t, "edit") {
					edited := *again
					edited.Number = uint64(rapid.IntRange(1, len(old)+2).Draw(t, "number"))
					edited.Rows++
					if _, err := o.reg.ApplyPlan(bg, &edited, o.both(issuer.PlanSubject(again)), o.at); err == nil {
						t.Fatal("an edited plan was taken")
					}
					continue
				}
				if again == waiting {
					if _, err := o.reg.ApplyPlan(bg, again, [][]byte{o.author(again)}, o.at); err != nil {
						t.Fatal(err)
					}
					continue
				}
				if _, err := o.reg.ApplyPlan(bg, again, o.both(issuer.PlanSubject(again)), o.at); err == nil {
					t.Fatal("an old plan was taken again")
				}
			}
			if waiting != nil && rapid.Bool().Draw(t, "approve") {
				if _, err := o.reg.ApplyPlan(bg, waiting, o.both(issuer.PlanSubject(waiting)), o.at); err != nil {
					t.Fatal(err)
				}
				if model, err = hr.Apply(before, waiting, true); err != nil {
					t.Fatal(err)
				}
				waiting = nil
			}
			if got, want := normal(o.known()), normal(model); !slices.Equal(got, want) {
				t.Fatalf("register\n%s\nfold\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		}
	})
}

// Nothing personal gets into errors, the audit or the plain columns of the file.
func TestNoPersonalDataLeaks(t *testing.T) {
	o := testOffice(t)
	people := staff(8)
	people[0].surname, people[0].unit, people[0].position = "Канарейченко", "Канаркова служба", "канарник"
	o.load(people)
	slip, _, e := o.enrol(1)
	o.issue(e.Entitlement)
	canaries := []string{"анаре", "анарк", "анарник", rnokppOf(1), slip.Code(), slip.StopCode(),
		strings.ReplaceAll(slip.Code(), "-", ""), strings.ReplaceAll(slip.StopCode(), "-", ""), "Ковальчук"}
	look := func(where, text string) {
		t.Helper()
		for i, c := range canaries {
			if strings.Contains(text, c) {
				t.Errorf("%s shows canary %d", where, i)
			}
		}
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		look("slip "+verb, fmt.Sprintf(verb, slip))
		look("slip pointer "+verb, fmt.Sprintf(verb, &slip))
		look("register "+verb, fmt.Sprintf(verb, o.reg))
	}
	if b, err := json.Marshal(slip); err == nil {
		t.Errorf("slip encoded as %s", b)
	}
	var refusals []error
	add := func(err error) {
		if err == nil {
			t.Fatal("not refused")
		}
		refusals = append(refusals, err)
	}
	people[0].position = "головна канарниця"
	plan := o.plan(people, true)
	_, err := o.reg.ApplyPlan(bg, plan, nil, o.at)
	add(err)
	for _, f := range []func(*hr.Item){
		func(i *hr.Item) { r := *i.Before; r.Unit = "Канарка"; i.Before = &r },
		func(i *hr.Item) { i.Kind = "Канарка" },
		func(i *hr.Item) { i.Ref = "Канарка" },
		func(i *hr.Item) { r := *i.After; r.RNOKPP = rnokppOf(5); i.After = &r },
	} {
		bad := *plan
		bad.Items = slices.Clone(plan.Items)
		f(&bad.Items[0])
		_, err := o.reg.ApplyPlan(bg, &bad, o.both(issuer.PlanSubject(&bad)), o.at)
		add(err)
	}
	phone := newHolderKey(t)
	for _, code := range []string{slip.Code(), slip.StopCode()} {
		_, err := o.reg.Enrol(bg, slip.Number, possess(t, ourBody, code, o.at, phone), o.at)
		add(err)
		var e *issuer.EnrolmentError
		if errors.As(err, &e) {
			reason, detail := e.Registrar()
			look("registrar's reason", string(reason)+detail)
		}
	}
	_, err = o.reg.Enrol(bg, 0, []byte(slip.Code()), o.at)
	add(err)
	_, err = o.reg.StopByCode(bg, slip.Code(), o.at)
	add(err)
	add(o.reg.Withdraw(bg, 77, o.ops[0], o.at))
	for _, err := range refusals {
		look("error", fmt.Sprintf("%v %+v %#v", err, err, err))
	}
	if _, err := o.body.VerifyAudit(bg, nil, func(r issuer.AuditRecord) error {
		look(fmt.Sprintf("audit entry %d", r.Seq), fmt.Sprintf("%+v", r))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	// Tokens hold names by their nature; everything of the register is sealed. Enrolled people are issued above, so the file
	// is searched for what tokens never hold, and for the people who have none.
	if err := o.store.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(o.path)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range append(canaries[3:], surnameOf(someone(2)), rnokppOf(2)) {
		if bytes.Contains(data, []byte(c)) {
			t.Errorf("file shows canary %d", i)
		}
	}
	hash := sha256.Sum256([]byte(strings.ReplaceAll(slip.Code(), "-", "")))
	if bytes.Contains(data, hash[:]) {
		t.Error("file holds the bare hash of a code")
	}
}

// A ministry of 40,000 comes in, and changes, in seconds.
func TestLargePlan(t *testing.T) {
	if testing.Short() {
		t.Skip("short mode: 40,000 rows")
	}
	o := testOffice(t)
	people := staff(40_000)
	began := time.Now()
	plan := o.plan(people, true)
	made := time.Now()
	approvals := o.both(issuer.PlanSubject(plan))
	r, err := o.reg.ApplyPlan(bg, plan, approvals, o.at)
	if err != nil {
		t.Fatal(err)
	}
	joined := time.Now()
	if r.Applied[hr.Join] != 40_000 {
		t.Fatalf("%d joined, want 40000", r.Applied[hr.Join])
	}
	for i := range people {
		people[i].position = "провідний спеціаліст"
	}
	plan = o.plan(people, true)
	remade := time.Now()
	if r, err = o.reg.ApplyPlan(bg, plan, o.both(issuer.PlanSubject(plan)), o.at); err != nil {
		t.Fatal(err)
	}
	changed := time.Now()
	if n := r.Applied[hr.Move] + r.Applied[hr.Change]; n != 40_000 {
		t.Fatalf("%d changed, want 40000", n)
	}
	slips, err := o.reg.Slips(bg, issuer.SlipFilter{}, o.ops[0], o.at)
	if err != nil || len(slips) != 40_000 {
		t.Fatalf("%d slips, %v", len(slips), err)
	}
	t.Logf("40,000 rows: read and planned %s, joined %s; planned again %s, changed %s; slips %s", made.Sub(began).Round(time.Millisecond),
		joined.Sub(made).Round(time.Millisecond), remade.Sub(joined).Round(time.Millisecond), changed.Sub(remade).Round(time.Millisecond), time.Since(changed).Round(time.Millisecond))
}
