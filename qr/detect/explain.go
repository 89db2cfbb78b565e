package detect

import (
	"cmp"
	"image"
	"math"
	"slices"
)

// Advice is one thing that a person can do so that the code reads.
type Advice string

// The advice of Explain, the most useful first. Callers print it in the
// reader's language.
const (
	AdviceCloser      Advice = "closer"       // a module covers too few pixels: hold the code closer
	AdviceFarther     Advice = "farther"      // the code fills the picture and is cut: hold it farther away
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
	Finders      int     // finder patterns seen, chance likenesses left out as far as possible (a code has three)
	ModulePixels float64 // pixels along one module, 0 when no finder pattern was seen; 3 and more read well
	Sharpness    float64 // 0 blurred to 1 sharp: contrast within the finder patterns' rings against that around them
	Contrast     float64 // 0 to 1: difference between dark and light
	Glare        float64 // 0 to 1: share of the code, or of the picture when none was seen, that is overexposed
	Advice       []Advice
}

const (
	sureFinder     = 0.7  // quality of a finder pattern that is hardly a chance likeness
	fewPixels      = 2.6  // pixels a module below which fewer than nine of ten frames read
	littleContrast = 0.15 // of the whole range of grey
	blurred        = 0.6  // sharpness
	muchGlare      = 0.08
)

// Explain looks at a picture that could not be read and says why. It costs
// about as much as a failed Read.
func Explain(img *image.Gray, opt Options) Report {
	opt = opt.withDefaults()
	if img == nil || img.Rect.Empty() || img.Rect.Dx() > opt.MaxPixels/img.Rect.Dy() ||
		img.Stride < img.Rect.Dx() || len(img.Pix) < (img.Rect.Dy()-1)*img.Stride+img.Rect.Dx() {
		return Report{Advice: []Advice{AdviceNotQR}}
	}
	g := greyOf(img)
	s, results, _ := climb(g, opt)
	r := Report{Codes: len(settle(results))}
	finders := slices.DeleteFunc(slices.Clone(s.found), func(f finder) bool { return f.quality < sureFinder })
	slices.SortStableFunc(finders, func(a, b finder) int { return cmp.Compare(b.quality, a.quality) })
	r.Finders = len(finders)
	r.Contrast = g.contrast()
	area := image.Rect(0, 0, g.w, g.h)
	cut := false
	if len(finders) > 0 {
		top := finders[:min(3, len(finders))]
		lo, hi := Point{math.Inf(1), math.Inf(1)}, Point{math.Inf(-1), math.Inf(-1)}
		r.Contrast = 0
		for _, f := range top {
			v := f.view
			x, y, m := f.c.X/v.scale, f.c.Y/v.scale, f.m/v.scale
			around := v.contrastAround(x, y, m)
			r.ModulePixels += f.m / float64(len(top))
			r.Contrast += float64(around) / 255 / float64(len(top))
			r.Sharpness += v.ringContrast(x, y, m, f.light, around) / float64(len(top))
			lo = Point{min(lo.X, f.c.X-4*f.m), min(lo.Y, f.c.Y-4*f.m)}
			hi = Point{max(hi.X, f.c.X+4*f.m), max(hi.Y, f.c.Y+4*f.m)}
		}
		box := image.Rect(int(lo.X), int(lo.Y), int(hi.X)+1, int(hi.Y)+1)
		if len(top) < 3 {
			// The rest of the code lies somewhere beside.
			box = box.Inset(-max(box.Dx(), box.Dy()) / 2)
		}
		cut = !box.In(area)
		area = box.Intersect(area)
	}
	r.Glare = g.overexposed(area)
	r.Advice = r.advise(cut)
	return r
}

// advise draws the conclusions, the likeliest cause first.
func (r *Report) advise(cut bool) (advice []Advice) {
	if r.Codes > 0 {
		return []Advice{AdviceReadAlready}
	}
	if r.Finders == 0 {
		if r.Contrast < littleContrast {
			return []Advice{AdviceLight, AdviceNotQR}
		}
		return []Advice{AdviceNotQR}
	}
	if r.ModulePixels < fewPixels {
		advice = append(advice, AdviceCloser)
	}
	if r.Sharpness < blurred {
		advice = append(advice, AdviceStill)
	}
	if r.Glare > muchGlare {
		advice = append(advice, AdviceGlare)
	}
	if r.Contrast < littleContrast {
		advice = append(advice, AdviceLight)
	}
	if r.Finders < 3 {
		advice = append(advice, AdviceWhole)
	}
	if cut && r.ModulePixels >= fewPixels {
		advice = append(advice, AdviceFarther)
	}
	if len(advice) == 0 {
		advice = append(advice, AdviceUnreadable)
	}
	return advice
}

// ringContrast is the mean step between the light and the dark ring of a finder
// pattern as a share of the contrast around it: what blur takes away first.
func (v *view) ringContrast(x, y, m float64, light bool, around float32) float64 {
	sum, seen := 0.0, 0.0
	for _, d := range rayDirections {
		if _, tone, ok := v.ray(x, y, d, m, light, around); ok {
			sum += float64(tone[0] - tone[1])
			seen++
		}
	}
	if seen == 0 || around <= 0 {
		return 0
	}
	return min(1, sum/seen/float64(around))
}

// contrast is the distance between the darkest and the lightest twentieth of
// the pixels, as a share of the range.
func (g *grey) contrast() float64 {
	var count [256]int
	for _, p := range g.pix {
		count[p]++
	}
	limit := len(g.pix) / 20
	lo, hi := 0, 255
	for left := limit; lo < 255 && left >= count[lo]; lo++ {
		left -= count[lo]
	}
	for left := limit; hi > 0 && left >= count[hi]; hi-- {
		left -= count[hi]
	}
	return float64(max(0, hi-lo)) / 255
}

// overexposed is the share of blocks in an area whose pixels are all white.
func (g *grey) overexposed(area image.Rectangle) float64 {
	white, blocks := 0, 0
	for y := area.Min.Y; y+blockSize <= area.Max.Y; y += blockSize {
		for x := area.Min.X; x+blockSize <= area.Max.X; x += blockSize {
			blocks++
			least := byte(255)
			for j := range blockSize {
				least = min(least, slices.Min(g.pix[(y+j)*g.w+x:][:blockSize]))
			}
			if least >= 250 {
				white++
			}
		}
	}
	if blocks == 0 {
		return 0
	}
	return float64(white) / float64(blocks)
}
