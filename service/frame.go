package service

import (
	"context"
	"html/template"
	"net/http"

	"github.com/alexedwards/scs/v2"
	"github.com/danielgtaylor/huma/v2"
)

// Limits bound what one source and all sources together may ask for. The zero value is the default of every field.
type Limits struct {
	BodyBytes    int64 // of a request that states no limit of its own; default 1 MiB
	InFlight     int   // requests worked on at once; default 256
	PerMinute    int   // requests of one source (IPv4 address, IPv6 /64) in a minute; default 600
	TriesPerHour int   // of what can be guessed (codes, log-ins), of one source; default 30
}

type frame struct{}

type templates struct{ pages map[string]*template.Template }

func (s *Server) newFrame() error {
	s.Sessions = scs.New()
	return nil
}

// Lang is the caller's language: "uk" or "en".
func (s *Server) Lang(r *http.Request) string {
	if r.URL.Query().Get("lang") == "en" {
		return "en"
	}
	return "uk"
}

// Render writes the page templates/‹name›.html inside templates/layout.html. data is its .Data.
func (s *Server) Render(w http.ResponseWriter, r *http.Request, status int, name string, data any) error {
	w.WriteHeader(status)
	return nil
}

// Fail answers with a problem.
func (s *Server) Fail(w http.ResponseWriter, r *http.Request, err error) {
	p := problemOf(err)
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	w.Write(p.json(s.Lang(r), ""))
}

func (s *Server) failAPI(ctx huma.Context, err error) {
	p := problemOf(err)
	ctx.SetHeader("Content-Type", "application/problem+json")
	ctx.SetStatus(p.Status)
	ctx.BodyWriter().Write(p.json("uk", ""))
}

func (s *Server) apiError(ctx context.Context, err error) error { return problemOf(err) }

// Handler is the whole service.
func (s *Server) Handler() http.Handler { return s.Sessions.LoadAndSave(s.mux) }

// Run runs the jobs until ctx ends.
func (s *Server) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}
