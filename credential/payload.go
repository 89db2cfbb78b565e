package credential

import (
	"math"
	"time"

	"github.com/posvid/posvid/crypto/cose"
	"github.com/posvid/posvid/crypto/keys"
)

// payloadReader reads the map of a payload that has passed cose.Check. Texts are cut out of one copy of the
// payload, so that all of them cost a single allocation.
type payloadReader struct {
	cose.Reader
	text string // the payload as a string; empty until a text is read
	data []byte
}

func newPayloadReader(data []byte) payloadReader {
	return payloadReader{Reader: cose.NewReader(data), data: data}
}

// wrongType names a claim whose value has another type than its specification demands.
func (r *payloadReader) wrongType(claim, want string) error {
	return fail(ErrMalformed, "%s: want %s, got %s", claim, want, r.Peek())
}

// key reads the next key of a map; ok is false for keys that no specification of this package uses: text and
// integers beyond 64 bits.
func (r *payloadReader) key() (key int64, ok bool, err error) {
	switch r.Peek() {
	case cose.KindUint, cose.KindNegative:
		probe := r.Reader
		if key, err = probe.ReadInt(); err != nil {
			return 0, false, r.Skip()
		}
		r.Reader = probe
		return key, true, nil
	}
	return 0, false, r.Skip()
}

// each reads a map and hands every key to value, which reads what stands under it or skips it. Keys that no specification
// of this package uses come as math.MinInt64.
func (r *payloadReader) each(claim string, value func(key int64) error) error {
	if r.Peek() != cose.KindMap {
		return r.wrongType(claim, "map")
	}
	n, err := r.ReadMap()
	if err != nil {
		return err
	}
	for range n {
		key, known, err := r.key()
		if err != nil {
			return err
		}
		if !known {
			key = math.MinInt64
		}
		if err := value(key); err != nil {
			return err
		}
	}
	return nil
}

func (r *payloadReader) uint(claim string, least, most uint64) (uint64, error) {
	if r.Peek() != cose.KindUint {
		return 0, r.wrongType(claim, "uint")
	}
	n, err := r.ReadUint()
	if err != nil {
		return 0, err
	}
	if n < least || n > most {
		return 0, fail(ErrMalformed, "%s: %d, want %d to %d", claim, n, least, most)
	}
	return n, nil
}

func (r *payloadReader) time(claim string) (time.Time, error) {
	n, err := r.uint(claim, 1, maxTime)
	if err != nil {
		return time.Time{}, err
	}
	return time.Unix(int64(n), 0).UTC(), nil
}

func (r *payloadReader) str(claim string, most int) (string, error) {
	if r.Peek() != cose.KindText {
		return "", r.wrongType(claim, "text")
	}
	b, err := r.ReadText()
	if err != nil {
		return "", err
	}
	if len(b) == 0 || len(b) > most {
		return "", fail(ErrMalformed, "%s: %d bytes, want 1 to %d", claim, len(b), most)
	}
	if !cose.OneLine(b) {
		return "", fail(ErrMalformed, "%s: control character", claim)
	}
	if r.text == "" {
		r.text = string(r.data)
	}
	end := r.Offset()
	return r.text[end-len(b) : end], nil
}

func (r *payloadReader) bytes(claim string, size int) ([]byte, error) {
	if r.Peek() != cose.KindBytes {
		return nil, r.wrongType(claim, "bytes")
	}
	b, err := r.ReadBytes()
	if err != nil {
		return nil, err
	}
	if len(b) != size {
		return nil, fail(ErrMalformed, "%s: %d bytes, want %d", claim, len(b), size)
	}
	return b, nil
}

func (r *payloadReader) edrpou(claim string) (string, error) {
	s, err := r.str(claim, 8)
	if err != nil {
		return "", err
	}
	if !isEDRPOU(s) {
		return "", fail(ErrMalformed, "%s: want 8 digits", claim)
	}
	return s, nil
}

func (r *payloadReader) coded(claim string) (c CodedText, err error) {
	if r.Peek() == cose.KindText {
		c.Text, err = r.str(claim, maxTitle)
		return c, err
	}
	if r.Peek() != cose.KindUint {
		return c, r.wrongType(claim, "uint or text")
	}
	n, err := r.uint(claim, 1, math.MaxUint32)
	return CodedText{Code: uint32(n)}, err
}

// cnf reads the confirmation claim {1: COSE_Key} (RFC 8747, Section 3.2).
func (r *payloadReader) cnf() (holder keys.HolderPublicKey, err error) {
	const claim = "claim 8 (cnf)"
	found := false
	err = r.each(claim, func(key int64) error {
		if key != cnfKey {
			return r.Skip()
		}
		raw, err := r.Raw()
		if err != nil {
			return err
		}
		found = true
		holder, err = parseHolderKey(raw)
		return err
	})
	if err != nil {
		return keys.HolderPublicKey{}, err
	}
	if !found {
		return holder, fail(ErrMalformed, "%s: key 1 (COSE_Key) is missing", claim)
	}
	return holder, nil
}

const cnfKey = 1 // COSE_Key in cnf (RFC 8747, Section 3.1)

func appendCnf(b []byte, holder keys.HolderPublicKey) []byte {
	b = cose.AppendUint(cose.AppendMap(cose.AppendUint(b, claimCnf), 1), cnfKey)
	return holder.AppendCOSE(b, true)
}

// parseClaims reads the payload of a token whose signature has been verified.
func parseClaims(payload []byte, c *Claims) error {
	if err := cose.Check(payload, tokenLimits); err != nil {
		return err
	}
	r := newPayloadReader(payload)
	var person bool
	err := r.each("token payload", func(key int64) (err error) {
		switch key {
		case claimIssuer:
			c.Issuer, err = r.edrpou("claim 1 (iss)")
		case claimSubject:
			c.Number, err = r.str("claim 2 (sub)", maxNumber)
		case claimExpires:
			c.ExpiresAt, err = r.time("claim 4 (exp)")
		case claimIssuedAt:
			c.IssuedAt, err = r.time("claim 6 (iat)")
		case claimCnf:
			c.Holder, err = r.cnf()
		case claimPerson:
			person = true
			err = r.person(c)
		case claimAudience, claimNotBefore, claimStatus:
			err = fail(ErrMalformed, "claim %d: not allowed in a token", key)
		default:
			err = r.Skip()
		}
		return err
	})
	if err != nil {
		return err
	}
	switch {
	case c.Issuer == "":
		return missing("claim 1 (iss)")
	case c.Number == "":
		return missing("claim 2 (sub)")
	case c.ExpiresAt.IsZero():
		return missing("claim 4 (exp)")
	case c.IssuedAt.IsZero():
		return missing("claim 6 (iat)")
	case !person:
		return missing("claim 169")
	case !c.ExpiresAt.After(c.IssuedAt):
		return fail(ErrMalformed, "claim 4 (exp): not after claim 6 (iat)")
	case c.Kind == KindStatic && !c.Holder.IsZero():
		return fail(ErrMalformed, "claim 8 (cnf): a static token has no holder key")
	case c.Kind != KindStatic && c.Holder.IsZero():
		return fail(ErrMalformed, "claim 8 (cnf): missing, a %s token needs the holder's key", c.Kind)
	}
	return nil
}

func missing(claim string) error { return fail(ErrMalformed, "%s is missing", claim) }

// person reads the value of claim 169.
func (r *payloadReader) person(c *Claims) error {
	status := false
	err := r.each("claim 169", func(key int64) (err error) {
		switch key {
		case personName:
			c.Name, err = r.str("claim 169, key 4 (name)", maxName)
		case personPosition:
			c.Position, err = r.coded("claim 169, key -1 (position)")
		case personUnit:
			c.Unit, err = r.coded("claim 169, key -2 (unit)")
		case personRank:
			var rank uint64
			rank, err = r.uint("claim 169, key -3 (rank)", 1, math.MaxUint8)
			c.Rank = uint8(rank)
		case personCategory:
			c.Category, err = r.str("claim 169, key -4 (category)", maxCategory)
		case personPhoto:
			var hash []byte
			if hash, err = r.bytes("claim 169, key -5 (photo hash)", len(c.PhotoHash)); err == nil {
				c.PhotoHash, c.HasPhoto = [20]byte(hash), true
			}
		case personStatus:
			var ref uint64
			ref, err = r.uint("claim 169, key -6 (status)", 0, math.MaxUint32)
			c.Status, status = StatusRef(ref), true
		case personKind:
			var kind uint64
			kind, err = r.uint("claim 169, key -7 (kind)", uint64(KindStatic), uint64(KindCard))
			c.Kind = Kind(kind)
		default:
			err = r.Skip()
		}
		return err
	})
	if err != nil {
		return err
	}
	switch {
	case c.Name == "":
		return missing("claim 169, key 4 (name)")
	case !status:
		return missing("claim 169, key -6 (status)")
	case !c.Position.IsZero():
		c.Face = FaceFull
	case !c.Unit.IsZero() || c.Rank != 0 || c.Category != "":
		return fail(ErrMalformed, "claim 169: unit, rank and category need a position")
	}
	return nil
}
