package main

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/cmd/internal/cli"
	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/trust"
)

// benchChildVariable makes the test's own binary act as the program, so that bench can start it as its child.
const benchChildVariable = "POSVID_BENCH_TEST_CHILD"

func init() {
	if os.Getenv(benchChildVariable) != "" {
		os.Exit(run(context.Background(), cli.New("posvid"), os.Args[1:]))
	}
}

// benchShort is enough to run every line of the bench, and too little to time anything.
var benchShort = benchSize{bodies: 3, statuses: 3_000, codes: 60, moreCodes: 120, rounds: 9, opens: 9, children: 1,
	grouped: 16, single: 2, turns: 1, allocRuns: 50, partialLimit: time.Second}

// benchKeys are the keys that readers of the JSON rely on.
var benchKeys = []string{"sign_ratio", "issue_ratio", "verify_ratio", "verify_allocs", "bundle_open_ms", "bundle_rss_mib", "bundle_100k_codes_ms",
	"status_lookup_ns", "durable_issue_per_s", "single_issue_per_s", "fsync_per_s", "cold_start_ms", "check_chars", "check_chars_longest",
	"full_chars", "full_chars_longest", "full_text_chars", "full_text_chars_longest"}

func TestBenchReport(t *testing.T) {
	t.Setenv(benchChildVariable, "1")
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	var out, talk bytes.Buffer
	env := &cli.Env{Program: "posvid", Stdin: strings.NewReader(""), Stdout: &out, Stderr: &talk, Now: time.Now, Lang: "en", Dir: t.TempDir()}
	r, err := runBench(t.Context(), env, benchShort)
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{temp, env.Dir} {
		if left, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(left) > 0 {
			t.Errorf("left behind in %s: %v, %v", dir, left, err)
		}
	}
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var object map[string]any
	if err := json.Unmarshal(data, &object); err != nil {
		t.Fatal(err)
	}
	for _, key := range benchKeys {
		v, ok := object[key].(float64)
		if !ok || math.IsNaN(v) || math.IsInf(v, 0) {
			t.Errorf("%s: %v, want a finite number", key, object[key])
		}
		if v <= 0 && key != "bundle_rss_mib" { // a tiny bundle may take no page more
			t.Errorf("%s: %v, want more than zero", key, v)
		}
	}
	if object["schema"] != benchSchema {
		t.Errorf("schema %v, want %s", object["schema"], benchSchema)
	}
	for key, bar := range map[string]float64{"check_chars": 528, "check_chars_longest": 600, "full_chars": 600, "full_chars_longest": 734,
		"full_text_chars": 734, "full_text_chars_longest": 1451, "verify_allocs": 45} {
		if v, ok := object[key].(float64); !ok || v > bar {
			t.Errorf("%s: %v, want at most %g", key, object[key], bar)
		}
		if got := r.Bars[key]; got.Bar != bar || !got.Pass {
			t.Errorf("%s: bar %+v, want %g passed", key, got, bar)
		}
	}
	if r.Raw.StatusLookupAllocs != 0 {
		t.Errorf("a status look-up allocates %g times, want 0", r.Raw.StatusLookupAllocs)
	}
	if len(r.Bars) != len(benchKeys)-1 { // fsync_per_s is the disk's, not ours
		t.Errorf("%d bars, want one for every key but fsync_per_s", len(r.Bars))
	}

	if err := r.print(env); err != nil {
		t.Fatal(err)
	}
	for _, row := range r.rows() {
		if !strings.Contains(out.String(), row.en) {
			t.Errorf("the table has no line %q", row.en)
		}
	}
}

func TestBenchJudge(t *testing.T) {
	good := func() *benchReport {
		return &benchReport{SignRatio: 0.80, IssueRatio: 0.90, VerifyRatio: 0.88, VerifyAllocs: 45, BundleOpenMillis: 50, BundleMiB: 32, Bundle100kMillis: 120,
			StatusLookupNanos: 100, DurableIssue: 4000, SingleIssue: 500, Fsync: 5000, ColdStartMillis: 80, CheckChars: 528, CheckCharsLongest: 600,
			FullChars: 600, FullCharsLongest: 734, FullTextChars: 734, FullTextCharsLongest: 1451}
	}
	for _, row := range []struct {
		name   string
		edit   func(*benchReport)
		missed string
	}{
		{"at every bar", func(*benchReport) {}, ""},
		{"slow signing", func(r *benchReport) { r.SignRatio = 0.799 }, "sign_ratio"},
		{"slow issuing", func(r *benchReport) { r.IssueRatio = 0.899 }, "issue_ratio"},
		{"slow verdict", func(r *benchReport) { r.VerifyRatio = 0.879 }, "verify_ratio"},
		{"one allocation more", func(r *benchReport) { r.VerifyAllocs = 46 }, "verify_allocs"},
		{"slow bundle", func(r *benchReport) { r.BundleOpenMillis = 50.1 }, "bundle_open_ms"},
		{"large bundle", func(r *benchReport) { r.BundleMiB = 32.1 }, "bundle_rss_mib"},
		{"slow tables", func(r *benchReport) { r.Bundle100kMillis = 120.1 }, "bundle_100k_codes_ms"},
		{"slow look-up", func(r *benchReport) { r.StatusLookupNanos = 100.1 }, "status_lookup_ns"},
		{"look-up that allocates", func(r *benchReport) { r.Raw.StatusLookupAllocs = 1 }, "status_lookup_ns"},
		{"slow disk rows on a fast disk", func(r *benchReport) { r.Fsync, r.DurableIssue = 20000, 3999 }, "durable_issue_per_s"},
		{"slow disk scales the bar", func(r *benchReport) { r.Fsync, r.DurableIssue, r.SingleIssue = 2500, 2000, 250 }, ""},
		{"below the scaled bar", func(r *benchReport) { r.Fsync, r.DurableIssue, r.SingleIssue = 2500, 1999, 249 }, "durable_issue_per_s single_issue_per_s"},
		{"slow start", func(r *benchReport) { r.ColdStartMillis = 80.1 }, "cold_start_ms"},
		{"one character more", func(r *benchReport) { r.CheckChars, r.FullTextCharsLongest = 529, 1452 }, "check_chars full_text_chars_longest"},
	} {
		r := good()
		row.edit(r)
		r.judge()
		if got := strings.Join(r.Missed, " "); got != row.missed {
			t.Errorf("%s: missed %q, want %q", row.name, got, row.missed)
		}
	}
}

func TestBenchSeries(t *testing.T) {
	s := benchSeries{9, 1, 5, 3, 7}
	if s.median() != 5 || s.at(0) != 1 || s.at(1) != 9 || s.at(0.25) != 3 {
		t.Errorf("median %g, least %g, greatest %g, quartile %g, want 5, 1, 9, 3", s.median(), s.at(0), s.at(1), s.at(0.25))
	}
	if got := (benchSeries{}).median(); got != 0 {
		t.Errorf("median of nothing %g, want 0", got)
	}
	ratio, spread := benchRatio(benchSeries{2, 2, 2}, benchSeries{4, 1, 2})
	if ratio != 1 || spread != [2]float64{0.5, 2} {
		t.Errorf("ratio %g in %v, want 1 in [0.5 2]", ratio, spread)
	}
	failing := func() error { return errBenchRaw }
	if _, err := benchInterleave(t.Context(), benchWall, 9, time.Second, benchOperation{1, failing}); err != errBenchRaw {
		t.Errorf("a failing operation: %v, want %v", err, errBenchRaw)
	}
	if _, err := benchAllocs(1, failing); err != errBenchRaw {
		t.Errorf("allocations of a failing operation: %v, want %v", err, errBenchRaw)
	}
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := benchInterleave(stopped, benchWall, 9, time.Second, benchOperation{1, func() error { return nil }}); err != context.Canceled {
		t.Errorf("an interrupted bench: %v, want %v", err, context.Canceled)
	}
}

// TestBenchChild refuses what is no bundle under the demo root.
func TestBenchChild(t *testing.T) {
	var out bytes.Buffer
	if err := benchMemoryChild(&out, nil); err != nil || !strings.Contains(out.String(), `"peak_kib":`) {
		t.Errorf("idle child: %q, %v", out.String(), err)
	}
	out.Reset()
	bad := filepath.Join(t.TempDir(), "bundle.sidb")
	if err := os.WriteFile(bad, []byte("no bundle"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{bad, filepath.Join(t.TempDir(), "absent")} {
		if err := benchMemoryChild(&out, []string{name}); err == nil || out.Len() > 0 {
			t.Errorf("%s: %v, %q, want an error and no answer", filepath.Base(name), err, out.String())
		}
	}
}

// benchFixture is the full bundle, opened.
func benchFixture(b *testing.B) (*bench, *trust.Bundle) {
	b.Helper()
	w, err := newBenchWorld(b.Context(), benchFull, b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	data, err := w.publish(benchFull.codes)
	if err != nil {
		b.Fatal(err)
	}
	all := &bench{size: benchFull, world: w, report: &benchReport{}}
	bundle, err := all.openAll(data)
	if err != nil {
		b.Fatal(err)
	}
	return all, bundle
}

// BenchmarkVerdict is the row verify_ratio, for a profile.
func BenchmarkVerdict(b *testing.B) {
	all, bundle := benchFixture(b)
	text, err := all.world.code()
	if err != nil {
		b.Fatal(err)
	}
	verdict := all.verdict(bundle, text)
	b.ReportAllocs()
	for b.Loop() {
		if err := verdict(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkIssueToken is the row issue_ratio, for a profile.
func BenchmarkIssueToken(b *testing.B) {
	all, bundle := benchFixture(b)
	checker := tokenChecker{bundle}
	b.ReportAllocs()
	for b.Loop() {
		payload, err := credential.EncodePayload(&all.world.claims)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := issuer.SignChecked(payload, all.world.bodies[0].signer, checker, all.world.at); err != nil {
			b.Fatal(err)
		}
	}
}
