package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/posvid/posvid/checkpoint"
	"github.com/posvid/posvid/cmd/internal/cli"
	"github.com/posvid/posvid/cmd/internal/verifycli"
	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/hr"
	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/qr"
	"github.com/posvid/posvid/testvectors/gen/demoroot"
	"github.com/posvid/posvid/testvectors/gen/hrdata"
	"github.com/posvid/posvid/trust"
	"github.com/posvid/posvid/verifier"
	"github.com/posvid/posvid/wallet"
)

// demoMarker is the file that lets a later demo take the folder over; without it nothing is removed.
const demoMarker = ".posvid-demo"

// demoPassphrase seals everything in the demo's folder; it is written beside it.
const demoPassphrase = "demo"

// demoSeal keeps the demo quick: its passphrase is public anyway.
var demoSeal = keys.SealOptions{WorkFactor: 10}

func demoCommand(env *cli.Env) *cobra.Command {
	return &cobra.Command{
		Use: "demo [DIR]", Args: cobra.MaximumNArgs(1),
		Short: "уся справа за хвилину на вигаданих людях / the whole job on invented people",
		RunE: func(c *cobra.Command, args []string) error {
			dir := "posvid-demo"
			if len(args) == 1 {
				dir = args[0]
			}
			d, err := newDemo(env, dir)
			if err != nil {
				return err
			}
			return d.run(c.Context())
		},
	}
}

// demo is one run. Its clock starts a quarter of an hour ago and is moved on by hand, so that everything it leaves behind is
// valid now.
type demo struct {
	*cli.Env
	show   *cli.Env // the caller's: what people see
	dir    string
	at     time.Time
	bodies map[string]*demoBody
	root   trust.Fingerprint
	cast   []*demoActor
}

// demoBody is one of the two issuing bodies.
type demoBody struct {
	*bodyFolder
	name    string
	staff   [2]string // files of the two snapshots
	photos  string
	holders map[int64]keys.HolderPrivateKey // entitlement → key of an invented phone
}

// demoActor is one of those whose wallet is left on the disk.
type demoActor struct {
	wallet, fullName, body, role string
	roleEN                       string
	entitlement                  int64
}

func newDemo(env *cli.Env, dir string) (*demo, error) {
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		if _, err := os.Stat(filepath.Join(dir, demoMarker)); err != nil {
			return nil, cli.Hint(env.Err("тека %s не порожня і не від попередньої проби", "%s is neither empty nor an earlier demo", dir),
				env.T("назвіть іншу: posvid demo ТЕКА", "name another one: posvid demo DIR"))
		}
		if err := os.RemoveAll(dir); err != nil {
			return nil, err
		}
	}
	for _, folder := range []string{"qr", "hr", "wallets"} {
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o700); err != nil {
			return nil, err
		}
	}
	if err := os.WriteFile(filepath.Join(dir, demoMarker), []byte("made by posvid demo\n"), 0o600); err != nil {
		return nil, err
	}
	d := &demo{show: env, dir: dir, at: env.Now().Add(-15 * time.Minute).UTC().Truncate(time.Second), bodies: map[string]*demoBody{}}
	d.Env = &cli.Env{Program: env.Program, Stdin: strings.NewReader(""), Stdout: env.Stdout, Stderr: env.Stderr, Lang: env.Lang, Dir: dir,
		Now: func() time.Time { return d.at }}
	d.SetPassphrase([]byte(demoPassphrase))
	return d, nil
}

// step moves the clock on and announces what comes.
func (d *demo) step(uk, en string, args ...any) {
	d.at = d.at.Add(5 * time.Second)
	fmt.Fprintf(d.Stdout, "\n▸ %s\n", d.T(uk, en, args...))
}

// say writes one line below a step.
func (d *demo) say(uk, en string, args ...any) { fmt.Fprintf(d.Stdout, "  %s\n", d.T(uk, en, args...)) }

func (d *demo) run(ctx context.Context) error {
	began := d.show.Now()
	for _, part := range []func(context.Context) error{d.trustOperator, d.makeBodies, d.loadStaff, d.enrol, d.issueAll, d.checkpoint, d.secondSnapshot, d.faces} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	if err := d.ending(); err != nil {
		return err
	}
	d.show.Say("проба тривала %.1f с", "the demo took %.1f s", d.show.Now().Sub(began).Seconds())
	return nil
}

// trustOperator makes the operator's folder from the public demo root.
func (d *demo) trustOperator(context.Context) error {
	d.step("Технічний адміністратор: кореневі ключі 2 з 3, кожен P-256 і ML-DSA-65", "Trust operator: root keys 2 of 3, each P-256 and ML-DSA-65")
	object, members, bundle, err := demoroot.Root()
	if err != nil {
		return err
	}
	operator := operatorFolderOf(d.Env)
	if err := operator.adopt(object, members, bundle, demoSeal); err != nil {
		return err
	}
	register, err := operator.register()
	if err != nil {
		return err
	}
	d.root = register.RootFingerprint()
	d.say("відбиток кореневого ключа: %s", "root fingerprint: %s", d.root)
	return os.WriteFile(filepath.Join(d.dir, "passphrase.txt"), []byte(demoPassphrase+"\n"), 0o600)
}

// makeBodies makes a ministry and a council, admits their keys and installs the first bundle in both.
func (d *demo) makeBodies(ctx context.Context) error {
	d.step("Два органи: міністерство і міська рада; ключі допущено, перший набір довіри", "Two bodies: a ministry and a city council; keys admitted, the first bundle")
	wanted := []newBody{
		{edrpou: hrdata.MinistryEDRPOU, name: hrdata.MinistryName, nameEN: hrdata.MinistryNameEN, phone: "+380 44 000 00 01"},
		{edrpou: hrdata.CouncilEDRPOU, name: hrdata.CouncilName, nameEN: hrdata.CouncilNameEN, phone: "+380 44 000 00 02"},
	}
	operator := operatorFolderOf(d.Env)
	for _, b := range wanted {
		b.seal = demoSeal
		b.operators = [2]newOperator{{name: "Коваль Ганна Петрівна", staff: "К-1"}, {name: "Мороз Іван Якович", staff: "К-2"}}
		made, err := b.create(ctx, d.Env, d.at)
		if err != nil {
			return err
		}
		request, err := os.ReadFile(made.request)
		if err != nil {
			return err
		}
		err = operator.update(func(r *trust.Register) error {
			line, err := operator.admit(r, request, trust.Grant{}, trust.VerifierGrant{}, d.at)
			if err == nil {
				d.say("%s", "%s", line)
			}
			return err
		})
		if err != nil {
			return err
		}
		d.bodies[b.edrpou] = &demoBody{bodyFolder: &bodyFolder{d.Env, b.edrpou, d.Path("bodies", b.edrpou)}, name: b.name,
			photos: filepath.Join(d.dir, "hr", "photos-"+b.edrpou), holders: map[int64]keys.HolderPrivateKey{}}
	}
	return d.newBundle()
}

// newBundle carries what the bodies published and installs the result everywhere.
func (d *demo) newBundle() error {
	var publications [][]byte
	for _, b := range d.inOrder() {
		if data, err := os.ReadFile(b.file("publication.sidp")); err == nil {
			publications = append(publications, data)
		}
	}
	data, number, err := operatorFolderOf(d.Env).bundle(publications, d.at)
	if err != nil {
		return err
	}
	if err := cli.WriteAtomic(filepath.Join(d.dir, "bundle.sidb"), data, 0o644); err != nil {
		return err
	}
	for _, b := range d.inOrder() {
		if _, err := b.installBundle(data, d.root.String(), d.at); err != nil {
			return err
		}
	}
	d.say("набір довіри %d: %d байтів, один файл, уміщується на USB", "trust bundle %d: %d bytes, one file for a USB stick", number, len(data))
	return nil
}

// inOrder gives the bodies in a fixed order.
func (d *demo) inOrder() []*demoBody {
	return []*demoBody{d.bodies[hrdata.MinistryEDRPOU], d.bodies[hrdata.CouncilEDRPOU]}
}

// loadStaff reads the first snapshots, plans, has the second operator sign and applies.
func (d *demo) loadStaff(ctx context.Context) error {
	files, err := hrdata.Files()
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(d.dir, "hr", f.Name), f.Data, 0o600); err != nil {
			return err
		}
	}
	staff := map[string][2]string{hrdata.MinistryEDRPOU: {"ministry.xlsx", "ministry-2.xlsx"}, hrdata.CouncilEDRPOU: {"council.csv", "council-2.csv"}}
	records := map[string][]hr.Record{hrdata.MinistryEDRPOU: slices.Concat(hrdata.Ministry(1), hrdata.Ministry(2)), hrdata.CouncilEDRPOU: slices.Concat(hrdata.Council(1), hrdata.Council(2))}
	for _, b := range d.inOrder() {
		for i, name := range staff[b.edrpou] {
			b.staff[i] = filepath.Join(d.dir, "hr", name)
		}
		if err := os.MkdirAll(b.photos, 0o700); err != nil {
			return err
		}
		if err := hrdata.WritePhotos(b.photos, records[b.edrpou]); err != nil {
			return err
		}
		d.step("Кадрові дані: %s, %s", "Staff data: %s, %s", b.name, filepath.Base(b.staff[0]))
		if err := d.applyStaff(ctx, b, b.staff[0]); err != nil {
			return err
		}
	}
	return nil
}

// applyStaff reads a file, shows the plan, lets the second person sign what the brake holds, and applies.
func (d *demo) applyStaff(ctx context.Context, b *demoBody, name string) (err error) {
	body, err := b.open(ctx, false, false)
	if err != nil {
		return err
	}
	defer body.close(&err)
	file := staffFile{name: name, photos: b.photos}
	snapshot, problems, err := file.read(d.Env, b.edrpou, b.keepPhoto)
	if err != nil {
		return err
	}
	d.say("рядків %d, прийнято %d, відкладено %d", "rows %d, taken %d, set aside %d", snapshot.Rows, len(snapshot.Records), len(snapshot.SetAside))
	said := map[string]bool{}
	show := func(problems ...hr.Problem) {
		for _, p := range problems {
			line := p.Format(d.Lang)
			said[line] = true
			d.say("%s", "%s", line)
		}
	}
	show(slices.Concat(snapshot.Problems, problems)...)
	for _, row := range snapshot.SetAside {
		show(row.Problems...)
	}
	plan, planName, err := body.plan(ctx, snapshot, nil, d.at)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	quiet := *d.Env
	quiet.Stdout = &text
	tellPlan(&quiet, plan, said)
	d.lines(text.String())
	report := filepath.Join(d.dir, "hr", "bez-posvidchennia-"+b.edrpou+".xlsx")
	quiet.Stderr = &text
	if err := writeReport(&quiet, report, snapshot, plan, d.at); err != nil {
		return err
	}
	d.say("хто без посвідчення і чому: %s", "who gets no ID and why: %s", report)
	author, err := body.operator(ctx, "1")
	if err != nil {
		return err
	}
	applied, err := body.apply(ctx, plan, snapshot, author, d.at)
	if err != nil {
		return err
	}
	text.Reset()
	tellApplied(&quiet, applied)
	d.lines(text.String())
	if applied.State == issuer.PlanWaiting {
		d.say("план %s чекає: другий підписувач дивиться і підписує (SHA-256 %s…)", "plan %s waits: the second operator reads and signs it (SHA-256 %s…)", filepath.Base(planName), planHash(plan)[:12])
		second, err := body.operator(ctx, "2")
		if err != nil {
			return err
		}
		if _, err := body.sign(ctx, plan, second, issuer.PartApprover, d.at); err != nil {
			return err
		}
		if applied, err = body.apply(ctx, plan, snapshot, author, d.at); err != nil {
			return err
		}
		text.Reset()
		tellApplied(&quiet, applied)
		d.lines(text.String())
	}
	return nil
}

// lines writes text below a step.
func (d *demo) lines(text string) {
	for line := range strings.Lines(text) {
		fmt.Fprint(d.Stdout, "  ", line)
	}
}

// demoCast are the people whose wallets stay in the folder.
func demoCast() []*demoActor {
	return []*demoActor{
		{wallet: "taras", fullName: "Гончарук Тарас Григорович", body: hrdata.MinistryEDRPOU, role: "чинне", roleEN: "valid"},
		{wallet: "oleksandra", fullName: "Нестеренко-Квітковська Олександра-Вікторія Володимирівна", body: hrdata.MinistryEDRPOU, role: "найдовші ім'я й посада", roleEN: "the longest name and position"},
		{wallet: "zakhar", fullName: "Великохатько Захар Святославович", body: hrdata.MinistryEDRPOU, role: "звільнений у другому файлі", roleEN: "dismissed in the second file"},
		{wallet: "bohdana", fullName: "Черемшинюк Богдана Олексіївна", body: hrdata.MinistryEDRPOU, role: "зупинена в другому файлі", roleEN: "suspended in the second file"},
		{wallet: "kseniia", fullName: "Прокопʼюк Ксенія Олексіївна", body: hrdata.CouncilEDRPOU, role: "працює в раді", roleEN: "of the council"},
	}
}

// enrol prints slips and enrols every holder's phone with the code on his slip.
func (d *demo) enrol(ctx context.Context) error {
	d.step("Талони підключення: кожен сам підключає телефон своїм кодом", "Enrolment slips: everybody enrols a phone with the code on the slip")
	d.cast = demoCast()
	for _, b := range d.inOrder() {
		if err := d.enrolBody(ctx, b); err != nil {
			return err
		}
	}
	for _, a := range d.cast {
		if a.entitlement == 0 {
			return fmt.Errorf("posvid: demo: no slip for wallet %s", a.wallet)
		}
	}
	return nil
}

func (d *demo) enrolBody(ctx context.Context, b *demoBody) (err error) {
	body, err := b.open(ctx, false, false)
	if err != nil {
		return err
	}
	defer body.close(&err)
	by, err := body.operator(ctx, "1")
	if err != nil {
		return err
	}
	slips, err := body.register.Slips(ctx, issuer.SlipFilter{}, by, d.at)
	if err != nil {
		return err
	}
	var page bytes.Buffer
	if err := issuer.WriteSlipsHTML(&page, b.name, slips[:min(3, len(slips))]); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(d.dir, "hr", "talony-"+b.edrpou+".html"), page.Bytes(), 0o600); err != nil {
		return err
	}
	persons := map[string]keys.HolderPrivateKey{} // a person with two posts has one phone
	for i := range slips {
		s := &slips[i]
		var request []byte
		if actor := d.actor(b.edrpou, s.Name); actor != nil && actor.entitlement == 0 {
			actor.entitlement = s.Entitlement
			request, err = d.newWallet(actor, s.Code())
		} else {
			key, ok := persons[s.Name]
			if !ok {
				if key, err = keys.GenerateHolderKey(); err != nil {
					return err
				}
				persons[s.Name] = key
			}
			b.holders[s.Entitlement] = key
			request, err = credential.SignPossession(b.edrpou, s.Code(), d.at, key)
		}
		if err != nil {
			return err
		}
		if _, err := body.register.Enrol(ctx, s.Number, request, d.at); err != nil {
			return enrolmentError(d.Env, err)
		}
	}
	d.say("%s: талонів і підключень %d", "%s: slips and enrolments %d", b.name, len(slips))
	return nil
}

// actor finds the member of the cast with a name in a body.
func (d *demo) actor(edrpou, name string) *demoActor {
	for _, a := range d.cast {
		if a.body == edrpou && a.fullName == name {
			return a
		}
	}
	return nil
}

// newWallet makes an actor's wallet and its request with the code of the slip.
func (d *demo) newWallet(a *demoActor, code string) ([]byte, error) {
	folder, err := wallet.Path(d.dir, a.wallet)
	if err != nil {
		return nil, err
	}
	w, err := wallet.New(folder, wallet.NewOptions{Passphrase: []byte(demoPassphrase), Root: d.root, WorkFactor: demoSeal.WorkFactor})
	if err != nil {
		return nil, err
	}
	return w.MakePossession(a.body, code, d.at)
}

// issueAll issues to everybody, publishes and hands the tokens over.
func (d *demo) issueAll(ctx context.Context) error {
	d.step("Видача: намір, серійний номер, запис, підпис, звірка, аудит", "Issuing: intent, serial, stored bytes, signature, check, audit")
	reports := map[string]*issueReport{}
	for _, b := range d.inOrder() {
		report, err := d.issueBody(ctx, b)
		if err != nil {
			return err
		}
		reports[b.edrpou] = report
	}
	d.step("Переліки статусів підписує кожен орган, технічний адміністратор несе їх незмінними", "Each body signs its status lists, the trust operator carries them unchanged")
	if err := d.newBundle(); err != nil {
		return err
	}
	data, err := os.ReadFile(filepath.Join(d.dir, "bundle.sidb"))
	if err != nil {
		return err
	}
	for _, a := range d.cast {
		if err := d.handOver(ctx, a, reports[a.body], data); err != nil {
			return err
		}
	}
	return nil
}

func (d *demo) issueBody(ctx context.Context, b *demoBody) (_ *issueReport, err error) {
	body, err := b.open(ctx, true, true)
	if err != nil {
		return nil, err
	}
	defer body.close(&err)
	began := d.show.Now()
	report, err := body.issue(ctx, b.file("deliveries"), d.at)
	if err != nil {
		return nil, err
	}
	if len(report.failed) > 0 {
		return nil, report.failed[0].Err
	}
	took := d.show.Now().Sub(began).Seconds()
	d.say("%s: видано %d посвідчень за %.2f с", "%s: %d IDs in %.2f s", b.name, report.issued, took)
	_, err = body.publish(ctx, b.file("publication.sidp"), d.at)
	return report, err
}

// handOver gives an actor's wallet what the body issued.
func (d *demo) handOver(ctx context.Context, a *demoActor, report *issueReport, bundle []byte) (err error) {
	body, err := d.bodies[a.body].open(ctx, false, false)
	if err != nil {
		return err
	}
	defer body.close(&err)
	ids, err := body.body.IDsOf(ctx, a.entitlement)
	if err != nil {
		return err
	}
	w, err := openWallet(d.Env, a.wallet, true)
	if err != nil {
		return err
	}
	opened, err := w.OpenBundle(bundle)
	if err != nil {
		return err
	}
	for _, id := range ids {
		delivery, err := os.ReadFile(report.deliveries[id.ID])
		if err != nil {
			return err
		}
		if _, err := w.Store(delivery, opened, d.at); err != nil {
			return err
		}
	}
	return w.TakeBundle(opened, d.at)
}

// present makes an actor's code at a time.
func (d *demo) present(name string, face credential.Face, at time.Time) (string, error) {
	w, err := openWallet(d.Env, name, true)
	if err != nil {
		return "", err
	}
	code, err := w.Present(wallet.Selector{}, face, at)
	return code.Text, err
}

// draw writes a code as a PNG.
func (d *demo) draw(file, text string) error {
	quiet := *d.Env
	return verifycli.ShowSymbol(&quiet, text, filepath.Join(d.dir, "qr", file))
}

// checkpoint sets up a verifier, shows one code and verifies it back from its picture.
func (d *demo) checkpoint(ctx context.Context) error {
	d.step("Пункт пропуску: відбиток кореня, набір довіри з USB, мережі немає", "Checkpoint: root fingerprint, bundle from a USB stick, no network")
	state, err := checkpointOf(d.Env)
	if err != nil {
		return err
	}
	if err := state.Pin(d.root); err != nil {
		return err
	}
	if err := d.installAtCheckpoint(state); err != nil {
		return err
	}
	if err := d.admitCheckpoint(state); err != nil {
		return err
	}
	text, err := d.present("taras", credential.FaceFull, d.at)
	if err != nil {
		return err
	}
	if err := d.draw("first.png", text); err != nil {
		return err
	}
	d.step("Гончарук показує повне подання; код живе пів хвилини:", "Honcharuk shows the full face; a code lives half a minute:")
	if err := d.terminal(text); err != nil {
		return err
	}
	return d.check("first.png", d.at.Add(3*time.Second))
}

// terminal draws a code where a person sees it.
func (d *demo) terminal(text string) error {
	symbol, err := qr.Encode(text)
	if err != nil {
		return err
	}
	err = symbol.Terminal(d.Stdout, qr.TerminalOptions{Columns: d.Columns(), Colour: d.Colour()})
	if errors.Is(err, qr.ErrTooNarrow) {
		d.say("термінал завузький для коду (%d колонок); картинка: %s", "the terminal is too narrow for the code (%d columns); the picture: %s", symbol.TerminalColumns(), filepath.Join(d.dir, "qr", "first.png"))
		return nil
	}
	return err
}

func (d *demo) installAtCheckpoint(state *checkpoint.State) error {
	data, err := os.ReadFile(filepath.Join(d.dir, "bundle.sidb"))
	if err != nil {
		return err
	}
	_, err = state.Install(data, d.at)
	return err
}

// admitCheckpoint makes the device's keys and has the trust operator admit it.
func (d *demo) admitCheckpoint(state *checkpoint.State) error {
	key, err := state.NewKeys([]byte(demoPassphrase), demoSeal)
	if err != nil {
		return err
	}
	request, err := state.Request(key, hrdata.MinistryEDRPOU, "Вхід № 1, міністерство", trust.ClassCheckpoint, d.at)
	if err != nil {
		return err
	}
	operator := operatorFolderOf(d.Env)
	return operator.update(func(r *trust.Register) error {
		line, err := operator.admit(r, request, trust.Grant{}, trust.VerifierGrant{ValidUntil: d.at.AddDate(1, 0, 0)}, d.at)
		if err == nil {
			d.say("%s", "%s", line)
		}
		return err
	})
}

// verifyLine is the exact command that repeats a check of a picture.
func (d *demo) verifyLine(program, file string, at time.Time) string {
	state := "--state " + filepath.Join(d.dir, "checkpoint")
	return fmt.Sprintf("%s %s qr %s --at %s --test", program, state, filepath.Join(d.dir, "qr", file), at.UTC().Format(time.RFC3339))
}

// check runs the checkpoint's own command on a picture and shows its transcript.
func (d *demo) check(file string, at time.Time) error {
	fmt.Fprintf(d.Stdout, "\n  $ %s\n", d.verifyLine("posvid-verify", file, at))
	code, text := d.judge(file, at)
	d.lines(text)
	if code != cli.ExitAccept {
		return fmt.Errorf("posvid: demo: %s was not accepted (exit %d)", file, code)
	}
	return nil
}

// judge runs `posvid verify qr` on a picture and gives its exit code and output.
func (d *demo) judge(file string, at time.Time, more ...string) (int, string) {
	var out bytes.Buffer
	quiet := *d.Env
	quiet.Stdout, quiet.Stderr = &out, &out
	args := append([]string{"--dir", d.dir, "--lang", d.Lang, "verify", "qr", filepath.Join(d.dir, "qr", file), "--at", at.UTC().Format(time.RFC3339), "--test"}, more...)
	code := run(context.Background(), &quiet, args)
	return code, out.String()
}

// secondSnapshot applies the second files: people leave, are suspended, join.
func (d *demo) secondSnapshot(ctx context.Context) error {
	for _, b := range d.inOrder() {
		d.step("Два тижні потому: %s, %s", "Two weeks later: %s, %s", b.name, filepath.Base(b.staff[1]))
		if err := d.applyStaff(ctx, b, b.staff[1]); err != nil {
			return err
		}
	}
	d.step("Звільнених і зупинених видно в наступному наборі довіри", "The next bundle shows who left and who is suspended")
	for _, b := range d.inOrder() {
		if err := d.publishBody(ctx, b); err != nil {
			return err
		}
	}
	if err := d.newBundle(); err != nil {
		return err
	}
	state, err := checkpointOf(d.Env)
	if err != nil {
		return err
	}
	return d.installAtCheckpoint(state)
}

func (d *demo) publishBody(ctx context.Context, b *demoBody) (err error) {
	body, err := b.open(ctx, true, false)
	if err != nil {
		return err
	}
	defer body.close(&err)
	_, err = body.publish(ctx, b.file("publication.sidp"), d.at)
	return err
}

// demoFace is one face of the verdict: a picture, the time it is looked at, what has to come of it.
type demoFace struct {
	file, uk, en string
	at           time.Time
	code         verifier.Code
	exit         int
	more         []string
}

// faces shows every face of the verdict, each through the checkpoint's own command.
func (d *demo) faces(ctx context.Context) error {
	d.step("Усі обличчя вердикту", "Every face of the verdict")
	shown := d.at
	codes := map[string]string{}
	for name, who := range map[string]string{"valid.png": "taras", "long.png": "oleksandra", "revoked.png": "zakhar", "suspended.png": "bohdana", "council.png": "kseniia"} {
		face := credential.FaceFull
		if name == "long.png" {
			face = credential.FaceCheck
		}
		text, err := d.present(who, face, shown)
		if err != nil {
			return err
		}
		codes[name] = text
	}
	var err error
	if codes["tampered.png"], err = tampered(codes["valid.png"]); err != nil {
		return err
	}
	if codes["foreign-body.png"], err = d.foreignBody(shown); err != nil {
		return err
	}
	codes["foreign-qr.png"] = "HTTPS://EXAMPLE.INVALID/QR/4417"
	for name, text := range codes {
		if err := d.draw(name, text); err != nil {
			return err
		}
	}
	soon := shown.Add(5 * time.Second)
	empty := filepath.Join(d.dir, "checkpoint-empty")
	bare, err := checkpoint.Open(filepath.Join(empty, "checkpoint"))
	if err != nil {
		return err
	}
	if err := bare.Pin(d.root); err != nil {
		return err
	}
	list := []demoFace{
		{"valid.png", "чинне", "valid", soon, verifier.OK, cli.ExitAccept, nil},
		{"long.png", "найдовше ім'я, коротке подання", "the longest name, check face", soon, verifier.OK, cli.ExitAccept, nil},
		{"council.png", "міська рада", "the city council", soon, verifier.OK, cli.ExitAccept, nil},
		{"valid.png", "годинники розходяться на 3 хв", "clocks differ by 3 minutes", shown.Add(3 * time.Minute), verifier.ClockDiffers, cli.ExitCannotConfirm, nil},
		{"valid.png", "знімок екрана через 11 хв", "a screenshot after 11 minutes", shown.Add(11 * time.Minute), verifier.PresentationStale, cli.ExitRefuse, nil},
		{"revoked.png", "звільнений", "dismissed", soon, verifier.Revoked, cli.ExitRefuse, nil},
		{"suspended.png", "зупинена", "suspended", soon, verifier.Suspended, cli.ExitRefuse, nil},
		{"tampered.png", "змінено один біт підпису", "one bit of the signature changed", soon, verifier.HolderSignature, cli.ExitRefuse, nil},
		{"foreign-body.png", "рада видала від імені міністерства", "the council issued for the ministry", soon, verifier.IssuerBody, cli.ExitRefuse, nil},
		{"foreign-qr.png", "чужий код", "a foreign code", soon, verifier.NotAServiceID, cli.ExitCannotConfirm, nil},
		{"valid.png", "пристрій без набору довіри", "a device without a bundle", soon, verifier.NoBundle, cli.ExitCannotConfirm, []string{"--dir", empty}},
		{"valid.png", "потрібен рівень 3", "level 3 is asked for", soon, verifier.LevelTooLow, cli.ExitCannotConfirm, []string{"--level", "3"}},
	}
	for _, f := range list {
		code, out := d.judge(f.file, f.at, append(f.more, "--json")...)
		got := jsonField(out, "code")
		if code != f.exit || got != string(f.code) {
			return fmt.Errorf("posvid: demo: %s (%s): want exit %d %s, got exit %d %s", f.file, f.en, f.exit, f.code, code, got)
		}
		_, text := d.judge(f.file, f.at, f.more...)
		head, rest, _ := strings.Cut(text, "\n")
		why, _, _ := strings.Cut(rest, "\n")
		fmt.Fprintf(d.Stdout, "  %-20s %-38s %s\n", strings.TrimSpace(head), d.T(f.uk, f.en), strings.TrimSpace(why))
	}
	return nil
}

// tampered flips one bit of the holder's signature, which leaves everything else as it was.
func tampered(text string) (string, error) {
	prefix, data, err := credential.DecodeText(text)
	if err != nil {
		return "", err
	}
	// The signature's last 32 bytes are s; its second lowest bit keeps the value low and the form right.
	data[len(data)-1] ^= 2
	return credential.EncodeText(prefix, data), nil
}

// foreignBody makes what a council's key may not: a token in the ministry's name. The issuing pipeline refuses to; here the
// key is used directly.
func (d *demo) foreignBody(at time.Time) (string, error) {
	key, err := d.bodies[hrdata.CouncilEDRPOU].issuerKey()
	if err != nil {
		return "", err
	}
	holder, err := keys.GenerateHolderKey()
	if err != nil {
		return "", err
	}
	status, err := credential.NewStatusRef(0, 1)
	if err != nil {
		return "", err
	}
	payload, err := credential.EncodePayload(&credential.Claims{Issuer: hrdata.MinistryEDRPOU, Number: "САМОЗВАНЕЦЬ", IssuedAt: at.Add(-time.Minute), ExpiresAt: at.AddDate(0, 0, 30),
		Holder: holder.HolderPublic(), Face: credential.FaceCheck, Name: "Самозванець С. С.", Status: status})
	if err != nil {
		return "", err
	}
	token, err := credential.SignToken(payload, key)
	if err != nil {
		return "", err
	}
	w, err := openWallet(d.Env, "taras", false)
	if err != nil {
		return "", err
	}
	beacon := w.Beacon().Value
	presentation, err := credential.Present(token, holder, credential.AudienceAny, at, beacon[:])
	if err != nil {
		return "", err
	}
	return credential.EncodeText(credential.Prefix, presentation), nil
}

// ending says what lies where and what to try.
func (d *demo) ending() error {
	shown := d.at.Add(5 * time.Second)
	dir := d.dir
	fmt.Fprintln(d.Stdout)
	d.show.Print("Усе лишилося в %s. Спробуйте самі:", "Everything is in %s. Try it yourself:", dir)
	for _, a := range d.cast {
		d.show.Print("  гаманець %-11s %s: %s", "  wallet %-11s %s: %s", a.wallet, a.fullName, d.T(a.role, a.roleEN))
	}
	lines := []string{
		d.verifyLine("bin/posvid-verify", "valid.png", shown),
		d.verifyLine("bin/posvid-verify", "revoked.png", shown) + " --json",
		"export POSVID_DIR=" + dir + " POSVID_PASSPHRASE=" + demoPassphrase,
		"bin/posvid wallet qr taras --face full --watch",
		"bin/posvid verify qr --text \"$(bin/posvid wallet qr taras --print-text)\"",
		"bin/posvid photos --body " + hrdata.MinistryEDRPOU + " -o " + filepath.Join(dir, "photos.pack") + " && bin/posvid verify photos install " + filepath.Join(dir, "photos.pack"),
		"bin/posvid verify watch --guard Іваненко",
		"bin/posvid list --body " + hrdata.CouncilEDRPOU,
		"bin/posvid inspect " + filepath.Join(dir, "bundle.sidb"),
		"bin/posvid trust show",
		"bin/posvid doctor",
		"bin/posvid serve --demo " + dir,
	}
	for _, line := range lines {
		fmt.Fprintln(d.Stdout, "  "+line)
	}
	d.show.Print("Остання відкриває сторінки: гаманець http://localhost:8080/wallet/, перевірка http://localhost:8080/verify/, кадровик http://localhost:8080/b/%s/, технічний адміністратор http://localhost:8080/operator/",
		"The last one opens the pages: wallet http://localhost:8080/wallet/, verifier http://localhost:8080/verify/, registrar http://localhost:8080/b/%s/, trust operator http://localhost:8080/operator/", hrdata.MinistryEDRPOU)
	return nil
}

// jsonField reads one text field of the JSON object that a command printed.
func jsonField(output, name string) string {
	var object map[string]any
	if json.Unmarshal([]byte(output), &object) != nil {
		return ""
	}
	text, _ := object[name].(string)
	return text
}
