package office

import (
	"context"
	"encoding/xml"
	"errors"
	"net/http"
	"time"
)

// plan is one of an official's calendars.
type plan struct {
	d    *DAV
	seat Seat
	c    Collection
}

func (p plan) kind() string { return nsCal }

func (p plan) seq(ctx context.Context) (int64, error) { return p.d.Planner.Seq(ctx, p.seat, p.c) }

func planItem(o Object) davItem {
	return davItem{name: o.Name, etag: o.ETag, modified: o.Modified, data: func() ([]byte, error) { return o.Data, nil }}
}

// planItems are objects whose data are read when they are asked.
func (p plan) planItems(ctx context.Context, list []Object) []davItem {
	out := make([]davItem, len(list))
	for i, o := range list {
		out[i] = planItem(o)
		out[i].data = func() ([]byte, error) {
			o, err := p.d.Planner.Object(ctx, p.seat, p.c, o.Name)
			return o.Data, err
		}
	}
	return out
}

func (p plan) list(ctx context.Context) ([]davItem, error) {
	list, err := p.d.Planner.List(ctx, p.seat, p.c)
	return p.planItems(ctx, list), err
}

func (p plan) get(ctx context.Context, name string) (davItem, error) {
	o, err := p.d.Planner.Object(ctx, p.seat, p.c, name)
	return planItem(o), err
}

func (p plan) changes(ctx context.Context, after int64, limit int) ([]davItem, []string, int64, error) {
	changed, gone, seq, err := p.d.Planner.Changes(ctx, p.seat, p.c, after, limit)
	if errors.Is(err, ErrOldToken) {
		err = ErrDAVToken.because(err)
	}
	return p.planItems(ctx, changed), gone, seq, err
}

func (p plan) put(ctx context.Context, name string, data []byte, c PutCondition, at time.Time) (item davItem, made, same bool, err error) {
	_, err = p.d.Planner.Object(ctx, p.seat, p.c, name)
	if made = errors.Is(err, ErrNotFound); err != nil && !made {
		return davItem{}, false, false, err
	}
	o, err := p.d.Planner.Put(ctx, p.seat, p.c, name, data, c, at)
	if err != nil {
		return davItem{}, false, false, p.refusal(err)
	}
	return planItem(o), made, !o.Adjusted, nil
}

func (p plan) remove(ctx context.Context, name string, c PutCondition, at time.Time) error {
	return p.refusal(p.d.Planner.Delete(ctx, p.seat, p.c, name, c, at))
}

// refusal is why the planner took no change, as the client's program reads it (RFC 4791, Section 5.3.2.1).
func (p plan) refusal(err error) error {
	var bad *CalendarError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrChanged):
		return ErrDAVChanged.because(err)
	case errors.Is(err, ErrFull):
		return errPlanFull.because(err)
	case errors.As(err, &bad):
		out := *errPlanData
		out.cause, out.Condition = err, xml.Name{Space: nsCal, Local: bad.Condition}
		switch {
		case bad.Own:
			out.Condition.Space = nsProblem
			out.UK, out.EN = "Із цим завданням такого зробити не можна.", "This cannot be done to this task."
			out.NextUK, out.NextEN = "Відкрийте «Завдання» на сторінці служби: там видно, хто і що може змінити.", "Open “Tasks” on the service's page: it shows who may change what."
		case bad.Condition == "max-resource-size":
			return ErrDAVObjectSize.because(err)
		case bad.Condition == "no-uid-conflict":
			out.UK, out.EN = "Запис із таким UID уже є під іншою назвою.", "There is an object of this UID under another name."
			out.NextUK, out.NextEN = "Синхронізуйте з початку.", "Synchronise from the beginning."
			out.inner = davHref(davPath((davPlansHome + p.seat.String() + "/" + string(p.c) + "/" + bad.Existing)))
		}
		out.Code = "dav-" + bad.Condition
		return &out
	}
	return err
}

var (
	errPlanFull = &DAVError{Status: http.StatusInsufficientStorage, Condition: xml.Name{Space: nsDAV, Local: "quota-not-exceeded"}, Code: "dav-full",
		UK: "Календар повний.", EN: "The calendar is full.", NextUK: "Видаліть давні події чи завдання.", NextEN: "Delete old events or tasks."}
	errPlanData = &DAVError{Status: http.StatusForbidden, Code: "dav-calendar-data", UK: "Подію чи завдання не прочитано.", EN: "The event or task cannot be read.",
		NextUK: "Перевірте запис у програмі; якщо не допоможе, внесіть його на сторінці служби.", NextEN: "Check the entry in the program; if it stays, enter it on the service's page."}
)

// plans are the official's calendars.
func (d *DAV) plans(seat Seat) []davNode {
	var nodes []davNode
	for _, v := range []struct {
		c            Collection
		about        string
		color, order string
	}{
		{Day, "Події робочого дня", "#1A5FB4FF", "1"},
		{Tasks, "Завдання: свої та доручені", "#C64600FF", "2"},
	} {
		path := davPlansHome + seat.String() + "/" + string(v.c) + "/"
		nodes = append(nodes, davNode{path: path, what: davPlan, coll: plan{d, seat, v.c}, title: v.c.Title("uk"), about: v.about,
			key: string(v.c) + "-" + seat.String(), comp: v.c.Component(), color: v.color, order: v.order})
	}
	return nodes
}
