package cose

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/sha512"
	"slices"
	"sync"

	"github.com/cloudflare/circl/sign/mldsa/mldsa65"
)

// Labels and values of COSE_Key (RFC 9052, Section 7.1; RFC 9053, Section 7; RFC 9964).
const (
	keyType      = 1
	keyID        = 2
	keyAlgorithm = 3
	keyOps       = 4

	ktyOKP = 1
	ktyEC2 = 2
	ktyAKP = 7

	crvP256    = 1
	crvP384    = 2
	crvEd25519 = 6

	opSign   = 1
	opVerify = 2
)

// PublicKey verifies signatures of exactly one algorithm. It is immutable and safe for parallel use; it holds the
// key ready for use, so verifying again costs no parsing. An ML-DSA key, which takes twenty times its encoded size, is
// unpacked at its first use: a file may name many keys that nobody ever asks. The zero value verifies nothing.
type PublicKey struct {
	alg   Algorithm
	ec    ecdsa.PublicKey           // EC2 key
	xy    [2 * 48]byte              // coordinates of an EC2 key, size bytes each; x alone of an Ed25519 key
	size  int                       // bytes of one coordinate; 0 for ML-DSA
	mldsa func() *mldsa65.PublicKey // unpacks akp when it is first needed, nil for other algorithms
	akp   []byte                    // encoded ML-DSA key
}

func (k *PublicKey) x() []byte { return k.xy[:k.size] }

// y is the second coordinate of an EC2 key.
func (k *PublicKey) y() []byte { return k.xy[k.size : 2*k.size] }

// NewPublicKey wraps an *ecdsa.PublicKey on P-256 or P-384, an ed25519.PublicKey or a *mldsa65.PublicKey. Its
// algorithm follows from its kind.
func NewPublicKey(key crypto.PublicKey) (*PublicKey, error) {
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		if k == nil || k.Curve == nil {
			return nil, refuse(ErrKey, "no key")
		}
		switch k.Curve {
		case elliptic.P256(), elliptic.P384():
		default:
			return nil, refuse(ErrKey, "curve %s, want P-256 or P-384", k.Curve.Params().Name)
		}
		point, err := k.Bytes()
		if err != nil {
			return nil, refuse(ErrKey, "not a point of the curve")
		}
		return newEC(k.Curve, point)
	case ed25519.PublicKey:
		return newEd25519(k)
	case *mldsa65.PublicKey:
		if k == nil {
			return nil, refuse(ErrKey, "no key")
		}
		return newMLDSA(k.Bytes())
	}
	return nil, refuse(ErrKey, "key of type %T is not supported", key)
}

func curveAlgorithm(curve elliptic.Curve) Algorithm {
	if curve == elliptic.P384() {
		return ESP384
	}
	return ESP256
}

// newEC makes a key of an uncompressed point, which is checked to lie on the curve.
func newEC(curve elliptic.Curve, point []byte) (*PublicKey, error) {
	pub, err := ecdsa.ParseUncompressedPublicKey(curve, point)
	if err != nil {
		return nil, refuse(ErrKey, "not a point of the curve")
	}
	k := &PublicKey{alg: curveAlgorithm(curve), ec: *pub, size: len(point) / 2}
	copy(k.xy[:], point[1:])
	return k, nil
}

func newEd25519(k []byte) (*PublicKey, error) {
	if len(k) != ed25519.PublicKeySize {
		return nil, refuse(ErrKey, "Ed25519 key of %d bytes, want %d", len(k), ed25519.PublicKeySize)
	}
	out := &PublicKey{alg: Ed25519, size: len(k)}
	copy(out.xy[:], k)
	if isSmallOrder([32]byte(out.x())) {
		return nil, refuse(ErrKey, "Ed25519 key of small order")
	}
	return out, nil
}

// smallOrder lists the y coordinates of the points of order 1, 2, 4 and 8 of edwards25519 (RFC 8032, Section 5.1),
// little-endian, with their encodings above p. Under such a key one signature fits many messages.
var smallOrder = [...][32]byte{
	{0x00},
	{0x01},
	{0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
		0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
	{0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
		0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
	besideP(0xec), besideP(0xed), besideP(0xee), // p−1, p, p+1
}

// besideP is a number beside p = 2^255−19, which is ed ff … ff 7f, by its lowest byte.
func besideP(low byte) (y [32]byte) {
	for i := range y {
		y[i] = 0xff
	}
	y[0], y[31] = low, 0x7f
	return y
}

func isSmallOrder(y [32]byte) bool {
	y[31] &= 0x7f // the sign of x
	return slices.Contains(smallOrder[:], y)
}

func newMLDSA(k []byte) (*PublicKey, error) {
	if len(k) != mldsa65.PublicKeySize {
		return nil, refuse(ErrKey, "ML-DSA-65 key of %d bytes, want %d", len(k), mldsa65.PublicKeySize)
	}
	akp := bytes.Clone(k)
	unpack := sync.OnceValue(func() *mldsa65.PublicKey {
		pub := new(mldsa65.PublicKey)
		pub.Unpack((*[mldsa65.PublicKeySize]byte)(akp)) // every string of this length is a key (FIPS 204, Algorithm 23)
		return pub
	})
	return &PublicKey{alg: MLDSA65, mldsa: unpack, akp: akp}, nil
}

// ParseCompressedP256 makes a P-256 key of its x coordinate, 32 bytes big-endian, and the sign of y (true = odd).
func ParseCompressedP256(x []byte, ySign bool) (*PublicKey, error) {
	return newCompressed(elliptic.P256(), x, ySign)
}

// newCompressed finds y. The library has checked the point when it hands out the coordinates, so they are used as
// they are: checking twice would cost a tenth of a verification.
func newCompressed(curve elliptic.Curve, x []byte, ySign bool) (*PublicKey, error) {
	size := (curve.Params().BitSize + 7) / 8
	if len(x) != size {
		return nil, refuse(ErrKey, "x of %d bytes, want %d", len(x), size)
	}
	k := &PublicKey{alg: curveAlgorithm(curve), size: size}
	point := append(k.xy[:0], 2) // the key's own room serves as the buffer until the coordinates are known
	if ySign {
		point[0] = 3
	}
	px, py := elliptic.UnmarshalCompressed(curve, append(point, x...))
	if px == nil {
		return nil, refuse(ErrKey, "x is not on the curve")
	}
	//lint:ignore SA1019 the coordinates come from the library and are never changed
	k.ec = ecdsa.PublicKey{Curve: curve, X: px, Y: py}
	px.FillBytes(k.x())
	py.FillBytes(k.y())
	return k, nil
}

// keyLimits bounds a COSE_Key: the longest member is an ML-DSA-65 key of 1,952 bytes.
var keyLimits = Limits{Bytes: 4096, Depth: 3, Items: 16, String: 2048}

// coseKey holds the members of a COSE_Key as they are read.
type coseKey struct {
	kty     int64
	alg     Algorithm
	crv     int64
	b1, b2  []byte // members -1 and -2 where they are byte strings
	y       []byte // member -3
	ySign   bool
	yIsBool bool
	private []byte // member -4, or -2 of an AKP key
	ops     int    // bits of opSign and opVerify; -1 = no key_ops
}

// parseKey reads a COSE_Key, public or private.
//
//	COSE_Key = { 1 => 1 / 2 / 7, ? 2 => bstr, ? 3 => int, ? 4 => [+ int], -1 => int / bstr, -2 => bstr, ? -3 => bstr / bool, ? -4 => bstr }
func parseKey(data []byte) (k coseKey, err error) {
	if err := Check(data, keyLimits); err != nil {
		return coseKey{}, err
	}
	k.ops = -1
	r := NewReader(data)
	if got := r.Peek(); got != KindMap {
		return coseKey{}, refuse(ErrKey, "COSE_Key: want map, got %s", got)
	}
	n, err := r.ReadMap()
	if err != nil {
		return coseKey{}, err
	}
	for range n {
		label, ok, err := readLabel(&r)
		if err != nil {
			return coseKey{}, refuse(ErrKey, "COSE_Key: label is not an int or a text")
		}
		if ok {
			ok, err = k.member(label, &r)
		}
		if err == nil && !ok {
			err = r.Skip()
		}
		if err != nil {
			return coseKey{}, err
		}
	}
	if k.kty == ktyAKP {
		k.private, k.b2 = k.b2, nil
	}
	return k, nil
}

// member reads the value of one label; ok is false for a label that has no meaning here.
func (k *coseKey) member(label int64, r *Reader) (ok bool, err error) {
	wrong := func(want string) (bool, error) {
		return false, refuse(ErrKey, "COSE_Key: member %d: want %s, got %s", label, want, r.Peek())
	}
	kind := r.Peek()
	isInt := kind == KindUint || kind == KindNegative
	switch label {
	case keyType, keyAlgorithm:
		if !isInt {
			return wrong("int")
		}
		v, err := r.ReadInt()
		if err != nil {
			return false, refuse(ErrKey, "COSE_Key: member %d does not fit 64 bits", label)
		}
		if label == keyType {
			k.kty = v
		} else {
			k.alg = Algorithm(v)
		}
	case keyID:
		if kind != KindBytes {
			return wrong("bytes")
		}
		_, err = r.ReadBytes()
	case keyOps:
		if kind != KindArray {
			return wrong("array")
		}
		err = k.readOps(r)
	case -1:
		switch {
		case isInt:
			if k.crv, err = r.ReadInt(); err != nil {
				return false, refuse(ErrKey, "COSE_Key: member -1 does not fit 64 bits")
			}
		case kind == KindBytes:
			k.b1, err = r.ReadBytes()
		default:
			return wrong("int or bytes")
		}
	case -2:
		if kind != KindBytes {
			return wrong("bytes")
		}
		k.b2, err = r.ReadBytes()
	case -3:
		switch kind {
		case KindBytes:
			k.y, err = r.ReadBytes()
		case KindBool:
			k.ySign, err = r.ReadBool()
			k.yIsBool = true
		default:
			return wrong("bytes or bool")
		}
	case -4:
		if kind != KindBytes {
			return wrong("bytes")
		}
		k.private, err = r.ReadBytes()
	default:
		return false, nil
	}
	return true, err
}

func (k *coseKey) readOps(r *Reader) error {
	n, err := r.ReadArray()
	if err != nil {
		return err
	}
	if n == 0 {
		return refuse(ErrKey, "COSE_Key: key_ops is empty")
	}
	k.ops = 0
	for range n {
		v, err := r.ReadInt()
		if err != nil {
			return refuse(ErrKey, "COSE_Key: key_ops: want int")
		}
		switch v {
		case opSign, opVerify:
			k.ops |= 1 << v
		}
	}
	return nil
}

// public builds the public half and binds its algorithm.
func (k *coseKey) public() (*PublicKey, error) {
	var pub *PublicKey
	var err error
	switch {
	case k.kty == ktyEC2 && (k.crv == crvP256 || k.crv == crvP384) && k.b1 == nil:
		curve := elliptic.P256()
		if k.crv == crvP384 {
			curve = elliptic.P384()
		}
		size := (curve.Params().BitSize + 7) / 8
		switch {
		case k.yIsBool:
			pub, err = newCompressed(curve, k.b2, k.ySign)
		case len(k.b2) != size || len(k.y) != size:
			return nil, refuse(ErrKey, "COSE_Key: coordinates of %d and %d bytes, want %d each", len(k.b2), len(k.y), size)
		default:
			var buf [1 + 2*48]byte
			pub, err = newEC(curve, append(append(append(buf[:0], 4), k.b2...), k.y...))
		}
	case k.kty == ktyOKP && k.crv == crvEd25519 && k.b1 == nil && k.y == nil && !k.yIsBool:
		pub, err = newEd25519(k.b2)
	case k.kty == ktyAKP && k.crv == 0 && k.y == nil && !k.yIsBool:
		if k.alg != MLDSA65 {
			return nil, refuse(ErrAlgorithm, "COSE_Key: alg %d (%s), want %d (%s)", int64(k.alg), k.alg, int64(MLDSA65), MLDSA65)
		}
		pub, err = newMLDSA(k.b1)
	default:
		return nil, refuse(ErrKey, "COSE_Key: kty %d, crv %d is not supported", k.kty, k.crv)
	}
	if err != nil {
		return nil, err
	}
	if k.alg != 0 && k.alg != pub.alg && !(k.alg == ES256 && pub.alg == ESP256) && !(k.alg == EdDSA && pub.alg == Ed25519) {
		return nil, refuse(ErrAlgorithm, "COSE_Key: alg %d (%s), want %d (%s)", int64(k.alg), k.alg, int64(pub.alg), pub.alg)
	}
	return pub, nil
}

// ParsePublicKey reads a public COSE_Key of a kind that is supported: EC2 on P-256 or P-384 with y as bytes or as a
// sign bit, OKP on Ed25519, AKP with ML-DSA-65. alg and key_ops, where present, have to allow the one use the key has
// here. A key with its private member is refused: it does not belong where a public one is read.
func ParsePublicKey(key []byte) (*PublicKey, error) {
	k, err := parseKey(key)
	if err != nil {
		return nil, err
	}
	if k.private != nil {
		return nil, refuse(ErrKey, "COSE_Key: private key where a public one is wanted")
	}
	if k.ops >= 0 && k.ops&(1<<opVerify) == 0 {
		return nil, refuse(ErrKey, "COSE_Key: key_ops does not allow verify")
	}
	return k.public()
}

// Algorithm is the one algorithm that the key verifies.
func (k *PublicKey) Algorithm() Algorithm {
	if k == nil {
		return 0
	}
	return k.alg
}

// Verify checks one signature over toBeSigned, which it hashes as the algorithm says. Only nil means that it is
// good; every other outcome is ErrSignature, or ErrKey for an empty key.
func (k *PublicKey) Verify(toBeSigned, sig []byte) error {
	if k == nil || k.alg == 0 {
		return refuse(ErrKey, "no key")
	}
	if len(sig) != k.alg.SignatureSize() {
		return refuse(ErrSignature, "signature of %d bytes, want %d for %s", len(sig), k.alg.SignatureSize(), k.alg)
	}
	good := false
	switch k.alg {
	case ESP256:
		digest := sha256.Sum256(toBeSigned)
		good = k.verifyEC(digest[:], sig)
	case ESP384:
		digest := sha512.Sum384(toBeSigned)
		good = k.verifyEC(digest[:], sig)
	case Ed25519:
		good = ed25519.Verify(k.x(), toBeSigned, sig)
	case MLDSA65:
		good = mldsa65.Verify(k.mldsa(), toBeSigned, nil, sig)
	}
	if !good {
		return refuse(ErrSignature, "signature does not verify (%s)", k.alg)
	}
	return nil
}

// derBuffers spares an allocation a verification: the library makes its argument escape.
var derBuffers = sync.Pool{New: func() any { return new([derMax]byte) }}

func (k *PublicKey) verifyEC(digest, sig []byte) bool {
	buf := derBuffers.Get().(*[derMax]byte)
	defer derBuffers.Put(buf)
	return ecdsa.VerifyASN1(&k.ec, digest, appendDER(buf[:0], sig))
}

// derMax is the longest SEQUENCE of two INTEGERs of 48 bytes each.
const derMax = 2 + 2*(2+1+48)

// appendDER rewrites r‖s as the ASN.1 SEQUENCE that crypto/ecdsa takes. A zero r or s stays zero and fails there.
func appendDER(dst, sig []byte) []byte {
	at := len(dst)
	dst = append(dst, 0x30, 0)
	half := len(sig) / 2
	dst = appendDERInteger(dst, sig[:half])
	dst = appendDERInteger(dst, sig[half:])
	dst[at+1] = byte(len(dst) - at - 2)
	return dst
}

func appendDERInteger(dst, v []byte) []byte {
	for len(v) > 1 && v[0] == 0 {
		v = v[1:]
	}
	if v[0] >= 0x80 {
		dst = append(dst, 0x02, byte(len(v)+1), 0)
	} else {
		dst = append(dst, 0x02, byte(len(v)))
	}
	return append(dst, v...)
}

// MarshalCOSE returns the COSE_Key with the required members only, y in full: the form that RFC 9679 hashes.
func (k *PublicKey) MarshalCOSE() []byte { return k.AppendCOSE(nil, false) }

// AppendCOSE appends the COSE_Key; compressed writes y of an EC2 key as its sign bit, 31 bytes shorter on P-256.
func (k *PublicKey) AppendCOSE(dst []byte, compressed bool) []byte {
	if k == nil {
		return dst
	}
	switch k.alg {
	case ESP256, ESP384:
		crv := int64(crvP256)
		if k.alg == ESP384 {
			crv = crvP384
		}
		dst = AppendInt(AppendInt(AppendMap(dst, 4), keyType), ktyEC2)
		dst = AppendInt(AppendInt(dst, -1), crv)
		dst = AppendBytes(AppendInt(dst, -2), k.x())
		if compressed {
			return AppendBool(AppendInt(dst, -3), k.xy[2*k.size-1]&1 == 1)
		}
		return AppendBytes(AppendInt(dst, -3), k.y())
	case Ed25519:
		dst = AppendInt(AppendInt(AppendMap(dst, 3), keyType), ktyOKP)
		dst = AppendInt(AppendInt(dst, -1), crvEd25519)
		return AppendBytes(AppendInt(dst, -2), k.x())
	case MLDSA65:
		dst = AppendInt(AppendInt(AppendMap(dst, 3), keyType), ktyAKP)
		dst = AppendInt(AppendInt(dst, keyAlgorithm), int64(MLDSA65))
		return AppendBytes(AppendInt(dst, -1), k.akp)
	}
	return dst
}

// Thumbprint is the SHA-256 thumbprint of RFC 9679. Two keys are the same key exactly when it is equal.
func (k *PublicKey) Thumbprint() [32]byte {
	var buf [128]byte
	return sha256.Sum256(k.AppendCOSE(buf[:0], false))
}

// KeyID returns the first n bytes of the thumbprint, n from 1 to 32.
func (k *PublicKey) KeyID(n int) []byte {
	t := k.Thumbprint()
	return bytes.Clone(t[:min(max(n, 1), len(t))])
}

// Equal reports whether both are the same key. A nil or empty key equals none.
func (k *PublicKey) Equal(other *PublicKey) bool {
	return k != nil && other != nil && k.alg != 0 && k.alg == other.alg &&
		k.xy == other.xy && bytes.Equal(k.akp, other.akp)
}

// Crypto returns the key as the standard library or circl knows it: *ecdsa.PublicKey, ed25519.PublicKey or
// *mldsa65.PublicKey. The result must not be changed.
func (k *PublicKey) Crypto() crypto.PublicKey {
	switch k.Algorithm() {
	case ESP256, ESP384:
		return &k.ec
	case Ed25519:
		return ed25519.PublicKey(bytes.Clone(k.x()))
	case MLDSA65:
		return k.mldsa()
	}
	return nil
}
