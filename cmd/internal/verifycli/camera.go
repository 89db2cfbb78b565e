package verifycli

import (
	"context"
	"errors"
	"time"

	"github.com/posvid/posvid/cmd/internal/watch"
	"github.com/posvid/posvid/qr/detect"
	"github.com/posvid/posvid/qr/source"
)

// Times of reading from a camera.
const (
	frameTime   = 300 * time.Millisecond // the search in one frame; the next one may be better
	explainTime = 800 * time.Millisecond // between looks at why a frame does not read
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
	var explained time.Time
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
		began := time.Now()
		results, err := detect.Read(item.Picture, detect.Options{Deadline: began.Add(frameTime), MaxCodes: 32})
		if err == nil && len(results) > 0 {
			out := watch.Item{Up: true}
			for _, r := range results {
				out.Texts = append(out.Texts, r.Text)
			}
			give(out)
			continue
		}
		out := watch.Item{Up: true}
		if began.Sub(explained) >= explainTime {
			explained = began
			report := detect.Explain(item.Picture, detect.Options{Deadline: time.Now().Add(frameTime)})
			if report.Finders > 0 && len(report.Advice) > 0 {
				out.Advice = adviceWords(report.Advice[0])
				out.Seen = out.Advice != watch.Words{}
			}
		}
		give(out)
	}
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
