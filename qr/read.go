package qr

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"slices"

	"golang.org/x/image/webp"
)

// Errors of ReadImage.
var (
	// ErrNoCode reports a picture in which no QR code was found.
	ErrNoCode = errors.New("no QR code found in the picture")
	// ErrTooLarge reports a file with more bytes than the limit.
	ErrTooLarge = errors.New("picture file too large")
	// ErrTooManyPixels reports a picture with more pixels than the limit. Its
	// pixels were not decoded.
	ErrTooManyPixels = errors.New("picture has too many pixels")
	// ErrFormat reports bytes that are not a picture of an accepted format, or
	// a damaged one.
	ErrFormat = errors.New("not a readable picture, want PNG, JPEG, WebP or GIF")
	// ErrDecoder reports that a picture or symbol decoder failed in a way it
	// should not; nothing is known about the picture.
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
	g, err := decodeGrey(data, opt.Limits.withDefaults())
	if err != nil {
		return nil, err
	}
	return readGrey(g, opt)
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

// format is one of the four kinds of picture.
type format struct {
	name   string
	config func([]byte) (image.Config, error)
	decode func([]byte) (image.Image, error)
}

func sniff(data []byte) (format, bool) {
	switch {
	case bytes.HasPrefix(data, []byte("\x89PNG\r\n\x1a\n")):
		return format{"PNG",
			func(b []byte) (image.Config, error) { return png.DecodeConfig(bytes.NewReader(b)) },
			func(b []byte) (image.Image, error) { return png.Decode(bytes.NewReader(b)) }}, true
	case bytes.HasPrefix(data, []byte("\xff\xd8\xff")):
		return format{"JPEG",
			func(b []byte) (image.Config, error) {
				if n, _ := scanJPEG(b); n > maxScans {
					return image.Config{}, fmt.Errorf("%d scans, limit %d", n, maxScans)
				}
				return jpeg.DecodeConfig(bytes.NewReader(b))
			},
			func(b []byte) (image.Image, error) { return jpeg.Decode(bytes.NewReader(b)) }}, true
	case bytes.HasPrefix(data, []byte("GIF87a")), bytes.HasPrefix(data, []byte("GIF89a")):
		return format{"GIF",
			func(b []byte) (image.Config, error) { return gif.DecodeConfig(bytes.NewReader(b)) },
			func(b []byte) (image.Image, error) { return gif.Decode(bytes.NewReader(b)) }}, true
	case len(data) >= 12 && string(data[:4]) == "RIFF" && string(data[8:12]) == "WEBP":
		return format{"WebP",
			func(b []byte) (image.Config, error) { return webp.DecodeConfig(bytes.NewReader(b)) },
			func(b []byte) (image.Image, error) { return webp.Decode(bytes.NewReader(b)) }}, true
	}
	return format{}, false
}

// scanJPEG counts the scans of a JPEG and tells whether it is progressive. A
// progressive picture may repeat a scan over all its pixels in a few bytes, so
// that a small file could cost minutes; no encoder needs more than maxScans.
func scanJPEG(data []byte) (scans int, progressive bool) {
	for i := 2; i+3 < len(data); {
		if data[i] != 0xff {
			i++ // entropy-coded data, or a damaged file: look for the next marker
			continue
		}
		switch m := data[i+1]; {
		case m == 0xff: // fill byte
			i++
		case m == 0 || m == 1 || m >= 0xd0 && m <= 0xd9: // stuffed byte or marker without a length
			i += 2
		default:
			switch m {
			case 0xda:
				scans++
			case 0xc2:
				progressive = true
			}
			i += 2 + max(2, int(data[i+2])<<8|int(data[i+3]))
		}
	}
	return scans, progressive
}

// heavy reports a picture that takes more than 4 bytes a pixel to decode: 16
// bits a channel, or the coefficients that a progressive JPEG keeps.
func (f format) heavy(data []byte, m color.Model) bool {
	switch m {
	case color.RGBA64Model, color.NRGBA64Model:
		return true
	}
	if f.name != "JPEG" {
		return false
	}
	_, progressive := scanJPEG(data)
	return progressive
}

// decodeGrey decodes a picture within its limits.
func decodeGrey(data []byte, limits Limits) (g *grey, err error) {
	if len(data) > limits.MaxBytes {
		return nil, fmt.Errorf("qr: %d bytes, limit %d: %w", len(data), limits.MaxBytes, ErrTooLarge)
	}
	f, ok := sniff(data)
	if !ok {
		return nil, fmt.Errorf("qr: %d bytes of unknown kind: %w", len(data), ErrFormat)
	}
	defer func() {
		if p := recover(); p != nil {
			g, err = nil, fmt.Errorf("qr: %s: %w: panic", f.name, ErrDecoder)
		}
	}()
	config, err := f.config(data)
	if err != nil {
		return nil, fmt.Errorf("qr: %s header: %w: %w", f.name, ErrFormat, err)
	}
	if config.Width <= 0 || config.Height <= 0 {
		return nil, fmt.Errorf("qr: %s of %d × %d pixels: %w", f.name, config.Width, config.Height, ErrFormat)
	}
	limit := limits.MaxPixels
	if f.heavy(data, config.ColorModel) {
		limit /= 2
	}
	if config.Width > limit/config.Height {
		return nil, fmt.Errorf("qr: %s of %d × %d pixels, limit %d: %w", f.name, config.Width, config.Height, limit, ErrTooManyPixels)
	}
	img, err := f.decode(data)
	if err != nil {
		return nil, fmt.Errorf("qr: %s: %w: %w", f.name, ErrFormat, err)
	}
	// What was decoded must be what was announced and weighed.
	if b := img.Bounds(); b.Dx() <= 0 || b.Dy() <= 0 || b.Dx() > config.Width || b.Dy() > config.Height {
		return nil, fmt.Errorf("qr: %s of %d × %d pixels, its header says %d × %d: %w",
			f.name, b.Dx(), b.Dy(), config.Width, config.Height, ErrFormat)
	}
	return greyOf(img), nil
}
