package office_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"mime"
	"mime/multipart"
	"net"
	"net/mail"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

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
	cmd := exec.CommandContext(t.Context(), openssl, "cms", "-verify", "-in", in, "-CAfile", w.pem, "-purpose", "smimesign", "-attime", time.Unix(w.now.Unix(), 0).Format("")+itoa(w.now.Unix()))
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	if err := cmd.Run(); err != nil {
		return nil, errors.New(complaint.String())
	}
	return out.Bytes(), nil
}

func itoa(n int64) string { return big.NewInt(n).String() }

const plainLetter = "From: o.vyhadana@minagro.example\nTo: k.adresat@other.example\nSubject: Проєкт наказу\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\nДобрий день.\nПроєкт у вкладенні.\n"

func TestSignedMessage(t *testing.T) {
	w := newMailWorld(t)
	id, err := w.send(olena, plainLetter)
	if err != nil {
		t.Fatal(err)
	}
	files := w.delivered(id)
	if len(files) != 1 {
		t.Fatalf("%d files", len(files))
	}
	t.Logf("%s", files[0])
	signed, err := w.cmsVerify(t, files[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s", signed)
	_, _, _, _, _, _ = mime.TypeByExtension, multipart.ErrMessageTooLarge, mail.ErrHeaderNotPresent, net.Dial, netip.Addr{}, io.EOF
	_, _, _, _ = tls.Config{}, ecdsa.PublicKey{}, elliptic.P256, rand.Reader
	_, _ = x509.Certificate{}, pkix.Name{}
}
