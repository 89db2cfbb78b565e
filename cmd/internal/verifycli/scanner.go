package verifycli

import (
	"bufio"
	"context"
	"io"
	"os"
	"time"

	"golang.org/x/term"

	"github.com/posvid/posvid/qr/source"
)

const (
	// scanPause ends a text that no Enter follows. It is longer than between the keys of any scanner: a terminal far away
	// delivers in lumps, and half a code would be refused as a damaged one.
	scanPause = 600 * time.Millisecond
	scanTick  = 50 * time.Millisecond // between looks whether the pause is over
)

// scanTerminal reads one text of a hand scanner when a person sits at the terminal; ok is false when stdin is no terminal.
func (p *Program) scanTerminal() (r reading, ok bool) {
	env := p.Env
	in, isFile := env.Stdin.(*os.File)
	if !isFile || !env.Interactive() {
		return reading{}, false
	}
	// Keys as they come: a terminal that waits for the end of a line knows no pause, and keeps 4,095 bytes of one.
	before, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return reading{}, false
	}
	defer func() { _ = term.Restore(int(in.Fd()), before) }()
	env.Say("зчитайте код ручним сканером (Ctrl-C: не зчитувати)\r", "read the code with the hand scanner (Ctrl-C: do not)\r")
	return p.scan(in), true
}

// scan puts the keys of a hand scanner together to one text.
func (p *Program) scan(keys io.Reader) reading {
	const end, interrupt = '\x04', '\x03' // Ctrl-D, Ctrl-C
	typed := make(chan rune)
	done := make(chan struct{})
	defer close(done)
	go func() {
		defer close(typed)
		in := bufio.NewReader(keys)
		for {
			r, _, err := in.ReadRune()
			if err != nil {
				return
			}
			select {
			case typed <- r:
			case <-done:
				return
			}
		}
	}()
	tick := time.NewTicker(scanTick)
	defer tick.Stop()
	wedge := source.Wedge{Gap: scanPause}
	for {
		var item source.Item
		var ok, last bool
		select {
		case r, more := <-typed:
			switch {
			case !more, r == end && wedge.Pending() == 0:
				item, ok = wedge.Enter(p.Env.Now())
				last = true
			case r == interrupt && wedge.Pending() == 0:
				return reading{source: "-", err: context.Canceled}
			case r == '\r', r == '\n':
				item, ok = wedge.Enter(p.Env.Now())
			default:
				item, ok = wedge.Key(r, p.Env.Now())
			}
		case <-tick.C:
			item, ok = wedge.Expire(p.Env.Now())
		}
		// A key or two are a person's and no scan.
		if ok && (item.Err != nil || len([]rune(item.Text)) >= source.MinScan) {
			return reading{source: "-", text: item.Text, err: item.Err, repaired: item.Repaired}
		}
		if last {
			return reading{source: "-", err: io.ErrUnexpectedEOF}
		}
	}
}
