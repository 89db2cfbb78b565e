package office

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"io"
	"log"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"
)

var (
	draftAt   = time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	draftFrom = mailSender{address: "o.vyhadana@minagro.example", name: "Олена Вигадана, головний спеціаліст", organization: "Міністерство", position: []string{"головний спеціаліст"},
		official: "https://id.example/office/people/1", status: "valid; at=2026-11-20T09:00:00Z", host: "id.example"}
)

// crlf writes line ends as the wire has them.
func crlf(s string) []byte { return []byte(strings.ReplaceAll(s, "\n", "\r\n")) }

// draft rebuilds a message of the sender of these tests.
func draft(raw string) (mailDraft, error) { return rebuild(crlf(raw), draftFrom, draftAt) }

// entityOf is what would be signed, parsed by the standard library.
func entityOf(t testing.TB, d mailDraft) (*mail.Message, []byte) {
	t.Helper()
	var b bytes.Buffer
	if err := d.part.write(&b, d.header); err != nil {
		t.Fatal(err)
	}
	m, err := mail.ReadMessage(bytes.NewReader(b.Bytes()))
	if err != nil {
		t.Fatalf("%v\n%s", err, b.Bytes())
	}
	return m, b.Bytes()
}

// TestForeignFrom: whoever a client says a message is from, it is the work address or nothing (OML-05).
func TestForeignFrom(t *testing.T) {
	for _, head := range []string{
		"From: boss@minagro.example",
		"From: o.vyhadana@minagro.example, boss@minagro.example",
		"From: boss@minagro.example\nFrom: o.vyhadana@minagro.example",
		"From: o.vyhadana@minagro.example\nFrom: boss@minagro.example",
		"From: Group: o.vyhadana@minagro.example;",
		"From: Group: o.vyhadana@minagro.example, boss@minagro.example;",
		"From: Group:;",
		"From: ",
		"To: k@other.example",
		"From: o.vyhadana@minagro.example@boss.example",
		"From: <o.vyhadana@minagro.example> <boss@minagro.example>",
		"From: \"o.vyhadana@minagro.example\" <boss@minagro.example>",
		"From: =?utf-8?Q?o.vyhadana=40minagro.example_=3Co.vyhadana=40minagro.example=3E?= <boss@minagro.example>",
		"From: =?utf-8?Q?o.vyhadana=40minagro.example?=",
		"From: \"o.vyhadana\"@minagro.example.evil.example",
		"From: o.vyhadana@minagro.example.",
		"From: o.vyhadana@[127.0.0.1]",
		"From: o.vyhadana(\n)@minagro.examp1e",
		"From: о.vyhadana@minagro.example", // a Cyrillic о
		"From: @relay.example:o.vyhadana@minagro.example",
		"From : boss@minagro.example",
		"from\t: boss@minagro.example\nFrom: o.vyhadana@minagro.example",
		"From: o.vyhadana@minagro.example\nSender: boss@minagro.example",
		"From: o.vyhadana@minagro.example\nSender: G: o.vyhadana@minagro.example;",
		"From: o.vyhadana@minagro.example\nResent-From: boss@minagro.example",
		"From: o.vyhadana@minagro.example\nResent-Sender: boss@minagro.example",
		"From: o.vyhadana@minagro.example\nResent-From: o.vyhadana@minagro.example\nResent-From: boss@minagro.example",
		"From: o.vyhadana@minagro.example\nDisposition-Notification-To: boss@minagro.example",
		"From: o.vyhadana@minagro.example\nReturn-Receipt-To: boss@minagro.example",
	} {
		if d, err := draft(head + "\nTo: k@other.example\n\ntext\n"); err == nil {
			t.Errorf("%q became\n%s", head, d.header)
		} else if !errors.As(err, new(*MailRefusal)) {
			t.Errorf("%q: %v", head, err)
		}
	}
	for _, head := range []string{
		"From: o.vyhadana@minagro.example",
		"From: O.Vyhadana@MinAgro.Example",
		"From: Хто завгодно <o.vyhadana@minagro.example>",
		"From: \"Boss: <boss@minagro.example>; \\\" x\" <o.vyhadana@minagro.example>",
		"From: o.vyhadana@minagro.example (boss@minagro.example; x:)",
		"FROM:o.vyhadana@minagro.example\nSENDER: <o.vyhadana@minagro.example>",
		"From: =?windows-1251?B?wO3x?= <o.vyhadana@minagro.example>",
	} {
		d, err := draft(head + "\nTo: k@other.example\n\ntext\n")
		if err != nil {
			t.Errorf("%q: %v", head, err)
			continue
		}
		m, _ := entityOf(t, d)
		from, err := mail.ParseAddressList(m.Header.Get("From"))
		if err != nil || len(from) != 1 || from[0].Address != draftFrom.address || from[0].Name != draftFrom.name || len(m.Header["From"]) != 1 || len(m.Header["Sender"]) != 0 {
			t.Errorf("%q: %v %v", head, m.Header, err)
		}
	}
}

// TestHeaderMadeAnew: only fields of the list go out, each read and written again (OML-06, OML-08).
func TestHeaderMadeAnew(t *testing.T) {
	d, err := draft(`Received: from 192.0.2.7
Return-Path: <boss@minagro.example>
DKIM-Signature: v=1; a=rsa-sha256
Authentication-Results: mx; dkim=pass
X-Posvid-Service-ID: valid; at=2020-01-01T00:00:00Z
X-Posvid-Position: міністр
Organization: Президент
X-Mailer: Program of 192.0.2.7
From: me <o.vyhadana@minagro.example>
To: =?utf-8?B?0JrQvtC80YM=?= <K.Adresat@OTHER.example>, "Q \"x\", y" <q@other.example>
Cc: copy@other.example
Bcc: secret@other.example
Reply-To: reply@other.example
Subject: =?utf-8?Q?=D0=9F=D1=80=D0=BE=0D=0ABcc:_evil@x.example?=
Date: Fri, 20 Nov 2026 11:00:00 +0200
Message-ID: <abc@client.example>
In-Reply-To: <one@a.example>
References: <one@a.example> <two@a.example> rubbish <th ree@a>
X-Priority: 1 (Highest)
Importance: HIGH
MIME-Version: 1.0
Content-Type: text/plain; charset="utf-8"; format=flowed
Content-Language: uk, en-GB

text
`)
	if err != nil {
		t.Fatal(err)
	}
	m, raw := entityOf(t, d)
	want := map[string]string{"To": "=?utf-8?B?0JrQvtC80YM=?= <K.Adresat@other.example>, \"Q \\\"x\\\", y\" <q@other.example>", "Cc": "<copy@other.example>", "Reply-To": "<reply@other.example>",
		"Date": "Fri, 20 Nov 2026 11:00:00 +0200", "Message-Id": "<abc@client.example>", "In-Reply-To": "<one@a.example>", "References": "<one@a.example> <two@a.example>",
		"X-Priority": "1", "Importance": "high", "Content-Type": "text/plain; charset=utf-8; format=flowed", "Content-Language": "uk, en-GB",
		"X-Posvid-Service-Id": draftFrom.status, "X-Posvid-Official": "<" + draftFrom.official + ">"}
	for name, value := range want {
		if got := m.Header.Get(name); got != value {
			t.Errorf("%s: %q, want %q", name, got, value)
		}
	}
	texts := map[string]string{"Subject": "Про Bcc: evil@x.example", "Organization": "Міністерство", "X-Posvid-Position": "головний спеціаліст"}
	for name, value := range texts {
		if got, err := wordDecoder.DecodeHeader(m.Header.Get(name)); err != nil || got != value {
			t.Errorf("%s: %q %v, want %q", name, got, err, value)
		}
	}
	for name, values := range m.Header {
		if _, plain := want[name]; !plain && texts[name] == "" && name != "From" || len(values) != 1 {
			t.Errorf("field %s: %q", name, values)
		}
	}
	for _, secret := range []string{"secret@", "192.0.2.7", "evil@x.example\r", "міністр", "2020"} {
		if bytes.Contains(raw, []byte(secret)) {
			t.Errorf("%q went out:\n%s", secret, raw)
		}
	}
}

// TestHeaderFilledIn: a client may leave out date and id; a date far from now is not believed (OML-06).
func TestHeaderFilledIn(t *testing.T) {
	for _, head := range []string{"", "Date: Fri, 20 Nov 2020 09:00:00 +0000\nMessage-ID: no id\n", "Date: rubbish\nMessage-ID: <a@b> <c@d>\n", "Message-ID: <a@b@c>\n", "Message-ID: <a\"@b>\n"} {
		d, err := draft("From: o.vyhadana@minagro.example\n" + head + "\ntext\n")
		if err != nil {
			t.Fatalf("%q: %v", head, err)
		}
		m, _ := entityOf(t, d)
		id := m.Header.Get("Message-Id")
		if m.Header.Get("Date") != "Fri, 20 Nov 2026 09:00:00 +0000" || !strings.HasSuffix(id, "@id.example>") || len(id) != 26+len("<@id.example>") || m.Header.Get("To") != "undisclosed-recipients:;" {
			t.Errorf("%q: %v", head, m.Header)
		}
	}
	for said, want := range map[string]string{"auto-replied": "auto-replied", "Auto-Replied; owner-email=\"a@b\"": "auto-replied", "auto-generated": "auto-generated",
		"auto-notified ; x=y": "auto-notified", "no": "", "auto-other": "", "x\n auto-replied": ""} {
		d, err := draft("From: o.vyhadana@minagro.example\nAuto-Submitted: " + said + "\n\ntext\n")
		if err != nil {
			t.Fatal(err)
		}
		if m, _ := entityOf(t, d); m.Header.Get("Auto-Submitted") != want {
			t.Errorf("Auto-Submitted %q became %q, want %q", said, m.Header.Get("Auto-Submitted"), want)
		}
	}
	d, err := draft("From: o.vyhadana@minagro.example\nTo: undisclosed-recipients: ;\n\ntext\n")
	if err != nil || !bytes.Contains(d.header, []byte("To: undisclosed-recipients:;\r\n")) {
		t.Errorf("%v\n%s", err, d.header)
	}
}

// TestMalformedMessage: what is not RFC 5322 or MIME is refused, not guessed (OML-07).
func TestMalformedMessage(t *testing.T) {
	const from = "From: o.vyhadana@minagro.example\n"
	deep := func(n int) string {
		s := "Content-Type: text/plain\n\nпривіт\n"
		for range n {
			s = "Content-Type: multipart/mixed; boundary=b" + strings.Repeat("x", n) + "\n\n--b" + strings.Repeat("x", n) + "\n" + s + "\n--b" + strings.Repeat("x", n) + "--\n"
			n--
		}
		return s
	}
	for name, raw := range map[string]string{
		"no header":             "\ntext",
		"nothing":               "",
		"folded first":          " From: x\n" + from + "\n",
		"no colon":              from + "rubbish\n\ntext",
		"mbox line":             "From o.vyhadana@minagro.example Fri\n" + from + "\ntext",
		"space in a name":       from + "X Y: z\n\n",
		"NUL":                   from + "Subject: a\x00b\n\n",
		"escape":                from + "Subject: a\x1b[2Jb\n\n",
		"not UTF-8":             from + "Subject: \xff\xfe\n\n",
		"two subjects":          from + "Subject: a\nSubject: b\n\n",
		"two content types":     from + "Content-Type: text/plain\nContent-Type: text/html\n\n",
		"too many fields":       from + strings.Repeat("X: y\n", maxHeaderFields) + "\n",
		"too long":              from + "X: " + strings.Repeat("y", maxHeaderBytes) + "\n\n",
		"long subject":          from + "Subject: " + strings.Repeat("y ", maxUnstructured) + "\n\n",
		"address":               from + "To: nobody\n\n",
		"unicode address":       from + "To: кому@приклад.укр\n\n",
		"long address list":     from + "To: " + strings.Repeat("y ", maxAddressField/2) + "<a@b.example>\n\n",
		"many addresses":        from + "To: " + strings.Repeat("a@b.example, ", maxHeaderNames) + "a@b.example\n\n",
		"content type":          from + "Content-Type: text\n\n",
		"content type, params":  from + "Content-Type: text/plain; charset=a; charset=b\n\n",
		"encoding":              from + "Content-Transfer-Encoding: x-uuencode\n\n",
		"encoded multipart":     from + "Content-Type: multipart/mixed; boundary=b\nContent-Transfer-Encoding: base64\n\n",
		"no boundary":           from + "Content-Type: multipart/mixed\n\n",
		"no parts":              from + "Content-Type: multipart/mixed; boundary=b\n\nпривіт\n",
		"boundary in a line":    from + "Content-Type: multipart/mixed; boundary=b\n\n--bb\n\nпривіт\n--b--\n",
		"bad base64":            from + "Content-Transfer-Encoding: base64\n\nпривіт\n",
		"parts in parts":        from + deep(maxPartDepth+2),
		"many parts":            from + "Content-Type: multipart/mixed; boundary=b\n\n" + strings.Repeat("--b\n\nї\n", maxMailParts+1) + "--b--\n",
		"parameter not written": from + "Content-Type: text/plain; name=\"" + strings.Repeat("x", 1000) + "\"\n\n",
	} {
		d, err := draft(raw)
		if err == nil { // what cannot be written is told when it is
			err = d.part.write(new(bytes.Buffer), d.header)
		}
		if !errors.Is(err, MailMalformed) && !errors.Is(err, MailAddress) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := draft(from + "Content-Type: multipart/signed; boundary=b\n\n--b\n\nпривіт\n--b--\n"); !errors.Is(err, MailSigned) {
		t.Errorf("signed 8-bit part: %v", err)
	}
}

// TestMessageInside: a message that is all of a letter goes as a part of it, and never as what the signature is over: some mail programs take the header of
// such one for the letter's own (OML-09).
func TestMessageInside(t *testing.T) {
	for _, kind := range []string{"message/rfc822", "message/rfc822; forwarded=no", "message/global", "Message/RFC822; hp=\"clear\""} {
		d, err := draft("From: <" + draftFrom.address + ">\nMIME-Version: 1.0\nContent-Type: " + kind + "\n\nFrom: boss@minagro.example\nSubject: forged\n\ntext\n")
		if err != nil {
			t.Fatal(err)
		}
		m, whole := entityOf(t, d)
		if got := m.Header.Get("Content-Type"); !strings.HasPrefix(got, "multipart/mixed; boundary=") || !bytes.Contains(whole, []byte("\r\nFrom: boss@minagro.example\r\nSubject: forged\r\n\r\ntext\r\n")) {
			t.Errorf("%s: %s\n%s", kind, got, whole)
		}
	}
}

// TestFoldedHeader: a header that folds at every other byte is read once, not once a line: a message may have a hundred of them (OML-07).
func TestFoldedHeader(t *testing.T) {
	raw := "From: <" + draftFrom.address + ">\nSubject: one\n two\nX-Long: a" + strings.Repeat("\n ", 80<<10) + "\n\ntext\n"
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	d, err := draft(raw)
	runtime.ReadMemStats(&after)
	if err != nil || d.subject != "one two" {
		t.Errorf("%q %v", d.subject, err)
	}
	if mib := (after.TotalAlloc - before.TotalAlloc) >> 20; mib > 64 {
		t.Errorf("%d MiB taken for a header of 240 KiB", mib)
	}
}

// leaves are the contents of the parts of an entity, decoded.
func leaves(t testing.TB, header func(string) string, body io.Reader) (out []string) {
	t.Helper()
	media, params, err := mime.ParseMediaType(header("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(media, "multipart/") {
		r := multipart.NewReader(body, params["boundary"])
		for {
			p, err := r.NextRawPart()
			if err == io.EOF {
				return out
			}
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, leaves(t, p.Header.Get, p)...)
		}
	}
	switch header("Content-Transfer-Encoding") {
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	}
	data, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return append(out, media+" "+params["charset"]+"|"+string(data))
}

// TestSevenBit: what relays would change is encoded, and says the same afterwards; what is fit stays byte for byte (OML-09).
func TestSevenBit(t *testing.T) {
	const from = "From: o.vyhadana@minagro.example\n"
	long := strings.Repeat("x", 1200)
	for name, c := range map[string]struct {
		raw  string
		want []string // leaves
	}{
		"plain":             {"\nплан\n", []string{"text/plain utf-8|план\r\n"}},
		"mostly ASCII":      {"Content-Type: text/plain; charset=utf-8\n\n" + strings.Repeat("plain text ", 20) + "ї\n", []string{"text/plain utf-8|" + strings.Repeat("plain text ", 20) + "ї\r\n"}},
		"From line":         {"\nFrom here on\nand From there\n", []string{"text/plain utf-8|From here on\r\nand From there\r\n"}},
		"later From line":   {"\nHello\nFrom here on\n", []string{"text/plain utf-8|Hello\r\nFrom here on\r\n"}},
		"From in qp":        {"Content-Transfer-Encoding: quoted-printable\n\nFrom =D0=BA\n", []string{"text/plain utf-8|From к\r\n"}},
		"long line":         {"\n" + long + "\n", []string{"text/plain utf-8|" + long + "\r\n"}},
		"windows-1251":      {"Content-Type: text/plain; charset=windows-1251\nContent-Transfer-Encoding: 8bit\n\n\xef\xeb\xe0\xed\n", []string{"text/plain windows-1251|\xef\xeb\xe0\xed\r\n"}},
		"bytes":             {"Content-Type: application/octet-stream\nContent-Transfer-Encoding: 8bit\n\n\x00\xff\x01\n", []string{"application/octet-stream |\x00\xff\x01\r\n"}},
		"NUL":               {"\na\x00b\n", []string{"text/plain utf-8|a\x00b\r\n"}},
		"parts":             {"Content-Type: multipart/mixed; boundary=b\n\npreamble ї\n--b\nContent-Type: text/html; charset=utf-8\n\n<p>ї</p>\n--b\t\nContent-Type: image/png\nContent-Transfer-Encoding: base64\n\nAAEC\n--b--\nepilogue\n", []string{"text/html utf-8|<p>ї</p>", "image/png |\x00\x01\x02"}},
		"parts in parts":    {"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: multipart/alternative; boundary=\"b 2\"\n\n--b 2\n\nї\n--b 2\nContent-Type: text/html\n\nx\n--b 2--\n--b\n\ny\n--b--\n", []string{"text/plain utf-8|ї", "text/html |x", "text/plain |y"}},
		"forwarded message": {"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/rfc822\n\nSubject: ї\n\nї\n--b--\n", []string{"application/octet-stream |Subject: ї\r\n\r\nї"}},
		"unended":           {"Content-Type: multipart/mixed; boundary=b\n\n--b\n\nї\n", []string{"text/plain utf-8|ї\r\n"}},
	} {
		d, err := draft(from + c.raw)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		m, raw := entityOf(t, d)
		if !survivesRelays(raw) {
			t.Errorf("%s: relays would change\n%s", name, raw)
		}
		// A part without a charset that had no reason to change keeps saying nothing.
		got := leaves(t, m.Header.Get, m.Body)
		for i := range got {
			got[i] = strings.Replace(got[i], "text/plain us-ascii", "text/plain ", 1)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q\n%s", name, got, c.want, raw)
		}
	}
	body := "--b\nContent-Type: text/plain\nX-Client: kept as it is\n\nplain  \n--b\nContent-Type: application/pdf; name=\"=?utf-8?Q?x?=\"\nContent-Transfer-Encoding: base64\n\nAAAA\n--b--\n"
	d, err := draft(from + "Content-Type: multipart/signed; micalg=sha-256; protocol=\"application/pkcs7-signature\"; boundary=b\n\n" + body)
	if err != nil || !bytes.Equal(d.part.body, crlf(body)) || d.part.params["boundary"] != "b" {
		t.Errorf("%v: changed\n%s", err, d.part.body)
	}
}

// TestHeaderWords: a word with a line end, or none, is not written, whoever made it (OML-08).
func TestHeaderWords(t *testing.T) {
	for _, w := range []headerWord{"", "a\r\nBcc: x", "a\nb", "a\rb", "a\x00", "ї", "a\tb", "a\x7f", headerWord(strings.Repeat("x", maxHeaderLine))} {
		var h headerWriter
		if err := h.add("Subject", "fine", w); err == nil {
			t.Errorf("%q was written: %q", w, h.String())
		}
	}
	for _, text := range []string{"plain text", "=?utf-8?Q?x?=", "Україна, ґ і ї", strings.Repeat("довге ", 100), strings.Repeat("x", 200), "a\r\nBcc: x@y.example", "a\x00b\u2028c", "\xff\xfe", "🙂🙂🙂", " ", "\"q\" \\ <>"} {
		for name, words := range map[string][]headerWord{"Subject": textWords(text), "From": mailboxWords(text, "a@b.example")} {
			var h headerWriter
			if err := h.add(name, words...); err != nil {
				t.Fatalf("%q: %v", text, err)
			}
			if h.Len() == 0 {
				continue
			}
			for line := range strings.SplitSeq(strings.TrimSuffix(h.String(), "\r\n"), "\r\n") {
				if len(line) > 78+10 && len(words) > 1 || strings.ContainsAny(line, "\r\n") {
					t.Errorf("%q: line %q", text, line)
				}
			}
			m, err := mail.ReadMessage(strings.NewReader(h.String() + "\r\n"))
			if err != nil || len(m.Header) != 1 {
				t.Fatalf("%q: %v %v", text, m, err)
			}
			want := strings.Join(strings.Fields(strings.Map(func(r rune) rune {
				if r < ' ' || r == utf8.RuneError || r == 0x2028 {
					return ' '
				}
				return r
			}, text)), " ")
			got, err := wordDecoder.DecodeHeader(m.Header.Get(name))
			if name == "From" {
				a, aerr := mail.ParseAddress(m.Header.Get(name))
				if aerr != nil || a.Address != "a@b.example" {
					t.Fatalf("%q: %v", text, aerr)
				}
				got, err = a.Name, nil
			}
			if err != nil || got != want {
				t.Errorf("%q: %q %v", want, got, err)
			}
		}
	}
}

// FuzzMessage: whatever comes in, what goes out has the sender's own From, fields of the list only, and lines that no relay changes.
func FuzzMessage(f *testing.F) {
	for _, seed := range []string{
		"From: o.vyhadana@minagro.example\nTo: k@other.example\nSubject: =?utf-8?B?0J8=?=\n\ntext\n",
		"From: a <o.vyhadana@minagro.example>\nTo: G: a@b.c, d@e.f;\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain; charset=utf-8\n\nї\n--b\nContent-Disposition: attachment; filename*=utf-8''%D1%97.txt\n\nx\n--b--\n",
		"From: \"x\\\"\" (c(d)) <o.vyhadana@minagro.example>\nReferences: <a@b> <c@d>\nContent-Type: message/rfc822\n\nSubject: ї\n\nї",
		"From: o.vyhadana@minagro.example\nContent-Transfer-Encoding: quoted-printable\n\nFrom =D1=97 " + strings.Repeat("x", 1000),
		"From: o.vyhadana@minagro.example\rBcc: x@y.z\n\n.\n..\n",
	} {
		f.Add(crlf(seed))
	}
	allowed := []string{"From", "To", "Cc", "Reply-To", "Subject", "Date", "Message-Id", "In-Reply-To", "References", "Importance", "X-Priority", "Disposition-Notification-To",
		"Auto-Submitted", "Organization", "X-Posvid-Position", "X-Posvid-Service-Id", "X-Posvid-Official", "Content-Type", "Content-Transfer-Encoding",
		"Content-Disposition", "Content-Id", "Content-Description", "Content-Language"}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if len(raw) > 64<<10 {
			return
		}
		d, err := rebuild(raw, draftFrom, draftAt)
		if err != nil {
			if !errors.As(err, new(*MailRefusal)) {
				t.Fatalf("not a refusal: %v", err)
			}
			return
		}
		var b bytes.Buffer
		if err := d.part.write(&b, d.header); err != nil {
			if !errors.As(err, new(*MailRefusal)) {
				t.Fatalf("not a refusal: %v", err)
			}
			return
		}
		if !survivesRelays(b.Bytes()) || bytes.Contains(bytes.ReplaceAll(b.Bytes(), []byte("\r\n"), nil), []byte("\n")) {
			t.Fatalf("relays would change %q", b.Bytes())
		}
		m, err := mail.ReadMessage(&b)
		if err != nil {
			t.Fatal(err)
		}
		for name, values := range m.Header {
			if !slices.Contains(allowed, name) || len(values) != 1 {
				t.Fatalf("field %s: %q", name, values)
			}
		}
		from, err := mail.ParseAddressList(m.Header.Get("From"))
		if err != nil || len(from) != 1 || from[0].Address != draftFrom.address || from[0].Name != draftFrom.name {
			t.Fatalf("From: %q %v", m.Header.Get("From"), err)
		}
		if again, err := rebuild(append(append([]byte{}, d.header...), "\r\nx"...), draftFrom, draftAt); err != nil {
			t.Fatalf("what went out does not come in: %v\n%s\n%s", err, d.header, again.header)
		}
	})
}

// FuzzGate: whatever is said to the gate by somebody who is logged in, it neither breaks nor queues a message of somebody else.
func FuzzGate(f *testing.F) {
	for _, seed := range []string{
		"MAIL FROM:<o.vyhadana@minagro.example>\nRCPT TO:<a@b.example>\nDATA\nFrom: o.vyhadana@minagro.example\n\ntext\n.\nQUIT\n",
		"MAIL FROM:<o.vyhadana@minagro.example> BODY=8BITMIME SIZE=10\nRCPT TO:<a@b.example> NOTIFY=NEVER\nBDAT 10\n0123456789BDAT 0 LAST\n",
		"RSET\nNOOP\nVRFY x\nAUTH LOGIN\nAUTH PLAIN AA==\nSTARTTLS\nEHLO y\nMAIL FROM:<>\nRCPT TO:<@a,@b:c@d>\nDATA\n",
		"\n\n\n\nMAIL FROM:<>\n",
		"MAIL FROM:<\"a b\"@c> AUTH=<>\nBDAT 5\nabcdeRSET\nMAIL FROM:<o.vyhadana@minagro.example>\n.\n..\n",
	} {
		f.Add(crlf(seed))
	}
	m := &Mail{store: fuzzStore{}, host: "id.example", c: MailConfig{Origin: "https://id.example", Page: func(Seat) string { return "/" },
		Seated: func(context.Context, Seat) (Member, Status, error) {
			return Member{Email: draftFrom.address}, StatusValid, nil
		},
		BodyName: func(context.Context, string) (string, error) { return "Міністерство", nil }}}
	f.Fuzz(func(t *testing.T, said []byte) {
		if len(said) > 64<<10 || bytes.Contains(said, []byte("STARTTLS")) { // TLS would wait for a handshake
			return
		}
		g, err := NewGate(GateConfig{Domain: "gate.example", TLS: &tls.Config{}})
		if err != nil {
			t.Fatal(err)
		}
		var broken atomic.Bool
		if err := g.Join(GateJoin{Mail: m, Now: func() time.Time { return draftAt },
			Login: func(context.Context, string, string, netip.Addr) (GateLogin, error) {
				return GateLogin{Live: func(context.Context) error { return nil }}, nil
			},
			Fault: func(err error) { broken.Store(broken.Load() || !errors.Is(err, errFuzzStore)) }}); err != nil {
			t.Fatal(err)
		}
		g.server.AllowInsecureAuth = true
		var complaints strings.Builder
		g.server.ErrorLog = log.New(&complaints, "", 0)
		in := io.MultiReader(strings.NewReader("EHLO x\r\nAUTH PLAIN AGEAYg==\r\n"), bytes.NewReader(said))
		l := &fuzzListener{conn: &fuzzConn{Reader: in}, done: make(chan struct{})}
		go g.server.Serve(l) //nolint:errcheck // it ends with the listener
		<-l.conn.closed()
		g.server.Shutdown(t.Context()) //nolint:errcheck // nothing is under way
		// The library goes on for what was sent ahead after it has closed a connection, without a session, and catches its own panic.
		if broken.Load() || strings.Contains(complaints.String(), "posvid/office.") {
			t.Fatalf("%q: %s", said, complaints.String())
		}
	})
}

// errFuzzStore is what a store answers that keeps nothing.
var errFuzzStore = errors.New("no store")

// fuzzStore has settings, and no certificate and no queue.
type fuzzStore struct{}

func (fuzzStore) Update(context.Context, func(Tx) error) error { return errFuzzStore }
func (fuzzStore) View(_ context.Context, f func(Tx) error) error {
	return f(fuzzTx{})
}
func (fuzzStore) MAC(string, []byte) ([32]byte, error) { return [32]byte{}, errFuzzStore }

type fuzzTx struct{ Tx }

func (fuzzTx) Row(q string, _ []any, dest ...any) error {
	if !strings.Contains(q, "office_mail_settings") {
		return errFuzzStore
	}
	*dest[6].(*string), *dest[0].(*string) = "minagro.example", MailFolder
	return nil
}
func (fuzzTx) Rows(string, []any, func(func(...any) error) error) error { return errFuzzStore }

// fuzzConn says what a reader has and forgets what it hears.
type fuzzConn struct {
	io.Reader
	mu   sync.Mutex
	over chan struct{}
}

func (c *fuzzConn) closed() chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over == nil {
		c.over = make(chan struct{})
	}
	return c.over
}
func (c *fuzzConn) Write(p []byte) (int, error) { return len(p), nil }
func (c *fuzzConn) Close() error {
	over := c.closed()
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-over:
	default:
		close(over)
	}
	return nil
}
func (c *fuzzConn) LocalAddr() net.Addr              { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 25} }
func (c *fuzzConn) RemoteAddr() net.Addr             { return c.LocalAddr() }
func (c *fuzzConn) SetDeadline(time.Time) error      { return nil }
func (c *fuzzConn) SetReadDeadline(time.Time) error  { return nil }
func (c *fuzzConn) SetWriteDeadline(time.Time) error { return nil }

type fuzzListener struct {
	conn *fuzzConn
	once atomic.Bool
	done chan struct{}
}

func (l *fuzzListener) Accept() (net.Conn, error) {
	if l.once.CompareAndSwap(false, true) {
		return l.conn, nil
	}
	<-l.done
	return nil, net.ErrClosed
}
func (l *fuzzListener) Close() error {
	select {
	case <-l.done:
	default:
		close(l.done)
	}
	return nil
}
func (l *fuzzListener) Addr() net.Addr { return l.conn.LocalAddr() }
