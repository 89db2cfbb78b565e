package source

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/blackjack/webcam"
	"golang.org/x/sys/unix"
)

const (
	kernelBuffers = 4 // frames between the driver and this program; two are too few for some drivers
	maxDrain      = 8 // frames taken at once
	maxSizes      = 256
)

// v4l2 is a camera of Video for Linux 2.
type v4l2 struct {
	cam *webcam.Webcam
}

// openDevice opens a device and sees that it is a camera.
func openDevice(name string) (device, error) {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return nil, cameraError(err)
	case info.Mode()&os.ModeCharDevice == 0:
		return nil, fmt.Errorf("not a device: %w", ErrNotCamera)
	}
	cam, err := webcam.Open(name)
	if err != nil {
		if errno := unix.Errno(0); !errors.As(err, &errno) || errno == unix.ENOTTY {
			return nil, fmt.Errorf("%w: %w", ErrNotCamera, err)
		}
		return nil, cameraError(err)
	}
	return &v4l2{cam: cam}, nil
}

// cameraError names what a person can act on. The library gives some errors of
// the system as words only.
func cameraError(err error) error {
	is := func(errno unix.Errno) bool {
		return errors.Is(err, errno) || strings.HasSuffix(err.Error(), ": "+errno.Error())
	}
	switch {
	case is(unix.ENOENT), is(unix.ENODEV), is(unix.ENXIO), is(unix.ENOTDIR):
		return fmt.Errorf("%w: %w", ErrNoCamera, err)
	case is(unix.EACCES), is(unix.EPERM):
		return fmt.Errorf("%w: %w", ErrCameraDenied, err)
	case is(unix.EBUSY):
		return fmt.Errorf("%w: %w", ErrCameraBusy, err)
	}
	return err
}

func (d *v4l2) modes() []mode {
	var all []mode
	for format := range d.cam.GetSupportedFormats() {
		f := PixelFormat(format)
		if !slices.Contains(preferred, f) {
			continue
		}
		sizes := d.cam.GetSupportedFrameSizes(format)
		for _, s := range sizes[:min(len(sizes), maxSizes)] {
			all = append(all, spread(f, s)...)
		}
	}
	slices.SortFunc(all, func(a, b mode) int {
		return cmp.Or(cmp.Compare(a.format, b.format), cmp.Compare(a.w, b.w), cmp.Compare(a.h, b.h))
	})
	return all
}

// spread gives the sizes of a range that are worth asking for; the library gives
// a range without bounds as zeros.
func spread(f PixelFormat, s webcam.FrameSize) []mode {
	if s.MinWidth == s.MaxWidth && s.MinHeight == s.MaxHeight && s.MaxWidth != 0 {
		return []mode{{f, int(s.MaxWidth), int(s.MaxHeight)}}
	}
	var all []mode
	for _, size := range [][2]uint32{{640, 480}, {800, 600}, {1024, 768}, {1280, 720}, {1280, 960}, {1920, 1080}, {2560, 1440}, {3840, 2160}} {
		fits := func(v, low, high, step uint32) bool {
			return high == 0 || v >= low && v <= high && (step == 0 || (v-low)%step == 0)
		}
		if fits(size[0], s.MinWidth, s.MaxWidth, s.StepWidth) && fits(size[1], s.MinHeight, s.MaxHeight, s.StepHeight) {
			all = append(all, mode{f, int(size[0]), int(size[1])})
		}
	}
	if s.MaxWidth != 0 && s.MaxHeight != 0 {
		all = append(all, mode{f, int(s.MaxWidth), int(s.MaxHeight)})
	}
	return all
}

// start begins to stream. The library gives back the size that was asked for and
// not the one that the driver took; sizes that the driver offered are taken as
// they are (VIDIOC_S_FMT), and what a frame holds is checked when it is decoded.
func (d *v4l2) start(m mode) (mode, error) {
	f, w, h, err := d.cam.SetImageFormat(webcam.PixelFormat(m.format), uint32(m.w), uint32(m.h))
	if err != nil {
		return mode{}, cameraError(err)
	}
	got := mode{PixelFormat(f), int(w), int(h)}
	if !slices.Contains(preferred, got.format) {
		return mode{}, fmt.Errorf("driver gives %s: %w", got.format, ErrNotCamera)
	}
	if err := d.cam.SetBufferCount(kernelBuffers); err != nil {
		return mode{}, cameraError(err)
	}
	if err := d.cam.StartStreaming(); err != nil {
		return mode{}, cameraError(err)
	}
	return got, nil
}

// read gives the newest frame. A frame is copied before its buffer goes back to
// the driver, which writes the next one into it at once.
func (d *v4l2) read(buf []byte) (frame []byte, overtaken int, err error) {
	defer func() {
		if p := recover(); p != nil { // the library cuts the mapped memory at a length that the driver says
			frame, err = nil, errors.New("driver gave a frame longer than its buffer")
		}
	}()
	if err := d.cam.WaitForFrame(1); err != nil {
		var timeout *webcam.Timeout
		if errors.As(err, &timeout) || errors.Is(err, unix.EINTR) {
			return nil, 0, errQuiet
		}
		return nil, 0, err
	}
	taken := 0
	for range maxDrain {
		data, index, err := d.cam.GetFrame()
		if errors.Is(err, unix.EAGAIN) {
			break
		}
		if err != nil {
			return nil, 0, err
		}
		if n := len(data); n > 0 && n <= maxFrameBytes {
			buf = append(buf[:0], data...)
			taken++
		}
		if err := d.cam.ReleaseFrame(index); err != nil {
			return nil, 0, err
		}
	}
	if taken == 0 {
		return nil, 0, errQuiet
	}
	return buf, taken - 1, nil
}

func (d *v4l2) close() {
	_ = d.cam.Close() // of an unplugged camera every call fails
}

// Cameras lists the camera devices of this computer and tells of each whether it
// can be used. It starts none. A camera has devices that give no pictures beside
// the one that does: those have ErrNotCamera.
func Cameras() ([]CameraInfo, error) {
	names, err := filepath.Glob("/dev/video*")
	if err != nil {
		return nil, fmt.Errorf("source: %w", err)
	}
	number := func(name string) int {
		n, err := strconv.Atoi(strings.TrimPrefix(name, "/dev/video"))
		if err != nil {
			return -1
		}
		return n
	}
	names = slices.DeleteFunc(names, func(name string) bool { return number(name) < 0 })
	slices.SortFunc(names, func(a, b string) int { return cmp.Compare(number(a), number(b)) })
	all := make([]CameraInfo, 0, len(names))
	for _, name := range names {
		info := CameraInfo{Device: name}
		d, err := openDevice(name)
		if err != nil {
			info.Err = fmt.Errorf("source: camera %s: %w", name, err)
			all = append(all, info)
			continue
		}
		v := d.(*v4l2)
		info.Name, _ = v.cam.GetName()
		info.Modes = describe(v.modes())
		v.close()
		if len(info.Modes) == 0 {
			info.Err = fmt.Errorf("source: camera %s: %w", name, ErrNotCamera)
		}
		all = append(all, info)
	}
	return all, nil
}
