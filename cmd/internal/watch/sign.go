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

func disc(n int) *bitmap {
	b := newBitmap(n+n%2, n)
	for y := range n {
		for x := range b.w {
			dx, dy := 2*x+1-b.w, 2*y+1-n
			b.put(x, y, dx*dx+dy*dy <= n*n)
		}
	}
	t := max(n/5, 2)
	x0, x1, x2 := n*2/10-t/4, n*4/10-t/4, n*8/10-t/2
	y0, y1, y2 := n*5/10, n*7/10, n*3/10
	b.slant(x0, y0, x1, y1, t, false)
	b.slant(x2, y2, x1, y1, t, false)
	return b
}

func octagon(n int) *bitmap {
	b := newBitmap(n, n)
	corner := n * 3 / 10
	for y := range n {
		edge := min(y, n-1-y)
		cut := max(corner-edge, 0)
		b.fill(cut, y, n-cut, y+1, true)
	}
	t := max(n/5, 2)
	a, z := n*27/100, n-1-n*27/100
	b.slant(a-t/4, a, z-t+1+t/4, z, t, false)
	b.slant(z-t+1+t/4, a, a-t/4, z, t, false)
	return b
}

// question is the question mark of the triangle, drawn for a triangle of about 12 dots.
var question = [...]string{
	".####.",
	"##..##",
	"....##",
	"..###.",
	"..##..",
	"......",
	"..##..",
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
	h := max(n*62/100, 5)
	qw := max(h*6/7, 4)
	qw += qw % 2
	top := n - h - max(n/12, 1) + 1
	for y := range h {
		row := question[y*len(question)/h]
		for x := range qw {
			if row[x*len(row)/qw] == '#' {
				b.put(w/2-qw/2+x, top+y, false)
			}
		}
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
