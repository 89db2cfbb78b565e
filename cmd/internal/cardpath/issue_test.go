//go:build pcsc && cgo && linux

package cardpath_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-piv/piv-go/v2/piv"

	"github.com/posvid/posvid/nfc"
	"github.com/posvid/posvid/nfc/emulate"
)

const bodyCode = "99000028"

const bodyPeople = `#ЄДРПОУ;99000028
Табельний номер;РНОКПП;Прізвище;Власне ім'я;По батькові;Дата народження;Структурний підрозділ;Посада;Категорія;Ранг;Вид особи;Працює з;Серія посвідчення;Номер посвідчення;Посвідчення видано;Посвідчення дійсне до;Номер носія;Стан
0001;0229460499;Гончарук;Тарас;Григорович;13.04.1906;Виконавчий комітет;старший слідчий;Б;5;посадова особа;07.08.2020;ВР;004001;16.09.2025;16.09.2030;;працює
0002;0247660369;Мельничук;Ольга;Іванівна;12.10.1906;Виконавчий комітет;спеціаліст;В;8;посадова особа;07.08.2020;ВР;004002;16.09.2025;16.09.2030;;працює
`

// body is a folder with a trust operator, one body of two people and a checkpoint, made by the program itself.
type body struct {
	t     *testing.T
	dir   string
	state string // of the checkpoint
	pin   string
}

func newBody(t *testing.T) *body {
	b := &body{t: t, dir: t.TempDir()}
	b.state = filepath.Join(b.dir, "checkpoint-state")
	b.pin = strings.TrimSpace(strings.SplitN(b.ok("trust", "init", "--members", "1", "--threshold", "1"), "\n", 2)[0])
	b.ok("init", b.dir, "--edrpou", bodyCode, "--name", "Вигаданівська міська рада", "--operator", "Коваль Ганна Петрівна:табельний 17", "--operator", "Мороз Іван Якович:табельний 4")
	b.admit("*.request")
	b.bundle("--pin", b.pin)
	staff := filepath.Join(b.dir, "staff.csv")
	b.write(staff, bodyPeople)
	b.ok("hr", "plan", staff)
	b.ok("hr", "apply", "1", staff, "--as", "1")
	b.ok("card", "init", "--as", "1")
	b.ok("trust", "cards", b.authority())
	b.admit("card-issuer.request")
	verify := func(args ...string) {
		t.Helper()
		if r := execute(t, b.dir, "", "posvid-verify", append([]string{"--lang", "en", "--state", b.state}, args...)...); r.code != 0 {
			t.Fatalf("posvid-verify %q\n%s", args, r)
		}
	}
	verify("trust", "pin", b.pin)
	b.bundle()
	verify("bundle", "install", filepath.Join(b.dir, "now.sidb"))
	return b
}

func (b *body) authority() string {
	return filepath.Join(b.dir, "bodies", bodyCode, "cards", "authority.cer")
}

func (b *body) write(name, content string) {
	b.t.Helper()
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// run executes posvid. Opening sealed keys takes a second each.
func (b *body) run(args ...string) result {
	b.t.Helper()
	return executeFor(b.t, time.Minute, b.dir, "", "posvid", append(args, "--lang", "en")...)
}

func (b *body) ok(args ...string) string {
	b.t.Helper()
	r := b.run(args...)
	if r.code != 0 {
		b.t.Fatalf("posvid %q\n%s", args, r)
	}
	return r.stdout
}

func (b *body) fails(want string, args ...string) {
	b.t.Helper()
	if r := b.run(args...); r.code == 0 || !strings.Contains(r.stdout+r.stderr, want) {
		b.t.Errorf("posvid %q: want a failure with %q\n%s", args, want, r)
	}
}

func (b *body) admit(pattern string) {
	b.t.Helper()
	found := must(filepath.Glob(filepath.Join(b.dir, "bodies", bodyCode, "requests", pattern)))(b.t)
	if len(found) != 1 {
		b.t.Fatalf("requests %q: %v", pattern, found)
	}
	b.ok("trust", "admit", "--now", found[0])
}

// bundle publishes, makes the next bundle and installs it in the body.
func (b *body) bundle(install ...string) {
	b.t.Helper()
	publication, file := filepath.Join(b.dir, "publication"), filepath.Join(b.dir, "now.sidb")
	b.ok("publish", "-o", publication)
	b.ok("trust", "bundle", publication, "-o", file)
	b.ok(append([]string{"bundle", "install", file}, install...)...)
}

// judge has the checkpoint's program verify what lies on a reader, with the newest bundle.
func (b *body) judge(reader string) (verdict, result) {
	b.t.Helper()
	r := execute(b.t, b.dir, "", "posvid-verify", "--lang", "en", "--state", b.state, "card", "--json", "--reader", reader, "--bundle", filepath.Join(b.dir, "now.sidb"))
	return parse(b.t, r), r
}

func (b *body) want(what, reader, code string, level int) verdict {
	b.t.Helper()
	v, r := b.judge(reader)
	if v.Code != code || v.Level != level {
		b.t.Errorf("%s: %s at level %d, want %s at %d\n%s", what, v.Code, v.Level, code, level, r)
	}
	return v
}

// TestCardsOfABody: posvid enters, makes and shows cards through the real service; a checkpoint judges them, and programs of others read them.
func TestCardsOfABody(t *testing.T) {
	t.Parallel()
	programs(t)
	foreign := []string{"opensc-tool", "pkcs15-tool", "yubico-piv-tool", "openssl"}
	emulate.Isolated(t, emulate.FixtureConfig{Reader: desk, Programs: foreign}, func(t *testing.T, f *emulate.Fixture) {
		b := newBody(t)
		secret := filepath.Join(b.dir, "management.key")
		b.write(secret, hex.EncodeToString(emulate.DefaultManagementKey)+"\n")

		// Cards that exist are entered one after another.
		one := emulate.NewNumberTag([]byte{4, 1, 2, 3, 4, 5, 6})
		two := emulate.NewNumberTag([]byte{4, 0xA1, 0xB2, 0xC3, 0xD4, 0xE5, 2})
		entering := start(t, b.dir, "posvid", "card", "enter", "--as", "1", "--lang", "en", "--reader", f.Reader(0))
		must(entering.stdin.Write([]byte("nobody\n004001\n")))(t)
		entering.hears("nobody has that number")
		entering.hears("Гончарук Тарас Григорович, старший слідчий: lay the card")
		plug := f.Insert(t, 0, one)
		entering.hears("✔ 1: card 1")
		entering.hears("take the card away")
		f.Remove(t, 0, plug)
		must(entering.stdin.Write([]byte("0002\n")))(t)
		entering.hears("Мельничук Ольга Іванівна")
		plug = f.Insert(t, 0, one) // somebody else's
		entering.hears("take the card away")
		f.Remove(t, 0, plug)
		entering.hears("[card-taken]")
		must(entering.stdin.Write([]byte("0002\n")))(t)
		plug = f.Insert(t, 0, two)
		entering.hears("✔ 2: card 2")
		f.Remove(t, 0, plug)
		must(entering.stdin.Write([]byte("-\n\n")))(t)
		if r := entering.ends(longest); r.code != 0 || !strings.Contains(r.stdout, "cards entered: 1") {
			t.Errorf("entering\n%s", r)
		}

		// A clerk who has had enough is not kept, neither at the question nor before the reader.
		for _, question := range []string{"number of the ID or staff number", "lay the card on the reader"} {
			entering := start(t, b.dir, "posvid", "card", "enter", "--as", "1", "--lang", "en", "--reader", f.Reader(0))
			must(entering.stdin.Write([]byte("004002\n")[:7*strings.Count(question, "lay")]))(t)
			entering.hears(question)
			if err := entering.command.Process.Signal(syscall.SIGINT); err != nil {
				t.Fatal(err)
			}
			if r := entering.ends(longest); r.took > 2*time.Second || r.code == 0 {
				t.Errorf("interrupted at %q\n%s", question, r)
			}
		}

		// A PIV card is made. Yubico's programs ask for its version first.
		application := must(emulate.NewPIV(emulate.PIVConfig{ContactlessAdministration: true, Yubico: &emulate.Yubico{Version: [3]byte{5, 4, 3}, Serial: 7}}))(t)
		made := emulate.NewChip(emulate.ChipConfig{Contactless: true, UID: []byte{4, 9, 9, 9, 9, 9, 1}}, application)
		f.Put(t, 0, made)
		personalise := []string{"card", "personalise", "004001", "--as", "1", "--management-key-file", secret, "--management-algorithm", "3des", "--reader", f.Reader(0)}
		b.fails("--yes", personalise...)
		wrong := filepath.Join(b.dir, "wrong.key")
		b.write(wrong, strings.Repeat("0a", 24))
		b.fails("did not take the management key", "card", "personalise", "004001", "--as", "1", "--management-key-file", wrong, "--management-algorithm", "3des", "--yes", "--reader", f.Reader(0))
		if out := b.ok(append(personalise, "--yes")...); !strings.Contains(out, "is ready: Гончарук") {
			t.Errorf("personalise: %s", out)
		}
		b.fails("is in the journal", append(personalise, "--yes")...)
		b.bundle()
		b.want("not handed over", f.Reader(0), "suspended", 2)
		b.ok("card", "issued", "--tap", "--as", "1", "--reader", f.Reader(0))
		b.bundle()
		commands, traffic := made.Count()
		v := b.want("in its holder's hands", f.Reader(0), "ok", 2)
		after, all := made.Count()
		t.Logf("a card that posvid made, with P-256: %d commands, %d bytes; CHUID of %d bytes, certificate object of %d", after-commands, all-traffic,
			len(application.Object(emulate.TagCHUID)), len(application.Object(emulate.TagCardAuthentication)))
		if v.Issuer == nil || v.Issuer.EDRPOU != bodyCode {
			t.Errorf("issuer %+v", v.Issuer)
		}
		if out := b.ok("card", "show", "--reader", f.Reader(0)); !strings.Contains(out, "profile: piv") || !strings.Contains(out, "the key of the card signed") || !strings.Contains(out, "04090909090901") {
			t.Errorf("show: %s", out)
		}
		t.Run("programs of others", func(t *testing.T) { foreignClients(t, f, b, application) })

		// One with an RSA key, whose management key is one of AES.
		aes := bytes.Repeat([]byte{0x5A, 0xC3}, 16)
		b.write(secret, hex.EncodeToString(aes))
		second := must(emulate.NewPIV(emulate.PIVConfig{ContactlessAdministration: true, ManagementKey: aes, ManagementAlgorithm: emulate.AES256}))(t)
		f.Put(t, 1, emulate.NewChip(emulate.ChipConfig{Contactless: true, UID: []byte{4, 9, 9, 9, 9, 9, 2}}, second))
		b.ok("card", "personalise", "004002", "--as", "1", "--management-key-file", secret, "--management-algorithm", "aes256", "--key", "rsa2048", "--yes", "--reader", f.Reader(1))
		b.ok("card", "issued", "--tap", "--as", "1", "--reader", f.Reader(1))
		b.bundle()
		b.want("an RSA card", f.Reader(1), "ok", 2)

		// A record tag of the same body on the other reader.
		blank := must(emulate.NewTag(emulate.TagConfig{}))(t)
		f.Put(t, 1, emulate.NewChip(emulate.ChipConfig{Contactless: true, UID: []byte{4, 7, 7, 7, 7, 7, 1}}, blank))
		record := []string{"card", "record", "004002", "--as", "1", "--reader", f.Reader(1)}
		b.fails("--yes", record...)
		if len(blank.Message()) != 0 {
			t.Error("written without a word of consent")
		}
		b.ok(append(record, "--yes")...)
		b.ok("card", "issued", "--tap", "--as", "1", "--reader", f.Reader(1))
		b.bundle()
		if v := b.want("a record", f.Reader(1), "level-too-low", 1); v.Holder == nil || v.Holder.Number != "ВР004002" {
			t.Errorf("holder %+v", v.Holder)
		}
		if out := b.ok("card", "show", "--reader", f.Reader(1)); !strings.Contains(out, "profile: record") {
			t.Errorf("show: %s", out)
		}

		// Its holder leaves: the genuine card is refused, and so is the entered one.
		left := filepath.Join(b.dir, "left.csv")
		b.write(left, strings.Replace(bodyPeople, "16.09.2030;;працює", "16.09.2030;;звільнено", 1))
		b.ok("hr", "plan", left)
		b.ok("hr", "apply", "2", left, "--as", "1")
		b.bundle()
		b.want("of a dismissed person", f.Reader(0), "revoked", 2)
		f.Put(t, 0, one)
		b.want("of a dismissed person, by its number", f.Reader(0), "revoked", 0)
	})
}

// foreignClients has programs that are not ours read the card that posvid has made.
func foreignClients(t *testing.T, f *emulate.Fixture, b *body, made *emulate.PIV) {
	container := must(nfc.ParseCertificate(made.Object(emulate.TagCardAuthentication)))(t)
	certificate := must(x509.ParseCertificate(container))(t)
	same := func(program string, text []byte) {
		t.Helper()
		block, _ := pem.Decode(text)
		if block == nil || !bytes.Equal(block.Bytes, certificate.Raw) {
			t.Errorf("%s reads another certificate:\n%s", program, text)
		}
	}
	openssl := func(want string, args ...string) {
		t.Helper()
		out, err := exec.Command("openssl", args...).CombinedOutput()
		if err != nil || !strings.Contains(string(out), want) {
			t.Errorf("openssl %q: %v, want %q\n%s", args, err, want, out)
		}
	}
	dir := t.TempDir()
	authority := filepath.Join(dir, "authority.pem")
	der := must(os.ReadFile(b.authority()))(t)
	if block, _ := pem.Decode(der); block != nil {
		der = block.Bytes
	}
	if err := os.WriteFile(authority, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}

	if out := f.Output(t, "opensc-tool", "-r", "0", "-n"); !strings.Contains(out, "Personal Identity Verification Card") {
		t.Errorf("opensc-tool does not know the card: %s", out)
	}
	chuid := must(nfc.ParseCHUID(made.Object(emulate.TagCHUID)))(t)
	serial := strings.ToLower(f.Output(t, "opensc-tool", "-r", "0", "--serial"))
	if !strings.Contains(strings.ReplaceAll(serial, " ", ""), hex.EncodeToString(chuid.GUID[:])) {
		t.Errorf("opensc-tool: serial %s, want the GUID %x", serial, chuid.GUID)
	}
	same("pkcs15-tool", []byte(f.Output(t, "pkcs15-tool", "--reader", "0", "--read-certificate", "04")))

	path := filepath.Join(dir, "9e.pem")
	f.Output(t, "yubico-piv-tool", "-r", f.Reader(0), "-a", "read-certificate", "-s", "9e", "-o", path)
	same("yubico-piv-tool", must(os.ReadFile(path))(t))
	stdout, stderr, status := f.Run(t, "yubico-piv-tool", "-r", f.Reader(0), "-a", "test-signature", "-s", "9e", "-i", path)
	if status != 0 || !strings.Contains(stdout+stderr, "Successful ECDSA verification.") {
		t.Errorf("yubico-piv-tool has the key sign: exit status %d\n%s%s", status, stdout, stderr)
	}
	stdout, stderr, _ = f.Run(t, "yubico-piv-tool", "-r", f.Reader(0), "-a", "status")
	if !strings.Contains(stdout+stderr, hex.EncodeToString(made.Object(emulate.TagCHUID))) {
		t.Errorf("yubico-piv-tool reads another CHUID\n%s%s", stdout, stderr)
	}

	pivGo(t, f.Reader(0), certificate)

	openssl(": OK", "verify", "-x509_strict", "-CAfile", authority, path)
	signature, content := filepath.Join(dir, "chuid.cms"), filepath.Join(dir, "chuid.content")
	if err := os.WriteFile(signature, chuid.CMS, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(content, chuid.Signed, 0o600); err != nil {
		t.Fatal(err)
	}
	openssl("Verification successful", "cms", "-verify", "-inform", "DER", "-in", signature, "-content", content, "-binary", "-purpose", "any", "-CAfile", authority, "-out", filepath.Join(dir, "out"))
	if err := os.WriteFile(content, append(bytes.Clone(chuid.Signed), 0), 0o600); err != nil {
		t.Fatal(err)
	}
	if exec.Command("openssl", "cms", "-verify", "-inform", "DER", "-in", signature, "-content", content, "-binary", "-purpose", "any", "-CAfile", authority, "-out", filepath.Join(dir, "out")).Run() == nil {
		t.Error("openssl takes the signature over other bytes")
	}
}

// pivGo has the Go package of another project read the certificate and have its key sign.
func pivGo(t *testing.T, reader string, want *x509.Certificate) {
	t.Helper()
	on := must(piv.Open(reader))(t)
	defer func() {
		if err := on.Close(); err != nil {
			t.Errorf("piv-go: %v", err)
		}
	}()
	certificate := must(on.Certificate(piv.SlotCardAuthentication))(t)
	if !certificate.Equal(want) {
		t.Error("piv-go reads another certificate")
	}
	key := must(on.PrivateKey(piv.SlotCardAuthentication, certificate.PublicKey, piv.KeyAuth{PINPolicy: piv.PINPolicyNever}))(t)
	digest := sha256.Sum256([]byte("piv-go"))
	signature := must(key.(crypto.Signer).Sign(rand.Reader, digest[:], crypto.SHA256))(t)
	if !ecdsa.VerifyASN1(certificate.PublicKey.(*ecdsa.PublicKey), digest[:], signature) {
		t.Error("piv-go: the signature of key 9E does not verify")
	}
}
