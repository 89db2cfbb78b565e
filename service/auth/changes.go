package auth

import (
	"bytes"
	"context"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/store"
)

// What a line of the account audit is about. The words are stored and never renamed.
const (
	changeInvited        = "invited"         // number: invitation
	changePasskeyInvited = "passkey-invited" // number: invitation
	changeEnded          = "invitation-ended"
	changeJoined         = "joined" // number: invitation
	changeGranted        = "granted"
	changeTaken          = "role-taken"
	changeDisabled       = "disabled"
	changeEnabled        = "enabled"
	changeSessions       = "sessions-ended"
	changePasskeyAdded   = "passkey-added"   // number: passkey
	changePasskeyRemoved = "passkey-removed" // number: passkey
	changePasskeyCloned  = "passkey-cloned"  // number: passkey
	changePasskeysReset  = "passkeys-reset"  // number: how many
)

// ErrChanges: the audit of accounts does not hold together: a line was changed, removed, added or moved.
var ErrChanges = errors.New("auth: audit of accounts is broken")

// change is one line of the account audit. It never holds a name or a subject.
type change struct {
	Seq     int64
	At      time.Time
	By      int64
	Account int64
	What    string
	Role    service.Role
	Body    string
	Number  int64
}

// bytes is the line as it is chained: lengths before texts, so that no two lines share their bytes.
func (c *change) bytes(before []byte) []byte {
	var b bytes.Buffer
	b.Write(before)
	for _, n := range []int64{c.Seq, c.At.Unix(), c.By, c.Account, c.Number} {
		binary.Write(&b, binary.BigEndian, n) // a bytes.Buffer takes everything
	}
	for _, s := range []string{c.What, string(c.Role), c.Body} {
		binary.Write(&b, binary.BigEndian, uint32(len(s)))
		b.WriteString(s)
	}
	return b.Bytes()
}

// record adds a line to the account audit.
func record(tx *store.ServiceTx, s *store.Service, c change) error {
	before := make([]byte, 32)
	err := tx.Row("SELECT seq, mac FROM account_changes ORDER BY seq DESC LIMIT 1", nil, &c.Seq, &before)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	c.Seq++
	mac, err := s.MAC("account change", c.bytes(before))
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO account_changes (seq, at, by, account, what, role, body, number, mac) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		c.Seq, c.At.Unix(), c.By, c.Account, c.What, string(c.Role), c.Body, c.Number, mac[:])
	return err
}

// CheckChanges reads the whole account audit and answers how many lines it has. The last lines of it can be cut off unseen
// unless their count is kept elsewhere. Error: ErrChanges.
func CheckChanges(ctx context.Context, s *store.Service) (lines int64, err error) {
	err = s.View(ctx, func(tx *store.ServiceTx) error {
		before := make([]byte, 32)
		return tx.Rows("SELECT seq, at, by, account, what, role, body, number, mac FROM account_changes ORDER BY seq", nil, func(scan func(...any) error) error {
			var c change
			var at int64
			var role string
			var mac []byte
			if err := scan(&c.Seq, &at, &c.By, &c.Account, &c.What, &role, &c.Body, &c.Number, &mac); err != nil {
				return err
			}
			c.At, c.Role = time.Unix(at, 0), service.Role(role)
			want, err := s.MAC("account change", c.bytes(before))
			if err != nil {
				return err
			}
			if lines++; c.Seq != lines || subtle.ConstantTimeCompare(want[:], mac) != 1 {
				return fmt.Errorf("%w: line %d", ErrChanges, lines)
			}
			before = mac
			return nil
		})
	})
	if err != nil {
		return 0, err
	}
	return lines, nil
}

// changesOf reads the newest lines about a body: of its roles, its invitations, and of the accounts that have a role in it.
func changesOf(tx *store.ServiceTx, body string, limit int) (list []change, err error) {
	err = tx.Rows(`SELECT seq, at, by, account, what, role, body, number FROM account_changes
		WHERE body = $1 OR body = '' AND account IN (SELECT account FROM grants WHERE body = $1) ORDER BY seq DESC LIMIT $2`,
		[]any{body, limit}, func(scan func(...any) error) error {
			var c change
			var at int64
			var role string
			if err := scan(&c.Seq, &at, &c.By, &c.Account, &c.What, &role, &c.Body, &c.Number); err != nil {
				return err
			}
			c.At, c.Role = time.Unix(at, 0), service.Role(role)
			list = append(list, c)
			return nil
		})
	return list, err
}
