package issuer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/posvid/posvid/hr"
)

// Rules of one-time codes (docs/spec/online.md).
const (
	// OnlineLife is how long a code may be used.
	OnlineLife = 180 * time.Second
	// OnlineMaxCodes is how many codes one ID may get within OnlineLife.
	OnlineMaxCodes = 10
	// OnlineWindow is the time over which wrong digits are counted.
	OnlineWindow = 15 * time.Minute
	// OnlineVerifierTries are the wrong digits that one verifier may give within OnlineWindow.
	OnlineVerifierTries = 20
	// OnlineSourceTries are those of one source that is no verifier.
	OnlineSourceTries = 5
	// OnlineAllVerifierTries are those of all verifiers together.
	OnlineAllVerifierTries = 1000
	// OnlineAllSourceTries are those of all sources together; they never close the digits for verifiers.
	OnlineAllSourceTries = 100
	// OnlineKept is how long after its end a code is still told from one that never was.
	OnlineKept = 24 * time.Hour

	// onlineDraws is how often a code is drawn again when its digits are another's.
	onlineDraws = 3
	// onlineBehind is how far the clock may be behind the time at which a code was made.
	onlineBehind = time.Minute
)

// Errors of one-time codes.
var (
	// ErrOnlineMany: the ID got as many codes as it may within OnlineLife.
	ErrOnlineMany = errors.New("issuer: too many codes for one ID [online-many]")
	// ErrOnlineVerifier: who asks is not described as it must be, or asks for what only a verifier may see.
	ErrOnlineVerifier = errors.New("issuer: the asker does not fit [online-verifier]")
)

// Labels of the keyed hashes; never changed, stored values depend on them.
const (
	macOnlineLink     = "posvid online code v1"
	macOnlineDigits   = "posvid online digits v1"
	macOnlineDocument = "posvid online document v1"
	macOnlineTries    = "posvid online tries v1"
)

// OnlineConfig is what OpenOnline is told.
type OnlineConfig struct {
	// Host stands in the links: a lower-case DNS name with an optional port.
	Host string
	// PublicDigits lets people who are no verifiers ask by digits; false refuses them: they need the link.
	PublicDigits bool
}

// Online makes and checks the one-time codes (одноразовий код) of one body. It is safe for use by many goroutines, and many
// of it may work on one Store.
type Online struct {
	store Store
	cfg   OnlineConfig
}

// OpenOnline opens the one-time codes of a store's body; the store needs its data key. Errors: what is wrong with the host,
// ErrNotFound when the store has no body.
func OpenOnline(ctx context.Context, s Store, c OnlineConfig) (*Online, error) {
	if s == nil {
		return nil, errors.New("issuer: online: no store")
	}
	if err := CheckOnlineHost(c.Host); err != nil {
		return nil, err
	}
	if err := s.View(ctx, func(tx Tx) error {
		_, err := tx.Body()
		return err
	}); err != nil {
		return nil, fmt.Errorf("issuer: online: body: %w", err)
	}
	if _, err := s.MAC(macOnlineLink, nil); err != nil {
		return nil, fmt.Errorf("issuer: online: code hashes: %w", err)
	}
	return &Online{store: s, cfg: c}, nil
}

// Host is the host of the links.
func (o *Online) Host() string { return o.cfg.Host }

// Parse is ParseOnline for the host of the links.
func (o *Online) Parse(text string) (OnlineRef, error) { return ParseOnline(o.cfg.Host, text) }

// OnlineUse is what became of a code; the numbers are stored and never reused.
type OnlineUse uint8

// Uses of a code.
const (
	OnlineOpen     OnlineUse = 0 // may be used until it expires
	OnlineTaken    OnlineUse = 1 // was used
	OnlineReplaced OnlineUse = 2 // a newer code of the same ID came before it was used
)

// OnlineCodeRow is what the store keeps of a code: keyed hashes, never the code.
type OnlineCodeRow struct {
	ID      int64 // number of the code, given once
	IDRow   int64 // the ID it shows
	Link    [32]byte
	Digits  [32]byte
	Made    time.Time
	Expires time.Time
	Use     OnlineUse
	Closed  time.Time // when Use left OnlineOpen; zero while open
}

// OnlineMode says how much is asked; the numbers are stored and never reused. The zero value is refused.
type OnlineMode uint8

// Modes of a check.
const (
	OnlineValidate OnlineMode = 1 // yes or no, nothing about the person
	OnlineFull     OnlineMode = 2 // who the person is
)

// OnlineVerifier is who asks, as the caller has authenticated him. It is kept with the check, sealed, and shown to the
// holder. Each text is UTF-8 without control characters, at most 200 bytes.
type OnlineVerifier struct {
	ID     string // account of a verifier; "": nobody the body knows
	Name   string // the guard or the service
	EDRPOU string // of the verifier's body, 8 digits or ""
	Body   string // its name
	Place  string // where the check takes place
	Source string // where the request comes from, such as a network prefix; wanted without ID, counted as a keyed hash, never kept
}

const maxOnlineText = 200 // bytes of each text of an OnlineVerifier

func (v *OnlineVerifier) check() error {
	for name, s := range map[string]string{"id": v.ID, "name": v.Name, "body": v.Body, "place": v.Place, "source": v.Source} {
		if len(s) > maxOnlineText || !utf8.ValidString(s) {
			return fmt.Errorf("%w: %s of %d bytes, want at most %d of UTF-8", ErrOnlineVerifier, name, len(s), maxOnlineText)
		}
		for _, c := range s {
			if unicode.IsControl(c) {
				return fmt.Errorf("%w: %s has a control character", ErrOnlineVerifier, name)
			}
		}
	}
	if v.EDRPOU != "" {
		if err := checkEDRPOU(v.EDRPOU); err != nil {
			return fmt.Errorf("%w: %w", ErrOnlineVerifier, err)
		}
	}
	switch {
	case v.ID == "" && v.Source == "":
		return fmt.Errorf("%w: neither an account nor a source", ErrOnlineVerifier)
	case v.ID == "" && (v.Name != "" || v.EDRPOU != "" || v.Body != "" || v.Place != ""):
		return fmt.Errorf("%w: a name, body or place that nobody vouches for", ErrOnlineVerifier)
	case v.ID != "" && (v.Name == "" || v.Body == "" || v.Place == ""):
		return fmt.Errorf("%w: a verifier needs a name, a body and a place", ErrOnlineVerifier)
	}
	return nil
}

// OnlineCheckRow is one check as the store keeps it.
type OnlineCheckRow struct {
	ID     int64
	IDRow  int64
	Code   int64 // number of the code; each code has at most one check
	At     time.Time
	Answer uint8 // number of an OnlineReason that is about the person
	Mode   OnlineMode
	Means  OnlineMeans
	By     OnlineVerifier // sealed at rest, without Source
}

// OnlineTx is what one-time codes need of a transaction. Methods answer ErrNotFound and ErrConflict as named.
type OnlineTx interface {
	// ReplaceOnlineCode closes the open code of an ID, if there is one, as OnlineReplaced.
	ReplaceOnlineCode(idrow int64, at time.Time) error
	InsertOnlineCode(c OnlineCodeRow) (int64, error) // ErrConflict when the hash is another's, or the ID has an open code
	// CountOnlineCodes counts the codes of an ID made after a time.
	CountOnlineCodes(idrow int64, after time.Time) (int, error)
	OnlineCodeBy(means OnlineMeans, mac [32]byte) (OnlineCodeRow, error) // ErrNotFound
	// UseOnlineCode uses an open, unexpired code in one statement and answers its ID's row; ErrNotFound when it is not one.
	UseOnlineCode(code int64, at time.Time) (idrow int64, err error)
	InsertOnlineCheck(c OnlineCheckRow) (int64, error) // ErrConflict when the code has a check already
	// OnlineChecks lists the checks of an ID with a number below before, newest first.
	OnlineChecks(idrow, before int64, limit int) ([]OnlineCheckRow, error)
	OnlineTries(who [32]byte, at time.Time, window time.Duration) (int, error) // 0 when none
	// AddOnlineTry counts one more, and forgets those whose window has passed.
	AddOnlineTry(who [32]byte, at time.Time, window time.Duration) error
	PurgeOnlineCodes(expiredBefore time.Time, limit int) (int, error)
	// PurgeOnlineChecks forgets checks whose code is forgotten already.
	PurgeOnlineChecks(before time.Time, limit int) (int, error)
	PurgeOnlineTries(at time.Time, window time.Duration) (int, error)
}

// OnlineCode is a fresh code to be shown to its holder: the only place where it stands in clear. No verb, logger or encoder
// of the standard library shows it; Link and Digits do.
type OnlineCode struct {
	Number  int64 // what the audit calls it
	Made    time.Time
	Expires time.Time
	ref     OnlineRef
	host    string
}

// Link is the text of the QR.
func (c *OnlineCode) Link() string { return c.ref.link(c.host) }

// Digits are the thirteen digits of the EAN-13 barcode.
func (c *OnlineCode) Digits() string { return c.ref.digits }

// Document is the {id} of the link: 32 hexadecimal digits made for this code alone.
func (c *OnlineCode) Document() string { return fmt.Sprintf("%x", c.ref.document[:]) }

// Left is the time that the code may still be used, whole seconds from 0 to OnlineLife, whatever the clock says.
func (c *OnlineCode) Left(at time.Time) time.Duration {
	return min(max(c.Expires.Sub(at).Truncate(time.Second), 0), OnlineLife)
}

// TimerText stands before the time that is left: lang "en" English, any other Ukrainian.
func (c *OnlineCode) TimerText(lang string) string {
	if lang == "en" {
		return "The code will expire in"
	}
	return "Код діятиме ще"
}

// Timer is TimerText with the time that is left, as "Код діятиме ще 2:05", or a sentence that the code has ended.
func (c *OnlineCode) Timer(lang string, at time.Time) string {
	left := int(c.Left(at) / time.Second)
	if left == 0 {
		if lang == "en" {
			return "The code has expired"
		}
		return "Код більше не діє"
	}
	return fmt.Sprintf("%s %d:%02d", c.TimerText(lang), left/60, left%60)
}

// String is the number of the code and nothing else of it.
func (c OnlineCode) String() string { return fmt.Sprintf("one-time code %d [redacted]", c.Number) }

// GoString is String.
func (c OnlineCode) GoString() string { return c.String() }

// Format is String for every verb.
func (c OnlineCode) Format(f fmt.State, _ rune) { f.Write([]byte(c.String())) }

// LogValue is String for slog.
func (c OnlineCode) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalJSON refuses: whoever sends a code to its holder takes Link and Digits.
func (c OnlineCode) MarshalJSON() ([]byte, error) {
	return nil, errors.New("issuer: one-time code: want its link and digits taken, not the whole encoded")
}

// Issue makes a code for an ID; the caller has made sure that its holder asks. The code that was open before ends. Errors:
// ErrNotFound; ErrState when the ID is not issued, ErrSuspended when it is suspended; ErrNotEntitled; ErrOnlineMany.
func (o *Online) Issue(ctx context.Context, row int64, at time.Time) (*OnlineCode, error) {
	return o.issue(ctx, at, func(tx Tx) (ID, error) { return tx.IDByRow(row) })
}

// IssueSerial is Issue for the ID with a serial.
func (o *Online) IssueSerial(ctx context.Context, s Serial, at time.Time) (*OnlineCode, error) {
	return o.issue(ctx, at, func(tx Tx) (ID, error) { return tx.IDBySerial(s) })
}

func (o *Online) issue(ctx context.Context, at time.Time, find func(Tx) (ID, error)) (*OnlineCode, error) {
	if at.Unix() <= 0 {
		return nil, fmt.Errorf("issuer: online code at %s, want a time after 1970", at.UTC().Format(time.RFC3339))
	}
	at = at.Truncate(time.Second)
	var code OnlineCode
	err := o.store.Update(ctx, func(tx Tx) error {
		id, err := find(tx)
		if err != nil {
			return err
		}
		p, err := tx.Post(id.Entitlement)
		if err != nil {
			return err
		}
		switch why := onlineStanding(&id, &p, at); {
		case id.State == StateSuspended:
			return fmt.Errorf("%w: ID row %d", ErrSuspended, id.ID)
		case id.State != StateIssued:
			return fmt.Errorf("%w: ID row %d is %s, want issued", ErrState, id.ID, id.State)
		case why != OnlineOK:
			return fmt.Errorf("%w: ID row %d: %s", ErrNotEntitled, id.ID, why)
		}
		n, err := tx.CountOnlineCodes(id.ID, at.Add(-OnlineLife))
		if err != nil {
			return err
		}
		if n >= OnlineMaxCodes {
			return fmt.Errorf("%w: ID row %d got %d within %s", ErrOnlineMany, id.ID, n, OnlineLife)
		}
		if err := tx.ReplaceOnlineCode(id.ID, at); err != nil {
			return err
		}
		if code, err = o.draw(tx, id.ID, at); err != nil {
			return err
		}
		return audit(tx, at, AuditEntry{Event: EventOnlineMade, Detail: []any{code.Number}})
	})
	if err != nil {
		return nil, err
	}
	return &code, nil
}

// draw stores a fresh code; digits that another stored code has are drawn again.
func (o *Online) draw(tx Tx, idrow int64, at time.Time) (OnlineCode, error) {
	for n := 1; ; n++ {
		c := OnlineCode{Made: at, Expires: at.Add(OnlineLife), ref: newOnlineRef(), host: o.cfg.Host}
		var err error
		if c.ref.document, err = o.document(c.ref.code); err != nil {
			return OnlineCode{}, err
		}
		row := OnlineCodeRow{IDRow: idrow, Made: c.Made, Expires: c.Expires}
		if row.Link, err = o.mac(macOnlineLink, c.ref.code[:]); err != nil {
			return OnlineCode{}, err
		}
		if row.Digits, err = o.mac(macOnlineDigits, []byte(c.ref.digits)); err != nil {
			return OnlineCode{}, err
		}
		c.Number, err = tx.InsertOnlineCode(row)
		switch {
		case err == nil:
			return c, nil
		case !errors.Is(err, ErrConflict) || n == onlineDraws:
			return OnlineCode{}, fmt.Errorf("issuer: online code of ID row %d, draw %d: %w", idrow, n, err)
		}
	}
}

// document is the {id} that stands in a code's link. It is made from the code, so that two codes of one ID cannot be seen to
// belong together and a link of which a part was changed is no link at all.
func (o *Online) document(code [16]byte) (id [16]byte, err error) {
	m, err := o.mac(macOnlineDocument, code[:])
	copy(id[:], m[:])
	return id, err
}

func (o *Online) mac(label string, data []byte) ([32]byte, error) {
	m, err := o.store.MAC(label, data)
	if err != nil {
		return [32]byte{}, fmt.Errorf("issuer: online: code hash: %w", err)
	}
	return m, nil
}

// onlineStanding is what the body says of an ID now, from the state of the ID and from the register: OnlineOK or why not.
func onlineStanding(id *ID, p *PostRow, at time.Time) OnlineReason {
	switch id.State {
	case StateIssued:
	case StateSuspended:
		return OnlineSuspended
	case StateRevoked:
		return OnlineRevoked
	case StateExpired:
		return OnlineIDExpired
	default:
		return OnlineEnded
	}
	why := p.Reasons(at)
	switch {
	case !at.Before(id.ExpiresAt):
		return OnlineIDExpired
	case p.Status == hr.StatusSuspended:
		return OnlineSuspended
	case p.Status != hr.StatusActive || p.Enrolment.State != EnrolmentLive || p.Enrolment.Thumb != id.Holder:
		return OnlineEnded
	case len(why) > 0 && (why[0].Code == hr.PlasticExpired || why[0].Code == hr.EmploymentEnded):
		return OnlineIDExpired
	case len(why) > 0:
		return OnlineEnded
	}
	return OnlineOK
}
