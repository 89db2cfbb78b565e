// Command posvid-verify is the checkpoint's program: it verifies service IDs with no network, keeps its own state, and
// holds nothing with which an ID could be issued.
package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/posvid/posvid/cmd/internal/cli"
	"github.com/posvid/posvid/cmd/internal/verifycli"
)

func main() { os.Exit(run(cli.New("posvid-verify"), os.Args[1:])) }

// run is the whole program; tests call it.
func run(env *cli.Env, args []string) int {
	env.Lang = cli.LocaleLang(os.Getenv)
	var state string
	root := &cobra.Command{
		Use:   "posvid-verify",
		Short: "перевірка електронних службових посвідчень без мережі",
		Long: env.T("Перевіряє електронні службові посвідчення без мережі. Вихід: 0 чинне, 1 відхилено, 2 помилка виклику, 3 не підтверджено.",
			"Verifies electronic service IDs with no network. Exit: 0 valid, 1 refused, 2 usage, 3 not confirmed."),
	}
	env.AddFlags(root)
	root.PersistentFlags().StringVar(&state, "state", verifycli.DefaultState(), "тека стану / state folder")
	root.PersistentFlags().StringVar(&env.PassphraseFile, "passphrase-file", "", "файл із парольною фразою / file with the passphrase")
	program := &verifycli.Program{Env: env, State: func() string { return state }}
	root.AddCommand(program.Commands()...)
	return env.Run(root, args)
}
