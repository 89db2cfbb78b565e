package nfc

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// vectors gives a folder of the shared vectors, or skips.
func vectors(t testing.TB, parts ...string) string {
	t.Helper()
	root := os.Getenv("POSVID_VECTORS")
	if root == "" {
		root = filepath.Join("..", "..", "shared", "vectors")
	}
	path := filepath.Join(append([]string{root, "nfc"}, parts...)...)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("POSVID_VECTORS has no %s", path)
	}
	return path
}

// trace reads one recorded trace.
func trace(t testing.TB, name string) []Exchange {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(vectors(t, "traces"), name))
	if err != nil {
		t.Fatal(err)
	}
	list, err := ParseTranscript(string(data))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestTranscriptReplay(t *testing.T) {
	const text = "# two commands\n> 00A4040005A000000308\n< 61004F9000\n\n> 00C0000000\n! torn\n"
	list, err := ParseTranscript(text)
	if err != nil || len(list) != 2 {
		t.Fatalf("%d exchanges, %v", len(list), err)
	}
	r := NewReplay(list)
	if a, err := r.Transmit(t.Context(), unhex(t, "00A4040005A000000308")); err != nil || hexUpper(a) != "61004F9000" || r.Done() {
		t.Errorf("first: %X, %v", a, err)
	}
	if _, err := r.Transmit(t.Context(), unhex(t, "00C0000000")); !errors.Is(err, ErrTorn) || !r.Done() {
		t.Errorf("second: %v", err)
	}
	for name, commands := range map[string][]string{
		"another command":   {"00A4040005A000000309"},
		"a longer command":  {"00A4040005A00000030800"},
		"out of order":      {"00C0000000"},
		"after the end":     {"00A4040005A000000308", "00C0000000", "00C0000000"},
		"nothing":           {""},
		"after a wrong one": {"00", "00A4040005A000000308"},
	} {
		r := NewReplay(list)
		var err error
		for _, c := range commands {
			_, err = r.Transmit(t.Context(), unhex(t, c))
		}
		if !errors.Is(err, ErrReplay) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), "A0000003") {
			t.Errorf("%s: the error shows data: %v", name, err)
		}
	}
}

func TestTranscriptRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"answer first":             "< 9000\n",
		"two commands":             "> 00C00000\n> 00C00000\n< 9000\n",
		"two answers":              "> 00C00000\n< 9000\n< 9000\n",
		"no answer":                "> 00C00000\n",
		"not hexadecimal":          "> 00C0000G\n< 9000\n",
		"half a byte":              "> 00C00000\n< 900\n",
		"short command":            "> 00C0\n< 9000\n",
		"another line":             "? 00C00000\n< 9000\n",
		"unknown failure":          "> 00C00000\n! burnt\n",
		"count not closed":         "> 00C00000[3\n< 9000\n",
		"count of nothing":         "> 00C00000[0]\n< 9000\n",
		"count with a sign":        "> 00C00000[+3]\n< 9000\n",
		"negative count":           "> 00C00000[-3]\n< 9000\n",
		"two counts":               "> 00C00000[3]00[3]\n< 9000\n",
		"count that is no number":  "> 00C00000[x]\n< 9000\n",
		"odd digits behind count":  "> 00C00000[3]0\n< 9000\n",
		"count in front of digits": "> [4]0\n< 9000\n",
	} {
		if list, err := ParseTranscript(text); !errors.Is(err, ErrMalformed) || list != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ParseTranscript(strings.Repeat("#", MaxTranscript+1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("too long: %v", err)
	}
}

// TestTranscriptRedaction records a session with personal data and secrets in it.
func TestTranscriptRedaction(t *testing.T) {
	answers := map[byte]string{0xA4: "610B4F0901020304050607089000", 0xCB: "53067072697661746590009000", 0x87: "7C0482025EC29000", 0x20: "63C2", 0xD6: "9000"}
	card := cardFunc(func(_ context.Context, apdu []byte) ([]byte, error) {
		if apdu[1] == 0xC0 {
			return nil, ErrTorn
		}
		return unhex(t, answers[apdu[1]]), nil
	})
	redacted, whole := Record(card), RecordAll(card)
	commands := []string{"00A4040009A0000003080000100000", "00CB3FFF055C035FC10200", "0087119E06112233445566" + "00", "002000800831323334FFFFFFFF", "00D6000003AABBCC", "00C0000000"}
	for _, c := range commands {
		_, _ = redacted.Transmit(t.Context(), unhex(t, c))
		_, _ = whole.Transmit(t.Context(), unhex(t, c))
	}
	want := `# posvid nfc transcript 1
> 00a4040009a0000003080000100000
< [12]9000
> 00cb3fff055c035fc10200
< [11]9000
> 0087119e06[6]00
< [6]9000
> 0020008008[8]
< 63c2
> 00d6000003[3]
< 9000
> 00c0000000
! torn
`
	got := redacted.Text()
	if got != want {
		t.Errorf("redacted:\n%s\nwant:\n%s", got, want)
	}
	for _, secret := range []string{"112233", "5ec2", "31323334", "aabbcc", "70726976", "01020304"} {
		if strings.Contains(got, secret) {
			t.Errorf("%s is in the redacted transcript", secret)
		}
		if !strings.Contains(whole.Text(), secret) {
			t.Errorf("%s is not in the whole transcript", secret)
		}
	}
	list, err := ParseTranscript(got)
	if err != nil || len(list) != len(commands) || !list[0].Redacted || list[5].Redacted {
		t.Fatalf("the redacted transcript does not parse: %v", err)
	}
	if _, err := NewReplay(list).Transmit(t.Context(), unhex(t, commands[0])); !errors.Is(err, ErrReplay) {
		t.Errorf("a redacted exchange is replayed: %v", err)
	}
	// What was recorded whole replays as it was.
	list, err = ParseTranscript(whole.Text())
	if err != nil {
		t.Fatal(err)
	}
	r := NewReplay(list)
	for _, c := range commands {
		a, err := r.Transmit(t.Context(), unhex(t, c))
		b, errCard := card(t.Context(), unhex(t, c))
		if string(a) != string(b) || !errors.Is(err, errCard) {
			t.Errorf("%s: replay %X, %v; card %X, %v", c, a, err, b, errCard)
		}
	}
}

// TestTracesReplay plays every recorded card program back, command by command, through a session's own parsers.
func TestTracesReplay(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(vectors(t, "traces"), "*.trace"))
	if err != nil || len(files) < 3 {
		t.Fatalf("%d traces, %v", len(files), err)
	}
	for _, file := range files {
		list := trace(t, filepath.Base(file))
		replay := NewReplay(list)
		for i, e := range list {
			if _, err := ParseCommandAPDU(e.Command); err != nil {
				t.Errorf("%s: command %d: %v", filepath.Base(file), i+1, err)
			}
			answer, err := replay.Transmit(t.Context(), e.Command)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := ParseResponseAPDU(answer); err != nil {
				t.Errorf("%s: answer %d: %v", filepath.Base(file), i+1, err)
			}
		}
		t.Logf("%s: %d exchanges", filepath.Base(file), len(list))
	}
}

func FuzzParseTranscript(f *testing.F) {
	f.Add("# posvid nfc transcript 1\n> 00A4040005A000000308\n< [3]9000\n> 0087119E26[38]00\n! timeout\n")
	f.Add("> 00C00000\n<\n")
	f.Fuzz(func(t *testing.T, text string) {
		list, err := ParseTranscript(text)
		if err != nil {
			if list != nil {
				t.Fatal("a failed parse returned exchanges")
			}
			return
		}
		for _, e := range list {
			if e.Redacted && e.Command != nil && e.Response != nil || e.Err != nil && e.Response != nil {
				t.Fatalf("%+v", e)
			}
		}
	})
}
