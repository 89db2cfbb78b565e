package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/posvid/posvid/cmd/internal/cli"
)

// benchSchema is the value of "schema" in the JSON.
const benchSchema = "posvid.bench/1"

// benchReport is the JSON object of `posvid bench --json`. Ratios are raw time over ours: 1 is as fast as the raw
// operations, more is better. docs/performance.md says how each figure is measured.
type benchReport struct {
	Schema               string  `json:"schema"`
	SignRatio            float64 `json:"sign_ratio"`
	IssueRatio           float64 `json:"issue_ratio"`
	VerifyRatio          float64 `json:"verify_ratio"`
	VerifyAllocs         float64 `json:"verify_allocs"`
	BundleOpenMillis     float64 `json:"bundle_open_ms"`
	BundleMiB            float64 `json:"bundle_rss_mib"`
	Bundle100kMillis     float64 `json:"bundle_100k_codes_ms"`
	StatusLookupNanos    float64 `json:"status_lookup_ns"`
	DurableIssue         float64 `json:"durable_issue_per_s"`
	SingleIssue          float64 `json:"single_issue_per_s"`
	Fsync                float64 `json:"fsync_per_s"`
	ColdStartMillis      float64 `json:"cold_start_ms"`
	CheckChars           int     `json:"check_chars"`
	CheckCharsLongest    int     `json:"check_chars_longest"`
	FullChars            int     `json:"full_chars"`
	FullCharsLongest     int     `json:"full_chars_longest"`
	FullTextChars        int     `json:"full_text_chars"`
	FullTextCharsLongest int     `json:"full_text_chars_longest"`

	Raw     benchRaw             `json:"raw"`
	Spread  benchSpread          `json:"spread"`
	Bars    map[string]benchGoal `json:"bars"`
	Missed  []string             `json:"missed"` // keys whose bar is missed
	Machine benchMachine         `json:"machine"`
}

// benchRaw are the raw operations of the same run, and ours in the same units.
type benchRaw struct {
	SignMicros           float64 `json:"ecdsa_sign_us"`
	SignVerifyMicros     float64 `json:"ecdsa_sign_and_verify_us"`
	TwoVerifyMicros      float64 `json:"two_ecdsa_verify_us"`
	OurSignMicros        float64 `json:"sign_token_us"`
	OurIssueMicros       float64 `json:"issue_token_us"`
	OurVerdictMicros     float64 `json:"verdict_us"`
	BundleMillis         float64 `json:"bundle_hash_and_signatures_ms"`
	Bundle100kMillis     float64 `json:"bundle_100k_codes_hash_and_signatures_ms"`
	BundleWallMillis     float64 `json:"bundle_open_wall_ms"`
	Bundle100kWallMillis float64 `json:"bundle_100k_codes_wall_ms"`
	BundleBytes          int     `json:"bundle_bytes"`
	Bundle100kBytes      int     `json:"bundle_100k_codes_bytes"`
	IdleMiB              float64 `json:"idle_process_mib"`
	OpenedMiB            float64 `json:"bundle_process_mib"`
	StatusLookupNanos    float64 `json:"map_lookup_ns"`
	StatusLookupAllocs   float64 `json:"status_lookup_allocs"`
	ProcessStartMillis   float64 `json:"process_start_ms"`
	OwnColdStartMillis   float64 `json:"cold_start_posvid_ms"`
}

// benchSpread are quartiles over the rounds; of the disk rows, least and greatest turn.
type benchSpread struct {
	Sign             [2]float64 `json:"sign_ratio"`
	Issue            [2]float64 `json:"issue_ratio"`
	Verify           [2]float64 `json:"verify_ratio"`
	BundleOpenMillis [2]float64 `json:"bundle_open_ms"`
	Bundle100kMillis [2]float64 `json:"bundle_100k_codes_ms"`
	DurableIssue     [2]float64 `json:"durable_issue_per_s"`
	SingleIssue      [2]float64 `json:"single_issue_per_s"`
	Fsync            [2]float64 `json:"fsync_per_s"`
	ColdStartMillis  [2]float64 `json:"cold_start_ms"`
}

// benchGoal is a bar and whether it is met.
type benchGoal struct {
	Bar  float64 `json:"bar"`
	Pass bool    `json:"pass"`
}

// benchMachine says what gave the figures.
type benchMachine struct {
	CPU              string  `json:"cpu"`
	Cores            int     `json:"cores"`
	System           string  `json:"system"`
	Go               string  `json:"go"`
	LoadBefore       string  `json:"load_before"` // of 1, 5 and 15 minutes; "" where the system does not say
	LoadAfter        string  `json:"load_after"`
	CPUBy            string  `json:"cpu_rows_by"` // clock of the ratios, of opening bundles and of status_lookup_ns; all else is wall time
	MemoryBy         string  `json:"memory_by"`   // what bundle_rss_mib is the difference of
	ColdStartProgram string  `json:"cold_start_program"`
	At               string  `json:"at"`
	Seconds          float64 `json:"seconds"`
}

// Bars. A durable rate is asked of a disk of at least benchDisk fsync a second; below that it scales with the disk.
const (
	benchDisk         = 5000
	benchDurable      = 4000
	benchSingle       = 500
	benchVerifyAllocs = 45
)

// benchRow is one line of the table.
type benchRow struct {
	key     string
	uk, en  string
	value   float64
	bar     float64 // 0: shown beside, no bar
	atLeast bool
	unit    string
	raw     string
}

func (r benchRow) pass() bool {
	if r.atLeast {
		return r.value >= r.bar
	}
	return r.value <= r.bar
}

// rows are every key in the order of the JSON.
func (r *benchReport) rows() []benchRow {
	scale := min(1, r.Fsync/benchDisk)
	micros := func(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) + " µs" }
	chars := func(key, uk, en string, n, bar int) benchRow {
		return benchRow{key, uk, en, float64(n), float64(bar), false, "", ""}
	}
	return []benchRow{
		{"sign_ratio", "підпис токена / ecdsa.SignASN1", "sign a token / ecdsa.SignASN1", r.SignRatio, 0.80, true, "", micros(r.Raw.OurSignMicros) + " / " + micros(r.Raw.SignMicros)},
		{"issue_ratio", "випуск токена з перевіркою / підпис і перевірка", "issue a token, checked / raw sign and verify", r.IssueRatio, 0.90, true, "", micros(r.Raw.OurIssueMicros) + " / " + micros(r.Raw.SignVerifyMicros)},
		{"verify_ratio", "код до вердикту / дві ecdsa.VerifyASN1", "code to verdict / two ecdsa.VerifyASN1", r.VerifyRatio, 0.88, true, "", micros(r.Raw.OurVerdictMicros) + " / " + micros(r.Raw.TwoVerifyMicros)},
		{"verify_allocs", "виділень пам'яті на вердикт", "allocations a verdict", r.VerifyAllocs, benchVerifyAllocs, false, "", ""},
		{"bundle_open_ms", "набір довіри: відкрити й перевірити все", "bundle: open and verify all of it", r.BundleOpenMillis, 50, false, "ms", fmt.Sprintf("%.1f ms, %.1f KiB", r.Raw.BundleMillis, float64(r.Raw.BundleBytes)/1024)},
		{"bundle_rss_mib", "пам'ять процесу на нього", "memory of the process for it", r.BundleMiB, 32, false, "MiB", fmt.Sprintf("%.1f − %.1f MiB", r.Raw.OpenedMiB, r.Raw.IdleMiB)},
		{"bundle_100k_codes_ms", "те саме зі 100 000 кодів", "the same with 100,000 codes", r.Bundle100kMillis, 120, false, "ms", fmt.Sprintf("%.1f ms, %.1f KiB", r.Raw.Bundle100kMillis, float64(r.Raw.Bundle100kBytes)/1024)},
		{"status_lookup_ns", "пошук статусу", "status look-up", r.StatusLookupNanos, 100, false, "ns", fmt.Sprintf("%.1f ns", r.Raw.StatusLookupNanos)},
		{"durable_issue_per_s", "посвідчень на секунду на диск, групами", "durable IDs a second, grouped", r.DurableIssue, benchDurable * scale, true, "1/s", ""},
		{"single_issue_per_s", "посвідчень на секунду на диск, по одному", "durable IDs a second, singly", r.SingleIssue, benchSingle * scale, true, "1/s", ""},
		{"fsync_per_s", "fsync на секунду", "fsync a second", r.Fsync, 0, true, "1/s", ""},
		{"cold_start_ms", "холодний старт: від PNG до вердикту", "cold start: PNG to verdict", r.ColdStartMillis, 80, false, "ms", fmt.Sprintf("%.1f ms", r.Raw.ProcessStartMillis)},
		chars("check_chars", "знаків: check", "characters: check", r.CheckChars, 528),
		chars("check_chars_longest", "знаків: check, найдовше ім'я", "characters: check, longest person", r.CheckCharsLongest, 600),
		chars("full_chars", "знаків: full", "characters: full", r.FullChars, 600),
		chars("full_chars_longest", "знаків: full, найдовше ім'я", "characters: full, longest person", r.FullCharsLongest, 734),
		chars("full_text_chars", "знаків: full, тексти замість кодів", "characters: full, texts for codes", r.FullTextChars, 734),
		chars("full_text_chars_longest", "знаків: full, найдовші тексти", "characters: full, longest texts", r.FullTextCharsLongest, 1451),
	}
}

// judge fills in bars and misses.
func (r *benchReport) judge() {
	r.Bars, r.Missed = map[string]benchGoal{}, []string{}
	for _, row := range r.rows() {
		if row.bar == 0 {
			continue
		}
		pass := row.pass()
		if row.key == "status_lookup_ns" {
			pass = pass && r.Raw.StatusLookupAllocs == 0
		}
		r.Bars[row.key] = benchGoal{row.bar, pass}
		if !pass {
			r.Missed = append(r.Missed, row.key)
		}
	}
}

func benchCommand(env *cli.Env) *cobra.Command {
	var asJSON bool
	command := &cobra.Command{
		Use: "bench", Args: cobra.NoArgs,
		Short: "виміряти швидкість і розміри на цій машині / measure speed and sizes on this machine",
		Long: env.T(`Міряє підпис, випуск, перевірку, набір довіри на 500 000 статусів, випуск на диск, холодний старт і довжину кодів.
Поруч завжди голі операції того самого запуску: відношення порівнянні між машинами. Диск міряється там, де --dir.`,
			`Measures signing, issuing, verifying, a bundle of 500,000 statuses, durable issuing, cold start and the length of codes.
Raw operations of the same run stand beside: the ratios compare between machines. The disk measured is that of --dir.`),
		RunE: func(c *cobra.Command, _ []string) error {
			r, err := runBench(c.Context(), env, benchFull)
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(env.Stdout).Encode(r)
			}
			return r.print(env)
		},
	}
	command.Flags().BoolVar(&asJSON, "json", false, "один об'єкт JSON / one JSON object")
	command.AddCommand(&cobra.Command{
		Use: "memory [BUNDLE]", Args: cobra.MaximumNArgs(1), Hidden: true,
		Short: "скільки пам'яті бере цей процес / memory of this process",
		RunE:  func(_ *cobra.Command, args []string) error { return benchMemoryChild(env.Stdout, args) },
	})
	return command
}

// runBench measures everything and removes what it made.
func runBench(ctx context.Context, env *cli.Env, size benchSize) (r *benchReport, err error) {
	began := time.Now()
	r = &benchReport{Schema: benchSchema, Machine: benchMachineFacts()}
	r.Machine.At = began.UTC().Format(time.RFC3339)
	dir, err := os.MkdirTemp("", "posvid-bench-")
	if err != nil {
		return nil, err
	}
	defer func() {
		if removed := os.RemoveAll(dir); err == nil {
			err = removed
		}
	}()
	b := &bench{size: size, report: r, disk: env.Dir}
	if b.self, err = os.Executable(); err != nil {
		return nil, err
	}
	device := filepath.Join(filepath.Dir(b.self), "posvid-verify")
	if runtime.GOOS == "windows" {
		device += ".exe"
	}
	if _, err := os.Stat(device); err == nil {
		b.device = device
	}
	step := func(uk, en string, args ...any) { env.Say("bench: "+uk, "bench: "+en, args...) }
	step("набір довіри: органів %d, ключів %d, статусів %d", "bundle: bodies %d, keys %d, statuses %d", size.bodies, size.bodies*benchKeysPerBody, size.statuses)
	if b.world, err = newBenchWorld(ctx, size, dir); err != nil {
		return nil, err
	}
	data, err := b.world.publish(size.codes)
	if err != nil {
		return nil, err
	}
	bundle, err := b.openAll(data)
	if err != nil {
		return nil, err
	}
	text, err := b.world.code()
	if err != nil {
		return nil, err
	}
	if err := b.world.files(data, text); err != nil {
		return nil, err
	}
	step("підпис, випуск, перевірка", "signing, issuing, verifying")
	if err := b.cpu(ctx, bundle); err != nil {
		return nil, err
	}
	if err := b.lookup(ctx, bundle); err != nil {
		return nil, err
	}
	if err := b.chars(); err != nil {
		return nil, err
	}
	step("процеси: пам'ять і холодний старт", "processes: memory and cold start")
	if err := b.memory(ctx); err != nil {
		return nil, err
	}
	if err := b.coldStart(ctx); err != nil {
		return nil, err
	}
	step("випуск на диск %s", "durable issuing on the disk of %s", b.disk)
	if err := b.durable(ctx, bundle); err != nil {
		return nil, err
	}
	step("набір довіри з кодів %d", "bundle of %d codes", size.moreCodes)
	larger, err := b.world.publish(size.moreCodes)
	if err != nil {
		return nil, err
	}
	if err := b.opening(ctx, data, larger); err != nil {
		return nil, err
	}
	r.judge()
	r.Machine.LoadAfter = benchLoad()
	r.Machine.Seconds = math.Round(time.Since(began).Seconds()*10) / 10
	return r, nil
}

// print writes the table.
func (r *benchReport) print(env *cli.Env) error {
	w := tabwriter.NewWriter(env.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, env.T("що\tмежа\tнаше\tголе поруч\t", "what\tbar\tours\traw beside\t"))
	for _, row := range r.rows() {
		bar, mark := "", ""
		if row.bar > 0 {
			sign := "≤"
			if row.atLeast {
				sign = "≥"
			}
			bar, mark = sign+" "+benchNumber(row.bar), env.T("✔", "✔ pass")
			if slices.Contains(r.Missed, row.key) {
				mark = env.T("✘ недобір", "✘ miss")
			}
		}
		raw := row.raw
		if row.key == "status_lookup_ns" {
			raw += env.T(fmt.Sprintf(", виділень %.0f", r.Raw.StatusLookupAllocs), fmt.Sprintf(", allocations %.0f", r.Raw.StatusLookupAllocs))
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", env.T(row.uk, row.en), bar, strings.TrimSpace(benchNumber(row.value)+" "+row.unit), raw, mark)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	m := r.Machine
	if r.Fsync < benchDisk {
		env.Print("диск дає менше за %d fsync/с, тому межі випуску на диск зменшено в стільки ж разів", "the disk gives fewer than %d fsync/s, so the bars of durable issuing are scaled down with it", benchDisk)
	}
	env.Print("%s, ядер %d, %s, %s; навантаження %s → %s; %.0f с", "%s, %d cores, %s, %s; load %s → %s; %.0f s", m.CPU, m.Cores, m.System, m.Go, m.LoadBefore, m.LoadAfter, m.Seconds)
	env.Print("рядки процесора: %s; пам'ять: різниця %s двох процесів; холодний старт: %s (сам posvid %.0f мс)", "CPU rows: %s; memory: difference of %s of two processes; cold start: %s (posvid itself %.0f ms)", m.CPUBy, m.MemoryBy, m.ColdStartProgram, r.Raw.OwnColdStartMillis)
	if len(r.Missed) > 0 {
		env.Print("недобори: %s", "missed: %s", strings.Join(r.Missed, ", "))
	}
	return nil
}

// benchNumber prints a figure with as many digits as it is worth.
func benchNumber(v float64) string {
	switch {
	case v == math.Trunc(v) || v >= 1000:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 3, 64)
}

func benchMachineFacts() benchMachine {
	m := benchMachine{Cores: runtime.NumCPU(), System: runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version(), LoadBefore: benchLoad(), CPUBy: benchClockName, CPU: runtime.GOARCH}
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(info)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				m.CPU = strings.TrimSpace(value)
				break
			}
		}
	}
	return m
}

// benchLoad is the load average of 1, 5 and 15 minutes.
func benchLoad() string {
	data, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return ""
	}
	return strings.Join(strings.Fields(string(data))[:3], " ")
}
