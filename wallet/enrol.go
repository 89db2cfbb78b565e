package wallet

import (
	"fmt"
	"slices"
	"time"

	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/trust"
)

// MakePossession makes the proof of possession with which the holder asks a body for a service ID: the body's ЄДРПОУ
// and the one-time code from the enrolment slip go in, the signed object comes out (docs/spec/enrolment.md). The code
// is not kept.
func (w *Wallet) MakePossession(body, code string, at time.Time) ([]byte, error) {
	if w.signer == nil {
		return nil, refuse(ErrLocked, "unlock the wallet to enrol")
	}
	proof, err := credential.SignPossession(body, code, at, w.signer)
	if err != nil {
		return nil, because(ErrEnrolment, err, "proof of possession")
	}
	return proof, w.change(func(next *Wallet) {
		next.asked = append(next.asked, Enrolment{body, at.UTC().Truncate(time.Second)})
		if n := len(next.asked) - maxPending; n > 0 {
			next.asked = slices.Delete(next.asked, 0, n)
		}
	})
}

// Store keeps what a body delivered. Each token has to be bound to this wallet's key, to be for phones, to be valid
// at the time or later, and to be signed by a key that the bundle grants for its body, kind and life. A newer token
// replaces the same face of the same service ID; a delivery that was stored already changes nothing. Everything is
// kept or nothing. It returns the service IDs that the delivery touched.
func (w *Wallet) Store(delivery []byte, b *trust.Bundle, at time.Time) ([]ID, error) {
	if err := w.usable(b, at); err != nil {
		return nil, err
	}
	d, err := credential.ParseDelivery(slices.Clone(delivery)) // the result shares memory with its input
	if err != nil {
		return nil, because(ErrDelivery, err, "read delivery")
	}
	var fresh []kept
	for i, raw := range d.Tokens {
		t, err := w.admit(raw, b, at)
		if err != nil {
			return nil, fmt.Errorf("%w (token %d of the delivery)", err, i)
		}
		if slices.ContainsFunc(fresh, func(other kept) bool { return order(other, t) == 0 }) {
			return nil, refuse(ErrDelivery, "token %d of the delivery is the same face of the same service ID as one before it", i)
		}
		fresh = append(fresh, t)
	}
	if d.Photo != nil {
		hash := photoHash(d.Photo)
		for i, t := range fresh {
			if !t.HasPhoto || t.PhotoHash != hash {
				return nil, refuse(ErrDelivery, "token %d names another photo than the one delivered", i)
			}
		}
	}
	tokens := slices.Clone(w.tokens)
	for i, t := range fresh {
		place := w.find(t.Issuer, t.Number, t.Face)
		switch {
		case place < 0:
			tokens = append(tokens, t)
		case string(tokens[place].Raw) == string(t.Raw):
		case t.IssuedAt.After(tokens[place].IssuedAt):
			tokens[place] = t
		default:
			return nil, refuse(ErrOlder, "token %d of %s, kept one of %s", i, stamp(t.IssuedAt), stamp(tokens[place].IssuedAt))
		}
	}
	if len(tokens) > MaxTokens {
		return nil, refuse(ErrFull, "%d tokens, limit %d", len(tokens), MaxTokens)
	}
	err = w.change(func(next *Wallet) {
		next.tokens = tokens
		slices.SortFunc(next.tokens, order)
		if d.Photo != nil {
			next.photos[photoHash(d.Photo)] = d.Photo
		}
		next.asked = slices.DeleteFunc(next.asked, func(e Enrolment) bool {
			return slices.ContainsFunc(fresh, func(t kept) bool { return t.Issuer == e.Body })
		})
	})
	if err != nil {
		return nil, err
	}
	all := w.List()
	return slices.DeleteFunc(all, func(id ID) bool {
		return !slices.ContainsFunc(fresh, func(t kept) bool { return t.Issuer == id.Issuer && t.Number == id.Number })
	}), nil
}

// admit checks one delivered token against the bundle.
func (w *Wallet) admit(raw []byte, b *trust.Bundle, at time.Time) (kept, error) {
	unverified, err := credential.ParseToken(raw)
	if err != nil {
		return kept{}, because(ErrDelivery, err, "read token")
	}
	candidates := b.IssuerKeys(unverified.UnverifiedKeyID())
	failure := refuse(ErrUntrusted, "issuer key %s is not in bundle %d", unverified.UnverifiedKeyID(), b.Number())
	for i := range candidates {
		t, err := unverified.Verify(candidates[i].Key)
		if err != nil {
			failure = because(ErrUntrusted, err, "issuer key %s", unverified.UnverifiedKeyID())
			continue
		}
		// The token is what a key of the bundle signed: from here on its own words decide.
		if err := w.own(t); err != nil {
			return kept{}, err
		}
		if err := granted(t, &candidates[i].Right); err != nil {
			failure = err
			continue
		}
		if !at.Before(t.ExpiresAt) {
			return kept{}, refuse(ErrExpired, "expired at %s", stamp(t.ExpiresAt))
		}
		return kept{t, candidates[i].Key}, nil
	}
	return kept{}, failure
}

// granted holds a token against the right of the key that signed it.
func granted(t *credential.Token, right *trust.Right) error {
	if !right.AllowsBody(t.Issuer) || !right.AllowsKind(uint8(t.Kind)) {
		return refuse(ErrUntrusted, "the issuer key may not issue %s tokens of body %s", t.Kind, t.Issuer)
	}
	if life := t.ExpiresAt.Sub(t.IssuedAt); life > right.MaxLife {
		return refuse(ErrUntrusted, "token lives %s, the issuer key may give %s", life, right.MaxLife)
	}
	if err := right.At(t.IssuedAt); err != nil {
		return because(ErrUntrusted, err, "issuer key")
	}
	return nil
}

// Forget removes a service ID with all its tokens, as after a dismissal.
func (w *Wallet) Forget(sel Selector) error {
	id, err := w.Find(sel)
	if err != nil {
		return err
	}
	return w.change(func(next *Wallet) {
		next.tokens = slices.DeleteFunc(next.tokens, func(t kept) bool { return t.Issuer == id.Issuer && t.Number == id.Number })
	})
}
