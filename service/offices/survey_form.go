package offices

import (
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/posvid/posvid/office"
)

// surveyForm is a draft as its editor types it: a plain form that works without scripts. What the buttons of the form do (one
// question more, one up) changes what is typed and stores nothing; only saving does.
type surveyForm struct {
	TitleUK, TitleEN, IntroUK, IntroEN string
	Anonymous                          bool
	Questions                          []questionForm
	Groups                             []groupForm
	Revision                           int64
}

// questionForm is one question as it is typed.
type questionForm struct {
	Number                       int // from 1, for the page
	Kind, UK, EN, HintUK, HintEN string
	Required, NewPage            bool
	PageUK, PageEN               string
	Options                      string // one a line: українською | in English
	Min, Max                     string
	LowUK, LowEN, HighUK, HighEN string // labels of a scale's ends
	Length                       string
	If, Is, From, To             string // shown if: number of a question; numbers of its options; bounds
}

// groupForm is one group of the audience: "ЄДРПОУ" or "ЄДРПОУ/unit", and a category.
type groupForm struct{ Who, Category string }

// Bounds of what a form is read into; office has the real limits, and refuses the one group too many.
const (
	maxFormQuestions = 100
	maxFormGroups    = 101
)

// readSurveyForm reads what was typed.
func readSurveyForm(v url.Values) surveyForm {
	get := func(name string) string {
		return strings.TrimSpace(strings.ReplaceAll(v.Get(name), "\r\n", "\n"))
	}
	f := surveyForm{TitleUK: get("title.uk"), TitleEN: get("title.en"), IntroUK: get("intro.uk"), IntroEN: get("intro.en"), Anonymous: v.Get("mode") != "named"}
	f.Revision, _ = strconv.ParseInt(v.Get("revision"), 10, 64)
	n, _ := strconv.Atoi(v.Get("questions"))
	for i := range max(0, min(n, maxFormQuestions)) {
		at := func(name string) string { return get("q" + strconv.Itoa(i) + "." + name) }
		f.Questions = append(f.Questions, questionForm{Kind: at("kind"), UK: at("uk"), EN: at("en"), HintUK: at("hint.uk"), HintEN: at("hint.en"), Required: at("required") != "", NewPage: at("page") != "",
			PageUK: at("page.uk"), PageEN: at("page.en"), Options: at("options"), Min: at("min"), Max: at("max"), LowUK: at("low.uk"), LowEN: at("low.en"), HighUK: at("high.uk"), HighEN: at("high.en"),
			Length: at("length"), If: at("if"), Is: at("is"), From: at("from"), To: at("to")})
	}
	for i, who := range v["who"] {
		if len(f.Groups) == maxFormGroups {
			break
		}
		g := groupForm{Who: who}
		if i < len(v["category"]) {
			g.Category = v["category"][i]
		}
		if g.Who != "" {
			f.Groups = append(f.Groups, g)
		}
	}
	return f
}

// change does what a button of the form says, such as "add", "up.3" or "delete.0". false: the button is none of these.
func (f *surveyForm) change(button string) bool {
	verb, number, _ := strings.Cut(button, ".")
	i, err := strconv.Atoi(number)
	known := err == nil && i >= 0 && i < len(f.Questions)
	switch {
	case verb == "add":
		f.Questions = append(f.Questions, questionForm{Kind: string(office.KindOne)})
	case verb == "group" && len(f.Groups) < maxFormGroups:
		f.Groups = append(f.Groups, groupForm{})
	case verb == "delete" && known:
		f.renumber(func(n int) int {
			switch {
			case n == i:
				return -1
			case n > i:
				return n - 1
			}
			return n
		})
		f.Questions = slices.Delete(f.Questions, i, i+1)
	case verb == "up" && known && i > 0, verb == "down" && known && i < len(f.Questions)-1:
		j := i - 1
		if verb == "down" {
			j = i + 1
		}
		f.renumber(func(n int) int {
			switch n {
			case i:
				return j
			case j:
				return i
			}
			return n
		})
		f.Questions[i], f.Questions[j] = f.Questions[j], f.Questions[i]
	default:
		return false
	}
	return true
}

// renumber keeps conditions at their questions when these move.
func (f *surveyForm) renumber(to func(int) int) {
	for k := range f.Questions {
		q := &f.Questions[k]
		n, err := strconv.Atoi(q.If)
		if err != nil {
			continue
		}
		if m := to(n - 1); m < 0 {
			q.If, q.Is, q.From, q.To = "", "", "", ""
		} else {
			q.If = strconv.Itoa(m + 1)
		}
	}
}

// surveyFormOf is a draft as a form. false: it says more than the form can, and is changed by a file only.
func surveyFormOf(s *office.Survey) (surveyForm, bool) {
	d := &s.Definition
	f := surveyForm{TitleUK: d.Title.UK, TitleEN: d.Title.EN, IntroUK: d.Intro.UK, IntroEN: d.Intro.EN, Anonymous: s.Anonymous, Revision: s.Revision}
	number := map[string]int{}
	for i := range d.Pages {
		for j := range d.Pages[i].Questions {
			q := &d.Pages[i].Questions[j]
			out := questionForm{Kind: string(q.Kind), UK: q.Text.UK, EN: q.Text.EN, HintUK: q.Hint.UK, HintEN: q.Hint.EN, Required: q.Required, NewPage: j == 0 && (i > 0 || d.Pages[i].Title.UK != ""),
				LowUK: q.MinLabel.UK, LowEN: q.MinLabel.EN, HighUK: q.MaxLabel.UK, HighEN: q.MaxLabel.EN, Min: numberText(q.Min), Max: numberText(q.Max)}
			if out.NewPage {
				out.PageUK, out.PageEN = d.Pages[i].Title.UK, d.Pages[i].Title.EN
			}
			if q.MaxLength > 0 {
				out.Length = strconv.Itoa(q.MaxLength)
			}
			var lines []string
			for _, o := range q.Options {
				line := o.Text.UK
				if o.Text.EN != "" {
					line += " | " + o.Text.EN
				}
				if strings.Contains(o.Text.UK+o.Text.EN, "|") || strings.Contains(line, "\n") {
					return f, false
				}
				lines = append(lines, line)
			}
			out.Options = strings.Join(lines, "\n")
			if len(q.ShowIf) > 1 {
				return f, false
			}
			for _, c := range q.ShowIf {
				out.If, out.From, out.To = strconv.Itoa(number[c.Question]), numberText(c.From), numberText(c.To)
				on := d.Question(c.Question)
				for k, o := range on.Options {
					if slices.Contains(c.Is, o.ID) {
						if out.Is != "" {
							out.Is += ", "
						}
						out.Is += strconv.Itoa(k + 1)
					}
				}
			}
			f.Questions = append(f.Questions, out)
			number[q.ID] = len(f.Questions)
		}
	}
	for _, a := range s.Audience {
		g := groupForm{Who: a.Body, Category: a.Category}
		if a.Unit != "" {
			g.Who += "/" + a.Unit
		}
		f.Groups = append(f.Groups, g)
	}
	return f, true
}

func numberText(n *int64) string {
	if n == nil {
		return ""
	}
	return strconv.FormatInt(*n, 10)
}

// definition is the JSON of what was typed; whether it makes sense is up to office. Questions are named by their place: q1, q2, …;
// options by theirs: 1, 2, ….
func (f *surveyForm) definition() ([]byte, error) {
	d := office.Definition{Format: office.SurveyFormat, Title: office.Text{UK: f.TitleUK, EN: f.TitleEN}, Intro: office.Text{UK: f.IntroUK, EN: f.IntroEN}}
	number := func(text string) *int64 {
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return &n
		}
		return nil
	}
	for i, in := range f.Questions {
		q := office.Question{ID: "q" + strconv.Itoa(i+1), Kind: office.Kind(in.Kind), Text: office.Text{UK: in.UK, EN: in.EN}, Hint: office.Text{UK: in.HintUK, EN: in.HintEN}, Required: in.Required}
		switch q.Kind { // what was typed for another kind before is left out
		case office.KindOne, office.KindMany, office.KindRanking:
			for k, line := range slices.DeleteFunc(strings.Split(in.Options, "\n"), func(s string) bool { return strings.TrimSpace(s) == "" }) {
				uk, en, _ := strings.Cut(line, "|")
				q.Options = append(q.Options, office.Option{ID: strconv.Itoa(k + 1), Text: office.Text{UK: strings.TrimSpace(uk), EN: strings.TrimSpace(en)}})
			}
			if q.Kind == office.KindMany {
				q.Min, q.Max = number(in.Min), number(in.Max)
			}
		case office.KindScale:
			q.Min, q.Max = number(in.Min), number(in.Max)
			q.MinLabel, q.MaxLabel = office.Text{UK: in.LowUK, EN: in.LowEN}, office.Text{UK: in.HighUK, EN: in.HighEN}
		case office.KindNumber:
			q.Min, q.Max = number(in.Min), number(in.Max)
		case office.KindText:
			q.MaxLength, _ = strconv.Atoi(in.Length)
		}
		if in.If != "" {
			c := office.Condition{Question: "q" + in.If}
			if n := number(in.If); n != nil && *n >= 1 && *n <= int64(i) {
				switch office.Kind(f.Questions[*n-1].Kind) {
				case office.KindOne, office.KindMany:
					c.Is = strings.FieldsFunc(in.Is, func(r rune) bool { return r == ',' || r == ';' || r == ' ' })
				default:
					c.From, c.To = number(in.From), number(in.To)
				}
			}
			q.ShowIf = []office.Condition{c}
		}
		if len(d.Pages) == 0 || in.NewPage {
			d.Pages = append(d.Pages, office.Page{})
			if in.NewPage {
				d.Pages[len(d.Pages)-1].Title = office.Text{UK: in.PageUK, EN: in.PageEN}
			}
		}
		last := &d.Pages[len(d.Pages)-1]
		last.Questions = append(last.Questions, q)
	}
	return json.Marshal(d)
}

// audience is whom the form names.
func (f *surveyForm) audience() []office.Audience {
	var out []office.Audience
	for _, g := range f.Groups {
		body, unit, _ := strings.Cut(g.Who, "/")
		if body == "" {
			continue
		}
		a := office.Audience{Body: body, Unit: unit, Category: g.Category}
		if !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	return out
}
