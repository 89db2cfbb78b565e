// Package office is the thin office module (Дія.Офіс) beside the service IDs: directory, surveys, mail, planning.
//
// It has no access to keys or credentials of the issuer: people, their posts and the state of their service IDs come in by
// value (Member, PostEntry), and it keeps its own tables behind Store. It reads no clock: the time is an argument.
// docs/spec/office-*.md have the rules.
package office

import (
	"context"
	"errors"
	"strconv"
	"strings"
)

// Errors that a Store answers with, wrapped.
var (
	ErrNotFound = errors.New("office: not found")
	ErrConflict = errors.New("office: conflicts with what is stored")
)

// Store keeps the module's tables. It is safe for use by many goroutines.
type Store interface {
	// Update runs f in the one write transaction and makes it durable; when f or the commit fails nothing of it remains.
	Update(ctx context.Context, f func(Tx) error) error
	// View runs f over one consistent snapshot; f cannot write.
	View(ctx context.Context, f func(Tx) error) error
	// MAC is a keyed hash under the store's data key.
	MAC(label string, data []byte) ([32]byte, error)
}

// Tx is one transaction. Queries are SQL with $1, $2, … and constant text. It is used by one goroutine, and not after the
// function it was given to.
type Tx interface {
	// Exec runs a statement and answers how many rows it touched. Error: ErrConflict for a uniqueness rule.
	Exec(q string, args ...any) (int64, error)
	// Exec1 is Exec for a statement that must touch exactly one row; otherwise ErrNotFound.
	Exec1(q string, args ...any) error
	// Insert runs an INSERT and answers the number of the new row. Error: ErrConflict.
	Insert(q string, args ...any) (int64, error)
	// Row scans the first row of the answer; ErrNotFound when there is none.
	Row(q string, args []any, dest ...any) error
	// Rows calls each for every row of the answer; each scans it.
	Rows(q string, args []any, each func(scan func(dest ...any) error) error) error
	// Seal encrypts a value for one column and one place (a row's own key), so that it opens nowhere else.
	Seal(column, place string, plain []byte) ([]byte, error)
	// Open is the opposite of Seal.
	Open(column, place string, sealed []byte) ([]byte, error)
}

// Status is what the service ID of a post is at a moment. The zero Status vouches for nobody.
type Status uint8

// Statuses; the numbers are stored.
const (
	StatusNone      Status = iota // no valid ID: none was issued, it expired, was revoked or replaced
	StatusValid                   // issued and in its term
	StatusSuspended               // suspended (зупинено)
)

// String is the code of a status: "none", "valid", "suspended".
func (s Status) String() string {
	switch s {
	case StatusValid:
		return "valid"
	case StatusSuspended:
		return "suspended"
	}
	return "none"
}

// Text is the status in words: lang "en" English, any other Ukrainian.
func (s Status) Text(lang string) string {
	uk, en := "немає чинного посвідчення", "no valid service ID"
	switch s {
	case StatusValid:
		uk, en = "посвідчення чинне", "service ID valid"
	case StatusSuspended:
		uk, en = "посвідчення зупинено", "service ID suspended"
	}
	if lang == "en" {
		return en
	}
	return uk
}

// Seat names one post of one person: a number in the register of a body. Every table of the module names people by it.
type Seat struct {
	Body string // ЄДРПОУ, eight digits
	Post int64  // number of the entitlement in the body's register, ≥ 1
}

// String is the seat as the module's tables and addresses write it: "99000011-17".
func (s Seat) String() string { return s.Body + "-" + strconv.FormatInt(s.Post, 10) }

// ParseSeat reads what String writes.
func ParseSeat(text string) (Seat, error) {
	body, post, ok := strings.Cut(text, "-")
	n, err := strconv.ParseInt(post, 10, 64)
	s := Seat{Body: body, Post: n}
	if !ok || err != nil || n < 1 || len(body) != 8 || strings.Trim(body, "0123456789") != "" || s.String() != text {
		return Seat{}, errors.New("office: seat: want eight digits, a hyphen and a number from 1")
	}
	return s, nil
}

// Member is an official with a valid service ID who uses the module, as the service knows him at this moment.
type Member struct {
	Seat
	Surname, Given, Patronymic string // patronymic may be empty
	Position                   string
	PositionEN                 string // may be empty
	Unit                       string // full name of the unit; empty: the body itself
	Category                   string // "А", "Б", "В" or empty
	Email                      string // work e-mail, lower case; may be empty
	Phone                      string // work phone; may be empty
}

// Name is the member's name as people read it: given name and surname.
func (m Member) Name() string {
	if m.Given == "" {
		return m.Surname
	}
	return m.Given + " " + m.Surname
}
