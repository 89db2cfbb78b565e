package verifycli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/posvid/posvid/cmd/internal/cli"
	"github.com/posvid/posvid/locale"
	"github.com/posvid/posvid/nfc"
	"github.com/posvid/posvid/nfc/pcsc"
	"github.com/posvid/posvid/verifier"
	"github.com/posvid/posvid/verifier/card"
)

// CardReader is what lays a card before the program: nfc/pcsc, and in tests an emulated card.
type CardReader interface {
	Present(ctx context.Context) (pcsc.Reader, error)
	Wait(ctx context.Context, notify func(*pcsc.Error)) (pcsc.Reader, error)
	Read(ctx context.Context, reader string, fn func(ctx context.Context, card nfc.Card) error) error
}

// cardOptions are the flags of one card check.
type cardOptions struct {
	qrOptions
	reader, trace string
	wait, virtual bool
}

func (p *Program) card() *cobra.Command {
	var o cardOptions
	env := p.Env
	command := &cobra.Command{
		Use: "card", Args: cobra.NoArgs,
		Short: "перевірити картку на зчитувачі / verify a card on a reader",
		Long: env.T(`Перевіряє посвідчення з безконтактним носієм на зчитувачі PC/SC без мережі: картка підписує свіжий запит своїм ключем.
Номер картки сам собою нічого не доводить. PIN не питає і не надсилає.
Вихід: 0 чинне, 1 відхилено, 2 помилка виклику, 3 не підтверджено.`,
			`Verifies a contactless service card on a PC/SC reader with no network: the card signs a fresh challenge with its key.
The number of a card alone proves nothing. The PIN is never asked for and never sent.
Exit: 0 valid, 1 refused, 2 usage, 3 not confirmed.`),
		RunE: func(c *cobra.Command, _ []string) error {
			if c.Flags().Changed("timeout") && !o.wait {
				return cli.Usagef("%s", env.T("--timeout буває лише разом із --wait", "--timeout goes with --wait only"))
			}
			code, err := p.checkCard(c.Context(), o)
			if err == nil && code != cli.ExitAccept {
				err = &cli.Exit{Code: code}
			}
			return err
		},
	}
	flags := command.Flags()
	flags.StringVar(&o.reader, "reader", "", "назва зчитувача або її частина / the reader's name, or a part of it")
	flags.BoolVar(&o.wait, "wait", false, "чекати, доки картку прикладуть / wait until a card is laid on a reader")
	flags.DurationVar(&o.timeout, "timeout", 0, "з --wait: скільки чекати; 0 — доки не перервуть / with --wait: how long; 0: until interrupted")
	flags.BoolVar(&o.virtual, "allow-virtual-reader", false, "приймати віртуальні зчитувачі: лише для випробувань / take virtual readers too: for tests only")
	flags.StringVar(&o.trace, "trace", "", "записати обмін із карткою у файл, без особистих даних / write the exchange to a file, without personal data")
	flags.StringVar(&o.bundle, "bundle", "", "набір довіри для цієї перевірки, без встановлення / a bundle for this run")
	flags.StringVar(&o.at, "at", "", "пробна перевірка на час RFC 3339; вихід 3 / a simulated time; exit 3")
	flags.BoolVar(&o.test, "test", false, "з --at під демонстраційним коренем: вихід за вердиктом / with --at under the demo root: exit as the verdict says")
	flags.IntVar(&o.level, "level", 0, "найменший рівень 1–4; лише підвищує правила / the least level; may only raise the policy")
	flags.StringVar(&o.photo, "photo-confirmed", "", "вартовий звірив обличчя: файл світлини або plastic / the guard compared the face: a photo file, or plastic")
	flags.BoolVar(&o.json, "json", false, "вердикт у JSON / the verdict as JSON")
	return command
}

// checkCard reads one card and tells the verdict.
func (p *Program) checkCard(ctx context.Context, o cardOptions) (int, error) {
	env := p.Env
	if o.timeout < 0 {
		return 0, cli.Usagef("%s", env.T("--timeout: очікується тривалість, як 30s", "--timeout: want a duration such as 30s"))
	}
	state, in, err := p.prepare(o.qrOptions)
	if err != nil {
		return 0, err
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	reading, trace := p.readCard(ctx, o)
	if o.trace != "" {
		if err := env.WriteFile(o.trace, []byte(trace), 0o600); err != nil {
			return 0, &cli.Undecided{Err: err}
		}
	}
	if !in.Simulated {
		in.At = env.Now() // a card may have been waited for
	}
	p.tellCard(&reading)
	v := card.Verify(card.Input{Input: state.Complete(in), Reading: reading})
	return p.tellVerdict(state, &v, o.qrOptions), nil
}

// readCard finds a card and reads it inside one transaction. Whatever fails on the way is in Reading.Err.
func (p *Program) readCard(ctx context.Context, o cardOptions) (reading card.Reading, trace string) {
	options := pcsc.Options{Reader: o.reader, AllowVirtual: o.virtual}
	var client CardReader
	if p.Cards != nil {
		client = p.Cards(options)
	} else {
		client = pcsc.New(options)
	}
	at, err := p.findCard(ctx, client, o)
	if err != nil {
		return card.Reading{Err: err}, ""
	}
	steps := card.Options{Progress: func(s card.Step) {
		if !o.json {
			p.Env.Say("читаю: %s", "reading: %s", locale.CardObject(p.Env.Lang, s.Object))
		}
	}}
	err = client.Read(ctx, at.Name, func(ctx context.Context, c nfc.Card) error {
		recorder := nfc.Record(c)
		reading = card.Read(ctx, recorder, steps)
		trace = recorder.Text()
		return reading.Err
	})
	var way *pcsc.Error
	if err != nil && (errors.As(err, &way) || reading.Err == nil) {
		reading = card.Reading{Err: err} // of a card that was not there to the end nothing counts
	}
	return reading, trace
}

// findCard gives the reader on which a card lies, and waits for one when asked to.
func (p *Program) findCard(ctx context.Context, client CardReader, o cardOptions) (pcsc.Reader, error) {
	if !o.wait {
		return client.Present(ctx)
	}
	if o.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.timeout)
		defer cancel()
	}
	var last *pcsc.Error
	reader, err := client.Wait(ctx, func(e *pcsc.Error) {
		if last == nil || last.Trouble != e.Trouble {
			cause, _ := e.Text(p.Env.Lang)
			fmt.Fprintf(p.Env.Stderr, "%s: %s\n", p.Env.Program, cause)
		}
		last = e
	})
	if err != nil && ctx.Err() != nil && last != nil {
		return reader, last // what it waited for says more than that the time is over
	}
	return reader, err
}

// tellCard says on stderr what the verdict does not: why a card was not read, and what it did not give.
func (p *Program) tellCard(r *card.Reading) {
	env := p.Env
	for _, w := range r.Withheld {
		why := w.Err.Error()
		if status, ok := nfc.StatusOf(w.Err); ok {
			why = status.Text(env.Lang) + " (" + status.String() + ")"
		}
		env.Say("картка не дала: %s: %s", "withheld by the card: %s: %s", locale.CardObject(env.Lang, w.Object), why)
	}
	if r.Err == nil {
		return
	}
	var way *pcsc.Error
	switch {
	case errors.As(r.Err, &way):
		cause, remedy := way.Text(env.Lang)
		fmt.Fprintf(env.Stderr, "%s: %s\n", env.Program, cause)
		if remedy != "" {
			fmt.Fprintf(env.Stderr, "%s: hint: %s\n", env.Program, remedy)
		}
	case errors.Is(r.Err, context.Canceled):
		env.Say("перервано", "interrupted")
	case errors.Is(r.Err, context.DeadlineExceeded):
		env.Say("картки не дочекались", "no card came in time")
	default:
		fmt.Fprintf(env.Stderr, "%s: %v\n", env.Program, r.Err)
	}
}

// numberLabel names the number of a verdict: a card without a record shows its own, not that of an ID.
func numberLabel(v *verifier.Verdict) string {
	if v.Holder.Name == "" {
		return "card-number"
	}
	return "number"
}
