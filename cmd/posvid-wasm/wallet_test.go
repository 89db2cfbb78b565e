//go:build !js

package main

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/testvectors"
	"github.com/posvid/posvid/testvectors/gen/demoroot"
	"github.com/posvid/posvid/trust"
	"github.com/posvid/posvid/verifier"
	"github.com/posvid/posvid/wallet"
)

// node is the wallet of posvid.wasm in a Node process.
type node struct {
	t   *testing.T
	in  *json.Encoder
	out *bufio.Scanner
}

// TestWallet runs the wallet of the built module with the keys of Node's WebCrypto.
func TestWallet(t *testing.T) {
	if testing.Short() {
		t.Skip("short mode: a build for the browser")
	}
	n := newNode(t, build(t))
	t.Run("vectors", func(t *testing.T) { walletVectors(t, n.at(t)) })
	t.Run("questions", func(t *testing.T) { walletQuestions(t, n.at(t)) })
	t.Run("states", func(t *testing.T) { walletStates(t, n.at(t)) })
	t.Run("low-S", func(t *testing.T) { walletLowS(t, n.at(t)) })
	t.Run("damaged", func(t *testing.T) { walletDamaged(t, n.at(t)) })
	t.Run("enrolment", func(t *testing.T) { walletEnrolment(t, n.at(t)) })
}

func newNode(t *testing.T, module string) *node {
	t.Helper()
	path, err := exec.LookPath("node")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("node is not installed (apt-get install nodejs)")
		}
		t.Skip("node is not installed (apt-get install nodejs)")
	}
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(path, "wallet.cjs", filepath.Join(strings.TrimSpace(string(goroot)), "lib", "wasm", "wasm_exec.js"), module)
	c.Stderr = os.Stderr
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); c.Wait() })
	n := &node{t: t, in: json.NewEncoder(in), out: bufio.NewScanner(out)}
	n.out.Buffer(nil, 32<<20)
	return n
}

// at is the same process for another test.
func (n *node) at(t *testing.T) *node {
	m := *n
	m.t = t
	return &m
}

type any1 = map[string]any

// order gives an order and reads the answer into out; it returns the code of a refusal and how long it took.
func (n *node) order(order any1, out any) (code string, ms float64) {
	n.t.Helper()
	if err := n.in.Encode(order); err != nil {
		n.t.Fatal(err)
	}
	if !n.out.Scan() {
		n.t.Fatalf("node ended: %v", n.out.Err())
	}
	var line struct {
		Answer json.RawMessage `json:"answer"`
		MS     float64         `json:"ms"`
	}
	if err := json.Unmarshal(n.out.Bytes(), &line); err != nil {
		n.t.Fatal(err)
	}
	var refused struct {
		Error  *struct{ Code, Text string } `json:"error"`
		Thrown string                       `json:"thrown"`
	}
	json.Unmarshal(line.Answer, &refused) // an answer that is no object refuses nothing
	switch {
	case refused.Thrown != "":
		n.t.Fatalf("order %v: %s", order["op"], refused.Thrown)
	case refused.Error != nil:
		return refused.Error.Code, line.MS
	}
	if out != nil {
		if err := json.Unmarshal(line.Answer, out); err != nil {
			n.t.Fatalf("order %v: %v in %s", order["op"], err, line.Answer)
		}
	}
	return "", line.MS
}

func (n *node) call(name string, args, out any) string {
	n.t.Helper()
	code, _ := n.order(any1{"op": "call", "name": name, "args": args}, out)
	return code
}

// vectorKey is a holder key of the vectors with its scalar, as a JSON Web Key (RFC 7518, Section 6.2).
func vectorKey(t *testing.T, label string) (keys.HolderPrivateKey, any1) {
	t.Helper()
	key := must[keys.HolderPrivateKey](t)(keys.HolderKeyForVectors(label))
	scalar := sha512.Sum384(append([]byte("posvid test vector key\x00holder/"+label), 0))
	public, ok := key.HolderPublic().COSE().Crypto().(*ecdsa.PublicKey)
	if !ok {
		t.Fatal("a holder key that is not ECDSA")
	}
	point := must[[]byte](t)(public.Bytes())
	b64 := base64.RawURLEncoding.EncodeToString
	return key, any1{"kty": "EC", "crv": "P-256", "d": b64(scalar[:32]), "x": b64(point[1:33]), "y": b64(point[33:])}
}

func vectorBundle(t *testing.T) (*trust.Bundle, []byte, trust.Fingerprint) {
	t.Helper()
	data := must[[]byte](t)(testvectors.TrustFile("bundle.sidb"))
	object, _, _, err := demoroot.Root()
	if err != nil {
		t.Fatal(err)
	}
	pin := must[*trust.RootObject](t)(trust.ParseRoot(object)).Fingerprint
	return must[*trust.Bundle](t)(trust.Open(data, pin)), data, pin
}

// kept is the state of a wallet with one token, as package wallet writes it.
func keptState(t *testing.T, key keys.HolderSigner, b *trust.Bundle, root trust.Fingerprint, token []byte, at time.Time) []byte {
	t.Helper()
	var state []byte
	w := must[*wallet.Wallet](t)(wallet.Make(key, root, func(s []byte) error { state = s; return nil }))
	if err := w.TakeBundle(b, at); err != nil {
		t.Fatal(err)
	}
	must[[]wallet.ID](t)(w.Store(must[[]byte](t)(credential.EncodeDelivery(credential.Delivery{Tokens: [][]byte{token}})), b, at))
	return state
}

type shownCode struct {
	Text   string `json:"text"`
	Issued int64  `json:"issued_at"`
	Until  int64  `json:"until"`
	Symbol struct {
		Size int    `json:"size"`
		Bits []byte `json:"bits"`
	} `json:"symbol"`
}

// walletVectors: with the token, the key and the beacon of a vector the page makes the very code of the vector, but for the
// signature, which is random; and the verifier takes it as it takes the vector.
func walletVectors(t *testing.T, n *node) {
	b, data, root := vectorBundle(t)
	key, jwk := vectorKey(t, "honcharuk")
	beacon := b.Beacon()
	same, times := 0, []float64{}
	for _, name := range []string{"ok_check", "ok_full", "ok_full_texts", "ok_no_photo", "ok_list_4095", "ok_last_index", "ok_ed25519_issuer", "ok_second_issuer_key", "ok_subordinate_body", "beacon_newest"} {
		text := scenario(t, name)
		_, raw, err := credential.DecodeText(text)
		if err != nil {
			t.Fatal(err)
		}
		golden := must[*credential.UnverifiedPresentation](t)(credential.ParsePresentation(raw))
		claims := must[*credential.Presentation](t)(golden.Verify(key.HolderPublic()))
		token, issued := vectorToken(t, b, golden)
		at := claims.IssuedAt
		state := keptState(t, key, b, root, token, at)
		if code, _ := n.order(any1{"op": "open", "wallets": []any1{{"id": "a", "state": state, "jwk": jwk}}, "bundle": data}, nil); code != "" {
			t.Fatalf("%s: open: %s", name, code)
		}
		var got shownCode
		code, ms := n.order(any1{"op": "call", "name": "present", "args": any1{"wallet": "a", "body": issued.Issuer, "number": issued.Number, "face": issued.Face.String(), "at": at.UnixMilli()}}, &got)
		if code != "" {
			t.Errorf("%s: %s", name, code)
			continue
		}
		times = append(times, ms)
		_, made, err := credential.DecodeText(got.Text)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Equal(claims.CNonce, beacon.Value[:]) {
			same++
			if len(made) != len(raw) || !bytes.Equal(made[:len(made)-64], raw[:len(raw)-64]) {
				t.Errorf("%s: the page's code differs from the vector's before the signature", name)
			}
		}
		v := verifier.Verify(verifier.Input{Text: got.Text, At: at.Add(30 * time.Second), Bundle: b, Class: trust.ClassCheckpoint, Lang: "uk"})
		if v.Outcome != verifier.Accept {
			t.Errorf("%s: the verifier says %v of the page's code, want accept", name, v.Err())
		}
		if want := wallet.NextChange(at).UnixMilli(); got.Until != want || got.Issued != at.UnixMilli() {
			t.Errorf("%s: shown from %d until %d, want %d until %d", name, got.Issued, got.Until, at.UnixMilli(), want)
		}
		if got.Symbol.Size < 21 || len(got.Symbol.Bits) != (got.Symbol.Size*got.Symbol.Size+7)/8 {
			t.Errorf("%s: a symbol of %d modules in %d bytes", name, got.Symbol.Size, len(got.Symbol.Bits))
		}
	}
	if same < 3 {
		t.Errorf("%d vectors have the newest beacon and were compared, want 3", same)
	}
	slices.Sort(times)
	t.Logf("a code with its symbol: median %.1f ms over %d", times[len(times)/2], len(times))
}

func scenario(t *testing.T, name string) string {
	t.Helper()
	for _, s := range must[[]testvectors.Scenario](t)(testvectors.Scenarios()) {
		if s.Name == name {
			return string(s.Data)
		}
	}
	t.Fatalf("no vector %s", name)
	return ""
}

// vectorToken is the token inside a presentation, verified with a key of the bundle.
func vectorToken(t *testing.T, b *trust.Bundle, p *credential.UnverifiedPresentation) ([]byte, *credential.Token) {
	t.Helper()
	for _, k := range b.IssuerKeys(p.Token().UnverifiedKeyID()) {
		if token, err := p.Token().Verify(k.Key); err == nil {
			return token.Raw, token
		}
	}
	t.Fatal("no key of the bundle signed the token")
	return nil, nil
}

// walletQuestions runs every vector of a question through the page: what is no sound question is never answered.
func walletQuestions(t *testing.T, n *node) {
	b, data, root := vectorBundle(t)
	key, jwk := vectorKey(t, "honcharuk")
	_, raw, err := credential.DecodeText(scenario(t, "ok_check"))
	if err != nil {
		t.Fatal(err)
	}
	token, issued := vectorToken(t, b, must[*credential.UnverifiedPresentation](t)(credential.ParsePresentation(raw)))
	gate := must[keys.VerifierPrivateKey](t)(keys.VerifierKeyForVectors("gate"))
	_, good, err := credential.DecodeText(scenario(t, "question_ok"))
	if err != nil {
		t.Fatal(err)
	}
	asks := must[*credential.Challenge](t)(must[*credential.UnverifiedChallenge](t)(credential.ParseChallenge(good)).Verify(gate.VerifierPublic()))
	at := asks.Expires.Add(-30 * time.Second)
	state := keptState(t, key, b, root, token, at)
	if code, _ := n.order(any1{"op": "open", "wallets": []any1{{"id": "a", "state": state, "jwk": jwk}}, "bundle": data}, nil); code != "" {
		t.Fatal(code)
	}
	which := any1{"wallet": "a", "body": issued.Issuer, "number": issued.Number, "face": "check", "at": at.UnixMilli()}
	if code := n.call("answer", which, nil); code != "bad-question" {
		t.Errorf("an answer before any question: %q, want bad-question", code)
	}
	seen := 0
	for _, s := range must[[]testvectors.Scenario](t)(testvectors.Scenarios()) {
		if s.Kind != "challenge" {
			continue
		}
		seen++
		code := n.call("question", any1{"text": string(s.Data), "at": at.UnixMilli()}, nil)
		if ok := s.Expect == "ok"; ok != (code == "") {
			t.Errorf("%s: %q, the vector says %s", s.Name, code, s.Expect)
		}
		if code != "" {
			if answered := n.call("answer", which, nil); answered == "" {
				t.Errorf("%s was answered", s.Name)
			}
		}
	}
	if seen < 20 {
		t.Fatalf("%d vectors of questions, want 20 and more", seen)
	}
	for name, c := range map[string]struct {
		text string
		at   time.Time
		want string
	}{
		"a code": {scenario(t, "ok_check"), at, "not-question"}, "a link": {"https://example.org/", at, "not-question"}, "nothing": {"", at, "not-question"},
		"an old one": {scenario(t, "question_ok"), at.Add(2 * time.Minute), "question-time"}, "one of times to come": {scenario(t, "question_ok"), at.Add(-5 * time.Minute), "question-time"},
	} {
		if code := n.call("question", any1{"text": c.text, "at": c.at.UnixMilli()}, nil); code != c.want {
			t.Errorf("%s: %q, want %s", name, code, c.want)
		}
	}
	var who struct {
		Question int
		Verifier uint64
		Name     string
		Body     string
	}
	if code := n.call("question", any1{"text": scenario(t, "question_ok"), "at": at.UnixMilli()}, &who); code != "" || who.Verifier != asks.VerifierID || who.Name == "" || who.Body == "" {
		t.Fatalf("%q, %+v; want who asks", code, who)
	}
	// A camera reads another question while the holder reads the first one: the yes was not said to it.
	which["question"] = who.Question
	var next struct{ Question int }
	if code := n.call("question", any1{"text": scenario(t, "question_ok"), "at": at.UnixMilli()}, &next); code != "" || next.Question == who.Question {
		t.Fatalf("%q, question %d again", code, next.Question)
	}
	if code := n.call("answer", which, nil); code != "bad-question" {
		t.Errorf("a yes to another question: %q, want bad-question", code)
	}
	which["question"] = next.Question
	var answer shownCode
	if code := n.call("answer", which, &answer); code != "" {
		t.Fatal(code)
	}
	v := verifier.Verify(verifier.Input{Text: answer.Text, At: at, Bundle: b, Class: trust.ClassCheckpoint, VerifierID: asks.VerifierID, Lang: "uk",
		Nonce: func(nonce [16]byte, _ [32]byte) verifier.ChallengeState {
			if nonce == asks.Nonce {
				return verifier.ChallengeOpen
			}
			return verifier.ChallengeUnknown
		}})
	if v.Outcome != verifier.Accept {
		t.Errorf("the verifier says %v of the answer, want accept", v.Err())
	}
	if code := n.call("answer", which, nil); code != "bad-question" {
		t.Errorf("a second answer: %q, want bad-question", code)
	}
}

// walletStates: a service of times to come says what this page has no words for.
func walletStates(t *testing.T, n *node) {
	b, data, root := vectorBundle(t)
	key, jwk := vectorKey(t, "honcharuk")
	_, raw, err := credential.DecodeText(scenario(t, "ok_check"))
	if err != nil {
		t.Fatal(err)
	}
	token, issued := vectorToken(t, b, must[*credential.UnverifiedPresentation](t)(credential.ParsePresentation(raw)))
	at := issued.IssuedAt.Add(time.Hour)
	state := keptState(t, key, b, root, token, at)
	for said, want := range map[string]string{"suspended": "suspended", "abandoned": "issued", "": "issued", "__proto__": "issued"} {
		facts := fmt.Sprintf(`{"schema":"posvid.wallet-page/1","states":{"a/%s/%s":{"state":%q,"asked":%q}}}`, issued.Issuer, issued.Number, said, at.Add(30*24*time.Hour).Format(time.RFC3339))
		if code, _ := n.order(any1{"op": "open", "wallets": []any1{{"id": "a", "state": state, "jwk": jwk}}, "bundle": data, "facts": facts}, nil); code != "" {
			t.Fatal(code)
		}
		var view struct{ IDs []struct{ State string } }
		if code := n.call("view", any1{"at": at.UnixMilli()}, &view); code != "" || len(view.IDs) != 1 || view.IDs[0].State != want {
			t.Errorf("%q: %q, %+v; want %s", said, code, view, want)
		}
	}
}

// walletLowS: WebCrypto makes either form of a signature, the wallet one.
func walletLowS(t *testing.T, n *node) {
	b, data, root := vectorBundle(t)
	key, jwk := vectorKey(t, "honcharuk")
	_, raw, err := credential.DecodeText(scenario(t, "ok_check"))
	if err != nil {
		t.Fatal(err)
	}
	golden := must[*credential.UnverifiedPresentation](t)(credential.ParsePresentation(raw))
	token, issued := vectorToken(t, b, golden)
	at := must[*credential.Presentation](t)(golden.Verify(key.HolderPublic())).IssuedAt
	n.order(any1{"op": "open", "wallets": []any1{{"id": "a", "state": keptState(t, key, b, root, token, at), "jwk": jwk}}, "bundle": data}, nil)
	for i := range 40 { // 2^-40 that WebCrypto made none of the other form
		var got shownCode
		if code := n.call("present", any1{"wallet": "a", "body": issued.Issuer, "number": issued.Number, "face": "check", "at": at.Add(time.Duration(i) * time.Second).UnixMilli()}, &got); code != "" {
			t.Fatal(code)
		}
		_, made, err := credential.DecodeText(got.Text)
		if err != nil {
			t.Fatal(err)
		}
		if !cose.IsLowS(cose.ESP256, made[len(made)-64:]) {
			t.Fatalf("signature %d is not low-S", i)
		}
		must[*credential.Presentation](t)(must[*credential.UnverifiedPresentation](t)(credential.ParsePresentation(made)).Verify(key.HolderPublic()))
	}
}

// walletDamaged: what is damaged is named and never taken for nothing.
func walletDamaged(t *testing.T, n *node) {
	b, data, root := vectorBundle(t)
	key, jwk := vectorKey(t, "honcharuk")
	_, others := vectorKey(t, "nesterenko")
	_, raw, err := credential.DecodeText(scenario(t, "ok_check"))
	if err != nil {
		t.Fatal(err)
	}
	golden := must[*credential.UnverifiedPresentation](t)(credential.ParsePresentation(raw))
	token, _ := vectorToken(t, b, golden)
	at := must[*credential.Presentation](t)(golden.Verify(key.HolderPublic())).IssuedAt
	state := keptState(t, key, b, root, token, at)
	flipped := bytes.Clone(state)
	flipped[bytes.Index(flipped, []byte(`"token": "`))+40] ^= 1
	for name, w := range map[string]any1{
		"no state": {"id": "a", "state": []byte{}, "jwk": jwk}, "half a state": {"id": "a", "state": state[:len(state)/2], "jwk": jwk},
		"a token with a bit": {"id": "a", "state": flipped, "jwk": jwk}, "no JSON": {"id": "a", "state": []byte("x"), "jwk": jwk},
		"no key": {"id": "a", "state": state}, "another's key": {"id": "a", "state": state, "jwk": others},
	} {
		var opened struct {
			Wallets int
			Damaged []string
		}
		if code, _ := n.order(any1{"op": "open", "wallets": []any1{w, {"id": "b", "state": state, "jwk": jwk}}, "bundle": data}, &opened); code != "" || opened.Wallets != 1 || !slices.Equal(opened.Damaged, []string{"a"}) {
			t.Errorf("%s: %q, %+v; want the other wallet open and this one damaged", name, code, opened)
		}
		var kept struct{ Wallets []any1 }
		if n.order(any1{"op": "kept"}, &kept); len(kept.Wallets) != 2 {
			t.Errorf("%s: %d records are left, want 2", name, len(kept.Wallets))
		}
	}
	for _, facts := range []string{"{", `{"schema":"posvid.wallet-page/2"}`, `{"schema":"posvid.wallet-page/1","more":1}`, "[]"} {
		if code, _ := n.order(any1{"op": "open", "wallets": []any1{{"id": "a", "state": state, "jwk": jwk}}, "facts": facts}, nil); code != "damaged" {
			t.Errorf("facts %q: %q, want damaged", facts, code)
		}
	}
	// A bundle that does not open is fetched again; the wallet itself opens.
	var opened struct{ Wallets int }
	if code, _ := n.order(any1{"op": "open", "wallets": []any1{{"id": "a", "state": state, "jwk": jwk}}, "bundle": data[:1000]}, &opened); code != "" || opened.Wallets != 1 {
		t.Errorf("half a bundle: %q, %+v", code, opened)
	}
	for _, list := range [][]any{{"nothing", "{}"}, {"present", "{"}, {"present", "[]"}, {"view"}, {1, 2}, {}} {
		if code, _ := n.order(any1{"op": "raw", "list": list}, nil); code != "internal" {
			t.Errorf("posvidWallet(%v): %q, want internal", list, code)
		}
	}
	for text, want := range map[string]bool{"https://id.example.gov.ua/": true, "": false, "а": false, strings.Repeat("x", 5000): false} {
		var symbol struct{ Size int }
		if code, _ := n.order(any1{"op": "qr", "text": text}, &symbol); (code == "" && symbol.Size > 0) != want {
			t.Errorf("posvidQR of %d characters: %q, %d modules", len(text), code, symbol.Size)
		}
	}
}

// walletEnrolment: what a network and a service can do to an enrolment.
func walletEnrolment(t *testing.T, n *node) {
	w := newWorld(t)
	bundle := base64.StdEncoding.EncodeToString(w.bundle(now.Add(-time.Hour)))
	clock := any1{"status": 200, "body": fmt.Sprintf(`{"time_ms":%d}`, time.Now().UnixMilli())}
	trusted := any1{"status": 200, "data": bundle, "etag": `"1"`}
	enrol := any1{"body": body, "code": "7k3m 0qzw 8a5t xn2d", "slip": 12, "root": w.pin.String()}
	type request struct {
		Path, Method, Body string
		Headers            map[string]string
	}
	type state struct {
		Wallets []struct {
			ID, State, Type string
			Extractable     bool
		}
		Facts string
		Asked []request
	}
	kept := func() (s state) { n.order(any1{"op": "kept"}, &s); return s }

	for name, c := range map[string]struct {
		change  any1
		answers []any
		want    string
		left    int // wallets that are kept
	}{
		"a short code":            {any1{"code": "7K3M"}, nil, "bad-code", 0},
		"no fingerprint":          {any1{"root": ""}, nil, "bad-root", 0},
		"half a fingerprint":      {any1{"root": w.pin.String()[:20]}, nil, "bad-root", 0},
		"no network":              {nil, []any{nil}, "offline", 0},
		"no time":                 {nil, []any{any1{"status": 200, "body": "{}"}}, "service", 0},
		"no bundle":               {nil, []any{clock, nil}, "offline", 0},
		"another root":            {any1{"root": strings.Repeat("B", 51) + "A"}, []any{clock, trusted}, "other-root", 0},
		"a damaged bundle":        {nil, []any{clock, any1{"status": 200, "body": "xx"}}, "internal", 0},
		"no ЄДРПОУ":               {any1{"body": "12"}, []any{clock, trusted}, "bad-body", 0},
		"refused":                 {nil, []any{clock, trusted, any1{"status": 403, "body": `{"code":"enrolment-refused","title":"Код не прийнято."}`}}, "service:enrolment-refused", 0},
		"overloaded":              {nil, []any{clock, trusted, any1{"status": 503, "body": `{"code":"overloaded"}`}}, "service:overloaded", 1},
		"network lost at the end": {nil, []any{clock, trusted, nil}, "offline", 1},
		"no JSON":                 {nil, []any{clock, trusted, any1{"status": 200, "body": "<html>"}}, "service", 1},
		"a delivery that is none": {nil, []any{clock, trusted, any1{"status": 200, "body": `{"state":"issued","delivery":"AAAA"}`}}, "bad-delivery", 1},
	} {
		args := any1{}
		for k, v := range enrol {
			args[k] = v
		}
		for k, v := range c.change {
			args[k] = v
		}
		n.order(any1{"op": "open"}, nil)
		n.order(any1{"op": "answers", "list": c.answers}, nil)
		got := n.call("enrol", args, nil)
		s := kept()
		if name == "a damaged bundle" && got != "" && got != c.want { // named by what is damaged
			c.want = got
		}
		if got != c.want || len(s.Wallets) != c.left {
			t.Errorf("%s: %q and %d wallets, want %s and %d", name, got, len(s.Wallets), c.want, c.left)
		}
		if strings.Contains(s.Facts, "7K3M") || strings.Contains(s.Facts, "7k3m") {
			t.Errorf("%s: the code of the slip is stored", name)
		}
	}

	// The proof waits, and is sent again as it was; what comes is for another's key, and then for the right one.
	n.order(any1{"op": "open"}, nil)
	n.order(any1{"op": "answers", "list": []any{clock, trusted, nil}}, nil)
	n.call("enrol", enrol, nil)
	before := kept()
	if len(before.Wallets) != 1 || before.Wallets[0].Extractable || before.Wallets[0].Type != "private" {
		t.Fatalf("kept: %+v; want one wallet with a private key that cannot be read out", before.Wallets)
	}
	sent := before.Asked[2]
	var proof struct {
		Possession []byte
		Slip       int
	}
	if err := json.Unmarshal(must[[]byte](t)(base64.StdEncoding.DecodeString(sent.Body)), &proof); err != nil || proof.Slip != 12 {
		t.Fatalf("the request: %v, slip %d", err, proof.Slip)
	}
	possession := must[*credential.Possession](t)(credential.ParsePossession(proof.Possession))
	if possession.CodeHash != credential.CodeHash("7K3M0QZW8A5TXN2D") || possession.Audience != body {
		t.Error("the proof is for another code or body")
	}
	id := before.Wallets[0].ID
	deliver := func(holder keys.HolderPublicKey) any1 {
		claims := credential.Claims{Issuer: body, Number: "АА 000001", IssuedAt: base, ExpiresAt: time.Now().Add(20 * 24 * time.Hour).Truncate(time.Second), Holder: holder,
			Name: "Гончарук Т. Г.", Status: must[credential.StatusRef](t)(credential.NewStatusRef(0, 1))}
		if life := claims.ExpiresAt.Sub(claims.IssuedAt); life > 30*24*time.Hour || life <= 0 {
			claims.IssuedAt = claims.ExpiresAt.Add(-30 * 24 * time.Hour)
		}
		token := must[[]byte](t)(credential.SignToken(must[[]byte](t)(credential.EncodePayload(&claims)), w.issuer))
		d := must[[]byte](t)(credential.EncodeDelivery(credential.Delivery{Tokens: [][]byte{token}}))
		return any1{"status": 200, "body": string(must[[]byte](t)(json.Marshal(any1{"state": "issued", "delivery": d})))}
	}
	other, _ := vectorKey(t, "honcharuk")
	n.order(any1{"op": "answers", "list": []any{deliver(other.HolderPublic())}}, nil)
	if got := n.call("resend", any1{"wallet": id}, nil); got != "foreign-token" {
		t.Errorf("a token of another's key: %q, want foreign-token", got)
	}
	if again := kept().Asked[0]; again.Body != sent.Body {
		t.Error("the proof was made anew, want the same bytes")
	}
	n.order(any1{"op": "answers", "list": []any{deliver(possession.Holder)}}, nil)
	n.order(any1{"op": "refuse", "writes": true}, nil)
	if got := n.call("resend", any1{"wallet": id}, nil); got != "storage" {
		t.Errorf("a storage that refuses: %q, want storage", got)
	}
	n.order(any1{"op": "refuse", "writes": false}, nil)
	n.order(any1{"op": "answers", "list": []any{deliver(possession.Holder)}}, nil)
	if got := n.call("resend", any1{"wallet": id}, nil); got != "" {
		t.Fatalf("the right delivery: %q", got)
	}
	var view struct {
		IDs     []struct{ Number, State string }
		Pending []any1
		Root    string
	}
	if n.call("view", any1{"at": time.Now().UnixMilli()}, &view); len(view.IDs) != 1 || view.IDs[0].State != "issued" || len(view.Pending) != 0 || view.Root != w.pin.String() {
		t.Errorf("the view: %+v", view)
	}

	// A newer bundle that cannot be kept is not remembered by the wallet either: it would refuse the one that is kept.
	nothing := any1{"status": 200, "body": `{"tag":"1","ids":[]}`}
	newer := any1{"status": 200, "data": base64.StdEncoding.EncodeToString(w.bundle(now.Add(-time.Minute))), "etag": `"2"`}
	var report struct {
		Bundle bool
		Failed []struct{ Step, Code string }
	}
	stored := kept().Wallets[0].State
	n.order(any1{"op": "answers", "list": []any{clock, newer, nothing}}, nil)
	n.order(any1{"op": "refuse", "writes": "bundle"}, nil)
	if got := n.call("sync", any1{}, &report); got != "" || report.Bundle || len(report.Failed) != 1 || report.Failed[0].Code != "storage" {
		t.Errorf("a bundle that cannot be kept: %q, %+v", got, report)
	}
	if kept().Wallets[0].State != stored {
		t.Error("the wallet remembers a bundle that was not kept")
	}
	n.order(any1{"op": "refuse", "writes": false}, nil)
	n.order(any1{"op": "answers", "list": []any{clock, newer, nothing}}, nil)
	if got := n.call("sync", any1{}, &report); got != "" || !report.Bundle || len(report.Failed) != 0 || kept().Wallets[0].State == stored {
		t.Errorf("the same bundle again: %q, %+v", got, report)
	}

	// A signed question is signed for this service, path and body, by the key of this wallet.
	n.order(any1{"op": "answers", "list": []any{any1{"status": 404, "body": `{"code":"unknown-id","title":"Немає."}`}}}, nil)
	if got := n.call("checks", any1{"wallet": id, "body": body, "number": "АА 000001"}, nil); got != "service:unknown-id" {
		t.Errorf("a refusal of the service: %q", got)
	}
	asked := kept().Asked[0]
	data := must[[]byte](t)(base64.StdEncoding.DecodeString(asked.Body))
	signed := must[*credential.Request](t)(credential.ParseRequest(must[[]byte](t)(credential.DecodeRequestHeader(asked.Headers[credential.RequestHeader]))))
	if err := signed.Check("https://id.example.gov.ua", "POST", asked.Path, sha256.Sum256(data), time.Now()); err != nil || !signed.Holder.Equal(possession.Holder) {
		t.Errorf("the signed request: %v", err)
	}
}
