package offices

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"maps"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"github.com/posvid/posvid/hr"
	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/office"
	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/service/servicetest"
)

// mailAddressOf is the work address that people of these tests get.
const mailAddressOf = "zrazok@minagro.example"

// gateWorld is a world whose gate listens, with the mail of the ministry set up to go into a folder.
func gateWorld(t *testing.T) (w *servicetest.World, p *part, address, folder string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	gate, err := office.NewGate(office.GateConfig{Domain: "localhost", TLS: &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w = servicetest.New(t)
	p = &part{s: w.Server, c: Config{Store: w.Server.Store.Office(), Ballots: w.Ballots.Office(), Gate: gate, GatePort: "2525"}}
	for _, mount := range []func() error{p.mountAccess, p.mountMail} {
		if err := mount(); err != nil {
			t.Fatal(err)
		}
	}
	w.Start()
	go gate.Serve(l) //nolint:errcheck // it ends with the test
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		gate.Shutdown(ctx) //nolint:errcheck // the test is over
	})
	folder = filepath.Join(t.TempDir(), "out")
	body := w.Ministry.EDRPOU
	if err := p.mail.Set(t.Context(), office.MailSettings{Body: body, Kind: office.MailFolder, Address: folder, TLS: "none", Domains: []string{"minagro.example"},
		Sender: "office@minagro.example"}, w.Now()); err != nil {
		t.Fatal(err)
	}
	if _, err := p.mail.NewAuthority(t.Context(), body, w.Now()); err != nil {
		t.Fatal(err)
	}
	change(t, w.Ministry.Holders["issued"], func(v *issuer.PostRow) { v.Record.WorkEmail = "Zrazok@Minagro.example" })
	return w, p, l.Addr().String(), folder
}

// appPassword makes an app password on the page, as a person does.
func appPassword(t *testing.T, w *servicetest.World, h *servicetest.Holder, what string) (user, secret string) {
	t.Helper()
	status, _, page := post(w, w.As(official(h)), "/office/apps", url.Values{"label": {"телефон"}, "for": {what}})
	if status != 200 {
		t.Fatalf("%d %s", status, page)
	}
	return find(t, page, `id="made-name">([^<]*)<`), find(t, page, `id="made-secret">([^<]*)<`)
}

// gateClient is a session with TLS, logged in; the error is of the log-in.
func gateClient(t *testing.T, address, user, secret string) (*smtp.Client, error) {
	t.Helper()
	c, err := smtp.DialStartTLS(address, &tls.Config{InsecureSkipVerify: true}) // a certificate of this test
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c, c.Auth(sasl.NewPlainClient("", user, secret))
}

const mailLetter = "From: " + mailAddressOf + "\r\nTo: k@other.example\r\nSubject: <script>alert(1)</script> =?utf-8?B?0J/RgNC+?=\r\n\r\ntext\r\n"

// TestMailByAppPassword: the gate takes the app password for mail and no other, and refuses within the session the moment the ID or the post ends
// (OML-03, OML-04).
func TestMailByAppPassword(t *testing.T) {
	w, p, address, folder := gateWorld(t)
	h := w.Ministry.Holders["issued"]
	user, secret := appPassword(t, w, h, "mail")
	dav, davSecret := appPassword(t, w, h, "dav")
	for name, pair := range map[string][2]string{"for DAV": {dav, davSecret}, "wrong": {user, "AAAA-AAAA-AAAA-AAAA-AAAA"}, "nobody": {"nobody", secret}, "empty": {"", ""}} {
		if _, err := gateClient(t, address, pair[0], pair[1]); err == nil || !strings.Contains(err.Error(), "office-mail-login") {
			t.Errorf("%s: %v", name, err)
		}
	}
	c, err := gateClient(t, address, mailAddressOf, secret)
	if err != nil {
		t.Fatal(err)
	}
	send := func() error {
		return c.SendMail(mailAddressOf, []string{"k@other.example"}, strings.NewReader(mailLetter))
	}
	if err := send(); err != nil {
		t.Fatal(err)
	}
	if n, err := p.mail.Deliver(t.Context(), w.Ministry.EDRPOU, w.Now()); n != 1 || err != nil {
		t.Fatalf("%d %v", n, err)
	}
	names, _ := filepath.Glob(filepath.Join(folder, "*.eml"))
	if len(names) != 1 {
		t.Fatalf("%d files", len(names))
	}
	data, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(data), "X-Posvid-Official: <"+w.Server.Origin+office.PersonPath(seatOf(h).UID())+">") {
		t.Errorf("no link to the entry:\n%s", data)
	}
	old := *h
	for name, f := range map[string]func(*issuer.PostRow){
		"dismissed":       func(v *issuer.PostRow) { v.Status = hr.StatusDismissed },
		"another address": func(v *issuer.PostRow) { v.Record.WorkEmail = "else@minagro.example" },
	} {
		var kept issuer.PostRow
		change(t, &old, func(v *issuer.PostRow) { kept = *v; f(v) })
		if err := send(); err == nil || !strings.Contains(err.Error(), "office-mail-") {
			t.Errorf("%s: %v", name, err)
		}
		change(t, &old, func(v *issuer.PostRow) { *v = kept })
	}
	if err := send(); err != nil {
		t.Error(err)
	}
	w.Set(w.Now().AddDate(3, 0, 0)) // the ID runs out
	if err := send(); err == nil || !strings.Contains(err.Error(), "office-mail-no-id") {
		t.Errorf("after its term: %v", err)
	}
	if logs := w.Logs.String(); strings.Contains(logs, "zrazok") || strings.Contains(logs, "other.example") || strings.Contains(logs, secret) {
		t.Errorf("personal data in the log:\n%s", logs)
	}
}

// TestEndedPassword: a password that its owner ends sends nothing any more, also in a session that it began: not at MAIL, and not a text that is on its
// way (OML-04).
func TestEndedPassword(t *testing.T) {
	w, p, address, _ := gateWorld(t)
	seat := seatOf(w.Ministry.Holders["issued"])
	for name, before := range map[string]bool{"before MAIL": true, "before the text": false} {
		user, secret := appPassword(t, w, w.Ministry.Holders["issued"], "mail")
		c, err := gateClient(t, address, user, secret)
		if err != nil {
			t.Fatal(err)
		}
		end := func() {
			if n, err := p.passwords.EndAll(t.Context(), seat, office.EndedByOwner, w.Now()); n != 1 || err != nil {
				t.Fatal(n, err)
			}
		}
		if before {
			end()
		}
		err = c.Mail(mailAddressOf, nil)
		if !before {
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Rcpt("k@other.example", nil); err != nil {
				t.Fatal(err)
			}
			text, derr := c.Data()
			if derr != nil {
				t.Fatal(derr)
			}
			end()
			if _, err := text.Write([]byte(mailLetter)); err != nil {
				t.Fatal(err)
			}
			err = text.Close()
		}
		if err == nil || !strings.Contains(err.Error(), "office-mail-login") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if q, err := p.mail.QueueState(t.Context(), seat.Body); err != nil || q.Waiting != 0 {
		t.Errorf("%+v %v", q, err)
	}
}

// TestSentPage: people see the fate of their own letters and of no others, and what they wrote is text (OML-23).
func TestSentPage(t *testing.T) {
	w, p, address, _ := gateWorld(t)
	h := w.Ministry.Holders["issued"]
	user, secret := appPassword(t, w, h, "mail")
	c, err := gateClient(t, address, user, secret)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.SendMail(mailAddressOf, []string{"k@other.example", "l@other.example"}, strings.NewReader(mailLetter)); err != nil {
		t.Fatal(err)
	}
	own, other := w.As(official(h)), w.As(official(w.Ministry.Holders["second"]))
	status, _, page := w.Do(own, "GET", "/office/mail", nil)
	for _, want := range []string{"k@other.example", "l@other.example", "чекає", "&lt;script&gt;alert(1)&lt;/script&gt; Про", "2525", mailAddressOf, `id="office-mail-from"`} {
		if status != 200 || !strings.Contains(string(page), want) {
			t.Errorf("%d, want %q", status, want)
		}
	}
	if strings.Contains(string(page), "<script>alert") {
		t.Error("a subject is not escaped")
	}
	if _, err := p.mail.Deliver(t.Context(), w.Ministry.EDRPOU, w.Now()); err != nil {
		t.Fatal(err)
	}
	if _, _, page = w.Do(own, "GET", "/office/mail?lang=en", nil); !strings.Contains(string(page), "delivered") {
		t.Error("no fate in English")
	}
	if status, _, page = w.Do(other, "GET", "/office/mail", nil); status != 200 || strings.Contains(string(page), "other.example") {
		t.Errorf("%d: somebody else's letters", status)
	}
	if _, _, page = w.Do(own, "GET", "/office/mail?before=1", nil); strings.Contains(string(page), "other.example") {
		t.Error("letters after the time that was asked for")
	}
	for name, holder := range map[string]string{"suspended": "suspended", "revoked": "revoked", "nothing issued": "none"} {
		if status, _, page := w.Do(w.As(official(w.Ministry.Holders[holder])), "GET", "/office/mail", nil, "Accept", "application/json"); status != 403 || problemCode(t, page) != "office-no-id" {
			t.Errorf("%s: %d", name, status)
		}
	}
	section, err := p.homeMail(t.Context(), member{Member: office.Member{Seat: seatOf(h)}}, w.Now(), "uk")
	if err != nil || len(section.Lines) != 0 || section.Empty == "" {
		t.Errorf("first page: %+v %v", section, err)
	}
}

// TestMailSettingsPage: only an administrator of the body who has just shown a passkey changes where letters go; a kept password never goes to
// another server; a page sets up no folder and no socket of this machine (OML-02).
func TestMailSettingsPage(t *testing.T) {
	w, p, _, _ := gateWorld(t)
	body := w.Council.EDRPOU
	path := "/b/" + body + "/office/mail"
	form := url.Values{"kind": {"smtp"}, "address": {"Mail.Rada.example:587"}, "tls": {"starttls"}, "user": {"gate"}, "password": {"secret-1"}, "domains": {"Rada.example, sub.rada.example"},
		"sender": {"office@rada.example"}}
	admin := w.As(w.Role(service.BodyAdmin, w.Council))
	noKey := w.Role(service.BodyAdmin, w.Council)
	noKey.SecondFactor = time.Time{}
	for name, c := range map[string]struct {
		who  service.Principal
		want string
	}{"no passkey": {noKey, "second-factor"}, "of another body": {w.Role(service.BodyAdmin, w.Ministry), "forbidden"}, "registrar": {w.Role(service.Registrar, w.Council), "forbidden"},
		"official": {official(w.Council.Holders["issued"]), "forbidden"}, "editor": {w.Role(service.OfficeEditor, w.Council), "forbidden"}} {
		for _, p := range []string{path, path + "/authority", path + "/retry"} {
			status, _, page := w.Do(w.As(c.who), "POST", p, strings.NewReader(form.Encode()), "Content-Type", "application/x-www-form-urlencoded", "Accept", "application/json")
			if status != 403 || problemCode(t, page) != c.want {
				t.Errorf("%s %s: %d %s", name, p, status, page)
			}
		}
	}
	if status, _, page := w.Do(admin, "POST", path+"/authority", nil, "Accept", "application/json"); status != 409 || problemCode(t, page) != "office-mail-not-set" {
		t.Errorf("an authority before settings: %d", status)
	}
	if status, head, page := post(w, admin, path, form); status != 303 || head.Get("Location") != path+"?done=saved" {
		t.Fatalf("%d %s", status, page)
	}
	got, err := p.mail.Settings(t.Context(), body)
	if err != nil || got.Address != "mail.rada.example:587" || got.Password != "secret-1" || len(got.Domains) != 2 {
		t.Fatalf("%+v %v", got, err)
	}
	status, _, page := w.Do(admin, "GET", path+"?done=saved", nil)
	if status != 200 || strings.Contains(string(page), "secret-1") || !strings.Contains(string(page), "mail.rada.example:587") {
		t.Errorf("%d: %s", status, page)
	}
	form.Set("password", "")
	if status, _, _ := post(w, admin, path, form); status != 303 {
		t.Errorf("%d", status)
	}
	if got, _ := p.mail.Settings(t.Context(), body); got.Password != "secret-1" {
		t.Error("an empty field forgot the password")
	}
	for field, value := range map[string]string{"address": "mail.evil.example:587", "tls": "tls"} {
		changed := url.Values{}
		for k, v := range form {
			changed[k] = v
		}
		changed.Set(field, value)
		if status, _, page := post(w, admin, path, changed); status != 422 || !strings.Contains(string(page), "користувач: ") {
			t.Errorf("the kept password with another %s: %d", field, status)
		}
	}
	for field, value := range map[string]string{"kind": "folder", "address": "unix:/run/lmtp", "domains": "", "sender": "a@b.example", "roots": "<script>"} {
		changed := url.Values{}
		for k, v := range form {
			changed[k] = v
		}
		changed.Set(field, value)
		status, _, page := post(w, admin, path, changed)
		if status != 422 || !strings.Contains(string(page), `id="wrong"`) || strings.Contains(string(page), "<script>") {
			t.Errorf("%s %q: %d", field, value, status)
		}
	}
	for name, change := range map[string][2]string{"a domain of the ministry": {"domains", "rada.example minagro.example"}, "this machine": {"address", "localhost:25"},
		"this machine by number": {"address", "127.0.0.2:587"}, "in IPv6": {"address", "[::ffff:127.0.0.1]:587"}, "unspecified": {"address", "0.0.0.0:587"}} {
		changed := maps.Clone(form)
		changed[change[0]] = []string{change[1]}
		changed["password"] = []string{"secret-2"}
		status, _, page := post(w, admin, path, changed)
		if status != 422 || !strings.Contains(string(page), "posvid office mail set") {
			t.Errorf("%s: %d", name, status)
		}
	}
	if got, _ := p.mail.Settings(t.Context(), body); got.Address != "mail.rada.example:587" || got.Password != "secret-1" || len(got.Domains) != 2 {
		t.Errorf("%+v", got)
	}
	// What was set in the terminal stays when something else is changed here, and certificates are the same from a file and from a form.
	local := got
	local.Address, local.User, local.Password, local.TLS = "localhost:25", "", "", "none"
	local.Domains = append(local.Domains, "minagro.example")
	roots := pemOfWorld(t)
	for _, terminal := range []office.MailSettings{local, {Body: body, Kind: office.MailSMTP, Address: got.Address, TLS: got.TLS, User: "gate", Password: "secret-1", Roots: roots,
		Domains: local.Domains, Sender: got.Sender}} {
		if err := p.mail.Set(t.Context(), terminal, w.Now()); err != nil {
			t.Fatal(err)
		}
		again := url.Values{"kind": {terminal.Kind}, "address": {terminal.Address}, "tls": {terminal.TLS}, "user": {terminal.User},
			"roots": {strings.ReplaceAll(strings.TrimSpace(terminal.Roots), "\n", "\r\n")}, "domains": {"rada.example minagro.example"}, "sender": {"office@rada.example"}}
		if status, _, page := post(w, admin, path, again); status != 303 {
			t.Errorf("%d %s", status, page)
		}
		if now, _ := p.mail.Settings(t.Context(), body); now.Address != terminal.Address || now.Password != terminal.Password || len(now.Domains) != 2 {
			t.Errorf("%+v", now)
		}
	}
	if err := p.mail.Set(t.Context(), got, w.Now()); err != nil {
		t.Fatal(err)
	}
	if status, head, _ := post(w, admin, path+"/authority", nil); status != 303 || head.Get("Location") != path+"?done=authority" {
		t.Errorf("%d", status)
	}
	if status, _, _ := post(w, admin, path+"/retry", nil); status != 303 {
		t.Errorf("%d", status)
	}
	if _, _, page := w.Do(admin, "GET", path, nil); !strings.Contains(string(page), "SHA-256") || !strings.Contains(string(page), "rada.example, sub.rada.example") {
		t.Errorf("no authority on the page: %s", page)
	} else if strings.Contains(string(page), `id="ending"`) {
		t.Error("a new authority is said to end")
	}
	w.Set(w.Now().AddDate(4, 10, 0))
	if _, _, page := w.Do(admin, "GET", path, nil); !strings.Contains(string(page), `id="ending"`) {
		t.Errorf("nothing says that the authority ends: %s", page)
	}
}

// pemOfWorld is a certificate as a file holds one, with a line end at its end.
func pemOfWorld(t *testing.T) string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// TestMailAuthorityFiles: certificates and revocation lists for everybody, and nothing else under that address (OML-15).
func TestMailAuthorityFiles(t *testing.T) {
	w, _, _, _ := gateWorld(t)
	c := w.Client()
	status, head, data := w.Do(c, "GET", "/office/mail/ca/99000011.pem", nil)
	block, _ := pem.Decode(data)
	if status != 200 || head.Get("Content-Type") != "application/x-pem-file" || block == nil {
		t.Fatalf("%d %s", status, data)
	}
	ca, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if status, head, data = w.Do(c, "GET", "/office/mail/ca/99000011-1.cer", nil); status != 200 || string(data) != string(ca.Raw) || head.Get("Content-Type") != "application/pkix-cert" {
		t.Errorf("%d", status)
	}
	status, head, data = w.Do(c, "GET", "/office/mail/ca/99000011-1.crl", nil)
	list, err := x509.ParseRevocationList(data)
	if err == nil {
		err = list.CheckSignatureFrom(ca)
	}
	if status != 200 || err != nil || head.Get("Content-Type") != "application/pkix-crl" || !list.NextUpdate.After(w.Now()) {
		t.Errorf("%d %v", status, err)
	}
	for _, file := range []string{"99000011", "99000011.key", "99000011.crl", "99000011-2.crl", "99000011-1.pem", "99000028.pem", "12345678.pem", "-1.crl", "99000011-01.crl", "..%2f99000011.pem"} {
		if status, _, _ := w.Do(c, "GET", "/office/mail/ca/"+file, nil); status != 404 {
			t.Errorf("%s: %d", file, status)
		}
	}
}

// TestMailerWithoutSettings: a body without mail says so, and keeps no letter (OML-18).
func TestMailerWithoutSettings(t *testing.T) {
	w, p, _, _ := gateWorld(t)
	n := office.Notice{Body: w.Council.EDRPOU, To: []string{"a@rada.example"}, Subject: "x", Text: "y"}
	if err := p.mailer.Send(t.Context(), n, w.Now()); !errors.Is(err, office.MailNotSet) {
		t.Errorf("%v", err)
	}
	n.Body = "12345678"
	if err := p.mailer.Send(t.Context(), n, w.Now()); !errors.Is(err, office.MailNotSet) {
		t.Errorf("%v", err)
	}
}
