package issuer

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	"github.com/posvid/posvid/hr"
)

// OnlineReason is the deciding code of an answer. The zero value is no answer and counts as refused.
type OnlineReason string

// Answers. A verifier gets each of them; everybody else gets OnlineOK or OnlineNotConfirmed.
const (
	OnlineOK        OnlineReason = "ok"
	OnlineUnknown   OnlineReason = "online-unknown"    // no code like this
	OnlineUsed      OnlineReason = "online-used"       // used before
	OnlineExpired   OnlineReason = "online-expired"    // too old, or the holder has made a newer one
	OnlineWrongType OnlineReason = "online-wrong-type" // a link to another kind of document
	OnlineLimited   OnlineReason = "online-limited"    // too many wrong digits

	OnlineSuspended OnlineReason = "online-suspended"  // the ID is suspended
	OnlineRevoked   OnlineReason = "online-revoked"    // the ID is revoked
	OnlineIDExpired OnlineReason = "online-id-expired" // its term has passed
	OnlineEnded     OnlineReason = "online-ended"      // replaced, or the right to it ended

	// OnlineNotValid stands for the four above when only yes or no was asked.
	OnlineNotValid OnlineReason = "online-not-valid"
	// OnlineNotConfirmed is the one negative answer to everybody who is no verifier.
	OnlineNotConfirmed OnlineReason = "online-not-confirmed"
)

// onlineReasons: number is what the store keeps of the answers that are about the person.
var onlineReasons = map[OnlineReason]struct {
	number  uint8
	verdict string
	uk, en  string
}{
	OnlineOK:           {1, "accept", "посвідчення чинне", "the service ID is valid"},
	OnlineUnknown:      {0, "cannot-confirm", "такого коду немає; попросіть показати новий", "there is no such code; ask for a new one"},
	OnlineUsed:         {0, "cannot-confirm", "код уже використано; попросіть показати новий", "the code has been used; ask for a new one"},
	OnlineExpired:      {0, "cannot-confirm", "час дії коду минув; попросіть показати новий", "the code has expired; ask for a new one"},
	OnlineWrongType:    {0, "cannot-confirm", "код не від службового посвідчення", "the code is not of a service ID"},
	OnlineLimited:      {0, "cannot-confirm", "забагато хибних цифр; зчитайте QR-код або зачекайте 15 хвилин", "too many wrong digits; read the QR code or wait 15 minutes"},
	OnlineSuspended:    {2, "refuse", "посвідчення зупинено", "the service ID is suspended"},
	OnlineRevoked:      {3, "refuse", "посвідчення анульовано", "the service ID is revoked"},
	OnlineIDExpired:    {4, "refuse", "строк дії посвідчення минув", "the service ID has expired"},
	OnlineEnded:        {5, "refuse", "посвідчення замінено або право на нього припинено", "the service ID was replaced, or the right to it ended"},
	OnlineNotValid:     {0, "refuse", "орган не підтверджує посвідчення", "the body does not vouch for the service ID"},
	OnlineNotConfirmed: {0, "cannot-confirm", "не підтверджено; попросіть показати новий код", "not confirmed; ask for a new code"},
}

// Verdict is accept, refuse or cannot-confirm; refuse for what is no answer.
func (r OnlineReason) Verdict() string {
	if v, ok := onlineReasons[r]; ok {
		return v.verdict
	}
	return "refuse"
}

// Text is the answer in words: lang "en" English, any other Ukrainian; "" for what is no answer.
func (r OnlineReason) Text(lang string) string {
	if lang == "en" {
		return onlineReasons[r].en
	}
	return onlineReasons[r].uk
}

func reasonOfNumber(n uint8) OnlineReason {
	for r, v := range onlineReasons {
		if n != 0 && v.number == n {
			return r
		}
	}
	return ""
}

// OnlineHolder is what a verifier may see of a person, as the register has it at the moment of the check. No verb or logger
// of the standard library shows it.
type OnlineHolder struct {
	Number     string
	Name       string // full name
	Position   string
	PositionEN string // may be empty
	Unit       string // may be empty
	UnitEN     string // may be empty
	Category   string // "А", "Б", "В" or empty
	Rank       uint8  // 1–9, 0 = none
	PhotoHash  [20]byte
	EDRPOU     string // of the issuing body
	Body       string // its name
	State      State
	ValidUntil time.Time // end of the term of the entitlement; zero: open-ended
}

// String shows nothing of the person.
func (h OnlineHolder) String() string { return "holder [redacted]" }

// GoString is String.
func (h OnlineHolder) GoString() string { return h.String() }

// Format is String for every verb.
func (h OnlineHolder) Format(f fmt.State, _ rune) { f.Write([]byte(h.String())) }

// LogValue is String for slog.
func (h OnlineHolder) LogValue() slog.Value { return slog.StringValue(h.String()) }

// OnlineAnswer is the answer to one check. The zero value is a refusal.
type OnlineAnswer struct {
	Reason OnlineReason
	AsOf   time.Time     // when the register was read
	Holder *OnlineHolder // only for a valid ID, a verifier and OnlineFull
	Check  int64         // number of the check in the holder's list, for verifiers; 0 when no code was used
}

// Valid tells whether the body vouches for the ID.
func (a *OnlineAnswer) Valid() bool { return a.Reason == OnlineOK }

// Check uses a code for one check. The code is used up whatever is then said of the ID; of all who bring the same code, at
// the same time, to one process or several, exactly one is answered from the register. The ID and the right to it are read in
// the transaction that uses the code. Who is no verifier (by.ID is "") may ask OnlineValidate only and gets OnlineOK or
// OnlineNotConfirmed.
//
// Errors: ErrOnlineVerifier, before anything is looked up. Any other error means that nothing may be said; the code may be
// used then.
func (o *Online) Check(ctx context.Context, ref OnlineRef, by OnlineVerifier, mode OnlineMode, at time.Time) (OnlineAnswer, error) {
	if err := checkAsk(&by, mode, at); err != nil {
		return OnlineAnswer{}, err
	}
	if ref.means != OnlineByLink && ref.means != OnlineByDigits {
		return OnlineAnswer{}, fmt.Errorf("%w: want a parsed code, got none", ErrOnlineText)
	}
	q, err := o.question(ref, by, mode, at.Truncate(time.Second))
	if err != nil {
		return OnlineAnswer{}, err
	}
	if ref.means == OnlineByDigits && by.ID == "" && !o.cfg.PublicDigits {
		return q.answer(OnlineUnknown), nil
	}
	// What is bound to fail is told from a snapshot: who sends nonsense takes no turn from those who write.
	var a OnlineAnswer
	var open, count bool
	err = o.store.View(ctx, func(tx Tx) error {
		_, why, err := q.look(tx)
		open, count, a = why == OnlineOK, q.counts(why), q.answer(why)
		return err
	})
	if err != nil {
		return OnlineAnswer{}, err
	}
	if !open && !count {
		return a, nil
	}
	err = o.store.Update(ctx, func(tx Tx) error {
		row, why, err := q.look(tx)
		if err != nil {
			return err
		}
		if why == OnlineOK {
			a, err = q.use(tx, &row)
			return err
		}
		a = q.answer(why)
		if !q.counts(why) {
			return nil
		}
		if err := tx.AddOnlineTry(q.own, q.at, OnlineWindow); err != nil {
			return err
		}
		return tx.AddOnlineTry(q.all, q.at, OnlineWindow)
	})
	if err != nil {
		return OnlineAnswer{}, err
	}
	return a, nil
}

// checkAsk refuses a question that may not be asked at all.
func checkAsk(by *OnlineVerifier, mode OnlineMode, at time.Time) error {
	if err := by.check(); err != nil {
		return err
	}
	switch {
	case mode != OnlineValidate && mode != OnlineFull:
		return fmt.Errorf("%w: mode %d, want %d or %d", ErrOnlineVerifier, mode, OnlineValidate, OnlineFull)
	case mode == OnlineFull && by.ID == "":
		return fmt.Errorf("%w: only a verifier is told who the person is", ErrOnlineVerifier)
	case at.Unix() <= 0:
		return fmt.Errorf("issuer: online check at %s, want a time after 1970", at.UTC().Format(time.RFC3339))
	}
	return nil
}

// onlineQuestion is one check with everything that is known before the store is asked.
type onlineQuestion struct {
	ref      OnlineRef
	by       OnlineVerifier
	mode     OnlineMode
	at       time.Time
	mac      [32]byte
	document [16]byte // that belongs to the code of a link
	own, all [32]byte // whose wrong digits are counted
	ownMax   int
	allMax   int
}

func (o *Online) question(ref OnlineRef, by OnlineVerifier, mode OnlineMode, at time.Time) (*onlineQuestion, error) {
	q := &onlineQuestion{ref: ref, by: by, mode: mode, at: at, ownMax: OnlineVerifierTries, allMax: OnlineAllVerifierTries}
	q.by.Source = ""
	var err error
	if ref.means == OnlineByLink {
		if q.document, err = o.document(ref.code); err != nil {
			return nil, err
		}
		q.mac, err = o.mac(macOnlineLink, ref.code[:])
		return q, err
	}
	own, all := "v"+by.ID, "V"
	if by.ID == "" {
		own, all, q.ownMax, q.allMax = "s"+by.Source, "S", OnlineSourceTries, OnlineAllSourceTries
	}
	if q.own, err = o.mac(macOnlineTries, []byte(own)); err != nil {
		return nil, err
	}
	if q.all, err = o.mac(macOnlineTries, []byte(all)); err != nil {
		return nil, err
	}
	q.mac, err = o.mac(macOnlineDigits, []byte(ref.digits))
	return q, err
}

// look reads the code and says whether it may be used now. It writes nothing.
func (q *onlineQuestion) look(tx Tx) (OnlineCodeRow, OnlineReason, error) {
	limited, err := q.limited(tx)
	switch {
	case err != nil:
		return OnlineCodeRow{}, "", err
	case limited:
		return OnlineCodeRow{}, OnlineLimited, nil
	}
	row, err := tx.OnlineCodeBy(q.ref.means, q.mac)
	switch {
	case errors.Is(err, ErrNotFound):
		return OnlineCodeRow{}, OnlineUnknown, nil
	case err != nil:
		return OnlineCodeRow{}, "", err
	case q.ref.means == OnlineByLink && subtle.ConstantTimeCompare(q.document[:], q.ref.document[:]) != 1:
		return OnlineCodeRow{}, OnlineUnknown, nil
	case q.ref.means == OnlineByLink && q.ref.docType != OnlineType:
		return OnlineCodeRow{}, OnlineWrongType, nil
	case row.Use == OnlineTaken:
		return OnlineCodeRow{}, OnlineUsed, nil
	case row.Use != OnlineOpen || !q.at.Before(row.Expires) || q.at.Before(row.Made.Add(-onlineBehind)):
		// A clock that was set back must not open again what had ended.
		return OnlineCodeRow{}, OnlineExpired, nil
	}
	return row, OnlineOK, nil
}

// limited tells whether the asker, or all of his kind together, gave as many wrong digits as they may.
func (q *onlineQuestion) limited(tx Tx) (bool, error) {
	if q.ref.means != OnlineByDigits {
		return false, nil
	}
	own, err := tx.OnlineTries(q.own, q.at, OnlineWindow)
	if err != nil || own >= q.ownMax {
		return true, err
	}
	all, err := tx.OnlineTries(q.all, q.at, OnlineWindow)
	return all >= q.allMax, err
}

// counts tells whether an outcome is a wrong try. For a verifier only digits that no code has: he may read a used code twice.
func (q *onlineQuestion) counts(why OnlineReason) bool {
	if q.ref.means != OnlineByDigits {
		return false
	}
	switch why {
	case OnlineUnknown:
		return true
	case OnlineUsed, OnlineExpired:
		return q.by.ID == ""
	}
	return false
}

// answer is what the asker is told of an outcome without a person.
func (q *onlineQuestion) answer(why OnlineReason) OnlineAnswer {
	a := OnlineAnswer{Reason: why, AsOf: q.at}
	number := onlineReasons[why].number
	switch {
	case why == OnlineOK:
	case q.by.ID == "":
		a.Reason = OnlineNotConfirmed
	case q.mode == OnlineValidate && number != 0:
		a.Reason = OnlineNotValid
	}
	return a
}

// use takes the open code and answers from the register, all in tx.
func (q *onlineQuestion) use(tx Tx, row *OnlineCodeRow) (OnlineAnswer, error) {
	idrow, err := tx.UseOnlineCode(row.ID, q.at)
	if errors.Is(err, ErrNotFound) {
		return q.answer(OnlineUsed), nil
	}
	if err != nil {
		return OnlineAnswer{}, err
	}
	id, err := tx.IDByRow(idrow)
	if err != nil {
		return OnlineAnswer{}, err
	}
	p, err := tx.Post(id.Entitlement)
	if err != nil {
		return OnlineAnswer{}, err
	}
	why := onlineStanding(&id, &p, q.at)
	number := onlineReasons[why].number
	check, err := tx.InsertOnlineCheck(OnlineCheckRow{IDRow: id.ID, Code: row.ID, At: q.at, Answer: number, Mode: q.mode,
		Means: q.ref.means, By: q.by})
	if err != nil {
		return OnlineAnswer{}, fmt.Errorf("issuer: online check of code %d: %w", row.ID, err)
	}
	if err := audit(tx, q.at, AuditEntry{Event: EventOnlineChecked, Detail: []any{row.ID, check, uint64(number), uint64(q.mode)}}); err != nil {
		return OnlineAnswer{}, err
	}
	a := q.answer(why)
	if q.by.ID != "" {
		a.Check = check
	}
	if why == OnlineOK && q.mode == OnlineFull && q.by.ID != "" {
		body, err := tx.Body()
		if err != nil {
			return OnlineAnswer{}, err
		}
		a.Holder = onlineHolder(&body, &id, &p)
	}
	return a, nil
}

func onlineHolder(body *BodyRow, id *ID, p *PostRow) *OnlineHolder {
	r := &p.Record
	h := &OnlineHolder{Number: id.Number, Name: r.FullName(), Position: r.Position, PositionEN: r.PositionEN, Unit: r.Unit,
		UnitEN: r.UnitEN, Category: r.Category, Rank: r.Rank, EDRPOU: body.EDRPOU, Body: body.Name, State: id.State}
	copy(h.PhotoHash[:], r.PhotoSHA256[:])
	if until := r.ValidUntil(); !until.IsZero() {
		h.ValidUntil = until.End()
	}
	return h
}

// OnlineCheck is one line of the list in which a holder sees who checked the ID, when and where.
type OnlineCheck struct {
	Number int64
	At     time.Time
	Reason OnlineReason // OnlineOK, OnlineSuspended, OnlineRevoked, OnlineIDExpired or OnlineEnded
	Mode   OnlineMode
	Means  OnlineMeans
	By     OnlineVerifier // By.ID is "" for somebody whom the body does not know
}

// Checks lists who checked an ID, newest first: at most limit lines (1 to 1,000) with a number below before; 0: from the newest.
// Error: ErrNotFound when there is no such ID.
func (o *Online) Checks(ctx context.Context, row, before int64, limit int) ([]OnlineCheck, error) {
	if limit < 1 || limit > 1000 {
		return nil, fmt.Errorf("issuer: online checks: limit %d, want 1 to 1000", limit)
	}
	if before <= 0 {
		before = math.MaxInt64
	}
	var out []OnlineCheck
	err := o.store.View(ctx, func(tx Tx) error {
		if _, err := tx.IDByRow(row); err != nil {
			return err
		}
		rows, err := tx.OnlineChecks(row, before, limit)
		if err != nil {
			return err
		}
		out = make([]OnlineCheck, len(rows))
		for i, r := range rows {
			out[i] = OnlineCheck{Number: r.ID, At: r.At, Reason: reasonOfNumber(r.Answer), Mode: r.Mode, Means: r.Means, By: r.By}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// OnlineKeptUntil is when a check made at a time may be forgotten: the end, in Kyiv, of the calendar year after it.
func OnlineKeptUntil(at time.Time) time.Time {
	return hr.Date{Year: hr.DateInKyiv(at).Year + 1, Month: 12, Day: 31}.End()
}

// OnlinePurged tells how many rows were forgotten.
type OnlinePurged struct{ Codes, Checks, Tries int }

// Purge forgets codes that ended OnlineKept ago, checks that were made before a time, and counters whose window has passed,
// at most limit of the first two. checksBefore is zero for the checks whose time of OnlineKeptUntil has come; one that is
// later shortens the time, but not into the future. A check stays at least as long as its code.
func (o *Online) Purge(ctx context.Context, at, checksBefore time.Time, limit int) (OnlinePurged, error) {
	due := hr.Date{Year: hr.DateInKyiv(at).Year - 1, Month: 1, Day: 1}.Start()
	if checksBefore.Before(due) {
		checksBefore = due
	}
	switch {
	case at.Unix() <= 0 || limit < 1:
		return OnlinePurged{}, fmt.Errorf("issuer: online purge at %s of %d rows, want a time after 1970 and at least one row", at.UTC().Format(time.RFC3339), limit)
	case checksBefore.After(at):
		return OnlinePurged{}, fmt.Errorf("issuer: online purge: checks before %s, want a time not after %s", stamp(checksBefore), stamp(at))
	}
	var n OnlinePurged
	err := o.store.Update(ctx, func(tx Tx) (err error) {
		if n.Codes, err = tx.PurgeOnlineCodes(at.Add(-OnlineKept), limit); err != nil {
			return err
		}
		if n.Checks, err = tx.PurgeOnlineChecks(checksBefore, limit); err != nil {
			return err
		}
		if n.Tries, err = tx.PurgeOnlineTries(at, OnlineWindow); err != nil {
			return err
		}
		if n.Codes == 0 && n.Checks == 0 {
			return nil
		}
		return audit(tx, at, AuditEntry{Event: EventOnlinePurged, Detail: []any{n.Codes, n.Checks, checksBefore.Unix()}})
	})
	if err != nil {
		return OnlinePurged{}, err
	}
	return n, nil
}
