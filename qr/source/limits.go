package source

import "time"

// Limits of this package. What is beyond one of them is refused before
// anything of its size is allocated.
const (
	// DefaultMaxBytes is the largest file that is taken when the caller names
	// no limit.
	DefaultMaxBytes = 32 << 20

	// DefaultMaxPixels is the largest picture, in pixels, that is decoded when
	// the caller names no limit: a phone camera's 24 megapixels. A picture of
	// 16 bits a channel and a progressive JPEG may have half as many.
	DefaultMaxPixels = 24 << 20

	// DefaultPDFTime bounds the rendering of all pages of a PDF document.
	DefaultPDFTime = 20 * time.Second
)

const (
	maxScans      = 32 // scans of one progressive JPEG; encoders write at most some twenty
	maxSequential = 4  // scans of any other JPEG: one for each component (ITU-T T.81, Section B.2.3)
)

// Limits bounds the work on one file. The zero value of a field means the
// package's default.
type Limits struct {
	MaxBytes  int // bytes of the file, default DefaultMaxBytes
	MaxPixels int // width × height of one picture, default DefaultMaxPixels

	PDFTime time.Duration // for all pages of a PDF document, default DefaultPDFTime
}

func (l Limits) withDefaults() Limits {
	if l.MaxBytes <= 0 {
		l.MaxBytes = DefaultMaxBytes
	}
	if l.MaxPixels <= 0 {
		l.MaxPixels = DefaultMaxPixels
	}
	if l.PDFTime <= 0 {
		l.PDFTime = DefaultPDFTime
	}
	return l
}
