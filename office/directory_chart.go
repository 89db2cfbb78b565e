package office

import (
	"bufio"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Shape of an organisation chart, in units of the drawing.
const (
	boxWide    = 250
	boxTall    = 74
	boxGap     = 12
	boxStep    = 44 // between columns
	boxLetters = 30 // of one line of a name
	boxLines   = 3
	MaxBoxes   = 400 // units that are drawn; the table beside the chart has all
)

// ChartBox is one unit of a chart.
type ChartBox struct {
	Unit           Unit
	X, Y, W, H     int
	Lines          []ChartText // the name, cut to what fits
	Note           ChartText   // people and vacancies
	Title          string      // everything, unabridged
	FromX, FromY   int         // where the line from the unit above begins; both 0 at the body itself
	MidX, ToX, ToY int
}

// ChartText is a line of text at its place.
type ChartText struct {
	X, Y int
	Text string
}

// Chart is an organisation chart as a drawing: the body on the left, units to the right of what they belong to.
type Chart struct {
	Width, Height int
	Title         string
	Boxes         []ChartBox
	Left          int // units that found no room
}

// NewChart lays out the units of a body, in the order of Units. lang is that of its texts.
func NewChart(b BodyEntry, units []Unit, lang string) Chart {
	c := Chart{Title: map[bool]string{true: "Organisation chart: ", false: "Структура: "}[lang == "en"] + b.Title(lang)}
	root := Unit{Body: b.EDRPOU}
	below := map[string][]Unit{}
	total, vacant, drawn := 0, 0, 0
	for _, u := range units {
		total, vacant = total+u.People, vacant+u.Vacant
		if u.Name == "" {
			root.People, root.Places = u.People, u.Places
			continue
		}
		if drawn == MaxBoxes {
			c.Left++
			continue
		}
		drawn++
		below[u.Parent] = append(below[u.Parent], u)
	}
	root.Total, root.Vacant = total, vacant
	next := 0 // row of the next unit without any below it
	var place func(u Unit, name string, depth int) (box int, middle int)
	place = func(u Unit, name string, depth int) (int, int) {
		n := len(c.Boxes)
		c.Boxes = append(c.Boxes, ChartBox{})
		var kids []int
		first, last := -1, -1
		for _, k := range below[u.Name] {
			if k.Name == u.Name {
				continue
			}
			kid, middle := place(k, pick(lang, k.Name, k.NameEN), depth+1)
			kids = append(kids, kid)
			if first < 0 {
				first = middle
			}
			last = middle
		}
		middle := (first + last) / 2
		if len(kids) == 0 {
			middle = next + boxTall/2
			next += boxTall + boxGap
		}
		box := ChartBox{Unit: u, X: 4 + depth*(boxWide+boxStep), Y: 4 + middle - boxTall/2, W: boxWide, H: boxTall}
		note := people(lang, u)
		box.Title = name + ". " + note
		lines := wrap(name, boxLetters, boxLines)
		for i, l := range lines {
			box.Lines = append(box.Lines, ChartText{box.X + 10, box.Y + 19 + 16*i, l})
		}
		box.Note = ChartText{box.X + 10, box.Y + boxTall - 8, note}
		c.Width = max(c.Width, box.X+boxWide+4)
		c.Boxes[n] = box
		for _, k := range kids {
			kid := &c.Boxes[k]
			kid.FromX, kid.FromY = box.X+boxWide, box.Y+boxTall/2
			kid.MidX, kid.ToX, kid.ToY = kid.FromX+boxStep/2, kid.X, kid.Y+boxTall/2
		}
		return n, middle
	}
	place(root, b.Title(lang), 0)
	c.Height = next - boxGap + 8
	return c
}

// people is the note under the name of a unit.
func people(lang string, u Unit) string {
	var s string
	if lang == "en" {
		s = fmt.Sprintf("people: %d", u.Total)
		if u.Vacant > 0 {
			s += ", vacant: " + Count(u.Vacant)
		}
		return s
	}
	s = fmt.Sprintf("осіб: %d", u.Total)
	if u.Vacant > 0 {
		s += ", вакантно: " + Count(u.Vacant)
	}
	return s
}

// Count writes hundredths of a place as people write them: 150 is "1,5".
func Count(hundredths int) string {
	s := fmt.Sprintf("%d,%02d", hundredths/100, hundredths%100)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ",")
}

// wrap cuts a text into lines of at most n letters; what finds no room ends in an ellipsis.
func wrap(s string, n, most int) []string {
	var lines []string
	line := ""
	for _, w := range strings.Fields(s) {
		if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(w) > n {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += w
	}
	if line != "" {
		lines = append(lines, line)
	}
	cut := len(lines) > most
	lines = lines[:min(len(lines), most)]
	for i, l := range lines {
		last := cut && i == len(lines)-1
		if r := []rune(l); len(r) > n || last && len(r) >= n {
			lines[i] = string(r[:n-1]) + "…"
		} else if last {
			lines[i] = l + "…"
		}
	}
	return lines
}

// WriteSVG writes the chart as a file of its own (SVG 1.1), in colours that read on white paper.
func (c Chart) WriteSVG(w io.Writer) error {
	out := bufio.NewWriter(w)
	text := func(s string) string {
		var b strings.Builder
		xml.EscapeText(&b, []byte(s))
		return b.String()
	}
	fmt.Fprintf(out, `<?xml version="1.0" encoding="UTF-8"?>
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" font-family="sans-serif" font-size="13">
<title>%s</title>
<rect width="%d" height="%d" fill="#ffffff"/>
`, c.Width, c.Height, c.Width, c.Height, text(c.Title), c.Width, c.Height)
	for _, b := range c.Boxes {
		if b.ToX > 0 {
			fmt.Fprintf(out, "<path d=\"M%d %dH%dV%dH%d\" fill=\"none\" stroke=\"#74818f\"/>\n", b.FromX, b.FromY, b.MidX, b.ToY, b.ToX)
		}
		fmt.Fprintf(out, "<g><title>%s</title><rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"6\" fill=\"#f4f6f8\" stroke=\"#74818f\"/>", text(b.Title), b.X, b.Y, b.W, b.H)
		for _, l := range b.Lines {
			fmt.Fprintf(out, "<text x=\"%d\" y=\"%d\" fill=\"#16202b\">%s</text>", l.X, l.Y, text(l.Text))
		}
		fmt.Fprintf(out, "<text x=\"%d\" y=\"%d\" fill=\"#4a5866\" font-size=\"12\">%s</text></g>\n", b.Note.X, b.Note.Y, text(b.Note.Text))
	}
	if _, err := out.WriteString("</svg>\n"); err != nil {
		return err
	}
	return out.Flush()
}
