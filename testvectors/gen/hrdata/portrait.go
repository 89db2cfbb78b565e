package hrdata

import (
	"archive/zip"
	"bytes"
	"fmt"
	"hash/fnv"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"github.com/posvid/posvid/hr"
)

// Portrait draws a face: 360×480, JPEG. The same seed gives the same picture; different seeds differ in skin, hair, clothes,
// background, glasses and beard. It shows nobody.
func Portrait(seed uint64) []byte { return portrait(seed, seed&1 == 0) }

func portrait(seed uint64, long bool) []byte {
	rnd := rand.New(rand.NewPCG(seed, 0x66616365))
	pick := func(c []color.RGBA) color.RGBA { return c[rnd.IntN(len(c))] }
	c := &canvas{image.NewRGBA(image.Rect(0, 0, 360, 480))}
	back := pick([]color.RGBA{{214, 224, 232, 255}, {226, 222, 212, 255}, {205, 218, 208, 255}, {222, 214, 226, 255}, {232, 232, 232, 255}})
	skin := pick([]color.RGBA{{247, 216, 190, 255}, {238, 198, 164, 255}, {226, 180, 142, 255}, {203, 152, 112, 255}, {160, 112, 78, 255}})
	hair := pick([]color.RGBA{{38, 28, 24, 255}, {76, 50, 32, 255}, {122, 84, 48, 255}, {176, 134, 78, 255}, {150, 70, 38, 255}, {150, 150, 152, 255}})
	suit := pick([]color.RGBA{{36, 46, 70, 255}, {58, 62, 68, 255}, {70, 44, 52, 255}, {40, 66, 58, 255}, {84, 80, 110, 255}})
	shirt := pick([]color.RGBA{{248, 248, 250, 255}, {206, 222, 240, 255}, {240, 228, 214, 255}})
	tie := pick([]color.RGBA{{132, 34, 40, 255}, {28, 62, 118, 255}, {60, 92, 60, 255}, {98, 70, 26, 255}})
	eyes := pick([]color.RGBA{{70, 92, 120, 255}, {84, 60, 38, 255}, {72, 98, 70, 255}})
	glasses := rnd.IntN(4) == 0
	beard := !long && rnd.IntN(3) == 0
	w := 84 + rnd.Float64()*14 // half width of the face
	h := 116 + rnd.Float64()*14
	cx, cy := 180.0, 210.0
	shade := dim(skin, 0.86)

	for y := range 480 { // a little lighter at the top, as in a photo studio
		row := dim(back, 1.06-float64(y)/480*0.14)
		for x := range 360 {
			c.m.SetRGBA(x, y, row)
		}
	}
	if long {
		c.ellipse(cx, cy+40, w*1.34, h*1.45, hair)
		c.box(cx-w*1.34, cy+30, cx+w*1.34, cy+170, hair)
	}
	c.ellipse(cx, 500, 168, 130, suit)
	c.triangle(cx-52, 376, cx+52, 376, cx, 480, shirt)
	if !long {
		c.triangle(cx-13, 396, cx+13, 396, cx, 424, tie)
		c.triangle(cx, 404, cx-20, 480, cx+20, 480, tie)
	}
	c.box(cx-36, cy+h*0.6, cx+36, 384, shade)
	c.ellipse(cx, 384, 36, 20, shade)
	c.ellipse(cx-w, cy+8, 16, 26, shade)
	c.ellipse(cx+w, cy+8, 16, 26, shade)
	if !long {
		c.ellipse(cx, cy-26, w*1.1, h*0.96, hair)
	}
	c.ellipse(cx, cy, w, h, skin)
	if beard {
		c.ellipseBelow(cx, cy, w, h, cy+h*0.38, dim(hair, 1.12))
		c.ellipse(cx, cy+h*0.42, w*0.62, h*0.2, skin)
	}
	// hair over the forehead: the part of a wider ellipse above a parting
	part := cx + (rnd.Float64()-0.5)*70
	line := cy - h*(0.42+rnd.Float64()*0.16)
	c.hairline(cx, cy, w*1.04, h*1.05, part, line, hair)
	for _, side := range []float64{-1, 1} {
		x := cx + side*w*0.42
		c.ellipse(x, cy-8, 17, 9, color.RGBA{250, 250, 248, 255})
		c.ellipse(x, cy-8, 8, 8.5, eyes)
		c.ellipse(x, cy-8, 4, 4, color.RGBA{20, 18, 18, 255})
		c.ellipse(x+2.5, cy-11, 1.8, 1.8, color.RGBA{255, 255, 255, 255})
		c.stroke(x-side*21, cy-35, x+side*21, cy-30, 3.6, dim(hair, 0.8))
		if glasses {
			c.ring(x, cy-7, 27, 22, 3, color.RGBA{42, 42, 48, 255})
		}
	}
	if glasses {
		c.stroke(cx-w*0.42+27, cy-9, cx+w*0.42-27, cy-9, 2, color.RGBA{42, 42, 48, 255})
	}
	c.stroke(cx, cy-2, cx-7, cy+28, 2.2, dim(skin, 0.74))
	c.stroke(cx-7, cy+28, cx+8, cy+30, 2.2, dim(skin, 0.74))
	lip := dim(color.RGBA{skin.R, uint8(float64(skin.G) * 0.66), uint8(float64(skin.B) * 0.66), 255}, 0.92)
	c.ellipse(cx, cy+h*0.5, 28, 6.5, lip)
	c.stroke(cx-27, cy+h*0.5, cx+27, cy+h*0.5, 1.2, dim(lip, 0.7))

	var buf bytes.Buffer
	if err := jpeg.Encode(&buf, c.m, &jpeg.Options{Quality: 90}); err != nil {
		panic("hrdata: portrait: " + err.Error()) // writing to memory cannot fail
	}
	return buf.Bytes()
}

func dim(c color.RGBA, k float64) color.RGBA {
	f := func(v uint8) uint8 { return uint8(math.Min(255, float64(v)*k)) }
	return color.RGBA{f(c.R), f(c.G), f(c.B), 255}
}

type canvas struct{ m *image.RGBA }

// fill paints where the distance is negative; the edge is one pixel wide.
func (c *canvas) fill(x0, y0, x1, y1 float64, col color.RGBA, dist func(x, y float64) float64) {
	r := image.Rect(int(x0)-2, int(y0)-2, int(x1)+3, int(y1)+3).Intersect(c.m.Rect)
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			a := 0.5 - dist(float64(x)+0.5, float64(y)+0.5)
			if a <= 0 {
				continue
			}
			k := int(math.Min(a, 1) * 256)
			o := c.m.PixOffset(x, y)
			for i, v := range [3]uint8{col.R, col.G, col.B} {
				c.m.Pix[o+i] = uint8((int(v)*k + int(c.m.Pix[o+i])*(256-k)) >> 8)
			}
		}
	}
}

func ellipseDist(cx, cy, rx, ry float64) func(x, y float64) float64 {
	return func(x, y float64) float64 {
		return (math.Hypot((x-cx)/rx, (y-cy)/ry) - 1) * math.Min(rx, ry)
	}
}

func (c *canvas) ellipse(cx, cy, rx, ry float64, col color.RGBA) {
	c.fill(cx-rx, cy-ry, cx+rx, cy+ry, col, ellipseDist(cx, cy, rx, ry))
}

func (c *canvas) ellipseBelow(cx, cy, rx, ry, line float64, col color.RGBA) {
	d := ellipseDist(cx, cy, rx, ry)
	c.fill(cx-rx, line, cx+rx, cy+ry, col, func(x, y float64) float64 { return math.Max(d(x, y), line-y) })
}

func (c *canvas) hairline(cx, cy, rx, ry, part, line float64, col color.RGBA) {
	d := ellipseDist(cx, cy, rx, ry)
	c.fill(cx-rx, cy-ry, cx+rx, cy, col, func(x, y float64) float64 {
		return math.Max(d(x, y), y-line-math.Abs(x-part)*0.34)
	})
}

func (c *canvas) ring(cx, cy, rx, ry, width float64, col color.RGBA) {
	d := ellipseDist(cx, cy, rx, ry)
	c.fill(cx-rx-width, cy-ry-width, cx+rx+width, cy+ry+width, col, func(x, y float64) float64 { return math.Abs(d(x, y)) - width/2 })
}

func (c *canvas) box(x0, y0, x1, y1 float64, col color.RGBA) {
	c.fill(x0, y0, x1, y1, col, func(x, y float64) float64 {
		return math.Max(math.Max(x0-x, x-x1), math.Max(y0-y, y-y1))
	})
}

func (c *canvas) stroke(x0, y0, x1, y1, r float64, col color.RGBA) {
	c.fill(math.Min(x0, x1)-r, math.Min(y0, y1)-r, math.Max(x0, x1)+r, math.Max(y0, y1)+r, col, func(x, y float64) float64 {
		dx, dy := x1-x0, y1-y0
		t := math.Max(0, math.Min(1, ((x-x0)*dx+(y-y0)*dy)/(dx*dx+dy*dy)))
		return math.Hypot(x-x0-t*dx, y-y0-t*dy) - r
	})
}

func (c *canvas) triangle(x0, y0, x1, y1, x2, y2 float64, col color.RGBA) {
	edge := func(ax, ay, bx, by, x, y float64) float64 {
		return ((x-ax)*(by-ay) - (y-ay)*(bx-ax)) / math.Hypot(bx-ax, by-ay)
	}
	if edge(x0, y0, x1, y1, x2, y2) > 0 {
		x1, y1, x2, y2 = x2, y2, x1, y1
	}
	c.fill(math.Min(x0, math.Min(x1, x2)), math.Min(y0, math.Min(y1, y2)), math.Max(x0, math.Max(x1, x2)), math.Max(y0, math.Max(y1, y2)), col,
		func(x, y float64) float64 {
			return math.Max(edge(x0, y0, x1, y1, x, y), math.Max(edge(x1, y1, x2, y2, x, y), edge(x2, y2, x0, y0, x, y)))
		})
}

// PortraitOf is the drawn face of an invented person, or nil for the one whose photo was never handed in. A person keeps
// the face in every post and body, and after a change of name.
func PortraitOf(r *hr.Record) []byte {
	if r.PhotoRef != "" {
		return nil
	}
	h := fnv.New64a()
	h.Write([]byte(r.UNZR))
	return portrait(h.Sum64(), strings.HasSuffix(r.Patronymic, "вна"))
}

// photoName is the file name under which hr.Photos finds the person.
func photoName(r *hr.Record) string {
	if r.RNOKPP != "" {
		return r.RNOKPP + ".jpg"
	}
	return r.UNZR + ".jpg"
}

// WritePhotos draws the faces of the records into a folder, one file a person, named as hr.Photos looks for them.
func WritePhotos(dir string, records []hr.Record) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("hrdata: photos: %w", err)
	}
	for i := range records {
		name := filepath.Join(dir, photoName(&records[i]))
		if _, err := os.Stat(name); err == nil {
			continue
		}
		if b := PortraitOf(&records[i]); b != nil {
			if err := os.WriteFile(name, b, 0o600); err != nil {
				return fmt.Errorf("hrdata: photos: %w", err)
			}
		}
	}
	return nil
}

// PhotosZIP is the same as a ZIP.
func PhotosZIP(records []hr.Record) ([]byte, error) {
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	seen := map[string]bool{}
	for i := range records {
		name := photoName(&records[i])
		b := PortraitOf(&records[i])
		if b == nil || seen[name] {
			continue
		}
		seen[name] = true
		w, err := z.Create("photos/" + name)
		if err != nil {
			return nil, fmt.Errorf("hrdata: photos: %w", err)
		}
		if _, err := w.Write(b); err != nil {
			return nil, fmt.Errorf("hrdata: photos: %w", err)
		}
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("hrdata: photos: %w", err)
	}
	return buf.Bytes(), nil
}
