package issuer

import (
	"fmt"
	"time"

	"github.com/posvid/posvid/credential"
)

// Bounds of a Profile.
const (
	// MaxListSize is the greatest capacity of a status list.
	MaxListSize = 1 << 20
	// MinListSize is the smallest: fewer entries would tell who is who.
	MinListSize = 1 << 10
	// listFill is how full, in percent, a list gets before the next one is opened: the rest stays as decoys.
	listFill = 60
	// MaxLife is the longest life of a token that any profile may ask for.
	MaxLife = 366 * 24 * time.Hour
)

// Profile says how the tokens of a body are made. The zero value means DefaultProfile.
type Profile struct {
	Name       string            // short name, part of the profile hash
	Life       time.Duration     // exp − iat of a token
	RenewAfter time.Duration     // age from which a token is renewed
	Faces      []credential.Face // each once
	ListSize   uint32            // capacity of a status list, a power of two
	// CodeDelay is how long after its first publication a code number is used instead of the text: until
	// then a verifier may still hold a bundle without it.
	CodeDelay time.Duration
}

// DefaultProfile is the profile of docs/spec/issuing.md, Section 3: two faces for 30 days, renewed from
// day 20.
func DefaultProfile() Profile {
	return Profile{
		Name: "staff", Life: 30 * 24 * time.Hour, RenewAfter: 20 * 24 * time.Hour,
		Faces:    []credential.Face{credential.FaceCheck, credential.FaceFull},
		ListSize: 1 << 16, CodeDelay: 8 * 24 * time.Hour,
	}
}

func (p *Profile) check() error {
	switch {
	case p.Name == "" || len(p.Name) > 32:
		return fmt.Errorf("issuer: profile: name of %d bytes, want 1 to 32", len(p.Name))
	case p.Life < time.Minute || p.Life > MaxLife:
		return fmt.Errorf("issuer: profile %q: life is %s, want 1m to %s", p.Name, p.Life, MaxLife)
	case p.RenewAfter <= 0 || p.RenewAfter >= p.Life:
		return fmt.Errorf("issuer: profile %q: renewal after %s, want more than 0 and less than the life of %s", p.Name, p.RenewAfter, p.Life)
	case p.ListSize < MinListSize || p.ListSize > MaxListSize || p.ListSize&(p.ListSize-1) != 0:
		return fmt.Errorf("issuer: profile %q: list of %d entries, want a power of two from %d to %d", p.Name, p.ListSize, MinListSize, MaxListSize)
	case p.CodeDelay < 0:
		return fmt.Errorf("issuer: profile %q: code delay is %s, want 0 or more", p.Name, p.CodeDelay)
	case len(p.Faces) == 0:
		return fmt.Errorf("issuer: profile %q: no faces, want 1 or 2", p.Name)
	}
	seen := map[credential.Face]bool{}
	for _, f := range p.Faces {
		if seen[f] || (f != credential.FaceCheck && f != credential.FaceFull) {
			return fmt.Errorf("issuer: profile %q: face %d is unknown or named twice", p.Name, f)
		}
		seen[f] = true
	}
	return nil
}
