package office

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"
)

// Unit is one unit of a body in its tree.
type Unit struct {
	Body         string
	Name, NameEN string // the full name; empty: the head of the body itself, outside any unit
	Parent       string // full name of the unit above; empty: the body
	Depth        int    // 1: right below the body
	People       int    // who serves in the unit itself
	Total        int    // with the units below it
	Places       int    // of the staffing list, in hundredths of a place; 0: the list does not name the unit
	Vacant       int    // of these, in hundredths of a place
}

// maxDepth bounds the tree; a deeper chain of parents is a mistake of the list and hangs at the top.
const maxDepth = 12

// Units is the tree of a body's units, each before those below it, with how many people serve there now. The tree is that of the
// staffing list; a unit that the list does not name is right below the body. Error: ErrNotFound.
func (d *Directory) Units(ctx context.Context, body string) ([]Unit, error) {
	return d.UnitsAt(ctx, body, time.Time{})
}

// UnitsAt is Units as the directory stood at a moment; zero: now. Error: ErrNotFound.
func (d *Directory) UnitsAt(ctx context.Context, body string, at time.Time) ([]Unit, error) {
	if err := d.refresh(ctx); err != nil {
		return nil, err
	}
	lines, err := d.linesAt(ctx, body, at)
	if err != nil {
		return nil, err
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	if _, ok := d.bodies[body]; !ok {
		return nil, ErrNotFound
	}
	parents := parentsOf(lines)
	units := map[string]*Unit{}
	var need func(name string) *Unit
	need = func(name string) *Unit {
		if u := units[name]; u != nil {
			return u
		}
		u := &Unit{Body: body, Name: name, Parent: parents[name], Depth: 1}
		units[name] = u
		if u.Parent != "" {
			u.Depth = need(u.Parent).Depth + 1
		}
		return u
	}
	for _, l := range lines {
		need(l.Unit).Places += l.Count
	}
	present := d.present(body, at)
	people := map[*text]int{}
	for _, v := range present {
		if people[v.unitText]++; people[v.unitText] == 1 || need(v.unit).NameEN == "" {
			need(v.unit).NameEN = v.unitEN
		}
	}
	for t, n := range people {
		need(t.s).People = n
	}
	for _, p := range d.places(present, lines) {
		need(p.Unit).Vacant += p.Vacant
	}
	for _, u := range units {
		for up := u; ; up = units[up.Parent] {
			up.Total += u.People
			if up.Parent == "" {
				break
			}
		}
	}
	below := map[string][]*Unit{}
	for _, u := range units {
		below[u.Parent] = append(below[u.Parent], u)
	}
	place := map[string]int{}
	for i, l := range lines {
		if _, ok := place[l.Unit]; !ok {
			place[l.Unit] = i
		}
	}
	rank := func(u *Unit) int { // the list's own order, then the alphabet
		if u.Name == "" {
			return -1
		}
		if n, ok := place[u.Name]; ok {
			return n
		}
		return len(lines)
	}
	var out []Unit
	var walk func(name string)
	walk = func(name string) {
		list := below[name]
		slices.SortFunc(list, func(a, b *Unit) int {
			return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)), cmp.Compare(a.Name, b.Name))
		})
		for _, u := range list {
			out = append(out, *u)
			if u.Name != "" {
				walk(u.Name)
			}
		}
	}
	walk("")
	return out, nil
}

// parentsOf is the parent of each unit that a staffing list names, without rings.
func parentsOf(lines []StaffLine) map[string]string {
	parents := map[string]string{}
	for _, l := range lines {
		if l.Unit != "" && parents[l.Unit] == "" {
			parents[l.Unit] = l.Parent
		}
	}
	for unit := range parents {
		up, n := unit, 0
		for ; up != "" && n <= maxDepth; n++ {
			up = parents[up]
		}
		if n > maxDepth {
			parents[unit] = ""
		}
	}
	return parents
}

// present are the versions that hold in a body at a moment; zero: now. The lock is held.
func (d *Directory) present(body string, at time.Time) []*version {
	var out []*version
	for _, s := range d.order[body] {
		if at.IsZero() {
			if v, ok := s.open(); ok {
				out = append(out, v)
			}
		} else if v, ok := s.at(at.Unix()); ok {
			out = append(out, v)
		}
	}
	return out
}

// below is a unit and every unit below it; nil when no unit is asked for. The lock is held.
func (d *Directory) below(body, unit string) map[string]bool {
	if unit == "" {
		return nil
	}
	parents := parentsOf(d.staffing[body])
	out := map[string]bool{unit: true}
	for name := range parents {
		up := name
		for n := 0; up != "" && n <= maxDepth; n++ {
			if up == unit {
				out[name] = true
				break
			}
			up = parents[up]
		}
	}
	return out
}

// StaffLine is one line of a staffing list: places of one position in one unit.
type StaffLine struct {
	Unit     string `json:"unit,omitempty"`   // full name; empty: the head of the body
	Parent   string `json:"parent,omitempty"` // full name of the unit above; empty: the body
	Position string `json:"position"`
	Category string `json:"category,omitempty"` // "А", "Б", "В" or empty
	Count    int    `json:"count"`              // places, in hundredths: 150 is one and a half
}

// Place is one line of the staffing list with who holds it.
type Place struct {
	StaffLine
	People int  // who hold such a position in the unit
	Vacant int  // places without anybody, in hundredths
	Extra  int  // people beyond the places
	Listed bool // the staffing list has the position; false: only the register does
}

// Staffing is the staffing list of a body in force at a moment (zero: now) with vacancies, and after it positions that people hold
// and that the list does not have. since is when the list came into force; zero: there is none. Error: ErrNotFound.
func (d *Directory) Staffing(ctx context.Context, body string, at time.Time) (places []Place, since time.Time, err error) {
	if err := d.refresh(ctx); err != nil {
		return nil, since, err
	}
	lines, err := d.linesAt(ctx, body, at)
	if err != nil {
		return nil, since, err
	}
	if len(lines) > 0 {
		if _, since, err = d.inForce(ctx, body, at); err != nil {
			return nil, since, err
		}
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	if _, ok := d.bodies[body]; !ok {
		return nil, since, ErrNotFound
	}
	return d.places(d.present(body, at), lines), since, nil
}

// places holds the lines of a staffing list against who serves. The lock is held.
func (d *Directory) places(present []*version, lines []StaffLine) []Place {
	type key struct{ unit, position string }
	out := make([]Place, 0, len(lines))
	where := map[key]int{}
	for _, l := range lines {
		k := key{d.index.sameText(l.Unit), d.index.sameText(l.Position)}
		if i, ok := where[k]; ok { // one position on several lines
			out[i].Count += l.Count
			continue
		}
		where[k] = len(out)
		out = append(out, Place{StaffLine: l, Listed: true})
	}
	known := map[[2]*text]int{}
	for _, v := range present {
		texts := [2]*text{v.unitText, v.positionText}
		i, ok := known[texts]
		if !ok {
			k := key{v.unitText.same, v.positionText.same}
			if i, ok = where[k]; !ok {
				i = len(out)
				out = append(out, Place{StaffLine: StaffLine{Unit: v.unit, Position: v.position, Category: v.category}})
				where[k] = i
			}
			known[texts] = i
		}
		out[i].People++
	}
	for i := range out {
		p := &out[i]
		p.Vacant = max(0, p.Count-100*p.People)
		if p.Listed {
			p.Extra = max(0, (100*p.People-p.Count)/100)
		}
	}
	return out
}

// linesAt are the lines of the list in force.
func (d *Directory) linesAt(ctx context.Context, body string, at time.Time) ([]StaffLine, error) {
	if at.IsZero() {
		d.mu.RLock()
		defer d.mu.RUnlock()
		return d.staffing[body], nil
	}
	lines, _, err := d.inForce(ctx, body, at)
	return lines, err
}

func (d *Directory) inForce(ctx context.Context, body string, at time.Time) (lines []StaffLine, since time.Time, err error) {
	err = d.store.View(ctx, func(tx Tx) error {
		lines, since, err = listInForce(tx, body, at)
		return err
	})
	return lines, since, err
}

// listInForce is the staffing list in force at a moment; zero: the newest.
func listInForce(tx Tx, body string, at time.Time) (lines []StaffLine, since time.Time, err error) {
	until := int64(1) << 62
	if !at.IsZero() {
		until = at.Unix()
	}
	var raw string
	var from int64
	err = tx.Row(`SELECT lines, since FROM office_staffing_lists WHERE body = $1 AND since > 0 AND since <= $2 ORDER BY since DESC, id DESC LIMIT 1`, []any{body, until}, &raw, &from)
	if errors.Is(err, ErrNotFound) {
		return nil, since, nil
	}
	if err == nil {
		err = json.Unmarshal([]byte(raw), &lines)
	}
	return lines, moment(from), err
}

// kyivText is a moment as people here read it.
func kyivText(t time.Time) string {
	t = t.UTC()
	lastSunday := func(m time.Month) time.Time { // 01:00 UTC on the last Sunday of a month of 31 days
		day := time.Date(t.Year(), m, 31, 1, 0, 0, 0, time.UTC)
		return day.AddDate(0, 0, -int(day.Weekday()))
	}
	offset := 2 * time.Hour
	if !t.Before(lastSunday(time.March)) && t.Before(lastSunday(time.October)) {
		offset = 3 * time.Hour
	}
	return t.Add(offset).Format("02.01.2006 15:04")
}
