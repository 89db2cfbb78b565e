package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/cmd/internal/cli"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/nfc"
	"github.com/posvid/posvid/nfc/emulate"
	"github.com/posvid/posvid/nfc/pcsc"
	"github.com/posvid/posvid/trust"
	"github.com/posvid/posvid/verifier"
	"github.com/posvid/posvid/verifier/card"
)

// shelf is a reader on which a test lays cards: the next one each time that the last was taken away.
type shelf struct {
	cards []emulate.Device
	now   int
}

func (s *shelf) Wait(ctx context.Context, _ func(*pcsc.Error)) (pcsc.Reader, error) {
	if s.now >= len(s.cards) {
		return pcsc.Reader{}, context.Canceled
	}
	return pcsc.Reader{Name: "shelf", Present: true}, ctx.Err()
}

func (s *shelf) WaitRemoved(context.Context, string) error { s.now++; return nil }

func (s *shelf) Read(ctx context.Context, _ string, fn func(context.Context, nfc.Card) error) error {
	s.cards[s.now].Reset()
	return fn(ctx, s.cards[s.now].(nfc.Card))
}

// officeFolder is a folder with a trust operator and one body of five people.
type officeFolder struct {
	t    *testing.T
	dir  string
	pin  string
	now  time.Time
	in   string
	more io.Reader       // stdin of the next command behind in, which may never end
	ctx  context.Context // of the next command; nil: one that nobody interrupts
	last string          // stdout and stderr of the last command
}

const officePeople = `#ЄДРПОУ;99000028
#Усього;5
Табельний номер;РНОКПП;Прізвище;Власне ім'я;По батькові;Дата народження;Структурний підрозділ;Посада;Категорія;Ранг;Вид особи;Працює з;Серія посвідчення;Номер посвідчення;Посвідчення видано;Посвідчення дійсне до;Номер носія;Стан
0001;0229460499;Гончарук;Тарас;Григорович;13.04.1906;Виконавчий комітет;старший слідчий;Б;5;посадова особа;07.08.2020;ВР;004001;16.09.2025;16.09.2030;;працює
0002;0247660369;Мельничук;Ольга;Іванівна;12.10.1906;Виконавчий комітет;спеціаліст;В;8;посадова особа;07.08.2020;ВР;004002;16.09.2025;16.09.2030;04A1B2C3D4E502;працює
`

func newOffice(t *testing.T) *officeFolder {
	t.Helper()
	o := &officeFolder{t: t, dir: t.TempDir(), now: time.Now().UTC().Truncate(time.Second)}
	t.Setenv("POSVID_PASSPHRASE", "correct horse battery staple")
	t.Setenv("POSVID_DIR", o.dir)
	staff := filepath.Join(o.dir, "staff.csv")
	if err := os.WriteFile(staff, []byte(strings.Replace(officePeople, "#Усього;5\n", "", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	o.ok("trust", "init", "--members", "1", "--threshold", "1")
	o.pin = strings.TrimSpace(strings.SplitN(o.last, "\n", 2)[0])
	o.ok("init", o.dir, "--edrpou", "99000028", "--name", "Вигаданівська міська рада", "--operator", "Коваль Ганна Петрівна:табельний 17",
		"--operator", "Мороз Іван Якович:табельний 4")
	requests, err := filepath.Glob(filepath.Join(o.dir, "bodies", "99000028", "requests", "*.request"))
	if err != nil || len(requests) != 1 {
		t.Fatalf("requests %v %v", requests, err)
	}
	o.ok("trust", "admit", "--now", requests[0])
	o.bundle("--pin", o.pin)
	o.ok("hr", "plan", staff)
	o.ok("hr", "apply", "1", staff, "--as", "1")
	return o
}

// run runs one command with stdin and gives the exit code.
func (o *officeFolder) run(args ...string) int {
	o.t.Helper()
	var out bytes.Buffer
	env := &cli.Env{Program: "posvid", Stdin: strings.NewReader(o.in), Stdout: &out, Stderr: &out, Now: func() time.Time { return o.now }, Lang: "uk",
		Seal: keys.SealOptions{WorkFactor: 10}}
	if o.more != nil {
		env.Stdin = io.MultiReader(env.Stdin, o.more)
	}
	ctx := o.ctx
	if ctx == nil {
		ctx = context.Background()
	}
	code := run(ctx, env, append(args, "--lang", "uk"))
	o.in, o.more, o.ctx, o.last = "", nil, nil, out.String()
	return code
}

func (o *officeFolder) ok(args ...string) {
	o.t.Helper()
	if code := o.run(args...); code != 0 {
		o.t.Fatalf("posvid %s: exit %d\n%s", strings.Join(args, " "), code, o.last)
	}
}

func (o *officeFolder) fails(want string, args ...string) {
	o.t.Helper()
	if code := o.run(args...); code == 0 || !strings.Contains(o.last, want) {
		o.t.Errorf("posvid %s: exit %d, want %q in\n%s", strings.Join(args, " "), code, want, o.last)
	}
}

func (o *officeFolder) says(want ...string) {
	o.t.Helper()
	for _, w := range want {
		if !strings.Contains(o.last, w) {
			o.t.Errorf("want %q in\n%s", w, o.last)
		}
	}
}

// bundle publishes, makes the next bundle and installs it, and opens it.
func (o *officeFolder) bundle(install ...string) *trust.Bundle {
	o.t.Helper()
	o.now = o.now.Add(time.Minute)
	file := filepath.Join(o.dir, "now.sidb")
	publication := filepath.Join(o.dir, "publication")
	o.ok("publish", "-o", publication)
	o.ok("trust", "bundle", publication, "-o", file)
	o.ok(append([]string{"bundle", "install", file}, install...)...)
	data, err := os.ReadFile(file)
	if err != nil {
		o.t.Fatal(err)
	}
	pin, err := trust.ParseFingerprint(o.pin)
	if err != nil {
		o.t.Fatal(err)
	}
	b, err := trust.Open(data, pin)
	if err != nil {
		o.t.Fatal(err)
	}
	return b
}

// lay puts cards on the reader of the next command.
func (o *officeFolder) lay(cards ...emulate.Device) {
	was := cardReaders
	o.t.Cleanup(func() { cardReaders = was })
	cardReaders = func(pcsc.Options) cardReader { return &shelf{cards: cards} }
}

// judge reads a card as a checkpoint does.
func (o *officeFolder) judge(b *trust.Bundle, device emulate.Device) verifier.Verdict {
	o.t.Helper()
	device.Reset()
	reading := card.Read(context.Background(), device.(nfc.Card), card.Options{})
	return card.Verify(card.Input{Input: verifier.Input{At: o.now, Bundle: b, Lang: "uk"}, Reading: reading})
}

func (o *officeFolder) want(what string, v verifier.Verdict, outcome verifier.Outcome, code verifier.Code, level verifier.Level) {
	o.t.Helper()
	if v.Outcome != outcome || v.Code != code || v.Level != level {
		o.t.Errorf("%s: %s %s L%d, want %s %s L%d", what, v.Outcome, v.Code, v.Level, outcome, code, level)
	}
}

func blankPIV(t *testing.T, uid ...byte) *emulate.Chip {
	t.Helper()
	piv, err := emulate.NewPIV(emulate.PIVConfig{ContactlessAdministration: true})
	if err != nil {
		t.Fatal(err)
	}
	return emulate.NewChip(emulate.ChipConfig{Contactless: true, UID: uid}, piv)
}

func blankTag(t *testing.T, uid ...byte) (*emulate.Chip, *emulate.Tag) {
	t.Helper()
	tag, err := emulate.NewTag(emulate.TagConfig{})
	if err != nil {
		t.Fatal(err)
	}
	return emulate.NewChip(emulate.ChipConfig{Contactless: true, UID: uid}, tag), tag
}

// Existing cards are entered one after another, mistakes are undone, and the bundle then knows whose they are.
func TestCardEnter(t *testing.T) {
	o := newOffice(t)
	one := emulate.NewNumberTag([]byte{4, 1, 2, 3, 4, 5, 6})
	two := emulate.NewNumberTag([]byte{4, 0xa1, 0xb2, 0xc3, 0xd4, 0xe5, 2})
	random := emulate.NewNumberTag([]byte{8, 1, 2, 3})

	o.lay(one, one, random, two)
	// Nobody; Тарас; Ольга with Тарас's card; Ольга with a card without a constant number; Ольга with her own; end.
	o.in = "нема такого\nвр 004001\n0002\nВР004002\n004002\n\n"
	o.ok("card", "enter", "--as", "1", "--note", "акт 12")
	o.says("нікого з таким номером немає", "✔ 1: картка 1, Гончарук Тарас Григорович, старший слідчий", "[card-taken]", "картка не має сталого номера",
		"✔ 2: картка 2, Мельничук Ольга Іванівна", "внесено карток: 2")
	o.ok("card", "list")
	o.says("1\tnumber\tвидано\t04010203040506\tГончарук", "04A1B2C3D4E502\tМельничук", "видано 2")
	b := o.bundle()
	v := o.judge(b, one)
	o.want("an entered number", v, verifier.CannotConfirm, v.Code, verifier.L0) // a number alone is never green
	if v.Issuer == nil || v.Issuer.EDRPOU != "99000028" {
		t.Errorf("the verdict does not say whose the card is: %+v", v.Issuer)
	}

	o.lay(two)
	o.in = "-\n004002\n-\n\n" // nothing of this sitting to undo; taken; nothing still
	o.ok("card", "enter", "--as", "1")
	o.says("скасовувати нічого", "[card-taken]", "внесено карток: 0")

	o.ok("card", "lost", "1", "--as", "1", "--note", "заява 3")
	v = o.judge(o.bundle(), one)
	o.want("a lost card", v, verifier.Refuse, verifier.Revoked, verifier.L0)
	o.ok("card", "journal", "1")
	o.says("видано, акт 12", "втрачено, заява 3")
	o.fails("[card-state]", "card", "issued", "1", "--as", "1")
	o.fails("такої картки", "card", "lost", "99", "--as", "1")

	pairs := filepath.Join(o.dir, "pairs.csv")
	if err := os.WriteFile(pairs, []byte("004001;04 11 22 33\nx;04112233\n004001;zz\n004001\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	o.fails("внесено карток: 1, не внесено: 3", "card", "enter", "--pairs", pairs, "--as", "1")
	if strings.Contains(o.last, "є й картка") {
		t.Error("a lost card counts as one in use")
	}
	if err := os.WriteFile(pairs, []byte("004001;04 11 22 34\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	o.ok("card", "enter", "--pairs", pairs, "--as", "1")
	o.says("у людини є й картка 3, видано", "posvid card returned 3")
	if err := os.WriteFile(pairs, []byte("004001;04 11 22 33\nx;04112233\n004001;zz\n004001\n004002;08112233\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	o.fails("внесено карток: 0, не внесено: 5", "card", "enter", "--pairs", pairs, "--as", "1")
	o.says("рядок 2:", "рядок 3:", "рядок 4:")
}

// A PIV card is made, handed over, accepted by a checkpoint, and refused once its holder is dismissed.
func TestCardPersonalise(t *testing.T) {
	o := newOffice(t)
	secret := filepath.Join(o.dir, "management.key")
	if err := os.WriteFile(secret, []byte(hex.EncodeToString(emulate.DefaultManagementKey)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	personalise := []string{"card", "personalise", "004001", "--as", "1", "--management-key-file", secret, "--management-algorithm", "3des"}
	o.lay(blankPIV(t, 4, 9, 9, 9, 9, 9, 1))
	o.fails("не має центру карток", append(personalise, "--yes")...)
	o.ok("card", "init", "--as", "1")
	o.fails("уже є", "card", "init", "--as", "1")
	folder := filepath.Join(o.dir, "bodies", "99000028")
	o.ok("trust", "cards", filepath.Join(folder, "cards", "authority.cer"))
	o.ok("trust", "admit", "--now", filepath.Join(folder, "requests", "card-issuer.request"))
	o.ok("trust", "cards")
	o.says("Card authority 99000028")
	o.bundle()

	piv := blankPIV(t, 4, 9, 9, 9, 9, 9, 1)
	o.lay(piv)
	o.fails("--yes", personalise...)
	o.lay(piv)
	o.ok(append(personalise, "--yes", "--note", "акт 1")...)
	o.says("✔ картка 1 готова: Гончарук Тарас Григорович", "posvid card issued 1", "заводський ключ керування")
	if strings.Contains(o.last, "chmod") || strings.Contains(strings.ToLower(o.last), hex.EncodeToString(emulate.DefaultManagementKey)) {
		t.Errorf("a warning without a cause, or the key itself, in\n%s", o.last)
	}
	v := o.judge(o.bundle(), piv)
	o.want("made, not handed over", v, verifier.Refuse, verifier.Suspended, verifier.L2)
	o.lay(piv)
	o.ok("card", "issued", "--tap", "--as", "1")
	b := o.bundle()
	v = o.judge(b, piv)
	o.want("in its holder's hands", v, verifier.Accept, verifier.OK, verifier.L2)
	o.lay(piv)
	o.ok("card", "show")
	o.says("профіль: piv", "04090909090901", "підписано", "FASC-N: 9999", "Card authority 99000028", "ключ картки підписав")

	// It is not made a second time, nor over what somebody else wrote.
	o.lay(piv)
	o.fails("вже в журналі", append(personalise, "--yes")...)
	app, err := emulate.NewPIV(emulate.PIVConfig{ContactlessAdministration: true, Objects: map[uint32][]byte{0x5FC102: emulate.TLV(0x30, bytes.Repeat([]byte{1}, 25))}})
	if err != nil {
		t.Fatal(err)
	}
	foreign := emulate.NewChip(emulate.ChipConfig{Contactless: true, UID: []byte{4, 9, 9, 9, 9, 9, 2}}, app)
	o.lay(foreign)
	o.fails("чуже", append(personalise, "--yes")...)
	wrong := filepath.Join(o.dir, "wrong.key")
	if err := os.WriteFile(wrong, bytes.Repeat([]byte("0a"), 24), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(wrong, 0o640); err != nil {
		t.Fatal(err)
	}
	o.lay(blankPIV(t, 4, 9, 9, 9, 9, 9, 3))
	o.fails("ключа керування", "card", "personalise", "004002", "--as", "1", "--management-key-file", wrong, "--management-algorithm", "3des", "--yes")
	o.says("chmod 600 " + wrong)
	// Torn at one command after another: nothing of it stays in the journal as a card that somebody could have.
	torn := 0
	for n := 1; ; n += 1 + n/20 { // the writing of long objects, which comes last, is many commands alike
		o.lay(emulate.NewScript(blankPIV(t, 4, 0xa1, 0xb2, 0xc3, 0xd4, 0xe5, 2)).At(n, emulate.Tear()))
		code := o.run("card", "personalise", "004002", "--as", "1", "--management-key-file", secret, "--management-algorithm", "3des", "--yes")
		if code == 0 {
			break
		}
		torn++
		o.ok("card", "list", "--state", "personalised")
		if strings.Contains(o.last, "Мельничук") {
			t.Fatalf("torn at command %d: the card stands in the journal\n%s", n, o.last)
		}
		if n > 1000 {
			t.Fatal("the card was never made")
		}
	}
	if torn < 20 {
		t.Errorf("torn %d times only", torn)
	}

	staff := filepath.Join(o.dir, "left.csv")
	left := strings.Replace(strings.Replace(officePeople, "#Усього;5\n", "", 1), "16.09.2025;16.09.2030;;працює", "16.09.2025;16.09.2030;;звільнено", 1)
	if err := os.WriteFile(staff, []byte(left), 0o600); err != nil {
		t.Fatal(err)
	}
	o.ok("hr", "plan", staff)
	o.ok("hr", "apply", regexp.MustCompile(`план (\d+)`).FindStringSubmatch(strings.ToLower(o.last))[1], staff, "--as", "1")
	v = o.judge(o.bundle(), piv)
	o.want("dismissed", v, verifier.Refuse, verifier.Revoked, verifier.L2)
}

// stuck is a reader that loses its service while a card is taken away.
type stuck struct {
	*shelf
	fails int
}

func (s *stuck) WaitRemoved(ctx context.Context, name string) error {
	if s.fails--; s.fails >= 0 {
		return &pcsc.Error{Trouble: pcsc.NoService}
	}
	return s.shelf.WaitRemoved(ctx, name)
}

// A card that nobody saw taken away is not entered for the next person; Ctrl-C ends the sitting while it waits for the clerk,
// and says what was entered.
func TestCardEnterStuckAndInterrupted(t *testing.T) {
	o := newOffice(t)
	one := emulate.NewNumberTag([]byte{4, 1, 2, 3, 4, 5, 6})
	taras := emulate.NewNumberTag([]byte{4, 0xa1, 0xb2, 0xc3, 0xd4, 0xe5, 2})
	// Ольга with another's card, which stays on the reader; Тарас, for whom it still lies there; Ольга again with her own.
	o.lay()
	cardReaders = func(pcsc.Options) cardReader { return &stuck{&shelf{cards: []emulate.Device{one, taras}}, 1} }
	o.in = "004002\n004001\n004002\n\n"
	o.ok("card", "enter", "--as", "1")
	o.says("[card-number]", "[reader-no-service]", "досі попередня картка", "✔ 1: картка 1, Мельничук", "внесено карток: 1")

	o.lay(one)
	ctx, cancel := context.WithCancel(context.Background())
	o.in, o.more, o.ctx = "004001\n", keyboard{t.Context(), cancel}, ctx
	if code := o.run("card", "enter", "--as", "1"); code == 0 {
		t.Error("interrupted, and exit 0")
	}
	o.says("✔ 1: картка 2, Гончарук", "внесено карток: 1", "перервано")
}

// keyboard is a terminal at which the clerk types nothing and presses Ctrl-C.
type keyboard struct {
	end    context.Context
	cancel context.CancelFunc
}

func (k keyboard) Read([]byte) (int, error) {
	k.cancel()
	<-k.end.Done()
	return 0, io.EOF
}

// interrupted is a card during whose n-th command the clerk presses Ctrl-C.
type interrupted struct {
	*emulate.Chip
	left   int
	cancel context.CancelFunc
}

func (c *interrupted) Transmit(ctx context.Context, apdu []byte) ([]byte, error) {
	if c.left--; c.left == 0 {
		c.cancel()
		return nil, ctx.Err()
	}
	return c.Chip.Transmit(ctx, apdu)
}

// However far a card was made when the clerk interrupted it: no card of the person stays in the journal, what is said of the journal is
// true, and the same blank can be made again.
func TestCardInterrupted(t *testing.T) {
	o := newOffice(t)
	secret := filepath.Join(o.dir, "management.key")
	if err := os.WriteFile(secret, []byte(hex.EncodeToString(emulate.DefaultManagementKey)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	o.ok("card", "init", "--as", "1")
	blank := blankPIV(t, 4, 9, 9, 9, 9, 9, 1)
	cancelled := false
	for n := 1; ; n += 1 + n/8 {
		ctx, cancel := context.WithCancel(context.Background())
		o.lay(&interrupted{blank, n, cancel})
		o.ctx = ctx
		code := o.run("card", "personalise", "004001", "--as", "1", "--management-key-file", secret, "--management-algorithm", "3des", "--yes")
		cancel()
		if code == 0 {
			break
		}
		said := strings.Contains(o.last, "запис у журналі скасовано")
		o.ok("card", "list")
		if strings.Contains(o.last, "персоналізовано") {
			t.Fatalf("interrupted at command %d: the card stands in the journal\n%s", n, o.last)
		}
		if said != (strings.Count(o.last, "запис скасовано\t") > 0) && !cancelled {
			t.Fatalf("interrupted at command %d: cancelled %v, and the journal:\n%s", n, said, o.last)
		}
		cancelled = cancelled || said
		if n > 1000 {
			t.Fatal("the card was never made")
		}
	}
	if !cancelled {
		t.Error("never interrupted while writing")
	}
	o.ok("card", "list", "--state", "personalised")
	o.says("Гончарук")
}

// A body that states another's card first keeps neither that one's statuses nor its other cards from the bundle; both sides are
// told.
func TestCardContested(t *testing.T) {
	o := newOffice(t)
	const rival = "99000011"
	o.ok("init", o.dir, "--edrpou", rival, "--name", "Вигаданівська районна рада", "--operator", "Левченко Олена Ігорівна:табельний 1", "--operator", "Бондар Петро Олегович:табельний 2")
	requests, err := filepath.Glob(filepath.Join(o.dir, "bodies", rival, "requests", "*.request"))
	if err != nil || len(requests) != 1 {
		t.Fatalf("requests %v %v", requests, err)
	}
	o.ok("trust", "admit", "--now", requests[0])
	file := filepath.Join(o.dir, "contested.sidb")
	carry := func(body string) {
		t.Helper()
		o.now = o.now.Add(time.Minute)
		publication := filepath.Join(o.dir, "publication-"+body)
		o.ok("publish", "-o", publication, "--body", body)
		o.ok("trust", "bundle", publication, "-o", file)
	}
	enter := func(body, lines string) {
		t.Helper()
		pairs := filepath.Join(o.dir, "contested.csv")
		if err := os.WriteFile(pairs, []byte(lines), 0o600); err != nil {
			t.Fatal(err)
		}
		o.ok("card", "enter", "--pairs", pairs, "--as", "1", "--body", body)
	}
	carry(rival)
	o.ok("bundle", "install", file, "--body", rival, "--pin", o.pin)
	staff := filepath.Join(o.dir, "rival.csv")
	people := strings.Replace(strings.Replace(officePeople, "#Усього;5\n", "", 1), "99000028", rival, 1)
	people = strings.NewReplacer("0229460499", "", "0247660369", "", "04A1B2C3D4E502", "").Replace(people)
	if err := os.WriteFile(staff, []byte(people), 0o600); err != nil {
		t.Fatal(err)
	}
	o.ok("hr", "plan", staff, "--body", rival)
	o.ok("hr", "apply", "1", staff, "--as", "1", "--body", rival)
	enter(rival, "0001;04 11 22 33\n")
	enter("99000028", "004001;04 11 22 33\n004002;04A1B2C3D4E502\n")
	carry(rival)
	carry("99000028")
	o.says("орган 99000028 називає карток, яких набір не містить: 1")
	o.ok("bundle", "install", file, "--body", "99000028")
	o.fails("записано за іншим органом: 1", "doctor")
	o.ok("card", "lost", "2", "--as", "1", "--body", "99000028")
	carry("99000028")
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pin, err := trust.ParseFingerprint(o.pin)
	if err != nil {
		t.Fatal(err)
	}
	b, err := trust.Open(data, pin)
	if err != nil {
		t.Fatal(err)
	}
	v := o.judge(b, emulate.NewNumberTag([]byte{4, 0xa1, 0xb2, 0xc3, 0xd4, 0xe5, 2}))
	o.want("lost, and published beside a contested card", v, verifier.Refuse, verifier.Revoked, verifier.L0)
}

// A card authority whose making was interrupted is finished by the same command, and keeps what it has.
func TestCardInitInterrupted(t *testing.T) {
	o := newOffice(t)
	folder := filepath.Join(o.dir, "bodies", "99000028")
	files := []string{filepath.Join(folder, "cards", authorityCert), filepath.Join(folder, "keys", cardIssuerFile), filepath.Join(folder, "requests", "card-issuer.request")}
	o.ok("card", "init", "--as", "1")
	public := func() any {
		t.Helper()
		der, err := os.ReadFile(files[0])
		if err != nil {
			t.Fatal(err)
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return c.PublicKey
	}
	key := public()
	for _, c := range []struct{ lost, kept []int }{{[]int{1, 2}, []int{0}}, {[]int{2}, []int{0, 1}}, {[]int{0, 1, 2}, nil}} {
		before := map[int][]byte{}
		for _, i := range c.kept {
			before[i], _ = os.ReadFile(files[i])
		}
		for _, i := range c.lost {
			if err := os.Remove(files[i]); err != nil {
				t.Fatal(err)
			}
		}
		o.ok("card", "init", "--as", "1")
		for i, file := range files {
			now, err := os.ReadFile(file)
			if err != nil || before[i] != nil && !bytes.Equal(now, before[i]) {
				t.Errorf("without %v: %s is missing or was made anew: %v", c.lost, file, err)
			}
		}
		o.fails("уже є", "card", "init", "--as", "1")
	}
	if !key.(*ecdsa.PublicKey).Equal(public()) { // cards may lie under it
		t.Error("the key of the authority was thrown away with its certificate")
	}
	o.ok("trust", "cards", files[0])
	o.ok("trust", "admit", "--now", files[2])
	o.bundle()
	tag, _ := blankTag(t, 4, 7, 7, 7, 7, 7, 1)
	o.lay(tag)
	o.ok("card", "record", "004001", "--as", "1", "--yes")
}

// What the trust operator takes for a card authority has a key that can be trusted, and its list is signed by it.
func TestTrustCards(t *testing.T) {
	o := newOffice(t)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	file := func(name string, der []byte, err error) string {
		t.Helper()
		if err == nil {
			name = filepath.Join(o.dir, name)
			err = os.WriteFile(name, der, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		return name
	}
	authority := func(name string, signer crypto.Signer, ca bool) string {
		c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Centre"}, NotBefore: o.now.Add(-time.Hour), NotAfter: o.now.Add(time.Hour),
			IsCA: ca, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, SubjectKeyId: []byte{1, 2, 3}}
		der, err := x509.CreateCertificate(rand.Reader, c, c, signer.Public(), signer)
		return file(name, der, err)
	}
	list := func(name string, signer crypto.Signer, at time.Time) string {
		issuer := &x509.Certificate{Subject: pkix.Name{CommonName: "Centre"}, KeyUsage: x509.KeyUsageCRLSign, SubjectKeyId: []byte{1, 2, 3}}
		der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: at, NextUpdate: at.Add(24 * time.Hour)}, issuer, signer)
		return file(name, der, err)
	}
	large, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	o.fails("заслабкий", "trust", "cards", authority("p521.cer", large, true))
	o.fails("заслабкий", "trust", "cards", authority("ed25519.cer", edwards, true))
	o.fails("не центру", "trust", "cards", authority("leaf.cer", key, false))
	o.ok("trust", "cards", list("early.crl", key, o.now))
	o.says("жоден із відомих центрів")
	o.ok("trust", "cards", authority("good.cer", key, true))
	o.ok("trust", "cards", list("good.crl", key, o.now.Add(time.Second)))
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	o.fails("не підписав", "trust", "cards", list("forged.crl", other, o.now.Add(time.Minute)))
	o.fails("новіший", "trust", "cards", list("old.crl", key, o.now.Add(-time.Hour)))
	o.fails("не сертифікат", "trust", "cards", file("junk", []byte("junk"), nil))
	o.ok("trust", "cards")
	if strings.Count(o.last, "перелік відкликаних") != 1 || strings.Count(o.last, "центр карток") != 1 {
		t.Errorf("there are\n%s", o.last)
	}
	o.ok("trust", "cards", "--remove", filepath.Join(o.dir, "forged.crl"), filepath.Join(o.dir, "good.cer"))
	o.ok("trust", "cards")
	if strings.TrimSpace(o.last) != "" {
		t.Errorf("left:\n%s", o.last)
	}
}

// A record tag says who its holder is, is refused when it was lost, and what another wrote on a tag stays there.
func TestCardRecord(t *testing.T) {
	o := newOffice(t)
	tag, file := blankTag(t, 4, 7, 7, 7, 7, 7, 1)
	o.lay(tag)
	o.fails("не має ключа карток", "card", "record", "004001", "--as", "1", "--yes")
	o.ok("card", "init", "--as", "1")
	o.ok("trust", "admit", "--now", filepath.Join(o.dir, "bodies", "99000028", "requests", "card-issuer.request"))
	o.bundle()
	o.lay(tag)
	o.fails("--yes", "card", "record", "004001", "--as", "1")
	if len(file.Message()) > 0 {
		t.Error("written without a word of consent")
	}
	o.lay(tag)
	o.ok("card", "record", "004001", "--as", "1", "--yes", "--full")
	o.says("✔ картка 1: Гончарук")
	o.lay(tag)
	o.ok("card", "record", "004001", "--as", "1", "--yes", "--full") // again: the same record
	o.ok("card", "issued", "1", "--as", "1")
	b := o.bundle()
	v := o.judge(b, tag)
	o.want("a record under the policy of L2", v, verifier.CannotConfirm, verifier.LevelTooLow, verifier.L1)
	if v.Holder == nil || v.Holder.Name != "Гончарук Тарас Григорович" || v.Holder.Number != "ВР004001" {
		t.Errorf("holder %+v", v.Holder)
	}
	o.lay(tag)
	o.fails("[card-taken]", "card", "record", "004002", "--as", "1", "--yes")

	foreign, err := emulate.MediaRecord("text/vcard", []byte("BEGIN:VCARD"))
	if err != nil {
		t.Fatal(err)
	}
	other, err := emulate.NewTag(emulate.TagConfig{Message: foreign})
	if err != nil {
		t.Fatal(err)
	}
	o.lay(emulate.NewChip(emulate.ChipConfig{Contactless: true, UID: []byte{4, 7, 7, 7, 7, 7, 2}}, other))
	o.fails("чуже", "card", "record", "004002", "--as", "1", "--yes")
	if !bytes.Equal(other.Message(), foreign) {
		t.Error("what another wrote was erased")
	}
	o.ok("card", "lost", "1", "--as", "1")
	o.want("lost", o.judge(o.bundle(), tag), verifier.Refuse, verifier.Revoked, verifier.L1)
}
