package issuer

import "context"

// RegisterTx is what the register of people and entitlements needs of a transaction.
type RegisterTx interface {
	// Entitlement reads one entitlement. Error: ErrNotFound.
	Entitlement(ctx context.Context, id int64) (Entitlement, error)
}
