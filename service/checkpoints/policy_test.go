package checkpoints

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/trust"
)

func policyForm(w *world) url.Values {
	return url.Values{"level": {"3"}, "status": {"12"}, "beacon": {"24"}, "until": {w.Now().Add(60 * day).Format(time.DateOnly)}}
}

func (d *device) policy() *trust.CheckpointPolicy {
	d.w.T.Helper()
	status, _, data := d.do(http.MethodGet, "/api/v1/checkpoint", nil)
	var answer struct {
		PolicyNumber uint64 `json:"policy_number"`
		Policy       []byte
		Guards       []string
	}
	if err := json.Unmarshal(data, &answer); err != nil || status != http.StatusOK || answer.Policy == nil {
		d.w.T.Fatalf("policy: %d %s %v", status, data, err)
	}
	u, err := trust.ParseCheckpointPolicy(answer.Policy)
	if err != nil {
		d.w.T.Fatal(err)
	}
	b, _, err := d.w.Trust.Bundle()
	if err != nil {
		d.w.T.Fatal(err)
	}
	p, err := u.Open(b)
	if err != nil {
		d.w.T.Fatal(err)
	}
	if p.Number != answer.PolicyNumber || len(p.Guards) != len(answer.Guards) {
		d.w.T.Errorf("the answer says %+v beside policy %+v", answer, p)
	}
	return p
}

// CPA-10, CPA-20: the page signs what a device then obeys; the numbers grow, whatever the day.
func TestPolicyPage(t *testing.T) {
	w := newWorld(t)
	d, centre := w.admitted("Вхід"), w.admitted("Охорона")
	w.again()
	s := d.state()
	if _, err := s.Keys([]byte("x")); err == nil {
		t.Fatal("keys of nobody")
	}
	for name, change := range map[string]func(url.Values){
		"no level":             func(f url.Values) { f.Del("level") },
		"level 5":              func(f url.Values) { f.Set("level", "5") },
		"level -1":             func(f url.Values) { f.Set("level", "-1") },
		"no hours":             func(f url.Values) { f.Set("status", "0") },
		"an age of eight days": func(f url.Values) { f.Set("status", "192") },
		"hours of letters":     func(f url.Values) { f.Set("beacon", "багато") },
		"no term":              func(f url.Values) { f.Del("until") },
		"a term that was":      func(f url.Values) { f.Set("until", w.Now().Add(-2*day).Format(time.DateOnly)) },
		"a term of two years":  func(f url.Values) { f.Set("until", w.Now().Add(730*day).Format(time.DateOnly)) },
		"named, but nobody is": func(f url.Values) { f.Set("named", "1") },
		"a journal to itself":  func(f url.Values) { f.Set("journal", strconv.FormatUint(d.id, 10)) },
		"a journal to nobody":  func(f url.Values) { f.Set("journal", "999") },
		"a journal to a word":  func(f url.Values) { f.Set("journal", "x") },
	} {
		f := policyForm(w)
		change(f)
		t.Run(name, func(t *testing.T) { w.refused(w.admin, d.path+"/policy", f, "bad-policy") })
	}
	w.post(w.admin, d.path+"/guards", url.Values{"guard": {" Коваль   О. "}}, http.StatusSeeOther)
	w.post(w.admin, d.path+"/guards", url.Values{"guard": {"Бондар"}}, http.StatusSeeOther)
	f := policyForm(w)
	f.Set("named", "1")
	f.Set("photo", "1")
	f.Set("journal", strconv.FormatUint(centre.id, 10))
	f.Set("clear", "1")
	w.post(w.admin, d.path+"/policy", f, http.StatusSeeOther)
	p := d.policy()
	if p.MinLevel != 3 || p.StatusAge != 12*time.Hour || p.BeaconAge != day || !p.Photo || strings.Join(p.Guards, "|") != "Бондар|Коваль О." || p.JournalTo != centre.id || !p.JournalClear || p.Verifier != d.id {
		t.Errorf("signed: %+v", p)
	}
	if p.Number != 2026112001 {
		t.Errorf("number %d, want one of the day", p.Number)
	}
	w.post(w.admin, d.path+"/policy", policyForm(w), http.StatusSeeOther)
	if next := d.policy(); next.Number != p.Number+1 || next.Photo || next.JournalTo != 0 {
		t.Errorf("the next one: %+v", next)
	}
	if _, _, data := w.Do(w.admin, http.MethodGet, d.path+"/policy", nil); len(data) < 100 {
		t.Errorf("policy file: %s", data)
	}
	if page := w.get(w.admin, d.path); !strings.Contains(page, `id="policy-number">2026112002<`) {
		t.Error("the page does not show the number")
	}
	if nextNumber(0, time.Date(1999, 12, 31, 23, 0, 0, 0, time.UTC)) != 1999123101 || nextNumber(2026112099, w.Now()) != 2026112100 || nextNumber(3000010101, w.Now()) != 3000010102 {
		t.Error("numbers do not grow")
	}
	w.refused(w.admin, centre.path+"/policy", url.Values{}, "bad-policy")
	w.refused(w.admin, w.point("Без пристрою")+"/policy", policyForm(w), "checkpoint-state")
}

// CPA-30: a guard begins and ends a shift by an own account, at one checkpoint at a time.
func TestShiftPage(t *testing.T) {
	w := newWorld(t)
	d, other := w.admitted("Вхід"), w.admitted("Вихід")
	account := w.Account("Коваль Оксана", service.Grant{Role: service.CheckpointOperator, Body: w.Ministry.EDRPOU})
	clerk := w.Account("Не вартовий", service.Grant{Role: service.Auditor, Body: w.Ministry.EDRPOU})
	guardClient := w.LogIn(account, false)
	page := "/b/" + w.Ministry.EDRPOU + "/shift"
	if !strings.Contains(w.get(guardClient, page), `id="no-post"`) {
		t.Error("a guard of nothing has a post")
	}
	w.refused(w.admin, d.path+"/guards", url.Values{"guard": {"Інша"}, "account": {strconv.FormatInt(clerk, 10)}}, "bad-field")
	for _, path := range []string{d.path, other.path} {
		w.post(w.admin, path+"/guards", url.Values{"guard": {"Коваль"}, "account": {strconv.FormatInt(account, 10)}}, http.StatusSeeOther)
	}
	id := func(d *device) string { return d.path[strings.LastIndexByte(d.path, '/')+1:] }
	w.post(guardClient, page, url.Values{"checkpoint": {id(d)}, "do": {"begin"}}, http.StatusSeeOther)
	w.refused(guardClient, page, url.Values{"checkpoint": {id(d)}, "do": {"begin"}}, "checkpoint-state")
	if !strings.Contains(w.get(guardClient, page), `id="end-`+id(d)+`"`) {
		t.Error("the shift does not run")
	}
	w.Advance(5 * time.Minute)
	w.post(guardClient, page, url.Values{"checkpoint": {id(other)}, "do": {"begin"}}, http.StatusSeeOther)
	text := w.get(guardClient, page)
	if strings.Contains(text, `id="end-`+id(d)+`"`) || !strings.Contains(text, `id="end-`+id(other)+`"`) {
		t.Error("a guard stands at two checkpoints")
	}
	w.post(guardClient, page, url.Values{"checkpoint": {id(other)}, "do": {"end"}}, http.StatusSeeOther)
	w.refused(guardClient, page, url.Values{"checkpoint": {"999"}, "do": {"begin"}}, "unknown-checkpoint")
	w.refused(guardClient, page, url.Values{"checkpoint": {id(d)}, "do": {"nap"}}, "bad-field")
	w.refused(guardClient, page, nil, "bad-field")
	if report := w.get(w.As(w.Role(service.BodyAdmin, w.Ministry)), d.path); strings.Count(report, "за обліковим записом") != 1 {
		t.Error("the report does not have the shift")
	}
	w.refused(w.As(w.Role(service.BodyAdmin, w.Ministry)), page, nil, "forbidden")
}
