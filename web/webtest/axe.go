package webtest

import (
	"context"
	_ "embed"
	"strings"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
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
	p.audit(name, `{type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}`)
}

// Contrast is the part of Accessible that changes with the colours a person prefers.
func (p *Page) Contrast(name string) {
	p.t.Helper()
	p.audit(name, `{type: "rule", values: ["color-contrast", "link-in-text-block"]}`)
}

// audit runs some of axe-core's rules.
func (p *Page) audit(name, rules string) {
	p.t.Helper()
	if !Eval[bool](p, `typeof axe === "object"`) {
		Eval[bool](p, axe+";true")
	}
	found := Eval[[]violation](p, `axe.run(document, {runOnly: `+rules+`}).then(r => r.violations)`)
	for _, v := range found {
		for _, n := range v.Nodes {
			p.t.Errorf("%s: %s (%s) at %v: %s", name, v.ID, v.Help, n.Target, strings.ReplaceAll(n.FailureSummary, "\n", " "))
		}
	}
	if wide := p.Overflow(); wide > 0 {
		p.t.Errorf("%s: %d px wider than its window", name, wide)
	}
}

// Scheme sets the colours that the person prefers: "light" or "dark".
func (p *Page) Scheme(scheme string) {
	p.t.Helper()
	p.Do("colours", chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		return t.Call(ctx, "Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}}}, nil)
	}))
}

// TabsThrough goes through the page with the Tab key alone, as somebody without a mouse does: everything that can be clicked is
// reached, and what has the focus can be seen to have it.
func (p *Page) TabsThrough(name string) {
	p.t.Helper()
	const clickable = `[...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']")]
  .filter(e => !e.disabled && e.tabIndex >= 0 && e.checkVisibility({contentVisibilityAuto: true, visibilityProperty: true}))`
	total := Eval[int](p, `(() => { document.activeElement?.blur(); window.webtestSeen = new Set(); window.webtestPlain = [];
  document.addEventListener("focusin", ({target: e}) => { if (webtestSeen.has(e)) return; webtestSeen.add(e); const s = getComputedStyle(e);
    if (!e.matches(":focus-visible") || (s.outlineStyle === "none" || parseFloat(s.outlineWidth) === 0) && s.boxShadow === "none") webtestPlain.push(e.outerHTML.slice(0, 120)); });
  const radios = new Set(); return `+clickable+`.filter(e => { if (e.type !== "radio") return true; const k = e.form?.id + "/" + e.name; if (radios.has(k)) return false; radios.add(k); return true; }).length; })()`)
	dates := Eval[int](p, `document.querySelectorAll("input[type=date], input[type=time], input[type=datetime-local]").length`)
	var tabs []chromedp.Action[chromedp.Void]
	for range min(total, 60) + 2 + 5*dates { // a field for a date has a stop for each part and one for its calendar
		tabs = append(tabs, chromedp.KeyEvent(kb.Tab))
	}
	p.Do("the Tab key", tabs...)
	reached := Eval[int](p, `webtestSeen.size`)
	if reached < min(total, 60) {
		p.t.Errorf("%s: the Tab key reaches %d of %d things to use; not %s", name, reached, total, Eval[string](p, clickable+`.filter(e => !webtestSeen.has(e)).slice(0, 3).map(e => e.outerHTML.slice(0, 120)).join(" | ")`))
	}
	if plain := Eval[[]string](p, `webtestPlain`); len(plain) > 0 {
		p.t.Errorf("%s: nothing shows the focus on %v", name, plain)
	}
}
