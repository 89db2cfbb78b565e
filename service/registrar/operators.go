package registrar

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/crypto/keys/authority"
	"github.com/posvid/posvid/hr"
	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/store"
)

// proposalState is how far a proposal has come. The numbers are stored.
type proposalState int

// States of a proposal.
const (
	proposalOpen      proposalState = 1
	proposalDone      proposalState = 2
	proposalWithdrawn proposalState = 3
)

// proposalLife is how long a proposal may wait for its second person.
const proposalLife = 7 * 24 * time.Hour

// proposalFacts is what is sealed of a proposal: a change among the operators. It holds a keyed hash of the newcomer's number,
// never the number.
type proposalFacts struct {
	Name    string       `json:"name,omitempty"`
	Person  hr.PersonKey `json:"person"`
	Key     []byte       `json:"key"` // COSE_Key
	Roles   issuer.Roles `json:"roles,omitempty"`
	Subject int64        `json:"subject,omitempty"` // operator whom it is about; 0 for a newcomer
	Author  int64        `json:"author"`
	Second  int64        `json:"second,omitempty"`
	Added   int64        `json:"added,omitempty"` // number that the newcomer got
}

// proposal is one change among the operators that two sign.
type proposal struct {
	ID      int64
	Body    string
	Kind    issuer.ApprovalKind
	Number  uint64
	Made    time.Time
	Expires time.Time
	State   proposalState
	secret  []byte
	proposalFacts
}

// change is the proposal as the register takes it.
func (p *proposal) change() (issuer.OperatorChange, error) {
	c := issuer.OperatorChange{EDRPOU: p.Body, Kind: p.Kind, Number: p.Number, Expires: p.Expires.UTC(),
		Operator: issuer.NewOperator{Name: p.Name, Person: p.Person, Roles: p.Roles}}
	var err error
	c.Operator.Key, err = keys.ParseOperatorPublicKey(p.Key)
	return c, err
}

func placeOfProposal(body string, number uint64, made int64) string { return place(body, number, made) }

const proposalColumns = `id, body, kind, number, made, expires, state, facts, coalesce(secret, x'')`

func scanProposal(tx *store.ServiceTx, scan func(...any) error) (*proposal, error) {
	var v proposal
	var facts []byte
	var made, expires int64
	if err := scan(&v.ID, &v.Body, &v.Kind, &v.Number, &made, &expires, &v.State, &facts, &v.secret); err != nil {
		return nil, err
	}
	v.Made, v.Expires = time.Unix(made, 0), time.Unix(expires, 0)
	plain, err := tx.Open("proposals.facts", placeOfProposal(v.Body, v.Number, made), facts)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(plain, &v.proposalFacts); err != nil {
		return nil, fmt.Errorf("registrar: proposal %d: %w", v.ID, err)
	}
	return &v, nil
}

func sealProposal(tx *store.ServiceTx, v *proposal) ([]byte, error) {
	plain, err := json.Marshal(&v.proposalFacts)
	if err != nil {
		return nil, fmt.Errorf("registrar: proposal: %w", err)
	}
	return tx.Seal("proposals.facts", placeOfProposal(v.Body, v.Number, v.Made.Unix()), plain)
}

// proposals lists the newest proposals of a body.
func (p *pages) proposals(ctx context.Context, body string, limit int) (all []*proposal, err error) {
	err = p.Store.View(ctx, func(tx *store.ServiceTx) error {
		all = nil
		return tx.Rows(`SELECT `+proposalColumns+` FROM proposals WHERE body = $1 ORDER BY id DESC LIMIT $2`, []any{body, limit}, func(scan func(...any) error) error {
			v, err := scanProposal(tx, scan)
			all = append(all, v)
			return err
		})
	})
	return all, err
}

func (p *pages) proposal(ctx context.Context, body string, id int64) (v *proposal, err error) {
	err = p.Store.View(ctx, func(tx *store.ServiceTx) error {
		v = nil
		return tx.Rows(`SELECT `+proposalColumns+` FROM proposals WHERE body = $1 AND id = $2`, []any{body, id}, func(scan func(...any) error) error {
			v, err = scanProposal(tx, scan)
			return err
		})
	})
	if err == nil && v == nil {
		err = errNoProposal
	}
	return v, err
}

// operatorView is an operator as the page shows him.
type operatorView struct {
	issuer.Operator
	RoleText string
	KeyHere  bool
}

// proposalView is a proposal as those who sign it have to see it.
type proposalView struct {
	*proposal
	What, Hash, Author string
	Expired            bool
	CanApprove         bool
	Own                bool
}

// operatorsPage is the operators of a body.
type operatorsPage struct {
	ui
	Operators []operatorView
	Active    []operatorView
	Open      *proposalView
	Past      []proposalView
	CanChange bool
	CanAdd    bool // the host can keep a newcomer's key
	Fresh     bool
	Operator  string
}

// Roles is the words of roles.
func (u ui) Roles(r issuer.Roles) string {
	var words []string
	if r.Has(issuer.RoleRegistrar) {
		words = append(words, u.T("кадровик", "registrar"))
	}
	if r.Has(issuer.RoleApprover) {
		words = append(words, u.T("другий підписувач", "approver"))
	}
	return strings.Join(words, ", ")
}

func (u ui) proposalView(v *proposal, all []issuer.Operator, at time.Time) (proposalView, error) {
	out := proposalView{proposal: v, Author: operatorName(all, v.Author), Expired: v.State == proposalOpen && !at.Before(v.Expires)}
	change, err := v.change()
	if err != nil {
		return out, err
	}
	out.Hash = fmt.Sprintf("%x", change.Subject().Hash)
	switch v.Kind {
	case issuer.ApproveOperatorAdd:
		out.What = u.T("додати підписувача: ", "add an operator: ") + visible(v.Name) + " — " + u.Roles(v.Roles)
	case issuer.ApproveOperatorRemove:
		out.What = u.T("вилучити підписувача ", "remove operator ") + operatorName(all, v.Subject)
	default:
		out.What = u.T("змінити ролі підписувача ", "change the roles of operator ") + operatorName(all, v.Subject) + " → " + u.Roles(v.Roles)
	}
	return out, nil
}

func (p *pages) operatorsPage(c *call) error {
	return p.operatorsWith(c, http.StatusOK, c.draft(), nil)
}

func (p *pages) operatorsWith(c *call, status int, draft map[string][]string, wrong error) error {
	ctx := c.r.Context()
	all, err := c.body.Register.Operators(ctx)
	if err != nil {
		return err
	}
	v := operatorsPage{ui: c.uiWith(draft), Fresh: c.fresh(), CanAdd: keepsKeys(c.body)}
	if wrong != nil {
		v.Error = c.shown(wrong)
	}
	for _, o := range all {
		one := operatorView{Operator: o, RoleText: v.Roles(o.Roles)}
		v.Operators = append(v.Operators, one)
		if o.Active() {
			v.Active = append(v.Active, one)
		}
	}
	author, err := p.operatorOf(ctx, c.body, service.Registrar)
	v.CanChange = err == nil
	approver, approverErr := p.operatorOf(ctx, c.body, service.Approver)
	switch {
	case approverErr == nil:
		v.Operator = operatorName(all, approver.ID)
	case v.CanChange:
		v.Operator = operatorName(all, author.ID)
	}
	proposals, err := p.proposals(ctx, c.body.EDRPOU, 20)
	if err != nil {
		return err
	}
	for _, one := range proposals {
		view, err := v.proposalView(one, all, c.at)
		if err != nil {
			return err
		}
		if one.State == proposalOpen && v.Open == nil {
			view.Own = approverErr == nil && approver.ID == one.Author
			view.CanApprove = approverErr == nil && !view.Own && !view.Expired
			v.Open = &view
			continue
		}
		v.Past = append(v.Past, view)
	}
	return c.Render(c.w, c.r, status, "operators", v)
}

func (p *pages) operatorsRefused(c *call, err error) error {
	known := told(err)
	var named *service.Problem
	if !errors.As(known, &named) || errors.Is(err, errNoProposal) {
		return known
	}
	return p.operatorsWith(c, named.Status, c.r.PostForm, err)
}

// formRoles are the words of a form's roles.
var formRoles = map[string]issuer.Roles{
	"registrar": issuer.RoleRegistrar, "approver": issuer.RoleApprover, "both": issuer.RoleRegistrar | issuer.RoleApprover,
}

// proposeOperator makes a proposal with its author's signature.
func (p *pages) proposeOperator(c *call) error {
	if err := p.propose(c); err != nil {
		return p.operatorsRefused(c, err)
	}
	if err := c.sent(c.path("operators")); err != nil {
		return err
	}
	return c.seeOther(c.path("operators"))
}

// minPassphrase is the fewest characters of a newcomer's own passphrase.
const minPassphrase = 12

var errNewPhrase = service.NewProblem(http.StatusBadRequest, "new-passphrase", "Парольна фраза нового підписувача закоротка або введена двічі по-різному.",
	"The newcomer's passphrase is too short, or the two differ.", "Хай новий підписувач введе однакову фразу від 12 знаків двічі.", "Let the newcomer type the same phrase of 12 characters or more twice.")

func (p *pages) propose(c *call) error {
	ctx := c.r.Context()
	author, err := p.operatorOf(ctx, c.body, service.Registrar)
	if err != nil {
		return err
	}
	v := &proposal{Body: c.body.EDRPOU, Made: time.Unix(c.at.Unix(), 0), Expires: c.at.Add(proposalLife).UTC().Truncate(time.Second), State: proposalOpen,
		proposalFacts: proposalFacts{Author: author.ID}}
	switch c.value("change") {
	case "add":
		if err := p.newcomer(c, v); err != nil {
			return err
		}
	case "remove", "roles":
		id, err := strconv.ParseInt(c.value("operator"), 10, 64)
		if err != nil {
			return issuer.OperatorUnknown
		}
		all, err := c.body.Register.Operators(ctx)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(all, func(o issuer.Operator) bool { return o.ID == id && o.Active() })
		if i < 0 {
			return issuer.OperatorUnknown
		}
		v.Subject, v.Person, v.Key = id, all[i].Person, all[i].Key.MarshalCOSE()
		v.Kind = issuer.ApproveOperatorRemove
		if c.value("change") == "roles" {
			v.Kind, v.Roles = issuer.ApproveRights, formRoles[c.value("roles")]
			if v.Roles == 0 {
				return issuer.OperatorInvalid
			}
		}
	default:
		return errForm
	}
	if v.Number, err = c.body.Register.NextOperatorChange(ctx); err != nil {
		return err
	}
	change, err := v.change()
	if err != nil {
		return err
	}
	approval, err := p.sign(ctx, c.body, author, c.r.PostForm.Get("passphrase"), change.Subject(), issuer.PartAuthor, c.at)
	if err != nil {
		return err
	}
	return p.Store.Update(ctx, func(tx *store.ServiceTx) error {
		// One that has expired makes way.
		if _, err := tx.Exec(`UPDATE proposals SET state = 3, secret = NULL WHERE body = $1 AND state = 1 AND expires <= $2`, v.Body, c.at.Unix()); err != nil {
			return err
		}
		facts, err := sealProposal(tx, v)
		if err != nil {
			return err
		}
		id, err := tx.Insert(`INSERT INTO proposals (body, kind, number, made, expires, state, facts, secret) VALUES ($1, $2, $3, $4, $5, 1, $6, $7)`,
			v.Body, int(v.Kind), int64(v.Number), v.Made.Unix(), v.Expires.Unix(), facts, v.secret)
		if errors.Is(err, store.ErrConflict) {
			return errProposalUp
		}
		if err != nil {
			return err
		}
		_, err = tx.Exec(`INSERT INTO proposal_approvals (proposal, part, operator, at, bytes) VALUES ($1, 1, $2, $3, $4)`, id, author.ID, c.at.Unix(), approval)
		return err
	})
}

// newcomer makes the key of somebody who is to become an operator, sealed under the newcomer's own passphrase.
func (p *pages) newcomer(c *call, v *proposal) error {
	if !keepsKeys(c.body) {
		return errNoKeyHere
	}
	v.Kind, v.Name, v.Roles = issuer.ApproveOperatorAdd, c.value("name"), formRoles[c.value("roles")]
	if v.Name == "" || utf8.RuneCountInString(v.Name) > issuer.MaxOperatorName || visible(v.Name) != v.Name || v.Roles == 0 {
		return issuer.OperatorInvalid
	}
	person, err := c.body.Register.PersonKey(c.value("rnokpp"), "", c.value("staff_number"))
	if errors.Is(err, hr.NoPersonKey) {
		return issuer.OperatorInvalid
	}
	if err != nil {
		return err
	}
	if v.Person, err = newPerson(c.r.Context(), c.body, person); err != nil {
		return err
	}
	phrase := c.r.PostForm.Get("new_passphrase")
	if utf8.RuneCountInString(phrase) < minPassphrase || phrase != c.r.PostForm.Get("new_passphrase_again") {
		return errNewPhrase
	}
	key, err := authority.GenerateOperatorKey(cose.ESP256)
	if err != nil {
		return err
	}
	v.Key = key.OperatorPublic().MarshalCOSE()
	v.secret, err = key.Seal([]byte(phrase), keys.SealOptions{})
	return err
}

// approveOperator takes the second person's signature and carries the change out.
func (p *pages) approveOperator(c *call) error {
	ctx := c.r.Context()
	v, err := p.proposal(ctx, c.body.EDRPOU, c.number("id"))
	if err != nil {
		return err
	}
	if v.State == proposalDone && v.Second != 0 { // the same post twice
		return c.seeOther(c.path("operators"))
	}
	if err := p.approveProposal(c, v); err != nil {
		return p.operatorsRefused(c, err)
	}
	return c.seeOther(c.path("operators"))
}

func (p *pages) approveProposal(c *call, v *proposal) error {
	ctx := c.r.Context()
	o, err := p.operatorOf(ctx, c.body, service.Approver)
	if err != nil {
		return err
	}
	change, err := v.change()
	if err != nil {
		return err
	}
	subject := change.Subject()
	switch {
	case v.State != proposalOpen:
		return errStage
	case c.value("hash") != fmt.Sprintf("%x", subject.Hash):
		return errPlanChanged
	case o.ID == v.Author:
		return issuer.ApprovalSamePerson
	case !c.at.Before(v.Expires):
		return issuer.ActionExpired
	}
	if v.Kind == issuer.ApproveOperatorAdd {
		if _, err := newPerson(ctx, c.body, v.Person); err != nil {
			return err
		}
	}
	approval, err := p.sign(ctx, c.body, o, c.r.PostForm.Get("passphrase"), subject, issuer.PartApprover, c.at)
	if err != nil {
		return err
	}
	var author []byte
	if err := p.Store.View(ctx, func(tx *store.ServiceTx) error {
		return tx.Row(`SELECT bytes FROM proposal_approvals WHERE proposal = $1 AND part = 1`, []any{v.ID}, &author)
	}); err != nil {
		return err
	}
	// The newcomer's sealed key stays in the proposal until it lies in its place: a crash between the two is mended by the job.
	if err := c.body.Register.ChangeOperator(ctx, change, [][]byte{author, approval}, c.at); err != nil {
		return err
	}
	return p.finishProposal(context.WithoutCancel(ctx), c.body, v, o.ID)
}

// finishProposal puts a newcomer's key in its place and closes the proposal. It may run again after a crash.
func (p *pages) finishProposal(ctx context.Context, b *service.Body, v *proposal, second int64) error {
	if v.Kind == issuer.ApproveOperatorAdd {
		key, err := keys.ParseOperatorPublicKey(v.Key)
		if err != nil {
			return err
		}
		all, err := b.Register.Operators(ctx)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(all, func(o issuer.Operator) bool { return o.Key.Equal(key) })
		if i < 0 {
			return issuer.OperatorUnknown
		}
		if err := keepKey(b, all[i].ID, v.secret); err != nil {
			return err
		}
		v.Added = all[i].ID
	}
	v.Second = second
	return p.Store.Update(ctx, func(tx *store.ServiceTx) error {
		facts, err := sealProposal(tx, v)
		if err != nil {
			return err
		}
		return tx.Exec1(`UPDATE proposals SET state = 2, secret = NULL, facts = $2 WHERE id = $1`, v.ID, facts)
	})
}

// workProposals finishes what a crash left between the register and the newcomer's key.
func (p *pages) workProposals(ctx context.Context, _ time.Time) error {
	for _, b := range p.Bodies {
		all, err := p.proposals(ctx, b.EDRPOU, 5)
		if err != nil {
			return err
		}
		for _, v := range all {
			if v.State != proposalOpen || v.Kind != issuer.ApproveOperatorAdd {
				continue
			}
			key, err := keys.ParseOperatorPublicKey(v.Key)
			if err != nil {
				return err
			}
			operators, err := b.Register.Operators(ctx)
			if err != nil {
				return err
			}
			if slices.ContainsFunc(operators, func(o issuer.Operator) bool { return o.Key.Equal(key) }) {
				if err := p.finishProposal(ctx, b, v, 0); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// withdrawProposal takes an open proposal back.
func (p *pages) withdrawProposal(c *call) error {
	v, err := p.proposal(c.r.Context(), c.body.EDRPOU, c.number("id"))
	if err != nil {
		return err
	}
	err = p.Store.Update(c.r.Context(), func(tx *store.ServiceTx) error {
		n, err := tx.Exec(`UPDATE proposals SET state = 3, secret = NULL WHERE id = $1 AND state = 1`, v.ID)
		if err == nil && n == 0 && v.State != proposalWithdrawn {
			err = errStage
		}
		return err
	})
	if err != nil {
		return p.operatorsRefused(c, err)
	}
	return c.seeOther(c.path("operators"))
}

// knownAs lists every key the register knows the person by who has this one, itself included; best is the person's own. So an
// operator named by a staff number is recognised when he comes again with his РНОКПП.
func knownAs(ctx context.Context, b *service.Body, key hr.PersonKey) (best hr.PersonKey, all map[hr.PersonKey]bool, err error) {
	best, all = key, map[hr.PersonKey]bool{key: true}
	var person int64
	err = b.Store.View(ctx, func(tx issuer.Tx) error {
		keysOf := func(post *issuer.PostRow) []hr.PersonKey {
			known := []hr.PersonKey{post.Key, post.Keys.RNOKPP, post.Keys.UNZR}
			if post.Status != hr.StatusDismissed { // a staff number may be given to somebody else afterwards
				known = append(known, post.Keys.Staff)
			}
			return slices.DeleteFunc(known, hr.PersonKey.IsZero)
		}
		person = 0
		if err := tx.Posts(func(post issuer.PostRow) error {
			if slices.Contains(keysOf(&post), key) {
				person, best = post.Person, post.Key
			}
			return nil
		}); err != nil || person == 0 {
			return err
		}
		posts, err := tx.PostsOfPerson(person)
		for i := range posts {
			for _, k := range keysOf(&posts[i]) {
				all[k] = true
			}
		}
		return err
	})
	return best, all, err
}

// newPerson refuses a person who is an operator now, by whatever number.
func newPerson(ctx context.Context, b *service.Body, key hr.PersonKey) (hr.PersonKey, error) {
	best, all, err := knownAs(ctx, b, key)
	if err != nil {
		return best, err
	}
	operators, err := b.Register.Operators(ctx)
	for _, o := range operators {
		if o.Active() && all[o.Person] {
			return best, issuer.OperatorKnown
		}
	}
	return best, err
}

// waitingElse tells what else of a body waits: proposals, and changes of many.
func (p *pages) waitingElse(c *call) ([]waiting, error) {
	ctx := c.r.Context()
	var out []waiting
	proposals, err := p.proposals(ctx, c.body.EDRPOU, 5)
	if err != nil {
		return nil, err
	}
	for _, v := range proposals {
		if v.State == proposalOpen && c.at.Before(v.Expires) {
			out = append(out, waiting{Path: c.path("operators"), Text: c.T("Пропозиція щодо підписувачів чекає другої особи", "A proposal about operators waits for the second person"), Mine: c.has(service.Approver)})
		}
	}
	changes, err := p.bulks(ctx, c.body.EDRPOU, 20)
	if err != nil {
		return nil, err
	}
	for _, b := range changes {
		w := waiting{Path: c.path("jobs", b.ID)}
		switch b.Stage {
		case bulkWaiting:
			w.Text, w.Mine = c.T(fmt.Sprintf("Зміна %d посвідчень чекає другої особи", b.Rows), fmt.Sprintf("A change of %d IDs waits for the second person", b.Rows)), c.has(service.Approver)
		case bulkRunning:
			w.Text = c.T(fmt.Sprintf("Змінюються %d посвідчень", b.Rows), fmt.Sprintf("%d IDs are being changed", b.Rows))
		default:
			continue
		}
		out = append(out, w)
	}
	return out, nil
}

// keepsKeys tells whether the host can keep a newcomer's key.
func keepsKeys(b *service.Body) bool { return b.KeepOperatorKey != nil }

// keepKey puts a newcomer's sealed key in its place.
func keepKey(b *service.Body, id int64, sealed []byte) error {
	if !keepsKeys(b) || len(sealed) == 0 {
		return errNoKeyHere
	}
	return b.KeepOperatorKey(id, sealed)
}
