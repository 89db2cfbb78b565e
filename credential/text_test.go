package credential

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// vectors returns a file of the standards' own test vectors.
func vectors(t testing.TB, name ...string) []byte {
	t.Helper()
	dir := os.Getenv("POSVID_VECTORS")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "vectors")
	}
	data, err := os.ReadFile(filepath.Join(append([]string{dir}, name...)...))
	if errors.Is(err, os.ErrNotExist) {
		t.Skipf("POSVID_VECTORS: %s is not there", filepath.Join(name...))
	}
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// The vectors of RFC 9285, Sections 4.3 and 4.4.
func TestBase45Vectors(t *testing.T) {
	var file struct {
		Encode, Decode []struct{ ASCII, B45, Hex string }
		Reject         []string
	}
	if err := json.Unmarshal(vectors(t, "base45", "rfc9285.json"), &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Encode) == 0 || len(file.Decode) == 0 || len(file.Reject) == 0 {
		t.Fatal("the file has no vectors")
	}
	for _, v := range append(file.Encode, file.Decode...) {
		want := []byte(v.ASCII)
		if v.Hex != "" {
			want, _ = hex.DecodeString(v.Hex)
		}
		if got := EncodeText("", want); got != v.B45 {
			t.Errorf("%x encodes to %q, want %q", want, got, v.B45)
		}
		if got, err := decodeBase45(v.B45, 0); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%q decodes to %x, %v, want %x", v.B45, got, err, want)
		}
	}
	for _, s := range file.Reject {
		if got, err := decodeBase45(s, 0); got != nil || !errors.Is(err, ErrText) {
			t.Errorf("%q decodes to %x, %v, want ErrText", s, got, err)
		}
	}
}

func TestDecodeTextRefuses(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       error
		contains   string
	}{
		{"empty", "", ErrNotServiceID, "0 characters"},
		{"url", "HTTPS://EXAMPLE.ORG/", ErrNotServiceID, ""},
		{"covid certificate", "HC1:6BF", ErrNotServiceID, ""},
		{"prefix lower case", "sid1:BB8", ErrNotServiceID, ""},
		{"prefix of another version", "SID2:BB8", ErrNotServiceID, ""},
		{"prefix without colon", "SID1BB8", ErrNotServiceID, ""},
		{"prefix cut", "SID1", ErrNotServiceID, ""},
		{"space before", " SID1:BB8", ErrNotServiceID, ""},
		{"byte order mark", "\ufeffSID1:BB8", ErrNotServiceID, ""},
		{"nothing behind", "SID1:", ErrText, "nothing behind SID1:"},
		{"challenge: nothing behind", "SIDQ1:", ErrText, "nothing behind SIDQ1:"},
		{"one character", "SID1:A", ErrText, "unfinished group"},
		{"four characters", "SID1:BB8A", ErrText, "unfinished group"},
		{"lower case", "SID1:bb8", ErrText, "character 5 is 0x62"},
		{"lower case last", "SID1:BB8BBa", ErrText, "character 10 is 0x61"},
		{"lower case in the tail", "SID1:BB8Bb", ErrText, "character 9 is 0x62"},
		{"newline at the end", "SID1:BB8BB\n", ErrText, "character 10 is 0x0a"},
		{"carriage return", "SID1:BB\rBB8", ErrText, "character 7 is 0x0d"},
		{"tab", "SID1:B\t8", ErrText, "character 6 is 0x09"},
		{"equals sign", "SID1:BB=", ErrText, "character 7 is 0x3d"},
		{"comma", "SID1:,B8", ErrText, "character 5 is 0x2c"},
		{"NUL", "SID1:B\x008", ErrText, "character 6 is 0x00"},
		{"high byte", "SID1:BB\xff", ErrText, "character 7 is 0xff"},
		{"Cyrillic letter", "SID1:В8", ErrText, "character 5 is 0xd0"},
		{"group of 65536", "SID1:GGW", ErrText, "stands for 65536, want at most 65535"},
		{"largest group", "SID1::::", ErrText, "stands for 91124"},
		{"group of 65536 at the end", "SID1:BB8GGW", ErrText, "character 8"},
		{"tail of 256", "SID1:V5", ErrText, "stands for 256, want at most 255"},
		{"largest tail", "SID1:::", ErrText, "stands for 2024"},
		{"one over the limit", "SID1:" + strings.Repeat("0", MaxText-4), ErrTooLarge, "4297 characters"},
		{"far over the limit", "SID1:" + strings.Repeat("0", 1<<20), ErrTooLarge, "want at most 4296"},
	} {
		t.Run(c.name, func(t *testing.T) {
			prefix, data, err := DecodeText(c.text)
			if prefix != "" || data != nil || !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.contains) {
				t.Errorf("got %q, %x, %v, want %v with %q", prefix, data, err, c.want, c.contains)
			}
		})
	}
}

func TestDecodeText(t *testing.T) {
	for _, c := range []struct {
		text, prefix string
		want         []byte
	}{
		{"SID1:00", Prefix, []byte{0}},
		{"SID1:U5", Prefix, []byte{255}},
		{"SID1:000", Prefix, []byte{0, 0}},
		{"SID1:FGW", Prefix, []byte{255, 255}},
		{"SID1:BB8", Prefix, []byte("AB")},
		{"SIDQ1:%69 VD92EX0", ChallengePrefix, []byte("Hello!!")},
		{"SID1:" + strings.Repeat("0", 4290), Prefix, make([]byte, MaxPresentation)},
	} {
		prefix, data, err := DecodeText(c.text)
		if err != nil || prefix != c.prefix || !bytes.Equal(data, c.want) {
			t.Errorf("%.20q: %q, %.20x, %v", c.text, prefix, data, err)
		}
		if got := EncodeText(c.prefix, c.want); got != c.text {
			t.Errorf("%.20x: %.20q, want %.20q", c.want, got, c.text)
		}
	}
}

func TestTextRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := rapid.SliceOfN(rapid.Byte(), 1, 1000).Draw(t, "data")
		prefix := rapid.SampledFrom([]string{Prefix, ChallengePrefix}).Draw(t, "prefix")
		gotPrefix, got, err := DecodeText(EncodeText(prefix, data))
		if err != nil || gotPrefix != prefix || !bytes.Equal(got, data) {
			t.Fatalf("got %q, %x, %v", gotPrefix, got, err)
		}
	})
}

// Exactly one text stands for each byte string: every short text that decodes is what encoding gives back.
func TestTextIsUnique(t *testing.T) {
	accepted := 0
	for a := range 256 {
		for b := range 256 {
			text := Prefix + string([]byte{byte(a), byte(b)})
			if _, data, err := DecodeText(text); err == nil {
				accepted++
				if EncodeText(Prefix, data) != text {
					t.Fatalf("%q is another text for %x", text, data)
				}
			}
		}
	}
	if accepted != 256 {
		t.Errorf("%d texts of two characters are accepted, want 256", accepted)
	}
	accepted = 0
	for a := range len(alphabet) {
		for b := range len(alphabet) {
			for c := range len(alphabet) {
				text := Prefix + string([]byte{alphabet[a], alphabet[b], alphabet[c]})
				if _, data, err := DecodeText(text); err == nil {
					accepted++
					if EncodeText(Prefix, data) != text {
						t.Fatalf("%q is another text for %x", text, data)
					}
				}
			}
		}
	}
	if accepted != 65536 {
		t.Errorf("%d texts of three characters are accepted, want 65536", accepted)
	}
}
