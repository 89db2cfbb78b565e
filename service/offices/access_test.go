package offices

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/posvid/posvid/hr"
	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/office"
	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/service/servicetest"
)

// seatOf is the post of an invented person.
func seatOf(h *servicetest.Holder) office.Seat {
	return office.Seat{Body: h.Body.EDRPOU, Post: h.Entitlement}
}

// official is an account with the posts of people.
func official(people ...*servicetest.Holder) service.Principal {
	p := service.Principal{Kind: service.Account, Account: 1, Name: "Вигадана Особа"}
	for _, h := range people {
		p.Grants = append(p.Grants, service.Grant{Role: service.Holder, Body: h.Body.EDRPOU, Entitlement: h.Entitlement})
	}
	return p
}

// TestSeated: what the register says now, and nothing that an ID said before.
func TestSeated(t *testing.T) {
	w := servicetest.New(t)
	p := &part{s: w.Server}
	for part, want := range map[string]office.Status{"issued": office.StatusValid, "second": office.StatusValid, "suspended": office.StatusSuspended,
		"revoked": office.StatusNone, "slip": office.StatusNone, "enrolled": office.StatusNone, "none": office.StatusNone, "leave": office.StatusNone} {
		m, got, err := p.seated(t.Context(), seatOf(w.Ministry.Holders[part]))
		if err != nil || got != want || m.Surname == "" || m.Position == "" {
			t.Errorf("%s: %v %v, want %v", part, got, err, want)
		}
	}
	for _, seat := range []office.Seat{{}, {Body: "99000011", Post: 99}, {Body: "99000011", Post: -1}, {Body: "12345678", Post: 1}} {
		if _, status, err := p.seated(t.Context(), seat); !errors.Is(err, office.ErrNotFound) || status != office.StatusNone {
			t.Errorf("%v: %v %v, want not found", seat, status, err)
		}
	}
	h := w.Ministry.Holders["issued"]
	w.Advance(5 * 365 * 24 * time.Hour)
	if _, got, _ := p.seated(t.Context(), seatOf(h)); got != office.StatusNone {
		t.Errorf("past its term: %v", got)
	}
}

// TestStatusIn: every way in which an ID that was issued stops vouching.
func TestStatusIn(t *testing.T) {
	at := time.Date(2026, 11, 20, 22, 30, 0, 0, time.UTC) // half past midnight of the 21st in Kyiv
	today := hr.DateInKyiv(at)
	id := func(s issuer.State, until time.Duration) issuer.ID {
		return issuer.ID{State: s, ExpiresAt: at.Add(until)}
	}
	issued := id(issuer.StateIssued, time.Second)
	for _, tt := range []struct {
		name  string
		state hr.Status
		until hr.Date
		ids   []issuer.ID
		want  office.Status
	}{
		{"issued", hr.StatusActive, hr.Date{}, []issuer.ID{issued}, office.StatusValid},
		{"last second", hr.StatusActive, hr.Date{}, []issuer.ID{id(issuer.StateIssued, time.Nanosecond)}, office.StatusValid},
		{"term over", hr.StatusActive, hr.Date{}, []issuer.ID{id(issuer.StateIssued, 0)}, office.StatusNone},
		{"last day", hr.StatusActive, today, []issuer.ID{issued}, office.StatusValid},
		{"day after the last", hr.StatusActive, today.AddDays(-1), []issuer.ID{issued}, office.StatusNone},
		{"dismissed, ID not ended yet", hr.StatusDismissed, hr.Date{}, []issuer.ID{issued}, office.StatusNone},
		{"suspended by HR, ID not yet", hr.StatusSuspended, hr.Date{}, []issuer.ID{issued}, office.StatusSuspended},
		{"suspended ID", hr.StatusActive, hr.Date{}, []issuer.ID{id(issuer.StateSuspended, time.Hour)}, office.StatusSuspended},
		{"suspended, term over", hr.StatusActive, hr.Date{}, []issuer.ID{id(issuer.StateSuspended, 0)}, office.StatusNone},
		{"replaced and issued again", hr.StatusActive, hr.Date{}, []issuer.ID{id(issuer.StateReplaced, time.Hour), issued}, office.StatusValid},
		{"revoked", hr.StatusActive, hr.Date{}, []issuer.ID{id(issuer.StateRevoked, time.Hour)}, office.StatusNone},
		{"pending", hr.StatusActive, hr.Date{}, []issuer.ID{id(issuer.StatePending, time.Hour)}, office.StatusNone},
		{"none", hr.StatusActive, hr.Date{}, nil, office.StatusNone},
		{"no state at all", hr.StatusActive, hr.Date{}, []issuer.ID{id(0, time.Hour)}, office.StatusNone},
		{"unknown HR status", "", hr.Date{}, []issuer.ID{issued}, office.StatusSuspended},
	} {
		post := issuer.PostRow{Status: tt.state}
		post.Record.Until = tt.until
		if got := statusIn(&post, tt.ids, at); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

// OAC-01: an ID that was issued for a post that has not begun, as after its first day was put off, vouches for nobody yet.
func TestStatusBeforeTheFirstDay(t *testing.T) {
	at := time.Date(2026, 11, 20, 21, 59, 59, 0, time.UTC) // the last second of the 20th in Kyiv
	ids := []issuer.ID{{State: issuer.StateIssued, IssuedAt: at.Add(-time.Hour), ExpiresAt: at.Add(time.Hour)}}
	post := issuer.PostRow{Status: hr.StatusActive}
	post.Record.From = hr.DateInKyiv(at.Add(time.Second))
	if got := statusIn(&post, ids, at); got != office.StatusNone {
		t.Errorf("the evening before: %v", got)
	}
	if got := statusIn(&post, ids, at.Add(time.Second)); got != office.StatusValid {
		t.Errorf("on the first day: %v", got)
	}
}

// TestOutlives: renewing an ID on one phone ends nothing, another phone ends what was made before.
func TestOutlives(t *testing.T) {
	at := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	made := at.Add(-time.Hour)
	id := func(s issuer.State, key byte, issued, term time.Duration) issuer.ID {
		return issuer.ID{State: s, Holder: [32]byte{key}, IssuedAt: at.Add(issued), ExpiresAt: at.Add(term)}
	}
	for name, tt := range map[string]struct {
		ids  []issuer.ID
		want bool
	}{
		"same ID":                    {[]issuer.ID{id(issuer.StateIssued, 1, -2*time.Hour, time.Hour)}, true},
		"in the second of its issue": {[]issuer.ID{id(issuer.StateIssued, 1, -time.Hour+time.Second/2, time.Hour)}, true},
		"renewed on the same key":    {[]issuer.ID{id(issuer.StateReplaced, 1, -2*time.Hour, time.Hour), id(issuer.StateIssued, 1, -time.Minute, time.Hour)}, true},
		"expired, then renewed":      {[]issuer.ID{id(issuer.StateExpired, 1, -2*time.Hour, -30*time.Minute), id(issuer.StateIssued, 1, -time.Minute, time.Hour)}, true},
		"another key":                {[]issuer.ID{id(issuer.StateReplaced, 1, -2*time.Hour, time.Hour), id(issuer.StateIssued, 2, -time.Minute, time.Hour)}, false},
		"revoked, another key":       {[]issuer.ID{id(issuer.StateRevoked, 1, -2*time.Hour, time.Hour), id(issuer.StateIssued, 2, -time.Minute, time.Hour)}, false},
		"back on a key of before":    {[]issuer.ID{id(issuer.StateReplaced, 1, -2*time.Hour, time.Hour), id(issuer.StateReplaced, 2, -30*time.Minute, time.Hour), id(issuer.StateIssued, 1, -time.Minute, time.Hour)}, true},
		"suspended":                  {[]issuer.ID{id(issuer.StateSuspended, 1, -2*time.Hour, time.Hour)}, false},
		"term over":                  {[]issuer.ID{id(issuer.StateIssued, 1, -2*time.Hour, 0)}, false},
		"not issued yet":             {[]issuer.ID{{State: issuer.StateIssued, ExpiresAt: at.Add(time.Hour)}}, false},
		"nothing":                    {nil, false},
	} {
		if got := outlives(tt.ids, made, at); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestMember: who is let in, and in which post.
func TestMember(t *testing.T) {
	w := servicetest.New(t)
	p := &part{s: w.Server}
	w.Server.Page("GET /office/test", officials, func(rw http.ResponseWriter, r *http.Request) error {
		m, err := p.member(r)
		if err == nil {
			_, err = rw.Write([]byte(m.Seat.String()))
		}
		return err
	})
	w.Start()
	min, cou := w.Ministry.Holders, w.Council.Holders
	ask := func(who service.Principal) string {
		status, _, body := w.Do(w.As(who), "GET", "/office/test", nil, "Accept", "application/json")
		if status != http.StatusOK {
			return problemCode(t, body)
		}
		return string(body)
	}
	for name, tt := range map[string]struct {
		who  service.Principal
		want string
	}{
		"issued":            {official(min["issued"]), seatOf(min["issued"]).String()},
		"suspended":         {official(min["suspended"]), "office-no-id"},
		"revoked":           {official(min["revoked"]), "office-no-id"},
		"no ID yet":         {official(min["enrolled"]), "office-no-id"},
		"one of two valid":  {official(min["suspended"], cou["issued"]), seatOf(cou["issued"]).String()},
		"two valid":         {official(min["issued"], cou["issued"]), "office-choose-post"},
		"body not here":     {service.Principal{Kind: service.Account, Grants: []service.Grant{{Role: service.Holder, Body: "12345678", Entitlement: 1}}}, "office-no-id"},
		"no such post":      {service.Principal{Kind: service.Account, Grants: []service.Grant{{Role: service.Holder, Body: "99000011", Entitlement: 999}}}, "office-no-id"},
		"registrar":         {w.Role(service.Registrar, w.Ministry), "forbidden"},
		"editor without ID": {w.Role(service.OfficeEditor, w.Ministry), "forbidden"},
		"wallet":            {service.Principal{Kind: service.Wallet, Grants: official(min["issued"]).Grants}, "forbidden"},
		"program":           {service.Principal{Kind: service.Program, Grants: official(min["issued"]).Grants, Bodies: []string{"99000011"}, Scopes: []string{scopeDAV}}, "forbidden"},
	} {
		if got := ask(tt.who); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
	// In the middle of a session: the very next request.
	h := min["issued"]
	who := official(h)
	if err := w.Ministry.Register.Withdraw(t.Context(), h.Entitlement, w.Ministry.Operators[0], w.Now()); err != nil {
		t.Fatal(err)
	}
	if got := ask(who); got != "office-no-id" {
		t.Errorf("after the ID was withdrawn: %s", got)
	}
}
