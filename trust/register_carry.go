package trust

import (
	"bytes"
	"slices"
	"time"

	"github.com/posvid/posvid/codes"
	"github.com/posvid/posvid/crypto/keys"
)

// Carry takes over what a body published: each object has to be signed by a key with a right for its body, be no older
// than what is carried, and no newer than at; a status list may not shrink, and a code table only grows. All of it is
// taken, or none, but for carriers that Withheld counts.
func (r *Register) Carry(publication []byte, at time.Time) error {
	p, err := ParsePublication(publication)
	if err != nil {
		return err
	}
	owner := r.bodies[p.EDRPOU]
	if owner == nil || owner.owner != p.EDRPOU {
		return refuse(ErrNotAdmitted, "publication: %s is not a body that asked for a key", p.EDRPOU)
	}
	if owner.Ended() {
		return refuse(ErrPublication, "publication: body %s has ended", p.EDRPOU)
	}
	lists := map[ListID]*carriedList{}
	for _, data := range p.StatusLists {
		id, list, err := r.carryList(p.EDRPOU, data, at)
		if err != nil {
			return err
		}
		if lists[id] != nil {
			return refuse(ErrPublication, "publication: status list %s twice", StatusURI(id.Issuer, id.List))
		}
		lists[id] = list
	}
	var table, carriers *carriedObject
	if p.Codes != nil {
		if table, err = r.carryCodes(p.EDRPOU, p.Codes, at); err != nil {
			return err
		}
	}
	if p.Carriers != nil {
		if carriers, err = r.carryCarriers(p.EDRPOU, p.Carriers, at); err != nil {
			return err
		}
	}
	for id, l := range lists {
		r.lists[id] = l
	}
	if table != nil {
		r.codes[p.EDRPOU] = table
	}
	if carriers != nil {
		r.carriers[p.EDRPOU] = carriers
	}
	return nil
}

// ownedBy reports whether iss belongs to the owner of a publication.
func (r *Register) ownedBy(iss, owner string) bool {
	b := r.bodies[iss]
	return b != nil && b.owner == owner
}

// fresh holds the iat of a published object against the operator's clock and against what is carried.
func fresh(what string, iat, carried, at time.Time) error {
	if iat.After(at.Add(ClockTolerance)) {
		return refuse(ErrPublication, "%s of %s lies ahead of %s", what, stamp(iat), stamp(at))
	}
	if iat.Before(carried) {
		return refuse(ErrRollback, "%s of %s, carried %s", what, stamp(iat), stamp(carried))
	}
	return nil
}

func (r *Register) carryList(owner string, data []byte, at time.Time) (ListID, *carriedList, error) {
	t, err := ParseStatusToken(data)
	if err != nil {
		return ListID{}, nil, err
	}
	id := t.UnverifiedID
	what := "status list " + StatusURI(id.Issuer, id.List)
	if !r.ownedBy(id.Issuer, owner) {
		return id, nil, refuse(ErrPublication, "%s is not one of body %s", what, owner)
	}
	if err := signedForBody(r.issuerKeys(t.kid), t.Verify, id.Issuer, t.UnverifiedIssuedAt, ErrListKey, what); err != nil {
		return id, nil, err
	}
	if !at.Before(t.ExpiresAt) {
		return id, nil, refuse(ErrPublication, "%s expired at %s", what, stamp(t.ExpiresAt))
	}
	list, err := t.List()
	if err != nil {
		return id, nil, err
	}
	out := &carriedList{bytes.Clone(data), t.UnverifiedIssuedAt, list.Len()}
	if have := r.lists[id]; have != nil {
		if err := fresh(what, out.issuedAt, have.issuedAt, at); err != nil {
			return id, nil, err
		}
		if out.issuedAt.Equal(have.issuedAt) && !bytes.Equal(out.raw, have.raw) {
			return id, nil, refuse(ErrFork, "%s: two lists of %s", what, stamp(out.issuedAt))
		}
		if out.entries < have.entries {
			return id, nil, refuse(ErrPublication, "%s shrank from %d entries to %d", what, have.entries, out.entries)
		}
	} else if err := fresh(what, out.issuedAt, out.issuedAt, at); err != nil {
		return id, nil, err
	}
	return id, out, nil
}

func (r *Register) carryCodes(owner string, data []byte, at time.Time) (*carriedObject, error) {
	t, err := ParseCodes(data)
	if err != nil {
		return nil, err
	}
	what := "code table of " + t.UnverifiedIssuer
	if t.UnverifiedIssuer != owner {
		return nil, refuse(ErrPublication, "%s in the publication of %s", what, owner)
	}
	if err := signedForBody(r.issuerKeys(t.UnverifiedKeyID()), t.Verify, owner, t.UnverifiedIssuedAt, ErrCodesKey, what); err != nil {
		return nil, err
	}
	table, err := t.Table()
	if err != nil {
		return nil, err
	}
	carried := t.UnverifiedIssuedAt
	if have := r.codes[owner]; have != nil {
		carried = have.issuedAt
		old, err := ParseCodes(have.raw)
		if err != nil {
			return nil, err
		}
		oldTable, err := old.Table()
		if err != nil {
			return nil, err
		}
		if err := codes.Extends(oldTable, table); err != nil {
			return nil, refuse(ErrRollback, "%s: %v", what, err)
		}
	}
	if err := fresh(what, t.UnverifiedIssuedAt, carried, at); err != nil {
		return nil, err
	}
	return &carriedObject{raw: bytes.Clone(data), issuedAt: t.UnverifiedIssuedAt}, nil
}

func (r *Register) carryCarriers(owner string, data []byte, at time.Time) (*carriedObject, error) {
	o, err := parseBodyObject(data, typeCarriers, ErrPublication, "carriers")
	if err != nil {
		return nil, err
	}
	what := "carriers of " + o.issuer
	if o.issuer != owner {
		return nil, refuse(ErrPublication, "%s in the publication of %s", what, owner)
	}
	verify := func(k keys.IssuerPublicKey) error { return k.Verify(o.sign) }
	if err := signedForBody(r.issuerKeys(o.kid), verify, owner, o.issuedAt, ErrPublication, what); err != nil {
		return nil, err
	}
	carried := o.issuedAt
	if have := r.carriers[owner]; have != nil {
		carried = have.issuedAt
	}
	if err := fresh(what, o.issuedAt, carried, at); err != nil {
		return nil, err
	}
	// A carrier belongs to the body that stated it first. A row of another body is left out and not refused: a body that states
	// another's card, or fills the table, must not keep that one's dismissals from the bundle.
	taken := map[[32]byte]bool{}
	rows := 0
	for iss, other := range r.carriers {
		if iss == owner || r.bodies[iss].Ended() {
			continue
		}
		all, err := r.carrierList(iss, other)
		if err != nil {
			return nil, err
		}
		rows += len(all)
		for _, c := range all {
			taken[carrierHash(r.salt, c.Kind, c.Number)] = true
		}
	}
	mine, err := decodeCarrierList(owner, o.content)
	if err != nil {
		return nil, err
	}
	object := &carriedObject{raw: bytes.Clone(data), issuedAt: o.issuedAt}
	own := make(map[[32]byte]bool, len(mine))
	held := 0
	for _, c := range mine {
		sum := carrierHash(r.salt, c.Kind, c.Number)
		if own[sum] {
			return nil, refuse(ErrConflict, "%s: one is stated twice", what)
		}
		own[sum] = true
		if taken[sum] || held == maxBodyCarriers || rows+held == MaxCarriers {
			if object.withheld == nil {
				object.withheld = map[[32]byte]bool{}
			}
			object.withheld[sum] = true
			continue
		}
		held++
	}
	return object, nil
}

// Withheld counts by body the carriers that it states and that no bundle holds: another body stated them first, or the table
// is full. Bodies of which all are held are not in it.
func (r *Register) Withheld() map[string]int {
	out := map[string]int{}
	for iss, c := range r.carriers {
		if len(c.withheld) > 0 && !r.bodies[iss].Ended() {
			out[iss] = len(c.withheld)
		}
	}
	return out
}

// carrierList reads the carriers of a body but those that are withheld.
func (r *Register) carrierList(iss string, c *carriedObject) ([]Carrier, error) {
	o, err := parseBodyObject(c.raw, typeCarriers, ErrRegister, "carriers")
	if err != nil {
		return nil, err
	}
	list, err := decodeCarrierList(iss, o.content)
	if err != nil || len(c.withheld) == 0 {
		return list, err
	}
	return slices.DeleteFunc(list, func(row Carrier) bool { return c.withheld[carrierHash(r.salt, row.Kind, row.Number)] }), nil
}
