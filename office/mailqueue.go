package office

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// Terms and bounds of delivery.
const (
	giveUp         = 72 * time.Hour // after that a recipient has failed
	atOnce         = 50             // messages of one round
	maxBroken      = 3              // connections that break in one round before it ends
	dialTime       = 20 * time.Second
	commandTime    = 60 * time.Second
	submissionTime = 5 * time.Minute // for the answer after the text
	maxAnswers     = 4 << 20         // bytes that a server says on one connection
)

// backoff is how long to wait after a try in vain: the last entry repeats.
var backoff = []time.Duration{time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute}

// mailAnswer is what became of one try for one recipient. The zero answer is delivery.
type mailAnswer struct {
	final  bool
	code   string // "550 5.1.1"
	detail string
}

// mailCarrier takes messages to where a body's mail goes. It is used by one goroutine.
type mailCarrier interface {
	// carry answers one answer a recipient. With an error nothing more can be carried this way; answers that came before it count.
	carry(id, from string, to []string, first int, content []byte) ([]mailAnswer, error)
	close()
}

// mailDue is one message with the recipients that are to be tried.
type mailDue struct {
	id, from, seat string
	n              []int
	to             []string
	tries          []int
	queued         time.Time
	content        []byte
}

// Deliver tries every message of a body that is due, and answers how many recipients got theirs. What cannot be carried now stays
// for later; what cannot be carried at all is reported to its sender. It is not run twice at a time for one body. Error: of the
// store, or ctx's; that of a message which cannot be read back comes after the others had their turn.
func (m *Mail) Deliver(ctx context.Context, body string, at time.Time) (sent int, err error) {
	set, err := m.Settings(ctx, body)
	if errors.Is(err, MailNotSet) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	var ids []string
	if err := m.store.View(ctx, func(tx Tx) error {
		return tx.Rows(`SELECT message FROM office_mail_recipients WHERE body = $1 AND state = 'queued' AND next <= $2 GROUP BY message ORDER BY min(next) LIMIT $3`,
			[]any{body, at.UnixMilli(), atOnce}, func(scan func(...any) error) error {
				var id string
				err := scan(&id)
				ids = append(ids, id)
				return err
			})
	}); err != nil || len(ids) == 0 {
		return 0, err
	}
	var c mailCarrier
	var damaged error     // of a message that cannot be read back
	var unreachable error // nothing can be carried in this round
	broken := 0           // connections that broke
	defer func() {
		if c != nil {
			c.close()
		}
	}()
	for _, id := range ids {
		d, err := m.due(ctx, id, at)
		if err != nil && ctx.Err() == nil { // it is the first of its body in every round, and must not hold the others back
			damaged = err
			if err = m.putOff(ctx, id, at); err == nil {
				continue
			}
		}
		if err != nil {
			return sent, err
		}
		if c == nil && unreachable == nil {
			c, unreachable = m.dial(ctx, set)
		}
		answers := forEvery(d.to, answerOf(unreachable))
		if unreachable == nil {
			var err error
			if answers, err = c.carry(d.id, d.from, d.to, d.n[0], d.content); err != nil {
				// The next message gets a new connection: it may be this one that the server cannot bear.
				c.close()
				c = nil
				if answers == nil {
					answers = forEvery(d.to, answerOf(err))
				}
				if broken++; broken == maxBroken {
					unreachable = err
				}
			}
		}
		if ctx.Err() != nil { // told to stop: no fault of the server
			return sent, ctx.Err()
		}
		n, err := m.settle(ctx, body, d, answers, at)
		if err != nil {
			return sent, err
		}
		sent += n
	}
	return sent, damaged
}

// putOff has a message wait that cannot be read back from the store; after the time of all letters it has failed.
func (m *Mail) putOff(ctx context.Context, id string, at time.Time) error {
	return m.store.Update(ctx, func(tx Tx) error {
		if _, err := tx.Exec(`UPDATE office_mail_recipients SET tries = tries + 1, next = $1, answer = '451 4.3.0', detail = NULL, changed = $2,
			state = CASE WHEN (SELECT queued FROM office_mail_messages WHERE id = $3) <= $4 THEN 'failed' ELSE 'queued' END
			WHERE message = $3 AND state = 'queued' AND next <= $2`,
			at.Add(backoff[len(backoff)-1]).UnixMilli(), at.UnixMilli(), id, at.Add(-giveUp).UnixMilli()); err != nil {
			return err
		}
		return dropContent(tx, id)
	})
}

// dropContent deletes the text of a message of which every recipient has a fate.
func dropContent(tx Tx, id string) error {
	_, err := tx.Exec(`UPDATE office_mail_messages SET content = NULL WHERE id = $1
		AND NOT EXISTS (SELECT 1 FROM office_mail_recipients WHERE message = $1 AND state = 'queued')`, id)
	return err
}

// due loads one message.
func (m *Mail) due(ctx context.Context, id string, at time.Time) (d mailDue, err error) {
	d.id = id
	return d, m.store.View(ctx, func(tx Tx) error {
		var from, content []byte
		var queued int64
		if err := tx.Row(`SELECT seat, sender, content, queued FROM office_mail_messages WHERE id = $1`, []any{id}, &d.seat, &from, &content, &queued); err != nil {
			return err
		}
		d.queued = time.UnixMilli(queued)
		plain, err := tx.Open("office_mail_messages.sender", id, from)
		if err != nil {
			return err
		}
		d.from = string(plain)
		if d.content, err = tx.Open("office_mail_messages.content", id, content); err != nil {
			return err
		}
		return tx.Rows(`SELECT n, address, tries FROM office_mail_recipients WHERE message = $1 AND state = 'queued' AND next <= $2 ORDER BY n`, []any{id, at.UnixMilli()},
			func(scan func(...any) error) error {
				var n, tries int
				var sealed []byte
				if err := scan(&n, &sealed, &tries); err != nil {
					return err
				}
				plain, err := tx.Open("office_mail_recipients.address", id+"/"+strconv.Itoa(n), sealed)
				d.n, d.to, d.tries = append(d.n, n), append(d.to, string(plain)), append(d.tries, tries)
				return err
			})
	})
}

// settle writes down what became of a try, in one transaction with the report of what failed. It answers how many were delivered.
func (m *Mail) settle(ctx context.Context, body string, d mailDue, answers []mailAnswer, at time.Time) (sent int, err error) {
	var failed []Fate
	late := at.Sub(d.queued) >= giveUp
	for i, a := range answers {
		if a.code != "" && (a.final || late) {
			failed = append(failed, Fate{Address: d.to[i], Answer: a.code, Detail: a.detail})
		}
	}
	var report *mailItem
	if len(failed) > 0 && d.from != "" {
		if report, err = m.bounce(body, d, failed, at); err != nil {
			return 0, err
		}
		if err := m.store.View(ctx, report.seal); err != nil {
			return 0, err
		}
	}
	err = m.store.Update(ctx, func(tx Tx) error {
		sent = 0
		for i, a := range answers {
			state, next := "sent", at
			if a.code != "" {
				state, next = "queued", at.Add(backoff[min(d.tries[i], len(backoff)-1)])
				if a.final || late {
					state, next = "failed", at
				}
			}
			if state == "sent" {
				sent++
			}
			var detail []byte
			if a.detail != "" {
				var err error
				if detail, err = tx.Seal("office_mail_recipients.detail", d.id+"/"+strconv.Itoa(d.n[i]), []byte(a.detail)); err != nil {
					return err
				}
			}
			if err := tx.Exec1(`UPDATE office_mail_recipients SET state = $1, tries = tries + 1, next = $2, answer = $3, detail = $4, changed = $5
				WHERE message = $6 AND n = $7 AND state = 'queued'`, state, next.UnixMilli(), a.code, detail, at.UnixMilli(), d.id, d.n[i]); err != nil {
				return err
			}
		}
		if err := dropContent(tx, d.id); err != nil {
			return err
		}
		if report != nil {
			return report.insert(tx, at)
		}
		return nil
	})
	return sent, err
}

// answerOf reads an error of a server or of the way to it. A connection that fails is a temporary answer.
func answerOf(err error) mailAnswer {
	if err == nil {
		return mailAnswer{}
	}
	var reply *smtp.SMTPError
	if !errors.As(err, &reply) {
		return mailAnswer{code: "451 4.4.1", detail: "the server cannot be reached: " + replyLine(kindOf(err))}
	}
	a := mailAnswer{code: strconv.Itoa(reply.Code), detail: replyLine(reply.Message), final: reply.Code >= 500}
	if e := reply.EnhancedCode; e != smtp.EnhancedCodeNotSet && e != smtp.NoEnhancedCode {
		a.code += fmt.Sprintf(" %d.%d.%d", e[0], e[1], e[2])
	}
	return a
}

// kindOf names a fault of a connection without addresses.
func kindOf(err error) string {
	var certificate *tls.CertificateVerificationError
	var op *net.OpError
	var name *net.DNSError
	switch {
	case errors.As(err, &certificate):
		return "its certificate is not trusted"
	case errors.As(err, &name):
		return "its name does not resolve"
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return "it does not answer in time"
	case errors.Is(err, errAnswers):
		return "its answers are too long"
	case errors.As(err, &op) && op.Op == "dial":
		return "it does not take connections"
	}
	return "the connection broke"
}

// errSetup is an answer of a server to how it is spoken to, not to a message: the settings are wrong, and letters wait.
func errSetup(err error) error {
	var reply *smtp.SMTPError
	if errors.As(err, &reply) && reply.Code >= 500 {
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 7, 0}, Message: "the server refuses the gate: " + reply.Message}
	}
	return err
}

// dial opens the way to where a body's mail goes.
func (m *Mail) dial(ctx context.Context, s MailSettings) (mailCarrier, error) {
	if s.Kind == MailFolder {
		return folderCarrier(s.Address), nil
	}
	network, address := "tcp", s.Address
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		network, address = "unix", path
	}
	dialer := net.Dialer{Timeout: dialTime}
	conn, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	conn = &answerConn{Conn: conn, left: maxAnswers}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	fail := func(err error) (mailCarrier, error) {
		stop()
		conn.Close()
		return nil, errSetup(err)
	}
	host, _, _ := net.SplitHostPort(s.Address)
	config := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	if s.Roots != "" {
		config.RootCAs = x509.NewCertPool()
		config.RootCAs.AppendCertsFromPEM([]byte(s.Roots))
	}
	conn.SetDeadline(time.Now().Add(dialTime)) // a deadline of the network, not a decision
	if s.TLS == "tls" {
		secure := tls.Client(conn, config)
		if err := secure.HandshakeContext(ctx); err != nil {
			return fail(err)
		}
		conn = secure
	}
	var client *smtp.Client
	switch {
	case s.Kind == MailLMTP:
		client = smtp.NewClientLMTP(conn)
	case s.TLS == "starttls":
		if client, err = smtp.NewClientStartTLS(conn, config); err != nil {
			return fail(err)
		}
	default:
		client = smtp.NewClient(conn)
	}
	client.CommandTimeout, client.SubmissionTimeout = commandTime, submissionTime
	if err := client.Hello(m.host); err != nil {
		return fail(err)
	}
	if s.User != "" {
		if err := client.Auth(sasl.NewPlainClient("", s.User, s.Password)); err != nil {
			return fail(err)
		}
	}
	return &serverCarrier{client: client, lmtp: s.Kind == MailLMTP, stop: stop}, nil
}

// answerConn bounds what a server says: an answer may have any number of lines (RFC 5321, Section 4.2.1), and the library keeps them all.
type answerConn struct {
	net.Conn
	left int
}

// errAnswers is of a server that says too much.
var errAnswers = errors.New("office: mail: the server's answers are too long")

// Read implements net.Conn.
func (c *answerConn) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, errAnswers
	}
	n, err := c.Conn.Read(p[:min(len(p), c.left)])
	c.left -= n
	return n, err
}

// serverCarrier speaks SMTP or LMTP over one connection.
type serverCarrier struct {
	client *smtp.Client
	lmtp   bool
	used   bool
	stop   func() bool
}

func (c *serverCarrier) close() {
	c.stop()
	if c.client.Quit() != nil {
		c.client.Close()
	}
}

// setupCodes are answers to MAIL that are about the gate, not about the message (RFC 5321, RFC 4954).
var setupCodes = map[int]bool{500: true, 501: true, 502: true, 503: true, 504: true, 530: true, 535: true, 538: true}

// loginCodes are those that a server which looks at everything together gives only at RCPT or DATA.
var loginCodes = map[int]bool{530: true, 535: true, 538: true}

func (c *serverCarrier) carry(_, from string, to []string, _ int, content []byte) ([]mailAnswer, error) {
	if c.used {
		if err := c.client.Reset(); err != nil {
			return nil, err
		}
	}
	c.used = true
	var reply *smtp.SMTPError
	if err := c.client.Mail(from, &smtp.MailOptions{Size: int64(len(content))}); errors.As(err, &reply) {
		if setupCodes[reply.Code] {
			err = errSetup(err)
		}
		return forEvery(to, answerOf(err)), nil
	} else if err != nil {
		return nil, err
	}
	answers := make([]mailAnswer, len(to))
	var taken []int
	for i, a := range to {
		err := c.client.Rcpt(a, nil)
		if err != nil && !errors.As(err, &reply) {
			return nil, err
		}
		if err != nil && loginCodes[reply.Code] {
			err = errSetup(err)
		}
		if answers[i] = answerOf(err); err == nil {
			taken = append(taken, i)
		}
	}
	if len(taken) == 0 {
		return answers, nil
	}
	w, err := c.client.Data()
	if errors.As(err, &reply) {
		if loginCodes[reply.Code] {
			err = errSetup(err)
		}
		for _, i := range taken {
			answers[i] = answerOf(err)
		}
		return answers, nil
	} else if err != nil {
		return nil, err
	}
	if _, err := w.Write(content); err != nil {
		return nil, err
	}
	if !c.lmtp {
		err := w.Close()
		if err != nil && !errors.As(err, &reply) {
			return nil, err
		}
		for _, i := range taken {
			answers[i] = answerOf(err)
		}
		return answers, nil
	}
	given, err := w.CloseWithLMTPResponse()
	var each smtp.LMTPDataError
	errors.As(err, &each)
	broke := false
	for _, i := range taken {
		switch {
		case given[to[i]] != nil:
		case each[to[i]] != nil:
			answers[i] = answerOf(each[to[i]])
		default: // the connection broke before the answer of this one: whoever has none has no letter
			answers[i], broke = answerOf(errNoAnswer), true
		}
	}
	if broke {
		return answers, errNoAnswer
	}
	return answers, nil
}

// errNoAnswer is of a connection that broke before every recipient had an answer.
var errNoAnswer = errors.New("office: mail: the server did not answer for every recipient")

func forEvery(to []string, a mailAnswer) []mailAnswer {
	out := make([]mailAnswer, len(to))
	for i := range out {
		out[i] = a
	}
	return out
}

// folderCarrier writes one .eml file for each recipient, under a name that a second try writes again.
type folderCarrier string

func (folderCarrier) close() {}

func (f folderCarrier) carry(id, from string, to []string, first int, content []byte) ([]mailAnswer, error) {
	if err := os.MkdirAll(string(f), 0o700); err != nil {
		return nil, err
	}
	answers := make([]mailAnswer, len(to))
	for i, a := range to {
		var b bytes.Buffer
		fmt.Fprintf(&b, "Return-Path: <%s>\r\nDelivered-To: %s\r\n", from, a)
		b.Write(content)
		if err := writeFile(filepath.Join(string(f), fmt.Sprintf("%s-%d.eml", id, first+i)), b.Bytes()); err != nil {
			return nil, err
		}
	}
	return answers, nil
}

// writeFile writes a file whole or not at all.
func writeFile(name string, content []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), ".new-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if _, err = f.Write(content); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

// bounce is the report to a mailSender that some recipients got nothing (RFC 3464). It goes with an empty return path, so that a report
// that cannot be delivered makes no other.
func (m *Mail) bounce(body string, d mailDue, failed []Fate, at time.Time) (*mailItem, error) {
	id, boundary := newMailID(), newMailID()
	var h headerWriter
	const subject = "Лист не доставлено / Undelivered mail"
	if err := errors.Join(
		h.add("Received", "by", headerWord(m.host), "(Posvid)", "id", headerWord(id+";"), headerWord(at.UTC().Format("Mon, 02 Jan 2006 15:04:05 -0700"))),
		h.add("From", mailboxWords("Поштова брама", "mailer-daemon@"+m.host)...),
		h.add("To", headerWord("<"+d.from+">")),
		h.add("Subject", textWords(subject)...),
		h.add("Date", headerWord(at.UTC().Format("Mon, 02 Jan 2006 15:04:05 -0700"))),
		h.add("Message-ID", headerWord("<"+id+"@"+m.host+">")),
		h.add("Auto-Submitted", "auto-replied"),
		h.add("MIME-Version", "1.0"),
		h.add("Content-Type", "multipart/report;", "report-type=delivery-status;", headerWord(`boundary="`+boundary+`"`)),
	); err != nil {
		return nil, err
	}
	var text, status bytes.Buffer
	text.WriteString("Цей лист не доставлено таким отримувачам:\r\nYour message was not delivered to:\r\n\r\n")
	fmt.Fprintf(&status, "Reporting-MTA: dns; %s\r\nArrival-Date: %s\r\n", m.host, d.queued.UTC().Format("Mon, 02 Jan 2006 15:04:05 -0700"))
	for _, f := range failed {
		fmt.Fprintf(&text, "  %s — %s %s\r\n", f.Address, f.Answer, f.Detail)
		code, enhanced, ok := strings.Cut(f.Answer, " ")
		if !ok {
			enhanced = code[:1] + ".0.0"
		}
		if strings.HasPrefix(enhanced, "4") { // temporary answers until the time was over
			enhanced = "4.4.7"
		}
		fmt.Fprintf(&status, "\r\nFinal-Recipient: rfc822; %s\r\nAction: failed\r\nStatus: %s\r\nLast-Attempt-Date: %s\r\n", f.Address, enhanced,
			at.UTC().Format("Mon, 02 Jan 2006 15:04:05 -0700"))
		if line := asciiLine(code + " " + f.Detail); line != "" {
			fmt.Fprintf(&status, "Diagnostic-Code: smtp; %s\r\n", line)
		}
	}
	text.WriteString("\r\nПеревірте адресу й надішліть ще раз. Долю листів видно на сторінці «Листування»:\r\nCheck the address and send again. What became of letters:\r\n" + m.c.Origin + "/office/mail\r\n")
	head := d.content
	if i := bytes.Index(head, []byte("\r\n\r\n")); i >= 0 {
		head = head[:i+2]
	}
	var b bytes.Buffer
	b.Write(h.Bytes())
	fmt.Fprintf(&b, "\r\n--%s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n%s", boundary, base64Lines(text.Bytes()))
	fmt.Fprintf(&b, "\r\n--%s\r\nContent-Type: message/delivery-status\r\n\r\n%s", boundary, status.Bytes())
	fmt.Fprintf(&b, "\r\n--%s\r\nContent-Type: text/rfc822-headers\r\n\r\n%s", boundary, head)
	fmt.Fprintf(&b, "\r\n--%s--\r\n", boundary)
	return &mailItem{id: id, body: body, subject: subject, to: []string{d.from}, content: b.Bytes()}, nil
}

// asciiLine is a line of printable ASCII of at most 200 bytes.
func asciiLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, replyLine(s))
	return s[:min(len(s), 200)]
}
