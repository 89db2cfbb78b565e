package hr_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"github.com/posvid/posvid/hr"
	"github.com/posvid/posvid/testvectors/gen/hrdata"
)

func TestWithoutIDReport(t *testing.T) {
	people := hrdata.Ministry(2)
	first, second := read(t, "m", file(t, "ministry.xlsx"), hr.Options{}), read(t, "m2", file(t, "ministry-2.xlsx"), hr.Options{})
	for _, s := range []*hr.Snapshot{first, second} {
		s.PhotosAttached = true // as if all photos but the one that was never handed in had been there
		for i := range s.Records {
			if r := &s.Records[i]; r.PhotoRef == "" && r.Status != hr.StatusDismissed {
				copy(r.PhotoSHA256[:], r.UNZR)
			}
		}
	}
	opt := options(1)
	opt.EDRPOU = hrdata.MinistryEDRPOU
	known := apply(t, nil, plan(t, nil, first, opt), true)
	for i := range known {
		known[i].LiveID = true
	}
	opt.Number = 2
	p := plan(t, known, second, opt)
	list := hr.WithoutID(second, p, at)
	reasons := map[string][]hr.Code{}
	for _, w := range list {
		for _, r := range w.Reasons {
			reasons[w.FullName] = append(reasons[w.FullName], r.Code)
		}
	}
	for row, want := range map[int][]hr.Code{7: {hr.KeyChanged}, 11: {hr.NoPhoto}, 13: {hr.NoPlastic}, 42: {hr.NotActive}} {
		if got := reasons[people[row].FullName()]; !slices.Equal(got, want) {
			t.Errorf("row %d: %v, want %v", row, got, want)
		}
	}
	if len(list) != 4 || !list[0].LiveID || list[1].LiveID {
		t.Errorf("%d people, the first with a live ID: %v", len(list), list[0].LiveID)
	}
	list[1].FullName = "=1+1"
	var b, again bytes.Buffer
	if err := hr.WriteWithoutIDReport(&b, list, at); err != nil {
		t.Fatal(err)
	}
	if err := hr.WriteWithoutIDReport(&again, list, at); err != nil || !bytes.Equal(b.Bytes(), again.Bytes()) {
		t.Errorf("the same list gives other bytes (%v)", err)
	}
	f, err := excelize.OpenReader(&b)
	if err != nil {
		t.Fatal(err)
	}
	cells, err := f.GetRows(f.GetSheetName(0))
	if err != nil || len(cells) != 5 {
		t.Fatalf("%d rows, %v", len(cells), err)
	}
	if cells[0][0] != "Рядок" || cells[1][1] != people[7].FullName() || !strings.Contains(cells[1][6], "key-changed") || cells[1][7] != "так" {
		t.Errorf("%q", cells[:2])
	}
	if formula, err := f.GetCellFormula(f.GetSheetName(0), "B3"); err != nil || formula != "" || cells[2][1] != "=1+1" {
		t.Errorf("a name became a formula: %q %v", formula, err)
	}
	if got := hr.WithoutID(second, nil, at); len(got) != 3 {
		t.Errorf("without a plan: %d people", len(got))
	}
	bad := read(t, "b", file(t, "bad-rows.csv"), hr.Options{EDRPOU: hrdata.CouncilEDRPOU})
	if got := hr.WithoutID(bad, nil, at); len(got) != len(hrdata.BadRows)+1 { // the good row has no photo
		t.Errorf("bad rows: %d people", len(got))
	}
}
