package store

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/posvid/posvid/issuer"
)

func (t *tx) ReplaceOnlineCode(idrow int64, at time.Time) error {
	_, err := t.exec("UPDATE online_codes SET used = 2, closed = ? WHERE idrow = ? AND used = 0", unix(at), idrow)
	return err
}

func (t *tx) InsertOnlineCode(c issuer.OnlineCodeRow) (int64, error) {
	return t.insert("INSERT INTO online_codes (idrow, link, digits, made, expires, used, closed) VALUES (?, ?, ?, ?, ?, ?, ?)",
		c.IDRow, c.Link[:], c.Digits[:], unix(c.Made), unix(c.Expires), int64(c.Use), unix(c.Closed))
}

func (t *tx) CountOnlineCodes(idrow int64, after time.Time) (n int, err error) {
	err = t.row("SELECT count(*) FROM online_codes WHERE idrow = ? AND made > ?", []any{idrow, unix(after)}, &n)
	return n, err
}

func (t *tx) OnlineCodeBy(means issuer.OnlineMeans, mac [32]byte) (issuer.OnlineCodeRow, error) {
	var q string
	switch means {
	case issuer.OnlineByLink:
		q = "SELECT id, idrow, link, digits, made, expires, used, closed FROM online_codes WHERE link = ?"
	case issuer.OnlineByDigits:
		q = "SELECT id, idrow, link, digits, made, expires, used, closed FROM online_codes WHERE digits = ?"
	default:
		return issuer.OnlineCodeRow{}, fmt.Errorf("store: online code: means %d, want link or digits", means)
	}
	return one(t, q, []any{mac[:]}, func(scan func(...any) error) (c issuer.OnlineCodeRow, err error) {
		var link, digits []byte
		var made, expires, closed int64
		if err := scan(&c.ID, &c.IDRow, &link, &digits, &made, &expires, &c.Use, &closed); err != nil {
			return c, err
		}
		c.Link, c.Digits, c.Made, c.Expires, c.Closed = hash32(link), hash32(digits), fromUnix(made), fromUnix(expires), fromUnix(closed)
		return c, nil
	})
}

func (t *tx) UseOnlineCode(code int64, at time.Time) (idrow int64, err error) {
	err = t.row("UPDATE online_codes SET used = 1, closed = ?1 WHERE id = ?2 AND used = 0 AND expires > ?1 RETURNING idrow",
		[]any{unix(at), code}, &idrow)
	return idrow, err
}

// onlineWho is what is sealed of a verifier.
type onlineWho struct {
	ID     string `json:"id,omitempty"`
	Name   string `json:"name,omitempty"`
	EDRPOU string `json:"edrpou,omitempty"`
	Body   string `json:"body,omitempty"`
	Place  string `json:"place,omitempty"`
}

// onlinePlace binds who checked to the code: beside another check it does not open.
func onlinePlace(code int64) string { return strconv.FormatInt(code, 10) }

func (t *tx) InsertOnlineCheck(c issuer.OnlineCheckRow) (int64, error) {
	plain, err := json.Marshal(onlineWho{c.By.ID, c.By.Name, c.By.EDRPOU, c.By.Body, c.By.Place})
	if err != nil {
		return 0, fmt.Errorf("store: online check: %w", err)
	}
	who, err := t.seal("online_checks.who", onlinePlace(c.Code), plain)
	if err != nil {
		return 0, err
	}
	return t.insert("INSERT INTO online_checks (idrow, code, at, answer, mode, means, who) VALUES (?, ?, ?, ?, ?, ?, ?)",
		c.IDRow, c.Code, unix(c.At), int64(c.Answer), int64(c.Mode), int64(c.Means), who)
}

func (t *tx) OnlineChecks(idrow, before int64, limit int) ([]issuer.OnlineCheckRow, error) {
	return many(t, `SELECT id, idrow, code, at, answer, mode, means, who FROM online_checks
		WHERE idrow = ? AND id < ? ORDER BY id DESC LIMIT ?`, []any{idrow, before, limit},
		func(scan func(...any) error) (c issuer.OnlineCheckRow, err error) {
			var at int64
			var sealed []byte
			if err := scan(&c.ID, &c.IDRow, &c.Code, &at, &c.Answer, &c.Mode, &c.Means, &sealed); err != nil {
				return c, err
			}
			c.At = fromUnix(at)
			plain, err := t.open("online_checks.who", onlinePlace(c.Code), sealed)
			if err != nil {
				return c, err
			}
			var who onlineWho
			if err := json.Unmarshal(plain, &who); err != nil {
				return c, fmt.Errorf("store: online check %d: who is not readable: %w", c.ID, ErrDamaged)
			}
			c.By = issuer.OnlineVerifier{ID: who.ID, Name: who.Name, EDRPOU: who.EDRPOU, Body: who.Body, Place: who.Place}
			return c, nil
		})
}

func (t *tx) OnlineTries(who [32]byte, at time.Time, window time.Duration) (n int, err error) {
	err = t.row("SELECT ifnull(sum(tries), 0) FROM online_tries WHERE who = ? AND abs(? - start) < ?", []any{who[:], unix(at), seconds(window)}, &n)
	return n, err
}

func (t *tx) AddOnlineTry(who [32]byte, at time.Time, window time.Duration) error {
	if _, err := t.PurgeOnlineTries(at, window); err != nil {
		return err
	}
	_, err := t.exec("INSERT INTO online_tries (who, start, tries) VALUES (?, ?, 1) ON CONFLICT (who) DO UPDATE SET tries = tries + 1",
		who[:], unix(at))
	return err
}

func (t *tx) PurgeOnlineCodes(expiredBefore time.Time, limit int) (int, error) {
	return t.affected("DELETE FROM online_codes WHERE id IN (SELECT id FROM online_codes WHERE expires < ? ORDER BY expires LIMIT ?)",
		unix(expiredBefore), limit)
}

func (t *tx) PurgeOnlineChecks(before time.Time, limit int) (int, error) {
	return t.affected(`DELETE FROM online_checks WHERE id IN (SELECT k.id FROM online_checks k
		WHERE k.at < ? AND NOT EXISTS (SELECT 1 FROM online_codes c WHERE c.id = k.code) ORDER BY k.at LIMIT ?)`, unix(before), limit)
}

// A window that begins in the future was opened by a clock that has been set back since.
func (t *tx) PurgeOnlineTries(at time.Time, window time.Duration) (int, error) {
	return t.affected("DELETE FROM online_tries WHERE abs(? - start) >= ?", unix(at), seconds(window))
}

func seconds(d time.Duration) int64 { return int64(d / time.Second) }
