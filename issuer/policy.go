package issuer

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/posvid/posvid/trust"
)

// SignPolicy signs what this body asks of one of its checkpoints (docs/spec/checkpoint-account.md, Section 4): with the issuer key,
// which is the key of the body that every verifier finds in its bundle. It sets body and iat, and writes the audit entry in the
// same transaction. operator names who asked for it in the audit. Errors: ErrNoSigner, and trust.ErrArgument for a field that is
// out of range.
func (b *Body) SignPolicy(ctx context.Context, p trust.CheckpointPolicy, operator string, at time.Time) ([]byte, error) {
	if b.cfg.Signer == nil {
		return nil, ErrNoSigner
	}
	p.Body, p.IssuedAt = b.cfg.EDRPOU, at.UTC().Truncate(time.Second)
	signed, err := trust.SignCheckpointPolicy(p, b.cfg.Signer)
	if err != nil {
		return nil, fmt.Errorf("issuer: policy of checkpoint %d: %w", p.Verifier, err)
	}
	sum := sha256.Sum256(signed)
	err = b.store.Update(ctx, func(tx Tx) error {
		return audit(tx, p.IssuedAt, AuditEntry{Event: EventPolicySigned, Operator: operator, Detail: []any{p.Verifier, p.Number, sum[:]}})
	})
	if err != nil {
		return nil, err
	}
	return signed, nil
}

// LivePhotos lists the portraits of those who have a live ID, suspended ones included, and counts those who have an ID and no
// portrait: what a photo pack of the body holds (docs/spec/photos.md, Section 1). A hash may stand twice.
func LivePhotos(ctx context.Context, s Store, at time.Time) (hashes [][20]byte, without int, err error) {
	const page = 1000
	for after := int64(0); ; {
		n := 0
		err := s.View(ctx, func(tx Tx) error {
			ids, err := tx.ListIDs(after, []State{StateIssued, StateSuspended}, page)
			if err != nil {
				return err
			}
			n = len(ids)
			for _, id := range ids {
				after = id.ID
				entitlement, err := tx.Entitlement(id.Entitlement, at)
				switch {
				case errors.Is(err, ErrNotFound) || err == nil && !entitlement.HasPhoto:
					without++
				case err != nil:
					return err
				default:
					hashes = append(hashes, entitlement.PhotoHash)
				}
			}
			return nil
		})
		if err != nil || n < page {
			return hashes, without, err
		}
	}
}
