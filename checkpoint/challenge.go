package checkpoint

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"

	"github.com/posvid/posvid/credential"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/verifier"
)

// Terms of a challenge.
const (
	// ChallengeTerm is how long a challenge can be answered.
	ChallengeTerm = 60 * time.Second
	sameReading   = 10 * time.Second // one answer read again within it is one reading
	keepChallenge = 10 * time.Minute // how long an ended challenge is known as such
	maxChallenges = 256
)

// openChallenge is one challenge of this device. The nonce stands as a digest: who reads the disk cannot answer.
type openChallenge struct {
	Nonce   string `json:"nonce"`             // SHA-256 of the nonce, hexadecimal
	Boot    string `json:"boot"`              // name of the boot; "" without a boot clock
	Since   int64  `json:"since_ms"`          // made at, on the boot clock
	Wall    int64  `json:"at"`                // made at, seconds since 1970
	UsedBy  string `json:"used_by,omitempty"` // HMAC of the replay key under the nonce, hexadecimal
	UsedAt  int64  `json:"used_ms,omitempty"` // on the boot clock
	UsedDay int64  `json:"used_at,omitempty"` // seconds since 1970
}

// nonceFile is the file nonces.
type nonceFile struct {
	Challenges []openChallenge `json:"challenges"`
}

// NewChallenge makes a challenge of this verifier, remembers its nonce and returns the text for its QR code. The nonce
// is on disk before the text is returned. ErrNotEnrolled unless the bundle has this verifier under its key.
func (s *State) NewChallenge(signer keys.VerifierSigner, at time.Time) (text string, c credential.Challenge, err error) {
	err = s.locked(true, func() error {
		b, err := s.bundle()
		if err != nil {
			return err
		}
		id, entry, err := s.self(b)
		switch {
		case err != nil:
			return err
		case id == 0 || !entry.SigningKey.Equal(signer.VerifierPublic()):
			return fail(ErrNotEnrolled, "no verifier of bundle %d has this key", b.Number())
		case !at.Before(entry.ValidUntil):
			return fail(ErrNotEnrolled, "this verifier's entry ended at %s", entry.ValidUntil.UTC().Format(time.RFC3339))
		}
		c = credential.Challenge{VerifierID: id, Expires: at.Add(ChallengeTerm).Truncate(time.Second)}
		_, _ = rand.Read(c.Nonce[:]) // never fails (crypto/rand)
		signed, err := credential.SignChallenge(c, signer)
		if err != nil {
			return fail(ErrKeys, "challenge: %v", err)
		}
		open, err := s.challenges()
		if err != nil {
			return err
		}
		boot, since, ok := s.clock()
		if !ok {
			boot, since = "", 0
		}
		open = slices.DeleteFunc(open, func(o openChallenge) bool { return s.age(o, boot, since, at) > keepChallenge })
		if len(open) >= maxChallenges {
			return fail(ErrBusy, "%d challenges of the last %s, at most %d", len(open), keepChallenge, maxChallenges)
		}
		sum := sha256.Sum256(c.Nonce[:])
		open = append(open, openChallenge{Nonce: hex.EncodeToString(sum[:]), Boot: boot, Since: since.Milliseconds(), Wall: at.Unix()})
		if err := s.writeRecord("nonces", noncesName, nonceFile{open}); err != nil {
			return err
		}
		text = credential.EncodeText(credential.ChallengePrefix, signed)
		return nil
	})
	if err != nil {
		return "", credential.Challenge{}, err
	}
	return text, c, nil
}

func (s *State) challenges() ([]openChallenge, error) {
	var f nonceFile
	if _, err := s.readRecord("nonces", noncesName, maxSmall*4, &f); err != nil {
		return nil, err
	}
	return f.Challenges, nil
}

// age is how long ago a challenge was made, by the clock that nobody can set where there is one. A challenge of another
// boot is over.
func (s *State) age(o openChallenge, boot string, since time.Duration, at time.Time) time.Duration {
	wall := at.Sub(time.Unix(o.Wall, 0))
	if o.Boot == "" && boot == "" {
		if wall < 0 {
			return keepChallenge + 1 // the clock was set back: nothing is known about its age
		}
		return wall
	}
	if o.Boot != boot {
		return keepChallenge + 1
	}
	age := since - time.Duration(o.Since)*time.Millisecond
	// Windows does not name its boots: a boot clock that ran backwards, or that says less than the wall clock by far,
	// is one of another boot. The clock of a browser may stand still while the computer sleeps.
	if age < 0 || (boot == "windows" || s.storage) && (wall-age).Abs() > ChallengeTerm {
		return keepChallenge + 1
	}
	return age
}

// usedBy ties an answer to a challenge without keeping anything of either.
func usedBy(nonce [16]byte, replayKey [32]byte) string {
	mac := hmac.New(sha256.New, nonce[:])
	mac.Write(replayKey[:])
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

// challengeBook answers the verifier's question about nonces, and remembers which challenge to mark.
type challengeBook struct {
	state *State
	open  []openChallenge
	at    time.Time
}

func (k *challengeBook) find(nonce [16]byte) int {
	sum := sha256.Sum256(nonce[:])
	want := hex.EncodeToString(sum[:])
	return slices.IndexFunc(k.open, func(o openChallenge) bool { return o.Nonce == want })
}

// times tells how long ago a challenge was made, and how long ago answered when it was, both by the clock that nobody can
// set where there is one.
func (k *challengeBook) times(o openChallenge, at time.Time) (age, used time.Duration) {
	boot, since, ok := k.state.clock()
	if !ok {
		boot, since = "", 0
	}
	used = at.Sub(time.Unix(o.UsedDay, 0))
	if boot != "" {
		used = since - time.Duration(o.UsedAt)*time.Millisecond
	}
	return k.state.age(o, boot, since, at), used
}

func (k *challengeBook) ask(nonce [16]byte, replayKey [32]byte) verifier.ChallengeState {
	i := k.find(nonce)
	if i < 0 {
		return verifier.ChallengeUnknown
	}
	o := k.open[i]
	age, used := k.times(o, k.at)
	if o.UsedBy != "" {
		if o.UsedBy == usedBy(nonce, replayKey) && age <= keepChallenge && used >= 0 && used <= sameReading {
			return verifier.ChallengeOpen
		}
		return verifier.ChallengeUsed
	}
	if age > ChallengeTerm {
		return verifier.ChallengeExpired
	}
	return verifier.ChallengeOpen
}

// mark makes the challenge that v answers used.
func (k *challengeBook) mark(v *verifier.Verdict) error {
	i := k.find(v.Nonce)
	if i < 0 || k.open[i].UsedBy != "" {
		return nil
	}
	_, since, ok := k.state.clock()
	if !ok {
		since = 0
	}
	o := &k.open[i]
	o.UsedBy, o.UsedAt, o.UsedDay = usedBy(v.Nonce, v.ReplayKey), since.Milliseconds(), k.at.Unix()
	return k.state.writeRecord("nonces", noncesName, nonceFile{k.open})
}
