package main

import (
	"bytes"
	"compress/zlib"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/posvid/posvid/qr"
	"github.com/posvid/posvid/testvectors"
	"github.com/posvid/posvid/verifier"
)

// root is the top of the repository.
const root = "../.."

var (
	ruleLine   = regexp.MustCompile(`\*\*\[([A-Z]+-[0-9]+)\]\*\*`)
	ruleID     = regexp.MustCompile(`\b[A-Z]{2,6}-[0-9]{2}\b`)
	testName   = regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z0-9_]*)")
	testFunc   = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)[A-Za-z0-9_]*)\(`)
	vectorName = regexp.MustCompile("`([a-z0-9]+(?:_[a-z0-9]+)+)`")
	tableRow   = regexp.MustCompile("^\\| `([a-z0-9_]+)` \\| (accept|refuse|cannot-confirm) \\| ([a-z0-9-]+) \\|")
)

// rule is one MUST of a page.
type rule struct {
	id, page, text string
}

// rules are the MUSTs of every page of docs/spec, with the text of each up to the next one or the next heading.
func rules(t *testing.T) []rule {
	t.Helper()
	pages, err := filepath.Glob(root + "/docs/spec/*.md")
	if err != nil || len(pages) == 0 {
		t.Fatalf("docs/spec: %d pages, %v", len(pages), err)
	}
	var all []rule
	for _, name := range pages {
		if filepath.Base(name) == "README.md" {
			continue // shows what a rule looks like
		}
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		text := string(data)
		marks := ruleLine.FindAllStringSubmatchIndex(text, -1)
		for i, m := range marks {
			end := len(text)
			if i+1 < len(marks) {
				end = marks[i+1][0]
			}
			body := text[m[1]:end]
			if cut := strings.Index(body, "\n#"); cut >= 0 {
				body = body[:cut]
			}
			all = append(all, rule{text[m[2]:m[3]], filepath.Base(name), body})
		}
	}
	return all
}

// goTests reads every _test.go file: the functions in them, and the ids of rules that they name.
func goTests(t *testing.T) (functions, named map[string]bool) {
	t.Helper()
	functions, named = map[string]bool{}, map[string]bool{}
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && name != root && strings.HasPrefix(d.Name(), ".") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, "_test.go") {
			return nil
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		for _, m := range testFunc.FindAllSubmatch(data, -1) {
			functions[string(m[1])] = true
		}
		for _, id := range ruleID.FindAll(data, -1) {
			named[string(id)] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return functions, named
}

// TestEveryMustHasItsVector: each MUST of docs/spec is exercised by a scenario, or by a Go test that names it or that
// it names.
func TestEveryMustHasItsVector(t *testing.T) {
	functions, named := goTests(t)
	byVector := map[string]int{}
	for _, s := range scenarios(t) {
		for _, id := range s.Rules {
			byVector[id]++
		}
	}
	seen := map[string]string{}
	vectors, tests := 0, 0
	for _, r := range rules(t) {
		if page, ok := seen[r.id]; ok {
			t.Errorf("%s stands twice, in %s and %s", r.id, page, r.page)
		}
		seen[r.id] = r.page
		hasTest := named[r.id]
		for _, m := range testName.FindAllStringSubmatch(r.text, -1) {
			if !functions[m[1]] {
				t.Errorf("%s: %s names the test %s, which is nowhere", r.page, r.id, m[1])
				continue
			}
			hasTest = true
		}
		switch {
		case byVector[r.id] > 0:
			vectors++
		case hasTest:
			tests++
		default:
			t.Errorf("%s: %s has neither a vector nor a Go test", r.page, r.id)
		}
	}
	for id := range byVector {
		if seen[id] == "" {
			t.Errorf("vectors name %s, which no page of docs/spec has", id)
		}
	}
	t.Logf("%d rules: %d with vectors, %d with Go tests alone", len(seen), vectors, tests)
}

// TestVectorsNamedInSpec: a vector that a rule names is there, and names the rule.
func TestVectorsNamedInSpec(t *testing.T) {
	all := map[string]testvectors.Scenario{}
	for _, s := range scenarios(t) {
		all[s.Name] = s
	}
	for _, r := range rules(t) {
		first, _, _ := strings.Cut(r.text, "\n")
		for _, m := range vectorName.FindAllStringSubmatch(first, -1) {
			s, ok := all[m[1]]
			switch {
			case !ok && strings.Contains(first, "`"+m[1]+"`") && !inParentheses(first, m[0]):
			case !ok:
				t.Errorf("%s: %s names the vector %s, which is nowhere", r.page, r.id, m[1])
			case !slices.Contains(s.Rules, r.id):
				t.Errorf("%s: %s names the vector %s, which does not name it", r.page, r.id, m[1])
			}
		}
	}
}

// inParentheses reports whether a name stands in parentheses, where rules name their vectors.
func inParentheses(text, name string) bool {
	at := strings.Index(text, name)
	return strings.LastIndex(text[:at], "(") > strings.LastIndex(text[:at], ")")
}

// TestCatalogue: each row of docs/spec/verification.md, Section 9, is a scenario with that outcome and code.
func TestCatalogue(t *testing.T) {
	data, err := os.ReadFile(root + "/docs/spec/verification.md")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]testvectors.Scenario{}
	for _, s := range scenarios(t) {
		all[s.Name] = s
	}
	rows := 0
	_, catalogue, ok := strings.Cut(string(data), "\n## 9. Vectors\n")
	if !ok {
		t.Fatal("verification.md has no Section 9 of vectors")
	}
	for line := range strings.SplitSeq(catalogue, "\n") {
		m := tableRow.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		rows++
		if s, ok := all[m[1]]; !ok || s.Expect != m[2] || s.Code != m[3] {
			t.Errorf("%s: want %s %s, the scenario says %q %q", m[1], m[2], m[3], s.Expect, s.Code)
		}
	}
	if rows < 200 {
		t.Errorf("%d rows in the catalogue, want 200 and more", rows)
	}
	t.Logf("%d rows", rows)
}

// ofCards are the prefixes of codes that only a card can give. Scenarios are texts of codes; what cards give is tested in
// verifier/card, and docs/spec/card-verdict.md says when.
var ofCards = regexp.MustCompile("^(card|carrier|crl)-")

// TestEveryCodeHasAVector: every code of the verdict is what some scenario ends in, or one of cards that its page explains.
func TestEveryCodeHasAVector(t *testing.T) {
	page, err := os.ReadFile("../../docs/spec/card-verdict.md")
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, s := range scenarios(t) {
		if s.Kind == "presentation" || s.Kind == "device" {
			count[s.Code]++
		}
	}
	known := map[string]bool{}
	for _, c := range verifier.Codes() {
		known[string(c)] = true
		switch {
		case ofCards.MatchString(string(c)):
			if !strings.Contains(string(page), "`"+string(c)+"`") {
				t.Errorf("%s is a code of cards, and card-verdict.md does not name it", c)
			}
		case count[string(c)] == 0:
			t.Errorf("no scenario ends in %s", c)
		}
	}
	for c := range count {
		if !known[c] {
			t.Errorf("scenarios end in %s, which is no code", c)
		}
	}
}

// TestScenariosDiffer: no two are alike in everything but name, comment and rules, and each says what it is about.
func TestScenariosDiffer(t *testing.T) {
	same := map[[32]byte]string{}
	comments := map[string]string{}
	kinds, expects := map[string]int{}, map[string]int{}
	all := scenarios(t)
	for _, s := range all {
		kinds[s.Kind]++
		expects[s.Expect]++
		bare := s
		bare.Name, bare.Comment, bare.Rules, bare.Expect, bare.Code = "", "", nil, "", ""
		sum := sha256.Sum256(bare.Format())
		if other, ok := same[sum]; ok {
			t.Errorf("%s and %s are the same", other, s.Name)
		}
		same[sum] = s.Name
		what := s.Kind + ": " + s.Comment
		if other, ok := comments[what]; ok {
			t.Errorf("%s and %s say the same about themselves", other, s.Name)
		}
		comments[what] = s.Name
		if len(s.Rules) == 0 || !strings.HasSuffix(s.Comment, ".") {
			t.Errorf("%s: %d rules, comment %q", s.Name, len(s.Rules), s.Comment)
		}
	}
	negatives := len(all) - expects["accept"] - expects["ok"]
	for _, e := range slices.Sorted(maps.Keys(expects)) {
		t.Logf("%-15s %4d", e, expects[e])
	}
	for _, k := range slices.Sorted(maps.Keys(kinds)) {
		t.Logf("%-17s %4d", k, kinds[k])
	}
	t.Logf("%d scenarios, %d of them negative", len(all), negatives)
	if len(all) < 250 || negatives*2 <= len(all) {
		t.Error("want 250 scenarios and more, most of them negative")
	}
}

// TestCountsInSpec: the numbers in docs/spec/vectors.md are those of the folder.
func TestCountsInSpec(t *testing.T) {
	page, err := os.ReadFile(root + "/docs/spec/vectors.md")
	if err != nil {
		t.Fatal(err)
	}
	kinds, negatives := map[string]int{}, 0
	all := scenarios(t)
	for _, s := range all {
		kinds[s.Kind]++
		if s.Expect != "accept" && s.Expect != "ok" {
			negatives++
		}
	}
	want := fmt.Sprintf("%d scenarios, %d of them negative: %d presentations, %d devices, %d other objects.", len(all), negatives,
		kinds["presentation"], kinds["device"], len(all)-kinds["presentation"]-kinds["device"])
	if !strings.Contains(string(page), want) {
		t.Errorf("vectors.md does not say: %s", want)
	}
	for line := range strings.SplitSeq(string(page), "\n") {
		cells := strings.Split(line, " | ")
		if len(cells) != 4 || !strings.HasPrefix(line, "| `") {
			continue
		}
		names, numbers := strings.Split(strings.TrimPrefix(cells[0], "| "), ", "), strings.Split(cells[1], ", ")
		if len(names) != len(numbers) {
			t.Errorf("vectors.md: %s: %d numbers of %d kinds", cells[0], len(numbers), len(names))
			continue
		}
		for i, name := range names {
			kind := strings.Trim(name, "`")
			if got := fmt.Sprint(kinds[kind]); got != numbers[i] {
				t.Errorf("vectors.md: %s of kind %s, there are %s", numbers[i], kind, got)
			}
			delete(kinds, kind)
		}
	}
	if len(kinds) > 0 {
		t.Errorf("vectors.md leaves out %v", kinds)
	}
}

// TestGenerated: what is committed is what is generated.
func TestGenerated(t *testing.T) {
	if testing.Short() {
		t.Skip("short mode: generating everything")
	}
	files := generate()
	if err := differences(files, os.DirFS("../v1")); err != nil {
		t.Fatal(err)
	}
	// The comparison finds what is missing, extra and different.
	for name, spoil := range map[string]func(map[string][]byte){
		"extra":   func(f map[string][]byte) { delete(f, "ok_check.txt") },
		"missing": func(f map[string][]byte) { f["not_there.txt"] = nil },
		"differs": func(f map[string][]byte) { f["ok_check.txt"] = append(bytes.Clone(f["ok_check.txt"]), 'X') },
		"pixels":  func(f map[string][]byte) { f["qr/ok_check.png"] = f["qr/ok_full.png"] },
	} {
		changed := maps.Clone(files)
		spoil(changed)
		if differences(changed, os.DirFS("../v1")) == nil {
			t.Errorf("%s: nothing found", name)
		}
	}
}

// TestWrite: what is no longer made goes, what was never ours stays.
func TestWrite(t *testing.T) {
	folder := t.TempDir()
	first := map[string][]byte{"a.txt": []byte("a"), "b.txt": []byte("b"), "trust/x.sidb": {1}, "qr/a.png": {2}}
	if err := write(first, folder); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "notes.md"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	second := map[string][]byte{"a.txt": []byte("A"), "trust/y.sidb": {3}}
	if err := write(second, folder); err != nil {
		t.Fatal(err)
	}
	second["notes.md"] = []byte("mine")
	if err := differences(second, os.DirFS(folder)); err != nil {
		t.Error(err)
	}
}

// TestPictures: the drawn scenarios are read back to their texts.
func TestPictures(t *testing.T) {
	found := 0
	for _, s := range scenarios(t) {
		data, err := fs.ReadFile(testvectors.Vectors(), "qr/"+s.Name+".png")
		if err != nil {
			continue
		}
		found++
		results, err := qr.ReadImage(data, qr.ReadOptions{})
		if err != nil || len(results) != 1 || results[0].Text != string(s.Data) {
			t.Errorf("%s: %d codes, %v", s.Name, len(results), err)
		}
	}
	if found != len(pictures) {
		t.Errorf("%d pictures, want %d", found, len(pictures))
	}
}

// TestOwnZlib: a library inflates the streams that the generator writes itself.
func TestOwnZlib(t *testing.T) {
	for _, data := range [][]byte{nil, {0}, {255}, bytes.Repeat([]byte{0}, 257), bytes.Repeat([]byte{7}, 258), bytes.Repeat([]byte{200}, 259),
		bytes.Repeat([]byte{1}, 100_000), []byte("аб\x00\x00\x00\xff\xff"), plainList.pack()} {
		got, err := inflate(zlibOf(data))
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("%d bytes: %v", len(data), err)
		}
	}
}

func inflate(data []byte) ([]byte, error) {
	z, err := zlib.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}
