package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/posvid/posvid/cmd/internal/cli"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/testvectors/gen/hrdata"
	"github.com/posvid/posvid/trust"
)

// text collects output that another goroutine writes.
type text struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (x *text) Write(p []byte) (int, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.buf.Write(p)
}

func (x *text) String() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.buf.String()
}

func serveEnv(dir string, out, talk io.Writer) *cli.Env {
	env := &cli.Env{Program: "posvid", Stdin: strings.NewReader(""), Stdout: out, Stderr: talk, Now: time.Now, Lang: "en", Dir: dir, Seal: keys.SealOptions{WorkFactor: 10}}
	env.SetPassphrase([]byte("demo"))
	return env
}

// serveFolder makes a state folder with a trust operator and one body without people.
func serveFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	command := func(args ...string) string {
		t.Helper()
		var out, talk bytes.Buffer
		if code := run(context.Background(), serveEnv(dir, &out, &talk), append([]string{"--lang", "en", "--dir", dir}, args...)); code != 0 {
			t.Fatalf("posvid %s: exit %d\n%s", strings.Join(args, " "), code, talk.String())
		}
		return strings.TrimSpace(out.String())
	}
	pin := command("trust", "init", "--members", "1", "--threshold", "1")
	command("init", dir, "--edrpou", hrdata.MinistryEDRPOU, "--name", hrdata.MinistryName, "--operator", "Коваль Ганна Петрівна:табельний 1", "--operator", "Мороз Іван Якович:табельний 2")
	request, err := filepath.Glob(filepath.Join(dir, "bodies", hrdata.MinistryEDRPOU, "requests", "*"))
	if err != nil || len(request) != 1 {
		t.Fatalf("requests %v, %v", request, err)
	}
	command("trust", "admit", "--now", request[0])
	bundle := filepath.Join(dir, "bundle.sidb")
	command("trust", "bundle", "-o", bundle)
	command("bundle", "install", bundle, "--pin", pin)
	return dir
}

// served is a running service.
type served struct {
	t         *testing.T
	url       string
	out, talk *text
	stop      context.CancelFunc
	done      chan int
}

// startServe runs `posvid serve` in this process until the test ends.
func startServe(t *testing.T, dir string, args ...string) *served {
	t.Helper()
	s := &served{t: t, out: &text{}, talk: &text{}, done: make(chan int, 1)}
	var ctx context.Context
	ctx, s.stop = context.WithCancel(context.Background())
	env := serveEnv(dir, s.out, s.talk)
	go func() {
		s.done <- run(ctx, env, append([]string{"--lang", "en", "--dir", dir, "serve", "--listen", "127.0.0.1:0"}, args...))
	}()
	s.url = s.wait(`(?m)^listening on (\S+)$`)
	t.Cleanup(func() {
		s.stop()
		select {
		case <-s.done:
		case <-time.After(30 * time.Second):
			t.Error("the service does not stop")
		}
	})
	return s
}

// wait waits for a line of the program and answers the first group.
func (s *served) wait(pattern string) string {
	s.t.Helper()
	re := regexp.MustCompile(pattern)
	for range 600 {
		if m := re.FindStringSubmatch(s.out.String() + s.talk.String()); m != nil {
			return m[1]
		}
		select {
		case code := <-s.done:
			s.t.Fatalf("exit %d\n%s%s", code, s.out, s.talk)
		case <-time.After(50 * time.Millisecond):
		}
	}
	s.t.Fatalf("no %s in\n%s%s", pattern, s.out, s.talk)
	return ""
}

// fetch gets a page of a running service.
func fetch(t *testing.T, url string) (int, []byte) {
	t.Helper()
	a, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	data, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	return a.StatusCode, data
}

// SRV-26: it starts with a fresh bundle, installs it in its bodies, and takes over one that another command installs.
func TestServe(t *testing.T) {
	dir := serveFolder(t)
	before, err := os.ReadFile(filepath.Join(dir, "bundle.sidb"))
	if err != nil {
		t.Fatal(err)
	}
	s := startServe(t, dir, "--metrics", "127.0.0.1:0")
	if status, body := fetch(t, s.url+"/healthz"); status != 200 || string(body) != "ok\n" {
		t.Errorf("/healthz: %d %s", status, body)
	}
	var ready struct{ Store, Bundle bool }
	if _, body := fetch(t, s.url+"/readyz"); json.Unmarshal(body, &ready) != nil || !ready.Store || !ready.Bundle {
		t.Errorf("/readyz: %s", body)
	}
	status, bundle := fetch(t, s.url+"/api/v1/bundle")
	if status != 200 || bytes.Equal(bundle, before) {
		t.Errorf("/api/v1/bundle: %d, %d bytes: want a fresh one", status, len(bundle))
	}
	opened, err := trust.OpenUnpinned(bundle)
	if err != nil || opened.Number() != 2 {
		t.Fatalf("bundle %v", err)
	}
	if status, body := fetch(t, s.wait(`(http://127\S+/metrics)`)); status != 200 || !bytes.Contains(body, []byte("posvid_bundle_age_seconds")) {
		t.Errorf("/metrics: %d", status)
	}
	for _, path := range []string{"/metrics", "/debug/pprof/", "/service/service.db", "/bodies/" + hrdata.MinistryEDRPOU + "/body.db"} {
		if status, _ := fetch(t, s.url+path); status != 404 {
			t.Errorf("%s: %d, want 404", path, status)
		}
	}
	for _, name := range []string{filepath.Join("service", "service.db"), filepath.Join("service", "keys", "data.age")} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v: want it for its owner alone", name, info.Mode(), err)
		}
	}
	// Another command makes and installs the next one beside the running service.
	var out, talk bytes.Buffer
	next := filepath.Join(dir, "next.sidb")
	for _, args := range [][]string{{"trust", "bundle", "-o", next}, {"bundle", "install", next}} {
		if code := run(context.Background(), serveEnv(dir, &out, &talk), append([]string{"--dir", dir}, args...)); code != 0 {
			t.Fatalf("%v: exit %d %s", args, code, talk.String())
		}
	}
	want, err := os.ReadFile(next)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; ; i++ {
		if _, got := fetch(t, s.url+"/api/v1/bundle"); bytes.Equal(got, want) {
			break
		}
		if i == 300 {
			t.Fatal("the service does not follow an installed bundle")
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// SRV-27: what is under way ends when the service is told to stop, and the next start finds everything.
func TestServeStops(t *testing.T) {
	dir := serveFolder(t)
	s := startServe(t, dir)
	// A request whose body is still coming.
	c, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	body := `{"code":"0000-0000-0000-0000"}`
	fmt.Fprintf(c, "POST /api/v1/bodies/%s/stop HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", hrdata.MinistryEDRPOU, strings.TrimPrefix(s.url, "http://"), len(body), body[:4])
	time.Sleep(200 * time.Millisecond)
	s.stop()
	time.Sleep(200 * time.Millisecond)
	if _, err := net.DialTimeout("tcp", strings.TrimPrefix(s.url, "http://"), time.Second); err == nil {
		t.Error("a service that stops takes new connections")
	}
	io.WriteString(c, body[4:])
	c.SetDeadline(time.Now().Add(10 * time.Second))
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil || !strings.Contains(line, " 4") {
		t.Errorf("the request under way got %q, %v", line, err)
	}
	select {
	case code := <-s.done:
		if code != 0 {
			t.Errorf("exit %d\n%s", code, s.talk)
		}
		s.done <- code
	case <-time.After(30 * time.Second):
		t.Fatal("the service does not stop")
	}
	again := startServe(t, dir)
	if status, _ := fetch(t, again.url+"/healthz"); status != 200 {
		t.Errorf("after the restart: %d", status)
	}
}

// SRV-28: a service that is killed in the middle of writing starts again with everything that it had answered for.
func TestServeSurvivesKill(t *testing.T) {
	if testing.Short() {
		t.Skip("short mode: starts processes")
	}
	dir := serveFolder(t)
	for round := range 3 {
		var talk text
		c := exec.Command("posvid", "--dir", dir, "serve", "--listen", "127.0.0.1:0", "--dev")
		c.Env = append(os.Environ(), "POSVID_PASSPHRASE=demo")
		c.Stderr = &talk
		pipe, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(pipe).ReadString('\n')
		if err != nil {
			c.Process.Kill()
			t.Fatalf("round %d: %v\n%s", round, err, talk.String())
		}
		url := strings.TrimSpace(strings.TrimPrefix(line, "listening on "))
		// Sessions are written by several callers when the kill comes.
		var wait sync.WaitGroup
		for range 4 {
			wait.Go(func() {
				for {
					a, err := http.Get(url + "/login")
					if err != nil {
						return
					}
					a.Body.Close()
					a, err = http.Post(url+"/api/v1/bodies/"+hrdata.MinistryEDRPOU+"/stop", "application/json", strings.NewReader(`{"code":"0000-0000-0000-0000"}`))
					if err != nil {
						return
					}
					a.Body.Close()
				}
			})
		}
		time.Sleep(300 * time.Millisecond)
		c.Process.Signal(syscall.SIGKILL)
		wait.Wait()
		c.Wait()
	}
	s := startServe(t, dir)
	var ready struct{ Store, Bundle bool }
	if _, body := fetch(t, s.url+"/readyz"); json.Unmarshal(body, &ready) != nil || !ready.Store || !ready.Bundle {
		t.Errorf("after three kills: %s", body)
	}
	s.stop()
	code := <-s.done
	s.done <- code
	var out, talk bytes.Buffer
	if code := run(context.Background(), serveEnv(dir, &out, &talk), []string{"--dir", dir, "audit"}); code != 0 {
		t.Errorf("the audit chain after three kills: exit %d %s", code, talk.String())
	}
}

// SRV-21, SRV-31: what is dangerous by mistake is refused before anything is opened.
func TestServeRefuses(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"metrics for everybody":     {[]string{"--metrics", "0.0.0.0:9109"}, cli.ExitUsage, "--metrics"},
		"metrics by name":           {[]string{"--metrics", "example.org:9109"}, cli.ExitUsage, "--metrics"},
		"metrics without a port":    {[]string{"--metrics", "127.0.0.1"}, cli.ExitUsage, "--metrics"},
		"log-in without a password": {[]string{"--dev", "--listen", "0.0.0.0:0"}, cli.ExitUsage, "--dev"},
		"a certificate alone":       {[]string{"--tls-cert", "x.pem"}, cli.ExitUsage, "--tls-key"},
		"a folder without --demo":   {[]string{"somewhere"}, cli.ExitUsage, "--demo"},
		"no body":                   {[]string{"--listen", "127.0.0.1:0"}, cli.ExitRefuse, "no body"},
		"no origin":                 {[]string{"--listen", "0.0.0.0:0"}, cli.ExitRefuse, "--origin"},
		"no such file of log-in":    {[]string{"--listen", "127.0.0.1:0", "--login", "none.json"}, cli.ExitRefuse, "none.json"},
		"no port":                   {[]string{"--listen", "127.0.0.1"}, cli.ExitRefuse, "listen"},
	} {
		var out, talk bytes.Buffer
		code := run(context.Background(), serveEnv(dir, &out, &talk), append([]string{"--lang", "en", "--dir", dir, "serve"}, c.args...))
		if code != c.code || !strings.Contains(talk.String(), c.says) {
			t.Errorf("%s: exit %d, %q; want %d and %q", name, code, talk.String(), c.code, c.says)
		}
	}
	// A folder that is somebody's, not a demo's, is left alone.
	var out, talk bytes.Buffer
	other := t.TempDir()
	if err := os.WriteFile(filepath.Join(other, "thesis.txt"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code := run(context.Background(), serveEnv(dir, &out, &talk), []string{"serve", "--demo", other, "--listen", "127.0.0.1:0"}); code == 0 {
		t.Error("the demo took over a folder with somebody's files")
	}
	if _, err := os.Stat(filepath.Join(other, "thesis.txt")); err != nil {
		t.Error(err)
	}
}

// certificate writes a self-signed certificate with a number and its key.
func certificate(t *testing.T, dir string, serial int64) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for name, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: pkcs8}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// SRV-29: its own TLS from 1.2 on, with a certificate that is taken over when it is renewed; a broken one changes nothing.
func TestServeTLS(t *testing.T) {
	dir, certs := serveFolder(t), t.TempDir()
	cert, key := certificate(t, certs, 1)
	s := startServe(t, dir, "--tls-cert", cert, "--tls-key", key, "--origin", "https://localhost:0")
	if !strings.HasPrefix(s.url, "https://127.0.0.1:") {
		t.Fatalf("listening on %s", s.url)
	}
	address := strings.TrimPrefix(s.url, "https://")
	serial := func(c *tls.Config) (int64, error) {
		conn, err := tls.Dial("tcp", address, c)
		if err != nil {
			return 0, err
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64(), nil
	}
	anyone := &tls.Config{InsecureSkipVerify: true} // the certificate signs itself
	if n, err := serial(anyone); err != nil || n != 1 {
		t.Fatalf("certificate %d, %v", n, err)
	}
	if _, err := serial(&tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}); err == nil {
		t.Error("TLS 1.1 is spoken")
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: anyone, ForceAttemptHTTP2: true}}
	a, err := client.Get("https://localhost:" + address[strings.LastIndex(address, ":")+1:] + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	a.Body.Close()
	if a.StatusCode != 200 || a.ProtoMajor != 2 || a.Header.Get("Strict-Transport-Security") == "" {
		t.Errorf("%d, HTTP/%d, %v", a.StatusCode, a.ProtoMajor, a.Header)
	}
	reload := func() {
		if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	certificate(t, certs, 2)
	reload()
	for i := 0; ; i++ {
		if n, err := serial(anyone); err == nil && n == 2 {
			break
		}
		if i == 100 {
			t.Fatal("the renewed certificate is not taken over")
		}
		time.Sleep(20 * time.Millisecond)
	}
	if err := os.WriteFile(cert, []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	reload()
	s.wait(`("msg":"certificate","cause")`)
	if n, err := serial(anyone); err != nil || n != 2 {
		t.Errorf("after a broken file: certificate %d, %v", n, err)
	}
}

// SRV-11: who sends nothing, or a byte now and then, is cut off; nobody else waits for it.
func TestSlowSenders(t *testing.T) {
	if testing.Short() {
		t.Skip("short mode: waits for the deadline of headers")
	}
	s := startServe(t, serveFolder(t))
	var slow []net.Conn
	for i := range 100 {
		c, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if i%2 == 0 {
			io.WriteString(c, "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: ")
		}
		slow = append(slow, c)
	}
	if status, _ := fetch(t, s.url+"/api/v1/time"); status != 200 {
		t.Errorf("beside slow senders: %d", status)
	}
	end := time.Now().Add(headerTime + 5*time.Second)
	for _, c := range slow {
		c.SetReadDeadline(end)
		if _, err := io.ReadAll(c); err != nil {
			t.Fatalf("a sender of half a header is still there after %s: %v", headerTime+5*time.Second, err)
		}
	}
}

// A header that is too large is refused before it is read whole.
func TestLargeHeader(t *testing.T) {
	s := startServe(t, serveFolder(t))
	r, err := http.NewRequest("GET", s.url+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-A", strings.Repeat("a", 100<<10))
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		return // cut off while it was still sending
	}
	a.Body.Close()
	if a.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("%d, want 431", a.StatusCode)
	}
}
