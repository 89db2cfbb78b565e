package qr

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
)

const (
	quietZone    = 4  // modules that ISO/IEC 18004, Section 6.3.8 wants on each side
	minSize      = 21 // modules along a side of version 1
	maxSize      = 177
	defaultScale = 8 // pixels a module: a phone's camera and a 203 dpi printer both resolve it
)
