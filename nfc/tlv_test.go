package nfc

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestTLV(t *testing.T) {
	for _, n := range []int{0, 1, 0x7F, 0x80, 0xFF, 0x100, 0xFFF0, MaxObject - 5} {
		for _, tag := range []Tag{0x53, 0x5F2F, 0x7F49, 0x5FC102} {
			if sizeTLV(tag, n) > MaxObject {
				continue
			}
			encoded := AppendTLV(nil, tag, make([]byte, n))
			if len(encoded) != sizeTLV(tag, n) {
				t.Errorf("tag %s of %d bytes: %d bytes, computed %d", tag, n, len(encoded), sizeTLV(tag, n))
			}
			got, rest, err := ReadTLV(encoded, TLVOptions{Minimal: true})
			if err != nil || got.Tag != tag || len(got.Value) != n || len(rest) != 0 {
				t.Errorf("tag %s of %d bytes: %v", tag, n, err)
			}
		}
	}
	if _, err := ParseOne(AppendTLV(nil, 0x53, make([]byte, MaxObject)), 0x53, TLVOptions{}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("object over the limit: %v", err)
	}
	if Tag(0x53).Constructed() || !Tag(0x7F49).Constructed() || !Tag(0x61).Constructed() || Tag(0x5FC102).Constructed() {
		t.Error("bit 6 of the first byte is misread")
	}
}

func TestTLVRefuses(t *testing.T) {
	for name, s := range map[string]string{
		"nothing":                      "",
		"tag only":                     "53",
		"padding":                      "00",
		"padding before an object":     "005301AA",
		"padding FF":                   "FF00",
		"long tag cut":                 "5F",
		"long tag cut after two":       "5FC1",
		"tag of four bytes":            "5FC1810200",
		"long tag of a short number":   "5F1E00",
		"long tag with leading zeros":  "5F800200",
		"indefinite length":            "5380AA0000",
		"length of four bytes":         "538400000001AA",
		"reserved length byte":         "53FF",
		"length cut":                   "5381",
		"length of two bytes cut":      "538201",
		"value cut":                    "5302AA",
		"value missing":                "5301",
		"length beyond all memory":     "5383FFFFFFAA",
		"second object cut":            "5301AA5302AA",
		"padding after an object":      "5301AA00",
		"padding FF after an object":   "5301AAFF",
		"second object without length": "5301AA53",
	} {
		data := unhex(t, s)
		if _, err := ParseTLV(data, TLVOptions{}); len(data) > 0 && !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: ParseTLV %v", name, err)
		}
		if _, err := ParseOne(data, 0x53, TLVOptions{}); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: ParseOne %v", name, err)
		}
	}
	for name, s := range map[string]string{"another tag": "5401AA", "a second object": "5301AA5400"} {
		if _, err := ParseOne(unhex(t, s), 0x53, TLVOptions{}); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Lengths that are not the shortest are read, and refused where DER is asked for.
	for _, s := range []string{"53810101", "53820001AA", "5382007F" + strings.Repeat("AA", 127), "53810000"[:6], "5383000080" + strings.Repeat("AA", 128)} {
		data := unhex(t, s)
		if _, err := ParseOne(data, 0x53, TLVOptions{}); err != nil {
			t.Errorf("%.10s…: %v", s, err)
		}
		if _, err := ParseOne(data, 0x53, TLVOptions{Minimal: true}); !errors.Is(err, ErrMalformed) {
			t.Errorf("%.10s…: shortest form not asked for: %v", s, err)
		}
	}
}

func TestTLVLimits(t *testing.T) {
	deep := func(levels int) []byte {
		data := AppendTLV(nil, 0x80, []byte{1})
		for range levels - 1 {
			data = AppendTLV(nil, 0x61, data)
		}
		return data
	}
	if _, err := ParseTree(deep(MaxDepth), TLVOptions{}); err != nil {
		t.Errorf("%d levels: %v", MaxDepth, err)
	}
	if _, err := ParseTree(deep(MaxDepth+1), TLVOptions{}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("%d levels: %v", MaxDepth+1, err)
	}
	many := bytes.Repeat([]byte{0x80, 0x00}, MaxItems)
	if list, err := ParseTLV(many, TLVOptions{}); err != nil || len(list) != MaxItems {
		t.Errorf("%d objects: %v", MaxItems, err)
	}
	for name, data := range map[string][]byte{
		"one object too many":           append(many, 0x80, 0x00),
		"one too many over two levels":  append(AppendTLV(nil, 0x61, many[2:]), 0x80, 0x00),
		"bytes beyond the object limit": make([]byte, MaxObject+1),
	} {
		if _, err := ParseTree(data, TLVOptions{}); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ParseTLV(make([]byte, 11), TLVOptions{MaxBytes: 10}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("MaxBytes: %v", err)
	}
	if _, err := ParseTLV(make([]byte, MaxObject+1), TLVOptions{MaxBytes: 1 << 30}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("MaxBytes must not raise the limit: %v", err)
	}
}

func FuzzParseTLV(f *testing.F) {
	for _, s := range []string{
		"", "5300", "61114F06001000010079074F05A000000308", "7E124F0BA0000003080000100001005F2F024000", "7F490386010400",
		"53810101", "5380AA0000", "5FC1810200", "30053003020101",
	} {
		f.Add(unhex(f, s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		strict, err := ParseTLV(data, TLVOptions{Minimal: true})
		loose, errLoose := ParseTLV(data, TLVOptions{})
		if err != nil && strict != nil || errLoose != nil && loose != nil {
			t.Fatal("a failed parse returned objects")
		}
		if err == nil {
			if errLoose != nil || len(loose) != len(strict) {
				t.Fatalf("strict accepts %X, loose gives %v", data, errLoose)
			}
			var again []byte
			for _, o := range strict {
				again = AppendTLV(again, o.Tag, o.Value)
			}
			if !bytes.Equal(again, data) {
				t.Fatalf("%X encodes to %X", data, again)
			}
		}
		tree, err := ParseTree(data, TLVOptions{})
		if err != nil && tree != nil {
			t.Fatal("a failed parse returned a tree")
		}
		if err == nil && len(tree) != len(loose) {
			t.Fatalf("tree of %d objects, list of %d", len(tree), len(loose))
		}
		var walk func(list []Node, depth int)
		walk = func(list []Node, depth int) {
			if depth > MaxDepth {
				t.Fatal("deeper than the limit")
			}
			for _, n := range list {
				walk(n.Children, depth+1)
			}
		}
		walk(tree, 0)
	})
}
