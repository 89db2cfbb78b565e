package verifycli

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/checkpoint"
	"github.com/posvid/posvid/cmd/internal/cli"
	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/crypto/keys/authority"
	"github.com/posvid/posvid/trust"
	"github.com/posvid/posvid/verifier"
)

var journalBase = time.Date(2026, 11, 22, 21, 30, 0, 0, time.UTC) // 23:30 in Kyiv

// enrolledState is the folder of a device that a bundle of journalBase admits; its passphrase is "проба".
func enrolledState(t *testing.T) string {
	t.Helper()
	folder, state, bundle := enrollingState(t)
	if _, err := state.Install(bundle, journalBase); err != nil {
		t.Fatal(err)
	}
	return folder
}

// enrollingState is the device of enrolledState before it has its bundle.
func enrollingState(t *testing.T) (folder string, state *checkpoint.State, bundle []byte) {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	member, err := authority.RootKeyForVectors("journal")
	check(err)
	signer, err := authority.BundleKeyForVectors("journal")
	check(err)
	root := trust.Root{Number: 1, Threshold: 1, IssuedAt: journalBase.AddDate(0, -1, 0)}
	root.Members = append(root.Members, member.RootPublic())
	root.BundleSigners = append(root.BundleSigners, signer.BundlePublic())
	payload, err := root.Encode()
	check(err)
	signed, err := trust.SignRoot(payload, []keys.RootSigner{member})
	check(err)
	register, err := trust.NewRegister(signed)
	check(err)
	folder = t.TempDir()
	state, err = checkpoint.Open(folder)
	check(err)
	check(state.Pin(trust.RootFingerprint(payload)))
	key, err := state.NewKeys([]byte("проба"), keys.SealOptions{WorkFactor: 10})
	check(err)
	request, err := state.Request(key, "10000001", "Прохідна", trust.ClassCheckpoint, journalBase)
	check(err)
	_, err = register.AdmitVerifier(request, trust.VerifierGrant{ValidUntil: journalBase.AddDate(1, 0, 0)}, journalBase)
	check(err)
	chain := credential.NewBeaconChain(sha256.Sum256([]byte("journal")), 10)
	bundle, err = register.BuildBundle(journalBase, signer, func(n uint64) ([8]byte, error) { b, _ := chain.At(n); return b, nil })
	check(err)
	return folder, state, bundle
}

// verify runs posvid-verify in this process.
func verify(t *testing.T, folder string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	env := cli.New("posvid-verify")
	env.Stdin, env.Stdout, env.Stderr = strings.NewReader(""), &out, &errs
	env.Now = func() time.Time { return journalBase.Add(26 * time.Hour) }
	code = Run(env, append([]string{"--state", folder}, args...))
	return out.String(), errs.String(), code
}

func TestJournalCommands(t *testing.T) {
	t.Setenv("LC_ALL", "uk_UA.UTF-8")
	t.Setenv("POSVID_PASSPHRASE", "проба")
	folder := enrolledState(t)
	state, err := checkpoint.Open(folder)
	if err != nil {
		t.Fatal(err)
	}
	journal, err := state.OpenJournal(journalBase)
	if err != nil {
		t.Fatal(err)
	}
	v := verifier.Verdict{Outcome: verifier.Accept, Code: verifier.OK, Level: verifier.L2, Issuer: &verifier.Issuer{EDRPOU: "10000001"}, Status: 9, HasStatus: true,
		Holder: &verifier.Holder{Name: "Гончарук Тарас Григорович", Number: "ГТ 004022"}}
	for i := range 4 { // 23:30 and 00:30, 01:30, 02:30 of the next day in Kyiv
		if err := journal.Append(checkpoint.Event{At: journalBase.Add(time.Duration(i) * time.Hour), Guard: "Коваль", Source: checkpoint.SourceScanner, Verdict: &v}); err != nil {
			t.Fatal(err)
		}
	}
	out := filepath.Join(t.TempDir(), "events.jsonl")
	for _, c := range []struct {
		args   []string
		code   int
		stdout string
		stderr string
	}{
		{[]string{"journal", "show"}, 0, "2026-11-23: подій 1,", ""},
		{[]string{"journal", "show", "--lang", "en"}, 0, "4 events in all", ""},
		{[]string{"journal", "export"}, 0, `"guard":"Коваль"`, "виведено подій: 4 з 4"},
		{[]string{"journal", "export", "--lang", "en"}, 0, `"schema":"posvid.event/1"`, "the journal is whole"},
		{[]string{"journal", "export", "--from", "2026-11-23"}, 0, `"number":2,`, "виведено подій: 3 з 4"},
		{[]string{"journal", "export", "--to", "2026-11-22"}, 0, `"number":1,`, "виведено подій: 1 з 4"},
		{[]string{"journal", "export", "--from", "2026-11-22T22:00:00Z", "--to", "2026-11-22T23:00:00Z"}, 0, `"number":2,`, "виведено подій: 1 з 4"},
		{[]string{"journal", "export", "--csv"}, 0, "4,2026-11-23T00:30:00Z,1,Коваль,", "журнал цілий"},
		{[]string{"journal", "export", "-o", out}, 0, "", "виведено подій: 4 з 4"},
		{[]string{"journal", "export", "-o", filepath.Join(folder, "no", "such")}, 3, "", "no such"},
		{[]string{"journal", "export", "--from", "22.11.2026"}, 2, "", "--from"},
		{[]string{"journal", "clear"}, 2, "", "--yes"},
		{[]string{"journal", "keep", "5"}, 2, "", "--yes"},
		{[]string{"journal", "keep", "60"}, 0, "60 діб", ""},
		{[]string{"journal"}, 2, "", "назвіть команду"},
	} {
		stdout, stderr, code := verify(t, folder, c.args...)
		if code != c.code || !strings.Contains(stdout, c.stdout) || !strings.Contains(stderr, c.stderr) {
			t.Errorf("%v: exit %d, want %d\n%s\n%s", c.args, code, c.code, stdout, stderr)
		}
		for _, word := range []string{"Гончарук", "ГТ 004022"} {
			if strings.Contains(stdout+stderr, word) {
				t.Errorf("%v names a person", c.args)
			}
		}
	}
	data, err := os.ReadFile(out)
	if err != nil || bytes.Count(data, []byte("\n")) != 4 {
		t.Errorf("%d bytes, %v", len(data), err)
	}
	for line := range bytes.Lines(data) {
		if !json.Valid(line) {
			t.Errorf("no JSON: %s", line)
		}
	}
	t.Setenv("POSVID_PASSPHRASE", "інша")
	if stdout, stderr, code := verify(t, folder, "journal", "export"); code != 3 || stdout != "" || !strings.Contains(stderr, "парольна фраза не підходить") {
		t.Errorf("wrong passphrase: exit %d\n%s\n%s", code, stdout, stderr)
	}
	t.Setenv("POSVID_PASSPHRASE", "проба")

	// A day that was taken away is told, and so is one that was cut.
	name := filepath.Join(folder, "journal", "2026-11-23.sidj")
	day, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]struct {
		do   func() error
		want []string
	}{
		"cut":     {func() error { return os.WriteFile(name, day[:len(day)-1], 0o600) }, []string{"events missing: 1", "days with a torn end: 1"}},
		"removed": {func() error { return os.Remove(name) }, []string{"events missing: 1"}},
	} {
		if err := change.do(); err != nil {
			t.Fatal(err)
		}
		_, stderr, code := verify(t, folder, "journal", "export", "--lang", "en")
		if code != 3 || !strings.Contains(stderr, "the journal is not whole") {
			t.Errorf("%s: exit %d\n%s", what, code, stderr)
		}
		for _, want := range change.want {
			if !strings.Contains(stderr, want) {
				t.Errorf("%s: no %q in\n%s", what, want, stderr)
			}
		}
		if err := os.WriteFile(name, day, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if stdout, _, code := verify(t, folder, "journal", "clear", "--yes"); code != 0 || !strings.Contains(stdout, "журнал порожній") {
		t.Errorf("clear: exit %d, %s", code, stdout)
	}
	if stdout, stderr, code := verify(t, folder, "journal", "export"); code != 0 || stdout != "" || !strings.Contains(stderr, "виведено подій: 0 з 0") {
		t.Errorf("after clearing: exit %d\n%s\n%s", code, stdout, stderr)
	}
}
