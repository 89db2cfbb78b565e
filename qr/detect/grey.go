package detect

import "image"

// grey is a picture of 8-bit luminance without padding, 0 is black.
type grey struct {
	w, h int
	pix  []byte
}

// greyOf gives a picture's pixels, copied only where rows are padded.
func greyOf(img *image.Gray) *grey {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	if img.Stride == w {
		return &grey{w: w, h: h, pix: img.Pix[:w*h]}
	}
	g := &grey{w: w, h: h, pix: make([]byte, w*h)}
	for y := range h {
		copy(g.pix[y*w:][:w], img.Pix[y*img.Stride:])
	}
	return g
}

// halved returns the picture at half its width and height, each pixel the mean
// of four.
func (g *grey) halved() *grey {
	h := &grey{w: g.w / 2, h: g.h / 2}
	if h.w == 0 || h.h == 0 {
		return nil
	}
	h.pix = make([]byte, h.w*h.h)
	for y := range h.h {
		a := g.pix[2*y*g.w:][:g.w]
		b := g.pix[(2*y+1)*g.w:][:g.w]
		out := h.pix[y*h.w:][:h.w]
		for x := range out {
			out[x] = byte((uint32(a[2*x]) + uint32(a[2*x+1]) + uint32(b[2*x]) + uint32(b[2*x+1]) + 2) / 4)
		}
	}
	return h
}

// doubled returns the picture at twice its width and height, interpolated
// between pixel centres.
func (g *grey) doubled() *grey {
	d := &grey{w: 2 * g.w, h: 2 * g.h, pix: make([]byte, 4*g.w*g.h)}
	for y := range d.h {
		y0, y1 := neighbours(y, g.h)
		near, far := g.pix[y0*g.w:][:g.w], g.pix[y1*g.w:][:g.w]
		out := d.pix[y*d.w:][:d.w]
		for x := range out {
			x0, x1 := neighbours(x, g.w)
			out[x] = byte((9*uint32(near[x0]) + 3*uint32(near[x1]) + 3*uint32(far[x0]) + uint32(far[x1]) + 8) / 16)
		}
	}
	return d
}

// neighbours returns the nearest and the second nearest source pixel of pixel
// i of a line drawn at twice its length n.
func neighbours(i, n int) (near, far int) {
	near = i / 2
	if i%2 == 0 {
		return near, max(near-1, 0)
	}
	return near, min(near+1, n-1)
}
