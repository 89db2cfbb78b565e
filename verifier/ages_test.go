package verifier_test

import (
	"testing"
	"time"

	"github.com/posvid/posvid/trust"
	"github.com/posvid/posvid/verifier"
)

// What a caller asks for by way of ages only lowers what the bundle allows, on the path of codes and on that of cards.
func TestAgesOnlyLower(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		name           string
		status, beacon time.Duration
		at             time.Time
		class          trust.Class
		want           verifier.Code
	}{
		{"none", 0, 0, now, trust.ClassCheckpoint, verifier.OK},
		{"status of exactly that age", time.Hour, 0, now, trust.ClassCheckpoint, verifier.OK},
		{"status 1 s older", time.Hour - time.Second, 0, now, trust.ClassCheckpoint, verifier.StatusStale},
		{"status 1 s older, council", time.Hour - time.Second, 0, now, trust.ClassCouncil, verifier.StatusStale},
		{"status age asked for is above the policy's", 30 * day, 0, base.Add(day + time.Second), trust.ClassCheckpoint, verifier.StatusStale},
		{"negative status age asks for nothing", -time.Second, 0, now, trust.ClassCheckpoint, verifier.OK},
		{"negative status age loosens nothing", -time.Second, 0, base.Add(day + time.Second), trust.ClassCheckpoint, verifier.StatusStale},
		{"beacon of exactly that age", 0, time.Hour, now, trust.ClassCheckpoint, verifier.OK},
		{"beacon 1 s older", 0, time.Hour - time.Second, now, trust.ClassCheckpoint, verifier.LevelTooLow},
	} {
		in := at(c.at, code{})(w)
		in.Class, in.MaxStatusAge, in.MaxBeaconAge = c.class, c.status, c.beacon
		if v := verifier.Verify(in); v.Code != c.want {
			t.Errorf("%s: got %s, want %s", c.name, v.Code, c.want)
		}
		line := verifier.NewCase(&in, []string{"root", "bundle", "clock", "issuer-key"})
		line.Trust()
		if fresh := line.Fresh(); fresh != (c.want != verifier.StatusStale) {
			t.Errorf("%s: a card finds the bundle fresh: %t", c.name, fresh)
		}
	}
}
