package office

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

// RecountFormat names the JSON of a recount list (docs/spec/office-surveys.md, Section 7).
const RecountFormat = "posvid-recount/1"

// maxRecount is the largest recount list that Recount reads, in bytes.
const maxRecount = 1 << 30

var surveyBase64 = base64.RawURLEncoding.Strict()

// recountList is what is published after an anonymous survey closes: everybody can count again, and everybody who answered can find
// his own answer. Bytes are base64url without padding.
type recountList struct {
	Format         string          `json:"format"`
	ID             string          `json:"id"`
	Variant        string          `json:"variant"`
	Key            string          `json:"key"` // SubjectPublicKeyInfo
	DefinitionHash string          `json:"definition_hash"`
	Definition     string          `json:"definition"`
	Eligible       int             `json:"eligible"`
	Issued         int             `json:"issued"`
	Received       int             `json:"received"`
	K              int             `json:"k"`
	Tokens         []recountToken  `json:"tokens"`  // in order of nonce
	Entries        []recountColumn `json:"entries"` // in the order of questions and parts; none when received < k
}

type recountToken struct {
	Nonce     string `json:"nonce"`
	Prefix    string `json:"prefix"`
	Signature string `json:"signature"`
}

// recountColumn are the answers to one part of a question, in order of entry; the second of a pair is null when it is withheld.
type recountColumn struct {
	Question string       `json:"question"`
	Part     string       `json:"part"`
	List     [][2]*string `json:"list"`
}

// boxEntry is one stored entry.
type boxEntry struct {
	entry [EntrySize]byte
	value string
}

// contents are all ballots of a box: by question and part, in order of entry.
func boxContents(tx Tx, survey string, d *Definition) (map[string]map[string][]boxEntry, error) {
	out := map[string]map[string][]boxEntry{}
	for _, q := range d.Questions() {
		out[q.ID] = map[string][]boxEntry{}
	}
	return out, tx.Rows("SELECT question, part, entry, value FROM office_box_entries WHERE survey = $1 ORDER BY question, part, entry", []any{survey}, func(scan func(...any) error) error {
		var question, part string
		var entry, sealed []byte
		if err := scan(&question, &part, &entry, &sealed); err != nil {
			return err
		}
		value, err := tx.Open("office_box_entries.value", entryPlace(survey, question, part, entry), sealed)
		if err != nil {
			return err
		}
		if len(entry) != EntrySize || out[question] == nil {
			return fmt.Errorf("%w: entry of no question", ErrTampered)
		}
		out[question][part] = append(out[question][part], boxEntry{[EntrySize]byte(entry), unpadValue(value)})
		return nil
	})
}

// closedBox reads the definition and the contents of a box that takes no more ballots, and refuses one whose rows do not agree with
// the sealed count.
func closedBox(tx Tx, survey string) (s BoxSurvey, d Definition, received int, contents map[string]map[string][]boxEntry, err error) {
	var closed, tokens int
	s.ID = survey
	if err = tx.Row("SELECT definition, public_key, closed FROM office_boxes WHERE survey = $1", []any{survey}, &s.Definition, &s.PublicKey, &closed); err != nil {
		return
	}
	if closed == 0 {
		err = ErrSurveyState
		return
	}
	if err = json.Unmarshal(s.Definition, &d); err != nil {
		return
	}
	if received, err = boxCount(tx, survey); err != nil {
		return
	}
	if err = tx.Row("SELECT count(*) FROM office_box_tokens WHERE survey = $1", []any{survey}, &tokens); err != nil {
		return
	}
	if contents, err = boxContents(tx, survey, &d); err != nil {
		return
	}
	if tokens != received {
		err = fmt.Errorf("%w: %d tokens, sealed %d", ErrTampered, tokens, received)
		return
	}
	for _, q := range d.Questions() {
		for _, part := range q.parts() {
			if n := len(contents[q.ID][part]); n != received {
				err = fmt.Errorf("%w: %d entries, sealed %d", ErrTampered, n, received)
				return
			}
		}
	}
	return
}

func tallyBox(d *Definition, received int, contents map[string]map[string][]boxEntry) Tally {
	all := newCounting(d)
	for _, q := range d.Questions() {
		for _, part := range q.parts() {
			for _, e := range contents[q.ID][part] {
				all[q.ID].add(q, part, e.value)
			}
		}
	}
	return tally(d, received, all)
}

// Tally is the result of a closed box. Errors: ErrNotFound, ErrSurveyState while it is open, ErrTampered.
func (b *Box) Tally(ctx context.Context, survey string) (t Tally, err error) {
	err = b.store.View(ctx, func(tx Tx) error {
		_, d, received, contents, err := closedBox(tx, survey)
		if err != nil {
			return err
		}
		t = tallyBox(&d, received, contents)
		return nil
	})
	return t, err
}

// Recount is the public list of a closed box; the same bytes every time. Errors as of Tally.
func (b *Box) Recount(ctx context.Context, survey string, eligible, issued int) (out []byte, err error) {
	err = b.store.View(ctx, func(tx Tx) error {
		s, d, received, contents, err := closedBox(tx, survey)
		if err != nil {
			return err
		}
		hash := DefinitionHash(s.Definition)
		list := recountList{Format: RecountFormat, ID: survey, Variant: BallotVariant, Key: surveyBase64.EncodeToString(s.PublicKey),
			DefinitionHash: surveyBase64.EncodeToString(hash[:]), Definition: string(s.Definition), Eligible: eligible, Issued: issued, Received: received,
			K: MinGroup, Tokens: []recountToken{}, Entries: []recountColumn{}}
		err = tx.Rows("SELECT nonce, prefix, signature FROM office_box_tokens WHERE survey = $1 ORDER BY nonce", []any{survey}, func(scan func(...any) error) error {
			var nonce, prefix, signature []byte
			if err := scan(&nonce, &prefix, &signature); err != nil {
				return err
			}
			list.Tokens = append(list.Tokens, recountToken{surveyBase64.EncodeToString(nonce), surveyBase64.EncodeToString(prefix), surveyBase64.EncodeToString(signature)})
			return nil
		})
		if err != nil {
			return err
		}
		t := tallyBox(&d, received, contents)
		for i := range t.Questions {
			q := t.Questions[i].Question
			for j := range t.Questions[i].Parts {
				part := &t.Questions[i].Parts[j]
				column := recountColumn{Question: q.ID, Part: part.Part, List: make([][2]*string, received)}
				for k, e := range contents[q.ID][part.Part] {
					id, value := surveyBase64.EncodeToString(e.entry[:]), q.cellOf(e.value)
					column.List[k][0] = &id
					if cell := part.Cell(value); cell != nil && !cell.Withheld && value != anyText {
						column.List[k][1] = &value
					}
				}
				list.Entries = append(list.Entries, column)
			}
		}
		var buf bytes.Buffer
		enc := json.NewEncoder(&buf)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(list); err != nil {
			return fmt.Errorf("office: recount: %w", err)
		}
		out = buf.Bytes()
		return nil
	})
	return out, err
}

// ErrRecount is a recount list that does not hold; the text says where.
var ErrRecount = errors.New("office: recount")

// Recounted is what a recount list says, counted again.
type Recounted struct {
	ID                         string
	Definition                 Definition
	Eligible, Issued, Received int
	KeyHash                    [32]byte // SHA-256 of the key, to compare with the one that the survey's page showed
	Questions                  []RecountedQuestion
}

// RecountedQuestion are the counts of one question.
type RecountedQuestion struct {
	Question *Question
	Parts    []RecountedPart
}

// RecountedPart are the counts of one part.
type RecountedPart struct {
	Part     string
	Cells    []Cell // in the order of the definition, that of no answer last
	Withheld int    // entries whose answer is not published
}

// Recount checks a recount list with nothing but the list: every token's signature, that no token and no entry stands twice, that
// each question has as many entries as there are tokens, that no published number is of fewer than MinGroup people, and that
// received ≤ issued ≤ eligible. Error: ErrRecount.
func Recount(data []byte) (*Recounted, error) {
	bad := func(format string, args ...any) (*Recounted, error) {
		return nil, fmt.Errorf("%w: "+format, append([]any{ErrRecount}, args...)...)
	}
	if len(data) > maxRecount {
		return bad("%d bytes, want at most %d", len(data), maxRecount)
	}
	if err := checkSurveyJSON(data); err != nil {
		return bad("%w", err)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	var list recountList
	if err := dec.Decode(&list); err != nil {
		return bad("want the JSON of %s", RecountFormat)
	}
	if _, err := dec.Token(); err != io.EOF {
		return bad("want one JSON value")
	}
	if list.Format != RecountFormat || list.Variant != BallotVariant || list.K != MinGroup {
		return bad("want format %s, variant %s, k %d", RecountFormat, BallotVariant, MinGroup)
	}
	if raw, err := surveyIDs.DecodeString(list.ID); err != nil || len(raw) != 16 {
		return bad("id: want 26 characters of base32")
	}
	spki, err := surveyBase64.DecodeString(list.Key)
	if err != nil {
		return bad("key: want base64url")
	}
	key, err := parseSurveyKey(spki)
	if err != nil {
		return bad("%w", err)
	}
	d, canonical, err := ParseDefinition([]byte(list.Definition))
	if err != nil {
		return bad("%w", err)
	}
	if hash := DefinitionHash(canonical); string(canonical) != list.Definition || surveyBase64.EncodeToString(hash[:]) != list.DefinitionHash {
		return bad("definition does not have the hash that is named")
	}
	if list.Received != len(list.Tokens) || list.Received < 0 || list.Received > list.Issued || list.Issued > list.Eligible {
		return bad("%d tokens, received %d, issued %d, eligible %d: want each at most the next, and as many tokens as received", len(list.Tokens), list.Received, list.Issued, list.Eligible)
	}
	var last []byte
	for i, t := range list.Tokens {
		nonce, err1 := surveyBase64.DecodeString(t.Nonce)
		prefix, err2 := surveyBase64.DecodeString(t.Prefix)
		signature, err3 := surveyBase64.DecodeString(t.Signature)
		if err := errors.Join(err1, err2, err3); err != nil || len(nonce) != NonceSize {
			return bad("token %d: want base64url of %d, %d and %d bytes", i, NonceSize, PrefixSize, BlindedSize)
		}
		if i > 0 && bytes.Compare(last, nonce) >= 0 {
			return bad("token %d: stands twice or out of order", i)
		}
		last = nonce
		if err := verifyToken(key, list.ID, [NonceSize]byte(nonce), prefix, signature); err != nil {
			return bad("token %d: %w", i, err)
		}
	}
	out := &Recounted{ID: list.ID, Definition: d, Eligible: list.Eligible, Issued: list.Issued, Received: list.Received, KeyHash: DefinitionHash(spki)}
	if list.Received < MinGroup {
		if len(list.Entries) != 0 {
			return bad("entries of fewer than %d ballots", MinGroup)
		}
		return out, nil
	}
	columns := list.Entries
	for _, q := range out.Definition.Questions() {
		counted := RecountedQuestion{Question: q}
		for _, part := range q.parts() {
			if len(columns) == 0 || columns[0].Question != q.ID || columns[0].Part != part {
				return bad("entries of question %s %s: missing or out of order", q.ID, part)
			}
			p, err := recountPart(q, part, columns[0].List, list.Received)
			if err != nil {
				return bad("entries of question %s %s: %w", q.ID, part, err)
			}
			counted.Parts = append(counted.Parts, p)
			columns = columns[1:]
		}
		out.Questions = append(out.Questions, counted)
	}
	if len(columns) > 0 {
		return bad("entries of no question")
	}
	return out, nil
}

func recountPart(q *Question, part string, list [][2]*string, received int) (RecountedPart, error) {
	out := RecountedPart{Part: part}
	values := q.cellValues()
	for _, v := range values {
		out.Cells = append(out.Cells, Cell{Value: v})
	}
	if len(list) != received {
		return out, fmt.Errorf("%d, want %d, one of each ballot", len(list), received)
	}
	var last []byte
	for i, pair := range list {
		if pair[0] == nil {
			return out, fmt.Errorf("number %d: no entry", i)
		}
		entry, err := surveyBase64.DecodeString(*pair[0])
		if err != nil || len(entry) != EntrySize {
			return out, fmt.Errorf("number %d: want base64url of %d bytes", i, EntrySize)
		}
		if i > 0 && bytes.Compare(last, entry) >= 0 {
			return out, fmt.Errorf("number %d: stands twice or out of order", i)
		}
		last = entry
		if pair[1] == nil {
			out.Withheld++
			continue
		}
		at := slices.Index(values, *pair[1])
		if at < 0 || *pair[1] == anyText {
			return out, fmt.Errorf("number %d: no answer of this question", i)
		}
		out.Cells[at].Count++
	}
	for _, c := range out.Cells {
		if small(c.Count) && q.Kind != KindText {
			return out, fmt.Errorf("a number of fewer than %d people is published", MinGroup)
		}
	}
	return out, nil
}
