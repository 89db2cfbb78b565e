package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/posvid/posvid/cmd/internal/cli"
	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/crypto/keys/authority"
	"github.com/posvid/posvid/hr"
	"github.com/posvid/posvid/issuer"
)

// newBody is what has to be known to make a body.
type newBody struct {
	edrpou, name, nameEN, phone string
	operators                   [2]newOperator
	seal                        keys.SealOptions
}

// newOperator is one of the first two operators.
type newOperator struct {
	name       string // Прізвище Ім'я По батькові
	rnokpp     string // who he is; staff is taken when he has none
	staff      string
	passphrase []byte // nil: the body's own
}

func initCommand(env *cli.Env) *cobra.Command {
	var b newBody
	var operators, passphrases []string
	command := &cobra.Command{
		Use:   "init DIR",
		Short: "створити орган: ключі, сховище, два підписувачі / make an issuing body",
		Long: env.T(`Створює орган, що видаватиме посвідчення: ключ видавця, зашифроване сховище і двох перших підписувачів.
Без прапорців на терміналі питає все по черзі.`, `Makes an issuing body: issuer key, encrypted store, the first two operators.
Without flags it asks on the terminal.`),
		Example: `  posvid init ./стан --edrpou 99999905 --name "Міністерство прикладів" \
    --operator "Коваль Ганна Петрівна:табельний 17" --operator "Мороз Іван Якович:табельний 4"`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			env.Dir = args[0]
			if b.edrpou == "" && env.Interactive() {
				if err := askBody(env, &b); err != nil {
					return err
				}
			} else {
				if err := b.fromFlags(env, operators, passphrases); err != nil {
					return err
				}
			}
			b.seal = env.Seal
			created, err := b.create(c.Context(), env, env.Now())
			if err != nil {
				return err
			}
			env.Print("орган %s створено в %s", "body %s made in %s", created.edrpou, created.path)
			env.Print("запит на ключ: %s", "key request: %s", created.request)
			if b.operators[0].passphrase == nil {
				env.Say("увага: ключі обох підписувачів під парольною фразою органу, тож хто її знає, підпише за двох; щоб мати дві різні особи: --operator-passphrase-file двічі",
					"note: both operators' keys are under the body's passphrase, so whoever knows it can sign for two; for two persons in truth give --operator-passphrase-file twice")
			}
			env.Say("далі: передайте запит технічному адміністратору (posvid trust admit), потім встановіть набір довіри (posvid bundle install)",
				"next: give the request to the trust operator (posvid trust admit), then install the bundle (posvid bundle install)")
			return nil
		},
	}
	flags := command.Flags()
	flags.StringVar(&b.edrpou, "edrpou", "", "код ЄДРПОУ органу / the body's code")
	flags.StringVar(&b.name, "name", "", "назва органу / the body's name")
	flags.StringVar(&b.nameEN, "name-en", "", "назва англійською / the name in English")
	flags.StringVar(&b.phone, "duty-phone", "", "телефон чергового для перевіряльників / duty phone shown to verifiers")
	flags.StringArrayVar(&operators, "operator", nil, "підписувач «Ім'я:РНОКПП» або «Ім'я:табельний N»; двічі / an operator, twice")
	flags.StringArrayVar(&passphrases, "operator-passphrase-file", nil, "файл парольної фрази підписувача, двічі; без нього — фраза органу / passphrase file of each operator")
	return command
}

// fromFlags fills the operators and refuses what is missing.
func (b *newBody) fromFlags(env *cli.Env, operators, passphrases []string) error {
	if b.edrpou == "" || b.name == "" {
		return cli.Usagef("%s", env.T("потрібні --edrpou і --name (або термінал, щоб запитати)", "--edrpou and --name are needed (or a terminal to ask on)"))
	}
	if len(operators) != 2 {
		return cli.Usagef("%s", env.T("потрібно рівно два --operator: автор і другий підписувач — різні особи", "exactly two --operator are needed: author and approver are different persons"))
	}
	if len(passphrases) != 0 && len(passphrases) != 2 {
		return cli.Usagef("%s", env.T("--operator-passphrase-file дають двічі або жодного разу", "--operator-passphrase-file is given twice or not at all"))
	}
	for i, text := range operators {
		name, who, ok := strings.Cut(text, ":")
		if !ok {
			return cli.Usagef("%s", env.T("--operator: очікується «Ім'я:РНОКПП» або «Ім'я:табельний N»", "--operator: want \"Name:РНОКПП\" or \"Name:табельний N\""))
		}
		o := newOperator{name: strings.TrimSpace(name)}
		if staff, ok := strings.CutPrefix(strings.TrimSpace(who), "табельний "); ok {
			o.staff = strings.TrimSpace(staff)
		} else {
			o.rnokpp = strings.TrimSpace(who)
		}
		if len(passphrases) == 2 {
			var err error
			if o.passphrase, err = env.ReadPassphrase(passphrases[i]); err != nil {
				return err
			}
		}
		b.operators[i] = o
	}
	return nil
}

// askBody asks everything on the terminal, one question a line.
func askBody(env *cli.Env, b *newBody) error {
	lines := bufio.NewReader(env.Stdin)
	ask := func(uk, en string, check func(string) bool) (string, error) {
		for {
			fmt.Fprint(env.Stderr, env.T(uk, en)+": ")
			line, err := lines.ReadString('\n')
			if err != nil && (err != io.EOF || line == "") {
				return "", err
			}
			line = strings.TrimSpace(line)
			if check(line) {
				return line, nil
			}
			env.Say("так не підходить, ще раз", "that does not fit, again")
		}
	}
	filled := func(s string) bool { return s != "" }
	always := func(string) bool { return true }
	var err error
	if b.edrpou, err = ask("Код ЄДРПОУ (8 цифр)", "ЄДРПОУ (8 digits)", hr.ValidEDRPOU); err != nil {
		return err
	}
	if b.name, err = ask("Назва органу", "Name of the body (Ukrainian)", filled); err != nil {
		return err
	}
	if b.nameEN, err = ask("Назва англійською (можна порожньо)", "Name in English (may be empty)", always); err != nil {
		return err
	}
	if b.phone, err = ask("Телефон чергового (можна порожньо)", "Duty phone (may be empty)", always); err != nil {
		return err
	}
	for i := range b.operators {
		title := [2][2]string{{"Перший підписувач (кадровик)", "First operator (registrar)"}, {"Другий підписувач", "Second operator (approver)"}}[i]
		if b.operators[i].name, err = ask(title[0]+": прізвище, ім'я, по батькові", title[1]+": full name", filled); err != nil {
			return err
		}
		who, err := ask("  його РНОКПП або табельний номер", "  his РНОКПП or staff number", filled)
		if err != nil {
			return err
		}
		if hr.ValidRNOKPP(who) {
			b.operators[i].rnokpp = who
		} else {
			b.operators[i].staff = who
		}
	}
	return nil
}

// createdBody says where things lie.
type createdBody struct {
	edrpou, path, request string
}

// create makes the folder, the store, the operators and the key request.
func (b *newBody) create(ctx context.Context, env *cli.Env, at time.Time) (_ *createdBody, err error) {
	if !hr.ValidEDRPOU(b.edrpou) {
		return nil, cli.Usagef("%s", env.T("ЄДРПОУ: контрольна цифра не сходиться", "ЄДРПОУ: the check digit does not fit"))
	}
	passphrase, err := env.Passphrase(true)
	if err != nil {
		return nil, err
	}
	folder := &bodyFolder{env, b.edrpou, env.Path("bodies", b.edrpou)}
	_, before := os.Stat(folder.path)
	defer func() {
		// Half a body would be in the way of the next attempt.
		if err != nil && errors.Is(before, fs.ErrNotExist) {
			os.RemoveAll(folder.path)
		}
	}()
	if err := folder.create(passphrase, b.seal); err != nil {
		return nil, err
	}
	database, err := folder.openStore()
	if err != nil {
		return nil, err
	}
	defer func() {
		if closed := database.Close(); err == nil {
			err = closed
		}
	}()
	if err := issuer.Create(ctx, database, issuer.BodyRow{EDRPOU: b.edrpou, Name: b.name, NameEN: b.nameEN, Created: at, NextNumber: 1}); err != nil {
		return nil, err
	}
	register, err := issuer.OpenRegister(ctx, database)
	if err != nil {
		return nil, err
	}
	var entries [2]issuer.NewOperator
	var secrets [2]authority.OperatorPrivateKey
	for i, o := range b.operators {
		if secrets[i], err = authority.GenerateOperatorKey(cose.ESP256); err != nil {
			return nil, err
		}
		person, err := register.PersonKey(o.rnokpp, "", o.staff)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", env.T("підписувач "+fmt.Sprint(i+1), "operator "+fmt.Sprint(i+1)), err)
		}
		entries[i] = issuer.NewOperator{Name: o.name, Person: person, Key: secrets[i].OperatorPublic(), Roles: issuer.RoleRegistrar | issuer.RoleApprover}
	}
	made, err := register.InitOperators(ctx, entries[0], entries[1], at)
	if err != nil {
		return nil, err
	}
	for i, o := range made {
		phrase := b.operators[i].passphrase
		if phrase == nil {
			phrase = passphrase
		}
		sealed, err := secrets[i].Seal(phrase, b.seal)
		if err != nil {
			return nil, err
		}
		if err := cli.WriteAtomic(folder.operatorFile(o.ID), sealed, 0o600); err != nil {
			return nil, err
		}
	}
	key, err := folder.issuerKey()
	if err != nil {
		return nil, err
	}
	body, err := issuer.Open(ctx, database, issuer.Config{EDRPOU: b.edrpou, Signer: key})
	if err != nil {
		return nil, err
	}
	request, err := body.KeyRequest(ctx, at, key, b.phone)
	if err != nil {
		return nil, err
	}
	name := folder.file("requests", "issuer-"+key.IssuerPublic().String()+".request")
	if err := cli.WriteAtomic(name, request, 0o644); err != nil {
		return nil, err
	}
	return &createdBody{b.edrpou, folder.path, name}, nil
}
