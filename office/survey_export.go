package office

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/xuri/excelize/v2"
)

// CellText is a cell of a result in words: lang "en" English, any other Ukrainian.
func (q *Question) CellText(value, lang string) string {
	switch {
	case value == "":
		return either(lang, "без відповіді", "no answer")
	case value == anyText:
		return either(lang, "написали", "wrote something")
	case q.Kind == KindMany && value == "1":
		return either(lang, "обрали", "chose it")
	case q.Kind == KindMany:
		return either(lang, "не обрали", "did not choose it")
	case q.Kind == KindRanking:
		return value + either(lang, "-е місце", ordinal(value)+" place")
	case q.Kind == KindNumber:
		from, to, _ := strings.Cut(value, "..")
		if from == to {
			return from
		}
		return from + "–" + to
	case q.Kind == KindOne:
		if o := q.Option(value); o != nil {
			return o.Text.In(lang)
		}
	case q.Kind == KindScale:
		low, high := q.bounds()
		label := ""
		switch value {
		case strconv.FormatInt(low, 10):
			label = q.MinLabel.In(lang)
		case strconv.FormatInt(high, 10):
			label = q.MaxLabel.In(lang)
		}
		if label != "" {
			return value + " (" + label + ")"
		}
	}
	return value
}

func either(lang, uk, en string) string {
	if lang == "en" {
		return en
	}
	return uk
}

// ordinal is the ending of an English ordinal.
func ordinal(n string) string {
	switch {
	case strings.HasSuffix(n, "11"), strings.HasSuffix(n, "12"), strings.HasSuffix(n, "13"):
		return "th"
	case strings.HasSuffix(n, "1"):
		return "st"
	case strings.HasSuffix(n, "2"):
		return "nd"
	case strings.HasSuffix(n, "3"):
		return "rd"
	}
	return "th"
}

// PartText is the option that a part of a question is about; "" for a question of one part.
func (q *Question) PartText(part, lang string) string {
	if o := q.Option(part); o != nil {
		return o.Text.In(lang)
	}
	return ""
}

// ResultRow is one line of the table of results.
type ResultRow struct {
	Number   int // of the question, from 1
	Question string
	Part     string // option; may be empty
	Answer   string
	Count    int
	Percent  float64 // of all who answered the survey
	Withheld bool    // then Count and Percent are 0
}

// Rows are the results as a table. Cells that a question does not show at all are one row of its own.
func (t *Tally) Rows(lang string) []ResultRow {
	var out []ResultRow
	for i := range t.Questions {
		out = append(out, t.Questions[i].Rows(i+1, t.Received, lang)...)
	}
	return out
}

// Rows is the part of Tally.Rows that is about one question.
func (t *QuestionTally) Rows(number, received int, lang string) []ResultRow {
	head := ResultRow{Number: number, Question: t.Question.Text.In(lang)}
	if t.Withheld {
		head.Answer, head.Withheld = either(lang, "усі відповіді", "all answers"), true
		return []ResultRow{head}
	}
	var out []ResultRow
	for i, p := range t.Parts {
		for _, c := range p.Cells {
			switch {
			case t.Question.Kind == KindMany && c.Value == "0", c.Value == "" && i > 0:
				continue // follows from the others
			case t.Firsts && c.Value != "1" && c.Value != "":
				continue
			}
			row := head
			row.Part, row.Answer, row.Count, row.Withheld = t.Question.PartText(p.Part, lang), t.Question.CellText(c.Value, lang), c.Count, c.Withheld
			if c.Value == "" {
				row.Part = ""
			}
			if received > 0 {
				row.Percent = 100 * float64(c.Count) / float64(received)
			}
			out = append(out, row)
		}
	}
	slices.SortStableFunc(out, func(a, b ResultRow) int { // no answer comes last
		none := t.Question.CellText("", lang)
		return cmp.Compare(b2i(a.Answer == none && a.Part == ""), b2i(b.Answer == none && b.Part == ""))
	})
	return out
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Decimal is a number with its digits after the comma; a point in English (lang "en").
func Decimal(lang string, n float64, digits int) string {
	text := strconv.FormatFloat(n, 'f', digits, 64)
	if lang == "en" {
		return text
	}
	return strings.Replace(text, ".", ",", 1)
}

// SurveyTable is a survey's results or answers as rows for a file, the first one of headings. A cell is a string, an int64, or a
// float64 with one digit after the comma.
type SurveyTable [][]any

// headings are the first row.
func headings(texts ...string) SurveyTable {
	row := make([]any, len(texts))
	for i, t := range texts {
		row[i] = t
	}
	return SurveyTable{row}
}

// Table is the results as a table for a file.
func (t *Tally) Table(lang string) SurveyTable {
	out := headings(strings.Split(either(lang, "№|Питання|Варіант|Відповідь|Кількість|Частка, %", "No.|Question|Option|Answer|Number|Share, %"), "|")...)
	hidden := fmt.Sprintf(either(lang, "приховано (менше %d)", "withheld (fewer than %d)"), MinGroup)
	for _, r := range t.Rows(lang) {
		row := []any{int64(r.Number), r.Question, r.Part, r.Answer, int64(r.Count), math.Round(10*r.Percent) / 10}
		if r.Withheld {
			row[4], row[5] = hidden, ""
		}
		out = append(out, row)
	}
	for i := range t.Questions {
		for _, text := range t.Questions[i].Texts {
			out = append(out, []any{int64(i + 1), t.Questions[i].Question.Text.In(lang), "", text, "", ""})
		}
	}
	return out
}

// AnswersTable is the answers to a named survey, one a row; who says the name of a seat.
func AnswersTable(d *Definition, answers []NamedAnswer, who func(Seat) string, lang string) SurveyTable {
	head := strings.Split(either(lang, "Хто|ЄДРПОУ|Підрозділ|Категорія|День", "Who|ЄДРПОУ|Unit|Category|Day"), "|")
	for _, q := range d.Questions() {
		head = append(head, q.Text.In(lang))
	}
	out := headings(head...)
	for _, a := range answers {
		row := []any{who(a.Seat), a.Body, a.Unit, a.Category, a.Day}
		for _, q := range d.Questions() {
			var cell any = ""
			switch v := a.Answer[q.ID].(type) {
			case int64:
				cell = v
			case string:
				cell = v
				if q.Kind == KindOne {
					cell = q.PartText(v, lang)
				}
			case []string:
				names := make([]string, len(v))
				for i, id := range v {
					names[i] = q.PartText(id, lang)
				}
				cell = strings.Join(names, "; ")
			}
			row = append(row, cell)
		}
		out = append(out, row)
	}
	return out
}

// plainCell keeps a cell of a CSV file, and each piece of it that a program with another separator would take for a cell, from being
// run as a formula by the program that opens it: somebody wrote it in an answer, somebody else opens it.
func plainCell(s string) string {
	var out strings.Builder
	begins := true
	for _, r := range s {
		if begins && strings.ContainsRune("=+-@|%＝＋－＠", r) {
			out.WriteByte('\'')
		}
		begins = strings.ContainsRune(",;|\t\r\n", r) || begins && (r == ' ' || r == '"')
		out.WriteRune(r)
	}
	return out.String()
}

// CSV is the table as spreadsheet programs here read it: UTF-8 with a byte order mark, semicolons, CR LF, decimals as the language
// (lang "en" English, any other Ukrainian) writes them. No cell runs as a formula.
func (t SurveyTable) CSV(lang string) ([]byte, error) {
	var out bytes.Buffer
	out.WriteString("\ufeff")
	w := csv.NewWriter(&out)
	w.Comma, w.UseCRLF = ';', true
	for _, row := range t {
		cells := make([]string, len(row))
		for i, c := range row {
			switch c := c.(type) {
			case int64:
				cells[i] = strconv.FormatInt(c, 10)
			case float64:
				cells[i] = Decimal(lang, c, 1)
			case string:
				cells[i] = plainCell(c)
			}
		}
		if err := w.Write(cells); err != nil {
			return nil, fmt.Errorf("office: csv: %w", err)
		}
	}
	w.Flush()
	if err := w.Error(); err != nil {
		return nil, fmt.Errorf("office: csv: %w", err)
	}
	return out.Bytes(), nil
}

// XLSX is the table as a workbook. Texts are text, never formulas; numbers are numbers, so that they can be added up.
func (t SurveyTable) XLSX() ([]byte, error) {
	f := excelize.NewFile()
	defer f.Close()
	const sheet = "Sheet1"
	bold, err := f.NewStyle(&excelize.Style{Font: &excelize.Font{Bold: true}})
	if err != nil {
		return nil, fmt.Errorf("office: xlsx: %w", err)
	}
	w, err := f.NewStreamWriter(sheet)
	if err != nil {
		return nil, fmt.Errorf("office: xlsx: %w", err)
	}
	for i, row := range t {
		cells := make([]any, len(row))
		for j, c := range row {
			if text, ok := c.(string); ok && len([]rune(text)) > 32000 { // a cell holds 32,767
				c = string([]rune(text)[:32000])
			}
			cells[j] = excelize.Cell{Value: c}
			if i == 0 {
				cells[j] = excelize.Cell{Value: c, StyleID: bold}
			}
		}
		if err := w.SetRow("A"+strconv.Itoa(i+1), cells); err != nil {
			return nil, fmt.Errorf("office: xlsx: %w", err)
		}
	}
	if err := w.Flush(); err != nil {
		return nil, fmt.Errorf("office: xlsx: %w", err)
	}
	var out bytes.Buffer
	if err := f.Write(&out); err != nil {
		return nil, fmt.Errorf("office: xlsx: %w", err)
	}
	return out.Bytes(), nil
}

// UnitTally is the result of one unit of a named survey.
type UnitTally struct {
	Body, Unit string // Unit "" and Body "": the units too small to be shown by themselves, together
	Tally
}

// TallyUnits are the results of a named survey by unit. A question is shown by unit only when none of its numbers in any unit is of
// fewer than MinGroup people: the total is shown as well, and would give a withheld one away.
func TallyUnits(d *Definition, answers []NamedAnswer) []UnitTally {
	type key struct{ body, unit string }
	groups := map[key][]Answer{}
	for _, a := range answers {
		groups[key{a.Body, a.Unit}] = append(groups[key{a.Body, a.Unit}], a.Answer)
	}
	var sizes []Turnout
	for k, list := range groups {
		sizes = append(sizes, Turnout{Body: k.body, Unit: k.unit, Eligible: len(list)})
	}
	slices.SortFunc(sizes, func(a, b Turnout) int { return cmp.Or(cmp.Compare(a.Body, b.Body), cmp.Compare(a.Unit, b.Unit)) })
	var out []UnitTally
	var rest []Answer
	shown := map[key]bool{}
	for _, s := range mergeSmall(sizes) {
		k := key{s.Body, s.Unit}
		if s.Body == "" {
			for other, list := range groups {
				if !shown[other] {
					rest = append(rest, list...)
				}
			}
			out = append(out, UnitTally{Tally: TallyAnswers(d, rest)})
			continue
		}
		shown[k] = true
		out = append(out, UnitTally{s.Body, s.Unit, TallyAnswers(d, groups[k])})
	}
	if len(out) < 2 {
		return nil
	}
	for i := range out {
		if out[i].Received < MinGroup {
			return nil
		}
	}
	for n := range d.Questions() {
		hide := slices.ContainsFunc(out, func(u UnitTally) bool {
			q := &u.Questions[n]
			return q.Withheld || q.Firsts || slices.ContainsFunc(q.Parts, func(p PartTally) bool {
				return slices.ContainsFunc(p.Cells, func(c Cell) bool { return c.Withheld || small(c.real) })
			})
		})
		for i := range out {
			if q := &out[i].Questions[n]; hide || q.Question.Kind == KindText { // what somebody wrote is never shown by unit
				q.Texts, q.HasMean, q.Mean = nil, false, 0
				if hide {
					q.withholdAll()
				}
			}
		}
	}
	return out
}
