package wallet

import (
	"bytes"
	"slices"
	"time"

	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/trust"
)

// ID is one service ID of the wallet: the post of a person in a body.
type ID struct {
	Issuer   string // ЄДРПОУ of the body
	Number   string
	Name     string               // as the fullest face has it
	Position credential.CodedText // of the full face; a number is looked up in the bundle
	Unit     credential.CodedText
	Rank     uint8
	Category string
	Photo    []byte // the JPEG that the tokens name; nil = not delivered
	Faces    []Face // check before full
}

// Face is one token of a service ID.
type Face struct {
	Face      credential.Face
	IssuedAt  time.Time
	ExpiresAt time.Time
	Status    credential.StatusRef
}

// Ahead is how far a token's iat may lie ahead of the phone's clock: as far as a verifier forgives (docs/spec/verification.md,
// VER-24). A phone that is half a minute slow shows its new ID at once.
const Ahead = 120 * time.Second

// Usable reports whether the token can be presented at the given time.
func (f Face) Usable(at time.Time) bool {
	return !at.Before(f.IssuedAt.Add(-Ahead)) && at.Before(f.ExpiresAt)
}

// List returns the service IDs in the order of body and number, whether they are still valid or not.
func (w *Wallet) List() []ID {
	var ids []ID
	for _, t := range w.tokens {
		if n := len(ids); n == 0 || ids[n-1].Issuer != t.Issuer || ids[n-1].Number != t.Number {
			ids = append(ids, ID{Issuer: t.Issuer, Number: t.Number})
		}
		id := &ids[len(ids)-1]
		if id.Name == "" || t.Face == credential.FaceFull {
			id.Name = t.Name
		}
		if t.Face == credential.FaceFull {
			id.Position, id.Unit, id.Rank, id.Category = t.Position, t.Unit, t.Rank, t.Category
		}
		if photo, ok := w.photos[t.PhotoHash]; ok && t.HasPhoto {
			id.Photo = bytes.Clone(photo)
		}
		id.Faces = append(id.Faces, Face{t.Face, t.IssuedAt, t.ExpiresAt, t.Status})
	}
	return ids
}

// Selector names a service ID. An empty field fits every one, so the zero Selector names the only one there is.
type Selector struct {
	Issuer string // ЄДРПОУ
	Number string
}

// Find returns the service ID that sel names: ErrNoID when none fits, ErrWhichID when several do.
func (w *Wallet) Find(sel Selector) (ID, error) {
	ids := slices.DeleteFunc(w.List(), func(id ID) bool {
		return sel.Issuer != "" && sel.Issuer != id.Issuer || sel.Number != "" && sel.Number != id.Number
	})
	switch len(ids) {
	case 0:
		return ID{}, refuse(ErrNoID, "none of %d service IDs fits", len(w.List()))
	case 1:
		return ids[0], nil
	}
	return ID{}, refuse(ErrWhichID, "%d service IDs fit, name body and number", len(ids))
}

// Code is a text for a QR symbol and what a screen shows beside it.
type Code struct {
	Text      string // SID1:…
	ID        ID
	Face      credential.Face
	IssuedAt  time.Time // iat of the presentation, whole seconds
	Next      time.Time // when the next code is due; zero for an answer
	ExpiresAt time.Time // of the token
	Beacon    Beacon    // the beacon inside; zero = none, and then a verifier gives at most level 1
}

// NextChange returns when the code that is shown at the given time is to be replaced by the next: the codes of all
// wallets change together, at every full half minute.
func NextChange(at time.Time) time.Time { return at.UTC().Truncate(Step).Add(Step) }

// Present makes the broadcast code of a face: readable by anyone who sees it, with the newest beacon that the wallet
// knows. It is shown until Next and then made anew.
func (w *Wallet) Present(sel Selector, face credential.Face, at time.Time) (Code, error) {
	var cnonce []byte
	if w.beacon.N > 0 {
		cnonce = w.beacon.Value[:]
	}
	code, err := w.sign(sel, face, credential.AudienceAny, at, cnonce)
	if err != nil {
		return Code{}, err
	}
	code.Next, code.Beacon = NextChange(at), w.beacon
	return code, nil
}

// sign makes a presentation with the token of a face.
func (w *Wallet) sign(sel Selector, face credential.Face, audience string, at time.Time, cnonce []byte) (Code, error) {
	if w.signer == nil {
		return Code{}, refuse(ErrLocked, "unlock the wallet to present")
	}
	id, err := w.Find(sel)
	if err != nil {
		return Code{}, err
	}
	place := w.find(id.Issuer, id.Number, face)
	if place < 0 {
		return Code{}, refuse(ErrNoFace, "no %s face", face)
	}
	t := w.tokens[place]
	switch {
	case !at.Before(t.ExpiresAt):
		return Code{}, refuse(ErrExpired, "%s face expired at %s, the time is %s", face, stamp(t.ExpiresAt), stamp(at))
	case at.Before(t.IssuedAt.Add(-Ahead)):
		return Code{}, refuse(ErrNotYet, "%s face is valid from %s, the time is %s", face, stamp(t.IssuedAt), stamp(at))
	}
	data, err := credential.Present(t.Raw, w.signer, audience, at, cnonce)
	if err != nil {
		return Code{}, err
	}
	return Code{
		Text: credential.EncodeText(credential.Prefix, data), ID: id, Face: face,
		IssuedAt: at.UTC().Truncate(time.Second), ExpiresAt: t.ExpiresAt,
	}, nil
}

// Question is a verifier's challenge whose signature has been checked: who asks is known. The zero Question asks
// nothing and is not answered.
type Question struct {
	VerifierID uint64
	Name       string // of the verifier, as the trust operator admitted it
	Body       string // ЄДРПОУ of the body it belongs to
	BodyName   string // Ukrainian; empty when the bundle does not have the body
	BodyNameEN string
	Class      trust.Class
	Expires    time.Time // on the verifier's clock

	nonce [16]byte
}

// ReadQuestion reads the text of a challenge (SIDQ1:…) and says who asks. It refuses a verifier that is not in the
// bundle or no longer admitted, a signature that is not the verifier's, and a question that has expired by more than
// clocks may differ.
func (w *Wallet) ReadQuestion(text string, b *trust.Bundle, at time.Time) (*Question, error) {
	if err := w.usable(b, at); err != nil {
		return nil, err
	}
	prefix, data, err := credential.DecodeText(text)
	if err != nil {
		return nil, because(ErrNotChallenge, err, "question")
	}
	if prefix != credential.ChallengePrefix {
		return nil, refuse(ErrNotChallenge, "text begins with %s, want %s", prefix, credential.ChallengePrefix)
	}
	unverified, err := credential.ParseChallenge(data)
	if err != nil {
		return nil, because(ErrChallenge, err, "question")
	}
	entry, ok, err := b.Verifier(unverified.UnverifiedVerifierID())
	if err != nil {
		return nil, because(ErrBundle, err, "verifiers of bundle %d", b.Number())
	}
	if !ok {
		return nil, refuse(ErrVerifierUnknown, "verifier %d is not in bundle %d", unverified.UnverifiedVerifierID(), b.Number())
	}
	c, err := unverified.Verify(entry.SigningKey)
	if err != nil {
		return nil, because(ErrChallenge, err, "question of verifier %d", entry.ID)
	}
	if !at.Before(entry.ValidUntil) {
		return nil, refuse(ErrVerifierExpired, "verifier %d was admitted until %s", entry.ID, stamp(entry.ValidUntil))
	}
	q := &Question{
		VerifierID: entry.ID, Name: entry.Name, Body: entry.Body, Class: entry.Class,
		Expires: c.Expires, nonce: c.Nonce,
	}
	if err := q.open(at); err != nil {
		return nil, err
	}
	if body, ok := b.Body(entry.Body); ok {
		q.BodyName, q.BodyNameEN = body.Name, body.NameEN
	}
	return q, nil
}

// open refuses a question whose time is not now.
func (q *Question) open(at time.Time) error {
	switch {
	case q == nil || q.VerifierID == 0 || q.nonce == [16]byte{}:
		return refuse(ErrChallenge, "no question")
	case at.After(q.Expires.Add(challengeTolerance)):
		return refuse(ErrChallengeTime, "question expired at %s, the time is %s", stamp(q.Expires), stamp(at))
	case q.Expires.After(at.Add(challengeLife + challengeTolerance)):
		return refuse(ErrChallengeTime, "question expires at %s, more than %s ahead of %s", stamp(q.Expires), challengeLife+challengeTolerance, stamp(at))
	}
	return nil
}

// Answer makes the text that answers a question: only the verifier that asked accepts it, and once.
func (w *Wallet) Answer(q *Question, sel Selector, face credential.Face, at time.Time) (Code, error) {
	if err := q.open(at); err != nil {
		return Code{}, err
	}
	return w.sign(sel, face, credential.VerifierAudience(q.VerifierID), at, q.nonce[:])
}
