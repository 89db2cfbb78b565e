package holder

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/service/servicetest"
)

// started is a world with this part and nothing else.
func started(t testing.TB, change ...func(*service.Config)) *servicetest.World {
	t.Helper()
	w := servicetest.New(t, change...)
	if err := Mount(w.Server); err != nil {
		t.Fatal(err)
	}
	w.Start()
	return w
}

// answered is what came back.
type answered struct {
	Status int
	Header http.Header
	Raw    []byte
}

// code is the problem's name, "" for an answer that is none.
func (a answered) code() string {
	var p struct{ Code string }
	json.Unmarshal(a.Raw, &p)
	if a.Status < 400 {
		return ""
	}
	return p.Code
}

func (a answered) into(t testing.TB, v any) {
	t.Helper()
	if a.Status >= 300 {
		t.Fatalf("status %d: %s", a.Status, a.Raw)
	}
	if err := json.Unmarshal(a.Raw, v); err != nil {
		t.Fatalf("%v in %s", err, a.Raw)
	}
}

func post(t testing.TB, w *servicetest.World, c *http.Client, path string, body any, header ...string) answered {
	t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	status, h, raw := w.Do(c, http.MethodPost, path, bytes.NewReader(data), append([]string{"Content-Type", "application/json"}, header...)...)
	return answered{status, h, raw}
}

// signed posts what a phone signs.
func signed(t testing.TB, w *servicetest.World, key keys.HolderSigner, path string, body any) answered {
	t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	request, err := credential.SignRequest(credential.NewRequest(w.Server.Origin, http.MethodPost, path, data, w.Now()), key)
	if err != nil {
		t.Fatal(err)
	}
	return post(t, w, w.Client(), path, body, credential.RequestHeader, credential.EncodeRequestHeader(request))
}

// byDevice posts what a checkpoint's device signs.
func byDevice(t testing.TB, w *servicetest.World, key keys.VerifierSigner, path string, body any) answered {
	t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	request, err := credential.SignVerifierRequest(credential.NewRequest(w.Server.Origin, http.MethodPost, path, data, w.Now()), key)
	if err != nil {
		t.Fatal(err)
	}
	return post(t, w, w.Client(), path, body, credential.RequestHeader, credential.EncodeRequestHeader(request))
}

func of(b *servicetest.Body, rest string) string { return "/api/v1/bodies/" + b.EDRPOU + rest }

// enrolled makes a key and enrols it with a holder's slip.
func enrolled(t testing.TB, w *servicetest.World, h *servicetest.Holder) (keys.HolderPrivateKey, answered) {
	t.Helper()
	key, err := keys.GenerateHolderKey()
	if err != nil {
		t.Fatal(err)
	}
	proof, err := credential.SignPossession(h.Body.EDRPOU, h.Code, w.Now(), key)
	if err != nil {
		t.Fatal(err)
	}
	return key, post(t, w, w.Client(), of(h.Body, "/enrolments"), map[string]any{"possession": proof, "slip": h.Slip})
}

type delivered struct {
	Tag       string
	Unchanged bool
	Time      int64
	Waiting   int
	IDs       []struct {
		ID, Number, State string
		Since             time.Time
		RenewAfter        time.Time `json:"renew_after"`
		ExpiresAt         time.Time `json:"expires_at"`
		Delivery          []byte
	}
}

func TestEnrol(t *testing.T) {
	w := started(t)
	h := w.Ministry.Holders["slip"]
	key, a := enrolled(t, w, h)
	var e struct {
		State, Number string
		Delivery      []byte
	}
	a.into(t, &e)
	if a.Status != http.StatusOK || e.State != "issued" || e.Number == "" {
		t.Fatalf("status %d, %+v", a.Status, e)
	}
	d, err := credential.ParseDelivery(e.Delivery)
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Tokens) != 2 || len(d.Photo) == 0 {
		t.Errorf("%d tokens, photo of %d bytes", len(d.Tokens), len(d.Photo))
	}
	var got delivered
	signed(t, w, key, of(w.Ministry, "/wallet/delivery"), map[string]any{}).into(t, &got)
	if len(got.IDs) != 1 || got.IDs[0].State != "issued" || got.IDs[0].Number != e.Number || !bytes.Equal(got.IDs[0].Delivery, e.Delivery) || got.Time != w.Now().Unix() {
		t.Errorf("delivery %+v", got)
	}
	// What was issued is counted, without a word about whom.
	counts := httptest.NewRecorder()
	w.Server.MetricsHandler().ServeHTTP(counts, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if text := counts.Body.String(); !strings.Contains(text, `posvid_issue_total{result="issued"} 1`) {
		t.Errorf("no issued ID in the counts:\n%s", text)
	}
}

func TestPagesRender(t *testing.T) {
	w := started(t)
	h := w.Ministry.Holders["issued"]
	holder := w.As(service.Principal{Kind: service.Account, Account: 7, Name: h.Name, Grants: []service.Grant{{Role: service.Holder, Body: w.Ministry.EDRPOU, Entitlement: h.Entitlement}}})
	base := "/holder/" + w.Ministry.EDRPOU + "/" + strconv.FormatInt(h.Entitlement, 10)
	for _, path := range []string{"/holder/", base + "/checks", base + "/withdraw", "/stop"} {
		for _, lang := range []string{"uk", "en"} {
			status, _, body := w.Do(holder, http.MethodGet, path+"?lang="+lang, nil, "Accept", "text/html")
			if status != http.StatusOK || !strings.Contains(string(body), `<html lang="`+lang+`">`) || strings.Contains(string(body), "<no value>") {
				t.Errorf("%s: status %d: %s", path, status, body)
			}
		}
	}
}
