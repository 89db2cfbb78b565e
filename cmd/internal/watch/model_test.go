package watch

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"

	"github.com/posvid/posvid/verifier"
)

// start is the time of the tests' clock.
var start = time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)

// rig is a screen with fakes around it and a clock that is moved by hand.
type rig struct {
	t        testing.TB
	m        *Model
	now      time.Time
	verdicts map[string]verifier.Verdict // by text
	asked    []Question
	events   []Event
	photos   map[[20]byte][]byte
	health   Health
	judge    func(Question) verifier.Verdict
	confirm  func(Question, verifier.Photo, time.Time) verifier.Verdict
	bells    int
}

func newRig(t testing.TB, change ...func(*Config)) *rig {
	t.Helper()
	r := &rig{t: t, now: start, verdicts: map[string]verifier.Verdict{}, photos: map[[20]byte][]byte{},
		health: Health{Name: "Вхід № 1", Bundle: 14, Issued: start.Add(-2 * time.Hour), Expires: start.Add(6 * 24 * time.Hour), Limit: 24 * time.Hour,
			Photos: start.Add(-3 * 24 * time.Hour)}}
	r.judge = func(q Question) verifier.Verdict {
		if v, ok := r.verdicts[q.Text]; ok {
			return v
		}
		if q.Unread {
			return verifier.Verdict{Outcome: verifier.CannotConfirm, Code: verifier.NoCode}
		}
		return verifier.Verdict{Outcome: verifier.CannotConfirm, Code: verifier.NotAServiceID}
	}
	c := Config{
		Device: Device{
			Judge: func(q Question) verifier.Verdict { r.asked = append(r.asked, q); return r.judge(q) },
			Confirm: func(q Question, p verifier.Photo, at time.Time) verifier.Verdict {
				if r.confirm == nil {
					return verifier.Verdict{Outcome: verifier.CannotConfirm, Code: verifier.PhotoMismatch}
				}
				return r.confirm(q, p, at)
			},
			Challenge: func(at time.Time) (Challenge, error) {
				return Challenge{Text: "SIDQ1:" + strings.Repeat("A", 170), Expires: at.Add(time.Minute)}, nil
			},
			Photo: func(h [20]byte) ([]byte, time.Time, error) {
				if data, ok := r.photos[h]; ok {
					return slices.Clone(data), start.Add(-5 * 24 * time.Hour), nil
				}
				return nil, time.Time{}, errors.New("її немає в пакетах")
			},
			Journal: func(e Event) error { r.events = append(r.events, e); return nil },
			Health:  func(time.Time) Health { return r.health },
		},
		Scanner: func(text, _ string) (string, string, *ScannerError) {
			if strings.Contains(text, "розкладка") {
				return "", "", &ScannerError{"сканер друкує через іншу розкладку", "увімкніть англійську"}
			}
			return strings.TrimRight(text, "\r\n"), "", nil
		},
		Now: func() time.Time { return r.now }, Lang: "uk", Guard: "Іваненко", Sound: true,
	}
	for _, f := range change {
		f(&c)
	}
	m, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	r.m = m
	m.after = func(time.Duration, tea.Msg) tea.Cmd { return nil }
	r.send(tea.ColorProfileMsg{Profile: colorprofile.ASCII})
	r.size(80, 24)
	r.send(healthMsg(r.health))
	return r
}

// send gives the model a message and runs what follows from it, without waiting for clocks.
func (r *rig) send(msg tea.Msg) {
	r.t.Helper()
	model, cmd := r.m.Update(msg)
	if model != tea.Model(r.m) {
		r.t.Fatal("the model is another one")
	}
	r.run(cmd)
}

// run runs a command. It never waits: the clocks are the test's.
func (r *rig) run(cmd tea.Cmd) {
	r.t.Helper()
	if cmd == nil {
		return
	}
	r.follow(cmd())
}

func (r *rig) follow(msg tea.Msg) {
	r.t.Helper()
	switch msg := msg.(type) {
	case nil, tea.QuitMsg, beatMsg, burstMsg:
	case tea.BatchMsg:
		for _, c := range msg {
			r.run(c)
		}
	case tea.RawMsg:
		r.bells++
	default:
		if v := reflect.ValueOf(msg); v.Kind() == reflect.Slice && v.Type().Elem() == reflect.TypeFor[tea.Cmd]() {
			for i := range v.Len() { // a sequence
				r.run(v.Index(i).Interface().(tea.Cmd))
			}
			return
		}
		r.send(msg)
	}
}

func (r *rig) size(w, h int) { r.t.Helper(); r.send(tea.WindowSizeMsg{Width: w, Height: h}) }

// pass lets time go by, with the heartbeat.
func (r *rig) pass(d time.Duration) {
	r.t.Helper()
	for d > 0 {
		step := min(d, beat)
		r.now = r.now.Add(step)
		d -= step
		r.send(beatMsg{})
	}
}

// press is a person's key, with the pause that a person leaves.
func (r *rig) press(keys ...string) {
	r.t.Helper()
	for _, k := range keys {
		r.typed(k)
		r.now = r.now.Add(keyGap + time.Millisecond)
		r.send(burstMsg{})
	}
}

// agree repeats the digits that the screen asks for.
func (r *rig) agree() { r.t.Helper(); r.press(strings.Split(r.m.code, "")...) }

// typed is one key with nothing after it.
func (r *rig) typed(k string) {
	r.t.Helper()
	switch k {
	case "enter":
		r.send(tea.KeyPressMsg{Code: tea.KeyEnter})
	case "esc":
		r.send(tea.KeyPressMsg{Code: tea.KeyEscape})
	case "tab":
		r.send(tea.KeyPressMsg{Code: tea.KeyTab})
	case "backspace":
		r.send(tea.KeyPressMsg{Code: tea.KeyBackspace})
	case "ctrl+c":
		r.send(tea.KeyPressMsg{Code: 'c', Mod: tea.ModCtrl})
	default:
		c, _ := utf8.DecodeRuneInString(k)
		r.m.Update(tea.KeyPressMsg{Code: c, Text: k})
	}
}

// scan is what a hand scanner types: a key a millisecond, and Enter.
func (r *rig) scan(text string) {
	r.t.Helper()
	for _, c := range text {
		r.now = r.now.Add(time.Millisecond)
		r.typed(string(c))
	}
	r.typed("enter")
}

// see is a frame of a camera with codes in it.
func (r *rig) see(texts ...string) { r.t.Helper(); r.send(itemMsg{"/dev/video0", Item{Texts: texts}}) }

// screen is the text on the screen.
func (r *rig) screen() string {
	r.t.Helper()
	r.m.drawn = nil // tests reach into the model
	return strings.ReplaceAll(ansi.Strip(r.m.View().Content), "\u00a0", " ")
}

func (r *rig) has(want ...string) {
	r.t.Helper()
	screen := r.screen()
	for _, w := range want {
		if !strings.Contains(screen, w) {
			r.t.Errorf("the screen lacks %q:\n%s", w, screen)
		}
	}
}

func (r *rig) lacks(want ...string) {
	r.t.Helper()
	screen := r.screen()
	for _, w := range want {
		if strings.Contains(screen, w) {
			r.t.Errorf("the screen has %q:\n%s", w, screen)
		}
	}
}

// word tells whether the big letters of a word are on the screen.
func (r *rig) word(word string) bool {
	r.t.Helper()
	lines := strings.Split(r.screen(), "\n")
	for _, rows := range WordRows(word) {
		for i := 0; i+len(rows) <= len(lines); i++ {
			whole := true
			for j, row := range rows {
				whole = whole && strings.Contains(lines[i+j], strings.TrimRight(row, " "))
			}
			if whole {
				return true
			}
		}
	}
	return false
}

// only checks that of the three words exactly this one is on the screen; "" is none.
func (r *rig) only(want string) {
	r.t.Helper()
	for _, w := range []string{"ЧИННЕ", "ВІДХИЛЕНО", "ПІДТВЕРДЖЕНО"} {
		if got := r.word(w); got != (w == want) {
			r.t.Errorf("word %s on the screen: %v, want %q alone:\n%s", w, got, want, r.screen())
		}
	}
}

const (
	name   = "Гончарук Тарас Григорович"
	number = "ГТ004022"
)

// accepted is an accepting verdict.
func accepted() verifier.Verdict {
	return verifier.Verdict{Outcome: verifier.Accept, Code: verifier.OK, Level: verifier.L2,
		Holder: &verifier.Holder{Number: number, Name: name, Position: "старший слідчий", Unit: "Головне слідче управління", Rank: 5,
			ExpiresAt: start.Add(29 * 24 * time.Hour)},
		Issuer:     &verifier.Issuer{EDRPOU: "99000011", Name: "Міністерство зразкових справ (вигаданий орган)", DutyPhone: "+380 44 000 00 01"},
		StatusAsOf: start.Add(-time.Hour), Bundle: verifier.BundleInfo{Number: 14, Age: 2 * time.Hour}}
}

// refused is the same person, revoked.
func refused() verifier.Verdict {
	v := accepted()
	v.Outcome, v.Code = verifier.Refuse, verifier.Revoked
	return v
}

// unsure is the same person with a clock that differs.
func unsure() verifier.Verdict {
	v := accepted()
	v.Outcome, v.Code = verifier.CannotConfirm, verifier.ClockDiffers
	return v
}

// other is somebody else, accepted.
func other(n int) verifier.Verdict {
	v := accepted()
	h := *v.Holder
	h.Name, h.Number = fmt.Sprintf("Інша Особа %d", n), fmt.Sprintf("ІО%06d", n)
	v.Holder = &h
	return v
}

// portrait is a small picture and its hash.
func portrait(t testing.TB, shade uint8) (data []byte, hash [20]byte) {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, 36, 48))
	for y := range 48 {
		for x := range 36 {
			img.Set(x, y, color.RGBA{shade, uint8(5 * y), uint8(7 * x), 255})
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b.Bytes())
	return b.Bytes(), [20]byte(sum[:20])
}

// face gives a verdict a portrait that this device has.
func (r *rig) face(v verifier.Verdict, shade uint8) verifier.Verdict {
	r.t.Helper()
	data, hash := portrait(r.t, shade)
	r.photos[hash] = data
	v.Holder.HasPhoto, v.Holder.PhotoHash = true, hash
	return v
}

// golden compares a screen with a file of testdata; -update in the tests of the terminal does not touch these, POSVID_GOLDEN=1 does.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".txt")
	var trimmed []string
	for _, l := range strings.Split(got, "\n") {
		trimmed = append(trimmed, strings.TrimRight(l, " "))
	}
	got = strings.Join(trimmed, "\n") + "\n"
	if os.Getenv("POSVID_GOLDEN") != "" {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != got {
		t.Errorf("%s differs; it is\n%s\nwant\n%s", file, got, want)
	}
}
