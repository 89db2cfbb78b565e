package diia

import (
	"context"
	"encoding/base32"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/posvid/posvid/hr"
	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/store"
)

// systemView is a system as the administrators of a body see it.
type systemView struct {
	ClientID    string      `json:"clientId"`
	Name        string      `json:"name"`
	Owner       string      `json:"owner" doc:"ЄДРПОУ of the body that registered it"`
	Own         bool        `json:"own" doc:"this body registered it, and may change it"`
	Fingerprint string      `json:"fingerprint" doc:"of keys and webhook: what a grant is given to"`
	Keys        []keyView   `json:"keys"`
	Webhook     string      `json:"webhook"`
	Until       string      `json:"until" doc:"RFC 3339"`
	State       string      `json:"state" doc:"live, stopped, expired or changed (this body has not agreed to the new keys or webhook)"`
	Scopes      []string    `json:"scopes" doc:"what this body grants"`
	Numbers     bool        `json:"numbers" doc:"events of this body name people by РНОКПП"`
	Waiting     int         `json:"waiting" doc:"events of this body that wait"`
	Parked      int         `json:"parked"`
	Dead        int         `json:"dead"`
	Looks       int         `json:"looks" doc:"look-ups in this body in the last 30 days"`
	Failing     bool        `json:"failing" doc:"the webhook did not take the last event"`
	Undelivered []eventView `json:"-"`
	Changes     []entryView `json:"-"`
	until       time.Time
}

// UntilDate is the last day of the term.
func (v systemView) UntilDate() string { return hr.DateInKyiv(v.until.Add(-time.Second)).UA() }

// Can tells whether the body grants a scope.
func (v systemView) Can(scope string) bool { return slices.Contains(v.Scopes, scope) }

// KeySet is the JWK Set as it is kept.
func (v systemView) KeySet() string {
	set := struct {
		Keys []rawJSON `json:"keys"`
	}{}
	for _, k := range v.Keys {
		set.Keys = append(set.Keys, k.jwk)
	}
	out, _ := json.MarshalIndent(set, "", "  ") // what was read from JSON goes back
	return string(out)
}

type keyView struct {
	KID   string `json:"kid"`
	Alg   string `json:"alg"`
	Thumb string `json:"thumbprint" doc:"RFC 7638, SHA-256, base64url"`
	jwk   rawJSON
}

type eventView struct {
	ID      int64
	UUID    string
	At      string
	Status  profileStatus
	Parked  bool
	Dead    bool
	Tries   int
	Why     string
	Subject int64 // row of the post, for the registrar's pages
}

// Text is the state that the event tells of, in words.
func (e eventView) Text(lang string) string {
	w := map[profileStatus][2]string{statusActive: {"видано", "issued"}, statusSuspended: {"зупинено", "suspended"}, statusDismissed: {"право припинено", "right ended"},
		statusRemoved: {"посвідчення немає", "no ID"}}[e.Status]
	if lang == "en" {
		return w[1]
	}
	return w[0]
}

type entryView struct {
	At   string
	Body string
	What string // as changed wrote it: a word of changeWords, then what it is about
}

// changeWords are what may be done to a system, as it is stored and as people read it.
var changeWords = map[string][2]string{
	changeRegistered: {"зареєстровано", "registered"},
	changeGranted:    {"надано дозвіл", "granted"},
	changeRenewed:    {"змінено", "changed"},
	changeWithdrawn:  {"дозвіл відкликано", "grant withdrawn"},
	changeStopped:    {"зупинено", "stopped"},
	changeResent:     {"подію надіслано ще раз", "event sent again"},
}

// scopeWords are the scopes as people read them.
var scopeWords = map[string][2]string{
	scopeDocuments:  {"документ", "document"},
	scopeVerify:     {"перевірка", "verify"},
	scopeEnrolments: {"підключення", "enrolment"},
	scopeEvents:     {"події", "events"},
}

// Text is the line in words: lang "en" English, any other Ukrainian.
func (e entryView) Text(lang string) string {
	say := func(words map[string][2]string, key string) string {
		w, ok := words[key]
		switch {
		case !ok:
			return key
		case lang == "en":
			return w[1]
		}
		return w[0]
	}
	what, about, _ := strings.Cut(e.What, " ")
	out := say(changeWords, what)
	for i, a := range strings.Fields(about) {
		if i == 0 {
			out += ": "
		} else {
			out += ", "
		}
		out += say(scopeWords, a)
	}
	return out
}

// printText is a fingerprint as people compare it: 20 bytes in base32, groups of four.
func printText(print [32]byte) string {
	s := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(print[:20])
	var out []string
	for len(s) > 4 {
		out, s = append(out, s[:4]), s[4:]
	}
	return strings.Join(append(out, s), "-")
}

func stampKyiv(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(kyiv).Format("02.01.2006 15:04")
}

var kyiv = func() *time.Location {
	l, err := time.LoadLocation("Europe/Kyiv")
	if err != nil {
		if l, err = time.LoadLocation("Europe/Kiev"); err != nil {
			return time.FixedZone("EET", 2*60*60)
		}
	}
	return l
}()

// list shows the systems bound to a body; client names one of them, or none for all.
func (p *part) list(ctx context.Context, body, client string, at time.Time) (out []systemView, err error) {
	err = p.s.Store.View(ctx, func(tx *store.ServiceTx) error {
		out = nil
		var all []system
		if err := tx.Rows(`SELECT `+systemColumns+` FROM systems WHERE id IN (SELECT system FROM system_grants WHERE body = $1) OR owner = $1 ORDER BY name, id`, []any{body},
			func(scan func(...any) error) error {
				s, err := scanSystem(scan)
				all = append(all, s)
				return err
			}); err != nil {
			return err
		}
		for i := range all {
			s := &all[i]
			if client != "" && s.client != client {
				continue
			}
			v, err := viewOf(tx, s, body, at)
			if err != nil {
				return err
			}
			if client != "" {
				if err := details(tx, s, body, v); err != nil {
					return err
				}
			}
			out = append(out, *v)
		}
		return nil
	})
	if err == nil && client != "" && len(out) == 0 {
		err = unknownSystem
	}
	return out, err
}

func viewOf(tx *store.ServiceTx, s *system, body string, at time.Time) (*systemView, error) {
	v := &systemView{ClientID: s.client, Name: s.name, Owner: s.owner, Own: s.owner == body, Fingerprint: printText(s.print), Webhook: s.webhook,
		Until: s.until.Format(time.RFC3339), until: s.until, State: "live", Scopes: []string{}, Failing: s.fails > 0}
	keys, err := parseKeys(s.keys)
	if err != nil {
		return nil, err
	}
	for i := range keys {
		thumb, err := thumbprint(&keys[i].jwk)
		if err != nil {
			return nil, err
		}
		raw, err := keys[i].jwk.MarshalJSON()
		if err != nil {
			return nil, err
		}
		v.Keys = append(v.Keys, keyView{keys[i].kid, string(keys[i].alg), thumb, raw})
	}
	grants, err := grantsOf(tx, s.id)
	if err != nil {
		return nil, err
	}
	for _, g := range grants {
		if g.body == body {
			v.Scopes, v.Numbers = g.scopes, g.numbers
			if !g.counts(s) {
				v.State = "changed"
			}
		}
	}
	switch {
	case !s.stopped.IsZero():
		v.State = "stopped"
	case !s.live(at):
		v.State = "expired"
	}
	if err := tx.Rows(`SELECT state, count(*) FROM system_events WHERE system = $1 AND body = $2 AND state IN (0, 2, 3) GROUP BY state`, []any{s.id, body},
		func(scan func(...any) error) error {
			var state, n int
			if err := scan(&state, &n); err != nil {
				return err
			}
			switch state {
			case eventWaits:
				v.Waiting = n
			case eventParked:
				v.Parked = n
			case eventDead:
				v.Dead = n
			}
			return nil
		}); err != nil {
		return nil, err
	}
	return v, tx.Row(`SELECT count(*) FROM system_looks WHERE system = $1 AND body = $2 AND at > $3`, []any{s.id, body, at.AddDate(0, 0, -30).Unix()}, &v.Looks)
}

// details adds what did not arrive, and who changed what.
func details(tx *store.ServiceTx, s *system, body string, v *systemView) error {
	if err := tx.Rows(`SELECT `+eventColumns+` FROM system_events WHERE system = $1 AND body = $2 AND state IN (2, 3) ORDER BY id DESC LIMIT 200`, []any{s.id, body},
		func(scan func(...any) error) error {
			e, err := scanEvent(scan)
			if err != nil {
				return err
			}
			v.Undelivered = append(v.Undelivered, eventView{ID: e.id, UUID: e.uuid, At: stampKyiv(e.at), Status: e.status, Parked: e.state == eventParked,
				Dead: e.state == eventDead, Tries: e.tries, Why: e.why, Subject: e.entitlement})
			return nil
		}); err != nil {
		return err
	}
	return tx.Rows(`SELECT at, body, what FROM system_changes WHERE system = $1 AND (body = $2 OR $3) ORDER BY id DESC LIMIT 50`, []any{s.id, body, v.Own},
		func(scan func(...any) error) error {
			var at int64
			var e entryView
			if err := scan(&at, &e.Body, &e.What); err != nil {
				return err
			}
			e.At = stampKyiv(timeOf(at))
			v.Changes = append(v.Changes, e)
			return nil
		})
}

// looksOf lists who looked a post up, newest first, as its holder is told.
func (p *part) looksOf(ctx context.Context, body string, entitlement int64, limit int) (out []service.Look, err error) {
	lang := service.LangOf(ctx)
	kind := "дані посвідчення"
	if lang == "en" {
		kind = "data of the ID"
	}
	err = p.s.Store.View(ctx, func(tx *store.ServiceTx) error {
		out = nil
		return tx.Rows(`SELECT l.at, s.name, l.answer FROM system_looks l JOIN systems s ON s.id = l.system
			WHERE l.body = $1 AND l.entitlement = $2 ORDER BY l.id DESC LIMIT $3`, []any{body, entitlement, max(limit, 0)}, func(scan func(...any) error) error {
			var at int64
			var answer int
			l := service.Look{Kind: kind}
			if err := scan(&at, &l.Who, &answer); err != nil {
				return err
			}
			l.At, l.Answer = timeOf(at), docStatus(answer).text(lang)
			out = append(out, l)
			return nil
		})
	})
	return out, err
}
