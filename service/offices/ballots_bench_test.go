package offices

import (
	"context"
	"testing"

	"github.com/posvid/posvid/office"
)

// BenchmarkSurveyToken is the issuer half: a blind signature with what is stored of it, durable.
func BenchmarkSurveyToken(b *testing.B) {
	h := newHalves(b)
	s := h.open(b, sampleSurvey, 20_000)
	k := newToken(b, s)
	i := 0
	for b.Loop() {
		if _, err := h.surveys.Sign(context.Background(), s.ID, h.people[i], k.blinded, "2026-11-20", h.at); err != nil {
			b.Fatal(err)
		}
		i++
	}
}

// BenchmarkBallot is the ballot half: a ballot of four parts, checked and durable; the file is rewritten apart from it.
func BenchmarkBallot(b *testing.B) {
	const n = 500
	h := newHalves(b)
	s := h.open(b, sampleSurvey, n)
	var ballots []office.Ballot
	for _, person := range h.people {
		_, ballot := h.take(b, s, person, office.Answer{"room": "yes"})
		ballots = append(ballots, ballot)
	}
	i := 0
	for b.Loop() {
		if err := h.box.Put(context.Background(), s.ID, ballots[i%n], h.at); err != nil {
			b.Fatal(err)
		}
		i++
	}
	b.ReportMetric(float64(min(i, n)), "ballots-in-box")
}

// BenchmarkBox500 is what a box of 500 ballots takes to be rewritten, listed, and checked by anybody.
func BenchmarkBox500(b *testing.B) {
	h := newHalves(b)
	s := h.open(b, sampleSurvey, 500)
	ctx := context.Background()
	for _, person := range h.people {
		_, ballot := h.take(b, s, person, office.Answer{"room": "yes"})
		if err := h.box.Put(ctx, s.ID, ballot, h.at); err != nil {
			b.Fatal(err)
		}
	}
	file := h.ballots.Office().(interface {
		Rewrite(context.Context) error
	})
	b.Run("forget", func(b *testing.B) {
		for b.Loop() {
			if err := file.Rewrite(ctx); err != nil {
				b.Fatal(err)
			}
		}
	})
	if err := h.box.Close(ctx, s.ID); err != nil {
		b.Fatal(err)
	}
	var list []byte
	b.Run("list", func(b *testing.B) {
		for b.Loop() {
			var err error
			if list, err = h.box.Recount(ctx, s.ID, 500, 500); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(len(list)), "bytes")
	})
	b.Run("recount", func(b *testing.B) {
		for b.Loop() {
			if _, err := office.Recount(list); err != nil {
				b.Fatal(err)
			}
		}
	})
}
