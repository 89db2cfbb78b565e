package diia

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

func TestToken(t *testing.T) {
	w := testWorld(t, "")
	status, a := w.ask(t, formOf(w.good(t)))
	if status != 200 || a.TokenType != "Bearer" || a.ExpiresIn != 600 || len(a.AccessToken) != 43 || a.Scope != "documents verify enrolments events" {
		t.Fatalf("answer %d %+v", status, a)
	}
	if n := w.count(t, `SELECT count(*) FROM system_tokens WHERE instr(hex(token), hex($1)) > 0`, a.AccessToken); n != 0 {
		t.Error("the token lies in the store in clear")
	}
	if strings.Contains(w.Logs.String(), a.AccessToken) {
		t.Error("the token is in the log")
	}
	status, body := w.call(t, "Bearer "+a.AccessToken, "GET", "/api/v1/systems/events", nil)
	if status != 200 {
		t.Fatalf("with the token: %d %s", status, body)
	}
	w.Advance(tokenLife - time.Second)
	if status, _ := w.call(t, "Bearer "+a.AccessToken, "GET", "/api/v1/systems/events", nil); status != 200 {
		t.Errorf("a second before its end: %d", status)
	}
	w.Advance(time.Second)
	if status, body := w.call(t, "Bearer "+a.AccessToken, "GET", "/api/v1/systems/events", nil); status != 401 || problemCode(body) != "invalid-token" {
		t.Errorf("at its end: %d %s", status, body)
	}
}

func TestTokenScopes(t *testing.T) {
	w := testWorld(t, "")
	bearer := w.bearer(t, scopeVerify)
	for path, want := range map[string]int{"/api/v1/systems/verify": 200, "/api/v1/systems/documents": 403, "/api/v1/systems/enrolments": 403} {
		var q any
		switch path {
		case "/api/v1/systems/verify":
			q = query{"qrCode": "nothing of ours"}
		case "/api/v1/systems/documents":
			q = query{"edrpou": w.Ministry.EDRPOU, "rnokpp": w.Ministry.Holders["issued"].RNOKPP}
		default:
			q = query{"edrpou": w.Ministry.EDRPOU, "possession": []byte{1}}
		}
		if status, body := w.call(t, bearer, "POST", path, q); status != want {
			t.Errorf("%s: %d %s, want %d", path, status, body, want)
		}
	}
	other := w.register(t, w.Ministry, "", false, publicSet(t, w.key), scopeVerify)
	w.client = other
	if status, a := w.ask(t, formOf(w.good(t), "scope", "documents")); status != 400 || a.Error != "invalid_scope" {
		t.Errorf("a scope that nobody granted: %d %+v", status, a)
	}
	if status, a := w.ask(t, formOf(w.good(t), "scope", "everything")); status != 400 || a.Error != "invalid_scope" {
		t.Errorf("an unknown scope: %d %+v", status, a)
	}
}

func TestTokenRefused(t *testing.T) {
	w := testWorld(t, "")
	now := w.Now().Unix()
	with := func(change map[string]any) string {
		c := w.claims()
		for k, v := range change {
			if v == nil {
				delete(c, k)
			} else {
				c[k] = v
			}
		}
		return w.assertion(t, jose.ES256, w.key, c, "")
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	pub := w.key.Public().(*ecdsa.PublicKey)
	der, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	spki := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	none := func() string {
		payload, _ := json.Marshal(w.claims())
		return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + base64.RawURLEncoding.EncodeToString(payload) + "."
	}
	header := func(h string) string {
		parts := strings.Split(w.good(t), ".")
		parts[0] = base64.RawURLEncoding.EncodeToString([]byte(h))
		return strings.Join(parts, ".")
	}
	tampered := func() string {
		parts := strings.Split(w.good(t), ".")
		raw, _ := base64.RawURLEncoding.DecodeString(parts[1])
		parts[1] = base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(raw), `"jti":"`, `"jti":"x`, 1)))
		return strings.Join(parts, ".")
	}
	for name, assertion := range map[string]string{
		"alg none":                 none(),
		"HS256 with the PEM":       w.assertion(t, jose.HS256, spki, w.claims(), ""),
		"HS256 with the DER":       w.assertion(t, jose.HS256, der, w.claims(), ""),
		"ES384":                    w.assertion(t, jose.ES384, p384, w.claims(), ""),
		"another's key":            w.assertion(t, jose.ES256, newKey(t), w.claims(), ""),
		"another kid":              w.assertion(t, jose.ES256, w.key, w.claims(), "somebody"),
		"tampered":                 tampered(),
		"key inside the header":    header(`{"alg":"ES256","jwk":{"kty":"EC","crv":"P-256"}}`),
		"key by address":           header(`{"alg":"ES256","jku":"https://evil.example/keys"}`),
		"critical extension":       header(`{"alg":"ES256","crit":["exp"],"exp":1}`),
		"other typ":                header(`{"alg":"ES256","typ":"dpop+jwt"}`),
		"not our audience":         with(map[string]any{"aud": "https://elsewhere.example/oauth/token"}),
		"two audiences":            with(map[string]any{"aud": []string{w.Server.Origin + tokenPath, "https://elsewhere.example"}}),
		"no audience":              with(map[string]any{"aud": nil}),
		"expired":                  with(map[string]any{"iat": now - 300, "exp": now - 61}),
		"too far ahead":            with(map[string]any{"exp": now + 361}),
		"lives too long":           with(map[string]any{"iat": now - 100, "exp": now + 290}),
		"no exp":                   with(map[string]any{"exp": nil}),
		"exp as text":              with(map[string]any{"exp": "soon"}),
		"exp beyond numbers":       with(map[string]any{"exp": 1e300}),
		"not yet":                  with(map[string]any{"nbf": now + 120}),
		"made in the future":       with(map[string]any{"iat": now + 120, "exp": now + 180}),
		"no jti":                   with(map[string]any{"jti": nil}),
		"long jti":                 with(map[string]any{"jti": strings.Repeat("j", maxJTI+1)}),
		"iss is not sub":           with(map[string]any{"iss": "sys-other"}),
		"unknown client":           with(map[string]any{"iss": "sys-other", "sub": "sys-other"}),
		"no JWT":                   "x",
		"five parts":               "a.b.c.d.e",
		"JSON serialisation":       `{"payload":"e30"}`,
		"no base64":                "!.!.!",
		"header is a list":         header(`[]`),
		"header twice":             header(`{"alg":"none","alg":"ES256"}`),
		"encoding with padding":    strings.Replace(w.good(t), ".", "=.", 1),
		"alg of another key type":  header(`{"alg":"RS256"}`),
		"empty signature":          w.good(t)[:strings.LastIndexByte(w.good(t), '.')+1],
		"signature of another alg": header(`{"alg":"ES512"}`),
	} {
		if status, a := w.ask(t, formOf(assertion)); status != http.StatusUnauthorized || a.Error != "invalid_client" || a.AccessToken != "" {
			t.Errorf("%s: %d %+v, want 401 invalid_client", name, status, a)
		}
	}
	if n := w.count(t, `SELECT count(*) FROM system_tokens`); n != 0 {
		t.Errorf("%d tokens were made", n)
	}
}

func TestTokenForm(t *testing.T) {
	w := testWorld(t, "")
	for name, c := range map[string]struct {
		form url.Values
		want string
	}{
		"no grant type":           {url.Values{"scope": {"verify"}}, "invalid_request"},
		"password":                {formOf(w.good(t), "grant_type", "password"), "unsupported_grant_type"},
		"other assertion type":    {formOf(w.good(t), "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"), "invalid_request"},
		"no assertion":            {formOf(""), "invalid_request"},
		"secret":                  {formOf(w.good(t), "client_secret", "x"), "invalid_request"},
		"long assertion":          {formOf(strings.Repeat("a", maxAssertion+1)), "invalid_request"},
		"two assertions":          {url.Values{"grant_type": {"client_credentials"}, "client_assertion_type": {assertionType}, "client_assertion": {w.good(t), w.good(t)}}, "invalid_request"},
		"client id of another":    {formOf(w.good(t), "client_id", "sys-other"), "invalid_client"},
		"empty scope":             {formOf(w.good(t), "scope", " "), "invalid_scope"},
		"grant type, upper case":  {formOf(w.good(t), "grant_type", "CLIENT_CREDENTIALS"), "unsupported_grant_type"},
		"grant type given twice":  {url.Values{"grant_type": {"client_credentials", "client_credentials"}}, "invalid_request"},
		"assertion type is empty": {formOf(w.good(t), "client_assertion_type", ""), "invalid_request"},
	} {
		if status, a := w.ask(t, c.form); status < 400 || a.Error != c.want || a.AccessToken != "" {
			t.Errorf("%s: %d %+v, want %s", name, status, a, c.want)
		}
	}
	for name, header := range map[string][]string{
		"JSON":       {"Content-Type", "application/json"},
		"basic auth": {"Content-Type", "application/x-www-form-urlencoded", "Authorization", "Basic c3lzOng="},
	} {
		status, _, body := w.Do(w.Client(), "POST", tokenPath, strings.NewReader(formOf(w.good(t)).Encode()), header...)
		if status < 400 || strings.Contains(string(body), "access_token") {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	status, _, body := w.Do(w.Client(), "POST", tokenPath, strings.NewReader("x="+strings.Repeat("a", maxForm)), "Content-Type", "application/x-www-form-urlencoded")
	if status < 400 || strings.Contains(string(body), "access_token") {
		t.Errorf("oversize: %d", status)
	}
	if status, a := w.ask(t, formOf(w.good(t), "client_id", w.client)); status != 200 {
		t.Errorf("with the client's own id: %d %+v", status, a)
	}
}

// An assertion gives one token, whoever brings it, however many at a time.
func TestAssertionOnce(t *testing.T) {
	w := testWorld(t, "")
	text := w.good(t)
	var mu sync.Mutex
	ok := 0
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			status, _, body := w.Do(w.Client(), "POST", tokenPath, strings.NewReader(formOf(text).Encode()), "Content-Type", "application/x-www-form-urlencoded")
			mu.Lock()
			defer mu.Unlock()
			switch {
			case status == 200:
				ok++
			case status != 401 || !strings.Contains(string(body), "used before"):
				t.Errorf("%d %s", status, body)
			}
		})
	}
	wg.Wait()
	if ok != 1 {
		t.Errorf("%d tokens by one assertion, want 1", ok)
	}
	w.Advance(90 * time.Second)
	if err := w.p.purge(bg, w.Now()); err != nil {
		t.Fatal(err)
	}
	if status, a := w.ask(t, formOf(text)); status != 401 {
		t.Errorf("later: %d %+v", status, a)
	}
}

func TestTokenEndsWithTheSystem(t *testing.T) {
	w := testWorld(t, "")
	get := func(bearer string) int {
		status, _ := w.call(t, bearer, "GET", "/api/v1/systems/events", nil)
		return status
	}
	bearer := w.bearer(t)
	if err := w.p.withdraw(bg, w.Ministry.EDRPOU, w.client, 1, w.Now()); err != nil {
		t.Fatal(err)
	}
	if status := get(bearer); status != 403 {
		t.Errorf("after the grant was withdrawn: %d, want 403", status)
	}
	if status, a := w.ask(t, formOf(w.good(t))); status != 400 || a.Error != "unauthorized_client" {
		t.Errorf("a token without any grant: %d %+v", status, a)
	}
	if err := w.p.let(bg, w.Ministry.EDRPOU, w.client, 1, allScopes, false, w.Now()); err != nil {
		t.Fatal(err)
	}
	bearer = w.bearer(t)
	fresh := newKey(t)
	if err := w.p.renew(bg, w.Ministry.EDRPOU, w.client, 1, registration{name: "Дія", keys: publicSet(t, fresh), scopes: allScopes, until: w.Now().Add(day)}, w.Now()); err != nil {
		t.Fatal(err)
	}
	if status := get(bearer); status != 401 {
		t.Errorf("a token of the old keys: %d, want 401", status)
	}
	if status, _ := w.ask(t, formOf(w.good(t))); status != 401 {
		t.Errorf("an assertion by the old key: %d, want 401", status)
	}
	w.key = fresh
	w.Advance(day - time.Minute)
	if _, a := w.ask(t, formOf(w.good(t))); a.ExpiresIn != 60 {
		t.Errorf("a token lives %d s, want 60: the system's term ends then", a.ExpiresIn)
	}
	w.Advance(time.Minute)
	if status, _ := w.ask(t, formOf(w.good(t))); status != 401 {
		t.Errorf("after the system's term: %d, want 401", status)
	}
	w.Advance(-day)
	// A term that is cut short, with the same keys, cuts the tokens short.
	bearer = w.bearer(t)
	if err := w.p.renew(bg, w.Ministry.EDRPOU, w.client, 1, registration{name: "Дія", keys: publicSet(t, fresh), scopes: allScopes, until: w.Now().Add(time.Minute)}, w.Now()); err != nil {
		t.Fatal(err)
	}
	if status := get(bearer); status != 200 {
		t.Errorf("a minute before the term that was cut short: %d, want 200", status)
	}
	w.Advance(time.Minute)
	if status := get(bearer); status != 401 {
		t.Errorf("after the term that was cut short: %d, want 401", status)
	}
	if err := w.p.renew(bg, w.Ministry.EDRPOU, w.client, 1, registration{name: "Дія", keys: publicSet(t, fresh), scopes: allScopes, until: w.Now().Add(day)}, w.Now()); err != nil {
		t.Fatal(err)
	}
	bearer = w.bearer(t)
	if err := w.p.stop(bg, w.Ministry.EDRPOU, w.client, 1, w.Now()); err != nil {
		t.Fatal(err)
	}
	if status := get(bearer); status != 401 {
		t.Errorf("after the system was stopped: %d, want 401", status)
	}
	if status, a := w.ask(t, formOf(w.good(t))); status != 401 || a.Description != "client authentication failed" {
		t.Errorf("a token of a stopped system: %d %+v", status, a)
	}
}

// Another body's word counts for the keys that it has seen, and for no others.
func TestGrantIsForTheFingerprint(t *testing.T) {
	w := testWorld(t, "")
	if err := w.p.let(bg, w.Council.EDRPOU, w.client, 2, []string{scopeDocuments}, false, w.Now()); err != nil {
		t.Fatal(err)
	}
	ask := func() int {
		status, _ := w.call(t, w.bearer(t), "POST", "/api/v1/systems/documents", query{"edrpou": w.Council.EDRPOU, "rnokpp": w.Council.Holders["issued"].RNOKPP})
		return status
	}
	if status := ask(); status != 200 {
		t.Fatalf("granted: %d", status)
	}
	fresh := newKey(t)
	if err := w.p.renew(bg, w.Council.EDRPOU, w.client, 2, registration{name: "x", keys: publicSet(t, fresh), scopes: allScopes, until: w.Now().Add(day)}, w.Now()); !errors.Is(err, systemOwner) {
		t.Errorf("a body that did not register the system changes it: %v", err)
	}
	if err := w.p.stop(bg, w.Council.EDRPOU, w.client, 2, w.Now()); !errors.Is(err, systemOwner) {
		t.Errorf("a body that did not register the system stops it: %v", err)
	}
	if err := w.p.renew(bg, w.Ministry.EDRPOU, w.client, 1, registration{name: "Дія", keys: publicSet(t, fresh), scopes: allScopes, until: w.Now().Add(day)}, w.Now()); err != nil {
		t.Fatal(err)
	}
	w.key = fresh
	if status := ask(); status != 403 {
		t.Errorf("with keys that the council has not agreed to: %d, want 403", status)
	}
	if err := w.p.let(bg, w.Council.EDRPOU, w.client, 2, []string{scopeDocuments}, false, w.Now()); err != nil {
		t.Fatal(err)
	}
	if status := ask(); status != 200 {
		t.Errorf("agreed again: %d", status)
	}
}

func TestKeysAdmitted(t *testing.T) {
	rsa2048, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ec := newKey(t)
	der, err := x509.MarshalPKIXPublicKey(&rsa2048.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{
		"set":          publicSet(t, ec, rsa2048),
		"one JWK":      one(t, jose.JSONWebKey{Key: ec.Public(), KeyID: "first", Use: "sig", Algorithm: "ES256"}),
		"PEM":          pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}),
		"set, spaced":  append([]byte("\n \t"), publicSet(t, ec)...),
		"two PEM keys": append(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), pemOf(t, ec.Public())...),
	} {
		keys, err := parseKeys(data)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		again, err := encodeKeys(keys)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := parseKeys(again); err != nil || len(back) != len(keys) || back[0].kid != keys[0].kid || back[0].alg != keys[0].alg {
			t.Errorf("%s: the stored form reads differently: %v", name, err)
		}
	}
}

func one(t testing.TB, k jose.JSONWebKey) []byte {
	t.Helper()
	out, err := json.Marshal(k)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func pemOf(t testing.TB, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

func TestKeysRefused(t *testing.T) {
	ec, p384 := newKey(t), func() *ecdsa.PrivateKey {
		k, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}()
	t.Setenv("GODEBUG", "rsa1024min=0")
	rsa1024, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	small := one(t, jose.JSONWebKey{Key: rsa1024.Public()})
	sec1, err := x509.MarshalECPrivateKey(ec)
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{
		"nothing":            nil,
		"no JSON":            []byte("{"),
		"two values":         append(publicSet(t, ec), "{}"...),
		"empty set":          []byte(`{"keys":[]}`),
		"private key":        one(t, jose.JSONWebKey{Key: ec}),
		"private key in set": []byte(`{"keys":[` + string(one(t, jose.JSONWebKey{Key: ec})) + `]}`),
		"private PEM":        pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: sec1}),
		"symmetric":          []byte(`{"kty":"oct","k":"AAAA"}`),
		"P-384":              one(t, jose.JSONWebKey{Key: p384.Public()}),
		"RSA 1024":           small,
		"for encryption":     one(t, jose.JSONWebKey{Key: ec.Public(), Use: "enc"}),
		"ES384 on P-256":     one(t, jose.JSONWebKey{Key: ec.Public(), Algorithm: "ES384"}),
		"the same key twice": publicSet(t, ec, ec),
		"six keys":           publicSet(t, newKey(t), newKey(t), newKey(t), newKey(t), newKey(t), newKey(t)),
		"off the curve":      []byte(`{"kty":"EC","crv":"P-256","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE","y":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE"}`),
		"control in kid":     one(t, jose.JSONWebKey{Key: ec.Public(), KeyID: "a\nb"}),
		"too long":           append(publicSet(t, ec), []byte(strings.Repeat(" ", maxKeySet)+"x")...),
		"e is 3":             []byte(`{"kty":"RSA","e":"Aw","n":"` + base64.RawURLEncoding.EncodeToString(append([]byte{0xC1}, make([]byte, 255)...)) + `"}`),
	} {
		if keys, err := parseKeys(data); !errors.Is(err, errKeys) || keys != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAuthorizationHeader(t *testing.T) {
	w := testWorld(t, "")
	good := w.bearer(t)
	for name, value := range map[string]string{"unknown": "Bearer " + strings.Repeat("A", 43), "short": "Bearer x", "none": "", "other scheme": strings.Replace(good, "Bearer", "Basic", 1), "empty": "Bearer "} {
		if status, _ := w.call(t, value, "GET", "/api/v1/systems/events", nil); status != 401 {
			t.Errorf("%s: %d, want 401", name, status)
		}
	}
	if status, _ := w.call(t, strings.Replace(good, "Bearer", "bearer", 1), "GET", "/api/v1/systems/events", nil); status != 200 {
		t.Errorf("the scheme's case counts: %d", status)
	}
}

func TestTokenRate(t *testing.T) {
	w := testWorld(t, "")
	for range tokensPerMinute {
		w.bearer(t)
		w.p.signatures = newLimiter(assertionsPerSec, time.Second)
	}
	if status, a := w.ask(t, formOf(w.good(t))); status != 429 || a.AccessToken != "" {
		t.Errorf("one more: %d %+v", status, a)
	}
	w.Advance(time.Minute)
	w.bearer(t)
}

func TestMetadata(t *testing.T) {
	w := testWorld(t, "")
	status, body := w.call(t, "", "GET", "/.well-known/oauth-authorization-server", nil)
	m := decode[metadata](t, body)
	if status != 200 || m.Issuer != w.Server.Origin || m.Token != w.Server.Origin+tokenPath || len(m.Methods) != 1 || m.Methods[0] != "private_key_jwt" {
		t.Errorf("%d %+v", status, m)
	}
}

func FuzzToken(f *testing.F) {
	at := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	f.Add("application/x-www-form-urlencoded", "", "grant_type=client_credentials&client_assertion_type="+url.QueryEscape(assertionType)+"&client_assertion=eyJhbGciOiJFUzI1NiJ9.e30.AA")
	f.Add("application/json", "Basic x", "{}")
	f.Add("application/x-www-form-urlencoded", "", "grant_type=client_credentials&scope=documents+documents&client_assertion=a.b.c")
	f.Fuzz(func(t *testing.T, media, auth, body string) {
		r, refused := parseTokenRequest(media, auth, []byte(body))
		if refused != nil {
			if r.assertion != "" || r.scopes != nil {
				t.Fatal("a refused request is not empty")
			}
			return
		}
		a, refused := parseAssertion(r.assertion, []string{"https://id.example/oauth/token"}, at)
		if refused != nil {
			if a.token != nil {
				t.Fatal("a refused assertion is not empty")
			}
			return
		}
		if a.client == "" || a.jti == "" || a.exp.After(at.Add(assertionLife+assertionSkew)) {
			t.Fatalf("admitted %+v", a)
		}
	})
}

func FuzzKeys(f *testing.F) {
	f.Add([]byte(`{"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}`))
	f.Add([]byte("-----BEGIN PUBLIC KEY-----\nAA==\n-----END PUBLIC KEY-----\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		keys, err := parseKeys(data)
		if err != nil {
			if keys != nil {
				t.Fatal("refused keys are not empty")
			}
			return
		}
		again, err := encodeKeys(keys)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := parseKeys(again); err != nil || len(back) != len(keys) {
			t.Fatalf("the stored form does not read back: %v", err)
		}
	})
}
