package detect

const (
	minSize = 21 // modules along a side of version 1
	maxSize = 177

	maxRungPixels  = 6 << 20 // larger pictures are halved before the robust rungs look at them
	maxUpPixels    = 3 << 19 // larger pictures are not doubled
	maxCentres     = 128     // finder patterns considered in one look at a picture
	maxTriples     = 4096    // corner triples weighed in one look at a picture
	maxAttempts    = 256     // grids decoded in one look at a picture
	maxDarkPercent = 8       // differing modules of the fixed patterns, in percent, of a clean symbol
)
