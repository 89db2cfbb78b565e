package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/posvid/posvid/cmd/internal/cli"
	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/crypto/keys"
)

// Bounds of what posvid sync waits for and reads.
const (
	syncConnect = 10 * time.Second // to reach the service and shake hands
	syncAnswer  = 60 * time.Second // until the service begins to answer; it may have to make a photo pack first
	syncIdle    = 60 * time.Second // without a byte of a download
	maxAnswer   = 1 << 20          // bytes of an answer that is not a bundle or a pack
)

// errService is an answer by which the service refuses.
var errService = errors.New("posvid: the service refuses")

// serviceAnswer is a problem (RFC 9457) as the service tells it.
type serviceAnswer struct {
	Status int       `json:"status"`
	Code   string    `json:"code"`
	Title  string    `json:"title"`
	Detail string    `json:"detail"`
	Date   time.Time `json:"-"` // the service's clock, as its answer has it
}

// Error is what the service said, with the name of the problem.
func (a *serviceAnswer) Error() string { return fmt.Sprintf("%s [%s]", a.Title, a.Code) }

// Unwrap is errService.
func (a *serviceAnswer) Unwrap() error { return errService }

// serviceClient speaks to one service. Nothing of an answer is believed because of who sent it: bundles, policies and packs prove
// themselves; TLS keeps others from seeing what travels.
type serviceClient struct {
	env    *cli.Env
	origin string // scheme://host[:port] in lower case, as it is signed
	http   *http.Client
	key    keys.VerifierPrivateKey // zero: requests are not signed
}

// newServiceClient makes a client for the service at address. caFile adds certificates to those that the system trusts.
func newServiceClient(env *cli.Env, address, caFile string) (*serviceClient, error) {
	origin, err := originOf(env, address)
	if err != nil {
		return nil, err
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if caFile != "" {
		pem, err := env.ReadFile(caFile, maxAnswer)
		if err != nil {
			return nil, err
		}
		if !pool.AppendCertsFromPEM(pem) {
			return nil, cli.Usagef("--ca: %s", env.T("у файлі немає сертифікатів PEM", "the file has no PEM certificates"))
		}
	}
	transport := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: syncConnect}).DialContext,
		TLSClientConfig:       &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:   syncConnect,
		ResponseHeaderTimeout: syncAnswer,
		ForceAttemptHTTP2:     true,
		IdleConnTimeout:       time.Minute,
	}
	return &serviceClient{env: env, origin: origin, http: &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse // a signed request is for one address
	}}}, nil
}

// originOf reads the address of a service: https, or http on this machine alone.
func originOf(env *cli.Env, address string) (string, error) {
	usage := func(uk, en string) error { return cli.Usagef("--service: %s", env.T(uk, en)) }
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "" {
		return "", usage("очікується адреса служби, як https://id.example.gov.ua", "want the address of the service, such as https://id.example.gov.ua")
	}
	host, port := strings.ToLower(u.Hostname()), u.Port()
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	switch {
	case u.Scheme == "https" && port == "443", u.Scheme == "http" && port == "80":
		port = ""
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return "", usage("без шифрування лише на цьому комп'ютері: потрібно https://", "plain http is for this machine alone: https:// is needed")
	case u.Scheme != "https" && u.Scheme != "http":
		return "", usage("потрібно https://", "https:// is needed")
	}
	if port != "" {
		host += ":" + port
	}
	return u.Scheme + "://" + host, nil
}

func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}

// call is one request.
type call struct {
	method, target string // target: path and query
	body           []byte
	kind           string            // content type of the body
	header         map[string]string // further headers
	signed         bool
}

// do sends a request. A refusal is a *serviceAnswer; everything else that goes wrong on the way is undecided: nothing has changed
// here. The caller closes the body.
func (c *serviceClient) do(ctx context.Context, q call) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, q.method, c.origin+q.target, bytes.NewReader(q.body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept-Language", c.env.Lang)
	r.Header.Set("User-Agent", "posvid-sync")
	if q.kind != "" {
		r.Header.Set("Content-Type", q.kind)
	}
	for name, value := range q.header {
		r.Header.Set(name, value)
	}
	if q.signed {
		signed, err := credential.SignVerifierRequest(credential.NewRequest(c.origin, q.method, q.target, q.body, c.env.Now()), c.key)
		if err != nil {
			return nil, err
		}
		r.Header.Set(credential.RequestHeader, credential.EncodeRequestHeader(signed))
	}
	response, err := c.http.Do(r)
	if err != nil {
		return nil, c.unreachable(err)
	}
	switch response.StatusCode {
	case http.StatusOK, http.StatusPartialContent, http.StatusNotModified:
		return response, nil
	}
	defer response.Body.Close()
	return nil, c.refused(response)
}

// refused reads a problem.
func (c *serviceClient) refused(response *http.Response) error {
	data, _ := io.ReadAll(io.LimitReader(response.Body, 64<<10)) // half a problem is as good as none
	a := &serviceAnswer{}
	if err := json.Unmarshal(data, a); err != nil || a.Code == "" || len(a.Code) > 64 || strings.ContainsFunc(a.Code, func(r rune) bool { return r < '-' || r > 'z' }) {
		// Whoever answers there is not a service of this kind: a proxy's page, a captive portal.
		return c.undecided(c.env.Err("служба відповіла %d, і це не її відповідь", "the service answered %d, and not as a service does", response.StatusCode),
			c.env.T("перевірте --service і проксі", "check --service and the proxy"))
	}
	a.Status, a.Title, a.Detail = response.StatusCode, oneLine(a.Title), oneLine(a.Detail)
	a.Date, _ = http.ParseTime(response.Header.Get("Date"))
	if a.Status >= 500 || a.Status == http.StatusTooManyRequests {
		return c.undecided(a, a.Detail)
	}
	if a.Code == "request-time" && !a.Date.IsZero() {
		return cli.Hint(a, c.env.T("годинник служби %s, тут %s", "the service's clock says %s, this one %s", a.Date.UTC().Format(time.RFC3339), c.env.Now().UTC().Format(time.RFC3339)))
	}
	if a.Code == "request-signature" { // the address is part of what is signed
		return cli.Hint(a, c.env.T("--service має бути адресою, яку служба називає своєю, буква в букву; якщо так і є, оновіть програму", "--service has to be the address that the service calls its own, letter by letter; if it is, update the program"))
	}
	return cli.Hint(a, a.Detail)
}

// oneLine keeps a text from outside from writing over the terminal.
func oneLine(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x2028 && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return ' '
		}
		return r
	}, text)
	if len(text) > 400 {
		text = strings.ToValidUTF8(text[:400], "") + "…"
	}
	return text
}

func (c *serviceClient) undecided(err error, hint string) error {
	return cli.Hint(&cli.Undecided{Err: err}, hint)
}

// unreachable says in one line why the service was not reached.
func (c *serviceClient) unreachable(err error) error {
	env := c.env
	var (
		unknown x509.UnknownAuthorityError
		host    x509.HostnameError
		invalid x509.CertificateInvalidError
		name    *net.DNSError
		timeout net.Error
		notTLS  tls.RecordHeaderError
	)
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &unknown):
		return c.undecided(env.Err("сертифікат служби %s підписав невідомий центр", "the certificate of %s is signed by an unknown authority", c.origin), env.T("центр органу називає --ca ФАЙЛ", "the body's own authority is named by --ca FILE"))
	case errors.As(err, &host):
		return c.undecided(env.Err("сертифікат не для %s", "the certificate is not for %s", c.origin), env.T("перевірте --service: можливо, відповідає хтось інший", "check --service: somebody else may be answering"))
	case errors.As(err, &invalid):
		return c.undecided(env.Err("сертифікат служби %s не чинний", "the certificate of %s is not valid", c.origin), env.T("перевірте дату й час цього пристрою, тоді спитайте адміністратора служби", "check date and time of this device, then ask the administrator of the service"))
	case errors.As(err, &notTLS), strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"): // net/http has no name for it
		return c.undecided(env.Err("%s відповідає без шифрування", "%s answers without encryption", c.origin), env.T("перевірте --service і порт", "check --service and the port"))
	case errors.As(err, &name):
		return c.undecided(env.Err("адресу %s не знайдено", "there is no address %s", c.origin), env.T("перевірте --service і мережу", "check --service and the network"))
	case errors.As(err, &timeout) && timeout.Timeout():
		return c.undecided(env.Err("служба %s не відповідає", "%s does not answer", c.origin), env.T("перевірте мережу; пристрій тим часом перевіряє тим, що має", "check the network; the device goes on with what it has"))
	}
	return c.undecided(env.Err("зі службою %s немає зв'язку: %w", "no connection with %s: %w", c.origin, plainCause(err)), env.T("перевірте мережу; пристрій тим часом перевіряє тим, що має", "check the network; the device goes on with what it has"))
}

// plainCause is the innermost cause: the outer ones repeat the address.
func plainCause(err error) error {
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	return err
}

// fetch is do with the whole answer, at most most bytes of it.
func (c *serviceClient) fetch(ctx context.Context, q call, most int64) ([]byte, *http.Response, error) {
	response, err := c.do(ctx, q)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close()
	idle := newIdle(response.Body, syncIdle)
	defer idle.stop()
	data, err := io.ReadAll(io.LimitReader(idle, most+1))
	if err != nil {
		return nil, nil, c.unreachable(err)
	}
	if int64(len(data)) > most {
		return nil, nil, c.env.Err("відповідь служби завелика: понад %d байтів", "the service's answer is too large: over %d bytes", most)
	}
	return data, response, nil
}

// json is fetch for an answer of the API.
func (c *serviceClient) json(ctx context.Context, q call, in, out any) error {
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return err
		}
		q.body, q.kind = data, "application/json"
	}
	data, _, err := c.fetch(ctx, q, maxAnswer)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, out); err != nil {
		return c.undecided(c.env.Err("відповідь служби не прочитано", "the service's answer cannot be read"), c.env.T("перевірте --service і проксі", "check --service and the proxy"))
	}
	return nil
}

// idleReader closes a body that has sent nothing for a while: a download may take hours, but not stand still.
type idleReader struct {
	body  io.ReadCloser
	timer *time.Timer
	limit time.Duration
}

func newIdle(body io.ReadCloser, limit time.Duration) *idleReader {
	return &idleReader{body, time.AfterFunc(limit, func() { body.Close() }), limit}
}

// Read implements io.Reader.
func (r *idleReader) Read(p []byte) (int, error) {
	n, err := r.body.Read(p)
	r.timer.Reset(r.limit)
	return n, err
}

func (r *idleReader) stop() { r.timer.Stop() }
