package detect

const (
	minSize = 21 // modules along a side of version 1
	maxSize = 177

	maxUpPixels    = 3 << 19 // larger pictures are not doubled
	maxCentres     = 128     // finder patterns considered in one look at a clean picture
	maxTriples     = 4096    // corner triples weighed in one look at a clean picture; four times as many at a photograph
	maxAttempts    = 256     // grids decoded in one look at a clean picture
	maxDarkPercent = 8       // differing modules of the fixed patterns, in percent, of a clean symbol

	largeView      = 400_000                    // pixels; of larger views every second row is scanned
	hugeView       = 2_200_000                  // pixels; larger views are left out once a code was read
	minContrast    = 6                          // grey levels between a finder pattern's dark and light
	minRays        = 9                          // of the 16 directions that must show a finder pattern's rings
	minQuality     = 0.3                        // of a finder pattern that is paired
	pairQuality    = 0.8                        // of two finder patterns that are tried without a third
	maxPairs       = 24                         // of them, in one look
	maxRepeats     = 3                          // times a symbol is tried that was fitted and not read
	maxBends       = 6                          // symbols tried as bent in one picture
	maxWork        = 30 * 3 * maxSize * maxSize // modules judged in one picture
	maxSpots       = 4096                       // crossings of finder-like runs kept of one view
	maxConfirmed   = 384                        // of them looked at on the grey picture
	maxFinders     = 160                        // confirmed patterns that are paired
	maxFits        = 48                         // triples fitted in one look at a picture; begins anew with each code of a crowd
	obliqueQuality = 0.6                        // of a finder pattern of a squeezed picture that is paired
	maxObliqueFits = 12                         // triples fitted in one look at a squeezed picture
	maxDoubtful    = 64                         // triples fitted in vain, after which only good finder patterns make triples
	doubtQuality   = 0.55                       // of these: text and textures make hundreds of worse ones
	crowd          = 9                          // finders without a symbol that make three more codes likely
	nearFinders    = 16                         // nearest finders that a corner of a crowd is paired with
	maxCorner      = 12                         // cheapest triples kept of one such corner
)
