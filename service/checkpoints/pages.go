package checkpoints

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/locale"
	"github.com/posvid/posvid/qr"
	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/store"
	"github.com/posvid/posvid/trust"
)

// SQL of pages.
const (
	sqlKeepPolicy    = "INSERT INTO checkpoint_policies (checkpoint, number, policy, made, maker) VALUES ($1, $2, $3, $4, $5)"
	sqlGuards        = "SELECT id, mark, name, account FROM checkpoint_guards WHERE checkpoint = $1 AND ended = 0 ORDER BY id"
	sqlGuardCount    = "SELECT count(*) FROM checkpoint_guards WHERE checkpoint = $1 AND ended = 0"
	sqlAddGuard      = "INSERT INTO checkpoint_guards (checkpoint, mark, name, account, added) VALUES ($1, $2, $3, $4, $5)"
	sqlEndGuard      = "UPDATE checkpoint_guards SET ended = $3 WHERE id = $1 AND checkpoint = $2 AND ended = 0"
	sqlShifts        = "SELECT id, source, mark, guard, name, began, ended FROM checkpoint_shifts WHERE checkpoint = $1 AND began >= $2 ORDER BY began DESC, id DESC LIMIT 500"
	sqlShiftCounts   = "SELECT c.shift, c.verdict, c.code, c.photo, c.n FROM checkpoint_counts c JOIN checkpoint_shifts s ON s.id = c.shift WHERE s.checkpoint = $1 AND s.began >= $2"
	sqlJournals      = "SELECT first, last, events, sum, received, length(data) FROM checkpoint_journals WHERE checkpoint = $1 ORDER BY first DESC LIMIT 500"
	sqlJournalData   = "SELECT data FROM checkpoint_journals WHERE checkpoint = $1 AND first = $2"
	sqlPortraitDays  = "SELECT day, sum(given), sum(refused) FROM checkpoint_portraits WHERE body = $1 AND verifier = $2 AND day >= $3 GROUP BY day ORDER BY day DESC"
	sqlGuardOf       = "SELECT g.id, g.mark, g.name, c.id, c.name, c.place FROM checkpoint_guards g JOIN checkpoints c ON c.id = g.checkpoint WHERE g.account = $1 AND g.ended = 0 AND c.body = $2 AND c.state <> 'stopped' ORDER BY c.id"
	sqlOpenShift     = "SELECT id, began FROM checkpoint_shifts WHERE checkpoint = $1 AND account = $2 AND source = 'page' AND ended = 0"
	sqlEndOpenShifts = "UPDATE checkpoint_shifts SET ended = $2 WHERE account = $1 AND source = 'page' AND ended = 0"
)

// account finds the account of the path in the body of the path. One of another body is not found.
func (p *part) account(r *http.Request) (*account, error) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return nil, unknownCheckpoint
	}
	var a *account
	err = p.s.Store.View(r.Context(), func(tx *store.ServiceTx) error {
		a, err = oneAccount(tx, sqlAccount, id, r.PathValue("edrpou"))
		return err
	})
	if err != nil {
		return nil, err
	}
	return a, p.settle(r.Context(), []*account{a})
}

func maker(r *http.Request) int64 { return service.PrincipalOf(r.Context()).Account }

// back sends the browser to a checkpoint's page.
func back(w http.ResponseWriter, r *http.Request, a *account) error {
	http.Redirect(w, r, fmt.Sprintf("/b/%s/checkpoints/%d", a.Body, a.ID), http.StatusSeeOther)
	return nil
}

// form reads a plain form. What was not sent is empty.
func form(r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return service.BadRequest.Because(err)
	}
	return nil
}

// dayEnd is the last second of a day of a date field, in Kyiv; zero for what is none.
func dayEnd(text string) time.Time {
	day, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return time.Time{}
	}
	day = day.AddDate(0, 0, 1)
	_, offset := locale.Kyiv(day.Add(-3 * time.Hour)).Zone()
	return day.Add(-time.Duration(offset)*time.Second - time.Second).UTC()
}

// hours reads a number of hours; 0 for an empty field.
func hours(text string) (time.Duration, error) {
	if text = strings.TrimSpace(text); text == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil || n == 0 || time.Duration(n)*time.Hour > trust.MaxStatusAge {
		return 0, badPolicy
	}
	return time.Duration(n) * time.Hour, nil
}

// listData is the data of checkpoints.html.
type listData struct {
	Accounts []*account
	Until    string // a term that the form suggests
	Latest   string // the last one it takes
	Change   bool   // the caller may change something
}

func (p *part) listPage(w http.ResponseWriter, r *http.Request) error {
	ctx, body, at := r.Context(), r.PathValue("edrpou"), p.s.Now()
	if _, err := p.s.Body(body); err != nil {
		return err
	}
	d := listData{Until: locale.Kyiv(at.AddDate(1, 0, 0)).Format(time.DateOnly), Latest: locale.Kyiv(at.Add(MaxTerm).AddDate(0, 0, -1)).Format(time.DateOnly),
		Change: service.PrincipalOf(ctx).Has(service.BodyAdmin, body)}
	err := p.s.Store.View(ctx, func(tx *store.ServiceTx) (err error) {
		d.Accounts, err = manyAccounts(tx, sqlAccounts, body)
		return err
	})
	if err != nil {
		return err
	}
	if err := p.settle(ctx, d.Accounts); err != nil {
		return err
	}
	return p.s.Render(w, r, http.StatusOK, "checkpoints.html", d)
}

func (p *part) make(w http.ResponseWriter, r *http.Request) error {
	if err := form(r); err != nil {
		return err
	}
	a := account{Body: r.PathValue("edrpou"), Name: strings.TrimSpace(r.PostFormValue("name")), Place: strings.TrimSpace(r.PostFormValue("place")), Until: dayEnd(r.PostFormValue("until"))}
	if _, err := p.s.Body(a.Body); err != nil {
		return err
	}
	switch r.PostFormValue("class") {
	case trust.ClassCheckpoint.String():
		a.Class = trust.ClassCheckpoint
	case trust.ClassCouncil.String():
		a.Class = trust.ClassCouncil
	}
	id, err := p.newAccount(r.Context(), a, maker(r), p.s.Now())
	if err != nil {
		return err
	}
	a.ID = id
	return back(w, r, &a)
}

// codeData is the data of checkpoint-code.html.
type codeData struct {
	Account *account
	Link    string
	QR      template.URL
	Expires time.Time
	Root    string
}

// code shows a new onboarding code, this once: only a keyed hash of it is kept.
func (p *part) code(w http.ResponseWriter, r *http.Request) error {
	a, err := p.account(r)
	if err != nil {
		return err
	}
	d := codeData{Account: a}
	if d.Link, d.Expires, err = p.newCode(r.Context(), a.Body, a.ID, p.s.Now()); err != nil {
		return err
	}
	symbol, err := qr.EncodeLink(d.Link)
	if err != nil {
		return err
	}
	var png bytes.Buffer
	if err := symbol.PNG(&png, qr.PNGOptions{Scale: 6}); err != nil {
		return err
	}
	d.QR = template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(png.Bytes()))
	if b, _, err := p.s.Trust.Bundle(); err == nil {
		d.Root = b.RootFingerprint().String()
	}
	return p.s.Render(w, r, http.StatusOK, "checkpoint-code.html", d)
}

// change runs one statement on the account of the path, which must touch it.
func (p *part) change(w http.ResponseWriter, r *http.Request, q string, args ...any) error {
	a, err := p.account(r)
	if err != nil {
		return err
	}
	err = p.s.Store.Update(r.Context(), func(tx *store.ServiceTx) error { return one1(tx.Exec1(q, append([]any{a.ID}, args...)...)) })
	if err != nil {
		return err
	}
	return back(w, r, a)
}

// confirm states that the key here is the one that the device shows.
func (p *part) confirm(w http.ResponseWriter, r *http.Request) error {
	a, err := p.account(r)
	if err != nil {
		return err
	}
	if err := form(r); err != nil {
		return err
	}
	if r.PostFormValue("fingerprint") != hex.EncodeToString(a.Thumb) { // the page was of another key
		return wrongState
	}
	return p.change(w, r, sqlConfirm)
}

// deny throws a device's request away: the key was another one.
func (p *part) deny(w http.ResponseWriter, r *http.Request) error { return p.change(w, r, sqlDeny) }

// stop ends a device on this service at once, and where asked makes an account for another one in its place.
func (p *part) stop(w http.ResponseWriter, r *http.Request) error {
	a, err := p.account(r)
	if err != nil {
		return err
	}
	if err := form(r); err != nil {
		return err
	}
	why := strings.TrimSpace(r.PostFormValue("why"))
	if !plain(why, 1, maxPlace) {
		return badForm
	}
	at, next := p.s.Now(), *a
	err = p.s.Store.Update(r.Context(), func(tx *store.ServiceTx) error {
		if err := one1(tx.Exec1(sqlStop, a.ID, at.Unix(), why)); err != nil {
			return err
		}
		if _, err := tx.Exec(sqlDropCodes, a.ID); err != nil {
			return err
		}
		if r.PostFormValue("replace") == "" {
			return nil
		}
		if !a.Until.After(at) {
			return badForm.Because(errors.New("checkpoints: the term is over"))
		}
		next.Replaces = a.ID
		if next.ID, err = insertAccount(tx, next, maker(r), at); err != nil {
			return err
		}
		return p.copyGuards(tx, a.ID, next.ID, at)
	})
	if err != nil {
		return err
	}
	p.stale("")
	return back(w, r, &next)
}

// stale has the packs of a body, or of all, held against what they should be when a device asks next.
func (p *part) stale(body string) {
	p.packing.Lock()
	defer p.packing.Unlock()
	if body == "" {
		clear(p.soon)
		return
	}
	delete(p.soon, body)
}

// guard is somebody who may stand guard at a checkpoint.
type guard struct {
	ID      int64
	Name    string
	Account int64
}

func (p *part) guardMark(checkpoint int64, name string) ([32]byte, error) {
	return p.s.Store.MAC("checkpoint guard", fmt.Appendf(nil, "%d\x00%s", checkpoint, name))
}

func (p *part) guards(tx *store.ServiceTx, checkpoint int64) (list []guard, err error) {
	err = tx.Rows(sqlGuards, []any{checkpoint}, func(scan func(...any) error) error {
		var g guard
		var mark, name []byte
		if err := scan(&g.ID, &mark, &name, &g.Account); err != nil {
			return err
		}
		plain, err := tx.Open("checkpoint_guards.name", hex.EncodeToString(mark), name)
		g.Name = string(plain)
		list = append(list, g)
		return err
	})
	slices.SortFunc(list, func(a, b guard) int { return strings.Compare(a.Name, b.Name) })
	return list, err
}

func (p *part) insertGuard(tx *store.ServiceTx, checkpoint int64, name string, account int64, at time.Time) error {
	var n int
	if err := tx.Row(sqlGuardCount, []any{checkpoint}, &n); err != nil {
		return err
	}
	if n >= maxGuards {
		return tooMany
	}
	mark, err := p.guardMark(checkpoint, name)
	if err != nil {
		return err
	}
	sealed, err := tx.Seal("checkpoint_guards.name", hex.EncodeToString(mark[:]), []byte(name))
	if err != nil {
		return err
	}
	_, err = tx.Insert(sqlAddGuard, checkpoint, mark[:], sealed, account, at.Unix())
	if errors.Is(err, store.ErrConflict) {
		return guardTaken.Because(err)
	}
	return err
}

// copyGuards gives the account of a new device the guards of the old one.
func (p *part) copyGuards(tx *store.ServiceTx, from, to int64, at time.Time) error {
	list, err := p.guards(tx, from)
	if err != nil {
		return err
	}
	for _, g := range list {
		if err := p.insertGuard(tx, to, g.Name, g.Account, at); err != nil {
			return err
		}
	}
	return nil
}

func (p *part) addGuard(w http.ResponseWriter, r *http.Request) error {
	a, err := p.account(r)
	if err != nil {
		return err
	}
	if err := form(r); err != nil {
		return err
	}
	name := strings.Join(strings.Fields(r.PostFormValue("guard")), " ")
	if !plain(name, 1, trust.MaxGuardName) || utf8.RuneCountInString(name) > maxGuardLetters || a.State == stateStopped {
		return badForm
	}
	account := int64(0)
	if text := r.PostFormValue("account"); text != "" && text != "0" {
		if account, err = strconv.ParseInt(text, 10, 64); err != nil {
			return badForm
		}
	}
	err = p.s.Store.Update(r.Context(), func(tx *store.ServiceTx) error {
		if account != 0 {
			info, err := service.ReadAccount(tx, account)
			if err != nil {
				return err
			}
			if !slices.ContainsFunc(info.Grants, func(g service.Grant) bool { return g.Role == service.CheckpointOperator && g.Body == a.Body }) {
				return badForm.Because(errors.New("checkpoints: the account has no role of a checkpoint operator"))
			}
		}
		return p.insertGuard(tx, a.ID, name, account, p.s.Now())
	})
	if err != nil {
		return err
	}
	return back(w, r, a)
}

func (p *part) endGuard(w http.ResponseWriter, r *http.Request) error {
	a, err := p.account(r)
	if err != nil {
		return err
	}
	id, err := strconv.ParseInt(r.PathValue("guard"), 10, 64)
	if err != nil {
		return unknownCheckpoint
	}
	err = p.s.Store.Update(r.Context(), func(tx *store.ServiceTx) error { return one1(tx.Exec1(sqlEndGuard, id, a.ID, p.s.Now().Unix())) })
	if err != nil {
		return err
	}
	return back(w, r, a)
}

// policy signs the next policy of a checkpoint.
func (p *part) policy(w http.ResponseWriter, r *http.Request) error {
	a, err := p.account(r)
	if err != nil {
		return err
	}
	if err := form(r); err != nil {
		return err
	}
	body, err := p.s.Body(a.Body)
	if err != nil {
		return err
	}
	if a.State != stateAdmitted {
		return wrongState
	}
	at := p.s.Now()
	q, err := p.policyForm(r, a, at)
	if err != nil {
		return err
	}
	err = p.s.Store.Update(r.Context(), func(tx *store.ServiceTx) error {
		if r.PostFormValue("named") != "" {
			list, err := p.guards(tx, a.ID)
			if err != nil {
				return err
			}
			if len(list) == 0 {
				return badPolicy.Because(errors.New("checkpoints: no guard is named"))
			}
			for _, g := range list {
				q.Guards = append(q.Guards, g.Name)
			}
		}
		var last uint64
		var old []byte
		if err := tx.Row(sqlNewestPolicy, []any{a.ID}, &last, &old); err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		q.Number = nextNumber(last, at)
		signed, err := body.Body.SignPolicy(r.Context(), q, "account "+strconv.FormatInt(maker(r), 10), at)
		switch {
		case errors.Is(err, issuer.ErrNoSigner):
			return noSigner.Because(err)
		case errors.Is(err, trust.ErrArgument):
			return badPolicy.Because(err)
		case err != nil:
			return err
		}
		_, err = tx.Exec(sqlKeepPolicy, a.ID, q.Number, signed, at.Unix(), maker(r))
		return err
	})
	if err != nil {
		return err
	}
	return back(w, r, a)
}

// nextNumber is a number that grows also when the service's database was restored from yesterday's copy: the day and two digits.
func nextNumber(last uint64, at time.Time) uint64 {
	day, _ := strconv.ParseUint(at.UTC().Format("20060102"), 10, 64) // digits always parse
	return max(last+1, day*100+1)
}

// policyForm reads what a policy asks for.
func (p *part) policyForm(r *http.Request, a *account, at time.Time) (q trust.CheckpointPolicy, err error) {
	q = trust.CheckpointPolicy{Verifier: a.Verifier, Photo: r.PostFormValue("photo") != "", ValidUntil: dayEnd(r.PostFormValue("until"))}
	level, err := strconv.ParseUint(r.PostFormValue("level"), 10, 8)
	if err != nil || level > 4 {
		return q, badPolicy
	}
	q.MinLevel = uint8(level)
	if q.StatusAge, err = hours(r.PostFormValue("status")); err != nil {
		return q, err
	}
	if q.BeaconAge, err = hours(r.PostFormValue("beacon")); err != nil {
		return q, err
	}
	if q.ValidUntil.IsZero() || !q.ValidUntil.After(at) {
		return q, badPolicy
	}
	if text := r.PostFormValue("journal"); text != "" && text != "0" {
		if q.JournalTo, err = strconv.ParseUint(text, 10, 63); err != nil {
			return q, badPolicy
		}
		b, _, err := p.s.Trust.Bundle()
		if err != nil {
			return q, service.BundleMissing.Because(err)
		}
		v, ok, err := b.Verifier(q.JournalTo)
		if err != nil {
			return q, err
		}
		if !ok || v.Body != a.Body || v.ID == a.Verifier || !at.Before(v.ValidUntil) {
			return q, badPolicy.Because(errors.New("checkpoints: journals go to another valid verifier of the body"))
		}
		q.JournalClear = r.PostFormValue("clear") != ""
	}
	return q, nil
}

// oneData is the data of checkpoint.html.
type oneData struct {
	Account                                              *account
	Fingerprint                                          string
	Thumb                                                string
	Change                                               bool
	Policy                                               *trust.CheckpointPolicy
	PolicyOld                                            bool
	Class                                                trust.ClassPolicy
	StatusHours, BeaconHours, PolicyStatus, PolicyBeacon int
	PolicyUntil                                          string // that the form suggests
	Guards                                               []guard
	Operators                                            []service.AccountInfo // accounts that may be a guard's
	Centres                                              []trust.VerifierEntry // who journals may be sealed to
	Shifts                                               []shiftRow
	Totals                                               []totalRow
	Journals                                             []journalRow
	Portraits                                            []portraitRow
	Here                                                 bool // the trust operator is on this host
}

// shiftRow is a shift with its counts.
type shiftRow struct {
	Name, Guard, Source    string
	Began, Ended           time.Time
	Accept, Refuse, Cannot int
	Matched, Plastic       int // compared by the guard: with the device's picture, with the plastic
	id                     int64
}

// totalRow is how often one code decided.
type totalRow struct {
	Verdict, Code, Cause string
	N                    int
}

type journalRow struct {
	First, Last uint64
	Events      int
	SHA256      string
	Received    time.Time
	Bytes       int
}

type portraitRow struct {
	Day            string
	Given, Refused int
}

func (p *part) onePage(w http.ResponseWriter, r *http.Request) error {
	a, err := p.account(r)
	if err != nil {
		return err
	}
	ctx, at := r.Context(), p.s.Now()
	d := oneData{Account: a, Change: service.PrincipalOf(ctx).Has(service.BodyAdmin, a.Body), PolicyUntil: locale.Kyiv(at.AddDate(0, 3, 0)).Format(time.DateOnly)}
	if len(a.Thumb) == 32 {
		d.Fingerprint, d.Thumb = Fingerprint([32]byte(a.Thumb)), hex.EncodeToString(a.Thumb)
	}
	if _, err := p.s.Trust.Register(); err == nil {
		d.Here = true
	}
	if err := p.fillBundle(&d, a, at); err != nil {
		return err
	}
	err = p.s.Store.View(ctx, func(tx *store.ServiceTx) error {
		var number uint64
		var signed []byte
		switch err := tx.Row(sqlNewestPolicy, []any{a.ID}, &number, &signed); {
		case err == nil:
			u, err := trust.ParseCheckpointPolicy(signed)
			if err != nil {
				return err
			}
			q := u.Unverified()
			d.Policy, d.PolicyOld = &q, !at.Before(q.ValidUntil)
			d.PolicyStatus, d.PolicyBeacon = int(q.StatusAge/time.Hour), int(q.BeaconAge/time.Hour)
		case !errors.Is(err, store.ErrNotFound):
			return err
		}
		if d.Guards, err = p.guards(tx, a.ID); err != nil {
			return err
		}
		if d.Change {
			accounts, err := service.ListAccounts(tx, a.Body)
			if err != nil {
				return err
			}
			for _, info := range accounts {
				if slices.ContainsFunc(info.Grants, func(g service.Grant) bool { return g.Role == service.CheckpointOperator && g.Body == a.Body }) {
					d.Operators = append(d.Operators, info)
				}
			}
		}
		return p.fillReport(tx, &d, a, p.s.Lang(r), at)
	})
	if err != nil {
		return err
	}
	return p.s.Render(w, r, http.StatusOK, "checkpoint.html", d)
}

// fillBundle fills in what the bundle says: what the class asks for, and who may open journals.
func (p *part) fillBundle(d *oneData, a *account, at time.Time) error {
	b, _, err := p.s.Trust.Bundle()
	if err != nil {
		d.Class = trust.Policy{}.For(a.Class)
		d.BeaconHours = int(trust.Policy{}.MaxBeaconAge() / time.Hour)
	} else {
		class := a.Class
		all, err := b.Verifiers()
		if err != nil {
			return err
		}
		for _, v := range all {
			if v.ID == a.Verifier && a.Verifier != 0 {
				class = v.Policy
			} else if v.Body == a.Body && at.Before(v.ValidUntil) {
				d.Centres = append(d.Centres, v)
			}
		}
		d.Class, d.BeaconHours = b.Policy().For(class), int(b.Policy().MaxBeaconAge()/time.Hour)
		slices.SortFunc(d.Centres, func(x, y trust.VerifierEntry) int { return int(int64(x.ID) - int64(y.ID)) })
	}
	d.StatusHours = int(d.Class.StatusAge / time.Hour)
	return nil
}

// reportDays is how far back the page of a checkpoint looks.
const reportDays = 31

// fillReport fills in shifts, totals, journals and portraits of the last month. Nothing in it is about who was checked.
func (p *part) fillReport(tx *store.ServiceTx, d *oneData, a *account, lang string, at time.Time) error {
	since := at.AddDate(0, 0, -reportDays)
	place := map[int64]int{}
	err := tx.Rows(sqlShifts, []any{a.ID, since.Unix()}, func(scan func(...any) error) error {
		var s shiftRow
		var mark, sealed []byte
		var began, ended int64
		if err := scan(&s.id, &s.Source, &mark, &sealed, &s.Name, &began, &ended); err != nil {
			return err
		}
		name, err := tx.Open("checkpoint_shifts.guard", hex.EncodeToString(mark), sealed)
		if err != nil {
			return err
		}
		s.Guard, s.Began, s.Ended = string(name), when(began), when(ended)
		place[s.id] = len(d.Shifts)
		d.Shifts = append(d.Shifts, s)
		return nil
	})
	if err != nil {
		return err
	}
	totals := map[[2]string]int{}
	err = tx.Rows(sqlShiftCounts, []any{a.ID, since.Unix()}, func(scan func(...any) error) error {
		var id int64
		var verdict, code, photo string
		var n int
		if err := scan(&id, &verdict, &code, &photo, &n); err != nil {
			return err
		}
		totals[[2]string{verdict, code}] += n
		if i, ok := place[id]; ok {
			d.Shifts[i].add(verdict, photo, n)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for key, n := range totals {
		_, cause, _ := locale.Text(lang, key[1], locale.Args{})
		d.Totals = append(d.Totals, totalRow{locale.Word(lang, key[0]), key[1], cause, n})
	}
	slices.SortFunc(d.Totals, func(x, y totalRow) int {
		if x.N != y.N {
			return y.N - x.N
		}
		return strings.Compare(x.Code, y.Code)
	})
	err = tx.Rows(sqlJournals, []any{a.ID}, func(scan func(...any) error) error {
		var j journalRow
		var sum []byte
		var received int64
		err := scan(&j.First, &j.Last, &j.Events, &sum, &received, &j.Bytes)
		j.SHA256, j.Received = hex.EncodeToString(sum), when(received)
		d.Journals = append(d.Journals, j)
		return err
	})
	if err != nil || a.Verifier == 0 {
		return err
	}
	return tx.Rows(sqlPortraitDays, []any{a.Body, a.Verifier, since.Unix() / 86400}, func(scan func(...any) error) error {
		var x portraitRow
		var day int64
		err := scan(&day, &x.Given, &x.Refused)
		x.Day = time.Unix(day*86400, 0).UTC().Format("02.01.2006")
		d.Portraits = append(d.Portraits, x)
		return err
	})
}

// add counts verdicts of one kind.
func (s *shiftRow) add(verdict, photo string, n int) {
	switch verdict {
	case "accept":
		s.Accept += n
	case "refuse":
		s.Refuse += n
	default:
		s.Cannot += n
	}
	switch photo {
	case "matched":
		s.Matched += n
	case "plastic":
		s.Plastic += n
	}
}

// file sends bytes to be saved under a name.
func file(w http.ResponseWriter, name, kind string, data []byte) error {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
	w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	_, err := w.Write(data)
	return err
}

// policyFile gives the newest policy, to be carried to a device by hand.
func (p *part) policyFile(w http.ResponseWriter, r *http.Request) error {
	a, err := p.account(r)
	if err != nil {
		return err
	}
	var number uint64
	var signed []byte
	err = p.s.Store.View(r.Context(), func(tx *store.ServiceTx) error { return tx.Row(sqlNewestPolicy, []any{a.ID}, &number, &signed) })
	if errors.Is(err, store.ErrNotFound) {
		return unknownCheckpoint.Because(err)
	}
	if err != nil {
		return err
	}
	return file(w, fmt.Sprintf("policy-%d-%d.sidp", a.Verifier, number), "application/vnd.posvid.checkpoint-policy+cose", signed)
}

// requestFile gives the device's request, to be carried to the trust operator.
func (p *part) requestFile(w http.ResponseWriter, r *http.Request) error {
	a, err := p.account(r)
	if err != nil {
		return err
	}
	if a.State != stateConfirmed && a.State != stateAdmitted {
		return wrongState
	}
	return file(w, fmt.Sprintf("checkpoint-%d.request", a.ID), "application/vnd.posvid.verifier-request+cose", a.Request)
}

// journalFile gives an uploaded journal as it came.
func (p *part) journalFile(w http.ResponseWriter, r *http.Request) error {
	a, err := p.account(r)
	if err != nil {
		return err
	}
	first, err := strconv.ParseUint(r.PathValue("first"), 10, 63)
	if err != nil {
		return unknownCheckpoint
	}
	var data []byte
	err = p.s.Store.View(r.Context(), func(tx *store.ServiceTx) error { return tx.Row(sqlJournalData, []any{a.ID, first}, &data) })
	if errors.Is(err, store.ErrNotFound) {
		return unknownCheckpoint.Because(err)
	}
	if err != nil {
		return err
	}
	return file(w, fmt.Sprintf("journal-%d-%d.sidj", a.Verifier, first), "application/vnd.posvid.journal+cose", data)
}

// photosData is the data of checkpoint-photos.html.
type photosData struct {
	Rows   []photosRow
	Packs  []pack
	Change bool
}

type photosRow struct {
	Verifier trust.VerifierEntry
	Own      bool // of this body
	Gives    string
	Chosen   bool // by a person
}

func (p *part) photosPage(w http.ResponseWriter, r *http.Request) error {
	ctx, body, at := r.Context(), r.PathValue("edrpou"), p.s.Now()
	if _, err := p.s.Body(body); err != nil {
		return err
	}
	b, _, err := p.s.Trust.Bundle()
	if err != nil {
		return service.BundleMissing.Because(err)
	}
	all, err := b.Verifiers()
	if err != nil {
		return err
	}
	d := photosData{Change: service.PrincipalOf(ctx).Has(service.BodyAdmin, body)}
	var chosen map[uint64]string
	err = p.s.Store.View(ctx, func(tx *store.ServiceTx) (err error) {
		if chosen, err = choices(tx, body); err != nil {
			return err
		}
		d.Packs, err = packs(tx, body)
		return err
	})
	if err != nil {
		return err
	}
	for _, v := range all {
		if !at.Before(v.ValidUntil) {
			continue
		}
		_, by := chosen[v.ID]
		d.Rows = append(d.Rows, photosRow{v, v.Body == body, givesTo(body, v, chosen), by})
	}
	slices.SortFunc(d.Rows, func(x, y photosRow) int {
		if x.Own != y.Own {
			if x.Own {
				return -1
			}
			return 1
		}
		return int(int64(x.Verifier.ID) - int64(y.Verifier.ID))
	})
	return p.s.Render(w, r, http.StatusOK, "checkpoint-photos.html", d)
}

// choosePhotos keeps what a person decided about one verifier.
func (p *part) choosePhotos(w http.ResponseWriter, r *http.Request) error {
	ctx, body, at := r.Context(), r.PathValue("edrpou"), p.s.Now()
	if _, err := p.s.Body(body); err != nil {
		return err
	}
	if err := form(r); err != nil {
		return err
	}
	gives := r.PostFormValue("gives")
	id, err := strconv.ParseUint(r.PostFormValue("verifier"), 10, 63)
	if err != nil || !slices.Contains([]string{givesNone, givesPack, givesOnline}, gives) {
		return badForm
	}
	b, _, err := p.s.Trust.Bundle()
	if err != nil {
		return service.BundleMissing.Because(err)
	}
	if _, ok, err := b.Verifier(id); err != nil || !ok {
		return badForm.Because(err)
	}
	err = p.s.Store.Update(ctx, func(tx *store.ServiceTx) error {
		_, err := tx.Exec(sqlChoose, body, id, gives, maker(r), at.Unix())
		return err
	})
	if err != nil {
		return err
	}
	p.stale(body)
	http.Redirect(w, r, "/b/"+body+"/checkpoints/photos", http.StatusSeeOther)
	return nil
}

// shiftData is the data of checkpoint-shift.html.
type shiftData struct {
	Posts []postRow
}

// postRow is a checkpoint at which the caller may stand guard.
type postRow struct {
	ID          int64
	Name, Place string
	Guard       string
	Since       time.Time // of the shift that runs; zero: none
}

func (p *part) posts(tx *store.ServiceTx, account int64, body string) (list []postRow, err error) {
	err = tx.Rows(sqlGuardOf, []any{account, body}, func(scan func(...any) error) error {
		var x postRow
		var id int64
		var mark, sealed []byte
		if err := scan(&id, &mark, &sealed, &x.ID, &x.Name, &x.Place); err != nil {
			return err
		}
		name, err := tx.Open("checkpoint_guards.name", hex.EncodeToString(mark), sealed)
		x.Guard = string(name)
		list = append(list, x)
		return err
	})
	if err != nil {
		return nil, err
	}
	for i := range list {
		var id, began int64
		switch err := tx.Row(sqlOpenShift, []any{list[i].ID, account}, &id, &began); {
		case err == nil:
			list[i].Since = when(began)
		case !errors.Is(err, store.ErrNotFound):
			return nil, err
		}
	}
	return list, nil
}

func (p *part) shiftPage(w http.ResponseWriter, r *http.Request) error {
	body := r.PathValue("edrpou")
	if _, err := p.s.Body(body); err != nil {
		return err
	}
	var d shiftData
	err := p.s.Store.View(r.Context(), func(tx *store.ServiceTx) (err error) {
		d.Posts, err = p.posts(tx, maker(r), body)
		return err
	})
	if err != nil {
		return err
	}
	return p.s.Render(w, r, http.StatusOK, "checkpoint-shift.html", d)
}

// changeShift begins or ends the caller's shift. A guard stands at one checkpoint at a time.
func (p *part) changeShift(w http.ResponseWriter, r *http.Request) error {
	if err := form(r); err != nil {
		return err
	}
	body, at, account := r.PathValue("edrpou"), p.s.Now(), maker(r)
	id, err := strconv.ParseInt(r.PostFormValue("checkpoint"), 10, 64)
	if err != nil {
		return badForm
	}
	err = p.s.Store.Update(r.Context(), func(tx *store.ServiceTx) error {
		posts, err := p.posts(tx, account, body)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(posts, func(x postRow) bool { return x.ID == id })
		if i < 0 {
			return unknownCheckpoint
		}
		if _, err := tx.Exec(sqlEndOpenShifts, account, at.Unix()); err != nil {
			return err
		}
		switch r.PostFormValue("do") {
		case "end":
			return nil
		case "begin":
			if !posts[i].Since.IsZero() {
				return wrongState
			}
			return p.beginShift(tx, posts[i], account, at)
		}
		return badForm
	})
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/b/"+body+"/shift", http.StatusSeeOther)
	return nil
}

func (p *part) beginShift(tx *store.ServiceTx, x postRow, account int64, at time.Time) error {
	mark, err := p.s.Store.MAC("checkpoint shift by account", fmt.Appendf(nil, "%d\x00%d\x00%d", x.ID, account, at.UnixNano()))
	if err != nil {
		return err
	}
	sealed, err := tx.Seal("checkpoint_shifts.guard", hex.EncodeToString(mark[:]), []byte(x.Guard))
	if err != nil {
		return err
	}
	_, err = tx.Insert(sqlMakeShift, x.ID, "page", mark[:], sealed, account, locale.Kyiv(at).Format("2006-01-02 15:04"), at.Unix(), 0)
	return err
}

// operatorData is the data of checkpoint-operator.html.
type operatorData struct {
	Rows []operatorRow
	Here bool
}

type operatorRow struct {
	*account
	BodyName    string
	Fingerprint string
}

// operatorPage lists the devices that bodies have confirmed and that wait to be admitted, and those that were stopped and wait to be
// ended. The trust operator sees all bodies' on this host.
func (p *part) operatorPage(w http.ResponseWriter, r *http.Request) error {
	var d operatorData
	if _, err := p.s.Trust.Register(); err == nil {
		d.Here = true
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var list []*account
	err := p.s.Store.View(r.Context(), func(tx *store.ServiceTx) (err error) {
		list, err = manyAccounts(tx, sqlForOperator)
		return err
	})
	if err != nil {
		return err
	}
	if err := p.settle(r.Context(), list); err != nil {
		return err
	}
	for _, a := range list {
		if a.State == stateAdmitted {
			continue
		}
		row := operatorRow{account: a}
		if b, err := p.s.Body(a.Body); err == nil {
			row.BodyName = b.Name
		}
		if len(a.Thumb) == 32 {
			row.Fingerprint = Fingerprint([32]byte(a.Thumb))
		}
		d.Rows = append(d.Rows, row)
	}
	return p.s.Render(w, r, http.StatusOK, "checkpoint-operator.html", d)
}

// anyAccount finds the account of the path, whosever it is, for the trust operator.
func (p *part) anyAccount(ctx context.Context, r *http.Request) (a *account, err error) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return nil, unknownCheckpoint
	}
	err = p.s.Store.View(ctx, func(tx *store.ServiceTx) error {
		a, err = oneAccount(tx, sqlAnyAccount, id)
		return err
	})
	return a, err
}

// admit gives a confirmed device its number. The next bundle has it.
func (p *part) admit(w http.ResponseWriter, r *http.Request) error {
	ctx, at := r.Context(), p.s.Now()
	a, err := p.anyAccount(ctx, r)
	if err != nil {
		return err
	}
	if a.State != stateConfirmed || !a.Until.After(at) {
		return wrongState
	}
	id, err := p.s.Trust.Admit(a.Request, trust.VerifierGrant{Class: a.Class, ValidUntil: a.Until}, at)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return notHere.Because(err)
	case errors.Is(err, trust.ErrConflict):
		// Admitted by an earlier try whose answer was lost, or by the command: the register tells the number.
		if id = p.admittedAs(a); id == 0 {
			return admitRefused.Because(err)
		}
	case errors.Is(err, trust.ErrRequest):
		return admitRefused.Because(err)
	case err != nil:
		return err
	}
	err = p.s.Store.Update(ctx, func(tx *store.ServiceTx) error { return one1(tx.Exec1(sqlAdmit, a.ID, id)) })
	if err != nil {
		return err
	}
	p.s.PublishSoon()
	http.Redirect(w, r, "/operator/checkpoints", http.StatusSeeOther)
	return nil
}

// admittedAs is the number under which the trust operator's register has the key of an account; 0 when it has not.
func (p *part) admittedAs(a *account) uint64 {
	register, err := p.s.Trust.Register()
	if err != nil {
		return 0
	}
	for _, v := range register.Verifiers() {
		if thumb := v.SigningKey.Thumbprint(); bytes.Equal(thumb[:], a.Thumb) && v.Body == a.Body {
			return v.ID
		}
	}
	return 0
}

// ender ends a verifier in the trust operator's register.
type ender interface {
	EndVerifier(id uint64, at time.Time) error
}

// end takes a stopped device out of every later bundle.
func (p *part) end(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	a, err := p.anyAccount(ctx, r)
	if err != nil {
		return err
	}
	if a.State != stateStopped || a.Verifier == 0 || a.Ended {
		return wrongState
	}
	t, ok := p.s.Trust.(ender)
	if !ok {
		return notHere
	}
	switch err := t.EndVerifier(a.Verifier, p.s.Now()); {
	case errors.Is(err, fs.ErrNotExist):
		return notHere.Because(err)
	case err != nil && !errors.Is(err, trust.ErrNotAdmitted): // ended already is ended
		return err
	}
	p.s.PublishSoon() // the register has it: whatever comes now, the next bundle is without the device
	if err := p.s.Store.Update(ctx, func(tx *store.ServiceTx) error { return one1(tx.Exec1(sqlEnded, a.ID)) }); err != nil {
		return err
	}
	http.Redirect(w, r, "/operator/checkpoints", http.StatusSeeOther)
	return nil
}
