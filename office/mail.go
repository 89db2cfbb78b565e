package office

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Bounds of one sender, so that a stolen password does little harm.
const (
	maxMailPerHour = 300       // recipients of one post in an hour
	maxMailPerDay  = 2_000     // and in a day
	maxMailWaiting = 512 << 20 // bytes of letters of one post that wait
)

// MailRefusal is why the gate refuses: one name, one cause, one next step.
type MailRefusal struct {
	Code           string // its name, as the page /office/mail lists it
	SMTP           int    // reply code
	Enhanced       [3]int // RFC 3463
	UK, EN         string
	NextUK, NextEN string
	detail         string // constant texts: what exactly was wrong
	detailUK       string
}

// Error is the name and the cause, without personal data.
func (r *MailRefusal) Error() string {
	text := "office: mail: " + r.EN
	if r.detail != "" {
		text += " (" + r.detail + ")"
	}
	return text + " [" + r.Code + "]"
}

// Is tells whether target is the same refusal, whatever its detail.
func (r *MailRefusal) Is(target error) bool {
	t, ok := target.(*MailRefusal)
	return ok && t.Code == r.Code
}

// because is the same refusal with a detail, a constant text.
func (r *MailRefusal) because(detail string) *MailRefusal {
	c := *r
	c.detail = detail
	return &c
}

// Detail is what exactly was wrong, lang "uk" in Ukrainian where there is such a text, else in English; empty when the cause says it all.
func (r *MailRefusal) Detail(lang string) string {
	if lang != "en" && r.detailUK != "" {
		return r.detailUK
	}
	return r.detail
}

// Refusals of the gate.
var (
	MailLogin = &MailRefusal{Code: "office-mail-login", SMTP: 535, Enhanced: [3]int{5, 7, 8},
		UK: "Ім'я або пароль програми не підходить.", EN: "The user name or the app password does not fit.",
		NextUK: "Створіть пароль програми для пошти на сторінці «Програми».", NextEN: "Make an app password for mail on the page Programs."}
	MailNoID = &MailRefusal{Code: "office-mail-no-id", SMTP: 550, Enhanced: [3]int{5, 7, 1},
		UK: "Немає чинного службового посвідчення на цій посаді.", EN: "There is no valid service ID in this post.",
		NextUK: "Зверніться до кадрової служби.", NextEN: "Ask the HR service."}
	MailFrom = &MailRefusal{Code: "office-mail-from", SMTP: 550, Enhanced: [3]int{5, 7, 1},
		UK: "Відправник листа — не ваша службова адреса.", EN: "The sender of the message is not your work address.",
		NextUK: "Оберіть у поштовій програмі свою службову адресу.", NextEN: "Choose your work address in the mail program."}
	MailNoAddress = &MailRefusal{Code: "office-mail-no-address", SMTP: 550, Enhanced: [3]int{5, 7, 1},
		UK: "У довіднику немає вашої службової адреси.", EN: "The directory has no work address of yours.",
		NextUK: "Попросіть кадрову службу внести її.", NextEN: "Ask the HR service to enter it."}
	MailDomain = &MailRefusal{Code: "office-mail-domain", SMTP: 550, Enhanced: [3]int{5, 7, 1},
		UK: "Службова адреса не з доменів пошти органу.", EN: "The work address is not of the body's mail domains.",
		NextUK: "Попросіть адміністратора органу додати домен і створити новий центр сертифікації пошти.", NextEN: "Ask the body's administrator to add the domain and to make a new mail authority."}
	MailNotSet = &MailRefusal{Code: "office-mail-not-set", SMTP: 550, Enhanced: [3]int{5, 3, 5},
		UK: "Пошту органу ще не налаштовано.", EN: "The body's mail is not set up yet.",
		NextUK: "Попросіть адміністратора органу налаштувати поштову браму.", NextEN: "Ask the body's administrator to set the mail gate up."}
	MailMalformed = &MailRefusal{Code: "office-mail-malformed", SMTP: 554, Enhanced: [3]int{5, 6, 0},
		UK: "Лист не прочитано: він не за RFC 5322 чи MIME.", EN: "The message cannot be read: it is not RFC 5322 or MIME.",
		NextUK: "Надішліть його іншою поштовою програмою.", NextEN: "Send it from another mail program."}
	MailSigned = &MailRefusal{Code: "office-mail-signed", SMTP: 554, Enhanced: [3]int{5, 6, 3},
		UK: "Лист уже підписано так, що дорогою підпис зламається.", EN: "The message is signed already in a form that does not survive the way.",
		NextUK: "Вимкніть підпис у поштовій програмі: лист підпише брама.", NextEN: "Turn signing off in the mail program: the gate signs."}
	MailAddress = &MailRefusal{Code: "office-mail-address", SMTP: 553, Enhanced: [3]int{5, 1, 3},
		UK: "Адреса отримувача не така, як має бути.", EN: "The address of a recipient is not as it has to be.",
		NextUK: "Напишіть її як name@example.gov.ua, латинкою.", NextEN: "Write it as name@example.gov.ua, in ASCII."}
	MailTooMany = &MailRefusal{Code: "office-mail-too-many", SMTP: 452, Enhanced: [3]int{4, 5, 3},
		UK: "Забагато отримувачів за короткий час.", EN: "Too many recipients in a short time.",
		NextUK: "Зачекайте годину; для розсилань є опитування й довідник.", NextEN: "Wait an hour."}
	MailTooLarge = &MailRefusal{Code: "office-mail-too-large", SMTP: 552, Enhanced: [3]int{5, 3, 4},
		UK: "Лист більший за 25 МіБ.", EN: "The message is larger than 25 MiB.",
		NextUK: "Надішліть посилання замість файлу.", NextEN: "Send a link instead of the file."}
	MailBusy = &MailRefusal{Code: "office-mail-busy", SMTP: 451, Enhanced: [3]int{4, 3, 2},
		UK: "Брама зайнята.", EN: "The gate is busy.",
		NextUK: "Поштова програма повторить сама.", NextEN: "The mail program tries again by itself."}
	MailTLS = &MailRefusal{Code: "office-mail-tls", SMTP: 530, Enhanced: [3]int{5, 7, 0},
		UK: "Потрібне захищене з'єднання.", EN: "An encrypted connection is needed.",
		NextUK: "Увімкніть STARTTLS у поштовій програмі.", NextEN: "Turn STARTTLS on in the mail program."}
	MailBadSettings = &MailRefusal{Code: "office-mail-settings", SMTP: 550, Enhanced: [3]int{5, 3, 5},
		UK: "Налаштування пошти не такі, як має бути.", EN: "The settings of mail are not as they have to be.",
		NextUK: "Виправте назване поле.", NextEN: "Mend the field that is named."}
)

// MailRefusals lists what the gate tells a mail program, for the page that explains it.
func MailRefusals() []*MailRefusal {
	return []*MailRefusal{MailLogin, MailNoID, MailFrom, MailNoAddress, MailDomain, MailNotSet, MailMalformed, MailSigned, MailAddress, MailTooMany, MailTooLarge,
		MailBusy, MailTLS}
}

// Kinds of where a body's mail goes.
const (
	MailSMTP   = "smtp"   // the body's own server
	MailLMTP   = "lmtp"   // a mailbox server (RFC 2033)
	MailFolder = "folder" // a folder of .eml files, for tries
)

// MailSettings is where the mail of a body goes.
type MailSettings struct {
	Body     string
	Kind     string   // MailSMTP, MailLMTP, MailFolder
	Address  string   // host:port; for LMTP also unix:/path; for a folder its absolute path
	TLS      string   // "starttls", "tls", "none": only to this machine
	User     string   // optional: of the server, with Password
	Password string   // sealed at rest
	Roots    string   // optional: certificates (PEM) that the server's must lead to, instead of the system's
	Domains  []string // of work addresses, lower case; at least one
	Sender   string   // address of what the service itself writes; in one of the domains
}

// Check tells what is wrong with settings: MailBadSettings with the field as its detail.
func (s MailSettings) Check() error {
	wrong := func(uk, en string) error {
		r := MailBadSettings.because(en)
		r.detailUK = uk
		return r
	}
	switch s.Kind {
	case MailFolder:
		if !filepath.IsAbs(s.Address) {
			return wrong("адреса: повний шлях до теки", "address: an absolute path")
		}
	case MailLMTP, MailSMTP:
		if path, ok := strings.CutPrefix(s.Address, "unix:"); ok && s.Kind == MailLMTP {
			if !filepath.IsAbs(path) || s.TLS != "none" {
				return wrong("адреса: unix:/шлях, без TLS", "address: unix:/path, without TLS")
			}
			break
		}
		host, port, err := net.SplitHostPort(s.Address)
		if n, perr := strconv.ParseUint(port, 10, 16); err != nil || perr != nil || n == 0 || host == "" {
			return wrong("адреса: сервер:порт", "address: host:port")
		}
		if _, aerr := netip.ParseAddr(host); aerr != nil && !isDomain(strings.ToLower(host)) {
			return wrong("адреса: сервер:порт", "address: host:port")
		}
		if s.TLS == "none" && !s.Here() {
			return wrong("захист: без нього лише на цій машині", "tls: none is only for this machine")
		}
		if s.Kind == MailLMTP && s.TLS == "starttls" {
			return wrong("захист: для LMTP tls або none", "tls: for LMTP tls or none")
		}
	default:
		return wrong("вид: smtp, lmtp або folder", "kind: smtp, lmtp or folder")
	}
	if s.TLS != "starttls" && s.TLS != "tls" && s.TLS != "none" {
		return wrong("захист: starttls, tls або none", "tls: starttls, tls or none")
	}
	if len(s.User) > 200 || len(s.Password) > 200 || (s.User == "") != (s.Password == "") || s.User != "" && s.TLS == "none" {
		return wrong("користувач: ім'я і пароль дають разом, і лише із захистом", "user: a name and a password go together, and want TLS")
	}
	if s.Roots != "" && (len(s.Roots) > 64<<10 || !x509.NewCertPool().AppendCertsFromPEM([]byte(s.Roots))) {
		return wrong("кореневі сертифікати: у PEM", "roots: certificates in PEM")
	}
	if len(s.Domains) == 0 || len(s.Domains) > 20 {
		return wrong("домени: від 1 до 20", "domains: 1 to 20")
	}
	for _, d := range s.Domains {
		if !isDomain(d) || !strings.Contains(d, ".") {
			return wrong("домени: доменне ім'я малими літерами", "domains: a host name in lower case")
		}
	}
	address, ok := mailAddress(s.Sender)
	if _, domain, _ := strings.Cut(address, "@"); !ok || !slices.Contains(s.Domains, domain) {
		return wrong("адреса служби: в одному з доменів", "sender: an address of one of the domains")
	}
	return nil
}

// Here tells whether letters stay on this machine: a folder, a socket, or a server at its loopback address.
func (s MailSettings) Here() bool {
	if s.Kind == MailFolder || strings.HasPrefix(s.Address, "unix:") {
		return true
	}
	host, _, _ := net.SplitHostPort(s.Address)
	addr, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && (addr.Unmap().IsLoopback() || addr.IsUnspecified())
}

// MailConfig is what the gate needs beside its tables.
type MailConfig struct {
	Origin string // of the service, for links in messages and certificates
	// Seated says who is in a post and what his service ID is at this moment. Error: ErrNotFound, when nobody is.
	Seated func(ctx context.Context, seat Seat) (Member, Status, error)
	// BodyName is the name of a body. Error: ErrNotFound.
	BodyName func(ctx context.Context, edrpou string) (string, error)
	// Page is the address of an official's entry page, without the origin.
	Page func(seat Seat) string
}

// Mail is the mail gate's business: it decides whether a message may go, makes it anew, signs it, keeps it until every recipient
// has a fate, and says which. It keeps no letters that have gone.
type Mail struct {
	store Store
	c     MailConfig
	host  string // of the origin
}

// OpenMail opens the gate's tables.
func OpenMail(s Store, c MailConfig) (*Mail, error) {
	if s == nil || c.Seated == nil || c.BodyName == nil || c.Page == nil || c.Origin == "" {
		return nil, errors.New("office: mail: want a store, an origin, and who is seated where")
	}
	_, host, _ := strings.Cut(c.Origin, "://")
	host, _, _ = strings.Cut(host, ":")
	host = strings.ToLower(host)
	if !isDomain(host) {
		host = "localhost"
	}
	return &Mail{store: s, c: c, host: host}, nil
}

// Settings reads the settings of a body, with the password opened. Error: MailNotSet.
func (m *Mail) Settings(ctx context.Context, body string) (s MailSettings, err error) {
	err = m.store.View(ctx, func(tx Tx) error { s, err = mailSettings(tx, body); return err })
	return s, err
}

func mailSettings(tx Tx, body string) (MailSettings, error) {
	s := MailSettings{Body: body}
	var password []byte
	var domains string
	err := tx.Row(`SELECT kind, address, tls, user, password, roots, domains, sender FROM office_mail_settings WHERE body = $1`, []any{body},
		&s.Kind, &s.Address, &s.TLS, &s.User, &password, &s.Roots, &domains, &s.Sender)
	if errors.Is(err, ErrNotFound) {
		return s, MailNotSet
	}
	if err != nil {
		return s, err
	}
	s.Domains = strings.Fields(domains)
	if len(password) > 0 {
		plain, err := tx.Open("office_mail_settings.password", body, password)
		if err != nil {
			return s, err
		}
		s.Password = string(plain)
	}
	return s, nil
}

// Set keeps the settings of a body. Errors: MailBadSettings.
func (m *Mail) Set(ctx context.Context, s MailSettings, at time.Time) error {
	s.Roots = strings.TrimSpace(strings.ReplaceAll(s.Roots, "\r\n", "\n")) // alike from a file and from a form
	if err := s.Check(); err != nil {
		return err
	}
	return m.store.Update(ctx, func(tx Tx) error {
		var password []byte
		if s.Password != "" {
			var err error
			if password, err = tx.Seal("office_mail_settings.password", s.Body, []byte(s.Password)); err != nil {
				return err
			}
		}
		_, err := tx.Exec(`INSERT INTO office_mail_settings (body, kind, address, tls, user, password, roots, domains, sender, changed)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (body) DO UPDATE SET kind = excluded.kind, address = excluded.address, tls = excluded.tls,
			user = excluded.user, password = excluded.password, roots = excluded.roots, domains = excluded.domains, sender = excluded.sender, changed = excluded.changed`,
			s.Body, s.Kind, s.Address, s.TLS, s.User, password, s.Roots, strings.Join(s.Domains, " "), s.Sender, at.UnixMilli())
		return err
	})
}

// Shared is the first of domains that another body of this service has as well; empty for none.
func (m *Mail) Shared(ctx context.Context, body string, domains []string) (shared string, err error) {
	err = m.store.View(ctx, func(tx Tx) error {
		return tx.Rows(`SELECT domains FROM office_mail_settings WHERE body <> $1`, []any{body}, func(scan func(...any) error) error {
			var theirs string
			if err := scan(&theirs); err != nil {
				return err
			}
			have := strings.Fields(theirs)
			if i := slices.IndexFunc(domains, func(d string) bool { return slices.Contains(have, d) }); i >= 0 && shared == "" {
				shared = domains[i]
			}
			return nil
		})
	})
	return shared, err
}

// Envelope is who a message is for, as the mail program said before it (RFC 5321, Section 2.3.1).
type Envelope struct {
	From string
	To   []string
}

// MaySend tells whether somebody may write from an address at this moment, and who he is: the post's person as the register has
// him now. Errors: MailNoID, MailNoAddress, MailFrom, MailDomain, MailNotSet.
func (m *Mail) MaySend(ctx context.Context, seat Seat, from string) (Member, error) {
	who, status, err := m.c.Seated(ctx, seat)
	if errors.Is(err, ErrNotFound) || err == nil && status != StatusValid {
		return Member{}, MailNoID
	}
	if err != nil {
		return Member{}, err
	}
	address, ok := mailAddress(who.Email)
	if !ok {
		return Member{}, MailNoAddress
	}
	who.Email = strings.ToLower(address)
	if !sameAddress(from, who.Email) {
		return Member{}, MailFrom
	}
	set, err := m.Settings(ctx, seat.Body)
	if err != nil {
		return Member{}, err
	}
	if _, domain, _ := strings.Cut(who.Email, "@"); !slices.Contains(set.Domains, domain) {
		return Member{}, MailDomain
	}
	return who, nil
}

// Submit takes a message of the person in a post: checks him again, makes the message anew, signs it and queues it durably. Once it
// answers without an error the message will be delivered or reported. Errors: those of MaySend, MailMalformed, MailAddress,
// MailSigned, MailTooLarge, MailTooMany.
func (m *Mail) Submit(ctx context.Context, seat Seat, e Envelope, raw []byte, at time.Time) (id string, err error) {
	if len(raw) > MaxMessage {
		return "", MailTooLarge
	}
	who, err := m.MaySend(ctx, seat, e.From)
	if err != nil {
		return "", err
	}
	to, err := mailRecipients(e.To)
	if err != nil {
		return "", err
	}
	body, err := m.c.BodyName(ctx, seat.Body)
	if err != nil {
		return "", err
	}
	name := who.Name()
	if who.Position != "" {
		name += ", " + who.Position
	}
	s := mailSender{address: who.Email, name: name, organization: body, official: m.c.Origin + m.c.Page(seat), host: m.host,
		status: StatusValid.String() + "; at=" + at.UTC().Format(time.RFC3339)}
	for _, text := range []string{who.Position, who.Unit} {
		if text != "" {
			s.position = append(s.position, text)
		}
	}
	out, err := rebuild(raw, s, at)
	if err != nil {
		return "", err
	}
	return m.queue(ctx, out, mailSubject{body: seat.Body, bodyName: body, seat: seat.String(), address: who.Email, name: who.Name(), position: who.Position}, to, nil, at)
}

// mailRecipients reads the addresses of an envelope; the same twice counts once. Errors: MailAddress, MailTooMany.
func mailRecipients(list []string) ([]string, error) {
	var out []string
	for _, a := range list {
		address, ok := mailAddress(a)
		if !ok {
			return nil, MailAddress
		}
		if !slices.ContainsFunc(out, func(have string) bool { return sameAddress(have, address) }) {
			out = append(out, address)
		}
	}
	if len(out) == 0 {
		return nil, MailAddress
	}
	if len(out) > MaxRecipients {
		return nil, MailTooMany
	}
	return out, nil
}

// Notice is a letter that the service itself writes for a body, such as a reminder.
type Notice struct {
	Body    string   // ЄДРПОУ
	To      []string // one letter for each, so that none sees the others
	Subject string
	Text    string // plain, in UTF-8; lines end with \n
	Key     string // optional: the same key and address again sends nothing
}

// Mailer sends letters of the service. Mail is one.
type Mailer interface {
	// Send queues a notice. Errors: MailNotSet; MailAddress when an address is wrong, the others have their letters then.
	Send(ctx context.Context, n Notice, at time.Time) error
}

// Send implements Mailer: the letter is from the body's own address, signed by a certificate of the body.
func (m *Mail) Send(ctx context.Context, n Notice, at time.Time) error {
	set, err := m.Settings(ctx, n.Body)
	if err != nil {
		return err
	}
	name, err := m.c.BodyName(ctx, n.Body)
	if err != nil {
		return err
	}
	var wrong error
	for _, to := range n.To {
		address, ok := mailAddress(to)
		if !ok { // one address that the register has wrong leaves nobody else without a letter
			wrong = MailAddress
			continue
		}
		var h headerWriter
		if err := errors.Join(h.add("From", mailboxWords(name, set.Sender)...), h.add("To", mailboxWords("", address)...), h.add("Subject", textWords(n.Subject)...),
			h.add("Content-Type", "text/plain;", "charset=utf-8"), h.add("Content-Transfer-Encoding", "8bit")); err != nil {
			return err
		}
		h.WriteString("\r\n" + n.Text)
		out, err := rebuild(h.Bytes(), mailSender{address: set.Sender, name: name, organization: name, host: m.host, automatic: true}, at)
		if err != nil {
			return err
		}
		var key []byte
		if n.Key != "" {
			sum, err := m.store.MAC("office.mail.notice", []byte(n.Body+"\x00"+n.Key+"\x00"+strings.ToLower(address)))
			if err != nil {
				return err
			}
			key = sum[:]
		}
		_, err = m.queue(ctx, out, mailSubject{body: n.Body, bodyName: name, seat: n.Body, address: set.Sender, name: name}, []string{address}, key, at)
		if err != nil && !(key != nil && errors.Is(err, ErrConflict)) {
			return err
		}
	}
	return wrong
}

// queue signs a message and puts it into the queue in one transaction.
func (m *Mail) queue(ctx context.Context, out mailDraft, s mailSubject, to []string, notice []byte, at time.Time) (string, error) {
	with, err := m.signerOf(ctx, s, at)
	if err != nil {
		return "", err
	}
	id := newMailID()
	trace := []headerWord{"by", headerWord(m.host), "(Posvid)", "with", "ESMTPSA", "id", headerWord(id + ";"), headerWord(at.UTC().Format("Mon, 02 Jan 2006 15:04:05 -0700"))}
	content, err := out.sign(with, trace, at)
	if err != nil {
		return "", err
	}
	q := mailItem{id: id, body: s.body, seat: s.seat, notice: notice, sender: s.address, subject: out.subject, to: to, content: content}
	if err := m.store.View(ctx, q.seal); err != nil { // outside of the write transaction: large messages take a while
		return "", err
	}
	return id, m.store.Update(ctx, func(tx Tx) error {
		// The certificate may have been ended since it was read.
		var live int
		if err := tx.Row(`SELECT count(*) FROM office_mail_certificates WHERE id = $1 AND ended IS NULL`, []any{with.row}, &live); err != nil {
			return err
		}
		if live == 0 {
			return MailBusy
		}
		if s.seat != s.body {
			if err := withinMailLimits(tx, s.seat, len(to), len(content), at); err != nil {
				return err
			}
		}
		return q.insert(tx, at)
	})
}

// signerOf finds the signer of a mailSubject, and certifies it when there is none.
func (m *Mail) signerOf(ctx context.Context, s mailSubject, at time.Time) (out mailSigner, err error) {
	err = m.store.View(ctx, func(tx Tx) error { out, err = liveSigner(tx, s, at); return err })
	if !errors.Is(err, ErrNotFound) {
		return out, err
	}
	err = m.store.Update(ctx, func(tx Tx) error {
		if out, err = liveSigner(tx, s, at); errors.Is(err, ErrNotFound) { // nobody was quicker
			out, err = m.newSigner(tx, s, at)
		}
		return err
	})
	return out, err
}

// withinMailLimits counts what a post has sent, and what of it takes room on the disk. Error: MailTooMany.
func withinMailLimits(tx Tx, seat string, more, size int, at time.Time) error {
	for _, l := range []struct {
		within time.Duration
		most   int
	}{{time.Hour, maxMailPerHour}, {24 * time.Hour, maxMailPerDay}} {
		var n int
		if err := tx.Row(`SELECT count(*) FROM office_mail_messages m JOIN office_mail_recipients r ON r.message = m.id WHERE m.seat = $1 AND m.queued > $2`,
			[]any{seat, at.Add(-l.within).UnixMilli()}, &n); err != nil {
			return err
		}
		if n+more > l.most {
			return MailTooMany
		}
	}
	var waiting int64
	if err := tx.Row(`SELECT coalesce(sum(size), 0) FROM office_mail_messages WHERE seat = $1 AND content IS NOT NULL`, []any{seat}, &waiting); err != nil {
		return err
	}
	if waiting+int64(size) > maxMailWaiting {
		return MailTooMany.because("512 MiB of your letters wait for the server already")
	}
	return nil
}

// mailItem is a message on its way into the queue.
type mailItem struct {
	id, body, seat, sender, subject string
	notice                          []byte
	to                              []string
	content                         []byte

	sealedSender, sealedSubject, sealedContent []byte
	sealedTo                                   [][]byte
}

// seal encrypts what is personal.
func (q *mailItem) seal(tx Tx) (err error) {
	put := func(column, place string, plain string) []byte {
		var sealed []byte
		if err == nil {
			sealed, err = tx.Seal(column, place, []byte(plain))
		}
		return sealed
	}
	q.sealedSender = put("office_mail_messages.sender", q.id, q.sender)
	q.sealedSubject = put("office_mail_messages.subject", q.id, q.subject)
	for i, to := range q.to {
		q.sealedTo = append(q.sealedTo, put("office_mail_recipients.address", q.id+"/"+strconv.Itoa(i), to))
	}
	if err == nil {
		q.sealedContent, err = tx.Seal("office_mail_messages.content", q.id, q.content)
	}
	return err
}

func (q *mailItem) insert(tx Tx, at time.Time) error {
	if _, err := tx.Exec(`INSERT INTO office_mail_messages (id, body, seat, notice, sender, subject, size, queued, content) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		q.id, q.body, q.seat, q.notice, q.sealedSender, q.sealedSubject, len(q.content), at.UnixMilli(), q.sealedContent); err != nil {
		return err
	}
	for i, to := range q.sealedTo {
		if _, err := tx.Exec(`INSERT INTO office_mail_recipients (message, n, body, address, state, tries, next, answer, detail, changed)
			VALUES ($1, $2, $3, $4, 'queued', 0, $5, '', NULL, $5)`, q.id, i, q.body, to, at.UnixMilli()); err != nil {
			return err
		}
	}
	return nil
}

// Fate is what became of a message for one recipient.
type Fate struct {
	Address string
	State   string // "queued", "sent", "failed"
	Tries   int
	Next    time.Time // of queued: when it is tried again
	Answer  string    // code of the last answer, such as "550 5.1.1"; empty for none
	Detail  string    // its text
	Changed time.Time
}

// SentMessage is one message of a mailSender, without its text: that is not kept.
type SentMessage struct {
	ID      string
	Subject string
	Size    int
	Queued  time.Time
	Fates   []Fate
}

// Sent lists the messages of a post, the newest first, before a time (zero: from the newest on), at most limit.
func (m *Mail) Sent(ctx context.Context, seat Seat, before time.Time, limit int) (out []SentMessage, err error) {
	last := int64(1<<63 - 1)
	if !before.IsZero() {
		last = before.UnixMilli()
	}
	err = m.store.View(ctx, func(tx Tx) error {
		if err := tx.Rows(`SELECT id, subject, size, queued FROM office_mail_messages WHERE seat = $1 AND queued < $2 ORDER BY queued DESC, id LIMIT $3`,
			[]any{seat.String(), last, limit}, func(scan func(...any) error) error {
				var s SentMessage
				var sealed []byte
				var queued int64
				if err := scan(&s.ID, &sealed, &s.Size, &queued); err != nil {
					return err
				}
				plain, err := tx.Open("office_mail_messages.subject", s.ID, sealed)
				s.Subject, s.Queued = string(plain), time.UnixMilli(queued).UTC()
				out = append(out, s)
				return err
			}); err != nil {
			return err
		}
		for i := range out {
			if out[i].Fates, err = mailFates(tx, out[i].ID); err != nil {
				return err
			}
		}
		return nil
	})
	return out, err
}

func mailFates(tx Tx, message string) (out []Fate, err error) {
	err = tx.Rows(`SELECT n, address, state, tries, next, answer, detail, changed FROM office_mail_recipients WHERE message = $1 ORDER BY n`, []any{message},
		func(scan func(...any) error) error {
			var f Fate
			var n int
			var next, changed int64
			var address, detail []byte
			if err := scan(&n, &address, &f.State, &f.Tries, &next, &f.Answer, &detail, &changed); err != nil {
				return err
			}
			place := message + "/" + strconv.Itoa(n)
			plain, err := tx.Open("office_mail_recipients.address", place, address)
			if err != nil {
				return err
			}
			f.Address, f.Next, f.Changed = string(plain), time.UnixMilli(next).UTC(), time.UnixMilli(changed).UTC()
			if len(detail) > 0 {
				if plain, err = tx.Open("office_mail_recipients.detail", place, detail); err != nil {
					return err
				}
				f.Detail = string(plain)
			}
			out = append(out, f)
			return nil
		})
	return out, err
}

// QueueState is how a body's queue stands.
type QueueState struct {
	Waiting int       // recipients that wait
	Tried   int       // of them, those that were tried in vain
	Oldest  time.Time // when the oldest message that waits was queued; zero for none
	Answer  string    // the last answer that made one wait
	Sent    int       // recipients delivered to within the time that fates are kept
	Failed  int
}

// QueueState counts the queue of a body.
func (m *Mail) QueueState(ctx context.Context, body string) (q QueueState, err error) {
	err = m.store.View(ctx, func(tx Tx) error {
		var oldest int64
		if err := tx.Row(`SELECT count(*), coalesce(sum(tries > 0), 0), coalesce(min(m.queued), 0) FROM office_mail_recipients r JOIN office_mail_messages m ON m.id = r.message
			WHERE r.body = $1 AND r.state = 'queued'`, []any{body}, &q.Waiting, &q.Tried, &oldest); err != nil {
			return err
		}
		if oldest > 0 {
			q.Oldest = time.UnixMilli(oldest).UTC()
		}
		err := tx.Row(`SELECT answer FROM office_mail_recipients WHERE body = $1 AND state = 'queued' AND answer <> '' ORDER BY changed DESC LIMIT 1`, []any{body}, &q.Answer)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		return tx.Row(`SELECT coalesce(sum(state = 'sent'), 0), coalesce(sum(state = 'failed'), 0) FROM office_mail_recipients WHERE body = $1`, []any{body}, &q.Sent, &q.Failed)
	})
	return q, err
}

// Retry has everything in a body's queue tried at the next occasion. It answers how many recipients.
func (m *Mail) Retry(ctx context.Context, body string, at time.Time) (n int64, err error) {
	err = m.store.Update(ctx, func(tx Tx) error {
		n, err = tx.Exec(`UPDATE office_mail_recipients SET next = $1 WHERE body = $2 AND state = 'queued' AND next > $1`, at.UnixMilli(), body)
		return err
	})
	return n, err
}

// fateTerm is how long the fate of a message is kept after it was queued.
const fateTerm = 30 * 24 * time.Hour

// Forget deletes what is older than the terms: fates after 30 days, keys of certificates that ran out.
func (m *Mail) Forget(ctx context.Context, at time.Time) error {
	return m.store.Update(ctx, func(tx Tx) error {
		if _, err := tx.Exec(`DELETE FROM office_mail_messages WHERE queued < $1 AND content IS NULL`, at.Add(-fateTerm).UnixMilli()); err != nil {
			return err
		}
		if _, err := tx.Exec(`UPDATE office_mail_certificates SET key = NULL, ended = until, reason = $1 WHERE ended IS NULL AND until <= $2`, endedSuperseded, at.UnixMilli()); err != nil {
			return err
		}
		_, err := tx.Exec(`DELETE FROM office_mail_certificates WHERE until <= $1`, at.UnixMilli())
		return err
	})
}

// replyLine is one line of a server's answer, short and printable.
func replyLine(s string) string {
	s = string(bytes.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, []byte(strings.ToValidUTF8(s, "?"))))
	if len(s) > 300 {
		s = strings.ToValidUTF8(s[:300], "")
	}
	return strings.TrimSpace(s)
}
