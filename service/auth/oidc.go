package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/posvid/posvid/service"
)

// Bounds of what is taken from a provider.
const (
	maxProviderAnswer = 256 << 10        // bytes of one answer: discovery, keys, token
	maxIDToken        = 16 << 10         // bytes of an ID token as it stands in the answer
	maxParameter      = 2 << 10          // bytes of one parameter of a callback
	providerTimeout   = 10 * time.Second // of one exchange with a provider
	clockLeeway       = time.Minute      // between our clock and a provider's
	discoveryTerm     = time.Hour        // after which a provider's metadata are read again
	discoveryPause    = 10 * time.Second // between tries to read them
)

// signingAlgorithms of ID tokens that are believed (RFC 7518, Section 3.1; RFC 8037): a signature that everybody can check.
var signingAlgorithms = []string{oidc.ES256, oidc.ES384, oidc.ES512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.RS256, oidc.RS384, oidc.RS512, oidc.EdDSA}

// Provider is one OpenID provider (OpenID Connect Core 1.0). Everything without "optional" must be given.
type Provider struct {
	ID           string        // names it in paths: 1 to 32 lower-case letters, digits and hyphens
	Name         string        // for people, Ukrainian
	NameEN       string        // optional
	Issuer       string        // its issuer identifier, exactly
	ClientID     string        //
	ClientSecret string        // optional: without it PKCE alone binds the code
	Scopes       []string      // optional; default "openid", "profile"
	MaxAge       time.Duration // optional: how old a log-in at the provider may be, at least a second
	Subjects     []string      // optional: the only subjects that may log in
}

// relyingParty is our side of one provider.
type relyingParty struct {
	Provider
	redirect string
	client   *http.Client
	plain    bool // the issuer is on this machine, where plain http is bearable
	now      func() time.Time

	mu       sync.Mutex
	provider *oidc.Provider
	read     time.Time
	failed   time.Time // when reading the metadata failed last
}

func (p *part) mountOIDC(providers []Provider) error {
	for _, c := range providers {
		rp, err := p.newRelyingParty(c)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(p.oidc, func(o *relyingParty) bool { return o.ID == c.ID }) {
			return fmt.Errorf("auth: provider %q twice", c.ID)
		}
		p.oidc = append(p.oidc, rp)
	}
	public := service.Access{Public: true}
	p.Page("GET /login/oidc/{provider}", public, p.oidcBegin)
	p.Page("GET /login/oidc/{provider}/callback", public, p.oidcCallback)
	return nil
}

func (p *part) newRelyingParty(c Provider) (*relyingParty, error) {
	if !validID(c.ID) {
		return nil, fmt.Errorf("auth: provider %q: want an id of 1 to 32 lower-case letters, digits and hyphens", c.ID)
	}
	issuer, plain, err := p.providerURL(c.Issuer)
	if err != nil {
		return nil, fmt.Errorf("auth: provider %s: issuer: %w", c.ID, err)
	}
	if issuer.RawQuery != "" {
		return nil, fmt.Errorf("auth: provider %s: issuer: want no query", c.ID)
	}
	switch {
	case c.Name == "", c.ClientID == "":
		return nil, fmt.Errorf("auth: provider %s: want a name and a client id", c.ID)
	case c.MaxAge != 0 && c.MaxAge < time.Second:
		return nil, fmt.Errorf("auth: provider %s: max age %v, want at least 1s", c.ID, c.MaxAge)
	}
	if len(c.Scopes) == 0 {
		c.Scopes = []string{oidc.ScopeOpenID, oidc.ScopeProfile}
	}
	if !slices.Contains(c.Scopes, oidc.ScopeOpenID) {
		return nil, fmt.Errorf("auth: provider %s: scopes %q, want openid among them", c.ID, c.Scopes)
	}
	return &relyingParty{Provider: c, redirect: p.Origin + "/login/oidc/" + c.ID + "/callback", client: providerClient(plain), plain: plain, now: p.Now}, nil
}

// providerURL reads the address of a provider: https, or http when it is this machine.
func (p *part) providerURL(text string) (u *url.URL, plain bool, err error) {
	u, err = url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" {
		return nil, false, fmt.Errorf("%q is not an address", text)
	}
	switch u.Scheme {
	case "https":
		return u, false, nil
	case "http":
		if ip := net.ParseIP(u.Hostname()); u.Hostname() == "localhost" || ip != nil && ip.IsLoopback() {
			return u, true, nil
		}
	}
	return nil, false, fmt.Errorf("%q: want https (http only on this machine)", text)
}

func validID(id string) bool {
	return len(id) >= 1 && len(id) <= 32 && strings.Trim(id, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// providerClient speaks to a provider: no redirects, no plain http beyond this machine, bounded in time and size.
func providerClient(plain bool) *http.Client {
	return &http.Client{
		Timeout:       providerTimeout,
		Transport:     bounded{http.DefaultTransport, plain},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// bounded limits what is read of an answer.
type bounded struct {
	http.RoundTripper
	plain bool
}

var errTooLong = errors.New("auth: provider: answer is too long")

// RoundTrip implements http.RoundTripper.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme != "https" && !b.plain {
		return nil, errors.New("auth: provider: want https")
	}
	resp, err := b.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if resp.ContentLength > maxProviderAnswer {
		resp.Body.Close()
		return nil, errTooLong
	}
	resp.Body = &boundedBody{resp.Body, maxProviderAnswer}
	return resp, nil
}

type boundedBody struct {
	io.ReadCloser
	left int64
}

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		var one [1]byte
		if n, err := b.ReadCloser.Read(one[:]); n == 0 {
			return 0, err
		}
		return 0, errTooLong
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// discover reads the provider's metadata, once an hour.
func (rp *relyingParty) discover(ctx context.Context) (*oidc.Provider, error) {
	rp.mu.Lock()
	defer rp.mu.Unlock()
	now := rp.now()
	if rp.provider != nil && now.Sub(rp.read) < discoveryTerm && !now.Before(rp.read) {
		return rp.provider, nil
	}
	if since := now.Sub(rp.failed); since >= 0 && since < discoveryPause { // whoever waits for a dead provider keeps others waiting
		if rp.provider != nil {
			return rp.provider, nil
		}
		return nil, ProviderDown.Because(fmt.Errorf("auth: %s: discovery failed a moment ago", rp.ID))
	}
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, rp.client), rp.Issuer)
	if err != nil {
		rp.failed = now
		if rp.provider != nil { // keys are fetched anew anyway; old addresses are better than no log-in
			return rp.provider, nil
		}
		return nil, ProviderDown.Because(fmt.Errorf("auth: %s: discovery failed", rp.ID)) // the answer's text stays out of the log
	}
	for _, address := range []string{provider.Endpoint().AuthURL, provider.Endpoint().TokenURL} {
		if u, err := url.Parse(address); err != nil || u.Host == "" || u.Scheme != "https" && !(rp.plain && u.Scheme == "http") {
			return nil, ProviderDown.Because(fmt.Errorf("auth: %s: discovery names an address that is not https", rp.ID))
		}
	}
	rp.provider, rp.read = provider, now
	return provider, nil
}

// config is the client of a provider. How it names itself at the token endpoint follows the metadata (RFC 8414, Section 2): trying
// both ways, as the library would, brings a code twice.
func (rp *relyingParty) config(provider *oidc.Provider) *oauth2.Config {
	endpoint := provider.Endpoint()
	var metadata struct {
		Methods []string `json:"token_endpoint_auth_methods_supported"`
	}
	endpoint.AuthStyle = oauth2.AuthStyleInHeader
	err := provider.Claims(&metadata)
	if rp.ClientSecret == "" || err == nil && len(metadata.Methods) > 0 && !slices.Contains(metadata.Methods, "client_secret_basic") {
		endpoint.AuthStyle = oauth2.AuthStyleInParams
	}
	return &oauth2.Config{ClientID: rp.ClientID, ClientSecret: rp.ClientSecret, Endpoint: endpoint, RedirectURL: rp.redirect, Scopes: rp.Scopes}
}

func (p *part) relyingParty(r *http.Request) (*relyingParty, error) {
	for _, rp := range p.oidc {
		if rp.ID == r.PathValue("provider") {
			return rp, nil
		}
	}
	return nil, service.NotFound
}

// secret is 256 random bits for an address.
func secret() string {
	var b [32]byte
	rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// oidcBegin leaves for the provider.
func (p *part) oidcBegin(w http.ResponseWriter, r *http.Request) error {
	rp, err := p.relyingParty(r)
	if err != nil {
		return err
	}
	provider, err := rp.discover(r.Context())
	if err != nil {
		return err
	}
	f := flow{Provider: "oidc/" + rp.ID, State: secret(), Nonce: secret(), Verifier: oauth2.GenerateVerifier(), Return: safeReturn(r.URL.Query().Get("return"))}
	if err := p.begin(r.Context(), f); err != nil {
		return err
	}
	options := []oauth2.AuthCodeOption{oidc.Nonce(f.Nonce), oauth2.S256ChallengeOption(f.Verifier)}
	if rp.MaxAge != 0 {
		options = append(options, oauth2.SetAuthURLParam("max_age", fmt.Sprint(int64(rp.MaxAge/time.Second))))
	}
	http.Redirect(w, r, rp.config(provider).AuthCodeURL(f.State, options...), http.StatusSeeOther)
	return nil
}

// parameter is a query parameter that may stand once and is no longer than maxParameter; ok is false otherwise.
func parameter(q url.Values, name string) (value string, ok bool) {
	switch v := q[name]; {
	case len(v) == 0:
		return "", true
	case len(v) > 1, len(v[0]) > maxParameter:
		return "", false
	default:
		return v[0], true
	}
}

// oidcCallback is where the provider sends the person back.
func (p *part) oidcCallback(w http.ResponseWriter, r *http.Request) error {
	rp, err := p.relyingParty(r)
	if err != nil {
		return err
	}
	who, f, err := p.oidcIdentity(r, rp)
	if err == nil {
		err = p.enter(w, r, who, f.Return)
	}
	return p.counted(r, err)
}

// counted counts a log-in that was refused as a try: who has used up the tries of an hour hears nothing else. A log-in that
// goes well costs nothing.
func (p *part) counted(r *http.Request, err error) error {
	var problem *service.Problem
	if errors.As(err, &problem) && problem.Status < http.StatusInternalServerError {
		if limited := p.Guess(r); limited != nil {
			return limited
		}
	}
	return err
}

// oidcIdentity checks what the provider's answer says about the person, in the order of OpenID Connect Core 1.0, Sections
// 3.1.2.7, 3.1.3.5 and 3.1.3.7.
func (p *part) oidcIdentity(r *http.Request, rp *relyingParty) (who identity, f flow, err error) {
	q := r.URL.Query()
	values := map[string]string{}
	for _, name := range []string{"state", "code", "iss", "error"} {
		v, ok := parameter(q, name)
		if !ok {
			return who, f, failed("%s: callback: parameter %s is twice there or too long", rp.ID, name)
		}
		values[name] = v
	}
	if f, err = p.finish(r.Context(), "oidc/"+rp.ID, values["state"]); err != nil {
		return who, f, err
	}
	provider, err := rp.discover(r.Context())
	if err != nil {
		return who, f, err
	}
	var metadata struct {
		NamesIssuer bool `json:"authorization_response_iss_parameter_supported"` // RFC 9207, Section 3
	}
	if err := provider.Claims(&metadata); err != nil {
		return who, f, ProviderDown.Because(fmt.Errorf("auth: %s: discovery is not as expected", rp.ID))
	}
	switch {
	case q.Has("iss") && values["iss"] != rp.Issuer, metadata.NamesIssuer && !q.Has("iss"):
		return who, f, failed("%s: answer is another issuer's", rp.ID)
	case q.Has("error"):
		return who, f, failed("%s: provider refused", rp.ID)
	case values["code"] == "":
		return who, f, failed("%s: no code", rp.ID)
	}
	ctx := oidc.ClientContext(r.Context(), rp.client)
	token, err := rp.config(provider).Exchange(ctx, values["code"], oauth2.VerifierOption(f.Verifier))
	if err != nil {
		var refused *oauth2.RetrieveError
		if errors.As(err, &refused) && refused.Response != nil && refused.Response.StatusCode < 500 {
			return who, f, failed("%s: code refused", rp.ID)
		}
		return who, f, ProviderDown.Because(fmt.Errorf("auth: %s: token endpoint failed", rp.ID))
	}
	raw, _ := token.Extra("id_token").(string)
	if raw == "" || len(raw) > maxIDToken {
		return who, f, failed("%s: id token of %d bytes, want 1 to %d", rp.ID, len(raw), maxIDToken)
	}
	now := p.Now()
	verified, err := provider.Verifier(&oidc.Config{
		ClientID: rp.ClientID, SupportedSigningAlgs: signingAlgorithms,
		Now: func() time.Time { return now.Add(-clockLeeway) },
	}).Verify(ctx, raw)
	if err != nil {
		return who, f, failed("%s: id token refused: %s", rp.ID, tokenFault(err))
	}
	var claims struct {
		AuthorizedParty string   `json:"azp"`
		AuthTime        *float64 `json:"auth_time"`
		NotBefore       *float64 `json:"nbf"`
		Name            string   `json:"name"`
	}
	if err := verified.Claims(&claims); err != nil {
		return who, f, failed("%s: id token: claims are not as expected", rp.ID)
	}
	switch age := now.Sub(verified.IssuedAt); {
	case verified.Nonce == "" || !equal(verified.Nonce, f.Nonce):
		return who, f, failed("%s: id token: nonce is not ours", rp.ID)
	case len(verified.Audience) > 1 && claims.AuthorizedParty == "", claims.AuthorizedParty != "" && claims.AuthorizedParty != rp.ClientID:
		return who, f, failed("%s: id token: authorized party is not us", rp.ID)
	case verified.IssuedAt.IsZero() || age > FlowTerm+clockLeeway || age < -clockLeeway:
		return who, f, failed("%s: id token: issued %v ago", rp.ID, age.Round(time.Second))
	case claims.NotBefore != nil && now.Add(clockLeeway).Before(seconds(*claims.NotBefore)):
		return who, f, failed("%s: id token: not valid yet", rp.ID)
	case !withinMaxAge(rp.MaxAge, claims.AuthTime, now):
		return who, f, failed("%s: id token: the person logged in longer ago than %v, or it does not say", rp.ID, rp.MaxAge)
	}
	if verified.AccessTokenHash != "" {
		if err := verified.VerifyAccessToken(token.AccessToken); err != nil {
			return who, f, failed("%s: id token: access token is not its own", rp.ID)
		}
	}
	if len(rp.Subjects) > 0 && !slices.Contains(rp.Subjects, verified.Subject) {
		return who, f, failed("%s: subject is not on the list", rp.ID)
	}
	return identity{provider: "oidc\x00" + rp.Issuer, subject: verified.Subject, name: claims.Name, waiting: true}, f, nil
}

// seconds is a NumericDate (RFC 7519, Section 2); what no calendar holds is the far future.
func seconds(n float64) time.Time {
	if !(n >= 0 && n < 1<<40) {
		return time.Unix(1<<40, 0)
	}
	return time.Unix(int64(n), 0)
}

// withinMaxAge tells whether the person logged in at the provider recently enough (OpenID Connect Core 1.0, Section 3.1.3.7, 13).
func withinMaxAge(limit time.Duration, authTime *float64, now time.Time) bool {
	if limit == 0 {
		return true
	}
	if authTime == nil {
		return false
	}
	age := now.Sub(seconds(*authTime))
	return age <= limit+clockLeeway && age >= -clockLeeway
}

// tokenFault says in a few fixed words what the library refused; its own text may quote the token.
func tokenFault(err error) string {
	var expired *oidc.TokenExpiredError
	if errors.As(err, &expired) {
		return "expired"
	}
	for _, w := range []string{"audience", "issued by a different provider", "signature", "nbf", "algorithm", "malformed"} {
		if strings.Contains(err.Error(), w) {
			return w
		}
	}
	return "not as expected"
}

// ReadConfig reads a configuration file (docs/spec/login.md). file opens the files that it names, which hold secrets.
func ReadConfig(data []byte, file func(name string) ([]byte, error)) (Config, error) {
	var in struct {
		Providers []struct {
			ID               string   `json:"id"`
			Name             string   `json:"name"`
			NameEN           string   `json:"name_en"`
			Issuer           string   `json:"issuer"`
			ClientID         string   `json:"client_id"`
			ClientSecretFile string   `json:"client_secret_file"`
			Scopes           []string `json:"scopes"`
			MaxAgeSeconds    int64    `json:"max_age_seconds"`
			Subjects         []string `json:"subjects"`
		} `json:"providers"`
		IDGovUA *struct {
			URL              string   `json:"url"`
			ClientID         string   `json:"client_id"`
			ClientSecretFile string   `json:"client_secret_file"`
			AuthTypes        []string `json:"auth_types"`
			CertificateFile  string   `json:"certificate_file"`
			CertEncodedTwice bool     `json:"cert_encoded_twice"`
			PostToken        bool     `json:"post_token"`
			Decrypt          []string `json:"decrypt"`
		} `json:"id_gov_ua"`
	}
	d := json.NewDecoder(strings.NewReader(string(data)))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		return Config{}, fmt.Errorf("auth: configuration: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return Config{}, errors.New("auth: configuration: want one JSON object and nothing after it")
	}
	read := func(name string) (string, error) {
		if name == "" {
			return "", nil
		}
		b, err := file(name)
		if err != nil {
			return "", fmt.Errorf("auth: configuration: %w", err)
		}
		text := strings.TrimRight(string(b), "\r\n")
		if text == "" || len(text) > 4096 {
			return "", fmt.Errorf("auth: configuration: file of %d bytes, want a secret of 1 to 4096", len(b))
		}
		return text, nil
	}
	var c Config
	for _, v := range in.Providers {
		secret, err := read(v.ClientSecretFile)
		if err != nil {
			return Config{}, err
		}
		if v.MaxAgeSeconds < 0 || v.MaxAgeSeconds > 366*24*3600 {
			return Config{}, fmt.Errorf("auth: configuration: provider %s: max_age_seconds %d, want 0 to a year", v.ID, v.MaxAgeSeconds)
		}
		c.Providers = append(c.Providers, Provider{ID: v.ID, Name: v.Name, NameEN: v.NameEN, Issuer: v.Issuer, ClientID: v.ClientID, ClientSecret: secret,
			Scopes: v.Scopes, MaxAge: time.Duration(v.MaxAgeSeconds) * time.Second, Subjects: v.Subjects})
	}
	if v := in.IDGovUA; v != nil {
		secret, err := read(v.ClientSecretFile)
		if err != nil {
			return Config{}, err
		}
		c.IDGovUA = &IDGovUA{URL: v.URL, ClientID: v.ClientID, ClientSecret: secret, AuthTypes: v.AuthTypes, CertEncodedTwice: v.CertEncodedTwice, PostToken: v.PostToken}
		if v.CertificateFile != "" || len(v.Decrypt) > 0 {
			cert, err := file(v.CertificateFile)
			if err != nil {
				return Config{}, fmt.Errorf("auth: configuration: %w", err)
			}
			if c.IDGovUA.Decrypter, err = NewCommandDecrypter(cert, v.Decrypt); err != nil {
				return Config{}, err
			}
		}
	}
	return c, nil
}
