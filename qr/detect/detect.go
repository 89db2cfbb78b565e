// Package detect finds and reads QR codes in grey pictures: screenshots and
// rendered pages exactly, photographs and camera frames as far as they carry
// the code at all.
//
// It decides which pixels are a symbol and what the symbol says. It opens no
// file and no camera (package source does), and does not know what a text
// means: whatever it returns is as untrusted as the picture it came from.
//
// All functions are safe for parallel use. Without a deadline the work is
// bounded by counts alone, so that equal pictures give equal results.
package detect

import (
	"cmp"
	"errors"
	"fmt"
	"image"
	"math"
	"slices"
	"time"
)

// Errors of Read.
var (
	// ErrNoCode reports a picture in which no QR code could be read.
	ErrNoCode = errors.New("no QR code found in the picture")
	// ErrTooManyPixels reports a picture with more pixels than the limit.
	ErrTooManyPixels = errors.New("picture has too many pixels")
	// ErrDecoder reports that a step failed in a way it should not; nothing is
	// known about the picture.
	ErrDecoder = errors.New("picture decoder failed")
)

// Point is a place in a picture, in pixels from its upper left corner.
type Point struct{ X, Y float64 }

// Quad is the outline of a symbol without its quiet zone: the upper left,
// upper right, lower right and lower left corner of the symbol as it would be
// printed, wherever they lie in the picture. It is an estimate.
type Quad [4]Point

// Result is one code found in a picture.
type Result struct {
	Text string // what the code says: any text at all, from anyone at all
	Quad Quad
	// Version is 1 to 40 (ISO/IEC 18004, Section 6.1).
	Version int
	// Level is the error correction level: L, M, Q or H.
	Level string
	// Corrected counts the codewords that error correction changed.
	Corrected int
	// Mirrored: the symbol was seen from behind or in a mirror.
	Mirrored bool
	// Inverted: the symbol is light on dark.
	Inverted bool
	// Rung names the step that read it (docs/spec/qr.md, Reading).
	Rung string
}

const (
	// DefaultMaxPixels is the largest picture that is looked at when the caller
	// names no limit: a phone camera's 24 megapixels.
	DefaultMaxPixels = 24 << 20
	// DefaultMaxCodes is the largest number of codes returned from one picture
	// when the caller names no limit.
	DefaultMaxCodes = 64
)

// Options bounds the work of Read. The zero value of a field means the
// package's default.
type Options struct {
	// Deadline ends the search for further codes; what was read until then is
	// returned. Zero: the work is bounded by counts only and is the same on
	// every machine.
	Deadline  time.Time
	MaxPixels int // width × height, default DefaultMaxPixels
	MaxCodes  int // codes returned from one picture, default DefaultMaxCodes
	// CleanOnly stops after the steps for pictures made by a computer:
	// drawn files, screenshots, rendered pages.
	CleanOnly bool
}

func (o Options) withDefaults() Options {
	if o.MaxPixels <= 0 {
		o.MaxPixels = DefaultMaxPixels
	}
	if o.MaxCodes <= 0 {
		o.MaxCodes = DefaultMaxCodes
	}
	return o
}

// Read finds the QR codes in a grey picture. At least one result comes with a
// nil error; every text comes once, in the order of its place in the picture
// from top to bottom and left to right. The pixels must not change during the
// call and are not kept.
//
// It fails with ErrNoCode, ErrTooManyPixels or ErrDecoder.
func Read(img *image.Gray, opt Options) ([]Result, error) {
	opt = opt.withDefaults()
	if img == nil || img.Rect.Empty() {
		return nil, fmt.Errorf("detect: empty picture: %w", ErrNoCode)
	}
	w, h := img.Rect.Dx(), img.Rect.Dy()
	if w > opt.MaxPixels/h {
		return nil, fmt.Errorf("detect: %d × %d pixels, limit %d: %w", w, h, opt.MaxPixels, ErrTooManyPixels)
	}
	if img.Stride < w || len(img.Pix) < (h-1)*img.Stride+w {
		return nil, fmt.Errorf("detect: %d × %d pixels, %d bytes of them: %w", w, h, len(img.Pix), ErrDecoder)
	}
	_, results, broken := climb(greyOf(img), opt)
	if len(results) == 0 {
		if broken != nil {
			return nil, broken
		}
		return nil, fmt.Errorf("detect: %d × %d pixels: %w", w, h, ErrNoCode)
	}
	results = settle(results)
	if len(results) > opt.MaxCodes {
		results = results[:opt.MaxCodes]
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
	return int(math.Floor(fx)), int(math.Floor(fy))
}
