package watch_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
)

// update writes the pictures of docs/img anew: go test ./cmd/internal/watch -run TestScreenInATerminal -update
var update = flag.Bool("update", false, "write the pictures of docs/img anew")

// picture keeps the screen of a terminal as docs/img/name.svg, with -update.
func (s *terminal) picture(name, title string, columns, rows int) {
	s.t.Helper()
	drawn := svgOf(strings.ReplaceAll(s.tmux("capture-pane", "-e", "-N", "-p"), "\u00a0", " "), title, columns, rows)
	if !*update {
		return
	}
	if err := os.WriteFile(filepath.Join("..", "..", "..", "docs", "img", name+".svg"), []byte(drawn), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// look is how a cell of a terminal looks.
type look struct {
	fg, bg               string
	bold, faint, reverse bool
}

const (
	paperColour = "#0d1117"
	inkColour   = "#d0d7de"
	cellW       = 10
	cellH       = 20
)

// xterm is a colour of the 256.
func xterm(n int) string {
	base := [...]string{"#000000", "#cd0000", "#00cd00", "#cdcd00", "#0000ee", "#cd00cd", "#00cdcd", "#e5e5e5",
		"#7f7f7f", "#ff0000", "#00ff00", "#ffff00", "#5c5cff", "#ff00ff", "#00ffff", "#ffffff"}
	switch {
	case n < 0 || n > 255:
		return inkColour
	case n < 16:
		return base[n]
	case n >= 232:
		v := 8 + (n-232)*10
		return fmt.Sprintf("#%02x%02x%02x", v, v, v)
	}
	level := func(v int) int {
		if v == 0 {
			return 0
		}
		return 55 + 40*v
	}
	n -= 16
	return fmt.Sprintf("#%02x%02x%02x", level(n/36), level(n/6%6), level(n%6))
}

// apply changes a look by the parameters of one SGR sequence.
func (l *look) apply(params string) {
	fields := strings.Split(strings.ReplaceAll(params, ":", ";"), ";")
	num := func(i int) int {
		if i >= len(fields) {
			return 0
		}
		n, _ := strconv.Atoi(fields[i])
		return n
	}
	for i := 0; i < len(fields); i++ {
		switch n := num(i); {
		case n == 0:
			*l = look{}
		case n == 1:
			l.bold = true
		case n == 2:
			l.faint = true
		case n == 7:
			l.reverse = true
		case n == 22:
			l.bold, l.faint = false, false
		case n == 27:
			l.reverse = false
		case n == 38 || n == 48:
			colour := ""
			if num(i+1) == 5 {
				colour = xterm(num(i + 2))
				i += 2
			} else {
				colour = fmt.Sprintf("#%02x%02x%02x", num(i+2), num(i+3), num(i+4))
				i += 4
			}
			if n == 38 {
				l.fg = colour
			} else {
				l.bg = colour
			}
		case n == 39:
			l.fg = ""
		case n == 49:
			l.bg = ""
		case n >= 30 && n <= 37:
			l.fg = xterm(n - 30)
		case n >= 40 && n <= 47:
			l.bg = xterm(n - 40)
		case n >= 90 && n <= 97:
			l.fg = xterm(n - 82)
		}
	}
}

func (l look) colours() (fg, bg string) {
	fg, bg = l.fg, l.bg
	if fg == "" {
		fg = inkColour
	}
	if bg == "" {
		bg = paperColour
	}
	if l.reverse {
		fg, bg = bg, fg
	}
	if l.faint {
		fg = "#8b949e"
	}
	return fg, bg
}

// svgOf draws a captured screen. Blocks are drawn as rectangles, so that the picture does not hang on a font.
func svgOf(captured, title string, columns, rows int) string {
	var back, text strings.Builder
	escape := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
	rect := func(b *strings.Builder, x, y, w, h float64, colour string) {
		fmt.Fprintf(b, `<rect x="%g" y="%g" width="%g" height="%g" fill="%s"/>`, x, y, w, h, colour)
	}
	var l look
	for row, line := range strings.Split(strings.TrimSuffix(captured, "\n"), "\n") {
		if row >= rows {
			break
		}
		column, y := 0, float64(row*cellH)
		runStart, run, runLook := 0, "", look{}
		flush := func() {
			if strings.TrimSpace(run) != "" {
				fg, _ := runLook.colours()
				weight := ""
				if runLook.bold {
					weight = ` font-weight="bold"`
				}
				fmt.Fprintf(&text, `<text x="%d" y="%g" fill="%s"%s textLength="%d" xml:space="preserve">%s</text>`,
					runStart*cellW, y+15, fg, weight, ansi.StringWidth(run)*cellW, escape.Replace(run))
			}
			run = ""
		}
		for len(line) > 0 {
			if strings.HasPrefix(line, "\x1b[") {
				end := strings.IndexFunc(line[2:], func(r rune) bool { return r >= 0x40 && r <= 0x7e })
				if end < 0 {
					break
				}
				if line[2+end] == 'm' {
					flush()
					l.apply(line[2 : 2+end])
				}
				line = line[3+end:]
				continue
			}
			r, n := utf8.DecodeRuneInString(line)
			line = line[n:]
			if r < ' ' {
				continue
			}
			w := ansi.StringWidth(string(r))
			x := float64(column * cellW)
			fg, bg := l.colours()
			if bg != paperColour {
				rect(&back, x, y, float64(w*cellW), cellH, bg)
			}
			switch r {
			case '█':
				rect(&back, x, y, cellW, cellH, fg)
			case '▀':
				rect(&back, x, y, cellW, cellH/2, fg)
			case '▄':
				rect(&back, x, y+cellH/2, cellW, cellH/2, fg)
			default:
				if run == "" {
					runStart, runLook = column, l
				}
				run += string(r)
				column += w
				continue
			}
			flush()
			column += w
		}
		flush()
	}
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="DejaVu Sans Mono, monospace" font-size="16.61" shape-rendering="crispEdges"><title>%s</title>`+
		`<rect width="100%%" height="100%%" fill="%s"/>%s%s</svg>`+"\n", columns*cellW, rows*cellH, escape.Replace(title), paperColour, merge(back.String()), text.String())
}

// merge joins rectangles that stand side by side with one colour.
func merge(rects string) string {
	type box struct{ x, y, w, h float64 }
	var out strings.Builder
	var last box
	colour := ""
	flush := func() {
		if colour != "" {
			fmt.Fprintf(&out, `<rect x="%g" y="%g" width="%g" height="%g" fill="%s"/>`, last.x, last.y, last.w, last.h, colour)
		}
	}
	for part := range strings.SplitSeq(rects, "/>") {
		var b box
		var c string
		if _, err := fmt.Sscanf(part, `<rect x="%g" y="%g" width="%g" height="%g" fill=%q`, &b.x, &b.y, &b.w, &b.h, &c); err != nil {
			continue
		}
		if c == colour && b.y == last.y && b.h == last.h && b.x == last.x+last.w {
			last.w += b.w
			continue
		}
		flush()
		last, colour = b, c
	}
	flush()
	return out.String()
}

// TestPicturesAreThere: the pictures of the screen are in docs/img, whole.
func TestPicturesAreThere(t *testing.T) {
	for name, word := range map[string]string{"watch-waiting": "скануйте код", "watch-accept": "Гончарук", "watch-refuse": "анульовано", "watch-unconfirmed": "Годинники"} {
		data, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "img", name+".svg"))
		if err != nil {
			t.Error(err)
			continue
		}
		if text := string(data); !strings.Contains(text, word) || !strings.HasSuffix(text, "</svg>\n") || strings.Contains(text, "\x1b") {
			t.Errorf("%s.svg lacks %q, or is cut", name, word)
		}
	}
}
