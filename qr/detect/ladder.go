package detect

import (
	"fmt"

	"github.com/makiuchi-d/gozxing"
	multi "github.com/makiuchi-d/gozxing/multi/qrcode/detector"
	"github.com/makiuchi-d/gozxing/qrcode/decoder"
	"github.com/makiuchi-d/gozxing/qrcode/detector"
)

// climb tries one way of reading after another, cheapest first, until codes
// are found. Work is bounded by counts of pixels, patterns and attempts, not by
// a clock, so that equal pictures give equal results on every machine.
//
// broken is set when a step failed in a way it should not; the other steps are
// tried all the same.
func climb(g *grey, cleanOnly bool) (results []Result, broken error) {
	defer func() {
		if p := recover(); p != nil {
			broken = fmt.Errorf("detect: between steps: %w: panic", ErrDecoder)
		}
	}()
	// try runs one step and survives its panics: gozxing indexes by values it
	// computed from the picture.
	try := func(rung string, step func() []Result) bool {
		defer func() {
			if p := recover(); p != nil && broken == nil {
				broken = fmt.Errorf("detect: step %s: %w: panic", rung, ErrDecoder)
			}
		}()
		results = append(results, step()...)
		return len(results) > 0
	}

	left := 0
	cleanly := func(pureRung, rung string, negative bool) bool {
		return try(rung, func() []Result {
			c, ok := newClean(g, negative)
			if !ok {
				return nil
			}
			if r, ok := c.pure(pureRung); ok {
				return []Result{r}
			}
			var found []Result
			found, left = c.symbols(rung)
			return found
		})
	}
	if cleanly("pure", "clean", false) && left < 3 || cleanOnly && len(results) > 0 {
		return results, broken
	}
	if cleanOnly {
		cleanly("clean-inverted", "clean-inverted", true)
		return results, broken
	}

	base := g
	for base.w*base.h > maxRungPixels {
		if base.w < minSize || base.h < minSize {
			return results, broken // a line; no symbol fits
		}
		base = base.halved()
	}
	scale := float64(g.w) / float64(base.w)
	robust := func(rung string, picture *grey, scale float64, global bool) bool {
		return picture != nil && try(rung, func() []Result { return detect(picture, rung, scale, global) })
	}
	if robust("hybrid", base, scale, false) {
		return results, broken
	}
	half := base.halved()
	if robust("half", half, 2*scale, false) || robust("global", base, scale, true) {
		return results, broken
	}
	if base.w*base.h <= maxUpPixels && robust("double", base.doubled(), scale/2, false) {
		return results, broken
	}
	if cleanly("clean-inverted", "clean-inverted", true) || robust("inverted", base.inverted(), scale, false) {
		return results, broken
	}
	if half != nil {
		robust("quarter", half.halved(), 4*scale, false)
	}
	return results, broken
}

// tooBusy is thrown out of gozxing's pattern search, whose cost grows with the
// cube of the number of patterns.
type tooBusy struct{}

// quietly runs f and reports whether it ended without tooBusy.
func quietly(f func()) (ok bool) {
	defer func() {
		if p := recover(); p != nil {
			if _, busy := p.(tooBusy); !busy {
				panic(p)
			}
			ok = false
		}
	}()
	f()
	return true
}

// detect looks for symbols in a photograph: every plausible triple of finder
// patterns first, then the best triple alone.
func detect(g *grey, rung string, scale float64, global bool) []Result {
	binarizer := gozxing.NewHybridBinarizer
	if global {
		binarizer = gozxing.NewGlobalHistgramBinarizer
	}
	matrix, err := binarizer(g).GetBlackMatrix()
	if err != nil {
		return nil
	}
	hints := func() map[gozxing.DecodeHintType]any {
		seen := 0
		return map[gozxing.DecodeHintType]any{
			gozxing.DecodeHintType_TRY_HARDER: true,
			gozxing.DecodeHintType_NEED_RESULT_POINT_CALLBACK: gozxing.ResultPointCallback(func(gozxing.ResultPoint) {
				if seen++; seen > maxCentres {
					panic(tooBusy{})
				}
			}),
		}
	}
	var results []Result
	add := func(info *detector.FinderPatternInfo) {
		found, err := detector.NewDetector(matrix).ProcessFinderPatternInfo(info)
		if err != nil {
			return
		}
		if text, ok := decodeBits(found.GetBits()); ok {
			results = append(results, Result{Text: text, Quad: quadOf(info, scale), Rung: rung})
		}
	}
	quietly(func() {
		h := hints()
		callback, _ := h[gozxing.DecodeHintType_NEED_RESULT_POINT_CALLBACK].(gozxing.ResultPointCallback)
		infos, err := multi.NewMultiFinderPatternFinder(matrix, callback).FindMulti(h)
		if err != nil {
			return
		}
		for _, info := range infos[:min(len(infos), maxAttempts)] {
			add(info)
		}
	})
	if len(results) > 0 {
		return results
	}
	quietly(func() {
		h := hints()
		callback, _ := h[gozxing.DecodeHintType_NEED_RESULT_POINT_CALLBACK].(gozxing.ResultPointCallback)
		if info, err := detector.NewFinderPatternFinder(matrix, callback).Find(h); err == nil {
			add(info)
		}
	})
	return results
}

// quadOf estimates the outline from the centres of the finder patterns, which
// lie 3.5 modules inside it.
func quadOf(info *detector.FinderPatternInfo, scale float64) Quad {
	a, b, d := info.GetTopLeft(), info.GetTopRight(), info.GetBottomLeft()
	p := func(f *detector.FinderPattern) Point { return Point{f.GetX() * scale, f.GetY() * scale} }
	pa, pb, pd := p(a), p(b), p(d)
	module := scale * (a.GetEstimatedModuleSize() + b.GetEstimatedModuleSize() + d.GetEstimatedModuleSize()) / 3
	u, v := Point{pb.X - pa.X, pb.Y - pa.Y}, Point{pd.X - pa.X, pd.Y - pa.Y}
	// k is how much of the distance between two centres 3.5 modules are.
	k := 3.5 * module / max(1, (norm(u)+norm(v))/2)
	at := func(i, j float64) Point { return Point{pa.X + i*u.X + j*v.X, pa.Y + i*u.Y + j*v.Y} }
	return Quad{at(-k, -k), at(1+k, -k), at(1+k, 1+k), at(-k, 1+k)}
}

// decodeBits decodes a sampled symbol. The decoder corrects errors up to the
// symbol's own capacity and refuses the rest; it also tries the mirror image.
func decodeBits(bits *gozxing.BitMatrix) (text string, ok bool) {
	result, err := decoder.NewDecoder().Decode(bits, nil)
	if err != nil || result.GetText() == "" {
		return "", false
	}
	return result.GetText(), true
}
