package watch_test

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/checkpoint"
	"github.com/posvid/posvid/cmd/internal/cli"
	"github.com/posvid/posvid/cmd/internal/verifycli"
	"github.com/posvid/posvid/qr/detect"
)

// symbolOf makes a picture of the half blocks between the lines of a screen that hold them, eight pixels a dot.
func symbolOf(screen string) *image.Gray {
	var rows [][]rune
	for _, l := range strings.Split(screen, "\n") {
		if strings.ContainsAny(l, "▀▄") {
			rows = append(rows, []rune(l))
		}
	}
	const scale, columns = 8, 200
	img := image.NewGray(image.Rect(0, 0, columns*scale, (2*len(rows)+16)*scale))
	for i := range img.Pix {
		img.Pix[i] = 255
	}
	dot := func(x, y int) {
		for dy := range scale {
			for dx := range scale {
				img.SetGray(x*scale+dx, (y+8)*scale+dy, color.Gray{})
			}
		}
	}
	for i, row := range rows {
		for x, r := range row {
			if x >= columns {
				break
			}
			if r == '█' || r == '▀' {
				dot(x, 2*i)
			}
			if r == '█' || r == '▄' {
				dot(x, 2*i+1)
			}
		}
	}
	return img
}

// TestChallengeInATerminal: a challenge stands readable on the screen, its answer is judged, and a compared face makes it
// level 3 (WAT-11, WAT-13).
func TestChallengeInATerminal(t *testing.T) {
	if testing.Short() {
		t.Skip("short mode: a program in a terminal, some seconds")
	}
	t.Parallel()
	w := newWorld(t)
	s := openTerminal(t, 80, 24, nil, "--lang", "uk", "--state", w.dir, "--passphrase-file", w.passphraseFile(), "watch", "--camera", "none", "--guard", "Бойко", "--level", "3")
	s.waitText("скануйте код")
	s.scan(w.code("taras", time.Second))
	s.waitWord("ПІДТВЕРДЖЕНО", "Замало для цього пункту")
	s.key("c")
	screen := s.waitText("ЗАПИТ: ще")
	results, err := detect.Read(symbolOf(screen), detect.Options{CleanOnly: true})
	if err != nil || len(results) != 1 || !strings.HasPrefix(results[0].Text, "SIDQ1:") {
		t.Fatalf("the challenge on the screen: %d codes, %v:\n%s", len(results), err, screen)
	}
	challenge := results[0].Text
	s.tmux("resize-window", "-x", "110", "-y", "44")
	screen = s.wait("challenge in the large window", func(screen string) bool {
		results, err := detect.Read(symbolOf(screen), detect.Options{CleanOnly: true})
		return strings.Contains(screen, "█ ") && err == nil && len(results) == 1 && results[0].Text == challenge
	})
	if _, err := exec.LookPath("zbarimg"); err == nil {
		var b bytes.Buffer
		name := filepath.Join(t.TempDir(), "challenge.png")
		if err := png.Encode(&b, symbolOf(screen)); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("zbarimg", "--raw", "-q", "-S*.disable", "-Sqrcode.enable", name).Output()
		if err != nil || strings.TrimSpace(string(out)) != challenge {
			t.Errorf("zbarimg reads another challenge: %v", err)
		}
	} else if os.Getenv("CI") == "true" {
		t.Fatal("zbarimg is missing")
	}
	s.scan(w.answer("taras", challenge))
	s.waitWord("ПІДТВЕРДЖЕНО", "[F] обличчя звірено")
	s.key("f")
	asked := s.waitText("Обличчя — як на світлині ВИЩЕ? Наберіть")
	digits := regexp.MustCompile(`Наберіть (\d)(\d)`).FindStringSubmatch(asked)
	if digits == nil {
		t.Fatalf("no digits:\n%s", asked)
	}
	s.key(digits[1], digits[2])
	s.waitWord("ЧИННЕ", "рівень перевірки 3")
	s.waitText("✔ 1  ✘ 0")
}

// TestScreenWithoutKeys: without colours and without the device's passphrase codes are judged, and the screen says what it
// cannot do (WAT-23).
func TestScreenWithoutKeys(t *testing.T) {
	if testing.Short() {
		t.Skip("short mode: a program in a terminal, some seconds")
	}
	t.Parallel()
	w := newWorld(t)
	s := openTerminal(t, 80, 24, []string{"NO_COLOR=yes"}, "--lang", "uk", "--state", w.dir, "watch", "--camera", "none", "--guard", "Бойко", "--no-keys", "--no-sound")
	s.waitText("парольної фрази не питали")
	s.key("c")
	s.waitText("запиту немає")
	s.scan(w.code("taras", time.Second))
	s.waitWord("ЧИННЕ", "світлини немає: парольної фрази не питали")
	// The journal needs no passphrase; it has the verdict and not the person.
	info, err := must[*checkpoint.State](t)(checkpoint.Open(w.dir)).JournalInfo()
	if err != nil || info.Events != 1 {
		t.Errorf("%d events in the journal, %v", info.Events, err)
	}
	err = filepath.WalkDir(w.dir, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(name)
		if bytes.Contains(data, []byte("Гончарук")) || bytes.Contains(data, []byte("Бойко")) {
			t.Errorf("%s holds a name", filepath.Base(name))
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	coloured := s.tmux("capture-pane", "-e", "-p")
	if regexp.MustCompile(`\x1b\[[0-9;]*(3[0-8]|4[0-8]|9[0-7])[;m]`).MatchString(coloured) {
		t.Errorf("colours in spite of NO_COLOR:\n%q", coloured)
	}
}

// TestScreenNeedsATerminal: without a terminal the screen does not start, and says how to verify without it (WAT-22).
func TestScreenNeedsATerminal(t *testing.T) {
	for name, stdin := range map[string]string{"a pipe": "SID1:A\n", "nothing": ""} {
		var out, talk bytes.Buffer
		env := &cli.Env{Program: "posvid-verify", Stdin: strings.NewReader(stdin), Stdout: &out, Stderr: &talk, Now: time.Now, Lang: "uk"}
		code := verifycli.Run(env, []string{"--lang", "uk", "--state", t.TempDir(), "watch"})
		if code != cli.ExitCannotConfirm || out.Len() != 0 || !strings.Contains(talk.String(), "posvid-verify qr") {
			t.Errorf("%s: exit %d, %q, %q", name, code, out.String(), talk.String())
		}
	}
	env := &cli.Env{Program: "posvid-verify", Stdin: strings.NewReader(""), Stdout: new(bytes.Buffer), Stderr: new(bytes.Buffer), Now: time.Now, Lang: "uk"}
	for _, args := range [][]string{{"watch", "--level", "5"}, {"watch", "--level", "-1"}, {"watch", "file"}, {"watch", "--nope"}} {
		if code := verifycli.Run(env, append([]string{"--state", t.TempDir()}, args...)); code != cli.ExitUsage {
			t.Errorf("%v: exit %d, want %d", args, code, cli.ExitUsage)
		}
	}
	if testing.Short() {
		return
	}
	s := openTerminal(t, 80, 24, []string{"TERM=dumb"}, "--lang", "uk", "--state", t.TempDir(), "watch")
	s.waitText(fmt.Sprintf("КІНЕЦЬ %d", cli.ExitCannotConfirm))
	s.waitText("posvid-verify qr --camera")
}
