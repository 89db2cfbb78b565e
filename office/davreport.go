package office

import (
	"bufio"
	"errors"
	"net/url"
	"strconv"
	"strings"
)

// report answers REPORT (RFC 3253, Section 3.6).
func (q *davRequest) report(n davNode) error {
	root, data, err := q.body()
	if err != nil {
		return err
	}
	if root == nil {
		return ErrDAVBody
	}
	if n.what != davBook && n.what != davPlan {
		return ErrDAVReport
	}
	switch {
	case root.is(nsDAV, "sync-collection"):
		return q.sync(n, root)
	case n.what == davPlan && root.is(nsCal, "calendar-multiget"), n.what == davBook && root.is(nsCard, "addressbook-multiget"):
		return q.multiget(n, root)
	case n.what == davPlan && root.is(nsCal, "calendar-query"):
		return q.query(n, root)
	case n.what == davBook && root.is(nsCard, "addressbook-query"):
		return q.cards(n, root, data)
	}
	return ErrDAVReport
}

// davVersion is part of every token and of a card's tag: it changes when cards are written otherwise, so that all are read anew.
const davVersion = "1"

// token is a collection's sync token, which is its ctag, too. It is of this collection alone.
func (q *davRequest) token(n davNode, seq int64) string {
	return q.d.Origin + "/ns/sync/" + davVersion + "/" + n.key + "/" + strconv.FormatInt(seq, 10)
}

func (q *davRequest) parseToken(n davNode, token string) (int64, error) {
	rest, ok := strings.CutPrefix(token, q.d.Origin+"/ns/sync/"+davVersion+"/"+n.key+"/")
	if !ok {
		return 0, ErrDAVToken
	}
	seq, err := strconv.ParseInt(rest, 10, 64)
	if err != nil || seq < 0 || strconv.FormatInt(seq, 10) != rest {
		return 0, ErrDAVToken
	}
	return seq, nil
}

// davMost is how many changes one answer of sync-collection has; the client asks for the rest with the new token.
const davMost = 10_000

// sync answers sync-collection (RFC 6578, Section 3.2).
func (q *davRequest) sync(n davNode, root *xmlNode) error {
	ctx := q.r.Context()
	w, err := readWant(root)
	if err != nil {
		return err
	}
	if w.all || w.names || root.child(nsDAV, "prop") == nil {
		return ErrDAVBody
	}
	token := root.child(nsDAV, "sync-token")
	if token == nil {
		return ErrDAVBody
	}
	if level := root.child(nsDAV, "sync-level"); level != nil && strings.TrimSpace(level.text) != "1" {
		return ErrDAVTraversal
	} else if depth := q.r.Header.Get("Depth"); level == nil && depth != "1" { // drafts before the RFC had the depth there
		return ErrDAVBody
	}
	limit := davMost
	if l := root.child(nsDAV, "limit"); l != nil {
		r := l.child(nsDAV, "nresults")
		if r == nil {
			return ErrDAVBody
		}
		asked, err := strconv.ParseUint(strings.TrimSpace(r.text), 10, 31)
		if err != nil || asked == 0 {
			return ErrDAVBody
		}
		limit = min(limit, int(asked))
	}
	var after int64
	if t := strings.TrimSpace(token.text); t != "" {
		if after, err = q.parseToken(n, t); err != nil {
			return err
		}
		newest, err := n.coll.seq(ctx)
		if err != nil {
			return err
		}
		if after > newest { // the database was put back to an older state
			return ErrDAVToken
		}
	}
	changed, gone, seq, err := n.coll.changes(ctx, after, limit)
	if err != nil {
		return err
	}
	more := false
	if len(changed)+len(gone) >= limit {
		newest, err := n.coll.seq(ctx)
		if err != nil {
			return err
		}
		more = seq < newest
	}
	return q.multistatus(func(out *bufio.Writer) error {
		for _, it := range changed {
			if err := q.item(out, n, w, it); err != nil {
				return err
			}
		}
		if after > 0 { // who had nothing lost nothing
			for _, name := range gone {
				out.WriteString("<d:response>" + davHref(davPath(n.path+name)) + "<d:status>HTTP/1.1 404 Not Found</d:status></d:response>")
			}
		}
		if more {
			out.WriteString("<d:response>" + davHref(davPath(n.path)) + "<d:status>HTTP/1.1 507 Insufficient Storage</d:status><d:error><d:number-of-matches-within-limits/></d:error></d:response>")
		}
		_, err := out.WriteString("<d:sync-token>" + davEscape(q.token(n, seq)) + "</d:sync-token>")
		return err
	})
}

// hrefs are the names of a multiget's objects, each once; an empty name stands for a path outside the collection.
func hrefs(n davNode, root *xmlNode) (names, paths []string, err error) {
	seen, same := map[string]bool{}, map[string]bool{}
	for _, k := range root.kids {
		if !k.is(nsDAV, "href") {
			continue
		}
		text := strings.TrimSpace(k.text)
		if seen[text] {
			continue
		}
		if len(names) == davMaxHrefs {
			return nil, nil, ErrDAVLarge
		}
		seen[text] = true
		name, path := "", text
		if u, err := url.Parse(text); err == nil && u.RawQuery == "" && u.Fragment == "" {
			path = u.EscapedPath()
			if rest, ok := strings.CutPrefix(u.Path, n.path); ok && !strings.Contains(rest, "/") {
				name = rest
			}
		}
		if name != "" {
			if same[name] { // one object has many addresses: %61 and a, with a host and without
				continue
			}
			same[name] = true
		}
		names, paths = append(names, name), append(paths, path)
	}
	return names, paths, nil
}

// multiget answers calendar-multiget (RFC 4791, Section 7.9) and addressbook-multiget (RFC 6352, Section 8.7).
func (q *davRequest) multiget(n davNode, root *xmlNode) error {
	ctx := q.r.Context()
	w, err := readWant(root)
	if err != nil {
		return err
	}
	if err := plainData(root); err != nil {
		return err
	}
	names, paths, err := hrefs(n, root)
	if err != nil {
		return err
	}
	return q.multistatus(func(out *bufio.Writer) error {
		for i, name := range names {
			it, err := davItem{}, ErrNotFound
			if name != "" {
				it, err = n.coll.get(ctx, name)
			}
			if errors.Is(err, ErrNotFound) {
				out.WriteString("<d:response>" + davHref(paths[i]) + "<d:status>HTTP/1.1 404 Not Found</d:status></d:response>")
				continue
			}
			if err == nil {
				err = q.response(out, n.path+name, w, q.itemProps(n, it))
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// query answers calendar-query (RFC 4791, Section 7.8).
func (q *davRequest) query(n davNode, root *xmlNode) error {
	ctx := q.r.Context()
	w, err := readWant(root)
	if err != nil {
		return err
	}
	if err := plainData(root); err != nil {
		return err
	}
	filter, err := parseFilter(root.child(nsCal, "filter"))
	if err != nil {
		return err
	}
	items, err := n.coll.list(ctx)
	if err != nil {
		return err
	}
	all := work{left: maxViewWork}
	return q.multistatus(func(out *bufio.Writer) error {
		for _, it := range items {
			it, err := n.coll.get(ctx, it.name)
			if errors.Is(err, ErrNotFound) { // deleted since the list was made
				continue
			}
			if err != nil {
				return err
			}
			data, err := it.data()
			if err != nil {
				return err
			}
			if !filter.matches(data, &all) {
				continue
			}
			if err := q.response(out, n.path+it.name, w, q.itemProps(n, it)); err != nil {
				return err
			}
		}
		return nil
	})
}

// plainData refuses what would have the server compute other calendar data than are stored (RFC 4791, Sections 9.6.5–9.6.7).
// A choice of properties is not followed: the whole object is a valid answer that every client reads.
func plainData(root *xmlNode) error {
	if p := root.child(nsDAV, "prop"); p != nil {
		if data := p.child(nsCal, "calendar-data"); data != nil && (data.child(nsCal, "expand") != nil || data.child(nsCal, "limit-recurrence-set") != nil) {
			return ErrDAVExpand
		}
	}
	return nil
}
