package diia

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/store"
)

// Scopes of a system's token.
const (
	scopeDocuments  = "documents"  // read a document by person
	scopeVerify     = "verify"     // check a scanned code
	scopeEnrolments = "enrolments" // hand in a proof of possession for a holder
	scopeEvents     = "events"     // learn changes of state
)

var allScopes = []string{scopeDocuments, scopeVerify, scopeEnrolments, scopeEvents}

// Problems of administration.
var (
	unknownSystem = service.NewProblem(http.StatusNotFound, "unknown-system", "Такої системи немає.", "There is no such system.",
		"Перевірте ідентифікатор клієнта.", "Check the client id.")
	systemKeys = service.NewProblem(http.StatusUnprocessableEntity, "system-keys",
		"Ключі не прийнято: потрібні від 1 до 5 відкритих ключів P-256 або RSA від 2048 бітів, у JWK Set чи PEM.",
		"The keys are not admitted: want 1 to 5 public keys, P-256 or RSA of at least 2048 bits, as JWK Set or PEM.",
		"Попросіть власника системи надіслати набір відкритих ключів ще раз.", "Ask the owner of the system for the set of public keys again.")
	systemName = service.NewProblem(http.StatusUnprocessableEntity, "system-name", "Назва системи має бути від 1 до 120 символів.",
		"The name of a system has 1 to 120 characters.", "Виправте назву.", "Mend the name.")
	systemScopes = service.NewProblem(http.StatusUnprocessableEntity, "system-scopes", "Не вибрано жодного дозволу.",
		"No scope is chosen.", "Виберіть хоча б один.", "Choose at least one.")
	systemUntil = service.NewProblem(http.StatusUnprocessableEntity, "system-until", "Строк має бути в майбутньому і не довший за три роки.",
		"The term has to lie ahead, at most three years.", "Виправте дату.", "Mend the date.")
	systemWebhook = service.NewProblem(http.StatusUnprocessableEntity, "system-webhook",
		"Адресу сповіщень не прийнято: потрібне https:// з іменем у публічній мережі.",
		"The webhook is not admitted: want https:// and a name in the public network.",
		"Виправте адресу або залиште порожньою.", "Mend the address, or leave it empty.")
	systemMany = service.NewProblem(http.StatusConflict, "system-many", "Забагато систем в одного органу.", "Too many systems of one body.",
		"Зупиніть ті, що не потрібні.", "Stop those that are not needed.")
	systemChanged = service.NewProblem(http.StatusConflict, "system-changed", "Власник змінив ключі чи адресу, поки сторінка була відкрита.",
		"The owner changed keys or webhook while the page was open.", "Відкрийте сторінку ще раз і звірте новий відбиток.", "Open the page again and compare the new fingerprint.")
	systemOwner = service.NewProblem(http.StatusForbidden, "system-owner", "Систему зареєстрував інший орган.", "Another body registered the system.",
		"Змінювати її може лише він; відкликати свій дозвіл можете ви.", "Only that body changes it; you may withdraw your grant.")
	unknownEvent = service.NewProblem(http.StatusNotFound, "unknown-event", "Такої події немає серед недоставлених.",
		"There is no such event among the undelivered.", "Оновіть сторінку.", "Reload the page.")
)

// system is one system of others as the service keeps it.
type system struct {
	id      int64
	client  string
	name    string
	owner   string // ЄДРПОУ of the body whose administrator registered it
	keys    []byte // JWK Set
	webhook string
	print   [32]byte
	made    time.Time
	until   time.Time
	stopped time.Time // zero while it is not
	fails   int
	wait    time.Time
}

// live tells whether the system may do anything at a time.
func (s *system) live(at time.Time) bool {
	return s.id != 0 && s.stopped.IsZero() && at.Before(s.until)
}

// grant is what one body lets a system do.
type grant struct {
	body    string
	scopes  []string
	numbers bool // events name people by РНОКПП
	print   [32]byte
	made    time.Time
	told    time.Time
}

// counts tells whether the body's word holds for the system as it is now.
func (g *grant) counts(s *system) bool { return g.print == s.print && len(g.scopes) > 0 }

// fingerprint is what a body agrees to: which keys speak for the system and where events go.
func fingerprint(keys []byte, webhook string) [32]byte {
	h := sha256.New()
	h.Write([]byte("posvid system fingerprint v1"))
	h.Write([]byte{byte(len(keys) >> 16), byte(len(keys) >> 8), byte(len(keys))})
	h.Write(keys)
	h.Write([]byte(webhook))
	return [32]byte(h.Sum(nil))
}

const systemColumns = `id, client, name, owner, keys, webhook, print, made, until, stopped, fails, wait`

func scanSystem(scan func(...any) error) (system, error) {
	var s system
	var print []byte
	var made, until, stopped, wait int64
	if err := scan(&s.id, &s.client, &s.name, &s.owner, &s.keys, &s.webhook, &print, &made, &until, &stopped, &s.fails, &wait); err != nil {
		return system{}, err
	}
	copy(s.print[:], print)
	s.made, s.until, s.stopped, s.wait = timeOf(made), timeOf(until), timeOf(stopped), timeOf(wait)
	return s, nil
}

func timeOf(sec int64) time.Time {
	if sec == 0 {
		return time.Time{}
	}
	return time.Unix(sec, 0).UTC()
}

func secOf(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

// systemBy reads one system; ok is false when there is none.
func systemBy(tx *store.ServiceTx, where string, arg any) (s system, ok bool, err error) {
	err = tx.Rows(`SELECT `+systemColumns+` FROM systems WHERE `+where, []any{arg}, func(scan func(...any) error) (err error) {
		ok = true
		s, err = scanSystem(scan)
		return err
	})
	return s, ok, err
}

func systemByClient(tx *store.ServiceTx, client string) (system, bool, error) {
	return systemBy(tx, `client = $1`, client)
}

func systemByID(tx *store.ServiceTx, id int64) (system, bool, error) {
	return systemBy(tx, `id = $1`, id)
}

// grantsOf lists what bodies let a system do, by ЄДРПОУ.
func grantsOf(tx *store.ServiceTx, id int64) (out []grant, err error) {
	err = tx.Rows(`SELECT body, scopes, numbers, print, made, told FROM system_grants WHERE system = $1 ORDER BY body`, []any{id},
		func(scan func(...any) error) error {
			var g grant
			var scopes string
			var print []byte
			var made, told int64
			if err := scan(&g.body, &scopes, &g.numbers, &print, &made, &told); err != nil {
				return err
			}
			g.scopes = strings.Fields(scopes)
			copy(g.print[:], print)
			g.made, g.told = timeOf(made), timeOf(told)
			out = append(out, g)
			return nil
		})
	return out, err
}

// granted finds what a body lets the calling system do, as it stands now: the token says what it was for, the grant says what
// is allowed.
func (p *part) granted(ctx context.Context, caller service.Principal, body, scope string) (*service.Body, system, grant, error) {
	refused := func(err error) (*service.Body, system, grant, error) { return nil, system{}, grant{}, err }
	if caller.Kind != service.System || !slices.Contains(caller.Scopes, scope) {
		return refused(service.Forbidden)
	}
	var s system
	var g grant
	err := p.s.Store.View(ctx, func(tx *store.ServiceTx) error {
		var ok bool
		var err error
		if s, ok, err = systemByClient(tx, caller.System); err != nil {
			return err
		}
		if !ok || !s.live(p.s.Now()) {
			return service.Forbidden
		}
		all, err := grantsOf(tx, s.id)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(all, func(g grant) bool { return g.body == body && g.counts(&s) && slices.Contains(g.scopes, scope) })
		if i < 0 {
			return service.Forbidden
		}
		g = all[i]
		return nil
	})
	if err != nil {
		return refused(err)
	}
	b, err := p.s.Body(body)
	if err != nil {
		return refused(service.Forbidden) // a body that is not here is as foreign as one that granted nothing
	}
	return b, s, g, nil
}

// bodiesOf lists the bodies of this host that let the calling system do a thing.
func (p *part) bodiesOf(ctx context.Context, caller service.Principal, scope string) (out []*service.Body, s system, err error) {
	for _, body := range caller.Bodies {
		b, sys, _, err := p.granted(ctx, caller, body, scope)
		if errors.Is(err, service.Forbidden) {
			continue
		}
		if err != nil {
			return nil, system{}, err
		}
		out, s = append(out, b), sys
	}
	if len(out) == 0 {
		return nil, system{}, service.Forbidden
	}
	return out, s, nil
}

// registration is what an administrator fills in.
type registration struct {
	name    string
	keys    []byte // as pasted or read from a file
	webhook string
	scopes  []string
	numbers bool
	until   time.Time
}

// check holds a registration against the rules; it answers the stored form of the keys.
func (p *part) check(r *registration, at time.Time) (keys []byte, err error) {
	r.name = strings.TrimSpace(r.name)
	if n := utf8.RuneCountInString(r.name); n == 0 || n > maxName || !plain(r.name) {
		return nil, systemName
	}
	if r.scopes, err = knownScopes(r.scopes); err != nil {
		return nil, err
	}
	if !r.until.After(at) || r.until.Sub(at) > maxTerm {
		return nil, systemUntil
	}
	if r.webhook, err = p.checkWebhook(r.webhook); err != nil {
		return nil, err
	}
	parsed, err := parseKeys(r.keys)
	if err != nil {
		return nil, systemKeys.Because(err)
	}
	return encodeKeys(parsed)
}

// knownScopes sorts scopes and drops doubles. Error: systemScopes when one is unknown or none is left.
func knownScopes(in []string) ([]string, error) {
	var out []string
	for _, s := range in {
		if !slices.Contains(allScopes, s) {
			return nil, systemScopes
		}
	}
	for _, s := range allScopes {
		if slices.Contains(in, s) {
			out = append(out, s)
		}
	}
	if len(out) == 0 {
		return nil, systemScopes
	}
	return out, nil
}

// newClientID is a name that cannot be guessed, though it is no secret.
func newClientID() string {
	var b [10]byte
	rand.Read(b[:])
	return "sys-" + strings.ToLower(base32.StdEncoding.EncodeToString(b[:]))
}

// register enters a system with the grant of the body that registers it.
func (p *part) register(ctx context.Context, body string, account int64, r registration, at time.Time) (client string, err error) {
	keys, err := p.check(&r, at)
	if err != nil {
		return "", err
	}
	print := fingerprint(keys, r.webhook)
	client = newClientID()
	return client, p.s.Store.Update(ctx, func(tx *store.ServiceTx) error {
		var n int
		if err := tx.Row(`SELECT count(*) FROM system_grants WHERE body = $1`, []any{body}, &n); err != nil {
			return err
		}
		if n >= maxSystems {
			return systemMany
		}
		id, err := tx.Insert(`INSERT INTO systems (client, name, owner, keys, webhook, print, made, until) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
			client, r.name, body, keys, r.webhook, print[:], at.Unix(), r.until.Unix())
		if err != nil {
			return err
		}
		if err := putGrant(tx, id, body, r.scopes, r.numbers, print, at); err != nil {
			return err
		}
		return changed(tx, id, body, account, at, changeRegistered+" "+strings.Join(r.scopes, " "))
	})
}

// putGrant writes what a body lets a system do. Whatever changes, everything is compared with what was told once more: while a grant
// rested nobody listened. Who may learn numbers from now on is told everything again, with them.
func putGrant(tx *store.ServiceTx, id int64, body string, scopes []string, numbers bool, print [32]byte, at time.Time) error {
	if numbers {
		var before int
		err := tx.Row(`SELECT numbers FROM system_grants WHERE system = $1 AND body = $2`, []any{id, body}, &before)
		if err != nil && !errors.Is(err, issuer.ErrNotFound) {
			return err
		}
		if err == nil && before == 0 {
			if _, err := tx.Exec(`DELETE FROM system_told WHERE system = $1 AND body = $2`, id, body); err != nil {
				return err
			}
		}
	}
	_, err := tx.Exec(`INSERT INTO system_grants (system, body, scopes, numbers, print, made) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (system, body) DO UPDATE SET scopes = excluded.scopes, numbers = excluded.numbers, print = excluded.print, made = excluded.made, told = 0`,
		id, body, strings.Join(scopes, " "), numbers, print[:], at.Unix())
	return err
}

// What is noted of a change: one of these words, then what it is about.
const (
	changeRegistered = "registered"
	changeGranted    = "granted"
	changeRenewed    = "changed"
	changeWithdrawn  = "withdrawn"
	changeStopped    = "stopped"
	changeResent     = "resent"
)

// changed notes who changed what.
func changed(tx *store.ServiceTx, id int64, body string, account int64, at time.Time, what string) error {
	_, err := tx.Insert(`INSERT INTO system_changes (system, body, at, account, what) VALUES ($1, $2, $3, $4, $5)`, id, body, at.Unix(), account, what)
	return err
}

// let grants an existing system scopes in a body, for the system as it is now.
func (p *part) let(ctx context.Context, body, client string, account int64, scopes []string, numbers bool, at time.Time) error {
	return p.letSeen(ctx, body, client, account, "", scopes, numbers, at)
}

// letSeen is let where the administrator saw a fingerprint; empty: none. Error: systemChanged when it is another one by now.
func (p *part) letSeen(ctx context.Context, body, client string, account int64, seen string, scopes []string, numbers bool, at time.Time) error {
	scopes, err := knownScopes(scopes)
	if err != nil {
		return err
	}
	return p.s.Store.Update(ctx, func(tx *store.ServiceTx) error {
		s, ok, err := systemByClient(tx, client)
		if err != nil {
			return err
		}
		if !ok || !s.live(at) {
			return unknownSystem
		}
		if seen != "" && seen != printText(s.print) {
			return systemChanged
		}
		var n int
		if err := tx.Row(`SELECT count(*) FROM system_grants WHERE body = $1 AND system <> $2`, []any{body, s.id}, &n); err != nil {
			return err
		}
		if n >= maxSystems {
			return systemMany
		}
		if err := putGrant(tx, s.id, body, scopes, numbers, s.print, at); err != nil {
			return err
		}
		return changed(tx, s.id, body, account, at, changeGranted+" "+strings.Join(scopes, " "))
	})
}

// withdraw ends what a body lets a system do, at once. What was told is forgotten, so that a later grant tells everything.
func (p *part) withdraw(ctx context.Context, body, client string, account int64, at time.Time) error {
	return p.s.Store.Update(ctx, func(tx *store.ServiceTx) error {
		s, ok, err := systemByClient(tx, client)
		if err != nil {
			return err
		}
		if !ok {
			return unknownSystem
		}
		if err := tx.Exec1(`DELETE FROM system_grants WHERE system = $1 AND body = $2`, s.id, body); errors.Is(err, issuer.ErrNotFound) {
			return unknownSystem
		} else if err != nil {
			return err
		}
		if _, err := tx.Exec(`DELETE FROM system_told WHERE system = $1 AND body = $2`, s.id, body); err != nil {
			return err
		}
		if _, err := tx.Exec(`UPDATE system_events SET state = 4, closed = $1, why = 'withdrawn' WHERE system = $2 AND body = $3 AND state IN (0, 2)`,
			at.Unix(), s.id, body); err != nil {
			return err
		}
		return changed(tx, s.id, body, account, at, changeWithdrawn)
	})
}

// stop ends a system for every body, for ever; only the body that registered it may.
func (p *part) stop(ctx context.Context, body, client string, account int64, at time.Time) error {
	return p.s.Store.Update(ctx, func(tx *store.ServiceTx) error {
		s, err := ownSystem(tx, body, client)
		if err != nil {
			return err
		}
		if !s.stopped.IsZero() {
			return nil
		}
		if err := tx.Exec1(`UPDATE systems SET stopped = $1 WHERE id = $2`, at.Unix(), s.id); err != nil {
			return err
		}
		if _, err := tx.Exec(`DELETE FROM system_tokens WHERE system = $1`, s.id); err != nil {
			return err
		}
		if _, err := tx.Exec(`UPDATE system_events SET state = 4, closed = $1, why = 'stopped' WHERE system = $2 AND state IN (0, 2)`, at.Unix(), s.id); err != nil {
			return err
		}
		return changed(tx, s.id, body, account, at, changeStopped)
	})
}

// renew replaces keys, webhook and term. Other bodies' grants rest until they agree to the new fingerprint.
func (p *part) renew(ctx context.Context, body, client string, account int64, r registration, at time.Time) error {
	keys, err := p.check(&r, at)
	if err != nil {
		return err
	}
	print := fingerprint(keys, r.webhook)
	return p.s.Store.Update(ctx, func(tx *store.ServiceTx) error {
		s, err := ownSystem(tx, body, client)
		if err != nil {
			return err
		}
		if !s.stopped.IsZero() {
			return unknownSystem
		}
		if err := tx.Exec1(`UPDATE systems SET name = $1, keys = $2, webhook = $3, print = $4, until = $5, fails = 0, wait = 0 WHERE id = $6`,
			r.name, keys, r.webhook, print[:], r.until.Unix(), s.id); err != nil {
			return err
		}
		// While its term had passed it heard nothing: every body's posts are compared with what it was told.
		if _, err := tx.Exec(`UPDATE system_grants SET told = 0 WHERE system = $1`, s.id); err != nil {
			return err
		}
		if print != s.print {
			if _, err := tx.Exec(`DELETE FROM system_tokens WHERE system = $1`, s.id); err != nil {
				return err
			}
		}
		if err := putGrant(tx, s.id, body, r.scopes, r.numbers, print, at); err != nil {
			return err
		}
		return changed(tx, s.id, body, account, at, changeRenewed+" "+strings.Join(r.scopes, " "))
	})
}

// ownSystem finds a system that a body registered.
func ownSystem(tx *store.ServiceTx, body, client string) (system, error) {
	s, ok, err := systemByClient(tx, client)
	switch {
	case err != nil:
		return system{}, err
	case !ok:
		return system{}, unknownSystem
	case s.owner != body:
		return system{}, systemOwner
	}
	return s, nil
}
