//go:build !js

package qr

import (
	"errors"
	"fmt"
	"image"
	"time"

	"github.com/posvid/posvid/qr/detect"
	"github.com/posvid/posvid/qr/source"
)

// Errors of ReadImage; those of the picture file are qr/source's.
var (
	// ErrNoCode reports a picture in which no QR code was found.
	ErrNoCode = detect.ErrNoCode
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
type Point = detect.Point

// Quad is the outline of a symbol without its quiet zone.
type Quad = detect.Quad

// Result is one code found in a picture.
type Result = detect.Result

// ReadOptions says how far ReadImage goes.
type ReadOptions struct {
	Limits Limits
	// CleanOnly stops after the steps for pictures made by a computer:
	// drawn files, screenshots, rendered pages.
	CleanOnly bool
	// Deadline ends the search; what was read until then is returned. Zero: the
	// work is bounded by counts only and the same on every machine.
	Deadline time.Time
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
	return ReadGrey(g, opt)
}

// ReadGrey finds the QR codes in a decoded grey picture, as ReadImage does
// after decoding. Its pixels must not change during the call.
func ReadGrey(img *image.Gray, opt ReadOptions) ([]Result, error) {
	limits := opt.Limits.withDefaults()
	results, err := detect.Read(img, detect.Options{
		Deadline: opt.Deadline, MaxPixels: limits.MaxPixels, MaxCodes: limits.MaxCodes, CleanOnly: opt.CleanOnly,
	})
	switch {
	case errors.Is(err, detect.ErrTooManyPixels): // one name each, whichever package says so
		return nil, fmt.Errorf("qr: %w: %w", ErrTooManyPixels, err)
	case errors.Is(err, detect.ErrDecoder):
		return nil, fmt.Errorf("qr: %w: %w", ErrDecoder, err)
	case err != nil:
		return nil, fmt.Errorf("qr: %w", err)
	}
	return results, nil
}
