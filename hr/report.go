package hr

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/xuri/excelize/v2"
)

// Without is one line of the list «хто без посвідчення і чому». It names a person: the list is for the body's registrar
// and for nobody else.
type Without struct {
	Line        int
	FullName    string
	StaffNumber string
	Unit        string
	Position    string
	Reasons     []Reason // what stands between this person and an electronic ID
	Problems    []Problem
	LiveID      bool // an ID that is valid now will not be renewed
}

// WithoutID lists everyone in the snapshot who has no right to an electronic ID at the time at, with every reason. plan may be
// nil; with it, people whose change waits for an answer or for a second person are listed too. First come those whose live ID
// will not be renewed, then the rest in file order.
func WithoutID(s *Snapshot, plan *Plan, at time.Time) []Without {
	var out []Without
	line := func(r *Record) Without {
		return Without{Line: r.Line, FullName: r.FullName(), StaffNumber: r.StaffNumber, Unit: r.Unit, Position: r.Position}
	}
	aside := map[int][]Problem{}
	live, waits, asked := map[int]bool{}, map[int][]Reason{}, map[int]bool{}
	if plan != nil {
		for _, a := range plan.SetAside {
			aside[a.Line] = a.Problems
			live[a.Line] = a.BlocksRenewal
		}
		for _, q := range plan.Questions {
			asked[q.Line] = true
			live[q.Line] = q.BlocksRenewal
		}
		for i := range plan.Items {
			if it := &plan.Items[i]; it.Held && it.Kind == Join {
				waits[it.Line] = it.HeldBy
			}
		}
	}
	for i := range s.Records {
		r := &s.Records[i]
		if r.Status == StatusDismissed {
			continue
		}
		w := line(r)
		w.Reasons, w.Problems, w.LiveID = r.NoIDReasons(at), aside[r.Line], live[r.Line]
		if r.StatusOnly {
			w.Reasons, w.Problems = []Reason{{Code: NotActive}}, r.Problems
		}
		if asked[r.Line] {
			w.Reasons = append(w.Reasons, Reason{Code: KeyChanged})
		}
		w.Reasons = append(w.Reasons, waits[r.Line]...)
		if len(w.Reasons)+len(w.Problems) > 0 {
			out = append(out, w)
		}
	}
	for i := range s.SetAside {
		a := &s.SetAside[i]
		w := line(&a.Record)
		w.Problems, w.LiveID = a.Problems, live[w.Line]
		out = append(out, w)
	}
	slices.SortStableFunc(out, func(a, b Without) int {
		if a.LiveID != b.LiveID {
			if a.LiveID {
				return -1
			}
			return 1
		}
		return a.Line - b.Line
	})
	return out
}

// WriteWithoutIDReport writes the list as an XLSX sheet with Ukrainian columns. Every cell is text, so nothing in it can
// run as a formula. The same list gives the same cells.
func WriteWithoutIDReport(w io.Writer, list []Without, asOf time.Time) error {
	f := excelize.NewFile()
	defer f.Close()
	const sheet = "Без посвідчення"
	if err := f.SetSheetName("Sheet1", sheet); err != nil {
		return fmt.Errorf("hr: report: %w", err)
	}
	if err := f.SetDocProps(&excelize.DocProperties{Creator: "Posvid", Language: "uk-UA", Created: seconds(asOf).Format(time.RFC3339), Modified: seconds(asOf).Format(time.RFC3339)}); err != nil {
		return fmt.Errorf("hr: report: %w", err)
	}
	bold, err := f.NewStyle(&excelize.Style{Font: &excelize.Font{Bold: true}, Fill: excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{"DDE6F0"}}, Alignment: &excelize.Alignment{WrapText: true, Vertical: "top"}})
	if err != nil {
		return fmt.Errorf("hr: report: %w", err)
	}
	wrap, err := f.NewStyle(&excelize.Style{Alignment: &excelize.Alignment{WrapText: true, Vertical: "top"}, NumFmt: 49})
	if err != nil {
		return fmt.Errorf("hr: report: %w", err)
	}
	sw, err := f.NewStreamWriter(sheet)
	if err != nil {
		return fmt.Errorf("hr: report: %w", err)
	}
	for i, width := range []float64{8, 38, 14, 34, 44, 70, 34, 18} {
		if err := sw.SetColWidth(i+1, i+1, width); err != nil {
			return fmt.Errorf("hr: report: %w", err)
		}
	}
	if err := sw.SetPanes(&excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"}); err != nil {
		return fmt.Errorf("hr: report: %w", err)
	}
	row := func(n, style int, cells ...string) error {
		vals := make([]any, len(cells))
		for i, c := range cells {
			vals[i] = excelize.Cell{StyleID: style, Value: c}
		}
		return sw.SetRow(fmt.Sprintf("A%d", n), vals)
	}
	if err := row(1, bold, "Рядок", "Прізвище, власне ім'я, по батькові", "Табельний номер", "Структурний підрозділ", "Посада", "Чому немає посвідчення", "Коди причин", "Чинне не поновиться"); err != nil {
		return fmt.Errorf("hr: report: %w", err)
	}
	for i, x := range list {
		var why, codes []string
		for _, r := range x.Reasons {
			why, codes = append(why, r.Text("uk")), append(codes, string(r.Code))
		}
		for _, p := range x.Problems {
			t := p.Text("uk")
			if p.Column != "" {
				t = p.Column + ": " + t
			}
			why, codes = append(why, t), append(codes, string(p.Code))
		}
		live := ""
		if x.LiveID {
			live = "так"
		}
		if err := row(i+2, wrap, fmt.Sprint(x.Line), x.FullName, x.StaffNumber, x.Unit, x.Position, strings.Join(why, "; "), strings.Join(codes, ", "), live); err != nil {
			return fmt.Errorf("hr: report: %w", err)
		}
	}
	if err := sw.Flush(); err != nil {
		return fmt.Errorf("hr: report: %w", err)
	}
	if err := f.Write(w); err != nil {
		return fmt.Errorf("hr: report: %w", err)
	}
	return nil
}
