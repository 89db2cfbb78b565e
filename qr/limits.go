package qr

import (
	"github.com/posvid/posvid/qr/detect"
	"github.com/posvid/posvid/qr/source"
)

// Limits of this package. A symbol or a picture beyond one of them is refused
// before anything of its size is allocated.
const (
	// MaxText is the longest text that one symbol of level M can hold: 3,391
	// alphanumeric characters in version 40 (ISO/IEC 18004, Table 7).
	MaxText = 3391

	// MaxScale is the largest number of pixels a module may be drawn with.
	MaxScale = 64

	// MaxQuietZone is the widest quiet zone that is drawn, in modules.
	MaxQuietZone = 64

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

const (
	quietZone    = 4  // modules that ISO/IEC 18004, Section 6.3.8 wants on each side
	minSize      = 21 // modules along a side of version 1
	maxSize      = 177
	defaultScale = 8 // pixels a module: a phone's camera and a 203 dpi printer both resolve it
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
