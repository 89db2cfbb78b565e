package office

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// AppScope is what an app password is for; a set.
type AppScope uint8

// Scopes; the numbers are stored.
const (
	ForDAV  AppScope = 1 << iota // address books and calendars
	ForMail                      // sending mail
)

// Has tells whether a set has all of another.
func (s AppScope) Has(want AppScope) bool { return s&want == want && want != 0 }

// AppEnd is why an app password no longer works.
type AppEnd uint8

// Reasons; the numbers are stored.
const (
	NotEnded     AppEnd = iota
	EndedByOwner        // on the owner's page
	EndedByAdmin        // by the administrator of the host
	EndedByLeave        // the person has left the post, or has the ID on another phone now
)

// Bounds of app passwords.
const (
	MaxAppPasswords  = 20 // in use at once, of one seat
	MaxAppLabel      = 60 // characters of a label
	appPasswordChars = 20 // of 5 bits each: nobody guesses 100 bits, so no number of wrong tries shuts anybody out
	appNameChars     = 8
)

// Errors of app passwords.
var (
	ErrAppPassword  = errors.New("office: no such app password")
	ErrAppLabel     = errors.New("office: label of an app password: want 1 to 60 characters of text")
	ErrAppScope     = errors.New("office: scope of an app password: want address books and calendars, mail, or both")
	ErrAppPasswords = errors.New("office: too many app passwords in use")
)

// AppPassword is the password of one program on one device, as far as it can be shown again.
type AppPassword struct {
	ID     int64
	Seat   Seat
	Name   string // user name that goes with it: 8 characters, unique
	Label  string // what its owner calls it; personal
	Scopes AppScope
	Made   time.Time
	Used   time.Time // day of the last use (UTC); zero: never
	Wrong  int       // tries with this user name and another password
	Tried  time.Time // day of the last of them
	Ended  time.Time // zero while in use
	Why    AppEnd
}

// AppPasswords keeps the app passwords of officials (docs/spec/office.md, Section 4). A password itself is never kept.
type AppPasswords struct{ store Store }

// NewAppPasswords keeps them in a store.
func NewAppPasswords(s Store) *AppPasswords { return &AppPasswords{s} }

// appAlphabet is base32 as people read it out: no I, L, O, U.
var appAlphabet = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

func randomChars(n int) string {
	b := make([]byte, (n*5+7)/8)
	rand.Read(b) // never fails
	return appAlphabet.EncodeToString(b)[:n]
}

// NormalAppPassword is a password as it is hashed: how it was grouped and typed does not matter.
func NormalAppPassword(typed string) string {
	return strings.Map(func(c rune) rune {
		switch c = unicode.ToUpper(c); c {
		case ' ', '-', '\t', '\u00a0':
			return -1
		case 'O':
			return '0'
		case 'I', 'L':
			return '1'
		}
		return c
	}, typed)
}

// Make makes a password for a seat and answers it in groups of four, once. Errors: ErrAppLabel, ErrAppScope, ErrAppPasswords.
func (a *AppPasswords) Make(ctx context.Context, seat Seat, label string, scopes AppScope, at time.Time) (AppPassword, string, error) {
	label = strings.Join(strings.Fields(label), " ")
	switch {
	case label == "" || !utf8.ValidString(label) || utf8.RuneCountInString(label) > MaxAppLabel || strings.ContainsFunc(label, unicode.IsControl):
		return AppPassword{}, "", ErrAppLabel
	case scopes == 0 || scopes > ForDAV|ForMail:
		return AppPassword{}, "", ErrAppScope
	case seat.Post < 1 || len(seat.Body) != 8:
		return AppPassword{}, "", fmt.Errorf("%w: seat", ErrNotFound)
	}
	secret := randomChars(appPasswordChars)
	v := AppPassword{Seat: seat, Name: strings.ToLower(randomChars(appNameChars)), Label: label, Scopes: scopes, Made: at.UTC().Truncate(time.Second)}
	mac, err := a.mac(secret)
	if err != nil {
		return AppPassword{}, "", err
	}
	err = a.store.Update(ctx, func(tx Tx) error {
		var n int
		if err := tx.Row("SELECT count(*) FROM office_passwords WHERE body = $1 AND post = $2 AND ended = 0", []any{seat.Body, seat.Post}, &n); err != nil {
			return err
		}
		if n >= MaxAppPasswords {
			return ErrAppPasswords
		}
		sealed, err := tx.Seal("office_passwords.label", v.Name, []byte(label))
		if err != nil {
			return err
		}
		v.ID, err = tx.Insert("INSERT INTO office_passwords (body, post, name, mac, label, scopes, made) VALUES ($1, $2, $3, $4, $5, $6, $7)",
			seat.Body, seat.Post, v.Name, mac[:], sealed, int64(scopes), v.Made.Unix())
		return err
	})
	if err != nil {
		return AppPassword{}, "", err
	}
	var groups []string
	for i := 0; i < len(secret); i += 4 {
		groups = append(groups, secret[i:i+4])
	}
	return v, strings.Join(groups, "-"), nil
}

func (a *AppPasswords) mac(normal string) ([32]byte, error) {
	return a.store.MAC("office app password", []byte(normal))
}

const appColumns = "id, body, post, name, label, scopes, made, used, wrong, tried, ended, why"

func scanApp(tx Tx, scan func(...any) error) (v AppPassword, err error) {
	var label []byte
	var made, used, tried, ended, scopes, why int64
	if err := scan(&v.ID, &v.Seat.Body, &v.Seat.Post, &v.Name, &label, &scopes, &made, &used, &v.Wrong, &tried, &ended, &why); err != nil {
		return v, err
	}
	plain, err := tx.Open("office_passwords.label", v.Name, label)
	v.Label, v.Scopes, v.Why = string(plain), AppScope(scopes), AppEnd(why)
	v.Made, v.Used, v.Tried, v.Ended = unixTime(made), unixTime(used), unixTime(tried), unixTime(ended)
	return v, err
}

func unixTime(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(n, 0).UTC()
}

func day(at time.Time) int64 { return at.Unix() / 86400 * 86400 }

// List lists a seat's passwords in use, newest first. With a zero seat it lists everybody's.
func (a *AppPasswords) List(ctx context.Context, seat Seat) ([]AppPassword, error) {
	q, args := "SELECT "+appColumns+" FROM office_passwords WHERE ended = 0 AND body = $1 AND post = $2 ORDER BY id DESC", []any{seat.Body, seat.Post}
	switch {
	case seat == Seat{}:
		q, args = "SELECT "+appColumns+" FROM office_passwords WHERE ended = 0 ORDER BY body, post, id DESC", nil
	case seat.Post == 0:
		q, args = "SELECT "+appColumns+" FROM office_passwords WHERE ended = 0 AND body = $1 ORDER BY post, id DESC", []any{seat.Body}
	}
	var list []AppPassword
	err := a.store.View(ctx, func(tx Tx) error {
		list = nil
		return tx.Rows(q, args, func(scan func(...any) error) error {
			v, err := scanApp(tx, scan)
			list = append(list, v)
			return err
		})
	})
	return list, err
}

// Find finds the password in use that a program shows. Who it is for, and under which user name, is for the caller to compare. The
// table is searched by a keyed hash, so how long that takes tells nothing of what was shown. Error: ErrAppPassword.
func (a *AppPasswords) Find(ctx context.Context, password string) (v AppPassword, err error) {
	normal := NormalAppPassword(password)
	if len(normal) != appPasswordChars {
		return AppPassword{}, ErrAppPassword
	}
	mac, err := a.mac(normal)
	if err != nil {
		return AppPassword{}, err
	}
	err = a.store.View(ctx, func(tx Tx) error {
		found := false
		err := tx.Rows("SELECT "+appColumns+" FROM office_passwords WHERE mac = $1 AND ended = 0", []any{mac[:]}, func(scan func(...any) (err error)) (err error) {
			found = true
			v, err = scanApp(tx, scan)
			return err
		})
		if err == nil && !found {
			err = ErrAppPassword
		}
		return err
	})
	if err != nil {
		return AppPassword{}, err
	}
	return v, nil
}

// Live tells whether a password that was found is still in use. Error: ErrAppPassword when it was ended since.
func (a *AppPasswords) Live(ctx context.Context, id int64) error {
	return a.store.View(ctx, func(tx Tx) error {
		var n int
		err := tx.Row("SELECT count(*) FROM office_passwords WHERE id = $1 AND ended = 0", []any{id}, &n)
		if err == nil && n != 1 {
			err = ErrAppPassword
		}
		return err
	})
}

// Used notes the day of a use; it writes at most once a day.
func (a *AppPasswords) Used(ctx context.Context, v AppPassword, at time.Time) error {
	if !v.Used.IsZero() && v.Used.Unix() == day(at) {
		return nil
	}
	return a.store.Update(ctx, func(tx Tx) error {
		_, err := tx.Exec("UPDATE office_passwords SET used = $2 WHERE id = $1", v.ID, day(at))
		return err
	})
}

// Wrong counts a try with a user name of this service and a wrong password, for the owner to see. A name that is nobody's counts
// nowhere.
func (a *AppPasswords) Wrong(ctx context.Context, name string, at time.Time) error {
	if len(name) != appNameChars {
		return nil
	}
	return a.store.Update(ctx, func(tx Tx) error {
		_, err := tx.Exec("UPDATE office_passwords SET wrong = min(wrong + 1, 1000000), tried = $2 WHERE name = $1 AND ended = 0", strings.ToLower(name), day(at))
		return err
	})
}

// WrongOf is Wrong for a user name that goes with every password of a seat.
func (a *AppPasswords) WrongOf(ctx context.Context, seat Seat, at time.Time) error {
	return a.store.Update(ctx, func(tx Tx) error {
		_, err := tx.Exec("UPDATE office_passwords SET wrong = min(wrong + 1, 1000000), tried = $3 WHERE body = $1 AND post = $2 AND ended = 0", seat.Body, seat.Post, day(at))
		return err
	})
}

// End ends one password of a seat. Error: ErrAppPassword when it is none in use of that seat.
func (a *AppPasswords) End(ctx context.Context, seat Seat, id int64, why AppEnd, at time.Time) error {
	return a.store.Update(ctx, func(tx Tx) error {
		n, err := tx.Exec("UPDATE office_passwords SET ended = $4, why = $5 WHERE id = $1 AND body = $2 AND post = $3 AND ended = 0", id, seat.Body, seat.Post, at.Unix(), int64(why))
		if err == nil && n != 1 {
			err = ErrAppPassword
		}
		return err
	})
}

// EndAll ends every password of a seat and answers how many there were.
func (a *AppPasswords) EndAll(ctx context.Context, seat Seat, why AppEnd, at time.Time) (n int64, err error) {
	err = a.store.Update(ctx, func(tx Tx) (err error) {
		n, err = tx.Exec("UPDATE office_passwords SET ended = $3, why = $4 WHERE body = $1 AND post = $2 AND ended = 0", seat.Body, seat.Post, at.Unix(), int64(why))
		return err
	})
	return n, err
}

// Seats lists every seat with a password in use.
func (a *AppPasswords) Seats(ctx context.Context) ([]Seat, error) {
	var list []Seat
	err := a.store.View(ctx, func(tx Tx) error {
		list = nil
		return tx.Rows("SELECT DISTINCT body, post FROM office_passwords WHERE ended = 0 ORDER BY body, post", nil, func(scan func(...any) error) error {
			var s Seat
			err := scan(&s.Body, &s.Post)
			list = append(list, s)
			return err
		})
	})
	return list, err
}
