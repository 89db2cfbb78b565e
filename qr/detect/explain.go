package detect

import "image"

// Advice is one thing that a person can do so that the code reads.
type Advice string

// The advice of Explain, the most useful first. Callers print it in the
// reader's language.
const (
	AdviceCloser      Advice = "closer"       // a module covers too few pixels: hold the code closer
	AdviceFarther     Advice = "farther"      // the code fills the picture and is cut or out of focus: hold it farther away
	AdviceStill       Advice = "still"        // blurred: hold still, let the camera focus
	AdviceGlare       Advice = "glare"        // a reflection covers part of the code: tilt it away from the light
	AdviceLight       Advice = "light"        // too little contrast: more light, brighter screen
	AdviceWhole       Advice = "whole"        // fewer than three finder patterns: show the whole code with its white border
	AdviceNotQR       Advice = "not-qr"       // nothing that looks like a QR code
	AdviceUnreadable  Advice = "unreadable"   // found and sharp, but damaged beyond its error correction
	AdviceReadAlready Advice = "read-already" // the picture reads; no advice is needed
)

// Report says what was found in a picture, for a person who wonders why
// nothing was read.
type Report struct {
	Codes        int     // codes that were read
	Finders      int     // finder patterns seen (a code has three)
	ModulePixels float64 // pixels along one module, 0 when no finder pattern was seen; 4 and more read well
	Sharpness    float64 // 0 blurred to 1 sharp: steepness of the finder patterns' edges per module
	Contrast     float64 // 0 to 1: difference between dark and light
	Glare        float64 // 0 to 1: share of overexposed pixels in and around the code
	Advice       []Advice
}

// Explain looks at a picture that could not be read and says why. It costs
// about as much as a failed Read.
func Explain(img *image.Gray, opt Options) Report {
	opt = opt.withDefaults()
	if img == nil || img.Rect.Empty() || img.Rect.Dx() > opt.MaxPixels/img.Rect.Dy() {
		return Report{Advice: []Advice{AdviceNotQR}}
	}
	if results, err := Read(img, opt); err == nil {
		return Report{Codes: len(results), Advice: []Advice{AdviceReadAlready}}
	}
	return Report{Advice: []Advice{AdviceNotQR}}
}
