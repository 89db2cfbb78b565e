package main

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/posvid/posvid/cmd/internal/cli"
	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/office"
	"github.com/posvid/posvid/store"
)

// maxRoots bounds a file of root certificates.
const maxRoots = 64 << 10

// officeMailCommand sets the mail gate up where nobody has logged in yet, and looks after its queue.
func officeMailCommand(env *cli.Env) *cobra.Command {
	root := &cobra.Command{Use: "mail", Short: "поштова брама: сервер органу, сертифікати, черга / the mail gate: server, certificates, queue"}
	root.AddCommand(officeMailSetCommand(env), officeMailCACommand(env), officeMailQueueCommand(env), officeMailRetryCommand(env), officeMailEndCommand(env))
	return root
}

// withMail opens the gate's business for one command about a body.
func withMail(c *cobra.Command, env *cli.Env, edrpou string, f func(ctx context.Context, m *office.Mail, body string) error) error {
	folder, err := bodyFolderOf(env, edrpou)
	if err != nil {
		return err
	}
	return withServiceStore(env, func(s *store.Service) error {
		m, err := office.OpenMail(s.Office(), office.MailConfig{Origin: "https://localhost", // letters are written by the service, not here
			Seated: func(context.Context, office.Seat) (office.Member, office.Status, error) {
				return office.Member{}, office.StatusNone, office.ErrNotFound
			},
			BodyName: func(ctx context.Context, _ string) (name string, err error) { return folder.name(ctx) },
			Page:     func(office.Seat) string { return "" }})
		if err != nil {
			return err
		}
		return mailRefusal(env, f(c.Context(), m, folder.edrpou))
	})
}

// name is the name of the body.
func (f *bodyFolder) name(ctx context.Context) (name string, err error) {
	database, err := f.openStore()
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, database.Close()) }()
	return name, database.View(ctx, func(tx issuer.Tx) error {
		row, err := tx.Body()
		name = row.Name
		return err
	})
}

// mailRefusal says a refusal in the terminal's language.
func mailRefusal(env *cli.Env, err error) error {
	var r *office.MailRefusal
	if !errors.As(err, &r) {
		return err
	}
	detail := ""
	if r.Detail(env.Lang) != "" {
		detail = " (" + r.Detail(env.Lang) + ")"
	}
	next := env.T(r.NextUK, r.NextEN)
	if errors.Is(err, office.MailNotSet) {
		next = "posvid office mail set"
	}
	return cli.Hint(env.Err("%[1]s%[3]s [%[4]s]", "%[2]s%[3]s [%[4]s]", r.UK, r.EN, detail, r.Code), next)
}

const bodyFlagText = "код ЄДРПОУ органу; не потрібен, коли він один / the body; not needed when there is one"

func officeMailSetCommand(env *cli.Env) *cobra.Command {
	var edrpou, smtp, lmtp, folder, roots, passwordFile string
	var s office.MailSettings
	command := &cobra.Command{
		Use: "set (--smtp HOST:PORT | --lmtp ADDRESS | --folder DIR) --domain DOMAIN --sender ADDRESS", Args: cobra.NoArgs,
		Short: "куди брама передає листи органу / where letters of the body go",
		Long: env.T(`SMTP — поштовий сервер органу, зі STARTTLS або --tls tls; LMTP — сервер скриньок на цій машині, host:port чи unix:/шлях; тека — файли .eml для спроб.
Домени — службових адрес; з адреси --sender пише сама служба.`,
			`SMTP is the body's mail server, with STARTTLS or --tls tls; LMTP a mailbox server of this machine, host:port or unix:/path; a folder takes .eml files, for tries.
Domains are those of work addresses; the service itself writes from --sender.`),
		RunE: func(c *cobra.Command, _ []string) error {
			targets := 0
			for _, t := range []struct{ kind, address string }{{office.MailSMTP, smtp}, {office.MailLMTP, lmtp}, {office.MailFolder, folder}} {
				if t.address != "" {
					s.Kind, s.Address = t.kind, t.address
					targets++
				}
			}
			if targets != 1 {
				return cli.Usagef("%s", env.T("назвіть одне: --smtp, --lmtp або --folder", "name one: --smtp, --lmtp or --folder"))
			}
			if s.TLS == "" {
				s.TLS = map[string]string{office.MailSMTP: "starttls", office.MailLMTP: "none", office.MailFolder: "none"}[s.Kind]
			}
			if s.Kind == office.MailFolder {
				var err error
				if s.Address, err = filepath.Abs(folder); err != nil {
					return err
				}
			}
			if roots != "" {
				data, err := env.ReadFile(roots, maxRoots)
				if err != nil {
					return err
				}
				s.Roots = string(data)
			}
			if passwordFile != "" {
				phrase, err := env.ReadPassphrase(passwordFile)
				if err != nil {
					return err
				}
				s.Password = string(phrase)
			}
			for i, d := range s.Domains {
				s.Domains[i] = strings.ToLower(d)
			}
			s.Sender = strings.ToLower(s.Sender)
			return withMail(c, env, edrpou, func(ctx context.Context, m *office.Mail, body string) error {
				s.Body = body
				if err := m.Set(ctx, s, env.Now()); err != nil {
					return err
				}
				env.Print("листи %s ідуть: %s %s", "letters of %s go to: %s %s", body, s.Kind, s.Address)
				list, err := m.Authorities(ctx, body, env.Now())
				if err == nil && len(list) == 0 {
					env.Say("ще потрібен центр сертифікації пошти: posvid office mail ca", "a mail authority is needed too: posvid office mail ca")
				}
				if len(list) > 0 && slices.ContainsFunc(s.Domains, func(d string) bool { return !slices.Contains(list[0].Domains, d) }) {
					env.Say("новий домен ще не в центрі сертифікації: posvid office mail ca --new", "a new domain is not in the mail authority yet: posvid office mail ca --new")
				}
				if shared, serr := m.Shared(ctx, body, s.Domains); err == nil && serr == nil && shared != "" {
					env.Say("домен %s має й інший орган: брама прийме його адреси від людей обох", "domain %s is another body's too: the gate takes its addresses from people of both", shared)
				}
				return err
			})
		},
	}
	flags := command.Flags()
	flags.StringVar(&edrpou, "body", "", bodyFlagText)
	flags.StringVar(&smtp, "smtp", "", "сервер і порт / server and port")
	flags.StringVar(&lmtp, "lmtp", "", "сервер і порт або unix:/шлях / server and port, or unix:/path")
	flags.StringVar(&folder, "folder", "", "тека для файлів .eml / folder for .eml files")
	flags.StringVar(&s.TLS, "tls", "", "starttls, tls або none (лише ця машина) / starttls, tls or none (this machine only)")
	flags.StringVar(&s.User, "user", "", "ім'я користувача сервера / user name at the server")
	flags.StringVar(&passwordFile, "password-file", "", "файл його пароля / file of its password")
	flags.StringVar(&roots, "roots", "", "файл кореневих сертифікатів сервера (PEM) / root certificates of the server")
	flags.StringSliceVar(&s.Domains, "domain", nil, "домени службових адрес / domains of work addresses")
	flags.StringVar(&s.Sender, "sender", "", "адреса, з якої пише служба / address from which the service writes")
	return command
}

func officeMailCACommand(env *cli.Env) *cobra.Command {
	var edrpou, out string
	var renew bool
	command := &cobra.Command{
		Use: "ca [--out FILE]", Args: cobra.NoArgs, Short: "центр сертифікації пошти: створити, показати сертифікат / the body's mail authority",
		RunE: func(c *cobra.Command, _ []string) error {
			return withMail(c, env, edrpou, func(ctx context.Context, m *office.Mail, body string) error {
				at := env.Now()
				list, err := m.Authorities(ctx, body, at)
				if err != nil {
					return err
				}
				if renew || len(list) == 0 {
					a, err := m.NewAuthority(ctx, body, at)
					if err != nil {
						return err
					}
					list = append([]office.MailAuthority{a}, list...)
					env.Say("створено центр сертифікації №%d для %s", "made mail authority %d for %s", a.Number, strings.Join(a.Domains, ", "))
				}
				env.Say("SHA-256 %s", "SHA-256 %s", list[0].Fingerprint())
				if out != "" {
					return cli.WriteAtomic(out, list[0].PEM(), 0o644)
				}
				_, err = env.Stdout.Write(list[0].PEM())
				return err
			})
		},
	}
	flags := command.Flags()
	flags.StringVar(&edrpou, "body", "", bodyFlagText)
	flags.StringVar(&out, "out", "", "записати сертифікат у файл / write the certificate to a file")
	flags.BoolVar(&renew, "new", false, "створити новий, хоч один уже є / make a new one although there is one")
	return command
}

func officeMailQueueCommand(env *cli.Env) *cobra.Command {
	var edrpou string
	command := &cobra.Command{
		Use: "queue", Args: cobra.NoArgs, Short: "що чекає в черзі / what waits in the queue",
		RunE: func(c *cobra.Command, _ []string) error {
			return withMail(c, env, edrpou, func(ctx context.Context, m *office.Mail, body string) error {
				q, err := m.QueueState(ctx, body)
				if err != nil {
					return err
				}
				env.Print("чекають %d, з них після невдалої спроби %d; доставлено %d, не доставлено %d", "waiting %d, of these tried in vain %d; delivered %d, not delivered %d",
					q.Waiting, q.Tried, q.Sent, q.Failed)
				if q.Answer != "" {
					env.Print("остання відповідь: %s", "last answer: %s", q.Answer)
				}
				return nil
			})
		},
	}
	command.Flags().StringVar(&edrpou, "body", "", bodyFlagText)
	return command
}

func officeMailRetryCommand(env *cli.Env) *cobra.Command {
	var edrpou string
	command := &cobra.Command{
		Use: "retry", Args: cobra.NoArgs, Short: "спробувати все, що чекає, не відкладаючи / try everything that waits at once",
		RunE: func(c *cobra.Command, _ []string) error {
			return withMail(c, env, edrpou, func(ctx context.Context, m *office.Mail, body string) error {
				n, err := m.Retry(ctx, body, env.Now())
				if err == nil {
					env.Print("служба спробує зараз: %d", "the service tries now: %d", n)
				}
				return err
			})
		},
	}
	command.Flags().StringVar(&edrpou, "body", "", bodyFlagText)
	return command
}

func officeMailEndCommand(env *cli.Env) *cobra.Command {
	return &cobra.Command{
		Use: "end SEAT", Args: cobra.ExactArgs(1), Short: "припинити сертифікат посади, напр. 99000011-17 / end the certificate of a post",
		Long: env.T("Коли ключ підпису могли викрасти: сертифікат іде в перелік відкликаних, наступний лист дістане новий.",
			"When a signing key may have been stolen: the certificate goes into the revocation list, the next letter gets a new one."),
		RunE: func(c *cobra.Command, args []string) error {
			seat, err := office.ParseSeat(args[0])
			if err != nil {
				return cli.Usagef("%s", env.T("%q: очікується посада, напр. 99000011-17", "%q: want a post such as 99000011-17", args[0]))
			}
			return withMail(c, env, seat.Body, func(ctx context.Context, m *office.Mail, _ string) error {
				err := m.EndCertificate(ctx, seat, env.Now())
				if errors.Is(err, office.ErrNotFound) {
					return cli.Hint(env.Err("посада %s не має чинного сертифіката", "post %s has no certificate", seat), "posvid office mail queue")
				}
				if err == nil {
					env.Print("сертифікат посади %s припинено", "the certificate of post %s is ended", seat)
				}
				return err
			})
		},
	}
}
