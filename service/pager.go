package service

import (
	"net/http"
	"net/url"
	"strconv"
)

// PageSize is how many rows one page of a list has.
const PageSize = 50

// Pager is one page of a list; layout.html draws it from the member Pager of a View's Data.
type Pager struct {
	Page, Pages, Total int
	From, To           int // the rows shown are From to To - 1, counted from 0
	base               url.Values
}

// NewPager cuts a list of total rows, of which pages show the first shown, at most total. The number of the page comes from the
// address of r; one that there is not becomes the nearest. base is the query that the addresses of other pages have beside it.
func NewPager(r *http.Request, total, shown int, base url.Values) Pager {
	p := Pager{Total: total, Pages: max(1, (shown+PageSize-1)/PageSize), base: base}
	p.Page, _ = strconv.Atoi(r.URL.Query().Get("page"))
	p.Page = min(max(p.Page, 1), p.Pages)
	p.From = (p.Page - 1) * PageSize
	p.To = min(p.From+PageSize, shown)
	return p
}

// Link is the address of another page of the same list.
func (p Pager) Link(page int) string {
	q := url.Values{}
	for k, v := range p.base {
		q[k] = v
	}
	q.Set("page", strconv.Itoa(page))
	return "?" + q.Encode()
}

// Prev is the page before; 0 for none.
func (p Pager) Prev() int { return p.Page - 1 }

// Next is the page after; 0 for none.
func (p Pager) Next() int {
	if p.Page >= p.Pages {
		return 0
	}
	return p.Page + 1
}

// First is the number of the first row shown, counted from 1; 0 for an empty list.
func (p Pager) First() int { return min(p.From+1, p.Total) }
