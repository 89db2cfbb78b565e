// Score shows pictures whose texts are known to QR decoders and counts what
// they read: the detector of this project, plain gozxing and Debian's zbarimg
// side by side.
//
//	go run ./qr/detect/score DIR [--json] [--decoder ours,gozxing,zbar] [--misses] [--bar SET=PERCENT]…
//
// DIR holds pictures (png, jpg, jpeg, webp, gif), in sub-folders too; each
// folder is a row of the table. Beside NAME.png lies NAME.txt with the exact
// text; NAME.2.txt, NAME.3.txt … hold those of further codes in the same
// picture, and an empty NAME.txt says that there is no code. A picture without
// a NAME.txt is left out with a message.
//
// Columns: the first is the number of pictures whose text was found byte for
// byte, line ends apart; false is the number of pictures in which a text was found that they do not
// hold. A text that is the symbol's bytes in another character set is neither.
// Times are CPU time of the decoding alone, on one processor, over all
// pictures; for zbarimg that of its process.
//
// --json prints one object: read, total, false, median_ms and p95_ms are those
// of ours; sets and decoders hold the table. Only ours runs unless --decoder
// names others.
//
// Each --bar is a bound; score exits with 1 when one is missed:
// webcam=92 (at least 92 % read by ours), all:read=34, webcam:median_ms=20,
// webcam:p95_ms=150, webcam:false=0 (at most), webcam:gozxing=33..50 (percent
// of that decoder). Exit 2: the pictures could not be judged.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/posvid/posvid/qr/source"
)

func main() {
	missed, err := run(os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "score:", err)
		os.Exit(2)
	case missed:
		os.Exit(1)
	}
}

// texts is a flag that may be given more than once.
type texts []string

func (t *texts) String() string     { return strings.Join(*t, ",") }
func (t *texts) Set(s string) error { *t = append(*t, s); return nil }

// run judges; missed reports a bar that was not met.
func run(args []string, out, log io.Writer) (missed bool, err error) {
	flags := flag.NewFlagSet("score", flag.ContinueOnError)
	flags.SetOutput(log)
	asJSON := flags.Bool("json", false, "print one JSON object")
	names := flags.String("decoder", "", "decoders to run: ours,gozxing,zbar")
	misses := flags.Bool("misses", false, "list on standard error the pictures that ours did not read, or read wrongly")
	var given texts
	flags.Var(&given, "bar", "bound, may be repeated: SET=PERCENT, SET:median_ms=20, SET:gozxing=33..50")
	var folders []string
	for len(args) > 0 || len(folders) == 0 {
		if err := flags.Parse(args); err != nil {
			return false, err
		}
		if args = flags.Args(); len(args) == 0 {
			break
		}
		folders, args = append(folders, args[0]), args[1:]
	}
	if len(folders) != 1 {
		return false, fmt.Errorf("%d folders, want one: score DIR", len(folders))
	}
	if *names == "" {
		*names = "ours,gozxing,zbar"
		if *asJSON {
			*names = "ours"
		}
	}
	if *asJSON && !slices.Contains(strings.Split(*names, ","), "ours") {
		return false, fmt.Errorf("--json --decoder %s: its first numbers are those of ours, name it too", *names)
	}
	bars, err := parseBars(given)
	if err != nil {
		return false, err
	}
	pictures, untold, err := collect(folders[0])
	if err != nil {
		return false, err
	}
	for _, name := range untold {
		fmt.Fprintf(log, "score: %s has no .txt beside it: left out\n", name)
	}
	if len(pictures) == 0 {
		return false, fmt.Errorf("%s: no picture with a .txt beside it", folders[0])
	}
	scratch, err := os.MkdirTemp("", "score-")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(scratch)
	runners, err := decoders(*names, scratch)
	if err != nil {
		return false, err
	}
	before := runtime.GOMAXPROCS(1)
	defer runtime.GOMAXPROCS(before)
	report := newReport(runners)
	var lastWord time.Time
	for i, p := range pictures {
		if now := time.Now(); now.Sub(lastWord) > 5*time.Second {
			fmt.Fprintf(log, "score: %d of %d, %s\n", i, len(pictures), p.file)
			lastWord = now
		}
		if err := report.show(p, *misses, log); err != nil {
			return false, err
		}
	}
	if *asJSON {
		encoder := json.NewEncoder(out)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(report.object()); err != nil {
			return false, err
		}
	} else {
		report.table(out)
	}
	verdicts := out
	if *asJSON {
		verdicts = log
	}
	for _, b := range bars {
		met, word, err := b.check(report)
		if err != nil {
			return false, err
		}
		fmt.Fprintln(verdicts, word)
		missed = missed || !met
	}
	return missed, nil
}

// show gives one picture to every decoder.
func (r *report) show(p picture, misses bool, log io.Writer) error {
	data, err := os.ReadFile(p.file)
	if err != nil {
		return err
	}
	img, err := source.DecodePicture(data, source.Limits{MaxBytes: 256 << 20, MaxPixels: maxPixels})
	if err != nil {
		// No decoder sees it: not read, no time.
		fmt.Fprintf(log, "score: %s: %v\n", p.file, err)
		for _, d := range r.decoders {
			r.add(p.set, d.name, outcome{}, 0)
		}
		return nil
	}
	for _, d := range r.decoders {
		found, took, err := d.read(img)
		if err != nil {
			fmt.Fprintf(log, "score: %s: %s: %v\n", d.name, p.file, err)
		}
		o := judge(p, found)
		r.add(p.set, d.name, o, took)
		if misses && d.name == "ours" && (!o.read || o.wrong || o.extra > 0) {
			word := "not read"
			switch {
			case o.wrong:
				word = fmt.Sprintf("false: %q", found)
			case o.charset:
				word = "another character set"
			case o.read:
				word = "read, with other texts beside it"
			}
			fmt.Fprintf(log, "score: miss: %s: %s (%.0f ms)\n", p.file, word, took.Seconds()*1000)
		}
	}
	return nil
}
