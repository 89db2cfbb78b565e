package office

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

// Bounds of a staffing list.
const (
	MaxStaffingBytes = 4 << 20 // the file
	MaxStaffLines    = 20_000
	maxStaffColumns  = 64
	maxStaffHead     = 30        // rows searched for the header
	maxStaffCount    = 1_000_000 // hundredths of a place on one line
	keepStaffing     = 30 * 24 * time.Hour
	mostWaiting      = 20 // lists of a body that wait: the oldest makes room
)

// StaffCode names one reason for which a staffing list, or a line of it, is not taken. Codes are never renamed.
type StaffCode string

// Codes of a file, then of a line.
const (
	StaffTooLarge StaffCode = "staffing-too-large"
	StaffNoTable  StaffCode = "staffing-no-table"
	StaffNoHeader StaffCode = "staffing-no-header"
	StaffEmpty    StaffCode = "staffing-empty"
	StaffMany     StaffCode = "staffing-too-many"

	StaffNoPosition StaffCode = "no-position"
	StaffBadCount   StaffCode = "bad-count"
	StaffBadClass   StaffCode = "bad-category"
	StaffLongText   StaffCode = "text-too-long"
	StaffFormula    StaffCode = "formula-text"
	StaffOwnParent  StaffCode = "own-parent"
	StaffTwoParents StaffCode = "two-parents"
	StaffDeep       StaffCode = "parents-in-a-ring"
)

var staffTexts = map[StaffCode][2]string{
	StaffTooLarge:   {"Файл завеликий: найбільше 4 МіБ. Залиште лише аркуш штатного розпису.", "The file is too large: at most 4 MiB. Leave the sheet of the staffing list only."},
	StaffNoTable:    {"Це не таблиця CSV чи XLSX. Збережіть штатний розпис у такому вигляді.", "This is no CSV or XLSX table. Save the staffing list in such a form."},
	StaffNoHeader:   {"Немає рядка заголовків «Посада» і «Кількість». Додайте його.", "There is no header row with “Position” and “Count”. Add it."},
	StaffEmpty:      {"У файлі немає жодної посади. Перевірте, чи той це аркуш.", "The file has no position. Look whether it is the right sheet."},
	StaffMany:       {"Забагато рядків: найбільше 20 000. Розділіть список.", "Too many lines: at most 20,000. Split the list."},
	StaffNoPosition: {"Немає назви посади.", "The position has no name."},
	StaffBadCount:   {"Кількість — не число від 0,01 до 10 000 з двома знаками.", "The count is no number from 0.01 to 10,000 with two decimals."},
	StaffBadClass:   {"Категорія — не А, Б чи В.", "The category is not А, Б or В."},
	StaffLongText:   {"Текст довший за 300 знаків.", "The text is longer than 300 characters."},
	StaffFormula:    {"Текст починається як формула.", "The text begins like a formula."},
	StaffOwnParent:  {"Підрозділ підпорядковано самому собі.", "The unit is below itself."},
	StaffTwoParents: {"Підрозділ підпорядковано двом: вище він стоїть під іншим.", "The unit is below two: further up it stands under another."},
	StaffDeep:       {"Підрозділи підпорядковані по колу або глибше за 12 рівнів.", "The units are below each other in a ring, or deeper than 12 levels."},
}

// Error makes a StaffCode an error.
func (c StaffCode) Error() string { return "office: staffing list: " + string(c) }

// Text is the code in words: lang "en" English, any other Ukrainian.
func (c StaffCode) Text(lang string) string { return pick(lang, staffTexts[c][0], staffTexts[c][1]) }

// StaffProblem is a line that is not taken.
type StaffProblem struct {
	Line int       `json:"line"` // of the file, from 1
	Code StaffCode `json:"code"`
}

// Text is the problem in words, with its line.
func (p StaffProblem) Text(lang string) string {
	return fmt.Sprintf("%s %d: %s", pick(lang, "Рядок", "Line"), p.Line, p.Code.Text(lang))
}

// Columns of a staffing list; every other column is not read.
const (
	colUnit = iota
	colParent
	colPosition
	colCategory
	colCount
	staffColumns
)

var staffHeads = [staffColumns][]string{
	colUnit:     {"структурний підрозділ", "підрозділ", "назва структурного підрозділу", "назва підрозділу", "unit"},
	colParent:   {"вищий підрозділ", "підпорядкований", "підпорядковано", "у складі", "входить до", "parent", "parent unit"},
	colPosition: {"посада", "назва посади", "position"},
	colCategory: {"категорія", "категорія посади", "category"},
	colCount:    {"кількість", "кількість посад", "кількість штатних одиниць", "кількість штатних посад", "штатних одиниць", "count", "places"},
}

// ParseStaffing reads a staffing list from CSV (UTF-8, UTF-16 or Windows-1251; parted by ; , or tabs) or XLSX (first sheet). Lines
// that cannot be taken come back as problems, in the order of the file; nothing is mended silently. Error: a StaffCode.
func ParseStaffing(data []byte) ([]StaffLine, []StaffProblem, error) {
	if len(data) > MaxStaffingBytes {
		return nil, nil, StaffTooLarge
	}
	rows, err := staffRows(data)
	if err != nil {
		return nil, nil, err
	}
	var at [staffColumns]int
	head := -1
	for i, row := range rows[:min(len(rows), maxStaffHead)] {
		if at = staffHead(row); at[colPosition] >= 0 && at[colCount] >= 0 {
			head = i
			break
		}
	}
	if head < 0 {
		return nil, nil, StaffNoHeader
	}
	var lines []StaffLine
	var wrong []StaffProblem
	parents := map[string]string{}
	where := map[string]int{}
	for i, row := range rows[head+1:] {
		cell := func(col int) string {
			if at[col] < 0 || at[col] >= len(row) {
				return ""
			}
			return strings.Join(strings.Fields(row[at[col]]), " ")
		}
		if !slices.ContainsFunc(row, filled) || staffTotal(row, cell(colPosition)) {
			continue
		}
		if len(lines)+len(wrong) == MaxStaffLines {
			return nil, nil, StaffMany
		}
		l, code := staffLine(cell)
		n := head + 2 + i
		if old, ok := parents[l.Unit]; code == "" && l.Unit != "" && ok && old != l.Parent && at[colParent] >= 0 {
			if l.Parent == "" { // said further up
				l.Parent = old
			} else if old != "" {
				code = StaffTwoParents
			}
		}
		if code != "" {
			wrong = append(wrong, StaffProblem{n, code})
			continue
		}
		if l.Unit != "" && parents[l.Unit] == "" {
			parents[l.Unit], where[l.Unit] = l.Parent, n
		}
		lines = append(lines, l)
	}
	for unit, n := range where {
		up := unit
		for depth := 0; up != ""; depth++ {
			if depth == maxDepth {
				wrong = append(wrong, StaffProblem{n, StaffDeep})
				break
			}
			up = parents[up]
		}
	}
	slices.SortStableFunc(wrong, func(a, b StaffProblem) int { return a.Line - b.Line })
	if len(lines)+len(wrong) == 0 {
		return nil, nil, StaffEmpty
	}
	for i := range lines { // a unit may be named before the line that says what it belongs to
		if lines[i].Unit != "" {
			lines[i].Parent = parents[lines[i].Unit]
		}
	}
	return lines, wrong, nil
}

// filled tells whether a cell has any text.
func filled(cell string) bool { return strings.TrimSpace(cell) != "" }

// staffHead finds the columns of a header row; -1 where there is none.
func staffHead(row []string) (at [staffColumns]int) {
	for col := range at {
		at[col] = -1
	}
	for i, cell := range row {
		name := strings.Join(words(cell), " ")
		for col, names := range staffHeads {
			if at[col] < 0 && slices.Contains(names, name) {
				at[col] = i
			}
		}
	}
	return at
}

// staffTotal tells whether a row is a sum and no position.
func staffTotal(row []string, position string) bool {
	for _, cell := range row {
		if w := words(cell); len(w) > 0 {
			return position == "" && slices.Contains([]string{"усього", "всього", "разом", "итого", "total"}, w[0])
		}
	}
	return false
}

func staffLine(cell func(int) string) (StaffLine, StaffCode) {
	l := StaffLine{Unit: cell(colUnit), Parent: cell(colParent), Position: cell(colPosition)}
	for _, s := range []*string{&l.Unit, &l.Parent, &l.Position} {
		switch {
		case utf8.RuneCountInString(*s) > MaxEntryText:
			return l, StaffLongText
		case SafeCell(*s) != clean(*s, MaxEntryText):
			return l, StaffFormula
		}
		*s = clean(*s, MaxEntryText)
	}
	class, ok := map[string]string{"": "", "А": "А", "A": "А", "Б": "Б", "В": "В", "B": "В"}[strings.ToUpper(strings.Trim(cell(colCategory), `"«»'-–— `))]
	switch {
	case l.Position == "":
		return l, StaffNoPosition
	case !ok:
		return l, StaffBadClass
	case l.Unit != "" && l.Unit == l.Parent:
		return l, StaffOwnParent
	}
	l.Category = class
	if l.Unit == "" {
		l.Parent = ""
	}
	if l.Count = staffCount(cell(colCount)); l.Count < 1 || l.Count > maxStaffCount {
		return l, StaffBadCount
	}
	return l, ""
}

// staffCount reads "2", "1,5" or "0.25" in hundredths; 0 for anything else.
func staffCount(s string) int {
	whole, part, _ := strings.Cut(strings.ReplaceAll(strings.NewReplacer(" ", "", "\u00a0", "").Replace(s), ",", "."), ".")
	part = strings.TrimRight(part, "0")
	if len(whole) < 1 || len(whole) > 6 || len(part) > 2 || strings.Trim(whole+part, "0123456789") != "" {
		return 0
	}
	n := 0
	for _, r := range whole + (part + "00")[:2] {
		n = n*10 + int(r-'0')
	}
	return n
}

// staffRows reads the cells of a file.
func staffRows(data []byte) ([][]string, error) {
	if bytes.HasPrefix(data, []byte("PK\x03\x04")) {
		return xlsxRows(data)
	}
	text, err := staffText(data)
	if err != nil {
		return nil, err
	}
	first, _, _ := strings.Cut(text, "\n")
	r := csv.NewReader(strings.NewReader(text))
	r.Comma, r.FieldsPerRecord, r.ReuseRecord = ',', -1, false
	for _, c := range []rune{'\t', ';'} {
		if strings.ContainsRune(first, c) {
			r.Comma = c
		}
	}
	var rows [][]string
	for line := 1; ; {
		row, err := r.Read()
		switch {
		case errors.Is(err, io.EOF):
			return rows, nil
		case err != nil || len(row) > maxStaffColumns:
			return nil, StaffNoTable
		}
		at, _ := r.FieldPos(0)
		for ; line < at; line++ { // empty lines are left out by the reader, and still are lines of the file
			rows = append(rows, nil)
		}
		line = at + 1
		rows = append(rows, row)
		if len(rows) > 2*MaxStaffLines {
			return nil, StaffMany
		}
	}
}

// staffText decodes a text file.
func staffText(data []byte) (string, error) {
	var out []byte
	var err error
	switch {
	case bytes.HasPrefix(data, []byte("\xff\xfe")), bytes.HasPrefix(data, []byte("\xfe\xff")):
		out, err = unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM).NewDecoder().Bytes(data)
	case utf8.Valid(data):
		out = bytes.TrimPrefix(data, []byte("\ufeff"))
	default:
		out, err = charmap.Windows1251.NewDecoder().Bytes(data)
	}
	if err != nil || bytes.ContainsRune(out, 0) || bytes.ContainsRune(out, utf8.RuneError) {
		return "", StaffNoTable
	}
	return string(out), nil
}

// StaffingLoad is a staffing list that was brought for a body.
type StaffingLoad struct {
	ID    int64
	Body  string
	Made  time.Time
	Since time.Time // when it came into force; zero: it waits
	Lines []StaffLine
	Wrong []StaffProblem // with one it never comes into force
}

// Places is the sum of the list, in hundredths.
func (l StaffingLoad) Places() int {
	n := 0
	for _, line := range l.Lines {
		n += line.Count
	}
	return n
}

// StaffChange is what a list changes in one position of one unit.
type StaffChange struct {
	Unit, Position string
	Was, Is        int // places, in hundredths
}

// Changes holds the list against the one in force: what is new, gone or of another size.
func (l StaffingLoad) Changes(now []Place) []StaffChange {
	var out []StaffChange
	at := map[[2]string]int{}
	note := func(unit, position string) *StaffChange {
		k := [2]string{strings.Join(words(unit), " "), strings.Join(words(position), " ")}
		if _, ok := at[k]; !ok {
			at[k] = len(out)
			out = append(out, StaffChange{Unit: unit, Position: position})
		}
		return &out[at[k]]
	}
	for _, p := range now {
		if p.Listed {
			note(p.Unit, p.Position).Was += p.Count
		}
	}
	for _, p := range l.Lines {
		note(p.Unit, p.Position).Is += p.Count
	}
	return slices.DeleteFunc(out, func(c StaffChange) bool { return c.Was == c.Is })
}

// AddStaffing keeps a staffing list for a body; it takes no effect before ApplyStaffing. The same file brought again is the same
// list. Errors: a StaffCode, ErrNotFound when there is no such body.
func (d *Directory) AddStaffing(ctx context.Context, body string, file []byte, at time.Time) (StaffingLoad, error) {
	if _, err := d.Body(ctx, body); err != nil {
		return StaffingLoad{}, err
	}
	d.parse.Lock() // a file of 4 MiB unpacks to many times that: one at a time
	lines, wrong, err := ParseStaffing(file)
	d.parse.Unlock()
	if err != nil {
		return StaffingLoad{}, err
	}
	linesJSON, err := json.Marshal(lines)
	if err != nil {
		return StaffingLoad{}, err
	}
	wrongJSON, err := json.Marshal(wrong)
	if err != nil {
		return StaffingLoad{}, err
	}
	var id int64
	err = d.store.Update(ctx, func(tx Tx) error {
		if _, err := tx.Exec(`DELETE FROM office_staffing_lists WHERE since = 0 AND made < $1`, at.Add(-keepStaffing).Unix()); err != nil {
			return err
		}
		var last int64 // the list in force: returning to a file of before is a new list
		if err := tx.Row(`SELECT COALESCE(MAX(id), 0) FROM office_staffing_lists WHERE body = $1 AND since > 0`, []any{body}, &last); err != nil {
			return err
		}
		once := sha256.Sum256(fmt.Appendf(nil, "%s %d %s", body, last, file))
		err := tx.Row(`SELECT id FROM office_staffing_lists WHERE once = $1`, []any{once[:]}, &id)
		if errors.Is(err, ErrNotFound) {
			if _, err := tx.Exec(`DELETE FROM office_staffing_lists WHERE body = $1 AND since = 0 AND id NOT IN
				(SELECT id FROM office_staffing_lists WHERE body = $1 AND since = 0 ORDER BY id DESC LIMIT $2)`, body, mostWaiting-1); err != nil {
				return err
			}
			id, err = tx.Insert(`INSERT INTO office_staffing_lists (body, once, made, lines, wrong) VALUES ($1, $2, $3, $4, $5)`, body, once[:], at.Unix(), string(linesJSON), string(wrongJSON))
		}
		return err
	})
	if err != nil {
		return StaffingLoad{}, err
	}
	return d.StaffingLoad(ctx, body, id)
}

// StaffingLoad reads a list. Error: ErrNotFound, also for one of another body.
func (d *Directory) StaffingLoad(ctx context.Context, body string, id int64) (StaffingLoad, error) {
	l := StaffingLoad{ID: id, Body: body}
	err := d.store.View(ctx, func(tx Tx) error {
		var made, since int64
		var lines, wrong string
		if err := tx.Row(`SELECT made, since, lines, wrong FROM office_staffing_lists WHERE id = $1 AND body = $2`, []any{id, body}, &made, &since, &lines, &wrong); err != nil {
			return err
		}
		l.Made, l.Since = moment(made), moment(since)
		return errors.Join(json.Unmarshal([]byte(lines), &l.Lines), json.Unmarshal([]byte(wrong), &l.Wrong))
	})
	return l, err
}

// StaffingLoads lists the newest lists of a body, at most 50, without their lines.
func (d *Directory) StaffingLoads(ctx context.Context, body string) ([]StaffingLoad, error) {
	var out []StaffingLoad
	err := d.store.View(ctx, func(tx Tx) error {
		out = nil
		return tx.Rows(`SELECT id, made, since FROM office_staffing_lists WHERE body = $1 ORDER BY id DESC LIMIT 50`, []any{body}, func(scan func(...any) error) error {
			l := StaffingLoad{Body: body}
			var made, since int64
			err := scan(&l.ID, &made, &since)
			l.Made, l.Since = moment(made), moment(since)
			out = append(out, l)
			return err
		})
	})
	return out, err
}

// ApplyStaffing brings a list into force. A list that is in force stays so. Errors: ErrNotFound; ErrConflict when lines of it are
// wrong, or when another list came into force since it was brought.
func (d *Directory) ApplyStaffing(ctx context.Context, body string, id int64, at time.Time) error {
	err := d.store.Update(ctx, func(tx Tx) error {
		var made, since, last int64
		var wrong string
		if err := tx.Row(`SELECT made, since, wrong FROM office_staffing_lists WHERE id = $1 AND body = $2`, []any{id, body}, &made, &since, &wrong); err != nil {
			return err
		}
		if err := tx.Row(`SELECT COALESCE(MAX(id), 0) FROM office_staffing_lists WHERE body = $1 AND since > 0`, []any{body}, &last); err != nil {
			return err
		}
		switch {
		case since > 0 && last == id:
			return nil
		case since > 0 || last > id:
			return fmt.Errorf("%w: a newer staffing list is in force", ErrConflict)
		case wrong != "null" && wrong != "[]":
			return fmt.Errorf("%w: the staffing list has wrong lines", ErrConflict)
		}
		if err := tx.Exec1(`UPDATE office_staffing_lists SET since = $2 WHERE id = $1`, id, at.Unix()); err != nil {
			return err
		}
		return tx.Exec1(`UPDATE office_bodies SET seq = (SELECT MAX(seq) + 1 FROM office_bodies), changed = $2 WHERE edrpou = $1`, body, at.Unix())
	})
	if err != nil {
		return err
	}
	return d.refresh(ctx)
}
