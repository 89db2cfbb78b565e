package verifier

import "testing"

// TestShown: green comes from one combination alone; what nobody filled in refuses, what is not there cannot confirm.
func TestShown(t *testing.T) {
	for _, c := range []struct {
		v    *Verdict
		want Outcome
	}{
		{nil, CannotConfirm}, {&Verdict{}, Refuse}, {&Verdict{Outcome: Accept, Code: OK}, Accept}, {&Verdict{Outcome: Accept, Code: OK, Simulated: true}, CannotConfirm},
		{&Verdict{Outcome: Accept}, Refuse}, {&Verdict{Outcome: Accept, Code: Revoked}, Refuse}, {&Verdict{Outcome: CannotConfirm, Code: OK}, CannotConfirm},
		{&Verdict{Outcome: Refuse, Code: OK}, Refuse}, {&Verdict{Outcome: 200, Code: OK}, Refuse},
	} {
		if got := c.v.Shown(); got != c.want {
			t.Errorf("%+v shows %v, want %v", c.v, got, c.want)
		}
	}
	if Accept.Severity() >= CannotConfirm.Severity() || CannotConfirm.Severity() >= Refuse.Severity() || Outcome(200).Severity() != Refuse.Severity() {
		t.Error("refuse is worst, accept is best, what is not known is as bad as refuse")
	}
}
