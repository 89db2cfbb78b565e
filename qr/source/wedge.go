//go:build !js

package source

import (
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/posvid/posvid/credential"
)

// DefaultGap is the pause between two keys that ends a text. Scanners leave 1 to
// 50 ms between keys, the slowest of them over a wireless link; hands leave more
// than 100 ms, and a text typed by hand ends with Enter.
const DefaultGap = 250 * time.Millisecond

// MinScan is the shortest text that is taken for a scan, in characters. What is
// shorter was pressed by a person: a key of the program, a slip.
const MinScan = 4

// ErrTextTooLong reports a typed text above the limit. None of it was kept.
var ErrTextTooLong = errors.New("typed text too long")

// Wedge puts the keys of a hand scanner together: a text ends with Enter or with
// a pause. It reads no clock: every call says when it happens. The zero Wedge is
// ready; it is not safe for use by several goroutines.
type Wedge struct {
	Gap time.Duration // pause that ends a text; DefaultGap when zero
	Max int           // characters of one text, all repaired characters counted; credential.MaxText + 16 when zero

	keys  strings.Builder
	count int
	last  time.Time
	over  bool
}

func (w *Wedge) gap() time.Duration {
	if w.Gap <= 0 {
		return DefaultGap
	}
	return w.Gap
}

func (w *Wedge) limit() int {
	if w.Max <= 0 {
		return credential.MaxText + 16
	}
	return w.Max
}

// Key takes one character. When a pause stood before it, the text before the
// pause is given: ok tells that there is one.
func (w *Wedge) Key(r rune, at time.Time) (item Item, ok bool) {
	item, ok = w.Expire(at)
	w.last = at
	if w.count >= w.limit() {
		w.over = true
		w.keys.Reset()
	}
	if w.over {
		return item, ok
	}
	w.count++
	w.keys.WriteRune(r)
	return item, ok
}

// Enter ends the text: ok tells that there is one.
func (w *Wedge) Enter(at time.Time) (item Item, ok bool) {
	// A pause before Enter is a person who typed the text.
	return w.end()
}

// Expire ends the text when the pause is long enough: ok tells that there is
// one. It is called from time to time while no key comes.
func (w *Wedge) Expire(at time.Time) (item Item, ok bool) {
	if at.Before(w.last) { // the clock was set back: the pause begins anew
		w.last = at
	}
	if at.Sub(w.last) < w.gap() {
		return Item{}, false
	}
	return w.end()
}

// Pending tells how many characters wait for the end of their text.
func (w *Wedge) Pending() int { return w.count }

func (w *Wedge) end() (Item, bool) {
	text, over := w.keys.String(), w.over
	w.keys.Reset()
	w.count, w.over = 0, false
	switch {
	case over:
		return Item{Source: Scanner, Err: ErrTextTooLong}, true
	case text == "":
		return Item{}, false
	}
	return Typed(text), true
}

// Scanner is the Source of items that were typed.
const Scanner = "scanner"

// Typed makes an item of a text that came as a whole: pasted, or a line that a
// scanner wrote to a serial port. A text shorter than MinScan is left as it is.
func Typed(text string) Item {
	if utf8.RuneCountInString(text) < MinScan {
		return Item{Source: Scanner, Text: text, IsText: true}
	}
	repaired, what, err := RepairText(text)
	if err != nil {
		return Item{Source: Scanner, Err: err}
	}
	return Item{Source: Scanner, Text: repaired, IsText: true, Repaired: what}
}
