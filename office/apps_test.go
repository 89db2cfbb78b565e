package office

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// OAC-20: every spelling of a password is read as one, and nothing else is.
func TestNormalAppPassword(t *testing.T) {
	secret := randomChars(appPasswordChars)
	for _, typed := range []string{secret, strings.ToLower(secret), secret[:4] + "-" + secret[4:], " " + secret + "\t", strings.NewReplacer("0", "o", "1", "I").Replace(secret), strings.ReplaceAll(secret, "1", "l")} {
		if got := NormalAppPassword(typed); got != secret {
			t.Errorf("a spelling of %d bytes is read as another password", len(typed))
		}
	}
	seen := map[string]bool{}
	for range 1000 {
		s := randomChars(appPasswordChars)
		if len(s) != 20 || seen[s] || strings.ContainsAny(s, "ILOU") {
			t.Fatalf("password of %d characters, or one that was there before", len(s))
		}
		seen[s] = true
	}
}

func FuzzAppPassword(f *testing.F) {
	for _, s := range []string{"7K3M-0QZW-8A5T-XN2D-K3QM", "7k3m oqzw 8a5t xn2d k3qm", "\xff\xfe", "ІІІІ", strings.Repeat("A", 300)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := NormalAppPassword(s)
		if NormalAppPassword(got) != got && utf8.ValidString(s) {
			t.Errorf("%q: %q changes when it is read again", s, got)
		}
		if strings.ContainsAny(got, " -oilOIL") {
			t.Errorf("%q: %q", s, got)
		}
	})
}
