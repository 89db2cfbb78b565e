package web_test

import (
	"bufio"
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cloudflare/circl/blindsign/blindrsa"

	"github.com/posvid/posvid/web"
	"github.com/posvid/posvid/web/webtest"
)

// blinder runs an operation of web/static/office/blindrsa.js: see testdata/blindrsa.mjs.
type blinder func(q map[string]any) map[string]any

// TestBlindRSA tries the page's code in the two that run it: Node.js, and the browser that people have.
func TestBlindRSA(t *testing.T) {
	every := func(t *testing.T, b blinder) {
		t.Run("vectors", func(t *testing.T) { testVectors(t, b) })
		t.Run("circl", func(t *testing.T) { testCircl(t, b) })
		t.Run("refuses", func(t *testing.T) { testRefuses(t, b) })
	}
	t.Run("node", func(t *testing.T) { every(t, inNode(t)) })
	t.Run("chromium", func(t *testing.T) {
		if testing.Short() {
			t.Skip("short mode: a browser")
		}
		every(t, inChromium(t))
	})
}

func inNode(t testing.TB) blinder {
	run := nodeModule(t, "blindrsa.js", "blindrsa.mjs")
	return func(q map[string]any) (a map[string]any) {
		t.Helper()
		run(q, &a)
		return a
	}
}

// nodeModule runs a driver of testdata in Node.js over a module of static/office that imports nothing. A call of run is one line of
// JSON to the driver and one back.
func nodeModule(t testing.TB, module, driver string) (run func(q, answer any)) {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("node is missing (apt-get install nodejs)")
		}
		t.Skip("node is missing (apt-get install nodejs)")
	}
	// Under this ending Node.js takes it for a module.
	code, err := fs.ReadFile(web.Assets, "static/office/"+module)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), strings.TrimSuffix(module, ".js")+".mjs")
	if err := os.WriteFile(file, code, 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.Command(node, "testdata/"+driver, file)
	command.Stderr = os.Stderr
	in, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := command.Wait(); err != nil {
			t.Error(err)
		}
	})
	lines := bufio.NewReader(out)
	return func(q, answer any) {
		t.Helper()
		line, err := json.Marshal(q)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := in.Write(append(line, '\n')); err != nil {
			t.Fatal(err)
		}
		if line, err = lines.ReadBytes('\n'); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(line, answer); err != nil {
			t.Fatalf("%v: %.300s", err, line)
		}
	}
}

func inChromium(t testing.TB) blinder {
	static, err := fs.Sub(web.Assets, "static")
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/static/", http.StripPrefix("/static/", http.FileServerFS(static)))
	mux.HandleFunc("/driver.js", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		http.ServeFile(w, r, "testdata/blindrsa.mjs")
	})
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `<!doctype html><title>t</title><link rel="icon" href="data:,">`)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	p := webtest.Start(t, webtest.Options{}).Page(t)
	p.Open(server.URL + "/")
	return func(q map[string]any) map[string]any {
		t.Helper()
		line, err := json.Marshal(q)
		if err != nil {
			t.Fatal(err)
		}
		return webtest.Eval[map[string]any](p, `Promise.all([import("/driver.js"), import("/static/office/blindrsa.js")]).then(([d, b]) => d.run(b, `+string(line)+`))`)
	}
}

// vector is one of RFC 9474, Appendix A; fields are hexadecimal.
type vector struct {
	Name      string `json:"name"`
	N         string `json:"n"`
	E         string `json:"e"`
	Message   string `json:"msg"`
	Prefix    string `json:"msg_prefix"`
	Input     string `json:"input_msg"`
	Salt      string `json:"salt"`
	Encoded   string `json:"encoded_msg"` // not in every vector
	Inverse   string `json:"inv"`
	Blinded   string `json:"blinded_msg"`
	BlindSig  string `json:"blind_sig"`
	Signature string `json:"sig"`
}

// testVectors: the code of the page makes every value of RFC 9474, Appendix A.
func testVectors(t *testing.T, b blinder) {
	data, err := os.ReadFile("testdata/rfc9474.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []vector
	if err := json.Unmarshal(data, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors) != 4 {
		t.Fatalf("%d vectors, want 4", len(vectors))
	}
	for _, v := range vectors {
		if v.Prefix+v.Message != v.Input {
			t.Errorf("%s: the input is not prefix and message", v.Name)
		}
		q := map[string]any{"op": "vector", "n": v.N, "e": v.E, "input": v.Input, "salt": v.Salt, "inv": v.Inverse, "blindSignature": v.BlindSig}
		got := b(q)
		if got["error"] != nil || got["blinded"] != v.Blinded || got["signature"] != v.Signature || v.Encoded != "" && got["encoded"] != v.Encoded {
			t.Errorf("%s: got %v", v.Name, got)
		}
		// One bit of the answer changed: no signature comes out.
		wrong, _ := hex.DecodeString(v.BlindSig)
		wrong[len(wrong)-1] ^= 1
		q["blindSignature"] = hex.EncodeToString(wrong)
		if got := b(q); got["error"] != "signature" {
			t.Errorf("%s, one bit changed: got %v, want the error signature", v.Name, got)
		}
	}
}

// signer is a key with its public half as the operations want it.
type signer struct {
	*rsa.PrivateKey
	n, e string
}

func newSigner(t testing.TB, bits int) signer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return signer{key, hex.EncodeToString(key.N.Bytes()), "010001"}
}

func (s signer) ask(op string, more ...string) map[string]any {
	q := map[string]any{"op": op, "n": s.n, "e": s.e}
	for i := 0; i < len(more); i += 2 {
		q[more[i]] = more[i+1]
	}
	return q
}

// testCircl: what the page blinds circl signs, what the page finalizes crypto/rsa and circl accept, and what circl
// blinds the page would have blinded the same.
func testCircl(t *testing.T, b blinder) {
	s := newSigner(t, 2048)
	message := "00ff" + hex.EncodeToString([]byte("опитування"))
	circl, err := blindrsa.NewClient(blindrsa.SHA384PSSRandomized, &s.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for range 5 {
		prepared := b(s.ask("prepare", "input", message))
		input := prepared["out"].(string)
		if input != prepared["prefix"].(string)+message || len(prepared["prefix"].(string)) != 64 {
			t.Fatalf("prepared %v", prepared)
		}
		blind := b(s.ask("blind", "input", input))
		blinded, err := hex.DecodeString(fmt.Sprint(blind["blinded"]))
		if err != nil || seen[string(blinded)] || seen[input] {
			t.Fatalf("blinded %v: %v, or not random", blind, err)
		}
		seen[string(blinded)], seen[input] = true, true
		answer, err := blindrsa.NewSigner(s.PrivateKey).BlindSign(blinded)
		if err != nil {
			t.Fatal(err)
		}
		got := b(s.ask("finalize", "input", input, "unblind", blind["unblind"].(string), "blindSignature", hex.EncodeToString(answer)))
		signature, err := hex.DecodeString(fmt.Sprint(got["out"]))
		if err != nil {
			t.Fatalf("finalize: %v", got)
		}
		raw, _ := hex.DecodeString(input)
		hash := sha512.Sum384(raw)
		if err := rsa.VerifyPSS(&s.PublicKey, crypto.SHA384, hash[:], signature, &rsa.PSSOptions{SaltLength: 48}); err != nil {
			t.Errorf("crypto/rsa refuses: %v", err)
		}
		if err := circl.Verify(raw, signature); err != nil {
			t.Errorf("circl refuses: %v", err)
		}
		if bytes.Equal(answer, signature) {
			t.Error("the signer has seen the signature")
		}
	}
	// The other way: circl's signature, verified by the page.
	raw, err := circl.Prepare(rand.Reader, []byte("інше"))
	if err != nil {
		t.Fatal(err)
	}
	blinded, state, err := circl.Blind(rand.Reader, raw)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := blindrsa.NewSigner(s.PrivateKey).BlindSign(blinded)
	if err != nil {
		t.Fatal(err)
	}
	signature, err := circl.Finalize(state, answer)
	if err != nil {
		t.Fatal(err)
	}
	if got := b(s.ask("verify", "input", hex.EncodeToString(raw), "signature", hex.EncodeToString(signature))); got["ok"] != true {
		t.Errorf("circl's signature: %v", got)
	}
	if got := b(s.ask("verify", "input", hex.EncodeToString(raw[1:]), "signature", hex.EncodeToString(signature))); got["ok"] != false {
		t.Errorf("another message: %v", got)
	}
}

// testRefuses: keys that could mark a person, messages that share a factor with the modulus, answers of a wrong size or
// of another key, are refused by name and nothing is made.
func testRefuses(t *testing.T, b blinder) {
	s, other := newSigner(t, 2048), newSigner(t, 2048)
	full := new(big.Int).Lsh(big.NewInt(1), 2048)
	even := new(big.Int).Add(s.N, big.NewInt(1))
	key := func(n *big.Int, e string) map[string]any {
		return map[string]any{"op": "key", "n": hex.EncodeToString(n.Bytes()), "e": e}
	}
	// A prime of a key made to mark: 65537 divides p − 1, so signatures exist for one class of messages in 65537.
	marked := markedKey(t)
	for name, c := range map[string]struct {
		q    map[string]any
		want string
	}{
		"1024 bits":                     {key(newPrime(t, 1024), "010001"), "key"},
		"8192 bits":                     {key(new(big.Int).Add(new(big.Int).Lsh(big.NewInt(1), 8191), big.NewInt(1)), "010001"), "key"},
		"2047 bits in 256 bytes":        {map[string]any{"op": "key", "n": "7f" + s.n[2:], "e": "010001"}, "key"},
		"leading zero":                  {map[string]any{"op": "key", "n": "00" + s.n, "e": "010001"}, "key"},
		"even":                          {key(even, "010001"), "key"},
		"exponent 3":                    {key(s.N, "03"), "key"},
		"exponent 1":                    {key(s.N, "01"), "key"},
		"exponent 65539":                {key(s.N, "010003"), "key"},
		"no exponent":                   {key(s.N, ""), "key"},
		"no modulus":                    {map[string]any{"op": "key", "n": "", "e": "010001"}, "key"},
		"message 0":                     {s.ask("blindEncoded", "encoded", "00", "r", "02"), "message"},
		"message with a factor":         {s.ask("blindEncoded", "encoded", hex.EncodeToString(s.Primes[0].Bytes()), "r", "02"), "message"},
		"salt too long for the key":     {s.ask("encode", "input", "00", "salt", hex.EncodeToString(make([]byte, 207))), "key"},
		"answer one byte short":         {s.ask("finalize", "input", "00", "unblind", s.n, "blindSignature", s.n[2:]), "size"},
		"answer one byte long":          {s.ask("finalize", "input", "00", "unblind", s.n, "blindSignature", "00"+s.n), "size"},
		"factor one byte short":         {s.ask("finalize", "input", "00", "unblind", s.n[2:], "blindSignature", s.n), "size"},
		"answer 0":                      {s.ask("finalize", "input", "00", "unblind", hex.EncodeToString(make([]byte, 256)), "blindSignature", hex.EncodeToString(make([]byte, 256))), "signature"},
		"answer above the modulus":      {s.ask("finalize", "input", "00", "unblind", hex.EncodeToString(new(big.Int).Sub(full, big.NewInt(1)).Bytes()), "blindSignature", hex.EncodeToString(new(big.Int).Sub(full, big.NewInt(1)).Bytes())), "signature"},
		"verify: signature too short":   {s.ask("verify", "input", "00", "signature", "00"), ""},
		"verify: the modulus":           {s.ask("verify", "input", "00", "signature", s.n), ""},
		"inverse of a factor":           {s.ask("inverse", "a", hex.EncodeToString(s.Primes[1].Bytes())), ""},
		"inverse of 0":                  {s.ask("inverse", "a", "00"), ""},
		"unknown operation of the test": {s.ask("none"), "unknown operation"},
	} {
		got := b(c.q)
		if c.want != "" && got["error"] != c.want {
			t.Errorf("%s: got %v, want the error %q", name, got, c.want)
		}
		if c.want == "" && got["ok"] != false && got["out"] != "none" {
			t.Errorf("%s: got %v, want no", name, got)
		}
	}
	// The answer of another key, and of the right key to another question.
	input := hex.EncodeToString([]byte("бюлетень"))
	blind := b(s.ask("blind", "input", input))
	second := b(s.ask("blind", "input", input))
	for name, c := range map[string]struct {
		key   signer
		asked map[string]any
	}{"another key": {other, blind}, "another question": {s, second}} {
		blinded, _ := hex.DecodeString(fmt.Sprint(c.asked["blinded"]))
		m := new(big.Int).Mod(new(big.Int).SetBytes(blinded), c.key.N)
		answer := new(big.Int).Exp(m, c.key.D, c.key.N).FillBytes(make([]byte, 256))
		if got := b(s.ask("finalize", "input", input, "unblind", blind["unblind"].(string), "blindSignature", hex.EncodeToString(answer))); got["error"] != "signature" {
			t.Errorf("%s: got %v, want the error signature", name, got)
		}
	}
	// A key made to mark people cannot sign what it marked: it has no root for it. The best it can do, a root modulo one of its
	// primes, is no signature, and nothing comes out that could be shown.
	blind = b(marked.ask("blind", "input", input))
	blinded, err := hex.DecodeString(fmt.Sprint(blind["blinded"]))
	if err != nil {
		t.Fatalf("marked key: %v", blind)
	}
	p, q := marked.Primes[0], marked.Primes[1]
	e, one := big.NewInt(65537), big.NewInt(1)
	root := new(big.Int).ModInverse(e, new(big.Int).Sub(q, one))
	root.Exp(new(big.Int).SetBytes(blinded), root, q)
	root.Mul(root, new(big.Int).Mul(p, new(big.Int).ModInverse(p, q))).Mod(root, marked.N)
	answer := root.FillBytes(make([]byte, 256))
	if got := b(marked.ask("finalize", "input", input, "unblind", blind["unblind"].(string), "blindSignature", hex.EncodeToString(answer))); got["error"] != "signature" {
		t.Errorf("marked key: got %v, want the error signature", got)
	}
}

func newPrime(t *testing.T, bits int) *big.Int {
	t.Helper()
	p, err := rand.Prime(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// markedKey has a prime p such that 65537 divides p − 1: only one message in 65537 can be signed, and a blinded message shows to
// its maker in which of 65537 classes the message is.
func markedKey(t *testing.T) signer {
	t.Helper()
	p, q, step := newPrime(t, 1024), newPrime(t, 1024), big.NewInt(2*65537)
	p.Sub(p, new(big.Int).Mod(p, step)).Add(p, big.NewInt(1))
	for !p.ProbablyPrime(20) {
		p.Sub(p, step)
	}
	n := new(big.Int).Mul(p, q)
	return signer{&rsa.PrivateKey{PublicKey: rsa.PublicKey{N: n, E: 65537}, Primes: []*big.Int{p, q}}, hex.EncodeToString(n.Bytes()), "010001"}
}

// BenchmarkBlindRSA is what a person waits for: blinding before the request for a ballot, and unblinding with the check after it, in
// both engines. It has the round trip of the test's driver in it.
func BenchmarkBlindRSA(b *testing.B) {
	s := newSigner(b, 2048)
	for name, engine := range map[string]func(testing.TB) blinder{"node": inNode, "chromium": inChromium} {
		b.Run(name, func(b *testing.B) {
			run := engine(b)
			input := hex.EncodeToString(make([]byte, 100))
			blind := run(s.ask("blind", "input", input))
			blinded, err := hex.DecodeString(fmt.Sprint(blind["blinded"]))
			if err != nil {
				b.Fatal(blind)
			}
			answer, err := blindrsa.NewSigner(s.PrivateKey).BlindSign(blinded)
			if err != nil {
				b.Fatal(err)
			}
			b.Run("blind", func(b *testing.B) {
				for b.Loop() {
					run(s.ask("blind", "input", input))
				}
			})
			b.Run("finalize", func(b *testing.B) {
				q := s.ask("finalize", "input", input, "unblind", blind["unblind"].(string), "blindSignature", hex.EncodeToString(answer))
				for b.Loop() {
					if got := run(q); got["error"] != nil {
						b.Fatal(got)
					}
				}
			})
			b.Run("verify", func(b *testing.B) { // of one ballot of a public list, but for the driver and reading the key again
				signature := run(s.ask("finalize", "input", input, "unblind", blind["unblind"].(string), "blindSignature", hex.EncodeToString(answer)))["out"].(string)
				q := s.ask("verify", "input", input, "signature", signature)
				for b.Loop() {
					if got := run(q); got["ok"] != true {
						b.Fatal(got)
					}
				}
			})
			b.Run("nothing", func(b *testing.B) { // the driver's own part of the others
				for b.Loop() {
					run(s.ask("key"))
				}
			})
		})
	}
}
