package diia

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/store"
	"github.com/posvid/posvid/verifier"
)

// OnlineSchema is the value of "schema" in the answer about a one-time code.
const OnlineSchema = "posvid.online/1"

var (
	badCode = service.NewProblem(http.StatusUnprocessableEntity, "bad-code", "Потрібне рівно одне з qrCode і barcode.",
		"Want exactly one of qrCode and barcode.", "Виправте запит.", "Mend the request.")
)

// maxCode is the longest text of a QR symbol: version 40, alphanumeric (ISO/IEC 18004).
const maxCode = 4296

type verifyInput struct {
	Body verifyQuery
}

type verifyQuery struct {
	QRCode  string `json:"qrCode,omitempty" maxLength:"4296" doc:"text of the scanned QR, as it was read: SID1:… or the link of a one-time code"`
	Barcode string `json:"barcode,omitempty" maxLength:"40" doc:"thirteen digits of a one-time code"`
	EDRPOU  string `json:"edrpou,omitempty" maxLength:"8" doc:"body that made the barcode, when several granted the scope"`
	Place   string `json:"place,omitempty" maxLength:"200" doc:"where the check takes place, shown to the holder"`
	Lang    string `json:"lang,omitempty" enum:"uk,en" doc:"language of texts; uk when not said"`
}

type verifyOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         verifyAnswer
}

// verifyAnswer is Дія's success with the verdict behind it.
type verifyAnswer struct {
	Success bool   `json:"success" doc:"true exactly when verdict is accept"`
	Verdict any    `json:"verdict" doc:"posvid.verdict/1 for a code that changes every 30 s, posvid.online/1 for a one-time code"`
	Word    string `json:"word" doc:"the one big word, in lang"`
	Text    string `json:"text" doc:"why, and what to do next, in lang"`
}

type identifyOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         identifyAnswer
}

type identifyAnswer struct {
	Success bool `json:"success"`
}

// onlineVerdict is the answer of a body about a one-time code.
type onlineVerdict struct {
	Schema  string        `json:"schema"`
	Verdict string        `json:"verdict"`
	Code    string        `json:"code"`
	AsOf    string        `json:"status_as_of,omitempty"`
	Holder  *onlineHolder `json:"holder"`
	Issuer  *onlineIssuer `json:"issuer"`
}

type onlineHolder struct {
	Number     string `json:"number"`
	Name       string `json:"name"`
	Position   string `json:"position"`
	PositionEN string `json:"position_en,omitempty"`
	Unit       string `json:"unit,omitempty"`
	UnitEN     string `json:"unit_en,omitempty"`
	Category   string `json:"category,omitempty"`
	Rank       int    `json:"rank,omitempty"`
	Photo      string `json:"photo_sha256"`
	ValidUntil string `json:"valid_until,omitempty"`
}

type onlineIssuer struct {
	EDRPOU string `json:"edrpou"`
	Name   string `json:"name"`
}

// rawJSON is a value that is JSON already.
type rawJSON = json.RawMessage

func (p *part) verify(ctx context.Context, in *verifyInput) (*verifyOutput, error) {
	a, err := p.check1(ctx, &in.Body, issuer.OnlineFull)
	if err != nil {
		return nil, err
	}
	return &verifyOutput{CacheControl: "no-store", Body: *a}, nil
}

func (p *part) identify(ctx context.Context, in *verifyInput) (*identifyOutput, error) {
	a, err := p.check1(ctx, &in.Body, issuer.OnlineValidate)
	if err != nil {
		return nil, err
	}
	return &identifyOutput{CacheControl: "no-store", Body: identifyAnswer{a.Success}}, nil
}

// check1 decides about one code. In the mode validate nothing of the person is asked for.
func (p *part) check1(ctx context.Context, q *verifyQuery, mode issuer.OnlineMode) (*verifyAnswer, error) {
	at := p.s.Now()
	if (q.QRCode == "") == (q.Barcode == "") || len(q.QRCode) > maxCode || !plain(q.Place) {
		return nil, badCode
	}
	bodies, sys, err := p.bodiesOf(ctx, service.PrincipalOf(ctx), scopeVerify)
	if err != nil {
		return nil, err
	}
	if q.Barcode == "" && !strings.HasPrefix(strings.TrimSpace(q.QRCode), "https://") {
		return p.offline(ctx, &sys, q, at)
	}
	return p.online(ctx, &sys, bodies, q, mode, at)
}

// offline decides about a code that changes every 30 s by the installed bundle, as a checkpoint without a signature key of
// its own would. The replay memory is the system's own.
func (p *part) offline(ctx context.Context, sys *system, q *verifyQuery, at time.Time) (*verifyAnswer, error) {
	bundle, _, bundleErr := p.s.Trust.Bundle()
	var failed error
	v := verifier.Verify(verifier.Input{Text: q.QRCode, At: at, Bundle: bundle, BundleErr: bundleErr, Lang: langOf(q.Lang),
		Seen: func(key [32]byte) (time.Time, bool) {
			first, err := p.firstSeen(ctx, sys, key, at)
			if err != nil {
				failed = err
				return time.Time{}, false
			}
			return first, true
		}})
	if failed != nil {
		return nil, failed // a memory that cannot be read decides nothing
	}
	raw, err := v.MarshalJSON()
	if err != nil {
		return nil, err
	}
	_, cause, next := v.Text(langOf(q.Lang))
	return &verifyAnswer{Success: v.Err() == nil, Verdict: rawJSON(raw), Word: v.Word(langOf(q.Lang)), Text: strings.TrimSpace(cause + " " + next)}, nil
}

// firstSeen is when the system first brought a code; this time when it never did.
func (p *part) firstSeen(ctx context.Context, sys *system, key [32]byte, at time.Time) (first time.Time, err error) {
	mac, err := p.s.Store.MAC(macSeen, append([]byte(sys.client+"\x00"), key[:]...))
	if err != nil {
		return time.Time{}, err
	}
	err = p.s.Store.Update(ctx, func(tx *store.ServiceTx) error {
		if _, err := tx.Exec(`INSERT INTO system_seen (code, first, expires) VALUES ($1, $2, $3) ON CONFLICT (code) DO NOTHING`,
			mac[:], at.UnixNano(), at.Add(seenLife).Unix()); err != nil {
			return err
		}
		var nano int64
		if err := tx.Row(`SELECT first FROM system_seen WHERE code = $1`, []any{mac[:]}, &nano); err != nil {
			return err
		}
		first = time.Unix(0, nano).UTC()
		return nil
	})
	return first, err
}

// online asks the body that made a one-time code. Only bodies that granted the scope are asked.
func (p *part) online(ctx context.Context, sys *system, bodies []*service.Body, q *verifyQuery, mode issuer.OnlineMode, at time.Time) (*verifyAnswer, error) {
	if q.EDRPOU != "" {
		var chosen []*service.Body
		for _, b := range bodies {
			if b.EDRPOU == q.EDRPOU {
				chosen = append(chosen, b)
			}
		}
		if chosen == nil {
			return nil, service.Forbidden
		}
		bodies = chosen
	}
	by := issuer.OnlineVerifier{ID: "system:" + sys.client, Name: cutBytes(sys.name, 200), EDRPOU: sys.owner, Body: cutBytes(sys.name, 200), Place: cutBytes(q.Place, 200)}
	if owner, err := p.s.Body(sys.owner); err == nil {
		by.Body = cutBytes(owner.Name, 200)
	}
	if by.Place == "" {
		by.Place = "API"
	}
	var all []*issuer.Online
	for _, b := range bodies {
		if b.Online != nil {
			all = append(all, b.Online)
		}
	}
	text := strings.TrimSpace(q.QRCode)
	if q.Barcode != "" {
		text = q.Barcode
	}
	best, _, err := issuer.CheckAmong(ctx, all, text, by, mode, at)
	if errors.Is(err, issuer.ErrOnlineText) {
		best, err = issuer.OnlineAnswer{Reason: issuer.OnlineUnknown}, nil
	}
	if err != nil {
		return nil, err
	}
	p.s.CountOnline(string(best.Reason))
	lang := langOf(q.Lang)
	v := &onlineVerdict{Schema: OnlineSchema, Verdict: best.Reason.Verdict(), Code: string(best.Reason)}
	if !best.AsOf.IsZero() {
		v.AsOf = best.AsOf.UTC().Format(time.RFC3339)
	}
	if h := best.Holder; h != nil {
		v.Holder = &onlineHolder{Number: h.Number, Name: h.Name, Position: h.Position, PositionEN: h.PositionEN, Unit: h.Unit, UnitEN: h.UnitEN,
			Category: h.Category, Rank: int(h.Rank), Photo: hex.EncodeToString(h.PhotoHash[:])}
		if !h.ValidUntil.IsZero() {
			v.Holder.ValidUntil = h.ValidUntil.UTC().Format(time.RFC3339)
		}
		v.Issuer = &onlineIssuer{h.EDRPOU, h.Body}
	}
	return &verifyAnswer{Success: best.Valid(), Verdict: v, Word: verdictWord(best.Reason.Verdict(), lang), Text: best.Reason.Text(lang)}, nil
}

// verdictWord is the big word of an outcome, taken from the verifier so that there is one source of it.
func verdictWord(outcome, lang string) string {
	v := verifier.Verdict{Outcome: verifier.Refuse}
	switch outcome {
	case verifier.Accept.String():
		v.Outcome, v.Code = verifier.Accept, verifier.OK
	case verifier.CannotConfirm.String():
		v.Outcome = verifier.CannotConfirm
	}
	return v.Word(lang)
}

func langOf(s string) string {
	if s == "en" {
		return "en"
	}
	return "uk"
}

// cutBytes shortens a text to n bytes without breaking a character.
func cutBytes(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xC0 == 0x80 {
		n--
	}
	return s[:n]
}

func (p *part) mountVerify() {
	access := service.Access{Kinds: []service.Kind{service.System}, Scope: scopeVerify}
	service.Operation(p.s, access, huma.Operation{
		OperationID: "system-verify", Method: http.MethodPost, Path: "/api/v1/systems/verify", Security: security(scopeVerify), Tags: []string{"systems"}, MaxBodyBytes: maxQuery,
		Summary:     "Check a scanned code",
		Description: "A code that changes every 30 s is decided by the installed trust bundle; a one-time code is used up and answered by its body.",
	}, p.verify)
	service.Operation(p.s, access, huma.Operation{
		OperationID: "system-identify", Method: http.MethodPost, Path: "/api/v1/systems/document-identification", Security: security(scopeVerify), Tags: []string{"systems"}, MaxBodyBytes: maxQuery,
		Summary:     "Check a scanned code: yes or no",
		Description: "Nothing about the person is answered.",
	}, p.identify)
}

// enrolmentRefused is the one answer to whoever hands in a proof that is not taken.
var enrolmentRefused = service.NewProblem(http.StatusForbidden, "enrolment-refused", "Підключення відхилено.", "The enrolment was refused.",
	"Перевірте код на талоні або попросіть у кадровика новий талон.", "Check the code on the slip, or ask the registrar for a new slip.")

// issueLater: the wish and the key are on record, the ID could not be made now.
var issueLater = service.NewProblem(http.StatusServiceUnavailable, "issue-later", "Підключення прийнято, посвідчення ще не видано.",
	"The enrolment was taken, the ID could not be issued yet.", "Надішліть той самий доказ пізніше.", "Send the same proof again later.")

type enrolInput struct {
	Body enrolQuery
}

type enrolQuery struct {
	EDRPOU     string `json:"edrpou" minLength:"8" maxLength:"8" doc:"ЄДРПОУ of the body that printed the slip"`
	Possession []byte `json:"possession" doc:"proof of possession in base64 (docs/spec/enrolment.md, Section 2)"`
	Slip       int64  `json:"slip,omitempty" minimum:"0" doc:"number of the slip, where it is known"`
}

type enrolOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         enrolAnswer
}

type enrolAnswer struct {
	DocumentID string `json:"documentId" doc:"opaque name of the ID for this system"`
	Delivery   []byte `json:"delivery" doc:"tokens and portrait in base64 (docs/spec/enrolment.md, Section 3)"`
}

// enrol takes a proof of possession that an outside wallet made, issues, and hands the tokens over.
func (p *part) enrol(ctx context.Context, in *enrolInput) (*enrolOutput, error) {
	at := p.s.Now()
	q := &in.Body
	b, sys, _, err := p.granted(ctx, service.PrincipalOf(ctx), q.EDRPOU, scopeEnrolments)
	if err != nil {
		return nil, err
	}
	if !p.refusals.Left(sys.client, at) {
		return nil, service.Limited
	}
	if len(q.Possession) == 0 || len(q.Possession) > maxPossession {
		p.refusals.Allow(sys.client, at)
		return nil, enrolmentRefused
	}
	e, err := b.Register.Enrol(ctx, q.Slip, q.Possession, at)
	if errors.Is(err, issuer.EnrolmentRefused) {
		p.refusals.Allow(sys.client, at)
		return nil, enrolmentRefused.Because(err)
	}
	if err != nil {
		return nil, err
	}
	defer p.s.PublishSoon() // whatever comes of issuing: the phone that it may have replaced is refused from then on
	results, err := b.Body.Issue(ctx, at, e.Entitlement)
	if err != nil {
		return nil, err
	}
	p.s.CountIssued(results...)
	if results[0].Err != nil {
		return nil, issueLater.Because(results[0].Err)
	}
	id := results[0].ID
	photo, err := p.photoOfPost(ctx, b, e.Entitlement)
	if err != nil {
		return nil, err
	}
	delivery, err := b.Body.Delivery(ctx, id.ID, photo)
	if err != nil {
		return nil, err
	}
	doc, err := p.documentID(&sys, b.EDRPOU, &held{}, id, true)
	if err != nil {
		return nil, err
	}
	return &enrolOutput{CacheControl: "no-store", Body: enrolAnswer{DocumentID: doc, Delivery: delivery}}, nil
}

// photoOfPost is the portrait of a post, nil when the file is not there: the tokens carry its hash anyway.
func (p *part) photoOfPost(ctx context.Context, b *service.Body, entitlement int64) ([]byte, error) {
	var hash [20]byte
	if err := b.Store.View(ctx, func(tx issuer.Tx) error {
		post, err := tx.Post(entitlement)
		if err != nil {
			return err
		}
		copy(hash[:], post.Record.PhotoSHA256[:])
		return nil
	}); err != nil {
		return nil, err
	}
	jpeg, err := readPhoto(b, hash)
	if err != nil {
		return nil, nil // a delivery without the picture is a whole delivery
	}
	return jpeg, nil
}

func (p *part) mountEnrolments() {
	service.Operation(p.s, service.Access{Kinds: []service.Kind{service.System}, Scope: scopeEnrolments}, huma.Operation{
		OperationID: "system-enrol", Method: http.MethodPost, Path: "/api/v1/systems/enrolments", Security: security(scopeEnrolments), Tags: []string{"systems"}, MaxBodyBytes: maxQuery,
		Summary:     "Enrol the key of a holder whose wallet is yours",
		Description: "The holder's wallet makes the same proof of possession as any other; the private key stays with it. The same proof sent again is answered as before.",
	}, p.enrol)
}
