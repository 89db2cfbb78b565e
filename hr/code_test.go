package hr

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

// TestEveryCodeHasBothTexts reads the constants from the source, so that a code without a text cannot slip through.
func TestEveryCodeHasBothTexts(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), "code.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	ast.Inspect(f, func(node ast.Node) bool {
		v, ok := node.(*ast.ValueSpec)
		if !ok || len(v.Values) != 1 {
			return true
		}
		lit, ok := v.Values[0].(*ast.BasicLit)
		if id, isID := v.Type.(*ast.Ident); !ok || !isID || id.Name != "Code" {
			return true
		}
		s, err := strconv.Unquote(lit.Value)
		if err != nil {
			t.Fatal(err)
		}
		n++
		c := Code(s)
		uk, en := c.Text("uk"), c.Text("en")
		if uk == s || en == s {
			t.Errorf("%s has no text", c)
			return true
		}
		if !strings.ContainsFunc(uk, func(r rune) bool { return unicode.Is(unicode.Cyrillic, r) }) {
			t.Errorf("%s: the Ukrainian text is not Ukrainian: %s", c, uk)
		}
		args := regexp.MustCompile(`\{\d\}`)
		if a, b := len(args.FindAllString(uk, -1)), len(args.FindAllString(en, -1)); a != b {
			t.Errorf("%s: %d arguments in Ukrainian, %d in English", c, a, b)
		}
		if !regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`).MatchString(s) {
			t.Errorf("%q is not a code", s)
		}
		return true
	})
	if n != len(texts) || n != len(Codes()) {
		t.Errorf("%d codes, %d texts", n, len(texts))
	}
}

// TestEveryCodeIsOnTheSpecPage keeps docs/spec/hr.md complete.
func TestEveryCodeIsOnTheSpecPage(t *testing.T) {
	page, err := os.ReadFile("../docs/spec/hr.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range Codes() {
		if !strings.Contains(string(page), "`"+string(c)+"`") {
			t.Errorf("docs/spec/hr.md does not explain `%s`", c)
		}
	}
}

func TestProblemForm(t *testing.T) {
	p := Problem{File: "export.csv", Line: 118, Column: "Працює до", Code: BadDate}
	if got, want := p.String(), "export.csv:118 Працює до: not a date; want ДД.ММ.РРРР or РРРР-ММ-ДД [bad-date]"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got, want := p.Format("uk"), "export.csv:118 Працює до: такої дати немає; потрібно ДД.ММ.РРРР або РРРР-ММ-ДД [bad-date]"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := (Problem{Code: TotalMismatch, Args: []string{"20", "19"}}).Error(); !strings.HasPrefix(got, "hr: rows stated: 20, read: 19") {
		t.Error(got)
	}
}
