package verifycli

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/checkpoint"
	"github.com/posvid/posvid/cmd/internal/cli"
	"github.com/posvid/posvid/testvectors"
	"github.com/posvid/posvid/trust"
)

// slowReader is a hand scanner that waits for the next person: reading it takes time.
type slowReader struct {
	io.Reader
	clock *time.Time
	wait  time.Duration
}

func (r *slowReader) Read(b []byte) (int, error) {
	*r.clock = r.clock.Add(r.wait)
	r.wait = 0
	return r.Reader.Read(b)
}

// TestTimeIsThatOfTheReading: a program that waits for a code judges it by the time at which it came. By the time at
// which the program was started, a picture of a code would stay good for as long as nobody reads anything else.
func TestTimeIsThatOfTheReading(t *testing.T) {
	scenarios, err := testvectors.Scenarios()
	if err != nil {
		t.Fatal(err)
	}
	var fresh testvectors.Scenario
	for _, s := range scenarios {
		if s.Name == "window_0" {
			fresh = s
		}
	}
	bundle, err := testvectors.TrustFile(fresh.Trust)
	if err != nil {
		t.Fatal(err)
	}
	pin, err := trust.ParseFingerprint(DemoRoot)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	state, err := checkpoint.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := state.Pin(pin); err != nil {
		t.Fatal(err)
	}
	if _, err := state.Install(bundle, fresh.At); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		wait time.Duration
		want int
		code string
	}{{0, cli.ExitAccept, "ok"}, {90 * time.Second, cli.ExitAccept, "ok"}, {91 * time.Second, cli.ExitCannotConfirm, "clock-differs"}, {601 * time.Second, cli.ExitRefuse, "presentation-stale"}} {
		clock := fresh.At
		var out, errs bytes.Buffer
		env := &cli.Env{Program: "posvid-verify", Stdin: &slowReader{strings.NewReader(string(fresh.Data)), &clock, c.wait}, Stdout: &out, Stderr: &errs,
			Now: func() time.Time { return clock }, Lang: "en"}
		got := Run(env, []string{"qr", "-", "--json", "--state", dir})
		if got != c.want || !strings.Contains(out.String(), `"code":"`+c.code+`"`) {
			t.Errorf("a code that came %s after the start: exit %d, want %d with %s\n%s%s", c.wait, got, c.want, c.code, out.String(), errs.String())
		}
	}
}

// TestDoctorNamesDamagedRecords: whatever makes every verdict state-damaged is named, with the way out.
func TestDoctorNamesDamagedRecords(t *testing.T) {
	for name, remedy := range map[string]string{"seen": "--recover", "nonces": "--recover", "verifier.json": "posvid-verify enrol"} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, name), []byte("damaged"), 0o600); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		env := &cli.Env{Program: "posvid-verify", Stdin: strings.NewReader(""), Stdout: &out, Stderr: io.Discard, Now: time.Now, Lang: "en"}
		if code := Run(env, []string{"doctor", "--lang", "en", "--state", dir}); code != cli.ExitCannotConfirm {
			t.Errorf("damaged %s: exit %d", name, code)
		}
		if !strings.Contains(out.String(), "damaged") || !strings.Contains(out.String(), remedy) {
			t.Errorf("damaged %s: want %q in\n%s", name, remedy, out.String())
		}
	}
}
