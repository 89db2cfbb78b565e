package office

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
)

// anyText is the cell of everybody who wrote a text.
const anyText = "*"

// Cell is one line of a result: how many answered so.
type Cell struct {
	Value    string // option, number, range "10..19", place, "1" or "0" (chosen or not), "" no answer
	Count    int    // 0 when withheld
	Withheld bool   // too few people, or another cell's number would follow from this one
	real     int
}

// PartTally is the result of one part of a question.
type PartTally struct {
	Part  string // option of a choice of several or of a ranking; else ""
	Cells []Cell // the last one is that of no answer
}

// QuestionTally is the result of one question.
type QuestionTally struct {
	Question *Question
	Parts    []PartTally
	Texts    []string // sorted, so that their order tells nothing; nil when withheld
	Mean     float64  // of a scale or a number
	HasMean  bool
	Withheld bool // nothing of it is shown
	Firsts   bool // of a ranking: only how often each option came first is shown
}

// Cell finds a cell; nil when there is none.
func (t *PartTally) Cell(value string) *Cell {
	for i := range t.Cells {
		if t.Cells[i].Value == value {
			return &t.Cells[i]
		}
	}
	return nil
}

// Tally is the result of a survey with what has to stay unseen withheld (docs/spec/office-surveys.md, Section 6).
type Tally struct {
	Received  int
	Questions []QuestionTally // none when fewer than MinGroup answered
}

// Question finds the result of a question; nil when there is none.
func (t *Tally) Question(id string) *QuestionTally {
	for i := range t.Questions {
		if t.Questions[i].Question.ID == id {
			return &t.Questions[i]
		}
	}
	return nil
}

// binCount is into how many ranges the answers to a number are put at most.
const binCount = 10

// bin is the range of a number that n falls in.
func (q *Question) bin(n int64) string {
	low, high := q.bounds()
	width := (high-low)/binCount + 1
	from := low + (n-low)/width*width
	return fmt.Sprintf("%d..%d", from, min(from+width-1, high))
}

// cellValues are the cells of each part of a question, that of no answer last.
func (q *Question) cellValues() []string {
	var out []string
	switch q.Kind {
	case KindOne:
		for _, o := range q.Options {
			out = append(out, o.ID)
		}
	case KindMany:
		out = []string{"1", "0"}
	case KindRanking:
		for i := range q.Options {
			out = append(out, strconv.Itoa(i+1))
		}
	case KindScale:
		for _, v := range q.Steps() {
			out = append(out, strconv.FormatInt(v, 10))
		}
	case KindNumber:
		low, high := q.bounds()
		for v := low; v <= high; v += (high-low)/binCount + 1 {
			out = append(out, q.bin(v))
		}
	case KindText:
		out = []string{anyText}
	}
	return append(out, "")
}

// cellOf is the cell that the value of a part falls in.
func (q *Question) cellOf(value string) string {
	switch {
	case value == "":
		return ""
	case q.Kind == KindText:
		return anyText
	case q.Kind == KindNumber:
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return ""
		}
		return q.bin(n)
	}
	return value
}

// counting gathers what is needed of all answers to one question.
type counting struct {
	cells   map[string]map[string]int // part → cell → number
	numbers map[int64]int
	texts   []string
}

func newCounting(d *Definition) map[string]*counting {
	all := map[string]*counting{}
	for _, q := range d.Questions() {
		c := &counting{cells: map[string]map[string]int{}, numbers: map[int64]int{}}
		for _, part := range q.parts() {
			c.cells[part] = map[string]int{}
		}
		all[q.ID] = c
	}
	return all
}

func (c *counting) add(q *Question, part, value string) {
	c.cells[part][q.cellOf(value)]++
	if value == "" {
		return
	}
	switch q.Kind {
	case KindScale, KindNumber:
		if n, err := strconv.ParseInt(value, 10, 64); err == nil {
			c.numbers[n]++
		}
	case KindText:
		c.texts = append(c.texts, value)
	}
}

// TallyAnswers is the result of answers, each whole.
func TallyAnswers(d *Definition, answers []Answer) Tally {
	all := newCounting(d)
	for _, a := range answers {
		for _, q := range d.Questions() {
			for _, part := range q.parts() {
				all[q.ID].add(q, part, q.partValue(a, part))
			}
		}
	}
	return tally(d, len(answers), all)
}

func small(n int) bool { return n > 0 && n < MinGroup }

// tally decides what may be shown. It looks at the sums of each part alone, so that it is the same for an anonymous survey, where
// nothing else is known.
func tally(d *Definition, received int, all map[string]*counting) Tally {
	t := Tally{Received: received}
	if received < MinGroup {
		return t
	}
	for _, q := range d.Questions() {
		c := all[q.ID]
		qt := QuestionTally{Question: q}
		for _, part := range q.parts() {
			pt := PartTally{Part: part}
			for _, value := range q.cellValues() {
				pt.Cells = append(pt.Cells, Cell{Value: value, real: c.cells[part][value]})
			}
			qt.Parts = append(qt.Parts, pt)
		}
		if t.reveals(d, &qt, all) {
			qt.withholdAll()
		} else {
			qt.withhold(t.gap(&qt, all))
		}
		qt.finish(c)
		t.Questions = append(t.Questions, qt)
	}
	return t
}

func (p *PartTally) none() *Cell { return &p.Cells[len(p.Cells)-1] }

func (t *QuestionTally) withholdAll() {
	t.Withheld = true
	for i := range t.Parts {
		for j := range t.Parts[i].Cells {
			t.Parts[i].Cells[j].Withheld = true
		}
	}
}

// withholdSmall withholds the small cells of a partition, and then the smallest others, until neither one withheld cell follows
// from the total nor all of them together are fewer than MinGroup.
func withholdSmall(cells []*Cell) {
	sum, n := 0, 0
	for _, c := range cells {
		c.Withheld = c.Withheld || small(c.real)
		if c.Withheld && c.real > 0 {
			sum += c.real
			n++
		}
	}
	for n > 0 && (n < 2 || sum < MinGroup) {
		var next *Cell
		for _, c := range cells {
			if !c.Withheld && c.real > 0 && (next == nil || c.real < next.real) {
				next = c
			}
		}
		if next == nil {
			return
		}
		next.Withheld = true
		sum += next.real
		n++
	}
}

func pointers(cells []Cell) []*Cell {
	out := make([]*Cell, len(cells))
	for i := range cells {
		out[i] = &cells[i]
	}
	return out
}

// withhold applies the rules to one question. hideNone: how many did not answer would tell something small.
func (t *QuestionTally) withhold(hideNone bool) {
	q := t.Question
	none := t.Parts[0].none()
	switch q.Kind {
	case KindText:
		answered := t.Parts[0].Cells[0].real
		if small(answered) || len(q.ShowIf) > 0 && (hideNone || small(none.real)) {
			t.withholdAll()
		}
	case KindRanking:
		if hideNone || small(none.real) || small(t.Parts[0].answered()) {
			t.withholdAll()
			return
		}
		if !slices.ContainsFunc(t.Parts, func(p PartTally) bool {
			return slices.ContainsFunc(p.Cells, func(c Cell) bool { return small(c.real) })
		}) {
			return
		}
		// Rows and columns of the table of places have the same sums: one cell would follow from the others. So only the first places
		// are shown, which are one partition.
		t.Firsts = true
		firsts := []*Cell{none}
		for i := range t.Parts {
			for j := range t.Parts[i].Cells {
				c := &t.Parts[i].Cells[j]
				c.Withheld = c.Value != "1" && c.Value != ""
				if c.Value == "1" {
					firsts = append(firsts, c)
				}
			}
		}
		withholdSmall(firsts)
		if none.Withheld {
			t.withholdAll()
		}
	default:
		for again := true; again; {
			again = false
			for i := range t.Parts {
				p := &t.Parts[i]
				p.none().Withheld = p.none().Withheld || hideNone
				withholdSmall(pointers(p.Cells))
				if p.none().Withheld && !hideNone { // the parts share it
					hideNone, again = true, true
				}
			}
			if low, high := q.choices(); q.Kind == KindMany && low == high && t.withholdOnes() {
				again = true // "0" of the same part follows
			}
		}
	}
}

// withholdOnes withholds, where everybody chooses equally many options, what would follow from the sum of all choices. It tells
// whether that was anything.
func (t *QuestionTally) withholdOnes() bool {
	var ones []*Cell
	hidden := 0
	for i := range t.Parts {
		c := t.Parts[i].Cell("1")
		ones = append(ones, c)
		hidden += b2i(c.Withheld)
	}
	withholdSmall(ones)
	for _, c := range ones {
		hidden -= b2i(c.Withheld)
	}
	return hidden != 0
}

func (p *PartTally) answered() int {
	n := 0
	for _, c := range p.Cells[:len(p.Cells)-1] {
		n += c.real
	}
	return n
}

// meets tells which cells of a question's only part fulfil a condition.
func (c *Condition) meets(q *Question, value string) bool {
	if value == "" {
		return false
	}
	switch q.Kind {
	case KindOne:
		return slices.Contains(c.Is, value)
	case KindScale:
		n, err := strconv.ParseInt(value, 10, 64)
		return err == nil && c.holds(n)
	}
	return false
}

// reveals tells whether the number of people who were shown a question would give away a cell that is withheld in an earlier one.
func (t *Tally) reveals(d *Definition, qt *QuestionTally, all map[string]*counting) bool {
	for i := range qt.Question.ShowIf {
		c := &qt.Question.ShowIf[i]
		on := t.Question(c.Question)
		switch on.Question.Kind {
		case KindMany:
			for _, part := range on.Parts {
				if slices.Contains(c.Is, part.Part) && part.Cell("1").Withheld {
					return true
				}
			}
		case KindNumber:
			if slices.ContainsFunc(on.Parts[0].Cells, func(c Cell) bool { return c.Withheld }) || smallBetween(d, on.Question, all[c.Question].numbers) {
				return true
			}
		default:
			within, without := false, false
			for _, cell := range on.Parts[0].Cells {
				if cell.Withheld && cell.real > 0 {
					if c.meets(on.Question, cell.Value) {
						within = true
					} else {
						without = true
					}
				}
			}
			if within && without {
				return true
			}
		}
	}
	return false
}

// smallBetween tells whether few people's numbers lie between two neighbours of all that is counted of a number: the edges of its ranges,
// and the bounds of conditions about it. The difference of two of the counts would be their number.
func smallBetween(d *Definition, q *Question, numbers map[int64]int) bool {
	low, high := q.bounds()
	var edges []int64 // the first number of each piece
	for v := low; v <= high; v += (high-low)/binCount + 1 {
		edges = append(edges, v)
	}
	for _, other := range d.Questions() {
		for _, c := range other.ShowIf {
			if c.Question == q.ID && c.From != nil {
				edges = append(edges, *c.From)
			}
			if c.Question == q.ID && c.To != nil {
				edges = append(edges, *c.To+1)
			}
		}
	}
	slices.Sort(edges)
	pieces := map[int]int{}
	for n, count := range numbers {
		at, _ := slices.BinarySearch(edges, n+1)
		pieces[at] += count
	}
	for _, count := range pieces {
		if small(count) {
			return true
		}
	}
	return false
}

// gap tells whether few of those who met a condition of a question did not answer it, or few answered it who met only another one:
// then the number of no answers is to be withheld. With several conditions, or several options of a choice of several, nobody knows
// how many were shown the question; what is known of each condition bounds it.
func (t *Tally) gap(qt *QuestionTally, all map[string]*counting) bool {
	answered := qt.Parts[0].answered()
	for i := range qt.Question.ShowIf {
		c := &qt.Question.ShowIf[i]
		on := t.Question(c.Question)
		met := 0
		switch on.Question.Kind {
		case KindMany:
			for _, option := range c.Is {
				n := all[c.Question].cells[option]["1"]
				if met += n; small(answered - n) {
					return true
				}
			}
		case KindNumber:
			for n, count := range all[c.Question].numbers {
				if c.holds(n) {
					met += count
				}
			}
		default:
			for _, cell := range on.Parts[0].Cells {
				if c.meets(on.Question, cell.Value) {
					met += cell.real
				}
			}
		}
		if small(met - answered) {
			return true
		}
	}
	return false
}

// finish shows what was not withheld.
func (t *QuestionTally) finish(c *counting) {
	whole := !t.Withheld
	t.Withheld = true
	for i := range t.Parts {
		for j := range t.Parts[i].Cells {
			cell := &t.Parts[i].Cells[j]
			if cell.Withheld {
				whole = false
				continue
			}
			cell.Count = cell.real
			if cell.real > 0 {
				t.Withheld = false
			}
		}
	}
	if t.Withheld { // only zeros would be left
		t.withholdAll()
		for i := range t.Parts {
			for j := range t.Parts[i].Cells {
				t.Parts[i].Cells[j].Count = 0
			}
		}
		return
	}
	switch t.Question.Kind {
	case KindText:
		t.Texts = slices.SortedFunc(slices.Values(c.texts), cmp.Compare[string])
	case KindScale, KindNumber:
		sum, n := int64(0), 0
		for v, count := range c.numbers {
			sum += v * int64(count)
			n += count
		}
		if whole && n >= MinGroup { // beside withheld cells it would be one equation more
			t.Mean, t.HasMean = float64(sum)/float64(n), true
		}
	}
}

// Answered is how many answered a question; -1 when that is withheld.
func (t *QuestionTally) Answered(received int) int {
	if none := t.Parts[0].none(); !none.Withheld {
		return received - none.Count
	}
	return -1
}
