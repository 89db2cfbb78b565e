package web_test

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"reflect"
	"slices"
	"testing"

	"github.com/posvid/posvid/office"
)

// pieces of answers and fields: what people give, what is none, and what hostile pages would.
var (
	texts  = []string{"o0", "o1", "o2", "o3", "0", "3", "-2", "7", "+4", "99", "", " ", "так\nні", "a\tb", "\u202eb", "<b>x</b>", "💬💬💬", "  o1  ", "1.5", "1000000", "1000001", "99999999999999"}
	values = []any{"o0", "o1", "o9", "", " x ", "\u2066", "довгий довгий довгий", int64(0), int64(3), int64(-5), int64(11), int64(2_000_000), []string{"o0"}, []string{"o1", "o0"}, []string{"o0", "o0"}, []string{"o2", "o1", "o0"}, []string{}, []string{"o9"}}
)

func number(r *rand.Rand, from, to int64) *int64 {
	n := from + r.Int64N(to-from+1)
	return &n
}

// someDefinition is a survey of every kind of question, with conditions on those before.
func someDefinition(r *rand.Rand) office.Definition {
	text := func(s string) office.Text { return office.Text{UK: s} }
	d := office.Definition{Format: office.SurveyFormat, Title: text("Т")}
	var earlier []*office.Question
	for range 1 + r.IntN(3) {
		page := office.Page{}
		for range 1 + r.IntN(4) {
			q := office.Question{ID: fmt.Sprintf("q%d", len(earlier)+len(page.Questions)), Text: text("П"), Required: r.IntN(3) == 0,
				Kind: []office.Kind{office.KindOne, office.KindMany, office.KindScale, office.KindRanking, office.KindNumber, office.KindText}[r.IntN(6)]}
			switch q.Kind {
			case office.KindOne, office.KindMany, office.KindRanking:
				for i := range 2 + r.IntN(3) {
					q.Options = append(q.Options, office.Option{ID: fmt.Sprintf("o%d", i), Text: text("В")})
				}
				if q.Kind == office.KindMany && r.IntN(2) == 0 {
					q.Min, q.Max = number(r, 1, 1), number(r, 1, int64(len(q.Options)))
				}
			case office.KindScale:
				q.Min = number(r, 0, 3)
				q.Max = number(r, *q.Min+1, *q.Min+10)
			case office.KindNumber:
				if r.IntN(2) == 0 {
					q.Min, q.Max = number(r, -5, 0), number(r, 0, 9)
				}
			case office.KindText:
				q.MaxLength = r.IntN(12)
			}
			for range r.IntN(3) {
				if len(earlier) == 0 {
					break
				}
				on := earlier[r.IntN(len(earlier))]
				c := office.Condition{Question: on.ID}
				switch on.Kind {
				case office.KindOne, office.KindMany:
					c.Is = []string{on.Options[r.IntN(len(on.Options))].ID}
				case office.KindScale, office.KindNumber:
					if r.IntN(2) == 0 {
						c.From = number(r, -2, 4)
					} else {
						c.To = number(r, 0, 4)
					}
				default:
					continue
				}
				q.ShowIf = append(q.ShowIf, c)
			}
			page.Questions = append(page.Questions, q)
		}
		d.Pages = append(d.Pages, page)
		p := &d.Pages[len(d.Pages)-1]
		for i := range p.Questions {
			earlier = append(earlier, &p.Questions[i])
		}
	}
	return d
}

// TestAnswer: the page and the service agree on what is shown, what is wrong, and what stands in a form, over surveys and answers
// made at random.
func TestAnswer(t *testing.T) {
	run := nodeModule(t, "answer.js", "answer.mjs")
	r := rand.New(rand.NewPCG(9474, 6))
	rounds := 3000
	if testing.Short() {
		rounds = 300
	}
	faulty, good := 0, 0
	for range rounds {
		d := someDefinition(r)
		a := office.Answer{}
		form := [][2]string{}
		posted := url.Values{}
		add := func(name string) {
			v := texts[r.IntN(len(texts))]
			form = append(form, [2]string{name, v})
			posted.Add(name, v)
		}
		for _, q := range d.Questions() {
			switch r.IntN(4) {
			case 0, 1: // an answer that may well fit
				low, high := int64(0), int64(5)
				if q.Min != nil && q.Kind != office.KindMany {
					low = *q.Min
				}
				switch q.Kind {
				case office.KindOne:
					a[q.ID] = q.Options[r.IntN(len(q.Options))].ID
				case office.KindMany:
					a[q.ID] = []string{q.Options[r.IntN(len(q.Options))].ID}
				case office.KindRanking:
					var all []string
					for _, i := range r.Perm(len(q.Options)) {
						all = append(all, q.Options[i].ID)
					}
					a[q.ID] = all
				case office.KindText:
					a[q.ID] = "так"
				default:
					a[q.ID] = low + r.Int64N(high)
				}
			case 2:
				a[q.ID] = values[r.IntN(len(values))]
			}
			switch {
			case q.Kind == office.KindRanking && r.IntN(2) == 0: // whole
				for i, place := range r.Perm(len(q.Options)) {
					name, v := "a."+q.ID+"."+q.Options[i].ID, fmt.Sprint(place+1)
					form = append(form, [2]string{name, v})
					posted.Add(name, v)
				}
			case q.Kind == office.KindRanking:
				for _, o := range q.Options {
					add("a." + q.ID + "." + o.ID)
				}
			default:
				for range r.IntN(3) {
					add("a." + q.ID)
				}
			}
		}
		if r.IntN(8) == 0 {
			a["none"] = "x"
		}
		var got struct {
			Visible []string
			Faults  []struct{ Question, Code string }
			Pruned  map[string]any
			Read    map[string]any
		}
		run(map[string]any{"definition": d, "answer": a, "fields": form}, &got)
		for id, want := range d.Visible(a) {
			if slices.Contains(got.Visible, id) != want {
				t.Fatalf("visible %v, want %s %t\n%v\n%+v", got.Visible, id, want, a, d)
			}
		}
		var codes, want []string
		for _, f := range got.Faults {
			if f.Code == "length" { // the service's "text" says both
				f.Code = "text"
			}
			codes = append(codes, f.Question+" "+f.Code)
		}
		for _, f := range d.Check(a) {
			want = append(want, f.Question+" "+f.Code)
		}
		if !slices.Equal(codes, want) {
			t.Fatalf("faults %v, want %v\n%v\n%+v", codes, want, a, d)
		}
		if len(want) > 0 {
			faulty++
		} else {
			good++
		}
		read := d.FromForm(posted)
		if !sameAnswer(got.Read, read) {
			t.Fatalf("read %#v, want %#v\n%v\n%+v", got.Read, read, form, d)
		}
	}
	if faulty < rounds/10 || good < rounds/20 {
		t.Errorf("%d answers with faults and %d without: the generator has become one-sided", faulty, good)
	}
}

// sameAnswer compares an answer that went through JSON with the service's.
func sameAnswer(got map[string]any, want office.Answer) bool {
	plain := map[string]any{}
	for id, v := range want {
		switch v := v.(type) {
		case int64:
			plain[id] = float64(v)
		case []string:
			list := []any{}
			for _, s := range v {
				list = append(list, s)
			}
			plain[id] = list
		default:
			plain[id] = v
		}
	}
	return len(got) == len(plain) && (len(plain) == 0 || reflect.DeepEqual(got, plain))
}
