package hr

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"
)

// Brake limits: a change of more than BrakePercent of a body's people and of at least BrakePeople waits for a second person.
const (
	BrakePercent = 5
	BrakePeople  = 5
)

// planSchema opens every plan file.
const planSchema = "posvid.hr-plan/1"

// canonicalPrefix goes before the compact JSON of a plan, so that its hash is never the hash of anything else.
const canonicalPrefix = "posvid hr plan 1\n"

// Known is what the issuer holds of one person in one post.
type Known struct {
	Ref    string    // the issuer's own name for it, handed back in Item.Ref; unique
	PostID string    // the stable name of the post, as Item.PostID gave it when the person joined
	Key    PersonKey // the person's key
	Kind   KeyKind
	Keys   Keys // every key of the person, as Item.Keys gave them; when empty they are computed from Record
	LiveID bool // an electronic ID is issued and not revoked
	// Blocked: an earlier plan left its renewal waiting for a correction (Plan.RenewalBlocked).
	Blocked bool
	Record  Record // current values, with Status
}

// PlanOptions says for whom, when and under which number a plan is made.
type PlanOptions struct {
	EDRPOU  string
	Secret  []byte    // of the body's person keys, at least MinKeySecret bytes
	Number  uint64    // of the plan, from 1
	At      time.Time // now
	Expires time.Time // after this the plan can no longer be applied

	Answers  []Answer // to the questions of an earlier try over the same file
	LastAsOf Date     // day of the newest snapshot already applied; an older one is refused
	Recent   int      // people that plans without a second signature changed lately; counted with this plan's by the brake
	// Alone holds the Known.Ref of every post that a plan without a second signature wrote lately: any rise there waits.
	Alone map[string]bool
	// Left holds, for people who left a post here, the highest rank and category of those posts: coming back is no way round.
	Left map[PersonKey]Record
}

// Answer settles one Question.
type Answer struct {
	Question string `json:"question"` // Question.ID
	Same     bool   `json:"same"`     // it is the same person whose number changed; false: two persons
}

// ItemKind is what happens to one person in one post.
type ItemKind string

// The kinds of items.
const (
	Join    ItemKind = "join"
	Change  ItemKind = "change"
	Move    ItemKind = "move" // another unit, position or staff number: the post changes
	Suspend ItemKind = "suspend"
	Resume  ItemKind = "resume"
	Leave   ItemKind = "leave"
)

// Item is one step of a plan. A stated Leave or Suspend is never Held.
type Item struct {
	Kind     ItemKind `json:"kind"`
	Inferred bool     `json:"inferred,omitempty"` // a leave that only absence from a full snapshot shows
	Held     bool     `json:"held,omitempty"`     // not to be applied before a second person signs the plan
	HeldBy   []Reason `json:"held_by,omitempty"`

	Ref     string    `json:"ref,omitempty"` // Known.Ref; empty for Join
	PostID  string    `json:"post_id"`
	Key     PersonKey `json:"key"` // the person as the issuer knows them; for Join and after a confirmed new number, see NewKey
	KeyKind KeyKind   `json:"key_kind"`
	NewKey  bool      `json:"new_key,omitempty"` // the number changed and Answers say it is the same person: Keys.Best replaces Key
	Keys    Keys      `json:"keys,omitzero"`     // every key of the row

	Line        int      `json:"line,omitempty"` // row that says so; 0 for an inferred leave
	Fields      []string `json:"fields,omitempty"`
	Before      *Record  `json:"before,omitempty"`
	After       *Record  `json:"after,omitempty"`
	Ground      string   `json:"ground,omitempty"`
	OrderNumber string   `json:"order_number,omitempty"`
	OrderDate   Date     `json:"order_date,omitzero"`

	LiveID        bool     `json:"live_id,omitempty"`
	BlocksRenewal bool     `json:"blocks_renewal,omitempty"` // a live ID is not renewed while this waits
	ValidUntil    Date     `json:"valid_until,omitzero"`     // last day that an electronic ID of After may be valid
	NoID          []Reason `json:"no_id,omitempty"`          // why After gives no electronic ID
}

// Question asks whether two keys are one person. Until it is answered neither a leave nor a join follows.
type Question struct {
	ID            string    `json:"id"`
	Code          Code      `json:"code"`
	Line          int       `json:"line"`
	Refs          []string  `json:"refs"` // posts of the person as known
	OldKey        PersonKey `json:"old_key"`
	NewKey        PersonKey `json:"new_key"`
	NewKind       KeyKind   `json:"new_kind"`
	Before        *Record   `json:"before"`
	After         *Record   `json:"after"`
	LiveID        bool      `json:"live_id,omitempty"`
	BlocksRenewal bool      `json:"blocks_renewal,omitempty"`
}

// PlanSetAside is a row that waits for correction, with the known posts that it concerns.
type PlanSetAside struct {
	Line          int       `json:"line"`
	Refs          []string  `json:"refs,omitempty"`
	LiveID        bool      `json:"live_id,omitempty"`
	BlocksRenewal bool      `json:"blocks_renewal,omitempty"`
	Problems      []Problem `json:"problems"`
}

// Brake says how many people the plan touches in the ways that the brake counts.
type Brake struct {
	People  int  `json:"people"` // joined, changed, moved, resumed or inferred to have left, each once
	Recent  int  `json:"recent,omitempty"`
	Body    int  `json:"body"` // people known before
	Tripped bool `json:"tripped,omitempty"`
}

// Plan is what a snapshot would do to what the issuer holds. It is shown to people, signed by its Hash, then applied.
type Plan struct {
	Schema  string    `json:"schema"`
	EDRPOU  string    `json:"edrpou"`
	Number  uint64    `json:"number"`
	Made    time.Time `json:"made"` // UTC, whole seconds
	Expires time.Time `json:"expires"`

	File         string `json:"file"`
	Digest       Hash   `json:"digest"` // SHA-256 of the snapshot file
	Rows         int    `json:"rows"`
	AsOf         Date   `json:"as_of,omitzero"`
	AbsenceLeave bool   `json:"absence_means_leave,omitempty"`

	Brake     Brake          `json:"brake"`
	SetAside  []PlanSetAside `json:"set_aside,omitempty"` // those with a live ID first
	Questions []Question     `json:"questions,omitempty"`
	Items     []Item         `json:"items,omitempty"` // stated leaves and suspensions first
	Notes     []Problem      `json:"notes,omitempty"`
	Answers   []Answer       `json:"answers,omitempty"`
	Unblocks  []string       `json:"unblocks,omitempty"` // references of blocked posts that a good row spoke for, sorted
}

// MakePlan compares what the issuer holds with a snapshot. It changes nothing and is deterministic: the same input gives
// the same bytes. It fails when the options make no sense, when the snapshot is of another body, or when it is older than
// one already applied.
func MakePlan(known []Known, next *Snapshot, opt PlanOptions) (*Plan, error) {
	switch {
	case next == nil:
		return nil, errors.New("hr: plan: no snapshot")
	case !ValidEDRPOU(opt.EDRPOU):
		return nil, fmt.Errorf("hr: plan: body: %w", BadEDRPOU)
	case len(opt.Secret) < MinKeySecret:
		return nil, fmt.Errorf("hr: plan: secret of %d bytes, want at least %d", len(opt.Secret), MinKeySecret)
	case opt.Number == 0:
		return nil, errors.New("hr: plan: number 0, want 1 or more")
	case opt.At.IsZero() || !opt.Expires.After(opt.At):
		return nil, errors.New("hr: plan: expiry must be after the time of making")
	case next.EDRPOU != "" && next.EDRPOU != opt.EDRPOU:
		return nil, Problem{File: next.File, Code: ForeignBody, Args: []string{next.EDRPOU}}
	case DateInKyiv(opt.At).Before(next.AsOf):
		return nil, Problem{File: next.File, Code: SnapshotAhead, Args: []string{next.AsOf.UA(), DateInKyiv(opt.At).UA()}}
	case !next.AsOf.IsZero() && next.AsOf.Before(opt.LastAsOf):
		return nil, Problem{File: next.File, Code: SnapshotOlder, Args: []string{next.AsOf.UA(), opt.LastAsOf.UA()}}
	}
	answers := slices.Clone(opt.Answers)
	slices.SortFunc(answers, func(a, b Answer) int { return cmp.Compare(a.Question, b.Question) })
	p := &planner{opt: opt, next: next, today: DateInKyiv(opt.At), plan: &Plan{
		Schema: planSchema, EDRPOU: opt.EDRPOU, Number: opt.Number, Made: seconds(opt.At), Expires: seconds(opt.Expires),
		File: next.File, Digest: next.Digest, Rows: next.Rows, AsOf: next.AsOf, AbsenceLeave: next.AbsenceMeansLeave(), Answers: answers,
	}}
	for _, x := range next.Problems {
		if !x.Warning {
			p.plan.Notes = append(p.plan.Notes, x)
		}
	}
	if err := p.index(known); err != nil {
		return nil, err
	}
	if err := p.run(); err != nil {
		return nil, err
	}
	return p.plan, nil
}

func seconds(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }

// CheckTime refuses a plan outside its life: made after at, or expired.
func (p *Plan) CheckTime(at time.Time) error {
	if !at.Before(p.Expires) {
		return Problem{File: p.File, Code: PlanExpired, Args: []string{p.Expires.Format(time.RFC3339)}}
	}
	return nil
}

// NeedsSecond says whether any step waits for a second person.
func (p *Plan) NeedsSecond() bool {
	return slices.ContainsFunc(p.Items, func(it Item) bool { return it.Held })
}

// Counts is the number of items of each kind, and how many of them are held.
func (p *Plan) Counts() (all, held map[ItemKind]int) {
	all, held = map[ItemKind]int{}, map[ItemKind]int{}
	for i := range p.Items {
		all[p.Items[i].Kind]++
		if p.Items[i].Held {
			held[p.Items[i].Kind]++
		}
	}
	return all, held
}

// RenewalBlocked lists the references of live IDs that must not be renewed while this plan's rows, questions and held
// leaves wait, sorted, each once.
func (p *Plan) RenewalBlocked() []string {
	var out []string
	for _, s := range p.SetAside {
		if s.BlocksRenewal {
			out = append(out, s.Refs...)
		}
	}
	for _, q := range p.Questions {
		if q.BlocksRenewal {
			out = append(out, q.Refs...)
		}
	}
	for i := range p.Items {
		if p.Items[i].BlocksRenewal {
			out = append(out, p.Items[i].Ref)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (p *Plan) json() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(p); err != nil {
		return nil, fmt.Errorf("hr: plan: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'}), nil
}

// Canonical is the byte string that operators sign by its hash: the line "posvid hr plan 1" and the plan as JSON with the
// fields in the order of docs/spec/hr.md, Section 6, no white space and nothing escaped that JSON lets stand. It holds the
// body, the number, the expiry and every item, and no РНОКПП or УНЗР.
func (p *Plan) Canonical() ([]byte, error) {
	b, err := p.json()
	if err != nil {
		return nil, err
	}
	return append([]byte(canonicalPrefix), b...), nil
}

// Hash is SHA-256 of Canonical. A plan that cannot be written gives the zero hash, which no signature is for.
func (p *Plan) Hash() [sha256.Size]byte {
	b, err := p.Canonical()
	if err != nil {
		return [sha256.Size]byte{}
	}
	return sha256.Sum256(b)
}

// WriteTo writes the plan file: the JSON of Canonical, indented for people.
func (p *Plan) WriteTo(w io.Writer) (int64, error) {
	b, err := p.json()
	if err != nil {
		return 0, err
	}
	var out bytes.Buffer
	if err := json.Indent(&out, b, "", " "); err != nil {
		return 0, fmt.Errorf("hr: plan: %w", err)
	}
	out.WriteByte('\n')
	return out.WriteTo(w)
}

// ParsePlan reads a plan file. Anything that WriteTo would not have written, white space aside, is refused with BadPlan:
// unknown, repeated, reordered or misspelt fields, other spellings of a value, bytes after the end. The plan has no РНОКПП
// and УНЗР until Bind.
func ParsePlan(data []byte) (*Plan, error) {
	if len(data) > MaxPlanBytes {
		return nil, Problem{Code: FileTooLarge, Args: []string{strconv.Itoa(MaxPlanBytes >> 20)}}
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, data); err != nil {
		return nil, Problem{Code: BadPlan}
	}
	p := new(Plan)
	if err := json.Unmarshal(compact.Bytes(), p); err != nil {
		return nil, Problem{Code: BadPlan}
	}
	again, err := p.json()
	if err != nil {
		return nil, Problem{Code: BadPlan}
	}
	if !bytes.Equal(again, compact.Bytes()) {
		if html, err := json.Marshal(p); err != nil || !bytes.Equal(html, compact.Bytes()) {
			return nil, Problem{Code: BadPlan}
		}
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	return p, nil
}

// check refuses a plan that MakePlan would not make.
func (p *Plan) check() error {
	ok := p.Schema == planSchema && ValidEDRPOU(p.EDRPOU) && p.Number > 0 && p.Expires.After(p.Made) &&
		p.Made.Equal(seconds(p.Made)) && p.Expires.Equal(seconds(p.Expires))
	for i := range p.Items {
		it := &p.Items[i]
		stated := it.Kind == Suspend || it.Kind == Leave && !it.Inferred
		ok = ok && it.Held == (len(it.HeldBy) > 0) && !(stated && it.Held) && !it.Key.IsZero() && it.KeyKind != 0
		ok = ok && (it.Ref == "") == (it.Kind == Join) && (it.After == nil) == (it.Kind == Leave) && (it.Before == nil) == (it.Kind == Join)
		ok = ok && (it.After == nil || it.After.EDRPOU == p.EDRPOU)
		switch it.Kind {
		case Join, Change, Move, Suspend, Resume, Leave:
		default:
			ok = false
		}
	}
	if !ok {
		return Problem{File: p.File, Code: BadPlan}
	}
	return nil
}

// Bind puts РНОКПП, УНЗР and birth dates back into the items of a plan that was read from a file, from the snapshot the
// plan was made of. It fails with PlanMismatch when the snapshot is another file or a row does not give the item's keys.
func (p *Plan) Bind(s *Snapshot, secret []byte) error {
	mismatch := Problem{File: p.File, Code: PlanMismatch}
	if s.Digest != p.Digest {
		return mismatch
	}
	rows := make(map[int]*Record, len(s.Records))
	for i := range s.Records {
		rows[s.Records[i].Line] = &s.Records[i]
	}
	for i := range p.Items {
		it := &p.Items[i]
		if it.After == nil || it.Kind == Suspend {
			continue // a suspension's After is what the issuer holds, not what the row says
		}
		r := rows[it.Line]
		if r == nil {
			return mismatch
		}
		own := *r
		own.EDRPOU = p.EDRPOU
		keys, err := KeysOf(secret, &own)
		if err != nil {
			return err
		}
		if best, _ := keys.Best(); best.IsZero() || !it.Keys.covers(keys) {
			return mismatch
		}
		it.After.RNOKPP, it.After.UNZR, it.After.BirthDate = r.RNOKPP, r.UNZR, r.BirthDate
	}
	return nil
}

// Apply is what the plan makes of the known posts; held items count only when approved. It is how a plan's effect is shown
// beforehand and what the issuer's store must come to; a joined post takes its PostID as its reference.
func Apply(known []Known, p *Plan, approved bool) ([]Known, error) {
	out := slices.Clone(known)
	at := make(map[string]int, len(out))
	for i := range out {
		at[out[i].Ref] = i
	}
	gone := map[string]bool{}
	for i := range p.Items {
		it := &p.Items[i]
		if it.Held && !approved {
			continue
		}
		if it.Kind == Join {
			k := Known{Ref: it.PostID + "/" + it.Key.String()[:16], PostID: it.PostID, Key: it.Key, Kind: it.KeyKind, Keys: it.Keys, Record: *it.After}
			if _, dup := at[k.Ref]; dup {
				return nil, fmt.Errorf("hr: apply: item %d: the post is already held", i)
			}
			at[k.Ref] = len(out)
			out = append(out, k)
			continue
		}
		n, ok := at[it.Ref]
		if !ok || gone[it.Ref] {
			return nil, fmt.Errorf("hr: apply: item %d: no such post", i)
		}
		k := &out[n]
		switch it.Kind {
		case Leave:
			gone[it.Ref] = true
		case Suspend, Resume:
			k.Record.Status, k.Record.Ground = it.After.Status, it.After.Ground
			k.Record.OrderNumber, k.Record.OrderDate = it.After.OrderNumber, it.After.OrderDate
		case Change, Move:
			status, ground, number, date := k.Record.Status, k.Record.Ground, k.Record.OrderNumber, k.Record.OrderDate
			k.Record = *it.After
			k.Record.Status, k.Record.Ground, k.Record.OrderNumber, k.Record.OrderDate = status, ground, number, date
			k.Keys = it.Keys
			if it.NewKey {
				k.Key, k.Kind = it.Keys.Best()
			}
		default:
			return nil, fmt.Errorf("hr: apply: item %d: kind unknown", i)
		}
	}
	return slices.DeleteFunc(out, func(k Known) bool { return gone[k.Ref] }), nil
}
