package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// fakeProvider is an OpenID provider that does what a test wants, hostile things above all.
type fakeProvider struct {
	t      testing.TB
	now    func() time.Time
	server *httptest.Server

	mu       sync.Mutex
	key      *ecdsa.PrivateKey
	kid      string
	codes    map[string]url.Values // code → request it was given for
	announce bool                  // metadata say that answers name the issuer (RFC 9207)
	issuer   string                // in the metadata; empty: the truth
	subject  string
	claims   func(map[string]any)                                           // changes the claims of an ID token
	sign     func(claims []byte) string                                     // makes the ID token instead
	token    func(w http.ResponseWriter, answer map[string]any) (done bool) // changes or replaces the answer of the token endpoint
	asked    []url.Values                                                   // what came to the token endpoint
}

const (
	testClient  = "posvid"
	testSecret  = "not-a-secret"
	testSubject = "subject-0f1e2d3c4b5a"
	testName    = "Ярина Канаркова"
)

func newFakeProvider(t testing.TB, now func() time.Time) *fakeProvider {
	f := &fakeProvider{t: t, now: now, codes: map[string]url.Values{}, subject: testSubject}
	f.rotate("k1")
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		issuer := f.issuer
		if issuer == "" {
			issuer = f.server.URL
		}
		writeJSON(w, map[string]any{"issuer": issuer, "authorization_endpoint": f.server.URL + "/auth", "token_endpoint": f.server.URL + "/token",
			"jwks_uri": f.server.URL + "/keys", "id_token_signing_alg_values_supported": []string{"ES256"}, "response_types_supported": []string{"code"},
			"subject_types_supported": []string{"public"}, "authorization_response_iss_parameter_supported": f.announce})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		writeJSON(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: f.key.Public(), KeyID: f.kid, Algorithm: "ES256", Use: "sig"}}})
	})
	mux.HandleFunc("GET /auth", func(w http.ResponseWriter, r *http.Request) { // a browser, whose person agrees at once
		code, q := f.authorize(f.server.URL + r.URL.String())
		http.Redirect(w, r, q.Get("redirect_uri")+"?"+url.Values{"code": {code}, "state": {q.Get("state")}}.Encode(), http.StatusSeeOther)
	})
	mux.HandleFunc("POST /token", f.tokenEndpoint)
	f.server = httptest.NewServer(mux)
	t.Cleanup(f.server.Close)
	return f
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v)
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// rotate gives the provider a new key.
func (f *fakeProvider) rotate(kid string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.key, f.kid = newKey(f.t), kid
}

// authorize is what happens in the browser at the provider: the request of an address gets a code.
func (f *fakeProvider) authorize(location string) (code string, q url.Values) {
	f.t.Helper()
	u, err := url.Parse(location)
	if err != nil || u.Scheme+"://"+u.Host+u.Path != f.server.URL+"/auth" {
		f.t.Fatalf("left for %q, want %s/auth: %v", location, f.server.URL, err)
	}
	code = secret()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.codes[code] = u.Query()
	return code, u.Query()
}

func (f *fakeProvider) tokenEndpoint(w http.ResponseWriter, r *http.Request) {
	r.ParseForm()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, r.PostForm)
	id, password, _ := r.BasicAuth()
	code := r.PostForm.Get("code")
	request, ok := f.codes[code]
	delete(f.codes, code)
	sum := sha256.Sum256([]byte(r.PostForm.Get("code_verifier")))
	if !ok || id != testClient || password != url.QueryEscape(testSecret) && password != testSecret || r.PostForm.Get("redirect_uri") != request.Get("redirect_uri") ||
		base64.RawURLEncoding.EncodeToString(sum[:]) != request.Get("code_challenge") {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		w.Write([]byte(`{"error":"invalid_grant","error_description":"` + testName + `"}`))
		return
	}
	now := f.now().Unix()
	claims := map[string]any{"iss": f.server.URL, "sub": f.subject, "aud": testClient, "exp": now + 300, "iat": now, "nonce": request.Get("nonce"), "name": testName}
	if f.claims != nil {
		f.claims(claims)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		f.t.Error(err)
	}
	token := ""
	if f.sign != nil {
		token = f.sign(payload)
	} else {
		token = signES256(f.t, f.key, f.kid, payload)
	}
	answer := map[string]any{"access_token": "access", "token_type": "Bearer", "expires_in": 300, "id_token": token}
	if f.token != nil && f.token(w, answer) {
		return
	}
	writeJSON(w, answer)
}

func signES256(t testing.TB, key crypto.Signer, kid string, payload []byte) string {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: kid}}, nil)
	if err != nil {
		t.Error(err)
		return ""
	}
	object, err := signer.Sign(payload)
	if err != nil {
		t.Error(err)
		return ""
	}
	token, err := object.CompactSerialize()
	if err != nil {
		t.Error(err)
	}
	return token
}

// unsigned is a token with a header of the test's own and any signature.
func unsigned(header string, payload []byte, signature string) string {
	e := base64.RawURLEncoding
	return e.EncodeToString([]byte(header)) + "." + e.EncodeToString(payload) + "." + signature
}

func signHS256(t testing.TB, payload []byte, secret string) string {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: []byte(strings.Repeat(secret, 4))}, nil)
	if err != nil {
		t.Error(err)
		return ""
	}
	object, err := signer.Sign(payload)
	if err != nil {
		t.Error(err)
		return ""
	}
	token, _ := object.CompactSerialize()
	return token
}

// with changes some claims; a nil value leaves one out.
func with(change map[string]any) func(map[string]any) {
	return func(claims map[string]any) {
		maps.Copy(claims, change)
		for k, v := range change {
			if v == nil {
				delete(claims, k)
			}
		}
	}
}
