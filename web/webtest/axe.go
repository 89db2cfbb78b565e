package webtest

import (
	_ "embed"
	"strings"
)

//go:embed axe/axe.min.js
var axe string

// violation is one rule that a page breaks, as axe-core tells it.
type violation struct {
	ID    string `json:"id"`
	Help  string `json:"help"`
	Nodes []struct {
		Target         []any  `json:"target"`
		FailureSummary string `json:"failureSummary"`
	} `json:"nodes"`
}

// Accessible fails the test for every rule of WCAG 2.1, levels A and AA, that axe-core finds broken on the page as it stands,
// and for a page that has to be scrolled sideways.
func (p *Page) Accessible(name string) {
	p.t.Helper()
	Eval[bool](p, axe+";true")
	found := Eval[[]violation](p, `axe.run(document, {runOnly: {type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}}).then(r => r.violations)`)
	for _, v := range found {
		for _, n := range v.Nodes {
			p.t.Errorf("%s: %s (%s) at %v: %s", name, v.ID, v.Help, n.Target, strings.ReplaceAll(n.FailureSummary, "\n", " "))
		}
	}
	if wide := p.Overflow(); wide > 0 {
		p.t.Errorf("%s: %d px wider than its window", name, wide)
	}
}
