package webpath

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"io"
	"mime"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/crypto/keys/authority"
	"github.com/posvid/posvid/qr"
	"github.com/posvid/posvid/testvectors/gen/demoroot"
	"github.com/posvid/posvid/trust"
	"github.com/posvid/posvid/web/webtest"
)

// operator is a trust operator with one body, whose people, bundles and clocks a test of the verifier page makes as it likes.
type operator struct {
	t      testing.TB
	reg    *trust.Register
	signer authority.BundlePrivateKey
	chain  *credential.BeaconChain
	issuer authority.IssuerPrivateKey
	pin    trust.Fingerprint
	made   int // bundles
	revoke map[uint32]trust.StatusValue
}

const checkedBody = "10000001"

func ok[T any](t testing.TB) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// newOperator makes an operator under a root of its own, or under the public demo root.
func newOperator(t testing.TB, demo bool) *operator {
	t.Helper()
	began := time.Now().Add(-90 * 24 * time.Hour)
	o := &operator{t: t, chain: credential.NewBeaconChain(sha256.Sum256([]byte(t.Name())), 500), revoke: map[uint32]trust.StatusValue{}}
	if demo {
		object, _, signer, err := demoroot.Root()
		if err != nil {
			t.Fatal(err)
		}
		o.signer = signer
		o.reg = ok[*trust.Register](t)(trust.NewRegister(object))
		o.pin = o.reg.RootFingerprint()
	} else {
		member := ok[authority.RootPrivateKey](t)(authority.RootKeyForVectors("page operator"))
		o.signer = ok[authority.BundlePrivateKey](t)(authority.BundleKeyForVectors("page operator"))
		root := trust.Root{Number: 1, Threshold: 1, IssuedAt: began.Truncate(time.Second)}
		root.Members = append(root.Members, member.RootPublic())
		root.BundleSigners = append(root.BundleSigners, o.signer.BundlePublic())
		payload := ok[[]byte](t)(root.Encode())
		o.pin = trust.RootFingerprint(payload)
		o.reg = ok[*trust.Register](t)(trust.NewRegister(ok[[]byte](t)(trust.SignRoot(payload, []keys.RootSigner{member}))))
	}
	o.issuer = ok[authority.IssuerPrivateKey](t)(authority.IssuerKeyForVectors(cose.ESP256, fmt.Sprint("page body ", demo)))
	at := time.Now().Add(-20 * 24 * time.Hour)
	request := ok[[]byte](t)(trust.EncodeKeyRequest(trust.KeyRequest{Kinds: []uint8{0}, MaxLife: 90 * 24 * time.Hour, IssuedAt: at,
		Bodies: []trust.BodyEntry{{EDRPOU: checkedBody, Name: "Міська рада", NameEN: "City council <i>", DutyPhone: "+380440000000"}}}, o.issuer))
	ok[keys.KeyID](t)(o.reg.AdmitKey(request, trust.Grant{ValidFrom: at}, at))
	return o
}

// bundle publishes the lists of the body and makes the next bundle.
func (o *operator) bundle(at time.Time) []byte {
	o.t.Helper()
	b := ok[*trust.StatusListBuilder](o.t)(trust.NewStatusListBuilder(64))
	for i, v := range o.revoke {
		if err := b.Set(i, v); err != nil {
			o.t.Fatal(err)
		}
	}
	list := ok[[]byte](o.t)(trust.SignStatusList(checkedBody, 0, at, b, o.issuer))
	if err := o.reg.Carry(ok[[]byte](o.t)(trust.Publication{EDRPOU: checkedBody, StatusLists: [][]byte{list}}.Encode()), at); err != nil {
		o.t.Fatal(err)
	}
	data := ok[[]byte](o.t)(o.reg.BuildBundle(at, o.signer, func(n uint64) ([8]byte, error) { b, _ := o.chain.At(n); return b, nil }))
	o.made++
	return data
}

// person is one holder with a token.
type person struct {
	o      *operator
	holder keys.HolderPrivateKey
	token  []byte
	name   string
	number string
}

// person issues an ID with a place in the status list.
func (o *operator) person(index uint32, number, name string) *person {
	o.t.Helper()
	p := &person{o: o, holder: ok[keys.HolderPrivateKey](o.t)(keys.HolderKeyForVectors(number)), name: name, number: number}
	status := ok[credential.StatusRef](o.t)(credential.NewStatusRef(0, index))
	issued := time.Now().Add(-10 * 24 * time.Hour).Truncate(24 * time.Hour)
	claims := credential.Claims{Issuer: checkedBody, Number: number, IssuedAt: issued, ExpiresAt: issued.Add(30 * 24 * time.Hour),
		Holder: p.holder.HolderPublic(), Name: name, Status: status}
	p.token = ok[[]byte](o.t)(credential.SignToken(ok[[]byte](o.t)(credential.EncodePayload(&claims)), o.issuer))
	return p
}

// code is a code shown at a time with the newest beacon.
func (p *person) code(at time.Time) string {
	p.o.t.Helper()
	beacon, _ := p.o.chain.At(uint64(p.o.made))
	made := ok[[]byte](p.o.t)(credential.Present(p.token, p.holder, credential.AudienceAny, at, beacon[:]))
	return credential.EncodeText(credential.Prefix, made)
}

// answer answers a challenge text.
func (p *person) answer(challenge string, key keys.VerifierPublicKey, at time.Time) string {
	p.o.t.Helper()
	_, data, err := credential.DecodeText(challenge)
	if err != nil {
		p.o.t.Fatal(err)
	}
	c := ok[*credential.Challenge](p.o.t)(ok[*credential.UnverifiedChallenge](p.o.t)(credential.ParseChallenge(data)).Verify(key))
	made := ok[[]byte](p.o.t)(credential.Present(p.token, p.holder, credential.VerifierAudience(c.VerifierID), at, c.Nonce[:]))
	return credential.EncodeText(credential.Prefix, made)
}

// symbol draws a text as a code.
func symbol(t *testing.T, text string) image.Image {
	t.Helper()
	s, err := qr.Encode(text)
	if err != nil {
		s, err = qr.EncodeLink(text)
	}
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := s.PNG(&out, qr.PNGOptions{}); err != nil {
		t.Fatal(err)
	}
	return ok[image.Image](t)(png.Decode(&out))
}

// counter is a service of which the verifier page needs: its files and a bundle. It keeps what it was asked.
type counter struct {
	URL    string
	server *httptest.Server

	mu     sync.Mutex
	bundle []byte
	asked  []string          // method, address, headers and body of every request
	files  map[string][]byte // in place of those of the tree

	onboard func(path string, body []byte) any // answers a device's questions about an onboarding code; nil: refused
}

// policy is the Content-Security-Policy that the service sends with every answer.
const policy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; connect-src 'self'; manifest-src 'self'; worker-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"

// newCounter serves the pages of the tree, with the WebAssembly of the tree.
func newCounter(t testing.TB) *counter {
	t.Helper()
	if testing.Short() {
		t.Skip("short mode: starts browsers")
	}
	if wasmOld() {
		if out, err := command(root, "make", "-s", "wasm").CombinedOutput(); err != nil {
			t.Fatalf("make wasm: %v\n%s", err, out)
		}
	}
	c := &counter{files: map[string][]byte{}}
	c.server = httptest.NewServer(c)
	t.Cleanup(c.server.Close)
	c.URL = strings.Replace(c.server.URL, "127.0.0.1", "localhost", 1)
	return c
}

func (c *counter) publish(data []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bundle = data
}

// replace serves data in place of a file of the tree; nil: the file is missing.
func (c *counter) replace(name string, data []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.files[name] = data
}

// Asked is everything that the browser sent.
func (c *counter) Asked() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(c.asked, "\n")
}

func (c *counter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = append(c.asked, fmt.Sprint(r.Method, " ", r.URL, " ", r.Header, " ", string(body)))
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	if r.URL.Path == "/api/v1/bundle" && c.bundle != nil {
		h.Set("Content-Type", "application/vnd.posvid.bundle")
		w.Write(c.bundle)
		return
	}
	if strings.HasPrefix(r.URL.Path, "/api/v1/checkpoints/onboard") && c.onboard != nil {
		h.Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(c.onboard(r.URL.Path, body))
		return
	}
	if r.URL.Path == "/api/v1/checkpoint" { // an admitted device asks for the policy of its checkpoint: there is none
		h.Set("Content-Type", "application/json")
		w.Write([]byte(`{"verifier":1,"policy_number":0,"guards":[]}`))
		return
	}
	name := path.Clean(r.URL.Path)
	switch {
	case r.URL.Path == "/verify/":
		name = "static/verify/index.html"
	case strings.HasPrefix(name, "/verify/"):
		name = "static" + name
	case strings.HasPrefix(name, "/static/dist/"):
		name = strings.TrimPrefix(name, "/static/")
	case strings.HasPrefix(name, "/static/"):
		name = strings.TrimPrefix(name, "/")
	default:
		http.NotFound(w, r)
		return
	}
	data, mine := c.files[name]
	if mine && data == nil { // a build that was put in place by halves
		http.NotFound(w, r)
		return
	}
	if !mine {
		var err error
		file := filepath.Join(root, "web", filepath.FromSlash(name))
		if data, err = os.ReadFile(file); err != nil {
			packed, err := os.ReadFile(file + ".gz")
			if err != nil {
				http.NotFound(w, r)
				return
			}
			data = packed
			h.Set("Content-Encoding", "gzip")
		}
	}
	kind := mime.TypeByExtension(path.Ext(name))
	switch path.Ext(name) {
	case ".js":
		kind = "text/javascript; charset=utf-8"
	case ".wasm":
		kind = "application/wasm"
	case ".webmanifest":
		kind = "application/manifest+json"
	}
	h.Set("Content-Type", kind)
	h.Set("Cache-Control", "no-cache")
	w.Write(data)
}

// desk is a verifier page in a tab.
type desk struct {
	*webtest.Page
	t testing.TB
	c *counter
}

// openDesk opens the page.
func openDesk(t testing.TB, b *webtest.Browser, c *counter) *desk {
	t.Helper()
	d := &desk{b.Page(t), t, c}
	d.Allow("verifier ended") // said on purpose when the program was ended
	d.Open(c.URL + "/verify/")
	return d
}

// setUp pins the operator's root, typed in small letters without spaces, and waits for the bundle.
func (d *desk) setUp(o *operator) {
	d.t.Helper()
	d.WaitVisible("#pin")
	d.pinTyped(strings.ToLower(strings.ReplaceAll(o.pin.String(), " ", "")))
	d.WaitVisible("#pin-compared")
	d.Click("#pin-compared")
	d.Click("#pin-go")
	d.WaitText("#as-of", "Набір довіри")
}

// pinTyped puts a text into the field of the fingerprint at once.
func (d *desk) pinTyped(text string) {
	d.t.Helper()
	webtest.Eval[bool](d.Page, fmt.Sprintf(`(() => { const e = document.querySelector("#pin"); e.value = %s; e.dispatchEvent(new Event("input", {bubbles: true})); return true; })()`, js(text)))
}

// paste gives a text to the page.
func (d *desk) paste(text string) {
	d.t.Helper()
	webtest.Eval[bool](d.Page, fmt.Sprintf(`(() => { const e = document.querySelector("#paste"); document.querySelector("#other-ways").open = true; e.value = %s; document.querySelector("#paste-form").requestSubmit(); return true; })()`, js(text)))
}

// told waits for a verdict and answers what the page tells of it.
func (d *desk) told(outcome string) string {
	d.t.Helper()
	d.Wait("the outcome "+outcome, fmt.Sprintf(`document.querySelector("#verdict").dataset.outcome === %s`, js(outcome)))
	return d.Text("#verdict")
}

// next takes the verdict away.
func (d *desk) next() {
	d.t.Helper()
	d.Click("#actions button")
	d.told("waiting")
}

// scanned types a text as a hand scanner does: one key after another, a millisecond apart, with Enter.
func (d *desk) scanned(text string) {
	d.t.Helper()
	webtest.Eval[bool](d.Page, fmt.Sprintf(`(async () => {
	  const send = (key) => { for (const type of ["keydown", "keyup"]) document.body.dispatchEvent(new KeyboardEvent(type, {key, bubbles: true, cancelable: true})); };
	  for (const key of %s) send(key);
	  send("Enter");
	  return true;
	})()`, js(text)))
}

func js(text string) string {
	out, _ := json.Marshal(text) // a text always encodes
	return string(out)
}
