package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/posvid/posvid/checkpoint"
	"github.com/posvid/posvid/cmd/internal/cli"
	"github.com/posvid/posvid/hr"
	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/locale"
	"github.com/posvid/posvid/trust"
)

// bodyRun opens the body of --body, runs f and closes it.
func bodyRun(env *cli.Env, edrpou *string, sign, tokens bool, f func(ctx context.Context, b *openBody, args []string) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) (err error) {
		folder, err := bodyFolderOf(env, *edrpou)
		if err != nil {
			return err
		}
		b, err := folder.open(c.Context(), sign, tokens)
		if err != nil {
			return registerRefusal(env, err)
		}
		defer b.close(&err)
		return registerRefusal(env, f(c.Context(), b, args))
	}
}

func bodyFlag(c *cobra.Command) *string {
	return c.Flags().String("body", "", "код ЄДРПОУ органу; не потрібен, коли він один / the body; not needed when there is one")
}

func asFlag(c *cobra.Command) *string {
	return c.Flags().String("as", "", "хто це робить: номер або ім'я підписувача / which operator")
}

func bundleCommand(env *cli.Env) *cobra.Command {
	root := &cobra.Command{Use: "bundle", Short: "набір довіри органу / the body's trust bundle"}
	var pin string
	install := &cobra.Command{
		Use: "install FILE", Args: cobra.ExactArgs(1),
		Short: "встановити набір довіри: без нього орган нічого не підписує / install a bundle",
	}
	install.Flags().StringVar(&pin, "pin", "", "відбиток кореневого ключа, лише вперше / root fingerprint, the first time")
	edrpou := bodyFlag(install)
	install.RunE = func(_ *cobra.Command, args []string) error {
		folder, err := bodyFolderOf(env, *edrpou)
		if err != nil {
			return err
		}
		data, err := env.ReadFile(args[0], trust.MaxBundle)
		if err != nil {
			return err
		}
		bundle, err := folder.installBundle(data, pin, env.Now())
		if err != nil {
			return err
		}
		env.Print("орган %s: набір довіри %d від %s", "body %s: trust bundle %d of %s", folder.edrpou, bundle.Number(), bundle.IssuedAt().Format(time.RFC3339))
		return nil
	}
	root.AddCommand(install)
	return root
}

// installBundle pins the root when it is given and installs the bundle.
func (f *bodyFolder) installBundle(data []byte, pin string, at time.Time) (*trust.Bundle, error) {
	state, err := f.trustState()
	if err != nil {
		return nil, err
	}
	if pin != "" {
		fingerprint, err := trust.ParseFingerprint(pin)
		if err != nil {
			return nil, cli.Usagef("--pin: %v", err)
		}
		if err := state.Pin(fingerprint); err != nil {
			return nil, err
		}
	}
	if _, err := state.Install(data, at); err != nil {
		if errors.Is(err, checkpoint.ErrNoPin) {
			err = cli.Hint(err, f.env.T("дайте відбиток кореневого ключа: --pin ВІДБИТОК", "give the root fingerprint: --pin FINGERPRINT"))
		}
		return nil, err
	}
	return state.Bundle()
}

func slipsCommand(env *cli.Env) *cobra.Command {
	var out, unit, newPhone, origin string
	var html, again bool
	command := &cobra.Command{
		Use: "slips", Args: cobra.NoArgs,
		Short: "талони підключення для друку / enrolment slips to print",
		Long: env.T("Робить талони тим, хто має право на посвідчення і ще не підключився. На талоні код підключення (14 діб, 5 спроб) і код зупинення. Коди є лише на папері.",
			"Makes slips for those who have a right to an ID and are not enrolled. The codes exist on paper only."),
	}
	edrpou, as := bodyFlag(command), asFlag(command)
	command.Flags().StringVarP(&out, "out", "o", "", "файл / output file, - for stdout")
	command.Flags().StringVar(&unit, "unit", "", "лише цей підрозділ / only this unit")
	command.Flags().BoolVar(&html, "html", false, "сторінка A4 замість тексту / an A4 page instead of text")
	command.Flags().StringVar(&newPhone, "new-phone", "", "талон на новий телефон власника цього посвідчення / for the holder of this ID, who has a new phone")
	command.Flags().StringVar(&origin, "service", "", "адреса служби: сторінка з QR-кодом для гаманця / the service's address, for a page with a QR code")
	command.Flags().BoolVar(&again, "again", false, "нові талони замість ще не використаних / replace unused slips")
	command.RunE = bodyRun(env, edrpou, false, false, func(ctx context.Context, b *openBody, _ []string) error {
		if out == "" {
			return cli.Usagef("%s", env.T("потрібен --out: талони друкують, а не показують", "--out is needed: slips are printed"))
		}
		by, err := b.operator(ctx, *as)
		if err != nil {
			return err
		}
		sheet := issuer.SlipSheet{EDRPOU: b.edrpou, Origin: origin}
		if origin != "" {
			// Looked at before slips are made: making them ends older ones.
			if !html {
				return cli.Usagef("%s", env.T("--service потребує --html: на тексті немає QR-коду", "--service needs --html: text has no QR code"))
			}
			bundle, err := b.installedBundle()
			if err != nil {
				return err
			}
			sheet.Root = bundle.FirstFingerprint()
			if err := sheet.Check(); err != nil {
				return cli.Usagef("%s", env.T("--service: потрібна адреса на зразок https://id.example.gov.ua", "--service: want an address like https://id.example.gov.ua"))
			}
		}
		filter := issuer.SlipFilter{Unit: unit, Renew: again}
		if newPhone != "" {
			id, err := b.idOf(ctx, newPhone)
			if err != nil {
				return err
			}
			filter = issuer.SlipFilter{Entitlements: []int64{id.Entitlement}, NewPhone: true, Renew: again}
		}
		slips, err := b.register.Slips(ctx, filter, by, env.Now())
		if err != nil {
			return err
		}
		if len(slips) == 0 {
			env.Say("нікому: усі з правом на посвідчення вже мають талон або підключені; новий талон замість старого: --again; хто без посвідчення і чому: posvid hr plan --report",
				"nobody: everyone with a right to an ID has a slip or is enrolled; a new slip for an old one: --again; who gets no ID and why: posvid hr plan --report")
			return nil
		}
		name, err := b.name(ctx)
		if err != nil {
			return err
		}
		var buffer strings.Builder
		if html {
			sheet.Body = name
			err = issuer.WriteSlipsPage(&buffer, sheet, slips)
		} else {
			err = issuer.WriteSlipsText(&buffer, name, slips)
		}
		if err != nil {
			return err
		}
		if err := env.WriteFile(out, []byte(buffer.String()), 0o600); err != nil {
			return err
		}
		env.Say("талонів: %d, файл %s; після друку видаліть його", "slips: %d in %s; delete it once printed", len(slips), out)
		return nil
	})
	return command
}

// name is the body's name.
func (b *openBody) name(ctx context.Context) (name string, err error) {
	err = b.store.View(ctx, func(tx issuer.Tx) error {
		row, err := tx.Body()
		name = row.Name
		return err
	})
	return name, err
}

func enrolCommand(env *cli.Env) *cobra.Command {
	var slip int64
	command := &cobra.Command{
		Use: "enrol REQUEST", Args: cobra.ExactArgs(1),
		Short: "прийняти запит гаманця з кодом талона / take a wallet's request with the code of its slip",
	}
	edrpou := bodyFlag(command)
	command.Flags().Int64Var(&slip, "slip", 0, "номер талона, якщо його названо / number of the slip")
	command.RunE = bodyRun(env, edrpou, false, false, func(ctx context.Context, b *openBody, args []string) error {
		data, err := env.ReadFile(args[0], 64<<10)
		if err != nil {
			return err
		}
		enrolled, err := b.register.Enrol(ctx, slip, data, env.Now())
		if err != nil {
			return enrolmentError(env, err)
		}
		if enrolled.Repeated {
			env.Print("цей запит уже прийнято", "this request was taken before")
		} else {
			env.Print("підключено: право на посвідчення %d; видайте: posvid issue", "enrolled: entitlement %d; next: posvid issue", enrolled.Entitlement)
		}
		if enrolled.Replaced {
			env.Print("попередній телефон від'єднано, його посвідчення замінено", "the former phone is out, its ID is replaced")
		}
		return nil
	})
	return command
}

// enrolmentError tells the registrar why, which the person at the other end must not learn.
func enrolmentError(env *cli.Env, err error) error {
	var refused *issuer.EnrolmentError
	if !errors.As(err, &refused) {
		return err
	}
	code, _ := refused.Registrar()
	text := registerTexts[code]
	return cli.Hint(env.Err("запит на підключення відхилено: %s [%s]", "the enrolment is refused: %s [%s]", env.T(text.uk, text.en), code), env.T(text.nextUK, text.nextEN))
}

// stopError tells the registrar why a stop code suspends nothing, and what does.
func stopError(env *cli.Env, err error) error {
	var refused *issuer.EnrolmentError
	if !errors.As(err, &refused) {
		return err
	}
	code, _ := refused.Registrar()
	text := registerTexts[code]
	return cli.Hint(env.Err("код зупинення не прийнято: %s [%s]", "the stop code is refused: %s [%s]", env.T(text.uk, text.en), code),
		env.T("зупиніть за номером: posvid suspend НОМЕР --ground loss", "suspend by number: posvid suspend NUMBER --ground loss"))
}

func stopCommand(env *cli.Env) *cobra.Command {
	command := &cobra.Command{
		Use: "stop CODE", Args: cobra.ExactArgs(1),
		Short: "зупинити посвідчення за кодом зупинення з талона / suspend by the stop code of a slip",
	}
	edrpou := bodyFlag(command)
	command.RunE = bodyRun(env, edrpou, false, false, func(ctx context.Context, b *openBody, args []string) error {
		suspended, err := b.register.StopByCode(ctx, args[0], env.Now())
		if err != nil {
			return stopError(env, err)
		}
		if suspended {
			env.Print("посвідчення зупинено; опублікуйте: posvid publish", "the ID is suspended; next: posvid publish")
		} else {
			env.Print("уже зупинено", "stopped already")
		}
		return nil
	})
	return command
}

func withdrawCommand(env *cli.Env) *cobra.Command {
	command := &cobra.Command{
		Use: "withdraw ID", Args: cobra.ExactArgs(1),
		Short: "пред'явник відмовився від електронного посвідчення / the holder withdraws the wish",
	}
	edrpou, as := bodyFlag(command), asFlag(command)
	command.RunE = bodyRun(env, edrpou, false, false, func(ctx context.Context, b *openBody, args []string) error {
		by, err := b.operator(ctx, *as)
		if err != nil {
			return err
		}
		id, err := b.idOf(ctx, args[0])
		if err != nil {
			return err
		}
		if err := b.register.Withdraw(ctx, id.Entitlement, by, env.Now()); err != nil {
			return err
		}
		env.Print("бажання відкликано, посвідчення анульовано", "the wish is withdrawn, the ID is revoked")
		return nil
	})
	return command
}

func issueCommand(env *cli.Env) *cobra.Command {
	var out string
	command := &cobra.Command{
		Use: "issue", Args: cobra.NoArgs,
		Short: "видати всім підключеним, поновити, кому час / issue to everybody enrolled, renew what is due",
	}
	edrpou := bodyFlag(command)
	command.Flags().StringVarP(&out, "out", "o", "", "тека для гаманців; типово bodies/‹ЄДРПОУ›/deliveries / folder for what wallets get")
	command.RunE = bodyRun(env, edrpou, true, true, func(ctx context.Context, b *openBody, _ []string) error {
		if out == "" {
			out = b.file("deliveries")
		}
		report, err := b.issue(ctx, out, env.Now())
		if err != nil {
			return err
		}
		env.Print("видано: %d, поновлено: %d, без змін: %d, без права зараз: %d, не видано: %d", "issued: %d, renewed: %d, unchanged: %d, not entitled now: %d, not issued: %d", report.issued, report.renewed, report.existing, report.waiting, len(report.failed))
		for _, f := range report.failed {
			env.Print("право %d: %v", "entitlement %d: %v", f.Entitlement, registerRefusal(env, f.Err))
		}
		env.Print("передачі для гаманців: %s", "deliveries for wallets: %s", out)
		if len(report.failed) > 0 {
			return &cli.Exit{Code: cli.ExitRefuse}
		}
		return nil
	})
	return command
}

// issueReport counts what became of the entitlements.
type issueReport struct {
	issued, renewed, existing int
	waiting                   int // enrolled, but suspended or without an entitlement now: posvid standings says why
	failed                    []issuer.Result
	deliveries                map[int64]string // row of the ID → file
}

// issue finishes what a crash left, issues to everybody enrolled, renews what is due, and writes one delivery an ID.
func (b *openBody) issue(ctx context.Context, out string, at time.Time) (*issueReport, error) {
	if _, _, err := b.body.Recover(ctx, at); err != nil {
		return nil, err
	}
	if _, err := b.register.Sweep(ctx, at); err != nil { // what ran out or came back since the last time
		return nil, err
	}
	report := &issueReport{deliveries: map[int64]string{}}
	told := map[int64]bool{} // renewing meets again those who could not be issued to
	each := func(r issuer.Result) error {
		if r.Err != nil && told[r.Entitlement] {
			return nil
		}
		told[r.Entitlement] = told[r.Entitlement] || r.Err != nil
		switch {
		case errors.Is(r.Err, issuer.ErrNotEntitled), errors.Is(r.Err, issuer.ErrNoWish), errors.Is(r.Err, issuer.ErrSuspended):
			report.waiting++
		case r.Err != nil:
			report.failed = append(report.failed, r)
		case r.Existing:
			report.existing++
		case r.Renewal == 0:
			report.issued++
		default:
			report.renewed++
		}
		return nil
	}
	if err := b.body.IssueAll(ctx, at, each); err != nil {
		return nil, err
	}
	if err := b.body.Renew(ctx, at, each); err != nil {
		return nil, err
	}
	if _, err := b.body.Expire(ctx, at, 1<<20); err != nil && !errors.Is(err, issuer.ErrNotGranted) { // each refusal is in the report
		return nil, err
	}
	return report, b.deliver(ctx, out, report)
}

// deliver writes what waits in the outbox, one file an ID, and takes it out once it is on the disk.
func (b *openBody) deliver(ctx context.Context, out string, report *issueReport) error {
	if err := os.MkdirAll(out, 0o700); err != nil {
		return err
	}
	for {
		rows, err := b.body.Outbox(ctx, 1000)
		if err != nil || len(rows) == 0 {
			return err
		}
		var done []int64
		for _, row := range rows {
			name, err := b.deliverOne(ctx, out, row.ID)
			switch {
			case errors.Is(err, issuer.ErrState), errors.Is(err, issuer.ErrNotFound):
				// Suspended, revoked or replaced since: there is nothing to hand over any more.
			case err != nil:
				return err
			default:
				report.deliveries[row.ID] = name
			}
			done = append(done, row.Seq)
		}
		if err := b.body.Delivered(ctx, done...); err != nil {
			return err
		}
	}
}

// deliverOne writes the delivery of one ID with its portrait; the file is named by the serial, which says nothing of the person.
func (b *openBody) deliverOne(ctx context.Context, out string, row int64) (string, error) {
	id, err := b.body.Show(ctx, row)
	if err != nil {
		return "", err
	}
	var entitlement issuer.Entitlement
	err = b.store.View(ctx, func(tx issuer.Tx) error {
		entitlement, err = tx.Entitlement(id.Entitlement, id.IssuedAt)
		return err
	})
	if err != nil {
		return "", err
	}
	var photo []byte
	if entitlement.HasPhoto {
		if photo, err = b.photo(entitlement.PhotoHash); err != nil {
			return "", err
		}
	}
	delivery, err := b.body.Delivery(ctx, row, photo)
	if err != nil {
		return "", err
	}
	name := out + string(os.PathSeparator) + id.Serial.String() + ".delivery"
	return name, cli.WriteAtomic(name, delivery, 0o600)
}

// stateWords are the states of an ID as people read them.
var stateWords = map[issuer.State][2]string{
	issuer.StatePending:   {"готується", "pending"},
	issuer.StateIssued:    {"видано", "issued"},
	issuer.StateSuspended: {"зупинено", "suspended"},
	issuer.StateRevoked:   {"анульовано", "revoked"},
	issuer.StateExpired:   {"строк дії минув", "expired"},
	issuer.StateReplaced:  {"замінено", "replaced"},
	issuer.StateAbandoned: {"не видано", "abandoned"},
}

func stateWord(env *cli.Env, s issuer.State) string {
	w := stateWords[s]
	if env.Lang == "en" {
		return w[1]
	}
	return w[0]
}

// listedID is one line of `posvid list --json`.
type listedID struct {
	Schema      string    `json:"schema"` // posvid.id/1
	Row         int64     `json:"row"`
	Number      string    `json:"number"`
	Serial      string    `json:"serial"`
	State       string    `json:"state"`
	Name        string    `json:"name"`
	Position    string    `json:"position"`
	Unit        string    `json:"unit"`
	IssuedAt    time.Time `json:"issued_at"`
	ExpiresAt   time.Time `json:"expires_at"`
	Entitlement int64     `json:"entitlement"`
}

func listCommand(env *cli.Env) *cobra.Command {
	var all, asJSON bool
	command := &cobra.Command{
		Use: "list", Args: cobra.NoArgs,
		Short: "видані посвідчення / issued IDs",
	}
	edrpou := bodyFlag(command)
	command.Flags().BoolVar(&all, "all", false, "також анульовані, замінені й прострочені / revoked, replaced and expired ones too")
	command.Flags().BoolVar(&asJSON, "json", false, "один об'єкт на рядок / one object a line")
	command.RunE = bodyRun(env, edrpou, false, false, func(ctx context.Context, b *openBody, _ []string) error {
		states := []issuer.State{issuer.StateIssued, issuer.StateSuspended}
		if all {
			states = nil
		}
		encoder := json.NewEncoder(env.Stdout)
		return b.body.List(ctx, states, func(id issuer.ID) error {
			line, err := b.listed(ctx, id)
			if err != nil {
				return err
			}
			if asJSON {
				return encoder.Encode(line)
			}
			_, err = fmt.Fprintf(env.Stdout, "%-12s %-12s %s · %s · %s %s\n", line.Number, stateWord(env, id.State), line.Name, line.Position, env.T("до", "until"), hr.DateInKyiv(id.ExpiresAt).UA())
			return err
		})
	})
	return command
}

// listed joins an ID with the person of its entitlement.
func (b *openBody) listed(ctx context.Context, id issuer.ID) (listedID, error) {
	line := listedID{Schema: "posvid.id/1", Row: id.ID, Number: id.Number, Serial: id.Serial.String(), State: id.State.String(),
		IssuedAt: id.IssuedAt.UTC(), ExpiresAt: id.ExpiresAt.UTC(), Entitlement: id.Entitlement}
	err := b.store.View(ctx, func(tx issuer.Tx) error {
		post, err := tx.Post(id.Entitlement)
		line.Name, line.Position, line.Unit = post.Record.FullName(), post.Record.Position, post.Record.Unit
		return err
	})
	return line, err
}

func showCommand(env *cli.Env) *cobra.Command {
	command := &cobra.Command{
		Use: "show ID", Args: cobra.ExactArgs(1),
		Short: "одне посвідчення з історією: номер, серійний номер або #рядок / one ID with its history",
	}
	edrpou := bodyFlag(command)
	command.RunE = bodyRun(env, edrpou, false, false, func(ctx context.Context, b *openBody, args []string) error {
		id, err := b.idOf(ctx, args[0])
		if err != nil {
			return err
		}
		line, err := b.listed(ctx, id)
		if err != nil {
			return err
		}
		env.Print("посвідчення %s — %s", "ID %s — %s", id.Number, stateWord(env, id.State))
		fmt.Fprintf(env.Stdout, "%s\n%s\n%s\n", line.Name, line.Position, line.Unit)
		env.Print("серійний номер %s, видано %s, діє до %s", "serial %s, issued %s, until %s", line.Serial, moment(env, id.IssuedAt), moment(env, id.ExpiresAt))
		events, err := b.body.History(ctx, id.ID)
		if err != nil {
			return err
		}
		for _, e := range events {
			order := ""
			if e.Order != "" {
				order = env.T(fmt.Sprintf(", наказ %s від %s", e.Order, hr.DateInKyiv(e.OrderDate).UA()), fmt.Sprintf(", order %s of %s", e.Order, hr.DateInKyiv(e.OrderDate)))
			}
			fmt.Fprintf(env.Stdout, "  %s  %s → %s: %s%s\n", moment(env, e.At), stateWord(env, e.From), stateWord(env, e.To), e.Ground.Text(env.Lang), order)
		}
		return nil
	})
	return command
}

// moment writes a time as people here read it; a dash for none.
func moment(env *cli.Env, t time.Time) string {
	if t.IsZero() {
		return "—"
	}
	return locale.Moment(env.Lang, t)
}

// changeCommand is suspend, resume or revoke.
func changeCommand(env *cli.Env, use, short string, to issuer.State, change func(*issuer.Body, context.Context, int64, issuer.Change) error) *cobra.Command {
	var ground, order, date string
	command := &cobra.Command{Use: use + " ID…", Args: cobra.MinimumNArgs(1), Short: short}
	edrpou, as := bodyFlag(command), asFlag(command)
	var names []string
	for _, g := range issuer.GroundsFor(to) {
		names = append(names, g.String()+" ("+g.Text("uk")+")")
	}
	command.Flags().StringVar(&ground, "ground", "", "підстава: "+strings.Join(names, ", "))
	command.Flags().StringVar(&order, "order", "", "номер наказу / number of the order")
	command.Flags().StringVar(&date, "order-date", "", "дата наказу ДД.ММ.РРРР / date of the order")
	command.MarkFlagRequired("ground")
	command.RunE = bodyRun(env, edrpou, false, false, func(ctx context.Context, b *openBody, args []string) error {
		by, err := b.operator(ctx, *as)
		if err != nil {
			return err
		}
		g, err := issuer.ParseGround(ground)
		if err != nil {
			return cli.Usagef("--ground: %s", strings.Join(names, ", "))
		}
		c := issuer.Change{Ground: g, Order: order, Operator: by.Ident(), At: env.Now()}
		if date != "" {
			day, err := hr.ParseDate(date)
			if err != nil {
				return cli.Usagef("%s", env.T("--order-date: очікується ДД.ММ.РРРР", "--order-date: want ДД.ММ.РРРР"))
			}
			c.OrderDate = day.Start()
		}
		for _, text := range args {
			id, err := b.idOf(ctx, text)
			if err != nil {
				return err
			}
			if err := change(b.body, ctx, id.ID, c); err != nil {
				return fmt.Errorf("%s: %w", text, err)
			}
			env.Print("%s: %s", "%s: %s", id.Number, stateWord(env, to))
		}
		env.Say("щоб перевіряльники дізналися: posvid publish, тоді posvid trust bundle", "for verifiers to know: posvid publish, then posvid trust bundle")
		return nil
	})
	return command
}

func publishCommand(env *cli.Env) *cobra.Command {
	var out string
	var timeIsRight bool
	command := &cobra.Command{
		Use: "publish", Args: cobra.NoArgs,
		Short: "підписати переліки статусів і таблиці для технічного адміністратора / status lists and code table for the operator",
	}
	edrpou := bodyFlag(command)
	command.Flags().StringVarP(&out, "out", "o", "", "файл; типово bodies/‹ЄДРПОУ›/publication.sidp / output file")
	command.Flags().BoolVar(&timeIsRight, "time-is-right", false, "годинник справний, хоч набір довіри давній / the clock is right although the bundle is long past")
	command.RunE = bodyRun(env, edrpou, true, false, func(ctx context.Context, b *openBody, _ []string) error {
		if out == "" {
			out = b.file("publication.sidp")
		}
		if err := b.doubtClock(env.Now()); err != nil && !timeIsRight {
			return err
		}
		at, err := b.publish(ctx, out, env.Now())
		if err != nil {
			return err
		}
		env.Print("переліки статусів станом на %s: %s", "status lists as of %s: %s", at.Format(time.RFC3339), out)
		return nil
	})
	return command
}

// farAhead is how long after the end of its bundle a body's clock is believed: no later publication may carry an earlier
// time, so one that is signed years ahead by a broken clock would keep dismissals in until then.
const farAhead = 60 * 24 * time.Hour

// doubtClock refuses a time that lies far beyond the installed bundle. A body without a bundle has nothing to compare with.
func (b *openBody) doubtClock(at time.Time) error {
	bundle, err := b.installedBundle()
	if err != nil || at.Before(bundle.ExpiresAt().Add(farAhead)) {
		return nil
	}
	return cli.Hint(b.env.Err("годинник показує %s, а набір довіри органу діяв до %s: схоже, годинник пішов уперед", "the clock shows %s, the body's bundle ended %s: the clock seems to be ahead",
		moment(b.env, at), moment(b.env, bundle.ExpiresAt())),
		b.env.T("виставте дату; якщо час правильний: --time-is-right", "set the date; if the time is right: --time-is-right"))
}

// publish writes the publication of the body. Terms that have run out meanwhile are in it.
func (b *openBody) publish(ctx context.Context, out string, at time.Time) (time.Time, error) {
	if _, err := b.register.Sweep(ctx, at); err != nil {
		return time.Time{}, err
	}
	publication, iat, err := b.body.Publish(ctx, at)
	if err != nil {
		return time.Time{}, err
	}
	data, err := publication.Encode()
	if err != nil {
		return time.Time{}, err
	}
	return iat, b.env.WriteFile(out, data, 0o644)
}

func auditCommand(env *cli.Env) *cobra.Command {
	command := &cobra.Command{
		Use: "audit", Args: cobra.NoArgs,
		Short: "перевірити ланцюжок аудиту і показати його кінець / verify the audit chain and show its head",
	}
	edrpou := bodyFlag(command)
	command.RunE = bodyRun(env, edrpou, false, false, func(ctx context.Context, b *openBody, _ []string) error {
		head, err := b.body.VerifyAudit(ctx, nil, nil)
		if err != nil {
			return err
		}
		env.Print("аудит цілий: %s; запишіть цей рядок поза машиною", "the audit is whole: %s; write this line down outside the machine", head)
		return nil
	})
	return command
}
