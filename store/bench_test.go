package store_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"runtime"
	"sort"
	"testing"
	"time"

	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/crypto/keys/authority"
	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/store"
)

// BenchmarkDurableIssue is the bar of durable issuing: IDs of two faces a second in groups and singly,
// with the disk's fsync rate of the same run.
func BenchmarkDurableIssue(b *testing.B) {
	signer := newSigner(b)
	c := issuer.Config{EDRPOU: testBody, Signer: signer, Grant: grantAll{}, Checker: signatureChecker{signer.IssuerPublic()}}
	var grouped, single, fsync []float64
	for b.Loop() {
		m, err := store.MeasureIssue(context.Background(), b.TempDir(), 4096, 256, c, testTime, time.Now)
		if err != nil {
			b.Fatal(err)
		}
		grouped, single, fsync = append(grouped, m.Grouped), append(single, m.Single), append(fsync, m.Fsync)
	}
	b.ReportMetric(median(grouped), "ids-grouped/s")
	b.ReportMetric(median(single), "ids-single/s")
	b.ReportMetric(median(fsync), "fsync/s")
	b.ReportMetric(0, "ns/op")
}

func median(v []float64) float64 {
	sort.Float64s(v)
	return v[len(v)/2]
}

// BenchmarkIssueRatio is issuing's CPU work without the store (payload, signature, compare, check) against
// one raw signature and one raw verification, and signing a token against one raw signature; interleaved,
// on one processor.
func BenchmarkIssueRatio(b *testing.B) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	key, err := cose.GenerateKey(cose.ESP256)
	if err != nil {
		b.Fatal(err)
	}
	signer, err := authority.NewIssuerPrivateKey(key)
	if err != nil {
		b.Fatal(err)
	}
	raw, err := ecdsa.GenerateKey(key.Public().Crypto().(*ecdsa.PublicKey).Curve, rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	holder, err := keys.GenerateHolderKey()
	if err != nil {
		b.Fatal(err)
	}
	check := signatureChecker{signer.IssuerPublic()}
	c := fullClaims(holder.HolderPublic())
	payload, err := credential.EncodePayload(&c)
	if err != nil {
		b.Fatal(err)
	}
	var rawSign, rawVerify, sign, issue []float64
	for b.Loop() {
		t0 := time.Now()
		digest := sha256.Sum256(payload)
		sig, err := ecdsa.SignASN1(rand.Reader, raw, digest[:])
		t1 := time.Now()
		ok := ecdsa.VerifyASN1(&raw.PublicKey, digest[:], sig)
		t2 := time.Now()
		_, err2 := credential.SignToken(payload, signer)
		t3 := time.Now()
		p, err3 := credential.EncodePayload(&c)
		_, err4 := issuer.SignChecked(p, signer, check, testTime)
		t4 := time.Now()
		if err != nil || !ok || err2 != nil || err3 != nil || err4 != nil {
			b.Fatal(err, ok, err2, err3, err4)
		}
		rawSign, rawVerify = append(rawSign, float64(t1.Sub(t0))), append(rawVerify, float64(t2.Sub(t1)))
		sign, issue = append(sign, float64(t3.Sub(t2))), append(issue, float64(t4.Sub(t3)))
	}
	rs, rv := median(rawSign), median(rawVerify)
	b.ReportMetric(rs/median(sign), "sign-ratio")
	b.ReportMetric((rs+rv)/median(issue), "issue-ratio")
	b.ReportMetric(rs, "raw-sign-ns")
	b.ReportMetric(rv, "raw-verify-ns")
	b.ReportMetric(0, "ns/op")
}
