package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/office"
)

// Office is the same database as the office module uses it.
func (v *Service) Office() office.Store { return officeStore{v} }

// OpenBallots opens the ballot box of anonymous surveys (ballots.db), creates it when it is missing and brings its schema up
// to date. It is a file of its own, so that nothing in it tells in which order the rows of service.db were written. Errors
// are those of Open.
func OpenBallots(path string, o Options) (*Service, error) {
	steps, err := fs.Sub(ballotFiles, "ballots")
	if err != nil {
		return nil, err
	}
	s, err := openFile(path, o, steps)
	if err != nil {
		return nil, err
	}
	return &Service{s}, nil
}

type officeStore struct{ v *Service }

func (s officeStore) Update(ctx context.Context, f func(office.Tx) error) error {
	return officeError(s.v.Update(ctx, func(tx *ServiceTx) error { return f(officeTx{tx}) }))
}

func (s officeStore) View(ctx context.Context, f func(office.Tx) error) error {
	return officeError(s.v.View(ctx, func(tx *ServiceTx) error { return f(officeTx{tx}) }))
}

func (s officeStore) MAC(label string, data []byte) ([32]byte, error) { return s.v.MAC(label, data) }

// Rewrite writes the whole file anew in the order of its keys and empties its log, so that neither tells in which order rows were
// written, nor keeps what was deleted. Readers and writers wait meanwhile. Errors are those of Update.
func (s officeStore) Rewrite(ctx context.Context) error { return officeError(s.v.s.rewrite(ctx)) }

// Checkpoint empties the log into the file, so that what was deleted does not stay in it. Errors are those of Update; ErrBusy while
// readers hold the log.
func (s officeStore) Checkpoint(ctx context.Context) error {
	return officeError(s.v.s.withWriter(ctx, "checkpoint", func(c *conn) error { return truncateLog(c) }))
}

// officeTx gives the module its own errors.
type officeTx struct{ x *ServiceTx }

func (t officeTx) Exec(q string, args ...any) (int64, error) {
	n, err := t.x.Exec(q, args...)
	return n, officeError(err)
}

func (t officeTx) Exec1(q string, args ...any) error { return officeError(t.x.Exec1(q, args...)) }

func (t officeTx) Insert(q string, args ...any) (int64, error) {
	n, err := t.x.Insert(q, args...)
	return n, officeError(err)
}

func (t officeTx) Row(q string, args []any, dest ...any) error {
	return officeError(t.x.Row(q, args, dest...))
}

func (t officeTx) Rows(q string, args []any, each func(scan func(dest ...any) error) error) error {
	return officeError(t.x.Rows(q, args, each))
}

func (t officeTx) Seal(column, place string, plain []byte) ([]byte, error) {
	return t.x.Seal(column, place, plain)
}

func (t officeTx) Open(column, place string, sealed []byte) ([]byte, error) {
	return t.x.Open(column, place, sealed)
}

// officeError adds the module's name for an error that has one; the cause stays.
func officeError(err error) error {
	switch {
	case err == nil, errors.Is(err, office.ErrNotFound), errors.Is(err, office.ErrConflict):
		return err
	case errors.Is(err, issuer.ErrNotFound):
		return fmt.Errorf("%w: %w", office.ErrNotFound, err)
	case errors.Is(err, issuer.ErrConflict):
		return fmt.Errorf("%w: %w", office.ErrConflict, err)
	}
	return err
}
