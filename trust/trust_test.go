package trust

import (
	"bytes"
	"testing"

	"github.com/posvid/posvid/codes"
)

// TestEndToEnd is the whole path of a good bundle.
func TestEndToEnd(t *testing.T) {
	r := operator(t)
	data := build(t, r, day(1))
	b := mustOpen(t, r, data)
	if err := b.CheckAll(); err != nil {
		t.Fatal(err)
	}
	if b.Number() != 1 || !b.IssuedAt().Equal(day(1)) || !b.ExpiresAt().Equal(day(9)) || !b.Pinned() || b.RootNumber() != 1 {
		t.Errorf("bundle %d of %s until %s", b.Number(), b.IssuedAt(), b.ExpiresAt())
	}
	kid := issuerKey(t, "one").IssuerPublic().KeyID()
	got := b.IssuerKeys(kid)
	if len(got) != 1 || !got[0].Key.Equal(issuerKey(t, "one").IssuerPublic()) || !got[0].Right.AllowsBody(edrpou(1)) || got[0].Right.AllowsBody(edrpou(2)) {
		t.Errorf("issuer keys: %+v", got)
	}
	for index, want := range []StatusValue{4: StatusValid, 5: StatusInvalid, 6: StatusValid} {
		v, asOf, err := b.Status(edrpou(1), 0, uint32(index))
		if err != nil || v != want || !asOf.Equal(day0) {
			t.Errorf("status %d: %v as of %s, %v", index, v, asOf, err)
		}
	}
	entry, ok, err := b.Code(edrpou(2), codes.Position, 2)
	if err != nil || !ok || entry.UK != "старший слідчий" {
		t.Errorf("code: %+v %v %v", entry, ok, err)
	}
	if _, ok, err := b.Code(edrpou(2), codes.Position, 3); ok || err != nil {
		t.Errorf("unknown code: %v %v", ok, err)
	}
	body, ok := b.Body(edrpou(1))
	if !ok || body.Name != "Орган 10000001" || body.Ended() {
		t.Errorf("body: %+v", body)
	}
	if beacon := b.Beacon(); beacon.N != 1 || len(beacon.Times) != 1 || !beacon.Times[0].Equal(day(1)) {
		t.Errorf("beacon: %+v", beacon)
	}
	again, err := r.Encode()
	if err != nil {
		t.Fatal(err)
	}
	r2, err := ParseRegister(again)
	if err != nil {
		t.Fatal(err)
	}
	twice, err := r2.Encode()
	if err != nil || !bytes.Equal(again, twice) {
		t.Errorf("register changed on its way through JSON: %v", err)
	}
	if b2 := mustOpen(t, r2, build(t, r2, day(2))); b2.Number() != 2 || b2.Beacon().N != 2 {
		t.Errorf("next bundle: %d, beacon %d", b2.Number(), b2.Beacon().N)
	}
}
