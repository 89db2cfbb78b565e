package pcsc

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Times and counts. Those of a card are in package nfc.
const (
	busyFor     = 3 * time.Second        // how long a reader that another program holds is tried
	busyEvery   = 100 * time.Millisecond // between two tries
	callTime    = 2 * time.Second        // for a call about readers that should come back at once
	againTime   = 100 * time.Millisecond // before a refusal of the service is believed
	closeTime   = time.Second            // for ending a read; a longer end is left behind
	removeTime  = 600 * time.Millisecond // a service notices within it that a card is gone
	pollTime    = time.Second            // one look at the readers while waiting
	lookTime    = 200 * time.Millisecond // for a look at readers that were not looked at before
	shortest    = 50 * time.Millisecond  // two looks at the readers are never closer together
	backOffMost = 2 * time.Second        // between two tries to reach a service that went away
	maxResets   = 2                      // times a read begins again after another program reset the card
	maxLeft     = 8                      // calls left behind that have not come back; more means that the service hangs
)

// Options says which readers count. The zero value takes every reader that is not virtual.
type Options struct {
	Reader       string        // its name, or a part that only one reader's name has; empty: any
	Allow        []string      // names of the readers allowed at all, without the numbers at their end; empty: all
	AllowVirtual bool          // take virtual readers too: behind them is a program, so this is for tests only
	Contactless  []string      // names of contactless readers whose name does not say so
	Exclusive    bool          // keep other programs off the card, for writing
	Extended     bool          // use the extended form of commands: many contactless readers fail at it
	Command      time.Duration // for one command; 0: nfc.CommandDeadline
	Card         time.Duration // for a whole read, from the first command; 0: nfc.CardDeadline
}

// Reader is one reader as it is now.
type Reader struct {
	Name        string
	Virtual     bool   // a program plays the card
	Allowed     bool   // the options let it be used
	Present     bool   // a card lies on it
	Mute        bool   // and does not answer
	Busy        bool   // another program holds it for itself
	InUse       bool   // another program uses it
	Contactless bool   // its name, the options and the card's ATR say that it reads contactless cards
	ATR         []byte // of the card; tells nothing about its kind on contactless readers
	events      uint32 // how often a card came or went, as the service counts
}

// Client reads cards. It remembers which readers carry only short frames. It is safe for parallel use; in one process
// reads follow each other.
type Client struct {
	system  system
	options Options
	left    atomic.Int32 // calls left behind that have not come back
	mu      sync.Mutex
	narrow  map[string]bool   // readers that lose long frames
	stalled map[string]int    // commands left behind on a reader that have not come back
	events  map[string]uint32 // of each reader when its card was last chosen
	modules func() string     // the list of loaded kernel modules
}

// New gives a client. It reaches no reader yet.
func New(options Options) *Client {
	return &Client{system: host, options: options, narrow: map[string]bool{}, stalled: map[string]int{}, events: map[string]uint32{}, modules: func() string {
		data, err := os.ReadFile("/proc/modules")
		if err != nil {
			return "" // not Linux, or not shown to this user: then there is nothing to say about modules
		}
		return string(data)
	}}
}

// What became of a call that did not come back in time. They never leave this package by themselves.
var (
	errLeft  = errors.New("the call did not come back")
	errHangs = errors.New("too many calls have not come back")
)

// call runs fn, which may block, for at most the time d. When it does not come back by then, or until ctx ends, it is left
// behind with errLeft, and late gets its result whenever that comes. Every other error means that no call is under way:
// that of fn, that of a ctx which had ended before, or errHangs.
func call[T any](ctx context.Context, c *Client, d time.Duration, fn func() (T, error), late func(T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	var none T
	if err := ctx.Err(); err != nil {
		return none, err
	}
	if c.left.Load() >= maxLeft {
		return none, errHangs
	}
	limited, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	done := make(chan result)
	gone := make(chan struct{})
	go func() {
		value, err := fn()
		select {
		case done <- result{value, err}:
		case <-gone:
			if late != nil {
				late(value, err)
			}
			c.left.Add(-1)
		}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-limited.Done():
		c.left.Add(1)
		close(gone)
		return none, errLeft
	}
}

// channel is a connection to the service. While a call is left behind in it nothing else may be called: libraries keep a
// lock over such a call, and with it would stop every other connection of the program.
type channel struct {
	connection
	left bool // a call was left behind, which releases the connection when it comes back
}

// establish connects to the service.
func (c *Client) establish(ctx context.Context) (*channel, error) {
	try := func() (connection, error) {
		return call(ctx, c, callTime, c.system.establish, func(conn connection, err error) {
			if err == nil {
				_ = conn.release()
			}
		})
	}
	conn, err := try()
	if code, _ := codeOf(err); code == codeSecurity && sleep(ctx, againTime) == nil {
		// A service that closes the connection refuses this user, or is just ending.
		conn, err = try()
	}
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, serviceTrouble(err)
	}
	return &channel{connection: conn}, nil
}

// release ends a connection, unless a call is left behind in it.
func (c *Client) release(conn *channel) {
	if conn.left {
		return
	}
	_, _ = call(context.Background(), c, closeTime, func() (struct{}, error) { return struct{}{}, conn.connection.release() }, nil)
}

// list names the readers.
func (c *Client) list(ctx context.Context, conn *channel) ([]string, error) {
	names, err := call(ctx, c, callTime, conn.readers, func([]string, error) { _ = conn.connection.release() })
	conn.left = errors.Is(err, errLeft)
	if code, ok := codeOf(err); ok && code == codeNoReaders {
		return nil, nil
	}
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, serviceTrouble(err)
	}
	names = slices.DeleteFunc(names, func(n string) bool { return n == "" || strings.HasPrefix(n, `\\?PnP`) })
	return names, nil
}

// state asks for the state of readers, and waits at most d for one that differs from current.
func (c *Client) state(ctx context.Context, conn *channel, states []readerState, d time.Duration) ([]readerState, error) {
	changed, err := call(ctx, c, d+callTime, func() ([]readerState, error) {
		copied := slices.Clone(states) // the call may be left behind
		return copied, conn.statusChange(copied, d)
	}, func([]readerState, error) { _ = conn.connection.release() })
	if errors.Is(err, errLeft) {
		conn.left = true
		// The one call that may be made beside another: it brings the other one back.
		_, _ = call(context.Background(), c, closeTime, func() (struct{}, error) { return struct{}{}, conn.cancel() }, nil)
	}
	return changed, err
}

// Readers lists all readers with what lies on them. It waits for nothing. No reader is [NoReader] or [KernelHolds].
func (c *Client) Readers(ctx context.Context) ([]Reader, error) {
	conn, err := c.establish(ctx)
	if err != nil {
		return nil, err
	}
	defer c.release(conn)
	return c.look(ctx, conn)
}

// look lists all readers once.
func (c *Client) look(ctx context.Context, conn *channel) ([]Reader, error) {
	names, err := c.list(ctx, conn)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, c.noReader()
	}
	states := make([]readerState, len(names))
	for i, n := range names {
		states[i].name = n
	}
	states, err = c.state(ctx, conn, states, lookTime)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if code, ok := codeOf(err); ok && code == codeUnknownReader {
			return nil, trouble(ReaderLost, "", err, "a reader went away while it was looked at")
		}
		return nil, serviceTrouble(err)
	}
	readers := make([]Reader, len(states))
	for i, s := range states {
		readers[i] = c.describe(s)
	}
	return readers, nil
}

// noReader tells a missing reader from one that the kernel took away.
func (c *Client) noReader() error {
	for line := range strings.Lines(c.modules()) {
		name, _, _ := strings.Cut(line, " ")
		if strings.HasPrefix(name, "pn533") {
			return trouble(KernelHolds, "", nil, "no reader, and the kernel module %s is loaded", name)
		}
	}
	return trouble(NoReader, "", nil, "no reader")
}

// describe reads a state.
func (c *Client) describe(s readerState) Reader {
	r := Reader{Name: s.name, Virtual: virtual(s.name), ATR: s.atr, events: s.event >> 16}
	r.Present = s.event&statePresent != 0 && s.event&(stateUnknown|stateUnavailable) == 0
	r.Mute = r.Present && s.event&stateMute != 0
	r.Busy = s.event&stateExclusive != 0
	r.InUse = r.Busy || s.event&stateInUse != 0
	r.Allowed = (c.options.AllowVirtual || !r.Virtual) && (len(c.options.Allow) == 0 || named(c.options.Allow, s.name))
	r.Contactless = (saysContactless(s.name) || named(c.options.Contactless, s.name)) && contactlessATR(s.atr)
	return r
}

// virtual reports whether a reader's name is that of a program that plays a card: the virtual readers of vsmartcard (which
// listen on the network) and of operating systems.
func virtual(name string) bool {
	name = strings.ToLower(name)
	for _, word := range []string{"virtual", "vpcd", "vpicc", "vicc", "simulat", "emulat"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}

// saysContactless reports whether a reader's name says that it reads contactless cards.
func saysContactless(name string) bool {
	name = strings.ToLower(name)
	for _, word := range []string{"picc", "contactless", "nfc", "rfid", "acr122", "-cl "} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}

// contactlessATR reports whether an ATR is of the form that readers make up for contactless cards: 3B 8n 80 01
// (PC/SC Part 3, Section 3.1.3.2.3).
func contactlessATR(atr []byte) bool {
	return len(atr) >= 5 && atr[0] == 0x3B && atr[1]&0xF0 == 0x80 && atr[2] == 0x80 && atr[3] == 0x01
}

// named reports whether a list has a reader: under its whole name, or without the numbers of the slot that the service adds.
func named(list []string, name string) bool {
	return slices.Contains(list, name) || slices.Contains(list, plain(name))
}

// plain takes the two numbers of device and slot off a reader's name ("ACS ACR122U PICC Interface 00 00").
func plain(name string) string {
	if n := len(name) - 6; n > 0 && name[n] == ' ' && name[n+3] == ' ' && isHex(name[n+1:n+3]) && isHex(name[n+4:]) {
		return name[:n]
	}
	return name
}

func isHex(s string) bool {
	return strings.Trim(s, "0123456789ABCDEFabcdef") == ""
}

// usable gives the readers that the options let be used; a *Error says why there is none.
func (c *Client) usable(readers []Reader) ([]Reader, error) {
	var named, allowed []Reader
	for _, r := range readers {
		if c.options.Reader == "" || r.Name == c.options.Reader || plain(r.Name) == c.options.Reader {
			named = append(named, r)
		}
	}
	if c.options.Reader != "" && len(named) == 0 {
		for _, r := range readers {
			if strings.Contains(strings.ToLower(r.Name), strings.ToLower(c.options.Reader)) {
				named = append(named, r)
			}
		}
	}
	if c.options.Reader != "" && len(named) != 1 {
		return nil, trouble(ReaderUnknown, c.options.Reader, nil, "%d of %d readers have this name, want one", len(named), len(readers))
	}
	refused := Reader{}
	for _, r := range named {
		if r.Allowed {
			allowed = append(allowed, r)
		} else {
			refused = r
		}
	}
	switch {
	case len(allowed) > 0:
		return allowed, nil
	case refused.Virtual && !c.options.AllowVirtual:
		return nil, trouble(ReaderVirtual, refused.Name, nil, "virtual readers are refused")
	}
	return nil, trouble(ReaderNotAllowed, refused.Name, nil, "not on the list of %d allowed readers", len(c.options.Allow))
}

// choose gives the one reader with a card to read. Readers that another program holds for itself count only when there
// is no other. A *Error says what is missing.
func (c *Client) choose(readers []Reader) (Reader, error) {
	readers, err := c.usable(readers)
	if err != nil {
		return Reader{}, err
	}
	var free, busy, mute []Reader
	for _, r := range readers {
		switch {
		case !r.Present:
		case r.Busy:
			busy = append(busy, r)
		case r.Mute:
			mute = append(mute, r)
		default:
			free = append(free, r)
		}
	}
	switch {
	case len(free) == 1:
		return free[0], nil
	case len(free) > 1:
		return Reader{}, trouble(SeveralCards, "", nil, "cards lie on %d readers", len(free))
	case len(busy) > 0:
		return busy[0], nil
	case len(mute) > 0:
		return Reader{}, trouble(CardMute, mute[0].Name, nil, "card does not answer the reader")
	}
	return Reader{}, trouble(NoCard, "", nil, "no card on %d readers", len(readers))
}

// Present gives the reader on which a card lies now.
func (c *Client) Present(ctx context.Context) (Reader, error) {
	readers, err := c.Readers(ctx)
	if err != nil {
		return Reader{}, err
	}
	return c.take(readers)
}

// take chooses a reader and remembers which card it was.
func (c *Client) take(readers []Reader) (Reader, error) {
	r, err := c.choose(readers)
	if err == nil {
		c.mu.Lock()
		c.events[r.Name] = r.events
		c.mu.Unlock()
	}
	return r, err
}

// Wait waits until a card lies on a reader and gives that reader. Readers may come and go, and so may the service.
// Notify, when not nil, is told what is waited for each time that it changes: the *Error that [Client.Present] would
// give. What waiting cannot mend ends it: NotBuilt, Refused, and a service that was never there. It ends within a
// second of ctx.
func (c *Client) Wait(ctx context.Context, notify func(*Error)) (Reader, error) {
	var found Reader
	err := c.watch(ctx, notify, func(readers []Reader) error {
		var err error
		found, err = c.take(readers)
		return err
	})
	return found, err
}

// WaitRemoved waits until the card that [Client.Present] or [Client.Wait] last gave on a reader is gone: none lies there, another one
// does, or the reader is gone.
func (c *Client) WaitRemoved(ctx context.Context, reader string) error {
	c.mu.Lock()
	events, known := c.events[reader]
	c.mu.Unlock()
	return c.watch(ctx, nil, func(readers []Reader) error {
		for _, r := range readers {
			if r.Name != reader || !r.Present {
				continue
			}
			if !known {
				events, known = r.events, true
			}
			if r.events == events {
				return trouble(ReaderBusy, reader, nil, "the card still lies there")
			}
		}
		return nil
	})
}

// watch looks at the readers until decide gives nil for them, each time that something changes.
func (c *Client) watch(ctx context.Context, notify func(*Error), decide func([]Reader) error) error {
	var told Trouble
	var toldReader string
	tell := func(err error) {
		var e *Error
		if errors.As(err, &e) && notify != nil && (e.Trouble != told || e.Reader != toldReader) {
			told, toldReader = e.Trouble, e.Reader
			notify(e)
		}
	}
	reached := false
	pause := shortest
	for {
		err := c.watchOnce(ctx, tell, decide, &reached)
		if err == nil || ctx.Err() != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return nil
		}
		if errors.Is(err, NotBuilt) || errors.Is(err, Refused) || !reached {
			return err
		}
		tell(err)
		if err := sleep(ctx, pause); err != nil {
			return err
		}
		pause = min(2*pause, backOffMost)
	}
}

// watchOnce watches over one connection, until decide gives nil or the connection fails.
func (c *Client) watchOnce(ctx context.Context, tell func(error), decide func([]Reader) error, reached *bool) error {
	conn, err := c.establish(ctx)
	if err != nil {
		return err
	}
	defer c.release(conn)
	known := map[string]uint32{} // state that each reader had, its counter included
	withPnP, pnp := true, uint32(stateUnaware)
	for {
		gate := time.After(shortest)
		names, err := c.list(ctx, conn)
		if err != nil {
			return err
		}
		*reached = true
		states := make([]readerState, 0, len(names)+1)
		for _, n := range names {
			states = append(states, readerState{name: n, current: known[n]})
		}
		if withPnP {
			states = append(states, readerState{name: pnpReader, current: pnp})
		}
		fresh := len(known) == 0 || len(known) != len(names)
		wait := pollTime
		if fresh {
			wait = lookTime // readers that were never looked at answer at once
		}
		var readers []Reader
		err = Code(codeTimeout)
		if len(states) > 0 {
			states, err = c.state(ctx, conn, states, wait)
		}
		code, isCode := codeOf(err)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil:
			known = map[string]uint32{}
			for _, s := range states {
				if s.name == pnpReader {
					pnp = s.event &^ stateChanged
					continue
				}
				known[s.name] = s.event &^ stateChanged
				readers = append(readers, c.describe(s))
			}
		case isCode && code == codeTimeout && fresh && len(names) > 0:
			known = map[string]uint32{}
		case isCode && (code == codeTimeout || code == codeCancelled):
		case isCode && code == codeUnknownReader:
			// A reader went away in between, or this service has no name for "readers come and go".
			withPnP, known = false, map[string]uint32{}
		default:
			return serviceTrouble(err)
		}
		switch {
		case len(names) == 0:
			known = map[string]uint32{}
			if err := decide(nil); err == nil {
				return nil
			}
			tell(c.noReader())
		case readers != nil:
			err := decide(readers)
			if err == nil {
				return nil
			}
			tell(err)
		}
		if !withPnP {
			// Nothing wakes this loop when a reader comes.
			gate = time.After(pollTime / 2)
		}
		select {
		case <-gate:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// sleep waits, or gives the error of ctx as soon as it ends.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
