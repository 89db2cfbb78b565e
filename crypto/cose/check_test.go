package cose

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

// unhex reads hexadecimal with spaces.
func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// vectors returns the path of a file or folder of the standards' own vectors.
func vectors(t testing.TB, path string) string {
	t.Helper()
	root := os.Getenv("POSVID_VECTORS")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared", "vectors")
	}
	full := filepath.Join(root, filepath.FromSlash(path))
	if _, err := os.Stat(full); err != nil {
		t.Skipf("POSVID_VECTORS has no %s", path)
	}
	return full
}

var sentinels = []error{ErrMalformed, ErrNotCanonical, ErrDuplicateKey, ErrForbidden, ErrTooLarge, ErrHeader,
	ErrCritical, ErrType, ErrAlgorithm, ErrSignature, ErrKey}

// wantOnly fails unless err is exactly one sentinel, the wanted one.
func wantOnly(t testing.TB, err, want error) {
	t.Helper()
	for _, s := range sentinels {
		if errors.Is(err, s) != (s == want) {
			t.Errorf("got %v, want only %v", err, want)
			return
		}
	}
	if want == nil && err != nil {
		t.Errorf("got %v, want no error", err)
	}
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		name, data string
		want       error
	}{
		{"uint 0", "00", nil},
		{"uint 23", "17", nil},
		{"uint 24", "1818", nil},
		{"uint 255", "18ff", nil},
		{"uint 256", "190100", nil},
		{"uint 65536", "1a00010000", nil},
		{"uint 2^32", "1b0000000100000000", nil},
		{"uint 2^64-1", "1bffffffffffffffff", nil},
		{"negative -2^64", "3bffffffffffffffff", nil},
		{"empty bytes", "40", nil},
		{"text", "62 d0b6", nil},
		{"sorted map", "a2 01 01 02 02", nil},
		{"negative keys after positive", "a2 01 01 20 02", nil},
		{"short text key before long", "a2 61 62 01 62 6161 02", nil},
		{"array as a key", "a1 80 00", nil},
		{"bool and null", "83 f4 f5 f6", nil},
		{"tag 18", "d2 80", nil},
		{"tag 98", "d862 80", nil},

		{"empty input", "", ErrMalformed},
		{"trailing byte", "00 00", ErrMalformed},
		{"trailing after a map", "a0 f6", ErrMalformed},
		{"head cut", "19 01", ErrMalformed},
		{"string cut", "42 00", ErrMalformed},
		{"text cut inside a letter", "61 d0", ErrMalformed},
		{"array cut", "82 00", ErrMalformed},
		{"map cut after the key", "a1 00", ErrMalformed},
		{"tag cut", "d2", ErrMalformed},
		{"reserved 28", "1c", ErrMalformed},
		{"reserved 29 in a map", "bd", ErrMalformed},
		{"reserved simple 30", "fe", ErrMalformed},
		{"integer with information 31", "1f", ErrMalformed},
		{"tag with information 31", "df 00", ErrMalformed},
		{"stray break", "ff", ErrMalformed},
		{"break in an array", "81 ff", ErrMalformed},
		{"text not UTF-8", "62 c328", ErrMalformed},
		{"text a surrogate", "63 eda080", ErrMalformed},

		{"uint 23 in two bytes", "1817", ErrNotCanonical},
		{"uint 255 in three bytes", "1900ff", ErrNotCanonical},
		{"uint 65535 in five bytes", "1a0000ffff", ErrNotCanonical},
		{"uint 2^32-1 in nine bytes", "1b00000000ffffffff", ErrNotCanonical},
		{"negative not shortest", "3800", ErrNotCanonical},
		{"string length not shortest", "5801 00", ErrNotCanonical},
		{"array length not shortest", "9800", ErrNotCanonical},
		{"map length not shortest", "b800", ErrNotCanonical},
		{"tag not shortest", "d812 80", ErrNotCanonical},
		{"value not shortest", "a1 01 1805", ErrNotCanonical},
		{"indefinite bytes", "5f ff", ErrNotCanonical},
		{"indefinite text", "7f 60 ff", ErrNotCanonical},
		{"indefinite array", "9f ff", ErrNotCanonical},
		{"indefinite map", "bf ff", ErrNotCanonical},
		{"map unsorted", "a2 02 01 01 01", ErrNotCanonical},
		{"negative key first", "a2 20 01 01 01", ErrNotCanonical},
		{"length-first order", "a3 0a 00 20 00 1864 00", ErrNotCanonical},
		{"nested map unsorted", "81 a2 02 00 01 00", ErrNotCanonical},

		{"key twice", "a2 01 01 01 02", ErrDuplicateKey},
		{"text key twice", "a2 6161 01 6161 01", ErrDuplicateKey},
		{"key twice, deep", "a1 01 a2 02 00 02 00", ErrDuplicateKey},

		{"half float", "f9 3c00", ErrForbidden},
		{"single float", "fa 3fc00000", ErrForbidden},
		{"double float", "fb 3ff199999999999a", ErrForbidden},
		{"NaN", "f9 7e00", ErrForbidden},
		{"NaN with a payload", "f9 7e01", ErrForbidden},
		{"infinity as a key", "a1 f9 7c00 00", ErrForbidden},
		{"undefined", "f7", ErrForbidden},
		{"simple 0", "e0", ErrForbidden},
		{"simple 59", "f8 3b", ErrForbidden},
		{"simple false in two bytes", "f8 14", ErrForbidden},
		{"tag 0", "c0 60", ErrForbidden},
		{"tag 2 bignum", "c2 41 01", ErrForbidden},
		{"tag 61", "d83d a0", ErrForbidden},
		{"tag 55799", "d9d9f7 00", ErrForbidden},
		{"tag 998", "d903e6 80", ErrForbidden},

		{"nine levels", strings.Repeat("81", 9) + "00", ErrTooLarge},
		{"tags count as levels", strings.Repeat("d2", 9) + "00", ErrTooLarge},
		{"array over the limit", "990101", ErrTooLarge},
		{"map over the limit", "b90101", ErrTooLarge},
		{"array of 2^64-1", "9bffffffffffffffff", ErrTooLarge},
		{"string of 2^64-1", "5bffffffffffffffff", ErrTooLarge},
		{"string over the limit", "5a00010001", ErrTooLarge},
	} {
		t.Run(c.name, func(t *testing.T) {
			wantOnly(t, Check(unhex(t, c.data), Limits{}), c.want)
		})
	}
}

func TestCheckLimits(t *testing.T) {
	array := func(n int) []byte {
		b := AppendArray(nil, n)
		for range n {
			b = AppendUint(b, 0)
		}
		return b
	}
	nest := func(n int) []byte { return append(bytes.Repeat([]byte{0x81}, n), 0) }
	for _, c := range []struct {
		name string
		data []byte
		lim  Limits
		want error
	}{
		{"bytes max", make([]byte, 1), Limits{Bytes: 1}, nil},
		{"bytes max+1", []byte{0x18, 0x18}, Limits{Bytes: 1}, ErrTooLarge},
		{"items max-1", array(9), Limits{Items: 10}, nil},
		{"items max", array(10), Limits{Items: 10}, nil},
		{"items max+1", array(11), Limits{Items: 10}, ErrTooLarge},
		{"depth max", nest(3), Limits{Depth: 3}, nil},
		{"depth max+1", nest(4), Limits{Depth: 3}, ErrTooLarge},
		{"depth is capped itself", nest(maxDepth + 1), Limits{Depth: math.MaxInt}, ErrTooLarge},
		{"string max", AppendBytes(nil, make([]byte, 9)), Limits{String: 9}, nil},
		{"string max+1", AppendBytes(nil, make([]byte, 10)), Limits{String: 9}, ErrTooLarge},
		{"default bytes", AppendBytes(nil, make([]byte, DefaultBytes)), Limits{}, ErrTooLarge},
		{"default depth", nest(DefaultDepth), Limits{}, nil},
		{"default items", array(DefaultItems), Limits{}, nil},
		{"negative limits are defaults", nest(DefaultDepth + 1), Limits{Depth: -1}, ErrTooLarge},
	} {
		t.Run(c.name, func(t *testing.T) { wantOnly(t, Check(c.data, c.lim), c.want) })
	}
}

func TestCheckAllocatesNothing(t *testing.T) {
	data, err := Marshal(map[int]any{1: "текст", 2: []int{1, 2, 300}, 4: make([]byte, 100), -1: map[int]any{1: true, 2: nil}})
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() {
		if Check(data, Limits{}) != nil {
			t.Error("refused")
		}
	}); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

func TestCheckErrorsNameThePlace(t *testing.T) {
	err := Check(unhex(t, "a2 01 01 01 02"), Limits{})
	if err == nil || err.Error() != "cose: byte 3: map key appears twice" {
		t.Errorf("got %v", err)
	}
}

// TestAppendixA runs every item of RFC 8949, Appendix A: which ones the gate takes follows from the rules, and what
// it takes the library reads and writes back to the same bytes.
func TestAppendixA(t *testing.T) {
	raw, err := os.ReadFile(vectors(t, "rfc8949-appendix-a/appendix_a.json"))
	if err != nil {
		t.Fatal(err)
	}
	var items []struct {
		Hex        string
		Roundtrip  bool
		Diagnostic string
	}
	if err := json.Unmarshal(raw, &items); err != nil {
		t.Fatal(err)
	}
	if len(items) != 82 {
		t.Fatalf("%d items, want 82", len(items))
	}
	accepted := 0
	for _, item := range items {
		data := unhex(t, item.Hex)
		// What is refused, by the first byte of the item or by what the appendix says of it.
		var want error
		switch first := data[0]; {
		case !item.Roundtrip && first>>5 == majorSimple:
			want = ErrForbidden
		case first == 0x5f || first == 0x7f || first == 0x9f || first == 0xbf:
			want = ErrNotCanonical
		case first >= 0xf9 || first == 0xf7 || first == 0xf0 || first == 0xf8:
			want = ErrForbidden
		case first>>5 == majorTag:
			want = ErrForbidden
		case !item.Roundtrip || first>>5 >= majorArray && (bytes.IndexByte(data, 0x9f) > 0 || bytes.IndexByte(data, 0xbf) > 0):
			want = ErrNotCanonical
		}
		err := Check(data, Limits{})
		wantOnly(t, err, want)
		if t.Failed() {
			t.Fatalf("item %s (%s)", item.Hex, item.Diagnostic)
		}
		if err == nil {
			accepted++
			reencode(t, data)
		}
	}
	t.Logf("%d of %d items are accepted", accepted, len(items))
}

var generic = mustMode(cbor.DecOptions{
	DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden, MaxNestedLevels: 64,
}.DecMode())

var coreDeterministic = mustMode(cbor.CoreDetEncOptions().EncMode())

// reencode is the oracle of the gate: the library reads the bytes without a schema and writes the same bytes.
func reencode(t testing.TB, data []byte) {
	t.Helper()
	var v any
	if err := generic.Unmarshal(data, &v); err != nil {
		var unhashable *cbor.InvalidMapKeyTypeError
		if errors.As(err, &unhashable) {
			return // a container as a map key has no Go value
		}
		t.Fatalf("accepted, but the library refuses %x: %v", data, err)
	}
	again, err := coreDeterministic.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(again, data) {
		t.Fatalf("accepted %x, re-encodes as %x", data, again)
	}
}

func FuzzCheck(f *testing.F) {
	for _, s := range []string{"00", "a2010102f6", "82f4f5", "d28443a10126a04040", "d862844040a00080", "1817", "a201010101", "f97e01", "5fff",
		"a1801b7fffffffffffffff", "3bffffffffffffffff", "62d0b6"} {
		f.Add(unhex(f, s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		err := Check(data, Limits{})
		r := NewReader(data)
		if skipped := r.Skip(); err == nil && (skipped != nil || !r.Done()) {
			t.Fatalf("accepted %x, but the reader stops: %v", data, skipped)
		}
		walk(data)
		if err != nil {
			return
		}
		reencode(t, data)
	})
}

// walk reads any bytes with every method of a Reader; it must not panic.
func walk(data []byte) {
	r := NewReader(data)
	for !r.Done() {
		at := r.Offset()
		var err error
		switch r.Peek() {
		case KindUint:
			_, err = r.ReadUint()
		case KindNegative:
			_, err = r.ReadInt()
		case KindBytes:
			_, err = r.ReadBytes()
		case KindText:
			_, err = r.ReadText()
		case KindArray:
			_, err = r.ReadArray()
		case KindMap:
			_, err = r.ReadMap()
		case KindTag:
			_, err = r.ReadTag()
		case KindBool:
			_, err = r.ReadBool()
		case KindNull:
			err = r.ReadNull()
		default:
			_, err = r.Raw()
		}
		if err != nil || r.Offset() <= at {
			return
		}
	}
}

func TestReader(t *testing.T) {
	b := AppendMap(nil, 9)
	b = AppendInt(AppendInt(b, 0), -500)
	b = AppendText(AppendInt(b, 1), "так")
	b = AppendBytes(AppendInt(b, 2), nil)
	b = AppendBool(AppendInt(b, 3), true)
	b = AppendNull(AppendInt(b, 4))
	b = AppendUint(AppendInt(b, 5), math.MaxUint64)
	b = AppendArray(AppendTag(AppendInt(b, 6), 18), 0)
	b = AppendInt(AppendInt(b, 7), math.MinInt64)
	b = AppendBool(AppendArray(AppendInt(b, 8), 1), false)
	if err := Check(b, Limits{}); err != nil {
		t.Fatal(err)
	}
	r := NewReader(b)
	key := func(want int64) {
		t.Helper()
		if got, err := r.ReadInt(); err != nil || got != want {
			t.Fatalf("key %d, %v; want %d", got, err, want)
		}
	}
	if n, err := r.ReadMap(); n != 9 || err != nil {
		t.Fatal(n, err)
	}
	key(0)
	if v, err := r.ReadInt(); v != -500 || err != nil {
		t.Error(v, err)
	}
	key(1)
	if v, err := r.ReadText(); string(v) != "так" || err != nil {
		t.Error(v, err)
	}
	key(2)
	if v, err := r.ReadBytes(); v == nil || len(v) != 0 || err != nil {
		t.Error(v, err)
	}
	key(3)
	if v, err := r.ReadBool(); !v || err != nil {
		t.Error(v, err)
	}
	key(4)
	if err := r.ReadNull(); err != nil {
		t.Error(err)
	}
	key(5)
	if v, err := r.ReadUint(); v != math.MaxUint64 || err != nil {
		t.Error(v, err)
	}
	key(6)
	if v, err := r.Raw(); !bytes.Equal(v, []byte{0xd2, 0x80}) || err != nil {
		t.Error(v, err)
	}
	key(7)
	if v, err := r.ReadInt(); v != math.MinInt64 || err != nil {
		t.Error(v, err)
	}
	key(8)
	if r.Done() || r.Skip() != nil || !r.Done() || r.Peek() != KindNone {
		t.Error("the end is not the end")
	}

	for name, read := range map[string]func(r *Reader) error{
		"00 as bytes":                     func(r *Reader) error { _, err := r.ReadBytes(); return err },
		"40 as text":                      func(r *Reader) error { _, err := r.ReadText(); return err },
		"60 as uint":                      func(r *Reader) error { _, err := r.ReadUint(); return err },
		"20 as uint":                      func(r *Reader) error { _, err := r.ReadUint(); return err },
		"f6 as int":                       func(r *Reader) error { _, err := r.ReadInt(); return err },
		"1bffffffffffffffff as int":       func(r *Reader) error { _, err := r.ReadInt(); return err },
		"3b8000000000000000 as int":       func(r *Reader) error { _, err := r.ReadInt(); return err },
		"a0 as array":                     func(r *Reader) error { _, err := r.ReadArray(); return err },
		"80 as map":                       func(r *Reader) error { _, err := r.ReadMap(); return err },
		"80 as tag":                       func(r *Reader) error { _, err := r.ReadTag(); return err },
		"f6 as bool":                      func(r *Reader) error { _, err := r.ReadBool(); return err },
		"f5 as null":                      func(r *Reader) error { return r.ReadNull() },
		"43 cut":                          func(r *Reader) error { _, err := r.ReadBytes(); return err },
		"9bffffffffffffffff more than is": func(r *Reader) error { _, err := r.ReadArray(); return err },
		"bbffffffffffffffff skipped":      func(r *Reader) error { return r.Skip() },
		"5bffffffffffffffff skipped":      func(r *Reader) error { return r.Skip() },
		"9f00ff skipped":                  func(r *Reader) error { return r.Skip() },
		"d2 skipped":                      func(r *Reader) error { return r.Skip() },
	} {
		hexa, _, _ := strings.Cut(name, " ")
		r := NewReader(unhex(t, hexa))
		if err := read(&r); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: got %v, want ErrMalformed", name, err)
		}
	}
	var empty Reader
	if err := empty.Skip(); !errors.Is(err, ErrMalformed) {
		t.Errorf("empty: got %v", err)
	}
}

func TestReaderAllocatesNothing(t *testing.T) {
	data, err := Marshal(map[int]any{1: "текст", 2: []int{1, 2, 300}, 4: make([]byte, 100)})
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() { walk(data) }); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

func TestMarshal(t *testing.T) {
	type object struct {
		B []byte `cbor:"2,keyasint"`
		A int    `cbor:"1,keyasint"`
	}
	data, err := Marshal(object{A: 24})
	if err != nil || !bytes.Equal(data, unhex(t, "a2 01 1818 02 40")) {
		t.Errorf("got %x, %v", data, err)
	}
	var back object
	// The key 3 is unknown to the struct and is skipped.
	if err := Unmarshal(unhex(t, "a3 01 1818 02 41 05 03 f5"), &back, Limits{}); err != nil || back.A != 24 || back.B[0] != 5 {
		t.Errorf("got %+v, %v", back, err)
	}
	for name, c := range map[string]struct {
		err, want error
	}{
		"marshal float":         {second(Marshal(1.5)), ErrForbidden},
		"marshal float in map":  {second(Marshal(map[int]any{1: float32(2)})), ErrForbidden},
		"marshal NaN":           {second(Marshal(math.NaN())), ErrMalformed},
		"marshal channel":       {second(Marshal(make(chan int))), ErrMalformed},
		"marshal bad text":      {second(Marshal("\xff")), ErrMalformed},
		"marshal foreign tag":   {second(Marshal(cbor.Tag{Number: 1, Content: 0})), ErrForbidden},
		"marshal raw unsorted":  {second(Marshal(cbor.RawMessage{0xa2, 2, 1, 1, 1})), ErrNotCanonical},
		"unmarshal null":        {Unmarshal(unhex(t, "a2 01 01 02 f6"), &back, Limits{}), ErrForbidden}, // COSE-33
		"unmarshal text as int": {Unmarshal(unhex(t, "a1 01 60"), &back, Limits{}), ErrMalformed},
		"unmarshal overflow":    {Unmarshal(unhex(t, "a1 01 1bffffffffffffffff"), &back, Limits{}), ErrMalformed},
		"unmarshal array":       {Unmarshal(unhex(t, "80"), &back, Limits{}), ErrMalformed},
		"unmarshal unsorted":    {Unmarshal(unhex(t, "a2 02 40 01 00"), &back, Limits{}), ErrNotCanonical},
		"unmarshal too long":    {Unmarshal(unhex(t, "a1 01 00"), &back, Limits{Bytes: 2}), ErrTooLarge},
		"unmarshal no pointer":  {Unmarshal(unhex(t, "a0"), back, Limits{}), ErrMalformed},
		"unmarshal panic":       {Unmarshal(unhex(t, "a0"), &panics{}, Limits{}), ErrMalformed},
		"marshal panic":         {second(Marshal(&panics{})), ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) { wantOnly(t, c.err, c.want) })
	}
}

func second[T any](_ T, err error) error { return err }

// panics stands for a bug of the CBOR library.
type panics struct{}

func (*panics) UnmarshalCBOR([]byte) error   { panic("index out of range") }
func (*panics) MarshalCBOR() ([]byte, error) { panic("index out of range") }
