package verifier_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"slices"
	"testing"
	"time"

	"github.com/posvid/posvid/verifier"
)

// BenchmarkVerify measures a full SID1 text to its verdict against two raw P-256 verifications, interleaved in one
// run: ratio is raw time over ours, medians of blocks. The bar is 0.88.
func BenchmarkVerify(b *testing.B) {
	w := newWorld(b)
	in := w.input(w.text(code{}))
	if v := verifier.Verify(in); v.Outcome != verifier.Accept {
		b.Fatal(v.Err())
	}
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	digest := sha256.Sum256([]byte("posvid"))
	sig, err := ecdsa.SignASN1(rand.Reader, k, digest[:])
	if err != nil {
		b.Fatal(err)
	}
	const block = 4
	var ours, raw []float64
	for b.Loop() {
		start := time.Now()
		for range block {
			ecdsa.VerifyASN1(&k.PublicKey, digest[:], sig)
			ecdsa.VerifyASN1(&k.PublicKey, digest[:], sig)
		}
		middle := time.Now()
		for range block {
			verifier.Verify(in)
		}
		raw = append(raw, float64(middle.Sub(start)))
		ours = append(ours, float64(time.Since(middle)))
	}
	slices.Sort(raw)
	slices.Sort(ours)
	b.ReportMetric(raw[len(raw)/2]/ours[len(ours)/2], "ratio")
	b.ReportMetric(ours[len(ours)/2]/block/1e3, "µs/verdict")
	b.ReportMetric(testing.AllocsPerRun(100, func() { verifier.Verify(in) }), "allocs/verdict")
}
