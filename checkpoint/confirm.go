package checkpoint

import (
	"time"

	"github.com/posvid/posvid/verifier"
)

// ConfirmTerm is how long after its reading a code can be confirmed by a compared photo.
const ConfirmTerm = 90 * time.Second

// ConfirmPhoto judges a code again that this device has read and recorded, after the guard has compared the face with a
// picture. in is the input as it was given to Verify, with its Text and its At, the time of that reading; now is now.
//
// The code is judged by the time of its reading, so that looking at a face for half a minute does not make a good code
// stale, and by the bundle that is installed now, so that a revocation that came meanwhile refuses. It is not a replay
// when it was recorded here within 10 s of in.At, and a challenge stays answered when this very code has answered it.
// Later than ConfirmTerm after the reading it is AlreadyShown, unless something refuses it. A code that is not on record
// is NoCode: there is no reading to confirm. Nothing is written.
func (s *State) ConfirmPhoto(in verifier.Input, photo verifier.Photo, now time.Time) verifier.Verdict {
	in.Photo = photo
	in.Bundle, in.BundleErr = nil, nil
	late := false
	// The clock that nobody sets stands still while a computer sleeps, and the other one can be set: the term is over by either.
	for _, waited := range [...]time.Duration{now.Sub(in.At), now.Round(0).Sub(in.At.Round(0))} {
		late = late || waited < -time.Second || waited > ConfirmTerm
	}
	given := in
	var v verifier.Verdict
	err := s.locked(false, func() error {
		codes, book, err := s.fill(&in)
		if err != nil {
			return err
		}
		recorded := false
		if in.Seen != nil {
			in.Seen = func(replayKey [32]byte) (time.Time, bool) {
				first, ok := codes.find(replayKey)
				recorded = ok
				if late { // the reading is over: the code is one that was shown before
					first = in.At.Add(-max(now.Sub(first), sameReading+time.Second))
				}
				return first, ok
			}
		}
		if in.Nonce != nil {
			in.Nonce = func(nonce [16]byte, replayKey [32]byte) verifier.ChallengeState {
				if state := book.confirm(nonce, replayKey, now); !late || state != verifier.ChallengeOpen {
					return state
				}
				return verifier.ChallengeUsed
			}
		}
		v = verifier.Verify(in)
		if v.ReplayKey != [32]byte{} && !recorded {
			in.Text, in.Unread = "", true
			v = verifier.Verify(in)
		}
		return nil
	})
	if err != nil {
		given.Bundle, given.BundleErr = nil, damaged(verifier.StateDamaged, "confirming the photo: %v", err)
		given.Floor, given.FloorErr = time.Time{}, nil
		v = verifier.Verify(given)
	}
	return v
}

// confirm tells whether a challenge was answered by this very code, and not longer ago than ConfirmTerm by the clock
// that nobody sets.
func (k *challengeBook) confirm(nonce [16]byte, replayKey [32]byte, now time.Time) verifier.ChallengeState {
	i := k.find(nonce)
	if i < 0 {
		return verifier.ChallengeUnknown
	}
	o := k.open[i]
	age, used := k.times(o, now)
	if o.UsedBy != usedBy(nonce, replayKey) || age > keepChallenge || used < 0 || used > ConfirmTerm+time.Second {
		return verifier.ChallengeUsed
	}
	return verifier.ChallengeOpen
}
