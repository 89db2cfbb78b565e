package qr

import (
	"errors"
	"image"

	"github.com/makiuchi-d/gozxing"
)

// grey is a picture of 8-bit luminance without padding, 0 is black. It serves
// gozxing as its luminance source.
type grey struct {
	w, h int
	pix  []byte
}

// luma is ITU-R BT.601 luminance of 8-bit components.
func luma(r, g, b uint32) uint32 { return (19595*r + 38470*g + 7471*b + 1<<15) >> 16 }

// overWhite lays a non-premultiplied luminance with alpha on white paper: a
// drawing of black modules on nothing is meant to be seen on a white page.
func overWhite(y, a uint32) byte { return byte((y*a + 255*(255-a) + 127) / 255) }

// greyOf converts any picture; a transparent pixel is white.
func greyOf(img image.Image) *grey {
	b := img.Bounds()
	g := &grey{w: b.Dx(), h: b.Dy(), pix: make([]byte, b.Dx()*b.Dy())}
	for y := range g.h {
		out := g.pix[y*g.w:][:g.w]
		switch m := img.(type) {
		case *image.Gray:
			copy(out, m.Pix[m.PixOffset(b.Min.X, b.Min.Y+y):])
		case *image.YCbCr:
			copy(out, m.Y[m.YOffset(b.Min.X, b.Min.Y+y):])
		case *image.NYCbCrA:
			lum, alpha := m.Y[m.YOffset(b.Min.X, b.Min.Y+y):], m.A[m.AOffset(b.Min.X, b.Min.Y+y):]
			for x := range out {
				out[x] = overWhite(uint32(lum[x]), uint32(alpha[x]))
			}
		case *image.Paletted:
			var table [256]byte // indices outside the palette stay black
			for i, c := range m.Palette {
				r, gg, bb, a := c.RGBA() // premultiplied: adding white for what is missing
				table[i&0xff] = byte((luma(r, gg, bb) + 0xffff - a) >> 8)
			}
			for x, i := range m.Pix[m.PixOffset(b.Min.X, b.Min.Y+y):][:g.w] {
				out[x] = table[i]
			}
		case *image.NRGBA:
			row := m.Pix[m.PixOffset(b.Min.X, b.Min.Y+y):]
			for x := range out {
				p := row[4*x:][:4]
				out[x] = overWhite(luma(uint32(p[0]), uint32(p[1]), uint32(p[2])), uint32(p[3]))
			}
		case *image.RGBA:
			row := m.Pix[m.PixOffset(b.Min.X, b.Min.Y+y):]
			for x := range out {
				p := row[4*x:][:4]
				out[x] = byte(min(255, luma(uint32(p[0]), uint32(p[1]), uint32(p[2]))+255-uint32(p[3])))
			}
		case image.RGBA64Image:
			for x := range out {
				c := m.RGBA64At(b.Min.X+x, b.Min.Y+y)
				out[x] = byte(min(0xffff, luma(uint32(c.R), uint32(c.G), uint32(c.B))+0xffff-uint32(c.A)) >> 8)
			}
		default:
			for x := range out {
				r, gg, bb, a := img.At(b.Min.X+x, b.Min.Y+y).RGBA()
				out[x] = byte(min(0xffff, luma(r, gg, bb)+0xffff-a) >> 8)
			}
		}
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

// inverted returns the negative.
func (g *grey) inverted() *grey {
	n := &grey{w: g.w, h: g.h, pix: make([]byte, len(g.pix))}
	for i, v := range g.pix {
		n.pix[i] = 255 - v
	}
	return n
}

// The methods below make *grey a gozxing.LuminanceSource.

var errUnsupported = errors.New("unsupported")

func (g *grey) GetRow(y int, row []byte) ([]byte, error) {
	if y < 0 || y >= g.h {
		return nil, errUnsupported
	}
	return append(row[:0], g.pix[y*g.w:(y+1)*g.w]...), nil
}
func (g *grey) GetMatrix() []byte       { return g.pix }
func (g *grey) GetWidth() int           { return g.w }
func (g *grey) GetHeight() int          { return g.h }
func (g *grey) IsCropSupported() bool   { return false }
func (g *grey) IsRotateSupported() bool { return false }
func (g *grey) String() string          { return "qr: grey picture" }
func (g *grey) Crop(int, int, int, int) (gozxing.LuminanceSource, error) {
	return nil, errUnsupported
}
func (g *grey) Invert() gozxing.LuminanceSource { return g.inverted() }
func (g *grey) RotateCounterClockwise() (gozxing.LuminanceSource, error) {
	return nil, errUnsupported
}
func (g *grey) RotateCounterClockwise45() (gozxing.LuminanceSource, error) {
	return nil, errUnsupported
}
