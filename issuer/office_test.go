package issuer_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/crypto/keys/authority"
	"github.com/posvid/posvid/hr"
	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/store"
)

const (
	ourBody   = "12345678"
	otherBody = "00032684"
)

var (
	officeDay = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	bg        = context.Background()
)

// reporter is what testing.TB and rapid.T share.
type reporter interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

// office is a body with its register and two operators, over a real store.
type office struct {
	t     reporter
	path  string
	seal  *store.Sealer
	store *store.Store
	reg   *issuer.Register
	body  *issuer.Body
	keys  []authority.OperatorPrivateKey
	ops   []issuer.Operator
	at    time.Time
	photo int // bumps every photo of the next snapshot
}

func newOperatorKey(t reporter) authority.OperatorPrivateKey {
	t.Helper()
	k, err := authority.GenerateOperatorKey(cose.ESP256)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// anyGrant and ownCheck stand for an installed bundle that grants the key of this test.
type anyGrant struct{}

func (anyGrant) CheckGrant(keys.IssuerPublicKey, string, credential.Kind, time.Duration, time.Time) error {
	return nil
}

type ownCheck struct{ key keys.IssuerPublicKey }

func (c ownCheck) CheckToken(data []byte, at time.Time) error {
	u, err := credential.ParseToken(data)
	if err != nil {
		return err
	}
	_, err = u.Verify(c.key)
	return err
}

func newOffice(t reporter, dir string) *office {
	t.Helper()
	o := emptyOffice(t, dir)
	o.keys = []authority.OperatorPrivateKey{newOperatorKey(t), newOperatorKey(t)}
	both := issuer.RoleRegistrar | issuer.RoleApprover
	ops, err := o.reg.InitOperators(bg, o.newOperator("Ковальчук Оксана", "00-1", o.keys[0], both), o.newOperator("Іваненко Петро", "00-2", o.keys[1], both), o.at)
	if err != nil {
		t.Fatal(err)
	}
	o.ops = ops
	return o
}

// emptyOffice is an office without operators.
func emptyOffice(t reporter, dir string) *office {
	t.Helper()
	sealer, err := store.NewSealer(store.NewDataKey())
	if err != nil {
		t.Fatal(err)
	}
	o := &office{t: t, path: filepath.Join(dir, "body.db"), seal: sealer, at: officeDay}
	if o.store, err = store.Open(o.path, store.Options{Sealer: sealer, Readers: 2}); err != nil {
		t.Fatal(err)
	}
	if err := issuer.Create(bg, o.store, issuer.BodyRow{EDRPOU: ourBody, Name: "Міністерство випробувань", Created: o.at}); err != nil {
		t.Fatal(err)
	}
	key, err := authority.GenerateIssuerKey(cose.ESP256)
	if err != nil {
		t.Fatal(err)
	}
	if o.body, err = issuer.Open(bg, o.store, issuer.Config{EDRPOU: ourBody, Signer: key, Grant: anyGrant{}, Checker: ownCheck{key.IssuerPublic()}}); err != nil {
		t.Fatal(err)
	}
	if o.reg, err = issuer.OpenRegister(bg, o.store); err != nil {
		t.Fatal(err)
	}
	return o
}

func testOffice(t testing.TB) *office {
	t.Helper()
	o := newOffice(t, t.TempDir())
	t.Cleanup(func() { o.store.Close() })
	return o
}

func (o *office) newOperator(name, staff string, k authority.OperatorPrivateKey, roles issuer.Roles) issuer.NewOperator {
	o.t.Helper()
	person, err := o.reg.PersonKey("", "", staff)
	if err != nil {
		o.t.Fatal(err)
	}
	return issuer.NewOperator{Name: name, Person: person, Key: k.OperatorPublic(), Roles: roles}
}

// official is one row of a staff file.
type official struct {
	n         int // who
	staff     string
	unit      string
	position  string
	category  string
	rank      int
	status    string
	ground    string
	order     string
	plastic   string // expiry
	surname   string
	noPhoto   bool
	noRNOKPP  bool
	badRNOKPP bool
}

func someone(n int) official {
	return official{n: n, staff: fmt.Sprintf("%05d", n), unit: fmt.Sprintf("Відділ %d", n%7), position: "головний спеціаліст", category: "В", rank: 7, plastic: "2028-12-31"}
}

func staff(n int) []official {
	out := make([]official, n)
	for i := range out {
		out[i] = someone(i + 1)
	}
	return out
}

func rnokppOf(n int) string {
	s, err := hr.CompleteRNOKPP(hr.Date{Year: 1900 + n%9, Month: 1 + n%12, Day: 1 + n/12%28}, n/400%1000, n%2 == 0)
	if err != nil {
		panic(err)
	}
	return s
}

var nameLetters = []rune("абвгдежзиклмнопрстуфхцчшщюя")

func surnameOf(p official) string {
	if p.surname != "" {
		return p.surname
	}
	s := []rune("Нестеренко")
	for n := p.n; n > 0; n /= len(nameLetters) {
		s = append(s, nameLetters[n%len(nameLetters)])
	}
	return string(s)
}

func csvOf(people []official, full bool) []byte {
	var b strings.Builder
	if full {
		fmt.Fprintf(&b, "#total;%d\n#full;yes\n", len(people))
	}
	b.WriteString("rnokpp;surname;given_name;patronymic;staff_number;unit;position;category;rank;plastic_series;plastic_number;plastic_issued;plastic_expires;status;ground;order_number;order_date\n")
	for _, p := range people {
		tax := rnokppOf(p.n)
		if p.noRNOKPP {
			tax = ""
		}
		if p.badRNOKPP {
			tax = "1234567890"
		}
		date := ""
		if p.order != "" {
			date = "2026-03-01"
		}
		fmt.Fprintf(&b, "%s;%s;Олександра;Володимирівна;%s;%s;%s;%s;%d;ДМ;%06d;2024-01-15;%s;%s;%s;%s;%s\n", tax, surnameOf(p), p.staff, p.unit,
			p.position, p.category, p.rank, p.n*10+len(p.staff)%10, p.plastic, p.status, p.ground, p.order, date)
	}
	return []byte(b.String())
}

func (o *office) snapshot(people []official, full bool) *hr.Snapshot {
	o.t.Helper()
	opt := hr.Options{EDRPOU: ourBody, BodyName: "Міністерство випробувань", Full: full}
	if full {
		opt.Total = len(people)
	}
	data := csvOf(people, false)
	s, err := hr.Read("staff.csv", data, opt)
	if err != nil {
		o.t.Fatal(err)
	}
	byStaff := map[string]official{}
	for _, p := range people {
		byStaff[p.staff] = p
	}
	for i := range s.Records {
		r := &s.Records[i]
		if p := byStaff[r.StaffNumber]; !p.noPhoto {
			r.PhotoSHA256 = sha256.Sum256(fmt.Appendf(nil, "photo %d %d", p.n, o.photo))
		}
	}
	s.PhotosAttached = true
	return s
}

// plan makes a plan of a staff file against the present state.
func (o *office) plan(people []official, full bool) *hr.Plan {
	o.t.Helper()
	known, err := o.reg.Known(bg)
	if err != nil {
		o.t.Fatal(err)
	}
	opt, err := o.reg.PlanOptions(bg, o.at, 48*time.Hour)
	if err != nil {
		o.t.Fatal(err)
	}
	p, err := hr.MakePlan(known, o.snapshot(people, full), opt)
	if err != nil {
		o.t.Fatal(err)
	}
	return p
}

func (o *office) sign(s issuer.Subject, part issuer.ApprovalPart, who int) []byte {
	o.t.Helper()
	b, err := issuer.SignApproval(s, part, o.keys[who], o.at)
	if err != nil {
		o.t.Fatal(err)
	}
	return b
}

func (o *office) author(p *hr.Plan) []byte {
	return o.sign(issuer.PlanSubject(p), issuer.PartAuthor, 0)
}

func (o *office) both(s issuer.Subject) [][]byte {
	return [][]byte{o.sign(s, issuer.PartAuthor, 0), o.sign(s, issuer.PartApprover, 1)}
}

// apply applies a plan that two operators signed.
func (o *office) apply(p *hr.Plan) *issuer.PlanReport {
	o.t.Helper()
	r, err := o.reg.ApplyPlan(bg, p, o.both(issuer.PlanSubject(p)), o.at)
	if err != nil {
		o.t.Fatal(err)
	}
	if r.State != issuer.PlanDone {
		o.t.Fatalf("plan %d: state %d, want done", p.Number, r.State)
	}
	return r
}

// load brings people in.
func (o *office) load(people []official) {
	o.t.Helper()
	o.apply(o.plan(people, true))
}

func (o *office) known() []hr.Known {
	o.t.Helper()
	k, err := o.reg.Known(bg)
	if err != nil {
		o.t.Fatal(err)
	}
	return k
}

// entitlement finds the row of a person.
func (o *office) entitlement(n int) int64 {
	o.t.Helper()
	all, err := o.reg.Standings(bg, o.at)
	if err != nil {
		o.t.Fatal(err)
	}
	for _, s := range all {
		if s.Record.StaffNumber == fmt.Sprintf("%05d", n) {
			return s.Entitlement
		}
	}
	o.t.Fatalf("person %d holds no post", n)
	return 0
}

func newHolderKey(t reporter) keys.HolderPrivateKey {
	t.Helper()
	k, err := keys.GenerateHolderKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func possess(t reporter, body, code string, at time.Time, k keys.HolderPrivateKey) []byte {
	t.Helper()
	b, err := credential.SignPossession(body, code, at, k)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// slip makes one slip for a person.
func (o *office) slip(f issuer.SlipFilter) issuer.Slip {
	o.t.Helper()
	s, err := o.reg.Slips(bg, f, o.ops[0], o.at)
	if err != nil {
		o.t.Fatal(err)
	}
	if len(s) != 1 {
		o.t.Fatalf("%d slips, want 1", len(s))
	}
	return s[0]
}

func (o *office) slipFor(n int) issuer.Slip {
	o.t.Helper()
	return o.slip(issuer.SlipFilter{Entitlements: []int64{o.entitlement(n)}})
}

// enrol enrols a fresh phone for a person.
func (o *office) enrol(n int) (issuer.Slip, keys.HolderPrivateKey, *issuer.Enrolment) {
	o.t.Helper()
	s := o.slipFor(n)
	k := newHolderKey(o.t)
	e, err := o.reg.Enrol(bg, s.Number, possess(o.t, ourBody, s.Code(), o.at, k), o.at)
	if err != nil {
		o.t.Fatal(err)
	}
	return s, k, e
}

// issue issues the ID of an entitlement.
func (o *office) issue(entitlement int64) issuer.ID {
	o.t.Helper()
	res, err := o.body.Issue(bg, o.at, entitlement)
	if err != nil {
		o.t.Fatal(err)
	}
	if res[0].Err != nil {
		o.t.Fatal(res[0].Err)
	}
	return res[0].ID
}

// state is the state of an ID.
func (o *office) state(row int64) issuer.State {
	o.t.Helper()
	var s issuer.State
	if err := o.store.View(bg, func(tx issuer.Tx) error {
		id, err := tx.IDByRow(row)
		s = id.State
		return err
	}); err != nil {
		o.t.Fatal(err)
	}
	return s
}

func wantCode(t testing.TB, err error, want issuer.RegisterCode) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error %v, want [%s]", err, want)
	}
}

// wantReason checks a refused enrolment: what everybody sees and what the registrar sees.
func wantReason(t testing.TB, err error, want issuer.RegisterCode) {
	t.Helper()
	var e *issuer.EnrolmentError
	if !errors.As(err, &e) {
		t.Fatalf("error %v, want an enrolment refused for %s", err, want)
	}
	if got, detail := e.Registrar(); got != want {
		t.Fatalf("refused for %s (%s), want %s", got, detail, want)
	}
	if !errors.Is(err, issuer.EnrolmentRefused) || errors.Is(err, want) {
		t.Fatalf("everybody may see only %s, got %v", issuer.EnrolmentRefused, err)
	}
	if public := (&issuer.EnrolmentError{}).Error(); err.Error() != public {
		t.Fatalf("text %q tells reasons apart, want %q", err.Error(), public)
	}
}

// reopen closes the store and opens it again, as a new process would.
func (o *office) reopen() {
	o.t.Helper()
	if err := o.store.Close(); err != nil {
		o.t.Fatal(err)
	}
	var err error
	if o.store, err = store.Open(o.path, store.Options{Sealer: o.seal, Readers: 2}); err != nil {
		o.t.Fatal(err)
	}
	if o.reg, err = issuer.OpenRegister(bg, o.store); err != nil {
		o.t.Fatal(err)
	}
}
