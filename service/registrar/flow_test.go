package registrar

import (
	"archive/zip"
	"bytes"
	"crypto/rand"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/posvid/posvid/hr"
	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/service"
)

// zipOf packs the files of a folder, with noise beside them so that the archive spans several pieces.
func zipOf(t testing.TB, files fs.FS) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	add := func(name string, data []byte) {
		w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		if err != nil {
			t.Fatal(err)
		}
		w.Write(data)
	}
	noise := make([]byte, 3*pieceSize)
	rand.Read(noise)
	add("noise/a.bin", noise)
	names, err := fs.Glob(files, "*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		data, err := fs.ReadFile(files, name)
		if err != nil {
			t.Fatal(err)
		}
		add("photos/"+name, data)
	}
	add("noise/b.bin", noise)
	z.Close()
	return b.Bytes()
}

// Photos come with the file and are kept by their hash when the plan is made.
func TestPhotosComeWithTheFile(t *testing.T) {
	o := newOffice(t)
	clerk := o.browser(service.Registrar, o.Ministry, 11)
	data, photos := o.Ministry.Staff(hr.DateInKyiv(o.Now()), map[string]map[string]string{"none": {"surname": "Новопризначений", "rnokpp": someone(5).rnokpp, "staff_number": "0999", "birth_date": ""}})
	base := "/b/" + o.Ministry.EDRPOU
	path := clerk.send(base+"/staff", []string{"once", clerk.get(base + "/staff").ok().hidden("once"), "full", "yes", "total", "8"},
		file{"staff", "staff.jsonl", data}, file{"photos", "photos.zip", zipOf(t, photos)}).to()
	o.work()
	p := clerk.get(path + "?list=all").ok()
	p.has("Новопризначений").hasNot("[no-photo]")
	o.sign(clerk, path)
	if text := clerk.get(path).ok().text; strings.Contains(text, `data-stage="5"`) {
		o.approve(o.browser(service.Approver, o.Ministry, 12), path)
	}
	all, err := o.Ministry.Register.Standings(bg, o.Now())
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(all, func(s issuer.Standing) bool { return s.Record.Surname == "Новопризначений" })
	if i < 0 {
		t.Fatal("the newcomer is not in the register")
	}
	jpeg, err := o.Ministry.Photo([20]byte(all[i].Record.PhotoSHA256[:20]))
	if err != nil || len(jpeg) == 0 {
		t.Fatalf("%d bytes of the newcomer's photo, %v", len(jpeg), err)
	}
}

// A question is answered, and the plan is made anew with the answer in its hash.
func TestQuestionsAreAnswered(t *testing.T) {
	o := newOffice(t)
	clerk := o.browser(service.Registrar, o.Ministry, 11)
	h := o.Ministry.Holders["issued"]
	change := map[string]map[string]string{"issued": {"rnokpp": someone(9).rnokpp, "birth_date": ""}}
	data, _ := o.Ministry.Staff(hr.DateInKyiv(o.Now()), change)
	path := o.upload(clerk, o.Ministry, data)
	p := clerk.get(path + "?list=questions").ok().has("Це та сама особа?").has(strings.Fields(h.Name)[0])
	first := p.hidden("hash")
	i := strings.Index(p.text, `name="q-`)
	if i < 0 {
		t.Fatal("no question on the page")
	}
	name := p.text[i+6:]
	name = name[:strings.IndexByte(name, '"')]
	clerk.post(path+"/answers", "hash", first, name, "perhaps").refused("bad-form")
	clerk.post(path+"/answers", "hash", "x", name, "same").refused("plan-changed")
	clerk.post(path+"/answers", "hash", first, "q-unknown", "same").refused("plan-changed")
	o.browser(service.Approver, o.Ministry, 12).post(path+"/answers", "hash", first, name, "same").refused("forbidden")
	clerk.post(path+"/answers", "hash", first, name, "same").to()
	clerk.post(path+"/answers", "hash", first, name, "same").to() // the same post twice
	o.work()
	p = clerk.get(path).ok()
	if second := p.hidden("hash"); second == first {
		t.Fatal("the answer is not in the hash")
	}
	clerk.post(path+"/sign", "hash", first, "passphrase", phrase1).refused("plan-changed")
	o.sign(clerk, path)
	if got := state(t, o.Ministry, "issued"); got != issuer.StateIssued {
		t.Fatalf("%s after a new number of the same person", got)
	}
}

// Names stand in the order of the Ukrainian alphabet, whatever the case, and searching does not mind apostrophes.
func TestOrderAndSearch(t *testing.T) {
	want := []string{"Гай", "Ґалаґан", "Дуб", "Ема", "Єва", "Жук", "Зоя", "Іван", "Їжак", "Йосип", "Щур", "Юра", "Яна"}
	got := slices.Clone(want)
	slices.Reverse(got)
	keys := newCollate()
	slices.SortFunc(got, func(x, y string) int { return bytes.Compare(keys.key(x), keys.key(y)) })
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for text, words := range map[string]string{"Лукʼяненко Дарʼя": "лук'ЯНЕНКО дар’я", "Відділ  кадрів": "відділ кадрів", "Ґалаґан": "ґала"} {
		if !matches(fold(text), strings.Fields(fold(words))) {
			t.Errorf("%q is not found in %q", words, text)
		}
	}
	for text, words := range map[string]string{"Гай": "ґай", "Лукʼяненко": "лукяненко", "": "а"} {
		if matches(fold(text), strings.Fields(fold(words))) {
			t.Errorf("%q is found in %q", words, text)
		}
	}
}

// A job that fails for a reason of the machine waits before it tries again, and the page says so.
func TestJobsWaitAfterAFault(t *testing.T) {
	fault := errors.New("the photos' disk is away")
	o := newOffice(t)
	keep := o.Ministry.KeepPhoto
	n := 0
	o.Ministry.KeepPhoto = func([32]byte, []byte) error { n++; return fault }
	clerk := o.browser(service.Registrar, o.Ministry, 11)
	data, photos := o.Ministry.Staff(hr.DateInKyiv(o.Now()), nil)
	base := "/b/" + o.Ministry.EDRPOU
	path := clerk.send(base+"/staff", []string{"once", clerk.get(base + "/staff").ok().hidden("once")}, file{"staff", "staff.jsonl", data}, file{"photos", "photos.zip", zipOf(t, photos)}).to()
	if err := o.p.runJobs(bg); !errors.Is(err, fault) {
		t.Fatalf("%v, want the fault", err)
	}
	before := n
	o.work() // too early
	if n != before {
		t.Fatal("tried again at once")
	}
	clerk.get(path).ok().has("Спроба не вдалася")
	o.Ministry.KeepPhoto = keep
	o.Advance(retryAfter)
	o.work()
	o.browser(service.Registrar, o.Ministry, 11).get(path).ok().has("чекає підпису автора")
}

// FuzzUpload hands any bytes in as a form: whatever they are, the answer is no fault of the service's.
func FuzzUpload(f *testing.F) {
	for _, seed := range []string{"", "--x--", "--x\r\n\r\n", "--x\r\nContent-Disposition: form-data; name=\"once\"\r\n\r\nAAAAAAAAAAAAAAAAAAAAAA\r\n--x\r\nContent-Disposition: form-data; name=\"staff\"; filename=\"../a\"\r\n\r\nPK\x03\x04\r\n--x--\r\n",
		"--x\r\nContent-Disposition: form-data; name=\"total\"\r\n\r\n-1\r\n--x\r\nContent-Disposition: form-data; filename=\"\\\\\"; name=\"photos\"\r\n\r\n\r\n--x--"} {
		f.Add([]byte(seed), "multipart/form-data; boundary=x")
		f.Add([]byte(seed), "application/x-www-form-urlencoded")
	}
	o := newOffice(f)
	p := o.Role(service.Registrar, o.Ministry)
	client := o.As(p)
	f.Fuzz(func(t *testing.T, body []byte, kind string) {
		r := httptest.NewRequest(http.MethodPost, o.URL+"/b/"+o.Ministry.EDRPOU+"/staff", bytes.NewReader(body))
		r.RequestURI = ""
		r.Header["Content-Type"] = []string{strings.Map(func(c rune) rune {
			if c < ' ' || c > '~' {
				return '?'
			}
			return c
		}, kind)}
		answer, err := client.Do(r)
		if err != nil {
			t.Skip(err) // the client's own refusal
		}
		answer.Body.Close()
		if answer.StatusCode >= 500 {
			t.Fatalf("status %d\n%s", answer.StatusCode, o.Logs.String())
		}
	})
}

// FuzzTexts holds what people type into single fields to no panic, and what is shown to what a page can show.
func FuzzTexts(f *testing.F) {
	for _, seed := range []string{"", "a.csv", `..\..\x`, "/", ".", "\u202egpj.exe", "1/AAAA-BBBB", "0/", "18446744073709551616/A", "31.02.2026"} {
		f.Add(seed)
	}
	log := &auditLog{records: []issuer.AuditRecord{{Seq: 1}}}
	f.Fuzz(func(t *testing.T, text string) {
		if name := fileName(text); name == "" || strings.ContainsAny(name, "/\\\n\r\x00\u202e") || len([]rune(name)) > 120 {
			t.Fatalf("file name %q of %q", name, text)
		}
		if once := fold(text); fold(once) != once {
			t.Fatalf("fold is not stable on %q", text)
		}
		knownHead(log, text)
		dayStart(text)
		if short := cut(text, 10); len([]rune(short)) > 10 {
			t.Fatalf("%q is %q", text, short)
		}
	})
}
