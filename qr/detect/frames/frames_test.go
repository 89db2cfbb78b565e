package main

import (
	"image"
	_ "image/jpeg"
	_ "image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestScreenshotsAndTruth(t *testing.T) {
	if testing.Short() {
		t.Skip("short mode: writes 160 screenshots")
	}
	root := t.TempDir()
	if err := run([]string{root, "-set", "screenshot"}); err != nil {
		t.Fatal(err)
	}
	pictures, _ := filepath.Glob(filepath.Join(root, "screenshot", "*.png"))
	if len(pictures) != 160 {
		t.Fatalf("%d pictures, want 40 versions × 4 levels", len(pictures))
	}
	for _, name := range pictures {
		text, err := os.ReadFile(strings.TrimSuffix(name, ".png") + ".txt")
		if err != nil || len(text) == 0 {
			t.Errorf("%s: %d bytes of text, %v", name, len(text), err)
		}
	}
}

func TestWildTexts(t *testing.T) {
	if testing.Short() {
		t.Skip("short mode: writes frames of 1 to 3 megapixels")
	}
	root := t.TempDir()
	if err := run([]string{"-out", root, "-n", "1", "-set", "wild/lots,wild/nocode"}); err != nil {
		t.Fatal(err)
	}
	if more, _ := filepath.Glob(filepath.Join(root, "wild", "lots", "*.2.txt")); len(more) != 2 {
		t.Errorf("%d pictures of several codes with a second text, want 2", len(more))
	}
	none, _ := filepath.Glob(filepath.Join(root, "wild", "nocode", "*.txt"))
	if len(none) != 2 {
		t.Fatalf("%d texts, want 2", len(none))
	}
	for _, name := range none {
		if info, err := os.Stat(name); err != nil || info.Size() != 0 {
			t.Errorf("%s is not empty: %v", name, err)
		}
	}
}

func TestSheet(t *testing.T) {
	file := filepath.Join(t.TempDir(), "sheet.png")
	if err := run([]string{"-sheet", file, "-set", "vga", "-pick", "0,3", "-cell", "160", "-columns", "2"}); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	config, _, err := image.DecodeConfig(f)
	if err != nil || config.Width != 324 || config.Height != 120 {
		t.Errorf("%+v, %v", config, err)
	}
}

func TestRefusals(t *testing.T) {
	root := t.TempDir()
	sheetFile := filepath.Join(root, "sheet.tiff")
	for _, args := range [][]string{
		{root, "-set", "nowhere"}, {root, "-set", ""}, {root, "-set", "webcam,"}, {root, "-n", "0"}, {root, "-n", "x"}, {root, "-seed", "-1"}, {root, "-what"},
		{"-sheet", sheetFile, "-set", "vga", "-pick", "0", "-cell", "64"}, {"-sheet", sheetFile, "-set", "vga", "-pick", "x"}, {"-sheet", sheetFile, "-set", "vga", "-pick", "-1"},
		{"-sheet", sheetFile, "-set", "vga", "-columns", "0"}, {"-sheet", sheetFile, "-set", "vga", "-cell", "1"},
	} {
		if err := run(args); err == nil {
			t.Errorf("%v was taken", args)
		}
	}
	if left, _ := os.ReadDir(root); len(left) != 0 {
		t.Errorf("refused calls left %v", left)
	}
}
