package hr

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Status is what HR says of a person in a post.
type Status string

// The three states of HR; anything else is set aside.
const (
	StatusActive    Status = "active"
	StatusSuspended Status = "suspended"
	StatusDismissed Status = "dismissed"
)

// Person is who: the part that does not change with the post. RNOKPP, UNZR and BirthDate never reach a plan file: plans
// carry keyed hashes of the numbers instead.
type Person struct {
	RNOKPP         string `json:"-"` // ten digits, or "" where the person has none
	UNZR           string `json:"-"` // РРРРММДД-NNNNC, or ""
	Surname        string `json:"surname,omitempty"`
	GivenName      string `json:"given_name,omitempty"`
	Patronymic     string `json:"patronymic,omitempty"`
	SurnameLatin   string `json:"surname_latin,omitempty"`    // passport spelling, else КМУ 55
	GivenNameLatin string `json:"given_name_latin,omitempty"` // passport spelling, else КМУ 55
	BirthDate      Date   `json:"-"`                          // only to check the numbers against
}

// Plastic is the record of the plastic service ID with its contactless carrier.
type Plastic struct {
	Series        string `json:"series,omitempty"`
	Number        string `json:"number,omitempty"`
	Issued        Date   `json:"issued,omitzero"`
	Expires       Date   `json:"expires,omitzero"` // last day of validity
	CarrierNumber string `json:"carrier_number,omitempty"`
}

// Post is where and as what.
type Post struct {
	EDRPOU      string `json:"edrpou"`
	BodyName    string `json:"body_name,omitempty"`
	StaffNumber string `json:"staff_number,omitempty"` // табельний номер
	Unit        string `json:"unit,omitempty"`
	UnitEN      string `json:"unit_en,omitempty"`
	Position    string `json:"position,omitempty"`
	PositionEN  string `json:"position_en,omitempty"`
	Category    string `json:"category,omitempty"` // А, Б, В in Cyrillic, or ""
	Rank        uint8  `json:"rank,omitempty"`     // 1 the highest … 9; 0 none
	Official    bool   `json:"official,omitempty"` // посадова особа; false: працівник
	KATOTTG     string `json:"katottg,omitempty"`
	From        Date   `json:"from,omitzero"`        // first day
	Until       Date   `json:"until,omitzero"`       // last day, zero when open
	WorkPhone   string `json:"work_phone,omitempty"` // for the directory; never in an ID
	WorkEmail   string `json:"work_email,omitempty"` // for the directory; never in an ID
}

// Hash is a SHA-256 value; the zero value means "none". In JSON it is lower-case hex.
type Hash [sha256.Size]byte

// IsZero says whether there is none.
func (h Hash) IsZero() bool { return h == Hash{} }

// String is the value in hex, or "" for none.
func (h Hash) String() string {
	if h.IsZero() {
		return ""
	}
	return hex.EncodeToString(h[:])
}

// MarshalText is String.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads 64 lower-case hex digits, or nothing for none.
func (h *Hash) UnmarshalText(b []byte) error { return unhex32((*[32]byte)(h), b) }

func unhex32(dst *[32]byte, b []byte) error {
	*dst = [32]byte{}
	if len(b) == 0 {
		return nil
	}
	if len(b) != 64 || strings.ToLower(string(b)) != string(b) {
		return errors.New("hr: hash: want 64 lower-case hex digits")
	}
	_, err := hex.Decode(dst[:], b)
	return err
}

// Record is one row: one person in one post.
type Record struct {
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`

	Person
	Post
	Plastic Plastic `json:"plastic,omitzero"`

	Status      Status `json:"status"`
	Ground      string `json:"ground,omitempty"` // why the status is what it is: a Ground… code or the file's own text
	OrderNumber string `json:"order_number,omitempty"`
	OrderDate   Date   `json:"order_date,omitzero"`

	PhotoRef     string `json:"photo_ref,omitempty"`     // file name as HR gives it
	PhotoSHA256  Hash   `json:"photo_sha256,omitzero"`   // of the normalised JPEG; set by Photos.Attach
	PhotoProblem Code   `json:"photo_problem,omitempty"` // why there is no photo; set by Photos.Attach

	// StatusStated is true when the row itself named its status; an empty status means active.
	StatusStated bool `json:"-"`
	// StatusOnly is true for a stated leave or suspension in a row that is bad otherwise: nothing but the status and the
	// person key may be used.
	StatusOnly bool `json:"-"`
	// Problems of a StatusOnly row, and the warnings of any row.
	Problems []Problem `json:"-"`
}

// Grounds for a change of state that are recognised in a file and kept as codes; other texts are kept as they are.
const (
	GroundDismissal   = "dismissal"
	GroundTransfer    = "transfer"
	GroundNameChange  = "name-change"
	GroundExpiry      = "expiry"
	GroundLoss        = "loss"
	GroundDamage      = "damage"
	GroundSuspension  = "suspension"
	GroundLiquidation = "liquidation"
	GroundDataError   = "data-error"
	GroundDeath       = "death"
	GroundAbsent      = "absent-from-full-snapshot"
	GroundTermEnded   = "term-ended"
)

// FullName is "Прізвище Ім'я По батькові" in NFC with the apostrophe U+02BC; the patronymic may be missing.
func (r *Record) FullName() string {
	parts := make([]string, 0, 3)
	for _, s := range []string{r.Surname, r.GivenName, r.Patronymic} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, " ")
}

// LatinName is "SURNAME-part Given-part" as in the passport, else by КМУ 55; the patronymic is not transliterated.
func (r *Record) LatinName() string {
	return strings.TrimSpace(r.SurnameLatin + " " + r.GivenNameLatin)
}

// ValidUntil is the last day an electronic ID of this record may be valid: the earlier of the plastic's expiry and the
// end of employment. It is zero when the plastic has no expiry, and then there is no electronic ID.
func (r *Record) ValidUntil() Date {
	d := r.Plastic.Expires
	if !d.IsZero() && !r.Until.IsZero() && r.Until.Before(d) {
		return r.Until
	}
	return d
}

// Reason is one cause for which a record gives no electronic ID.
type Reason struct {
	Code Code     `json:"code"`
	Args []string `json:"args,omitempty"`
}

// Text is the cause in a language.
func (r Reason) Text(lang string) string { return r.Code.Text(lang, r.Args...) }

// NoIDReasons lists every cause for which the record gives no electronic ID at the time at; none means it gives one.
// Photos count as Photos.Attach left them.
func (r *Record) NoIDReasons(at time.Time) []Reason {
	var out []Reason
	add := func(c Code, args ...string) { out = append(out, Reason{c, args}) }
	today := DateInKyiv(at)
	if r.Status != StatusActive {
		add(NotActive)
	}
	if r.RNOKPP == "" {
		add(NoRNOKPP)
	}
	p := r.Plastic
	switch {
	case p == Plastic{}:
		add(NoPlastic)
	case p.Number == "" || p.Issued.IsZero() || p.Expires.IsZero():
		add(PlasticIncomplete)
	case p.Expires.Before(today):
		add(PlasticExpired, p.Expires.UA())
	}
	if !r.Until.IsZero() && r.Until.Before(today) {
		add(EmploymentEnded, r.Until.UA())
	}
	if today.Before(r.From) {
		add(NotYetEmployed, r.From.UA())
	}
	if r.PhotoSHA256.IsZero() {
		add(cmp.Or(r.PhotoProblem, NoPhoto))
	}
	return out
}

// PersonKey is what a person is known by: an HMAC, so that a stolen key list names nobody.
type PersonKey [sha256.Size]byte

// IsZero says whether there is no key.
func (k PersonKey) IsZero() bool { return k == PersonKey{} }

// String is the key in lower-case hex, or "" for none.
func (k PersonKey) String() string { return Hash(k).String() }

// MarshalText is String.
func (k PersonKey) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads 64 lower-case hex digits, or nothing.
func (k *PersonKey) UnmarshalText(b []byte) error { return unhex32((*[32]byte)(k), b) }

// KeyKind says which number a PersonKey comes from; it is also the first byte under the HMAC.
type KeyKind uint8

// The kinds, best first. The zero value is no key.
const (
	KeyRNOKPP KeyKind = 1
	KeyUNZR   KeyKind = 2
	KeyStaff  KeyKind = 3 // (ЄДРПОУ, табельний номер)
)

// String names the kind.
func (k KeyKind) String() string {
	switch k {
	case KeyRNOKPP:
		return "rnokpp"
	case KeyUNZR:
		return "unzr"
	case KeyStaff:
		return "staff"
	}
	return "none"
}

// MarshalText is String.
func (k KeyKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (k *KeyKind) UnmarshalText(b []byte) error {
	for _, x := range []KeyKind{0, KeyRNOKPP, KeyUNZR, KeyStaff} {
		if x.String() == string(b) {
			*k = x
			return nil
		}
	}
	return errors.New("hr: key kind: want rnokpp, unzr, staff or none")
}

// MinKeySecret is the fewest bytes of a secret that keys are made with.
const MinKeySecret = 32

// Keys holds every key that a record gives, for recognising a person whose best number changed.
type Keys struct {
	RNOKPP PersonKey `json:"rnokpp,omitzero"`
	UNZR   PersonKey `json:"unzr,omitzero"`
	Staff  PersonKey `json:"staff,omitzero"`
}

// Best is the key that the person is known by: РНОКПП, else УНЗР, else staff number.
func (k Keys) Best() (PersonKey, KeyKind) {
	switch {
	case !k.RNOKPP.IsZero():
		return k.RNOKPP, KeyRNOKPP
	case !k.UNZR.IsZero():
		return k.UNZR, KeyUNZR
	case !k.Staff.IsZero():
		return k.Staff, KeyStaff
	}
	return PersonKey{}, 0
}

// KeysOf computes every key of a record; numbers that are not valid give none.
func KeysOf(secret []byte, r *Record) (Keys, error) {
	var k Keys
	if len(secret) < MinKeySecret {
		return k, fmt.Errorf("hr: person key: secret of %d bytes, want at least %d", len(secret), MinKeySecret)
	}
	mac := hmac.New(sha256.New, secret)
	sum := func(kind KeyKind, parts ...string) (out PersonKey) {
		mac.Reset()
		mac.Write([]byte{byte(kind)})
		for _, p := range parts {
			mac.Write([]byte(p))
		}
		mac.Sum(out[:0])
		return out
	}
	if ValidRNOKPP(r.RNOKPP) {
		k.RNOKPP = sum(KeyRNOKPP, r.RNOKPP)
	}
	if ValidUNZR(r.UNZR) {
		k.UNZR = sum(KeyUNZR, r.UNZR)
	}
	if r.StaffNumber != "" && len(r.EDRPOU) == 8 {
		k.Staff = sum(KeyStaff, r.EDRPOU, r.StaffNumber) // ЄДРПОУ is always eight bytes, so no separator is needed
	}
	return k, nil
}

// KeyOf is the person key of a record: HMAC-SHA-256 under the secret over a type byte and РНОКПП (1), else УНЗР (2), else
// ЄДРПОУ and staff number (3). It fails with NoPersonKey when the record has none of them.
func KeyOf(secret []byte, r *Record) (PersonKey, KeyKind, error) {
	ks, err := KeysOf(secret, r)
	if err != nil {
		return PersonKey{}, 0, err
	}
	k, kind := ks.Best()
	if kind == 0 {
		return PersonKey{}, 0, Problem{File: r.File, Line: r.Line, Code: NoPersonKey}
	}
	return k, kind, nil
}

// postID names a post when it is first seen: 32 hex digits over body, staff number, unit and position. The issuer keeps it
// with the post from then on, so that a renamed unit does not make a new post.
func postID(r *Record, salt string) string {
	h := sha256.New()
	for _, s := range []string{"posvid hr post 1", r.EDRPOU, r.StaffNumber, r.Unit, r.Position, salt} {
		fmt.Fprintf(h, "%d:%s,", len(s), s)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// Changed names the fields in which two records of one post differ, in the spelling of the JSON form, sorted. File, line,
// birth date and the two numbers are not compared (the numbers are the person's key). Status, ground and order belong to
// the state and are not compared either.
func Changed(a, b *Record) []string {
	var out []string
	diff := func(name string, same bool) {
		if !same {
			out = append(out, name)
		}
	}
	diff("surname", a.Surname == b.Surname)
	diff("given_name", a.GivenName == b.GivenName)
	diff("patronymic", a.Patronymic == b.Patronymic)
	diff("surname_latin", a.SurnameLatin == b.SurnameLatin)
	diff("given_name_latin", a.GivenNameLatin == b.GivenNameLatin)
	diff("body_name", a.BodyName == b.BodyName)
	diff("edrpou", a.EDRPOU == b.EDRPOU)
	diff("staff_number", a.StaffNumber == b.StaffNumber)
	diff("unit", a.Unit == b.Unit)
	diff("unit_en", a.UnitEN == b.UnitEN)
	diff("position", a.Position == b.Position)
	diff("position_en", a.PositionEN == b.PositionEN)
	diff("category", a.Category == b.Category)
	diff("rank", a.Rank == b.Rank)
	diff("official", a.Official == b.Official)
	diff("katottg", a.KATOTTG == b.KATOTTG)
	diff("employed_from", a.From == b.From)
	diff("employed_until", a.Until == b.Until)
	diff("plastic_series", a.Plastic.Series == b.Plastic.Series)
	diff("plastic_number", a.Plastic.Number == b.Plastic.Number)
	diff("plastic_issued", a.Plastic.Issued == b.Plastic.Issued)
	diff("plastic_expires", a.Plastic.Expires == b.Plastic.Expires)
	diff("carrier_number", a.Plastic.CarrierNumber == b.Plastic.CarrierNumber)
	diff("photo", a.PhotoSHA256 == b.PhotoSHA256)
	diff("work_phone", a.WorkPhone == b.WorkPhone)
	diff("work_email", a.WorkEmail == b.WorkEmail)
	slices.Sort(out)
	return out
}
