package checkpoint

import (
	"encoding/hex"
	"errors"
	"time"

	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/trust"
	"github.com/posvid/posvid/verifier"
)

// identityRecord is the file verifier.json: what is public of this device's keys.
type identityRecord struct {
	SigningKey string `json:"signing_key"`           // COSE_Key, hexadecimal
	Number     uint64 `json:"verifier_id,omitempty"` // number given when admitted, if a person has told it
}

// NewKeys makes this device's signing and HPKE keys and seals them under a passphrase. ErrKeys when there are some
// already: a device keeps its keys for as long as it keeps its folder.
func (s *State) NewKeys(passphrase []byte, opt keys.SealOptions) (k keys.VerifierPrivateKey, err error) {
	err = s.locked(true, func() error {
		have, err := s.load(keyName, maxSmall)
		if err != nil {
			return err
		}
		if have != nil {
			return fail(ErrKeys, "this device has its keys already")
		}
		if k, err = keys.GenerateVerifierKey(); err != nil {
			return fail(ErrKeys, "%v", err)
		}
		sealed, err := k.Seal(passphrase, opt)
		if err != nil {
			return fail(ErrKeys, "%v", err)
		}
		// The public part is written first: without the private one it says nothing, and a private key without it
		// could never be used.
		if err := s.writeIdentity(k); err != nil {
			return err
		}
		return s.replace(keyName, sealed)
	})
	if err != nil {
		return keys.VerifierPrivateKey{}, err
	}
	return k, nil
}

func (s *State) writeIdentity(k keys.VerifierPrivateKey) error {
	return s.writeRecord("verifier", identityName, identityRecord{SigningKey: hex.EncodeToString(k.VerifierPublic().MarshalCOSE())})
}

// Keys opens this device's keys. ErrKeys when there are none, or with keys.ErrPassphrase for a wrong passphrase. A
// record of their public part that is damaged is written anew from them.
func (s *State) Keys(passphrase []byte) (k keys.VerifierPrivateKey, err error) {
	mend := false
	err = s.locked(false, func() error {
		sealed, err := s.load(keyName, maxSmall)
		if err != nil {
			return err
		}
		if sealed == nil {
			return fail(ErrKeys, "this device has no keys yet")
		}
		if k, err = keys.OpenVerifierKey(passphrase, sealed); err != nil {
			return fail(ErrKeys, "%v", err)
		}
		_, _, err = s.identity()
		mend = err != nil
		return nil
	})
	if mend {
		err = s.locked(true, func() error { return s.writeIdentity(k) })
	}
	return k, err
}

// Admitted tells this device the number it was given. It is only where to look first: the device is enrolled when a
// bundle has its key, and under which number that is. ErrKeys when it has no keys.
func (s *State) Admitted(id uint64) error {
	return s.locked(true, func() error {
		var r identityRecord
		found, err := s.readRecord("verifier", identityName, maxSmall, &r)
		switch {
		case err != nil:
			return err
		case !found:
			return fail(ErrKeys, "this device has no keys yet")
		}
		r.Number = id
		s.cached.self = nil
		return s.writeRecord("verifier", identityName, r)
	})
}

// identity is the public signing key of this device, zero when it has none, and the number it was told.
func (s *State) identity() (keys.VerifierPublicKey, uint64, error) {
	var r identityRecord
	found, err := s.readRecord("verifier", identityName, maxSmall, &r)
	if err != nil || !found {
		return keys.VerifierPublicKey{}, 0, err
	}
	raw, err := hex.DecodeString(r.SigningKey)
	if err != nil {
		return keys.VerifierPublicKey{}, 0, damaged(verifier.StateDamaged, "%s: key is not hexadecimal", identityName)
	}
	public, err := keys.ParseVerifierPublicKey(raw)
	if err != nil {
		return keys.VerifierPublicKey{}, 0, damaged(verifier.StateDamaged, "%s: %v", identityName, err)
	}
	return public, r.Number, nil
}

// enrolled is this device's entry in a bundle; id 0 when it has none.
type enrolled struct {
	public keys.VerifierPublicKey
	id     uint64
	entry  trust.VerifierEntry
}

// self finds this device in a bundle by its key; id 0 when it is not there.
func (s *State) self(b *trust.Bundle) (id uint64, entry trust.VerifierEntry, err error) {
	public, told, err := s.identity()
	if err != nil || public.IsZero() {
		return 0, entry, err
	}
	known := s.cached.self
	if known != nil && s.cached.bundle == b && known.public.Equal(public) {
		return known.id, known.entry, nil
	}
	found := enrolled{public: public}
	// The number it was told, then from 1 on, as numbers are given when nobody chooses one.
	for n := uint64(0); n <= trust.MaxVerifiers && found.id == 0; n++ {
		id := n
		if n == 0 {
			id = told
		}
		entry, ok, err := b.Verifier(id)
		if err != nil {
			return 0, entry, fail(ErrBundle, "%v", err)
		}
		if ok && entry.SigningKey.Equal(public) {
			found.id, found.entry = id, entry
		}
	}
	if s.cached.bundle == b {
		s.cached.self = &found
	}
	return found.id, found.entry, nil
}

// Info is what a person may want to know about a device.
type Info struct {
	Pinned      trust.Fingerprint // zero when nothing is pinned
	Floor       time.Time         // zero when no bundle has been seen
	FloorErr    error             // why the floor is not known
	Bundle      *trust.Bundle     // nil when there is none
	BundleErr   error             // why not
	VerifierID  uint64            // 0 when not enrolled
	Name        string            // of this verifier, as the holder sees it
	Class       trust.Class       // whose policy applies
	ValidUntil  time.Time         // end of the enrolment
	HasKeys     bool
	IdentityErr error // why the enrolment is not known
	RecordsErr  error // the memory of codes or challenges is damaged: every verdict is state-damaged
}

// Info reads the state without changing it.
func (s *State) Info(at time.Time) (i Info, err error) {
	err = s.locked(false, func() error {
		i.Pinned, _, err = s.pin()
		if err != nil && !errors.Is(err, ErrNoPin) {
			return err
		}
		i.Floor, i.FloorErr = s.floor()
		i.Bundle, i.BundleErr = s.bundle()
		_, codes := s.codes()
		_, challenges := s.challenges()
		i.RecordsErr = errors.Join(codes, challenges)
		public, _, err := s.identity()
		i.HasKeys, i.IdentityErr = !public.IsZero(), err
		if i.Bundle != nil && i.HasKeys {
			id, entry, err := s.self(i.Bundle)
			i.IdentityErr = err
			if id != 0 && at.Before(entry.ValidUntil) {
				i.VerifierID, i.Name, i.Class, i.ValidUntil = id, entry.Name, entry.Policy, entry.ValidUntil
			}
		}
		if i.VerifierID == 0 {
			class, err := s.chosen()
			i.Class, i.RecordsErr = class, errors.Join(i.RecordsErr, err)
		}
		return nil
	})
	return i, err
}

// Request makes the file by which this device asks the trust operator to be admitted, for a body, under a name that
// holders will read. The keys are those of NewKeys or Keys.
func (s *State) Request(k keys.VerifierPrivateKey, body, name string, class trust.Class, at time.Time) ([]byte, error) {
	out, err := trust.EncodeVerifierRequest(trust.VerifierRequest{Body: body, Name: name, Class: class, IssuedAt: at, HPKE: k.HPKEPublic()}, k)
	if err != nil {
		return nil, fail(ErrKeys, "%v", err)
	}
	return out, nil
}
