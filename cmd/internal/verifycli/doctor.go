package verifycli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"time"
	"unicode"

	"golang.org/x/term"

	"github.com/posvid/posvid/checkpoint"
	"github.com/posvid/posvid/cmd/internal/cli"
	"github.com/posvid/posvid/cmd/internal/watch"
	"github.com/posvid/posvid/locale"
	"github.com/posvid/posvid/nfc/pcsc"
	"github.com/posvid/posvid/qr/source"
)

// finding is one line of the doctor about a thing that this device reads with. It is no fault of the device: with the camera
// gone, the hand scanner still reads.
type finding struct {
	mark   string // ✔ works, ! needs a hand, – is not there
	text   string
	remedy string // "" when there is nothing to do
}

const (
	works  = "✔"
	mend   = "!"
	absent = "–"
)

// readerTime is how long the doctor waits for the service of card readers.
const readerTime = 3 * time.Second

// DiagnoseReaders prints what there is to read with: cameras, hand scanner, card readers, and the terminal for the screen.
func (p *Program) DiagnoseReaders(ctx context.Context, w io.Writer) {
	env := p.Env
	cameras, err := source.Cameras()
	all := cameraFindings(env, cameras, err)
	all = append(all, finding{absent, env.T("ручний сканер не називає себе: зчитайте ним код у posvid-verify watch або posvid-verify qr -", "a hand scanner does not name itself: read a code with it in posvid-verify watch or posvid-verify qr -"),
		env.T("якщо екран скаже про розкладку клавіатури: увімкніть англійську або переведіть сканер у режим ALT чи USB COM", "if the screen speaks of the keyboard layout: switch to English, or set the scanner to ALT mode or USB COM")})
	ctx, stop := context.WithTimeout(ctx, readerTime)
	readers, err := pcsc.New(pcsc.Options{}).Readers(ctx)
	stop()
	all = append(all, readerFindings(env, readers, err)...)
	all = append(all, terminalFindings(env, terminalOf(env))...)
	if state, err := checkpoint.Open(p.State()); err == nil {
		packs, err := state.PhotoPacks()
		all = append(all, photoFindings(env, packs, err, env.Now())...)
		all = append(all, journalFinding(env, journalState(state, env.Now())))
	}
	for _, f := range all {
		fmt.Fprintln(w, f.mark, f.text)
		if f.remedy != "" {
			fmt.Fprintln(w, "   →", f.remedy)
		}
	}
}

// cameraFindings tells which cameras can be used. Devices of a camera that give no pictures are told only when none does.
func cameraFindings(env *cli.Env, cameras []source.CameraInfo, err error) []finding {
	switch {
	case errors.Is(err, source.ErrCameraSystem):
		return []finding{{absent, env.T("камери працюють лише під Linux", "cameras work under Linux only"), env.T("беріть ручний сканер", "use a hand scanner")}}
	case err != nil:
		return []finding{{mend, env.T("перелік камер не читається: %v", "the list of cameras cannot be read: %v", err), env.T("перевірте права на /dev", "check the rights of /dev")}}
	case len(cameras) == 0:
		return []finding{{absent, env.T("камери немає", "no camera"), env.T("під'єднайте камеру або беріть ручний сканер", "plug one in, or use a hand scanner")}}
	}
	var good, bad, blind []finding
	for _, c := range cameras {
		label := strings.TrimSpace(c.Device + " " + printable(c.Name))
		switch {
		case c.Err == nil:
			modes := c.Modes
			if len(modes) > 3 {
				modes = modes[:3]
			}
			good = append(good, finding{works, env.T("камера %s: %s", "camera %s: %s", label, strings.Join(modes, ", ")), ""})
		case errors.Is(c.Err, source.ErrNotCamera):
			blind = append(blind, finding{absent, env.T("%s не дає знімків, які можна читати", "%s gives no pictures that can be read", label), env.T("візьміть іншу камеру: MJPEG або YUYV", "take another camera: MJPEG or YUYV")})
		case errors.Is(c.Err, source.ErrCameraDenied):
			bad = append(bad, finding{mend, env.T("камера %s: немає прав", "camera %s: no rights", label), env.T("sudo usermod -aG video КОРИСТУВАЧ, тоді ввійдіть знову", "sudo usermod -aG video USER, then log in again")})
		case errors.Is(c.Err, source.ErrCameraBusy):
			bad = append(bad, finding{mend, env.T("камера %s зайнята іншою програмою", "camera %s is used by another program", label), env.T("закрийте ту програму: fuser %s покаже її", "close that program: fuser %s shows it", c.Device)})
		default:
			bad = append(bad, finding{mend, env.T("камера %s: %v", "camera %s: %v", label, c.Err), env.T("від'єднайте і під'єднайте її знову", "unplug it and plug it in again")})
		}
	}
	if all := append(good, bad...); len(all) > 0 {
		return all
	}
	return blind
}

// printable leaves out of a text from outside, such as a file's or a device's name, what could steer a terminal or turn the
// order of letters.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, text)
}

// readerFindings tells which card readers can be used.
func readerFindings(env *cli.Env, readers []pcsc.Reader, err error) []finding {
	var trouble *pcsc.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return []finding{{mend, env.T("служба зчитувачів не відповідає", "the service of card readers does not answer"), env.T("перезапустіть її: sudo systemctl restart pcscd", "restart it: sudo systemctl restart pcscd")}}
	case errors.As(err, &trouble):
		cause, remedy := trouble.Text(env.Lang)
		mark := mend
		if errors.Is(err, pcsc.NotBuilt) || errors.Is(err, pcsc.NoService) || errors.Is(err, pcsc.NoReader) {
			mark = absent
		}
		return []finding{{mark, env.T("картки: %s", "cards: %s", cause), remedy}}
	case err != nil:
		return []finding{{mend, env.T("картки: зчитувачі не читаються", "cards: the readers cannot be listed"), env.T("перезапустіть службу: sudo systemctl restart pcscd", "restart the service: sudo systemctl restart pcscd")}}
	}
	var all []finding
	for _, r := range readers {
		name := printable(r.Name)
		switch {
		case r.Virtual:
			all = append(all, finding{mend, env.T("зчитувач %s віртуальний: за ним програма, а не картка", "reader %s is virtual: behind it is a program, not a card", name), env.T("приберіть його з цього пристрою", "remove it from this device")})
		case r.Busy:
			all = append(all, finding{mend, env.T("зчитувач %s тримає інша програма", "another program holds the reader %s", name), env.T("закрийте ту програму", "close that program")})
		default:
			all = append(all, finding{works, env.T("зчитувач карток %s", "card reader %s", name), ""})
		}
	}
	return all
}

// photoFindings tells which photo packs there are, and which are too old.
func photoFindings(env *cli.Env, packs []checkpoint.PhotoPack, err error, at time.Time) []finding {
	fresh := env.T("posvid-verify photos install ФАЙЛ", "posvid-verify photos install FILE")
	switch {
	case err != nil:
		return []finding{{mend, env.T("пакети світлин не читаються", "the photo packs cannot be read"), env.T("перевірте диск і права на теку стану", "check the disk and the rights of the state folder")}}
	case len(packs) == 0:
		return []finding{{absent, env.T("світлин немає: обличчя звіряють із пластиком", "no photos: faces are compared with the plastic card"), fresh}}
	}
	var all []finding
	for _, p := range packs {
		switch {
		case p.Err != nil:
			all = append(all, finding{mend, env.T("пакет світлин органу %s пошкоджено", "the photo pack of body %s is damaged", p.Body), fresh})
		case at.Sub(p.IssuedAt) > checkpoint.MaxPhotosAge:
			all = append(all, finding{mend, env.T("пакет світлин органу %s від %s застарів", "the photo pack of body %s of %s is too old", p.Body, locale.Date(p.IssuedAt)), fresh})
		default:
			all = append(all, finding{works, env.T("світлини органу %s: %d, пакет від %s", "photos of body %s: %d, pack of %s", p.Body, p.Photos, locale.Date(p.IssuedAt)), ""})
		}
	}
	return all
}

// journalState tells why verdicts are not kept, without changing anything.
func journalState(state *checkpoint.State, at time.Time) error {
	journal, err := state.JournalInfo()
	if err != nil {
		return err
	}
	info, err := state.Info(at)
	switch {
	case err != nil:
		return err
	case info.Bundle == nil:
		return info.BundleErr
	case info.VerifierID == 0:
		return checkpoint.ErrNotEnrolled
	case journal.KeepDays == 0:
		return checkpoint.ErrJournalOff
	}
	return nil
}

// journalFinding tells whether verdicts are kept.
func journalFinding(env *cli.Env, err error) finding {
	var why watch.Words
	switch errors.As(journalWords(err), &why); {
	case err == nil:
		return finding{works, env.T("журнал ведеться", "the journal is kept"), ""}
	case errors.Is(err, checkpoint.ErrJournalOff), errors.Is(err, checkpoint.ErrNotEnrolled), errors.Is(err, checkpoint.ErrNoPin), errors.Is(err, checkpoint.ErrNoBundle):
		return finding{absent, env.T("журнал не ведеться: %s", "no journal is kept: %s", why.In(env.Lang)), ""}
	}
	return finding{mend, env.T("журнал не ведеться: %s", "no journal is kept: %s", why.In(env.Lang)), env.T("звільніть місце; пошкоджений прибирає posvid-verify journal clear", "free some space; posvid-verify journal clear removes a damaged one")}
}

// terminalState is what the doctor looks at of a terminal.
type terminalState struct {
	on            bool // stdout is one
	columns, rows int
	name          string // $TERM
	locale        string // the one that decides about characters
	noColour      bool
}

func terminalOf(env *cli.Env) terminalState {
	s := terminalState{name: os.Getenv("TERM"), noColour: os.Getenv("NO_COLOR") != ""}
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if s.locale = os.Getenv(name); s.locale != "" {
			break
		}
	}
	if out, ok := env.Stdout.(*os.File); ok && term.IsTerminal(int(out.Fd())) {
		s.on = true
		s.columns, s.rows, _ = term.GetSize(int(out.Fd()))
	}
	return s
}

// terminalFindings tells whether the checkpoint's screen fits the terminal.
func terminalFindings(env *cli.Env, s terminalState) []finding {
	var all []finding
	switch {
	case !s.on:
		return []finding{{absent, env.T("екран (watch) тут не видно: вивід не на термінал", "the screen (watch) cannot be shown here: the output is no terminal"), ""}}
	case s.name == "dumb" || s.name == "" && runtime.GOOS != "windows":
		all = append(all, finding{mend, env.T("термінал (TERM=%s) не малює екрана", "the terminal (TERM=%s) cannot draw the screen", s.name), env.T("відкрийте звичайний термінал або беріть posvid-verify qr --camera", "open a usual terminal, or use posvid-verify qr --camera")})
	case s.columns < 80 || s.rows < 24:
		all = append(all, finding{mend, env.T("термінал %d×%d замалий для екрана", "the terminal of %d×%d is small for the screen", s.columns, s.rows), env.T("збільште вікно хоча б до 80×24", "enlarge the window to 80×24 at least")})
	default:
		all = append(all, finding{works, env.T("термінал %d×%d", "terminal %d×%d", s.columns, s.rows), ""})
	}
	if upper := strings.ToUpper(s.locale); s.locale != "" && !strings.Contains(upper, "UTF-8") && !strings.Contains(upper, "UTF8") {
		all = append(all, finding{mend, env.T("локаль %s без UTF-8: літери й рамки можуть не показатися", "locale %s has no UTF-8: letters and frames may not show", printable(s.locale)), env.T("export LC_ALL=C.UTF-8", "export LC_ALL=C.UTF-8")})
	}
	if s.noColour {
		all = append(all, finding{works, env.T("без кольорів (NO_COLOR): слова, знаки й рамки розрізняють вердикти", "no colours (NO_COLOR): words, signs and frames tell verdicts apart"), ""})
	}
	return all
}
