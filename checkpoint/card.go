package checkpoint

import (
	"time"

	"github.com/posvid/posvid/verifier"
)

// Complete fills in what this device knows for a decision that is taken elsewhere: package verifier/card decides with it
// about a card. A Bundle already set (by Use) is kept. Nothing is remembered: a card answers a challenge of its own
// reading, which cannot be shown again. Where the folder is damaged the input says so, and nothing is accepted.
func (s *State) Complete(in verifier.Input) verifier.Input {
	given := in
	err := s.locked(false, func() error {
		_, _, err := s.fill(&in)
		return err
	})
	if err != nil {
		given.Bundle, given.BundleErr = nil, damaged(verifier.StateDamaged, "reading the state: %v", err)
		given.Floor, given.FloorErr = time.Time{}, nil
		return given
	}
	in.Nonce, in.Seen = nil, nil
	return in
}
