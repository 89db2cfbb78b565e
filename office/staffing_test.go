package office_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"

	"github.com/posvid/posvid/office"
)

const goodList = "Структурний підрозділ;Вищий підрозділ;Посада;Категорія;Кількість;Оклад\r\n" +
	";;державний секретар;А;1;99999\r\n" +
	"Департамент прикладів;;директор департаменту;Б;1;1\r\n" +
	"Відділ зразків;Департамент прикладів;начальник відділу;Б;1;1\r\n" +
	"Відділ зразків;;головний спеціаліст;В;3;1\r\n" +
	"\r\n" +
	"Відділ прикладів;Департамент прикладів;провідний спеціаліст;В;1,5;1\r\n" +
	"Усього;;;;7,5;\r\n"

var goodLines = []office.StaffLine{
	{Position: "державний секретар", Category: "А", Count: 100},
	{Unit: "Департамент прикладів", Position: "директор департаменту", Category: "Б", Count: 100},
	{Unit: "Відділ зразків", Parent: "Департамент прикладів", Position: "начальник відділу", Category: "Б", Count: 100},
	{Unit: "Відділ зразків", Parent: "Департамент прикладів", Position: "головний спеціаліст", Category: "В", Count: 300},
	{Unit: "Відділ прикладів", Parent: "Департамент прикладів", Position: "провідний спеціаліст", Category: "В", Count: 150},
}

// workbook is the same list as XLSX; the unit of two lines is one merged cell.
func workbook(t testing.TB, change func(*excelize.File)) []byte {
	t.Helper()
	f := excelize.NewFile()
	defer f.Close()
	rows := [][]any{{"Штатний розпис міністерства"}, {"Структурний підрозділ", "Вищий підрозділ", "Посада", "Категорія", "Кількість"}, {"", "", "державний секретар", "А", 1},
		{"Департамент прикладів", "", "директор департаменту", "Б", 1}, {"Відділ зразків", "Департамент прикладів", "начальник відділу", "Б", 1}, {nil, nil, "головний спеціаліст", "В", 3},
		{"Відділ прикладів", "Департамент прикладів", "провідний спеціаліст", "В", 1.5}, {"Разом", "", "", "", 7.5}}
	for i, row := range rows {
		if err := f.SetSheetRow("Sheet1", fmt.Sprintf("A%d", i+1), &row); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(f.MergeCell("Sheet1", "A1", "E1"), f.MergeCell("Sheet1", "A5", "A6"), f.MergeCell("Sheet1", "B5", "B6")); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(f)
	}
	var out bytes.Buffer
	if err := f.Write(&out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestStaffingFormatsAgree: one list, whatever file it comes in.
func TestStaffingFormatsAgree(t *testing.T) {
	cp1251, err := charmap.Windows1251.NewEncoder().Bytes([]byte(goodList))
	if err != nil {
		t.Fatal(err)
	}
	utf16, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().Bytes([]byte(strings.ReplaceAll(goodList, ";", "\t")))
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"UTF-8": []byte(goodList), "mark": []byte("\ufeff" + goodList), "Windows-1251": cp1251, "UTF-16, tabs": utf16,
		"commas": []byte(strings.ReplaceAll(strings.ReplaceAll(goodList, "1,5", `"1.50"`), ";", ",")), "title above": []byte("Штатний розпис;;;;;\n\n" + goodList), "XLSX": workbook(t, nil)} {
		lines, wrong, err := office.ParseStaffing(data)
		if err != nil || len(wrong) != 0 || !reflect.DeepEqual(lines, goodLines) {
			t.Errorf("%s: %+v %v %v", name, lines, wrong, err)
		}
	}
}

// TestStaffingProblems: every wrong line is named with its line of the file, and a file that is none by its code.
func TestStaffingProblems(t *testing.T) {
	const head = "Структурний підрозділ;Вищий підрозділ;Посада;Категорія;Кількість\n"
	for lines, want := range map[string][]office.StaffProblem{
		"Відділ;;;В;1\nВідділ;;радник;В;1":                               {{Line: 2, Code: office.StaffNoPosition}},
		"Відділ;;радник;В;\nВ;;р;В;0":                                    {{Line: 2, Code: office.StaffBadCount}, {Line: 3, Code: office.StaffBadCount}},
		"В;;р;В;-1\nВ;;р;В;1e3\nВ;;р;В;10001\nВ;;р;В;1,234\nВ;;р;В;один": {{Line: 2, Code: office.StaffBadCount}, {Line: 3, Code: office.StaffBadCount}, {Line: 4, Code: office.StaffBadCount}, {Line: 5, Code: office.StaffBadCount}, {Line: 6, Code: office.StaffBadCount}},
		"В;;р;Г;1":                                {{Line: 2, Code: office.StaffBadClass}},
		"В;В;р;В;1":                               {{Line: 2, Code: office.StaffOwnParent}},
		"А;Б;р;В;1\nБ;А;р;В;1":                    {{Line: 2, Code: office.StaffDeep}, {Line: 3, Code: office.StaffDeep}},
		"А;Б;р;В;1\n\nА;Г;р;В;1":                  {{Line: 4, Code: office.StaffTwoParents}},
		"=1+1;;р;В;1\nА;;@р;В;1":                  {{Line: 2, Code: office.StaffFormula}, {Line: 3, Code: office.StaffFormula}},
		"А;;" + strings.Repeat("р", 301) + ";В;1": {{Line: 2, Code: office.StaffLongText}},
		"\"А\nБ\";;р;В;1\nА;;;В;1":                {{Line: 4, Code: office.StaffNoPosition}},
	} {
		_, wrong, err := office.ParseStaffing([]byte(head + lines))
		if err != nil || !reflect.DeepEqual(wrong, want) {
			t.Errorf("%.60q: %v %v, want %v", lines, wrong, err, want)
		}
		for _, p := range wrong {
			if p.Text("uk") == p.Text("en") || strings.Contains(p.Text("uk"), "%") || strings.HasSuffix(p.Text("en"), ": ") {
				t.Errorf("%v: %q %q", p, p.Text("uk"), p.Text("en"))
			}
		}
	}
	for levels, want := range map[int]int{12: 0, 13: 1, 14: 2} { // the first is named as a parent only
		deep := head
		for i := range levels - 1 {
			deep += fmt.Sprintf("Рівень %d;Рівень %d;р;В;1\n", i+2, i+1)
		}
		if _, wrong, err := office.ParseStaffing([]byte(deep)); err != nil || len(wrong) != want {
			t.Errorf("%d levels: %v %v", levels, wrong, err)
		}
	}
	cut := workbook(t, nil)
	for name, f := range map[string]struct {
		data []byte
		want office.StaffCode
	}{
		"nothing":       {nil, office.StaffNoHeader},
		"no header":     {[]byte("а;б\n1;2\n"), office.StaffNoHeader},
		"only a header": {[]byte(head), office.StaffEmpty},
		"only a total":  {[]byte(head + "Усього;;;;5\n"), office.StaffEmpty},
		"a picture":     {[]byte("\x89PNG\r\n\x1a\n\x00\x00"), office.StaffNoTable},
		"NUL":           {[]byte(head + "А;;р\x00;В;1\n"), office.StaffNoTable},
		"stray quote":   {[]byte(head + "А;;\"р;В;1\n"), office.StaffNoTable},
		"cut XLSX":      {cut[:len(cut)/2], office.StaffNoTable},
		"another ZIP":   {[]byte("PK\x03\x04" + strings.Repeat("x", 100)), office.StaffNoTable},
		"too large":     {make([]byte, office.MaxStaffingBytes+1), office.StaffTooLarge},
		"too many":      {[]byte(head + strings.Repeat("А;;р;В;1\n", office.MaxStaffLines+1)), office.StaffMany},
		"too wide":      {[]byte(head + strings.Repeat(";", 80) + "\n"), office.StaffNoTable},
	} {
		if lines, wrong, err := office.ParseStaffing(f.data); !errors.Is(err, f.want) || lines != nil || wrong != nil {
			t.Errorf("%s: %v, want %v", name, err, f.want)
		}
		if f.want.Text("uk") == "" || f.want.Text("en") == "" {
			t.Errorf("%s has no text", f.want)
		}
	}
}

// sheet is an XLSX file whose one sheet has this XML.
func sheet(t testing.TB, cells string) []byte {
	t.Helper()
	const rels, kind = `<Relationships><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/`, `<x:sst xmlns:x="s"><x:si><x:t>Посада</x:t></x:si><x:si><x:r><x:t>Кіль</x:t></x:r><x:rPh><x:t>кілкіл</x:t></x:rPh><x:r><x:t>кість</x:t></x:r></x:si></x:sst>`
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, part := range [][2]string{{"_rels/.rels", rels + `officeDocument" Target="/xl/book.xml"/></Relationships>`}, {"xl/book.xml", `<workbook><sheets><sheet name="А" sheetId="7" r:id="r1"/></sheets></workbook>`},
		{"xl/_rels/book.xml.rels", rels + `worksheet" Target="Sheets/One.xml"/><Relationship Id="r2" Type="a/sharedStrings" Target="s.xml"/></Relationships>`}, {"xl/s.xml", kind}, {"xl/sheets/one.xml", "<worksheet><sheetData>" + cells}} {
		w, err := z.Create(part[0])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, part[1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

const sheetHead = `<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c></row>`

// ODR-51: a small file may claim a sheet that no memory holds; what it costs is bounded by its bytes.
func TestStaffingBombs(t *testing.T) {
	if testing.Short() {
		t.Skip("short mode: files of millions of cells, read by one goroutine")
	}
	wide, far, merges, long, many := sheetHead, sheetHead, sheetHead+`<row r="2"><c t="inlineStr"><is><t>р</t></is></c><c r="B2"><v>1</v></c></row></sheetData>`, sheetHead, sheetHead
	for i := range 500 {
		wide += fmt.Sprintf(`<row r="%d"><c r="XFD%d"><v>1</v></c></row>`, i+2, i+2)
		merges += fmt.Sprintf(`<mergeCell ref="A%d:A1048576"/>`, i+2)
	}
	far += `<row r="1048576"><c r="A1048576"><v>1</v></c></row>`
	long += `<row r="2"><c r="A2" t="inlineStr"><is><t>` + strings.Repeat("ї ", 1<<20) + `</t></is></c><c r="B2"><v>1</v></c></row>`
	many += strings.Repeat(`<row><c t="s"><v>0</v></c></row>`, 2*office.MaxStaffLines)
	for name, f := range map[string]struct {
		cells string
		want  error
	}{
		"the last column": {wide, office.StaffEmpty},
		"the last row":    {far, office.StaffMany},
		"merged cells":    {merges, nil},
		"a long text":     {long, nil},
		"many rows":       {many, office.StaffMany},
		"a large part":    {strings.Repeat("<c/>", 5<<20), office.StaffTooLarge},
		"deep":            {strings.Repeat("<c>", 1<<18), office.StaffNoHeader},
		"no such string":  {`<row r="1"><c r="A1" t="s"><v>2</v></c></row>`, office.StaffNoTable},
		"another row":     {`<row r="1"><c r="A2"><v>2</v></c></row>`, office.StaffNoTable},
		"a row of zero":   {`<row r="0"><c><v>2</v></c></row>`, office.StaffNoTable},
		"no cell":         {`<row r="1"><c r="ZZZ1"><v>2</v></c></row>`, office.StaffNoTable},
		"no XML":          {`<row r="1`, office.StaffNoTable},
	} {
		file := sheet(t, f.cells)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		lines, wrong, err := office.ParseStaffing(file)
		runtime.ReadMemStats(&after)
		if !errors.Is(err, f.want) || len(lines) > 1 || name == "a long text" && (len(wrong) != 1 || wrong[0].Code != office.StaffLongText) {
			t.Errorf("%s: %d lines, %v %v, want %v", name, len(lines), wrong, err, f.want)
		}
		if took := (after.TotalAlloc - before.TotalAlloc) >> 20; took > 1024 {
			t.Errorf("%s: a file of %d bytes took %d MiB", name, len(file), took)
		}
	}
	lines, wrong, err := office.ParseStaffing(sheet(t, sheetHead+`<row><c t="inlineStr"><is><t>радник_x000D_
 голови</t></is></c><c><v>1.1000000000000001</v></c><c t="s"><v/></c><c t="s"/></row><row r="5"><c r="B5" t="str"><v>2</v></c></row></sheetData><mergeCell ref="C1:D1"/>`))
	if err != nil || !reflect.DeepEqual(lines, []office.StaffLine{{Position: "радник голови", Count: 110}}) || !reflect.DeepEqual(wrong, []office.StaffProblem{{Line: 5, Code: office.StaffNoPosition}}) {
		t.Errorf("%+v %v %v", lines, wrong, err)
	}
}

// ODR-51: lists that wait are bounded too.
func TestStaffingListsThatWait(t *testing.T) {
	d := directory(t, open(t))
	fill(t, d, people(), began)
	for i := range 30 {
		if _, err := d.AddStaffing(t.Context(), ministry.EDRPOU, fmt.Appendf(nil, "Посада;Кількість\nрадник;%d\n", i+1), began); err != nil {
			t.Fatal(err)
		}
	}
	list, err := d.StaffingLoads(t.Context(), ministry.EDRPOU)
	if err != nil || len(list) != 20 {
		t.Fatalf("%d lists wait, %v", len(list), err)
	}
	if newest, err := d.StaffingLoad(t.Context(), ministry.EDRPOU, list[0].ID); err != nil || newest.Lines[0].Count != 3000 {
		t.Errorf("%+v %v", newest, err)
	}
}

// FuzzStaffing: no file makes the reader fail otherwise than by a name, and what it takes keeps its bounds.
func FuzzStaffing(f *testing.F) {
	f.Add([]byte(goodList))
	f.Add([]byte("Посада,Кількість\nрадник,1\n"))
	f.Add([]byte("\xff\xfeP\x00"))
	f.Add(workbook(f, nil))
	f.Add(sheet(f, sheetHead+`<row><c t="inlineStr"><is><t>р</t></is></c><c><v>1</v></c></row>`))
	f.Fuzz(func(t *testing.T, data []byte) {
		lines, wrong, err := office.ParseStaffing(data)
		var code office.StaffCode
		if err != nil && (!errors.As(err, &code) || code.Text("uk") == "" || lines != nil || wrong != nil) {
			t.Fatal(err)
		}
		for _, l := range lines {
			if l.Position == "" || l.Count < 1 || len([]rune(l.Unit)) > office.MaxEntryText || strings.ContainsAny(l.Unit+l.Position, "\r\n\x00") || l.Unit != "" && l.Unit == l.Parent {
				t.Errorf("%+v", l)
			}
		}
	})
}

// TestStaffingVacancies: a list takes effect when it is applied, as a whole, and what it was stays for looking back.
func TestStaffingVacancies(t *testing.T) {
	ctx := context.Background()
	s := open(t)
	d, other := directory(t, s), directory(t, s)
	fill(t, d, people(), began)
	l, err := d.AddStaffing(ctx, ministry.EDRPOU, []byte(goodList), began)
	if err != nil || l.Places() != 750 || len(l.Wrong) != 0 || !l.Since.IsZero() {
		t.Fatalf("%+v %v", l, err)
	}
	if again, err := d.AddStaffing(ctx, ministry.EDRPOU, []byte(goodList), began); err != nil || again.ID != l.ID {
		t.Errorf("the same file is another list: %v %v", again.ID, err)
	}
	if places, since, err := d.Staffing(ctx, ministry.EDRPOU, time.Time{}); err != nil || !since.IsZero() || len(places) != 5 {
		t.Errorf("before it applies: %v %v %v", places, since, err)
	}
	if got := l.Changes(nil); len(got) != 5 {
		t.Errorf("%v", got)
	}
	at := began.Add(time.Hour)
	if err := d.ApplyStaffing(ctx, ministry.EDRPOU, l.ID, at); err != nil {
		t.Fatal(err)
	}
	if err := d.ApplyStaffing(ctx, ministry.EDRPOU, l.ID, at); err != nil {
		t.Errorf("twice: %v", err)
	}
	places, since, err := other.Staffing(ctx, ministry.EDRPOU, time.Time{})
	if err != nil || !since.Equal(at) {
		t.Fatalf("%v %v", since, err)
	}
	got := map[string][4]int{}
	for _, p := range places {
		listed := 0
		if p.Listed {
			listed = 1
		}
		got[p.Unit+"/"+p.Position] = [4]int{p.Count, p.People, p.Vacant, listed}
	}
	want := map[string][4]int{"/державний секретар": {100, 1, 0, 1}, "Департамент прикладів/директор департаменту": {100, 0, 100, 1}, "Відділ зразків/начальник відділу": {100, 1, 0, 1},
		"Відділ зразків/головний спеціаліст": {300, 1, 200, 1}, "Відділ прикладів/провідний спеціаліст": {150, 1, 50, 1}, "Відділ прикладів/головний спеціаліст": {0, 1, 0, 0}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%v\nwant %v", got, want)
	}
	units, err := other.Units(ctx, ministry.EDRPOU)
	if err != nil {
		t.Fatal(err)
	}
	var tree []string
	for _, u := range units {
		tree = append(tree, fmt.Sprintf("%d %s %d/%d %s", u.Depth, u.Name, u.People, u.Total, office.Count(u.Vacant)))
	}
	if got, want := strings.Join(tree, "\n"), "1  1/1 0\n1 Департамент прикладів 0/4 1\n2 Відділ зразків 2/2 2\n2 Відділ прикладів 2/2 0,5"; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	// A unit has the people of the units below it.
	if got := find(t, other, office.Query{Body: ministry.EDRPOU, Unit: "Департамент прикладів"}); got != "Вигаданець Ґудзь Згурський Нечуй-Левицька" {
		t.Errorf("with units below: %q", got)
	}
	// A wrong list, one of another body, one that came too late.
	bad, err := d.AddStaffing(ctx, ministry.EDRPOU, []byte("Посада;Кількість\nрадник;багато\n"), at)
	if err != nil || len(bad.Wrong) != 1 {
		t.Fatal(bad, err)
	}
	if err := d.ApplyStaffing(ctx, ministry.EDRPOU, bad.ID, at); !errors.Is(err, office.ErrConflict) {
		t.Errorf("wrong lines: %v", err)
	}
	for _, body := range []string{"99000028", ""} {
		if err := d.ApplyStaffing(ctx, body, l.ID, at); !errors.Is(err, office.ErrNotFound) {
			t.Errorf("%q: %v", body, err)
		}
	}
	late, err := d.AddStaffing(ctx, ministry.EDRPOU, []byte("Посада;Кількість\nрадник;1\n"), at)
	if err != nil {
		t.Fatal(err)
	}
	newer, err := d.AddStaffing(ctx, ministry.EDRPOU, []byte("Посада;Кількість\nрадник;2\n"), at)
	if err != nil {
		t.Fatal(err)
	}
	later := at.AddDate(0, 0, 1)
	if err := d.ApplyStaffing(ctx, ministry.EDRPOU, newer.ID, later); err != nil {
		t.Fatal(err)
	}
	if err := d.ApplyStaffing(ctx, ministry.EDRPOU, late.ID, later); !errors.Is(err, office.ErrConflict) {
		t.Errorf("an older list after a newer one: %v", err)
	}
	// The list of before still answers for its time, and may come back.
	if _, since, err := other.Staffing(ctx, ministry.EDRPOU, later.Add(-time.Second)); err != nil || !since.Equal(at) {
		t.Errorf("as it was: %v %v", since, err)
	}
	back, err := d.AddStaffing(ctx, ministry.EDRPOU, []byte(goodList), later)
	if err != nil || back.ID == l.ID {
		t.Errorf("%v %v", back.ID, err)
	}
	if _, err := d.AddStaffing(ctx, "12345678", []byte(goodList), later); !errors.Is(err, office.ErrNotFound) {
		t.Errorf("unknown body: %v", err)
	}
}
