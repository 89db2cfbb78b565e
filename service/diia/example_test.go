package diia

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// need finds a program that a test cannot do without.
func need(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is missing", name)
		}
		t.Skipf("%s is missing", name)
	}
	return path
}

// The example in docs/examples/client works, with keys and signatures that openssl made.
func TestClientExample(t *testing.T) {
	openssl := need(t, "openssl")
	need(t, "curl")
	sh := need(t, "sh")
	w := testWorld(t, "")
	h := w.Ministry.Holders["issued"]
	run := func(name string, args ...string) []byte {
		t.Helper()
		out, err := exec.Command(name, args...).Output()
		if err != nil {
			t.Fatalf("%s %v: %v", name, args, err)
		}
		return out
	}
	script, err := filepath.Abs("../../docs/examples/client/read-document.sh")
	if err != nil {
		t.Fatal(err)
	}
	for name, how := range map[string][]string{
		"P-256": {"ecparam", "-name", "prime256v1", "-genkey", "-noout"},
		"RSA":   {"genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"},
	} {
		key := filepath.Join(t.TempDir(), "key.pem")
		run(openssl, append(how, "-out", key)...)
		client := w.register(t, w.Ministry, "", false, run(openssl, "pkey", "-in", key, "-pubout"), scopeDocuments)
		read := func(client, kind, person string) (string, error) {
			cmd := exec.Command(sh, script, w.Ministry.EDRPOU, kind, person)
			cmd.Env = append(os.Environ(), "POSVID_URL="+w.URL, "POSVID_CLIENT="+client, "POSVID_KEY="+key,
				"POSVID_AUDIENCE="+w.Server.Origin+tokenPath, "POSVID_NOW="+strconv.FormatInt(w.Now().Unix(), 10))
			var talk bytes.Buffer
			cmd.Stderr = &talk
			out, err := cmd.Output()
			return string(out) + talk.String(), err
		}
		for range 3 { // numbers of a signature that begin with zeros come up now and then
			out, err := read(client, "rnokpp", h.RNOKPP)
			if err != nil {
				t.Fatalf("%s: %v %s", name, err, out)
			}
			if g := decode[documentsAnswer](t, []byte(out)).OfficialCertificate; g.Status != 200 || g.Data[0].DocNumber != h.Number {
				t.Fatalf("%s: %s", name, out)
			}
			if name == "RSA" {
				break
			}
		}
		if out, err := read("sys-other", "rnokpp", h.RNOKPP); err == nil || !strings.Contains(out, "invalid_client") {
			t.Errorf("%s: another client: %v %s", name, err, out)
		}
		if out, err := read(client, "rnokpp", "1234567890"); err == nil || !strings.Contains(out, "bad-person") {
			t.Errorf("%s: a wrong number: %v %s", name, err, out)
		}
	}
}
