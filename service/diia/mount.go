// Package diia is the interface of the service to Дія and to other systems: who they are and what a body lets them do, tokens by
// private_key_jwt, a document by person, checks of codes, enrolment by an outside wallet, and events of state by webhook and pull.
//
// A system sees nothing but what a body granted, each look-up is listed for the person, and two systems cannot join what they
// see by any name that this package gives out. docs/spec/systems.md has the rules.
package diia

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/posvid/posvid/service"
)

// part is this part of the service.
type part struct {
	s     *service.Server
	index map[string]*keyIndex // by ЄДРПОУ

	signatures *limiter // of everybody together
	tokens     *limiter // by client
	asks       *limiter
	misses     *limiter
	refusals   *limiter

	client     *http.Client // for webhooks
	deliveries *prometheus.CounterVec

	crash func(step string) // what a test does at a step at which a program may end

	signMu      sync.Mutex
	signer      signer
	signerSince time.Time
}

// Mount adds the part's routes and jobs.
func Mount(s *service.Server) error {
	_, err := mount(s)
	return err
}

func mount(s *service.Server) (*part, error) {
	p, err := newPart(s)
	if err != nil {
		return nil, err
	}
	p.describe()
	s.AddAuthenticator(p.authenticate)
	s.AddLooks(p.looksOf)
	p.mountToken()
	p.mountKeys()
	p.mountDocuments()
	p.mountVerify()
	p.mountEnrolments()
	p.mountEvents()
	p.mountAdmin()
	p.mountPages()
	s.Every("systems-collect", 5*time.Second, p.collect)
	s.Every("systems-deliver", 2*time.Second, p.deliver)
	s.Every("systems-purge", time.Hour, p.purge)
	return p, nil
}

func newPart(s *service.Server) (*part, error) {
	allow := public
	if s.Dev {
		allow = func(a netip.Addr) bool { return a.IsValid() }
	}
	p := &part{
		s: s, index: map[string]*keyIndex{}, crash: func(string) {},
		signatures: newLimiter(assertionsPerSec, time.Second), tokens: newLimiter(tokensPerMinute, time.Minute), asks: newLimiter(asksPerMinute, time.Minute),
		misses: newLimiter(missesPerHour, time.Hour), refusals: newLimiter(refusalsPerHour, time.Hour),
		client: newClient(newDialer(net.DefaultResolver, allow)),
		deliveries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "posvid_system_deliveries_total", Help: "Attempts to deliver an event to a system, by outcome."}, []string{"outcome"}),
	}
	for _, b := range s.Bodies {
		p.index[b.EDRPOU] = &keyIndex{}
	}
	return p, s.Metrics.Register(p.deliveries)
}

// securityScheme is the name of the tokens in the description of the API.
const securityScheme = "system"

// describe says in OpenAPI how systems get their tokens, so that clients can be generated.
func (p *part) describe() {
	c := p.s.API.OpenAPI().Components
	if c.SecuritySchemes == nil {
		c.SecuritySchemes = map[string]*huma.SecurityScheme{}
	}
	c.SecuritySchemes[securityScheme] = &huma.SecurityScheme{Type: "oauth2", Description: "private_key_jwt (RFC 7523), ES256 or RS256; tokens are opaque and live ten minutes",
		Flows: &huma.OAuthFlows{ClientCredentials: &huma.OAuthFlow{TokenURL: tokenPath, Scopes: map[string]string{
			scopeDocuments: "read a document by person", scopeVerify: "check a scanned code", scopeEnrolments: "hand in a proof of possession", scopeEvents: "learn changes of state"}}}}
}

// security is what an operation for systems asks for.
func security(scope string) []map[string][]string {
	return []map[string][]string{{securityScheme: {scope}}}
}

// count counts an attempt.
func (p *part) count(o outcome) {
	word := "failed"
	switch {
	case o.ok:
		word = "delivered"
	case o.parked:
		word = "parked"
	case o.down:
		word = "down"
	}
	p.deliveries.WithLabelValues(word).Inc()
}

// accountOf is the number of the account that asks.
func accountOf(ctx context.Context) int64 { return service.PrincipalOf(ctx).Account }
