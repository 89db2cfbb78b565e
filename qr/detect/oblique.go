package detect

// A symbol seen from far to the side is several times as wide as high, or as
// high as wide. Its finder patterns are no rings then but slits, whose narrow
// side the views before do not resolve, and whose wide side they do not follow.

// squeezed returns the picture at half its width or half its height, each
// pixel the mean of two; nil when nothing is left of it.
func (g *grey) squeezed(width bool) *grey {
	if width {
		h := &grey{w: g.w / 2, h: g.h}
		if h.w == 0 {
			return nil
		}
		h.pix = make([]byte, h.w*h.h)
		for y := range h.h {
			a := g.pix[y*g.w:][:g.w]
			out := h.pix[y*h.w:][:h.w]
			for x := range out {
				out[x] = byte((uint32(a[2*x]) + uint32(a[2*x+1]) + 1) / 2)
			}
		}
		return h
	}
	h := &grey{w: g.w, h: g.h / 2}
	if h.h == 0 {
		return nil
	}
	h.pix = make([]byte, h.w*h.h)
	for y := range h.h {
		a, b := g.pix[2*y*g.w:][:g.w], g.pix[(2*y+1)*g.w:][:g.w]
		out := h.pix[y*h.w:][:h.w]
		for x := range out {
			out[x] = byte((uint32(a[x]) + uint32(b[x]) + 1) / 2)
		}
	}
	return h
}

// oblique looks at the picture with only its height halved, then only its
// width: a symbol that one side of which is a third of the other is nearly
// square in one of the two. Other symbols were tried before, so one look at
// each view is all, and few triples.
func (s *search) oblique() {
	for _, width := range [2]bool{false, true} {
		if s.late() || len(s.results) > 0 {
			return
		}
		g := s.base.squeezed(width)
		if g == nil {
			return
		}
		q := newSearch(g, s.deadline)
		q.fits, q.least, q.work, q.bends, q.trace = maxObliqueFits, obliqueQuality, s.work, maxBends, s.trace
		for i := len(q.views) - 1; i >= 0 && !q.late() && len(q.results) == 0; i-- {
			if v := q.views[i]; v.w*v.h <= hugeView {
				q.look(v, byBoth, v.step(), "oblique")
			}
		}
		s.work = q.work
		for _, r := range q.results {
			for i := range r.Quad {
				if width {
					r.Quad[i].X *= 2
				} else {
					r.Quad[i].Y *= 2
				}
			}
			s.results = append(s.results, r)
		}
	}
}
