package watch

import (
	qrcode "github.com/skip2/go-qrcode"

	"github.com/posvid/posvid/qr"
)

// grid is a QR symbol without its quiet zone.
type grid struct {
	size int
	dark []bool
}

// at tells whether a module is dark; what lies outside is light.
func (g *grid) at(x, y int) bool {
	return x >= 0 && y >= 0 && x < g.size && y < g.size && g.dark[y*g.size+x]
}

// symbolsOf gives the symbols of a challenge, the largest first: that of level M, as every other code of ours, and one of
// level L for small windows.
func symbolsOf(text string) ([]*grid, error) {
	usual, err := qr.Encode(text)
	if err != nil {
		return nil, err
	}
	large := &grid{size: usual.Size}
	for y := range usual.Size {
		for x := range usual.Size {
			large.dark = append(large.dark, usual.Dark(x, y))
		}
	}
	code, err := qrcode.New(text, qrcode.Low)
	if err != nil {
		return nil, err
	}
	code.DisableBorder = true
	small := &grid{}
	for _, row := range code.Bitmap() {
		small.size = len(row)
		small.dark = append(small.dark, row...)
	}
	if len(small.dark) != small.size*small.size || small.size >= large.size {
		return []*grid{large}, nil
	}
	return []*grid{large, small}, nil
}
