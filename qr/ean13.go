package qr

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"strconv"
)

// ErrEAN13: what was given is no EAN-13 number.
var ErrEAN13 = errors.New("qr: not an EAN-13 number")

// Sizes of an EAN-13 symbol in modules (GS1 General Specifications, Section 5.2.1).
const (
	EAN13Modules = 95 // guards and digits
	EAN13Left    = 11 // quiet zone before them
	EAN13Right   = 7  // quiet zone behind them
)

// ean13Left are the patterns of number set A, a dark module being a 1; set C is their complement, set B set C read
// backwards (GS1 General Specifications, Figure 5.2.1.2.1-1).
var ean13Left = [10]uint8{0b0001101, 0b0011001, 0b0010011, 0b0111101, 0b0100011, 0b0110001, 0b0101111, 0b0111011, 0b0110111, 0b0001011}

// ean13Sets says which of the six left digits are in set B, the first digit being told by nothing else; the highest of six
// bits is the second digit of the number.
var ean13Sets = [10]uint8{0b000000, 0b001011, 0b001101, 0b001110, 0b010011, 0b011001, 0b011100, 0b010101, 0b010110, 0b011010}

// EAN13 answers the 95 modules of an EAN-13 number, from left to right; true is dark. digits are thirteen with a right check
// digit. Error: ErrEAN13, which does not repeat the digits.
func EAN13(digits string) ([EAN13Modules]bool, error) {
	var out [EAN13Modules]bool
	if len(digits) != 13 {
		return out, fmt.Errorf("%w: %d characters, want 13", ErrEAN13, len(digits))
	}
	sum := 0
	for i := range 13 {
		c := digits[i]
		if c < '0' || c > '9' {
			return out, fmt.Errorf("%w: character %d is not a digit", ErrEAN13, i+1)
		}
		sum += int(c-'0') * (1 + 2*(i%2)) // the thirteenth weighs 1
	}
	if sum%10 != 0 {
		return out, fmt.Errorf("%w: the check digit does not fit", ErrEAN13)
	}
	n := 0
	put := func(pattern uint8, bits int) {
		for i := bits - 1; i >= 0; i-- {
			out[n] = pattern>>i&1 == 1
			n++
		}
	}
	put(0b101, 3)
	sets := ean13Sets[digits[0]-'0']
	for i := 1; i <= 6; i++ {
		p := ean13Left[digits[i]-'0']
		if sets>>(6-i)&1 == 1 {
			p = reverse7(^p & 0x7f)
		}
		put(p, 7)
	}
	put(0b01010, 5)
	for i := 7; i <= 12; i++ {
		put(^ean13Left[digits[i]-'0']&0x7f, 7)
	}
	put(0b101, 3)
	return out, nil
}

func reverse7(p uint8) (out uint8) {
	for range 7 {
		out = out<<1 | p&1
		p >>= 1
	}
	return out
}

// EAN13Bars is EAN13 as text, "1" for a dark module and "0" for a light one: what a page draws.
func EAN13Bars(digits string) (string, error) {
	m, err := EAN13(digits)
	if err != nil {
		return "", err
	}
	b := make([]byte, len(m))
	for i, dark := range m {
		b[i] = '0'
		if dark {
			b[i] = '1'
		}
	}
	return string(b), nil
}

// EAN13SVG draws the number as an SVG picture, quiet zones included, black on white, one unit a module and height units high
// (1 to 1,000; at the nominal size of GS1 a bar is 69 times as high as a module is wide). It holds neither text nor style.
func EAN13SVG(digits string, height int) ([]byte, error) {
	m, err := EAN13(digits)
	if err != nil {
		return nil, err
	}
	if height < 1 || height > 1000 {
		return nil, fmt.Errorf("qr: EAN-13 of height %d, want 1 to 1000", height)
	}
	width, h := strconv.Itoa(EAN13Left+EAN13Modules+EAN13Right), strconv.Itoa(height)
	out := []byte(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ` + width + ` ` + h + `" shape-rendering="crispEdges"><path fill="#fff" d="M0 0h` + width + `v` + h + `H0z"/><path fill="#000" d="`)
	for i := 0; i < len(m); i++ {
		if !m[i] {
			continue
		}
		from := i
		for i+1 < len(m) && m[i+1] {
			i++
		}
		out = append(out, "M"+strconv.Itoa(EAN13Left+from)+" 0h"+strconv.Itoa(i+1-from)+"v"+h+"h-"+strconv.Itoa(i+1-from)+"z"...)
	}
	return append(out, `"/></svg>`...), nil
}

// EAN13Picture draws the number, quiet zones included, with scale pixels a module (1 to 32) and height pixels high (1 to 4,096).
func EAN13Picture(digits string, scale, height int) (*image.Gray, error) {
	m, err := EAN13(digits)
	if err != nil {
		return nil, err
	}
	if scale < 1 || scale > 32 || height < 1 || height > 4096 {
		return nil, fmt.Errorf("qr: EAN-13 of scale %d and height %d, want 1 to 32 and 1 to 4096", scale, height)
	}
	img := image.NewGray(image.Rect(0, 0, (EAN13Left+EAN13Modules+EAN13Right)*scale, height))
	for i := range img.Pix {
		img.Pix[i] = 0xff
	}
	for i, dark := range m {
		if !dark {
			continue
		}
		for x := (EAN13Left + i) * scale; x < (EAN13Left+i+1)*scale; x++ {
			for y := range height {
				img.SetGray(x, y, color.Gray{})
			}
		}
	}
	return img, nil
}
