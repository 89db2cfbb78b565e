package issuer

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Errors that a Store answers with, wrapped.
var (
	// ErrNotFound: there is no such row.
	ErrNotFound = errors.New("issuer: not found")
	// ErrConflict: a uniqueness rule refused the write: a serial, a status index, a second live ID of one
	// post, a second pending intent.
	ErrConflict = errors.New("issuer: conflict")
)

// Store keeps one body's state. Package store satisfies it on SQLite.
type Store interface {
	// Update runs f in the one write transaction. When it returns nil everything f wrote is durable;
	// otherwise nothing of it remains.
	Update(ctx context.Context, f func(Tx) error) error
	// View runs f over one consistent snapshot; f cannot write.
	View(ctx context.Context, f func(Tx) error) error
	// MAC is a keyed hash under the body's data key: person keys and code hashes are made with it.
	MAC(label string, data []byte) ([32]byte, error)
}

// Tx is one transaction of a Store; it is used by one goroutine and not after its function returned.
type Tx interface {
	IssueTx
	RegisterTx
	CardTx
	OnlineTx
}

// Entitlement (право на посвідчення) is what issuing needs of one person in one post.
type Entitlement struct {
	ID        int64    // row of the register, ≥ 1
	PersonKey [32]byte // HMAC over РНОКПП, else УНЗР, else (ЄДРПОУ, табельний номер); never leaves the body
	Live      bool     // the person holds the post, nothing blocks an ID, and the term has not passed
	Wish      bool     // the holder asked for the ID and has not withdrawn
	Surname   string
	Given     string
	// Patronymic is empty when the person has none.
	Patronymic string
	Position   string // Ukrainian text as the HR file has it, NFC
	PositionEN string // may be empty
	Unit       string // may be empty
	UnitEN     string // may be empty
	Category   string // "А", "Б", "В" or empty
	Rank       uint8  // 1–9, 0 = none
	PhotoHash  [20]byte
	HasPhoto   bool
	Number     string    // series and number of the plastic record; empty: the body's next number
	NotAfter   time.Time // end of the term; zero: open-ended
	HolderKey  []byte    // COSE_Key of the enrolled phone, canonical bytes; nil before enrolment
}

// State of an ID. The zero value is no state at all and is refused everywhere.
type State uint8

// States of an ID; the numbers are stored and never reused.
const (
	StatePending   State = 1 // serial and indices are stored, nothing was handed out
	StateIssued    State = 2 // видано
	StateSuspended State = 3 // зупинено
	StateRevoked   State = 4 // анульовано; final
	StateExpired   State = 5 // строк дії минув; final
	StateReplaced  State = 6 // замінено; final
	StateAbandoned State = 7 // a pending ID that was overtaken; its indices are invalid; final
)

var stateNames = [...]string{"", "pending", "issued", "suspended", "revoked", "expired", "replaced", "abandoned"}

// String is the English word of the state, "unknown" for a number that is none.
func (s State) String() string {
	if s == 0 || int(s) >= len(stateNames) {
		return "unknown"
	}
	return stateNames[s]
}

// Live tells whether the ID occupies its post: issued or suspended.
func (s State) Live() bool { return s == StateIssued || s == StateSuspended }

// Final tells whether no state follows this one.
func (s State) Final() bool { return s >= StateRevoked && s <= StateAbandoned }

// Serial is the identity of an ID: 128 random bits known to the body alone.
type Serial [16]byte

// String is the serial in lower-case hex.
func (s Serial) String() string { return fmt.Sprintf("%x", s[:]) }

// ID is one service ID as the store keeps it.
type ID struct {
	ID          int64
	Serial      Serial
	Entitlement int64
	Number      string   // what a guard reads
	Holder      [32]byte // SHA-256 thumbprint of the holder's COSE_Key (RFC 9679)
	Profile     [32]byte // hash of the profile and of what the tokens say
	State       State
	Renewal     uint32    // number of the last intent that was issued for it
	IssuedAt    time.Time // first issue; zero while pending
	ExpiresAt   time.Time // exp of its newest issued tokens; zero while pending
	ChangedAt   time.Time // last change of State
}

// Stage of an intent; the zero value is none.
type Stage uint8

// Stages of an intent; the numbers are stored.
const (
	StagePrepared  Stage = 1 // payloads stored, "will sign" audited, nothing handed out
	StageIssued    Stage = 2 // signed tokens stored
	StageAbandoned Stage = 3 // overtaken before anything was handed out
)

// Intent is the decision to issue: one for each (entitlement, renewal number), bound to one holder key
// and one profile hash, and to one ID for ever.
type Intent struct {
	Entitlement int64
	Renewal     uint32
	Holder      [32]byte
	Profile     [32]byte
	ID          int64 // row of the ID that it issues or renews
	Fresh       bool  // makes a new ID; false: renews one
	Stage       Stage
	At          time.Time
}

// TokenRow is one token: a face of an ID, with its own status index.
type TokenRow struct {
	ID        int64 // row
	IDRow     int64 // the ID it belongs to
	Renewal   uint32
	Face      uint8  // credential.Face
	Status    uint32 // list<<20 | index
	Value     uint8  // status published: 0 valid, 1 invalid, 2 suspended
	KeyID     uint32 // kid of the issuer key, big-endian number
	IssuedAt  time.Time
	ExpiresAt time.Time
	Payload   []byte // exact bytes that are signed; nil once purged
	Signed    []byte // COSE_Sign1; nil before it was signed and once purged
}

// Situation is everything the pipeline asks about one entitlement before it decides.
type Situation struct {
	Entitlement int64
	Live        ID     // ID.State is 0 when the post has no live ID
	Pending     Intent // Stage is 0 when there is none
	LastRenewal uint32 // greatest renewal number used by any intent, 0 when Used is false
	Used        bool   // some intent exists
}

// StatusList is one list of the body: its capacity and the latest exp of a token in it.
type StatusList struct {
	List     uint16
	Capacity uint32
	LastExp  time.Time
}

// CodeRow is one entry of the body's code table. Published is zero until a publication carried it.
type CodeRow struct {
	Kind      uint8 // codes.Kind
	Code      uint32
	UK, EN    string
	Published time.Time
}

// StatusEvent is one change of an ID's state, with why.
type StatusEvent struct {
	Seq       int64
	ID        int64
	At        time.Time
	From, To  State
	Ground    Ground
	Order     string    // number of the order; may be empty only where Ground allows it
	OrderDate time.Time // date of the order
	Operator  string    // id of the operator who did it; "" for the program itself
}

// AuditRow is one link of the audit chain.
type AuditRow struct {
	Seq   uint64
	Hash  [32]byte // SHA-256(hash of Seq-1 ‖ Entry)
	Entry []byte   // canonical CBOR
}

// AuditHead anchors the chain: the newest sequence number and hash. Seq 0 is the empty chain.
type AuditHead struct {
	Seq  uint64
	Hash [32]byte
}

// BodyRow is the body's own row.
type BodyRow struct {
	EDRPOU     string // 8 digits
	Name       string // Ukrainian
	NameEN     string
	Created    time.Time
	NextNumber uint64    // next number of an ID, ≥ 1
	Published  time.Time // iat of the last publication; zero before the first
	Audit      AuditHead
}

// OutboxRow is one thing to hand over: the tokens of a renewal to the holder's wallet.
type OutboxRow struct {
	Seq     int64
	ID      int64
	Renewal uint32
	At      time.Time
}

// IssueTx is what issuing, lifecycle, publication and audit need of a transaction. Methods answer
// ErrNotFound and ErrConflict as named; slices are written in one go, all or none.
type IssueTx interface {
	CreateBody(b BodyRow) error // ErrConflict when there is one
	Body() (BodyRow, error)     // ErrNotFound before CreateBody
	SetNextNumber(n uint64) error
	SetPublished(at time.Time) error
	SetAuditHead(from, to AuditHead) error // ErrConflict when the stored head is not from

	Setting(name string) ([]byte, error) // ErrNotFound
	SetSetting(name string, value []byte) error

	Situations(entitlements []int64) ([]Situation, error) // in the order asked
	HolderRevoked(entitlement int64, holder [32]byte) (bool, error)
	NextIDRow() (int64, error)
	NextTokenRow() (int64, error)
	InsertIDs(ids []ID) error
	InsertIntents(in []Intent) error
	InsertTokens(tokens []TokenRow) error
	InsertSigned(tokens []TokenRow) error // ID and Signed are read
	FinishIntents(in []Intent, stage Stage) error
	PendingIntents(limit int) ([]Intent, error)
	// IssueIDs moves fresh IDs from pending to issued and sets the renewal number and times of all.
	IssueIDs(ids []ID) error
	InsertOutbox(rows []OutboxRow) error
	Outbox(limit int) ([]OutboxRow, error)
	DeleteOutbox(seqs []int64) error

	IDByRow(row int64) (ID, error)
	IDBySerial(s Serial) (ID, error)
	IDsByNumber(number string) ([]ID, error)
	IDsOfEntitlement(entitlement int64) ([]ID, error)
	ListIDs(after int64, states []State, limit int) ([]ID, error) // row > after, ascending; no states: all
	DueRenewals(issuedBefore time.Time, after int64, limit int) ([]ID, error)
	ExpiredIDs(at time.Time, limit int) ([]ID, error)
	// SetIDState changes the state from from to to; ErrConflict when the stored state is not from.
	SetIDState(row int64, from, to State, at time.Time) error
	TokensOf(row int64, renewal uint32) ([]TokenRow, error) // with payload and signed bytes
	// SetTokenValues sets the published status of the ID's tokens that expire after at and are not invalid
	// already; it answers how many.
	SetTokenValues(row int64, value uint8, at time.Time) (int, error)
	// SetRenewalValues is SetTokenValues for the tokens of one renewal, expired or not.
	SetRenewalValues(row int64, renewal uint32, value uint8) (int, error)
	PurgeTokens(expiredBefore time.Time, limit int) (int, error) // forgets payload and signed bytes

	StatusLists() ([]StatusList, error)
	PutStatusList(l StatusList) error                   // inserts, or raises LastExp
	UsedIndices(list uint16) ([]uint32, error)          // every index ever given in the list, to tokens and cards
	StatusValues(list uint16) ([]StatusValueRow, error) // those that are not 0

	Codes() ([]CodeRow, error)
	CodeByText(kind uint8, uk, en string) (CodeRow, error)
	InsertCode(kind uint8, uk, en string) (CodeRow, error) // next number of the kind
	MarkCodesPublished(at time.Time) error

	InsertStatusEvents(ev []StatusEvent) error
	StatusEvents(id int64) ([]StatusEvent, error)

	InsertAudit(rows []AuditRow) error
	AuditRows(after uint64, limit int) ([]AuditRow, error)
}

// StatusValueRow is one index of a list that is not valid.
type StatusValueRow struct {
	Index uint32
	Value uint8
}
