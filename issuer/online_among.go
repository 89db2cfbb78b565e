package issuer

import (
	"context"
	"fmt"
	"time"
)

// CheckAmong is Online.Check where the asker does not say of which body the code is: several bodies may share one host, and
// digits name none. It answers the number of the body in all, -1 when no body has the code; only that body's code is used.
//
// Guessing gets no easier by the number of bodies: digits that no body has count as a wrong try with every one, and who is at
// his limit with one of them is answered by none. Errors are those of Online.Parse and Online.Check.
func CheckAmong(ctx context.Context, all []*Online, text string, by OnlineVerifier, mode OnlineMode, at time.Time) (OnlineAnswer, int, error) {
	if err := checkAsk(&by, mode, at); err != nil {
		return OnlineAnswer{}, -1, err
	}
	err := fmt.Errorf("%w: no body to ask", ErrOnlineText)
	bodies := make([]asked, 0, len(all))
	for i, o := range all {
		var one OnlineRef
		if one, err = o.Parse(text); err != nil {
			continue
		}
		a := asked{o: o, number: i, ref: one}
		if a.q, err = o.question(one, by, mode, at.Truncate(time.Second)); err != nil {
			return OnlineAnswer{}, -1, err
		}
		bodies = append(bodies, a)
	}
	if len(bodies) == 0 {
		return OnlineAnswer{}, -1, err
	}
	first := bodies[0]
	if by.ID == "" && first.ref.means == OnlineByDigits {
		open := bodies[:0]
		for _, a := range bodies {
			if a.o.cfg.PublicDigits {
				open = append(open, a)
			}
		}
		bodies = open
	}
	for _, a := range bodies {
		limited := false
		if err := a.o.store.View(ctx, func(tx Tx) (err error) {
			limited, err = a.q.limited(tx)
			return err
		}); err != nil {
			return OnlineAnswer{}, -1, err
		}
		if limited {
			answer, err := a.o.Check(ctx, a.ref, by, mode, at)
			return answer, -1, err
		}
	}
	for _, a := range bodies {
		why := OnlineUnknown
		if err := a.o.store.View(ctx, func(tx Tx) (err error) {
			_, why, err = a.q.look(tx)
			return err
		}); err != nil {
			return OnlineAnswer{}, -1, err
		}
		if why != OnlineUnknown {
			answer, err := a.o.Check(ctx, a.ref, by, mode, at)
			return answer, a.number, err
		}
	}
	answer, err := first.o.Check(ctx, first.ref, by, mode, at)
	for _, a := range bodies {
		if err == nil && a.o != first.o && a.ref.means == OnlineByDigits {
			_, err = a.o.Check(ctx, a.ref, by, mode, at)
		}
	}
	if err != nil {
		return OnlineAnswer{}, -1, err
	}
	return answer, -1, nil
}

// asked is one body that a code may be of.
type asked struct {
	o      *Online
	number int
	ref    OnlineRef
	q      *onlineQuestion
}
