package registrar

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/posvid/posvid/hr"
	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/service"
)

// withoutRow is somebody without an ID, and why.
type withoutRow struct {
	Name, Position, Unit, Step string
	Reasons                    []string
	Blocked                    bool
	Row                        int64 // of the live ID; 0 for none
}

// withoutPage is «хто без посвідчення і чому».
type withoutPage struct {
	ui
	Query, Unit, Step string
	Rows              []withoutRow
	Units             []string
	Steps             []stepChoice
	Pager             service.Pager
	Posts, Without    int
}

// stepChoice is one kind of reason to filter by.
type stepChoice struct {
	Code, Text string
	Count      int
}

// stepCodes name the steps in addresses and reports; they are never translated.
var stepCodes = map[issuer.Step]hr.Code{
	issuer.StepSuspended: "id-suspended", issuer.StepToIssue: "to-issue", issuer.StepSlipOpen: "slip-open", issuer.StepNoSlip: "no-slip", issuer.StepNotEntitled: "not-entitled",
}

// lacking tells whether somebody stands in the list: without an issued ID, or with one that will not be renewed.
func lacking(s *issuer.Standing) bool { return s.Step != issuer.StepIssued || s.Blocked }

func (p *pages) without(c *call) error {
	all, err := p.peopleOf(c.r.Context(), c.body, c.at)
	if err != nil {
		return err
	}
	v := withoutPage{ui: c.ui(), Query: c.query("q"), Unit: c.query("unit"), Step: c.query("step"), Units: all.units, Posts: all.posts, Without: all.posts - all.steps[issuer.StepIssued]}
	for _, s := range []issuer.Step{issuer.StepNotEntitled, issuer.StepNoSlip, issuer.StepSlipOpen, issuer.StepToIssue, issuer.StepSuspended} {
		v.Steps = append(v.Steps, stepChoice{string(stepCodes[s]), s.Text(c.lang), all.steps[s]})
	}
	words := strings.Fields(fold(v.Query))
	var found []int
	for _, blockedFirst := range []bool{true, false} { // an ID that is valid and will not be renewed comes before the rest
		for i := range all.standings {
			s := &all.standings[i]
			if blocked := s.Blocked && s.ID.State.Live(); !lacking(s) || blocked != blockedFirst || v.Unit != "" && s.Record.Unit != v.Unit ||
				v.Step != "" && string(stepCodes[s.Step]) != v.Step || !matches(all.search[i], words) {
				continue
			}
			found = append(found, i)
		}
	}
	v.Pager = c.page(len(found))
	for _, i := range found[v.Pager.From:v.Pager.To] {
		s := &all.standings[i]
		row := withoutRow{Name: visible(s.Record.FullName()), Position: visible(s.Record.Position), Unit: visible(s.Record.Unit), Step: s.Step.Text(c.lang), Blocked: s.Blocked}
		for _, r := range s.Reasons {
			row.Reasons = append(row.Reasons, v.Reason(r))
		}
		if s.ID.State.Live() {
			row.Row = s.ID.ID
		}
		v.Rows = append(v.Rows, row)
	}
	return c.show("without", v)
}

// withoutFile is the list as XLSX. Every cell is text, so that nothing in it runs as a formula.
func (p *pages) withoutFile(c *call) error {
	all, err := p.peopleOf(c.r.Context(), c.body, c.at)
	if err != nil {
		return err
	}
	var list []hr.Without
	for _, blockedFirst := range []bool{true, false} {
		for i := range all.standings {
			s := &all.standings[i]
			if lacking(s) && (s.Blocked && s.ID.State.Live()) == blockedFirst {
				list = append(list, withoutLine(s))
			}
		}
	}
	var buffer bytes.Buffer
	if err := hr.WriteWithoutIDReport(&buffer, list, c.at); err != nil {
		return err
	}
	c.download(fmt.Sprintf("without-%s-%s.xlsx", c.body.EDRPOU, hr.DateInKyiv(c.at)), "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
	_, err = c.w.Write(buffer.Bytes())
	return err
}

// withoutLine is a person in the report. Somebody with a right who only has not enrolled has no reason against him: there the
// step stands instead.
func withoutLine(s *issuer.Standing) hr.Without {
	r := &s.Record
	w := hr.Without{Line: r.Line, FullName: r.FullName(), StaffNumber: r.StaffNumber, Unit: r.Unit, Position: r.Position,
		Reasons: s.Reasons, LiveID: s.Blocked && s.ID.State.Live()}
	if code := stepCodes[s.Step]; code != "" && s.Step != issuer.StepNotEntitled {
		w.Problems = append(w.Problems, hr.Problem{Column: s.Step.Text("uk"), Code: code})
	}
	if s.Blocked {
		w.Problems = append(w.Problems, hr.Problem{Column: "рядок відкладено до виправлення, поновлення не буде", Code: "set-aside"})
	}
	return w
}
