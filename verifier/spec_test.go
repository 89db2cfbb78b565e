package verifier_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/posvid/posvid/verifier"
)

// TestSpecAgrees holds docs/spec/verification.md to the code: the table of codes in its order, with outcome and cause;
// the catalogue of vectors; and that every vector a rule names is in the catalogue.
func TestSpecAgrees(t *testing.T) {
	data, err := os.ReadFile("../docs/spec/verification.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	section := func(from, to string) string {
		_, rest, ok := strings.Cut(text, from)
		if !ok {
			t.Fatalf("no %q in the page", from)
		}
		part, _, _ := strings.Cut(rest, to)
		return part
	}

	row := regexp.MustCompile("(?m)^\\| `([a-z0-9-]+)` \\| ([a-z-]+) \\| ([a-z-]+) \\|")
	var codes []verifier.Code
	for _, m := range row.FindAllStringSubmatch(section("## 5. Codes", "## 6."), -1) {
		c := verifier.Code(m[1])
		codes = append(codes, c)
		if c.Outcome().String() != m[2] || string(c.Cause()) != m[3] {
			t.Errorf("page: %s is %s, %s; code: %s, %s", c, m[2], m[3], c.Outcome(), c.Cause())
		}
	}
	all := verifier.Codes()
	if len(codes) != len(all) {
		t.Fatalf("page has %d codes, code has %d", len(codes), len(all))
	}
	for i := range all {
		if codes[i] != all[i] {
			t.Errorf("place %d: page %s, code %s", i, codes[i], all[i])
		}
	}

	known := map[verifier.Code]bool{}
	for _, c := range all {
		known[c] = true
	}
	vectors := map[string]bool{}
	used := map[verifier.Code]bool{}
	vector := regexp.MustCompile("(?m)^\\| `([a-z0-9_]+)` \\| ([a-z-]+) \\| ([a-z0-9-]+) \\|")
	refusals := 0
	for _, m := range vector.FindAllStringSubmatch(section("## 9. Vectors", "\x00"), -1) {
		c := verifier.Code(m[3])
		if vectors[m[1]] {
			t.Errorf("vector %s stands twice", m[1])
		}
		vectors[m[1]], used[c] = true, true
		if !known[c] || c.Outcome().String() != m[2] {
			t.Errorf("vector %s: %s %s is no verdict", m[1], m[2], m[3])
		}
		if c != verifier.OK {
			refusals++
		}
	}
	if refusals*2 < len(vectors) {
		t.Errorf("%d of %d vectors do not accept: negatives have to outnumber positives", refusals, len(vectors))
	}
	// The rest is shown by tests of this package, of checkpoint and of verifier/card: a text file cannot break a program's
	// own state, and a code of a card needs a card.
	elsewhere := map[verifier.Code]bool{verifier.Internal: true, verifier.NoCode: true, verifier.StateDamaged: true, verifier.BundleRollback: true}
	for _, c := range all {
		if !used[c] && !elsewhere[c] && !ofCards(c) {
			t.Errorf("no vector of the catalogue ends in %s", c)
		}
	}
	name := regexp.MustCompile("`([a-z]+_[a-z0-9_]+)`")
	for _, m := range name.FindAllStringSubmatch(section("## 3. The checks", "## 5. Codes"), -1) {
		if !vectors[m[1]] && m[1] != "photo_sha256" {
			t.Errorf("a rule names %s, which is not in the catalogue", m[1])
		}
	}
	t.Logf("%d codes, %d vectors, %d of them do not accept", len(all), len(vectors), refusals)
}
