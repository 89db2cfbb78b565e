package qr

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestEncodeLink(t *testing.T) {
	for _, link := range []string{
		"https://id.example.gov.ua/documents/official-certificate/00112233445566778899aabbccddeeff/verify/0f6d2a4c-9b1e-4d3a-8c57-2e1f0a9b8c7d",
		"https://id.example.gov.ua/wallet/#slip=00032684.412.7K3M0QZW8A5TXN2D." + strings.Repeat("K3QM", 13),
		"a", strings.Repeat("x~", MaxLink/2),
	} {
		s, err := EncodeLink(link)
		if err != nil {
			t.Fatalf("link of %d characters: %v", len(link), err)
		}
		var drawn bytes.Buffer
		if err := s.PNG(&drawn, PNGOptions{}); err != nil {
			t.Fatal(err)
		}
		found, err := ReadImage(drawn.Bytes(), ReadOptions{CleanOnly: true})
		if err != nil || len(found) != 1 || found[0].Text != link {
			t.Errorf("link of %d characters reads back as %d codes, %v", len(link), len(found), err)
		}
		if s.Version > 20 {
			t.Errorf("link of %d characters is version %d, want at most 20", len(link), s.Version)
		}
	}
}

func TestEncodeLinkRefuses(t *testing.T) {
	for link, want := range map[string]error{
		"": ErrEmpty, strings.Repeat("x", MaxLink+1): ErrTooLong, "https://приклад.укр/": ErrNotVisible, "a b": ErrNotVisible, "a\n": ErrNotVisible, "a\x00": ErrNotVisible, "a\x7f": ErrNotVisible,
	} {
		if s, err := EncodeLink(link); !errors.Is(err, want) || s != nil {
			t.Errorf("%d characters: %v, want %v", len(link), err, want)
		}
	}
}
