package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// tally is the count of one decoder over one set.
type tally struct {
	Read    int     `json:"read"`
	Total   int     `json:"total"`
	False   int     `json:"false"`
	Extra   int     `json:"extra"`
	Charset int     `json:"charset"`
	Percent float64 `json:"percent"`
	Median  float64 `json:"median_ms"`
	P95     float64 `json:"p95_ms"`
	Clock   string  `json:"times_by"`

	times []time.Duration
}

func (t *tally) add(o outcome, took time.Duration) {
	t.Total++
	if o.read {
		t.Read++
	}
	if o.wrong {
		t.False++
	}
	if o.charset {
		t.Charset++
	}
	t.Extra += o.extra
	t.times = append(t.times, took)
}

// settle computes percent and times.
func (t *tally) settle() {
	if t.Total == 0 {
		return
	}
	t.Percent = math.Round(1000*float64(t.Read)/float64(t.Total)) / 10
	sorted := slices.Sorted(slices.Values(t.times))
	t.Median, t.P95 = milliseconds(quantile(sorted, 50)), milliseconds(quantile(sorted, 95))
}

// quantile returns the smallest time that at least the given percent of all do not exceed.
func quantile(sorted []time.Duration, percent int) time.Duration {
	return sorted[max(0, (len(sorted)*percent+99)/100-1)]
}

func milliseconds(d time.Duration) float64 { return math.Round(d.Seconds()*1e5) / 100 }

// report collects the tallies of all sets.
type report struct {
	decoders []decoder
	sets     []string // in order of appearance
	tallies  map[string]map[string]*tally
}

// all is the row of all sets together.
const all = "all"

func newReport(decoders []decoder) *report {
	return &report{decoders: decoders, tallies: map[string]map[string]*tally{}}
}

func (r *report) add(set, name string, o outcome, took time.Duration) {
	for _, key := range []string{set, all} {
		if r.tallies[key] == nil {
			r.tallies[key] = map[string]*tally{}
			if key != all {
				r.sets = append(r.sets, key)
			}
			for _, d := range r.decoders {
				r.tallies[key][d.name] = &tally{Clock: d.clock}
			}
		}
		r.tallies[key][name].add(o, took)
	}
}

func (r *report) tally(set, name string) *tally {
	t := r.tallies[set][name]
	if t != nil {
		t.settle()
	}
	return t
}

// object is what --json prints.
func (r *report) object() any {
	t := r.tally(all, "ours")
	object := struct {
		Read     int                          `json:"read"`
		Total    int                          `json:"total"`
		False    int                          `json:"false"`
		Median   float64                      `json:"median_ms"`
		P95      float64                      `json:"p95_ms"`
		Clock    string                       `json:"times_by"`
		Decoders map[string]*tally            `json:"decoders"`
		Sets     map[string]map[string]*tally `json:"sets"`
	}{t.Read, t.Total, t.False, t.Median, t.P95, t.Clock, r.tallies[all], map[string]map[string]*tally{}}
	for _, set := range append([]string{all}, r.sets...) {
		for _, d := range r.decoders {
			r.tally(set, d.name)
		}
		if set != all {
			object.Sets[set] = r.tallies[set]
		}
	}
	return object
}

// table prints one row a set in Markdown.
func (r *report) table(out io.Writer) {
	var head, rule strings.Builder
	head.WriteString("| set | n |")
	rule.WriteString("| --- | --- |")
	for _, d := range r.decoders {
		fmt.Fprintf(&head, " %s | %% | false | median ms | p95 ms |", d.name)
		rule.WriteString(" --- | --- | --- | --- | --- |")
	}
	fmt.Fprintf(out, "%s\n%s\n", &head, &rule)
	rows := r.sets
	if len(rows) > 1 {
		rows = append(slices.Clone(rows), all)
	}
	var notes []string
	for _, set := range rows {
		fmt.Fprintf(out, "| %s | %d |", set, r.tally(set, r.decoders[0].name).Total)
		for _, d := range r.decoders {
			t := r.tally(set, d.name)
			fmt.Fprintf(out, " %d | %.1f | %d | %.1f | %.1f |", t.Read, t.Percent, t.False, t.Median, t.P95)
			if t.Extra > 0 && set != all {
				notes = append(notes, fmt.Sprintf("%s, %s: %d other texts beside a right one.", set, d.name, t.Extra))
			}
			if t.Charset > 0 && set != all {
				notes = append(notes, fmt.Sprintf("%s, %s: %d texts in another character set.", set, d.name, t.Charset))
			}
		}
		fmt.Fprintln(out)
	}
	fmt.Fprintln(out)
	for _, d := range r.decoders {
		fmt.Fprintf(out, "Times of %s: %s.\n", d.name, d.clock)
	}
	for _, note := range notes {
		fmt.Fprintln(out, note)
	}
}

// bar is a bound on one number of the table.
type bar struct {
	text         string
	set, what    string
	least, most  float64
	ofPercentage bool
}

// parseBars reads SET=PERCENT, SET:WHAT=NUMBER and SET:DECODER=LOW..HIGH.
func parseBars(given []string) ([]bar, error) {
	var bars []bar
	for _, text := range given {
		name, value, ok := strings.Cut(text, "=")
		b := bar{text: text, set: name, what: "ours", least: math.Inf(-1), most: math.Inf(1)}
		if set, what, found := strings.Cut(name, ":"); found {
			b.set, b.what = set, what
		}
		low, high, ranged := strings.Cut(value, "..")
		first, err := strconv.ParseFloat(low, 64)
		second := first
		if err == nil && ranged {
			second, err = strconv.ParseFloat(high, 64)
		}
		switch {
		case !ok || b.set == "" || err != nil || second < first:
			return nil, fmt.Errorf("bar %q, want SET=PERCENT, SET:median_ms=NUMBER or SET:DECODER=LOW..HIGH", text)
		case ranged:
			b.least, b.most = first, second
		case b.what == "median_ms" || b.what == "p95_ms" || b.what == "false":
			b.most = first
		default:
			b.least = first
		}
		switch b.what {
		case "read", "false", "median_ms", "p95_ms":
		case "ours", "gozxing", "zbar":
			b.ofPercentage = true
		default:
			return nil, fmt.Errorf("bar %q bounds %q, want read, false, median_ms, p95_ms, ours, gozxing or zbar", text, b.what)
		}
		bars = append(bars, b)
	}
	return bars, nil
}

// check tells in words whether the bar is met. A bar on something that was not
// measured is an error.
func (b bar) check(r *report) (met bool, word string, err error) {
	name := "ours"
	if b.ofPercentage {
		name = b.what
	}
	t := r.tally(b.set, name)
	if t == nil {
		return false, "", fmt.Errorf("bar %s: set %q was not judged by %s", b.text, b.set, name)
	}
	var value float64
	switch b.what {
	case "read":
		value = float64(t.Read)
	case "false":
		value = float64(t.False)
	case "median_ms":
		value = t.Median
	case "p95_ms":
		value = t.P95
	default:
		value = 100 * float64(t.Read) / float64(t.Total)
	}
	met = value >= b.least && value <= b.most
	word = "MISSED"
	if met {
		word = "met"
	}
	return met, fmt.Sprintf("bar %s: %.1f: %s", b.text, value, word), nil
}
