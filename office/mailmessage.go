package office

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// Bounds of a message.
const (
	MaxMessage      = 25 << 20  // bytes of a message as a client sends it
	MaxRecipients   = 100       // of one message
	maxHeaderBytes  = 256 << 10 // bytes of a header section
	maxHeaderFields = 500       // of one header section
	maxHeaderNames  = 1000      // addresses in one field
	maxAddressField = 64 << 10  // bytes of a field of addresses; reading a display name of n bytes costs n² of memory
	maxReferences   = 50        // message ids kept of References
	maxPartDepth    = 20        // of parts in parts
	maxMailParts    = 1000      // of one message that has to be re-encoded
	maxHeaderLine   = 998       // bytes of a line (RFC 5322, Section 2.1.1)
	maxMailAddress  = 254       // bytes of an address (RFC 5321, Section 4.5.3.1.3)
	maxLocalPart    = 64        // bytes of its local part (RFC 5321, Section 4.5.3.1.1)
	maxUnstructured = 10 << 10  // bytes of a mailSubject and the like
	clockTolerance  = 24 * time.Hour
)

// headerField is one field of a parsed header: value is unfolded, without the spaces around it.
type headerField struct{ name, value string }

// headerWord is what a header is built of: printable ASCII and single spaces, made only by the functions below and looked at again by
// headerWriter.add. Nothing that came from outside reaches a header in another way, so no line end can (RFC 5322, Section 2.2).
type headerWord string

// headerWriter collects the lines of a header section.
type headerWriter struct{ bytes.Buffer }

// errHeaderWord is a fault of this program: a headerWord that no function here may make.
var errHeaderWord = errors.New("office: mail: a header word holds what it must not")

// add writes one field, folded between words at 76 characters.
func (h *headerWriter) add(name string, words ...headerWord) error {
	if len(words) == 0 {
		return nil
	}
	line := len(name) + 1
	h.WriteString(name + ":")
	for _, w := range words {
		if w == "" || len(w) > maxHeaderLine-len(name)-2 || strings.ContainsFunc(string(w), func(r rune) bool { return r < ' ' || r > '~' }) {
			return errHeaderWord
		}
		if line+1+len(w) > 76 && line > len(name)+1 {
			h.WriteString("\r\n")
			line = 0
		}
		h.WriteString(" " + string(w))
		line += 1 + len(w)
	}
	h.WriteString("\r\n")
	return nil
}

// textWords is a text as a header carries it: as it is when it is plain ASCII, else in encoded words (RFC 2047). Control
// characters become spaces.
func textWords(s string) []headerWord {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == utf8.RuneError || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, s)
	words := strings.Fields(s)
	if len(words) == 0 {
		return nil
	}
	plain := !strings.Contains(s, "=?")
	for _, w := range words {
		plain = plain && len(w) <= 70 && printableASCII(w)
	}
	if plain {
		out := make([]headerWord, len(words))
		for i, w := range words {
			out[i] = headerWord(w)
		}
		return out
	}
	return encodedWords(strings.Join(words, " "))
}

// encodedWords are encoded words of at most 75 characters, cut between characters.
func encodedWords(s string) []headerWord {
	var out []headerWord
	for s != "" {
		n := 0
		for n < len(s) {
			_, size := utf8.DecodeRuneInString(s[n:])
			if n+size > 45 {
				break
			}
			n += size
		}
		out = append(out, headerWord("=?utf-8?B?"+base64.StdEncoding.EncodeToString([]byte(s[:n]))+"?="))
		s = s[n:]
	}
	return out
}

// phraseWords is a display name: a quoted string for plain ASCII, else encoded words.
func phraseWords(s string) []headerWord {
	words := textWords(s)
	if len(words) == 0 || strings.HasPrefix(string(words[0]), "=?") {
		return words
	}
	for i, w := range words {
		words[i] = headerWord(strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(string(w)))
	}
	words[0] = `"` + words[0]
	words[len(words)-1] += `"`
	return words
}

// mailboxWords is one address with its display name.
func mailboxWords(name, address string) []headerWord {
	if phrase := phraseWords(name); len(phrase) > 0 {
		return append(phrase, headerWord("<"+address+">"))
	}
	return []headerWord{headerWord("<" + address + ">")}
}

func printableASCII(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// atomText are the characters of an atom beside letters and digits (RFC 5322, Section 3.2.3).
const atomText = "!#$%&'*+-/=?^_`{|}~"

// mailAddress reads an address in its plain form: ASCII, no quotes, no comments, no literal. The domain comes out in lower case.
func mailAddress(s string) (string, bool) {
	local, domain, ok := strings.Cut(s, "@")
	if !ok || len(s) > maxMailAddress || local == "" || len(local) > maxLocalPart {
		return "", false
	}
	for atom := range strings.SplitSeq(local, ".") {
		if atom == "" || strings.ContainsFunc(atom, func(r rune) bool { return !asciiLetterOrDigit(r) && !strings.ContainsRune(atomText, r) }) {
			return "", false
		}
	}
	domain = strings.ToLower(domain)
	return local + "@" + domain, isDomain(domain)
}

// IsMailAddress tells whether the gate can write to an address: ASCII, without quotes, comments and literals.
func IsMailAddress(s string) bool {
	_, ok := mailAddress(s)
	return ok
}

// isDomain tells whether a name is a host name of LDH labels, lower case.
func isDomain(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' ||
			strings.ContainsFunc(label, func(r rune) bool { return !(r >= 'a' && r <= 'z') && !(r >= '0' && r <= '9') && r != '-' }) {
			return false
		}
	}
	return true
}

func asciiLetterOrDigit(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
}

// canonicalLines gives every line its CRLF (RFC 8551, Section 3.1.1).
func canonicalLines(raw []byte) []byte {
	out := make([]byte, 0, len(raw)+len(raw)/32)
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case c == '\r' && i+1 < len(raw) && raw[i+1] == '\n':
			out, i = append(out, '\r', '\n'), i+1
		case c == '\r' || c == '\n':
			out = append(out, '\r', '\n')
		default:
			out = append(out, c)
		}
	}
	return out
}

// splitHeader parts the header section of an entity in canonical form from its body. Errors: mailMalformed.
func splitHeader(entity []byte) (fields []headerField, body []byte, err error) {
	head := entity
	switch i := bytes.Index(entity, []byte("\r\n\r\n")); {
	case bytes.HasPrefix(entity, []byte("\r\n")):
		return nil, entity[2:], nil
	case i >= 0:
		head, body = entity[:i+2], entity[i+4:]
	}
	if len(head) > maxHeaderBytes {
		return nil, nil, MailMalformed.because("header section is too long")
	}
	var value strings.Builder // of the last field: a long header folds at every other byte
	end := func() {
		if len(fields) > 0 {
			fields[len(fields)-1].value = strings.TrimSpace(value.String())
		}
		value.Reset()
	}
	for line := range bytes.SplitSeq(bytes.TrimSuffix(head, []byte("\r\n")), []byte("\r\n")) {
		if !utf8.Valid(line) || bytes.ContainsFunc(line, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
			return nil, nil, MailMalformed.because("header has control characters, or is not UTF-8")
		}
		if len(line) > 0 && (line[0] == ' ' || line[0] == '\t') {
			if len(fields) == 0 {
				return nil, nil, MailMalformed.because("header begins with a folded line")
			}
			value.Write(line)
			continue
		}
		end()
		name, first, ok := strings.Cut(string(line), ":")
		if !ok || name == "" || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return nil, nil, MailMalformed.because("header has a line that is no field")
		}
		if len(fields) == maxHeaderFields {
			return nil, nil, MailMalformed.because("header has too many fields")
		}
		fields = append(fields, headerField{name: strings.ToLower(name)})
		value.WriteString(first)
	}
	end()
	return fields, body, nil
}

// onceFields must not stand twice (RFC 5322, Section 3.6; RFC 2045).
var onceFields = []string{"from", "sender", "reply-to", "to", "cc", "bcc", "subject", "date", "message-id", "in-reply-to", "references",
	"mime-version", "content-type", "content-transfer-encoding", "content-disposition", "content-id", "content-description", "content-language",
	"importance", "x-priority", "auto-submitted", "disposition-notification-to"}

// headerMap finds fields by name.
func headerMap(fields []headerField) (map[string]string, error) {
	m := map[string]string{}
	for _, f := range fields {
		if _, twice := m[f.name]; twice && slices.Contains(onceFields, f.name) {
			return nil, MailMalformed.because("header has a field twice that may stand once")
		}
		m[f.name] = f.value
	}
	return m, nil
}

// wordDecoder reads encoded words, also in the character sets that older Ukrainian mail uses.
var wordDecoder = &mime.WordDecoder{CharsetReader: func(name string, r io.Reader) (io.Reader, error) {
	for set, table := range map[string]*charmap.Charmap{"windows-1251": charmap.Windows1251, "koi8-u": charmap.KOI8U, "koi8-r": charmap.KOI8R,
		"iso-8859-5": charmap.ISO8859_5, "windows-1252": charmap.Windows1252} {
		if strings.EqualFold(set, name) {
			return table.NewDecoder().Reader(r), nil
		}
	}
	return nil, fmt.Errorf("office: mail: character set %q", name)
}}

// mailAddresses reads an address list. Errors: MailMalformed, MailAddress.
func mailAddresses(value string) ([]*mail.Address, error) {
	if len(value) > maxAddressField {
		return nil, MailMalformed.because("an address list is too long")
	}
	list, err := (&mail.AddressParser{WordDecoder: wordDecoder}).ParseList(value)
	if err != nil {
		return nil, MailMalformed.because("an address list cannot be read")
	}
	if len(list) > maxHeaderNames {
		return nil, MailMalformed.because("an address list is too long")
	}
	for _, a := range list {
		plain, ok := mailAddress(a.Address)
		if !ok {
			return nil, MailAddress
		}
		a.Address = plain
	}
	return list, nil
}

// onlyAddress reads a field that must name exactly one mailbox, without group syntax. Errors: those of addresses, MailFrom.
func onlyAddress(value string) (string, error) {
	list, err := mailAddresses(value)
	if err != nil {
		return "", err
	}
	// A group is told by what stands outside of quotes and comments (RFC 5322, Section 3.4); the parser would take one of one member.
	depth, quoted := 0, false
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case c == '\\' && (quoted || depth > 0):
			i++
		case quoted:
			quoted = c != '"'
		case c == '(':
			depth++
		case c == ')' && depth > 0:
			depth--
		case depth > 0:
		case c == '"':
			quoted = true
		case c == ':' || c == ';':
			return "", MailFrom
		}
	}
	if len(list) != 1 {
		return "", MailFrom
	}
	return list[0].Address, nil
}

// sameAddress compares addresses as mail systems do: no case (the register's are lower case).
func sameAddress(a, b string) bool { return a != "" && strings.EqualFold(a, b) }

// messageIDs reads a list of message ids, and drops what is none.
func messageIDs(value string) []headerWord {
	var out []headerWord
	for _, id := range strings.Fields(value) {
		inner, ok := strings.CutPrefix(id, "<")
		inner, end := strings.CutSuffix(inner, ">")
		if left, right, at := strings.Cut(inner, "@"); ok && end && at && left != "" && right != "" && len(id) <= 250 && printableASCII(inner) &&
			!strings.ContainsAny(inner, "<>()\",;:\\ ") && !strings.Contains(right, "@") {
			out = append(out, headerWord(id))
		}
	}
	return out[max(0, len(out)-maxReferences):]
}

// mailSender is who a message is from, as the register has it at that moment, and what is said of him.
type mailSender struct {
	address, name string   // of From
	organization  string   // name of the body
	position      []string // position and unit; none for the body itself
	official      string   // address of the entry page; empty for the body itself
	status        string   // such as "valid; at=2026-11-20T09:00:00Z"
	host          string   // right side of a message id that the gate makes
	automatic     bool     // written by the service
}

// mailDraft is a message made anew from what was read of one.
type mailDraft struct {
	id, subject string
	header      []byte   // fields of both the outer header and the signed part, each line with its CRLF
	part        mailPart // what is signed
}

// priorities are the words that Importance and X-Priority may have.
var priorities = map[string]headerWord{"low": "low", "normal": "normal", "high": "high", "1": "1", "2": "2", "3": "3", "4": "4", "5": "5"}

// rebuild makes the message of a mailSender anew: every field is read and written again, and what is not on the list is left out.
// Errors: MailMalformed, MailAddress, MailFrom, MailSigned.
func rebuild(raw []byte, s mailSender, at time.Time) (mailDraft, error) {
	fields, body, err := splitHeader(canonicalLines(raw))
	if err != nil {
		return mailDraft{}, err
	}
	m, err := headerMap(fields)
	if err != nil {
		return mailDraft{}, err
	}
	from, err := onlyAddress(m["from"])
	if err != nil {
		return mailDraft{}, err
	}
	if !sameAddress(from, s.address) {
		return mailDraft{}, MailFrom
	}
	for _, f := range fields {
		if f.name != "sender" && f.name != "resent-from" && f.name != "resent-sender" && f.name != "disposition-notification-to" && f.name != "return-receipt-to" {
			continue
		}
		if a, err := onlyAddress(f.value); err != nil || !sameAddress(a, s.address) {
			return mailDraft{}, MailFrom
		}
	}
	out := mailDraft{}
	var h headerWriter
	add := func(name string, words ...headerWord) {
		if err == nil {
			err = h.add(name, words...)
		}
	}
	add("From", mailboxWords(s.name, s.address)...)
	for _, f := range []struct{ name, key string }{{"To", "to"}, {"Cc", "cc"}, {"Reply-To", "reply-to"}} {
		if m[f.key] == "" || err != nil {
			continue
		}
		list, lerr := addressList(m[f.key])
		if lerr != nil {
			return mailDraft{}, lerr
		}
		add(f.name, list...)
	}
	if m["to"] == "" && m["cc"] == "" {
		add("To", "undisclosed-recipients:;")
	}
	if len(m["subject"]) > maxUnstructured {
		return mailDraft{}, MailMalformed.because("subject is too long")
	}
	out.subject = m["subject"]
	if decoded, derr := wordDecoder.DecodeHeader(out.subject); derr == nil {
		out.subject = decoded
	}
	add("Subject", textWords(out.subject)...)
	date := at.UTC()
	if t, derr := mail.ParseDate(m["date"]); derr == nil && t.Sub(at).Abs() <= clockTolerance {
		date = t
	}
	add("Date", headerWord(date.Format("Mon, 02 Jan 2006 15:04:05 -0700")))
	ids := messageIDs(m["message-id"])
	if len(ids) != 1 {
		ids = []headerWord{headerWord("<" + newMailID() + "@" + s.host + ">")}
	}
	out.id = string(ids[0])
	add("Message-ID", ids...)
	add("In-Reply-To", messageIDs(m["in-reply-to"])...)
	add("References", messageIDs(m["references"])...)
	for _, f := range []struct{ name, key string }{{"Importance", "importance"}, {"X-Priority", "x-priority"}} {
		if fields := strings.Fields(strings.ToLower(m[f.key])); len(fields) > 0 && priorities[fields[0]] != "" {
			add(f.name, priorities[fields[0]])
		}
	}
	if m["disposition-notification-to"] != "" {
		add("Disposition-Notification-To", headerWord("<"+s.address+">"))
	}
	switch {
	case s.automatic:
		add("Auto-Submitted", "auto-generated")
	default: // with its parameters or without (RFC 3834, Section 5): two programs that answer by themselves must see that of each other
		kind, _, _ := strings.Cut(m["auto-submitted"], ";")
		if kind = strings.ToLower(strings.TrimSpace(kind)); slices.Contains([]string{"auto-replied", "auto-generated", "auto-notified"}, kind) {
			add("Auto-Submitted", headerWord(kind))
		}
	}
	add("Organization", textWords(s.organization)...)
	if len(s.position) > 0 {
		add("X-Posvid-Position", textWords(strings.Join(s.position, "; "))...)
	}
	if s.status != "" {
		add("X-Posvid-Service-ID", textWords(s.status)...)
	}
	if s.official != "" {
		add("X-Posvid-Official", headerWord("<"+s.official+">"))
	}
	if err != nil {
		return mailDraft{}, err
	}
	out.header = h.Bytes()
	if out.part, err = readPart(m, body); err != nil {
		return mailDraft{}, err
	}
	parts := 0
	if err := out.part.sevenBit(0, &parts); err != nil {
		return mailDraft{}, err
	}
	if strings.HasPrefix(out.part.media, "message/") {
		// A signed part that is a message is an older form of header protection (RFC 8551, Section 3.1): mail programs that know it would show
		// the inner From as the sender whom the signature vouches for.
		boundary := newMailID()
		var b bytes.Buffer
		b.WriteString("--" + boundary + "\r\n")
		if err := out.part.write(&b, nil); err != nil {
			return mailDraft{}, err
		}
		b.WriteString("\r\n--" + boundary + "--\r\n")
		out.part = mailPart{media: "multipart/mixed", params: map[string]string{"boundary": boundary}, encoding: "7bit", body: b.Bytes()}
	}
	return out, nil
}

// addressList is a field of addresses, written anew. A group without members stays what it says: that recipients are not named.
func addressList(value string) ([]headerWord, error) {
	if name, rest, ok := strings.Cut(value, ":"); ok && strings.TrimSpace(rest) == ";" && !strings.ContainsAny(name, "<@,;") {
		return []headerWord{"undisclosed-recipients:;"}, nil
	}
	list, err := mailAddresses(value)
	if err != nil {
		return nil, err
	}
	var out []headerWord
	for i, a := range list {
		words := mailboxWords(a.Name, a.Address)
		if i < len(list)-1 {
			words[len(words)-1] += ","
		}
		out = append(out, words...)
	}
	return out, nil
}

// mailPart is one MIME entity: its content fields, read, and its body in canonical form.
type mailPart struct {
	media        string
	params       map[string]string
	encoding     string // 7bit, 8bit, binary, quoted-printable, base64
	disposition  string // empty for none
	dispositions map[string]string
	id           headerWord
	description  string
	language     []headerWord
	body         []byte
}

// readPart reads the content fields of an entity. Errors: MailMalformed.
func readPart(m map[string]string, body []byte) (mailPart, error) {
	p := mailPart{media: "text/plain", params: map[string]string{}, encoding: "7bit", body: body}
	if v := m["content-type"]; v != "" {
		media, params, err := mime.ParseMediaType(v)
		kind, sub, ok := strings.Cut(media, "/")
		if err != nil || !ok || kind == "" || sub == "" {
			return mailPart{}, MailMalformed.because("Content-Type cannot be read")
		}
		p.media, p.params = media, params
	}
	delete(p.params, "hp") // RFC 9788: ours to say
	if v := m["content-transfer-encoding"]; v != "" {
		p.encoding = strings.ToLower(v)
	}
	if !slices.Contains([]string{"7bit", "8bit", "binary", "quoted-printable", "base64"}, p.encoding) {
		return mailPart{}, MailMalformed.because("Content-Transfer-Encoding is not known")
	}
	if p.composite() && (p.encoding == "quoted-printable" || p.encoding == "base64") {
		return mailPart{}, MailMalformed.because("a part of parts is encoded (RFC 2045, Section 6.4)")
	}
	if b := p.params["boundary"]; p.multi() && (b == "" || len(b) > 70 || !printableASCII(b)) {
		return mailPart{}, MailMalformed.because("a part of parts names no boundary")
	}
	if v := m["content-disposition"]; v != "" {
		kind, params, err := mime.ParseMediaType(v)
		if err == nil {
			p.disposition, p.dispositions = kind, params
		}
	}
	if ids := messageIDs(m["content-id"]); len(ids) == 1 {
		p.id = ids[0]
	}
	p.description = m["content-description"]
	if decoded, err := wordDecoder.DecodeHeader(p.description); err == nil {
		p.description = decoded
	}
	if len(p.description) > maxUnstructured {
		p.description = ""
	}
	for _, tag := range strings.FieldsFunc(m["content-language"], func(r rune) bool { return r == ',' || r == ' ' || r == '\t' }) {
		if len(tag) <= 35 && len(p.language) < 10 && !strings.ContainsFunc(tag, func(r rune) bool { return !asciiLetterOrDigit(r) && r != '-' }) {
			p.language = append(p.language, headerWord(tag))
		}
	}
	return p, nil
}

func (p *mailPart) multi() bool { return strings.HasPrefix(p.media, "multipart/") }

// composite tells whether the body holds entities.
func (p *mailPart) composite() bool {
	return p.multi() || p.media == "message/rfc822" || p.media == "message/partial"
}

// survivesRelays tells whether relays and mailboxes leave a body as it is: ASCII without NUL, lines of at most 998, none that begins
// with "From ", which some mailboxes change (RFC 8551, Section 3.1.3).
func survivesRelays(body []byte) bool {
	for line := range bytes.SplitSeq(body, []byte("\r\n")) {
		if len(line) > maxHeaderLine || bytes.HasPrefix(line, []byte("From ")) || bytes.ContainsFunc(line, func(r rune) bool { return r == 0 || r == '\r' || r == '\n' || r > 0x7f }) {
			return false
		}
	}
	return true
}

// sevenBit makes an entity what no relay has a reason to change. What already is stays byte for byte. Errors: MailMalformed, MailSigned.
func (p *mailPart) sevenBit(depth int, parts *int) error {
	*parts++
	if depth > maxPartDepth || *parts > maxMailParts {
		return MailMalformed.because("too many parts")
	}
	if survivesRelays(p.body) {
		if p.encoding == "8bit" || p.encoding == "binary" {
			p.encoding = "7bit"
		}
		return nil
	}
	if p.media == "multipart/signed" || p.media == "multipart/encrypted" {
		return MailSigned // changing it would break the signature inside
	}
	if p.multi() {
		return p.sevenBitParts(depth, parts)
	}
	content := p.body
	switch p.encoding {
	case "quoted-printable":
		var err error
		if content, err = io.ReadAll(quotedprintable.NewReader(bytes.NewReader(p.body))); err != nil {
			return MailMalformed.because("quoted-printable cannot be read")
		}
		content = canonicalLines(content)
	case "base64":
		tight := bytes.Map(func(r rune) rune {
			if r == '\r' || r == '\n' || r == ' ' || r == '\t' {
				return -1
			}
			return r
		}, p.body)
		var err error
		if content, err = base64.StdEncoding.DecodeString(string(tight)); err != nil {
			return MailMalformed.because("base64 cannot be read")
		}
	}
	if strings.HasPrefix(p.media, "message/") { // must not be encoded (RFC 2046, Section 5.2.1), and a relay would change it
		p.media, p.params = "application/octet-stream", map[string]string{"name": "message.eml"}
		if p.disposition == "" {
			p.disposition, p.dispositions = "attachment", map[string]string{"filename": "message.eml"}
		}
	}
	text := strings.HasPrefix(p.media, "text/")
	if text && p.encoding != "base64" && p.params["charset"] == "" && utf8.Valid(content) {
		p.params["charset"] = "utf-8"
	}
	high := 0
	for _, c := range content {
		if c > 0x7e || c < ' ' && c != '\r' && c != '\n' && c != '\t' {
			high++
		}
	}
	if text && high*6 <= len(content) {
		var b bytes.Buffer
		w := quotedprintable.NewWriter(&b)
		w.Write(content) //nolint:errcheck // a buffer takes everything
		w.Close()
		p.encoding, p.body = "quoted-printable", bytes.ReplaceAll(b.Bytes(), []byte("\r\nFrom "), []byte("\r\n=46rom "))
		if bytes.HasPrefix(p.body, []byte("From ")) {
			p.body = append([]byte("=46"), p.body[1:]...)
		}
	} else {
		p.encoding, p.body = "base64", base64Lines(content)
	}
	return nil
}

// sevenBitParts does it for each part of a multipart entity, under a new boundary.
func (p *mailPart) sevenBitParts(depth int, parts *int) error {
	boundary := newMailID()
	var b bytes.Buffer
	written := 0
	for _, entity := range splitParts(p.body, p.params["boundary"]) {
		fields, body, err := splitHeader(entity)
		if err != nil {
			return err
		}
		m, err := headerMap(fields)
		if err != nil {
			return err
		}
		inner, err := readPart(m, body)
		if err != nil {
			return err
		}
		if err := inner.sevenBit(depth+1, parts); err != nil {
			return err
		}
		b.WriteString("--" + boundary + "\r\n")
		if err := inner.write(&b, nil); err != nil {
			return err
		}
		b.WriteString("\r\n")
		written++
	}
	if written == 0 {
		return MailMalformed.because("a part of parts has none")
	}
	b.WriteString("--" + boundary + "--\r\n")
	p.params["boundary"], p.encoding, p.body = boundary, "7bit", b.Bytes()
	return nil
}

// splitParts finds the parts between the delimiter lines of a boundary (RFC 2046, Section 5.1.1). What stands before the first and
// after the closing one is for nobody.
func splitParts(body []byte, boundary string) (parts [][]byte) {
	begin, inside := 0, false
	for at := 0; at < len(body); {
		next := len(body)
		if i := bytes.Index(body[at:], []byte("\r\n")); i >= 0 {
			next = at + i + 2
		}
		line := bytes.TrimRight(body[at:next], " \t\r\n")
		rest, ok := bytes.CutPrefix(line, []byte("--"+boundary))
		if ok && (len(rest) == 0 || string(rest) == "--") {
			if inside {
				parts = append(parts, body[begin:max(begin, at-2)]) // the line end before the delimiter belongs to it
			}
			if inside = len(rest) == 0; !inside {
				return parts
			}
			begin = next
		}
		at = next
	}
	if inside {
		parts = append(parts, body[begin:])
	}
	return parts
}

// write writes an entity: further header lines, its content fields, an empty line, its body.
func (p *mailPart) write(b *bytes.Buffer, header []byte) error {
	var h headerWriter
	h.Write(header)
	kind, err := parameterWords(p.media, p.params)
	if err != nil {
		return err
	}
	if err := h.add("Content-Type", kind...); err != nil {
		return err
	}
	if p.encoding != "7bit" {
		if err := h.add("Content-Transfer-Encoding", headerWord(p.encoding)); err != nil {
			return err
		}
	}
	if p.disposition != "" {
		words, err := parameterWords(p.disposition, p.dispositions)
		if err != nil {
			return err
		}
		if err := h.add("Content-Disposition", words...); err != nil {
			return err
		}
	}
	if p.id != "" {
		if err := h.add("Content-ID", p.id); err != nil {
			return err
		}
	}
	if err := h.add("Content-Description", textWords(p.description)...); err != nil {
		return err
	}
	for i := range len(p.language) - 1 {
		p.language[i] = headerWord(strings.TrimSuffix(string(p.language[i]), ",") + ",")
	}
	if err := h.add("Content-Language", p.language...); err != nil {
		return err
	}
	b.Write(h.Bytes())
	b.WriteString("\r\n")
	b.Write(p.body)
	return nil
}

// parameterWords is a value with parameters (RFC 2045, RFC 2231), the parameters in the order of their names. Error: MailMalformed.
func parameterWords(value string, params map[string]string) ([]headerWord, error) {
	out := []headerWord{headerWord(value)}
	if mime.FormatMediaType(value, nil) == "" {
		return nil, MailMalformed.because("a media type cannot be written")
	}
	for _, name := range slices.Sorted(maps.Keys(params)) {
		text := strings.Map(func(r rune) rune {
			if unicode.IsControl(r) {
				return -1
			}
			return r
		}, strings.ToValidUTF8(params[name], "?"))
		formatted, ok := strings.CutPrefix(mime.FormatMediaType("x/x", map[string]string{name: text}), "x/x; ")
		if !ok || len(formatted) > 900 {
			return nil, MailMalformed.because("a parameter cannot be written")
		}
		out[len(out)-1] += ";"
		out = append(out, headerWord(formatted))
	}
	return out, nil
}

// base64Lines is base64 in lines of 76.
func base64Lines(content []byte) []byte {
	text := base64.StdEncoding.EncodeToString(content)
	var b bytes.Buffer
	b.Grow(len(text) + len(text)/38 + 2)
	for text != "" {
		n := min(76, len(text))
		b.WriteString(text[:n] + "\r\n")
		text = text[n:]
	}
	return b.Bytes()
}
