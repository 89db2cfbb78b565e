// Command posvid issues and verifies electronic service IDs of officials: everything that a body, the trust operator,
// a holder or a checkpoint does, from one program.
package main

import (
	"context"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/posvid/posvid/cmd/internal/cli"
	"github.com/posvid/posvid/cmd/internal/verifycli"
	"github.com/posvid/posvid/issuer"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, cli.New("posvid"), os.Args[1:])
	stop()
	os.Exit(code)
}

// run is the whole program; tests call it.
func run(ctx context.Context, env *cli.Env, args []string) int {
	env.ChooseLang(args)
	root := rootCommand(env)
	root.SetContext(ctx)
	return env.Run(root, args)
}

func rootCommand(env *cli.Env) *cobra.Command {
	root := &cobra.Command{
		Use:   "posvid",
		Short: "електронні службові посвідчення: видати з кадрових даних, перевірити без мережі",
		Long: env.T(`posvid видає електронні службові посвідчення з кадрових даних і перевіряє їх будь-де, навіть без мережі.

Спробуйте: posvid demo`, `posvid issues electronic service IDs of officials from HR data and verifies them anywhere, even with no network.

Try: posvid demo`),
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: false},
	}
	env.AddFlags(root)
	env.AddStateFlags(root)
	groups := []struct {
		id, uk, en string
		commands   []*cobra.Command
	}{
		{"trust", "Технічний адміністратор:", "Trust operator:", []*cobra.Command{trustCommand(env)}},
		{"body", "Орган, що видає:", "Issuing body:", []*cobra.Command{
			initCommand(env), bundleCommand(env), keyCommand(env), hrCommand(env), slipsCommand(env), enrolCommand(env), issueCommand(env), listCommand(env), showCommand(env),
			changeCommand(env, "suspend", "зупинити посвідчення / suspend an ID", issuer.StateSuspended, (*issuer.Body).Suspend),
			changeCommand(env, "resume", "поновити зупинене / resume a suspended ID", issuer.StateIssued, (*issuer.Body).Resume),
			changeCommand(env, "revoke", "анулювати посвідчення, назавжди / revoke an ID for ever", issuer.StateRevoked, (*issuer.Body).Revoke),
			withdrawCommand(env), stopCommand(env), publishCommand(env), auditCommand(env),
			operatorsCommand(env), manualCommand(env), standingsCommand(env), photosCommand(env), cardCommand(env),
		}},
		{"holder", "Пред'явник:", "Holder:", []*cobra.Command{walletCommand(env)}},
		{"anyone", "Кожному:", "Anyone:", append(verifyCommands(env), inspectCommand(env), demoCommand(env), benchCommand(env), doctorCommand(env), manCommand(env))},
		{"service", "Служба:", "Service:", []*cobra.Command{serveCommand(env), accountCommand(env), officeCommand(env), syncCommand(env)}},
	}
	for _, g := range groups {
		root.AddGroup(&cobra.Group{ID: g.id, Title: env.T(g.uk, g.en)})
		for _, c := range g.commands {
			c.GroupID = g.id
			root.AddCommand(c)
		}
	}
	return root
}

func manCommand(env *cli.Env) *cobra.Command {
	return &cobra.Command{
		Use: "man DIR", Args: cobra.ExactArgs(1),
		Short: "записати сторінки man / write man pages",
		RunE: func(c *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return err
			}
			for _, program := range []*cobra.Command{c.Root(), verifycli.Root(env)} {
				program.DisableAutoGenTag = true
				if err := doc.GenManTree(program, &doc.GenManHeader{Title: strings.ToUpper(program.Name()), Section: "1", Source: "posvid"}, args[0]); err != nil {
					return err
				}
			}
			pages, err := filepath.Glob(filepath.Join(args[0], "*.1"))
			if err != nil {
				return err
			}
			env.Say("сторінок: %d у %s", "pages: %d in %s", len(pages), args[0])
			return nil
		},
	}
}
