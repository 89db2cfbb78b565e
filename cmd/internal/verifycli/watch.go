package verifycli

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/posvid/posvid/checkpoint"
	"github.com/posvid/posvid/cmd/internal/cli"
	"github.com/posvid/posvid/cmd/internal/watch"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/locale"
	"github.com/posvid/posvid/qr/source"
	"github.com/posvid/posvid/verifier"
)

// watchOptions are the flags of the checkpoint's screen.
type watchOptions struct {
	cameras          []string
	guard, reader    string
	level            int
	noSound, noPhoto bool
}

func (p *Program) watch() *cobra.Command {
	var o watchOptions
	env := p.Env
	command := &cobra.Command{
		Use: "watch", Args: cobra.NoArgs,
		Short: "екран пункту пропуску: камера, ручний сканер, картки / the checkpoint's screen: camera, hand scanner, cards",
		Long: env.T(`Екран пункту пропуску: чекає код або картку, читає камерою, ручним сканером чи зчитувачем карток і показує одне велике слово, особу і що робити.
Мережі не треба. Парольну фразу пристрою питає раз: без неї немає запитів перевіряльника і світлин. Клавіші показує H.`,
			`The checkpoint's screen: waits for a code or a card, reads it by camera, hand scanner or card reader and shows one big word, the person and what to do.
No network is needed. The device's passphrase is asked once: without it there are no challenges and no photos. H shows the keys.`),
		RunE: func(c *cobra.Command, _ []string) error { return p.runWatch(c, o) },
	}
	flags := command.Flags()
	flags.StringArrayVar(&o.cameras, "camera", nil, "камера, як /dev/video0; auto — перша придатна (типово), none — без камери / a camera; auto: the first usable, none: no camera")
	flags.StringVar(&o.reader, "reader", "", "зчитувач карток: назва або її частина; none — без карток / a card reader: its name or a part; none: no cards")
	flags.StringVar(&o.guard, "guard", "", "вартовий на зміні / the guard on duty")
	flags.IntVar(&o.level, "level", 0, "найменший рівень 1–4; лише підвищує правила / the least level; may only raise the policy")
	flags.BoolVar(&o.noSound, "no-sound", false, "без звуку / no sound")
	flags.BoolVar(&o.noPhoto, "no-keys", false, "не питати парольної фрази: без запитів і світлин / ask for no passphrase: no challenges, no photos")
	return command
}

// terminals gives both ends of the terminal, or says why there is none.
func (p *Program) terminals() (in, out *os.File, err error) {
	env := p.Env
	in, inOK := env.Stdin.(*os.File)
	out, outOK := env.Stdout.(*os.File)
	switch {
	case !inOK || !outOK || !term.IsTerminal(int(in.Fd())) || !term.IsTerminal(int(out.Fd())):
		err = env.Err("екран потребує термінала на вході й виході", "the screen needs a terminal on both ends")
	case os.Getenv("TERM") == "dumb":
		err = env.Err("цей термінал (TERM=dumb) не малює екрана", "this terminal (TERM=dumb) cannot draw a screen")
	default:
		return in, out, nil
	}
	return nil, nil, cli.Hint(&cli.Undecided{Err: err}, env.T("без екрана перевіряє posvid-verify qr --camera ПРИСТРІЙ або posvid-verify qr -", "with no screen use posvid-verify qr --camera DEVICE, or posvid-verify qr -"))
}

func (p *Program) runWatch(c *cobra.Command, o watchOptions) error {
	env := p.Env
	if o.level < 0 || o.level > 4 {
		return cli.Usagef("%s", env.T("--level: від 0 до 4", "--level: from 0 to 4"))
	}
	in, out, err := p.terminals()
	if err != nil {
		return err
	}
	state, err := p.open()
	if err != nil {
		return err
	}
	device, err := p.device(state, o)
	if err != nil {
		return err
	}
	report, err := watch.Run(c.Context(), watch.Config{
		Device: device, Sources: append(p.cameraSources(o.cameras), p.cardSources(state, o)...), Scanner: repairScan,
		Now: env.Now, Lang: env.Lang, Guard: o.guard, Level: verifier.Level(o.level), Sound: !o.noSound,
		NoColor: os.Getenv("NO_COLOR") != "", Blocks: os.Getenv("TERM") == "linux",
	}, in, out)
	if err != nil {
		return &cli.Undecided{Err: err}
	}
	env.Say("зміна: чинних %d, відхилених %d, не підтверджених %d", "shift: %d accepted, %d refused, %d not confirmed", report.Accepted, report.Refused, report.Unconfirmed)
	if report.Faults > 0 {
		env.Say("внутрішніх збоїв %d, останній: %s", "internal faults: %d, the last: %s", report.Faults, report.Detail)
	}
	return nil
}

// repairScan mends what keyboard layouts do to a hand scanner's text.
func repairScan(text, lang string) (string, string, *watch.ScannerError) {
	repaired, repair, err := source.RepairText(text)
	var layout *source.LayoutError
	switch {
	case errors.As(err, &layout):
		return "", "", &watch.ScannerError{Cause: layout.Words(lang), Remedy: layout.Remedy(lang)}
	case err != nil:
		return text, "", nil // the verdict judges the text as it came
	}
	return repaired, repair.Words(lang), nil
}

// device wires the screen to this device's state.
func (p *Program) device(state *checkpoint.State, o watchOptions) (watch.Device, error) {
	env := p.Env
	d := watch.Device{
		Judge: func(q watch.Question) verifier.Verdict {
			return state.Verify(verifier.Input{Text: q.Text, Unread: q.Unread, At: q.At, MinLevel: q.Level, Lang: q.Lang}, checkpoint.Gate{Record: true})
		},
		Confirm: func(q watch.Question, photo verifier.Photo, at time.Time) verifier.Verdict {
			return state.ConfirmPhoto(verifier.Input{Text: q.Text, At: q.At, MinLevel: q.Level, Lang: q.Lang}, photo, at)
		},
		Demo: p.demo(state),
	}
	info, err := state.Info(env.Now())
	if err != nil {
		return d, p.stateError(err)
	}
	key, why, err := p.deviceKey(state, info, o)
	if err != nil {
		return d, err
	}
	j := &journal{state: state}
	d.Journal = j.keep
	var policy atomic.Pointer[checkpoint.Policy]
	policyHealth(&watch.Health{}, state, env.Now(), &policy) // before the first guard is named
	d.Named = func(name string) (string, bool) { return policy.Load().Guard(name) }
	d.Health = func(at time.Time) watch.Health {
		h := p.health(state, at)
		policyHealth(&h, state, at, &policy)
		h.NoJournal = j.why(at)
		return h
	}
	d.NoChallenge, d.NoPhoto = why, why
	if why == (watch.Words{}) {
		p.attachPhotos(&d, state, key)
		if info.VerifierID == 0 {
			d.NoChallenge = watch.Words{UK: "пристрій не допущено: встановіть набір довіри з його записом", EN: "the device is not admitted: install a bundle that has it"}
		} else {
			d.Challenge = func(at time.Time) (watch.Challenge, error) {
				text, c, err := state.NewChallenge(key, at)
				return watch.Challenge{Text: text, Expires: c.Expires}, err
			}
		}
	}
	return d, nil
}

// deviceKey opens the keys of this device with a passphrase that is asked once; why tells in the reader's language that
// there are none.
func (p *Program) deviceKey(state *checkpoint.State, info checkpoint.Info, o watchOptions) (key keys.VerifierPrivateKey, why watch.Words, err error) {
	env := p.Env
	switch {
	case o.noPhoto:
		return key, watch.Words{UK: "парольної фрази не питали (--no-keys)", EN: "no passphrase was asked (--no-keys)"}, nil
	case !info.HasKeys:
		return key, watch.Words{UK: "пристрій не підключено (posvid-verify enrol)", EN: "the device is not enrolled (posvid-verify enrol)"}, nil
	}
	skipped := watch.Words{UK: "парольну фразу не введено", EN: "no passphrase was given"}
	if env.PassphraseFile != "" || os.Getenv("POSVID_PASSPHRASE") != "" {
		phrase, err := env.Passphrase(false)
		if err != nil {
			return key, watch.Words{}, &cli.Undecided{Err: err}
		}
		if key, err = state.Keys(phrase); err != nil {
			return key, watch.Words{}, p.keysError(err)
		}
		return key, watch.Words{}, nil
	}
	for range 3 {
		phrase, err := env.Ask(env.T("Парольна фраза пристрою (порожня — без запитів і світлин): ", "The device's passphrase (empty: no challenges, no photos): "))
		if err != nil {
			return key, watch.Words{}, &cli.Undecided{Err: err}
		}
		if len(phrase) == 0 {
			return key, skipped, nil
		}
		key, err = state.Keys(phrase)
		clear(phrase)
		if err == nil {
			return key, watch.Words{}, nil
		}
		if !errors.Is(err, keys.ErrPassphrase) {
			return key, watch.Words{}, p.keysError(err)
		}
		env.Say("парольна фраза не підходить", "the passphrase is wrong")
	}
	return key, watch.Words{}, p.keysError(keys.ErrPassphrase)
}

// health says what stands in the way of confirming anything, by the checks that no code has a part in.
func (p *Program) health(state *checkpoint.State, at time.Time) watch.Health {
	h := watch.Health{Demo: p.demo(state)}
	info, err := state.Info(at)
	if err != nil {
		h.Code = verifier.StateDamaged
		return h
	}
	h.Name = info.Name
	if b := info.Bundle; b != nil {
		h.Bundle, h.Issued, h.Expires = b.Number(), b.IssuedAt(), b.ExpiresAt()
		h.Limit = b.Policy().For(info.Class).StatusAge
	}
	if packs, err := state.PhotoPacks(); err == nil {
		for _, pack := range packs {
			if pack.Err == nil && (h.Photos.IsZero() || pack.IssuedAt.Before(h.Photos)) {
				h.Photos = pack.IssuedAt
			}
		}
	}
	probe := state.Verify(verifier.Input{At: at, Unread: true}, checkpoint.Gate{})
	for _, check := range [...]int{verifier.CheckRoot, verifier.CheckBundle, verifier.CheckClock} {
		if c := probe.Checks[check]; c.Result == verifier.Fail {
			h.Code = c.Code
			h.Args = locale.Args{At: h.Expires, Shift: at.Sub(h.Expires)}
			if check == verifier.CheckClock {
				floor := info.Floor
				if h.Issued.After(floor) {
					floor = h.Issued
				}
				h.Args = locale.Args{At: floor, Shift: floor.Sub(at)}
			}
			return h
		}
	}
	if info.RecordsErr != nil || probe.Code == verifier.StateDamaged {
		h.Code = verifier.StateDamaged
	}
	return h
}

// attachPhotos lets the screen show portraits from the packs that are installed, now or later.
func (p *Program) attachPhotos(d *watch.Device, state *checkpoint.State, key keys.VerifierPrivateKey) {
	d.Photo = func(hash [20]byte) ([]byte, time.Time, error) {
		data, made, err := state.DatedPhoto(hash, key, p.Env.Now())
		return data, made, photoWords(err)
	}
}

// photoWords tells a guard why there is no picture.
func photoWords(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, checkpoint.ErrNoPhoto):
		return watch.Words{UK: "її немає в пакетах цього пристрою", EN: "it is not in this device's packs"}
	case errors.Is(err, checkpoint.ErrPhotoHash):
		return watch.Words{UK: "ЗОБРАЖЕННЯ ПІДМІНЕНО: хеш не той, що в посвідченні", EN: "THE PICTURE WAS REPLACED: its hash is not that of the ID"}
	case errors.Is(err, checkpoint.ErrPhotosOld):
		return watch.Words{UK: "пакет світлин застарів, встановіть свіжий", EN: "the photo pack is too old, install a fresh one"}
	case errors.Is(err, checkpoint.ErrPhotosOther):
		return watch.Words{UK: "пакет світлин не для цього пристрою", EN: "the photo pack is not for this device"}
	}
	return watch.Words{UK: "пакет світлин не читається", EN: "the photo pack cannot be read"}
}

// maxUnsigned is how many verdicts in one minute that no holder's signature stands behind are written to the journal. Anybody
// can make ever new codes that say nothing; all day long they may fill two thirds of a day's journal and no more.
const maxUnsigned = 20

// journal keeps what the screen decided, from the moment on that this device has a journal: a bundle that admits it, or a
// setting, may come while the screen runs.
type journal struct {
	state *checkpoint.State

	mu      sync.Mutex
	open    *checkpoint.Journal
	minute  int64 // since 1970, of the verdicts that are counted
	written int   // in that minute without a signature
	dropped int   // since the start
}

// ready opens the journal when it is not open.
func (j *journal) ready(at time.Time) (*checkpoint.Journal, error) {
	if j.open == nil {
		open, err := j.state.OpenJournal(at)
		if err != nil {
			return nil, err
		}
		j.open = open
	}
	return j.open, nil
}

// why tells for what reason there is no journal; nothing when it is kept.
func (j *journal) why(at time.Time) watch.Words {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.open = nil // it may have been switched off since
	_, err := j.ready(at)
	if err == nil {
		return watch.Words{}
	}
	var why watch.Words
	errors.As(journalWords(err), &why)
	return watch.Words{UK: "не ведеться: " + why.UK, EN: "not kept: " + why.EN}
}

// keep writes a verdict. That this device has no journal is no error: the screen says so while nobody stands there.
func (j *journal) keep(e watch.Event) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	open, err := j.ready(e.At)
	if err == nil && j.tooMany(e) {
		j.dropped++
		return watch.Words{UK: fmt.Sprintf("забагато кодів без підпису, пропущено %d", j.dropped), EN: fmt.Sprintf("too many codes without a signature, %d left out", j.dropped)}
	}
	if err == nil {
		err = open.Append(journalEvent(e))
	}
	switch {
	case errors.Is(err, checkpoint.ErrJournalOff), errors.Is(err, checkpoint.ErrNotEnrolled), errors.Is(err, checkpoint.ErrNoPin), errors.Is(err, checkpoint.ErrNoBundle):
		j.open = nil
		return nil
	}
	return journalWords(err)
}

// tooMany counts a verdict that no holder's signature stands behind, and tells whether its minute has had enough of them. A card
// is laid on a reader by hand.
func (j *journal) tooMany(e watch.Event) bool {
	if e.Card || e.Verdict != nil && e.Verdict.Checks[verifier.CheckHolderSignature].Result == verifier.Pass {
		return false
	}
	if minute := e.At.Unix() / 60; minute != j.minute {
		j.minute, j.written = minute, 0
	}
	j.written++
	return j.written > maxUnsigned
}

// journalEvent is what the journal takes of the screen's event.
func journalEvent(e watch.Event) checkpoint.Event {
	from := checkpoint.SourceCamera
	switch {
	case e.Card:
		from = checkpoint.SourceCard
	case e.Source == watch.Hand:
		from = checkpoint.SourceScanner
	}
	return checkpoint.Event{At: e.At, Guard: e.Guard, Source: from, Verdict: e.Verdict, Shift: locale.Kyiv(e.Shift).Format("2006-01-02 15:04")}
}

// journalWords tells a guard why nothing is written.
func journalWords(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, checkpoint.ErrJournalOff):
		return watch.Words{UK: "вимкнено (0 діб)", EN: "switched off (0 days)"}
	case errors.Is(err, checkpoint.ErrNotEnrolled):
		return watch.Words{UK: "пристрій не допущено", EN: "the device is not admitted"}
	case errors.Is(err, checkpoint.ErrNoPin), errors.Is(err, checkpoint.ErrNoBundle):
		return watch.Words{UK: "немає набору довіри", EN: "no trust bundle"}
	case errors.Is(err, checkpoint.ErrJournalFull):
		return watch.Words{UK: "журнал цієї доби повний", EN: "this day's journal is full"}
	case errors.Is(err, checkpoint.ErrDisk):
		return watch.Words{UK: "диск не пише", EN: "the disk does not write"}
	}
	return watch.Words{UK: "журнал пошкоджено", EN: "the journal is damaged"}
}
