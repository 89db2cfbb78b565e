package checkpoints

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/service/servicetest"
	"github.com/posvid/posvid/trust"
)

// CPA-01, CPA-03: from a name to a device that the service answers.
func TestOnboarding(t *testing.T) {
	w := newWorld(t)
	path := w.point("Вхід № 2")
	token := w.codeOn(path)
	if page := w.get(w.admin, path); strings.Contains(page, token) {
		t.Error("the code is shown a second time")
	}
	status, data := w.api("/api/v1/checkpoints/onboard/look", map[string]string{"token": token})
	var purpose struct{ Body, Name, Class, Root string }
	if err := json.Unmarshal(data, &purpose); err != nil || status != http.StatusOK || purpose.Body != w.Ministry.EDRPOU || purpose.Name != "Вхід № 2" ||
		purpose.Class != "checkpoint" || purpose.Root != w.Pin.String() {
		t.Fatalf("look: %d %s", status, data)
	}
	key := newKey(t)
	status, data = w.api("/api/v1/checkpoints/onboard", map[string]any{"token": token, "request": w.request(key, purpose.Body, purpose.Name, trust.ClassCheckpoint, w.Now())})
	fingerprint := Fingerprint(key.VerifierPublic().Thumbprint())
	if status != http.StatusOK || !strings.Contains(string(data), `"`+fingerprint+`"`) {
		t.Fatalf("onboard: %d %s", status, data)
	}
	if page := w.get(w.admin, path); !strings.Contains(page, fingerprint) {
		t.Error("the page does not show the key")
	}
	// Before the body has confirmed the key nothing can be carried to the trust operator, nor admitted.
	id := path[strings.LastIndexByte(path, '/')+1:]
	if status, _, data := w.Do(w.admin, http.MethodGet, path+"/request", nil); problem(data) != "checkpoint-state" {
		t.Errorf("request file before the key was compared: %d %s", status, problem(data))
	}
	w.refused(w.chief, "/operator/checkpoints/"+id+"/admit", nil, "checkpoint-state")
	w.refused(w.admin, path+"/confirm", url.Values{"fingerprint": {strings.Repeat("0", 64)}}, "checkpoint-state")
	w.refused(w.admin, path+"/confirm", nil, "checkpoint-state")
	thumb := key.VerifierPublic().Thumbprint()
	w.post(w.admin, path+"/confirm", url.Values{"fingerprint": {fmt.Sprintf("%x", thumb)}}, http.StatusSeeOther)
	w.refused(w.admin, path+"/confirm", url.Values{"fingerprint": {fmt.Sprintf("%x", thumb)}}, "checkpoint-state")
	if _, _, data := w.Do(w.admin, http.MethodGet, path+"/request", nil); len(data) < 100 || problem(data) != "not a problem" {
		t.Errorf("request file: %s", problem(data))
	}
	if page := w.get(w.chief, "/operator/checkpoints"); !strings.Contains(page, fingerprint) {
		t.Error("the trust operator does not see the key")
	}
	w.post(w.chief, "/operator/checkpoints/"+id+"/admit", nil, http.StatusSeeOther)
	w.refused(w.chief, "/operator/checkpoints/"+id+"/admit", nil, "checkpoint-state")
	d := &device{w: w, key: key, path: path}
	d.wants("unknown-device", http.MethodGet, "/api/v1/checkpoint", nil) // the bundle does not have it yet
	w.Advance(time.Second)
	if err := w.Trust.Publish(context.Background(), w.Now()); err != nil {
		t.Fatal(err)
	}
	status, _, data = d.do(http.MethodGet, "/api/v1/checkpoint?bundle=7", nil)
	var answer struct {
		Verifier, Bundle uint64
		Name             string
		Policy           []byte
		Guards           []string
	}
	if err := json.Unmarshal(data, &answer); err != nil || status != http.StatusOK || answer.Name != "Вхід № 2" || answer.Verifier == 0 || answer.Bundle == 0 || answer.Policy != nil {
		t.Fatalf("checkpoint: %d %s", status, data)
	}
	if page := w.get(w.admin, path); !strings.Contains(page, fmt.Sprintf(`id="verifier">%d<`, answer.Verifier)) {
		t.Error("the page does not show the number")
	}
	if w.get(w.admin, "/b/"+w.Ministry.EDRPOU+"/checkpoints") == "" {
		t.Error("no list")
	}
}

// CPA-02: whatever is wrong with a code gives one answer, and uses nothing up.
func TestOnboardingRefuses(t *testing.T) {
	w := newWorld(t)
	path := w.point("Вхід")
	key := newKey(t)
	good := func() []byte { return w.request(key, w.Ministry.EDRPOU, "Вхід", trust.ClassCheckpoint, w.Now()) }
	try := func(what, token string, request []byte, want string) {
		t.Helper()
		if status, code := w.handIn(token, request); status < 400 || code != want {
			t.Errorf("%s: %d %s, want %s", what, status, code, want)
		}
	}
	old := w.codeOn(path)
	token := w.codeOn(path)
	try("a code that a newer one has replaced", old, good(), "onboarding-refused")
	try("no code", "", good(), "onboarding-refused")
	try("another code", strings.Repeat("A", 22), good(), "onboarding-refused")
	try("a code with a letter more", token+"A", good(), "onboarding-refused")
	try("a code in other case", strings.ToUpper(token), good(), "onboarding-refused")
	try("no request", token, []byte{}, "invalid")
	try("not a request", token, []byte("request"), "bad-verifier-request")
	try("a request that is cut", token, good()[:100], "bad-verifier-request")
	try("of another body", token, w.request(key, w.Council.EDRPOU, "Вхід", trust.ClassCheckpoint, w.Now()), "bad-verifier-request")
	try("of another name", token, w.request(key, w.Ministry.EDRPOU, "Вихід", trust.ClassCheckpoint, w.Now()), "bad-verifier-request")
	try("of another class", token, w.request(key, w.Ministry.EDRPOU, "Вхід", trust.ClassCouncil, w.Now()), "bad-verifier-request")
	try("of yesterday", token, w.request(key, w.Ministry.EDRPOU, "Вхід", trust.ClassCheckpoint, w.Now().Add(-25*time.Hour)), "request-time")
	try("of tomorrow", token, w.request(key, w.Ministry.EDRPOU, "Вхід", trust.ClassCheckpoint, w.Now().Add(time.Hour)), "request-time")
	if status, code := w.handIn(token, good()); status != http.StatusOK {
		t.Fatalf("the code was used up by a request that did not fit: %d %s", status, code)
	}
	try("a second use", token, good(), "onboarding-refused")
	if status, data := w.api("/api/v1/checkpoints/onboard/look", map[string]string{"token": token}); problem(data) != "onboarding-refused" {
		t.Errorf("a look after its use: %d %s", status, data)
	}
	w.refused(w.admin, path+"/code", nil, "checkpoint-state") // a device has been handed in
	other := w.point("Інший")
	try("a key of another checkpoint", w.codeOn(other), w.request(key, w.Ministry.EDRPOU, "Інший", trust.ClassCheckpoint, w.Now()), "key-taken")
	third := w.point("Третій")
	late := w.codeOn(third)
	w.Advance(CodeTerm)
	try("at the end of its term", late, w.request(newKey(t), w.Ministry.EDRPOU, "Третій", trust.ClassCheckpoint, w.Now()), "onboarding-refused")
}

// CPA-02: codes are not to be guessed.
func TestOnboardingIsNotGuessed(t *testing.T) {
	w := newWorld(t)
	for range 30 {
		if _, code := w.handIn(strings.Repeat("B", 22), []byte("x")); code != "onboarding-refused" {
			t.Fatalf("a wrong code: %s", code)
		}
	}
	if _, code := w.handIn(strings.Repeat("B", 22), []byte("x")); code != "rate-limited" {
		t.Errorf("the 31st try: %s", code)
	}
	if _, data := w.api("/api/v1/checkpoints/onboard/look", map[string]string{"token": "B"}); problem(data) != "rate-limited" {
		t.Errorf("a look after that: %s", data)
	}
}

// CPA-04: a key that is not the device's is thrown away, and the code with it.
func TestDeniedKey(t *testing.T) {
	w := newWorld(t)
	path := w.point("Вхід")
	token, key := w.codeOn(path), newKey(t)
	if status, code := w.handIn(token, w.request(key, w.Ministry.EDRPOU, "Вхід", trust.ClassCheckpoint, w.Now())); status != http.StatusOK {
		t.Fatal(code)
	}
	w.post(w.admin, path+"/deny", nil, http.StatusSeeOther)
	w.refused(w.admin, path+"/deny", nil, "checkpoint-state")
	if _, code := w.handIn(token, w.request(key, w.Ministry.EDRPOU, "Вхід", trust.ClassCheckpoint, w.Now())); code != "onboarding-refused" {
		t.Errorf("the code once more: %s", code)
	}
	if status, code := w.handIn(w.codeOn(path), w.request(newKey(t), w.Ministry.EDRPOU, "Вхід", trust.ClassCheckpoint, w.Now())); status != http.StatusOK {
		t.Errorf("another device with a new code: %s", code)
	}
}

// CPA-05: a stopped device gets nothing more from this moment on; another takes its place, with its guards.
func TestStoppedDevice(t *testing.T) {
	w := newWorld(t)
	d := w.admitted("Вхід")
	w.post(w.admin, d.path+"/guards", url.Values{"guard": {"Коваль"}}, http.StatusSeeOther)
	if status, _, _ := d.do(http.MethodGet, "/api/v1/checkpoint", nil); status != http.StatusOK {
		t.Fatal("the device is not known")
	}
	if status, _, data := d.do(http.MethodGet, "/api/v1/checkpoint/photos", nil); status != http.StatusOK || !strings.Contains(string(data), w.Ministry.EDRPOU) {
		t.Fatalf("packs: %d %s", status, data)
	}
	w.refused(w.admin, d.path+"/stop", nil, "bad-field")
	w.refused(w.admin, d.path+"/stop", url.Values{"why": {"a\nb"}}, "bad-field")
	next := w.post(w.admin, d.path+"/stop", url.Values{"why": {"загублено"}, "replace": {"1"}}, http.StatusSeeOther)
	if next == d.path || !strings.Contains(w.get(w.admin, next), "Коваль") {
		t.Errorf("no account in its place: %s", next)
	}
	w.refused(w.admin, d.path+"/stop", url.Values{"why": {"ще раз"}}, "checkpoint-state")
	for _, target := range []string{"/api/v1/checkpoint", "/api/v1/checkpoint/photos", "/api/v1/checkpoint/photos/" + w.Ministry.EDRPOU, "/api/v1/checkpoint/portrait/" + strings.Repeat("0", 40)} {
		d.wants("device-stopped", http.MethodGet, target, nil)
	}
	d.wants("device-stopped", http.MethodPost, "/api/v1/checkpoint/journal", []byte("x"))
	d.wants("device-stopped", http.MethodPost, "/api/v1/checkpoint/shifts", []byte(`{"shifts":[{"guard":"A","shift":"","first":"2026-11-20T08:00:00Z","last":"2026-11-20T08:00:00Z","counts":[{"verdict":"accept","code":"ok","photo":"","n":1}]}]}`), "Content-Type", "application/json")
	w.refused(w.admin, d.path+"/policy", policyForm(w), "checkpoint-state")
	id := d.path[strings.LastIndexByte(d.path, '/')+1:]
	w.post(w.chief, "/operator/checkpoints/"+id+"/end", nil, http.StatusSeeOther)
	w.refused(w.chief, "/operator/checkpoints/"+id+"/end", nil, "checkpoint-state")
	if len(w.ended) != 1 || w.ended[0] != d.id {
		t.Errorf("ended: %v, want %d", w.ended, d.id)
	}
}

// CPA-06: who is not known, or known for something else, gets nothing; nor does a request that came before.
func TestDevicesAreKnown(t *testing.T) {
	w := newWorld(t)
	d := w.admitted("Вхід")
	(&device{w: w, key: w.Stranger}).wants("unknown-device", http.MethodGet, "/api/v1/checkpoint", nil)
	(&device{w: w, key: w.Verifier}).wants("no-checkpoint-account", http.MethodGet, "/api/v1/checkpoint", nil) // in the bundle, but nobody's account here
	header := d.sign(http.MethodGet, "/api/v1/checkpoint", nil)
	for i, want := range []string{"", "request-repeated"} {
		status, _, data := w.Do(w.Client(), http.MethodGet, "/api/v1/checkpoint", nil, "Posvid-Request", header)
		if (want == "") != (status == http.StatusOK) || want != "" && problem(data) != want {
			t.Errorf("reading %d: %d %s", i, status, problem(data))
		}
	}
	other := d.sign(http.MethodGet, "/api/v1/checkpoint/photos", nil)
	if _, _, data := w.Do(w.Client(), http.MethodGet, "/api/v1/checkpoint", nil, "Posvid-Request", other); problem(data) != "request-signature" {
		t.Errorf("signed for something else: %s", problem(data))
	}
	if status, _, data := w.Do(w.Client(), http.MethodGet, "/api/v1/checkpoint", nil); status != http.StatusUnauthorized || problem(data) != "not-logged-in" {
		t.Errorf("not signed: %d %s", status, problem(data))
	}
	header = d.sign(http.MethodGet, "/api/v1/checkpoint", nil)
	w.Advance(time.Hour)
	if _, _, data := w.Do(w.Client(), http.MethodGet, "/api/v1/checkpoint", nil, "Posvid-Request", header); problem(data) != "request-time" {
		t.Errorf("signed an hour ago: %s", problem(data))
	}
}

// CPA-07: a checkpoint is seen and changed by its own body alone, and changed with a passkey alone.
func TestOtherBodySeesNothing(t *testing.T) {
	w := newWorld(t)
	d := w.admitted("Вхід")
	id := d.path[strings.LastIndexByte(d.path, '/')+1:]
	stranger := w.As(w.Role(service.BodyAdmin, w.Council))
	auditor := w.As(w.Role(service.Auditor, w.Ministry))
	weak := w.Role(service.BodyAdmin, w.Ministry)
	weak.SecondFactor = time.Time{}
	lazy := w.As(weak)
	for _, sub := range []string{"", "/policy", "/request", "/journal/1"} {
		if status, _, _ := w.Do(stranger, http.MethodGet, d.path+sub, nil); status != http.StatusForbidden {
			t.Errorf("the council reads %s%s: %d", d.path, sub, status)
		}
		own := "/b/" + w.Council.EDRPOU + "/checkpoints/" + id + sub
		if status, _, data := w.Do(stranger, http.MethodGet, own, nil); status != http.StatusNotFound || problem(data) != "unknown-checkpoint" {
			t.Errorf("the council reads %s: %d %s", own, status, problem(data))
		}
	}
	for _, sub := range []string{"/code", "/confirm", "/deny", "/stop", "/policy", "/guards", "/guards/1/end"} {
		w.refused(stranger, d.path+sub, url.Values{"why": {"так"}}, "forbidden")
		w.refused(stranger, "/b/"+w.Council.EDRPOU+"/checkpoints/"+id+sub, url.Values{"why": {"так"}}, "unknown-checkpoint")
		w.refused(auditor, d.path+sub, url.Values{"why": {"так"}}, "forbidden")
		w.refused(lazy, d.path+sub, url.Values{"why": {"так"}}, "second-factor")
	}
	for _, path := range []string{"/b/" + w.Ministry.EDRPOU + "/checkpoints", "/b/" + w.Ministry.EDRPOU + "/checkpoints/photos"} {
		w.refused(stranger, path, nil, "forbidden")
		w.refused(auditor, path, nil, "forbidden")
		w.refused(lazy, path, nil, "second-factor")
	}
	w.refused(w.admin, "/operator/checkpoints/"+id+"/admit", nil, "forbidden")
	w.refused(w.admin, "/operator/checkpoints/"+id+"/end", nil, "forbidden")
	if page := w.get(auditor, d.path); strings.Contains(page, `id="stop"`) || strings.Contains(page, `id="sign"`) {
		t.Error("an auditor is offered what he may not do")
	}
	if page := w.get(stranger, "/b/"+w.Council.EDRPOU+"/checkpoints"); strings.Contains(page, "Вхід") {
		t.Error("the council's list has the ministry's checkpoint")
	}
}

// CPA-08: forms are held to their limits.
func TestFormsAreChecked(t *testing.T) {
	w := newWorld(t)
	good := func() url.Values {
		return url.Values{"name": {"Вхід"}, "place": {"двір"}, "class": {"council"}, "until": {w.Now().Add(30 * day).Format(time.DateOnly)}}
	}
	list := "/b/" + w.Ministry.EDRPOU + "/checkpoints"
	for name, change := range map[string]func(url.Values){
		"no name":         func(f url.Values) { f.Del("name") },
		"two lines":       func(f url.Values) { f.Set("name", "a\nb") },
		"a turned name":   func(f url.Values) { f.Set("name", "a\u202eb") },
		"a long name":     func(f url.Values) { f.Set("name", strings.Repeat("н", maxName)) },
		"no place":        func(f url.Values) { f.Set("place", " ") },
		"no class":        func(f url.Values) { f.Del("class") },
		"another class":   func(f url.Values) { f.Set("class", "none") },
		"no term":         func(f url.Values) { f.Del("until") },
		"a term that was": func(f url.Values) { f.Set("until", w.Now().Add(-2*day).Format(time.DateOnly)) },
		"an endless term": func(f url.Values) { f.Set("until", w.Now().Add(MaxTerm+2*day).Format(time.DateOnly)) },
		"not a date":      func(f url.Values) { f.Set("until", "2026-13-40") },
	} {
		f := good()
		change(f)
		t.Run(name, func(t *testing.T) { w.refused(w.admin, list, f, "bad-field") })
	}
	w.post(w.admin, list, good(), http.StatusSeeOther)
	w.refused(w.admin, list, good(), "checkpoint-name")
	for _, id := range []string{"0", "-1", "x", "999", "1e3"} {
		if status, _, data := w.Do(w.admin, http.MethodGet, list+"/"+id, nil); status != http.StatusNotFound {
			t.Errorf("checkpoint %s: %d %s", id, status, problem(data))
		}
	}
	hostile := `<script>alert(1)</script>`
	path := w.post(w.admin, list, url.Values{"name": {hostile}, "place": {`"><img src=x>`}, "class": {"checkpoint"}, "until": {w.Now().Add(30 * day).Format(time.DateOnly)}}, http.StatusSeeOther)
	w.post(w.admin, path+"/guards", url.Values{"guard": {hostile}}, http.StatusSeeOther)
	w.refused(w.admin, path+"/guards", url.Values{"guard": {hostile}}, "guard-name")
	w.refused(w.admin, path+"/guards", url.Values{"guard": {"  "}}, "bad-field")
	w.refused(w.admin, path+"/guards", url.Values{"guard": {"А"}, "account": {"77"}}, "unknown-account")
	w.refused(w.admin, path+"/guards/999/end", nil, "checkpoint-state")
	for _, page := range []string{w.get(w.admin, path), w.get(w.admin, list), w.post(w.admin, path+"/code", nil, http.StatusOK), w.get(w.Client(), OnboardPath)} {
		if strings.Contains(page, "<script>alert") || strings.Contains(page, "<img src=x>") {
			t.Error("a typed text is markup")
		}
	}
	if strings.Contains(w.Logs.String(), "script") || strings.Contains(w.Logs.String(), "двір") {
		t.Error("a typed text is in the log")
	}
}

// CPA-09: a host that is not the trust operator's admits nobody; a device that its bundle has is admitted all the same.
func TestAdmittedElsewhere(t *testing.T) {
	w := newWorld(t)
	path, key := w.point("Вхід"), newKey(t)
	request := w.request(key, w.Ministry.EDRPOU, "Вхід", trust.ClassCheckpoint, w.Now())
	if status, code := w.handIn(w.codeOn(path), request); status != http.StatusOK {
		t.Fatal(code)
	}
	thumb := key.VerifierPublic().Thumbprint()
	w.post(w.admin, path+"/confirm", url.Values{"fingerprint": {fmt.Sprintf("%x", thumb)}}, http.StatusSeeOther)
	w.Trust.Operator = false
	w.refused(w.chief, "/operator/checkpoints/"+path[strings.LastIndexByte(path, '/')+1:]+"/admit", nil, "not-trust-operator")
	w.Trust.Operator = true
	if _, err := w.Trust.Admit(request, trust.VerifierGrant{ValidUntil: w.Now().Add(30 * day)}, w.Now()); err != nil {
		t.Fatal(err)
	}
	w.Advance(time.Second)
	if err := w.Trust.Publish(context.Background(), w.Now()); err != nil {
		t.Fatal(err)
	}
	w.Trust.Operator = false
	if page := w.get(w.admin, path); strings.Contains(page, `id="verifier">—`) {
		t.Error("the number did not come with the bundle")
	}
	if status, _, data := (&device{w: w, key: key}).do(http.MethodGet, "/api/v1/checkpoint", nil); status != http.StatusOK {
		t.Errorf("the device: %d %s", status, problem(data))
	}
}

// CPA-05: the parts that this one does not know refuse a stopped device too; what the trust operator changes is published.
func TestStoppedDeviceElsewhere(t *testing.T) {
	w := &world{World: servicetest.New(t), folder: t.TempDir()}
	w.Server.Trust = endingTrust{w.Trust, w}
	if err := Mount(w.Server, Config{Folder: w.folder}); err != nil {
		t.Fatal(err)
	}
	answer := func(rw http.ResponseWriter, r *http.Request) error {
		_, err := fmt.Fprint(rw, service.PrincipalOf(r.Context()).Kind == service.Device)
		return err
	}
	w.Server.Page("POST /api/test/device", service.Access{Kinds: []service.Kind{service.Device}}, answer)
	w.Server.Page("POST /api/test/open", service.Access{Public: true}, answer)
	w.Start()
	w.again()
	d := w.admitted("Пост 1")
	other := w.admitted("Пост 2")
	for _, path := range []string{"/api/test/device", "/api/test/open"} {
		if status, _, data := d.do(http.MethodPost, path, nil); status != http.StatusOK || string(data) != "true" {
			t.Fatalf("%s before: %d %s", path, status, data)
		}
	}
	w.post(w.admin, d.path+"/stop", url.Values{"why": {"загублено"}}, http.StatusSeeOther)
	for _, path := range []string{"/api/test/device", "/api/test/open"} {
		d.wants("device-stopped", http.MethodPost, path, nil)
		if status, _, data := other.do(http.MethodPost, path, nil); status != http.StatusOK || string(data) != "true" {
			t.Errorf("%s of another device: %d %s", path, status, data)
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- w.Server.Run(ctx) }()
	before := w.Trust.Published()
	w.Advance(time.Second)
	w.post(w.chief, "/operator/checkpoints/"+d.path[strings.LastIndexByte(d.path, '/')+1:]+"/end", nil, http.StatusSeeOther)
	for range 1000 {
		if w.Trust.Published() > before {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if w.Trust.Published() == before {
		t.Error("nothing was published after a device was ended")
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
