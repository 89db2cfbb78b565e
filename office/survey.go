package office

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// SurveyFormat names the JSON of a Definition (docs/spec/office-surveys.md, Section 1).
const SurveyFormat = "posvid-survey/1"

// Bounds of a definition and of an answer.
const (
	MaxDefinition    = 256 << 10 // bytes of JSON
	MaxAnswer        = 512 << 10 // bytes of JSON; the largest that Check takes, a hundred texts of four-byte letters, has 395 KiB
	maxPages         = 30
	maxQuestions     = 100
	maxOptions       = 30
	maxConditions    = 4
	maxSurveyText    = 2000      // bytes of one text in one language
	maxTextAnswer    = 1000      // characters
	maxScaleStep     = 10        // from Min to Max
	maxNumber        = 1_000_000 // of a number, either side of zero
	maxSurveyDepth   = 8
	maxSurveyEntries = 1000 // entries that one ballot leaves
)

// Kind is what a question asks for.
type Kind string

// Kinds of questions.
const (
	KindOne     Kind = "one"     // one of the options
	KindMany    Kind = "many"    // some of the options
	KindScale   Kind = "scale"   // a whole number from Min to Max, each shown
	KindRanking Kind = "ranking" // all options in an order
	KindNumber  Kind = "number"  // a whole number
	KindText    Kind = "text"    // a short text
)

// Text is one text in both languages. EN may be empty: then UK stands for both.
type Text struct {
	UK string `json:"uk"`
	EN string `json:"en,omitempty"`
}

// In is the text of a language: "en" English when there is one, any other Ukrainian.
func (t Text) In(lang string) string {
	if lang == "en" && t.EN != "" {
		return t.EN
	}
	return t.UK
}

// Definition is what a survey asks. It is frozen when the survey opens.
type Definition struct {
	Format string `json:"format"` // SurveyFormat
	Title  Text   `json:"title"`
	Intro  Text   `json:"intro,omitzero"`
	Pages  []Page `json:"pages"` // 1 to 30
}

// Page is one page of questions. A page whose questions are all hidden is not shown.
type Page struct {
	Title     Text       `json:"title,omitzero"`
	Questions []Question `json:"questions"`
}

// Question is one question.
type Question struct {
	ID        string      `json:"id"` // letter, then letters, digits and _, lower case, at most 32; unique in the survey
	Kind      Kind        `json:"kind"`
	Text      Text        `json:"text"`
	Hint      Text        `json:"hint,omitzero"`
	Required  bool        `json:"required,omitempty"`
	Options   []Option    `json:"options,omitempty"`   // of one, many and ranking: 2 to 30
	Min       *int64      `json:"min,omitempty"`       // scale, number: smallest answer; many: fewest options
	Max       *int64      `json:"max,omitempty"`       // scale, number: largest answer; many: most options
	MinLabel  Text        `json:"minLabel,omitzero"`   // scale: what Min means
	MaxLabel  Text        `json:"maxLabel,omitzero"`   // scale: what Max means
	MaxLength int         `json:"maxLength,omitempty"` // text: characters, 1 to 1000; 0 is 1000
	ShowIf    []Condition `json:"showIf,omitempty"`    // all have to hold; none: always shown
}

// Option is one answer that can be chosen.
type Option struct {
	ID   string `json:"id"` // as of a question, and may begin with a digit; unique in the question
	Text Text   `json:"text"`
}

// Condition is about the answer to an earlier question. A hidden or unanswered question fulfils none.
type Condition struct {
	Question string   `json:"question"`
	Is       []string `json:"is,omitempty"`   // one, many: any of these options is chosen
	From     *int64   `json:"from,omitempty"` // scale, number: at least
	To       *int64   `json:"to,omitempty"`   // scale, number: at most
}

// DefinitionFault is the first thing that is wrong with a definition. It names places, never texts.
type DefinitionFault struct {
	Where  string // such as "pages[0].questions[2].options", or "json"
	UK, EN string
}

// Error is the fault in English.
func (f *DefinitionFault) Error() string { return "office: survey: " + f.Where + ": " + f.EN }

func fault(where, uk, en string) *DefinitionFault { return &DefinitionFault{where, uk, en} }

// ParseDefinition reads and checks a definition. canonical are the bytes that are stored, hashed and served: the same
// definition in the one order and spelling of this package. Error: *DefinitionFault.
func ParseDefinition(data []byte) (d Definition, canonical []byte, err error) {
	if len(data) > MaxDefinition {
		return Definition{}, nil, fault("json", "файл завеликий", fmt.Sprintf("%d bytes, want at most %d", len(data), MaxDefinition))
	}
	if err := checkSurveyJSON(data); err != nil {
		return Definition{}, nil, fault("json", "це не JSON опитування", err.Error())
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&d); err != nil {
		return Definition{}, nil, fault("json", "невідоме поле або значення не того виду", "unknown field, or a value of the wrong kind")
	}
	if err := d.check(); err != nil {
		return Definition{}, nil, err
	}
	if canonical, err = d.canonical(); err != nil {
		return Definition{}, nil, err
	}
	return d, canonical, nil
}

// canonical is the definition's JSON: fields in the order of the types, no white space, HTML characters as they are.
func (d *Definition) canonical() ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(d); err != nil {
		return nil, fmt.Errorf("office: survey: %w", err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// DefinitionHash is SHA-256 of the canonical bytes.
func DefinitionHash(canonical []byte) [32]byte { return sha256.Sum256(canonical) }

// checkSurveyJSON refuses what two programs could read differently: a name twice in an object, deep nesting, more than one value.
func checkSurveyJSON(data []byte) error {
	if !utf8.Valid(data) {
		return errors.New("want UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	type level struct {
		names map[string]bool // nil in a list
		name  bool            // a name comes next
	}
	var open []level
	for first := true; first || len(open) > 0; first = false {
		t, err := dec.Token()
		if err != nil {
			return errors.New("want one JSON value")
		}
		if n := len(open); n > 0 && open[n-1].names != nil && open[n-1].name {
			if name, ok := t.(string); ok {
				if open[n-1].names[name] {
					return errors.New("want each name of an object once")
				}
				open[n-1].names[name], open[n-1].name = true, false
				continue
			}
		}
		switch t {
		case json.Delim('{'):
			open = append(open, level{map[string]bool{}, true})
		case json.Delim('['):
			open = append(open, level{})
		case json.Delim('}'), json.Delim(']'):
			open = open[:len(open)-1]
		}
		if len(open) > maxSurveyDepth {
			return fmt.Errorf("want at most %d levels", maxSurveyDepth)
		}
		if n := len(open); n > 0 && open[n-1].names != nil && t != json.Delim('{') && t != json.Delim('[') {
			open[n-1].name = true
		}
	}
	if _, err := dec.Token(); err != io.EOF {
		return errors.New("want one JSON value and nothing after it")
	}
	return nil
}

// Questions are all questions in order.
func (d *Definition) Questions() []*Question {
	var out []*Question
	for i := range d.Pages {
		for j := range d.Pages[i].Questions {
			out = append(out, &d.Pages[i].Questions[j])
		}
	}
	return out
}

// Question finds a question; nil when there is none.
func (d *Definition) Question(id string) *Question {
	for _, q := range d.Questions() {
		if q.ID == id {
			return q
		}
	}
	return nil
}

// Option finds an option; nil when there is none.
func (q *Question) Option(id string) *Option {
	for i := range q.Options {
		if q.Options[i].ID == id {
			return &q.Options[i]
		}
	}
	return nil
}

// Length is the longest text answer in characters.
func (q *Question) Length() int {
	if q.MaxLength == 0 {
		return maxTextAnswer
	}
	return q.MaxLength
}

// bounds are the smallest and the largest answer to a scale or a number.
func (q *Question) bounds() (low, high int64) {
	low, high = -maxNumber, maxNumber
	if q.Min != nil {
		low = *q.Min
	}
	if q.Max != nil {
		high = *q.Max
	}
	return low, high
}

// Steps are the answers to a scale, in order.
func (q *Question) Steps() []int64 {
	var out []int64
	low, high := q.bounds()
	for v := low; q.Kind == KindScale && v <= high; v++ {
		out = append(out, v)
	}
	return out
}

// choices are the fewest and the most options that an answer to a question of KindMany has.
func (q *Question) choices() (low, high int64) {
	low, high = 1, int64(len(q.Options))
	if q.Min != nil {
		low = *q.Min
	}
	if q.Max != nil {
		high = *q.Max
	}
	return low, high
}

func (d *Definition) check() error {
	if d.Format != SurveyFormat {
		return fault("format", "невідомий вид файла", fmt.Sprintf("want %q", SurveyFormat))
	}
	if err := checkText("title", d.Title, true); err != nil {
		return err
	}
	if err := checkText("intro", d.Intro, false); err != nil {
		return err
	}
	if n := len(d.Pages); n < 1 || n > maxPages {
		return fault("pages", fmt.Sprintf("сторінок має бути від 1 до %d", maxPages), fmt.Sprintf("%d pages, want 1 to %d", n, maxPages))
	}
	earlier := map[string]*Question{}
	entries := 0
	for i := range d.Pages {
		page, where := &d.Pages[i], fmt.Sprintf("pages[%d]", i)
		if err := checkText(where+".title", page.Title, false); err != nil {
			return err
		}
		if len(page.Questions) == 0 {
			return fault(where+".questions", "на сторінці немає питань", "want at least one question")
		}
		for j := range page.Questions {
			q, where := &page.Questions[j], fmt.Sprintf("%s.questions[%d]", where, j)
			if err := q.check(where); err != nil {
				return err
			}
			if earlier[q.ID] != nil {
				return fault(where+".id", "таке позначення питання вже є", "id is another question's")
			}
			if err := q.checkShowIf(where+".showIf", earlier); err != nil {
				return err
			}
			earlier[q.ID] = q
			entries += len(q.parts())
		}
	}
	if n := len(earlier); n > maxQuestions {
		return fault("pages", fmt.Sprintf("питань має бути не більше ніж %d", maxQuestions), fmt.Sprintf("%d questions, want at most %d", n, maxQuestions))
	}
	if entries > maxSurveyEntries {
		return fault("pages", "питання мають забагато варіантів разом", fmt.Sprintf("%d options in all questions, want at most %d", entries, maxSurveyEntries))
	}
	return nil
}

func checkText(where string, t Text, must bool) error {
	for _, s := range []string{t.UK, t.EN} {
		if len(s) > maxSurveyText {
			return fault(where, "текст задовгий", fmt.Sprintf("%d bytes, want at most %d", len(s), maxSurveyText))
		}
		if badText(s) {
			return fault(where, "у тексті є керівні знаки", "text has control characters")
		}
	}
	if strings.TrimSpace(t.UK) == "" && (must || t.EN != "") {
		return fault(where, "немає українського тексту", "want a Ukrainian text")
	}
	return nil
}

// badText tells of characters that show nothing, or show the text around them in another order than it is stored.
func badText(s string) bool {
	return !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) && r != '\n' || r == '\u2028' || r == '\u2029' || r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069' || r == '\ufeff' || r == utf8.RuneError
	})
}

func checkSurveyName(s string, digitFirst bool) bool {
	if s == "" || len(s) > 32 || !digitFirst && (s[0] < 'a' || s[0] > 'z') {
		return false
	}
	return strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789_") == ""
}

func (q *Question) check(where string) error {
	if !checkSurveyName(q.ID, false) {
		return fault(where+".id", "позначення питання: латинська літера, далі літери, цифри і _, разом до 32", "want a letter, then letters, digits and _, lower case, at most 32")
	}
	for _, t := range []struct {
		name string
		text Text
		must bool
	}{{"text", q.Text, true}, {"hint", q.Hint, false}, {"minLabel", q.MinLabel, false}, {"maxLabel", q.MaxLabel, false}} {
		if err := checkText(where+"."+t.name, t.text, t.must); err != nil {
			return err
		}
	}
	choosing := q.Kind == KindOne || q.Kind == KindMany || q.Kind == KindRanking
	bounded := q.Kind == KindScale || q.Kind == KindNumber || q.Kind == KindMany
	switch {
	case !choosing && q.Kind != KindScale && q.Kind != KindNumber && q.Kind != KindText:
		return fault(where+".kind", "невідомий вид питання", "want one, many, scale, ranking, number or text")
	case choosing && (len(q.Options) < 2 || len(q.Options) > maxOptions):
		return fault(where+".options", fmt.Sprintf("варіантів має бути від 2 до %d", maxOptions), fmt.Sprintf("%d options, want 2 to %d", len(q.Options), maxOptions))
	case !choosing && len(q.Options) > 0:
		return fault(where+".options", "питання цього виду не має варіантів", "a question of this kind has no options")
	case !bounded && (q.Min != nil || q.Max != nil):
		return fault(where+".min", "питання цього виду не має меж", "a question of this kind has no bounds")
	case q.Kind != KindScale && (q.MinLabel != Text{} || q.MaxLabel != Text{}):
		return fault(where+".minLabel", "підписи країв має лише шкала", "labels of the ends are a scale's")
	case q.Kind != KindText && q.MaxLength != 0:
		return fault(where+".maxLength", "довжину має лише текст", "a length is a text's")
	case q.MaxLength < 0 || q.MaxLength > maxTextAnswer:
		return fault(where+".maxLength", fmt.Sprintf("довжина від 1 до %d", maxTextAnswer), fmt.Sprintf("want 1 to %d", maxTextAnswer))
	}
	seen := map[string]bool{}
	for i, o := range q.Options {
		at := fmt.Sprintf("%s.options[%d]", where, i)
		if !checkSurveyName(o.ID, true) {
			return fault(at+".id", "позначення варіанта: латинські літери, цифри і _, до 32", "want letters, digits and _, lower case, at most 32")
		}
		if seen[o.ID] {
			return fault(at+".id", "таке позначення варіанта вже є", "id is another option's")
		}
		seen[o.ID] = true
		if err := checkText(at+".text", o.Text, true); err != nil {
			return err
		}
	}
	switch q.Kind {
	case KindScale:
		if q.Min == nil || q.Max == nil || *q.Min < 0 || *q.Max <= *q.Min || *q.Max > maxNumber || *q.Max-*q.Min > maxScaleStep {
			return fault(where+".min", "шкала: найменше від 0, найбільше більше за нього, не більше ніж 11 поділок", "want min from 0, max above it, at most 11 steps")
		}
	case KindNumber:
		if low, high := q.bounds(); q.Min == nil || q.Max == nil || low < -maxNumber || high > maxNumber || low > high {
			return fault(where+".min", "число має мати межі: найменше не більше за найбільше, обидва до мільйона", fmt.Sprintf("want min to max within %d", maxNumber))
		}
	case KindMany:
		if low, high := q.choices(); low < 1 || high > int64(len(q.Options)) || low > high {
			return fault(where+".min", "скільки варіантів обрати: від 1 до їх числа", "want 1 to the number of options")
		}
	}
	return nil
}

// allowed is what an answer may be, as far as the conditions met so far tell: options of one, or a range.
type allowed struct {
	options   map[string]bool
	low, high int64
}

// checkShowIf refuses conditions that name what is not there, and those that can never hold together.
func (q *Question) checkShowIf(where string, earlier map[string]*Question) error {
	if len(q.ShowIf) > maxConditions {
		return fault(where, fmt.Sprintf("умов має бути не більше ніж %d", maxConditions), fmt.Sprintf("%d conditions, want at most %d", len(q.ShowIf), maxConditions))
	}
	for i, c := range q.ShowIf {
		at := fmt.Sprintf("%s[%d]", where, i)
		on := earlier[c.Question]
		if on == nil {
			return fault(at+".question", "умова має бути про питання, яке стоїть раніше", "want an earlier question")
		}
		switch on.Kind {
		case KindOne, KindMany:
			if len(c.Is) == 0 || len(c.Is) > maxOptions || c.From != nil || c.To != nil {
				return fault(at+".is", "назвіть варіанти, за яких питання показують", "want the options for which the question is shown")
			}
			for k, id := range c.Is {
				if on.Option(id) == nil || slices.Contains(c.Is[:k], id) {
					return fault(at+".is", "такого варіанта в тому питанні немає або його названо двічі", "an option that is not there, or is named twice")
				}
			}
		case KindScale, KindNumber:
			if len(c.Is) > 0 || c.From == nil && c.To == nil {
				return fault(at+".from", "назвіть, від якого чи до якого числа питання показують", "want from or to")
			}
		default:
			return fault(at+".question", "умова може бути про вибір, шкалу або число", "want a question of one, many, scale or number")
		}
	}
	can := map[string]allowed{}
	if !narrow(can, q, earlier, 0) {
		return fault(where, "ці умови ніколи не справдяться разом", "these conditions never hold together")
	}
	return nil
}

// narrow takes the conditions of a question, and of the questions those are about, into account. false: they contradict.
func narrow(can map[string]allowed, q *Question, earlier map[string]*Question, depth int) bool {
	if depth > maxQuestions {
		return false
	}
	for _, c := range q.ShowIf {
		on := earlier[c.Question]
		a, known := can[on.ID]
		kind := on.Kind
		if _, most := on.choices(); kind == KindMany && most == 1 {
			kind = KindOne
		}
		switch kind {
		case KindMany: // any options may be chosen together; that it was looked at is noted, or a hundred such questions never end
			can[on.ID] = allowed{}
		case KindOne:
			next := map[string]bool{}
			for _, id := range c.Is {
				if !known || a.options[id] {
					next[id] = true
				}
			}
			if len(next) == 0 {
				return false
			}
			can[on.ID] = allowed{options: next}
		case KindScale, KindNumber:
			if !known {
				a.low, a.high = on.bounds()
			}
			if c.From != nil {
				a.low = max(a.low, *c.From)
			}
			if c.To != nil {
				a.high = min(a.high, *c.To)
			}
			if a.low > a.high {
				return false
			}
			can[on.ID] = a
		}
		if !known && !narrow(can, on, earlier, depth+1) {
			return false
		}
	}
	return true
}

// Answer is what one person answered: by question, a string (one, text), []string (many; ranking, best first) or int64
// (scale, number). A question that is absent was not answered.
type Answer map[string]any

// ErrAnswer: the answer is not of the form that ParseAnswer reads.
var ErrAnswer = errors.New("office: answer: want an object of texts, lists of texts and whole numbers")

// ParseAnswer reads the JSON of an answer, without looking at what was asked. Error: ErrAnswer.
func ParseAnswer(data []byte) (Answer, error) {
	if len(data) > MaxAnswer {
		return nil, fmt.Errorf("%w: %d bytes, want at most %d", ErrAnswer, len(data), MaxAnswer)
	}
	if err := checkSurveyJSON(data); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil || raw == nil || len(raw) > maxQuestions {
		return nil, ErrAnswer
	}
	a := Answer{}
	for id, value := range raw {
		var text string
		list := []string{}
		switch value[0] {
		case '"':
			if json.Unmarshal(value, &text) != nil {
				return nil, ErrAnswer
			}
			a[id] = text
		case '[':
			var items []json.RawMessage
			if json.Unmarshal(value, &items) != nil || len(items) > maxOptions {
				return nil, ErrAnswer
			}
			for _, item := range items {
				if item[0] != '"' || json.Unmarshal(item, &text) != nil {
					return nil, ErrAnswer
				}
				list = append(list, text)
			}
			a[id] = list
		default:
			n, err := strconv.ParseInt(string(value), 10, 64)
			if err != nil || strconv.FormatInt(n, 10) != string(value) {
				return nil, ErrAnswer
			}
			a[id] = n
		}
	}
	return a, nil
}

// JSON is the answer as ParseAnswer reads it, names in order.
func (a Answer) JSON() ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(map[string]any(a)); err != nil {
		return nil, fmt.Errorf("office: answer: %w", err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// AnswerFault is what is wrong with the answer to one question. It never repeats the answer.
type AnswerFault struct {
	Question string // id; of an unknown question "" (its name is what somebody typed)
	Code     string // unknown, hidden, required, kind, option, count, range, text
	UK, EN   string
}

// Visible tells which questions are shown to somebody who answers so.
func (d *Definition) Visible(a Answer) map[string]bool {
	visible := map[string]bool{}
	for _, q := range d.Questions() {
		visible[q.ID] = !slices.ContainsFunc(q.ShowIf, func(c Condition) bool { return !visible[c.Question] || !c.holds(a[c.Question]) })
	}
	return visible
}

func (c *Condition) holds(value any) bool {
	switch v := value.(type) {
	case string:
		return slices.Contains(c.Is, v)
	case []string:
		return slices.ContainsFunc(v, func(id string) bool { return slices.Contains(c.Is, id) })
	case int64:
		return (c.From != nil || c.To != nil) && (c.From == nil || v >= *c.From) && (c.To == nil || v <= *c.To)
	}
	return false
}

// Check lists what is wrong with an answer, in the order of the questions; none: it is good. A hidden question must not be
// answered, so that nobody's answer tells more than he saw himself asked.
func (d *Definition) Check(a Answer) []AnswerFault {
	var faults []AnswerFault
	known := map[string]bool{}
	visible := d.Visible(a)
	for _, q := range d.Questions() {
		known[q.ID] = true
		value, answered := a[q.ID]
		switch {
		case answered && !visible[q.ID]:
			faults = append(faults, AnswerFault{q.ID, "hidden", "На це питання не треба відповідати.", "This question is not to be answered."})
		case answered:
			if code, uk, en := q.checkValue(value); code != "" {
				faults = append(faults, AnswerFault{q.ID, code, uk, en})
			}
		case visible[q.ID] && q.Required:
			faults = append(faults, AnswerFault{q.ID, "required", "Дайте відповідь на це питання.", "Answer this question."})
		}
	}
	for id := range a {
		if !known[id] {
			return append(faults, AnswerFault{"", "unknown", "Такого питання немає.", "There is no such question."})
		}
	}
	return faults
}

func (q *Question) checkValue(value any) (code, uk, en string) {
	const kindUK, kindEN = "Відповідь не того виду.", "The answer is of another kind."
	switch q.Kind {
	case KindOne:
		v, ok := value.(string)
		if !ok {
			return "kind", kindUK, kindEN
		}
		if q.Option(v) == nil {
			return "option", "Такого варіанта немає.", "There is no such option."
		}
	case KindMany, KindRanking:
		v, ok := value.([]string)
		if !ok {
			return "kind", kindUK, kindEN
		}
		for i, id := range v {
			if q.Option(id) == nil || slices.Contains(v[:i], id) {
				return "option", "Такого варіанта немає або його названо двічі.", "There is no such option, or it is named twice."
			}
		}
		if q.Kind == KindRanking && len(v) != len(q.Options) {
			return "count", "Розставте всі варіанти, кожен на своє місце.", "Put all options in order, each in one place."
		}
		if low, high := q.choices(); q.Kind == KindMany && (int64(len(v)) < low || int64(len(v)) > high) {
			return "count", fmt.Sprintf("Оберіть від %d до %d варіантів.", low, high), fmt.Sprintf("Choose %d to %d options.", low, high)
		}
	case KindScale, KindNumber:
		v, ok := value.(int64)
		if !ok {
			return "kind", kindUK, kindEN
		}
		if low, high := q.bounds(); v < low || v > high {
			return "range", fmt.Sprintf("Число від %d до %d.", low, high), fmt.Sprintf("A number from %d to %d.", low, high)
		}
	case KindText:
		v, ok := value.(string)
		switch {
		case !ok:
			return "kind", kindUK, kindEN
		case strings.TrimSpace(v) == "" || badText(v):
			return "text", "Порожній текст або керівні знаки.", "An empty text, or control characters."
		case utf8.RuneCountInString(v) > q.Length():
			return "text", fmt.Sprintf("Не більше ніж %d знаків.", q.Length()), fmt.Sprintf("At most %d characters.", q.Length())
		}
	}
	return "", "", ""
}

// FromForm reads an answer from the fields of a plain form: a.‹question› (many: repeated), and for a ranking a.‹question›.‹option›
// with the option's place, 1 the first. Empty fields are no answers; answers to hidden questions are dropped, since a form without
// scripts shows every question. What cannot be read stays in the answer as it came, so that Check refuses it.
func (d *Definition) FromForm(form url.Values) Answer {
	a := Answer{}
	for _, q := range d.Questions() {
		values := form["a."+q.ID]
		first := ""
		if len(values) > 0 {
			first = strings.TrimSpace(strings.ReplaceAll(values[0], "\r\n", "\n"))
		}
		switch q.Kind {
		case KindOne, KindText:
			if first != "" {
				a[q.ID] = first
			}
		case KindMany:
			if len(values) > 0 {
				a[q.ID] = slices.Clone(values)
			}
		case KindScale, KindNumber:
			if n, err := strconv.ParseInt(first, 10, 64); err == nil {
				a[q.ID] = n
			} else if first != "" {
				a[q.ID] = first
			}
		case KindRanking:
			order := make([]string, len(q.Options))
			given := 0
			for _, o := range q.Options {
				text := strings.TrimSpace(form.Get("a." + q.ID + "." + o.ID))
				if text == "" {
					continue
				}
				given++
				if n, err := strconv.Atoi(text); err == nil && n >= 1 && n <= len(order) && order[n-1] == "" {
					order[n-1] = o.ID
				}
			}
			if given > 0 {
				a[q.ID] = slices.DeleteFunc(order, func(s string) bool { return s == "" })
			}
		}
	}
	visible := d.Visible(a)
	for _, q := range d.Questions() {
		if !visible[q.ID] {
			delete(a, q.ID)
		}
	}
	return a
}
