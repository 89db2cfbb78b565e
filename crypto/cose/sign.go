package cose

// Sign is a COSE_Sign (RFC 9052, Section 4.1) that has the right shape; nothing in it is true before Verify has
// returned nil for as many signatures as the caller demands. Its slices point into the bytes it was parsed from.
//
//	COSE_Sign = #6.98([ protected: bstr .cbor header, unprotected: map, payload: bstr, signatures: [ + COSE_Signature ] ])
//	COSE_Signature = [ protected: bstr .cbor header, unprotected: map, signature: bstr ]
type Sign struct {
	Header      Header // protected header of the body; it has no alg
	Protected   []byte // content of the body's protected bucket, as signed
	Unprotected []byte // the body's unprotected map, raw
	Payload     []byte // nil when detached
	Signatures  []Signature

	detached bool
}

// Signature is one signature of a COSE_Sign.
type Signature struct {
	Header      Header // protected header of the signer
	Protected   []byte // content of its protected bucket, as signed
	Unprotected []byte // its unprotected map, raw
	Signature   []byte // as on the wire
}

// ParseSign reads a COSE_Sign. The profile applies to the body and to every signature alike, but typ belongs to the
// body and alg to each signature. Errors are those of ParseSign1.
func ParseSign(data []byte, p Profile) (*Sign, error) {
	if err := Check(data, p.Limits); err != nil {
		return nil, err
	}
	r := NewReader(data)
	if err := readFrame(&r, tagSign, p.Untagged); err != nil {
		return nil, err
	}
	m := &Sign{detached: p.Detached}
	var err error
	if m.Protected, m.Unprotected, m.Header, err = readBuckets(&r, &p); err != nil {
		return nil, err
	}
	if m.Header.Algorithm != 0 {
		return nil, refuse(ErrHeader, "protected header of the body: alg belongs to the signatures")
	}
	if err := p.checkType(m.Header.Type); err != nil {
		return nil, err
	}
	if m.Payload, err = readPayload(&r, p.Detached); err != nil {
		return nil, err
	}
	if k := r.Peek(); k != KindArray {
		return nil, refuse(ErrMalformed, "signatures: want array, got %s", k)
	}
	n, err := r.ReadArray()
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, refuse(ErrMalformed, "signatures: none")
	}
	if n > maxSignatures {
		return nil, refuse(ErrTooLarge, "%d signatures, limit %d", n, maxSignatures)
	}
	m.Signatures = make([]Signature, n)
	for i := range m.Signatures {
		if err := m.Signatures[i].read(&r, &p); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (s *Signature) read(r *Reader, p *Profile) error {
	if k := r.Peek(); k != KindArray {
		return refuse(ErrMalformed, "signature: want array of 3, got %s", k)
	}
	n, err := r.ReadArray()
	if err != nil {
		return err
	}
	if n != 3 {
		return refuse(ErrMalformed, "signature: want array of 3, got array of %d", n)
	}
	if s.Protected, s.Unprotected, s.Header, err = readBuckets(r, p); err != nil {
		return err
	}
	if s.Header.Algorithm == 0 {
		return refuse(ErrAlgorithm, "protected header of a signature: no alg")
	}
	if !s.Header.Type.IsZero() {
		return refuse(ErrHeader, "protected header of a signature: typ belongs to the body")
	}
	s.Signature, err = readSignature(r)
	return err
}

// appendSigStructureOf appends ["Signature", body_protected, sign_protected, external_aad, payload].
func appendSigStructureOf(dst, body, signer, externalAAD, payload []byte) []byte {
	dst = AppendText(AppendArray(dst, 5), contextSign)
	dst = AppendBytes(dst, signedProtected(body))
	dst = AppendBytes(dst, signedProtected(signer))
	dst = AppendBytes(dst, externalAAD)
	return AppendBytes(dst, payload)
}

// Verify checks signature i over the embedded payload. Errors are those of Sign1.Verify, and ErrMalformed when there
// is no signature i.
func (m *Sign) Verify(i int, key *PublicKey) error {
	if m == nil || m.detached {
		return refuse(ErrMalformed, "payload is detached")
	}
	return m.verify(i, key, m.Payload, nil)
}

// VerifyAAD is Verify with external_aad.
func (m *Sign) VerifyAAD(i int, key *PublicKey, externalAAD []byte) error {
	if m == nil || m.detached {
		return refuse(ErrMalformed, "payload is detached")
	}
	return m.verify(i, key, m.Payload, externalAAD)
}

// VerifyDetached checks signature i over a payload that travelled apart from the object.
func (m *Sign) VerifyDetached(i int, key *PublicKey, payload, externalAAD []byte) error {
	if m == nil || !m.detached {
		return refuse(ErrMalformed, "payload is embedded")
	}
	return m.verify(i, key, payload, externalAAD)
}

func (m *Sign) verify(i int, key *PublicKey, payload, externalAAD []byte) error {
	if i < 0 || i >= len(m.Signatures) {
		return refuse(ErrMalformed, "signature %d of %d", i, len(m.Signatures))
	}
	s := &m.Signatures[i]
	dst := make([]byte, 0, len(m.Protected)+len(s.Protected)+len(externalAAD)+len(payload)+sigStructureOverhead)
	return verify(key, s.Header.Algorithm, appendSigStructureOf(dst, m.Protected, s.Protected, externalAAD, payload), s.Signature)
}

// SignatureSigner is one signature to be made: who makes it and the protected header it gets, usually a kid.
type SignatureSigner struct {
	Signer Signer
	Header Header // Algorithm may be left 0, then it is the signer's
}

// EncodeSign signs payload with every signer, in order, and returns the tagged COSE_Sign. h is the protected header
// of the body and has no alg.
func EncodeSign(h Header, payload []byte, signers []SignatureSigner) ([]byte, error) {
	signatures := make([]Signature, len(signers))
	for i, s := range signers {
		tbs, err := ToBeSignedOf(h, payload, s)
		if err != nil {
			return nil, err
		}
		sig, err := s.Signer.Sign(tbs)
		if err != nil {
			return nil, err
		}
		s.Header.Algorithm = s.Signer.Algorithm()
		signatures[i] = Signature{Header: s.Header, Signature: sig}
	}
	return AssembleSign(h, payload, signatures)
}

// ToBeSignedOf returns the Sig_structure of one signature of a COSE_Sign that does not exist yet: members of a
// threshold sign it apart from each other.
func ToBeSignedOf(h Header, payload []byte, s SignatureSigner) ([]byte, error) {
	if err := s.Header.adopt(s.Signer); err != nil {
		return nil, err
	}
	body, err := h.encodeBody()
	if err != nil {
		return nil, err
	}
	signer, err := s.Header.encodeSigner()
	if err != nil {
		return nil, err
	}
	dst := make([]byte, 0, len(body)+len(signer)+len(payload)+sigStructureOverhead)
	return appendSigStructureOf(dst, body, signer, nil, payload), nil
}

func (h *Header) encodeBody() ([]byte, error) {
	if h.Algorithm != 0 {
		return nil, refuse(ErrHeader, "header of the body: alg belongs to the signatures")
	}
	return h.encode()
}

func (h *Header) encodeSigner() ([]byte, error) {
	if !h.Type.IsZero() {
		return nil, refuse(ErrHeader, "header of a signature: typ belongs to the body")
	}
	return h.encodeSigned()
}

// AssembleSign joins signatures that were made over ToBeSignedOf into a tagged COSE_Sign. Of each Signature only
// Header and Signature are used.
func AssembleSign(h Header, payload []byte, signatures []Signature) ([]byte, error) {
	if len(signatures) == 0 {
		return nil, refuse(ErrMalformed, "signatures: none")
	}
	if len(signatures) > maxSignatures {
		return nil, refuse(ErrTooLarge, "%d signatures, limit %d", len(signatures), maxSignatures)
	}
	body, err := h.encodeBody()
	if err != nil {
		return nil, err
	}
	dst := make([]byte, 0, len(body)+len(payload)+64+len(signatures)*3500)
	dst = AppendArray(AppendTag(dst, tagSign), 4)
	dst = AppendBytes(dst, body)
	dst = AppendMap(dst, 0)
	dst = AppendBytes(dst, payload)
	dst = AppendArray(dst, len(signatures))
	for i := range signatures {
		s := &signatures[i]
		protected, err := s.Header.encodeSigner()
		if err != nil {
			return nil, err
		}
		if len(s.Signature) != s.Header.Algorithm.SignatureSize() {
			return nil, refuse(ErrSignature, "signature of %d bytes, want %d for %s", len(s.Signature), s.Header.Algorithm.SignatureSize(), s.Header.Algorithm)
		}
		dst = AppendBytes(AppendArray(dst, 3), protected)
		dst = AppendMap(dst, 0)
		dst = AppendBytes(dst, s.Signature)
	}
	return dst, nil
}
