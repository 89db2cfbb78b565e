package verifycli

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/checkpoint"
	"github.com/posvid/posvid/cmd/internal/cli"
	"github.com/posvid/posvid/nfc/pcsc"
	"github.com/posvid/posvid/qr/source"
)

// TestFindings: each trouble of a camera, a card reader or a terminal has its remedy, and what works has none (WAT-24).
func TestFindings(t *testing.T) {
	camera := func(err error) []source.CameraInfo {
		return []source.CameraInfo{{Device: "/dev/video0", Name: "Веб\x1b[31mкамера\u202e", Modes: []string{"MJPG 1280×720", "a", "b", "c"}, Err: err}}
	}
	now := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	pack := func(made time.Time, err error) []checkpoint.PhotoPack {
		return []checkpoint.PhotoPack{{PhotosReport: checkpoint.PhotosReport{Body: "99000011", IssuedAt: made, Photos: 3}, Err: err}}
	}
	reader := func(r pcsc.Reader) []pcsc.Reader { r.Name = "ACS ACR122U\x07"; return []pcsc.Reader{r} }
	screen := terminalState{on: true, columns: 80, rows: 24, name: "xterm-256color", locale: "uk_UA.UTF-8"}
	small, dumb, latin, plain, off := screen, screen, screen, screen, screen
	small.columns, dumb.name, latin.locale, plain.noColour, off.on = 60, "dumb", "ru_RU.KOI8-R", true, false
	for _, lang := range []string{"uk", "en"} {
		env := &cli.Env{Lang: lang}
		for name, c := range map[string]struct {
			got  []finding
			mark string
			want string // in the text or the remedy
		}{
			"camera":          {cameraFindings(env, camera(nil), nil), works, "MJPG 1280×720"},
			"no camera":       {cameraFindings(env, nil, nil), absent, ""},
			"no rights":       {cameraFindings(env, camera(fmt.Errorf("x: %w", source.ErrCameraDenied)), nil), mend, "usermod -aG video"},
			"busy":            {cameraFindings(env, camera(source.ErrCameraBusy), nil), mend, "fuser /dev/video0"},
			"blind":           {cameraFindings(env, camera(source.ErrNotCamera), nil), absent, "MJPEG"},
			"gone":            {cameraFindings(env, camera(source.ErrNoCamera), nil), mend, "/dev/video0"},
			"other system":    {cameraFindings(env, nil, source.ErrCameraSystem), absent, "Linux"},
			"no list":         {cameraFindings(env, nil, fmt.Errorf("x")), mend, "/dev"},
			"reader":          {readerFindings(env, reader(pcsc.Reader{}), nil), works, "ACS ACR122U"},
			"virtual reader":  {readerFindings(env, reader(pcsc.Reader{Virtual: true}), nil), mend, "ACS ACR122U"},
			"reader busy":     {readerFindings(env, reader(pcsc.Reader{Busy: true}), nil), mend, "ACS ACR122U"},
			"readers silent":  {readerFindings(env, nil, context.DeadlineExceeded), mend, "pcscd"},
			"readers broken":  {readerFindings(env, nil, fmt.Errorf("x")), mend, "pcscd"},
			"terminal":        {terminalFindings(env, screen), works, "80×24"},
			"small terminal":  {terminalFindings(env, small), mend, "80×24"},
			"dumb terminal":   {terminalFindings(env, dumb), mend, "qr --camera"},
			"no terminal":     {terminalFindings(env, off), absent, "watch"},
			"no UTF-8":        {terminalFindings(env, latin)[1:], mend, "C.UTF-8"},
			"no packs":        {photoFindings(env, nil, nil, now), absent, "photos install"},
			"packs unread":    {photoFindings(env, nil, checkpoint.ErrDisk, now), mend, ""},
			"pack":            {photoFindings(env, pack(now, nil), nil, now), works, "99000011"},
			"old pack":        {photoFindings(env, pack(now.Add(-2*checkpoint.MaxPhotosAge), nil), nil, now), mend, "photos install"},
			"damaged pack":    {photoFindings(env, pack(now, checkpoint.ErrPhotos), nil, now), mend, "photos install"},
			"journal":         {[]finding{journalFinding(env, nil)}, works, ""},
			"journal off":     {[]finding{journalFinding(env, checkpoint.ErrJournalOff)}, absent, ""},
			"not admitted":    {[]finding{journalFinding(env, fmt.Errorf("x: %w", checkpoint.ErrNotEnrolled))}, absent, ""},
			"journal damaged": {[]finding{journalFinding(env, checkpoint.ErrDamaged)}, mend, "journal clear"},
			"journal full":    {[]finding{journalFinding(env, checkpoint.ErrJournalFull)}, mend, "journal clear"},
			"without colours": {terminalFindings(env, plain)[1:], works, "NO_COLOR"},
		} {
			if len(c.got) != 1 {
				t.Errorf("%s: %d findings", name, len(c.got))
				continue
			}
			f := c.got[0]
			if f.mark != c.mark || f.text == "" || !strings.Contains(f.text+f.remedy, c.want) || (f.mark == mend) && f.remedy == "" {
				t.Errorf("%s (%s): %+v", name, lang, f)
			}
			if strings.ContainsAny(f.text+f.remedy, "\x1b\x07\u202e") {
				t.Errorf("%s: a device's name reaches the terminal: %q", name, f.text)
			}
		}
	}
	env := &cli.Env{Lang: "uk"}
	// One good camera makes the blind devices beside it uninteresting.
	if got := cameraFindings(env, append(camera(source.ErrNotCamera), camera(nil)...), nil); len(got) != 1 || got[0].mark != works {
		t.Errorf("%+v", got)
	}
	for _, trouble := range []error{pcsc.NotBuilt, pcsc.NoService, pcsc.Refused} {
		if got := readerFindings(env, nil, &pcsc.Error{Trouble: pcsc.Trouble(trouble.Error())}); len(got) != 1 || got[0].text == "" || got[0].remedy == "" {
			t.Errorf("%v: %+v", trouble, got)
		}
	}
}
