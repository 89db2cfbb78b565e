package checkpoints

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"time"

	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/store"
	"github.com/posvid/posvid/trust"
)

// tokenBytes is the length of an onboarding token: 128 random bits.
const tokenBytes = 16

// OnboardPath is the path of the link in an onboarding QR; the token is its fragment, which browsers do not send.
const OnboardPath = "/checkpoints/onboard"

// newCode makes the one live onboarding code of an account and answers the link for its QR.
func (p *part) newCode(ctx context.Context, body string, id int64, at time.Time) (link string, expires time.Time, err error) {
	var token [tokenBytes]byte
	rand.Read(token[:]) // never fails
	mark, err := p.s.Store.MAC(codeLabel, token[:])
	if err != nil {
		return "", expires, err
	}
	expires = at.Add(CodeTerm).Truncate(time.Second)
	err = p.s.Store.Update(ctx, func(tx *store.ServiceTx) error {
		a, err := oneAccount(tx, sqlAccount, id, body)
		if err != nil {
			return err
		}
		if a.State != stateNew || !a.Until.After(at) {
			return wrongState
		}
		if _, err := tx.Exec(sqlDropCodes, id); err != nil { // an older one may have been photographed
			return err
		}
		_, err = tx.Exec(sqlMakeCode, mark[:], id, at.Unix(), expires.Unix())
		return err
	})
	if err != nil {
		return "", expires, err
	}
	return p.s.Origin + OnboardPath + "#" + base64.RawURLEncoding.EncodeToString(token[:]), expires, nil
}

const codeLabel = "checkpoint onboarding code"

// codeOf finds the account of a token. Whatever is wrong with a token gives one answer.
func (p *part) codeOf(tx *store.ServiceTx, token string, at time.Time) (a *account, mark [32]byte, expires time.Time, err error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(raw) != tokenBytes {
		return nil, mark, expires, onboardRefused
	}
	if mark, err = p.s.Store.MAC(codeLabel, raw); err != nil {
		return nil, mark, expires, err
	}
	var id, until int64
	switch err := tx.Row(sqlCode, []any{mark[:]}, &id, &until); {
	case errors.Is(err, store.ErrNotFound):
		return nil, mark, expires, onboardRefused
	case err != nil:
		return nil, mark, expires, err
	}
	expires = when(until)
	if !at.Before(expires) {
		return nil, mark, expires, onboardRefused
	}
	if a, err = oneAccount(tx, sqlAnyAccount, id); err != nil {
		return nil, mark, expires, err
	}
	if a.State != stateNew {
		return nil, mark, expires, onboardRefused
	}
	return a, mark, expires, nil
}

// Token is an onboarding token as the QR has it behind the #.
type Token struct {
	Body struct {
		Token string `json:"token" maxLength:"64" doc:"what stands behind the # of the onboarding link"`
	}
}

// Purpose is what an onboarding code is for.
type Purpose struct {
	Body struct {
		Body     string    `json:"body" doc:"ЄДРПОУ of the body that runs the checkpoint"`
		BodyName string    `json:"body_name"`
		Name     string    `json:"name" doc:"name that holders will read; the request has to state it"`
		Class    string    `json:"class" enum:"checkpoint,council"`
		Until    time.Time `json:"until" doc:"end of the account's term"`
		Expires  time.Time `json:"expires" doc:"end of the code"`
		Root     string    `json:"root" doc:"fingerprint of the root that this service's bundle carries, to be compared with one from another source"`
	}
}

// look tells a device what it is about to become. It uses nothing up.
func (p *part) look(ctx context.Context, in *Token) (*Purpose, error) {
	if err := p.s.GuessFrom(ctx); err != nil {
		return nil, err
	}
	var a *account
	var expires time.Time
	err := p.s.Store.View(ctx, func(tx *store.ServiceTx) (err error) {
		a, _, expires, err = p.codeOf(tx, in.Body.Token, p.s.Now())
		return err
	})
	if err != nil {
		return nil, err
	}
	b, err := p.s.Body(a.Body)
	if err != nil {
		return nil, err
	}
	out := &Purpose{}
	out.Body.Body, out.Body.BodyName, out.Body.Name, out.Body.Class = a.Body, b.Name, a.Name, a.Class.String()
	out.Body.Until, out.Body.Expires = a.Until, expires
	if bundle, _, err := p.s.Trust.Bundle(); err == nil {
		out.Body.Root = bundle.RootFingerprint().String()
	}
	return out, nil
}

// HandIn is a device's request with an onboarding code.
type HandIn struct {
	Body struct {
		Token   string `json:"token" maxLength:"64"`
		Request []byte `json:"request" maxLength:"16384" doc:"the verifier request (docs/spec/trust.md, Section 7), base64"`
	}
}

// HandedIn is what a device is told of its request.
type HandedIn struct {
	Body struct {
		Fingerprint string `json:"fingerprint" doc:"of the device's signing key; the administrator compares it with what the device shows"`
		State       string `json:"state" enum:"waiting" doc:"the body has to confirm the key, then the trust operator admits the device"`
	}
}

// onboard takes a device's request. The code is used up by a request that fits, and by no other.
func (p *part) onboard(ctx context.Context, in *HandIn) (*HandedIn, error) {
	if err := p.s.GuessFrom(ctx); err != nil {
		return nil, err
	}
	at := p.s.Now()
	out := &HandedIn{}
	err := p.s.Store.Update(ctx, func(tx *store.ServiceTx) error {
		a, mark, _, err := p.codeOf(tx, in.Body.Token, at)
		if err != nil {
			return err
		}
		q, err := trust.ParseVerifierRequest(in.Body.Request)
		if err != nil {
			return badRequest.Because(err)
		}
		thumb := q.Key.Thumbprint()
		switch {
		case q.Body != a.Body || q.Name != a.Name || q.Class != a.Class:
			return badRequest.Because(errors.New("checkpoints: request is for another body, name or class"))
		case q.IssuedAt.After(at.Add(trust.ClockTolerance)) || q.IssuedAt.Before(at.Add(-24*time.Hour)):
			return service.RequestTime.Because(errors.New("checkpoints: request is not of today"))
		}
		if err := p.keyFree(thumb, a.Body); err != nil {
			return err
		}
		if err := tx.Exec1(sqlUseCode, mark[:]); err != nil {
			return err
		}
		switch err := tx.Exec1(sqlHandIn, a.ID, thumb[:], in.Body.Request, at.Unix()); {
		case errors.Is(err, store.ErrConflict):
			return keyTaken.Because(err)
		case err != nil:
			return one1(err)
		}
		out.Body.Fingerprint, out.Body.State = Fingerprint(thumb), stateWaiting
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// keyFree refuses a key that the bundle has for another body.
func (p *part) keyFree(thumb [32]byte, body string) error {
	b, _, err := p.s.Trust.Bundle()
	if err != nil {
		return nil // the trust operator's register will tell
	}
	all, err := b.Verifiers()
	if err != nil {
		return err
	}
	for _, v := range all {
		if v.SigningKey.Thumbprint() == thumb && v.Body != body {
			return keyTaken
		}
	}
	return nil
}

// Fingerprint is how two people compare a key by eye: the first 20 bytes of its thumbprint (RFC 9679) in base32, eight groups of
// four letters.
func Fingerprint(thumb [32]byte) string {
	text := base32.StdEncoding.EncodeToString(thumb[:20])
	out := make([]byte, 0, len(text)+len(text)/4)
	for i := range len(text) {
		if i > 0 && i%4 == 0 {
			out = append(out, ' ')
		}
		out = append(out, text[i])
	}
	return string(out)
}
