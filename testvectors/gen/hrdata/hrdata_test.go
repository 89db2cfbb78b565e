package hrdata_test

import (
	"bytes"
	"image/jpeg"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/posvid/posvid/hr"
	"github.com/posvid/posvid/testvectors/gen/hrdata"
)

// TestCommittedFiles reads what is committed and what is made now, and wants the same people: bytes of a ZIP may differ from
// one compiler to the next.
func TestCommittedFiles(t *testing.T) {
	files, err := hrdata.Files()
	if err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob("../../hr/*")
	if err != nil || len(names) != len(files) {
		t.Fatalf("%d files committed, %d made (%v)", len(names), len(files), err)
	}
	for _, f := range files {
		old, err := os.ReadFile("../../hr/" + f.Name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(f.Name, ".xlsx") {
			a, errA := hr.Read(f.Name, old, hr.Options{})
			b, errB := hr.Read(f.Name, f.Data, hr.Options{})
			if errA != nil || errB != nil || !slices.EqualFunc(a.Records, b.Records, func(x, y hr.Record) bool {
				return len(hr.Changed(&x, &y)) == 0 && x.RNOKPP == y.RNOKPP && x.UNZR == y.UNZR && x.Status == y.Status
			}) {
				t.Errorf("%s is not what is made now: %v %v; run go run ./testvectors/gen/hrdata/write testvectors/hr", f.Name, errA, errB)
			}
		} else if !bytes.Equal(old, f.Data) {
			t.Errorf("%s is not what is made now; run go run ./testvectors/gen/hrdata/write testvectors/hr", f.Name)
		}
	}
}

func TestNobodyIsReal(t *testing.T) {
	for _, list := range [][]hr.Record{hrdata.Ministry(1), hrdata.Ministry(2), hrdata.Council(1), hrdata.Council(2)} {
		for i := range list {
			r := &list[i]
			if !strings.HasPrefix(r.EDRPOU, "99") || !hr.ValidEDRPOU(r.EDRPOU) {
				t.Fatalf("body %s", r.EDRPOU)
			}
			if r.BirthDate.Year < 1900 || r.BirthDate.Year > 1909 || r.RNOKPP != "" && (!hr.ValidRNOKPP(r.RNOKPP) || r.RNOKPP >= "03653") || r.UNZR >= "1910" {
				t.Fatalf("row %d is born %s", i, r.BirthDate)
			}
		}
	}
}

func TestReferencePersons(t *testing.T) {
	m := hrdata.Ministry(1)
	if m[0].FullName() != "Гончарук Тарас Григорович" || m[0].Position != "старший слідчий" {
		t.Errorf("%s, %s", m[0].FullName(), m[0].Position)
	}
	letters := func(s string) int {
		return utf8.RuneCountInString(strings.ReplaceAll(strings.ReplaceAll(s, " ", ""), "–", ""))
	}
	n := m[1]
	if n.FullName() != "Нестеренко-Квітковська Олександра-Вікторія Володимирівна" || letters(n.Position) != 134 || letters(n.Unit) != 112 {
		t.Errorf("%s: position of %d letters, unit of %d", n.FullName(), letters(n.Position), letters(n.Unit))
	}
	people := map[string]int{}
	for i := range m {
		people[m[i].UNZR]++
	}
	if len(people) != 200 || len(m) != 201 {
		t.Errorf("%d people in %d rows", len(people), len(m))
	}
}

func TestPortraits(t *testing.T) {
	seen := map[string]bool{}
	for seed := range uint64(20) {
		a := hrdata.Portrait(seed)
		if !bytes.Equal(a, hrdata.Portrait(seed)) {
			t.Fatal("the same seed gives another face")
		}
		if c, err := jpeg.DecodeConfig(bytes.NewReader(a)); err != nil || c.Width != 360 || c.Height != 480 {
			t.Fatalf("%+v %v", c, err)
		}
		seen[string(a)] = true
	}
	if len(seen) != 20 {
		t.Errorf("%d different faces of 20", len(seen))
	}
	m := hrdata.Ministry(1)
	if hrdata.PortraitOf(&m[11]) != nil || hrdata.PortraitOf(&m[0]) == nil {
		t.Error("the person with no photo has one, or another has none")
	}
	dir := t.TempDir()
	if err := hrdata.WritePhotos(dir, m[7:12]); err != nil {
		t.Fatal(err)
	}
	p, err := hr.OpenPhotosFS(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	for i := 7; i < 11; i++ {
		if _, _, err := p.Load(&m[i]); err != nil {
			t.Errorf("row %d: %v", i, err)
		}
	}
}
