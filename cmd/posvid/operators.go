package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/posvid/posvid/cmd/internal/cli"
	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/crypto/keys/authority"
	"github.com/posvid/posvid/hr"
	"github.com/posvid/posvid/issuer"
)

// maxProposal bounds a proposal file.
const maxProposal = 64 << 10

// proposalFile is a file of a proposal; base is its kind and number.
func (f *bodyFolder) proposalFile(base, ending string) string { return f.file("plans", base+ending) }

// proposalFiles names the files in the folder of plans with such a start and ending, sorted. Names are compared as they are:
// a state folder may have any characters in its path.
func (f *bodyFolder) proposalFiles(start, ending string) ([]string, error) {
	entries, err := os.ReadDir(f.file("plans"))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), start) && strings.HasSuffix(entry.Name(), ending) {
			names = append(names, f.file("plans", entry.Name()))
		}
	}
	return names, nil
}

// proposalApprovals reads every approval of a proposal.
func (f *bodyFolder) proposalApprovals(base string) ([][]byte, error) {
	names, err := f.proposalFiles(base+".", ".approval")
	if err != nil {
		return nil, err
	}
	all := make([][]byte, 0, len(names))
	for _, name := range names {
		file, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		data, err := io.ReadAll(io.LimitReader(file, issuer.MaxApproval+1))
		file.Close()
		if err != nil {
			return nil, err
		}
		all = append(all, data)
	}
	return all, nil
}

// readProposal reads a proposal by number or file name into into, refusing what is not in its form.
func (f *bodyFolder) readProposal(kind, name string, into any) error {
	if !strings.ContainsAny(name, "/.") {
		if n, err := strconv.ParseUint(name, 10, 64); err != nil || n == 0 {
			return cli.Usagef("%s", f.env.T("%q: очікується номер або файл пропозиції", "%q: want the number or the file of a proposal", name))
		}
		name = f.proposalFile(kind+"-"+name, ".json")
	}
	data, err := f.env.ReadFile(name, maxProposal)
	if errors.Is(err, fs.ErrNotExist) {
		return cli.Hint(f.env.Err("немає пропозиції %s", "there is no proposal %s", name),
			f.env.T("її робить автор: posvid %s add", "its author makes it: posvid %s add", kind))
	}
	if err != nil {
		return err
	}
	if err := parseProposal(data, into); err != nil {
		return f.env.Err("%s: не файл пропозиції: %w", "%s: no proposal file: %w", name, err)
	}
	return nil
}

// parseProposal reads one JSON object with no member but those of into.
func parseProposal(data []byte, into any) error {
	decoder := json.NewDecoder(strings.NewReader(string(data)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return errors.New("want one object and nothing after it")
	}
	return nil
}

// propose writes a proposal with its author's signature. A proposal of the same number that still stands is replaced only
// when asked for, together with what was signed of it.
func (b *openBody) propose(base string, proposal any, s issuer.Subject, author issuer.Operator, replace bool, at time.Time) error {
	if !author.Roles.Has(issuer.RoleRegistrar) {
		return issuer.ApprovalRole
	}
	if err := b.free(base, replace, at); err != nil {
		return err
	}
	key, err := b.operatorKey(author)
	if err != nil {
		return err
	}
	approval, err := issuer.SignApproval(s, issuer.PartAuthor, key, at)
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(proposal, "", "  ")
	if err != nil {
		return err
	}
	old, err := b.proposalFiles(base+".", "")
	if err != nil {
		return err
	}
	for _, name := range old {
		if err := os.Remove(name); err != nil {
			return err
		}
	}
	if err := cli.WriteAtomic(b.proposalFile(base, ".json"), append(text, '\n'), 0o600); err != nil {
		return err
	}
	return cli.WriteAtomic(b.signatureFile(base, issuer.PartAuthor, author), approval, 0o600)
}

// free refuses when a proposal of this number still stands.
func (b *openBody) free(base string, replace bool, at time.Time) error {
	data, err := os.ReadFile(b.proposalFile(base, ".json"))
	if errors.Is(err, fs.ErrNotExist) || replace {
		return nil
	}
	if err != nil {
		return err
	}
	var standing struct {
		Expires time.Time `json:"expires"`
	}
	if json.Unmarshal(data, &standing) == nil && !at.Before(standing.Expires) {
		return nil
	}
	return cli.Hint(b.env.Err("пропозиція %s ще чекає", "proposal %s still waits", base),
		b.env.T("виконайте її (approve, apply) або замініть: --replace", "carry it out (approve, apply) or replace it: --replace"))
}

// signatureFile is where an operator's signature under a proposal lies.
func (f *bodyFolder) signatureFile(base string, part issuer.ApprovalPart, o issuer.Operator) string {
	return f.proposalFile(base, fmt.Sprintf(".%s-%d.approval", part, o.ID))
}

// mayApprove tells a second person before he signs what applying would refuse afterwards: a proposal that is not the next
// one, has expired, is his own, or is not what its author signed.
func (b *openBody) mayApprove(ctx context.Context, base string, s issuer.Subject, next uint64, o issuer.Operator, at time.Time) error {
	switch {
	case s.EDRPOU != b.edrpou:
		return issuer.ActionOtherBody
	case s.Number < next:
		return issuer.ActionReplayed
	case s.Number > next:
		return issuer.ActionNumber
	case !at.Before(s.Expires):
		return issuer.ActionExpired
	case !o.Roles.Has(issuer.RoleApprover):
		return issuer.ApprovalRole
	}
	operators, err := b.register.Operators(ctx)
	if err != nil {
		return err
	}
	approvals, err := b.proposalApprovals(base)
	if err != nil {
		return err
	}
	for _, data := range approvals {
		unverified, err := issuer.ParseApproval(data)
		if err != nil {
			return err
		}
		for _, author := range operators {
			if !author.Active() || author.Key.KeyID() != unverified.UnverifiedKeyID() {
				continue
			}
			approval, err := unverified.Verify(author.Key)
			if err != nil || approval.Part != issuer.PartAuthor {
				continue
			}
			if approval.Kind != s.Kind || approval.Number != s.Number {
				return issuer.ApprovalOtherThing
			}
			if approval.Hash != s.Hash {
				return issuer.ApprovalEdited
			}
			one, err := b.onePerson(ctx, author.Person, o.Person)
			if err != nil {
				return err
			}
			if one {
				return issuer.ApprovalSamePerson
			}
			return nil
		}
	}
	return issuer.ApprovalAuthor
}

// approve writes the signature of a second person under a proposal.
func (b *openBody) approve(base string, s issuer.Subject, o issuer.Operator, at time.Time) (string, error) {
	key, err := b.operatorKey(o)
	if err != nil {
		return "", err
	}
	approval, err := issuer.SignApproval(s, issuer.PartApprover, key, at)
	if err != nil {
		return "", err
	}
	name := b.signatureFile(base, issuer.PartApprover, o)
	return name, cli.WriteAtomic(name, approval, 0o600)
}

// knownAs lists every key the register knows the person by who has this one, itself included; best is the person's own.
// So an operator named by his staff number is recognised when he comes again with his РНОКПП.
func (b *openBody) knownAs(ctx context.Context, key hr.PersonKey) (best hr.PersonKey, all map[hr.PersonKey]bool, err error) {
	type person struct {
		best hr.PersonKey
		all  []hr.PersonKey
		is   bool
	}
	people := map[int64]*person{}
	err = b.store.View(ctx, func(tx issuer.Tx) error {
		clear(people)
		return tx.Posts(func(p issuer.PostRow) error {
			one := people[p.Person]
			if one == nil {
				one = &person{best: p.Key}
				people[p.Person] = one
			}
			known := []hr.PersonKey{p.Key, p.Keys.RNOKPP, p.Keys.UNZR}
			if p.Status != hr.StatusDismissed { // a staff number may be given to somebody else afterwards
				known = append(known, p.Keys.Staff)
			}
			for _, k := range known {
				if !k.IsZero() {
					one.all = append(one.all, k)
					one.is = one.is || k == key
				}
			}
			return nil
		})
	})
	best, all = key, map[hr.PersonKey]bool{key: true}
	for _, one := range people {
		if one.is {
			best = one.best
			for _, k := range one.all {
				all[k] = true
			}
		}
	}
	return best, all, err
}

// onePerson tells whether two person keys are of one person, as far as the register knows.
func (b *openBody) onePerson(ctx context.Context, x, y hr.PersonKey) (bool, error) {
	_, all, err := b.knownAs(ctx, x)
	return all[y], err
}

// newPerson refuses a person who is an operator now, by whatever number.
func (b *openBody) newPerson(ctx context.Context, key hr.PersonKey) (hr.PersonKey, error) {
	best, all, err := b.knownAs(ctx, key)
	if err != nil {
		return best, err
	}
	operators, err := b.register.Operators(ctx)
	for _, o := range operators {
		if o.Active() && all[o.Person] {
			return best, issuer.OperatorKnown
		}
	}
	return best, err
}

// operatorProposal is a change among the operators as it lies in plans/operators-N.json. It holds a keyed hash of the
// newcomer's number, never the number.
type operatorProposal struct {
	Schema  string       `json:"schema"` // operatorSchema
	EDRPOU  string       `json:"edrpou"`
	Change  string       `json:"change"` // add, remove or roles
	Number  uint64       `json:"number"`
	Expires time.Time    `json:"expires"`        // whole seconds, UTC
	Name    string       `json:"name,omitempty"` // of a newcomer
	Person  hr.PersonKey `json:"person"`
	Key     []byte       `json:"key"`             // COSE_Key
	Roles   string       `json:"roles,omitempty"` // registrar, approver or both; none on removal
}

const operatorSchema = "posvid.operator-change/1"

// operatorChanges are the words of the kinds of change.
var operatorChanges = map[string]issuer.ApprovalKind{
	"add": issuer.ApproveOperatorAdd, "remove": issuer.ApproveOperatorRemove, "roles": issuer.ApproveRights,
}

// operatorRoles are the words of --role.
var operatorRoles = map[string]issuer.Roles{
	"registrar": issuer.RoleRegistrar, "approver": issuer.RoleApprover, "both": issuer.RoleRegistrar | issuer.RoleApprover,
}

// change is the proposal as the register takes it.
func (p *operatorProposal) change() (issuer.OperatorChange, error) {
	c := issuer.OperatorChange{EDRPOU: p.EDRPOU, Kind: operatorChanges[p.Change], Number: p.Number, Expires: p.Expires,
		Operator: issuer.NewOperator{Name: p.Name, Person: p.Person, Roles: operatorRoles[p.Roles]}}
	if p.Schema != operatorSchema {
		return c, fmt.Errorf("posvid: proposal: schema %q, want %q", p.Schema, operatorSchema)
	}
	if c.Kind == 0 {
		return c, fmt.Errorf("posvid: proposal: change %q, want add, remove or roles", p.Change)
	}
	if (c.Operator.Roles == 0) != (p.Change == "remove") || (p.Change == "remove" && p.Roles != "") {
		return c, fmt.Errorf("posvid: proposal: roles %q with %s", p.Roles, p.Change)
	}
	if p.Expires.Unix() < 0 {
		return c, fmt.Errorf("posvid: proposal: expires in %d, want 1970 or after", p.Expires.Year())
	}
	var err error
	c.Operator.Key, err = keys.ParseOperatorPublicKey(p.Key)
	return c, err
}

// operatorBase names the files of operator change n.
func operatorBase(n uint64) string { return fmt.Sprintf("operators-%d", n) }

// rolesText is roles in the reader's language.
func rolesText(env *cli.Env, r issuer.Roles) string {
	var words []string
	if r.Has(issuer.RoleRegistrar) {
		words = append(words, env.T("кадровик", "registrar"))
	}
	if r.Has(issuer.RoleApprover) {
		words = append(words, env.T("другий підписувач", "approver"))
	}
	return strings.Join(words, ", ")
}

// visible replaces what a terminal would obey or not show, so that a proposal cannot look other than it is.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

func operatorsCommand(env *cli.Env) *cobra.Command {
	root := &cobra.Command{Use: "operators", Short: "підписувачі органу: хто є, додати, вилучити, змінити ролі / the body's operators"}
	root.AddCommand(operatorsListCommand(env), operatorsAddCommand(env), operatorsRemoveCommand(env), operatorsRolesCommand(env),
		operatorsApproveCommand(env), operatorsApplyCommand(env))
	return root
}

func operatorsListCommand(env *cli.Env) *cobra.Command {
	command := &cobra.Command{Use: "list", Args: cobra.NoArgs, Short: "підписувачі та їхні ролі / operators and their roles"}
	edrpou := bodyFlag(command)
	command.RunE = bodyRun(env, edrpou, false, false, func(ctx context.Context, b *openBody, _ []string) error {
		operators, err := b.register.Operators(ctx)
		if err != nil {
			return err
		}
		for _, o := range operators {
			if o.Active() {
				env.Print("%d  %s — %s; ключ %s, з %s", "%d  %s — %s; key %s, since %s", o.ID, o.Name, rolesText(env, o.Roles), o.Key, hr.DateInKyiv(o.Added).UA())
			} else {
				env.Print("%d  %s — вилучено %s", "%d  %s — removed %s", o.ID, o.Name, hr.DateInKyiv(o.Removed).UA())
			}
		}
		return nil
	})
	return command
}

// proposeChange fills in what every change has, writes it with the author's signature and tells what to do next.
func (b *openBody) proposeChange(ctx context.Context, p operatorProposal, author issuer.Operator, replace bool, at time.Time) (uint64, error) {
	number, err := b.register.NextOperatorChange(ctx)
	if err != nil {
		return 0, err
	}
	p.Schema, p.EDRPOU, p.Number, p.Expires = operatorSchema, b.edrpou, number, at.Add(planLife).UTC().Truncate(time.Second)
	c, err := p.change()
	if err != nil {
		return 0, err
	}
	if err := b.propose(operatorBase(number), &p, c.Subject(), author, replace, at); err != nil {
		return 0, err
	}
	if err := b.tellChange(ctx, &c); err != nil {
		return 0, err
	}
	b.env.Print("пропозиція %d: %s", "proposal %d: %s", number, b.proposalFile(operatorBase(number), ".json"))
	b.env.Say("далі друга особа: posvid operators approve %d --as НОМЕР, тоді posvid operators apply %d",
		"next, the second person: posvid operators approve %d --as NUMBER, then posvid operators apply %d", number, number)
	return number, nil
}

// tellChange shows a change as those who sign it have to see it.
func (b *openBody) tellChange(ctx context.Context, c *issuer.OperatorChange) error {
	env := b.env
	switch c.Kind {
	case issuer.ApproveOperatorAdd:
		env.Print("додати підписувача: %s — %s; ключ %s", "add an operator: %s — %s; key %s", visible(c.Operator.Name), rolesText(env, c.Operator.Roles), c.Operator.Key)
	default:
		operators, err := b.register.Operators(ctx)
		if err != nil {
			return err
		}
		for _, o := range operators {
			if !o.Active() || !o.Key.Equal(c.Operator.Key) || o.Person != c.Operator.Person {
				continue
			}
			if c.Kind == issuer.ApproveOperatorRemove {
				env.Print("вилучити підписувача %d: %s — %s", "remove operator %d: %s — %s", o.ID, o.Name, rolesText(env, o.Roles))
			} else {
				env.Print("змінити ролі підписувача %d: %s — %s → %s", "change the roles of operator %d: %s — %s → %s", o.ID, o.Name, rolesText(env, o.Roles), rolesText(env, c.Operator.Roles))
			}
			break
		}
	}
	env.Print("діє до %s, SHA-256 %x", "stands until %s, SHA-256 %x", moment(env, c.Expires), c.Subject().Hash)
	return nil
}

// proposalFlags are the flags of a command that makes a proposal.
func proposalFlags(c *cobra.Command) (edrpou, as *string, replace *bool) {
	return bodyFlag(c), asFlag(c), c.Flags().Bool("replace", false, "замінити пропозицію, що чекає, разом із підписами під нею / replace a proposal that waits")
}

func operatorsAddCommand(env *cli.Env) *cobra.Command {
	var passphraseFile, role string
	command := &cobra.Command{
		Use: "add NAME:NUMBER", Args: cobra.ExactArgs(1),
		Short: "запропонувати нового підписувача / propose a further operator",
		Long: env.T(`Робить ключ новому підписувачеві, запечатаний його власною парольною фразою, і пропозицію з підписом автора.
Новий підписувач з'явиться, коли пропозицію підпише друга особа: operators approve, тоді operators apply.
Номер особи до файлу не потрапляє, лише ключовий хеш.`, `Makes the newcomer's key, sealed under his own passphrase, and a proposal with the author's signature.
He is an operator once a second person has signed: operators approve, then operators apply.
The person's number never reaches the file, only a keyed hash of it.`),
		Example: `  posvid operators add "Сич Олег Романович:табельний 21" --as 1 --newcomer-passphrase-file фраза.txt`,
	}
	edrpou, as, replace := proposalFlags(command)
	command.Flags().StringVar(&role, "role", "both", "registrar (кадровик), approver (другий підписувач) або both / role")
	command.Flags().StringVar(&passphraseFile, "newcomer-passphrase-file", "", "файл із парольною фразою нового підписувача / file with the newcomer's own passphrase")
	command.RunE = bodyRun(env, edrpou, false, false, func(ctx context.Context, b *openBody, args []string) error {
		if operatorRoles[role] == 0 {
			return cli.Usagef("%s", env.T("--role: очікується registrar, approver або both", "--role: want registrar, approver or both"))
		}
		name, who, ok := strings.Cut(args[0], ":")
		if name, who = strings.TrimSpace(name), strings.TrimSpace(who); !ok || name == "" || who == "" {
			return cli.Usagef("%s", env.T("очікується «Ім'я:РНОКПП» або «Ім'я:табельний N»", "want \"Name:РНОКПП\" or \"Name:табельний N\""))
		}
		author, err := b.operator(ctx, *as)
		if err != nil {
			return err
		}
		staff, byStaff := strings.CutPrefix(who, "табельний ")
		rnokpp := who
		if byStaff {
			rnokpp, staff = "", strings.TrimSpace(staff)
		} else {
			staff = ""
		}
		person, err := b.register.PersonKey(rnokpp, "", staff)
		if errors.Is(err, hr.NoPersonKey) {
			return issuer.OperatorInvalid
		}
		if err != nil {
			return err
		}
		if person, err = b.newPerson(ctx, person); err != nil {
			return err
		}
		phrase, err := newcomerPassphrase(env, passphraseFile)
		if err != nil {
			return err
		}
		key, err := authority.GenerateOperatorKey(cose.ESP256)
		if err != nil {
			return err
		}
		sealed, err := key.Seal(phrase, env.Seal)
		if err != nil {
			return err
		}
		proposal := operatorProposal{Change: "add", Name: name, Person: person, Key: key.OperatorPublic().MarshalCOSE(), Roles: role}
		number, err := b.proposeChange(ctx, proposal, author, *replace, env.Now())
		if err != nil {
			return err
		}
		return cli.WriteAtomic(b.proposalFile(operatorBase(number), ".age"), sealed, 0o600)
	})
	return command
}

// newcomerPassphrase is the newcomer's own: from his file, else asked for on the terminal. Where neither is possible the
// body's seals his key, and it is said.
func newcomerPassphrase(env *cli.Env, file string) (phrase []byte, err error) {
	switch {
	case file != "":
		phrase, err = env.ReadPassphrase(file)
	case env.Interactive():
		if phrase, err = env.Ask(env.T("Парольна фраза нового підписувача: ", "Passphrase of the newcomer: ")); err != nil {
			return nil, err
		}
		var again []byte
		if again, err = env.Ask(env.T("Ще раз: ", "Again: ")); err == nil && string(again) != string(phrase) {
			err = env.Err("фрази різні", "the two differ")
		}
	default:
		env.Say("ключ нового підписувача запечатано фразою органу; своя фраза: --newcomer-passphrase-file ФАЙЛ", "the newcomer's key is sealed under the body's passphrase; his own: --newcomer-passphrase-file FILE")
		phrase, err = env.Passphrase(false)
	}
	if err == nil && len(phrase) == 0 {
		err = env.Err("парольна фраза порожня", "the passphrase is empty")
	}
	return phrase, err
}

// subjectOperator finds the active operator whom a change is about, by number or name.
func (b *openBody) subjectOperator(ctx context.Context, who string) (issuer.Operator, error) {
	operators, err := b.register.Operators(ctx)
	if err != nil {
		return issuer.Operator{}, err
	}
	for _, o := range operators {
		if o.Active() && (o.Ident() == who || o.Name == who) {
			return o, nil
		}
	}
	return issuer.Operator{}, issuer.OperatorUnknown
}

func operatorsRemoveCommand(env *cli.Env) *cobra.Command {
	command := &cobra.Command{
		Use: "remove OPERATOR", Args: cobra.ExactArgs(1),
		Short: "запропонувати вилучити підписувача / propose that an operator leaves",
	}
	edrpou, as, replace := proposalFlags(command)
	command.RunE = bodyRun(env, edrpou, false, false, func(ctx context.Context, b *openBody, args []string) error {
		author, err := b.operator(ctx, *as)
		if err != nil {
			return err
		}
		o, err := b.subjectOperator(ctx, args[0])
		if err != nil {
			return err
		}
		_, err = b.proposeChange(ctx, operatorProposal{Change: "remove", Person: o.Person, Key: o.Key.MarshalCOSE()}, author, *replace, env.Now())
		return err
	})
	return command
}

func operatorsRolesCommand(env *cli.Env) *cobra.Command {
	var role string
	command := &cobra.Command{
		Use: "roles OPERATOR", Args: cobra.ExactArgs(1),
		Short: "запропонувати змінити ролі підписувача / propose other roles for an operator",
	}
	edrpou, as, replace := proposalFlags(command)
	command.Flags().StringVar(&role, "role", "", "registrar (кадровик), approver (другий підписувач) або both / role")
	command.MarkFlagRequired("role")
	command.RunE = bodyRun(env, edrpou, false, false, func(ctx context.Context, b *openBody, args []string) error {
		if operatorRoles[role] == 0 {
			return cli.Usagef("%s", env.T("--role: очікується registrar, approver або both", "--role: want registrar, approver or both"))
		}
		author, err := b.operator(ctx, *as)
		if err != nil {
			return err
		}
		o, err := b.subjectOperator(ctx, args[0])
		if err != nil {
			return err
		}
		_, err = b.proposeChange(ctx, operatorProposal{Change: "roles", Person: o.Person, Key: o.Key.MarshalCOSE(), Roles: role}, author, *replace, env.Now())
		return err
	})
	return command
}

// readChange reads a change among the operators by number or file name.
func (b *openBody) readChange(name string) (issuer.OperatorChange, error) {
	var p operatorProposal
	if err := b.readProposal("operators", name, &p); err != nil {
		return issuer.OperatorChange{}, err
	}
	c, err := p.change()
	if err == nil && !strings.ContainsAny(name, "/.") && name != strconv.FormatUint(p.Number, 10) {
		err = issuer.ApprovalEdited
	}
	return c, err
}

func operatorsApproveCommand(env *cli.Env) *cobra.Command {
	command := &cobra.Command{
		Use: "approve PROPOSAL", Args: cobra.ExactArgs(1),
		Short: "підписати пропозицію другою особою / sign a proposal as the second person",
	}
	edrpou, as := bodyFlag(command), asFlag(command)
	command.RunE = bodyRun(env, edrpou, false, false, func(ctx context.Context, b *openBody, args []string) error {
		c, err := b.readChange(args[0])
		if err != nil {
			return err
		}
		o, err := b.operator(ctx, *as)
		if err != nil {
			return err
		}
		next, err := b.register.NextOperatorChange(ctx)
		if err != nil {
			return err
		}
		base, at := operatorBase(c.Number), env.Now()
		if err := b.mayApprove(ctx, base, c.Subject(), next, o, at); err != nil {
			return err
		}
		if err := b.tellChange(ctx, &c); err != nil {
			return err
		}
		name, err := b.approve(base, c.Subject(), o, at)
		if err != nil {
			return err
		}
		env.Print("підпис: %s", "approval: %s", name)
		env.Say("далі: posvid operators apply %d", "next: posvid operators apply %d", c.Number)
		return nil
	})
	return command
}

func operatorsApplyCommand(env *cli.Env) *cobra.Command {
	command := &cobra.Command{
		Use: "apply PROPOSAL", Args: cobra.ExactArgs(1),
		Short: "виконати пропозицію, підписану двома / carry out a proposal that two have signed",
	}
	edrpou := bodyFlag(command)
	command.RunE = bodyRun(env, edrpou, false, false, func(ctx context.Context, b *openBody, args []string) error {
		c, err := b.readChange(args[0])
		if err != nil {
			return err
		}
		if err := b.applyChange(ctx, c, env.Now()); err != nil {
			return err
		}
		env.Print("пропозицію %d виконано", "proposal %d is carried out", c.Number)
		return nil
	})
	return command
}

// applyChange carries out a change and puts a newcomer's key where operators' keys lie.
func (b *openBody) applyChange(ctx context.Context, c issuer.OperatorChange, at time.Time) error {
	base := operatorBase(c.Number)
	if c.Kind == issuer.ApproveOperatorAdd {
		// The register took the newcomer and the program stopped before the key was in place: only that is left to do.
		if id, err := b.placeKey(ctx, base, c.Operator.Key); err != nil || id != 0 {
			return err
		}
	}
	approvals, err := b.proposalApprovals(base)
	if err != nil {
		return err
	}
	next, err := b.register.NextOperatorChange(ctx)
	if err != nil {
		return err
	}
	if c.Kind == issuer.ApproveOperatorAdd && c.Number == next {
		if _, err := os.Stat(b.proposalFile(base, ".age")); err != nil {
			return cli.Hint(b.env.Err("немає ключа нового підписувача: %s", "the newcomer's key is missing: %s", b.proposalFile(base, ".age")),
				b.env.T("зробіть пропозицію заново з --replace", "make the proposal anew with --replace"))
		}
		if _, err := b.newPerson(ctx, c.Operator.Person); err != nil {
			return err
		}
	}
	if err := b.register.ChangeOperator(ctx, c, approvals, at); err != nil {
		return err
	}
	if c.Kind != issuer.ApproveOperatorAdd {
		return nil
	}
	id, err := b.placeKey(ctx, base, c.Operator.Key)
	if err != nil {
		return err
	}
	b.env.Print("підписувач %d, ключ %s", "operator %d, key %s", id, b.operatorFile(id))
	return nil
}

// placeKey moves a proposal's sealed key to the operator who has it; 0 when there is none or his key is in its place.
func (b *openBody) placeKey(ctx context.Context, base string, key keys.OperatorPublicKey) (int64, error) {
	operators, err := b.register.Operators(ctx)
	if err != nil {
		return 0, err
	}
	for _, o := range operators {
		if !o.Active() || !o.Key.Equal(key) {
			continue
		}
		if _, err := os.Stat(b.operatorFile(o.ID)); err == nil {
			return 0, nil
		}
		sealed, err := os.ReadFile(b.proposalFile(base, ".age"))
		if err != nil {
			return 0, err
		}
		if err := cli.WriteAtomic(b.operatorFile(o.ID), sealed, 0o600); err != nil {
			return 0, err
		}
		return o.ID, os.Remove(b.proposalFile(base, ".age"))
	}
	return 0, nil
}
