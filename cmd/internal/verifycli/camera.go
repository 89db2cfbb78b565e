package verifycli

import (
	"context"
	"errors"
	"image"
	"time"

	"github.com/posvid/posvid/cmd/internal/watch"
	"github.com/posvid/posvid/qr/detect"
	"github.com/posvid/posvid/qr/source"
)

// Times of reading from a camera.
const (
	frameTime    = 300 * time.Millisecond // the search in one frame; the next one may be better
	explainAfter = time.Second            // without a code, before it is asked why frames do not read
	explainPause = 2 * time.Second        // between two such looks, from the end of the one to the start of the other
)

// cameraSources are the cameras that were asked for: none by the name none, the first that works by the name auto or by no
// name at all. With auto one that is plugged in later is found too.
func (p *Program) cameraSources(names []string) []watch.Source {
	if len(names) == 0 {
		names = []string{"auto"}
	}
	var all []watch.Source
	for _, name := range names {
		if name == "none" || name == "" {
			continue
		}
		all = append(all, watch.Source{Name: name, Run: func(ctx context.Context, give func(watch.Item)) {
			device := name
			if name == "auto" {
				if device = firstCamera(); device == "" {
					give(watch.Item{Absent: true, Err: watch.Words{UK: "не знайдено (якщо її й не буде: --camera none)", EN: "none found (if there is to be none: --camera none)"}})
					return
				}
			}
			camera, err := source.OpenCamera(device, source.CameraOptions{Wait: name != "auto"})
			if err != nil {
				give(watch.Item{Err: cameraWords(err)})
				return
			}
			defer camera.Close()
			readCamera(ctx, camera, give)
		}})
	}
	return all
}

// firstCamera is the first camera that can be used, "" when there is none.
func firstCamera() string {
	cameras, err := source.Cameras()
	if err != nil {
		return ""
	}
	for _, c := range cameras {
		if c.Err == nil {
			return c.Device
		}
	}
	return ""
}

// readCamera reads the codes in a camera's frames until the context ends.
func readCamera(ctx context.Context, camera source.Source, give func(watch.Item)) {
	e := newExplainer(time.Now())
	defer e.wait()
	for {
		item, err := camera.Next(ctx)
		switch {
		case err != nil:
			if ctx.Err() == nil {
				give(watch.Item{Err: cameraWords(err)})
			}
			return
		case item.Err != nil:
			give(watch.Item{Err: cameraWords(item.Err)})
			continue
		case item.Picture == nil:
			continue
		}
		out := watch.Item{Up: true}
		results, err := detect.Read(item.Picture, detect.Options{Deadline: time.Now().Add(frameTime), MaxCodes: 32})
		if err == nil {
			for _, r := range results {
				out.Texts = append(out.Texts, r.Text)
			}
		}
		advice, told := e.look(item.Picture, len(out.Texts) > 0, time.Now())
		if told {
			out.Seen, out.Advice = true, advice
		}
		give(out)
	}
}

// explainer looks beside the reading why frames do not read: a look costs as much as several frames, and a picture can be made to
// cost more. Nobody waits for it.
type explainer struct {
	explain func(*image.Gray) (watch.Words, bool)
	found   chan glance // holds one
	busy    bool
	read    time.Time // when a code was read last
	rested  time.Time // when the last look had ended
}

// glance is what a look has found.
type glance struct {
	advice watch.Words
	seen   bool
}

func newExplainer(now time.Time) *explainer {
	return &explainer{explain: explainFrame, found: make(chan glance, 1), read: now}
}

// look takes a frame and whether it was read. It answers what the last look has found, once, and only while nothing reads.
func (e *explainer) look(picture *image.Gray, read bool, now time.Time) (advice watch.Words, seen bool) {
	if read {
		e.read = now
	}
	select {
	case f := <-e.found:
		e.busy, e.rested = false, now
		if e.quiet(now) {
			advice, seen = f.advice, f.seen
		}
	default:
	}
	if !e.busy && e.quiet(now) && now.Sub(e.rested) >= explainPause {
		e.busy = true
		go func() {
			var f glance
			defer func() {
				_ = recover() // a picture that no look survives has no advice
				e.found <- f
			}()
			f.advice, f.seen = e.explain(picture)
		}()
	}
	return advice, seen
}

// quiet tells whether nothing has been read for a while.
func (e *explainer) quiet(now time.Time) bool { return now.Sub(e.read) >= explainAfter }

// wait waits for the look that is on its way.
func (e *explainer) wait() {
	if e.busy {
		<-e.found
	}
}

// explainFrame looks why a frame does not read. seen tells that something like a code is in it.
func explainFrame(picture *image.Gray) (advice watch.Words, seen bool) {
	report := detect.Explain(picture, detect.Options{Deadline: time.Now().Add(frameTime)})
	if report.Finders > 0 && len(report.Advice) > 0 {
		advice = adviceWords(report.Advice[0])
	}
	return advice, advice != watch.Words{}
}

// adviceWords tells a guard how to hold a code that does not read; nothing when nothing helps.
func adviceWords(a detect.Advice) watch.Words {
	switch a {
	case detect.AdviceCloser:
		return watch.Words{UK: "тримайте код БЛИЖЧЕ до камери", EN: "hold the code CLOSER to the camera"}
	case detect.AdviceFarther:
		return watch.Words{UK: "тримайте код ДАЛІ від камери", EN: "hold the code FARTHER from the camera"}
	case detect.AdviceStill:
		return watch.Words{UK: "тримайте код НЕРУХОМО", EN: "hold the code STILL"}
	case detect.AdviceGlare:
		return watch.Words{UK: "ВІДБЛИСК: нахиліть телефон", EN: "GLARE: tilt the phone"}
	case detect.AdviceLight:
		return watch.Words{UK: "ТЕМНО: додайте світла або яскравості екрана", EN: "TOO DARK: more light, or a brighter screen"}
	case detect.AdviceWhole:
		return watch.Words{UK: "покажіть код ЦІЛКОМ, з білими полями", EN: "show the WHOLE code with its white border"}
	case detect.AdviceUnreadable:
		return watch.Words{UK: "код пошкоджено: попросіть оновити", EN: "the code is damaged: ask for a new one"}
	}
	return watch.Words{}
}

// cameraWords tells a person what is wrong with a camera.
func cameraWords(err error) error {
	switch {
	case errors.Is(err, source.ErrUnplugged):
		return watch.Words{UK: "камеру від'єднано; під'єднайте, екран підхопить сам", EN: "the camera is unplugged; plug it in, the screen goes on by itself"}
	case errors.Is(err, source.ErrNoCamera):
		return watch.Words{UK: "камери немає; під'єднайте, екран підхопить сам", EN: "no such camera; plug it in, the screen goes on by itself"}
	case errors.Is(err, source.ErrCameraDenied):
		return watch.Words{UK: "немає прав: додайте користувача до групи video і ввійдіть знову", EN: "no rights: put the user into the group video and log in again"}
	case errors.Is(err, source.ErrCameraBusy):
		return watch.Words{UK: "камеру зайняла інша програма: закрийте її", EN: "another program has the camera: close it"}
	case errors.Is(err, source.ErrNotCamera):
		return watch.Words{UK: "пристрій не дає знімків, які можна читати: візьміть інший /dev/video", EN: "the device gives no pictures that can be read: take another /dev/video"}
	case errors.Is(err, source.ErrCameraSystem):
		return watch.Words{UK: "камери працюють лише під Linux: беріть ручний сканер", EN: "cameras work under Linux only: use a hand scanner"}
	}
	return watch.Words{UK: "камера не дає знімків", EN: "the camera gives no pictures"}
}
