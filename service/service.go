package service

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/store"
	"github.com/posvid/posvid/trust"
)

// Body is one issuing body that the service speaks for.
type Body struct {
	EDRPOU       string
	Name, NameEN string
	Phone        string
	Store        *store.Store
	Body         *issuer.Body     // issues and publishes; its grants follow the installed bundle
	Register     *issuer.Register // rights, operators, enrolment
	Online       *issuer.Online   // one-time codes
	// Photo is the portrait with a hash (first 20 bytes of SHA-256 of the JPEG); nil when there is none.
	Photo func(hash [20]byte) ([]byte, error)
	// KeepPhoto keeps a normalised portrait under its hash.
	KeepPhoto func(sha [32]byte, jpeg []byte) error
	// OperatorKey opens the sealed key of an operator with the operator's own passphrase, for one signature.
	// Errors: keys.ErrPassphrase, fs.ErrNotExist when this host does not have the key.
	OperatorKey func(o issuer.Operator, passphrase []byte) (keys.OperatorSigner, error)
	// KeepOperatorKey keeps the key of a new operator on this host, sealed under the operator's own passphrase. Error:
	// fs.ErrExist when another key lies there.
	KeepOperatorKey func(id int64, sealed []byte) error
}

// Trust is the service's view of trust: the installed bundle, and the trust operator where this host is one.
type Trust interface {
	// Bundle is the installed bundle and the bytes it was opened from. Error: verifier.NoBundle and the like when there is none.
	Bundle() (*trust.Bundle, []byte, error)
	// Install installs a bundle for every body of this host.
	Install(data []byte, at time.Time) error
	// Register is what the trust operator admitted; fs.ErrNotExist when this host is not the trust operator's.
	Register() (*trust.Register, error)
	// Admit answers a verifier request (docs/spec/trust.md) with a number; fs.ErrNotExist as in Register.
	Admit(request []byte, g trust.VerifierGrant, at time.Time) (id uint64, err error)
	// Publish has every body of this host publish its lists and, where this host is the trust operator's, makes and installs the
	// next bundle; otherwise the publications wait to be carried.
	Publish(ctx context.Context, at time.Time) error
}

// Config is what a Server is made of. Everything without "optional" must be given.
type Config struct {
	Origin  string  // https://id.example.gov.ua, as browsers see it; http only on localhost or with Dev
	Bodies  []*Body // at least one
	Trust   Trust
	Store   *store.Service   // sealed with the service's data key
	Assets  fs.FS            // package web: static/, templates/, dist/
	Log     *slog.Logger     // optional; nil discards
	Now     func() time.Time // optional; nil is time.Now
	Dev     bool             // development log-in and plain HTTP; never with people's data
	Demo    bool             // pages say that the people are invented
	Proxies []string         // optional: addresses (CIDR) of reverse proxies whose X-Forwarded-For is believed
	Limits  Limits           // optional
}

// Server is the frame. Parts add routes until Handler is called.
type Server struct {
	Config
	API      huma.API
	Sessions *scs.SessionManager
	Metrics  *prometheus.Registry

	mux            *http.ServeMux
	bodies         map[string]*Body
	authenticators []Authenticator
	jobs           []job
	refuseDevices  []func(ctx context.Context, p Principal) error
	looks          []func(ctx context.Context, edrpou string, entitlement int64, limit int) ([]Look, error)
	routes         []Route
	templates      templates
	frame          frame
}

// Authenticator knows a caller from a request, before its body is read unless the part reads it and puts it back. ok is false
// when the request is not of its kind; an error refuses the request.
type Authenticator func(r *http.Request) (p Principal, ok bool, err error)

// Route is one route with who may use it; the authorisation matrix is made of them.
type Route struct {
	Method, Path string
	Access       Access
	Page         bool  // HTML, files, streams; false: JSON of the API
	MaxBody      int64 // bytes of a request; 0: Limits.BodyBytes
	unlogged     bool
}

// Unlogged has requests of a route, such as "POST /path", leave no line in the log unless the service itself fails, and then one
// without the source: for what is to stay unknown who sends it. The requests are counted.
func (s *Server) Unlogged(pattern string) { s.frame.byRoute[pattern].unlogged = true }

// job is work that the service repeats while it runs.
type job struct {
	name  string
	every time.Duration
	run   func(ctx context.Context, at time.Time) error
	late  bool // not at the start
}

// New makes a server without routes.
func New(c Config) (*Server, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	switch {
	case c.Store == nil, c.Trust == nil, c.Assets == nil:
		return nil, errors.New("service: want a store, trust and assets")
	case len(c.Bodies) == 0:
		return nil, errors.New("service: want at least one body")
	}
	s := &Server{Config: c, mux: http.NewServeMux(), bodies: map[string]*Body{}, Metrics: prometheus.NewRegistry()}
	for _, b := range c.Bodies {
		if s.bodies[b.EDRPOU] != nil {
			return nil, fmt.Errorf("service: body %s twice", b.EDRPOU)
		}
		s.bodies[b.EDRPOU] = b
	}
	if err := s.newFrame(); err != nil {
		return nil, err
	}
	s.newAPI()
	return s, nil
}

// Body finds a body by ЄДРПОУ. Error: UnknownBody.
func (s *Server) Body(edrpou string) (*Body, error) {
	b := s.bodies[edrpou]
	if b == nil {
		return nil, UnknownBody
	}
	return b, nil
}

// AddAuthenticator adds a way to know callers, asked after the session.
func (s *Server) AddAuthenticator(a Authenticator) { s.authenticators = append(s.authenticators, a) }

// Every repeats a job while Run runs: once at the start, then at most once in each period. Its errors are logged and counted by name.
func (s *Server) Every(name string, period time.Duration, run func(ctx context.Context, at time.Time) error) {
	s.jobs = append(s.jobs, job{name: name, every: period, run: run})
}

// Routes lists every route added so far.
func (s *Server) Routes() []Route { return s.routes }

// Page adds a route whose handler writes its own answer (pages, files, streams). pattern is "METHOD /path/{name}" of
// http.ServeMux. An error becomes a problem: a page for browsers, application/problem+json for the rest.
func (s *Server) Page(pattern string, a Access, h func(w http.ResponseWriter, r *http.Request) error) {
	s.PageLimit(pattern, a, 0, h)
}

// PageLimit is Page with a limit of its own for the request's body, in bytes; 0 is Limits.BodyBytes. A larger limit comes with
// more time to send.
func (s *Server) PageLimit(pattern string, a Access, maxBody int64, h func(w http.ResponseWriter, r *http.Request) error) {
	method, path, ok := strings.Cut(pattern, " ")
	if !ok {
		panic("service: pattern " + pattern + ": want METHOD /path") // a programmer's mistake, seen at the first start
	}
	s.addRoute(Route{Method: method, Path: path, Access: a, Page: true, MaxBody: maxBody})
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		err := s.allowed(r.Context(), a, r.PathValue("edrpou"))
		if err == nil {
			err = h(w, r)
		}
		if err != nil {
			s.Fail(w, r, err)
		}
	})
}

func (s *Server) addRoute(r Route) {
	s.routes = append(s.routes, r)
	s.frame.byRoute[r.Method+" "+r.Path] = &r
}

// Operation adds a route of the API: its input and output are described in OpenAPI from the types.
func Operation[I, O any](s *Server, a Access, op huma.Operation, h func(ctx context.Context, in *I) (*O, error)) {
	s.addRoute(Route{Method: op.Method, Path: op.Path, Access: a, MaxBody: op.MaxBodyBytes})
	op.Middlewares = append(op.Middlewares, func(ctx huma.Context, next func(huma.Context)) {
		err := s.allowed(ctx.Context(), a, ctx.Param("edrpou"))
		if err == nil {
			err = checkKind(ctx)
		}
		if err != nil {
			s.failAPI(ctx, err)
			return
		}
		next(ctx)
	})
	huma.Register(s.API, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := h(ctx, in)
		if err != nil {
			return nil, s.apiError(ctx, err)
		}
		return out, nil
	})
}

// allowed decides about the caller of a context.
func (s *Server) allowed(ctx context.Context, a Access, body string) error {
	p := PrincipalOf(ctx)
	ok, step := a.allow(p, body, s.Now())
	switch {
	case ok:
		return nil
	case step:
		return SecondFactor
	case p.Kind == Nobody:
		return NotLoggedIn
	default:
		return Forbidden
	}
}
