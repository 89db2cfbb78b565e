package holder

import (
	"encoding/json"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/service/servicetest"
)

// BenchmarkOnlineCode makes one-time codes over HTTP as a wallet does: signature, nonce, code, audit; three durable writes.
func BenchmarkOnlineCode(b *testing.B) {
	w := started(b)
	h := w.Ministry.Holders["issued"]
	for b.Loop() {
		madeCode(b, w, h)
		w.Advance(20 * time.Second)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "codes/s")
}

// BenchmarkCheck uses one-time codes over HTTP; each is used once.
func BenchmarkCheck(b *testing.B) {
	w := started(b)
	h, client := w.Ministry.Holders["issued"], guard(w)
	for b.Loop() {
		b.StopTimer()
		c, err := h.Body.Online.Issue(b.Context(), h.Row, w.Now())
		if err != nil {
			b.Fatal(err)
		}
		w.Advance(20 * time.Second)
		b.StartTimer()
		if a := checked(b, w, client, map[string]any{"code": c.Link(), "mode": "full", "place": "Прохідна"}); !a.Valid {
			b.Fatalf("%+v", a)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "checks/s")
}

// BenchmarkDelivery is the daily question of a wallet to which nothing has changed, eight phones at a time.
func BenchmarkDelivery(b *testing.B) {
	w := started(b)
	h := w.Ministry.Holders["issued"]
	path, have := of(w.Ministry, "/wallet/delivery"), asked(b, w, h.Key, w.Ministry, "").Tag
	body, err := json.Marshal(map[string]any{"have": have})
	if err != nil {
		b.Fatal(err)
	}
	var next atomic.Int64
	b.SetParallelism(4)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			next.Add(1)
			request, err := signRequest(w, h.Key, path, body)
			if err != nil {
				b.Error(err)
				return
			}
			var d delivered
			if post(b, w, w.Client(), path, json.RawMessage(body), credential.RequestHeader, request).into(b, &d); !d.Unchanged {
				b.Errorf("%+v", d)
				return
			}
		}
	})
	b.ReportMetric(float64(next.Load())/b.Elapsed().Seconds(), "phones/s")
}

func signRequest(w *servicetest.World, key keys.HolderSigner, path string, body []byte) (string, error) {
	data, err := credential.SignRequest(credential.NewRequest(w.Server.Origin, http.MethodPost, path, body, w.Now()), key)
	return credential.EncodeRequestHeader(data), err
}
