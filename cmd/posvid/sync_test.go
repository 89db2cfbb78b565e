package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/posvid/posvid/checkpoint"
	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/service/checkpoints"
	"github.com/posvid/posvid/service/holder"
	"github.com/posvid/posvid/service/servicetest"
	"github.com/posvid/posvid/store"
	"github.com/posvid/posvid/trust"
	"github.com/posvid/posvid/verifier"
)

// syncWorld is a service, and a device that is made of processes of both programs.
type syncWorld struct {
	*servicetest.World
	t      *testing.T
	origin string
	server *httptest.Server
	admin  *http.Client
	chief  *http.Client
	shift  time.Duration // of the processes' clocks, to the service's

	mu    sync.Mutex
	spoil func(w http.ResponseWriter, r *http.Request, next http.Handler) // what stands between
	seen  []*http.Request
}

func newSyncWorld(t *testing.T, secure bool) *syncWorld {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &syncWorld{t: t, shift: time.Until(servicetest.Began)}
	scheme := "http://"
	if secure {
		scheme = "https://"
	}
	w.origin = scheme + listener.Addr().String()
	w.World = servicetest.New(t, func(c *service.Config) {
		c.Origin = w.origin
		c.Now = w.now
	})
	if err := holder.Mount(w.Server); err != nil {
		t.Fatal(err)
	}
	if err := checkpoints.Mount(w.Server, checkpoints.Config{Folder: t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	handler := w.Server.Handler()
	w.server = httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		spoil := w.spoil
		w.seen = append(w.seen, r)
		w.mu.Unlock()
		if spoil != nil {
			spoil(rw, r, handler)
			return
		}
		handler.ServeHTTP(rw, r)
	}))
	w.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	w.server.Listener.Close()
	w.server.Listener = listener
	if secure {
		w.server.StartTLS()
	} else {
		w.server.Start()
	}
	t.Cleanup(w.server.Close)
	w.URL = w.server.URL
	w.Set(w.now())
	w.admin, w.chief = w.As(w.Role(service.BodyAdmin, w.Ministry)), w.As(w.Role(service.TrustOperator, nil))
	return w
}

func (w *syncWorld) now() time.Time { return time.Now().Add(w.shift).UTC() }

// between puts something between the service and whoever calls it; nil takes it away.
func (w *syncWorld) between(spoil func(w http.ResponseWriter, r *http.Request, next http.Handler)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.spoil, w.seen = spoil, nil
}

// post sends a form of a page.
func (w *syncWorld) post(c *http.Client, path string, form url.Values) string {
	w.t.Helper()
	status, header, data := w.Do(c, http.MethodPost, path, strings.NewReader(form.Encode()), "Content-Type", "application/x-www-form-urlencoded", "Accept", "text/html")
	switch status {
	case http.StatusSeeOther:
		return header.Get("Location")
	case http.StatusOK:
		return string(data)
	}
	w.t.Fatalf("POST %s: %d\n%.1500s", path, status, data)
	return ""
}

// publish makes the next bundle.
func (w *syncWorld) publish() uint64 {
	w.t.Helper()
	b, _, err := w.Trust.Bundle()
	if err != nil {
		w.t.Fatal(err)
	}
	at := w.now()
	if next := b.IssuedAt().Add(time.Second); at.Before(next) {
		at = next
	}
	if err := w.Trust.Publish(context.Background(), at); err != nil {
		w.t.Fatal(err)
	}
	b, _, err = w.Trust.Bundle()
	if err != nil {
		w.t.Fatal(err)
	}
	return b.Number()
}

// command is a process of one of the programs, with the service's clock.
func (w *syncWorld) command(program string, args ...string) *exec.Cmd {
	c := exec.Command(program, args...)
	c.Env = append(os.Environ(), "LC_ALL=uk_UA.UTF-8", "POSVID_PASSPHRASE=фраза пристрою", "SCRIPT_CLOCK="+w.shift.String(), "HTTP_PROXY=", "HTTPS_PROXY=")
	return c
}

// runs runs a process to its end and wants an exit code and words in its output.
func (w *syncWorld) runs(code int, words string, program string, args ...string) string {
	w.t.Helper()
	var out bytes.Buffer
	c := w.command(program, args...)
	c.Stdout, c.Stderr = &out, &out
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		w.t.Fatal(err)
	}
	if got := c.ProcessState.ExitCode(); got != code || !strings.Contains(out.String(), words) {
		w.t.Errorf("%s %s: exit %d, want %d and %q\n%s", program, strings.Join(args, " "), got, code, words, out.String())
	}
	return out.String()
}

// device is a folder of a device with an account.
type syncDevice struct {
	w     *syncWorld
	state string
	path  string // of the account's page
	id    uint64
}

// onboarded brings a device in by the program, as far as the key that waits to be compared.
func (w *syncWorld) onboarded(name string) *syncDevice {
	w.t.Helper()
	d := &syncDevice{w: w, state: filepath.Join(w.t.TempDir(), "gate")}
	d.path = w.post(w.admin, "/b/"+w.Ministry.EDRPOU+"/checkpoints", url.Values{"name": {name}, "place": {"двір"}, "class": {"checkpoint"}, "until": {w.now().AddDate(0, 10, 0).Format(time.DateOnly)}})
	out := w.runs(0, "ключ пристрою: ", "posvid", "sync", "onboard", w.link(d.path), "--state", d.state, "--root", w.Pin.String())
	d.compare(out)
	return d
}

// link is the link of a new onboarding code.
func (w *syncWorld) link(path string) string {
	w.t.Helper()
	m := regexp.MustCompile(`id="link">([^<]+)<`).FindStringSubmatch(w.post(w.admin, path+"/code", nil))
	if m == nil {
		w.t.Fatal("no onboarding link")
	}
	return m[1]
}

// compare does what the administrator does: the key on the page is the one that the device has shown.
func (d *syncDevice) compare(out string) {
	d.w.t.Helper()
	shown := regexp.MustCompile(`ключ пристрою: ([A-Z2-7 ]+)`).FindStringSubmatch(out)
	_, _, page := d.w.Do(d.w.admin, http.MethodGet, d.path, nil, "Accept", "text/html")
	hex := regexp.MustCompile(`name="fingerprint" value="([0-9a-f]{64})"`).FindSubmatch(page)
	if shown == nil || hex == nil || !bytes.Contains(page, []byte(shown[1])) {
		d.w.t.Fatalf("the page does not show the device's key\n%s", out)
	}
	d.w.post(d.w.admin, d.path+"/confirm", url.Values{"fingerprint": {string(hex[1])}})
}

// admit has the trust operator admit the device and publish the bundle that says so.
func (d *syncDevice) admit() {
	d.w.t.Helper()
	d.w.post(d.w.chief, "/operator/checkpoints/"+d.path[strings.LastIndexByte(d.path, '/')+1:]+"/admit", nil)
	number := d.w.publish()
	d.sync(0, fmt.Sprintf("встановлено набір довіри %d", number))
	info := d.info()
	if info.VerifierID == 0 {
		d.w.t.Fatal("the device is not in its bundle")
	}
	d.id = info.VerifierID
}

func (d *syncDevice) sync(code int, words string, flags ...string) string {
	d.w.t.Helper()
	return d.w.runs(code, words, "posvid", append([]string{"sync", "--service", d.w.origin, "--state", d.state}, flags...)...)
}

func (d *syncDevice) open() *checkpoint.State {
	d.w.t.Helper()
	s, err := checkpoint.Open(d.state)
	if err != nil {
		d.w.t.Fatal(err)
	}
	return s
}

func (d *syncDevice) info() checkpoint.Info {
	d.w.t.Helper()
	info, err := d.open().Info(d.w.now())
	if err != nil {
		d.w.t.Fatal(err)
	}
	return info
}

// verify has posvid-verify judge a fresh code of the ministry's holder.
func (d *syncDevice) verify(code int, words string) {
	d.w.t.Helper()
	b, err := d.open().Bundle()
	if err != nil {
		d.w.t.Fatal(err)
	}
	beacon := b.Beacon().Value
	text, err := d.w.Ministry.Holders["issued"].Text(credential.FaceFull, beacon[:], d.w.now())
	if err != nil {
		d.w.t.Fatal(err)
	}
	d.w.runs(code, words, "posvid-verify", "qr", "--state", d.state, "--text", text)
}

// policy has the page sign a policy.
func (d *syncDevice) policy(fields ...string) {
	d.w.t.Helper()
	f := url.Values{"level": {"0"}, "until": {d.w.now().AddDate(0, 2, 0).Format(time.DateOnly)}}
	for i := 0; i+1 < len(fields); i += 2 {
		f.Set(fields[i], fields[i+1])
	}
	d.w.post(d.w.admin, d.path+"/policy", f)
}

// event writes a refusal into the device's journal, as its screen does.
func (d *syncDevice) event(at time.Time) {
	d.w.t.Helper()
	j, err := d.open().OpenJournal(at)
	if err == nil {
		err = j.Append(checkpoint.Event{At: at, Guard: "Коваль", Shift: at.Format("2006-01-02 15:04"), Source: checkpoint.SourceCamera, Verdict: &verifier.Verdict{Outcome: verifier.Refuse, Code: verifier.Expired}})
	}
	if err != nil {
		d.w.t.Fatal(err)
	}
}

// files is a digest of a device's folder, but for what is on its way and locks.
func (d *syncDevice) files() string {
	d.w.t.Helper()
	h := sha256.New()
	entries, err := os.ReadDir(d.state)
	if err != nil {
		d.w.t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() || strings.HasSuffix(e.Name(), "lock") {
			continue
		}
		data, err := os.ReadFile(filepath.Join(d.state, e.Name()))
		if err != nil {
			d.w.t.Fatal(err)
		}
		fmt.Fprintf(h, "%s %x\n", e.Name(), sha256.Sum256(data))
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

// TestSync follows a device from its onboarding code to its journal at the office, in processes of both programs (CPA-01, CPA-03,
// CPA-20, CPA-40, CPA-50, CPA-60).
func TestSync(t *testing.T) {
	if testing.Short() {
		t.Skip("short mode: dozens of processes")
	}
	w := newSyncWorld(t, false)
	d := &syncDevice{w: w, state: filepath.Join(t.TempDir(), "gate")}
	d.path = w.post(w.admin, "/b/"+w.Ministry.EDRPOU+"/checkpoints", url.Values{"name": {"Вхід № 3"}, "place": {"двір"}, "class": {"checkpoint"}, "until": {w.now().AddDate(0, 10, 0).Format(time.DateOnly)}})
	link := w.link(d.path)

	// The root does not come from the service; a mistyped or foreign one gets nowhere, and uses no code up.
	w.runs(1, w.Pin.String(), "posvid", "sync", "onboard", link, "--state", d.state)
	w.runs(2, "--root", "posvid", "sync", "onboard", link, "--state", d.state, "--root", "ABCD")
	w.runs(1, "набір довіри не встановлено", "posvid", "sync", "onboard", link, "--state", filepath.Join(t.TempDir(), "other"), "--root", "4N42 I2KH VKGR GPO6 E7YS YSYC LRFS XFTH BTFR SILJ EMKA KSSU SFXQ")
	w.runs(2, "посилання", "posvid", "sync", "onboard", w.origin, "--state", d.state)
	w.runs(2, "посилання", "posvid", "sync", "onboard", w.origin+"/checkpoints/onboard#abc", "--state", d.state)
	w.runs(1, "Код підключення не підходить", "posvid", "sync", "onboard", w.origin+"/checkpoints/onboard#AAAAAAAAAAAAAAAAAAAAAA", "--state", d.state)
	out := w.runs(0, "пункт «Вхід № 3»", "posvid", "sync", "onboard", link, "--state", d.state, "--root", w.Pin.String())
	w.runs(1, "onboarding-refused", "posvid", "sync", "onboard", link, "--state", d.state)
	d.sync(0, "пристрій не допущено", "--photos", "--journal")
	d.verify(0, "ЧИННЕ")
	d.compare(out)
	d.admit()
	d.verify(0, "ЧИННЕ")

	// The same bundle is not sent again.
	w.between(nil)
	d.sync(0, "набір довіри той самий")
	w.mu.Lock()
	first := w.seen[0]
	w.mu.Unlock()
	if first.URL.Path != "/api/v1/bundle" || first.Header.Get("If-None-Match") == "" || first.Header.Get(credential.RequestHeader) != "" {
		t.Errorf("first request: %s, %v", first.URL.Path, first.Header)
	}
	w.runs(0, "допущено як "+strconv.FormatUint(d.id, 10), "posvid-verify", "doctor", "--state", d.state)

	// Photos: the ministry's own checkpoint gets them; a second time nothing is fetched.
	d.sync(0, "встановлено світлини органу "+w.Ministry.EDRPOU+": 3", "--photos")
	if out := d.sync(0, "", "--photos"); strings.Contains(out, "світлини") {
		t.Errorf("photos again: %s", out)
	}
	w.runs(0, "світлин 3", "posvid-verify", "photos", "show", "--state", d.state)

	// A policy makes the device stricter, whether it comes by hand or by the network.
	d.policy("level", "3", "status", "12")
	_, _, strict := w.Do(w.admin, http.MethodGet, d.path+"/policy", nil)
	carried := filepath.Join(t.TempDir(), "carried.policy")
	if err := os.WriteFile(carried, strict, 0o600); err != nil {
		t.Fatal(err)
	}
	w.runs(0, "встановлено правила пункту", "posvid-verify", "policy", "install", carried, "--state", d.state)
	w.runs(0, "уже встановлено", "posvid-verify", "policy", "install", carried, "--state", d.state)
	if out := d.sync(0, ""); strings.Contains(out, "правила") {
		t.Errorf("the same policy by the network: %s", out)
	}
	d.verify(3, "НЕ ПІДТВЕРДЖЕНО")
	w.runs(0, "рівень від 3, дані до 12", "posvid-verify", "policy", "show", "--state", d.state)
	w.runs(0, "правила пункту №", "posvid-verify", "doctor", "--state", d.state)
	d.policy()
	d.sync(0, "встановлено правила пункту")
	d.verify(0, "ЧИННЕ")
	w.runs(3, "файл старіший за встановлені правила", "posvid-verify", "policy", "install", carried, "--state", d.state)

	// A service that was set back, or worse, hands out an older policy.
	before := d.files()
	err := w.Server.Store.Update(context.Background(), func(tx *store.ServiceTx) error {
		_, err := tx.Exec("DELETE FROM checkpoint_policies WHERE number = (SELECT max(number) FROM checkpoint_policies)")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	d.sync(1, "older than what is installed")
	if d.files() != before {
		t.Error("an older policy has changed the folder")
	}

	// The journal goes to the office, sealed to its device.
	office := w.onboarded("Охорона")
	office.admit()
	d.sync(1, "встановлено набір довіри") // and the old policy again
	d.signPolicy(d.installedPolicy()+1, office.id)
	d.event(w.now())
	d.event(w.now())
	d.sync(0, "віднесено подій журналу: 2", "--journal")
	if out := d.sync(0, "", "--journal"); strings.Contains(out, "віднесено") {
		t.Errorf("the journal again: %s", out)
	}
	_, _, page := w.Do(w.admin, http.MethodGet, d.path, nil, "Accept", "text/html")
	if !bytes.Contains(page, []byte(">Коваль<")) || !bytes.Contains(page, []byte("<code>expired</code>")) {
		t.Error("the report does not have the shift")
	}
	_, _, sealed := w.Do(w.admin, http.MethodGet, d.path+"/journal/1", nil)
	file := filepath.Join(t.TempDir(), "journal.sidj")
	if err := os.WriteFile(file, sealed, 0o600); err != nil {
		t.Fatal(err)
	}
	w.runs(0, `"guard":"Коваль"`, "posvid-verify", "journal", "open", file, "--state", office.state)
	w.runs(3, "not sealed to this device", "posvid-verify", "journal", "open", file, "--state", d.state)

	// Stopped: refused from this moment on, and the folder stays what it was.
	w.post(w.admin, d.path+"/stop", url.Values{"why": {"загублено"}})
	before = d.files()
	d.sync(1, "Цей пристрій зупинено", "--photos", "--journal")
	w.publish() // a newer bundle comes all the same: it is for everybody
	d.sync(1, "встановлено набір довіри")
	d.sync(0, "набір довіри той самий", "--no-keys")
	d.verify(3, "НЕ ПІДТВЕРДЖЕНО") // a photo is required
	if d.files() == before {
		t.Error("no bundle came")
	}
	if strings.Contains(w.Logs.String(), "Коваль") {
		t.Error("the log names a guard")
	}
}

// request is a verifier request with the device's own keys.
func (d *syncDevice) request() ([]byte, error) {
	s := d.open()
	key, err := s.Keys([]byte("фраза пристрою"))
	if err != nil {
		return nil, err
	}
	return s.Request(key, d.w.Ministry.EDRPOU, "Самотній", trust.ClassCheckpoint, d.w.now())
}

// installedPolicy is the number of the device's policy.
func (d *syncDevice) installedPolicy() uint64 {
	d.w.t.Helper()
	p, err := d.open().Policy(d.w.now())
	if err != nil || p == nil {
		d.w.t.Fatalf("policy: %+v %v", p, err)
	}
	return p.Number
}

// signPolicy puts a policy of a number into the service's table.
func (d *syncDevice) signPolicy(number, journalTo uint64) {
	d.w.t.Helper()
	q := trust.CheckpointPolicy{Verifier: d.id, Number: number, ValidUntil: d.w.now().AddDate(0, 2, 0).Truncate(time.Second)}
	q.JournalTo, q.Photo, q.JournalClear = journalTo, true, true
	signed, err := d.w.Ministry.Body.Body.SignPolicy(context.Background(), q, "test", d.w.now())
	if err == nil {
		err = d.w.Server.Store.Update(context.Background(), func(tx *store.ServiceTx) error {
			_, err := tx.Exec("INSERT INTO checkpoint_policies (checkpoint, number, policy, made, maker) VALUES ((SELECT id FROM checkpoints WHERE verifier = $1), $2, $3, 1, 1)", d.id, number, signed)
			return err
		})
	}
	if err != nil {
		d.w.t.Fatal(err)
	}
}

// TestSyncFaults: what goes wrong on the way leaves the folder as it was and says so (CPA-60, CPA-61).
func TestSyncFaults(t *testing.T) {
	if testing.Short() {
		t.Skip("short mode: dozens of processes")
	}
	w := newSyncWorld(t, false)
	d := w.onboarded("Вхід")
	d.admit()
	before := d.files()

	for name, c := range map[string]struct {
		code  int
		words string
		args  []string
	}{
		"no service":          {2, "--service", []string{"sync", "--state", d.state}},
		"plain http":          {2, "https://", []string{"sync", "--service", "http://id.example.gov.ua", "--state", d.state}},
		"a path":              {2, "адреса служби", []string{"sync", "--service", w.origin + "/api", "--state", d.state}},
		"another scheme":      {2, "https://", []string{"sync", "--service", "ftp://127.0.0.1", "--state", d.state}},
		"too often":           {2, "--every", []string{"sync", "--service", w.origin, "--every", "1s", "--state", d.state}},
		"once and again":      {2, "щось одне", []string{"sync", "--service", w.origin, "--once", "--every", "2m", "--state", d.state}},
		"no keys, but photos": {2, "ключів", []string{"sync", "--service", w.origin, "--no-keys", "--photos", "--state", d.state}},
		"no root":             {3, "закріпіть відбиток", []string{"sync", "--service", w.origin, "--state", filepath.Join(t.TempDir(), "fresh")}},
		"nobody there":        {3, "немає зв'язку", []string{"sync", "--service", "http://127.0.0.1:1", "--state", d.state}},
		"no such name":        {3, "", []string{"sync", "--service", "https://id.invalid", "--state", d.state}},
		"not PEM":             {2, "PEM", []string{"sync", "--service", w.origin, "--ca", os.Args[0], "--state", d.state}},
	} {
		if name == "not PEM" {
			file := filepath.Join(t.TempDir(), "ca.pem")
			if err := os.WriteFile(file, []byte("сертифікат"), 0o600); err != nil {
				t.Fatal(err)
			}
			c.args[4] = file
		}
		t.Run(name, func(t *testing.T) { w.runs(c.code, c.words, "posvid", c.args...) })
	}
	wrong := w.command("posvid", "sync", "--service", w.origin, "--state", d.state)
	wrong.Env = append(wrong.Env, "POSVID_PASSPHRASE=інша")
	if out, err := wrong.CombinedOutput(); err == nil || wrong.ProcessState.ExitCode() != 3 || !strings.Contains(string(out), "парольна фраза не підходить") {
		t.Errorf("a wrong passphrase: %v %s", err, out)
	}

	page := func(status int, kind, body string) func(http.ResponseWriter, *http.Request, http.Handler) {
		return func(rw http.ResponseWriter, _ *http.Request, _ http.Handler) {
			rw.Header().Set("Content-Type", kind)
			rw.WriteHeader(status)
			io.WriteString(rw, body)
		}
	}
	for name, c := range map[string]struct {
		spoil func(http.ResponseWriter, *http.Request, http.Handler)
		code  int
		words string
	}{
		"a captive portal":     {page(200, "text/html", "<html>Wi-Fi</html>"), 1, "набір довіри не встановлено"},
		"a proxy's error":      {page(502, "text/html", "<html>502</html>"), 3, "не її відповідь"},
		"a problem of no name": {page(403, "application/problem+json", `{"code":"\u001b[2J"}`), 3, "не її відповідь"},
		"overload":             {page(503, "application/problem+json", `{"code":"overloaded","title":"Служба перевантажена.","detail":"Повторіть."}`), 3, "Служба перевантажена"},
		"a redirect":           {page(302, "text/html", ""), 3, "302"},
		"an empty bundle":      {page(200, "application/vnd.posvid.bundle", ""), 1, "набір довіри не встановлено"},
		"a hostile text":       {page(403, "application/problem+json", `{"code":"forbidden","title":"\u001b[2Jстерто\u202e"}`), 1, " [2Jстерто"},
		"torn":                 {func(rw http.ResponseWriter, _ *http.Request, _ http.Handler) { panic(http.ErrAbortHandler) }, 3, "немає зв'язку"},
		"half a bundle": {func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
			next.ServeHTTP(&tornWriter{ResponseWriter: rw, left: 2000}, r)
		}, 3, "немає зв'язку"},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "half a bundle" {
				w.publish()
			}
			w.between(c.spoil)
			out := d.sync(c.code, c.words)
			if strings.ContainsAny(out, "\x1b\u202e") {
				t.Errorf("a text of the service moves the cursor: %q", out)
			}
		})
	}
	w.between(nil)
	if d.files() != before {
		t.Fatal("the folder has changed")
	}
	d.verify(0, "ЧИННЕ")

	// The device's clock is wrong: the service says by how much.
	late := w.command("posvid", "sync", "--service", w.origin, "--state", d.state)
	late.Env = append(late.Env, "SCRIPT_CLOCK="+(w.shift+10*time.Minute).String())
	if out, err := late.CombinedOutput(); err == nil || late.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), "годинник служби") {
		t.Errorf("a clock ten minutes ahead: %v %s", err, out)
	}

	// The address is part of what is signed: another name of the same machine is another service.
	w.runs(1, "буква в букву", "posvid", "sync", "--service", strings.Replace(w.origin, "127.0.0.1", "localhost", 1), "--state", d.state)

	// A device that is in the bundle, and nobody's account here, gets the bundle and its photos; its journal stays.
	lone := &syncDevice{w: w, state: filepath.Join(t.TempDir(), "lone")}
	w.runs(0, "закріплено", "posvid-verify", "trust", "pin", w.Pin.String(), "--state", lone.state)
	w.runs(0, "запит", "posvid-verify", "enrol", "--body", w.Ministry.EDRPOU, "--name", "Самотній", "--state", lone.state, "-o", filepath.Join(t.TempDir(), "lone.request"))
	request, err := lone.request()
	if err == nil {
		_, err = w.Trust.Admit(request, trust.VerifierGrant{ValidUntil: w.now().AddDate(0, 1, 0)}, w.now())
	}
	if err != nil {
		t.Fatal(err)
	}
	w.publish()
	lone.sync(0, "ця служба не має запису пункту")
	lone.event(w.now())
	lone.sync(0, "встановлено світлини", "--photos", "--journal")

	// Another program holds the folder.
	w.between(func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		time.Sleep(700 * time.Millisecond)
		next.ServeHTTP(rw, r)
	})
	slow := w.command("posvid", "sync", "--service", w.origin, "--state", d.state, "--every", "5m")
	if err := slow.Start(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { w.mu.Lock(); defer w.mu.Unlock(); return len(w.seen) > 0 })
	d.sync(3, "вже звіряє інша програма")
	w.between(nil)
	if err := slow.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := slow.Wait(); err != nil {
		t.Errorf("--every after an interrupt: %v", err)
	}
	d.sync(0, "")
}

func waitFor(t *testing.T, done func() bool) {
	t.Helper()
	for range 400 {
		if done() {
			return
		}
		time.Sleep(25 * time.Millisecond)
	}
	t.Fatal("waited for ten seconds")
}

// tornWriter breaks the connection after some bytes.
type tornWriter struct {
	http.ResponseWriter
	left int
}

func (w *tornWriter) Write(b []byte) (int, error) {
	if len(b) > w.left {
		w.ResponseWriter.Write(b[:w.left])
		http.NewResponseController(w.ResponseWriter).Flush()
		panic(http.ErrAbortHandler)
	}
	w.left -= len(b)
	return w.ResponseWriter.Write(b)
}

// Unwrap lets the service set deadlines.
func (w *tornWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// TestSyncTornPhotos: a download that is torn off goes on where it ended, in the same round and in the next one; a damaged one is
// thrown away (CPA-62).
func TestSyncTornPhotos(t *testing.T) {
	if testing.Short() {
		t.Skip("short mode: dozens of processes")
	}
	w := newSyncWorld(t, false)
	d := w.onboarded("Вхід")
	d.admit()
	var ranges []string
	var asked atomic.Int64
	torn := func(after int, times int64) func(http.ResponseWriter, *http.Request, http.Handler) {
		return func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
			if !strings.HasPrefix(r.URL.Path, "/api/v1/checkpoint/photos/") {
				next.ServeHTTP(rw, r)
				return
			}
			w.mu.Lock()
			ranges = append(ranges, r.Header.Get("Range"))
			w.mu.Unlock()
			if asked.Add(1) <= times {
				next.ServeHTTP(&tornWriter{ResponseWriter: rw, left: after}, r)
				return
			}
			next.ServeHTTP(rw, r)
		}
	}
	w.between(torn(3000, 1))
	d.sync(0, "обірвалося на 3000", "--photos")
	if len(ranges) != 2 || ranges[0] != "" || ranges[1] != "bytes=3000-" {
		t.Errorf("ranges: %q", ranges)
	}
	if err := d.open().RemovePhotos(w.Ministry.EDRPOU); err != nil {
		t.Fatal(err)
	}
	// Nothing gets through: the round ends undecided, and the next one goes on.
	ranges = nil
	asked.Store(0)
	w.between(torn(2000, 1000))
	d.sync(3, "немає зв'язку", "--photos")
	if packs, err := d.open().PhotoPacks(); err != nil || len(packs) != 0 {
		t.Errorf("half a pack is installed: %+v %v", packs, err)
	}
	w.between(nil)
	w.mu.Lock()
	w.seen = nil
	w.mu.Unlock()
	d.sync(0, "встановлено світлини", "--photos")
	w.mu.Lock()
	resumed := ""
	for _, r := range w.seen {
		if strings.HasPrefix(r.URL.Path, "/api/v1/checkpoint/photos/") {
			resumed = r.Header.Get("Range")
		}
	}
	w.mu.Unlock()
	if !regexp.MustCompile(`^bytes=[1-9][0-9]*-$`).MatchString(resumed) {
		t.Errorf("the next round began with range %q", resumed)
	}
	// Somebody on the way changes a byte.
	if err := d.open().RemovePhotos(w.Ministry.EDRPOU); err != nil {
		t.Fatal(err)
	}
	w.between(func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		if strings.HasPrefix(r.URL.Path, "/api/v1/checkpoint/photos/") {
			rw = &flipWriter{ResponseWriter: rw}
		}
		next.ServeHTTP(rw, r)
	})
	d.sync(3, "прийшли пошкодженими", "--photos")
	parts, err := filepath.Glob(filepath.Join(d.state, "sync", "*.part"))
	if err != nil || len(parts) != 0 {
		t.Errorf("a damaged part stays: %v %v", parts, err)
	}
	w.between(nil)
	d.sync(0, "встановлено світлини", "--photos")
}

type flipWriter struct {
	http.ResponseWriter
	done bool
}

func (w *flipWriter) Write(b []byte) (int, error) {
	if !w.done && len(b) > 100 {
		b = bytes.Clone(b)
		b[100] ^= 1
		w.done = true
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets the service set deadlines.
func (w *flipWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// TestSyncKilled: a kill at any moment leaves a folder that verifies, and the next round ends what was begun; an event that was
// acknowledged is not lost, and none is kept twice (CPA-63).
func TestSyncKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("short mode: kills dozens of processes")
	}
	w := newSyncWorld(t, false)
	d, office := w.onboarded("Вхід"), w.onboarded("Охорона")
	d.admit()
	office.admit()
	d.sync(0, "встановлено набір довіри")
	d.policy("journal", strconv.FormatUint(office.id, 10), "level", "2")
	d.sync(0, "встановлено правила")
	const rounds = 12
	for i := range rounds {
		w.publish()
		d.event(w.now())
		if i%3 == 0 {
			if err := d.open().RemovePhotos(w.Ministry.EDRPOU); err != nil && !errors.Is(err, checkpoint.ErrNoPhoto) {
				t.Fatal(err)
			}
		}
		c := w.command("posvid", "sync", "--service", w.origin, "--state", d.state, "--photos", "--journal")
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(40+35*i) * time.Millisecond)
		c.Process.Kill()
		c.Wait() // killed, or done
		d.verify(0, "ЧИННЕ")
		if info := d.info(); info.VerifierID != d.id || info.RecordsErr != nil || info.FloorErr != nil {
			t.Fatalf("after kill %d: %+v", i, info)
		}
	}
	d.sync(0, "", "--photos", "--journal")
	if packs, err := d.open().PhotoPacks(); err != nil || len(packs) != 1 || packs[0].Err != nil {
		t.Errorf("packs: %+v %v", packs, err)
	}
	total := 0
	err := w.Server.Store.View(context.Background(), func(tx *store.ServiceTx) error {
		next := 1
		return tx.Rows("SELECT first, last, events FROM checkpoint_journals ORDER BY first", nil, func(scan func(...any) error) error {
			var first, last, events int
			if err := scan(&first, &last, &events); err != nil {
				return err
			}
			if first != next {
				t.Errorf("uploads go from %d to %d", next, first)
			}
			next, total = last+1, total+events
			return nil
		})
	})
	if err != nil || total != rounds {
		t.Errorf("%d events arrived, want %d, %v", total, rounds, err)
	}
}

// TestSyncTLS: a certificate that nobody vouches for, or of another name, stops everything; --ca names the body's own authority
// (CPA-64).
func TestSyncTLS(t *testing.T) {
	if testing.Short() {
		t.Skip("short mode: a dozen processes")
	}
	w := newSyncWorld(t, true)
	state := filepath.Join(t.TempDir(), "council")
	w.runs(0, "закріплено", "posvid-verify", "trust", "pin", w.Pin.String(), "--state", state)
	w.runs(3, "невідомий центр", "posvid", "sync", "--service", w.origin, "--state", state)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	port := w.origin[strings.LastIndexByte(w.origin, ':'):]
	w.runs(3, "сертифікат не для", "posvid", "sync", "--service", "https://localhost"+port, "--ca", ca, "--state", state)
	w.runs(3, "", "posvid", "sync", "--service", "http://127.0.0.1"+port, "--state", state)
	if _, err := os.Stat(filepath.Join(state, "bundle-a.sidb")); err == nil {
		t.Fatal("a bundle came from somebody")
	}
	w.runs(0, "встановлено набір довіри", "posvid", "sync", "--service", w.origin, "--ca", ca, "--state", state)
	w.runs(0, "the bundle is the same", "posvid", "sync", "--service", w.origin, "--ca", ca, "--state", state, "--lang", "en")
	w.runs(0, "не допущено", "posvid", "sync", "--service", w.origin, "--ca", ca, "--state", state, "--photos")
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	go http.Serve(plain, http.NotFoundHandler())
	w.runs(3, "без шифрування", "posvid", "sync", "--service", "https://"+plain.Addr().String(), "--state", state)
}
