// Command posvid-verify is the checkpoint's program: it verifies service IDs with no network, keeps its own state, and
// holds nothing with which an ID could be issued.
package main

import (
	"os"

	"github.com/posvid/posvid/cmd/internal/cli"
	"github.com/posvid/posvid/cmd/internal/verifycli"
)

func main() { os.Exit(verifycli.Run(cli.New("posvid-verify"), os.Args[1:])) }
