package hr_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding/charmap"

	"github.com/posvid/posvid/hr"
	"github.com/posvid/posvid/testvectors/gen/hrdata"
)

func file(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("../testvectors/hr/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func read(t testing.TB, name string, data []byte, opt hr.Options) *hr.Snapshot {
	t.Helper()
	s, err := hr.Read(name, data, opt)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// codesOf are the codes of the problems, without repeats, in order.
func codesOf(ps []hr.Problem) []hr.Code {
	var out []hr.Code
	for _, p := range ps {
		if !slices.Contains(out, p.Code) {
			out = append(out, p.Code)
		}
	}
	return out
}

func TestSampleFiles(t *testing.T) {
	council := hr.Options{EDRPOU: hrdata.CouncilEDRPOU}
	for _, c := range []struct {
		name, format, encoding string
		opt                    hr.Options
		rows                   int
		asOf                   int
	}{
		{"ministry.xlsx", "xlsx", "", hr.Options{EDRPOU: hrdata.MinistryEDRPOU}, 201, 1},
		{"ministry-2.xlsx", "xlsx", "", hr.Options{}, 203, 2},
		{"council.csv", "csv", "windows-1251", council, 20, 1},
		{"council-2.csv", "csv", "windows-1251", council, 21, 2},
		{"council.jsonl", "jsonl", "utf-8", council, 20, 1},
	} {
		s := read(t, c.name, file(t, c.name), c.opt)
		if s.Format != c.format || s.Encoding != c.encoding || len(s.Records) != c.rows || s.Rows != c.rows || len(s.SetAside) != 0 {
			t.Errorf("%s: %s %s, %d of %d rows good, %d set aside; want %s %s, %d", c.name, s.Format, s.Encoding, len(s.Records), s.Rows, len(s.SetAside), c.format, c.encoding, c.rows)
		}
		if !s.AbsenceMeansLeave() || s.Total != c.rows || s.AsOf != hrdata.AsOf(c.asOf) || len(s.Problems) != 0 {
			t.Errorf("%s: total %d, as of %s, problems %v", c.name, s.Total, s.AsOf, s.Problems)
		}
	}
}

// same compares what two files say of people, whatever lines they stand on.
func same(a, b []hr.Record) error {
	if len(a) != len(b) {
		return fmt.Errorf("%d records, want %d", len(a), len(b))
	}
	for i := range a {
		x, y := a[i], b[i]
		if f := hr.Changed(&x, &y); len(f) > 0 {
			return fmt.Errorf("record %d differs in %v", i, f)
		}
		if x.RNOKPP != y.RNOKPP || x.UNZR != y.UNZR || x.BirthDate != y.BirthDate || x.Status != y.Status || x.Ground != y.Ground ||
			x.OrderNumber != y.OrderNumber || x.OrderDate != y.OrderDate || x.PhotoRef != y.PhotoRef {
			return fmt.Errorf("record %d differs", i)
		}
	}
	return nil
}

// TestFormatsAgree writes the same people in every format and encoding and wants the same records back as were written.
func TestFormatsAgree(t *testing.T) {
	for _, snap := range []int{1, 2} {
		people, asOf := hrdata.Ministry(snap), hrdata.AsOf(snap)
		files := map[string]func() ([]byte, error){
			"xlsx":       func() ([]byte, error) { return hrdata.XLSX(hrdata.MinistryEDRPOU, asOf, people) },
			"jsonl":      func() ([]byte, error) { return hrdata.JSONLines(hrdata.MinistryEDRPOU, asOf, people) },
			"csv cp1251": func() ([]byte, error) { return hrdata.CSV1251(hrdata.MinistryEDRPOU, asOf, people) },
			"csv with BOM": func() ([]byte, error) {
				b, err := hrdata.CSV(hrdata.MinistryEDRPOU, asOf, people, '\t')
				return append([]byte("\ufeff"), b...), err
			},
		}
		for _, d := range []rune{';', ',', '\t'} {
			files["csv "+strconv.QuoteRune(d)] = func() ([]byte, error) { return hrdata.CSV(hrdata.MinistryEDRPOU, asOf, people, d) }
		}
		for name, make := range files {
			b, err := make()
			if err != nil {
				t.Fatal(err)
			}
			s := read(t, name, b, hr.Options{})
			if err := same(s.Records, people); err != nil || len(s.SetAside) > 0 {
				t.Errorf("%s: %v, %d set aside", name, err, len(s.SetAside))
			}
			if s.EDRPOU != hrdata.MinistryEDRPOU {
				t.Errorf("%s: body %s", name, s.EDRPOU)
			}
		}
	}
}

func TestMappingFile(t *testing.T) {
	opt := hr.Options{EDRPOU: hrdata.CouncilEDRPOU}
	if _, err := hr.Read("mapped.csv", file(t, "mapped.csv"), opt); !errors.Is(err, hr.MissingHeaders) {
		t.Fatalf("without the mapping: %v", err)
	}
	m, err := hr.ParseMapping(file(t, "mapped.mapping"))
	if err != nil {
		t.Fatal(err)
	}
	opt.Mapping = m
	s := read(t, "mapped.csv", file(t, "mapped.csv"), opt)
	if len(s.Records) != 5 || s.Records[4].Status != hr.StatusDismissed || s.Records[0].Status != hr.StatusActive || s.Records[0].Surname == "" || s.Records[0].Plastic.Number != "004700" {
		t.Fatalf("records: %d, %d set aside, first %+v", len(s.Records), len(s.SetAside), s.Records[0].Plastic)
	}
	for _, bad := range []string{"Код", "Код = nothing", " = rnokpp", "status: x = gone", "status: = active", "а = unit\nА = position",
		"status: x = active\nstatus: X = dismissed", "\xff = unit", strings.Repeat("#", hr.MaxMappingBytes+1)} {
		if _, err := hr.ParseMapping([]byte(bad)); !errors.Is(err, hr.BadMapping) {
			t.Errorf("%.30q: %v", bad, err)
		}
	}
}

// TestBadRows wants each spoilt row set aside with its code at its line and column, and every other row taken.
func TestBadRows(t *testing.T) {
	s := read(t, "bad-rows.csv", file(t, "bad-rows.csv"), hr.Options{EDRPOU: hrdata.CouncilEDRPOU})
	if len(s.SetAside) != len(hrdata.BadRows) {
		t.Fatalf("%d rows set aside, want %d", len(s.SetAside), len(hrdata.BadRows))
	}
	for i, want := range hrdata.BadRows {
		a := s.SetAside[i]
		if got := codesOf(a.Problems); !slices.Equal(got, []hr.Code{want.Code}) || a.Problems[0].Line != i+3 || a.Problems[0].Column == "" {
			t.Errorf("%s %.20q: %v, want %s at line %d", want.Field, want.Value, a.Problems, want.Code, i+3)
		}
	}
	if len(s.Records) != 2 {
		t.Fatalf("%d records, want the good one and the dismissal", len(s.Records))
	}
	last := s.Records[1]
	if last.Status != hr.StatusDismissed || !last.StatusOnly || last.RNOKPP == "" || len(last.Problems) < 10 {
		t.Errorf("the dismissal in a row of rubbish: %+v", last)
	}
}

// TestProblemsHoldNoPersonalValue spoils every value of every row in turn and looks for any value of any row in the texts.
func TestProblemsHoldNoPersonalValue(t *testing.T) {
	people := hrdata.Council(1)
	var secret []string
	for i := range people {
		r := &people[i]
		secret = append(secret, r.Surname, r.GivenName, r.RNOKPP, r.UNZR, r.Plastic.CarrierNumber, r.StaffNumber+"!", r.Surname+"?", r.RNOKPP[:9])
	}
	good, err := hrdata.CSV(hrdata.CouncilEDRPOU, hrdata.AsOf(1), people, ';')
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(good), "\r\n")
	seen := 0
	for col := range strings.Count(lines[4], ";") + 1 {
		for _, spoil := range []func(string) string{
			func(s string) string { return s + "?" }, func(s string) string { return "=" + s }, func(s string) string { return s + "i" },
			func(s string) string { return s + "\u202e" }, func(s string) string { return strings.Repeat(s+"x", 400) }, func(s string) string { return s[:len(s)/2] },
		} {
			out := slices.Clone(lines)
			for i := 5; i < len(out)-1; i++ {
				cells := strings.Split(strings.TrimSuffix(out[i], "\r\n"), ";")
				cells[col] = spoil(cells[col])
				out[i] = strings.Join(cells, ";") + "\r\n"
			}
			s, err := hr.Read("council.csv", []byte(strings.Join(out, "")), hr.Options{EDRPOU: hrdata.CouncilEDRPOU})
			if err != nil {
				t.Fatal(err)
			}
			var texts []string
			for _, p := range s.Problems {
				texts = append(texts, p.Format("uk"), p.String())
			}
			for _, a := range s.SetAside {
				for _, p := range a.Problems {
					texts = append(texts, p.Format("uk"), p.Error())
				}
			}
			seen += len(texts)
			all := strings.Join(texts, "\n")
			for _, v := range secret {
				if len([]rune(v)) > 3 && strings.Contains(all, v) {
					t.Fatalf("column %d: a message holds %q", col, v)
				}
			}
		}
	}
	if seen < 1000 {
		t.Fatalf("only %d messages seen", seen)
	}
}

const head = "РНОКПП;Табельний номер;Прізвище;Ім'я;Посада;Стан\n"

var numbers = []string{"3652504575", "3068208400", "1759013776"}

func TestCSVTraps(t *testing.T) {
	good := numbers[1] + ";2;Гай;Оксана;радник;\n"
	for _, c := range []struct {
		name, text string
		good       int
		aside      []hr.Code
		file       hr.Code
	}{
		{"mixed line ends", head + numbers[0] + ";1;Гай;Іван;радник;\r" + numbers[1] + ";2;Гай;Оксана;радник;\r\n" + numbers[2] + ";3;Гай;Петро;радник;\n", 3, nil, ""},
		{"no last line end", head + strings.TrimSuffix(good, "\n"), 1, nil, ""},
		{"blank rows", head + "\n;;;;;\n" + good + " ; ; ; ; ; \n\r\n", 1, nil, ""},
		{"title above the headers", "Штатний розпис;;;\n\n" + head + good, 1, nil, ""},
		{"sep line", "sep=;\n" + head + good, 1, nil, ""},
		{"NUL byte", head + "3652504575;1;Г\x00ай;Іван;радник;\n" + good, 1, []hr.Code{hr.NulByte}, ""},
		{"quote never closed", head + numbers[0] + ";1;\"Гай;Іван;радник;\n" + good, 1, []hr.Code{hr.UnterminatedQuote}, ""},
		{"stray quote does not swallow rows", head + numbers[0] + ";1;\"Гай;Іван;радник;\n" + strings.Repeat(good, 1) + numbers[2] + ";3;Гай;\"Петро;радник;\n", 1, []hr.Code{hr.BadQuote, hr.UnterminatedQuote}, ""},
		{"text after a quote", head + numbers[0] + ";1;\"Гай\"х;Іван;радник;\n" + good, 1, []hr.Code{hr.BadQuote}, ""},
		{"quotes inside a bare cell", head + numbers[0] + ";1;Гай;Іван;радник \"Альфа\";\n", 1, nil, ""},
		{"quoted with doubled quotes and a line break", head + numbers[0] + ";1;Гай;Іван;\"радник\n\"\"Альфа\"\"\";\n" + good, 2, nil, ""},
		{"too many cells", head + numbers[0] + ";1;Гай;Іван;радник;;;x\n" + good, 1, []hr.Code{hr.TooManyCells}, ""},
		{"a 10 MB cell", head + numbers[0] + ";1;" + strings.Repeat("Г", 5<<20) + ";Іван;радник;\n" + good, 1, []hr.Code{hr.CellTooLong}, ""},
		{"a 10 MB quoted cell", head + numbers[0] + ";1;\"" + strings.Repeat("Г", 5<<20) + "\";Іван;радник;\n" + good, 1, []hr.Code{hr.CellTooLong}, ""},
		{"broken UTF-8 in one row", head + numbers[0] + ";1;Га\xffй;Іван;радник;\n" + strings.Repeat(good, 1), 1, []hr.Code{hr.BadText}, ""},
		{"no key", head + ";;Гай;Іван;радник;\n" + good, 1, []hr.Code{hr.NoPersonKey}, ""},
		{"lost zeros nothing confirms", head + "17;1;Гай;Іван;радник;\n" + good, 1, []hr.Code{hr.BadRNOKPP}, ""},
		{"scientific notation", head + "3,6525E+09;1;Гай;Іван;радник;\n" + good, 1, []hr.Code{hr.NumberMangled}, ""},
		{"the same row twice", head + good + good, 1, []hr.Code{hr.DuplicateRow}, ""},
		{"the same post with other data", head + good + numbers[1] + ";2;Гай;Оксана-Марія;радник;\n", 0, []hr.Code{hr.DuplicateConflict}, ""},
		{"two people, one staff number", head + good + numbers[0] + ";2;Гай;Іван;радник;\n", 0, []hr.Code{hr.SharedStaffNumber}, ""},
		{"two posts of one person", head + good + numbers[1] + ";7;Гай;Оксана;секретар;\n", 2, nil, ""},
		{"a leave beside an active row", head + good + numbers[1] + ";2;Гай;Оксана;радник;звільнено\n", 1, []hr.Code{hr.ContradictsLeave}, ""},
		{"a leave with nothing but the number", head + numbers[0] + ";;;;;звільнена\n", 1, nil, ""},
		{"a leave in a broken row", head + numbers[0] + ";1;\"Гай;Іван;радник;звільнений\n", 1, nil, ""},
		{"a leave with a bad РНОКПП and a staff number", head + "1234567890;5;;;;звільнено\n", 1, nil, ""},
		{"a leave of nobody", head + "1234567890;;;;;звільнено\n", 0, []hr.Code{hr.BadRNOKPP, hr.NoPersonKey}, ""},
		{"a suspension in a bad row", head + numbers[0] + ";1;;;;відсторонено\n", 1, nil, ""},
		{"two names for one column", "РНОКПП;ІПН;Прізвище;Ім'я;Посада\n1;2;3;4;5\n", 0, nil, hr.DuplicateHeader},
		{"no position", "РНОКПП;Прізвище;Ім'я\n1;2;3\n", 0, nil, hr.MissingHeaders},
		{"no key column", "Прізвище;Ім'я;Посада\n1;2;3\n", 0, nil, hr.MissingHeaders},
		{"no headers at all", "1;2;3\n4;5;6\n", 0, nil, hr.MissingHeaders},
		{"headers only", head, 0, nil, hr.EmptyFile},
		{"nothing", "", 0, nil, hr.EmptyFile},
		{"spaces", " \r\n\t\n", 0, nil, hr.EmptyFile},
		{"UTF-16", "\xff\xfeР\x00", 0, nil, hr.BadEncoding},
		{"old XLS", "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1....", 0, nil, hr.EncryptedFile},
		{"PDF", "%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n", 0, nil, hr.MissingHeaders},
		{"other body's file", "#єдрпоу;" + hrdata.MinistryEDRPOU + "\n" + head + good, 1, nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := hr.Read("t.csv", []byte(c.text), hr.Options{EDRPOU: hrdata.CouncilEDRPOU})
			if c.file != "" {
				if !errors.Is(err, c.file) || s != nil {
					t.Fatalf("%v, want %s", err, c.file)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var got []hr.Problem
			for _, a := range s.SetAside {
				got = append(got, a.Problems...)
			}
			if len(s.Records) != c.good || !slices.Equal(codesOf(got), c.aside) {
				t.Fatalf("%d good, set aside for %v; want %d, %v", len(s.Records), codesOf(got), c.good, c.aside)
			}
		})
	}
}

func TestMissingHeadersAreNamedTogether(t *testing.T) {
	_, err := hr.Read("x.csv", []byte("По батькові;Ранг\nІванович;5\n"), hr.Options{})
	var p hr.Problem
	if !errors.As(err, &p) || p.Code != hr.MissingHeaders {
		t.Fatal(err)
	}
	for _, want := range []string{"РНОКПП", "УНЗР", "Табельний номер", "Прізвище", "Власне ім'я", "Посада"} {
		if !strings.Contains(p.Text("uk"), want) {
			t.Errorf("%s does not name %s", p.Text("uk"), want)
		}
	}
}

func TestTotals(t *testing.T) {
	row := numbers[0] + ";1;Гай;Іван;радник;\n"
	for _, c := range []struct {
		name, text string
		opt        hr.Options
		absence    bool
		code       hr.Code
	}{
		{"full and total", "#повний;так\n#всього;1\n" + head + row, hr.Options{}, true, ""},
		{"below the rows", head + row + "#повний: так\n#всього: 1\n", hr.Options{}, true, ""},
		{"said by the operator", head + row, hr.Options{Full: true, Total: 1}, true, ""},
		{"English", "#full\n#total;1\n" + head + row, hr.Options{}, true, ""},
		{"no total", "#повний;так\n" + head + row, hr.Options{}, false, hr.TotalMissing},
		{"not full", "#всього;1\n" + head + row, hr.Options{}, false, ""},
		{"cut short", "#повний;так\n#всього;2\n" + head + row, hr.Options{}, false, hr.TotalMismatch},
		{"padded", "#повний;так\n#всього;1\n" + head + row + numbers[1] + ";2;Гай;Ольга;радник;\n", hr.Options{}, false, hr.TotalMismatch},
		{"operator and file disagree", "#повний;так\n#всього;1\n" + head + row, hr.Options{Full: true, Total: 2}, false, hr.BadDirective},
		{"total is not a number", "#повний;так\n#всього;один\n" + head + row, hr.Options{Full: true, Total: 1}, false, hr.BadDirective},
		{"unknown directive", "#повний;так\n#всього;1\n#хто;я\n" + head + row, hr.Options{}, false, hr.BadDirective},
		{"full with an unclear value", "#повний;мабуть\n#всього;1\n" + head + row, hr.Options{}, false, hr.BadDirective},
		{"date that is none", "#повний;так\n#всього;1\n#станом на;31.02.2026\n" + head + row, hr.Options{}, false, hr.BadDirective},
	} {
		s := read(t, "t.csv", []byte(c.text), hr.Options{EDRPOU: hrdata.CouncilEDRPOU, Full: c.opt.Full, Total: c.opt.Total})
		if s.AbsenceMeansLeave() != c.absence {
			t.Errorf("%s: absence means leave: %v", c.name, !c.absence)
		}
		if c.code != "" && !slices.Contains(codesOf(s.Problems), c.code) || c.code == "" && len(s.Problems) > 0 {
			t.Errorf("%s: %v, want %q", c.name, s.Problems, c.code)
		}
	}
}

// book writes a workbook; cells may be any Go value that excelize takes.
func book(t testing.TB, rows [][]any, more func(*excelize.File)) []byte {
	t.Helper()
	f := excelize.NewFile()
	for i, r := range rows {
		if err := f.SetSheetRow("Sheet1", fmt.Sprintf("A%d", i+1), &r); err != nil {
			t.Fatal(err)
		}
	}
	if more != nil {
		more(f)
	}
	var b bytes.Buffer
	if err := f.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestXLSXTraps(t *testing.T) {
	early, err := hr.CompleteRNOKPP(hr.Date{Year: 1900, Month: 1, Day: 5}, 123, true) // 00005…: four zeros to lose
	if err != nil {
		t.Fatal(err)
	}
	cut, err := strconv.Atoi(early)
	if err != nil {
		t.Fatal(err)
	}
	h := []any{"РНОКПП", "ЄДРПОУ", "Прізвище", "Ім'я", "Посада", "Працює з", "Номер посвідчення"}
	rows := [][]any{h,
		{cut, 15622, "Гай", "Іван", "радник", 43831, "004"},                            // lost zeros; a day number
		{3652504575, "00015622", "Гай", "Ольга", "радник", "01.01.2020", 12},           // numbers
		{"3068208400", "00015622", "Гай", "Яна", "радник", 60, "5"},                    // the day that never was
		{"1759013776", "00015622", "Гай", "Юрій", "радник", 43831.5, "6"},              // a time of day
		{365250457.5, "00015622", "Гай", "Ліна", "радник", "", "7"},                    // a fraction
		{"0017000017", "00015622", "Гай", "Олег", "радник", "", 1234567890123456789.0}, // rounded
	}
	s := read(t, "t.xlsx", book(t, rows, nil), hr.Options{})
	if len(s.Records) != 2 {
		t.Fatalf("%d good rows, set aside %v", len(s.Records), s.SetAside)
	}
	if r := s.Records[0]; r.RNOKPP != early || r.EDRPOU != "00015622" || r.From != (hr.Date{Year: 2020, Month: 1, Day: 1}) {
		t.Errorf("restored to %s %s %s", r.RNOKPP, r.EDRPOU, r.From)
	}
	if got := codesOf(s.Problems); !slices.Equal(got, []hr.Code{hr.ZerosRestored}) || !s.Problems[0].Warning || len(s.Problems) != 2 {
		t.Errorf("restored zeros are reported as %v", s.Problems)
	}
	want := []hr.Code{hr.BadDate, hr.BadDate, hr.NumberMangled, hr.BadRNOKPP}
	for i, a := range s.SetAside {
		if a.Problems[0].Code != want[i] {
			t.Errorf("row %d: %v, want %s", i+4, a.Problems, want[i])
		}
	}

	one := []any{"3652504575", "00015622", "Гай", "Іван", "радник", "", "1"}
	two := []any{"3068208400", "00015622", "Гай", "Яна", "радник", "", "2"}
	for _, c := range []struct {
		name  string
		more  func(f *excelize.File)
		opt   hr.Options
		good  int
		aside []hr.Code
		warn  []hr.Code
		file  hr.Code
	}{
		{"merged cells", func(f *excelize.File) { f.MergeCell("Sheet1", "C2", "C3") }, hr.Options{}, 0, []hr.Code{hr.MergedCells, hr.MissingField}, nil, ""},
		{"merged title", func(f *excelize.File) { f.MergeCell("Sheet1", "H1", "J1") }, hr.Options{}, 2, nil, nil, ""},
		{"formula", func(f *excelize.File) { f.SetCellFormula("Sheet1", "E2", `="рад"&"ник"`) }, hr.Options{}, 2, nil, []hr.Code{hr.FormulaCell}, ""},
		{"formula never computed", func(f *excelize.File) {
			f.SetSheetRow("Sheet1", "A4", &[]any{"1759013776", "00015622", "Гай", "Юрій", "радник"})
			f.SetCellFormula("Sheet1", "F4", `=TODAY()`)
		}, hr.Options{}, 2, []hr.Code{hr.FormulaNoValue}, nil, ""},
		{"formula as text", func(f *excelize.File) { f.SetCellStr("Sheet1", "E2", "=cmd|' /C calc'!A0") }, hr.Options{}, 1, []hr.Code{hr.FormulaText}, nil, ""},
		{"error value", func(f *excelize.File) { f.SetCellStr("Sheet1", "J2", "x") }, hr.Options{}, 1, []hr.Code{hr.TooManyCells}, nil, ""},
		{"rich text", func(f *excelize.File) {
			f.SetCellRichText("Sheet1", "E2", []excelize.RichTextRun{{Text: "рад"}, {Text: "ник", Font: &excelize.Font{Bold: true}}})
		}, hr.Options{}, 2, nil, nil, ""},
		{"1904 dates", func(f *excelize.File) { v := true; f.SetWorkbookProps(&excelize.WorkbookPropsOptions{Date1904: &v}) }, hr.Options{}, 2, nil, nil, ""},
		{"hidden second sheet", func(f *excelize.File) {
			f.NewSheet("Копія")
			f.SetSheetRow("Копія", "A1", &h)
			f.SetSheetVisible("Копія", false)
		}, hr.Options{}, 2, nil, nil, ""},
		{"two sheets", func(f *excelize.File) { f.NewSheet("Копія"); f.SetSheetRow("Копія", "A1", &h) }, hr.Options{}, 0, nil, nil, hr.WhichSheet},
		{"two sheets, one named", func(f *excelize.File) { f.NewSheet("Копія"); f.SetSheetRow("Копія", "A1", &h) }, hr.Options{Sheet: "Sheet1"}, 2, nil, nil, ""},
		{"no such sheet", nil, hr.Options{Sheet: "Кадри"}, 0, nil, nil, hr.MissingHeaders},
		{"rows far below", func(f *excelize.File) {
			r := []any{"1759013776", "00015622", "Гай", "Юрій", "радник", "", "3"}
			f.SetSheetRow("Sheet1", "A1000", &r)
		}, hr.Options{}, 3, nil, nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := hr.Read("t.xlsx", book(t, [][]any{h, one, two}, c.more), c.opt)
			if c.file != "" {
				if !errors.Is(err, c.file) {
					t.Fatalf("%v, want %s", err, c.file)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var got []hr.Problem
			for _, a := range s.SetAside {
				got = append(got, a.Problems...)
			}
			if len(s.Records) != c.good || !slices.Equal(codesOf(got), c.aside) || !slices.Equal(codesOf(s.Problems), c.warn) {
				t.Fatalf("%d good, set aside %v, warned %v; want %d %v %v", len(s.Records), codesOf(got), codesOf(s.Problems), c.good, c.aside, c.warn)
			}
		})
	}
}

func TestXLSXEncrypted(t *testing.T) {
	f := excelize.NewFile()
	f.SetCellStr("Sheet1", "A1", "РНОКПП")
	var b bytes.Buffer
	if err := f.Write(&b, excelize.Options{Password: "x"}); err != nil {
		t.Fatal(err)
	}
	if _, err := hr.Read("t.xlsx", b.Bytes(), hr.Options{}); !errors.Is(err, hr.EncryptedFile) {
		t.Fatalf("%v", err)
	}
}

// rezip rewrites one part of a workbook.
func rezip(t testing.TB, data []byte, part string, edit func([]byte) []byte) []byte {
	t.Helper()
	zr, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	zw := zip.NewWriter(&out)
	for _, f := range zr.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if f.Name == part {
			if b = edit(b); b == nil {
				continue
			}
		}
		w, err := zw.Create(f.Name)
		if err != nil {
			t.Fatal(err)
		}
		w.Write(b)
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestXLSXDamage(t *testing.T) {
	good := file(t, "ministry.xlsx")
	for n := 0; n < len(good); n += 997 { // a file cut anywhere is never a shorter table
		if s, err := hr.Read("t.xlsx", good[:n], hr.Options{}); err == nil {
			t.Fatalf("cut at %d: %d rows", n, s.Rows)
		}
	}
	replace := func(old, new string) func([]byte) []byte {
		return func(b []byte) []byte {
			if !bytes.Contains(b, []byte(old)) {
				t.Fatalf("%q is not in the part", old)
			}
			return bytes.Replace(b, []byte(old), []byte(new), 1)
		}
	}
	const sheet = "xl/worksheets/sheet1.xml"
	for _, c := range []struct {
		name, part string
		edit       func([]byte) []byte
		code       hr.Code
	}{
		{"sheet cut", sheet, func(b []byte) []byte { return b[:len(b)/2] }, hr.CorruptFile},
		{"sheet cut between rows", sheet, func(b []byte) []byte { return b[:bytes.LastIndex(b, []byte("<row"))] }, hr.CorruptFile},
		{"sheet missing", sheet, func([]byte) []byte { return nil }, hr.CorruptFile},
		{"row order", sheet, replace(`<row r="9"`, `<row r="3"`), hr.CorruptFile},
		{"row number absurd", sheet, replace(`<row r="9"`, `<row r="99999999999"`), hr.CorruptFile},
		{"unknown cell type", sheet, replace(`t="inlineStr"`, `t="zz"`), hr.CorruptFile},
		{"cell order", sheet, replace(`<c r="B6"`, `<c r="A6"`), hr.CorruptFile},
		{"DOCTYPE", sheet, replace(`<worksheet`, `<!DOCTYPE x [<!ENTITY a "b">]><worksheet`), hr.CorruptFile},
		{"unknown entity", sheet, replace(`РНОКПП`, `&lol;`), hr.CorruptFile},
		{"not UTF-8", sheet, replace(`РНОКПП`, "\xff\xfe"), hr.CorruptFile},
		{"no workbook", "xl/workbook.xml", func([]byte) []byte { return nil }, hr.NotATable},
		{"no relations", "_rels/.rels", func([]byte) []byte { return nil }, hr.NotATable},
	} {
		if _, err := hr.Read("t.xlsx", rezip(t, good, c.part, c.edit), hr.Options{}); !errors.Is(err, c.code) {
			t.Errorf("%s: %v, want %s", c.name, err, c.code)
		}
	}
	// A part whose header admits to more than the limit is not inflated at all.
	bomb := slices.Clone(rezip(t, good, "x", nil))
	for i := bytes.Index(bomb, []byte("PK\x01\x02")); i >= 0 && i+46 < len(bomb); {
		n := int(binary.LittleEndian.Uint16(bomb[i+28:]))
		if string(bomb[i+46:i+46+n]) == sheet {
			binary.LittleEndian.PutUint32(bomb[i+24:], hr.MaxPartBytes+1)
		}
		next := bytes.Index(bomb[i+4:], []byte("PK\x01\x02"))
		if next < 0 {
			break
		}
		i += 4 + next
	}
	if _, err := hr.Read("t.xlsx", bomb, hr.Options{}); !errors.Is(err, hr.FileTooLarge) {
		t.Errorf("bomb: %v", err)
	}
	plain := rezip(t, good, "x", nil)
	if s := read(t, "t.xlsx", plain, hr.Options{}); len(s.Records) != 201 {
		t.Errorf("repacked: %d records", len(s.Records))
	}
}

func TestJSONLinesTraps(t *testing.T) {
	good := `{"rnokpp":"3652504575","surname":"Гай","given_name":"Іван","position":"радник"}` + "\n"
	for _, c := range []struct {
		name, text string
		good       int
		aside      []hr.Code
	}{
		{"plain", good, 1, nil},
		{"Ukrainian keys", `{"РНОКПП":"3652504575","Прізвище":"Гай","Ім'я":"Іван","Посада":"радник"}`, 1, nil},
		{"number for a code", `{"rnokpp":3652504575,"surname":"Гай","given_name":"Іван","position":"радник"}`, 1, nil},
		{"fraction for a code", `{"rnokpp":3.652504575e9,"surname":"Гай","given_name":"Іван","position":"радник"}`, 0, []hr.Code{hr.NumberMangled, hr.NoPersonKey}},
		{"not an object", good + "[1]\n", 1, []hr.Code{hr.BadJSON, hr.NoPersonKey, hr.MissingField}},
		{"cut", good + `{"rnokpp":"3068208400","surn`, 1, []hr.Code{hr.BadJSON, hr.MissingField}},
		{"two objects on a line", good + `{"rnokpp":"3068208400","surname":"Гай","given_name":"Яна","position":"радник"}{}`, 1, []hr.Code{hr.BadJSON}},
		{"nested", good + `{"rnokpp":"3068208400","surname":{"a":1},"given_name":"Яна","position":"радник"}`, 1, []hr.Code{hr.BadJSON, hr.MissingField}},
		{"repeated key", good + `{"rnokpp":"3068208400","surname":"Гай","surname":"Бай","given_name":"Яна","position":"радник"}`, 1, []hr.Code{hr.DuplicateKey}},
		{"one field twice", good + `{"rnokpp":"3068208400","РНОКПП":"3068208400","surname":"Гай","given_name":"Яна","position":"радник"}`, 1, []hr.Code{hr.DuplicateKey}},
		{"null is blank", good + `{"rnokpp":"3068208400","surname":null,"given_name":"Яна","position":"радник"}`, 1, []hr.Code{hr.MissingField}},
		{"leave survives a bad rest", good + `{"rnokpp":"3068208400","status":"звільнено","surname":{"a":1}}`, 2, nil},
	} {
		s := read(t, "t.jsonl", []byte(c.text), hr.Options{EDRPOU: hrdata.CouncilEDRPOU})
		var got []hr.Problem
		for _, a := range s.SetAside {
			got = append(got, a.Problems...)
		}
		if len(s.Records) != c.good || !slices.Equal(codesOf(got), c.aside) {
			t.Errorf("%s: %d good, set aside for %v; want %d, %v", c.name, len(s.Records), codesOf(got), c.good, c.aside)
		}
	}
	s := read(t, "t.jsonl", []byte(`{"#full":true,"#total":1}`+"\n"+good), hr.Options{EDRPOU: hrdata.CouncilEDRPOU})
	if !s.AbsenceMeansLeave() {
		t.Error("a full snapshot with its total is not taken as one")
	}
}

func TestReadRefusals(t *testing.T) {
	if _, err := hr.Read("a", []byte(head), hr.Options{EDRPOU: "12345679"}); !errors.Is(err, hr.BadEDRPOU) {
		t.Error(err)
	}
	if _, err := hr.ReadFrom("a", io.LimitReader(zeros{}, hr.MaxFileBytes+9), hr.Options{}); !errors.Is(err, hr.FileTooLarge) {
		t.Error(err)
	}
	broken := errors.New("disk")
	if _, err := hr.ReadFrom("a", io.MultiReader(strings.NewReader(head), failing{broken}), hr.Options{}); !errors.Is(err, broken) {
		t.Error(err)
	}
	// A hostile file name or header does not reach a terminal as it is.
	_, err := hr.Read("a\x1b[31m\n.csv", []byte("x;y\n"), hr.Options{})
	if err == nil || strings.ContainsAny(err.Error(), "\x1b\n") {
		t.Errorf("%q", err)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { return len(b), nil }

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestProgress(t *testing.T) {
	var last [2]int
	read(t, "m.xlsx", file(t, "ministry.xlsx"), hr.Options{Progress: func(d, n int) {
		if d < last[0] {
			t.Errorf("progress falls from %d to %d", last[0], d)
		}
		last = [2]int{d, n}
	}})
	if last != [2]int{201, 201} {
		t.Errorf("ends at %v", last)
	}
}

func TestWindows1251Decodes(t *testing.T) {
	b, err := charmap.Windows1251.NewEncoder().Bytes([]byte(head + numbers[0] + ";1;Ґалаґан;В’ячеслав;радник – їжак;\n"))
	if err != nil {
		t.Fatal(err)
	}
	s := read(t, "t.csv", b, hr.Options{EDRPOU: hrdata.CouncilEDRPOU})
	if len(s.Records) != 1 || s.Records[0].FullName() != "Ґалаґан Вʼячеслав" || s.Records[0].Position != "радник – їжак" {
		t.Fatalf("%+v", s.Records)
	}
}
