package offices

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/posvid/posvid/hr"
	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/office"
	"github.com/posvid/posvid/service"
)

// How often the directory looks for changes in the registers, and the largest share of the time that reading them may take.
const (
	fillEvery = 5 * time.Second
	fillShare = 20
)

func (p *part) mountDirectory() error {
	ctx := context.Background()
	var err error
	if p.directory, err = office.OpenDirectory(ctx, p.c.Store); err != nil {
		return err
	}
	p.bodies.seen = map[string]seen{}
	for _, b := range p.s.Bodies { // a body that the directory does not know yet is there from the first request on
		found, err := p.directory.Search(ctx, office.Query{Body: b.EDRPOU})
		if err == nil && found.Total == 0 {
			err = p.fillBody(ctx, b, p.s.Now())
		}
		if err != nil {
			return fmt.Errorf("offices: first filling of the directory: %w", err)
		}
	}
	if err := p.emptyBodies(ctx, p.s.Now()); err != nil {
		return fmt.Errorf("offices: bodies of before: %w", err)
	}
	p.mountDirectoryPages()
	p.mountStaffing()
	p.s.Every("office-directory", fillEvery, p.fillDirectory)
	return nil
}

// emptyBodies takes out who served in bodies that are not served here any more: no register says now what their IDs are, and address
// books would go on showing what the last filling said. A body that comes back is filled again.
func (p *part) emptyBodies(ctx context.Context, at time.Time) error {
	list, err := p.directory.Bodies(ctx)
	if err != nil {
		return err
	}
	for _, b := range list {
		if _, err := p.s.Body(b.EDRPOU); err == nil {
			continue
		}
		if _, err := p.directory.Fill(ctx, b, nil, at); err != nil {
			return err
		}
	}
	return nil
}

// filled is of what state of the registers the directory was filled.
type filled struct {
	mu   sync.Mutex
	seen map[string]seen // by ЄДРПОУ
}

type seen struct {
	head issuer.AuditHead
	day  hr.Date
	next time.Time // not before
}

// fillDirectory brings the directory to the state of every register that moved, or for which a day began: IDs expire and posts
// begin and end without any entry. One body that cannot be read does not keep the others back.
func (p *part) fillDirectory(ctx context.Context, at time.Time) error {
	var wrong []error
	for _, b := range p.s.Bodies {
		head, err := b.Body.AuditHead(ctx)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("body %s: %w", b.EDRPOU, err))
			continue
		}
		p.bodies.mu.Lock()
		last, known := p.bodies.seen[b.EDRPOU]
		p.bodies.mu.Unlock()
		if known && (last.head == head && last.day == hr.DateInKyiv(at) || at.Before(last.next)) {
			continue
		}
		if err := p.fillBody(ctx, b, at); err != nil {
			wrong = append(wrong, fmt.Errorf("body %s: %w", b.EDRPOU, err))
		}
	}
	return errors.Join(wrong...)
}

// fillBody reads one register and fills the directory. The head is read first: what changes meanwhile is seen next time.
func (p *part) fillBody(ctx context.Context, b *service.Body, at time.Time) error {
	head, err := b.Body.AuditHead(ctx)
	if err != nil {
		return err
	}
	began := p.s.Now()
	list, err := b.Register.Standings(ctx, at)
	if err != nil {
		return err
	}
	day := hr.DateInKyiv(at)
	posts := make([]office.PostEntry, 0, len(list))
	for i := range list {
		if e, ok := postEntry(&list[i], day, at); ok {
			posts = append(posts, e)
		}
	}
	if _, err := p.directory.Fill(ctx, office.BodyEntry{EDRPOU: b.EDRPOU, Name: b.Name, NameEN: b.NameEN, Phone: b.Phone}, posts, at); err != nil {
		return err
	}
	p.bodies.mu.Lock()
	defer p.bodies.mu.Unlock()
	p.bodies.seen[b.EDRPOU] = seen{head: head, day: day, next: at.Add(fillShare * p.s.Now().Sub(began))}
	return nil
}

// postEntry is what the directory may know of a post; false for one that has not begun or has ended. The state of the ID is that
// of p.seated: who has no right to an ID any more has none here, however the ID itself stands.
func postEntry(s *issuer.Standing, day hr.Date, at time.Time) (office.PostEntry, bool) {
	v := &s.Record
	if v.From != (hr.Date{}) && day.Before(v.From) || v.Until != (hr.Date{}) && v.Until.Before(day) {
		return office.PostEntry{}, false
	}
	e := office.PostEntry{Post: s.Entitlement, Surname: v.Surname, Given: v.GivenName, Patronymic: v.Patronymic, SurnameLatin: v.SurnameLatin, GivenLatin: v.GivenNameLatin,
		Position: v.Position, PositionEN: v.PositionEN, Unit: v.Unit, UnitEN: v.UnitEN, Category: v.Category, Phone: v.WorkPhone, Email: v.WorkEmail}
	if !v.From.IsZero() {
		e.From = v.From.Start()
	}
	if !v.Until.IsZero() {
		e.Until = v.Until.End()
	}
	switch {
	case s.ID.State == issuer.StateIssued && at.Before(s.ID.ExpiresAt) && s.Status == hr.StatusActive:
		e.Status = office.StatusValid
	case (s.ID.State == issuer.StateIssued || s.ID.State == issuer.StateSuspended) && at.Before(s.ID.ExpiresAt):
		e.Status = office.StatusSuspended
	}
	return e, true
}
