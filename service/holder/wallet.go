package holder

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"net/http"
	"slices"
	"time"

	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/qr"
	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/store"
)

// BodyPath is the body that a path names.
type BodyPath struct {
	EDRPOU string `path:"edrpou" pattern:"^[0-9]{8}$" doc:"ЄДРПОУ of the issuing body" example:"00032684"`
}

type enrolIn struct {
	BodyPath
	Body struct {
		Possession []byte `json:"possession" maxLength:"1368" doc:"proof of possession (docs/spec/enrolment.md, Section 2), base64"`
		Slip       int64  `json:"slip,omitempty" minimum:"1" doc:"number of the slip, where it is known" example:"412"`
	}
}

type enrolOut struct {
	Status int
	Body   struct {
		State    string `json:"state" enum:"issued,pending" doc:"pending: the phone is enrolled, the ID follows with the next delivery"`
		Number   string `json:"number,omitempty" doc:"number of the ID" example:"ГТ 004022"`
		Delivery []byte `json:"delivery,omitempty" doc:"tokens and photo (docs/spec/enrolment.md, Section 3), base64"`
	}
}

type stopCodeIn struct {
	BodyPath
	Body struct {
		Code string `json:"code" minLength:"1" maxLength:"64" doc:"stop code of the slip, in any spelling" example:"7K3M-0QZW-8A5T-XN2D"`
	}
}

type stopOut struct {
	Body struct {
		Stopped bool `json:"stopped" doc:"false: it was stopped before, or the slip had not been used yet and is closed now"`
	}
}

type deliveryIn struct {
	BodyPath
	Body struct {
		Have string `json:"have,omitempty" maxLength:"32" doc:"tag of the last answer: when nothing has changed, no ids are sent" example:"5b0e91c41f00d3a7b1e2c3d4e5f60718"`
	}
}

type deliveryOut struct {
	Body struct {
		Tag       string     `json:"tag" doc:"names this state; send it as have"`
		Unchanged bool       `json:"unchanged" doc:"the state is the one of have; ids are left out"`
		Time      int64      `json:"time" doc:"seconds by the clock of the service"`
		Waiting   int        `json:"waiting" doc:"posts for which this phone is enrolled and no ID could be issued yet"`
		IDs       []idFields `json:"ids,omitempty" doc:"oldest first: of two with one number the last counts"`
	}
}

type idFields struct {
	ID         string     `json:"id" doc:"opaque name of the ID, for this API alone" example:"86d1f00c5b0e91c41f00d3a7b1e2c3d4"`
	Number     string     `json:"number" example:"ГТ 004022"`
	State      string     `json:"state" enum:"issued,suspended,revoked,expired,replaced"`
	Since      time.Time  `json:"since" doc:"when the state began"`
	RenewAfter *time.Time `json:"renew_after,omitempty" doc:"of an issued ID: from then on a delivery holds new tokens"`
	ExpiresAt  time.Time  `json:"expires_at" doc:"end of its newest tokens"`
	Delivery   []byte     `json:"delivery,omitempty" doc:"of an issued ID: tokens and photo (docs/spec/enrolment.md, Section 3), base64"`
}

type nameIn struct {
	BodyPath
	Body struct {
		Number string `json:"number" minLength:"1" maxLength:"64" doc:"number of the ID" example:"ГТ 004022"`
		ID     string `json:"id,omitempty" maxLength:"32" doc:"opaque name, where two IDs have the number"`
	}
}

type withdrawIn struct {
	BodyPath
	Body struct {
		Number  string `json:"number" minLength:"1" maxLength:"64" doc:"number of the ID" example:"ГТ 004022"`
		ID      string `json:"id,omitempty" maxLength:"32" doc:"opaque name, where two IDs have the number"`
		Confirm bool   `json:"confirm" doc:"true: the holder was told that the ID ends for ever"`
	}
}

type withdrawOut struct {
	Body struct {
		Withdrawn bool `json:"withdrawn"`
	}
}

type codeOut struct {
	Body struct {
		ID        string    `json:"id" doc:"the id in the link, made for this code alone" example:"00112233445566778899aabbccddeeff"`
		Link      string    `json:"link" doc:"text of the QR code"`
		Digits    string    `json:"digits" doc:"thirteen digits of the EAN-13 barcode" example:"4006381333931"`
		Bars      string    `json:"bars" doc:"its 95 modules from left to right, 1 = dark; draw 11 light ones before and 7 behind"`
		TimerText string    `json:"timer_text" doc:"what stands before the time that is left" example:"Код діятиме ще"`
		TimerTime int       `json:"timer_time" doc:"seconds that are left" example:"180"`
		ExpiresAt time.Time `json:"expires_at"`
		Time      int64     `json:"time" doc:"seconds by the clock of the service"`
	}
}

type checksIn struct {
	BodyPath
	Body struct {
		Number string `json:"number,omitempty" maxLength:"64" doc:"only of IDs with this number"`
		Before int64  `json:"before,omitempty" minimum:"0" doc:"only checks with a lower number; 0: from the newest"`
		Limit  int    `json:"limit,omitempty" minimum:"0" maximum:"200" doc:"at most so many; 0: 50"`
	}
}

type checksOut struct {
	Body struct {
		Checks  []checkFields `json:"checks"`
		More    bool          `json:"more" doc:"there are older ones"`
		Systems []lookFields  `json:"systems,omitempty" doc:"with the first page: the newest times when an authorised information system read the holder's data, at most 50"`
	}
}

type checkFields struct {
	Check    int64         `json:"check" doc:"number of the check, for before"`
	Number   string        `json:"number" doc:"number of the ID that was checked"`
	At       time.Time     `json:"at"`
	Answer   string        `json:"answer" enum:"ok,online-suspended,online-revoked,online-id-expired,online-ended"`
	Mode     string        `json:"mode" enum:"validate,full" doc:"validate: yes or no; full: the person's data were shown"`
	Means    string        `json:"means" enum:"link,digits"`
	Verifier *lookerFields `json:"verifier,omitempty" doc:"absent: somebody whom the body does not know"`
}

type lookerFields struct {
	Name   string `json:"name"`
	Body   string `json:"body"`
	EDRPOU string `json:"edrpou,omitempty"`
	Place  string `json:"place"`
}

type lookFields struct {
	At     time.Time `json:"at"`
	Who    string    `json:"who" doc:"name of the system"`
	Kind   string    `json:"kind" doc:"what it did"`
	Answer string    `json:"answer" doc:"what it got"`
}

func (p *part) mountWallet() {
	const own = "The request is signed by the key of the phone (docs/spec/request.md); a phone learns about that key and about nothing else. "
	phone := service.Access{Kinds: []service.Kind{service.Wallet}}
	// Public: who enrols has nothing yet but the slip; the code on it, 80 random bits, is what decides.
	service.Operation(p.s, service.Access{Public: true}, api("enrol", http.MethodPost, "/api/v1/bodies/{edrpou}/enrolments", "Enrol a phone",
		"Takes a proof of possession with the code of a slip and answers the issued tokens. The same proof again answers the same ID: after a lost answer, send it again. "+
			"Whatever is wrong, the answer is enrolment-refused; the registrar sees the reason.", http.StatusForbidden, http.StatusTooManyRequests), p.enrol)
	// Public: a lost phone is stopped from any device; a stop code can only suspend.
	service.Operation(p.s, service.Access{Public: true}, api("stop-by-code", http.MethodPost, "/api/v1/bodies/{edrpou}/stop", "Stop an ID by its stop code",
		"Suspends the ID of the slip on which the code stands. It can neither resume nor revoke. Only the body resumes.", http.StatusForbidden, http.StatusTooManyRequests), p.stopByCode)
	service.Operation(p.s, phone, api("get-delivery", http.MethodPost, "/api/v1/bodies/{edrpou}/wallet/delivery", "IDs of this phone",
		own+"Every ID that this body issued to the key, with state and newest tokens; what is due is renewed first. Once a day is enough.", http.StatusUnauthorized), p.delivery)
	service.Operation(p.s, phone, api("stop", http.MethodPost, "/api/v1/bodies/{edrpou}/wallet/stop", "Stop an ID",
		own+"Suspends the ID. Only the body resumes.", http.StatusUnauthorized, http.StatusNotFound, http.StatusConflict), p.stop)
	service.Operation(p.s, phone, api("withdraw", http.MethodPost, "/api/v1/bodies/{edrpou}/wallet/withdraw", "Withdraw",
		own+"Takes back the wish to have the ID: it is revoked for ever. The right stays; a new slip makes a new ID. Without confirm nothing is done.",
		http.StatusUnauthorized, http.StatusNotFound, http.StatusConflict, http.StatusUnprocessableEntity), p.withdraw)
	service.Operation(p.s, phone, api("make-online-code", http.MethodPost, "/api/v1/bodies/{edrpou}/wallet/online-codes", "One-time code",
		own+"A code that one verifier may use once within 180 seconds (docs/spec/online.md). It ends the code that was open before.",
		http.StatusUnauthorized, http.StatusNotFound, http.StatusConflict, http.StatusTooManyRequests), p.onlineCode)
	service.Operation(p.s, phone, api("list-checks", http.MethodPost, "/api/v1/bodies/{edrpou}/wallet/checks", "Who checked me",
		own+"Uses of one-time codes of this phone's IDs, newest first.", http.StatusUnauthorized), p.checks)
}

// enrol takes the wish and the key, issues, and answers the delivery. What the register took stays taken whatever comes after;
// the same proof then answers the same ID.
func (p *part) enrol(ctx context.Context, in *enrolIn) (*enrolOut, error) {
	b, err := p.s.Body(in.EDRPOU)
	if err != nil {
		return nil, err
	}
	at := p.s.Now()
	e, err := b.Register.Enrol(ctx, in.Body.Slip, in.Body.Possession, at)
	if err != nil {
		return nil, p.guessed(ctx, refusal(err))
	}
	out := &enrolOut{Status: http.StatusAccepted}
	out.Body.State = "pending"
	res, err := b.Body.Issue(ctx, at, e.Entitlement)
	p.s.CountIssued(res...)
	if !e.Repeated {
		p.s.PublishSoon()
	}
	if err != nil || res[0].Err != nil {
		// The phone is enrolled. What keeps the ID from being issued (no bundle, signing stopped, the disk) is not the holder's
		// matter: the job issues it, the wallet asks again.
		p.s.Log.Warn("enrolled without an ID", "request", service.RequestID(ctx), "entitlement", e.Entitlement, "code", codeOf(errors.Join(err, firstErr(res))))
		return out, nil
	}
	delivery, err := p.deliver(ctx, b, res[0].ID)
	if err != nil {
		return nil, refusal(err)
	}
	out.Status, out.Body.State, out.Body.Number, out.Body.Delivery = http.StatusOK, "issued", res[0].ID.Number, delivery
	return out, nil
}

func firstErr(res []issuer.Result) error {
	if len(res) == 0 {
		return nil
	}
	return res[0].Err
}

// guessed counts a refused guess against its source. One that was right is not counted: a whole body may enrol from one address.
func (p *part) guessed(ctx context.Context, err error) error {
	if isRefused(err) {
		if limited := p.s.GuessFrom(ctx); limited != nil {
			return limited
		}
	}
	return err
}

// deliver is the delivery of an issued ID with its photo.
func (p *part) deliver(ctx context.Context, b *service.Body, id issuer.ID) ([]byte, error) {
	tokens, err := b.Body.Tokens(ctx, id.ID)
	if err != nil {
		return nil, err
	}
	photo, err := p.photo(ctx, b, tokens)
	if err != nil {
		return nil, err
	}
	return b.Body.Delivery(ctx, id.ID, photo)
}

// photo is the portrait that the tokens themselves name: the register may know a newer one, which comes with new tokens. Without
// the picture the tokens are handed over all the same: they are what opens doors.
func (p *part) photo(ctx context.Context, b *service.Body, tokens []issuer.TokenRow) ([]byte, error) {
	if b.Photo == nil || len(tokens) == 0 {
		return nil, nil
	}
	bundle, _, err := p.s.Trust.Bundle()
	if err != nil {
		return nil, nil // the wallet cannot verify a token without a bundle either
	}
	u, err := credential.ParseToken(tokens[0].Signed)
	if err != nil {
		return nil, err
	}
	for _, key := range bundle.IssuerKeys(u.UnverifiedKeyID()) {
		token, err := u.Verify(key.Key)
		if err != nil {
			continue
		}
		if !token.HasPhoto {
			return nil, nil
		}
		jpeg, err := b.Photo(token.PhotoHash)
		if errors.Is(err, fs.ErrNotExist) {
			p.s.Log.Warn("photo is missing", "request", service.RequestID(ctx), "body", b.EDRPOU)
			return nil, nil
		}
		return jpeg, err
	}
	return nil, nil
}

func (p *part) stopByCode(ctx context.Context, in *stopCodeIn) (*stopOut, error) {
	b, err := p.s.Body(in.EDRPOU)
	if err != nil {
		return nil, err
	}
	stopped, err := b.Register.StopByCode(ctx, in.Body.Code, p.s.Now())
	if err != nil {
		return nil, p.guessed(ctx, refusal(err))
	}
	p.s.PublishSoon()
	out := &stopOut{}
	out.Body.Stopped = stopped
	return out, nil
}

// delivery answers every ID that the body issued to the phone's key.
func (p *part) delivery(ctx context.Context, in *deliveryIn) (*deliveryOut, error) {
	thumb, err := wallet(ctx)
	if err != nil {
		return nil, err
	}
	b, err := p.s.Body(in.EDRPOU)
	if err != nil {
		return nil, err
	}
	at := p.s.Now()
	has, err := b.Register.OfHolder(ctx, thumb)
	if err != nil {
		return nil, err
	}
	due, newest, err := p.due(ctx, b, has, at)
	if err != nil {
		return nil, err
	}
	if len(due) > 0 {
		res, err := b.Body.Issue(ctx, at, due...)
		p.s.CountIssued(res...)
		if err != nil {
			return nil, err
		}
		changed := false
		for _, r := range res {
			changed = changed || r.Err == nil && !r.Existing
		}
		if changed {
			p.s.PublishSoon()
			if has, err = b.Register.OfHolder(ctx, thumb); err != nil {
				return nil, err
			}
			if _, newest, err = p.due(ctx, b, has, at); err != nil {
				return nil, err
			}
		}
	}
	out := &deliveryOut{}
	out.Body.Time = at.Unix()
	covered := map[int64]bool{}
	tag := sha256.New()
	fmt.Fprintf(tag, "posvid delivery v1 %s %x\n", b.EDRPOU, thumb)
	for _, id := range has.IDs {
		state := stateAt(id, at)
		if state == "" {
			continue
		}
		// A key that was revoked is never issued to again: nothing is waited for.
		covered[id.Entitlement] = covered[id.Entitlement] || id.State.Live() || id.State == issuer.StateRevoked
		name, err := p.publicID(b, id.ID)
		if err != nil {
			return nil, err
		}
		f := idFields{ID: name, Number: id.Number, State: state, Since: id.ChangedAt.UTC(), ExpiresAt: id.ExpiresAt.UTC()}
		if made, ok := newest[id.ID]; ok && state == "issued" {
			after := made.Add(b.Body.Profile().RenewAfter).UTC()
			f.RenewAfter = &after
		}
		fmt.Fprintf(tag, "%s %s %d %d %d\n", name, state, id.ChangedAt.Unix(), id.Renewal, id.ExpiresAt.Unix())
		out.Body.IDs = append(out.Body.IDs, f)
	}
	for _, e := range has.Enrolled {
		if !covered[e] {
			out.Body.Waiting++
		}
	}
	fmt.Fprintf(tag, "%d\n", out.Body.Waiting)
	out.Body.Tag = hex.EncodeToString(tag.Sum(nil)[:16])
	if in.Body.Have == out.Body.Tag {
		out.Body.Unchanged, out.Body.IDs = true, nil
		return out, nil
	}
	i := 0
	for _, id := range has.IDs {
		state := stateAt(id, at)
		if state == "" {
			continue
		}
		if state == "issued" {
			d, err := p.deliver(ctx, b, id)
			if err != nil && !errors.Is(err, issuer.ErrState) { // suspended or revoked this very moment: the next question says so
				return nil, err
			}
			out.Body.IDs[i].Delivery = d
		}
		i++
	}
	return out, nil
}

// stateAt is the state that a holder is told; "" for what was never handed out. The job that marks what has run out may not have
// come by yet.
func stateAt(id issuer.ID, at time.Time) string {
	switch id.State {
	case issuer.StateIssued, issuer.StateSuspended:
		if !at.Before(id.ExpiresAt) {
			return issuer.StateExpired.String()
		}
		return id.State.String()
	case issuer.StateRevoked, issuer.StateExpired, issuer.StateReplaced:
		return id.State.String()
	}
	return ""
}

// due lists the entitlements for which there is something to sign: enrolled without a live ID, or with tokens old enough. newest
// is when the newest tokens of each issued ID were made.
func (p *part) due(ctx context.Context, b *service.Body, has issuer.HolderIDs, at time.Time) (due []int64, newest map[int64]time.Time, err error) {
	newest = map[int64]time.Time{}
	live, revoked := map[int64]issuer.ID{}, map[int64]bool{}
	for _, id := range has.IDs {
		revoked[id.Entitlement] = revoked[id.Entitlement] || id.State == issuer.StateRevoked
		if !id.State.Live() {
			continue
		}
		live[id.Entitlement] = id
		tokens, err := b.Body.Tokens(ctx, id.ID)
		if errors.Is(err, store.ErrNotFound) {
			continue // they ran out and were forgotten before the ID was marked expired: as due as can be
		}
		if err != nil {
			return nil, nil, err
		}
		newest[id.ID] = tokens[0].IssuedAt
	}
	for _, e := range has.Enrolled {
		id, ok := live[e]
		switch {
		case !ok && !revoked[e], id.State == issuer.StateIssued && !at.Before(newest[id.ID].Add(b.Body.Profile().RenewAfter)):
			due = append(due, e)
		}
	}
	return due, newest, nil
}

func (p *part) stop(ctx context.Context, in *nameIn) (*stopOut, error) {
	thumb, err := wallet(ctx)
	if err != nil {
		return nil, err
	}
	b, err := p.s.Body(in.EDRPOU)
	if err != nil {
		return nil, err
	}
	id, err := p.mine(ctx, b, thumb, in.Body.Number, in.Body.ID)
	if err != nil {
		return nil, err
	}
	if stateAt(id, p.s.Now()) != "issued" && id.State != issuer.StateSuspended {
		return nil, NotIssued
	}
	out := &stopOut{}
	if out.Body.Stopped, err = b.Register.StopByHolder(ctx, id.Entitlement, issuer.HolderProof{Key: thumb}, p.s.Now()); err != nil {
		return nil, refusal(err)
	}
	p.s.PublishSoon()
	return out, nil
}

func (p *part) withdraw(ctx context.Context, in *withdrawIn) (*withdrawOut, error) {
	thumb, err := wallet(ctx)
	if err != nil {
		return nil, err
	}
	b, err := p.s.Body(in.EDRPOU)
	if err != nil {
		return nil, err
	}
	id, err := p.mine(ctx, b, thumb, in.Body.Number, in.Body.ID)
	if err != nil {
		return nil, err
	}
	if !id.State.Live() {
		return nil, NotIssued
	}
	out := &withdrawOut{}
	if !in.Body.Confirm {
		return out, nil
	}
	if err := b.Register.WithdrawByHolder(ctx, id.Entitlement, issuer.HolderProof{Key: thumb}, p.s.Now()); err != nil {
		return nil, refusal(err)
	}
	out.Body.Withdrawn = true
	p.s.PublishSoon()
	return out, nil
}

func (p *part) onlineCode(ctx context.Context, in *nameIn) (*codeOut, error) {
	thumb, err := wallet(ctx)
	if err != nil {
		return nil, err
	}
	b, err := p.s.Body(in.EDRPOU)
	if err != nil {
		return nil, err
	}
	id, err := p.mine(ctx, b, thumb, in.Body.Number, in.Body.ID)
	if err != nil {
		return nil, err
	}
	at := p.s.Now()
	code, err := b.Online.Issue(ctx, id.ID, at)
	if err != nil {
		return nil, refusal(err)
	}
	out := &codeOut{}
	o := &out.Body
	o.ID, o.Link, o.Digits, o.ExpiresAt, o.Time = code.Document(), code.Link(), code.Digits(), code.Expires.UTC(), at.Unix()
	o.TimerText, o.TimerTime = code.TimerText(service.LangOf(ctx)), int(code.Left(at)/time.Second)
	if o.Bars, err = qr.EAN13Bars(o.Digits); err != nil {
		return nil, err
	}
	return out, nil
}

const defaultChecks = 50

func (p *part) checks(ctx context.Context, in *checksIn) (*checksOut, error) {
	thumb, err := wallet(ctx)
	if err != nil {
		return nil, err
	}
	b, err := p.s.Body(in.EDRPOU)
	if err != nil {
		return nil, err
	}
	has, err := b.Register.OfHolder(ctx, thumb)
	if err != nil {
		return nil, err
	}
	var ids []issuer.ID
	for _, id := range has.IDs {
		if in.Body.Number == "" || id.Number == in.Body.Number {
			ids = append(ids, id)
		}
	}
	out := &checksOut{}
	if out.Body.Checks, out.Body.More, err = checksOf(ctx, b, ids, in.Body.Before, in.Body.Limit); err != nil {
		return nil, err
	}
	if in.Body.Before == 0 {
		out.Body.Systems, err = p.looks(ctx, b, ids)
	}
	return out, err
}

// looks are the newest readings by information systems at the posts of some IDs.
func (p *part) looks(ctx context.Context, b *service.Body, ids []issuer.ID) ([]lookFields, error) {
	var out []lookFields
	seen := map[int64]bool{}
	for _, id := range ids {
		if seen[id.Entitlement] {
			continue
		}
		seen[id.Entitlement] = true
		some, err := p.s.Looks(ctx, b.EDRPOU, id.Entitlement, defaultChecks)
		if err != nil {
			return nil, err
		}
		for _, l := range some {
			out = append(out, lookFields{l.At.UTC(), l.Who, l.Kind, l.Answer})
		}
	}
	slices.SortStableFunc(out, func(x, y lookFields) int { return y.At.Compare(x.At) })
	return out[:min(len(out), defaultChecks)], nil
}

// checksOf merges the checks of several IDs, newest first.
func checksOf(ctx context.Context, b *service.Body, ids []issuer.ID, before int64, limit int) ([]checkFields, bool, error) {
	if limit < 1 || limit > 200 {
		limit = defaultChecks
	}
	if before == 0 {
		before = math.MaxInt64
	}
	out := []checkFields{}
	for _, id := range ids {
		lines, err := b.Online.Checks(ctx, id.ID, before, limit+1)
		if err != nil {
			return nil, false, err
		}
		for _, l := range lines {
			f := checkFields{Check: l.Number, Number: id.Number, At: l.At.UTC(), Answer: string(l.Reason), Mode: "validate", Means: "link"}
			if l.Mode == issuer.OnlineFull {
				f.Mode = "full"
			}
			if l.Means == issuer.OnlineByDigits {
				f.Means = "digits"
			}
			if l.By.ID != "" {
				f.Verifier = &lookerFields{l.By.Name, l.By.Body, l.By.EDRPOU, l.By.Place}
			}
			out = append(out, f)
		}
	}
	slices.SortFunc(out, func(x, y checkFields) int { return cmp.Compare(y.Check, x.Check) })
	more := len(out) > limit
	return out[:min(len(out), limit)], more, nil
}
