package checkpoints

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/checkpoint"
	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/service/servicetest"
	"github.com/posvid/posvid/trust"
)

const day = 24 * time.Hour

// world is a service with this part alone.
type world struct {
	*servicetest.World
	folder string
	admin  *http.Client // administrator of the ministry
	chief  *http.Client // trust operator
	ended  []uint64
}

// endingTrust lets the trust operator end verifiers.
type endingTrust struct {
	*servicetest.Trust
	w *world
}

// EndVerifier implements ender.
func (t endingTrust) EndVerifier(id uint64, _ time.Time) error {
	t.w.ended = append(t.w.ended, id)
	return nil
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{World: servicetest.New(t), folder: t.TempDir()}
	w.Server.Trust = endingTrust{w.Trust, w}
	if err := Mount(w.Server, Config{Folder: w.folder}); err != nil {
		t.Fatal(err)
	}
	w.Start()
	w.admin, w.chief = w.As(w.Role(service.BodyAdmin, w.Ministry)), w.As(w.Role(service.TrustOperator, nil))
	return w
}

// again renews the clients' second factor after the clock was moved.
func (w *world) again() {
	w.admin, w.chief = w.As(w.Role(service.BodyAdmin, w.Ministry)), w.As(w.Role(service.TrustOperator, nil))
}

// problem is the code of a refusal.
func problem(data []byte) string {
	var p struct{ Code string }
	if json.Unmarshal(data, &p) != nil {
		if m := regexp.MustCompile(`id="problem-code">([a-z-]+)<`).FindSubmatch(data); m != nil {
			return string(m[1])
		}
		return "not a problem"
	}
	return p.Code
}

// post sends a form and wants a status; it answers the body, or where it was sent to.
func (w *world) post(c *http.Client, path string, form url.Values, want int) string {
	w.T.Helper()
	status, header, data := w.Do(c, http.MethodPost, path, strings.NewReader(form.Encode()), "Content-Type", "application/x-www-form-urlencoded", "Accept", "text/html")
	if status != want {
		w.T.Fatalf("POST %s: %d %s, want %d\n%.2000s", path, status, problem(data), want, data)
	}
	if status == http.StatusSeeOther {
		return header.Get("Location")
	}
	return string(data)
}

// refused is post that must fail with a code.
func (w *world) refused(c *http.Client, path string, form url.Values, code string) {
	w.T.Helper()
	status, _, data := w.Do(c, http.MethodPost, path, strings.NewReader(form.Encode()), "Content-Type", "application/x-www-form-urlencoded", "Accept", "text/html")
	if status < 400 || problem(data) != code {
		w.T.Errorf("POST %s: %d %s, want %s", path, status, problem(data), code)
	}
}

// get reads a page.
func (w *world) get(c *http.Client, path string) string {
	w.T.Helper()
	status, _, data := w.Do(c, http.MethodGet, path, nil, "Accept", "text/html")
	if status != http.StatusOK {
		w.T.Fatalf("GET %s: %d %s", path, status, problem(data))
	}
	return string(data)
}

// point makes a checkpoint of the ministry and answers its path.
func (w *world) point(name string) string {
	w.T.Helper()
	return w.post(w.admin, "/b/"+w.Ministry.EDRPOU+"/checkpoints", url.Values{"name": {name}, "place": {"вул. Вигадана, 1"}, "class": {"checkpoint"},
		"until": {w.Now().Add(300 * day).Format(time.DateOnly)}}, http.StatusSeeOther)
}

// codeOn shows an onboarding code and answers its token.
func (w *world) codeOn(path string) string {
	w.T.Helper()
	page := w.post(w.admin, path+"/code", nil, http.StatusOK)
	m := regexp.MustCompile(`id="link">([^<]+)#([A-Za-z0-9_-]+)<`).FindStringSubmatch(page)
	if m == nil || m[1] != w.Server.Origin+OnboardPath {
		w.T.Fatalf("no onboarding link in\n%s", page)
	}
	return m[2]
}

// api sends JSON without a signature.
func (w *world) api(path string, in any) (int, []byte) {
	w.T.Helper()
	data, err := json.Marshal(in)
	if err != nil {
		w.T.Fatal(err)
	}
	status, _, out := w.Do(w.Client(), http.MethodPost, path, bytes.NewReader(data), "Content-Type", "application/json")
	return status, out
}

// request is a device's verifier request.
func (w *world) request(k keys.VerifierPrivateKey, body, name string, class trust.Class, at time.Time) []byte {
	w.T.Helper()
	out, err := trust.EncodeVerifierRequest(trust.VerifierRequest{Body: body, Name: name, Class: class, IssuedAt: at, HPKE: k.HPKEPublic()}, k)
	if err != nil {
		w.T.Fatal(err)
	}
	return out
}

func newKey(t testing.TB) keys.VerifierPrivateKey {
	t.Helper()
	k, err := keys.GenerateVerifierKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// handIn hands a device's request in and answers the status and the code of a refusal.
func (w *world) handIn(token string, request []byte) (int, string) {
	w.T.Helper()
	status, data := w.api("/api/v1/checkpoints/onboard", map[string]any{"token": token, "request": request})
	return status, problem(data)
}

// device is an admitted device of an account.
type device struct {
	w    *world
	key  keys.VerifierPrivateKey
	path string // of the account's page
	id   uint64
}

// admitted brings a device in all the way: code, request, key compared, admitted, in the bundle.
func (w *world) admitted(name string) *device {
	w.T.Helper()
	return w.admittedAs(name, newKey(w.T))
}

func (w *world) admittedAs(name string, key keys.VerifierPrivateKey) *device {
	w.T.Helper()
	d := &device{w: w, key: key, path: w.point(name)}
	if status, code := w.handIn(w.codeOn(d.path), w.request(d.key, w.Ministry.EDRPOU, name, trust.ClassCheckpoint, w.Now())); status != http.StatusOK {
		w.T.Fatalf("onboarding: %d %s", status, code)
	}
	thumb := d.key.VerifierPublic().Thumbprint()
	w.post(w.admin, d.path+"/confirm", url.Values{"fingerprint": {fmt.Sprintf("%x", thumb)}}, http.StatusSeeOther)
	w.post(w.chief, "/operator/checkpoints/"+d.path[strings.LastIndexByte(d.path, '/')+1:]+"/admit", nil, http.StatusSeeOther)
	w.Advance(time.Second)
	if err := w.Trust.Publish(context.Background(), w.Now()); err != nil {
		w.T.Fatal(err)
	}
	b, _, err := w.Trust.Bundle()
	if err != nil {
		w.T.Fatal(err)
	}
	all, err := b.Verifiers()
	if err != nil {
		w.T.Fatal(err)
	}
	for _, v := range all {
		if v.SigningKey.Equal(d.key.VerifierPublic()) {
			d.id = v.ID
		}
	}
	if d.id == 0 {
		w.T.Fatal("the bundle does not have the device")
	}
	return d
}

// do sends a signed request.
func (d *device) do(method, target string, body []byte, header ...string) (int, http.Header, []byte) {
	d.w.T.Helper()
	return d.w.Do(d.w.Client(), method, target, bytes.NewReader(body), append(header, credential.RequestHeader, d.sign(method, target, body))...)
}

func (d *device) sign(method, target string, body []byte) string {
	d.w.T.Helper()
	signed, err := credential.SignVerifierRequest(credential.NewRequest(d.w.Server.Origin, method, target, body, d.w.Now()), d.key)
	if err != nil {
		d.w.T.Fatal(err)
	}
	return credential.EncodeRequestHeader(signed)
}

// wants is do that must be refused with a code.
func (d *device) wants(code, method, target string, body []byte, header ...string) {
	d.w.T.Helper()
	status, _, data := d.do(method, target, body, header...)
	if status < 400 || problem(data) != code {
		d.w.T.Errorf("%s %s: %d %s, want %s", method, target, status, problem(data), code)
	}
}

// state is the device's folder with the service's bundle.
func (d *device) state() *checkpoint.State {
	d.w.T.Helper()
	s, err := checkpoint.Open(d.w.T.TempDir())
	if err != nil {
		d.w.T.Fatal(err)
	}
	if err := s.Pin(d.w.Pin); err != nil {
		d.w.T.Fatal(err)
	}
	d.install(s)
	return s
}

func (d *device) install(s *checkpoint.State) {
	d.w.T.Helper()
	_, data, err := d.w.Trust.Bundle()
	if err == nil {
		_, err = s.Install(data, d.w.Now())
	}
	if err != nil {
		d.w.T.Fatal(err)
	}
}

func sum(data []byte) string { return fmt.Sprintf("%x", sha256.Sum256(data)) }
