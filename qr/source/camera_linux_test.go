package source

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/blackjack/webcam"
	"golang.org/x/sys/unix"
)

// TestCameraErrorNames: what the system says becomes what a person can act on,
// also where the library keeps only its words.
func TestCameraErrorNames(t *testing.T) {
	for _, c := range []struct{ in, want error }{
		{unix.ENOENT, ErrNoCamera}, {unix.ENODEV, ErrNoCamera}, {unix.ENXIO, ErrNoCamera}, {&os.PathError{Op: "stat", Err: unix.ENOENT}, ErrNoCamera},
		{unix.EACCES, ErrCameraDenied}, {unix.EPERM, ErrCameraDenied}, {&os.PathError{Op: "stat", Err: unix.EACCES}, ErrCameraDenied},
		{unix.EBUSY, ErrCameraBusy}, {errors.New("Failed to map request buffers: " + unix.EBUSY.Error()), ErrCameraBusy},
		{errors.New("Failed to start streaming: " + unix.ENODEV.Error()), ErrNoCamera},
	} {
		if got := cameraError(c.in); !errors.Is(got, c.want) {
			t.Errorf("%v: %v, want %v", c.in, got, c.want)
		}
	}
	for _, in := range []error{unix.EIO, unix.EINVAL, errors.New("Failed to start streaming: " + unix.ENOSPC.Error())} {
		if got := cameraError(in); !errors.Is(got, in) || causeOf(got) != got {
			t.Errorf("%v: %v", in, got)
		}
	}
	if !strings.Contains(ErrCameraDenied.Error(), "group video") {
		t.Error("the remedy is not named")
	}
}

// TestSpreadSizes: of a range of sizes those are asked for that cameras have.
func TestSpreadSizes(t *testing.T) {
	for name, c := range map[string]struct {
		size webcam.FrameSize
		has  []mode
		not  []mode
	}{
		"one size":   {webcam.FrameSize{MinWidth: 352, MaxWidth: 352, MinHeight: 288, MaxHeight: 288}, []mode{{YUYV, 352, 288}}, []mode{{YUYV, 640, 480}}},
		"steps":      {webcam.FrameSize{MinWidth: 32, MaxWidth: 1280, StepWidth: 2, MinHeight: 32, MaxHeight: 720, StepHeight: 2}, []mode{{YUYV, 1280, 720}, {YUYV, 640, 480}}, []mode{{YUYV, 1920, 1080}}},
		"odd steps":  {webcam.FrameSize{MinWidth: 1, MaxWidth: 2000, StepWidth: 7, MinHeight: 1, MaxHeight: 2000, StepHeight: 1}, []mode{{YUYV, 2000, 2000}}, []mode{{YUYV, 1280, 720}}},
		"any at all": {webcam.FrameSize{}, []mode{{YUYV, 1280, 720}}, []mode{{YUYV, 0, 0}}},
	} {
		got := spread(YUYV, c.size)
		for _, m := range c.has {
			if !slices.Contains(got, m) {
				t.Errorf("%s: no %s in %v", name, m, got)
			}
		}
		for _, m := range c.not {
			if slices.Contains(got, m) {
				t.Errorf("%s: %s in %v", name, m, got)
			}
		}
	}
}

// TestRealDevice shows a recorded frame through the kernel: on a loopback device
// (modprobe v4l2loopback), into which ffmpeg writes. A container has none, and
// neither have the machines that run the tests for every change.
func TestRealDevice(t *testing.T) {
	names, err := filepath.Glob("/sys/devices/virtual/video4linux/video*")
	if err != nil || len(names) == 0 {
		t.Skip("no v4l2loopback device: needs a kernel module (modprobe v4l2loopback)")
	}
	ffmpeg, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Skip("ffmpeg is missing: it writes into the loopback device")
	}
	device := "/dev/" + filepath.Base(names[0])
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	feed := exec.CommandContext(ctx, ffmpeg, "-v", "error", "-re", "-stream_loop", "-1", "-f", "mjpeg", "-i", filepath.Join("testdata", "camera-640x480.mjpeg"),
		"-pix_fmt", "yuyv422", "-f", "v4l2", device)
	if err := feed.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		cancel()
		_ = feed.Wait()
	}()
	camera, err := OpenCamera(device, CameraOptions{Wait: true, Width: 640, Height: 480})
	if err != nil {
		t.Fatal(err)
	}
	defer camera.Close()
	for {
		item, err := camera.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if item.Picture != nil {
			if got := fmt.Sprint(item.Picture.Rect.Max); got != "(640,480)" {
				t.Errorf("a picture of %s", got)
			}
			return
		}
	}
}
