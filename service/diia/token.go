package diia

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/store"
)

// Labels of keyed hashes.
const (
	macToken    = "posvid system token v1"
	macJTI      = "posvid system jti v1"
	macDocument = "posvid system document v1"
	macPerson   = "posvid system person v1"
	macPost     = "posvid system post v1"
	macUnit     = "posvid system unit v1"
	macPhoto    = "posvid system photo v1"
	macSeen     = "posvid system seen v1"
)

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" // RFC 7523, Section 2.2

const tokenPath = "/oauth/token"

// oauthError is a refusal of the token endpoint in the words of RFC 6749, Section 5.2.
type oauthError struct {
	status int
	code   string
	detail string // US-ASCII, for the developer at the other end
}

func (e *oauthError) Error() string { return "diia: token refused: " + e.detail + " [" + e.code + "]" }

func refuseToken(status int, code, format string, args ...any) *oauthError {
	return &oauthError{status, code, fmt.Sprintf(format, args...)}
}

// One answer for whatever says who is registered: an unknown client, a stopped one, a wrong key.
func notAuthenticated() *oauthError {
	return refuseToken(http.StatusUnauthorized, "invalid_client", "client authentication failed")
}

type tokenInput struct {
	ContentType   string `header:"Content-Type"`
	Authorization string `header:"Authorization"`
	RawBody       []byte `contentType:"application/x-www-form-urlencoded"`
}

type tokenOutput struct {
	Status       int
	CacheControl string `header:"Cache-Control"`
	Pragma       string `header:"Pragma"`
	Body         tokenAnswer
}

// tokenAnswer is RFC 6749, Section 5.1, or with error Section 5.2.
type tokenAnswer struct {
	AccessToken string `json:"access_token,omitempty" doc:"opaque, 43 characters"`
	TokenType   string `json:"token_type,omitempty" doc:"Bearer"`
	ExpiresIn   int    `json:"expires_in,omitempty" doc:"seconds"`
	Scope       string `json:"scope,omitempty" doc:"scopes with spaces between them"`
	Error       string `json:"error,omitempty" doc:"RFC 6749, Section 5.2"`
	Description string `json:"error_description,omitempty"`
}

func (p *part) token(ctx context.Context, in *tokenInput) (*tokenOutput, error) {
	out := &tokenOutput{Status: http.StatusOK, CacheControl: "no-store", Pragma: "no-cache"}
	answer, err := p.grantToken(ctx, in, p.s.Now())
	var refused *oauthError
	switch {
	case errors.As(err, &refused):
		out.Status, out.Body = refused.status, tokenAnswer{Error: refused.code, Description: refused.detail}
	case err != nil:
		return nil, err
	default:
		out.Body = *answer
	}
	return out, nil
}

// tokenRequest is a request for a token, checked in form.
type tokenRequest struct {
	client    string // client_id of the form, or empty
	assertion string
	scopes    []string // nil: whatever the client may
}

// parseTokenRequest reads the form of RFC 6749, Section 4.4.2 with RFC 7523, Section 2.2.
func parseTokenRequest(contentType, authorization string, body []byte) (tokenRequest, *oauthError) {
	bad := func(format string, args ...any) (tokenRequest, *oauthError) {
		return tokenRequest{}, refuseToken(http.StatusBadRequest, "invalid_request", format, args...)
	}
	media, _, _ := strings.Cut(contentType, ";")
	switch {
	case !strings.EqualFold(strings.TrimSpace(media), "application/x-www-form-urlencoded"):
		return bad("want the content type application/x-www-form-urlencoded")
	case len(body) > maxForm:
		return bad("the request is too large, want at most %d bytes", maxForm)
	case authorization != "":
		return bad("want private_key_jwt and no Authorization header")
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return bad("the form cannot be read")
	}
	for name, values := range form {
		if len(values) > 1 && slices.Contains([]string{"grant_type", "client_assertion_type", "client_assertion", "scope", "client_id", "client_secret"}, name) {
			return bad("%s is given more than once", name)
		}
	}
	switch {
	case form.Has("client_secret"):
		return bad("want private_key_jwt and no client_secret")
	case form.Get("grant_type") == "":
		return bad("grant_type is missing")
	case form.Get("grant_type") != "client_credentials":
		return tokenRequest{}, refuseToken(http.StatusBadRequest, "unsupported_grant_type", "want grant_type client_credentials")
	case form.Get("client_assertion_type") != assertionType:
		return bad("want client_assertion_type %s", assertionType)
	case form.Get("client_assertion") == "":
		return bad("client_assertion is missing")
	case len(form.Get("client_assertion")) > maxAssertion:
		return bad("client_assertion is too long, want at most %d bytes", maxAssertion)
	}
	r := tokenRequest{client: form.Get("client_id"), assertion: form.Get("client_assertion")}
	if form.Has("scope") {
		for _, s := range strings.Fields(form.Get("scope")) {
			if !slices.Contains(allScopes, s) {
				return tokenRequest{}, refuseToken(http.StatusBadRequest, "invalid_scope", "want scopes among: %s", strings.Join(allScopes, " "))
			}
			if !slices.Contains(r.scopes, s) {
				r.scopes = append(r.scopes, s)
			}
		}
		if len(r.scopes) == 0 {
			return tokenRequest{}, refuseToken(http.StatusBadRequest, "invalid_scope", "scope is empty")
		}
	}
	return r, nil
}

// assertion is a client assertion whose claims fit, and whose signature nobody has checked yet.
type assertion struct {
	token  *jwt.JSONWebToken
	alg    jose.SignatureAlgorithm
	kid    string
	client string
	jti    string
	exp    time.Time
}

type assertionClaims struct {
	Issuer    string           `json:"iss"`
	Subject   string           `json:"sub"`
	Audience  jwt.Audience     `json:"aud"`
	Expires   *jwt.NumericDate `json:"exp"`
	NotBefore *jwt.NumericDate `json:"nbf"`
	IssuedAt  *jwt.NumericDate `json:"iat"`
	ID        string           `json:"jti"`
}

// parseAssertion reads a client assertion and holds everything that needs no key against the rules: cheap, so that nonsense
// costs no signature check. audiences are the one or the other that aud has to be.
func parseAssertion(text string, audiences []string, at time.Time) (assertion, *oauthError) {
	bad := func(format string, args ...any) (assertion, *oauthError) {
		return assertion{}, refuseToken(http.StatusUnauthorized, "invalid_client", format, args...)
	}
	if strings.Count(text, ".") != 2 {
		return bad("client_assertion is no JWT in compact form")
	}
	if err := checkHeader(text); err != nil {
		return bad("client_assertion: %v", err)
	}
	t, err := jwt.ParseSigned(text, []jose.SignatureAlgorithm{jose.ES256, jose.RS256})
	if err != nil || len(t.Headers) != 1 {
		return bad("client_assertion is no JWT signed by ES256 or RS256")
	}
	var c assertionClaims
	if err := t.UnsafeClaimsWithoutVerification(&c); err != nil {
		return bad("client_assertion: claims cannot be read")
	}
	switch {
	case c.Issuer == "" || c.Issuer != c.Subject:
		return bad("client_assertion: want iss and sub, both the client id")
	case len(c.Issuer) > 64:
		return bad("client_assertion: iss is no client id")
	case len(c.Audience) != 1 || !slices.Contains(audiences, c.Audience[0]):
		return bad("client_assertion: want aud %s", audiences[0])
	case c.ID == "" || len(c.ID) > maxJTI:
		return bad("client_assertion: want a jti of 1 to %d bytes", maxJTI)
	case c.Expires == nil:
		return bad("client_assertion: exp is missing")
	}
	exp := c.Expires.Time()
	switch {
	case exp.Add(assertionSkew).Before(at) || exp.Add(assertionSkew).Equal(at):
		return bad("client_assertion has expired")
	case exp.Sub(at) > assertionLife+assertionSkew:
		return bad("client_assertion: exp lies more than %d s ahead", int(assertionLife.Seconds()))
	case c.NotBefore != nil && c.NotBefore.Time().After(at.Add(assertionSkew)):
		return bad("client_assertion is not valid yet")
	case c.IssuedAt != nil && c.IssuedAt.Time().After(at.Add(assertionSkew)):
		return bad("client_assertion: iat lies ahead")
	case c.IssuedAt != nil && exp.Sub(c.IssuedAt.Time()) > assertionLife+assertionSkew:
		return bad("client_assertion lives longer than %d s", int(assertionLife.Seconds()))
	}
	h := t.Headers[0]
	return assertion{token: t, alg: jose.SignatureAlgorithm(h.Algorithm), kid: h.KeyID, client: c.Issuer, jti: c.ID, exp: exp}, nil
}

// checkHeader admits the header members alg, kid and typ, and nothing that names a key or asks for an extension.
func checkHeader(text string) error {
	first, _, _ := strings.Cut(text, ".")
	raw, err := base64.RawURLEncoding.Strict().DecodeString(first)
	if err != nil {
		return errors.New("header is no base64url")
	}
	var h map[string]json.RawMessage
	if json.Unmarshal(raw, &h) != nil {
		return errors.New("header is no JSON object")
	}
	for name := range h {
		if name != "alg" && name != "kid" && name != "typ" {
			return errors.New("header: want alg, kid and typ only")
		}
	}
	if t, ok := h["typ"]; ok {
		var typ string
		if json.Unmarshal(t, &typ) != nil || !slices.Contains([]string{"JWT", "jwt", "client-authentication+jwt"}, typ) {
			return errors.New("header: want typ JWT")
		}
	}
	return nil
}

// verify checks the signature by one of the keys of the client that fit alg, and kid where it is given.
func (a *assertion) verify(keys []publicKey) bool {
	for i := range keys {
		k := &keys[i]
		if k.alg != a.alg || a.kid != "" && a.kid != k.kid {
			continue
		}
		var c assertionClaims
		if a.token.Claims(k.jwk.Key, &c) == nil && c.Issuer == a.client && c.ID == a.jti {
			return true
		}
	}
	return false
}

// grantToken authenticates the client and makes a token for it.
func (p *part) grantToken(ctx context.Context, in *tokenInput, at time.Time) (*tokenAnswer, error) {
	r, refused := parseTokenRequest(in.ContentType, in.Authorization, in.RawBody)
	if refused != nil {
		return nil, refused
	}
	a, refused := parseAssertion(r.assertion, []string{p.s.Origin + tokenPath, p.s.Origin}, at)
	if refused != nil {
		return nil, refused
	}
	if r.client != "" && r.client != a.client {
		return nil, refuseToken(http.StatusUnauthorized, "invalid_client", "client_id is not the one of client_assertion")
	}
	var s system
	var grants []grant
	if err := p.s.Store.View(ctx, func(tx *store.ServiceTx) error {
		var ok bool
		var err error
		if s, ok, err = systemByClient(tx, a.client); err != nil || !ok {
			return err
		}
		grants, err = grantsOf(tx, s.id)
		return err
	}); err != nil {
		return nil, err
	}
	if !s.live(at) {
		return nil, notAuthenticated()
	}
	if !p.signatures.Allow("", at) {
		return nil, refuseToken(http.StatusTooManyRequests, "temporarily_unavailable", "too many requests")
	}
	keys, err := parseKeys(s.keys)
	if err != nil {
		return nil, err
	}
	if !a.verify(keys) {
		return nil, notAuthenticated()
	}
	// From here on it is the client who asks.
	if !p.tokens.Allow(s.client, at) {
		return nil, refuseToken(http.StatusTooManyRequests, "temporarily_unavailable", "more than %d tokens a minute", tokensPerMinute)
	}
	var can []string
	for _, g := range grants {
		if g.counts(&s) {
			can = append(can, g.scopes...)
		}
	}
	scopes := r.scopes
	if scopes == nil {
		scopes = can
	}
	var have []string
	for _, sc := range allScopes {
		if slices.Contains(scopes, sc) {
			if !slices.Contains(can, sc) {
				return nil, refuseToken(http.StatusBadRequest, "invalid_scope", "no body grants %s", sc)
			}
			have = append(have, sc)
		}
	}
	if len(have) == 0 {
		return nil, refuseToken(http.StatusBadRequest, "unauthorized_client", "no body grants this client anything")
	}
	jti, err := p.s.Store.MAC(macJTI, []byte(s.client+"\x00"+a.jti))
	if err != nil {
		return nil, err
	}
	var secret [32]byte
	rand.Read(secret[:])
	text := base64.RawURLEncoding.EncodeToString(secret[:])
	mac, err := p.s.Store.MAC(macToken, []byte(text))
	if err != nil {
		return nil, err
	}
	life := min(tokenLife, s.until.Sub(at).Truncate(time.Second))
	err = p.s.Store.Update(ctx, func(tx *store.ServiceTx) error {
		// The assertion is used up with the token that it gives: neither stays without the other.
		if _, err := tx.Exec(`INSERT INTO system_jtis (jti, expires) VALUES ($1, $2)`, jti[:], a.exp.Add(assertionSkew).Unix()+1); err != nil {
			return err
		}
		now, ok, err := systemByID(tx, s.id)
		if err != nil {
			return err
		}
		if !ok || !now.live(at) || now.print != s.print {
			return notAuthenticated()
		}
		_, err = tx.Exec(`INSERT INTO system_tokens (token, system, scopes, print, expires) VALUES ($1, $2, $3, $4, $5)`,
			mac[:], s.id, strings.Join(have, " "), s.print[:], at.Add(life).Unix())
		return err
	})
	if errors.Is(err, issuer.ErrConflict) {
		return nil, refuseToken(http.StatusUnauthorized, "invalid_client", "client_assertion was used before: want a fresh jti")
	}
	if err != nil {
		return nil, err
	}
	return &tokenAnswer{AccessToken: text, TokenType: "Bearer", ExpiresIn: int(life.Seconds()), Scope: strings.Join(have, " ")}, nil
}

// invalidToken is RFC 6750, Section 3.1.
var invalidToken = service.NewProblem(http.StatusUnauthorized, "invalid-token", "Токен доступу недійсний або його строк минув.",
	"The access token is not valid, or has expired.", "Отримайте новий через /oauth/token.", "Get a new one from /oauth/token.")

// authenticate knows a system by its access token.
func (p *part) authenticate(r *http.Request) (service.Principal, bool, error) {
	values := r.Header.Values("Authorization")
	if len(values) == 0 {
		return service.Principal{}, false, nil
	}
	kind, text, _ := strings.Cut(values[0], " ")
	if len(values) > 1 || !strings.EqualFold(kind, "Bearer") {
		return service.Principal{}, false, nil
	}
	text = strings.TrimSpace(text)
	if len(text) != 43 {
		return service.Principal{}, true, invalidToken
	}
	mac, err := p.s.Store.MAC(macToken, []byte(text))
	if err != nil {
		return service.Principal{}, true, err
	}
	at := p.s.Now()
	who := service.Principal{Kind: service.System}
	err = p.s.Store.View(r.Context(), func(tx *store.ServiceTx) error {
		var id, expires int64
		var scopes string
		var print []byte
		if err := tx.Row(`SELECT system, scopes, print, expires FROM system_tokens WHERE token = $1`, []any{mac[:]}, &id, &scopes, &print, &expires); err != nil {
			return err
		}
		s, ok, err := systemByID(tx, id)
		if err != nil {
			return err
		}
		if !ok || !s.live(at) || at.Unix() >= expires || string(print) != string(s.print[:]) {
			return issuer.ErrNotFound
		}
		grants, err := grantsOf(tx, id)
		if err != nil {
			return err
		}
		who.Name, who.System, who.Scopes = s.name, s.client, strings.Fields(scopes)
		for _, g := range grants {
			if g.counts(&s) {
				who.Bodies = append(who.Bodies, g.body)
			}
		}
		return nil
	})
	if errors.Is(err, issuer.ErrNotFound) {
		return service.Principal{}, true, invalidToken
	}
	if err != nil {
		return service.Principal{}, true, err
	}
	if !p.asks.Allow(who.System, at) {
		return service.Principal{}, true, service.Limited
	}
	return who, true, nil
}

type metadataOutput struct {
	Body metadata
}

// metadata is RFC 8414, Section 2.
type metadata struct {
	Issuer     string   `json:"issuer"`
	Token      string   `json:"token_endpoint"`
	Methods    []string `json:"token_endpoint_auth_methods_supported"`
	Algorithms []string `json:"token_endpoint_auth_signing_alg_values_supported"`
	Grants     []string `json:"grant_types_supported"`
	Responses  []string `json:"response_types_supported"`
	Scopes     []string `json:"scopes_supported"`
}

func (p *part) metadata(context.Context, *struct{}) (*metadataOutput, error) {
	return &metadataOutput{metadata{Issuer: p.s.Origin, Token: p.s.Origin + tokenPath, Methods: []string{"private_key_jwt"},
		Algorithms: []string{"ES256", "RS256"}, Grants: []string{"client_credentials"}, Responses: []string{}, Scopes: allScopes}}, nil
}

func (p *part) mountToken() {
	service.Operation(p.s, service.Access{Public: true}, huma.Operation{
		OperationID: "system-token", Method: http.MethodPost, Path: tokenPath, Tags: []string{"systems"}, MaxBodyBytes: maxForm,
		Summary:     "Get an access token by private_key_jwt",
		Description: "OAuth 2.0 client credentials (RFC 6749, Section 4.4) with a client assertion (RFC 7523, Section 2.2). Errors are those of RFC 6749, Section 5.2.",
	}, p.token)
	service.Operation(p.s, service.Access{Public: true}, huma.Operation{
		OperationID: "system-metadata", Method: http.MethodGet, Path: "/.well-known/oauth-authorization-server", Tags: []string{"systems"},
		Summary: "What the token endpoint supports (RFC 8414)",
	}, p.metadata)
}
