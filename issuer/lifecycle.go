package issuer

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/posvid/posvid/credential"
)

// Errors of the lifecycle.
var (
	// ErrState: the change is not one that may follow the ID's state.
	ErrState = errors.New("issuer: change not allowed from this state")
	// ErrGround: the ground is unknown or does not justify the change, or its order is missing.
	ErrGround = errors.New("issuer: ground not allowed")
)

// Ground (підстава) is why the state of an ID changed. The zero value is none and is refused.
type Ground uint8

// Grounds; the numbers are stored and never reused.
const (
	GroundDismissal   Ground = 1  // звільнення
	GroundTransfer    Ground = 2  // переведення на іншу посаду
	GroundNameChange  Ground = 3  // зміна імені
	GroundLoss        Ground = 4  // втрата
	GroundTheft       Ground = 5  // викрадення
	GroundDamage      Ground = 6  // пошкодження
	GroundSuspension  Ground = 7  // відсторонення
	GroundLeave       Ground = 8  // тривала відпустка чи відрядження
	GroundLiquidation Ground = 9  // ліквідація органу
	GroundDataError   Ground = 10 // помилка в даних
	GroundDeath       Ground = 11 // смерть
	GroundWithdrawn   Ground = 12 // заява пред'явника
	GroundStopCode    Ground = 13 // код зупинення з талона
	GroundCheck       Ground = 14 // перевірка обставин
	GroundReturn      Ground = 15 // повернення до виконання обов'язків
	GroundRecovered   Ground = 16 // знайдено
	GroundReplaced    Ground = 17 // видано нове
	GroundExpired     Ground = 18 // строк дії минув
	GroundEntitlement Ground = 19 // припинення права на посвідчення
)

const (
	maySuspend = 1 << iota
	mayResume
	mayRevoke
	byOrder // needs the number and date of an order
	inside  // set by the program, never by an operator
)

var grounds = [...]struct {
	code, uk, en string
	flags        uint8
}{
	GroundDismissal:   {"dismissal", "звільнення", "dismissal", mayRevoke | byOrder},
	GroundTransfer:    {"transfer", "переведення", "transfer", mayRevoke | byOrder},
	GroundNameChange:  {"name-change", "зміна імені", "change of name", mayRevoke},
	GroundLoss:        {"loss", "втрата", "loss", maySuspend | mayRevoke},
	GroundTheft:       {"theft", "викрадення", "theft", maySuspend | mayRevoke},
	GroundDamage:      {"damage", "пошкодження", "damage", maySuspend | mayRevoke},
	GroundSuspension:  {"suspension", "відсторонення", "suspension from duty", maySuspend | byOrder},
	GroundLeave:       {"leave", "тривала відсутність", "long leave", maySuspend},
	GroundLiquidation: {"liquidation", "ліквідація органу", "liquidation of the body", mayRevoke | byOrder},
	GroundDataError:   {"data-error", "помилка в даних", "error in the data", maySuspend | mayRevoke},
	GroundDeath:       {"death", "смерть", "death", mayRevoke},
	GroundWithdrawn:   {"withdrawn", "заява пред'явника", "holder's own request", maySuspend | mayRevoke},
	GroundStopCode:    {"stop-code", "код зупинення", "stop code", maySuspend | inside},
	GroundCheck:       {"check", "перевірка обставин", "circumstances being checked", maySuspend},
	GroundReturn:      {"return", "повернення до обов'язків", "return to duty", mayResume},
	GroundRecovered:   {"recovered", "знайдено", "found again", mayResume},
	GroundReplaced:    {"replaced", "видано нове", "a new one was issued", inside},
	GroundExpired:     {"expired", "строк дії минув", "term of validity has passed", inside},
	GroundEntitlement: {"entitlement-ended", "припинення права на посвідчення", "end of the entitlement", mayRevoke | inside},
}

func (g Ground) known() bool { return g > 0 && int(g) < len(grounds) }

// String is the ground's code, as flags and files name it; "unknown" for a number that is none.
func (g Ground) String() string {
	if !g.known() {
		return "unknown"
	}
	return grounds[g].code
}

// Text is the ground in words: lang "en" English, any other Ukrainian.
func (g Ground) Text(lang string) string {
	switch {
	case !g.known() && lang == "en":
		return "unknown"
	case !g.known():
		return "невідомо"
	case lang == "en":
		return grounds[g].en
	}
	return grounds[g].uk
}

// ParseGround reads a ground's code. Error: ErrGround.
func ParseGround(code string) (Ground, error) {
	for g := 1; g < len(grounds); g++ {
		if grounds[g].code == code {
			return Ground(g), nil
		}
	}
	return 0, fmt.Errorf("%w: %q is no ground", ErrGround, code)
}

// GroundsFor lists the grounds with which an operator may bring an ID to a state: StateSuspended,
// StateIssued (resume) or StateRevoked; none for another state.
func GroundsFor(to State) []Ground {
	var out []Ground
	for g := Ground(1); int(g) < len(grounds); g++ {
		if f := grounds[g].flags; f&inside == 0 && f&flagFor(to) != 0 {
			out = append(out, g)
		}
	}
	return out
}

func flagFor(to State) uint8 {
	switch to {
	case StateSuspended:
		return maySuspend
	case StateIssued:
		return mayResume
	case StateRevoked:
		return mayRevoke
	}
	return 0
}

// maxOrder is the longest order number in bytes.
const maxOrder = 64

// Change says why, on what paper, by whom and when the state of an ID changes.
type Change struct {
	Ground    Ground
	Order     string    // number of the order; may be empty where the ground needs none
	OrderDate time.Time // its date; zero exactly when Order is empty
	Operator  string    // id of the operator; "" = the program
	At        time.Time
}

func (c Change) check(to State) error {
	if c.At.IsZero() {
		return fmt.Errorf("issuer: change to %s: time is missing", to)
	}
	if !c.Ground.known() {
		return fmt.Errorf("%w: ground %d is unknown", ErrGround, uint8(c.Ground))
	}
	f := grounds[c.Ground].flags
	if f&flagFor(to) == 0 {
		return fmt.Errorf("%w: %s does not justify %s", ErrGround, c.Ground, to)
	}
	if f&byOrder != 0 && c.Order == "" {
		return fmt.Errorf("%w: %s needs the number and date of an order", ErrGround, c.Ground)
	}
	if (c.Order == "") != c.OrderDate.IsZero() {
		return fmt.Errorf("%w: an order is a number and a date, want both or none", ErrGround)
	}
	if len(c.Order) > maxOrder || !utf8.ValidString(c.Order) {
		return fmt.Errorf("%w: order number of %d bytes, want at most %d of UTF-8", ErrGround, len(c.Order), maxOrder)
	}
	return nil
}

// Published values of a status index (Token Status List, Section 7.1).
const (
	valueValid     uint8 = 0
	valueInvalid   uint8 = 1
	valueSuspended uint8 = 2
)

// move changes one ID's state inside tx with everything that hangs on it: the indices of every token
// that is not invalid for ever, the event with its ground, the audit entry.
func move(tx Tx, id ID, to State, c Change) error {
	if err := tx.SetIDState(id.ID, id.State, to, c.At); err != nil {
		return err
	}
	if to != StateExpired { // what has run out keeps the status it had
		value := valueInvalid
		switch to {
		case StateSuspended:
			value = valueSuspended
		case StateIssued:
			value = valueValid
		}
		// Expired tokens too: a verifier's clock may be behind, or this machine's own ahead, and nobody would revoke the ID again.
		if _, err := tx.SetTokenValues(id.ID, value, time.Time{}); err != nil {
			return err
		}
	}
	return record(tx, id, to, c)
}

// record writes the event and the audit entry of a change.
func record(tx Tx, id ID, to State, c Change) error {
	if err := tx.InsertStatusEvents([]StatusEvent{{ID: id.ID, At: c.At, From: id.State, To: to, Ground: c.Ground,
		Order: c.Order, OrderDate: c.OrderDate, Operator: c.Operator}}); err != nil {
		return err
	}
	var od uint64
	if !c.OrderDate.IsZero() {
		od = uint64(max(c.OrderDate.Unix(), 0))
	}
	return audit(tx, c.At, AuditEntry{Event: EventStateChanged, Operator: c.Operator,
		Detail: []any{id.ID, uint64(id.State), uint64(to), uint64(c.Ground), c.Order, od}})
}

// statusGrace is how long after its exp a token's list is still published: the widest clock difference a verifier forgives.
const statusGrace = 10 * time.Minute

// change is one lifecycle step of one ID in its own transaction.
func (b *Body) change(ctx context.Context, row int64, to State, c Change, from ...State) error {
	if err := c.check(to); err != nil {
		return err
	}
	if grounds[c.Ground].flags&inside != 0 {
		return fmt.Errorf("%w: %s is set by the program itself", ErrGround, c.Ground)
	}
	err := b.store.Update(ctx, func(tx Tx) error {
		id, err := tx.IDByRow(row)
		if err != nil {
			return err
		}
		p, err := tx.Post(id.Entitlement)
		if err != nil {
			return err
		}
		paused := p.Paused
		if paused {
			// A plan suspended the ID and would resume it by itself; from now on an operator has the last word.
			p.Paused = false
			if err := tx.UpdatePost(p); err != nil {
				return err
			}
		}
		if to == StateSuspended && id.State == StateSuspended && paused {
			return record(tx, id, to, c)
		}
		allowed := false
		for _, f := range from {
			allowed = allowed || id.State == f
		}
		if !allowed {
			return fmt.Errorf("%w: ID %s is %s, %s is not possible", ErrState, id.Number, id.State, to)
		}
		if to == StateIssued {
			if why := p.Reasons(c.At); len(why) > 0 {
				return fmt.Errorf("%w: entitlement %d: %s", ErrNotEntitled, p.ID, why[0].Code)
			}
		} else {
			// What is being signed at this moment must not come out valid.
			if err := abandonPending(tx, id.Entitlement, c.At); err != nil {
				return err
			}
		}
		if err := move(tx, id, to, c); err != nil {
			return err
		}
		crashPoint("change-uncommitted")
		return nil
	})
	if err == nil {
		crashPoint("change-committed")
	}
	return err
}

// Suspend (зупинити) makes an issued ID suspended until it is resumed or revoked; every unexpired token
// of it is published as suspended. One that a plan suspended stays so whatever later plans say, until an operator
// resumes it. Errors: ErrNotFound, ErrState, ErrGround.
func (b *Body) Suspend(ctx context.Context, row int64, c Change) error {
	return b.change(ctx, row, StateSuspended, c, StateIssued)
}

// Resume makes a suspended ID issued again. Errors: ErrNotFound, ErrState, ErrGround; ErrNotEntitled while the register
// itself gives no ID, for example because HR has the person suspended: that ends with a plan.
func (b *Body) Resume(ctx context.Context, row int64, c Change) error {
	return b.change(ctx, row, StateIssued, c, StateSuspended)
}

// Revoke (анулювати) ends an ID for ever. Errors: ErrNotFound, ErrState (also when it was revoked
// before), ErrGround.
func (b *Body) Revoke(ctx context.Context, row int64, c Change) error {
	return b.change(ctx, row, StateRevoked, c, StateIssued, StateSuspended)
}

// liveOf is the live ID of an entitlement; its State is 0 when there is none.
func liveOf(tx Tx, entitlement int64) (ID, error) {
	s, err := tx.Situations([]int64{entitlement})
	if err != nil {
		return ID{}, err
	}
	return s[0].Live, nil
}

// endEntitlement is what follows for IDs when an entitlement ends (dismissal, transfer, withdrawal):
// inside tx the live ID is revoked and an intent at work is abandoned. It may be repeated: an ID that is
// revoked already stays so. It tells whether an ID was revoked now.
func endEntitlement(tx Tx, entitlement int64, c Change) (bool, error) {
	if err := c.check(StateRevoked); err != nil {
		return false, err
	}
	if err := abandonPending(tx, entitlement, c.At); err != nil {
		return false, err
	}
	id, err := liveOf(tx, entitlement)
	if err != nil || id.State == 0 {
		return false, err
	}
	return true, move(tx, id, StateRevoked, c)
}

// suspendEntitlement suspends the live ID of an entitlement inside tx and abandons an intent at work. It
// may be repeated. It tells whether an ID was suspended now.
func suspendEntitlement(tx Tx, entitlement int64, c Change) (bool, error) {
	if err := c.check(StateSuspended); err != nil {
		return false, err
	}
	if err := abandonPending(tx, entitlement, c.At); err != nil {
		return false, err
	}
	id, err := liveOf(tx, entitlement)
	if err != nil || id.State != StateIssued {
		return false, err
	}
	return true, move(tx, id, StateSuspended, c)
}

// resumeEntitlement resumes the suspended ID of an entitlement inside tx. It tells whether one was resumed.
func resumeEntitlement(tx Tx, entitlement int64, c Change) (bool, error) {
	if err := c.check(StateIssued); err != nil {
		return false, err
	}
	id, err := liveOf(tx, entitlement)
	if err != nil || id.State != StateSuspended {
		return false, err
	}
	return true, move(tx, id, StateIssued, c)
}

// abandonPending gives up the intent at work for an entitlement, if there is one: nothing of it was
// handed out, its indices are published as invalid all the same.
func abandonPending(tx Tx, entitlement int64, at time.Time) error {
	s, err := tx.Situations([]int64{entitlement})
	if err != nil {
		return err
	}
	if s[0].Pending.Stage == 0 {
		return nil
	}
	return abandon(tx, s[0].Pending, at)
}

func abandon(tx Tx, in Intent, at time.Time) error {
	if err := tx.FinishIntents([]Intent{in}, StageAbandoned); err != nil {
		return err
	}
	if _, err := tx.SetRenewalValues(in.ID, in.Renewal, valueInvalid); err != nil {
		return err
	}
	if in.Fresh {
		if err := tx.SetIDState(in.ID, StatePending, StateAbandoned, at); err != nil {
			return err
		}
	}
	return audit(tx, at, AuditEntry{Event: EventAbandoned, Detail: []any{in.ID, uint64(in.Renewal)}})
}

// Expire marks every live ID expired whose newest tokens have run out by at, up to limit of them, and
// tells how many it marked. Expiry is final, so it wants a time at which the installed bundle lets the key sign: a clock that
// is months ahead ends nothing. Errors: ErrNoSigner, ErrNotGranted.
func (b *Body) Expire(ctx context.Context, at time.Time, limit int) (int, error) {
	if b.cfg.Signer == nil || b.cfg.Grant == nil {
		return 0, ErrNoSigner
	}
	if err := b.cfg.Grant.CheckGrant(b.cfg.Signer.IssuerPublic(), b.cfg.EDRPOU, credential.KindPhone, b.cfg.Profile.Life, at); err != nil {
		return 0, fmt.Errorf("%w: %w", ErrNotGranted, err)
	}
	n := 0
	err := b.store.Update(ctx, func(tx Tx) error {
		n = 0
		ids, err := tx.ExpiredIDs(at, limit)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if err := abandonPending(tx, id.Entitlement, at); err != nil {
				return err
			}
			if err := move(tx, id, StateExpired, Change{Ground: GroundExpired, At: at}); err != nil {
				return err
			}
			n++
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

// Purge forgets the payload and the signed bytes of tokens that expired before the time given, up to
// limit of them: they hold names. Rows and indices stay, so that no index is ever given twice.
func (b *Body) Purge(ctx context.Context, expiredBefore, at time.Time, limit int) (int, error) {
	n := 0
	err := b.store.Update(ctx, func(tx Tx) error {
		var err error
		if n, err = tx.PurgeTokens(expiredBefore, limit); err != nil || n == 0 {
			return err
		}
		return audit(tx, at, AuditEntry{Event: EventTokensPurged, Detail: []any{n, uint64(max(expiredBefore.Unix(), 0))}})
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

// History is what happened to one ID, oldest first.
func (b *Body) History(ctx context.Context, row int64) ([]StatusEvent, error) {
	var out []StatusEvent
	err := b.store.View(ctx, func(tx Tx) error {
		if _, err := tx.IDByRow(row); err != nil {
			return err
		}
		var err error
		out, err = tx.StatusEvents(row)
		return err
	})
	return out, err
}
