package holder

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/service"
)

type checkBody struct {
	Code  string `json:"code" minLength:"1" maxLength:"512" doc:"text of the QR code, or the thirteen digits" example:"4 006381 333931"`
	Mode  string `json:"mode,omitempty" enum:"validate,full" default:"validate" doc:"validate: yes or no; full: whose ID it is, for verifiers"`
	Place string `json:"place,omitempty" maxLength:"100" doc:"where the check takes place; the holder sees it. A verifier's account has to give it; a device's own name stands in for it" example:"Прохідна, вул. Грушевського, 5"`
}

type checkIn struct{ Body checkBody }

type checkInBody struct {
	BodyPath
	Body checkBody
}

type checkOut struct {
	Body struct {
		Valid   bool          `json:"valid" doc:"the body vouches for the ID"`
		Verdict string        `json:"verdict" enum:"accept,refuse,cannot-confirm"`
		Code    string        `json:"code" doc:"why, as docs/spec/online.md names it" example:"ok"`
		Text    string        `json:"text" doc:"the same in words, in the caller's language" example:"посвідчення чинне"`
		AsOf    time.Time     `json:"as_of" doc:"when the register was read"`
		Check   int64         `json:"check,omitempty" doc:"number of the check in the holder's list"`
		Holder  *personFields `json:"holder,omitempty" doc:"whose ID it is: only for a verifier who asks in full about a valid one"`
	}
}

type personFields struct {
	Number     string     `json:"number"`
	Name       string     `json:"name"`
	Position   string     `json:"position"`
	PositionEN string     `json:"position_en,omitempty"`
	Unit       string     `json:"unit,omitempty"`
	UnitEN     string     `json:"unit_en,omitempty"`
	Category   string     `json:"category,omitempty"`
	Rank       uint8      `json:"rank,omitempty"`
	EDRPOU     string     `json:"edrpou"`
	Body       string     `json:"body"`
	ValidUntil *time.Time `json:"valid_until,omitempty"`
	PhotoHash  string     `json:"photo_sha256,omitempty" doc:"first 20 bytes of SHA-256 of the portrait, hexadecimal"`
	Portrait   []byte     `json:"portrait,omitempty" doc:"the portrait, JPEG, base64: compare the face"`
}

func (p *part) mountOnline() {
	const text = "Uses a one-time code (docs/spec/online.md). Whoever is not known as a verifier learns yes or no and nothing else; a checkpoint's device (signed request) " +
		"and an account with the role checkpoint-operator get distinct answers, and in the mode full the person's data and portrait. The holder sees who asked, when and where."
	// Public: a code that somebody was shown may be asked about by anybody, for yes or no; wrong digits are counted.
	open := service.Access{Public: true}
	service.Operation(p.s, open, api("check-online-code", http.MethodPost, "/api/v1/online/check", "Check a one-time code", text+" The body is found by the code.",
		http.StatusForbidden, http.StatusUnprocessableEntity, http.StatusTooManyRequests),
		func(ctx context.Context, in *checkIn) (*checkOut, error) { return p.check(ctx, p.s.Bodies, in.Body) })
	// Public: as above.
	service.Operation(p.s, open, api("check-online-code-of-body", http.MethodPost, "/api/v1/bodies/{edrpou}/online/check", "Check a one-time code of one body", text,
		http.StatusForbidden, http.StatusNotFound, http.StatusUnprocessableEntity, http.StatusTooManyRequests),
		func(ctx context.Context, in *checkInBody) (*checkOut, error) {
			b, err := p.s.Body(in.EDRPOU)
			if err != nil {
				return nil, err
			}
			return p.check(ctx, []*service.Body{b}, in.Body)
		})
	// Public: this is where the link in the QR code leads a browser. Opening it uses nothing up: messengers and scanners look at
	// links before people do.
	p.s.Page("GET /documents/official-certificate/{document}/verify/{code}", open, p.linkPage)
	// Public: the button on that page, for yes or no.
	p.s.Page("POST /documents/official-certificate/{document}/verify/{code}", open, p.linkCheck)
}

// asker is who asks, as issuer keeps it for the holder. The zero ID is somebody whom nobody vouches for.
func (p *part) asker(ctx context.Context, place string) (issuer.OnlineVerifier, error) {
	caller := service.PrincipalOf(ctx)
	place = strings.TrimSpace(place)
	switch caller.Kind {
	case service.Device:
		bundle, _, err := p.s.Trust.Bundle()
		if err != nil {
			return issuer.OnlineVerifier{}, service.BundleMissing.Because(err)
		}
		if len(caller.Bodies) != 1 {
			return issuer.OnlineVerifier{}, service.Forbidden
		}
		v := issuer.OnlineVerifier{ID: fmt.Sprintf("verifier:%d", caller.Verifier), Name: caller.Name, EDRPOU: caller.Bodies[0], Body: caller.Bodies[0], Place: place}
		if entry, ok := bundle.Body(v.EDRPOU); ok {
			v.Body = entry.Name
		}
		if v.Place == "" {
			v.Place = caller.Name
		}
		v.Name, v.Body, v.Place = clip(v.Name), clip(v.Body), clip(v.Place)
		return v, nil
	case service.Account:
		for _, g := range caller.Grants {
			if g.Role != service.CheckpointOperator {
				continue
			}
			v := issuer.OnlineVerifier{ID: fmt.Sprintf("account:%d", caller.Account), Name: caller.Name, EDRPOU: g.Body, Body: g.Body, Place: place}
			if b, err := p.s.Body(g.Body); err == nil {
				v.Body = b.Name
			}
			if place == "" {
				return issuer.OnlineVerifier{}, WantVerifier
			}
			v.Name, v.Body, v.Place = clip(v.Name), clip(v.Body), clip(v.Place)
			return v, nil
		}
	}
	source := service.SourceOf(ctx)
	if source == "" {
		source = "unknown"
	}
	return issuer.OnlineVerifier{Source: source}, nil
}

// clip cuts a text to what the list of checks holds, 200 bytes: names of bodies may be longer.
func clip(s string) string {
	const most = 200
	if len(s) <= most {
		return s
	}
	s = s[:most-len("…")]
	for len(s) > 0 && !utf8.ValidString(s) { // at most the three bytes of a cut letter
		s = s[:len(s)-1]
	}
	return s + "…"
}

// check asks the bodies about a code and answers as much as the caller may know.
func (p *part) check(ctx context.Context, bodies []*service.Body, in checkBody) (*checkOut, error) {
	by, err := p.asker(ctx, in.Place)
	if err != nil {
		return nil, err
	}
	mode := issuer.OnlineValidate
	if in.Mode == "full" {
		mode = issuer.OnlineFull
	}
	answer, b, err := p.ask(ctx, bodies, in.Code, by, mode)
	if err != nil {
		return nil, err
	}
	out := &checkOut{}
	o := &out.Body
	o.Valid, o.Verdict, o.Code, o.Text, o.AsOf, o.Check = answer.Valid(), answer.Reason.Verdict(), string(answer.Reason), answer.Reason.Text(service.LangOf(ctx)), answer.AsOf.UTC(), answer.Check
	if answer.Holder != nil {
		if o.Holder, err = p.person(ctx, b, answer.Holder); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// ask finds the body of a code among several and uses the code there. A refused guess by digits counts against its source.
func (p *part) ask(ctx context.Context, bodies []*service.Body, text string, by issuer.OnlineVerifier, mode issuer.OnlineMode) (issuer.OnlineAnswer, *service.Body, error) {
	online := make([]*issuer.Online, len(bodies))
	for i, b := range bodies {
		online[i] = b.Online
	}
	answer, i, err := issuer.CheckAmong(ctx, online, text, by, mode, p.s.Now())
	if err != nil {
		return issuer.OnlineAnswer{}, nil, refusal(err)
	}
	p.s.CountOnline(string(answer.Reason))
	if by.ID == "" && !answer.Valid() && !strings.HasPrefix(text, "https:") { // nobody guesses 122 bits
		if limited := p.s.GuessFrom(ctx); limited != nil {
			return issuer.OnlineAnswer{}, nil, limited
		}
	}
	if i < 0 {
		return answer, nil, nil
	}
	return answer, bodies[i], nil
}

func (p *part) person(ctx context.Context, b *service.Body, h *issuer.OnlineHolder) (*personFields, error) {
	f := &personFields{Number: h.Number, Name: h.Name, Position: h.Position, PositionEN: h.PositionEN, Unit: h.Unit, UnitEN: h.UnitEN, Category: h.Category,
		Rank: h.Rank, EDRPOU: h.EDRPOU, Body: h.Body}
	if !h.ValidUntil.IsZero() {
		until := h.ValidUntil.UTC()
		f.ValidUntil = &until
	}
	if h.PhotoHash == [20]byte{} {
		return f, nil
	}
	f.PhotoHash = hex.EncodeToString(h.PhotoHash[:])
	if b == nil || b.Photo == nil {
		return f, nil
	}
	jpeg, err := b.Photo(h.PhotoHash)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		p.s.Log.Warn("photo is missing", "request", service.RequestID(ctx), "body", b.EDRPOU)
	case err != nil:
		return nil, err
	}
	f.Portrait = jpeg
	return f, nil
}

// onlineView is the Data of online.html.
type onlineView struct {
	Action string // path of the link; empty once there is an answer
	Valid  bool
	Word   string // of the verdict
	Text   string
	At     string
}

// linkOf is the text of the code whose link was opened. The host is the body's, whatever name the browser used.
func linkOf(b *service.Body, r *http.Request) string {
	return "https://" + b.Online.Host() + r.URL.EscapedPath()
}

func (p *part) linkPage(w http.ResponseWriter, r *http.Request) error {
	if !p.isLink(r) {
		return service.NotFound
	}
	return p.s.Render(w, r, http.StatusOK, "online", onlineView{Action: r.URL.Path})
}

// isLink tells whether the path is one that a code can have; nothing is looked up.
func (p *part) isLink(r *http.Request) bool {
	for _, b := range p.s.Bodies {
		if _, err := b.Online.Parse(linkOf(b, r)); err == nil {
			return true
		}
	}
	return false
}

func (p *part) linkCheck(w http.ResponseWriter, r *http.Request) error {
	if !p.isLink(r) {
		return service.NotFound
	}
	by, err := p.asker(service.WithPrincipal(r.Context(), service.Principal{}), "") // yes or no, whoever is logged in
	if err != nil {
		return err
	}
	by.Source = service.SourceOf(r.Context())
	if by.Source == "" {
		by.Source = "unknown"
	}
	hosts := map[string][]*service.Body{}
	for _, b := range p.s.Bodies {
		hosts[b.Online.Host()] = append(hosts[b.Online.Host()], b)
	}
	answer := issuer.OnlineAnswer{Reason: issuer.OnlineNotConfirmed, AsOf: p.s.Now()}
	for _, bodies := range hosts {
		a, b, err := p.ask(r.Context(), bodies, linkOf(bodies[0], r), by, issuer.OnlineValidate)
		if err != nil {
			return err
		}
		if b != nil {
			answer = a
		}
	}
	return p.s.Render(w, r, http.StatusOK, "online", answerView(p.s.Lang(r), answer))
}
