// Command testsum reads `go test -json` streams, prints what failed and counts what ran.
//
// Its closing line has the form "N passed, N failed, N skipped". A test that was skipped because of -short is not
// counted as skipped when a later stream of the same run names it as passed.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"sort"
	"strings"
)

// event is one line of `go test -json` (go doc test2json).
type event struct {
	Action  string
	Package string
	Test    string
	Output  string
	Elapsed float64
}

// outcome is what is known of one test or package over all streams.
type outcome struct {
	action string
	output []string
}

func main() {
	phase := flag.String("phase", "", "name printed before the counts")
	total := flag.Bool("total", false, "print only the closing line over all streams")
	flag.Parse()
	all := map[string]*outcome{}
	for _, name := range flag.Args() {
		if err := read(name, all); err != nil {
			fmt.Fprintln(os.Stderr, "testsum:", err)
			os.Exit(1)
		}
	}
	os.Exit(report(*phase, *total, all))
}

// read merges one stream: a failure in any stream stays, a pass replaces a skip.
func read(name string, all map[string]*outcome) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(make([]byte, 1<<20), 1<<26)
	outputs := map[string][]string{}
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			continue // build output between events; the package's own fail event follows
		}
		key := e.Package + " " + e.Test
		switch e.Action {
		case "output":
			outputs[key] = append(outputs[key], e.Output)
		case "pass", "fail", "skip":
			o := all[key]
			if o == nil {
				o = &outcome{}
				all[key] = o
			}
			if o.action == "fail" || (o.action == "pass" && e.Action == "skip") {
				continue
			}
			o.action, o.output = e.Action, outputs[key]
		case "build-fail", "build-output":
			all["build "+e.Output] = &outcome{action: "fail", output: []string{e.Output}}
		}
	}
	return lines.Err()
}

// report prints failures and skips and returns the exit code.
func report(phase string, total bool, all map[string]*outcome) int {
	names := make([]string, 0, len(all))
	for name := range all {
		names = append(names, name)
	}
	sort.Strings(names)
	var passed, failed, skipped, short int
	for _, name := range names {
		o := all[name]
		_, test, _ := strings.Cut(name, " ")
		switch o.action {
		case "pass":
			if test != "" {
				passed++
			}
		case "fail":
			failed++
			if !total {
				fmt.Printf("FAIL %s\n%s", name, strings.Join(o.output, ""))
			}
		case "skip":
			if test == "" {
				continue // a package without tests
			}
			reason := strings.Join(o.output, "")
			if strings.Contains(reason, "short mode") {
				short++
				continue
			}
			skipped++
			fmt.Printf("skipped %s: %s\n", name, lastReason(o.output))
		}
	}
	if passed == 0 {
		fmt.Println("no test ran")
		return 1
	}
	if phase != "" {
		fmt.Printf("%s: %d passed, %d failed, %d skipped, %d left to the long run\n", phase, passed, failed, skipped, short)
	}
	if total {
		if short > 0 {
			fmt.Printf("%d tests were left to the long run and did not run there\n", short)
			failed += short
		}
		fmt.Printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped)
	}
	if failed > 0 {
		return 1
	}
	return 0
}

// lastReason is the line a skipped test gave as its reason.
func lastReason(output []string) string {
	for i := len(output) - 1; i >= 0; i-- {
		line := strings.TrimSpace(output[i])
		if line != "" && !strings.HasPrefix(line, "---") && !strings.HasPrefix(line, "===") {
			return line
		}
	}
	return "no reason given"
}
