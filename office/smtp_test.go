package office_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"github.com/posvid/posvid/office"
)

// gateWorld is a gate on a port of this machine.
type gateWorld struct {
	*mailWorld
	gate  *office.Gate
	plain string // address of STARTTLS
	tls   string // address of TLS from the first byte
	trust *tls.Config

	counted sync.Map // answers
	faults  sync.Map
}

// passwords of the gate in these tests.
var gatePasswords = map[string]office.Member{"olena:opona-dvi": olena, "taras:rika-try": taras}

func newGateWorld(t testing.TB) *gateWorld {
	t.Helper()
	g := &gateWorld{mailWorld: newMailWorld(t)}
	certificate, pool := localCertificate(t)
	g.trust = &tls.Config{RootCAs: pool, ServerName: "localhost"}
	var err error
	if g.gate, err = office.NewGate(office.GateConfig{Domain: "gate.example", TLS: &tls.Config{Certificates: []tls.Certificate{certificate}}}); err != nil {
		t.Fatal(err)
	}
	if err := g.gate.Join(office.GateJoin{Mail: g.mail, Login: gateLogin, Now: g.clock,
		Count: func(a string) { g.counted.Store(a, true) },
		Fault: func(err error) { g.faults.Store(err.Error(), true) }}); err != nil {
		t.Fatal(err)
	}
	listen := func(serve func(net.Listener) error) string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go serve(l) //nolint:errcheck // it ends with the gate
		return l.Addr().String()
	}
	g.plain, g.tls = listen(g.gate.Serve), listen(g.gate.ServeTLS)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		g.gate.Shutdown(ctx) //nolint:errcheck // the test is over
		g.faults.Range(func(fault, _ any) bool { t.Errorf("a fault inside the gate: %v", fault); return true })
	})
	return g
}

// clock is the world's time, for the gate's goroutines.
func (g *gateWorld) clock() time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.now
}

func gateLogin(_ context.Context, user, password string, source netip.Addr) (office.GateLogin, error) {
	m, ok := gatePasswords[user+":"+password]
	if !ok || !source.IsLoopback() {
		return office.GateLogin{}, errors.New("no")
	}
	return office.GateLogin{Seat: m.Seat, Live: func(context.Context) error { return nil }}, nil
}

// localCertificate is a certificate of localhost and the pool that trusts it.
func localCertificate(t testing.TB) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), DNSNames: []string{"localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// dial opens a session with TLS, logged in as somebody.
func (g *gateWorld) dial(t testing.TB, user, password string) *smtp.Client {
	t.Helper()
	c, err := smtp.DialStartTLS(g.plain, g.trust)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.Auth(sasl.NewPlainClient("", user, password)); err != nil {
		t.Fatal(err)
	}
	return c
}

// refused tells whether a reply is a refusal with a name.
func refused(err error, want *office.MailRefusal) bool {
	var reply *smtp.SMTPError
	return errors.As(err, &reply) && reply.Code == want.SMTP && strings.Contains(reply.Message, "["+want.Code+"] https://id.example/office/mail#"+want.Code)
}

// TestSubmission: a message comes in by both ways, and is in the queue when the answer comes (OML-01).
func TestSubmission(t *testing.T) {
	g := newGateWorld(t)
	letter := strings.ReplaceAll(plainLetter, "\n", "\r\n")
	c := g.dial(t, "olena", "opona-dvi")
	for range 2 { // two on one connection
		if err := c.SendMail(olena.Email, []string{"k.adresat@other.example"}, strings.NewReader(letter)); err != nil {
			t.Fatal(err)
		}
	}
	implicit, err := smtp.DialTLS(g.tls, g.trust)
	if err != nil {
		t.Fatal(err)
	}
	defer implicit.Close()
	if err := implicit.Auth(sasl.NewLoginClient("taras", "rika-try")); err != nil {
		t.Fatal(err)
	}
	if err := implicit.SendMail(taras.Email, []string{"k.adresat@other.example"}, strings.NewReader(strings.ReplaceAll(letter, olena.Email, taras.Email))); err != nil {
		t.Fatal(err)
	}
	if _, ok := g.counted.Load("queued"); !ok {
		t.Error("nothing was counted")
	}
	if n := g.count("SELECT count(*) FROM office_mail_messages WHERE content IS NOT NULL"); n != 3 {
		t.Errorf("%d messages in the queue, want 3", n)
	}
}

// raw is a session in bare lines.
type rawSession struct {
	t    testing.TB
	conn net.Conn
	r    *bufio.Reader
}

func (g *gateWorld) raw(t testing.TB) *rawSession {
	t.Helper()
	conn, err := net.Dial("tcp", g.plain)
	if err != nil {
		t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	t.Cleanup(func() { conn.Close() })
	s := &rawSession{t, conn, bufio.NewReader(conn)}
	s.want("220")
	return s
}

func (s *rawSession) want(code string) string {
	s.t.Helper()
	var all strings.Builder
	for {
		line, err := s.r.ReadString('\n')
		all.WriteString(line)
		if err != nil || len(line) > 3 && line[3] == ' ' {
			if !strings.HasPrefix(line, code) {
				s.t.Errorf("answer %q %v, want %s", all.String(), err, code)
			}
			return all.String()
		}
	}
}

func (s *rawSession) say(line, code string) string {
	s.t.Helper()
	io.WriteString(s.conn, line+"\r\n") //nolint:errcheck // the answer tells
	return s.want(code)
}

// starttls goes on in TLS.
func (s *rawSession) starttls(config *tls.Config) {
	s.t.Helper()
	s.say("STARTTLS", "220")
	secure := tls.Client(s.conn, config)
	if err := secure.Handshake(); err != nil {
		s.t.Fatal(err)
	}
	s.conn, s.r = secure, bufio.NewReader(secure)
}

// TestNothingInClear: no password and no letter before TLS, and nothing said before it counts after it (OML-01).
func TestNothingInClear(t *testing.T) {
	g := newGateWorld(t)
	s := g.raw(t)
	if caps := s.say("EHLO x", "250"); strings.Contains(caps, "AUTH") || !strings.Contains(caps, "STARTTLS") {
		t.Errorf("capabilities before TLS: %s", caps)
	}
	s.say("AUTH PLAIN AG9sZW5hAG9wb25hLWR2aQ==", "523")
	s.say("AUTH LOGIN", "523")
	if answer := s.say("MAIL FROM:<"+olena.Email+">", "530"); !strings.Contains(answer, "office-mail-tls") {
		t.Errorf("answer %q", answer)
	}
	s.say("RCPT TO:<a@b.example>", "502")
	s.say("DATA", "502")
	// Commands that were sent along with STARTTLS are not run inside TLS.
	io.WriteString(s.conn, "STARTTLS\r\nEHLO injected\r\nMAIL FROM:<"+olena.Email+">\r\n") //nolint:errcheck // the answer tells
	s.want("220")
	secure := tls.Client(s.conn, g.trust)
	if err := secure.Handshake(); err == nil {
		s.conn, s.r = secure, bufio.NewReader(secure)
		s.say("MAIL FROM:<"+olena.Email+">", "502") // it does not know the greeting
	}
	s = g.raw(t)
	s.say("EHLO x", "250")
	s.starttls(g.trust)
	if caps := s.say("EHLO x", "250"); !strings.Contains(caps, "AUTH PLAIN LOGIN") || strings.Contains(caps, "STARTTLS") || !strings.Contains(caps, "SIZE 26214400") {
		t.Errorf("capabilities inside TLS: %s", caps)
	}
	s.say("MAIL FROM:<"+olena.Email+">", "535")
	s.say("MAIL FROM:<>", "535")
	s.say("VRFY olena", "252")
	s.say("EXPN all", "502")
}

// TestGateLogin: a wrong password is refused and the third ends the connection; nobody acts for somebody else (OML-03).
func TestGateLogin(t *testing.T) {
	g := newGateWorld(t)
	session := func() *rawSession {
		s := g.raw(t)
		s.say("EHLO x", "250")
		s.starttls(g.trust)
		s.say("EHLO x", "250")
		return s
	}
	s := session()
	for _, line := range []string{"AUTH PLAIN AG9sZW5hAHdyb25n", "AUTH PLAIN dGFyYXMAb2xlbmEAb3BvbmEtZHZp" /* taras, by olena's password */, "AUTH PLAIN AAA="} {
		if answer := s.say(line, "535"); !strings.Contains(answer, "office-mail-login") {
			t.Errorf("%s: %q", line, answer)
		}
	}
	io.WriteString(s.conn, "AUTH PLAIN AG9sZW5hAG9wb25hLWR2aQ==\r\n") //nolint:errcheck // the connection ends
	if rest, _ := io.ReadAll(s.r); bytes.Contains(rest, []byte("235")) {
		t.Errorf("a fourth try was looked at: %q", rest)
	}
	s = session()
	s.say("AUTH CRAM-MD5", "504")
	s = session()
	s.say("AUTH LOGIN", "334")
	s.say("b2xlbmE=", "334")
	s.say("*", "501")
	s.say("AUTH LOGIN b2xlbmE=", "334")
	s.say("d3Jvbmc=", "535")
	s.say("AUTH LOGIN b2xlbmE=", "334")
	s.say("b3BvbmEtZHZp", "235")
	s.say("AUTH PLAIN AG9sZW5hAG9wb25hLWR2aQ==", "503")
}

// TestLiveInTheSession: the post and the service ID are looked at for each letter, also within a session (OML-04).
func TestLiveInTheSession(t *testing.T) {
	g := newGateWorld(t)
	letter := strings.ReplaceAll(plainLetter, "\n", "\r\n")
	c := g.dial(t, "olena", "opona-dvi")
	if err := c.SendMail(olena.Email, []string{"k@other.example"}, strings.NewReader(letter)); err != nil {
		t.Fatal(err)
	}
	for status := range map[office.Status]bool{office.StatusSuspended: true, office.StatusNone: true} {
		g.change(olena.Seat, status, nil)
		if err := c.Mail(olena.Email, nil); !refused(err, office.MailNoID) {
			t.Errorf("%v: %v", status, err)
		}
	}
	// Revoked between MAIL and the end of the text.
	g.change(olena.Seat, office.StatusValid, nil)
	if err := c.Mail(olena.Email, nil); err != nil {
		t.Fatal(err)
	}
	if err := c.Rcpt("k@other.example", nil); err != nil {
		t.Fatal(err)
	}
	w, err := c.Data()
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(w, letter) //nolint:errcheck // the answer tells
	g.change(olena.Seat, office.StatusNone, nil)
	if err := w.Close(); !refused(err, office.MailNoID) {
		t.Errorf("revoked during DATA: %v", err)
	}
	if n := g.count("SELECT count(*) FROM office_mail_messages"); n != 1 {
		t.Errorf("%d messages, want that of before", n)
	}
	g.change(olena.Seat, office.StatusValid, nil)
	for _, from := range []string{taras.Email, "a@b.example", "postmaster@minagro.example"} {
		if err := c.Mail(from, nil); !refused(err, office.MailFrom) {
			t.Errorf("return path %s: %v", from, err)
		}
	}
	if err := c.SendMail(olena.Email, []string{"k@other.example"}, strings.NewReader(strings.Replace(letter, olena.Email, taras.Email, 1))); !refused(err, office.MailFrom) {
		t.Errorf("From of somebody else: %v", err)
	}
}

// TestGateLimits: sizes, recipients, lines, connections (OML-16).
func TestGateLimits(t *testing.T) {
	g := newGateWorld(t)
	c := g.dial(t, "olena", "opona-dvi")
	if err := c.Mail(olena.Email, &smtp.MailOptions{Size: office.MaxMessage + 1}); err == nil {
		t.Error("an announced size above the limit was taken")
	}
	if err := c.Mail(olena.Email, nil); err != nil {
		t.Fatal(err)
	}
	for _, to := range []string{"nobody", "a b@c.example", "\"q r\"@c.example", "ї@c.example"} {
		if err := c.Rcpt(to, nil); err == nil {
			t.Errorf("recipient %q was taken", to)
		}
	}
	for i := range office.MaxRecipients {
		if err := c.Rcpt("a"+strconv.Itoa(i)+"@b.example", nil); err != nil {
			t.Fatal(err)
		}
	}
	var reply *smtp.SMTPError
	if err := c.Rcpt("one.more@b.example", nil); !errors.As(err, &reply) || reply.Code != 452 {
		t.Errorf("one recipient too many: %v", err)
	}
	if err := c.Reset(); err != nil {
		t.Fatal(err)
	}
	if !testing.Short() {
		large := plainLetter + strings.Repeat(strings.Repeat("x", 76)+"\r\n", office.MaxMessage/78+10)
		if err := c.SendMail(olena.Email, []string{"a@b.example"}, strings.NewReader(large)); !errors.As(err, &reply) || reply.Code != 552 {
			t.Errorf("a large message: %v", err)
		}
	}
	if err := c.SendMail(olena.Email, []string{"a@b.example"}, strings.NewReader(plainLetter+strings.Repeat("x", 4000))); err == nil {
		t.Error("a line of 4000 bytes was taken")
	}
	var open []net.Conn
	defer func() {
		for _, c := range open {
			c.Close()
		}
	}()
	full := false
	for range 40 {
		conn, err := net.Dial("tcp", g.plain)
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, conn)
		conn.SetReadDeadline(time.Now().Add(5 * time.Second))
		line, _ := bufio.NewReader(conn).ReadString('\n')
		full = full || strings.HasPrefix(line, "421 ")
	}
	if !full {
		t.Error("40 connections of one source were taken")
	}
}

// TestChunks: BDAT, and a message that does not come whole (OML-01).
func TestChunks(t *testing.T) {
	g := newGateWorld(t)
	s := g.raw(t)
	s.say("EHLO x", "250")
	s.starttls(g.trust)
	s.say("EHLO x", "250")
	s.say("AUTH PLAIN AG9sZW5hAG9wb25hLWR2aQ==", "235")
	begin := func() {
		s.say("MAIL FROM:<"+olena.Email+">", "250")
		s.say("RCPT TO:<k@other.example>", "250")
	}
	letter := strings.ReplaceAll(plainLetter, "\n", "\r\n")
	begin()
	fmt.Fprintf(s.conn, "BDAT %d\r\n%s", 20, letter[:20])
	s.want("250")
	fmt.Fprintf(s.conn, "BDAT %d LAST\r\n%s", len(letter)-20, letter[20:])
	s.want("250")
	begin()
	fmt.Fprintf(s.conn, "BDAT %d\r\n%s", 20, letter[:20])
	s.want("250")
	s.say("RSET", "250") // the rest never comes
	begin()
	s.say("BDAT 99999999999 LAST", "501")
	s.say("RSET", "250")
	begin()
	s.say("DATA", "354")
	io.WriteString(s.conn, letter[:60]) //nolint:errcheck // the connection ends
	s.conn.Close()
	time.Sleep(50 * time.Millisecond)
	if n := g.count("SELECT count(*) FROM office_mail_messages"); n != 1 {
		t.Errorf("%d messages, want the one that came whole", n)
	}
}

// TestSmuggling: an end of data of another kind ends nothing here, and leaves as plain text (OML-08).
func TestSmuggling(t *testing.T) {
	g := newGateWorld(t)
	for _, end := range []string{"\n.\n", "\r.\r", "\n.\r\n", "\r\n.\n", "\r\n\x00.\r\n"} {
		s := g.raw(t)
		s.say("EHLO x", "250")
		s.starttls(g.trust)
		s.say("EHLO x", "250")
		s.say("AUTH PLAIN AG9sZW5hAG9wb25hLWR2aQ==", "235")
		s.say("MAIL FROM:<"+olena.Email+">", "250")
		s.say("RCPT TO:<k@other.example>", "250")
		s.say("DATA", "354")
		io.WriteString(s.conn, strings.ReplaceAll(plainLetter, "\n", "\r\n")+end+"MAIL FROM:<boss@minagro.example>\r\nRCPT TO:<k@other.example>\r\nDATA\r\nFrom: boss@minagro.example\r\n\r\nsmuggled\r\n.\r\n") //nolint:errcheck // the answer tells
		s.want("250")
		s.say("QUIT", "221")
	}
	if n := g.count("SELECT count(*) FROM office_mail_messages"); n != 5 {
		t.Errorf("%d messages, want 5", n)
	}
	relay := newRelay(t, nil)
	g.set(office.MailSettings{Kind: office.MailSMTP, Address: relay.address, TLS: "none"})
	if n, err := g.mail.Deliver(t.Context(), olena.Body, g.now); err != nil || n != 5 {
		t.Fatalf("%d %v", n, err)
	}
	for _, m := range relay.messages() {
		if m.from != olena.Email || bytes.Contains(bytes.ReplaceAll(m.data, []byte("\r\n"), nil), []byte("\n")) {
			t.Errorf("from %s:\n%q", m.from, m.data)
		}
	}
}

// TestFaultAtAMessage: what breaks at one message is told to the operator without its text, and the answer is to try again; the gate goes on (OML-19).
func TestFaultAtAMessage(t *testing.T) {
	g := newGateWorld(t)
	heard := make(chan string, 10)
	if err := g.gate.Join(office.GateJoin{Mail: g.mail, Login: gateLogin, Now: func() time.Time { panic("text of a letter") },
		Fault: func(err error) { heard <- err.Error() }}); err != nil {
		t.Fatal(err)
	}
	c := g.dial(t, "olena", "opona-dvi")
	for range 2 {
		var reply *smtp.SMTPError
		if err := c.SendMail(olena.Email, []string{"k@other.example"}, strings.NewReader(strings.ReplaceAll(plainLetter, "\n", "\r\n"))); !errors.As(err, &reply) || reply.Code != 451 {
			t.Fatalf("%v, want 451", err)
		}
		if text := <-heard; !strings.Contains(text, "panic of string") || strings.Contains(text, "text of a letter") {
			t.Errorf("the operator hears %q", text)
		}
	}
}

// TestStopping: a stop waits for a message that is coming in, and ends who only sits there (OML-19).
func TestStopping(t *testing.T) {
	g := newGateWorld(t)
	idle := g.dial(t, "taras", "rika-try")
	c := g.dial(t, "olena", "opona-dvi")
	if err := c.Mail(olena.Email, nil); err != nil {
		t.Fatal(err)
	}
	if err := c.Rcpt("k@other.example", nil); err != nil {
		t.Fatal(err)
	}
	w, err := c.Data()
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(w, plainLetter[:30]) //nolint:errcheck // the answer tells
	stopped := make(chan error, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	go func() { stopped <- g.gate.Shutdown(ctx) }()
	for idle.Noop() == nil { // the idle connection is cut
		time.Sleep(10 * time.Millisecond)
	}
	io.WriteString(w, plainLetter[30:]) //nolint:errcheck // the answer tells
	if err := w.Close(); err != nil {
		t.Errorf("the message under way: %v", err)
	}
	if err := <-stopped; err != nil {
		t.Errorf("stop: %v", err)
	}
	if _, err := net.Dial("tcp", g.plain); err == nil {
		t.Error("it takes connections after the stop")
	}
}

// relay is a mail server of a body, made of the same library, whose answers a test chooses.
type relay struct {
	address string
	mu      sync.Mutex
	got     []relayed
	rcpt    func(to string) error
	data    func(n int) error
	auth    []string
}

type relayed struct {
	from string
	to   []string
	data []byte
}

func newRelay(t testing.TB, change func(*smtp.Server, *relay)) *relay {
	t.Helper()
	r := &relay{}
	s := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &relaySession{relay: r}, nil }))
	s.Domain, s.AllowInsecureAuth, s.ErrorLog = "relay.example", true, log.New(io.Discard, "", 0)
	if change != nil {
		change(s, r)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go s.Serve(l) //nolint:errcheck // it ends with the test
	t.Cleanup(func() { s.Close() })
	r.address = l.Addr().String()
	return r
}

func (r *relay) messages() []relayed {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.got
}

type relaySession struct {
	relay *relay
	now   relayed
}

func (s *relaySession) AuthMechanisms() []string { return []string{sasl.Plain} }
func (s *relaySession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		s.relay.mu.Lock()
		defer s.relay.mu.Unlock()
		s.relay.auth = append(s.relay.auth, user+":"+password)
		if password != "right" {
			return smtp.ErrAuthFailed
		}
		return nil
	}), nil
}
func (s *relaySession) Mail(from string, _ *smtp.MailOptions) error {
	s.now = relayed{from: from}
	return nil
}
func (s *relaySession) Rcpt(to string, _ *smtp.RcptOptions) error {
	if s.relay.rcpt != nil {
		if err := s.relay.rcpt(to); err != nil {
			return err
		}
	}
	s.now.to = append(s.now.to, to)
	return nil
}
func (s *relaySession) Data(r io.Reader) error {
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.relay.mu.Lock()
	defer s.relay.mu.Unlock()
	if s.relay.data != nil {
		if err := s.relay.data(len(s.relay.got)); err != nil {
			return err
		}
	}
	s.now.data = data
	s.relay.got = append(s.relay.got, s.now)
	return nil
}
func (s *relaySession) Reset()        { s.now = relayed{} }
func (s *relaySession) Logout() error { return nil }
