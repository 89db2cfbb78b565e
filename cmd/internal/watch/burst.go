package watch

import (
	"strings"
	"time"
	"unicode/utf8"
)

// Gaps between keys.
const (
	// keyGap is the longest gap inside what a hand scanner types. A key that stands alone for longer is a person's.
	keyGap = 80 * time.Millisecond
	// scanGap ends a text that has no Enter behind it. It is longer than keyGap, because a terminal far away delivers in lumps,
	// and half a code would be refused as a damaged one.
	scanGap = 600 * time.Millisecond
	// echoGap is how long an Enter behind a finished text still belongs to the scanner.
	echoGap = 300 * time.Millisecond
	// fewKeys is how many keys in one burst are still a person's fingers and mean nothing.
	fewKeys = 5
	// maxBurst bounds a burst in bytes; what comes beyond it is dropped, and the text is judged as too long.
	maxBurst = 8 << 10
)

// burst tells the keys of a person from what a hand scanner types: a scanner types many keys at once, a person one at a time.
// A key of a person therefore acts when nothing has followed it for keyGap, and never inside a text.
type burst struct {
	text  strings.Builder
	keys  int
	last  time.Time // of the last key
	ended time.Time // of the last text
}

// key takes a typed text: one key, as the terminal sent it.
func (b *burst) key(text string, at time.Time) {
	b.keys += utf8.RuneCountInString(text)
	b.last = at
	if room := maxBurst - b.text.Len(); room > 0 {
		b.text.WriteString(text[:min(len(text), room)])
	}
}

// empty tells whether nothing is being typed.
func (b *burst) empty() bool { return b.keys == 0 }

// long tells whether what is being typed comes from a scanner.
func (b *burst) long() bool { return b.keys > fewKeys }

// pressEnter ends a text. person is true when the Enter stands alone and is a person's.
func (b *burst) pressEnter(at time.Time) (scan string, person bool) {
	switch {
	case b.empty():
		return "", at.Sub(b.ended) > echoGap
	case b.long():
		scan = b.text.String()
	}
	// A few keys with an Enter at once behind them: a scanner that read a short code. It presses no keys of ours.
	b.reset(at)
	return scan, false
}

// expire looks whether the burst is over: a text, or keys of a person.
func (b *burst) expire(at time.Time) (scan, keys string) {
	quiet := at.Sub(b.last)
	switch {
	case b.empty():
	case b.long() && quiet >= scanGap:
		scan = b.text.String()
		b.reset(at)
	case !b.long() && quiet >= keyGap:
		keys = b.text.String()
		b.reset(time.Time{})
	}
	return scan, keys
}

// wait is when expire has to look again; 0 when nothing is being typed.
func (b *burst) wait() time.Duration {
	switch {
	case b.empty():
		return 0
	case b.long():
		return scanGap
	}
	return keyGap
}

// reset forgets what was typed.
func (b *burst) reset(ended time.Time) {
	*b = burst{ended: ended}
}

// samePlace maps the letters of the Ukrainian keyboard layout to the Latin ones on the same keys, so that a guard's keys act
// in both layouts.
var samePlace = strings.NewReplacer("й", "q", "ц", "w", "у", "e", "к", "r", "е", "t", "н", "y", "г", "u", "ш", "i", "щ", "o", "з", "p",
	"ф", "a", "і", "s", "в", "d", "а", "f", "п", "g", "р", "h", "о", "j", "л", "k", "д", "l", "я", "z", "ч", "x", "с", "c", "м", "v", "и", "b", "т", "n", "ь", "m")

// command is the Latin lower-case letter of a person's key.
func command(key string) string { return samePlace.Replace(strings.ToLower(key)) }
