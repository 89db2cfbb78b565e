package issuer

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/posvid/posvid/codes"
	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/trust"
)

// ErrClock: the time given lies before what the body has published already.
var ErrClock = errors.New("issuer: clock is behind the last publication [clock-behind]")

// maxClockBack is how far the clock may stand behind the last publication: within it the next
// publication is dated one second after the last.
const maxClockBack = 2 * time.Minute

// Publish makes what the trust operator carries into the next bundle: one signed status list for every
// list that an unexpired token or card points into, the code table, and the carriers of the body's cards. The iat of a publication is always later
// than that of the one before. Status changes made before Publish are in it; it is serialised with them.
// Errors: ErrNoSigner, ErrClock.
func (b *Body) Publish(ctx context.Context, at time.Time) (trust.Publication, time.Time, error) {
	if b.cfg.Signer == nil {
		return trust.Publication{}, time.Time{}, ErrNoSigner
	}
	var pub trust.Publication
	var iat time.Time
	err := b.store.Update(ctx, func(tx Tx) error {
		pub = trust.Publication{EDRPOU: b.cfg.EDRPOU}
		iat = at.UTC().Truncate(time.Second)
		body, err := tx.Body()
		if err != nil {
			return err
		}
		if !iat.After(body.Published) {
			if body.Published.Sub(iat) > maxClockBack {
				return fmt.Errorf("%w: it says %s, published at %s", ErrClock, iat.Format(time.RFC3339), body.Published.Format(time.RFC3339))
			}
			iat = body.Published.Add(time.Second)
		}
		detail := []any{uint64(iat.Unix())}
		carriers, err := b.settleCards(tx, iat)
		if err != nil {
			return err
		}
		lists, err := tx.StatusLists()
		if err != nil {
			return err
		}
		for _, l := range lists {
			if !l.LastExp.Add(statusGrace).After(iat) {
				continue // every token of it has expired
			}
			signed, err := b.signList(tx, l, iat)
			if err != nil {
				return err
			}
			pub.StatusLists = append(pub.StatusLists, signed)
			sum := sha256.Sum256(signed)
			detail = append(detail, uint64(l.List), sum[:])
		}
		if pub.Codes, err = b.signCodes(tx, iat); err != nil {
			return err
		}
		if pub.Codes != nil {
			if err := tx.MarkCodesPublished(iat); err != nil {
				return err
			}
			b.codes = codeCache{} // the marks just changed
			sum := sha256.Sum256(pub.Codes)
			detail = append(detail, sum[:])
		}
		if carriers != nil {
			if pub.Carriers, err = trust.SignCarriers(b.cfg.EDRPOU, iat, carriers, b.cfg.Signer); err != nil {
				return fmt.Errorf("issuer: publish carriers: %w", err)
			}
			sum := sha256.Sum256(pub.Carriers)
			detail = append(detail, sum[:])
		}
		if err := tx.SetPublished(iat); err != nil {
			return err
		}
		if err := audit(tx, iat, publishedEntries(detail)...); err != nil {
			return err
		}
		crashPoint("publish-uncommitted")
		return nil
	})
	if err != nil {
		return trust.Publication{}, time.Time{}, err
	}
	crashPoint("publish-committed")
	return pub, iat, nil
}

// publishedEntries cuts a long publication into several entries, each with the iat in front.
func publishedEntries(detail []any) []AuditEntry {
	const most = 60 // 30 lists
	iat, rest := detail[0], detail[1:]
	var out []AuditEntry
	for first := true; first || len(rest) > 0; first = false {
		n := min(most, len(rest))
		out = append(out, AuditEntry{Event: EventPublished, Detail: append([]any{iat}, rest[:n]...)})
		rest = rest[n:]
	}
	return out
}

// PublishedStatuses is what verifiers know of the body's statuses; *trust.Bundle is one.
type PublishedStatuses interface {
	Status(iss string, list uint16, index uint32) (v trust.StatusValue, asOf time.Time, err error)
}

// keepInvalid makes invalid what a list said was invalid when it was published before: a store that was restored from a copy
// has forgotten what was revoked since, and the cards and tokens of it are still about.
func (b *Body) keepInvalid(number uint16, list *trust.StatusListBuilder) error {
	if b.cfg.Before == nil {
		return nil
	}
	for i := range uint32(list.Len()) {
		v, _, err := b.cfg.Before.Status(b.cfg.EDRPOU, number, i)
		switch {
		case errors.Is(err, trust.ErrListUnknown) || errors.Is(err, trust.ErrIndexRange):
			return nil // nothing was published, or no more
		case err != nil:
			return fmt.Errorf("issuer: publish list %d: the one published before: %w", number, err)
		case v == trust.StatusInvalid:
			if err := list.Set(i, v); err != nil {
				return fmt.Errorf("issuer: publish list %d: %w", number, err)
			}
		}
	}
	return nil
}

func (b *Body) signList(tx Tx, l StatusList, iat time.Time) ([]byte, error) {
	values, err := tx.StatusValues(l.List)
	if err != nil {
		return nil, err
	}
	list, err := trust.NewStatusListBuilder(int(l.Capacity))
	if err != nil {
		return nil, fmt.Errorf("issuer: publish list %d: %w", l.List, err)
	}
	for _, v := range values {
		if err := list.Set(v.Index, trust.StatusValue(v.Value)); err != nil {
			return nil, fmt.Errorf("issuer: publish list %d: %w", l.List, err)
		}
	}
	if err := b.keepInvalid(l.List, list); err != nil {
		return nil, err
	}
	signed, err := trust.SignStatusList(b.cfg.EDRPOU, l.List, iat, list, b.cfg.Signer)
	if err != nil {
		return nil, fmt.Errorf("issuer: publish list %d: %w", l.List, err)
	}
	return signed, nil
}

func (b *Body) signCodes(tx Tx, iat time.Time) ([]byte, error) {
	rows, err := tx.Codes()
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	table := codes.NewTable()
	for _, r := range rows {
		got, err := table.Assign(codes.Kind(r.Kind), r.UK, r.EN)
		if err != nil {
			return nil, fmt.Errorf("issuer: publish code table: %s %d: %w", codes.Kind(r.Kind), r.Code, err)
		}
		if got != r.Code {
			return nil, fmt.Errorf("issuer: publish code table: %s %d comes out as %d: a number is missing or given twice", codes.Kind(r.Kind), r.Code, got)
		}
	}
	signed, err := trust.SignCodes(b.cfg.EDRPOU, iat, table, b.cfg.Signer)
	if err != nil {
		return nil, fmt.Errorf("issuer: publish code table: %w", err)
	}
	return signed, nil
}

// KeyRequest asks the trust operator to admit an issuer key of this body, signed by that key. s may be
// another key than the body's present one: that is how a key is rotated. phone is the body's duty phone
// for verifiers, or empty.
func (b *Body) KeyRequest(ctx context.Context, at time.Time, s keys.IssuerSigner, phone string) ([]byte, error) {
	return b.keyRequest(ctx, at, s, phone, b.cfg.Profile.Life, credential.KindPhone)
}

// CardKeyRequest asks for a key that signs the tokens of record cards and nothing else: such tokens live longer than those
// of phones, and a right for one kind must not lengthen the other.
func (b *Body) CardKeyRequest(ctx context.Context, at time.Time, s keys.IssuerSigner, phone string, life time.Duration) ([]byte, error) {
	return b.keyRequest(ctx, at, s, phone, life, credential.KindStatic, credential.KindCard)
}

func (b *Body) keyRequest(ctx context.Context, at time.Time, s keys.IssuerSigner, phone string, life time.Duration, kinds ...credential.Kind) ([]byte, error) {
	if s == nil {
		return nil, fmt.Errorf("%w: key request", ErrNoSigner)
	}
	wire := make([]uint8, len(kinds))
	for i, k := range kinds {
		wire[i] = uint8(k)
	}
	var request []byte
	err := b.store.Update(ctx, func(tx Tx) error {
		body, err := tx.Body()
		if err != nil {
			return err
		}
		request, err = trust.EncodeKeyRequest(trust.KeyRequest{
			Bodies:   []trust.BodyEntry{{EDRPOU: body.EDRPOU, Name: body.Name, NameEN: body.NameEN, DutyPhone: phone}},
			Kinds:    wire,
			MaxLife:  life,
			IssuedAt: at,
		}, s)
		if err != nil {
			return err
		}
		kid := s.IssuerPublic().KeyID()
		return audit(tx, at, AuditEntry{Event: EventKeyRequested, Detail: []any{kid[:]}})
	})
	if err != nil {
		return nil, err
	}
	return request, nil
}

// BundleGrant is the KeyGranter of an installed trust bundle. The zero value grants nothing.
type BundleGrant struct{ Bundle *trust.Bundle }

// CheckGrant looks the key up in the bundle and holds its right against what is to be signed.
func (g BundleGrant) CheckGrant(key keys.IssuerPublicKey, body string, kind credential.Kind, life time.Duration, at time.Time) error {
	if g.Bundle == nil {
		return errors.New("issuer: no trust bundle is installed")
	}
	if !at.Before(g.Bundle.ExpiresAt()) {
		return fmt.Errorf("issuer: bundle %d expired at %s, checked at %s", g.Bundle.Number(),
			g.Bundle.ExpiresAt().UTC().Format(time.RFC3339), at.UTC().Format(time.RFC3339))
	}
	for _, k := range g.Bundle.IssuerKeys(key.KeyID()) {
		if !k.Key.Equal(key) {
			continue
		}
		switch {
		case !k.Right.AllowsBody(body):
			return fmt.Errorf("issuer: key %s may not issue for body %s", key.KeyID(), body)
		case !k.Right.AllowsKind(uint8(kind)):
			return fmt.Errorf("issuer: key %s may not issue %s tokens", key.KeyID(), kind)
		case life > k.Right.MaxLife:
			return fmt.Errorf("issuer: life of %s exceeds the %s granted to key %s", life, k.Right.MaxLife, key.KeyID())
		}
		return k.Right.At(at)
	}
	return fmt.Errorf("issuer: key %s is not in bundle %d", key.KeyID(), g.Bundle.Number())
}
