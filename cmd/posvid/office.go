package main

import (
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/posvid/posvid/cmd/internal/cli"
	"github.com/posvid/posvid/office"
	"github.com/posvid/posvid/store"
)

// officeCommand is what the administrator of the host does for Дія.Офіс without its pages.
func officeCommand(env *cli.Env) *cobra.Command {
	root := &cobra.Command{Use: "office", Short: "Дія.Офіс: стан, паролі програм, довідник, опитування, пошта / the office module"}
	root.AddCommand(officeStatusCommand(env), officeAppsCommand(env), officeSurveyCommand(env), officeStaffingCommand(env), officeMailCommand(env))
	return root
}

// withOffice opens the module's tables for one command. There is nothing to do where the service was never started.
func withOffice(env *cli.Env, f func(office.Store) error) error {
	if _, err := os.Stat(env.Path("service", "service.db")); errors.Is(err, fs.ErrNotExist) {
		return cli.Hint(env.Err("служба ще не запускалася", "the service was never started"), env.T("запустіть її: posvid serve", "start it: posvid serve"))
	}
	return withServiceStore(env, func(s *store.Service) error { return f(s.Office()) })
}

func officeStatusCommand(env *cli.Env) *cobra.Command {
	return &cobra.Command{
		Use: "status", Args: cobra.NoArgs,
		Short: "скільки осіб у довіднику, скільки з них із чинним посвідченням, скільки паролів програм / counts of people and app passwords",
		RunE: func(c *cobra.Command, _ []string) error {
			return withOffice(env, func(s office.Store) error {
				directory, err := office.OpenDirectory(c.Context(), s)
				if err != nil {
					return err
				}
				bodies, err := directory.Bodies(c.Context())
				if err != nil {
					return err
				}
				for _, b := range bodies {
					people, err := directory.Everyone(c.Context(), b.EDRPOU, "", "")
					if err != nil {
						return err
					}
					valid := 0
					for _, e := range people {
						if e.Status == office.StatusValid {
							valid++
						}
					}
					apps, err := office.NewAppPasswords(s).List(c.Context(), office.Seat{Body: b.EDRPOU})
					if err != nil {
						return err
					}
					env.Print("%s  осіб %d, із чинним посвідченням %d, паролів програм %d", "%s  people %d, with a valid ID %d, app passwords %d", b.EDRPOU, len(people), valid, len(apps))
				}
				if len(bodies) == 0 {
					env.Say("довідник порожній: він наповниться, щойно запрацює posvid serve", "the directory is empty: it fills as soon as posvid serve runs")
				}
				return nil
			})
		},
	}
}

func officeAppsCommand(env *cli.Env) *cobra.Command {
	root := &cobra.Command{Use: "apps", Short: "паролі програм: перелічити, припинити / app passwords"}
	root.AddCommand(officeAppsListCommand(env), officeAppsEndCommand(env))
	return root
}

func officeAppsListCommand(env *cli.Env) *cobra.Command {
	var edrpou string
	command := &cobra.Command{
		Use: "list", Args: cobra.NoArgs, Short: "паролі, що діють; самих паролів і назв пристроїв тут немає / passwords in use, without the passwords themselves",
		RunE: func(c *cobra.Command, _ []string) error {
			return withOffice(env, func(s office.Store) error {
				list, err := office.NewAppPasswords(s).List(c.Context(), office.Seat{Body: edrpou})
				if err != nil {
					return err
				}
				for _, v := range list {
					env.Print("%d  %s  %s  %s  створено %s, востаннє %s", "%d  %s  %s  %s  made %s, last used %s", v.ID, v.Seat, v.Name, appScopes(v.Scopes), appDay(env, v.Made), appDay(env, v.Used))
				}
				return nil
			})
		},
	}
	command.Flags().StringVar(&edrpou, "body", "", "лише цього органу / of this body alone")
	return command
}

func appScopes(s office.AppScope) string {
	var words []string
	if s.Has(office.ForDAV) {
		words = append(words, "dav")
	}
	if s.Has(office.ForMail) {
		words = append(words, "mail")
	}
	return strings.Join(words, "+")
}

func appDay(env *cli.Env, at time.Time) string {
	if at.IsZero() {
		return env.T("ніколи", "never")
	}
	return at.Format(time.DateOnly)
}

func officeAppsEndCommand(env *cli.Env) *cobra.Command {
	var all bool
	command := &cobra.Command{
		Use: "end NUMBER | end --all ORGAN-POST", Args: cobra.ExactArgs(1),
		Short: "припинити пароль за номером, або всі паролі посади / end one password, or all of a post",
		RunE: func(c *cobra.Command, args []string) error {
			return withOffice(env, func(s office.Store) error {
				apps := office.NewAppPasswords(s)
				if all {
					seat, ok := seatArg(args[0])
					if !ok {
						return cli.Usagef("%s", env.T("%q: очікується посада, як-от 99000028-17", "%q: want a post such as 99000028-17", args[0]))
					}
					n, err := apps.EndAll(c.Context(), seat, office.EndedByAdmin, env.Now())
					if err == nil {
						env.Print("припинено паролів: %d", "passwords ended: %d", n)
					}
					return err
				}
				id, err := strconv.ParseInt(args[0], 10, 64)
				if err != nil || id < 1 {
					return cli.Usagef("%s", env.T("%q: очікується номер пароля", "%q: want the number of a password", args[0]))
				}
				list, err := apps.List(c.Context(), office.Seat{})
				if err != nil {
					return err
				}
				for _, v := range list {
					if v.ID != id {
						continue
					}
					if err := apps.End(c.Context(), v.Seat, id, office.EndedByAdmin, env.Now()); err != nil {
						return err
					}
					env.Print("припинено", "ended")
					return nil
				}
				return cli.Hint(env.Err("пароля програми № %d, що діє, немає", "no app password %d is in use", id), env.T("перелік: posvid office apps list", "list them: posvid office apps list"))
			})
		},
	}
	command.Flags().BoolVar(&all, "all", false, "усі паролі посади / all of a post")
	return command
}

// seatArg reads a seat as it is printed.
func seatArg(text string) (office.Seat, bool) {
	body, post, _ := strings.Cut(text, "-")
	n, err := strconv.ParseInt(post, 10, 64)
	seat := office.Seat{Body: body, Post: n}
	return seat, err == nil && n >= 1 && len(body) == 8 && seat.String() == text
}
