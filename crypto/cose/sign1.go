package cose

// Profile says which form of a signed object is acceptable. The zero Profile is the strictest: the tag is required,
// the unprotected header is empty, the payload is embedded and no typ is carried.
type Profile struct {
	Limits      Limits  // of the object, and of its protected header for itself; zero = package defaults
	Type        Type    // the typ that is required; zero = typ has to be absent
	AnyType     bool    // whatever typ is accepted and the caller looks at it: for tools that show and trust nothing
	Unprotected []int64 // labels that the unprotected header may carry; never 1 (alg), 2 (crit), 16 (typ)
	Untagged    bool    // the object comes without its tag and must not have it
	Detached    bool    // the payload is null and travels elsewhere
	EmptyMap    bool    // an empty protected header may also be written as an empty map
}

func (p *Profile) checkType(t Type) error {
	if !p.AnyType && t != p.Type {
		return refuse(ErrType, "typ %q, want %q", t.String(), p.Type.String())
	}
	return nil
}

// Sign1 is a COSE_Sign1 (RFC 9052, Section 4.2) that has the right shape; nothing in it is true before Verify has
// returned nil. Its slices point into the bytes it was parsed from, which must not change. It is safe for parallel use.
//
//	COSE_Sign1 = #6.18([ protected: bstr .cbor header, unprotected: map, payload: bstr / null, signature: bstr ])
type Sign1 struct {
	Header      Header // protected header
	Protected   []byte // content of the protected bucket, as signed
	Unprotected []byte // the unprotected map, raw; `a0` unless the profile names a label
	Payload     []byte // nil when detached
	Signature   []byte // as on the wire: r‖s, 64 bytes of Ed25519, or ML-DSA

	tbs []byte // Sig_structure with empty external_aad; nil when detached
}

// ParseSign1 reads a COSE_Sign1. It checks the object and its protected header with Check, demands disjoint buckets,
// alg in the protected one, and the typ of the profile. It does not look into the payload. Errors are ErrMalformed,
// ErrNotCanonical, ErrDuplicateKey, ErrForbidden, ErrTooLarge, ErrHeader, ErrCritical, ErrType and ErrAlgorithm.
func ParseSign1(data []byte, p Profile) (*Sign1, error) {
	if err := Check(data, p.Limits); err != nil {
		return nil, err
	}
	r := NewReader(data)
	if err := readFrame(&r, tagSign1, p.Untagged); err != nil {
		return nil, err
	}
	m := new(Sign1)
	var err error
	if m.Protected, m.Unprotected, m.Header, err = readBuckets(&r, &p); err != nil {
		return nil, err
	}
	if m.Header.Algorithm == 0 {
		return nil, refuse(ErrAlgorithm, "protected header: no alg")
	}
	if err := p.checkType(m.Header.Type); err != nil {
		return nil, err
	}
	if m.Payload, err = readPayload(&r, p.Detached); err != nil {
		return nil, err
	}
	if m.Signature, err = readSignature(&r); err != nil {
		return nil, err
	}
	if !p.Detached {
		m.tbs = m.AppendToBeSigned(make([]byte, 0, len(m.Protected)+len(m.Payload)+sigStructureOverhead), nil, m.Payload)
	}
	return m, nil
}

// readFrame reads the tag and the head of the array of four that COSE_Sign1 and COSE_Sign share.
func readFrame(r *Reader, tag uint64, untagged bool) error {
	if !untagged {
		if k := r.Peek(); k != KindTag {
			return refuse(ErrMalformed, "want tag %d, got %s", tag, k)
		}
		got, err := r.ReadTag()
		if err != nil {
			return err
		}
		if got != tag {
			return refuse(ErrMalformed, "want tag %d, got tag %d", tag, got)
		}
	}
	if k := r.Peek(); k != KindArray {
		return refuse(ErrMalformed, "want array of 4, got %s", k)
	}
	n, err := r.ReadArray()
	if err != nil {
		return err
	}
	if n != 4 {
		return refuse(ErrMalformed, "want array of 4, got array of %d", n)
	}
	return nil
}

// readBuckets reads the two header buckets and applies the profile to them, but for typ.
func readBuckets(r *Reader, p *Profile) (protected, unprotected []byte, h Header, err error) {
	if k := r.Peek(); k != KindBytes {
		return nil, nil, Header{}, refuse(ErrHeader, "protected header: want bytes, got %s", k)
	}
	if protected, err = r.ReadBytes(); err != nil {
		return nil, nil, Header{}, err
	}
	if h, err = parseHeader(protected, p); err != nil {
		return nil, nil, Header{}, err
	}
	if k := r.Peek(); k != KindMap {
		return nil, nil, Header{}, refuse(ErrHeader, "unprotected header: want map, got %s", k)
	}
	if unprotected, err = r.Raw(); err != nil {
		return nil, nil, Header{}, err
	}
	if len(unprotected) > 1 {
		if err := checkUnprotected(unprotected, protected, p); err != nil {
			return nil, nil, Header{}, err
		}
	}
	return protected, unprotected, h, nil
}

func readPayload(r *Reader, detached bool) ([]byte, error) {
	k := r.Peek()
	switch {
	case detached && k != KindNull:
		return nil, refuse(ErrMalformed, "payload: want null (detached), got %s", k)
	case detached:
		return nil, r.ReadNull()
	case k != KindBytes:
		return nil, refuse(ErrMalformed, "payload: want bytes, got %s", k)
	}
	return r.ReadBytes()
}

func readSignature(r *Reader) ([]byte, error) {
	if k := r.Peek(); k != KindBytes {
		return nil, refuse(ErrMalformed, "signature: want bytes, got %s", k)
	}
	sig, err := r.ReadBytes()
	if err != nil {
		return nil, err
	}
	if len(sig) == 0 {
		return nil, refuse(ErrMalformed, "signature: empty")
	}
	return sig, nil
}

// Texts that open a Sig_structure (RFC 9052, Section 4.4).
const (
	contextSign1 = "Signature1"
	contextSign  = "Signature"
)

// sigStructureOverhead covers the heads of a Sig_structure: the array, the context and three or four strings.
const sigStructureOverhead = 1 + 1 + len(contextSign1) + 4*9

// signedProtected is the protected bucket as it enters a Sig_structure: an empty map counts as no bytes
// (RFC 9052, Section 4.4).
func signedProtected(b []byte) []byte {
	if len(b) == 1 && b[0] == majorMap<<5 {
		return nil
	}
	return b
}

// appendSigStructure appends ["Signature1", protected, external_aad, payload].
func appendSigStructure(dst, protected, externalAAD, payload []byte) []byte {
	dst = AppendText(AppendArray(dst, 4), contextSign1)
	dst = AppendBytes(dst, signedProtected(protected))
	dst = AppendBytes(dst, externalAAD)
	return AppendBytes(dst, payload)
}

// SignedBytes returns the Sig_structure that the signature covers, with empty external_aad: the identity of what was
// said, unlike the signature, which others can rewrite. It is nil for a detached payload and must not be changed.
func (m *Sign1) SignedBytes() []byte { return m.tbs }

// AppendToBeSigned appends the Sig_structure over the given external_aad and payload.
func (m *Sign1) AppendToBeSigned(dst, externalAAD, payload []byte) []byte {
	return appendSigStructure(dst, m.Protected, externalAAD, payload)
}

// Verify checks the signature over the embedded payload. Only nil means that key made it. Errors are ErrAlgorithm
// when alg is not the key's own, ErrSignature, ErrKey for a nil key, and ErrMalformed for a detached payload.
func (m *Sign1) Verify(key *PublicKey) error {
	if m == nil || m.tbs == nil {
		return refuse(ErrMalformed, "payload is detached")
	}
	return verify(key, m.Header.Algorithm, m.tbs, m.Signature)
}

// VerifyAAD is Verify with external_aad (RFC 9052, Section 4.3).
func (m *Sign1) VerifyAAD(key *PublicKey, externalAAD []byte) error {
	if m == nil || m.tbs == nil {
		return refuse(ErrMalformed, "payload is detached")
	}
	return verify(key, m.Header.Algorithm, m.AppendToBeSigned(nil, externalAAD, m.Payload), m.Signature)
}

// VerifyDetached checks the signature over a payload that travelled apart from the object.
func (m *Sign1) VerifyDetached(key *PublicKey, payload, externalAAD []byte) error {
	if m == nil || m.tbs != nil {
		return refuse(ErrMalformed, "payload is embedded")
	}
	return verify(key, m.Header.Algorithm, m.AppendToBeSigned(nil, externalAAD, payload), m.Signature)
}

// verify checks that alg is the key's own before anything is computed.
func verify(key *PublicKey, alg Algorithm, tbs, sig []byte) error {
	if key == nil {
		return refuse(ErrKey, "no key")
	}
	if alg != key.alg {
		return refuse(ErrAlgorithm, "protected header: alg %d (%s), want %d (%s)", int64(alg), alg, int64(key.alg), key.alg)
	}
	return key.Verify(tbs, sig)
}

// Signer makes signatures: a software key or an adapter to an HSM. It must be safe for parallel use.
type Signer interface {
	// Algorithm is the one algorithm of the key.
	Algorithm() Algorithm
	// Public is the key that verifies what Sign makes.
	Public() *PublicKey
	// Sign returns the COSE signature over toBeSigned, which it hashes itself as the algorithm says: r‖s for ECDSA,
	// 64 bytes for Ed25519, 3,309 bytes for ML-DSA-65.
	Sign(toBeSigned []byte) ([]byte, error)
}

// ToBeSigned returns the Sig_structure of a COSE_Sign1 that does not exist yet, so that an issuer can store exactly
// what it is about to sign. h.Algorithm has to be set.
func ToBeSigned(h Header, payload []byte) ([]byte, error) {
	protected, err := h.encodeSigned()
	if err != nil {
		return nil, err
	}
	dst := make([]byte, 0, len(protected)+len(payload)+sigStructureOverhead)
	return appendSigStructure(dst, protected, nil, payload), nil
}

// encodeSigned encodes the protected header of one signature.
func (h *Header) encodeSigned() ([]byte, error) {
	if h.Algorithm.SignatureSize() == 0 {
		return nil, refuse(ErrAlgorithm, "alg %d (%s) is not written", int64(h.Algorithm), h.Algorithm)
	}
	return h.encode()
}

// AssembleSign1 joins the parts whose ToBeSigned was signed into a tagged COSE_Sign1.
func AssembleSign1(h Header, payload, signature []byte) ([]byte, error) {
	protected, err := h.encodeSigned()
	if err != nil {
		return nil, err
	}
	if len(signature) != h.Algorithm.SignatureSize() {
		return nil, refuse(ErrSignature, "signature of %d bytes, want %d for %s", len(signature), h.Algorithm.SignatureSize(), h.Algorithm)
	}
	dst := make([]byte, 0, len(protected)+len(payload)+len(signature)+3+3*9)
	dst = AppendArray(AppendTag(dst, tagSign1), 4)
	dst = AppendBytes(dst, protected)
	dst = AppendMap(dst, 0)
	dst = AppendBytes(dst, payload)
	return AppendBytes(dst, signature), nil
}

// EncodeSign1 signs payload and returns the tagged COSE_Sign1 with an empty unprotected header. h.Algorithm may be
// left 0, then it is the signer's; another one than the signer's is ErrAlgorithm.
func EncodeSign1(s Signer, h Header, payload []byte) ([]byte, error) {
	if err := h.adopt(s); err != nil {
		return nil, err
	}
	tbs, err := ToBeSigned(h, payload)
	if err != nil {
		return nil, err
	}
	sig, err := s.Sign(tbs)
	if err != nil {
		return nil, err
	}
	return AssembleSign1(h, payload, sig)
}

// adopt sets alg to that of the signer.
func (h *Header) adopt(s Signer) error {
	if s == nil {
		return refuse(ErrKey, "no signer")
	}
	alg := s.Algorithm()
	if h.Algorithm != 0 && h.Algorithm != alg {
		return refuse(ErrAlgorithm, "header says alg %d (%s), signer has %d (%s)", int64(h.Algorithm), h.Algorithm, int64(alg), alg)
	}
	h.Algorithm = alg
	return nil
}
