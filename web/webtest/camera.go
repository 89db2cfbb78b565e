package webtest

import (
	"bufio"
	"fmt"
	"image"
	"io"

	"golang.org/x/image/draw"
)

// writeY4M writes YUV4MPEG2 with chroma 4:2:0, which Chromium takes as a camera: a header line, then for each frame a line
// and the planes Y, Cb, Cr.
func writeY4M(w io.Writer, width, height, each int, pictures []image.Image) error {
	out := bufio.NewWriterSize(w, 1<<20)
	fmt.Fprintf(out, "YUV4MPEG2 W%d H%d F10:1 Ip A1:1 C420jpeg\n", width, height)
	for _, picture := range pictures {
		planes := frame(picture, width, height)
		for range max(1, each) {
			out.WriteString("FRAME\n")
			out.Write(planes)
		}
	}
	return out.Flush()
}

// frame draws a picture on grey and gives its planes. Codes are black and white, so colour is left out.
func frame(picture image.Image, width, height int) []byte {
	canvas := image.NewGray(image.Rect(0, 0, width, height))
	for i := range canvas.Pix {
		canvas.Pix[i] = 128
	}
	size := picture.Bounds().Size()
	scale := min(float64(width)/float64(size.X), float64(height)/float64(size.Y))
	w, h := int(float64(size.X)*scale), int(float64(size.Y)*scale)
	x, y := (width-w)/2, (height-h)/2
	var scaler draw.Scaler = draw.CatmullRom
	if scale >= 1 {
		scaler = draw.NearestNeighbor
	}
	scaler.Scale(canvas, image.Rect(x, y, x+w, y+h), picture, picture.Bounds(), draw.Src, nil)
	planes := append([]byte(nil), canvas.Pix...)
	chroma := make([]byte, 2*((width+1)/2)*((height+1)/2))
	for i := range chroma {
		chroma[i] = 128
	}
	return append(planes, chroma...)
}
