package trust

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/posvid/posvid/codes"
	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/crypto/keys/authority"
)

// day0 is when every fixture begins.
var day0 = time.Date(2026, 3, 2, 6, 0, 0, 0, time.UTC)

func day(n int) time.Time { return day0.Add(time.Duration(n) * 24 * time.Hour) }

func rootKey(tb testing.TB, label string) authority.RootPrivateKey {
	tb.Helper()
	k, err := authority.RootKeyForVectors(label)
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

func bundleKey(tb testing.TB, label string) authority.BundlePrivateKey {
	tb.Helper()
	k, err := authority.BundleKeyForVectors(label)
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

func issuerKey(tb testing.TB, label string) authority.IssuerPrivateKey {
	tb.Helper()
	k, err := authority.IssuerKeyForVectors(cose.ESP256, label)
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

func verifierKey(tb testing.TB, label string) keys.VerifierPrivateKey {
	tb.Helper()
	k, err := keys.VerifierKeyForVectors(label)
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

// rootOf is root number n with members and bundle signers named by labels.
func rootOf(tb testing.TB, n uint64, threshold int, members, signers []string) *Root {
	tb.Helper()
	r := &Root{Number: n, Threshold: threshold, IssuedAt: day0.Add(-24 * time.Hour)}
	for _, m := range members {
		r.Members = append(r.Members, rootKey(tb, m).RootPublic())
	}
	for _, s := range signers {
		r.BundleSigners = append(r.BundleSigners, bundleKey(tb, s).BundlePublic())
	}
	return r
}

func rootPayload(tb testing.TB, r *Root) []byte {
	tb.Helper()
	payload, err := r.Encode()
	if err != nil {
		tb.Fatal(err)
	}
	return payload
}

func signedRoot(tb testing.TB, r *Root, by ...string) []byte {
	tb.Helper()
	var signers []keys.RootSigner
	for _, label := range by {
		signers = append(signers, rootKey(tb, label))
	}
	out, err := SignRoot(rootPayload(tb, r), signers)
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

// newRegister has root 1 (a, b, c; two of three) and the bundle signer s.
func newRegister(tb testing.TB) *Register {
	tb.Helper()
	r, err := NewRegister(signedRoot(tb, rootOf(tb, 1, 2, []string{"a", "b", "c"}, []string{"s"}), "a", "b"))
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func edrpou(n int) string { return fmt.Sprintf("%08d", 10000000+n) }

func bodyName(iss string) BodyEntry {
	return BodyEntry{EDRPOU: iss, Name: "Орган " + iss, NameEN: "Body " + iss, DutyPhone: "+380440000000"}
}

func keyRequest(tb testing.TB, k keys.IssuerSigner, at time.Time, bodies ...string) []byte {
	tb.Helper()
	q := KeyRequest{Kinds: []uint8{0, 2}, MaxLife: 30 * 24 * time.Hour, IssuedAt: at}
	for _, iss := range bodies {
		q.Bodies = append(q.Bodies, bodyName(iss))
	}
	out, err := EncodeKeyRequest(q, k)
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

// admit admits body n with the key issuerKey(label), valid from day 0.
func admit(tb testing.TB, r *Register, iss, label string) authority.IssuerPrivateKey {
	tb.Helper()
	k := issuerKey(tb, label)
	if _, err := r.AdmitKey(keyRequest(tb, k, day0, iss), Grant{ValidFrom: day0}, day0); err != nil {
		tb.Fatal(err)
	}
	return k
}

// statusList signs a list of n entries in which the given ones are revoked.
func statusList(tb testing.TB, iss string, list uint16, at time.Time, k keys.IssuerSigner, n int, revoked ...uint32) []byte {
	tb.Helper()
	b, err := NewStatusListBuilder(n)
	if err != nil {
		tb.Fatal(err)
	}
	for _, i := range revoked {
		if err := b.Set(i, StatusInvalid); err != nil {
			tb.Fatal(err)
		}
	}
	out, err := SignStatusList(iss, list, at, b, k)
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

func codeTable(tb testing.TB, names ...string) *codes.Table {
	tb.Helper()
	t := codes.NewTable()
	for _, n := range names {
		if _, err := t.Assign(codes.Position, n, ""); err != nil {
			tb.Fatal(err)
		}
	}
	return t
}

func signedCodes(tb testing.TB, iss string, at time.Time, k keys.IssuerSigner, names ...string) []byte {
	tb.Helper()
	out, err := SignCodes(iss, at, codeTable(tb, names...), k)
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

func publication(tb testing.TB, p Publication) []byte {
	tb.Helper()
	out, err := p.Encode()
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

// fakeBeacon stands for the chain of package credential: any eight bytes a number.
func fakeBeacon(n uint64) ([8]byte, error) {
	sum := sha256.Sum256(fmt.Appendf(nil, "beacon %d", n))
	return [8]byte(sum[:8]), nil
}

// operator is a register with two bodies, 10000001 (key "one") and 10000002 (key "two"), that have published a list of
// 64 entries (entry 5 revoked) and a code table each.
func operator(tb testing.TB) *Register {
	tb.Helper()
	r := newRegister(tb)
	for n, label := range []string{"one", "two"} {
		iss := edrpou(n + 1)
		k := admit(tb, r, iss, label)
		if err := r.Carry(publication(tb, Publication{EDRPOU: iss,
			StatusLists: [][]byte{statusList(tb, iss, 0, day0, k, 64, 5)},
			Codes:       signedCodes(tb, iss, day0, k, "слідчий", "старший слідчий")}), day0); err != nil {
			tb.Fatal(err)
		}
	}
	return r
}

func build(tb testing.TB, r *Register, at time.Time) []byte {
	tb.Helper()
	out, err := r.BuildBundle(at, bundleKey(tb, "s"), fakeBeacon)
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

func mustOpen(tb testing.TB, r *Register, data []byte) *Bundle {
	tb.Helper()
	b, err := Open(data, r.RootFingerprint())
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// sectionsOf returns what the next bundle would carry, for tests that put something wrong into it.
func sectionsOf(tb testing.TB, r *Register, at time.Time) map[string][]byte {
	tb.Helper()
	value, _ := fakeBeacon(1)
	s, err := r.sections(at, BeaconEntry{1, value, []time.Time{at}})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// assembled makes a bundle of any sections, signed as a bundle is.
func assembled(tb testing.TB, r *Register, number uint64, at time.Time, sections map[string][]byte) []byte {
	tb.Helper()
	out, err := assemble(r.roots, uint64(len(r.roots)), number, at, sections, bundleKey(tb, "s"))
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

func wantError(tb testing.TB, what string, err, want error) {
	tb.Helper()
	if !errors.Is(err, want) {
		tb.Errorf("%s: got %v, want %v", what, err, want)
	}
}
