package watch

// face is a size of the big letters, in dots: a dot is one column wide and half a row high, which is about square.
type face struct {
	width  int // of a letter such as Н
	height int // even: whole rows
	stem   int // thickness of strokes
	gap    int // between letters
}

// faces are the sizes from the largest to the smallest. The smallest word of any outcome fits 80 columns in the last but one.
var faces = [...]face{
	{16, 28, 5, 3},
	{12, 20, 4, 2},
	{10, 18, 3, 2},
	{8, 14, 3, 1},
	{6, 12, 2, 1},
	{6, 10, 2, 1},
	{5, 10, 2, 1},
	{4, 8, 1, 1},
	{3, 6, 1, 1},
}

// glyph draws one letter. ok is false for a letter that is not among those of the big words.
func (f face) glyph(r rune) (b *bitmap, ok bool) {
	w, h, t := f.width, f.height, f.stem
	bar := max(t*2/3, 1) // horizontal strokes: dots are a little higher than wide in most fonts
	if t == 2 {
		bar = 2
	}
	mid := (h - bar) / 2
	wide := func(n int) { w = n }
	var parts []func()
	left := func() { b.fill(0, 0, t, h, true) }
	right := func() { b.fill(w-t, 0, w, h, true) }
	top := func() { b.fill(0, 0, w, bar, true) }
	middle := func() { b.fill(0, mid, w, mid+bar, true) }
	bottom := func() { b.fill(0, h-bar, w, h, true) }
	cut := func(corners string) func() { // takes the dot of a corner off, which makes a curve of it
		return func() {
			n := 1 + t/4
			for _, c := range corners {
				for i := range n {
					for j := range n - i {
						switch c {
						case '7':
							b.put(i, j, false)
						case '9':
							b.put(w-1-i, j, false)
						case '1':
							b.put(i, h-1-j, false)
						case '3':
							b.put(w-1-i, h-1-j, false)
						case '6': // the waist of В and R
							b.put(w-1-i, mid+bar/2+j, false)
							b.put(w-1-i, mid+bar/2-j, false)
						}
					}
				}
			}
		}
	}
	switch r {
	case ' ':
		wide(max(t+1, w/2))
	case 'І', 'I', '1':
		wide(t)
		parts = append(parts, left)
	case 'Н', 'H':
		parts = append(parts, left, right, middle)
	case 'Г':
		wide(w - 1)
		parts = append(parts, left, top)
	case 'К', 'K':
		wide(w + 1)
		parts = append(parts, left, func() {
			b.slant(w-t, 0, t-1, mid, t, true)
			b.slant(t-1, mid+bar-1, w-t, h-1, t, true)
			b.fill(t, mid, 2*t-1, mid+bar, true)
		})
	case 'Ь':
		parts = append(parts, left, middle, bottom, func() { b.fill(w-t, mid, w, h, true) }, cut("63"))
	case 'Y':
		wide(w + w%2 + t%2)
		parts = append(parts, func() {
			c := (w - t) / 2
			b.slant(0, 0, c, mid, t, true)
			b.slant(w-t, 0, w-t-c, mid, t, true)
			b.fill(c, mid, c+t, h, true)
		})
	case 'W':
		wide(w + t + 2)
		parts = append(parts, func() {
			c := (w - t) / 2
			b.slant(0, 0, (c+1)/2, h-1, t, true)
			b.slant(c, h/4, (c+1)/2, h-1, t, true)
			b.slant(w-t-c, h/4, w-t-(c+1)/2, h-1, t, true)
			b.slant(w-t, 0, w-t-(c+1)/2, h-1, t, true)
		})
	case 'П':
		parts = append(parts, left, right, top)
	case 'О', 'O':
		parts = append(parts, left, right, top, bottom, cut("7913"))
	case 'Е', 'E':
		parts = append(parts, left, top, bottom, func() { b.fill(0, mid, w-1, mid+bar, true) })
	case 'F':
		parts = append(parts, left, top, func() { b.fill(0, mid, w-1, mid+bar, true) })
	case 'L':
		parts = append(parts, left, bottom)
	case 'Т', 'T':
		wide(w + (w-t)%2)
		parts = append(parts, top, func() { b.fill((w-t)/2, 0, (w-t)/2+t, h, true) })
	case 'Ч':
		parts = append(parts, right, func() { b.fill(0, 0, t, mid+bar, true); b.fill(0, mid, w, mid+bar, true) }, cut("x"))
	case 'В', 'B':
		parts = append(parts, left, right, top, middle, bottom, cut("936"))
	case 'Р', 'P':
		parts = append(parts, left, top, middle, func() { b.fill(w-t, 0, w, mid+bar, true) }, cut("9"),
			func() { b.put(w-1, mid+bar-1, false) })
	case 'R':
		parts = append(parts, left, top, middle, func() { b.fill(w-t, 0, w, mid+bar, true) }, cut("9"),
			func() { b.put(w-1, mid+bar/2, false); b.slant(w-t-max((w-2*t), 1), mid+bar-1, w-t, h-1, t, true) })
	case 'С', 'C':
		parts = append(parts, left, top, bottom, func() {
			b.fill(w-t, 0, w, h/3, true)
			b.fill(w-t, h-h/3, w, h, true)
		}, cut("7913"))
	case 'S':
		parts = append(parts, top, middle, bottom, func() {
			b.fill(0, 0, t, mid+bar, true)
			b.fill(w-t, mid, w, h, true)
		}, cut("7913"))
	case 'U':
		parts = append(parts, left, right, bottom, cut("13"))
	case 'D':
		parts = append(parts, left, right, top, bottom, cut("93"))
	case 'И':
		wide(w + t/2 + 1)
		parts = append(parts, left, right, func() { b.slant(t-1, h-bar-1, w-2*t+1, bar, t, true) })
	case 'N':
		wide(w + t/2 + 1)
		parts = append(parts, left, right, func() { b.slant(t-1, bar, w-2*t+1, h-bar-1, t, true) })
	case 'M', 'М':
		wide(w + t + 1 + (w+1)%2)
		parts = append(parts, left, right, func() {
			half := (w - t) / 2
			b.slant(t-1, 0, half, h*2/3, t, true)
			b.slant(w-2*t+1, 0, w-t-half, h*2/3, t, true)
		})
	case 'Х', 'X':
		wide(w + 1)
		parts = append(parts, func() { b.slant(0, 0, w-t, h-1, t, true); b.slant(w-t, 0, 0, h-1, t, true) })
	case 'V':
		wide(w + 2)
		parts = append(parts, func() { b.slant(0, 0, (w-t)/2, h-1, t, true); b.slant(w-t, 0, w-t-(w-t)/2, h-1, t, true) })
	case 'А', 'A':
		wide(w + 1)
		parts = append(parts, func() {
			b.slant((w-t)/2, 0, 0, h-1, t, true)
			b.slant(w-t-(w-t)/2, 0, w-t, h-1, t, true)
			low := h * 3 / 5
			b.fill(t, low, w-t, low+bar, true)
		})
	case 'Л':
		wide(w + 1)
		parts = append(parts, right, func() {
			b.fill(t-t/2, 0, w, bar, true)
			b.fill(t-t/2, 0, 2*t-t/2, h*2/3, true)
			b.slant(t-t/2, h*2/3-1, 0, h-1, t, true)
			b.fill(0, h-bar, t, h, true)
		})
	case 'Д':
		wide(w + 2)
		parts = append(parts, func() {
			feet := max(h/6, bar)
			foot := h - feet
			b.fill(1+t/2, 0, w-1, bar, true)
			b.fill(w-1-t, 0, w-1, foot, true)
			b.slant(1+t/2, 0, 1, foot-1, t, true)
			b.fill(0, foot-bar, w, foot, true)
			b.fill(0, foot, max(t-1, 1), h, true)
			b.fill(w-max(t-1, 1), foot, w, h, true)
		})
	case 'Ж':
		wide(max(3*t+2, w*8/5))
		if t > 2 || f.width == 5 {
			wide(2 * f.width)
		}
		wide(w + (w-t)%2)
		parts = append(parts, func() {
			c := (w - t) / 2
			b.fill(c, 0, c+t, h, true)
			b.slant(0, 0, c-t+1, mid, t, true)
			b.slant(c-t+1, mid+bar-1, 0, h-1, t, true)
			b.slant(w-t, 0, c+t-1, mid, t, true)
			b.slant(c+t-1, mid+bar-1, w-t, h-1, t, true)
			b.fill(c-t/2, mid, c+t+t/2, mid+bar, true)
		})
	default:
		return nil, false
	}
	b = newBitmap(w, h)
	for _, p := range parts {
		p()
	}
	return b, true
}

// word draws a word; nil when a letter of it is not known.
func (f face) word(text string) *bitmap {
	var all []*bitmap
	width := 0
	for _, r := range text {
		g, ok := f.glyph(r)
		if !ok {
			return nil
		}
		if len(all) > 0 {
			width += f.gap
		}
		all = append(all, g)
		width += g.w
	}
	out := newBitmap(width, f.height)
	x := 0
	for _, g := range all {
		out.draw(g, x, 0)
		x += g.w + f.gap
	}
	return out
}

// drawWord draws lines of text as large as cols columns and rows rows allow, all lines in one size; nil when even the smallest
// letters do not fit.
func drawWord(lines []string, cols, rows int) *bitmap {
	for _, f := range faces {
		height := len(lines)*f.height + (len(lines)-1)*2
		if height > 2*rows {
			continue
		}
		width := 0
		var drawn []*bitmap
		for _, line := range lines {
			w := f.word(line)
			if w == nil {
				return nil
			}
			drawn = append(drawn, w)
			width = max(width, w.w)
		}
		if width > cols {
			continue
		}
		out := newBitmap(width, height)
		for i, w := range drawn {
			out.draw(w, 0, i*(f.height+2))
		}
		return out
	}
	return nil
}
