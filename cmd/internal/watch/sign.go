package watch

import "github.com/posvid/posvid/verifier"

// drawSign draws the shape of an outcome, rows rows high and about square: a tick in a disc, a cross in an octagon, a
// question mark in a triangle. The shapes differ in outline and in what is cut out of them, so that they are told apart
// without colour. An outcome that does not exist has the shape of a refusal.
func drawSign(outcome verifier.Outcome, rows int) *bitmap {
	n := 2 * rows
	switch outcome {
	case verifier.Accept:
		return disc(n)
	case verifier.CannotConfirm:
		return triangle(n)
	}
	return octagon(n)
}

// The signs that are cut out of the shapes, drawn small; stamp makes them larger.
var (
	tick = []string{
		".......##",
		"......###",
		".....###.",
		"##..###..",
		"######...",
		".####....",
		"..##.....",
	}
	cross = []string{
		"##...##",
		"###.###",
		".#####.",
		"..###..",
		".#####.",
		"###.###",
		"##...##",
	}
	smallQuestion = []string{
		".##.",
		"#..#",
		"...#",
		".##.",
		"....",
		".##.",
	}
	question = []string{
		".####.",
		"##..##",
		"....##",
		"...##.",
		"..##..",
		"......",
		"..##..",
	}
)

// stamp cuts a sign w × h dots large out of a drawing.
func (b *bitmap) stamp(sign []string, x, y, w, h int) {
	for dy := range h {
		row := sign[dy*len(sign)/h]
		for dx := range w {
			if row[dx*len(row)/w] == '#' {
				b.put(x+dx, y+dy, false)
			}
		}
	}
}

func disc(n int) *bitmap {
	b := newBitmap(n, n)
	for y := range n {
		for x := range n {
			dx, dy := 2*x+1-n, 2*y+1-n
			b.put(x, y, dx*dx+dy*dy <= n*n)
		}
	}
	w, h := max(n*70/100, 5), max(n*54/100, 4)
	b.stamp(tick, (n-w)/2, (n-h+1)/2, w, h)
	return b
}

func octagon(n int) *bitmap {
	b := newBitmap(n, n)
	corner := n * 3 / 10
	for y := range n {
		cut := max(corner-min(y, n-1-y), 0)
		b.fill(cut, y, n-cut, y+1, true)
	}
	side := max(n*58/100, 4)
	side += (n - side) % 2
	b.stamp(cross, (n-side)/2, (n-side)/2, side, side)
	return b
}

func triangle(n int) *bitmap {
	w := n*5/4 + n/8
	w += w % 2
	b := newBitmap(w, n)
	for y := range n {
		half := max((y+2)*w/(2*(n+1)), 1)
		b.fill(w/2-half, y, w/2+half, y+1, true)
	}
	// The question mark stands in the lower part, as large as the slanted sides leave room for.
	h := max(n*60/100, 5)
	side := max(h*5/7, 4)
	side += side % 2
	sign := question
	if n < 14 {
		sign, side, h = smallQuestion, 4, max(h, 6)
	}
	b.stamp(sign, w/2-side/2, n-h-n/14, side, h)
	return b
}

// mark draws the sign of cannot-confirm alone, rows rows high: where there is no room for the triangle around it.
func mark(rows int) *bitmap {
	h := 2 * rows
	w := max(h*4/5, 4)
	w += w % 2
	b := newBitmap(w, h)
	cut := newBitmap(w, h)
	cut.fill(0, 0, w, h, true)
	cut.stamp(question, 0, 0, w, h)
	for i := range b.dots {
		b.dots[i] = !cut.dots[i]
	}
	return b
}

// viewfinder is the sign of waiting: the four corners of a frame that nothing is in yet.
func viewfinder(rows int) *bitmap {
	n := 2 * rows
	b := newBitmap(n, n)
	arm, t := n/3, max(n/8, 1)
	for _, x := range [2]int{0, n - arm} {
		for _, y := range [2]int{0, n - t} {
			b.fill(x, y, x+arm, y+t, true)
		}
	}
	for _, x := range [2]int{0, n - t} {
		for _, y := range [2]int{0, n - arm} {
			b.fill(x, y, x+t, y+arm, true)
		}
	}
	return b
}
