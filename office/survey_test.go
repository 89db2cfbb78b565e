package office_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"github.com/posvid/posvid/office"
)

// everyKind is a survey with a question of each kind, conditions of each kind and two pages.
const everyKind = `{"format":"posvid-survey/1","title":{"uk":"Робоче місце","en":"Workplace"},"intro":{"uk":"П'ять хвилин."},"pages":[
 {"questions":[
  {"id":"room","kind":"one","text":{"uk":"Чи вистачає місця?","en":"Is there room enough?"},"required":true,"options":[{"id":"yes","text":{"uk":"Так","en":"Yes"}},{"id":"no","text":{"uk":"Ні"}},{"id":"other","text":{"uk":"Інше"}}]},
  {"id":"what","kind":"many","text":{"uk":"Чого бракує?"},"options":[{"id":"desk","text":{"uk":"Столу"}},{"id":"light","text":{"uk":"Світла"}},{"id":"air","text":{"uk":"Повітря"}}],"max":2,"showIf":[{"question":"room","is":["no","other"]}]}]},
 {"title":{"uk":"Ще трохи"},"questions":[
  {"id":"quiet","kind":"scale","text":{"uk":"Наскільки тихо?"},"min":0,"max":4,"minLabel":{"uk":"гамірно"},"maxLabel":{"uk":"тихо"}},
  {"id":"order","kind":"ranking","text":{"uk":"Що важливіше?"},"options":[{"id":"a","text":{"uk":"Тиша"}},{"id":"b","text":{"uk":"Світло"}},{"id":"c","text":{"uk":"Місце"}}]},
  {"id":"years","kind":"number","text":{"uk":"Скільки років працюєте?"},"min":0,"max":49},
  {"id":"why","kind":"text","text":{"uk":"Чому гамірно?"},"maxLength":20,"showIf":[{"question":"quiet","to":1},{"question":"years","from":1}]}]}]}`

func definition(t testing.TB, text string) office.Definition {
	t.Helper()
	d, _, err := office.ParseDefinition([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestDefinitionCanonical: the same questions have the same bytes and the same hash, however the file was written.
func TestDefinitionCanonical(t *testing.T) {
	_, a, err := office.ParseDefinition([]byte(everyKind))
	if err != nil {
		t.Fatal(err)
	}
	d, b, err := office.ParseDefinition(a)
	if err != nil || !bytes.Equal(a, b) {
		t.Errorf("read again: %v\n%s\n%s", err, a, b)
	}
	var loose map[string]any
	json.Unmarshal([]byte(everyKind), &loose) // fields in another order
	data, _ := json.MarshalIndent(loose, "", "  ")
	if _, c, err := office.ParseDefinition(data); err != nil || !bytes.Equal(a, c) {
		t.Errorf("written otherwise: %v\n%s", err, c)
	}
	if len(d.Questions()) != 6 || d.Question("why").ShowIf[1].From == nil || d.Question("nobody") != nil || d.Title.In("en") != "Workplace" || d.Intro.In("en") != "П'ять хвилин." {
		t.Errorf("%+v", d)
	}
}

// TestDefinitionRefused: what cannot be asked is refused, with the place.
func TestDefinitionRefused(t *testing.T) {
	for _, tt := range []struct{ name, old, new, where string }{
		{"format", "posvid-survey/1", "posvid-survey/2", "format"},
		{"no title", `"uk":"Робоче місце","en":"Workplace"`, `"uk":" "`, "title"},
		{"English alone", `"intro":{"uk":"П'ять хвилин."}`, `"intro":{"uk":"","en":"Five"}`, "intro"},
		{"unknown field", `"required":true`, `"requird":true`, "json"},
		{"field twice", `"required":true`, `"required":true,"required":false`, "json"},
		{"wrong kind of value", `"required":true`, `"required":"yes"`, "json"},
		{"two values", `]}]}`, `]}]} {}`, "json"},
		{"unknown kind", `"kind":"one"`, `"kind":"two"`, "pages[0].questions[0].kind"},
		{"id with a space", `"id":"room"`, `"id":"ro om"`, "pages[0].questions[0].id"},
		{"id in capitals", `"id":"room"`, `"id":"Room"`, "pages[0].questions[0].id"},
		{"id of a digit", `"id":"room"`, `"id":"1room"`, "pages[0].questions[0].id"},
		{"id twice", `"id":"order"`, `"id":"room"`, "pages[1].questions[1].id"},
		{"option twice", `"id":"no"`, `"id":"yes"`, "pages[0].questions[0].options[1].id"},
		{"option without text", `{"id":"no","text":{"uk":"Ні"}}`, `{"id":"no","text":{"uk":""}}`, "pages[0].questions[0].options[1].text"},
		{"one option", `,{"id":"no","text":{"uk":"Ні"}},{"id":"other","text":{"uk":"Інше"}}`, ``, "pages[0].questions[0].options"},
		{"options of a scale", `"min":0,"max":4`, `"min":0,"max":4,"options":[{"id":"a","text":{"uk":"а"}},{"id":"b","text":{"uk":"б"}}]`, "pages[1].questions[0].options"},
		{"scale without end", `"min":0,"max":4`, `"min":0`, "pages[1].questions[0].min"},
		{"scale the wrong way", `"min":0,"max":4`, `"min":4,"max":0`, "pages[1].questions[0].min"},
		{"scale below zero", `"min":0,"max":4`, `"min":-1,"max":4`, "pages[1].questions[0].min"},
		{"long scale", `"min":0,"max":4`, `"min":0,"max":11`, "pages[1].questions[0].min"},
		{"endless scale", `"min":0,"max":4`, `"min":0,"max":9223372036854775807`, "pages[1].questions[0].min"},
		{"number without bounds", `"min":0,"max":49`, `"min":0`, "pages[1].questions[2].min"},
		{"large number", `"min":0,"max":49`, `"min":0,"max":9223372036854775807`, "pages[1].questions[2].min"},
		{"bounds of one", `"required":true`, `"min":1`, "pages[0].questions[0].min"},
		{"more than there are", `"max":2`, `"max":4`, "pages[0].questions[1].min"},
		{"none to choose", `"max":2`, `"min":0`, "pages[0].questions[1].min"},
		{"length of a number", `"min":0,"max":49`, `"min":0,"max":49,"maxLength":5`, "pages[1].questions[2].maxLength"},
		{"long text", `"maxLength":20`, `"maxLength":1001`, "pages[1].questions[3].maxLength"},
		{"label of a number", `"min":0,"max":49`, `"min":0,"max":49,"minLabel":{"uk":"а"}`, "pages[1].questions[2].minLabel"},
		{"later question", `"is":["no","other"]`, `"is":["no","other"]},{"question":"quiet","to":1`, "pages[0].questions[1].showIf[1].question"},
		{"itself", `"question":"room"`, `"question":"what"`, "pages[0].questions[1].showIf[0].question"},
		{"unknown option", `"is":["no","other"]`, `"is":["maybe"]`, "pages[0].questions[1].showIf[0].is"},
		{"option named twice", `"is":["no","other"]`, `"is":["no","no"]`, "pages[0].questions[1].showIf[0].is"},
		{"no option", `"is":["no","other"]`, `"is":[]`, "pages[0].questions[1].showIf[0].is"},
		{"range of a choice", `"is":["no","other"]`, `"from":1`, "pages[0].questions[1].showIf[0].is"},
		{"options of a number", `"question":"years","from":1`, `"question":"years","is":["1"]`, "pages[1].questions[3].showIf[1].from"},
		{"condition on a ranking", `"question":"years","from":1`, `"question":"order","is":["a"]`, "pages[1].questions[3].showIf[1].question"},
		{"empty range", `"question":"years","from":1`, `"question":"years","from":50`, "pages[1].questions[3].showIf"},
		{"range the wrong way", `"question":"years","from":1`, `"question":"years","from":9,"to":8`, "pages[1].questions[3].showIf"},
		{"never together", `"question":"years","from":1`, `"question":"quiet","from":2`, "pages[1].questions[3].showIf"},
		{"never together, one further", `{"question":"quiet","to":1},{"question":"years","from":1}`, `{"question":"what","is":["desk"]},{"question":"room","is":["yes"]}`, "pages[1].questions[3].showIf"},
		{"no pages", everyKind[strings.Index(everyKind, `"pages":`):], `"pages":[]}`, "pages"},
		{"empty page", `{"title":{"uk":"Ще трохи"},"questions":[`, `{"questions":[]},{"questions":[`, "pages[1].questions"},
		{"control character", "Наскільки тихо?", `Наскільки\u0007тихо?`, "pages[1].questions[0].text"},
		{"turned order of letters", "Наскільки тихо?", `Наскільки\u202eтихо?`, "pages[1].questions[0].text"},
		{"long text", "Наскільки тихо?", strings.Repeat("а", 1001), "pages[1].questions[0].text"},
		{"no UTF-8", "Наскільки тихо?", "\xff", "json"},
		{"too large", "Наскільки тихо?", strings.Repeat(" ", office.MaxDefinition), "json"},
		{"deep", `"required":true`, `"required":` + strings.Repeat("[", 20) + strings.Repeat("]", 20), "json"},
	} {
		text := strings.Replace(everyKind, tt.old, tt.new, 1)
		if text == everyKind {
			t.Fatalf("%s: nothing changed", tt.name)
		}
		d, canonical, err := office.ParseDefinition([]byte(text))
		var f *office.DefinitionFault
		if !errors.As(err, &f) || f.Where != tt.where || f.UK == "" || f.EN == "" || canonical != nil {
			t.Errorf("%s: %v, want a fault at %s", tt.name, err, tt.where)
		}
		_ = d
	}
}

// TestConditionsManyTimes: questions that all have conditions on those before are looked at once each, not once for every way to come
// there, of which a hundred questions have more than any program could count.
func TestConditionsManyTimes(t *testing.T) {
	var questions []string
	for i := range 100 {
		var conditions []string
		for k := max(0, i-4); k < i; k++ {
			conditions = append(conditions, fmt.Sprintf(`{"question":"q%d","is":["a"]}`, k))
		}
		q := fmt.Sprintf(`{"id":"q%d","kind":"many","text":{"uk":"а"},"options":[{"id":"a","text":{"uk":"а"}},{"id":"b","text":{"uk":"б"}}]`, i)
		if conditions != nil {
			q += `,"showIf":[` + strings.Join(conditions, ",") + `]`
		}
		questions = append(questions, q+"}")
	}
	text := `{"format":"posvid-survey/1","title":{"uk":"а"},"pages":[{"questions":[` + strings.Join(questions, ",") + `]}]}`
	if d := definition(t, text); len(d.Questions()) != 100 {
		t.Errorf("%d questions", len(d.Questions()))
	}
	never := strings.Replace(text, `"q0","kind":"many","text":{"uk":"а"}`, `"q0","kind":"many","text":{"uk":"а"},"max":1`, 1)
	never = strings.Replace(never, `{"question":"q0","is":["a"]}`, `{"question":"q0","is":["a"]},{"question":"q0","is":["b"]}`, 1)
	var f *office.DefinitionFault
	if _, _, err := office.ParseDefinition([]byte(never)); !errors.As(err, &f) || f.Where != "pages[0].questions[1].showIf" {
		t.Errorf("two options of a choice of one: %v", err)
	}
}

// TestAnswer: what may be answered, and every way to answer otherwise.
func TestAnswer(t *testing.T) {
	d := definition(t, everyKind)
	good := map[string]any{"room": "no", "what": []string{"desk", "air"}, "quiet": int64(1), "order": []string{"c", "a", "b"}, "years": int64(7), "why": "коридор"}
	for _, tt := range []struct {
		name   string
		change map[string]any // nil: taken out
		want   string         // question and code of the first fault; "" none
	}{
		{"whole", nil, ""},
		{"only what is required", map[string]any{"what": nil, "quiet": nil, "order": nil, "years": nil, "why": nil}, ""},
		{"required missing", map[string]any{"room": nil, "what": nil}, "room required"},
		{"unknown question", map[string]any{"nobody": "x"}, " unknown"},
		{"unknown option", map[string]any{"room": "maybe"}, "room option"},
		{"list for one", map[string]any{"room": []string{"yes"}}, "room kind"},
		{"number for one", map[string]any{"room": int64(1)}, "room kind"},
		{"text for many", map[string]any{"what": "desk"}, "what kind"},
		{"option twice", map[string]any{"what": []string{"desk", "desk"}}, "what option"},
		{"none chosen", map[string]any{"what": []string{}}, "what count"},
		{"too many", map[string]any{"what": []string{"desk", "air", "light"}}, "what count"},
		{"hidden", map[string]any{"room": "yes"}, "what hidden"},
		{"hidden by a number", map[string]any{"years": int64(0)}, "why hidden"},
		{"hidden by what is missing", map[string]any{"quiet": nil}, "why hidden"},
		{"scale below", map[string]any{"quiet": int64(-1)}, "quiet range"},
		{"scale above", map[string]any{"quiet": int64(5), "why": nil}, "quiet range"},
		{"text for a scale", map[string]any{"quiet": "1", "why": nil}, "quiet kind"},
		{"number above", map[string]any{"years": int64(50)}, "years range"},
		{"ranking short", map[string]any{"order": []string{"a", "b"}}, "order count"},
		{"ranking twice", map[string]any{"order": []string{"a", "b", "a"}}, "order option"},
		{"empty text", map[string]any{"why": "  \n"}, "why text"},
		{"long text", map[string]any{"why": strings.Repeat("ї", 21)}, "why text"},
		{"text of the full length", map[string]any{"why": strings.Repeat("ї", 20)}, ""},
		{"control character", map[string]any{"why": "a\x00b"}, "why text"},
		{"list for a text", map[string]any{"why": []string{"a"}}, "why kind"},
	} {
		a := office.Answer(maps.Clone(good))
		for k, v := range tt.change {
			if a[k] = v; v == nil {
				delete(a, k)
			}
		}
		got := ""
		if faults := d.Check(a); len(faults) > 0 {
			if got = faults[0].Question + " " + faults[0].Code; faults[0].UK == "" || faults[0].EN == "" {
				t.Errorf("%s: no text", tt.name)
			}
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
		if tt.want != "" {
			continue
		}
		data, err := a.JSON()
		if err != nil {
			t.Fatal(err)
		}
		if back, err := office.ParseAnswer(data); err != nil || !reflect.DeepEqual(map[string]any(back), map[string]any(a)) {
			t.Errorf("%s: read again: %v %v", tt.name, back, err)
		}
	}
}

// TestLargestAnswer: whatever Check takes can be read again; a named answer that could not would keep everybody's from being shown.
func TestLargestAnswer(t *testing.T) {
	d := office.Definition{Format: office.SurveyFormat, Title: office.Text{UK: "а"}, Pages: []office.Page{{}}}
	a := office.Answer{}
	for i := range 100 {
		id := fmt.Sprintf("q%s%d", strings.Repeat("x", 28), i)
		d.Pages[0].Questions = append(d.Pages[0].Questions, office.Question{ID: id, Kind: office.KindText, Text: office.Text{UK: "а"}})
		a[id] = strings.Repeat("𝛑", 1000)
	}
	text, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	if d = definition(t, string(text)); len(d.Check(a)) > 0 {
		t.Fatalf("%+v", d.Check(a)[0])
	}
	data, err := a.JSON()
	if err != nil {
		t.Fatal(err)
	}
	if again, err := office.ParseAnswer(data); err != nil || !reflect.DeepEqual(again, a) {
		t.Errorf("%d bytes: %v", len(data), err)
	}
}

// TestParseAnswerRefused: bytes that are no answer.
func TestParseAnswerRefused(t *testing.T) {
	for _, text := range []string{"", "null", "[]", `"a"`, "1", "{", `{"a":null}`, `{"a":true}`, `{"a":1.5}`, `{"a":1e3}`, `{"a":01}`, `{"a":-0}`, `{"a":99999999999999999999}`, `{"a":{"b":1}}`, `{"a":[1]}`, `{"a":[["b"]]}`,
		`{"a":1,"a":2}`, `{"a":1}{}`, "{\"a\":\"\xff\"}", `{"a":[` + strings.TrimSuffix(strings.Repeat(`"x",`, 31), ",") + `]}`, `{"a":"` + strings.Repeat("x", office.MaxAnswer) + `"}`} {
		if a, err := office.ParseAnswer([]byte(text)); !errors.Is(err, office.ErrAnswer) || a != nil {
			t.Errorf("%.40s: %v %v", text, a, err)
		}
	}
}

// TestFromForm: a form without scripts shows every question; answers to what would be hidden are dropped, the rest is kept as it came.
func TestFromForm(t *testing.T) {
	d := definition(t, everyKind)
	form := url.Values{"a.room": {"yes"}, "a.what": {"desk"}, "a.quiet": {"1"}, "a.order.a": {"2"}, "a.order.b": {"3"}, "a.order.c": {"1"}, "a.years": {" 7 "}, "a.why": {"двір\r\nі коридор"}, "a.nobody": {"x"}}
	want := office.Answer{"room": "yes", "quiet": int64(1), "order": []string{"c", "a", "b"}, "years": int64(7), "why": "двір\nі коридор"}
	if a := d.FromForm(form); !reflect.DeepEqual(a, want) || len(d.Check(a)) != 0 {
		t.Errorf("%v %v, want %v", a, d.Check(a), want)
	}
	for name, tt := range map[string]struct {
		form url.Values
		want string
	}{
		"one place twice": {url.Values{"a.order.a": {"1"}, "a.order.b": {"1"}, "a.order.c": {"2"}}, "order count"},
		"no such place":   {url.Values{"a.order.a": {"0"}, "a.order.b": {"9"}, "a.order.c": {"x"}}, "order count"},
		"no number":       {url.Values{"a.years": {"сім"}}, "years kind"},
	} {
		tt.form.Set("a.room", "yes")
		if faults := d.Check(d.FromForm(tt.form)); len(faults) != 1 || faults[0].Question+" "+faults[0].Code != tt.want {
			t.Errorf("%s: %v, want %s", name, faults, tt.want)
		}
	}
	if a := d.FromForm(url.Values{"a.room": {""}, "a.why": {""}, "a.years": {""}}); len(a) != 0 {
		t.Errorf("empty fields: %v", a)
	}
}

// TestTables: files of results and answers are whole, and no cell runs as a formula.
func TestTables(t *testing.T) {
	d := definition(t, strings.Replace(everyKind, `"uk":"Так"`, `"uk":"=2+5"`, 1))
	var named []office.NamedAnswer
	var answers []office.Answer
	for range 6 {
		a := office.Answer{"room": "yes", "order": []string{"c", "a", "b"}, "years": int64(7), "quiet": int64(0), "why": "@SUM(1)"}
		if len(answers) > 2 {
			a["why"] = []string{"а;=1+1", "б,\t\"=1+1", "в\n@SUM(1)", "г; -1|=2"}[len(answers)%4]
		}
		answers = append(answers, a)
		named = append(named, office.NamedAnswer{Seat: office.Seat{Body: "99000011", Post: 3}, Unit: "-1", Answer: a})
	}
	tally := office.TallyAnswers(&d, answers)
	if data, err := tally.Table("uk").CSV("uk"); err != nil || !strings.Contains(string(data), ";100,0\r\n") {
		t.Errorf("a share with a point, which spreadsheets here take for a date: %s, %v", data, err)
	}
	if data, err := tally.Table("en").CSV("en"); err != nil || !strings.Contains(string(data), ";100.0\r\n") {
		t.Errorf("an English share: %s, %v", data, err)
	}
	for name, table := range map[string]office.SurveyTable{"results": tally.Table("uk"), "answers": office.AnswersTable(&d, named, func(office.Seat) string { return "+Хтось" }, "en")} {
		data, err := table.CSV("uk")
		if err != nil || !bytes.HasPrefix(data, []byte("\ufeff")) {
			t.Fatalf("%s: %v", name, err)
		}
		// A program that takes another separator than the file's cuts cells in other places: what it then sees must not run either.
		for _, cell := range strings.FieldsFunc(string(data[3:]), func(r rune) bool { return strings.ContainsRune(",;\t\r\n", r) }) {
			if cell = strings.TrimLeft(cell, `" `); cell != "" && strings.ContainsRune("=+-@＝＋－＠", []rune(cell)[0]) {
				t.Errorf("%s: cell %q", name, cell)
			}
		}
		read := csv.NewReader(bytes.NewReader(data[3:]))
		read.Comma = ';'
		if lines, err := read.ReadAll(); err != nil || len(lines) != len(table) || len(lines[1]) != len(table[1]) {
			t.Errorf("%s: read again: %d rows, want %d: %v", name, len(lines), len(table), err)
		}
		book, err := table.XLSX()
		if err != nil {
			t.Fatal(err)
		}
		f, err := excelize.OpenReader(bytes.NewReader(book))
		if err != nil {
			t.Fatal(err)
		}
		rows, err := f.GetRows("Sheet1")
		if err != nil || len(rows) != len(table) {
			t.Errorf("%s: %d rows, want %d: %v", name, len(rows), len(table), err)
		}
		for i := range rows {
			for j := range rows[i] {
				if want := fmt.Sprint(table[i][j]); rows[i][j] != want {
					t.Errorf("%s: row %d: %q, want %q", name, i, rows[i][j], want)
				}
				at, _ := excelize.CoordinatesToCellName(j+1, i+1)
				kind, err := f.GetCellType("Sheet1", at)
				if _, text := table[i][j].(string); err != nil || text != (kind == excelize.CellTypeInlineString || kind == excelize.CellTypeSharedString) {
					t.Errorf("%s: %s is of type %d: %v", name, at, kind, err)
				}
			}
		}
		if formula, _ := f.GetCellFormula("Sheet1", "D2"); formula != "" {
			t.Errorf("%s: formula %q", name, formula)
		}
		f.Close()
	}
}

// FuzzDefinition: no panic; what is read is written and read as the same.
func FuzzDefinition(f *testing.F) {
	f.Add([]byte(everyKind))
	f.Add([]byte(`{"format":"posvid-survey/1","title":{"uk":"а"},"pages":[{"questions":[{"id":"q","kind":"number","min":-5,"max":5,"text":{"uk":"<б>"}}]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, canonical, err := office.ParseDefinition(data)
		if err != nil {
			if canonical != nil {
				t.Fatal("refused, and yet bytes")
			}
			return
		}
		_, again, err := office.ParseDefinition(canonical)
		if err != nil || !bytes.Equal(again, canonical) {
			t.Fatalf("%v: %s, want %s", err, again, canonical)
		}
		d.Check(office.Answer{})
		five := office.TallyAnswers(&d, make([]office.Answer, 5))
		five.Table("en")
	})
}

// FuzzAnswer: no panic in reading, checking and counting; what is read is written and read as the same.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte(`{"room":"no","what":["desk","air"],"quiet":1,"order":["c","a","b"],"years":7,"why":"коридор"}`))
	f.Add([]byte(`{"room":[],"quiet":"4"}`))
	d, _, err := office.ParseDefinition([]byte(everyKind))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := office.ParseAnswer(data)
		if err != nil {
			return
		}
		out, err := a.JSON()
		if err != nil {
			t.Fatal(err)
		}
		if back, err := office.ParseAnswer(out); err != nil || len(back) != len(a) {
			t.Fatalf("%s: %v", out, err)
		}
		if len(d.Check(a)) == 0 {
			five := office.TallyAnswers(&d, []office.Answer{a, a, a, a, a})
			if five.Received != 5 {
				t.Fatal("not counted")
			}
		}
	})
}
