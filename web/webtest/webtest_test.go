package webtest_test

import (
	"fmt"
	"image"
	"image/color"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/posvid/posvid/web/webtest"
)

// TestBrowser shows that the harness sees what it claims to see: typed text, the camera's picture, complaints, rules broken.
func TestBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("short mode: starts a browser")
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "script-src 'self' 'unsafe-inline'; img-src 'self'")
		fmt.Fprint(w, `<!doctype html><html lang="uk"><title>Проба</title><main><h1>Проба</h1><label>Код <input id="code"></label><p id="out"></p><video id="v" muted playsinline></video>
<script>document.querySelector("#code").addEventListener("input", e => { document.querySelector("#out").textContent = "є " + e.target.value; });</script></main></html>`)
	}))
	defer server.Close()
	white := image.NewUniform(color.White)
	picture := image.NewGray(image.Rect(0, 0, 64, 48))
	for y := range 48 {
		for x := range 64 {
			picture.Set(x, y, white.At(0, 0))
		}
	}
	b := webtest.Start(t, webtest.Options{Camera: webtest.CameraFile(t, 2, picture)})
	p := b.Page(t)
	p.Open(server.URL)
	p.Type("#code", "7К3М")
	p.WaitText("#out", "є 7К3М")
	p.Accessible("the harness's own page")
	bright := webtest.Eval[int](p, `(async () => {
  const v = document.querySelector("#v");
  v.srcObject = await navigator.mediaDevices.getUserMedia({video: true});
  await v.play();
  await new Promise(done => v.requestVideoFrameCallback(done));
  const c = document.createElement("canvas"); c.width = c.height = 1;
  const g = c.getContext("2d"); g.drawImage(v, 320, 240, 1, 1, 0, 0, 1, 1);
  return g.getImageData(0, 0, 1, 1).data[0]; })()`)
	if bright < 240 {
		t.Errorf("the middle of the camera's picture is %d, want white", bright)
	}
	if len(p.Complaints()) != 0 {
		t.Errorf("complaints about a page without faults: %v", p.Complaints())
	}
	webtest.Eval[bool](p, `console.error("навмисна скарга"), true`)
	webtest.Eval[bool](p, `new Promise(done => { const i = new Image(); i.onerror = () => done(true); i.src = "https://example.org/x.png"; })`)
	p.Wait("the complaint", "true")
	if len(p.Complaints()) < 2 {
		t.Errorf("complaints %v, want the deliberate one and the refused picture", p.Complaints())
	}
	p.Allow("ERR_INTERNET_DISCONNECTED")
	reached := `fetch(location.href).then(() => true, () => false)`
	p.Offline(true)
	if webtest.Eval[bool](p, reached) || webtest.Eval[bool](p, `navigator.onLine`) {
		t.Error("the page reaches its server with the network off")
	}
	p.Offline(false)
	if !webtest.Eval[bool](p, reached) {
		t.Error("the page does not reach its server with the network back")
	}
	p.Allow("навмисна скарга", "Content Security Policy", "example.org")
}
