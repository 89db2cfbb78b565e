package store

import (
	"github.com/posvid/posvid/issuer"
)

const cardColumns = "kind, number, guid, entitlement, status, value, state, expires, cert, payload, iat, exp, token, changed"

// bytesOrNull keeps "not known" apart from "empty": NULL in the file, nil in Go.
func bytesOrNull(b []byte) any {
	if b == nil {
		return nil
	}
	return b
}

// cardValues are the columns of a card in the order of cardColumns. A blank has neither an entitlement nor a status.
func cardValues(c *issuer.CardRow) []any {
	var entitlement, status any
	if c.Entitlement != 0 {
		entitlement, status = c.Entitlement, int64(c.Status)
	}
	return []any{int64(c.Kind), bytesOrNull(c.Number), bytesOrNull(c.GUID), entitlement, status, int64(c.Value), int64(c.State),
		unix(c.Expires), bytesOrNull(c.Cert), bytesOrNull(c.Payload), unix(c.IssuedAt), unix(c.ExpiresAt), bytesOrNull(c.Token), unix(c.Changed)}
}

func scanCard(scan func(...any) error) (c issuer.CardRow, err error) {
	var entitlement, status *int64
	var expires, iat, exp, changed int64
	if err := scan(&c.ID, &c.Kind, &c.Number, &c.GUID, &entitlement, &status, &c.Value, &c.State, &expires, &c.Cert, &c.Payload,
		&iat, &exp, &c.Token, &changed); err != nil {
		return c, err
	}
	if entitlement != nil && status != nil {
		c.Entitlement, c.Status = *entitlement, uint32(*status)
	}
	c.Expires, c.IssuedAt, c.ExpiresAt, c.Changed = fromUnix(expires), fromUnix(iat), fromUnix(exp), fromUnix(changed)
	return c, nil
}

func (t *tx) InsertCard(c issuer.CardRow) (int64, error) {
	return t.insert("INSERT INTO cards ("+cardColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", cardValues(&c)...)
}

func (t *tx) UpdateCard(c issuer.CardRow) error {
	return t.exec1("UPDATE cards SET ("+cardColumns+") = (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) WHERE id = ?", append(cardValues(&c), c.ID)...)
}

func (t *tx) Card(id int64) (issuer.CardRow, error) {
	return one(t, "SELECT id, "+cardColumns+" FROM cards WHERE id = ?", []any{id}, scanCard)
}

func (t *tx) CardByNumber(number []byte) (issuer.CardRow, error) {
	return one(t, "SELECT id, "+cardColumns+" FROM cards WHERE number = ? AND state <> 7", []any{number}, scanCard)
}

func (t *tx) CardByGUID(guid []byte) (issuer.CardRow, error) {
	return one(t, "SELECT id, "+cardColumns+" FROM cards WHERE guid = ? AND state <> 7", []any{guid}, scanCard)
}

func (t *tx) CardsOf(entitlement int64) ([]issuer.CardRow, error) {
	return many(t, "SELECT id, "+cardColumns+" FROM cards WHERE entitlement = ? ORDER BY id", []any{entitlement}, scanCard)
}

func (t *tx) Cards(each func(issuer.CardRow) error) error {
	return t.rows("SELECT id, "+cardColumns+" FROM cards ORDER BY id", nil, func(s func(...any) error) error {
		c, err := scanCard(s)
		if err != nil {
			return err
		}
		return each(c)
	})
}

func (t *tx) SetCardValue(id int64, value uint8) error {
	return t.exec1("UPDATE cards SET value = ? WHERE id = ?", int64(value), id)
}

func (t *tx) InsertCardEvent(e issuer.CardEvent) error {
	return t.exec1("INSERT INTO card_events (card, at, from_state, to_state, note, operator) VALUES (?, ?, ?, ?, ?, ?)",
		e.Card, unix(e.At), int64(e.From), int64(e.To), e.Note, e.Operator)
}

const cardEventQuery = "SELECT seq, card, at, from_state, to_state, note, operator FROM card_events "

func scanCardEvent(scan func(...any) error) (e issuer.CardEvent, err error) {
	var at int64
	err = scan(&e.Seq, &e.Card, &at, &e.From, &e.To, &e.Note, &e.Operator)
	e.At = fromUnix(at)
	return e, err
}

func (t *tx) CardEvents(card int64) ([]issuer.CardEvent, error) {
	return many(t, cardEventQuery+"WHERE card = ? ORDER BY seq", []any{card}, scanCardEvent)
}

func (t *tx) LastCardEvents(limit int) ([]issuer.CardEvent, error) {
	return many(t, cardEventQuery+"ORDER BY seq DESC LIMIT ?", []any{limit}, scanCardEvent)
}

func (t *tx) CountCards() (map[issuer.CardState]int, error) {
	counts := map[issuer.CardState]int{}
	err := t.rows("SELECT state, count(*) FROM cards GROUP BY state", nil, func(s func(...any) error) error {
		var state issuer.CardState
		var n int
		if err := s(&state, &n); err != nil {
			return err
		}
		counts[state] = n
		return nil
	})
	return counts, err
}
