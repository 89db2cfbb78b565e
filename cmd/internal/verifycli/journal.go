package verifycli

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/posvid/posvid/checkpoint"
	"github.com/posvid/posvid/cmd/internal/cli"
	"github.com/posvid/posvid/locale"
)

func (p *Program) journal() *cobra.Command {
	root := &cobra.Command{Use: "journal", Short: "журнал перевірок цього пристрою, без імен / this device's journal, without names"}
	root.AddCommand(p.journalShow(), p.journalExport(), p.journalOpen(), p.journalKeep(), p.journalClear())
	return root
}

func (p *Program) journalShow() *cobra.Command {
	env := p.Env
	return &cobra.Command{
		Use: "show", Args: cobra.NoArgs,
		Short: "скільки подій у журналі; парольна фраза не потрібна / how many events there are; needs no passphrase",
		RunE: func(*cobra.Command, []string) error {
			state, err := p.open()
			if err != nil {
				return err
			}
			if err := state.ExpireJournal(env.Now()); err != nil {
				return p.journalError(err)
			}
			info, err := state.JournalInfo()
			if err != nil {
				return p.journalError(err)
			}
			for _, d := range info.Days {
				torn := ""
				if d.Torn {
					torn = env.T(", кінець обірвано", ", its end is torn")
				}
				env.Print("%s: подій %d, %s%s", "%s: %d events, %s%s", d.Day, d.Events, size(env, d.Bytes), torn)
			}
			env.Print("усього подій %d, %s", "%d events in all, %s", info.Events, size(env, info.Bytes))
			p.tellKeep(info.KeepDays)
			if missing := int64(info.Last) - int64(info.First) + 1 - int64(info.Events); info.First > 0 && missing > 0 {
				env.Say("за лічильником бракує подій: %d", "by the counter %d events are missing", missing)
			}
			return nil
		},
	}
}

func (p *Program) tellKeep(days int) {
	if days == 0 {
		p.Env.Print("журнал вимкнено", "the journal is switched off")
		return
	}
	p.Env.Print("події зберігаються %s", "events are kept for %s", locale.Duration(p.Env.Lang, time.Duration(days)*24*time.Hour))
}

func (p *Program) journalExport() *cobra.Command {
	env := p.Env
	var from, to, out string
	var csv bool
	command := &cobra.Command{
		Use: "export", Args: cobra.NoArgs,
		Short: "відкрити журнал і вивести події / open the journal and write its events",
		Long: env.T("Відкриває журнал ключами цього пристрою й виводить події: JSON, по одній на рядок, або CSV. Замість особи стоїть псевдонім, чинний один місяць на цьому пристрої. Вихід 3, коли журнал не цілий.",
			"Opens the journal with this device's keys and writes its events: JSON, one a line, or CSV. A pseudonym stands for the person, good for one month on this device. Exit 3 when the journal is not whole."),
		RunE: func(*cobra.Command, []string) error {
			opt := checkpoint.ExportOptions{CSV: csv}
			var err error
			if opt.From, err = p.moment("--from", from, 0); err != nil {
				return err
			}
			if opt.To, err = p.moment("--to", to, 1); err != nil {
				return err
			}
			state, key, err := p.unlock()
			if err != nil {
				return err
			}
			if err := state.ExpireJournal(env.Now()); err != nil { // what is past its term is not shown either
				return p.journalError(err)
			}
			var report checkpoint.JournalReport
			err = writeStream(env, out, func(w io.Writer) error {
				report, err = state.ExportJournal(key, opt, w)
				return err
			})
			if err != nil {
				return p.journalError(err)
			}
			env.Say("виведено подій: %d з %d", "events written: %d of %d", report.Exported, report.Events)
			if report.Whole() {
				env.Say("журнал цілий", "the journal is whole")
				return nil
			}
			for _, fault := range []struct {
				n      int
				uk, en string
			}{
				{report.Missing, "бракує подій: %d", "events missing: %d"},
				{report.Broken, "подій не на своєму місці або змінених: %d", "events out of place or changed: %d"},
				{report.Unreadable, "подій, що не відкриваються ключами цього пристрою: %d", "events that this device's keys do not open: %d"},
				{report.Torn, "днів з обірваним кінцем: %d", "days with a torn end: %d"},
			} {
				if fault.n > 0 {
					env.Say(fault.uk, fault.en, fault.n)
				}
			}
			if !report.Counted {
				env.Say("лічильника подій немає: кінець журналу нема з чим порівняти", "the counter is gone: nothing to hold the end against")
			}
			env.Say("журнал не цілий", "the journal is not whole")
			return &cli.Exit{Code: cli.ExitCannotConfirm}
		},
	}
	flags := command.Flags()
	flags.StringVar(&from, "from", "", "від дня РРРР-ММ-ДД за Києвом або часу RFC 3339 / from a day in Kyiv, or an RFC 3339 time")
	flags.StringVar(&to, "to", "", "по день РРРР-ММ-ДД включно або до часу RFC 3339 / to a day, that day included, or before a time")
	flags.StringVarP(&out, "out", "o", "-", "файл замість stdout / a file instead of stdout")
	flags.BoolVar(&csv, "csv", false, "CSV замість JSON / CSV instead of JSON")
	return command
}

// moment reads a day in Kyiv, with days added, or a time; zero for "".
func (p *Program) moment(flag, text string, days int) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	day, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return day, cli.Usagef("%s: %s", flag, p.Env.T("очікується день як 2026-11-22 або час RFC 3339", "want a day such as 2026-11-22, or an RFC 3339 time"))
	}
	day = day.AddDate(0, 0, days)
	_, offset := locale.Kyiv(day.Add(-3 * time.Hour)).Zone()
	return day.Add(-time.Duration(offset) * time.Second), nil
}

func (p *Program) journalKeep() *cobra.Command {
	env := p.Env
	var yes bool
	command := &cobra.Command{
		Use: "keep [DAYS]", Args: cobra.MaximumNArgs(1),
		Short: "скільки днів зберігати події, 0 — не вести журнал / how many days to keep events, 0 for no journal",
		RunE: func(_ *cobra.Command, args []string) error {
			state, err := p.open()
			if err != nil {
				return err
			}
			now, err := state.JournalDays()
			if err != nil {
				return p.journalError(err)
			}
			if len(args) == 1 {
				days, err := strconv.Atoi(args[0])
				if err != nil || days < 0 || days > checkpoint.MaxJournalDays {
					return cli.Usagef("%s", env.T("днів: від 0 до %d", "days: from 0 to %d", checkpoint.MaxJournalDays))
				}
				if days < now && !yes {
					return cli.Usagef("%s", env.T("старіші події буде знищено: повторіть із --yes", "older events will be destroyed: repeat with --yes"))
				}
				if err := state.SetJournalDays(days, env.Now()); err != nil {
					return p.journalError(err)
				}
				now = days
			}
			p.tellKeep(now)
			return nil
		},
	}
	command.Flags().BoolVar(&yes, "yes", false, "так, знищити старіші події / yes, destroy older events")
	return command
}

func (p *Program) journalClear() *cobra.Command {
	env := p.Env
	var yes bool
	command := &cobra.Command{
		Use: "clear --yes", Args: cobra.NoArgs,
		Short: "знищити всі події й ключі псевдонімів / destroy every event and the keys of pseudonyms",
		RunE: func(*cobra.Command, []string) error {
			if !yes {
				return cli.Usagef("%s", env.T("події буде знищено назавжди: спершу posvid-verify journal export, тоді повторіть із --yes", "events will be destroyed for ever: posvid-verify journal export first, then repeat with --yes"))
			}
			state, err := p.open()
			if err != nil {
				return err
			}
			if err := state.ClearJournal(); err != nil {
				return p.journalError(err)
			}
			env.Print("журнал порожній", "the journal is empty")
			return nil
		},
	}
	command.Flags().BoolVar(&yes, "yes", false, "так, знищити / yes, destroy")
	return command
}

// journalError tells what to do about the journal.
func (p *Program) journalError(err error) error {
	env := p.Env
	switch {
	case errors.Is(err, checkpoint.ErrJournalOff):
		return cli.Hint(err, env.T("увімкніть: posvid-verify journal keep 30", "switch it on: posvid-verify journal keep 30"))
	case errors.Is(err, checkpoint.ErrJournalFull):
		return cli.Hint(err, fmt.Sprintf(env.T("перевірки тривають; журнал знову пишеться завтра, межа дня %d МіБ", "verdicts go on; the journal is written again tomorrow, limit of a day %d MiB"), checkpoint.MaxJournalDay>>20))
	}
	return p.stateError(err)
}
