package cose

import "slices"

// Labels of header parameters (IANA registry COSE Header Parameters).
const (
	LabelAlgorithm   int64 = 1  // alg
	LabelCritical    int64 = 2  // crit
	LabelContentType int64 = 3  // content type
	LabelKeyID       int64 = 4  // kid
	LabelKCWT        int64 = 13 // kcwt
	LabelType        int64 = 16 // typ
	LabelX5Chain     int64 = 33 // x5chain
)

// Header is a protected header: what is read of one, and what is written to one. Unknown parameters are skipped
// unless crit names them.
//
//	header = { ? 1 => int, ? 4 => bstr, ? 13 => any, ? 16 => uint / tstr, * int / tstr => any }
type Header struct {
	Algorithm Algorithm // alg; 0 = absent. ES256 and EdDSA are read as ESP256 and Ed25519
	KeyID     []byte    // kid, a hint that is never trusted alone; nil = absent, at most 32 bytes
	Type      Type      // typ; zero = absent
	KCWT      []byte    // kcwt, the raw CBOR item, a tagged COSE_Sign1; nil = absent
}

// parseHeader reads the content of a protected bucket.
func parseHeader(b []byte, p *Profile) (h Header, err error) {
	if len(b) == 0 {
		return Header{}, nil
	}
	if err := Check(b, p.Limits); err != nil {
		return Header{}, inHeader(err)
	}
	r := NewReader(b)
	n, err := r.ReadMap()
	if err != nil {
		return Header{}, refuse(ErrHeader, "protected header: want map, got %s", r.Peek())
	}
	if n == 0 && !p.EmptyMap {
		return Header{}, refuse(ErrNotCanonical, "protected header: empty map, want an empty string")
	}
	var critical []byte
	for range n {
		label, ok, err := readLabel(&r)
		if err != nil {
			return Header{}, err
		}
		if !ok {
			if err := r.Skip(); err != nil {
				return Header{}, err
			}
			continue
		}
		switch label {
		case LabelAlgorithm:
			if k := r.Peek(); k != KindUint && k != KindNegative {
				return Header{}, refuse(ErrAlgorithm, "protected header: alg: want int, got %s", k)
			}
			v, err := r.ReadInt()
			if err != nil {
				return Header{}, refuse(ErrAlgorithm, "protected header: alg: not a 64-bit integer")
			}
			if v == 0 {
				return Header{}, refuse(ErrAlgorithm, "protected header: alg 0 is reserved")
			}
			h.Algorithm = Algorithm(v).normal()
		case LabelCritical:
			if critical, err = r.Raw(); err != nil {
				return Header{}, err
			}
		case LabelKeyID:
			if k := r.Peek(); k != KindBytes {
				return Header{}, refuse(ErrHeader, "protected header: kid: want bytes, got %s", k)
			}
			if h.KeyID, err = r.ReadBytes(); err != nil {
				return Header{}, err
			}
			if len(h.KeyID) == 0 || len(h.KeyID) > maxKeyID {
				return Header{}, refuse(ErrHeader, "protected header: kid of %d bytes, want 1 to %d", len(h.KeyID), maxKeyID)
			}
		case LabelKCWT:
			if h.KCWT, err = r.Raw(); err != nil {
				return Header{}, err
			}
		case LabelType:
			if h.Type, err = readType(&r); err != nil {
				return Header{}, err
			}
		default:
			if err := r.Skip(); err != nil {
				return Header{}, err
			}
		}
	}
	if critical != nil {
		if err := checkCritical(critical, b); err != nil {
			return Header{}, err
		}
	}
	return h, nil
}

func inHeader(err error) error {
	if f, ok := err.(*fault); ok {
		return &fault{f.kind, "protected header: " + f.text}
	}
	return err
}

// readLabel reads a label; ok is false for a text label or one beyond 64 bits, none of which has a meaning here.
func readLabel(r *Reader) (label int64, ok bool, err error) {
	switch k := r.Peek(); k {
	case KindUint, KindNegative:
		major, n, _ := r.head()
		if n > 1<<63-1 {
			return 0, false, nil
		}
		if major == majorNegative {
			return -1 - int64(n), true, nil
		}
		return int64(n), true, nil
	case KindText:
		_, err := r.ReadText()
		return 0, false, err
	default:
		return 0, false, refuse(ErrHeader, "header label: want int or text, got %s", k)
	}
}

func readType(r *Reader) (Type, error) {
	switch k := r.Peek(); k {
	case KindUint:
		n, err := r.ReadUint()
		if err != nil || n == 0 || n > 1<<16-1 {
			return Type{}, refuse(ErrType, "protected header: typ %d, want 1 to 65535", n)
		}
		return Type{ContentFormat: uint16(n)}, nil
	case KindText:
		text, err := r.ReadText()
		if err != nil || len(text) == 0 || len(text) > maxMediaType {
			return Type{}, refuse(ErrType, "protected header: typ of %d bytes, want 1 to %d", len(text), maxMediaType)
		}
		return mediaType(text), nil
	default:
		return Type{}, refuse(ErrType, "protected header: typ: want uint or text, got %s", k)
	}
}

// checkCritical refuses a crit that is empty, names what is not understood, or names what the header does not carry
// (RFC 9052, Section 3.1).
func checkCritical(critical, header []byte) error {
	r := NewReader(critical)
	n, err := r.ReadArray()
	if err != nil || n == 0 {
		return refuse(ErrCritical, "crit: want array of one or more labels")
	}
	for range n {
		if k := r.Peek(); k != KindUint && k != KindNegative {
			return refuse(ErrCritical, "crit: label is %s, not understood", k)
		}
		label, err := r.ReadInt()
		if err != nil {
			return refuse(ErrCritical, "crit: label beyond 64 bits, not understood")
		}
		switch label {
		case LabelAlgorithm, LabelKeyID, LabelKCWT, LabelType:
		default:
			return refuse(ErrCritical, "crit: label %d is not understood", label)
		}
		if found, err := hasLabel(header, label); err != nil || !found {
			return refuse(ErrCritical, "crit: label %d is not in the protected header", label)
		}
	}
	return nil
}

// hasLabel reports whether the encoded map carries an integer label.
func hasLabel(header []byte, label int64) (bool, error) {
	r := NewReader(header)
	n, err := r.ReadMap()
	if err != nil {
		return false, err
	}
	for range n {
		got, ok, err := readLabel(&r)
		if err != nil {
			return false, err
		}
		if ok && got == label {
			return true, nil
		}
		if err := r.Skip(); err != nil {
			return false, err
		}
	}
	return false, nil
}

// checkUnprotected applies the profile to an unprotected bucket: only the named labels, and none that the protected
// bucket has too (RFC 9052, Section 3). alg, crit and typ are never taken from there.
func checkUnprotected(unprotected, protected []byte, p *Profile) error {
	r := NewReader(unprotected)
	n, err := r.ReadMap()
	if err != nil {
		return refuse(ErrHeader, "unprotected header: want map")
	}
	for range n {
		label, ok, err := readLabel(&r)
		if err != nil {
			return err
		}
		switch {
		case !ok:
			return refuse(ErrHeader, "unprotected header: a label that the profile does not name")
		case label == LabelAlgorithm:
			return refuse(ErrHeader, "unprotected header: alg has to be protected")
		case label == LabelCritical:
			return refuse(ErrHeader, "unprotected header: crit has to be protected")
		case label == LabelType:
			return refuse(ErrHeader, "unprotected header: typ has to be protected")
		case !slices.Contains(p.Unprotected, label):
			return refuse(ErrHeader, "unprotected header: label %d, which the profile does not name", label)
		}
		if len(protected) > 0 {
			twice, err := hasLabel(protected, label)
			if err != nil {
				return err
			}
			if twice {
				return refuse(ErrHeader, "label %d is in both headers", label)
			}
		}
		if err := r.Skip(); err != nil {
			return err
		}
	}
	return nil
}

// encode returns the content of the protected bucket: "" for an empty header, else a map in deterministic order.
func (h *Header) encode() ([]byte, error) {
	n := 0
	size := 1
	if h.Algorithm != 0 {
		n, size = n+1, size+10
	}
	if h.KeyID != nil {
		if len(h.KeyID) == 0 || len(h.KeyID) > maxKeyID {
			return nil, refuse(ErrHeader, "kid of %d bytes, want 1 to %d", len(h.KeyID), maxKeyID)
		}
		n, size = n+1, size+3+len(h.KeyID)
	}
	if h.KCWT != nil {
		lim := Limits{}.orDefault()
		lim.Depth -= 2
		if err := Check(h.KCWT, lim); err != nil {
			return nil, refuse(ErrHeader, "kcwt: %v", err)
		}
		n, size = n+1, size+1+len(h.KCWT)
	}
	if !h.Type.IsZero() {
		if h.Type.ContentFormat != 0 && h.Type.MediaType != "" || len(h.Type.MediaType) > maxMediaType {
			return nil, refuse(ErrType, "typ: want a content format or a media type of at most %d bytes", maxMediaType)
		}
		n, size = n+1, size+4+len(h.Type.MediaType)
	}
	if n == 0 {
		return nil, nil
	}
	b := AppendMap(make([]byte, 0, size), n)
	if h.Algorithm != 0 {
		b = AppendInt(AppendInt(b, LabelAlgorithm), int64(h.Algorithm))
	}
	if h.KeyID != nil {
		b = AppendBytes(AppendInt(b, LabelKeyID), h.KeyID)
	}
	if h.KCWT != nil {
		b = append(AppendInt(b, LabelKCWT), h.KCWT...)
	}
	switch {
	case h.Type.MediaType != "":
		b = AppendText(AppendInt(b, LabelType), h.Type.MediaType)
	case h.Type.ContentFormat != 0:
		b = AppendUint(AppendInt(b, LabelType), uint64(h.Type.ContentFormat))
	}
	return b, nil
}
