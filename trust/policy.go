package trust

import (
	"strconv"
	"time"
)

// Class is the class of a verifier, which chooses its policy. The zero value is a device that is in no bundle.
type Class uint8

// Classes of verifiers.
const (
	ClassNone       Class = 0 // not enrolled
	ClassCheckpoint Class = 1 // пункт пропуску
	ClassCouncil    Class = 2 // local self-government: offline for days
)

// String returns the English word of the class.
func (c Class) String() string {
	switch c {
	case ClassNone:
		return "none"
	case ClassCheckpoint:
		return "checkpoint"
	case ClassCouncil:
		return "council"
	}
	return "class " + strconv.Itoa(int(c))
}

// Bounds and defaults of policy (docs/spec/trust.md, Section 6).
const (
	MaxStatusAge     = 7 * 24 * time.Hour // the longest status or beacon age a policy may allow
	defaultBeaconAge = 7 * 24 * time.Hour
	defaultMinLevel  = 2
	maxLevel         = 4
)

// ClassPolicy is what one class asks for. A zero field means the default.
type ClassPolicy struct {
	MinLevel  uint8         // lowest level that is accepted, 1 to 4; default 2
	StatusAge time.Duration // greatest age of a status list; default 24 h, council 72 h; at most 7 days
}

// Policy is the section policy of a bundle. The zero value is a bundle without one.
type Policy struct {
	Classes   map[Class]ClassPolicy
	BeaconAge time.Duration // beyond it a code is at most L1; zero means 7 days
}

// For returns the policy of a class with every default filled in; an unknown class is held to ClassCheckpoint's defaults.
func (p Policy) For(c Class) ClassPolicy {
	got := p.Classes[c]
	if got.MinLevel == 0 {
		got.MinLevel = defaultMinLevel
	}
	if got.StatusAge == 0 {
		got.StatusAge = 24 * time.Hour
		if c == ClassCouncil {
			got.StatusAge = 72 * time.Hour
		}
	}
	return got
}

// MaxBeaconAge returns the greatest age of a freshness beacon, the default filled in.
func (p Policy) MaxBeaconAge() time.Duration {
	if p.BeaconAge == 0 {
		return defaultBeaconAge
	}
	return p.BeaconAge
}

// check refuses what no policy may allow.
func (p Policy) check() error {
	for c, row := range p.Classes {
		if row.MinLevel > maxLevel {
			return refuse(ErrArgument, "policy of class %s: level %d, want 1 to %d", c, row.MinLevel, maxLevel)
		}
		if row.StatusAge < 0 || row.StatusAge > MaxStatusAge || row.StatusAge%time.Second != 0 {
			return refuse(ErrArgument, "policy of class %s: status age %s, want whole seconds up to %s", c, row.StatusAge, MaxStatusAge)
		}
	}
	if p.BeaconAge < 0 || p.BeaconAge > MaxStatusAge || p.BeaconAge%time.Second != 0 {
		return refuse(ErrArgument, "policy: beacon age %s, want whole seconds up to %s", p.BeaconAge, MaxStatusAge)
	}
	return nil
}
