package auth

import "github.com/posvid/posvid/store"

func (p *part) newPasskeys() error { return nil }

func (p *part) mountPasskeys() {}

func countPasskeys(tx *store.ServiceTx, account int64) (n int, err error) {
	err = tx.Row("SELECT count(*) FROM passkeys WHERE account = $1", []any{account}, &n)
	return n, err
}
