package trust

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"slices"
	"time"

	"github.com/posvid/posvid/crypto/keys"
)

// registerJSON is the form on disk, version 1. Binary values are base64, times seconds since 1970.
type registerJSON struct {
	Version   int                 `json:"version"`
	Roots     [][]byte            `json:"roots"`
	Number    uint64              `json:"number"`
	IssuedAt  int64               `json:"issued_at"`
	BeaconN   uint64              `json:"beacon_n"`
	Beacons   []int64             `json:"beacon_times"`
	Bodies    []bodyJSON          `json:"bodies"`
	Keys      []keyJSON           `json:"keys"`
	Verifiers []verifierJSON      `json:"verifiers"`
	Lists     [][]byte            `json:"status_lists"`
	Codes     [][]byte            `json:"codes"`
	Carriers  [][]byte            `json:"carriers"`
	Withheld  map[string][][]byte `json:"carriers_withheld,omitempty"`
	Salt      []byte              `json:"carrier_salt"`
	Policy    policyJSON          `json:"policy"`
	Texts     map[string][]string `json:"texts"`
	CardRoots [][]byte            `json:"card_roots"`
	CardCRLs  [][]byte            `json:"card_crls"`
}

type bodyJSON struct {
	EDRPOU  string `json:"edrpou"`
	Name    string `json:"name"`
	NameEN  string `json:"name_en,omitempty"`
	Phone   string `json:"duty_phone,omitempty"`
	Owner   string `json:"owner"`
	EndedAt int64  `json:"ended_at,omitempty"`
}

type keyJSON struct {
	Key         []byte   `json:"cose_key"`
	Owner       string   `json:"owner"`
	Bodies      []string `json:"bodies"`
	Kinds       []int    `json:"kinds"`
	MaxLife     int64    `json:"max_life_s"`
	ValidFrom   int64    `json:"valid_from"`
	RetiredAt   int64    `json:"retired_at,omitempty"`
	Compromised bool     `json:"compromised,omitempty"`
}

type verifierJSON struct {
	ID     uint64 `json:"id"`
	Name   string `json:"name"`
	Body   string `json:"body"`
	Class  uint8  `json:"class"`
	Policy uint8  `json:"policy"`
	Key    []byte `json:"cose_key"`
	HPKE   []byte `json:"hpke"`
	Until  int64  `json:"valid_until"`
	Ended  bool   `json:"ended,omitempty"`
}

type policyJSON struct {
	Classes   map[uint8]classJSON `json:"classes"`
	BeaconAge int64               `json:"beacon_age_s"`
}

type classJSON struct {
	MinLevel  uint8 `json:"min_level"`
	StatusAge int64 `json:"status_age_s"`
}

// Encode returns the JSON form, which ParseRegister reads.
func (r *Register) Encode() ([]byte, error) {
	w := registerJSON{Version: 1, Roots: r.roots, Number: r.number, BeaconN: r.beaconN, Salt: r.salt,
		Texts: map[string][]string{}, CardRoots: r.cards.Roots, CardCRLs: r.cards.CRLs,
		Policy: policyJSON{map[uint8]classJSON{}, int64(r.policy.BeaconAge / time.Second)}}
	if !r.issuedAt.IsZero() {
		w.IssuedAt = r.issuedAt.Unix()
	}
	for _, t := range r.beacons {
		w.Beacons = append(w.Beacons, t.Unix())
	}
	unix := func(t time.Time) int64 {
		if t.IsZero() {
			return 0
		}
		return t.Unix()
	}
	for _, b := range r.Bodies() {
		w.Bodies = append(w.Bodies, bodyJSON{b.EDRPOU, b.Name, b.NameEN, b.DutyPhone, b.Owner, unix(b.EndedAt)})
	}
	for _, k := range r.keys {
		j := keyJSON{k.Key.MarshalCOSE(), k.owner, k.Right.Bodies, nil, int64(k.Right.MaxLife / time.Second),
			unix(k.Right.ValidFrom), unix(k.Right.RetiredAt), k.Right.Compromised}
		for _, kind := range k.Right.Kinds {
			j.Kinds = append(j.Kinds, int(kind))
		}
		w.Keys = append(w.Keys, j)
	}
	for _, v := range r.verifiers {
		w.Verifiers = append(w.Verifiers, verifierJSON{v.ID, v.Name, v.Body, uint8(v.Class), uint8(v.Policy),
			v.SigningKey.MarshalCOSE(), v.HPKE.Bytes(), unix(v.ValidUntil), v.ended})
	}
	slices.SortFunc(w.Verifiers, func(a, b verifierJSON) int { return cmp.Compare(a.ID, b.ID) })
	for _, l := range r.Lists() {
		w.Lists = append(w.Lists, r.lists[l.ID].raw)
	}
	for _, iss := range sortedKeys(r.codes) {
		w.Codes = append(w.Codes, r.codes[iss].raw)
	}
	for _, iss := range sortedKeys(r.carriers) {
		w.Carriers = append(w.Carriers, r.carriers[iss].raw)
		for sum := range r.carriers[iss].withheld {
			if w.Withheld == nil {
				w.Withheld = map[string][][]byte{}
			}
			w.Withheld[iss] = append(w.Withheld[iss], bytes.Clone(sum[:]))
		}
		slices.SortFunc(w.Withheld[iss], bytes.Compare)
	}
	for c, row := range r.policy.Classes {
		w.Policy.Classes[uint8(c)] = classJSON{row.MinLevel, int64(row.StatusAge / time.Second)}
	}
	for key, t := range r.texts {
		w.Texts[key] = []string{t.UK, t.EN}
	}
	out, err := json.Marshal(w)
	if err != nil {
		return nil, refuse(ErrRegister, "register: %v", err)
	}
	return out, nil
}

// ParseRegister reads what Encode wrote and holds it to the rules under which it grew: the chain of roots, distinct keys,
// one owner of each ЄДРПОУ, and the shape of everything carried. Signatures of carried objects are checked when the next
// bundle is built.
func ParseRegister(data []byte) (*Register, error) {
	if len(data) > maxRegister {
		return nil, refuse(ErrTooLarge, "register of %d bytes, limit %d", len(data), maxRegister)
	}
	var w registerJSON
	if err := strictJSON(data, &w); err != nil {
		return nil, refuse(ErrRegister, "register: %v", err)
	}
	if w.Version != 1 {
		return nil, refuse(ErrRegister, "register: version %d, want 1", w.Version)
	}
	if len(w.Roots) == 0 || len(w.Roots) > MaxRoots || len(w.Salt) < minSalt || len(w.Salt) > maxSalt {
		return nil, refuse(ErrRegister, "register: %d roots and a salt of %d bytes", len(w.Roots), len(w.Salt))
	}
	r, err := NewRegister(w.Roots[0])
	if err != nil {
		return nil, refuse(ErrRegister, "register: %v", err)
	}
	for _, root := range w.Roots[1:] {
		if err := r.RotateRoot(root); err != nil {
			return nil, refuse(ErrRegister, "register: %v", err)
		}
	}
	r.salt, r.number, r.beaconN = w.Salt, w.Number, w.BeaconN
	if err := r.read(&w); err != nil {
		return nil, refuse(ErrRegister, "register: %v", err)
	}
	return r, nil
}

// optionalTime reads seconds, where zero stands for no time.
func optionalTime(s int64) (time.Time, error) {
	if s == 0 {
		return time.Time{}, nil
	}
	t, ok := wireTime(uint64(s))
	if !ok {
		return time.Time{}, refuse(ErrRegister, "a time is out of range")
	}
	return t, nil
}

func (r *Register) read(w *registerJSON) (err error) {
	if r.issuedAt, err = optionalTime(w.IssuedAt); err != nil {
		return err
	}
	if (w.Number == 0) != (w.IssuedAt == 0) && r.chain[len(r.chain)-1].UnverifiedRoot.Reset == nil {
		return refuse(ErrRegister, "number %d does not go with its time", w.Number)
	}
	if len(w.Beacons) > maxBeaconTimes || uint64(len(w.Beacons)) > w.BeaconN || (len(w.Beacons) == 0) != (w.BeaconN == 0) {
		return refuse(ErrRegister, "%d beacon times for beacon %d", len(w.Beacons), w.BeaconN)
	}
	for i, s := range w.Beacons {
		t, err := optionalTime(s)
		if err != nil || t.IsZero() || i > 0 && t.After(r.beacons[i-1]) {
			return refuse(ErrRegister, "beacon time %d is out of range or order", i)
		}
		r.beacons = append(r.beacons, t)
	}
	if len(w.Bodies) > MaxBodies || len(w.Keys) > MaxIssuerKeys || len(w.Verifiers) > MaxVerifiers {
		return refuse(ErrTooLarge, "%d bodies, %d keys, %d verifiers", len(w.Bodies), len(w.Keys), len(w.Verifiers))
	}
	for i, j := range w.Bodies {
		b := BodyEntry{EDRPOU: j.EDRPOU, Name: j.Name, NameEN: j.NameEN, DutyPhone: j.Phone}
		if err := checkBody(b.EDRPOU, b.Name, b.NameEN, b.DutyPhone); err != nil {
			return err
		}
		if b.EndedAt, err = optionalTime(j.EndedAt); err != nil {
			return err
		}
		if r.bodies[b.EDRPOU] != nil || !validEDRPOU(j.Owner) {
			return refuse(ErrRegister, "body %d stands twice or has no owner", i)
		}
		r.bodies[b.EDRPOU] = &admittedBody{b, j.Owner}
	}
	for iss, b := range r.bodies {
		if !r.ownedBy(b.owner, b.owner) {
			return refuse(ErrRegister, "body %s belongs to %s, which is no owner", iss, b.owner)
		}
	}
	if err := r.readKeysJSON(w.Keys); err != nil {
		return err
	}
	if err := r.readVerifiersJSON(w.Verifiers); err != nil {
		return err
	}
	if err := r.readCarriedJSON(w); err != nil {
		return err
	}
	p := Policy{Classes: map[Class]ClassPolicy{}}
	const most = int64(MaxStatusAge / time.Second)
	if w.Policy.BeaconAge < 0 || w.Policy.BeaconAge > most {
		return refuse(ErrRegister, "policy: beacon age out of range")
	}
	p.BeaconAge = time.Duration(w.Policy.BeaconAge) * time.Second
	for c, row := range w.Policy.Classes {
		if row.StatusAge < 0 || row.StatusAge > most {
			return refuse(ErrRegister, "policy: status age out of range")
		}
		p.Classes[Class(c)] = ClassPolicy{row.MinLevel, time.Duration(row.StatusAge) * time.Second}
	}
	if err := r.SetPolicy(p); err != nil {
		return err
	}
	texts := make(map[string]Text, len(w.Texts))
	for key, pair := range w.Texts {
		if len(pair) != 2 {
			return refuse(ErrRegister, "a text is not a pair")
		}
		texts[key] = Text{UK: pair[0], EN: pair[1]}
	}
	if err := r.SetTexts(texts); err != nil {
		return err
	}
	return r.SetCards(Cards{w.CardRoots, w.CardCRLs})
}

func (r *Register) readKeysJSON(all []keyJSON) error {
	sharing := map[keys.KeyID]int{}
	for i, j := range all {
		wire := wireKey{Key: j.Key, Bodies: j.Bodies, ValidFrom: uint64(j.ValidFrom), RetiredAt: uint64(j.RetiredAt),
			MaxLife: uint64(j.MaxLife), Compromised: j.Compromised}
		for _, kind := range j.Kinds {
			wire.Kinds = append(wire.Kinds, uint64(kind))
		}
		k, err := wire.read()
		if err != nil {
			return refuse(ErrRegister, "key %d: %v", i, err)
		}
		for _, iss := range j.Bodies {
			if !r.ownedBy(iss, j.Owner) {
				return refuse(ErrRegister, "key %d: %s does not belong to %s", i, iss, j.Owner)
			}
		}
		t := k.Key.Thumbprint()
		if sharing[k.Key.KeyID()]++; r.taken(t) || sharing[k.Key.KeyID()] > maxKeysSharing {
			return refuse(ErrRegister, "key %d stands twice, or its key id too often", i)
		}
		r.inUse[t] = true
		r.keys = append(r.keys, &admittedKey{k, j.Owner})
	}
	return nil
}

func (r *Register) readVerifiersJSON(all []verifierJSON) error {
	for i, j := range all {
		wire := wireVerifier{j.ID, j.Name, j.Body, j.Class, j.Key, j.HPKE, uint64(j.Until), j.Policy}
		v, err := wire.read()
		if err != nil {
			return refuse(ErrRegister, "verifier %d: %v", i, err)
		}
		t := v.SigningKey.Thumbprint()
		if r.taken(t) || r.verifiers[v.ID] != nil {
			return refuse(ErrRegister, "verifier %d: its id or key stands twice", i)
		}
		r.inUse[t] = true
		r.verifiers[v.ID] = &admittedVerifier{v, j.Ended}
	}
	return nil
}

func (r *Register) readCarriedJSON(w *registerJSON) error {
	for i, raw := range w.Lists {
		t, err := ParseStatusToken(raw)
		if err != nil {
			return refuse(ErrRegister, "status list %d: %v", i, err)
		}
		list, err := t.List()
		if err != nil {
			return refuse(ErrRegister, "status list %d: %v", i, err)
		}
		if r.bodies[t.UnverifiedID.Issuer] == nil || r.lists[t.UnverifiedID] != nil {
			return refuse(ErrRegister, "status list %d stands twice or has no body", i)
		}
		r.lists[t.UnverifiedID] = &carriedList{raw, t.UnverifiedIssuedAt, list.Len()}
	}
	for i, raw := range w.Codes {
		t, err := ParseCodes(raw)
		if err != nil {
			return refuse(ErrRegister, "code table %d: %v", i, err)
		}
		if r.bodies[t.UnverifiedIssuer] == nil || r.codes[t.UnverifiedIssuer] != nil {
			return refuse(ErrRegister, "code table %d stands twice or has no body", i)
		}
		r.codes[t.UnverifiedIssuer] = &carriedObject{raw: raw, issuedAt: t.UnverifiedIssuedAt}
	}
	for i, raw := range w.Carriers {
		o, err := parseBodyObject(raw, typeCarriers, ErrRegister, "carriers")
		if err != nil {
			return err
		}
		if r.bodies[o.issuer] == nil || r.carriers[o.issuer] != nil {
			return refuse(ErrRegister, "carriers %d stand twice or have no body", i)
		}
		r.carriers[o.issuer] = &carriedObject{raw: raw, issuedAt: o.issuedAt}
	}
	for iss, sums := range w.Withheld {
		c := r.carriers[iss]
		if c == nil || len(sums) == 0 {
			return refuse(ErrRegister, "withheld carriers of %q, which states none", iss)
		}
		c.withheld = make(map[[32]byte]bool, len(sums))
		for _, sum := range sums {
			if len(sum) != sha256.Size || c.withheld[[32]byte(sum)] {
				return refuse(ErrRegister, "withheld carriers of %s: want hashes of %d bytes, each once", iss, sha256.Size)
			}
			c.withheld[[32]byte(sum)] = true
		}
	}
	return nil
}
