package verifycli

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/posvid/posvid/checkpoint"
	"github.com/posvid/posvid/cmd/internal/cli"
	"github.com/posvid/posvid/cmd/internal/watch"
	"github.com/posvid/posvid/locale"
	"github.com/posvid/posvid/trust"
)

func (p *Program) policy() *cobra.Command {
	root := &cobra.Command{Use: "policy", Short: "правила цього пункту, підписані органом / this checkpoint's policy, signed by its body"}
	root.AddCommand(p.policyShow(), p.policyInstall())
	return root
}

func (p *Program) policyShow() *cobra.Command {
	env := p.Env
	return &cobra.Command{
		Use: "show", Args: cobra.NoArgs,
		Short: "чого вимагають правила пункту / what the policy asks for",
		RunE: func(*cobra.Command, []string) error {
			state, err := p.open()
			if err != nil {
				return err
			}
			policy, err := state.Policy(env.Now())
			if err != nil {
				return p.policyError(err)
			}
			if policy == nil {
				env.Print("окремих правил немає, діють правила класу", "there is no policy of this checkpoint, that of its class holds")
				return nil
			}
			env.Print("правила %d органу %s для перевіряльника %d, до %s", "policy %d of body %s for verifier %d, until %s", policy.Number, policy.Body, policy.Verifier, locale.Moment(env.Lang, policy.ValidUntil))
			words := policyWords(policy)
			fmt.Fprintln(env.Stdout, words.In(env.Lang))
			if policy.JournalTo != 0 {
				env.Print("журнал запечатують для перевіряльника %d", "the journal is sealed to verifier %d", policy.JournalTo)
			}
			if policy.Expired {
				env.Say("строк правил минув: їх виконують далі; попросіть нові", "the policy has expired: it is obeyed on; ask for a new one")
			}
			return nil
		},
	}
}

func (p *Program) policyInstall() *cobra.Command {
	env := p.Env
	return &cobra.Command{
		Use: "install FILE", Args: cobra.ExactArgs(1),
		Short: "встановити правила пункту з файла / install the policy of this checkpoint from a file",
		RunE: func(_ *cobra.Command, args []string) error {
			state, err := p.open()
			if err != nil {
				return err
			}
			data, err := env.ReadFile(args[0], trust.MaxCheckpointPolicy)
			if err != nil {
				return &cli.Undecided{Err: err}
			}
			report, err := state.InstallPolicy(data, env.Now())
			if err != nil {
				return p.policyError(err)
			}
			if report.Changed {
				env.Print("встановлено правила пункту %d (були %d)", "policy %d installed (was %d)", report.Number, report.Previous)
			} else {
				env.Print("правила пункту %d уже встановлено", "policy %d is installed already", report.Number)
			}
			if report.Expired {
				env.Say("строк правил минув: їх виконують далі; попросіть нові", "the policy has expired: it is obeyed on; ask for a new one")
			}
			return nil
		},
	}
}

// policyError tells what to do about a policy.
func (p *Program) policyError(err error) error {
	env := p.Env
	switch {
	case errors.Is(err, trust.ErrRollback), errors.Is(err, trust.ErrFork):
		return cli.Hint(err, env.T("файл старіший за встановлені правила: візьміть новий на сторінці пункту", "the file is older than the installed policy: take a new one from the checkpoint's page"))
	case errors.Is(err, checkpoint.ErrPolicyOther):
		return cli.Hint(err, env.T("це правила іншого пристрою", "this is another device's policy"))
	case errors.Is(err, checkpoint.ErrPolicy):
		return cli.Hint(err, env.T("спершу встановіть свіжий набір довіри; тоді попросіть правила в адміністратора пункту ще раз", "install a fresh bundle first; then ask the administrator of the checkpoint for the policy again"))
	case errors.Is(err, checkpoint.ErrDamaged):
		return cli.Hint(err, env.T("встановіть правила ще раз: posvid-verify policy install ФАЙЛ", "install the policy again: posvid-verify policy install FILE"))
	}
	return p.stateError(err)
}

// policyWords tells in one line what a policy asks for.
func policyWords(p *checkpoint.Policy) watch.Words {
	var uk, en []string
	say := func(u, e string, args ...any) {
		uk, en = append(uk, fmt.Sprintf(u, args...)), append(en, fmt.Sprintf(e, args...))
	}
	if p.Level > 0 {
		say("рівень від %d", "level %d at least", p.Level)
	}
	if p.StatusAge > 0 {
		uk, en = append(uk, "дані до "+locale.Duration("uk", p.StatusAge)), append(en, "data up to "+locale.Duration("en", p.StatusAge)+" old")
	}
	if p.BeaconAge > 0 {
		uk, en = append(uk, "позначка свіжості до "+locale.Duration("uk", p.BeaconAge)), append(en, "freshness mark up to "+locale.Duration("en", p.BeaconAge)+" old")
	}
	if p.Photo {
		say("світлина обов'язкова", "photo required")
	}
	if len(p.Guards) > 0 {
		say("вартових названо %d", "guards named: %d", len(p.Guards))
	}
	if len(uk) == 0 {
		say("як у класу", "as the class")
	}
	return watch.Words{UK: fmt.Sprintf("№ %d: ", p.Number) + strings.Join(uk, ", "), EN: fmt.Sprintf("No %d: ", p.Number) + strings.Join(en, ", ")}
}

// policyHealth puts into a device's health what its policy says. The screen names guards by what was found last.
func policyHealth(h *watch.Health, state *checkpoint.State, at time.Time, last *atomic.Pointer[checkpoint.Policy]) {
	policy, err := state.Policy(at)
	if err != nil {
		return // a lost policy makes every verdict state-damaged, which the probe finds
	}
	last.Store(policy)
	if policy == nil {
		return
	}
	h.Policy, h.PolicyOld = policyWords(policy), policy.Expired
	if policy.StatusAge > 0 && h.Limit > 0 {
		h.Limit = min(h.Limit, policy.StatusAge)
	}
}

// journalOpen opens what another device of the body has uploaded.
func (p *Program) journalOpen() *cobra.Command {
	env := p.Env
	var out string
	command := &cobra.Command{
		Use: "open FILE", Args: cobra.ExactArgs(1),
		Short: "відкрити журнал іншого пристрою, запечатаний для цього / open another device's journal that is sealed to this one",
		RunE: func(_ *cobra.Command, args []string) error {
			state, key, err := p.unlock()
			if err != nil {
				return err
			}
			data, err := env.ReadFile(args[0], checkpoint.MaxJournalUpload)
			if err != nil {
				return err
			}
			upload, events, err := state.OpenUpload(data, key, env.Now())
			if err != nil {
				return p.journalError(err)
			}
			if err := env.WriteFile(out, events, 0o600); err != nil {
				return err
			}
			env.Say("перевіряльник %d: події %d–%d, усього %d, від %s", "verifier %d: events %d to %d, %d in all, of %s", upload.Verifier, upload.First, upload.Last, upload.Events, locale.Moment(env.Lang, upload.IssuedAt))
			return nil
		},
	}
	command.Flags().StringVarP(&out, "out", "o", "-", "файл замість stdout / a file instead of stdout")
	return command
}
