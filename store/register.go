package store

import (
	"context"
	"fmt"

	"github.com/posvid/posvid/issuer"
)

func (t *tx) Entitlement(ctx context.Context, id int64) (issuer.Entitlement, error) {
	return issuer.Entitlement{}, fmt.Errorf("store: entitlement %d: %w", id, ErrNotFound)
}
