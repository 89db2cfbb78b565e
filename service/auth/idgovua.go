package auth

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/posvid/posvid/hr"
	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/store"
)

// Bounds of what is taken from id.gov.ua.
const (
	maxGovAnswer   = 128 << 10        // bytes of one answer, envelope included
	maxGovPlain    = 32 << 10         // bytes of an opened envelope
	maxGovToken    = 4 << 10          // bytes of an access token
	minGovState    = 10               // characters of state
	maxGovState    = 512              // characters of state
	decryptTimeout = 10 * time.Second // of one run of a decrypting program
)

// govFields is what is asked about a person: no more than finding him in a register takes.
const govFields = "drfocode,lastname,givenname"

// NotKnown answers somebody who proved who he is, and is an official of no body here.
var NotKnown = service.NewProblem(http.StatusForbidden, "not-known", "Вас немає серед посадових осіб цих органів.", "You are not an official of these bodies.",
	"Зверніться до служби персоналу органу.", "Ask the personnel office of the body.")

// Decrypter opens the envelope in which id.gov.ua hands over what it knows about a person: CMS EnvelopedData under ДСТУ 4145 key
// agreement and ДСТУ 28147 or ДСТУ 7624 encryption. No Go library does that; the body supplies one (docs/spec/login.md, Section 5).
type Decrypter interface {
	// Certificate is the DER certificate that envelopes are made for.
	Certificate() []byte
	// Decrypt opens an envelope. The answer is JSON.
	Decrypt(ctx context.Context, envelope []byte) ([]byte, error)
}

// IDGovUA is the log-in by id.gov.ua: OAuth 2.0 of its own kind. Everything without "optional" must be given.
type IDGovUA struct {
	URL              string   // https://id.gov.ua or that of the test system
	ClientID         string   //
	ClientSecret     string   //
	AuthTypes        []string // optional; default dig_sign, bank_id, diia_id
	CertEncodedTwice bool     // optional: the certificate is percent-encoded once more before it goes into the address
	PostToken        bool     // optional: the code is redeemed by POST, so that the secret stays out of addresses
	Decrypter        Decrypter
}

// idGovUA is our side of id.gov.ua.
type idGovUA struct {
	IDGovUA
	base     *url.URL
	client   *http.Client
	redirect string
}

var authTypes = []string{"dig_sign", "bank_id", "diia_id"}

func (p *part) mountIDGovUA(c *IDGovUA) error {
	if c == nil {
		return nil
	}
	base, plain, err := p.providerURL(c.URL)
	if err != nil {
		return fmt.Errorf("auth: id.gov.ua: %w", err)
	}
	if base.RawQuery != "" {
		return errors.New("auth: id.gov.ua: want an address without a query")
	}
	g := &idGovUA{IDGovUA: *c, base: base, client: providerClient(plain), redirect: p.Origin + "/login/idgovua/callback"}
	if len(g.AuthTypes) == 0 {
		g.AuthTypes = authTypes
	}
	switch {
	case c.ClientID == "", c.ClientSecret == "":
		return errors.New("auth: id.gov.ua: want a client id and a client secret")
	case c.Decrypter == nil:
		return errors.New("auth: id.gov.ua: want a decrypter: its answers are enveloped under ДСТУ, which has to be opened by a program of the body's own")
	case len(c.Decrypter.Certificate()) == 0:
		return errors.New("auth: id.gov.ua: want a certificate of the decrypter")
	}
	for _, t := range g.AuthTypes {
		if !slices.Contains(authTypes, t) {
			return fmt.Errorf("auth: id.gov.ua: auth type %q, want one of %s", t, strings.Join(authTypes, ", "))
		}
	}
	p.idgovua = g
	public := service.Access{Public: true}
	p.Page("GET /login/idgovua", public, p.govBegin)
	p.Page("GET /login/idgovua/callback", public, p.govCallback)
	return nil
}

// address is one of id.gov.ua's own.
func (g *idGovUA) address(path string, q url.Values) string {
	u := *g.base
	u.Path = strings.TrimSuffix(u.Path, "/") + path
	u.RawQuery = q.Encode()
	return u.String()
}

// govBegin leaves for id.gov.ua.
func (p *part) govBegin(w http.ResponseWriter, r *http.Request) error {
	state, err := base64.RawURLEncoding.DecodeString(secret())
	if err != nil {
		return err
	}
	f := flow{Provider: "idgovua", State: hex.EncodeToString(state), Return: safeReturn(r.URL.Query().Get("return"))}
	if len(f.State) < minGovState || len(f.State) > maxGovState {
		return fmt.Errorf("auth: id.gov.ua: state of %d characters, want %d to %d", len(f.State), minGovState, maxGovState)
	}
	if err := p.begin(r.Context(), f); err != nil {
		return err
	}
	http.Redirect(w, r, p.idgovua.address("/", url.Values{
		"response_type": {"code"}, "client_id": {p.idgovua.ClientID}, "auth_type": {strings.Join(p.idgovua.AuthTypes, ",")},
		"state": {f.State}, "redirect_uri": {p.idgovua.redirect},
	}), http.StatusSeeOther)
	return nil
}

// govCallback is where id.gov.ua sends the person back.
func (p *part) govCallback(w http.ResponseWriter, r *http.Request) error {
	who, f, err := p.govIdentity(r)
	if err == nil {
		err = p.enter(w, r, who, f.Return)
	}
	return p.counted(r, err)
}

func (p *part) govIdentity(r *http.Request) (who identity, f flow, err error) {
	q, ctx := r.URL.Query(), r.Context()
	state, ok1 := parameter(q, "state")
	code, ok2 := parameter(q, "code")
	if !ok1 || !ok2 {
		return who, f, failed("id.gov.ua: callback: a parameter is twice there or too long")
	}
	if f, err = p.finish(ctx, "idgovua", state); err != nil {
		return who, f, err
	}
	if q.Has("error") || code == "" {
		return who, f, failed("id.gov.ua: refused")
	}
	token, err := p.idgovua.redeem(ctx, code)
	if err != nil {
		return who, f, err
	}
	person, err := p.idgovua.person(ctx, token)
	if err != nil {
		return who, f, err
	}
	holder, err := p.holderGrants(ctx, person.RNOKPP)
	if err != nil {
		return who, f, err
	}
	if len(holder) == 0 && p.invited(ctx) == 0 {
		known, err := p.withoutRights(ctx, person.RNOKPP)
		if err != nil {
			return who, f, err
		}
		if !known {
			return who, f, NotKnown
		}
	}
	// The number is the subject: id.gov.ua's own user_id belongs to one log-in. Only its keyed hash is kept.
	return identity{provider: "id.gov.ua", subject: person.RNOKPP, name: person.Given + " " + person.Surname, holder: holder}, f, nil
}

// withoutRights takes a holder's roles from a person who is no official any more, and tells whether other roles are left.
func (p *part) withoutRights(ctx context.Context, rnokpp string) (known bool, err error) {
	subject, err := service.SubjectOf(p.Store, "id.gov.ua", rnokpp)
	if err != nil {
		return false, err
	}
	err = p.Store.Update(ctx, func(tx *store.ServiceTx) error {
		a, err := service.FindAccount(tx, subject)
		if is(err, service.UnknownAccount) {
			return nil
		}
		if err != nil {
			return err
		}
		known = slices.ContainsFunc(a.Grants, func(g service.Grant) bool { return g.Role != service.Holder })
		return replaceHolder(tx, a, nil)
	})
	return known, err
}

// govToken is the answer of get-access-token.
type govToken struct {
	Access string
	User   string
}

// parseGovToken reads the answer of get-access-token: expires_in is a number in quotes there, user_id a text or a number.
func parseGovToken(data []byte) (govToken, error) {
	var in struct {
		Access  string     `json:"access_token"`
		Type    string     `json:"token_type"`
		Expires govText    `json:"expires_in"`
		User    govText    `json:"user_id"`
		Error   *govAnyway `json:"error"`
	}
	if err := decodeGov(data, &in); err != nil {
		return govToken{}, err
	}
	switch n, err := strconv.ParseInt(string(in.Expires), 10, 64); {
	case in.Error != nil:
		return govToken{}, errors.New("auth: id.gov.ua: token: refused")
	case in.Access == "" || len(in.Access) > maxGovToken:
		return govToken{}, fmt.Errorf("auth: id.gov.ua: token: access_token of %d bytes, want 1 to %d", len(in.Access), maxGovToken)
	case in.User == "" || len(in.User) > 256:
		return govToken{}, fmt.Errorf("auth: id.gov.ua: token: user_id of %d bytes, want 1 to 256", len(in.User))
	case !strings.EqualFold(in.Type, "bearer"):
		return govToken{}, errors.New("auth: id.gov.ua: token: token_type, want bearer")
	case err != nil || n <= 0:
		return govToken{}, errors.New("auth: id.gov.ua: token: expires_in, want a number above 0")
	}
	return govToken{in.Access, string(in.User)}, nil
}

// govText is a text or a whole number.
type govText string

// UnmarshalJSON implements json.Unmarshaler.
func (t *govText) UnmarshalJSON(b []byte) error {
	var s string
	if json.Unmarshal(b, &s) == nil {
		*t = govText(s)
		return nil
	}
	n, err := strconv.ParseInt(string(b), 10, 64)
	if err != nil {
		return errors.New("want a text or a whole number")
	}
	*t = govText(strconv.FormatInt(n, 10))
	return nil
}

// govAnyway is a value whose presence alone matters.
type govAnyway struct{}

// UnmarshalJSON implements json.Unmarshaler.
func (*govAnyway) UnmarshalJSON([]byte) error { return nil }

func decodeGov(data []byte, into any) error {
	if !utf8.Valid(data) {
		return errors.New("auth: id.gov.ua: answer is not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	if err := d.Decode(into); err != nil {
		return errors.New("auth: id.gov.ua: answer is not the JSON that is expected") // the library's text may quote the answer
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("auth: id.gov.ua: bytes after the answer")
	}
	return nil
}

// redeem changes a code for an access token.
func (g *idGovUA) redeem(ctx context.Context, code string) (govToken, error) {
	q := url.Values{"grant_type": {"authorization_code"}, "client_id": {g.ClientID}, "client_secret": {g.ClientSecret}, "code": {code}}
	method, address, body := http.MethodGet, g.address("/get-access-token", q), io.Reader(nil)
	if g.PostToken {
		method, address, body = http.MethodPost, g.address("/get-access-token", nil), strings.NewReader(q.Encode())
	}
	data, err := g.ask(ctx, method, address, body)
	if err != nil {
		return govToken{}, err
	}
	t, err := parseGovToken(data)
	if err != nil {
		return govToken{}, LogInFailed.Because(err)
	}
	return t, nil
}

// govPerson is what is used of what id.gov.ua knows. It is never kept.
type govPerson struct {
	RNOKPP, Surname, Given string
}

// parseGovPerson reads an opened envelope. Only a person with a РНОКПП can be found in a register.
func parseGovPerson(data []byte) (govPerson, error) {
	var in struct {
		Code    string     `json:"drfocode"`
		Surname string     `json:"lastname"`
		Given   string     `json:"givenname"`
		Error   *govAnyway `json:"error"`
	}
	if len(data) > maxGovPlain {
		return govPerson{}, fmt.Errorf("auth: id.gov.ua: person of %d bytes, want at most %d", len(data), maxGovPlain)
	}
	if err := decodeGov(data, &in); err != nil {
		return govPerson{}, err
	}
	switch {
	case in.Error != nil:
		return govPerson{}, errors.New("auth: id.gov.ua: person: refused")
	case !hr.ValidRNOKPP(in.Code):
		return govPerson{}, errors.New("auth: id.gov.ua: person: drfocode is not a РНОКПП")
	}
	return govPerson{in.Code, in.Surname, in.Given}, nil
}

// person asks who logged in.
func (g *idGovUA) person(ctx context.Context, t govToken) (govPerson, error) {
	cert := base64.StdEncoding.EncodeToString(g.Decrypter.Certificate())
	if g.CertEncodedTwice {
		cert = url.QueryEscape(cert)
	}
	data, err := g.ask(ctx, http.MethodGet, g.address("/get-user-info", url.Values{
		"user_id": {t.User}, "access_token": {t.Access}, "fields": {govFields}, "cert": {cert},
	}), nil)
	if err != nil {
		return govPerson{}, err
	}
	var in struct {
		Envelope string `json:"encryptedUserInfo"`
	}
	if err := decodeGov(data, &in); err != nil {
		return govPerson{}, LogInFailed.Because(err)
	}
	envelope, err := base64.StdEncoding.DecodeString(in.Envelope)
	if err != nil || len(envelope) == 0 {
		return govPerson{}, failed("id.gov.ua: person: no envelope")
	}
	plain, err := g.Decrypter.Decrypt(ctx, envelope)
	if err != nil {
		return govPerson{}, failed("id.gov.ua: person: envelope was not opened") // what the program says may hold anything
	}
	person, err := parseGovPerson(plain)
	if err != nil {
		return govPerson{}, LogInFailed.Because(err)
	}
	return person, nil
}

// ask makes one request. Addresses hold secrets, so that no error names them.
func (g *idGovUA) ask(ctx context.Context, method, address string, body io.Reader) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return nil, errors.New("auth: id.gov.ua: address is not one")
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	r.Header.Set("Accept", "application/json")
	resp, err := g.client.Do(r)
	if err != nil {
		return nil, ProviderDown.Because(errors.New("auth: id.gov.ua: no answer"))
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxGovAnswer+1))
	switch {
	case len(data) > maxGovAnswer:
		return nil, failed("id.gov.ua: answer over %d bytes", maxGovAnswer)
	case err != nil, resp.StatusCode >= 500:
		return nil, ProviderDown.Because(errors.New("auth: id.gov.ua: answer was cut off or a fault"))
	case resp.StatusCode != http.StatusOK:
		return nil, failed("id.gov.ua: status %d", resp.StatusCode)
	}
	return data, nil
}

// holderGrants finds a person's entitlements in every body by the body's own keyed hash. An empty list is not nil: it takes away
// what an earlier log-in found.
func (p *part) holderGrants(ctx context.Context, rnokpp string) ([]service.Grant, error) {
	grants := []service.Grant{}
	for _, b := range p.Bodies {
		key, err := b.Register.PersonKey(rnokpp, "", "")
		if err != nil {
			return nil, errors.New("auth: id.gov.ua: person key cannot be made")
		}
		err = b.Store.View(ctx, func(tx issuer.Tx) error {
			person, err := tx.PersonByKey(key)
			if errors.Is(err, issuer.ErrNotFound) {
				return nil
			}
			if err != nil {
				return err
			}
			posts, err := tx.PostsOfPerson(person.ID)
			for _, post := range posts {
				if post.Status != hr.StatusDismissed {
					grants = append(grants, service.Grant{Role: service.Holder, Body: b.EDRPOU, Entitlement: post.ID})
				}
			}
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("auth: holder: body %s: %w", b.EDRPOU, err)
		}
	}
	return grants, nil
}

// CommandDecrypter has a program of the body's own open envelopes: the envelope is its standard input, the JSON its standard
// output, and any exit code but 0 a refusal.
type CommandDecrypter struct {
	certificate []byte
	command     []string
}

// NewCommandDecrypter takes the certificate (DER or PEM) and the program with its arguments; the program's path is absolute.
func NewCommandDecrypter(certificate []byte, command []string) (*CommandDecrypter, error) {
	if block, _ := pem.Decode(certificate); block != nil {
		certificate = block.Bytes
	}
	switch {
	case len(certificate) == 0 || len(certificate) > 16<<10:
		return nil, fmt.Errorf("auth: id.gov.ua: certificate of %d bytes, want 1 to %d", len(certificate), 16<<10)
	case len(command) == 0 || !filepath.IsAbs(command[0]):
		return nil, errors.New("auth: id.gov.ua: decrypt: want a program with its whole path")
	}
	return &CommandDecrypter{bytes.Clone(certificate), slices.Clone(command)}, nil
}

// Certificate implements Decrypter.
func (d *CommandDecrypter) Certificate() []byte { return d.certificate }

// Decrypt implements Decrypter.
func (d *CommandDecrypter) Decrypt(ctx context.Context, envelope []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, decryptTimeout)
	defer cancel()
	var out limitedBuffer
	cmd := exec.CommandContext(ctx, d.command[0], d.command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Env, cmd.WaitDelay = bytes.NewReader(envelope), &out, []string{"LANG=C.UTF-8"}, time.Second
	err := cmd.Run()
	if out.over {
		return nil, fmt.Errorf("auth: id.gov.ua: decrypt: over %d bytes", maxGovPlain)
	}
	if err != nil {
		return nil, fmt.Errorf("auth: id.gov.ua: decrypt: %w", err)
	}
	return out.kept.Bytes(), nil
}

// limitedBuffer keeps maxGovPlain bytes and notes that there were more. The buffer is not embedded: its ReadFrom knows no limit.
type limitedBuffer struct {
	kept bytes.Buffer
	over bool
}

// Write implements io.Writer.
func (b *limitedBuffer) Write(p []byte) (int, error) {
	if b.kept.Len()+len(p) > maxGovPlain {
		b.over = true
		return 0, errTooLong
	}
	return b.kept.Write(p)
}
