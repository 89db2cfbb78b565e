package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/posvid/posvid/cmd/internal/cli"
	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/service/auth"
	"github.com/posvid/posvid/store"
)

// accountCommand is what the accounts of the web service need before, or without, an administrator who can log in.
func accountCommand(env *cli.Env) *cobra.Command {
	root := &cobra.Command{Use: "account", Short: "облікові записи служби: запросити, скинути ключі доступу, перевірити журнал / accounts of the service"}
	root.AddCommand(accountInviteCommand(env), accountListCommand(env), accountResetCommand(env), accountCheckCommand(env))
	return root
}

// withServiceStore opens the service's store for one command.
func withServiceStore(env *cli.Env, f func(*store.Service) error) (err error) {
	s, err := openServiceStore(env)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return accountRefusal(env, f(s))
}

// accountRefusal says a problem of the service in the terminal's language.
func accountRefusal(env *cli.Env, err error) error {
	var p *service.Problem
	if !errors.As(err, &p) {
		return err
	}
	return cli.Hint(env.Err("%[1]s [%[3]s]", "%[2]s [%[3]s]", p.UK, p.EN, p.Code), env.T(p.NextUK, p.NextEN))
}

func accountInviteCommand(env *cli.Env) *cobra.Command {
	var role, edrpou, origin string
	var operator, account int64
	command := &cobra.Command{
		Use: "invite --role ROLE", Args: cobra.NoArgs,
		Short: "запросити до ролі; так з'являється перший адміністратор / invite somebody to a role; so the first administrator comes to be",
		RunE: func(c *cobra.Command, _ []string) error {
			v := auth.Invitation{Role: service.Role(role), Operator: operator, Account: account}
			if v.Role == "" {
				return cli.Usagef("%s", env.T("назвіть роль: --role %s", "name a role: --role %s", roleWords()))
			}
			if v.Role != service.TrustOperator {
				if err := inviteInBody(c.Context(), env, edrpou, &v); err != nil {
					return err
				}
			}
			return withServiceStore(env, func(s *store.Service) error {
				code, err := auth.NewInvitation(c.Context(), s, v, env.Now())
				if err != nil {
					return err
				}
				printInvitation(env, origin, code)
				return nil
			})
		},
	}
	flags := command.Flags()
	flags.StringVar(&role, "role", "", "роль: "+roleWords()+" / the role")
	flags.StringVar(&edrpou, "body", "", "код ЄДРПОУ органу; не потрібен, коли він один / the body; not needed when there is one")
	flags.Int64Var(&operator, "operator", 0, "номер підписувача в реєстрі, для кадровика і другого підписувача / number of the operator in the register")
	flags.Int64Var(&account, "account", 0, "тільки для цього запису / for this account only")
	flags.StringVar(&origin, "origin", "", "адреса служби, https://ім'я: тоді друкується посилання / the service's address, for a link")
	return command
}

func roleWords() string {
	var words []string
	for _, r := range service.Roles() {
		if r != service.Holder {
			words = append(words, string(r))
		}
	}
	return strings.Join(words, ", ")
}

// inviteInBody fills in the body and checks the operator against its register.
func inviteInBody(ctx context.Context, env *cli.Env, edrpou string, v *auth.Invitation) (err error) {
	folder, err := bodyFolderOf(env, edrpou)
	if err != nil {
		return err
	}
	v.Body = folder.edrpou
	if v.Operator == 0 {
		return nil
	}
	b, err := folder.open(ctx, false, false)
	if err != nil {
		return registerRefusal(env, err)
	}
	defer b.close(&err)
	return accountRefusal(env, auth.CheckOperator(ctx, b.register, v.Role, v.Operator))
}

// printInvitation shows a code; it cannot be had again.
func printInvitation(env *cli.Env, origin, code string) {
	if origin != "" {
		env.Print("%s", "%s", auth.InvitationLink(strings.TrimSuffix(origin, "/"), code))
	}
	var groups []string
	for i := 0; i < len(code); i += 4 {
		groups = append(groups, code[i:min(i+4, len(code))])
	}
	env.Print("код запрошення %s", "invitation code %s", strings.Join(groups, "-"))
	env.Say("діє %d дні, одноразово; передайте його особисто: хто ввійде з ним першим, одержить роль", "valid for %d days, once; hand it over in person: who logs in with it first gets the role",
		int(auth.InvitationTerm.Hours()/24))
}

func accountListCommand(env *cli.Env) *cobra.Command {
	return &cobra.Command{
		Use: "list", Args: cobra.NoArgs, Short: "записи та їхні ролі / accounts and their roles",
		RunE: func(c *cobra.Command, _ []string) error {
			if _, err := os.Stat(env.Path("service", "service.db")); errors.Is(err, fs.ErrNotExist) {
				return nil // nobody has an account, and looking makes no store
			}
			bodies, err := bodiesIn(env)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			return withServiceStore(env, func(s *store.Service) error {
				seen := map[int64]bool{}
				return s.View(c.Context(), func(tx *store.ServiceTx) error {
					for _, edrpou := range append([]string{""}, bodies...) {
						list, err := service.ListAccounts(tx, edrpou)
						if err != nil {
							return err
						}
						for _, a := range list {
							if !seen[a.ID] {
								seen[a.ID] = true
								printAccount(env, a)
							}
						}
					}
					return nil
				})
			})
		},
	}
}

func printAccount(env *cli.Env, a service.AccountInfo) {
	var roles []string
	for _, g := range a.Grants {
		text := string(g.Role)
		if g.Body != "" {
			text += " " + g.Body
		}
		if g.Operator != 0 {
			text += " №" + strconv.FormatInt(g.Operator, 10)
		}
		roles = append(roles, text)
	}
	state := ""
	if a.Disabled {
		state = env.T(" (вимкнено)", " (disabled)")
	}
	env.Print("%d  %s%s — %s", "%d  %s%s — %s", a.ID, a.Name, state, strings.Join(roles, ", "))
}

func accountResetCommand(env *cli.Env) *cobra.Command {
	var origin string
	command := &cobra.Command{
		Use: "reset ACCOUNT", Args: cobra.ExactArgs(1),
		Short: "вилучити ключі доступу запису і запросити додати новий / take an account's passkeys away and invite it to add one",
		RunE: func(c *cobra.Command, args []string) error {
			id, err := strconv.ParseInt(args[0], 10, 64)
			if err != nil || id < 1 {
				return cli.Usagef("%s", env.T("%q: очікується номер запису", "%q: want the number of an account", args[0]))
			}
			return withServiceStore(env, func(s *store.Service) error {
				code, err := auth.ResetPasskeys(c.Context(), s, id, 0, env.Now())
				if err != nil {
					return err
				}
				printInvitation(env, origin, code)
				return nil
			})
		},
	}
	command.Flags().StringVar(&origin, "origin", "", "адреса служби, https://ім'я: тоді друкується посилання / the service's address, for a link")
	return command
}

func accountCheckCommand(env *cli.Env) *cobra.Command {
	return &cobra.Command{
		Use: "check", Args: cobra.NoArgs, Short: "перевірити журнал змін записів / check the audit of accounts",
		RunE: func(c *cobra.Command, _ []string) error {
			if _, err := os.Stat(env.Path("service", "service.db")); errors.Is(err, fs.ErrNotExist) {
				return cli.Hint(env.Err("служба ще не має записів", "the service has no accounts yet"), env.T("запросіть когось: posvid account invite", "invite somebody: posvid account invite"))
			}
			return withServiceStore(env, func(s *store.Service) error {
				n, err := auth.CheckChanges(c.Context(), s)
				if err != nil {
					return err
				}
				env.Print("журнал цілий, рядків: %d", "the audit is whole, lines: %d", n)
				return nil
			})
		},
	}
}
