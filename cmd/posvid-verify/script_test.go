package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/posvid/posvid/cmd/internal/script"
	"github.com/posvid/posvid/cmd/internal/verifycli"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"posvid-verify": func() { os.Exit(verifycli.Run(script.Env("posvid-verify"), os.Args[1:])) },
	})
}

// TestScripts drives a checkpoint with the committed vectors, whose time is fixed by --at.
func TestScripts(t *testing.T) {
	if testing.Short() {
		t.Skip("short mode: dozens of processes, which the race detector does not see into")
	}
	testscript.Run(t, script.Params("testdata"))
}
