package hr_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/posvid/posvid/hr"
	"github.com/posvid/posvid/testvectors/gen/hrdata"
)

var (
	at     = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	secret = bytes.Repeat([]byte{7}, hr.MinKeySecret)
)

func options(number uint64, answers ...hr.Answer) hr.PlanOptions {
	return hr.PlanOptions{EDRPOU: hrdata.CouncilEDRPOU, Secret: secret, Number: number, At: at, Expires: at.Add(72 * time.Hour), Answers: answers}
}

func plan(t testing.TB, known []hr.Known, s *hr.Snapshot, opt hr.PlanOptions) *hr.Plan {
	t.Helper()
	p, err := hr.MakePlan(known, s, opt)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func apply(t testing.TB, known []hr.Known, p *hr.Plan, approved bool) []hr.Known {
	t.Helper()
	out, err := hr.Apply(known, p, approved)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

const planHead = "РНОКПП;УНЗР;Табельний номер;Прізвище;Ім'я;Підрозділ;Посада;Категорія;Ранг;Працює до;Стан\n"

// snap reads rows under planHead; full makes it a full snapshot that states its total.
func snap(t testing.TB, full bool, rows ...string) *hr.Snapshot {
	t.Helper()
	opt := hr.Options{EDRPOU: hrdata.CouncilEDRPOU}
	if full {
		opt.Full, opt.Total = true, len(rows)
	}
	return read(t, "t.csv", []byte(planHead+strings.Join(rows, "\n")+"\n"), opt)
}

func num(i int) string {
	s, err := hr.CompleteRNOKPP(hr.Date{Year: 1905, Month: 1, Day: 1}.AddDays(i), i%1000, true)
	if err != nil {
		panic(err)
	}
	return s
}

func unzr(i int) string {
	s, err := hr.CompleteUNZR(hr.Date{Year: 1905, Month: 1, Day: 1}.AddDays(i), 1+i)
	if err != nil {
		panic(err)
	}
	return s
}

var letters = []rune("абвгдежзиклмнопрстуф")

// name gives every number a surname of its own.
func name(i int) string {
	return "Гай" + string(letters[i%20]) + string(letters[i/20%20])
}

func row(i int) string {
	return fmt.Sprintf("%s;%s;%d;%s;Іван;Відділ;радник;В;8;;працює", num(i), unzr(i), 100+i, name(i))
}

// with changes the cell under a header of planHead.
func with(row, header, value string) string {
	cells := strings.Split(row, ";")
	i := slices.Index(strings.Split(strings.TrimSpace(planHead), ";"), header)
	cells[i] = value
	return strings.Join(cells, ";")
}

func rows(n int) []string {
	var out []string
	for i := range n {
		out = append(out, row(i))
	}
	return out
}

// staff is a body of n people, all with a live ID.
func staff(t testing.TB, n int) []hr.Known {
	t.Helper()
	known := apply(t, nil, plan(t, nil, snap(t, true, rows(n)...), options(1)), true)
	for i := range known {
		known[i].LiveID = true
	}
	return known
}

// brief writes the items of a plan in a form to compare: kind, mark, line.
func brief(p *hr.Plan) string {
	var out []string
	for _, it := range p.Items {
		s := string(it.Kind)
		if it.Inferred {
			s += "~"
		}
		if it.Held {
			s += "!"
			for _, h := range it.HeldBy {
				s += string(h.Code)
			}
		}
		out = append(out, fmt.Sprintf("%s@%d", s, it.Line))
	}
	for _, q := range p.Questions {
		out = append(out, fmt.Sprintf("question@%d", q.Line))
	}
	for _, a := range p.SetAside {
		s := "aside"
		if a.BlocksRenewal {
			s += "#"
		}
		out = append(out, fmt.Sprintf("%s@%d:%s", s, a.Line, a.Problems[0].Code))
	}
	for _, n := range p.Notes {
		out = append(out, fmt.Sprintf("note@%d:%s", n.Line, n.Code))
	}
	return strings.Join(out, " ")
}

// Lines: the header is line 1, the person i of an unchanged body stands on line i+2.
func TestPlans(t *testing.T) {
	const n = 200
	edit := func(f func([]string) []string) []string { return f(rows(n)) }
	cell := func(i int, header, value string) []string {
		return edit(func(r []string) []string { r[i] = with(r[i], header, value); return r })
	}
	drop := func(k int) []string { return rows(n)[k:] }
	for _, c := range []struct {
		name string
		full bool
		rows []string
		want string
	}{
		{"nothing", true, rows(n), ""},
		{"other order", true, edit(func(r []string) []string { slices.Reverse(r); return r }), ""},
		{"partial", false, rows(3), ""},
		{"join", true, append(rows(n), row(n)), "join@202"},
		{"second post joins", true, append(rows(n), with(with(row(0), "Табельний номер", "900"), "Посада", "секретар")), "join@202"},
		{"change of name", true, cell(0, "Прізвище", "Новий"), "change@2"},
		{"move", true, cell(0, "Посада", "секретар"), "move@2"},
		{"move with a new staff number", true, edit(func(r []string) []string {
			r[0] = with(with(r[0], "Табельний номер", "901"), "Посада", "секретар")
			return r
		}), "move@2"},
		{"suspend", true, cell(0, "Стан", "зупинено"), "suspend@2"},
		{"suspend with a change", true, edit(func(r []string) []string {
			r[0] = with(with(r[0], "Стан", "зупинено"), "Ранг", "7")
			return r
		}), "suspend@2 change@2"},
		{"leave", true, cell(0, "Стан", "звільнено"), "leave@2"},
		{"term ended", true, edit(func(r []string) []string {
			r[0] = with(with(r[0], "Працює до", "01.02.2026"), "Стан", "")
			return r
		}), "leave@2"},
		{"active though the term ended", true, cell(0, "Працює до", "01.02.2026"), "aside#@2:status-contradicts"},
		{"absent from a full snapshot", true, drop(1), "leave~@0"},
		{"absent from a partial one", false, drop(1), ""},
		{"ten absent are 5 % and pass", true, drop(10), strings.TrimSpace(strings.Repeat("leave~@0 ", 10))},
		{"eleven absent wait", true, drop(11), strings.TrimSpace(strings.Repeat("leave~!held-mass@0 ", 11))},
		{"rank up by one", true, cell(0, "Ранг", "7"), "change@2"},
		{"rank up by two", true, cell(0, "Ранг", "6"), "change!held-rank@2"},
		{"rank down", true, cell(0, "Ранг", "9"), "change@2"},
		{"category up by one", true, edit(func(r []string) []string {
			r[0] = with(with(r[0], "Категорія", "Б"), "Ранг", "")
			return r
		}), "change@2"},
		{"category up by two", true, edit(func(r []string) []string {
			r[0] = with(with(r[0], "Категорія", "А"), "Ранг", "")
			return r
		}), "change!held-category@2"},
		{"bad row of someone with a live ID", true, cell(0, "Прізвище", "Hai"), "aside#@2:latin-name"},
		{"bad row, leave stated", true, edit(func(r []string) []string {
			r[0] = with(with(r[0], "Прізвище", "Hai"), "Стан", "звільнено")
			return r
		}), "leave@2"},
		{"bad row, suspension stated", true, edit(func(r []string) []string {
			r[0] = with(with(r[0], "Ранг", "99"), "Стан", "відсторонено")
			return r
		}), "suspend@2"},
		{"bad row of a stranger", true, append(rows(n), with(row(n), "Ранг", "99")), "aside@202:bad-rank"},
		{"leave of a stranger", true, append(rows(n), with(row(n), "Стан", "звільнено")), "note@202:leave-unmatched"},
		{"РНОКПП edited", true, cell(0, "РНОКПП", num(500)), "question@2"},
		{"РНОКПП gone", true, cell(0, "РНОКПП", ""), "question@2"},
		{"both numbers edited, staff number the same", true, edit(func(r []string) []string {
			r[0] = with(with(r[0], "РНОКПП", num(500)), "УНЗР", "")
			return r
		}), "question@2"},
		{"both numbers and the staff number edited, name the same", true, edit(func(r []string) []string {
			r[0] = with(with(with(r[0], "РНОКПП", num(500)), "УНЗР", ""), "Табельний номер", "955")
			return r
		}), "question@2"},
		{"leave under an edited РНОКПП", true, edit(func(r []string) []string {
			r[0] = with(with(r[0], "РНОКПП", num(500)), "Стан", "звільнено")
			return r
		}), "leave@2"},
		{"leave under a bad РНОКПП with the staff number", true, edit(func(r []string) []string {
			r[0] = with(with(with(r[0], "РНОКПП", "1234567890"), "УНЗР", ""), "Стан", "звільнено")
			return r
		}), "leave@2"},
		{"leave of a former holder of the staff number", true, append(rows(n), with(with(row(n), "Табельний номер", "100"), "Стан", "звільнено")), "note@202:leave-unmatched"},
		{"the same in a file that is silent on the present holder", false, []string{with(with(row(n), "Табельний номер", "100"), "Стан", "звільнено")}, "question@2"},
		{"leave under new numbers, the name the same", true, edit(func(r []string) []string {
			r[0] = with(with(with(with(r[0], "РНОКПП", num(500)), "УНЗР", ""), "Табельний номер", "955"), "Стан", "звільнено")
			return r
		}), "question@2"},
		{"leave of a namesake of somebody present", true, append(rows(n), with(with(with(with(row(0), "РНОКПП", num(500)), "УНЗР", ""), "Табельний номер", "955"), "Стан", "звільнено")), "note@202:leave-unmatched"},
		{"a further post with a rank two steps up", true, append(rows(n), with(with(with(row(0), "Табельний номер", "900"), "Посада", "секретар"), "Ранг", "6")), "join!held-rank@202"},
		{"a further post of a category two steps up", true, append(rows(n), with(with(with(with(row(0), "Табельний номер", "900"), "Посада", "секретар"), "Категорія", "А"), "Ранг", "")), "join!held-category@202"},
		{"numbers of two people in one row", true, cell(0, "УНЗР", unzr(1)), "aside#@2:key-conflict"},
		{"staff number passes to a newcomer", true, edit(func(r []string) []string {
			r[0] = with(r[0], "Стан", "звільнено")
			return append(r, with(row(n), "Табельний номер", "100"))
		}), "leave@2 join@202"},
		{"a leave of nobody leaves absence unclear", true, edit(func(r []string) []string {
			r[0] = ";;;;;;;;;;звільнено"
			return r
		}), "leave~!held-unclear@0 aside@2:no-person-key"},
		{"a leave beside an active row of the same post", true, append(rows(n), num(0)+";;100;;;;;;;;звільнено"), "leave@202 note@2:contradicts-leave"},
		{"a leave of the person beside active rows", true, append(rows(n), num(0)+";;;;;;;;;;звільнено"), "leave@202"},
		{"left one post, took another", true, edit(func(r []string) []string {
			r[0] = with(r[0], "Стан", "звільнено")
			return append(r, with(with(row(0), "Табельний номер", "900"), "Посада", "секретар"))
		}), "leave@2 join@202"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := plan(t, staff(t, n), snap(t, c.full, c.rows...), options(2))
			if got := brief(p); got != c.want {
				t.Fatalf("got  %s\nwant %s", got, c.want)
			}
			if again := plan(t, staff(t, n), snap(t, c.full, c.rows...), options(2)); again.Hash() != p.Hash() {
				t.Fatal("the same input gives another plan")
			}
		})
	}
}

func TestTwoPostsOfOnePerson(t *testing.T) {
	second := with(with(with(row(0), "Табельний номер", "900"), "Підрозділ", "Канцелярія"), "Посада", "секретар")
	all := append(rows(50), second)
	known := apply(t, nil, plan(t, nil, snap(t, true, all...), options(1)), true)
	for _, c := range []struct {
		name string
		rows []string
		want string
	}{
		{"nothing", all, ""},
		{"one post ends", append(rows(50), with(second, "Стан", "звільнено")), "leave@52"},
		{"one post is absent", rows(50), "leave~@0"},
		{"person leaves both", append(rows(50)[1:], num(0)+";;;;;;;;;;звільнено"), "leave@51 leave@51"},
		{"both stated", append([]string{with(row(0), "Стан", "звільнено")}, append(rows(50)[1:], with(second, "Стан", "звільнено"))...), "leave@2 leave@52"},
		{"one suspended", append(rows(50), with(second, "Стан", "зупинено")), "suspend@52"},
		{"one moves", append(rows(50), with(second, "Посада", "архіваріус")), "move@52"},
		{"staff numbers gone, posts the same", append([]string{with(row(0), "Табельний номер", "")}, append(rows(50)[1:], with(second, "Табельний номер", ""))...), "move@2 move@52"},
	} {
		if got := brief(plan(t, known, snap(t, true, c.rows...), options(2))); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

func TestResume(t *testing.T) {
	suspended := rows(100)
	suspended[0] = with(suspended[0], "Стан", "зупинено")
	known := apply(t, staff(t, 100), plan(t, staff(t, 100), snap(t, true, suspended...), options(2)), false)
	if known[0].Record.Status != hr.StatusSuspended {
		t.Fatal("not suspended")
	}
	p := plan(t, known, snap(t, true, rows(100)...), options(3))
	if got := brief(p); got != "resume@2" {
		t.Fatal(got)
	}
	if known = apply(t, known, p, false); known[0].Record.Status != hr.StatusActive {
		t.Error("not resumed")
	}
	// A file with no status column says nothing of status.
	known[0].Record.Status = hr.StatusSuspended
	r := known[0].Record
	bare := fmt.Sprintf("РНОКПП;Прізвище;Ім'я;Посада\n%s;%s;%s;%s\n", num(0), r.Surname, r.GivenName, r.Position)
	s := read(t, "t.csv", []byte(bare), hr.Options{EDRPOU: hrdata.CouncilEDRPOU})
	if got := brief(plan(t, known, s, options(4))); got != "" {
		t.Errorf("a file of four columns makes %s", got)
	}
}

func TestQuestionsAreAnswered(t *testing.T) {
	known := staff(t, 100)
	next := rows(100)
	next[0] = with(next[0], "РНОКПП", num(500))
	s := snap(t, true, next...)
	q := plan(t, known, s, options(2))
	if len(q.Questions) != 1 || !q.Questions[0].BlocksRenewal || !slices.Equal(q.RenewalBlocked(), []string{known[0].Ref}) {
		t.Fatalf("%+v", q.Questions)
	}
	id := q.Questions[0].ID
	p := plan(t, known, s, options(2, hr.Answer{Question: id, Same: true}))
	if got := brief(p); got != "change@2" || !p.Items[0].NewKey || !slices.Equal(p.Items[0].Fields, []string{"person_key"}) {
		t.Fatalf("the same person: %s %+v", got, p.Items)
	}
	if p.Hash() == q.Hash() {
		t.Error("an answer does not change the hash")
	}
	after := apply(t, known, p, false)
	if after[0].Key == known[0].Key || len(after) != 100 {
		t.Error("the key is not the new one")
	}
	if got := brief(plan(t, after, s, options(3))); got != "" {
		t.Errorf("once more: %s", got)
	}
	p = plan(t, known, s, options(2, hr.Answer{Question: id, Same: false}))
	if got := brief(p); got != "leave~@0 join@2" {
		t.Errorf("two persons: %s", got)
	}
	if got := brief(plan(t, known, s, options(2, hr.Answer{Question: "0000000000000000", Same: true}))); got != "question@2" {
		t.Errorf("an answer to nothing: %s", got)
	}
}

func TestBrakeCountsAllKindsTogether(t *testing.T) {
	known := staff(t, 60) // 5 % are 3 people, but fewer than five never trip
	four := rows(60)
	for i := range 4 {
		four[i] = with(four[i], "Ранг", "7")
	}
	if got := brief(plan(t, known, snap(t, true, four...), options(2))); strings.Contains(got, "!") {
		t.Errorf("four people: %s", got)
	}
	p := plan(t, known, snap(t, true, append(four[:58:58], with(row(58), "Стан", "звільнено"), row(70))...), options(2))
	if want := "leave@60 leave~!held-mass@0 change!held-mass@2 change!held-mass@3 change!held-mass@4 change!held-mass@5 join!held-mass@61"; brief(p) != want {
		t.Errorf("got  %s\nwant %s", brief(p), want)
	}
	if !p.NeedsSecond() || p.Brake != (hr.Brake{People: 6, Body: 60, Tripped: true}) {
		t.Errorf("%+v", p.Brake)
	}
	opt := options(2)
	opt.Recent = 4 // people changed by earlier plans of the day
	one := rows(60)
	one[0] = with(one[0], "Ранг", "7")
	if got := brief(plan(t, known, snap(t, true, one...), opt)); got != "change!held-mass@2" {
		t.Errorf("a mass change in slices: %s", got)
	}
	// Fifty stated leaves are applied at once all the same.
	gone := rows(60)
	for i := range 50 {
		gone[i] = with(gone[i], "Стан", "звільнено")
	}
	p = plan(t, known, snap(t, true, gone...), options(2))
	if all, held := p.Counts(); all[hr.Leave] != 50 || len(held) != 0 || p.Brake.Tripped {
		t.Errorf("50 stated leaves: %v, held %v", all, held)
	}
}

func TestTwoBodies(t *testing.T) {
	ministry := read(t, "m", file(t, "ministry.xlsx"), hr.Options{})
	council := read(t, "c", file(t, "council.csv"), hr.Options{})
	mo := options(1)
	mo.EDRPOU = hrdata.MinistryEDRPOU
	m, c := plan(t, nil, ministry, mo), plan(t, nil, council, options(1))
	common := 0
	for _, a := range m.Items {
		for _, b := range c.Items {
			if a.Key == b.Key {
				common++
				if a.PostID == b.PostID {
					t.Error("two posts with one name")
				}
			}
		}
	}
	if common != 1 {
		t.Errorf("%d people in both bodies, want 1", common)
	}
	if _, err := hr.MakePlan(nil, ministry, options(1)); !errors.Is(err, hr.ForeignBody) {
		t.Errorf("the ministry's file for the council: %v", err)
	}
	// A row of another body neither joins nor leaves here, even as a dismissal, but it is shown first when the person is ours.
	known := apply(t, nil, c, true)
	for i := range known {
		known[i].LiveID = true
	}
	text := "РНОКПП;ЄДРПОУ;Прізвище;Ім'я;Посада;Стан\n" + known[0].Record.RNOKPP + ";" + hrdata.MinistryEDRPOU + ";Гай;Іван;радник;звільнено\n"
	s := read(t, "t.csv", []byte(text), hr.Options{EDRPOU: hrdata.CouncilEDRPOU})
	p := plan(t, known, s, options(2))
	if len(p.Items) != 0 || len(p.SetAside) != 1 || p.SetAside[0].BlocksRenewal || !p.SetAside[0].LiveID || p.SetAside[0].Problems[0].Code != hr.ForeignBody {
		t.Errorf("%s %+v", brief(p), p.SetAside)
	}
}

func TestKeys(t *testing.T) {
	r := hr.Record{Person: hr.Person{RNOKPP: num(1), UNZR: unzr(1)}, Post: hr.Post{EDRPOU: hrdata.CouncilEDRPOU, StaffNumber: "7"}}
	seen := map[hr.PersonKey]bool{}
	for _, want := range []hr.KeyKind{hr.KeyRNOKPP, hr.KeyUNZR, hr.KeyStaff} {
		k, kind, err := hr.KeyOf(secret, &r)
		if err != nil || kind != want || seen[k] || k.IsZero() {
			t.Fatalf("%v %v %v, want %v", k, kind, err, want)
		}
		seen[k] = true
		switch kind {
		case hr.KeyRNOKPP:
			r.RNOKPP = ""
		case hr.KeyUNZR:
			r.UNZR = ""
		}
	}
	r.StaffNumber = ""
	if _, _, err := hr.KeyOf(secret, &r); !errors.Is(err, hr.NoPersonKey) {
		t.Errorf("no number at all: %v", err)
	}
	r.RNOKPP = "1234567890"
	if _, _, err := hr.KeyOf(secret, &r); !errors.Is(err, hr.NoPersonKey) {
		t.Errorf("a bad number: %v", err)
	}
	if _, _, err := hr.KeyOf(secret[:31], &r); err == nil {
		t.Error("a short secret is taken")
	}
	// The golden value fixes the form of the input: a type byte, then the ten digits.
	k, _, err := hr.KeyOf(bytes.Repeat([]byte{0}, 32), &hr.Record{Person: hr.Person{RNOKPP: "3652504575"}})
	if err != nil || k.String() != goldenKey {
		t.Errorf("%s, %v", k, err)
	}
}

func TestValidUntilAndReasons(t *testing.T) {
	day := func(s string) hr.Date { d, _ := hr.ParseDate(s); return d }
	full := hr.Record{Status: hr.StatusActive, Person: hr.Person{RNOKPP: num(1)}, PhotoSHA256: hr.Hash{1},
		Plastic: hr.Plastic{Number: "1", Issued: day("01.01.2025"), Expires: day("01.01.2030")}}
	if r := full.NoIDReasons(at); len(r) != 0 {
		t.Fatalf("%v", r)
	}
	for _, c := range []struct {
		spoil func(*hr.Record)
		code  hr.Code
	}{
		{func(r *hr.Record) { r.RNOKPP = "" }, hr.NoRNOKPP},
		{func(r *hr.Record) { r.Plastic = hr.Plastic{} }, hr.NoPlastic},
		{func(r *hr.Record) { r.Plastic.Expires = hr.Date{} }, hr.PlasticIncomplete},
		{func(r *hr.Record) { r.Plastic.Number = "" }, hr.PlasticIncomplete},
		{func(r *hr.Record) { r.Plastic.Expires = day("28.02.2026") }, hr.PlasticExpired},
		{func(r *hr.Record) { r.Until = day("28.02.2026") }, hr.EmploymentEnded},
		{func(r *hr.Record) { r.From = day("02.03.2026") }, hr.NotYetEmployed},
		{func(r *hr.Record) { r.PhotoSHA256 = hr.Hash{} }, hr.NoPhoto},
		{func(r *hr.Record) { r.PhotoSHA256, r.PhotoProblem = hr.Hash{}, hr.BadPhoto }, hr.BadPhoto},
		{func(r *hr.Record) { r.Status = hr.StatusSuspended }, hr.NotActive},
		{func(r *hr.Record) { r.Status = "" }, hr.NotActive},
	} {
		r := full
		c.spoil(&r)
		if got := r.NoIDReasons(at); len(got) != 1 || got[0].Code != c.code || got[0].Text("uk") == string(c.code) {
			t.Errorf("%v, want %s", got, c.code)
		}
	}
	for _, c := range []struct{ plastic, until, want string }{
		{"01.01.2030", "", "2030-01-01"}, {"01.01.2030", "05.05.2027", "2027-05-05"}, {"01.01.2027", "05.05.2028", "2027-01-01"}, {"", "05.05.2028", ""},
	} {
		r := hr.Record{Plastic: hr.Plastic{Expires: day(c.plastic)}, Post: hr.Post{Until: day(c.until)}}
		if got := r.ValidUntil().String(); got != c.want {
			t.Errorf("%s and %s: %s, want %s", c.plastic, c.until, got, c.want)
		}
	}
	// The last day counts whole, in Kyiv.
	last := full
	last.Plastic.Expires = day("01.03.2026")
	if len(last.NoIDReasons(last.Plastic.Expires.End().Add(-time.Second))) != 0 || len(last.NoIDReasons(last.Plastic.Expires.End())) == 0 {
		t.Error("the last day ends at another moment than midnight in Kyiv")
	}
}

func TestPlanFile(t *testing.T) {
	known := staff(t, 100)
	next := rows(100)
	next[0] = with(next[0], "Прізвище", "Новий")
	next[1] = with(next[1], "РНОКПП", num(500))
	next[2] = with(next[2], "Ранг", "99")
	next[3] = with(next[3], "Стан", "зупинено")
	next = append(next, row(100))
	s := snap(t, true, next...)
	p := plan(t, known, s, options(2))
	var b bytes.Buffer
	if _, err := p.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	for i := range 101 {
		if bytes.Contains(b.Bytes(), []byte(num(i))) || bytes.Contains(b.Bytes(), []byte(unzr(i))) {
			t.Fatal("the plan file holds a РНОКПП or УНЗР")
		}
	}
	back, err := hr.ParsePlan(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if back.Hash() != p.Hash() {
		t.Error("read back, the plan has another hash")
	}
	standard, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	if q, err := hr.ParsePlan(standard); err != nil || q.Hash() != p.Hash() {
		t.Errorf("plain JSON: %v", err)
	}
	if err := back.Bind(s, secret); err != nil {
		t.Fatal(err)
	}
	for i := range back.Items {
		if it := &back.Items[i]; it.Kind == hr.Join && it.After.RNOKPP != num(100) || it.Kind == hr.Change && it.After.RNOKPP != num(0) {
			t.Errorf("%s: the number is not bound", it.Kind)
		}
	}
	if back.Hash() != p.Hash() {
		t.Error("bound, the plan has another hash")
	}
	if err := back.Bind(snap(t, true, rows(100)...), secret); !errors.Is(err, hr.PlanMismatch) {
		t.Errorf("bound to another file: %v", err)
	}
	if err := back.Bind(s, bytes.Repeat([]byte{8}, 32)); !errors.Is(err, hr.PlanMismatch) {
		t.Errorf("bound under another secret: %v", err)
	}
	if err := back.CheckTime(p.Expires.Add(-time.Second)); err != nil {
		t.Error(err)
	}
	if err := back.CheckTime(p.Expires); !errors.Is(err, hr.PlanExpired) {
		t.Errorf("an expired plan: %v", err)
	}

	// Anything signed is in the hash, and anything not written by WriteTo is refused.
	text := b.String()
	for _, c := range []struct{ name, old, new string }{
		{"body", hrdata.CouncilEDRPOU, hrdata.MinistryEDRPOU}, {"number", `"number": 2`, `"number": 3`}, {"expiry", "2026-03-04", "2026-03-05"},
		{"name", "Новий", "Новик"}, {"question", p.Questions[0].ID, "0123456789abcdef"}, {"live ID", `"live_id": true`, `"live_id": false`},
		{"unknown field", `"number": 2`, `"number": 2, "x": 1`}, {"repeated field", `"number": 2`, `"number": 2, "number": 2`},
		{"field in capitals", `"number"`, `"Number"`}, {"number as float", `"number": 2`, `"number": 2.0`}, {"escape", "Новий", `\u041dовий`},
		{"trailing bytes", "{", "{}{"}, {"kind", `"suspend"`, `"promote"`}, {"held leave", `"kind": "suspend"`, `"kind": "suspend","held": true`},
		{"schema", "posvid.hr-plan/1", "posvid.hr-plan/2"}, {"time zone", "09:00:00Z", "09:00:00+00:00"},
	} {
		if !strings.Contains(text, c.old) {
			t.Fatalf("%s: %q is not in the file", c.name, c.old)
		}
		q, err := hr.ParsePlan([]byte(strings.Replace(text, c.old, c.new, 1)))
		if err == nil && q.Hash() == p.Hash() {
			t.Errorf("%s changed, hash the same", c.name)
		}
		if err != nil && !errors.Is(err, hr.BadPlan) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	for n := 0; n < b.Len()-2; n += 101 {
		if _, err := hr.ParsePlan(b.Bytes()[:n]); err == nil {
			t.Fatalf("cut at %d it is still a plan", n)
		}
	}
}

func TestMakePlanRefuses(t *testing.T) {
	s := snap(t, true, rows(3)...)
	for name, spoil := range map[string]func(*hr.PlanOptions){
		"body":    func(o *hr.PlanOptions) { o.EDRPOU = "12345679" },
		"secret":  func(o *hr.PlanOptions) { o.Secret = o.Secret[:16] },
		"number":  func(o *hr.PlanOptions) { o.Number = 0 },
		"time":    func(o *hr.PlanOptions) { o.At = time.Time{} },
		"expiry":  func(o *hr.PlanOptions) { o.Expires = o.At },
		"nothing": func(o *hr.PlanOptions) { *o = hr.PlanOptions{} },
	} {
		opt := options(1)
		spoil(&opt)
		if p, err := hr.MakePlan(nil, s, opt); err == nil || p != nil {
			t.Errorf("%s: a plan is made", name)
		}
	}
	if _, err := hr.MakePlan(nil, nil, options(1)); err == nil {
		t.Error("a plan of nothing")
	}
	old := read(t, "o", file(t, "council.csv"), hr.Options{})
	opt := options(1)
	opt.LastAsOf = hrdata.AsOf(2)
	if _, err := hr.MakePlan(nil, old, opt); !errors.Is(err, hr.SnapshotOlder) {
		t.Errorf("an old file again: %v", err)
	}
	twice := staff(t, 2)
	twice[1].Ref = twice[0].Ref
	if _, err := hr.MakePlan(twice, s, options(1)); err == nil {
		t.Error("two known posts with one reference")
	}
	if _, err := hr.Apply(nil, plan(t, staff(t, 3), snap(t, true, rows(2)...), options(2)), true); err == nil {
		t.Error("a leave of nobody is applied")
	}
}

// TestFoldOfPlans drives a body through random snapshots: after each plan is applied the same snapshot asks for nothing more,
// what is known is what the snapshot says, and a stated leave is always there, never held.
func TestFoldOfPlans(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		type member struct {
			row  string
			gone bool
		}
		people := map[int]*member{}
		next := rapid.IntRange(3, 30).Draw(rt, "size")
		for i := range next {
			people[i] = &member{row: row(i)}
		}
		list := func() []string {
			var out []string
			for i := range next {
				if people[i] != nil && !people[i].gone {
					out = append(out, people[i].row)
				}
			}
			return out
		}
		known := apply(t, nil, plan(t, nil, snap(t, true, list()...), options(1)), true)
		for round := range rapid.IntRange(1, 5).Draw(rt, "rounds") {
			stated := map[string]bool{}
			for range rapid.IntRange(0, 8).Draw(rt, "steps") {
				i := rapid.IntRange(0, next-1).Draw(rt, "who")
				m := people[i]
				if m != nil && stated[num(i)] {
					continue // who is dismissed in a file stays so in it
				}
				if m == nil || m.gone {
					people[next] = &member{row: row(next)}
					next++
					continue
				}
				switch rapid.IntRange(0, 6).Draw(rt, "what") {
				case 0:
					m.row = with(m.row, "Посада", "посада "+string(letters[rapid.IntRange(0, 19).Draw(rt, "post")]))
				case 1:
					m.row = with(m.row, "Ранг", fmt.Sprint(rapid.IntRange(6, 9).Draw(rt, "rank")))
				case 2:
					m.row = with(m.row, "Стан", "зупинено")
				case 3:
					m.row = with(m.row, "Стан", "працює")
				case 4:
					m.row = with(m.row, "Стан", "звільнено")
					if rapid.Bool().Draw(rt, "spoilt") {
						m.row = with(with(m.row, "Прізвище", "???"), "Ранг", "багато")
					}
					stated[num(i)] = true
				case 5:
					m.gone = true
				case 6:
					m.row = with(m.row, "Прізвище", "Нове"+string(letters[rapid.IntRange(0, 19).Draw(rt, "surname")])+string(letters[i%20])+string(letters[i/20%20]))
				}
			}
			for i := range next { // a person both dismissed and absent is just absent
				if people[i] != nil && people[i].gone {
					delete(stated, num(i))
				}
			}
			if len(list()) == 0 {
				return
			}
			s := snap(t, true, list()...)
			p := plan(t, known, s, options(uint64(round+2)))
			for _, k := range known {
				if !stated[k.Record.RNOKPP] {
					continue
				}
				if !slices.ContainsFunc(p.Items, func(it hr.Item) bool { return it.Ref == k.Ref && it.Kind == hr.Leave && !it.Held && !it.Inferred }) {
					rt.Fatalf("a stated leave is not there: %s", brief(p))
				}
			}
			if applied := apply(t, known, p, false); len(p.Items) > 0 { // without the second person only what is not held
				for _, k := range applied {
					if stated[k.Record.RNOKPP] {
						rt.Fatal("a dismissed person is still known")
					}
				}
			}
			known = apply(t, known, p, true)
			if again := plan(t, known, s, options(uint64(round+2))); len(again.Items)+len(again.Questions) > 0 {
				rt.Fatalf("the same snapshot again: %s", brief(again))
			}
			for i := range next {
				if people[i] != nil && strings.HasSuffix(people[i].row, "звільнено") {
					people[i].gone = true
				}
			}
			want := list()
			if len(known) != len(want) {
				rt.Fatalf("%d known, want %d", len(known), len(want))
			}
			if len(want) == 0 {
				return
			}
			have := map[string]hr.Record{}
			for _, k := range known {
				have[k.Record.RNOKPP] = k.Record
			}
			for _, r := range snap(t, true, want...).Records {
				h, ok := have[r.RNOKPP]
				if !ok || len(hr.Changed(&h, &r)) > 0 || h.Status != r.Status {
					rt.Fatalf("known is not what the snapshot says: %v", hr.Changed(&h, &r))
				}
			}
		}
	})
}

// goldenKey is HMAC-SHA-256 under 32 zero bytes over 01 "3652504575", computed with another program.
const goldenKey = "87ba720baf98efdc3a602d661905d2d5baad4eb75ec9c1f48fc1140cda0968e6"

// A stop under a number nobody has waits for an answer: the ID is not renewed, and the answer stops it.
func TestStopUnderANewNumberIsAnswered(t *testing.T) {
	known := staff(t, 100)
	all := rows(100)
	all[0] = with(with(with(with(all[0], "РНОКПП", num(500)), "УНЗР", ""), "Табельний номер", "955"), "Стан", "звільнено")
	p := plan(t, known, snap(t, true, all...), options(2))
	if got := brief(p); got != "question@2" || !slices.Equal(p.RenewalBlocked(), []string{known[0].Ref}) {
		t.Fatalf("%s, blocked %v", got, p.RenewalBlocked())
	}
	id := p.Questions[0].ID
	if got := brief(plan(t, known, snap(t, true, all...), options(2, hr.Answer{Question: id, Same: true}))); got != "leave@2" {
		t.Errorf("the same person: %s", got)
	}
	if got := brief(plan(t, known, snap(t, true, all...), options(2, hr.Answer{Question: id}))); got != "leave~@0 note@2:leave-unmatched" {
		t.Errorf("another person: %s", got)
	}
}

// A block outlives every file that is silent on the post and ends with a good row.
func TestUnblocks(t *testing.T) {
	known := staff(t, 100)
	known[3].Blocked, known[4].Blocked = true, true
	bad := rows(5)
	bad[4] = with(bad[4], "Прізвище", "Hai")
	for _, c := range []struct {
		name string
		rows []string
		want []string
	}{
		{"silent", rows(2), nil},
		{"good rows", rows(10), []string{known[3].Ref, known[4].Ref}},
		{"one good, one bad", bad, []string{known[3].Ref}},
	} {
		got := plan(t, known, snap(t, false, c.rows...), options(2)).Unblocks
		slices.Sort(c.want)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: unblocks %v, want %v", c.name, got, c.want)
		}
	}
}

// A file dated ahead would make every true one look older, and so stop every dismissal after it.
func TestSnapshotAhead(t *testing.T) {
	for _, c := range []struct {
		day string
		ok  bool
	}{{"28.02.2026", true}, {"01.03.2026", true}, {"02.03.2026", false}, {"01.01.2099", false}} {
		s := read(t, "t.csv", []byte("#станом на;"+c.day+"\n"+planHead+row(0)+"\n"), hr.Options{EDRPOU: hrdata.CouncilEDRPOU})
		_, err := hr.MakePlan(nil, s, options(1))
		if c.ok && err != nil || !c.ok && !errors.Is(err, hr.SnapshotAhead) {
			t.Errorf("as of %s: %v", c.day, err)
		}
	}
}
