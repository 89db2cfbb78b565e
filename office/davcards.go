package office

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/emersion/go-vcard"
	"github.com/emersion/go-webdav"
	"github.com/emersion/go-webdav/carddav"
)

// book is a body's people as an address book.
type book struct {
	d    *DAV
	body BodyEntry
}

const cardSuffix = ".vcf"

func (b book) kind() string { return nsCard }

func (b book) seq(ctx context.Context) (int64, error) {
	body, err := b.d.Directory.Body(ctx, b.body.EDRPOU)
	return body.Seq, err
}

func (b book) item(e Entry) davItem {
	return davItem{name: e.UID + cardSuffix, etag: davVersion + "-" + strconv.FormatInt(e.Seq, 10), modified: e.Changed, data: func() ([]byte, error) {
		var out bytes.Buffer
		err := WriteVCards(&out, b.card(e))
		return out.Bytes(), err
	}}
}

// card is version 3.0, which every phone reads.
func (b book) card(e Entry) vcard.Card { return VCard(e, b.body, b.d.Origin, VCard3) }

func (b book) list(ctx context.Context) ([]davItem, error) {
	changed, _, _, err := b.changes(ctx, 0, 0)
	return changed, err
}

func (b book) entry(ctx context.Context, name string) (Entry, error) {
	uid, ok := strings.CutSuffix(name, cardSuffix)
	if !ok {
		return Entry{}, ErrNotFound
	}
	e, err := b.d.Directory.ByUID(ctx, uid)
	if err == nil && (e.Body != b.body.EDRPOU || e.UID != uid) {
		err = ErrNotFound
	}
	return e, err
}

func (b book) get(ctx context.Context, name string) (davItem, error) {
	e, err := b.entry(ctx, name)
	if err != nil {
		return davItem{}, err
	}
	return b.item(e), nil
}

func (b book) changes(ctx context.Context, after int64, limit int) ([]davItem, []string, int64, error) {
	entries, uids, seq, err := b.d.Directory.Changes(ctx, b.body.EDRPOU, after, limit)
	if errors.Is(err, ErrConflict) { // a number from before the database was put back
		err = ErrDAVToken.because(err)
	}
	items := make([]davItem, len(entries))
	for i, e := range entries {
		items[i] = b.item(e)
	}
	gone := make([]string, len(uids))
	for i, uid := range uids {
		gone[i] = uid + cardSuffix
	}
	return items, gone, seq, err
}

// books are the address books, one of a body.
func (d *DAV) books(ctx context.Context) ([]davNode, error) {
	bodies, err := d.Directory.Bodies(ctx)
	if err != nil {
		return nil, err
	}
	nodes := make([]davNode, len(bodies))
	for i, b := range bodies {
		nodes[i] = davNode{path: davBooksHome + b.EDRPOU + "/", what: davBook, coll: book{d, b}, title: b.Name, about: b.EDRPOU, key: "book-" + b.EDRPOU}
	}
	return nodes, nil
}

// davMatches is how many cards one search finds: go-webdav builds its answer in memory.
const davMatches = 2_000

// cards hands an addressbook-query to go-webdav. What it refuses is told in this server's words.
func (q *davRequest) cards(n davNode, root *xmlNode, data []byte) error {
	if _, err := readWant(root); err != nil {
		return err
	}
	q.w.Header().Del("Preference-Applied") // it knows nothing of it
	r := q.r.Clone(q.r.Context())
	r.Body = io.NopCloser(bytes.NewReader(data))
	r.Header.Set("Content-Type", "application/xml")
	b := &cardBackend{q: q, book: n.coll.(book), path: n.path}
	w := &refusalWriter{ResponseWriter: q.w}
	h := carddav.Handler{Backend: b, Prefix: strings.TrimSuffix(davTop, "/")}
	h.ServeHTTP(w, r)
	switch {
	case b.err != nil:
		return b.err
	case w.refused >= 500:
		return fmt.Errorf("office: dav: go-webdav answered %d", w.refused)
	case w.refused != 0:
		return errCardFilter
	}
	return nil
}

var errCardFilter = &DAVError{Status: http.StatusForbidden, Condition: xml.Name{Space: nsCard, Local: "supported-filter"}, Code: ErrDAVFilter.Code,
	UK: ErrDAVFilter.UK, EN: ErrDAVFilter.EN, NextUK: ErrDAVFilter.NextUK, NextEN: ErrDAVFilter.NextEN}

// refusalWriter lets answers through and holds refusals back.
type refusalWriter struct {
	http.ResponseWriter
	refused int
}

// WriteHeader implements http.ResponseWriter.
func (w *refusalWriter) WriteHeader(status int) {
	if status >= 400 {
		w.refused = status
		return
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *refusalWriter) Write(b []byte) (int, error) {
	if w.refused != 0 {
		return len(b), nil
	}
	return w.ResponseWriter.Write(b)
}

// cardBackend is an address book as go-webdav asks for it.
type cardBackend struct {
	q    *davRequest
	book book
	path string
	err  error // why a search was not made
}

var (
	errNoCard   = webdav.NewHTTPError(http.StatusNotFound, errors.New("no such card"))
	errReadOnly = webdav.NewHTTPError(http.StatusForbidden, errors.New("read only"))
)

func (b *cardBackend) CurrentUserPrincipal(context.Context) (string, error) {
	return b.q.principal(), nil
}

func (b *cardBackend) AddressBookHomeSetPath(context.Context) (string, error) {
	return davBooksHome, nil
}

func (b *cardBackend) address() carddav.AddressBook {
	return carddav.AddressBook{Path: b.path, Name: b.book.body.Name}
}

func (b *cardBackend) ListAddressBooks(context.Context) ([]carddav.AddressBook, error) {
	return []carddav.AddressBook{b.address()}, nil
}

func (b *cardBackend) GetAddressBook(_ context.Context, path string) (*carddav.AddressBook, error) {
	if path != b.path {
		return nil, errNoCard
	}
	a := b.address()
	return &a, nil
}

func (b *cardBackend) object(e Entry) carddav.AddressObject {
	it := b.book.item(e)
	return carddav.AddressObject{Path: b.path + it.name, ModTime: it.modified, ETag: it.etag, Card: b.book.card(e)}
}

func (b *cardBackend) GetAddressObject(ctx context.Context, path string, _ *carddav.AddressDataRequest) (*carddav.AddressObject, error) {
	name, ok := strings.CutPrefix(path, b.path)
	if !ok {
		return nil, errNoCard
	}
	e, err := b.book.entry(ctx, name)
	if errors.Is(err, ErrNotFound) {
		return nil, errNoCard
	}
	if err != nil {
		return nil, err
	}
	o := b.object(e)
	return &o, nil
}

func (b *cardBackend) ListAddressObjects(ctx context.Context, path string, _ *carddav.AddressDataRequest) ([]carddav.AddressObject, error) {
	return b.QueryAddressObjects(ctx, path, &carddav.AddressBookQuery{})
}

func (b *cardBackend) QueryAddressObjects(ctx context.Context, path string, query *carddav.AddressBookQuery) ([]carddav.AddressObject, error) {
	entries, _, _, err := b.book.d.Directory.Changes(ctx, b.book.body.EDRPOU, 0, 0)
	if err != nil {
		b.err = err
		return nil, err
	}
	var out []carddav.AddressObject
	for _, e := range entries {
		o := b.object(e)
		if !matchCard(query, o.Card) {
			continue
		}
		if len(out) == davMatches {
			b.err = ErrDAVMatches
			return nil, b.err
		}
		if out = append(out, o); query.Limit > 0 && len(out) == query.Limit {
			break
		}
	}
	b.q.given += len(out)
	return out, nil
}

func (b *cardBackend) CreateAddressBook(context.Context, *carddav.AddressBook) error {
	return errReadOnly
}
func (b *cardBackend) DeleteAddressBook(context.Context, string) error   { return errReadOnly }
func (b *cardBackend) DeleteAddressObject(context.Context, string) error { return errReadOnly }
func (b *cardBackend) PutAddressObject(context.Context, string, vcard.Card, *carddav.PutAddressObjectOptions) (*carddav.AddressObject, error) {
	return nil, errReadOnly
}
