package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/crypto/keys/authority"
	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/trust"
	"github.com/posvid/posvid/verifier"
)

// bundleChecker is the TokenChecker that a program wires: the verifier's own entry with the installed bundle.
type bundleChecker struct{ b *trust.Bundle }

func (c bundleChecker) CheckToken(token []byte, at time.Time) error {
	return verifier.CheckToken(token, c.b, at)
}

func need[T any](t testing.TB) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// [ISS-04] [ISS-05] With a real bundle: the key signs from its valid-from, for its own body and life, while
// the bundle lasts, until the key is ended; and what the body publishes is carried and answers.
func TestIssueUnderBundle(t *testing.T) {
	member := need[authority.RootPrivateKey](t)(authority.RootKeyForVectors("issue"))
	bundler := need[authority.BundlePrivateKey](t)(authority.BundleKeyForVectors("issue"))
	root := trust.Root{Number: 1, Threshold: 1, IssuedAt: testTime.Add(-60 * day)}
	root.Members = append(root.Members, member.RootPublic())
	root.BundleSigners = append(root.BundleSigners, bundler.BundlePublic())
	payload := need[[]byte](t)(root.Encode())
	pin := trust.RootFingerprint(payload)
	operator := need[*trust.Register](t)(trust.NewRegister(need[[]byte](t)(trust.SignRoot(payload, []keys.RootSigner{member}))))
	build := func(at time.Time) *trust.Bundle {
		t.Helper()
		return need[*trust.Bundle](t)(trust.Open(need[[]byte](t)(operator.BuildBundle(at, bundler, nil)), pin))
	}

	w := newWorld(t, 6)
	empty := build(testTime.Add(-2 * day))
	request := need[[]byte](t)(w.b.KeyRequest(ctx, testTime.Add(-2*day), w.cfg.Signer, ""))
	kid := need[keys.KeyID](t)(operator.AdmitKey(request, trust.Grant{ValidFrom: testTime}, testTime.Add(-2*day)))
	b := build(testTime.Add(-time.Hour))

	with := func(b *trust.Bundle) {
		w.cfg.Grant, w.cfg.Checker = issuer.BundleGrant{Bundle: b}, bundleChecker{b}
		w.openBody()
	}
	refuses := func(what string, at time.Time) {
		t.Helper()
		if r := w.try(at, w.ids[5]); !errors.Is(r.Err, issuer.ErrNotGranted) {
			t.Errorf("%s: %v, want ErrNotGranted", what, r.Err)
		}
	}
	with(empty)
	refuses("key not in the bundle", testTime)
	with(b)
	refuses("before valid-from", testTime.Add(-time.Second))
	refuses("bundle expired", b.ExpiresAt())
	key := w.cfg.Signer.IssuerPublic()
	grant := issuer.BundleGrant{Bundle: b}
	if err := grant.CheckGrant(key, testBody, credential.KindPhone, 30*day, testTime); err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{
		"another body": grant.CheckGrant(key, "87654321", credential.KindPhone, 30*day, testTime),
		"another kind": grant.CheckGrant(key, testBody, credential.KindStatic, 30*day, testTime),
		"longer life":  grant.CheckGrant(key, testBody, credential.KindPhone, 31*day, testTime),
		"another key":  grant.CheckGrant(newSigner(t).IssuerPublic(), testBody, credential.KindPhone, 30*day, testTime),
	} {
		if err == nil {
			t.Errorf("granted for %s", what)
		}
	}
	if n := w.count(); n != 0 {
		t.Fatalf("%d IDs before anything was granted", n)
	}
	var rows []int64
	for _, e := range w.ids[:4] {
		rows = append(rows, w.issue(testTime, e).ID.ID)
	}
	if err := w.b.Revoke(ctx, rows[1], check(issuer.GroundLoss, testTime)); err != nil {
		t.Fatal(err)
	}
	if err := w.b.Suspend(ctx, rows[2], check(issuer.GroundCheck, testTime)); err != nil {
		t.Fatal(err)
	}
	pub, iat, err := w.b.Publish(ctx, testTime.Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	if err := operator.Carry(need[[]byte](t)(pub.Encode()), iat); err != nil {
		t.Fatal(err)
	}
	carried := build(iat.Add(time.Minute))
	for i, want := range []trust.StatusValue{trust.StatusValid, trust.StatusInvalid, trust.StatusSuspended, trust.StatusValid} {
		for _, k := range w.tokensOf(rows[i], 0) {
			ref := credential.StatusRef(k.Status)
			got, asOf, err := carried.Status(testBody, ref.List(), ref.Index())
			if err != nil || got != want || !asOf.Equal(iat) {
				t.Errorf("row %d: %s as of %s, %v; want %s", rows[i], got, asOf, err, want)
			}
		}
	}
	if err := operator.End(kid, trust.Ending{Compromised: true}); err != nil {
		t.Fatal(err)
	}
	with(build(iat.Add(2 * time.Minute)))
	refuses("key compromised", iat.Add(time.Hour))
	w.check()
}
