package script

import (
	"bytes"
	"fmt"
	"image"
	"image/draw"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/posvid/posvid/qr"
)

func sheet(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, len(args) >= 2, "sheet FILE TEXT…")
	if strings.HasSuffix(args[0], ".pdf") {
		document(ts, args[0], args[1:])
		return
	}
	var page *image.Gray
	right := 0
	for _, text := range args[1:] {
		symbol, err := qr.Encode(text)
		ts.Check(err)
		var out bytes.Buffer
		ts.Check(symbol.PNG(&out, qr.PNGOptions{Scale: 4}))
		code, err := png.Decode(&out)
		ts.Check(err)
		side := code.Bounds().Dx()
		wider := image.NewGray(image.Rect(0, 0, right+side+20, side+20))
		if page != nil {
			wider = image.NewGray(wider.Rect.Union(page.Rect))
		}
		draw.Draw(wider, wider.Rect, image.White, image.Point{}, draw.Src)
		if page != nil {
			draw.Draw(wider, page.Rect, page, image.Point{}, draw.Src)
		}
		draw.Draw(wider, code.Bounds().Add(image.Pt(right+10, 10)), code, image.Point{}, draw.Src)
		page, right = wider, right+side+20
	}
	var out bytes.Buffer
	ts.Check(png.Encode(&out, page))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), out.Bytes(), 0o600))
}

// needs stops a script in CI where a foreign program is missing; elsewhere the script's next line skips.
func needs(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, len(args) == 2, "needs PROGRAM PACKAGE")
	if _, err := exec.LookPath(args[0]); err != nil && os.Getenv("CI") == "true" {
		ts.Fatalf("%s is missing (apt-get install %s)", args[0], args[1])
	}
}

// document writes a PDF of one code a page.
func document(ts *testscript.TestScript, name string, texts []string) {
	args := []string{"-f", "pdf", "-o", ts.MkAbs(name)}
	for i, text := range texts {
		symbol, err := qr.Encode(text)
		ts.Check(err)
		var out bytes.Buffer
		ts.Check(symbol.SVG(&out))
		file := fmt.Sprintf("%s.%d.svg", ts.MkAbs(name), i)
		// 60 mm wide.
		svg := strings.Replace(out.String(), "<svg ", `<svg width="60mm" height="60mm" `, 1)
		ts.Check(os.WriteFile(file, []byte(svg), 0o600))
		args = append(args, file)
	}
	if out, err := exec.Command("rsvg-convert", args...).CombinedOutput(); err != nil {
		ts.Fatalf("rsvg-convert: %v: %s", err, out)
	}
	for _, file := range args[4:] {
		ts.Check(os.Remove(filepath.Clean(file)))
	}
}

// ukrainian is what a keyboard of layout Ukrainian shows where a US keyboard shows the characters of base45.
var ukrainian = strings.NewReplacer("Q", "Й", "W", "Ц", "E", "У", "R", "К", "T", "Е", "Y", "Н", "U", "Г", "I", "Ш", "O", "Щ", "P", "З",
	"A", "Ф", "S", "І", "D", "В", "F", "А", "G", "П", "H", "Р", "J", "О", "K", "Л", "L", "Д", "Z", "Я", "X", "Ч", "C", "С", "V", "М",
	"B", "И", "N", "Т", "M", "Ь", "$", ";", ".", "ю", "/", ".", ":", "Ж")

func typed(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, len(args) == 2, "typed FILE TEXT")
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(ukrainian.Replace(args[1])+"\r\n"), 0o600))
}
