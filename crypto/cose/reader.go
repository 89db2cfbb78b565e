package cose

// Kind is the kind of a CBOR item, as Reader.Peek sees it.
type Kind uint8

// Kinds of items. The zero value means that there is no item left.
const (
	KindNone     Kind = iota
	KindUint          // unsigned integer
	KindNegative      // negative integer
	KindBytes         // byte string
	KindText          // text string
	KindArray         // array head
	KindMap           // map head
	KindTag           // tag head
	KindBool          // false or true
	KindNull          // null
	KindOther         // anything that Check refuses
)

var kindNames = [...]string{"nothing", "uint", "negative int", "bytes", "text", "array", "map", "tag", "bool", "null", "other"}

// String returns the English name of the kind, as errors show it.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "other"
}

// Reader walks over the bytes of one CBOR item without copying or allocating; every slice it returns points into
// its input. It is meant for bytes that Check has accepted: it does not look for order, duplicates or UTF-8 again.
// On other bytes it still never panics or reads beyond the input, it returns ErrMalformed.
//
// A map is read as its head, then n keys and values in turn. After an error the position is undefined.
type Reader struct {
	data []byte
	pos  int
}

// NewReader returns a Reader at the start of data.
func NewReader(data []byte) Reader { return Reader{data: data} }

// Done reports whether all bytes are read.
func (r *Reader) Done() bool { return r.pos >= len(r.data) }

// Offset is the number of bytes read so far.
func (r *Reader) Offset() int { return r.pos }

// Peek returns the kind of the next item without reading it.
func (r *Reader) Peek() Kind {
	if r.pos >= len(r.data) {
		return KindNone
	}
	first := r.data[r.pos]
	switch major := first >> 5; major {
	case majorSimple:
		switch first & 31 {
		case simpleFalse, simpleTrue:
			return KindBool
		case simpleNull:
			return KindNull
		}
		return KindOther
	default:
		return KindUint + Kind(major)
	}
}

// head reads one head; ok is false where the input ends or the head has no definite value.
func (r *Reader) head() (major byte, n uint64, ok bool) {
	if r.pos >= len(r.data) {
		return 0, 0, false
	}
	first := r.data[r.pos]
	r.pos++
	major, info := first>>5, first&31
	if info < 24 {
		return major, uint64(info), true
	}
	if info > 27 {
		return 0, 0, false
	}
	width := 1 << (info - 24)
	if len(r.data)-r.pos < width {
		return 0, 0, false
	}
	for _, b := range r.data[r.pos : r.pos+width] {
		n = n<<8 | uint64(b)
	}
	r.pos += width
	return major, n, true
}

func (r *Reader) mismatch(at int, want string) error {
	r.pos = at
	return refuse(ErrMalformed, "byte %d: want %s, got %s", at, want, r.Peek())
}

func (r *Reader) want(major byte, name string) (uint64, error) {
	at := r.pos
	got, n, ok := r.head()
	if !ok || got != major {
		return 0, r.mismatch(at, name)
	}
	return n, nil
}

// count reads the head of an array or map; per is the fewest bytes that one entry takes.
func (r *Reader) count(major byte, name string, per int) (int, error) {
	at := r.pos
	n, err := r.want(major, name)
	if err != nil {
		return 0, err
	}
	if n > uint64((len(r.data)-r.pos)/per) {
		return 0, refuse(ErrMalformed, "byte %d: %s of %d entries in %d bytes", at, name, n, len(r.data)-r.pos)
	}
	return int(n), nil
}

// ReadArray reads the head of an array and returns the number of its elements.
func (r *Reader) ReadArray() (int, error) { return r.count(majorArray, "array", 1) }

// ReadMap reads the head of a map and returns the number of its pairs.
func (r *Reader) ReadMap() (int, error) { return r.count(majorMap, "map", 2) }

// ReadTag reads the head of a tag and returns its number.
func (r *Reader) ReadTag() (uint64, error) { return r.want(majorTag, "tag") }

// ReadUint reads an unsigned integer.
func (r *Reader) ReadUint() (uint64, error) { return r.want(majorUint, "uint") }

// ReadInt reads an unsigned or negative integer that fits an int64.
func (r *Reader) ReadInt() (int64, error) {
	at := r.pos
	major, n, ok := r.head()
	if !ok || major > majorNegative {
		return 0, r.mismatch(at, "int")
	}
	if n > 1<<63-1 {
		return 0, refuse(ErrMalformed, "byte %d: integer does not fit 64 bits", at)
	}
	if major == majorNegative {
		return -1 - int64(n), nil
	}
	return int64(n), nil
}

func (r *Reader) str(major byte, name string) ([]byte, error) {
	at := r.pos
	n, err := r.want(major, name)
	if err != nil {
		return nil, err
	}
	if n > uint64(len(r.data)-r.pos) {
		return nil, refuse(ErrMalformed, "byte %d: %s of %d bytes, %d left", at, name, n, len(r.data)-r.pos)
	}
	end := r.pos + int(n)
	b := r.data[r.pos:end:end]
	r.pos = end
	return b, nil
}

// ReadBytes reads a byte string; the result points into the input and is never nil.
func (r *Reader) ReadBytes() ([]byte, error) { return r.str(majorBytes, "bytes") }

// ReadText reads a text string; the result points into the input.
func (r *Reader) ReadText() ([]byte, error) { return r.str(majorText, "text") }

// ReadBool reads false or true.
func (r *Reader) ReadBool() (bool, error) {
	if r.Peek() != KindBool {
		return false, r.mismatch(r.pos, "bool")
	}
	v := r.data[r.pos]&31 == simpleTrue
	r.pos++
	return v, nil
}

// ReadNull reads null.
func (r *Reader) ReadNull() error {
	if r.Peek() != KindNull {
		return r.mismatch(r.pos, "null")
	}
	r.pos++
	return nil
}

// Skip reads one whole item of any kind.
func (r *Reader) Skip() error {
	// left counts the items still to be read; every one takes a byte at least, so it is bounded by the input.
	for left := uint64(1); left > 0; left-- {
		at := r.pos
		major, n, ok := r.head()
		if !ok {
			return r.mismatch(at, "item")
		}
		rest := uint64(len(r.data) - r.pos)
		switch major {
		case majorBytes, majorText:
			if n > rest {
				return refuse(ErrMalformed, "byte %d: string of %d bytes, %d left", at, n, rest)
			}
			r.pos += int(n)
		case majorArray, majorMap:
			if n > rest {
				return refuse(ErrMalformed, "byte %d: %d entries in %d bytes", at, n, rest)
			}
			left += n
			if major == majorMap {
				left += n
			}
		case majorTag:
			left++
		}
	}
	return nil
}

// Raw reads one whole item and returns its bytes, which point into the input.
func (r *Reader) Raw() ([]byte, error) {
	start := r.pos
	if err := r.Skip(); err != nil {
		return nil, err
	}
	return r.data[start:r.pos:r.pos], nil
}
