package pcsc

import (
	"slices"
	"sync"
	"time"
)

// fakeSystem is a PC/SC service in memory. Its calls block as the real ones do.
type fakeSystem struct {
	mu          sync.Mutex
	changed     chan struct{} // closed and renewed with every change
	down        error         // of establish, and of every call of a connection made before
	hangs       chan struct{} // establish waits for it
	list        []*fakeReader
	noPnP       bool // the service does not know the name for "readers come and go"
	established int
	released    int
	looks       int // calls of statusChange
	resets      int // disconnects that reset the card
	leaves      int // disconnects that do not
}

// fakeReader is one reader of it.
type fakeReader struct {
	name    string
	flags   uint32
	events  uint32
	atr     []byte
	connect []error // of the next connects
	begin   []error // of the next transactions
	stuck   chan struct{}
	held    chan struct{} // begin waits for it
	card    func(apdu []byte) ([]byte, error)
	opened  int
	ended   int
}

func newFake(readers ...*fakeReader) *fakeSystem {
	return &fakeSystem{changed: make(chan struct{}), list: readers}
}

// client gives a client of the fake service.
func (f *fakeSystem) client(o Options) *Client {
	c := New(o)
	c.system = f
	c.modules = func() string { return "" }
	return c
}

// change alters the service under its lock and wakes who waits.
func (f *fakeSystem) change(edit func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	edit()
	close(f.changed)
	f.changed = make(chan struct{})
}

// lay puts a card on a reader, take removes it.
func (f *fakeSystem) lay(r *fakeReader, card func([]byte) ([]byte, error)) {
	f.change(func() { r.flags, r.card, r.events = statePresent, card, r.events+1 })
}

func (f *fakeSystem) take(r *fakeReader) {
	f.change(func() { r.flags, r.card, r.events = 0x10, nil, r.events+1 })
}

func (f *fakeSystem) establish() (connection, error) {
	f.mu.Lock()
	hangs, down := f.hangs, f.down
	f.mu.Unlock()
	if hangs != nil {
		<-hangs
	}
	if down != nil {
		return nil, down
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.established++
	return &fakeConnection{f: f, cancelled: make(chan struct{}, 1)}, nil
}

type fakeConnection struct {
	f         *fakeSystem
	cancelled chan struct{}
}

func (c *fakeConnection) readers() ([]string, error) {
	c.f.mu.Lock()
	defer c.f.mu.Unlock()
	if c.f.down != nil {
		return nil, c.f.down
	}
	if len(c.f.list) == 0 {
		return nil, codeNoReaders
	}
	var names []string
	for _, r := range c.f.list {
		names = append(names, r.name)
	}
	return names, nil
}

func (c *fakeConnection) statusChange(states []readerState, timeout time.Duration) error {
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	c.f.mu.Lock()
	c.f.looks++
	readersAtFirst := len(c.f.list)
	c.f.mu.Unlock()
	for {
		c.f.mu.Lock()
		wait := c.f.changed
		if c.f.down != nil {
			c.f.mu.Unlock()
			return c.f.down
		}
		differs := false
		for i := range states {
			if states[i].name == pnpReader {
				if c.f.noPnP {
					c.f.mu.Unlock()
					return codeUnknownReader
				}
				if len(c.f.list) != readersAtFirst {
					differs, states[i].event = true, stateChanged
				}
				continue
			}
			at := slices.IndexFunc(c.f.list, func(r *fakeReader) bool { return r.name == states[i].name })
			if at < 0 {
				c.f.mu.Unlock()
				return codeUnknownReader
			}
			r := c.f.list[at]
			now := r.flags | r.events<<16
			states[i].atr = r.atr
			if now != states[i].current {
				differs, now = true, now|stateChanged
			}
			states[i].event = now
		}
		c.f.mu.Unlock()
		if differs {
			return nil
		}
		select {
		case <-wait:
		case <-c.cancelled:
			return codeCancelled
		case <-timer.C:
			return codeTimeout
		}
	}
}

func (c *fakeConnection) cancel() error {
	select {
	case c.cancelled <- struct{}{}:
	default:
	}
	return nil
}

func (c *fakeConnection) release() error {
	c.f.mu.Lock()
	defer c.f.mu.Unlock()
	c.f.released++
	return nil
}

// next takes the first of a list of errors.
func next(list *[]error) error {
	if len(*list) == 0 {
		return nil
	}
	err := (*list)[0]
	*list = (*list)[1:]
	return err
}

func (c *fakeConnection) connect(reader string, _ bool) (link, error) {
	c.f.mu.Lock()
	if c.f.down != nil {
		defer c.f.mu.Unlock()
		return nil, c.f.down
	}
	at := slices.IndexFunc(c.f.list, func(r *fakeReader) bool { return r.name == reader })
	if at < 0 {
		defer c.f.mu.Unlock()
		return nil, codeUnknownReader
	}
	r := c.f.list[at]
	stuck, err, present := r.stuck, next(&r.connect), r.flags&statePresent != 0
	c.f.mu.Unlock()
	if stuck != nil {
		<-stuck
	}
	if err != nil {
		return nil, err
	}
	if !present {
		return nil, codeNoCard
	}
	return &fakeLink{f: c.f, r: r}, nil
}

type fakeLink struct {
	f *fakeSystem
	r *fakeReader
}

func (l *fakeLink) begin() error {
	l.f.mu.Lock()
	held, err := l.r.held, next(&l.r.begin)
	l.f.mu.Unlock()
	if held != nil {
		<-held
	}
	if err == nil {
		l.f.mu.Lock()
		l.r.opened++
		l.f.mu.Unlock()
	}
	return err
}

func (l *fakeLink) transmit(apdu []byte) ([]byte, error) {
	l.f.mu.Lock()
	card, down := l.r.card, l.f.down
	l.f.mu.Unlock()
	if down != nil {
		return nil, down
	}
	if card == nil {
		return nil, codeRemoved
	}
	return card(apdu)
}

func (l *fakeLink) end() error {
	l.f.mu.Lock()
	defer l.f.mu.Unlock()
	l.r.ended++
	return nil
}

func (l *fakeLink) disconnect(reset bool) error {
	l.f.mu.Lock()
	defer l.f.mu.Unlock()
	if reset {
		l.f.resets++
	} else {
		l.f.leaves++
	}
	return nil
}

// ok answers every command with 9000.
func ok([]byte) ([]byte, error) { return []byte{0x90, 0x00}, nil }
