package main

import (
	"context"
	"os"
	"os/signal"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/posvid/posvid/cmd/internal/script"
	"github.com/posvid/posvid/cmd/internal/verifycli"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"posvid": func() {
			ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
			code := run(ctx, script.Env("posvid"), os.Args[1:])
			stop()
			os.Exit(code)
		},
		"posvid-verify": func() { os.Exit(verifycli.Run(script.Env("posvid-verify"), os.Args[1:])) },
	})
}

// TestScripts follows an ID through both programs, by hand and by command only.
func TestScripts(t *testing.T) {
	if testing.Short() {
		t.Skip("short mode: dozens of processes, which the race detector does not see into")
	}
	testscript.Run(t, script.Params("testdata"))
}
