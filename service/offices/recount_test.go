package offices

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/posvid/posvid/office"
)

// closedSurvey is a closed survey of n people who all answered, with its list.
func closedSurvey(t testing.TB, n int) (*halves, office.Survey, []*token, []byte) {
	t.Helper()
	h := newHalves(t)
	s := h.open(t, sampleSurvey, n)
	ctx := context.Background()
	var tokens []*token
	for i, person := range h.people {
		a := office.Answer{"room": "yes", "said": "не для переліку"}
		if i%2 == 0 {
			a = office.Answer{"room": "no", "what": []string{"desk"}}
		}
		k, b := h.take(t, s, person, a)
		if err := h.box.Put(ctx, s.ID, b, h.at); err != nil {
			t.Fatal(err)
		}
		tokens = append(tokens, k)
	}
	if _, err := h.box.Recount(ctx, s.ID, n, n); !errors.Is(err, office.ErrSurveyState) {
		t.Errorf("list of an open box: %v", err)
	}
	s, err := h.surveys.Close(ctx, s.ID, h.at)
	if err == nil {
		err = h.box.Close(ctx, s.ID)
	}
	if err != nil {
		t.Fatal(err)
	}
	list, err := h.box.Recount(ctx, s.ID, s.Eligible, s.Issued)
	if err != nil {
		t.Fatal(err)
	}
	return h, s, tokens, list
}

// TestRecount: the list counts, everybody finds the own answer in it, and texts are not in it.
func TestRecount(t *testing.T) {
	h, s, tokens, list := closedSurvey(t, 14)
	r, err := office.Recount(list)
	if err != nil || r.Received != 14 || r.Issued != 14 || r.Eligible != 14 || r.ID != s.ID || r.KeyHash != office.DefinitionHash(s.PublicKey) {
		t.Fatalf("%+v %v", r, err)
	}
	for i, want := range []string{"yes 7 no 7", "1 7 0 0  7", "1 0 0 7  7"} {
		part := r.Questions[min(i, 1)].Parts[max(i-1, 0)]
		var got []string
		for _, c := range part.Cells {
			if c.Value != "" || c.Count > 0 {
				got = append(got, fmt.Sprintf("%s %d", c.Value, c.Count))
			}
		}
		if strings.Join(got, " ") != want || part.Withheld != 0 {
			t.Errorf("part %d: %q withheld %d, want %s", i, got, part.Withheld, want)
		}
	}
	if bytes.Contains(list, []byte("не для")) {
		t.Error("a text is in the list")
	}
	for i, k := range tokens {
		nonce, entry := office.BallotNonce(k.secret), office.BallotEntry(k.secret, "room", "")
		value := []string{"no", "yes"}[i%2]
		if !bytes.Contains(list, []byte(base64url.EncodeToString(nonce[:]))) || !bytes.Contains(list, []byte(`["`+base64url.EncodeToString(entry[:])+`","`+value+`"]`)) {
			t.Errorf("ballot %d is not found", i)
		}
		if bytes.Contains(list, []byte(base64url.EncodeToString(k.secret))) {
			t.Errorf("secret %d is in the list", i)
		}
	}
	if tally, err := h.box.Tally(t.Context(), s.ID); err != nil || tally.Questions[0].Parts[0].Cells[0].Count != 7 {
		t.Errorf("tally: %+v %v", tally, err)
	}
}

// recountJSON is a list as a test changes it.
type recountJSON struct {
	Format         string              `json:"format"`
	ID             string              `json:"id"`
	Variant        string              `json:"variant"`
	Key            string              `json:"key"`
	DefinitionHash string              `json:"definition_hash"`
	Definition     string              `json:"definition"`
	Eligible       int                 `json:"eligible"`
	Issued         int                 `json:"issued"`
	Received       int                 `json:"received"`
	K              int                 `json:"k"`
	Tokens         []map[string]string `json:"tokens"`
	Entries        []struct {
		Question string       `json:"question"`
		Part     string       `json:"part"`
		List     [][2]*string `json:"list"`
	} `json:"entries"`
}

// TestRecountRefused: a list in which anything was changed does not hold.
func TestRecountRefused(t *testing.T) {
	h, _, _, list := closedSurvey(t, 12)
	other := h.open(t, sampleSurvey, 5)
	word := func(text string) *string { return &text }
	for name, change := range map[string]func(v *recountJSON){
		"another format":  func(v *recountJSON) { v.Format = "posvid-recount/2" },
		"another variant": func(v *recountJSON) { v.Variant = "RSABSSA-SHA384-PSS-Deterministic" },
		"another k":       func(v *recountJSON) { v.K = 1 },
		"another survey":  func(v *recountJSON) { v.ID = other.ID },
		"no id":           func(v *recountJSON) { v.ID = "" },
		"another key":     func(v *recountJSON) { v.Key = base64url.EncodeToString(other.PublicKey) },
		"no key":          func(v *recountJSON) { v.Key = "AAAA" },
		"other questions": func(v *recountJSON) {
			v.Definition = strings.Replace(v.Definition, "Чи вистачає", "Чи бракує", 1)
		},
		"questions not canonical":  func(v *recountJSON) { v.Definition = " " + v.Definition },
		"fewer eligible":           func(v *recountJSON) { v.Eligible = 11 },
		"fewer issued":             func(v *recountJSON) { v.Issued = 11 },
		"more received":            func(v *recountJSON) { v.Received = 13 },
		"negative":                 func(v *recountJSON) { v.Received, v.Tokens = -1, nil },
		"token taken out":          func(v *recountJSON) { v.Tokens = v.Tokens[1:] },
		"token out, counts mended": func(v *recountJSON) { v.Tokens = v.Tokens[1:]; v.Received-- },
		"token twice":              func(v *recountJSON) { v.Tokens[1] = v.Tokens[0] },
		"tokens out of order":      func(v *recountJSON) { v.Tokens[0], v.Tokens[1] = v.Tokens[1], v.Tokens[0] },
		"forged token":             func(v *recountJSON) { v.Tokens[3]["signature"] = v.Tokens[4]["signature"] },
		"another prefix":           func(v *recountJSON) { v.Tokens[3]["prefix"] = v.Tokens[4]["prefix"] },
		"short nonce":              func(v *recountJSON) { v.Tokens[0]["nonce"] = "AAAA" },
		"no base64":                func(v *recountJSON) { v.Tokens[0]["prefix"] = "%" },
		"question taken out":       func(v *recountJSON) { v.Entries = v.Entries[1:] },
		"question twice":           func(v *recountJSON) { v.Entries = append(v.Entries, v.Entries[0]) },
		"no questions":             func(v *recountJSON) { v.Entries = nil },
		"another question":         func(v *recountJSON) { v.Entries[0].Question = "what" },
		"another part":             func(v *recountJSON) { v.Entries[1].Part = "light" },
		"entry taken out":          func(v *recountJSON) { v.Entries[0].List = v.Entries[0].List[1:] },
		"entry twice":              func(v *recountJSON) { v.Entries[0].List[1] = v.Entries[0].List[0] },
		"entry without a name":     func(v *recountJSON) { v.Entries[0].List[0][0] = nil },
		"short entry":              func(v *recountJSON) { v.Entries[0].List[0][0] = word("AAAA") },
		"unknown option":           func(v *recountJSON) { v.Entries[0].List[0][1] = word("maybe") },
		"a text":                   func(v *recountJSON) { v.Entries[3].List[0][1] = word("*") },
		"one changed answer": func(v *recountJSON) { // five and seven: the small number is seen; other changes their holders see
			for i := range v.Entries[0].List {
				v.Entries[0].List[i][1] = word([]string{"yes", "no"}[min(i, 1)])
			}
		},
	} {
		var v recountJSON
		if err := json.Unmarshal(list, &v); err != nil {
			t.Fatal(err)
		}
		change(&v)
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if r, err := office.Recount(data); !errors.Is(err, office.ErrRecount) || r != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, data := range map[string][]byte{"nothing": nil, "null": []byte("null"), "half": list[:len(list)/2], "two": append(bytes.Clone(list), list...), "unknown field": bytes.Replace(list, []byte(`"k":`), []byte(`"l":1,"k":`), 1),
		"field twice": bytes.Replace(list, []byte(`"k":`), []byte(`"k":5,"k":`), 1)} {
		if r, err := office.Recount(data); !errors.Is(err, office.ErrRecount) || r != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestRecountFew: of fewer than five answers there are tokens and nothing else.
func TestRecountFew(t *testing.T) {
	h := newHalves(t)
	s := h.open(t, sampleSurvey, 6)
	for _, person := range h.people[:4] {
		_, b := h.take(t, s, person, office.Answer{"room": "yes"})
		if err := h.box.Put(t.Context(), s.ID, b, h.at); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.box.Close(t.Context(), s.ID); err != nil {
		t.Fatal(err)
	}
	list, err := h.box.Recount(t.Context(), s.ID, 6, 4)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := office.Recount(list); err != nil || r.Received != 4 || len(r.Questions) != 0 || bytes.Contains(list, []byte(`"yes"]`)) {
		t.Errorf("%+v %v", r, err)
	}
}

// TestBlindedRefused: numbers that no honest browser sends are not signed, and use up nobody's token.
func TestBlindedRefused(t *testing.T) {
	h := newHalves(t)
	s := h.open(t, sampleSurvey, 5)
	all := bytes.Repeat([]byte{0xff}, office.BlindedSize)
	one := append(make([]byte, office.BlindedSize-1), 1)
	for name, blinded := range map[string][]byte{"nothing": nil, "short": all[:255], "long": append(bytes.Clone(all), 1), "above the modulus": all, "zero": make([]byte, office.BlindedSize), "one": one} {
		if _, err := h.surveys.Sign(t.Context(), s.ID, h.people[0], blinded, "2026-11-20", h.at); !errors.Is(err, office.ErrBlinded) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got, err := h.surveys.Standing(t.Context(), s.ID, h.people[0]); err != nil || got.Served || !got.Eligible {
		t.Errorf("%+v %v", got, err)
	}
	h.take(t, s, h.people[0], nil)
	var stranger [32]byte
	rand.Read(stranger[:])
	if _, err := h.surveys.Sign(t.Context(), s.ID, stranger, newToken(t, s).blinded, "2026-11-20", h.at); !errors.Is(err, office.ErrNotEligible) {
		t.Errorf("stranger: %v", err)
	}
}

// FuzzRecount: no panic; a list that holds says no more than was put in.
func FuzzRecount(f *testing.F) {
	_, _, _, list := closedSurvey(f, 5)
	f.Add(list)
	f.Add([]byte(`{"format":"posvid-recount/1","tokens":[],"entries":[]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if r, err := office.Recount(data); err == nil && (r.Received > r.Issued || r.Issued > r.Eligible) {
			t.Fatal("more than there can be")
		} else if err != nil && r != nil {
			t.Fatal("refused, and yet an answer")
		}
	})
}
