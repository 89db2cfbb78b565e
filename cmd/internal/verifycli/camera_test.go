package verifycli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/cmd/internal/cli"
	"github.com/posvid/posvid/cmd/internal/watch"
	"github.com/posvid/posvid/qr"
	"github.com/posvid/posvid/qr/detect"
	"github.com/posvid/posvid/qr/source"
)

// reel is a camera that gives what it is loaded with, and then waits for the context.
type reel struct{ items []source.Item }

func (r *reel) Next(ctx context.Context) (source.Item, error) {
	if len(r.items) == 0 {
		<-ctx.Done()
		return source.Item{}, ctx.Err()
	}
	item := r.items[0]
	r.items = r.items[1:]
	return item, nil
}

func (r *reel) Close() error { return nil }

// frame is a picture with a code in it, as a camera would give it.
func frame(t *testing.T, text string) *image.Gray {
	t.Helper()
	symbol, err := qr.Encode(text)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := symbol.PNG(&b, qr.PNGOptions{Scale: 4}); err != nil {
		t.Fatal(err)
	}
	img, err := source.DecodePicture(b.Bytes(), source.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// TestReadCamera: codes in frames reach the screen, a camera's faults are told in words, and reading goes on (WAT-18).
func TestReadCamera(t *testing.T) {
	blank := image.NewGray(image.Rect(0, 0, 320, 240))
	camera := &reel{items: []source.Item{
		{Picture: frame(t, "SID1:ABC")},
		{Err: fmt.Errorf("x: %w", source.ErrUnplugged)},
		{IsText: true, Text: "never from a camera"},
		{Picture: blank},
		{Picture: frame(t, "HTTPS://EXAMPLE.ORG/")},
	}}
	ctx, stop := context.WithCancel(context.Background())
	var items []watch.Item
	readCamera(ctx, camera, func(i watch.Item) {
		if items = append(items, i); len(items) == 4 {
			stop()
		}
	})
	stop()
	if len(items) != 4 || len(items[0].Texts) != 1 || items[0].Texts[0] != "SID1:ABC" || !items[0].Up {
		t.Fatalf("items %+v", items)
	}
	if items[1].Err == nil || !strings.Contains(items[1].Err.(watch.Words).UK, "від'єднано") || items[1].Up {
		t.Errorf("unplugged: %+v", items[1])
	}
	if len(items[2].Texts) != 0 || !items[2].Up || items[2].Seen {
		t.Errorf("a frame with nothing in it: %+v", items[2])
	}
	if len(items[3].Texts) != 1 || items[3].Texts[0] != "HTTPS://EXAMPLE.ORG/" {
		t.Errorf("after the fault: %+v", items[3])
	}
	// A camera that ends is told; attend starts it again.
	items = nil
	readCamera(context.Background(), closed{}, func(i watch.Item) { items = append(items, i) })
	if len(items) != 1 || items[0].Err == nil {
		t.Errorf("a closed camera: %+v", items)
	}
}

// TestExplainBesideReading: a look at why nothing reads holds no frame up, comes a second after the last code and then rests two
// seconds, and a code that reads meanwhile makes its advice void (WAT-28).
func TestExplainBesideReading(t *testing.T) {
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	e := newExplainer(now)
	looks := make(chan struct{}, 10) // one for each look that has begun
	end := make(chan watch.Words)    // lets a look end
	e.explain = func(*image.Gray) (watch.Words, bool) {
		looks <- struct{}{}
		w := <-end
		return w, w != watch.Words{}
	}
	blank := image.NewGray(image.Rect(0, 0, 8, 8))
	closer := watch.Words{UK: "БЛИЖЧЕ", EN: "CLOSER"}
	frames := func(d time.Duration, read bool) (advice []watch.Words) {
		for until := now.Add(d); now.Before(until); {
			now = now.Add(50 * time.Millisecond)
			if w, seen := e.look(blank, read, now); seen {
				advice = append(advice, w)
			}
		}
		return advice
	}
	finish := func(w watch.Words) {
		t.Helper()
		<-looks
		end <- w
		for len(e.found) == 0 {
			runtime.Gosched()
		}
	}
	if frames(900*time.Millisecond, false); e.busy {
		t.Error("a look within a second")
	}
	if got := frames(20*time.Second, false); !e.busy || len(got) != 0 { // the look hangs, the frames go on
		t.Errorf("busy %v, advice %v", e.busy, got)
	}
	finish(closer)
	if got := frames(explainPause-100*time.Millisecond, false); len(got) != 1 || got[0] != closer || e.busy {
		t.Errorf("advice %v, busy %v", got, e.busy)
	}
	frames(200*time.Millisecond, false)
	if !e.busy || len(looks) > 1 {
		t.Errorf("busy %v after the pause", e.busy)
	}
	finish(closer)
	if got := frames(500*time.Millisecond, true); len(got) != 0 {
		t.Errorf("advice %v for a code that reads", got)
	}
	if frames(10*time.Second, true); e.busy {
		t.Error("a look while codes read")
	}
	e.explain = func(*image.Gray) (watch.Words, bool) { looks <- struct{}{}; panic("x") }
	frames(1200*time.Millisecond, false)
	<-looks
	e.wait()
	if words, seen := explainFrame(blank); seen || words != (watch.Words{}) {
		t.Errorf("advice %v for an empty frame", words)
	}
}

type closed struct{}

func (closed) Next(context.Context) (source.Item, error) { return source.Item{}, source.ErrClosed }
func (closed) Close() error                              { return nil }

// TestCameraWords: each fault of a camera and each advice has its words in both languages, and none quotes the system (WAT-18).
func TestCameraWords(t *testing.T) {
	for _, lang := range []string{"uk", "en"} {
		told := map[string]bool{}
		for _, err := range []error{source.ErrUnplugged, source.ErrNoCamera, source.ErrCameraDenied, source.ErrCameraBusy, source.ErrNotCamera, source.ErrCameraSystem, errors.New("/dev/x: EIO")} {
			words := cameraWords(fmt.Errorf("source: %w", err)).(watch.Words).In(lang)
			if words == "" || told[words] || strings.Contains(words, "EIO") {
				t.Errorf("%v (%s): %q", err, lang, words)
			}
			told[words] = true
		}
		for _, a := range []detect.Advice{detect.AdviceCloser, detect.AdviceFarther, detect.AdviceStill, detect.AdviceGlare, detect.AdviceLight, detect.AdviceWhole, detect.AdviceUnreadable} {
			if words := adviceWords(a).In(lang); words == "" || told[words] {
				t.Errorf("%s (%s): %q", a, lang, words)
			} else {
				told[words] = true
			}
		}
		if adviceWords(detect.AdviceNotQR) != (watch.Words{}) {
			t.Error("advice where there is no code")
		}
	}
}

// TestCameraSources: which cameras are asked for.
func TestCameraSources(t *testing.T) {
	p := &Program{Env: &cli.Env{Lang: "uk"}}
	for want, names := range map[int][]string{0: {"none"}, 1: nil, 2: {"/dev/video0", "/dev/video2"}} {
		if got := p.cameraSources(names); len(got) != want {
			t.Errorf("%v: %d sources", names, len(got))
		}
	}
	var told []watch.Item
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	p.cameraSources([]string{"/dev/no-such-camera\x00"})[0].Run(ctx, func(i watch.Item) { told = append(told, i); stop() })
	if len(told) == 0 || told[0].Err == nil {
		t.Errorf("a camera that is not there: %+v", told)
	}
}
