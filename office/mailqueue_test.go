package office_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net"
	"net/mail"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"github.com/posvid/posvid/office"
)

// deliver runs a round at the world's time.
func (w *mailWorld) deliver() int {
	w.t.Helper()
	n, err := w.mail.Deliver(w.t.Context(), olena.Body, w.now)
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

// fates are those of the newest message of a sender, as "address state answer".
func (w *mailWorld) fates(seat office.Seat) (out []string) {
	w.t.Helper()
	sent, err := w.mail.Sent(w.t.Context(), seat, time.Time{}, 1)
	if err != nil || len(sent) != 1 {
		w.t.Fatalf("%v %v", sent, err)
	}
	for _, f := range sent[0].Fates {
		out = append(out, strings.TrimSpace(f.Address+" "+f.State+" "+f.Answer))
	}
	return out
}

func wantFates(t testing.TB, w *mailWorld, want ...string) {
	t.Helper()
	if got := w.fates(olena.Seat); strings.Join(got, "; ") != strings.Join(want, "; ") {
		t.Errorf("fates %q, want %q", got, want)
	}
}

func reply(code int, enhanced smtp.EnhancedCode, text string) error {
	return &smtp.SMTPError{Code: code, EnhancedCode: enhanced, Message: text}
}

// TestFateOfEachRecipient: one letter, three recipients, three fates; the refused one is reported at once (OML-20, OML-22).
func TestFateOfEachRecipient(t *testing.T) {
	w := newMailWorld(t)
	var busy atomic.Bool
	busy.Store(true)
	r := newRelay(t, func(_ *smtp.Server, r *relay) {
		r.rcpt = func(to string) error {
			switch {
			case strings.HasPrefix(to, "unknown"):
				return reply(550, smtp.EnhancedCode{5, 1, 1}, "No such <user>\x07 here")
			case strings.HasPrefix(to, "full") && busy.Load():
				return reply(452, smtp.EnhancedCode{4, 2, 2}, "Mailbox full")
			}
			return nil
		}
	})
	w.set(office.MailSettings{Kind: office.MailSMTP, Address: r.address, TLS: "none"})
	if _, err := w.send(olena, plainLetter, "good@b.example", "unknown@b.example", "full@b.example"); err != nil {
		t.Fatal(err)
	}
	if n := w.deliver(); n != 1 {
		t.Errorf("%d delivered, want 1", n)
	}
	wantFates(t, w, "good@b.example sent", "unknown@b.example failed 550 5.1.1", "full@b.example queued 452 4.2.2")
	if m := r.messages(); len(m) != 1 || len(m[0].to) != 1 || m[0].from != olena.Email {
		t.Fatalf("%+v", m)
	}
	w.now = w.now.Add(30 * time.Second)
	w.deliver() // the report goes; the full one is not due yet
	if m := r.messages(); len(m) != 2 || m[1].from != "" || m[1].to[0] != olena.Email {
		t.Fatalf("%d messages, want the report with an empty return path", len(m))
	}
	checkReport(t, r.messages()[1].data, "unknown@b.example", "5.1.1")
	busy.Store(false)
	w.now = w.now.Add(time.Minute)
	if n := w.deliver(); n != 1 {
		t.Errorf("%d delivered, want the one that was full", n)
	}
	wantFates(t, w, "good@b.example sent", "unknown@b.example failed 550 5.1.1", "full@b.example sent")
	if n := w.count("SELECT count(*) FROM office_mail_messages WHERE content IS NOT NULL"); n != 0 {
		t.Errorf("%d texts are kept after every recipient had a fate", n)
	}
	for range 3 {
		w.now = w.now.Add(time.Hour)
		w.deliver()
	}
	if m := r.messages(); len(m) != 3 {
		t.Errorf("%d messages, want 3: nothing goes twice", len(m))
	}
}

// checkReport reads a delivery report (RFC 3464) as a mail program does.
func checkReport(t testing.TB, data []byte, recipient, status string) {
	t.Helper()
	m, err := mail.ReadMessage(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	media, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || media != "multipart/report" || params["report-type"] != "delivery-status" || m.Header.Get("Auto-Submitted") != "auto-replied" {
		t.Fatalf("%v %v", m.Header, err)
	}
	r := multipart.NewReader(m.Body, params["boundary"])
	var parts []string
	for {
		p, err := r.NextRawPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(p)
		if err != nil {
			t.Fatal(err)
		}
		if p.Header.Get("Content-Transfer-Encoding") == "base64" {
			if body, err = base64.StdEncoding.DecodeString(strings.ReplaceAll(string(body), "\r\n", "")); err != nil {
				t.Fatal(err)
			}
		}
		parts = append(parts, p.Header.Get("Content-Type")+"\n"+string(body))
	}
	if len(parts) != 3 || !strings.Contains(parts[0], recipient) || !strings.Contains(parts[0], "не доставлено") || !strings.HasPrefix(parts[1], "message/delivery-status\n") ||
		!strings.Contains(parts[1], "Final-Recipient: rfc822; "+recipient+"\r\n") || !strings.Contains(parts[1], "Status: "+status+"\r\n") ||
		!strings.Contains(parts[1], "Action: failed\r\n") || !strings.HasPrefix(parts[2], "text/rfc822-headers\n") || !strings.Contains(parts[2], "Subject: ") {
		t.Errorf("report %q", parts)
	}
	for _, c := range data {
		if c > 0x7e || c < ' ' && c != '\r' && c != '\n' {
			t.Errorf("a report with byte %#x", c)
		}
	}
}

// TestRetries: waits grow, and after three days the sender hears of it (OML-21).
func TestRetries(t *testing.T) {
	w := newMailWorld(t)
	w.set(office.MailSettings{Kind: office.MailSMTP, Address: "127.0.0.1:1", TLS: "none"}) // nobody listens there
	if _, err := w.send(olena, plainLetter, "a@b.example"); err != nil {
		t.Fatal(err)
	}
	begin, tries := w.now, 0
	var waits []time.Duration
	for w.now.Sub(begin) < 80*time.Hour {
		w.deliver()
		sent, err := w.mail.Sent(t.Context(), olena.Seat, time.Time{}, 1)
		if err != nil {
			t.Fatal(err)
		}
		f := sent[0].Fates[0]
		if f.State != "queued" {
			break
		}
		if f.Tries != tries+1 || f.Answer != "451 4.4.1" || strings.Contains(f.Detail, "127.0.0.1") {
			t.Fatalf("%+v after try %d", f, tries)
		}
		tries = f.Tries
		waits = append(waits, f.Next.Sub(w.now))
		w.now = f.Next.Add(-time.Second)
		if n := w.deliver(); n != 0 || w.count("SELECT tries FROM office_mail_recipients") != tries {
			t.Fatal("it was tried before its time")
		}
		w.now = f.Next
		if tries == 3 {
			w.now = w.now.Add(time.Hour) // a retry by hand, later
			if n, err := w.mail.Retry(t.Context(), olena.Body, w.now); err != nil || n != 0 {
				t.Fatalf("%d %v: nothing waits for later", n, err)
			}
		}
	}
	if got := w.now.Sub(begin); got < 72*time.Hour || got > 73*time.Hour {
		t.Errorf("given up after %v", got)
	}
	if waits[0] != time.Minute || waits[1] != 2*time.Minute || waits[len(waits)-1] != 30*time.Minute {
		t.Errorf("waits %v", waits)
	}
	wantFates(t, w, "a@b.example failed 451 4.4.1")
	w.set(office.MailSettings{Kind: office.MailFolder, Address: w.folder, TLS: "none"})
	w.deliver()
	names, _ := filepath.Glob(filepath.Join(w.folder, "*.eml"))
	if len(names) != 1 {
		t.Fatalf("%d reports", len(names))
	}
	data, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	checkReport(t, data, "a@b.example", "4.4.7")
}

// TestNoReportOfAReport: a report that cannot be delivered ends there (OML-22).
func TestNoReportOfAReport(t *testing.T) {
	w := newMailWorld(t)
	r := newRelay(t, func(_ *smtp.Server, r *relay) {
		r.rcpt = func(string) error { return reply(550, smtp.EnhancedCode{5, 1, 1}, "nobody at all") }
	})
	w.set(office.MailSettings{Kind: office.MailSMTP, Address: r.address, TLS: "none"})
	if _, err := w.send(olena, plainLetter, "a@b.example"); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		w.deliver()
		w.now = w.now.Add(time.Hour)
	}
	if n := w.count("SELECT count(*) FROM office_mail_messages"); n != 2 {
		t.Errorf("%d messages, want the letter and one report", n)
	}
}

// TestServerRefusesTheGate: wrong settings make letters wait; they are no fault of the letters (OML-21).
func TestServerRefusesTheGate(t *testing.T) {
	certificate, pool := localCertificate(t)
	_ = pool
	secure := func(s *smtp.Server, _ *relay) {
		s.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate}}
	}
	for name, c := range map[string]struct {
		change func(*smtp.Server, *relay)
		set    func(s *office.MailSettings)
		want   string
	}{
		"unknown certificate": {secure, func(s *office.MailSettings) { s.TLS = "starttls" }, "queued 451 4.4.1"},
		"no STARTTLS":         {nil, func(s *office.MailSettings) { s.TLS = "starttls" }, "queued 451"},
		"busy": {func(_ *smtp.Server, r *relay) {
			r.data = func(int) error { return reply(451, smtp.EnhancedCode{4, 3, 0}, "later") }
		}, nil, "queued 451 4.3.0"},
		"refused text": {func(_ *smtp.Server, r *relay) {
			r.data = func(int) error { return reply(554, smtp.EnhancedCode{5, 7, 1}, "spam") }
		}, nil, "failed 554 5.7.1"},
		"log-in wanted late": {func(_ *smtp.Server, r *relay) {
			r.rcpt = func(string) error { return reply(530, smtp.EnhancedCode{5, 7, 0}, "authentication required") }
		}, nil, "queued 451 4.7.0"},
		"refused recipient": {func(_ *smtp.Server, r *relay) {
			r.rcpt = func(string) error { return reply(550, smtp.EnhancedCode{5, 1, 1}, "no such box") }
		}, nil, "failed 550 5.1.1"},
		"wrong password": {secure, func(s *office.MailSettings) {
			s.TLS, s.User, s.Password, s.Roots = "starttls", "gate", "wrong", pemOf(certificate)
		}, "queued 451 4.7.0"},
		"right password": {secure, func(s *office.MailSettings) {
			s.TLS, s.User, s.Password, s.Roots = "starttls", "gate", "right", pemOf(certificate)
		}, "sent"},
	} {
		w := newMailWorld(t)
		r := newRelay(t, c.change)
		s := office.MailSettings{Kind: office.MailSMTP, Address: strings.Replace(r.address, "127.0.0.1", "localhost", 1), TLS: "none"}
		if c.set != nil {
			c.set(&s)
		}
		w.set(s)
		if _, err := w.send(olena, plainLetter, "a@b.example"); err != nil {
			t.Fatal(err)
		}
		w.deliver()
		if got := w.fates(olena.Seat); len(got) != 1 || !strings.HasPrefix(got[0], "a@b.example "+c.want) {
			t.Errorf("%s: %q, want %s", name, got, c.want)
		}
		if c.want == "sent" != (len(r.messages()) == 1) {
			t.Errorf("%s: the server has %d messages", name, len(r.messages()))
		}
		if c.set != nil && s.Password == "" && len(r.auth) > 0 {
			t.Errorf("%s: a password went out", name)
		}
	}
}

// TestPoisonedMessage: a letter at which the server breaks off holds no other back (OML-21).
func TestPoisonedMessage(t *testing.T) {
	w := newMailWorld(t)
	good := newRelay(t, nil)
	// A wall before the server that breaks the connection at one letter.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer in.Close()
				out, err := net.Dial("tcp", good.address)
				if err != nil {
					return
				}
				defer out.Close()
				go io.Copy(in, out) //nolint:errcheck // the other side tells
				lines := bufio.NewReader(in)
				for {
					line, err := lines.ReadString('\n')
					if err != nil || strings.Contains(line, "poison@") {
						return
					}
					io.WriteString(out, line) //nolint:errcheck // the other side tells
				}
			}()
		}
	}()
	w.set(office.MailSettings{Kind: office.MailSMTP, Address: l.Addr().String(), TLS: "none"})
	for _, to := range []string{"poison@b.example", "one@b.example", "two@b.example"} {
		if _, err := w.send(olena, plainLetter, to); err != nil {
			t.Fatal(err)
		}
	}
	if n := w.deliver(); n != 2 {
		t.Errorf("%d delivered, want the two others", n)
	}
}

// TestBrokenLMTP: a mailbox server that breaks off between the answers for two recipients: who has no answer has no letter, and waits (OML-20).
func TestBrokenLMTP(t *testing.T) {
	for answer, want := range map[string][2]string{"550 5.1.1 no such box": {"failed 550 5.1.1", "queued 451 4.4.1"}, "250 2.0.0 in": {"sent", "queued 451 4.4.1"},
		"452 4.2.2 full": {"queued 452 4.2.2", "queued 451 4.4.1"}} {
		w := newMailWorld(t)
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				lines, text := bufio.NewReader(c), false
				io.WriteString(c, "220 box\r\n") //nolint:errcheck // the other side tells
				for {
					line, err := lines.ReadString('\n')
					if err != nil {
						break
					}
					reply := "250 2.0.0 ok"
					switch {
					case text && line == ".\r\n":
						io.WriteString(c, answer+"\r\n") //nolint:errcheck // the other side tells
						c.Close()
						continue
					case text:
						continue
					case line == "DATA\r\n":
						text, reply = true, "354 go"
					}
					io.WriteString(c, reply+"\r\n") //nolint:errcheck // the other side tells
				}
			}
		}()
		w.set(office.MailSettings{Kind: office.MailLMTP, Address: l.Addr().String(), TLS: "none"})
		if _, err := w.send(olena, plainLetter, "one@b.example", "two@b.example"); err != nil {
			t.Fatal(err)
		}
		w.deliver()
		wantFates(t, w, "one@b.example "+want[0], "two@b.example "+want[1])
	}
}

// TestEndlessAnswer: a server that never ends its answer is left, and the letter waits (OML-21).
func TestEndlessAnswer(t *testing.T) {
	w := newMailWorld(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	said := make(chan int, 10)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			n := 0
			for n < 64<<20 { // then it gives up
				k, err := io.WriteString(c, strings.Repeat("220-"+strings.Repeat("x", 1000)+"\r\n", 64))
				if n += k; err != nil {
					break
				}
			}
			c.Close()
			said <- n
		}
	}()
	w.set(office.MailSettings{Kind: office.MailSMTP, Address: l.Addr().String(), TLS: "none"})
	if _, err := w.send(olena, plainLetter); err != nil {
		t.Fatal(err)
	}
	if n := w.deliver(); n != 0 {
		t.Errorf("%d delivered", n)
	}
	if n := <-said; n >= 64<<20 {
		t.Error("64 MiB of one answer were read")
	}
	wantFates(t, w, "k.adresat@other.example queued 451 4.4.1")
}

// TestDamagedMessage: a message that cannot be read back from the disk is named to the operator and put off; the others of the body go, and after three
// days it has failed (OML-21).
func TestDamagedMessage(t *testing.T) {
	w := newMailWorld(t)
	bad, err := w.send(olena, plainLetter, "bad@b.example")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.store.Update(t.Context(), func(tx office.Tx) error {
		return tx.Exec1(`UPDATE office_mail_messages SET content = substr(content, 2) WHERE id = $1`, bad)
	}); err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(time.Second)
	for _, to := range []string{"one@b.example", "two@b.example"} {
		if _, err := w.send(olena, plainLetter, to); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := w.mail.Deliver(t.Context(), olena.Body, w.now); n != 2 || err == nil {
		t.Errorf("%d %v, want the two others and an error", n, err)
	}
	if n, err := w.mail.Deliver(t.Context(), olena.Body, w.now); n != 0 || err != nil {
		t.Errorf("at once again: %d %v", n, err)
	}
	w.now = w.now.Add(72 * time.Hour)
	if n, err := w.mail.Deliver(t.Context(), olena.Body, w.now); n != 0 || err == nil {
		t.Errorf("after three days: %d %v", n, err)
	}
	if q, err := w.mail.QueueState(t.Context(), olena.Body); err != nil || q.Waiting != 0 || q.Failed != 1 {
		t.Errorf("%+v %v", q, err)
	}
	if n := w.count("SELECT count(*) FROM office_mail_messages WHERE content IS NOT NULL"); n != 0 {
		t.Errorf("%d texts are kept", n)
	}
}

func pemOf(c tls.Certificate) string {
	return "-----BEGIN CERTIFICATE-----\n" + base64.StdEncoding.EncodeToString(c.Certificate[0]) + "\n-----END CERTIFICATE-----\n"
}

// TestForget: fates and keys go when their time is over (OML-17).
func TestForget(t *testing.T) {
	w := newMailWorld(t)
	id, err := w.send(olena, plainLetter)
	if err != nil {
		t.Fatal(err)
	}
	w.delivered(id)
	w.now = w.now.Add(31 * 24 * time.Hour)
	if err := w.mail.Forget(t.Context(), w.now); err != nil {
		t.Fatal(err)
	}
	if n := w.count("SELECT count(*) FROM office_mail_messages"); n != 0 {
		t.Errorf("%d messages after 31 days", n)
	}
	if n := w.count("SELECT count(*) FROM office_mail_recipients"); n != 0 {
		t.Errorf("%d recipients after 31 days", n)
	}
	w.now = w.now.Add(400 * 24 * time.Hour)
	if err := w.mail.Forget(t.Context(), w.now); err != nil {
		t.Fatal(err)
	}
	if n := w.count("SELECT count(*) FROM office_mail_certificates"); n != 0 {
		t.Errorf("%d certificates after their term", n)
	}
}

// TestGateChild is the process that TestKilledGate kills.
func TestGateChild(t *testing.T) {
	folder := os.Getenv("POSVID_GATE_CHILD")
	if folder == "" {
		return
	}
	w := &mailWorld{t: t, now: mailBegan, people: map[office.Seat]office.Member{olena.Seat: olena}, status: map[office.Seat]office.Status{olena.Seat: office.StatusValid}}
	w.mail = w.open(mailStore(t, filepath.Join(folder, "service.db")))
	certificate, _ := localCertificate(t)
	gate, err := office.NewGate(office.GateConfig{Domain: "gate.example", TLS: &tls.Config{Certificates: []tls.Certificate{certificate}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := gate.Join(office.GateJoin{Mail: w.mail, Login: gateLogin, Now: func() time.Time { return mailBegan }}); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go gate.ServeTLS(l) //nolint:errcheck // the process is killed
	fmt.Println("listening " + l.Addr().String())
	for {
		w.mail.Deliver(context.Background(), olena.Body, mailBegan) //nolint:errcheck // the process is killed
		time.Sleep(3 * time.Millisecond)
	}
}

// TestKilledGate: every letter that was answered with success is there after kill -9, whole, and is delivered (OML-19).
func TestKilledGate(t *testing.T) {
	w := newMailWorld(t)
	folder := filepath.Dir(w.file)
	accepted := map[string]bool{}
	rounds := 3
	if testing.Short() {
		rounds = 1
	}
	for round := range rounds {
		child := exec.Command(os.Args[0], "-test.run=^TestGateChild$", "-test.timeout=60s")
		child.Env = append(os.Environ(), "POSVID_GATE_CHILD="+folder)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(out).ReadString('\n')
		address, ok := strings.CutPrefix(strings.TrimSpace(line), "listening ")
		if err != nil || !ok {
			child.Process.Kill() //nolint:errcheck // it failed already
			t.Fatalf("the child says %q %v", line, err)
		}
		killed := make(chan struct{})
		var sent atomic.Int32
		go func() {
			for sent.Load() < int32(7+5*round) { // somewhere in the middle of the next letter
				time.Sleep(time.Millisecond)
			}
			child.Process.Kill() //nolint:errcheck // what it does not reach is seen below
			close(killed)
		}()
		c, err := smtp.DialTLS(address, &tls.Config{InsecureSkipVerify: true}) // the certificate is the child's own
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Auth(sasl.NewPlainClient("", "olena", "opona-dvi")); err != nil {
			t.Fatal(err)
		}
		for i := 0; ; i++ {
			subject := fmt.Sprintf("letter %d of round %d", i, round)
			raw := "From: " + olena.Email + "\r\nTo: a@b.example\r\nSubject: " + subject + "\r\n\r\n" + strings.Repeat("line\r\n", 2000)
			if err := c.SendMail(olena.Email, []string{"a@b.example"}, strings.NewReader(raw)); err != nil {
				break
			}
			accepted[subject] = true
			sent.Add(1)
		}
		<-killed
		child.Wait() //nolint:errcheck // killed
		c.Close()
	}
	if len(accepted) < 7*rounds {
		t.Fatalf("%d letters were taken", len(accepted))
	}
	for range 5 {
		w.deliver()
	}
	names, err := filepath.Glob(filepath.Join(w.folder, "*.eml"))
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]int{}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		m, err := mail.ReadMessage(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		there[m.Header.Get("Subject")]++
		if bytes.Count(data, []byte("line\r\n")) != 2000 || !bytes.HasSuffix(data, []byte("--\r\n")) {
			t.Errorf("%s is torn", name)
		}
	}
	for subject := range accepted {
		if there[subject] != 1 {
			t.Errorf("%q is there %d times, want 1", subject, there[subject])
		}
	}
	if len(there) > len(accepted)+rounds {
		t.Errorf("%d letters, %d were taken", len(there), len(accepted))
	}
	if _, err := w.cmsVerify(t, mustRead(t, names[0])); err != nil {
		t.Error(err)
	}
}

func mustRead(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestRealClients: swaks writes through the gate, Dovecot takes it by LMTP and gives it by IMAP, and openssl checks it as its reader would;
// one changed byte and a revoked person are refused (OML-01, OML-04, OML-11, OML-20).
func TestRealClients(t *testing.T) {
	if testing.Short() {
		t.Skip("short mode: swaks, Dovecot and openssl")
	}
	swaks, dovecot := need(t, "swaks"), dovecotServer(t)
	g := newGateWorld(t)
	g.set(office.MailSettings{Kind: office.MailLMTP, Address: dovecot.lmtp, TLS: "none"})
	letter := filepath.Join(t.TempDir(), "letter.eml")
	if err := os.WriteFile(letter, []byte(strings.Replace(plainLetter, "k.adresat@other.example", "adresat@dovecot.example, nobody@dovecot.example", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	host, port, _ := net.SplitHostPort(g.plain)
	write := func(more ...string) (string, error) {
		args := append([]string{"--server", host, "--port", port, "--tls", "--auth", "PLAIN", "--auth-user", "olena", "--auth-password", "opona-dvi", "--from", olena.Email,
			"--to", "adresat@dovecot.example,nobody@dovecot.example", "--data", "@" + letter, "--timeout", "20s"}, more...)
		out, err := exec.CommandContext(t.Context(), swaks, args...).CombinedOutput()
		return string(out), err
	}
	if out, err := write(); err != nil {
		t.Fatalf("swaks: %v\n%s", err, out)
	}
	if n := g.deliver(); n != 1 {
		t.Fatalf("%d delivered, want 1: %q", n, g.fates(olena.Seat))
	}
	fates := g.fates(olena.Seat)
	if len(fates) != 2 || fates[0] != "adresat@dovecot.example sent" || !strings.HasPrefix(fates[1], "nobody@dovecot.example failed 550 5.1.1") {
		t.Errorf("fates %q", fates)
	}
	message := dovecot.fetch(t, "adresat@dovecot.example")
	signed, err := g.cmsVerify(t, message)
	if err != nil {
		t.Fatalf("%v\n%s", err, message)
	}
	if !bytes.Contains(signed, []byte("X-Posvid-Position: ")) {
		t.Errorf("signed part:\n%s", signed)
	}
	changed := bytes.Clone(message)
	changed[bytes.Index(changed, []byte("0JTQvtCx"))+3] ^= 1
	if _, err := g.cmsVerify(t, changed); err == nil {
		t.Error("one changed byte was taken")
	}
	for name, c := range map[string]struct {
		status office.Status
		args   []string
		want   string
	}{
		"revoked":       {office.StatusNone, nil, "office-mail-no-id"},
		"foreign From":  {office.StatusValid, []string{"--h-From", taras.Email}, "office-mail-from"},
		"foreign path":  {office.StatusValid, []string{"--from", taras.Email}, "office-mail-from"},
		"wrong app key": {office.StatusValid, []string{"--auth-password", "wrong"}, "office-mail-login"},
	} {
		g.change(olena.Seat, c.status, nil)
		if out, err := write(c.args...); err == nil || !strings.Contains(out, c.want) {
			t.Errorf("%s: %v, want %s\n%s", name, err, c.want, out)
		}
	}
}

// dovecotWorld is a Dovecot of this test alone: mailboxes by LMTP and IMAP.
type dovecotWorld struct{ lmtp, imap string }

func dovecotServer(t testing.TB) dovecotWorld {
	t.Helper()
	program := need(t, "dovecot")
	if os.Getuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("Dovecot wants to be started by root")
		}
		t.Skip("Dovecot wants to be started by root")
	}
	base, err := os.MkdirTemp("", "posvid-dovecot-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(base) })
	for _, dir := range []string{"", "mail", "run", "state"} {
		if err := os.MkdirAll(filepath.Join(base, dir), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(filepath.Join(base, dir), map[bool]os.FileMode{true: 0o777, false: 0o755}[dir == "mail"]); err != nil {
			t.Fatal(err)
		}
	}
	ports := freePorts(t, 2)
	d := dovecotWorld{lmtp: "127.0.0.1:" + ports[0], imap: "127.0.0.1:" + ports[1]}
	config := filepath.Join(base, "dovecot.conf")
	text := fmt.Sprintf(`protocols = imap lmtp
base_dir = %[1]s/run
state_dir = %[1]s/state
log_path = %[1]s/dovecot.log
ssl = no
disable_plaintext_auth = no
first_valid_uid = 1
mail_location = maildir:%[1]s/mail/%%n
passdb {
  driver = passwd-file
  args = %[1]s/users
}
userdb {
  driver = passwd-file
  args = %[1]s/users
}
service imap-login {
  inet_listener imap {
    address = 127.0.0.1
    port = %[3]s
  }
  inet_listener imaps {
    port = 0
  }
}
service lmtp {
  inet_listener lmtp {
    address = 127.0.0.1
    port = %[2]s
  }
}
`, base, ports[0], ports[1])
	for name, content := range map[string]string{config: text, filepath.Join(base, "users"): "adresat@dovecot.example:{PLAIN}secret:65534:65534::" + base + "/mail::\n"} {
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(program, "-F", "-c", config)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt) //nolint:errcheck // it may have ended
		cmd.Wait()                       //nolint:errcheck // its end is not the test
	})
	for _, address := range []string{d.lmtp, d.imap} {
		for tries := 0; ; tries++ {
			c, err := net.Dial("tcp", address)
			if err == nil {
				c.Close()
				break
			}
			if tries == 400 {
				log, _ := os.ReadFile(filepath.Join(base, "dovecot.log"))
				t.Fatalf("Dovecot does not answer: %s%s", said.String(), log)
			}
			time.Sleep(25 * time.Millisecond)
		}
	}
	return d
}

// freePorts are ports of this machine that nobody listens on.
func freePorts(t testing.TB, n int) (out []string) {
	t.Helper()
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		out = append(out, strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
	}
	return out
}

// fetch reads the newest letter of a mailbox by IMAP.
func (d dovecotWorld) fetch(t testing.TB, user string) []byte {
	t.Helper()
	conn, err := net.Dial("tcp", d.imap)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	r := bufio.NewReader(conn)
	if _, err := r.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	say := func(tag, line string) (literal []byte) {
		fmt.Fprintf(conn, "%s %s\r\n", tag, line)
		for {
			answer, err := r.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			if i := strings.LastIndexByte(answer, '{'); i >= 0 && strings.HasSuffix(answer, "}\r\n") {
				n, err := strconv.Atoi(strings.TrimSuffix(answer[i+1:], "}\r\n"))
				if err != nil {
					t.Fatal(err)
				}
				literal = make([]byte, n)
				if _, err := io.ReadFull(r, literal); err != nil {
					t.Fatal(err)
				}
			}
			if status, ok := strings.CutPrefix(answer, tag+" "); ok {
				if !strings.HasPrefix(status, "OK") {
					t.Fatalf("IMAP: %s: %s", line, answer)
				}
				return literal
			}
		}
	}
	say("a", "LOGIN "+user+" secret")
	say("b", "SELECT INBOX")
	return say("c", "FETCH * BODY.PEEK[]")
}

// BenchmarkGate is letters a second through the gate, by one connection and by eight: TLS session, checks, header made anew, signature,
// sealed and on the disk. A letter has 8 KB of text.
func BenchmarkGate(b *testing.B) {
	letter := strings.ReplaceAll(plainLetter, "\n", "\r\n") + strings.Repeat("Рядок листа з текстом.\r\n", 200)
	for _, connections := range []int{1, 8} {
		b.Run(strconv.Itoa(connections), func(b *testing.B) {
			g := newGateWorld(b)
			open := make(chan *smtp.Client, connections)
			for range connections {
				open <- g.dial(b, "olena", "opona-dvi")
			}
			var wait sync.WaitGroup
			for b.Loop() {
				c := <-open
				wait.Go(func() {
					if err := c.SendMail(olena.Email, []string{"a@b.example"}, strings.NewReader(letter)); err != nil {
						b.Error(err)
					}
					g.mu.Lock()
					g.now = g.now.Add(time.Minute) // within a sender's share
					g.mu.Unlock()
					open <- c
				})
			}
			wait.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "letters/s")
		})
	}
}
