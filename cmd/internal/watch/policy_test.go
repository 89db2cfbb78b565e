package watch

import (
	"strings"
	"testing"
)

// TestNamedGuards: where a policy names guards nobody else comes on duty, whoever was there when it came leaves, and its end is told
// (CPA-24, CPA-25).
func TestNamedGuards(t *testing.T) {
	allowed := map[string]string{"коваль": "Коваль"}
	r := newRig(t, func(c *Config) {
		c.Guard = "Хтось"
		c.Device.Named = func(name string) (string, bool) {
			kept, ok := allowed[strings.ToLower(name)]
			return kept, ok
		}
	})
	r.has("Хто заступає на зміну?")
	r.verdicts["SID1:A"] = accepted()
	r.see("SID1:A")
	for _, c := range "Бойко" {
		r.typed(string(c))
	}
	r.typed("enter")
	if r.m.guard != "" || len(r.asked) != 0 {
		t.Fatalf("guard %q, %d codes judged", r.m.guard, len(r.asked))
	}
	r.has("правила пункту не називають такого вартового")
	for _, c := range "коваль" {
		r.typed(string(c))
	}
	r.typed("enter")
	if r.m.guard != "Коваль" {
		t.Fatalf("guard %q", r.m.guard)
	}
	h := r.m.health
	h.Policy, h.PolicyOld = Words{UK: "№ 7: рівень від 3", EN: "No 7: level 3 at least"}, true
	r.send(healthMsg(h))
	r.has("№ 7: рівень від 3")
	r.has("строк правил пункту минув")
	delete(allowed, "коваль")
	r.send(healthMsg(h))
	if r.m.guard != "" {
		t.Errorf("guard %q under a policy that names others", r.m.guard)
	}
	r.has("Хто заступає на зміну?")
}
