//go:build pcsc && cgo && linux

package cardpath_test

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/nfc/emulate"
)

// TestCardsOnTheScreen: the checkpoint's screen in a terminal, with a reader as its source: a card is judged once, when it is laid there;
// a torn one is not; a reader that goes away is told, and works again when it is back.
func TestCardsOnTheScreen(t *testing.T) {
	t.Parallel()
	programs(t)
	emulate.Isolated(t, emulate.FixtureConfig{Reader: desk, Programs: []string{"tmux"}}, func(t *testing.T, f *emulate.Fixture) {
		w := newWorld(t, extra{})
		socket := filepath.Join(t.TempDir(), "socket")
		tmux := func(args ...string) string {
			t.Helper()
			out, err := exec.Command("tmux", append([]string{"-u", "-S", socket}, args...)...).CombinedOutput()
			if err != nil {
				t.Fatalf("tmux %q: %v\n%s", args, err, out)
			}
			return strings.ReplaceAll(string(out), "\u00a0", " ")
		}
		line := "LC_ALL=C.UTF-8 NO_COLOR=1 " + filepath.Join(programs(t), "posvid-verify") + " --lang uk --state " + w.state +
			" watch --camera none --no-keys --no-sound --guard Іваненко; echo КІНЕЦЬ $?; sleep 100"
		tmux("-f", "/dev/null", "new-session", "-d", "-x", "100", "-y", "36", line)
		t.Cleanup(func() { _ = exec.Command("tmux", "-S", socket, "kill-server").Run() }) // it may have ended by itself
		wait := func(what string, pleased func(screen string) bool) string {
			t.Helper()
			for end := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
				screen := tmux("capture-pane", "-p")
				if pleased(screen) {
					return screen
				}
				if time.Now().After(end) {
					t.Fatalf("no %s on the screen:\n%s", what, screen)
				}
			}
		}
		has := func(parts ...string) {
			t.Helper()
			wait(strings.Join(parts, ", "), func(screen string) bool {
				for _, part := range parts {
					if !strings.Contains(screen, part) {
						return false
					}
				}
				return true
			})
		}
		has("Іваненко")
		good, gone := chip(w.card(t, guidValid, nil)), chip(w.card(t, guidDismissed, nil))
		plug := f.Insert(t, 0, good)
		has("✔ 1  ✘ 0  ? 0", text(guidValid), "рівень перевірки 2: картка підписала")
		f.Remove(t, 0, plug)
		tmux("send-keys", "Space")
		plug = f.Insert(t, 0, gone)
		has("✔ 1  ✘ 1  ? 0", "анульовано")
		f.Remove(t, 0, plug)
		tmux("send-keys", "Space")
		plug = f.Insert(t, 0, emulate.NewScript(good).At(5, emulate.Tear()))
		has("✔ 1  ✘ 1  ? 1", "не дочитано")
		f.Remove(t, 0, plug)
		tmux("send-keys", "Space")
		f.KillDaemon()
		time.Sleep(time.Second)
		f.StartDaemon()
		plug = f.Insert(t, 0, chip(w.card(t, guidRSA, func(s *emulate.CardSpec) { s.CardAuthentication = emulate.RSA2048 })))
		has("✔ 2  ✘ 1  ? 1", text(guidRSA))
		f.Remove(t, 0, plug)
		tmux("send-keys", "Space")
		has("скануйте код")
		time.Sleep(300 * time.Millisecond) // keys in quick succession are a hand scanner's
		tmux("send-keys", "q")
		var digits []string
		wait("digits", func(screen string) bool {
			digits = regexp.MustCompile(`Завершити зміну\? Наберіть (\d)(\d)`).FindStringSubmatch(screen)
			return digits != nil
		})
		tmux("send-keys", digits[1])
		time.Sleep(150 * time.Millisecond)
		tmux("send-keys", digits[2])
		has("КІНЕЦЬ 0", "чинних 2, відхилених 1, не підтверджених 1")
	})
}
