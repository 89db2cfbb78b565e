package checkpoints

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/store"
)

// Terms and limits of this part (docs/spec/checkpoint-account.md, Section 9).
const (
	CodeTerm        = 15 * time.Minute         // life of an onboarding code
	MaxTerm         = 3 * 366 * 24 * time.Hour // longest term of an account
	KeepJournals    = 365 * 24 * time.Hour     // how long an uploaded journal is kept, unless Config says otherwise
	KeepShifts      = 3 * 366 * 24 * time.Hour // how long shifts and their counts are kept
	maxName         = 120                      // bytes of a name that holders read
	maxPlace        = 200                      // bytes of a place
	maxAccounts     = 1000                     // checkpoints of a body that are not stopped
	maxGuards       = 64                       // guards on duty of a checkpoint
	maxGuardLetters = 40                       // letters of a guard's name, as the device's screen takes them
	maxUploaded     = 512 << 20                // bytes of journals of one checkpoint
	packAge         = 20 * 24 * time.Hour      // a pack is made anew when it is older, whatever changed
	packEvery       = 10 * time.Minute         // how often packs are held against what they should be
	portraitRate    = 60                       // single portraits that one device may ask for in a minute
)

// Config of this part.
type Config struct {
	Folder       string        // where photo packs lie between two makings; they are sealed to their recipients. Made when it is missing
	KeepJournals time.Duration // optional; 0 is KeepJournals
}

// part is this part of one server.
type part struct {
	s    *service.Server
	c    Config
	live liveCache

	packing sync.Mutex           // one pack is made at a time
	soon    map[string]time.Time // body → when its packs were held against what they should be; guarded by packing
	asked   *rates
}

// who may do what.
var (
	reads    = service.Access{Roles: []service.Role{service.BodyAdmin, service.Auditor}}
	changes  = service.Access{Roles: []service.Role{service.BodyAdmin}, SecondFactor: true}
	guards   = service.Access{Roles: []service.Role{service.CheckpointOperator}}
	operates = service.Access{Roles: []service.Role{service.TrustOperator}}
	admits   = service.Access{Roles: []service.Role{service.TrustOperator}, SecondFactor: true}
	everyone = service.Access{Public: true}
	devices  = service.Access{Kinds: []service.Kind{service.Device}}
)

// Mount adds the part's routes and jobs.
func Mount(s *service.Server, c Config) error {
	if c.Folder == "" {
		return errors.New("checkpoints: want a folder for photo packs")
	}
	if c.KeepJournals == 0 {
		c.KeepJournals = KeepJournals
	}
	if c.KeepJournals < 0 {
		return fmt.Errorf("checkpoints: journals kept for %s, want a positive time", c.KeepJournals)
	}
	if err := os.MkdirAll(c.Folder, 0o700); err != nil {
		return fmt.Errorf("checkpoints: folder of photo packs: %w", err)
	}
	p := &part{s: s, c: c, soon: map[string]time.Time{}, asked: newRates(portraitRate, time.Minute)}
	if err := p.sweep(); err != nil {
		return err
	}
	s.SignedRequests()
	s.RefuseDevices(p.notStopped)

	service.Operation(s, everyone, huma.Operation{OperationID: "checkpoint-onboard-look", Method: http.MethodPost, Path: "/api/v1/checkpoints/onboard/look",
		Summary: "What an onboarding code is for", Tags: []string{"checkpoints"}}, p.look)
	service.Operation(s, everyone, huma.Operation{OperationID: "checkpoint-onboard", Method: http.MethodPost, Path: "/api/v1/checkpoints/onboard",
		Summary: "Hand in a device's verifier request with an onboarding code", Tags: []string{"checkpoints"}}, p.onboard)
	service.Operation(s, devices, huma.Operation{OperationID: "checkpoint", Method: http.MethodGet, Path: "/api/v1/checkpoint",
		Summary: "What the service has for this device", Tags: []string{"checkpoints"}}, p.checkpoint)
	service.Operation(s, devices, huma.Operation{OperationID: "checkpoint-shifts", Method: http.MethodPost, Path: "/api/v1/checkpoint/shifts",
		Summary: "Hand in counts of shifts", Tags: []string{"checkpoints"}}, p.shifts)
	s.Page("GET /api/v1/checkpoint/photos", devices, p.listPacks)
	s.Page("GET /api/v1/checkpoint/photos/{edrpou}", devices, p.sendPack)
	s.Page("GET /api/v1/checkpoint/portrait/{hash}", devices, p.portrait)
	s.Page("POST /api/v1/checkpoint/journal", devices, p.journal)

	s.Page("GET "+OnboardPath, everyone, func(w http.ResponseWriter, r *http.Request) error {
		return p.s.Render(w, r, http.StatusOK, "checkpoint-onboard.html", nil)
	})
	s.Page("GET /b/{edrpou}/checkpoints", reads, p.listPage)
	s.Page("POST /b/{edrpou}/checkpoints", changes, p.make)
	s.Page("GET /b/{edrpou}/checkpoints/photos", reads, p.photosPage)
	s.Page("POST /b/{edrpou}/checkpoints/photos", changes, p.choosePhotos)
	s.Page("GET /b/{edrpou}/checkpoints/{id}", reads, p.onePage)
	s.Page("POST /b/{edrpou}/checkpoints/{id}/code", changes, p.code)
	s.Page("POST /b/{edrpou}/checkpoints/{id}/confirm", changes, p.confirm)
	s.Page("POST /b/{edrpou}/checkpoints/{id}/deny", changes, p.deny)
	s.Page("POST /b/{edrpou}/checkpoints/{id}/stop", changes, p.stop)
	s.Page("POST /b/{edrpou}/checkpoints/{id}/policy", changes, p.policy)
	s.Page("GET /b/{edrpou}/checkpoints/{id}/policy", reads, p.policyFile)
	s.Page("GET /b/{edrpou}/checkpoints/{id}/request", reads, p.requestFile)
	s.Page("POST /b/{edrpou}/checkpoints/{id}/guards", changes, p.addGuard)
	s.Page("POST /b/{edrpou}/checkpoints/{id}/guards/{guard}/end", changes, p.endGuard)
	s.Page("GET /b/{edrpou}/checkpoints/{id}/journal/{first}", reads, p.journalFile)
	s.Page("GET /b/{edrpou}/shift", guards, p.shiftPage)
	s.Page("POST /b/{edrpou}/shift", guards, p.changeShift)
	s.Page("GET /operator/checkpoints", operates, p.operatorPage)
	s.Page("POST /operator/checkpoints/{id}/admit", admits, p.admit)
	s.Page("POST /operator/checkpoints/{id}/end", admits, p.end)

	s.Every("checkpoint-packs", packEvery, p.makePacks)
	s.Every("checkpoint-purge", 6*time.Hour, p.purge)
	return nil
}

// sweep removes what a stopped making of a pack has left behind.
func (p *part) sweep() error {
	left, err := filepath.Glob(filepath.Join(p.c.Folder, "*.tmp"))
	if err != nil {
		return err
	}
	for _, name := range left {
		if err := os.Remove(name); err != nil {
			return fmt.Errorf("checkpoints: folder of photo packs: %w", err)
		}
	}
	return nil
}

// purge forgets what is past its term.
func (p *part) purge(ctx context.Context, at time.Time) error {
	return p.s.Store.Update(ctx, func(tx *store.ServiceTx) error {
		for _, q := range []struct {
			text   string
			before time.Time
		}{
			{sqlPurgeTokens, at},
			{sqlPurgeJournals, at.Add(-p.c.KeepJournals)},
			{sqlPurgeCounts, at.Add(-KeepShifts)},
			{sqlPurgeShifts, at.Add(-KeepShifts)},
			{sqlPurgePortraits, at.Add(-KeepShifts)},
		} {
			if _, err := tx.Exec(q.text, q.before.Unix()); err != nil {
				return err
			}
		}
		return nil
	})
}
