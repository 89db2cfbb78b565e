package offices

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/cloudflare/circl/blindsign/blindrsa"
	"github.com/emersion/go-smtp"

	"github.com/posvid/posvid/office"
	"github.com/posvid/posvid/service"
)

// Files that a demo leaves in its folder.
const (
	DemoUser     = "user"     // user name of the app password
	DemoPassword = "password" // the app password, for address books, calendars and mail
	DemoAddress  = "address"  // work e-mail address of the same official
	DemoFeed     = "feed"     // path of a secret address of the same official's calendar
	DemoSurvey   = "survey"   // identifier of the closed anonymous survey
	DemoMail     = "mail"     // folder that takes the letters of both bodies
)

// demo fills the module with invented data about a demo's invented people, once: staffing lists with vacancies, a working week, tasks in
// every state, surveys, sent letters, and an app password, which no other program of this module ever writes down. It holds the module
// to its own rules: nothing here goes past the functions that the pages use.
func (p *part) demo(ctx context.Context, folder string) error {
	if _, err := os.Stat(filepath.Join(folder, DemoUser)); err == nil {
		return p.demoMoved(ctx, folder)
	}
	if err := os.MkdirAll(filepath.Join(folder, DemoMail), 0o700); err != nil {
		return err
	}
	d := demo{part: p, at: p.s.Now().UTC().Truncate(time.Second), folder: folder}
	for _, b := range p.s.Bodies {
		staff, err := d.staff(ctx, b)
		if err != nil {
			return err
		}
		d.bodies = append(d.bodies, staff)
	}
	for _, fill := range []func(context.Context) error{d.staffing, d.days, d.tasks, d.askedNow, d.askedByName, d.askedBefore, d.letters, d.password} {
		if err := fill(ctx); err != nil {
			return fmt.Errorf("offices: demo: %w", err)
		}
	}
	return nil
}

// demoMoved lets letters go on to the folder's own place when it has been copied or moved.
func (p *part) demoMoved(ctx context.Context, folder string) error {
	for _, b := range p.s.Bodies {
		set, err := p.mail.Settings(ctx, b.EDRPOU)
		if err != nil {
			return err
		}
		if here := filepath.Join(folder, DemoMail); set.Kind == office.MailFolder && set.Address != here {
			set.Address = here
			if err := p.mail.Set(ctx, set, p.s.Now()); err != nil {
				return err
			}
		}
	}
	return nil
}

// demo is one filling.
type demo struct {
	*part
	at     time.Time
	folder string
	bodies []demoStaff
	closed string // the closed anonymous survey
}

// demoStaff are the officials of one body.
type demoStaff struct {
	*service.Body
	all   []office.Entry
	valid []office.Member // whose service IDs are valid, in the order of their posts
}

// staff reads who serves in a body.
func (d *demo) staff(ctx context.Context, b *service.Body) (demoStaff, error) {
	s := demoStaff{Body: b}
	var err error
	if s.all, err = d.directory.Everyone(ctx, b.EDRPOU, "", ""); err != nil {
		return s, err
	}
	slices.SortFunc(s.all, func(a, b office.Entry) int { return cmp.Compare(a.Post, b.Post) })
	for _, e := range s.all {
		m, status, err := d.seated(ctx, e.Seat)
		if err != nil {
			return s, err
		}
		if status == office.StatusValid {
			s.valid = append(s.valid, m)
		}
	}
	if len(s.valid) < 2 {
		return s, fmt.Errorf("offices: demo: %d valid IDs in body %s, want more", len(s.valid), b.EDRPOU)
	}
	return s, nil
}

// star is the official whose pages the demo shows: the first holder that the log-in for development offers.
func (d *demo) star() office.Member { return d.bodies[0].valid[0] }

// team is the star's unit, the star first.
func (d *demo) team() []office.Member {
	var out []office.Member
	for _, m := range d.bodies[0].valid {
		if m.Unit == d.star().Unit {
			out = append(out, m)
		}
	}
	for i := 1; len(out) < 5; i++ { // of a body that has no such unit
		out = append(out, d.bodies[0].valid[i])
	}
	return out
}

// demoParents are units of units: what the staffing list knows and the staff file does not.
var demoParents = map[string]string{
	"Сектор режимно-секретної роботи":                    "Управління персоналом",
	"Відділ внутрішнього аудиту":                         "Фінансово-економічний департамент",
	"Відділ адміністративно-господарського забезпечення": "Фінансово-економічний департамент",
	"Управління комунікацій та звʼязків з громадськістю": "Департамент стратегічного планування",
	"Управління міжнародного співробітництва":            "Департамент стратегічного планування",
	"Управління персоналом":                              "Юридичний департамент",
}

// staffing gives each body a staffing list with a vacancy in every third position, and its contacts.
func (d *demo) staffing(ctx context.Context) error {
	for _, b := range d.bodies {
		count := map[[3]string]int{}
		var order [][3]string
		units := map[string]bool{}
		for _, e := range b.all {
			k := [3]string{e.Unit, e.Position, e.Category}
			if count[k] == 0 {
				order = append(order, k)
			}
			count[k]++
			units[e.Unit] = true
		}
		slices.SortStableFunc(order, func(a, b [3]string) int { return cmp.Compare(a[0], b[0]) }) // a unit's positions stand together
		var csv strings.Builder
		csv.WriteString("Структурний підрозділ;Вищий підрозділ;Посада;Категорія;Кількість\r\n")
		for i, k := range order {
			n := count[k]
			if i%3 == 1 {
				n++
			}
			parent := demoParents[k[0]]
			if !units[parent] {
				parent = ""
			}
			fmt.Fprintf(&csv, "%s;%s;%s;%s;%d\r\n", k[0], parent, k[1], k[2], n)
		}
		load, err := d.directory.AddStaffing(ctx, b.EDRPOU, []byte(csv.String()), d.at)
		if err != nil {
			return err
		}
		if err := d.directory.ApplyStaffing(ctx, b.EDRPOU, load.ID, d.at); err != nil {
			return err
		}
		if err := d.directory.SetContacts(ctx, b.EDRPOU, b.Phone, "info@"+d.domain(b), d.at); err != nil {
			return err
		}
	}
	return nil
}

// domain is that of a body's work addresses.
func (d *demo) domain(b demoStaff) string {
	_, domain, _ := strings.Cut(b.valid[0].Email, "@")
	return domain
}

// on is a time of day in Kyiv, so many working days from today.
func (d *demo) on(days, hour, minute int) time.Time {
	day := d.at.In(office.Kyiv)
	for step := max(min(days, 1), -1); days != 0; {
		day = day.AddDate(0, 0, step)
		if day.Weekday() != time.Saturday && day.Weekday() != time.Sunday {
			days -= step
		}
	}
	return office.InKyiv(time.Date(day.Year(), day.Month(), day.Day(), hour, minute, 0, 0, time.UTC))
}

// days fills the working days of the star and of four colleagues.
func (d *demo) days(ctx context.Context) error {
	team := d.team()
	add := func(m office.Member, day, hour, minutes int, summary, location string, private bool) error {
		from := d.on(day, hour, 0)
		_, err := d.planner.AddEvent(ctx, m.Seat, office.EventDraft{Summary: summary, Location: location, Start: from, End: from.Add(time.Duration(minutes) * time.Minute), Private: private}, d.at)
		return err
	}
	// One that recurs, as a calendar program writes it.
	monday := d.at.In(office.Kyiv).AddDate(0, 0, -28)
	for monday.Weekday() != time.Monday {
		monday = monday.AddDate(0, 0, -1)
	}
	weekly := "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Posvid//Demo//UK\r\nBEGIN:VEVENT\r\nUID:demo-weekly@posvid.example\r\nDTSTAMP:" + d.at.Format("20060102T150405Z") +
		"\r\nDTSTART;TZID=Europe/Kyiv:" + monday.Format("20060102") + "T090000\r\nDTEND;TZID=Europe/Kyiv:" + monday.Format("20060102") +
		"T094500\r\nRRULE:FREQ=WEEKLY;BYDAY=MO,WE,FR\r\nSUMMARY:Нарада управління\r\nLOCATION:кімната 214\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
	if _, err := d.planner.Put(ctx, d.star().Seat, office.Day, "weekly.ics", []byte(weekly), office.PutCondition{IfNoneMatch: "*"}, d.at); err != nil {
		return err
	}
	for i, m := range team[5:] {
		what := []string{"Робота з документами", "Виїзд", "Нарада сектору", "Прийом громадян"}[i%4]
		if err := errors.Join(add(m, i%5-2, 9+i%7, 60, what, "", false), add(m, (i+2)%5-2, 10+i%5, 90, "Підготовка матеріалів", "", i%3 == 0)); err != nil {
			return err
		}
	}
	return errors.Join(
		add(team[0], 0, 10, 60, "Робота з матеріалами провадження", "кабінет 312", false),
		add(team[0], 0, 14, 90, "Прийом у лікаря", "", true),
		add(team[0], 0, 16, 30, "Звіт за тиждень", "", false),
		add(team[0], 1, 11, 60, "Робоча зустріч із міською радою", "вул. Вигадана, 1", false),
		add(team[1], 0, 10, 120, "Комісія з атестації", "зал засідань", false),
		add(team[1], 2, 9, 60, "Погодження плану заходів", "", false),
		add(team[2], 0, 9, 180, "Чергування", "пост № 2", false),
		add(team[2], 1, 15, 45, "Особисте", "", true),
		add(team[3], 0, 13, 60, "Навчання з користування посвідченням", "зал засідань", false),
		add(team[4], -1, 10, 60, "Перевірка переліків", "", false))
}

// tasks gives tasks in every state, one of them late and one cancelled.
func (d *demo) tasks(ctx context.Context) error {
	team := d.team()
	star, chief, one, two := team[0], team[1], team[2], team[3]
	give := func(from, to office.Member, summary, text string, due time.Time, steps ...office.TaskState) error {
		made := d.at.Add(-70 * time.Hour)
		id, err := d.planner.Give(ctx, from, to, office.Draft{Summary: summary, Description: text, Due: due}, made)
		if err != nil {
			return err
		}
		for i, s := range steps {
			by := to.Seat
			if s == office.TaskAgreed || s == office.TaskCancelled {
				by = from.Seat
			}
			task, err := d.planner.Task(ctx, by, id)
			if err != nil {
				return err
			}
			at := made.Add(time.Duration(i+1) * 20 * time.Hour)
			if s == office.TaskCancelled {
				err = d.planner.Cancel(ctx, by, id, task.ETag, at)
			} else {
				err = d.planner.Move(ctx, by, id, task.ETag, s, at)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	return errors.Join(
		give(chief, star, "Підготувати довідку про стан проваджень", "За формою додатка 3, до двох сторінок.", d.on(2, 18, 0)),
		give(chief, star, "Перевірити перелік виданих посвідчень управління", "", d.on(1, 12, 0), office.TaskPrepared),
		give(star, one, "Узгодити графік чергувань на грудень", "Двоє на зміну.", d.on(1, 17, 0), office.TaskPrepared, office.TaskAgreed),
		give(chief, star, "Ознайомитися з порядком зберігання носіїв", "", d.on(-1, 18, 0), office.TaskPrepared, office.TaskAgreed, office.TaskAcquainted),
		give(star, two, "Надіслати акт звірки", "", d.on(-1, 16, 0)),
		give(star, one, "Замовити зал засідань", "", d.on(3, 10, 0), office.TaskCancelled),
		give(star, star, "Підписати табель", "", d.on(0, 18, 0)))
}

// everybody are the bodies as the audience of a survey.
func (d *demo) everybody() []office.Audience {
	var out []office.Audience
	for _, b := range d.bodies {
		out = append(out, office.Audience{Body: b.EDRPOU})
	}
	return out
}

// askedNow opens an anonymous survey with questions of every kind for both bodies, which some have answered.
func (d *demo) askedNow(ctx context.Context) error {
	s, err := d.ask(ctx, true, demoConditions, d.everybody(), d.at.Add(-26*time.Hour), d.on(2, 18, 0))
	if err != nil {
		return err
	}
	return d.ballots(ctx, s, d.bodies[0].valid[1:10], d.at.Add(-20*time.Hour))
}

// askedByName opens a named survey for the star's unit.
func (d *demo) askedByName(ctx context.Context) error {
	from := d.at.Add(-26 * time.Hour)
	s, err := d.ask(ctx, false, demoDuty, []office.Audience{{Body: d.star().Body, Unit: d.star().Unit}}, from, d.on(4, 18, 0))
	if err != nil {
		return err
	}
	for i, m := range d.team()[1:4] {
		if m.Unit != d.star().Unit {
			continue
		}
		person, err := d.surveyPerson(ctx, s.ID, m.Seat)
		if err != nil {
			return err
		}
		at := from.Add(time.Duration(i+1) * time.Hour)
		if err := d.surveys.AnswerNamed(ctx, s.ID, person, office.Answer{"shift": []string{"day", "night", "day"}[i], "days": []string{"mon", "wed"}}, surveyDay(at), at); err != nil {
			return err
		}
	}
	return nil
}

// askedBefore closes an anonymous survey with results.
func (d *demo) askedBefore(ctx context.Context) error {
	began, closed := d.at.AddDate(0, 0, -12), d.at.AddDate(0, 0, -1)
	s, err := d.ask(ctx, true, demoConditions, []office.Audience{{Body: d.bodies[0].EDRPOU}}, began, closed)
	if err != nil {
		return err
	}
	d.closed = s.ID
	people := d.bodies[0].valid
	if err := d.ballots(ctx, s, people[:min(48, len(people))], began.AddDate(0, 0, 3)); err != nil {
		return err
	}
	if err := d.closeSurvey(ctx, s.ID, closed); err != nil {
		return err
	}
	return d.box.Forget(ctx)
}

// ask makes a survey and opens it.
func (d *demo) ask(ctx context.Context, anonymous bool, definition string, who []office.Audience, at, closes time.Time) (office.Survey, error) {
	s, err := d.surveys.Draft(ctx, d.bodies[0].EDRPOU, anonymous, []byte(definition), who, at)
	if err != nil {
		return s, err
	}
	return d.openSurvey(ctx, s.ID, s.Revision, closes, at)
}

// ballots answers an anonymous survey for people, each as a browser does.
func (d *demo) ballots(ctx context.Context, s office.Survey, people []office.Member, at time.Time) error {
	public, err := x509.ParsePKIXPublicKey(s.PublicKey)
	if err != nil {
		return err
	}
	client, err := blindrsa.NewClient(blindrsa.SHA384PSSRandomized, public.(*rsa.PublicKey))
	if err != nil {
		return err
	}
	for i, m := range people {
		secret := make([]byte, office.SecretSize)
		rand.Read(secret) // never fails
		prepared, err := client.Prepare(rand.Reader, office.BallotMessage(s.ID, office.BallotNonce(secret)))
		if err != nil {
			return err
		}
		blinded, state, err := client.Blind(rand.Reader, prepared)
		if err != nil {
			return err
		}
		person, err := d.surveyPerson(ctx, s.ID, m.Seat)
		if err != nil {
			return err
		}
		signed, err := d.surveys.Sign(ctx, s.ID, person, blinded, surveyDay(at), at)
		if errors.Is(err, office.ErrServed) { // a person in two posts
			continue
		}
		if err != nil {
			return err
		}
		signature, err := client.Finalize(state, signed)
		if err != nil {
			return err
		}
		if err := d.box.Put(ctx, s.ID, office.Ballot{Secret: secret, Prefix: prepared[:office.PrefixSize], Signature: signature, Answer: demoAnswer(i)}, at); err != nil {
			return err
		}
	}
	return nil
}

// demoAnswer is the n-th answer to demoConditions.
func demoAnswer(n int) office.Answer {
	a := office.Answer{"place": []string{"office", "office", "mixed", "mixed", "mixed", "home"}[n%6], "load": int64(1 + (n*7+n/5)%5), "trips": int64((n * 5) % 13),
		"first": [][]string{{"tools", "training", "schedule"}, {"schedule", "tools", "training"}, {"tools", "schedule", "training"}}[n%3]}
	needs := [][]string{{"laptop"}, {"laptop", "chair"}, {"training"}, {"chair", "training"}, {"laptop", "training"}}[n%5]
	a["needs"] = needs
	if a["load"].(int64) >= 4 {
		a["why"] = []string{"Багато ручної звірки переліків.", "Наради забирають пів дня.", "Одну довідку пишемо тричі."}[n%3]
	}
	return a
}

// letters sets mail up and sends some: delivered, refused for ever, refused for now, and one to the folder.
func (d *demo) letters(ctx context.Context) error {
	before := d.at.AddDate(0, 0, -2)
	settings := map[string]office.MailSettings{}
	for _, b := range d.bodies {
		domain := d.domain(b)
		set := office.MailSettings{Body: b.EDRPOU, Kind: office.MailFolder, Address: filepath.Join(d.folder, DemoMail), TLS: "none", Domains: []string{domain}, Sender: "info@" + domain}
		if err := d.mail.Set(ctx, set, before); err != nil {
			return err
		}
		settings[b.EDRPOU] = set
		if _, err := d.mail.NewAuthority(ctx, b.EDRPOU, before); err != nil {
			return err
		}
	}
	star, body := d.star(), d.star().Body
	colleague, abroad := d.team()[1].Email, d.bodies[len(d.bodies)-1].valid[0].Email
	if _, err := d.send(ctx, "Графік чергувань", "Надсилаю графік на грудень.", before, colleague); err != nil {
		return err
	}
	if _, err := d.mail.Deliver(ctx, body, before); err != nil {
		return err
	}
	// A server that refuses some: it is ended as soon as it has answered.
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return demoMailbox{}, nil }))
	server.LMTP, server.Domain = true, "localhost"
	go server.Serve(listener)
	defer server.Close()
	trial := settings[body]
	trial.Kind, trial.Address = office.MailLMTP, listener.Addr().String()
	if err := d.mail.Set(ctx, trial, before); err != nil {
		return err
	}
	_, domain, _ := strings.Cut(star.Email, "@")
	if _, err := d.send(ctx, "Запит щодо спільної наради", "Прошу підтвердити час: четвер, 11:00.", d.at, abroad, "nobody@"+domain, "full@"+domain); err != nil {
		return err
	}
	if _, err := d.mail.Deliver(ctx, body, d.at); err != nil {
		return err
	}
	return d.mail.Set(ctx, settings[body], d.at)
}

// send submits a letter of the star.
func (d *demo) send(ctx context.Context, subject, text string, at time.Time, to ...string) (string, error) {
	star := d.star()
	raw := "From: " + star.Email + "\r\nTo: " + strings.Join(to, ", ") + "\r\nSubject: " + subject + "\r\nDate: " + at.Format(time.RFC1123Z) +
		"\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + text + "\r\n"
	return d.mail.Submit(ctx, star.Seat, office.Envelope{From: star.Email, To: to}, []byte(raw), at)
}

// demoMailbox is a mailbox server that knows two of its recipients to refuse.
type demoMailbox struct{}

// Mail implements smtp.Session.
func (demoMailbox) Mail(string, *smtp.MailOptions) error { return nil }

// Rcpt implements smtp.Session.
func (demoMailbox) Rcpt(to string, _ *smtp.RcptOptions) error {
	switch name, _, _ := strings.Cut(to, "@"); name {
	case "nobody":
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such mailbox"}
	case "full":
		return &smtp.SMTPError{Code: 452, EnhancedCode: smtp.EnhancedCode{4, 2, 2}, Message: "mailbox is full"}
	}
	return nil
}

// Data implements smtp.Session.
func (demoMailbox) Data(r io.Reader) error {
	_, err := io.Copy(io.Discard, r)
	return err
}

// Reset implements smtp.Session.
func (demoMailbox) Reset() {}

// Logout implements smtp.Session.
func (demoMailbox) Logout() error { return nil }

// password makes an app password of the star and leaves it in the folder, for the programs of whoever tries the demo. The user name
// comes last: it says that all is done.
func (d *demo) password(ctx context.Context) error {
	v, secret, err := d.passwords.Make(ctx, d.star().Seat, "Проба: vdirsyncer і swaks", office.ForDAV|office.ForMail, d.at)
	if err != nil {
		return err
	}
	feed, err := d.planner.MakeFeed(ctx, d.star().Seat, true, d.at)
	if err != nil {
		return err
	}
	for _, file := range [][2]string{{DemoPassword, secret}, {DemoAddress, d.star().Email}, {DemoFeed, "/office/feed/" + feed + ".ics"}, {DemoSurvey, d.closed}, {DemoUser, v.Name}} {
		if err := os.WriteFile(filepath.Join(d.folder, file[0]), []byte(file[1]+"\n"), 0o600); err != nil {
			return err
		}
	}
	return nil
}
