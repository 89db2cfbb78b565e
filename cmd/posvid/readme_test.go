package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/posvid/posvid/cmd/internal/script"
)

// readTranscript reads the block of the README that is run as a test.
func readTranscript(t *testing.T, name string) []script.Step {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range script.Blocks(data) {
		if block.Mark != "transcript" {
			continue
		}
		steps, err := block.Steps()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(steps) < 3 {
			t.Fatalf("%s: %d commands in the block, want at least 3: issue, show, verify", name, len(steps))
		}
		return steps
	}
	t.Fatalf("%s has no block marked transcript", name)
	return nil
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
		if step.Command != "posvid demo" {
			got, _ = inShell(dir, step.Command)
		}
		if !step.Pattern().MatchString(got) {
			t.Errorf("$ %s\nprinted:\n%s\nthe README says:\n%s", step.Command, got, strings.Join(step.Want, "\n"))
		}
	}
}
