package issuer

import (
	"context"
	"errors"
	"fmt"

	"github.com/posvid/posvid/hr"
)

// Register is the body's register: who has a right to an ID (право на посвідчення), who may decide, who asked for an ID
// with which phone. It is safe for use by many goroutines; the Store keeps the state.
//
// What it decides and refuses stands in docs/spec/approvals.md and docs/spec/enrolment.md. Refusals carry a RegisterCode
// and never a personal value.
type Register struct {
	store  Store
	edrpou string
	secret [32]byte // of person keys
}

// Labels of the keyed hashes that the register makes with Store.MAC; never changed, stored values depend on them.
const (
	macPersonSecret = "posvid register person secret v1"
	macSlipCode     = "posvid register slip code v1"
	macSlipStop     = "posvid register slip stop v1"
)

// OpenRegister opens the register of the body that the store belongs to. The store needs its data key and its body's row.
func OpenRegister(ctx context.Context, s Store) (*Register, error) {
	if s == nil {
		return nil, errors.New("issuer: register: no store")
	}
	r := &Register{store: s}
	err := s.View(ctx, func(tx Tx) error {
		b, err := tx.Body()
		r.edrpou = b.EDRPOU
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("issuer: register: body: %w", err)
	}
	if r.secret, err = s.MAC(macPersonSecret, nil); err != nil {
		return nil, fmt.Errorf("issuer: register: person keys: %w", err)
	}
	return r, nil
}

// EDRPOU is the body's ЄДРПОУ.
func (r *Register) EDRPOU() string { return r.edrpou }

// String names the body and shows no secret.
func (r *Register) String() string { return "register of " + r.edrpou }

// GoString is String.
func (r *Register) GoString() string { return r.String() }

// PersonSecret is the secret under which this body's person keys are made: what hr.PlanOptions and hr.KeyOf want. It
// never leaves the program.
func (r *Register) PersonSecret() []byte { return append([]byte(nil), r.secret[:]...) }

// PersonKey is what a person is known by, here for an operator who stands in no staff file: РНОКПП, else УНЗР, else the
// staff number of this body.
func (r *Register) PersonKey(rnokpp, unzr, staffNumber string) (hr.PersonKey, error) {
	k, _, err := hr.KeyOf(r.secret[:], &hr.Record{Person: hr.Person{RNOKPP: rnokpp, UNZR: unzr},
		Post: hr.Post{EDRPOU: r.edrpou, StaffNumber: staffNumber}})
	if err != nil {
		return hr.PersonKey{}, fmt.Errorf("issuer: person key: %w", err)
	}
	return k, nil
}
