package detect

import "fmt"

// climb tries one way of reading after another, cheapest first. Work is bounded
// by counts of pixels, patterns and attempts, so that equal pictures give equal
// results on every machine, and by the deadline when the caller set one.
//
// The search that is returned knows the finder patterns. broken is set when a
// step failed in a way it should not; the other steps are tried all the same.
func climb(g *grey, opt Options) (s *search, results []Result, broken error) {
	return climbWith(newSearch(g, opt.Deadline), g, opt)
}

func climbWith(s *search, g *grey, opt Options) (_ *search, results []Result, broken error) {
	// try runs one step and survives its panics: steps index by values they
	// computed from the picture.
	try := func(rung string, step func()) {
		defer func() {
			if p := recover(); p != nil && broken == nil {
				broken = fmt.Errorf("detect: step %s: %w: panic", rung, ErrDecoder)
			}
		}()
		step()
	}
	left := 0
	cleanly := func(pureRung, rung string, negative bool) {
		try(rung, func() {
			c, ok := newClean(g, negative, s.late)
			if !ok {
				return
			}
			if r, ok := c.pure(pureRung); ok {
				results = append(results, r)
				return
			}
			var found []Result
			found, left = c.symbols(rung)
			results = append(results, found...)
		})
	}
	grainy := false
	try("noise", func() { grainy = s.grainy() })
	if !grainy || opt.CleanOnly {
		cleanly("pure", "clean", false)
		if len(results) > 0 && (left < 3 || opt.CleanOnly) {
			return s, results, broken
		}
	}
	if opt.CleanOnly {
		cleanly("clean-inverted", "clean-inverted", true)
		return s, results, broken
	}
	s.results = results
	try("photo", s.photo)
	results = s.results
	// A pattern on the modules, of print or of a screen, may look like grain.
	if len(results) == 0 && grainy && !s.late() {
		cleanly("pure", "clean", false)
	}
	if len(results) == 0 && !s.late() {
		cleanly("clean-inverted", "clean-inverted", true)
	}
	if len(results) == 0 {
		s.results = nil
		try("oblique", s.oblique)
		results = s.results
	}
	return s, results, broken
}
