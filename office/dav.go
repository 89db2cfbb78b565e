package office

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// DAV answers CardDAV (RFC 6352) and CalDAV (RFC 4791) for one official at a time: an address book of every body, read only,
// and the official's two calendars, «Робочий день» and «Завдання». docs/spec/office-dav.md has the rules.
//
// go-webdav reads and answers addressbook-query. Its server knows no sync-collection (RFC 6578), no getctag and not the
// properties that iOS looks for on the way in; it holds a whole answer in memory several times over; and it would write a
// calendar anew instead of handing back the bytes that were stored. These are answered here.
type DAV struct {
	Directory *Directory
	Planner   *Planner
	Origin    string // https://id.example.gov.ua; sync tokens and cards begin with it
	// Given is told how many cards an answer held; optional.
	Given func(seat Seat, cards int, at time.Time)
}

// DAVError is why a request was refused. Code and the texts are as in the service's problems; Condition is the precondition
// element of RFC 4918, Section 16, where a standard names one.
type DAVError struct {
	Status         int
	Condition      xml.Name // zero: none
	Code           string
	UK, EN         string // what is wrong
	NextUK, NextEN string // what to do
	cause          error
	inner          string // content of the Condition element
}

// Error is the code and the English text.
func (e *DAVError) Error() string { return "office: dav: " + e.EN + " [" + e.Code + "]" }

// Unwrap is the cause, for the log alone.
func (e *DAVError) Unwrap() error { return e.cause }

// Is tells whether target is the same refusal, whatever its cause.
func (e *DAVError) Is(target error) bool {
	o, ok := target.(*DAVError)
	return ok && o.Code == e.Code
}

func (e *DAVError) because(err error) *DAVError {
	f := *e
	f.cause = err
	return &f
}

// Body is the refusal as an XML document for a program (RFC 4918, Section 16): the precondition, and the problem in words.
func (e *DAVError) Body(lang string) []byte {
	text, next := e.UK, e.NextUK
	if lang == "en" {
		text, next = e.EN, e.NextEN
	}
	var b bytes.Buffer
	b.WriteString(xml.Header + `<d:error` + davNamespaces + ` xmlns:p="` + nsProblem + `">`)
	if e.Condition.Local != "" {
		davElement(&b, e.Condition, e.inner)
	}
	fmt.Fprintf(&b, `<p:problem><p:code>%s</p:code><p:title>%s</p:title><p:next>%s</p:next></p:problem></d:error>`, davEscape(e.Code), davEscape(text), davEscape(next))
	return b.Bytes()
}

// Refusals of this part.
var (
	ErrDAVNotFound = &DAVError{Status: http.StatusNotFound, Code: "dav-not-found", UK: "Такого запису немає.", EN: "There is no such object.",
		NextUK: "Оновіть облікові записи в програмі.", NextEN: "Refresh the accounts in your program."}
	ErrDAVReadOnly = &DAVError{Status: http.StatusForbidden, Condition: xml.Name{Space: nsDAV, Local: "need-privileges"}, Code: "dav-read-only",
		UK: "Довідник лише для читання.", EN: "The directory is read only.",
		NextUK: "Про помилку в картці скажіть кадровій службі органу.", NextEN: "Tell the body's personnel office about a mistake in a card."}
	ErrDAVCollections = &DAVError{Status: http.StatusForbidden, Code: "dav-fixed-collections", UK: "Папки тут сталі.", EN: "The collections here are fixed.",
		NextUK: "Користуйтеся календарями «Робочий день» і «Завдання».", NextEN: "Use the calendars «Робочий день» and «Завдання»."}
	ErrDAVMethod = &DAVError{Status: http.StatusMethodNotAllowed, Code: "dav-method", UK: "Ця адреса не приймає такого запиту.", EN: "This address takes no such request.",
		NextUK: "Підключіть обліковий запис CardDAV чи CalDAV у програмі.", NextEN: "Set up a CardDAV or CalDAV account in your program."}
	ErrDAVBody = &DAVError{Status: http.StatusBadRequest, Code: "dav-body", UK: "Тіло запиту не прочитано.", EN: "The body of the request cannot be read.",
		NextUK: "Оновіть програму; якщо не допоможе, покажіть це адміністраторові.", NextEN: "Update the program; if it stays, show this to the administrator."}
	ErrDAVLarge = &DAVError{Status: http.StatusRequestEntityTooLarge, Code: "dav-too-large", UK: "Запит завеликий.", EN: "The request is too large.",
		NextUK: "Запитуйте меншими частинами.", NextEN: "Ask in smaller pieces."}
	ErrDAVDepth = &DAVError{Status: http.StatusForbidden, Condition: xml.Name{Space: nsDAV, Local: "propfind-finite-depth"}, Code: "dav-depth",
		UK: "Усього дерева одразу служба не віддає.", EN: "The whole tree is not given at once.",
		NextUK: "Запитуйте з Depth: 0 або 1.", NextEN: "Ask with Depth: 0 or 1."}
	ErrDAVReport = &DAVError{Status: http.StatusForbidden, Condition: xml.Name{Space: nsDAV, Local: "supported-report"}, Code: "dav-report",
		UK: "Такого звіту тут немає.", EN: "There is no such report here.",
		NextUK: "Програма має читати supported-report-set.", NextEN: "The program has to read supported-report-set."}
	ErrDAVToken = &DAVError{Status: http.StatusForbidden, Condition: xml.Name{Space: nsDAV, Local: "valid-sync-token"}, Code: "dav-sync-token",
		UK: "Мітка синхронізації не чинна.", EN: "The sync token is not valid.",
		NextUK: "Синхронізуйте з початку.", NextEN: "Synchronise from the beginning."}
	ErrDAVTraversal = &DAVError{Status: http.StatusForbidden, Condition: xml.Name{Space: nsDAV, Local: "sync-traversal-supported"}, Code: "dav-sync-level",
		UK: "Синхронізація йде лише на один рівень.", EN: "Synchronising goes one level deep.",
		NextUK: "Запитуйте з sync-level 1.", NextEN: "Ask with sync-level 1."}
	ErrDAVChanged = &DAVError{Status: http.StatusPreconditionFailed, Code: "dav-changed", UK: "Запис тим часом змінився.", EN: "The object has changed meanwhile.",
		NextUK: "Синхронізуйте і внесіть зміну ще раз.", NextEN: "Synchronise and make the change again."}
	ErrDAVType = &DAVError{Status: http.StatusForbidden, Condition: xml.Name{Space: nsCal, Local: "supported-calendar-data"}, Code: "dav-type",
		UK: "Сюди кладуть лише text/calendar.", EN: "Only text/calendar is kept here.",
		NextUK: "Зберігайте подію чи завдання.", NextEN: "Save an event or a task."}
	ErrDAVExpand = &DAVError{Status: http.StatusForbidden, Condition: xml.Name{Space: nsCal, Local: "supported-calendar-data"}, Code: "dav-expand",
		UK: "Повторювані події служба не розкладає.", EN: "Recurring events are not expanded here.",
		NextUK: "Програма має запитувати calendar-data без expand.", NextEN: "The program has to ask for calendar-data without expand."}
	ErrDAVObjectSize = &DAVError{Status: http.StatusForbidden, Condition: xml.Name{Space: nsCal, Local: "max-resource-size"}, Code: "dav-object-size",
		UK: "Запис завеликий.", EN: "The object is too large.",
		NextUK: "Зберігайте вкладення окремо: запис має до 64 КіБ.", NextEN: "Keep attachments elsewhere: an object has up to 64 KiB."}
	ErrDAVFilter = &DAVError{Status: http.StatusForbidden, Condition: xml.Name{Space: nsCal, Local: "supported-filter"}, Code: "dav-filter",
		UK: "Такого відбору немає.", EN: "There is no such filter.",
		NextUK: "Оновіть програму.", NextEN: "Update the program."}
	ErrDAVMatches = &DAVError{Status: http.StatusForbidden, Condition: xml.Name{Space: nsDAV, Local: "number-of-matches-within-limits"}, Code: "dav-many-matches",
		UK: "Таких карток забагато для одного пошуку.", EN: "There are too many such cards for one search.",
		NextUK: "Шукайте точніше; увесь довідник програма бере синхронізацією.", NextEN: "Search more narrowly; a program takes the whole directory by synchronising."}
	ErrDAVName = &DAVError{Status: http.StatusForbidden, Condition: xml.Name{Space: nsCal, Local: "calendar-collection-location-ok"}, Code: "dav-name",
		UK: "Такої назви запис не може мати.", EN: "An object cannot have this name.",
		NextUK: "Оновіть програму.", NextEN: "Update the program."}
)

// davItem is one object of a collection.
type davItem struct {
	name     string // last part of its path
	etag     string // without quotes
	modified time.Time
	data     func() ([]byte, error) // may be called later, once or never
}

// davCollection is an address book or a calendar, as one official sees it now.
type davCollection interface {
	// kind is nsCard or nsCal.
	kind() string
	// seq is the newest change of the collection.
	seq(ctx context.Context) (int64, error)
	// list is every object, without order.
	list(ctx context.Context) ([]davItem, error)
	// get is one object. Error: ErrNotFound.
	get(ctx context.Context, name string) (davItem, error)
	// changes are objects changed and the names of those gone after a change, at most limit of both, and the last change they hold.
	changes(ctx context.Context, after int64, limit int) (changed []davItem, gone []string, seq int64, err error)
}

// davCalendar is a collection that its official writes.
type davCalendar interface {
	davCollection
	// put writes an object; made tells that it is new. same tells that what is stored is what was sent, byte for byte.
	put(ctx context.Context, name string, data []byte, c PutCondition, at time.Time) (item davItem, made, same bool, err error)
	remove(ctx context.Context, name string, c PutCondition, at time.Time) error
}

// davNode is what a path names.
type davNode struct {
	path  string // with the slash at the end for everything but an object
	what  davKind
	coll  davCollection // of davBook, davPlan and their objects
	name  string        // of an object
	title string        // of a collection
	about string        // description of a collection
	key   string        // names the collection in sync tokens
	comp  string        // component of a calendar: VEVENT or VTODO
	color string        // of a calendar, #RRGGBBAA
	order string        // of a calendar
}

type davKind uint8

const (
	davRoot      davKind = iota + 1 // a plain collection on the way in
	davPrincipal                    // the official
	davBooks                        // home of the address books
	davPlans                        // home of the calendars
	davBook                         // one address book
	davPlan                         // one calendar
	davObject                       // a card, an event, a task
)

// davRequest is one request being answered.
type davRequest struct {
	d     *DAV
	m     Member
	lang  string
	at    time.Time
	r     *http.Request
	w     http.ResponseWriter
	brief bool // properties that are not there need not be named (RFC 8144, Section 2.1)
	given int  // cards
}

// Serve answers one request of an official whose right was checked by the caller. The path begins with /dav/, or is / or
// /principals/, where phones begin to look. Errors: *DAVError, and faults of the store.
func (d *DAV) Serve(w http.ResponseWriter, r *http.Request, m Member, lang string, at time.Time) error {
	q := &davRequest{d: d, m: m, lang: lang, at: at, r: r, w: w}
	q.brief = strings.Contains(r.Header.Get("Prefer"), "return=minimal") || strings.EqualFold(r.Header.Get("Brief"), "t")
	if q.brief {
		w.Header().Set("Preference-Applied", "return=minimal")
		w.Header().Set("Vary", "Brief, Prefer")
	}
	w.Header().Set("DAV", davClasses)
	if d.Given != nil {
		defer func() { // also of an answer that was cut off
			if q.given > 0 {
				d.Given(m.Seat, q.given, at)
			}
		}()
	}
	n, err := q.node(r.Context(), r.URL.Path)
	if err != nil {
		return err
	}
	switch r.Method {
	case http.MethodOptions:
		w.Header().Set("Allow", n.allow())
		w.WriteHeader(http.StatusNoContent)
		return nil
	case "PROPFIND":
		return q.propfind(n)
	case "PROPPATCH":
		return q.proppatch(n)
	case "REPORT":
		return q.report(n)
	case http.MethodGet, http.MethodHead:
		return q.get(n)
	case http.MethodPut:
		return q.put(n)
	case http.MethodDelete:
		return q.remove(n)
	case "MKCOL", "MKCALENDAR", "COPY", "MOVE":
		return ErrDAVCollections
	}
	return q.method(n)
}

// davClasses is the DAV header (RFC 4918, Section 10.1): no locks, so not class 2.
const davClasses = "1, 3, addressbook, calendar-access"

func (n davNode) allow() string {
	switch {
	case n.what == davObject && n.coll.kind() == nsCal:
		return "OPTIONS, GET, HEAD, PUT, DELETE, PROPFIND"
	case n.what == davObject:
		return "OPTIONS, GET, HEAD, PROPFIND"
	case n.what == davBook, n.what == davPlan:
		return "OPTIONS, PROPFIND, PROPPATCH, REPORT"
	}
	return "OPTIONS, PROPFIND, PROPPATCH"
}

func (q *davRequest) method(n davNode) error {
	q.w.Header().Set("Allow", n.allow())
	return ErrDAVMethod
}

// Paths of the tree.
const (
	davTop        = "/dav/"
	davPrincipals = "/dav/principals/"
	davBooksHome  = "/dav/addressbooks/"
	davPlansHome  = "/dav/calendars/"
)

func (q *davRequest) principal() string { return davPrincipals + q.m.Seat.String() + "/" }
func (q *davRequest) plansHome() string { return davPlansHome + q.m.Seat.String() + "/" }

// node finds what a path names for this official. Other officials' principals and calendars are not there for him.
func (q *davRequest) node(ctx context.Context, path string) (davNode, error) {
	slashed := strings.TrimSuffix(path, "/") + "/"
	switch slashed {
	case "/", "/principals/", davTop, davPrincipals:
		return davNode{path: slashed, what: davRoot, title: "Posvid"}, nil
	case q.principal():
		return davNode{path: slashed, what: davPrincipal, title: q.m.Name()}, nil
	case davBooksHome:
		return davNode{path: slashed, what: davBooks, title: "Довідник"}, nil
	case q.plansHome():
		return davNode{path: slashed, what: davPlans, title: "Планування"}, nil
	}
	if rest, ok := strings.CutPrefix(path, davBooksHome); ok {
		edrpou, name, _ := strings.Cut(rest, "/")
		books, err := q.d.books(ctx)
		if err != nil {
			return davNode{}, err
		}
		return inCollection(books, davBooksHome+edrpou+"/", name)
	}
	if rest, ok := strings.CutPrefix(path, q.plansHome()); ok {
		which, name, _ := strings.Cut(rest, "/")
		return inCollection(q.d.plans(q.m.Seat), q.plansHome()+which+"/", name)
	}
	return davNode{}, ErrDAVNotFound
}

func inCollection(nodes []davNode, path, name string) (davNode, error) {
	i := slices.IndexFunc(nodes, func(n davNode) bool { return n.path == path })
	if i < 0 || strings.Contains(name, "/") {
		return davNode{}, ErrDAVNotFound
	}
	n := nodes[i]
	if name != "" {
		n.what, n.name, n.path = davObject, name, path+name
	}
	return n, nil
}

// escaped is a path as it stands in an href.
func davPath(path string) string { return (&url.URL{Path: path}).EscapedPath() }

// davProp is one property that a resource has.
type davProp struct {
	name  xml.Name
	value func() (string, error) // the content, as XML
	asked bool                   // only when it is asked by name: it costs much, or the standard says so
}

func davText(space, local, content string) davProp {
	return davProp{name: xml.Name{Space: space, Local: local}, value: func() (string, error) { return content, nil }}
}

func davAsked(p davProp) davProp {
	p.asked = true
	return p
}

// props are the properties of a node that is no object.
func (q *davRequest) props(ctx context.Context, n davNode) []davProp {
	me := davHref(davPath(q.principal()))
	out := []davProp{
		davText(nsDAV, "resourcetype", n.resourceType()),
		davText(nsDAV, "displayname", davEscape(n.title)),
		davText(nsDAV, "current-user-principal", me), // on every collection: iOS looks for it wherever it begins
		davAsked(davText(nsDAV, "principal-URL", me)),
		davAsked(davText(nsDAV, "principal-collection-set", davHref(davPrincipals))),
		davAsked(davText(nsDAV, "current-user-privilege-set", n.privileges())),
		davAsked(davText(nsDAV, "owner", me)),
		davAsked(davText(nsDAV, "supported-report-set", n.reports())),
	}
	switch n.what {
	case davPrincipal, davRoot:
		out = append(out,
			davAsked(davText(nsCard, "addressbook-home-set", davHref(davBooksHome))),
			davAsked(davText(nsCal, "calendar-home-set", davHref(davPath(q.plansHome())))))
		if n.what == davPrincipal {
			address := me
			if q.m.Email != "" {
				address = davHref("mailto:"+q.m.Email) + me
				out = append(out, davAsked(davText(nsServer, "email-address-set", "<cs:email-address>"+davEscape(q.m.Email)+"</cs:email-address>")))
			}
			out = append(out, davAsked(davText(nsCal, "calendar-user-address-set", address)), davAsked(davText(nsCal, "calendar-user-type", "INDIVIDUAL")))
		}
	case davBook, davPlan:
		token := func() (string, error) {
			seq, err := n.coll.seq(ctx)
			return davEscape(q.token(n, seq)), err
		}
		out = append(out,
			davProp{name: xml.Name{Space: nsServer, Local: "getctag"}, value: token},
			davProp{name: xml.Name{Space: nsDAV, Local: "sync-token"}, value: token})
		if n.what == davBook {
			out = append(out,
				davText(nsCard, "addressbook-description", davEscape(n.about)),
				davAsked(davText(nsCard, "supported-address-data", `<card:address-data-type content-type="text/vcard" version="3.0"/>`)),
				davAsked(davText(nsCard, "max-resource-size", strconv.Itoa(MaxCalendarObject))))
		} else {
			out = append(out,
				davText(nsCal, "calendar-description", davEscape(n.about)),
				davText(nsCal, "supported-calendar-component-set", `<cal:comp name="`+n.comp+`"/>`),
				davAsked(davText(nsCal, "supported-calendar-data", `<cal:calendar-data content-type="text/calendar" version="2.0"/>`)),
				davAsked(davText(nsCal, "supported-collation-set", "<cal:supported-collation>i;ascii-casemap</cal:supported-collation><cal:supported-collation>i;octet</cal:supported-collation>")),
				davAsked(davText(nsCal, "max-resource-size", strconv.Itoa(MaxCalendarObject))),
				davText(nsApple, "calendar-color", n.color),
				davText(nsApple, "calendar-order", n.order))
		}
	}
	return out
}

func (n davNode) resourceType() string {
	switch n.what {
	case davPrincipal:
		return "<d:collection/><d:principal/>"
	case davBook:
		return "<d:collection/><card:addressbook/>"
	case davPlan:
		return "<d:collection/><cal:calendar/>"
	case davObject:
		return ""
	}
	return "<d:collection/>"
}

func (n davNode) privileges() string {
	names := []string{"read", "read-current-user-privilege-set"}
	if n.coll != nil && n.coll.kind() == nsCal {
		names = append(names, "write-content")
		if n.what == davPlan {
			names = append(names, "write", "bind", "unbind")
		}
	}
	var b strings.Builder
	for _, name := range names {
		b.WriteString("<d:privilege><d:" + name + "/></d:privilege>")
	}
	return b.String()
}

func (n davNode) reports() string {
	var names []string
	switch n.what {
	case davBook:
		names = []string{"d:sync-collection", "card:addressbook-multiget", "card:addressbook-query"}
	case davPlan:
		names = []string{"d:sync-collection", "cal:calendar-multiget", "cal:calendar-query"}
	}
	var b strings.Builder
	for _, name := range names {
		b.WriteString("<d:supported-report><d:report><" + name + "/></d:report></d:supported-report>")
	}
	return b.String()
}

// contentType is of a collection's objects.
func (n davNode) contentType() string {
	if n.coll.kind() == nsCal {
		return "text/calendar; charset=utf-8; component=" + n.comp
	}
	return "text/vcard; charset=utf-8"
}

// itemProps are the properties of an object.
func (q *davRequest) itemProps(n davNode, it davItem) []davProp {
	data := xml.Name{Space: nsCard, Local: "address-data"}
	if n.coll.kind() == nsCal {
		data = xml.Name{Space: nsCal, Local: "calendar-data"}
	}
	out := []davProp{
		davText(nsDAV, "resourcetype", ""),
		davText(nsDAV, "getetag", davEscape(strconv.Quote(it.etag))),
		davText(nsDAV, "getcontenttype", n.contentType()),
		{name: data, asked: true, value: func() (string, error) {
			if n.coll.kind() == nsCard {
				q.given++
			}
			b, err := it.data()
			return davEscape(string(b)), err
		}},
		{name: xml.Name{Space: nsDAV, Local: "getcontentlength"}, asked: true, value: func() (string, error) {
			b, err := it.data()
			return strconv.Itoa(len(b)), err
		}},
		davAsked(davText(nsDAV, "current-user-principal", davHref(davPath(q.principal())))),
		davAsked(davText(nsDAV, "current-user-privilege-set", davNode{what: davObject, coll: n.coll}.privileges())),
		davAsked(davText(nsDAV, "supported-report-set", "")),
	}
	if !it.modified.IsZero() {
		out = append(out, davText(nsDAV, "getlastmodified", davDate(it.modified)))
	}
	return out
}

// davWant is which properties a request asks.
type davWant struct {
	all, names bool // allprop; propname
	props      []xml.Name
}

// want reads the propname, allprop or prop of a request.
func readWant(n *xmlNode) (davWant, error) {
	if n == nil {
		return davWant{all: true}, nil
	}
	var w davWant
	size := 0
	for _, k := range n.kids {
		switch {
		case k.is(nsDAV, "allprop"):
			w.all = true
		case k.is(nsDAV, "propname"):
			w.names = true
		case k.is(nsDAV, "prop"), w.all && k.is(nsDAV, "include"):
			for _, p := range k.kids {
				if slices.Contains(w.props, p.name) {
					continue
				}
				if size += len(p.name.Space) + len(p.name.Local); len(w.props) == davMaxNames || size > davMaxNameBytes {
					return w, ErrDAVLarge
				}
				w.props = append(w.props, p.name)
			}
		}
	}
	if w.names && (w.all || len(w.props) > 0) {
		return w, ErrDAVBody
	}
	return w, nil
}

// response writes one response element (RFC 4918, Section 14.24): what there is, then what there is not.
func (q *davRequest) response(out *bufio.Writer, path string, w davWant, props []davProp) error {
	out.WriteString("<d:response>" + davHref(davPath(path)) + "<d:propstat><d:prop>")
	add := func(p davProp) error {
		if w.names {
			out.WriteString(davEmpty(p.name))
			return nil
		}
		value, err := p.value()
		if err == nil {
			davElement(out, p.name, value)
		}
		return err
	}
	var missing []xml.Name
	if w.all || w.names {
		for _, p := range props {
			if p.asked && !w.names && !slices.Contains(w.props, p.name) {
				continue
			}
			if err := add(p); err != nil {
				return err
			}
		}
	} else {
		for _, name := range w.props {
			i := slices.IndexFunc(props, func(p davProp) bool { return p.name == name })
			if i < 0 {
				missing = append(missing, name)
				continue
			}
			if err := add(props[i]); err != nil {
				return err
			}
		}
	}
	out.WriteString("</d:prop><d:status>HTTP/1.1 200 OK</d:status></d:propstat>")
	if len(missing) > 0 && !q.brief {
		out.WriteString("<d:propstat><d:prop>")
		for _, name := range missing {
			out.WriteString(davEmpty(name))
		}
		out.WriteString("</d:prop><d:status>HTTP/1.1 404 Not Found</d:status></d:propstat>")
	}
	_, err := out.WriteString("</d:response>")
	return err
}

// item is response for an object of a list. Where the data of an event or task are asked, they are read now, with the tag of the
// same moment; what was deleted since the list was made is left out.
func (q *davRequest) item(out *bufio.Writer, n davNode, w davWant, it davItem) error {
	if n.coll.kind() == nsCal && slices.ContainsFunc(w.props, func(p xml.Name) bool { return p.Local == "calendar-data" || p.Local == "getcontentlength" }) {
		var err error
		if it, err = n.coll.get(q.r.Context(), it.name); errors.Is(err, ErrNotFound) {
			return nil
		} else if err != nil {
			return err
		}
	}
	return q.response(out, n.path+it.name, w, q.itemProps(n, it))
}

// multistatus begins an answer and lets write fill it. After it began, an error cannot be told any more: the connection is cut,
// so that no client takes a half for the whole.
func (q *davRequest) multistatus(write func(out *bufio.Writer) error) error {
	q.w.Header().Set("Content-Type", "application/xml; charset=utf-8")
	begun := &firstWrite{w: q.w}
	out := bufio.NewWriterSize(begun, 32<<10)
	out.WriteString(xml.Header + "<d:multistatus" + davNamespaces + ">")
	err := write(out)
	if err == nil {
		out.WriteString("</d:multistatus>\n")
		err = out.Flush()
	} else if !begun.done {
		q.w.Header().Del("Content-Type")
		return err
	}
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	return nil
}

// firstWrite sends the status with the first bytes.
type firstWrite struct {
	w    http.ResponseWriter
	done bool
}

// Write implements io.Writer.
func (f *firstWrite) Write(b []byte) (int, error) {
	if !f.done {
		f.done = true
		f.w.WriteHeader(http.StatusMultiStatus)
	}
	return f.w.Write(b)
}

// body reads a request's body in XML; nil when it is empty.
func (q *davRequest) body() (*xmlNode, []byte, error) {
	data, err := io.ReadAll(io.LimitReader(q.r.Body, davMaxXML+1))
	if err != nil {
		return nil, nil, err
	}
	if len(data) == 0 {
		return nil, nil, nil
	}
	if t := q.r.Header.Get("Content-Type"); t != "" {
		kind, _, err := mime.ParseMediaType(t)
		if err != nil || kind != "application/xml" && kind != "text/xml" {
			return nil, nil, ErrDAVBody
		}
	}
	n, err := parseXML(data)
	switch {
	case errors.Is(err, errXMLLarge):
		return nil, nil, ErrDAVLarge
	case err != nil:
		return nil, nil, ErrDAVBody.because(err)
	}
	return n, data, nil
}

// propfind answers PROPFIND (RFC 4918, Section 9.1).
func (q *davRequest) propfind(n davNode) error {
	ctx := q.r.Context()
	root, _, err := q.body()
	if err != nil {
		return err
	}
	if root != nil && !root.is(nsDAV, "propfind") {
		return ErrDAVBody
	}
	w, err := readWant(root)
	if err != nil {
		return err
	}
	if root != nil && !w.all && !w.names && root.child(nsDAV, "prop") == nil {
		return ErrDAVBody
	}
	if n.what == davObject {
		it, err := n.coll.get(ctx, n.name)
		if err != nil {
			return davMissing(err)
		}
		return q.multistatus(func(out *bufio.Writer) error { return q.response(out, n.path, w, q.itemProps(n, it)) })
	}
	deep := false
	switch q.r.Header.Get("Depth") {
	case "0":
	case "1":
		deep = true
	case "", "infinity", "Infinity":
		return ErrDAVDepth
	default:
		return ErrDAVBody
	}
	var inside []davNode
	if deep {
		if inside, err = q.inside(ctx, n); err != nil {
			return err
		}
	}
	return q.multistatus(func(out *bufio.Writer) error {
		if err := q.response(out, n.path, w, q.props(ctx, n)); err != nil { // the token is read first: what changes from here on comes again
			return err
		}
		for _, k := range inside {
			if err := q.response(out, k.path, w, q.props(ctx, k)); err != nil {
				return err
			}
		}
		if !deep || n.coll == nil {
			return nil
		}
		items, err := n.coll.list(ctx)
		if err != nil {
			return err
		}
		for _, it := range items {
			if err := q.item(out, n, w, it); err != nil {
				return err
			}
		}
		return nil
	})
}

// inside are the collections directly inside one.
func (q *davRequest) inside(ctx context.Context, n davNode) ([]davNode, error) {
	switch n.what {
	case davBooks:
		return q.d.books(ctx)
	case davPlans:
		return q.d.plans(q.m.Seat), nil
	case davRoot:
		if n.path == davPrincipals || n.path == "/principals/" {
			return []davNode{{path: q.principal(), what: davPrincipal, title: q.m.Name()}}, nil
		}
	}
	return nil, nil
}

// proppatch refuses every property (RFC 4918, Section 9.2): names and colours here are the same for everybody.
func (q *davRequest) proppatch(n davNode) error {
	if n.what == davObject {
		return q.method(n)
	}
	root, _, err := q.body()
	if err != nil {
		return err
	}
	if root == nil || !root.is(nsDAV, "propertyupdate") {
		return ErrDAVBody
	}
	var names []xml.Name
	for _, set := range root.kids {
		if !set.is(nsDAV, "set") && !set.is(nsDAV, "remove") {
			continue
		}
		if p := set.child(nsDAV, "prop"); p != nil {
			for _, k := range p.kids {
				if len(names) == davMaxNames {
					return ErrDAVLarge
				}
				names = append(names, k.name)
			}
		}
	}
	if len(names) == 0 {
		return ErrDAVBody
	}
	return q.multistatus(func(out *bufio.Writer) error {
		out.WriteString("<d:response>" + davHref(davPath(n.path)) + "<d:propstat><d:prop>")
		for _, name := range names {
			out.WriteString(davEmpty(name))
		}
		_, err := out.WriteString("</d:prop><d:status>HTTP/1.1 403 Forbidden</d:status><d:error><d:cannot-modify-protected-property/></d:error></d:propstat></d:response>")
		return err
	})
}

// davMissing is a look-up's error as the client sees it.
func davMissing(err error) error {
	if errors.Is(err, ErrNotFound) {
		return ErrDAVNotFound
	}
	return err
}

// get answers GET and HEAD of an object.
func (q *davRequest) get(n davNode) error {
	if n.what != davObject {
		return q.method(n)
	}
	ctx := q.r.Context()
	it, err := n.coll.get(ctx, n.name)
	if err != nil {
		return davMissing(err)
	}
	h := q.w.Header()
	h.Set("ETag", strconv.Quote(it.etag))
	h.Set("Cache-Control", "private, no-cache")
	if !it.modified.IsZero() {
		h.Set("Last-Modified", davDate(it.modified))
	}
	if tags := q.r.Header.Values("If-None-Match"); len(tags) > 0 && matchesTag(tags, it.etag) {
		q.w.WriteHeader(http.StatusNotModified)
		return nil
	}
	data, err := it.data()
	if err != nil {
		return err
	}
	h.Set("Content-Type", n.contentType())
	h.Set("Content-Length", strconv.Itoa(len(data)))
	if q.r.Method == http.MethodHead {
		return nil
	}
	if n.coll.kind() == nsCard {
		q.given++
	}
	_, err = q.w.Write(data)
	return err
}

// matchesTag tells whether a list of entity tags has one, or is *. Weak tags count where the content is the same.
func matchesTag(values []string, etag string) bool {
	for _, t := range strings.Split(strings.Join(values, ","), ",") {
		t = strings.TrimPrefix(strings.TrimSpace(t), "W/")
		if t == "*" || t == `"`+etag+`"` {
			return true
		}
	}
	return false
}

// condition is If-Match and If-None-Match of a write; the planner compares the tag in the transaction that writes.
func (q *davRequest) condition() PutCondition {
	list := func(name string) string {
		values := q.r.Header.Values(name)
		if text := strings.Join(values, ", "); text != "" || len(values) == 0 {
			return text
		}
		return `""` // the header is there and names nothing
	}
	return PutCondition{IfMatch: list("If-Match"), IfNoneMatch: list("If-None-Match")}
}

// put stores an event or a task.
func (q *davRequest) put(n davNode) error {
	c, err := q.calendar(n)
	if err != nil {
		return err
	}
	if kind, _, err := mime.ParseMediaType(cmp.Or(q.r.Header.Get("Content-Type"), "text/calendar")); err != nil || kind != "text/calendar" {
		return ErrDAVType
	}
	if q.r.Header.Get("Content-Range") != "" { // RFC 9110, Section 14.5
		return ErrDAVBody
	}
	if !goodName(n.name) {
		return ErrDAVName
	}
	data, err := io.ReadAll(io.LimitReader(q.r.Body, MaxCalendarObject+1))
	if err != nil {
		return err
	}
	if len(data) > MaxCalendarObject {
		return ErrDAVObjectSize
	}
	it, made, same, err := c.put(q.r.Context(), n.name, data, q.condition(), q.at)
	if err != nil {
		return err
	}
	if same { // otherwise the client has to read what became of it (RFC 4791, Section 5.3.4)
		q.w.Header().Set("ETag", strconv.Quote(it.etag))
	}
	status := http.StatusNoContent
	if made {
		status = http.StatusCreated
	}
	q.w.WriteHeader(status)
	return nil
}

func (q *davRequest) remove(n davNode) error {
	c, err := q.calendar(n)
	if err != nil {
		return err
	}
	if err := c.remove(q.r.Context(), n.name, q.condition(), q.at); err != nil {
		return davMissing(err)
	}
	q.w.WriteHeader(http.StatusNoContent)
	return nil
}

// calendar is the calendar of an object that is to be written.
func (q *davRequest) calendar(n davNode) (davCalendar, error) {
	switch {
	case n.what == davObject && n.coll.kind() == nsCal:
		return n.coll.(davCalendar), nil
	case n.coll != nil && n.coll.kind() == nsCard:
		return nil, ErrDAVReadOnly
	}
	return nil, ErrDAVCollections
}

// goodName tells whether an object may lie under a name: something a client can put into a path and find again.
func goodName(name string) bool {
	if len(name) == 0 || len(name) > 200 || name[0] == '.' {
		return false
	}
	for _, c := range []byte(name) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`/\?#%"<>|`, c) >= 0 {
			return false
		}
	}
	return true
}
