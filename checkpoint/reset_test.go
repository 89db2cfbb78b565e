package checkpoint

import (
	"errors"
	"testing"
	"time"

	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/crypto/keys/authority"
	"github.com/posvid/posvid/trust"
	"github.com/posvid/posvid/verifier"
)

// TestNewRootResetsTheFloor: a bundle signer with a clock of 2031 has pushed every device's floor there; a new root lets
// number and floor start anew, once.
func TestNewRootResetsTheFloor(t *testing.T) {
	w := worldOf(t, 1)
	beacon := func(n uint64) ([8]byte, error) { b, _ := w.chain.At(n); return b, nil }
	s := w.device(1)
	far := base.AddDate(5, 0, 0)
	mad := must[[]byte](t)(w.reg.BuildBundle(far, w.signer, nil))
	must[Report](t)(s.Install(mad, after(1)))
	if v := w.verdict(s, 1); v.Code != verifier.ClockBehind {
		t.Fatalf("after a bundle of 2031: %s", v.Code)
	}

	member := must[authority.RootPrivateKey](t)(authority.RootKeyForVectors("operator"))
	root := trust.Root{Number: 2, Threshold: 1, IssuedAt: after(1), Reset: &trust.Reset{Number: 1, Floor: base}}
	root.Members = append(root.Members, member.RootPublic())
	next := must[authority.BundlePrivateKey](t)(authority.BundleKeyForVectors("second signer"))
	root.BundleSigners = append(root.BundleSigners, next.BundlePublic())
	object := must[[]byte](t)(trust.SignRoot(must[[]byte](t)(root.Encode()), []keys.RootSigner{member}))
	if err := w.reg.RotateRoot(object); err != nil {
		t.Fatal(err)
	}
	sane := must[[]byte](t)(w.reg.BuildBundle(after(2), next, beacon))
	if _, err := s.Install(sane, after(2)); err != nil {
		t.Fatal(err)
	}
	if floor, err := s.Floor(); err != nil || !floor.Equal(after(2)) {
		t.Errorf("floor %s, %v after the reset", floor, err)
	}
	at := after(2).Add(time.Minute)
	b := must[*trust.Bundle](t)(s.Bundle())
	v := s.Verify(verifier.Input{Text: w.code(at, int(b.Beacon().N), "", nil), At: at}, Gate{})
	if v.Outcome != verifier.Accept {
		t.Errorf("after the reset: %s", v.Code)
	}
	for _, old := range [][]byte{mad, w.bundles[1]} {
		if _, err := s.Install(old, at); !errors.Is(err, trust.ErrRollback) && !errors.Is(err, trust.ErrFork) {
			t.Errorf("a bundle of the old root: %v", err)
		}
	}
}
