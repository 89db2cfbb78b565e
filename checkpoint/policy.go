package checkpoint

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"github.com/posvid/posvid/trust"
	"github.com/posvid/posvid/verifier"
)

// Errors of a checkpoint policy (docs/spec/checkpoint-account.md, Section 4).
var (
	ErrPolicy      = errors.New("checkpoint: policy refused")                // damaged, not signed by the body, from the future; wraps the cause of package trust
	ErrPolicyOther = errors.New("checkpoint: policy is of another verifier") // not of this device
)

// policyNames are the two slots of the policy. Both hold the same; what one has lost the other tells.
var policyNames = [2]string{"policy-a", "policy-b"}

// policyRecord is the content of a slot.
type policyRecord struct {
	Policy string `json:"policy"` // the object as the body signed it, hexadecimal
}

// PolicyReport says what the install of a policy did.
type PolicyReport struct {
	Previous uint64 // number of the policy before; 0 when there was none
	Number   uint64
	Changed  bool // false when this very policy was installed already
	Expired  bool // its term is over: it is obeyed, and the device says that it is old
}

// Policy is what a device obeys beyond the bundle.
type Policy struct {
	trust.CheckpointPolicy
	Level   verifier.Level // lowest level of it, 3 where a matched picture is required; 0: none
	Expired bool           // past its term: obeyed on, because it only tightens, and told
}

// InstallPolicy makes data the policy of this device. It has to be signed by a key that the installed bundle lets speak for this
// device's body, be made for this device, and have a higher number than the one before, unless the key of that one has since been
// named compromised. It succeeds whole or leaves the device as it was.
//
// Errors: ErrPolicy with the cause of package trust (trust.ErrRollback, trust.ErrFork, trust.ErrPolicyKey, …), ErrPolicyOther,
// ErrNotEnrolled for a device that no entry of the bundle names, ErrNoPin, ErrNoBundle, ErrDamaged, ErrDisk.
func (s *State) InstallPolicy(data []byte, at time.Time) (PolicyReport, error) {
	var report PolicyReport
	err := s.locked(true, func() error {
		b, err := s.bundle()
		if err != nil {
			return err
		}
		id, entry, err := s.self(b)
		switch {
		case err != nil:
			return err
		case id == 0:
			return fail(ErrNotEnrolled, "policy: no verifier of bundle %d has this device's key", b.Number())
		}
		unverified, err := trust.ParseCheckpointPolicy(data)
		if err != nil {
			return fail(ErrPolicy, "policy: %v", err)
		}
		if told := unverified.Unverified(); told.Verifier != id || told.Body != entry.Body {
			return fail(ErrPolicyOther, "policy is of verifier %d of body %s, this device is %d of %s", told.Verifier, told.Body, id, entry.Body)
		}
		p, err := unverified.Open(b)
		if err != nil {
			return fail(ErrPolicy, "policy: %v", err)
		}
		if p.IssuedAt.After(at.Add(clockTolerance)) {
			return fail(ErrPolicy, "policy %d was signed at %s, this device's clock says %s", p.Number, p.IssuedAt.Format(time.RFC3339), at.UTC().Format(time.RFC3339))
		}
		return s.admitPolicy(data, p, b, at, &report)
	})
	if err != nil {
		return PolicyReport{}, err
	}
	return report, nil
}

// admitPolicy holds a policy that is authentic against the one before, and writes it.
func (s *State) admitPolicy(data []byte, p *trust.CheckpointPolicy, b *trust.Bundle, at time.Time, report *PolicyReport) error {
	fp, mark, err := s.pinFile()
	if err != nil {
		return err
	}
	raw, have, err := s.policy()
	switch {
	case err != nil && !errors.Is(err, verifier.StateDamaged):
		return err
	case have != nil:
		report.Previous = have.Unverified().Number
	default:
		report.Previous = mark.Policy // both slots are lost: the number alone is known
	}
	report.Number, report.Changed, report.Expired = p.Number, true, !at.Before(p.ValidUntil)
	same := have != nil && bytes.Equal(raw, data)
	switch overruled := have != nil && have.Compromised(b); {
	case same:
		report.Changed = false
	case overruled: // whoever stole the key may have signed the highest number
	case p.Number < report.Previous:
		return fail(ErrPolicy, "policy %d: %d is installed: %v", p.Number, report.Previous, trust.ErrRollback)
	case have != nil && p.Number == report.Previous:
		return fail(ErrPolicy, "policy %d: another one of this number is installed: %v", p.Number, trust.ErrFork)
	}
	for _, name := range policyNames {
		if err := s.writeRecord("policy", name, policyRecord{hex.EncodeToString(data)}); err != nil {
			return err
		}
	}
	if mark.Policy != p.Number {
		mark.Policy = p.Number
		return s.writePin(fp, mark)
	}
	return nil
}

// policy is the installed policy with its bytes; nil on a device that never had one. A device that has lost it gets ErrDamaged:
// without it a verdict could be looser than the body wants.
func (s *State) policy() (raw []byte, newest *trust.UnverifiedCheckpointPolicy, err error) {
	var broken error
	for _, name := range policyNames {
		var r policyRecord
		found, err := s.readRecord("policy", name, maxSmall, &r)
		if err == nil && !found {
			continue
		}
		var data []byte
		var p *trust.UnverifiedCheckpointPolicy
		if err == nil {
			data, err = hex.DecodeString(r.Policy)
		}
		if err == nil {
			p, err = trust.ParseCheckpointPolicy(data)
		}
		if err != nil {
			broken = errors.Join(broken, err)
			continue
		}
		if newest == nil || p.Unverified().Number > newest.Unverified().Number {
			raw, newest = data, p
		}
	}
	if newest != nil {
		return raw, newest, nil
	}
	_, mark, err := s.pinFile()
	switch {
	case err != nil && !errors.Is(err, ErrNoPin):
		return nil, nil, err
	case broken != nil || mark.Policy != 0:
		return nil, nil, damaged(verifier.StateDamaged, "policy: both slots are missing or damaged")
	}
	return nil, nil, nil
}

// Policy is what this device obeys beyond its bundle; nil when its body has made no policy for it. Errors: ErrDamaged with
// verifier.StateDamaged for a device that has lost its policy; any newer one mends it.
func (s *State) Policy(at time.Time) (p *Policy, err error) {
	err = s.locked(false, func() error {
		p, err = s.obeyed(at)
		return err
	})
	return p, err
}

func (s *State) obeyed(at time.Time) (*Policy, error) {
	_, u, err := s.policy()
	if err != nil || u == nil {
		return nil, err
	}
	p := &Policy{CheckpointPolicy: u.Unverified()}
	p.Level, p.Expired = verifier.Level(p.MinLevel), !at.Before(p.ValidUntil)
	if p.Photo {
		p.Level = max(p.Level, verifier.L3)
	}
	return p, nil
}

// obey makes an input at least as strict as the policy. Every line of it can only take away: a level rises, an age falls, and the
// photo printed on the plastic counts for nothing where a matched picture is required.
func (s *State) obey(in *verifier.Input) error {
	p, err := s.obeyed(in.At)
	if err != nil || p == nil {
		return err
	}
	in.MinLevel = max(in.MinLevel, p.Level)
	in.MaxStatusAge = sooner(in.MaxStatusAge, p.StatusAge)
	in.MaxBeaconAge = sooner(in.MaxBeaconAge, p.BeaconAge)
	if p.Photo && in.Photo.Kind == verifier.PhotoPlastic {
		in.Photo = verifier.Photo{}
	}
	return nil
}

// sooner is the shorter of two limits, of which 0 is none.
func sooner(a, b time.Duration) time.Duration {
	switch {
	case a <= 0:
		return b
	case b <= 0:
		return a
	}
	return min(a, b)
}

// Guard tells whether the policy lets somebody of this name be on duty, and how it spells the name: case and the kind of apostrophe
// make no difference. A policy that names nobody lets everybody.
func (p *Policy) Guard(name string) (kept string, ok bool) {
	if name == "" || p == nil || len(p.Guards) == 0 {
		return name, name != ""
	}
	for _, g := range p.Guards {
		if strings.EqualFold(apostrophes.Replace(g), apostrophes.Replace(name)) {
			return g, true
		}
	}
	return "", false
}

// apostrophes makes one of what people type for it.
var apostrophes = strings.NewReplacer("ʼ", "'", "’", "'", "`", "'", "‘", "'", "′", "'")
