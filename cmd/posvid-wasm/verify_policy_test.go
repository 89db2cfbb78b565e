//go:build !js

package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/trust"
)

// TestCheckpointPolicy: a policy that the body signed for this device tightens its verdicts and names who may be on duty.
func TestCheckpointPolicy(t *testing.T) {
	w := newWorld(t)
	p := w.person(1, "Гончарук Тарас Григорович")
	b := w.admitted()
	signed := func(id, number uint64, change func(*trust.CheckpointPolicy)) []byte {
		t.Helper()
		q := trust.CheckpointPolicy{Body: body, Verifier: id, Number: number, IssuedAt: base, ValidUntil: base.Add(30 * day), MinLevel: 2, StatusAge: 12 * time.Hour, Guards: []string{"Мельник Ольга"}}
		if change != nil {
			change(&q)
		}
		out, err := json.Marshal(map[string]any{"policy": must[[]byte](t)(trust.SignCheckpointPolicy(q, w.issuer)), "guards": []string{"x"}})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	for name, data := range map[string][]byte{"nothing": nil, "no JSON": []byte("{"), "no policy": []byte(`{"policy":"AAAA"}`), "of another device": signed(2, 1, nil),
		"of another body": signed(1, 1, func(q *trust.CheckpointPolicy) { q.Body = "10000002" }), "from the future": signed(1, 1, func(q *trust.CheckpointPolicy) { q.IssuedAt = base.Add(5 * time.Hour) })} {
		if a := b.orderData(order{Op: "policy"}, data); a.Fault == nil || a.Fault.Code != "policy" {
			t.Errorf("%s: %+v", name, a.Fault)
		}
	}
	if a := b.orderData(order{Op: "policy"}, []byte(`{}`)); a.Fault != nil || b.order(order{Op: "health"}).Health.Policy != 0 {
		t.Errorf("there is none: %+v", a.Fault)
	}
	if a := b.orderData(order{Op: "policy"}, signed(1, 2, nil)); a.Fault != nil {
		t.Fatalf("%+v", a.Fault)
	}
	if a := b.orderData(order{Op: "policy"}, signed(1, 1, nil)); a.Fault == nil {
		t.Error("an older policy was taken")
	}
	h := b.order(order{Op: "health"}).Health
	if h.Policy != 2 || len(h.Guards) != 1 || h.Guard != "" || !strings.Contains(h.Limit, "12") {
		t.Errorf("%+v", h)
	}
	if s := b.read(fromPaste, p.code(b.at)); s.Verdict != nil || !strings.Contains(s.Notice, "вартовий") {
		t.Errorf("judged with nobody on duty: %+v", s)
	}
	for _, nobody := range []string{"", "x", "Гончарук"} {
		if a := b.order(order{Op: "guard", Text: nobody}); a.Fault == nil || a.Fault.Code != "guard" {
			t.Errorf("%q is on duty: %+v", nobody, a.Fault)
		}
	}
	if a := b.order(order{Op: "guard", Text: "мельник ольга"}); a.Fault != nil || b.order(order{Op: "health"}).Health.Guard != "Мельник Ольга" {
		t.Errorf("%+v", a.Fault)
	}
	if s := b.read(fromPaste, p.code(b.at)); code(s) != "ok" {
		t.Errorf("%s", code(s))
	}
	b.order(order{Op: "clear"})
	b.wait(13 * time.Hour)
	if s := b.read(fromPaste, p.code(b.at)); code(s) != "status-stale" {
		t.Errorf("data older than the policy's 12 hours: %s", code(s))
	}
	if a := b.orderData(order{Op: "policy"}, signed(1, 3, func(q *trust.CheckpointPolicy) { q.MinLevel, q.Photo, q.Guards, q.StatusAge = 3, true, nil, 0 })); a.Fault != nil {
		t.Fatalf("%+v", a.Fault)
	}
	b.order(order{Op: "clear"})
	if s := b.wait(time.Minute).read(fromPaste, p.code(b.at)); code(s) != "level-too-low" {
		t.Errorf("level 3 is wanted: %s", code(s))
	}
}
