package nfc

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/subtle"
	"math/big"
)

// insGeneralAuthenticate signs, and authenticates both ways (SP 800-73-5, Part 2, Section 3.2.4).
const insGeneralAuthenticate = 0x87

// minExponent is the least public exponent of an RSA key (SP 800-78-5, Table 1).
const minExponent = 65537

// AlgorithmOf gives the algorithm identifier of a public key: P-256, P-384, or RSA of exactly 2048 or 3072 bits with an
// exponent from 65,537. ErrUsage for any other.
func AlgorithmOf(public crypto.PublicKey) (Algorithm, error) {
	switch k := public.(type) {
	case *ecdsa.PublicKey:
		switch k.Curve {
		case elliptic.P256():
			return AlgorithmP256, nil
		case elliptic.P384():
			return AlgorithmP384, nil
		}
	case *rsa.PublicKey:
		switch bits := k.N.BitLen(); {
		case k.E < minExponent:
			return 0, fail(ErrUsage, "RSA key with the exponent %d, want %d or more", k.E, minExponent)
		case bits == 2048:
			return AlgorithmRSA2048, nil
		case bits == 3072:
			return AlgorithmRSA3072, nil
		default:
			return 0, fail(ErrUsage, "RSA key of %d bits, want 2048 or 3072", bits)
		}
	}
	return 0, fail(ErrUsage, "key of type %T, want P-256, P-384, RSA-2048 or RSA-3072", public)
}

// challengeSize is the number of bytes that are signed under an algorithm; 0 for one that does not sign.
func (a Algorithm) challengeSize() int {
	switch a {
	case AlgorithmP256:
		return 32
	case AlgorithmP384:
		return 48
	case AlgorithmRSA2048:
		return 256
	case AlgorithmRSA3072:
		return 384
	}
	return 0
}

// Challenge is what a card is asked to sign, once. Its content is random and says nothing, so that the signature can be
// used for nothing else.
type Challenge struct {
	Algorithm Algorithm
	Data      []byte // what the card signs: a digest (32 or 48 bytes), or an encoded block as long as the RSA modulus
	public    crypto.PublicKey
	digest    []byte
}

// NewChallenge makes a fresh challenge for a key: for P-256 and P-384 a random string as long as the digest that the
// card signs; for RSA a random SHA-256 digest in the EMSA-PKCS1-v1_5 encoding (RFC 8017, Section 9.2).
// ErrUsage for another kind of key.
func NewChallenge(public crypto.PublicKey) (*Challenge, error) {
	algorithm, err := AlgorithmOf(public)
	if err != nil {
		return nil, err
	}
	c := &Challenge{Algorithm: algorithm, public: public}
	size := algorithm.challengeSize()
	if _, isRSA := public.(*rsa.PublicKey); isRSA {
		c.digest = make([]byte, 32)
		_, _ = rand.Read(c.digest) // never fails (crypto/rand)
		c.Data = encodePKCS1(c.digest, size)
		return c, nil
	}
	c.Data = make([]byte, size)
	_, _ = rand.Read(c.Data) // never fails (crypto/rand)
	return c, nil
}

// sha256Info is the DER prefix of a SHA-256 DigestInfo (RFC 8017, Section 9.2, note 1).
var sha256Info = []byte{0x30, 0x31, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20}

// encodePKCS1 gives the block 00 01 FF … FF 00 DigestInfo of size bytes.
func encodePKCS1(digest []byte, size int) []byte {
	block := make([]byte, size)
	block[1] = 0x01
	tail := size - len(sha256Info) - len(digest)
	for i := 2; i < tail-1; i++ {
		block[i] = 0xFF
	}
	copy(block[tail:], sha256Info)
	copy(block[tail+len(sha256Info):], digest)
	return block
}

// Verify checks the card's signature: ECDSA in DER, or the bytes of an RSA signature. Both forms of an ECDSA signature
// (s and n−s) are accepted, as cards make either. ErrSignature otherwise.
func (c *Challenge) Verify(signature []byte) error {
	good := false
	switch k := c.public.(type) {
	case *ecdsa.PublicKey:
		good = ecdsa.VerifyASN1(k, c.Data, signature)
	case *rsa.PublicKey:
		good = rsa.VerifyPKCS1v15(k, crypto.SHA256, c.digest, signature) == nil
	}
	if !good {
		return fail(ErrSignature, "GENERAL AUTHENTICATE: the answer of %d bytes is no signature of the challenge by this key", len(signature))
	}
	return nil
}

// Authenticate has a key of the card sign data: a digest for P-256 and P-384, a whole encoded block for RSA, which goes in a
// chain where the reader carries short APDUs only. Data must be fresh and random ([NewChallenge]): never what somebody
// else chose. An error that wraps ErrAccess when the key wants a PIN or is not for this interface.
func (p *PIV) Authenticate(ctx context.Context, key KeyReference, algorithm Algorithm, data []byte) (signature []byte, err error) {
	if n := algorithm.challengeSize(); n == 0 || len(data) != n {
		return nil, fail(ErrUsage, "GENERAL AUTHENTICATE: challenge of %d bytes for algorithm %02X, want %d", len(data), byte(algorithm), n)
	}
	template, err := p.generalAuthenticate(ctx, key, algorithm, TLV{Tag: 0x82}, TLV{Tag: 0x81, Value: data})
	if err != nil {
		return nil, err
	}
	return template.only(0x82)
}

// dynamicTemplate is what a card answers to GENERAL AUTHENTICATE inside 7C.
type dynamicTemplate struct {
	command string
	fields  []TLV
}

// only gives the value of the one field of the template, which must not be empty.
func (d dynamicTemplate) only(want Tag) ([]byte, error) {
	if len(d.fields) != 1 || d.fields[0].Tag != want || len(d.fields[0].Value) == 0 {
		return nil, fail(ErrMalformed, "%s: want one field %s in the answer, got %d fields", d.command, want, len(d.fields))
	}
	return d.fields[0].Value, nil
}

// generalAuthenticate sends the fields in a dynamic authentication template, 7C, and gives those of the answer.
func (p *PIV) generalAuthenticate(ctx context.Context, key KeyReference, algorithm Algorithm, fields ...TLV) (dynamicTemplate, error) {
	var body []byte
	for _, f := range fields {
		body = AppendTLV(body, f.Tag, f.Value)
	}
	d := dynamicTemplate{command: "GENERAL AUTHENTICATE " + hexUpper([]byte{byte(key)}) + " with algorithm " + hexUpper([]byte{byte(algorithm)})}
	r, err := p.session.Do(ctx, CommandAPDU{INS: insGeneralAuthenticate, P1: byte(algorithm), P2: byte(key), Data: AppendTLV(nil, 0x7C, body), Le: LeMost})
	if err != nil {
		return d, err
	}
	if err := r.Err(d.command); err != nil {
		return d, err
	}
	if len(r.Data) == 0 {
		return d, nil
	}
	value, err := ParseOne(r.Data, 0x7C, TLVOptions{})
	if err == nil {
		d.fields, err = parseTLV(value, false)
	}
	if err != nil {
		return d, within(d.command, err)
	}
	return d, nil
}

// parsePublicKey reads the public key of GENERATE ASYMMETRIC KEY PAIR: 7F49 {86 point} or {81 modulus, 82 exponent}.
func parsePublicKey(algorithm Algorithm, answer []byte) (crypto.PublicKey, error) {
	value, err := ParseOne(answer, 0x7F49, TLVOptions{})
	if err != nil {
		return nil, err
	}
	switch algorithm {
	case AlgorithmP256, AlgorithmP384:
		fields, err := uniqueTLV("public key", value, 0x06, 0x86)
		if err != nil {
			return nil, err
		}
		curve := elliptic.P256()
		if algorithm == AlgorithmP384 {
			curve = elliptic.P384()
		}
		public, err := ecdsa.ParseUncompressedPublicKey(curve, fields[0x86])
		if err != nil {
			return nil, failWith(ErrMalformed, err, "public key")
		}
		return public, nil
	case AlgorithmRSA2048, AlgorithmRSA3072:
		fields, err := uniqueTLV("public key", value, 0x06, 0x81, 0x82)
		if err != nil {
			return nil, err
		}
		modulus, exponent := new(big.Int).SetBytes(fields[0x81]), new(big.Int).SetBytes(fields[0x82])
		if modulus.BitLen() != 8*algorithm.challengeSize() || modulus.Bit(0) == 0 {
			return nil, fail(ErrMalformed, "public key: modulus of %d bits, want %d and odd", modulus.BitLen(), 8*algorithm.challengeSize())
		}
		if !exponent.IsInt64() || exponent.Int64() < minExponent || exponent.Int64() > 1<<31-1 || exponent.Bit(0) == 0 {
			return nil, fail(ErrMalformed, "public key: exponent of %d bits, want an odd one from 65537", exponent.BitLen())
		}
		return &rsa.PublicKey{N: modulus, E: int(exponent.Int64())}, nil
	}
	return nil, fail(ErrUsage, "algorithm %02X has no key pair", byte(algorithm))
}

// equal compares in constant time.
func equal(a, b []byte) bool { return subtle.ConstantTimeCompare(a, b) == 1 }
