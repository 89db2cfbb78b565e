// Package registrar is the registrar's part of the web service: staff files from their upload to the second signature, slips,
// IDs and what happens to them, who has none and why, the audit, the operators, and the trust operator's page.
//
// It decides nothing that the register decides: every change goes through issuer.Register and issuer.Body with their own checks,
// and what needs two persons needs the signatures of two keys. What is on its way lies sealed in the service's database, so that
// a page can be left and come back to. docs/spec/registrar.md has the rules.
package registrar

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/posvid/posvid/service"
)

// Bounds of requests.
const (
	maxForm     = 256 << 10
	maxUpload   = 1200 << 20 // staff file, mapping and photos with the form around them
	maxPhotoZip = 1 << 30
	maxBulk     = 2 << 20
	maxTrust    = 33 << 20
)

// Times of the jobs.
const (
	workPeriod  = time.Second
	purgePeriod = 6 * time.Hour
)

// pages is the part.
type pages struct {
	*service.Server

	jobs sync.Mutex // one job at a time works on loads
	bulk sync.Mutex // and one on changes of many

	beginning sync.Mutex // one change of many begins at a time

	mu        sync.Mutex
	progress  map[string]progress
	plans     map[int64]*planView
	planOrder []int64
	tries     map[int64][]time.Time
	sheets    map[[32]byte]*sheet
	people    map[string]*peopleCache
	audits    map[string]*auditCache
}

// Access of the pages. A registrar does, an approver approves and reads, an auditor reads everything and changes nothing, the
// body's administrator reads.
var (
	readers    = service.Access{Roles: []service.Role{service.Registrar, service.Approver, service.Auditor, service.BodyAdmin}}
	registrars = service.Access{Roles: []service.Role{service.Registrar}}
	signers    = service.Access{Roles: []service.Role{service.Registrar, service.Approver}}
	proving    = service.Access{Roles: []service.Role{service.Registrar}, SecondFactor: true}
	approving  = service.Access{Roles: []service.Role{service.Approver}, SecondFactor: true}
	operators  = service.Access{Roles: []service.Role{service.TrustOperator}}
	operating  = service.Access{Roles: []service.Role{service.TrustOperator}, SecondFactor: true}
)

// Mount adds the part's routes and jobs.
func Mount(s *service.Server) error {
	mount(s)
	return nil
}

func mount(s *service.Server) *pages {
	p := &pages{Server: s, progress: map[string]progress{}, plans: map[int64]*planView{}, tries: map[int64][]time.Time{},
		sheets: map[[32]byte]*sheet{}, people: map[string]*peopleCache{}, audits: map[string]*auditCache{}}
	const b = "/b/{edrpou}"
	for _, r := range []struct {
		pattern string
		access  service.Access
		max     int64
		handler func(*call) error
	}{
		{"GET " + b + "/{$}", readers, 0, p.home},
		{"POST " + b + "/draft", signers, maxForm, p.saveDraft},

		{"GET " + b + "/staff", readers, 0, p.staff},
		{"POST " + b + "/staff", registrars, maxUpload, p.upload},
		{"GET " + b + "/staff/{load}", readers, 0, p.showLoad},
		{"GET " + b + "/staff/{load}/plan.json", signers, 0, p.planFile},
		{"POST " + b + "/staff/{load}/answers", registrars, maxForm, p.answer},
		{"POST " + b + "/staff/{load}/replan", registrars, maxForm, p.replan},
		{"POST " + b + "/staff/{load}/discard", registrars, maxForm, p.discard},
		{"POST " + b + "/staff/{load}/sign", proving, maxForm, p.signAuthor},
		{"POST " + b + "/staff/{load}/approve", approving, maxForm, p.signApprover},

		{"GET " + b + "/ids", readers, 0, p.ids},
		{"GET " + b + "/ids/{row}", readers, 0, p.id},
		{"GET " + b + "/ids/{row}/photo", readers, 0, p.idPhoto},
		{"POST " + b + "/ids/{row}/state", proving, maxForm, p.changeID},
		{"POST " + b + "/ids/{row}/withdraw", proving, maxForm, p.withdraw},

		{"GET " + b + "/slips", registrars, 0, p.slips},
		{"POST " + b + "/slips", proving, maxForm, p.makeSlips},
		{"GET " + b + "/without", readers, 0, p.without},
		{"GET " + b + "/without.xlsx", readers, 0, p.withoutFile},
		{"GET " + b + "/audit", readers, 0, p.audit},
		{"GET " + b + "/statistics", readers, 0, p.statistics},

		{"GET " + b + "/bulk", registrars, 0, p.bulkForm},
		{"POST " + b + "/bulk", registrars, maxBulk, p.previewBulk},
		{"GET " + b + "/jobs/{id}", readers, 0, p.job},
		{"POST " + b + "/jobs/{id}/start", proving, maxForm, p.startBulk},
		{"POST " + b + "/jobs/{id}/approve", approving, maxForm, p.approveBulk},
		{"POST " + b + "/jobs/{id}/discard", registrars, maxForm, p.discardBulk},

		{"GET " + b + "/operators", readers, 0, p.operatorsPage},
		{"POST " + b + "/operators", proving, maxForm, p.proposeOperator},
		{"POST " + b + "/operators/{id}/approve", approving, maxForm, p.approveOperator},
		{"POST " + b + "/operators/{id}/withdraw", registrars, maxForm, p.withdrawProposal},

		{"GET /operator/{$}", operators, 0, p.trustPage},
		{"POST /operator/bundle", operating, maxTrust, p.installBundle},
		{"POST /operator/verifiers", operating, maxForm, p.lookVerifier},
		{"POST /operator/verifiers/admit", operating, maxForm, p.admitVerifier},
		{"POST /operator/publish", operating, maxForm, p.publishNow},
	} {
		p.route(r.pattern, r.access, r.max, r.handler)
	}
	s.Every("staff-files", workPeriod, p.workLoads)
	s.Every("changes-of-many", workPeriod, p.workBulk)
	s.Every("proposals", time.Minute, p.workProposals)
	s.Every("registrar-purge", purgePeriod, p.purge)
	return p
}

// route adds one route with the form and language read for its handler.
func (p *pages) route(pattern string, a service.Access, max int64, h func(*call) error) {
	p.PageLimit(pattern, a, max, func(w http.ResponseWriter, r *http.Request) error {
		c := &call{pages: p, w: w, r: r, at: p.Now(), lang: p.Lang(r)}
		if edrpou := r.PathValue("edrpou"); edrpou != "" {
			b, err := p.Body(edrpou)
			if err != nil {
				return err
			}
			c.body = b
		}
		if r.Method == http.MethodPost && max <= maxBulk {
			if err := c.readForm(max); err != nil {
				return err
			}
		}
		return told(h(c))
	})
}

// tell asks that verifiers hear of a change.
func (p *pages) tell() { p.PublishSoon() }

// runJobs works off everything that waits; tests call it instead of waiting.
func (p *pages) runJobs(ctx context.Context) error {
	return errors.Join(p.workLoads(ctx, p.Now()), p.workBulk(ctx, p.Now()), p.workProposals(ctx, p.Now()))
}
