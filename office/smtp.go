package office

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/netip"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// Bounds of the gate.
const (
	gateConnections = 128                    // at once
	gatePerSource   = 16                     // of one IPv4 address or IPv6 /64
	gateTries       = 3                      // of a password on one connection
	gateMemory      = 256 << 20              // bytes of messages that are being read, of all connections together
	gateSender      = 2 * MaxMessage         // and of one post, so that nobody fills all of it
	gateSigners     = 2                      // messages made and signed at once
	gateIdle        = 60 * time.Second       // between commands
	gateData        = 5 * time.Minute        // for a message to come
	gateLogin       = 2 * time.Minute        // to log in
	gateWhole       = 30 * time.Minute       // of a connection after that, whatever happens
	gateAnswer      = 200 * time.Millisecond // for the answer to a message to go out before a stop
	gateLine        = 2048                   // bytes of a line
)

// GateConfig is what the submission server is made of.
type GateConfig struct {
	Domain string      // name of this server, as it greets
	TLS    *tls.Config // must be given: passwords never go in clear
}

// GateJoin is what the gate asks others about.
type GateJoin struct {
	Mail *Mail
	// Login knows a person by an app password for mail. source is where the connection comes from, for counting tries.
	// Every error refuses alike.
	Login func(ctx context.Context, user, password string, source netip.Addr) (GateLogin, error)
	Now   func() time.Time
	Count func(answer string) // optional: counts a message by its answer, a headerWord of a fixed set
	Fault func(err error)     // optional: hears of faults inside
}

// GateLogin is who has logged in, and by what.
type GateLogin struct {
	Seat Seat
	// Live tells whether the password that it was is still in use: MailLogin when it was ended since. It is asked at MAIL and when
	// the text has come, as a session goes on for half an hour.
	Live func(ctx context.Context) error
}

// Gate is the submission server (RFC 6409): SMTP with STARTTLS, or TLS from the first byte (RFC 8314).
type Gate struct {
	join   GateJoin
	server *smtp.Server
	config *tls.Config

	signing chan struct{}
	mu      sync.Mutex
	memory  int64                // bytes of messages that are being read
	held    map[Seat]int64       // of them by sender
	from    map[netip.Prefix]int // connections by source
	open    map[*gateConn]bool
}

// NewGate makes a gate that knows nobody until it is joined.
func NewGate(c GateConfig) (*Gate, error) {
	if c.TLS == nil || c.Domain == "" {
		return nil, errors.New("office: mail: the gate wants a name and a certificate")
	}
	g := &Gate{config: c.TLS, signing: make(chan struct{}, gateSigners), held: map[Seat]int64{}, from: map[netip.Prefix]int{}, open: map[*gateConn]bool{}}
	s := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		return &gateSession{gate: g, conn: c, source: addrOf(c.Conn().RemoteAddr())}, nil
	}))
	s.Domain, s.TLSConfig, s.MaxRecipients, s.MaxMessageBytes, s.MaxLineLength = c.Domain, c.TLS, MaxRecipients, MaxMessage, gateLine
	s.ReadTimeout, s.WriteTimeout = gateIdle, gateIdle
	s.ErrorLog = log.New(io.Discard, "", 0) // its lines name addresses of people
	g.server = s
	return g, nil
}

// Join gives the gate those it asks; it is called once, before Serve.
func (g *Gate) Join(j GateJoin) error {
	if j.Mail == nil || j.Login == nil || j.Now == nil {
		return errors.New("office: mail: the gate wants mail, log-in and a clock")
	}
	if j.Count == nil {
		j.Count = func(string) {}
	}
	if j.Fault == nil {
		j.Fault = func(error) {}
	}
	g.join = j
	return nil
}

// Serve answers on a listener that begins in clear and takes STARTTLS. It ends when the gate is shut down.
func (g *Gate) Serve(l net.Listener) error {
	return g.server.Serve(&gateListener{Listener: l, gate: g})
}

// ServeTLS answers on a listener that begins with TLS.
func (g *Gate) ServeTLS(l net.Listener) error {
	return g.server.Serve(tls.NewListener(&gateListener{Listener: l, gate: g}, g.config))
}

// Shutdown takes no more connections, ends those that bring no message, and lets the others finish until ctx ends; then it cuts them.
func (g *Gate) Shutdown(ctx context.Context) error {
	done := make(chan error, 1)
	go func() { done <- g.server.Shutdown(ctx) }()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			g.cut(func(*gateConn) bool { return true })
			if errors.Is(err, smtp.ErrServerClosed) {
				return nil
			}
			return err
		case now := <-tick.C: // after a message there is time for its answer to go out
			g.cut(func(c *gateConn) bool { return c.busy.Load() == 0 && now.UnixNano()-c.last.Load() > int64(gateAnswer) })
		}
	}
}

// cut closes connections.
func (g *Gate) cut(which func(*gateConn) bool) {
	g.mu.Lock()
	var list []*gateConn
	for c := range g.open {
		if which(c) {
			list = append(list, c)
		}
	}
	g.mu.Unlock()
	for _, c := range list {
		c.Close()
	}
}

// gateListener bounds connections: of all and of one source.
type gateListener struct {
	net.Listener
	gate *Gate
}

// Accept implements net.Listener.
func (l *gateListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		source, g := sourceOf(c.RemoteAddr()), l.gate
		g.mu.Lock()
		full := len(g.open) >= gateConnections || g.from[source] >= gatePerSource
		conn := &gateConn{Conn: c}
		if !full {
			conn.done = sync.OnceFunc(func() {
				g.mu.Lock()
				defer g.mu.Unlock()
				conn.end.Stop()
				delete(g.open, conn)
				if g.from[source]--; g.from[source] <= 0 {
					delete(g.from, source)
				}
			})
			conn.end = time.AfterFunc(gateLogin, func() { conn.Close() })
			g.open[conn] = true
			g.from[source]++
		}
		g.mu.Unlock()
		if full {
			c.SetWriteDeadline(time.Now().Add(time.Second))
			io.WriteString(c, "421 4.3.2 too many connections, try again later\r\n")
			c.Close()
			continue
		}
		return conn, nil
	}
}

type gateConn struct {
	net.Conn
	end  *time.Timer
	done func()
	busy atomic.Int32 // messages that are coming in
	last atomic.Int64 // when one was last answered, ns
}

// Close implements net.Conn.
func (c *gateConn) Close() error {
	defer c.done()
	return c.Conn.Close()
}

// addrOf is the address that a connection comes from; the zero Addr when it has none.
func addrOf(a net.Addr) netip.Addr {
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap()
}

// sourceOf is its network: IPv4 or IPv6 /64.
func sourceOf(a net.Addr) netip.Prefix {
	ip := addrOf(a)
	bits := 64
	if ip.Is4() {
		bits = 32
	}
	p, _ := ip.Prefix(bits) // the zero Prefix for no address
	return p
}

// gateSession is one connection after its greeting; after STARTTLS there is a new one. The library may call Reset while Data runs.
type gateSession struct {
	gate   *Gate
	conn   *smtp.Conn
	source netip.Addr

	mu    sync.Mutex
	known bool
	login GateLogin
	tries int
	from  string
	to    []string
}

// reply is a refusal as the mail program gets it: its name, the cause, and where it is explained.
func (s *gateSession) reply(err error) error {
	if err == nil {
		return nil
	}
	var r *MailRefusal
	if !errors.As(err, &r) {
		s.gate.join.Fault(err)
		s.gate.join.Count("fault")
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "something broke in the gate, try again later [internal]"}
	}
	s.gate.join.Count(r.Code)
	text := strings.TrimSuffix(r.EN, ".")
	if r.detail != "" {
		text += " (" + r.detail + ")"
	}
	return &smtp.SMTPError{Code: r.SMTP, EnhancedCode: r.Enhanced, Message: text + ". " + r.NextEN + " [" + r.Code + "] " +
		s.gate.join.Mail.c.Origin + "/office/mail#" + r.Code}
}

// AuthMechanisms implements smtp.AuthSession.
func (s *gateSession) AuthMechanisms() []string { return []string{sasl.Plain, sasl.Login} }

// Auth implements smtp.AuthSession.
func (s *gateSession) Auth(mechanism string) (sasl.Server, error) {
	s.mu.Lock()
	s.tries++
	tries := s.tries
	s.mu.Unlock()
	if tries > gateTries {
		s.conn.Conn().Close()
		return nil, s.reply(MailLogin)
	}
	switch mechanism {
	case sasl.Plain:
		return sasl.NewPlainServer(func(identity, user, password string) error {
			if identity != "" && identity != user { // nobody acts for somebody else
				return s.reply(MailLogin)
			}
			return s.check(user, password)
		}), nil
	case sasl.Login:
		return &loginServer{check: s.check}, nil
	}
	return nil, smtp.ErrAuthUnknownMechanism
}

func (s *gateSession) check(user, password string) error {
	ctx, cancel := context.WithTimeout(context.Background(), gateIdle)
	defer cancel()
	who, err := s.gate.join.Login(ctx, user, password, s.source)
	if err != nil || who.Live == nil {
		return s.reply(MailLogin)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known, s.login = true, who
	if c := s.bare(); c != nil {
		c.end.Reset(gateWhole)
	}
	return nil
}

// loginServer is the LOGIN mechanism (draft-murchison-sasl-login), which Outlook uses.
type loginServer struct {
	check func(user, password string) error
	step  int
	user  string
}

// Next implements sasl.Server.
func (l *loginServer) Next(response []byte) (challenge []byte, done bool, err error) {
	if l.step == 0 && response == nil {
		l.step = 1
		return []byte("Username:"), false, nil
	}
	switch l.step {
	case 0, 1:
		l.user, l.step = string(response), 2
		return []byte("Password:"), false, nil
	case 2:
		l.step = 3
		return nil, true, l.check(l.user, string(response))
	}
	return nil, false, smtp.ErrAuthFailed
}

// Mail implements smtp.Session: the post's person and his service ID are looked at, at this moment.
func (s *gateSession) Mail(from string, _ *smtp.MailOptions) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.known {
		if _, ok := s.conn.TLSConnectionState(); !ok {
			return s.reply(MailTLS)
		}
		return s.reply(MailLogin.because("log in first"))
	}
	ctx, cancel := context.WithTimeout(context.Background(), gateIdle)
	defer cancel()
	if err := s.login.Live(ctx); err != nil {
		return s.reply(err)
	}
	if _, err := s.gate.join.Mail.MaySend(ctx, s.login.Seat, from); err != nil {
		return s.reply(err)
	}
	s.from, s.to = from, nil
	return nil
}

// Rcpt implements smtp.Session.
func (s *gateSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	if _, ok := mailAddress(to); !ok {
		return s.reply(MailAddress)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.to = append(s.to, to)
	return nil
}

// Data implements smtp.Session: a message is answered with success only when it lies in the queue, on the disk.
func (s *gateSession) Data(r io.Reader) (err error) {
	defer func() { // the library would say it to nobody
		if cause := recover(); cause != nil {
			err = s.reply(fmt.Errorf("office: mail: panic of %T at a message\n%s", cause, debug.Stack()))
		}
	}()
	s.mu.Lock()
	known, login, e := s.known, s.login, Envelope{From: s.from, To: s.to}
	s.mu.Unlock()
	if !known {
		return s.reply(MailLogin)
	}
	if c := s.bare(); c != nil {
		c.busy.Add(1)
		defer func() {
			c.last.Store(time.Now().UnixNano())
			c.busy.Add(-1)
		}()
	}
	conn := s.conn.Conn()
	conn.SetReadDeadline(time.Now().Add(gateData))
	late := time.AfterFunc(gateData, func() { conn.Close() }) // of chunks each has a deadline of its own
	raw, release, err := s.gate.read(login.Seat, r)
	late.Stop()
	defer release()
	if err != nil {
		return s.reply(err)
	}
	s.gate.signing <- struct{}{}
	defer func() { <-s.gate.signing }()
	ctx, cancel := context.WithTimeout(context.Background(), gateIdle)
	defer cancel()
	if err := login.Live(ctx); err != nil {
		return s.reply(err)
	}
	if _, err := s.gate.join.Mail.Submit(ctx, login.Seat, e, raw, s.gate.join.Now()); err != nil {
		return s.reply(err)
	}
	s.gate.join.Count("queued")
	return nil
}

// bare is the connection below TLS.
func (s *gateSession) bare() *gateConn {
	c := s.conn.Conn()
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	out, _ := c.(*gateConn)
	return out
}

// take counts bytes of a message of a post that is being read; false when they are too many.
func (g *Gate) take(seat Seat, n int64) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if n > 0 && (g.memory+n > gateMemory || g.held[seat]+n > gateSender) {
		return false
	}
	g.memory += n
	if g.held[seat] += n; g.held[seat] == 0 {
		delete(g.held, seat)
	}
	return true
}

// read reads a message of a post within the bounds of memory. release gives the memory back.
func (g *Gate) read(seat Seat, r io.Reader) (raw []byte, release func(), err error) {
	var held int64
	release = func() { g.take(seat, -held) }
	var b bytes.Buffer
	chunk := make([]byte, 64<<10)
	for {
		n, err := r.Read(chunk)
		if n > 0 {
			if !g.take(seat, int64(n)) {
				return nil, release, MailBusy
			}
			held += int64(n)
			if held > MaxMessage {
				return nil, release, MailTooLarge
			}
			b.Write(chunk[:n])
		}
		switch {
		case errors.Is(err, io.EOF):
			return b.Bytes(), release, nil
		case errors.Is(err, smtp.ErrDataTooLarge):
			return nil, release, MailTooLarge
		case errors.Is(err, smtp.ErrTooLongLine):
			return nil, release, MailMalformed.because("a line is too long")
		case err != nil:
			return nil, release, MailBusy.because("the message did not come whole")
		}
	}
}

// Reset implements smtp.Session.
func (s *gateSession) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.from, s.to = "", nil
}

// Logout implements smtp.Session.
func (s *gateSession) Logout() error { return nil }
