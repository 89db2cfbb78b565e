package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/posvid/posvid/cmd/internal/cli"
	"github.com/posvid/posvid/hr"
	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/locale"
	"github.com/posvid/posvid/nfc"
	"github.com/posvid/posvid/nfc/pcsc"
	"github.com/posvid/posvid/trust"
)

// cardReader is a place where cards are laid; *pcsc.Client is one.
type cardReader interface {
	Wait(ctx context.Context, notify func(*pcsc.Error)) (pcsc.Reader, error)
	WaitRemoved(ctx context.Context, reader string) error
	Read(ctx context.Context, reader string, fn func(ctx context.Context, card nfc.Card) error) error
}

// cardReaders makes the reader of a command; tests put cards of their own on it.
var cardReaders = func(o pcsc.Options) cardReader { return pcsc.New(o) }

// cardCommand is the body's work with cards: entering those that exist, making new ones, the journal of blanks.
func cardCommand(env *cli.Env) *cobra.Command {
	root := &cobra.Command{
		Use: "card", Short: "картки з безконтактним носієм: внести, виготовити, облік бланків / contactless cards: enter, make, account for",
		Long: env.T(`Картки органу. Картка в руках людини дістає власний статус у наборі довіри: після звільнення її не приймуть на жодному пункті.

Наявні картки: posvid card enter — називаєте людину, прикладаєте її картку, і так далі.
Нові: posvid card init (один раз), posvid card personalise або posvid card record, тоді posvid card issued.`,
			`The cards of a body. A card in somebody's hands gets a status of its own in the trust bundle: after a dismissal no checkpoint takes it.

Cards that exist: posvid card enter — name a person, lay their card on the reader, and so on.
New ones: posvid card init (once), posvid card personalise or posvid card record, then posvid card issued.`),
	}
	root.AddCommand(cardShowCommand(env), cardEnterCommand(env), cardReceiveCommand(env), cardInitCommand(env), cardPersonaliseCommand(env), cardRecordCommand(env),
		cardMoveCommand(env, "issued", issuer.CardIssued, "картку видано / the card was handed over"),
		cardMoveCommand(env, "returned", issuer.CardReturned, "картку повернено / the card came back"),
		cardMoveCommand(env, "lost", issuer.CardLost, "картку втрачено / the card is lost"),
		cardMoveCommand(env, "destroyed", issuer.CardDestroyed, "картку знищено / the card was destroyed"),
		cardMoveCommand(env, "cancel", issuer.CardCancelled, "скасувати помилковий запис / undo an entry made by mistake"),
		cardListCommand(env), cardJournalCommand(env))
	return root
}

// readerFlags are the flags by which a reader is chosen.
func readerFlags(c *cobra.Command) *pcsc.Options {
	o := &pcsc.Options{}
	c.Flags().StringVar(&o.Reader, "reader", "", "назва зчитувача або її частина / the reader's name or a part of it")
	c.Flags().BoolVar(&o.AllowVirtual, "allow-virtual-reader", false, "дозволити віртуальний зчитувач, лише для проб / allow a virtual reader, for tests only")
	return o
}

// readerError explains what is wrong with a reader or a card in the words of package locale.
func readerError(env *cli.Env, err error) error {
	var trouble *pcsc.Error
	if errors.As(err, &trouble) {
		cause, remedy := trouble.Text(env.Lang)
		return cli.Hint(&cli.Undecided{Err: fmt.Errorf("%s [%s]", cause, trouble.Trouble)}, remedy)
	}
	return err
}

// identity is what a card can be told apart by, and what lies on it.
type identity struct {
	kind   issuer.CardKind
	number []byte // UID; nil on a contact reader
	guid   []byte // of the CHUID of a PIV card; nil when there is none
}

// same reports whether two cards are known by the same.
func (id identity) same(other identity) bool {
	return bytes.Equal(id.number, other.number) && bytes.Equal(id.guid, other.guid)
}

// identify reads what a card is known by. A PIV card is known by its GUID: many cards choose a new UID each time.
func identify(ctx context.Context, card nfc.Card) (identity, error) {
	id := identity{kind: issuer.CardNumber}
	session := nfc.NewSession(card)
	if uid, err := session.UID(ctx); err == nil && !nfc.RandomUID(uid) {
		id.number = uid
	} else if session.Failed() != nil {
		return identity{}, err
	}
	piv, err := nfc.SelectPIV(ctx, session)
	switch {
	case err == nil:
		id.kind = issuer.CardPIV
		chuid, err := piv.ReadCHUID(ctx)
		if err == nil && chuid.GUID != [16]byte{} {
			id.guid = chuid.GUID[:]
		}
		if session.Failed() != nil {
			return identity{}, err
		}
		return id, nil
	case session.Failed() != nil:
		return identity{}, err
	}
	if _, err := nfc.SelectTag(ctx, session); err == nil {
		id.kind = issuer.CardRecord
	} else if session.Failed() != nil {
		return identity{}, err
	}
	return id, nil
}

// tapped waits for the next card and reads what it is known by.
func tapped(ctx context.Context, env *cli.Env, reader cardReader) (id identity, where string, err error) {
	told := ""
	found, err := reader.Wait(ctx, func(e *pcsc.Error) {
		if text, _ := e.Text(env.Lang); text != told && e.Trouble != pcsc.NoCard {
			told = text
			env.Say("%s", "%s", text)
		}
	})
	if err != nil {
		return identity{}, "", readerError(env, err)
	}
	err = reader.Read(ctx, found.Name, func(ctx context.Context, card nfc.Card) (err error) {
		id, err = identify(ctx, card)
		return err
	})
	if err != nil {
		return identity{}, found.Name, readerError(env, err)
	}
	if id.number == nil && id.guid == nil {
		return identity{}, found.Name, cli.Hint(env.Err("картка не має сталого номера: її не можна відрізнити від інших", "the card has no constant number: it cannot be told from others"),
			env.T("такій картці потрібна персоналізація: posvid card personalise або posvid card record", "such a card has to be personalised: posvid card personalise or posvid card record"))
	}
	return id, found.Name, nil
}

// people finds entitlements by what a clerk types: series and number of the plastic ID, or staff number.
type people struct {
	byNumber map[string][]int64
	posts    map[int64]issuer.PostRow
}

func personNumber(s string) string { return strings.ToUpper(strings.Join(strings.Fields(s), "")) }

// people loads everybody once: a clerk enters thousands of cards in a row.
func (b *openBody) people(ctx context.Context) (*people, error) {
	p := &people{byNumber: map[string][]int64{}, posts: map[int64]issuer.PostRow{}}
	err := b.store.View(ctx, func(tx issuer.Tx) error {
		return tx.Posts(func(row issuer.PostRow) error {
			if row.Status == hr.StatusDismissed {
				return nil
			}
			p.posts[row.ID] = row
			r := &row.Record
			keys := map[string]bool{personNumber(r.Plastic.Series + r.Plastic.Number): true, personNumber(r.Plastic.Number): true, personNumber(r.StaffNumber): true}
			for k := range keys {
				if k != "" {
					p.byNumber[k] = append(p.byNumber[k], row.ID)
				}
			}
			return nil
		})
	})
	return p, err
}

// clerk is who works with cards, and the people whose cards they are.
func (b *openBody) clerk(ctx context.Context, as string) (by issuer.Operator, all *people, err error) {
	if by, err = b.operator(ctx, as); err == nil {
		all, err = b.people(ctx)
	}
	return by, all, err
}

// find gives the one entitlement that a number names.
func (p *people) find(env *cli.Env, number string) (*issuer.PostRow, error) {
	if raw, ok := strings.CutPrefix(strings.TrimSpace(number), "#"); ok {
		id, err := strconv.ParseInt(raw, 10, 64)
		if row, known := p.posts[id]; err == nil && known {
			return &row, nil
		}
		return nil, env.Err("права на посвідчення з таким номером немає", "there is no entitlement of that number")
	}
	ids := p.byNumber[personNumber(number)]
	switch len(ids) {
	case 0:
		return nil, cli.Hint(env.Err("нікого з таким номером немає", "nobody has that number"),
			env.T("номер посвідчення (серія й номер) або табельний номер, як у кадрових даних", "the number of the plastic ID (series and number) or the staff number, as HR has it"))
	case 1:
		row := p.posts[ids[0]]
		return &row, nil
	}
	var choices []string
	for _, id := range ids {
		choices = append(choices, "#"+strconv.FormatInt(id, 10)+" "+personLine(new(p.posts[id])))
	}
	return nil, cli.Hint(env.Err("таких кілька", "several have it"), env.T("назвіть право: ", "name the entitlement: ")+strings.Join(choices, "; "))
}

// personLine is a person as the clerk sees them.
func personLine(p *issuer.PostRow) string {
	r := &p.Record
	return visible(strings.Join([]string{r.Surname, r.GivenName, r.Patronymic}, " ")) + ", " + visible(r.Position)
}

func cardEnterCommand(env *cli.Env) *cobra.Command {
	var note, pairs string
	command := &cobra.Command{
		Use: "enter", Args: cobra.NoArgs,
		Short: "внести наявні картки одну за одною: номер людини, тоді картка / enter existing cards one after another",
		Long: env.T(`Вносить наявні картки в записи про посвідчення: наберіть номер посвідчення або табельний номер, прикладіть картку цієї людини, і так далі.
Порожній рядок — кінець, «-» — скасувати останній запис. --pairs ФАЙЛ бере готові пари «номер людини; номер носія» без зчитувача.`,
			`Enters existing cards into the records of plastic IDs: type the number of the ID or the staff number, lay the person's card on the reader, and so on.
An empty line ends, "-" undoes the last entry. --pairs FILE takes pairs "person; carrier" without a reader.`),
	}
	edrpou, as := bodyFlag(command), asFlag(command)
	options := readerFlags(command)
	command.Flags().StringVar(&note, "note", "", "номер акта / number of the paper")
	command.Flags().StringVar(&pairs, "pairs", "", "файл CSV: номер людини;номер носія / a CSV file: person;carrier")
	command.RunE = bodyRun(env, edrpou, false, false, func(ctx context.Context, b *openBody, _ []string) error {
		by, all, err := b.clerk(ctx, *as)
		if err != nil {
			return err
		}
		entry := &cardEntry{openBody: b, people: all, note: note, by: strconv.FormatInt(by.ID, 10)}
		if pairs != "" {
			data, err := env.ReadFile(pairs, 16<<20)
			if err != nil {
				return err
			}
			return entry.pairs(ctx, string(data))
		}
		return entry.loop(ctx, bufio.NewReader(env.Stdin), cardReaders(*options))
	})
	return command
}

// cardEntry enters cards in a row.
type cardEntry struct {
	*openBody
	people   *people
	note, by string
	count    int
	last     []int64   // cards entered in this sitting, for undo
	lying    *identity // the card before, when nobody saw it taken away
}

func (e *cardEntry) change(at time.Time) issuer.CardChange {
	return issuer.CardChange{Operator: e.by, Note: e.note, At: at}
}

// enter writes one card of one person.
func (e *cardEntry) enter(ctx context.Context, p *issuer.PostRow, id identity) error {
	card, err := e.body.EnterCard(ctx, issuer.CardEntry{Kind: id.kind, Number: id.number, GUID: id.guid, Entitlement: p.ID, State: issuer.CardIssued}, e.change(e.env.Now()))
	if err != nil {
		return cardRefusal(e.env, err)
	}
	e.count++
	e.last = append(e.last, card.ID)
	e.env.Print("✔ %d: картка %d, %s", "✔ %d: card %d, %s", e.count, card.ID, personLine(p))
	return e.warnOfOthers(ctx, p.ID, card.ID)
}

// warnOfOthers says when a person has more cards in use: of one that was replaced nobody may have told.
func (b *openBody) warnOfOthers(ctx context.Context, entitlement, card int64) error {
	return b.store.View(ctx, func(tx issuer.Tx) error {
		all, err := tx.CardsOf(entitlement)
		for _, c := range all {
			if c.ID != card && (c.State == issuer.CardIssued || c.State == issuer.CardPersonalised) {
				b.env.Say("увага: у людини є й картка %[1]d, %[2]s; якщо її замінено: posvid card returned %[1]d або lost %[1]d",
					"warning: the person has card %[1]d too, %[2]s; when it was replaced: posvid card returned %[1]d, or lost %[1]d", c.ID, c.State.Text(b.env.Lang))
			}
		}
		return err
	})
}

// undo cancels the last entry of this sitting.
func (e *cardEntry) undo(ctx context.Context) error {
	if len(e.last) == 0 {
		return e.env.Err("скасовувати нічого", "there is nothing to undo")
	}
	card := e.last[len(e.last)-1]
	if _, err := e.body.MoveCard(ctx, card, issuer.CardCancelled, e.change(e.env.Now())); err != nil {
		return cardRefusal(e.env, err)
	}
	e.last = e.last[:len(e.last)-1]
	e.count--
	e.env.Print("↶ картку %d скасовано, внесено %d", "↶ card %d undone, %d entered", card, e.count)
	return nil
}

// loop takes a person and a card in turn until an empty line or the end of the input. What goes wrong with one is told, and
// the next is asked for: nothing entered is lost.
func (e *cardEntry) loop(ctx context.Context, in *bufio.Reader, reader cardReader) error {
	for {
		e.env.Say("номер посвідчення або табельний номер (порожньо — кінець, - — скасувати останнє):", "number of the ID or staff number (empty ends, - undoes the last):")
		line, readErr := readLine(ctx, in)
		if line = strings.TrimSpace(line); line != "" && ctx.Err() == nil {
			if err := e.one(ctx, line, reader); err != nil {
				e.tell(err)
			}
		}
		if line == "" || ctx.Err() != nil {
			e.env.Print("внесено карток: %d; опублікуйте: posvid publish", "cards entered: %d; next: posvid publish", e.count)
			switch {
			case ctx.Err() != nil:
				return e.env.Err("перервано", "interrupted")
			case errors.Is(readErr, io.EOF):
				return nil
			}
			return readErr
		}
	}
}

// readLine reads a line, and ends when the clerk interrupts: the read of a terminal does not.
func readLine(ctx context.Context, in *bufio.Reader) (string, error) {
	type read struct {
		line string
		err  error
	}
	done := make(chan read, 1)
	go func() {
		line, err := in.ReadString('\n')
		done <- read{line, err}
	}()
	select {
	case r := <-done:
		if err := ctx.Err(); err != nil {
			return "", err
		}
		return r.line, r.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// tell says what is wrong with one entry, and goes on.
func (e *cardEntry) tell(err error) {
	fmt.Fprintf(e.env.Stderr, "✘ %v\n", err)
	var hint *cli.Hinted
	if errors.As(err, &hint) {
		fmt.Fprintf(e.env.Stderr, "   → %s\n", hint.Hint)
	}
}

func (e *cardEntry) one(ctx context.Context, line string, reader cardReader) error {
	if line == "-" {
		return e.undo(ctx)
	}
	p, err := e.people.find(e.env, line)
	if err != nil {
		return err
	}
	e.env.Say("%s: прикладіть картку", "%s: lay the card on the reader", personLine(p))
	id, where, err := tapped(ctx, e.env, reader)
	switch {
	case err != nil:
	case e.lying != nil && id.same(*e.lying):
		err = e.env.Err("на зчитувачі досі попередня картка: заберіть її", "the card before still lies on the reader: take it away")
	default:
		err = e.enter(ctx, p, id)
	}
	if where != "" {
		// The same card must not be taken for the next person's.
		e.env.Say("заберіть картку", "take the card away")
		e.lying = nil
		if removed := reader.WaitRemoved(ctx, where); removed != nil {
			e.lying = &id
			e.tell(readerError(e.env, removed))
		}
	}
	return err
}

// pairs enters cards of which somebody has written down the numbers. Every pair is tried; the ones that do not go are named
// by their line.
func (e *cardEntry) pairs(ctx context.Context, text string) error {
	failed := 0
	for n, line := range strings.Split(strings.TrimPrefix(text, "\ufeff"), "\n") {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		err := func() error {
			person, carrier, ok := strings.Cut(line, ";")
			if !ok {
				person, carrier, ok = strings.Cut(line, ",")
			}
			if !ok {
				return e.env.Err("очікується «номер людини;номер носія»", "want \"person;carrier\"")
			}
			p, err := e.people.find(e.env, person)
			if err != nil {
				return err
			}
			number, err := issuer.ParseCarrierNumber(carrier)
			if err != nil {
				return cardRefusal(e.env, err)
			}
			if nfc.RandomUID(number) {
				return e.env.Err("картка вигадує такий номер щоразу наново: він її не називає", "a card makes such a number up each time: it does not name it")
			}
			return e.enter(ctx, p, identity{kind: issuer.CardNumber, number: number})
		}()
		if err != nil {
			failed++
			e.tell(fmt.Errorf("%s %d: %w", e.env.T("рядок", "line"), n+1, err))
		}
	}
	e.env.Print("внесено карток: %d, не внесено: %d; опублікуйте: posvid publish", "cards entered: %d, not entered: %d; next: posvid publish", e.count, failed)
	if failed > 0 {
		return &cli.Exit{Code: cli.ExitRefuse}
	}
	return nil
}

func cardReceiveCommand(env *cli.Env) *cobra.Command {
	var note string
	var count int
	command := &cobra.Command{
		Use: "receive", Args: cobra.NoArgs,
		Short: "оприбуткувати бланки, прикладаючи їх до зчитувача / take blanks into account, one tap each",
	}
	edrpou, as := bodyFlag(command), asFlag(command)
	options := readerFlags(command)
	command.Flags().StringVar(&note, "note", "", "номер накладної / number of the paper")
	command.Flags().IntVar(&count, "count", 1, "скільки бланків / how many blanks")
	command.RunE = bodyRun(env, edrpou, false, false, func(ctx context.Context, b *openBody, _ []string) error {
		by, err := b.operator(ctx, *as)
		if err != nil {
			return err
		}
		reader := cardReaders(*options)
		for taken := 0; taken < count; {
			env.Say("прикладіть бланк %d з %d", "lay blank %d of %d on the reader", taken+1, count)
			id, where, err := tapped(ctx, env, reader)
			if err == nil {
				var card issuer.CardRow
				card, err = b.body.EnterCard(ctx, issuer.CardEntry{Kind: id.kind, Number: id.number, GUID: id.guid, State: issuer.CardReceived},
					issuer.CardChange{Operator: strconv.FormatInt(by.ID, 10), Note: note, At: env.Now()})
				if err == nil {
					taken++
					env.Print("✔ %d: бланк %d", "✔ %d: blank %d", taken, card.ID)
				}
			}
			if err != nil {
				if ctx.Err() != nil || where == "" {
					return cardRefusal(env, err)
				}
				(&cardEntry{openBody: b}).tell(cardRefusal(env, err))
			}
			if err := reader.WaitRemoved(ctx, where); err != nil {
				return readerError(env, err)
			}
		}
		return nil
	})
	return command
}

func cardMoveCommand(env *cli.Env, use string, to issuer.CardState, short string) *cobra.Command {
	var note string
	var tap bool
	command := &cobra.Command{Use: use + " CARD | --tap", Args: cobra.MaximumNArgs(1), Short: short}
	edrpou, as := bodyFlag(command), asFlag(command)
	options := readerFlags(command)
	command.Flags().StringVar(&note, "note", "", "номер акта чи підстава / number of the paper or the ground")
	command.Flags().BoolVar(&tap, "tap", false, "картка лежить на зчитувачі / the card lies on the reader")
	command.RunE = bodyRun(env, edrpou, false, false, func(ctx context.Context, b *openBody, args []string) error {
		if tap == (len(args) == 1) {
			return cli.Usagef("%s", env.T("назвіть номер картки або дайте --tap", "give the card's number, or --tap"))
		}
		by, err := b.operator(ctx, *as)
		if err != nil {
			return err
		}
		var card int64
		if tap {
			row, err := b.tappedCard(ctx, cardReaders(*options))
			if err != nil {
				return err
			}
			card = row.ID
		} else if card, err = cardNumber(env, args[0]); err != nil {
			return err
		}
		row, err := b.body.MoveCard(ctx, card, to, issuer.CardChange{Operator: strconv.FormatInt(by.ID, 10), Note: note, At: env.Now()})
		if err != nil {
			return cardRefusal(env, err)
		}
		env.Print("картка %d: %s", "card %d: %s", row.ID, row.State.Text(env.Lang))
		if row.Entitlement != 0 {
			env.Say("перевіряльники дізнаються після: posvid publish, posvid trust bundle", "verifiers learn it after: posvid publish, posvid trust bundle")
		}
		return nil
	})
	return command
}

// tappedCard finds the entry of the card that lies on the reader.
func (b *openBody) tappedCard(ctx context.Context, reader cardReader) (issuer.CardRow, error) {
	id, _, err := tapped(ctx, b.env, reader)
	if err != nil {
		return issuer.CardRow{}, err
	}
	row, err := b.body.FindCard(ctx, id.number, id.guid)
	return row, cardRefusal(b.env, err)
}

func cardNumber(env *cli.Env, text string) (int64, error) {
	n, err := strconv.ParseInt(strings.TrimPrefix(text, "#"), 10, 64)
	if err != nil {
		return 0, cli.Usagef("%s", env.T("%q: номер картки в журналі, див. posvid card list", "%q: want the card's number in the journal, see posvid card list", text))
	}
	return n, nil
}

// cardRefusal says what is wrong with a card in the clerk's words.
func cardRefusal(env *cli.Env, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, issuer.ErrCardTaken):
		return cli.Hint(env.Err("цю картку вже внесено [card-taken]", "this card is entered already [card-taken]"),
			env.T("чия вона: posvid card list; помилку скасовує posvid card cancel", "whose it is: posvid card list; posvid card cancel undoes a mistake"))
	case errors.Is(err, issuer.ErrCardNumber):
		return cli.Hint(env.Err("номер носія не підходить: це не номер, або в кадрових даних інший [card-number]", "the carrier's number does not fit: it is none, or HR has another [card-number]"),
			env.T("перевірте, чи та картка в тієї людини; номер — пари шістнадцяткових цифр", "check that the card is that person's; a number is pairs of hexadecimal digits"))
	case errors.Is(err, issuer.ErrCardState):
		return cli.Hint(env.Err("з цього стану картки так не можна [card-state]", "the card's state does not allow it [card-state]"), env.T("що з нею було: posvid card journal НОМЕР", "what became of it: posvid card journal NUMBER"))
	case errors.Is(err, issuer.ErrCardUnbound):
		return cli.Hint(env.Err("картка ще нічия [card-unbound]", "the card belongs to nobody yet [card-unbound]"), env.T("спершу: posvid card personalise або posvid card enter", "first: posvid card personalise or posvid card enter"))
	case errors.Is(err, issuer.ErrCardToken):
		return cli.Hint(env.Err("на картку вже видано інший запис [card-token]", "another record was issued for this card [card-token]"), env.T("скасуйте запис про картку й виготовте її заново: posvid card cancel", "cancel the entry and make the card anew: posvid card cancel"))
	case errors.Is(err, issuer.ErrNotEntitled):
		return cli.Hint(env.Err("людина не має права на посвідчення або строк минув [not-entitled]", "the person has no entitlement, or its term has passed [not-entitled]"), env.T("чому: posvid standings --all", "why: posvid standings --all"))
	case errors.Is(err, issuer.ErrNotGranted):
		return cli.Hint(fmt.Errorf("%s: %w", env.T("набір довіри не дозволяє цьому ключу підписувати картки", "the bundle does not let this key sign cards"), err),
			env.T("posvid card init, тоді posvid trust admit, новий набір довіри, posvid bundle install", "posvid card init, then posvid trust admit, the next bundle, posvid bundle install"))
	case errors.Is(err, issuer.ErrNotFound):
		return cli.Hint(env.Err("такої картки в журналі немає", "there is no such card in the journal"), env.T("перелік: posvid card list", "list them: posvid card list"))
	}
	return readerError(env, err)
}

func cardListCommand(env *cli.Env) *cobra.Command {
	var state string
	command := &cobra.Command{Use: "list", Args: cobra.NoArgs, Short: "облік карток / the account of cards"}
	edrpou := bodyFlag(command)
	command.Flags().StringVar(&state, "state", "", "лише в цьому стані: received, personalised, issued, returned, lost, destroyed, cancelled / only in this state")
	command.RunE = bodyRun(env, edrpou, false, false, func(ctx context.Context, b *openBody, _ []string) error {
		var only issuer.CardState
		if state != "" {
			var err error
			if only, err = issuer.ParseCardState(state); err != nil {
				return cli.Usagef("--state: %v", err)
			}
		}
		all, err := b.people(ctx)
		if err != nil {
			return err
		}
		if err := b.body.Cards(ctx, func(c issuer.CardRow) error {
			if only != 0 && c.State != only {
				return nil
			}
			who := "—"
			if p, ok := all.posts[c.Entitlement]; ok {
				who = personLine(&p)
			} else if c.Entitlement != 0 {
				who = env.T("звільнено", "left")
			}
			fmt.Fprintf(env.Stdout, "%d\t%s\t%s\t%s\t%s\n", c.ID, c.Kind, c.State.Text(env.Lang), carrierText(&c), who)
			return nil
		}); err != nil {
			return err
		}
		counts, err := b.body.CardCounts(ctx)
		if err != nil {
			return err
		}
		var parts []string
		for s := issuer.CardReceived; s <= issuer.CardCancelled; s++ {
			if counts[s] > 0 {
				parts = append(parts, fmt.Sprintf("%s %d", s.Text(env.Lang), counts[s]))
			}
		}
		env.Say("усього: %s", "in all: %s", strings.Join(parts, ", "))
		return nil
	})
	return command
}

func carrierText(c *issuer.CardRow) string {
	var parts []string
	if c.Number != nil {
		parts = append(parts, strings.ToUpper(hex.EncodeToString(c.Number)))
	}
	if c.GUID != nil {
		parts = append(parts, "GUID "+hex.EncodeToString(c.GUID))
	}
	return strings.Join(parts, ", ")
}

// foreignCards counts the cards of the body that a bundle has as another's.
func (b *openBody) foreignCards(ctx context.Context, bundle *trust.Bundle) (n int, err error) {
	err = b.body.Cards(ctx, func(c issuer.CardRow) error {
		if c.Entitlement == 0 || c.State == issuer.CardCancelled {
			return nil
		}
		for _, id := range []struct {
			kind   trust.CarrierKind
			number []byte
		}{{trust.CarrierGUID, c.GUID}, {trust.CarrierNumber, c.Number}} {
			if id.number == nil {
				continue
			}
			body, _, found, err := bundle.Carrier(id.kind, id.number)
			if err != nil {
				return err
			}
			if found && body != b.edrpou {
				n++
				return nil
			}
		}
		return nil
	})
	return n, err
}

func cardJournalCommand(env *cli.Env) *cobra.Command {
	command := &cobra.Command{Use: "journal CARD", Args: cobra.ExactArgs(1), Short: "що було з карткою / what became of a card"}
	edrpou := bodyFlag(command)
	command.RunE = bodyRun(env, edrpou, false, false, func(ctx context.Context, b *openBody, args []string) error {
		n, err := cardNumber(env, args[0])
		if err != nil {
			return err
		}
		row, events, err := b.body.Card(ctx, n)
		if err != nil {
			return cardRefusal(env, err)
		}
		env.Print("картка %d, %s: %s", "card %d, %s: %s", row.ID, row.Kind, carrierText(&row))
		for _, e := range events {
			line := fmt.Sprintf("%s  %s", locale.Moment(env.Lang, e.At), e.To.Text(env.Lang))
			if e.Note != "" {
				line += ", " + visible(e.Note)
			}
			fmt.Fprintf(env.Stdout, "%s  (%s)\n", line, e.Operator)
		}
		return nil
	})
	return command
}
