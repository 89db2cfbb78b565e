//go:build !js

package qr

import (
	"github.com/posvid/posvid/qr/detect"
	"github.com/posvid/posvid/qr/source"
)

// Limits of reading. A browser has its own reader of codes: there this package only draws.
const (
	// DefaultMaxBytes is the largest picture file that ReadImage takes when its
	// caller names no limit.
	DefaultMaxBytes = source.DefaultMaxBytes

	// DefaultMaxPixels is the largest picture, in pixels, that ReadImage decodes
	// when its caller names no limit: a phone camera's 24 megapixels. A picture
	// of 16 bits a channel and a progressive JPEG may have half as many.
	DefaultMaxPixels = source.DefaultMaxPixels

	// DefaultMaxCodes is the largest number of codes that ReadImage returns from
	// one picture when its caller names no limit.
	DefaultMaxCodes = detect.DefaultMaxCodes
)

// Limits bounds the work of ReadImage. The zero value of a field means the
// package's default.
type Limits struct {
	MaxBytes  int // bytes of the file, default DefaultMaxBytes
	MaxPixels int // width × height, default DefaultMaxPixels
	MaxCodes  int // codes returned from one picture, default DefaultMaxCodes
}

func (l Limits) withDefaults() Limits {
	if l.MaxBytes <= 0 {
		l.MaxBytes = DefaultMaxBytes
	}
	if l.MaxPixels <= 0 {
		l.MaxPixels = DefaultMaxPixels
	}
	if l.MaxCodes <= 0 {
		l.MaxCodes = DefaultMaxCodes
	}
	return l
}
