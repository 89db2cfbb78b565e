//go:build !js

package source

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
)

// ErrFrame reports a camera frame that cannot be decoded: cut off, damaged, of
// another size than it says, or of an unknown format.
var ErrFrame = errors.New("damaged camera frame")

// PixelFormat is the form of a camera's frames: the four characters of V4L2, the
// first of them in the lowest byte.
type PixelFormat uint32

// The forms that DecodeFrame knows, best first.
const (
	MJPEG PixelFormat = 'M' | 'J'<<8 | 'P'<<16 | 'G'<<24 // a JPEG file a frame, often without Huffman tables
	JPEG  PixelFormat = 'J' | 'P'<<8 | 'E'<<16 | 'G'<<24 // the same, so called by other drivers
	YUYV  PixelFormat = 'Y' | 'U'<<8 | 'Y'<<16 | 'V'<<24 // two pixels in four bytes: Y U Y V
	UYVY  PixelFormat = 'U' | 'Y'<<8 | 'V'<<16 | 'Y'<<24 // two pixels in four bytes: U Y V Y
	NV12  PixelFormat = 'N' | 'V'<<8 | '1'<<16 | '2'<<24 // luminance first, then half as many bytes of colour
	YU12  PixelFormat = 'Y' | 'U'<<8 | '1'<<16 | '2'<<24 // the same with the colours apart
	GREY  PixelFormat = 'G' | 'R'<<8 | 'E'<<16 | 'Y'<<24 // luminance alone
)

// preferred is the order in which forms of one size are chosen: over USB 2 a
// camera gives 1280 × 720 pixels 30 times a second as JPEG, 10 times as YUYV.
var preferred = []PixelFormat{MJPEG, JPEG, YUYV, UYVY, NV12, YU12, GREY}

func (f PixelFormat) String() string {
	b := binary.LittleEndian.AppendUint32(nil, uint32(f))
	for i, c := range b {
		if c < ' ' || c > '~' {
			b[i] = '?'
		}
	}
	return string(bytes.TrimRight(b, " "))
}

// compressed tells whether the frames carry their own size.
func (f PixelFormat) compressed() bool { return f == MJPEG || f == JPEG }

// layout gives the bytes of one row of luminance, the bytes from one pixel's
// luminance to the next and the place of the first. Colour that lies behind the
// luminance is not looked at.
func (f PixelFormat) layout(w, h int) (row, step, first int, ok bool) {
	switch f {
	case YUYV:
		return 2 * w, 2, 0, w%2 == 0
	case UYVY:
		return 2 * w, 2, 1, w%2 == 0
	case NV12, YU12:
		return w, 1, 0, w%2 == 0 && h%2 == 0
	case GREY:
		return w, 1, 0, true
	}
	return 0, 0, 0, false
}

// size gives the bytes of a frame without padding, 0 when its form does not tell.
func (f PixelFormat) size(w, h int) int {
	row, _, _, ok := f.layout(w, h)
	switch {
	case !ok:
		return 0
	case f == NV12 || f == YU12:
		return row * h * 3 / 2
	}
	return row * h
}

// DecodeFrame decodes one frame of a camera to 8-bit luminance. w and h are the
// pixels that the camera was set to, stride the bytes from one row to the next
// (0: rows follow each other). JPEG frames carry their own size, which may
// differ; w, h and stride are not looked at. The picture shares no bytes with
// data.
//
// It fails with ErrFrame, ErrTooManyPixels or ErrDecoder.
func DecodeFrame(f PixelFormat, w, h, stride int, data []byte) (g *image.Gray, err error) {
	if f.compressed() {
		return decodeMJPEG(data)
	}
	if w < 1 || h < 1 {
		return nil, fmt.Errorf("source: %s frame of %d × %d pixels: %w", f, w, h, ErrFrame)
	}
	if w > DefaultMaxPixels/h {
		return nil, fmt.Errorf("source: %s frame of %d × %d pixels, limit %d: %w", f, w, h, DefaultMaxPixels, ErrTooManyPixels)
	}
	row, step, first, ok := f.layout(w, h)
	if !ok {
		return nil, fmt.Errorf("source: %s frame of %d × %d pixels: unknown form: %w", f, w, h, ErrFrame)
	}
	if stride == 0 {
		stride = row
	}
	// Division: a stride from anywhere may not overflow the product. Of the colour behind the luminance nothing is needed.
	if stride < row || len(data) < row || h > 1 && stride > (len(data)-row)/(h-1) {
		return nil, fmt.Errorf("source: %s frame of %d × %d pixels, %d bytes a row: %d bytes: %w", f, w, h, stride, len(data), ErrFrame)
	}
	g = image.NewGray(image.Rect(0, 0, w, h))
	for y := range h {
		in, out := data[y*stride:][:row], g.Pix[y*w:][:w]
		if step == 1 {
			copy(out, in)
			continue
		}
		for x := range out {
			out[x] = in[2*x+first]
		}
	}
	return g, nil
}

// decodeMJPEG decodes one frame of motion JPEG.
func decodeMJPEG(data []byte) (g *image.Gray, err error) {
	defer func() {
		if p := recover(); p != nil {
			g, err = nil, fmt.Errorf("source: MJPEG frame: %w: panic", ErrDecoder)
		}
	}()
	file, err := wholeJPEG(data)
	if err != nil {
		return nil, err
	}
	config, err := jpeg.DecodeConfig(bytes.NewReader(file))
	if err != nil {
		return nil, fmt.Errorf("source: MJPEG frame of %d bytes: %w: %w", len(data), ErrFrame, err)
	}
	if config.Width < 1 || config.Height < 1 {
		return nil, fmt.Errorf("source: MJPEG frame of %d × %d pixels: %w", config.Width, config.Height, ErrFrame)
	}
	if config.Width > DefaultMaxPixels/config.Height {
		return nil, fmt.Errorf("source: MJPEG frame of %d × %d pixels, limit %d: %w", config.Width, config.Height, DefaultMaxPixels, ErrTooManyPixels)
	}
	img, err := jpeg.Decode(bytes.NewReader(file))
	if err != nil {
		return nil, fmt.Errorf("source: MJPEG frame of %d bytes: %w: %w", len(data), ErrFrame, err)
	}
	switch m := img.(type) {
	case *image.YCbCr: // its luminance is ours: no copy
		b := m.Rect
		return &image.Gray{Pix: m.Y[m.YOffset(b.Min.X, b.Min.Y):], Stride: m.YStride, Rect: image.Rect(0, 0, b.Dx(), b.Dy())}, nil
	case *image.Gray:
		return m, nil
	}
	return Grey(img), nil
}

// wholeJPEG makes a JPEG file of a frame: it begins at the first start of image,
// has Huffman tables and an end. Cameras leave the standard tables out (as in
// AVI files) and some leave out the end or pad it with zeros.
func wholeJPEG(data []byte) ([]byte, error) {
	start := bytes.Index(data[:min(len(data), 64)], []byte{0xff, 0xd8, 0xff})
	if start < 0 {
		return nil, fmt.Errorf("source: MJPEG frame of %d bytes has no start: %w", len(data), ErrFrame)
	}
	data = bytes.TrimRight(data[start:], "\x00")
	tables, scan := false, 0
	for i := 2; i+3 < len(data) && scan == 0; {
		if data[i] != 0xff {
			return nil, fmt.Errorf("source: MJPEG frame: no marker at byte %d: %w", i, ErrFrame)
		}
		switch m := data[i+1]; {
		case m == 0xff:
			i++
			continue
		case m == 0xc2: // no camera sends it, and its cost is not bounded by its pixels
			return nil, fmt.Errorf("source: MJPEG frame: progressive: %w", ErrFrame)
		case m == 0xc4:
			tables = true
		case m == 0xda:
			scan = i
		}
		i += 2 + max(2, int(data[i+2])<<8|int(data[i+3]))
	}
	if scan == 0 {
		return nil, fmt.Errorf("source: MJPEG frame of %d bytes has no scan: %w", len(data), ErrFrame)
	}
	if n, progressive := scanJPEG(data); progressive || n > maxSequential {
		return nil, fmt.Errorf("source: MJPEG frame: %d scans: %w", n, ErrFrame)
	}
	ended := bytes.HasSuffix(data, []byte{0xff, 0xd9})
	if tables && ended {
		return data, nil
	}
	file := make([]byte, 0, len(data)+len(huffman)+2)
	file = append(file, data[:scan]...)
	if !tables {
		file = append(file, huffman...)
	}
	file = append(file, data[scan:]...)
	if !ended {
		file = append(file, 0xff, 0xd9)
	}
	return file, nil
}

// huffman is a DHT segment with the tables of ITU-T T.81, Annex K.3.
var huffman = func() []byte {
	var b []byte
	for _, t := range []struct {
		class  byte // 0x00, 0x01: DC of luminance, chrominance; 0x10, 0x11: AC
		counts [16]byte
		values string
	}{
		{0x00, [16]byte{0, 1, 5, 1, 1, 1, 1, 1, 1}, "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b"},
		{0x01, [16]byte{0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1}, "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b"},
		{0x10, [16]byte{0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 0x7d}, "" +
			"\x01\x02\x03\x00\x04\x11\x05\x12\x21\x31\x41\x06\x13\x51\x61\x07\x22\x71\x14\x32\x81\x91\xa1\x08\x23\x42\xb1\xc1\x15\x52\xd1\xf0" +
			"\x24\x33\x62\x72\x82\x09\x0a\x16\x17\x18\x19\x1a\x25\x26\x27\x28\x29\x2a\x34\x35\x36\x37\x38\x39\x3a\x43\x44\x45\x46\x47\x48\x49" +
			"\x4a\x53\x54\x55\x56\x57\x58\x59\x5a\x63\x64\x65\x66\x67\x68\x69\x6a\x73\x74\x75\x76\x77\x78\x79\x7a\x83\x84\x85\x86\x87\x88\x89" +
			"\x8a\x92\x93\x94\x95\x96\x97\x98\x99\x9a\xa2\xa3\xa4\xa5\xa6\xa7\xa8\xa9\xaa\xb2\xb3\xb4\xb5\xb6\xb7\xb8\xb9\xba\xc2\xc3\xc4\xc5" +
			"\xc6\xc7\xc8\xc9\xca\xd2\xd3\xd4\xd5\xd6\xd7\xd8\xd9\xda\xe1\xe2\xe3\xe4\xe5\xe6\xe7\xe8\xe9\xea\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8" +
			"\xf9\xfa"},
		{0x11, [16]byte{0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 0x77}, "" +
			"\x00\x01\x02\x03\x11\x04\x05\x21\x31\x06\x12\x41\x51\x07\x61\x71\x13\x22\x32\x81\x08\x14\x42\x91\xa1\xb1\xc1\x09\x23\x33\x52\xf0" +
			"\x15\x62\x72\xd1\x0a\x16\x24\x34\xe1\x25\xf1\x17\x18\x19\x1a\x26\x27\x28\x29\x2a\x35\x36\x37\x38\x39\x3a\x43\x44\x45\x46\x47\x48" +
			"\x49\x4a\x53\x54\x55\x56\x57\x58\x59\x5a\x63\x64\x65\x66\x67\x68\x69\x6a\x73\x74\x75\x76\x77\x78\x79\x7a\x82\x83\x84\x85\x86\x87" +
			"\x88\x89\x8a\x92\x93\x94\x95\x96\x97\x98\x99\x9a\xa2\xa3\xa4\xa5\xa6\xa7\xa8\xa9\xaa\xb2\xb3\xb4\xb5\xb6\xb7\xb8\xb9\xba\xc2\xc3" +
			"\xc4\xc5\xc6\xc7\xc8\xc9\xca\xd2\xd3\xd4\xd5\xd6\xd7\xd8\xd9\xda\xe2\xe3\xe4\xe5\xe6\xe7\xe8\xe9\xea\xf2\xf3\xf4\xf5\xf6\xf7\xf8" +
			"\xf9\xfa"},
	} {
		b = append(append(append(b, t.class), t.counts[:]...), t.values...)
	}
	return append([]byte{0xff, 0xc4, byte((len(b) + 2) >> 8), byte(len(b) + 2)}, b...)
}()
