package verifycli

import (
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"os"
	"strings"
	"time"

	"github.com/posvid/posvid/cmd/internal/cli"
	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/qr"
	"github.com/posvid/posvid/qr/detect"
	"github.com/posvid/posvid/qr/source"
)

// foreignPatience is how long a camera goes on looking for a service ID after it saw some other code.
const foreignPatience = 2 * time.Second

// reading is one text to judge; err tells why there is none.
type reading struct {
	source   string
	text     string
	err      error
	repaired source.Repair // what was mended of a typed text
	beside   bool          // some other code beside a service ID: judged, and without a say in the exit code
	report   *detect.Report
}

// typed makes a reading of a text from a hand scanner.
func typed(name, text string) reading {
	item := source.Typed(text)
	return reading{source: name, text: item.Text, err: item.Err, repaired: item.Repaired}
}

// read gives the texts of one input: every code of a picture or a document, or the texts of stdin.
func (p *Program) read(name string, explain bool) []reading {
	if name == "-" {
		if r, ok := p.scanTerminal(); ok {
			return []reading{r}
		}
	}
	data, err := p.Env.ReadFile(name, qr.DefaultMaxBytes)
	name = printable(name) // from here on it is only shown, and whoever sent the file chose it
	if err != nil {
		return []reading{{source: name, err: err}}
	}
	src := source.OpenFile(name, data, source.Limits{})
	defer src.Close()
	var all, failed []reading
	for {
		item, err := src.Next(context.Background())
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = item.Err
		}
		item.Source = name
		from := p.place(item)
		switch {
		case err != nil:
			failed = append(failed, reading{source: from, err: err})
		case item.IsText:
			all = append(all, reading{source: name, text: item.Text, repaired: item.Repaired})
			continue
		default:
			found, report, err := look(item.Picture, explain)
			if err != nil {
				failed = append(failed, reading{source: from, err: err, report: report})
			}
			for _, text := range found {
				all = append(all, reading{source: from, text: text})
			}
		}
		if item.Err == nil && err != nil { // the source itself failed
			break
		}
	}
	if len(all) == 0 && len(failed) == 0 {
		failed = []reading{{source: name, err: qr.ErrNoCode}} // an input that gives nothing to judge may not end as if it had been accepted
	}
	if len(all) > 0 { // a page without a code says nothing beside one that has some
		kept := failed[:0]
		for _, r := range failed {
			if !errors.Is(r.err, qr.ErrNoCode) {
				kept = append(kept, r)
			}
		}
		failed = kept
	}
	ordered := idsFirst(all)
	if !source.IsText(data) {
		return append(ordered, failed...)
	}
	if name != "-" && len(failed) == 0 && !strings.HasPrefix(ordered[0].text, credential.Prefix) {
		return []reading{{source: name, err: fmt.Errorf("text without a code: %w", qr.ErrFormat)}} // a file of other text was no code on a picture
	}
	return append(all, failed...) // each was typed on purpose
}

// place names where an item came from: the file, and the page of a document.
func (p *Program) place(item source.Item) string {
	if item.Page == 0 {
		return item.Source
	}
	return p.Env.T("%s, с. %d", "%s, p. %d", item.Source, item.Page)
}

// idsFirst puts service IDs before other codes of the same input. Codes beside a service ID, such as a badge's or a
// poster's, are judged and named, but say nothing about the person.
func idsFirst(all []reading) []reading {
	var ids, others []reading
	for _, r := range all {
		if strings.HasPrefix(r.text, credential.Prefix) {
			ids = append(ids, r)
		} else {
			others = append(others, r)
		}
	}
	for i := range others {
		others[i].beside = len(ids) > 0
	}
	return append(ids, others...)
}

// look gives the texts of a picture; when there is none and explain is set, also why.
func look(picture *image.Gray, explain bool) ([]string, *detect.Report, error) {
	results, err := qr.ReadGrey(picture, qr.ReadOptions{})
	if err == nil && len(results) == 0 {
		err = qr.ErrNoCode
	}
	if err != nil {
		if explain {
			report := detect.Explain(picture, detect.Options{})
			return nil, &report, err
		}
		return nil, nil, err
	}
	texts := make([]string, len(results))
	for i, r := range results {
		texts[i] = r.Text
	}
	return texts, nil, nil
}

// readCamera looks through a camera until it sees a service ID, or until the time is over.
func (p *Program) readCamera(device string, timeout time.Duration, explain bool) []reading {
	env := p.Env
	fail := func(err error, report *detect.Report) []reading {
		return []reading{{source: device, err: err, report: report}}
	}
	src, err := source.OpenCamera(device, source.CameraOptions{})
	if err != nil {
		return fail(err, nil)
	}
	defer src.Close()
	return p.watchFor(src, device, timeout, explain, func(err error) {
		what, _ := readFault(env, err)
		fmt.Fprintf(env.Stderr, "%s: %s: %s\n", env.Program, device, what)
	})
}

// watchFor takes pictures from a camera until one holds a service ID; tell hears of faults that may pass.
func (p *Program) watchFor(src source.Source, device string, timeout time.Duration, explain bool, tell func(error)) []reading {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	var others []reading
	var last *image.Gray
	var fault error
	pictures := 0
	for {
		item, err := src.Next(ctx)
		if err != nil {
			if !errors.Is(err, context.DeadlineExceeded) {
				fault = err
			}
			break
		}
		if item.Err != nil {
			fault = item.Err
			tell(item.Err)
			continue
		}
		fault, last = nil, item.Picture
		pictures++
		results, err := detect.Read(item.Picture, detect.Options{Deadline: time.Now().Add(frameTime)})
		if err != nil || len(results) == 0 {
			continue
		}
		found := make([]reading, len(results))
		for i, r := range results {
			found[i] = reading{source: device, text: r.Text}
		}
		if found = idsFirst(found); strings.HasPrefix(found[0].text, credential.Prefix) {
			return found
		}
		if others == nil {
			ctx, cancel = context.WithTimeout(ctx, foreignPatience)
			defer cancel()
		}
		others = found
	}
	switch {
	case others != nil:
		return others
	case fault != nil:
		return []reading{{source: device, err: fault}}
	}
	r := reading{source: device, err: fmt.Errorf("%d pictures in %s: %w", pictures, timeout, qr.ErrNoCode)}
	if explain && last != nil {
		report := detect.Explain(last, detect.Options{})
		r.report = &report
	}
	return []reading{r}
}

// tellReading says on stderr what the verdict does not: why nothing was read, or what was mended of the text.
func (p *Program) tellReading(r reading) {
	env := p.Env
	if r.err == nil {
		if words := r.repaired.Words(env.Lang); words != "" {
			fmt.Fprintf(env.Stderr, "%s: %s: %s\n", env.Program, r.source, words)
		}
		return
	}
	what, hint := readFault(env, r.err)
	fmt.Fprintf(env.Stderr, "%s: %s: %s\n", env.Program, r.source, what)
	fmt.Fprintf(env.Stderr, "%s: hint: %s\n", env.Program, hint)
	if r.report != nil {
		for _, line := range explainLines(env, *r.report) {
			fmt.Fprintf(env.Stderr, "%s: %s\n", env.Program, line)
		}
	}
}

// readFault says why nothing was read and what to do.
func readFault(env *cli.Env, err error) (what, hint string) {
	var layout *source.LayoutError
	if errors.As(err, &layout) {
		return layout.Words(env.Lang), layout.Remedy(env.Lang)
	}
	return printable(err.Error()), readHint(env, err)
}

// readHint is the next step after something that could not be read.
func readHint(env *cli.Env, err error) string {
	for _, h := range []struct {
		err    error
		uk, en string
	}{
		{qr.ErrNoCode, "наведіть код на весь кадр і зчитайте ще раз", "fill the frame with the code and read again"},
		{qr.ErrFormat, "потрібна картинка PNG, JPEG, WebP або GIF чи документ PDF; текст коду дають через --text", "give a PNG, JPEG, WebP or GIF picture or a PDF document; the text of a code goes to --text"},
		{qr.ErrTooLarge, "зменшіть картинку", "make the picture smaller"},
		{qr.ErrTooManyPixels, "зменшіть картинку", "make the picture smaller"},
		{source.ErrTooManyLines, "давайте тексти меншими частинами", "give fewer texts at once"},
		{source.ErrTextTooLong, "це не код посвідчення: зчитайте ще раз", "this is no service ID code: read again"},
		{source.ErrNoPDF, "встановіть poppler-utils (sudo apt install poppler-utils) або дайте картинку", "install poppler-utils (sudo apt install poppler-utils) or give a picture"},
		{source.ErrPDFEncrypted, "збережіть PDF без пароля або зробіть знімок екрана", "save the PDF without a password, or take a screenshot"},
		{source.ErrPDFPages, "дайте лише сторінку з кодом", "give the page with the code only"},
		{source.ErrPDFSlow, "зробіть знімок сторінки з кодом і дайте картинку", "take a picture of the page with the code and give that"},
		{source.ErrPDF, "збережіть PDF заново або зробіть знімок екрана", "save the PDF anew, or take a screenshot"},
		{source.ErrUnplugged, "під'єднайте камеру знову", "plug the camera in again"},
		{source.ErrNoCamera, "під'єднайте камеру; наявні пристрої: ls /dev/video*", "plug the camera in; the devices there are: ls /dev/video*"},
		{source.ErrCameraDenied, "додайте користувача до групи video (sudo usermod -aG video $USER) і увійдіть знову", "add the user to the group video (sudo usermod -aG video $USER) and log in again"},
		{source.ErrCameraBusy, "закрийте іншу програму, що користується камерою", "close the other program that uses the camera"},
		{source.ErrNotCamera, "візьміть інший пристрій /dev/video*: цей не дає зображення", "take another device /dev/video*: this one gives no pictures"},
		{source.ErrCameraSystem, "користуйтеся ручним сканером або файлами картинок", "use a hand scanner or picture files"},
		{source.ErrFrame, "перевірте кабель камери, під'єднайте її до іншого порту", "check the camera's cable, use another port"},
		{context.Canceled, "зчитування перервано: нічого не перевірено", "reading was broken off: nothing was verified"},
		{os.ErrNotExist, "перевірте назву файла", "check the file name"},
	} {
		if errors.Is(err, h.err) {
			return env.T(h.uk, h.en)
		}
	}
	return env.T("зчитайте ще раз", "read again")
}

// explainLines says in plain words what was found in a picture that could not be read.
func explainLines(env *cli.Env, r detect.Report) []string {
	lines := []string{env.T("кутових міток коду: %d (повний код має три)", "corner marks of a code: %d (a whole code has three)", r.Finders)}
	if r.ModulePixels > 0 {
		lines = append(lines,
			env.T("пікселів на клітинку коду: %.1f (треба 4 і більше)", "pixels per module: %.1f (4 or more are needed)", r.ModulePixels),
			env.T("різкість %.0f %%, контраст %.0f %%, засвічено %.0f %%", "sharpness %.0f %%, contrast %.0f %%, glare %.0f %%", 100*r.Sharpness, 100*r.Contrast, 100*r.Glare))
	}
	for _, a := range r.Advice {
		lines = append(lines, "→ "+adviceText(env.Lang, a))
	}
	return lines
}

// adviceText says to a person what would make a code readable, in "uk" or "en".
func adviceText(lang string, a detect.Advice) string {
	texts := map[detect.Advice][2]string{
		detect.AdviceCloser:      {"піднесіть код ближче", "hold the code closer"},
		detect.AdviceFarther:     {"відсуньте код трохи далі", "hold the code a little farther away"},
		detect.AdviceStill:       {"тримайте нерухомо, дайте камері навестися", "hold still, let the camera focus"},
		detect.AdviceGlare:       {"відблиск: трохи нахиліть телефон від світла", "glare: tilt the phone a little away from the light"},
		detect.AdviceLight:       {"бракує світла: зробіть екран яскравішим або ввімкніть світло", "too little contrast: make the screen brighter or switch a light on"},
		detect.AdviceWhole:       {"покажіть увесь код із білими полями", "show the whole code with its white border"},
		detect.AdviceNotQR:       {"нічого схожого на QR-код не видно", "nothing that looks like a QR code is seen"},
		detect.AdviceUnreadable:  {"код пошкоджено: попросіть показати новий", "the code is damaged: ask for a new one"},
		detect.AdviceReadAlready: {"код читається", "the code reads"},
	}
	t, ok := texts[a]
	if !ok {
		t = [2]string{"зчитайте ще раз", "read again"}
	}
	if lang == "en" {
		return t[1]
	}
	return t[0]
}
