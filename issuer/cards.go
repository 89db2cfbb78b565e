package issuer

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/hr"
	"github.com/posvid/posvid/trust"
)

// Errors of cards; each is wrapped with what was wanted and what came.
var (
	// ErrCardState: the change is not one that may follow the card's state.
	ErrCardState = errors.New("issuer: change not allowed from this state of the card [card-state]")
	// ErrCardTaken: the carrier's number or GUID is another card's.
	ErrCardTaken = errors.New("issuer: the carrier is entered already [card-taken]")
	// ErrCardNumber: the carrier's number is no number, or not the one that HR gave.
	ErrCardNumber = errors.New("issuer: the carrier's number does not fit [card-number]")
	// ErrCardUnbound: the card belongs to nobody yet.
	ErrCardUnbound = errors.New("issuer: the card belongs to nobody [card-unbound]")
	// ErrCardToken: the card has a token already, and it says something else.
	ErrCardToken = errors.New("issuer: the card has another token [card-token]")
)

// CardKind says what a card can do; the numbers are stored and never reused.
type CardKind uint8

// Kinds of cards.
const (
	CardNumber CardKind = 1 // only its number can be read: never green
	CardPIV    CardKind = 2 // signs a challenge with its card authentication key
	CardRecord CardKind = 3 // carries a token in an NDEF file
)

var cardKindNames = [...]string{"", "number", "piv", "record"}

// String is the kind's code, as flags and files name it; "unknown" for a number that is none.
func (k CardKind) String() string {
	if k == 0 || int(k) >= len(cardKindNames) {
		return "unknown"
	}
	return cardKindNames[k]
}

// CardState is where a blank is in its life; the numbers are stored and never reused. The zero value is no state.
type CardState uint8

// States of a card (журнал обліку бланків).
const (
	CardReceived     CardState = 1 // отримано: a blank in the safe
	CardPersonalised CardState = 2 // персоналізовано: made for a person, not handed over
	CardIssued       CardState = 3 // видано
	CardReturned     CardState = 4 // повернено
	CardLost         CardState = 5 // втрачено
	CardDestroyed    CardState = 6 // знищено; final
	CardCancelled    CardState = 7 // запис скасовано: entered by mistake; final
)

var cardStateNames = [...]struct{ code, uk, en string }{
	{}, {"received", "отримано", "received"}, {"personalised", "персоналізовано", "personalised"}, {"issued", "видано", "issued"},
	{"returned", "повернено", "returned"}, {"lost", "втрачено", "lost"}, {"destroyed", "знищено", "destroyed"},
	{"cancelled", "запис скасовано", "entry cancelled"},
}

// String is the state's code; "unknown" for a number that is none.
func (s CardState) String() string {
	if s == 0 || int(s) >= len(cardStateNames) {
		return "unknown"
	}
	return cardStateNames[s].code
}

// Text is the state in words: lang "en" English, any other Ukrainian.
func (s CardState) Text(lang string) string {
	switch {
	case s == 0 || int(s) >= len(cardStateNames):
		if lang == "en" {
			return "unknown"
		}
		return "невідомо"
	case lang == "en":
		return cardStateNames[s].en
	}
	return cardStateNames[s].uk
}

// cardSteps are the states that may follow each state.
var cardSteps = map[CardState][]CardState{
	CardReceived:     {CardPersonalised, CardIssued, CardLost, CardDestroyed, CardCancelled},
	CardPersonalised: {CardIssued, CardReturned, CardLost, CardDestroyed, CardCancelled},
	CardIssued:       {CardReturned, CardLost, CardDestroyed, CardCancelled},
	CardReturned:     {CardDestroyed},
	CardLost:         {CardReturned, CardDestroyed},
}

func (s CardState) mayBecome(to CardState) bool {
	for _, next := range cardSteps[s] {
		if next == to {
			return true
		}
	}
	return false
}

// ParseCardState reads a state's code. Error: ErrCardState.
func ParseCardState(code string) (CardState, error) {
	for s := CardReceived; int(s) < len(cardStateNames); s++ {
		if cardStateNames[s].code == code {
			return s, nil
		}
	}
	return 0, fmt.Errorf("%w: %q is no state", ErrCardState, code)
}

// CardRow is one card of the journal.
type CardRow struct {
	ID          int64
	Kind        CardKind
	Number      []byte // number of the contactless carrier as it is read, 4 to 32 bytes; nil when it is not known
	GUID        []byte // 16 bytes, of the CHUID of a PIV card; nil when there is none
	Entitlement int64  // whose card it is; 0 while it is a blank
	Status      uint32 // list<<20 | index; only with an Entitlement
	Value       uint8  // status published last: 0 valid, 1 invalid, 2 suspended
	State       CardState
	Expires     time.Time // end of the card itself (its certificate, its plastic); zero: not known
	Cert        []byte    // SHA-256 of the card authentication certificate; nil when there is none
	Payload     []byte    // payload of the record token; nil when there is none
	IssuedAt    time.Time // iat of the record token
	ExpiresAt   time.Time // exp of the record token
	Token       []byte    // the signed record token; nil before it was signed
	Changed     time.Time
}

// CardEvent is one line of the journal of blanks.
type CardEvent struct {
	Seq      int64
	Card     int64
	At       time.Time
	From, To CardState // From is 0 for the first line
	Note     string    // ground or number of the paper; at most 64 bytes
	Operator string    // id of the operator; "" = the program
}

// CardTx is what cards need of a transaction. Methods answer ErrNotFound and ErrConflict as named.
type CardTx interface {
	InsertCard(c CardRow) (int64, error) // ErrConflict when number, GUID or status is another card's or token's
	UpdateCard(c CardRow) error          // by ID: everything; ErrConflict as InsertCard
	Card(id int64) (CardRow, error)      // ErrNotFound
	CardByNumber(number []byte) (CardRow, error)
	CardByGUID(guid []byte) (CardRow, error)
	CardsOf(entitlement int64) ([]CardRow, error)  // oldest first
	Cards(each func(CardRow) error) error          // all, oldest first
	SetCardValue(id int64, value uint8) error      // the status to publish
	InsertCardEvent(e CardEvent) error             //
	CardEvents(card int64) ([]CardEvent, error)    // oldest first
	LastCardEvents(limit int) ([]CardEvent, error) // newest first
	CountCards() (map[CardState]int, error)        // by state
}

// CardEntry says what is entered into the journal.
type CardEntry struct {
	Kind        CardKind
	Number      []byte    // number of the contactless carrier; nil when it cannot be read
	GUID        []byte    // of a PIV card; nil otherwise
	Entitlement int64     // whose card it is; 0 for a blank
	State       CardState // CardReceived for a blank; CardPersonalised or CardIssued for somebody's card
	Expires     time.Time // zero: the term of the person's plastic record
	Cert        []byte    // SHA-256 of the card authentication certificate
}

// CardChange says who changes a card, when and on what paper.
type CardChange struct {
	Operator string
	Note     string // at most 64 bytes
	At       time.Time
}

func (c CardChange) check() error {
	switch {
	case c.At.IsZero():
		return errors.New("issuer: change of a card: time is missing")
	case len(c.Note) > maxOrder || !utf8.ValidString(c.Note):
		return fmt.Errorf("%w: note of %d bytes, want at most %d of UTF-8", ErrCardNumber, len(c.Note), maxOrder)
	}
	return nil
}

// noExpiry is for how long the status of a card without a known end is published.
const noExpiry = 20 * 365 * 24 * time.Hour

// ParseCarrierNumber reads the number of a contactless carrier as HR files and stickers give it: hexadecimal, in pairs that
// spaces, colons or hyphens may part, 4 to 32 bytes. Error: ErrCardNumber.
func ParseCarrierNumber(s string) ([]byte, error) {
	clean := strings.NewReplacer(" ", "", ":", "", "-", "").Replace(strings.TrimSpace(s))
	b, err := hex.DecodeString(clean)
	if err != nil || len(b) < 4 || len(b) > 32 {
		return nil, fmt.Errorf("%w: %d characters, want 4 to 32 bytes in hexadecimal", ErrCardNumber, len(clean))
	}
	return b, nil
}

// EnterCard writes a card into the journal: a blank that was received, or a card that somebody has or is to get. A card of
// a person gets a status index of its own, so that a checkpoint refuses it when the entitlement ends. Errors: ErrCardTaken,
// ErrCardNumber (also when HR gave another number), ErrCardState, ErrNotEntitled, ErrNotFound.
func (b *Body) EnterCard(ctx context.Context, e CardEntry, c CardChange) (CardRow, error) {
	if err := c.check(); err != nil {
		return CardRow{}, err
	}
	row := CardRow{Kind: e.Kind, Number: e.Number, GUID: e.GUID, Expires: e.Expires, State: e.State, Cert: e.Cert, Changed: c.At}
	if err := checkCard(&row); err != nil {
		return CardRow{}, err
	}
	switch {
	case e.Entitlement == 0 && e.State != CardReceived:
		return CardRow{}, fmt.Errorf("%w: a card of nobody is a blank: want %s, got %s", ErrCardState, CardReceived, e.State)
	case e.Entitlement != 0 && e.State != CardPersonalised && e.State != CardIssued:
		return CardRow{}, fmt.Errorf("%w: a card of a person: want %s or %s, got %s", ErrCardState, CardPersonalised, CardIssued, e.State)
	}
	err := b.store.Update(ctx, func(tx Tx) error {
		blank, err := cardOf(tx, &row)
		switch {
		case errors.Is(err, ErrNotFound):
			blank = CardRow{}
		case err != nil:
			return err
		case blank.State != CardReceived || e.Entitlement == 0:
			return fmt.Errorf("%w: as card %d, %s", ErrCardTaken, blank.ID, blank.State)
		}
		row.ID = blank.ID
		if row.Number == nil {
			row.Number = blank.Number
		}
		if row.GUID == nil {
			row.GUID = blank.GUID
		}
		if e.Entitlement != 0 {
			if err := b.bind(tx, &row, e.Entitlement, c.At); err != nil {
				return err
			}
		}
		if row.ID == 0 {
			if row.ID, err = tx.InsertCard(row); err != nil {
				return taken(err)
			}
		} else if err := tx.UpdateCard(row); err != nil {
			return taken(err)
		}
		return recordCard(tx, &row, blank.State, c)
	})
	if err != nil {
		return CardRow{}, err
	}
	return row, nil
}

func taken(err error) error {
	if errors.Is(err, ErrConflict) {
		return fmt.Errorf("%w: %w", ErrCardTaken, err)
	}
	return err
}

func checkCard(c *CardRow) error {
	switch {
	case c.Kind < CardNumber || c.Kind > CardRecord:
		return fmt.Errorf("%w: kind %d is unknown", ErrCardNumber, c.Kind)
	case c.Number == nil && c.GUID == nil:
		return fmt.Errorf("%w: neither a number nor a GUID", ErrCardNumber)
	case c.Number != nil && (len(c.Number) < 4 || len(c.Number) > 32):
		return fmt.Errorf("%w: number of %d bytes, want 4 to 32", ErrCardNumber, len(c.Number))
	case c.GUID != nil && (len(c.GUID) != 16 || bytes.Equal(c.GUID, make([]byte, 16))):
		return fmt.Errorf("%w: GUID of %d bytes, want 16 that are not all zero", ErrCardNumber, len(c.GUID))
	case c.Cert != nil && len(c.Cert) != sha256.Size:
		return fmt.Errorf("%w: hash of a certificate of %d bytes, want %d", ErrCardNumber, len(c.Cert), sha256.Size)
	}
	return nil
}

// cardOf finds the live entry of a card by either of its numbers. When the two are of two cards, that is ErrCardTaken.
func cardOf(tx Tx, c *CardRow) (CardRow, error) {
	var found CardRow
	look := func(number []byte, by func([]byte) (CardRow, error)) error {
		if number == nil {
			return nil
		}
		got, err := by(number)
		switch {
		case errors.Is(err, ErrNotFound):
			return nil
		case err != nil:
			return err
		case found.ID != 0 && found.ID != got.ID:
			return fmt.Errorf("%w: number and GUID are of two cards, %d and %d", ErrCardTaken, found.ID, got.ID)
		}
		found = got
		return nil
	}
	if err := look(c.Number, tx.CardByNumber); err != nil {
		return CardRow{}, err
	}
	if err := look(c.GUID, tx.CardByGUID); err != nil {
		return CardRow{}, err
	}
	if found.ID == 0 {
		return CardRow{}, fmt.Errorf("issuer: card: %w", ErrNotFound)
	}
	return found, nil
}

// bind gives a card to a person: a status index in the body's newest list, published for as long as the card lasts.
func (b *Body) bind(tx Tx, c *CardRow, entitlement int64, at time.Time) error {
	p, err := tx.Post(entitlement)
	if err != nil {
		return err
	}
	if p.Status == hr.StatusDismissed {
		return fmt.Errorf("%w: entitlement %d has ended", ErrNotEntitled, entitlement)
	}
	if !carriesNumber(&p, c.Number) {
		return fmt.Errorf("%w: HR gives another number for entitlement %d", ErrCardNumber, entitlement)
	}
	if c.Expires.IsZero() {
		c.Expires = plasticEnd(&p.Record)
	}
	if !c.Expires.IsZero() && !c.Expires.After(at) {
		return fmt.Errorf("%w: the card of entitlement %d ended at %s", ErrNotEntitled, entitlement, c.Expires.UTC().Format(time.RFC3339))
	}
	ref, err := b.indices.next(tx, b.cfg.Profile.ListSize)
	if err != nil {
		return err
	}
	c.Entitlement, c.Status = entitlement, uint32(ref)
	last := c.Expires
	if last.IsZero() {
		last = at.Add(noExpiry)
	}
	return tx.PutStatusList(StatusList{List: ref.List(), Capacity: b.cfg.Profile.ListSize, LastExp: last})
}

// carriesNumber tells whether a carrier's number is the one that HR gives for the person's plastic ID, where both are known: a
// plastic ID that took the place of another has another number.
func carriesNumber(p *PostRow, number []byte) bool {
	want, err := ParseCarrierNumber(p.Record.Plastic.CarrierNumber)
	return err != nil || number == nil || bytes.Equal(want, number)
}

// plasticEnd is the end of the day on which the plastic record ends; zero when it has no end.
func plasticEnd(r *hr.Record) time.Time {
	if r.Plastic.Expires.IsZero() {
		return time.Time{}
	}
	return r.Plastic.Expires.End()
}

// recordCard writes the line of the journal and the audit entry of what was done to a card.
func recordCard(tx Tx, c *CardRow, from CardState, ch CardChange) error {
	if err := tx.InsertCardEvent(CardEvent{Card: c.ID, At: ch.At, From: from, To: c.State, Note: ch.Note, Operator: ch.Operator}); err != nil {
		return err
	}
	return audit(tx, ch.At, AuditEntry{Event: EventCard, Operator: ch.Operator,
		Detail: []any{c.ID, uint64(from), uint64(c.State), c.Entitlement}})
}

// MoveCard brings a card to another state of the journal: handed over, returned, lost, destroyed, or cancelled when it was
// entered by mistake. What is not in somebody's hands by right is published as invalid from then on, for ever. Errors:
// ErrNotFound, ErrCardState.
func (b *Body) MoveCard(ctx context.Context, card int64, to CardState, c CardChange) (CardRow, error) {
	if err := c.check(); err != nil {
		return CardRow{}, err
	}
	var row CardRow
	err := b.store.Update(ctx, func(tx Tx) error {
		var err error
		if row, err = tx.Card(card); err != nil {
			return err
		}
		switch {
		case !row.State.mayBecome(to):
			return fmt.Errorf("%w: card %d is %s, %s is not possible", ErrCardState, card, row.State, to)
		case row.Entitlement == 0 && (to == CardPersonalised || to == CardIssued):
			return fmt.Errorf("%w: card %d", ErrCardUnbound, card)
		}
		from := row.State
		row.State, row.Changed = to, c.At
		if to != CardPersonalised && to != CardIssued {
			row.Value = valueInvalid
		}
		if err := tx.UpdateCard(row); err != nil {
			return err
		}
		return recordCard(tx, &row, from, c)
	})
	if err != nil {
		return CardRow{}, err
	}
	return row, nil
}

// Card reads one card with its lines of the journal. Error: ErrNotFound.
func (b *Body) Card(ctx context.Context, card int64) (row CardRow, events []CardEvent, err error) {
	err = b.store.View(ctx, func(tx Tx) error {
		if row, err = tx.Card(card); err != nil {
			return err
		}
		events, err = tx.CardEvents(card)
		return err
	})
	return row, events, err
}

// FindCard reads the live entry of a card by the number or the GUID that was read from it. Errors: ErrNotFound, ErrCardTaken
// when the two are of two cards.
func (b *Body) FindCard(ctx context.Context, number, guid []byte) (row CardRow, err error) {
	err = b.store.View(ctx, func(tx Tx) error {
		row, err = cardOf(tx, &CardRow{Number: number, GUID: guid})
		return err
	})
	return row, err
}

// Cards calls each for every card of the journal, oldest first.
func (b *Body) Cards(ctx context.Context, each func(CardRow) error) error {
	return b.store.View(ctx, func(tx Tx) error { return tx.Cards(each) })
}

// CardCounts is how many cards are in each state.
func (b *Body) CardCounts(ctx context.Context) (counts map[CardState]int, err error) {
	err = b.store.View(ctx, func(tx Tx) error {
		counts, err = tx.CountCards()
		return err
	})
	return counts, err
}

// cardStatus is the status of a card at a time: what its own state says, and what the register says of its holder.
// suspended tells whether the holder's electronic ID of that post is suspended or was ended for a ground that ends the post.
func cardStatus(c *CardRow, p *PostRow, suspended bool, at time.Time) uint8 {
	switch {
	case c.Value == valueInvalid:
		return valueInvalid // for ever
	case c.State != CardPersonalised && c.State != CardIssued:
		return valueInvalid
	case p.Status == hr.StatusDismissed:
		return valueInvalid
	case c.State == CardPersonalised: // made, and not in the hands of its holder: it opens no door
		return valueSuspended
	case p.Status != hr.StatusActive || suspended || !carriesNumber(p, c.Number):
		return valueSuspended
	}
	today := hr.DateInKyiv(at)
	r := &p.Record
	if !r.Until.IsZero() && r.Until.Before(today) || today.Before(r.From) || !r.Plastic.Expires.IsZero() && r.Plastic.Expires.Before(today) {
		return valueSuspended
	}
	return valueValid
}

// endsPost are the grounds with which an ID is revoked because its holder has left the post.
func (g Ground) endsPost() bool {
	switch g {
	case GroundDismissal, GroundTransfer, GroundLiquidation, GroundDeath, GroundEntitlement:
		return true
	}
	return false
}

// cardListAhead is for how long the list of a card that may still be used is published, counted from each publication.
const cardListAhead = 30 * 24 * time.Hour

// settleCards brings the status of every card to what the register says now, and lists the carriers to publish: nil when no
// card was ever somebody's, empty when all entries are cancelled. It is derived anew before each publication, so that no way
// of ending an entitlement can leave a card valid.
func (b *Body) settleCards(tx Tx, at time.Time) ([]trust.Carrier, error) {
	var cards []CardRow
	var carriers []trust.Carrier
	if err := tx.Cards(func(c CardRow) error {
		switch {
		case c.Entitlement == 0:
		case c.State == CardCancelled:
			carriers = []trust.Carrier{} // what was published of it has to be taken back
		default:
			cards = append(cards, c)
		}
		return nil
	}); err != nil || len(cards) == 0 {
		return carriers, err
	}
	posts := make(map[int64]*PostRow, len(cards))
	for i := range cards {
		posts[cards[i].Entitlement] = nil
	}
	ids := make([]int64, 0, len(posts))
	if err := tx.Posts(func(p PostRow) error {
		if _, wanted := posts[p.ID]; wanted {
			posts[p.ID] = &p
			ids = append(ids, p.ID)
		}
		return nil
	}); err != nil {
		return nil, err
	}
	suspended, err := suspendedPosts(tx, ids)
	if err != nil {
		return nil, err
	}
	usable := map[uint16]bool{} // lists into which a card points that is not past its end
	for i := range cards {
		c := &cards[i]
		p := posts[c.Entitlement]
		if p == nil {
			return nil, fmt.Errorf("issuer: card %d: entitlement %d: %w", c.ID, c.Entitlement, ErrNotFound)
		}
		value := cardStatus(c, p, suspended[c.Entitlement], at)
		if value != c.Value {
			if err := tx.SetCardValue(c.ID, value); err != nil {
				return nil, err
			}
		}
		if end := plasticEnd(&p.Record); value != valueInvalid && (end.IsZero() || end.After(at)) {
			usable[credential.StatusRef(c.Status).List()] = true
		}
		if c.GUID != nil {
			carriers = append(carriers, trust.Carrier{Kind: trust.CarrierGUID, Number: c.GUID, Body: b.cfg.EDRPOU, Status: c.Status})
		}
		if c.Number != nil {
			carriers = append(carriers, trust.Carrier{Kind: trust.CarrierNumber, Number: c.Number, Body: b.cfg.EDRPOU, Status: c.Status})
		}
	}
	// The term of a plastic ID may have been prolonged since its card was entered.
	for list := range usable {
		if err := tx.PutStatusList(StatusList{List: list, Capacity: b.cfg.Profile.ListSize, LastExp: at.Add(cardListAhead)}); err != nil {
			return nil, err
		}
	}
	return carriers, nil
}

// suspendedPosts tells of which entitlements the electronic ID is suspended, or was revoked because the post ended and not
// followed by another.
func suspendedPosts(tx Tx, entitlements []int64) (map[int64]bool, error) {
	out := map[int64]bool{}
	const page = 1000
	for start := 0; start < len(entitlements); start += page {
		chunk := entitlements[start:min(start+page, len(entitlements))]
		sits, err := tx.Situations(chunk)
		if err != nil {
			return nil, err
		}
		for i := range sits {
			s := &sits[i]
			switch {
			case s.Live.State == StateSuspended:
				out[s.Entitlement] = true
			case s.Live.State == 0 && s.Used:
				if out[s.Entitlement], err = leftPost(tx, s.Entitlement); err != nil {
					return nil, err
				}
			}
		}
	}
	return out, nil
}

// leftPost tells whether the newest ID of an entitlement was revoked because the holder left the post.
func leftPost(tx Tx, entitlement int64) (bool, error) {
	ids, err := tx.IDsOfEntitlement(entitlement)
	if err != nil || len(ids) == 0 {
		return false, err
	}
	newest := ids[0]
	for _, id := range ids[1:] {
		if id.ID > newest.ID {
			newest = id
		}
	}
	if newest.State != StateRevoked {
		return false, nil
	}
	events, err := tx.StatusEvents(newest.ID)
	if err != nil || len(events) == 0 {
		return false, err
	}
	return events[len(events)-1].Ground.endsPost(), nil
}

// CardToken signs the token of a record card and answers it: the check or the full face of its holder, with the card's own
// status index. A zero holder makes a static token, any other one binds it to the key of the card. The order is that of
// every token: the exact bytes are stored and audited before they are signed, what is signed is compared and verified, and
// only what is stored is answered. Asked again it answers the same token, and finishes what a crash left half done.
// Errors: ErrCardUnbound, ErrCardState, ErrCardToken, ErrNotEntitled, ErrNoSigner, ErrNotGranted, ErrCheck.
func (b *Body) CardToken(ctx context.Context, card int64, holder keys.HolderPublicKey, face credential.Face, life time.Duration, c CardChange) ([]byte, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if b.cfg.Signer == nil || b.cfg.Grant == nil {
		return nil, ErrNoSigner
	}
	kind := credential.KindCard
	if holder.IsZero() {
		kind = credential.KindStatic
	}
	if err := b.cfg.Grant.CheckGrant(b.cfg.Signer.IssuerPublic(), b.cfg.EDRPOU, kind, life, c.At); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotGranted, err)
	}
	var row CardRow
	if err := b.store.Update(ctx, func(tx Tx) (err error) {
		row, err = b.prepareCardToken(tx, card, holder, kind, face, life, c)
		return err
	}); err != nil {
		return nil, err
	}
	if row.Token != nil {
		return row.Token, nil
	}
	crashPoint("card-prepared")
	token, err := SignChecked(row.Payload, b.cfg.Signer, b.cfg.Checker, c.At)
	if err != nil {
		return nil, err
	}
	crashPoint("card-signed")
	err = b.store.Update(ctx, func(tx Tx) error {
		now, err := tx.Card(card)
		if err != nil {
			return err
		}
		if now.State != row.State || !bytes.Equal(now.Payload, row.Payload) {
			return fmt.Errorf("%w: card %d", ErrOvertaken, card)
		}
		if now.Token != nil { // another process was as fast; one payload, one token
			token = now.Token
			return nil
		}
		now.Token = token
		if err := tx.UpdateCard(now); err != nil {
			return err
		}
		sum := sha256.Sum256(token)
		return audit(tx, c.At, AuditEntry{Event: EventCardSigned, Operator: c.Operator, Detail: []any{card, sum[:]}})
	})
	if err != nil {
		return nil, err
	}
	return token, nil
}

// prepareCardToken stores the exact payload of a card's token, or finds the one stored before.
func (b *Body) prepareCardToken(tx Tx, card int64, holder keys.HolderPublicKey, kind credential.Kind, face credential.Face, life time.Duration, c CardChange) (CardRow, error) {
	row, err := tx.Card(card)
	if err != nil {
		return CardRow{}, err
	}
	switch {
	case row.Entitlement == 0:
		return CardRow{}, fmt.Errorf("%w: card %d", ErrCardUnbound, card)
	case row.State != CardPersonalised && row.State != CardIssued || row.Value == valueInvalid:
		return CardRow{}, fmt.Errorf("%w: card %d is %s", ErrCardState, card, row.State)
	}
	p, err := tx.Post(row.Entitlement)
	if err != nil {
		return CardRow{}, err
	}
	if p.Status != hr.StatusActive || p.Blocked {
		return CardRow{}, fmt.Errorf("%w: entitlement %d", ErrNotEntitled, p.ID)
	}
	e := EntitlementOf(&p, c.At)
	if e.Number == "" {
		return CardRow{}, fmt.Errorf("%w: entitlement %d has no number of a plastic ID", ErrNotEntitled, p.ID)
	}
	claims := func(iat, exp time.Time) ([]byte, error) {
		v, err := b.claims(tx, &e, holder, e.Number, face, iat, exp)
		if err != nil {
			return nil, err
		}
		v.Kind, v.Status = kind, credential.StatusRef(row.Status)
		payload, err := credential.EncodePayload(&v)
		if err != nil {
			return nil, fmt.Errorf("issuer: card %d: refusing to sign: %w", card, err)
		}
		return payload, nil
	}
	if row.Payload != nil {
		// Whoever writes to the file must not choose what is signed: the stored payload has to be what the register says.
		same, err := claims(row.IssuedAt, row.ExpiresAt)
		if err != nil {
			return CardRow{}, err
		}
		if !bytes.Equal(same, row.Payload) {
			return CardRow{}, fmt.Errorf("%w: card %d", ErrCardToken, card)
		}
		return row, nil
	}
	iat := c.At.UTC().Truncate(time.Second)
	exp := iat.Add(life)
	if !row.Expires.IsZero() && row.Expires.Before(exp) {
		exp = row.Expires.Truncate(time.Second)
	}
	if !exp.After(iat) {
		return CardRow{}, fmt.Errorf("%w: card %d ended at %s", ErrNotEntitled, card, exp.Format(time.RFC3339))
	}
	if row.Payload, err = claims(iat, exp); err != nil {
		return CardRow{}, err
	}
	row.IssuedAt, row.ExpiresAt = iat, exp
	if err := tx.PutStatusList(StatusList{List: credential.StatusRef(row.Status).List(), Capacity: b.cfg.Profile.ListSize, LastExp: exp}); err != nil {
		return CardRow{}, err
	}
	if err := tx.UpdateCard(row); err != nil {
		return CardRow{}, err
	}
	sum := sha256.Sum256(row.Payload)
	return row, audit(tx, c.At, AuditEntry{Event: EventCardWillSign, Operator: c.Operator, Detail: []any{card, uint64(row.Status), sum[:]}})
}
