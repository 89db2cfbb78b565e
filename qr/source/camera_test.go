package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// desk is a computer to which a fake camera is plugged in and out.
type desk struct {
	mu     sync.Mutex
	absent error // why it cannot be opened
	kinds  []mode
	opens  int
	closes int

	frames   chan []byte // frames the camera takes
	pulled   chan struct{}
	startErr error
}

func newDesk() *desk {
	return &desk{kinds: []mode{{GREY, 4, 2}}, frames: make(chan []byte), pulled: make(chan struct{})}
}

func (d *desk) open(string) (device, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.opens++
	if d.absent != nil {
		return nil, d.absent
	}
	return &fake{d, d.pulled}, nil
}

// pull takes the camera away; opening it fails with why.
func (d *desk) pull(why error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.absent = why
	close(d.pulled)
	d.pulled = make(chan struct{})
}

func (d *desk) set(absent error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.absent = absent
}

func (d *desk) count() (opens, closes int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.opens, d.closes
}

var errGone = errors.New("no such device")

type fake struct {
	*desk
	pulled chan struct{}
}

func (f *fake) modes() []mode { return f.kinds }

func (f *fake) start(m mode) (mode, error) { return m, f.startErr }

func (f *fake) read(buf []byte) ([]byte, int, error) {
	select {
	case frame := <-f.frames:
		return append(buf[:0], frame...), 0, nil
	case <-f.pulled:
		return nil, 0, errGone
	case <-time.After(time.Second):
		return nil, 0, errQuiet
	}
}

func (f *fake) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closes++
}

// grey is a frame of the fake camera, all of one luminance.
func grey(v byte) []byte { return bytes.Repeat([]byte{v}, 8) }

func start(t *testing.T, d *desk, opt CameraOptions) *camera {
	t.Helper()
	c, err := newCamera("/dev/video0", opt, d.open)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func next(t *testing.T, c *camera) Item {
	t.Helper()
	item, err := c.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if item.Source != "/dev/video0" || (item.Picture == nil) == (item.Err == nil) || item.IsText {
		t.Fatalf("%+v", item)
	}
	return item
}

// TestCameraNewestFrame: who looks late sees what is now, and knows how much went
// by unseen.
func TestCameraNewestFrame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk()
		c := start(t, d, CameraOptions{})
		for v := range byte(100) {
			d.frames <- grey(v)
		}
		synctest.Wait()
		if item := next(t, c); item.Picture.Pix[0] != 99 || item.Skipped != 99 {
			t.Errorf("picture %d, %d skipped; want 99 and 99", item.Picture.Pix[0], item.Skipped)
		}
		// Nothing is shown twice.
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		if item, err := c.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%+v, %v", item, err)
		}
		d.frames <- grey(7)
		if item := next(t, c); item.Picture.Pix[0] != 7 || item.Skipped != 0 {
			t.Errorf("%+v", item)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if _, err := c.Next(t.Context()); !errors.Is(err, ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
		if opens, closes := d.count(); opens != 1 || closes != 1 {
			t.Errorf("%d opened, %d closed", opens, closes)
		}
	})
}

// TestCameraUnpluggedAndBack: one item says that it is gone; when it is back
// pictures go on, and none from before is shown.
func TestCameraUnpluggedAndBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk()
		c := start(t, d, CameraOptions{})
		defer c.Close()
		d.frames <- grey(1)
		next(t, c)
		d.frames <- grey(2)
		synctest.Wait()
		d.pull(ErrNoCamera)
		synctest.Wait()
		item := next(t, c)
		if !errors.Is(item.Err, ErrUnplugged) || !errors.Is(item.Err, errGone) || item.Skipped != 1 {
			t.Fatalf("%+v", item)
		}
		if _, closes := d.count(); closes != 1 {
			t.Error("a lost device stays open: it keeps its name from the one that comes back")
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if item, err := c.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("while it is away: %+v, %v", item, err)
		}
		if opens, _ := d.count(); opens < 1700 || opens > 1900 {
			t.Errorf("looked for %d times in an hour, want about once in 2 s", opens)
		}
		d.set(nil)
		begun := time.Now()
		d.frames <- grey(3)
		if item := next(t, c); item.Picture == nil || item.Picture.Pix[0] != 3 {
			t.Fatalf("%+v", item)
		}
		if waited := time.Since(begun); waited > lastBackOff {
			t.Errorf("back after %s", waited)
		}
		// Once more, and quickly back: the first look comes soon.
		d.pull(nil)
		begun = time.Now()
		d.frames <- grey(4)
		if waited := time.Since(begun); waited > 2*firstBackOff {
			t.Errorf("back after %s", waited)
		}
		if item := next(t, c); !errors.Is(item.Err, ErrUnplugged) {
			t.Fatalf("%+v", item)
		}
		if item := next(t, c); item.Picture == nil || item.Picture.Pix[0] != 4 {
			t.Fatalf("%+v", item)
		}
	})
}

// TestCameraReasonWhileAway: what keeps a camera away is told once it is not
// only its coming back.
func TestCameraReasonWhileAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk()
		c := start(t, d, CameraOptions{})
		defer c.Close()
		d.pull(ErrNoCamera)
		if item := next(t, c); !errors.Is(item.Err, ErrUnplugged) {
			t.Fatalf("%+v", item)
		}
		d.set(fmt.Errorf("open: %w", ErrCameraDenied)) // udev gives the rights some moments after the device
		time.Sleep(time.Second)
		d.set(ErrNoCamera)
		time.Sleep(time.Minute)
		d.set(fmt.Errorf("open: %w", ErrCameraBusy))
		if item := next(t, c); !errors.Is(item.Err, ErrCameraBusy) {
			t.Fatalf("%+v", item)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if item, err := c.Next(ctx); err == nil {
			t.Errorf("the same reason twice: %+v", item)
		}
		d.set(nil)
		d.frames <- grey(9)
		if item := next(t, c); item.Picture == nil {
			t.Errorf("%+v", item)
		}
	})
}

// TestCameraQuiet: a camera that hangs is taken for a lost one.
func TestCameraQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk()
		c := start(t, d, CameraOptions{})
		defer c.Close()
		for range 5 { // slow is not lost
			time.Sleep(quietTime - time.Second)
			d.frames <- grey(1)
			next(t, c)
		}
		begun := time.Now()
		item := next(t, c)
		if !errors.Is(item.Err, ErrUnplugged) || time.Since(begun) < quietTime || time.Since(begun) > quietTime+2*time.Second {
			t.Errorf("after %s: %+v", time.Since(begun), item)
		}
		d.frames <- grey(2)
		if item := next(t, c); item.Picture == nil {
			t.Errorf("%+v", item)
		}
	})
}

// TestCameraDamagedFrames: they are skipped and counted; many in a row are told.
func TestCameraDamagedFrames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk()
		c := start(t, d, CameraOptions{})
		defer c.Close()
		go func() {
			for range 3 {
				d.frames <- grey(1)[:5]
				synctest.Wait()
			}
			d.frames <- grey(2)
		}()
		if item := next(t, c); item.Picture == nil || item.Picture.Pix[0] != 2 || item.Skipped != 3 {
			t.Errorf("%+v", item)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			for range maxDamaged {
				d.frames <- nil
				synctest.Wait()
			}
		}()
		if item := next(t, c); !errors.Is(item.Err, ErrFrame) || item.Skipped != maxDamaged {
			t.Errorf("%+v", item)
		}
		<-done
		d.frames <- grey(3)
		if item := next(t, c); item.Picture == nil {
			t.Errorf("%+v", item)
		}
	})
}

// TestCameraRecordedFrames sends recorded frames through the camera.
func TestCameraRecordedFrames(t *testing.T) {
	frame, err := os.ReadFile(filepath.Join("testdata", "camera-640x480.mjpeg"))
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		d := newDesk()
		d.kinds = []mode{{YUYV, 640, 480}, {MJPEG, 1280, 720}}
		c := start(t, d, CameraOptions{})
		defer c.Close()
		d.frames <- frame[:len(frame)/2] // cut off on its way
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if item, err := c.Next(ctx); err == nil {
			t.Fatalf("half a frame: %+v", item)
		}
		d.frames <- frame
		item := next(t, c)
		if item.Picture == nil || item.Picture.Rect.Dx() != 640 || item.Picture.Rect.Dy() != 480 || item.Skipped != 1 {
			t.Fatalf("%+v", item)
		}
	})
}

// TestCameraWait: a camera that is not there yet is looked for when that is wanted.
func TestCameraWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk()
		d.absent = ErrNoCamera
		c := start(t, d, CameraOptions{Wait: true})
		if item := next(t, c); !errors.Is(item.Err, ErrNoCamera) {
			t.Fatalf("%+v", item)
		}
		time.Sleep(10 * time.Second)
		d.set(nil)
		d.frames <- grey(1)
		if item := next(t, c); item.Picture == nil {
			t.Fatalf("%+v", item)
		}
		// Close ends the search for a lost one, and a Next that waits.
		d.pull(ErrNoCamera)
		next(t, c)
		ended := make(chan error)
		go func() {
			_, err := c.Next(context.Background())
			ended <- err
		}()
		time.Sleep(time.Minute)
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if err := <-ended; !errors.Is(err, ErrClosed) {
			t.Errorf("Next after Close: %v", err)
		}
	})
}

// TestCameraCannotBegin: whoever asks for a camera is told at once why there is none.
func TestCameraCannotBegin(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*desk)
		wait   bool
		want   error
	}{
		"absent":          {func(d *desk) { d.absent = ErrNoCamera }, false, ErrNoCamera},
		"denied":          {func(d *desk) { d.absent = ErrCameraDenied }, false, ErrCameraDenied},
		"wrong system":    {func(d *desk) { d.absent = ErrCameraSystem }, true, ErrCameraSystem},
		"no modes":        {func(d *desk) { d.kinds = nil }, false, ErrNotCamera},
		"unknown modes":   {func(d *desk) { d.kinds = []mode{{'H' | '2'<<8 | '6'<<16 | '4'<<24, 1280, 720}} }, false, ErrNotCamera},
		"modes too large": {func(d *desk) { d.kinds = []mode{{GREY, 1 << 20, 1 << 20}, {GREY, 0, 0}} }, false, ErrNotCamera},
		"busy":            {func(d *desk) { d.startErr = ErrCameraBusy }, false, ErrCameraBusy},
	} {
		d := newDesk()
		c.change(d)
		got, err := newCamera("/dev/video7", CameraOptions{Wait: c.wait}, d.open)
		if got != nil || !errors.Is(err, c.want) || !strings.HasPrefix(err.Error(), "source: camera /dev/video7: ") {
			t.Errorf("%s: %v, %v", name, got, err)
		}
		if opens, closes := d.count(); closes != opens && d.absent == nil {
			t.Errorf("%s: %d opened, %d closed", name, opens, closes)
		}
	}
}

func TestChooseMode(t *testing.T) {
	all := []mode{{YUYV, 1280, 720}, {MJPEG, 640, 480}, {MJPEG, 1280, 720}, {MJPEG, 1920, 1080}, {YUYV, 640, 480}, {GREY, 160, 120}, {'X', 1281, 721}}
	for _, c := range []struct {
		w, h int
		want mode
	}{
		{1280, 720, mode{MJPEG, 1280, 720}}, {1920, 1080, mode{MJPEG, 1920, 1080}}, {640, 480, mode{MJPEG, 640, 480}},
		{1, 1, mode{GREY, 160, 120}}, {9999, 9999, mode{MJPEG, 1920, 1080}}, {1300, 700, mode{MJPEG, 1280, 720}},
	} {
		if got, ok := choose(all, c.w, c.h); !ok || got != c.want {
			t.Errorf("%d × %d: %s, want %s", c.w, c.h, got, c.want)
		}
	}
	if got, ok := choose([]mode{{YUYV, 1280, 720}, {MJPEG, 1280, 800}}, 1280, 720); !ok || got.format != YUYV {
		t.Errorf("the nearer size goes before the better form: %s", got)
	}
	if got := describe(append(all, all...)); !slices.Equal(got, []string{"MJPG 640×480", "MJPG 1280×720", "MJPG 1920×1080", "YUYV 1280×720", "YUYV 640×480", "GREY 160×120"}) {
		t.Errorf("%q", got)
	}
}

// TestRawFramePadding: the padding that drivers leave is found from the length of
// a frame; a frame of another size is no picture.
func TestRawFramePadding(t *testing.T) {
	for _, c := range []struct {
		m    mode
		n    int
		ok   bool
		skip int // bytes of padding a row
	}{
		{mode{YUYV, 6, 4}, 48, true, 0}, {mode{YUYV, 6, 4}, 47, false, 0}, {mode{YUYV, 6, 4}, 4 * 64, true, 52}, {mode{YUYV, 6, 4}, 4 * 268, true, 256},
		{mode{YUYV, 6, 4}, 49, true, 0}, {mode{YUYV, 6, 4}, 48 + 4095, true, 0}, {mode{YUYV, 6, 4}, 48 + 4096, false, 0},
		{mode{YUYV, 640, 480}, 800 * 600 * 2, false, 0}, {mode{YUYV, 640, 480}, 1280 * 720 * 2, false, 0}, {mode{YUYV, 640, 480}, 320 * 240 * 2, false, 0},
		{mode{NV12, 4, 2}, 12, true, 0}, {mode{NV12, 4, 2}, 3 * 32, true, 28}, {mode{GREY, 4, 2}, 8, true, 0}, {mode{GREY, 4, 2}, 7, false, 0},
	} {
		data := make([]byte, c.n)
		row, step, _, _ := c.m.format.layout(c.m.w, c.m.h)
		if second := row + c.skip; second < len(data) {
			data[second] = 77 // the first pixel of the second row
		}
		g, err := decodeRaw(&rawFrame{c.m, data})
		if c.ok != (err == nil) || !c.ok && !errors.Is(err, ErrFrame) {
			t.Errorf("%s of %d bytes: %v", c.m, c.n, err)
		} else if c.ok && g.Pix[g.Stride] != 77 {
			t.Errorf("%s of %d bytes: the second row is elsewhere (step %d)", c.m, c.n, step)
		}
	}
}

// TestOpenCameraErrors: devices of this computer that are none.
func TestOpenCameraErrors(t *testing.T) {
	if runtime.GOOS != "linux" {
		if _, err := OpenCamera("/dev/video0", CameraOptions{Wait: true}); !errors.Is(err, ErrCameraSystem) {
			t.Errorf("%v", err)
		}
		if _, err := Cameras(); !errors.Is(err, ErrCameraSystem) {
			t.Errorf("%v", err)
		}
		return
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "video0")
	if err := os.WriteFile(file, []byte("not a camera"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]error{
		filepath.Join(dir, "absent"): ErrNoCamera, filepath.Join(file, "x"): ErrNoCamera, file: ErrNotCamera, dir: ErrNotCamera, "/dev/null": ErrNotCamera, "": ErrNoCamera,
	} {
		if s, err := OpenCamera(name, CameraOptions{}); s != nil || !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
	if s, err := OpenCamera(filepath.Join(dir, "absent"), CameraOptions{}); s != nil || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	all, err := Cameras()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		if !strings.HasPrefix(c.Device, "/dev/video") || (c.Err == nil) != (len(c.Modes) > 0) {
			t.Errorf("%+v", c)
		}
	}
}
