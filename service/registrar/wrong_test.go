package registrar

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"github.com/posvid/posvid/crypto/keys/authority"
	"github.com/posvid/posvid/hr"
	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/service/servicetest"
	"github.com/posvid/posvid/store"
)

// leaveOf is a row that states the leave of a person of the fixture.
func leaveOf(h *servicetest.Holder) row {
	r := someone(1)
	r.staff, r.rnokpp, r.surname, r.position, r.status = h.StaffNumber, h.RNOKPP, strings.Fields(h.Name)[0], h.Position, "звільнено"
	r.order, r.date = "12-к", "19.11.2026"
	return r
}

// state is the state of the ID of a person of the fixture.
func state(t testing.TB, b *servicetest.Body, part string) issuer.State {
	t.Helper()
	id, err := b.Body.Body.Show(bg, b.Holders[part].Row)
	if err != nil {
		t.Fatal(err)
	}
	return id.State
}

// [RGP-04]: a stated leave takes effect on the author's signature, whatever waits beside it.
func TestStatedLeaveWaitsForNobody(t *testing.T) {
	o := newOffice(t)
	clerk := o.browser(service.Registrar, o.Ministry, 11)
	path := o.upload(clerk, o.Ministry, csvOf(append(crew(1, 9), leaveOf(o.Ministry.Holders["issued"]))))
	clerk.get("/b/" + o.Ministry.EDRPOU + "/").ok().has("Вибуття і зупинення, що ще не діють: 1")
	if got := state(t, o.Ministry, "issued"); got != issuer.StateIssued {
		t.Fatalf("before the signature: %s", got)
	}
	o.sign(clerk, path)
	if got := state(t, o.Ministry, "issued"); got != issuer.StateRevoked {
		t.Fatalf("after the author's signature: %s, want revoked", got)
	}
	clerk.get(path).ok().has("чекає другого підписувача")
}

// restarted is the part over the same database after the program was killed.
func (o *office) restarted() *pages {
	return &pages{Server: o.Server, progress: map[string]progress{}, plans: map[int64]*planView{}, tries: map[int64][]time.Time{},
		sheets: map[[32]byte]*sheet{}, people: map[string]*peopleCache{}, audits: map[string]*auditCache{}}
}

// [RGP-05]: a kill between any two steps loses no dismissal and does nothing twice.
func TestKilledBetweenSteps(t *testing.T) {
	for _, step := range []string{"before reading", "while reading", "before applying", "after the register", "before finishing", "after finishing"} {
		t.Run(strings.ReplaceAll(step, " ", "_"), func(t *testing.T) {
			o := newOffice(t)
			clerk, second := o.browser(service.Registrar, o.Ministry, 11), o.browser(service.Approver, o.Ministry, 12)
			base := "/b/" + o.Ministry.EDRPOU
			once := clerk.get(base + "/staff").ok().hidden("once")
			data := csvOf(append(crew(1, 9), leaveOf(o.Ministry.Holders["issued"])))
			path := clerk.send(base+"/staff", []string{"once", once}, file{"staff", "staff.csv", data}).to()
			if step == "while reading" {
				// The plan was written, the row was not.
				l, err := o.p.load(bg, o.Ministry.EDRPOU, 1)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := o.p.putPart(bg, l.ID, partPlan, strings.NewReader(strings.Repeat("x", 3*pieceSize)), hr.MaxPlanBytes); err != nil {
					t.Fatal(err)
				}
			}
			if step == "before reading" || step == "while reading" {
				o.p = o.restarted()
			}
			o.work()
			clerk.post(path+"/sign", "hash", clerk.get(path).ok().hidden("hash"), "passphrase", phrase1).to()
			body := o.Ministry.Body
			if step == "after the register" {
				l, err := o.p.load(bg, o.Ministry.EDRPOU, 1)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := o.p.applyPlan(bg, body, l, o.Now()); err != nil {
					t.Fatal(err)
				}
			}
			if strings.HasSuffix(step, "applying") || strings.HasSuffix(step, "register") {
				o.p = o.restarted()
			}
			o.work()
			if got := state(t, o.Ministry, "issued"); got != issuer.StateRevoked {
				t.Fatalf("%s: the dismissed person's ID is %s", step, got)
			}
			before := o.standings(t, o.Ministry)
			second.post(path+"/approve", "hash", second.get(path).ok().hidden("hash"), "passphrase", phrase2).to()
			if step == "after finishing" {
				l, err := o.p.load(bg, o.Ministry.EDRPOU, 1)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := o.p.applyPlan(bg, body, l, o.Now()); err != nil {
					t.Fatal(err)
				}
			}
			if strings.HasSuffix(step, "finishing") {
				o.p = o.restarted()
			}
			o.work()
			o.work()
			l, err := o.p.load(bg, o.Ministry.EDRPOU, 1)
			if err != nil || l.Stage != stageDone {
				t.Fatalf("stage %d, %v; want done", l.Stage, err)
			}
			if step != "after finishing" {
				if n := o.standings(t, o.Ministry); n != before+9 {
					t.Fatalf("%d people, want %d", n, before+9)
				}
			}
			plans, err := o.Ministry.Register.Plans(bg)
			if err != nil || len(plans) != 2 {
				t.Fatalf("%d plans, %v; want the fixture's and this one", len(plans), err)
			}
		})
	}
}

// [RGP-06]: what a browser sends wrongly is refused by name and changes nothing.
func TestUploadsRefused(t *testing.T) {
	o := newOffice(t)
	clerk := o.browser(service.Registrar, o.Ministry, 11)
	base := "/b/" + o.Ministry.EDRPOU + "/staff"
	good := csvOf(crew(1, 2))
	once := func() string { return clerk.get(base).ok().hidden("once") }
	bomb := func() []byte {
		book := excelize.NewFile()
		defer book.Close()
		plain, err := book.WriteToBuffer()
		if err != nil {
			t.Fatal(err)
		}
		from, err := zip.NewReader(bytes.NewReader(plain.Bytes()), int64(plain.Len()))
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		for _, f := range from.File {
			w, err := z.Create(f.Name)
			if err != nil {
				t.Fatal(err)
			}
			if f.Name != "xl/worksheets/sheet1.xml" {
				r, err := f.Open()
				if err != nil {
					t.Fatal(err)
				}
				io.Copy(w, r)
				continue
			}
			io.WriteString(w, `<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>`)
			spaces := bytes.Repeat([]byte(" "), 1<<20)
			for range hr.MaxPartBytes>>20 + 1 {
				w.Write(spaces)
			}
		}
		z.Close()
		return b.Bytes()
	}
	for _, c := range []struct {
		name   string
		fields []string
		files  []file
		code   string
		job    bool // the job refuses it
	}{
		{"no file", nil, nil, "no-file", false},
		{"empty file", nil, []file{{"staff", "a.csv", nil}}, "empty-file", false},
		{"two files", nil, []file{{"staff", "a.csv", good}, {"staff", "b.csv", good}}, "bad-form", false},
		{"unknown field", nil, []file{{"other", "a.csv", good}}, "bad-form", false},
		{"total of letters", []string{"total", "багато"}, []file{{"staff", "a.csv", good}}, "bad-form", false},
		{"negative total", []string{"total", "-1"}, []file{{"staff", "a.csv", good}}, "bad-form", false},
		{"total beyond", []string{"total", "999999999"}, []file{{"staff", "a.csv", good}}, "bad-form", false},
		{"long sheet", []string{"sheet", strings.Repeat("а", 70)}, []file{{"staff", "a.csv", good}}, "bad-form", false},
		{"field not UTF-8", []string{"sheet", "\xff\xfe"}, []file{{"staff", "a.csv", good}}, "bad-form", false},
		{"huge field", []string{"sheet", strings.Repeat("а", maxFieldBytes)}, []file{{"staff", "a.csv", good}}, "bad-form", false},
		{"mapping beyond its limit", nil, []file{{"mapping", "m", bytes.Repeat([]byte("#"), hr.MaxMappingBytes+1)}, {"staff", "a.csv", good}}, "file-too-large", false},
		{"mapping of nonsense", nil, []file{{"staff", "a.csv", good}, {"mapping", "m", []byte("що = завгодно")}}, "bad-mapping", true},
		{"a picture", nil, []file{{"staff", "a.csv", []byte("\x89PNG\r\n\x1a\n\x00\x00")}}, "missing-headers", true},
		{"old workbook", nil, []file{{"staff", "a.xls", []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 and more")}}, "encrypted-file", true},
		{"no headers", nil, []file{{"staff", "a.csv", []byte("один;два\nтри;чотири\n")}}, "missing-headers", true},
		{"broken workbook", nil, []file{{"staff", "a.xlsx", []byte("PK\x03\x04 and then nothing")}}, "corrupt-file", true},
		{"workbook bomb", nil, []file{{"staff", "a.xlsx", bomb()}}, "file-too-large", true},
		{"photos not a ZIP", nil, []file{{"staff", "a.csv", good}, {"photos", "p.zip", []byte("not a zip")}}, "", true},
		{"only bad rows", nil, []file{{"staff", "a.csv", []byte(strings.ReplaceAll(string(good), "03.02.2035", "31.02.2035"))}}, "empty-file", true},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			before := o.standings(t, o.Ministry)
			p := clerk.send(base, append([]string{"once", once()}, c.fields...), c.files...)
			if !c.job {
				p.refused(c.code)
				if all, err := o.p.loads(bg, o.Ministry.EDRPOU, 100); err != nil || len(all) > 0 && all[0].Stage == stageReceiving {
					t.Fatalf("a load was left behind: %v", err)
				}
				return
			}
			path := p.to()
			o.work()
			p = clerk.get(path).ok()
			if !strings.Contains(p.text, `data-stage="8"`) {
				t.Fatalf("not refused: %s", p.short())
			}
			if c.code != "" && p.code() != c.code {
				t.Fatalf("code %q, want %q", p.code(), c.code)
			}
			if o.standings(t, o.Ministry) != before {
				t.Fatal("somebody was added")
			}
		})
	}
	t.Run("not_a_form", func(t *testing.T) { clerk.post(base, "once", once()).refused("content-type") })
	t.Run("not_multipart", func(t *testing.T) {
		r, _ := http.NewRequest(http.MethodPost, o.URL+base, strings.NewReader("x"))
		r.Header.Set("Content-Type", "application/octet-stream")
		clerk.do(r).refused("content-type")
	})
	t.Run("cut_off", func(t *testing.T) {
		r, _ := http.NewRequest(http.MethodPost, o.URL+base, strings.NewReader("--x\r\nContent-Disposition: form-data; name=\"staff\"; filename=\"a.csv\"\r\n\r\nhalf"))
		r.Header.Set("Content-Type", "multipart/form-data; boundary=x")
		if p := clerk.do(r); p.status < 400 {
			t.Fatalf("status %d", p.status)
		}
	})
	t.Run("no_form_number", func(t *testing.T) {
		clerk.send(base, nil, file{"staff", "a.csv", good}).refused("bad-form")
		clerk.send(base, []string{"once", "не номер"}, file{"staff", "a.csv", good}).refused("bad-form")
	})
	t.Run("path_trick", func(t *testing.T) {
		path := clerk.send(base, []string{"once", once()}, file{"staff", `..\..\etc/../../passwd<script>alert(1)</script>.csv`, good}).to()
		o.work()
		clerk.get(path).ok().hasNot("<script>alert").hasNot("etc").hasNot("..")
	})
}

// [RGP-07]: the same form twice, and two browsers at once.
func TestSentTwice(t *testing.T) {
	o := newOffice(t)
	clerk, second := o.browser(service.Registrar, o.Ministry, 11), o.browser(service.Approver, o.Ministry, 12)
	base := "/b/" + o.Ministry.EDRPOU
	once := clerk.get(base + "/staff").ok().hidden("once")
	data := csvOf(crew(1, 9))
	send := func() string {
		return clerk.send(base+"/staff", []string{"once", once}, file{"staff", "staff.csv", data}).to()
	}
	path := send()
	if again := send(); again != path {
		t.Fatalf("the same form made %s and %s", path, again)
	}
	o.work()
	if again := send(); again != path {
		t.Fatalf("the same form made %s and %s", path, again)
	}
	other := o.upload(clerk, o.Ministry, csvOf(crew(20, 9))) // a second plan against the same state
	hash := clerk.get(path).ok().hidden("hash")
	for range 2 {
		clerk.post(path+"/sign", "hash", hash, "passphrase", phrase1).to()
	}
	o.work()
	clerk.post(path+"/sign", "hash", hash, "passphrase", phrase1).to()
	second.post(path+"/approve", "hash", hash, "passphrase", phrase2).to()
	second.post(path+"/approve", "hash", hash, "passphrase", phrase2).to()
	o.work()
	// The other plan no longer fits; made anew of the same file it does.
	clerk.get(other).ok().has("план застарів")
	clerk.post(other+"/sign", "hash", clerk.get(other).hidden("hash"), "passphrase", phrase1).refused("wrong-stage")
	clerk.post(other+"/replan", "hash", clerk.get(other).hidden("hash")).to()
	o.work()
	o.sign(clerk, other)
	if got := clerk.get(other).ok().byID("stage"); got == "план застарів" {
		t.Fatal("the plan made anew is stale")
	}
	// Two browsers press the same button at the same time.
	third := o.upload(clerk, o.Ministry, csvOf(crew(40, 9)))
	hash = clerk.get(third).ok().hidden("hash")
	var wait sync.WaitGroup
	for range 6 {
		wait.Go(func() { clerk.post(third+"/sign", "hash", hash, "passphrase", phrase1) })
	}
	wait.Wait()
	o.work()
	rows, err := o.p.approvals(bg, 3)
	if err != nil || len(rows) != 1 {
		t.Fatalf("%d signatures, %v; want one", len(rows), err)
	}
}

// [RGP-08]: who may sign, with what, and when.
func TestSigningRefused(t *testing.T) {
	o := newOffice(t)
	clerk, second := o.browser(service.Registrar, o.Ministry, 11), o.browser(service.Approver, o.Ministry, 12)
	path := o.upload(clerk, o.Ministry, csvOf(crew(1, 9)))
	hash := clerk.get(path).ok().hidden("hash")
	clerk.post(path+"/sign", "hash", hash, "passphrase", "не та").refused("passphrase")
	clerk.post(path+"/sign", "hash", hash).refused("passphrase")
	clerk.post(path+"/sign", "hash", strings.Repeat("0", 64), "passphrase", phrase1).refused("plan-changed")
	clerk.post(path+"/sign", "passphrase", phrase1).refused("plan-changed")
	second.post(path+"/approve", "hash", hash, "passphrase", phrase2).refused("wrong-stage")
	second.post(path+"/sign", "hash", hash, "passphrase", phrase2).refused("forbidden")
	clerk.post(path+"/approve", "hash", hash, "passphrase", phrase1).refused("forbidden")
	// One account of both roles, one operator.
	grants := []service.Grant{{Role: service.Registrar, Body: o.Ministry.EDRPOU, Operator: 1}, {Role: service.Approver, Body: o.Ministry.EDRPOU, Operator: 1}}
	both := &browser{o, o.As(service.Principal{Kind: service.Account, Account: 13, SecondFactor: o.Now(), Grants: grants})}
	// No operator, and one that is none.
	none := &browser{o, o.As(service.Principal{Kind: service.Account, Account: 14, SecondFactor: o.Now(), Grants: []service.Grant{{Role: service.Registrar, Body: o.Ministry.EDRPOU}}})}
	none.post(path+"/sign", "hash", hash, "passphrase", phrase1).refused("not-an-operator")
	odd := &browser{o, o.As(service.Principal{Kind: service.Account, Account: 15, SecondFactor: o.Now(), Grants: []service.Grant{{Role: service.Registrar, Body: o.Ministry.EDRPOU, Operator: 99}}})}
	odd.post(path+"/sign", "hash", hash, "passphrase", phrase1).refused("operator-unknown")
	// Without a fresh second factor.
	stale := o.Role(service.Registrar, o.Ministry)
	stale.SecondFactor = o.Now().Add(-service.SecondFactorTerm)
	(&browser{o, o.As(stale)}).post(path+"/sign", "hash", hash, "passphrase", phrase1).refused("second-factor")
	o.sign(clerk, path)
	both.get(path).ok().has("Ви автор").hasNot(`id="approve"`)
	both.post(path+"/approve", "hash", hash, "passphrase", phrase1).refused("approval-same-person")
	clerk.post(path + "/discard").refused("wrong-stage")
	clerk.post(path+"/replan", "hash", hash).refused("wrong-stage")
	// Approvals made elsewhere.
	l, err := o.p.load(bg, o.Ministry.EDRPOU, 1)
	if err != nil {
		t.Fatal(err)
	}
	view, err := o.p.viewOf(bg, l)
	if err != nil {
		t.Fatal(err)
	}
	subject := issuer.PlanSubject(view.plan)
	sign := func(n int64, s issuer.Subject, part issuer.ApprovalPart) []byte {
		key, err := o.Ministry.OperatorKey(o.Ministry.Operators[n-1], []byte(servicetest.Passphrases[n]))
		if err != nil {
			t.Fatal(err)
		}
		data, err := issuer.SignApproval(s, part, key, o.Now())
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	otherNumber, otherHash, otherBody, otherEnd := subject, subject, subject, subject
	otherNumber.Number++
	otherHash.Hash[0] ^= 1
	otherBody.EDRPOU = o.Council.EDRPOU
	otherEnd.Expires = otherEnd.Expires.Add(time.Hour)
	stranger, err := authority.GenerateOperatorKey(-9)
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := issuer.SignApproval(subject, issuer.PartApprover, stranger, o.Now())
	if err != nil {
		t.Fatal(err)
	}
	right := sign(2, subject, issuer.PartApprover)
	damaged := bytes.Clone(right)
	damaged[len(damaged)-1] ^= 1
	for name, c := range map[string]struct {
		data []byte
		code string
	}{
		"nonsense": {[]byte("підпис"), "approval-file"}, "too long": {make([]byte, issuer.MaxApproval+1), "approval-file"}, "stranger": {foreign, "approval-file"}, "damaged": {damaged, "approval-file"},
		"other number": {sign(2, otherNumber, issuer.PartApprover), "approval-other-thing"}, "other hash": {sign(2, otherHash, issuer.PartApprover), "approval-edited"},
		"other body": {sign(2, otherBody, issuer.PartApprover), "approval-other-body"}, "other end": {sign(2, otherEnd, issuer.PartApprover), "approval-expired"},
		"author's part": {sign(2, subject, issuer.PartAuthor), "approval-role"}, "the author": {sign(1, subject, issuer.PartApprover), "approval-same-person"},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			second.send(path+"/approve", []string{"hash", hash}, file{"approval", "x.approval", c.data}).refused(c.code)
		})
	}
	second.send(path+"/approve", []string{"hash", hash}, file{"approval", "x.approval", right}).to()
	o.work()
	second.get(path).ok().has("застосовано")
	clerk.post(path+"/replan", "hash", hash).refused("wrong-stage")
}

// Guessing passphrases ends.
func TestPassphraseTries(t *testing.T) {
	o := newOffice(t)
	clerk := o.browser(service.Registrar, o.Ministry, 11)
	path := o.upload(clerk, o.Ministry, csvOf(crew(1, 2)))
	hash := clerk.get(path).ok().hidden("hash")
	for range passphraseTries {
		clerk.post(path+"/sign", "hash", hash, "passphrase", "навмання").refused("passphrase")
	}
	clerk.post(path+"/sign", "hash", hash, "passphrase", phrase1).refused("passphrase-tries")
	o.Advance(passphraseWindow)
	again := o.browser(service.Registrar, o.Ministry, 11) // a fresh second factor
	again.post(path+"/sign", "hash", hash, "passphrase", phrase1).to()
}

// A plan with stated leaves is not put aside by a slip of the hand, and a plan that waited too long is made anew.
func TestDiscardAndExpire(t *testing.T) {
	o := newOffice(t)
	clerk := o.browser(service.Registrar, o.Ministry, 11)
	path := o.upload(clerk, o.Ministry, csvOf([]row{leaveOf(o.Ministry.Holders["issued"])}))
	clerk.post(path + "/discard").refused("not-sure")
	o.Advance(planLife)
	clerk = o.browser(service.Registrar, o.Ministry, 11)
	clerk.get(path).ok().has("План").has("план застарів")
	clerk.get("/b/" + o.Ministry.EDRPOU + "/").ok().has("терміново")
	clerk.post(path+"/replan", "hash", clerk.get(path).hidden("hash")).to()
	o.work()
	clerk.post(path+"/discard", "sure", "yes").to()
	clerk.post(path+"/discard", "sure", "yes").to()
	clerk.get(path).ok().has("відкладено без застосування").has("Відклав").has("Кадровик Перша")
	if got := state(t, o.Ministry, "issued"); got != issuer.StateIssued {
		t.Fatalf("%s after the plan was put aside", got)
	}
}

// [RGP-09]: another body's rows do not exist for this body.
func TestOtherBodysRows(t *testing.T) {
	o := newOffice(t)
	ours, theirs := o.browser(service.Registrar, o.Ministry, 11), o.browser(service.Registrar, o.Council, 21)
	approver := o.browser(service.Approver, o.Council, 22)
	path := o.upload(ours, o.Ministry, csvOf(crew(1, 2)))
	base := "/b/" + o.Council.EDRPOU
	theirs.get(path).refused("forbidden")
	theirs.get(base + "/staff/1").refused("no-load")
	theirs.get(base + "/staff/1/plan.json").refused("no-load")
	for _, verb := range []string{"sign", "discard", "replan", "answers"} {
		theirs.post(base+"/staff/1/"+verb, "hash", "x", "passphrase", phrase1).refused("no-load")
	}
	approver.post(base+"/staff/1/approve", "hash", "x", "passphrase", phrase2).refused("no-load")
	for _, odd := range []string{"0", "-1", "01", "x", "9223372036854775808", "1 OR 1=1", "%00"} {
		if p := theirs.get(base + "/staff/" + url.PathEscape(odd)); p.status != 404 {
			t.Errorf("load %q: %d", odd, p.status)
		}
		if p := theirs.get(base + "/ids/" + url.PathEscape(odd)); p.status != 404 {
			t.Errorf("ID %q: %d", odd, p.status)
		}
	}
	once := ours.get("/b/" + o.Ministry.EDRPOU + "/bulk").ok().hidden("once")
	job := ours.post("/b/"+o.Ministry.EDRPOU+"/bulk", "once", once, "list", o.Ministry.Holders["issued"].Number, "to", "suspended", "ground", "check").to()
	theirs.get(strings.Replace(job, o.Ministry.EDRPOU, o.Council.EDRPOU, 1)).refused("no-job")
	for _, verb := range []string{"start", "discard"} {
		theirs.post(strings.Replace(job, o.Ministry.EDRPOU, o.Council.EDRPOU, 1)+"/"+verb, "hash", "x").refused("no-job")
	}
	approver.post(strings.Replace(job, o.Ministry.EDRPOU, o.Council.EDRPOU, 1)+"/approve", "hash", "x").refused("no-job")
	ours.post("/b/"+o.Ministry.EDRPOU+"/operators", "change", "remove", "operator", "2", "passphrase", phrase1)
	approver.post(base+"/operators/1/approve", "hash", "x", "passphrase", phrase2).refused("no-proposal")
	theirs.post(base + "/operators/1/withdraw").refused("no-proposal")
	theirs.get("/b/00000000/ids").refused("forbidden")
}

// [RGP-10]: who only reads changes nothing, on any route of the part.
func TestReadersChangeNothing(t *testing.T) {
	o := newOffice(t)
	routes := o.Server.Routes()
	if len(routes) < 30 {
		t.Fatalf("%d routes", len(routes))
	}
	n := 0
	for _, r := range routes {
		if r.Method != http.MethodPost {
			continue
		}
		path := strings.NewReplacer("{edrpou}", o.Ministry.EDRPOU, "{load}", "1", "{row}", "1", "{id}", "1").Replace(r.Path)
		for _, role := range []service.Role{service.Auditor, service.BodyAdmin, service.Holder, service.CheckpointOperator} {
			o.browser(role, o.Ministry, 5).post(path, "hash", "x").refused("forbidden")
		}
		(&browser{o, o.Client()}).post(path, "order", "12").refused("not-logged-in")
		n++
	}
	if n < 15 {
		t.Fatalf("%d routes that change something", n)
	}
}

// hostile is put into every text field.
const hostile = `"><script>alert('x')</script><img src=x onerror=alert(1)>'{{.}}` + "\u202e"

// [RGP-11]: hostile text stays text on every page it comes to.
func TestHostileTextStaysText(t *testing.T) {
	o := newOffice(t)
	clerk, second := o.browser(service.Registrar, o.Ministry, 11), o.browser(service.Approver, o.Ministry, 12)
	base := "/b/" + o.Ministry.EDRPOU
	clean := func(p *page) {
		t.Helper()
		for _, bad := range []string{"<script>alert", "onerror=alert(1)>", "<img src=x"} {
			if strings.Contains(p.text, bad) {
				t.Fatalf("raw %q on the page:\n%s", bad, p.short())
			}
		}
	}
	q := url.QueryEscape(hostile)
	for _, path := range []string{"/ids?q=", "/ids?unit=", "/ids?state=", "/ids?page=", "/without?q=", "/without?unit=", "/without?step=", "/audit?known=", "/audit?event=", "/audit?operator=", "/audit?from=", "/slips?q=", "/slips?unit=", "/staff?lang="} {
		clean(clerk.get(base + path + q).ok())
	}
	rows := crew(1, 6)
	for i := range rows {
		rows[i].unit = `Відділ <script>alert("x")</script>`
		rows[i].position = `спеціаліст <img src=x onerror=alert(1)>`
		rows[i].order, rows[i].date = "1<script>alert", "01.11.2026"
	}
	path := o.upload(clerk, o.Ministry, csvOf(rows))
	clean(clerk.get(path).ok())
	for _, list := range []string{"all", "join", "problems", "aside", "notes", "held"} {
		clean(clerk.get(path + "?list=" + list + "&q=" + q).ok())
	}
	o.sign(clerk, path)
	o.approve(second, path)
	for _, page := range []string{"/", "/staff", "/without", "/ids", "/slips", "/statistics", "/operators", "/audit"} {
		clean(clerk.get(base + page).ok())
	}
	clerk.get(base + "/without").ok().has(`<script>alert("x")</script>`) // as text
	clean(clerk.post(base+"/slips", "once", clerk.get(base+"/slips?again=yes").hidden("once"), "scope", "all", "again", "yes", "q", hostile, "unit", rows[0].unit))
	row := o.Ministry.Holders["issued"].Row
	clean(clerk.post(fmt.Sprintf("%s/ids/%d/state", base, row), "to", hostile, "ground", hostile, "order", hostile, "order_date", hostile))
	clean(clerk.post(fmt.Sprintf("%s/ids/%d/state", base, row), "to", "suspended", "ground", "check", "order", hostile[:30], "order_date", "19.11.2026"))
	clean(clerk.get(fmt.Sprintf("%s/ids/%d", base, row)).ok())
	once := clerk.get(base + "/bulk").ok().hidden("once")
	clean(clerk.get(clerk.post(base+"/bulk", "once", once, "list", hostile+"\n"+hostile, "to", "suspended", "ground", "check").to()).ok())
	clean(clerk.post(base+"/operators", "change", "add", "name", hostile, "roles", hostile, "rnokpp", hostile, "passphrase", hostile, "new_passphrase", hostile, "new_passphrase_again", hostile))
	clerk.post(base+"/draft", "draft-place", base+"/bulk", "list", hostile, "order", hostile)
	clean(clerk.get(base + "/bulk").ok())
}

// [RGP-12]: what was typed is there again for its owner, and only for the owner; secrets never are.
func TestDrafts(t *testing.T) {
	o := newOffice(t)
	clerk, colleague := o.browser(service.Registrar, o.Ministry, 11), o.browser(service.Registrar, o.Ministry, 12)
	base := "/b/" + o.Ministry.EDRPOU
	save := func(pairs ...string) *page {
		return clerk.post(base+"/draft", append([]string{"draft-place", base + "/bulk"}, pairs...)...)
	}
	if p := save("list", "000001\n000002", "order", "17-к", "passphrase", "таємниця", "once", "номер"); p.status != http.StatusNoContent {
		t.Fatalf("status %d", p.status)
	}
	clerk.get(base + "/bulk").ok().has("000001\n000002").has("17-к").hasNot("таємниця")
	colleague.get(base + "/bulk").ok().hasNot("17-к")
	var sealed []byte
	if err := o.Server.Store.View(bg, func(tx *store.ServiceTx) error {
		return tx.Row(`SELECT fields FROM drafts WHERE account = 11`, nil, &sealed)
	}); err != nil || bytes.Contains(sealed, []byte("17-")) {
		t.Fatalf("a draft lies open: %v", err)
	}
	// Sent: forgotten.
	clerk.post(base+"/bulk", "once", clerk.get(base+"/bulk").hidden("once"), "list", "000001", "to", "suspended", "ground", "check").to()
	clerk.get(base + "/bulk").ok().hasNot("17-к")
	for _, place := range []string{"/b/" + o.Council.EDRPOU + "/bulk", "https://evil.example/", "", base, base + strings.Repeat("/x", 200)} {
		clerk.post(base+"/draft", "draft-place", place, "list", "x").refused("bad-form")
	}
	save("list", strings.Repeat("й", maxDraft)).refused("too-large")
	// The session has ended: the fields are given back to be sent once more.
	gone := &browser{o, o.Client()}
	p := gone.post(fmt.Sprintf("%s/ids/%d/state", base, o.Ministry.Holders["issued"].Row), "to", "suspended", "ground", "check", "order", "17-к").refused("not-logged-in")
	p.has(`name="order" value="17-к"`)
}

// [RGP-13]: one ID's state.
func TestChangeOneID(t *testing.T) {
	o := newOffice(t)
	clerk := o.browser(service.Registrar, o.Ministry, 11)
	path := fmt.Sprintf("/b/%s/ids/%d", o.Ministry.EDRPOU, o.Ministry.Holders["issued"].Row)
	change := func(pairs ...string) *page { return clerk.post(path+"/state", pairs...) }
	change("to", "issued", "ground", "return", "order", "1", "order_date", "19.11.2026").refused("state")
	change("to", "suspended").refused("ground")
	change("to", "suspended", "ground", "nonsense").refused("ground")
	change("to", "suspended", "ground", "dismissal", "order", "1", "order_date", "19.11.2026").refused("ground")
	change("to", "suspended", "ground", "suspension").refused("ground")
	change("to", "suspended", "ground", "suspension", "order", "1-к", "order_date", "31.02.2026").refused("bad-order-date")
	change("to", "suspended", "ground", "suspension", "order", "1-к", "order_date", "21.11.2026").refused("bad-order-date")
	change("to", "suspended", "ground", "suspension", "order", strings.Repeat("1", 65), "order_date", "19.11.2026").refused("bad-form")
	change("to", "nonsense", "ground", "check").refused("bad-form")
	change("to", "suspended", "ground", "suspension", "order", "1-к", "order_date", "").refused("ground").has(`value="1-к"`)
	if got := state(t, o.Ministry, "issued"); got != issuer.StateIssued {
		t.Fatalf("%s after refusals", got)
	}
	good := []string{"to", "suspended", "ground", "suspension", "order", "1-к", "order_date", "19.11.2026"}
	change(good...).to()
	change(good...).to() // the same post twice
	change("to", "suspended", "ground", "check").refused("state")
	clerk.get(path).ok().has("1-к · 19.11.2026").has("зупинено")
	change("to", "issued", "ground", "return", "order", "2-к", "order_date", "20.11.2026").to()
	clerk.post(path + "/withdraw").refused("bad-form")
	change("to", "revoked", "ground", "loss").to()
	change("to", "revoked", "ground", "loss").to()
	change("to", "issued", "ground", "return", "order", "2-к", "order_date", "20.11.2026").refused("state")
	clerk.get(path).ok().has("анульовано").hasNot(`id="revoke"`)
	stale := o.Role(service.Registrar, o.Ministry)
	stale.SecondFactor = time.Time{}
	(&browser{o, o.As(stale)}).post(path+"/state", good...).refused("second-factor").has(`name="order" value="1-к"`)
	events, err := o.Ministry.Body.Body.History(bg, o.Ministry.Holders["issued"].Row)
	if err != nil || len(events) != 3 {
		t.Fatalf("%d events, %v; want three", len(events), err)
	}
}

// [RGP-14]: slips are seen once, kept nowhere and cached by nobody.
func TestSlipsOnce(t *testing.T) {
	o := newOffice(t)
	clerk := o.browser(service.Registrar, o.Ministry, 11)
	base := "/b/" + o.Ministry.EDRPOU + "/slips"
	form := base + "?again=yes"
	who := fmt.Sprint(o.Ministry.Holders["none"].Entitlement)
	once := clerk.get(form).ok().hidden("once")
	first := clerk.post(base, "once", once, "scope", "chosen", "again", "yes", "for", who).ok()
	first.has("Ці коди видно лише зараз").has("data-slip-code")
	if got := first.header.Get("Cache-Control"); got != "no-store" {
		t.Fatalf("cache %q", got)
	}
	if !strings.Contains(first.text, `src="data:image/svg&#43;xml;base64,`) && !strings.Contains(first.text, `src="data:image/svg+xml;base64,`) {
		t.Error("no QR on the slip")
	}
	codeOf := func(p *page) string { return p.text[strings.Index(p.text, "data-slip-code>"):][15:34] }
	code := codeOf(first)
	// A double click gets the same sheet.
	if again := clerk.post(base, "once", once, "scope", "chosen", "again", "yes", "for", who).ok(); codeOf(again) != code {
		t.Fatal("the same form gave another code")
	}
	// Another account cannot use the form's number, and after two minutes nobody can.
	o.browser(service.Registrar, o.Ministry, 99).post(base, "once", once, "scope", "chosen", "for", who).refused("no-slips")
	o.Advance(sheetLife + time.Second)
	clerk.post(base, "once", once, "scope", "chosen", "for", who).refused("no-slips")
	o.work()
	if len(o.p.sheets) != 0 {
		t.Fatal("a sheet is still in memory")
	}
	if strings.Contains(o.Logs.String(), code) || strings.Contains(o.Logs.String(), strings.ReplaceAll(code, "-", "")) {
		t.Fatal("a code is in the log")
	}
	fresh := func() string { return clerk.get(form).ok().hidden("once") }
	clerk.post(base, "once", fresh(), "scope", "chosen").refused("nothing-chosen")
	clerk.post(base, "once", fresh(), "scope", "chosen", "for", "х").refused("bad-form")
	clerk.post(base, "once", fresh(), "scope", "nonsense", "for", who).refused("bad-form")
	clerk.post(base, "once", "x", "scope", "chosen", "again", "yes", "for", who).refused("bad-form")
	clerk.post(base, "once", fresh(), "scope", "chosen", "for", "987654").refused("not-found")
	clerk.post(base, "once", fresh(), "scope", "chosen", "for", fmt.Sprint(o.Ministry.Holders["leave"].Entitlement)).refused("no-slips")
	clerk.post(base, "once", fresh(), "scope", "all", "unit", "такого немає").refused("nothing-chosen")
	many := []string{"once", fresh(), "scope", "chosen"}
	for i := range maxSlips + 1 {
		many = append(many, "for", fmt.Sprint(i+1))
	}
	clerk.post(base, many...).refused("list-too-long")
	// A new one for the lost one ends the old code.
	if again := clerk.post(base, "once", fresh(), "scope", "chosen", "again", "yes", "for", who).ok(); codeOf(again) == code {
		t.Fatal("a new slip has the old code")
	}
}

// [RGP-15] [RGP-16]: a change of many, alone where that is allowed, by two where the brake holds, and across a crash.
func TestChangeOfMany(t *testing.T) {
	o := newOffice(t)
	clerk, second := o.browser(service.Registrar, o.Ministry, 11), o.browser(service.Approver, o.Ministry, 12)
	base := "/b/" + o.Ministry.EDRPOU
	h := o.Ministry.Holders
	preview := func(pairs ...string) *page {
		return clerk.post(base+"/bulk", append([]string{"once", clerk.get(base + "/bulk").ok().hidden("once")}, pairs...)...)
	}
	preview("list", "", "to", "suspended", "ground", "check").refused("nothing-chosen")
	preview("list", "1", "to", "nonsense", "ground", "check").refused("bad-form")
	preview("list", "1", "to", "suspended", "ground", "nonsense").refused("ground")
	preview("list", "1", "to", "suspended", "ground", "dismissal").refused("ground")
	preview("list", "1", "to", "suspended", "ground", "suspension", "order", "1").refused("ground")
	preview("list", strings.Repeat("1\n", maxBulkRows+1), "to", "suspended", "ground", "check").refused("list-too-long")
	list := strings.Join([]string{h["issued"].Number, h["second"].Number, h["second"].Number, h["revoked"].Number, "немає-такого", strings.Repeat("9", 300)}, "\n")
	path := preview("list", list, "to", "suspended", "ground", "check").to()
	p := clerk.get(path).ok()
	if p.byID("rows") != "2" || p.byID("refused") != "4" {
		t.Fatalf("rows %s, refused %s; want 2 and 4", p.byID("rows"), p.byID("refused"))
	}
	p.has("двічі в переліку").has("немає посвідчення з таким номером").has("стан не дозволяє").has("рядок не зрозумілий")
	hash := p.hidden("hash")
	clerk.post(path+"/start", "hash", "x").refused("plan-changed")
	second.post(path+"/approve", "hash", hash, "passphrase", phrase2).refused("wrong-stage")
	other := &browser{o, o.As(service.Principal{Kind: service.Account, Account: 15, SecondFactor: o.Now(), Grants: []service.Grant{{Role: service.Registrar, Body: o.Ministry.EDRPOU, Operator: 2}}})}
	other.post(path+"/start", "hash", hash).refused("forbidden")
	clerk.post(path+"/start", "hash", hash).to()
	clerk.post(path+"/start", "hash", hash).to()
	// Killed after the first of the two.
	if err := o.Ministry.Body.Body.Suspend(bg, h["issued"].Row, issuer.Change{Ground: issuer.GroundCheck, Operator: "1", At: o.Now()}); err != nil {
		t.Fatal(err)
	}
	stopped, cancel := context.WithCancel(bg)
	cancel()
	if err := o.p.workBulk(stopped, o.Now()); err == nil {
		t.Fatal("a stopped service went on")
	}
	o.p = o.restarted()
	o.work()
	for _, part := range []string{"issued", "second"} {
		if got := state(t, o.Ministry, part); got != issuer.StateSuspended {
			t.Fatalf("%s: %s", part, got)
		}
	}
	clerk.get(path).ok().has("уже так").has("змінено")
	clerk.post(path + "/discard").refused("wrong-stage")

	// Giving back what was taken from more than 5 % and five people is for two. The ministry's few IDs are joined by others.
	brake(t, o)
	var numbers []string
	o.p = o.restarted()
	all, err := o.p.peopleOf(bg, o.Ministry.Body, o.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range all.ids {
		if one.ID.State.Live() {
			numbers = append(numbers, one.ID.Number)
		}
	}
	if len(numbers) < 4 {
		t.Fatalf("%d live IDs, want four and more", len(numbers))
	}
	path = preview("list", strings.Join(numbers, "\n"), "to", "revoked", "ground", "loss").to()
	p = clerk.get(path).ok().has("Запобіжник масових змін")
	hash = p.hidden("hash")
	number := path[strings.LastIndex(path, "/")+1:]
	clerk.post(path+"/start", "hash", hash).refused("passphrase")
	clerk.post(path+"/start", "hash", hash, "passphrase", phrase1).to()
	o.work()
	if got := state(t, o.Ministry, "second"); got != issuer.StateSuspended {
		t.Fatalf("%s with one signature", got)
	}
	clerk.get(path).ok().has("чекає другої особи")
	clerk.post(path+"/approve", "hash", hash, "passphrase", phrase1).refused("forbidden")
	second.post(path+"/approve", "hash", "x", "passphrase", phrase2).refused("plan-changed")
	second.post(path+"/approve", "hash", hash, "passphrase", "не та").refused("passphrase")
	// Somebody with the database changes the list after the author signed.
	if err := o.Server.Store.Update(bg, func(tx *store.ServiceTx) error {
		_, err := tx.Exec(`UPDATE bulk_rows SET idrow = idrow + 1 WHERE change = $1 AND n = 0`, number)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	second.post(path+"/approve", "hash", hash, "passphrase", phrase2).refused("approval-edited")
	if err := o.Server.Store.Update(bg, func(tx *store.ServiceTx) error {
		_, err := tx.Exec(`UPDATE bulk_rows SET idrow = idrow - 1 WHERE change = $1 AND n = 0`, number)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	second.post(path+"/approve", "hash", hash, "passphrase", phrase2).to()
	second.post(path+"/approve", "hash", hash, "passphrase", phrase2).to()
	o.work()
	for _, part := range []string{"issued", "second"} {
		if got := state(t, o.Ministry, part); got != issuer.StateRevoked {
			t.Fatalf("%s: %s after both signed", part, got)
		}
	}
	clerk.get(path).ok().has("виконано")
}

// brake has a body of people enough for the brake on changes of many.
func brake(t *testing.T, o *office) {
	t.Helper()
	all, err := o.p.peopleOf(bg, o.Ministry.Body, o.Now())
	if err != nil {
		t.Fatal(err)
	}
	live := all.counts[issuer.StateIssued] + all.counts[issuer.StateSuspended]
	for _, part := range []string{"enrolled"} {
		if _, err := o.Ministry.Body.Body.Issue(bg, o.Now(), o.Ministry.Holders[part].Entitlement); err != nil {
			t.Fatal(err)
		}
	}
	if live+1 >= hr.BrakePeople {
		return
	}
	// What one person did alone in the last week counts, too.
	f := bulkFacts{To: "revoked", Rows: hr.BrakePeople, Operator: 1, Finished: o.Now()}
	if err := o.Server.Store.Update(bg, func(tx *store.ServiceTx) error {
		once := [32]byte{1}
		facts, err := sealBulk(tx, once, &f)
		if err != nil {
			return err
		}
		_, err = tx.Insert(`INSERT INTO bulk_changes (body, account, once, made, stage, facts) VALUES ($1, 1, $2, $3, 3, $4)`, o.Ministry.EDRPOU, once[:], o.Now().Unix(), facts)
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

// [RGP-17]: operators are added, changed and removed by two.
func TestOperatorsByTwo(t *testing.T) {
	o := newOffice(t)
	clerk, second := o.browser(service.Registrar, o.Ministry, 11), o.browser(service.Approver, o.Ministry, 12)
	base := "/b/" + o.Ministry.EDRPOU + "/operators"
	phrase := "фраза нового підписувача"
	add := func(change ...string) *page {
		form := map[string]string{"change": "add", "name": "Сич Олег Романович", "staff_number": "77", "roles": "both", "new_passphrase": phrase, "new_passphrase_again": phrase, "passphrase": phrase1}
		for i := 0; i < len(change); i += 2 {
			form[change[i]] = change[i+1]
		}
		var pairs []string
		for k, v := range form {
			pairs = append(pairs, k, v)
		}
		return clerk.post(base, pairs...)
	}
	add("name", "").refused("operator-invalid")
	add("name", strings.Repeat("а", 121)).refused("operator-invalid")
	add("name", "Сич\u202eгелО").refused("operator-invalid")
	add("staff_number", "").refused("operator-invalid")
	add("roles", "").refused("operator-invalid")
	add("new_passphrase", "коротка", "new_passphrase_again", "коротка").refused("new-passphrase")
	add("new_passphrase_again", "інша фраза зовсім").refused("new-passphrase")
	add("passphrase", "не та").refused("passphrase")
	add("change", "nonsense").refused("bad-form")
	clerk.post(base, "change", "remove", "operator", "2", "passphrase", phrase1).to() // a proposal may be made, and withdrawn
	add().refused("proposal-waits")
	p := second.get(base).ok().has("вилучити підписувача 2")
	second.post(base+"/1/approve", "hash", p.byID("plan-hash"), "passphrase", phrase2).refused("operators-too-few")
	clerk.post(base + "/1/withdraw").to()
	clerk.post(base + "/1/withdraw").to()
	second.post(base+"/1/approve", "hash", p.byID("plan-hash"), "passphrase", phrase2).refused("wrong-stage")
	add().to()
	p = second.get(base).ok().has("додати підписувача: Сич Олег Романович")
	hash := p.byID("plan-hash")
	second.post(base+"/2/approve", "hash", "x", "passphrase", phrase2).refused("plan-changed")
	second.post(base+"/2/approve", "hash", hash, "passphrase", "не та").refused("passphrase")
	clerk.post(base+"/2/approve", "hash", hash, "passphrase", phrase1).refused("forbidden")
	second.post(base+"/2/approve", "hash", hash, "passphrase", phrase2).to()
	second.post(base+"/2/approve", "hash", hash, "passphrase", phrase2).to()
	all, err := o.Ministry.Register.Operators(bg)
	if err != nil || len(all) != 3 {
		t.Fatalf("%d operators, %v; want three", len(all), err)
	}
	if _, err := o.Ministry.OperatorKey(all[2], []byte(phrase)); err != nil {
		t.Fatalf("the newcomer's key does not open: %v", err)
	}
	add("staff_number", "78", "name", "Сова Ганна Петрівна").to()
	// Nobody is two operators.
	clerk.post(base + "/3/withdraw").to()
	add().refused("operator-known")
	// An expired proposal makes way.
	clerk.post(base, "change", "roles", "operator", "3", "roles", "approver", "passphrase", phrase1).to()
	o.Advance(proposalLife)
	clerk, second = o.browser(service.Registrar, o.Ministry, 11), o.browser(service.Approver, o.Ministry, 12)
	p = second.get(base).ok().has("строк минув")
	second.post(base+"/4/approve", "hash", p.byID("plan-hash"), "passphrase", phrase2).refused("action-expired")
}

// A crash between the register and the newcomer's key is mended.
func TestNewcomersKeyAfterACrash(t *testing.T) {
	o := newOffice(t)
	clerk := o.browser(service.Registrar, o.Ministry, 11)
	base := "/b/" + o.Ministry.EDRPOU + "/operators"
	phrase := "фраза нового підписувача"
	clerk.post(base, "change", "add", "name", "Сич Олег Романович", "staff_number", "77", "roles", "both", "new_passphrase", phrase, "new_passphrase_again", phrase, "passphrase", phrase1).to()
	v, err := o.p.proposal(bg, o.Ministry.EDRPOU, 1)
	if err != nil {
		t.Fatal(err)
	}
	change, err := v.change()
	if err != nil {
		t.Fatal(err)
	}
	var approvals [][]byte
	for n, part := range map[int64]issuer.ApprovalPart{1: issuer.PartAuthor, 2: issuer.PartApprover} {
		key, err := o.Ministry.OperatorKey(o.Ministry.Operators[n-1], []byte(servicetest.Passphrases[n]))
		if err != nil {
			t.Fatal(err)
		}
		data, err := issuer.SignApproval(change.Subject(), part, key, o.Now())
		if err != nil {
			t.Fatal(err)
		}
		approvals = append(approvals, data)
	}
	if err := o.Ministry.Register.ChangeOperator(bg, change, approvals, o.Now()); err != nil {
		t.Fatal(err)
	}
	all, err := o.Ministry.Register.Operators(bg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.Ministry.OperatorKey(all[2], []byte(phrase)); err == nil {
		t.Fatal("the key is there already")
	}
	o.p = o.restarted()
	o.work()
	if _, err := o.Ministry.OperatorKey(all[2], []byte(phrase)); err != nil {
		t.Fatalf("the newcomer's key does not open: %v", err)
	}
}

// [RGP-18]: the trust operator admits what was compared, and installs what the rules of installing take.
func TestTrustOperator(t *testing.T) {
	o := newOffice(t)
	b := o.browser(service.TrustOperator, o.Ministry, 31)
	b.send("/operator/bundle", nil).refused("no-file")
	b.send("/operator/bundle", nil, file{"bundle", "x", []byte("nonsense")}).refused("trust-file")
	b.send("/operator/bundle", nil, file{"bundle", "x", nil}).refused("no-file")
	b.post("/operator/bundle", "bundle", "x").refused("no-file")
	b.send("/operator/verifiers", nil).refused("no-file")
	b.send("/operator/verifiers", nil, file{"request", "x", []byte("nonsense")}).refused("trust-file")
	b.send("/operator/verifiers", nil, file{"request", "x", make([]byte, maxVerifierRequest+1)}).refused("too-large")
	p := b.send("/operator/verifiers", nil, file{"request", "x", o.Request}).ok()
	request, print := p.hidden("request"), p.byID("key-print")
	if len(strings.Fields(print)) != 8 {
		t.Fatalf("fingerprint %q", print)
	}
	admit := func(pairs ...string) *page {
		return b.post("/operator/verifiers/admit", append([]string{"request", request}, pairs...)...)
	}
	admit("print", print, "until", "31.12.2026").refused("not-compared")
	admit("print", strings.Replace(print, print[:1], "Ж", 1), "compared", "yes", "until", "31.12.2026").refused("not-compared")
	admit("print", print, "compared", "yes", "until", "31.02.2027").refused("bad-until")
	admit("print", print, "compared", "yes", "until", "01.01.2020").refused("bad-until")
	admit("print", print, "compared", "yes", "until", "01.01.2099").refused("bad-until")
	b.post("/operator/verifiers/admit", "request", "!!", "print", print).refused("bad-form")
	admit("print", print, "compared", "yes", "until", "31.12.2026").refused("trust-file") // its key is a verifier's already
	b.post("/operator/publish").to()
	if o.Trust.Published() == 0 {
		t.Error("nothing was published")
	}
	stale := o.Role(service.TrustOperator, o.Ministry)
	stale.SecondFactor = time.Time{}
	(&browser{o, o.As(stale)}).post("/operator/publish").refused("second-factor")
	o.Trust.Operator = false
	b.get("/operator/").ok().hasNot(`id="look"`).has("99000011")
	b.send("/operator/verifiers", nil, file{"request", "x", o.Request}).refused("no-trust-register")
	o.Trust.Forget()
	b.get("/operator/").ok().has("Встановіть набір довіри")
}

// [RGP-19]: neither the log nor an address holds a person, a number of a person or a code.
func TestNoPersonalDataLeaks(t *testing.T) {
	o := newOffice(t)
	clerk, second := o.browser(service.Registrar, o.Ministry, 11), o.browser(service.Approver, o.Ministry, 12)
	rows := crew(1, 9)
	rows[2].badDate = true
	path := o.upload(clerk, o.Ministry, csvOf(rows))
	o.sign(clerk, path)
	o.approve(second, path)
	plan := clerk.get(path + "/plan.json").ok()
	for _, r := range rows {
		for what, text := range map[string]string{"the log": o.Logs.String(), "the plan's file": plan.text} {
			if strings.Contains(text, r.rnokpp) {
				t.Fatalf("%s has a РНОКПП", what)
			}
		}
		if strings.Contains(o.Logs.String(), r.surname) || strings.Contains(o.Logs.String(), "Нестеренко") {
			t.Fatal("the log has a name")
		}
	}
	var raw struct{ Items []json.RawMessage }
	if err := json.Unmarshal([]byte(plan.text), &raw); err != nil || len(raw.Items) != 8 {
		t.Fatalf("%d items in the plan's file, %v", len(raw.Items), err)
	}
	// Nothing of the file lies open in the service's database.
	if err := o.Server.Store.View(bg, func(tx *store.ServiceTx) error {
		for _, q := range []string{`SELECT facts FROM staff_loads`, `SELECT data FROM staff_parts`} {
			if err := tx.Rows(q, nil, func(scan func(...any) error) error {
				var data []byte
				err := scan(&data)
				if bytes.Contains(data, []byte("Нестеренко")) || bytes.Contains(data, []byte(rows[0].rnokpp)) || bytes.Contains(data, []byte("staff.csv")) {
					t.Error("an open value in the database")
				}
				return err
			}); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// Files of a finished load are forgotten in time; one that waits keeps them.
func TestPurge(t *testing.T) {
	o := newOffice(t)
	clerk, second := o.browser(service.Registrar, o.Ministry, 11), o.browser(service.Approver, o.Ministry, 12)
	done := o.upload(clerk, o.Ministry, csvOf(crew(1, 9)))
	o.sign(clerk, done)
	o.approve(second, done)
	waits := o.upload(clerk, o.Ministry, csvOf([]row{leaveOf(o.Ministry.Holders["issued"])}))
	o.Advance(keepFiles + 24*time.Hour)
	if err := o.p.purge(bg, o.Now()); err != nil {
		t.Fatal(err)
	}
	o.p = o.restarted()
	clerk = o.browser(service.Registrar, o.Ministry, 11)
	clerk.get(done + "/plan.json").refused("no-load")
	clerk.get(done).ok().has("застосовано")
	clerk.get(waits).ok().has("вибуття")
	if data, err := o.p.part(bg, 2, partFile); err != nil || len(data) == 0 {
		t.Fatalf("the file of a load that waits is gone: %v", err)
	}
	if data, err := o.p.part(bg, 1, partFile); err != nil || len(data) != 0 {
		t.Fatalf("%d bytes of a finished load's file, %v", len(data), err)
	}
}

// A file that names another body in its head is shown with a warning that nobody overlooks.
func TestFileOfAnotherBodyWarns(t *testing.T) {
	o := newOffice(t)
	clerk := o.browser(service.Registrar, o.Ministry, 11)
	path := o.upload(clerk, o.Ministry, append([]byte("#єдрпоу;"+o.Council.EDRPOU+"\n"), csvOf(crew(1, 2))...))
	clerk.get(path).ok().has(`id="alarms"`).has("[bad-directive]")
	clerk.get(o.upload(clerk, o.Ministry, csvOf(crew(1, 2)))).ok().hasNot(`id="alarms"`)
}
