package source

import (
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/posvid/posvid/credential"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// press gives keys to a wedge, one every step, and returns the time of the last.
func press(w *Wedge, text string, at time.Time, step time.Duration) (time.Time, []Item) {
	var items []Item
	for _, r := range text {
		at = at.Add(step)
		if item, ok := w.Key(r, at); ok {
			items = append(items, item)
		}
	}
	return at, items
}

// TestWedge: a text ends with Enter or with a pause, and one text never becomes two.
func TestWedge(t *testing.T) {
	text := textOf(400, 7, "")
	for name, step := range map[string]time.Duration{"fast": time.Millisecond, "at once": 0, "slow": 50 * time.Millisecond, "just in time": DefaultGap - 1} {
		t.Run(name, func(t *testing.T) {
			var w Wedge
			at, items := press(&w, text, noon, step)
			if len(items) > 0 {
				t.Fatalf("%d items before the end", len(items))
			}
			if _, ok := w.Expire(at.Add(DefaultGap - 1)); ok {
				t.Fatal("ended before the pause")
			}
			item, ok := w.Enter(at)
			if !ok || item.Text != text || !item.IsText || item.Source != Scanner || item.Repaired.Any() || item.Err != nil {
				t.Fatalf("Enter: %+v, %v", item, ok)
			}
			if item, ok := w.Enter(at); ok || item != (Item{}) {
				t.Error("a second Enter gave a text")
			}
			at, _ = press(&w, text, at, step)
			if item, ok := w.Expire(at.Add(DefaultGap)); !ok || item.Text != text {
				t.Fatalf("pause: %+v, %v", item, ok)
			}
			if _, ok := w.Expire(at.Add(time.Hour)); ok || w.Pending() != 0 {
				t.Error("a pause after nothing gave a text")
			}
		})
	}
}

// TestWedgePause: a key after a pause begins a new text, also when nobody called
// Expire in between.
func TestWedgePause(t *testing.T) {
	a, b := textOf(100, 1, ""), textOf(120, 2, "")
	var w Wedge
	at, _ := press(&w, a, noon, time.Millisecond)
	at = at.Add(DefaultGap)
	item, ok := w.Key(rune(b[0]), at)
	if !ok || item.Text != a {
		t.Fatalf("key after a pause: %+v, %v", item, ok)
	}
	at, items := press(&w, b[1:], at, time.Millisecond)
	if item, ok := w.Enter(at); !ok || item.Text != b || len(items) > 0 {
		t.Errorf("second text: %+v, %v", item, ok)
	}
}

// TestWedgeClock: a clock that is set back ends no text and holds none for ever.
func TestWedgeClock(t *testing.T) {
	text := textOf(100, 3, "")
	var w Wedge
	press(&w, text[:60], noon, time.Millisecond)
	back := noon.Add(-time.Hour)
	if _, items := press(&w, text[60:], back, time.Millisecond); len(items) > 0 {
		t.Fatal("the clock was set back and a text ended")
	}
	if _, ok := w.Expire(back.Add(-time.Hour)); ok {
		t.Error("ended by a clock that was set back")
	}
	if item, ok := w.Expire(back.Add(-time.Hour + DefaultGap)); !ok || item.Text != text {
		t.Errorf("%+v, %v", item, ok)
	}
}

func TestWedgeLimit(t *testing.T) {
	for _, c := range []struct {
		chars int
		ok    bool
	}{{9, true}, {10, true}, {11, false}, {12, false}, {5000, false}} {
		w := Wedge{Max: 10}
		at, items := press(&w, strings.Repeat("Ж", c.chars), noon, time.Microsecond)
		item, ok := w.Enter(at)
		if !ok || len(items) > 0 || item.IsText != c.ok || c.ok != (item.Err == nil) || !c.ok && !errors.Is(item.Err, ErrTextTooLong) {
			t.Errorf("%d characters: %+v, %v", c.chars, item, ok)
		}
		if w.keys.Cap() > 1024 {
			t.Errorf("%d characters: %d bytes kept", c.chars, w.keys.Cap())
		}
		press(&w, "SID1:A", at, 0)
		if item, ok := w.Enter(at); !ok || item.Text != "SID1:A" {
			t.Errorf("after %d characters: %+v", c.chars, item)
		}
	}
	var w Wedge
	at, _ := press(&w, credential.Prefix+strings.Repeat("0", credential.MaxText-5), noon, 0)
	if item, ok := w.Enter(at); !ok || len(item.Text) != credential.MaxText {
		t.Errorf("the longest text: %d characters, %v", len(item.Text), item.Err)
	}
}

// TestWedgeRepairs: what a scanner typed through a layout is an item with the
// repair, or with the error that names the layout; a key of the program is left
// alone.
func TestWedgeRepairs(t *testing.T) {
	text := textOf(300, 5, "")
	for in, want := range map[string]Item{
		through(t, text, us, ua, false):       {Source: Scanner, IsText: true, Text: text, Repaired: Repair{Layout: LayoutUkrainian}},
		through(t, text, us, ua, true):        {Source: Scanner, IsText: true, Text: text, Repaired: Repair{Layout: LayoutUkrainian, Caps: true}},
		"]Q1" + text:                          {Source: Scanner, IsText: true, Text: text, Repaired: Repair{Mark: true}},
		"q":                                   {Source: Scanner, IsText: true, Text: "q"},
		"\t":                                  {Source: Scanner, IsText: true, Text: "\t"},
		"https://example.org":                 {Source: Scanner, IsText: true, Text: "https://example.org"},
		through(t, text, us, ua, false) + "W": {Source: Scanner, Err: &LayoutError{LayoutUkrainian}},
	} {
		var w Wedge
		at, _ := press(&w, in, noon, time.Millisecond)
		got, ok := w.Enter(at)
		if want.Err != nil {
			if !ok || got.IsText || got.Text != "" || !errors.Is(got.Err, ErrLayout) {
				t.Errorf("%q: %+v", in, got)
			}
			continue
		}
		if !ok || got != want {
			t.Errorf("%q: %+v, want %+v", in, got, want)
		}
	}
}

// FuzzWedge: any keys at any times; nothing is longer than the limit, nothing is
// lost or doubled while the limit holds and nothing is repaired.
func FuzzWedge(f *testing.F) {
	f.Add("SID1:ABC\n", []byte{1, 2, 3, 255, 0})
	f.Add("ІШВ1ЖФИС\n", []byte{0})
	f.Add("\n\n\n", []byte{})
	f.Fuzz(func(t *testing.T, text string, steps []byte) {
		w := Wedge{Max: 50}
		at, kept := noon, 0
		take := func(item Item, ok bool) {
			if !ok {
				if item != (Item{}) {
					t.Fatalf("an item that is none: %+v", item)
				}
				return
			}
			if item.IsText == (item.Err != nil) || item.Picture != nil || utf8.RuneCountInString(item.Text) > 50 {
				t.Fatalf("%+v", item)
			}
			kept += utf8.RuneCountInString(item.Text)
		}
		keys := 0
		for i, r := range []rune(text) {
			if len(steps) > 0 {
				at = at.Add(time.Duration(int8(steps[i%len(steps)])) * 4 * time.Millisecond)
			}
			if r == '\n' {
				take(w.Enter(at))
				continue
			}
			keys++
			take(w.Key(r, at))
			if n := w.Pending(); n < 0 || n > 50 {
				t.Fatalf("%d pending", n)
			}
		}
		take(w.Expire(at.Add(time.Hour)))
		if w.Pending() != 0 || kept > keys {
			t.Fatalf("%d pending; %d characters of %d keys", w.Pending(), kept, keys)
		}
	})
}
