package source_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"flag"
	"image"
	"image/jpeg"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/posvid/posvid/qr"
	"github.com/posvid/posvid/qr/source"
)

var update = flag.Bool("update", false, "write the recorded frames anew")

// frameText is what the recorded frames show.
const frameText = "SID1:6BF3KMA30D.A CAMERA SAW THIS CODE $%*+-./: 0123456789"

// The recorded frames are of 640 × 480 pixels.
const frameW, frameH = 640, 480

// symbol draws a code.
func symbol(t testing.TB, text string, scale int) []byte {
	t.Helper()
	s, err := qr.Encode(text)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := s.PNG(&b, qr.PNGOptions{Scale: scale}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// scene is a code as a camera sees it: turned a little, soft, on a grey wall.
func scene(t testing.TB, text string) *image.Gray {
	t.Helper()
	code, err := source.DecodePicture(symbol(t, text, 8), source.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	g := image.NewGray(image.Rect(0, 0, frameW, frameH))
	sin, cos := math.Sincos(0.12)
	side := float64(code.Rect.Dx())
	for y := range frameH {
		for x := range frameW {
			var sum float64
			for sy := range 3 { // the mean over somewhat more than a pixel is the softness of a lens
				for sx := range 3 {
					u, v := float64(x)-frameW/2+float64(sx-1)*0.6, float64(y)-frameH/2+float64(sy-1)*0.6
					cx, cy := side/2+(cos*u+sin*v)*side/380, side/2+(-sin*u+cos*v)*side/380
					value := 120.0
					if cx >= 0 && cy >= 0 && cx < side && cy < side {
						value = 50 + float64(code.GrayAt(int(cx), int(cy)).Y)*150/255
					}
					sum += value
				}
			}
			g.Pix[y*frameW+x] = byte(sum/9 + float64(x)/40)
		}
	}
	return g
}

// mjpeg makes a frame as cameras send it: a JPEG without Huffman tables.
func mjpeg(t testing.TB, g *image.Gray) []byte {
	t.Helper()
	colour := image.NewYCbCr(g.Rect, image.YCbCrSubsampleRatio420)
	copy(colour.Y, g.Pix)
	for i := range colour.Cb {
		colour.Cb[i], colour.Cr[i] = 126, 130
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, colour, &jpeg.Options{Quality: 80}); err != nil {
		t.Fatal(err)
	}
	frame := b.Bytes()
	for {
		i := bytes.Index(frame, []byte{0xff, 0xc4})
		if i < 0 {
			return frame
		}
		frame = append(frame[:i:i], frame[i+2+int(frame[i+2])<<8+int(frame[i+3]):]...)
	}
}

// yuyv makes an uncompressed frame; stride 0 is a frame without padding.
func yuyv(g *image.Gray, stride int) []byte {
	w, h := g.Rect.Dx(), g.Rect.Dy()
	stride = max(stride, 2*w)
	frame := make([]byte, stride*h)
	for y := range h {
		for x := range w {
			frame[y*stride+2*x], frame[y*stride+2*x+1] = g.Pix[y*g.Stride+x], byte(126+x%2*4)
		}
	}
	return frame
}

// recorded gives a frame of testdata.
func recorded(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasSuffix(name, ".gz") {
		z, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		if data, err = io.ReadAll(z); err != nil {
			t.Fatal(err)
		}
	}
	return data
}

const (
	mjpegFrame = "camera-640x480.mjpeg"   // without Huffman tables
	yuyvFrame  = "camera-640x480.yuyv.gz" // without padding
)

// TestUpdateFrames writes the recorded frames with -update and else sees that
// they are what it would write.
func TestUpdateFrames(t *testing.T) {
	g := scene(t, frameText)
	jpegBytes, raw := mjpeg(t, g), yuyv(g, 0)
	if *update {
		var z bytes.Buffer
		w, err := gzip.NewWriterLevel(&z, gzip.BestCompression)
		if err != nil {
			t.Fatal(err)
		}
		_, errW := w.Write(raw)
		if err := errors.Join(errW, w.Close(),
			os.WriteFile(filepath.Join("testdata", mjpegFrame), jpegBytes, 0o644),
			os.WriteFile(filepath.Join("testdata", yuyvFrame), z.Bytes(), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	if got := recorded(t, mjpegFrame); bytes.Contains(got, []byte{0xff, 0xc4}) || len(got) != len(jpegBytes) {
		t.Errorf("%s: %d bytes, want %d without Huffman tables; go test ./qr/source -run TestUpdateFrames -update", mjpegFrame, len(got), len(jpegBytes))
	}
	if got := recorded(t, yuyvFrame); len(got) != len(raw) {
		t.Errorf("%s: %d bytes, want %d", yuyvFrame, len(got), len(raw))
	}
}

func wantText(t *testing.T, name string, g *image.Gray, want string) {
	t.Helper()
	got, err := qr.ReadGrey(g, qr.ReadOptions{})
	if err != nil || len(got) != 1 || got[0].Text != want {
		t.Errorf("%s: %d codes, %v", name, len(got), err)
	}
}

// TestRecordedFrames reads the code of the recorded frames in every form that
// cameras give them.
func TestRecordedFrames(t *testing.T) {
	packed, raw := recorded(t, mjpegFrame), recorded(t, yuyvFrame)
	var y []byte
	for i := 0; i < len(raw); i += 2 {
		y = append(y, raw[i])
	}
	swapped := bytes.Clone(raw)
	for i := 0; i < len(raw); i += 2 {
		swapped[i], swapped[i+1] = raw[i+1], raw[i]
	}
	padded := make([]byte, 0, frameH*(2*frameW+64))
	for row := range frameH {
		padded = append(append(padded, raw[row*2*frameW:][:2*frameW]...), make([]byte, 64)...)
	}
	colour := make([]byte, frameW*frameH/2)
	fromJPEG, err := source.DecodeFrame(source.MJPEG, frameW, frameH, 0, packed)
	if err != nil {
		t.Fatal(err)
	}
	wantText(t, "MJPEG", fromJPEG, frameText)
	wantText(t, "YUYV", &image.Gray{Pix: y, Stride: frameW, Rect: image.Rect(0, 0, frameW, frameH)}, frameText)
	for name, c := range map[string]struct {
		format source.PixelFormat
		stride int
		data   []byte
	}{
		"MJPEG":                       {source.MJPEG, 0, packed},
		"MJPEG called JPEG":           {source.JPEG, 0, packed},
		"MJPEG padded with zeros":     {source.MJPEG, 0, append(bytes.Clone(packed), make([]byte, 5000)...)},
		"MJPEG without its end":       {source.MJPEG, 0, packed[:len(packed)-2]},
		"MJPEG behind a few bytes":    {source.MJPEG, 0, append([]byte{0, 0xff, 1}, packed...)},
		"YUYV":                        {source.YUYV, 0, raw},
		"YUYV, said without padding":  {source.YUYV, 2 * frameW, raw},
		"YUYV, padded rows":           {source.YUYV, 2*frameW + 64, padded},
		"YUYV, padded, last row not":  {source.YUYV, 2*frameW + 64, padded[:len(padded)-64]},
		"YUYV, more bytes than a row": {source.YUYV, 0, append(bytes.Clone(raw), 1, 2, 3)},
		"UYVY":                        {source.UYVY, 0, swapped},
		"GREY":                        {source.GREY, 0, y},
		"NV12":                        {source.NV12, 0, append(bytes.Clone(y), colour...)},
		"YU12":                        {source.YU12, 0, append(bytes.Clone(y), colour...)},
	} {
		g, err := source.DecodeFrame(c.format, frameW, frameH, c.stride, c.data)
		if err != nil || g.Rect != image.Rect(0, 0, frameW, frameH) {
			t.Errorf("%s: %v, %v", name, g, err)
			continue
		}
		want := y
		if strings.HasPrefix(name, "MJPEG") {
			want = source.Grey(fromJPEG).Pix
		}
		if !bytes.Equal(source.Grey(g).Pix, want) {
			t.Errorf("%s: other pixels", name)
		}
	}
	// A file with its own tables keeps them, and grey JPEG is a picture too.
	var b bytes.Buffer
	if err := jpeg.Encode(&b, scene(t, frameText), &jpeg.Options{Quality: 60}); err != nil {
		t.Fatal(err)
	}
	g, err := source.DecodeFrame(source.MJPEG, 1, 1, 7, b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	wantText(t, "grey JPEG with tables", g, frameText)
}

// TestFramesRefused: what is cut off, of another size or no frame at all.
func TestFramesRefused(t *testing.T) {
	packed, raw := recorded(t, mjpegFrame), recorded(t, yuyvFrame)
	bomb := bytes.Clone(packed)
	sof := bytes.Index(bomb, []byte{0xff, 0xc0})
	copy(bomb[sof+5:], []byte{0xff, 0xff, 0xff, 0xff})
	empty := bytes.Clone(packed)
	copy(empty[sof+5:], []byte{0, 0, 0, 0})
	progressive := bytes.Clone(packed)
	progressive[sof+1] = 0xc2
	sos := bytes.Index(packed, []byte{0xff, 0xda})
	many := bytes.Clone(packed[:sos])
	for range 5 {
		many = append(many, packed[sos:len(packed)-2]...)
	}
	noise := bytes.Clone(packed)
	for i := 2; i < sos; i++ {
		noise[i] = byte(i * 7)
	}
	unknown := source.PixelFormat('H' | '2'<<8 | '6'<<16 | '4'<<24)
	for name, c := range map[string]struct {
		format       source.PixelFormat
		w, h, stride int
		data         []byte
		want         error
	}{
		"empty MJPEG":          {source.MJPEG, 640, 480, 0, nil, source.ErrFrame},
		"two bytes":            {source.MJPEG, 640, 480, 0, []byte{0xff, 0xd8}, source.ErrFrame},
		"start alone":          {source.MJPEG, 640, 480, 0, []byte{0xff, 0xd8, 0xff}, source.ErrFrame},
		"header alone":         {source.MJPEG, 640, 480, 0, packed[:sos], source.ErrFrame},
		"MJPEG bomb":           {source.MJPEG, 640, 480, 0, bomb, source.ErrTooManyPixels},
		"MJPEG of no size":     {source.MJPEG, 640, 480, 0, empty, source.ErrFrame},
		"progressive":          {source.MJPEG, 640, 480, 0, progressive, source.ErrFrame},
		"many scans":           {source.MJPEG, 640, 480, 0, many, source.ErrFrame},
		"noise":                {source.MJPEG, 640, 480, 0, noise, source.ErrFrame},
		"zeros":                {source.MJPEG, 640, 480, 0, make([]byte, 10000), source.ErrFrame},
		"YUYV as MJPEG":        {source.MJPEG, 640, 480, 0, raw, source.ErrFrame},
		"YUYV cut off":         {source.YUYV, 640, 480, 0, raw[:len(raw)-1], source.ErrFrame},
		"YUYV of half":         {source.YUYV, 640, 480, 0, raw[:len(raw)/2], source.ErrFrame},
		"YUYV empty":           {source.YUYV, 640, 480, 0, nil, source.ErrFrame},
		"YUYV no width":        {source.YUYV, 0, 480, 0, raw, source.ErrFrame},
		"YUYV negative":        {source.YUYV, 640, -480, 0, raw, source.ErrFrame},
		"YUYV odd width":       {source.YUYV, 639, 480, 0, raw, source.ErrFrame},
		"YUYV short stride":    {source.YUYV, 640, 480, 640, raw, source.ErrFrame},
		"YUYV negative stride": {source.YUYV, 640, 480, -1280, raw, source.ErrFrame},
		"YUYV huge stride":     {source.YUYV, 640, 480, math.MaxInt / 2, raw, source.ErrFrame},
		"YUYV huge":            {source.YUYV, 100000, 100000, 0, raw, source.ErrTooManyPixels},
		"YUYV overflow":        {source.YUYV, math.MaxInt - 1, 2, 0, raw, source.ErrTooManyPixels},
		"NV12 odd":             {source.NV12, 640, 479, 0, raw, source.ErrFrame},
		"GREY cut off":         {source.GREY, 1280, 481, 0, raw, source.ErrFrame},
		"H.264":                {unknown, 640, 480, 0, raw, source.ErrFrame},
		"no format":            {0, 640, 480, 0, raw, source.ErrFrame},
	} {
		g, err := source.DecodeFrame(c.format, c.w, c.h, c.stride, c.data)
		if g != nil || !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	// A frame that is cut anywhere is refused or, cut in its last pixels, whole in the reader's sense.
	for cut := 0; cut < len(packed)-64; cut += 1009 {
		if g, err := source.DecodeFrame(source.MJPEG, 640, 480, 0, packed[:cut]); g != nil || !errors.Is(err, source.ErrFrame) {
			t.Fatalf("MJPEG cut at %d of %d: %v", cut, len(packed), err)
		}
	}
	if got := unknown.String() + source.MJPEG.String() + source.PixelFormat(0x20).String() + source.PixelFormat(1).String(); got != "H264MJPG ???????" {
		t.Errorf("formats print as %q", got)
	}
}

// FuzzDecodeFrame feeds any bytes in any form.
func FuzzDecodeFrame(f *testing.F) {
	packed := recorded(f, mjpegFrame)
	f.Add(uint32(source.MJPEG), 640, 480, 0, packed)
	f.Add(uint32(source.MJPEG), 640, 480, 0, packed[:1000])
	f.Add(uint32(source.YUYV), 4, 2, 0, make([]byte, 16))
	f.Add(uint32(source.YUYV), 4, 2, 12, make([]byte, 20))
	f.Add(uint32(source.NV12), 4, 2, 4, make([]byte, 12))
	f.Add(uint32(source.GREY), 3, 3, 3, make([]byte, 9))
	f.Add(uint32(source.UYVY), math.MaxInt/2, math.MaxInt/2, math.MaxInt/2, []byte{1})
	f.Fuzz(func(t *testing.T, format uint32, w, h, stride int, data []byte) {
		g, err := source.DecodeFrame(source.PixelFormat(format), w, h, stride, data)
		if err != nil {
			if g != nil || !errors.Is(err, source.ErrFrame) && !errors.Is(err, source.ErrTooManyPixels) && !errors.Is(err, source.ErrDecoder) {
				t.Fatalf("%v, %v", g, err)
			}
			return
		}
		if b := g.Rect; b.Min != (image.Point{}) || b.Dx() < 1 || b.Dy() < 1 || b.Dx() > source.DefaultMaxPixels/b.Dy() || len(g.Pix) < g.Stride*(b.Dy()-1)+b.Dx() {
			t.Fatalf("%v, stride %d, %d bytes", b, g.Stride, len(g.Pix))
		}
	})
}

// BenchmarkDecodeFrame measures what a frame costs before it is looked at.
func BenchmarkDecodeFrame(b *testing.B) {
	for name, c := range map[string]struct {
		format source.PixelFormat
		data   []byte
	}{"MJPEG": {source.MJPEG, recorded(b, mjpegFrame)}, "YUYV": {source.YUYV, recorded(b, yuyvFrame)}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := source.DecodeFrame(c.format, frameW, frameH, 0, c.data); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(frameW*frameH)*float64(b.N)/1e6/b.Elapsed().Seconds(), "megapixels/s")
		})
	}
}
