package diia

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/service"
)

// serve answers one request in memory, so that figures are the service's and not the loopback's.
func (w *world) serve(b *testing.B, path, media, bearer string, body []byte) []byte {
	r := httptest.NewRequest("POST", path, bytes.NewReader(body))
	r.Host = "localhost"
	r.Header.Set("Content-Type", media)
	if bearer != "" {
		r.Header.Set("Authorization", bearer)
	}
	a := httptest.NewRecorder()
	w.handler.ServeHTTP(a, r)
	if a.Code != 200 {
		b.Fatalf("%d %s", a.Code, a.Body)
	}
	return a.Body.Bytes()
}

func benchWorld(b *testing.B) *world {
	w := testWorld(b, "", func(c *service.Config) { c.Limits.PerMinute = 1 << 30 })
	w.p.asks, w.p.tokens = newLimiter(1<<30, time.Second), newLimiter(1<<30, time.Second)
	w.p.signatures = newLimiter(1<<30, time.Second)
	w.handler = w.Server.Handler()
	return w
}

// A token: one signature of the client checked, one durable write.
func BenchmarkToken(b *testing.B) {
	w := benchWorld(b)
	forms := make([]url.Values, 0, 512)
	for b.Loop() {
		if len(forms) == 0 {
			b.StopTimer()
			for range cap(forms) {
				forms = append(forms, formOf(w.good(b)))
			}
			b.StartTimer()
		}
		f := forms[len(forms)-1]
		forms = forms[:len(forms)-1]
		w.serve(b, tokenPath, "application/x-www-form-urlencoded", "", []byte(f.Encode()))
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tokens/s")
}

// A look-up: read by keyed hash, listed for the person durably, answered.
func BenchmarkDocument(b *testing.B) {
	w := benchWorld(b)
	bearer := w.bearer(b)
	body, err := json.Marshal(query{"edrpou": w.Ministry.EDRPOU, "rnokpp": w.Ministry.Holders["issued"].RNOKPP})
	if err != nil {
		b.Fatal(err)
	}
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			w.serve(b, "/api/v1/systems/documents", "application/json", bearer, body)
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "documents/s")
}

// A check of a code that changes every 30 s: two signatures, the system's own memory.
func BenchmarkVerify(b *testing.B) {
	w := benchWorld(b)
	bearer := w.bearer(b)
	body, err := json.Marshal(query{"qrCode": w.text(b, w.Ministry.Holders["issued"])})
	if err != nil {
		b.Fatal(err)
	}
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if answer := w.serve(b, "/api/v1/systems/verify", "application/json", bearer, body); !strings.Contains(string(answer), `"success":true`) {
				b.Error(string(answer))
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "checks/s")
}
