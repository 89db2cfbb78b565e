package office

import (
	"encoding/xml"
	"net/http"
	"strings"
	"time"

	"github.com/emersion/go-vcard"
	"github.com/emersion/go-webdav/carddav"
)

// davFilter is a comp-filter of calendar-query (RFC 4791, Section 9.7.1).
type davFilter struct {
	name        string
	absent      bool // is-not-defined
	ranged      bool
	from, until time.Time // of a time-range; zero: open
	props       []davPropFilter
	comps       []davFilter
}

// davPropFilter is a prop-filter or a param-filter (Sections 9.7.2, 9.7.3).
type davPropFilter struct {
	name   string
	absent bool
	match  *davTextMatch
	params []davPropFilter
}

// davTextMatch is a text-match (Section 9.7.5).
type davTextMatch struct {
	text   string
	exact  bool // collation i;octet
	negate bool
}

var errCollation = &DAVError{Status: http.StatusForbidden, Condition: xml.Name{Space: nsCal, Local: "supported-collation"}, Code: "dav-collation",
	UK: "Такого порівняння текстів немає.", EN: "There is no such collation.",
	NextUK: "Програма має читати supported-collation-set.", NextEN: "The program has to read supported-collation-set."}

// davMaxFilters bounds the filters of one query: each is tried on every object.
const davMaxFilters = 64

// parseFilter reads the filter of a calendar-query: one comp-filter for VCALENDAR.
func parseFilter(n *xmlNode) (davFilter, error) {
	if n == nil || len(n.kids) != 1 || !n.kids[0].is(nsCal, "comp-filter") {
		return davFilter{}, ErrDAVFilter
	}
	budget := davMaxFilters
	f, err := parseCompFilter(n.kids[0], &budget)
	if err == nil && (f.name != "VCALENDAR" || f.absent || f.ranged) {
		return f, ErrDAVFilter
	}
	return f, err
}

func parseCompFilter(n *xmlNode, budget *int) (davFilter, error) {
	f := davFilter{name: strings.ToUpper(n.attribute("name"))}
	if *budget--; *budget < 0 || f.name == "" {
		return f, ErrDAVFilter
	}
	for _, k := range n.kids {
		switch {
		case k.is(nsCal, "is-not-defined"):
			f.absent = true
		case k.is(nsCal, "time-range"):
			var err error
			if f.from, f.until, err = parseRange(k); err != nil {
				return f, err
			}
			f.ranged = true
		case k.is(nsCal, "prop-filter"):
			p, err := parsePropFilter(k, "param-filter", budget)
			if err != nil {
				return f, err
			}
			f.props = append(f.props, p)
		case k.is(nsCal, "comp-filter"):
			c, err := parseCompFilter(k, budget)
			if err != nil {
				return f, err
			}
			f.comps = append(f.comps, c)
		default:
			return f, ErrDAVFilter
		}
	}
	return f, nil
}

func parsePropFilter(n *xmlNode, params string, budget *int) (davPropFilter, error) {
	f := davPropFilter{name: strings.ToUpper(n.attribute("name"))}
	if *budget--; *budget < 0 || f.name == "" {
		return f, ErrDAVFilter
	}
	for _, k := range n.kids {
		switch {
		case k.is(nsCal, "is-not-defined"):
			f.absent = true
		case k.is(nsCal, "text-match"):
			m := &davTextMatch{text: k.text, negate: k.attribute("negate-condition") == "yes"}
			switch k.attribute("collation") {
			case "", "i;ascii-casemap", "i;unicode-casemap", "default":
				m.text = strings.ToLower(m.text)
			case "i;octet":
				m.exact = true
			default:
				return f, errCollation
			}
			f.match = m
		case k.is(nsCal, "time-range") && params != "": // every property that is there is taken: too much, never too little
			if _, _, err := parseRange(k); err != nil {
				return f, err
			}
		case params != "" && k.is(nsCal, params):
			p, err := parsePropFilter(k, "", budget)
			if err != nil {
				return f, err
			}
			f.params = append(f.params, p)
		default:
			return f, ErrDAVFilter
		}
	}
	return f, nil
}

// parseRange reads a time-range: two times in UTC, one of which may be missing (Section 9.9).
func parseRange(n *xmlNode) (from, until time.Time, err error) {
	for _, end := range []struct {
		name string
		at   *time.Time
	}{{"start", &from}, {"end", &until}} {
		text := n.attribute(end.name)
		if text == "" {
			continue
		}
		if *end.at, err = time.Parse("20060102T150405Z", text); err != nil {
			return from, until, ErrDAVFilter
		}
	}
	if from.IsZero() && until.IsZero() || !from.IsZero() && !until.IsZero() && !until.After(from) {
		return from, until, ErrDAVFilter
	}
	return from, until, nil
}

// matches tells whether a calendar object is one of those asked for. What cannot be decided is, and so is everything once the
// query has cost its share: a client reads one object too many.
func (f davFilter) matches(data []byte, all *work) bool {
	if all.spent() {
		return true
	}
	c, err := parseICal(data, asStored)
	if err != nil || c.name != f.name {
		return err != nil
	}
	return f.inside(c, data, all, 0) || all.spent()
}

// inside matches a filter's conditions on one component.
func (f davFilter) inside(c *icalComp, data []byte, all *work, depth int) bool {
	for _, p := range f.props {
		all.take(1 + len(c.nodes)/16)
		if !p.matches(c.lines(p.name), all) {
			return false
		}
	}
	for _, k := range f.comps {
		all.take(1 + len(c.nodes)/16)
		if k.ranged && !k.absent && depth == 0 { // the parts of a recurring object count together; alarms are not computed
			all.take(len(data) / 256)
			ok := true
			if o, err := readObject(data, "", asStored); err == nil {
				all.within(o, func() { ok = o.overlaps(k.from, k.until) })
			}
			if !ok {
				return false
			}
		}
		found := c.comps(k.name)
		if k.absent {
			if len(found) > 0 {
				return false
			}
			continue
		}
		some := false
		for _, in := range found {
			if some = k.inside(in, data, all, depth+1); some {
				break
			}
		}
		if !some {
			return false
		}
	}
	return true
}

func (f davPropFilter) matches(lines []*icalLine, all *work) bool {
	if f.absent {
		return len(lines) == 0
	}
	for _, l := range lines {
		all.take(1 + len(l.value)/64 + len(f.params))
		if f.match != nil && !f.match.matches(unescapeText(l.value)) {
			continue
		}
		good := true
		for _, p := range f.params {
			value := l.param(p.name)
			if p.absent != (value == "") || p.match != nil && !p.match.matches(value) {
				good = false
				break
			}
		}
		if good {
			return true
		}
	}
	return false
}

func (m *davTextMatch) matches(value string) bool {
	if !m.exact {
		value = strings.ToLower(value)
	}
	return strings.Contains(value, m.text) != m.negate
}

// matchCard tells whether a card is one of those an addressbook-query asks for (RFC 6352, Section 10.5): any of the conditions,
// or all, by the filter's test; letters of both cases are the same.
func matchCard(q *carddav.AddressBookQuery, card vcard.Card) bool {
	if len(q.PropFilters) == 0 {
		return true
	}
	return tests(q.FilterTest, q.PropFilters, func(p carddav.PropFilter) bool {
		fields := card[strings.ToUpper(p.Name)]
		if p.IsNotDefined {
			return len(fields) == 0
		}
		for _, f := range fields {
			if len(p.TextMatches) == 0 && len(p.Params) == 0 {
				return true
			}
			var results []bool
			for _, m := range p.TextMatches {
				results = append(results, matchText(m, f.Value))
			}
			for _, param := range p.Params {
				values := f.Params[strings.ToUpper(param.Name)]
				switch {
				case param.IsNotDefined:
					results = append(results, len(values) == 0)
				case param.TextMatch == nil:
					results = append(results, len(values) > 0)
				default:
					some := false
					for _, v := range values {
						some = some || matchText(*param.TextMatch, v)
					}
					results = append(results, some)
				}
			}
			if tests(p.Test, results, func(b bool) bool { return b }) {
				return true
			}
		}
		return false
	})
}

// tests joins conditions by anyof, the default, or allof.
func tests[T any](test carddav.FilterTest, list []T, ok func(T) bool) bool {
	all := test == carddav.FilterAllOf
	for _, v := range list {
		if ok(v) != all {
			return !all
		}
	}
	return all
}

func matchText(m carddav.TextMatch, value string) bool {
	text, value := strings.ToLower(m.Text), strings.ToLower(value)
	var ok bool
	switch m.MatchType {
	case carddav.MatchEquals:
		ok = value == text
	case carddav.MatchStartsWith:
		ok = strings.HasPrefix(value, text)
	case carddav.MatchEndsWith:
		ok = strings.HasSuffix(value, text)
	default:
		ok = strings.Contains(value, text)
	}
	return ok != m.NegateCondition
}
