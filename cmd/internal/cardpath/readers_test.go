//go:build pcsc && cgo && linux

package cardpath_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/posvid/posvid/nfc"
	"github.com/posvid/posvid/nfc/emulate"
	"github.com/posvid/posvid/nfc/pcsc"
)

// running is a program under way.
type running struct {
	t       testing.TB
	command *exec.Cmd
	stdin   io.WriteCloser
	done    chan struct{}

	mu             sync.Mutex
	stdout, stderr bytes.Buffer
	heard          [2]int // bytes of both that were waited for
}

// stream collects what a program says.
type stream struct {
	r  *running
	to *bytes.Buffer
}

func (s stream) Write(b []byte) (int, error) {
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	return s.to.Write(b)
}

// start begins a program; the test ends it at the latest.
func start(t testing.TB, dir, name string, args ...string) *running {
	t.Helper()
	r := &running{t: t, command: exec.Command(filepath.Join(programs(t), name), args...), done: make(chan struct{})}
	r.command.Dir = dir
	r.command.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "POSVID_PASSPHRASE="+passphrase, "POSVID_DIR="+dir)
	r.command.Stdout, r.command.Stderr = stream{r, &r.stdout}, stream{r, &r.stderr}
	r.stdin = must(r.command.StdinPipe())(t)
	if err := r.command.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = r.command.Wait() // its exit code is what counts
		close(r.done)
	}()
	t.Cleanup(func() { _ = r.command.Process.Kill(); <-r.done })
	return r
}

// said gives what the program has said so far.
func (r *running) said() result {
	r.mu.Lock()
	defer r.mu.Unlock()
	return result{stdout: r.stdout.String(), stderr: r.stderr.String()}
}

// hears waits until the program says a text, after what was heard of it before.
func (r *running) hears(text string) {
	r.t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		s := r.said()
		for i, said := range []string{s.stdout, s.stderr} {
			if at := strings.Index(said[r.heard[i]:], text); at >= 0 {
				r.heard[i] += at + len(text)
				return
			}
		}
		select {
		case <-r.done:
			r.t.Fatalf("it ended without saying %q\n%s", text, r.said())
		default:
		}
		if time.Now().After(end) {
			r.t.Fatalf("it never says %q\n%s", text, s)
		}
	}
}

// ends waits for the end of the program.
func (r *running) ends(within time.Duration) result {
	r.t.Helper()
	begin := time.Now()
	select {
	case <-r.done:
	case <-time.After(within):
		r.t.Fatalf("it did not end within %s\n%s", within, r.said())
	}
	s := r.said()
	s.code, s.took = r.command.ProcessState.ExitCode(), time.Since(begin)
	return s
}

// trouble holds a run that found no card against the words for why.
func (w *world) trouble(t *testing.T, want pcsc.Trouble, args ...string) {
	t.Helper()
	v, r := w.json(t, args...)
	cause, remedy := (&pcsc.Error{Trouble: want}).Text("en")
	if !readNothing(v) || v.Holder != nil || !strings.Contains(r.stderr, cause) || remedy != "" && !strings.Contains(r.stderr, "hint: "+remedy) {
		t.Errorf("want %s\n%s", want, r)
	}
	for _, other := range pcsc.Troubles() {
		if text, _ := (&pcsc.Error{Trouble: other}).Text("en"); other != want && text != cause && strings.Contains(r.stderr, text) {
			t.Errorf("%s is told beside %s\n%s", other, want, r)
		}
	}
	// The same for a person: one big word, one cause, one next step, and no name.
	p := w.verify(t, args...)
	if p.code != 3 || !strings.Contains(p.stdout, "NOT CONFIRMED") || strings.Count(p.stderr, "hint: ") != 1 || !strings.Contains(p.stderr, cause) {
		t.Errorf("for a person\n%s", p)
	}
}

// TestCardsWithoutService: no service, a service that refuses this user, no reader: three causes, three remedies.
func TestCardsWithoutService(t *testing.T) {
	t.Parallel()
	programs(t)
	t.Run("service", func(t *testing.T) {
		emulate.Isolated(t, emulate.FixtureConfig{Reader: desk, NoDaemon: true}, func(t *testing.T, f *emulate.Fixture) {
			w := newWorld(t, extra{})
			w.trouble(t, pcsc.NoService)
			f.StartDaemon()
			w.trouble(t, pcsc.NoCard)
			f.KillDaemon() // and its socket stays
			w.trouble(t, pcsc.NoService)
			f.RefuseClients(emulate.SecurityViolation)
			w.trouble(t, pcsc.Refused)
		})
	})
	t.Run("reader", func(t *testing.T) {
		emulate.Isolated(t, emulate.FixtureConfig{NoReaders: true}, func(t *testing.T, f *emulate.Fixture) {
			w := newWorld(t, extra{})
			v, r := w.json(t)
			none, _ := (&pcsc.Error{Trouble: pcsc.NoReader}).Text("en")
			held, _ := (&pcsc.Error{Trouble: pcsc.KernelHolds}).Text("en") // where this machine has such a driver loaded
			if !readNothing(v) || !strings.Contains(r.stderr, none) && !strings.Contains(r.stderr, held) || strings.Count(r.stderr, "hint: ") != 1 {
				t.Errorf("%s", r)
			}
		})
	})
	t.Run("virtual", func(t *testing.T) {
		emulate.Isolated(t, emulate.FixtureConfig{}, func(t *testing.T, f *emulate.Fixture) {
			w := newWorld(t, extra{})
			f.Insert(t, 0, chip(w.card(t, guidValid, nil)))
			w.trouble(t, pcsc.ReaderVirtual)
			if v, r := w.json(t, "--allow-virtual-reader"); v.Code != "ok" {
				t.Errorf("allowed\n%s", r)
			}
			// Virtual readers are skipped, not chosen by name either.
			w.trouble(t, pcsc.ReaderVirtual, "--reader", f.Reader(0))
		})
	})
}

// TestCardsReaders: readers that are busy, several, named, lost and back, and a user who has had enough.
func TestCardsReaders(t *testing.T) {
	t.Parallel()
	programs(t)
	emulate.Isolated(t, emulate.FixtureConfig{Reader: desk}, func(t *testing.T, f *emulate.Fixture) {
		w := newWorld(t, extra{})
		good, gone := chip(w.card(t, guidValid, nil)), chip(w.card(t, guidDismissed, nil))
		state := []string{"--lang", "en", "--state", w.state, "card"}
		verify := func(args ...string) *running { return start(t, w.state, "posvid-verify", append(state, args...)...) }

		noCard, _ := (&pcsc.Error{Trouble: pcsc.NoCard}).Text("en")

		w.trouble(t, pcsc.NoCard)
		w.trouble(t, pcsc.ReaderUnknown, "--reader", "no such reader")

		// A card that is waited for, and one that never comes.
		waiting := verify("--wait", "--json")
		waiting.hears(noCard)
		plug := f.Insert(t, 0, good)
		if v := parse(t, waiting.ends(longest)); v.Code != "ok" {
			t.Errorf("waited for: %+v", v)
		}
		f.Remove(t, 0, plug)
		if v, r := w.json(t, "--wait", "--timeout", "1500ms"); !readNothing(v) || r.took > 5*time.Second {
			t.Errorf("waited for in vain\n%s", r)
		}

		// Two readers: one card on either, then cards on both.
		plug = f.Insert(t, 1, gone)
		if v, r := w.json(t); v.Code != "revoked" {
			t.Errorf("on the second reader\n%s", r)
		}
		other := f.Insert(t, 0, good)
		w.trouble(t, pcsc.SeveralCards)
		for slot, want := range []string{"ok", "revoked"} {
			if v, r := w.json(t, "--reader", f.Reader(slot)); v.Code != want {
				t.Errorf("reader %d named\n%s", slot, r)
			}
		}
		w.trouble(t, pcsc.ReaderUnknown, "--reader", desk) // both have that in their name
		f.Remove(t, 1, plug)

		// Another program has the reader for itself.
		hold := func(exclusive bool) (release func()) {
			held, free, over := make(chan struct{}), make(chan struct{}), make(chan error, 1)
			go func() {
				client := pcsc.New(pcsc.Options{Exclusive: exclusive, Card: time.Minute})
				over <- client.Read(context.Background(), f.Reader(0), func(context.Context, nfc.Card) error {
					close(held)
					<-free
					return nil
				})
			}()
			select {
			case <-held:
			case err := <-over:
				t.Fatalf("the other program: %v", err)
			}
			return func() {
				close(free)
				if err := <-over; err != nil {
					t.Errorf("the other program: %v", err)
				}
			}
		}
		for _, exclusive := range []bool{true, false} {
			release := hold(exclusive)
			w.trouble(t, pcsc.ReaderBusy)
			if exclusive {
				beside := f.Insert(t, 1, gone)
				if v, r := w.json(t); v.Code != "revoked" {
					t.Errorf("a card on the reader beside the busy one\n%s", r)
				}
				f.Remove(t, 1, beside)
			}
			soon := verify("--json")
			time.Sleep(time.Second)
			release()
			if v := parse(t, soon.ends(longest)); v.Code != "ok" {
				t.Errorf("free after a second (exclusive: %v): %s", exclusive, v.Code)
			}
		}
		f.Remove(t, 0, other)

		// The service dies while the card is read, comes back, and a program that waits has not given up.
		plug = f.Insert(t, 0, emulate.NewScript(good).At(4, func(ctx context.Context, _ []byte, _ emulate.Device) ([]byte, error) {
			f.KillDaemon()
			<-ctx.Done()
			return nil, ctx.Err()
		}))
		v, r := w.json(t)
		if !readNothing(v) || v.Holder != nil || strings.Count(r.stderr, "hint: ") != 1 {
			t.Errorf("the service died\n%s", r)
		}
		_ = plug.Remove() // its line is broken with the service
		f.StartDaemon()
		waiting = verify("--wait", "--json")
		waiting.hears(noCard)
		f.KillDaemon()
		cause, _ := (&pcsc.Error{Trouble: pcsc.NoService}).Text("en")
		waiting.hears(cause)
		f.StartDaemon()
		plug = f.Insert(t, 0, good)
		if v := parse(t, waiting.ends(longest)); v.Code != "ok" {
			t.Errorf("the service came back: %s", v.Code)
		}
		f.Remove(t, 0, plug)

		// Interrupted while it waits, while a card stalls, and while another program has the reader.
		interrupt := func(what string, r *running) {
			t.Helper()
			if err := r.command.Process.Signal(syscall.SIGINT); err != nil {
				t.Fatal(err)
			}
			ended := r.ends(longest)
			// Within a second, and what a busy machine needs to end a process.
			if v := parse(t, ended); !readNothing(v) || v.Holder != nil || ended.took > 2*time.Second {
				t.Errorf("interrupted %s\n%s", what, ended)
			}
			t.Logf("interrupted %s: ended after %s", what, ended.took.Round(time.Millisecond))
		}
		waiting = verify("--wait", "--json")
		waiting.hears(noCard)
		interrupt("while it waits", waiting)
		stalled := make(chan struct{})
		plug = f.Insert(t, 0, emulate.NewScript(good).At(5, func(ctx context.Context, _ []byte, _ emulate.Device) ([]byte, error) {
			close(stalled)
			<-ctx.Done()
			return nil, ctx.Err()
		}).Once())
		waiting = verify("--json")
		<-stalled
		interrupt("while a card stalls", waiting)
		f.Remove(t, 0, plug)
		plug = f.Insert(t, 0, good)
		release := hold(true)
		waiting = verify("--json")
		time.Sleep(500 * time.Millisecond)
		interrupt("while the reader is busy", waiting)
		release()
		f.Remove(t, 0, plug)
	})
}
