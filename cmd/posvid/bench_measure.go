package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/posvid/posvid/cmd/internal/verifycli"
	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/store"
	"github.com/posvid/posvid/testvectors"
	"github.com/posvid/posvid/trust"
	"github.com/posvid/posvid/verifier"
)

// benchSeries are the figures of one operation, one for each round.
type benchSeries []float64

// at gives the value below which the given share of the series lies.
func (s benchSeries) at(share float64) float64 {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	return sorted[min(int(share*float64(len(sorted))), len(sorted)-1)]
}

func (s benchSeries) median() float64 { return s.at(0.5) }

// benchOperation is timed in blocks of n.
type benchOperation struct {
	n   int
	run func() error
}

// benchInterleave runs one block of every operation in each round, beginning with another one each time, so that whatever
// slows the machine down slows all of them alike. A block of several begins with one that is not timed. It stops at the limit of time, but not before 9 rounds.
// Each series holds nanoseconds an operation on the clock given, in the order of the operations.
func benchInterleave(ctx context.Context, clock func() time.Duration, rounds int, limit time.Duration, operations ...benchOperation) ([]benchSeries, error) {
	const leastRounds = 9
	out := make([]benchSeries, len(operations))
	for _, o := range operations { // caches and lazy tables
		if err := o.run(); err != nil {
			return nil, err
		}
	}
	runtime.GC()
	began := time.Now()
	for round := range rounds {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if round >= leastRounds && time.Since(began) > limit {
			break
		}
		for i := range operations {
			i = (i + round) % len(operations)
			o := operations[i]
			if o.n > 1 { // what ran before has taken the caches
				if err := o.run(); err != nil {
					return nil, err
				}
			}
			start := clock()
			for range o.n {
				if err := o.run(); err != nil {
					return nil, err
				}
			}
			out[i] = append(out[i], float64(clock()-start)/float64(o.n))
		}
	}
	return out, nil
}

// benchWall is the clock on the wall: what a person waits.
func benchWall() time.Duration { return time.Since(benchWallStart) }

var benchWallStart = time.Now()

// benchRatio is the median of a over b within each round, and the quartiles. Both stand side by side in time, so that a
// neighbour on the same core slows both or none.
func benchRatio(a, b benchSeries) (ratio float64, spread [2]float64) {
	var each benchSeries
	for i := range min(len(a), len(b)) {
		each = append(each, a[i]/b[i])
	}
	return each.median(), [2]float64{each.at(0.25), each.at(0.75)}
}

// benchAllocs is how many times run allocates, the average of many runs on one processor.
func benchAllocs(runs int, run func() error) (float64, error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	if err := run(); err != nil {
		return 0, err
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range runs {
		if err := run(); err != nil {
			return 0, err
		}
	}
	runtime.ReadMemStats(&after)
	return float64((after.Mallocs - before.Mallocs) / uint64(runs)), nil
}

// benchRawKey is a P-256 key with one signature, used through crypto/ecdsa alone.
type benchRawKey struct {
	key       *ecdsa.PrivateKey
	digest    [32]byte
	signature []byte
}

func newBenchRawKey() (*benchRawKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	r := &benchRawKey{key: key, digest: sha256.Sum256([]byte("posvid bench"))}
	r.signature, err = ecdsa.SignASN1(rand.Reader, key, r.digest[:])
	return r, err
}

func (r *benchRawKey) sign() error {
	_, err := ecdsa.SignASN1(rand.Reader, r.key, r.digest[:])
	return err
}

var errBenchRaw = errors.New("posvid: bench: a raw signature does not verify")

func (r *benchRawKey) verify() error {
	if !ecdsa.VerifyASN1(&r.key.PublicKey, r.digest[:], r.signature) {
		return errBenchRaw
	}
	return nil
}

// bench is one run of the command.
type bench struct {
	size   benchSize
	world  *benchWorld
	disk   string // folder on the disk that is measured
	self   string // this program
	device string // posvid-verify beside it; "" when there is none
	report *benchReport
}

// cpu measures signing, issuing and verifying beside the raw operations, on one processor.
func (b *bench) cpu(ctx context.Context, bundle *trust.Bundle) error {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	w, r := b.world, b.report
	raw, err := newBenchRawKey()
	if err != nil {
		return err
	}
	text, err := w.code()
	if err != nil {
		return err
	}
	payload, err := credential.EncodePayload(&w.claims)
	if err != nil {
		return err
	}
	signer, checker := w.bodies[0].signer, tokenChecker{bundle}
	verdict := b.verdict(bundle, text)
	rawBoth := func() error { return errors.Join(raw.sign(), raw.verify()) }
	rawTwo := func() error { return errors.Join(raw.verify(), raw.verify()) }
	sign := func() error {
		_, err := credential.SignToken(payload, signer)
		return err
	}
	issue := func() error {
		stored, err := credential.EncodePayload(&w.claims)
		if err != nil {
			return err
		}
		_, err = issuer.SignChecked(stored, signer, checker, w.at)
		return err
	}
	for _, row := range []struct {
		n         int
		raw, ours func() error
		ratio     *float64
		spread    *[2]float64
		rawTook   *float64
		took      *float64
	}{
		{8, raw.sign, sign, &r.SignRatio, &r.Spread.Sign, &r.Raw.SignMicros, &r.Raw.OurSignMicros},
		{4, rawBoth, issue, &r.IssueRatio, &r.Spread.Issue, &r.Raw.SignVerifyMicros, &r.Raw.OurIssueMicros},
		{3, rawTwo, verdict, &r.VerifyRatio, &r.Spread.Verify, &r.Raw.TwoVerifyMicros, &r.Raw.OurVerdictMicros},
	} {
		series, err := benchInterleave(ctx, benchClock, b.size.rounds, b.size.partialLimit, benchOperation{row.n, row.raw}, benchOperation{row.n, row.ours})
		if err != nil {
			return err
		}
		*row.ratio, *row.spread = benchRatio(series[0], series[1])
		*row.rawTook, *row.took = series[0].median()/1e3, series[1].median()/1e3
	}
	r.VerifyAllocs, err = benchAllocs(b.size.allocRuns, verdict)
	return err
}

// verdict verifies a text to an accepted verdict.
func (b *bench) verdict(bundle *trust.Bundle, text string) func() error {
	in := verifier.Input{Text: text, At: b.world.at, Bundle: bundle, Class: trust.ClassCheckpoint}
	return func() error {
		if v := verifier.Verify(in); v.Outcome != verifier.Accept {
			return fmt.Errorf("posvid: bench: the valid code: %w", v.Err())
		}
		return nil
	}
}

// openAll opens a bundle and verifies every section of it.
func (b *bench) openAll(data []byte) (*trust.Bundle, error) {
	bundle, err := trust.Open(data, b.world.pin)
	if err != nil {
		return nil, err
	}
	return bundle, bundle.CheckAll()
}

// opening measures opening both bundles beside the work that no implementation can leave out: SHA-256 over the file and one
// P-256 verification for each signed list and table. On one processor, where CPU time and the time on the wall are the same
// unless others use the machine; both are told.
func (b *bench) opening(ctx context.Context, data, larger []byte) error {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	r := b.report
	raw, err := newBenchRawKey()
	if err != nil {
		return err
	}
	rawOpen := func(data []byte) func() error {
		return func() error {
			sum := sha256.Sum256(data)
			runtime.KeepAlive(&sum)
			for range 2 * b.size.bodies {
				if err := raw.verify(); err != nil {
					return err
				}
			}
			return nil
		}
	}
	open := func(data []byte) func() error {
		return func() error {
			_, err := b.openAll(data)
			return err
		}
	}
	series, err := benchInterleave(ctx, benchClock, b.size.opens, b.size.partialLimit,
		benchOperation{1, rawOpen(data)}, benchOperation{1, open(data)}, benchOperation{1, rawOpen(larger)}, benchOperation{1, open(larger)})
	if err != nil {
		return err
	}
	wall, err := benchInterleave(ctx, benchWall, b.size.opens/4, b.size.partialLimit/4, benchOperation{1, open(data)}, benchOperation{1, open(larger)})
	if err != nil {
		return err
	}
	r.Raw.BundleWallMillis, r.Raw.Bundle100kWallMillis = wall[0].median()/1e6, wall[1].median()/1e6
	r.Raw.BundleMillis, r.BundleOpenMillis = series[0].median()/1e6, series[1].median()/1e6
	r.Raw.Bundle100kMillis, r.Bundle100kMillis = series[2].median()/1e6, series[3].median()/1e6
	r.Spread.BundleOpenMillis = [2]float64{series[1].at(0.25) / 1e6, series[1].at(0.75) / 1e6}
	r.Spread.Bundle100kMillis = [2]float64{series[3].at(0.25) / 1e6, series[3].at(0.75) / 1e6}
	r.Raw.BundleBytes, r.Raw.Bundle100kBytes = len(data), len(larger)
	return nil
}

// lookup measures a status look-up in an opened bundle beside a look-up in a map and one byte of a slice.
func (b *bench) lookup(ctx context.Context, bundle *trust.Bundle) error {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	w, r := b.world, b.report
	per := uint32(max(w.size.statuses/w.size.bodies, 2*benchIndex))
	lists := map[trust.ListID][]byte{}
	for _, iss := range w.iss {
		lists[trust.ListID{Issuer: iss}] = make([]byte, per/4+1)
	}
	const block = 4096
	random := func(look func(iss string, index uint32) error) func() error {
		return func() error {
			state := uint32(1)
			for range block {
				state = state*1664525 + 1013904223 // Numerical Recipes' generator: cheap beside what is measured
				if err := look(w.iss[state>>8%uint32(len(w.iss))], state>>4%per); err != nil {
					return err
				}
			}
			return nil
		}
	}
	var sink byte
	ours := random(func(iss string, index uint32) error {
		v, _, err := bundle.Status(iss, 0, index)
		sink += byte(v)
		return err
	})
	series, err := benchInterleave(ctx, benchClock, b.size.rounds, b.size.partialLimit/5,
		benchOperation{1, random(func(iss string, index uint32) error {
			sink += lists[trust.ListID{Issuer: iss}][index/4] >> (index % 4 * 2) & 3
			return nil
		})},
		benchOperation{1, ours})
	if err != nil {
		return err
	}
	runtime.KeepAlive(sink)
	r.Raw.StatusLookupNanos, r.StatusLookupNanos = series[0].median()/block, series[1].median()/block
	r.Raw.StatusLookupAllocs, err = benchAllocs(10, ours)
	return err
}

// durable measures issuing IDs of two faces to the disk, on all processors, beside the disk's own rate.
func (b *bench) durable(ctx context.Context, bundle *trust.Bundle) error {
	w, r := b.world, b.report
	c := issuer.Config{EDRPOU: w.bodies[0].edrpou, Signer: w.bodies[0].signer, Grant: issuer.BundleGrant{Bundle: bundle}, Checker: tokenChecker{bundle}}
	var grouped, single, fsync benchSeries
	began := time.Now()
	for turn := range b.size.turns {
		if turn > 0 && time.Since(began)*time.Duration(turn+1)/time.Duration(turn) > 3*b.size.partialLimit {
			break // a slow disk or a busy machine: the turns so far must do
		}
		m, err := store.MeasureIssue(ctx, b.disk, b.size.grouped, b.size.single, c, w.at, time.Now)
		if err != nil {
			return err
		}
		grouped, single, fsync = append(grouped, m.Grouped), append(single, m.Single), append(fsync, m.Fsync)
	}
	r.DurableIssue, r.SingleIssue, r.Fsync = grouped.median(), single.median(), fsync.median()
	r.Spread.DurableIssue = [2]float64{slices.Min(grouped), slices.Max(grouped)}
	r.Spread.SingleIssue = [2]float64{slices.Min(single), slices.Max(single)}
	r.Spread.Fsync = [2]float64{slices.Min(fsync), slices.Max(fsync)}
	return nil
}

// benchMemory is what a child process says of itself.
type benchMemory struct {
	PeakKiB float64 `json:"peak_kib"`
	How     string  `json:"how"`
}

// memory measures the peak memory of a process that reads, opens and verifies a bundle above that of the same program doing
// nothing.
func (b *bench) memory(ctx context.Context) error {
	var idle, open benchSeries
	for range b.size.children {
		for _, row := range []struct {
			to   *benchSeries
			args []string
		}{{&idle, nil}, {&open, []string{b.world.bundleFile()}}} {
			out, err := b.child(ctx, b.self, append([]string{"bench", "memory"}, row.args...)...)
			if err != nil {
				return err
			}
			var m benchMemory
			if err := json.Unmarshal(out, &m); err != nil {
				return fmt.Errorf("posvid: bench: answer of a child process: %w", err)
			}
			*row.to = append(*row.to, m.PeakKiB/1024)
			b.report.Machine.MemoryBy = m.How
		}
	}
	b.report.BundleMiB, b.report.Raw.IdleMiB, b.report.Raw.OpenedMiB = open.median()-idle.median(), idle.median(), open.median()
	return nil
}

// child runs a program to its end and gives its stdout; any exit code but 0 is an error.
func (b *bench) child(ctx context.Context, program string, args ...string) ([]byte, error) {
	command := exec.CommandContext(ctx, program, args...)
	var out, talk bytes.Buffer
	command.Stdout, command.Stderr = &out, &talk
	if err := command.Run(); err != nil {
		return nil, fmt.Errorf("posvid: bench: %s %s: %w: %s%s", filepath.Base(program), args[0], err, out.Bytes(), talk.Bytes())
	}
	return out.Bytes(), nil
}

// coldStart measures a whole process from PNG to verdict with the bundle on disk, beside the same program printing its help.
// The program is posvid-verify when it stands beside this one, and this one always.
func (b *bench) coldStart(ctx context.Context) error {
	w, r := b.world, b.report
	check := []string{"qr", w.pictureFile(), "--bundle", w.bundleFile(), "--at", w.at.UTC().Format(time.RFC3339), "--test", "--json"}
	type program struct {
		name        string
		idle, check []string
		took, alone benchSeries
	}
	programs := []*program{{name: b.self, idle: []string{"verify", "--help"}, check: append([]string{"--dir", w.dir, "verify"}, check...)}}
	if b.device != "" {
		programs = append(programs, &program{name: b.device, idle: []string{"--help"}, check: append([]string{"--state", filepath.Join(w.dir, "checkpoint")}, check...)})
	}
	for range b.size.children {
		for _, p := range programs {
			start := time.Now()
			if _, err := b.child(ctx, p.name, p.idle...); err != nil {
				return err
			}
			p.alone = append(p.alone, float64(time.Since(start))/1e6)
			start = time.Now()
			out, err := b.child(ctx, p.name, p.check...)
			if err != nil {
				return err
			}
			p.took = append(p.took, float64(time.Since(start))/1e6)
			var v struct {
				Verdict string `json:"verdict"`
				Code    string `json:"code"`
			}
			if err := json.Unmarshal(out, &v); err != nil || v.Verdict != verifier.Accept.String() {
				return fmt.Errorf("posvid: bench: cold start: verdict %q [%s]: %w", v.Verdict, v.Code, err)
			}
		}
	}
	own, measured := programs[0], programs[len(programs)-1]
	r.ColdStartMillis, r.Raw.ProcessStartMillis, r.Raw.OwnColdStartMillis = measured.took.median(), measured.alone.median(), own.took.median()
	r.Spread.ColdStartMillis = [2]float64{measured.took.at(0.25), measured.took.at(0.75)}
	r.Machine.ColdStartProgram = strings.TrimSuffix(filepath.Base(measured.name), ".exe")
	return nil
}

// chars counts the characters of the reference persons' codes.
func (b *bench) chars() error {
	people, r := testvectors.Persons(), b.report
	for _, row := range []struct {
		to    *int
		who   int
		face  credential.Face
		texts bool
	}{
		{&r.CheckChars, 0, credential.FaceCheck, false}, {&r.CheckCharsLongest, 1, credential.FaceCheck, false},
		{&r.FullChars, 0, credential.FaceFull, false}, {&r.FullCharsLongest, 1, credential.FaceFull, false},
		{&r.FullTextChars, 0, credential.FaceFull, true}, {&r.FullTextCharsLongest, 1, credential.FaceFull, true},
	} {
		n, err := benchChars(people[row.who], row.face, row.texts)
		if err != nil {
			return err
		}
		*row.to = n
	}
	return nil
}

// benchMemoryChild is the child process of memory: it opens a bundle when one is named and tells its own peak.
func benchMemoryChild(out io.Writer, names []string) error {
	for _, name := range names {
		pin, err := trust.ParseFingerprint(verifycli.DemoRoot)
		if err != nil {
			return err
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		bundle, err := trust.Open(data, pin)
		if err != nil {
			return err
		}
		if err := bundle.CheckAll(); err != nil {
			return err
		}
		defer runtime.KeepAlive(bundle)
	}
	return json.NewEncoder(out).Encode(benchPeak())
}

// benchPeak is the greatest resident set of this process so far where the kernel tells it (Linux: VmHWM), else what the Go
// runtime has taken from the system.
func benchPeak() benchMemory {
	if status, err := os.ReadFile("/proc/self/status"); err == nil {
		for line := range strings.Lines(string(status)) {
			if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
				if kib, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 64); err == nil {
					return benchMemory{PeakKiB: kib, How: "VmHWM"}
				}
			}
		}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return benchMemory{PeakKiB: float64(m.Sys) / 1024, How: "runtime.MemStats.Sys"}
}
