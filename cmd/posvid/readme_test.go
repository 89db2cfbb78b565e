package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// transcriptMark stands before the fenced block of the README that is run as a test.
const transcriptMark = "<!-- transcript -->"

// transcript is one command of the README and what it prints; a line of … stands for any lines, … within a line for any text.
type transcript struct {
	command string
	want    []string
}

// readTranscript reads the marked block.
func readTranscript(t *testing.T, name string) []transcript {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(data), transcriptMark+"\n")
	if !ok {
		t.Fatalf("%s has no block marked %s", name, transcriptMark)
	}
	fence, rest, ok := strings.Cut(rest, "\n")
	if !ok || !strings.HasPrefix(fence, "```") {
		t.Fatalf("%s: %s is followed by %q, want a fenced block", name, transcriptMark, fence)
	}
	block, _, ok := strings.Cut(rest, "\n```")
	if !ok {
		t.Fatalf("%s: the block does not end", name)
	}
	var all []transcript
	for _, line := range strings.Split(block, "\n") {
		switch command, ok := strings.CutPrefix(line, "$ "); {
		case ok:
			all = append(all, transcript{command: command})
		case len(all) == 0:
			t.Fatalf("%s: the block begins with %q, want a command", name, line)
		default:
			last := &all[len(all)-1]
			last.want = append(last.want, line)
		}
	}
	if len(all) < 3 {
		t.Fatalf("%s: %d commands in the block, want at least 3: issue, show, verify", name, len(all))
	}
	return all
}

// pattern turns expected lines into what matches them.
func pattern(want []string) *regexp.Regexp {
	var re strings.Builder
	re.WriteString(`\A`)
	for _, line := range want {
		line = strings.TrimRight(line, " ")
		if line == "…" {
			re.WriteString(`(?:.*\n)*`)
			continue
		}
		re.WriteString(strings.ReplaceAll(regexp.QuoteMeta(line), "…", ".*") + ` *\n`)
	}
	re.WriteString(`\z`)
	return regexp.MustCompile(re.String())
}

// inShell runs a command line as a newcomer would and gives all it prints.
func inShell(dir, line string) (string, int) {
	command := exec.Command("sh", "-c", line)
	command.Dir = dir
	output, err := command.CombinedOutput()
	if err != nil && command.ProcessState == nil {
		return err.Error(), -1
	}
	return string(output), command.ProcessState.ExitCode()
}

// testReadme runs the README's transcript in dir, where `posvid demo` has run and printed output.
func testReadme(t *testing.T, dir, output string) {
	for _, step := range readTranscript(t, filepath.Join("..", "..", "README.md")) {
		got := output
		if step.command != "posvid demo" {
			got, _ = inShell(dir, step.command)
		}
		if re := pattern(step.want); !re.MatchString(got) {
			t.Errorf("$ %s\nprinted:\n%s\nthe README says:\n%s", step.command, got, strings.Join(step.want, "\n"))
		}
	}
}

func TestTranscriptPattern(t *testing.T) {
	want := []string{"a…z", "…", "end"}
	for got, matches := range map[string]bool{
		"a to z\nend\n":        true,
		"az \nx\ny\nend\n":     true,
		"a to z\n":             false,
		"b to z\nend\n":        false,
		"a to z\nend\nmore\n":  false,
		"more\na to z\nend\n":  false,
		"a to\nz\nend\n":       false,
		"a to z\nthe end\n":    false,
		"a.z\nx\nend \n":       true,
		"a to z\nend of all\n": false,
		"":                     false,
	} {
		if pattern(want).MatchString(got) != matches {
			t.Errorf("%q: matches is %v, want %v", got, !matches, matches)
		}
	}
	if pattern(nil).MatchString("something\n") || !pattern(nil).MatchString("") {
		t.Error("a command without lines prints nothing")
	}
}
