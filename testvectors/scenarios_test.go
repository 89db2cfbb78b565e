package testvectors

import (
	"bytes"
	"errors"
	"io/fs"
	"reflect"
	"strings"
	"testing"
	"time"
)

// full has every header.
var full = Scenario{Name: "full", Kind: "presentation", Expect: "refuse", Code: "malformed", At: time.Date(2026, 3, 1, 9, 0, 30, 0, time.UTC),
	Trust: "bundle.sidb", Pin: "AAAA", Floor: "lost", Class: "council", Level: 3, Photo: "plastic", Seen: "2026-03-01T09:00:00Z", Nonce: "open",
	ID: 17, Held: "older.sidb", State: "damaged", Rules: []string{"VER-01", "VER-02"}, Comment: "Something.", Data: []byte("SID1:A\n\nB: C\n")}

// TestScenarioRoundTrip: what is written is read, and every committed file is in the one form.
func TestScenarioRoundTrip(t *testing.T) {
	binary := full
	binary.Kind, binary.Data = "root", bytes.Repeat([]byte{0, 0xff, '\n'}, 99)
	empty := Scenario{Name: "empty", Kind: "cose-key", Expect: "error", Code: "cose.ErrKey", Comment: "Nothing.", Data: []byte{}}
	for _, s := range []Scenario{full, binary, empty} {
		got, err := ParseScenario(s.Name, s.Format())
		if err != nil || !reflect.DeepEqual(got, s) {
			t.Errorf("%s: %+v, %v", s.Name, got, err)
		}
	}
	for line := range strings.SplitSeq(string(binary.Format()), "\n") {
		if len(line) > 76 {
			t.Errorf("line of %d characters", len(line))
		}
	}
	names, err := fs.Glob(Vectors(), "*.txt")
	if err != nil || len(names) == 0 {
		t.Fatalf("v1: %d files, %v", len(names), err)
	}
	for _, name := range names {
		data, err := fs.ReadFile(Vectors(), name)
		if err != nil {
			t.Fatal(err)
		}
		s, err := ParseScenario(strings.TrimSuffix(name, ".txt"), data)
		if err != nil {
			t.Error(err)
			continue
		}
		if !bytes.Equal(s.Format(), data) {
			t.Errorf("%s is not in the form that Format writes", name)
		}
	}
}

func TestParseScenarioRefuses(t *testing.T) {
	good := string(full.Format())
	for name, text := range map[string]string{
		"empty":            "",
		"no empty line":    "kind: root\nexpect: ok\ncomment: x.\n",
		"unknown header":   "future: 1\n" + good,
		"twice":            "kind: root\n" + good,
		"out of order":     strings.Replace(good, "class: council\nlevel: 3\n", "level: 3\nclass: council\n", 1),
		"no value":         strings.Replace(good, "class: council", "class: ", 1),
		"no colon":         strings.Replace(good, "class: council", "class", 1),
		"upper case":       strings.Replace(good, "class:", "Class:", 1),
		"carriage return":  strings.ReplaceAll(good, "\n", "\r\n"),
		"time":             strings.Replace(good, "at: 2026-03-01T09:00:30Z", "at: yesterday", 1),
		"level":            strings.Replace(good, "level: 3", "level: three", 1),
		"verifier":         strings.Replace(good, "verifier: 17", "verifier: -17", 1),
		"no kind":          strings.Replace(good, "kind: presentation\n", "", 1),
		"no expectation":   strings.Replace(good, "expect: refuse\n", "", 1),
		"no comment":       strings.Replace(good, "comment: Something.\n", "", 1),
		"not base64":       strings.Replace(good, "kind: presentation", "kind: root", 1),
		"base64 of spaces": "kind: root\nexpect: ok\ncomment: x.\n\nAA AA\n",
	} {
		if text == good {
			t.Fatalf("%s: nothing was changed", name)
		}
		if s, err := ParseScenario("x", []byte(text)); err == nil {
			t.Errorf("%s: read as %+v", name, s)
		}
	}
}

func TestTrustFile(t *testing.T) {
	if data, err := TrustFile("bundle.sidb"); err != nil || len(data) == 0 {
		t.Errorf("bundle.sidb: %d bytes, %v", len(data), err)
	}
	if _, err := TrustFile("../persons.json"); !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("a path out of the folder: %v", err)
	}
	if _, err := TrustFile("absent.sidb"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}

// FuzzParseScenario: what is read is written to the same bytes.
func FuzzParseScenario(f *testing.F) {
	f.Add(full.Format())
	f.Add([]byte("kind: root\nexpect: ok\ncomment: x.\n\nAAAA\n"))
	f.Add([]byte("kind: presentation\n\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := ParseScenario("fuzz", data)
		if err != nil {
			return
		}
		again, err := ParseScenario("fuzz", s.Format())
		if err != nil || !reflect.DeepEqual(again, s) {
			t.Fatalf("%+v became %+v, %v", s, again, err)
		}
	})
}
