package hrdata

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding/charmap"

	"github.com/posvid/posvid/hr"
)

// column is one column of a written file.
type column struct {
	header, field string
	value         func(*hr.Record) string
}

var columns = []column{
	{"Табельний номер", "staff_number", func(r *hr.Record) string { return r.StaffNumber }},
	{"РНОКПП", "rnokpp", func(r *hr.Record) string { return r.RNOKPP }},
	{"УНЗР", "unzr", func(r *hr.Record) string { return r.UNZR }},
	{"Прізвище", "surname", func(r *hr.Record) string { return r.Surname }},
	{"Власне ім'я", "given_name", func(r *hr.Record) string { return r.GivenName }},
	{"По батькові", "patronymic", func(r *hr.Record) string { return r.Patronymic }},
	{"Прізвище латиницею", "surname_latin", func(r *hr.Record) string {
		if r.SurnameLatin == hr.Transliterate(r.Surname) {
			return ""
		}
		return r.SurnameLatin
	}},
	{"Дата народження", "birth_date", func(r *hr.Record) string { return r.BirthDate.UA() }},
	{"ЄДРПОУ", "edrpou", func(r *hr.Record) string { return r.EDRPOU }},
	{"Орган", "body_name", func(r *hr.Record) string { return r.BodyName }},
	{"Структурний підрозділ", "unit", func(r *hr.Record) string { return r.Unit }},
	{"Структурний підрозділ англійською", "unit_en", func(r *hr.Record) string { return r.UnitEN }},
	{"Посада", "position", func(r *hr.Record) string { return r.Position }},
	{"Посада англійською", "position_en", func(r *hr.Record) string { return r.PositionEN }},
	{"Категорія", "category", func(r *hr.Record) string { return r.Category }},
	{"Ранг", "rank", func(r *hr.Record) string {
		if r.Rank == 0 {
			return ""
		}
		return strconv.Itoa(int(r.Rank))
	}},
	{"Вид особи", "official", func(r *hr.Record) string {
		if r.Official {
			return "посадова особа"
		}
		return "працівник"
	}},
	{"КАТОТТГ", "katottg", func(r *hr.Record) string { return r.KATOTTG }},
	{"Працює з", "employed_from", func(r *hr.Record) string { return r.From.UA() }},
	{"Працює до", "employed_until", func(r *hr.Record) string { return r.Until.UA() }},
	{"Серія посвідчення", "plastic_series", func(r *hr.Record) string { return r.Plastic.Series }},
	{"Номер посвідчення", "plastic_number", func(r *hr.Record) string { return r.Plastic.Number }},
	{"Посвідчення видано", "plastic_issued", func(r *hr.Record) string { return r.Plastic.Issued.UA() }},
	{"Посвідчення дійсне до", "plastic_expires", func(r *hr.Record) string { return r.Plastic.Expires.UA() }},
	{"Номер безконтактного носія", "carrier_number", func(r *hr.Record) string { return r.Plastic.CarrierNumber }},
	{"Стан", "status", func(r *hr.Record) string {
		return map[hr.Status]string{hr.StatusActive: "працює", hr.StatusSuspended: "зупинено", hr.StatusDismissed: "звільнено"}[r.Status]
	}},
	{"Підстава", "ground", func(r *hr.Record) string {
		return map[string]string{hr.GroundDismissal: "звільнення", hr.GroundTransfer: "переведення", hr.GroundSuspension: "відсторонення"}[r.Ground]
	}},
	{"Номер наказу", "order_number", func(r *hr.Record) string { return r.OrderNumber }},
	{"Дата наказу", "order_date", func(r *hr.Record) string { return r.OrderDate.UA() }},
	{"Фото", "photo", func(r *hr.Record) string { return r.PhotoRef }},
	{"Службовий телефон", "work_phone", func(r *hr.Record) string { return r.WorkPhone }},
	{"Службова електронна пошта", "work_email", func(r *hr.Record) string { return r.WorkEmail }},
}

// directives are the rows above the headers: whose file it is, as of which day, that it is full, and how many rows it has.
func directives(edrpou string, asOf hr.Date, rows int) [][]string {
	return [][]string{{"#єдрпоу", edrpou}, {"#станом на", asOf.UA()}, {"#повний", "так"}, {"#всього", strconv.Itoa(rows)}}
}

// XLSX writes a full snapshot as a workbook, every cell text but ranks.
func XLSX(edrpou string, asOf hr.Date, records []hr.Record) ([]byte, error) {
	f := excelize.NewFile()
	defer f.Close()
	const sheet = "Кадри"
	if err := f.SetSheetName("Sheet1", sheet); err != nil {
		return nil, fmt.Errorf("hrdata: xlsx: %w", err)
	}
	sw, err := f.NewStreamWriter(sheet)
	if err != nil {
		return nil, fmt.Errorf("hrdata: xlsx: %w", err)
	}
	n := 0
	row := func(cells []any) {
		n++
		if err == nil {
			err = sw.SetRow("A"+strconv.Itoa(n), cells)
		}
	}
	for _, d := range directives(edrpou, asOf, len(records)) {
		row([]any{d[0], d[1]})
	}
	head := make([]any, len(columns))
	for i, c := range columns {
		head[i] = c.header
	}
	row(head)
	for i := range records {
		cells := make([]any, len(columns))
		for j, c := range columns {
			v := c.value(&records[i])
			switch {
			case v == "":
			case c.field == "rank":
				cells[j] = int(records[i].Rank)
			default:
				cells[j] = v
			}
		}
		row(cells)
	}
	if err != nil {
		return nil, fmt.Errorf("hrdata: xlsx: %w", err)
	}
	if err := sw.Flush(); err != nil {
		return nil, fmt.Errorf("hrdata: xlsx: %w", err)
	}
	var buf bytes.Buffer
	if err := f.Write(&buf); err != nil {
		return nil, fmt.Errorf("hrdata: xlsx: %w", err)
	}
	return buf.Bytes(), nil
}

// CSV writes a full snapshot as CSV in UTF-8 with the given delimiter.
func CSV(edrpou string, asOf hr.Date, records []hr.Record, delim rune) ([]byte, error) {
	var buf bytes.Buffer
	w := csv.NewWriter(&buf)
	w.Comma, w.UseCRLF = delim, true
	for _, d := range directives(edrpou, asOf, len(records)) {
		if err := w.Write(d); err != nil {
			return nil, fmt.Errorf("hrdata: csv: %w", err)
		}
	}
	head := make([]string, len(columns))
	for i, c := range columns {
		head[i] = c.header
	}
	if err := w.Write(head); err != nil {
		return nil, fmt.Errorf("hrdata: csv: %w", err)
	}
	for i := range records {
		cells := make([]string, len(columns))
		for j, c := range columns {
			cells[j] = c.value(&records[i])
		}
		if err := w.Write(cells); err != nil {
			return nil, fmt.Errorf("hrdata: csv: %w", err)
		}
	}
	w.Flush()
	return buf.Bytes(), w.Error()
}

// CSV1251 is CSV with semicolons in Windows-1251, as older HR programs write it: that code page has no letter apostrophe, so
// the typewriter one stands for it.
func CSV1251(edrpou string, asOf hr.Date, records []hr.Record) ([]byte, error) {
	b, err := CSV(edrpou, asOf, records, ';')
	if err != nil {
		return nil, err
	}
	b = bytes.ReplaceAll(b, []byte("ʼ"), []byte("'"))
	out, err := charmap.Windows1251.NewEncoder().Bytes(b)
	if err != nil {
		return nil, fmt.Errorf("hrdata: csv: %w", err)
	}
	return out, nil
}

// JSONLines writes a full snapshot as JSON lines.
func JSONLines(edrpou string, asOf hr.Date, records []hr.Record) ([]byte, error) {
	var b strings.Builder
	fmt.Fprintf(&b, `{"#edrpou":%q,"#as of":%q,"#full":true,"#total":%d}`+"\n", edrpou, asOf, len(records))
	for i := range records {
		b.WriteByte('{')
		sep := ""
		for _, c := range columns {
			v := c.value(&records[i])
			if v == "" {
				continue
			}
			q, err := json.Marshal(v)
			if err != nil {
				return nil, fmt.Errorf("hrdata: json: %w", err)
			}
			fmt.Fprintf(&b, "%s%q:%s", sep, c.field, q)
			sep = ","
		}
		b.WriteString("}\n")
	}
	return []byte(b.String()), nil
}

// File is one file of testvectors/hr.
type File struct {
	Name string
	Data []byte
}

// Files makes every file of testvectors/hr.
func Files() ([]File, error) {
	var out []File
	var first error
	add := func(name string, data []byte, err error) {
		if err != nil && first == nil {
			first = err
		}
		out = append(out, File{name, data})
	}
	b, err := XLSX(MinistryEDRPOU, AsOf(1), Ministry(1))
	add("ministry.xlsx", b, err)
	b, err = XLSX(MinistryEDRPOU, AsOf(2), Ministry(2))
	add("ministry-2.xlsx", b, err)
	b, err = CSV1251(CouncilEDRPOU, AsOf(1), Council(1))
	add("council.csv", b, err)
	b, err = CSV1251(CouncilEDRPOU, AsOf(2), Council(2))
	add("council-2.csv", b, err)
	b, err = JSONLines(CouncilEDRPOU, AsOf(1), Council(1))
	add("council.jsonl", b, err)
	b, err = badRows()
	add("bad-rows.csv", b, err)
	b, err = mapped()
	add("mapped.csv", b, err)
	add("mapped.mapping", []byte(mapping), nil)
	if first != nil {
		return nil, first
	}
	return out, nil
}

// WriteFiles writes Files into a folder.
func WriteFiles(dir string) error {
	files, err := Files()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("hrdata: %w", err)
	}
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(dir, f.Name), f.Data, 0o644); err != nil {
			return fmt.Errorf("hrdata: %w", err)
		}
	}
	return nil
}

// BadRow is one spoilt row of bad-rows.csv: what was done to a good row and the code that must come of it.
type BadRow struct {
	Field string
	Value string
	Code  hr.Code
}

// BadRows lists the spoilt rows of bad-rows.csv in order; the first row of the file is good.
var BadRows = []BadRow{
	{"rnokpp", "1234567890", hr.BadRNOKPP},
	{"unzr", "19000231-00011", hr.BadUNZR},
	{"edrpou", "99000012", hr.BadEDRPOU},
	{"edrpou", MinistryEDRPOU, hr.ForeignBody},
	{"surname", "", hr.MissingField},
	{"surname", "Ковaленко", hr.LatinLookAlike}, // the fourth letter is Latin
	{"surname", "Kovalenko", hr.LatinName},
	{"given_name", "Іван2", hr.BadName},
	{"given_name", "=HYPERLINK(\"http://example.invalid\")", hr.FormulaText},
	{"surname_latin", "Ковalenko", hr.LatinLookAlike},
	{"unit", "Відділ\u202eаудиту", hr.BadText},
	{"position", "", hr.MissingField},
	{"position", strings.Repeat("довга назва посади ", 20), hr.TextTooLong},
	{"category", "Г", hr.BadCategory},
	{"category", "A", hr.LatinLookAlike},
	{"rank", "12", hr.BadRank},
	{"rank", "1", hr.RankCategory},
	{"katottg", "UА71020990010099902", hr.BadKATOTTG}, // the second letter is Cyrillic
	{"employed_from", "31.02.2020", hr.BadDate},
	{"employed_until", "01.01.1990", hr.DateOrder},
	{"plastic_expires", "12/31/2030", hr.BadDate},
	{"plastic_expires", "01.01.2001", hr.DateOrder},
	{"carrier_number", "04А1В2С3", hr.LatinLookAlike}, // Cyrillic letters in place of hexadecimal digits
	{"status", "у пошуку", hr.BadStatus},
	{"official", "можливо", hr.BadOfficial},
	{"photo", "../../etc/passwd", hr.BadPhotoRef},
}

// badRows is a council file in which every row but the first is spoilt in one way, ending with a dismissal whose other
// values are all wrong.
func badRows() ([]byte, error) {
	m := newMaker(7)
	m.serial = 600
	var recs []hr.Record
	for i := range len(BadRows) + 2 {
		r := m.record(CouncilEDRPOU, CouncilName, councilKATOTTG, "ВР", 500+i, councilUnits[i%len(councilUnits)], councilPosts[0])
		r.SurnameLatin = hr.Transliterate(r.Surname)
		recs = append(recs, r)
	}
	var buf bytes.Buffer
	w := csv.NewWriter(&buf)
	head := make([]string, len(columns))
	for i, c := range columns {
		head[i] = c.header
	}
	if err := w.Write(head); err != nil {
		return nil, fmt.Errorf("hrdata: csv: %w", err)
	}
	for i := range recs {
		cells := make([]string, len(columns))
		for j, c := range columns {
			cells[j] = c.value(&recs[i])
			switch {
			case i >= 1 && i <= len(BadRows) && c.field == BadRows[i-1].Field:
				cells[j] = BadRows[i-1].Value
			case i == len(BadRows)+1 && c.field == "status":
				cells[j] = "звільнено"
			case i == len(BadRows)+1 && c.field != "rnokpp":
				cells[j] = "???"
			}
		}
		if err := w.Write(cells); err != nil {
			return nil, fmt.Errorf("hrdata: csv: %w", err)
		}
	}
	w.Flush()
	return append([]byte("\ufeff"), buf.Bytes()...), w.Error()
}

// mapping makes the headers of mapped.csv known.
const mapping = `# Заголовок у файлі = поле
Код платника = rnokpp
ФІО = full_name
Де працює = unit
Ким працює = position
Бланк = plastic_number
Бланк від = plastic_issued
Бланк до = plastic_expires
Що з ним = status
status: на місці = active
status: пішов = dismissed
`

// mapped is a tab-separated file with headers of its own, for which mapping is needed.
func mapped() ([]byte, error) {
	m := newMaker(8)
	m.serial = 700
	var b strings.Builder
	b.WriteString("Код платника\tФІО\tДе працює\tКим працює\tБланк\tБланк від\tБланк до\tЩо з ним\n")
	for i := range 5 {
		r := m.record(CouncilEDRPOU, CouncilName, councilKATOTTG, "ВР", 700+i, councilUnits[i], councilPosts[1])
		state := "на місці"
		if i == 4 {
			state = "пішов"
		}
		fmt.Fprintf(&b, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.RNOKPP, r.FullName(), r.Unit, r.Position, r.Plastic.Number,
			r.Plastic.Issued, r.Plastic.Expires, state)
	}
	return []byte(b.String()), nil
}
