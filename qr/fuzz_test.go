package qr

import (
	"bytes"
	"errors"
	"hash/crc32"
	"image"
	"image/gif"
	"image/jpeg"
	"os"
	"path/filepath"
	"testing"
)

func crc(b []byte) uint32 { return crc32.ChecksumIEEE(b) }

// FuzzReadImage feeds any bytes: no panic, a named error or at least one text,
// and the same answer twice.
func FuzzReadImage(f *testing.F) {
	img := mustImage(f, "SID1:FUZZ", 2)
	var j, g bytes.Buffer
	if err := errors.Join(jpeg.Encode(&j, img, nil), gif.Encode(&g, img, nil)); err != nil {
		f.Fatal(err)
	}
	f.Add(mustPNG(f, "SID1:FUZZ", 2))
	f.Add(pngHeader(f, 100000, 100000))
	f.Add(j.Bytes())
	f.Add(g.Bytes())
	for _, name := range []string{"lossless.webp", "lossy.webp"} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte{})
	f.Add([]byte("RIFF\x04\x00\x00\x00WEBP"))
	opt := ReadOptions{Limits: Limits{MaxPixels: 1 << 16, MaxBytes: 1 << 16}}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := ReadImage(data, opt)
		if err != nil {
			if got != nil {
				t.Fatal("results beside an error")
			}
			for _, known := range []error{ErrNoCode, ErrTooLarge, ErrTooManyPixels, ErrFormat, ErrDecoder} {
				if errors.Is(err, known) {
					return
				}
			}
			t.Fatalf("unnamed error: %v", err)
		}
		again, err := ReadImage(data, opt)
		if err != nil || len(got) == 0 || len(again) != len(got) || again[0] != got[0] {
			t.Fatal("a second reading differs")
		}
	})
}

// FuzzReadGrey feeds any pixels.
func FuzzReadGrey(f *testing.F) {
	g := mustGrey(f, "SID1:FUZZ", 1)
	f.Add(uint16(g.Rect.Dx()), g.Pix)
	g = mustGrey(f, "SID1:FUZZ", 3)
	f.Add(uint16(g.Rect.Dx()), g.Pix)
	f.Add(uint16(1), []byte{0, 255})
	f.Fuzz(func(t *testing.T, width uint16, pix []byte) {
		w := int(width)
		if w == 0 || len(pix) < w || len(pix) > 1<<16 {
			return
		}
		h := len(pix) / w
		got, err := ReadGrey(&image.Gray{Pix: pix[:w*h], Stride: w, Rect: image.Rect(0, 0, w, h)}, ReadOptions{})
		if (err == nil) != (len(got) > 0) {
			t.Fatalf("%d results, %v", len(got), err)
		}
		if err != nil && !errors.Is(err, ErrNoCode) && !errors.Is(err, ErrDecoder) {
			t.Fatalf("unnamed error: %v", err)
		}
	})
}

// FuzzEncode checks that what can be encoded reads back.
func FuzzEncode(f *testing.F) {
	f.Add("SID1:ABC")
	f.Add("00000000000000000000")
	f.Add("A1B22C333D4444E55555F666666G7777777H88888888")
	f.Add("abc")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Encode(text)
		if err != nil {
			if IsAlphanumeric(text) && len(text) <= MaxText {
				t.Fatal(err)
			}
			return
		}
		var b bytes.Buffer
		if err := s.PNG(&b, PNGOptions{Scale: 1}); err != nil {
			t.Fatal(err)
		}
		got, err := ReadImage(b.Bytes(), ReadOptions{})
		if err != nil || len(got) != 1 || got[0].Text != text {
			t.Fatalf("%d characters do not read back: %v", len(text), err)
		}
	})
}
