package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/qr/detect/internal/scene"
)

// shot is a picture of a code that every decoder reads, and its text.
func shot(t *testing.T, index int) ([]byte, string) {
	t.Helper()
	frame, err := scene.Make("screenshot", 1, index)
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	if err := png.Encode(&file, frame.Picture); err != nil {
		t.Fatal(err)
	}
	return file.Bytes(), frame.Text
}

// blank is a picture without a code.
func blank(t *testing.T) []byte {
	t.Helper()
	img := image.NewGray(image.Rect(0, 0, 120, 90))
	for i := range img.Pix {
		img.Pix[i] = 200
	}
	var file bytes.Buffer
	if err := png.Encode(&file, img); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

func write(t *testing.T, folder string, files map[string]string) {
	t.Helper()
	for name, data := range files {
		name = filepath.Join(folder, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// folder holds pictures whose outcomes are known: of six judged, three are
// right (one of them holds no code), two are false and one is not read.
func folder(t *testing.T) string {
	t.Helper()
	code, text := shot(t, 12)
	other, otherText := shot(t, 16)
	root := t.TempDir()
	write(t, root, map[string]string{
		"right/a.png": string(code), "right/a.txt": text,
		"right/b.PNG": string(other), "right/b.txt": otherText + "\n", // an editor's line end
		"right/none.png": string(blank(t)), "right/none.txt": "",
		"wrong/c.png": string(code), "wrong/c.txt": text + "X",
		"wrong/d.png": string(code), "wrong/d.txt": "",
		"wrong/e.png": string(blank(t)), "wrong/e.txt": "NOT THERE",
		"wrong/untold.png": string(code), "notes.md": "no picture",
	})
	return root
}

func TestTable(t *testing.T) {
	root := folder(t)
	var out, log bytes.Buffer
	missed, err := run([]string{root, "--decoder", "ours,gozxing", "--misses"}, &out, &log)
	if err != nil || missed {
		t.Fatalf("missed %v, %v\n%s", missed, err, &log)
	}
	for _, want := range []string{
		"| set | n | ours | % | false | median ms | p95 ms | gozxing | % | false | median ms | p95 ms |",
		"| right | 3 | 3 | 100.0 | 0 |", "| wrong | 3 | 0 | 0.0 | 2 |", "| all | 6 | 3 | 50.0 | 2 |",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, &out)
		}
	}
	for _, want := range []string{"untold.png has no .txt beside it", "c.png: false", "d.png: false", "e.png: not read"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %q:\n%s", want, &log)
		}
	}
	if strings.Contains(log.String(), "a.png: ") || strings.Contains(out.String(), "notes") {
		t.Errorf("a right picture is told as a miss, or a text file judged:\n%s", &log)
	}
}

func TestJSON(t *testing.T) {
	root := folder(t)
	for _, args := range [][]string{{root, "--json"}, {"-json", root}, {"--json", "--decoder=gozxing,ours", root}} {
		var out, log bytes.Buffer
		if missed, err := run(args, &out, &log); err != nil || missed {
			t.Fatalf("%v: missed %v, %v", args, missed, err)
		}
		decoder := json.NewDecoder(&out)
		var object map[string]any
		if err := decoder.Decode(&object); err != nil {
			t.Fatal(err)
		}
		if decoder.More() {
			t.Errorf("%v: more than one object", args)
		}
		for key, want := range map[string]float64{"read": 3, "total": 6, "false": 2} {
			if object[key] != want {
				t.Errorf("%v: %s is %v, want %v", args, key, object[key], want)
			}
		}
		median, _ := object["median_ms"].(float64)
		p95, _ := object["p95_ms"].(float64)
		if median <= 0 || p95 < median {
			t.Errorf("%v: median_ms %v, p95_ms %v", args, object["median_ms"], object["p95_ms"])
		}
		sets, _ := object["sets"].(map[string]any)
		if len(sets) != 2 {
			t.Errorf("%v: sets %v, want right and wrong", args, sets)
		}
	}
}

func TestBars(t *testing.T) {
	root := folder(t)
	for _, c := range []struct {
		bar    string
		missed bool
	}{
		{"right=100", false}, {"all=50", false}, {"all=50.1", true}, {"all:read=3", false}, {"all:read=4", true}, {"right:false=0", false},
		{"wrong:false=1", true}, {"all:ours=40..60", false}, {"all:ours=0..49", true}, {"right:median_ms=0", true}, {"right:p95_ms=60000", false},
	} {
		var out, log bytes.Buffer
		missed, err := run([]string{"--decoder", "ours", "--bar", "right:false=0", "--bar", c.bar, root}, &out, &log)
		if err != nil || missed != c.missed {
			t.Errorf("bar %s: missed %v, %v", c.bar, missed, err)
		}
		if word := map[bool]string{true: "MISSED", false: "met"}[c.missed]; !strings.Contains(out.String(), "bar "+c.bar+":") || !strings.Contains(out.String(), word) {
			t.Errorf("bar %s is not told in words:\n%s", c.bar, &out)
		}
	}
}

func TestRefusals(t *testing.T) {
	root := folder(t)
	empty := t.TempDir()
	for _, args := range [][]string{
		{}, {root, empty}, {empty}, {filepath.Join(root, "nowhere")}, {root, "--decoder", "zxing"}, {root, "--decoder", "ours,"},
		{root, "--json", "--decoder", "gozxing"}, {root, "--bar", "92"}, {root, "--bar", "=92"}, {root, "--bar", "right=many"}, {root, "--bar", "right:speed=3"},
		{root, "--bar", "right=60..50"}, {root, "--bar", "elsewhere=92", "--decoder", "ours"}, {root, "--bar", "right:gozxing=1..2", "--decoder", "ours"}, {root, "--unknown"},
	} {
		var out, log bytes.Buffer
		if missed, err := run(args, &out, &log); err == nil || missed {
			t.Errorf("%v: missed %v and no error", args, missed)
		}
	}
}

func TestJudge(t *testing.T) {
	known := func(texts ...string) picture { return picture{texts: texts, whole: len(texts) != 1} }
	for name, c := range map[string]struct {
		p     picture
		found []string
		want  outcome
	}{
		"right":                      {known("A"), []string{"A"}, outcome{read: true}},
		"nothing":                    {known("A"), nil, outcome{}},
		"wrong":                      {known("A"), []string{"B"}, outcome{wrong: true}},
		"part":                       {known("AB"), []string{"A"}, outcome{wrong: true}},
		"case":                       {known("A"), []string{"a"}, outcome{wrong: true}},
		"empty text":                 {known("A"), []string{""}, outcome{wrong: true}},
		"line end of the file":       {known("A\r\n"), []string{"A"}, outcome{read: true}},
		"line end of the text":       {known("A"), []string{"A\n"}, outcome{read: true}},
		"line ends within":           {known("A\nB"), []string{"A\r\nB\r\n"}, outcome{read: true}},
		"line end lost":              {known("A\nB"), []string{"AB"}, outcome{wrong: true}},
		"line end made a space":      {known("A\nB"), []string{"A B"}, outcome{wrong: true}},
		"space at the end":           {known("A "), []string{"A"}, outcome{wrong: true}},
		"guess beside":               {known("A"), []string{"B", "A", "C"}, outcome{read: true, extra: 2}},
		"no code, none found":        {known(), nil, outcome{read: true}},
		"no code, one found":         {known(), []string{"A"}, outcome{wrong: true}},
		"one of two":                 {known("A", "B"), []string{"A"}, outcome{}},
		"the other of two":           {known("A", "B"), []string{"B"}, outcome{}},
		"one twice":                  {known("A", "B"), []string{"B", "B"}, outcome{}},
		"both":                       {known("A", "B"), []string{"B", "A"}, outcome{read: true}},
		"both and a guess":           {known("A", "B"), []string{"B", "A", "C"}, outcome{read: true, wrong: true}},
		"other charset":              {known("Posvid \u00e9"), []string{"Posvid \u00c3\u00a9"}, outcome{charset: true}},
		"other charset, truth bytes": {known("caf\xe9"), []string{"caf\u00e9"}, outcome{charset: true}},
		"other charset and a guess":  {known("caf\xe9"), []string{"caf\u00e9", "B"}, outcome{charset: true, extra: 1}},
	} {
		if got := judge(c.p, c.found); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

func TestCollect(t *testing.T) {
	root := t.TempDir()
	write(t, root, map[string]string{"x/y/a.jpg": "", "x/y/a.txt": "ONE", "x/y/a.2.txt": "TWO", "b.gif": "", "b.txt": "", "c.webp": "", "d.tiff": "", "d.txt": "D"})
	pictures, untold, err := collect(root)
	if err != nil || len(pictures) != 2 || len(untold) != 1 || filepath.Base(untold[0]) != "c.webp" {
		t.Fatalf("%+v, %v, %v", pictures, untold, err)
	}
	for _, p := range pictures {
		want := map[string]string{"a.jpg": "x/y [ONE TWO] true", "b.gif": filepath.Base(root) + " [] true"}[filepath.Base(p.file)]
		if got := fmt.Sprint(p.set, " ", p.texts, " ", p.whole); got != want {
			t.Errorf("%s: %s, want %s", p.file, got, want)
		}
	}
}

func TestQuantile(t *testing.T) {
	times := make([]time.Duration, 20)
	for i := range times {
		times[i] = time.Duration(i + 1)
	}
	for percent, want := range map[int]time.Duration{50: 10, 95: 19, 96: 20, 100: 20, 1: 1} {
		if got := quantile(times, percent); got != want {
			t.Errorf("%d %%: %d, want %d", percent, got, want)
		}
	}
	if got := quantile(times[:1], 50); got != 1 {
		t.Errorf("of one: %d", got)
	}
}

func TestZbarTexts(t *testing.T) {
	const frame = "<barcodes xmlns='http://zbar.sourceforge.net/2008/barcode'><source href='a'><index num='0'>%s</index></source></barcodes>"
	got, err := zbarTexts(fmt.Appendf(nil, frame, "<symbol type='QR-Code'><data><![CDATA[A <B> & C]]></data></symbol><symbol type='QR-Code'><data format='base64' length='3'><![CDATA[AAEC\n]]></data></symbol>"))
	if err != nil || len(got) != 2 || got[0] != "A <B> & C" || got[1] != "\x00\x01\x02" {
		t.Errorf("%q, %v", got, err)
	}
	for _, bad := range []string{"", "<barcodes>", fmt.Sprintf(frame, "<symbol><data format='base64'>*</data></symbol>")} {
		if got, err := zbarTexts([]byte(bad)); err == nil {
			t.Errorf("%q gave %q", bad, got)
		}
	}
	if got, err := zbarTexts(fmt.Appendf(nil, frame, "")); err != nil || len(got) != 0 {
		t.Errorf("no symbol gave %q, %v", got, err)
	}
}

func TestPanicsAreMisses(t *testing.T) {
	read := timed(func(*image.Gray) ([]string, error) { panic("index out of range") })
	if texts, _, err := read(image.NewGray(image.Rect(0, 0, 9, 9))); err == nil || texts != nil {
		t.Errorf("a panic gave %q, %v", texts, err)
	}
}

// TestCalibration holds the camera frames where they were set: neither too easy
// nor too hard for two decoders whose worth is known. The first 44 webcam
// frames, two of each size; docs/performance.md has all 220.
func TestCalibration(t *testing.T) {
	if testing.Short() {
		t.Skip("short mode: makes 44 webcam frames")
	}
	names := "gozxing,zbar"
	if _, err := exec.LookPath("zbarimg"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("zbarimg (Debian package zbar-tools) is not installed")
		}
		names = "gozxing"
	}
	root := t.TempDir()
	errs := make(chan error)
	const workers = 2
	for k := range workers {
		go func() {
			var err error
			for i := k; i < 2*len(scene.Sizes) && err == nil; i += workers {
				err = save(root, i)
			}
			errs <- err
		}()
	}
	for range workers {
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
	}
	args := []string{root, "--decoder", names, "--bar", "webcam:gozxing=33..50"}
	if strings.Contains(names, "zbar") {
		args = append(args, "--bar", "webcam:zbar=38..55")
	}
	var out, log bytes.Buffer
	missed, err := run(args, &out, &log)
	if err != nil {
		t.Fatal(err)
	}
	t.Log("\n" + out.String())
	if missed {
		t.Error("the frames are too easy or too hard")
	}
	if names == "gozxing" {
		t.Skip("zbarimg (Debian package zbar-tools) is not installed: only gozxing was compared")
	}
}

func save(root string, index int) error {
	frame, err := scene.Make("webcam", 1, index)
	if err != nil {
		return err
	}
	var file bytes.Buffer
	if err := jpeg.Encode(&file, frame.Picture, &jpeg.Options{Quality: frame.Quality}); err != nil {
		return err
	}
	name := filepath.Join(root, "webcam", frame.Name)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(name+".jpg", file.Bytes(), 0o644); err != nil {
		return err
	}
	return os.WriteFile(name+".txt", []byte(frame.Text), 0o644)
}
