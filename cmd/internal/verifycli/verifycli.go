// Package verifycli holds the commands of a checkpoint. posvid-verify has them at its root, posvid below `verify`.
//
// Nothing here may link private keys of issuers, a database or a network: posvid-verify's closure is tested.
package verifycli

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/posvid/posvid/checkpoint"
	"github.com/posvid/posvid/cmd/internal/cli"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/locale"
	"github.com/posvid/posvid/nfc/pcsc"
	"github.com/posvid/posvid/qr"
	"github.com/posvid/posvid/trust"
	"github.com/posvid/posvid/verifier"
)

// DemoRoot is the fingerprint of the root whose private keys are public: the demo's and the test vectors'. Under it, and
// under no other, --test lets a time given by hand decide the exit code.
const DemoRoot = "4N42 I2KH VKGR GPO6 E7YS YSYC LRFS XFTH BTFR SILJ EMKA KSSU SFXQ"

// Program is the commands' environment.
type Program struct {
	Env   *cli.Env
	State func() string // where the verifier keeps its state

	Cards func(pcsc.Options) CardReader // what reads cards; nil is PC/SC
}

// DefaultState is where posvid-verify keeps its state: $XDG_STATE_HOME/posvid-verify, else ~/.local/state/posvid-verify.
func DefaultState() string {
	base := os.Getenv("XDG_STATE_HOME")
	if base == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "posvid-verify-state"
		}
		base = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(base, "posvid-verify")
}

// Run is the whole of posvid-verify: it executes a command line and gives the exit code.
func Run(env *cli.Env, args []string) int {
	env.ChooseLang(args)
	return env.Run(Root(env), args)
}

// Root is the tree of posvid-verify's commands, in the language of env.
func Root(env *cli.Env) *cobra.Command {
	var state string
	root := &cobra.Command{
		Use:   "posvid-verify",
		Short: "перевірка електронних службових посвідчень без мережі",
		Long: env.T("Перевіряє електронні службові посвідчення без мережі. Вихід: 0 чинне, 1 відхилено, 2 помилка виклику, 3 не підтверджено.",
			"Verifies electronic service IDs with no network. Exit: 0 valid, 1 refused, 2 usage, 3 not confirmed."),
	}
	env.AddFlags(root)
	root.PersistentFlags().StringVar(&state, "state", "", "тека стану, інакше $XDG_STATE_HOME/posvid-verify / state folder (default $XDG_STATE_HOME/posvid-verify)")
	root.PersistentFlags().StringVar(&env.PassphraseFile, "passphrase-file", "", "файл із парольною фразою / file with the passphrase")
	program := &Program{Env: env, State: func() string {
		if state == "" {
			return DefaultState()
		}
		return state
	}}
	root.AddCommand(program.Commands()...)
	return root
}

// Commands are the checkpoint's commands.
func (p *Program) Commands() []*cobra.Command {
	commands := []*cobra.Command{p.qr(), p.challenge(), p.bundle(), p.trust(), p.enrol(), p.doctor(), p.watch(), p.photos(), p.journal(), p.policy(), p.card()}
	for _, c := range commands {
		decideNothing(c)
	}
	return commands
}

// decideNothing makes every failure of a command one that decides nothing: at a checkpoint exit code 1 means that a person
// was refused, which a missing file or a mistyped passphrase never says.
func decideNothing(c *cobra.Command) {
	if inner := c.RunE; inner != nil {
		c.RunE = func(c *cobra.Command, args []string) error {
			if err := inner(c, args); err != nil {
				return &cli.Undecided{Err: err}
			}
			return nil
		}
	}
	for _, sub := range c.Commands() {
		decideNothing(sub)
	}
}

func (p *Program) open() (*checkpoint.State, error) {
	state, err := checkpoint.Open(p.State())
	if err != nil {
		return nil, &cli.Undecided{Err: err}
	}
	return state, nil
}

// unlock opens the state and the keys of this device, with their passphrase.
func (p *Program) unlock() (*checkpoint.State, keys.VerifierPrivateKey, error) {
	state, err := p.open()
	if err != nil {
		return nil, keys.VerifierPrivateKey{}, err
	}
	passphrase, err := p.Env.Passphrase(false)
	if err != nil {
		return nil, keys.VerifierPrivateKey{}, err
	}
	key, err := state.Keys(passphrase)
	if err != nil {
		return nil, keys.VerifierPrivateKey{}, p.keysError(err)
	}
	return state, key, nil
}

// qrOptions are the flags of one check.
type qrOptions struct {
	text, bundle, at, photo, camera string
	test, gate, json, explain       bool
	level                           int
	timeout                         time.Duration
}

func (p *Program) qr() *cobra.Command {
	var o qrOptions
	env := p.Env
	command := &cobra.Command{
		Use:   "qr FILE… | --camera DEVICE | --text TEXT | -",
		Short: "перевірити код з картинки, PDF, камери, тексту або stdin / verify a code",
		Long: env.T(`Перевіряє код службового посвідчення без мережі: з файлів PNG, JPEG, WebP, GIF і PDF, з камери, з тексту ручного сканера або зі stdin.
Якщо поруч із посвідченням є інші коди, їх названо, але вихід визначає посвідчення.
Вихід: 0 чинне, 1 відхилено, 2 помилка виклику, 3 не підтверджено; з кількох входів — найгірший (1, тоді 3, тоді 0).`,
			`Verifies a service ID code with no network: PNG, JPEG, WebP, GIF and PDF files, a camera, a hand scanner's text, or stdin.
Other codes beside a service ID are named; the exit is that of the service ID.
Exit: 0 valid, 1 refused, 2 usage, 3 not confirmed; of several inputs the worst (1, then 3, then 0).`),
		RunE: func(c *cobra.Command, args []string) error {
			if c.Flags().Changed("timeout") && o.camera == "" {
				return cli.Usagef("%s", env.T("--timeout буває лише разом із --camera", "--timeout goes with --camera only"))
			}
			code, err := p.check(o, c.Flags().Changed("text"), args)
			if err != nil {
				return err
			}
			if code != cli.ExitAccept {
				return &cli.Exit{Code: code}
			}
			return nil
		},
	}
	flags := command.Flags()
	flags.StringVar(&o.text, "text", "", "текст коду, як його друкує ручний сканер / the text of a code")
	flags.StringVar(&o.camera, "camera", "", "пристрій камери, як /dev/video0: зчитати код, який їй покажуть / a camera device: read the code it is shown")
	flags.DurationVar(&o.timeout, "timeout", 30*time.Second, "скільки чекати на код перед камерою / how long to wait for a code")
	flags.BoolVar(&o.explain, "explain", false, "якщо код не читається, сказати чому / say why nothing was read")
	flags.StringVar(&o.bundle, "bundle", "", "набір довіри для цієї перевірки, без встановлення / a bundle for this run")
	flags.StringVar(&o.at, "at", "", "пробна перевірка на час RFC 3339; вихід 3 / a simulated time; exit 3")
	flags.BoolVar(&o.test, "test", false, "з --at під демонстраційним коренем: вихід за вердиктом / with --at under the demo root: exit as the verdict says")
	flags.BoolVar(&o.gate, "gate", false, "запам'ятати показані коди, як із камери / remember shown codes, as from a camera")
	flags.IntVar(&o.level, "level", 0, "найменший рівень 1–4; лише підвищує правила / the least level; may only raise the policy")
	flags.StringVar(&o.photo, "photo-confirmed", "", "вартовий звірив обличчя: файл світлини або plastic / the guard compared the face: a photo file, or plastic")
	flags.BoolVar(&o.json, "json", false, "вердикт у JSON, один об'єкт на рядок / the verdict as JSON, one object a line")
	return command
}

// check judges every input and gives the worst exit code.
func (p *Program) check(o qrOptions, hasText bool, args []string) (int, error) {
	env := p.Env
	inputs := 0
	for _, given := range []bool{hasText, len(args) > 0, o.camera != ""} {
		if given {
			inputs++
		}
	}
	if inputs != 1 {
		return 0, cli.Usagef("%s", env.T("потрібне щось одне: файли, --camera, --text або -", "give one of: files, --camera, --text, or -"))
	}
	if o.timeout <= 0 {
		return 0, cli.Usagef("%s", env.T("--timeout: очікується тривалість, як 30s", "--timeout: want a duration such as 30s"))
	}
	o.gate = o.gate || o.camera != ""
	if o.at != "" && o.gate && !o.test {
		return 0, cli.Usagef("%s", env.T("--gate запам'ятовує справжній час, а --at пробний", "--gate remembers real times, --at is a simulated one"))
	}
	state, in, err := p.prepare(o)
	if err != nil {
		return 0, err
	}
	var readings []reading
	switch {
	case hasText:
		readings = []reading{typed("--text", o.text)}
	case o.camera != "":
		readings = p.readCamera(o.camera, o.timeout, o.explain)
	default:
		for _, name := range args {
			readings = append(readings, p.read(name, o.explain)...)
		}
	}
	worst := cli.ExitAccept
	counted := 0
	for _, r := range readings {
		if !r.beside {
			counted++
		}
	}
	for _, r := range readings {
		if !in.Simulated {
			in.At = env.Now() // reading may have waited for a person: the start of the program is no time to judge by
		}
		code := p.judge(state, in, o, r, counted > 1)
		if !r.beside {
			worst = worse(worst, code)
		}
	}
	return worst, nil
}

// prepare opens the state and turns the flags that every check has into its input.
func (p *Program) prepare(o qrOptions) (*checkpoint.State, verifier.Input, error) {
	env := p.Env
	in := verifier.Input{MinLevel: verifier.Level(o.level), Lang: env.Lang}
	if o.level < 0 || o.level > 4 {
		return nil, in, cli.Usagef("%s", env.T("--level: від 0 до 4", "--level: from 0 to 4"))
	}
	if o.test && o.at == "" {
		return nil, in, cli.Usagef("%s", env.T("--test буває лише разом із --at", "--test goes with --at only"))
	}
	if o.at != "" {
		at, err := time.Parse(time.RFC3339, o.at)
		if err != nil {
			return nil, in, cli.Usagef("%s", env.T("--at: очікується час RFC 3339, як 2026-11-22T09:00:00Z", "--at: want an RFC 3339 time such as 2026-11-22T09:00:00Z"))
		}
		in.At, in.Simulated = at, true
	}
	var err error
	if in.Photo, err = p.photo(o.photo); err != nil {
		return nil, in, err
	}
	state, err := p.open()
	if err != nil {
		return nil, in, err
	}
	if o.test {
		if pinned, err := state.Pinned(); err == nil && pinned.String() != DemoRoot {
			return nil, in, cli.Usagef("%s", env.T("--test діє лише під демонстраційним коренем, а тут закріплено інший", "--test works under the demo root only, and another one is pinned here"))
		}
	}
	if o.bundle != "" {
		data, err := env.ReadFile(o.bundle, trust.MaxBundle)
		if err != nil {
			return nil, in, &cli.Undecided{Err: err}
		}
		if in.Bundle, err = state.Use(data); err != nil {
			in.Bundle, in.BundleErr = nil, err
		}
	}
	return state, in, nil
}

// worse orders exit codes: refuse, cannot confirm, accept.
func worse(a, b int) int {
	for _, code := range []int{cli.ExitRefuse, cli.ExitCannotConfirm} {
		if a == code || b == code {
			return code
		}
	}
	return cli.ExitAccept
}

// photo is what --photo-confirmed says the guard compared.
func (p *Program) photo(value string) (verifier.Photo, error) {
	switch value {
	case "":
		return verifier.Photo{}, nil
	case "plastic":
		return verifier.Photo{Kind: verifier.PhotoPlastic}, nil
	}
	data, err := p.Env.ReadFile(value, 1<<20)
	if err != nil {
		return verifier.Photo{}, err
	}
	sum := sha256.Sum256(data)
	return verifier.Photo{Kind: verifier.PhotoMatched, Hash: [20]byte(sum[:20])}, nil
}

// judge prints the verdict of one reading and gives its exit code.
func (p *Program) judge(state *checkpoint.State, in verifier.Input, o qrOptions, r reading, several bool) int {
	env := p.Env
	in.Text, in.Unread = r.text, r.err != nil
	p.tellReading(r) // that nothing could be read says nothing about the person
	v := state.Verify(in, checkpoint.Gate{Record: o.gate})
	if r.beside && !o.json {
		headline, _, _ := v.Text(env.Lang)
		env.Print("%s: поруч інший код, його не враховано. %s", "%s: another code beside it, not counted. %s", r.source, headline)
		return ExitOf(&v, o.test)
	}
	if several && !o.json {
		fmt.Fprintf(env.Stdout, "%s\n", r.source)
	}
	return p.tellVerdict(state, &v, o)
}

// tellVerdict prints a verdict, for a person or as JSON, and gives its exit code.
func (p *Program) tellVerdict(state *checkpoint.State, v *verifier.Verdict, o qrOptions) int {
	env := p.Env
	if o.json {
		line, err := json.Marshal(v)
		if err != nil {
			fmt.Fprintf(env.Stderr, "%s: %v\n", env.Program, err)
			return cli.ExitCannotConfirm
		}
		fmt.Fprintf(env.Stdout, "%s\n", line)
	} else {
		PrintVerdict(env, v, p.demo(state))
	}
	if detail := v.InternalDetail(); detail != "" {
		fmt.Fprintf(env.Stderr, "%s: internal: %s\n", env.Program, detail)
	}
	return ExitOf(v, o.test)
}

// demo tells whether the pinned root is the one whose keys everybody has.
func (p *Program) demo(state *checkpoint.State) bool {
	pinned, err := state.Pinned()
	return err == nil && pinned.String() == DemoRoot
}

// ExitOf is the exit code of a verdict. A time given by hand confirms nothing unless test says that nothing is at stake.
func ExitOf(v *verifier.Verdict, test bool) int {
	if v.Simulated && !test {
		return cli.ExitCannotConfirm
	}
	switch {
	case v.Outcome == verifier.Accept && v.Code == verifier.OK:
		return cli.ExitAccept
	case v.Outcome == verifier.CannotConfirm:
		return cli.ExitCannotConfirm
	}
	return cli.ExitRefuse
}

// marks are the shapes that stand beside the word, for those who do not see the colour.
var marks = map[verifier.Outcome]struct{ mark, colour string }{
	verifier.Accept:        {"✔", "\x1b[1;37;42m"},
	verifier.Refuse:        {"✘", "\x1b[1;37;41m"},
	verifier.CannotConfirm: {"?", "\x1b[1;30;43m"},
}

// PrintVerdict writes a verdict for a guard: the one big word first, then who, then why and what to do.
func PrintVerdict(env *cli.Env, v *verifier.Verdict, demo bool) {
	outcome := v.Outcome
	if outcome == verifier.Accept && v.Code != verifier.OK {
		outcome = verifier.Refuse
	}
	m := marks[outcome]
	word := fmt.Sprintf(" %s %s ", m.mark, v.Word(env.Lang))
	if env.Colour() {
		word = m.colour + word + "\x1b[0m"
	}
	fmt.Fprintln(env.Stdout, word)
	headline, cause, next := v.Text(env.Lang)
	field := func(key, value string) {
		if value != "" {
			fmt.Fprintf(env.Stdout, "  %s: %s\n", locale.Label(env.Lang, key), value)
		}
	}
	fmt.Fprintf(env.Stdout, "  %s. %s\n", headline, cause)
	if h := v.Holder; h != nil {
		field("name", h.Name)
		if h.Name == "" {
			fmt.Fprintf(env.Stdout, "  %s\n", locale.Label(env.Lang, "card-no-name"))
		}
		field("position", pick(env, h.Position, h.PositionEN))
		field("unit", pick(env, h.Unit, h.UnitEN))
		if h.Rank > 0 {
			field("rank", fmt.Sprint(h.Rank))
		}
		field("category", h.Category)
		field(numberLabel(v), h.Number)
	}
	if i := v.Issuer; i != nil {
		field("issuer", strings.TrimSpace(pick(env, i.Name, i.NameEN)+" "+i.EDRPOU))
		if outcome != verifier.Accept {
			field("duty-phone", i.DutyPhone)
		}
	}
	switch {
	case v.Card != nil && (v.Holder != nil || v.Issuer != nil):
		fmt.Fprintf(env.Stdout, "  %s\n", locale.CardLevelName(env.Lang, int(v.Level)))
	case v.Holder != nil:
		fmt.Fprintf(env.Stdout, "  %s\n", locale.LevelName(env.Lang, int(v.Level)))
	}
	if !v.StatusAsOf.IsZero() {
		field("status-as-of", locale.Moment(env.Lang, v.StatusAsOf))
	}
	if outcome != verifier.Accept {
		field("next-step", next)
	} else {
		fmt.Fprintf(env.Stdout, "  %s\n", next)
	}
	if v.Simulated {
		fmt.Fprintf(env.Stdout, "  %s\n", locale.Label(env.Lang, "simulated"))
	}
	if demo {
		env.Print("  демонстраційний корінь: ключі відомі всім, нікого так не пропускайте", "  demo root: everybody has its keys, let nobody in by this")
	}
}

// pick gives the text of the reader's language, the Ukrainian one where there is no other.
func pick(env *cli.Env, uk, en string) string {
	if env.Lang == "en" && en != "" {
		return en
	}
	return uk
}

func (p *Program) challenge() *cobra.Command {
	var png string
	env := p.Env
	command := &cobra.Command{
		Use: "challenge", Args: cobra.NoArgs,
		Short: "запит перевіряльника: QR, на який відповідає гаманець / a challenge for a wallet",
		RunE: func(*cobra.Command, []string) error {
			state, signer, err := p.unlock()
			if err != nil {
				return err
			}
			text, c, err := state.NewChallenge(signer, env.Now())
			if err != nil {
				return p.stateError(err)
			}
			if err := p.showSymbol(text, png); err != nil {
				return err
			}
			env.Say("діє до %s", "until %s", c.Expires.UTC().Format(time.RFC3339))
			return nil
		},
	}
	command.Flags().StringVar(&png, "png", "", "записати PNG замість показу / write a PNG")
	return command
}

// showSymbol draws a code: a PNG file, half blocks on a terminal, the bare text in a pipe.
func (p *Program) showSymbol(text, png string) error {
	return ShowSymbol(p.Env, text, png)
}

// ShowSymbol draws a code: a PNG file when it is named, half blocks on a terminal, the bare text in a pipe.
func ShowSymbol(env *cli.Env, text, png string) error {
	if png == "" && env.Columns() == 0 {
		_, err := fmt.Fprintln(env.Stdout, text)
		return err
	}
	symbol, err := qr.Encode(text)
	if err != nil {
		return err
	}
	if png != "" {
		var buffer strings.Builder
		if err := symbol.PNG(&buffer, qr.PNGOptions{}); err != nil {
			return err
		}
		return env.WriteFile(png, []byte(buffer.String()), 0o600)
	}
	err = symbol.Terminal(env.Stdout, qr.TerminalOptions{Columns: env.Columns(), Colour: env.Colour()})
	var narrow *qr.TooNarrowError
	if errors.As(err, &narrow) {
		return cli.Hint(env.Err("термінал завузький: потрібно %d колонок, є %d", "the terminal is too narrow: %d columns needed, %d there", narrow.Need, narrow.Have),
			env.T("розширте вікно, зменште шрифт або запишіть --png", "widen the window, use a smaller font, or write --png"))
	}
	return err
}

// keysError tells what to do without keys or with a wrong passphrase.
func (p *Program) keysError(err error) error {
	env := p.Env
	switch {
	case errors.Is(err, keys.ErrPassphrase):
		return cli.Hint(env.Err("парольна фраза не підходить", "the passphrase is wrong"), env.T("--passphrase-file або $POSVID_PASSPHRASE", "--passphrase-file or $POSVID_PASSPHRASE"))
	case errors.Is(err, checkpoint.ErrKeys):
		return cli.Hint(err, env.T("зробіть ключі й запит: posvid-verify enrol", "make keys and a request: posvid-verify enrol"))
	}
	return p.stateError(err)
}

// stateError makes a fault of the state one that decides nothing.
func (p *Program) stateError(err error) error {
	env := p.Env
	hint := ""
	switch {
	case errors.Is(err, checkpoint.ErrNoPin):
		hint = env.T("введіть відбиток кореневого ключа: posvid-verify trust pin ВІДБИТОК", "pin the root: posvid-verify trust pin FINGERPRINT")
	case errors.Is(err, checkpoint.ErrPinned):
		hint = env.T("інший кореневий ключ уже закріплено, його не замінюють; пристрій іншого технічного адміністратора починає з порожньої --state", "another root is pinned already and a pin is never replaced; a device of another operator starts with an empty --state")
	case errors.Is(err, checkpoint.ErrNoBundle):
		hint = env.T("встановіть набір довіри: posvid-verify bundle install ФАЙЛ", "install a bundle: posvid-verify bundle install FILE")
	case errors.Is(err, checkpoint.ErrNotEnrolled):
		hint = env.T("передайте запит технічному адміністратору і встановіть наступний набір довіри", "give the request to the trust operator and install the next bundle")
	case errors.Is(err, checkpoint.ErrDisk):
		hint = env.T("звільніть місце на диску й повторіть; попередній стан цілий", "free disk space and repeat; the old state is intact")
	}
	return cli.Hint(&cli.Undecided{Err: err}, hint)
}

func (p *Program) bundle() *cobra.Command {
	env := p.Env
	root := &cobra.Command{Use: "bundle", Short: "набір довіри цього пристрою / this device's trust bundle"}
	var recover bool
	install := &cobra.Command{
		Use: "install FILE", Args: cobra.ExactArgs(1),
		Short: "встановити набір довіри з файла / install a bundle",
		RunE: func(_ *cobra.Command, args []string) error {
			state, err := p.open()
			if err != nil {
				return err
			}
			data, err := env.ReadFile(args[0], trust.MaxBundle)
			if err != nil {
				return &cli.Undecided{Err: err}
			}
			install := state.Install
			if recover {
				install = state.Recover
			}
			report, err := install(data, env.Now())
			if err != nil {
				return p.stateError(err)
			}
			switch {
			case !report.Changed:
				env.Print("набір довіри %d уже встановлено", "trust bundle %d is installed already", report.Number)
			default:
				env.Print("встановлено набір довіри %d (був %d)", "trust bundle %d installed (was %d)", report.Number, report.Previous)
			}
			if report.Expired {
				env.Say("його строк минув: він ще відхиляє, але нічого не підтверджує", "it has expired: it still refuses, and confirms nothing")
			}
			if report.Ahead {
				env.Say("його підписано пізніше, ніж показує годинник цього пристрою: перевірте дату й час", "it was signed later than this device's clock shows: check date and time")
			}
			return nil
		},
	}
	install.Flags().BoolVar(&recover, "recover", false, "пристрій втратив пам'ять: почати знову з цього набору / start anew after the memory was lost")
	show := &cobra.Command{
		Use: "show", Args: cobra.NoArgs,
		Short: "що встановлено / what is installed",
		RunE: func(*cobra.Command, []string) error {
			state, err := p.open()
			if err != nil {
				return err
			}
			b, err := state.Bundle()
			if err != nil {
				return p.stateError(err)
			}
			env.Print("набір довіри %d, корінь %d", "trust bundle %d, root %d", b.Number(), b.RootNumber())
			env.Print("підписано %s, діє до %s", "signed %s, until %s", locale.Moment(env.Lang, b.IssuedAt()), locale.Moment(env.Lang, b.ExpiresAt()))
			for _, body := range b.Bodies() {
				env.Print("орган %s %s", "body %s %s", body.EDRPOU, pick(env, body.Name, body.NameEN))
			}
			for _, list := range b.Lists() {
				env.Print("перелік статусів %s/%d", "status list %s/%d", list.Issuer, list.List)
			}
			return nil
		},
	}
	root.AddCommand(install, show)
	return root
}

func (p *Program) trust() *cobra.Command {
	env := p.Env
	root := &cobra.Command{Use: "trust", Short: "з чого починається довіра / where trust begins"}
	pin := &cobra.Command{
		Use: "pin FINGERPRINT", Args: cobra.MinimumNArgs(1),
		Short: "закріпити відбиток кореневого ключа / pin the root fingerprint",
		RunE: func(_ *cobra.Command, args []string) error {
			fingerprint, err := trust.ParseFingerprint(strings.Join(args, " "))
			if err != nil {
				return cli.Usagef("%s: %v", env.T("відбиток введено з помилкою", "the fingerprint is mistyped"), err)
			}
			state, err := p.open()
			if err != nil {
				return err
			}
			if err := state.Pin(fingerprint); err != nil {
				return p.stateError(err)
			}
			env.Print("закріплено %s", "pinned %s", fingerprint)
			if fingerprint.String() == DemoRoot {
				env.Say("це демонстраційний корінь: його ключі відомі всім", "this is the demo root: everybody has its keys")
			}
			return nil
		},
	}
	root.AddCommand(pin)
	return root
}

func (p *Program) enrol() *cobra.Command {
	var body, name, class, out string
	env := p.Env
	command := &cobra.Command{
		Use: "enrol", Args: cobra.NoArgs,
		Short: "зробити ключі цього пристрою й запит до технічного адміністратора / make this device's keys and a request",
		RunE: func(*cobra.Command, []string) error {
			if name == "" {
				return cli.Usagef("%s", env.T("--name: цю назву побачить пред'явник", "--name: the holder will see this name"))
			}
			var c trust.Class
			switch class {
			case "checkpoint":
				c = trust.ClassCheckpoint
			case "council":
				c = trust.ClassCouncil
			default:
				return cli.Usagef("--class: checkpoint, council")
			}
			state, err := p.open()
			if err != nil {
				return err
			}
			passphrase, err := env.Passphrase(true)
			if err != nil {
				return err
			}
			key, err := state.Keys(passphrase)
			if errors.Is(err, checkpoint.ErrKeys) && !errors.Is(err, keys.ErrPassphrase) {
				key, err = state.NewKeys(passphrase, env.Seal)
			}
			if err != nil {
				return p.keysError(err)
			}
			request, err := state.Request(key, body, name, c, env.Now())
			if err != nil {
				return p.stateError(err)
			}
			if err := env.WriteFile(out, request, 0o644); err != nil {
				return err
			}
			env.Say("запит %s передайте технічному адміністратору (posvid trust admit), тоді встановіть наступний набір довіри", "give %s to the trust operator (posvid trust admit), then install the next bundle", out)
			return nil
		},
	}
	command.Flags().StringVar(&body, "body", "", "ЄДРПОУ органу, чий це пункт пропуску / the checkpoint's body")
	command.Flags().StringVar(&name, "name", "", "назва, яку побачить пред'явник / the name that holders see")
	command.Flags().StringVar(&class, "class", "checkpoint", "checkpoint або council / checkpoint or council")
	command.Flags().StringVarP(&out, "out", "o", "verifier.request", "файл запиту / request file")
	return command
}

func (p *Program) doctor() *cobra.Command {
	env := p.Env
	return &cobra.Command{
		Use: "doctor", Args: cobra.NoArgs,
		Short: "що заважає цьому пристрою перевіряти / what keeps this device from confirming",
		RunE: func(c *cobra.Command, _ []string) error {
			faults := p.Diagnose(env.Stdout, env.Now())
			p.DiagnoseReaders(c.Context(), env.Stdout)
			if faults > 0 {
				return &cli.Exit{Code: cli.ExitCannotConfirm}
			}
			return nil
		},
	}
}

// Diagnose prints what is right and wrong with the device, each fault with its remedy, and counts the faults.
func (p *Program) Diagnose(w io.Writer, at time.Time) int {
	env := p.Env
	faults := 0
	good := func(uk, en string, args ...any) { fmt.Fprintln(w, "✔", env.T(uk, en, args...)) }
	bad := func(remedyUK, remedyEN, uk, en string, args ...any) {
		faults++
		fmt.Fprintln(w, "✘", env.T(uk, en, args...))
		fmt.Fprintln(w, "   →", env.T(remedyUK, remedyEN))
	}
	state, err := checkpoint.Open(p.State())
	if err != nil {
		bad("перевірте права на теку", "check the folder's rights", "тека стану %s: %v", "state folder %s: %v", p.State(), err)
		return faults
	}
	info, err := state.Info(at)
	if err != nil {
		bad("перевірте диск; пам'ять відновлює posvid-verify bundle install --recover ФАЙЛ", "check the disk; posvid-verify bundle install --recover FILE starts anew", "стан пошкоджено: %v", "the state is damaged: %v", err)
		return faults
	}
	if (info.Pinned == trust.Fingerprint{}) {
		bad("posvid-verify trust pin ВІДБИТОК", "posvid-verify trust pin FINGERPRINT", "кореневий ключ не закріплено", "no root is pinned")
	} else {
		good("кореневий ключ %s", "root %s", info.Pinned)
	}
	switch {
	case info.FloorErr != nil:
		bad("posvid-verify bundle install ФАЙЛ", "posvid-verify bundle install FILE", "нижню межу часу втрачено", "the clock floor is lost")
	case !info.Floor.IsZero() && at.Before(info.Floor.Add(-2*time.Minute)):
		bad("виставте дату й час", "set date and time", "годинник показує %s, а підписаний час уже %s", "the clock shows %s, a signed time is %s already", locale.Moment(env.Lang, at), locale.Moment(env.Lang, info.Floor))
	default:
		good("годинник %s", "clock %s", locale.Moment(env.Lang, at))
	}
	switch {
	case info.Bundle == nil:
		bad("posvid-verify bundle install ФАЙЛ", "posvid-verify bundle install FILE", "немає набору довіри: %v", "no trust bundle: %v", info.BundleErr)
	case !at.Before(info.Bundle.ExpiresAt()):
		bad("встановіть свіжий файл набору довіри", "install a fresh bundle", "набір довіри %d застарів %s", "trust bundle %d expired %s", info.Bundle.Number(), locale.Moment(env.Lang, info.Bundle.ExpiresAt()))
	case at.Sub(info.Bundle.IssuedAt()) > info.Bundle.Policy().For(info.Class).StatusAge:
		bad("встановіть свіжий файл набору довіри: posvid-verify bundle install ФАЙЛ", "install a fresh bundle: posvid-verify bundle install FILE",
			"набору довіри %d уже %s, а правила дозволяють %s: нічого не підтвердиться", "trust bundle %d is %s old, and the policy allows %s: nothing will be confirmed",
			info.Bundle.Number(), locale.Duration(env.Lang, at.Sub(info.Bundle.IssuedAt()).Truncate(time.Minute)), locale.Duration(env.Lang, info.Bundle.Policy().For(info.Class).StatusAge))
	default:
		good("набір довіри %d, вік %s", "trust bundle %d, age %s", info.Bundle.Number(), locale.Duration(env.Lang, at.Sub(info.Bundle.IssuedAt()).Truncate(time.Minute)))
		limit := info.Bundle.Policy().For(info.Class).StatusAge
		if until := info.Bundle.IssuedAt().Add(limit); at.Sub(info.Bundle.IssuedAt()) > limit*3/4 {
			fmt.Fprintln(w, mend, env.T("скоро застаріє: встановіть свіжий файл до %s", "will soon be too old: install a fresh file by %s", locale.Moment(env.Lang, until)))
		}
	}
	switch policy, err := state.Policy(at); {
	case err != nil:
		bad("posvid-verify policy install ФАЙЛ", "posvid-verify policy install FILE", "правила цього пункту втрачено: %v", "the policy of this checkpoint is lost: %v", err)
	case policy != nil:
		words := policyWords(policy)
		good("правила пункту %s", "policy of this checkpoint %s", words.In(env.Lang))
		if policy.Expired {
			fmt.Fprintln(w, mend, env.T("строк правил минув %s: їх виконують далі; попросіть нові", "the policy expired %s: it is obeyed on; ask for a new one", locale.Moment(env.Lang, policy.ValidUntil)))
		}
		if limit := policy.StatusAge; limit > 0 && info.Bundle != nil && at.Sub(info.Bundle.IssuedAt()) > limit {
			bad("встановіть свіжий файл набору довіри: posvid-verify bundle install ФАЙЛ", "install a fresh bundle: posvid-verify bundle install FILE",
				"набір довіри старший за %s, що їх дозволяють правила пункту: нічого не підтвердиться", "the bundle is older than the %s that the policy of this checkpoint allows: nothing will be confirmed", locale.Duration(env.Lang, limit))
		}
	}
	if info.RecordsErr != nil {
		bad("posvid-verify bundle install --recover ФАЙЛ", "posvid-verify bundle install --recover FILE", "пам'ять кодів і запитів пошкоджено: %v", "the memory of codes and challenges is damaged: %v", info.RecordsErr)
	}
	switch {
	case info.IdentityErr != nil:
		bad("posvid-verify enrol відновить запис із ключів", "posvid-verify enrol mends it from the keys", "запис про ключі пошкоджено: %v", "the record of the keys is damaged: %v", info.IdentityErr)
	case info.VerifierID != 0:
		good("допущено як %d «%s» до %s", "admitted as %d \"%s\" until %s", info.VerifierID, info.Name, locale.Date(info.ValidUntil))
	case info.HasKeys:
		good("ключі є, допуску ще немає: запити неможливі, перевірка працює", "keys are there, not admitted yet: no challenges, verification works")
	default:
		good("пристрій не підключено: запити неможливі, перевірка працює", "not enrolled: no challenges, verification works")
	}
	return faults
}
