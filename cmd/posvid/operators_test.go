package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"github.com/posvid/posvid/cmd/internal/cli"
	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys/authority"
	"github.com/posvid/posvid/hr"
	"github.com/posvid/posvid/issuer"
)

// TestRegisterTexts holds the refusals of the register to their texts: every code that package issuer declares has two languages and a next step, and no text is of a code that is gone.
func TestRegisterTexts(t *testing.T) {
	declared := map[issuer.RegisterCode]bool{}
	names, err := filepath.Glob(filepath.Join("..", "..", "issuer", "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`RegisterCode\s+= "([a-z-]+)"`).FindAllStringSubmatch(string(source), -1) {
			declared[issuer.RegisterCode(m[1])] = true
		}
	}
	if len(declared) < 40 {
		t.Fatalf("%d codes found, want at least 40", len(declared))
	}
	for code := range declared {
		text, ok := registerTexts[code]
		if !ok {
			t.Errorf("%s: no text", code)
			continue
		}
		for _, s := range []string{text.uk, text.en, text.nextUK, text.nextEN} {
			if strings.TrimSpace(s) == "" {
				t.Errorf("%s: an empty text", code)
			}
		}
	}
	for code := range registerTexts {
		if !declared[code] {
			t.Errorf("%s: a text of no code", code)
		}
	}
}

// TestRegisterRefusal keeps the code through the words, and leaves alone what is no refusal or is in words already.
func TestRegisterRefusal(t *testing.T) {
	env := &cli.Env{Lang: "en"}
	err := registerRefusal(env, fmt.Errorf("issuer: proposal 4: %w", issuer.ApprovalMissing))
	var hinted *cli.Hinted
	if !errors.Is(err, issuer.ApprovalMissing) || !errors.As(err, &hinted) || hinted.Hint == "" || !strings.HasSuffix(err.Error(), "[approval-missing]") {
		t.Errorf("got %q, want words, the code and a hint", err)
	}
	if registerRefusal(env, nil) != nil {
		t.Error("no error became one")
	}
	for _, same := range []error{os.ErrPermission, issuer.RegisterCode("of-tomorrow"), cli.Hint(issuer.ManualInvalid, "mend it")} {
		if got := registerRefusal(env, same); got != same {
			t.Errorf("%v became %v", same, got)
		}
	}
}

func TestVisible(t *testing.T) {
	for in, want := range map[string]string{
		"Лукʼяненко Дарʼя": "Лукʼяненко Дарʼя", "a\x1b[2Kb": "a?[2Kb", "a\u202eb": "a?b", "a\nb": "a?b", "": "",
	} {
		if got := visible(in); got != want {
			t.Errorf("visible(%q) = %q, want %q", in, got, want)
		}
	}
}

// sampleChange is a proposal that is whole.
func sampleChange(t testing.TB) operatorProposal {
	key, err := authority.OperatorKeyForVectors(cose.ESP256, "proposal")
	if err != nil {
		t.Fatal(err)
	}
	return operatorProposal{operatorSchema, "99000028", "add", 3, time.Unix(1772000000, 0).UTC(), "Сич Олег", hr.PersonKey{1},
		key.OperatorPublic().MarshalCOSE(), "both"}
}

func sampleManual() manualProposal {
	return manualProposal{manualSchema, "99000028", 2, time.Unix(1772000000, 0).UTC(), hr.Keys{RNOKPP: hr.PersonKey{7}},
		hr.Record{Person: hr.Person{RNOKPP: "0229460499", Surname: "Гончарук", GivenName: "Тарас"}, Post: hr.Post{EDRPOU: "99000028", Position: "слідчий"}, Status: hr.StatusActive}}
}

// TestOperatorProposalForms refuses each field that is not as the form has it.
func TestOperatorProposalForms(t *testing.T) {
	good := sampleChange(t)
	c, err := good.change()
	if err != nil || c.Kind != issuer.ApproveOperatorAdd || c.Operator.Roles != issuer.RoleRegistrar|issuer.RoleApprover {
		t.Fatalf("the good one: %+v, %v", c, err)
	}
	for name, spoil := range map[string]func(*operatorProposal){
		"schema of another version": func(p *operatorProposal) { p.Schema = "posvid.operator-change/2" },
		"no schema":                 func(p *operatorProposal) { p.Schema = "" },
		"unknown change":            func(p *operatorProposal) { p.Change = "promote" },
		"no change":                 func(p *operatorProposal) { p.Change = "" },
		"unknown role":              func(p *operatorProposal) { p.Roles = "chief" },
		"no role":                   func(p *operatorProposal) { p.Roles = "" },
		"removal with a role":       func(p *operatorProposal) { p.Change = "remove" },
		"removal with odd roles":    func(p *operatorProposal) { p.Change, p.Roles = "remove", "chief" },
		"no key":                    func(p *operatorProposal) { p.Key = nil },
		"key cut short":             func(p *operatorProposal) { p.Key = p.Key[:len(p.Key)-1] },
		"key with a tail":           func(p *operatorProposal) { p.Key = append(slices.Clone(p.Key), 0) },
		"before 1970":               func(p *operatorProposal) { p.Expires = time.Unix(-1, 0) },
	} {
		p := good
		spoil(&p)
		if _, err := p.change(); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// TestManualSubjectBinds changes each thing a second person is shown: the hash he signs changes with it. The numbers are
// bound by their keyed hashes and stand nowhere in the file.
func TestManualSubjectBinds(t *testing.T) {
	good := sampleManual()
	want, err := good.subject()
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*manualProposal){
		"body":       func(p *manualProposal) { p.EDRPOU = "99999905" },
		"number":     func(p *manualProposal) { p.Number++ },
		"expiry":     func(p *manualProposal) { p.Expires = p.Expires.Add(time.Second) },
		"РНОКПП":     func(p *manualProposal) { p.Keys.RNOKPP[31]++ },
		"УНЗР":       func(p *manualProposal) { p.Keys.UNZR[0]++ },
		"staff":      func(p *manualProposal) { p.Keys.Staff[0]++ },
		"swap":       func(p *manualProposal) { p.Keys.RNOKPP, p.Keys.Staff = p.Keys.Staff, p.Keys.RNOKPP },
		"surname":    func(p *manualProposal) { p.Record.Surname = "Інший" },
		"position":   func(p *manualProposal) { p.Record.Position = "прокурор" },
		"photo":      func(p *manualProposal) { p.Record.PhotoSHA256[0]++ },
		"last day":   func(p *manualProposal) { p.Record.Until, _ = hr.ParseDate("31.12.2030") },
		"other body": func(p *manualProposal) { p.Record.EDRPOU = "99999905" },
	} {
		p := good
		change(&p)
		if got, err := p.subject(); err != nil || got.Hash == want.Hash {
			t.Errorf("%s: the hash stays (%v)", name, err)
		}
	}
	if text, err := json.Marshal(&good); err != nil || bytes.Contains(text, []byte("0229460499")) {
		t.Errorf("the file holds the number: %v", err)
	}
	good.Schema = "posvid.manual-entry/2"
	if _, err := good.subject(); err == nil {
		t.Error("another version is taken")
	}
}

func TestParseProposalRefuses(t *testing.T) {
	whole, err := json.Marshal(sampleChange(t))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"empty": "", "null and more": "null null", "two objects": string(whole) + string(whole), "tail": string(whole) + "x", "a list": "[]",
		"unknown member": `{"note":1,` + string(whole[1:]), "cut": string(whole[:len(whole)-2]), "text for a number": `{"number":"3"}`,
		"short person key": `{"person":"00"}`, "negative number": `{"number":-1}`,
	} {
		var p operatorProposal
		if err := parseProposal([]byte(text), &p); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// FuzzProposal: whatever is read as a proposal and written again means the same to those who sign it.
func FuzzProposal(f *testing.F) {
	for _, p := range []any{sampleChange(f), sampleManual()} {
		text, err := json.Marshal(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
		f.Add(text[:len(text)/2])
	}
	f.Add([]byte(`{"schema":"posvid.manual-entry/1","record":{"status":"active"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var change, changeAgain operatorProposal
		if parseProposal(data, &change) == nil {
			if c, err := change.change(); err == nil {
				again(t, &change, &changeAgain)
				d, err := changeAgain.change()
				if err != nil || d.Subject() != c.Subject() {
					t.Errorf("written again it is another change: %v", err)
				}
			}
		}
		var entry, entryAgain manualProposal
		if parseProposal(data, &entry) == nil {
			if s, err := entry.subject(); err == nil {
				again(t, &entry, &entryAgain)
				if u, err := entryAgain.subject(); err != nil || u != s {
					t.Errorf("written again it is another entry: %v", err)
				}
			}
		}
	})
}

// again writes a proposal and reads it.
func again(t *testing.T, from, into any) {
	t.Helper()
	text, err := json.MarshalIndent(from, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if err := parseProposal(text, into); err != nil {
		t.Fatalf("what was written is not read: %v", err)
	}
}

// TestStandingsReport reads the cells back: a reason, a missing step and a blocked renewal are each told.
func TestStandingsReport(t *testing.T) {
	record := func(name string) hr.Record {
		return hr.Record{Person: hr.Person{Surname: name, GivenName: "Тарас"}, Post: hr.Post{Position: "слідчий", StaffNumber: "0001"}, Line: 4}
	}
	list := []hr.Without{
		standingLine(&issuer.Standing{Record: record("Перший"), Step: issuer.StepIssued, Blocked: true, ID: issuer.ID{State: issuer.StateIssued}}),
		standingLine(&issuer.Standing{Record: record("Другий"), Step: issuer.StepNotEntitled, Reasons: []hr.Reason{{Code: hr.NoPhoto}}}),
		standingLine(&issuer.Standing{Record: record("Третій"), Step: issuer.StepNoSlip}),
		standingLine(&issuer.Standing{Record: record("Четвертий"), Step: issuer.StepSuspended, ID: issuer.ID{State: issuer.StateSuspended}}),
	}
	var out bytes.Buffer
	if err := hr.WriteWithoutIDReport(&out, list, time.Unix(1772000000, 0)); err != nil {
		t.Fatal(err)
	}
	book, err := excelize.OpenReader(&out)
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	rows, err := book.GetRows(book.GetSheetName(0))
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{
		{"Перший Тарас", "відкладено", "set-aside", "так"}, {"Другий Тарас", "немає фото", "no-photo"},
		{"Третій Тарас", "немає талона підключення", "no-slip"}, {"Четвертий Тарас", "зупинено", "id-suspended"},
	}
	if len(rows) != len(want)+1 {
		t.Fatalf("%d rows, want %d", len(rows), len(want)+1)
	}
	for i, words := range want {
		line := strings.Join(rows[i+1], "|")
		for _, w := range words {
			if !strings.Contains(line, w) {
				t.Errorf("row %d: %s, want %q in it", i+2, line, w)
			}
		}
		if slices.Contains(rows[i+1], "так") != (i == 0) {
			t.Errorf("row %d: %s: only the first will not be renewed", i+2, line)
		}
	}
}
