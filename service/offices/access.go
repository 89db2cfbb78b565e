package offices

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/posvid/posvid/hr"
	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/office"
	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/store"
)

// What app passwords are for.
const (
	scopeDAV  = "office-dav"  // address books and calendars
	scopeMail = "office-mail" // sending mail
)

// Who uses the module's routes. The role lets a person as far as the handler, which asks p.member whether the service ID is
// valid at this moment.
var (
	officials = service.Access{Roles: []service.Role{service.Holder}}
	editors   = service.Access{Roles: []service.Role{service.OfficeEditor}}
	admins    = service.Access{Roles: []service.Role{service.BodyAdmin}}
	programs  = service.Access{Kinds: []service.Kind{service.Program}, Scope: scopeDAV}
)

// Problems of access.
var (
	NoID = service.NewProblem(http.StatusForbidden, "office-no-id", "Доступ має лише власник чинного службового посвідчення.", "Only the holder of a valid service ID has access.",
		"Перевірте стан посвідчення на сторінці «Мої посвідчення»; зупинене поновлює кадровик органу.", "Look at the state of the ID on the page “My IDs”; the registrar of the body resumes a suspended one.")
	ChoosePost = service.NewProblem(http.StatusConflict, "office-choose-post", "У вас кілька посад із чинним посвідченням.", "You have several posts with a valid service ID.",
		"Оберіть посаду на сторінці «Дія.Офіс».", "Choose the post on the page “Дія.Офіс”.")
)

// keySeat is where a session keeps the post that was chosen of several: the text of a Seat.
const keySeat = "office.seat"

func (p *part) mountAccess() error {
	p.mountApps()
	p.mountHome()
	p.mountLogin()
	return nil
}

// member is an official who asks, with the body he serves in.
type member struct {
	office.Member
	body *service.Body
}

// member is the official behind a request: his service ID is valid at this moment. Errors: NoID, ChoosePost and those of a store.
func (p *part) member(r *http.Request) (member, error) { return p.memberOf(r.Context()) }

// memberOf is member for an operation of the API.
func (p *part) memberOf(ctx context.Context) (member, error) {
	who := service.PrincipalOf(ctx)
	if who.Kind != service.Account && who.Kind != service.Program {
		return member{}, NoID.Because(errors.New("offices: caller is no person"))
	}
	seats, err := p.validSeats(ctx, who)
	if err != nil {
		return member{}, err
	}
	if who.Kind == service.Account {
		if chosen := p.s.Sessions.GetString(ctx, keySeat); chosen != "" {
			if i := slices.IndexFunc(seats, func(m member) bool { return m.Seat.String() == chosen }); i >= 0 {
				return seats[i], nil
			}
			if len(seats) > 0 { // never in another post than the one that was chosen, unless the person says so
				return member{}, ChoosePost.Because(errors.New("offices: the chosen post has no valid ID"))
			}
		}
	}
	switch len(seats) {
	case 0:
		return member{}, NoID.Because(errors.New("offices: no post with a valid ID"))
	case 1:
		return seats[0], nil
	}
	return member{}, ChoosePost
}

// validSeats are the caller's posts whose service ID is valid at this moment.
func (p *part) validSeats(ctx context.Context, who service.Principal) ([]member, error) {
	var list []member
	thumb, byKey := p.keyOf(ctx, who)
	for _, g := range who.Grants {
		if g.Role != service.Holder {
			continue
		}
		seat := office.Seat{Body: g.Body, Post: g.Entitlement}
		post, ids, err := p.post(ctx, seat)
		if errors.Is(err, office.ErrNotFound) { // of a body that has left this service
			continue
		}
		if err != nil {
			return nil, err
		}
		if byKey {
			ids = ofKey(ids, thumb)
		}
		if statusIn(&post, ids, p.s.Now()) != office.StatusValid {
			continue
		}
		body, err := p.s.Body(g.Body)
		if err != nil {
			return nil, err
		}
		list = append(list, member{memberIn(seat, &post), body})
	}
	return list, nil
}

// keyOf is the holder key that a session began with, where it began with one: it ends with the ID of that key, as when the
// official has enrolled another phone.
func (p *part) keyOf(ctx context.Context, who service.Principal) (thumb [32]byte, ok bool) {
	if who.Kind != service.Account {
		return thumb, false
	}
	text := p.s.Sessions.GetString(ctx, keyThumb)
	if text == "" {
		return thumb, false
	}
	if n, err := hex.Decode(thumb[:], []byte(text[:min(len(text), 64)])); err != nil || n != 32 {
		return [32]byte{}, true // no ID has it
	}
	return thumb, true
}

// seated looks a post up in its body's register and says who is in it and what his service ID is at this moment. Whoever has
// left has StatusNone. Error: office.ErrNotFound for a post that there never was.
func (p *part) seated(ctx context.Context, seat office.Seat) (office.Member, office.Status, error) {
	post, ids, err := p.post(ctx, seat)
	if err != nil {
		return office.Member{}, office.StatusNone, err
	}
	return memberIn(seat, &post), statusIn(&post, ids, p.s.Now()), nil
}

// post reads a post and its IDs from its body's register, at one moment. Error: office.ErrNotFound.
func (p *part) post(ctx context.Context, seat office.Seat) (post issuer.PostRow, ids []issuer.ID, err error) {
	body, err := p.s.Body(seat.Body)
	if err != nil {
		return post, nil, fmt.Errorf("%w: body of a seat", office.ErrNotFound)
	}
	err = body.Store.View(ctx, func(tx issuer.Tx) (err error) {
		if post, err = tx.Post(seat.Post); err != nil {
			return err
		}
		ids, err = tx.IDsOfEntitlement(seat.Post)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		err = fmt.Errorf("%w: post of a seat", office.ErrNotFound)
	}
	return post, ids, err
}

// memberIn is what the module may know of a post's person.
func memberIn(seat office.Seat, post *issuer.PostRow) office.Member {
	v := &post.Record
	return office.Member{Seat: seat, Surname: v.Surname, Given: v.GivenName, Patronymic: v.Patronymic, Position: v.Position, PositionEN: v.PositionEN,
		Unit: v.Unit, Category: v.Category, Email: strings.ToLower(v.WorkEmail), Phone: v.WorkPhone}
}

// statusIn decides what the service ID of a post is at a time. Everything that is not plainly valid vouches for nobody: a person
// who has left, whose last day has passed or whose first one has not come has no access by an ID that has not been ended yet.
func statusIn(post *issuer.PostRow, ids []issuer.ID, at time.Time) office.Status {
	if hasLeft(post, at) || hr.DateInKyiv(at).Before(post.Record.From) {
		return office.StatusNone
	}
	status := office.StatusNone
	for _, id := range ids {
		if !at.Before(id.ExpiresAt) {
			continue
		}
		switch id.State {
		case issuer.StateIssued:
			status = office.StatusValid
		case issuer.StateSuspended:
			if status != office.StatusValid {
				status = office.StatusSuspended
			}
		}
	}
	if status == office.StatusValid && post.Status != hr.StatusActive {
		status = office.StatusSuspended
	}
	return status
}

// outlives tells whether what the person of a post made at a time (an app password, a secret address) still opens anything: a key
// with a valid ID had one then already. Who has lost a phone gets an ID on another key, and whatever was made by means of the lost
// one ends with that; renewing an ID on one key ends nothing.
func outlives(ids []issuer.ID, made, at time.Time) bool {
	for _, id := range ids {
		if id.State != issuer.StateIssued || !at.Before(id.ExpiresAt) {
			continue
		}
		for _, old := range ofKey(ids, id.Holder) {
			if !old.IssuedAt.IsZero() && old.IssuedAt.Before(made.Add(time.Second)) { // made is of whole seconds
				return true
			}
		}
	}
	return false
}

// hasLeft tells whether the person of a post has left it, or its last day has passed.
func hasLeft(post *issuer.PostRow, at time.Time) bool {
	until := post.Record.Until
	return post.Status == hr.StatusDismissed || !until.IsZero() && until.Before(hr.DateInKyiv(at))
}

// BodyName is the name of the member's body in a language.
func (m member) BodyName(lang string) string {
	if lang == "en" && m.body.NameEN != "" {
		return m.body.NameEN
	}
	return m.body.Name
}
