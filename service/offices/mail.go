package offices

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/posvid/posvid/locale"
	"github.com/posvid/posvid/office"
	"github.com/posvid/posvid/service"
)

// Times of the gate's jobs.
const (
	deliverEvery = 2 * time.Second
	endEvery     = 10 * time.Minute
	forgetEvery  = time.Hour
	sentLines    = 30       // of the page of sent mail
	maxMailForm  = 96 << 10 // bytes of the settings form

	authorityWarning = 90 * 24 * time.Hour // before its end: mail programs everywhere have to learn the next one
)

func (p *part) mountMail() error {
	var err error
	if p.mail, err = office.OpenMail(p.c.Store, office.MailConfig{Origin: p.s.Origin, Seated: p.seated, BodyName: p.mailBodyName,
		Page: func(seat office.Seat) string { return office.PersonPath(seat.UID()) }}); err != nil {
		return err
	}
	p.mailer = p.mail
	counts := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "posvid_office_mail_total", Help: "Messages at the mail gate by what it answered."}, []string{"answer"})
	sent := prometheus.NewCounter(prometheus.CounterOpts{Name: "posvid_office_mail_delivered_total", Help: "Recipients that the body's server took a message for."})
	p.s.Metrics.MustRegister(counts, sent)
	for _, b := range p.s.Bodies {
		p.s.Every("office-mail-"+b.EDRPOU, deliverEvery, func(ctx context.Context, at time.Time) error {
			n, err := p.mail.Deliver(ctx, b.EDRPOU, at)
			sent.Add(float64(n))
			if ctx.Err() != nil {
				return nil
			}
			return err
		})
	}
	p.s.Every("office-mail-certificates", endEvery, func(ctx context.Context, at time.Time) error {
		_, err := p.mail.EndLeft(ctx, at)
		return err
	})
	p.s.Every("office-mail-forget", forgetEvery, p.mail.Forget)
	if p.c.Gate != nil {
		if err := p.c.Gate.Join(office.GateJoin{Mail: p.mail, Login: p.mailLogin, Now: p.s.Now,
			Count: func(answer string) { counts.WithLabelValues(answer).Inc() },
			Fault: func(err error) { p.s.Log.Error("mail gate", "cause", err.Error()) }}); err != nil {
			return err
		}
	}
	p.s.Page("GET /office/mail", officials, p.mailPage)
	// Public: whoever gets a signed letter has to check it; certificates and revocation lists say nothing that letters do not.
	p.s.Page("GET /office/mail/ca/{file}", service.Access{Public: true}, p.mailAuthorityFile)
	admin := admins
	admin.SecondFactor = true // whoever sets this up decides where letters go and who signs them
	p.s.Page("GET /b/{edrpou}/office/mail", admins, p.mailSettingsPage)
	p.s.PageLimit("POST /b/{edrpou}/office/mail", admin, maxMailForm, p.mailSettingsPost)
	p.s.Page("POST /b/{edrpou}/office/mail/authority", admin, p.mailAuthorityPost)
	p.s.Page("POST /b/{edrpou}/office/mail/retry", admin, p.mailRetryPost)
	p.atHome(p.homeMail)
	return nil
}

// mailLogin knows a person by an app password for mail.
func (p *part) mailLogin(ctx context.Context, user, password string, source netip.Addr) (office.GateLogin, error) {
	m, v, err := p.programBy(withSource(ctx, source), user, password, scopeMail, p.s.Now())
	return office.GateLogin{Seat: m.Seat, Live: func(ctx context.Context) error {
		err := p.passwords.Live(ctx, v.ID)
		if errors.Is(err, office.ErrAppPassword) {
			return office.MailLogin
		}
		if err != nil {
			return err
		}
		post, ids, err := p.post(ctx, v.Seat)
		if at := p.s.Now(); err == nil && statusIn(&post, ids, at) == office.StatusValid && !outlives(ids, v.Made, at) { // the job that ends it has not come by yet
			err = office.MailLogin
		}
		return err
	}}, err
}

func (p *part) mailBodyName(_ context.Context, edrpou string) (string, error) {
	b, err := p.s.Body(edrpou)
	if err != nil {
		return "", office.ErrNotFound
	}
	return b.Name, nil
}

// mailLine is one sent letter on the page.
type mailLine struct {
	ID, Subject, Queued string
	Size                string
	Fates               []fateLine
}

type fateLine struct {
	Address, State, Answer, Detail, Next string
	Tries                                int
}

// mailView is the Data of office_mail.html.
type mailView struct {
	Member   member
	Ready    bool // the body's mail is set up
	Gate     bool // this service takes mail
	Host     string
	Port     string
	Sent     []mailLine
	Older    string // to go on from
	Refusals []*office.MailRefusal
}

func (p *part) mailPage(w http.ResponseWriter, r *http.Request) error {
	m, err := p.member(r)
	if err != nil {
		return err
	}
	v := mailView{Member: m, Refusals: office.MailRefusals(), Gate: p.c.Gate != nil, Host: hostOf(p.s.Origin), Port: p.c.GatePort}
	switch set, err := p.mail.Settings(r.Context(), m.Body); {
	case err == nil:
		list, err := p.mail.Authorities(r.Context(), m.Body, p.s.Now())
		if err != nil {
			return err
		}
		v.Ready = len(list) > 0 && len(set.Domains) > 0
	case !errors.Is(err, office.MailNotSet):
		return err
	}
	var before time.Time
	if ms, err := strconv.ParseInt(r.URL.Query().Get("before"), 10, 64); err == nil && ms > 0 {
		before = time.UnixMilli(ms)
	}
	sent, err := p.mail.Sent(r.Context(), m.Seat, before, sentLines)
	if err != nil {
		return err
	}
	lang := p.s.Lang(r)
	for _, s := range sent {
		line := mailLine{ID: s.ID, Subject: s.Subject, Queued: kyivTime(s.Queued), Size: sizeText(s.Size, lang)}
		for _, f := range s.Fates {
			one := fateLine{Address: f.Address, State: f.State, Answer: f.Answer, Detail: f.Detail, Tries: f.Tries}
			if f.State == "queued" && f.Tries > 0 {
				one.Next = kyivTime(f.Next)
			}
			line.Fates = append(line.Fates, one)
		}
		v.Sent = append(v.Sent, line)
	}
	if len(sent) == sentLines {
		v.Older = strconv.FormatInt(sent[len(sent)-1].Queued.UnixMilli(), 10)
	}
	return p.s.Render(w, r, http.StatusOK, "office_mail", v)
}

// homeMail says on the first page which letters did not arrive.
func (p *part) homeMail(ctx context.Context, m member, at time.Time, lang string) (homeSection, error) {
	h := homeSection{ID: "mail", Title: "Листування", Empty: "Усі надіслані листи доставлено.", More: "/office/mail", MoreText: "Усі надіслані листи"}
	if lang == "en" {
		h.Title, h.Empty, h.MoreText = "Correspondence", "Every letter that you sent was delivered.", "All sent letters"
	}
	sent, err := p.mail.Sent(ctx, m.Seat, time.Time{}, 20)
	if err != nil {
		return h, err
	}
	for _, s := range sent {
		waiting, failed := 0, 0
		for _, f := range s.Fates {
			switch {
			case f.State == "failed":
				failed++
			case f.State == "queued":
				waiting++
			}
		}
		if waiting+failed == 0 || len(h.Lines) == 5 {
			continue
		}
		note := map[bool][2]string{true: {"не доставлено", "not delivered"}, false: {"чекає", "waits"}}[failed > 0]
		line := homeLine{When: kyivTime(s.Queued), Text: s.Subject, Link: "/office/mail#" + s.ID, Note: note[0]}
		if lang == "en" {
			line.Note = note[1]
		}
		if line.Text == "" {
			line.Text = "—"
		}
		h.Lines = append(h.Lines, line)
	}
	return h, nil
}

// mailAuthorityFile serves ‹ЄДРПОУ›.pem (all authorities in their term), ‹ЄДРПОУ›-‹number›.cer and ‹ЄДРПОУ›-‹number›.crl.
func (p *part) mailAuthorityFile(w http.ResponseWriter, r *http.Request) error {
	name, kind, _ := strings.Cut(r.PathValue("file"), ".")
	edrpou, number, numbered := strings.Cut(name, "-")
	if _, err := p.s.Body(edrpou); err != nil {
		return service.NotFound
	}
	at := p.s.Now()
	list, err := p.mail.Authorities(r.Context(), edrpou, at)
	if err != nil {
		return err
	}
	var body []byte
	media := map[string]string{"pem": "application/x-pem-file", "cer": "application/pkix-cert", "crl": "application/pkix-crl"}[kind]
	for _, a := range list {
		switch {
		case kind == "pem" && !numbered:
			body = append(body, a.PEM()...)
		case !numbered || strconv.FormatInt(a.Number, 10) != number:
		case kind == "cer":
			body = a.Certificate.Raw
		case kind == "crl":
			if body, err = p.mail.RevocationList(r.Context(), a.Number, at); err != nil {
				return err
			}
		}
	}
	if body == nil {
		return service.NotFound
	}
	w.Header().Set("Content-Type", media)
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+"."+kind+`"`)
	w.Header().Set("Cache-Control", "public, max-age=3600")
	_, err = w.Write(body)
	return err
}

// authorityLine is one mail authority on the page of settings.
type authorityLine struct {
	Number             int64
	Until, Fingerprint string
	Domains            string
	Current            bool
}

// mailSettingsView is the Data of office_mail_settings.html.
type mailSettingsView struct {
	EDRPOU, Name string
	Set          office.MailSettings
	Domains      string
	HasPassword  bool
	Known        bool   // settings are kept
	Wrong        string // field and what was wanted
	Authorities  []authorityLine
	Uncovered    bool // a domain is not in the newest authority
	Ending       bool // the newest authority ends soon
	Queue        office.QueueState
	Oldest       string
	Done         string
}

func (p *part) mailSettingsPage(w http.ResponseWriter, r *http.Request) error {
	v := mailSettingsView{Set: office.MailSettings{Kind: office.MailSMTP, TLS: "starttls"}, Done: r.URL.Query().Get("done")}
	set, err := p.mail.Settings(r.Context(), r.PathValue("edrpou"))
	if err == nil {
		v.Set, v.Known, v.Domains, v.HasPassword = set, true, strings.Join(set.Domains, " "), set.Password != ""
	} else if !errors.Is(err, office.MailNotSet) {
		return err
	}
	return p.renderMailSettings(w, r, http.StatusOK, v)
}

func (p *part) renderMailSettings(w http.ResponseWriter, r *http.Request, status int, v mailSettingsView) error {
	ctx, at := r.Context(), p.s.Now()
	b, err := p.s.Body(r.PathValue("edrpou"))
	if err != nil {
		return err
	}
	v.EDRPOU, v.Name = b.EDRPOU, b.Name
	v.Set.Password = ""
	list, err := p.mail.Authorities(ctx, b.EDRPOU, at)
	if err != nil {
		return err
	}
	v.Ending = len(list) > 0 && list[0].Certificate.NotAfter.Before(at.Add(authorityWarning))
	for i, a := range list {
		v.Authorities = append(v.Authorities, authorityLine{Number: a.Number, Until: kyivTime(a.Certificate.NotAfter), Fingerprint: a.Fingerprint(),
			Domains: strings.Join(a.Domains, ", "), Current: i == 0})
	}
	for _, d := range v.Set.Domains {
		if len(list) > 0 && !strings.Contains(" "+strings.Join(list[0].Domains, " ")+" ", " "+d+" ") {
			v.Uncovered = true
		}
	}
	if v.Queue, err = p.mail.QueueState(ctx, b.EDRPOU); err != nil {
		return err
	}
	if !v.Queue.Oldest.IsZero() {
		v.Oldest = kyivTime(v.Queue.Oldest)
	}
	return p.s.Render(w, r, status, "office_mail_settings", v)
}

// mailSettingsPost keeps settings. What reaches into this machine, and a domain that another body has, is set up in its terminal, not from a page: the
// machine's own server may trust whoever speaks from inside, and the administrator of one body must not write as another.
func (p *part) mailSettingsPost(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return service.BadRequest.Because(err)
	}
	edrpou := r.PathValue("edrpou")
	field := func(name string) string { return strings.TrimSpace(r.PostFormValue(name)) }
	set := office.MailSettings{Body: edrpou, Kind: field("kind"), Address: strings.ToLower(field("address")), TLS: field("tls"), User: field("user"),
		Password: r.PostFormValue("password"), Roots: strings.ReplaceAll(field("roots"), "\r\n", "\n"), Domains: strings.Fields(strings.ToLower(strings.ReplaceAll(field("domains"), ",", " "))),
		Sender: strings.ToLower(field("sender"))}
	old, err := p.mail.Settings(r.Context(), edrpou)
	if err != nil && !errors.Is(err, office.MailNotSet) {
		return err
	}
	// The kept password goes only to the server that it was given for: nobody can have it sent elsewhere by a change of address.
	if set.User != "" && set.Password == "" && set.User == old.User && set.Address == old.Address && set.TLS == old.TLS && set.Roots == old.Roots {
		set.Password = old.Password
	}
	wrong := ""
	switch {
	case set.Here() && (set.Kind == office.MailFolder || set.Kind != old.Kind || set.Address != old.Address || set.TLS != old.TLS):
		wrong = say(p.s.Lang(r), "адреса: сервер:порт; те, що на машині служби, задають у її терміналі (posvid office mail set)",
			"address: host:port; what is on the service's machine is set in its terminal (posvid office mail set)")
	default:
		added := slices.DeleteFunc(slices.Clone(set.Domains), func(d string) bool { return slices.Contains(old.Domains, d) })
		shared, err := p.mail.Shared(r.Context(), edrpou, added)
		if err != nil {
			return err
		}
		if shared != "" {
			wrong = say(p.s.Lang(r), "домени: "+shared+" уже має інший орган; спільний домен задають у терміналі служби (posvid office mail set)",
				"domains: "+shared+" is another body's; a domain that is shared is set in the service's terminal (posvid office mail set)")
			break
		}
		var refusal *office.MailRefusal
		if err := p.mail.Set(r.Context(), set, p.s.Now()); errors.As(err, &refusal) {
			wrong = refusal.Detail(p.s.Lang(r))
		} else if err != nil {
			return err
		}
	}
	if wrong != "" {
		return p.renderMailSettings(w, r, http.StatusUnprocessableEntity, mailSettingsView{Set: set, Domains: strings.Join(set.Domains, " "), Wrong: wrong,
			HasPassword: old.Password != "", Known: err == nil})
	}
	http.Redirect(w, r, "/b/"+edrpou+"/office/mail?done=saved", http.StatusSeeOther)
	return nil
}

func (p *part) mailAuthorityPost(w http.ResponseWriter, r *http.Request) error {
	edrpou := r.PathValue("edrpou")
	if _, err := p.mail.NewAuthority(r.Context(), edrpou, p.s.Now()); errors.Is(err, office.MailNotSet) {
		return mailNotSet
	} else if err != nil {
		return err
	}
	http.Redirect(w, r, "/b/"+edrpou+"/office/mail?done=authority", http.StatusSeeOther)
	return nil
}

var mailNotSet = service.NewProblem(http.StatusConflict, "office-mail-not-set", "Пошту органу ще не налаштовано.", "The body's mail is not set up yet.",
	"Спершу збережіть налаштування.", "Save the settings first.")

func (p *part) mailRetryPost(w http.ResponseWriter, r *http.Request) error {
	edrpou := r.PathValue("edrpou")
	if _, err := p.mail.Retry(r.Context(), edrpou, p.s.Now()); err != nil {
		return err
	}
	http.Redirect(w, r, "/b/"+edrpou+"/office/mail?done=retry", http.StatusSeeOther)
	return nil
}

// hostOf is the host of an origin.
func hostOf(origin string) string {
	u, err := url.Parse(origin)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// sizeText is a size as people read it.
func sizeText(n int, lang string) string {
	kib := (n + 1023) / 1024
	if lang == "en" {
		return strconv.Itoa(kib) + " KiB"
	}
	return strconv.Itoa(kib) + " КіБ"
}

// kyivTime is a time as people read it, in Kyiv.
func kyivTime(t time.Time) string { return locale.Kyiv(t).Format("02.01.2006 15:04") }
