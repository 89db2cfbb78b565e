package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/posvid/posvid/cmd/internal/cli"
	"github.com/posvid/posvid/cmd/internal/verifycli"
	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/locale"
	"github.com/posvid/posvid/qr"
	"github.com/posvid/posvid/trust"
	"github.com/posvid/posvid/wallet"
)

// openWallet opens a wallet below --dir, unlocked when sign asks for it.
func openWallet(env *cli.Env, name string, sign bool) (*wallet.Wallet, error) {
	folder, err := wallet.Path(env.Dir, name)
	if err != nil {
		return nil, cli.Usagef("%v", err)
	}
	w, err := wallet.Open(folder)
	if err != nil {
		if errors.Is(err, wallet.ErrNotFound) {
			return nil, cli.Hint(env.Err("гаманця %s немає", "there is no wallet %s", name), "posvid wallet new "+name)
		}
		return nil, err
	}
	if sign {
		passphrase, err := env.Passphrase(false)
		if err != nil {
			return nil, err
		}
		if err := w.Unlock(passphrase); err != nil {
			if errors.Is(err, wallet.ErrPassphrase) {
				return nil, cli.Hint(env.Err("парольна фраза не підходить", "the passphrase is wrong"), "--passphrase-file, $POSVID_PASSPHRASE")
			}
			return nil, err
		}
	}
	return w, nil
}

func walletCommand(env *cli.Env) *cobra.Command {
	root := &cobra.Command{Use: "wallet", Short: "гаманець пред'явника: для випробувань, кіосків і скриптів / a holder's wallet"}
	root.AddCommand(walletNewCommand(env), walletEnrolCommand(env), walletListCommand(env), walletQRCommand(env), walletAnswerCommand(env))
	return root
}

func walletNewCommand(env *cli.Env) *cobra.Command {
	var pin string
	command := &cobra.Command{
		Use: "new NAME", Args: cobra.ExactArgs(1),
		Short: "новий гаманець зі свіжим ключем / a new wallet with a fresh key",
		RunE: func(_ *cobra.Command, args []string) error {
			folder, err := wallet.Path(env.Dir, args[0])
			if err != nil {
				return cli.Usagef("%v", err)
			}
			var root trust.Fingerprint
			if pin != "" {
				if root, err = trust.ParseFingerprint(pin); err != nil {
					return cli.Usagef("--pin: %v", err)
				}
			}
			passphrase, err := env.Passphrase(true)
			if err != nil {
				return err
			}
			if err := os.MkdirAll(env.Path("wallets"), 0o700); err != nil {
				return err
			}
			w, err := wallet.New(folder, wallet.NewOptions{Passphrase: passphrase, Root: root, WorkFactor: env.Seal.WorkFactor})
			if err != nil {
				return err
			}
			env.Print("гаманець %s, ключ %s", "wallet %s, key %s", args[0], w)
			return nil
		},
	}
	command.Flags().StringVar(&pin, "pin", "", "відбиток кореневого ключа / root fingerprint")
	return command
}

func walletEnrolCommand(env *cli.Env) *cobra.Command {
	var body, code, out, delivery, bundle string
	command := &cobra.Command{
		Use: "enrol NAME", Args: cobra.ExactArgs(1),
		Short: "запит за талоном, а потім прийняти видане / ask by the slip, then take what was issued",
		Example: `  posvid wallet enrol taras --body 99999905 --code 7K3M-…          # запит для кадровика
  posvid wallet enrol taras --delivery 9f2c….delivery --bundle bundle.sidb`,
		RunE: func(_ *cobra.Command, args []string) error {
			if (code == "") == (delivery == "") {
				return cli.Usagef("%s", env.T("потрібне щось одне: --code або --delivery", "give one of --code and --delivery"))
			}
			w, err := openWallet(env, args[0], code != "")
			if err != nil {
				return err
			}
			if code != "" {
				request, err := w.MakePossession(body, code, env.Now())
				if err != nil {
					return err
				}
				if out == "" {
					out = args[0] + ".enrol"
				}
				if err := env.WriteFile(out, request, 0o600); err != nil {
					return err
				}
				env.Say("запит: %s; передайте його органу (posvid enrol)", "request: %s; give it to the body (posvid enrol)", out)
				return nil
			}
			if bundle == "" {
				return cli.Usagef("%s", env.T("разом із --delivery потрібен --bundle: гаманець перевіряє, хто видав", "--delivery goes with --bundle: the wallet checks who issued"))
			}
			data, err := env.ReadFile(delivery, 1<<20)
			if err != nil {
				return err
			}
			opened, err := walletBundle(env, w, bundle)
			if err != nil {
				return err
			}
			ids, err := w.Store(data, opened, env.Now())
			if err != nil {
				return err
			}
			if err := w.TakeBundle(opened, env.Now()); err != nil {
				return err
			}
			for _, id := range ids {
				tellID(env, id)
			}
			return nil
		},
	}
	command.Flags().StringVar(&body, "body", "", "ЄДРПОУ органу з талона / the body on the slip")
	command.Flags().StringVar(&code, "code", "", "код підключення з талона / the slip's code")
	command.Flags().StringVarP(&out, "out", "o", "", "файл запиту / request file")
	command.Flags().StringVar(&delivery, "delivery", "", "файл, що його видав орган / what the body issued")
	command.Flags().StringVar(&bundle, "bundle", "", "набір довіри / trust bundle")
	return command
}

// walletBundle opens a bundle under the wallet's pinned root.
func walletBundle(env *cli.Env, w *wallet.Wallet, name string) (*trust.Bundle, error) {
	data, err := env.ReadFile(name, trust.MaxBundle)
	if err != nil {
		return nil, err
	}
	return w.OpenBundle(data)
}

// faceWords are the faces as people read them.
func faceWord(env *cli.Env, f credential.Face) string {
	if f == credential.FaceCheck {
		return env.T("коротке", "check")
	}
	return env.T("повне", "full")
}

func tellID(env *cli.Env, id wallet.ID) {
	env.Print("%s · %s · орган %s", "%s · %s · body %s", id.Number, id.Name, id.Issuer)
	for _, f := range id.Faces {
		env.Print("  %s подання, діє до %s", "  %s face, until %s", faceWord(env, f.Face), locale.Moment(env.Lang, f.ExpiresAt))
	}
}

func walletListCommand(env *cli.Env) *cobra.Command {
	return &cobra.Command{
		Use: "list [NAME]", Args: cobra.MaximumNArgs(1),
		Short: "гаманці та посвідчення в них / wallets and what they hold",
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				names, err := wallet.Names(env.Dir)
				if err != nil {
					return err
				}
				for _, name := range names {
					fmt.Fprintln(env.Stdout, name)
				}
				return nil
			}
			w, err := openWallet(env, args[0], false)
			if err != nil {
				return err
			}
			ids := w.List()
			if len(ids) == 0 {
				env.Say("посвідчень ще немає", "no IDs yet")
			}
			for _, id := range ids {
				tellID(env, id)
			}
			if b := w.Beacon(); b.Bundle > 0 {
				env.Print("позначка свіжості з набору довіри %d від %s", "freshness beacon of trust bundle %d, %s", b.Bundle, locale.Moment(env.Lang, b.Published))
			}
			return nil
		},
	}
}

// idFlags choose one ID and face of a wallet.
type idFlags struct{ body, number, face string }

func (f *idFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.body, "body", "", "орган, коли посвідчень кілька / the body, with several IDs")
	c.Flags().StringVar(&f.number, "number", "", "номер посвідчення, коли їх кілька / the number, with several IDs")
	c.Flags().StringVar(&f.face, "face", "check", "check — коротке подання, full — повне / the face to show")
}

func (f *idFlags) choose() (wallet.Selector, credential.Face, error) {
	selector := wallet.Selector{Issuer: f.body, Number: f.number}
	switch f.face {
	case "check":
		return selector, credential.FaceCheck, nil
	case "full":
		return selector, credential.FaceFull, nil
	}
	return selector, 0, cli.Usagef("--face: check, full")
}

func walletQRCommand(env *cli.Env) *cobra.Command {
	var flags idFlags
	var png, bundle string
	var watch, text bool
	command := &cobra.Command{
		Use: "qr NAME", Args: cobra.ExactArgs(1),
		Short: "код, що оновлюється кожні 30 с / the rotating code",
		RunE: func(c *cobra.Command, args []string) error {
			selector, face, err := flags.choose()
			if err != nil {
				return err
			}
			w, err := openWallet(env, args[0], true)
			if err != nil {
				return err
			}
			if bundle != "" {
				opened, err := walletBundle(env, w, bundle)
				if err != nil {
					return err
				}
				if err := w.TakeBundle(opened, env.Now()); err != nil {
					return err
				}
			}
			if watch {
				return watchCode(c.Context(), env, w, selector, face, png)
			}
			code, err := w.Present(selector, face, env.Now())
			if err != nil {
				return walletError(env, err)
			}
			if text {
				_, err := fmt.Fprintln(env.Stdout, code.Text)
				return err
			}
			return verifycli.ShowSymbol(env, code.Text, png)
		},
	}
	flags.add(command)
	command.Flags().StringVar(&png, "png", "", "записати PNG / write a PNG")
	command.Flags().StringVar(&bundle, "bundle", "", "взяти позначку свіжості з набору довіри / take the beacon of a bundle")
	command.Flags().BoolVar(&watch, "watch", false, "показувати, оновлюючи кожні 30 с / keep showing, renewed every 30 s")
	command.Flags().BoolVar(&text, "print-text", false, "лише текст коду / the text only")
	return command
}

// walletError adds the next step a holder can take.
func walletError(env *cli.Env, err error) error {
	switch {
	case errors.Is(err, wallet.ErrExpired):
		return cli.Hint(err, env.T("орган поновлює посвідчення: posvid issue, тоді posvid wallet enrol --delivery", "the body renews it: posvid issue, then posvid wallet enrol --delivery"))
	case errors.Is(err, wallet.ErrNoID):
		return cli.Hint(err, env.T("підключіться за талоном: posvid wallet enrol", "enrol by a slip: posvid wallet enrol"))
	case errors.Is(err, wallet.ErrWhichID):
		return cli.Hint(err, "--body, --number")
	}
	return err
}

// watchCode shows the code anew each half minute until it is interrupted.
func watchCode(ctx context.Context, env *cli.Env, w *wallet.Wallet, selector wallet.Selector, face credential.Face, png string) error {
	for {
		at := env.Now()
		code, err := w.Present(selector, face, at)
		if err != nil {
			return walletError(env, err)
		}
		if png == "" && env.Columns() > 0 {
			fmt.Fprint(env.Stdout, "\x1b[2J\x1b[H")
		}
		if err := verifycli.ShowSymbol(env, code.Text, png); err != nil {
			return err
		}
		env.Say("%s, наступний код о %s; вихід: Ctrl-C", "%s, next code at %s; Ctrl-C ends", faceWord(env, face)+env.T(" подання", " face"), locale.Kyiv(code.Next).Format("15:04:05"))
		timer := time.NewTimer(code.Next.Sub(env.Now()))
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
	}
}

func walletAnswerCommand(env *cli.Env) *cobra.Command {
	var flags idFlags
	var bundle, png string
	var yes bool
	command := &cobra.Command{
		Use: "answer NAME TEXT|IMAGE|-", Args: cobra.ExactArgs(2),
		Short: "відповісти на запит перевіряльника / answer a verifier's challenge",
		RunE: func(_ *cobra.Command, args []string) error {
			selector, face, err := flags.choose()
			if err != nil {
				return err
			}
			if bundle == "" {
				return cli.Usagef("%s", env.T("потрібен --bundle: у ньому видно, хто питає", "--bundle is needed: it says who asks"))
			}
			w, err := openWallet(env, args[0], true)
			if err != nil {
				return err
			}
			opened, err := walletBundle(env, w, bundle)
			if err != nil {
				return err
			}
			text, err := challengeText(env, args[1])
			if err != nil {
				return err
			}
			question, err := w.ReadQuestion(text, opened, env.Now())
			if err != nil {
				return err
			}
			env.Say("питає: %s (%s %s)", "who asks: %s (%s %s)", question.Name, question.BodyName, question.Body)
			if !yes && env.Interactive() {
				fmt.Fprint(env.Stderr, env.T("відповісти? [т/Н] ", "answer? [y/N] "))
				var reply string
				fmt.Fscanln(env.Stdin, &reply)
				if !strings.ContainsAny(strings.ToLower(reply), "тy") {
					return env.Err("відповіді не дано", "not answered")
				}
			}
			code, err := w.Answer(question, selector, face, env.Now())
			if err != nil {
				return walletError(env, err)
			}
			return verifycli.ShowSymbol(env, code.Text, png)
		},
	}
	flags.add(command)
	command.Flags().StringVar(&bundle, "bundle", "", "набір довіри / trust bundle")
	command.Flags().StringVar(&png, "png", "", "записати PNG / write a PNG")
	command.Flags().BoolVarP(&yes, "yes", "y", false, "відповісти без запитання / answer without asking")
	return command
}

// challengeText takes a challenge as text, from a picture, or from stdin.
func challengeText(env *cli.Env, arg string) (string, error) {
	if strings.HasPrefix(arg, credential.ChallengePrefix) {
		return arg, nil
	}
	data, err := env.ReadFile(arg, qr.DefaultMaxBytes)
	if err != nil {
		return "", err
	}
	if text := strings.TrimSpace(string(data[:min(len(data), credential.MaxText)])); strings.HasPrefix(text, credential.ChallengePrefix) {
		return text, nil
	}
	results, err := qr.ReadImage(data, qr.ReadOptions{})
	if err != nil {
		return "", err
	}
	for _, r := range results {
		if strings.HasPrefix(r.Text, credential.ChallengePrefix) {
			return r.Text, nil
		}
	}
	return "", env.Err("на картинці немає запиту перевіряльника", "the picture holds no verifier's challenge")
}
