package office_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/posvid/posvid/office"
)

// TestDirectoryAgainstAModel fills a directory at random and holds everything that it answers against a plain list of what was
// filled when. Two directories share the store: one fills, the other only reads.
func TestDirectoryAgainstAModel(t *testing.T) {
	if testing.Short() {
		t.Skip("short mode: a hundred histories of a directory")
	}
	ctx := context.Background()
	surnames := []string{"Вигаданець", "Ґудзь", "Мар'яненко", "Зразкова", "Їжак"}
	units := []string{"", "Відділ зразків", "Відділ прикладів"}
	s := open(t)
	writer, reader := directory(t, s), directory(t, s)
	bodies := 0
	rapid.Check(t, func(rt *rapid.T) {
		bodies++ // each try fills a body of its own, in what the tries before have left
		ministry := ministry
		ministry.EDRPOU = fmt.Sprintf("98%06d", bodies)
		type state map[int64]office.PostEntry
		var past []state
		var times []time.Time
		tokens := map[int64]state{} // what somebody knows who synchronised at a number
		at := began
		for range rapid.IntRange(1, 4).Draw(rt, "fillings") {
			at = at.Add(time.Duration(rapid.IntRange(1, 100_000).Draw(rt, "later")) * time.Second)
			now := state{}
			var list []office.PostEntry
			for post := range int64(6) {
				if rapid.Bool().Draw(rt, "there") {
					p := office.PostEntry{Post: post + 1, Surname: rapid.SampledFrom(surnames).Draw(rt, "surname"), Given: "Проба", Position: "радник",
						Unit: rapid.SampledFrom(units).Draw(rt, "unit"), Status: office.Status(rapid.IntRange(0, 2).Draw(rt, "status"))}
					now[p.Post], list = p, append(list, p)
				}
			}
			if _, err := writer.Fill(ctx, ministry, list, at); err != nil {
				rt.Fatal(err)
			}
			past, times = append(past, now), append(times, at)
			// Whoever synchronises from any earlier number comes to the same state.
			for token, known := range tokens {
				known = clone(known)
				for seq, n := token, 0; ; n++ {
					changed, gone, next, err := reader.Changes(ctx, ministry.EDRPOU, seq, 2)
					if err != nil || n > 20 {
						rt.Fatal(n, err)
					}
					for _, e := range changed {
						known[e.Post] = office.PostEntry{Post: e.Post, Surname: e.Surname, Given: e.Given, Position: e.Position, Unit: e.Unit, Status: e.Status}
					}
					for _, uid := range gone {
						for post := range known {
							if (office.Seat{Body: ministry.EDRPOU, Post: post}).UID() == uid {
								delete(known, post)
							}
						}
					}
					if newest, err := reader.Seq(ctx, ministry.EDRPOU); err != nil || next == newest {
						break
					}
					seq = next
				}
				if fmt.Sprint(known) != fmt.Sprint(now) {
					rt.Fatalf("synchronised from %d: %v, want %v", token, known, now)
				}
			}
			newest, err := reader.Seq(ctx, ministry.EDRPOU)
			if err != nil {
				rt.Fatal(err)
			}
			tokens[newest] = clone(now)
		}
		// Every moment says what was filled last before it.
		for i, now := range past {
			for _, when := range []time.Time{times[i], times[i].Add(time.Second - 1)} {
				for post := range int64(6) {
					want, there := now[post+1]
					e, err := reader.EntryAt(ctx, office.Seat{Body: ministry.EDRPOU, Post: post + 1}, when)
					if (err == nil) != there || e.Surname != want.Surname || e.Unit != want.Unit {
						rt.Fatalf("at %v post %d: %+v %v, want %+v", when, post+1, e, err, want)
					}
				}
				for _, q := range []string{"вигад", "Gudz", "мар'ян", "радник проба", "прикладів"} {
					var want []string
					for _, p := range now {
						if modelFinds(q, p) {
							want = append(want, p.Surname)
						}
					}
					query := office.Query{Text: q, Body: ministry.EDRPOU, At: when, Limit: 100}
					if i == len(past)-1 {
						query.At = time.Time{}
					}
					r, err := reader.Search(ctx, query)
					if err != nil {
						rt.Fatal(err)
					}
					var got []string
					for _, e := range r.Entries {
						got = append(got, e.Surname)
					}
					slices.Sort(want)
					slices.Sort(got)
					if !slices.Equal(got, want) || r.Total != len(want) {
						rt.Fatalf("%q at %v: %v, want %v", q, when, got, want)
					}
				}
			}
		}
	})
}

func clone[K comparable, V any](m map[K]V) map[K]V {
	out := make(map[K]V, len(m))
	for k, v := range m {
		out[k] = v
	}
	return out
}

// modelFinds is searching by the letters of the model's few queries.
func modelFinds(q string, p office.PostEntry) bool {
	switch q {
	case "Gudz":
		return p.Surname == "Ґудзь"
	case "радник проба":
		return true
	}
	all := strings.ToLower(p.Surname + " " + p.Unit)
	return strings.Contains(all, q)
}

// TestDirectoryUnderManyReaders: whoever reads while the directory is filled gets one whole state or another, never a mixture.
func TestDirectoryUnderManyReaders(t *testing.T) {
	ctx := context.Background()
	s := open(t)
	writer, reader := directory(t, s), directory(t, s)
	list := crowd(60)
	fill(t, writer, list, began)
	stop := make(chan struct{})
	var wait sync.WaitGroup
	for range 2 {
		wait.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				r, err := reader.Search(ctx, office.Query{Text: "зразк", Limit: 100})
				if err != nil || r.Total != 60 {
					t.Errorf("%d found, %v", r.Total, err)
					return
				}
				for _, e := range r.Entries {
					if e.Status != r.Entries[0].Status {
						t.Error("a mixture of two states")
						return
					}
				}
				if _, _, _, err := reader.Changes(ctx, ministry.EDRPOU, 0, 10); err != nil {
					t.Error(err)
					return
				}
				if _, err := reader.Units(ctx, ministry.EDRPOU); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for round := range 6 {
		for i := range list {
			list[i].Status = office.Status(round % 3)
		}
		fill(t, writer, list, began.Add(time.Duration(round+1)*time.Minute))
	}
	close(stop)
	wait.Wait()
}

// TestIndexIsMadeAnew: after many changes most of the index is of what is no more; then it is made anew and finds the same.
func TestIndexIsMadeAnew(t *testing.T) {
	d := directory(t, open(t))
	list := crowd(400)
	at := began
	for round := range 5 {
		at = at.Add(time.Hour)
		for i := range list {
			list[i].Status = office.Status(round % 3)
		}
		fill(t, d, list, at)
		r, err := d.Search(context.Background(), office.Query{Text: "зразк", Limit: 1000})
		if err != nil || r.Total != 400 {
			t.Fatalf("round %d: %d found, %v", round, r.Total, err)
		}
		seen := map[string]bool{}
		for _, e := range r.Entries {
			seen[e.UID] = true
			if e.Status != office.Status(round%3) {
				t.Fatalf("round %d: an old entry was found", round)
			}
		}
		if len(seen) != 400 {
			t.Errorf("round %d: %d of 400", round, len(seen))
		}
	}
	// Pages of a result follow each other without a gap.
	all, err := d.Everyone(context.Background(), ministry.EDRPOU, "", "")
	if err != nil {
		t.Fatal(err)
	}
	var paged []string
	for offset := 0; offset < 400; offset += 90 {
		r, err := d.Search(context.Background(), office.Query{Limit: 90, Offset: offset})
		if err != nil || r.Total != 400 {
			t.Fatal(r.Total, err)
		}
		for _, e := range r.Entries {
			paged = append(paged, e.UID)
		}
	}
	for i, e := range all {
		if i >= len(paged) || paged[i] != e.UID {
			t.Fatalf("entry %d of pages is another", i)
		}
	}
	if r, err := d.Search(context.Background(), office.Query{Text: "юр", Limit: 5, Offset: 100000}); err != nil || len(r.Entries) != 0 || r.Total == 0 {
		t.Errorf("far beyond the end: %+v %v", r, err)
	}
}
