// Package webpath holds the end-to-end tests of the pages: the built program serves the demo's bodies, a real Chromium opens
// the wallet, the verifier and the registrar's pages, and posvid-verify reads what a screen shows.
package webpath

import (
	"bufio"
	"bytes"
	"fmt"
	"image"
	_ "image/png"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// root is the repository, seen from this package.
const root = "../../.."

// programs is the folder of posvid and posvid-verify. scripts/test has just built them; otherwise they are built here.
var programs = os.Getenv("POSVID_BIN")

// made is the folder of what built made, empty before.
var made string

// built are the two programs and a demo's folder, made once for all tests.
var built = sync.OnceValues(func() (dir string, err error) {
	if dir, err = os.MkdirTemp("", "posvid-webpath-"); err != nil {
		return "", err
	}
	made = dir
	if programs == "" {
		programs = dir
		if wasmOld() {
			if out, err := command(root, "make", "-s", "wasm").CombinedOutput(); err != nil {
				return "", fmt.Errorf("make wasm: %w\n%s", err, out)
			}
		}
		for _, program := range []string{"posvid", "posvid-verify"} {
			if out, err := command(root, "go", "build", "-o", filepath.Join(dir, program), "./cmd/"+program).CombinedOutput(); err != nil {
				return "", fmt.Errorf("build %s: %w\n%s", program, err, out)
			}
		}
	}
	out, err := command(dir, filepath.Join(programs, "posvid"), "demo", filepath.Join(dir, "demo")).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("demo: %w\n%s", err, out)
	}
	return dir, served(filepath.Join(dir, "demo"))
})

// served lets the service fill the demo's office once, so that the tests' copies of the folder have it.
func served(folder string) error {
	c := exec.Command(filepath.Join(programs, "posvid"), "serve", "--demo", folder, "--listen", "127.0.0.1:0")
	out, err := c.StdoutPipe()
	if err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return err
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() && !strings.HasPrefix(lines.Text(), "listening on ") {
	}
	c.Process.Signal(syscall.SIGTERM)
	io.Copy(io.Discard, out)
	if err := c.Wait(); err != nil {
		return fmt.Errorf("first start of the demo: %w", err)
	}
	return nil
}

// wasmOld tells whether a source of ours is newer than the WebAssembly that the program would carry.
func wasmOld() bool {
	file, err := os.Stat(filepath.Join(root, "web", "dist", "posvid.wasm.gz"))
	if err != nil {
		return true
	}
	old := false
	for _, folder := range []string{"cmd/posvid-wasm", "crypto", "codes", "credential", "trust", "verifier", "wallet", "checkpoint", "locale", "qr"} {
		filepath.WalkDir(filepath.Join(root, folder), func(_ string, d os.DirEntry, err error) error {
			if err == nil && strings.HasSuffix(d.Name(), ".go") && !strings.HasSuffix(d.Name(), "_test.go") {
				if info, err := d.Info(); err == nil && info.ModTime().After(file.ModTime()) {
					old = true
				}
			}
			return nil
		})
	}
	return old
}

func command(dir, name string, args ...string) *exec.Cmd {
	c := exec.Command(name, args...)
	c.Dir = dir
	return c
}

func TestMain(m *testing.M) {
	code := m.Run()
	if made != "" {
		os.RemoveAll(made)
	}
	os.Exit(code)
}

// site is one running `posvid serve --demo` with a folder of its own.
type site struct {
	t    *testing.T
	Dir  string // the demo's folder
	URL  string
	Gate string // host:port of the mail gate
	cmd  *exec.Cmd
	log  *lockedBuffer
	gone chan error
}

// lockedBuffer collects what the service logs.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// start copies the demo's folder and serves it on a port of its own.
func start(t *testing.T) *site {
	t.Helper()
	if testing.Short() {
		t.Skip("short mode: serves the demo and starts browsers")
	}
	world, err := built()
	if err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, Dir: filepath.Join(t.TempDir(), "demo")}
	if out, err := exec.Command("cp", "-a", filepath.Join(world, "demo"), s.Dir).CombinedOutput(); err != nil {
		t.Fatalf("copy of the demo: %v\n%s", err, out)
	}
	s.Start("127.0.0.1:0")
	t.Cleanup(s.Kill)
	return s
}

// Start serves at an address and waits until the service says where it listens.
func (s *site) Start(listen string) {
	s.t.Helper()
	s.log = &lockedBuffer{}
	s.cmd = exec.Command(filepath.Join(programs, "posvid"), "serve", "--demo", s.Dir, "--listen", listen)
	s.cmd.Stderr = s.log
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	gone := make(chan error, 1)
	s.gone = gone
	address := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if gate, ok := strings.CutPrefix(lines.Text(), "mail gate "); ok { // before the other address
				s.Gate = gate
			}
			if _, url, ok := strings.Cut(lines.Text(), "listening on "); ok {
				address <- strings.TrimSpace(url)
			}
		}
		gone <- s.cmd.Wait()
	}()
	select {
	case s.URL = <-address:
		// Browsers allow cameras and service workers on localhost without TLS.
		s.URL = strings.Replace(s.URL, "127.0.0.1", "localhost", 1)
	case err := <-gone:
		s.t.Fatalf("posvid serve ended: %v\n%s", err, s.log)
	case <-time.After(60 * time.Second):
		s.t.Fatalf("posvid serve does not say where it listens\n%s", s.log)
	}
}

// Kill ends the service as a power cut does.
func (s *site) Kill() {
	if s.cmd != nil && s.cmd.Process != nil {
		s.cmd.Process.Signal(syscall.SIGKILL)
		<-s.gone
		s.cmd = nil
	}
}

// Again starts the service at the address it had.
func (s *site) Again() {
	s.t.Helper()
	s.Start(strings.Replace(strings.TrimPrefix(s.URL, "http://"), "localhost", "127.0.0.1", 1))
}

// Posvid runs a command of posvid on the demo's folder, while nothing serves it, and answers its output.
func (s *site) Posvid(args ...string) string {
	s.t.Helper()
	c := exec.Command(filepath.Join(programs, "posvid"), append([]string{"--dir", s.Dir, "--passphrase-file", filepath.Join(s.Dir, "passphrase.txt")}, args...)...)
	out, err := c.CombinedOutput()
	if err != nil {
		s.t.Fatalf("posvid %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// Verify runs posvid-verify and answers its output and exit code.
func (s *site) Verify(state string, args ...string) (string, int) {
	s.t.Helper()
	c := exec.Command(filepath.Join(programs, "posvid-verify"), append([]string{"--state", state}, args...)...)
	out, err := c.Output()
	if c.ProcessState == nil {
		s.t.Fatal(err)
	}
	return string(out), c.ProcessState.ExitCode()
}

// Get fetches a path.
func (s *site) Get(path string) (int, []byte) {
	s.t.Helper()
	r, err := http.Get(s.URL + path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return r.StatusCode, body
}

// picture decodes a screenshot.
func picture(t *testing.T, png []byte) image.Image {
	t.Helper()
	img, _, err := image.Decode(bytes.NewReader(png))
	if err != nil {
		t.Fatal(err)
	}
	return img
}
