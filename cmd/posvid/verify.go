package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/posvid/posvid/checkpoint"
	"github.com/posvid/posvid/cmd/internal/cli"
	"github.com/posvid/posvid/cmd/internal/verifycli"
)

// verifyCommands are the checkpoint's commands below `posvid verify`, with the state in --dir.
func verifyCommands(env *cli.Env) []*cobra.Command {
	root := &cobra.Command{Use: "verify", Short: "перевірити посвідчення, як posvid-verify / verify, as posvid-verify does"}
	program := &verifycli.Program{Env: env, State: func() string { return env.Path("checkpoint") }}
	root.AddCommand(program.Commands()...)
	return []*cobra.Command{root}
}

func doctorCommand(env *cli.Env) *cobra.Command {
	return &cobra.Command{
		Use: "doctor", Args: cobra.NoArgs,
		Short: "що не так у цій теці / what is wrong in this folder",
		RunE: func(c *cobra.Command, _ []string) error {
			faults := 0
			good := func(uk, en string, args ...any) { fmt.Fprintln(env.Stdout, "✔", env.T(uk, en, args...)) }
			bad := func(remedy, uk, en string, args ...any) {
				faults++
				fmt.Fprintln(env.Stdout, "✘", env.T(uk, en, args...))
				fmt.Fprintln(env.Stdout, "   →", remedy)
			}
			if _, err := os.Stat(env.Path("operator", "register.json")); err == nil {
				if r, err := operatorFolderOf(env).register(); err != nil {
					bad(env.T("відновіть register.json з копії", "restore register.json from a copy"), "реєстр технічного адміністратора пошкоджено: %v", "the trust operator's register is damaged: %v", err)
				} else {
					good("технічний адміністратор: набір довіри %d", "trust operator: bundle %d", r.Number())
				}
			}
			bodies, err := bodiesIn(env)
			if err != nil {
				return err
			}
			for _, edrpou := range bodies {
				folder, err := bodyFolderOf(env, edrpou)
				if err != nil {
					bad("posvid init", "орган %s: %v", "body %s: %v", edrpou, err)
					continue
				}
				b, err := folder.open(c.Context(), false, false)
				if err != nil {
					remedy := env.T("перевірте парольну фразу і диск", "check passphrase and disk")
					var hinted *cli.Hinted
					if errors.As(err, &hinted) {
						remedy = hinted.Hint
					}
					bad(remedy, "орган %s: %v", "body %s: %v", edrpou, err)
					continue
				}
				if err := b.store.Check(c.Context()); err != nil {
					bad(env.T("відновіть body.db з копії", "restore body.db from a copy"), "орган %s: сховище пошкоджено: %v", "body %s: the store is damaged: %v", edrpou, err)
				} else {
					good("орган %s: сховище ціле", "body %s: the store is whole", edrpou)
				}
				if head, err := b.body.VerifyAudit(c.Context(), nil, nil); err != nil {
					bad(env.T("порівняйте з записаним кінцем ланцюжка", "compare with the head written down"), "орган %s: %v", "body %s: %v", edrpou, err)
				} else {
					good("орган %s: аудит цілий, %s", "body %s: the audit is whole, %s", edrpou, head)
				}
				if bundle, err := folder.installedBundle(); err != nil {
					bad("posvid bundle install "+env.T("ФАЙЛ", "FILE")+" --body "+edrpou, "орган %s: %v", "body %s: %v", edrpou, err)
				} else if !env.Now().Before(bundle.ExpiresAt()) {
					bad("posvid bundle install "+env.T("ФАЙЛ", "FILE")+" --body "+edrpou, "орган %s: набір довіри %d застарів", "body %s: trust bundle %d has expired", edrpou, bundle.Number())
				} else {
					good("орган %s: набір довіри %d", "body %s: trust bundle %d", edrpou, bundle.Number())
					if n, err := b.foreignCards(c.Context(), bundle); err != nil {
						bad("posvid bundle install "+env.T("ФАЙЛ", "FILE")+" --body "+edrpou, "орган %s: картки в наборі довіри: %v", "body %s: cards in the trust bundle: %v", edrpou, err)
					} else if n > 0 {
						bad(env.T("зверніться до технічного адміністратора: ці картки раніше назвав інший орган", "ask the trust operator: another body stated these cards first"),
							"орган %s: карток, які в наборі довіри записано за іншим органом: %d", "body %s: cards that the trust bundle has as another body's: %d", edrpou, n)
					}
				}
				if err := b.store.Close(); err != nil {
					bad(env.T("перевірте диск", "check the disk"), "орган %s: %v", "body %s: %v", edrpou, err)
				}
			}
			if _, err := os.Stat(env.Path("checkpoint")); err == nil {
				program := &verifycli.Program{Env: env, State: func() string { return env.Path("checkpoint") }}
				faults += program.Diagnose(env.Stdout, env.Now())
			}
			if faults > 0 {
				return &cli.Exit{Code: cli.ExitRefuse}
			}
			return nil
		},
	}
}

// pinCheckpoint gives a fresh checkpoint its root.
func checkpointOf(env *cli.Env) (*checkpoint.State, error) {
	if err := os.MkdirAll(filepath.Dir(env.Path("checkpoint")), 0o700); err != nil {
		return nil, err
	}
	return checkpoint.Open(env.Path("checkpoint"))
}
