package issuer

import (
	"time"

	"github.com/posvid/posvid/hr"
)

// RegisterTx is what the register of people, entitlements, operators, slips and enrolments needs of a transaction.
// Methods answer ErrNotFound and ErrConflict as named. РНОКПП, УНЗР and whole staff records are sealed at rest.
type RegisterTx interface {
	// Entitlement reads one entitlement as it stands at a time. Error: ErrNotFound.
	Entitlement(id int64, at time.Time) (Entitlement, error)
	// Wished lists entitlements whose holder asked for an ID and enrolled a key: row > after, ascending. Whether they are
	// live is for Entitlement to say.
	Wished(after int64, limit int) ([]int64, error)

	InsertPerson(p PersonRow) (int64, error) // ErrConflict when the key is there
	UpdatePerson(p PersonRow) error          // by ID; ErrConflict when the key is another person's
	Person(id int64) (PersonRow, error)      // ErrNotFound
	PersonByKey(k hr.PersonKey) (PersonRow, error)
	Persons(each func(PersonRow) error) error // every person, in order of ID

	InsertPost(p PostRow) (int64, error) // ErrConflict when the person holds that post already
	UpdatePost(p PostRow) error          // by ID: everything but the enrolment
	Post(id int64) (PostRow, error)      // ErrNotFound
	Posts(each func(PostRow) error) error
	PostsOfPerson(person int64) ([]PostRow, error)

	PutPlan(p PlanRow) error                          // inserts or replaces by number
	Plan(n uint64) (PlanRow, error)                   // ErrNotFound
	LastPlan() (PlanRow, error)                       // ErrNotFound before the first
	LastAction(kinds ...ApprovalKind) (uint64, error) // greatest number used in any of the kinds, 0 for none
	InsertAction(a ActionRow) error                   // ErrConflict when (kind, number) was used
	InsertApprovals(rows []ApprovalRow) error
	Approvals(kind ApprovalKind, number uint64) ([]ApprovalRow, error)
	PlansSince(applied time.Time) ([]PlanRow, error) // applied at that time or after, by number
	UpdateBlocked(blocked []int64) error             // these entitlements and no other are blocked

	InsertOperator(o Operator) (int64, error) // ErrConflict when key or person is or was an operator's
	UpdateOperator(o Operator) error          // roles and Removed, by ID
	Operators() ([]Operator, error)           // all, removed ones too, in order of ID

	InsertSlip(s SlipRow) (int64, error) // ErrConflict when a code is in use
	UpdateSlip(s SlipRow) error          // state, tries and Closed, by ID
	SlipByCode(mac [32]byte) (SlipRow, error)
	SlipByStop(mac [32]byte) (SlipRow, error)
	Slip(id int64) (SlipRow, error)
	SlipsOf(entitlement int64) ([]SlipRow, error) // oldest first
	OpenSlips() (map[int64]int64, error)          // entitlement → open slip

	// BindHolder gives a holder key to a person for ever; it answers whose it is, which may be another person.
	BindHolder(thumb [32]byte, person int64) (owner int64, err error)
	HolderPerson(thumb [32]byte) (int64, error)    // whose key it is; ErrNotFound
	InsertEnrolment(e EnrolmentRow) (int64, error) // ErrConflict when the entitlement has a live one
	EndEnrolment(id int64, to EnrolmentState, at time.Time) error
	EnrolmentsOf(entitlement int64) ([]EnrolmentRow, error) // oldest first
}

// PersonRow is one person of the register.
type PersonRow struct {
	ID     int64
	Key    hr.PersonKey // best key; never leaves the body
	Kind   hr.KeyKind
	RNOKPP string // sealed at rest; "" when the person has none
	UNZR   string // sealed at rest; "" when the person has none
}

// Origin says how an entitlement came into the register; the numbers are stored.
type Origin uint8

// Origins.
const (
	OriginPlan   Origin = 1 // a plan made from staff data
	OriginManual Origin = 2 // a manual entry that two operators signed
)

// PostRow is one entitlement (право на посвідчення): one person in one post with the plastic record, the term and the
// photo that go with it.
type PostRow struct {
	ID      int64
	Person  int64
	Key     hr.PersonKey // the person's; read only
	Kind    hr.KeyKind   // the person's; read only
	Keys    hr.Keys      // every key that the row of the staff file gave: the staff number goes with the post
	Post    string       // what the post is known by (hr.md), unique within the person
	Status  hr.Status
	Origin  Origin
	Number  uint64 // plan or manual entry that wrote the row last
	Blocked bool   // the last snapshot has a bad row for this person: no new token until it is mended
	Paused  bool   // a plan suspended the ID, so a plan may resume it
	Record  hr.Record
	// Enrolment is the live enrolment; its State is 0 when there is none. Read only.
	Enrolment EnrolmentRow
}

// PlanState is how far a plan got; the numbers are stored.
type PlanState uint8

// States of a plan.
const (
	PlanWaiting PlanState = 1 // all but the held items took effect
	PlanDone    PlanState = 2 // took effect whole
	PlanEnded   PlanState = 3 // a newer plan came before the held items were approved
)

// PlanRow is what the register keeps of a plan: no personal data.
type PlanRow struct {
	Number  uint64
	Hash    [32]byte // SHA-256 of the canonical plan
	State   PlanState
	Made    time.Time
	Expires time.Time
	Applied time.Time // first time that anything of it took effect
	Items   int
	Held    int     // items that are or were kept back
	Waiting []int   // their indices while the plan waits
	People  int     // people whom it changed without a second signature, as the brake counts them
	AsOf    hr.Date // day of the snapshot; zero when the file did not say
}

// ActionRow is one number that was used by an approved thing.
type ActionRow struct {
	Kind   ApprovalKind
	Number uint64
	Hash   [32]byte
	At     time.Time
}

// ApprovalRow is an approval that was counted, as evidence.
type ApprovalRow struct {
	Kind     ApprovalKind
	Number   uint64
	Part     ApprovalPart
	Operator int64
	At       time.Time
	Bytes    []byte // COSE_Sign1 as it came
}

// SlipState is what became of a slip; the numbers are stored.
type SlipState uint8

// States of a slip.
const (
	SlipOpen     SlipState = 1 // may be used until it expires
	SlipUsed     SlipState = 2 // a phone was enrolled with it
	SlipBlocked  SlipState = 3 // five tries failed
	SlipReplaced SlipState = 4 // a newer slip was made before this one was used
	SlipStopped  SlipState = 5 // its stop code came before its enrolment code
	SlipEnded    SlipState = 6 // the entitlement ended
)

// SlipRow is what the register keeps of a slip: keyed hashes, never a code.
type SlipRow struct {
	ID          int64
	Entitlement int64
	Code        [32]byte // HMAC of the SHA-256 of the enrolment code
	Stop        [32]byte // HMAC of the SHA-256 of the stop code
	Made        time.Time
	Expires     time.Time
	Closed      time.Time // when it left SlipOpen; zero while open
	Tries       int       // failed tries so far
	State       SlipState
}

// EnrolmentState is what became of an enrolment; the numbers are stored.
type EnrolmentState uint8

// States of an enrolment.
const (
	EnrolmentLive      EnrolmentState = 1 // the wish stands
	EnrolmentWithdrawn EnrolmentState = 2 // the holder withdrew the wish
	EnrolmentReplaced  EnrolmentState = 3 // the holder enrolled another phone
	EnrolmentEnded     EnrolmentState = 4 // the entitlement ended
)

// EnrolmentRow is the wish of a holder together with the key that he proved to possess.
type EnrolmentRow struct {
	ID          int64
	Entitlement int64
	Slip        int64
	Holder      []byte   // COSE_Key, canonical bytes
	Thumb       [32]byte // its SHA-256 thumbprint (RFC 9679)
	At          time.Time
	Ended       time.Time // zero while live
	State       EnrolmentState
}

// EntitlementOf is what issuing sees of a row of the register at a time.
func EntitlementOf(p *PostRow, at time.Time) Entitlement {
	r := &p.Record
	e := Entitlement{
		ID: p.ID, PersonKey: p.Key, Surname: r.Surname, Given: r.GivenName, Patronymic: r.Patronymic,
		Position: r.Position, PositionEN: r.PositionEN, Unit: r.Unit, UnitEN: r.UnitEN, Category: r.Category, Rank: r.Rank,
		HasPhoto: !r.PhotoSHA256.IsZero(), Number: r.Plastic.Series + r.Plastic.Number,
		Wish: p.Enrolment.State == EnrolmentLive, HolderKey: p.Enrolment.Holder,
		Live: len(p.Reasons(at)) == 0 && !p.Blocked,
	}
	copy(e.PhotoHash[:], r.PhotoSHA256[:])
	if until := r.ValidUntil(); !until.IsZero() {
		e.NotAfter = until.End()
	}
	return e
}

// Reasons lists every cause for which the row gives no electronic ID at a time; none means it gives one.
func (p *PostRow) Reasons(at time.Time) []hr.Reason {
	r := p.Record
	r.Status = p.Status
	return r.NoIDReasons(at)
}
