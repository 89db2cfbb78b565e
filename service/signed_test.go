package service_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/service/servicetest"
	"github.com/posvid/posvid/store"
)

// signedWorld has one route for each kind that signs; it answers who the caller is and what came.
func signedWorld(t testing.TB) *servicetest.World {
	t.Helper()
	w := servicetest.New(t)
	w.Server.SignedRequests()
	w.Server.SignedRequests() // the second call changes nothing
	echo := func(rw http.ResponseWriter, r *http.Request) error {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		p := service.PrincipalOf(r.Context())
		fmt.Fprintf(rw, "%d %x %d %v %d %x", p.Kind, sha256.Sum256(p.Key), p.Verifier, p.Bodies, len(body), sha256.Sum256(body))
		return nil
	}
	for path, kind := range map[string]service.Kind{"/api/test/wallet": service.Wallet, "/api/test/device": service.Device} {
		for _, method := range []string{"GET", "POST"} {
			w.Server.PageLimit(method+" "+path, service.Access{Kinds: []service.Kind{kind}}, 8<<20, echo)
		}
	}
	w.Start()
	return w
}

// sign makes the header's value; alter changes the request before it is signed.
func sign(t testing.TB, w *servicetest.World, device bool, method, target string, body []byte, alter func(*credential.Request)) string {
	t.Helper()
	q := credential.NewRequest(w.Server.Origin, method, target, body, w.Now())
	if alter != nil {
		alter(&q)
	}
	var data []byte
	var err error
	if device {
		data, err = credential.SignVerifierRequest(q, w.Verifier)
	} else {
		data, err = credential.SignRequest(q, w.Ministry.Holders["issued"].Key)
	}
	if err != nil {
		t.Fatal(err)
	}
	return credential.EncodeRequestHeader(data)
}

func send(w *servicetest.World, method, target string, body []byte, values ...string) (int, string, []byte) {
	var header []string
	for _, v := range values {
		header = append(header, credential.RequestHeader, v)
	}
	var r io.Reader
	if body != nil {
		r = bytes.NewReader(body)
	}
	status, _, raw := w.Do(w.Client(), method, target, r, header...)
	var p struct{ Code string }
	json.Unmarshal(raw, &p)
	return status, p.Code, raw
}

func TestSignedRequest(t *testing.T) {
	w := signedWorld(t)
	key := w.Ministry.Holders["issued"].Key.HolderPublic().MarshalCOSE()
	for _, body := range [][]byte{nil, []byte("{}"), bytes.Repeat([]byte{7}, 1<<20), bytes.Repeat([]byte{8}, 1<<20+1), bytes.Repeat([]byte{9}, 5<<20)} {
		status, code, raw := send(w, "POST", "/api/test/wallet?x=1&y=%2F", body, sign(t, w, false, "POST", "/api/test/wallet?x=1&y=%2F", body, nil))
		want := fmt.Sprintf("%d %x 0 [] %d %x", service.Wallet, sha256.Sum256(key), len(body), sha256.Sum256(body))
		if status != 200 || string(raw) != want {
			t.Errorf("body of %d bytes: %d %s %.200s", len(body), status, code, raw)
		}
		status, code, raw = send(w, "POST", "/api/test/device", body, sign(t, w, true, "POST", "/api/test/device", body, nil))
		want = fmt.Sprintf("%d %x %d [%s] %d %x", service.Device, sha256.Sum256(w.Verifier.VerifierPublic().MarshalCOSE()), w.ID, servicetest.MinistryEDRPOU, len(body), sha256.Sum256(body))
		if status != 200 || string(raw) != want {
			t.Errorf("device, body of %d bytes: %d %s %.200s", len(body), status, code, raw)
		}
	}
	if status, _, _ := send(w, "GET", "/api/test/wallet", nil, sign(t, w, false, "GET", "/api/test/wallet", nil, nil)); status != 200 {
		t.Errorf("GET: %d", status)
	}
}

func TestSignedRequestRefused(t *testing.T) {
	w := signedWorld(t)
	const path = "/api/test/wallet"
	body := []byte(`{"number":"1"}`)
	good := func() string { return sign(t, w, false, "POST", path, body, nil) }
	flipped := func(i int) string {
		data, err := base64.RawURLEncoding.DecodeString(good())
		if err != nil {
			t.Fatal(err)
		}
		data[(i+len(data))%len(data)] ^= 1
		return credential.EncodeRequestHeader(data)
	}
	stranger := func() string {
		data, err := credential.SignVerifierRequest(credential.NewRequest(w.Server.Origin, "POST", "/api/test/device", body, w.Now()), w.Stranger)
		if err != nil {
			t.Fatal(err)
		}
		return credential.EncodeRequestHeader(data)
	}
	once := good()
	if status, code, _ := send(w, "POST", path, body, once); status != 200 {
		t.Fatalf("the request that the cases change: %d %s", status, code)
	}
	for _, c := range []struct {
		name   string
		method string
		target string
		body   []byte
		header []string
		status int
		code   string
	}{
		{"without the header", "POST", path, body, nil, 401, "not-logged-in"},
		{"empty header", "POST", path, body, []string{""}, 401, "request-signature"},
		{"two headers", "POST", path, body, []string{good(), good()}, 401, "request-signature"},
		{"not base64url", "POST", path, body, []string{"***"}, 401, "request-signature"},
		{"padded", "POST", path, body, []string{good() + "="}, 401, "request-signature"},
		{"long", "POST", path, body, []string{strings.Repeat("A", 3000)}, 401, "request-signature"},
		{"a presentation", "POST", path, body, []string{credential.EncodeRequestHeader([]byte{0xd2, 0x84, 0x40, 0xa0, 0x40, 0x40})}, 401, "request-signature"},
		{"a bit of the signature", "POST", path, body, []string{flipped(-1)}, 401, "request-signature"},
		{"a bit of the payload", "POST", path, body, []string{flipped(100)}, 401, "request-signature"},
		{"came before", "POST", path, body, []string{once}, 401, "request-repeated"},
		{"another method", "GET", path, nil, []string{good()}, 401, "request-signature"},
		{"another path", "POST", "/api/test/device", body, []string{good()}, 401, "request-signature"},
		{"a query was added", "POST", path + "?a=b", body, []string{good()}, 401, "request-signature"},
		{"another body", "POST", path, []byte(`{"number":"2"}`), []string{good()}, 401, "request-signature"},
		{"no body", "POST", path, nil, []string{good()}, 401, "request-signature"},
		{"another large body", "POST", path, bytes.Repeat([]byte{1}, 2<<20), []string{sign(t, w, false, "POST", path, bytes.Repeat([]byte{2}, 2<<20), nil)}, 401, "request-signature"},
		{"another service", "POST", path, body, []string{sign(t, w, false, "POST", path, body, func(q *credential.Request) { q.Origin = "https://id.example.com" })}, 401, "request-signature"},
		{"121 s old", "POST", path, body, []string{sign(t, w, false, "POST", path, body, func(q *credential.Request) { q.IssuedAt = q.IssuedAt.Add(-121 * time.Second) })}, 401, "request-time"},
		{"61 s ahead", "POST", path, body, []string{sign(t, w, false, "POST", path, body, func(q *credential.Request) { q.IssuedAt = q.IssuedAt.Add(61 * time.Second) })}, 401, "request-time"},
		{"a phone where a device is wanted", "POST", "/api/test/device", body, []string{sign(t, w, false, "POST", "/api/test/device", body, nil)}, 403, "forbidden"},
		{"a device where a phone is wanted", "POST", path, body, []string{sign(t, w, true, "POST", path, body, nil)}, 403, "forbidden"},
		{"a device that is in no bundle", "POST", "/api/test/device", body, []string{stranger()}, 401, "unknown-device"},
	} {
		if status, code, raw := send(w, c.method, c.target, c.body, c.header...); status != c.status || code != c.code {
			t.Errorf("%s: %d %s, want %d %s: %.200s", c.name, status, code, c.status, c.code, raw)
		}
	}
	// A body of unstated length is read up to a bound and no further.
	status, _, raw := w.Do(w.Client(), "POST", path, io.MultiReader(bytes.NewReader(bytes.Repeat([]byte{1}, 2<<20)), strings.NewReader("x")),
		credential.RequestHeader, sign(t, w, false, "POST", path, append(bytes.Repeat([]byte{1}, 2<<20), 'x'), nil))
	if status != http.StatusRequestEntityTooLarge {
		t.Errorf("2 MiB of unstated length: %d %s", status, raw)
	}
}

// TestSignedRequestTime shows that the refusal tells the time of the service, and the borders of the window.
func TestSignedRequestTime(t *testing.T) {
	w := signedWorld(t)
	for _, c := range []struct {
		off  time.Duration
		want int
	}{{-120 * time.Second, 200}, {60 * time.Second, 200}, {-121 * time.Second, 401}, {61 * time.Second, 401}, {-24 * time.Hour, 401}} {
		status, _, raw := send(w, "GET", "/api/test/wallet", nil, sign(t, w, false, "GET", "/api/test/wallet", nil, func(q *credential.Request) { q.IssuedAt = q.IssuedAt.Add(c.off) }))
		if status != c.want {
			t.Errorf("%s: %d, want %d", c.off, status, c.want)
		}
		var p struct{ Time int64 }
		if json.Unmarshal(raw, &p); status == 401 && p.Time != w.Now().Unix() {
			t.Errorf("%s: the refusal says %d, want %d: %s", c.off, p.Time, w.Now().Unix(), raw)
		}
	}
}

// TestSignedRequestOnce has many bring one request at the same time; after the term of the memory its own time refuses it.
func TestSignedRequestOnce(t *testing.T) {
	w := signedWorld(t)
	header := sign(t, w, false, "GET", "/api/test/wallet", nil, nil)
	var taken, repeated atomic.Int32
	var wait sync.WaitGroup
	for range 32 {
		wait.Go(func() {
			switch status, code, _ := send(w, "GET", "/api/test/wallet", nil, header); {
			case status == 200:
				taken.Add(1)
			case code == "request-repeated":
				repeated.Add(1)
			}
		})
	}
	wait.Wait()
	if taken.Load() != 1 || repeated.Load() != 31 {
		t.Errorf("taken %d times, refused as repeated %d times", taken.Load(), repeated.Load())
	}
	w.Advance(credential.RequestKept + time.Minute)
	if status, code, _ := send(w, "GET", "/api/test/wallet", nil, header); status != 401 || code != "request-time" {
		t.Errorf("after the memory's term: %d %s", status, code)
	}
	// Two keys may have the same nonce.
	nonce := func(q *credential.Request) { q.Nonce = [16]byte{1} }
	for _, device := range []bool{false, true} {
		path := map[bool]string{false: "/api/test/wallet", true: "/api/test/device"}[device]
		if status, code, _ := send(w, "GET", path, nil, sign(t, w, device, "GET", path, nil, nonce)); status != 200 {
			t.Errorf("device %v: %d %s", device, status, code)
		}
	}
	if err := w.Server.Store.View(t.Context(), func(tx *store.ServiceTx) error {
		var n int
		if err := tx.Row("SELECT count(*) FROM request_nonces", nil, &n); err != nil {
			return err
		}
		if n != 3 {
			t.Errorf("%d nonces are kept, want 3", n)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// TestSignedRequestDevice follows a verifier's entry: ended, without a bundle, in a bundle that has expired.
func TestSignedRequestDevice(t *testing.T) {
	w := signedWorld(t)
	ask := func() (int, string) {
		status, code, _ := send(w, "GET", "/api/test/device", nil, sign(t, w, true, "GET", "/api/test/device", nil, nil))
		return status, code
	}
	if status, code := ask(); status != 200 {
		t.Fatal(status, code)
	}
	bundle, _, err := w.Trust.Bundle()
	if err != nil {
		t.Fatal(err)
	}
	w.Set(bundle.ExpiresAt())
	if status, code := ask(); status != 503 || code != "no-bundle" {
		t.Errorf("expired bundle: %d %s", status, code)
	}
	entry, _, err := bundle.Verifier(w.ID)
	if err != nil {
		t.Fatal(err)
	}
	w.Set(entry.ValidUntil)
	if err := w.Trust.Publish(t.Context(), w.Now()); err != nil {
		t.Fatal(err)
	}
	if status, code := ask(); status != 401 || code != "unknown-device" {
		t.Errorf("ended entry: %d %s", status, code)
	}
	w.Trust.Forget()
	if status, code := ask(); status != 503 || code != "no-bundle" {
		t.Errorf("no bundle: %d %s", status, code)
	}
}

// TestSignedRequestsAreForgotten floods the memory of nonces: one run of the job forgets all whose time has passed, and no other.
func TestSignedRequestsAreForgotten(t *testing.T) {
	w := signedWorld(t)
	const flood = 12_000
	at := w.Now().Unix()
	if err := w.Server.Store.Update(t.Context(), func(tx *store.ServiceTx) error {
		_, err := tx.Exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)
			INSERT INTO request_nonces (mark, expires) SELECT randomblob(16), CASE i WHEN 1 THEN $2 + 1 ELSE $2 - 1 END FROM n`, flood, at)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- w.Server.Run(ctx) }()
	left := flood
	for range 6000 { // a minute: the machine may be busy
		if err := w.Server.Store.View(t.Context(), func(tx *store.ServiceTx) error {
			return tx.Row("SELECT count(*) FROM request_nonces", nil, &left)
		}); err != nil {
			t.Fatal(err)
		}
		if left <= 1 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if left != 1 {
		t.Errorf("%d of %d nonces are left, want the one whose time has not passed", left, flood)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
