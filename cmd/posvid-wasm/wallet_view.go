//go:build js && wasm

package main

import (
	"encoding/json"
	"errors"
	"slices"
	"syscall/js"
	"time"

	"github.com/posvid/posvid/codes"
	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/qr"
	"github.com/posvid/posvid/trust"
	"github.com/posvid/posvid/wallet"
)

// moment is the argument of what needs the time alone.
type moment struct {
	At int64 `json:"at"`
}

// text is a text in both languages; EN is empty where there is none.
type text struct {
	UK string `json:"uk"`
	EN string `json:"en,omitempty"`
}

type idView struct {
	Wallet   string     `json:"wallet"`
	Body     string     `json:"body"` // ЄДРПОУ
	BodyName text       `json:"body_name"`
	Number   string     `json:"number"`
	Name     string     `json:"name"`
	Position text       `json:"position"`
	Unit     text       `json:"unit"`
	Rank     uint8      `json:"rank,omitempty"`
	Category string     `json:"category,omitempty"`
	Photo    []byte     `json:"photo,omitempty"`
	Faces    []faceView `json:"faces"`
	State    string     `json:"state"` // issued, suspended, revoked, replaced, expired, not-yet
	Since    time.Time  `json:"since,omitzero"`
	AsOf     time.Time  `json:"as_of,omitzero"` // when State was true; zero: nobody has said anything
	Expires  time.Time  `json:"expires_at"`
	Soon     bool       `json:"soon"` // expires within warnBefore
}

type faceView struct {
	Face    string    `json:"face"`
	Issued  time.Time `json:"issued_at"`
	Expires time.Time `json:"expires_at"`
	Usable  bool      `json:"usable"`
}

// warnBefore is how long before its end a holder is told that an ID was not renewed: tokens live 30 days and are renewed
// from the twentieth.
const warnBefore = 7 * 24 * time.Hour

type bundleView struct {
	Number  uint64    `json:"number"`
	Issued  time.Time `json:"issued_at"`
	Expires time.Time `json:"expires_at"`
	Expired bool      `json:"expired"`
	// BeaconOld: a guard gives less for a broadcast code, because the newest sign of time in it is older than the policy allows.
	BeaconOld bool `json:"beacon_old"`
}

type pendingView struct {
	Wallet   string    `json:"wallet"`
	Body     string    `json:"body"`
	BodyName text      `json:"body_name"`
	At       time.Time `json:"at"`
	Taken    bool      `json:"taken"` // the body has taken the proof, and the ID follows
	Code     string    `json:"code,omitempty"`
}

type purseView struct {
	IDs     []idView      `json:"ids"`
	Pending []pendingView `json:"pending"`
	Damaged []string      `json:"damaged"`
	Root    string        `json:"root,omitempty"`
	Bundle  *bundleView   `json:"bundle,omitempty"`
	Clock   *clock        `json:"clock,omitempty"`
	Synced  time.Time     `json:"synced,omitzero"`
}

// view is everything that the page shows.
func (p *purse) view(in moment) (any, error) {
	p.Lock()
	defer p.Unlock()
	now := at(in.At)
	v := purseView{IDs: []idView{}, Pending: []pendingView{}, Damaged: append([]string{}, p.damaged...), Clock: p.facts.Clock, Synced: p.facts.Synced}
	if root, ok := p.root(); ok {
		v.Root = root.String()
	}
	if b := p.bundle; b != nil {
		v.Bundle = &bundleView{Number: b.Number(), Issued: b.IssuedAt(), Expires: b.ExpiresAt(), Expired: !now.Before(b.ExpiresAt())}
		if e := b.Beacon(); e.N == 0 || len(e.Times) == 0 || now.Sub(e.Times[0]) > b.Policy().MaxBeaconAge() {
			v.Bundle.BeaconOld = true
		}
	}
	for _, h := range p.wallets {
		ids := h.w.List()
		for _, id := range ids {
			v.IDs = append(v.IDs, p.idView(h, id, now))
		}
		if q, ok := p.facts.Pending[h.id]; ok {
			v.Pending = append(v.Pending, pendingView{h.id, q.Body, p.bodyName(q.Body), q.At, false, q.Code})
		} else if asked := h.w.Enrolments(); len(ids) == 0 && len(asked) > 0 {
			v.Pending = append(v.Pending, pendingView{h.id, asked[0].Body, p.bodyName(asked[0].Body), asked[0].At, true, ""})
		}
	}
	return v, nil
}

func (p *purse) bodyName(edrpou string) text {
	if p.bundle != nil {
		if b, ok := p.bundle.Body(edrpou); ok {
			return text{b.Name, b.NameEN}
		}
	}
	return text{}
}

func (p *purse) idView(h *held, id wallet.ID, now time.Time) idView {
	v := idView{
		Wallet: h.id, Body: id.Issuer, BodyName: p.bodyName(id.Issuer), Number: id.Number, Name: id.Name,
		Position: p.resolve(id.Issuer, codes.Position, id.Position), Unit: p.resolve(id.Issuer, codes.Unit, id.Unit),
		Rank: id.Rank, Category: id.Category, Photo: id.Photo, Faces: []faceView{},
	}
	usable, ahead := false, false
	for _, f := range id.Faces {
		v.Faces = append(v.Faces, faceView{f.Face.String(), f.IssuedAt, f.ExpiresAt, f.Usable(now)})
		usable = usable || f.Usable(now)
		ahead = ahead || now.Before(f.IssuedAt)
		if f.ExpiresAt.After(v.Expires) {
			v.Expires = f.ExpiresAt
		}
	}
	v.Soon = v.Expires.Sub(now) < warnBefore
	v.State, v.Since, v.AsOf = p.stateOf(h.id, id)
	if v.State == "issued" && !usable {
		v.State = "expired"
		if ahead {
			v.State = "not-yet"
		}
	}
	return v
}

// knownStates are what a service says of an ID and the page has words for. One that it does not know says nothing: the verifier
// decides, and the page goes on.
var knownStates = []string{"issued", "suspended", "revoked", "replaced", "expired"}

// stateOf joins what the service said with the status lists of the bundle: what is newer counts, but what has ended for good
// has ended, whoever said so.
func (p *purse) stateOf(wallet string, id wallet.ID) (name string, since, asOf time.Time) {
	said, told := p.facts.States[stateKey(wallet, id.Issuer, id.Number)]
	name, since, asOf = "issued", time.Time{}, time.Time{}
	if told && slices.Contains(knownStates, said.State) {
		name, since, asOf = said.State, said.Since, said.Asked
	}
	if p.bundle == nil || name == "revoked" || name == "replaced" {
		return name, since, asOf
	}
	for _, f := range id.Faces {
		status, listed, err := p.bundle.Status(id.Issuer, f.Status.List(), f.Status.Index())
		switch {
		case err != nil: // not in this bundle: nothing is known, which is never "revoked"
		case status == trust.StatusInvalid:
			return "revoked", time.Time{}, listed
		case listed.After(asOf) && status == trust.StatusSuspended:
			name, since, asOf = "suspended", time.Time{}, listed
		case listed.After(asOf) && status == trust.StatusValid:
			name, since, asOf = "issued", time.Time{}, listed
		}
	}
	return name, since, asOf
}

// resolve is the name of a position or a unit.
func (p *purse) resolve(body string, kind codes.Kind, c credential.CodedText) text {
	if c.Text != "" || c.Code == 0 {
		return text{UK: c.Text}
	}
	if p.bundle == nil {
		return text{}
	}
	e, ok, err := p.bundle.Code(body, kind, c.Code)
	if err != nil || !ok {
		return text{}
	}
	return text{e.UK, e.EN}
}

// which names an ID and a face.
type which struct {
	Wallet string `json:"wallet"`
	Body   string `json:"body"`
	Number string `json:"number"`
	Face   string `json:"face"`
	At     int64  `json:"at"`
}

func (w which) selector() wallet.Selector { return wallet.Selector{Issuer: w.Body, Number: w.Number} }

func (w which) face() (credential.Face, error) {
	switch w.Face {
	case credential.FaceCheck.String():
		return credential.FaceCheck, nil
	case credential.FaceFull.String():
		return credential.FaceFull, nil
	}
	return 0, coded{"no-face", errors.New("posvid-wasm: face: want check or full")}
}

type codeView struct {
	Text    string    `json:"text"`
	Symbol  symbol    `json:"symbol"`
	Issued  int64     `json:"issued_at"` // milliseconds, as Date.now
	Until   int64     `json:"until"`     // milliseconds: not shown from then on
	Expires time.Time `json:"expires_at"`
	Beacon  bool      `json:"beacon"`
}

// symbol is a QR symbol without its quiet zone: one bit a module, row by row, most significant bit first, 1 is dark.
type symbol struct {
	Version int    `json:"version"`
	Size    int    `json:"size"`
	Bits    []byte `json:"bits"`
}

func draw(text string) (symbol, error) {
	s, err := qr.Encode(text)
	if err != nil {
		return symbol{}, coded{"internal", err}
	}
	return pack(s), nil
}

func pack(s *qr.Symbol) symbol {
	out := symbol{s.Version, s.Size, make([]byte, (s.Size*s.Size+7)/8)}
	for i := range s.Size * s.Size {
		if s.Dark(i%s.Size, i/s.Size) {
			out.Bits[i/8] |= 0x80 >> (i % 8)
		}
	}
	return out
}

// present makes the broadcast code.
func (p *purse) present(in which) (any, error) {
	p.Lock()
	defer p.Unlock()
	h, err := p.find(in.Wallet)
	if err != nil {
		return nil, err
	}
	face, err := in.face()
	if err != nil {
		return nil, err
	}
	c, err := h.w.Present(in.selector(), face, at(in.At))
	if err != nil {
		return nil, err
	}
	until := c.Next
	if c.ExpiresAt.Before(until) {
		until = c.ExpiresAt
	}
	return p.show(c, until)
}

func (p *purse) show(c wallet.Code, until time.Time) (any, error) {
	s, err := draw(c.Text)
	if err != nil {
		return nil, err
	}
	return codeView{c.Text, s, c.IssuedAt.UnixMilli(), until.UnixMilli(), c.ExpiresAt, c.Beacon.N > 0}, nil
}

type questionView struct {
	Question int       `json:"question"` // of this page; what the holder agrees to is told by it
	Verifier uint64    `json:"verifier"`
	Name     string    `json:"name"`
	Body     string    `json:"body"`
	BodyName text      `json:"body_name"`
	Class    string    `json:"class"`
	Expires  time.Time `json:"expires_at"`
}

// question reads a verifier's question and says who asks. It is answered by answer alone, after the holder's consent.
func (p *purse) question(in struct {
	Text string `json:"text"`
	At   int64  `json:"at"`
}) (any, error) {
	p.Lock()
	defer p.Unlock()
	p.asked = nil
	if len(p.wallets) == 0 {
		return nil, coded{"no-id", errors.New("posvid-wasm: there is no wallet to answer with")}
	}
	q, err := p.wallets[0].w.ReadQuestion(in.Text, p.bundle, at(in.At))
	if err != nil {
		return nil, err
	}
	p.asked = q
	p.questions++
	return questionView{p.questions, q.VerifierID, q.Name, q.Body, text{q.BodyName, q.BodyNameEN}, q.Class.String(), q.Expires}, nil
}

// answer answers the question that was read last, once, and only when it is the one that the holder was shown.
func (p *purse) answer(in struct {
	which
	Question int `json:"question"`
}) (any, error) {
	p.Lock()
	defer p.Unlock()
	h, err := p.find(in.Wallet)
	if err != nil {
		return nil, err
	}
	face, err := in.face()
	if err != nil {
		return nil, err
	}
	if in.Question != p.questions {
		return nil, coded{"bad-question", errors.New("posvid-wasm: another question was read since")}
	}
	q := p.asked
	c, err := h.w.Answer(q, in.selector(), face, at(in.At))
	if err != nil {
		return nil, err
	}
	p.asked = nil
	// The verifier holds its question to its own clock, which may differ from the phone's by a minute.
	now := at(in.At)
	left := min(max(q.Expires.Sub(now), leastShown), longestShown)
	until := now.Add(left)
	if c.ExpiresAt.Before(until) {
		until = c.ExpiresAt
	}
	return p.show(c, until)
}

// How long an answer is shown, whatever the clocks say.
const (
	leastShown   = 20 * time.Second
	longestShown = 60 * time.Second
)

func init() {
	// posvidQR(text) is a QR symbol of any text in visible ASCII: {"version", "size", "bits": base64}, or {"error"}.
	export("posvidQR", func(args []js.Value) any {
		if len(args) != 1 || args[0].Type() != js.TypeString {
			return refusal("want a text")
		}
		s, err := qr.EncodeLink(args[0].String())
		if err != nil {
			return refusal(err.Error())
		}
		out, err := json.Marshal(pack(s))
		if err != nil {
			return refusal("symbol cannot be written")
		}
		return string(out)
	})
}
