package credential

import (
	"bytes"

	"github.com/posvid/posvid/crypto/cose"
)

// Delivery is what the body hands to the wallet once an ID is issued or renewed. It is not signed: every token in it
// is, and the photo is pinned by the hash in the tokens.
//
//	delivery = { 1 => [ 1*4 bstr .cbor token ], ? 2 => bstr .size (4..12288), * int => any }
type Delivery struct {
	Tokens [][]byte // 1 to 4 tokens, each of a different content
	Photo  []byte   // the normalised JPEG that the tokens name by its hash; nil = none
}

// Keys of a delivery.
const (
	deliveryTokens = 1
	deliveryPhoto  = 2
)

// EncodeDelivery returns the encoded delivery. The error wraps ErrClaim when its content would not be accepted.
func EncodeDelivery(d Delivery) ([]byte, error) {
	if err := d.check(ErrClaim); err != nil {
		return nil, err
	}
	pairs := 1
	if d.Photo != nil {
		pairs = 2
	}
	b := cose.AppendMap(nil, pairs)
	b = cose.AppendArray(cose.AppendUint(b, deliveryTokens), len(d.Tokens))
	for _, token := range d.Tokens {
		b = cose.AppendBytes(b, token)
	}
	if d.Photo != nil {
		b = cose.AppendBytes(cose.AppendUint(b, deliveryPhoto), d.Photo)
	}
	return b, nil
}

// jpegStart is how every JPEG begins: start of image, then a marker.
var jpegStart = []byte{0xff, 0xd8, 0xff}

// check holds the rules for what a delivery carries.
func (d *Delivery) check(kind error) error {
	if len(d.Tokens) == 0 || len(d.Tokens) > MaxDelivered {
		return fail(kind, "delivery: %d tokens, want 1 to %d", len(d.Tokens), MaxDelivered)
	}
	for i, token := range d.Tokens {
		if _, err := ParseToken(token); err != nil {
			return err
		}
		for _, other := range d.Tokens[:i] {
			if bytes.Equal(token, other) {
				return fail(kind, "delivery: token %d is there twice", i)
			}
		}
	}
	if d.Photo != nil && (len(d.Photo) > MaxPhoto || !bytes.HasPrefix(d.Photo, jpegStart)) {
		return fail(kind, "delivery: photo of %d bytes, want a JPEG of at most %d", len(d.Photo), MaxPhoto)
	}
	return nil
}

// ParseDelivery reads a delivery and the frames of its tokens. It verifies no signature: the wallet does that with
// the trust bundle before it keeps a token. The result shares memory with data.
func ParseDelivery(data []byte) (*Delivery, error) {
	if err := cose.Check(data, deliveryLimits); err != nil {
		return nil, err
	}
	d := new(Delivery)
	r := newPayloadReader(data)
	err := r.each("delivery", func(key int64) (err error) {
		switch key {
		case deliveryTokens:
			d.Tokens, err = r.tokens()
		case deliveryPhoto:
			if r.Peek() != cose.KindBytes {
				return r.wrongType("delivery: key 2 (photo)", "bytes")
			}
			d.Photo, err = r.ReadBytes()
		default:
			err = r.Skip()
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := d.check(ErrMalformed); err != nil {
		return nil, err
	}
	return d, nil
}

func (r *payloadReader) tokens() ([][]byte, error) {
	const name = "delivery: key 1 (tokens)"
	if r.Peek() != cose.KindArray {
		return nil, r.wrongType(name, "array")
	}
	n, err := r.ReadArray()
	if err != nil {
		return nil, err
	}
	if n > MaxDelivered {
		return nil, fail(ErrMalformed, "%s: %d tokens, want 1 to %d", name, n, MaxDelivered)
	}
	all := make([][]byte, 0, n)
	for range n {
		if r.Peek() != cose.KindBytes {
			return nil, r.wrongType(name, "bytes")
		}
		token, err := r.ReadBytes()
		if err != nil {
			return nil, err
		}
		all = append(all, token)
	}
	return all, nil
}
