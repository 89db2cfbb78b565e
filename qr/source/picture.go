//go:build !js

package source

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"

	"golang.org/x/image/webp"
)

// Errors of DecodePicture.
var (
	// ErrTooLarge reports a file with more bytes than the limit.
	ErrTooLarge = errors.New("picture file too large")
	// ErrTooManyPixels reports a picture with more pixels than the limit. Its
	// pixels were not decoded.
	ErrTooManyPixels = errors.New("picture has too many pixels")
	// ErrFormat reports bytes that are not a picture of an accepted format, or
	// a damaged one.
	ErrFormat = errors.New("not a readable picture, want PNG, JPEG, WebP or GIF")
	// ErrDecoder reports that a decoder failed in a way it should not; nothing
	// is known about the picture.
	ErrDecoder = errors.New("picture decoder failed")
)

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
				if n, limit := jpegScans(b); n > limit {
					return image.Config{}, fmt.Errorf("%d scans, limit %d", n, limit)
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

// scanJPEG counts the scans of a JPEG and tells whether it is progressive. Each
// scan may go over all pixels again, in a few bytes when it is progressive, so
// that a small file could cost minutes.
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

// jpegScans counts the scans of a JPEG and tells how many it may have.
func jpegScans(data []byte) (scans, limit int) {
	scans, progressive := scanJPEG(data)
	if progressive {
		return scans, maxScans
	}
	return scans, maxSequential
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

// DecodePicture decodes a PNG, JPEG, WebP or GIF picture into 8-bit luminance
// (ITU-R BT.601, 0 is black; what is transparent lies on white); of an animated
// GIF it takes the first picture. The format is told by the bytes. Size and
// pixel count are checked before any pixel is decoded.
//
// It fails with ErrTooLarge, ErrFormat, ErrTooManyPixels or ErrDecoder.
func DecodePicture(data []byte, l Limits) (g *image.Gray, err error) {
	limits := l.withDefaults()
	if len(data) > limits.MaxBytes {
		return nil, fmt.Errorf("source: %d bytes, limit %d: %w", len(data), limits.MaxBytes, ErrTooLarge)
	}
	f, ok := sniff(data)
	if !ok {
		return nil, fmt.Errorf("source: %d bytes of unknown kind: %w", len(data), ErrFormat)
	}
	defer func() {
		if p := recover(); p != nil {
			g, err = nil, fmt.Errorf("source: %s: %w: panic", f.name, ErrDecoder)
		}
	}()
	config, err := f.config(data)
	if err != nil {
		return nil, fmt.Errorf("source: %s header: %w: %w", f.name, ErrFormat, err)
	}
	if config.Width <= 0 || config.Height <= 0 {
		return nil, fmt.Errorf("source: %s of %d × %d pixels: %w", f.name, config.Width, config.Height, ErrFormat)
	}
	limit := limits.MaxPixels
	if f.heavy(data, config.ColorModel) {
		limit /= 2
	}
	if config.Width > limit/config.Height {
		return nil, fmt.Errorf("source: %s of %d × %d pixels, limit %d: %w", f.name, config.Width, config.Height, limit, ErrTooManyPixels)
	}
	img, err := f.decode(data)
	if err != nil {
		return nil, fmt.Errorf("source: %s: %w: %w", f.name, ErrFormat, err)
	}
	// What was decoded must be what was announced and weighed.
	if b := img.Bounds(); b.Dx() <= 0 || b.Dy() <= 0 || b.Dx() > config.Width || b.Dy() > config.Height {
		return nil, fmt.Errorf("source: %s of %d × %d pixels, its header says %d × %d: %w",
			f.name, b.Dx(), b.Dy(), config.Width, config.Height, ErrFormat)
	}
	return Grey(img), nil
}

// luma is ITU-R BT.601 luminance of 8-bit components.
func luma(r, g, b uint32) uint32 { return (19595*r + 38470*g + 7471*b + 1<<15) >> 16 }

// overWhite lays a non-premultiplied luminance with alpha on white paper: a
// drawing of black modules on nothing is meant to be seen on a white page.
func overWhite(y, a uint32) byte { return byte((y*a + 255*(255-a) + 127) / 255) }

// Grey converts any picture to 8-bit luminance without padding and with its
// upper left corner at the origin; a transparent pixel is white.
func Grey(img image.Image) *image.Gray {
	b := img.Bounds()
	w, h := b.Dx(), b.Dy()
	g := image.NewGray(image.Rect(0, 0, w, h))
	for y := range h {
		out := g.Pix[y*w:][:w]
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
			for x, i := range m.Pix[m.PixOffset(b.Min.X, b.Min.Y+y):][:w] {
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
