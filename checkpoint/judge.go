package checkpoint

import (
	"time"

	"github.com/posvid/posvid/trust"
	"github.com/posvid/posvid/verifier"
)

// Gate says how a code was read.
type Gate struct {
	Record bool // remember the code: a camera, a hand scanner, or a file with --gate. An answered challenge is used up either way
}

// Verify fills in what this device remembers, lets package verifier decide, and remembers the code before the verdict
// is returned. The caller gives the text, the time and what the person asked for; a Bundle already set (by Use) is
// kept. Nothing is accepted that could not be remembered: then the verdict is StateDamaged.
func (s *State) Verify(in verifier.Input, gate Gate) verifier.Verdict {
	given := in
	v, again, err := s.judge(in, gate, gate.Record)
	if err == nil && again {
		// An answer uses up its challenge: judged once more, with nobody else writing.
		v, _, err = s.judge(given, gate, true)
	}
	if err != nil {
		given.Bundle, given.BundleErr = nil, damaged(verifier.StateDamaged, "remembering the code: %v", err)
		given.Floor, given.FloorErr = time.Time{}, nil
		v = verifier.Verify(given)
	}
	return v
}

// judge decides while it holds the lock. Again asks for the exclusive lock, because there is something to remember.
func (s *State) judge(in verifier.Input, gate Gate, exclusive bool) (v verifier.Verdict, again bool, err error) {
	err = s.locked(exclusive, func() error {
		codes, book, err := s.fill(&in)
		if err != nil {
			return err
		}
		v = verifier.Verify(in)
		if v.ReplayKey == [32]byte{} {
			return nil // nothing that a holder has signed
		}
		if again = v.Answered && !exclusive; again {
			return nil
		}
		if gate.Record {
			if err := s.record(codes, v.ReplayKey, in.At); err != nil {
				return err
			}
		}
		if v.Answered {
			return book.mark(&v)
		}
		return nil
	})
	return v, again, err
}

// fill completes an input from the folder. An error means that the memory of codes or challenges is damaged.
func (s *State) fill(in *verifier.Input) (*seenCodes, *challengeBook, error) {
	if in.Bundle == nil && in.BundleErr == nil {
		in.Bundle, in.BundleErr = s.bundle()
	}
	in.Floor, in.FloorErr = s.floor()
	if in.Bundle == nil {
		return &seenCodes{}, &challengeBook{}, nil
	}
	codes, err := s.codes()
	if err != nil {
		return nil, nil, err
	}
	open, err := s.challenges()
	if err != nil {
		return nil, nil, err
	}
	in.Class, in.VerifierID, err = s.class(in.Bundle, in.At)
	if err != nil {
		return nil, nil, err
	}
	if err := s.obey(in); err != nil {
		return nil, nil, err
	}
	book := &challengeBook{state: s, open: open, at: in.At}
	in.Seen, in.Nonce = codes.find, book.ask
	return codes, book, nil
}

// class is the class and number of this device in a bundle. One that is not enrolled, or whose entry has ended, has no number
// and the class that its owner chose, none when nobody did.
func (s *State) class(b *trust.Bundle, at time.Time) (trust.Class, uint64, error) {
	id, entry, err := s.self(b)
	if err == nil && id != 0 && at.Before(entry.ValidUntil) {
		return entry.Policy, id, nil
	}
	if err != nil {
		return trust.ClassNone, 0, err
	}
	chosen, err := s.chosen()
	return chosen, 0, err
}
