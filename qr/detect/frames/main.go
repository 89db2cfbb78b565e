// Frames makes pictures of QR codes whose texts are known, for the judge of
// the detector (program score): frames of a webcam and of finer and coarser
// cameras, in good and bad light, scanned prints and screenshots.
//
//	go run ./qr/detect/frames [-out DIR] [-set webcam,1080p,…] [-n N] [-seed S]
//
// Each set is a folder of DIR; beside NAME.jpg or NAME.png, NAME.txt holds the
// exact text; NAME.2.txt and so on hold those of further codes in the picture,
// and an empty NAME.txt says that there is none. The set wild is twenty sets
// of other difficulties than a checkpoint's, which the camera sets lack: bent
// and dirty labels, round modules, steep views. Equal seeds give equal pictures on every machine.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"github.com/posvid/posvid/qr/detect/internal/scene"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "frames:", err)
		os.Exit(2)
	}
}

func run(args []string) error {
	flags := flag.NewFlagSet("frames", flag.ContinueOnError)
	out := flags.String("out", "frames", "folder to write to")
	sets := flags.String("set", "webcam,1080p,goodlight,paper,screenshot,vga,hard", "sets to make")
	n := flags.Int("n", 10, "frames of each of the 22 sizes (screenshots: always 40 versions × 4 levels)")
	seed := flags.Uint64("seed", 1, "another seed makes other frames")
	sheetFile := flags.String("sheet", "", "write one picture of frames side by side (.png, .jpg) instead of the sets")
	pick := flags.String("pick", "1,7,10,13,16,20", "frames on the sheet")
	columns := flags.Int("columns", 2, "frames in a row of the sheet")
	cell := flags.Int("cell", 480, "width of a frame on the sheet, pixels")
	crop := flags.Bool("crop", false, "sheet: the middle of each frame at its own size")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if rest := flags.Args(); len(rest) > 0 { // the folder may also stand alone, before or after the flags
		*out = rest[0]
		if err := flags.Parse(rest[1:]); err != nil {
			return err
		}
	}
	if *n < 1 {
		return fmt.Errorf("-n %d, want 1 or more", *n)
	}
	var chosen []string
	for set := range strings.SplitSeq(*sets, ",") {
		switch {
		case set == "wild":
			chosen = append(chosen, scene.Wild...)
		case scene.Known(set):
			chosen = append(chosen, set)
		default:
			return fmt.Errorf("-set %q, want some of %s,wild,%s", set, strings.Join(scene.Sets, ","), strings.Join(scene.Wild, ","))
		}
	}
	if *sheetFile != "" {
		var indices []int
		for one := range strings.SplitSeq(*pick, ",") {
			index, err := strconv.Atoi(one)
			if err != nil || index < 0 {
				return fmt.Errorf("-pick %q, want numbers of frames", one)
			}
			indices = append(indices, index)
		}
		if *columns < 1 || *cell < 16 || *cell > 4096 {
			return fmt.Errorf("-columns %d -cell %d, want 1 or more and 16 to 4096", *columns, *cell)
		}
		return sheet(*sheetFile, chosen, *seed, indices, *columns, *cell, *crop)
	}
	for _, set := range chosen {
		if err := write(filepath.Join(*out, filepath.FromSlash(set)), set, *seed, scene.Count(set, *n)); err != nil {
			return err
		}
	}
	return nil
}

// write makes all frames of a set, as many at once as there are processors.
func write(folder, set string, seed uint64, count int) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	var (
		group sync.WaitGroup
		mu    sync.Mutex
		first error
		next  int
	)
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for {
				mu.Lock()
				index := next
				next++
				stop := first != nil || index >= count
				mu.Unlock()
				if stop {
					return
				}
				if err := one(folder, set, seed, index); err != nil {
					mu.Lock()
					first = err
					mu.Unlock()
				}
			}
		})
	}
	group.Wait()
	fmt.Fprintf(os.Stderr, "frames: %s: %d pictures\n", folder, count)
	return first
}

func one(folder, set string, seed uint64, index int) error {
	frame, err := scene.Make(set, seed, index)
	if err != nil {
		return err
	}
	var file bytes.Buffer
	extension := ".jpg"
	if frame.Quality > 0 {
		err = jpeg.Encode(&file, frame.Picture, &jpeg.Options{Quality: frame.Quality})
	} else {
		extension = ".png"
		err = png.Encode(&file, frame.Picture)
	}
	if err != nil {
		return err
	}
	name := filepath.Join(folder, frame.Name)
	if err := os.WriteFile(name+extension, file.Bytes(), 0o644); err != nil {
		return err
	}
	for i, text := range frame.More {
		if err := os.WriteFile(fmt.Sprintf("%s.%d.txt", name, i+2), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return os.WriteFile(name+".txt", []byte(frame.Text), 0o644)
}
