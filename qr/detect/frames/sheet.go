package main

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"strings"

	"github.com/posvid/posvid/qr/detect/internal/scene"
	"golang.org/x/image/draw"
)

// sheet writes one picture of chosen frames of each set side by side, in cells
// of the given width and the shape of the first frame: what the frames look like, for the documentation. Crop shows the
// middle of each frame at its own size instead of the whole frame.
func sheet(file string, sets []string, seed uint64, indices []int, columns, cell int, crop bool) error {
	var img *image.Gray
	for i := range len(sets) * len(indices) {
		set, index := sets[i/len(indices)], indices[i%len(indices)]
		frame, err := scene.Make(set, seed, index)
		if err != nil {
			return err
		}
		picture := image.Image(frame.Picture)
		if frame.Quality > 0 { // as the file shows it
			var buffer bytes.Buffer
			if err := jpeg.Encode(&buffer, picture, &jpeg.Options{Quality: frame.Quality}); err != nil {
				return err
			}
			if picture, err = jpeg.Decode(&buffer); err != nil {
				return err
			}
		}
		b := picture.Bounds()
		high := cell * b.Dy() / b.Dx()
		if img == nil {
			rows := (len(sets)*len(indices) + columns - 1) / columns
			img = image.NewGray(image.Rect(0, 0, columns*(cell+4)-4, rows*(high+4)-4))
		}
		at := image.Pt(i%columns*(cell+4), i/columns*(high+4))
		to := image.Rectangle{at, at.Add(image.Pt(cell, high))}
		if crop {
			from := b.Min.Add(image.Pt((b.Dx()-cell)/2, (b.Dy()-high)/2))
			draw.Draw(img, to, picture, from, draw.Src)
		} else {
			draw.CatmullRom.Scale(img, to, picture, b, draw.Src, nil)
		}
	}
	if img == nil {
		return fmt.Errorf("no frames chosen for %s", file)
	}
	var out bytes.Buffer
	var err error
	switch extension := strings.ToLower(filepath.Ext(file)); extension {
	case ".jpg", ".jpeg":
		err = jpeg.Encode(&out, img, &jpeg.Options{Quality: 80})
	case ".png":
		err = png.Encode(&out, img)
	default:
		err = fmt.Errorf("sheet %q, want a name ending in .png or .jpg", file)
	}
	if err != nil {
		return err
	}
	return os.WriteFile(file, out.Bytes(), 0o644)
}
