// Command gen writes the scenarios of testvectors/v1: each one a file that says what is wrong with some bytes and what
// a reader has to say about them. Keys come from public labels and signatures are deterministic, so that the same
// files come out on every machine; with -check it compares them with those of the tree and writes nothing.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"image"
	"image/png"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/posvid/posvid/qr"
	"github.com/posvid/posvid/testvectors"
)

func main() {
	folder := flag.String("o", "testvectors/v1", "folder to write or to compare")
	compare := flag.Bool("check", false, "write nothing, compare")
	flag.Parse()
	if err := run(*folder, *compare); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(folder string, compare bool) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	files := generate()
	if compare {
		return differences(files, os.DirFS(folder))
	}
	if err := write(files, folder); err != nil {
		return err
	}
	fmt.Printf("%d files in %s\n", len(files), folder)
	return nil
}

// write puts the files into a folder and takes out scenarios, bundles and pictures that are no longer made. Anything
// else that lies there is left alone.
func write(files map[string][]byte, folder string) error {
	for name, data := range files {
		name = filepath.Join(folder, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(name, data, 0o644); err != nil {
			return err
		}
	}
	for _, pattern := range []string{"*.txt", "trust/*.sidb", "qr/*.png"} {
		there, err := fs.Glob(os.DirFS(folder), pattern)
		if err != nil {
			return err
		}
		for _, name := range there {
			if _, ok := files[name]; ok {
				continue
			}
			if err := os.Remove(filepath.Join(folder, filepath.FromSlash(name))); err != nil {
				return err
			}
		}
	}
	return nil
}

// generate makes every file of v1.
func generate() map[string][]byte {
	w := newWorld()
	w.trustFiles()
	w.presentations()
	w.objects()
	files := map[string][]byte{}
	for _, s := range w.all {
		files[s.Name+".txt"] = s.Format()
		if slices.Contains(pictures, s.Name) {
			var b bytes.Buffer
			check(must(qr.Encode(string(s.Data))).PNG(&b, qr.PNGOptions{}))
			files["qr/"+s.Name+".png"] = b.Bytes()
		}
	}
	for name, data := range w.bundles {
		files["trust/"+name] = data
	}
	// Line ends are part of what is tested.
	files[".gitattributes"] = []byte("* -text\n")
	return files
}

// pictures are the scenarios that are drawn as well.
var pictures = []string{"ok_check", "ok_full", "ok_full_texts_longest", "status_revoked", "text_challenge"}

// differences compares what is generated with a folder: bytes, and pixels where the bytes of a picture depend on a
// library. Scenarios and bundles hold no library's choices: they write their zlib streams themselves.
func differences(files map[string][]byte, folder fs.FS) error {
	var wrong []string
	seen := map[string]bool{}
	err := fs.WalkDir(folder, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		seen[name] = true
		want, ok := files[name]
		if !ok {
			wrong = append(wrong, "extra: "+name)
			return nil
		}
		got, err := fs.ReadFile(folder, name)
		if err != nil {
			return err
		}
		if !bytes.Equal(got, want) && !(strings.HasSuffix(name, ".png") && samePixels(got, want)) {
			wrong = append(wrong, "differs: "+name)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if !seen[name] {
			wrong = append(wrong, "missing: "+name)
		}
	}
	if len(wrong) > 0 {
		return errors.New(strings.Join(wrong, "\n") + "\ngo run ./testvectors/gen writes them anew")
	}
	return nil
}

func samePixels(a, b []byte) bool {
	left, errLeft := png.Decode(bytes.NewReader(a))
	right, errRight := png.Decode(bytes.NewReader(b))
	if errLeft != nil || errRight != nil || left.Bounds() != right.Bounds() {
		return false
	}
	return equalImages(left, right)
}

func equalImages(a, b image.Image) bool {
	for y := a.Bounds().Min.Y; y < a.Bounds().Max.Y; y++ {
		for x := a.Bounds().Min.X; x < a.Bounds().Max.X; x++ {
			r1, g1, b1, a1 := a.At(x, y).RGBA()
			r2, g2, b2, a2 := b.At(x, y).RGBA()
			if r1 != r2 || g1 != g2 || b1 != b2 || a1 != a2 {
				return false
			}
		}
	}
	return true
}

// add appends a scenario and refuses a name that is there already.
func (w *world) add(s testvectors.Scenario) {
	if w.names[s.Name] {
		panic("two scenarios are named " + s.Name)
	}
	w.names[s.Name] = true
	w.all = append(w.all, s)
}
