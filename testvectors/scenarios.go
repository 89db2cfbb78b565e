package testvectors

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Scenario is one file of v1: some bytes, the circumstances in which they are read, and what has to be said about them.
// docs/spec/vectors.md describes the file.
type Scenario struct {
	Name    string // file name without .txt; says what is wrong
	Kind    string // what the bytes are: "presentation", "bundle", "root" …
	Expect  string // "accept", "refuse", "cannot-confirm" for a presentation or device, else "ok" or "error"
	Code    string // code of the verdict, or the name of the error, "trust.ErrThreshold"; "" with "ok"
	At      time.Time
	Trust   string   // file in v1/trust, "none" (nothing pinned), "no-bundle"; "" where nothing is trusted
	Pin     string   // fingerprint that is pinned instead of the demo root's
	Floor   string   // RFC 3339 or "lost"; "" = none persisted
	Class   string   // "checkpoint", "council"; "" = not enrolled
	Level   int      // level asked for
	Photo   string   // "matched", "plastic", or 40 hexadecimal digits; "" = nothing compared
	Seen    string   // RFC 3339 of the first reading; "" = the replay check is not run
	Nonce   string   // "open", "used", "expired"; "" = unknown
	ID      uint64   // number of the verifier; 0 = none
	Held    string   // kind device: file in v1/trust that was installed before
	State   string   // kind device: "damaged", "fault" (the memory of challenges fails), "unread" (a picture without a code)
	Rules   []string // ids of the MUSTs that it exercises
	Comment string
	Data    []byte
}

// Kinds of scenarios whose bytes are text; of every other kind they are lines of base64.
var textKinds = []string{"presentation", "device", "challenge", "fingerprint", "enrolment-code", "memory", "install-sequence"}

// IsText reports whether the bytes of a kind stand in the file as they are.
func IsText(kind string) bool { return slices.Contains(textKinds, kind) }

// Scenarios returns every scenario of v1 in the order of the names.
func Scenarios() ([]Scenario, error) {
	names, err := fs.Glob(Vectors(), "*.txt")
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, errors.New("testvectors: v1 is empty: go run ./testvectors/gen")
	}
	all := make([]Scenario, 0, len(names))
	for _, name := range names {
		data, err := fs.ReadFile(Vectors(), name)
		if err != nil {
			return nil, err
		}
		s, err := ParseScenario(strings.TrimSuffix(path.Base(name), ".txt"), data)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

// TrustFile returns a file of v1/trust.
func TrustFile(name string) ([]byte, error) { return fs.ReadFile(Vectors(), "trust/"+name) }

// ParseScenario reads one file. It refuses headers that it does not know, that stand twice or in another order than
// Format writes.
func ParseScenario(name string, data []byte) (Scenario, error) {
	s := Scenario{Name: name}
	head, body, ok := strings.Cut(string(data), "\n\n")
	if !ok {
		return s, fmt.Errorf("testvectors: %s: no empty line behind the headers", name)
	}
	fields := s.fields()
	next := 0
	for line := range strings.SplitSeq(head, "\n") {
		key, value, ok := strings.Cut(line, ": ")
		at := slices.IndexFunc(fields[next:], func(f field) bool { return f.key == key })
		if !ok || value == "" || at < 0 {
			return s, fmt.Errorf("testvectors: %s: header %q is unknown, empty, twice or out of order", name, key)
		}
		if err := fields[next+at].read(value); err != nil {
			return s, fmt.Errorf("testvectors: %s: header %s: %v", name, key, err)
		}
		next += at + 1
	}
	if s.Kind == "" || s.Expect == "" || s.Comment == "" {
		return s, fmt.Errorf("testvectors: %s: kind, expect and comment are required", name)
	}
	s.Data = []byte(body)
	if !IsText(s.Kind) {
		raw, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(body, "\n", ""))
		if err != nil {
			return s, fmt.Errorf("testvectors: %s: %v", name, err)
		}
		s.Data = raw
	}
	return s, nil
}

// Format writes the file that ParseScenario reads.
func (s Scenario) Format() []byte {
	var b strings.Builder
	for _, f := range s.fields() {
		if value := f.write(); value != "" {
			b.WriteString(f.key + ": " + value + "\n")
		}
	}
	b.WriteByte('\n')
	if IsText(s.Kind) {
		b.Write(s.Data)
		return []byte(b.String())
	}
	for text := base64.StdEncoding.EncodeToString(s.Data); text != ""; {
		n := min(76, len(text))
		b.WriteString(text[:n] + "\n")
		text = text[n:]
	}
	return []byte(b.String())
}

// field is one header: how it is read and written. Write gives "" for a header that is left out.
type field struct {
	key   string
	read  func(string) error
	write func() string
}

// fields lists the headers in the order in which they stand in a file.
func (s *Scenario) fields() []field {
	text := func(key string, to *string) field {
		return field{key, func(v string) error { *to = v; return nil }, func() string { return *to }}
	}
	return []field{
		text("kind", &s.Kind),
		text("expect", &s.Expect),
		text("code", &s.Code),
		{"at", func(v string) (err error) { s.At, err = time.Parse(time.RFC3339, v); return err }, func() string {
			if s.At.IsZero() {
				return ""
			}
			return s.At.UTC().Format(time.RFC3339)
		}},
		text("trust", &s.Trust),
		text("pin", &s.Pin),
		text("floor", &s.Floor),
		text("class", &s.Class),
		{"level", func(v string) (err error) { s.Level, err = strconv.Atoi(v); return err }, func() string {
			if s.Level == 0 {
				return ""
			}
			return strconv.Itoa(s.Level)
		}},
		text("photo", &s.Photo),
		text("seen", &s.Seen),
		text("nonce", &s.Nonce),
		{"verifier", func(v string) (err error) { s.ID, err = strconv.ParseUint(v, 10, 64); return err }, func() string {
			if s.ID == 0 {
				return ""
			}
			return strconv.FormatUint(s.ID, 10)
		}},
		text("installed", &s.Held),
		text("state", &s.State),
		{"rules", func(v string) error { s.Rules = strings.Split(v, ", "); return nil }, func() string { return strings.Join(s.Rules, ", ") }},
		text("comment", &s.Comment),
	}
}
