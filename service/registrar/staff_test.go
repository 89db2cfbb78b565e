package registrar

import (
	"testing"

	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/service"
)

// [RGP-01] [RGP-02] [RGP-03]: a file to its end with two operators.
func TestStaffFileToTheEnd(t *testing.T) {
	o := newOffice(t)
	clerk, second := o.browser(service.Registrar, o.Ministry, 11), o.browser(service.Approver, o.Ministry, 12)
	rows := crew(1, 9)
	rows[3].badDate = true
	path := o.upload(clerk, o.Ministry, csvOf(rows))
	p := clerk.get(path).ok()
	p.has("чекає підпису автора").has("Нестеренко")
	clerk.get(path + "?list=problems").ok().has("staff.csv:5").has("[bad-date]")
	clerk.get(path + "?list=aside").ok().has("[bad-date]")
	if got := p.byID("held"); got != "8" {
		t.Fatalf("held %q, want 8", got)
	}
	before := o.standings(t, o.Ministry)
	o.sign(clerk, path)
	if n := o.standings(t, o.Ministry); n != before {
		t.Fatalf("%d people after the author alone, want %d", n, before)
	}
	clerk.get(path).ok().has("чекає другого підписувача").hasNot(`id="approve"`)
	hash := second.get(path).ok().byID("plan-hash")
	if hash == "" || hash != clerk.get(path).byID("plan-hash") {
		t.Fatal("author and approver see different hashes")
	}
	o.approve(second, path)
	second.get(path).ok().has("застосовано").hasNot(`id="held"`)
	if n := o.standings(t, o.Ministry); n != before+8 {
		t.Fatalf("%d people after both, want %d", n, before+8)
	}
	plans, err := o.Ministry.Register.Plans(bg)
	if err != nil || plans[len(plans)-1].State != issuer.PlanDone {
		t.Fatalf("plans %v, %v", plans, err)
	}
}
