package diia

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/service/servicetest"
	"github.com/posvid/posvid/store"
)

// world is a service with this part and one system that the ministry registered.
type world struct {
	*servicetest.World
	p      *part
	key    crypto.Signer
	client string

	handler http.Handler // of benchmarks
}

var bg = context.Background()

func testWorld(t testing.TB, webhook string, change ...func(*service.Config)) *world {
	t.Helper()
	w := &world{World: servicetest.New(t, append([]func(*service.Config){func(c *service.Config) { c.Dev = true }}, change...)...)}
	var err error
	if w.p, err = mount(w.Server); err != nil {
		t.Fatal(err)
	}
	w.Start()
	w.key = newKey(t)
	w.client = w.register(t, w.Ministry, webhook, false, publicSet(t, w.key), allScopes...)
	return w
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func publicSet(t testing.TB, keys ...crypto.Signer) []byte {
	t.Helper()
	set := jose.JSONWebKeySet{}
	for _, k := range keys {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: k.Public()})
	}
	out, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (w *world) register(t testing.TB, b *servicetest.Body, webhook string, numbers bool, keys []byte, scopes ...string) string {
	t.Helper()
	client, err := w.p.register(bg, b.EDRPOU, 1, registration{name: "Дія (випробування)", keys: keys, webhook: webhook, scopes: scopes, numbers: numbers,
		until: w.Now().AddDate(1, 0, 0)}, w.Now())
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// claims are those of a good assertion.
func (w *world) claims() map[string]any {
	var id [16]byte
	rand.Read(id[:])
	now := w.Now().Unix()
	return map[string]any{"iss": w.client, "sub": w.client, "aud": w.Server.Origin + tokenPath, "iat": now, "exp": now + 60, "jti": hex.EncodeToString(id[:])}
}

func (w *world) assertion(t testing.TB, alg jose.SignatureAlgorithm, key any, claims map[string]any, kid string) string {
	t.Helper()
	opt := (&jose.SignerOptions{}).WithType("JWT")
	if kid != "" {
		opt = opt.WithHeader("kid", kid)
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, opt)
	if err != nil {
		t.Fatal(err)
	}
	text, err := jwt.Signed(s).Claims(claims).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func (w *world) good(t testing.TB) string {
	return w.assertion(t, jose.ES256, w.key, w.claims(), "")
}

// ask posts a form to the token endpoint.
func (w *world) ask(t testing.TB, form url.Values) (int, tokenAnswer) {
	t.Helper()
	status, h, body := w.Do(w.Client(), "POST", tokenPath, strings.NewReader(form.Encode()), "Content-Type", "application/x-www-form-urlencoded")
	var a tokenAnswer
	if err := json.Unmarshal(body, &a); err != nil {
		t.Fatalf("answer %d %q: %v", status, body, err)
	}
	if h.Get("Cache-Control") != "no-store" && status < 500 {
		t.Errorf("Cache-Control %q, want no-store", h.Get("Cache-Control"))
	}
	return status, a
}

func formOf(assertion string, more ...string) url.Values {
	f := url.Values{"grant_type": {"client_credentials"}, "client_assertion_type": {assertionType}, "client_assertion": {assertion}}
	for i := 0; i+1 < len(more); i += 2 {
		f.Set(more[i], more[i+1])
	}
	return f
}

// bearer is a header with a fresh token.
func (w *world) bearer(t testing.TB, scopes ...string) string {
	t.Helper()
	form := formOf(w.good(t))
	if len(scopes) > 0 {
		form.Set("scope", strings.Join(scopes, " "))
	}
	status, a := w.ask(t, form)
	if status != http.StatusOK || a.AccessToken == "" {
		t.Fatalf("token: %d %+v", status, a)
	}
	return "Bearer " + a.AccessToken
}

// call asks the API with a token.
func (w *world) call(t testing.TB, bearer, method, path string, query any) (int, []byte) {
	t.Helper()
	var body io.Reader
	if query != nil {
		data, err := json.Marshal(query)
		if err != nil {
			t.Fatal(err)
		}
		body = bytes.NewReader(data)
	}
	header := []string{"Content-Type", "application/json"}
	if bearer != "" {
		header = append(header, "Authorization", bearer)
	}
	status, _, data := w.Do(w.Client(), method, path, body, header...)
	return status, data
}

type query map[string]any

func problemCode(data []byte) string {
	var p struct{ Code string }
	if json.Unmarshal(data, &p) != nil {
		return ""
	}
	return p.Code
}

func (w *world) count(t testing.TB, sql string, args ...any) (n int) {
	t.Helper()
	if err := w.Server.Store.View(bg, func(tx *store.ServiceTx) error { return tx.Row(sql, args, &n) }); err != nil {
		t.Fatal(err)
	}
	return n
}

func decode[T any](t testing.TB, data []byte) (v T) {
	t.Helper()
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatalf("%v in %s", err, data)
	}
	return v
}

const day = 24 * time.Hour
