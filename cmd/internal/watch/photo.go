package watch

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"image"
	"image/draw"
	"image/jpeg"
	"strings"
)

// Limits of a portrait: the normalised JPEG of a token is at most 12 KiB and 480 dots high.
const (
	maxPhoto     = 64 << 10
	maxPhotoSide = 2048
)

var (
	errPhotoHash = error(Words{"ЗОБРАЖЕННЯ ПІДМІНЕНО: хеш не той, що в посвідченні", "THE PICTURE WAS REPLACED: its hash is not that of the ID"})
	errPhotoSize = error(Words{"зображення завелике", "the picture is too large"})
)

// openPicture decodes a portrait when its bytes have the hash that the token states, and refuses any other.
func openPicture(data []byte, want [20]byte) (*picture, error) {
	if len(data) > maxPhoto {
		return nil, errPhotoSize
	}
	sum := sha256.Sum256(data)
	if [20]byte(sum[:20]) != want {
		return nil, errPhotoHash
	}
	config, err := jpeg.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("watch: picture: %w", err)
	}
	if config.Width < 1 || config.Height < 1 || config.Width > maxPhotoSide || config.Height > maxPhotoSide {
		return nil, errPhotoSize
	}
	img, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("watch: picture: %w", err)
	}
	dots := image.NewRGBA(img.Bounds())
	draw.Draw(dots, dots.Rect, img, img.Bounds().Min, draw.Src)
	switch img := img.(type) { // the first decoding is not left behind
	case *image.YCbCr:
		clear(img.Y)
		clear(img.Cb)
		clear(img.Cr)
	case *image.Gray:
		clear(img.Pix)
	}
	return &picture{jpeg: data, img: dots, hash: want}, nil
}

// wipe overwrites what can be overwritten of a portrait.
func (p *picture) wipe() {
	if p == nil {
		return
	}
	clear(p.jpeg)
	if p.img != nil {
		clear(p.img.Pix)
	}
	p.img, p.hash = nil, [20]byte{}
}

// room gives the size in columns and rows in which a portrait fits into cols × rows, its proportions kept.
func (p *picture) room(cols, rows int) (w, h int) {
	if p == nil || p.img == nil || cols < 1 || rows < 1 {
		return 0, 0
	}
	size := p.img.Bounds().Size()
	w, h = cols, (cols*size.Y+size.X)/(2*size.X)
	if h > rows {
		w, h = max(rows*2*size.X/size.Y, 1), rows
	}
	return min(w, cols), max(h, 1)
}

// scaled gives the portrait as w × h dots, each the mean of what it covers.
func (p *picture) scaled(w, h int) [][3]uint8 {
	bounds := p.img.Bounds()
	out := make([][3]uint8, w*h)
	for y := range h {
		y0, y1 := bounds.Min.Y+y*bounds.Dy()/h, bounds.Min.Y+(y+1)*bounds.Dy()/h
		for x := range w {
			x0, x1 := bounds.Min.X+x*bounds.Dx()/w, bounds.Min.X+(x+1)*bounds.Dx()/w
			var r, g, b, n uint32
			for sy := y0; sy < max(y1, y0+1); sy++ {
				for sx := x0; sx < max(x1, x0+1); sx++ {
					dot := p.img.Pix[p.img.PixOffset(sx, sy):]
					r, g, b, n = r+uint32(dot[0]), g+uint32(dot[1]), b+uint32(dot[2]), n+1
				}
			}
			out[y*w+x] = [3]uint8{uint8(r / n), uint8(g / n), uint8(b / n)}
		}
	}
	return out
}

// blocks draws the portrait in half blocks with colours, w columns by h rows.
func (p *picture) blocks(w, h int) []string {
	dots := p.scaled(w, 2*h)
	lines := make([]string, h)
	for y := range h {
		var s strings.Builder
		for x := range w {
			t, b := dots[2*y*w+x], dots[(2*y+1)*w+x]
			fmt.Fprintf(&s, "\x1b[38;2;%d;%d;%d;48;2;%d;%d;%dm▀", t[0], t[1], t[2], b[0], b[1], b[2])
		}
		s.WriteString("\x1b[m")
		lines[y] = s.String()
	}
	return lines
}

// dither turns the portrait into w × h dots of ink by spreading each dot's error to its neighbours (Floyd and Steinberg).
func (p *picture) dither(w, h int) *bitmap {
	dots := p.scaled(w, h)
	grey := make([]int, len(dots))
	low, high := 255, 0
	for i, d := range dots {
		grey[i] = (299*int(d[0]) + 587*int(d[1]) + 114*int(d[2])) / 1000
		low, high = min(low, grey[i]), max(high, grey[i])
	}
	span := max(high-low, 1)
	for i := range grey {
		grey[i] = (grey[i] - low) * 255 / span
	}
	out := newBitmap(w, h)
	spread := func(x, y, err int) {
		if x >= 0 && x < w && y < h {
			grey[y*w+x] += err
		}
	}
	for y := range h {
		for x := range w {
			v := grey[y*w+x]
			ink := v >= 128
			out.put(x, y, ink)
			err := v
			if ink {
				err -= 255
			}
			spread(x+1, y, err*7/16)
			spread(x-1, y+1, err*3/16)
			spread(x, y+1, err*5/16)
			spread(x+1, y+1, err/16)
		}
	}
	return out
}

// braille draws the portrait without colours, light dots as ink, eight dots to a character.
func (p *picture) braille(w, h int) []string {
	b := p.dither(2*w, 4*h)
	bits := [4][2]rune{{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}}
	lines := make([]string, h)
	for y := range h {
		var s strings.Builder
		for x := range w {
			r := rune(0x2800)
			for dy := range 4 {
				for dx := range 2 {
					if b.at(2*x+dx, 4*y+dy) {
						r |= bits[dy][dx]
					}
				}
			}
			s.WriteRune(r)
		}
		lines[y] = s.String()
	}
	return lines
}

// ink draws the portrait without colours in half blocks.
func (p *picture) ink(w, h int) []string { return p.dither(w, 2*h).lines() }
