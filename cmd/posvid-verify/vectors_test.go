package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/posvid/posvid/cmd/internal/cli"
	"github.com/posvid/posvid/cmd/internal/verifycli"
	"github.com/posvid/posvid/testvectors"
)

// device is a verifier's state in which vectors of one bundle are read.
type device struct{ state, bundle string }

// runVerify runs `posvid-verify ARG…` in this process.
func runVerify(args ...string) (stdout, stderr string, code int) {
	var out, errs bytes.Buffer
	env := cli.New("posvid-verify")
	env.Stdin, env.Stdout, env.Stderr = strings.NewReader(""), &out, &errs
	code = verifycli.Run(env, args)
	return out.String(), errs.String(), code
}

// newDevice pins what a vector pins and lays its bundle down.
func newDevice(t *testing.T, s testvectors.Scenario) device {
	t.Helper()
	d := device{state: t.TempDir()}
	if s.Trust == "none" {
		return d
	}
	pin := s.Pin
	if pin == "" {
		pin = verifycli.DemoRoot
	}
	if _, stderr, code := runVerify("--state", d.state, "trust", "pin", pin); code != 0 {
		t.Fatalf("%s: trust pin ended with %d: %s", s.Name, code, stderr)
	}
	if s.Trust != "no-bundle" {
		data, err := testvectors.TrustFile(s.Trust)
		if err != nil {
			t.Fatal(err)
		}
		d.bundle = filepath.Join(d.state, "vector.sidb")
		if err := os.WriteFile(d.bundle, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

// atDevice are the vectors that end otherwise in a device than in the bare decision, with the reason.
var atDevice = map[string]struct{ verdict, code string }{
	// A scanner ends its text with a line end: the command takes it off.
	"text_trailing_newline": {"accept", "ok"},
	// This device is not enrolled, so the class's policy of the bundle is not its own.
	"beacon_absent_level_1": {"cannot-confirm", "level-too-low"},
	"level_policy_3":        {"accept", "ok"},
	"level_static_policy":   {"cannot-confirm", "level-too-low"},
	// A device takes no bundle in which a list or a table is not what its manifest and its body say.
	"status_list_damaged":            {"cannot-confirm", "bundle-refused"},
	"status_list_damaged_other_list": {"cannot-confirm", "bundle-refused"},
	"status_list_early_key":          {"cannot-confirm", "bundle-refused"},
	"status_list_future":             {"cannot-confirm", "bundle-refused"},
	"status_list_hash":               {"cannot-confirm", "bundle-refused"},
	"status_list_other_body":         {"cannot-confirm", "bundle-refused"},
	"status_list_other_name":         {"cannot-confirm", "bundle-refused"},
	"table_other_body":               {"cannot-confirm", "bundle-refused"},
}

// TestVectors runs every committed presentation through the command, as far as a command line can say what the vector says.
// The rest of the circumstances (open challenges, earlier readings, an enrolled class) is the scripts' and package verifier's.
func TestVectors(t *testing.T) {
	if _, err := fs.Stat(testvectors.Vectors(), "."); err != nil {
		t.Skip("testvectors/v1 is not there: go run ./testvectors/gen")
	}
	t.Setenv("LC_ALL", "uk_UA.UTF-8")
	all, err := testvectors.Scenarios()
	if err != nil {
		t.Fatal(err)
	}
	exits := map[string]int{"accept": cli.ExitAccept, "refuse": cli.ExitRefuse, "cannot-confirm": cli.ExitCannotConfirm}
	devices := map[string]device{}
	ran, negatives, elsewhere := 0, 0, 0
	for _, s := range all {
		if s.Kind != "presentation" {
			continue // package trust and its neighbours run those
		}
		if s.Floor != "" || s.Nonce != "" || s.Seen != "" || s.ID != 0 || s.Class == "council" || s.Photo != "" && s.Photo != "plastic" {
			elsewhere++
			continue
		}
		if other, ok := atDevice[s.Name]; ok {
			s.Expect, s.Code = other.verdict, other.code
		}
		d, ok := devices[s.Trust+s.Pin]
		if !ok {
			d = newDevice(t, s)
			devices[s.Trust+s.Pin] = d
		}
		args := []string{"--state", d.state, "qr", "--json", "--text=" + string(s.Data), "--at", s.At.UTC().Format("2006-01-02T15:04:05Z"), "--level", fmt.Sprint(s.Level)}
		test := s.Pin == ""
		if test {
			args = append(args, "--test")
		}
		if d.bundle != "" {
			args = append(args, "--bundle", d.bundle)
		}
		if s.Photo != "" {
			args = append(args, "--photo-confirmed", s.Photo)
		}
		stdout, stderr, code := runVerify(args...)
		var v struct {
			Schema, Verdict, Code string
			Simulated             bool
			Holder                any
		}
		if err := json.Unmarshal([]byte(stdout), &v); err != nil || strings.Count(stdout, "\n") != 1 {
			t.Errorf("%s: want one object on one line, got %q, %s", s.Name, stdout, stderr)
			continue
		}
		want := exits[s.Expect]
		if !test {
			want = cli.ExitCannotConfirm
		}
		if v.Schema != "posvid.verdict/1" || v.Verdict != s.Expect || v.Code != s.Code || code != want || !v.Simulated {
			t.Errorf("%s (%s): %s %s, exit %d; want %s %s, exit %d", s.Name, s.Comment, v.Verdict, v.Code, code, s.Expect, s.Code, want)
		}
		ran++
		if s.Expect != "accept" {
			negatives++
		}
	}
	if names := strings.Join(unused(all), ", "); names != "" {
		t.Errorf("no such vectors any more: %s", names)
	}
	t.Logf("%d vectors through the command, %d of them do not accept; %d need circumstances that no flag gives", ran, negatives, elsewhere)
	if ran < 250 || negatives*2 < ran {
		t.Errorf("%d vectors, %d negative: too few", ran, negatives)
	}
}

// unused names the exceptions that no vector needs.
func unused(all []testvectors.Scenario) (names []string) {
	known := map[string]bool{}
	for _, s := range all {
		known[s.Name] = true
	}
	for name := range atDevice {
		if !known[name] {
			names = append(names, name)
		}
	}
	return names
}
