package verifier_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/verifier"
)

// TestHasStatus (JRN-03): a verdict names the token exactly when it shows its holder, over every committed vector, and never in JSON.
func TestHasStatus(t *testing.T) {
	pin := demoPin(t)
	named, silent := 0, 0
	for _, s := range presentations(t) {
		v := verifier.Verify(vectorInput(t, s, pin))
		if v.HasStatus != (v.Holder != nil) || v.HasStatus && v.Issuer == nil {
			t.Errorf("%s: status %v, holder %v, issuer %v", s.Name, v.HasStatus, v.Holder != nil, v.Issuer != nil)
		}
		if !v.HasStatus && v.Status != 0 {
			t.Errorf("%s: status %d without a signature", s.Name, v.Status)
		}
		if v.HasStatus {
			named++
		} else {
			silent++
		}
	}
	if named < 20 || silent < 50 {
		t.Errorf("%d vectors name a token, %d do not", named, silent)
	}
	w := newWorld(t)
	ref := must[credential.StatusRef](t)(credential.NewStatusRef(0, 3141))
	in := w.input(w.text(code{edit: func(c *credential.Claims) { c.Status = ref }}))
	v := expect(t, in, verifier.OK)
	if !v.HasStatus || v.Status != uint32(ref) {
		t.Errorf("status %d, want %d", v.Status, ref)
	}
	line := must[[]byte](t)(json.Marshal(v))
	if bytes.Contains(line, []byte("3141")) {
		t.Errorf("the status stands in %s", line)
	}
	wrong := holderKey(t, "another")
	if v := verifier.Verify(w.input(w.text(code{holder: &wrong}))); v.HasStatus || v.Status != 0 {
		t.Errorf("status %d by a stranger's signature", v.Status)
	}
	revoked := must[credential.StatusRef](t)(credential.NewStatusRef(0, indexRevoked))
	if v := expect(t, w.input(w.text(code{edit: func(c *credential.Claims) { c.Status = revoked }})), verifier.Revoked); !v.HasStatus || v.Status != indexRevoked {
		t.Errorf("a revoked token is not named: %d", v.Status)
	}
}
