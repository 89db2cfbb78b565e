package qr

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"strconv"
)

// PNGOptions says how large a PNG is drawn. The zero value is 8 pixels a
// module and the standard's quiet zone.
type PNGOptions struct {
	Scale     int // pixels a module, 1 to MaxScale; 0 means 8
	QuietZone int // light modules on each side, 4 to MaxQuietZone; 0 means 4
}

// PNG writes the symbol, black on white with its quiet zone, as a PNG of one
// bit a pixel. Modules are whole pixels; nothing is resampled.
func (s *Symbol) PNG(w io.Writer, opt PNGOptions) error {
	if err := s.drawable(); err != nil {
		return err
	}
	if opt.Scale == 0 {
		opt.Scale = defaultScale
	}
	if opt.QuietZone == 0 {
		opt.QuietZone = quietZone
	}
	if opt.Scale < 1 || opt.Scale > MaxScale {
		return fmt.Errorf("qr: scale %d, want 1 to %d pixels a module: %w", opt.Scale, MaxScale, ErrOption)
	}
	if opt.QuietZone < quietZone || opt.QuietZone > MaxQuietZone {
		return fmt.Errorf("qr: quiet zone %d, want %d to %d modules: %w", opt.QuietZone, quietZone, MaxQuietZone, ErrOption)
	}
	side := (s.Size + 2*opt.QuietZone) * opt.Scale
	// Two colours make image/png write one bit a pixel.
	img := image.NewPaletted(image.Rect(0, 0, side, side), color.Palette{color.White, color.Black})
	margin := opt.QuietZone * opt.Scale
	for y := range s.Size {
		first := img.Pix[(margin+y*opt.Scale)*img.Stride:][:img.Stride]
		for x := range s.Size {
			if !s.dark[y*s.Size+x] {
				continue
			}
			run := first[margin+x*opt.Scale:][:opt.Scale]
			for i := range run {
				run[i] = 1
			}
		}
		for k := 1; k < opt.Scale; k++ {
			copy(img.Pix[(margin+y*opt.Scale+k)*img.Stride:][:img.Stride], first)
		}
	}
	if err := png.Encode(w, img); err != nil {
		return fmt.Errorf("qr: write PNG: %w", err)
	}
	return nil
}

// SVG writes the symbol as an SVG drawing of one white rectangle and one black
// path, four modules of quiet zone included. Its unit is the module; the size
// on the page is the embedding document's choice.
func (s *Symbol) SVG(w io.Writer) error {
	if err := s.drawable(); err != nil {
		return err
	}
	side := s.Size + 2*quietZone
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" shape-rendering="crispEdges">`, side, side)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#fff"/><path fill="#000" d="`, side, side)
	for y := range s.Size {
		for x := 0; x < s.Size; {
			if !s.dark[y*s.Size+x] {
				x++
				continue
			}
			run := 1
			for x+run < s.Size && s.dark[y*s.Size+x+run] {
				run++
			}
			fmt.Fprintf(&b, "M%d %dh%dv1h-%dz", x+quietZone, y+quietZone, run, run)
			x += run
		}
	}
	b.WriteString("\"/></svg>\n")
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("qr: write SVG: %w", err)
	}
	return nil
}

// TerminalOptions says what the terminal can show.
type TerminalOptions struct {
	// Columns is the terminal's width in characters; 0 means that it is not
	// known, and then nothing is checked.
	Columns int
	// Colour sets foreground and background on every line, so that the symbol
	// is black on white on any theme. Without it the characters themselves
	// must make the contrast, see LightBackground.
	Colour bool
	// LightBackground matters without Colour only. False: the terminal writes
	// light on dark, so light modules are drawn. True: it writes dark on
	// light, so dark modules are drawn.
	LightBackground bool
}

// TooNarrowError says how many columns a symbol needs. It is ErrTooNarrow.
type TooNarrowError struct {
	Need int // characters a line
	Have int
}

func (e *TooNarrowError) Error() string {
	return "qr: the symbol needs " + strconv.Itoa(e.Need) + " columns, the terminal has " + strconv.Itoa(e.Have)
}

// Is makes errors.Is(err, ErrTooNarrow) true.
func (e *TooNarrowError) Is(target error) bool { return target == ErrTooNarrow }

// Black and white of the 256-colour cube: unlike colours 0 and 15 they are not
// redefined by terminal themes.
const (
	setColours   = "\x1b[38;5;16;48;5;231m"
	resetColours = "\x1b[0m"
)

// TerminalColumns returns how many characters wide Terminal draws the symbol,
// its quiet zone included.
func (s *Symbol) TerminalColumns() int { return s.Size + 2*quietZone }

// Terminal writes the symbol in half blocks, two rows of modules a line, with
// four modules of quiet zone (five below: the number of rows is odd). It writes
// nothing and returns a *TooNarrowError when the terminal is too narrow.
func (s *Symbol) Terminal(w io.Writer, opt TerminalOptions) error {
	if err := s.drawable(); err != nil {
		return err
	}
	if opt.Columns < 0 {
		return fmt.Errorf("qr: %d columns: %w", opt.Columns, ErrOption)
	}
	need := s.TerminalColumns()
	if opt.Columns > 0 && opt.Columns < need {
		return &TooNarrowError{Need: need, Have: opt.Columns}
	}
	// Ink is what a character paints: dark modules where its colour is dark.
	inkIsDark := opt.Colour || opt.LightBackground
	var b bytes.Buffer
	for y := -quietZone; y < s.Size+quietZone; y += 2 {
		if opt.Colour {
			b.WriteString(setColours)
		}
		for x := -quietZone; x < s.Size+quietZone; x++ {
			top := s.Dark(x, y) == inkIsDark
			bottom := s.Dark(x, y+1) == inkIsDark
			switch {
			case top && bottom:
				b.WriteString("█")
			case top:
				b.WriteString("▀")
			case bottom:
				b.WriteString("▄")
			default:
				b.WriteByte(' ')
			}
		}
		if opt.Colour {
			b.WriteString(resetColours)
		}
		b.WriteByte('\n')
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("qr: write to terminal: %w", err)
	}
	return nil
}
