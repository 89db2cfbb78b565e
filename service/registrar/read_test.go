package registrar

import (
	"bytes"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/service"
)

// Every page answers whom it is for, in both languages, and nobody else.
func TestPagesAnswer(t *testing.T) {
	o := newOffice(t)
	base := "/b/" + o.Ministry.EDRPOU
	reads := []string{"/", "/staff", "/ids", "/ids?state=all&q=зразкова", "/without", "/audit", "/audit?verify=yes", "/statistics", "/ids/1", "/ids/1/photo", "/without.xlsx", "/operators"}
	does := []string{"/slips", "/bulk"}
	for _, role := range []service.Role{service.Registrar, service.Approver, service.Auditor, service.BodyAdmin} {
		b := o.browser(role, o.Ministry, 5)
		for _, path := range reads {
			in := base + path + map[bool]string{true: "&", false: "?"}[strings.Contains(path, "?")] + "lang="
			p := b.get(in + "uk").ok()
			if strings.Contains(path, ".xlsx") || strings.HasSuffix(path, "/photo") {
				continue
			}
			for _, want := range []string{`<html lang="uk">`, `<main id="main"`, `class="skip"`} {
				p.has(want)
			}
			b.get(in + "en").ok().has(`<html lang="en">`)
		}
		for _, path := range does {
			if p := b.get(base + path); (p.status == 200) != (role == service.Registrar) {
				t.Errorf("%s reads %s: %d", role, path, p.status)
			}
		}
		if p := b.get("/operator/"); p.status == 200 {
			t.Errorf("%s reads the trust operator's page", role)
		}
	}
	operator := o.browser(service.TrustOperator, o.Ministry, 6)
	operator.get("/operator/").ok().has("99000011").has("99000028")
	operator.get("/operator/?lang=en").ok()
	if p := operator.get(base + "/ids"); p.status == 200 {
		t.Error("the trust operator reads a body's people")
	}
}

// [RGP-20]: a file of people has no cell that a spreadsheet would run.
func TestWithoutFileHasNoFormulas(t *testing.T) {
	o := newOffice(t)
	clerk, second := o.browser(service.Registrar, o.Ministry, 11), o.browser(service.Approver, o.Ministry, 12)
	rows := crew(1, 3)
	rows[0].position, rows[1].unit = "головний спеціаліст =1+1", "Відділ @SUM(A1)"
	path := o.upload(clerk, o.Ministry, csvOf(rows))
	o.sign(clerk, path)
	if p := clerk.get(path).ok(); strings.Contains(p.text, `data-stage="5"`) {
		o.approve(second, path)
	}
	p := clerk.get("/b/" + o.Ministry.EDRPOU + "/without.xlsx").ok()
	if got := p.header.Get("Content-Disposition"); !strings.HasPrefix(got, "attachment; ") {
		t.Errorf("disposition %q", got)
	}
	if got := p.header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("cache %q", got)
	}
	book, err := excelize.OpenReader(bytes.NewReader([]byte(p.text)))
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	n := 0
	for _, sheet := range book.GetSheetList() {
		table, err := book.GetRows(sheet)
		if err != nil {
			t.Fatal(err)
		}
		for y, line := range table {
			for x := range line {
				cell, _ := excelize.CoordinatesToCellName(x+1, y+1)
				if f, _ := book.GetCellFormula(sheet, cell); f != "" {
					t.Errorf("%s is a formula: %s", cell, f)
				}
				n++
			}
		}
	}
	if n == 0 {
		t.Fatal("an empty book")
	}
}

// The audit page finds a head that was written down, and says when it is none.
func TestAuditPage(t *testing.T) {
	o := newOffice(t)
	auditor := o.browser(service.Auditor, o.Ministry, 7)
	base := "/b/" + o.Ministry.EDRPOU + "/audit"
	p := auditor.get(base).ok()
	head := p.byID("audit-head")
	if head == "" {
		t.Fatal("no head on the page")
	}
	ask := func(known string) *page {
		return auditor.get(base + "?known=" + strings.ReplaceAll(known, " ", "+")).ok()
	}
	ask(head).has(`id="known-ok"`)
	for _, wrong := range []string{"1/AAAA", "999999/" + head, head[:len(head)-1] + "A7", "nonsense", "0/" + head} {
		ask(wrong).has(`id="known-no"`)
	}
	for _, h := range o.Ministry.Holders {
		if text := auditor.get(base).text; strings.Contains(text, h.Name) || strings.Contains(text, h.RNOKPP) {
			t.Fatal("the audit page names a person")
		}
	}
	if p := auditor.get(base + "?event=66&operator=1&from=01.01.2026&until=31.12.2026").ok(); !strings.Contains(p.text, "талони зроблено") {
		t.Error("the filter finds no slips")
	}
	auditor.get(base + "?event=66&until=01.01.2026").ok().has("нічого не знайдено")
}

// What lists keep in memory is what the register says, after each change.
func TestPeopleFollowTheRegister(t *testing.T) {
	o := newOffice(t)
	compare := func(what string) {
		t.Helper()
		all, err := o.p.peopleOf(bg, o.Ministry.Body, o.Now())
		if err != nil {
			t.Fatal(err)
		}
		want, err := o.Ministry.Register.Standings(bg, o.Now())
		if err != nil {
			t.Fatal(err)
		}
		got := map[int64]issuer.Standing{}
		for _, s := range all.standings {
			got[s.Entitlement] = s
		}
		if len(got) != len(want) {
			t.Fatalf("%s: %d people, want %d", what, len(got), len(want))
		}
		for _, s := range want {
			if g := got[s.Entitlement]; g.Step != s.Step || g.ID.ID != s.ID.ID || !g.SlipExpires.Equal(s.SlipExpires) || len(g.Reasons) != len(s.Reasons) {
				t.Errorf("%s: %d is %+v, want %+v", what, s.Entitlement, g.Step, s.Step)
			}
		}
		last := ""
		keys := newCollate()
		for _, s := range all.standings {
			if key := string(keys.key(s.Record.FullName())); key < last {
				t.Errorf("%s: names are out of order", what)
			} else {
				last = key
			}
		}
	}
	compare("at first")
	b, h := o.Ministry.Body.Body, o.Ministry.Holders
	if err := b.Suspend(bg, h["issued"].Row, issuer.Change{Ground: issuer.GroundCheck, Operator: "1", At: o.Now()}); err != nil {
		t.Fatal(err)
	}
	compare("suspended")
	if _, err := b.Issue(bg, o.Now(), h["enrolled"].Entitlement); err != nil {
		t.Fatal(err)
	}
	compare("issued")
	if err := o.Ministry.Register.Withdraw(bg, h["second"].Entitlement, o.Ministry.Operators[0], o.Now()); err != nil {
		t.Fatal(err)
	}
	compare("withdrawn")
	if _, err := o.Ministry.Register.Slips(bg, issuer.SlipFilter{Renew: true}, o.Ministry.Operators[0], o.Now()); err != nil {
		t.Fatal(err)
	}
	compare("slips")
	clerk := o.browser(service.Registrar, o.Ministry, 11)
	o.sign(clerk, o.upload(clerk, o.Ministry, csvOf([]row{leaveOf(h["none"])})))
	compare("left")
	o.Advance(issuer.SlipLife)
	compare("slips ran out")
}

// [RGP-23]: statistics name no unit of fewer than five people.
func TestStatisticsNameNoSmallUnit(t *testing.T) {
	o := newOffice(t)
	clerk, second := o.browser(service.Registrar, o.Ministry, 11), o.browser(service.Approver, o.Ministry, 12)
	rows := crew(1, 9)
	for i := range rows {
		rows[i].unit = "Великий відділ"
		if i < 4 {
			rows[i].unit = "Малий відділ"
		}
	}
	path := o.upload(clerk, o.Ministry, csvOf(rows))
	o.sign(clerk, path)
	o.approve(second, path)
	p := clerk.get("/b/" + o.Ministry.EDRPOU + "/statistics").ok()
	p.has("Великий відділ").hasNot("Малий відділ").has("решта")
	for _, id := range []string{"by-state", "by-step", "by-unit", "by-day", "expiring"} {
		p.has(`<svg class="plot" id="` + id + `"`)
	}
	if got := o.browser(service.Auditor, o.Ministry, 7).get("/b/" + o.Ministry.EDRPOU + "/statistics?lang=en").ok(); !strings.Contains(got.text, "the rest") {
		t.Error("no English statistics")
	}
}
