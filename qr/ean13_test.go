package qr

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"image/png"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// ean13Of adds the check digit.
func ean13Of(twelve string) string {
	sum := 0
	for i := range 12 {
		sum += int(twelve[i]-'0') * (1 + 2*(i%2))
	}
	return twelve + string(rune('0'+(10-sum%10)%10))
}

// TestEAN13 compares with the example that barcode texts use, written out by hand from the tables of the standard.
func TestEAN13(t *testing.T) {
	got, err := EAN13Bars("4006381333931")
	want := "101" + // 4: sets A B A A B B
		"0001101" + "0100111" + "0101111" + "0111101" + "0001001" + "0110011" + // 0 0 6 3 8 1
		"01010" + "1000010" + "1000010" + "1000010" + "1110100" + "1000010" + "1100110" + "101" // 3 3 3 9 3 1
	if err != nil || got != want {
		t.Errorf("got %s, %v\nwant %s", got, err, want)
	}
}

func TestEAN13Refuses(t *testing.T) {
	for _, digits := range []string{"", "400638133393", "40063813339311", "4006381333930", "400638133393x", "４006381333", " 400638133393", "4006381-33393", "-006381333931", strings.Repeat("0", 1<<16)} {
		if m, err := EAN13(digits); !errors.Is(err, ErrEAN13) || m != [EAN13Modules]bool{} {
			t.Errorf("%d characters: %v", len(digits), err)
		}
		if b, err := EAN13Bars(digits); !errors.Is(err, ErrEAN13) || b != "" {
			t.Errorf("%d characters: bars %q, %v", len(digits), b, err)
		}
		if b, err := EAN13SVG(digits, 69); !errors.Is(err, ErrEAN13) || b != nil {
			t.Errorf("%d characters: SVG %q, %v", len(digits), b, err)
		}
		if b, err := EAN13Picture(digits, 2, 69); !errors.Is(err, ErrEAN13) || b != nil {
			t.Errorf("%d characters: picture, %v", len(digits), err)
		}
		if _, err := EAN13(digits); len(digits) > 3 && strings.Contains(err.Error(), digits) {
			t.Errorf("the digits are in the error %q", err)
		}
	}
	for _, size := range [][2]int{{0, 69}, {33, 69}, {2, 0}, {2, 4097}, {-1, -1}} {
		if _, err := EAN13Picture("4006381333931", size[0], size[1]); err == nil {
			t.Errorf("scale %d, height %d: taken", size[0], size[1])
		}
	}
	for _, height := range []int{0, -1, 1001} {
		if _, err := EAN13SVG("4006381333931", height); err == nil {
			t.Errorf("SVG of height %d: taken", height)
		}
	}
}

func TestEAN13SVG(t *testing.T) {
	svg, err := EAN13SVG("4006381333931", 69)
	if err != nil {
		t.Fatal(err)
	}
	d := xml.NewDecoder(bytes.NewReader(svg))
	var names []string
	for {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := token.(xml.StartElement); ok {
			names = append(names, e.Name.Local)
		}
	}
	if got := strings.Join(names, " "); got != "svg path path" || !bytes.Contains(svg, []byte(`viewBox="0 0 113 69"`)) || bytes.Contains(svg, []byte("style")) {
		t.Errorf("%s: %s", got, svg)
	}
	if bars := bytes.Count(svg, []byte("M")) - 1; bars != 30 { // 3 guards of 2 bars, 12 digits of 2 bars
		t.Errorf("%d bars, want 30", bars)
	}
}

// TestEAN13ZBar has another program read the pictures: every first digit, every digit in every place.
func TestEAN13ZBar(t *testing.T) {
	zbar, err := exec.LookPath("zbarimg")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("zbarimg (package zbar-tools) is missing")
		}
		t.Skip("zbarimg (package zbar-tools) is missing")
	}
	dir := t.TempDir()
	args := []string{"--quiet", "--raw", "--nodbus", "-Sdisable", "-Sean13.enable"}
	var want []string
	for first := range 10 {
		twelve := fmt.Sprint(first)
		for i := range 11 {
			twelve += fmt.Sprint((first + i*(first%3+1)) % 10)
		}
		digits := ean13Of(twelve)
		img, err := EAN13Picture(digits, 3, 120)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(dir, fmt.Sprintf("%d.png", first))
		f, err := os.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := png.Encode(f, img); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		args, want = append(args, name), append(want, digits)
	}
	out, err := exec.Command(zbar, args...).Output()
	if err != nil {
		t.Fatalf("zbarimg: %v, %s", err, out)
	}
	if got := strings.Fields(string(out)); strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("zbarimg read %v, want %v", got, want)
	}
}
