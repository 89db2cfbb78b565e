package hr_test

import (
	"archive/zip"
	"bytes"
	"image"
	"os"
	"testing"

	"github.com/posvid/posvid/hr"
	"github.com/posvid/posvid/testvectors/gen/hrdata"
)

// checkSnapshot holds for whatever bytes were read: rows are counted once, set-aside rows have a reason, and no row that
// states a leave of somebody it names is set aside for its own faults.
func checkSnapshot(t *testing.T, s *hr.Snapshot, err error) {
	if err != nil {
		if s != nil {
			t.Fatal("an error and a snapshot")
		}
		return
	}
	if s.Rows != len(s.Records)+len(s.SetAside) {
		t.Fatalf("%d rows, %d good, %d set aside", s.Rows, len(s.Records), len(s.SetAside))
	}
	for i := range s.SetAside {
		a := &s.SetAside[i]
		if len(a.Problems) == 0 {
			t.Fatal("set aside for nothing")
		}
		if a.Record.Status == hr.StatusDismissed && hr.ValidRNOKPP(a.Record.RNOKPP) && a.Problems[0].Code != hr.ForeignBody {
			foreign := false
			for _, p := range a.Problems {
				foreign = foreign || p.Code == hr.ForeignBody
			}
			if !foreign {
				t.Fatalf("a stated leave is set aside: %v", a.Problems)
			}
		}
	}
	for i := range s.Records {
		r := &s.Records[i]
		if r.Status != hr.StatusActive && r.Status != hr.StatusSuspended && r.Status != hr.StatusDismissed {
			t.Fatalf("status %q", r.Status)
		}
		if r.RNOKPP != "" && !hr.ValidRNOKPP(r.RNOKPP) || r.UNZR != "" && !hr.ValidUNZR(r.UNZR) {
			t.Fatal("a number that is not valid")
		}
		if !r.StatusOnly && (r.Surname == "" || r.GivenName == "" || r.Position == "") {
			t.Fatal("a record without name or position")
		}
	}
}

func seed(f *testing.F, names ...string) {
	for _, n := range names {
		b, err := os.ReadFile("../testvectors/hr/" + n)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
}

var fuzzOptions = hr.Options{EDRPOU: hrdata.CouncilEDRPOU}

func FuzzReadCSV(f *testing.F) {
	seed(f, "mapped.csv")
	for _, make := range []func() ([]byte, error){
		func() ([]byte, error) {
			return hrdata.CSV1251(hrdata.CouncilEDRPOU, hrdata.AsOf(1), hrdata.Council(1)[:1])
		},
		func() ([]byte, error) {
			return hrdata.CSV(hrdata.CouncilEDRPOU, hrdata.AsOf(2), hrdata.Council(2)[4:5], ',')
		},
	} { // short seeds: the fuzzer shortens every find, which takes minutes for a file of many rows
		b, err := make()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(head + numbers[0] + ";1;\"Гай;Іван;радник;звільнено\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<16 {
			return
		}
		s, err := hr.Read("f.csv", data, fuzzOptions)
		checkSnapshot(t, s, err)
		if err == nil {
			if _, err := hr.MakePlan(nil, s, options(1)); err != nil {
				t.Fatal(err)
			}
		}
	})
}

const smallSheet = `<worksheet><sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>РНОКПП</t></is></c><c t="inlineStr"><is><t>Стан</t></is></c></row><row><c><v>3652504575</v></c><c t="str"><v>звільнено</v></c></row></sheetData><mergeCells><mergeCell ref="A1:B1"/></mergeCells></worksheet>`

// smallBook is the least workbook there can be, stored and not deflated, round one sheet.
func smallBook(t testing.TB, sheet []byte) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, part := range []struct{ name, text string }{
		{"_rels/.rels", `<Relationships><Relationship Id="1" Type="/officeDocument" Target="w.xml"/></Relationships>`},
		{"_rels/w.xml.rels", `<Relationships><Relationship Id="1" Type="/worksheet" Target="s.xml"/></Relationships>`},
		{"w.xml", `<workbook><sheets><sheet name="a" id="1"/></sheets></workbook>`},
		{"s.xml", string(sheet)},
	} {
		w, err := z.CreateHeader(&zip.FileHeader{Name: part.name, Method: zip.Store})
		if err == nil {
			_, err = w.Write([]byte(part.text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func FuzzReadXLSX(f *testing.F) {
	f.Add(smallBook(f, []byte(smallSheet)))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<16 || !bytes.HasPrefix(data, []byte("PK")) {
			return
		}
		s, err := hr.Read("f.xlsx", data, fuzzOptions)
		checkSnapshot(t, s, err)
	})
}

// FuzzXLSXSheet puts any bytes in the place of a sheet, past the checksums that keep FuzzReadXLSX out.
func FuzzXLSXSheet(f *testing.F) {
	f.Add([]byte(smallSheet))
	f.Add([]byte(`<x:worksheet xmlns:x="y"><!-- a --><x:sheetData><x:row><x:c t="e"><x:v>#N/A</x:v></x:c><x:c t="b"><x:v>1</x:v></x:c></x:row></x:sheetData></x:worksheet>`))
	f.Fuzz(func(t *testing.T, part []byte) {
		if len(part) > 1<<15 {
			return
		}
		s, err := hr.Read("f.xlsx", smallBook(t, part), fuzzOptions)
		checkSnapshot(t, s, err)
	})
}

func FuzzReadJSONLines(f *testing.F) {
	b, err := hrdata.JSONLines(hrdata.CouncilEDRPOU, hrdata.AsOf(1), hrdata.Council(1)[:1])
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"#full":true,"#total":1}` + "\n" + `{"rnokpp":"3652504575","status":"звільнено","x":{"a":[1]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<16 || !bytes.HasPrefix(data, []byte("{")) {
			return
		}
		s, err := hr.Read("f.jsonl", data, fuzzOptions)
		checkSnapshot(t, s, err)
	})
}

func FuzzMapping(f *testing.F) {
	seed(f, "mapped.mapping")
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := hr.ParseMapping(data)
		if (m == nil) == (err == nil) {
			t.Fatal("neither a mapping nor an error")
		}
		if err == nil {
			s, err := hr.Read("f.csv", []byte(head+numbers[0]+";1;Гай;Іван;радник;\n"), hr.Options{EDRPOU: hrdata.CouncilEDRPOU, Mapping: m})
			checkSnapshot(t, s, err)
		}
	})
}

func FuzzNormalisePhoto(f *testing.F) {
	f.Add(jpegOf(f, image.NewGray(image.Rect(0, 0, 120, 160)), 10))
	f.Add(pngOf(f, image.NewGray(image.Rect(0, 0, 120, 160))))
	f.Add([]byte("RIFF\x10\x00\x00\x00WEBPVP8L\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<15 {
			return
		}
		out, sha, err := hr.NormalisePhoto(data)
		if err != nil {
			if out != nil || sha != [32]byte{} {
				t.Fatal("an error and a photo")
			}
			return
		}
		if len(out) > hr.MaxPhotoOutBytes || len(out) == 0 {
			t.Fatalf("%d bytes", len(out))
		}
	})
}

func FuzzPlanJSON(f *testing.F) {
	known := staff(f, 4)
	next := rows(5)
	next[0] = with(next[0], "РНОКПП", num(9))
	next[1] = with(next[1], "Ранг", "99")
	next[2] = with(next[2], "Стан", "зупинено")
	p := plan(f, known, snap(f, true, next...), options(2))
	var b bytes.Buffer
	if _, err := p.WriteTo(&b); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := hr.ParsePlan(data)
		if (p == nil) == (err == nil) {
			t.Fatal("neither a plan nor an error")
		}
		if err != nil {
			return
		}
		var again bytes.Buffer
		if _, err := p.WriteTo(&again); err != nil {
			t.Fatal(err)
		}
		q, err := hr.ParsePlan(again.Bytes())
		if err != nil || q.Hash() != p.Hash() {
			t.Fatalf("written and read back: %v", err)
		}
		for i := range p.Items {
			if it := &p.Items[i]; it.Held && (it.Kind == hr.Suspend || it.Kind == hr.Leave && !it.Inferred) {
				t.Fatal("a stated stop is held")
			}
		}
	})
}
