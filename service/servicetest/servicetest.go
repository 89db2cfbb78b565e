// Package servicetest is a small world for tests of the web service: two issuing bodies with people, operators, IDs and an
// installed bundle, a trust operator, an admitted verifier, and a server whose clock stands still until a test moves it.
//
// It is for tests only: keys are sealed under public passphrases, and a caller is whoever the test says.
package servicetest

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/posvid/posvid/checkpoint"
	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/crypto/keys/authority"
	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/store"
	"github.com/posvid/posvid/trust"
	"github.com/posvid/posvid/verifier"
)

// Codes of the two bodies. They begin with 99, where no code was ever given.
const (
	MinistryEDRPOU = "99000011"
	CouncilEDRPOU  = "99000028"
)

// Passphrases of the operators, by number.
var Passphrases = map[int64]string{1: "перша фраза", 2: "друга фраза"}

// Began is when the world's clock stands at first. Everything in it was made within the hour before.
var Began = time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)

// Holder is one invented person in one post.
type Holder struct {
	Body        *Body
	Name        string // "Прізвище Ім'я По батькові"
	RNOKPP      string
	StaffNumber string
	Position    string
	Entitlement int64
	Slip        int64                 // number of the slip; 0 when there is none
	Code, Stop  string                // of the slip
	Key         keys.HolderPrivateKey // of the phone; the zero key before enrolment
	Row         int64                 // of the ID; 0 when none was issued
	Number      string                // of the ID, as people read it
	Delivery    []byte                // what the wallet got
	PhotoHash   [20]byte
}

// Body is one of the two bodies.
type Body struct {
	*service.Body
	Operators [2]issuer.Operator // 1 is a registrar, 2 an approver; their passphrases are Passphrases
	// Holders by what they are for: "issued", "second" (issued, of another unit), "suspended", "revoked", "slip" (a slip is out,
	// no phone enrolled), "enrolled" (a phone is enrolled, nothing issued), "none" (no slip), "leave" (no right to an ID).
	// The ministry's "issued" and the council's "issued" are one person with one phone.
	Holders map[string]*Holder
	Folder  string // photos/ and operators/ lie in it
	Signer  authority.IssuerPrivateKey
	live    *live
	state   *checkpoint.State
}

// World is a service that has not been started.
type World struct {
	T         testing.TB
	Server    *service.Server
	Ministry  *Body
	Council   *Body
	Trust     *Trust
	Pin       trust.Fingerprint          // of the root
	Verifier  keys.VerifierPrivateKey    // an admitted checkpoint of the ministry
	Request   []byte                     // its request
	ID        uint64                     // its number in the bundle
	Stranger  keys.VerifierPrivateKey    // keys that nobody admitted
	Authority authority.BundlePrivateKey // bundle signer
	URL       string                     // after Start
	Ballots   *store.Service             // the ballot box of the office module
	Logs      *Log

	now        atomic.Int64 // nanoseconds
	http       *httptest.Server
	mu         sync.Mutex
	principals map[string]service.Principal
}

// Log collects what the service logs.
type Log struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write implements io.Writer.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

// String is everything logged so far.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// principalHeader names a principal of As.
const principalHeader = "X-Servicetest-Principal"

// New makes a world; change sees the configuration before the server is made from it. Nothing is served until Start.
func New(t testing.TB, change ...func(*service.Config)) *World {
	t.Helper()
	f, err := theFixture()
	if err != nil {
		t.Fatalf("servicetest: %v", err)
	}
	w := &World{T: t, Pin: f.pin, Verifier: f.verifier, Request: f.request, ID: f.id, Authority: f.signer, Logs: &Log{}, principals: map[string]service.Principal{}}
	w.Set(Began)
	if w.Stranger, err = keys.GenerateVerifierKey(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, f.files); err != nil {
		t.Fatal(err)
	}
	if w.Ministry, err = f.open(dir, MinistryEDRPOU); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Ministry.Store.Close() })
	if w.Council, err = f.open(dir, CouncilEDRPOU); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Council.Store.Close() })
	w.Trust = &Trust{bodies: []*Body{w.Ministry, w.Council}, file: filepath.Join(dir, "register.json"), signer: f.signer, chain: f.chain, Operator: true}
	if err := w.Trust.take(f.bundle, Began); err != nil {
		t.Fatal(err)
	}
	database, err := f.openService(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { database.Close() })
	if w.Ballots, err = f.openBallots(dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Ballots.Close() })
	c := service.Config{Origin: "http://localhost", Bodies: []*service.Body{w.Ministry.Body, w.Council.Body}, Trust: w.Trust, Store: database, Assets: Assets(),
		Log: slog.New(slog.NewJSONHandler(w.Logs, nil)), Now: w.Now, Limits: service.Limits{PerMinute: 1_000_000}}
	for _, f := range change {
		f(&c)
	}
	if w.Server, err = service.New(c); err != nil {
		t.Fatal(err)
	}
	w.Server.AddAuthenticator(w.authenticate)
	return w
}

// Assets are the repository's own pages, so that templates of the parts are tested with what they are written for.
func Assets() fs.FS {
	dir, err := os.Getwd()
	if err != nil {
		return fstest.MapFS{}
	}
	for range 6 {
		if _, err := os.Stat(filepath.Join(dir, "web", "web.go")); err == nil {
			return os.DirFS(filepath.Join(dir, "web"))
		}
		dir = filepath.Dir(dir)
	}
	return fstest.MapFS{}
}

// Now is the world's time.
func (w *World) Now() time.Time { return time.Unix(0, w.now.Load()).UTC() }

// Set sets the world's clock.
func (w *World) Set(at time.Time) { w.now.Store(at.UnixNano()) }

// Advance moves the world's clock on.
func (w *World) Advance(d time.Duration) { w.now.Add(int64(d)) }

// Start serves until the test ends, without jobs. Routes and authenticators have to be there by now.
func (w *World) Start() {
	w.T.Helper()
	w.http = httptest.NewServer(w.Server.Handler())
	w.T.Cleanup(w.http.Close)
	w.URL = w.http.URL
}

// RunJobs runs the jobs until the test ends, too.
func (w *World) RunJobs() {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.Server.Run(ctx)
	}()
	w.T.Cleanup(func() {
		stop()
		<-done
	})
}

// Client is somebody with a browser's cookie jar and no account. It follows no redirects.
func (w *World) Client() *http.Client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.T.Fatal(err)
	}
	return &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// As is a client that the service takes for a principal, whatever that is.
func (w *World) As(p service.Principal) *http.Client {
	var name [8]byte
	rand.Read(name[:])
	id := hex.EncodeToString(name[:])
	w.mu.Lock()
	w.principals[id] = p
	w.mu.Unlock()
	c := w.Client()
	c.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
		r = r.Clone(r.Context())
		r.Header.Set(principalHeader, id)
		return http.DefaultTransport.RoundTrip(r)
	})
	return c
}

type roundTrip func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func (w *World) authenticate(r *http.Request) (service.Principal, bool, error) {
	id := r.Header.Get(principalHeader)
	if id == "" {
		return service.Principal{}, false, nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	p, ok := w.principals[id]
	if !ok {
		return p, false, errors.New("servicetest: unknown principal")
	}
	return p, true, nil
}

// Account makes an account with roles and answers its number.
func (w *World) Account(name string, grants ...service.Grant) int64 {
	w.T.Helper()
	var subject [32]byte
	rand.Read(subject[:])
	var id int64
	err := w.Server.Store.Update(context.Background(), func(tx *store.ServiceTx) (err error) {
		if id, err = service.MakeAccount(tx, subject, name, w.Now()); err != nil {
			return err
		}
		for _, g := range grants {
			if err := service.AddGrant(tx, id, g); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		w.T.Fatal(err)
	}
	return id
}

// LogIn is a client with a session of an account, as a browser has it. second: a passkey was proven just now.
func (w *World) LogIn(account int64, second bool) *http.Client {
	w.T.Helper()
	ctx, err := w.Server.Sessions.Load(context.Background(), "")
	if err == nil {
		err = w.Server.LogIn(ctx, account)
	}
	if err == nil && second {
		err = w.Server.ProveSecondFactor(ctx)
	}
	if err != nil {
		w.T.Fatal(err)
	}
	token, _, err := w.Server.Sessions.Commit(ctx)
	if err != nil {
		w.T.Fatal(err)
	}
	c := w.Client()
	at, err := url.Parse(w.URL)
	if err != nil {
		w.T.Fatal(err)
	}
	c.Jar.SetCookies(at, []*http.Cookie{{Name: w.Server.Sessions.Cookie.Name, Value: token, Path: "/"}})
	return c
}

// Role is a principal of one role with a fresh second factor, for As.
func (w *World) Role(role service.Role, b *Body) service.Principal {
	p := service.Principal{Kind: service.Account, Account: 1, Name: "Вигадана Особа", SecondFactor: w.Now()}
	g := service.Grant{Role: role}
	if role != service.TrustOperator {
		g.Body = b.EDRPOU
	}
	switch role {
	case service.Registrar:
		g.Operator = b.Operators[0].ID
	case service.Approver:
		g.Operator = b.Operators[1].ID
	case service.Holder:
		g.Entitlement = b.Holders["issued"].Entitlement
	}
	p.Grants = []service.Grant{g}
	return p
}

// live is the installed bundle of a body.
type live struct{ now atomic.Pointer[trust.Bundle] }

// CheckGrant implements issuer.KeyGranter.
func (l *live) CheckGrant(key keys.IssuerPublicKey, body string, kind credential.Kind, life time.Duration, at time.Time) error {
	return issuer.BundleGrant{Bundle: l.now.Load()}.CheckGrant(key, body, kind, life, at)
}

// CheckToken implements issuer.TokenChecker.
func (l *live) CheckToken(token []byte, at time.Time) error {
	return verifier.CheckToken(token, l.now.Load(), at)
}

// Trust is the world's trust operator. It implements service.Trust.
type Trust struct {
	Operator bool // false: this host is not the trust operator's

	mu        sync.Mutex
	bodies    []*Body
	file      string
	signer    authority.BundlePrivateKey
	chain     *credential.BeaconChain
	bundle    *trust.Bundle
	data      []byte
	published int
}

// Bundle implements service.Trust.
func (t *Trust) Bundle() (*trust.Bundle, []byte, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.bundle == nil {
		return nil, nil, verifier.NoBundle
	}
	return t.bundle, t.data, nil
}

// Published is how often Publish went well.
func (t *Trust) Published() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.published
}

// Forget takes the installed bundle away.
func (t *Trust) Forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.bundle, t.data = nil, nil
	for _, b := range t.bodies {
		b.live.now.Store(nil)
	}
}

// Install implements service.Trust.
func (t *Trust) Install(data []byte, at time.Time) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.take(data, at)
}

func (t *Trust) take(data []byte, at time.Time) error {
	for _, b := range t.bodies {
		if _, err := b.state.Install(data, at); err != nil {
			return err
		}
		bundle, err := b.state.Bundle()
		if err != nil {
			return err
		}
		b.live.now.Store(bundle)
		t.bundle = bundle
	}
	t.data = bytes.Clone(data)
	return nil
}

// Register implements service.Trust.
func (t *Trust) Register() (*trust.Register, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.register()
}

func (t *Trust) register() (*trust.Register, error) {
	if !t.Operator {
		return nil, fs.ErrNotExist
	}
	data, err := os.ReadFile(t.file)
	if err != nil {
		return nil, err
	}
	return trust.ParseRegister(data)
}

func (t *Trust) save(r *trust.Register) error {
	data, err := r.Encode()
	if err != nil {
		return err
	}
	return os.WriteFile(t.file, data, 0o600)
}

// Admit implements service.Trust.
func (t *Trust) Admit(request []byte, g trust.VerifierGrant, at time.Time) (uint64, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r, err := t.register()
	if err != nil {
		return 0, err
	}
	id, err := r.AdmitVerifier(request, g, at)
	if err != nil {
		return 0, err
	}
	return id, t.save(r)
}

// Publish implements service.Trust.
func (t *Trust) Publish(ctx context.Context, at time.Time) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	r, err := t.register()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	data, err := build(ctx, r, t.bodies, t.signer, t.chain, at)
	if err != nil {
		return err
	}
	if err := t.save(r); err != nil {
		return err
	}
	t.published++
	return t.take(data, at)
}

func build(ctx context.Context, r *trust.Register, bodies []*Body, signer authority.BundlePrivateKey, chain *credential.BeaconChain, at time.Time) ([]byte, error) {
	for _, b := range bodies {
		if _, err := b.Register.Sweep(ctx, at); err != nil {
			return nil, err
		}
		publication, _, err := b.Body.Body.Publish(ctx, at)
		if err != nil {
			return nil, err
		}
		data, err := publication.Encode()
		if err != nil {
			return nil, err
		}
		if err := r.Carry(data, at); err != nil {
			return nil, err
		}
	}
	return r.BuildBundleEvery(at, signer, func(n uint64) ([8]byte, error) {
		value, ok := chain.At(n)
		if !ok {
			return value, fmt.Errorf("servicetest: the beacon chain ends before %d", n)
		}
		return value, nil
	}, trust.BeaconEvery)
}

// Do sends a request of a client and answers status, headers and body. body may be nil.
func (w *World) Do(c *http.Client, method, path string, body io.Reader, header ...string) (int, http.Header, []byte) {
	w.T.Helper()
	r, err := http.NewRequest(method, w.URL+path, body)
	if err != nil {
		w.T.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	a, err := c.Do(r)
	if err != nil {
		w.T.Fatal(err)
	}
	defer a.Body.Close()
	data, err := io.ReadAll(a.Body)
	if err != nil {
		w.T.Fatal(err)
	}
	return a.StatusCode, a.Header, data
}
