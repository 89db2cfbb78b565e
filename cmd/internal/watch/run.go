package watch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
)

// restart is the pause before a source that has panicked is started again.
const restart = 2 * time.Second

// Report is what is left when the screen has closed.
type Report struct {
	Accepted, Refused, Unconfirmed int
	Faults                         int
	Detail                         string // of the last fault, for stderr; nothing personal
}

// Run shows the screen on a terminal until the guard quits, and restores the terminal. The sources run beside it.
func Run(ctx context.Context, c Config, in io.Reader, out io.Writer) (r Report, err error) {
	m, err := New(c)
	if err != nil {
		return r, err
	}
	// The library writes every byte of the screen into the file that this variable names: names of people have no place there.
	os.Unsetenv("TEA_TRACE")
	ctx, stop := context.WithCancel(ctx)
	options := []tea.ProgramOption{tea.WithContext(ctx), tea.WithInput(in), tea.WithOutput(out), tea.WithFPS(30)}
	if c.NoColor {
		options = append(options, tea.WithColorProfile(colorprofile.ASCII))
	}
	program := tea.NewProgram(m, options...)
	var running sync.WaitGroup
	for _, s := range c.Sources {
		running.Go(func() { attend(ctx, s, func(item Item) { program.Send(itemMsg{s.Name, item}) }) })
	}
	_, err = program.Run()
	stop()
	running.Wait()
	if errors.Is(err, tea.ErrInterrupted) {
		err = nil
	}
	r = m.report()
	m.forget()
	return r, err
}

func (m *Model) report() Report {
	return Report{Refused: m.counts[0], Unconfirmed: m.counts[1], Accepted: m.counts[2], Faults: m.faults, Detail: m.detail}
}

// forget wipes what the screen still holds of people.
func (m *Model) forget() {
	m.drop()
	for _, c := range m.pending {
		c.wipe()
	}
	m.pending, m.inbox = nil, nil
	m.burst.reset(time.Time{})
	m.drawn = nil
}

// attend runs a source until the context ends, through its panics.
func attend(ctx context.Context, s Source, give func(Item)) {
	for ctx.Err() == nil {
		func() {
			defer func() {
				if r := recover(); r != nil {
					give(Item{Err: fmt.Errorf("watch: %s: %s", s.Name, detailOf(r))})
				}
			}()
			s.Run(ctx, give)
		}()
		select {
		case <-ctx.Done():
		case <-time.After(restart):
		}
	}
}
