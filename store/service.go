package store

import (
	"context"
	"io/fs"

	"github.com/posvid/posvid/issuer"
)

// Service is the database of the web service (service.db): sessions, accounts, devices, queues. What a body issues lies in
// the body's own Store. It is safe for use by many goroutines, and durable like a Store.
type Service struct{ s *Store }

// OpenService opens the database file at path, creates it when it is missing and brings its schema up to date. Errors are
// those of Open.
func OpenService(path string, o Options) (*Service, error) {
	steps, err := fs.Sub(serviceFiles, "service")
	if err != nil {
		return nil, err
	}
	s, err := openFile(path, o, steps)
	if err != nil {
		return nil, err
	}
	return &Service{s}, nil
}

// Close waits for the running write and closes every connection.
func (v *Service) Close() error { return v.s.Close() }

// MAC is a keyed hash under the service's data key. Error: ErrNoSealer.
func (v *Service) MAC(label string, data []byte) ([32]byte, error) { return v.s.MAC(label, data) }

// Update runs f in the one write transaction and makes it durable; when f or the commit fails nothing of it remains.
func (v *Service) Update(ctx context.Context, f func(*ServiceTx) error) error {
	return v.s.Update(ctx, func(t issuer.Tx) error { return f(&ServiceTx{t.(*tx)}) })
}

// View runs f over one consistent snapshot; f cannot write.
func (v *Service) View(ctx context.Context, f func(*ServiceTx) error) error {
	return v.s.View(ctx, func(t issuer.Tx) error { return f(&ServiceTx{t.(*tx)}) })
}

// ServiceTx is one transaction on the service's database. Queries are SQL with $1, $2, … and constant text. It is used by one
// goroutine, and not after the function it was given to.
type ServiceTx struct{ t *tx }

// Exec runs a statement and answers how many rows it touched. Errors: ErrConflict for a uniqueness rule, and those of Store.
func (x *ServiceTx) Exec(q string, args ...any) (int64, error) {
	r, err := x.t.exec(q, args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// Exec1 is Exec for a statement that must touch exactly one row; otherwise ErrNotFound.
func (x *ServiceTx) Exec1(q string, args ...any) error { return x.t.exec1(q, args...) }

// Insert runs an INSERT and answers the number of the new row.
func (x *ServiceTx) Insert(q string, args ...any) (int64, error) {
	r, err := x.t.exec(q, args...)
	if err != nil {
		return 0, err
	}
	return r.LastInsertId()
}

// Row scans the first row of the answer; ErrNotFound when there is none.
func (x *ServiceTx) Row(q string, args []any, dest ...any) error { return x.t.row(q, args, dest...) }

// Rows calls each for every row of the answer; each scans it.
func (x *ServiceTx) Rows(q string, args []any, each func(scan func(dest ...any) error) error) error {
	return x.t.rows(q, args, each)
}

// Seal encrypts a value for one column and one place (a row's own key), so that it opens nowhere else. Error: ErrNoSealer.
func (x *ServiceTx) Seal(column, place string, plain []byte) ([]byte, error) {
	return x.t.seal(column, place, plain)
}

// Open is the opposite of Seal. Errors: ErrNoSealer, ErrSealed.
func (x *ServiceTx) Open(column, place string, sealed []byte) ([]byte, error) {
	return x.t.open(column, place, sealed)
}
