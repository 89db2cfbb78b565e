package office

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"math/bits"
	"slices"
	"sort"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/collate"
	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"
)

// Bounds of a search.
const (
	MaxQueryBytes = 200 // of Query.Text; what is longer is cut
	maxQueryWords = 8
)

// Query is what to look for in the directory. The zero Query finds everybody who serves now.
type Query struct {
	Text          string    // parts of names, position and unit, in any order, Ukrainian or Latin; every one has to be found
	Body          string    // ЄДРПОУ; empty: every body
	Unit          string    // full name of a unit of Body, with the units below it; empty: any
	Category      string    // "А", "Б", "В"; empty: any
	At            time.Time // as the directory stood then; zero: now
	Limit, Offset int       // Limit 0: only the total
}

// Result is a part of what a query found, in the order of the Ukrainian alphabet; those whose surname begins with a word of the
// query come first.
type Result struct {
	Entries []Entry
	Total   int
}

// Search finds entries.
func (d *Directory) Search(ctx context.Context, q Query) (Result, error) {
	if err := d.refresh(ctx); err != nil {
		return Result{}, err
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	units := d.below(q.Body, q.Unit)
	words := queryWords(q.Text)
	hits := d.index.find(words)
	at := unix(q.At)
	var r Result
	var later []int32 // whose surname does not begin so
	take := func(doc *doc) {
		if r.Total >= q.Offset && len(r.Entries) < q.Limit {
			r.Entries = append(r.Entries, doc.seat.entry(doc.version))
		}
		r.Total++
	}
	var last *text // those with one surname stand together
	var first bool
	for _, n := range d.index.order {
		if hits != nil && !hits.has(n) {
			continue
		}
		doc := &d.index.docs[n]
		switch {
		case doc.seat == nil,
			at == 0 && !doc.open,
			at != 0 && (at < doc.since || doc.until != 0 && at >= doc.until),
			q.Body != "" && doc.seat.Body != q.Body,
			q.Category != "" && doc.version.category != q.Category,
			units != nil && !units[doc.version.unit]:
			continue
		}
		if len(words) > 0 {
			if doc.surname != last {
				last, first = doc.surname, slices.ContainsFunc(words, doc.surname.begins)
			}
			if !first {
				later = append(later, n)
				continue
			}
		}
		take(doc)
	}
	for _, n := range later {
		if len(r.Entries) == q.Limit || r.Total+len(later) <= q.Offset {
			r.Total += len(later)
			break
		}
		take(&d.index.docs[n])
		later = later[1:]
	}
	return r, nil
}

// Everyone is the audience of a survey: everybody who serves now in a body (empty: in any), in a unit with the units below it,
// of a category. It is in the order of the alphabet.
func (d *Directory) Everyone(ctx context.Context, body, unit, category string) ([]Entry, error) {
	r, err := d.Search(ctx, Query{Body: body, Unit: unit, Category: category, Limit: 1 << 30})
	return r.Entries, err
}

// doc is one version of one seat in the index; a nil seat is one that is no more.
type doc struct {
	seat                       *seatState
	version                    *version
	surname, given, patronymic *text
	since, until               int64 // of the version
	open                       bool  // the seat says it now
}

// text is a text that many entries share, with its words.
type text struct {
	s             string
	words         []int32
	folded, latin string // of the first word, for ranking
	same          string // all words, for comparing
	key           []byte // place in the alphabet
}

func (t *text) begins(w word) bool {
	return strings.HasPrefix(t.folded, w.text) || w.latin && strings.HasPrefix(t.latin, w.text)
}

// index finds entries by parts of words. Every word that occurs is written once into one line of text, which is what a query runs
// over; each knows in which entries it occurs. It is guarded by the directory's lock.
type index struct {
	docs   []doc
	dead   int
	order  []int32 // docs by key
	texts  map[string]*text
	word   map[string]int32
	line   []byte    // words, each after a line end
	starts []int     // where in line each begins
	occurs [][]int32 // docs of each word
	keys   *collate.Collator
	buffer collate.Buffer
}

func newIndex() *index {
	return &index{texts: map[string]*text{}, word: map[string]int32{}, keys: collate.New(language.Ukrainian, collate.IgnoreCase)}
}

// remove takes a seat out. Its places stay, so that those of others keep their numbers.
func (x *index) remove(s *seatState) {
	for _, n := range s.docs {
		d := &x.docs[n]
		d.seat, d.version, d.open = nil, nil, false
		x.dead++
	}
}

// add puts seats in. When most of the index is of seats that are no more it is made anew.
func (x *index) add(seats []*seatState) {
	if x.dead > 1000 && x.dead > len(x.docs)/2 {
		all := map[*seatState]bool{}
		for i := range x.docs {
			if s := x.docs[i].seat; s != nil {
				all[s] = true
			}
		}
		*x = *newIndex()
		seats = slices.AppendSeq(slices.Clone(seats), maps.Keys(all))
	}
	var fresh []doc
	for _, s := range seats {
		s.docs = s.docs[:0]
		for i := range s.versions {
			v := &s.versions[i]
			f := &v.facts
			_, open := s.open()
			fresh = append(fresh, doc{seat: s, version: v, since: v.since, until: v.until, open: open && i == len(s.versions)-1, surname: x.name(&f.surname), given: x.name(&f.given), patronymic: x.name(&f.patronymic)})
		}
	}
	slices.SortStableFunc(fresh, func(a, b doc) int { return a.compare(&b) }) // numbers in order of the alphabet keep what is walked together together
	merged := make([]int32, 0, len(x.order)+len(fresh))
	old := x.order
	for i := range fresh {
		for ; len(old) > 0 && x.docs[old[0]].compare(&fresh[i]) <= 0; old = old[1:] {
			merged = append(merged, old[0])
		}
		n := int32(len(x.docs))
		x.note(&fresh[i], n)
		x.docs = append(x.docs, fresh[i])
		merged = append(merged, n)
	}
	x.order = append(merged, old...)
}

// note puts the words of a doc into the index.
func (x *index) note(d *doc, n int32) {
	d.seat.docs = append(d.seat.docs, n)
	f := &d.version.facts
	x.occur(d.surname, n)
	x.occur(d.given, n)
	x.occur(d.patronymic, n)
	for _, t := range []*string{&f.position, &f.unit} {
		x.occur(x.text(t, false), n)
	}
	for _, t := range []*string{&f.surnameLatin, &f.givenLatin, &f.positionEN, &f.unitEN} {
		x.occur(x.text(t, true), n)
	}
	d.version.unitText, d.version.positionText = x.texts[f.unit], x.texts[f.position]
}

// compare puts names into the order of the Ukrainian alphabet.
func (d *doc) compare(o *doc) int {
	if c := bytes.Compare(d.surname.key, o.surname.key); c != 0 {
		return c
	}
	return cmp.Or(bytes.Compare(d.given.key, o.given.key), bytes.Compare(d.patronymic.key, o.patronymic.key))
}

// name is text for a part of a name, which has a place in the alphabet; apostrophes and case do not count there.
func (x *index) name(s *string) *text {
	t := x.text(s, false)
	if t.key == nil {
		x.buffer.Reset()
		t.key = append([]byte{}, x.keys.KeyFromString(&x.buffer, plain(t.s))...)
	}
	return t
}

// text knows a text; equal ones share their memory.
func (x *index) text(s *string, latin bool) *text {
	t := x.texts[*s]
	if t == nil {
		t = &text{s: strings.Clone(*s)}
		all := words(t.s)
		t.same = strings.Join(all, " ")
		for i, w := range all {
			forms := []string{skeleton(w)}
			if !latin {
				forms = []string{w, skeletonOf(w)}
			}
			if i == 0 && !latin {
				t.folded, t.latin = forms[0], forms[1]
			}
			for _, form := range forms {
				if form == "" {
					continue
				}
				k, ok := x.word[form]
				if !ok {
					k = int32(len(x.starts))
					x.word[form] = k
					x.line = append(x.line, '\n')
					x.starts = append(x.starts, len(x.line))
					x.line = append(x.line, form...)
					x.occurs = append(x.occurs, nil)
				}
				if !slices.Contains(t.words, k) {
					t.words = append(t.words, k)
				}
			}
		}
		x.texts[t.s] = t
	}
	*s = t.s
	return t
}

// occur notes that a text stands in a doc.
func (x *index) occur(t *text, n int32) {
	for _, k := range t.words {
		if o := x.occurs[k]; len(o) == 0 || o[len(o)-1] != n {
			x.occurs[k] = append(o, n)
		}
	}
}

// sameText is what two texts have in common that differ in case, apostrophes or spaces only.
func (x *index) sameText(s string) string {
	if t := x.texts[s]; t != nil {
		return t.same
	}
	return strings.Join(words(s), " ")
}

// bitset is a set of docs.
type bitset []uint64

func (b bitset) has(n int32) bool { return b[n>>6]&(1<<(n&63)) != 0 }

// find is the set of docs in which every word occurs; nil is all of them.
func (x *index) find(words []word) bitset {
	var all bitset
	for _, w := range words {
		hits := make(bitset, len(x.docs)>>6+1)
		part := []byte(w.text)
		for at := 0; ; {
			i := bytes.Index(x.line[at:], part)
			if i < 0 {
				break
			}
			k := sort.SearchInts(x.starts, at+i+1) - 1
			for _, n := range x.occurs[k] {
				hits[n>>6] |= 1 << (n & 63)
			}
			if k+1 == len(x.starts) {
				break
			}
			at = x.starts[k+1]
		}
		if all == nil {
			all = hits
			continue
		}
		left := 0
		for i := range all {
			all[i] &= hits[i]
			left += bits.OnesCount64(all[i])
		}
		if left == 0 {
			break
		}
	}
	return all
}

// word is one word of a query.
type word struct {
	text  string
	latin bool
}

// queryWords are the words that all have to be found.
func queryWords(s string) []word {
	if len(s) > MaxQueryBytes {
		s = strings.ToValidUTF8(s[:MaxQueryBytes], "")
	}
	var out []word
	for _, w := range words(s) {
		latin := strings.ContainsFunc(w, isLatin)
		if latin && strings.ContainsFunc(w, func(r rune) bool { return r >= 'а' && r <= 'ґ' }) { // typed with the wrong layout for a letter
			w, latin = lookAlikes.Replace(w), false
		}
		if latin {
			w = skeleton(w)
		}
		if w != "" {
			out = append(out, word{w, latin})
		}
		if len(out) == maxQueryWords {
			break
		}
	}
	return out
}

func isLatin(r rune) bool { return r >= 'a' && r <= 'z' }

// lookAlikes are the Latin letters that look like Ukrainian ones, in lower case.
var lookAlikes = strings.NewReplacer("a", "а", "b", "в", "c", "с", "e", "е", "h", "н", "i", "і", "k", "к", "m", "м", "o", "о", "p", "р", "t", "т", "x", "х", "y", "у")

const apostrophes = "'’ʼ‘`´ʹ′＇"

// plain leaves apostrophes out.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(apostrophes, r) {
			return -1
		}
		return r
	}, s)
}

// words are the words of a text as they are compared: in lower case, without apostrophes, ґ as г.
func words(s string) []string {
	s = strings.Map(func(r rune) rune {
		if r = unicode.ToLower(r); r == 'ґ' {
			return 'г'
		}
		return r
	}, plain(norm.NFC.String(s)))
	return strings.FieldsFunc(s, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// latinLetters is the table of КМУ 27.01.2010 №55; the second column stands at the start of a word.
var latinLetters = map[rune][2]string{
	'а': {"a", "a"}, 'б': {"b", "b"}, 'в': {"v", "v"}, 'г': {"h", "h"}, 'ґ': {"g", "g"}, 'д': {"d", "d"}, 'е': {"e", "e"}, 'є': {"ie", "ye"}, 'ж': {"zh", "zh"},
	'з': {"z", "z"}, 'и': {"y", "y"}, 'і': {"i", "i"}, 'ї': {"i", "yi"}, 'й': {"i", "y"}, 'к': {"k", "k"}, 'л': {"l", "l"}, 'м': {"m", "m"}, 'н': {"n", "n"}, 'о': {"o", "o"},
	'п': {"p", "p"}, 'р': {"r", "r"}, 'с': {"s", "s"}, 'т': {"t", "t"}, 'у': {"u", "u"}, 'ф': {"f", "f"}, 'х': {"kh", "kh"}, 'ц': {"ts", "ts"}, 'ч': {"ch", "ch"},
	'ш': {"sh", "sh"}, 'щ': {"shch", "shch"}, 'ь': {"", ""}, 'ю': {"iu", "yu"}, 'я': {"ia", "ya"},
}

// latinOf writes a text in Latin letters by the table; every word begins with a capital where the source does.
func latinOf(s string) string {
	var b strings.Builder
	before := ' '
	for _, r := range plain(norm.NFC.String(s)) {
		low := unicode.ToLower(r)
		out, ok := latinLetters[low]
		start := !unicode.IsLetter(before)
		t := out[0]
		switch {
		case !ok:
			t = string(r)
		case start:
			t = out[1]
		case low == 'г' && unicode.ToLower(before) == 'з':
			t = "gh" // зг is zgh, so that it differs from ж
		}
		if ok && low != r && t != "" {
			t = strings.ToUpper(t[:1]) + t[1:]
		}
		b.WriteString(t)
		before = r
	}
	return b.String()
}

// skeletonOf is a Ukrainian word, folded, as any Latin spelling of it is compared.
func skeletonOf(w string) string { return skeleton(latinOf(w)) }

// skeleton makes the letters one that spellings of one name differ in: y and j are i, g, h and any row of them is h, w is v, x is
// ks. It goes letter by letter, so that a part of a word gives a part of its skeleton.
func skeleton(w string) string {
	var b strings.Builder
	before := ' '
	for _, r := range w {
		switch r {
		case 'y', 'j':
			r = 'i'
		case 'g', 'h':
			if r = 'h'; before == 'h' {
				continue
			}
		case 'w':
			r = 'v'
		case 'x':
			b.WriteByte('k')
			r = 's'
		}
		b.WriteRune(r)
		before = r
	}
	return b.String()
}
