package qr

import (
	"cmp"
	"errors"
	"fmt"
	"image"
	"slices"

	"github.com/posvid/posvid/qr/source"
)

// Errors of ReadImage; those of the picture file are qr/source's.
var (
	// ErrNoCode reports a picture in which no QR code was found.
	ErrNoCode = errors.New("no QR code found in the picture")
	// ErrTooLarge reports a file with more bytes than the limit.
	ErrTooLarge = source.ErrTooLarge
	// ErrTooManyPixels reports a picture with more pixels than the limit. Its
	// pixels were not decoded.
	ErrTooManyPixels = source.ErrTooManyPixels
	// ErrFormat reports bytes that are not a picture of an accepted format, or
	// a damaged one.
	ErrFormat = source.ErrFormat
	// ErrDecoder reports that a picture or symbol decoder failed in a way it
	// should not; nothing is known about the picture.
	ErrDecoder = source.ErrDecoder
)

// Point is a place in a picture, in pixels from its upper left corner.
type Point struct{ X, Y float64 }

// Quad is the outline of a symbol without its quiet zone: the upper left,
// upper right, lower right and lower left corner of the symbol as it would be
// printed, wherever they lie in the picture. It is an estimate.
type Quad [4]Point

// Result is one code found in a picture.
type Result struct {
	// Text is what the code says: any text at all, from anyone at all.
	Text string
	Quad Quad
	// Rung names the step that read it: pure, clean, hybrid, half, global,
	// double, clean-inverted, inverted, quarter (docs/spec/qr.md, Reading).
	Rung string
}

// ReadOptions says how far ReadImage goes.
type ReadOptions struct {
	Limits Limits
	// CleanOnly stops after the steps for pictures made by a computer:
	// drawn files, screenshots, rendered pages.
	CleanOnly bool
}

// ReadImage finds the QR codes in a PNG, JPEG, WebP or GIF picture; of an
// animated GIF it looks at the first picture. The format is told by the bytes.
// Size and pixel count are checked before any pixel is decoded. At least one
// result comes with a nil error; every text comes once, in the order of its
// place in the picture from top to bottom and left to right.
//
// It fails with ErrTooLarge, ErrFormat, ErrTooManyPixels, ErrNoCode or
// ErrDecoder.
func ReadImage(data []byte, opt ReadOptions) ([]Result, error) {
	limits := opt.Limits.withDefaults()
	g, err := source.DecodePicture(data, source.Limits{MaxBytes: limits.MaxBytes, MaxPixels: limits.MaxPixels})
	if err != nil {
		return nil, fmt.Errorf("qr: %w", err)
	}
	return readGrey(greyOf(g), opt)
}

// ReadGrey finds the QR codes in a decoded grey picture, as ReadImage does
// after decoding. Its pixels must not change during the call.
func ReadGrey(img *image.Gray, opt ReadOptions) ([]Result, error) {
	if img == nil || img.Rect.Empty() {
		return nil, fmt.Errorf("qr: empty picture: %w", ErrNoCode)
	}
	limits := opt.Limits.withDefaults()
	w, h := img.Rect.Dx(), img.Rect.Dy()
	if w > limits.MaxPixels/h {
		return nil, fmt.Errorf("qr: %d × %d pixels, limit %d: %w", w, h, limits.MaxPixels, ErrTooManyPixels)
	}
	return readGrey(greyOf(img), opt)
}

func readGrey(g *grey, opt ReadOptions) ([]Result, error) {
	limits := opt.Limits.withDefaults()
	results, broken := climb(g, opt.CleanOnly)
	if len(results) == 0 {
		if broken != nil {
			return nil, broken
		}
		return nil, fmt.Errorf("qr: %d × %d pixels: %w", g.w, g.h, ErrNoCode)
	}
	results = settle(results)
	if len(results) > limits.MaxCodes {
		results = results[:limits.MaxCodes]
	}
	return results, nil
}

// settle puts results into reading order and keeps the first of equal texts.
func settle(results []Result) []Result {
	slices.SortStableFunc(results, func(a, b Result) int {
		ax, ay := a.Quad.corner()
		bx, by := b.Quad.corner()
		return cmp.Or(cmp.Compare(ay, by), cmp.Compare(ax, bx), cmp.Compare(a.Text, b.Text))
	})
	seen := make(map[string]bool, len(results))
	return slices.DeleteFunc(results, func(r Result) bool {
		if seen[r.Text] {
			return true
		}
		seen[r.Text] = true
		return false
	})
}

// corner returns the upper left corner of the box around q, in whole pixels so
// that the order of codes in one row does not hang on rounding.
func (q Quad) corner() (x, y int) {
	fx, fy := q[0].X, q[0].Y
	for _, p := range q[1:] {
		fx, fy = min(fx, p.X), min(fy, p.Y)
	}
	return int(fx), int(fy)
}
