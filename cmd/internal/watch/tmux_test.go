package watch_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/cmd/internal/cli"
	"github.com/posvid/posvid/cmd/internal/verifycli"
	"github.com/posvid/posvid/cmd/internal/watch"
)

// runVariable makes the test binary the program posvid-verify.
const runVariable = "POSVID_WATCH_TEST_RUN"

func TestMain(m *testing.M) {
	if os.Getenv(runVariable) != "" {
		os.Exit(verifycli.Run(cli.New("posvid-verify"), os.Args[1:]))
	}
	os.Exit(m.Run())
}

// terminal is posvid-verify in a terminal of its own.
type terminal struct {
	t      testing.TB
	socket string
}

// openTerminal starts posvid-verify in tmux, with a marker behind it that shows when it has ended.
func openTerminal(t testing.TB, columns, rows int, env []string, args ...string) *terminal {
	t.Helper()
	if _, err := exec.LookPath("tmux"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("tmux is missing")
		}
		t.Skip("tmux is missing: the screen is not driven through a terminal")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "tmux.conf")
	settings := "set -g default-terminal tmux-256color\nset -g status off\nset -g escape-time 0\nset -g remain-on-exit on\nset -as terminal-overrides ',*:Tc'\n"
	if err := os.WriteFile(config, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	quoted := []string{"env", "-u", "NO_COLOR", "-u", "POSVID_PASSPHRASE", runVariable + "=1", "LC_ALL=C.UTF-8", "COLORTERM=truecolor", "TZ=UTC", "HOME=" + dir}
	quoted = append(quoted, env...)
	for _, a := range append([]string{self}, args...) {
		quoted = append(quoted, "'"+strings.ReplaceAll(a, "'", `'\''`)+"'")
	}
	// The last line of the terminal before and after: what was there has to be there again.
	line := "stty -g >" + dir + "/before; echo ДО; " + strings.Join(quoted, " ") + "; echo КІНЕЦЬ $?; stty -g >" + dir + "/after; sleep 100"
	s := &terminal{t, filepath.Join(dir, "socket")}
	s.tmux("-f", config, "new-session", "-d", "-x", fmt.Sprint(columns), "-y", fmt.Sprint(rows), line)
	t.Cleanup(func() { _ = exec.Command("tmux", "-S", s.socket, "kill-server").Run() })
	return s
}

func (s *terminal) tmux(args ...string) string {
	s.t.Helper()
	out, err := exec.Command("tmux", append([]string{"-S", s.socket}, args...)...).CombinedOutput()
	if err != nil {
		s.t.Fatalf("tmux %s: %v\n%s", args[0], err, out)
	}
	return string(out)
}

func (s *terminal) screen() string {
	s.t.Helper()
	return strings.ReplaceAll(s.tmux("capture-pane", "-p"), "\u00a0", " ")
}

// key presses keys one at a time, as a person does.
func (s *terminal) key(names ...string) {
	s.t.Helper()
	for i, name := range names {
		if i > 0 {
			time.Sleep(150 * time.Millisecond)
		}
		s.tmux("send-keys", name)
	}
}

// scan types a text and Enter, as a hand scanner does.
func (s *terminal) scan(text string) {
	s.t.Helper()
	if strings.HasSuffix(text, ";") { // tmux would take it for the end of its command
		text = strings.TrimSuffix(text, ";") + `\;`
	}
	// In one command: on a busy machine a second one may come so late that its Enter is a person's.
	s.tmux("send-keys", "-l", "--", text, ";", "send-keys", "Enter")
}

// wait polls the screen until done is pleased with it.
func (s *terminal) wait(what string, done func(screen string) bool) string {
	s.t.Helper()
	end := time.Now().Add(15 * time.Second)
	for {
		screen := s.screen()
		if done(screen) {
			return screen
		}
		if time.Now().After(end) {
			s.t.Fatalf("no %s on the screen:\n%s", what, screen)
		}
		time.Sleep(40 * time.Millisecond)
	}
}

// waitText waits for a text.
func (s *terminal) waitText(text string) string {
	s.t.Helper()
	return s.wait(text, func(screen string) bool { return strings.Contains(screen, text) })
}

// shows tells whether the big letters of a word stand on a screen, in any size.
func shows(screen, word string) bool {
	lines := strings.Split(screen, "\n")
	for _, rows := range watch.WordRows(word) {
		for i := 0; i+len(rows) <= len(lines); i++ {
			whole := true
			for j, row := range rows {
				whole = whole && strings.Contains(lines[i+j], strings.TrimRight(row, " "))
			}
			if whole {
				return true
			}
		}
	}
	return false
}

// waitWord waits for a big word and the text beside it.
func (s *terminal) waitWord(word, beside string) string {
	s.t.Helper()
	return s.wait(word+" with "+beside, func(screen string) bool { return shows(screen, word) && strings.Contains(screen, beside) })
}

// ukrainian types a text as a scanner does whose computer has the Ukrainian layout.
func ukrainian(text string) string {
	latin, cyrillic := []rune("ABCDEFGHIJKLMNOPQRSTUVWXYZ$/:."), []rune("ФИСВУАПРШОЛДЬТЩЗЙКІЕГМЦЧНЯ;.Жю")
	places := map[rune]rune{}
	for i, r := range latin {
		places[r] = cyrillic[i]
	}
	return strings.Map(func(r rune) rune {
		if c, ok := places[r]; ok {
			return c
		}
		return r
	}, text)
}

// TestScreenInATerminal drives the whole program through a terminal, as issue 3 asks.
func TestScreenInATerminal(t *testing.T) {
	if testing.Short() {
		t.Skip("short mode: a program in a terminal, some seconds")
	}
	w := newWorld(t)
	phrase := w.passphraseFile()
	for _, size := range [][2]int{{80, 24}, {120, 40}} {
		t.Run(fmt.Sprintf("%dx%d", size[0], size[1]), func(t *testing.T) {
			t.Parallel()
			s := openTerminal(t, size[0], size[1], nil, "--lang", "uk", "--state", w.dir, "--passphrase-file", phrase, "watch", "--camera", "none")
			s.waitText("Хто заступає на зміну?")
			s.scan("Іваненко")
			s.waitText("ручний сканер; скануйте код")
			for _, want := range []string{"Іваненко", "Вхід № 1, міністерство", "ДЕМОНСТРАЦІЙНИЙ КОРІНЬ", "набір довіри", "журнал"} {
				s.waitText(want)
			}
			shoot := func(name, title string) {
				if size[0] == 80 {
					s.picture(name, title, size[0], size[1])
				}
			}
			shoot("watch-waiting", "Екран пункту пропуску чекає код")
			s.scan(w.code("taras", 5*time.Second))
			s.waitWord("ЧИННЕ", "Гончарук Тарас Григорович")
			for _, want := range []string{"старший слідчий", "004022", "дані станом на", "рівень перевірки 2", "строк дії до", "Допуск на об'єкт вирішують правила об'єкта", "✔ 1  ✘ 0  ? 0"} {
				s.waitText(want)
			}
			shoot("watch-accept", "ЧИННЕ")
			s.key("Space")
			s.waitText("скануйте код")
			if left := s.screen(); strings.Contains(left, "Гончарук") || strings.Contains(left, "004022") {
				t.Errorf("a person is left on the screen:\n%s", left)
			}
			s.scan(w.code("revoked", 5*time.Second))
			s.waitWord("ВІДХИЛЕНО", "Посвідчення анульовано")
			for _, want := range []string{"ЩО РОБИТИ: Не пропускайте за цим посвідченням", "+380 44 000 00 01"} {
				s.waitText(want)
			}
			shoot("watch-refuse", "ВІДХИЛЕНО")
			s.key("Space")
			s.waitText("скануйте код")
			s.scan(w.code("taras", 200*time.Second))
			s.waitWord("ПІДТВЕРДЖЕНО", "Годинники розходяться")
			shoot("watch-unconfirmed", "НЕ ПІДТВЕРДЖЕНО")
			s.tmux("resize-window", "-x", "44", "-y", "14")
			s.wait("small screen", func(screen string) bool {
				return strings.Contains(screen, "? НЕ ПІДТВЕРДЖЕНО") && strings.Contains(screen, "збільште вікно")
			})
			s.tmux("resize-window", "-x", fmt.Sprint(size[0]), "-y", fmt.Sprint(size[1]))
			s.waitWord("ПІДТВЕРДЖЕНО", "Годинники розходяться")
			s.key("Space")
			s.waitText("скануйте код")
			s.scan(ukrainian(w.code("oleksandra", 2*time.Second)))
			s.waitWord("ЧИННЕ", "Нестеренко-Квітковська")
			s.key("Space")
			s.waitText("скануйте код")
			s.scan("\x7f%%% не код ~ {}[] 漢字 ́́́")
			s.waitWord("ПІДТВЕРДЖЕНО", "Це не код посвідчення")
			s.key("q")
			digits := regexp.MustCompile(`Завершити зміну\? Наберіть (\d)(\d)`).FindStringSubmatch(s.waitText("Завершити зміну? Наберіть"))
			if digits == nil {
				t.Fatalf("no digits:\n%s", s.screen())
			}
			s.key(digits[1], digits[2])
			s.waitText("КІНЕЦЬ 0")
			ended := s.waitText("ДО")
			if strings.Contains(ended, "Гончарук") || !strings.Contains(ended, "чинних 2, відхилених 1, не підтверджених 2") {
				t.Errorf("the terminal after quitting:\n%s", ended)
			}
			dir := filepath.Dir(s.socket)
			s.wait("state of the terminal", func(string) bool {
				before, err1 := os.ReadFile(filepath.Join(dir, "before"))
				after, err2 := os.ReadFile(filepath.Join(dir, "after"))
				return err1 == nil && err2 == nil && len(before) > 0 && string(before) == string(after)
			})
		})
	}
}
