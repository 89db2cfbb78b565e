package service

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/posvid/posvid/store"
)

// StartLink is a link of the start page.
type StartLink struct{ Path, UK, EN string }

// StartView is the Data of start.html.
type StartView struct {
	Links  []StartLink
	Bodies []*Body
}

// Cheap routes answer however many others wait.
const (
	healthRoute = "GET /healthz"
	readyRoute  = "GET /readyz"
)

func (s *Server) cheap(pattern string) bool { return pattern == healthRoute || pattern == readyRoute }

// frameRoutes adds the frame's own routes and jobs, once.
func (s *Server) frameRoutes() {
	if s.frame.closed {
		return
	}
	s.frame.closed = true
	s.Page("GET /{$}", Access{Public: true}, s.start)
	s.Page(healthRoute, Access{Public: true}, s.healthz)
	s.Page(readyRoute, Access{Public: true}, s.readyz)
	s.Page("GET /api/openapi.json", Access{Public: true}, s.openAPI)
	s.Every("sessions", 10*time.Minute, s.sweepSessions)
	s.jobs = append(s.jobs, job{name: "publish-regularly", every: time.Hour, run: s.Trust.Publish, late: true}) // whoever serves publishes before it does
}

func (s *Server) start(w http.ResponseWriter, r *http.Request) error {
	v := StartView{Bodies: s.Bodies, Links: []StartLink{
		{"/wallet/", "Гаманець: моє посвідчення", "Wallet: my ID"},
		{"/verify/", "Перевірити посвідчення", "Verify an ID"},
		{"/stop", "Загубили телефон? Зупинити посвідчення", "Lost the phone? Stop the ID"},
	}}
	p := PrincipalOf(r.Context())
	if p.Kind != Account {
		v.Links = append(v.Links, StartLink{"/login", "Увійти: кадровик, підписувач, адміністратор", "Log in: registrar, approver, administrator"})
	}
	for _, b := range s.Bodies {
		for _, role := range []Role{Registrar, Approver, Auditor} {
			if p.Has(role, b.EDRPOU) {
				v.Links = append(v.Links, StartLink{"/b/" + b.EDRPOU + "/", "Кадровик: " + b.Name, "Registrar: " + b.NameEN})
				break
			}
		}
		if p.Has(BodyAdmin, b.EDRPOU) {
			v.Links = append(v.Links, StartLink{"/b/" + b.EDRPOU + "/accounts", "Адміністратор органу: " + b.Name, "Administrator of the body: " + b.NameEN})
		}
		if p.Has(OfficeEditor, b.EDRPOU) {
			v.Links = append(v.Links, StartLink{"/b/" + b.EDRPOU + "/office/surveys", "Редактор Дія.Офісу: " + b.Name, "Office editor: " + b.NameEN})
		}
		if p.Has(CheckpointOperator, b.EDRPOU) {
			v.Links = append(v.Links, StartLink{"/b/" + b.EDRPOU + "/shift", "Моя зміна: " + b.Name, "My shift: " + b.NameEN})
		}
	}
	if slices.ContainsFunc(p.Grants, func(g Grant) bool { return g.Role == Holder }) {
		v.Links = append(v.Links, StartLink{"/holder/", "Мої посвідчення", "My IDs"}, StartLink{"/office/", "Дія.Офіс", "Дія.Офіс"})
	}
	if p.Has(TrustOperator, "") {
		v.Links = append(v.Links, StartLink{"/operator/", "Технічний адміністратор", "Trust operator"})
	}
	return s.Render(w, r, http.StatusOK, "start.html", v)
}

// healthz tells that the process answers.
func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, err := w.Write([]byte("ok\n"))
	return err
}

// Ready is the answer of /readyz.
type Ready struct {
	Ready  bool `json:"ready"`
	Store  bool `json:"store" doc:"databases answer"`
	Bundle bool `json:"bundle" doc:"a trust bundle is installed and in its term"`
	Assets bool `json:"assets" doc:"the verifier for browsers was built in"`
}

// Readiness tells what works.
func (s *Server) Readiness(ctx context.Context) Ready {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	v := Ready{Assets: s.frame.statics.wasm}
	v.Store = s.Store.View(ctx, func(tx *store.ServiceTx) error {
		var one int
		return tx.Row("SELECT 1", nil, &one)
	}) == nil
	for _, b := range s.Bodies {
		_, err := b.Body.AuditHead(ctx)
		v.Store = v.Store && err == nil
	}
	if b, _, err := s.Trust.Bundle(); err == nil {
		v.Bundle = s.Now().Before(b.ExpiresAt())
	}
	v.Ready = v.Store && v.Bundle && v.Assets
	return v
}

func (s *Server) readyz(w http.ResponseWriter, r *http.Request) error {
	v := s.Readiness(r.Context())
	w.Header().Set("Content-Type", "application/json")
	if !v.Ready {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	return json.NewEncoder(w).Encode(v)
}

func (s *Server) openAPI(w http.ResponseWriter, _ *http.Request) error {
	data, err := s.OpenAPI()
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/openapi+json")
	w.Header().Set("Cache-Control", "no-cache")
	_, err = w.Write(data)
	return err
}

// OpenAPI is the description of the API (OpenAPI 3.1), indented, with a line end.
func (s *Server) OpenAPI() ([]byte, error) {
	data, err := json.MarshalIndent(s.API.OpenAPI(), "", "  ")
	return append(data, '\n'), err
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
