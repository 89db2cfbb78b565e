package hr

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"

	"golang.org/x/image/webp"
)

// PhotoWidth and PhotoHeight are the largest size of a normalised photo in pixels; every size used is 3:4.
const (
	PhotoWidth  = 240
	PhotoHeight = 320
)

// photoSteps are tried in order until the JPEG is no larger than MaxPhotoOutBytes.
var photoSteps = []struct{ w, h, quality int }{
	{240, 320, 85}, {240, 320, 75}, {240, 320, 65}, {240, 320, 55}, {240, 320, 45},
	{180, 240, 60}, {180, 240, 40}, {120, 160, 60}, {120, 160, 35}, {120, 160, 15}, {120, 160, 1},
}

// NormalisePhoto makes the one form of a photo that is stored and whose hash IDs carry: a baseline JPEG with no metadata, 3:4,
// upright, at most MaxPhotoOutBytes. data is a JPEG, PNG or WebP; its size is read from the header and capped before anything
// is decoded. A wider picture is cut at both sides, a taller one at the bottom more than at the top. The same data always
// gives the same bytes: all arithmetic is on integers. Errors are Problems: BadPhoto, PhotoTooLarge, PhotoTooSmall, PhotoShape.
func NormalisePhoto(data []byte) (out []byte, sha [32]byte, err error) {
	if len(data) > MaxPhotoBytes {
		return nil, sha, Problem{Code: PhotoTooLarge, Args: []string{fmt.Sprintf("%d MiB", MaxPhotoBytes>>20)}}
	}
	src, orientation, err := decodePhoto(data)
	if err != nil {
		return nil, sha, err
	}
	b := src.Bounds()
	if orientation >= 5 { // stored on its side
		b = image.Rect(0, 0, b.Dy(), b.Dx())
	}
	if w, h := b.Dx(), b.Dy(); w > h*2 || h > w*3 {
		return nil, sha, Problem{Code: PhotoShape}
	}
	w, h := b.Dx(), b.Dy()
	if w*4 > h*3 {
		w = h * 3 / 4
	} else {
		h = w * 4 / 3
	}
	if w < 120 || h < 160 {
		return nil, sha, Problem{Code: PhotoTooSmall}
	}
	crop := image.Rect(0, 0, w, h).Add(image.Pt((b.Dx()-w)/2, (b.Dy()-h)/3))
	at := upright(src, orientation)
	small := image.NewRGBA(image.Rect(0, 0, 0, 0))
	for _, s := range photoSteps {
		if small.Rect.Dx() != s.w {
			small = scale(at, crop, s.w, s.h)
		}
		var buf bytes.Buffer
		if err := jpeg.Encode(&buf, small, &jpeg.Options{Quality: s.quality}); err != nil {
			return nil, sha, Problem{Code: BadPhoto}
		}
		if buf.Len() <= MaxPhotoOutBytes {
			return buf.Bytes(), Hash(sum(buf.Bytes())), nil
		}
	}
	return nil, sha, Problem{Code: PhotoTooLarge, Args: []string{fmt.Sprintf("%d B", MaxPhotoOutBytes)}}
}

// decodePhoto decodes after the size in the header was checked.
func decodePhoto(data []byte) (image.Image, int, error) {
	var (
		config func() (image.Config, error)
		decode func() (image.Image, error)
		exif   []byte
	)
	r := func() *bytes.Reader { return bytes.NewReader(data) }
	switch {
	case bytes.HasPrefix(data, []byte{0xff, 0xd8, 0xff}):
		config, decode = func() (image.Config, error) { return jpeg.DecodeConfig(r()) }, func() (image.Image, error) { return jpeg.Decode(r()) }
		exif = jpegExif(data)
	case bytes.HasPrefix(data, []byte("\x89PNG\r\n\x1a\n")):
		config, decode = func() (image.Config, error) { return png.DecodeConfig(r()) }, func() (image.Image, error) { return png.Decode(r()) }
		exif = pngExif(data)
	case len(data) > 12 && string(data[:4]) == "RIFF" && string(data[8:12]) == "WEBP":
		config, decode = func() (image.Config, error) { return webp.DecodeConfig(r()) }, func() (image.Image, error) { return webp.Decode(r()) }
		exif = webpExif(data)
	default:
		return nil, 0, Problem{Code: BadPhoto}
	}
	c, err := config()
	if err != nil || c.Width <= 0 || c.Height <= 0 {
		return nil, 0, Problem{Code: BadPhoto}
	}
	if c.Width > MaxPhotoSide || c.Height > MaxPhotoSide || c.Width*c.Height > MaxPhotoPixels {
		return nil, 0, Problem{Code: PhotoTooLarge, Args: []string{fmt.Sprintf("%d Mpx", MaxPhotoPixels/1_000_000)}}
	}
	img, err := decode()
	if err != nil {
		return nil, 0, Problem{Code: BadPhoto}
	}
	// A decoder that disagrees with its own header must not lead past the cap.
	if b := img.Bounds(); b.Dx() > c.Width || b.Dy() > c.Height || b.Empty() {
		return nil, 0, Problem{Code: BadPhoto}
	}
	return img, exifOrientation(exif), nil
}

// pixels gives the colour at an upright position, over white where the picture is transparent.
type pixels func(x, y int) (r, g, b uint32)

// upright turns EXIF orientations 1–8 (Exif 2.32, 4.6.4) into look-ups.
func upright(img image.Image, orientation int) pixels {
	bd := img.Bounds()
	w, h := bd.Dx(), bd.Dy()
	get := colourAt(img)
	return func(x, y int) (uint32, uint32, uint32) {
		switch orientation {
		case 2:
			x = w - 1 - x
		case 3:
			x, y = w-1-x, h-1-y
		case 4:
			y = h - 1 - y
		case 5:
			x, y = y, x
		case 6:
			x, y = y, h-1-x
		case 7:
			x, y = w-1-y, h-1-x
		case 8:
			x, y = w-1-y, x
		}
		return get(bd.Min.X+x, bd.Min.Y+y)
	}
}

func colourAt(img image.Image) pixels {
	switch m := img.(type) {
	case *image.YCbCr:
		return func(x, y int) (uint32, uint32, uint32) {
			c := m.YCbCrAt(x, y)
			r, g, b := color.YCbCrToRGB(c.Y, c.Cb, c.Cr)
			return uint32(r), uint32(g), uint32(b)
		}
	case *image.Gray:
		return func(x, y int) (uint32, uint32, uint32) {
			v := uint32(m.GrayAt(x, y).Y)
			return v, v, v
		}
	}
	return func(x, y int) (uint32, uint32, uint32) {
		r, g, b, a := img.At(x, y).RGBA() // premultiplied, 16 bits
		white := 0xffff - a
		return (r + white) >> 8, (g + white) >> 8, (b + white) >> 8
	}
}

// scale fills a w×h picture from the crop: each pixel is the mean of the area that it covers, or, where the source is
// smaller, of the pixels that it touches, weighted in 1/256 of a pixel.
func scale(at pixels, crop image.Rectangle, w, h int) *image.RGBA {
	const one = 256
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	type span struct{ from, to, first, last int } // pixels from…to, weights of the ends
	spans := func(n, size int) []span {
		s := make([]span, n)
		for i := range s {
			a, b := i*size*one/n, (i+1)*size*one/n
			if b-a < one { // enlarging: a window one pixel wide, so that edges stay smooth
				mid := (a + b) / 2
				a = min(max(0, mid-one/2), (size-1)*one)
				b = a + one
			}
			from, to := a/one, (b-1)/one
			s[i] = span{from, to, one - a%one, b - to*one}
			if from == to {
				s[i].first = b - a
			}
		}
		return s
	}
	xs, ys := spans(w, crop.Dx()), spans(h, crop.Dy())
	for y, sy := range ys {
		for x, sx := range xs {
			var r, g, b, total uint64
			for yy := sy.from; yy <= sy.to; yy++ {
				wy := one
				if yy == sy.from {
					wy = sy.first
				} else if yy == sy.to {
					wy = sy.last
				}
				for xx := sx.from; xx <= sx.to; xx++ {
					wx := one
					if xx == sx.from {
						wx = sx.first
					} else if xx == sx.to {
						wx = sx.last
					}
					pr, pg, pb := at(crop.Min.X+xx, crop.Min.Y+yy)
					k := uint64(wx * wy)
					r, g, b, total = r+k*uint64(pr), g+k*uint64(pg), b+k*uint64(pb), total+k
				}
			}
			half := total / 2
			o := out.PixOffset(x, y)
			out.Pix[o], out.Pix[o+1], out.Pix[o+2], out.Pix[o+3] = uint8((r+half)/total), uint8((g+half)/total), uint8((b+half)/total), 255
		}
	}
	return out
}

// jpegExif finds the TIFF block of the first APP1 Exif segment.
func jpegExif(b []byte) []byte {
	for i := 2; i+4 <= len(b) && b[i] == 0xff; {
		m, n := b[i+1], int(binary.BigEndian.Uint16(b[i+2:]))
		if m == 0xda || m == 0xd9 || n < 2 || i+2+n > len(b) {
			return nil
		}
		if seg := b[i+4 : i+2+n]; m == 0xe1 && bytes.HasPrefix(seg, []byte("Exif\x00\x00")) {
			return seg[6:]
		}
		i += 2 + n
	}
	return nil
}

func pngExif(b []byte) []byte {
	for i := 8; i+12 <= len(b); {
		n := int(binary.BigEndian.Uint32(b[i:]))
		if n < 0 || n > len(b)-i-12 {
			return nil
		}
		if string(b[i+4:i+8]) == "eXIf" {
			return b[i+8 : i+8+n]
		}
		i += 12 + n
	}
	return nil
}

func webpExif(b []byte) []byte {
	for i := 12; i+8 <= len(b); {
		n := int(binary.LittleEndian.Uint32(b[i+4:]))
		if n < 0 || n > len(b)-i-8 {
			return nil
		}
		if string(b[i:i+4]) == "EXIF" {
			return bytes.TrimPrefix(b[i+8:i+8+n], []byte("Exif\x00\x00"))
		}
		i += 8 + n + n&1
	}
	return nil
}

// exifOrientation reads tag 0x0112 of the first directory; anything odd means 1, as the picture lies.
func exifOrientation(b []byte) int {
	if len(b) < 8 {
		return 1
	}
	var o binary.ByteOrder = binary.BigEndian
	switch string(b[:4]) {
	case "II*\x00":
		o = binary.LittleEndian
	case "MM\x00*":
	default:
		return 1
	}
	at := int64(o.Uint32(b[4:]))
	if at+2 > int64(len(b)) {
		return 1
	}
	n := int64(o.Uint16(b[at:]))
	for i := int64(0); i < n; i++ {
		e := at + 2 + 12*i
		if e+12 > int64(len(b)) {
			return 1
		}
		if o.Uint16(b[e:]) == 0x0112 && o.Uint16(b[e+2:]) == 3 && o.Uint32(b[e+4:]) == 1 {
			if v := int(o.Uint16(b[e+8:])); v >= 1 && v <= 8 {
				return v
			}
			return 1
		}
	}
	return 1
}

// photoCode is the code of an error of this package, BadPhoto for any other.
func photoCode(err error) Code {
	var p Problem
	if errors.As(err, &p) {
		return p.Code
	}
	return BadPhoto
}
