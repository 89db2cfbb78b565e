package office_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"io"
	"mime"
	"net/mail"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/smallstep/pkcs7"

	"github.com/posvid/posvid/office"
	"github.com/posvid/posvid/store"
)

// mailWorld is a gate over a store of its own, with one body whose people are what the test says.
type mailWorld struct {
	t      testing.TB
	mail   *office.Mail
	store  office.Store
	file   string
	folder string
	pem    string // file of the authority's certificate

	mu     sync.Mutex
	now    time.Time
	people map[office.Seat]office.Member
	status map[office.Seat]office.Status
}

var (
	mailBegan = time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	olena     = office.Member{Seat: office.Seat{Body: "99000011", Post: 17}, Surname: "Вигадана", Given: "Олена", Position: "головний спеціаліст, юрист",
		Unit: "Відділ «Право»", Email: "o.vyhadana@minagro.example"}
	taras = office.Member{Seat: office.Seat{Body: "99000011", Post: 18}, Surname: "Мрійник", Given: "Тарас", Position: "директор", Email: "t.mriinyk@minagro.example"}
)

const mailBody = "Міністерство вигаданої політики"

func newMailWorld(t testing.TB) *mailWorld {
	t.Helper()
	w := &mailWorld{t: t, now: mailBegan, file: filepath.Join(t.TempDir(), "service.db"), folder: filepath.Join(t.TempDir(), "out"),
		people: map[office.Seat]office.Member{olena.Seat: olena, taras.Seat: taras},
		status: map[office.Seat]office.Status{olena.Seat: office.StatusValid, taras.Seat: office.StatusValid}}
	w.store = mailStore(t, w.file)
	w.mail = w.open(w.store)
	w.set(office.MailSettings{Kind: office.MailFolder, Address: w.folder, TLS: "none"})
	a, err := w.mail.NewAuthority(t.Context(), olena.Body, w.now)
	if err != nil {
		t.Fatal(err)
	}
	w.pem = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(w.pem, a.PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	return w
}

// mailKey is the data key of test stores.
var mailKey = store.DataKey{1, 2, 3}

func mailStore(t testing.TB, file string) office.Store {
	t.Helper()
	sealer, err := store.NewSealer(mailKey)
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.OpenService(file, store.Options{Sealer: sealer})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s.Office()
}

func (w *mailWorld) open(s office.Store) *office.Mail {
	w.t.Helper()
	m, err := office.OpenMail(s, office.MailConfig{Origin: "https://id.example", Seated: w.seated,
		BodyName: func(_ context.Context, edrpou string) (string, error) {
			if edrpou != olena.Body {
				return "", office.ErrNotFound
			}
			return mailBody, nil
		},
		Page: func(s office.Seat) string { return "/office/people/" + s.String() }})
	if err != nil {
		w.t.Fatal(err)
	}
	return m
}

func (w *mailWorld) set(s office.MailSettings) {
	w.t.Helper()
	s.Body, s.Domains, s.Sender = olena.Body, []string{"minagro.example"}, "office@minagro.example"
	if err := w.mail.Set(w.t.Context(), s, w.now); err != nil {
		w.t.Fatal(err)
	}
}

func (w *mailWorld) seated(_ context.Context, seat office.Seat) (office.Member, office.Status, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	m, ok := w.people[seat]
	if !ok {
		return office.Member{}, office.StatusNone, office.ErrNotFound
	}
	return m, w.status[seat], nil
}

func (w *mailWorld) change(seat office.Seat, status office.Status, change func(*office.Member)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.status[seat] = status
	m := w.people[seat]
	if change != nil {
		change(&m)
	}
	w.people[seat] = m
}

// send submits a text for one recipient.
func (w *mailWorld) send(m office.Member, raw string, to ...string) (string, error) {
	if to == nil {
		to = []string{"k.adresat@other.example"}
	}
	return w.mail.Submit(w.t.Context(), m.Seat, office.Envelope{From: m.Email, To: to}, []byte(strings.ReplaceAll(raw, "\n", "\r\n")), w.now)
}

// delivered runs a round and answers the files of a message in the folder.
func (w *mailWorld) delivered(id string) [][]byte {
	w.t.Helper()
	if _, err := w.mail.Deliver(w.t.Context(), olena.Body, w.now); err != nil {
		w.t.Fatal(err)
	}
	names, err := filepath.Glob(filepath.Join(w.folder, id+"-*.eml"))
	if err != nil {
		w.t.Fatal(err)
	}
	var out [][]byte
	for _, n := range names {
		data, err := os.ReadFile(n)
		if err != nil {
			w.t.Fatal(err)
		}
		out = append(out, data)
	}
	return out
}

// need finds a program; without it the test is skipped, and in CI it fails.
func need(t testing.TB, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is not installed", program)
		}
		t.Skipf("%s is not installed", program)
	}
	return path
}

// cmsVerify has openssl check a signed message at the world's time, and answers what was signed.
func (w *mailWorld) cmsVerify(t testing.TB, message []byte) ([]byte, error) {
	t.Helper()
	openssl := need(t, "openssl")
	in := filepath.Join(t.TempDir(), "in.eml")
	if err := os.WriteFile(in, message, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), openssl, "cms", "-verify", "-in", in, "-CAfile", w.pem, "-purpose", "smimesign", "-attime", strconv.FormatInt(w.now.Unix(), 10))
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	if err := cmd.Run(); err != nil {
		return nil, errors.New(complaint.String())
	}
	return out.Bytes(), nil
}

const plainLetter = "From: o.vyhadana@minagro.example\nTo: k.adresat@other.example\nSubject: Проєкт наказу\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\nДобрий день.\nПроєкт у вкладенні.\n"

// TestSignedMessage: openssl takes the signature, sees the header inside, and refuses a message of which one byte was changed (OML-10, OML-11).
func TestSignedMessage(t *testing.T) {
	w := newMailWorld(t)
	if _, err := w.send(olena, "From: "+olena.Email+"\n\nno subject\n"); err != nil {
		t.Fatal(err)
	}
	id, err := w.send(olena, plainLetter)
	if err != nil {
		t.Fatal(err)
	}
	message := w.delivered(id)[0]
	signed, err := w.cmsVerify(t, message)
	if err != nil {
		t.Fatal(err)
	}
	outer, err := mail.ReadMessage(bytes.NewReader(message))
	if err != nil {
		t.Fatal(err)
	}
	inner, err := mail.ReadMessage(bytes.NewReader(signed))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"From", "To", "Subject", "Date", "Message-Id", "Organization", "X-Posvid-Position", "X-Posvid-Service-Id", "X-Posvid-Official"} {
		if v := inner.Header.Get(name); v == "" || v != outer.Header.Get(name) {
			t.Errorf("%s: %q inside, %q outside", name, v, outer.Header.Get(name))
		}
	}
	from, err := inner.Header.AddressList("From")
	if err != nil || from[0].Name != "Олена Вигадана, головний спеціаліст, юрист" || from[0].Address != olena.Email {
		t.Errorf("%v %v", from, err)
	}
	if _, params, _ := mime.ParseMediaType(inner.Header.Get("Content-Type")); params["hp"] != "clear" {
		t.Errorf("Content-Type %q, want hp=clear (RFC 9788)", inner.Header.Get("Content-Type"))
	}
	text, _ := io.ReadAll(base64.NewDecoder(base64.StdEncoding, inner.Body))
	if string(text) != "Добрий день.\r\nПроєкт у вкладенні.\r\n" {
		t.Errorf("text %q", text)
	}
	for _, at := range []int{bytes.Index(message, []byte("\r\n--")) + 60, bytes.LastIndex(message, []byte("X-Posvid-Position")) + 30, bytes.Index(message, []byte("0JTQvtCx"))} {
		changed := bytes.Clone(message)
		changed[at] ^= 1
		if _, err := w.cmsVerify(t, changed); err == nil {
			t.Errorf("a change at byte %d was taken:\n%s", at, changed)
		}
	}
}

// TestCertificate: what a person's certificate says, whom it chains to, and that the authority can speak for no other domain (OML-12, OML-13).
func TestCertificate(t *testing.T) {
	w := newMailWorld(t)
	leaf, ca := w.certificates(olena)
	roots := x509.NewCertPool()
	roots.AddCert(ca)
	options := x509.VerifyOptions{Roots: roots, CurrentTime: w.now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection}}
	if _, err := leaf.Verify(options); err != nil {
		t.Fatal(err)
	}
	options.KeyUsages = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	if _, err := leaf.Verify(options); err == nil {
		t.Error("good for a web server")
	}
	if leaf.Subject.CommonName != "Олена Вигадана" || len(leaf.EmailAddresses) != 1 || leaf.EmailAddresses[0] != olena.Email || leaf.IsCA ||
		leaf.KeyUsage != x509.KeyUsageDigitalSignature || leaf.NotAfter.Sub(w.now) > 366*24*time.Hour || leaf.PublicKeyAlgorithm != x509.ECDSA ||
		len(leaf.CRLDistributionPoints) != 1 || leaf.CRLDistributionPoints[0] != "https://id.example/office/mail/ca/99000011-1.crl" {
		t.Errorf("certificate %+v", leaf)
	}
	if title := attribute(leaf, "2.5.4.12"); title != olena.Position {
		t.Errorf("title %q", title)
	}
	if !ca.IsCA || !ca.MaxPathLenZero || len(ca.PermittedEmailAddresses) != 1 || ca.PermittedEmailAddresses[0] != "minagro.example" || !ca.PermittedDNSDomainsCritical {
		t.Errorf("authority %+v", ca)
	}
	// The same person writes again: the same certificate.
	if again, _ := w.certificates(olena); !again.Equal(leaf) {
		t.Error("another certificate for the same person and post")
	}
	// An authority of one domain: another one is refused, until there is a new authority.
	w.change(olena.Seat, office.StatusValid, func(m *office.Member) { m.Email = "o.vyhadana@new.example" })
	moved := olena
	moved.Email = "o.vyhadana@new.example"
	letter := strings.ReplaceAll(plainLetter, olena.Email, moved.Email)
	if _, err := w.send(moved, letter); !errors.Is(err, office.MailDomain) {
		t.Errorf("a domain that the gate does not have: %v", err)
	}
	s, err := w.mail.Settings(t.Context(), olena.Body)
	if err != nil {
		t.Fatal(err)
	}
	s.Domains = append(s.Domains, "new.example")
	if err := w.mail.Set(t.Context(), s, w.now); err != nil {
		t.Fatal(err)
	}
	if _, err := w.send(moved, letter); !errors.Is(err, office.MailDomain) {
		t.Errorf("a domain that the authority does not have: %v", err)
	}
	if _, err := w.mail.NewAuthority(t.Context(), olena.Body, w.now); err != nil {
		t.Fatal(err)
	}
	if _, err := w.send(moved, letter); err != nil {
		t.Error(err)
	}
}

// TestPositionAtTheDate: a letter says the position of its day, a new position brings a new certificate, and the old key is gone (OML-10, OML-14).
func TestPositionAtTheDate(t *testing.T) {
	w := newMailWorld(t)
	before, err := w.send(olena, plainLetter)
	if err != nil {
		t.Fatal(err)
	}
	old, _ := w.certificates(olena)
	letter := w.delivered(before)[0]
	w.now = w.now.Add(24 * time.Hour)
	w.change(olena.Seat, office.StatusValid, func(m *office.Member) { m.Position = "начальник відділу" })
	after, err := w.send(olena, plainLetter)
	if err != nil {
		t.Fatal(err)
	}
	fresh, _ := w.certificates(olena)
	if fresh.Equal(old) || attribute(fresh, "2.5.4.12") != "начальник відділу" {
		t.Errorf("title %q", attribute(fresh, "2.5.4.12"))
	}
	for id, want := range map[string]string{before: "Олена Вигадана, головний спеціаліст, юрист", after: "Олена Вигадана, начальник відділу"} {
		message := letter
		if id == after {
			message = w.delivered(after)[0]
		}
		signed, err := w.cmsVerify(t, message)
		if err != nil {
			t.Fatal(err)
		}
		m, err := mail.ReadMessage(bytes.NewReader(signed))
		if err != nil {
			t.Fatal(err)
		}
		if from, err := m.Header.AddressList("From"); err != nil || from[0].Name != want {
			t.Errorf("%v %v, want %q", from, err, want)
		}
	}
	if n := w.count("SELECT count(*) FROM office_mail_certificates WHERE key IS NOT NULL"); n != 1 {
		t.Errorf("%d keys are kept, want that of the certificate in use", n)
	}
	if list := w.revoked(1); len(list) != 0 {
		t.Errorf("a superseded certificate is in the revocation list: letters signed with it would look false: %v", list)
	}
}

// TestLastDaysOfTheAuthority: in the last month of an authority its certificates go on being used: a new one could not last longer (OML-14).
func TestLastDaysOfTheAuthority(t *testing.T) {
	w := newMailWorld(t)
	_, ca := w.certificates(olena)
	w.now = ca.NotAfter.Add(-10 * 24 * time.Hour)
	for range 3 {
		if _, err := w.send(taras, strings.ReplaceAll(plainLetter, olena.Email, taras.Email)); err != nil {
			t.Fatal(err)
		}
	}
	if n := w.count("SELECT count(*) FROM office_mail_certificates WHERE seat = '99000011-18'"); n != 1 {
		t.Errorf("%d certificates for three letters", n)
	}
	w.now = ca.NotAfter.Add(time.Second)
	if _, err := w.send(olena, plainLetter); !errors.Is(err, office.MailNotSet) {
		t.Errorf("after the authority: %v", err)
	}
}

// TestRevocationList: whoever left, or was ended, is in the list; the suspended and the superseded are not (OML-15).
func TestRevocationList(t *testing.T) {
	w := newMailWorld(t)
	gone, ca := w.certificates(olena)
	stays, _ := w.certificates(taras)
	if n, err := w.mail.EndLeft(t.Context(), w.now); n != 0 || err != nil {
		t.Fatalf("%d %v", n, err)
	}
	w.change(taras.Seat, office.StatusSuspended, nil)
	w.change(olena.Seat, office.StatusNone, nil)
	w.now = w.now.Add(time.Hour)
	if n, err := w.mail.EndLeft(t.Context(), w.now); n != 1 || err != nil {
		t.Fatalf("%d %v", n, err)
	}
	list := w.revoked(1)
	if len(list) != 1 || list[0].SerialNumber.Cmp(gone.SerialNumber) != 0 || list[0].ReasonCode != 3 || !list[0].RevocationTime.Equal(w.now) {
		t.Errorf("%+v", list)
	}
	if err := w.mail.EndCertificate(t.Context(), taras.Seat, w.now); err != nil {
		t.Fatal(err)
	}
	if err := w.mail.EndCertificate(t.Context(), taras.Seat, w.now); !errors.Is(err, office.ErrNotFound) {
		t.Errorf("ended twice: %v", err)
	}
	list = w.revoked(1)
	if len(list) != 2 || list[1].SerialNumber.Cmp(stays.SerialNumber) != 0 || list[1].ReasonCode != 1 {
		t.Errorf("%+v", list)
	}
	if n := w.count("SELECT count(*) FROM office_mail_certificates WHERE key IS NOT NULL"); n != 0 {
		t.Errorf("%d keys are kept", n)
	}
	if _, err := w.mail.RevocationList(t.Context(), 9, w.now); !errors.Is(err, office.ErrNotFound) {
		t.Errorf("list of no authority: %v", err)
	}
	// openssl says so too.
	openssl := need(t, "openssl")
	folder := t.TempDir()
	der, err := w.mail.RevocationList(t.Context(), 1, w.now)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, der []byte) string {
		file := filepath.Join(folder, name)
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	crl, leaf, root := write("crl.pem", "X509 CRL", der), write("leaf.pem", "CERTIFICATE", gone.Raw), write("ca.pem", "CERTIFICATE", ca.Raw)
	for list, want := range map[string]string{"": "OK", crl: "certificate revoked"} {
		args := []string{"verify", "-CAfile", root, "-purpose", "smimesign", "-attime", strconv.FormatInt(w.now.Unix(), 10)}
		if list != "" {
			args = append(args, "-crl_check", "-CRLfile", list)
		}
		out, _ := exec.CommandContext(t.Context(), openssl, append(args, leaf)...).CombinedOutput()
		if !strings.Contains(string(out), want) {
			t.Errorf("openssl: %s, want %q", out, want)
		}
	}
}

// TestEndLeftAcrossBodies: a body that is not served for a while keeps its certificates, and one post that cannot be looked up keeps no other's alive
// (OML-15).
func TestEndLeftAcrossBodies(t *testing.T) {
	w := newMailWorld(t)
	w.certificates(olena)
	w.certificates(taras)
	served, broken := false, errors.New("a register that cannot be read")
	m, err := office.OpenMail(w.store, office.MailConfig{Origin: "https://id.example", Page: func(office.Seat) string { return "/" },
		BodyName: func(context.Context, string) (string, error) {
			if !served {
				return "", office.ErrNotFound
			}
			return mailBody, nil
		},
		Seated: func(_ context.Context, s office.Seat) (office.Member, office.Status, error) {
			if served && s == olena.Seat {
				return office.Member{}, office.StatusNone, broken
			}
			return office.Member{}, office.StatusNone, office.ErrNotFound
		}})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := m.EndLeft(t.Context(), w.now); n != 0 || err != nil {
		t.Errorf("of a body that is not served: %d %v", n, err)
	}
	served = true
	if n, err := m.EndLeft(t.Context(), w.now); n != 1 || !errors.Is(err, broken) {
		t.Errorf("%d %v, want the other post ended and the error", n, err)
	}
	if list := w.revoked(1); len(list) != 1 {
		t.Errorf("%d in the list", len(list))
	}
}

// TestWhoMaySend: who has no valid service ID in the post at this moment sends nothing, and nobody sends as somebody else (OML-03, OML-04).
func TestWhoMaySend(t *testing.T) {
	w := newMailWorld(t)
	for name, c := range map[string]struct {
		change func()
		want   error
	}{
		"suspended":  {func() { w.change(olena.Seat, office.StatusSuspended, nil) }, office.MailNoID},
		"revoked":    {func() { w.change(olena.Seat, office.StatusNone, nil) }, office.MailNoID},
		"no address": {func() { w.change(olena.Seat, office.StatusValid, func(m *office.Member) { m.Email = "" }) }, office.MailNoAddress},
		"strange address": {func() {
			w.change(olena.Seat, office.StatusValid, func(m *office.Member) { m.Email = "a b@minagro.example" })
		}, office.MailNoAddress},
		"another address": {func() {
			w.change(olena.Seat, office.StatusValid, func(m *office.Member) { m.Email = "x@minagro.example" })
		}, office.MailFrom},
		"somebody else": {func() { w.change(olena.Seat, office.StatusValid, func(m *office.Member) { m.Email = taras.Email }) }, office.MailFrom},
		"a foreign domain": {func() {
			w.change(olena.Seat, office.StatusValid, func(m *office.Member) { m.Email = "o.v@gmail.example" })
		}, office.MailFrom},
	} {
		c.change()
		if _, err := w.send(olena, plainLetter); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		w.change(olena.Seat, office.StatusValid, func(m *office.Member) { *m = olena })
	}
	if _, err := w.mail.MaySend(t.Context(), office.Seat{Body: olena.Body, Post: 99}, olena.Email); !errors.Is(err, office.MailNoID) {
		t.Errorf("nobody's post: %v", err)
	}
	for _, from := range []string{"", "postmaster@minagro.example", taras.Email, "o.vyhadana@minagro.example.evil.example", "о.vyhadana@minagro.example"} {
		if _, err := w.mail.Submit(t.Context(), olena.Seat, office.Envelope{From: from, To: []string{"a@b.example"}}, []byte(plainLetter), w.now); !errors.Is(err, office.MailFrom) {
			t.Errorf("return path %q: %v", from, err)
		}
	}
	w.change(taras.Seat, office.StatusValid, func(m *office.Member) { m.Body = "99000028" })
	other := office.Seat{Body: "99000028", Post: 18}
	w.people[other], w.status[other] = taras, office.StatusValid
	if _, err := w.mail.MaySend(t.Context(), other, taras.Email); !errors.Is(err, office.MailNotSet) {
		t.Errorf("a body without settings: %v", err)
	}
	if n := w.count("SELECT count(*) FROM office_mail_messages"); n != 0 {
		t.Errorf("%d messages were queued", n)
	}
	if _, err := w.send(olena, plainLetter); err != nil {
		t.Error(err)
	}
}

// TestSubmitLimits: recipients, sizes and a sender's share (OML-16).
func TestSubmitLimits(t *testing.T) {
	w := newMailWorld(t)
	many := make([]string, office.MaxRecipients+1)
	for i := range many {
		many[i] = "a" + strconv.Itoa(i) + "@b.example"
	}
	for name, to := range map[string][]string{"none": {}, "many": many, "control": {"a@b.example\r\nRCPT TO:<x@y.z>"}, "quoted": {"\"a b\"@b.example"}, "literal": {"a@[127.0.0.1]"}, "unicode": {"ї@b.example"}} {
		if _, err := w.send(olena, plainLetter, to...); !errors.Is(err, office.MailAddress) && !errors.Is(err, office.MailTooMany) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := w.send(olena, plainLetter+strings.Repeat("x", office.MaxMessage)); !errors.Is(err, office.MailTooLarge) {
		t.Errorf("large: %v", err)
	}
	for i := range 3 {
		if _, err := w.send(olena, plainLetter, many[:office.MaxRecipients]...); err != nil {
			t.Fatalf("%d: %v", i, err)
		}
	}
	if _, err := w.send(olena, plainLetter); !errors.Is(err, office.MailTooMany) {
		t.Errorf("more than the share of an hour: %v", err)
	}
	if _, err := w.send(taras, strings.ReplaceAll(plainLetter, olena.Email, taras.Email)); err != nil {
		t.Errorf("another sender: %v", err)
	}
	w.now = w.now.Add(time.Hour + time.Minute)
	// What waits takes room on the disk: 512 MiB of one post.
	size := func(n int64) {
		if err := w.store.Update(t.Context(), func(tx office.Tx) error {
			_, err := tx.Exec(`UPDATE office_mail_messages SET size = $1 WHERE seat = $2`, n, olena.Seat.String())
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	size(512 << 20 / 3)
	if _, err := w.send(olena, plainLetter); !errors.Is(err, office.MailTooMany) {
		t.Errorf("more waiting than there is room for: %v", err)
	}
	size(1000)
	if _, err := w.send(olena, plainLetter, "a@b.example", "A@B.example"); err != nil {
		t.Error(err)
	}
	sent, err := w.mail.Sent(t.Context(), olena.Seat, time.Time{}, 1)
	if err != nil || len(sent) != 1 || len(sent[0].Fates) != 1 {
		t.Errorf("the same recipient twice counts once: %+v %v", sent, err)
	}
}

// TestSettingsRefused: settings that would let passwords or letters go astray (OML-02).
func TestSettingsRefused(t *testing.T) {
	w := newMailWorld(t)
	good := office.MailSettings{Body: olena.Body, Kind: office.MailSMTP, Address: "mail.minagro.example:587", TLS: "starttls", User: "gate", Password: "p",
		Domains: []string{"minagro.example"}, Sender: "office@minagro.example"}
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*office.MailSettings){
		"kind":                  func(s *office.MailSettings) { s.Kind = "pop" },
		"no port":               func(s *office.MailSettings) { s.Address = "mail.minagro.example" },
		"port":                  func(s *office.MailSettings) { s.Address = "mail.minagro.example:0" },
		"host":                  func(s *office.MailSettings) { s.Address = "mail minagro:25" },
		"clear to another":      func(s *office.MailSettings) { s.TLS, s.User, s.Password = "none", "", "" },
		"clear with password":   func(s *office.MailSettings) { s.TLS, s.Address = "none", "127.0.0.1:25" },
		"tls":                   func(s *office.MailSettings) { s.TLS = "maybe" },
		"user alone":            func(s *office.MailSettings) { s.Password = "" },
		"roots":                 func(s *office.MailSettings) { s.Roots = "rubbish" },
		"no domain":             func(s *office.MailSettings) { s.Domains = nil },
		"domain":                func(s *office.MailSettings) { s.Domains = []string{"Minagro.Example"} },
		"top domain":            func(s *office.MailSettings) { s.Domains = []string{"ua"}; s.Sender = "a@ua" },
		"sender":                func(s *office.MailSettings) { s.Sender = "office@other.example" },
		"no sender":             func(s *office.MailSettings) { s.Sender = "" },
		"relative folder":       func(s *office.MailSettings) { s.Kind, s.Address = office.MailFolder, "out" },
		"relative socket":       func(s *office.MailSettings) { s.Kind, s.Address, s.TLS = office.MailLMTP, "unix:lmtp", "none" },
		"LMTP with STARTTLS":    func(s *office.MailSettings) { s.Kind = office.MailLMTP },
		"SMTP through a socket": func(s *office.MailSettings) { s.Address = "unix:/lmtp" },
	} {
		s := good
		change(&s)
		if err := w.mail.Set(t.Context(), s, w.now); !errors.Is(err, office.MailBadSettings) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := w.mail.Set(t.Context(), good, w.now); err != nil {
		t.Fatal(err)
	}
	if got, err := w.mail.Settings(t.Context(), olena.Body); err != nil || !reflect.DeepEqual(got, good) {
		t.Errorf("%+v %v", got, err)
	}
	if raw, err := os.ReadFile(w.file); err != nil || bytes.Contains(raw, []byte("mail.minagro.example:587p")) {
		t.Error("the password lies open")
	}
}

// TestSealedAtRest: nobody learns from the file whom somebody wrote to, or what (OML-17).
func TestSealedAtRest(t *testing.T) {
	w := newMailWorld(t)
	w.set(office.MailSettings{Kind: office.MailLMTP, Address: "127.0.0.1:1", TLS: "none"})
	if _, err := w.send(olena, strings.Replace(plainLetter, "Проєкт наказу", "Secret subject", 1)+"Secret text\n", "secret.recipient@other.example"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.mail.Deliver(t.Context(), olena.Body, w.now); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{w.file, w.file + "-wal"} {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{"Secret", "secret.recipient", base64.StdEncoding.EncodeToString([]byte("Secret text"))[:12], "PRIVATE", "Проєкт"} {
			if bytes.Contains(raw, []byte(secret)) {
				t.Errorf("%s holds %q", filepath.Base(name), secret)
			}
		}
	}
}

// TestNotice: letters of the service go once, one to each, signed by the body (OML-18).
func TestNotice(t *testing.T) {
	w := newMailWorld(t)
	n := office.Notice{Body: olena.Body, To: []string{olena.Email, taras.Email}, Subject: "Опитування чекає", Text: "Дайте відповідь до 1 грудня.\n", Key: "survey 1"}
	for range 2 {
		if err := w.mail.Send(t.Context(), n, w.now); err != nil {
			t.Fatal(err)
		}
	}
	w.delivered("x")
	names, _ := filepath.Glob(filepath.Join(w.folder, "*.eml"))
	if len(names) != 2 {
		t.Fatalf("%d letters, want one to each, once", len(names))
	}
	for _, name := range names {
		message, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		signed, err := w.cmsVerify(t, message)
		if err != nil {
			t.Fatal(err)
		}
		m, err := mail.ReadMessage(bytes.NewReader(signed))
		if err != nil {
			t.Fatal(err)
		}
		from, _ := m.Header.AddressList("From")
		to, _ := m.Header.AddressList("To")
		if len(from) != 1 || from[0].Address != "office@minagro.example" || from[0].Name != mailBody || len(to) != 1 || m.Header.Get("Auto-Submitted") != "auto-generated" ||
			m.Header.Get("X-Posvid-Service-Id") != "" {
			t.Errorf("%v", m.Header)
		}
	}
	n.Key = "survey 2"
	if err := w.mail.Send(t.Context(), n, w.now); err != nil {
		t.Fatal(err)
	}
	if got := w.count("SELECT count(*) FROM office_mail_messages"); got != 4 {
		t.Errorf("%d letters, want 4", got)
	}
	n.Key, n.To = "survey 3", []string{"ні@пошта.example", olena.Email}
	if err := w.mail.Send(t.Context(), n, w.now); !errors.Is(err, office.MailAddress) {
		t.Error(err)
	}
	if got := w.count("SELECT count(*) FROM office_mail_messages"); got != 5 {
		t.Errorf("%d letters, want that to the one address that is right too", got)
	}
	for name, change := range map[string]func(*office.Notice){"body": func(n *office.Notice) { n.Body = "99000028" }, "address": func(n *office.Notice) { n.To = []string{"a@b\r\nBcc: x@y.z"} }} {
		bad := n
		change(&bad)
		if err := w.mail.Send(t.Context(), bad, w.now); err == nil {
			t.Errorf("%s: sent", name)
		}
	}
}

// certificates are a person's certificate and the newest authority, from a letter sent now.
func (w *mailWorld) certificates(m office.Member) (leaf, ca *x509.Certificate) {
	w.t.Helper()
	id, err := w.send(m, strings.ReplaceAll(plainLetter, olena.Email, m.Email))
	if err != nil {
		w.t.Fatal(err)
	}
	message := w.delivered(id)[0]
	i := bytes.LastIndex(message, []byte("smime.p7s\"\r\n\r\n"))
	der, err := io.ReadAll(base64.NewDecoder(base64.StdEncoding, bytes.NewReader(bytes.Split(message[i+len("smime.p7s\"\r\n\r\n"):], []byte("--"))[0])))
	if err != nil {
		w.t.Fatal(err)
	}
	p7, err := pkcs7.Parse(der)
	if err != nil || len(p7.Certificates) != 2 {
		w.t.Fatalf("%v", err)
	}
	return p7.Certificates[0], p7.Certificates[1]
}

// attribute is one attribute of a certificate's subject.
func attribute(c *x509.Certificate, oid string) string {
	for _, a := range c.Subject.Names {
		if a.Type.String() == oid {
			text, _ := a.Value.(string)
			return text
		}
	}
	return ""
}

func (w *mailWorld) count(q string) (n int) {
	w.t.Helper()
	if err := w.store.View(w.t.Context(), func(tx office.Tx) error { return tx.Row(q, nil, &n) }); err != nil {
		w.t.Fatal(err)
	}
	return n
}

// revoked is the revocation list of an authority, checked.
func (w *mailWorld) revoked(authority int64) []x509.RevocationListEntry {
	w.t.Helper()
	der, err := w.mail.RevocationList(w.t.Context(), authority, w.now)
	if err != nil {
		w.t.Fatal(err)
	}
	list, err := x509.ParseRevocationList(der)
	if err != nil {
		w.t.Fatal(err)
	}
	all, err := w.mail.Authorities(w.t.Context(), olena.Body, w.now)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := list.CheckSignatureFrom(all[len(all)-1].Certificate); err != nil {
		w.t.Fatal(err)
	}
	return list.RevokedCertificateEntries
}
