package codes

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func sample(t testing.TB) *Table {
	t.Helper()
	tab := NewTable()
	for _, row := range [][2]string{{"слідчий", "investigator"}, {"старший слідчий", ""}} {
		if _, err := tab.Assign(Position, row[0], row[1]); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := tab.Assign(Unit, "Відділ", "Office"); err != nil {
		t.Fatal(err)
	}
	return tab
}

// golden is the encoding of sample, byte by byte.
var golden = []byte("" +
	"\xa2" + // map, 2 pairs
	"\x01" + // key 1: positions
	"\x84" + // array, 4 texts: 2 entries
	"\x6e" + "слідчий" + // text, 14 bytes: uk of entry 1
	"\x6c" + "investigator" + // text, 12 bytes: en of entry 1
	"\x78\x1d" + "старший слідчий" + // text, 29 bytes: uk of entry 2
	"\x60" + // empty text: entry 2 has no English name
	"\x02" + // key 2: units
	"\x82" + // array, 2 texts: 1 entry
	"\x6c" + "Відділ" + // text, 12 bytes
	"\x66" + "Office") // text, 6 bytes

func TestGolden(t *testing.T) {
	if got := sample(t).Encode(); !bytes.Equal(got, golden) {
		t.Fatalf("encoding\n%x\nwant\n%x", got, golden)
	}
	tab, err := Decode(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got := tab.Encode(); !bytes.Equal(got, golden) {
		t.Errorf("re-encoding differs: %x", got)
	}
	if e, ok := tab.Lookup(Position, 2); !ok || e != (Entry{Code: 2, UK: "старший слідчий"}) {
		t.Errorf("position 2 = %+v, %v", e, ok)
	}
	if e, ok := tab.Lookup(Unit, 1); !ok || e != (Entry{Code: 1, UK: "Відділ", EN: "Office"}) {
		t.Errorf("unit 1 = %+v, %v", e, ok)
	}
	if got := NewTable().Encode(); !bytes.Equal(got, []byte{0xa0}) {
		t.Errorf("empty table = %x, want a0", got)
	}
	if _, err := Decode([]byte{0xa0}); err != nil {
		t.Errorf("empty table: %v", err)
	}
}

func TestLookupUnknown(t *testing.T) {
	tab := sample(t)
	for _, c := range []struct {
		kind Kind
		code uint32
	}{{Position, 0}, {Position, 3}, {Position, 1<<32 - 1}, {Unit, 0}, {Unit, 2}, {0, 1}, {3, 1}, {255, 1}} {
		if e, ok := tab.Lookup(c.kind, c.code); ok || e != (Entry{}) {
			t.Errorf("%v %d: got %+v, %v", c.kind, c.code, e, ok)
		}
	}
	if tab.Len(0) != 0 || tab.Entries(9) != nil {
		t.Error("an unknown kind has entries")
	}
}

func TestAssignRefuses(t *testing.T) {
	long := strings.Repeat("я", MaxText/2)
	for _, c := range []struct {
		name   string
		kind   Kind
		uk, en string
		want   error
	}{
		{"kind 0", 0, "а", "", ErrKind},
		{"kind 3", 3, "а", "", ErrKind},
		{"empty uk", Position, "", "x", ErrText},
		{"uk one over", Position, long + "a", "", ErrText},
		{"en one over", Position, "а", long + "a", ErrText},
		{"uk not UTF-8", Position, "\xd0", "", ErrText},
		{"en not UTF-8", Unit, "а", "\xff", ErrText},
		{"control", Unit, "а\nб", "", ErrText},
		{"delete", Unit, "а\x7f", "", ErrText},
	} {
		t.Run(c.name, func(t *testing.T) {
			tab := sample(t)
			code, err := tab.Assign(c.kind, c.uk, c.en)
			if code != 0 || !errors.Is(err, c.want) {
				t.Errorf("got %d, %v, want 0, %v", code, err, c.want)
			}
			if !bytes.Equal(tab.Encode(), golden) {
				t.Error("a refused text changed the table")
			}
		})
	}
	tab := NewTable()
	if code, err := tab.Assign(Position, long, long); code != 1 || err != nil {
		t.Errorf("texts of exactly %d bytes: %d, %v", MaxText, code, err)
	}
	if _, err := Decode(tab.Encode()); err != nil {
		t.Errorf("texts of exactly %d bytes: %v", MaxText, err)
	}
}

func TestAssignFull(t *testing.T) {
	tab := NewTable()
	tab.lists[0].added = make([]Entry, MaxEntries)
	tab.lists[0].index = map[rowText]uint32{{"стара", ""}: 7}
	if code, err := tab.Assign(Position, "нова", ""); code != 0 || !errors.Is(err, ErrFull) {
		t.Errorf("got %d, %v, want ErrFull", code, err)
	}
	if code, err := tab.Assign(Position, "стара", ""); code != 7 || err != nil {
		t.Errorf("existing text in a full table: %d, %v", code, err)
	}
}

func TestDecodeRefuses(t *testing.T) {
	for _, c := range []struct{ name, data string }{
		{"nothing", ""},
		{"not a map", "\x80"},
		{"trailing byte", string(golden) + "\x00"},
		{"map head not shortest", "\xb8\x01\x01\x82\x61a\x60"},
		{"indefinite map", "\xbf\xff"},
		{"kinds out of order", "\xa2\x02\x82\x61a\x60\x01\x82\x61a\x60"},
		{"kind twice", "\xa2\x01\x82\x61a\x60\x01\x82\x61a\x60"},
		{"negative kind", "\xa1\x20\x82\x61a\x60"},
		{"text kind", "\xa1\x61a\x82\x61a\x60"},
		{"kind not shortest", "\xa1\x18\x01\x82\x61a\x60"},
		{"too many kinds", "\xb8\x21"},
		{"no entries", "\xa1\x01\x80"},
		{"odd number of texts", "\xa1\x01\x83\x61a\x60\x61b"},
		{"more texts than data", "\xa1\x01\x9a\x00\x1f\xff\xfe\x61a\x60"},
		{"more texts than allowed", "\xa1\x01\x9a\x00\x20\x00\x02\x61a\x60"},
		{"indefinite array", "\xa1\x01\x9f\x61a\x60\xff"},
		{"entries are pairs", "\xa1\x01\x81\x82\x61a\x60"},
		{"empty uk", "\xa1\x01\x82\x60\x61a"},
		{"uk is bytes", "\xa1\x01\x82\x41a\x60"},
		{"en is null", "\xa1\x01\x82\x61a\xf6"},
		{"text head not shortest", "\xa1\x01\x82\x78\x01a\x60"},
		{"text cut", "\xa1\x01\x82\x61a\x65abc"},
		{"text over the limit", "\xa1\x01\x82\x79\x04\x01" + strings.Repeat("a", 1025) + "\x60"},
		{"text not UTF-8", "\xa1\x01\x82\x61\xff\x60"},
		{"control character", "\xa1\x01\x82\x61\n\x60"},
		{"head cut", "\xa1\x01\x82\x79\x04"},
		{"reserved head", "\xa1\x01\x82\x7c"},
		{"tag in an unknown kind", "\xa1\x03\xc0\x00"},
		{"float in an unknown kind", "\xa1\x03\xf9\x00\x00"},
		{"depth of an unknown kind", "\xa1\x03\x81\x81\x81\x81\x00"},
		{"unknown kind cut", "\xa1\x03\x82\x00"},
		{"unknown kind: bytes cut", "\xa1\x03\x42\x00"},
		{"unknown kind: count", "\xa1\x03\x9b\x7f\xff\xff\xff\xff\xff\xff\xff"},
		{"unknown kind: map cut", "\xa1\x03\xa1\x00"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tab, err := Decode([]byte(c.data))
			if tab != nil || !errors.Is(err, ErrMalformed) {
				t.Errorf("got %v, %v, want nil, ErrMalformed", tab, err)
			}
		})
	}
	if tab, err := Decode(make([]byte, MaxTable+1)); tab != nil || !errors.Is(err, ErrMalformed) {
		t.Errorf("a table over the limit: %v, %v", tab, err)
	}
}

func TestDecodeSkipsUnknownKinds(t *testing.T) {
	tab, err := Decode([]byte("\xa2\x01\x82\x61a\x60\x03\x82\x61x\xa1\x01\x42\x00\x00"))
	if err != nil {
		t.Fatal(err)
	}
	if tab.Len(Position) != 1 || tab.Len(Unit) != 0 {
		t.Errorf("%d positions, %d units, want 1, 0", tab.Len(Position), tab.Len(Unit))
	}
}

func TestExtendsRefuses(t *testing.T) {
	older := sample(t)
	for _, c := range []struct {
		name, want string
		newer      func(*Table)
	}{
		{"name changed", "position 2", func(n *Table) {
			n.Assign(Position, "слідчий", "investigator")
			n.Assign(Position, "головний слідчий", "")
			n.Assign(Unit, "Відділ", "Office")
		}},
		{"English name added", "position 2", func(n *Table) {
			n.Assign(Position, "слідчий", "investigator")
			n.Assign(Position, "старший слідчий", "senior investigator")
			n.Assign(Unit, "Відділ", "Office")
		}},
		{"swapped", "position 1", func(n *Table) {
			n.Assign(Position, "старший слідчий", "")
			n.Assign(Position, "слідчий", "investigator")
			n.Assign(Unit, "Відділ", "Office")
		}},
		{"last one lost", "1 entries, had 2", func(n *Table) {
			n.Assign(Position, "слідчий", "investigator")
			n.Assign(Unit, "Відділ", "Office")
		}},
		{"kind lost", "unit: 0 entries, had 1", func(n *Table) {
			n.Assign(Position, "слідчий", "investigator")
			n.Assign(Position, "старший слідчий", "")
		}},
		{"empty", "0 entries", func(*Table) {}},
	} {
		t.Run(c.name, func(t *testing.T) {
			newer := NewTable()
			c.newer(newer)
			err := Extends(older, newer)
			if !errors.Is(err, ErrNotExtended) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want ErrNotExtended with %q", err, c.want)
			}
		})
	}
	if err := Extends(older, older); err != nil {
		t.Errorf("a table extends itself: %v", err)
	}
}

func TestPrefixDigestRefuses(t *testing.T) {
	tab := sample(t)
	if _, ok := tab.PrefixDigest(Position, 3); ok {
		t.Error("digest over more entries than there are")
	}
	if _, ok := tab.PrefixDigest(0, 0); ok {
		t.Error("digest of kind 0")
	}
	a, _ := tab.PrefixDigest(Position, 0)
	b, _ := tab.PrefixDigest(Unit, 0)
	if a == b {
		t.Error("digests of two kinds are equal")
	}
}

// model is a table as a plain list; the real one must agree with it whatever is done to it.
func TestAppendOnly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tab := NewTable()
		var model [kinds + 1][]rowText
		name := rapid.StringMatching(`[а-яїієґ' ]{1,6}`)
		english := rapid.StringMatching(`[a-z]{0,2}`)
		type past struct {
			tab    *Table
			n      [kinds + 1]uint32
			digest [kinds + 1][32]byte
		}
		var history []past
		t.Repeat(map[string]func(*rapid.T){
			"assign": func(t *rapid.T) {
				kind := Kind(rapid.IntRange(1, kinds).Draw(t, "kind"))
				row := rowText{name.Draw(t, "uk"), english.Draw(t, "en")}
				code, err := tab.Assign(kind, row.uk, row.en)
				if err != nil {
					t.Fatal(err)
				}
				for i, r := range model[kind] {
					if r == row {
						if code != uint32(i+1) {
							t.Fatalf("text numbered %d got %d", i+1, code)
						}
						return
					}
				}
				model[kind] = append(model[kind], row)
				if int(code) != len(model[kind]) {
					t.Fatalf("new text got %d, want %d", code, len(model[kind]))
				}
			},
			"reload": func(t *rapid.T) {
				got, err := Decode(tab.Encode())
				if err != nil {
					t.Fatal(err)
				}
				p := past{tab: got}
				for k := Kind(1); k <= kinds; k++ {
					p.n[k] = got.Len(k)
					p.digest[k], _ = got.PrefixDigest(k, p.n[k])
				}
				history = append(history, p)
				if tab, err = Decode(tab.Encode()); err != nil {
					t.Fatal(err)
				}
			},
			"": func(t *rapid.T) {
				for k := Kind(1); k <= kinds; k++ {
					entries := tab.Entries(k)
					if len(entries) != len(model[k]) {
						t.Fatalf("%d entries, want %d", len(entries), len(model[k]))
					}
					for i, e := range entries {
						if (rowText{e.UK, e.EN}) != model[k][i] || int(e.Code) != i+1 {
							t.Fatalf("entry %d = %+v, want %+v", i+1, e, model[k][i])
						}
					}
					for _, p := range history {
						if d, ok := tab.PrefixDigest(k, p.n[k]); !ok || d != p.digest[k] {
							t.Fatalf("prefix of %d %s entries changed its digest", p.n[k], k)
						}
					}
				}
				for _, p := range history {
					if err := Extends(p.tab, tab); err != nil {
						t.Fatal(err)
					}
				}
			},
		})
	})
}

// A table with any one earlier entry changed has another digest and is refused by Extends.
func TestChangeIsSeen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 20).Draw(t, "n")
		at := rapid.IntRange(0, n-1).Draw(t, "changed")
		a, b := NewTable(), NewTable()
		for i := range n {
			row := fmt.Sprintf("посада %d", i)
			a.Assign(Position, row, "")
			if i == at {
				row += " (інша)"
			}
			b.Assign(Position, row, "")
		}
		b.Assign(Position, "ще одна", "")
		if err := Extends(a, b); !errors.Is(err, ErrNotExtended) {
			t.Fatalf("got %v", err)
		}
		before, _ := a.PrefixDigest(Position, uint32(n))
		after, _ := b.PrefixDigest(Position, uint32(n))
		if before == after {
			t.Fatal("digest did not change")
		}
	})
}

func FuzzDecodeTable(f *testing.F) {
	f.Add(golden)
	f.Add([]byte{0xa0})
	f.Add([]byte("\xa2\x01\x82\x61a\x60\x03\x82\x61x\xa1\x01\x42\x00\x00"))
	f.Add([]byte("\xa1\x01\x9a\x00\x1f\xff\xfe\x61a\x60"))
	f.Fuzz(func(t *testing.T, data []byte) {
		tab, err := Decode(data)
		if err != nil {
			if tab != nil || !errors.Is(err, ErrMalformed) {
				t.Fatalf("a failed decode returned %v, %v", tab, err)
			}
			return
		}
		again, err := Decode(tab.Encode())
		if err != nil {
			t.Fatal(err)
		}
		for k := Kind(1); k <= kinds; k++ {
			n := tab.Len(k)
			a, _ := tab.PrefixDigest(k, n)
			b, ok := again.PrefixDigest(k, n)
			if !ok || a != b || again.Len(k) != n {
				t.Fatalf("%s: re-encoding changed the entries", k)
			}
		}
	})
}

// The one-pass check agrees with the library on what UTF-8 is.
func TestBadText(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", ""}, {"а", ""}, {"Ґ є ї № — 𝄞 \u00a0", ""}, {"\ufffd", ""}, {"a\x00", "control character"}, {"\x1f", "control character"},
		{"\x7f", "control character"}, {"а\u009b31m", "control character"}, {"\u0080", "control character"}, {"\u061c", "control character"},
		{"а\u202eб", "control character"}, {"\u2028", "control character"}, {"\u200f", "control character"}, {"\u2069", "control character"},
		{"«О’Ґ» №\u200d", ""}, {"\u202f\u2065\u206a", ""}, {"\xd0", "not UTF-8"}, {"\xd0a", "not UTF-8"}, {"\xc0\x80", "not UTF-8"}, {"\xc1\xbf", "not UTF-8"},
		{"\x80", "not UTF-8"}, {"\xe0\x80\x80", "not UTF-8"}, {"\xed\xa0\x80", "not UTF-8"}, {"\xf4\x90\x80\x80", "not UTF-8"}, {"\xff", "not UTF-8"},
	} {
		if got := badText([]byte(c.text)); got != c.want {
			t.Errorf("%q: %q, want %q", c.text, got, c.want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.SliceOfN(rapid.ByteRange(0x20, 0xff), 0, 8).Draw(t, "bytes")
		if got := badText(s); got != "control character" && (got == "") != utf8.Valid(s) {
			t.Fatalf("%x: %q, the library says %v", s, got, utf8.Valid(s))
		}
	})
}

func large(b testing.TB, n int) []byte {
	b.Helper()
	tab := NewTable()
	for i := range n {
		if _, err := tab.Assign(Unit, fmt.Sprintf("Управління взаємодії з органами місцевого самоврядування № %d", i), "Office"); err != nil {
			b.Fatal(err)
		}
	}
	return tab.Encode()
}

func BenchmarkDecode100k(b *testing.B) {
	data := large(b, 100_000)
	b.ReportAllocs()
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := Decode(data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPrefixDigest100k(b *testing.B) {
	tab, err := Decode(large(b, 100_000))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		tab.PrefixDigest(Unit, 100_000)
	}
}

func BenchmarkLookup(b *testing.B) {
	tab, err := Decode(large(b, 100_000))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := tab.Lookup(Unit, 70_000); !ok {
			b.Fatal("not found")
		}
	}
}

// The dump in the specification is the golden encoding.
func TestSpecDump(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "docs", "spec", "codes.md"))
	if err != nil {
		t.Fatal(err)
	}
	var dump []byte
	for line := range strings.Lines(string(page)) {
		hexPart, _, found := strings.Cut(line, ";")
		if !found || !strings.HasPrefix(line, "    ") {
			continue
		}
		part, err := hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(hexPart), " ", ""))
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		dump = append(dump, part...)
	}
	if !bytes.Equal(dump, golden) {
		t.Errorf("the page has %x, want %x", dump, golden)
	}
}
