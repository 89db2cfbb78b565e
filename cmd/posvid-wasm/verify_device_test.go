//go:build !js

package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/checkpoint"
	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/locale"
	"github.com/posvid/posvid/trust"
	"github.com/posvid/posvid/verifier"
)

// TestSetUp: a root is pinned once, by a fingerprint that a person typed; a bundle is installed under it alone.
func TestSetUp(t *testing.T) {
	w := newWorld(t)
	store := &shelf{files: map[string][]byte{}}
	b := &bench{t: t, store: store, at: now}
	b.device = newDevice(checkpoint.OpenStorage(store, func() (string, time.Duration, bool) { return "", 0, false }), "uk")
	data := w.bundle(base)
	if h := b.order(order{Op: "health"}).Health; h.Ready || h.Code != "no-root" || h.Pinned != "" {
		t.Errorf("%+v", h)
	}
	if s := b.read(fromPaste, w.person(1, "А").code(now)); code(s) != "no-root" || strings.Contains(s.Verdict.Next, "posvid-verify") {
		t.Errorf("%+v", s.Verdict)
	}
	if a := b.orderData(order{Op: "install"}, data); a.Fault == nil || a.Fault.Code != "no-root" {
		t.Errorf("a bundle without a root: %+v", a.Fault)
	}
	good := w.pin.String()
	for _, bad := range []string{"", "A", good[:len(good)-1], good + "A", strings.Replace(good, good[:1], "0", 1), strings.Repeat("A", 52), "<script>", strings.Repeat("x", 5000)} {
		for _, op := range []string{"fingerprint", "pin"} {
			if a := b.order(order{Op: op, Text: bad}); a.Fault == nil || a.Fingerprint != "" || strings.Contains(a.Fault.Cause, "script") {
				t.Errorf("%s %q: %+v", op, bad, a)
			}
		}
	}
	if a := b.order(order{Op: "fingerprint", Text: strings.ToLower(strings.ReplaceAll(good, " ", "-"))}); a.Fingerprint != good || a.Demo {
		t.Errorf("%+v", a)
	}
	if a := b.order(order{Op: "fingerprint", Text: demoRoot}); !a.Demo {
		t.Error("the demo root is not told")
	}
	for range 2 {
		if a := b.order(order{Op: "pin", Text: good}); a.Fault != nil {
			t.Errorf("%+v", a.Fault)
		}
	}
	if a := b.order(order{Op: "pin", Text: demoRoot}); a.Fault == nil || a.Fault.Code != "pinned" {
		t.Errorf("another root: %+v", a.Fault)
	}
	if h := b.order(order{Op: "health"}).Health; h.Ready || h.Code != "no-bundle" || h.Pinned != good {
		t.Errorf("%+v", h)
	}
	newer := w.bundle(base.Add(time.Minute))
	for _, c := range []struct {
		data []byte
		want string
	}{{nil, "bundle"}, {[]byte("x"), "bundle"}, {newer, ""}, {newer, ""}, {data, "rollback"}, {append(newer[:len(newer):len(newer)], 0), "bundle"}} {
		a := b.orderData(order{Op: "install"}, c.data)
		got := ""
		if a.Fault != nil {
			got = a.Fault.Code
		}
		if got != c.want {
			t.Errorf("%d bytes: %q, want %q", len(c.data), got, c.want)
		}
	}
	if a := b.orderData(order{Op: "recover"}, newer); a.Fault == nil || a.Fault.Code != "intact" {
		t.Errorf("%+v", a.Fault)
	}
	delete(store.files, "memory-a")
	delete(store.files, "memory-b")
	if h := b.order(order{Op: "health"}).Health; h.Ready || !h.Mend || h.Code != "state-damaged" {
		t.Errorf("%+v", h)
	}
	if a := b.orderData(order{Op: "recover"}, data); a.Fault == nil || a.Fault.Code != "rollback" {
		t.Errorf("an older bundle recovers: %+v", a.Fault)
	}
	if a := b.orderData(order{Op: "recover"}, newer); a.Fault != nil {
		t.Errorf("%+v", a.Fault)
	}
	if h := b.order(order{Op: "health"}).Health; !h.Ready || h.Mend {
		t.Errorf("%+v", h)
	}
	store.files["pin"] = []byte("?") // no first start: somebody has to look at this device
	if h := b.order(order{Op: "health"}).Health; h.Ready || h.Code != "state-damaged" || !h.Mend {
		t.Errorf("%+v", h)
	}
	if a := b.order(order{Op: "pin", Text: good}); a.Fault == nil {
		t.Error("a damaged pin was written over")
	}
}

// TestHealth: what stands in the way of a confirmation is told before anybody stands there, in both languages.
func TestHealth(t *testing.T) {
	w := newWorld(t)
	b := w.bench()
	for _, c := range []struct {
		after time.Duration
		class string
		code  string
		warns int
	}{
		{time.Hour, "checkpoint", "", 0},
		{19 * time.Hour, "checkpoint", "", 1}, // three quarters of 24 h
		{25 * time.Hour, "checkpoint", "", 1},
		{25 * time.Hour, "council", "", 0},
		{73 * time.Hour, "council", "", 1},
		{8 * day, "council", "bundle-expired", 1},
		{-3 * time.Minute, "council", "clock-behind", 0},
	} {
		b.at = base.Add(c.after)
		if a := b.order(order{Op: "class", Class: c.class}); a.Fault != nil {
			t.Fatalf("%+v", a.Fault)
		}
		for _, lang := range locale.Languages() {
			b.order(order{Op: "lang", Lang: lang})
			h := b.order(order{Op: "health"}).Health
			if h.Code != c.code || h.Ready != (c.code == "") || len(h.Warnings) != c.warns || h.Class != c.class || h.Age == "" {
				t.Errorf("%s %s: %+v", c.after, c.class, h)
			}
			if !h.Ready && (h.Headline == "" || h.Cause == "" || h.Next == "") {
				t.Errorf("%s: no words", h.Code)
			}
		}
	}
	for _, bad := range []string{"", "none", "gate", "3"} {
		if a := b.order(order{Op: "class", Class: bad}); a.Fault == nil {
			t.Errorf("class %q was taken", bad)
		}
	}
	a := b.order(order{Op: "faults"})
	if len(a.Faults) != 2 || a.Faults[0].Word != locale.Word("uk", "cannot-confirm") || a.Faults[1].Word != locale.Word("en", "cannot-confirm") {
		t.Errorf("%+v", a.Faults)
	}
}

// TestAdmission: the request is of the page's key, and a signed request is good for one address alone.
func TestAdmission(t *testing.T) {
	w := newWorld(t)
	b := w.bench()
	for _, o := range []order{{Op: "request", Body: body, Name: "x", Class: "checkpoint"}, {Op: "sign", Origin: "https://a.example", Method: "GET", Target: "/"}} {
		if a := b.order(o); a.Fault == nil || a.Data != nil || a.Header != "" {
			t.Errorf("%s without a key: %+v", o.Op, a)
		}
	}
	if err := b.setKey(gate, gate.HPKEPublic()); err != nil {
		t.Fatal(err)
	}
	for _, o := range []order{{Body: "1", Name: "x", Class: "checkpoint"}, {Body: body, Class: "checkpoint"}, {Body: body, Name: "x"}, {Body: body, Name: "a\nb", Class: "council"}, {Body: body, Name: strings.Repeat("я", 300), Class: "council"}} {
		o.Op = "request"
		if a := b.order(o); a.Fault == nil || a.Data != nil {
			t.Errorf("%+v was taken", o)
		}
	}
	q, err := trust.ParseVerifierRequest(b.order(order{Op: "request", Body: body, Name: "Вхід № 1", Class: "council"}).Data)
	if err != nil || q.Name != "Вхід № 1" || q.Class != trust.ClassCouncil || !q.Key.Equal(gate.VerifierPublic()) {
		t.Errorf("%+v, %v", q, err)
	}
	h := b.order(order{Op: "health"}).Health
	if len(strings.Fields(h.Key)) != 8 || h.Verifier != 0 || !h.HasKey {
		t.Errorf("%+v", h)
	}
	header := b.orderData(order{Op: "sign", Origin: "https://a.example", Method: "POST", Target: "/x"}, []byte("body")).Header
	raw, err := credential.DecodeRequestHeader(header)
	if err != nil {
		t.Fatal(err)
	}
	r, err := credential.ParseRequest(raw)
	if err != nil || r.Origin != "https://a.example" || r.Target != "/x" || r.Method != "POST" || !r.Verifier.Equal(gate.VerifierPublic()) {
		t.Errorf("%+v, %v", r, err)
	}
	admitted := newWorld(t).admitted()
	if h := admitted.order(order{Op: "health"}).Health; h.Verifier != 1 || h.Name != "Вхід" || h.Until == "" {
		t.Errorf("%+v", h)
	}
	if _, err := verifierKey(make([]byte, 65)); err == nil {
		t.Error("a point that is none was taken")
	}
}

// TestOrders: what is no order is an error, and nothing is done.
func TestOrders(t *testing.T) {
	b := newWorld(t).bench()
	for _, bad := range []string{"", "null", "[]", "{}", `{"op":"nothing"}`, `{"op":"tick","extra":1}`, `{"op":"tick"}{"op":"tick"}`, `{"op":"tick","at":1e30}`, `{"op":"tick","at":253402300800000}`,
		`{"op":"reading","source":"camera"}`, `{"op":"reading","source":"mind","texts":["SID1:"]}`, `{"op":"reading","texts":["SID1:"]}`, strings.Repeat(" ", maxOrder) + `{"op":"tick"}`} {
		if a, err := b.do(bad, nil); err == nil || a != nil {
			t.Errorf("%.60q was carried out: %+v", bad, a)
		}
	}
	if s := b.look(); s.Verdict != nil {
		t.Error("a verdict came of nothing")
	}
}

func FuzzOrder(f *testing.F) {
	w := newWorld(f)
	p := w.person(1, "Гончарук Тарас Григорович")
	b := w.bench()
	for _, op := range []string{"health", "faults", "fingerprint", "pin", "class", "install", "recover", "reading", "tick", "dismiss", "clear", "lang", "challenge", "ask", "confirm", "picture", "online", "request", "sign"} {
		text, _ := json.Marshal(order{Op: op, At: now.UnixMilli(), Source: fromPaste, Texts: []string{"SID1:ABC"}, Text: "x"})
		f.Add(string(text), []byte("data"))
	}
	text, _ := json.Marshal(order{Op: "reading", At: now.UnixMilli(), Source: fromCamera, Texts: []string{p.code(now)[:300]}})
	f.Add(string(text), []byte{})
	f.Fuzz(func(t *testing.T, text string, data []byte) {
		a, err := b.do(text, data)
		if err != nil {
			if a != nil {
				t.Error("an error with an answer")
			}
			return
		}
		if _, err := a.encode(); err != nil {
			t.Error(err)
		}
		if a.Screen != nil && a.Screen.Verdict != nil && a.Screen.Verdict.Outcome == verifier.Accept.String() {
			t.Error("something was accepted")
		}
	})
}
