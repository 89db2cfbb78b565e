package office_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/posvid/posvid/office"
)

// oneOf is a survey of one question with these options, and a text asked of those who chose the first ones.
func oneOf(t testing.TB, options int, then ...string) office.Definition {
	t.Helper()
	var list, is []string
	for i := range options {
		list = append(list, fmt.Sprintf(`{"id":"o%d","text":{"uk":"%d"}}`, i, i))
	}
	for _, id := range then {
		is = append(is, `"`+id+`"`)
	}
	text := `{"format":"posvid-survey/1","title":{"uk":"а"},"pages":[{"questions":[{"id":"q","kind":"one","text":{"uk":"б"},"options":[` + strings.Join(list, ",") + `]}`
	if then != nil {
		text += `,{"id":"then","kind":"one","text":{"uk":"в"},"options":[{"id":"x","text":{"uk":"х"}},{"id":"y","text":{"uk":"у"}}],"showIf":[{"question":"q","is":[` + strings.Join(is, ",") + `]}]}`
	}
	return definition(t, text+`]}]}`)
}

// chose are answers: counts of the options in order, the last count of those who did not answer.
func chose(counts ...int) []office.Answer {
	var out []office.Answer
	for i, n := range counts {
		for range n {
			a := office.Answer{}
			if i < len(counts)-1 {
				a["q"] = fmt.Sprintf("o%d", i)
			}
			out = append(out, a)
		}
	}
	return out
}

// shown writes the cells of a part: numbers, and x for what is withheld.
func shown(p office.PartTally) string {
	var out []string
	for _, c := range p.Cells {
		if c.Withheld {
			out = append(out, "x")
			if c.Count != 0 {
				out = append(out, "!")
			}
		} else {
			out = append(out, fmt.Sprint(c.Count))
		}
	}
	return strings.Join(out, " ")
}

// TestWithheld: small numbers are not shown, nor a number that would give one away.
func TestWithheld(t *testing.T) {
	for _, tt := range []struct {
		counts []int
		want   string
	}{
		{[]int{5, 5, 0}, "5 5 0"},
		{[]int{50, 20, 10}, "50 20 10"},
		{[]int{50, 20, 3, 0}, "50 x x 0"}, // 3 alone would follow from the total
		{[]int{50, 3, 4, 0}, "50 x x 0"},  // two, together 7
		{[]int{50, 1, 2, 0}, "x x x x"},   // two, together only 3; and then nothing is left
		{[]int{50, 20, 0, 2}, "50 x 0 x"}, // who did not answer is a number as well
		{[]int{4, 1, 0}, "x x x"},
		{[]int{1, 1, 1, 1, 1}, "x x x x x"}, // nothing is left
		{[]int{96, 4, 0}, "x x x"},          // everybody but four
		{[]int{100, 0, 0}, "100 0 0"},       // all: everybody's answer is known, as the page says
		{[]int{7, 6, 4, 30, 0}, "7 x x 30 0"},
	} {
		d := oneOf(t, len(tt.counts)-1)
		tally := office.TallyAnswers(&d, chose(tt.counts...))
		if got := shown(tally.Questions[0].Parts[0]); got != tt.want {
			t.Errorf("%v: %s, want %s", tt.counts, got, tt.want)
		}
	}
	d := oneOf(t, 2)
	if tally := office.TallyAnswers(&d, chose(3, 1, 0)); len(tally.Questions) != 0 || tally.Received != 4 {
		t.Errorf("four answers: %+v", tally)
	}
}

// TestWithheldDependent: how many were asked a second question must not give away a number of the first.
func TestWithheldDependent(t *testing.T) {
	d := oneOf(t, 3, "o1")
	answers := chose(50, 20, 3, 0) // o1 and o2 are withheld
	for i := range answers {
		if answers[i]["q"] == "o1" {
			answers[i]["then"] = []string{"x", "y"}[i%2]
		}
	}
	if q := office.TallyAnswers(&d, answers).Questions[1]; !q.Withheld || shown(q.Parts[0]) != "x x x" || q.Answered(73) != -1 {
		t.Errorf("shown although 20 answered it, so 3 chose o2: %s", shown(q.Parts[0]))
	}
	d = oneOf(t, 3, "o1", "o2") // both that are withheld: their sum is known anyway
	for i := range answers {
		delete(answers[i], "then")
		if q := answers[i]["q"]; q == "o1" || q == "o2" {
			answers[i]["then"] = []string{"x", "y"}[i%2]
		}
	}
	if q := office.TallyAnswers(&d, answers).Questions[1]; q.Withheld || q.Answered(73) != 23 {
		t.Errorf("withheld although it tells nothing: %s", shown(q.Parts[0]))
	}
	d = oneOf(t, 2, "o0")
	answers = chose(30, 20, 0)
	for i := range answers[:28] { // two of those who were asked said nothing
		answers[i]["then"] = []string{"x", "y"}[i%2]
	}
	if q := office.TallyAnswers(&d, answers).Questions[1]; q.Answered(50) != -1 {
		t.Errorf("28 of 30 answered is shown: %s", shown(q.Parts[0]))
	}
}

// TestWithheldKinds: choices of several, scales, numbers, rankings and texts.
func TestWithheldKinds(t *testing.T) {
	d := definition(t, everyKind)
	var answers []office.Answer
	for i := range 40 {
		a := office.Answer{"room": "no", "what": []string{"desk"}, "quiet": int64(i % 4), "order": []string{"c", "a", "b"}, "years": int64(i)}
		if i < 3 {
			a["what"] = []string{"desk", "light"}
		}
		if i%2 == 0 {
			a["order"] = []string{"a", "b", "c"}
		}
		answers = append(answers, a)
	}
	tally := office.TallyAnswers(&d, answers)
	what, quiet, order, years := tally.Question("what"), tally.Question("quiet"), tally.Question("order"), tally.Question("years")
	if got := shown(what.Parts[0]) + "|" + shown(what.Parts[1]) + "|" + shown(what.Parts[2]); got != "40 0 0|x x 0|0 40 0" {
		t.Errorf("many: %s", got)
	}
	if got := shown(quiet.Parts[0]); got != "10 10 10 10 0 0" || !quiet.HasMean || quiet.Mean != 1.5 {
		t.Errorf("scale: %s %v", got, quiet.Mean)
	}
	if got := shown(order.Parts[0]) + "|" + shown(order.Parts[2]); got != "20 20 0 0|20 0 20 0" || order.Firsts {
		t.Errorf("ranking: %s", got)
	}
	if got := shown(years.Parts[0]); got != "5 5 5 5 5 5 5 5 0 0 0" || years.Parts[0].Cells[1].Value != "5..9" {
		t.Errorf("number: %s", got)
	}
	answers[0]["order"] = []string{"b", "c", "a"} // one: the table of places would give it away
	answers[0]["quiet"] = int64(4)
	tally = office.TallyAnswers(&d, answers)
	order, quiet = tally.Question("order"), tally.Question("quiet")
	if got := shown(order.Parts[0]) + "|" + shown(order.Parts[1]) + "|" + shown(order.Parts[2]); !order.Firsts || got != "x x x 0|x x x 0|20 x x 0" {
		t.Errorf("ranking with one of its own: %s", got)
	}
	if quiet.HasMean || !strings.Contains(shown(quiet.Parts[0]), "x") {
		t.Errorf("a mean beside withheld numbers: %s", shown(quiet.Parts[0]))
	}
	// Texts: shown from five on; in the order of the alphabet.
	one := definition(t, `{"format":"posvid-survey/1","title":{"uk":"а"},"pages":[{"questions":[{"id":"t","kind":"text","text":{"uk":"б"}}]}]}`)
	for n, want := range map[int]int{4: 0, 5: 5, 6: 6} {
		var answers []office.Answer
		for i := range 10 {
			a := office.Answer{}
			if i < n {
				a["t"] = fmt.Sprintf("думка %d", 9-i)
			}
			answers = append(answers, a)
		}
		q := office.TallyAnswers(&one, answers).Questions[0]
		if len(q.Texts) != want || !slices.IsSorted(q.Texts) {
			t.Errorf("%d texts of ten: %v", n, q.Texts)
		}
	}
}

// TestWithheldFixedChoice: where everybody chooses the same number of options, the choices add up to a known number, and one that is
// withheld alone would follow from the others.
func TestWithheldFixedChoice(t *testing.T) {
	const head = `{"format":"posvid-survey/1","title":{"uk":"а"},"pages":[{"questions":[{"id":"q","kind":"many","text":{"uk":"б"},"options":[{"id":"a","text":{"uk":"а"}},{"id":"b","text":{"uk":"б"}},{"id":"c","text":{"uk":"в"}},{"id":"d","text":{"uk":"г"}}]`
	var answers []office.Answer
	add := func(n int, chosen ...string) {
		for range n {
			answers = append(answers, office.Answer{"q": chosen})
		}
	}
	add(30, "a", "b")
	add(20, "a", "d")
	add(8, "b", "d")
	add(3, "a", "c") // c alone is chosen by few
	for bounds, alone := range map[string]bool{`,"min":2,"max":2`: false, `,"min":1,"max":2`: true} {
		d := definition(t, head+bounds+`}]}]}`)
		hidden, sum := 0, 0
		for _, p := range office.TallyAnswers(&d, answers).Questions[0].Parts {
			if c := p.Cell("1"); c.Withheld {
				hidden++
			} else {
				sum += c.Count
			}
		}
		if rest := 2*len(answers) - sum; !alone && (hidden < 2 || rest < office.MinGroup) {
			t.Errorf("%s: %d options are withheld, which %d people chose", bounds, hidden, rest)
		}
		if alone && hidden != 1 {
			t.Errorf("%s: %d options are withheld, want the small one", bounds, hidden)
		}
	}
}

// TestWithheldBetween: a question that is asked of those who gave several answers, or a row of questions with bounds next to each
// other, must not count few people by the difference of two numbers.
func TestWithheldBetween(t *testing.T) {
	const yes = `"options":[{"id":"yes","text":{"uk":"так"}},{"id":"no","text":{"uk":"ні"}}]`
	const head = `{"format":"posvid-survey/1","title":{"uk":"а"},"pages":[{"questions":[`
	both := definition(t, head+`{"id":"p","kind":"one","text":{"uk":"п"},`+yes+`},{"id":"q","kind":"one","text":{"uk":"к"},`+yes+`},
		{"id":"then","kind":"one","required":true,"text":{"uk":"т"},`+yes+`,"showIf":[{"question":"p","is":["yes"]},{"question":"q","is":["yes"]}]}]}]}`)
	var answers []office.Answer
	for i := range 60 { // 30 say yes to p; 28 of them to q too
		a := office.Answer{"p": "no", "q": []string{"yes", "no"}[i%2]}
		if i < 30 {
			a["p"], a["q"] = "yes", "yes"
			if i < 2 {
				a["q"] = "no"
			} else {
				a["then"] = []string{"yes", "no"}[i%2]
			}
		}
		answers = append(answers, a)
	}
	tally := office.TallyAnswers(&both, answers)
	if n := tally.Question("then").Answered(60); n != -1 {
		t.Errorf("%d of the 30 who said yes to the first said yes to the second: shown", n)
	}

	either := definition(t, head+`{"id":"p","kind":"many","text":{"uk":"п"},`+yes+`},
		{"id":"then","kind":"one","required":true,"text":{"uk":"т"},`+yes+`,"showIf":[{"question":"p","is":["yes","no"]}]}]}]}`)
	answers = nil
	for i := range 60 { // 40 and 22, two of them the same people
		a := office.Answer{"p": []string{"yes"}, "then": []string{"yes", "no"}[i%2]}
		if i >= 40 {
			a["p"] = []string{"no"}
		} else if i < 2 {
			a["p"] = []string{"yes", "no"}
		}
		answers = append(answers, a)
	}
	answers = append(answers, make([]office.Answer, 10)...)
	tally = office.TallyAnswers(&either, answers)
	if n := tally.Question("then").Answered(70); n != -1 {
		t.Errorf("%d chose one or the other, so 62 less that chose both: shown", n)
	}

	ladder := definition(t, head+`{"id":"n","kind":"number","text":{"uk":"ч"},"min":0,"max":99},
		{"id":"t1","kind":"one","required":true,"text":{"uk":"т"},`+yes+`,"showIf":[{"question":"n","from":14}]},
		{"id":"t2","kind":"one","required":true,"text":{"uk":"т"},`+yes+`,"showIf":[{"question":"n","from":15}]}]}]}`)
	answers = nil
	for i := range 41 { // 20 of 11, 20 of 18, and one of 14
		n := []int64{11, 18}[i%2]
		if i == 40 {
			n = 14
		}
		a := office.Answer{"n": n}
		for id, from := range map[string]int64{"t1": 14, "t2": 15} {
			if n >= from {
				a[id] = []string{"yes", "no"}[i/2%2]
			}
		}
		answers = append(answers, a)
	}
	tally = office.TallyAnswers(&ladder, answers)
	if one, two := tally.Question("t1").Answered(41), tally.Question("t2").Answered(41); one != -1 && two != -1 {
		t.Errorf("%d answered from 14, %d from 15: shown", one, two)
	}
}

// TestWithheldProperty: whatever people answer, what is shown of two questions leaves no number of one to four people to be computed
// by subtraction.
func TestWithheldProperty(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		options := rapid.IntRange(2, 5).Draw(r, "options")
		var is []string
		for i := range options {
			if rapid.Bool().Draw(r, "is") {
				is = append(is, fmt.Sprintf("o%d", i))
			}
		}
		if is == nil {
			is = []string{"o0"}
		}
		d := oneOf(t, options, is...)
		var counts []int
		for range options + 1 {
			counts = append(counts, rapid.OneOf(rapid.IntRange(0, 6), rapid.IntRange(0, 40)).Draw(r, "count"))
		}
		answers := chose(counts...)
		skip := rapid.IntRange(0, 8).Draw(r, "skip")
		for i := range answers {
			if q, ok := answers[i]["q"].(string); ok && slices.Contains(is, q) {
				if skip--; skip >= 0 {
					continue
				}
				answers[i]["then"] = []string{"x", "y"}[rapid.IntRange(0, 1).Draw(r, "then")]
			}
		}
		tally := office.TallyAnswers(&d, answers)
		if len(answers) < office.MinGroup {
			if len(tally.Questions) != 0 {
				r.Fatal("results of fewer than five")
			}
			return
		}
		small := func(n int) bool { return n > 0 && n < office.MinGroup }
		for _, q := range tally.Questions {
			total, all, hidden := 0, true, 0
			for _, c := range q.Parts[0].Cells {
				if c.Withheld {
					hidden++
					if c.Count != 0 {
						r.Fatal("a withheld number is there")
					}
					continue
				}
				all = false
				if small(c.Count) {
					r.Fatalf("%d is shown: %s", c.Count, shown(q.Parts[0]))
				}
				total += c.Count
			}
			if rest := tally.Received - total; !all && !q.Withheld && (small(rest) || hidden == 1) {
				r.Fatalf("%d people are left of %d: %s", rest, tally.Received, shown(q.Parts[0]))
			}
		}
		first, then := tally.Questions[0], tally.Questions[1]
		if n := then.Answered(tally.Received); n > 0 {
			met, known := 0, true
			for _, c := range first.Parts[0].Cells {
				if slices.Contains(is, c.Value) {
					met += c.Count
					known = known && !c.Withheld
				}
			}
			if known && small(met-n) {
				r.Fatalf("%d of %d who were asked answered", n, met)
			}
		}
	})
}

// TestTallyUnits: by unit nothing is shown that the total would complete.
func TestTallyUnits(t *testing.T) {
	d := oneOf(t, 2)
	group := func(unit string, counts ...int) (out []office.NamedAnswer) {
		for _, a := range chose(counts...) {
			out = append(out, office.NamedAnswer{Seat: office.Seat{Body: "99000011", Post: 1}, Unit: unit, Answer: a})
		}
		return out
	}
	names := func(list []office.UnitTally) (out []string) {
		for _, u := range list {
			text := "-"
			if !u.Questions[0].Withheld {
				text = shown(u.Questions[0].Parts[0])
			}
			out = append(out, fmt.Sprintf("%s %d: %s", u.Unit, u.Received, text))
		}
		return out
	}
	for _, tt := range []struct {
		answers []office.NamedAnswer
		want    []string
	}{
		{slices.Concat(group("а", 6, 7, 0), group("б", 8, 0, 0)), []string{"а 13: 6 7 0", "б 8: 8 0 0"}},
		{slices.Concat(group("а", 6, 7, 0), group("б", 8, 1, 0)), []string{"а 13: -", "б 9: -"}},                             // 1 would follow
		{slices.Concat(group("а", 6, 7, 0), group("б", 3, 0, 0)), nil},                                                       // one group is left
		{slices.Concat(group("а", 6, 7, 0), group("б", 3, 0, 0), group("в", 5, 0, 0)), []string{"а 13: 6 7 0", " 8: 8 0 0"}}, // two small ones together
		{group("а", 6, 7, 0), nil},
		{nil, nil},
	} {
		if got := names(office.TallyUnits(&d, tt.answers)); !slices.Equal(got, tt.want) {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}
