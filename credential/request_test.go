package credential

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/testvectors"
)

const (
	requestOrigin = "https://id.example.gov.ua"
	requestTarget = "/api/v1/bodies/00849994/wallet/delivery?face=full"
)

var requestBody = []byte(`{"number":"ГТ 004022"}`)

func vectorRequest() Request {
	return Request{Origin: requestOrigin, Method: "POST", Target: requestTarget, BodyHash: sha256.Sum256(requestBody),
		IssuedAt: testvectors.Persons()[0].ShownAt, Nonce: [16]byte{0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xcb, 0xcc, 0xcd, 0xce, 0xcf}}
}

func TestRequestRoundTrip(t *testing.T) {
	for _, kind := range []string{"holder", "verifier"} {
		q := vectorRequest()
		data, err := SignRequest(q, holderKey(t))
		if kind == "verifier" {
			data, err = SignVerifierRequest(q, verifierKey(t))
		}
		if err != nil {
			t.Fatal(err)
		}
		header := EncodeRequestHeader(data)
		again, err := DecodeRequestHeader(header)
		if err != nil || !bytes.Equal(again, data) {
			t.Fatalf("%s: header: %v", kind, err)
		}
		got, err := ParseRequest(again)
		if err != nil {
			t.Fatal(err)
		}
		if h := got.Holder.Equal(holderKey(t).HolderPublic()); h != (kind == "holder") {
			t.Errorf("%s: holder key there: %v", kind, h)
		}
		if v := got.Verifier.Equal(verifierKey(t).VerifierPublic()); v != (kind == "verifier") {
			t.Errorf("%s: verifier key there: %v", kind, v)
		}
		plain := *got
		plain.Holder, plain.Verifier = keys.HolderPublicKey{}, keys.VerifierPublicKey{}
		if plain != q {
			t.Errorf("%s: got %+v, want %+v", kind, plain, q)
		}
		if err := got.Check(requestOrigin, "POST", requestTarget, sha256.Sum256(requestBody), q.IssuedAt); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		t.Logf("%s: %d bytes, header of %d characters", kind, len(data), len(header))
	}
}

func TestNewRequest(t *testing.T) {
	at := time.Date(2026, 3, 1, 9, 0, 0, 987654321, time.UTC)
	seen := map[[16]byte]bool{}
	for range 100 {
		q := NewRequest(requestOrigin, "GET", "/api/v1/time", nil, at)
		if seen[q.Nonce] || q.Nonce == [16]byte{} {
			t.Fatal("a nonce came twice")
		}
		seen[q.Nonce] = true
		if q.BodyHash != sha256.Sum256(nil) || q.IssuedAt.Nanosecond() != 0 {
			t.Fatalf("got %+v", q)
		}
	}
}

func TestSignRequestRefuses(t *testing.T) {
	for name, change := range map[string]func(*Request){
		"no origin":             func(q *Request) { q.Origin = "" },
		"origin without scheme": func(q *Request) { q.Origin = "id.example.gov.ua" },
		"origin with path":      func(q *Request) { q.Origin += "/" },
		"origin in capitals":    func(q *Request) { q.Origin = "https://ID.example.gov.ua" },
		"no method":             func(q *Request) { q.Method = "" },
		"method in small":       func(q *Request) { q.Method = "post" },
		"method PATCH":          func(q *Request) { q.Method = "PATCH" },
		"no target":             func(q *Request) { q.Target = "" },
		"whole URL as target":   func(q *Request) { q.Target = requestOrigin + "/" },
		"target with space":     func(q *Request) { q.Target = "/a b" },
		"target with fragment":  func(q *Request) { q.Target = "/a#b" },
		"target in Cyrillic":    func(q *Request) { q.Target = "/ї" },
		"target too long":       func(q *Request) { q.Target = "/" + strings.Repeat("a", maxTarget) },
		"no time":               func(q *Request) { q.IssuedAt = time.Time{} },
		"year 10000":            func(q *Request) { q.IssuedAt = time.Unix(maxTime+1, 0) },
		"nonce zero":            func(q *Request) { q.Nonce = [16]byte{} },
	} {
		q := vectorRequest()
		change(&q)
		if data, err := SignRequest(q, holderKey(t)); data != nil || !errors.Is(err, ErrClaim) {
			t.Errorf("%s: holder: %x, %v", name, data, err)
		}
		if data, err := SignVerifierRequest(q, verifierKey(t)); data != nil || !errors.Is(err, ErrClaim) {
			t.Errorf("%s: verifier: %x, %v", name, data, err)
		}
	}
}

func TestParseRequestRefuses(t *testing.T) {
	h, v := holderKey(t), verifierKey(t)
	header := cose.Header{Type: TypeHolderRequest}
	whole, err := SignRequest(vectorRequest(), h)
	if err != nil {
		t.Fatal(err)
	}
	u, err := cose.ParseSign1(whole, cose.Profile{Type: TypeHolderRequest})
	if err != nil {
		t.Fatal(err)
	}
	good := readPairs(t, u.Payload)
	with := func(key int64, value []byte) []byte {
		p := pairs{}
		for k, v := range good {
			p[k] = v
		}
		if p[intKey(key)] = value; value == nil {
			delete(p, intKey(key))
		}
		return signRaw(t, header, p.encode(), h)
	}
	cnf := func(key []byte) []byte { return append(cose.AppendUint(cose.AppendMap(nil, 1), cnfKey), key...) }
	otherKey, err := keys.HolderKeyForVectors("another holder")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		data []byte
		want error
		text string
	}{
		{"empty", nil, cose.ErrMalformed, ""},
		{"cut", whole[:len(whole)-1], cose.ErrMalformed, ""},
		{"trailing", append(bytes.Clone(whole), 0), cose.ErrMalformed, ""},
		{"too large", append(bytes.Clone(whole), make([]byte, MaxRequest)...), cose.ErrTooLarge, ""},
		{"high-S", highS(t, whole), ErrHighS, "request"},
		{"typ missing", signRaw(t, cose.Header{}, good.encode(), h), cose.ErrType, ""},
		{"typ of a possession", signRaw(t, cose.Header{Type: cose.TypePossession}, good.encode(), h), cose.ErrType, ""},
		{"typ of a presentation", signRaw(t, cose.Header{Type: cose.TypePresentation}, good.encode(), h), cose.ErrType, ""},
		{"typ of a verifier's admission", signRaw(t, cose.Header{Type: cose.TypeVerifierRequest}, good.encode(), h), cose.ErrType, ""},
		{"kid in the header", signRaw(t, cose.Header{Type: TypeHolderRequest, KeyID: []byte{1, 2, 3, 4}}, good.encode(), h), ErrMalformed, "kid"},
		{"payload not a map", signRaw(t, header, []byte{0x80}, h), ErrMalformed, "want map"},
		{"payload not canonical", signRaw(t, header, []byte{0xbf, 0xff}, h), cose.ErrNotCanonical, ""},
		{"aud missing", with(claimAudience, nil), ErrMalformed, "claim 3 (aud) is missing"},
		{"aud a number", with(claimAudience, uintValue(1)), ErrMalformed, "want text, got uint"},
		{"aud any", with(claimAudience, textValue("any")), ErrMalformed, "claim 3 (aud)"},
		{"aud ftp", with(claimAudience, textValue("ftp://id.example.gov.ua")), ErrMalformed, "claim 3 (aud)"},
		{"aud with user", with(claimAudience, textValue("https://a@id.example.gov.ua")), ErrMalformed, "claim 3 (aud)"},
		{"aud with the scheme's port", with(claimAudience, textValue("https://id.example.gov.ua:443")), ErrMalformed, "claim 3 (aud)"},
		{"aud too long", with(claimAudience, textValue("https://"+strings.Repeat("a", maxOrigin))), ErrMalformed, "bytes, want 1 to 256"},
		{"iat missing", with(claimIssuedAt, nil), ErrMalformed, "claim 6 (iat) is missing"},
		{"iat zero", with(claimIssuedAt, uintValue(0)), ErrMalformed, "claim 6 (iat)"},
		{"iat text", with(claimIssuedAt, textValue("now")), ErrMalformed, "want uint, got text"},
		{"cti missing", with(claimID, nil), ErrMalformed, "claim 7 (cti) is missing"},
		{"cti of 15 bytes", with(claimID, byteValue(15)), ErrMalformed, "15 bytes, want 16"},
		{"cti of 17 bytes", with(claimID, byteValue(17)), ErrMalformed, "17 bytes, want 16"},
		{"cti all zero", with(claimID, cose.AppendBytes(nil, make([]byte, 16))), ErrMalformed, "all zero"},
		{"cnf missing", with(claimCnf, nil), ErrMalformed, "claim 8 (cnf) is missing"},
		{"cnf without a key", with(claimCnf, cose.AppendMap(nil, 0)), ErrMalformed, "COSE_Key"},
		{"cnf of another", with(claimCnf, cnf(otherKey.HolderPublic().AppendCOSE(nil, true))), cose.ErrSignature, ""},
		{"method missing", with(claimMethod, nil), ErrMalformed, "claim -65538 (method) is missing"},
		{"method PATCH", with(claimMethod, textValue("PATCH")), ErrMalformed, "claim -65538"},
		{"method in small", with(claimMethod, textValue("post")), ErrMalformed, "claim -65538"},
		{"target missing", with(claimTarget, nil), ErrMalformed, "claim -65539 (target) is missing"},
		{"target relative", with(claimTarget, textValue("api/v1/time")), ErrMalformed, "claim -65539"},
		{"target with fragment", with(claimTarget, textValue("/a#b")), ErrMalformed, "claim -65539"},
		{"target with line end", with(claimTarget, textValue("/a\n/b")), ErrMalformed, "claim -65539"},
		{"target too long", with(claimTarget, textValue("/"+strings.Repeat("a", maxTarget))), ErrMalformed, "1025 bytes"},
		{"body hash missing", with(claimBodyHash, nil), ErrMalformed, "claim -65540 (body hash) is missing"},
		{"body hash of 20 bytes", with(claimBodyHash, byteValue(20)), ErrMalformed, "20 bytes, want 32"},
		{"body hash text", with(claimBodyHash, textValue("x")), ErrMalformed, "want bytes, got text"},
		{"signed by a verifier under a holder's typ", signRaw(t, header, good.encode(), v), cose.ErrSignature, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := ParseRequest(c.data)
			if got != nil || !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
				t.Errorf("got %v, %v, want %v with %q", got, err, c.want, c.text)
			}
		})
	}
	for i := range whole {
		changed := bytes.Clone(whole)
		changed[i] ^= 1
		if got, err := ParseRequest(changed); got != nil || err == nil {
			t.Fatalf("byte %d changed: accepted", i)
		}
	}
	// A holder's key under a verifier's typ is a request of a verifier with that key, which no bundle knows; it is never a holder's.
	if got, err := ParseRequest(signRaw(t, cose.Header{Type: TypeVerifierRequest}, good.encode(), h)); err != nil || !got.Holder.IsZero() {
		t.Errorf("typ of a verifier: %+v, %v", got, err)
	}
}

func TestRequestSkipsUnknownKeys(t *testing.T) {
	whole, err := SignRequest(vectorRequest(), holderKey(t))
	if err != nil {
		t.Fatal(err)
	}
	u, err := cose.ParseSign1(whole, cose.Profile{Type: TypeHolderRequest})
	if err != nil {
		t.Fatal(err)
	}
	p := readPairs(t, u.Payload)
	p[intKey(-70000)], p[string(textValue("x"))] = null, truth
	if _, err := ParseRequest(signRaw(t, cose.Header{Type: TypeHolderRequest}, p.encode(), holderKey(t))); err != nil {
		t.Error(err)
	}
}

func TestRequestCheck(t *testing.T) {
	data, err := SignRequest(vectorRequest(), holderKey(t))
	if err != nil {
		t.Fatal(err)
	}
	q, err := ParseRequest(data)
	if err != nil {
		t.Fatal(err)
	}
	hash, at := sha256.Sum256(requestBody), q.IssuedAt
	for _, c := range []struct {
		name                   string
		origin, method, target string
		body                   [32]byte
		at                     time.Time
		want                   error
	}{
		{"as signed", requestOrigin, "POST", requestTarget, hash, at, nil},
		{"120 s later", requestOrigin, "POST", requestTarget, hash, at.Add(120 * time.Second), nil},
		{"60 s earlier", requestOrigin, "POST", requestTarget, hash, at.Add(-60 * time.Second), nil},
		{"121 s later", requestOrigin, "POST", requestTarget, hash, at.Add(121 * time.Second), ErrRequestTime},
		{"61 s earlier", requestOrigin, "POST", requestTarget, hash, at.Add(-61 * time.Second), ErrRequestTime},
		{"zero time", requestOrigin, "POST", requestTarget, hash, time.Time{}, ErrRequestTime},
		{"another service", "https://id.example.com", "POST", requestTarget, hash, at, ErrOtherRequest},
		{"http", "http://id.example.gov.ua", "POST", requestTarget, hash, at, ErrOtherRequest},
		{"another method", requestOrigin, "GET", requestTarget, hash, at, ErrOtherRequest},
		{"another path", requestOrigin, "POST", "/api/v1/bodies/00849994/wallet/withdraw", hash, at, ErrOtherRequest},
		{"without the query", requestOrigin, "POST", "/api/v1/bodies/00849994/wallet/delivery", hash, at, ErrOtherRequest},
		{"path escaped otherwise", requestOrigin, "POST", "/api/v1/bodies/0084999%34/wallet/delivery?face=full", hash, at, ErrOtherRequest},
		{"another body", requestOrigin, "POST", requestTarget, sha256.Sum256(nil), at, ErrOtherRequest},
		{"zero hash", requestOrigin, "POST", requestTarget, [32]byte{}, at, ErrOtherRequest},
		{"another body and late", requestOrigin, "POST", requestTarget, [32]byte{}, at.Add(time.Hour), ErrOtherRequest},
	} {
		if err := q.Check(c.origin, c.method, c.target, c.body, c.at); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	both := *q
	both.Verifier = verifierKey(t).VerifierPublic()
	for name, q := range map[string]*Request{"nil": nil, "no key": {Origin: requestOrigin}, "both keys": &both} {
		if err := q.Check(requestOrigin, "POST", requestTarget, hash, at); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRequestOrigin(t *testing.T) {
	for _, good := range []string{"https://id.example.gov.ua", "https://a", "http://localhost:8080", "http://127.0.0.1:1", "https://[::1]:8443", "https://[2001:db8::1]", "https://id.gov.ua:65535"} {
		if !isOrigin(good) {
			t.Errorf("%q refused", good)
		}
	}
	for _, bad := range []string{"", "https://", "https:///", "https://a/", "https://a?b", "https://a:", "https://a:0", "https://a:01", "https://a:65536", "https://a:443", "http://a:80",
		"https://a:b", "https://A", "https://a b", "https://-a", "https://.a", "https://[::1", "https://::1]", "https://[]", "https://[a]", "https://[::G]", "https://[::1]x", "https://[::1]:", "HTTPS://a", "ws://a", "https://a:1:2", "https://ї",
		"https://" + strings.Repeat("a", maxHostLength+1)} {
		if isOrigin(bad) {
			t.Errorf("%q taken", bad)
		}
	}
}

func TestRequestHeader(t *testing.T) {
	for _, bad := range []string{"", "=", "AA==", "A", "AB+", "AB/", "AB", "AA\n", "A A", "Ає", strings.Repeat("A", 2732)} {
		data, err := DecodeRequestHeader(bad)
		if data != nil || err == nil || !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrTooLarge) {
			t.Errorf("%q: %x, %v", bad, data, err)
		}
	}
	for _, size := range []int{1, 2, 3, MaxRequest} {
		data := bytes.Repeat([]byte{0xfb}, size)
		if got, err := DecodeRequestHeader(EncodeRequestHeader(data)); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}

func FuzzParseRequest(f *testing.F) {
	data, err := SignRequest(vectorRequest(), holderKey(f))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	if data, err = SignVerifierRequest(vectorRequest(), verifierKey(f)); err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		q, err := ParseRequest(data)
		if err != nil {
			if q != nil {
				t.Fatal("a failed parse returned a request")
			}
			// What the reader would make of a payload that nobody signed is tried here.
			if u, err := cose.ParseSign1(data, cose.Profile{Limits: requestLimits, AnyType: true}); err == nil {
				var q Request
				if q.parse(u.Payload, TypeHolderRequest) == nil && (!isOrigin(q.Origin) || !isMethod(q.Method) || !isTarget(q.Target) || q.Holder.IsZero()) {
					t.Fatalf("claims were read that may not be written: %+v", q)
				}
			}
			return
		}
		canonical(t, data)
		if q.Holder.IsZero() == q.Verifier.IsZero() {
			t.Fatal("want exactly one key")
		}
	})
}

func FuzzRequestHeader(f *testing.F) {
	for _, s := range []string{"", "AA", "AA==", "0oRYIaIBKBBY", "AB", "A\nA"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		data, err := DecodeRequestHeader(s)
		if err != nil {
			if data != nil {
				t.Fatal("a failed decode returned bytes")
			}
			return
		}
		if EncodeRequestHeader(data) != s {
			t.Fatalf("%q is another text for %x", s, data)
		}
	})
}
