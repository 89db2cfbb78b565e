//go:build !js

package source

import (
	"context"
	"errors"
	"fmt"
	"image"
	"strings"
	"sync"
	"time"
)

// Errors of cameras. Those that OpenCamera gives also come as Item.Err while a
// camera that was lost is looked for.
var (
	// ErrUnplugged reports that a camera which gave pictures gives none any more.
	ErrUnplugged = errors.New("camera unplugged")
	// ErrNoCamera reports that there is no such device.
	ErrNoCamera = errors.New("no such camera")
	// ErrCameraDenied reports that this user may not open the device.
	ErrCameraDenied = errors.New("no right to the camera: this user must be in the group video")
	// ErrCameraBusy reports a device that another program uses.
	ErrCameraBusy = errors.New("camera is in use by another program")
	// ErrNotCamera reports a device that gives no pictures of a form that DecodeFrame knows.
	ErrNotCamera = errors.New("device gives no pictures that can be read")
	// ErrCameraSystem reports an operating system whose cameras this program cannot use.
	ErrCameraSystem = errors.New("cameras can be used under Linux only; use a hand scanner or picture files")
)

// Limits of cameras.
const (
	maxFrameBytes = 64 << 20               // bytes of one frame as it comes; 24 megapixels in YUYV are 48 MiB
	quietTime     = 5 * time.Second        // without a frame: the camera is lost
	firstBackOff  = 250 * time.Millisecond // before a lost camera is looked for
	lastBackOff   = 2 * time.Second        // between later looks
	patience      = 3                      // failed looks for the same reason before it is told: a device that comes back has its rights some moments later
	maxDamaged    = 30                     // damaged frames in a row before it is told
)

// CameraOptions says what is wanted of a camera. The zero value is good.
type CameraOptions struct {
	// Width and Height are the wanted pixels; the nearest size that the camera
	// has is taken. 1280 × 720 when zero: enough for a code of 125 modules that
	// fills half the frame, and three times cheaper to read than 1920 × 1080.
	Width, Height int
	// Wait makes a camera that is not there yet no error: it is looked for as one
	// that was unplugged.
	Wait bool
}

// CameraInfo is one camera device of this computer.
type CameraInfo struct {
	Device string   // /dev/video0
	Name   string   // as the device calls itself; empty when it could not be opened
	Modes  []string // what it gives and this package reads, such as "MJPG 1280×720"
	Err    error    // why it cannot be used: ErrCameraDenied, ErrNotCamera …
}

// mode is one form and size that a camera gives.
type mode struct {
	format PixelFormat
	w, h   int
}

func (m mode) String() string { return fmt.Sprintf("%s %d×%d", m.format, m.w, m.h) }

// device is an open camera.
type device interface {
	// modes are what the camera gives.
	modes() []mode
	// start begins to give frames, in a form that the driver chose after m.
	start(m mode) (mode, error)
	// read waits at most about a second for a frame and puts the newest one into
	// buf, which it may replace by a larger one; older ones that waited are
	// counted. No frame is errQuiet, any other error a lost camera.
	read(buf []byte) (frame []byte, overtaken int, err error)
	// close frees the device. A device that stays open keeps its name from the
	// camera that is plugged in again.
	close()
}

// errQuiet reports that no frame came in time.
var errQuiet = errors.New("no frame")

// choose picks the mode nearest to the wanted size, the better form of equals.
func choose(all []mode, w, h int) (best mode, ok bool) {
	distance := func(m mode) int { return max(m.w-w, w-m.w) + max(m.h-h, h-m.h) }
	for _, f := range preferred {
		for _, m := range all {
			if m.format == f && m.w > 0 && m.h > 0 && m.w <= DefaultMaxPixels/m.h && (!ok || distance(m) < distance(best)) {
				best, ok = m, true
			}
		}
	}
	return best, ok
}

// rawFrame is a frame as it came.
type rawFrame struct {
	mode mode
	data []byte
}

// camera keeps the newest frame of a device. One goroutine talks to the device
// and looks for it when it is lost; frames are decoded by who asks for them, so
// that no time goes into those nobody looks at.
type camera struct {
	name string
	opt  CameraOptions
	open func(name string) (device, error)

	stop  context.CancelFunc
	ended chan struct{} // closed when the goroutine is gone
	news  chan struct{} // one token: there is something new

	mu      sync.Mutex
	frame   *rawFrame // the newest, until somebody took it
	spare   []byte    // a buffer that was looked at
	fault   error     // told once
	skipped int
	damaged int // in a row
}

// OpenCamera gives the pictures of a camera: of all frames that came since the
// last call of Next only the newest. device is a V4L2 device such as /dev/video0,
// or a name that stays the same wherever it is plugged in, such as those in
// /dev/v4l/by-id.
//
// A camera that is unplugged gives an item whose Err wraps ErrUnplugged, once,
// and is looked for until it is back; while another reason than its absence
// keeps it away, that reason comes as an item too. Frames that are damaged are
// skipped and counted; 30 in a row come as an item with ErrFrame.
//
// It fails with ErrNoCamera, ErrCameraDenied, ErrCameraBusy, ErrNotCamera or
// ErrCameraSystem.
func OpenCamera(device string, opt CameraOptions) (Source, error) {
	c, err := newCamera(device, opt, openDevice)
	if err != nil {
		return nil, err
	}
	return c, nil
}

func newCamera(name string, opt CameraOptions, open func(string) (device, error)) (*camera, error) {
	if opt.Width <= 0 || opt.Height <= 0 {
		opt.Width, opt.Height = 1280, 720
	}
	c := &camera{name: name, opt: opt, open: open, ended: make(chan struct{}), news: make(chan struct{}, 1)}
	d, m, err := c.begin()
	if err != nil {
		if !opt.Wait || errors.Is(err, ErrCameraSystem) {
			return nil, err
		}
		c.fail(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	c.stop = cancel
	go c.run(ctx, d, m)
	return c, nil
}

// begin opens the device and starts it.
func (c *camera) begin() (device, mode, error) {
	d, err := c.open(c.name)
	if err != nil {
		return nil, mode{}, fmt.Errorf("source: camera %s: %w", c.name, err)
	}
	want, ok := choose(d.modes(), c.opt.Width, c.opt.Height)
	if !ok {
		d.close()
		return nil, mode{}, fmt.Errorf("source: camera %s: %w", c.name, ErrNotCamera)
	}
	got, err := d.start(want)
	if err != nil {
		d.close()
		return nil, mode{}, fmt.Errorf("source: camera %s: %s: %w", c.name, want, err)
	}
	return d, got, nil
}

// run talks to the device until ctx ends; d is nil when there is none yet.
func (c *camera) run(ctx context.Context, d device, m mode) {
	defer close(c.ended)
	for {
		if d != nil {
			err := c.stream(ctx, d, m)
			d.close()
			if ctx.Err() != nil {
				return
			}
			c.fail(fmt.Errorf("source: camera %s: %w: %w", c.name, ErrUnplugged, err))
		}
		if d, m = c.find(ctx); d == nil {
			return
		}
	}
}

// find looks for the device until it is there; nil when ctx ended.
func (c *camera) find(ctx context.Context) (device, mode) {
	told, same, last := ErrNoCamera, 0, error(nil)
	for wait := firstBackOff; ; wait = min(2*wait, lastBackOff) {
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil, mode{}
		case <-timer.C:
		}
		d, m, err := c.begin()
		if err == nil {
			return d, m
		}
		cause := causeOf(err)
		if same++; !errors.Is(cause, last) {
			same, last = 1, cause
		}
		if same == patience && !errors.Is(cause, told) {
			told = cause
			c.fail(err)
		}
	}
}

// causeOf gives the reason that a person can act on.
func causeOf(err error) error {
	for _, known := range []error{ErrNoCamera, ErrCameraDenied, ErrCameraBusy, ErrNotCamera} {
		if errors.Is(err, known) {
			return known
		}
	}
	return err
}

// stream takes frames from a device until it is lost or ctx ends.
func (c *camera) stream(ctx context.Context, d device, m mode) error {
	var buf []byte
	quiet := time.NewTimer(quietTime)
	defer quiet.Stop()
	for {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		data, overtaken, err := d.read(buf)
		switch {
		case errors.Is(err, errQuiet):
			select {
			case <-quiet.C:
				return fmt.Errorf("no frame in %s", quietTime)
			case <-time.After(20 * time.Millisecond): // a driver that only says it has frames may not take the processor
			}
			continue
		case err != nil:
			return err
		}
		quiet.Reset(quietTime)
		buf = c.put(&rawFrame{m, data}, overtaken)
	}
}

// put makes a frame the newest and gives a buffer for the next one.
func (c *camera) put(f *rawFrame, overtaken int) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.skipped += overtaken
	var free []byte
	if c.frame != nil {
		c.skipped++
		free = c.frame.data
	} else {
		free, c.spare = c.spare, nil
	}
	c.frame = f
	c.wake()
	return free
}

// fail tells of a fault; a frame that nobody looked at is too old to be shown
// after it.
func (c *camera) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.frame != nil {
		c.skipped++
		c.spare, c.frame = c.frame.data, nil
	}
	c.fault = err
	c.wake()
}

func (c *camera) wake() {
	select {
	case c.news <- struct{}{}:
	default:
	}
}

// take gives what is new: a fault first.
func (c *camera) take() (*rawFrame, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.fault; err != nil {
		c.fault = nil
		if c.frame != nil {
			c.wake()
		}
		return nil, err
	}
	f := c.frame
	c.frame = nil
	return f, nil
}

// Next gives the newest frame that can be decoded.
func (c *camera) Next(ctx context.Context) (Item, error) {
	for {
		select {
		case <-c.ended:
			return Item{}, fmt.Errorf("source: camera %s: %w", c.name, ErrClosed)
		case <-ctx.Done():
			return Item{}, ctx.Err()
		case <-c.news:
		}
		f, fault := c.take()
		if fault != nil {
			return Item{Source: c.name, Err: fault, Skipped: c.count()}, nil
		}
		if f == nil {
			continue
		}
		picture, err := decodeRaw(f)
		c.mu.Lock()
		c.spare = f.data
		if err == nil {
			c.damaged = 0
		} else {
			c.skipped++
			c.damaged++
		}
		tell := c.damaged == maxDamaged
		if tell {
			c.damaged = 0
		}
		c.mu.Unlock()
		switch {
		case err == nil:
			return Item{Source: c.name, Picture: picture, Skipped: c.count()}, nil
		case tell:
			return Item{Source: c.name, Err: fmt.Errorf("source: camera %s: %d frames in a row: %w", c.name, maxDamaged, err), Skipped: c.count()}, nil
		}
	}
}

// count gives the skipped frames and begins anew.
func (c *camera) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.skipped
	c.skipped = 0
	return n
}

// Close stops the camera. It may take a second: as long as the device is asked
// for a frame.
func (c *camera) Close() error {
	c.stop()
	<-c.ended
	return nil
}

// Padding that drivers are known to leave: rows that begin at multiples of so
// many bytes at most, and frames that fill whole pages of memory.
const (
	maxRowPadding  = 256
	maxTailPadding = 4095
)

// decodeRaw decodes a frame whose rows may be padded: drivers say how long a row
// is, the library in between does not. A frame whose length no padding explains
// is of another size than was asked for.
func decodeRaw(f *rawFrame) (*image.Gray, error) {
	m, n, stride := f.mode, len(f.data), 0
	if row, step, _, ok := m.format.layout(m.w, m.h); ok && n > m.format.size(m.w, m.h) {
		lines := m.h
		if step == 1 && m.format != GREY {
			lines += m.h / 2 // colour in rows of the same length
		}
		switch {
		case n%lines == 0 && n/lines <= row+maxRowPadding:
			stride = n / lines
		case n > m.format.size(m.w, m.h)+maxTailPadding:
			return nil, fmt.Errorf("source: %s frame of %d bytes: %w", m, n, ErrFrame)
		}
	}
	return DecodeFrame(m.format, m.w, m.h, stride, f.data)
}

// describe gives the modes for a person, each once.
func describe(all []mode) []string {
	var out []string
	seen := map[string]bool{}
	for _, f := range preferred {
		for _, m := range all {
			if text := strings.TrimSpace(m.String()); m.format == f && !seen[text] {
				seen[text] = true
				out = append(out, text)
			}
		}
	}
	return out
}
